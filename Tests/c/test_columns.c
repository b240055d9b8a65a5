/*
 * Columns against what they stand for: a context for each row, and the model.
 * Every buffer is a block of exactly its size, so that a sanitizer sees a read
 * beyond it.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "model.h"
#include "program.h"

#define MAX_ROWS 8300

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Memory of exactly `size` bytes; not NULL, which means something else to a column. */
static void *exact_block(size_t size) {
  void *block = malloc(size);
  assert_true(block != NULL || size == 0);
  return block;
}

static bool bit_at(const uint8_t *bitmap, size_t bit) {
  return (bitmap[bit / 8] >> (bit % 8) & 1) != 0;
}

static void put_bit(uint8_t *bitmap, size_t bit, bool value) {
  uint8_t mask = (uint8_t)(1U << (bit % 8));
  bitmap[bit / 8] = (uint8_t)(value ? bitmap[bit / 8] | mask : bitmap[bit / 8] & ~mask);
}

/* Random columns --------------------------------------------------------------- */

static const double doubles[] = {0.0,
                                 -0.0,
                                 1.0,
                                 7.0,
                                 0.5,
                                 2.5,
                                 -1.0,
                                 1e6,
                                 0.3,
                                 0.1 + 0.2,
                                 9007199254740992.0,
                                 9007199254740994.0,
                                 0.49999999999999994,
                                 0.5000000000000001,
                                 DBL_MIN,
                                 DBL_TRUE_MIN,
                                 -DBL_TRUE_MIN,
                                 DBL_MAX,
                                 -DBL_MAX,
                                 1e300};
static const float floats[] = {0.0F,         -0.0F,         1.0F,
                               7.0F,         0.5F,          2.5F,
                               -1.0F,        1e6F,          0.3F,
                               0.30000004F,  0.29999998F,   9007199254740992.0F,
                               0.49999997F,  0.50000006F,   FLT_MIN,
                               FLT_TRUE_MIN, -FLT_TRUE_MIN, FLT_MAX,
                               -FLT_MAX,     2.4999998F,    9007198180999168.0F,
                               1000000.0625F};
static const char *const strings[] = {
    "", "a", "ab", "b", "é", "z", "low", "\xF0\x9F\x94\xA5", "\xEF\xBD\x81", "it's"};

static double random_double(test_random *random) {
  switch (test_random_below(random, 24)) {
  case 0:
    return (double)NAN;
  case 1:
    return (double)INFINITY;
  case 2:
    return -(double)INFINITY;
  default:
    return doubles[test_random_below(random, COUNT(doubles))];
  }
}

static float random_float(test_random *random) {
  switch (test_random_below(random, 24)) {
  case 0:
    return NAN;
  case 1:
    return INFINITY;
  case 2:
    return -INFINITY;
  default:
    return floats[test_random_below(random, COUNT(floats))];
  }
}

/* A column, the blocks it stands on, and what it should say. */
typedef struct test_column {
  hf_column column;
  void *values;
  uint8_t *validity;
  hf_word *dictionary;
  hf_value *expected;
} test_column;

static void free_column(test_column *made) {
  free(made->values);
  free(made->validity);
  free(made->dictionary);
  free(made->expected);
}

/* An array for values of `size` bytes, with a stride or packed. */
static void make_array(test_column *made, test_random *random, size_t rows, size_t size) {
  hf_column *column = &made->column;
  size_t before = 0;
  switch (test_random_below(random, 4)) {
  case 0: /* any distance, from any address */
    column->stride_bytes = size + test_random_below(random, 20);
    before = test_random_below(random, 9);
    break;
  case 1: /* packed, though it says so otherwise */
    column->stride_bytes = size;
    break;
  default: /* packed, from any address that is aligned */
    before = size * test_random_below(random, 3);
    break;
  }
  size_t stride = column->stride_bytes == 0 ? size : column->stride_bytes;
  made->values = exact_block(rows == 0 ? 0 : before + (rows - 1) * stride + size);
  column->values = rows == 0 ? NULL : (char *)made->values + before;
}

static char *value_place(test_column *made, size_t row, size_t size) {
  size_t stride = made->column.stride_bytes == 0 ? size : made->column.stride_bytes;
  return (char *)(uintptr_t)made->column.values + row * stride;
}

static void make_numbers(test_column *made, test_random *random, size_t rows) {
  bool is_float = made->column.type == HF_COLUMN_FLOAT;
  size_t size = is_float ? sizeof(float) : sizeof(double);
  make_array(made, random, rows, size);
  for (size_t row = 0; row < rows; row++) {
    float narrow = random_float(random);
    double wide = is_float ? (double)narrow : random_double(random);
    memcpy(value_place(made, row, size), is_float ? (void *)&narrow : (void *)&wide, size);
    made->expected[row] = (hf_value){.kind = HF_KIND_NUMBER, .number = wide};
  }
}

static void make_booleans(test_column *made, test_random *random, size_t rows) {
  size_t offset = test_random_below(random, 20);
  uint8_t *bits = exact_block((offset + rows + 7) / 8);
  for (size_t row = 0; row < rows; row++) {
    bool value = test_random_below(random, 2) == 1;
    put_bit(bits, offset + row, value);
    made->expected[row] = (hf_value){.kind = HF_KIND_BOOLEAN, .number = value ? 1 : 0};
  }
  made->values = bits;
  made->column.values = bits;
  made->column.offset_bits = offset;
}

