/* The timer wheel: what is due when, to the nanosecond, and what disarming leaves. */
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

/* Of nanoseconds. */
#define TICK (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)
#define YEAR (UINT64_C(365) * 86400 * SECOND)
#define NEVER UINT64_MAX

static hf_timer_wheel *make_wheel(uint64_t now_ns) {
  hf_timer_wheel *wheel = NULL;
  assert_int_equal(hf_timer_wheel_create(now_ns, NULL, &wheel), HF_OK);
  return wheel;
}

/* What a timer comes back with; never looked at, so any address does. */
static char marks[16];

static hf_timer arm(hf_timer_wheel *wheel, uint64_t deadline_ns, char *mark) {
  hf_timer timer = {HF_NO_TIMER};
  assert_int_equal(hf_timer_wheel_arm(wheel, deadline_ns, mark, &timer), HF_OK);
  assert_true(timer.id != HF_NO_TIMER);
  return timer;
}

/* NULL: nothing is due. */
static char *expire(hf_timer_wheel *wheel, uint64_t now_ns) {
  void *data = &data;
  if (!hf_timer_wheel_expire(wheel, now_ns, &data)) {
    assert_ptr_equal(data, &data);
    return NULL;
  }
  return data;
}

static bool disarm(hf_timer_wheel *wheel, hf_timer timer) {
  return hf_timer_wheel_disarm(wheel, timer, NULL);
}

/* When ---------------------------------------------------------------------- */

static const uint64_t distances[] = {
    0,
    1,
    TICK - 1,
    TICK,
    TICK + 1,
    63 * TICK,
    64 * TICK - 1,
    64 * TICK,
    64 * TICK + 1,
    SECOND,
    64 * 64 * TICK,
    300 * SECOND,
    YEAR / 365,
    YEAR,
    250 * YEAR,
};
enum { DISTANCES = sizeof distances / sizeof distances[0] };

static void a_timer_is_due_at_its_deadline_to_the_nanosecond(void **state) {
  (void)state;
  for (size_t i = 0; i < DISTANCES; i++) {
    for (size_t j = 0; j < DISTANCES; j++) {
      uint64_t start = distances[i];
      uint64_t deadline = start + distances[j];
      hf_timer_wheel *wheel = make_wheel(start);
      arm(wheel, deadline, &marks[1]);
      assert_int_equal(hf_timer_wheel_next_ns(wheel), deadline);
      if (deadline > start) {
        assert_null(expire(wheel, deadline - 1));
        assert_int_equal(hf_timer_wheel_next_ns(wheel), deadline);
      }
      assert_ptr_equal(expire(wheel, deadline), &marks[1]);
      assert_null(expire(wheel, deadline));
      assert_int_equal(hf_timer_wheel_count(wheel), 0);
      assert_true(hf_timer_wheel_next_ns(wheel) == NEVER);
      hf_timer_wheel_destroy(wheel);
    }
  }
}

static void a_timer_comes_nearer_step_by_step(void **state) {
  (void)state;
  for (size_t i = 0; i < DISTANCES; i++) {
    for (uint64_t divisor = 2; divisor < 100; divisor += 13) {
      uint64_t deadline = 12345678901 + distances[i];
      hf_timer_wheel *wheel = make_wheel(12345678901);
      arm(wheel, deadline, &marks[1]);
      uint64_t now = 12345678901;
      while (now < deadline) {
        assert_null(expire(wheel, now));
        assert_int_equal(hf_timer_wheel_next_ns(wheel), deadline);
        now += 1 + (deadline - now) / divisor;
      }
      assert_ptr_equal(expire(wheel, deadline), &marks[1]);
      hf_timer_wheel_destroy(wheel);
    }
  }
}

