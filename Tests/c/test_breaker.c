/* What <holdfast/breaker.h> promises, sentence by sentence, to one caller after another. */
#include <stddef.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

#define NS_PER_MS UINT64_C(1000000)
#define MS_PER_HOUR UINT64_C(3600000)
#define START_NS UINT64_C(987654321000)

enum { GENERATIONS = 1 << 20 };

/* A breaker, its time, and what its last call said. */
typedef struct fixture {
  hf_breaker *breaker;
  uint64_t now_ns;
  hf_permit permit;
  hf_transition transition;
} fixture;

static fixture start_at(const hf_breaker_options *options, uint64_t now_ns) {
  fixture made = {.now_ns = now_ns};
  assert_int_equal(hf_breaker_create(options, 42, now_ns, NULL, &made.breaker, NULL), HF_OK);
  return made;
}

static fixture start(const hf_breaker_options *options) {
  return start_at(options, START_NS);
}

static void finish(fixture *on) {
  hf_breaker_destroy(on->breaker);
}

static void wait_ms(fixture *on, uint64_t ms) {
  on->now_ns += ms * NS_PER_MS;
}

/* Whether it permits. */
static bool acquire(fixture *on) {
  memset(&on->permit, 0x5a, sizeof on->permit);
  memset(&on->transition, 0x5a, sizeof on->transition);
  hf_status status = hf_breaker_acquire(on->breaker, on->now_ns, &on->permit, &on->transition);
  assert_true(status == HF_OK || status == HF_ERROR_CIRCUIT_OPEN);
  return status == HF_OK;
}

static hf_permit acquired(fixture *on) {
  assert_true(acquire(on));
  return on->permit;
}

static bool settle(fixture *on, hf_permit permit, hf_outcome outcome) {
  memset(&on->transition, 0x5a, sizeof on->transition);
  return hf_breaker_settle(on->breaker, &permit, outcome, on->now_ns, &on->transition);
}

/* One call that takes no time. */
static void call(fixture *on, hf_outcome outcome) {
  assert_true(settle(on, acquired(on), outcome));
}

static void call_times(fixture *on, hf_outcome outcome, uint32_t times) {
  for (uint32_t i = 0; i < times; i++) {
    call(on, outcome);
  }
}

static hf_breaker_snapshot figures(const fixture *on) {
  return hf_breaker_read(on->breaker, on->now_ns);
}

static void check_figures(hf_breaker_snapshot expected, hf_breaker_snapshot got) {
  assert_int_equal(got.state, expected.state);
  assert_int_equal(got.generation, expected.generation);
  assert_int_equal(got.successes, expected.successes);
  assert_int_equal(got.failures, expected.failures);
  assert_int_equal(got.slow, expected.slow);
  assert_int_equal(got.neutral, expected.neutral);
  assert_int_equal(got.late, expected.late);
  assert_int_equal(got.refused, expected.refused);
  assert_int_equal(got.opens, expected.opens);
  assert_int_equal(got.closes, expected.closes);
  assert_int_equal(got.consecutive_failures, expected.consecutive_failures);
  assert_int_equal(got.consecutive_successes, expected.consecutive_successes);
  assert_int_equal(got.window_calls, expected.window_calls);
  assert_int_equal(got.window_failures, expected.window_failures);
  assert_int_equal(got.window_slow, expected.window_slow);
  assert_int_equal(got.retry_after_ns, expected.retry_after_ns);
  assert_int_equal(got.degraded, expected.degraded);
}

static void set_state(fixture *on, hf_breaker_state state) {
  on->transition = hf_breaker_set_state(on->breaker, state, on->now_ns);
}

static void check_state(const fixture *on, hf_breaker_state state) {
  assert_string_equal(hf_breaker_state_name(figures(on).state), hf_breaker_state_name(state));
}

static void check_transition(const fixture *on, hf_breaker_state from, hf_breaker_state to,
                             hf_breaker_cause cause) {
  assert_int_equal(on->transition.cause, cause);
  assert_int_equal(on->transition.from, from);
  assert_int_equal(on->transition.to, to);
}

static void check_window(const fixture *on, uint32_t calls, uint32_t failures, uint32_t slow) {
  hf_breaker_snapshot now = figures(on);
  assert_int_equal(now.window_calls, calls);
  assert_int_equal(now.window_failures, failures);
  assert_int_equal(now.window_slow, slow);
}

/* Rates over a window, and no runs. */
static hf_breaker_options rates(hf_breaker_window window) {
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 0;
  options.window = window;
  return options;
}

/* Transitions ---------------------------------------------------------------- */

static void a_transition_that_was_none_is_all_zeros(void **state) {
  (void)state;
  const hf_transition none = {.cause = HF_BREAKER_UNCHANGED};
  fixture on = start(NULL);
  (void)acquired(&on);
  assert_memory_equal(&on.transition, &none, sizeof none);
  settle(&on, on.permit, HF_OUTCOME_SUCCESS);
  assert_memory_equal(&on.transition, &none, sizeof none);
  set_state(&on, HF_BREAKER_FORCED_OPEN);
  assert_false(acquire(&on));
  assert_memory_equal(&on.transition, &none, sizeof none);
  set_state(&on, (hf_breaker_state)99);
  assert_memory_equal(&on.transition, &none, sizeof none);
  finish(&on);
}

static void a_slow_call_is_slow_while_the_clock_goes_round(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.slow_call_ns = 5 * NS_PER_MS;
  fixture on = start_at(&options, UINT64_MAX - NS_PER_MS);
  hf_permit permit = acquired(&on);
  wait_ms(&on, 5);
  assert_true(settle(&on, permit, HF_OUTCOME_SUCCESS));
  assert_int_equal(figures(&on).slow, 1);
  finish(&on);
}

static void the_open_time_that_is_told_is_kept_when_generations_go_round(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.open_jitter_percent = 100;
  fixture on = start(&options);
  for (uint32_t i = 0; i < GENERATIONS - 1; i++) {
    set_state(&on, HF_BREAKER_DISABLED);
  }
  assert_int_equal(on.transition.generation, GENERATIONS - 1);
  set_state(&on, HF_BREAKER_OPEN);
  assert_int_equal(on.transition.generation, 0);
  assert_int_equal(figures(&on).retry_after_ns, on.transition.open_ms * NS_PER_MS);
  finish(&on);
}

/* Generations come and go without a call in the window: an outage, seen from it. */
static void a_window_counts_after_an_outage_of_any_length(void **state) {
  (void)state;
  static const uint32_t lengths[] = {1,   2,   60,   64,   65,    100,   127,   128,
                                     129, 200, 8191, 8192, 16384, 20000, 32767, 32768};
  static const hf_breaker_window kinds[] = {HF_BREAKER_WINDOW_CALLS, HF_BREAKER_WINDOW_TIME};
  for (size_t kind = 0; kind < 2; kind++) {
    hf_breaker_options options = rates(kinds[kind]);
    options.window_calls = 20;
    fixture on = start(&options);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
      set_state(&on, HF_BREAKER_METRICS_ONLY);
      call_times(&on, HF_OUTCOME_FAILURE, 20);
      for (uint32_t generation = 1; generation < lengths[i]; generation++) {
        set_state(&on, HF_BREAKER_OPEN);
      }
      set_state(&on, HF_BREAKER_CLOSED);
      check_window(&on, 0, 0, 0);
      call_times(&on, HF_OUTCOME_SUCCESS, 5);
      call_times(&on, HF_OUTCOME_FAILURE, 4);
      check_window(&on, 9, 4, 0);
      call(&on, HF_OUTCOME_FAILURE);
      check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURE_RATE);
    }
    finish(&on);
  }
}

static void a_window_of_time_counts_after_it_was_left_alone(void **state) {
  (void)state;
  static const uint64_t steps[] = {1 << 15,       1 << 16,       1 << 23,
                                   (1 << 23) + 5, (1 << 24) - 7, 1 << 24};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
    options.window_ms = 10;
    fixture on = start(&options);
    for (uint32_t step = 0; step < 10; step++) {
      call(&on, HF_OUTCOME_SLOW);
      wait_ms(&on, 1);
    }
    wait_ms(&on, steps[i]);
    check_window(&on, 0, 0, 0);
    call_times(&on, HF_OUTCOME_FAILURE, 9);
    check_window(&on, 9, 9, 0);
    finish(&on);
  }
}

static void a_step_counts_more_failures_than_sixteen_bits_hold(void **state) {
  (void)state;
  enum { MANY = 70000 };
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  fixture on = start(&options);
  set_state(&on, HF_BREAKER_METRICS_ONLY);
  call_times(&on, HF_OUTCOME_FAILURE, MANY);
  call_times(&on, HF_OUTCOME_SLOW, MANY);
  check_window(&on, 2 * MANY, MANY, MANY);
  finish(&on);
}

/* Two threads' clocks are a little apart: the window ends with the later one's call. */
static void a_window_ends_with_the_last_call_that_it_can_hold(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.window_ms = 10;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_SLOW);
  wait_ms(&on, 1);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 9);
  call(&on, HF_OUTCOME_SUCCESS);
  check_window(&on, 2, 1, 0);
  on.now_ns -= NS_PER_MS;
  check_window(&on, 2, 1, 0);
  on.now_ns -= 8 * NS_PER_MS;
  check_window(&on, 2, 1, 0);
  /* Ten steps before the last: as if that had not been; but its place is taken. */
  on.now_ns -= NS_PER_MS;
  check_window(&on, 1, 1, 0);
  finish(&on);
}

