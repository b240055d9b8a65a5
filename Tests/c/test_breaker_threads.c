/*
 * One breaker, many threads. What it promises to all of them together is checked when they have
 * come to rest, from what each of them was told; what is wrong between them the thread sanitizer
 * sees. cmocka's assertions belong to the thread that runs the test, so the others note what went
 * wrong.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "breaker_counters.h"
#include "breaker_word.h"
#include "hf_test.h"

#define NS_PER_MS UINT64_C(1000000)
#define GENERATIONS ((size_t)HF__GENERATION_MASK + 1)

enum {
  THREADS = 8,
  PERMITS = 6,
  OPERATIONS = TEST_HAS_SANITIZER ? 15000 : 40000,
  ROUNDS = TEST_HAS_SANITIZER ? 2000 : 20000,
  CALLS_IN_ROUND = 24,
  LONGER_LEASE_MS = 100,
};

/* What is shared ------------------------------------------------------------- */

/* What was told of one generation. */
typedef struct told_generation {
  atomic_uint times; /* how often it was reported */
  atomic_int cause;
  atomic_int from;
  atomic_int to;
  atomic_uint_least64_t made_ns; /* the time that its maker gave, since the breaker was made */
  atomic_uint_least64_t open_ms;
  atomic_int probes_out; /* held by the test's threads */
  /* When, likewise, the last of its probes passed that was not settled in time; 0: none. */
  atomic_uint_least64_t left_ns;
} told_generation;

typedef struct arena {
  hf_breaker *breaker;
  hf_breaker_options options;
  /* What use_any_way() does besides. */
  bool clock_goes_back;
  bool configures_and_resets;
  uint64_t epoch_ns; /* when the breaker was made */
  uint32_t first_generation;
  atomic_uint_least64_t clock_ns;
  told_generation *told; /* GENERATIONS */
  _Atomic(const char *) fault;
  atomic_size_t allocations;
  atomic_size_t live;
  atomic_size_t live_bytes;
} arena;

static void note(arena *shared, bool right, const char *what) {
  if (!right) {
    atomic_store(&shared->fault, what);
  }
}

static void check_no_fault(arena *shared) {
  const char *fault = atomic_load(&shared->fault);
  if (fault != NULL) {
    test_fail("%s\n", fault);
  }
}

static void *count_allocation(void *context, size_t size_bytes, size_t alignment_bytes) {
  arena *shared = context;
  atomic_fetch_add_explicit(&shared->allocations, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&shared->live, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&shared->live_bytes, size_bytes, memory_order_relaxed);
  hf_allocator system = hf_allocator_default();
  return system.allocate(system.context, size_bytes, alignment_bytes);
}

static void count_deallocation(void *context, void *memory, size_t size_bytes,
                               size_t alignment_bytes) {
  arena *shared = context;
  atomic_fetch_sub_explicit(&shared->live, 1, memory_order_relaxed);
  atomic_fetch_sub_explicit(&shared->live_bytes, size_bytes, memory_order_relaxed);
  hf_allocator system = hf_allocator_default();
  system.deallocate(system.context, memory, size_bytes, alignment_bytes);
}

static arena *open_arena_at(const hf_breaker_options *options, uint64_t epoch_ns) {
  arena *shared = calloc(1, sizeof *shared);
  assert_non_null(shared);
  shared->told = calloc(GENERATIONS, sizeof *shared->told);
  assert_non_null(shared->told);
  shared->options = *options;
  shared->epoch_ns = epoch_ns;
  atomic_init(&shared->clock_ns, epoch_ns + 1);
  hf_allocator hooks = {count_allocation, count_deallocation, shared};
  assert_int_equal(hf_breaker_create(options, 7, epoch_ns, &hooks, &shared->breaker, NULL), HF_OK);
  return shared;
}

static arena *open_arena(const hf_breaker_options *options) {
  return open_arena_at(options, 0);
}

static void close_arena(arena *shared) {
  hf_breaker_destroy(shared->breaker);
  assert_int_equal(atomic_load(&shared->live), 0);
  check_no_fault(shared);
  free(shared->told);
  free(shared);
}

static uint64_t time_of(arena *shared) {
  return atomic_load_explicit(&shared->clock_ns, memory_order_relaxed);
}

/* What one thread was told. */
typedef struct worker {
  arena *shared;
  test_random random;
  hf_breaker_snapshot tally; /* of its totals only */
  uint32_t number;
  hf_permit held[PERMITS];
  size_t held_count;
  pthread_barrier_t *barrier;
} worker;

