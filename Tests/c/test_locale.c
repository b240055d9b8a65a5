/* Numbers read and write the same whatever the program's locale writes for a decimal point. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

/* Takes on a locale with a decimal comma; NULL when this machine has none. */
static const char *choose_comma_locale(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8",
                                      "es_ES.UTF-8", "es_ES.utf8", "it_IT.UTF-8", "pl_PL.UTF-8",
                                      "ru_RU.UTF-8", "de_DE",      "fr_FR"};
  const char *asked = getenv("HF_TEST_COMMA_LOCALE");
  if (asked != NULL && setlocale(LC_ALL, asked) != NULL &&
      strcmp(localeconv()->decimal_point, ",") == 0) {
    return asked;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (setlocale(LC_ALL, names[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0) {
      return names[i];
    }
  }
  setlocale(LC_ALL, "C");
  return NULL;
}

static void numbers_ignore_the_locale(void **state) {
  (void)state;
  const char *name = choose_comma_locale();
  if (name == NULL) {
    printf("skipped: test_locale: no locale with a decimal comma is installed\n");
    skip();
  }
  printf("locale: %s\n", name);
  hf_schema *schema = test_schema("v");
  hf_context *context = test_context(schema, "");
  assert_int_equal(hf_context_set_number(context, 0, 0.1), HF_OK);
  hf_condition *condition = test_compile(schema, "v == 0.10 and v < 1.5 and v > .05");
  assert_true(test_evaluate(condition, context));
  char canonical[64];
  hf_condition_canonical(condition, canonical, sizeof canonical);
  assert_string_equal(canonical, "v == 0.1 and v < 1.5 and v > 0.05");
  hf_condition_destroy(condition);

  /* More digits than a fast path takes. */
  condition =
      test_compile(schema, "v == 0.1000000000000000055511151231257827021181583404541015625");
  assert_true(test_evaluate(condition, context));
  hf_condition_destroy(condition);

  condition = NULL;
  hf_error error;
  assert_int_equal(hf_condition_compile(schema, "v == 0,1", 8, NULL, &condition, &error),
                   HF_ERROR_UNEXPECTED_CHARACTER);
  assert_int_equal(error.offset_bytes, 6);

  /* The messages, too, write numbers with a point. */
  const char *mismatch = "v > 0.25";
  condition = test_compile(schema, mismatch);
  assert_int_equal(hf_context_set_string(context, 0, "x", 1), HF_OK);
  bool held = false;
  assert_int_equal(hf_condition_evaluate(condition, context, &held, &error),
                   HF_ERROR_TYPE_MISMATCH);
  assert_null(strstr(error.message, "0,25"));
  hf_condition_destroy(condition);
  hf_context_destroy(context);
  hf_schema_release(schema);
  setlocale(LC_ALL, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_ignore_the_locale)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
