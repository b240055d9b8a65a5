/*
 * Retry budgets: what is paid from what, against plain counting; what many threads get together.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

enum {
  TRACES = TEST_HAS_SANITIZER ? 100 : 1000,
  TRACE_STEPS = 1000,
  THREADS = 4,
  OPERATIONS = TEST_HAS_SANITIZER ? 5000 : 20000, /* of a thread */
};

__extension__ typedef __int128 wide;

static hf_retry_budget *budget_of(const hf_retry_budget_options *options, uint64_t now_ns) {
  hf_retry_budget *budget = NULL;
  hf_error error;
  if (hf_retry_budget_create(options, now_ns, NULL, &budget, &error) != HF_OK) {
    test_fail("%s\n", error.message);
  }
  return budget;
}

/* As many as there are. */
static uint64_t take_all(hf_retry_budget *budget, uint64_t now_ns) {
  uint64_t taken = 0;
  while (hf_retry_budget_take(budget, now_ns)) {
    taken++;
  }
  return taken;
}

/* Life ---------------------------------------------------------------------- */

static void what_is_out_of_range_is_named(void **state) {
  (void)state;
  static const struct {
    const char *message;
    hf_retry_budget_options options;
  } rows[] = {
      {"success_percent is 1001; it may be 0 to 1000", {1001, 10, 100, 10}},
      {"floor_per_second is 1000001; it may be 0 to 1000000", {20, 1000001, 100, 10}},
      {"most_saved is 0; it may be 1 to 1000000", {20, 10, 0, 0}},
      {"most_saved is 1000001; it may be 1 to 1000000", {20, 10, 1000001, 10}},
      {"reserve is 101; it may be 0 to 100", {20, 10, 100, 101}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_retry_budget *budget = NULL;
    hf_error error;
    assert_int_equal(hf_retry_budget_create(&rows[i].options, 0, NULL, &budget, &error),
                     HF_ERROR_INVALID_ARGUMENT);
    assert_null(budget);
    assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
    test_check_message(&error);
    assert_string_equal(error.message, rows[i].message);
    assert_int_equal(hf_retry_budget_create(&rows[i].options, 0, NULL, &budget, NULL),
                     HF_ERROR_INVALID_ARGUMENT);
  }
}

static void making_takes_one_block_or_says_that_there_is_none(void **state) {
  (void)state;
  static counting_allocator counting;
  hf_allocator hooks = counting_hooks(&counting);
  hf_retry_budget *budget = NULL;
  counting_reset(&counting, 1);
  hf_error error;
  assert_int_equal(hf_retry_budget_create(NULL, 0, &hooks, &budget, &error),
                   HF_ERROR_OUT_OF_MEMORY);
  assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
  assert_null(budget);
  counting_reset(&counting, 0);
  assert_int_equal(hf_retry_budget_create(NULL, 0, &hooks, &budget, NULL), HF_OK);
  hf_retry_budget_add(budget);
  hf_retry_budget_take(budget, 0);
  hf_retry_budget_reset(budget, 0);
  assert_int_equal(counting.allocations, 1);
  hf_retry_budget_destroy(budget);
  assert_int_equal(counting.live_blocks, 0);
  hf_retry_budget_destroy(NULL);
}

static void defaults_are_as_documented(void **state) {
  (void)state;
  hf_retry_budget_options options = hf_retry_budget_options_default();
  assert_int_equal(options.success_percent, 20);
  assert_int_equal(options.floor_per_second, 10);
  assert_int_equal(options.most_saved, 100);
  assert_int_equal(options.reserve, 10);
  hf_retry_budget *budget = budget_of(NULL, 0);
  assert_int_equal(hf_retry_budget_available(budget, 0), 20);
  assert_int_equal(take_all(budget, 0), 20);
  assert_int_equal(hf_retry_budget_available(budget, 0), 0);
  /* Then ten a second. */
  assert_int_equal(take_all(budget, 100 * NS_PER_MS - 1), 0);
  assert_int_equal(take_all(budget, 100 * NS_PER_MS), 1);
  assert_int_equal(take_all(budget, NS_PER_S), 9);
  assert_int_equal(take_all(budget, 100 * NS_PER_S), 10);
  hf_retry_budget_destroy(budget);
}

/* Paying -------------------------------------------------------------------- */

static void five_successes_pay_a_retry(void **state) {
  (void)state;
  hf_retry_budget *budget =
      budget_of(&(hf_retry_budget_options){.success_percent = 20, .most_saved = 3}, 0);
  for (uint64_t successes = 1; successes <= 20; successes++) {
    hf_retry_budget_add(budget);
    uint64_t saved = successes / 5 < 3 ? successes / 5 : 3;
    assert_int_equal(hf_retry_budget_available(budget, 0), saved);
  }
  assert_int_equal(take_all(budget, 0), 3);
  hf_retry_budget_destroy(budget);
}

static void a_success_may_pay_several_retries(void **state) {
  (void)state;
  hf_retry_budget *budget =
      budget_of(&(hf_retry_budget_options){.success_percent = 250, .most_saved = 6}, 0);
  const uint64_t available[] = {2, 5, 6, 6};
  for (size_t i = 0; i < sizeof available / sizeof available[0]; i++) {
    hf_retry_budget_add(budget);
    assert_int_equal(hf_retry_budget_available(budget, 0), available[i]);
  }
  hf_retry_budget_destroy(budget);
}

static void successes_pay_before_the_floor(void **state) {
  (void)state;
  hf_retry_budget *budget = budget_of(
      &(hf_retry_budget_options){
          .success_percent = 100, .floor_per_second = 2, .most_saved = 5, .reserve = 1},
      0);
  assert_true(hf_retry_budget_take(budget, 0));
  assert_int_equal(hf_retry_budget_available(budget, 0), 2);
  hf_retry_budget_add(budget);
  assert_true(hf_retry_budget_take(budget, 0));
  assert_int_equal(hf_retry_budget_available(budget, 0), 2);
  /* Of the floor's there is no more than a second's, of the successes' no more than may be saved.
   */
  for (unsigned i = 0; i < 9; i++) {
    hf_retry_budget_add(budget);
  }
  assert_int_equal(hf_retry_budget_available(budget, 100 * NS_PER_S), 7);
  assert_int_equal(take_all(budget, 100 * NS_PER_S), 7);
  hf_retry_budget_destroy(budget);
}

static void the_floor_comes_in_when_its_second_is_over(void **state) {
  (void)state;
  hf_retry_budget *budget =
      budget_of(&(hf_retry_budget_options){.floor_per_second = 1, .most_saved = 1}, 0);
  assert_int_equal(take_all(budget, 0), 1);
  assert_int_equal(take_all(budget, NS_PER_S - 1), 0);
  assert_int_equal(take_all(budget, NS_PER_S), 1);
  hf_retry_budget_destroy(budget);
}

static void without_successes_and_floor_there_are_no_retries(void **state) {
  (void)state;
  hf_retry_budget *budget =
      budget_of(&(hf_retry_budget_options){.most_saved = 1000000, .reserve = 2}, 0);
  for (unsigned i = 0; i < 1000; i++) {
    hf_retry_budget_add(budget);
  }
  assert_int_equal(hf_retry_budget_available(budget, 0), 2);
  assert_int_equal(take_all(budget, 1000 * NS_PER_S), 2);
  assert_int_equal(hf_retry_budget_available(budget, 5000 * NS_PER_S), 0);
  assert_false(hf_retry_budget_take(budget, 5000 * NS_PER_S));
  hf_retry_budget_destroy(budget);
}

static void the_widest_options_hold(void **state) {
  (void)state;
  hf_retry_budget *budget =
      budget_of(&(hf_retry_budget_options){1000, 1000000, 1000000, 1000000}, UINT64_MAX);
  hf_retry_budget_add(budget);
  assert_int_equal(hf_retry_budget_available(budget, UINT64_MAX), 2000000);
  assert_int_equal(take_all(budget, UINT64_MAX), 2000000);
  /* A millisecond later, which is past the end of time. */
  assert_int_equal(hf_retry_budget_available(budget, NS_PER_MS - 1), 1000);
  hf_retry_budget_destroy(budget);
}

static void resetting_makes_it_as_it_was(void **state) {
  (void)state;
  hf_retry_budget *budget = budget_of(NULL, 5);
  take_all(budget, 5);
  hf_retry_budget_reset(budget, 5);
  assert_int_equal(hf_retry_budget_available(budget, 5), 20);
  for (unsigned i = 0; i < 1000; i++) {
    hf_retry_budget_add(budget);
  }
  assert_int_equal(hf_retry_budget_available(budget, 5), 110);
  hf_retry_budget_reset(budget, NS_PER_S);
  assert_int_equal(hf_retry_budget_available(budget, NS_PER_S), 20);
  hf_retry_budget_destroy(budget);
}

static void a_clock_that_goes_back_gives_no_retry_twice(void **state) {
  (void)state;
  hf_retry_budget *budget = budget_of(NULL, 100 * NS_PER_S);
  assert_int_equal(take_all(budget, 200 * NS_PER_S), 20);
  assert_int_equal(take_all(budget, 150 * NS_PER_S), 0);
  assert_int_equal(hf_retry_budget_available(budget, 0), 0);
  assert_int_equal(take_all(budget, 200 * NS_PER_S + 100 * NS_PER_MS), 1);
  hf_retry_budget_destroy(budget);
}

/* Random traces ------------------------------------------------------------- */

/* What is saved up, in hundredths; and of the floor, in parts of which a retry has NS_PER_S. */
typedef struct counted {
  hf_retry_budget_options options;
  int64_t saved;
  int64_t floor;
} counted;

static void add(counted *plain) {
  int64_t most = (int64_t)plain->options.most_saved * 100;
  plain->saved += plain->options.success_percent;
  plain->saved = plain->saved < most ? plain->saved : most;
}

static void pass(counted *plain, uint64_t time_ns) {
  wide most = (wide)plain->options.floor_per_second * NS_PER_S;
  wide floor = plain->floor + (wide)time_ns * plain->options.floor_per_second;
  plain->floor = (int64_t)(floor < most ? floor : most);
}

/* Fails unless the answer is right; the floor's may come less than a nanosecond too early. */
static void take(counted *plain, bool taken) {
  if (plain->saved >= 100) {
    assert_true(taken);
    plain->saved -= 100;
    return;
  }
  if (plain->floor >= (int64_t)NS_PER_S) {
    assert_true(taken);
  } else if (plain->floor + plain->options.floor_per_second < (int64_t)NS_PER_S ||
             plain->options.floor_per_second == 0) {
    assert_false(taken);
  }
  if (taken) {
    plain->floor -= (int64_t)NS_PER_S;
  }
}

static void traces_are_answered_as_by_counting(void **state) {
  (void)state;
  test_random random = test_random_start("retry budgets");
  uint32_t taken_in_all = 0;
  uint32_t refused_in_all = 0;
  for (uint32_t trace = 0; trace < TRACES; trace++) {
    counted plain;
    plain.options.success_percent = test_random_below(&random, 1001);
    plain.options.success_percent >>= test_random_below(&random, 11);
    plain.options.floor_per_second = test_random_below(&random, 1000001);
    plain.options.floor_per_second >>= test_random_below(&random, 21);
    plain.options.most_saved = 1 + test_random_below(&random, 100);
    plain.options.reserve = test_random_below(&random, plain.options.most_saved + 1);
    plain.saved = (int64_t)plain.options.reserve * 100;
    plain.floor = (int64_t)plain.options.floor_per_second * (int64_t)NS_PER_S;
    uint64_t now_ns = test_random_next(&random);
    hf_retry_budget *budget = budget_of(&plain.options, now_ns);
    uint64_t apart_ns = NS_PER_S / (plain.options.floor_per_second + 1) + 1;
    for (uint32_t i = 0; i < TRACE_STEPS; i++) {
      if (test_random_below(&random, 4) == 0) {
        hf_retry_budget_add(budget);
        add(&plain);
      } else {
        bool taken = hf_retry_budget_take(budget, now_ns);
        take(&plain, taken);
        taken_in_all += taken;
        refused_in_all += !taken;
      }
      uint64_t time_ns = test_random_next(&random) % apart_ns;
      now_ns += time_ns;
      pass(&plain, time_ns);
      uint64_t available = hf_retry_budget_available(budget, now_ns);
      int64_t floor = plain.floor > 0 ? plain.floor / (int64_t)NS_PER_S : 0;
      assert_in_range(available, (uint64_t)(plain.saved / 100 + floor),
                      (uint64_t)(plain.saved / 100 + floor + 1));
    }
    hf_retry_budget_destroy(budget);
  }
  /* Both answers were common. */
  assert_true(taken_in_all > TRACES * TRACE_STEPS / 10);
  assert_true(refused_in_all > TRACES * TRACE_STEPS / 20);
}

/* Threads ------------------------------------------------------------------- */

typedef struct crowd {
  hf_retry_budget *budget;
  uint64_t step_ns;
  atomic_uint_least64_t clock_ns;
  pthread_barrier_t start;
} crowd;

typedef struct worker {
  crowd *shared;
  test_random random;
  uint32_t adds_in_16; /* how many of 16 operations are successes */
  uint64_t added;
  uint64_t taken;
  uint64_t *taken_ns; /* OPERATIONS, or NULL */
} worker;

static void *add_and_take(void *argument) {
  worker *self = argument;
  crowd *shared = self->shared;
  pthread_barrier_wait(&shared->start);
  for (size_t i = 0; i < OPERATIONS; i++) {
    uint64_t now_ns =
        atomic_fetch_add_explicit(&shared->clock_ns, shared->step_ns, memory_order_relaxed);
    if (test_random_below(&self->random, 16) < self->adds_in_16) {
      hf_retry_budget_add(shared->budget);
      self->added++;
    } else if (hf_retry_budget_take(shared->budget, now_ns)) {
      if (self->taken_ns != NULL) {
        self->taken_ns[self->taken] = now_ns;
      }
      self->taken++;
    }
  }
  return NULL;
}

/* The sums of what the threads did. */
static worker run_crowd(crowd *shared, uint32_t adds_in_16, uint64_t *taken_ns) {
  worker workers[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_init(&shared->start, NULL, THREADS);
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){shared, {i}, adds_in_16, 0, 0, NULL};
    if (taken_ns != NULL) {
      workers[i].taken_ns = &taken_ns[i * OPERATIONS];
    }
    assert_int_equal(pthread_create(&threads[i], NULL, add_and_take, &workers[i]), 0);
  }
  worker all = {.shared = shared};
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    if (taken_ns != NULL) {
      memmove(&taken_ns[all.taken], workers[i].taken_ns, workers[i].taken * sizeof *taken_ns);
    }
    all.added += workers[i].added;
    all.taken += workers[i].taken;
  }
  pthread_barrier_destroy(&shared->start);
  return all;
}

