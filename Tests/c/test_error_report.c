/* The report with the caret, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"
#include "utf8.h"

static hf_error fault(uint32_t offset, uint32_t length) {
  hf_error error = {.status = HF_ERROR_VARIABLE_NOT_ALLOWED,
                    .offset_bytes = offset,
                    .length_bytes = length,
                    .variable = HF_NO_VARIABLE,
                    .suggestion = HF_NO_VARIABLE,
                    .message = "message"};
  return error;
}

static void reports_point_at_the_fault(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t offset;
    uint32_t length;
    const char *report;
  } rows[] = {
      {"sevrity >= 0.8", 0, 7,
       "  1 | sevrity >= 0.8\n"
       "    | ^~~~~~~\n"},
      {"cpu > zzz", 6, 3,
       "  1 | cpu > zzz\n"
       "    |       ^~~\n"},
      {"cpu @ 1", 4, 1,
       "  1 | cpu @ 1\n"
       "    |     ^\n"},
      {"cpu >", 5, 0,
       "  1 | cpu >\n"
       "    |      ^\n"},
      {"", 0, 0,
       "  1 | \n"
       "    | ^\n"},
      /* A line that fits is shown whole, wherever the fault is in it. */
      {"severity >= 0.8 and recurrence_count >= 2 or confidence @ 0.9", 56, 1,
       "  1 | severity >= 0.8 and recurrence_count >= 2 or confidence @ 0.9\n"
       "    |                                                         ^\n"},
      /* The line of the fault, and its number. */
      {"cpu > 1\nand zzz\nor cpu > 2", 12, 3,
       "  2 | and zzz\n"
       "    |     ^~~\n"},
      {"cpu > 1\n", 8, 0,
       "  2 | \n"
       "    | ^\n"},
      {"\n\n\n\n\n\n\n\n\ncpu > zzz", 15, 3,
       "  10 | cpu > zzz\n"
       "     |       ^~~\n"},
      /* A fault of several lines is marked on its first. */
      {"cpu > 'open\nand more", 6, 14,
       "  1 | cpu > 'open\n"
       "    |       ^~~~~\n"},
      /* Control characters take one column. */
      {"cpu\t>\tzzz", 6, 3,
       "  1 | cpu > zzz\n"
       "    |       ^~~\n"},
      {"cpu\x01\x1B\x7F\r> 1", 3, 1,
       "  1 | cpu    > 1\n"
       "    |    ^\n"},
      {"region == '\xC2\x85\xC2\x9B' zzz", 17, 3,
       "  1 | region == '  ' zzz\n"
       "    |                ^~~\n"},
      /* Columns are characters, not bytes. */
      {"region == 'caf\xC3\xA9 \xE2\x82\xAC' or zzz", 25, 3,
       "  1 | region == 'caf\xC3\xA9 \xE2\x82\xAC' or zzz\n"
       "    |                       ^~~\n"},
      {"cpu \xE2\x89\xA5 1", 4, 3,
       "  1 | cpu \xE2\x89\xA5 1\n"
       "    |     ^\n"},
      {"'\xC3\xA9\xC3\xA9'", 0, 6,
       "  1 | '\xC3\xA9\xC3\xA9'\n"
       "    | ^~~~\n"},
      /* Bytes that are no text are shown as question marks. */
      {"cpu \xFF\xC3", 4, 1,
       "  1 | cpu ?\?\n"
       "    |     ^\n"},
      {"'\xC3\xA9\x80' == 'b'", 3, 1,
       "  1 | '\xC3\xA9?' == 'b'\n"
       "    |   ^\n"},
      {"'\xE2\x82\xAC\xF0\x9F' == zzz", 11, 3,
       "  1 | '\xE2\x82\xAC?\?' == zzz\n"
       "    |          ^~~\n"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_error error = fault(rows[i].offset, rows[i].length);
    char expected[256];
    snprintf(expected, sizeof expected, "variable_not_allowed: message\n%s", rows[i].report);
    char report[HF_ERROR_REPORT_BYTES];
    size_t length =
        hf_error_format(&error, rows[i].text, strlen(rows[i].text), report, sizeof report);
    if (strcmp(report, expected) != 0 || length != strlen(expected)) {
      test_fail("got\n%sinstead of\n%s", report, expected);
    }
  }
}

