/* Words: strings that a schema interns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "counting_allocator.h"
#include "hf_test.h"
#include "program.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static counting_allocator counting;

static hf_word word_of(const char *string) {
  return (hf_word){.bytes = string, .length_bytes = strlen(string)};
}

/* The words are separated by spaces. */
static size_t split_words(const char *list, hf_word *words, size_t capacity) {
  size_t count = 0;
  for (const char *at = list; *at != '\0'; at += strspn(at, " ")) {
    assert_true(count < capacity);
    words[count] = (hf_word){.bytes = at, .length_bytes = strcspn(at, " ")};
    at += words[count].length_bytes;
    count++;
  }
  return count;
}

/* Variables of every type, `a` `n` `s` `t` `b`, and words separated by spaces. */
static hf_schema *worded_schema(const char *list) {
  static const hf_variable variables[] = {{"a", HF_TYPE_ANY},
                                          {"n", HF_TYPE_NUMBER},
                                          {"s", HF_TYPE_STRING},
                                          {"t", HF_TYPE_STRING},
                                          {"b", HF_TYPE_BOOLEAN}};
  hf_word words[16];
  size_t count = split_words(list, words, COUNT(words));
  hf_schema *schema = NULL;
  assert_int_equal(
      hf_schema_create_with_words(variables, COUNT(variables), words, count, NULL, &schema, NULL),
      HF_OK);
  return schema;
}

enum { A, N, S, T, B };

/* Creation refuses these words. */
static void check_refused(const hf_word *words, size_t count, hf_status expected,
                          const char *named) {
  static char place;
  const hf_variable variable = {"v", HF_TYPE_ANY};
  counting_reset(&counting, 0);
  hf_allocator hooks = counting_hooks(&counting);
  hf_schema *schema = (hf_schema *)(void *)&place;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_schema_create_with_words(&variable, 1, words, count, &hooks, &schema, &error),
                   expected);
  assert_int_equal(error.status, expected);
  assert_int_equal(error.variable, HF_NO_VARIABLE);
  assert_int_equal(error.offset_bytes, HF_NO_OFFSET);
  test_check_message(&error);
  if (strstr(error.message, named) == NULL) {
    test_fail("'%s' is not in the message: %s\n", named, error.message);
  }
  assert_ptr_equal(schema, &place);
  assert_int_equal(counting.live_blocks, 0);
  assert_int_equal(hf_schema_create_with_words(&variable, 1, words, count, &hooks, &schema, NULL),
                   expected);
}

/* Schemas ------------------------------------------------------------------ */

static void words_are_copied_and_found(void **state) {
  (void)state;
  char text[] = "eu|us|abcdefghijklmnop|a\0b|\xC3\xA9";
  const hf_word words[] = {{text, 2},      {text + 3, 2}, {text + 6, 16},
                           {text + 23, 3}, {NULL, 0},     {text + 27, 2}};
  static const char *const expected[] = {"eu", "us", "abcdefghijklmnop", "a\0b", "", "\xC3\xA9"};
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create_with_words(NULL, 0, words, COUNT(words), NULL, &schema, NULL),
                   HF_OK);
  memset(text, '#', sizeof text);
  assert_int_equal(hf_schema_word_count(schema), COUNT(words));
  for (uint32_t i = 0; i < COUNT(words); i++) {
    hf_word word = hf_schema_word(schema, i);
    assert_int_equal(word.length_bytes, words[i].length_bytes);
    assert_memory_equal(word.bytes, expected[i], word.length_bytes);
    assert_int_equal(hf_schema_find_word(schema, expected[i], word.length_bytes), i);
  }
  assert_int_equal(hf_schema_find_word(schema, NULL, 0), 4);
  const hf_word others[] = {
      word_of("e"), word_of("eu "), word_of("EU"), word_of("abcdefghijklmno"),
      {"a\0", 2},   {"a\0c", 3},    {"us\0", 3},   word_of("abcdefghijklmnoq"),
      {"\xC3", 1}};
  for (size_t i = 0; i < COUNT(others); i++) {
    assert_int_equal(hf_schema_find_word(schema, others[i].bytes, others[i].length_bytes),
                     HF_NO_WORD);
  }
  assert_null(hf_schema_word(schema, COUNT(words)).bytes);
  assert_int_equal(hf_schema_word(schema, COUNT(words)).length_bytes, 0);
  assert_null(hf_schema_word(schema, HF_NO_WORD).bytes);
  hf_schema_release(schema);
}

