#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "hf_test.h"

enum { ANY, NUMBER, STRING, BOOLEAN, NOT_THERE };

typedef hf_status setter(hf_context *context, uint32_t index);

static hf_status set_number(hf_context *context, uint32_t index) {
  return hf_context_set_number(context, index, 2.5);
}
static hf_status set_boolean(hf_context *context, uint32_t index) {
  return hf_context_set_boolean(context, index, true);
}
static hf_status set_string(hf_context *context, uint32_t index) {
  return hf_context_set_string(context, index, "text", 4);
}
static hf_status borrow_string(hf_context *context, uint32_t index) {
  return hf_context_borrow_string(context, index, "text", 4);
}

typedef struct setter_row {
  const char *name;
  setter *set;
  hf_kind kind;
  /* May it fill a variable of type any, number, string, boolean? */
  bool admitted[4];
} setter_row;

static const setter_row setters[] = {
    {"set_number", set_number, HF_KIND_NUMBER, {true, true, false, false}},
    {"set_boolean", set_boolean, HF_KIND_BOOLEAN, {true, false, false, true}},
    {"set_string", set_string, HF_KIND_STRING, {true, false, true, false}},
    {"borrow_string", borrow_string, HF_KIND_STRING, {true, false, true, false}},
    {"set_null", hf_context_set_null, HF_KIND_NULL, {true, false, false, false}},
    {"set_container", hf_context_set_container, HF_KIND_CONTAINER, {true, false, false, false}},
    {"set_invalid", hf_context_set_invalid, HF_KIND_INVALID, {true, true, true, true}},
    {"unset", hf_context_unset, HF_KIND_MISSING, {true, true, true, true}},
};
#define SETTER_COUNT (sizeof setters / sizeof setters[0])

/* What the slots of typed_context() hold before a test does anything. */
static const char *const before[] = {"1", "7", "'old'", "false"};

static hf_context *typed_context(void) {
  hf_schema *schema = test_schema("any number:number string:string boolean:boolean");
  hf_context *context = test_context(schema, "");
  hf_schema_release(schema);
  for (uint32_t i = 0; i < 4; i++) {
    test_set(context, i, before[i]);
  }
  return context;
}

static void assert_value(hf_value value, hf_kind kind, double number, const char *string) {
  assert_string_equal(hf_kind_name(value.kind), hf_kind_name(kind));
  assert_true(isnan(number) ? isnan(value.number) : value.number == number);
  assert_int_equal(value.length_bytes, string == NULL ? 0 : strlen(string));
  if (value.length_bytes > 0) {
    assert_memory_equal(value.string, string, value.length_bytes);
  }
}