/* The later one's step has taken the place of a step that the earlier one is in. */
static void a_step_whose_place_was_taken_has_no_failures_either(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.window_ms = 10;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 10);
  call(&on, HF_OUTCOME_SUCCESS);
  on.now_ns -= NS_PER_MS;
  check_window(&on, 1, 0, 0);
  on.now_ns -= 9 * NS_PER_MS;
  call(&on, HF_OUTCOME_FAILURE);
  check_window(&on, 0, 0, 0);
  finish(&on);
}

/* Options -------------------------------------------------------------------- */

static void the_defaults_are_as_documented(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  assert_int_equal(options.failure_threshold, 5);
  assert_int_equal(options.window, HF_BREAKER_WINDOW_NONE);
  assert_int_equal(options.window_calls, 100);
  assert_int_equal(options.window_ms, 10000);
  assert_int_equal(options.minimum_calls, 10);
  assert_int_equal(options.failure_rate_percent, 50);
  assert_int_equal(options.slow_rate_percent, 0);
  assert_int_equal(options.slow_call_ns, 0);
  assert_int_equal(options.open_ms, 60000);
  assert_int_equal(options.open_growth_percent, 100);
  assert_int_equal(options.open_max_ms, 600000);
  assert_int_equal(options.open_jitter_percent, 0);
  assert_int_equal(options.probes, 1);
  assert_int_equal(options.success_threshold, 2);
  assert_int_equal(options.probe_lease_ms, 60000);
}

/* An option, and the least and the most that it may be. */
typedef struct option_range {
  const char *name;
  size_t offset;
  uint32_t least;
  uint32_t most;
} option_range;

#define RANGE(name, least, most)                                                                   \
  { #name, offsetof(hf_breaker_options, name), least, most }

static const option_range RANGES[] = {
    RANGE(failure_threshold, 0, 65535),
    RANGE(window_calls, 1, 4096),
    RANGE(window_ms, 10, 86400000),
    RANGE(minimum_calls, 1, 1000000),
    RANGE(failure_rate_percent, 0, 100),
    RANGE(slow_rate_percent, 0, 100),
    RANGE(open_ms, 1, UINT32_MAX),
    RANGE(open_growth_percent, 100, 1000),
    RANGE(open_max_ms, 1, UINT32_MAX),
    RANGE(open_jitter_percent, 0, 100),
    RANGE(probes, 1, 31),
    RANGE(success_threshold, 1, 31),
    RANGE(probe_lease_ms, 64, 24 * 24 * 3600 * 1000u),
};

static hf_breaker_options with(const option_range *range, uint32_t value) {
  hf_breaker_options options = hf_breaker_options_default();
  memcpy((char *)&options + range->offset, &value, sizeof value);
  return options;
}

/* Creating and configuring refuse it, say which option it is, and change nothing. */
static void check_refused(const hf_breaker_options *options, const char *name) {
  hf_error error = test_untouched_error();
  hf_breaker *untouched = (hf_breaker *)&error;
  hf_breaker *breaker = untouched;
  assert_int_equal(hf_breaker_create(options, 0, 0, NULL, &breaker, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_ptr_equal(breaker, untouched);
  assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_int_equal(strncmp(error.message, name, strlen(name)), 0);
  assert_int_equal(error.message[strlen(name)], ' ');
  assert_int_equal(hf_breaker_create(options, 0, 0, NULL, &breaker, NULL),
                   HF_ERROR_INVALID_ARGUMENT);

  fixture on = start(NULL);
  error = test_untouched_error();
  assert_int_equal(hf_breaker_configure(on.breaker, options, &error), HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(strncmp(error.message, name, strlen(name)), 0);
  assert_int_equal(hf_breaker_configure(on.breaker, options, NULL), HF_ERROR_INVALID_ARGUMENT);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  check_state(&on, HF_BREAKER_CLOSED);
  call(&on, HF_OUTCOME_FAILURE);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
  assert_int_equal(on.transition.open_ms, 60000);
  finish(&on);
}

static void each_option_has_its_range(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
    const option_range *range = &RANGES[i];
    const uint32_t right[] = {range->least, range->most};
    for (size_t edge = 0; edge < 2; edge++) {
      hf_breaker_options options = with(range, right[edge]);
      fixture on = start(&options);
      assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
      finish(&on);
    }
    if (range->least > 0) {
      hf_breaker_options options = with(range, range->least - 1);
      check_refused(&options, range->name);
    }
    if (range->most < UINT32_MAX) {
      hf_breaker_options options = with(range, range->most + 1);
      check_refused(&options, range->name);
    }
  }
  hf_breaker_options options = hf_breaker_options_default();
  options.window = (hf_breaker_window)3;
  check_refused(&options, "window");
}

static void a_breaker_takes_what_the_header_says(void **state) {
  (void)state;
  static counting_allocator counting;
  counting_reset(&counting, 0);
  hf_allocator hooks = counting_hooks(&counting);
  static const struct {
    hf_breaker_window kind;
    uint32_t calls;
    size_t most;
  } sizes[] = {{HF_BREAKER_WINDOW_NONE, 4096, 0},    {HF_BREAKER_WINDOW_TIME, 4096, 240},
               {HF_BREAKER_WINDOW_CALLS, 1, 8},      {HF_BREAKER_WINDOW_CALLS, 22, 16},
               {HF_BREAKER_WINDOW_CALLS, 100, 40},   {HF_BREAKER_WINDOW_CALLS, 1000, 376},
               {HF_BREAKER_WINDOW_CALLS, 4096, 1536}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    hf_breaker_options options = rates(sizes[i].kind);
    options.window_calls = sizes[i].calls;
    fixture on = {.now_ns = START_NS};
    assert_int_equal(hf_breaker_create(&options, 1, START_NS, &hooks, &on.breaker, NULL), HF_OK);
    assert_int_equal(counting.live_blocks, 1);
    assert_int_equal(counting.live_bytes, hf_breaker_size_bytes(on.breaker));
    assert_true(counting.live_bytes <= 384 + sizes[i].most);
    size_t allocations = counting.allocations;
    set_state(&on, HF_BREAKER_METRICS_ONLY);
    call_times(&on, HF_OUTCOME_FAILURE, 5000);
    set_state(&on, HF_BREAKER_OPEN);
    wait_ms(&on, 60000);
    call_times(&on, HF_OUTCOME_SUCCESS, 5000);
    hf_breaker_reset(on.breaker, on.now_ns);
    assert_int_equal(counting.allocations, allocations);
    finish(&on);
    assert_int_equal(counting.live_blocks, 0);
  }
}

static void without_memory_there_is_no_breaker(void **state) {
  (void)state;
  static counting_allocator counting;
  counting_reset(&counting, 1);
  hf_allocator hooks = counting_hooks(&counting);
  hf_error error = test_untouched_error();
  hf_breaker *untouched = (hf_breaker *)&error;
  hf_breaker *breaker = untouched;
  assert_int_equal(hf_breaker_create(NULL, 0, 0, &hooks, &breaker, &error), HF_ERROR_OUT_OF_MEMORY);
  assert_ptr_equal(breaker, untouched);
  assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
  test_check_message(&error);
  hf_breaker_destroy(NULL);
}

static void states_have_names(void **state) {
  (void)state;
  static const char *const names[] = {"closed",      "open",     "half_open",
                                      "forced_open", "disabled", "metrics_only"};
  for (int i = 0; i < 6; i++) {
    assert_string_equal(hf_breaker_state_name((hf_breaker_state)i), names[i]);
  }
  assert_string_equal(hf_breaker_state_name((hf_breaker_state)6), "unknown");
  assert_string_equal(hf_breaker_state_name((hf_breaker_state)-1), "unknown");
}

/* Runs ----------------------------------------------------------------------- */

static void a_new_breaker_is_closed_and_empty(void **state) {
  (void)state;
  fixture on = start(NULL);
  const hf_breaker_snapshot nothing = {.state = HF_BREAKER_CLOSED};
  check_figures(nothing, figures(&on));
  assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_CLOSED);
  finish(&on);
}

static void so_many_failures_in_a_row_open_it(void **state) {
  (void)state;
  for (uint32_t threshold = 1; threshold <= 6; threshold++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.failure_threshold = threshold;
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_FAILURE, threshold - 1);
    assert_int_equal(figures(&on).consecutive_failures, threshold - 1);
    check_state(&on, HF_BREAKER_CLOSED);
    call(&on, HF_OUTCOME_FAILURE);
    check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
    assert_int_equal(on.transition.generation, 1);
    assert_int_equal(on.transition.open_ms, 60000);
    hf_breaker_snapshot now = figures(&on);
    assert_int_equal(now.state, HF_BREAKER_OPEN);
    assert_int_equal(now.generation, 1);
    assert_int_equal(now.opens, 1);
    assert_int_equal(now.failures, threshold);
    assert_int_equal(now.consecutive_failures, 0);
    finish(&on);
  }
}

static void successes_and_slow_calls_end_a_run_and_neutral_ones_do_not(void **state) {
  (void)state;
  fixture on = start(NULL);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  call(&on, HF_OUTCOME_SUCCESS);
  assert_int_equal(figures(&on).consecutive_failures, 0);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  call(&on, HF_OUTCOME_SLOW);
  assert_int_equal(figures(&on).consecutive_failures, 0);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  call_times(&on, HF_OUTCOME_NEUTRAL, 3);
  assert_int_equal(figures(&on).consecutive_failures, 4);
  check_state(&on, HF_BREAKER_CLOSED);
  call(&on, HF_OUTCOME_FAILURE);
  check_state(&on, HF_BREAKER_OPEN);
  hf_breaker_snapshot now = figures(&on);
  assert_int_equal(now.failures, 13);
  assert_int_equal(now.successes, 1);
  assert_int_equal(now.slow, 1);
  assert_int_equal(now.neutral, 3);
  finish(&on);
}

static void without_a_threshold_runs_do_not_trip(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_NONE);
  fixture on = start(&options);
  call_times(&on, HF_OUTCOME_FAILURE, 70000);
  check_state(&on, HF_BREAKER_CLOSED);
  options.failure_threshold = 65535;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  call(&on, HF_OUTCOME_FAILURE);
  check_state(&on, HF_BREAKER_OPEN);
  finish(&on);
}