static void run_threads(void *(*body)(void *), worker *workers, size_t count) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
  }
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
}

static void prepare(worker *workers, arena *shared, uint64_t seed) {
  memset(workers, 0, THREADS * sizeof *workers);
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i].shared = shared;
    workers[i].number = i;
    workers[i].random = (test_random){seed * THREADS + i};
  }
}

/* Any calls ------------------------------------------------------------------ */

static void hear(worker *self, const hf_transition *transition, uint64_t now_ns) {
  if (transition->cause == HF_BREAKER_UNCHANGED) {
    return;
  }
  told_generation *told = &self->shared->told[transition->generation];
  atomic_fetch_add(&told->times, 1);
  atomic_store(&told->cause, (int)transition->cause);
  atomic_store(&told->from, (int)transition->from);
  atomic_store(&told->to, (int)transition->to);
  atomic_store(&told->made_ns, now_ns - self->shared->epoch_ns);
  atomic_store(&told->open_ms, transition->open_ms);
  self->tally.opens += transition->to == HF_BREAKER_OPEN;
  self->tally.closes +=
      transition->to == HF_BREAKER_CLOSED && transition->from == HF_BREAKER_HALF_OPEN;
}

/* The test holds a probe from after it was acquired until before it is settled: what it counts is
 * never more than what is out. */
static void count_probe(worker *self, const hf_permit *permit, int change) {
  if (hf__word_state(permit->state) != HF_BREAKER_HALF_OPEN) {
    return;
  }
  told_generation *told = &self->shared->told[hf__word_generation(permit->state)];
  int before = atomic_fetch_add(&told->probes_out, change);
  note(self->shared, before + change <= (int)self->shared->options.probes,
       "more probes are out than may be");
}

/* A probe was abandoned, or settled too late. */
static void leave_probe(worker *self, const hf_permit *permit) {
  if (hf__word_state(permit->state) != HF_BREAKER_HALF_OPEN) {
    return;
  }
  told_generation *told = &self->shared->told[hf__word_generation(permit->state)];
  uint64_t passed_ns = permit->started_ns - self->shared->epoch_ns;
  uint64_t seen = atomic_load(&told->left_ns);
  while (seen < passed_ns && !atomic_compare_exchange_weak(&told->left_ns, &seen, passed_ns)) {
  }
}

static void acquire_any(worker *self, uint64_t now_ns) {
  if (self->held_count == PERMITS) {
    return;
  }
  hf_permit *permit = &self->held[self->held_count];
  hf_transition transition;
  hf_breaker *breaker = self->shared->breaker;
  hf_status status = test_random_below(&self->random, 2) == 0
                         ? hf_breaker_acquire(breaker, now_ns, permit, &transition)
                         : hf_breaker_acquire_inline(breaker, now_ns, permit, &transition);
  if (status == HF_OK) {
    note(self->shared, permit->retry_after_ns == 0, "a permit that says to wait");
    count_probe(self, permit, 1);
    self->held_count++;
  } else {
    self->tally.refused++;
  }
  hear(self, &transition, now_ns);
}

static void settle_any(worker *self, uint64_t now_ns) {
  if (self->held_count == 0) {
    return;
  }
  size_t at = test_random_below(&self->random, (uint32_t)self->held_count);
  hf_permit permit = self->held[at];
  self->held[at] = self->held[--self->held_count];
  if (test_random_below(&self->random, 16) == 0) {
    leave_probe(self, &permit);
    return; /* abandoned: a probe among them keeps its place until the lease is over */
  }
  hf_outcome outcome = (hf_outcome)test_random_below(&self->random, 4);
  hf_transition transition;
  count_probe(self, &permit, -1);
  hf_breaker *breaker = self->shared->breaker;
  if (test_random_below(&self->random, 2) == 0
          ? hf_breaker_settle(breaker, &permit, outcome, now_ns, &transition)
          : hf_breaker_settle_inline(breaker, &permit, outcome, now_ns, &transition)) {
    self->tally.successes += outcome == HF_OUTCOME_SUCCESS;
    self->tally.failures += outcome == HF_OUTCOME_FAILURE;
    self->tally.slow += outcome == HF_OUTCOME_SLOW;
    self->tally.neutral += outcome == HF_OUTCOME_NEUTRAL;
  } else {
    self->tally.late++;
    leave_probe(self, &permit);
    note(self->shared, transition.cause == HF_BREAKER_UNCHANGED, "a late result decided");
  }
  if (transition.cause != HF_BREAKER_UNCHANGED) {
    /* Only a call of the generation before decides that it ends. */
    note(self->shared, transition.from == hf__word_state(permit.state),
         "a call of another state decided");
    note(self->shared,
         transition.generation == ((hf__word_generation(permit.state) + 1) & HF__GENERATION_MASK),
         "a call of another generation decided");
    note(self->shared, outcome != HF_OUTCOME_NEUTRAL, "a neutral outcome decided");
  }
  hear(self, &transition, now_ns);
}

