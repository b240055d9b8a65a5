#include "breaker_invariants.h"

#include "breaker_world.h"

#include <string.h>

static uint32_t generation_now(void) {
  return hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS).generation;
}

/* After each operation ------------------------------------------------------ */

/* Header, 1. A probe whose settling has begun may have given its place back. */
static void check_probes_out(void) {
  hf_breaker_options options = scenario_options(the_scenario);
  for (size_t i = 0; i < WORLD_PERMITS; i++) {
    const held_permit *held = &the_world.permits[i];
    uint32_t out = 0;
    for (size_t k = 0; k < WORLD_PERMITS; k++) {
      const held_permit *other = &the_world.permits[k];
      out += other->acquired && !other->settling &&
             permit_state(&other->permit) == HF_BREAKER_HALF_OPEN &&
             permit_generation(&other->permit) == permit_generation(&held->permit);
    }
    if (held->acquired && out > options.probes) {
      explorer_violation("%u probes are out in generation %u", out,
                         permit_generation(&held->permit));
    }
  }
}

/* Header, 3. */
static void check_settled(const planned_operation *operation, const operation_record *record) {
  uint32_t generation = permit_generation(&the_world.permits[operation->permit].permit);
  if (record->skipped) {
    return;
  }
  if (record->counted && generation != record->generation_before) {
    explorer_violation("permit %u was late before it was settled, and counted", operation->permit);
  }
  if (!record->counted && generation == generation_now()) {
    explorer_violation("permit %u is late in its own generation", operation->permit);
  }
  if (record->transition.cause != HF_BREAKER_UNCHANGED && !record->counted) {
    explorer_violation("late permit %u made a transition", operation->permit);
  }
}

/* Each total is one that there was while it was read. Forgets what was read. */
static void check_read(size_t thread) {
  uint64_t *read = the_world.totals[thread];
  uint64_t *least = the_world.totals_before[thread];
  hf_breaker_snapshot after = hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS);
  uint64_t most[HF__COUNTERS] = {after.successes, after.failures, after.slow,
                                 after.neutral,   after.late,     after.refused};
  for (size_t i = 0; i < HF__COUNTERS; i++) {
    if (read[i] < least[i] || read[i] > most[i]) {
      explorer_violation("total %zu is read as %llu, it was %llu and is %llu", i,
                         (unsigned long long)read[i], (unsigned long long)least[i],
                         (unsigned long long)most[i]);
    }
    read[i] = 0;
    least[i] = 0;
  }
}

void check_operation(size_t thread, size_t number) {
  size_t index = world_thread_record(thread, number);
  const planned_operation *operation = world_operation(index);
  /* What is so now, another thread need not know yet. */
  if (the_scenario->weak) {
    return;
  }
  const operation_record *record = &the_world.records[index];
  if (operation->kind == OPERATION_ACQUIRE) {
    check_probes_out();
  } else if (operation->kind == OPERATION_SETTLE) {
    check_settled(operation, record);
  } else if (operation->kind == OPERATION_READ) {
    check_read(thread);
  }
}

/* At the end ---------------------------------------------------------------- */

typedef struct reported_edge {
  const operation_record *record;
  const planned_operation *operation;
} reported_edge;

/* Header, 2: every generation is reported once. Fills `edges` by generation. */
static size_t collect_edges(reported_edge edges[WORLD_RECORDS + 1]) {
  uint32_t generations = generation_now();
  size_t reported = 0;
  memset(edges, 0, (WORLD_RECORDS + 1) * sizeof edges[0]);
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const operation_record *record = &the_world.records[i];
    uint32_t generation = record->transition.generation;
    if (record->transition.cause == HF_BREAKER_UNCHANGED) {
      continue;
    }
    reported++;
    if (generation == 0 || generation > WORLD_RECORDS || generation > generations) {
      explorer_violation("generation %u is reported; the last is %u", generation, generations);
    } else if (edges[generation].record != NULL) {
      explorer_violation("generation %u is reported twice", generation);
    } else {
      edges[generation] = (reported_edge){record, world_operation(i)};
    }
  }
  if (reported != generations) {
    explorer_violation("%u generations, %zu reported", generations, reported);
  }
  return generations;
}

/* The latest moment at which a probe of a generation was permitted: its lease
 * counts from there. */
