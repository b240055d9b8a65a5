/* The C harness. The rows are in the other files, which register them. */
#include "bench_harness.h"

int main(int argc, char **argv) {
  return bench_main(argc, (const char *const *)argv);
}
