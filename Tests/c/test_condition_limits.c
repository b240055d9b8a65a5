/* How many tokens and bytes a text may have, to the last one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

static const char typed[] = "cpu:number region:string on:boolean other severity";

/* 49 tokens without the end. */
static const char full[] =
    "(cpu>1 and cpu>1 and cpu>1 and cpu>1 and cpu>1 and cpu>1 and cpu>1 and cpu>1 and cpu>1 and "
    "cpu>1 and cpu>1 and cpu>1)";

static void the_fiftieth_token_is_the_end(void **state) {
  (void)state;
  hf_schema *schema = test_schema(typed);
  hf_condition *condition = NULL;
  hf_error error;
  size_t length = sizeof full - 1;
  assert_int_equal(hf_condition_compile(schema, full, length, NULL, &condition, &error), HF_OK);
  assert_int_equal(hf_condition_token_count(condition), 50);
  hf_condition_destroy(condition);

  char text[256];
  snprintf(text, sizeof text, "(%s) ", full);
  assert_int_equal(hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error),
                   HF_ERROR_TOO_COMPLEX);
  assert_int_equal(error.offset_bytes, strlen(text) - 3);
  assert_int_equal(error.length_bytes, 1);
  test_check_message(&error);
  assert_non_null(strstr(error.message, "50"));
  hf_schema_release(schema);
}

/*
 * After 49 tokens any token is one too many, even one that is itself wrong;
 * after 48 it is still looked at.
 */
static void the_token_limit_is_exact_for_every_token(void **state) {
  (void)state;
  static const struct {
    const char *token;
    uint32_t length;
    hf_status alone; /* what it is as the 49th */
  } rows[] = {
      {"and", 3, HF_ERROR_EXPECTED_VALUE},
      {"or", 2, HF_ERROR_EXPECTED_VALUE},
      {"(", 1, HF_ERROR_UNEXPECTED_TOKEN},
      {")", 1, HF_ERROR_UNEXPECTED_TOKEN},
      {"cpu", 3, HF_ERROR_UNEXPECTED_TOKEN},
      {"12.5", 4, HF_ERROR_UNEXPECTED_TOKEN},
      {"'text'", 6, HF_ERROR_UNEXPECTED_TOKEN},
      {">=", 2, HF_ERROR_UNEXPECTED_TOKEN},
      {"<", 1, HF_ERROR_UNEXPECTED_TOKEN},
      {"@", 1, HF_ERROR_UNEXPECTED_CHARACTER},
      {"\xE2\x89\xA5", 3, HF_ERROR_UNEXPECTED_CHARACTER},
      {"'open", 1, HF_ERROR_UNTERMINATED_STRING},
      {"=", 1, HF_ERROR_INVALID_OPERATOR},
      {"zzz", 3, HF_ERROR_VARIABLE_NOT_ALLOWED},
  };
  hf_schema *schema = test_schema(typed);
  /* Parentheses dropped, 47 tokens; with ` or` or ` cpu` 48. */
  size_t inner = sizeof full - 3;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[256];
    hf_condition *condition = NULL;
    hf_error error;
    for (int tokens = 48; tokens <= 50; tokens++) {
      const char *filler = tokens == 48 ? "" : tokens == 49 ? "cpu " : "cpu cpu ";
      snprintf(text, sizeof text, "%.*s %s%s", (int)inner, full + 1, filler, rows[i].token);
      size_t offset = strlen(text) - strlen(rows[i].token);
      hf_status status = hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error);
      if (tokens == 50) {
        if (status != HF_ERROR_TOO_COMPLEX || error.offset_bytes != offset ||
            error.length_bytes != rows[i].length) {
          test_fail("%s: %s at %" PRIu32 "+%" PRIu32 "\n", rows[i].token, hf_status_name(status),
                    error.offset_bytes, error.length_bytes);
        }
        test_check_message(&error);
      } else if (tokens == 48) {
        assert_int_equal(status, rows[i].alone);
      } else {
        assert_int_not_equal(status, HF_ERROR_TOO_COMPLEX);
      }
    }
    /* What follows the 50th token is not looked at. */
    snprintf(text, sizeof text, "%.*s cpu cpu cpu %s", (int)inner, full + 1, rows[i].token);
    assert_int_equal(hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error),
                     HF_ERROR_TOO_COMPLEX);
    assert_int_equal(error.offset_bytes, inner + 9);
    assert_int_equal(error.length_bytes, 3);
  }
  hf_schema_release(schema);
}