static uint64_t last_probe_at_ns(uint32_t generation, const planned_operation *made) {
  uint64_t latest = made->kind == OPERATION_SET_STATE ? made->at_ns : 0;
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const planned_operation *operation = world_operation(i);
    if (operation->kind == OPERATION_NONE || operation->kind != OPERATION_ACQUIRE ||
        !the_world.records[i].permitted) {
      continue;
    }
    const hf_permit *permit = &the_world.permits[operation->permit].permit;
    if (permit_generation(permit) == generation && operation->at_ns > latest) {
      latest = operation->at_ns;
    }
  }
  return latest;
}

static bool is_settling(const reported_edge *edge, hf_breaker_state state) {
  const planned_operation *operation = edge->operation;
  if (operation->kind != OPERATION_SETTLE) {
    return false;
  }
  const hf_permit *permit = &the_world.permits[operation->permit].permit;
  return permit_state(permit) == state &&
         permit_generation(permit) + 1 == edge->record->transition.generation;
}

static hf_breaker_state from_of(hf_breaker_cause cause) {
  switch (cause) {
  case HF_BREAKER_OPEN_TIME_OVER:
    return HF_BREAKER_OPEN;
  case HF_BREAKER_PROBE_FAILED:
  case HF_BREAKER_PROBES_SUCCEEDED:
  case HF_BREAKER_PROBES_GIVEN_UP:
    return HF_BREAKER_HALF_OPEN;
  case HF_BREAKER_UNCHANGED:
  case HF_BREAKER_FAILURES:
  case HF_BREAKER_FAILURE_RATE:
  case HF_BREAKER_SLOW_RATE:
  case HF_BREAKER_BY_HAND:
    break;
  }
  return HF_BREAKER_CLOSED;
}

/* Who may make which transition, and when: header, 4 and 6; only what was
 * permitted in a generation ends it. `opened` is the last edge to open. */
static void check_edge(const reported_edge *edge, const reported_edge *before,
                       const reported_edge *opened) {
  const hf_transition *made = &edge->record->transition;
  const planned_operation *operation = edge->operation;
  hf_breaker_options options = scenario_options(the_scenario);
  bool failure = operation->outcome == HF_OUTCOME_FAILURE;
  bool right = false;
  hf_breaker_state to = HF_BREAKER_OPEN;
  switch (made->cause) {
  case HF_BREAKER_FAILURES:
    right = is_settling(edge, HF_BREAKER_CLOSED) && failure;
    break;
  case HF_BREAKER_FAILURE_RATE:
    right = is_settling(edge, HF_BREAKER_CLOSED) && options.failure_rate_percent > 0 &&
            operation->outcome != HF_OUTCOME_NEUTRAL;
    break;
  case HF_BREAKER_SLOW_RATE:
    right = is_settling(edge, HF_BREAKER_CLOSED) && options.slow_rate_percent > 0 &&
            operation->outcome != HF_OUTCOME_NEUTRAL;
    break;
  case HF_BREAKER_OPEN_TIME_OVER:
    to = HF_BREAKER_HALF_OPEN;
    right = operation->kind == OPERATION_ACQUIRE && opened != NULL;
    if (right &&
        operation->at_ns < opened->operation->at_ns + MS(opened->record->transition.open_ms)) {
      explorer_violation("half-open before the open time is over");
    }
    break;
  case HF_BREAKER_PROBE_FAILED:
    right = is_settling(edge, HF_BREAKER_HALF_OPEN) &&
            (failure || (operation->outcome == HF_OUTCOME_SLOW && options.slow_rate_percent > 0));
    break;
  case HF_BREAKER_PROBES_SUCCEEDED:
    to = HF_BREAKER_CLOSED;
    right = is_settling(edge, HF_BREAKER_HALF_OPEN) &&
            (operation->outcome == HF_OUTCOME_SUCCESS || operation->outcome == HF_OUTCOME_SLOW);
    break;
  case HF_BREAKER_PROBES_GIVEN_UP:
    to = HF_BREAKER_HALF_OPEN;
    right = operation->kind == OPERATION_ACQUIRE && before != NULL;
    if (right && operation->at_ns < last_probe_at_ns(made->generation - 1, before->operation) +
                                        MS(options.probe_lease_ms)) {
      explorer_violation("probes are given up before their lease is over");
    }
    break;
  case HF_BREAKER_BY_HAND:
    to = operation->kind == OPERATION_RESET ? HF_BREAKER_CLOSED : operation->state;
    right = operation->kind == OPERATION_SET_STATE || operation->kind == OPERATION_RESET;
    break;
  case HF_BREAKER_UNCHANGED:
    break;
  }
  bool by_hand = made->cause == HF_BREAKER_BY_HAND;
  if (!right || made->to != to || (!by_hand && made->from != from_of(made->cause))) {
    explorer_violation("generation %u: %s to %s, cause %d, by the wrong one", made->generation,
                       hf_breaker_state_name(made->from), hf_breaker_state_name(made->to),
                       (int)made->cause);
  }
}

