/*
 * What is wrong with a text, exactly where, and what the message says about it.
 *
 * The tables, which are laid out by hand for it, put marks under the fault, in bytes: the offset is
 * that of the first mark and the length is their number. A single mark behind the last byte is the
 * end of the text, whose length is 0.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

static const char typed[] = "cpu:number region:string on:boolean other severity";

typedef struct diagnostic {
  const char *text;
  const char *marks;
  hf_status status;
  /* What the message must say. */
  const char *says[3];
} diagnostic;

static void check(const hf_schema *schema, const diagnostic *row, size_t length) {
  static char place;
  hf_condition *untouched = (hf_condition *)(void *)&place;
  hf_condition *condition = untouched;
  hf_error error = test_untouched_error();
  hf_status status = hf_condition_compile(schema, row->text, length, NULL, &condition, &error);
  if (status == HF_OK) {
    test_fail("%s\n  compiles\n", row->text);
    return;
  }
  size_t offset = strspn(row->marks, " ");
  size_t marks = offset == length ? 0 : strlen(row->marks) - offset;
  if (status != row->status || error.status != status || error.offset_bytes != offset ||
      error.length_bytes != marks) {
    test_fail("%s\n%s\n  expected %s at %zu+%zu, got %s at %" PRIu32 "+%" PRIu32 "\n", row->text,
              row->marks, hf_status_name(row->status), offset, marks, hf_status_name(status),
              error.offset_bytes, error.length_bytes);
  }
  test_check_message(&error);
  for (size_t i = 0; i < 3 && row->says[i] != NULL; i++) {
    if (strstr(error.message, row->says[i]) == NULL) {
      test_fail("%s\n  \"%s\" does not say \"%s\"\n", row->text, error.message, row->says[i]);
    }
  }
  assert_ptr_equal(condition, untouched);
  /* Without an error to fill it is the same. */
  assert_int_equal(hf_condition_compile(schema, row->text, length, NULL, &condition, NULL), status);
  assert_ptr_equal(condition, untouched);
}

static void check_table(const diagnostic *rows, size_t count) {
  hf_schema *schema = test_schema(typed);
  for (size_t i = 0; i < count; i++) {
    check(schema, &rows[i], strlen(rows[i].text));
  }
  hf_schema_release(schema);
}

#define CHECK_TABLE(rows) check_table(rows, sizeof(rows) / sizeof(rows)[0])

/* Lexical faults ------------------------------------------------------------- */

