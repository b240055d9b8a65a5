/*
 * Token buckets: what one thread is told, against a bucket that is really filled, in exact
 * fractions; what many threads are told together; time that ends, wraps or goes back.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define DAY_NS UINT64_C(86400000000000)
#define LAST_NS ((UINT64_C(1) << 59) - 1)

enum {
  TRACES = TEST_HAS_SANITIZER ? 60 : 400,
  TRACE_STEPS = 4000,
  THREADS = 4,
  OPERATIONS = TEST_HAS_SANITIZER ? 5000 : 20000, /* of a thread */
};

__extension__ typedef __int128 wide;

static hf_token_bucket *bucket_of(uint64_t tokens, uint64_t period_ns, uint64_t burst,
                                  uint64_t now_ns) {
  hf_token_bucket_options options = {tokens, period_ns, burst};
  hf_token_bucket *bucket = NULL;
  hf_error error;
  if (hf_token_bucket_create(&options, now_ns, NULL, &bucket, &error) != HF_OK) {
    test_fail("%s\n", error.message);
  }
  return bucket;
}

/* Life ---------------------------------------------------------------------- */

static void what_is_out_of_range_is_named(void **state) {
  (void)state;
  static const struct {
    const char *message;
    hf_token_bucket_options options;
  } rows[] = {
      {"tokens is 0; it may be 1 to 1000000000", {0, NS_PER_S, 0}},
      {"tokens is 1000000001; it may be 1 to 1000000000", {1000000001, 2 * NS_PER_S, 0}},
      {"tokens is 1001; it may be 1 to 1000", {1001, 1000, 0}},
      {"tokens is 18446744073709551615; it may be 1 to 1000", {UINT64_MAX, 1000, 0}},
      {"period_ns is 0; it may be 1000 to 86400000000000", {1, 0, 1}},
      {"period_ns is 999; it may be 1000 to 86400000000000", {1, 999, 1}},
      {"period_ns is 86400000000001; it may be 1000 to 86400000000000", {1, DAY_NS + 1, 1}},
      {"burst is 366; it may be 1 to 365", {1, DAY_NS, 366}},
      {"burst is 1000000001; it may be 1 to 1000000000", {1000, NS_PER_S, 1000000001}},
      {"burst is 18446744073709551615; it may be 1 to 365", {1, DAY_NS, UINT64_MAX}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_token_bucket *bucket = NULL;
    hf_error error;
    assert_int_equal(hf_token_bucket_create(&rows[i].options, 0, NULL, &bucket, &error),
                     HF_ERROR_INVALID_ARGUMENT);
    assert_null(bucket);
    assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
    test_check_message(&error);
    assert_string_equal(error.message, rows[i].message);
    assert_int_equal(hf_token_bucket_create(&rows[i].options, 0, NULL, &bucket, NULL),
                     HF_ERROR_INVALID_ARGUMENT);
  }
}

static void the_widest_options_are_accepted(void **state) {
  (void)state;
  static const hf_token_bucket_options rows[] = {
      {1000, 1000, 1000000000},
      {1000000000, NS_PER_S, 0},
      {1000000000, DAY_NS, 1000000000},
      {1, DAY_NS, 365},
      {1, 1000, 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_token_bucket *bucket =
        bucket_of(rows[i].tokens, rows[i].period_ns, rows[i].burst, UINT64_MAX);
    uint64_t burst = rows[i].burst == 0 ? rows[i].tokens : rows[i].burst;
    assert_int_equal(hf_token_bucket_available(bucket, UINT64_MAX), burst);
    assert_true(hf_token_bucket_take(bucket, burst, UINT64_MAX, NULL));
    uint64_t wait_ns = 0;
    assert_false(hf_token_bucket_take(bucket, burst, UINT64_MAX, &wait_ns));
    /* As long as filling takes, rounded up. */
    wide exact = (wide)burst * rows[i].period_ns;
    assert_true(wait_ns == (uint64_t)((exact + rows[i].tokens - 1) / rows[i].tokens));
    hf_token_bucket_destroy(bucket);
  }
}

static void making_takes_one_block_or_says_that_there_is_none(void **state) {
  (void)state;
  static counting_allocator counting;
  hf_token_bucket_options options = {1, NS_PER_S, 0};
  hf_allocator hooks = counting_hooks(&counting);
  hf_token_bucket *bucket = NULL;
  counting_reset(&counting, 1);
  hf_error error;
  assert_int_equal(hf_token_bucket_create(&options, 0, &hooks, &bucket, &error),
                   HF_ERROR_OUT_OF_MEMORY);
  assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
  assert_null(bucket);
  counting_reset(&counting, 0);
  assert_int_equal(hf_token_bucket_create(&options, 0, &hooks, &bucket, NULL), HF_OK);
  uint64_t wait_ns;
  hf_token_bucket_take(bucket, 1, 0, NULL);
  hf_token_bucket_reserve(bucket, 1, 0, UINT64_MAX, &wait_ns);
  hf_token_bucket_give_back(bucket, 1);
  hf_token_bucket_reset(bucket, 0);
  assert_int_equal(counting.allocations, 1);
  hf_token_bucket_destroy(bucket);
  assert_int_equal(counting.live_blocks, 0);
  hf_token_bucket_destroy(NULL);
}

/* Taking -------------------------------------------------------------------- */

static void a_full_bucket_gives_its_burst_one_by_one(void **state) {
  (void)state;
  /* A token takes a third of a second, and 1.001 ns: neither is a whole number. */
  static const hf_token_bucket_options rows[] = {{3, NS_PER_S, 3}, {999, 1000, 100000}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_token_bucket *bucket = bucket_of(rows[i].tokens, rows[i].period_ns, rows[i].burst, 7);
    for (uint64_t n = 0; n < rows[i].burst; n++) {
      assert_int_equal(hf_token_bucket_available(bucket, 7), rows[i].burst - n);
      assert_true(hf_token_bucket_take(bucket, 1, 7, NULL));
    }
    assert_int_equal(hf_token_bucket_available(bucket, 7), 0);
    assert_false(hf_token_bucket_take(bucket, 1, 7, NULL));
    hf_token_bucket_destroy(bucket);
  }
}

static void a_token_is_there_when_it_was_said_and_not_before(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(3, NS_PER_S, 3, 0);
  uint64_t retry_after_ns = 1;
  assert_true(hf_token_bucket_take(bucket, 3, 0, &retry_after_ns));
  assert_int_equal(retry_after_ns, 0);
  /* Without anything added up: the 3,000,000th comes after 1,000,000 seconds. */
  uint64_t now_ns = 0;
  for (uint64_t n = 1; n <= 300; n++) {
    uint64_t due_ns = (n * NS_PER_S + 2) / 3;
    assert_false(hf_token_bucket_take(bucket, 1, now_ns, &retry_after_ns));
    assert_int_equal(now_ns + retry_after_ns, due_ns);
    assert_false(hf_token_bucket_take(bucket, 1, due_ns - 1, &retry_after_ns));
    assert_int_equal(retry_after_ns, 1);
    assert_true(hf_token_bucket_take(bucket, 1, due_ns, &retry_after_ns));
    assert_int_equal(retry_after_ns, 0);
    now_ns = due_ns;
  }
  hf_token_bucket_destroy(bucket);
}

static void what_does_not_fit_is_never_there(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(10, NS_PER_S, 5, 0);
  const uint64_t counts[] = {6, 10, UINT64_C(1) << 60, UINT64_MAX};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    uint64_t wait_ns = 0;
    assert_false(hf_token_bucket_take(bucket, counts[i], 0, &wait_ns));
    assert_true(wait_ns == UINT64_MAX);
    wait_ns = 0;
    assert_false(hf_token_bucket_reserve(bucket, counts[i], 0, UINT64_MAX, &wait_ns));
    assert_true(wait_ns == UINT64_MAX);
  }
  assert_int_equal(hf_token_bucket_available(bucket, 0), 5);
  hf_token_bucket_destroy(bucket);
}

static void none_are_always_there(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1, NS_PER_S, 1, 0);
  uint64_t wait_ns;
  assert_true(hf_token_bucket_reserve(bucket, 1, 0, 0, &wait_ns));
  assert_true(hf_token_bucket_reserve(bucket, 1, 0, NS_PER_S, &wait_ns));
  assert_int_equal(wait_ns, NS_PER_S);
  wait_ns = 5;
  assert_true(hf_token_bucket_take(bucket, 0, 0, &wait_ns));
  assert_int_equal(wait_ns, 0);
  wait_ns = 5;
  assert_true(hf_token_bucket_reserve(bucket, 0, 0, 0, &wait_ns));
  assert_int_equal(wait_ns, 0);
  hf_token_bucket_destroy(bucket);
}