static void a_new_context_is_all_missing(void **state) {
  (void)state;
  hf_schema *schema = test_schema("any number:number string:string boolean:boolean");
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  assert_ptr_equal(hf_context_schema(context), schema);
  for (uint32_t i = 0; i < 6; i++) {
    assert_value(hf_context_get(context, i), HF_KIND_MISSING, 0, NULL);
  }
  assert_value(hf_context_get(context, HF_NO_VARIABLE), HF_KIND_MISSING, 0, NULL);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void every_setter_keeps_to_the_declared_type(void **state) {
  (void)state;
  for (size_t s = 0; s < SETTER_COUNT; s++) {
    for (uint32_t variable = 0; variable < 4; variable++) {
      hf_context *context = typed_context();
      hf_value old = hf_context_get(context, variable);
      hf_status status = setters[s].set(context, variable);
      hf_status expected = setters[s].admitted[variable] ? HF_OK : HF_ERROR_TYPE_MISMATCH;
      hf_value now = hf_context_get(context, variable);
      if (status != expected || now.kind != (expected == HF_OK ? setters[s].kind : old.kind)) {
        test_fail("%s on variable %u: %s, leaves %s\n", setters[s].name, variable,
                  hf_status_name(status), hf_kind_name(now.kind));
      }
      if (expected != HF_OK) {
        assert_true(now.number == old.number);
        assert_int_equal(now.length_bytes, old.length_bytes);
        assert_ptr_equal(now.string, old.string);
      }
      /* The neighbours are as they were. */
      for (uint32_t other = 0; other < 4; other++) {
        if (other != variable) {
          assert_true(hf_context_get(context, other).kind != HF_KIND_MISSING);
        }
      }
      hf_context_destroy(context);
    }
  }
}

static void an_index_out_of_range_is_refused(void **state) {
  (void)state;
  const uint32_t indices[] = {NOT_THERE, 63, 64, 1000, HF_NO_VARIABLE - 1, HF_NO_VARIABLE};
  hf_context *context = typed_context();
  for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
    for (size_t s = 0; s < SETTER_COUNT; s++) {
      assert_int_equal(setters[s].set(context, indices[i]), HF_ERROR_INVALID_ARGUMENT);
    }
  }
  assert_value(hf_context_get(context, ANY), HF_KIND_NUMBER, 1, NULL);
  assert_value(hf_context_get(context, NUMBER), HF_KIND_NUMBER, 7, NULL);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "old");
  assert_value(hf_context_get(context, BOOLEAN), HF_KIND_BOOLEAN, 0, NULL);
  hf_context_destroy(context);
}

static void values_are_read_back(void **state) {
  (void)state;
  hf_context *context = typed_context();
  static const double numbers[] = {0.0, -1.5, 1e308, 5e-324, 9007199254740993.0};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    assert_int_equal(hf_context_set_number(context, NUMBER, numbers[i]), HF_OK);
    assert_value(hf_context_get(context, NUMBER), HF_KIND_NUMBER, numbers[i], NULL);
  }
  assert_int_equal(hf_context_set_number(context, NUMBER, (double)NAN), HF_OK);
  assert_value(hf_context_get(context, NUMBER), HF_KIND_NUMBER, (double)NAN, NULL);
  assert_int_equal(hf_context_set_number(context, NUMBER, -(double)INFINITY), HF_OK);
  assert_value(hf_context_get(context, NUMBER), HF_KIND_NUMBER, -(double)INFINITY, NULL);

  assert_int_equal(hf_context_set_boolean(context, BOOLEAN, true), HF_OK);
  assert_value(hf_context_get(context, BOOLEAN), HF_KIND_BOOLEAN, 1, NULL);
  assert_int_equal(hf_context_set_boolean(context, BOOLEAN, false), HF_OK);
  assert_value(hf_context_get(context, BOOLEAN), HF_KIND_BOOLEAN, 0, NULL);

  assert_int_equal(hf_context_set_string(context, STRING, "sévérité", strlen("sévérité")), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "sévérité");
  hf_context_destroy(context);
}

/* A slot that changes its kind keeps nothing of the old value. */
static void a_slot_is_filled_anew(void **state) {
  (void)state;
  hf_context *context = typed_context();
  for (size_t from = 0; from < SETTER_COUNT; from++) {
    for (size_t to = 0; to < SETTER_COUNT; to++) {
      assert_int_equal(setters[from].set(context, ANY), HF_OK);
      assert_int_equal(setters[to].set(context, ANY), HF_OK);
      hf_kind kind = setters[to].kind;
      assert_value(hf_context_get(context, ANY), kind,
                   kind == HF_KIND_NUMBER    ? 2.5
                   : kind == HF_KIND_BOOLEAN ? 1
                                             : 0,
                   kind == HF_KIND_STRING ? "text" : NULL);
    }
  }
  hf_context_destroy(context);
}