static void a_report_without_text_has_no_caret(void **state) {
  (void)state;
  hf_error error = fault(3, 4);
  char report[HF_ERROR_REPORT_BYTES];
  hf_error_format(&error, NULL, 0, report, sizeof report);
  assert_string_equal(report, "variable_not_allowed: message\n");
}

/* The example at the top of base.h. */
static void the_report_of_the_documentation(void **state) {
  (void)state;
  const char *text = "sevrity >= 0.8";
  hf_condition *condition = NULL;
  hf_error error;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, strlen(text), NULL, &condition, &error),
      HF_ERROR_VARIABLE_NOT_ALLOWED);
  char report[HF_ERROR_REPORT_BYTES];
  hf_error_format(&error, text, strlen(text), report, sizeof report);
  assert_string_equal(report,
                      "variable_not_allowed: unknown variable 'sevrity'; did you mean 'severity'?\n"
                      "  1 | sevrity >= 0.8\n"
                      "    | ^~~~~~~\n");
}

/* What would act on a terminal is a space, and the neighbours of it are themselves. */
static void invisible_characters_are_shown_as_spaces(void **state) {
  (void)state;
  static const struct {
    const char *character;
    bool is_shown;
  } rows[] = {
      {"\x01", false},
      {"\t", false},
      {"\x1B", false},
      {"\x1F", false},
      {" ", true},
      {"~", true},
      {"\x7F", false},
      {"\xC2\x80", false},
      {"\xC2\x9F", false},
      {"\xC2\xA0", true},
      {"\xE2\x80\x8A", true},
      {"\xE2\x80\x8B", false},
      {"\xE2\x80\x8F", false},
      {"\xE2\x80\x90", true},
      {"\xE2\x80\xA7", true},
      {"\xE2\x80\xA8", false},
      {"\xE2\x80\xA9", false},
      {"\xE2\x80\xAE", false},
      {"\xE2\x80\xAF", true},
      {"\xE2\x81\xA5", true},
      {"\xE2\x81\xA6", false},
      {"\xE2\x81\xA9", false},
      {"\xE2\x81\xAA", true},
      {"\xEF\xBB\xBE", true},
      {"\xEF\xBB\xBF", false},
      {"\xEF\xBC\x80", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[32];
    snprintf(text, sizeof text, "a%s@", rows[i].character);
    hf_error error = fault((uint32_t)strlen(text) - 1, 1);
    char expected[128];
    snprintf(expected, sizeof expected, "variable_not_allowed: message\n  1 | a%s@\n    |   ^\n",
             rows[i].is_shown ? rows[i].character : " ");
    char report[HF_ERROR_REPORT_BYTES];
    hf_error_format(&error, text, strlen(text), report, sizeof report);
    if (strcmp(report, expected) != 0) {
      test_fail("row %zu: got\n%sinstead of\n%s", i, report, expected);
    }
  }
}

/* 76 columns of a line are shown: 30 before the fault, unless the line ends too soon for that. */
static void a_long_line_is_shown_through_a_window(void **state) {
  (void)state;
  enum { WINDOW = 76 };
  static const struct {
    size_t columns;
    uint32_t fault;
    size_t from; /* the first column that is shown */
  } rows[] = {
      {75, 74, 0},     {76, 0, 0},      {76, 31, 0},     {76, 75, 0},     {76, 76, 0},
      {77, 0, 0},      {77, 30, 0},     {77, 31, 1},     {77, 76, 1},     {77, 77, 1},
      {200, 0, 0},     {200, 30, 0},    {200, 31, 1},    {200, 32, 2},    {200, 100, 70},
      {200, 153, 123}, {200, 154, 124}, {200, 155, 124}, {200, 180, 124}, {200, 199, 124},
      {200, 200, 124},
  };
  char text[200];
  for (size_t i = 0; i < sizeof text; i++) {
    text[i] = (char)('a' + i % 26);
  }
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t columns = rows[i].columns;
    size_t from = rows[i].from;
    bool cut_before = from > 0;
    bool cut_after = columns - from > WINDOW;
    char expected[512];
    snprintf(expected, sizeof expected,
             "variable_not_allowed: message\n  1 | %s%.*s%s\n    | %*s^\n", cut_before ? "..." : "",
             (int)(cut_after ? WINDOW : columns - from), text + from, cut_after ? "..." : "",
             (int)(rows[i].fault - from + (cut_before ? 3 : 0)), "");
    hf_error error = fault(rows[i].fault, rows[i].fault < columns ? 1 : 0);
    char report[HF_ERROR_REPORT_BYTES];
    hf_error_format(&error, text, columns, report, sizeof report);
    if (strcmp(report, expected) != 0) {
      test_fail("%zu columns, fault at %u: got\n%sinstead of\n%s", columns, (unsigned)rows[i].fault,
                report, expected);
    }
  }
}