/* Options that leave what all of them promise: at most the arena's probes, no shorter lease. */
static void configure_any(worker *self) {
  hf_breaker_options options = self->shared->options;
  options.failure_threshold = test_random_below(&self->random, 6);
  options.failure_rate_percent = test_random_below(&self->random, 101);
  options.slow_rate_percent = test_random_below(&self->random, 101);
  options.slow_call_ns = test_random_below(&self->random, 2) * UINT64_C(1) << 62;
  options.minimum_calls = 1 + test_random_below(&self->random, 30);
  options.open_ms = 1 + test_random_below(&self->random, options.open_max_ms);
  options.open_jitter_percent = test_random_below(&self->random, 101);
  options.probes = 1 + test_random_below(&self->random, options.probes);
  options.success_threshold = 1 + test_random_below(&self->random, 5);
  options.probe_lease_ms += test_random_below(&self->random, 2) * LONGER_LEASE_MS;
  note(self->shared, hf_breaker_configure(self->shared->breaker, &options, NULL) == HF_OK,
       "options in range are refused");
}

static void *use_any_way(void *argument) {
  worker *self = argument;
  arena *shared = self->shared;
  for (uint32_t i = 0; i < OPERATIONS; i++) {
    uint32_t what = test_random_below(&self->random, 1000);
    uint64_t now_ns = time_of(shared);
    if (what < 400) {
      acquire_any(self, now_ns);
    } else if (what < 800) {
      settle_any(self, now_ns);
    } else if (what < 980) {
      /* Mostly little; now and then to the end of an open time or a lease. */
      uint64_t by = what < 970 ? what * 100 : 20 * NS_PER_MS;
      atomic_fetch_add_explicit(&shared->clock_ns, by, memory_order_relaxed);
    } else if (what < 990) {
      (void)hf_breaker_peek(shared->breaker, now_ns);
      hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, now_ns);
      note(shared, figures.window_failures <= figures.window_calls, "more failures than calls");
    } else if (what < 992) {
      static const hf_breaker_state states[] = {HF_BREAKER_CLOSED,    HF_BREAKER_OPEN,
                                                HF_BREAKER_HALF_OPEN, HF_BREAKER_METRICS_ONLY,
                                                HF_BREAKER_DISABLED,  HF_BREAKER_FORCED_OPEN};
      uint32_t chosen = test_random_below(&self->random, 6);
      hf_transition made = hf_breaker_set_state(shared->breaker, states[chosen], now_ns);
      hear(self, &made, now_ns);
      if (chosen > 2) {
        made = hf_breaker_set_state(shared->breaker, HF_BREAKER_CLOSED, now_ns);
        hear(self, &made, now_ns);
      }
    } else if (what < 996 && shared->clock_goes_back) {
      atomic_fetch_sub_explicit(&shared->clock_ns, 8 * NS_PER_MS, memory_order_relaxed);
    } else if (what == 996 && shared->configures_and_resets) {
      hf_transition made = hf_breaker_reset(shared->breaker, now_ns);
      hear(self, &made, now_ns);
    } else if (what > 996 && shared->configures_and_resets) {
      configure_any(self);
    }
  }
  return NULL;
}

static hf_breaker_snapshot sum_of(const worker *workers) {
  hf_breaker_snapshot sum = {0};
  for (size_t i = 0; i < THREADS; i++) {
    sum.successes += workers[i].tally.successes;
    sum.failures += workers[i].tally.failures;
    sum.slow += workers[i].tally.slow;
    sum.neutral += workers[i].tally.neutral;
    sum.late += workers[i].tally.late;
    sum.refused += workers[i].tally.refused;
    sum.opens += workers[i].tally.opens;
    sum.closes += workers[i].tally.closes;
  }
  return sum;
}

