/* The timer wheel of a cache: who is found when, and for how much of the budget. */
#include "cache_wheel.h"

#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

/* Of nanoseconds. */
#define TICK (UINT64_C(1) << HF__WHEEL_TICK_BITS)
#define SECOND HF_CACHE_SECOND
#define YEAR (UINT64_C(365) * 86400 * SECOND)

enum { PLENTY = 1 << 20, MOST_TIMERS = 256 };

/* A wheel, and entries that know which of them they are. */
typedef struct clockwork {
  hf__cache_memory memory;
  hf__cache_wheel wheel;
  uint32_t entries[MOST_TIMERS];
  /* The plain model. */
  uint64_t deadlines[MOST_TIMERS];
  bool in[MOST_TIMERS];
} clockwork;

static clockwork works;

static int begin_all(void **state) {
  (void)state;
  hf_allocator hooks = hf_allocator_default();
  assert_int_equal(hf__cache_memory_init(&works.memory, 4096, &hooks), HF_OK);
  for (size_t i = 0; i < MOST_TIMERS; i++) {
    works.entries[i] = hf__cache_memory_take(&works.memory, 40);
    HF__SET(&hf__entry_at(&works.memory, works.entries[i])->words[0], i);
  }
  return 0;
}

static int end_all(void **state) {
  (void)state;
  hf__cache_memory_free(&works.memory);
  return 0;
}

static int begin(void **state) {
  (void)state;
  hf__cache_wheel_init(&works.wheel);
  memset(works.in, 0, sizeof works.in);
  return 0;
}

static void set_deadline(size_t timer, uint64_t deadline_ns) {
  works.deadlines[timer] = deadline_ns;
  HF__SET(&hf__entry_at(&works.memory, works.entries[timer])->deadline_ns, deadline_ns);
}

static void add(size_t timer, uint64_t deadline_ns) {
  assert_false(works.in[timer]);
  works.in[timer] = true;
  set_deadline(timer, deadline_ns);
  hf__cache_wheel_add(&works.wheel, &works.memory, works.entries[timer]);
}

static void remove_timer(size_t timer) {
  assert_true(works.in[timer]);
  works.in[timer] = false;
  hf__cache_wheel_remove(&works.wheel, &works.memory, works.entries[timer]);
}

/* Whom the wheel gives, MOST_TIMERS for none. What it gives was in it, and has expired. */
static size_t next(uint64_t now_ns, size_t *budget) {
  size_t before = *budget;
  uint64_t tick = works.wheel.tick;
  uint32_t entry = hf__cache_wheel_expired(&works.wheel, &works.memory, now_ns, budget);
  assert_true(*budget <= before);
  assert_true(works.wheel.tick >= tick);
  if (entry == HF__NO_ENTRY) {
    return MOST_TIMERS;
  }
  assert_true(*budget < before);
  size_t timer = (size_t)HF__GET(&hf__entry_at(&works.memory, entry)->words[0]);
  assert_true(timer < MOST_TIMERS && works.entries[timer] == entry);
  assert_true(works.in[timer]);
  assert_true(works.deadlines[timer] <= now_ns);
  works.in[timer] = false;
  return timer;
}

/* How many are given until there is none any more. */
static size_t drain(uint64_t now_ns, size_t *budget) {
  size_t count = 0;
  while (next(now_ns, budget) != MOST_TIMERS) {
    count++;
  }
  return count;
}

static size_t drain_all(uint64_t now_ns) {
  size_t budget = PLENTY;
  size_t count = drain(now_ns, &budget);
  assert_true(budget > 0);
  return count;
}

static size_t drain_cost(uint64_t now_ns) {
  size_t budget = PLENTY;
  drain(now_ns, &budget);
  return PLENTY - budget;
}

/* The first tick at which nothing that expired by then may be left. */
static uint64_t round_up(uint64_t deadline_ns) {
  return (deadline_ns + TICK - 1) / TICK * TICK;
}

/* When ---------------------------------------------------------------------- */