static void what_has_passed_is_due_at_once(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(100 * SECOND);
  arm(wheel, 0, &marks[1]);
  arm(wheel, 100 * SECOND - 1, &marks[2]);
  /* Not before the present that the wheel was told of. */
  assert_int_equal(hf_timer_wheel_next_ns(wheel), 100 * SECOND);
  assert_non_null(expire(wheel, 100 * SECOND));
  assert_int_equal(hf_timer_wheel_next_ns(wheel), 100 * SECOND);
  assert_non_null(expire(wheel, 100 * SECOND));
  assert_null(expire(wheel, 100 * SECOND));
  hf_timer_wheel_destroy(wheel);
}

static void the_earlier_deadline_comes_first(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(7);
  for (size_t i = 0; i < 12; i++) {
    arm(wheel, TICK << 3 * (12 - i), &marks[12 - i]);
  }
  for (size_t i = 0; i < 12; i++) {
    assert_ptr_equal(expire(wheel, NEVER - 1), &marks[i + 1]);
  }
  hf_timer_wheel_destroy(wheel);
}

static void some_of_a_tick_are_due_before_the_rest(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  for (size_t i = 0; i < 10; i++) {
    arm(wheel, 5 * TICK + i, &marks[i]);
  }
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(hf_timer_wheel_next_ns(wheel), 5 * TICK + i);
    assert_ptr_equal(expire(wheel, 5 * TICK + i), &marks[i]);
    assert_null(expire(wheel, 5 * TICK + i));
  }
  hf_timer_wheel_destroy(wheel);
}

static void what_is_never_due_is_armed_all_the_same(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  hf_timer timer = arm(wheel, NEVER, &marks[1]);
  hf_timer second = arm(wheel, NEVER, &marks[2]);
  assert_true(hf_timer_wheel_next_ns(wheel) == NEVER);
  assert_null(expire(wheel, NEVER - 1));
  assert_null(expire(wheel, NEVER));
  assert_int_equal(hf_timer_wheel_count(wheel), 2);
  void *data = NULL;
  assert_true(hf_timer_wheel_disarm(wheel, timer, &data));
  assert_ptr_equal(data, &marks[1]);
  assert_true(disarm(wheel, second));
  assert_int_equal(hf_timer_wheel_count(wheel), 0);
  hf_timer_wheel_destroy(wheel);
}

static void the_end_of_time_is_a_time(void **state) {
  (void)state;
  for (uint64_t before = 0; before < 200 * TICK; before += TICK / 2 + 1) {
    hf_timer_wheel *wheel = make_wheel(NEVER - 1 - before);
    arm(wheel, NEVER - 1, &marks[1]);
    assert_true(hf_timer_wheel_next_ns(wheel) == NEVER - 1);
    if (before > 0) {
      assert_null(expire(wheel, NEVER - 2));
    }
    assert_ptr_equal(expire(wheel, NEVER - 1), &marks[1]);
    arm(wheel, 3, &marks[2]);
    assert_ptr_equal(expire(wheel, NEVER), &marks[2]);
    assert_null(expire(wheel, NEVER));
    hf_timer_wheel_destroy(wheel);
  }
}

static void a_clock_that_goes_back_makes_nothing_due(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  arm(wheel, 10 * SECOND, &marks[1]);
  arm(wheel, 10 * SECOND, &marks[2]);
  arm(wheel, 30 * SECOND, &marks[3]);
  assert_non_null(expire(wheel, 20 * SECOND));
  assert_null(expire(wheel, 20 * SECOND - 1));
  arm(wheel, 5 * SECOND, &marks[4]);
  assert_null(expire(wheel, 6 * SECOND));
  /* Whoever sleeps until then finds that it has caught up. */
  assert_int_equal(hf_timer_wheel_next_ns(wheel), 20 * SECOND);
  assert_non_null(expire(wheel, 20 * SECOND));
  assert_non_null(expire(wheel, 20 * SECOND));
  assert_null(expire(wheel, 20 * SECOND));
  assert_int_equal(hf_timer_wheel_next_ns(wheel), 30 * SECOND);
  hf_timer_wheel_destroy(wheel);
}

/* Disarming ----------------------------------------------------------------- */

