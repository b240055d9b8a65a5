/*
 * The rows of Tests/conformance, whose README states their format and which
 * rows bind.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"
#include "program.h"
#include "token.h"

#ifndef HF_CONFORMANCE_DIRECTORY
#error "HF_CONFORMANCE_DIRECTORY says where the rows are"
#endif

#define TOKEN_LIMIT 1000

/* How often a row is repeated in columns, and at which bit of a bitmap it begins: nothing even. */
#define COLUMN_ROWS 67
#define COLUMN_OFFSET_BITS 3

typedef struct row_tally {
  uint32_t rows;
  uint32_t bound;
  uint32_t precision;
  uint32_t ascii;
  uint32_t failures;
  uint32_t evaluations; /* on every path */
  uint32_t in_columns;
  uint32_t beyond_columns;
} row_tally;

/* What a row wants. */
typedef struct expectation {
  bool at_compile;
  bool held;
  const char *error; /* NULL when it wants an answer */
  bool offset_binds;
  size_t offset_bytes;
} expectation;

/* Reading ------------------------------------------------------------------ */

typedef void row_check(json_t *row, row_tally *tally);

static void read_rows(const char *name, row_check *check, row_tally *tally) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.jsonl", HF_CONFORMANCE_DIRECTORY, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    test_fail("cannot open %s\n", path);
    return;
  }
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
    json_error_t error;
    json_t *row =
        json_loadb(line, (size_t)length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    tally->rows++;
    if (row == NULL) {
      test_fail("%s row %" PRIu32 " is no JSON: %s\n", name, tally->rows, error.text);
    }
    check(row, tally);
    json_decref(row);
  }
  free(line);
  fclose(file);
}

static const char *row_id(const json_t *row) {
  return json_string_value(json_object_get(row, "id"));
}

static const char *row_text(const json_t *row, size_t *length) {
  const json_t *text = json_object_get(row, "expr");
  assert_true(json_is_string(text));
  *length = json_string_length(text);
  return json_string_value(text);
}

/* Recorded offsets count code points. */
static size_t byte_offset(const char *text, size_t length, const json_t *code_points) {
  size_t left = (size_t)json_number_value(code_points);
  size_t at = 0;
  while (left > 0 && at < length) {
    at++;
    while (at < length && ((unsigned char)text[at] & 0xC0) == 0x80) {
      at++;
    }
    left--;
  }
  assert_int_equal(left, 0);
  return at;
}

/* The ASCII rule ----------------------------------------------------------- */

static bool is_space(unsigned char c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D);
}
static bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}
static bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_known_word(const char *word, size_t length) {
  static const char *const words[] = {
      "severity", "recurrence_count", "confidence", "step", "duration", "and", "or"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0) {
      return true;
    }
  }
  return false;
}

/*
 * Whether the first fault of the text, from the left, is a character outside
 * quotes that is neither printable ASCII nor white space 09-0D. Says where.
 */
static bool breaks_ascii_rule(const char *text, size_t length, size_t *offset) {
  size_t at = 0;
  while (at < length) {
    unsigned char c = (unsigned char)text[at];
    if (c == '"' || c == '\'') {
      const char *close = memchr(text + at + 1, c, length - at - 1);
      if (close == NULL) {
        return false;
      }
      at = (size_t)(close - text) + 1;
    } else if (is_letter(c)) {
      size_t end = at;
      while (end < length &&
             (is_letter((unsigned char)text[end]) || is_digit((unsigned char)text[end]))) {
        end++;
      }
      if (!is_known_word(text + at, end - at)) {
        return false;
      }
      at = end;
    } else if (is_space(c) || is_digit(c) || strchr("()<>=!.", c) != NULL) {
      if (c == '\0') {
        *offset = at;
        return true;
      }
      bool alone = (c == '=' || c == '!') && (at + 1 == length || text[at + 1] != '=') &&
                   (at == 0 || strchr("<>=!", text[at - 1]) == NULL);
      bool point = c == '.' && (at + 1 == length || !is_digit((unsigned char)text[at + 1])) &&
                   (at == 0 || !is_digit((unsigned char)text[at - 1]));
      if (alone || point) {
        return false;
      }
      at++;
    } else if (c < 0x20 || c >= 0x7F) {
      *offset = at;
      return true;
    } else {
      return false;
    }
  }
  return false;
}