static void characters(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"cpu @ 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'@'", "expected"}},
      {"cpu > -1",
       "      ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'-'", "sign"}},
      {"cpu > +1",
       "      ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'+'"}},
      {"cpu * 2 > 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'*'", "arithmetic"}},
      {"cpu / 2 > 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'/'", "arithmetic"}},
      {"cpu % 2 > 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'%'", "arithmetic"}},
      {"cpu > 1 && cpu < 2",
       "        ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'&'", "'and'"}},
      {"cpu > 1 || cpu < 2",
       "        ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'|'", "'or'"}},
      {"cpu > 1.2.",
       "         ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'.'"}},
      {"cpu.real > 1",
       "   ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'.'"}},
      {"cpu > .",
       "      ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'.'", "0.5"}},
      {"cpu[0] > 1",
       "   ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'['"}},
      {"cpu > 1,5",
       "       ^", HF_ERROR_UNEXPECTED_CHARACTER, {"','"}},
      {"cpu > 1;",
       "       ^", HF_ERROR_UNEXPECTED_CHARACTER, {"';'"}},
      {"# cpu > 1",
       "^", HF_ERROR_UNEXPECTED_CHARACTER, {"'#'"}},
      {"$cpu > 1",
       "^", HF_ERROR_UNEXPECTED_CHARACTER, {"'$'"}},
      {"cpu > `1`",
       "      ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'`'"}},
      {"cpu ~ \\1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'~'"}},
      {"{cpu > 1}",
       "^", HF_ERROR_UNEXPECTED_CHARACTER, {"'{'"}},
      {"cpu ^ 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'^'"}},
      {"cpu ? 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"'?'"}},
      {"cpu : 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"':'"}},
      /* Control characters are named by number. */
      {"cpu\x01> 1",
       "   ^", HF_ERROR_UNEXPECTED_CHARACTER, {"control", "0x01"}},
      {"cpu > 1\x1F",
       "       ^", HF_ERROR_UNEXPECTED_CHARACTER, {"control", "0x1F"}},
      {"\x08" "cpu > 1",
       "^", HF_ERROR_UNEXPECTED_CHARACTER, {"control", "0x08"}},
      {"cpu \x0E 1",
       "    ^", HF_ERROR_UNEXPECTED_CHARACTER, {"control", "0x0E"}},
      {"cpu\x7F> 1",
       "   ^", HF_ERROR_UNEXPECTED_CHARACTER, {"control", "0x7F"}},
      /* The whole character is at fault, not its first byte. */
      {"cpu \xE2\x89\xA5 1",
       "    ^~~", HF_ERROR_UNEXPECTED_CHARACTER, {"'\xE2\x89\xA5'", "U+2265"}},
      {"cpu\xC2\xA0> 1",
       "   ^~", HF_ERROR_UNEXPECTED_CHARACTER, {"ASCII"}},
      {"\xEF\xBB\xBF" "cpu > 1",
       "^~~", HF_ERROR_UNEXPECTED_CHARACTER, {"ASCII"}},
      {"cpu > 1 \xF0\x9F\x94\xA5",
       "        ^~~~", HF_ERROR_UNEXPECTED_CHARACTER, {"'\xF0\x9F\x94\xA5'"}},
      {"cpu > \xD9\xA1",
       "      ^~", HF_ERROR_UNEXPECTED_CHARACTER, {"ASCII"}},
      {"\xE4\xB8\xA5\xE9\x87\x8D > 1",
       "^~~", HF_ERROR_UNEXPECTED_CHARACTER, {"\xE4\xB8\xA5"}},
      {"region == 'caf\xC3\xA9' \xE2\x89\xA5",
       "                  ^~~", HF_ERROR_UNEXPECTED_CHARACTER, {"write >="}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);

  hf_schema *schema = test_schema(typed);
  check(schema, &(diagnostic){"cpu\0> 1", "   ^", HF_ERROR_UNEXPECTED_CHARACTER, {"0x00"}}, 7);
  check(schema, &(diagnostic){"cpu > 1\0", "       ^", HF_ERROR_UNEXPECTED_CHARACTER, {"0x00"}}, 8);
  hf_schema_release(schema);
}

static void strings(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"region == 'open",
       "          ^~~~~", HF_ERROR_UNTERMINATED_STRING, {"closing", "'"}},
      {"region == \"open",
       "          ^~~~~", HF_ERROR_UNTERMINATED_STRING, {"closing", "\""}},
      {"region == 'open\"",
       "          ^~~~~~", HF_ERROR_UNTERMINATED_STRING, {"closing", "'"}},
      {"region == '",
       "          ^", HF_ERROR_UNTERMINATED_STRING, {"closing"}},
      {"region == 'it' '",
       "               ^", HF_ERROR_UNTERMINATED_STRING, {"closing"}},
      {"'\nand",
       "^~~~~", HF_ERROR_UNTERMINATED_STRING, {"closing"}},
      {"region == '\xC3\xA9",
       "          ^~~", HF_ERROR_UNTERMINATED_STRING, {"closing"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

static void operators(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"cpu = 1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'='", "=="}},
      {"cpu ! 1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'!'", "!="}},
      {"!cpu",
       "^", HF_ERROR_INVALID_OPERATOR, {"'!'"}},
      {"cpu => 1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'='", ">="}},
      {"cpu =< 1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'='", "<="}},
      {"cpu === 1",
       "      ^", HF_ERROR_INVALID_OPERATOR, {"'='"}},
      {"cpu !== 1",
       "      ^", HF_ERROR_INVALID_OPERATOR, {"'='"}},
      {"cpu >== 1",
       "      ^", HF_ERROR_INVALID_OPERATOR, {"'='"}},
      {"cpu == 1 =",
       "         ^", HF_ERROR_INVALID_OPERATOR, {"'='"}},
      {"cpu = =1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'='"}},
      {"cpu ! = 1",
       "    ^", HF_ERROR_INVALID_OPERATOR, {"'!'"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

static void names(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"zzz > 1",
       "^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'zzz'", "cpu"}},
      {"cpu > 1 and zzz",
       "            ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'zzz'"}},
      {"cpu > 1e5",
       "       ^~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'e5'"}},
      {"cpu > 0x10",
       "       ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'x10'"}},
      {"cpu > 1_000",
       "       ^~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'_000'"}},
      {"cpu > nan",
       "      ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'nan'"}},
      {"cpu AND 1",
       "    ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'AND'", "'and'", "lower case"}},
      {"cpu > 1 Or cpu > 2",
       "        ^~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'Or'", "'or'", "lower case"}},
      {"not cpu > 1",
       "^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'not'", "!="}},
      {"on == true",
       "      ^~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'true'", "1"}},
      {"on == False",
       "      ^~~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'False'", "0"}},
      {"other == null",
       "         ^~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'null'"}},
      {"(always)",
       " ^~~~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'always'", "alone"}},
      {"cpu > 1 and Always",
       "            ^~~~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'Always'", "alone"}},
      /* `and` ends before an underscore, and before nothing else that a name may hold. */
      {"cpu > 1 and_x",
       "           ^~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'_x'"}},
      {"cpu > 1 andx > 1",
       "        ^~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'andx'"}},
      {"cpu > 1 and1",
       "        ^~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'and1'"}},
      {"cpuand 1",
       "^~~~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'cpuand'"}},
      /* Names are ASCII: the first letter begins one, the accent ends it. */
      {"s\xC3\xA9v\xC3\xA9rit\xC3\xA9 > 1",
       "^", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'s'"}},
      {"cpu\xC3\xA9 > 1",
       "   ^~", HF_ERROR_UNEXPECTED_CHARACTER, {"ASCII"}},
      {"x'",
       "^", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'x'"}},
      {"__import__('os')",
       "^~~~~~~~~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'__import__'"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

/* A name as long as the text is cut in the message, not in the span. */
static void a_huge_name_is_cut_in_the_message(void **state) {
  (void)state;
  static char text[60001];
  memset(text, 'q', sizeof text - 1);
  hf_condition *condition = NULL;
  hf_error error;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, sizeof text - 1, NULL, &condition, &error),
      HF_ERROR_VARIABLE_NOT_ALLOWED);
  assert_int_equal(error.offset_bytes, 0);
  assert_int_equal(error.length_bytes, sizeof text - 1);
  test_check_message(&error);
  assert_non_null(strstr(error.message, "qqqqqqqq"));
  assert_non_null(strstr(error.message, "..."));
}

/* The nearest declared name, and none where none is near. */
static void nearest_names_are_suggested(void **state) {
  (void)state;
  static const struct {
    const char *written;
    const char *meant;
  } rows[] = {
      {"sevrity", "severity"},
      {"severty", "severity"},
      {"severiti", "severity"},
      {"severitty", "severity"},
      {"seveirty", "severity"},
      {"Severity", "severity"},
      {"SEVERITY", "severity"},
      {"recurence_count", "recurrence_count"},
      {"recurrence_cnt", "recurrence_count"},
      {"recurrencecount", "recurrence_count"},
      {"Step", "step"},
      {"steps", "step"},
      {"stp", "step"},
      {"setp", "step"},
      {"stpe", "step"},
      {"confidance", "confidence"},
      {"durations", "duration"},
      {"durration", "duration"},
      {"os", NULL},
      {"import", NULL},
      {"xyzzy", NULL},
      {"temperature", NULL},
      {"q", NULL},
      {"__class__", NULL},
  };
  const hf_schema *schema = hf_schema_classic();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "%s > 1", rows[i].written);
    hf_condition *condition = NULL;
    hf_error error;
    assert_int_equal(hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error),
                     HF_ERROR_VARIABLE_NOT_ALLOWED);
    test_check_message(&error);
    assert_int_equal(error.variable, HF_NO_VARIABLE);
    bool says_so = strstr(error.message, "did you mean") != NULL;
    uint32_t meant = rows[i].meant == NULL
                         ? HF_NO_VARIABLE
                         : hf_schema_find(schema, rows[i].meant, strlen(rows[i].meant));
    if (error.suggestion != meant || says_so != (meant != HF_NO_VARIABLE)) {
      test_fail("'%s' suggests %" PRIu32 ": %s\n", rows[i].written, error.suggestion,
                error.message);
    }
    if (rows[i].meant != NULL) {
      char quoted[64];
      snprintf(quoted, sizeof quoted, "'%s'", rows[i].meant);
      assert_non_null(strstr(error.message, quoted));
    }
  }
}