static void copied_strings_outlive_their_source(void **state) {
  (void)state;
  hf_context *context = typed_context();
  for (size_t length = 0; length < 300; length++) {
    char *source = malloc(length + 1);
    assert_non_null(source);
    memset(source, 'a' + (int)(length % 26), length);
    assert_int_equal(hf_context_set_string(context, STRING, source, length), HF_OK);
    memset(source, '#', length + 1);
    free(source);
    hf_value value = hf_context_get(context, STRING);
    assert_int_equal(value.kind, HF_KIND_STRING);
    assert_int_equal(value.length_bytes, length);
    for (size_t i = 0; i < length; i++) {
      assert_int_equal(value.string[i], 'a' + (int)(length % 26));
    }
  }
  hf_context_destroy(context);
}

/* A program may read a slot back and put it into the same slot, or into another,
 * whatever its length. */
static void a_slot_may_be_set_from_itself(void **state) {
  (void)state;
  static const char text[] = "one two three four five six seven eight";
  const uint32_t slots[] = {ANY, STRING};
  for (size_t s = 0; s < 2; s++) {
    hf_context *context = typed_context();
    assert_int_equal(hf_context_set_string(context, slots[s], text, strlen(text)), HF_OK);
    for (size_t gone = 1; gone <= strlen(text); gone++) {
      hf_value value = hf_context_get(context, slots[s]);
      assert_int_equal(
          hf_context_set_string(context, slots[s], value.string + 1, value.length_bytes - 1),
          HF_OK);
      assert_value(hf_context_get(context, slots[s]), HF_KIND_STRING, 0, text + gone);
      value = hf_context_get(context, slots[s]);
      assert_int_equal(
          hf_context_set_string(context, slots[1 - s], value.string, value.length_bytes), HF_OK);
      assert_value(hf_context_get(context, slots[s]), HF_KIND_STRING, 0, text + gone);
      assert_value(hf_context_get(context, slots[1 - s]), HF_KIND_STRING, 0, text + gone);
    }
    hf_context_destroy(context);
  }
}

static void borrowed_strings_stay_where_they_are(void **state) {
  (void)state;
  hf_context *context = typed_context();
  char text[] = "borrowed";
  assert_int_equal(hf_context_borrow_string(context, STRING, text, 8), HF_OK);
  assert_ptr_equal(hf_context_get(context, STRING).string, text);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "borrowed");
  /* A copy after a borrow does not write into the borrowed bytes. */
  assert_int_equal(hf_context_set_string(context, STRING, "copy", 4), HF_OK);
  assert_string_equal(text, "borrowed");
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "copy");
  hf_context_destroy(context);
}

