#include "bench_redis.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

void bench_print_lines(void) {
  (void)setvbuf(stdout, NULL, _IOLBF, 0);
}

uint64_t bench_processor_ns(void) {
  struct timespec time = {0};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t nanoseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

uint64_t bench_children_processor_ns(void) {
  struct rusage usage = {0};
  getrusage(RUSAGE_CHILDREN, &usage);
  return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

size_t bench_private_bytes(void) {
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  if (file == NULL) {
    return 0;
  }
  size_t total = 0;
  char line[256];
  while (fgets(line, sizeof line, file) != NULL) {
    size_t kib = 0;
    if (sscanf(line, "Private_Clean: %zu kB", &kib) == 1 ||
        sscanf(line, "Private_Dirty: %zu kB", &kib) == 1) {
      total += kib * 1024;
    }
  }
  fclose(file);
  return total;
}