static void what_is_disarmed_is_not_due(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  hf_timer first = arm(wheel, SECOND, &marks[1]);
  arm(wheel, SECOND, &marks[2]);
  void *data = NULL;
  assert_true(hf_timer_wheel_disarm(wheel, first, &data));
  assert_ptr_equal(data, &marks[1]);
  assert_ptr_equal(expire(wheel, SECOND), &marks[2]);
  assert_null(expire(wheel, 2 * SECOND));
  hf_timer_wheel_destroy(wheel);
}

/* Whichever of three in a slot goes, the other two stay. */
static void any_of_a_slot_can_be_disarmed(void **state) {
  (void)state;
  for (size_t chosen = 0; chosen < 3; chosen++) {
    for (size_t i = 0; i < DISTANCES; i++) {
      hf_timer_wheel *wheel = make_wheel(0);
      hf_timer timers[3];
      for (size_t j = 0; j < 3; j++) {
        timers[j] = arm(wheel, distances[i], &marks[j]);
      }
      assert_true(disarm(wheel, timers[chosen]));
      char *one = expire(wheel, distances[i]);
      char *other = expire(wheel, distances[i]);
      assert_true(one != NULL && other != NULL && one != other);
      assert_true(one != &marks[chosen] && other != &marks[chosen]);
      assert_null(expire(wheel, distances[i]));
      hf_timer_wheel_destroy(wheel);
    }
  }
}

/* Due, but not yet taken out: also of the chain that a tick's due timers wait in. */
static void what_is_due_can_still_be_disarmed(void **state) {
  (void)state;
  for (size_t chosen = 0; chosen < 4; chosen++) {
    hf_timer_wheel *wheel = make_wheel(0);
    hf_timer timers[4];
    for (size_t i = 0; i < 4; i++) {
      timers[i] = arm(wheel, SECOND, &marks[i]);
    }
    char *taken = expire(wheel, SECOND);
    assert_int_equal(hf_timer_wheel_count(wheel), 3);
    bool is_armed = taken != &marks[chosen];
    assert_int_equal(disarm(wheel, timers[chosen]), is_armed);
    assert_false(disarm(wheel, timers[chosen]));
    size_t left = is_armed ? 2 : 3;
    for (size_t i = 0; i < left; i++) {
      assert_int_equal(hf_timer_wheel_next_ns(wheel), SECOND);
      char *next = expire(wheel, SECOND);
      assert_true(next != NULL && next != &marks[chosen]);
    }
    assert_null(expire(wheel, SECOND));
    assert_int_equal(hf_timer_wheel_count(wheel), 0);
    hf_timer_wheel_destroy(wheel);
  }
}

static void a_timer_that_is_none_is_not_disarmed(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  void *data = marks;
  const hf_timer strangers[] = {{HF_NO_TIMER}, {1},          {2},
                                {UINT32_MAX},  {UINT64_MAX}, {UINT64_C(1) << 32}};
  for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
    assert_false(hf_timer_wheel_disarm(wheel, strangers[i], &data));
  }
  hf_timer timer = arm(wheel, SECOND, &marks[1]);
  assert_true(disarm(wheel, timer));
  assert_false(hf_timer_wheel_disarm(wheel, timer, &data));
  /* The name that its place will have next. */
  assert_false(hf_timer_wheel_disarm(wheel, (hf_timer){timer.id + (UINT64_C(1) << 32)}, &data));
  for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
    assert_false(hf_timer_wheel_disarm(wheel, strangers[i], &data));
  }
  assert_ptr_equal(data, marks);
  assert_int_equal(hf_timer_wheel_count(wheel), 0);
  hf_timer_wheel_destroy(wheel);
}

static void an_old_timer_is_not_mistaken_for_the_next_in_its_place(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  hf_timer old[200];
  for (size_t i = 0; i < 200; i++) {
    old[i] = arm(wheel, SECOND + i, &marks[i % 16]);
    for (size_t j = 0; j < i; j++) {
      assert_true(old[j].id != old[i].id);
    }
    if (i % 2 == 0) {
      assert_true(disarm(wheel, old[i]));
    } else {
      assert_non_null(expire(wheel, SECOND + i));
    }
  }
  hf_timer present = arm(wheel, 2 * SECOND, &marks[1]);
  for (size_t i = 0; i < 200; i++) {
    assert_false(disarm(wheel, old[i]));
  }
  assert_true(disarm(wheel, present));
  hf_timer_wheel_destroy(wheel);
}