/* Rates ---------------------------------------------------------------------- */

static void a_share_of_failures_opens_it_once_there_are_enough_calls(void **state) {
  (void)state;
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = rates((hf_breaker_window)kind);
    options.failure_rate_percent = 40;
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_FAILURE, 9); /* 100 percent of too few */
    call(&on, HF_OUTCOME_NEUTRAL);
    check_state(&on, HF_BREAKER_CLOSED);
    call(&on, HF_OUTCOME_SUCCESS); /* the tenth, which is no failure itself */
    check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURE_RATE);
    check_window(&on, 0, 0, 0);

    set_state(&on, HF_BREAKER_CLOSED);
    call_times(&on, HF_OUTCOME_SUCCESS, 8);
    call_times(&on, HF_OUTCOME_FAILURE, 5); /* 5 of 13: 38 percent */
    check_window(&on, 13, 5, 0);
    check_state(&on, HF_BREAKER_CLOSED);
    call(&on, HF_OUTCOME_SUCCESS);
    call(&on, HF_OUTCOME_FAILURE); /* 6 of 15: 40 */
    check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURE_RATE);
    finish(&on);
  }
}

static void a_share_of_slow_calls_opens_it(void **state) {
  (void)state;
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = rates((hf_breaker_window)kind);
    options.slow_rate_percent = 30;
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_SUCCESS, 8);
    call_times(&on, HF_OUTCOME_SLOW, 3);
    check_window(&on, 11, 0, 3);
    check_state(&on, HF_BREAKER_CLOSED);
    call(&on, HF_OUTCOME_SLOW);
    check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_SLOW_RATE);

    options.slow_rate_percent = 0;
    options.failure_rate_percent = 0;
    assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
    set_state(&on, HF_BREAKER_CLOSED);
    call_times(&on, HF_OUTCOME_SLOW, 50);
    call_times(&on, HF_OUTCOME_FAILURE, 50);
    check_state(&on, HF_BREAKER_CLOSED);
    finish(&on);
  }
}

static void the_rules_stand_together(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
  options.failure_threshold = 3;
  options.slow_rate_percent = 80;
  fixture on = start(&options);
  call_times(&on, HF_OUTCOME_FAILURE, 3); /* a run, of too few calls for rates */
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
  set_state(&on, HF_BREAKER_CLOSED);
  for (int i = 0; i < 5; i++) { /* a rate, without a run */
    call(&on, HF_OUTCOME_SUCCESS);
    call(&on, HF_OUTCOME_FAILURE);
  }
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURE_RATE);
  set_state(&on, HF_BREAKER_CLOSED);
  call_times(&on, HF_OUTCOME_SLOW, 10);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_SLOW_RATE);
  finish(&on);
}

static void a_success_that_takes_long_is_slow(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
  options.slow_call_ns = 2 * NS_PER_MS;
  fixture on = start(&options);
  hf_permit permit = acquired(&on);
  on.now_ns += 2 * NS_PER_MS - 1;
  settle(&on, permit, HF_OUTCOME_SUCCESS);
  assert_int_equal(figures(&on).successes, 1);
  permit = acquired(&on);
  on.now_ns += 2 * NS_PER_MS;
  settle(&on, permit, HF_OUTCOME_SUCCESS);
  assert_int_equal(figures(&on).successes, 1);
  check_window(&on, 2, 0, 1);
  /* A failure is one, however long it took; neutral stays neutral. */
  permit = acquired(&on);
  hf_permit other = acquired(&on);
  on.now_ns += 2 * NS_PER_MS;
  settle(&on, permit, HF_OUTCOME_FAILURE);
  settle(&on, other, HF_OUTCOME_NEUTRAL);
  check_window(&on, 3, 1, 1);
  /* A clock that went back did not take long. */
  permit = acquired(&on);
  on.now_ns -= NS_PER_MS;
  settle(&on, permit, HF_OUTCOME_SUCCESS);
  assert_int_equal(figures(&on).slow, 1);
  assert_int_equal(figures(&on).successes, 2);
  finish(&on);
}

/* Windows -------------------------------------------------------------------- */

static void a_window_of_calls_holds_the_last_of_them_exactly(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 2, 21, 22, 23, 24, 25, 43, 44, 45, 100, 4095, 4096};
  test_random random = test_random_start("window of calls");
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
    options.window_calls = sizes[i];
    options.failure_rate_percent = 0; /* nothing trips */
    fixture on = start(&options);
    static hf_outcome made[10000];
    uint32_t failures = 0;
    uint32_t slow = 0;
    for (uint32_t at = 0; at < 10000; at++) {
      made[at] = (hf_outcome)test_random_below(&random, 3);
      call(&on, made[at]);
      failures += made[at] == HF_OUTCOME_FAILURE;
      slow += made[at] == HF_OUTCOME_SLOW;
      if (at >= sizes[i]) {
        failures -= made[at - sizes[i]] == HF_OUTCOME_FAILURE;
        slow -= made[at - sizes[i]] == HF_OUTCOME_SLOW;
      }
      check_window(&on, at < sizes[i] ? at + 1 : sizes[i], failures, slow);
    }
    finish(&on);
  }
}

static void a_window_of_time_forgets_step_by_step(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.minimum_calls = 1000000;
  fixture on = start(&options);
  for (uint32_t second = 1; second <= 10; second++) {
    call_times(&on, HF_OUTCOME_FAILURE, second);
    call(&on, HF_OUTCOME_SLOW);
    check_window(&on, second * (second + 1) / 2 + second, second * (second + 1) / 2, second);
    wait_ms(&on, 1000);
  }
  /* The first has just gone. */
  check_window(&on, 55 - 1 + 9, 55 - 1, 9);
  on.now_ns -= 1;
  check_window(&on, 55 + 10, 55, 10);
  on.now_ns += 1;
  wait_ms(&on, 999);
  check_window(&on, 55 - 1 + 9, 55 - 1, 9);
  wait_ms(&on, 1);
  check_window(&on, 55 - 3 + 8, 55 - 3, 8);
  /* Seven at once; the rest; then it stands empty. */
  wait_ms(&on, 7000);
  check_window(&on, 10 + 1, 10, 1);
  wait_ms(&on, 1000);
  check_window(&on, 0, 0, 0);
  wait_ms(&on, 24 * MS_PER_HOUR);
  check_window(&on, 0, 0, 0);
  call(&on, HF_OUTCOME_FAILURE);
  check_window(&on, 1, 1, 0);
  /* While the clock stands, nothing is forgotten. */
  call_times(&on, HF_OUTCOME_SUCCESS, 1000);
  check_window(&on, 1001, 1, 0);
  finish(&on);
}

static void a_jump_over_the_whole_window_empties_it(void **state) {
  (void)state;
  static const uint64_t jumps[] = {10000, 10001, 19999, 20000, 100000, 123456789, 86400000};
  for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
    hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_FAILURE, 9);
    wait_ms(&on, jumps[i]);
    check_window(&on, 0, 0, 0);
    call(&on, HF_OUTCOME_FAILURE); /* the tenth, but the others are gone */
    check_state(&on, HF_BREAKER_CLOSED);
    check_window(&on, 1, 1, 0);
    finish(&on);
  }
}

static void a_window_that_is_no_multiple_of_ten_is_rounded_up(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.window_ms = 11; /* steps of 2 ms */
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 19);
  check_window(&on, 1, 1, 0);
  wait_ms(&on, 1);
  check_window(&on, 0, 0, 0);
  finish(&on);
}

static void a_breaker_that_closes_begins_with_an_empty_window(void **state) {
  (void)state;
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = rates((hf_breaker_window)kind);
    options.open_ms = 1;
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_FAILURE, 10);
    check_state(&on, HF_BREAKER_OPEN);
    wait_ms(&on, 1);
    call_times(&on, HF_OUTCOME_SUCCESS, 2);
    check_state(&on, HF_BREAKER_CLOSED);
    check_window(&on, 0, 0, 0);
    call_times(&on, HF_OUTCOME_FAILURE, 9);
    check_window(&on, 9, 9, 0);
    check_state(&on, HF_BREAKER_CLOSED);
    finish(&on);
  }
}

/* Open ----------------------------------------------------------------------- */

static void an_open_breaker_refuses_until_its_time_is_over(void **state) {
  (void)state;
  /* Deadlines are whole milliseconds from the beginning, rounded up. */
  static const uint64_t offsets[] = {0, 1, NS_PER_MS - 1, NS_PER_MS};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    fixture on = start(NULL);
    on.now_ns += offsets[i];
    call_times(&on, HF_OUTCOME_FAILURE, 5);
    uint64_t rounded = (offsets[i] + NS_PER_MS - 1) / NS_PER_MS * NS_PER_MS;
    uint64_t deadline = START_NS + rounded + 60000 * NS_PER_MS;
    assert_false(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, deadline - on.now_ns);
    assert_int_equal(figures(&on).retry_after_ns, deadline - on.now_ns);
    on.now_ns = deadline - 1;
    assert_false(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, 1);
    assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_OPEN);
    assert_int_equal(figures(&on).refused, 2);
    on.now_ns = deadline;
    assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_HALF_OPEN);
    assert_int_equal(figures(&on).state, HF_BREAKER_OPEN); /* until somebody asks */
    assert_int_equal(figures(&on).retry_after_ns, 0);
    assert_true(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, 0);
    check_transition(&on, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_OPEN_TIME_OVER);
    assert_int_equal(on.transition.generation, 2);
    assert_int_equal(on.transition.open_ms, 0);
    finish(&on);
  }
}