/* Names as long as names may be, so that message and suggestion are crowded. */
static void the_longest_names_fit_the_message(void **state) {
  (void)state;
  char first[HF_NAME_MAX_BYTES + 1];
  char second[HF_NAME_MAX_BYTES + 1];
  memset(first, 'x', HF_NAME_MAX_BYTES);
  memset(second, 'y', HF_NAME_MAX_BYTES);
  first[HF_NAME_MAX_BYTES] = '\0';
  second[HF_NAME_MAX_BYTES] = '\0';
  const hf_variable variables[] = {{first, HF_TYPE_NUMBER}, {second, HF_TYPE_STRING}};
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, 2, NULL, &schema, NULL), HF_OK);
  hf_condition *condition = NULL;
  hf_error error;
  char text[512];
  snprintf(text, sizeof text, "%.127sz > 1", first);
  assert_int_equal(hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error),
                   HF_ERROR_VARIABLE_NOT_ALLOWED);
  assert_int_equal(error.suggestion, 0);
  assert_int_equal(error.length_bytes, 128);
  test_check_message(&error);
  snprintf(text, sizeof text, "%s > %s", first, second);
  assert_int_equal(hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error),
                   HF_ERROR_TYPE_MISMATCH);
  assert_int_equal(error.length_bytes, 128 + 3 + 128);
  test_check_message(&error);
  snprintf(text, sizeof text, "%s == 1", second);
  condition = test_compile(schema, text);
  hf_context *context = test_context(schema, "");
  bool held = false;
  assert_int_equal(hf_condition_evaluate(condition, context, &held, &error),
                   HF_ERROR_MISSING_VARIABLE);
  test_check_message(&error);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void numbers(void **state) {
  (void)state;
  hf_schema *schema = test_schema("v");
  char text[2000];
  char marks[2000];
  /* 2^1024 - 2^970, half way to 2^1024, is the least that rounds beyond the range. */
  static const char beyond[] =
      "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
      "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
      "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
      "342711559699508093042880177904174497792";
  snprintf(text, sizeof text, "1 == 1 or v >= %s", beyond);
  size_t offset = strlen(text) - strlen(beyond);
  memset(marks, ' ', offset);
  memset(marks + offset, '~', strlen(text) - offset);
  marks[strlen(text)] = '\0';
  check(schema, &(diagnostic){text, marks, HF_ERROR_BAD_NUMBER, {"double"}}, strlen(text));

  /* One less is the largest double. */
  text[strlen(text) - 1]--;
  hf_condition_destroy(test_compile(schema, text));

  /* A long one, with a fraction, before something else that is wrong. */
  snprintf(text, sizeof text, "v > 1%0400d.5 and @", 0);
  memset(marks, ' ', 4);
  memset(marks + 4, '~', 403);
  marks[407] = '\0';
  check(schema, &(diagnostic){text, marks, HF_ERROR_BAD_NUMBER, {"double"}}, strlen(text));
  hf_schema_release(schema);
}