static void check_totals(arena *shared, const worker *workers) {
  hf_breaker_snapshot sum = sum_of(workers);
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, time_of(shared));
  assert_int_equal(figures.successes, sum.successes);
  assert_int_equal(figures.failures, sum.failures);
  assert_int_equal(figures.slow, sum.slow);
  assert_int_equal(figures.neutral, sum.neutral);
  assert_int_equal(figures.late, sum.late);
  assert_int_equal(figures.refused, sum.refused);
  assert_int_equal(figures.opens, sum.opens);
  assert_int_equal(figures.closes, sum.closes);
}

/* Where some reset: nothing is counted that nobody did. */
static void check_totals_at_most(arena *shared, const worker *workers) {
  hf_breaker_snapshot sum = sum_of(workers);
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, time_of(shared));
  assert_true(figures.successes + figures.slow <= sum.successes + sum.slow);
  assert_true(figures.failures <= sum.failures);
  assert_true(figures.neutral <= sum.neutral);
  assert_true(figures.late <= sum.late);
  assert_true(figures.refused <= sum.refused);
  assert_true(figures.opens <= sum.opens);
  assert_true(figures.closes <= sum.closes);
  assert_true(figures.window_failures + figures.window_slow <= figures.window_calls);
}

/* Every generation was told once, begins where the one before ended, and no open time was cut. */
static void check_generations(arena *shared, uint32_t *transitions) {
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, time_of(shared));
  int state = HF_BREAKER_CLOSED;
  uint32_t count = (figures.generation - shared->first_generation) & HF__GENERATION_MASK;
  const told_generation *before = NULL;
  for (uint32_t i = 1; i <= count; i++) {
    const told_generation *told =
        &shared->told[(shared->first_generation + i) & HF__GENERATION_MASK];
    assert_int_equal(atomic_load(&told->times), 1);
    assert_int_equal(atomic_load(&told->from), state);
    state = atomic_load(&told->to);
    if (atomic_load(&told->cause) == HF_BREAKER_OPEN_TIME_OVER) {
      assert_non_null(before);
      assert_true(atomic_load(&told->made_ns) >=
                  atomic_load(&before->made_ns) + atomic_load(&before->open_ms) * NS_PER_MS);
    }
    if (atomic_load(&told->cause) == HF_BREAKER_PROBES_GIVEN_UP) {
      assert_non_null(before);
      uint64_t left_ns = atomic_load(&before->left_ns);
      assert_true(left_ns == 0 || atomic_load(&told->made_ns) >=
                                      left_ns + shared->options.probe_lease_ms * NS_PER_MS);
    }
    before = told;
  }
  assert_int_equal(figures.state, state);
  uint32_t next = (figures.generation + 1) & HF__GENERATION_MASK;
  assert_int_equal(atomic_load(&shared->told[next].times), 0);
  *transitions += count;
}

/* Whatever hangs: when every time is over, a call passes. */
static void check_not_blocked(arena *shared) {
  hf_breaker_state state = hf_breaker_peek(shared->breaker, time_of(shared));
  if (state == HF_BREAKER_FORCED_OPEN) {
    return;
  }
  uint64_t later = time_of(shared) + (shared->options.probe_lease_ms + HF__LEASE_UNIT_MS +
                                      LONGER_LEASE_MS + shared->options.open_max_ms) *
                                         NS_PER_MS;
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(shared->breaker, later, &permit, NULL), HF_OK);
}

static hf_breaker_options any_options(uint32_t number) {
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = number % 4 == 0 ? 0 : 1 + number % 5;
  options.window = (hf_breaker_window)(number % 3);
  options.window_calls = 10 + 37 * (number % 4);
  options.window_ms = 50;
  options.minimum_calls = 5;
  options.slow_rate_percent = number % 2 ? 60 : 0;
  options.open_ms = 5;
  options.open_max_ms = 30;
  options.open_growth_percent = number % 2 ? 150 : 100;
  options.open_jitter_percent = number % 5 == 0 ? 50 : 0;
  options.probes = 1 + number % 4;
  options.success_threshold = 1 + number % 3;
  options.probe_lease_ms = 64;
  return options;
}