/* The open time that a transition to open should tell: it doubles with each
 * failed probe, to 300. */
static uint32_t expected_open_ms(const hf_transition *made, unsigned failed_probes) {
  uint32_t time = failed_probes == 0 ? 100 : failed_probes == 1 ? 200 : 300;
  return made->to == HF_BREAKER_OPEN ? time : 0;
}

/* Whether the options change on the way. */
static bool is_configured(void) {
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    if (world_operation(i)->kind == OPERATION_CONFIGURE) {
      return true;
    }
  }
  return false;
}

/* How often something may have been counted: resets may take away what they met. */
typedef struct expected_count {
  uint64_t least;
  uint64_t most;
} expected_count;

static void expect_one(expected_count *expected, const operation_record *record) {
  expected->least += record->kept;
  expected->most += !record->forgotten;
}

static void check_count(const char *name, uint64_t counted, expected_count expected) {
  if (counted < expected.least || counted > expected.most) {
    explorer_violation("%s: %llu are counted, there were %llu to %llu", name,
                       (unsigned long long)counted, (unsigned long long)expected.least,
                       (unsigned long long)expected.most);
  }
}

static void check_transitions(const hf_breaker_snapshot *end) {
  reported_edge edges[WORLD_RECORDS + 1];
  size_t generations = collect_edges(edges);
  const reported_edge *opened = NULL;
  hf_breaker_state state = HF_BREAKER_CLOSED;
  unsigned failed_probes = 0;
  expected_count opens = {0, 0};
  expected_count closes = {0, 0};
  for (size_t i = 1; i <= generations && i <= WORLD_RECORDS && edges[i].record != NULL; i++) {
    const hf_transition *made = &edges[i].record->transition;
    if (made->from != state) {
      explorer_violation("generation %zu comes from %s, the one before is %s", i,
                         hf_breaker_state_name(made->from), hf_breaker_state_name(state));
    }
    check_edge(&edges[i], i > 1 ? &edges[i - 1] : NULL, opened);
    bool goes_on = made->cause == HF_BREAKER_PROBE_FAILED ||
                   made->cause == HF_BREAKER_OPEN_TIME_OVER ||
                   made->cause == HF_BREAKER_PROBES_GIVEN_UP;
    failed_probes = goes_on ? failed_probes + (made->cause == HF_BREAKER_PROBE_FAILED) : 0;
    if (made->open_ms != expected_open_ms(made, failed_probes) && !is_configured()) {
      explorer_violation("generation %zu is open for %u ms", i, made->open_ms);
    }
    opened = made->to == HF_BREAKER_OPEN ? &edges[i] : opened;
    if (made->to == HF_BREAKER_OPEN) {
      expect_one(&opens, edges[i].record);
    } else if (made->to == HF_BREAKER_CLOSED && made->from == HF_BREAKER_HALF_OPEN &&
               edges[i].operation->kind != OPERATION_RESET) {
      expect_one(&closes, edges[i].record);
    }
    state = made->to;
  }
  if (end->state != state) {
    explorer_violation("it is %s, the last report says %s", hf_breaker_state_name(end->state),
                       hf_breaker_state_name(state));
  }
  check_count("opens", end->opens, opens);
  check_count("closes", end->closes, closes);
  /* Nothing but the opening itself decides how long it is open. */
  if (state == HF_BREAKER_OPEN && opened != NULL) {
    uint64_t deadline = opened->operation->at_ns + MS(opened->record->transition.open_ms);
    uint64_t left =
        hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS + deadline - MS(2)).retry_after_ns;
    if (left < MS(2) || left >= MS(3)) {
      explorer_violation("2 ms before its deadline it says that %llu ns are left",
                         (unsigned long long)left);
    }
  }
}