static void make_strings(test_column *made, test_random *random, size_t rows) {
  static const uint32_t sizes[] = {0, 1, 2, 5, 10, 31, 32, 33, 64, 100};
  uint32_t words = sizes[test_random_below(random, COUNT(sizes))];
  made->dictionary = exact_block(words * sizeof(hf_word));
  for (uint32_t i = 0; i < words; i++) {
    const char *string = strings[test_random_below(random, COUNT(strings))];
    made->dictionary[i] = (hf_word){string[0] == '\0' ? NULL : string, strlen(string)};
  }
  made->column.dictionary = words == 0 ? NULL : made->dictionary;
  made->column.dictionary_count = words;
  make_array(made, random, rows, sizeof(int32_t));
  bool has_strays = test_random_below(random, 4) == 0;
  for (size_t row = 0; row < rows; row++) {
    static const int32_t strays[] = {-1, INT32_MIN, INT32_MAX, 0};
    int32_t code = (int32_t)test_random_below(random, words == 0 ? 1 : words);
    if (has_strays && test_random_below(random, 32) == 0) {
      code = strays[test_random_below(random, COUNT(strays))];
      code = code == 0 ? (int32_t)words : code;
    }
    memcpy(value_place(made, row, sizeof code), &code, sizeof code);
    bool is_word = code >= 0 && (uint32_t)code < words;
    made->expected[row] = is_word ? (hf_value){.kind = HF_KIND_STRING,
                                               .string = made->dictionary[code].bytes,
                                               .length_bytes = made->dictionary[code].length_bytes}
                                  : (hf_value){.kind = HF_KIND_INVALID};
  }
}

static void make_validity(test_column *made, test_random *random, size_t rows) {
  size_t offset = test_random_below(random, 20);
  made->validity = exact_block((offset + rows + 7) / 8);
  memset(made->validity, (int)test_random_below(random, 256), (offset + rows + 7) / 8);
  uint32_t one_in = 1 + test_random_below(random, 64);
  for (size_t row = 0; row < rows; row++) {
    bool valid = test_random_below(random, one_in) != 0 || test_random_below(random, 8) != 0;
    put_bit(made->validity, offset + row, valid);
    if (!valid) {
      made->expected[row] = (hf_value){.kind = HF_KIND_MISSING};
    }
  }
  made->column.validity = made->validity;
  made->column.validity_offset_bits = offset;
}

static hf_column_type random_type(test_random *random, hf_type declared) {
  if (test_random_below(random, 128) == 0) {
    return HF_COLUMN_ABSENT;
  }
  uint32_t choice = test_random_below(random, 12);
  switch (declared) {
  case HF_TYPE_STRING:
    return HF_COLUMN_STRING;
  case HF_TYPE_BOOLEAN:
    return HF_COLUMN_BOOLEAN;
  case HF_TYPE_NUMBER:
    return choice < 6 ? HF_COLUMN_DOUBLE : HF_COLUMN_FLOAT;
  case HF_TYPE_ANY:
    break;
  }
  return choice < 5    ? HF_COLUMN_DOUBLE
         : choice < 9  ? HF_COLUMN_FLOAT
         : choice < 11 ? HF_COLUMN_BOOLEAN
                       : HF_COLUMN_STRING;
}

static test_column make_column(test_random *random, hf_type declared, size_t rows) {
  test_column made = {.column = {.type = random_type(random, declared)}};
  made.expected = calloc(rows + 1, sizeof *made.expected);
  assert_non_null(made.expected);
  switch (made.column.type) {
  case HF_COLUMN_ABSENT:
    return made;
  case HF_COLUMN_DOUBLE:
  case HF_COLUMN_FLOAT:
    make_numbers(&made, random, rows);
    break;
  case HF_COLUMN_BOOLEAN:
    make_booleans(&made, random, rows);
    break;
  case HF_COLUMN_STRING:
    make_strings(&made, random, rows);
    break;
  }
  if (test_random_below(random, 4) == 0) {
    make_validity(&made, random, rows);
  }
  return made;
}

/* Checks ----------------------------------------------------------------------- */

/* What a call should answer for a row. */
typedef enum row_answer { ROW_FALSE, ROW_HOLDS, ROW_FAILS } row_answer;