static void the_token_limit_can_be_changed(void **state) {
  (void)state;
  hf_schema *schema = test_schema(typed);
  hf_condition_options options = hf_condition_options_default();
  assert_int_equal(options.max_tokens, HF_CONDITION_DEFAULT_MAX_TOKENS);
  assert_int_equal(options.max_tokens, 50);
  const char *text = "cpu > 1 and on == 1";
  for (uint32_t limit = 2; limit <= 10; limit++) {
    options.max_tokens = limit;
    hf_condition *condition = NULL;
    hf_error error;
    hf_status status =
        hf_condition_compile(schema, text, strlen(text), &options, &condition, &error);
    static const uint32_t offsets[] = {0, 4, 6, 8, 12, 15, 18};
    if (limit < 8) {
      assert_int_equal(status, HF_ERROR_TOO_COMPLEX);
      assert_int_equal(error.offset_bytes, offsets[limit - 1]);
      char number[16];
      snprintf(number, sizeof number, " %" PRIu32 " ", limit);
      assert_non_null(strstr(error.message, number));
    } else {
      assert_int_equal(status, HF_OK);
      assert_int_equal(hf_condition_token_count(condition), 8);
      hf_condition_destroy(condition);
    }
    assert_int_equal(hf_condition_compile(schema, " always ", 8, &options, &condition, &error),
                     HF_OK);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* As many tokens as can be asked for, and one more. */
static void the_largest_token_limit_is_reached(void **state) {
  (void)state;
  enum { MOST = HF_CONDITION_LIMIT_MAX_TOKENS };
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = MOST;
  options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  /* "1<2 or " is 4 tokens; MOST is 4 times as many, the end in the place of the last `or`. */
  size_t count = MOST / 4;
  size_t length = count * 7 - 4;
  char *text = malloc(count * 7 + 4);
  assert_non_null(text);
  for (size_t i = 0; i < count; i++) {
    memcpy(text + i * 7, "1<2 or ", 7);
  }
  hf_condition *condition = NULL;
  hf_error error;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, length, &options, &condition, &error), HF_OK);
  assert_int_equal(hf_condition_token_count(condition), MOST);
  assert_int_equal(hf_condition_node_count(condition) >= count, 1);
  hf_condition_destroy(condition);
  memcpy(text + length, " 1", 2);
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, length + 2, &options, &condition, &error),
      HF_ERROR_TOO_COMPLEX);
  assert_int_equal(error.offset_bytes, length + 1);
  free(text);
}

static void a_text_has_at_most_65536_bytes(void **state) {
  (void)state;
  hf_schema *schema = test_schema(typed);
  static char text[65536 + 2];
  memset(text, ' ', sizeof text);
  memcpy(text, "cpu > 1", 7);
  hf_condition *condition = NULL;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_condition_options_default().max_text_bytes, 65536);
  assert_int_equal(hf_condition_compile(schema, text, 65536, NULL, &condition, &error), HF_OK);
  size_t length = 0;
  assert_memory_equal(hf_condition_text(condition, &length), text, 65536);
  assert_int_equal(length, 65536);
  hf_condition_destroy(condition);
  condition = NULL;
  for (size_t excess = 1; excess <= 2; excess++) {
    assert_int_equal(hf_condition_compile(schema, text, 65536 + excess, NULL, &condition, &error),
                     HF_ERROR_TEXT_TOO_LONG);
    assert_null(condition);
    /* What is too much is at fault. */
    assert_int_equal(error.offset_bytes, 65536);
    assert_int_equal(error.length_bytes, excess);
    test_check_message(&error);
    assert_non_null(strstr(error.message, "65536"));
  }
  /* Length before tokens, UTF-8 before length. */
  text[3] = '@';
  assert_int_equal(hf_condition_compile(schema, text, 65537, NULL, &condition, &error),
                   HF_ERROR_TEXT_TOO_LONG);
  text[65536] = '\xFF';
  assert_int_equal(hf_condition_compile(schema, text, 65537, NULL, &condition, &error),
                   HF_ERROR_INVALID_UTF8);
  assert_int_equal(error.offset_bytes, 65536);
  hf_schema_release(schema);
}

