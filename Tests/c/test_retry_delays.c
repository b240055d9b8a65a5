/*
 * The delays of Tests/conformance/retry_delays.jsonl: without jitter, each as recorded, to the
 * nanosecond. The README there says what a row holds.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hf_test.h"

#ifndef HF_CONFORMANCE_DIRECTORY
#error "HF_CONFORMANCE_DIRECTORY says where the rows are"
#endif

#define NS_PER_S 1e9

static uint64_t ns_of(const json_t *seconds) {
  assert_true(json_is_number(seconds));
  return (uint64_t)llround(json_number_value(seconds) * NS_PER_S);
}

/* How many delays it has that are equal. */
static uint32_t check_row(const json_t *row, uint32_t *failures) {
  const char *id = json_string_value(json_object_get(row, "id"));
  assert_non_null(id);
  hf_backoff backoff = hf_backoff_default();
  backoff.base_ns = ns_of(json_object_get(row, "base_delay"));
  backoff.max_ns = ns_of(json_object_get(row, "max_delay"));
  backoff.jitter = HF_JITTER_NONE;
  assert_int_equal(hf_backoff_check(&backoff, NULL), HF_OK);
  const json_t *delays = json_object_get(row, "delays");
  uint32_t attempts = (uint32_t)json_integer_value(json_object_get(row, "max_attempts"));
  assert_int_equal(json_array_size(delays), attempts);
  uint32_t equal = 0;
  for (uint32_t retry = 0; retry < attempts; retry++) {
    uint64_t expected = ns_of(json_array_get(delays, retry));
    uint64_t got = hf_backoff_delay_ns(&backoff, retry, 0, 0);
    if (got == expected) {
      equal++;
    } else {
      print_error("%s, retry %" PRIu32 ": %" PRIu64 " ns, not %" PRIu64 "\n", id, retry, got,
                  expected);
      (*failures)++;
    }
  }
  return equal;
}

static void delays_are_as_recorded(void **state) {
  (void)state;
  FILE *file = fopen(HF_CONFORMANCE_DIRECTORY "/retry_delays.jsonl", "r");
  assert_non_null(file);
  uint32_t rows = 0;
  uint32_t equal = 0;
  uint32_t failures = 0;
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t length; (length = getline(&line, &capacity, file)) > 0; rows++) {
    json_error_t error;
    json_t *row = json_loadb(line, (size_t)length, 0, &error);
    if (row == NULL) {
      test_fail("row %" PRIu32 " is no JSON: %s\n", rows + 1, error.text);
    }
    equal += check_row(row, &failures);
    json_decref(row);
  }
  free(line);
  fclose(file);
  printf("conformance: retry_delays %" PRIu32 " rows, %" PRIu32 " delays equal\n", rows, equal);
  assert_int_equal(rows, 47);
  assert_int_equal(equal, 186);
  assert_int_equal(failures, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(delays_are_as_recorded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