static void it_never_holds_more_than_its_burst(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1, NS_PER_S, 4, 0);
  assert_true(hf_token_bucket_take(bucket, 1, 0, NULL));
  assert_int_equal(hf_token_bucket_available(bucket, 1000 * NS_PER_S), 4);
  hf_token_bucket_give_back(bucket, 1);
  assert_int_equal(hf_token_bucket_available(bucket, 1000 * NS_PER_S), 4);
  hf_token_bucket_give_back(bucket, UINT64_MAX);
  assert_int_equal(hf_token_bucket_available(bucket, 0), 4);
  assert_true(hf_token_bucket_take(bucket, 4, 1000 * NS_PER_S, NULL));
  assert_false(hf_token_bucket_take(bucket, 1, 1000 * NS_PER_S, NULL));
  hf_token_bucket_destroy(bucket);
}

static void resetting_fills_it_and_forgets_reservations(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1, NS_PER_S, 2, 0);
  uint64_t wait_ns;
  for (uint64_t n = 0; n < 9; n++) {
    assert_true(hf_token_bucket_reserve(bucket, 1, 0, UINT64_MAX, &wait_ns));
  }
  assert_int_equal(wait_ns, 7 * NS_PER_S);
  hf_token_bucket_reset(bucket, NS_PER_S / 2);
  assert_int_equal(hf_token_bucket_available(bucket, NS_PER_S / 2), 2);
  assert_true(hf_token_bucket_take(bucket, 2, NS_PER_S / 2, NULL));
  assert_false(hf_token_bucket_take(bucket, 1, NS_PER_S, &wait_ns));
  assert_int_equal(wait_ns, NS_PER_S / 2);
  hf_token_bucket_destroy(bucket);
}