/* Opens, lets a probe fail so many times, and says how long it then stays open. */
static uint32_t open_ms_after(const hf_breaker_options *options, uint32_t failed_probes) {
  fixture on = start(options);
  call_times(&on, HF_OUTCOME_FAILURE, 5);
  for (uint32_t i = 0; i < failed_probes; i++) {
    wait_ms(&on, on.transition.open_ms);
    call(&on, HF_OUTCOME_FAILURE);
    check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_OPEN, HF_BREAKER_PROBE_FAILED);
  }
  uint32_t open_ms = on.transition.open_ms;
  assert_int_equal(figures(&on).retry_after_ns, open_ms * NS_PER_MS);
  assert_int_equal(figures(&on).opens, failed_probes + 1);
  finish(&on);
  return open_ms;
}

static void the_open_time_grows_to_its_cap(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  assert_int_equal(open_ms_after(&options, 7), 60000);
  options.open_growth_percent = 150;
  options.open_ms = 1001;
  options.open_max_ms = 5000;
  assert_int_equal(open_ms_after(&options, 0), 1001);
  assert_int_equal(open_ms_after(&options, 1), 1501);
  assert_int_equal(open_ms_after(&options, 2), 2251);
  assert_int_equal(open_ms_after(&options, 3), 3376);
  assert_int_equal(open_ms_after(&options, 4), 5000);
  assert_int_equal(open_ms_after(&options, 5), 5000);
  assert_int_equal(open_ms_after(&options, 40), 5000);
  options.open_growth_percent = 200;
  options.open_ms = 1;
  options.open_max_ms = UINT32_MAX;
  assert_int_equal(open_ms_after(&options, 14), 1 << 14);
  assert_int_equal(open_ms_after(&options, 15), 1 << 15);
  assert_int_equal(open_ms_after(&options, 16), 1 << 15);
  options.open_growth_percent = 1000;
  options.open_ms = 86400000;
  options.open_max_ms = UINT32_MAX;
  assert_int_equal(open_ms_after(&options, 1), 864000000);
  assert_int_equal(open_ms_after(&options, 2), UINT32_MAX);
}

static void a_breaker_that_closed_begins_with_the_first_open_time(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 1;
  options.open_growth_percent = 200;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 60000);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 120000);
  wait_ms(&on, 120000);
  call_times(&on, HF_OUTCOME_SUCCESS, 2);
  check_state(&on, HF_BREAKER_CLOSED);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 60000);
  wait_ms(&on, 60000);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 120000);
  finish(&on);
}

static void open_times_grow_from_the_first_after_a_state_by_hand(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 1;
  options.open_growth_percent = 200;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 60000);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 120000);
  set_state(&on, HF_BREAKER_OPEN);
  assert_int_equal(on.transition.open_ms, 60000);
  wait_ms(&on, 60000);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 120000);
  /* A probe that fails then is the first to fail. */
  set_state(&on, HF_BREAKER_HALF_OPEN);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 120000);
  set_state(&on, HF_BREAKER_CLOSED);
  call(&on, HF_OUTCOME_FAILURE);
  assert_int_equal(on.transition.open_ms, 60000);
  finish(&on);
}

/* A tenth opens it, so a twentieth is half way, of ten calls or more; then half does. */
static void what_is_degraded_goes_by_the_options_as_they_are_now(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
  options.failure_rate_percent = 10;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  assert_true(figures(&on).degraded); /* a run */
  call_times(&on, HF_OUTCOME_SUCCESS, 9);
  check_state(&on, HF_BREAKER_OPEN);
  assert_false(figures(&on).degraded);
  set_state(&on, HF_BREAKER_CLOSED);
  call_times(&on, HF_OUTCOME_SUCCESS, 18);
  call(&on, HF_OUTCOME_FAILURE);
  call(&on, HF_OUTCOME_SUCCESS);
  assert_true(figures(&on).degraded);
  options.failure_rate_percent = 50;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  assert_false(figures(&on).degraded);
  set_state(&on, HF_BREAKER_METRICS_ONLY);
  call_times(&on, HF_OUTCOME_FAILURE, 20);
  assert_false(figures(&on).degraded);
  set_state(&on, HF_BREAKER_HALF_OPEN);
  assert_false(figures(&on).degraded);
  finish(&on);
}

static void jitter_takes_off_at_random_within_its_bounds(void **state) {
  (void)state;
  static const uint32_t percents[] = {1, 25, 100};
  for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.open_jitter_percent = percents[i];
    uint32_t least_allowed = 60000 - 600 * percents[i];
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    uint32_t same = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
      hf_transition opened[2];
      for (int twin = 0; twin < 2; twin++) {
        hf_breaker *breaker = NULL;
        assert_int_equal(hf_breaker_create(&options, seed, 0, NULL, &breaker, NULL), HF_OK);
        hf_transition first = hf_breaker_set_state(breaker, HF_BREAKER_OPEN, 0);
        assert_int_equal(hf_breaker_read(breaker, 0).retry_after_ns, first.open_ms * NS_PER_MS);
        opened[twin] = hf_breaker_set_state(breaker, HF_BREAKER_OPEN, 0);
        same += first.open_ms == opened[twin].open_ms;
        hf_breaker_destroy(breaker);
      }
      assert_int_equal(opened[0].open_ms, opened[1].open_ms); /* of the same seed */
      least = opened[0].open_ms < least ? opened[0].open_ms : least;
      most = opened[0].open_ms > most ? opened[0].open_ms : most;
    }
    assert_true(least >= least_allowed && least >= 1 && most <= 60000);
    /* All of the range is used, and each opening draws anew. */
    assert_true(least < least_allowed + 6 * percents[i] && most > 60000 - 6 * percents[i]);
    assert_true(same < 100);
  }
  /* One percent of 100 ms: both a millisecond and none. */
  hf_breaker_options hundred = hf_breaker_options_default();
  hundred.open_ms = 100;
  hundred.open_jitter_percent = 1;
  fixture on = start(&hundred);
  uint32_t whole = 0;
  for (int i = 0; i < 100; i++) {
    set_state(&on, HF_BREAKER_OPEN);
    assert_true(on.transition.open_ms == 99 || on.transition.open_ms == 100);
    whole += on.transition.open_ms == 100;
  }
  assert_true(whole > 10 && whole < 90);
  finish(&on);
  hf_breaker_options shortest = hf_breaker_options_default();
  shortest.open_ms = 1;
  shortest.open_jitter_percent = 100;
  assert_int_equal(open_ms_after(&shortest, 3), 1);
}

/* Half-open ------------------------------------------------------------------ */

/* Just made half-open by the clock; the probe that did it is out, in `permit`. */
static fixture probing(const hf_breaker_options *options) {
  fixture on = start(options);
  set_state(&on, HF_BREAKER_OPEN);
  wait_ms(&on, on.transition.open_ms);
  assert_true(acquire(&on));
  check_transition(&on, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_OPEN_TIME_OVER);
  return on;
}

static void so_many_probes_pass_and_no_more(void **state) {
  (void)state;
  static const uint32_t counts[] = {1, 2, 3, 31};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.probes = counts[i];
    options.success_threshold = 31;
    fixture on = probing(&options);
    hf_permit last = on.permit;
    for (uint32_t probe = 1; probe < counts[i]; probe++) {
      last = acquired(&on);
      assert_int_equal(on.transition.cause, HF_BREAKER_UNCHANGED);
    }
    for (int refusal = 1; refusal < 60; refusal++) {
      assert_false(acquire(&on));
      assert_true(on.permit.retry_after_ns > 0);
      assert_int_equal(figures(&on).refused, refusal);
    }
    /* One that is settled makes room for one. */
    assert_true(settle(&on, last, HF_OUTCOME_SUCCESS));
    assert_int_equal(figures(&on).consecutive_successes, 1);
    last = acquired(&on);
    assert_false(acquire(&on));
    assert_true(settle(&on, last, HF_OUTCOME_NEUTRAL));
    assert_int_equal(figures(&on).consecutive_successes, 1);
    assert_int_equal(figures(&on).neutral, 1);
    (void)acquired(&on);
    assert_false(acquire(&on));
    finish(&on);
  }
}

static void enough_successes_close_it(void **state) {
  (void)state;
  for (uint32_t threshold = 1; threshold <= 31; threshold++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.success_threshold = threshold;
    fixture on = probing(&options);
    for (uint32_t i = 1; i < threshold; i++) {
      assert_true(settle(&on, on.permit, HF_OUTCOME_SUCCESS));
      assert_int_equal(on.transition.cause, HF_BREAKER_UNCHANGED);
      assert_int_equal(figures(&on).consecutive_successes, i);
      (void)acquired(&on);
    }
    assert_true(settle(&on, on.permit, HF_OUTCOME_SUCCESS));
    check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_CLOSED, HF_BREAKER_PROBES_SUCCEEDED);
    assert_int_equal(on.transition.open_ms, 0);
    hf_breaker_snapshot now = figures(&on);
    assert_int_equal(now.closes, 1);
    assert_int_equal(now.generation, 3);
    assert_int_equal(now.successes, threshold);
    assert_int_equal(now.consecutive_successes, 0);
    assert_int_equal(now.consecutive_failures, 0);
    finish(&on);
  }
}

