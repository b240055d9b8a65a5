/* Numbers in and out: literals as they are read, and the shortest text that stands for a double. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "hf_test.h"

/* Reading ------------------------------------------------------------------ */

/* The largest double is a literal, and so is what rounds to it; the smallest one too. */
static void literals_reach_the_ends_of_the_double_range(void **state) {
  (void)state;
  hf_schema *schema = test_schema("v:number");
  char text[2000];
  hf_context *context = test_context(schema, "v=1.7976931348623157e308");
  snprintf(text, sizeof text, "v == %.0f", 1.7976931348623157e308);
  hf_condition *condition = test_compile(schema, text);
  assert_true(test_evaluate(condition, context));
  hf_condition_destroy(condition);

  test_set(context, 0, "5e-324");
  snprintf(text, sizeof text, "v == %.1074f", 5e-324);
  condition = test_compile(schema, text);
  assert_true(test_evaluate(condition, context));
  hf_condition_destroy(condition);

  /* Half of it and less is 0: too small is no fault. */
  snprintf(text, sizeof text, "0 == .%0400d1", 0);
  condition = test_compile(schema, text);
  assert_true(test_evaluate(condition, context));
  hf_condition_destroy(condition);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Literals with more digits than a double, among them the hardest to round. */
static void literals_are_rounded_to_the_nearest_double(void **state) {
  (void)state;
  static const struct {
    const char *literal;
    double number;
  } rows[] = {
      {"9007199254740993.00000000000000000000000000000001", 9007199254740994.0},
      {"9007199254740993.0", 9007199254740992.0},
      {"9007199254740995", 9007199254740996.0},
      {"0.1000000000000000055511151231257827021181583404541015625", 0.1},
      {"0.10000000000000000000000000000000000000000000000000000000000000000000001", 0.1},
      {"123456789012345678901234567890", 123456789012345678901234567890.0},
      {"8.988465674311579539", 8.988465674311579539},
      {"1.00000000000000011102230246251565404236316680908203125", 1.0},
      {"1.00000000000000011102230246251565404236316680908203126", 1.0000000000000002},
      {"1.00000000000000033306690738754696212708950042724609375", 1.0000000000000004},
      /* Both ends of what one division by a power of ten can do. */
      {"0.0000000000000000000001", 1e-22},
      {"0.00000000000000000000001", 1e-23},
      {"0.000000000000000000000001", 1e-24},
      {"0.0000000000000000000009007199254740992", 9007199254740992e-37},
  };
  hf_schema *schema = test_schema("v:number");
  hf_context *context = test_context(schema, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "v == %s", rows[i].literal);
    hf_condition *condition = test_compile(schema, text);
    assert_int_equal(hf_context_set_number(context, 0, rows[i].number), HF_OK);
    if (!test_evaluate(condition, context)) {
      test_fail("%s is not %.17g\n", rows[i].literal, rows[i].number);
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Half way between two doubles, the last of a thousand digits decides. */
static void the_last_digit_of_a_literal_counts(void **state) {
  (void)state;
  static const struct {
    const char *head;
    int zeros;
    const char *tail;
    double number;
  } rows[] = {
      {"1.00000000000000011102230246251565404236316680908203125", 1000, "", 1.0},
      {"1.00000000000000011102230246251565404236316680908203125", 1000, "1", 1.0000000000000002},
      /* A digit that decides is not forgotten for the zeros behind it. */
      {"1.00000000000000011102230246251565404236316680908203125", 1000, "10", 1.0000000000000002},
      {"9007199254740993.", 1000, "500", 9007199254740994.0},
      {"9007199254740993.", 1000, "", 9007199254740992.0},
      {"9007199254740993.", 1000, "1", 9007199254740994.0},
      {"0.", 1000, "1", 0.0},
      {"", 1000, "7", 7.0},
      {"", 1000, "7.5", 7.5},
  };
  hf_schema *schema = test_schema("v:number");
  hf_context *context = test_context(schema, "");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[1200];
    snprintf(text, sizeof text, "v == %s%0*d%s", rows[i].head, rows[i].zeros, 0, rows[i].tail);
    hf_condition *condition = test_compile(schema, text);
    assert_int_equal(hf_context_set_number(context, 0, rows[i].number), HF_OK);
    if (!test_evaluate(condition, context)) {
      test_fail("%s...%s is not %.17g\n", rows[i].head, rows[i].tail, rows[i].number);
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Random literals of 1 to 40 digits against the C library's own reading of them. */
static void random_literals_read_as_strtod_reads_them(void **state) {
  (void)state;
  test_random random = test_random_start("literals");
  hf_schema *schema = test_schema("v:number");
  hf_context *context = test_context(schema, "");
  for (int round = 0; round < 20000; round++) {
    char text[64] = "v == ";
    size_t length = 5;
    uint32_t digits = 1 + test_random_below(&random, 40);
    uint32_t point = test_random_below(&random, digits + 10);
    for (uint32_t i = 0; i < digits; i++) {
      if (i == point) {
        text[length] = '.';
        length++;
      }
      text[length] = (char)('0' + test_random_below(&random, 10));
      length++;
    }
    text[length] = '\0';
    hf_condition *condition = test_compile(schema, text);
    assert_int_equal(hf_context_set_number(context, 0, strtod(text + 5, NULL)), HF_OK);
    if (!test_evaluate(condition, context)) {
      test_fail("%s is not %.17g\n", text + 5, strtod(text + 5, NULL));
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Writing ------------------------------------------------------------------ */

/* More than the longest number takes: the smallest double has 324 digits, and some 17 digits. */
enum { NUMBER_BYTES = 400 };

static void write_number(double number, char text[NUMBER_BYTES]) {
  hf__writer out = {.buffer = text, .capacity_bytes = NUMBER_BYTES, .length_bytes = 0};
  hf__decimal_write(&out, number);
  hf__write_end(&out);
  assert_int_equal(strlen(text), out.length_bytes);
}

static void numbers_are_written_without_an_exponent(void **state) {
  (void)state;
  static const struct {
    double number;
    const char *head;
    size_t zeros;
    const char *tail;
  } rows[] = {
      {0, "0", 0, ""},
      {1, "1", 0, ""},
      {10, "10", 0, ""},
      {0.1, "0.1", 0, ""},
      {0.5, "0.5", 0, ""},
      {1.5, "1.5", 0, ""},
      {0.30000000000000004, "0.30000000000000004", 0, ""},
      {123456.5, "123456.5", 0, ""},
      {9007199254740991, "9007199254740991", 0, ""},
      {9007199254740992, "9007199254740992", 0, ""},
      {9007199254740994, "9007199254740994", 0, ""},
      {9999999999999999999.0, "1", 19, ""},
      {1e21, "1", 21, ""},
      {1e22, "1", 22, ""},
      {1e23, "1", 23, ""},
      {1e308, "1", 308, ""},
      {DBL_MAX, "17976931348623157", 292, ""},
      {1e-7, "0.", 6, "1"},
      {1e-300, "0.", 299, "1"},
      {DBL_MIN, "0.", 307, "22250738585072014"},
      /* The largest of those below the normal range, and the smallest. */
      {2.2250738585072009e-308, "0.", 307, "2225073858507201"},
      {1.5e-323, "0.", 322, "15"},
      {1e-323, "0.", 322, "1"},
      {5e-324, "0.", 323, "5"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char expected[NUMBER_BYTES] = "";
    strcat(expected, rows[i].head);
    memset(expected + strlen(expected), '0', rows[i].zeros);
    strcat(expected, rows[i].tail);
    char text[NUMBER_BYTES];
    write_number(rows[i].number, text);
    if (strcmp(text, expected) != 0) {
      test_fail("%.17g is written %s, not %s\n", rows[i].number, text, expected);
    }
    double read = -1;
    assert_int_equal(hf__decimal_parse(text, strlen(text), &read), HF_OK);
    assert_true(read == rows[i].number);
  }
}

/* Digits of the fewest significant ones that strtod reads as the number, and no zeros behind. */
static void shortest_digits(double number, char digits[24], long *exponent) {
  for (int precision = 0; precision < 17; precision++) {
    char text[48];
    snprintf(text, sizeof text, "%.*e", precision, number);
    if (strtod(text, NULL) == number) {
      size_t count = 0;
      const char *at = text;
      for (; *at != 'e'; at++) {
        if (*at != '.') {
          digits[count] = *at;
          count++;
        }
      }
      digits[count] = '\0';
      *exponent = strtol(at + 1, NULL, 10);
      return;
    }
  }
  test_fail("%a has no 17 digits\n", number);
}

static void expand(const char *digits, long exponent, char text[NUMBER_BYTES]) {
  long count = (long)strlen(digits);
  size_t length = 0;
  for (long place = exponent < 0 ? 0 : exponent; place >= 0 || exponent - place < count; place--) {
    if (place == -1) {
      text[length] = '.';
      length++;
    }
    long at = exponent - place;
    text[length] = at < 0 || at >= count ? '0' : digits[at];
    length++;
  }
  text[length] = '\0';
}

static double random_number(test_random *random, uint32_t kind) {
  uint64_t bits = test_random_next(random);
  double number = 0;
  switch (kind) {
  case 0: /* any double */
    bits &= UINT64_MAX >> 1;
    break;
  case 1: /* one below the normal range, of any size */
    bits = (bits & (UINT64_MAX >> 12)) >> test_random_below(random, 52);
    break;
  case 2: /* an integer */
    return (double)(bits >> test_random_below(random, 64));
  default: { /* what a person writes: few digits and a point */
    double scale = pow(10, test_random_below(random, 20));
    return (double)(bits % 1000000) / scale;
  }
  }
  memcpy(&number, &bits, sizeof number);
  return isfinite(number) ? number : 1;
}

static void numbers_are_written_as_short_as_can_be(void **state) {
  (void)state;
  test_random random = test_random_start("shortest");
  for (uint32_t round = 0; round < 20000; round++) {
    double number = random_number(&random, round % 4);
    if (number == 0) {
      continue;
    }
    char digits[24];
    long exponent = 0;
    shortest_digits(number, digits, &exponent);
    char expected[NUMBER_BYTES];
    expand(digits, exponent, expected);
    char text[NUMBER_BYTES];
    write_number(number, text);
    if (strcmp(text, expected) != 0) {
      test_fail("%.17g is written %s, not %s\n", number, text, expected);
    }
    double read = -1;
    assert_int_equal(hf__decimal_parse(text, strlen(text), &read), HF_OK);
    if (read != number) {
      test_fail("%s is read as %.17g, not %.17g\n", text, read, number);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(literals_reach_the_ends_of_the_double_range),
      cmocka_unit_test(literals_are_rounded_to_the_nearest_double),
      cmocka_unit_test(the_last_digit_of_a_literal_counts),
      cmocka_unit_test(random_literals_read_as_strtod_reads_them),
      cmocka_unit_test(numbers_are_written_without_an_exponent),
      cmocka_unit_test(numbers_are_written_as_short_as_can_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
