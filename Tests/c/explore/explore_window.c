/*
 * Whether a window of calls that takes several words is counted as it was at some
 * moment, while calls are put into it; in some order of the steps, and in weak
 * memory. Its words hold one call each here, not 22.
 *
 *     explore_window
 */
#include "breaker_window.h"
#include "explorer.h"

#include <stdio.h>
#include <string.h>

enum { CALLS = 3 };

typedef struct window_case {
  const char *name;
  hf__call before[CALLS];
  /* One thread's calls; the other one counts. */
  hf__call calls[CALLS];
  bool weak;
  /* What may not be counted. */
  bool (*wrong)(const hf__window_counts *counted);
} window_case;

static struct {
  hf__window window;
  atomic_uint_least64_t words[CALLS];
  hf__window_counts counted;
} shared;

static const window_case *running;

/* The first failure has gone before the second one comes. */
static bool two_failed(const hf__window_counts *counted) {
  return counted->failures > 1 || counted->calls != CALLS;
}

static bool two_slow(const hf__window_counts *counted) {
  return counted->slow > 1 || counted->calls != CALLS;
}

/* The failure comes before the success. */
static bool success_alone(const hf__window_counts *counted) {
  return counted->calls > 0 && counted->failures == 0;
}

#define NONE HF__CALL_NONE
#define FAILED HF__CALL_FAILED
#define SLOW HF__CALL_SLOW
#define SUCCEEDED HF__CALL_SUCCEEDED

static const window_case CASES[] = {
    {"a failure goes, another comes",
     {FAILED, SUCCEEDED, SUCCEEDED},
     {SUCCEEDED, FAILED},
     false,
     two_failed},
    {"in weak memory, a failure goes, another comes",
     {FAILED, SUCCEEDED, SUCCEEDED},
     {SUCCEEDED, FAILED},
     true,
     two_failed},
    {"in weak memory, a failure goes later, another comes",
     {SUCCEEDED, FAILED, SUCCEEDED},
     {SUCCEEDED, SUCCEEDED, FAILED},
     true,
     two_failed},
    {"in weak memory, a slow call goes, another comes",
     {SLOW, FAILED, SUCCEEDED},
     {SUCCEEDED, SLOW},
     true,
     two_slow},
    {"in weak memory, an empty window", {NONE}, {FAILED, SUCCEEDED}, true, success_alone},
};

static size_t world_bytes(void) {
  return sizeof shared;
}

static void begin(size_t thread, size_t operation) {
  (void)thread;
  (void)operation;
}

static void run(size_t thread, size_t operation) {
  if (thread == 0) {
    hf__window_record(&shared.window, 1, 0, running->calls[operation]);
  } else {
    shared.counted = hf__window_recount(&shared.window, 1);
  }
}

static void done(void) {
  if (running->wrong(&shared.counted)) {
    explorer_violation("%u calls are counted, %u failed, %u slow", shared.counted.calls,
                       shared.counted.failures, shared.counted.slow);
  }
}

static const char *operation_name(size_t thread, size_t operation) {
  (void)operation;
  return thread == 0 ? "record" : "count";
}

static bool is_violated(const window_case *of) {
  static explorer_result result;
  running = of;
  memset(&shared, 0, sizeof shared);
  hf_breaker_options options = {.window = HF_BREAKER_WINDOW_CALLS, .window_calls = CALLS};
  hf__window_init(&shared.window, &options, shared.words);
  for (size_t i = 0; i < CALLS && of->before[i] != NONE; i++) {
    hf__window_record(&shared.window, 1, 0, of->before[i]);
  }
  explorer_program program = {.threads = 2,
                              .operations = {0, 1},
                              .world = &shared,
                              .world_bytes = world_bytes,
                              .begin = begin,
                              .run = run,
                              .finished = begin,
                              .done = done,
                              .weak = of->weak,
                              .operation_name = operation_name};
  while (program.operations[0] < CALLS && of->calls[program.operations[0]] != NONE) {
    program.operations[0]++;
  }
  explorer_explore(&program, &result);
  printf("%-56s %10.0f interleavings %6zu states%s%s\n", of->name, result.interleavings,
         result.states, result.violated ? ", violated: " : "", result.report);
  return result.violated;
}

static unsigned count_violated(void) {
  unsigned violated = 0;
  for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
    violated += is_violated(&CASES[i]);
  }
  return violated;
}

#ifdef HF_MUTANT

/* Why the fault could not be put in; empty: it is there. */
const char *mutant_stale(void);

int main(void) {
  if (mutant_stale()[0] != '\0') {
    printf("mutant %s: its place %s; see mutants.cmake\n", HF_MUTANT, mutant_stale());
    return 1;
  }
  bool found = count_violated() > 0;
  printf("mutant %sfound: %s\n", found ? "" : "not ", HF_MUTANT);
  return !found;
}

#else

int main(void) {
  return count_violated() > 0;
}

#endif