/* Conditions --------------------------------------------------------------- */

static void fill(hf_context *context, const json_t *values) {
  const hf_schema *schema = hf_context_schema(context);
  const char *name = NULL;
  json_t *value = NULL;
  json_t *all = json_incref((json_t *)(uintptr_t)values);
  json_object_foreach(all, name, value) {
    uint32_t index = hf_schema_find(schema, name, strlen(name));
    if (index == HF_NO_VARIABLE) {
      continue;
    }
    hf_status status = HF_ERROR_INVALID_ARGUMENT;
    switch (json_typeof(value)) {
    case JSON_INTEGER:
    case JSON_REAL:
      status = hf_context_set_number(context, index, json_number_value(value));
      break;
    case JSON_STRING:
      status = hf_context_set_string(context, index, json_string_value(value),
                                     json_string_length(value));
      break;
    case JSON_TRUE:
    case JSON_FALSE:
      status = hf_context_set_boolean(context, index, json_is_true(value));
      break;
    case JSON_NULL:
      status = hf_context_set_null(context, index);
      break;
    case JSON_ARRAY:
    case JSON_OBJECT:
      status = hf_context_set_container(context, index);
      break;
    }
    assert_int_equal(status, HF_OK);
  }
  json_decref(all);
}

/* The five variables of a row as columns of COLUMN_ROWS equal rows. */
typedef struct row_columns {
  hf_column columns[5];
  double numbers[5][COLUMN_ROWS];
  float floats[5][COLUMN_ROWS];
  int32_t codes[COLUMN_ROWS]; /* all 0 */
  hf_word words[5];
  uint8_t ones[HF_BITMAP_BYTES(COLUMN_OFFSET_BITS + COLUMN_ROWS)];
  uint8_t zeros[HF_BITMAP_BYTES(COLUMN_OFFSET_BITS + COLUMN_ROWS)];
} row_columns;

/* Makes the columns of a row; numbers are floats where `narrow` asks and they can be. False when
 * there is a null or a container, which columns have not. */
static bool make_columns(row_columns *made, const json_t *values, bool narrow) {
  memset(made, 0, sizeof *made);
  memset(made->ones, 0xFF, sizeof made->ones);
  for (uint32_t i = 0; i < 5; i++) {
    hf_column *column = &made->columns[i];
    const json_t *value = json_object_get(values, hf_schema_variable(hf_schema_classic(), i).name);
    double number = json_number_value(value);
    column->validity = made->ones;
    column->validity_offset_bits = COLUMN_OFFSET_BITS;
    column->offset_bits = COLUMN_OFFSET_BITS;
    if (value == NULL) {
      /* No column at all, or one without values. */
      column->type = narrow ? HF_COLUMN_FLOAT : HF_COLUMN_ABSENT;
      column->values = made->floats[i];
      column->validity = made->zeros;
    } else if (json_is_number(value) && narrow && (double)(float)number == number) {
      for (size_t row = 0; row < COLUMN_ROWS; row++) {
        made->floats[i][row] = (float)number;
      }
      column->type = HF_COLUMN_FLOAT;
      column->values = made->floats[i];
    } else if (json_is_number(value)) {
      for (size_t row = 0; row < COLUMN_ROWS; row++) {
        made->numbers[i][row] = number;
      }
      column->type = HF_COLUMN_DOUBLE;
      column->values = made->numbers[i];
    } else if (json_is_string(value)) {
      made->words[i] = (hf_word){json_string_value(value), json_string_length(value)};
      column->type = HF_COLUMN_STRING;
      column->values = made->codes;
      column->dictionary = &made->words[i];
      column->dictionary_count = 1;
    } else if (json_is_boolean(value)) {
      column->type = HF_COLUMN_BOOLEAN;
      column->values = json_is_true(value) ? made->ones : made->zeros;
    } else {
      return false;
    }
  }
  return true;
}

