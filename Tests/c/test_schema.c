#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hf_test.h"
#include "schema.h"

/* Declares `name` after a sound variable, so that its index is 1. */
static hf_status declare(const char *name, hf_error *error) {
  const hf_variable variables[] = {{"first", HF_TYPE_NUMBER}, {name, HF_TYPE_ANY}};
  static char place;
  hf_schema *untouched = (hf_schema *)(void *)&place;
  hf_schema *schema = untouched;
  hf_status status = hf_schema_create(variables, 2, NULL, &schema, error);
  if (status == HF_OK) {
    assert_int_equal(hf_schema_count(schema), 2);
    hf_schema_release(schema);
  } else {
    assert_ptr_equal(schema, untouched);
  }
  return status;
}

static void names_that_are_identifiers_are_declared(void **state) {
  (void)state;
  static const char *const names[] = {
      "a",        "A",    "_",       "__",        "_1",      "x1",      "Severity", "cpu_percent",
      "ALL_CAPS", "a_",   "android", "order",     "andy",    "nor",     "oracle",   "and1",
      "or1",      "andx", "orx",     "always_on", "always1", "Alwaysx", "AND_x",    "Or_x",
      "OR_",      "And_", "xand_",   "_and_",     "not",     "true",    "null"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hf_error error;
    hf_status status = declare(names[i], &error);
    if (status != HF_OK) {
      test_fail("'%s' is refused: %s: %s\n", names[i], hf_status_name(status), error.message);
    }
  }
}

static void names_that_are_no_identifiers_are_refused(void **state) {
  (void)state;
  static const char *const names[] = {"",
                                      "1",
                                      "1a",
                                      "a b",
                                      " a",
                                      "a ",
                                      "a-b",
                                      "a.b",
                                      "$a",
                                      "s\xC3\xA9v\xC3\xA9rit\xC3\xA9",
                                      "\xE4\xB8\xA5",
                                      "a\n",
                                      "a\x7F",
                                      "\x80",
                                      "a\xFF",
                                      "'a'",
                                      "a(",
                                      "==",
                                      "@"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hf_error error = test_untouched_error();
    hf_status status = declare(names[i], &error);
    if (status != HF_ERROR_INVALID_NAME) {
      test_fail("'%s': %s\n", names[i], hf_status_name(status));
    }
    assert_int_equal(error.status, status);
    assert_int_equal(error.variable, 1);
    assert_int_equal(error.suggestion, HF_NO_VARIABLE);
    assert_true(strlen(error.message) > 0);
    assert_int_equal(declare(names[i], NULL), status);
  }
}

static void reserved_names_are_refused(void **state) {
  (void)state;
  static const char *const names[] = {"and",   "or",   "always", "And",    "aND",    "AND",  "Or",
                                      "oR",    "OR",   "Always", "ALWAYS", "alwayS", "and_", "or_",
                                      "and_x", "or_x", "and__",  "or_1",   "or_and_"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hf_error error = test_untouched_error();
    hf_status status = declare(names[i], &error);
    if (status != HF_ERROR_RESERVED_NAME) {
      test_fail("'%s': %s\n", names[i], hf_status_name(status));
    }
    assert_int_equal(error.status, status);
    assert_int_equal(error.variable, 1);
    assert_non_null(strstr(error.message, names[i]));
  }
}

/* What a schema accepts, a condition can say; what it reserves, no condition could have. */
static void every_declared_name_can_be_used(void **state) {
  (void)state;
  static const char *const names[] = {"android",   "order", "AND_x", "Or_x",
                                      "always_on", "_",     "and1"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    hf_schema *schema = test_schema(names[i]);
    char text[64];
    snprintf(text, sizeof text, "1 == 2 or %s == 1 and %s>0", names[i], names[i]);
    hf_condition *condition = test_compile(schema, text);
    assert_int_equal(hf_condition_variable_count(condition), 1);
    hf_condition_destroy(condition);
    hf_schema_release(schema);
  }
}

static void a_name_has_at_most_128_bytes(void **state) {
  (void)state;
  char name[HF_NAME_MAX_BYTES + 2];
  memset(name, 'n', sizeof name);
  name[HF_NAME_MAX_BYTES + 1] = '\0';
  hf_error error;
  assert_int_equal(HF_NAME_MAX_BYTES, 128);
  assert_int_equal(declare(name, &error), HF_ERROR_INVALID_NAME);
  assert_int_equal(error.variable, 1);
  name[HF_NAME_MAX_BYTES] = '\0';
  assert_int_equal(declare(name, &error), HF_OK);
}

