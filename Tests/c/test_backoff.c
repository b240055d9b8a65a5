/*
 * Delays before retries: how they grow, where they end, and how jitter spreads them. What is random
 * here begins with fixed seeds, so a test that passes does so always; its limits are those of one
 * run in a thousand.
 */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

enum {
  BUCKETS = 16,
  SAMPLES = 160000,
  THREADS = 4,
  NUMBERS = 20000, /* of a thread */
};

/* Above this is chi-square with 15 degrees of freedom once in a thousand times. */
static const double MOST_CHI_SQUARE = 37.697;
/* Farther off than this is a normal variable once in a thousand times. */
static const double MOST_DEVIATIONS = 3.29;

static hf_backoff backoff_of(uint64_t base_ns, uint64_t max_ns, double exponential_base,
                             hf_jitter jitter) {
  return (hf_backoff){base_ns, max_ns, exponential_base, jitter};
}

/* Growing ------------------------------------------------------------------- */

static void defaults_are_as_documented_and_accepted(void **state) {
  (void)state;
  hf_backoff backoff = hf_backoff_default();
  assert_int_equal(backoff.base_ns, 500 * NS_PER_MS);
  assert_int_equal(backoff.max_ns, 8 * NS_PER_S);
  assert_true(backoff.exponential_base == 2);
  assert_int_equal(backoff.jitter, HF_JITTER_FULL);
  assert_int_equal(hf_backoff_check(&backoff, NULL), HF_OK);
}

static void delays_grow_to_the_longest_and_stay_there(void **state) {
  (void)state;
  hf_backoff backoff = backoff_of(100 * NS_PER_MS, 2 * NS_PER_S, 3, HF_JITTER_NONE);
  const uint64_t delays_ms[] = {0, 100, 300, 900, 2000, 2000};
  for (uint32_t retry = 0; retry < sizeof delays_ms / sizeof delays_ms[0]; retry++) {
    assert_int_equal(hf_backoff_delay_ns(&backoff, retry, 77, UINT64_MAX),
                     delays_ms[retry] * NS_PER_MS);
  }
  assert_int_equal(hf_backoff_delay_ns(&backoff, UINT32_MAX, 0, 0), 2 * NS_PER_S);
}

/* As the loop that one would write; the function squares. */
static void each_delay_is_the_one_before_times_the_base(void **state) {
  (void)state;
  const double bases[] = {1, 1.0000001, 1.1, 1.5, 2, 2.5, 7, 10, 100};
  for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
    hf_backoff backoff = backoff_of(1, HF_BACKOFF_MOST_NS, bases[i], HF_JITTER_NONE);
    long double exact = 1;
    for (uint32_t retry = 1; retry < 3000; retry++) {
      uint64_t delay_ns = hf_backoff_delay_ns(&backoff, retry, 0, 0);
      long double expected = exact < HF_BACKOFF_MOST_NS ? exact : HF_BACKOFF_MOST_NS;
      /* To the nearest, with what 3,000 roundings of a double add up to. */
      assert_true(fabsl((long double)delay_ns - expected) <= 0.5L + expected * 1e-12L);
      exact *= (long double)bases[i];
    }
  }
}

static void delays_are_rounded_to_the_nearest(void **state) {
  (void)state;
  hf_backoff backoff = backoff_of(3, 100, 1.5, HF_JITTER_NONE);
  assert_int_equal(hf_backoff_delay_ns(&backoff, 2, 0, 0), 5); /* 4.5 */
  assert_int_equal(hf_backoff_delay_ns(&backoff, 3, 0, 0), 7); /* 6.75 */
  backoff.base_ns = 1;
  assert_int_equal(hf_backoff_delay_ns(&backoff, 3, 0, 0), 2); /* 2.25 */
}