/* Many ---------------------------------------------------------------------- */

enum { MANY = 100000 };

static void a_hundred_thousand_are_each_due_once(void **state) {
  (void)state;
  counting_allocator counting = {0};
  hf_allocator hooks = counting_hooks(&counting);
  test_random random = test_random_start("many");
  hf_timer_wheel *wheel = NULL;
  assert_int_equal(hf_timer_wheel_create(SECOND, &hooks, &wheel), HF_OK);
  uint64_t *deadlines = calloc(MANY, sizeof *deadlines);
  assert_non_null(deadlines);
  for (size_t round = 0; round < 2; round++) {
    uint64_t start = (1 + round * 100) * SECOND;
    for (size_t i = 0; i < MANY; i++) {
      deadlines[i] = start + test_random_next(&random) % (60 * SECOND);
      hf_timer timer;
      assert_int_equal(hf_timer_wheel_arm(wheel, deadlines[i], &deadlines[i], &timer), HF_OK);
    }
    assert_int_equal(hf_timer_wheel_count(wheel), MANY);
    size_t found = 0;
    for (uint64_t now = start; now <= start + 60 * SECOND; now += SECOND / 7) {
      uint64_t latest_tick = 0;
      void *data;
      while (hf_timer_wheel_expire(wheel, now, &data)) {
        uint64_t *deadline = data;
        assert_true(*deadline != 0 && *deadline <= now && *deadline > now - SECOND / 7);
        assert_true(*deadline / TICK >= latest_tick);
        latest_tick = *deadline / TICK;
        *deadline = 0;
        found++;
      }
    }
    uint64_t rest = start + 60 * SECOND;
    for (void *data; hf_timer_wheel_expire(wheel, rest, &data); found++) {
    }
    assert_int_equal(found, MANY);
    /* The second round needs no more memory: 32 bytes for each of twice as many at most. */
    assert_true(counting.live_bytes < 2 * 32 * (MANY + 64) + 4096);
    assert_int_equal(counting.allocations, 12);
  }
  free(deadlines);
  hf_timer_wheel_destroy(wheel);
  assert_int_equal(counting.live_blocks, 0);
}

/* A tick's timers are gone through once, not once for each: else this takes minutes. */
static void as_many_in_one_tick_cost_no_more(void **state) {
  (void)state;
  hf_timer_wheel *wheel = make_wheel(0);
  for (size_t i = 0; i < MANY; i++) {
    arm(wheel, SECOND + i, &marks[1]);
  }
  size_t found = 0;
  while (expire(wheel, SECOND + MANY / 2) != NULL) {
    found++;
  }
  assert_int_equal(found, MANY / 2 + 1);
  while (expire(wheel, 2 * SECOND) != NULL) {
    found++;
  }
  assert_int_equal(found, MANY);
  hf_timer_wheel_destroy(wheel);
}

/* Memory -------------------------------------------------------------------- */

