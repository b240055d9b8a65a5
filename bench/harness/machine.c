/* What the figures were taken on. */
#include "internal.h"

#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#if defined(__linux__)
#include <sched.h>
#endif

/* The build passes the compiler's flags. */
#ifndef BENCH_FLAGS
#define BENCH_FLAGS "unknown"
#endif

/* "model name : AMD EPYC" in /proc/cpuinfo, or "unknown". */
static void note_processor(void) {
  char line[256];
  const char *name = "unknown";
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) == 0 && colon != NULL && colon[1] == ' ') {
      line[strcspn(line, "\n")] = '\0';
      name = colon + 2;
      break;
    }
  }
  bench_note("cpu: %s", name);
  if (file != NULL) {
    fclose(file);
  }
}

static void pin(void) {
#if defined(__linux__)
  cpu_set_t chosen;
  int cpu = sched_getcpu();
  CPU_ZERO(&chosen);
  if (cpu >= 0) {
    CPU_SET((size_t)cpu, &chosen);
  }
  if (cpu < 0 || sched_setaffinity(0, sizeof chosen, &chosen) != 0) {
    bench_note("pinned: no (%s)", strerror(errno));
  } else {
    bench_note("pinned: to processor %d", cpu);
  }
#else
  bench_note("pinned: no (this system does not offer it)");
#endif
}

void bench_describe_machine(void) {
  note_processor();
#if defined(__clang__)
  bench_note("compiler: clang %s", __clang_version__);
#else
  bench_note("compiler: gcc %s", __VERSION__);
#endif
  bench_note("flags: %s", BENCH_FLAGS);
  bench_note("holdfast: %s, memory from %s", hf_version(), hf_allocator_default_name());
  bench_note("simd: %s", hf__path_name(hf__path_best()));
  pin();
}