static void without_a_base_there_is_no_delay(void **state) {
  (void)state;
  for (hf_jitter jitter = HF_JITTER_NONE; jitter <= HF_JITTER_DECORRELATED; jitter++) {
    hf_backoff backoff = backoff_of(0, NS_PER_S, 100, jitter);
    assert_int_equal(hf_backoff_delay_ns(&backoff, 1, 0, UINT64_MAX), 0);
    /* 100 to that power is infinite. */
    assert_int_equal(hf_backoff_delay_ns(&backoff, 1000, 0, UINT64_MAX), 0);
    hf_backoff none = backoff_of(NS_PER_S, 0, 2, jitter);
    assert_int_equal(hf_backoff_delay_ns(&none, 1, NS_PER_S, UINT64_MAX), 0);
    hf_backoff first = backoff_of(NS_PER_S, 8 * NS_PER_S, 2, jitter);
    assert_int_equal(hf_backoff_delay_ns(&first, 0, NS_PER_S, UINT64_MAX), 0);
  }
}

static void a_base_beyond_the_longest_is_cut_to_it(void **state) {
  (void)state;
  for (hf_jitter jitter = HF_JITTER_NONE; jitter <= HF_JITTER_DECORRELATED; jitter++) {
    hf_backoff backoff = backoff_of(5 * NS_PER_S, NS_PER_S, 2, jitter);
    assert_int_equal(hf_backoff_delay_ns(&backoff, 1, 0, UINT64_MAX), NS_PER_S);
    assert_int_equal(hf_backoff_delay_ns(&backoff, 9, UINT64_MAX, UINT64_MAX), NS_PER_S);
    assert_true(hf_backoff_delay_ns(&backoff, 1, 0, 0) <= NS_PER_S);
  }
}

/* Checking ------------------------------------------------------------------ */

static void what_is_out_of_range_is_named(void **state) {
  (void)state;
  hf_backoff right = hf_backoff_default();
  struct {
    const char *name;
    hf_backoff backoff;
  } rows[] = {{"base_ns", right},          {"max_ns", right},
              {"exponential_base", right}, {"exponential_base", right},
              {"exponential_base", right}, {"exponential_base", right},
              {"jitter", right},           {"jitter", right}};
  rows[0].backoff.base_ns = HF_BACKOFF_MOST_NS + 1;
  rows[1].backoff.max_ns = UINT64_MAX;
  rows[2].backoff.exponential_base = 0.999;
  rows[3].backoff.exponential_base = 100.5;
  rows[4].backoff.exponential_base = (double)NAN;
  rows[5].backoff.exponential_base = -2;
  rows[6].backoff.jitter = (hf_jitter)4;
  rows[7].backoff.jitter = (hf_jitter)-1;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_error error;
    assert_int_equal(hf_backoff_check(&rows[i].backoff, &error), HF_ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
    test_check_message(&error);
    assert_true(strncmp(error.message, rows[i].name, strlen(rows[i].name)) == 0);
    assert_int_equal(hf_backoff_check(&rows[i].backoff, NULL), HF_ERROR_INVALID_ARGUMENT);
    /* And yet there is some delay. */
    for (uint32_t retry = 0; retry < 100; retry++) {
      assert_true(hf_backoff_delay_ns(&rows[i].backoff, retry, UINT64_MAX, UINT64_MAX) <=
                  HF_BACKOFF_MOST_NS);
    }
  }
  hf_error untouched = test_untouched_error();
  hf_error error = untouched;
  hf_backoff widest = backoff_of(HF_BACKOFF_MOST_NS, HF_BACKOFF_MOST_NS, 100, HF_JITTER_NONE);
  assert_int_equal(hf_backoff_check(&widest, &error), HF_OK);
  hf_backoff narrowest = backoff_of(0, 0, 1, HF_JITTER_DECORRELATED);
  assert_int_equal(hf_backoff_check(&narrowest, &error), HF_OK);
  assert_memory_equal(&error, &untouched, sizeof error);
}

static void kinds_of_jitter_have_names(void **state) {
  (void)state;
  assert_string_equal(hf_jitter_name(HF_JITTER_NONE), "none");
  assert_string_equal(hf_jitter_name(HF_JITTER_FULL), "full");
  assert_string_equal(hf_jitter_name(HF_JITTER_EQUAL), "equal");
  assert_string_equal(hf_jitter_name(HF_JITTER_DECORRELATED), "decorrelated");
  assert_string_equal(hf_jitter_name((hf_jitter)9), "unknown");
}