static void the_text_limit_can_be_changed(void **state) {
  (void)state;
  hf_schema *schema = test_schema(typed);
  hf_condition_options options = hf_condition_options_default();
  const char *text = "cpu > 1";
  for (uint32_t limit = 0; limit <= 10; limit++) {
    options.max_text_bytes = limit;
    hf_condition *condition = NULL;
    hf_error error;
    hf_status status = hf_condition_compile(schema, text, 7, &options, &condition, &error);
    if (limit < 7) {
      assert_int_equal(status, HF_ERROR_TEXT_TOO_LONG);
      assert_int_equal(error.offset_bytes, limit);
      assert_int_equal(error.length_bytes, 7 - limit);
    } else {
      assert_int_equal(status, HF_OK);
      hf_condition_destroy(condition);
    }
    assert_int_equal(hf_condition_compile(schema, NULL, 0, &options, &condition, &error),
                     HF_ERROR_EXPECTED_VALUE);
  }
  hf_schema_release(schema);
}

static void the_largest_text_is_read(void **state) {
  (void)state;
  hf_condition_options options = hf_condition_options_default();
  options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  size_t most = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  char *text = malloc(most + 1);
  assert_non_null(text);
  memset(text, 'x', most + 1);
  memcpy(text, "severity == '", 13);
  text[most - 1] = '\'';
  hf_condition *condition = NULL;
  hf_error error;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, most, &options, &condition, &error), HF_OK);
  hf_context *context = test_context(hf_schema_classic(), "severity='x'");
  assert_false(test_evaluate(condition, context));
  assert_int_equal(hf_context_borrow_string(context, 0, text + 13, most - 14), HF_OK);
  assert_true(test_evaluate(condition, context));
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, most + 1, &options, &condition, &error),
      HF_ERROR_TEXT_TOO_LONG);
  assert_int_equal(error.offset_bytes, most);
  assert_int_equal(error.length_bytes, 1);
  free(text);
}

static void limits_out_of_range_are_refused(void **state) {
  (void)state;
  static const struct {
    uint32_t max_tokens;
    uint32_t max_text_bytes;
    bool admitted;
  } rows[] = {
      {0, 100, false},
      {1, 100, false},
      {2, 100, true},
      {HF_CONDITION_LIMIT_MAX_TOKENS, 100, true},
      {HF_CONDITION_LIMIT_MAX_TOKENS + 1, 100, false},
      {UINT32_MAX, 100, false},
      {50, HF_CONDITION_LIMIT_MAX_TEXT_BYTES, true},
      {50, HF_CONDITION_LIMIT_MAX_TEXT_BYTES + 1, false},
      {50, UINT32_MAX, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition_options options = {rows[i].max_tokens, rows[i].max_text_bytes, NULL};
    hf_condition *condition = NULL;
    hf_error error = test_untouched_error();
    hf_status status =
        hf_condition_compile(hf_schema_classic(), "always", 6, &options, &condition, &error);
    if (rows[i].admitted) {
      assert_int_equal(status, HF_OK);
      hf_condition_destroy(condition);
      continue;
    }
    assert_int_equal(status, HF_ERROR_INVALID_ARGUMENT);
    assert_null(condition);
    assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
    assert_int_equal(error.variable, HF_NO_VARIABLE);
    assert_int_equal(error.suggestion, HF_NO_VARIABLE);
    test_check_message(&error);
    /* The options are looked at before the text. */
    assert_int_equal(
        hf_condition_compile(hf_schema_classic(), "\xFF", 1, &options, &condition, NULL),
        HF_ERROR_INVALID_ARGUMENT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_fiftieth_token_is_the_end),
      cmocka_unit_test(the_token_limit_is_exact_for_every_token),
      cmocka_unit_test(the_token_limit_can_be_changed),
      cmocka_unit_test(the_largest_token_limit_is_reached),
      cmocka_unit_test(a_text_has_at_most_65536_bytes),
      cmocka_unit_test(the_text_limit_can_be_changed),
      cmocka_unit_test(the_largest_text_is_read),
      cmocka_unit_test(limits_out_of_range_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