static void an_entry_is_found_at_the_tick_after_its_deadline(void **state) {
  const uint64_t starts[] = {0, 1, TICK - 1, 63 * TICK, 64 * TICK, 12345 * TICK + 678, 3 * YEAR};
  for (size_t start = 0; start < sizeof starts / sizeof starts[0]; start++) {
    for (unsigned bit = 0; bit <= 58; bit++) {
      for (uint64_t nudge = 0; nudge < 5; nudge++) {
        begin(state);
        assert_int_equal(drain_all(starts[start]), 0);
        uint64_t away = (UINT64_C(1) << bit) + nudge * (TICK / 2);
        uint64_t deadline = starts[start] + (away < TICK ? away : away - TICK);
        add(0, deadline);
        if (deadline > starts[start]) {
          assert_int_equal(drain_all(deadline - 1), 0);
        }
        assert_int_equal(drain_all(round_up(deadline)), 1);
      }
    }
  }
}

/* The same, but that time passes every slot's beginning on the way. */
static void an_entry_goes_down_the_levels(void **state) {
  (void)state;
  uint64_t tick = 0;
  for (unsigned level = 0; level < HF__WHEEL_LEVELS; level++) {
    tick |= UINT64_C(9) << (6 * level);
  }
  add(0, tick * TICK);
  size_t looks = 0;
  for (unsigned level = HF__WHEEL_LEVELS; level-- > 1;) {
    uint64_t begins = tick >> (6 * level) << (6 * level);
    assert_int_equal(drain_cost(begins * TICK - 1), 0);
    looks += drain_cost(begins * TICK);
    assert_true(works.in[0]);
    assert_int_equal(looks, HF__WHEEL_LEVELS - level);
  }
  assert_int_equal(drain_all(tick * TICK - 1), 0);
  assert_int_equal(drain_all(tick * TICK), 1);
}

static void what_has_expired_already_is_found_at_once(void **state) {
  (void)state;
  uint64_t now = 5 * YEAR + 12345;
  assert_int_equal(drain_all(now), 0);
  add(0, 0);
  add(1, now - TICK);
  add(2, now - YEAR);
  add(3, now / TICK * TICK);
  assert_int_equal(drain_all(now), 4);
  /* Within the present tick it may wait for its end. */
  add(0, now);
  assert_int_equal(drain_all(round_up(now)), 1);
}

static void later_than_the_last_level_is_found_too(void **state) {
  (void)state;
  assert_int_equal(drain_all(YEAR), 0);
  add(0, 50 * YEAR);
  add(1, 500 * YEAR);
  add(2, UINT64_MAX - 1);
  for (uint64_t year = 2; year < 50; year++) {
    assert_int_equal(drain_all(year * YEAR), 0);
  }
  assert_int_equal(drain_all(50 * YEAR - 1), 0);
  assert_int_equal(drain_all(round_up(50 * YEAR)), 1);
  assert_false(works.in[0]);
  assert_int_equal(drain_all(500 * YEAR - 1), 0);
  assert_int_equal(drain_all(500 * YEAR + TICK), 1);
  assert_false(works.in[1]);
}

static void the_end_of_time_is_a_time(void **state) {
  (void)state;
  uint64_t last = UINT64_MAX / TICK * TICK;
  add(0, last);
  add(1, last - TICK + 1);
  add(2, last + 1);
  add(3, UINT64_MAX - 1);
  assert_int_equal(drain_all(last - TICK), 0);
  assert_int_equal(drain_all(last - 1), 0);
  assert_int_equal(drain_all(last), 2);
  /* Their tick does not come any more; but they are none that is found too early. */
  assert_int_equal(drain_all(UINT64_MAX), 0);
  add(4, last);
  add(5, 0);
  assert_int_equal(drain_all(UINT64_MAX), 2);
  remove_timer(2);
  remove_timer(3);
  assert_int_equal(drain_cost(UINT64_MAX), 0);
}

static void time_that_goes_back_finds_nobody_early(void **state) {
  (void)state;
  assert_int_equal(drain_all(100 * SECOND), 0);
  add(0, 50 * SECOND);
  add(1, 70 * SECOND);
  add(2, 101 * SECOND);
  assert_int_equal(drain_all(49 * SECOND), 0);
  drain_all(60 * SECOND);
  assert_true(works.in[1]);
  assert_true(works.in[2]);
  drain_all(100 * SECOND);
  assert_false(works.in[0]);
  assert_false(works.in[1]);
  assert_int_equal(drain_all(102 * SECOND), 1);
}