static void what_all_were_told_adds_up(void **state) {
  (void)state;
  test_random random = test_random_start("breaker threads");
  uint32_t transitions = 0;
  for (uint32_t number = 0; number < 12; number++) {
    hf_breaker_options options = any_options(number);
    arena *shared = open_arena(&options);
    worker workers[THREADS];
    prepare(workers, shared, test_random_next(&random));
    run_threads(use_any_way, workers, THREADS);
    check_no_fault(shared);
    check_totals(shared, workers);
    check_generations(shared, &transitions);
    check_not_blocked(shared);
    /* Itself, and room for the processors; who was second to take that gave it back. */
    assert_true(atomic_load(&shared->live) <= 2);
    close_arena(shared);
  }
  printf("%" PRIu32 " transitions by %d threads\n", transitions, (int)THREADS);
  assert_true(transitions > OPERATIONS / 10);
}

/* Ticks of open times and leases begin anew while they run, and so do generations. */
static void what_all_were_told_adds_up_where_numbers_wrap(void **state) {
  (void)state;
  enum { GENERATIONS_LEFT = 100, MS_LEFT = 3000 };
  const uint64_t turn_ns = (HF__PAYLOAD_MASK + 1) * NS_PER_MS;
  test_random random = test_random_start("breaker threads, wrapping");
  for (uint32_t number = 0; number < 6; number++) {
    hf_breaker_options options = any_options(number);
    /* The caller's clock goes round in some as well, as the ticks do. */
    uint64_t last_ns = number % 2 ? UINT64_MAX : 0;
    arena *shared = open_arena_at(&options, last_ns - turn_ns);
    uint64_t start_ns = last_ns - MS_LEFT * NS_PER_MS;
    for (size_t i = 0; i < GENERATIONS - GENERATIONS_LEFT - 1; i++) {
      hf_breaker_set_state(shared->breaker, HF_BREAKER_CLOSED, start_ns);
    }
    shared->first_generation = hf_breaker_reset(shared->breaker, start_ns).generation;
    shared->clock_goes_back = true;
    atomic_store(&shared->clock_ns, start_ns);
    worker workers[THREADS];
    prepare(workers, shared, test_random_next(&random));
    run_threads(use_any_way, workers, THREADS);
    check_no_fault(shared);
    check_totals(shared, workers);
    uint32_t transitions = 0;
    check_generations(shared, &transitions);
    check_not_blocked(shared);
    /* Both went round. */
    assert_true(transitions > GENERATIONS_LEFT);
    assert_true(time_of(shared) - start_ns > MS_LEFT * NS_PER_MS);
    close_arena(shared);
  }
}

static void configuring_and_resetting_break_nothing_for_others(void **state) {
  (void)state;
  test_random random = test_random_start("breaker threads, configured");
  uint32_t transitions = 0;
  for (uint32_t number = 0; number < 12; number++) {
    hf_breaker_options options = any_options(number);
    arena *shared = open_arena(&options);
    shared->configures_and_resets = true;
    worker workers[THREADS];
    prepare(workers, shared, test_random_next(&random));
    run_threads(use_any_way, workers, THREADS);
    check_no_fault(shared);
    check_totals_at_most(shared, workers);
    check_generations(shared, &transitions);
    check_not_blocked(shared);
    hf_breaker_reset(shared->breaker, time_of(shared));
    hf_breaker_snapshot fresh = hf_breaker_read(shared->breaker, time_of(shared));
    assert_int_equal(fresh.refused + fresh.late + fresh.successes + fresh.failures, 0);
    close_arena(shared);
  }
  assert_true(transitions > OPERATIONS / 10);
}

/* Counters --------------------------------------------------------------------- */

static void *count_successes(void *argument) {
  worker *self = argument;
  for (uint32_t i = 0; i < OPERATIONS; i++) {
    hf_permit permit = {.started_ns = 0};
    note(self->shared, hf_breaker_acquire_if_closed(self->shared->breaker, 1, &permit),
         "a closed breaker refused");
    note(self->shared, hf_breaker_settle_if_only_counted(self->shared->breaker, &permit),
         "a success was late");
  }
  return NULL;
}