/* Evaluates on one path and compares every row. */
static void check_path(hf__path path, hf_condition *condition, const hf_column *columns,
                       size_t column_count, size_t rows, const row_answer *expected,
                       const char *text) {
  hf__condition_use_path(condition, path);
  for (uint32_t outputs = 0; outputs < 4; outputs++) {
    uint8_t *held = (outputs & 1) == 0 ? exact_block(HF_BITMAP_BYTES(rows)) : NULL;
    uint8_t *failed = (outputs & 2) == 0 ? exact_block(HF_BITMAP_BYTES(rows)) : NULL;
    bool wants_held = held != NULL && rows > 0;
    bool wants_failed = failed != NULL && rows > 0;
    if (wants_held) {
      memset(held, 0xA5, HF_BITMAP_BYTES(rows));
    }
    if (wants_failed) {
      memset(failed, 0x5A, HF_BITMAP_BYTES(rows));
    }
    hf_column_counts counts = {SIZE_MAX, SIZE_MAX};
    hf_error error;
    hf_status status = hf_condition_evaluate_columns(condition, columns, column_count, rows, held,
                                                     failed, &counts, &error);
    if (status != HF_OK) {
      test_fail("%s: %s: %s\n", hf__path_name(path), text, error.message);
    }
    size_t holds = 0;
    size_t fails = 0;
    for (size_t row = 0; row < rows; row++) {
      holds += expected[row] == ROW_HOLDS;
      fails += expected[row] == ROW_FAILS;
      if ((wants_held && bit_at(held, row) != (expected[row] == ROW_HOLDS)) ||
          (wants_failed && bit_at(failed, row) != (expected[row] == ROW_FAILS))) {
        test_fail("%s: row %zu of %zu should be %d: %s\n", hf__path_name(path), row, rows,
                  (int)expected[row], text);
      }
    }
    for (size_t row = rows; row % 8 != 0; row++) {
      assert_false(wants_held && bit_at(held, row));
      assert_false(wants_failed && bit_at(failed, row));
    }
    assert_int_equal(counts.held, holds);
    assert_int_equal(counts.failed, fails);
    free(held);
    free(failed);
  }
}

static void check_paths(hf_condition *condition, const hf_column *columns, size_t column_count,
                        size_t rows, const row_answer *expected, const char *text) {
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (hf__path_is_supported((hf__path)path)) {
      check_path((hf__path)path, condition, columns, column_count, rows, expected, text);
    }
  }
}

/* One answer for all the rows of a condition that is written out. */
static void check_text(const hf_schema *schema, const char *text, const hf_column *columns,
                       size_t column_count, size_t rows, const row_answer *expected) {
  hf_condition *condition = test_compile(schema, text);
  check_paths(condition, columns, column_count, rows, expected, text);
  hf_condition_destroy(condition);
}

/* Random programs -------------------------------------------------------------- */

static size_t random_row_count(test_random *random) {
  static const size_t counts[] = {0,   1,   7,   8,   9,   15,  16,   17,   63,   64,
                                  65,  67,  71,  72,  127, 128, 129,  191,  511,  512,
                                  513, 575, 576, 577, 640, 700, 1023, 1024, 1025, 1100};
  static const size_t large[] = {4095, 4096, 4097, 4160, 4167, 8191, 8192, 8193, 8256, 8299};
  return test_random_below(random, 40) == 0 ? large[test_random_below(random, COUNT(large))]
                                            : counts[test_random_below(random, COUNT(counts))];
}

static void same_value(const hf_value *got, const hf_value *wanted) {
  assert_int_equal(got->kind, wanted->kind);
  if (wanted->kind == HF_KIND_NUMBER || wanted->kind == HF_KIND_BOOLEAN) {
    assert_true(got->number == wanted->number ||
                (got->number != got->number && wanted->number != wanted->number));
  }
  if (wanted->kind == HF_KIND_STRING) {
    assert_int_equal(got->length_bytes, wanted->length_bytes);
    assert_true(wanted->length_bytes == 0 ||
                memcmp(got->string, wanted->string, wanted->length_bytes) == 0);
  }
}

/* What the model and a context say of each row, which must be the same. */
static void expect_rows(const model_tree *tree, const hf_condition *condition,
                        const test_column *made, const hf_column *columns, size_t column_count,
                        size_t rows, row_answer *expected) {
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_condition_schema(condition), NULL, &context), HF_OK);
  for (size_t row = 0; row < rows; row++) {
    hf_value values[MODEL_VARIABLE_COUNT];
    assert_int_equal(hf_context_set_row(context, columns, column_count, row), HF_OK);
    for (uint32_t i = 0; i < MODEL_VARIABLE_COUNT; i++) {
      values[i] = i < column_count ? made[i].expected[row] : (hf_value){.kind = HF_KIND_MISSING};
      hf_value got = hf_context_get(context, i);
      same_value(&got, &values[i]);
    }
    model_outcome outcome = model_evaluate(tree, values);
    bool held = false;
    assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL), outcome.status);
    assert_int_equal(held, outcome.held);
    expected[row] = outcome.status != HF_OK ? ROW_FAILS : outcome.held ? ROW_HOLDS : ROW_FALSE;
  }
  hf_context_destroy(context);
}