/* Header, 3 and 6, and that nothing is lost. */
static void check_totals(const hf_breaker_snapshot *end) {
  expected_count by_outcome[4] = {{0, 0}};
  expected_count late = {0, 0};
  expected_count refused = {0, 0};
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const planned_operation *operation = world_operation(i);
    const operation_record *record = &the_world.records[i];
    if (operation->kind == OPERATION_NONE || record->skipped) {
      continue;
    }
    if (operation->kind == OPERATION_ACQUIRE && !record->permitted) {
      expect_one(&refused, record);
    } else if (operation->kind == OPERATION_SETTLE) {
      expect_one(record->counted ? &by_outcome[operation->outcome] : &late, record);
    }
  }
  check_count("successes", end->successes, by_outcome[HF_OUTCOME_SUCCESS]);
  check_count("failures", end->failures, by_outcome[HF_OUTCOME_FAILURE]);
  check_count("slow calls", end->slow, by_outcome[HF_OUTCOME_SLOW]);
  check_count("neutral calls", end->neutral, by_outcome[HF_OUTCOME_NEUTRAL]);
  check_count("late calls", end->late, late);
  check_count("refusals", end->refused, refused);
}

/* Whether a call, settled, is one of a generation's window, whenever it was. */
static bool is_in_window(size_t index, uint32_t generation) {
  const planned_operation *operation = world_operation(index);
  if (operation->kind == OPERATION_NONE || operation->kind != OPERATION_SETTLE ||
      the_world.records[index].skipped || operation->outcome == HF_OUTCOME_NEUTRAL) {
    return false;
  }
  const hf_permit *permit = &the_world.permits[operation->permit].permit;
  bool windowed =
      permit_state(permit) == HF_BREAKER_CLOSED || permit_state(permit) == HF_BREAKER_METRICS_ONLY;
  return windowed && permit_generation(permit) == generation;
}

/* The last of the window's steps in which one of its calls was settled. */
static uint64_t newest_step(uint32_t generation) {
  uint64_t newest = 0;
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    uint64_t step = world_operation(i)->at_ns / WORLD_STEP_NS;
    newest = is_in_window(i, generation) && step > newest ? step : newest;
  }
  return newest;
}

/* What the final generation's window holds, counted here. */
static hf_breaker_snapshot expected_window(uint32_t generation) {
  hf_breaker_snapshot expected;
  memset(&expected, 0, sizeof expected);
  bool of_time = scenario_options(the_scenario).window == HF_BREAKER_WINDOW_TIME;
  uint64_t newest = newest_step(generation);
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const planned_operation *operation = world_operation(i);
    bool over = of_time && operation->at_ns / WORLD_STEP_NS + WORLD_STEPS <= newest;
    if (is_in_window(i, generation) && !over) {
      expected.window_calls++;
      expected.window_failures += operation->outcome == HF_OUTCOME_FAILURE;
      expected.window_slow += operation->outcome == HF_OUTCOME_SLOW;
    }
  }
  return expected;
}

/* A window of calls keeps its counts beside its calls: after as many successes as
 * it holds, nothing else may be left. */
static void check_window_empties(void) {
  hf_breaker_options options = scenario_options(the_scenario);
  uint32_t calls = options.window_calls;
  options.failure_rate_percent = 0;
  options.slow_rate_percent = 0;
  if (hf_breaker_configure(the_world.breaker, &options, NULL) != HF_OK) {
    explorer_violation("good options are refused");
  }
  for (uint32_t i = 0; i < calls; i++) {
    hf_permit permit;
    hf_transition transition;
    if (hf_breaker_acquire(the_world.breaker, WORLD_END_NS, &permit, &transition) != HF_OK ||
        !hf_breaker_settle(the_world.breaker, &permit, HF_OUTCOME_SUCCESS, WORLD_END_NS,
                           &transition)) {
      explorer_violation("a closed breaker refuses or loses a call");
    }
  }
  hf_breaker_snapshot after = hf_breaker_read(the_world.breaker, WORLD_END_NS);
  if (after.window_calls != calls || after.window_failures != 0 || after.window_slow != 0) {
    explorer_violation("after %u more successes the window says %u calls, %u failed, %u slow",
                       calls, after.window_calls, after.window_failures, after.window_slow);
  }
}

