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

static hf_breaker_snapshot figures(const fixture *on) {
  return hf_breaker_read(on->breaker, on->now_ns);
}

static void set_state(fixture *on, hf_breaker_state state) {
  on->transition = hf_breaker_set_state(on->breaker, state, on->now_ns);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_transition_that_was_none_is_all_zeros),
      cmocka_unit_test(a_slow_call_is_slow_while_the_clock_goes_round),
      cmocka_unit_test(the_open_time_that_is_told_is_kept_when_generations_go_round),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
