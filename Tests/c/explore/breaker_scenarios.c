#include "breaker_scenarios.h"

/* Of the scenarios' breakers (scenario_options()): open for 100 ms, then 200 and
 * 300 after failed probes; a lease of 128 ms, which ends at most 64 ms later. */

/* Checks of single scenarios ------------------------------------------------- */

static hf_breaker_state end_state(void) {
  return hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS).state;
}

/* How many acquires of threads were permitted. */
static unsigned permitted(void) {
  unsigned count = 0;
  for (size_t i = WORLD_SETUP; i < WORLD_RECORDS; i++) {
    count += the_world.records[i].permitted;
  }
  return count;
}

static void expect_state(hf_breaker_state expected) {
  if (end_state() != expected) {
    explorer_violation("it ends %s, not %s", hf_breaker_state_name(end_state()),
                       hf_breaker_state_name(expected));
  }
}

static void expect_permitted(unsigned least, unsigned most) {
  if (permitted() < least || permitted() > most) {
    explorer_violation("%u calls are permitted, not %u to %u", permitted(), least, most);
  }
}

static void it_opens(void) {
  expect_state(HF_BREAKER_OPEN);
}

static void it_closes(void) {
  expect_state(HF_BREAKER_CLOSED);
}

static void it_is_half_open(void) {
  expect_state(HF_BREAKER_HALF_OPEN);
}

static void one_probe_passes(void) {
  expect_state(HF_BREAKER_HALF_OPEN);
  expect_permitted(1, 1);
}

static void two_probes_pass(void) {
  expect_state(HF_BREAKER_HALF_OPEN);
  expect_permitted(2, 2);
}

static void one_at_least_passes(void) {
  expect_permitted(1, 2);
}

/* The first thread chose a state, with options that it set before. Who is in its
 * generation knows them. */

static const hf_transition *chosen(void) {
  return &the_world.records[world_thread_record(0, 1)].transition;
}

static void both_pass_as_probes(void) {
  for (unsigned i = 0; i < 2; i++) {
    const held_permit *other = &the_world.permits[1 - i];
    if (!the_world.permits[i].acquired && other->acquired &&
        permit_generation(&other->permit) == chosen()->generation) {
      explorer_violation("permit %u is refused, one of two probes", i);
    }
  }
}

static void it_opens_with_the_first_failure(void) {
  const held_permit *held = &the_world.permits[0];
  if (held->acquired && permit_generation(&held->permit) == chosen()->generation) {
    expect_state(HF_BREAKER_OPEN);
  }
}

static void it_opens_for_the_new_time(void) {
  const hf_transition *opened = &the_world.records[world_thread_record(1, 0)].transition;
  if (opened->generation == chosen()->generation + 1 && opened->open_ms != 150) {
    explorer_violation("it opens for %u ms", opened->open_ms);
  }
}

/* The scenarios -------------------------------------------------------------- */

/* Three permits of the closed state. */
#define THREE_OUT ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1)), ACQUIRE(2, MS(1))
/* Open from 2 ms until 102 ms. */
#define OPENED ACQUIRE(11, MS(1)), SET(OPEN, MS(2))