/* Reserving ----------------------------------------------------------------- */

static void reservations_come_one_after_the_other(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(10, NS_PER_S, 2, 0);
  const uint64_t waits_ms[] = {0, 0, 100, 200, 300};
  uint64_t wait_ns;
  for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
    assert_true(hf_token_bucket_reserve(bucket, 1, 0, 300 * NS_PER_MS, &wait_ns));
    assert_int_equal(wait_ns, waits_ms[i] * NS_PER_MS);
  }
  /* Who would wait for longer does not take a place, nor does who would not wait. */
  assert_false(hf_token_bucket_reserve(bucket, 1, 0, 400 * NS_PER_MS - 1, &wait_ns));
  assert_int_equal(wait_ns, 400 * NS_PER_MS);
  assert_false(hf_token_bucket_take(bucket, 1, 0, &wait_ns));
  assert_int_equal(wait_ns, 400 * NS_PER_MS);
  /* Nobody overtakes, though a token has come in by now. */
  assert_false(hf_token_bucket_take(bucket, 1, 150 * NS_PER_MS, &wait_ns));
  assert_int_equal(wait_ns, 250 * NS_PER_MS);
  assert_int_equal(hf_token_bucket_available(bucket, 150 * NS_PER_MS), 0);
  assert_true(hf_token_bucket_reserve(bucket, 2, 0, 500 * NS_PER_MS, &wait_ns));
  assert_int_equal(wait_ns, 500 * NS_PER_MS);
  hf_token_bucket_destroy(bucket);
}

