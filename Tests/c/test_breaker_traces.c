/*
 * The traces of Tests/conformance/circuit_breaker.jsonl, replayed operation by operation: what was
 * returned, the state and the figures after it. The README there says what a row holds.
 *
 * A row is equal, or each of its differences is explained by one of the named fixes below. Calls
 * do not overlap in the traces, so the other fixes (probes without limit, results that come late)
 * cannot show there: test_breaker.c has them.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

#ifndef HF_CONFORMANCE_DIRECTORY
#error "HF_CONFORMANCE_DIRECTORY says where the rows are"
#endif

#define NS_PER_S 1e9
#define MS_PER_S 1e3
/* When every trace begins. */
#define START_NS UINT64_C(123456789012345)

/* What explains a difference. A run is counted where it decides something; recorded are both kinds
 * of run in every state. */
typedef enum fix { FIX_FAILURES_WHILE_CLOSED, FIX_SUCCESSES_WHILE_HALF_OPEN, FIXES } fix;

static const char *const FIX_NAMES[FIXES] = {
    [FIX_FAILURES_WHILE_CLOSED] = "runs of failures counted while closed only",
    [FIX_SUCCESSES_WHILE_HALF_OPEN] = "runs of successes counted while half-open only",
};

typedef struct trace_tally {
  uint32_t rows;
  uint32_t equal;
  uint32_t explained[FIXES];
  uint32_t operations;
  uint32_t operations_equal;
  uint32_t failures;
} trace_tally;

/* One row under way. */
typedef struct trace_replay {
  const char *id;
  size_t at;
  bool counts_other_errors;
  hf_breaker *breaker;
  uint64_t now_ns;
  bool differs[FIXES]; /* anywhere in the row */
  bool operation_differs;
  uint32_t operations_equal;
  uint32_t failures;
} trace_replay;

static uint32_t uint_of(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  assert_true(json_is_integer(value));
  return (uint32_t)json_integer_value(value);
}

static const char *string_of(const json_t *object, const char *name) {
  const char *value = json_string_value(json_object_get(object, name));
  assert_non_null(value);
  return value;
}

static void check_equal(trace_replay *replay, const char *what, uint64_t expected, uint64_t got) {
  if (expected != got) {
    print_error("%s, operation %zu: %s is %" PRIu64 ", not %" PRIu64 "\n", replay->id, replay->at,
                what, got, expected);
    replay->failures++;
  }
}

static void check_word(trace_replay *replay, const char *what, const char *expected,
                       const char *got) {
  if (strcmp(expected, got) != 0) {
    print_error("%s, operation %zu: %s is %s, not %s\n", replay->id, replay->at, what, got,
                expected);
    replay->failures++;
  }
}

/* A run that is recorded in every state; Holdfast's is 0 but in one. */
static void check_run(trace_replay *replay, fix kind, bool decides, uint32_t expected,
                      uint32_t got) {
  check_equal(replay, FIX_NAMES[kind], decides ? expected : 0, got);
  if (expected != got) {
    replay->differs[kind] = true;
    replay->operation_differs = true;
  }
}

/* The state as the traces call it. */
static const char *state_of(const hf_breaker_snapshot *figures) {
  switch (figures->state) {
  case HF_BREAKER_CLOSED:
    return "CLOSED";
  case HF_BREAKER_OPEN:
    return "OPEN";
  case HF_BREAKER_HALF_OPEN:
    return "HALF_OPEN";
  default:
    return hf_breaker_state_name(figures->state);
  }
}

/* Makes the call; returns what the traces call its answer. */
static const char *call(trace_replay *replay, const json_t *operation) {
  const char *outcome = string_of(operation, "outcome");
  hf_permit permit;
  if (hf_breaker_acquire(replay->breaker, replay->now_ns, &permit, NULL) != HF_OK) {
    return json_is_true(json_object_get(operation, "fallback")) ? "fb" : "REJECTED";
  }
  hf_outcome settled = HF_OUTCOME_NEUTRAL;
  const char *answer = "raised";
  if (strcmp(outcome, "success") == 0) {
    settled = HF_OUTCOME_SUCCESS;
    answer = "ok";
  } else if (strcmp(outcome, "cancel") == 0) {
    answer = "cancelled";
  } else if (strcmp(outcome, "fail") == 0) {
    settled = HF_OUTCOME_FAILURE;
  } else {
    /* An error that is no failure, unless every error is. */
    assert_string_equal(outcome, "other_exc");
    settled = replay->counts_other_errors ? HF_OUTCOME_FAILURE : HF_OUTCOME_NEUTRAL;
  }
  if (!hf_breaker_settle(replay->breaker, &permit, settled, replay->now_ns, NULL)) {
    print_error("%s, operation %zu: late\n", replay->id, replay->at);
    replay->failures++;
  }
  return answer;
}