static void a_deadline_that_is_put_off_counts(void **state) {
  (void)state;
  add(0, 10 * SECOND);
  add(1, 10 * SECOND);
  set_deadline(0, 25 * SECOND);
  assert_int_equal(drain_all(11 * SECOND), 1);
  assert_false(works.in[1]);
  set_deadline(0, 3 * YEAR);
  assert_int_equal(drain_all(26 * SECOND), 0);
  assert_int_equal(drain_all(3 * YEAR - 1), 0);
  set_deadline(0, 3 * YEAR + 1);
  assert_int_equal(drain_all(3 * YEAR), 0);
  assert_int_equal(drain_all(3 * YEAR + TICK), 1);
  /* Within its tick: to the end of it. */
  uint64_t now = 3 * YEAR / TICK * TICK + 2 * TICK;
  add(0, now);
  set_deadline(0, now + 1);
  assert_int_equal(drain_all(now), 0);
  assert_int_equal(drain_all(now + TICK), 1);
}

/* Chains -------------------------------------------------------------------- */

/* Four in one slot, and every set of them removed in every order that begins with one of them. */
static void any_of_a_slot_can_be_removed(void **state) {
  for (unsigned removed = 0; removed < 16; removed++) {
    for (size_t first = 0; first < 4; first++) {
      begin(state);
      for (size_t i = 0; i < 4; i++) {
        add(i, 20 * SECOND + i);
      }
      add(4, 20 * SECOND + TICK);
      size_t left = 5;
      for (size_t i = 0; i < 4; i++) {
        size_t timer = (first + i) % 4;
        if ((removed >> timer & 1) != 0) {
          remove_timer(timer);
          left--;
        }
      }
      assert_int_equal(drain_all(19 * SECOND), 0);
      assert_int_equal(drain_all(30 * SECOND), left);
    }
  }
}

static void what_is_removed_can_be_added_again(void **state) {
  (void)state;
  for (size_t i = 0; i < 10; i++) {
    add(0, (i + 1) * SECOND);
    add(1, (i + 1) * SECOND);
    remove_timer(0);
    add(0, (i + 1) * SECOND + SECOND / 2);
    assert_int_equal(drain_all((i + 1) * SECOND + TICK), 1);
    remove_timer(0);
  }
  assert_int_equal(drain_cost(YEAR), 0);
}

/* The budget ---------------------------------------------------------------- */

static void time_without_entries_costs_nothing(void **state) {
  (void)state;
  for (uint64_t now = 1; now < UINT64_MAX / 3; now *= 3) {
    assert_int_equal(drain_cost(now), 0);
  }
  begin(state);
  add(0, 400 * YEAR);
  assert_int_equal(drain_cost(YEAR), 0);
}

static void a_jump_over_years_costs_what_it_finds(void **state) {
  (void)state;
  test_random random = test_random_start("jump");
  for (size_t i = 0; i < MOST_TIMERS; i++) {
    add(i, test_random_next(&random) % (100 * YEAR));
  }
  size_t budget = MOST_TIMERS;
  assert_int_equal(drain(101 * YEAR, &budget), MOST_TIMERS);
  assert_int_equal(budget, 0);
  budget = 1;
  assert_int_equal(next(102 * YEAR, &budget), MOST_TIMERS);
  assert_int_equal(budget, 1);
}

static void the_budget_is_kept(void **state) {
  (void)state;
  size_t budget = 0;
  add(0, SECOND);
  assert_int_equal(next(2 * SECOND, &budget), MOST_TIMERS);
  for (size_t i = 1; i < 20; i++) {
    add(i, SECOND);
  }
  for (size_t i = 20; i < 40; i++) {
    add(i, SECOND);
    set_deadline(i, 3 * SECOND);
  }
  /* 20 that have expired, 20 that were put off, which are looked at again at their time. */
  size_t found = 0;
  for (size_t calls = 0; calls < 40; calls++) {
    budget = 1;
    found += next(2 * SECOND, &budget) != MOST_TIMERS;
    assert_int_equal(budget, 0);
  }
  assert_int_equal(found, 20);
  budget = 1;
  assert_int_equal(next(2 * SECOND, &budget), MOST_TIMERS);
  assert_int_equal(budget, 1);
  assert_int_equal(drain_all(3 * SECOND + TICK), 20);
}