static void what_is_given_back_goes_to_who_asks_next(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(10, NS_PER_S, 1, 0);
  uint64_t wait_ns;
  for (uint64_t n = 0; n < 4; n++) {
    assert_true(hf_token_bucket_reserve(bucket, 1, 0, UINT64_MAX, &wait_ns));
  }
  assert_int_equal(wait_ns, 300 * NS_PER_MS);
  hf_token_bucket_give_back(bucket, 2);
  assert_true(hf_token_bucket_reserve(bucket, 1, 0, UINT64_MAX, &wait_ns));
  assert_int_equal(wait_ns, 200 * NS_PER_MS);
  hf_token_bucket_destroy(bucket);
}

/* As far ahead as a word goes. */
static void reservations_end_before_they_wrap(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1, DAY_NS, 365, UINT64_MAX - 5);
  uint64_t wait_ns = 0;
  uint64_t before_ns = 0;
  unsigned years = 0;
  while (hf_token_bucket_reserve(bucket, 365, 100, UINT64_MAX, &wait_ns)) {
    assert_true(years < 60);
    assert_int_equal(wait_ns, years == 0 ? 0 : years * 365 * DAY_NS);
    before_ns = wait_ns;
    years++;
  }
  assert_true(years > 30);
  assert_true(wait_ns == UINT64_MAX);
  /* A smaller one still fits behind; nothing was changed by what did not. */
  assert_true(hf_token_bucket_reserve(bucket, 1, 100, UINT64_MAX, &wait_ns));
  assert_int_equal(wait_ns, before_ns + DAY_NS);
  hf_token_bucket_destroy(bucket);
}

/* Time ---------------------------------------------------------------------- */

static void any_time_may_be_the_beginning(void **state) {
  (void)state;
  const uint64_t beginnings[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX - NS_PER_S, UINT64_MAX};
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
    uint64_t now_ns = beginnings[i];
    hf_token_bucket *bucket = bucket_of(10, NS_PER_S, 10, now_ns);
    assert_true(hf_token_bucket_take(bucket, 10, now_ns, NULL));
    for (unsigned n = 0; n < 30; n++) {
      uint64_t wait_ns;
      assert_false(hf_token_bucket_take(bucket, 1, now_ns, &wait_ns));
      assert_int_equal(wait_ns, 100 * NS_PER_MS);
      now_ns += wait_ns; /* past the end of time, perhaps */
      assert_true(hf_token_bucket_take(bucket, 1, now_ns, &wait_ns));
    }
    assert_int_equal(hf_token_bucket_available(bucket, now_ns + NS_PER_S), 10);
    hf_token_bucket_destroy(bucket);
  }
}

static void a_clock_that_goes_back_gives_nothing_twice(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1, NS_PER_S, 3, 100 * NS_PER_S);
  uint64_t wait_ns;
  assert_true(hf_token_bucket_take(bucket, 3, 110 * NS_PER_S, NULL));
  for (uint64_t s = 105; s < 111; s++) {
    assert_int_equal(hf_token_bucket_available(bucket, s * NS_PER_S), 0);
    assert_false(hf_token_bucket_take(bucket, 1, s * NS_PER_S, &wait_ns));
    assert_int_equal(wait_ns, (111 - s) * NS_PER_S);
  }
  /* Before the beginning, by however much, it is the beginning. */
  assert_false(hf_token_bucket_take(bucket, 1, 99 * NS_PER_S, &wait_ns));
  assert_int_equal(wait_ns, 11 * NS_PER_S);
  assert_false(hf_token_bucket_take(bucket, 1, 0, &wait_ns));
  assert_int_equal(wait_ns, 11 * NS_PER_S);
  assert_true(hf_token_bucket_take(bucket, 1, 111 * NS_PER_S, &wait_ns));
  hf_token_bucket_reset(bucket, 120 * NS_PER_S);
  assert_int_equal(hf_token_bucket_available(bucket, 118 * NS_PER_S), 1);
  hf_token_bucket_destroy(bucket);
}