static void a_schema_without_words_finds_none(void **state) {
  (void)state;
  hf_schema *plain = test_schema("a");
  hf_schema *none = NULL;
  const hf_variable variable = {"a", HF_TYPE_ANY};
  assert_int_equal(hf_schema_create_with_words(&variable, 1, NULL, 0, NULL, &none, NULL), HF_OK);
  const hf_schema *schemas[] = {plain, none, hf_schema_classic()};
  for (size_t i = 0; i < COUNT(schemas); i++) {
    assert_int_equal(hf_schema_word_count(schemas[i]), 0);
    assert_null(hf_schema_word(schemas[i], 0).bytes);
    assert_int_equal(hf_schema_find_word(schemas[i], "a", 1), HF_NO_WORD);
    assert_int_equal(hf_schema_find_word(schemas[i], NULL, 0), HF_NO_WORD);
    hf_context *context = test_context(schemas[i], "");
    assert_int_equal(hf_context_set_word(context, 0, 0), HF_ERROR_INVALID_ARGUMENT);
    assert_int_equal(hf_context_set_word(context, 0, HF_NO_WORD), HF_ERROR_INVALID_ARGUMENT);
    hf_context_destroy(context);
  }
  hf_schema_release(none);
  hf_schema_release(plain);
}

static void a_word_stands_once(void **state) {
  (void)state;
  const hf_word twice[] = {word_of("one"), word_of("two"), word_of("one")};
  check_refused(twice, 3, HF_ERROR_DUPLICATE_NAME, "'one'");
  const hf_word empty[] = {{NULL, 0}, word_of("x"), {"", 0}};
  check_refused(empty, 3, HF_ERROR_DUPLICATE_NAME, "''");
  const hf_word with_nul[] = {{"a\0b", 3}, {"a\0c", 3}, {"a\0b", 3}};
  check_refused(with_nul, 3, HF_ERROR_DUPLICATE_NAME, "word");
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create_with_words(NULL, 0, with_nul, 2, NULL, &schema, NULL), HF_OK);
  hf_schema_release(schema);
}