/* A slot of an upper level is passed on bit by bit; meanwhile some come and some go. */
static void a_slot_may_be_passed_on_in_parts(void **state) {
  (void)state;
  uint64_t begins = 64 * 64 * TICK;
  for (size_t i = 0; i < 40; i++) {
    add(i, begins + (i + 1) * TICK);
  }
  size_t budget = 5;
  assert_int_equal(drain(begins, &budget), 0);
  assert_int_equal(budget, 0);
  for (size_t i = 0; i < 40; i += 2) {
    remove_timer(i);
  }
  for (size_t i = 40; i < 50; i++) {
    add(i, begins + (i + 1) * TICK);
  }
  add(50, begins - TICK);
  budget = 3;
  drain(begins + 7 * TICK, &budget);
  assert_int_equal(budget, 0);
  drain_all(begins + 9 * TICK);
  for (size_t i = 0; i < 50; i++) {
    assert_int_equal(works.in[i], (i % 2 == 1 || i >= 40) && i + 1 > 9);
  }
  assert_false(works.in[50]);
  drain_all(begins + 50 * TICK);
  for (size_t i = 0; i < 50; i++) {
    assert_false(works.in[i]);
  }
}

/* Steps from tick to tick until the timer is found. How often was it looked at? */
static size_t looks_until_found(size_t timer, uint64_t now_ns) {
  size_t looks = 0;
  while (works.in[timer]) {
    assert_true(now_ns < round_up(works.deadlines[timer]) + TICK);
    looks += drain_cost(now_ns);
    now_ns += TICK;
  }
  return looks;
}

/* Wherever in its turn a level is, it reaches 63 slots ahead; also of a wheel that was empty for
 * long. */
static void who_is_due_soon_goes_down_no_level(void **state) {
  for (uint64_t turned = 0; turned < 64; turned++) {
    begin(state);
    uint64_t now = (UINT64_C(64000) + turned) * TICK;
    assert_int_equal(drain_cost(now), 0);
    add(0, now + 63 * TICK);
    assert_int_equal(looks_until_found(0, now), 1);
    now += 64 * TICK;
    drain_all(now);
    add(0, now + 64 * TICK);
    /* Its slot of the second level begins at its tick, or before. */
    assert_int_equal(looks_until_found(0, now), turned == 0 ? 1 : 2);
  }
}

/* At most one look for each level it goes down, and the one that finds it. */
static void an_entry_is_looked_at_once_a_level(void **state) {
  (void)state;
  test_random random = test_random_start("looks");
  for (size_t round = 0; round < 200; round++) {
    begin(state);
    uint64_t start = test_random_next(&random) >> (9 + test_random_below(&random, 54));
    drain_all(start);
    uint64_t ttl = test_random_next(&random) >> (9 + test_random_below(&random, 35));
    add(0, start + ttl);
    size_t looks = 0;
    uint64_t now = start;
    while (works.in[0]) {
      now += 1 + test_random_next(&random) % (1 + (start + ttl - now) / 2 + TICK / 4);
      looks += drain_cost(now);
    }
    assert_true(looks <= HF__WHEEL_LEVELS);
  }
}

/* Against a plain model ------------------------------------------------------ */

/* Small more often than large, so that all levels have some. */
static uint64_t some_time(test_random *random) {
  return test_random_next(random) >> (4 + test_random_below(random, 60));
}

static uint64_t later(uint64_t time, uint64_t by) {
  return by < UINT64_MAX - time ? time + by : UINT64_MAX - 1;
}