static void a_borrowed_string_may_be_any_bytes(void **state) {
  (void)state;
  hf_schema *schema = test_schema("s:string t:string");
  hf_condition *condition = test_compile(schema, "s < t");
  hf_context *context = test_context(schema, "");
  assert_int_equal(hf_context_borrow_string(context, 0, "\xFE", 1), HF_OK);
  assert_int_equal(hf_context_borrow_string(context, 1, "\xFF", 1), HF_OK);
  assert_true(test_evaluate(condition, context));
  assert_int_equal(hf_context_borrow_string(context, 1, "\x01", 1), HF_OK);
  assert_false(test_evaluate(condition, context));
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void strings_may_be_empty_or_hold_nul(void **state) {
  (void)state;
  hf_context *context = typed_context();
  assert_int_equal(hf_context_set_string(context, STRING, NULL, 0), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "");
  assert_int_equal(hf_context_set_string(context, STRING, "", 0), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "");
  assert_int_equal(hf_context_borrow_string(context, STRING, NULL, 0), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "");
  assert_int_equal(hf_context_set_string(context, STRING, "a\0b", 3), HF_OK);
  hf_value value = hf_context_get(context, STRING);
  assert_int_equal(value.length_bytes, 3);
  assert_memory_equal(value.string, "a\0b", 3);
  hf_context_destroy(context);
}

static const struct {
  const char *bytes;
  size_t length;
} bad_utf8[] = {
    {"\x80", 1},             /* a continuation alone */
    {"a\xC3", 2},            /* cut short */
    {"\xC3(", 2},            /* no continuation */
    {"\xC0\xAF", 2},         /* overlong */
    {"\xC1\xBF", 2},         /* overlong */
    {"\xE0\x80\x80", 3},     /* overlong */
    {"\xE0\x9F\xBF", 3},     /* overlong */
    {"\xE2\x82", 2},         /* cut short */
    {"\xED\xA0\x80", 3},     /* surrogate */
    {"\xED\xBF\xBF", 3},     /* surrogate */
    {"\xF0\x80\x80\x80", 4}, /* overlong */
    {"\xF0\x8F\xBF\xBF", 4}, /* overlong */
    {"\xF4\x90\x80\x80", 4}, /* above U+10FFFF */
    {"\xF5\x80\x80\x80", 4}, /* above U+10FFFF */
    {"\xF0\x9F\x94", 3},     /* cut short */
    {"\xFE", 1},
    {"\xFF", 1},
    {"0123456789abcdef0123456789abcdef\x80", 33},
};

static void a_copied_string_is_utf8(void **state) {
  (void)state;
  hf_context *context = typed_context();
  for (size_t i = 0; i < sizeof bad_utf8 / sizeof bad_utf8[0]; i++) {
    if (hf_context_set_string(context, STRING, bad_utf8[i].bytes, bad_utf8[i].length) !=
        HF_ERROR_INVALID_UTF8) {
      test_fail("bad UTF-8 number %zu is let in\n", i);
    }
    assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "old");
    /* The type and the index are looked at first. */
    assert_int_equal(hf_context_set_string(context, NUMBER, bad_utf8[i].bytes, bad_utf8[i].length),
                     HF_ERROR_TYPE_MISMATCH);
  }
  static const char *const good[] = {"\x7F",         "\xC2\x80",         "\xDF\xBF",
                                     "\xE0\xA0\x80", "\xED\x9F\xBF",     "\xEE\x80\x80",
                                     "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(hf_context_set_string(context, STRING, good[i], strlen(good[i])), HF_OK);
    assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, good[i]);
  }
  hf_context_destroy(context);
}

static void clear_makes_every_slot_missing(void **state) {
  (void)state;
  hf_context *context = typed_context();
  hf_context_clear(context);
  for (uint32_t i = 0; i < 4; i++) {
    assert_value(hf_context_get(context, i), HF_KIND_MISSING, 0, NULL);
  }
  hf_context_clear(context);
  assert_int_equal(hf_context_set_string(context, STRING, "again", 5), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_STRING, 0, "again");
  hf_context_destroy(context);
}

static void unset_makes_one_slot_missing(void **state) {
  (void)state;
  hf_context *context = typed_context();
  assert_int_equal(hf_context_unset(context, STRING), HF_OK);
  assert_int_equal(hf_context_unset(context, STRING), HF_OK);
  assert_value(hf_context_get(context, STRING), HF_KIND_MISSING, 0, NULL);
  assert_value(hf_context_get(context, NUMBER), HF_KIND_NUMBER, 7, NULL);
  hf_context_destroy(context);
}

static void contexts_are_independent(void **state) {
  (void)state;
  hf_schema *schema = test_schema("s:string n:number");
  hf_context *a = test_context(schema, "s='one' n=1");
  hf_context *b = test_context(schema, "s='two'");
  hf_context_clear(a);
  assert_value(hf_context_get(b, 0), HF_KIND_STRING, 0, "two");
  assert_value(hf_context_get(b, 1), HF_KIND_MISSING, 0, NULL);
  hf_context_destroy(a);
  assert_value(hf_context_get(b, 0), HF_KIND_STRING, 0, "two");
  hf_context_destroy(b);
  hf_schema_release(schema);
}