static void random_columns_decide_as_contexts(void **state) {
  (void)state;
  test_random random = test_random_start("columns");
  hf_schema *schema = model_schema();
  row_answer *expected = malloc(MAX_ROWS * sizeof *expected);
  assert_non_null(expected);
  size_t total[3] = {0, 0, 0};
  for (uint32_t round = 0; round < 3000; round++) {
    model_tree tree;
    char text[MODEL_TEXT_BYTES];
    hf_condition *condition = NULL;
    do {
      uint32_t most = test_random_below(&random, 2) == 0 ? 3 : MODEL_MAX_COMPARISONS;
      model_generate(&tree, &random, 1 + test_random_below(&random, most));
      model_print(&tree, &random, text);
    } while (model_compile(&tree).status != HF_OK);
    condition = test_compile(schema, text);
    size_t rows = random_row_count(&random);
    size_t column_count = MODEL_VARIABLE_COUNT -
                          (test_random_below(&random, 16) == 0 ? test_random_below(&random, 3) : 0);
    test_column made[MODEL_VARIABLE_COUNT];
    hf_column columns[MODEL_VARIABLE_COUNT];
    for (uint32_t i = 0; i < column_count; i++) {
      made[i] = make_column(&random, hf_schema_variable(schema, i).type, rows);
      columns[i] = made[i].column;
    }
    expect_rows(&tree, condition, made, columns, column_count, rows, expected);
    check_paths(condition, columns, column_count, rows, expected, text);
    for (size_t row = 0; row < rows; row++) {
      total[expected[row]]++;
    }
    for (uint32_t i = 0; i < column_count; i++) {
      free_column(&made[i]);
    }
    hf_condition_destroy(condition);
  }
  printf("columns: %zu rows: %zu held, %zu failed; paths:", total[0] + total[1] + total[2],
         total[ROW_HOLDS], total[ROW_FAILS]);
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    printf(hf__path_is_supported((hf__path)path) ? " %s" : " (no %s)",
           hf__path_name((hf__path)path));
  }
  printf("\n");
  assert_true(total[ROW_HOLDS] > 10000 && total[ROW_FALSE] > 10000 && total[ROW_FAILS] > 10000);
  free(expected);
  hf_schema_release(schema);
}

/* Numbers ---------------------------------------------------------------------- */

static bool orders(double left, hf_operator op, double right) {
  switch (op) {
  case HF_OPERATOR_EQUAL:
    return left == right;
  case HF_OPERATOR_NOT_EQUAL:
    return left != right;
  case HF_OPERATOR_LESS:
    return left < right;
  case HF_OPERATOR_LESS_OR_EQUAL:
    return left <= right;
  case HF_OPERATOR_GREATER:
    return left > right;
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return left >= right;
  }
  return false;
}

/* Literals, of which some are floats, some lie between two, beyond all or below the least. */
static const char *const literals[] = {"0",
                                       "0.1",
                                       "0.3",
                                       "0.5",
                                       "1",
                                       "16777217",
                                       "340282346638528859811704183484516925440",
                                       "340282346638528900000000000000000000000",
                                       "340282356779733661637539395458142568448",
                                       "400000000000000000000000000000000000000"};

/* "0.000…01" with `zeros` zeros, or "1000…0" with them. */
static void write_tiny(char *text, size_t zeros, const char *digits) {
  size_t at = 2;
  memcpy(text, "0.", 2);
  memset(text + at, '0', zeros);
  memcpy(text + at + zeros, digits, strlen(digits) + 1);
}

static void write_huge(char *text, size_t zeros) {
  text[0] = '1';
  memset(text + 1, '0', zeros);
  text[zeros + 1] = '\0';
}

/* Every operator, the literal on either side, against these values as doubles and floats. */
static void check_literal(const hf_schema *schema, const char *literal) {
  char *end = NULL;
  double number = strtod(literal, &end);
  assert_int_equal(*end, '\0');
  float near[64];
  size_t count = 0;
  for (size_t i = 0; i < COUNT(floats); i++) {
    near[count++] = floats[i];
  }
  float rounded = number > (double)FLT_MAX ? FLT_MAX : (float)number;
  const float around[] = {rounded,
                          nextafterf(rounded, INFINITY),
                          nextafterf(rounded, -INFINITY),
                          -rounded,
                          NAN,
                          INFINITY,
                          -INFINITY,
                          16777216.0F,
                          16777218.0F,
                          FLT_MIN / 2};
  for (size_t i = 0; i < COUNT(around); i++) {
    near[count++] = around[i];
  }
  double wide[64];
  for (size_t i = 0; i < count; i++) {
    wide[i] = (double)near[i];
  }
  const double extra[] = {number, nextafter(number, (double)INFINITY),
                          nextafter(number, -(double)INFINITY)};
  hf_column narrow_column = {.type = HF_COLUMN_FLOAT, .values = near};
  hf_column wide_column = {.type = HF_COLUMN_DOUBLE, .values = wide};
  hf_column extra_column = {.type = HF_COLUMN_DOUBLE, .values = extra};
  for (int op = HF_OPERATOR_EQUAL; op <= HF_OPERATOR_GREATER_OR_EQUAL; op++) {
    for (int turned = 0; turned < 2; turned++) {
      char text[1024];
      const char *symbol = hf_operator_symbol((hf_operator)op);
      snprintf(text, sizeof text, "%s %s %s", turned ? literal : "x", symbol,
               turned ? "x" : literal);
      row_answer expected[64];
      row_answer expected_extra[COUNT(extra)];
      for (size_t i = 0; i < count; i++) {
        expected[i] = turned ? orders(number, (hf_operator)op, wide[i])
                             : orders(wide[i], (hf_operator)op, number);
      }
      for (size_t i = 0; i < COUNT(extra); i++) {
        expected_extra[i] = turned ? orders(number, (hf_operator)op, extra[i])
                                   : orders(extra[i], (hf_operator)op, number);
      }
      check_text(schema, text, &narrow_column, 1, count, expected);
      check_text(schema, text, &wide_column, 1, count, expected);
      check_text(schema, text, &extra_column, 1, COUNT(extra), expected_extra);
    }
  }
}