/* The message has room for neither the name nor an overrun. */
static void a_huge_name_is_refused_politely(void **state) {
  (void)state;
  static char name[100001];
  memset(name, 'n', sizeof name - 1);
  hf_error error;
  assert_int_equal(declare(name, &error), HF_ERROR_INVALID_NAME);
  assert_non_null(memchr(error.message, '\0', sizeof error.message));
}

/* Behind the one byte that is too many lies a page that nobody may read. */
static void a_name_without_its_end_is_not_read_beyond_129_bytes(void **state) {
  (void)state;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED);
  assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
  char *name = pages + page - (HF_NAME_MAX_BYTES + 1);
  memset(name, 'n', HF_NAME_MAX_BYTES + 1);
  hf_error error;
  assert_int_equal(declare(name, &error), HF_ERROR_INVALID_NAME);
  assert_non_null(strstr(error.message, "128 bytes"));
  /* With an end there it is as long as a name may be. */
  name[HF_NAME_MAX_BYTES] = '\0';
  assert_int_equal(declare(name, &error), HF_OK);
  assert_int_equal(munmap(pages, 2 * page), 0);
}

static void duplicates_are_refused_at_the_second(void **state) {
  (void)state;
  const hf_variable variables[] = {{"b", HF_TYPE_ANY},    {"a", HF_TYPE_NUMBER},
                                   {"c", HF_TYPE_ANY},    {"a", HF_TYPE_STRING},
                                   {"b", HF_TYPE_NUMBER}, {"a", HF_TYPE_ANY}};
  hf_schema *schema = NULL;
  hf_error error;
  assert_int_equal(hf_schema_create(variables, 6, NULL, &schema, &error), HF_ERROR_DUPLICATE_NAME);
  assert_null(schema);
  assert_int_equal(error.status, HF_ERROR_DUPLICATE_NAME);
  assert_int_equal(error.variable, 3);
  assert_non_null(strstr(error.message, "'a'"));
  assert_int_equal(hf_schema_create(variables, 3, NULL, &schema, &error), HF_OK);
  hf_schema_release(schema);
}

static void letter_case_makes_another_name(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a A");
  assert_int_equal(hf_schema_find(schema, "a", 1), 0);
  assert_int_equal(hf_schema_find(schema, "A", 1), 1);
  hf_schema_release(schema);
}

static void the_first_faulty_declaration_is_reported(void **state) {
  (void)state;
  const hf_variable variables[] = {
      {"good", HF_TYPE_ANY}, {"good", HF_TYPE_ANY}, {"or", HF_TYPE_ANY}, {"1", HF_TYPE_ANY}};
  hf_schema *schema = NULL;
  hf_error error;
  assert_int_equal(hf_schema_create(variables, 4, NULL, &schema, &error), HF_ERROR_DUPLICATE_NAME);
  assert_int_equal(error.variable, 1);
  const hf_variable others[] = {
      {"good", HF_TYPE_ANY}, {"or", HF_TYPE_ANY}, {"good", HF_TYPE_ANY}, {"1", HF_TYPE_ANY}};
  assert_int_equal(hf_schema_create(others, 4, NULL, &schema, &error), HF_ERROR_RESERVED_NAME);
  assert_int_equal(error.variable, 1);
}

static void a_type_that_is_none_is_refused(void **state) {
  (void)state;
  const int bad[] = {-1, 4, 1000};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    hf_variable variables[] = {{"a", HF_TYPE_ANY}, {"b", HF_TYPE_ANY}};
    /* Through memory, as a caller in another language might. */
    memcpy(&variables[1].type, &bad[i], sizeof variables[1].type);
    hf_schema *schema = NULL;
    hf_error error;
    assert_int_equal(hf_schema_create(variables, 2, NULL, &schema, &error),
                     HF_ERROR_INVALID_ARGUMENT);
    assert_null(schema);
    assert_int_equal(error.variable, 1);
  }
}

static hf_variable *numbered_variables(size_t count, char (*names)[24]) {
  hf_variable *variables = calloc(count, sizeof *variables);
  assert_non_null(variables);
  for (size_t i = 0; i < count; i++) {
    snprintf(names[i], sizeof names[i], "v%zu", i);
    variables[i].name = names[i];
    variables[i].type = (hf_type)(i % 4);
  }
  return variables;
}