static void a_word_is_utf8(void **state) {
  (void)state;
  static const char *const bad[] = {
      "\x80", "a\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "0123456789abcdef\xFF"};
  for (size_t i = 0; i < COUNT(bad); i++) {
    const hf_word words[] = {word_of("sound"), word_of(bad[i]), word_of("sound")};
    check_refused(words, 3, HF_ERROR_INVALID_UTF8, "index 1");
  }
}

static void too_many_or_too_long_words_are_refused(void **state) {
  (void)state;
  const hf_word word = word_of("x");
  /* Nobody reads beyond what is allowed. */
  check_refused(&word, HF_SCHEMA_MAX_WORDS + 1, HF_ERROR_INVALID_ARGUMENT, "65537 words");
  check_refused(&word, SIZE_MAX, HF_ERROR_INVALID_ARGUMENT, "words");
  const hf_word words[] = {word_of("x"), {"y", (size_t)UINT32_MAX + 1}};
  check_refused(words, 2, HF_ERROR_INVALID_ARGUMENT, "index 1");
}

/* A fault of a declaration comes before any of a word, however many there are. */
static void variables_are_checked_before_words(void **state) {
  (void)state;
  const hf_variable duplicates[] = {{"v", HF_TYPE_ANY}, {"w", HF_TYPE_ANY}, {"v", HF_TYPE_ANY}};
  const hf_variable reserved[] = {{"v", HF_TYPE_ANY}, {"and", HF_TYPE_ANY}};
  const hf_word bad = {"\xFF", 1};
  const size_t counts[] = {1, HF_SCHEMA_MAX_WORDS + 1, SIZE_MAX / 2, SIZE_MAX};
  for (size_t i = 0; i < COUNT(counts); i++) {
    hf_schema *schema = NULL;
    hf_error error = test_untouched_error();
    assert_int_equal(
        hf_schema_create_with_words(duplicates, 3, &bad, counts[i], NULL, &schema, &error),
        HF_ERROR_DUPLICATE_NAME);
    assert_int_equal(error.variable, 2);
    assert_int_equal(
        hf_schema_create_with_words(reserved, 2, &bad, counts[i], NULL, &schema, &error),
        HF_ERROR_RESERVED_NAME);
    assert_int_equal(error.variable, 1);
    assert_null(schema);
  }
}

/* As many words as there may be, in a table that is then half full. */
static void a_schema_has_65536_words(void **state) {
  (void)state;
  static char text[HF_SCHEMA_MAX_WORDS][16];
  static hf_word words[HF_SCHEMA_MAX_WORDS];
  for (uint32_t i = 0; i < HF_SCHEMA_MAX_WORDS; i++) {
    snprintf(text[i], sizeof text[i], "w%u", i);
    words[i] = word_of(text[i]);
  }
  const hf_variable variable = {"v", HF_TYPE_ANY};
  hf_schema *schema = NULL;
  assert_int_equal(
      hf_schema_create_with_words(&variable, 1, words, HF_SCHEMA_MAX_WORDS, NULL, &schema, NULL),
      HF_OK);
  hf_context *context = test_context(schema, "");
  hf_condition *first = test_compile(schema, "v == 'w0'");
  hf_condition *last = test_compile(schema, "v == 'w65535'");
  hf_condition *none = test_compile(schema, "v == 'w65536'");
  for (uint32_t i = 0; i < HF_SCHEMA_MAX_WORDS; i++) {
    assert_int_equal(hf_schema_find_word(schema, text[i], words[i].length_bytes), i);
    assert_int_equal(hf_context_set_word(context, 0, i), HF_OK);
    hf_value value = hf_context_get(context, 0);
    assert_int_equal(value.length_bytes, words[i].length_bytes);
    assert_memory_equal(value.string, text[i], value.length_bytes);
    assert_int_equal(test_evaluate(first, context), i == 0);
    assert_int_equal(test_evaluate(last, context), i == HF_SCHEMA_MAX_WORDS - 1);
    assert_false(test_evaluate(none, context));
  }
  for (uint32_t i = HF_SCHEMA_MAX_WORDS; i < 3 * HF_SCHEMA_MAX_WORDS; i++) {
    char other[16];
    snprintf(other, sizeof other, "w%u", i);
    assert_int_equal(hf_schema_find_word(schema, other, strlen(other)), HF_NO_WORD);
  }
  assert_int_equal(hf_context_set_word(context, 0, HF_SCHEMA_MAX_WORDS), HF_ERROR_INVALID_ARGUMENT);
  test_set(context, 0, "'w65536'");
  assert_true(test_evaluate(none, context));
  hf_condition_destroy(none);
  hf_condition_destroy(last);
  hf_condition_destroy(first);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void equal_schemas_have_the_same_words_in_order(void **state) {
  (void)state;
  static const struct {
    const char *a;
    const char *b;
    bool equal;
  } pairs[] = {
      {"", "", true},
      {"x", "x", true},
      {"x", "", false},
      {"x", "y", false},
      {"x y", "x y", true},
      {"x y", "y x", false},
      {"x y", "x", false},
      {"xy z", "x yz", false},
      {"same last", "same lasT", false},
      {"long", "lon", false},
      {"one two", "one twO", false},
  };
  for (size_t i = 0; i < COUNT(pairs); i++) {
    hf_schema *a = worded_schema(pairs[i].a);
    hf_schema *b = worded_schema(pairs[i].b);
    assert_int_equal(hf_schema_equal(a, b), pairs[i].equal);
    assert_int_equal(hf_schema_equal(b, a), pairs[i].equal);
    hf_condition *condition = test_compile(a, "s == 'x'");
    hf_context *context = test_context(b, "s='x'");
    bool held = false;
    assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL),
                     pairs[i].equal ? HF_OK : HF_ERROR_SCHEMA_MISMATCH);
    assert_int_equal(held, pairs[i].equal);
    hf_context_destroy(context);
    hf_condition_destroy(condition);
    hf_schema_release(a);
    hf_schema_release(b);
  }
  /* The empty word is one. */
  const hf_word empty = {NULL, 0};
  hf_schema *with = NULL;
  hf_schema *without = NULL;
  assert_int_equal(hf_schema_create_with_words(NULL, 0, &empty, 1, NULL, &with, NULL), HF_OK);
  assert_int_equal(hf_schema_create(NULL, 0, NULL, &without, NULL), HF_OK);
  assert_false(hf_schema_equal(with, without));
  hf_schema_release(with);
  hf_schema_release(without);
}

