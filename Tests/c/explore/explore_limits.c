/*
 * Explores threads that use one token bucket, or one retry budget, scenario by scenario: what they
 * are told, and what is left, must be as if one operation had come after the other. With HF_MUTANT
 * defined, as the name of a fault that was put in (mutants.cmake), the test passes when the fault
 * is found.
 *
 *     explore_limits
 */
#include "explorer.h"

#include <holdfast/retry_budget.h>
#include <holdfast/token_bucket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

enum { OPERATIONS = 4 /* of a thread */, THREADS = 3, MEMORY_BYTES = 512 };

typedef enum operation_kind {
  NOTHING,
  TAKE,      /* tokens, or a retry */
  RESERVE,   /* tokens, for up to three seconds' wait */
  GIVE_BACK, /* tokens */
  SUCCEED,
  RESET /* tokens */
} operation_kind;

static const char *const KIND_NAMES[] = {"nothing",   "take",    "reserve",
                                         "give back", "succeed", "reset"};

typedef struct planned_operation {
  operation_kind kind;
  unsigned count; /* of tokens */
  unsigned s;     /* the present */
} planned_operation;

typedef struct scenario {
  const char *name;
  bool is_budget;
  planned_operation threads[THREADS][OPERATIONS];
} scenario;

/* A bucket gets a token a second and holds two, both there at first. A budget gets a retry of two
 * successes and saves up to two, one at first; its floor is one a second. */
static const scenario SCENARIOS[] = {
    {"two take a token a second",
     false,
     {{{TAKE, 1, 1}, {TAKE, 1, 2}, {TAKE, 1, 2}}, {{TAKE, 1, 1}, {TAKE, 1, 2}, {TAKE, 1, 2}}}},
    {"three take, and some at once",
     false,
     {{{TAKE, 2, 2}, {TAKE, 1, 3}}, {{TAKE, 1, 2}, {TAKE, 1, 3}}, {{TAKE, 1, 1}, {TAKE, 2, 4}}}},
    {"clocks that do not agree",
     false,
     {{{TAKE, 1, 1}, {TAKE, 1, 3}}, {{TAKE, 1, 2}, {TAKE, 1, 2}}, {{TAKE, 1, 9}}}},
    {"reservations",
     false,
     {{{RESERVE, 1, 0}, {RESERVE, 1, 1}}, {{RESERVE, 2, 0}, {TAKE, 1, 1}}, {{RESERVE, 1, 0}}}},
    {"given back while others take",
     false,
     {{{GIVE_BACK, 1, 0}, {GIVE_BACK, 1, 0}}, {{TAKE, 1, 0}, {TAKE, 1, 0}}, {{TAKE, 2, 1}}}},
    {"a reservation given back while others reserve",
     false,
     {{{RESERVE, 1, 0}, {GIVE_BACK, 1, 0}}, {{RESERVE, 1, 0}, {RESERVE, 1, 0}}}},
    {"made full while others take",
     false,
     {{{RESET, 0, 0}}, {{TAKE, 1, 0}, {TAKE, 1, 0}}, {{TAKE, 1, 0}, {GIVE_BACK, 1, 0}}}},
    {"successes pay while others retry",
     true,
     {{{SUCCEED, 0, 0}, {SUCCEED, 0, 0}}, {{TAKE, 0, 0}, {TAKE, 0, 0}, {TAKE, 0, 0}}}},
    {"two succeed and retry",
     true,
     {{{SUCCEED, 0, 0}, {TAKE, 0, 0}, {SUCCEED, 0, 0}},
      {{SUCCEED, 0, 0}, {TAKE, 0, 0}, {TAKE, 0, 0}}}},
    {"as much is saved as may be",
     true,
     {{{SUCCEED, 0, 0}, {SUCCEED, 0, 0}, {SUCCEED, 0, 0}},
      {{SUCCEED, 0, 0}, {TAKE, 0, 0}, {TAKE, 0, 0}}}},
    {"three retry, also of the floor",
     true,
     {{{TAKE, 0, 0}, {TAKE, 0, 1}}, {{TAKE, 0, 0}, {TAKE, 0, 1}}, {{TAKE, 0, 0}}}},
};

/* All that is shared, and what each was told: a wait in seconds and whether it was taken. */
static struct {
  _Alignas(64) unsigned char memory[MEMORY_BYTES];
  uint64_t told[THREADS][OPERATIONS];
} world;