static void a_schema_has_0_to_4096_variables(void **state) {
  (void)state;
  static char names[HF_SCHEMA_MAX_VARIABLES + 1][24];
  hf_variable *variables = numbered_variables(HF_SCHEMA_MAX_VARIABLES + 1, names);
  const size_t sizes[] = {0, 1, 2, 3, 255, 256, 257, 4095, 4096};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    size_t count = sizes[s];
    hf_schema *schema = NULL;
    assert_int_equal(hf_schema_create(variables, count, NULL, &schema, NULL), HF_OK);
    assert_int_equal(hf_schema_count(schema), count);
    for (size_t i = 0; i <= HF_SCHEMA_MAX_VARIABLES; i++) {
      uint32_t found = hf_schema_find(schema, names[i], strlen(names[i]));
      assert_int_equal(found, i < count ? (uint32_t)i : HF_NO_VARIABLE);
      hf_variable variable = hf_schema_variable(schema, (uint32_t)i);
      if (i < count) {
        assert_string_equal(variable.name, names[i]);
        assert_true(variable.name != names[i]);
        assert_int_equal(variable.type, i % 4);
      } else {
        assert_null(variable.name);
        assert_int_equal(variable.type, HF_TYPE_ANY);
      }
    }
    hf_schema_release(schema);
  }
  hf_schema *schema = NULL;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_schema_create(variables, HF_SCHEMA_MAX_VARIABLES + 1, NULL, &schema, &error),
                   HF_ERROR_TOO_MANY_VARIABLES);
  assert_null(schema);
  assert_int_equal(error.status, HF_ERROR_TOO_MANY_VARIABLES);
  assert_int_equal(hf_schema_create(variables, SIZE_MAX, NULL, &schema, NULL),
                   HF_ERROR_TOO_MANY_VARIABLES);
  free(variables);
}

static void no_variables_need_no_array(void **state) {
  (void)state;
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(NULL, 0, NULL, &schema, NULL), HF_OK);
  assert_int_equal(hf_schema_count(schema), 0);
  assert_int_equal(hf_schema_find(schema, "a", 1), HF_NO_VARIABLE);
  assert_null(hf_schema_variable(schema, 0).name);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  hf_condition *condition = test_compile(schema, "always");
  assert_true(test_evaluate(condition, context));
  hf_condition_destroy(condition);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void names_are_copied(void **state) {
  (void)state;
  char name[] = "volatile_name";
  const hf_variable variables[] = {{name, HF_TYPE_NUMBER}};
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, 1, NULL, &schema, NULL), HF_OK);
  memset(name, 'x', sizeof name - 1);
  assert_string_equal(hf_schema_variable(schema, 0).name, "volatile_name");
  assert_int_equal(hf_schema_find(schema, "volatile_name", 13), 0);
  hf_schema_release(schema);
}

static void find_takes_the_whole_name(void **state) {
  (void)state;
  hf_schema *schema = test_schema("step steps ste z");
  assert_int_equal(hf_schema_find(schema, "step", 4), 0);
  assert_int_equal(hf_schema_find(schema, "steps", 5), 1);
  assert_int_equal(hf_schema_find(schema, "steps", 4), 0);
  assert_int_equal(hf_schema_find(schema, "steps", 3), 2);
  assert_int_equal(hf_schema_find(schema, "step\0x", 6), HF_NO_VARIABLE);
  assert_int_equal(hf_schema_find(schema, "Step", 4), HF_NO_VARIABLE);
  assert_int_equal(hf_schema_find(schema, "", 0), HF_NO_VARIABLE);
  assert_int_equal(hf_schema_find(schema, "st", 2), HF_NO_VARIABLE);
  assert_int_equal(hf_schema_find(schema, "zz", 2), HF_NO_VARIABLE);
  assert_null(hf_schema_variable(schema, 4).name);
  assert_null(hf_schema_variable(schema, HF_NO_VARIABLE).name);
  hf_schema_release(schema);
}

static void equal_schemas_have_the_same_declarations_in_order(void **state) {
  (void)state;
  static const struct {
    const char *a;
    const char *b;
    bool equal;
  } pairs[] = {
      {"", "", true},
      {"a", "a", true},
      {"a", "", false},
      {"a", "b", false},
      {"a b", "b a", false},
      {"a b", "a", false},
      {"a:number", "a", false},
      {"a:number", "a:number", true},
      {"a:number", "a:boolean", false},
      {"a:string b:boolean", "a:string b:boolean", true},
      {"ab c", "a bc", false},
      {"severity recurrence_count confidence step duration",
       "severity recurrence_count confidence step duration", true},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    hf_schema *a = test_schema(pairs[i].a);
    hf_schema *b = test_schema(pairs[i].b);
    assert_int_equal(hf_schema_equal(a, b), pairs[i].equal);
    assert_int_equal(hf_schema_equal(b, a), pairs[i].equal);
    assert_true(hf_schema_equal(a, a));
    hf_schema_release(a);
    hf_schema_release(b);
  }
}