/* Jitter -------------------------------------------------------------------- */

/* Values that should lie anywhere from 0 to 1, each as likely. */
typedef struct spread {
  uint32_t counts[BUCKETS];
  uint32_t samples;
  double sum;
} spread;

static void spread_add(spread *of, double value) {
  assert_true(value >= 0 && value <= 1);
  size_t bucket = (size_t)(value * (double)BUCKETS);
  of->counts[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  of->samples++;
  of->sum += value;
}

static void check_spread(const spread *of, const char *what) {
  double expected = (double)of->samples / (double)BUCKETS;
  double chi_square = 0;
  for (size_t i = 0; i < BUCKETS; i++) {
    chi_square += (of->counts[i] - expected) * (of->counts[i] - expected) / expected;
  }
  /* The deviation of one value is that of an even spread, 1/sqrt(12). */
  double deviations = (of->sum / of->samples - 0.5) * sqrt(12.0 * of->samples);
  printf("%s: chi-square %.1f, mean off by %.2f deviations\n", what, chi_square, deviations);
  if (!(chi_square < MOST_CHI_SQUARE && fabs(deviations) < MOST_DEVIATIONS)) {
    test_fail("%s is not spread evenly\n", what);
  }
}

/* Draws delays of one retry; where they lie from `least_ns` to `most_ns`. */
static void check_delays(const hf_backoff *backoff, uint32_t retry, uint64_t least_ns,
                         uint64_t most_ns, const char *what) {
  uint64_t random = 2015;
  spread found = {{0}, 0, 0};
  for (uint32_t i = 0; i < SAMPLES; i++) {
    uint64_t delay_ns = hf_backoff_delay_ns(backoff, retry, 0, hf_random_next(&random));
    assert_in_range(delay_ns, least_ns, most_ns);
    spread_add(&found, (double)(delay_ns - least_ns) / (double)(most_ns - least_ns));
  }
  check_spread(&found, what);
  /* Both ends are reached. */
  assert_int_equal(hf_backoff_delay_ns(backoff, retry, 0, 0), least_ns);
  assert_int_equal(hf_backoff_delay_ns(backoff, retry, 0, UINT64_MAX), most_ns);
}

static void full_jitter_is_spread_from_nothing_to_the_delay(void **state) {
  (void)state;
  hf_backoff backoff = hf_backoff_default();
  check_delays(&backoff, 1, 0, 500 * NS_PER_MS, "full, first retry");
  check_delays(&backoff, 3, 0, 2000 * NS_PER_MS, "full, third retry");
  check_delays(&backoff, 30, 0, 8000 * NS_PER_MS, "full, at the longest");
  hf_backoff longest = backoff_of(HF_BACKOFF_MOST_NS, HF_BACKOFF_MOST_NS, 1, HF_JITTER_FULL);
  check_delays(&longest, 1, 0, HF_BACKOFF_MOST_NS, "full, a day");
}

static void equal_jitter_is_spread_over_the_upper_half(void **state) {
  (void)state;
  hf_backoff backoff = hf_backoff_default();
  backoff.jitter = HF_JITTER_EQUAL;
  check_delays(&backoff, 1, 250 * NS_PER_MS, 500 * NS_PER_MS, "equal, first retry");
  check_delays(&backoff, 30, 4000 * NS_PER_MS, 8000 * NS_PER_MS, "equal, at the longest");
  /* The half of an odd delay is rounded down. */
  hf_backoff odd = backoff_of(7, 7, 1, HF_JITTER_EQUAL);
  assert_int_equal(hf_backoff_delay_ns(&odd, 1, 0, 0), 3);
  assert_int_equal(hf_backoff_delay_ns(&odd, 1, 0, UINT64_MAX), 7);
}

/* Of few values each comes as often as any other, the ends too. */
static void every_value_is_as_likely(void **state) {
  (void)state;
  hf_backoff backoff = backoff_of(BUCKETS - 1, BUCKETS - 1, 1, HF_JITTER_FULL);
  uint64_t random = 1;
  spread found = {{0}, 0, 0};
  for (uint32_t i = 0; i < SAMPLES; i++) {
    found.counts[hf_backoff_delay_ns(&backoff, 1, 0, hf_random_next(&random))]++;
    found.samples++;
  }
  found.sum = found.samples * 0.5;
  check_spread(&found, "sixteen values");
}

/*
 * Whatever the delay before was, the next one is spread evenly from the base to three times that,
 * or to the longest. So where in its own range each lies is spread evenly over a long run too,
 * though the delays themselves are not.
 */
static void decorrelated_jitter_is_spread_to_three_times_the_delay_before(void **state) {
  (void)state;
  const uint64_t base_ns = 100 * NS_PER_MS;
  const uint64_t max_ns = 20 * NS_PER_S;
  hf_backoff backoff = backoff_of(base_ns, max_ns, 2, HF_JITTER_DECORRELATED);
  uint64_t random = 8;
  uint64_t before_ns = 0;
  uint32_t longest = 0;
  uint32_t with_short_before = 0;
  spread found = {{0}, 0, 0};
  for (uint32_t i = 0; i < SAMPLES; i++) {
    uint64_t first_ns = before_ns == 0 ? base_ns : before_ns;
    uint64_t most_ns = 3 * first_ns < max_ns ? 3 * first_ns : max_ns;
    /* The number of the retry does not matter. */
    uint64_t delay_ns =
        hf_backoff_delay_ns(&backoff, i % 7 + 1, before_ns, hf_random_next(&random));
    assert_in_range(delay_ns, base_ns, most_ns);
    spread_add(&found, (double)(delay_ns - base_ns) / (double)(most_ns - base_ns));
    with_short_before += most_ns < max_ns;
    longest += delay_ns == max_ns;
    before_ns = delay_ns;
  }
  check_spread(&found, "decorrelated");
  /* It grows to where it ends, and does not stay there. */
  assert_in_range(with_short_before, SAMPLES / 10, SAMPLES / 10 * 9);
  assert_true(longest < 2);
}

/*
 * How fast it grows. A delay of 1 to 3 times x has a mean of (base + 3 x) / 2; by induction the
 * k-th has a mean of base * (3 * 1.5^(k-1) - 1), where none is cut.
 */
static void decorrelated_jitter_grows_by_half_with_each_retry(void **state) {
  (void)state;
  enum { RETRIES = 6 };
  const uint64_t base_ns = 100 * NS_PER_MS;
  hf_backoff backoff = backoff_of(base_ns, HF_BACKOFF_MOST_NS, 2, HF_JITTER_DECORRELATED);
  double sums[RETRIES] = {0};
  double squares[RETRIES] = {0};
  uint64_t random = 99;
  for (uint32_t run = 0; run < SAMPLES; run++) {
    uint64_t delay_ns = 0;
    for (uint32_t i = 0; i < RETRIES; i++) {
      delay_ns = hf_backoff_delay_ns(&backoff, i + 1, delay_ns, hf_random_next(&random));
      double delay = (double)delay_ns / (double)base_ns;
      sums[i] += delay;
      squares[i] += delay * delay;
    }
  }
  for (int i = 0; i < RETRIES; i++) {
    double mean = sums[i] / (double)SAMPLES;
    double deviation = sqrt((squares[i] / (double)SAMPLES - mean * mean) / (double)SAMPLES);
    double off = (mean - (3 * pow(1.5, i) - 1)) / deviation;
    printf("decorrelated, retry %d: mean %.3f of the base, off by %.2f deviations\n", i + 1, mean,
           off);
    assert_true(fabs(off) < MOST_DEVIATIONS);
  }
}

static void decorrelated_jitter_takes_any_delay_before(void **state) {
  (void)state;
  hf_backoff backoff = backoff_of(NS_PER_S, 10 * NS_PER_S, 2, HF_JITTER_DECORRELATED);
  const struct {
    uint64_t before_ns;
    uint64_t most_ns;
  } rows[] = {{0, 3 * NS_PER_S},
              {NS_PER_S - 1, 3 * NS_PER_S},
              {2 * NS_PER_S, 6 * NS_PER_S},
              {10 * NS_PER_S, 10 * NS_PER_S},
              {UINT64_MAX / 3 + 1, 10 * NS_PER_S}, /* three times that is 2 */
              {UINT64_MAX, 10 * NS_PER_S}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(hf_backoff_delay_ns(&backoff, 1, rows[i].before_ns, 0), NS_PER_S);
    assert_int_equal(hf_backoff_delay_ns(&backoff, 1, rows[i].before_ns, UINT64_MAX),
                     rows[i].most_ns);
  }
}

/* Random numbers ------------------------------------------------------------ */

static void random_numbers_are_those_of_splitmix64(void **state) {
  (void)state;
  uint64_t random = 0;
  assert_true(hf_random_next(&random) == UINT64_C(0xE220A8397B1DCDAF));
  assert_true(hf_random_next(&random) == UINT64_C(0x6E789E6AA1B965F4));
  assert_true(hf_random_next(&random) == UINT64_C(0x06C45D188009454F));
  uint64_t last = UINT64_MAX;
  hf_random_next(&last);
  assert_true(last == UINT64_C(0x9E3779B97F4A7C14));
}

typedef struct drawer {
  pthread_barrier_t *start;
  uint64_t *state;
  uint64_t drawn[NUMBERS];
} drawer;

static void *draw(void *argument) {
  drawer *self = argument;
  pthread_barrier_wait(self->start);
  for (size_t i = 0; i < NUMBERS; i++) {
    self->drawn[i] = hf_random_next(self->state);
  }
  return NULL;
}

static int by_size(const void *a, const void *b) {
  uint64_t first = *(const uint64_t *)a;
  uint64_t second = *(const uint64_t *)b;
  return (first > second) - (first < second);
}

static void threads_get_together_the_numbers_that_one_would(void **state) {
  (void)state;
  uint64_t shared = 5;
  static drawer drawers[THREADS];
  pthread_t threads[THREADS];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, THREADS);
  for (size_t i = 0; i < THREADS; i++) {
    drawers[i].start = &start;
    drawers[i].state = &shared;
    assert_int_equal(pthread_create(&threads[i], NULL, draw, &drawers[i]), 0);
  }
  static uint64_t together[THREADS * NUMBERS];
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    memcpy(&together[i * NUMBERS], drawers[i].drawn, sizeof drawers[i].drawn);
  }
  pthread_barrier_destroy(&start);
  uint64_t alone = 5;
  static uint64_t expected[THREADS * NUMBERS];
  for (size_t i = 0; i < THREADS * NUMBERS; i++) {
    expected[i] = hf_random_next(&alone);
  }
  qsort(together, THREADS * NUMBERS, sizeof together[0], by_size);
  qsort(expected, THREADS * NUMBERS, sizeof expected[0], by_size);
  assert_memory_equal(together, expected, sizeof expected);
  assert_true(shared == alone);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_as_documented_and_accepted),
      cmocka_unit_test(delays_grow_to_the_longest_and_stay_there),
      cmocka_unit_test(each_delay_is_the_one_before_times_the_base),
      cmocka_unit_test(delays_are_rounded_to_the_nearest),
      cmocka_unit_test(without_a_base_there_is_no_delay),
      cmocka_unit_test(a_base_beyond_the_longest_is_cut_to_it),
      cmocka_unit_test(what_is_out_of_range_is_named),
      cmocka_unit_test(kinds_of_jitter_have_names),
      cmocka_unit_test(full_jitter_is_spread_from_nothing_to_the_delay),
      cmocka_unit_test(equal_jitter_is_spread_over_the_upper_half),
      cmocka_unit_test(every_value_is_as_likely),
      cmocka_unit_test(decorrelated_jitter_is_spread_to_three_times_the_delay_before),
      cmocka_unit_test(decorrelated_jitter_grows_by_half_with_each_retry),
      cmocka_unit_test(decorrelated_jitter_takes_any_delay_before),
      cmocka_unit_test(random_numbers_are_those_of_splitmix64),
      cmocka_unit_test(threads_get_together_the_numbers_that_one_would),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