static void floats_compare_with_literals_that_are_none(void **state) {
  (void)state;
  hf_schema *schema = test_schema("x:number");
  char text[400];
  for (size_t i = 0; i < COUNT(literals); i++) {
    check_literal(schema, literals[i]);
  }
  write_huge(text, 300);
  check_literal(schema, text);
  write_huge(text, 30);
  check_literal(schema, text);
  write_tiny(text, 319, "1"); /* 1e-320, below the least float */
  check_literal(schema, text);
  write_tiny(text, 44, "1"); /* between 0 and the least float */
  check_literal(schema, text);
  write_tiny(text, 44, "15"); /* just above the least float */
  check_literal(schema, text);
  write_tiny(text, 39, "3"); /* a float below the normal ones, or near one */
  check_literal(schema, text);
  hf_schema_release(schema);
}

/* Strings ---------------------------------------------------------------------- */

/* Every word of a dictionary in turn, for dictionaries about the sizes that are stored apart. */
static void each_word_of_a_dictionary_is_decided(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 2, 3, 31, 32, 33, 64, 65, 1000, 4096, 4097, 6000};
  static const char *const texts[] = {
      "s == 'w7'",   "s != 'w7'",   "s < 'w5'", "'w20' <= s",
      "s == 'none'", "s != 'none'", "s >= ''",  "s == 'w0' or s == 'w1' or s == 'w30'"};
  hf_schema *schema = test_schema("s:string");
  for (size_t i = 0; i < COUNT(sizes); i++) {
    size_t words = sizes[i];
    hf_word *dictionary = exact_block(words * sizeof *dictionary);
    char(*names)[8] = exact_block(words * sizeof *names);
    int32_t *codes = exact_block(words * sizeof *codes);
    row_answer *expected = exact_block(words * sizeof *expected);
    for (size_t word = 0; word < words; word++) {
      dictionary[word] =
          (hf_word){names[word], (size_t)snprintf(names[word], sizeof names[word], "w%zu", word)};
      codes[word] = (int32_t)word;
    }
    hf_column column = {.type = HF_COLUMN_STRING,
                        .values = codes,
                        .dictionary = dictionary,
                        .dictionary_count = words};
    for (size_t text = 0; text < COUNT(texts); text++) {
      for (size_t word = 0; word < words; word++) {
        const char *name = names[word];
        const bool answers[] = {strcmp(name, "w7") == 0,
                                strcmp(name, "w7") != 0,
                                strcmp(name, "w5") < 0,
                                strcmp("w20", name) <= 0,
                                false,
                                true,
                                true,
                                word == 0 || word == 1 || word == 30};
        expected[word] = answers[text] ? ROW_HOLDS : ROW_FALSE;
      }
      check_text(schema, texts[text], &column, 1, words, expected);
    }
    free(dictionary);
    free(names);
    free(codes);
    free(expected);
  }
  hf_schema_release(schema);
}

/* Failures --------------------------------------------------------------------- */

static void a_comparison_without_order_fails_every_row(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a b");
  const double numbers[] = {1, 2, 3};
  const int32_t codes[] = {0, 0, 0};
  const hf_word dictionary[] = {{"x", 1}};
  const hf_column columns[] = {
      {.type = HF_COLUMN_DOUBLE, .values = numbers},
      {.type = HF_COLUMN_STRING, .values = codes, .dictionary = dictionary, .dictionary_count = 1}};
  const row_answer fails[] = {ROW_FAILS, ROW_FAILS, ROW_FAILS};
  const row_answer holds[] = {ROW_HOLDS, ROW_HOLDS, ROW_HOLDS};
  const row_answer first[] = {ROW_HOLDS, ROW_FALSE, ROW_FALSE};
  const row_answer never[] = {ROW_FALSE, ROW_FALSE, ROW_FALSE};
  check_text(schema, "a < b", columns, 2, 3, fails);
  check_text(schema, "a == 1 or b >= 1", columns, 2, 3, fails);
  check_text(schema, "a == 1 or 1 < 'a'", columns, 2, 3, fails);
  check_text(schema, "1 < 'a' or a == 1", columns, 2, 3, fails);
  check_text(schema, "a == 1 or a < 'a'", columns, 2, 3, fails);
  check_text(schema, "a == 1 or 1 == 'a'", columns, 2, 3, first);
  check_text(schema, "a == b", columns, 2, 3, never);
  check_text(schema, "a != b and b != 1 and 1 != 'a'", columns, 2, 3, holds);
  check_text(schema, "a == 1 or b == 'x'", columns, 1, 3, fails);
  check_text(schema, "a == 1", columns, 1, 3, first);
  check_text(schema, "1 < 2", NULL, 0, 3, holds);
  check_text(schema, "2 < 1", NULL, 0, 3, never);
  check_text(schema, "always", NULL, 0, 3, holds);
  check_text(schema, "a == 1", NULL, 0, 3, fails);
  hf_schema_release(schema);
}

/* Arguments -------------------------------------------------------------------- */