/* Contexts ----------------------------------------------------------------- */

static void a_word_is_recognised_and_not_copied(void **state) {
  (void)state;
  hf_schema *schema = worded_schema("eu us abcdefghijklmnopqrst");
  hf_context *context = test_context(schema, "");
  for (uint32_t word = 0; word < 3; word++) {
    hf_word expected = hf_schema_word(schema, word);
    char copy[32];
    memcpy(copy, expected.bytes, expected.length_bytes);
    const uint32_t variables[] = {A, S, T};
    for (size_t v = 0; v < COUNT(variables); v++) {
      for (int way = 0; way < 3; way++) {
        uint32_t index = variables[v];
        hf_status status =
            way == 0   ? hf_context_set_string(context, index, copy, expected.length_bytes)
            : way == 1 ? hf_context_borrow_string(context, index, copy, expected.length_bytes)
                       : hf_context_set_word(context, index, word);
        assert_int_equal(status, HF_OK);
        hf_value value = hf_context_get(context, index);
        assert_int_equal(value.kind, HF_KIND_STRING);
        assert_ptr_equal(value.string, expected.bytes);
        assert_int_equal(value.length_bytes, expected.length_bytes);
        assert_int_equal(hf_context_unset(context, index), HF_OK);
      }
    }
  }
  /* What is no word stays where it is, or is copied. */
  assert_int_equal(hf_context_borrow_string(context, S, "e", 1), HF_OK);
  assert_int_equal(hf_context_get(context, S).length_bytes, 1);
  assert_int_equal(hf_context_set_string(context, S, "\xFF", 1), HF_ERROR_INVALID_UTF8);
  assert_int_equal(hf_context_get(context, S).length_bytes, 1);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void a_word_goes_where_a_string_goes(void **state) {
  (void)state;
  hf_schema *schema = worded_schema("eu us");
  hf_context *context = test_context(schema, "n=5 b=true s='old' a=1");
  const struct {
    uint32_t variable;
    uint32_t word;
    hf_status status;
  } rows[] = {
      {A, 0, HF_OK},
      {S, 1, HF_OK},
      {N, 0, HF_ERROR_TYPE_MISMATCH},
      {B, 0, HF_ERROR_TYPE_MISMATCH},
      {5, 0, HF_ERROR_INVALID_ARGUMENT},
      {HF_NO_VARIABLE, 0, HF_ERROR_INVALID_ARGUMENT},
      {S, 2, HF_ERROR_INVALID_ARGUMENT},
      {A, HF_NO_WORD, HF_ERROR_INVALID_ARGUMENT},
      {A, UINT32_MAX - 1, HF_ERROR_INVALID_ARGUMENT},
      {5, 2, HF_ERROR_INVALID_ARGUMENT},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    assert_int_equal(hf_context_set_word(context, rows[i].variable, rows[i].word), rows[i].status);
  }
  assert_true(hf_context_get(context, N).number == 5);
  assert_int_equal(hf_context_get(context, B).kind, HF_KIND_BOOLEAN);
  assert_memory_equal(hf_context_get(context, A).string, "eu", 2);
  assert_memory_equal(hf_context_get(context, S).string, "us", 2);
  /* Too long to be a word, or a string. */
  size_t huge = (size_t)UINT32_MAX + 1;
  assert_int_equal(hf_context_set_string(context, S, "eu", huge), HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(hf_context_borrow_string(context, S, "eu", huge), HF_ERROR_INVALID_ARGUMENT);
  assert_memory_equal(hf_context_get(context, S).string, "us", 2);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Conditions --------------------------------------------------------------- */

static const char *const string_words = "eu abcdefghijklmno abcdefghijklmnopq abcdefghijkXmno";

/* Words, near words, and strings of 15, 16 and more bytes, some of which begin alike. */
static const char *const strings[] = {
    "",
    "e",
    "eu",
    "eu ",
    "us",
    "abcdefghijk",
    "abcdefghijkl",
    "abcdefghijklmn",
    "abcdefghijklmno",
    "abcdefghijklmnO",
    "abcdefghijkXmno",
    "abcdefghijkYmno",
    "abcdefghijklmnop",
    "abcdefghijklmnoP",
    "abcdefghijkXmnop",
    "abcdefghijklmnopq",
    "abcdefghijklmnopQ",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmn",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmN",
};
enum { STRINGS = COUNT(strings) };

/* Evaluates on every path; all must agree. */
static bool evaluate_on_paths(hf_condition *condition, const hf_context *context) {
  bool held = test_evaluate(condition, context);
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (hf__path_is_supported((hf__path)path)) {
      hf__condition_use_path(condition, (hf__path)path);
      assert_int_equal(test_evaluate(condition, context), held);
    }
  }
  return held;
}

static void check_string(hf_schema *schema, const char *variable, uint32_t index) {
  hf_context *context = test_context(schema, "");
  for (size_t literal = 0; literal < STRINGS; literal++) {
    char text[2][64];
    snprintf(text[0], sizeof text[0], "%s == '%s'", variable, strings[literal]);
    snprintf(text[1], sizeof text[1], "'%s' != %s", strings[literal], variable);
    hf_condition *equal = test_compile(schema, text[0]);
    hf_condition *different = test_compile(schema, text[1]);
    for (size_t value = 0; value < STRINGS; value++) {
      /* What the slot held before does not count. */
      for (int before = 0; before < 2; before++) {
        if (before == 0) {
          assert_int_equal(
              hf_context_borrow_string(context, index, strings[literal], strlen(strings[literal])),
              HF_OK);
        } else {
          assert_int_equal(hf_context_unset(context, index), HF_OK);
        }
        assert_int_equal(
            hf_context_set_string(context, index, strings[value], strlen(strings[value])), HF_OK);
        if (evaluate_on_paths(equal, context) != (value == literal) ||
            evaluate_on_paths(different, context) != (value != literal)) {
          test_fail("%s = '%s' before %d: %s is wrong\n", variable, strings[value], before,
                    text[0]);
        }
      }
    }
    hf_condition_destroy(different);
    hf_condition_destroy(equal);
  }
  hf_context_destroy(context);
}

static void equality_is_that_of_the_bytes(void **state) {
  (void)state;
  static const char *const lists[] = {"", string_words};
  for (size_t i = 0; i < COUNT(lists); i++) {
    hf_schema *schema = worded_schema(lists[i]);
    check_string(schema, "a", A);
    check_string(schema, "s", S);
    hf_schema_release(schema);
  }
}

/* Some strings are compared four at a time, and each with its own place. */
static void one_of_many_strings_is_found(void **state) {
  (void)state;
  static const char *const lists[] = {"", string_words};
  enum { MANY = 40 };
  for (size_t i = 0; i < COUNT(lists); i++) {
    hf_schema *schema = worded_schema(lists[i]);
    hf_context *context = test_context(schema, "t='no'");
    for (uint32_t count = 1; count <= MANY; count++) {
      char any[MANY * 32];
      char none[MANY * 32];
      size_t any_length = 0;
      size_t none_length = 0;
      for (uint32_t literal = 0; literal < count; literal++) {
        const char *joint = literal == 0 ? "" : " or ";
        any_length += (size_t)snprintf(any + any_length, sizeof any - any_length, "%s%c == 's%u'",
                                       joint, literal % 7 == 6 ? 't' : 's', literal);
        joint = literal == 0 ? "" : " and ";
        none_length += (size_t)snprintf(none + none_length, sizeof none - none_length,
                                        "%s's%u' != s", joint, literal);
      }
      hf_condition *is_any = test_compile(schema, any);
      hf_condition *is_none = test_compile(schema, none);
      for (uint32_t value = 0; value <= MANY; value++) {
        char string[16];
        snprintf(string, sizeof string, "s%u", value);
        assert_int_equal(hf_context_set_string(context, S, string, strlen(string)), HF_OK);
        bool is_one = value < count && value % 7 != 6;
        assert_int_equal(evaluate_on_paths(is_any, context), is_one);
        assert_int_equal(evaluate_on_paths(is_none, context), value >= count);
        assert_int_equal(hf_context_set_string(context, T, string, strlen(string)), HF_OK);
        assert_int_equal(evaluate_on_paths(is_any, context), value < count);
        test_set(context, T, "'no'");
      }
      hf_condition_destroy(is_none);
      hf_condition_destroy(is_any);
    }
    hf_context_destroy(context);
    hf_schema_release(schema);
  }
}

/* Words are ordered, and compared with other variables, as the strings that they are. */
static void words_are_strings_otherwise(void **state) {
  (void)state;
  hf_schema *schema = worded_schema(string_words);
  hf_context *context = test_context(schema, "");
  hf_condition *less = test_compile(schema, "s < a");
  hf_condition *not_less = test_compile(schema, "s >= t");
  hf_condition *equal = test_compile(schema, "s == t and a == s");
  hf_condition *different = test_compile(schema, "s != t or t != a");
  hf_condition *before_eu = test_compile(schema, "s < 'eu'");
  for (size_t x = 0; x < STRINGS; x++) {
    for (size_t y = 0; y < STRINGS; y++) {
      int order = strcmp(strings[x], strings[y]);
      assert_int_equal(hf_context_set_string(context, S, strings[x], strlen(strings[x])), HF_OK);
      assert_int_equal(hf_context_set_string(context, T, strings[y], strlen(strings[y])), HF_OK);
      assert_int_equal(hf_context_borrow_string(context, A, strings[y], strlen(strings[y])), HF_OK);
      assert_int_equal(evaluate_on_paths(less, context), order < 0);
      assert_int_equal(evaluate_on_paths(not_less, context), order >= 0);
      assert_int_equal(evaluate_on_paths(equal, context), order == 0);
      assert_int_equal(evaluate_on_paths(different, context), order != 0);
      assert_int_equal(evaluate_on_paths(before_eu, context), strcmp(strings[x], "eu") < 0);
    }
  }
  hf_condition_destroy(before_eu);
  hf_condition_destroy(different);
  hf_condition_destroy(equal);
  hf_condition_destroy(not_less);
  hf_condition_destroy(less);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* A slot that changes its kind keeps nothing of the old value. */
static void a_slot_is_filled_anew(void **state) {
  (void)state;
  static const char *const values[] = {"'eu'", "'us'", "'other'", "'abcdefghijklmnopqrs'",
                                       "1",    "nan",  "true",    "null",
                                       "[]",   "'e'",  "''"};
  static const char *const literals[] = {"'eu'", "'us'", "'other'", "'abcdefghijklmnopqrs'", "1"};
  hf_schema *schema = worded_schema("eu us");
  hf_context *context = test_context(schema, "");
  hf_condition *conditions[COUNT(literals)];
  for (size_t i = 0; i < COUNT(literals); i++) {
    char text[64];
    snprintf(text, sizeof text, "a == %s", literals[i]);
    conditions[i] = test_compile(schema, text);
  }
  for (size_t from = 0; from < COUNT(values); from++) {
    for (size_t to = 0; to < COUNT(values); to++) {
      test_set(context, A, values[from]);
      test_set(context, A, values[to]);
      for (size_t i = 0; i < COUNT(literals); i++) {
        bool is_one = strcmp(literals[i], "1") == 0 && strcmp(values[to], "true") == 0;
        bool expected = is_one || strcmp(values[to], literals[i]) == 0;
        if (evaluate_on_paths(conditions[i], context) != expected) {
          test_fail("%s, then %s: a == %s is wrong\n", values[from], values[to], literals[i]);
        }
      }
      hf_value value = hf_context_get(context, A);
      if (values[to][0] == '\'') {
        assert_int_equal(value.length_bytes, strlen(values[to]) - 2);
        assert_memory_equal(value.string, values[to] + 1, value.length_bytes);
      } else {
        assert_null(value.string);
        assert_int_equal(value.length_bytes, 0);
      }
    }
  }
  for (size_t i = 0; i < COUNT(literals); i++) {
    hf_condition_destroy(conditions[i]);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void an_explanation_shows_the_word(void **state) {
  (void)state;
  hf_schema *schema = worded_schema("eu us");
  hf_schema *equal = worded_schema("eu us");
  hf_condition *condition = test_compile(schema, "s == 'us'");
  hf_context *context = test_context(equal, "");
  assert_int_equal(hf_context_set_word(context, S, 1), HF_OK);
  assert_true(evaluate_on_paths(condition, context));
  hf_node node;
  assert_int_equal(hf_condition_explain(condition, context, &node, 1), HF_OK);
  assert_true(node.held);
  assert_int_equal(node.left.value.kind, HF_KIND_STRING);
  assert_int_equal(node.left.value.length_bytes, 2);
  assert_memory_equal(node.left.value.string, "us", 2);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(equal);
  hf_schema_release(schema);
}

/* Memory ------------------------------------------------------------------- */

static void creation_survives(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  const hf_variable variables[] = {{"s", HF_TYPE_STRING}, {"a", HF_TYPE_ANY}};
  const hf_word words[] = {word_of("eu"), word_of("us"), {NULL, 0}};
  counting_reset(&counting, 1);
  hf_schema *schema = NULL;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_schema_create_with_words(variables, 2, words, 3, &hooks, &schema, &error),
                   HF_ERROR_OUT_OF_MEMORY);
  assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
  assert_null(schema);
  counting_reset(&counting, 0);
  assert_int_equal(hf_schema_create_with_words(variables, 2, words, 3, &hooks, &schema, NULL),
                   HF_OK);
  assert_int_equal(counting.allocations, 1);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, &hooks, &context), HF_OK);
  assert_int_equal(counting.allocations, 3);
  /* Words take no memory, and need none. */
  counting.refuse = counting.allocations + 1;
  for (uint32_t variable = 0; variable < 2; variable++) {
    assert_int_equal(hf_context_set_string(context, variable, "eu", 2), HF_OK);
    assert_int_equal(hf_context_borrow_string(context, variable, "us", 2), HF_OK);
    assert_int_equal(hf_context_set_string(context, variable, NULL, 0), HF_OK);
    assert_int_equal(hf_context_set_word(context, variable, 1), HF_OK);
    assert_int_equal(counting.allocations, 3);
    assert_int_equal(hf_context_set_string(context, variable, "other", 5), HF_ERROR_OUT_OF_MEMORY);
    assert_memory_equal(hf_context_get(context, variable).string, "us", 2);
    counting.refuse = 0;
    counting.allocations = 3;
    assert_int_equal(hf_context_borrow_string(context, variable, "other", 5), HF_OK);
    assert_int_equal(counting.allocations, 3);
    counting.refuse = 4;
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
  assert_int_equal(counting.live_blocks, 0);
}

/* Contexts without strings lie closely together. */
static void a_word_needs_no_room_for_strings(void **state) {
  (void)state;
  const hf_variable variables[] = {{"a", HF_TYPE_ANY}, {"n", HF_TYPE_NUMBER}};
  const hf_word words[] = {word_of("eu"), word_of("us")};
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create_with_words(variables, 2, words, 2, NULL, &schema, NULL), HF_OK);
  hf_context *context = test_context(schema, "n=1 a='eu'");
  assert_int_equal(hf_context_borrow_string(context, 0, "us", 2), HF_OK);
  assert_int_equal(hf_context_set_word(context, 0, 0), HF_OK);
  assert_null(context->rest);
  assert_int_equal(hf_context_set_string(context, 0, "\xFF", 1), HF_ERROR_INVALID_UTF8);
  assert_null(context->rest);
  test_set(context, 0, "'no word'");
  assert_non_null(context->rest);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Two strings of one print: only their bytes tell them apart. */
static void strings_of_equal_prints_are_told_apart(void **state) {
  (void)state;
  static const char first[] = "w03879791";
  static const char second[] = "w49147992";
  const size_t length = sizeof first - 1;
  assert_true(hf__print_slot(first, length) == hf__print_slot(second, length));
  static const char *const texts[] = {
      "a == 'w03879791'",
      "'w03879791' == s",
      "n > 0 and (a != 'w49147992' or s != 'w49147992')",
      /* More steps than few. */
      "n > 0 and n > 1 and n > 2 and n > 3 and n > 4 and n > 5 and n > 6 and n > 7 and a == "
      "'w03879791' and n > 8 and n > 9 and n > 10 and n > 11 and n > 12 and n > 13 and n > 14 and "
      "n > 15 and n > 16 and n > 17 and n > 18 and n > 19 and n > 20 and n > 21 and n > 22 and "
      "n > 23 and n > 24 and n > 25 and n > 26 and n > 27 and n > 28 and n > 29 and n > 30 and "
      "n > 31 and n > 32 and n > 33 and n > 34 and n > 35 and n > 36 and n > 37 and n > 38 and "
      "n > 39 and n > 40 and n > 41 and n > 42 and n > 43 and n > 44 and n > 45 and n > 46 and "
      "n > 47 and n > 48 and n > 49 and n > 50 and n > 51 and n > 52 and n > 53 and n > 54 and "
      "n > 55 and n > 56 and n > 57 and n > 58 and n > 59 and n > 60 and s != 'w49147992'",
  };
  hf_schema *schema = worded_schema("another");
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = 1000;
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  assert_int_equal(hf_context_set_number(context, N, 99), HF_OK);
  for (size_t t = 0; t < COUNT(texts); t++) {
    hf_condition *condition = NULL;
    assert_int_equal(
        hf_condition_compile(schema, texts[t], strlen(texts[t]), &options, &condition, NULL),
        HF_OK);
    for (int path = 0; path < HF__PATH_COUNT; path++) {
      if (!hf__path_is_supported((hf__path)path)) {
        continue;
      }
      hf__condition_use_path(condition, (hf__path)path);
      for (int is_first = 0; is_first < 2; is_first++) {
        const char *value = is_first != 0 ? first : second;
        assert_int_equal(hf_context_set_string(context, A, value, length), HF_OK);
        assert_int_equal(hf_context_borrow_string(context, S, value, length), HF_OK);
        bool held = is_first == 0;
        assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL), HF_OK);
        assert_int_equal(held, is_first);
      }
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_copied_and_found),
      cmocka_unit_test(a_schema_without_words_finds_none),
      cmocka_unit_test(a_word_stands_once),
      cmocka_unit_test(a_word_is_utf8),
      cmocka_unit_test(too_many_or_too_long_words_are_refused),
      cmocka_unit_test(variables_are_checked_before_words),
      cmocka_unit_test(a_schema_has_65536_words),
      cmocka_unit_test(equal_schemas_have_the_same_words_in_order),
      cmocka_unit_test(a_word_is_recognised_and_not_copied),
      cmocka_unit_test(a_word_goes_where_a_string_goes),
      cmocka_unit_test(equality_is_that_of_the_bytes),
      cmocka_unit_test(one_of_many_strings_is_found),
      cmocka_unit_test(words_are_strings_otherwise),
      cmocka_unit_test(a_slot_is_filled_anew),
      cmocka_unit_test(an_explanation_shows_the_word),
      cmocka_unit_test(creation_survives),
      cmocka_unit_test(a_word_needs_no_room_for_strings),
      cmocka_unit_test(strings_of_equal_prints_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