/* Nobody is left whose tick has come. */
static void check_nobody_is_late(uint64_t now_ns) {
  uint64_t tick_begins = now_ns / TICK * TICK;
  for (size_t i = 0; i < MOST_TIMERS; i++) {
    assert_true(!works.in[i] || works.deadlines[i] > tick_begins);
  }
}

static void pass_time(test_random *random, uint64_t now_ns) {
  size_t given = 1 + test_random_below(random, 6);
  if (test_random_below(random, 3) == 0) {
    given = PLENTY;
  }
  size_t budget = given;
  size_t found = drain(now_ns, &budget);
  assert_true(found <= given - budget);
  if (budget > 0) {
    check_nobody_is_late(now_ns);
  }
}

static void random_steps(test_random *random, uint64_t now_ns) {
  uint64_t begun = now_ns;
  for (size_t step = 0; step < 6000; step++) {
    size_t timer = test_random_below(random, MOST_TIMERS);
    uint64_t away = some_time(random);
    switch (test_random_below(random, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (!works.in[timer]) {
        add(timer, later(now_ns, away));
      }
      break;
    case 4:
      if (!works.in[timer]) {
        add(timer, now_ns - (away < now_ns ? away : now_ns));
      }
      break;
    case 5:
      if (works.in[timer]) {
        remove_timer(timer);
      }
      break;
    case 6:
      if (works.in[timer]) {
        set_deadline(timer, later(works.deadlines[timer], away));
      }
      break;
    case 7:
      now_ns = later(now_ns, away >> test_random_below(random, 64));
      pass_time(random, now_ns);
      break;
    case 8:
      now_ns = later(now_ns, TICK);
      pass_time(random, now_ns);
      break;
    case 9:
      /* To somebody's deadline, or just before. */
      if (works.in[timer] && works.deadlines[timer] - begun < YEAR &&
          works.deadlines[timer] > now_ns) {
        now_ns = works.deadlines[timer] - test_random_below(random, 2);
      }
      pass_time(random, now_ns);
      break;
    default:
      pass_time(random, now_ns);
    }
  }
  /* Whoever is left is there, once. */
  size_t left = 0;
  for (size_t i = 0; i < MOST_TIMERS; i++) {
    left += works.in[i];
    if (works.in[i]) {
      set_deadline(i, now_ns);
    }
  }
  if (now_ns < UINT64_MAX - YEAR) {
    assert_int_equal(drain_all(UINT64_MAX), left);
  }
}

static void the_wheel_finds_what_a_list_finds(void **state) {
  test_random random = test_random_start("wheel");
  for (size_t round = 0; round < 100; round++) {
    begin(state);
    uint64_t start = round % 4 == 0 ? 0 : some_time(&random);
    random_steps(&random, round % 10 == 9 ? UINT64_MAX - start : start);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(an_entry_is_found_at_the_tick_after_its_deadline, begin),
      cmocka_unit_test_setup(an_entry_goes_down_the_levels, begin),
      cmocka_unit_test_setup(what_has_expired_already_is_found_at_once, begin),
      cmocka_unit_test_setup(later_than_the_last_level_is_found_too, begin),
      cmocka_unit_test_setup(the_end_of_time_is_a_time, begin),
      cmocka_unit_test_setup(time_that_goes_back_finds_nobody_early, begin),
      cmocka_unit_test_setup(a_deadline_that_is_put_off_counts, begin),
      cmocka_unit_test_setup(any_of_a_slot_can_be_removed, begin),
      cmocka_unit_test_setup(what_is_removed_can_be_added_again, begin),
      cmocka_unit_test_setup(time_without_entries_costs_nothing, begin),
      cmocka_unit_test_setup(a_jump_over_years_costs_what_it_finds, begin),
      cmocka_unit_test_setup(the_budget_is_kept, begin),
      cmocka_unit_test_setup(a_slot_may_be_passed_on_in_parts, begin),
      cmocka_unit_test_setup(who_is_due_soon_goes_down_no_level, begin),
      cmocka_unit_test_setup(an_entry_is_looked_at_once_a_level, begin),
      cmocka_unit_test_setup(the_wheel_finds_what_a_list_finds, begin),
  };
  return cmocka_run_group_tests(tests, begin_all, end_all);
}