static void the_classic_schema_is_ready(void **state) {
  (void)state;
  static const char *const names[] = {"severity", "recurrence_count", "confidence", "step",
                                      "duration"};
  const hf_schema *classic = hf_schema_classic();
  assert_ptr_equal(classic, hf_schema_classic());
  assert_int_equal(hf_schema_count(classic), 5);
  for (uint32_t i = 0; i < 5; i++) {
    hf_variable variable = hf_schema_variable(classic, i);
    assert_string_equal(variable.name, names[i]);
    assert_int_equal(variable.type, HF_TYPE_ANY);
    assert_int_equal(hf_schema_find(classic, names[i], strlen(names[i])), i);
  }
  hf_schema *same = test_schema("severity recurrence_count confidence step duration");
  assert_true(hf_schema_equal(classic, same));
  /* It is a literal there, and computed here. */
  assert_int_equal(classic->digest, same->digest);
  hf_schema_release(same);
}

static void the_classic_schema_outlives_every_release(void **state) {
  (void)state;
  const hf_schema *classic = hf_schema_classic();
  assert_ptr_equal(hf_schema_retain(classic), classic);
  for (int i = 0; i < 10; i++) {
    hf_schema_release(classic);
  }
  assert_int_equal(hf_schema_count(hf_schema_classic()), 5);
}

static void conditions_and_contexts_keep_their_schema(void **state) {
  (void)state;
  hf_schema *schema = test_schema("cpu:number");
  hf_condition *condition = test_compile(schema, "cpu > 1");
  hf_context *context = test_context(schema, "cpu=2");
  assert_ptr_equal(hf_condition_schema(condition), schema);
  assert_ptr_equal(hf_context_schema(context), schema);
  hf_schema_release(schema);
  assert_true(test_evaluate(condition, context));
  assert_string_equal(hf_schema_variable(hf_condition_schema(condition), 0).name, "cpu");
  hf_condition_destroy(condition);
  assert_string_equal(hf_schema_variable(hf_context_schema(context), 0).name, "cpu");
  hf_context_destroy(context);
}

static void nothing_may_be_released(void **state) {
  (void)state;
  hf_schema_release(NULL);
  hf_context_destroy(NULL);
  hf_condition_destroy(NULL);
}

static void enumerations_have_names(void **state) {
  (void)state;
  assert_string_equal(hf_type_name(HF_TYPE_ANY), "any");
  assert_string_equal(hf_type_name(HF_TYPE_NUMBER), "number");
  assert_string_equal(hf_type_name(HF_TYPE_STRING), "string");
  assert_string_equal(hf_type_name(HF_TYPE_BOOLEAN), "boolean");
  assert_string_equal(hf_kind_name(HF_KIND_MISSING), "missing");
  assert_string_equal(hf_kind_name(HF_KIND_NULL), "null");
  assert_string_equal(hf_kind_name(HF_KIND_CONTAINER), "container");
  assert_string_equal(hf_kind_name(HF_KIND_INVALID), "invalid");
  assert_string_equal(hf_kind_name(HF_KIND_STRING), "string");
  assert_string_equal(hf_kind_name(HF_KIND_NUMBER), "number");
  assert_string_equal(hf_kind_name(HF_KIND_BOOLEAN), "boolean");
  int outside = 99;
  hf_type type;
  memcpy(&type, &outside, sizeof type);
  assert_string_equal(hf_type_name(type), "unknown");
}