static void only_utf8_is_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t offset;
  } rows[] = {
      {"\x80", 0},
      {"cpu > 1 \xC3(", 8},
      {"region == 'caf\xC3", 14},
      {"region == '\xC0\xAF'", 11},
      {"region == '\xED\xA0\x80'", 11},
      {"region == '\xF4\x90\x80\x80'", 11},
      {"region == '\xF5'", 11},
      {"region == '\xE2\x82'", 11},
      {"region == '\xC3\xA9' \xFF", 15},
      /* Before every other fault, wherever it stands. */
      {"@ zzz = 'open \xFF", 14},
      {"", 0},
  };
  hf_schema *schema = test_schema(typed);
  for (size_t i = 0; rows[i].text[0] != '\0'; i++) {
    hf_condition *condition = NULL;
    hf_error error = test_untouched_error();
    hf_status status =
        hf_condition_compile(schema, rows[i].text, strlen(rows[i].text), NULL, &condition, &error);
    if (status != HF_ERROR_INVALID_UTF8 || error.offset_bytes != rows[i].offset ||
        error.length_bytes != 1) {
      test_fail("row %zu: %s at %" PRIu32 "+%" PRIu32 "\n", i, hf_status_name(status),
                error.offset_bytes, error.length_bytes);
    }
    test_check_message(&error);
    assert_non_null(strstr(error.message, "UTF-8"));
    assert_null(condition);
  }
  /* At every distance from the start, for what looks at several bytes at a time. */
  for (uint32_t shift = 0; shift < 40; shift++) {
    char text[64] = "region == '";
    memset(text + 11, 'x', shift);
    memcpy(text + 11 + shift, "\xC3(xxxxxxx'", 11);
    hf_condition *condition = NULL;
    hf_error error;
    assert_int_equal(hf_condition_compile(schema, text, 11 + shift + 11, NULL, &condition, &error),
                     HF_ERROR_INVALID_UTF8);
    assert_int_equal(error.offset_bytes, 11 + shift);
  }
  hf_schema_release(schema);
}

