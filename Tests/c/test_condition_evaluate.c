#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hf_test.h"
#include "model.h"

/* Comparisons -------------------------------------------------------------- */

static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">="};

typedef struct comparison_row {
  const char *left;
  const char *right;
  /*
   * What == != < <= > >= answer: t true, f false, m the left variable is
   * missing, r the right one is, x a type mismatch.
   */
  const char *answers;
} comparison_row;

/* Values of variables of type any, in the notation of test_set(). */
static const comparison_row kinds[] = {
    /* Numbers and numbers. */
    {"1", "1", "tfftft"},
    {"1", "2", "ftttff"},
    {"2", "1", "ftfftt"},
    {"-1", "1", "ftttff"},
    {"0", "-0", "tfftft"},
    {"-0", "0", "tfftft"},
    {"0.1", "0.1", "tfftft"},
    {"0.3", "0.30000000000000004", "ftttff"},
    {"inf", "inf", "tfftft"},
    {"-inf", "-inf", "tfftft"},
    {"-inf", "inf", "ftttff"},
    {"inf", "1e308", "ftfftt"},
    {"1.7976931348623157e308", "inf", "ftttff"},
    {"nan", "nan", "ftffff"},
    {"nan", "1", "ftffff"},
    {"1", "nan", "ftffff"},
    {"nan", "inf", "ftffff"},
    {"-inf", "nan", "ftffff"},
    {"5e-324", "0", "ftfftt"},
    {"-5e-324", "0", "ftttff"},
    {"5e-324", "1e-323", "ftttff"},
    {"2.2250738585072009e-308", "2.2250738585072014e-308", "ftttff"},
    {"9007199254740991", "9007199254740992", "ftttff"},
    {"9007199254740992", "9007199254740992", "tfftft"},
    /* 2^53 + 1 is no double: it is its neighbour. */
    {"9007199254740993", "9007199254740992", "tfftft"},
    {"9007199254740994", "9007199254740992", "ftfftt"},
    {"18446744073709551615", "18446744073709551616", "tfftft"},

    /* Booleans are 1 and 0. */
    {"true", "true", "tfftft"},
    {"false", "false", "tfftft"},
    {"false", "true", "ftttff"},
    {"true", "false", "ftfftt"},
    {"true", "1", "tfftft"},
    {"1", "true", "tfftft"},
    {"false", "0", "tfftft"},
    {"false", "-0", "tfftft"},
    {"true", "0", "ftfftt"},
    {"true", "2", "ftttff"},
    {"0.5", "true", "ftttff"},
    {"0.5", "false", "ftfftt"},
    {"true", "nan", "ftffff"},

    /* Strings, by code point. */
    {"'a'", "'a'", "tfftft"},
    {"'a'", "'b'", "ftttff"},
    {"'b'", "'a'", "ftfftt"},
    {"''", "''", "tfftft"},
    {"''", "'a'", "ftttff"},
    {"'a'", "''", "ftfftt"},
    {"'a'", "'ab'", "ftttff"},
    {"'ab'", "'a'", "ftfftt"},
    {"'ab'", "'b'", "ftttff"},
    {"'Z'", "'a'", "ftttff"},
    {"'10'", "'9'", "ftttff"},
    {"'a'", "'a '", "ftttff"},
    {"'z'", "'\xC3\xA9'", "ftttff"},
    {"'\xC3\xA9'", "'e\xCC\x81'", "ftfftt"}, /* no normal form is taken */
    {"'\xC2\x80'", "'\x7F'", "ftfftt"},
    /* U+FF41 before U+1F525, which sorts the other way in UTF-16. */
    {"'\xEF\xBD\x81'", "'\xF0\x9F\x94\xA5'", "ftttff"},
    {"'abcdefgh'", "'abcdefgi'", "ftttff"},
    {"'abcdefghijklmnop'", "'abcdefghijklmnop'", "tfftft"},
    {"'abcdefghijklmnoq'", "'abcdefghijklmnop'", "ftfftt"},

    /* Null is equal to itself and to nothing else, and has no order. */
    {"null", "null", "tfxxxx"},
    {"null", "0", "ftxxxx"},
    {"0", "null", "ftxxxx"},
    {"null", "false", "ftxxxx"},
    {"null", "''", "ftxxxx"},
    {"'null'", "null", "ftxxxx"},
    {"null", "[]", "ftxxxx"},

    /* A container is equal to nothing, and has no order. */
    {"[]", "[]", "ftxxxx"},
    {"[]", "null", "ftxxxx"},
    {"[]", "1", "ftxxxx"},
    {"1", "[]", "ftxxxx"},
    {"[]", "true", "ftxxxx"},
    {"'a'", "[]", "ftxxxx"},

    /* Numbers and strings are unequal, and have no order. */
    {"1", "'1'", "ftxxxx"},
    {"'1'", "1", "ftxxxx"},
    {"0", "''", "ftxxxx"},
    {"true", "'true'", "ftxxxx"},
    {"'1'", "true", "ftxxxx"},
    {"nan", "'nan'", "ftxxxx"},

    /* A value of the wrong type is good for nothing. */
    {"!", "!", "xxxxxx"},
    {"!", "1", "xxxxxx"},
    {"1", "!", "xxxxxx"},
    {"!", "'a'", "xxxxxx"},
    {"'a'", "!", "xxxxxx"},
    {"!", "true", "xxxxxx"},
    {"!", "null", "xxxxxx"},
    {"null", "!", "xxxxxx"},
    {"[]", "!", "xxxxxx"},

    /* Missing comes before any mismatch, and the left one before the right. */
    {"?", "?", "mmmmmm"},
    {"?", "1", "mmmmmm"},
    {"1", "?", "rrrrrr"},
    {"?", "'a'", "mmmmmm"},
    {"'a'", "?", "rrrrrr"},
    {"true", "?", "rrrrrr"},
    {"?", "null", "mmmmmm"},
    {"null", "?", "rrrrrr"},
    {"?", "[]", "mmmmmm"},
    {"[]", "?", "rrrrrr"},
    {"?", "!", "mmmmmm"},
    {"!", "?", "rrrrrr"},
};