static void replay_operation(trace_replay *replay, const json_t *operation) {
  const char *name = string_of(operation, "op");
  if (strcmp(name, "advance") == 0) {
    replay->now_ns += (uint64_t)(json_number_value(json_object_get(operation, "s")) * NS_PER_S);
    return;
  }
  if (strcmp(name, "reset") == 0) {
    hf_breaker_reset(replay->breaker, replay->now_ns);
    hf_breaker_snapshot fresh = hf_breaker_read(replay->breaker, replay->now_ns);
    check_word(replay, "state", string_of(operation, "state"), state_of(&fresh));
    return;
  }
  assert_string_equal(name, "call");
  check_word(replay, "answer", string_of(operation, "returned"), call(replay, operation));
  hf_breaker_snapshot figures = hf_breaker_read(replay->breaker, replay->now_ns);
  check_word(replay, "state", string_of(operation, "state"), state_of(&figures));
  check_equal(replay, "failures", uint_of(operation, "failures_total"), figures.failures);
  check_equal(replay, "successes", uint_of(operation, "successes_total"), figures.successes);
  check_equal(replay, "opens", uint_of(operation, "trips_total"), figures.opens);
  check_equal(replay, "late", 0, figures.late);
  check_run(replay, FIX_FAILURES_WHILE_CLOSED, figures.state == HF_BREAKER_CLOSED,
            uint_of(operation, "consecutive_failures"), figures.consecutive_failures);
  check_run(replay, FIX_SUCCESSES_WHILE_HALF_OPEN, figures.state == HF_BREAKER_HALF_OPEN,
            uint_of(operation, "consecutive_successes"), figures.consecutive_successes);
}

static void replay_row(const json_t *row, trace_tally *tally) {
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = uint_of(row, "failure_threshold");
  options.success_threshold = uint_of(row, "success_threshold");
  options.open_ms =
      (uint32_t)(json_number_value(json_object_get(row, "recovery_timeout")) * MS_PER_S);
  trace_replay replay = {.id = string_of(row, "id"),
                         .counts_other_errors = strcmp(string_of(row, "expected"), "all") == 0,
                         .now_ns = START_NS};
  assert_int_equal(hf_breaker_create(&options, 0, replay.now_ns, NULL, &replay.breaker, NULL),
                   HF_OK);
  const json_t *trace = json_object_get(row, "trace");
  assert_true(json_array_size(trace) > 0);
  for (; replay.at < json_array_size(trace); replay.at++) {
    replay.operation_differs = false;
    replay_operation(&replay, json_array_get(trace, replay.at));
    replay.operations_equal += !replay.operation_differs;
  }
  hf_breaker_destroy(replay.breaker);
  tally->rows++;
  tally->operations += (uint32_t)replay.at;
  tally->operations_equal += replay.operations_equal;
  tally->failures += replay.failures;
  bool equal = true;
  for (size_t i = 0; i < FIXES; i++) {
    tally->explained[i] += replay.differs[i];
    equal = equal && !replay.differs[i];
    if (replay.differs[i]) {
      printf("%s: %s\n", replay.id, FIX_NAMES[i]);
    }
  }
  tally->equal += equal;
  if (equal) {
    printf("%s: equal\n", replay.id);
  }
}

static void traces_are_answered_as_recorded_but_for_named_fixes(void **state) {
  (void)state;
  FILE *file = fopen(HF_CONFORMANCE_DIRECTORY "/circuit_breaker.jsonl", "r");
  assert_non_null(file);
  trace_tally tally = {0};
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
    json_error_t error;
    json_t *row = json_loadb(line, (size_t)length, 0, &error);
    if (row == NULL) {
      test_fail("row %" PRIu32 " is no JSON: %s\n", tally.rows + 1, error.text);
    }
    replay_row(row, &tally);
    json_decref(row);
  }
  free(line);
  fclose(file);
  printf("conformance: circuit_breaker %" PRIu32 " rows, %" PRIu32 " equal", tally.rows,
         tally.equal);
  for (size_t i = 0; i < FIXES; i++) {
    printf(", %" PRIu32 " explained by %s", tally.explained[i], FIX_NAMES[i]);
  }
  printf("; of %" PRIu32 " operations %" PRIu32 " equal\n", tally.operations,
         tally.operations_equal);
  assert_int_equal(tally.rows, 79);
  assert_int_equal(tally.failures, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(traces_are_answered_as_recorded_but_for_named_fixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