static void one_failed_probe_opens_it_again(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.probes = 3;
  options.success_threshold = 3;
  fixture on = probing(&options);
  hf_permit first = on.permit;
  hf_permit second = acquired(&on);
  hf_permit third = acquired(&on);
  assert_true(settle(&on, first, HF_OUTCOME_SUCCESS));
  wait_ms(&on, 10);
  assert_true(settle(&on, second, HF_OUTCOME_FAILURE));
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_OPEN, HF_BREAKER_PROBE_FAILED);
  assert_int_equal(figures(&on).retry_after_ns, 60000 * NS_PER_MS);
  /* The other one is late, whatever it brings. */
  wait_ms(&on, 10);
  assert_false(settle(&on, third, HF_OUTCOME_FAILURE));
  assert_int_equal(figures(&on).late, 1);
  assert_int_equal(figures(&on).failures, 1);
  assert_int_equal(figures(&on).retry_after_ns, 59990 * NS_PER_MS);
  finish(&on);
}

static void a_slow_probe_fails_where_slowness_has_a_rate(void **state) {
  (void)state;
  for (uint32_t percent = 0; percent <= 10; percent += 10) {
    for (int told = 0; told < 2; told++) {
      hf_breaker_options options = hf_breaker_options_default();
      options.slow_rate_percent = percent;
      options.slow_call_ns = NS_PER_MS;
      options.success_threshold = 1;
      fixture on = probing(&options);
      wait_ms(&on, told ? 0 : 1);
      assert_true(settle(&on, on.permit, told ? HF_OUTCOME_SLOW : HF_OUTCOME_SUCCESS));
      check_state(&on, percent > 0 ? HF_BREAKER_OPEN : HF_BREAKER_CLOSED);
      assert_int_equal(figures(&on).slow, 1);
      finish(&on);
    }
  }
}

static void a_probe_that_hangs_is_given_up_after_its_lease(void **state) {
  (void)state;
  fixture on = probing(NULL);
  hf_permit hung = on.permit;
  uint64_t out_ns = on.now_ns;
  assert_false(acquire(&on));
  uint64_t left = on.permit.retry_after_ns;
  /* Not early, and at most 64 ms late. */
  assert_true(left >= 60000 * NS_PER_MS && left <= (60000 + 64) * NS_PER_MS);
  on.now_ns = out_ns + left - 1;
  assert_false(acquire(&on));
  assert_int_equal(on.permit.retry_after_ns, 1);
  on.now_ns = out_ns + left;
  assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_HALF_OPEN);
  hf_permit next = acquired(&on);
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP);
  assert_int_equal(on.transition.generation, 3);
  assert_false(acquire(&on));
  /* What the hung one brings at last is late, and gives no place back. */
  assert_false(settle(&on, hung, HF_OUTCOME_FAILURE));
  assert_false(acquire(&on));
  assert_true(settle(&on, next, HF_OUTCOME_SUCCESS));
  call(&on, HF_OUTCOME_SUCCESS);
  check_state(&on, HF_BREAKER_CLOSED);
  assert_int_equal(figures(&on).late, 1);
  assert_int_equal(figures(&on).failures, 0);
  assert_int_equal(figures(&on).opens, 1); /* by hand, at first */
  finish(&on);
}

static void the_shortest_lease_is_kept_as_well(void **state) {
  (void)state;
  for (uint64_t begin = 0; begin < 130; begin++) {
    hf_breaker_options options = hf_breaker_options_default();
    options.probe_lease_ms = 64;
    fixture on = start(&options);
    on.now_ns += begin * NS_PER_MS + begin % 3;
    set_state(&on, HF_BREAKER_HALF_OPEN);
    (void)acquired(&on);
    assert_false(acquire(&on));
    uint64_t left = on.permit.retry_after_ns;
    assert_true(left >= 64 * NS_PER_MS && left <= 128 * NS_PER_MS);
    on.now_ns += left;
    assert_true(acquire(&on));
    finish(&on);
  }
}

/* However long nobody asked: the lease goes round in 99 days, and half of that is the future. */
static void a_hung_probe_blocks_no_longer_after_a_long_silence(void **state) {
  (void)state;
  enum { DAYS = 220, HOURS_PER_DAY = 24 };
  const uint64_t hour_ns = 3600 * UINT64_C(1000) * NS_PER_MS;
  const uint64_t most_ns = (60000 + 600000 + 2 * 64) * NS_PER_MS;
  uint32_t blocked = 0;
  for (uint64_t hours = 1; hours < DAYS * HOURS_PER_DAY; hours++) {
    fixture on = probing(NULL);
    on.now_ns += hours * hour_ns;
    if (!acquire(&on)) {
      assert_true(on.permit.retry_after_ns <= most_ns);
      blocked++;
    }
    finish(&on);
  }
  /* At most the hour in which it went round, twice. */
  assert_true(blocked <= 2);
  fixture on = probing(NULL);
  on.now_ns += 50 * HOURS_PER_DAY * hour_ns;
  assert_true(acquire(&on));
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP);
  finish(&on);
}

static void a_lease_made_shorter_ends_the_ones_that_run_on(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.probe_lease_ms = 3600 * 1000;
  fixture on = probing(&options);
  assert_false(acquire(&on));
  options.probe_lease_ms = 3600 * 1000 - 599 * 1000;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  assert_false(acquire(&on)); /* within ten minutes: another thread's clock */
  options.probe_lease_ms = 3600 * 1000 - 601 * 1000;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  assert_true(acquire(&on));
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP);
  assert_false(acquire(&on));
  assert_true(on.permit.retry_after_ns <= (options.probe_lease_ms + 64) * NS_PER_MS);
  finish(&on);
}

static void a_clock_that_went_back_far_gives_the_hung_probe_up(void **state) {
  (void)state;
  fixture on = probing(NULL);
  on.now_ns += 10 * 86400 * UINT64_C(1000) * NS_PER_MS;
  assert_true(acquire(&on)); /* a new lease, and nobody settles */
  on.now_ns -= 9 * 60 * UINT64_C(1000) * NS_PER_MS;
  assert_false(acquire(&on));
  on.now_ns -= 2 * 60 * UINT64_C(1000) * NS_PER_MS;
  assert_true(acquire(&on));
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP);
  finish(&on);
}

/* Late results --------------------------------------------------------------- */

static void what_an_older_generation_permitted_is_late(void **state) {
  (void)state;
  static const hf_outcome outcomes[] = {HF_OUTCOME_SUCCESS, HF_OUTCOME_FAILURE, HF_OUTCOME_SLOW,
                                        HF_OUTCOME_NEUTRAL};
  for (int of = HF_BREAKER_CLOSED; of <= HF_BREAKER_METRICS_ONLY; of++) {
    for (int to = HF_BREAKER_CLOSED; to <= HF_BREAKER_METRICS_ONLY; to++) {
      if (of == HF_BREAKER_OPEN || of == HF_BREAKER_FORCED_OPEN) {
        continue; /* which permit nothing */
      }
      hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
      options.failure_threshold = 1;
      options.success_threshold = 1;
      options.probes = 4;
      fixture on = start(&options);
      set_state(&on, (hf_breaker_state)of);
      hf_permit permits[4];
      for (size_t i = 0; i < 4; i++) {
        permits[i] = acquired(&on);
      }
      set_state(&on, (hf_breaker_state)to);
      hf_breaker_snapshot before = figures(&on);
      for (size_t i = 0; i < 4; i++) {
        assert_false(settle(&on, permits[i], outcomes[i]));
        assert_int_equal(on.transition.cause, HF_BREAKER_UNCHANGED);
      }
      hf_breaker_snapshot after = figures(&on);
      assert_int_equal(after.late, before.late + 4);
      after.late = before.late;
      check_figures(before, after);
      finish(&on);
    }
  }
}

/* By hand -------------------------------------------------------------------- */

static void forced_open_refuses_until_another_state_is_chosen(void **state) {
  (void)state;
  fixture on = start(NULL);
  set_state(&on, HF_BREAKER_FORCED_OPEN);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_FORCED_OPEN, HF_BREAKER_BY_HAND);
  assert_int_equal(figures(&on).opens, 0);
  for (int i = 0; i < 3; i++) {
    assert_false(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, 0);
    assert_int_equal(figures(&on).retry_after_ns, 0);
    assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_FORCED_OPEN);
    wait_ms(&on, 1000 * MS_PER_HOUR);
  }
  assert_int_equal(figures(&on).refused, 3);
  set_state(&on, HF_BREAKER_CLOSED);
  assert_true(acquire(&on));
  assert_int_equal(figures(&on).closes, 0);
  finish(&on);
}

static void disabled_counts_totals_alone(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
  options.failure_threshold = 2;
  fixture on = start(&options);
  set_state(&on, HF_BREAKER_DISABLED);
  call_times(&on, HF_OUTCOME_FAILURE, 100);
  call_times(&on, HF_OUTCOME_SLOW, 10);
  call_times(&on, HF_OUTCOME_SUCCESS, 5);
  call_times(&on, HF_OUTCOME_NEUTRAL, 2);
  hf_breaker_snapshot now = figures(&on);
  assert_int_equal(now.state, HF_BREAKER_DISABLED);
  assert_int_equal(now.generation, 1);
  assert_int_equal(now.failures, 100);
  assert_int_equal(now.slow, 10);
  assert_int_equal(now.successes, 5);
  assert_int_equal(now.neutral, 2);
  assert_int_equal(now.consecutive_failures, 0);
  check_window(&on, 0, 0, 0);
  finish(&on);
}

static void metrics_only_keeps_the_window_and_trips_nothing(void **state) {
  (void)state;
  for (int kind = HF_BREAKER_WINDOW_CALLS; kind <= HF_BREAKER_WINDOW_TIME; kind++) {
    hf_breaker_options options = rates((hf_breaker_window)kind);
    options.failure_threshold = 2;
    options.slow_rate_percent = 1;
    fixture on = start(&options);
    set_state(&on, HF_BREAKER_METRICS_ONLY);
    call_times(&on, HF_OUTCOME_FAILURE, 30);
    call_times(&on, HF_OUTCOME_SLOW, 20);
    call_times(&on, HF_OUTCOME_SUCCESS, 10);
    call_times(&on, HF_OUTCOME_NEUTRAL, 10);
    check_window(&on, 60, 30, 20);
    check_state(&on, HF_BREAKER_METRICS_ONLY);
    assert_int_equal(figures(&on).failures, 30);
    /* Closing begins anew. */
    set_state(&on, HF_BREAKER_CLOSED);
    check_window(&on, 0, 0, 0);
    finish(&on);
  }
}