/* Wherever the fault is in a long line: it is shown, and the caret stands under it. */
static void long_lines_are_cut_around_the_fault(void **state) {
  (void)state;
  enum { LENGTH = 1000 };
  char text[LENGTH + 1];
  for (uint32_t offset = 0; offset <= LENGTH; offset++) {
    for (size_t i = 0; i < LENGTH; i++) {
      text[i] = (char)('a' + i % 26);
    }
    text[LENGTH] = '\0';
    if (offset < LENGTH) {
      text[offset] = '@';
    }
    hf_error error = fault(offset, offset < LENGTH ? 1 : 0);
    char report[HF_ERROR_REPORT_BYTES];
    size_t length = hf_error_format(&error, text, LENGTH, report, sizeof report);
    assert_true(length < 300);
    const char *shown = strchr(report, '\n') + 1;
    const char *marked = strchr(shown, '\n') + 1;
    size_t caret = strcspn(marked, "^");
    assert_int_equal(marked[caret], '^');
    assert_int_equal(marked[caret + 1], '\n');
    if (offset < LENGTH) {
      assert_int_equal(shown[caret], '@');
    } else {
      assert_int_equal(shown[caret], '\n');
    }
    /* Cut is what is marked as cut. */
    const char *line_end = marked - 1;
    bool cut_before = shown[6] == '.';
    bool cut_after = line_end[-1] == '.';
    assert_true(cut_before || cut_after);
    assert_int_equal(cut_before, strchr("a@", shown[6]) == NULL || offset > 100);
  }
}

/* The same in a script of three bytes a character, so that no character is cut. */
static void long_lines_are_cut_at_characters(void **state) {
  (void)state;
  enum { LENGTH = 300 };
  char text[LENGTH * 3];
  for (size_t i = 0; i < LENGTH; i++) {
    memcpy(text + i * 3, "\xE2\x82\xAC", 3);
  }
  for (uint32_t i = 0; i < LENGTH; i++) {
    hf_error error = fault(i * 3, 3);
    char report[HF_ERROR_REPORT_BYTES];
    size_t length = hf_error_format(&error, text, sizeof text, report, sizeof report);
    assert_int_equal(hf__utf8_valid_prefix(report, length), length);
    const char *marked = strchr(strchr(report, '\n') + 1, '\n') + 1;
    assert_string_equal(marked + strcspn(marked, "^"), "^\n");
  }
}

static void a_long_fault_does_not_lengthen_the_report(void **state) {
  (void)state;
  static char text[60000];
  memset(text, 'x', sizeof text);
  const uint32_t offsets[] = {0, 1, 40, 1000, 59000, 59999};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    hf_error error = fault(offsets[i], (uint32_t)sizeof text - offsets[i]);
    char report[HF_ERROR_REPORT_BYTES];
    size_t length = hf_error_format(&error, text, sizeof text, report, sizeof report);
    assert_true(length < 300);
    assert_int_equal(report[length - 1], '\n');
  }
}