/* Invariant 1, and that nothing is lost where the limit of what is saved is not reached. */
static void threads_take_what_successes_paid_and_no_more(void **state) {
  (void)state;
  static const hf_retry_budget_options rows[] = {
      {20, 0, 1000000, 10}, {7, 0, 1000000, 0}, {150, 0, 1000000, 100}, {100, 0, 3, 3}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    crowd shared = {.budget = budget_of(&rows[i], 0)};
    worker all = run_crowd(&shared, 8, NULL);
    uint64_t paid = all.added * rows[i].success_percent + rows[i].reserve * UINT64_C(100);
    uint64_t left = hf_retry_budget_available(shared.budget, 0);
    assert_true(all.taken > 100);
    assert_true(all.taken * 100 <= paid);
    if (rows[i].most_saved == 1000000) {
      assert_int_equal(left, (paid - all.taken * 100) / 100);
    } else {
      assert_true(left <= rows[i].most_saved);
    }
    hf_retry_budget_destroy(shared.budget);
  }
}

static int by_size(const void *a, const void *b) {
  uint64_t first = *(const uint64_t *)a;
  uint64_t second = *(const uint64_t *)b;
  return (first > second) - (first < second);
}

/* Invariant 2. */
static void threads_take_of_the_floor_what_comes_in_and_no_more(void **state) {
  (void)state;
  static const uint32_t floors[] = {1, 10, 999, 1000000};
  uint64_t *taken_ns = malloc(THREADS * OPERATIONS * sizeof *taken_ns);
  assert_non_null(taken_ns);
  for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
    uint64_t floor = floors[i];
    hf_retry_budget_options options = {.floor_per_second = floors[i], .most_saved = 1};
    crowd shared = {.budget = budget_of(&options, 0), .step_ns = NS_PER_S / floor / 3 + 1};
    worker all = run_crowd(&shared, 0, taken_ns);
    qsort(taken_ns, all.taken, sizeof *taken_ns, by_size);
    /* A second's worth, then what came in; emptied in the order of time. */
    wide level = (wide)floor * NS_PER_S;
    for (size_t k = 0; k < all.taken; k++) {
      level += (wide)(k == 0 ? 0 : taken_ns[k] - taken_ns[k - 1]) * floor;
      level = level < (wide)floor * NS_PER_S ? level : (wide)floor * NS_PER_S;
      level -= NS_PER_S;
      assert_true(level >= -(wide)floor);
    }
    assert_true(all.taken > (uint64_t)THREADS * OPERATIONS / 4);
    hf_retry_budget_destroy(shared.budget);
  }
  free(taken_ns);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_out_of_range_is_named),
      cmocka_unit_test(making_takes_one_block_or_says_that_there_is_none),
      cmocka_unit_test(defaults_are_as_documented),
      cmocka_unit_test(five_successes_pay_a_retry),
      cmocka_unit_test(a_success_may_pay_several_retries),
      cmocka_unit_test(successes_pay_before_the_floor),
      cmocka_unit_test(the_floor_comes_in_when_its_second_is_over),
      cmocka_unit_test(without_successes_and_floor_there_are_no_retries),
      cmocka_unit_test(the_widest_options_hold),
      cmocka_unit_test(resetting_makes_it_as_it_was),
      cmocka_unit_test(a_clock_that_goes_back_gives_no_retry_twice),
      cmocka_unit_test(traces_are_answered_as_by_counting),
      cmocka_unit_test(threads_take_what_successes_paid_and_no_more),
      cmocka_unit_test(threads_take_of_the_floor_what_comes_in_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