/* Every slot of the largest schema, so that nothing is sized for one word of bits. */
static void the_largest_schema_has_a_context(void **state) {
  (void)state;
  static char names[HF_SCHEMA_MAX_VARIABLES][24];
  static hf_variable variables[HF_SCHEMA_MAX_VARIABLES];
  for (size_t i = 0; i < HF_SCHEMA_MAX_VARIABLES; i++) {
    snprintf(names[i], sizeof names[i], "v%zu", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_NUMBER};
  }
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, HF_SCHEMA_MAX_VARIABLES, NULL, &schema, NULL),
                   HF_OK);
  hf_context *context = test_context(schema, "");
  for (uint32_t i = 0; i < HF_SCHEMA_MAX_VARIABLES; i++) {
    assert_int_equal(hf_context_set_number(context, i, i), HF_OK);
  }
  for (uint32_t i = 0; i < HF_SCHEMA_MAX_VARIABLES; i++) {
    assert_value(hf_context_get(context, i), HF_KIND_NUMBER, i, NULL);
    char text[64];
    snprintf(text, sizeof text, "v%u == %u and v4095 == 4095", i, i);
    hf_condition *condition = test_compile(schema, text);
    assert_true(test_evaluate(condition, context));
    assert_int_equal(hf_context_unset(context, i), HF_OK);
    bool held = true;
    hf_error error;
    assert_int_equal(hf_condition_evaluate(condition, context, &held, &error),
                     HF_ERROR_MISSING_VARIABLE);
    assert_int_equal(error.variable, i);
    assert_int_equal(hf_context_set_number(context, i, i), HF_OK);
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Sixteen tags lie in a word: none disturbs another. */
static void forty_slots_do_not_disturb_each_other(void **state) {
  (void)state;
  enum { SLOTS = 40 };
  char names[SLOTS][16];
  hf_variable variables[SLOTS];
  for (uint32_t i = 0; i < SLOTS; i++) {
    snprintf(names[i], sizeof names[i], "v%u", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_ANY};
  }
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, SLOTS, NULL, &schema, NULL), HF_OK);
  hf_context *context = test_context(schema, "");
  for (size_t shift = 0; shift < SETTER_COUNT; shift++) {
    for (uint32_t i = 0; i < SLOTS; i++) {
      assert_int_equal(setters[(i + shift) % SETTER_COUNT].set(context, i), HF_OK);
    }
    for (uint32_t changed = 0; changed < SLOTS; changed++) {
      for (size_t to = 0; to < SETTER_COUNT; to++) {
        assert_int_equal(setters[to].set(context, changed), HF_OK);
        for (uint32_t i = 0; i < SLOTS; i++) {
          const setter_row *row = &setters[i == changed ? to : (i + shift) % SETTER_COUNT];
          assert_value(hf_context_get(context, i), row->kind,
                       row->kind == HF_KIND_NUMBER    ? 2.5
                       : row->kind == HF_KIND_BOOLEAN ? 1
                                                      : 0,
                       row->kind == HF_KIND_STRING ? "text" : NULL);
        }
      }
      assert_int_equal(setters[(changed + shift) % SETTER_COUNT].set(context, changed), HF_OK);
    }
    hf_context_clear(context);
    for (uint32_t i = 0; i < SLOTS; i++) {
      assert_value(hf_context_get(context, i), HF_KIND_MISSING, 0, NULL);
    }
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* For these every word of tags must be written, and nothing behind the last one. */
static void contexts_of_every_size_begin_and_clear_as_missing(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 15, 16, 17, 31, 32, 33, 48, 49, 100, 1000};
  static char names[1000][16];
  static hf_variable variables[1000];
  for (uint32_t i = 0; i < 1000; i++) {
    snprintf(names[i], sizeof names[i], "v%u", i);
    variables[i] = (hf_variable){names[i], i % 3 == 0 ? HF_TYPE_STRING : HF_TYPE_ANY};
  }
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    hf_schema *schema = NULL;
    assert_int_equal(hf_schema_create(variables, sizes[s], NULL, &schema, NULL), HF_OK);
    hf_context *context = test_context(schema, "");
    for (int round = 0; round < 2; round++) {
      for (uint32_t i = 0; i < sizes[s]; i++) {
        assert_value(hf_context_get(context, i), HF_KIND_MISSING, 0, NULL);
      }
      for (uint32_t i = 0; i < sizes[s]; i++) {
        assert_int_equal(hf_context_set_string(context, i, names[i], strlen(names[i])), HF_OK);
      }
      for (uint32_t i = 0; i < sizes[s]; i++) {
        assert_value(hf_context_get(context, i), HF_KIND_STRING, 0, names[i]);
      }
      hf_context_clear(context);
    }
    hf_context_destroy(context);
    hf_schema_release(schema);
  }
}