/* Whether columns of so many rows decide, on every path, as the context did. */
static bool columns_agree(hf_condition *condition, const row_columns *made, size_t rows,
                          hf_status status, bool held) {
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (!hf__path_is_supported((hf__path)path)) {
      continue;
    }
    hf__condition_use_path(condition, (hf__path)path);
    uint8_t holding[HF_BITMAP_BYTES(COLUMN_ROWS)];
    uint8_t failing[HF_BITMAP_BYTES(COLUMN_ROWS)];
    hf_column_counts counts;
    if (hf_condition_evaluate_columns(condition, made->columns, 5, rows, holding, failing, &counts,
                                      NULL) != HF_OK ||
        counts.held != (status == HF_OK && held ? rows : 0) ||
        counts.failed != (status == HF_OK ? 0 : rows)) {
      return false;
    }
    for (size_t row = 0; row < rows; row++) {
      if ((holding[row / 8] >> (row % 8) & 1) != (status == HF_OK && held) ||
          (failing[row / 8] >> (row % 8) & 1) != (status != HF_OK)) {
        return false;
      }
    }
  }
  return true;
}

static void check_columns(const json_t *row, hf_condition *condition, hf_status status, bool held,
                          row_tally *tally) {
  const json_t *values = json_object_get(row, "context");
  row_columns made;
  if (!make_columns(&made, values, false)) {
    tally->beyond_columns++;
    return;
  }
  bool agrees = columns_agree(condition, &made, 1, status, held) &&
                columns_agree(condition, &made, COLUMN_ROWS, status, held);
  make_columns(&made, values, true);
  agrees = agrees && columns_agree(condition, &made, 1, status, held) &&
           columns_agree(condition, &made, COLUMN_ROWS, status, held);
  tally->in_columns++;
  if (!agrees) {
    tally->failures++;
    print_error("%s: columns decide otherwise than a context\n", row_id(row));
  }
}

static expectation expected_by(const json_t *row, const char *text, size_t length) {
  expectation expected = {0};
  const json_t *answer = json_object_get(row, "recommended");
  const json_t *at_parse = NULL;
  if (answer != NULL) {
    at_parse = json_object_get(answer, "parse_error");
    expected.error = json_string_value(at_parse);
  } else {
    answer = row;
    const char *phase = json_string_value(json_object_get(row, "phase"));
    if (phase != NULL && strcmp(phase, "parse") == 0) {
      at_parse = json_object_get(row, "error");
    }
  }
  expected.at_compile = at_parse != NULL;
  if (expected.error == NULL) {
    expected.error = json_string_value(json_object_get(answer, "error"));
  }
  if (expected.error == NULL) {
    const json_t *result = json_object_get(answer, "result");
    assert_true(json_is_boolean(result));
    expected.held = json_is_true(result);
  }
  const json_t *offset = json_object_get(answer, "offset");
  if (json_is_number(offset)) {
    expected.offset_binds = true;
    expected.offset_bytes = byte_offset(text, length, offset);
  }
  return expected;
}

/* What a row got, and from what: compilation or a path of evaluation. */
typedef struct answer {
  const char *from;
  bool at_compile;
  hf_status status;
  bool held;
  const hf_error *error; /* of a failure */
} answer;

static void compare_answers(const json_t *row, const expectation *expected, const answer *got,
                            row_tally *tally) {
  const char *wanted = expected->error != NULL ? expected->error
                       : expected->held        ? "true"
                                               : "false";
  const char *answered = got->status != HF_OK ? hf_status_name(got->status)
                         : got->held          ? "true"
                                              : "false";
  bool failed = got->status != HF_OK;
  bool phase_differs = failed && got->at_compile != expected->at_compile;
  bool offset_differs =
      failed && expected->offset_binds && got->error->offset_bytes != expected->offset_bytes;
  if (strcmp(wanted, answered) != 0 || phase_differs || offset_differs) {
    size_t length = 0;
    const char *text = row_text(row, &length);
    tally->failures++;
    print_error("%s: %.*s\n  expected %s%s at %zu, got %s at %" PRIu32 " (%s)\n", row_id(row),
                (int)length, text, wanted, expected->at_compile ? " (compile)" : "",
                expected->offset_bytes, answered, failed ? got->error->offset_bytes : 0, got->from);
  }
}