/* Refused, with everything untouched, by evaluation and by a context alike. */
static void check_refused(const hf_condition *condition, const hf_column *columns,
                          size_t column_count, hf_status status, uint32_t variable) {
  uint8_t held[2] = {0xA5, 0xA5};
  uint8_t failed[2] = {0x5A, 0x5A};
  hf_column_counts counts = {77, 78};
  hf_error error = test_untouched_error();
  assert_int_equal(hf_condition_evaluate_columns(condition, columns, column_count, 9, held, failed,
                                                 &counts, &error),
                   status);
  assert_int_equal(error.status, status);
  assert_int_equal(error.variable, variable);
  assert_int_equal(error.offset_bytes, HF_NO_OFFSET);
  assert_int_equal(error.suggestion, HF_NO_VARIABLE);
  test_check_message(&error);
  assert_int_equal(hf_condition_evaluate_columns(condition, columns, column_count, 9, held, failed,
                                                 &counts, NULL),
                   status);
  assert_true(held[0] == 0xA5 && held[1] == 0xA5 && failed[0] == 0x5A && failed[1] == 0x5A);
  assert_true(counts.held == 77 && counts.failed == 78);

  hf_context *context =
      test_context(hf_condition_schema(condition), "number=4 text='old' flag=true any=[]");
  assert_int_equal(hf_context_set_row(context, columns, column_count, 3), status);
  assert_true(hf_context_get(context, 0).number == 4);
  assert_int_equal(hf_context_get(context, 1).length_bytes, 3);
  assert_int_equal(hf_context_get(context, 2).kind, HF_KIND_BOOLEAN);
  assert_int_equal(hf_context_get(context, 3).kind, HF_KIND_CONTAINER);
  hf_context_destroy(context);
}

typedef struct sound_columns {
  double numbers[10];
  float narrow[10];
  int32_t codes[10];
  uint8_t bits[2];
  hf_word dictionary[2];
  hf_column columns[5];
} sound_columns;

static void make_sound(sound_columns *sound) {
  *sound = (sound_columns){.numbers = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
                           .codes = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
                           .bits = {0x55, 0x01},
                           .dictionary = {{"x", 1}, {NULL, 0}}};
  sound->columns[0] = (hf_column){.type = HF_COLUMN_DOUBLE, .values = sound->numbers};
  sound->columns[1] = (hf_column){.type = HF_COLUMN_STRING,
                                  .values = sound->codes,
                                  .dictionary = sound->dictionary,
                                  .dictionary_count = 2};
  sound->columns[2] = (hf_column){.type = HF_COLUMN_BOOLEAN, .values = sound->bits};
  sound->columns[3] = (hf_column){.type = HF_COLUMN_FLOAT, .values = sound->narrow};
}