const breaker_scenario SCENARIOS[] = {
    /* From closed to open. */
    {
        .name = "the last failure of a run opens, once",
        .failure_threshold = 3,
        .in_some_order = true,
        .threads = {{ACQUIRE(0, MS(1)), SETTLE(0, FAILURE, MS(2))},
                    {ACQUIRE(1, MS(1)), SETTLE(1, FAILURE, MS(2))},
                    {ACQUIRE(2, MS(1)), SETTLE(2, FAILURE, MS(2))}},
        .check = it_opens,
    },
    {
        .name = "more failures than a run takes",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2)), ACQUIRE(3, MS(3))},
                    {SETTLE(1, FAILURE, MS(2))},
                    {SETTLE(2, FAILURE, MS(2)), READ(MS(3))}},
        .check = it_opens,
    },
    {
        .name = "a success among failures",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2)), ACQUIRE(3, MS(3)), SETTLE(3, FAILURE, MS(4))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, NEUTRAL, MS(2))}},
    },
    {
        .name = "a success ends a run",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT, ACQUIRE(3, MS(1)), SETTLE(3, FAILURE, MS(1))},
        .threads = {{SETTLE(0, SUCCESS, MS(2)), SETTLE(1, FAILURE, MS(2))},
                    {ACQUIRE(4, MS(2)), SETTLE(4, NEUTRAL, MS(2))},
                    {SETTLE(2, NEUTRAL, MS(2)), READ(MS(2))}},
        .check = it_closes,
    },
    {
        .name = "a slow success among failures",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SLOW, MS(2))},
                    {SETTLE(2, FAILURE, MS(2))}},
    },
    {
        .name = "a threshold that falls meanwhile",
        .failure_threshold = 3,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}, {CONFIGURE(1, 100)}},
    },
    {
        .name = "an open time that is changed meanwhile",
        .failure_threshold = 1,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {CONFIGURE(1, 150)}, {ACQUIRE(3, MS(2))}},
        .check = it_opens,
    },
    {
        .name = "a failure rate over a window of calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {ACQUIRE(2, MS(2)), SETTLE(2, NEUTRAL, MS(2))}},
        .check = it_opens,
    },
    {
        .name = "a failure rate that is not reached",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 3,
        .failure_rate_percent = 40,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, SLOW, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "a slow rate, and a success that completes the window",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 3,
        .slow_rate_percent = 30,
        .setup = {THREE_OUT, SETTLE(2, FAILURE, MS(1))},
        .threads = {{SETTLE(0, SLOW, MS(2))}, {SETTLE(1, SUCCESS, MS(2))}, {ACQUIRE(3, MS(2))}},
        .check = it_opens,
    },
    {
        .name = "a window of one call, written over",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 1,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, NEUTRAL, MS(2))}},
    },
    {
        .name = "a full window of two calls, written over",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 3,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(3, MS(1)), SETTLE(3, FAILURE, MS(1)), ACQUIRE(4, MS(1)),
                  SETTLE(4, SUCCESS, MS(1)), THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, SLOW, MS(2))}},
    },
    {
        .name = "a share of failures that a window of calls never had",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, ACQUIRE(3, MS(1)), SETTLE(3, FAILURE, MS(1)), ACQUIRE(4, MS(1)),
                  SETTLE(4, SUCCESS, MS(1))},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2)), SETTLE(2, FAILURE, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "a share of slow calls that a window of calls never had",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 2,
        .slow_rate_percent = 100,
        .setup = {THREE_OUT, ACQUIRE(3, MS(1)), SETTLE(3, SLOW, MS(1)), ACQUIRE(4, MS(1)),
                  SETTLE(4, SUCCESS, MS(1))},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SETTLE(1, FAILURE, MS(2)), SETTLE(2, SLOW, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "a failure rate over a window of time",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 3,
        .failure_rate_percent = 30,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(50))},
        .threads = {{SETTLE(0, FAILURE, MS(50))}, {SETTLE(1, SUCCESS, MS(51))}, {READ(MS(51))}},
        .check = it_opens,
    },
    {
        .name = "failures on either side of a window's step",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(100) - 1)}, {SETTLE(1, FAILURE, MS(100))}},
        .check = it_opens,
    },
    {
        .name = "a failure, and a success nine steps later",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(1))}, {SETTLE(1, SUCCESS, MS(901))}, {READ(MS(901))}},
        .check = it_opens,
    },
    {
        .name = "failures that are in no window together",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(1))},
                    {SETTLE(1, FAILURE, MS(1001))},
                    {SETTLE(2, NEUTRAL, MS(1))}},
        .check = it_closes,
    },
    {
        .name = "a step that takes another's place",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(501))},
        .threads = {{SETTLE(0, FAILURE, MS(1))}, {SETTLE(1, SUCCESS, MS(1001))}},
    },
    {
        .name = "three failures, each a step later",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 3,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(0, FAILURE, MS(99))},
        .threads = {{SETTLE(1, FAILURE, MS(101))},
                    {SETTLE(2, FAILURE, MS(201))},
                    {ACQUIRE(3, MS(101)), SETTLE(3, NEUTRAL, MS(201))}},
        .check = it_opens,
    },
    {
        .name = "a rate over a window of time that is not reached",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(2))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}, {READ(MS(2))}},
        .check = it_closes,
    },
    {
        .name = "the same in weak memory: calls come before failures",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(2))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}},
        .weak = true,
        .check = it_closes,
    },
    {
        .name = "in weak memory, a failure and the success that makes it enough",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 3,
        .failure_rate_percent = 30,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(50))},
        .threads = {{SETTLE(0, FAILURE, MS(50))}, {SETTLE(1, SUCCESS, MS(51))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "in weak memory, two failures",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "in weak memory, failures on either side of a step",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(99))}, {SETTLE(1, FAILURE, MS(101))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "in weak memory, slow calls that are not enough",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .slow_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(2, SUCCESS, MS(2))},
        .threads = {{SETTLE(0, SLOW, MS(2))}, {SETTLE(1, SLOW, MS(2))}},
        .weak = true,
        .check = it_closes,
    },
    {
        .name = "in weak memory, a failure and a success in a window of calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, SUCCESS, MS(2))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "in weak memory, two slow calls in a window of calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .slow_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, SLOW, MS(2))}, {SETTLE(1, SLOW, MS(2))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "in weak memory, two failures in a window of calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}},
        .weak = true,
        .check = it_opens,
    },
    {
        .name = "a run and a rate at once",
        .failure_threshold = 2,
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1)), ACQUIRE(1, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))}, {SETTLE(1, FAILURE, MS(2))}, {ACQUIRE(2, MS(2))}},
        .check = it_opens,
    },
    /* Late results. */
    {
        .name = "results that come when it is open",
        .failure_threshold = 1,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2)), ACQUIRE(3, MS(101))},
                    {SETTLE(1, SUCCESS, MS(90))},
                    {SETTLE(2, FAILURE, MS(95)), ACQUIRE(4, MS(194))}},
    },
    {
        .name = "results that come when it is half-open",
        .failure_threshold = 1,
        .in_some_order = true,
        .setup = {THREE_OUT, SET(OPEN, MS(2))},
        .threads = {{ACQUIRE(3, MS(102)), SETTLE(3, NEUTRAL, MS(103))},
                    {SETTLE(0, SUCCESS, MS(103)), SETTLE(1, SUCCESS, MS(103))},
                    {SETTLE(2, FAILURE, MS(103))}},
        .check = it_is_half_open,
    },
    {
        .name = "results that come when it is closed again",
        .failure_threshold = 1,
        .in_some_order = true,
        .setup = {THREE_OUT, SET(OPEN, MS(2)), ACQUIRE(3, MS(102))},
        .threads = {{SETTLE(3, SUCCESS, MS(103))},
                    {SETTLE(0, FAILURE, MS(104)), ACQUIRE(4, MS(104)), SETTLE(4, SUCCESS, MS(104))},
                    {SETTLE(1, FAILURE, MS(104)), SETTLE(2, NEUTRAL, MS(104))}},
        .check = it_closes,
    },
    {
        .name = "a window's results that come in the next generation",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SET(CLOSED, MS(3)), ACQUIRE(3, MS(3)), SETTLE(3, SUCCESS, MS(4))},
                    {SETTLE(1, NEUTRAL, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "an older generation's result among a window's calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {ACQUIRE(0, MS(1))},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SET(CLOSED, MS(3)), ACQUIRE(1, MS(3)), SETTLE(1, FAILURE, MS(4)),
                     ACQUIRE(2, MS(4)), SETTLE(2, FAILURE, MS(5))}},
        .check = it_opens,
    },
    {
        .name = "a step's results that come in the next generation",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 50,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SET(CLOSED, MS(3)), ACQUIRE(3, MS(3)), SETTLE(3, SUCCESS, MS(4))},
                    {SETTLE(1, NEUTRAL, MS(2))}},
        .check = it_closes,
    },
    /* From open to half-open. */
    {
        .name = "before, at and after the deadline",
        .in_some_order = true,
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102) - 1), PEEK(MS(102) - 1)},
                    {ACQUIRE(1, MS(102))},
                    {ACQUIRE(2, MS(103))}},
        .check = one_probe_passes,
    },
    {
        .name = "a deadline with two probes",
        .probes = 2,
        .in_some_order = true,
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102))}, {ACQUIRE(1, MS(102))}, {ACQUIRE(2, MS(102))}},
        .check = two_probes_pass,
    },
    {
        .name = "a deadline in the middle of a millisecond",
        .in_some_order = true,
        .setup = {ACQUIRE(11, MS(1)), SET(OPEN, MS(2) + 5)},
        .threads = {{ACQUIRE(0, MS(102))}, {ACQUIRE(1, MS(102) + 4)}, {ACQUIRE(2, MS(103))}},
        .check = one_probe_passes,
    },
    /* Half-open. */
    {
        .name = "one probe, from the deadline to closed or open again",
        .in_some_order = true,
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102)), SETTLE(0, SUCCESS, MS(103))},
                    {ACQUIRE(1, MS(102)), SETTLE(1, FAILURE, MS(103))},
                    {ACQUIRE(2, MS(102)), SETTLE(2, NEUTRAL, MS(103))}},
    },
    {
        .name = "two successes close it, with one probe at a time",
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102)), SETTLE(0, SUCCESS, MS(103))},
                    {ACQUIRE(1, MS(102)), SETTLE(1, SUCCESS, MS(103))},
                    {ACQUIRE(2, MS(102)), SETTLE(2, SUCCESS, MS(103))}},
    },
    {
        .name = "two probes at once that succeed",
        .probes = 2,
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{SETTLE(0, SUCCESS, MS(103))},
                    {SETTLE(1, SUCCESS, MS(103))},
                    {ACQUIRE(2, MS(103)), SETTLE(2, SUCCESS, MS(104))}},
        .check = it_closes,
    },
    {
        .name = "a probe fails while another succeeds",
        .probes = 2,
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{SETTLE(0, SUCCESS, MS(103))},
                    {SETTLE(1, FAILURE, MS(103))},
                    {ACQUIRE(2, MS(103)), SETTLE(2, SUCCESS, MS(104))}},
    },
    {
        .name = "two probes fail: it opens once",
        .probes = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{SETTLE(0, FAILURE, MS(103))},
                    {SETTLE(1, FAILURE, MS(105))},
                    {ACQUIRE(2, MS(106)), READ(MS(106))}},
        .check = it_opens,
    },
    {
        .name = "a neutral probe gives its place back",
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102))},
        .threads = {{SETTLE(0, NEUTRAL, MS(103)), ACQUIRE(3, MS(104))},
                    {ACQUIRE(1, MS(103))},
                    {ACQUIRE(2, MS(103))}},
        .check = one_probe_passes,
    },
    {
        .name = "a neutral probe is no success",
        .probes = 2,
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{SETTLE(0, SUCCESS, MS(103))},
                    {SETTLE(1, NEUTRAL, MS(103))},
                    {ACQUIRE(2, MS(103)), SETTLE(2, NEUTRAL, MS(103))}},
        .check = it_is_half_open,
    },
    {
        .name = "a slow probe where slowness is watched",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 4,
        .slow_rate_percent = 50,
        .probes = 2,
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{SETTLE(0, SLOW, MS(103))}, {SETTLE(1, SUCCESS, MS(103))}, {PEEK(MS(103))}},
        .check = it_opens,
    },
    /* Leases. */
    {
        .name = "a hung probe is given up, once",
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102))},
        .threads = {{ACQUIRE(1, MS(102 + 128 + 64))},
                    {ACQUIRE(2, MS(102 + 128 + 64))},
                    {SETTLE(0, SUCCESS, MS(300))}},
        .check = one_at_least_passes,
    },
    {
        .name = "a hung probe, and its lease not over",
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102))},
        .threads = {{ACQUIRE(1, MS(102 + 128) - 1)},
                    {ACQUIRE(2, MS(102 + 128) - 1), PEEK(MS(229))},
                    {SETTLE(0, NEUTRAL, MS(229))}},
    },
    {
        .name = "two hung probes come back when they are given up",
        .probes = 2,
        .success_threshold = 2,
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(102))},
        .threads = {{ACQUIRE(2, MS(300)), SETTLE(2, SUCCESS, MS(301))},
                    {SETTLE(0, SUCCESS, MS(300))},
                    {SETTLE(1, FAILURE, MS(300))}},
    },
    {
        .name = "an old probe's failure and a new probe's success",
        .in_some_order = true,
        .setup = {OPENED, ACQUIRE(0, MS(102)), ACQUIRE(1, MS(300))},
        .threads = {{SETTLE(0, FAILURE, MS(301))},
                    {SETTLE(1, SUCCESS, MS(301))},
                    {ACQUIRE(2, MS(301)), SETTLE(2, NEUTRAL, MS(302))}},
        .check = it_closes,
    },
    /* By hand. */
    {
        .name = "forced open between acquire and settle",
        .failure_threshold = 1,
        .in_some_order = true,
        .threads = {{ACQUIRE(0, MS(1)), SETTLE(0, FAILURE, MS(2))},
                    {SET(FORCED_OPEN, MS(2)), ACQUIRE(1, MS(2))},
                    {ACQUIRE(2, MS(1)), SETTLE(2, SUCCESS, MS(2))}},
    },
    {
        .name = "closed by hand while it opens",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, FAILURE, MS(2))},
                    {SET(CLOSED, MS(2)), SETTLE(2, FAILURE, MS(3))}},
    },
    {
        .name = "two hands, and a probe",
        .in_some_order = true,
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102)), SETTLE(0, SUCCESS, MS(103))},
                    {SET(HALF_OPEN, MS(50)), ACQUIRE(1, MS(50)), SETTLE(1, FAILURE, MS(51))},
                    {SET(OPEN, MS(60))}},
    },
    {
        .name = "disabled while calls are out",
        .failure_threshold = 1,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2)), ACQUIRE(3, MS(3)), SETTLE(3, FAILURE, MS(3))},
                    {SET(DISABLED, MS(2)), ACQUIRE(4, MS(3)), SETTLE(4, FAILURE, MS(3))},
                    {SETTLE(1, SUCCESS, MS(2))}},
    },
    {
        .name = "only metrics while calls are out",
        .failure_threshold = 1,
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .failure_rate_percent = 50,
        .setup = {SET(METRICS_ONLY, MS(1)), THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, SLOW, MS(2))}},
    },
    /* Reset. */
    {
        .name = "reset while calls are out",
        .failure_threshold = 2,
        .setup = {THREE_OUT, SETTLE(2, FAILURE, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {RESET(MS(2)), ACQUIRE(3, MS(2)), SETTLE(3, FAILURE, MS(3))},
                    {SETTLE(1, SUCCESS, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "reset while it opens and is forced",
        .failure_threshold = 1,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, FAILURE, MS(2)), ACQUIRE(3, MS(3))},
                    {RESET(MS(2)), ACQUIRE(4, MS(3)), SETTLE(4, SUCCESS, MS(3))},
                    {SET(FORCED_OPEN, MS(2))}},
    },
    {
        .name = "reset while a probe is out",
        .setup = {OPENED, ACQUIRE(0, MS(102))},
        .threads = {{SETTLE(0, SUCCESS, MS(103))}, {RESET(MS(103))}, {ACQUIRE(1, MS(103))}},
        .check = it_closes,
    },
    {
        .name = "reset at the deadline",
        .setup = {OPENED},
        .threads = {{ACQUIRE(0, MS(102)), SETTLE(0, FAILURE, MS(103))},
                    {RESET(MS(102))},
                    {ACQUIRE(1, MS(102)), SETTLE(1, NEUTRAL, MS(103))}},
    },
    {
        .name = "reset while totals spread to the processors",
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2)), RESET(MS(2))},
                    {SETTLE(2, SUCCESS, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "reset, twice at once",
        .failure_threshold = 1,
        .setup = {OPENED},
        .threads = {{RESET(MS(3))}, {RESET(MS(3))}, {ACQUIRE(0, MS(3)), SETTLE(0, FAILURE, MS(4))}},
    },
    {
        .name = "reset of a window of calls",
        .window = HF_BREAKER_WINDOW_CALLS,
        .window_calls = 2,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(2, FAILURE, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {RESET(MS(2)), ACQUIRE(3, MS(2)), SETTLE(3, FAILURE, MS(3))},
                    {SETTLE(1, NEUTRAL, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "reset of a window of time",
        .window = HF_BREAKER_WINDOW_TIME,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT, SETTLE(2, FAILURE, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {RESET(MS(2)), ACQUIRE(3, MS(2)), SETTLE(3, FAILURE, MS(3))},
                    {SETTLE(1, NEUTRAL, MS(2))}},
        .check = it_closes,
    },
    {
        .name = "a rate that falls before a call is settled",
        .window = HF_BREAKER_WINDOW_CALLS,
        .minimum_calls = 2,
        .failure_rate_percent = 100,
        .setup = {THREE_OUT},
        .threads = {{CONFIGURE_RATE(50), SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, NEUTRAL, MS(2))}},
        .check = it_opens,
    },
    /* Options, and states that are chosen after them. */
    {
        .name = "in weak memory, more probes where it was closed",
        .threads = {{CONFIGURE_PROBES(2), SET(HALF_OPEN, MS(102))},
                    {ACQUIRE(0, MS(102))},
                    {ACQUIRE(1, MS(102))}},
        .weak = true,
        .check = both_pass_as_probes,
    },
    {
        .name = "in weak memory, more probes where it was open",
        .setup = {OPENED},
        .threads = {{CONFIGURE_PROBES(2), SET(HALF_OPEN, MS(102))},
                    {ACQUIRE(0, MS(102))},
                    {ACQUIRE(1, MS(102))}},
        .weak = true,
        .check = both_pass_as_probes,
    },
    {
        .name = "in weak memory, more probes where it was half-open",
        .setup = {SET(HALF_OPEN, MS(2))},
        .threads = {{CONFIGURE_PROBES(2), SET(HALF_OPEN, MS(102))},
                    {ACQUIRE(0, MS(102))},
                    {ACQUIRE(1, MS(102))}},
        .weak = true,
        .check = both_pass_as_probes,
    },
    {
        .name = "in weak memory, another threshold",
        .failure_threshold = 2,
        .threads = {{CONFIGURE(1, 100), SET(CLOSED, MS(2))},
                    {ACQUIRE(0, MS(2)), SETTLE(0, FAILURE, MS(3))}},
        .weak = true,
        .check = it_opens_with_the_first_failure,
    },
    {
        .name = "in weak memory, another open time",
        .threads = {{CONFIGURE(1, 150), SET(CLOSED, MS(2))}, {SET(OPEN, MS(2))}},
        .weak = true,
        .check = it_opens_for_the_new_time,
    },
    /* Counters. */
    {
        .name = "totals that spread to the processors",
        .spreads = true,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2))},
                    {SETTLE(2, SUCCESS, MS(2)), READ(MS(2))}},
    },
    {
        .name = "totals without memory to spread",
        .without_memory = true,
        .in_some_order = true,
        .setup = {THREE_OUT},
        .threads = {{SETTLE(0, SUCCESS, MS(2))},
                    {SETTLE(1, SUCCESS, MS(2)), READ(MS(2))},
                    {SETTLE(2, SUCCESS, MS(2))}},
    },
    {
        .name = "four threads that fail",
        .failure_threshold = 2,
        .in_some_order = true,
        .setup = {THREE_OUT, ACQUIRE(3, MS(1))},
        .threads = {{SETTLE(0, FAILURE, MS(2))},
                    {SETTLE(1, FAILURE, MS(2))},
                    {SETTLE(2, FAILURE, MS(2))},
                    {SETTLE(3, FAILURE, MS(2))}},
        .check = it_opens,
    },
};

const size_t SCENARIO_COUNT = sizeof SCENARIOS / sizeof SCENARIOS[0];
