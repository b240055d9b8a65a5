#include "harness.h"

#include <holdfast/base.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPETITIONS = 41 };

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* "AMD EPYC" from /proc/cpuinfo, or "unknown". */
static void print_processor(void) {
  char line[256];
  FILE *file = fopen("/proc/cpuinfo", "r");
  const char *name = "unknown";
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
      line[strcspn(line, "\n")] = '\0';
      name = colon + 2;
      break;
    }
  }
  printf("cpu: %s\n", name);
  if (file != NULL) {
    fclose(file);
  }
}

void bench_begin(void) {
  print_processor();
#if defined(__clang__)
  printf("compiler: clang %s\n", __clang_version__);
#else
  printf("compiler: gcc %s\n", __VERSION__);
#endif
  printf("holdfast: %s, memory from %s\n\n", hf_version(), hf_allocator_default_name());
  printf("%-32s %9s %9s %9s   %-22s %9s %7s\n", "row (ns per operation)", "median", "min", "max",
         "reference", "median", "ratio");
}

int bench_measure(const bench_row *row) {
  double times[REPETITIONS];
  double reference_times[REPETITIONS];
  uint64_t result = row->run(row->data, row->operations);
  if (row->run_reference != NULL) {
    uint64_t expected = row->run_reference(row->data, row->operations);
    if (result != expected) {
      fprintf(stderr, "%s: result %" PRIu64 ", but the reference gives %" PRIu64 "\n", row->name,
              result, expected);
      return 1;
    }
  }
  for (int i = 0; i < REPETITIONS; i++) {
    double start = now_ns();
    uint64_t again = row->run(row->data, row->operations);
    double middle = now_ns();
    if (row->run_reference != NULL) {
      again += row->run_reference(row->data, row->operations) - result;
    }
    double end = now_ns();
    if (again != result) {
      fprintf(stderr, "%s: a later repetition gives another result\n", row->name);
      return 1;
    }
    times[i] = (middle - start) / (double)row->operations;
    reference_times[i] = (end - middle) / (double)row->operations;
  }
  qsort(times, REPETITIONS, sizeof *times, compare_doubles);
  qsort(reference_times, REPETITIONS, sizeof *reference_times, compare_doubles);
  double median = times[REPETITIONS / 2];
  printf("%-32s %9.2f %9.2f %9.2f", row->name, median, times[0], times[REPETITIONS - 1]);
  if (row->run_reference != NULL) {
    double reference = reference_times[REPETITIONS / 2];
    printf("   %-22s %9.2f %6.2fx", row->reference, reference, median / reference);
  }
  printf("\n");
  return 0;
}
