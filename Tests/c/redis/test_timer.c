/* The timer wheel against a plain list of times. */
#include "hf_test.h"

#include "timer.h"

enum { TIMERS = 300, ROUNDS = 60000 };

#define TICK_NS (UINT64_C(1) << HF__REDIS_TICK_BITS)

typedef struct checked_timer {
  hf__redis_timer timer;
  uint64_t at_ns; /* 0: not set */
} checked_timer;

static hf__redis_wheel wheel;
static checked_timer timers[TIMERS];
static uint64_t now_ns;
static uint64_t turned_ns; /* when the wheel was run before */
static test_random randoms;
static size_t fired;

static void set(checked_timer *timer, uint64_t ahead_ns) {
  /* Up to a tick ago. */
  timer->at_ns = now_ns - test_random_below(&randoms, (uint32_t)TICK_NS) + ahead_ns;
  hf__redis_timer_set(&timer->timer, &wheel, timer->at_ns);
}

static void stop(checked_timer *timer) {
  timer->at_ns = 0;
  hf__redis_timer_stop(&timer->timer, &wheel);
}

/* What is due sets itself anew sometimes, and stops others, which may be due as well. */
static void note_due(hf__redis_timer *due) {
  checked_timer *timer = (checked_timer *)(void *)due;
  assert_true(timer->at_ns != 0);
  assert_true(timer->at_ns <= now_ns);
  assert_true(timer->at_ns + 3 * TICK_NS > turned_ns);
  timer->at_ns = 0;
  fired++;
  if (test_random_below(&randoms, 3) == 0) {
    stop(&timers[test_random_below(&randoms, TIMERS)]);
  }
  if (test_random_below(&randoms, 3) == 0) {
    set(timer, test_random_below(&randoms, UINT32_MAX) * UINT64_C(5));
  }
}

static uint64_t earliest(void) {
  uint64_t at_ns = UINT64_MAX;
  for (size_t index = 0; index < TIMERS; index++) {
    if (timers[index].at_ns != 0 && timers[index].at_ns < at_ns) {
      at_ns = timers[index].at_ns;
    }
  }
  return at_ns;
}

static void timers_are_due_in_their_time_and_never_before(void **state) {
  (void)state;
  now_ns = UINT64_C(12345678901234);
  turned_ns = now_ns;
  hf__redis_wheel_init(&wheel, now_ns);
  for (size_t index = 0; index < TIMERS; index++) {
    hf__redis_timer_init(&timers[index].timer, note_due);
  }
  for (size_t round = 0; round < ROUNDS; round++) {
    checked_timer *timer = &timers[test_random_below(&randoms, TIMERS)];
    if (test_random_below(&randoms, 4) == 0) {
      stop(timer);
    } else {
      set(timer, test_random_below(&randoms, 2) == 0
                     ? test_random_below(&randoms, 30000000)
                     : test_random_below(&randoms, UINT32_MAX) * UINT64_C(5));
    }
    uint64_t wait_ns = hf__redis_wheel_wait_ns(&wheel, now_ns);
    uint64_t first_ns = earliest();
    if (first_ns == UINT64_MAX) {
      assert_true(wait_ns == UINT64_MAX);
    } else if (first_ns > now_ns) {
      assert_true(wait_ns < first_ns - now_ns + TICK_NS);
    }
    /* Now and then by more than a turn. */
    now_ns += test_random_below(&randoms, 100) == 0
                  ? test_random_below(&randoms, UINT32_MAX) * UINT64_C(3)
                  : test_random_below(&randoms, 20000000);
    hf__redis_wheel_run(&wheel, now_ns);
    turned_ns = now_ns;
    assert_true(earliest() > now_ns - 2 * TICK_NS);
  }
  assert_true(fired > ROUNDS / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(timers_are_due_in_their_time_and_never_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