/* The default allocator gives the room for strings with the first one. */
static void a_context_takes_room_for_strings_when_it_needs_it(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a n:number b:boolean s:string");
  for (int borrowed = 0; borrowed < 2; borrowed++) {
    hf_context *context = test_context(schema, "a=1 n=2 b=true");
    test_set(context, 0, "null");
    test_set(context, 0, "[]");
    test_set(context, 0, "true");
    test_set(context, 1, "!");
    assert_int_equal(hf_context_set_string(context, 1, "x", 1), HF_ERROR_TYPE_MISMATCH);
    assert_int_equal(hf_context_borrow_string(context, 2, "x", 1), HF_ERROR_TYPE_MISMATCH);
    assert_int_equal(hf_context_set_string(context, 0, "\xFF", 1), HF_ERROR_INVALID_UTF8);
    hf_context_clear(context);
    assert_null(context->rest);
    hf_status status = borrowed ? hf_context_borrow_string(context, 0, "text", 4)
                                : hf_context_set_string(context, 0, "text", 4);
    assert_int_equal(status, HF_OK);
    assert_non_null(context->rest);
    assert_value(hf_context_get(context, 0), HF_KIND_STRING, 0, "text");
    hf_context_destroy(context);
  }
  hf_schema_release(schema);
}

/* Equal numbers are equal words, and 0 has one. */
static void minus_zero_is_kept_as_zero(void **state) {
  (void)state;
  hf_context *context = typed_context();
  const uint32_t slots[] = {ANY, NUMBER};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(hf_context_set_number(context, slots[i], -0.0), HF_OK);
    double number = hf_context_get(context, slots[i]).number;
    assert_true(number == 0);
    assert_false(signbit(number));
    assert_int_equal(hf_context_set_number(context, slots[i], -5e-324), HF_OK);
    assert_true(signbit(hf_context_get(context, slots[i]).number));
  }
  hf_context_destroy(context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_context_is_all_missing),
      cmocka_unit_test(every_setter_keeps_to_the_declared_type),
      cmocka_unit_test(an_index_out_of_range_is_refused),
      cmocka_unit_test(values_are_read_back),
      cmocka_unit_test(a_slot_is_filled_anew),
      cmocka_unit_test(copied_strings_outlive_their_source),
      cmocka_unit_test(a_slot_may_be_set_from_itself),
      cmocka_unit_test(borrowed_strings_stay_where_they_are),
      cmocka_unit_test(a_borrowed_string_may_be_any_bytes),
      cmocka_unit_test(strings_may_be_empty_or_hold_nul),
      cmocka_unit_test(a_copied_string_is_utf8),
      cmocka_unit_test(clear_makes_every_slot_missing),
      cmocka_unit_test(unset_makes_one_slot_missing),
      cmocka_unit_test(contexts_are_independent),
      cmocka_unit_test(the_largest_schema_has_a_context),
      cmocka_unit_test(forty_slots_do_not_disturb_each_other),
      cmocka_unit_test(contexts_of_every_size_begin_and_clear_as_missing),
      cmocka_unit_test(a_context_takes_room_for_strings_when_it_needs_it),
      cmocka_unit_test(minus_zero_is_kept_as_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