static const scenario *running;
static hf_token_bucket *bucket;
static hf_retry_budget *budget;

static void *place(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  (void)alignment_bytes;
  return size_bytes <= MEMORY_BYTES ? world.memory : NULL;
}

static void take_nothing_back(void *context, void *memory, size_t size_bytes,
                              size_t alignment_bytes) {
  (void)context;
  (void)memory;
  (void)size_bytes;
  (void)alignment_bytes;
}

static void set_up(void) {
  memset(&world, 0, sizeof world);
  hf_allocator allocator = {place, take_nothing_back, NULL};
  hf_token_bucket_options tokens = {.tokens = 1, .period_ns = NS_PER_S, .burst = 2};
  hf_retry_budget_options retries = {
      .success_percent = 50, .floor_per_second = 1, .most_saved = 2, .reserve = 1};
  bool made = running->is_budget
                  ? hf_retry_budget_create(&retries, 0, &allocator, &budget, NULL) == HF_OK
                  : hf_token_bucket_create(&tokens, 0, &allocator, &bucket, NULL) == HF_OK;
  if (!made) {
    fprintf(stderr, "%s: it cannot be made\n", running->name);
    exit(1);
  }
}

static size_t world_bytes(void) {
  return sizeof world;
}

static void begin(size_t thread, size_t operation) {
  (void)thread;
  (void)operation;
}

static void run(size_t thread, size_t operation) {
  const planned_operation *planned = &running->threads[thread][operation];
  uint64_t now_ns = planned->s * NS_PER_S;
  uint64_t wait_ns = 0;
  bool taken = true;
  if (running->is_budget) {
    switch (planned->kind) {
    case TAKE:
      taken = hf_retry_budget_take(budget, now_ns);
      break;
    default:
      hf_retry_budget_add(budget);
      break;
    }
  } else {
    switch (planned->kind) {
    case TAKE:
      taken = hf_token_bucket_take(bucket, planned->count, now_ns, &wait_ns);
      break;
    case RESERVE:
      taken = hf_token_bucket_reserve(bucket, planned->count, now_ns, 3 * NS_PER_S, &wait_ns);
      break;
    case GIVE_BACK:
      hf_token_bucket_give_back(bucket, planned->count);
      break;
    default:
      hf_token_bucket_reset(bucket, now_ns);
      break;
    }
  }
  world.told[thread][operation] = wait_ns / NS_PER_S << 1 | taken;
}

static void done(void) {
}

/* What was told, and what is left at several times, as a number. */
static uint64_t outcome(void) {
  uint64_t sum = 0;
  for (size_t thread = 0; thread < THREADS; thread++) {
    for (size_t i = 0; i < OPERATIONS; i++) {
      sum = sum * UINT64_C(1000003) + world.told[thread][i];
    }
  }
  for (uint64_t s = 0; s < 16; s++) {
    uint64_t left = running->is_budget ? hf_retry_budget_available(budget, s * NS_PER_S)
                                       : hf_token_bucket_available(bucket, s * NS_PER_S);
    sum = sum * UINT64_C(1000003) + left;
  }
  return sum;
}

static const char *operation_name(size_t thread, size_t operation) {
  return KIND_NAMES[running->threads[thread][operation].kind];
}

static bool is_violated(const scenario *of) {
  static explorer_result result;
  running = of;
  set_up();
  explorer_program program = {.threads = THREADS,
                              .world = &world,
                              .world_bytes = world_bytes,
                              .begin = begin,
                              .run = run,
                              .finished = begin,
                              .done = done,
                              .outcome = outcome,
                              .operation_name = operation_name};
  for (size_t thread = 0; thread < THREADS; thread++) {
    size_t *count = &program.operations[thread];
    while (*count < OPERATIONS && of->threads[thread][*count].kind != NOTHING) {
      ++*count;
    }
  }
  explorer_explore(&program, &result);
  printf("%-48s %10.0f interleavings %6zu states %4zu outcomes%s%s\n", of->name,
         result.interleavings, result.states, result.outcomes,
         result.violated ? ", violated: " : "", result.report);
  return result.violated;
}

static unsigned count_violated(void) {
  unsigned violated = 0;
  for (size_t i = 0; i < sizeof SCENARIOS / sizeof SCENARIOS[0]; i++) {
    violated += is_violated(&SCENARIOS[i]);
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