/* Syntax --------------------------------------------------------------------- */

static void values_are_expected(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"",
       "^", HF_ERROR_EXPECTED_VALUE, {"expected a number", "'('", "end"}},
      {" \t\n",
       "   ^", HF_ERROR_EXPECTED_VALUE, {"expected a number", "'('", "end"}},
      {"cpu >",
       "     ^", HF_ERROR_EXPECTED_VALUE, {"expected a number", "end"}},
      {"cpu > ",
       "      ^", HF_ERROR_EXPECTED_VALUE, {"expected a number", "end"}},
      {"cpu > 1 and",
       "           ^", HF_ERROR_EXPECTED_VALUE, {"'('", "end"}},
      {"cpu > 1 or",
       "          ^", HF_ERROR_EXPECTED_VALUE, {"'('", "end"}},
      {"and",
       "^~~", HF_ERROR_EXPECTED_VALUE, {"'('", "found 'and'"}},
      {"or cpu > 1",
       "^~", HF_ERROR_EXPECTED_VALUE, {"'('", "found 'or'"}},
      {"cpu > and",
       "      ^~~", HF_ERROR_EXPECTED_VALUE, {"variable", "found 'and'"}},
      {"cpu > 1 and or cpu > 2",
       "            ^~", HF_ERROR_EXPECTED_VALUE, {"found 'or'"}},
      {"(",
       " ^", HF_ERROR_EXPECTED_VALUE, {"'('", "end"}},
      {"()",
       " ^", HF_ERROR_EXPECTED_VALUE, {"found ')'"}},
      {")",
       "^", HF_ERROR_EXPECTED_VALUE, {"found ')'"}},
      {"cpu > (1)",
       "      ^", HF_ERROR_EXPECTED_VALUE, {"found '('"}},
      {"cpu > )",
       "      ^", HF_ERROR_EXPECTED_VALUE, {"found ')'"}},
      {"> 1",
       "^", HF_ERROR_EXPECTED_VALUE, {"found '>'"}},
      {"cpu <> 1",
       "     ^", HF_ERROR_EXPECTED_VALUE, {"found '>'"}},
      {"cpu >= >= 1",
       "       ^~", HF_ERROR_EXPECTED_VALUE, {"found '>='"}},
      {"((cpu > 1) and )",
       "               ^", HF_ERROR_EXPECTED_VALUE, {"found ')'"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

static void operators_are_expected(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"cpu",
       "   ^", HF_ERROR_EXPECTED_OPERATOR, {">=", "!=", "end"}},
      {"1",
       " ^", HF_ERROR_EXPECTED_OPERATOR, {"<=", "end"}},
      {"'a' ",
       "    ^", HF_ERROR_EXPECTED_OPERATOR, {"==", "end"}},
      {"(cpu)",
       "    ^", HF_ERROR_EXPECTED_OPERATOR, {"found ')'"}},
      {"(cpu) > 1",
       "    ^", HF_ERROR_EXPECTED_OPERATOR, {"found ')'"}},
      {"cpu and on == 1",
       "    ^~~", HF_ERROR_EXPECTED_OPERATOR, {"found 'and'"}},
      {"cpu cpu",
       "    ^~~", HF_ERROR_EXPECTED_OPERATOR, {"found 'cpu'"}},
      {"cpu 1.5",
       "    ^~~", HF_ERROR_EXPECTED_OPERATOR, {"found '1.5'"}},
      {"cpu 'a b'",
       "    ^~~~~", HF_ERROR_EXPECTED_OPERATOR, {"found 'a b'"}},
      {"cpu \"a\"",
       "    ^~~", HF_ERROR_EXPECTED_OPERATOR, {"found \"a\""}},
      {"cpu (1)",
       "    ^", HF_ERROR_EXPECTED_OPERATOR, {"found '('"}},
      {"cpu > 1 and 2",
       "             ^", HF_ERROR_EXPECTED_OPERATOR, {"end"}},
      /* One line, whatever the text holds. */
      {"cpu 'a\nb\tc\x01'",
       "    ^~~~~~~~", HF_ERROR_EXPECTED_OPERATOR, {"found"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

static void parentheses_are_expected(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"(cpu > 1",
       "        ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "end"}},
      {"(cpu > 1 ",
       "         ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "end"}},
      {"((cpu > 1)",
       "          ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "end"}},
      {"(cpu > 1 cpu",
       "         ^~~", HF_ERROR_EXPECTED_RPAREN, {"')'", "found 'cpu'"}},
      {"(cpu > 1 > 2)",
       "         ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "found '>'"}},
      {"(cpu > 1 (cpu > 2))",
       "         ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "found '('"}},
      {"cpu > 1 and (cpu > 1 or cpu > 2 3)",
       "                                ^", HF_ERROR_EXPECTED_RPAREN, {"')'", "found '3'"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

static void tokens_are_unexpected(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"cpu > 1)",
       "       ^", HF_ERROR_UNEXPECTED_TOKEN, {"expected 'and'", "end", "found ')'"}},
      {"(cpu > 1))",
       "         ^", HF_ERROR_UNEXPECTED_TOKEN, {"found ')'"}},
      {"cpu > 1 cpu",
       "        ^~~", HF_ERROR_UNEXPECTED_TOKEN, {"'or'", "found 'cpu'"}},
      {"cpu > 1 > 2",
       "        ^", HF_ERROR_UNEXPECTED_TOKEN, {"found '>'"}},
      {"1 < cpu < 3",
       "        ^", HF_ERROR_UNEXPECTED_TOKEN, {"found '<'"}},
      {"cpu > 1.2.3",
       "         ^~", HF_ERROR_UNEXPECTED_TOKEN, {"found '.3'"}},
      {"cpu > 1..2",
       "        ^~", HF_ERROR_UNEXPECTED_TOKEN, {"found '.2'"}},
      {"cpu > 1 2",
       "        ^", HF_ERROR_UNEXPECTED_TOKEN, {"found '2'"}},
      {"region == 'it' 's'",
       "               ^~~", HF_ERROR_UNEXPECTED_TOKEN, {"found 's'"}},
      {"(cpu > 1)(cpu > 2)",
       "         ^", HF_ERROR_UNEXPECTED_TOKEN, {"found '('"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

/* The found token is cut in the message at a whole character. */
static void a_long_token_is_cut_in_the_message(void **state) {
  (void)state;
  hf_schema *schema = test_schema(typed);
  for (size_t shift = 0; shift < 4; shift++) {
    char text[1000] = "cpu '";
    size_t length = 5;
    memset(text + length, 'x', shift);
    length += shift;
    for (int i = 0; i < 200; i++) {
      memcpy(text + length, "\xF0\x9F\x94\xA5", 4);
      length += 4;
    }
    text[length] = '\'';
    length++;
    hf_condition *condition = NULL;
    hf_error error;
    assert_int_equal(hf_condition_compile(schema, text, length, NULL, &condition, &error),
                     HF_ERROR_EXPECTED_OPERATOR);
    assert_int_equal(error.offset_bytes, 4);
    assert_int_equal(error.length_bytes, length - 4);
    test_check_message(&error);
  }
  hf_schema_release(schema);
}

/* Types ---------------------------------------------------------------------- */

static void declared_types_are_checked(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"region > 1",
       "^~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'region'", "string", "number"}},
      {"1 < region",
       "^~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'region'", "string", "number"}},
      {"cpu<='a'",
       "^~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'cpu'", "number", "string"}},
      {"'a' >= cpu",
       "^~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'cpu'", "number", "string"}},
      {"cpu < region",
       "^~~~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'cpu'", "number", "string"}},
      {"region < cpu",
       "^~~~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'region'", "string", "number"}},
      {"on > 'x'",
       "^~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'on'", "boolean", "string"}},
      {"region > on",
       "^~~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'region'", "string", "boolean"}},
      /* The first of several, with its parentheses left out. */
      {"cpu == 1 and ((region < 2)) or cpu < 'x'",
       "               ^~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'region'"}},
      {"cpu == 1 and (other < 'a' or cpu   <\n'a') and 'a' < on",
       "                             ^~~~~~~~~~~", HF_ERROR_TYPE_MISMATCH, {"'cpu'"}},
      /* Syntax comes first, and names before it. */
      {"cpu < 'a' and",
       "             ^", HF_ERROR_EXPECTED_VALUE, {"end"}},
      {"cpu < 'a' and and zzz",
       "                  ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {"'zzz'"}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);

  /* Whatever is not ruled out compiles. */
  static const char *const sound[] = {
      "cpu == 'a'",   "cpu != region",   "'a' == on", "cpu > on",  "on > 1",
      "region > 'a'", "region < region", "cpu < cpu", "other > 1", "other > 'a'",
      "other < cpu",  "region >= other", "1 < 'a'",   "'a' >= 1",  "on == region"};
  hf_schema *schema = test_schema(typed);
  for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
    hf_condition_destroy(test_compile(schema, sound[i]));
  }
  hf_schema_release(schema);
}

static void a_type_mismatch_names_its_variable(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t variable;
  } rows[] = {{"region > 1", 1}, {"1 < region", 1}, {"cpu < 'a'", 0}, {"'a' < on", 2}};
  hf_schema *schema = test_schema(typed);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = NULL;
    hf_error error;
    assert_int_equal(
        hf_condition_compile(schema, rows[i].text, strlen(rows[i].text), NULL, &condition, &error),
        HF_ERROR_TYPE_MISMATCH);
    assert_int_equal(error.variable, rows[i].variable);
    assert_int_equal(error.suggestion, HF_NO_VARIABLE);
  }
  hf_schema_release(schema);
}

/* Order ---------------------------------------------------------------------- */

/* Of several faults the one of the earlier phase, and inside a phase the one on the left. */
static void the_first_fault_is_reported(void **state) {
  (void)state;
  /* clang-format off */
  static const diagnostic rows[] = {
      {"cpu > > 'open",
       "        ^~~~~", HF_ERROR_UNTERMINATED_STRING, {NULL}},
      {"cpu cpu zzz @",
       "        ^~~", HF_ERROR_VARIABLE_NOT_ALLOWED, {NULL}},
      {"cpu cpu @ zzz",
       "        ^", HF_ERROR_UNEXPECTED_CHARACTER, {NULL}},
      {"cpu = 1 @",
       "    ^", HF_ERROR_INVALID_OPERATOR, {NULL}},
      {") = 'open",
       "  ^", HF_ERROR_INVALID_OPERATOR, {NULL}},
      {"'open = @ zzz",
       "^~~~~~~~~~~~~", HF_ERROR_UNTERMINATED_STRING, {NULL}},
      {"region < 1 )",
       "           ^", HF_ERROR_UNEXPECTED_TOKEN, {NULL}},
      {"cpu cpu ( )",
       "    ^~~", HF_ERROR_EXPECTED_OPERATOR, {NULL}},
      {"(cpu > 1 cpu ( )",
       "         ^~~", HF_ERROR_EXPECTED_RPAREN, {NULL}},
  };
  /* clang-format on */
  CHECK_TABLE(rows);
}

/* Evaluation ----------------------------------------------------------------- */

typedef struct evaluation_row {
  const char *text;
  const char *marks;
  const char *context;
  hf_status status;
  uint32_t variable;
  const char *says[3];
} evaluation_row;

static void evaluation_says_what_it_lacks(void **state) {
  (void)state;
  /* clang-format off */
  static const evaluation_row rows[] = {
      {"severity >= 0.8",
       "^~~~~~~~", "", HF_ERROR_MISSING_VARIABLE, 4, {"'severity'"}},
      {"0.8 <= severity",
       "       ^~~~~~~~", "", HF_ERROR_MISSING_VARIABLE, 4, {"'severity'"}},
      {"cpu > severity",
       "^~~", "", HF_ERROR_MISSING_VARIABLE, 0, {"'cpu'"}},
      {"cpu > severity",
       "      ^~~~~~~~", "cpu=1", HF_ERROR_MISSING_VARIABLE, 4, {"'severity'"}},
      /* Missing before mismatch, also when the mismatch is on the left. */
      {"cpu > severity",
       "      ^~~~~~~~", "cpu=!", HF_ERROR_MISSING_VARIABLE, 4, {"'severity'"}},
      {"severity > cpu",
       "           ^~~", "severity='x'", HF_ERROR_MISSING_VARIABLE, 0, {"'cpu'"}},
      {"cpu == 1 or (severity  >\n1)",
       "             ^~~~~~~~~~~~~", "cpu=1 severity='x'", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'", "string", "number"}},
      {"1 < severity",
       "^~~~~~~~~~~~", "severity='x'", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'", "string", "number"}},
      {"severity < 'x'",
       "^~~~~~~~~~~~~~", "severity=1", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'", "number", "string"}},
      {"severity < 1",
       "^~~~~~~~~~~~", "severity=null", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'", "null"}},
      {"severity < 1",
       "^~~~~~~~~~~~", "severity=[]", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'"}},
      {"severity < other",
       "^~~~~~~~~~~~~~~~", "severity=1 other='x'", HF_ERROR_TYPE_MISMATCH, 4, {"'severity'"}},
      /* The variable of the wrong type is the one to name. */
      {"cpu == 1",
       "^~~~~~~~", "cpu=!", HF_ERROR_TYPE_MISMATCH, 0, {"'cpu'", "number"}},
      {"other == cpu",
       "^~~~~~~~~~~~", "other=1 cpu=!", HF_ERROR_TYPE_MISMATCH, 0, {"'cpu'", "number"}},
      {"cpu == on",
       "^~~~~~~~~", "cpu=! on=!", HF_ERROR_TYPE_MISMATCH, 0, {"'cpu'", "number"}},
      {"on < cpu",
       "^~~~~~~~", "cpu=! on=!", HF_ERROR_TYPE_MISMATCH, 2, {"'on'", "boolean"}},
      {"1 < 'a'",
       "^~~~~~~", "", HF_ERROR_TYPE_MISMATCH, HF_NO_VARIABLE, {"number", "string"}},
      {"region == 'caf\xC3\xA9' or cpu == 1",
       "                     ^~~", "region='x'", HF_ERROR_MISSING_VARIABLE, 0, {"'cpu'"}},
  };
  /* clang-format on */
  hf_schema *schema = test_schema(typed);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const evaluation_row *row = &rows[i];
    hf_condition *condition = test_compile(schema, row->text);
    hf_context *context = test_context(schema, row->context);
    hf_error error = test_untouched_error();
    bool held = true;
    hf_status status = hf_condition_evaluate(condition, context, &held, &error);
    size_t offset = strspn(row->marks, " ");
    size_t length = strlen(row->marks) - offset;
    if (status != row->status || error.status != status || error.offset_bytes != offset ||
        error.length_bytes != length || error.variable != row->variable ||
        error.suggestion != HF_NO_VARIABLE || !held) {
      test_fail("%s\n%s\n  %s: %s at %" PRIu32 "+%" PRIu32 ", variable %" PRIu32 "\n", row->text,
                row->marks, row->context, hf_status_name(status), error.offset_bytes,
                error.length_bytes, error.variable);
    }
    test_check_message(&error);
    for (size_t s = 0; s < 3 && row->says[s] != NULL; s++) {
      if (strstr(error.message, row->says[s]) == NULL) {
        test_fail("%s with %s\n  \"%s\" does not say \"%s\"\n", row->text, row->context,
                  error.message, row->says[s]);
      }
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(characters),
      cmocka_unit_test(strings),
      cmocka_unit_test(operators),
      cmocka_unit_test(names),
      cmocka_unit_test(a_huge_name_is_cut_in_the_message),
      cmocka_unit_test(nearest_names_are_suggested),
      cmocka_unit_test(the_longest_names_fit_the_message),
      cmocka_unit_test(numbers),
      cmocka_unit_test(only_utf8_is_read),
      cmocka_unit_test(values_are_expected),
      cmocka_unit_test(operators_are_expected),
      cmocka_unit_test(parentheses_are_expected),
      cmocka_unit_test(tokens_are_unexpected),
      cmocka_unit_test(a_long_token_is_cut_in_the_message),
      cmocka_unit_test(declared_types_are_checked),
      cmocka_unit_test(a_type_mismatch_names_its_variable),
      cmocka_unit_test(the_first_fault_is_reported),
      cmocka_unit_test(evaluation_says_what_it_lacks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