static void states_chosen_by_hand_begin_anew(void **state) {
  (void)state;
  fixture on = start(NULL);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  set_state(&on, HF_BREAKER_CLOSED);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_CLOSED, HF_BREAKER_BY_HAND);
  assert_int_equal(figures(&on).consecutive_failures, 0);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  check_state(&on, HF_BREAKER_CLOSED);
  set_state(&on, HF_BREAKER_OPEN);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_BY_HAND);
  assert_int_equal(on.transition.open_ms, 60000);
  wait_ms(&on, 59999);
  assert_false(acquire(&on));
  set_state(&on, HF_BREAKER_OPEN);
  assert_int_equal(figures(&on).retry_after_ns, 60000 * NS_PER_MS);
  assert_int_equal(figures(&on).opens, 2);
  /* Half-open lets a probe pass at once. */
  set_state(&on, HF_BREAKER_HALF_OPEN);
  check_transition(&on, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_BY_HAND);
  assert_int_equal(on.transition.open_ms, 0);
  (void)acquired(&on);
  assert_int_equal(on.transition.cause, HF_BREAKER_UNCHANGED);
  assert_false(acquire(&on));
  set_state(&on, HF_BREAKER_CLOSED);
  check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_CLOSED, HF_BREAKER_BY_HAND);
  assert_int_equal(figures(&on).closes, 1);
  assert_int_equal(on.transition.generation, 5);
  assert_int_equal(figures(&on).generation, 5);
  set_state(&on, (hf_breaker_state)6);
  assert_int_equal(on.transition.cause, HF_BREAKER_UNCHANGED);
  set_state(&on, (hf_breaker_state)-1);
  assert_int_equal(figures(&on).generation, 5);
  finish(&on);
}

static void a_reset_makes_every_figure_nothing(void **state) {
  (void)state;
  for (int from = HF_BREAKER_CLOSED; from <= HF_BREAKER_METRICS_ONLY; from++) {
    hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
    fixture on = start(&options);
    call_times(&on, HF_OUTCOME_FAILURE, 3);
    call_times(&on, HF_OUTCOME_SLOW, 2);
    call_times(&on, HF_OUTCOME_SUCCESS, 4);
    call_times(&on, HF_OUTCOME_NEUTRAL, 4);
    hf_permit old = acquired(&on);
    set_state(&on, HF_BREAKER_OPEN);
    assert_false(acquire(&on));
    settle(&on, old, HF_OUTCOME_SUCCESS);
    set_state(&on, HF_BREAKER_HALF_OPEN);
    call_times(&on, HF_OUTCOME_SUCCESS, 2);
    hf_breaker_snapshot before = figures(&on);
    assert_true(before.successes && before.failures && before.slow && before.neutral &&
                before.late && before.refused && before.opens && before.closes);
    set_state(&on, (hf_breaker_state)from);
    uint32_t generation = figures(&on).generation;
    hf_transition made = hf_breaker_reset(on.breaker, on.now_ns);
    assert_int_equal(made.cause, HF_BREAKER_BY_HAND);
    assert_int_equal(made.from, from);
    assert_int_equal(made.to, HF_BREAKER_CLOSED);
    const hf_breaker_snapshot nothing = {.state = HF_BREAKER_CLOSED, .generation = generation + 1};
    check_figures(nothing, figures(&on));
    finish(&on);
  }
}

static void options_are_replaced_while_it_runs(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_CALLS);
  options.window_calls = 20;
  fixture on = start(&options);
  call_times(&on, HF_OUTCOME_FAILURE, 4);
  /* Another threshold, and a window that cannot be changed. */
  options.failure_threshold = 5;
  options.window = HF_BREAKER_WINDOW_NONE;
  options.window_calls = 2;
  options.window_ms = 10;
  options.open_ms = 100;
  options.probes = 2;
  options.success_threshold = 1;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  check_window(&on, 4, 4, 0);
  check_state(&on, HF_BREAKER_CLOSED);
  call(&on, HF_OUTCOME_FAILURE);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
  assert_int_equal(on.transition.open_ms, 100);
  wait_ms(&on, 100);
  hf_permit first = acquired(&on);
  (void)acquired(&on);
  /* Fewer probes than are out: none passes. */
  options.probes = 1;
  assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
  assert_true(settle(&on, first, HF_OUTCOME_NEUTRAL));
  assert_false(acquire(&on));
  assert_true(settle(&on, first, HF_OUTCOME_SUCCESS));
  check_state(&on, HF_BREAKER_CLOSED);
  /* The window is as it was made. */
  set_state(&on, HF_BREAKER_METRICS_ONLY);
  call_times(&on, HF_OUTCOME_SUCCESS, 30);
  check_window(&on, 20, 0, 0);
  finish(&on);
}

static void a_limit_of_time_is_set_and_taken_back_while_it_runs(void **state) {
  (void)state;
  fixture on = start(NULL);
  hf_breaker_options options = hf_breaker_options_default();
  options.slow_call_ns = 1;
  for (uint32_t turn = 0; turn < 4; turn++) {
    options.slow_call_ns = turn % 2;
    assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
    hf_permit permit = acquired(&on);
    on.now_ns += 1;
    assert_true(settle(&on, permit, HF_OUTCOME_SUCCESS));
    assert_int_equal(figures(&on).slow, (turn + 1) / 2);
    assert_int_equal(figures(&on).successes, turn / 2 + 1);
  }
  finish(&on);
}

/* Looking -------------------------------------------------------------------- */

static void looking_changes_nothing(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  fixture on = start(&options);
  call_times(&on, HF_OUTCOME_FAILURE, 3);
  for (int chosen = HF_BREAKER_CLOSED; chosen <= HF_BREAKER_METRICS_ONLY; chosen++) {
    set_state(&on, (hf_breaker_state)chosen);
    hf_breaker_snapshot before = figures(&on);
    for (uint64_t ms = 0; ms < 200000; ms += 9999) {
      hf_breaker_state seen = hf_breaker_peek(on.breaker, on.now_ns + ms * NS_PER_MS);
      bool over = chosen == HF_BREAKER_OPEN && ms >= 60000;
      assert_int_equal(seen, over ? HF_BREAKER_HALF_OPEN : chosen);
      (void)hf_breaker_read(on.breaker, on.now_ns + ms * NS_PER_MS);
    }
    check_figures(before, figures(&on));
  }
  finish(&on);
}

static void an_outcome_that_is_none_is_neutral(void **state) {
  (void)state;
  fixture on = start(NULL);
  call(&on, (hf_outcome)4);
  call(&on, (hf_outcome)-1);
  assert_int_equal(figures(&on).neutral, 2);
  finish(&on);
}

static void who_wants_no_transition_gets_none(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 1;
  fixture on = start(&options);
  assert_int_equal(hf_breaker_acquire(on.breaker, on.now_ns, &on.permit, NULL), HF_OK);
  assert_true(hf_breaker_settle(on.breaker, &on.permit, HF_OUTCOME_FAILURE, on.now_ns, NULL));
  check_state(&on, HF_BREAKER_OPEN);
  wait_ms(&on, 60000);
  assert_int_equal(hf_breaker_acquire(on.breaker, on.now_ns, &on.permit, NULL), HF_OK);
  check_state(&on, HF_BREAKER_HALF_OPEN);
  assert_true(hf_breaker_settle(on.breaker, &on.permit, HF_OUTCOME_FAILURE, on.now_ns, NULL));
  check_state(&on, HF_BREAKER_OPEN);
  assert_int_equal(figures(&on).opens, 2);
  finish(&on);
}

static void the_clock_may_begin_anywhere_and_go_round(void **state) {
  (void)state;
  static const uint64_t begins[] = {0, 1, UINT64_MAX, UINT64_MAX - 30000 * NS_PER_MS,
                                    UINT64_C(1) << 63};
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
    hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
    options.failure_threshold = 5;
    fixture on = start_at(&options, begins[i]);
    call_times(&on, HF_OUTCOME_FAILURE, 4);
    wait_ms(&on, 5000);
    check_window(&on, 4, 4, 0);
    call(&on, HF_OUTCOME_FAILURE);
    check_state(&on, HF_BREAKER_OPEN);
    wait_ms(&on, 59999);
    assert_false(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, NS_PER_MS);
    wait_ms(&on, 1);
    call_times(&on, HF_OUTCOME_SUCCESS, 2);
    check_state(&on, HF_BREAKER_CLOSED);
    finish(&on);
  }
}

static void a_generation_goes_round_after_a_million(void **state) {
  (void)state;
  fixture on = start(NULL);
  for (uint32_t i = 1; i < GENERATIONS; i++) {
    set_state(&on, HF_BREAKER_CLOSED);
    assert_int_equal(on.transition.generation, i);
  }
  hf_permit old = acquired(&on);
  set_state(&on, HF_BREAKER_CLOSED);
  assert_int_equal(on.transition.generation, 0);
  assert_int_equal(figures(&on).generation, 0);
  assert_false(settle(&on, old, HF_OUTCOME_FAILURE));
  call_times(&on, HF_OUTCOME_FAILURE, 5);
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
  assert_int_equal(on.transition.generation, 1);
  finish(&on);
}

/* Faults seen in other breakers ---------------------------------------------- */