static void columns_that_are_not_well_formed_are_refused(void **state) {
  (void)state;
  hf_schema *schema = test_schema("number:number text:string flag:boolean any");
  hf_condition *condition = test_compile(schema, "text != 'y' or number > 2");
  sound_columns sound;
  const hf_status invalid = HF_ERROR_INVALID_ARGUMENT;
  hf_column *const columns = sound.columns;

  make_sound(&sound);
  hf_column_counts counts;
  assert_int_equal(
      hf_condition_evaluate_columns(condition, columns, 4, 9, NULL, NULL, &counts, NULL), HF_OK);
  check_refused(condition, columns, 5, invalid, HF_NO_VARIABLE);
  check_refused(condition, columns, SIZE_MAX, invalid, HF_NO_VARIABLE);
  check_refused(condition, NULL, 4, invalid, HF_NO_VARIABLE);

  make_sound(&sound);
  columns[0].type = (hf_column_type)5;
  check_refused(condition, columns, 4, invalid, 0);
  columns[0].type = (hf_column_type)-1;
  check_refused(condition, columns, 4, invalid, 0);
  for (uint32_t i = 0; i < 4; i++) {
    make_sound(&sound);
    columns[i].values = NULL;
    check_refused(condition, columns, 4, invalid, i);
  }
  for (uint32_t i = 0; i < 4; i++) {
    make_sound(&sound);
    columns[i].stride_bytes = i == 0 ? 7 : 3;
    check_refused(condition, columns, 4, invalid, i);
  }
  make_sound(&sound);
  columns[2].stride_bytes = 8;
  check_refused(condition, columns, 4, invalid, 2);
  make_sound(&sound);
  columns[0].values = (const char *)sound.numbers + 4;
  check_refused(condition, columns, 4, invalid, 0);
  make_sound(&sound);
  columns[1].values = (const char *)sound.codes + 2;
  check_refused(condition, columns, 4, invalid, 1);
  make_sound(&sound);
  columns[3].values = (const char *)sound.narrow + 1;
  check_refused(condition, columns, 4, invalid, 3);
  make_sound(&sound);
  columns[1].dictionary = NULL;
  check_refused(condition, columns, 4, invalid, 1);
  make_sound(&sound);
  sound.dictionary[1].length_bytes = 1;
  check_refused(condition, columns, 4, invalid, 1);
#if SIZE_MAX > UINT32_MAX
  make_sound(&sound);
  sound.dictionary[1] = (hf_word){"x", (size_t)UINT32_MAX + 1};
  check_refused(condition, columns, 4, invalid, 1);
#endif

  for (uint32_t i = 0; i < 3; i++) {
    make_sound(&sound);
    columns[i] = sound.columns[(i + 1) % 3];
    check_refused(condition, columns, 4, HF_ERROR_TYPE_MISMATCH, i);
  }
  make_sound(&sound);
  columns[1] = columns[3];
  check_refused(condition, columns, 4, HF_ERROR_TYPE_MISMATCH, 1);

  /* Not read, so not refused. */
  make_sound(&sound);
  columns[0] = (hf_column){.type = HF_COLUMN_ABSENT, .stride_bytes = 1};
  assert_int_equal(
      hf_condition_evaluate_columns(condition, columns, 4, 9, NULL, NULL, &counts, NULL), HF_OK);
  assert_int_equal(counts.failed, 9);
  for (uint32_t i = 0; i < 4; i++) {
    columns[i].values = NULL;
  }
  assert_int_equal(
      hf_condition_evaluate_columns(condition, columns, 4, 0, NULL, NULL, &counts, NULL), HF_OK);
  assert_true(counts.held == 0 && counts.failed == 0);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void a_row_fills_every_slot_of_a_context(void **state) {
  (void)state;
  hf_schema *schema = test_schema("number:number text:string flag:boolean any more");
  sound_columns sound;
  make_sound(&sound);
  const uint8_t validity[] = {0x10}; /* row 1, from bit 3 on */
  sound.columns[3].validity = validity;
  sound.columns[3].validity_offset_bits = 3;
  sound.narrow[1] = 0.1F;
  sound.codes[2] = 2;
  hf_context *context = test_context(schema, "number=4 text='old' flag=true any=[] more=null");
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 1), HF_OK);
  assert_true(hf_context_get(context, 0).number == 2);
  assert_int_equal(hf_context_get(context, 1).kind, HF_KIND_STRING);
  assert_int_equal(hf_context_get(context, 1).length_bytes, 0);
  assert_int_equal(hf_context_get(context, 2).kind, HF_KIND_BOOLEAN);
  assert_true(hf_context_get(context, 2).number == 0);
  assert_true(hf_context_get(context, 3).number == (double)0.1F);
  assert_int_equal(hf_context_get(context, 4).kind, HF_KIND_MISSING);
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 2), HF_OK);
  assert_int_equal(hf_context_get(context, 1).kind, HF_KIND_INVALID);
  assert_true(hf_context_get(context, 2).number == 1);
  assert_int_equal(hf_context_get(context, 3).kind, HF_KIND_MISSING);
  assert_int_equal(hf_context_set_row(context, NULL, 0, 0), HF_OK);
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(hf_context_get(context, i).kind, HF_KIND_MISSING);
  }
  /* A word that only another row has does not matter. */
  sound.dictionary[1].length_bytes = 1;
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 0), HF_OK);
  /* Nor does the one of a row that has no value. */
  const uint8_t none[] = {0};
  sound.columns[1].validity = none;
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 1), HF_OK);
  assert_int_equal(hf_context_get(context, 1).kind, HF_KIND_MISSING);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* What could fail is done before the first slot is filled: room for strings too. */
static void a_row_takes_room_for_its_strings_alone(void **state) {
  (void)state;
  hf_schema *schema = test_schema("number:number text:string flag:boolean any more");
  sound_columns sound;
  make_sound(&sound);
  sound.codes[2] = 2; /* outside */
  hf_context *context = test_context(schema, "");
  assert_int_equal(hf_context_set_row(context, sound.columns, 1, 0), HF_OK);
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 2), HF_OK);
  assert_null(context->rest);
  assert_true(hf__context_make_room(context));
  const hf__context_rest *room = context->rest;
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 1), HF_OK);
  assert_ptr_equal(context->rest, room);
  hf_context_destroy(context);
  context = test_context(schema, "");
  assert_int_equal(hf_context_set_row(context, sound.columns, 4, 1), HF_OK);
  assert_non_null(context->rest);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Memory ----------------------------------------------------------------------- */

static hf_condition *compile_counted(const hf_schema *schema, const char *text,
                                     counting_allocator *counting) {
  hf_allocator hooks = counting_hooks(counting);
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
  options.allocator = &hooks;
  hf_condition *condition = NULL;
  assert_int_equal(hf_condition_compile(schema, text, strlen(text), &options, &condition, NULL),
                   HF_OK);
  return condition;
}

/* How often a call allocates; each of those refused once leaves everything untouched. */
static size_t check_allocations(const char *text, const hf_schema *schema, const hf_column *columns,
                                size_t column_count, hf_column_counts expected) {
  static counting_allocator counting;
  counting_reset(&counting, 0);
  hf_condition *condition = compile_counted(schema, text, &counting);
  size_t live = counting.live_blocks;
  counting.allocations = 0;
  hf_column_counts counts = {0, 0};
  assert_int_equal(
      hf_condition_evaluate_columns(condition, columns, column_count, 9, NULL, NULL, &counts, NULL),
      HF_OK);
  assert_int_equal(counts.held, expected.held);
  assert_int_equal(counts.failed, expected.failed);
  assert_int_equal(counting.live_blocks, live);
  size_t allocations = counting.allocations;
  for (size_t refused = 1; refused <= allocations; refused++) {
    uint8_t held[2] = {0xA5, 0xA5};
    hf_column_counts untouched = {77, 78};
    hf_error error = test_untouched_error();
    counting.allocations = 0;
    counting.refuse = refused;
    assert_int_equal(hf_condition_evaluate_columns(condition, columns, column_count, 9, held, held,
                                                   &untouched, &error),
                     HF_ERROR_OUT_OF_MEMORY);
    assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
    assert_int_equal(error.variable, HF_NO_VARIABLE);
    assert_true(held[0] == 0xA5 && held[1] == 0xA5);
    assert_true(untouched.held == 77 && untouched.failed == 78);
    assert_int_equal(counting.live_blocks, live);
  }
  hf_condition_destroy(condition);
  return allocations;
}

