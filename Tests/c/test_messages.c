/* What messages say, word for word. */
#include <stdio.h>
#include <string.h>

#include "hf_test.h"

/* The message of a text that does not compile. */
static hf_error refuse(const hf_schema *schema, const char *text, size_t length) {
  hf_condition *condition = NULL;
  hf_error error = test_untouched_error();
  if (hf_condition_compile(schema, text, length, NULL, &condition, &error) == HF_OK) {
    hf_condition_destroy(condition);
    test_fail("%s\n  compiles\n", text);
  }
  test_check_message(&error);
  return error;
}

static void a_fault_of_the_text_is_put_into_words(void **state) {
  (void)state;
  static const struct {
    const char *declared;
    const char *text;
    const char *message;
  } rows[] = {
      /* Names. */
      {"", "zzz > 1", "unknown variable 'zzz'; the schema declares none"},
      {"", "not > 1",
       "unknown variable 'not'; there is no 'not': use != or the opposite comparison"},
      {"cpu", "zzz > 1", "unknown variable 'zzz'; declared: cpu"},
      {"cpu region on", "zzz > 1", "unknown variable 'zzz'; declared: cpu, region, on"},
      {"cpu", "cpx > 1", "unknown variable 'cpx'; did you mean 'cpu'?"},
      /* A declared name that is near is likelier than a habit from another language. */
      {"note", "not > 1", "unknown variable 'not'; did you mean 'note'?"},
      {"True", "true == 1", "unknown variable 'true'; did you mean 'True'?"},
      {"cpu nulls", "cpu == null", "unknown variable 'null'; did you mean 'nulls'?"},
      {"cpu", "cpu > 1 AND cpu < 2",
       "unknown variable 'AND'; the operator is written 'and', in lower case"},
      {"cpu", "cpu > 1 OR cpu < 2",
       "unknown variable 'OR'; the operator is written 'or', in lower case"},
      {"cpu", "NOT cpu > 1",
       "unknown variable 'NOT'; there is no 'not': use != or the opposite comparison"},
      {"cpu", "cpu == True", "unknown variable 'True'; there is no word for true: compare with 1"},
      {"cpu", "cpu == false",
       "unknown variable 'false'; there is no word for false: compare with 0"},
      {"cpu", "cpu == null", "unknown variable 'null'; null cannot be written"},
      {"cpu", "cpu > 1 and always", "unknown variable 'always'; 'always' must stand alone"},
      /* Characters. */
      {"cpu", "cpu > -1",
       "unexpected character '-'; numbers have no sign, and there is no arithmetic"},
      {"cpu", "cpu > +1",
       "unexpected character '+'; numbers have no sign, and there is no arithmetic"},
      {"cpu", "cpu * 2", "unexpected character '*'; there is no arithmetic"},
      {"cpu", "cpu / 2", "unexpected character '/'; there is no arithmetic"},
      {"cpu", "cpu % 2", "unexpected character '%'; there is no arithmetic"},
      {"cpu", "cpu > 1 && cpu < 2", "unexpected character '&'; write 'and'"},
      {"cpu", "cpu > 1 || cpu < 2", "unexpected character '|'; write 'or'"},
      {"cpu", "cpu.real", "unexpected character '.'; a point belongs to a number, such as 0.5"},
      {"cpu", "[", "unexpected character '['; group with ( and )"},
      {"cpu", "]", "unexpected character ']'; group with ( and )"},
      {"cpu", "{", "unexpected character '{'; group with ( and )"},
      {"cpu", "}", "unexpected character '}'; group with ( and )"},
      {"cpu", "@",
       "unexpected character '@'; expected a number, a quoted string, a variable, an operator or "
       "a parenthesis"},
      {"cpu", "cpu == \xE2\x80\x98",
       "unexpected character '\xE2\x80\x98' (U+2018); write straight quotes, ' or \""},
      {"cpu", "cpu == \xE2\x80\x99",
       "unexpected character '\xE2\x80\x99' (U+2019); write straight quotes, ' or \""},
      {"cpu", "cpu == \xE2\x80\x9C",
       "unexpected character '\xE2\x80\x9C' (U+201C); write straight quotes, ' or \""},
      {"cpu", "cpu == \xE2\x80\x9D",
       "unexpected character '\xE2\x80\x9D' (U+201D); write straight quotes, ' or \""},
      {"cpu", "cpu \xE2\x89\xA0 1", "unexpected character '\xE2\x89\xA0' (U+2260); write !="},
      {"cpu", "cpu \xE2\x89\xA4 1", "unexpected character '\xE2\x89\xA4' (U+2264); write <="},
      {"cpu", "cpu \xE2\x89\xA5 1", "unexpected character '\xE2\x89\xA5' (U+2265); write >="},
      {"cpu", "cpu\xC3\xA9",
       "unexpected character '\xC3\xA9' (U+00E9); outside quoted strings a condition is ASCII"},
      /* One that nobody sees is a space, and its number tells. */
      {"cpu", "cpu\xE2\x80\x8B",
       "unexpected character ' ' (U+200B); outside quoted strings a condition is ASCII"},
      {"cpu", "cpu\x1B", "unexpected control character 0x1B"},
      {"cpu", "cpu\x7F", "unexpected control character 0x7F"},
      /* Tokens. */
      {"cpu", "cpu = 1", "'=' is no operator; use >=, <=, >, <, == or !="},
      {"cpu", "cpu ! 1", "'!' is no operator; use >=, <=, >, <, == or !="},
      {"cpu", "cpu == 'a", "the string has no closing '"},
      {"cpu", "cpu == \"a", "the string has no closing \""},
      {"cpu", "",
       "expected a number, a quoted string, a variable or '(', found the end of the "
       "condition"},
      {"cpu", "cpu > )", "expected a number, a quoted string or a variable, found ')'"},
      {"cpu", "cpu 'a'", "expected one of >=, <=, >, <, == and !=, found 'a'"},
      {"cpu", "cpu \"a\"", "expected one of >=, <=, >, <, == and !=, found \"a\""},
      {"cpu", "cpu 'a\nb\t'", "expected one of >=, <=, >, <, == and !=, found 'a b '"},
      {"cpu", "(cpu > 1", "expected ')', 'and' or 'or', found the end of the condition"},
      {"cpu", "cpu > 1 2", "expected 'and', 'or' or the end of the condition, found '2'"},
      /* Types. */
      {"cpu:number", "cpu > 'a'",
       "variable 'cpu' is declared as number, which has no order with a string"},
      {"cpu:number region:string", "region < cpu",
       "variable 'region' is declared as string, which has no order with a number"},
      {"on:boolean", "'a' >= on",
       "variable 'on' is declared as boolean, which has no order with a string"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_schema *schema = test_schema(rows[i].declared);
    hf_error error = refuse(schema, rows[i].text, strlen(rows[i].text));
    if (strcmp(error.message, rows[i].message) != 0) {
      test_fail("%s\n  got        %s\n  instead of %s\n", rows[i].text, error.message,
                rows[i].message);
    }
    hf_schema_release(schema);
  }
}

static void a_failure_of_evaluation_is_put_into_words(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *context;
    const char *message;
  } rows[] = {
      {"cpu > 1", "", "variable 'cpu' has no value"},
      {"1 < 'a'", "", "a number and a string have no order"},
      {"'a' < 1", "", "a string and a number have no order"},
      {"other < 1", "other='a'", "variable 'other' is a string, which has no order with a number"},
      {"'a' < other", "other=1", "variable 'other' is a number, which has no order with a string"},
      {"other < 'a'", "other=true",
       "variable 'other' is a boolean, which has no order with a string"},
      {"other < 1", "other=null", "variable 'other' is null, which has no order with a number"},
      {"other < 1", "other=[]",
       "variable 'other' is a container, which has no order with a number"},
      {"other < more", "other=1 more='a'",
       "variable 'other' is a number, which has no order with a string"},
      {"cpu == 1", "cpu=!",
       "variable 'cpu' is declared as number, but its value is of another type"},
      {"on == cpu", "cpu=! on=!",
       "variable 'on' is declared as boolean, but its value is of another type"},
      {"other == cpu", "cpu=! other='a'",
       "variable 'cpu' is declared as number, but its value is of another type"},
  };
  hf_schema *schema = test_schema("cpu:number on:boolean other more");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    hf_context *context = test_context(schema, rows[i].context);
    bool held = false;
    hf_error error;
    assert_int_not_equal(hf_condition_evaluate(condition, context, &held, &error), HF_OK);
    test_check_message(&error);
    if (strcmp(error.message, rows[i].message) != 0) {
      test_fail("%s with %s\n  got        %s\n  instead of %s\n", rows[i].text, rows[i].context,
                error.message, rows[i].message);
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* 40 bytes are quoted whole; of 41, and of a character across them, what fits, with dots. */
static void what_is_quoted_has_at_most_40_bytes(void **state) {
  (void)state;
#define TEN "xxxxxxxxxx"
#define THIRTY_SIX TEN TEN TEN "xxxxxx"
  static const struct {
    const char *text;
    const char *message;
  } rows[] = {
      {TEN TEN TEN TEN, "unknown variable '" TEN TEN TEN TEN "'; declared: cpu"},
      {TEN TEN TEN TEN "y", "unknown variable '" TEN TEN TEN TEN "...'; declared: cpu"},
      {"cpu 1" TEN TEN TEN "000000000",
       "unknown variable '" TEN TEN TEN "000000000'; declared: cpu"},
      {"cpu '" THIRTY_SIX "yz'",
       "expected one of >=, <=, >, <, == and !=, found '" THIRTY_SIX "yz'"},
      {"cpu '" THIRTY_SIX "yzz'",
       "expected one of >=, <=, >, <, == and !=, found '" THIRTY_SIX "yzz..."},
      {"cpu '" THIRTY_SIX "\xC3\xA9'",
       "expected one of >=, <=, >, <, == and !=, found '" THIRTY_SIX "\xC3\xA9'"},
      {"cpu '" THIRTY_SIX "yy\xC3\xA9'",
       "expected one of >=, <=, >, <, == and !=, found '" THIRTY_SIX "yy..."},
      {"cpu '" THIRTY_SIX "\xF0\x9F\x94\xA5'",
       "expected one of >=, <=, >, <, == and !=, found '" THIRTY_SIX "..."},
      {"cpu 1111111111222222222233333333334444444444",
       "expected one of >=, <=, >, <, == and !=, found "
       "'1111111111222222222233333333334444444444'"},
      {"cpu 11111111112222222222333333333344444444445",
       "expected one of >=, <=, >, <, == and !=, found "
       "'1111111111222222222233333333334444444444...'"},
  };
#undef THIRTY_SIX
#undef TEN
  hf_schema *schema = test_schema("cpu");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_error error = refuse(schema, rows[i].text, strlen(rows[i].text));
    if (strcmp(error.message, rows[i].message) != 0) {
      test_fail("%s\n  got        %s\n  instead of %s\n", rows[i].text, error.message,
                rows[i].message);
    }
  }
  hf_schema_release(schema);
}

static void a_nul_that_is_quoted_does_not_end_the_message(void **state) {
  (void)state;
  hf_schema *schema = test_schema("cpu");
  hf_error error = refuse(schema, "cpu 'a\0b'", 9);
  assert_string_equal(error.message, "expected one of >=, <=, >, <, == and !=, found 'a b'");
  hf_schema_release(schema);
}

/* A list of declared names holds names only, in order, and dots where some are left out. */
static void check_list(const char *list, const hf_schema *schema) {
  size_t count = hf_schema_count(schema);
  size_t listed = 0;
  const char *at = list;
  for (;;) {
    size_t length = strcspn(at, ",");
    if (length == 3 && memcmp(at, "...", 3) == 0) {
      break;
    }
    uint32_t index = hf_schema_find(schema, at, length);
    if (index != listed) {
      test_fail("'%.*s' is no name in its place: %s\n", (int)length, at, list);
    }
    listed++;
    at += length;
    if (*at == '\0') {
      break;
    }
    assert_memory_equal(at, ", ", 2);
    at += 2;
  }
  assert_true(listed > 0);
  bool ends_in_dots = strcmp(at, "...") == 0;
  if (ends_in_dots != (listed < count)) {
    test_fail("%zu names of %zu: %s\n", listed, count, list);
  }
}

static void a_list_of_names_is_cut_between_names(void **state) {
  (void)state;
  enum { MOST = 64 };
  /* As much of it as is quoted, so that the list has the least room. */
  char text[64];
  memset(text, 'q', 41);
  text[41] = '\0';
  static const char lead[] = "...'; declared: ";
  for (size_t letters = 2; letters <= HF_NAME_MAX_BYTES; letters++) {
    char names[MOST][HF_NAME_MAX_BYTES + 1];
    hf_variable variables[MOST];
    for (size_t i = 0; i < MOST; i++) {
      /* Of different lengths, so that the cut comes everywhere. */
      size_t length = letters > 2 ? letters - i % 2 : letters;
      memset(names[i], 'x', length);
      names[i][0] = (char)('A' + i / 8);
      names[i][1] = (char)('a' + i % 8);
      names[i][length] = '\0';
      variables[i] = (hf_variable){names[i], HF_TYPE_ANY};
    }
    for (size_t count = 1; count <= MOST; count++) {
      hf_schema *schema = NULL;
      assert_int_equal(hf_schema_create(variables, count, NULL, &schema, NULL), HF_OK);
      hf_error error = refuse(schema, text, 41);
      const char *list = strstr(error.message, lead);
      assert_non_null(list);
      check_list(list + strlen(lead), schema);
      hf_schema_release(schema);
    }
  }
}

/* To the last letter that leaves room for the dots. */
static void a_list_of_names_goes_as_far_as_it_fits(void **state) {
  (void)state;
  static const struct {
    const char *declared;
    const char *list;
  } rows[] = {
      {"aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc dddddddddddddddddddd "
       "eeeeeeeeeeeeeeeeeeee ffffffffffffffffffff gggggggggggggggggggg hhhhhhhhhhhhhhhhhhhhh",
       "aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc, dddddddddddddddddddd, "
       "eeeeeeeeeeeeeeeeeeee, ffffffffffffffffffff, gggggggggggggggggggg, hhhhhhhhhhhhhhhhhhhhh"},
      {"aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc dddddddddddddddddddd "
       "eeeeeeeeeeeeeeeeeeee ffffffffffffffffffff gggggggggggggggggggg hhhhhhhhhhhhhhhhhhhhhh",
       "aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc, dddddddddddddddddddd, "
       "eeeeeeeeeeeeeeeeeeee, ffffffffffffffffffff, gggggggggggggggggggg, ..."},
      {"aaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbb cccccccccccccccccccc dddddddddddddddddddd "
       "eeeeeeeeeeeeeeeeeeee ffffffffffffffffffff gggggggggggggggggggg hhhhhhhhhhhhhhhhhhhhh i",
       "aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb, cccccccccccccccccccc, dddddddddddddddddddd, "
       "eeeeeeeeeeeeeeeeeeee, ffffffffffffffffffff, gggggggggggggggggggg, hhhhhhhhhhhhhhhhhhhhh, "
       "..."},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_schema *schema = test_schema(rows[i].declared);
    hf_error error = refuse(schema, "zzz", 3);
    char expected[HF_ERROR_MESSAGE_BYTES];
    snprintf(expected, sizeof expected, "unknown variable 'zzz'; declared: %s", rows[i].list);
    assert_string_equal(error.message, expected);
    hf_schema_release(schema);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fault_of_the_text_is_put_into_words),
      cmocka_unit_test(a_failure_of_evaluation_is_put_into_words),
      cmocka_unit_test(what_is_quoted_has_at_most_40_bytes),
      cmocka_unit_test(a_nul_that_is_quoted_does_not_end_the_message),
      cmocka_unit_test(a_list_of_names_is_cut_between_names),
      cmocka_unit_test(a_list_of_names_goes_as_far_as_it_fits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
