#include "hf_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static hf_type type_named(const char *name, size_t length) {
  for (int type = HF_TYPE_ANY; type <= HF_TYPE_BOOLEAN; type++) {
    const char *candidate = hf_type_name((hf_type)type);
    if (strlen(candidate) == length && memcmp(candidate, name, length) == 0) {
      return (hf_type)type;
    }
  }
  test_fail("no type is named '%.*s'\n", (int)length, name);
  return HF_TYPE_ANY;
}

hf_schema *test_schema(const char *declarations) {
  hf_variable variables[32];
  char names[32][HF_NAME_MAX_BYTES + 1];
  size_t count = 0;
  const char *at = declarations;
  while (*at != '\0') {
    size_t word = strcspn(at, " ");
    size_t name = strcspn(at, " :");
    assert_true(count < 32 && name <= HF_NAME_MAX_BYTES);
    memcpy(names[count], at, name);
    names[count][name] = '\0';
    variables[count].name = names[count];
    variables[count].type = name == word ? HF_TYPE_ANY : type_named(at + name + 1, word - name - 1);
    count++;
    at += word;
    at += strspn(at, " ");
  }
  hf_schema *schema = NULL;
  hf_error error;
  if (hf_schema_create(variables, count, NULL, &schema, &error) != HF_OK) {
    test_fail("schema '%s': %s\n", declarations, error.message);
  }
  return schema;
}

hf_condition *test_compile(const hf_schema *schema, const char *text) {
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
  hf_condition *condition = NULL;
  hf_error error;
  if (hf_condition_compile(schema, text, strlen(text), &options, &condition, &error) != HF_OK) {
    char report[HF_ERROR_REPORT_BYTES];
    hf_error_format(&error, text, strlen(text), report, sizeof report);
    test_fail("%s", report);
  }
  return condition;
}

void test_set(hf_context *context, uint32_t index, const char *value) {
  size_t length = strlen(value);
  hf_status status = HF_OK;
  if (strcmp(value, "?") == 0) {
    status = hf_context_unset(context, index);
  } else if (strcmp(value, "!") == 0) {
    status = hf_context_set_invalid(context, index);
  } else if (strcmp(value, "null") == 0) {
    status = hf_context_set_null(context, index);
  } else if (strcmp(value, "[]") == 0) {
    status = hf_context_set_container(context, index);
  } else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
    status = hf_context_set_boolean(context, index, value[0] == 't');
  } else if (value[0] == '\'') {
    assert_true(length >= 2 && value[length - 1] == '\'');
    status = hf_context_set_string(context, index, value + 1, length - 2);
  } else {
    char *end = NULL;
    double number = strtod(value, &end);
    assert_true(end != value && *end == '\0');
    status = hf_context_set_number(context, index, number);
  }
  if (status != HF_OK) {
    test_fail("cannot set variable %" PRIu32 " to %s: %s\n", index, value, hf_status_name(status));
  }
}

hf_context *test_context(const hf_schema *schema, const char *assignments) {
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  const char *at = assignments;
  while (*at != '\0') {
    size_t name = strcspn(at, "=");
    uint32_t index = hf_schema_find(schema, at, name);
    if (at[name] != '=' || index == HF_NO_VARIABLE) {
      test_fail("bad assignment '%s'\n", at);
    }
    at += name + 1;
    const char *end = *at == '\'' ? strchr(at + 1, '\'') + 1 : at + strcspn(at, " ");
    char value[256];
    assert_true((size_t)(end - at) < sizeof value);
    memcpy(value, at, (size_t)(end - at));
    value[end - at] = '\0';
    test_set(context, index, value);
    at = end + strspn(end, " ");
  }
  return context;
}

bool test_evaluate(const hf_condition *condition, const hf_context *context) {
  bool held = false;
  hf_error error;
  if (hf_condition_evaluate(condition, context, &held, &error) != HF_OK) {
    size_t length = 0;
    const char *text = hf_condition_text(condition, &length);
    char report[HF_ERROR_REPORT_BYTES];
    hf_error_format(&error, text, length, report, sizeof report);
    test_fail("%s", report);
  }
  return held;
}

hf_error test_untouched_error(void) {
  hf_error error;
  memset(&error, 0x5a, sizeof error);
  return error;
}

void test_check_message(const hf_error *error) {
  const char *end = memchr(error->message, '\0', sizeof error->message);
  assert_non_null(end);
  size_t length = (size_t)(end - error->message);
  assert_true(length > 0);
  if (hf__utf8_valid_prefix(error->message, length) != length) {
    test_fail("the message is not UTF-8: %s\n", error->message);
  }
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)error->message[i];
    if (c < 0x20 || c == 0x7F) {
      test_fail("the message holds the control character 0x%02X: %s\n", (unsigned)c,
                error->message);
    }
  }
  assert_true(error->message[length - 1] != '.' || error->message[length - 2] == '.');
  assert_null(strstr(error->message, hf_status_name(error->status)));
}

test_random test_random_start(const char *what) {
  uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
  const char *asked = getenv("HF_TEST_SEED");
  if (asked != NULL) {
    seed = strtoull(asked, NULL, 0);
  }
  printf("%s: seed 0x%" PRIx64 "\n", what, seed);
  return (test_random){seed};
}

uint64_t test_random_next(test_random *random) {
  random->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = random->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

uint32_t test_random_below(test_random *random, uint32_t bound) {
  return (uint32_t)(test_random_next(random) % bound);
}