static void check_window(void) {
  uint64_t newest = newest_step(generation_now());
  hf_breaker_snapshot end =
      hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS + newest * WORLD_STEP_NS);
  hf_breaker_options options = scenario_options(the_scenario);
  if (options.window == HF_BREAKER_WINDOW_NONE ||
      (end.state != HF_BREAKER_CLOSED && end.state != HF_BREAKER_METRICS_ONLY)) {
    return;
  }
  hf_breaker_snapshot expected = expected_window(end.generation);
  bool full =
      options.window == HF_BREAKER_WINDOW_CALLS && expected.window_calls > options.window_calls;
  uint32_t lost = full ? expected.window_calls - options.window_calls : 0;
  if (end.window_calls != expected.window_calls - lost ||
      end.window_failures > expected.window_failures ||
      end.window_failures + lost < expected.window_failures ||
      end.window_slow > expected.window_slow || end.window_slow + lost < expected.window_slow) {
    explorer_violation("the window says %u calls, %u failed, %u slow; there were %u, %u, %u",
                       end.window_calls, end.window_failures, end.window_slow,
                       expected.window_calls, expected.window_failures, expected.window_slow);
  }
  uint32_t calls = end.window_calls;
  bool over = calls >= options.minimum_calls &&
              ((options.failure_rate_percent > 0 &&
                end.window_failures * 100 >= options.failure_rate_percent * calls) ||
               (options.slow_rate_percent > 0 &&
                end.window_slow * 100 >= options.slow_rate_percent * calls));
  if (over && end.state == HF_BREAKER_CLOSED) {
    explorer_violation("the window is over its threshold, and the breaker closed");
  }
  if (options.window == HF_BREAKER_WINDOW_CALLS) {
    check_window_empties();
  }
}

/* Closed, and the run too short to open it; where nothing ended a run, all of it. */
static void check_run(const hf_breaker_snapshot *end) {
  uint32_t failures = 0;
  bool ended = false;
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const planned_operation *operation = world_operation(i);
    if (operation->kind == OPERATION_NONE) {
      continue;
    }
    if (operation->kind != OPERATION_SETTLE || !the_world.records[i].counted) {
      continue;
    }
    const hf_permit *permit = &the_world.permits[operation->permit].permit;
    if (permit_generation(permit) == end->generation) {
      failures += operation->outcome == HF_OUTCOME_FAILURE;
      ended = ended || operation->outcome == HF_OUTCOME_SUCCESS ||
              operation->outcome == HF_OUTCOME_SLOW;
    }
  }
  uint32_t threshold = scenario_options(the_scenario).failure_threshold;
  if (end->state != HF_BREAKER_CLOSED) {
    return;
  }
  if (threshold > 0 && end->consecutive_failures >= threshold && !is_configured()) {
    explorer_violation("a run of %u failures, and the breaker is closed",
                       end->consecutive_failures);
  }
  if (!ended && end->consecutive_failures != failures) {
    explorer_violation("%u failures in a row are told, there were %u", end->consecutive_failures,
                       failures);
  }
}

/* Header, 5: long after everything a breaker that is not forced lets a call pass. */
static void check_not_stuck(const hf_breaker_snapshot *end) {
  hf_permit permit;
  hf_transition transition;
  bool passes = hf_breaker_acquire(the_world.breaker, WORLD_END_NS, &permit, &transition) == HF_OK;
  if (passes != (end->state != HF_BREAKER_FORCED_OPEN)) {
    explorer_violation("long after, a call is %s in state %s", passes ? "permitted" : "refused",
                       hf_breaker_state_name(end->state));
  }
}

void check_quiescence(void) {
  hf_breaker_snapshot end = hf_breaker_read(the_world.breaker, WORLD_END_NS);
  check_totals(&end);
  check_transitions(&end);
  check_run(&end);
  if (the_scenario->check != NULL) {
    the_scenario->check();
  }
  /* These go on from here; the explorer puts back what they change. */
  check_window();
  check_not_stuck(&end);
}