static void totals_stay_exact_when_they_spread_and_nothing_more_is_allocated(void **state) {
  (void)state;
  hf_breaker_options options = any_options(0);
  options.window = HF_BREAKER_WINDOW_NONE;
  arena *shared = open_arena(&options);
  worker workers[THREADS];
  size_t alone = hf_breaker_size_bytes(shared->breaker);
  uint64_t expected = 0;
  for (int try = 0; try < 200 && hf_breaker_size_bytes(shared->breaker) == alone; try++) {
    prepare(workers, shared, 1);
    run_threads(count_successes, workers, THREADS);
    expected += (uint64_t)THREADS * OPERATIONS;
    assert_int_equal(hf_breaker_read(shared->breaker, 1).successes, expected);
  }
  if (hf_breaker_size_bytes(shared->breaker) == alone) {
    printf("skipped: counters that spread: no two threads met on this machine\n");
  } else {
    assert_int_equal(atomic_load(&shared->live), 2);
    assert_int_equal(atomic_load(&shared->live_bytes), hf_breaker_size_bytes(shared->breaker));
    hf_breaker_reset(shared->breaker, time_of(shared));
    hf_breaker_snapshot empty = hf_breaker_read(shared->breaker, time_of(shared));
    assert_int_equal(empty.successes, 0);
    size_t before = atomic_load(&shared->allocations);
    prepare(workers, shared, 2);
    run_threads(use_any_way, workers, THREADS);
    check_totals(shared, workers);
    assert_int_equal(atomic_load(&shared->allocations), before);
  }
  close_arena(shared);
}

/* Two threads that met, each of which takes room for the counters before the other has. */
typedef struct meeting {
  arena shared;
  hf_allocator hooks;
  pthread_barrier_t both;
  hf__shards shards;
} meeting;

static void *allocate_together(void *context, size_t size_bytes, size_t alignment_bytes) {
  meeting *met = context;
  pthread_barrier_wait(&met->both);
  return count_allocation(&met->shared, size_bytes, alignment_bytes);
}

static void deallocate_counted(void *context, void *memory, size_t size_bytes,
                               size_t alignment_bytes) {
  meeting *met = context;
  count_deallocation(&met->shared, memory, size_bytes, alignment_bytes);
}

static void *spread(void *argument) {
  meeting *met = argument;
  hf__counters_spread(&met->shards, &met->hooks);
  return NULL;
}

static void of_two_rooms_for_counters_one_is_given_back(void **state) {
  (void)state;
  static meeting met;
  met.hooks = (hf_allocator){allocate_together, deallocate_counted, &met};
  assert_int_equal(pthread_barrier_init(&met.both, NULL, 2), 0);
  pthread_t threads[2];
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, spread, &met), 0);
  }
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(atomic_load(&met.shared.allocations), 2);
  assert_int_equal(atomic_load(&met.shared.live), 1);
  assert_non_null(atomic_load(&met.shards));
  hf__counters_free(&met.shards, &met.hooks);
  assert_int_equal(atomic_load(&met.shared.live), 0);
  pthread_barrier_destroy(&met.both);
}

static void *allocate_nothing(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  (void)size_bytes;
  (void)alignment_bytes;
  return NULL;
}

static void without_room_for_the_counters_the_first_ones_count(void **state) {
  (void)state;
  static hf__shard first;
  hf__shards shards;
  atomic_init(&shards, NULL);
  atomic_init(&first.counts[HF__COUNT_LATE], 3);
  hf_allocator hooks = {allocate_nothing, NULL, NULL};
  hf__counters_spread(&shards, &hooks);
  assert_null(atomic_load(&shards));
  assert_int_equal(hf__counted(&first, &shards, HF__COUNT_LATE), 3);
}

static void *refuse(void *context, size_t size_bytes, size_t alignment_bytes) {
  arena *shared = context;
  if (atomic_fetch_add(&shared->allocations, 1) > 0) {
    return NULL;
  }
  return count_allocation(context, size_bytes, alignment_bytes);
}

static void totals_stay_exact_where_there_is_no_memory_to_spread(void **state) {
  (void)state;
  arena *shared = calloc(1, sizeof *shared);
  assert_non_null(shared);
  hf_allocator hooks = {refuse, count_deallocation, shared};
  assert_int_equal(hf_breaker_create(NULL, 7, 0, &hooks, &shared->breaker, NULL), HF_OK);
  worker workers[THREADS];
  prepare(workers, shared, 3);
  run_threads(count_successes, workers, THREADS);
  assert_int_equal(hf_breaker_read(shared->breaker, 1).successes, (uint64_t)THREADS * OPERATIONS);
  close_arena(shared);
}

/* Windows -------------------------------------------------------------------- */