static void without_memory_nothing_changes(void **state) {
  (void)state;
  counting_allocator counting = {0};
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 1);
  hf_timer_wheel *wheel = NULL;
  assert_int_equal(hf_timer_wheel_create(0, &hooks, &wheel), HF_ERROR_OUT_OF_MEMORY);
  assert_null(wheel);
  for (size_t refused = 2; refused < 8; refused++) {
    counting_reset(&counting, refused);
    assert_int_equal(hf_timer_wheel_create(0, &hooks, &wheel), HF_OK);
    hf_timer timers[64 * 64];
    size_t count = 0;
    hf_timer timer = {HF_NO_TIMER};
    while (hf_timer_wheel_arm(wheel, SECOND + count, &marks[1], &timer) == HF_OK) {
      timers[count++] = timer;
      timer.id = HF_NO_TIMER;
    }
    /* As many as the slabs before hold: 64, 128, 256. */
    assert_int_equal(count, (64 << (refused - 2)) - 64);
    assert_true(timer.id == HF_NO_TIMER);
    assert_int_equal(hf_timer_wheel_count(wheel), count);
    assert_true(hf_timer_wheel_next_ns(wheel) == (count == 0 ? NEVER : SECOND));
    /* The next time there is memory. */
    assert_int_equal(hf_timer_wheel_arm(wheel, SECOND, &marks[2], &timer), HF_OK);
    assert_true(disarm(wheel, timer));
    for (size_t i = 0; i < count; i++) {
      assert_true(disarm(wheel, timers[i]));
    }
    assert_null(expire(wheel, YEAR));
    hf_timer_wheel_destroy(wheel);
    assert_int_equal(counting.live_blocks, 0);
  }
  hf_timer_wheel_destroy(NULL);
}

/* Against a plain list ------------------------------------------------------ */

enum { MOST = 300 };

typedef struct model {
  hf_timer_wheel *wheel;
  uint64_t now_ns;
  struct {
    bool armed;
    bool was_late; /* its deadline had passed when it was armed */
    uint64_t deadline_ns;
    hf_timer timer;
  } list[MOST];
  hf_timer stale[64];
} model;

/* Small more often than large, so that all levels have some. */
static uint64_t some_time(test_random *random) {
  return test_random_next(random) >> (1 + test_random_below(random, 63));
}

static uint64_t later(uint64_t time, uint64_t by) {
  return by < NEVER - time ? time + by : NEVER - 1;
}

static uint64_t earliest(const model *m) {
  uint64_t found = NEVER;
  for (size_t i = 0; i < MOST; i++) {
    if (m->list[i].armed && m->list[i].deadline_ns < found) {
      found = m->list[i].deadline_ns;
    }
  }
  return found > m->now_ns ? found : m->now_ns;
}

static size_t armed_count(const model *m) {
  size_t count = 0;
  for (size_t i = 0; i < MOST; i++) {
    count += m->list[i].armed;
  }
  return count;
}

static void check(const model *m) {
  assert_true(hf_timer_wheel_next_ns(m->wheel) == earliest(m));
  assert_int_equal(hf_timer_wheel_count(m->wheel), armed_count(m));
}

static void arm_one(model *m, size_t i, uint64_t deadline_ns) {
  m->list[i].armed = true;
  m->list[i].was_late = deadline_ns < m->now_ns;
  m->list[i].deadline_ns = deadline_ns;
  assert_int_equal(hf_timer_wheel_arm(m->wheel, deadline_ns, &m->list[i], &m->list[i].timer),
                   HF_OK);
}

static void disarm_one(model *m, size_t i) {
  void *data = NULL;
  assert_int_equal(hf_timer_wheel_disarm(m->wheel, m->list[i].timer, &data), m->list[i].armed);
  assert_ptr_equal(data, m->list[i].armed ? &m->list[i] : NULL);
  m->list[i].armed = false;
}

/* Takes out so many, or all that are due. */
static void expire_some(model *m, uint64_t now_ns, size_t most) {
  bool is_back = now_ns < m->now_ns;
  m->now_ns = is_back ? m->now_ns : now_ns;
  for (size_t found = 0; found < most; found++) {
    void *data = NULL;
    if (!hf_timer_wheel_expire(m->wheel, now_ns, &data)) {
      for (size_t i = 0; !is_back && i < MOST; i++) {
        assert_true(!m->list[i].armed || m->list[i].deadline_ns > now_ns ||
                    m->list[i].deadline_ns == NEVER);
      }
      return;
    }
    assert_false(is_back);
    size_t taken = MOST;
    for (size_t i = 0; i < MOST; i++) {
      taken = data == &m->list[i] ? i : taken;
    }
    assert_true(taken < MOST && m->list[taken].armed);
    uint64_t deadline_ns = m->list[taken].deadline_ns;
    assert_true(deadline_ns <= now_ns);
    for (size_t i = 0; i < MOST; i++) {
      assert_true(!m->list[i].armed || m->list[i].was_late ||
                  m->list[i].deadline_ns / TICK >= deadline_ns / TICK);
    }
    m->list[taken].armed = false;
    m->stale[deadline_ns % 64] = m->list[taken].timer;
  }
}