static void check_condition(json_t *row, row_tally *tally) {
  const char *tag = json_string_value(json_object_get(row, "tag"));
  if (tag != NULL && strcmp(tag, "precision") == 0) {
    tally->precision++;
    return;
  }
  size_t length = 0;
  const char *text = row_text(row, &length);
  expectation expected = expected_by(row, text, length);
  size_t offset = 0;
  if (breaks_ascii_rule(text, length, &offset)) {
    tally->ascii++;
    expected = (expectation){.at_compile = true,
                             .error = "unexpected_character",
                             .offset_binds = true,
                             .offset_bytes = offset};
  }
  tally->bound++;

  const hf_schema *schema = hf_schema_classic();
  hf_condition *condition = NULL;
  hf_error error = {.status = HF_OK};
  hf_status status = hf_condition_compile(schema, text, length, NULL, &condition, &error);
  if (status != HF_OK) {
    compare_answers(row, &expected, &(answer){"compile", true, status, false, &error}, tally);
    return;
  }
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  fill(context, json_object_get(row, "context"));
  bool held = false;
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (hf__path_is_supported((hf__path)path)) {
      hf__condition_use_path(condition, (hf__path)path);
      held = false;
      status = hf_condition_evaluate(condition, context, &held, &error);
      compare_answers(row, &expected,
                      &(answer){hf__path_name((hf__path)path), false, status, held, &error}, tally);
      tally->evaluations++;
    }
  }
  hf_context_destroy(context);
  check_columns(row, condition, status, held, tally);
  hf_condition_destroy(condition);
}

/* Tokens ------------------------------------------------------------------- */

static const char *token_type(hf__token_kind kind) {
  switch (kind) {
  case HF__TOKEN_END:
    return "EOF";
  case HF__TOKEN_NUMBER:
    return "NUMBER";
  case HF__TOKEN_STRING:
    return "STRING";
  case HF__TOKEN_VARIABLE:
    return "VARIABLE";
  case HF__TOKEN_OPERATOR:
    return "OPERATOR";
  case HF__TOKEN_AND:
  case HF__TOKEN_OR:
    return "LOGICAL";
  case HF__TOKEN_LPAREN:
    return "LPAREN";
  case HF__TOKEN_RPAREN:
    return "RPAREN";
  }
  return "?";
}

static bool text_equals(const json_t *value, const char *text, size_t length) {
  return json_is_string(value) && json_string_length(value) == length &&
         memcmp(json_string_value(value), text, length) == 0;
}

/* Whether the token says what the row's value says, by its fields and by its place in the text. */
static bool token_matches(const hf__token *token, const json_t *value, const char *text) {
  const char *at = text + token->offset_bytes;
  size_t length = token->length_bytes;
  switch (token->kind) {
  case HF__TOKEN_END:
    return json_is_null(value) && length == 0;
  case HF__TOKEN_NUMBER: {
    /* The recorded number, as a double, by way of its own text. */
    return json_is_number(value) && token->number == json_number_value(value) && length > 0;
  }
  case HF__TOKEN_STRING:
    return length >= 2 && at[0] == at[length - 1] && text_equals(value, at + 1, length - 2);
  case HF__TOKEN_VARIABLE: {
    hf_variable variable = hf_schema_variable(hf_schema_classic(), token->variable);
    return variable.name != NULL && text_equals(value, variable.name, strlen(variable.name)) &&
           text_equals(value, at, length);
  }
  case HF__TOKEN_OPERATOR: {
    const char *symbol = hf_operator_symbol(token->op);
    return text_equals(value, symbol, strlen(symbol)) && text_equals(value, at, length);
  }
  case HF__TOKEN_AND:
    return text_equals(value, "and", 3) && text_equals(value, at, length);
  case HF__TOKEN_OR:
    return text_equals(value, "or", 2) && text_equals(value, at, length);
  case HF__TOKEN_LPAREN:
  case HF__TOKEN_RPAREN:
    return text_equals(value, at, length) && length == 1;
  }
  return false;
}