static void every_status_has_its_name_and_number(void **state) {
  (void)state;
  static const struct {
    hf_status status;
    int value;
    const char *name;
  } rows[] = {
      {HF_OK, 0, "ok"},
      {HF_ERROR_INVALID_ARGUMENT, -1, "invalid_argument"},
      {HF_ERROR_OUT_OF_MEMORY, -2, "out_of_memory"},
      {HF_ERROR_INVALID_NAME, -10, "invalid_name"},
      {HF_ERROR_RESERVED_NAME, -11, "reserved_name"},
      {HF_ERROR_DUPLICATE_NAME, -12, "duplicate_name"},
      {HF_ERROR_TOO_MANY_VARIABLES, -13, "too_many_variables"},
      {HF_ERROR_INVALID_UTF8, -20, "invalid_utf8"},
      {HF_ERROR_TEXT_TOO_LONG, -21, "text_too_long"},
      {HF_ERROR_TOO_COMPLEX, -22, "too_complex"},
      {HF_ERROR_UNEXPECTED_CHARACTER, -23, "unexpected_character"},
      {HF_ERROR_UNTERMINATED_STRING, -24, "unterminated_string"},
      {HF_ERROR_INVALID_OPERATOR, -25, "invalid_operator"},
      {HF_ERROR_BAD_NUMBER, -26, "bad_number"},
      {HF_ERROR_VARIABLE_NOT_ALLOWED, -27, "variable_not_allowed"},
      {HF_ERROR_EXPECTED_VALUE, -28, "expected_value"},
      {HF_ERROR_EXPECTED_OPERATOR, -29, "expected_operator"},
      {HF_ERROR_EXPECTED_RPAREN, -30, "expected_rparen"},
      {HF_ERROR_UNEXPECTED_TOKEN, -31, "unexpected_token"},
      {HF_ERROR_MISSING_VARIABLE, -40, "missing_variable"},
      {HF_ERROR_TYPE_MISMATCH, -41, "type_mismatch"},
      {HF_ERROR_SCHEMA_MISMATCH, -42, "schema_mismatch"},
      {HF_ERROR_BAD_IMAGE, -50, "bad_image"},
      {HF_ERROR_IO, -51, "io"},
      {HF_ERROR_CIRCUIT_OPEN, -60, "circuit_open"},
      {HF_ERROR_REGISTRY_FULL, -61, "registry_full"},
      {HF_ERROR_TIMED_OUT, -62, "timed_out"},
      {HF_ERROR_RATE_LIMITED, -63, "rate_limited"},
      {HF_ERROR_BULKHEAD_FULL, -64, "bulkhead_full"},
      {HF_ERROR_RETRIES_EXHAUSTED, -65, "retries_exhausted"},
      {HF_ERROR_TOO_LARGE, -70, "too_large"},
      {HF_ERROR_LOAD_CANCELLED, -71, "load_cancelled"},
  };
  size_t known = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(rows[i].status, rows[i].value);
    assert_string_equal(hf_status_name(rows[i].status), rows[i].name);
  }
  for (int value = -100; value <= 100; value++) {
    known += strcmp(hf_status_name((hf_status)value), "unknown") != 0;
  }
  assert_int_equal(known, sizeof rows / sizeof rows[0]);
}

static void the_version_is_that_of_the_header(void **state) {
  (void)state;
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", HF_VERSION_MAJOR, HF_VERSION_MINOR,
           HF_VERSION_PATCH);
  assert_string_equal(HF_VERSION_STRING, version);
  assert_string_equal(hf_version(), version);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_that_are_identifiers_are_declared),
      cmocka_unit_test(names_that_are_no_identifiers_are_refused),
      cmocka_unit_test(reserved_names_are_refused),
      cmocka_unit_test(every_declared_name_can_be_used),
      cmocka_unit_test(a_name_has_at_most_128_bytes),
      cmocka_unit_test(a_huge_name_is_refused_politely),
      cmocka_unit_test(a_name_without_its_end_is_not_read_beyond_129_bytes),
      cmocka_unit_test(duplicates_are_refused_at_the_second),
      cmocka_unit_test(letter_case_makes_another_name),
      cmocka_unit_test(the_first_faulty_declaration_is_reported),
      cmocka_unit_test(a_type_that_is_none_is_refused),
      cmocka_unit_test(a_schema_has_0_to_4096_variables),
      cmocka_unit_test(no_variables_need_no_array),
      cmocka_unit_test(names_are_copied),
      cmocka_unit_test(find_takes_the_whole_name),
      cmocka_unit_test(equal_schemas_have_the_same_declarations_in_order),
      cmocka_unit_test(the_classic_schema_is_ready),
      cmocka_unit_test(the_classic_schema_outlives_every_release),
      cmocka_unit_test(conditions_and_contexts_keep_their_schema),
      cmocka_unit_test(nothing_may_be_released),
      cmocka_unit_test(enumerations_have_names),
      cmocka_unit_test(every_status_has_its_name_and_number),
      cmocka_unit_test(the_version_is_that_of_the_header),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