static void random_step(model *m, test_random *random) {
  size_t i = test_random_below(random, MOST);
  uint64_t away = some_time(random);
  switch (test_random_below(random, 12)) {
  case 0:
  case 1:
  case 2:
    if (!m->list[i].armed) {
      arm_one(m, i, later(m->now_ns, away));
    }
    break;
  case 3:
    if (!m->list[i].armed) {
      arm_one(m, i, later(m->now_ns, away % (200 * TICK)));
    }
    break;
  case 4:
    if (!m->list[i].armed) {
      arm_one(m, i, away % 4 == 0 ? NEVER : m->now_ns - (away < m->now_ns ? away : m->now_ns));
    }
    break;
  case 5:
  case 6:
    disarm_one(m, i);
    break;
  case 7:
    assert_false(disarm(m->wheel, m->stale[i % 64]));
    break;
  case 8:
    expire_some(m, later(m->now_ns, away >> test_random_below(random, 64)), SIZE_MAX);
    break;
  case 9:
    /* To somebody's deadline, or just before. */
    if (m->list[i].armed && m->list[i].deadline_ns > m->now_ns) {
      uint64_t limit = later(m->now_ns, YEAR);
      uint64_t then = m->list[i].deadline_ns - test_random_below(random, 2);
      expire_some(m, then < limit ? then : m->now_ns, SIZE_MAX);
    }
    break;
  case 10:
    expire_some(m, later(m->now_ns, away % (2 * TICK)), 1 + test_random_below(random, 3));
    break;
  default:
    expire_some(m, m->now_ns - (away < m->now_ns ? away : m->now_ns), SIZE_MAX);
  }
  check(m);
}

static void the_wheel_does_as_a_list_does(void **state) {
  (void)state;
  test_random random = test_random_start("timers");
  for (size_t round = 0; round < 200; round++) {
    model m = {0};
    uint64_t start = round % 4 == 0 ? 0 : some_time(&random);
    m.now_ns = round % 10 == 9 ? NEVER - start : start;
    m.wheel = make_wheel(m.now_ns);
    for (size_t step = 0; step < 4000; step++) {
      random_step(&m, &random);
    }
    expire_some(&m, NEVER, SIZE_MAX);
    for (size_t i = 0; i < MOST; i++) {
      disarm_one(&m, i);
    }
    assert_int_equal(hf_timer_wheel_count(m.wheel), 0);
    hf_timer_wheel_destroy(m.wheel);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_timer_is_due_at_its_deadline_to_the_nanosecond),
      cmocka_unit_test(a_timer_comes_nearer_step_by_step),
      cmocka_unit_test(what_has_passed_is_due_at_once),
      cmocka_unit_test(the_earlier_deadline_comes_first),
      cmocka_unit_test(some_of_a_tick_are_due_before_the_rest),
      cmocka_unit_test(what_is_never_due_is_armed_all_the_same),
      cmocka_unit_test(the_end_of_time_is_a_time),
      cmocka_unit_test(a_clock_that_goes_back_makes_nothing_due),
      cmocka_unit_test(what_is_disarmed_is_not_due),
      cmocka_unit_test(any_of_a_slot_can_be_disarmed),
      cmocka_unit_test(what_is_due_can_still_be_disarmed),
      cmocka_unit_test(a_timer_that_is_none_is_not_disarmed),
      cmocka_unit_test(an_old_timer_is_not_mistaken_for_the_next_in_its_place),
      cmocka_unit_test(a_hundred_thousand_are_each_due_once),
      cmocka_unit_test(as_many_in_one_tick_cost_no_more),
      cmocka_unit_test(without_memory_nothing_changes),
      cmocka_unit_test(the_wheel_does_as_a_list_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
