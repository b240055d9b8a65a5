/* What <holdfast/breaker.h> promises, sentence by sentence, to one caller after another. */
#include <inttypes.h>
#include <string.h>

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

static void set_state(fixture *on, hf_breaker_state state) {
  on->transition = hf_breaker_set_state(on->breaker, state, on->now_ns);
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

/* Two threads' clocks are a little apart: the later one's step has taken the place of a step that
 * the earlier one still sees. */
static void a_step_whose_place_was_taken_has_no_failures_either(void **state) {
  (void)state;
  hf_breaker_options options = rates(HF_BREAKER_WINDOW_TIME);
  options.window_ms = 10;
  fixture on = start(&options);
  call(&on, HF_OUTCOME_FAILURE);
  wait_ms(&on, 10);
  call(&on, HF_OUTCOME_SUCCESS);
  on.now_ns -= NS_PER_MS;
  check_window(&on, 0, 0, 0);
  on.now_ns -= 9 * NS_PER_MS;
  call(&on, HF_OUTCOME_FAILURE);
  check_window(&on, 0, 0, 0);
  finish(&on);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_transition_that_was_none_is_all_zeros),
      cmocka_unit_test(a_slow_call_is_slow_while_the_clock_goes_round),
      cmocka_unit_test(the_open_time_that_is_told_is_kept_when_generations_go_round),
      cmocka_unit_test(a_window_counts_after_an_outage_of_any_length),
      cmocka_unit_test(a_window_of_time_counts_after_it_was_left_alone),
      cmocka_unit_test(a_step_counts_more_failures_than_sixteen_bits_hold),
      cmocka_unit_test(a_step_whose_place_was_taken_has_no_failures_either),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