/* The widest report there can be: a full message, and characters of four bytes. */
static void the_largest_report_fits(void **state) {
  (void)state;
  static char text[4000];
  for (size_t i = 0; i < sizeof text; i += 4) {
    memcpy(text + i, "\xF0\x9F\x94\xA5", 4);
  }
  hf_error error = fault(2000, 2000);
  error.status = HF_ERROR_UNEXPECTED_CHARACTER;
  memset(error.message, 'm', sizeof error.message - 1);
  error.message[sizeof error.message - 1] = '\0';
  char report[HF_ERROR_REPORT_BYTES * 2];
  size_t length = hf_error_format(&error, text, sizeof text, report, sizeof report);
  assert_true(length < HF_ERROR_REPORT_BYTES);
  assert_int_equal(report[length - 1], '\n');
}

/* An error that does not belong to the text is reported without reading beyond it. */
static void a_place_beyond_the_text_is_the_end_of_it(void **state) {
  (void)state;
  static const uint32_t offsets[] = {6, 7, 1000, UINT32_MAX - 1};
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    char *text = malloc(6);
    assert_non_null(text);
    memcpy(text, "always", 6);
    hf_error error = fault(offsets[i], UINT32_MAX);
    char report[HF_ERROR_REPORT_BYTES];
    hf_error_format(&error, text, 6, report, sizeof report);
    assert_string_equal(report, "variable_not_allowed: message\n"
                                "  1 | always\n"
                                "    |       ^\n");
    free(text);
  }
}

static void an_error_without_a_place_shows_no_text(void **state) {
  (void)state;
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = 1;
  hf_condition *condition = NULL;
  hf_error error;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), "always", 6, &options, &condition, &error),
      HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(error.offset_bytes, HF_NO_OFFSET);
  char report[HF_ERROR_REPORT_BYTES];
  hf_error_format(&error, "always", 6, report, sizeof report);
  assert_string_equal(report, "invalid_argument: the token limit is 1; it may be 2 to 1048576\n");
}

static void every_capacity_is_kept_to(void **state) {
  (void)state;
  const char *text = "region == 'caf\xC3\xA9 \xF0\x9F\x94\xA5' and zzz == 1";
  hf_error error = fault(27, 3);
  strcpy(error.message, "unknown variable 'zzz\xE2\x82\xAC'");
  char whole[HF_ERROR_REPORT_BYTES];
  size_t full_length = hf_error_format(&error, text, strlen(text), whole, sizeof whole);
  assert_int_equal(full_length, strlen(whole));
  for (size_t capacity = 0; capacity <= full_length + 2; capacity++) {
    char *buffer = malloc(capacity + 1);
    assert_non_null(buffer);
    memset(buffer, '#', capacity + 1);
    size_t written = hf_error_format(&error, text, strlen(text), buffer, capacity);
    assert_int_equal(buffer[capacity], '#');
    if (capacity == 0) {
      assert_int_equal(written, 0);
    } else {
      assert_true(written < capacity);
      assert_int_equal(buffer[written], '\0');
      assert_memory_equal(buffer, whole, written);
      /* Cut only for want of room, and at a whole character. */
      assert_true(written == full_length || written + 4 >= capacity);
      assert_int_equal(hf__utf8_valid_prefix(buffer, written), written);
    }
    free(buffer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reports_point_at_the_fault),
      cmocka_unit_test(a_report_without_text_has_no_caret),
      cmocka_unit_test(the_report_of_the_documentation),
      cmocka_unit_test(invisible_characters_are_shown_as_spaces),
      cmocka_unit_test(a_long_line_is_shown_through_a_window),
      cmocka_unit_test(long_lines_are_cut_around_the_fault),
      cmocka_unit_test(long_lines_are_cut_at_characters),
      cmocka_unit_test(a_long_fault_does_not_lengthen_the_report),
      cmocka_unit_test(the_largest_report_fits),
      cmocka_unit_test(a_place_beyond_the_text_is_the_end_of_it),
      cmocka_unit_test(an_error_without_a_place_shows_no_text),
      cmocka_unit_test(every_capacity_is_kept_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