static void time_stands_still_after_eighteen_years(void **state) {
  (void)state;
  hf_token_bucket *bucket = bucket_of(1000000000, NS_PER_S, 10, 50);
  assert_true(hf_token_bucket_take(bucket, 10, 50 + LAST_NS - 5, NULL));
  assert_int_equal(hf_token_bucket_available(bucket, 50 + LAST_NS), 5);
  assert_int_equal(hf_token_bucket_available(bucket, 50 + LAST_NS + 1), 5);
  assert_int_equal(hf_token_bucket_available(bucket, 50 + (uint64_t)INT64_MAX), 5);
  assert_true(hf_token_bucket_take(bucket, 5, 50 + (uint64_t)INT64_MAX, NULL));
  assert_false(hf_token_bucket_take(bucket, 1, 50 + (uint64_t)INT64_MAX, NULL));
  hf_token_bucket_destroy(bucket);
}

/* The oracle ---------------------------------------------------------------- */

/* A bucket that is filled as time goes on. What it holds is counted in parts of which a token has
 * `period_ns`, so that each nanosecond brings `tokens` of them; below 0 is what is reserved. */
typedef struct oracle {
  hf_token_bucket_options options;
  wide level;
  uint64_t now_ns;
} oracle;

static void oracle_advance(oracle *exact, uint64_t now_ns) {
  wide most = (wide)exact->options.burst * exact->options.period_ns;
  wide level = exact->level + (wide)(now_ns - exact->now_ns) * exact->options.tokens;
  exact->level = level < most ? level : most;
  exact->now_ns = now_ns;
}

static void oracle_give_back(oracle *exact, uint64_t count) {
  exact->level += (wide)count * exact->options.period_ns;
  oracle_advance(exact, exact->now_ns);
}