/* In rounds: all begin together, settle a few calls each, and rest while the first looks. */
typedef struct round_plan {
  /* Whether the `number`-th call of a thread fails. */
  bool (*fails)(worker *self, uint32_t number);
  uint32_t threads;
  /* What must hold when all rest. */
  void (*check)(arena *shared);
} round_plan;

static const round_plan *plan;

static void *settle_in_rounds(void *argument) {
  worker *self = argument;
  hf_breaker *breaker = self->shared->breaker;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    if (self->number == 0) {
      hf_breaker_set_state(breaker, HF_BREAKER_CLOSED, 1);
    }
    pthread_barrier_wait(self->barrier);
    for (uint32_t i = 0; i < CALLS_IN_ROUND; i++) {
      hf_permit permit;
      if (hf_breaker_acquire(breaker, 1, &permit, NULL) == HF_OK) {
        hf_outcome outcome = plan->fails(self, i) ? HF_OUTCOME_FAILURE : HF_OUTCOME_SUCCESS;
        hf_breaker_settle(breaker, &permit, outcome, 1, NULL);
      }
    }
    pthread_barrier_wait(self->barrier);
    if (self->number == 0) {
      plan->check(self->shared);
    }
    pthread_barrier_wait(self->barrier);
  }
  return NULL;
}

static void run_rounds(const round_plan *chosen, const hf_breaker_options *options) {
  plan = chosen;
  arena *shared = open_arena(options);
  pthread_barrier_t barrier;
  assert_int_equal(pthread_barrier_init(&barrier, NULL, chosen->threads), 0);
  worker workers[THREADS];
  prepare(workers, shared, 11);
  for (size_t i = 0; i < THREADS; i++) {
    workers[i].barrier = &barrier;
  }
  run_threads(settle_in_rounds, workers, chosen->threads);
  pthread_barrier_destroy(&barrier);
  close_arena(shared);
}

static bool fails_at_random(worker *self, uint32_t number) {
  (void)number;
  return test_random_below(&self->random, 2) == 0;
}

static void check_trips_if_over(arena *shared) {
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, 1);
  bool over =
      figures.window_calls >= shared->options.minimum_calls &&
      figures.window_failures * 100 >= figures.window_calls * shared->options.failure_rate_percent;
  note(shared, figures.state != HF_BREAKER_CLOSED || !over,
       "a window is over its threshold, and the breaker closed");
}

static void a_window_over_its_threshold_has_opened_the_breaker(void **state) {
  (void)state;
  static const round_plan rounds = {fails_at_random, 2, check_trips_if_over};
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.failure_threshold = 0;
    options.window = (hf_breaker_window)kind;
    /* Every call of a round is in it, and only the last few can be the ones that trip. */
    options.minimum_calls = 2 * CALLS_IN_ROUND - 2;
    run_rounds(&rounds, &options);
  }
}

static bool fails_each_third(worker *self, uint32_t number) {
  (void)self;
  return number % 3 == 2;
}

static void check_closed(arena *shared) {
  note(shared, hf_breaker_read(shared->breaker, 1).state == HF_BREAKER_CLOSED,
       "a third of failures opened a breaker that wants more");
}

static void a_window_below_its_threshold_never_opens_the_breaker(void **state) {
  (void)state;
  static const round_plan rounds = {fails_each_third, 2, check_closed};
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.failure_threshold = 0;
    options.window = (hf_breaker_window)kind;
    options.minimum_calls = 3;
    /* A third of whole threes, and no more at any moment. */
    options.failure_rate_percent = 34;
    run_rounds(&rounds, &options);
  }
}

static void *hammer_window(void *argument) {
  worker *self = argument;
  for (uint32_t i = 0; i < OPERATIONS; i++) {
    hf_permit permit;
    if (hf_breaker_acquire(self->shared->breaker, 1, &permit, NULL) == HF_OK) {
      hf_outcome outcome = (hf_outcome)test_random_below(&self->random, 3);
      hf_breaker_settle(self->shared->breaker, &permit, outcome, 1, NULL);
    }
  }
  return NULL;
}