static void check_tokens(json_t *row, row_tally *tally) {
  size_t length = 0;
  const char *text = row_text(row, &length);
  const json_t *expected = json_object_get(row, "tokens");
  assert_true(json_is_array(expected));
  tally->bound++;

  hf__token tokens[TOKEN_LIMIT];
  uint32_t count = 0;
  hf_error error = {.status = HF_OK};
  hf_status status =
      hf__tokenize(hf_schema_classic(), text, length, TOKEN_LIMIT, tokens, &count, &error);
  size_t offset = 0;
  if (breaks_ascii_rule(text, length, &offset)) {
    tally->ascii++;
    if (status != HF_ERROR_UNEXPECTED_CHARACTER || error.offset_bytes != offset) {
      tally->failures++;
      print_error("%s: %.*s\n  expected unexpected_character at %zu, got %s at %" PRIu32 "\n",
                  row_id(row), (int)length, text, offset, hf_status_name(status),
                  error.offset_bytes);
    }
    return;
  }
  if (status != HF_OK || count != json_array_size(expected)) {
    tally->failures++;
    print_error("%s: %.*s\n  expected %zu tokens, got %" PRIu32 " (%s)\n", row_id(row), (int)length,
                text, json_array_size(expected), count, hf_status_name(status));
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    const json_t *token = json_array_get(expected, i);
    const char *type = json_string_value(json_array_get(token, 0));
    size_t position = byte_offset(text, length, json_array_get(token, 2));
    if (strcmp(type, token_type(tokens[i].kind)) != 0 || position != tokens[i].offset_bytes ||
        !token_matches(&tokens[i], json_array_get(token, 1), text)) {
      tally->failures++;
      print_error(
          "%s: %.*s\n  token %" PRIu32 ": expected %s at %zu, got %s '%.*s' at %" PRIu32 "\n",
          row_id(row), (int)length, text, i, type, position, token_type(tokens[i].kind),
          (int)tokens[i].length_bytes, text + tokens[i].offset_bytes, tokens[i].offset_bytes);
    }
  }
}

/* -------------------------------------------------------------------------- */

static void check_file(const char *name, row_check *check, uint32_t least_rows) {
  row_tally tally = {0};
  read_rows(name, check, &tally);
  printf("conformance: %s %" PRIu32 " rows: %" PRIu32 " bound, %" PRIu32
         " precision rows not bound, %" PRIu32 " by the ASCII rule; %" PRIu32 " evaluations\n",
         name, tally.rows, tally.bound, tally.precision, tally.ascii, tally.evaluations);
  if (tally.in_columns > 0) {
    printf("conformance: %s in columns: %" PRIu32 " rows; %" PRIu32
           " with nulls or containers, which columns have not\n",
           name, tally.in_columns, tally.beyond_columns);
  }
  assert_int_equal(tally.failures, 0);
  assert_true(tally.rows >= least_rows);
  assert_int_equal(tally.rows, tally.bound + tally.precision);
}

static void conditions_answer_as_recorded(void **state) {
  (void)state;
  check_file("conditions", check_condition, 1128);
}

static void tokens_are_as_recorded(void **state) {
  (void)state;
  check_file("condition_tokens", check_tokens, 359);
}

static void suite_conditions_answer_as_recorded(void **state) {
  (void)state;
  check_file("suite_conditions", check_condition, 35);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditions_answer_as_recorded),
      cmocka_unit_test(tokens_are_as_recorded),
      cmocka_unit_test(suite_conditions_answer_as_recorded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