static wide up(wide a, wide b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static wide down(wide a, wide b) {
  return -up(-a, b);
}

/* How long until so many are there, and so many quarters of a nanosecond; rounded up. */
static uint64_t oracle_wait(const oracle *exact, uint64_t count, int quarters) {
  wide missing = (wide)count * exact->options.period_ns - exact->level;
  wide wait_ns =
      up(4 * missing + quarters * (wide)exact->options.tokens, 4 * (wide)exact->options.tokens);
  return wait_ns > 0 ? (uint64_t)wait_ns : 0;
}

/* How many will be there in so many quarters of a nanosecond. */
static uint64_t oracle_available(const oracle *exact, int quarters) {
  wide most = (wide)exact->options.burst;
  wide count = down(4 * exact->level + quarters * (wide)exact->options.tokens,
                    4 * (wide)exact->options.period_ns);
  count = count < most ? count : most;
  return count > 0 ? (uint64_t)count : 0;
}

/* One step of a trace. `slack` is how early a token may be there, in quarters of a nanosecond. */
static void step(hf_token_bucket *bucket, oracle *exact, test_random *random, int slack,
                 uint64_t *held) {
  uint64_t burst = exact->options.burst;
  uint64_t count = 1 + test_random_next(random) % (test_random_below(random, 4) == 0 ? burst : 3);
  uint64_t now_ns = exact->now_ns;
  uint64_t least_ns = oracle_wait(exact, count, -slack);
  uint64_t most_ns = oracle_wait(exact, count, 0);
  uint64_t wait_ns = 0;
  uint64_t limit_ns = 0;
  bool taken = false;
  switch (test_random_below(random, 8)) {
  case 0:
    if (*held == 0) {
      return;
    }
    count = 1 + test_random_next(random) % *held;
    hf_token_bucket_give_back(bucket, count);
    oracle_give_back(exact, count);
    *held -= count;
    return;
  case 1:
  case 2:
    limit_ns = test_random_next(random) % (4 * oracle_wait(exact, burst, 0) + 4);
    taken = hf_token_bucket_reserve(bucket, count, now_ns, limit_ns, &wait_ns);
    break;
  case 3:
    /* Just so long, or just not. */
    limit_ns = least_ns == 0 ? 0 : least_ns - test_random_below(random, 2);
    taken = hf_token_bucket_reserve(bucket, count, now_ns, limit_ns, &wait_ns);
    break;
  default:
    taken = hf_token_bucket_take(bucket, count, now_ns, &wait_ns);
    break;
  }
  if (count > burst) {
    assert_false(taken);
    assert_true(wait_ns == UINT64_MAX);
    return;
  }
  assert_in_range(wait_ns, least_ns, most_ns);
  assert_int_equal(taken, wait_ns <= limit_ns);
  if (taken) {
    exact->level -= (wide)count * exact->options.period_ns;
    *held += count;
  }
}

static void run_trace(const hf_token_bucket_options *options, test_random *random, int slack) {
  uint64_t begin_ns = test_random_next(random) >> test_random_below(random, 64);
  oracle exact = {*options, (wide)options->burst * options->period_ns, begin_ns};
  hf_token_bucket *bucket =
      bucket_of(options->tokens, options->period_ns, options->burst, begin_ns);
  uint64_t held = 0;
  uint64_t token_ns = options->period_ns / options->tokens + 1;
  for (uint32_t i = 0; i < TRACE_STEPS; i++) {
    step(bucket, &exact, random, slack, &held);
    if (test_random_below(random, 3) > 0) {
      uint64_t on_ns = test_random_next(random) % (2 * token_ns);
      if (test_random_below(random, 50) == 0) {
        on_ns *= options->burst;
      }
      /* The oracle's time does not wrap, nor stand still. */
      if (on_ns <= UINT64_MAX - exact.now_ns && exact.now_ns + on_ns - begin_ns <= LAST_NS) {
        oracle_advance(&exact, exact.now_ns + on_ns);
      }
    }
    assert_in_range(hf_token_bucket_available(bucket, exact.now_ns), oracle_available(&exact, 0),
                    oracle_available(&exact, slack));
  }
  hf_token_bucket_destroy(bucket);
}

/* Of rates whose ticks come out even the answers are the oracle's, to the nanosecond. */
static void even_rates_are_answered_as_by_a_bucket(void **state) {
  (void)state;
  test_random random = test_random_start("even rates");
  for (uint32_t i = 0; i < TRACES; i++) {
    hf_token_bucket_options options;
    options.period_ns = UINT64_C(1024) << test_random_below(&random, 36);
    options.tokens = 1 + test_random_below(&random, 15);
    uint64_t in_a_year = 365 * DAY_NS / options.period_ns;
    uint64_t most = UINT64_C(1) << test_random_below(&random, 16);
    options.burst = 1 + test_random_next(&random) % (most < in_a_year ? most : in_a_year);
    run_trace(&options, &random, 0);
  }
}

/* Of all others a token is there less than a quarter of a nanosecond too early, however long it
 * goes on, and never too late. */
static void all_rates_are_answered_as_by_a_bucket(void **state) {
  (void)state;
  test_random random = test_random_start("all rates");
  for (uint32_t i = 0; i < TRACES; i++) {
    hf_token_bucket_options options;
    options.period_ns =
        1000 + test_random_next(&random) % (DAY_NS >> test_random_below(&random, 46));
    uint64_t most = options.period_ns < 1000000000 ? options.period_ns : 1000000000;
    options.tokens =
        1 + test_random_next(&random) % (1 + (most - 1) / (1 + test_random_next(&random) % most));
    wide in_a_year = (wide)365 * DAY_NS * options.tokens / options.period_ns;
    most = UINT64_C(1) << test_random_below(&random, 30);
    options.burst = 1 + test_random_next(&random) % (most < in_a_year ? most : (uint64_t)in_a_year);
    run_trace(&options, &random, 1);
  }
}

/* Threads ------------------------------------------------------------------- */

/* What was taken, and between which two looks at a common counter. */
typedef struct taking {
  uint64_t due_ns;
  uint64_t count;
  uint64_t begun;
  uint64_t ended;
} taking;

typedef struct crowd {
  hf_token_bucket *bucket;
  uint64_t burst;
  uint64_t longest_wait_ns;
  uint64_t step_ns;
  atomic_uint_least64_t clock_ns;
  atomic_uint_least64_t counter;
  pthread_barrier_t start;
} crowd;

typedef struct worker {
  crowd *shared;
  test_random random;
  taking *takings; /* OPERATIONS */
  size_t count;
  uint64_t held;
} worker;

static void run_threads(void *(*body)(void *), crowd *shared, worker *workers) {
  pthread_t threads[THREADS];
  pthread_barrier_init(&shared->start, NULL, THREADS);
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  pthread_barrier_destroy(&shared->start);
}

static void *take_or_reserve(void *argument) {
  worker *self = argument;
  crowd *shared = self->shared;
  pthread_barrier_wait(&shared->start);
  for (size_t i = 0; i < OPERATIONS; i++) {
    taking *made = &self->takings[self->count];
    made->count = 1 + test_random_below(&self->random, 2);
    made->begun = atomic_fetch_add(&shared->counter, 1);
    /* Some look at the clock and are held up. */
    uint64_t now_ns = atomic_fetch_add(&shared->clock_ns, shared->step_ns);
    uint64_t wait_ns = 0;
    uint64_t longest_ns = test_random_below(&self->random, 2) == 0 ? 0 : shared->longest_wait_ns;
    if (hf_token_bucket_reserve(shared->bucket, made->count, now_ns, longest_ns, &wait_ns)) {
      made->due_ns = now_ns + wait_ns;
      made->ended = atomic_fetch_add(&shared->counter, 1);
      self->count++;
    }
  }
  return NULL;
}

static int by_due(const void *a, const void *b) {
  uint64_t first = ((const taking *)a)->due_ns;
  uint64_t second = ((const taking *)b)->due_ns;
  return (first > second) - (first < second);
}

static int by_end(const void *a, const void *b) {
  uint64_t first = ((const taking *)a)->ended;
  uint64_t second = ((const taking *)b)->ended;
  return (first > second) - (first < second);
}

static int by_begin(const void *a, const void *b) {
  uint64_t first = ((const taking *)a)->begun;
  uint64_t second = ((const taking *)b)->begun;
  return (first > second) - (first < second);
}

/* Invariant 1: in no stretch of time more than the burst and what came in. A bucket that holds a
 * nanosecond's more, and is emptied by them in the order of time, tells. */
static void check_rate(taking *takings, size_t count, const hf_token_bucket_options *options) {
  qsort(takings, count, sizeof *takings, by_due);
  oracle exact = {*options, (wide)options->burst * options->period_ns, 0};
  for (size_t i = 0; i < count; i++) {
    oracle_advance(&exact, takings[i].due_ns);
    exact.level -= (wide)takings[i].count * options->period_ns;
    if (exact.level < -(wide)options->tokens) {
      test_fail("too many are taken by %" PRIu64 " ns\n", takings[i].due_ns);
    }
  }
}

/* Invariant 3: who began when another one had ended is served no earlier. */
static void check_order(taking *takings, size_t count) {
  taking *ended = malloc(count * sizeof *ended);
  assert_non_null(ended);
  memcpy(ended, takings, count * sizeof *ended);
  qsort(ended, count, sizeof *ended, by_end);
  qsort(takings, count, sizeof *takings, by_begin);
  uint64_t latest_ns = 0;
  size_t after = 0;
  for (size_t i = 0; i < count; i++) {
    for (; after < count && ended[after].ended < takings[i].begun; after++) {
      latest_ns = latest_ns > ended[after].due_ns ? latest_ns : ended[after].due_ns;
    }
    if (takings[i].due_ns < latest_ns) {
      test_fail("due at %" PRIu64 " ns, after one that is due at %" PRIu64 "\n", takings[i].due_ns,
                latest_ns);
    }
  }
  free(ended);
}

static void threads_together_keep_to_the_rate_and_the_order(void **state) {
  (void)state;
  static const struct {
    hf_token_bucket_options options;
    uint64_t longest_wait_ns;
    uint64_t step_ns;
  } rows[] = {
      {{1000, NS_PER_S, 10}, 0, 400 * NS_PER_US},
      {{1000, NS_PER_S, 10}, 50 * NS_PER_MS, 400 * NS_PER_US},
      {{7, 3 * NS_PER_MS, 3}, UINT64_MAX, 1},
      {{999, 1000, 1000}, 20, 1},
  };
  taking *takings = malloc(THREADS * OPERATIONS * sizeof *takings);
  taking *all = malloc(THREADS * OPERATIONS * sizeof *all);
  assert_non_null(takings);
  assert_non_null(all);
  for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
    const hf_token_bucket_options *options = &rows[row].options;
    crowd shared = {.longest_wait_ns = rows[row].longest_wait_ns, .step_ns = rows[row].step_ns};
    shared.bucket = bucket_of(options->tokens, options->period_ns, options->burst, 0);
    worker workers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
      workers[i] = (worker){&shared, {row * THREADS + i}, &takings[i * OPERATIONS], 0, 0};
    }
    run_threads(take_or_reserve, &shared, workers);
    size_t count = 0;
    for (size_t i = 0; i < THREADS; i++) {
      memcpy(&all[count], workers[i].takings, workers[i].count * sizeof *all);
      count += workers[i].count;
    }
    assert_true(count > options->burst);
    check_order(all, count);
    check_rate(all, count, options);
    hf_token_bucket_destroy(shared.bucket);
  }
  free(takings);
  free(all);
}