static char answer_of(const hf_condition *condition, const hf_context *context, hf_error *error) {
  bool held = false;
  hf_status status = hf_condition_evaluate(condition, context, &held, error);
  if (status == HF_OK) {
    return held ? 't' : 'f';
  }
  assert_int_equal(error->status, status);
  assert_false(held);
  /* Untouched also when it was true before. */
  held = true;
  assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL), status);
  assert_true(held);
  if (status == HF_ERROR_TYPE_MISMATCH) {
    return 'x';
  }
  return status == HF_ERROR_MISSING_VARIABLE ? (error->variable == 0 ? 'm' : 'r') : '?';
}

static void check_comparisons(const hf_schema *schema, const comparison_row *rows, size_t count) {
  for (int op = 0; op < 6; op++) {
    char text[32];
    snprintf(text, sizeof text, "left %s right", operators[op]);
    hf_condition *condition = test_compile(schema, text);
    hf_context *context = test_context(schema, "");
    for (size_t i = 0; i < count; i++) {
      test_set(context, 0, rows[i].left);
      test_set(context, 1, rows[i].right);
      hf_error error = {.status = HF_OK};
      char answer = answer_of(condition, context, &error);
      if (answer != rows[i].answers[op]) {
        test_fail("%s %s %s: expected %c, got %c\n", rows[i].left, operators[op], rows[i].right,
                  rows[i].answers[op], answer);
      }
      /* left is 4 bytes, the operator 1 or 2, right 5 */
      uint32_t right = 6 + (uint32_t)strlen(operators[op]);
      if (answer == 'x') {
        assert_int_equal(error.offset_bytes, 0);
        assert_int_equal(error.length_bytes, right + 5);
      } else if (answer == 'm') {
        assert_int_equal(error.offset_bytes, 0);
        assert_int_equal(error.length_bytes, 4);
      } else if (answer == 'r') {
        assert_int_equal(error.offset_bytes, right);
        assert_int_equal(error.length_bytes, 5);
        assert_int_equal(error.variable, 1);
      }
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
}

static void every_operator_on_every_kind(void **state) {
  (void)state;
  hf_schema *schema = test_schema("left right");
  check_comparisons(schema, kinds, sizeof kinds / sizeof kinds[0]);
  hf_schema_release(schema);
}

/* The same rows, where both sides may be declared with a type. */
static void every_operator_on_declared_types(void **state) {
  (void)state;
  static const char *const declarations[] = {
      "left:number right:number",   "left:number right",        "left right:number",
      "left:string right:string",   "left:string right",        "left right:string",
      "left:boolean right:boolean", "left:boolean right",       "left right:boolean",
      "left:number right:boolean",  "left:boolean right:number"};
  for (size_t d = 0; d < sizeof declarations / sizeof declarations[0]; d++) {
    hf_schema *schema = test_schema(declarations[d]);
    uint32_t checked = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      bool admitted = true;
      for (uint32_t side = 0; side < 2; side++) {
        const char *value = side == 0 ? kinds[i].left : kinds[i].right;
        hf_type type = hf_schema_variable(schema, side).type;
        bool common = value[0] == '?' || value[0] == '!';
        bool boolean = value[0] == 't' || value[0] == 'f';
        bool string = value[0] == '\'';
        bool odd = value[0] == '[' || strcmp(value, "null") == 0;
        admitted =
            admitted && (type == HF_TYPE_ANY || common || (type == HF_TYPE_STRING && string) ||
                         (type == HF_TYPE_BOOLEAN && boolean) ||
                         (type == HF_TYPE_NUMBER && !string && !boolean && !odd));
      }
      if (admitted) {
        check_comparisons(schema, &kinds[i], 1);
        checked++;
      }
    }
    assert_true(checked >= 7);
    hf_schema_release(schema);
  }
}

/* A variable against itself, where both sides are one slot. */
static void a_variable_against_itself(void **state) {
  (void)state;
  static const comparison_row rows[] = {
      {"1", "", "tfftft"},    {"nan", "", "ftffff"}, {"'a'", "", "tfftft"}, {"true", "", "tfftft"},
      {"null", "", "tfxxxx"}, {"[]", "", "ftxxxx"},  {"!", "", "xxxxxx"},   {"?", "", "mmmmmm"},
  };
  hf_schema *schema = test_schema("same");
  for (int op = 0; op < 6; op++) {
    char text[32];
    snprintf(text, sizeof text, "same%ssame", operators[op]);
    hf_condition *condition = test_compile(schema, text);
    hf_context *context = test_context(schema, "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
      test_set(context, 0, rows[i].left);
      hf_error error = {.status = HF_OK};
      char answer = answer_of(condition, context, &error);
      if (answer != rows[i].answers[op]) {
        test_fail("%s %s itself: expected %c, got %c\n", rows[i].left, operators[op],
                  rows[i].answers[op], answer);
      }
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* Literals ----------------------------------------------------------------- */

static void literals_compare_with_values(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *value;
    char answer;
  } rows[] = {
      {"v == 1", "1", 't'},
      {"1 == v", "1", 't'},
      {"v == 1.", "1", 't'},
      {"v == .5", "0.5", 't'},
      {"v == 007", "7", 't'},
      {"v == 00.500", "0.5", 't'},
      {"v >= 0.1", "0.1", 't'},
      {"v == 0.1", "0.1", 't'},
      {"v == 0.30000000000000004", "0.3", 'f'},
      {"v == 9007199254740993", "9007199254740992", 't'},
      {"v == 18446744073709551617", "18446744073709551616", 't'},
      {"v == 1", "true", 't'},
      {"v == 0", "false", 't'},
      {"v < 1", "false", 't'},
      {"0 < v", "true", 't'},
      {"v == 0", "-0", 't'},
      {"v < 0", "-5e-324", 't'},
      {"v > 0", "5e-324", 't'},
      {"v != 1", "nan", 't'},
      {"v == 1", "nan", 'f'},
      {"v < 1", "-inf", 't'},
      {"v == 1", "'1'", 'f'},
      {"v != 1", "'1'", 't'},
      {"v < 1", "'1'", 'x'},
      {"1 < v", "'1'", 'x'},
      {"v == 1", "null", 'f'},
      {"v != 1", "null", 't'},
      {"v >= 1", "null", 'x'},
      {"v == 1", "[]", 'f'},
      {"v > 1", "[]", 'x'},
      {"v == 1", "!", 'x'},
      {"v == 1", "?", 'm'},
      {"v == 'a'", "'a'", 't'},
      {"v == \"a\"", "'a'", 't'},
      {"'a' <= v", "'b'", 't'},
      {"v < ''", "''", 'f'},
      {"v <= ''", "''", 't'},
      {"v > ''", "'a'", 't'},
      {"v == 'true'", "true", 'f'},
      {"v < 'true'", "true", 'x'},
      {"v == 'null'", "null", 'f'},
      {"v == 'a\\n'", "'a\\n'", 't'}, /* the backslash is itself */
      {"v == 'and'", "'and'", 't'},
      {"v == \"it's\"", "'it'", 'f'},
      {"v == 'a\nb'", "'a\nb'", 't'},
      {"v == '\xF0\x9F\x94\xA5'", "'\xF0\x9F\x94\xA5'", 't'},
      {"v < '\xF0\x9F\x94\xA5'", "'\xEF\xBD\x81'", 't'},
  };
  hf_schema *schema = test_schema("v");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    hf_context *context = test_context(schema, "");
    test_set(context, 0, rows[i].value);
    hf_error error;
    char answer = answer_of(condition, context, &error);
    if (answer != rows[i].answer) {
      test_fail("%s with %s: expected %c, got %c\n", rows[i].text, rows[i].value, rows[i].answer,
                answer);
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* A literal against a literal compiles whatever its type; evaluation tells. */
static void literals_compare_with_literals(void **state) {
  (void)state;
  static const struct {
    const char *text;
    char answer;
  } rows[] = {
      {"1 == 1", 't'},
      {"1 == 1.0", 't'},
      {"1 != 1", 'f'},
      {"1 < 2", 't'},
      {"2 <= 1", 'f'},
      {"3 > 2", 't'},
      {"3 >= 3", 't'},
      {"'a' == 'a'", 't'},
      {"'a' == \"a\"", 't'},
      {"'a' < 'b'", 't'},
      {"'b' < 'a'", 'f'},
      {"'' < 'a'", 't'},
      {"1 == '1'", 'f'},
      {"1 != '1'", 't'},
      {"'1' != 1", 't'},
      {"1 < 'a'", 'x'},
      {"'a' >= 1", 'x'},
      {"1 == 1 or 1 < 'a'", 'x'},
      {"1 == 2 and 1 < 'a'", 'x'},
  };
  hf_schema *schema = test_schema("");
  hf_context *context = test_context(schema, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    assert_int_equal(hf_condition_variable_count(condition), 0);
    hf_error error;
    char answer = answer_of(condition, context, &error);
    if (answer != rows[i].answer) {
      test_fail("%s: expected %c, got %c\n", rows[i].text, rows[i].answer, answer);
    }
    if (answer == 'x') {
      assert_int_equal(error.variable, HF_NO_VARIABLE);
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void strings_may_hold_nul(void **state) {
  (void)state;
  static const char text[] = "v == 'a\0b'";
  hf_schema *schema = test_schema("v:string");
  hf_condition *condition = NULL;
  assert_int_equal(hf_condition_compile(schema, text, sizeof text - 1, NULL, &condition, NULL),
                   HF_OK);
  hf_condition *less = NULL;
  static const char less_text[] = "v < 'a\0b'";
  assert_int_equal(hf_condition_compile(schema, less_text, sizeof less_text - 1, NULL, &less, NULL),
                   HF_OK);
  static const struct {
    const char *bytes;
    size_t length;
    bool equal;
    bool less;
  } rows[] = {{"a\0b", 3, true, false},  {"a", 1, false, true},      {"a\0", 2, false, true},
              {"a\0c", 3, false, false}, {"a\0a", 3, false, true},   {"a\0b\0", 4, false, false},
              {"ab", 2, false, false},   {"\0a\0b", 4, false, true}, {"", 0, false, true}};
  hf_context *context = test_context(schema, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_int_equal(hf_context_set_string(context, 0, rows[i].bytes, rows[i].length), HF_OK);
    assert_int_equal(test_evaluate(condition, context), rows[i].equal);
    assert_int_equal(test_evaluate(less, context), rows[i].less);
  }
  hf_context_destroy(context);
  hf_condition_destroy(less);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

/* `always` ------------------------------------------------------------------ */

static void always_holds_in_any_case_and_spacing(void **state) {
  (void)state;
  static const char *const texts[] = {
      "always", "ALWAYS", "Always", "aLwAyS", " always", "always ", "\t\n\v\f\r always \r\f\v\n\t"};
  hf_schema *schema = test_schema("severity");
  hf_context *empty = test_context(schema, "");
  hf_context *full = test_context(schema, "severity=!");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    hf_condition *condition = test_compile(schema, texts[i]);
    assert_true(test_evaluate(condition, empty));
    assert_true(test_evaluate(condition, full));
    hf_condition_destroy(condition);
  }
  hf_context_destroy(full);
  hf_context_destroy(empty);
  hf_schema_release(schema);
}

static void always_is_refused_elsewhere(void **state) {
  (void)state;
  static const struct {
    const char *text;
    hf_status status;
    uint32_t offset;
    uint32_t length;
  } rows[] = {
      {"(always)", HF_ERROR_VARIABLE_NOT_ALLOWED, 1, 6},
      {"always and severity > 1", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 6},
      {"severity > 1 or ALWAYS", HF_ERROR_VARIABLE_NOT_ALLOWED, 16, 6},
      {"always always", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 6},
      {"always == 1", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 6},
      {"always_", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 7},
      {"alwaysx", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 7},
      {"always\xC2\xA0", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 6},
      {"\xC2\xA0"
       "always",
       HF_ERROR_UNEXPECTED_CHARACTER, 0, 2},
      {"'always'", HF_ERROR_EXPECTED_OPERATOR, 8, 0},
      {"never", HF_ERROR_VARIABLE_NOT_ALLOWED, 0, 5},
  };
  hf_schema *schema = test_schema("severity");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = NULL;
    hf_error error;
    hf_status status =
        hf_condition_compile(schema, rows[i].text, strlen(rows[i].text), NULL, &condition, &error);
    if (status != rows[i].status || error.offset_bytes != rows[i].offset ||
        error.length_bytes != rows[i].length) {
      test_fail("%s: %s at %u+%u\n", rows[i].text, hf_status_name(status), error.offset_bytes,
                error.length_bytes);
    }
  }
  hf_schema_release(schema);
}

/* Joining ------------------------------------------------------------------- */

static void and_binds_tighter_than_or(void **state) {
  (void)state;
  static const struct {
    const char *text;
    /* The answer for c b a = 000, 001, 010 … 111. */
    const char *answers;
  } rows[] = {
      {"a==1 and b==1", "00010001"},
      {"a==1 or b==1", "01110111"},
      {"a==1 or b==1 and c==1", "01010111"},
      {"a==1 and b==1 or c==1", "00011111"},
      {"(a==1 or b==1) and c==1", "00000111"},
      {"a==1 and (b==1 or c==1)", "00010101"},
      {"a==1 or (b==1 and c==1)", "01010111"},
      {"a==1 and b==1 and c==1", "00000001"},
      {"a==1 or b==1 or c==1", "01111111"},
      {"((a==1)) and (((b==1) or ((c==1))))", "00010101"},
      {"(a==1 and b==1) or (b==1 and c==1) or (a==1 and c==1)", "00010111"},
      {"(a==1 or b==1) and (b==1 or c==1) and (a==1 or c==1)", "00010111"},
  };
  hf_schema *schema = test_schema("a b c");
  hf_context *context = test_context(schema, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    for (uint32_t bits = 0; bits < 8; bits++) {
      for (uint32_t v = 0; v < 3; v++) {
        assert_int_equal(hf_context_set_number(context, v, bits >> v & 1), HF_OK);
      }
      bool held = test_evaluate(condition, context);
      if (held != (rows[i].answers[bits] == '1')) {
        test_fail("%s with a=%u b=%u c=%u: got %d\n", rows[i].text, bits & 1, bits >> 1 & 1,
                  bits >> 2, held);
      }
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* A failure surfaces whatever the other side holds, and the first one in the text. */
static void evaluation_is_strict(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *context;
    hf_status status;
    uint32_t offset;
    uint32_t length;
    uint32_t variable;
  } rows[] = {
      {"a > 1 or b > 1", "a=2", HF_ERROR_MISSING_VARIABLE, 9, 1, 1},
      {"a > 1 and b > 1", "a=0", HF_ERROR_MISSING_VARIABLE, 10, 1, 1},
      {"b > 1 or a > 1", "a=2", HF_ERROR_MISSING_VARIABLE, 0, 1, 1},
      {"a > 1 or b > 'x'", "a=2 b=1", HF_ERROR_TYPE_MISMATCH, 9, 7, 1},
      {"a > 1 and b > 'x'", "a=0 b=1", HF_ERROR_TYPE_MISMATCH, 10, 7, 1},
      {"a > 1 or (b > 1 and c > 5)", "a=9 b=0", HF_ERROR_MISSING_VARIABLE, 20, 1, 2},
      /* A mismatch before a missing variable in another comparison. */
      {"a > 'x' and b > 1", "a=1", HF_ERROR_TYPE_MISMATCH, 0, 7, 0},
      {"b > 1 and a > 'x'", "a=1", HF_ERROR_MISSING_VARIABLE, 0, 1, 1},
      {"a == 1 and (b > c or c > b)", "a=1 b=1", HF_ERROR_MISSING_VARIABLE, 16, 1, 2},
      {"(((c > 1))) or b == 1", "a=1", HF_ERROR_MISSING_VARIABLE, 3, 1, 2},
      {"a == 1 or b == 1 or c == 1", "", HF_ERROR_MISSING_VARIABLE, 0, 1, 0},
      {"a == 1 or b == 1 or c == 1", "a=1 c=1", HF_ERROR_MISSING_VARIABLE, 10, 1, 1},
      {"a == 1 or b == 1 or c == 1", "a=1 b=1", HF_ERROR_MISSING_VARIABLE, 20, 1, 2},
      {"1 < 'a' or a == 1", "", HF_ERROR_TYPE_MISMATCH, 0, 7, HF_NO_VARIABLE},
      {"a == 1 or 1 < 'a'", "", HF_ERROR_MISSING_VARIABLE, 0, 1, 0},
      {"a == 1 or b == 1 and c < 1", "a=1 b=1 c=!", HF_ERROR_TYPE_MISMATCH, 21, 5, 2},
      {"'x' >= a", "a=null", HF_ERROR_TYPE_MISMATCH, 0, 8, 0},
  };
  hf_schema *schema = test_schema("a b c");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    hf_context *context = test_context(schema, rows[i].context);
    bool held = true;
    hf_error error = test_untouched_error();
    hf_status status = hf_condition_evaluate(condition, context, &held, &error);
    if (status != rows[i].status || error.status != status ||
        error.offset_bytes != rows[i].offset || error.length_bytes != rows[i].length ||
        error.variable != rows[i].variable || error.suggestion != HF_NO_VARIABLE || !held) {
      test_fail("%s with %s: %s at %u+%u, variable %u\n", rows[i].text, rows[i].context,
                hf_status_name(status), error.offset_bytes, error.length_bytes, error.variable);
    }
    assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL), rows[i].status);
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* Many comparisons, so that a mask of one word does not do; every one can be the first failure. */
static void every_one_of_many_comparisons_counts(void **state) {
  (void)state;
  enum { COUNT = 300 };
  static char names[COUNT][24];
  static hf_variable variables[COUNT];
  static char all[COUNT * 20];
  static char any[COUNT * 20];
  static uint32_t all_at[COUNT];
  size_t all_length = 0;
  size_t any_length = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "v%u", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_ANY};
    const char *and_word = i == 0 ? "" : " and ";
    all_at[i] = (uint32_t)(all_length + strlen(and_word));
    all_length +=
        (size_t)snprintf(all + all_length, sizeof all - all_length, "%sv%u == 1", and_word, i);
    any_length += (size_t)snprintf(any + any_length, sizeof any - any_length, "%sv%u == 1",
                                   i == 0 ? "" : " or ", i);
  }
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, COUNT, NULL, &schema, NULL), HF_OK);
  hf_condition *every = test_compile(schema, all);
  hf_condition *some = test_compile(schema, any);
  hf_context *ones = test_context(schema, "");
  hf_context *zeros = test_context(schema, "");
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_int_equal(hf_context_set_number(ones, i, 1), HF_OK);
    assert_int_equal(hf_context_set_number(zeros, i, 0), HF_OK);
  }
  assert_true(test_evaluate(every, ones));
  assert_false(test_evaluate(some, zeros));
  for (uint32_t i = 0; i < COUNT; i++) {
    test_set(ones, i, "0");
    test_set(zeros, i, "1");
    assert_false(test_evaluate(every, ones));
    assert_true(test_evaluate(some, zeros));
    test_set(ones, i, "?");
    /* A later failure does not count. */
    if (i + 1 < COUNT) {
      test_set(ones, i + 1, "!");
    }
    bool held = false;
    hf_error error;
    assert_int_equal(hf_condition_evaluate(every, ones, &held, &error), HF_ERROR_MISSING_VARIABLE);
    assert_int_equal(error.variable, i);
    assert_int_equal(error.offset_bytes, all_at[i]);
    assert_int_equal(error.length_bytes, strlen(names[i]));
    test_set(ones, i, "1");
    if (i + 1 < COUNT) {
      test_set(ones, i + 1, "1");
    }
    test_set(zeros, i, "0");
  }
  hf_context_destroy(zeros);
  hf_context_destroy(ones);
  hf_condition_destroy(some);
  hf_condition_destroy(every);
  hf_schema_release(schema);
}

/* Schemas ------------------------------------------------------------------- */

static void an_equal_schema_serves(void **state) {
  (void)state;
  hf_schema *schema = test_schema("cpu:number region:string");
  hf_schema *equal = test_schema("cpu:number region:string");
  hf_condition *condition = test_compile(schema, "cpu > 1 and region == 'eu'");
  hf_context *context = test_context(equal, "cpu=2 region='eu'");
  assert_true(test_evaluate(condition, context));
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(equal);
  hf_schema_release(schema);
}

static void another_schema_is_refused(void **state) {
  (void)state;
  static const char *const others[] = {"",
                                       "cpu:number",
                                       "cpu region:string",
                                       "region:string cpu:number",
                                       "cpu:number region:string more",
                                       "cpu:number zone:string"};
  hf_schema *schema = test_schema("cpu:number region:string");
  hf_condition *conditions[] = {test_compile(schema, "cpu > 1"), test_compile(schema, "always")};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    hf_schema *other = test_schema(others[i]);
    hf_context *context = test_context(other, "");
    for (size_t c = 0; c < 2; c++) {
      bool held = true;
      hf_error error = test_untouched_error();
      assert_int_equal(hf_condition_evaluate(conditions[c], context, &held, &error),
                       HF_ERROR_SCHEMA_MISMATCH);
      assert_true(held);
      assert_int_equal(error.status, HF_ERROR_SCHEMA_MISMATCH);
      assert_int_equal(error.variable, HF_NO_VARIABLE);
      assert_true(strlen(error.message) > 0);
      assert_int_equal(hf_condition_evaluate(conditions[c], context, &held, NULL),
                       HF_ERROR_SCHEMA_MISMATCH);
    }
    hf_context_destroy(context);
    hf_schema_release(other);
  }
  hf_condition_destroy(conditions[1]);
  hf_condition_destroy(conditions[0]);
  hf_schema_release(schema);
}

/* The text belongs to the caller again once it is compiled. */
static void the_text_is_copied(void **state) {
  (void)state;
  hf_schema *schema = test_schema("v:string");
  char text[] = "v == 'keep'";
  hf_condition *condition = test_compile(schema, text);
  memset(text, '#', sizeof text - 1);
  hf_context *context = test_context(schema, "v='keep'");
  assert_true(test_evaluate(condition, context));
  size_t length = 0;
  assert_memory_equal(hf_condition_text(condition, &length), "v == 'keep'", 11);
  assert_int_equal(length, 11);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

/* Against the model --------------------------------------------------------- */

static void random_conditions_agree_with_the_model(void **state) {
  (void)state;
  enum { TREES = 8000, CONTEXTS = 25 };
  test_random random = test_random_start("model");
  hf_schema *schema = model_schema();
  hf_context *context = test_context(schema, "");
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = 1000;
  uint32_t evaluations = 0;
  uint32_t held_count = 0;
  uint32_t failures = 0;
  uint32_t refused = 0;
  for (uint32_t t = 0; t < TREES; t++) {
    model_tree tree;
    char text[MODEL_TEXT_BYTES];
    model_generate(&tree, &random, 1 + test_random_below(&random, MODEL_MAX_COMPARISONS));
    size_t length = model_print(&tree, &random, text);
    model_outcome compiled = model_compile(&tree);
    hf_condition *condition = NULL;
    hf_error error = {.status = HF_OK};
    hf_status status = hf_condition_compile(schema, text, length, &options, &condition, &error);
    if (status != compiled.status) {
      test_fail("%s\n  compiles with %s, the model says %s\n", text, hf_status_name(status),
                hf_status_name(compiled.status));
    }
    if (status != HF_OK) {
      assert_int_equal(error.offset_bytes, compiled.offset_bytes);
      assert_int_equal(error.length_bytes, compiled.length_bytes);
      refused++;
      continue;
    }
    for (uint32_t c = 0; c < CONTEXTS; c++) {
      hf_value values[MODEL_VARIABLE_COUNT];
      model_random_values(&random, values);
      model_fill(context, values);
      model_outcome expected = model_evaluate(&tree, values);
      bool held = false;
      status = hf_condition_evaluate(condition, context, &held, &error);
      evaluations++;
      held_count += held;
      failures += status != HF_OK;
      bool agrees = status == expected.status && held == expected.held;
      if (agrees && status != HF_OK) {
        agrees = error.offset_bytes == expected.offset_bytes &&
                 error.length_bytes == expected.length_bytes && error.variable == expected.variable;
      }
      if (!agrees) {
        test_fail("%s\n  got %s %d at %" PRIu32 "+%" PRIu32 ", the model says %s %d at %zu+%zu\n",
                  text, hf_status_name(status), held, error.offset_bytes, error.length_bytes,
                  hf_status_name(expected.status), expected.held, expected.offset_bytes,
                  expected.length_bytes);
      }
    }
    hf_condition_destroy(condition);
  }
  printf("model: %" PRIu32 " evaluations, %" PRIu32 " held, %" PRIu32 " failed; %" PRIu32
         " conditions refused\n",
         evaluations, held_count, failures, refused);
  assert_true(evaluations >= 100000);
  assert_true(held_count > evaluations / 5);
  assert_true(failures > evaluations / 20 && failures < evaluations / 2);
  assert_true(refused > TREES / 50);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Depth --------------------------------------------------------------------- */

enum { DEPTH = 100000 };

typedef struct deep_text {
  const char *open;
  const char *core;
  const char *close;
  bool held;
} deep_text;

static const deep_text deep_texts[] = {
    {"(", "a == 1", ")", true},
    {"(a == 1 or ", "a == 2", ")", true},
    {"(a == 1 and ", "a == 2", ")", false},
    {"a == 1 and (b == 2 or (", "a == 1", "))", true},
    {"(((((((((((((((", "a == 1", "))))))))))))) or b == 1))", true},
};

static void *compile_and_evaluate_deep_texts(void *failures) {
  uint32_t *failed = failures;
  hf_variable variables[] = {{"a", HF_TYPE_NUMBER}, {"b", HF_TYPE_NUMBER}};
  hf_schema *schema = NULL;
  *failed = 1;
  if (hf_schema_create(variables, 2, NULL, &schema, NULL) != HF_OK) {
    return NULL;
  }
  hf_context *context = NULL;
  if (hf_context_create(schema, NULL, &context) != HF_OK ||
      hf_context_set_number(context, 0, 1) != HF_OK ||
      hf_context_set_number(context, 1, 1) != HF_OK) {
    return NULL;
  }
  *failed = 0;
  for (size_t i = 0; i < sizeof deep_texts / sizeof deep_texts[0]; i++) {
    const deep_text *deep = &deep_texts[i];
    size_t open = strlen(deep->open);
    size_t core = strlen(deep->core);
    size_t close = strlen(deep->close);
    uint32_t depth = open > 12 ? DEPTH / 4 : DEPTH;
    size_t length = depth * (open + close) + core;
    char *text = malloc(length);
    char *at = text;
    for (uint32_t d = 0; d < depth; d++, at += open) {
      memcpy(at, deep->open, open);
    }
    memcpy(at, deep->core, core);
    at += core;
    for (uint32_t d = 0; d < depth; d++, at += close) {
      memcpy(at, deep->close, close);
    }
    hf_condition_options options = hf_condition_options_default();
    options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
    options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
    hf_condition *condition = NULL;
    bool held = !deep->held;
    hf_status status = hf_condition_compile(schema, text, length, &options, &condition, NULL);
    *failed += status != HF_OK;
    if (status == HF_OK) {
      status = hf_condition_evaluate(condition, context, &held, NULL);
      *failed += status != HF_OK || held != deep->held;
      size_t canonical_length = hf_condition_canonical(condition, NULL, 0);
      *failed += canonical_length == 0 || canonical_length > 2 * length;
      size_t count = hf_condition_node_count(condition);
      hf_node *nodes = calloc(count, sizeof *nodes);
      *failed += nodes == NULL || hf_condition_explain(condition, context, nodes, count) != HF_OK ||
                 nodes[0].held != deep->held;
      free(nodes);
      hf_condition_destroy(condition);
    }
    /* Cut anywhere, it is refused without harm. */
    *failed += hf_condition_compile(schema, text, length - 1, &options, &condition, NULL) == HF_OK;
    free(text);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
  return NULL;
}

static void depth_does_not_use_the_stack(void **state) {
  (void)state;
  pthread_attr_t attributes;
  assert_int_equal(pthread_attr_init(&attributes), 0);
  size_t stack_bytes = TEST_HAS_SANITIZER ? 1024 * 1024 : 64 * 1024;
  size_t least_bytes = (size_t)sysconf(_SC_THREAD_STACK_MIN);
  stack_bytes = stack_bytes < least_bytes ? least_bytes : stack_bytes;
  assert_int_equal(pthread_attr_setstacksize(&attributes, stack_bytes), 0);
  pthread_t thread;
  uint32_t failures = 1;
  assert_int_equal(pthread_create(&thread, &attributes, compile_and_evaluate_deep_texts, &failures),
                   0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(failures, 0);
  pthread_attr_destroy(&attributes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_operator_on_every_kind),
      cmocka_unit_test(every_operator_on_declared_types),
      cmocka_unit_test(a_variable_against_itself),
      cmocka_unit_test(literals_compare_with_values),
      cmocka_unit_test(literals_compare_with_literals),
      cmocka_unit_test(strings_may_hold_nul),
      cmocka_unit_test(always_holds_in_any_case_and_spacing),
      cmocka_unit_test(always_is_refused_elsewhere),
      cmocka_unit_test(and_binds_tighter_than_or),
      cmocka_unit_test(evaluation_is_strict),
      cmocka_unit_test(every_one_of_many_comparisons_counts),
      cmocka_unit_test(an_equal_schema_serves),
      cmocka_unit_test(another_schema_is_refused),
      cmocka_unit_test(the_text_is_copied),
      cmocka_unit_test(random_conditions_agree_with_the_model),
      cmocka_unit_test(depth_does_not_use_the_stack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