/* Of resilience4j, Polly, sentinel and failsafe-go: a call that began while it was closed decided
 * when it was half-open. */
static void peer_defect_results_of_an_older_state_are_counted(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.success_threshold = 1;
  fixture on = start(&options);
  hf_permit began_closed[3] = {acquired(&on), acquired(&on), acquired(&on)};
  call_times(&on, HF_OUTCOME_FAILURE, 5);
  wait_ms(&on, 60000);
  hf_permit probe = acquired(&on);
  assert_false(settle(&on, began_closed[0], HF_OUTCOME_SUCCESS));
  assert_false(settle(&on, began_closed[1], HF_OUTCOME_FAILURE));
  assert_false(settle(&on, began_closed[2], HF_OUTCOME_SLOW));
  check_state(&on, HF_BREAKER_HALF_OPEN);
  assert_int_equal(figures(&on).late, 3);
  assert_int_equal(figures(&on).failures, 5);
  assert_true(settle(&on, probe, HF_OUTCOME_SUCCESS));
  check_state(&on, HF_BREAKER_CLOSED);
  assert_int_equal(figures(&on).consecutive_failures, 0);
  finish(&on);
}

/* Of resilience4j: two were permitted; each that was settled let others pass beside those still
 * out, 52 in the end. */
static void peer_defect_fifty_two_probes_where_two_are_permitted(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.probes = 2;
  options.success_threshold = 31;
  fixture on = probing(&options);
  hf_permit out[2] = {on.permit};
  out[1] = acquired(&on);
  for (uint32_t i = 0; i < 52; i++) {
    assert_false(acquire(&on));
    /* Whoever comes late or gives up frees its own place, nobody else's. */
    size_t chosen = i % 2;
    if (i % 3 == 0) {
      assert_true(settle(&on, out[chosen], HF_OUTCOME_NEUTRAL));
      out[chosen] = acquired(&on);
    }
    assert_false(acquire(&on));
  }
  finish(&on);
}

/* Of sentinel and Kitura: while half-open everybody passed. */
static void peer_defect_probes_without_limit(void **state) {
  (void)state;
  fixture on = start(NULL);
  call_times(&on, HF_OUTCOME_FAILURE, 5);
  wait_ms(&on, 60000);
  uint32_t passed = 0;
  for (int i = 0; i < 1000; i++) {
    passed += acquire(&on);
  }
  assert_int_equal(passed, 1);
  assert_int_equal(figures(&on).refused, 999);
  finish(&on);
}

/* Of Polly and gobreaker: a probe that never came back blocked the breaker for ever. */
static void peer_defect_a_hung_probe_blocks_for_ever(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.probes = 3;
  fixture on = probing(&options);
  for (int round = 0; round < 5; round++) {
    for (int i = 1; i < 3; i++) {
      (void)acquired(&on);
    }
    assert_false(acquire(&on));
    wait_ms(&on, 60000 + 64);
    (void)acquired(&on);
    check_transition(&on, HF_BREAKER_HALF_OPEN, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP);
  }
  finish(&on);
}

/* Of Polly: a probe that was cancelled closed the circuit. */
static void peer_defect_a_cancelled_probe_closes_the_circuit(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.success_threshold = 1;
  fixture on = probing(&options);
  for (int i = 0; i < 100; i++) {
    assert_true(settle(&on, on.permit, HF_OUTCOME_NEUTRAL));
    check_state(&on, HF_BREAKER_HALF_OPEN);
    assert_int_equal(figures(&on).consecutive_successes, 0);
    (void)acquired(&on); /* and another one may try */
  }
  assert_int_equal(figures(&on).closes, 0);
  finish(&on);
}

/* Of sentinel: the state was seen as open before its deadline was stored, so that a probe passed at
 * once. Here both are one word: whoever sees it open sees the deadline. One thread cannot come
 * between; the explorer's mutant open_before_its_deadline has the fault itself. */
static void peer_defect_open_is_seen_before_its_deadline(void **state) {
  (void)state;
  fixture on = start(NULL);
  for (int round = 0; round < 100; round++) {
    wait_ms(&on, 60000); /* an older deadline is always over */
    set_state(&on, HF_BREAKER_CLOSED);
    call_times(&on, HF_OUTCOME_FAILURE, 5);
    assert_int_equal(hf_breaker_peek(on.breaker, on.now_ns), HF_BREAKER_OPEN);
    assert_false(acquire(&on));
    assert_int_equal(on.permit.retry_after_ns, 60000 * NS_PER_MS);
  }
  finish(&on);
}

/* Of resilience4j: the window of time read a clock of its own. Here years pass in no time, and
 * nothing passes while the given clock stands. */
static void peer_defect_the_window_of_time_has_another_clock(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.window_ms = 10;
  fixture on = start(&options);
  for (int year = 0; year < 20; year++) {
    call_times(&on, HF_OUTCOME_FAILURE, 9);
    check_window(&on, 9, 9, 0);
    wait_ms(&on, 365 * 24 * MS_PER_HOUR);
    check_window(&on, 0, 0, 0);
  }
  call_times(&on, HF_OUTCOME_SUCCESS, 100000);
  check_window(&on, 100000, 0, 0);
  finish(&on);
}

/* Against the rule, but no worse than late. */
static void a_probe_that_is_settled_twice_frees_no_second_place(void **state) {
  (void)state;
  hf_breaker *breaker = NULL;
  assert_int_equal(hf_breaker_create(NULL, 1, 0, NULL, &breaker, NULL), HF_OK);
  hf_breaker_set_state(breaker, HF_BREAKER_HALF_OPEN, 0);
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(breaker, 0, &permit, NULL), HF_OK);
  assert_true(hf_breaker_settle(breaker, &permit, HF_OUTCOME_NEUTRAL, 0, NULL));
  assert_false(hf_breaker_settle(breaker, &permit, HF_OUTCOME_NEUTRAL, 0, NULL));
  hf_permit other;
  assert_int_equal(hf_breaker_acquire(breaker, 0, &permit, NULL), HF_OK);
  assert_int_equal(hf_breaker_acquire(breaker, 0, &other, NULL), HF_ERROR_CIRCUIT_OPEN);
  hf_breaker_destroy(breaker);
}

/* Of a thread that looked at the clock before the maker did. */
static void a_time_before_the_making_is_the_beginning(void **state) {
  (void)state;
  const uint64_t epoch_ns = UINT64_C(1000000000000);
  const uint64_t ms = 1000000;
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 1;
  hf_breaker *breaker = NULL;
  assert_int_equal(hf_breaker_create(&options, 1, epoch_ns, NULL, &breaker, NULL), HF_OK);
  hf_permit permit;
  hf_transition transition;
  assert_int_equal(hf_breaker_acquire(breaker, epoch_ns - 1, &permit, NULL), HF_OK);
  hf_breaker_settle(breaker, &permit, HF_OUTCOME_FAILURE, epoch_ns - 1, &transition);
  assert_int_equal(transition.cause, HF_BREAKER_FAILURES);
  assert_int_equal(hf_breaker_acquire(breaker, epoch_ns - 1, &permit, NULL), HF_ERROR_CIRCUIT_OPEN);
  assert_int_equal(permit.retry_after_ns, 60000 * ms);
  assert_int_equal(hf_breaker_acquire(breaker, epoch_ns + 59999 * ms, &permit, NULL),
                   HF_ERROR_CIRCUIT_OPEN);
  assert_int_equal(hf_breaker_acquire(breaker, epoch_ns + 60000 * ms, &permit, NULL), HF_OK);
  hf_breaker_destroy(breaker);
}

/* What is compiled into callers ------------------------------------------------ */

static void what_is_compiled_in_is_mixed_with_what_is_called(void **state) {
  (void)state;
  fixture on = start(NULL);
  hf_permit permit = {.retry_after_ns = 7};
  hf_transition transition;
  memset(&transition, 0x5a, sizeof transition);
  const hf_transition none = {.cause = HF_BREAKER_UNCHANGED};
  assert_int_equal(hf_breaker_acquire_inline(on.breaker, on.now_ns, &permit, &transition), HF_OK);
  assert_memory_equal(&transition, &none, sizeof none);
  assert_int_equal(permit.retry_after_ns, 0);
  assert_true(settle(&on, permit, HF_OUTCOME_SUCCESS));
  permit = acquired(&on);
  memset(&transition, 0x5a, sizeof transition);
  assert_true(
      hf_breaker_settle_inline(on.breaker, &permit, HF_OUTCOME_SUCCESS, on.now_ns, &transition));
  assert_memory_equal(&transition, &none, sizeof none);
  assert_int_equal(figures(&on).successes, 2);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(hf_breaker_acquire_inline(on.breaker, on.now_ns, &permit, NULL), HF_OK);
    assert_true(hf_breaker_settle_inline(on.breaker, &permit, HF_OUTCOME_FAILURE, on.now_ns,
                                         &on.transition));
  }
  check_transition(&on, HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_FAILURES);
  assert_int_equal(hf_breaker_acquire_inline(on.breaker, on.now_ns, &permit, &transition),
                   HF_ERROR_CIRCUIT_OPEN);
  assert_memory_equal(&transition, &none, sizeof none);
  assert_int_equal(permit.retry_after_ns, 60000 * NS_PER_MS);
  finish(&on);
}

static void in_no_state_but_closed_is_a_permit_given_at_once(void **state) {
  (void)state;
  fixture on = start(NULL);
  for (hf_breaker_state in = HF_BREAKER_CLOSED; in <= HF_BREAKER_METRICS_ONLY; in++) {
    set_state(&on, in);
    hf_permit permit;
    memset(&permit, 0x5a, sizeof permit);
    hf_permit before = permit;
    hf_breaker_snapshot figures_before = figures(&on);
    bool given = hf_breaker_acquire_if_closed(on.breaker, on.now_ns, &permit);
    assert_int_equal(given, in == HF_BREAKER_CLOSED);
    assert_true(given || memcmp(&permit, &before, sizeof permit) == 0);
    check_figures(figures_before, figures(&on));
  }
  finish(&on);
}