static void *take_and_give_back(void *argument) {
  worker *self = argument;
  hf_token_bucket *bucket = self->shared->bucket;
  pthread_barrier_wait(&self->shared->start);
  for (size_t i = 0; i < OPERATIONS; i++) {
    uint64_t count = 1 + test_random_below(&self->random, 3);
    if (test_random_below(&self->random, 2) == 0) {
      self->held += hf_token_bucket_take(bucket, count, NS_PER_S, NULL) ? count : 0;
    } else if (self->held >= count) {
      hf_token_bucket_give_back(bucket, count);
      self->held -= count;
    }
  }
  return NULL;
}

/* While time stands still, of a bucket that has enough for all. */
static void what_threads_hold_is_missing_from_the_bucket(void **state) {
  (void)state;
  const uint64_t burst = 3 * THREADS * OPERATIONS;
  crowd shared = {.bucket = bucket_of(1, NS_PER_S, burst, 0)};
  worker workers[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){&shared, {i}, NULL, 0, 0};
  }
  run_threads(take_and_give_back, &shared, workers);
  uint64_t held = 0;
  for (size_t i = 0; i < THREADS; i++) {
    held += workers[i].held;
  }
  assert_int_equal(hf_token_bucket_available(shared.bucket, NS_PER_S), burst - held);
  hf_token_bucket_destroy(shared.bucket);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_out_of_range_is_named),
      cmocka_unit_test(the_widest_options_are_accepted),
      cmocka_unit_test(making_takes_one_block_or_says_that_there_is_none),
      cmocka_unit_test(a_full_bucket_gives_its_burst_one_by_one),
      cmocka_unit_test(a_token_is_there_when_it_was_said_and_not_before),
      cmocka_unit_test(what_does_not_fit_is_never_there),
      cmocka_unit_test(none_are_always_there),
      cmocka_unit_test(it_never_holds_more_than_its_burst),
      cmocka_unit_test(resetting_fills_it_and_forgets_reservations),
      cmocka_unit_test(reservations_come_one_after_the_other),
      cmocka_unit_test(what_is_given_back_goes_to_who_asks_next),
      cmocka_unit_test(reservations_end_before_they_wrap),
      cmocka_unit_test(any_time_may_be_the_beginning),
      cmocka_unit_test(a_clock_that_goes_back_gives_nothing_twice),
      cmocka_unit_test(time_stands_still_after_eighteen_years),
      cmocka_unit_test(even_rates_are_answered_as_by_a_bucket),
      cmocka_unit_test(all_rates_are_answered_as_by_a_bucket),
      cmocka_unit_test(threads_together_keep_to_the_rate_and_the_order),
      cmocka_unit_test(what_threads_hold_is_missing_from_the_bucket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