/* Whatever raced: as many successes as it holds, and nothing else is left in it. */
static void a_window_of_calls_is_exact_after_a_race(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 2, 3, 22, 23, 100};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    hf_breaker_options options = any_options(1);
    options.window = HF_BREAKER_WINDOW_CALLS;
    options.window_calls = sizes[i];
    arena *shared = open_arena(&options);
    worker workers[THREADS];
    prepare(workers, shared, 5 + i);
    hf_breaker_set_state(shared->breaker, HF_BREAKER_METRICS_ONLY, 1);
    run_threads(hammer_window, workers, THREADS);
    for (uint32_t call = 0; call < sizes[i]; call++) {
      hf_permit permit;
      assert_int_equal(hf_breaker_acquire(shared->breaker, 1, &permit, NULL), HF_OK);
      hf_breaker_settle(shared->breaker, &permit, HF_OUTCOME_SUCCESS, 1, NULL);
    }
    hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, 1);
    assert_int_equal(figures.window_calls, sizes[i]);
    assert_int_equal(figures.window_failures, 0);
    assert_int_equal(figures.window_slow, 0);
    close_arena(shared);
  }
}

static void a_window_of_time_counts_every_call(void **state) {
  (void)state;
  hf_breaker_options options = any_options(1);
  options.window = HF_BREAKER_WINDOW_TIME;
  arena *shared = open_arena(&options);
  worker workers[THREADS];
  prepare(workers, shared, 17);
  hf_breaker_set_state(shared->breaker, HF_BREAKER_METRICS_ONLY, 1);
  run_threads(hammer_window, workers, THREADS);
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, 1);
  assert_int_equal(figures.window_calls, (uint64_t)THREADS * OPERATIONS);
  assert_int_equal(figures.window_failures, figures.failures);
  assert_int_equal(figures.window_slow, figures.slow);
  close_arena(shared);
}

/* Late ------------------------------------------------------------------------- */

static void *fail_late(void *argument) {
  worker *self = argument;
  for (size_t i = 0; i < self->held_count; i++) {
    uint64_t now_ns = atomic_fetch_add(&self->shared->clock_ns, NS_PER_MS);
    hf_transition transition;
    note(self->shared,
         !hf_breaker_settle(self->shared->breaker, &self->held[i], HF_OUTCOME_FAILURE, now_ns,
                            &transition),
         "a failure of before counted");
    note(self->shared, transition.cause == HF_BREAKER_UNCHANGED, "a late failure decided");
  }
  return NULL;
}

static void late_failures_never_keep_it_open_for_longer(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  arena *shared = open_arena(&options);
  worker workers[THREADS];
  prepare(workers, shared, 23);
  for (size_t i = 0; i < THREADS; i++) {
    for (; workers[i].held_count < PERMITS; workers[i].held_count++) {
      assert_int_equal(hf_breaker_acquire(shared->breaker, time_of(shared),
                                          &workers[i].held[workers[i].held_count], NULL),
                       HF_OK);
    }
  }
  hf_breaker_set_state(shared->breaker, HF_BREAKER_OPEN, time_of(shared));
  uint64_t over_ns =
      time_of(shared) + hf_breaker_read(shared->breaker, time_of(shared)).retry_after_ns;
  run_threads(fail_late, workers, THREADS);
  hf_breaker_snapshot figures = hf_breaker_read(shared->breaker, time_of(shared));
  assert_int_equal(figures.late, THREADS * PERMITS);
  assert_int_equal(figures.failures, 0);
  assert_int_equal(figures.generation, 1);
  assert_int_equal(figures.retry_after_ns, over_ns - time_of(shared));
  assert_int_equal(hf_breaker_peek(shared->breaker, over_ns - 1), HF_BREAKER_OPEN);
  assert_int_equal(hf_breaker_peek(shared->breaker, over_ns), HF_BREAKER_HALF_OPEN);
  close_arena(shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_all_were_told_adds_up),
      cmocka_unit_test(what_all_were_told_adds_up_where_numbers_wrap),
      cmocka_unit_test(configuring_and_resetting_break_nothing_for_others),
      cmocka_unit_test(totals_stay_exact_when_they_spread_and_nothing_more_is_allocated),
      cmocka_unit_test(of_two_rooms_for_counters_one_is_given_back),
      cmocka_unit_test(without_room_for_the_counters_the_first_ones_count),
      cmocka_unit_test(totals_stay_exact_where_there_is_no_memory_to_spread),
      cmocka_unit_test(a_window_over_its_threshold_has_opened_the_breaker),
      cmocka_unit_test(a_window_below_its_threshold_never_opens_the_breaker),
      cmocka_unit_test(a_window_of_calls_is_exact_after_a_race),
      cmocka_unit_test(a_window_of_time_counts_every_call),
      cmocka_unit_test(late_failures_never_keep_it_open_for_longer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