/*
 * "number >= 0 and (number < 0 or (number >= 0 and … number >= 5", or the same with
 * the parentheses on the left: of `depth` comparisons the innermost decides.
 */
static char *nested_text(uint32_t depth, bool from_the_left) {
  size_t room = (size_t)depth * 32 + 1;
  char *text = malloc(room);
  assert_non_null(text);
  size_t at = 0;
  if (from_the_left) {
    memset(text, '(', depth - 1);
    at = depth - 1;
    at += (size_t)snprintf(text + at, room - at, "number >= 5");
  }
  for (uint32_t i = 1; i < depth; i++) {
    bool is_and = i % 2 == 1;
    at += (size_t)snprintf(text + at, room - at,
                           from_the_left ? " %s number %s 0)" : "%.0snumber %s 0 ",
                           is_and ? "and" : "or", is_and ? ">=" : "<");
    if (!from_the_left) {
      at += (size_t)snprintf(text + at, room - at, "%s (", is_and ? "and" : "or");
    }
  }
  if (!from_the_left) {
    at += (size_t)snprintf(text + at, room - at, "number >= 5");
    memset(text + at, ')', depth - 1);
    text[at + depth - 1] = '\0';
  }
  return text;
}

static void usual_conditions_allocate_nothing(void **state) {
  (void)state;
  hf_schema *schema = test_schema("number:number text:string");
  sound_columns sound;
  make_sound(&sound);
  hf_word *dictionary = exact_block(6000 * sizeof *dictionary);
  for (uint32_t i = 0; i < 6000; i++) {
    dictionary[i] = (hf_word){i < 6 ? &"abcdef"[i] : "y", 1};
  }
  for (uint32_t i = 0; i < 10; i++) {
    sound.codes[i] = (int32_t)i;
  }
  sound.columns[1].dictionary = dictionary;
  /* 50 tokens: 12 comparisons, of which each decides the dictionary. */
  static const char text[] =
      "text > 'b' and text < 'x' and text > 'b' and text < 'x' and text > 'b' and text < 'x' and "
      "text > 'b' and text < 'x' and text > 'b' and text < 'x' and text > 'b' and text < 'x'";
  const hf_column_counts expected = {.held = 4, .failed = 0};
  sound.columns[1].dictionary_count = 4096;
  assert_int_equal(check_allocations(text, schema, sound.columns, 2, expected), 0);
  sound.columns[1].dictionary_count = 6000;
  assert_int_equal(
      check_allocations("text > 'b' and text < 'x'", schema, sound.columns, 2, expected), 0);
  assert_int_equal(check_allocations(text, schema, sound.columns, 2, expected), 1);
  free(dictionary);
  hf_schema_release(schema);
}

/* However deep, in one block; against a context row by row. */
static void deep_conditions_take_one_block(void **state) {
  (void)state;
  hf_schema *schema = test_schema("number:number text:string");
  sound_columns sound;
  make_sound(&sound);
  static const uint32_t depths[] = {2, 3, 12, 13, 14, 15, 31, 32, 33, 34, 500};
  for (size_t i = 0; i < 2 * COUNT(depths); i++) {
    uint32_t depth = depths[i / 2];
    char *text = nested_text(depth, i % 2 == 1);
    hf_condition *condition = test_compile(schema, text);
    hf_context *context = NULL;
    assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
    row_answer expected[9];
    hf_column_counts counts = {0, 0};
    for (size_t row = 0; row < 9; row++) {
      assert_int_equal(hf_context_set_row(context, sound.columns, 2, row), HF_OK);
      expected[row] = test_evaluate(condition, context) ? ROW_HOLDS : ROW_FALSE;
      counts.held += expected[row] == ROW_HOLDS;
    }
    assert_int_equal(counts.held, 5);
    check_paths(condition, sound.columns, 2, 9, expected, text);
    assert_int_equal(check_allocations(text, schema, sound.columns, 2, counts), depth > 13);
    hf_context_destroy(context);
    hf_condition_destroy(condition);
    free(text);
  }
  hf_schema_release(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_columns_decide_as_contexts),
      cmocka_unit_test(floats_compare_with_literals_that_are_none),
      cmocka_unit_test(each_word_of_a_dictionary_is_decided),
      cmocka_unit_test(a_comparison_without_order_fails_every_row),
      cmocka_unit_test(columns_that_are_not_well_formed_are_refused),
      cmocka_unit_test(a_row_fills_every_slot_of_a_context),
      cmocka_unit_test(a_row_takes_room_for_its_strings_alone),
      cmocka_unit_test(usual_conditions_allocate_nothing),
      cmocka_unit_test(deep_conditions_take_one_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