/* Whether a success of a closed breaker with these options is counted at once. */
static bool is_only_counted(const hf_breaker_options *options, bool after_a_failure) {
  fixture on = start(options);
  if (after_a_failure) {
    call(&on, HF_OUTCOME_FAILURE);
  }
  hf_permit permit = acquired(&on);
  uint64_t successes = figures(&on).successes;
  bool counted = hf_breaker_settle_if_only_counted(on.breaker, &permit);
  assert_int_equal(figures(&on).successes - successes, counted);
  /* An older generation's never is. */
  set_state(&on, HF_BREAKER_CLOSED);
  assert_false(hf_breaker_settle_if_only_counted(on.breaker, &permit));
  finish(&on);
  return counted;
}

static void a_success_is_only_counted_where_nothing_else_is_to_be_done(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  assert_true(is_only_counted(&options, false));
  assert_false(is_only_counted(&options, true));
  options.window = HF_BREAKER_WINDOW_CALLS;
  assert_false(is_only_counted(&options, false));
  options.window = HF_BREAKER_WINDOW_TIME;
  assert_false(is_only_counted(&options, false));
  options.window = HF_BREAKER_WINDOW_NONE;
  options.slow_call_ns = UINT64_MAX;
  assert_false(is_only_counted(&options, false));
}

static void a_new_limit_of_time_is_met_by_what_is_compiled_in(void **state) {
  (void)state;
  fixture on = start(NULL);
  hf_breaker_options options = hf_breaker_options_default();
  for (uint32_t turn = 1; turn <= 3; turn++) {
    hf_permit permit = acquired(&on);
    options.slow_call_ns = NS_PER_MS;
    assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
    assert_true(hf_breaker_settle_inline(on.breaker, &permit, HF_OUTCOME_SUCCESS,
                                         on.now_ns + NS_PER_MS, NULL));
    assert_int_equal(figures(&on).slow, turn);
    options.slow_call_ns = 0;
    assert_int_equal(hf_breaker_configure(on.breaker, &options, NULL), HF_OK);
    permit = acquired(&on);
    assert_true(hf_breaker_settle_if_only_counted(on.breaker, &permit));
  }
  finish(&on);
}

static void counters_for_processors_take_nothing_away(void **state) {
  (void)state;
  fixture on = start(NULL);
  call(&on, HF_OUTCOME_SUCCESS);
  hf_breaker_spread(on.breaker);
  size_t size = hf_breaker_size_bytes(on.breaker);
  hf_breaker_spread(on.breaker);
  assert_int_equal(hf_breaker_size_bytes(on.breaker), size);
  call_times(&on, HF_OUTCOME_SUCCESS, 3);
  hf_breaker_count_apart(on.breaker, HF_FRONT_SUCCESSES);
  hf_permit permit = acquired(&on);
  assert_true(hf_breaker_settle_if_only_counted(on.breaker, &permit));
  call(&on, HF_OUTCOME_NEUTRAL);
  assert_int_equal(figures(&on).successes, 6);
  assert_int_equal(figures(&on).neutral, 1);
  assert_int_equal(figures(&on).failures + figures(&on).slow + figures(&on).late, 0);
  finish(&on);
}

static void a_window_that_is_full_holds_calls_enough(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = 0;
  options.window = HF_BREAKER_WINDOW_CALLS;
  options.window_calls = 5;
  hf_breaker *breaker = NULL;
  assert_int_equal(hf_breaker_create(&options, 1, 0, NULL, &breaker, NULL), HF_OK);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(hf_breaker_peek(breaker, 0), HF_BREAKER_CLOSED);
    hf_permit permit;
    assert_int_equal(hf_breaker_acquire(breaker, 0, &permit, NULL), HF_OK);
    assert_true(hf_breaker_settle(breaker, &permit, HF_OUTCOME_FAILURE, 0, NULL));
  }
  assert_int_equal(hf_breaker_peek(breaker, 0), HF_BREAKER_OPEN);
  hf_breaker_destroy(breaker);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_transition_that_was_none_is_all_zeros),
      cmocka_unit_test(a_slow_call_is_slow_while_the_clock_goes_round),
      cmocka_unit_test(the_open_time_that_is_told_is_kept_when_generations_go_round),
      cmocka_unit_test(a_window_counts_after_an_outage_of_any_length),
      cmocka_unit_test(a_window_of_time_counts_after_it_was_left_alone),
      cmocka_unit_test(a_step_counts_more_failures_than_sixteen_bits_hold),
      cmocka_unit_test(a_window_ends_with_the_last_call_that_it_can_hold),
      cmocka_unit_test(a_step_whose_place_was_taken_has_no_failures_either),
      cmocka_unit_test(the_defaults_are_as_documented),
      cmocka_unit_test(each_option_has_its_range),
      cmocka_unit_test(a_breaker_takes_what_the_header_says),
      cmocka_unit_test(without_memory_there_is_no_breaker),
      cmocka_unit_test(states_have_names),
      cmocka_unit_test(a_new_breaker_is_closed_and_empty),
      cmocka_unit_test(so_many_failures_in_a_row_open_it),
      cmocka_unit_test(successes_and_slow_calls_end_a_run_and_neutral_ones_do_not),
      cmocka_unit_test(without_a_threshold_runs_do_not_trip),
      cmocka_unit_test(a_share_of_failures_opens_it_once_there_are_enough_calls),
      cmocka_unit_test(a_share_of_slow_calls_opens_it),
      cmocka_unit_test(the_rules_stand_together),
      cmocka_unit_test(a_success_that_takes_long_is_slow),
      cmocka_unit_test(a_window_of_calls_holds_the_last_of_them_exactly),
      cmocka_unit_test(a_window_of_time_forgets_step_by_step),
      cmocka_unit_test(a_jump_over_the_whole_window_empties_it),
      cmocka_unit_test(a_window_that_is_no_multiple_of_ten_is_rounded_up),
      cmocka_unit_test(a_breaker_that_closes_begins_with_an_empty_window),
      cmocka_unit_test(an_open_breaker_refuses_until_its_time_is_over),
      cmocka_unit_test(the_open_time_grows_to_its_cap),
      cmocka_unit_test(open_times_grow_from_the_first_after_a_state_by_hand),
      cmocka_unit_test(what_is_degraded_goes_by_the_options_as_they_are_now),
      cmocka_unit_test(a_breaker_that_closed_begins_with_the_first_open_time),
      cmocka_unit_test(jitter_takes_off_at_random_within_its_bounds),
      cmocka_unit_test(so_many_probes_pass_and_no_more),
      cmocka_unit_test(enough_successes_close_it),
      cmocka_unit_test(one_failed_probe_opens_it_again),
      cmocka_unit_test(a_slow_probe_fails_where_slowness_has_a_rate),
      cmocka_unit_test(a_probe_that_hangs_is_given_up_after_its_lease),
      cmocka_unit_test(the_shortest_lease_is_kept_as_well),
      cmocka_unit_test(a_hung_probe_blocks_no_longer_after_a_long_silence),
      cmocka_unit_test(a_lease_made_shorter_ends_the_ones_that_run_on),
      cmocka_unit_test(a_clock_that_went_back_far_gives_the_hung_probe_up),
      cmocka_unit_test(what_an_older_generation_permitted_is_late),
      cmocka_unit_test(forced_open_refuses_until_another_state_is_chosen),
      cmocka_unit_test(disabled_counts_totals_alone),
      cmocka_unit_test(metrics_only_keeps_the_window_and_trips_nothing),
      cmocka_unit_test(states_chosen_by_hand_begin_anew),
      cmocka_unit_test(a_reset_makes_every_figure_nothing),
      cmocka_unit_test(options_are_replaced_while_it_runs),
      cmocka_unit_test(a_limit_of_time_is_set_and_taken_back_while_it_runs),
      cmocka_unit_test(looking_changes_nothing),
      cmocka_unit_test(an_outcome_that_is_none_is_neutral),
      cmocka_unit_test(who_wants_no_transition_gets_none),
      cmocka_unit_test(the_clock_may_begin_anywhere_and_go_round),
      cmocka_unit_test(a_generation_goes_round_after_a_million),
      cmocka_unit_test(peer_defect_results_of_an_older_state_are_counted),
      cmocka_unit_test(peer_defect_fifty_two_probes_where_two_are_permitted),
      cmocka_unit_test(peer_defect_probes_without_limit),
      cmocka_unit_test(peer_defect_a_hung_probe_blocks_for_ever),
      cmocka_unit_test(peer_defect_a_cancelled_probe_closes_the_circuit),
      cmocka_unit_test(peer_defect_open_is_seen_before_its_deadline),
      cmocka_unit_test(peer_defect_the_window_of_time_has_another_clock),
      cmocka_unit_test(a_probe_that_is_settled_twice_frees_no_second_place),
      cmocka_unit_test(a_time_before_the_making_is_the_beginning),
      cmocka_unit_test(a_window_that_is_full_holds_calls_enough),
      cmocka_unit_test(what_is_compiled_in_is_mixed_with_what_is_called),
      cmocka_unit_test(in_no_state_but_closed_is_a_permit_given_at_once),
      cmocka_unit_test(a_success_is_only_counted_where_nothing_else_is_to_be_done),
      cmocka_unit_test(a_new_limit_of_time_is_met_by_what_is_compiled_in),
      cmocka_unit_test(counters_for_processors_take_nothing_away),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
