#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

static const uint32_t all[] = {0, 1, 2, 3};
enum { ALL = 4 };

static hf_schema *schema(void) {
  return test_schema("any number:number string:string boolean:boolean");
}

static bool equal(hf_digest a, hf_digest b) {
  return a.low == b.low && a.high == b.high;
}

static hf_digest of(const char *assignments) {
  hf_schema *declared = schema();
  hf_context *context = test_context(declared, assignments);
  hf_digest digest = hf_context_digest(context, all, ALL, 7);
  hf_context_destroy(context);
  hf_schema_release(declared);
  return digest;
}

static void the_order_of_filling_does_not_matter(void **state) {
  (void)state;
  assert_true(equal(of("any=1 number=2 string='x' boolean=true"),
                    of("boolean=true string='x' number=2 any=1")));
}

static void different_values_differ(void **state) {
  (void)state;
  static const char *const contexts[] = {
      "",
      "any=0",
      "any=1",
      "any=true",
      "any=false",
      "any=nan",
      "any=inf",
      "any=null",
      "any=[]",
      "any=!",
      "any=''",
      "any='a'",
      "number=1",
      "boolean=true",
      "string='a'",
      "string='b'",
      "string='ab'",
      "string=''",
      "number=!",
      "any='1'",
      "string='a longer string than a key can hold'",
      "string='a longer string than a key can hald'",
  };
  enum { COUNT = sizeof contexts / sizeof contexts[0] };
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < COUNT; j++) {
      if (equal(of(contexts[i]), of(contexts[j])) != (i == j)) {
        test_fail("\"%s\" and \"%s\"\n", contexts[i], contexts[j]);
      }
    }
  }
}

static void only_the_variables_that_are_named_count(void **state) {
  (void)state;
  hf_schema *declared = schema();
  hf_context *a = test_context(declared, "any=1 number=2");
  hf_context *b = test_context(declared, "any=1 number=3");
  const uint32_t first = 0, second = 1, absent = 99, missing = 2;
  assert_true(equal(hf_context_digest(a, &first, 1, 7), hf_context_digest(b, &first, 1, 7)));
  assert_false(equal(hf_context_digest(a, &second, 1, 7), hf_context_digest(b, &second, 1, 7)));
  assert_true(equal(hf_context_digest(a, &absent, 1, 7), hf_context_digest(a, &missing, 1, 7)));
  assert_true(equal(hf_context_digest(a, NULL, 0, 7), hf_context_digest(b, NULL, 0, 7)));
  hf_context_destroy(a);
  hf_context_destroy(b);
  hf_schema_release(declared);
}

static void the_seed_counts(void **state) {
  (void)state;
  hf_schema *declared = schema();
  hf_context *context = test_context(declared, "any=1");
  assert_false(
      equal(hf_context_digest(context, all, ALL, 7), hf_context_digest(context, all, ALL, 8)));
  hf_condition *condition = test_compile(declared, "any > 1");
  assert_false(equal(hf_condition_digest(condition, 7), hf_condition_digest(condition, 8)));
  hf_condition_destroy(condition);
  hf_context_destroy(context);
  hf_schema_release(declared);
}

/* A copied string, short and long, a borrowed one and a word are the same value. */
static void the_way_of_filling_does_not_matter(void **state) {
  (void)state;
  static const char *const strings[] = {"", "eu", "a string that is longer than any key"};
  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    const char *string = strings[i];
    size_t length = strlen(string);
    hf_schema *plain = test_schema("any string:string");
    const hf_variable variables[] = {{"any", HF_TYPE_ANY}, {"string", HF_TYPE_STRING}};
    const hf_word word = {string, length};
    hf_schema *interning = NULL;
    assert_int_equal(hf_schema_create_with_words(variables, 2, &word, 1, NULL, &interning, NULL),
                     HF_OK);
    const uint32_t both[] = {0, 1};
    hf_digest digests[4];
    for (size_t way = 0; way < 4; way++) {
      hf_context *context = NULL;
      assert_int_equal(hf_context_create(way < 2 ? plain : interning, NULL, &context), HF_OK);
      for (uint32_t slot = 0; slot < 2; slot++) {
        assert_int_equal(way == 0 || way == 2
                             ? hf_context_set_string(context, slot, string, length)
                             : hf_context_borrow_string(context, slot, string, length),
                         HF_OK);
      }
      digests[way] = hf_context_digest(context, both, 2, 7);
      assert_true(equal(digests[way], digests[0]));
      hf_context_destroy(context);
    }
    hf_schema_release(plain);
    hf_schema_release(interning);
  }
}

/* Whatever fits at once and what is hashed piece by piece are cut at different places. */
static void strings_of_any_length_are_told_apart(void **state) {
  (void)state;
  hf_schema *declared = test_schema("a b");
  const uint32_t both[] = {0, 1};
  static char text[601];
  memset(text, 'x', sizeof text);
  hf_digest before = {0, 0};
  for (size_t length = 0; length <= 600; length++) {
    hf_context *context = NULL;
    assert_int_equal(hf_context_create(declared, NULL, &context), HF_OK);
    assert_int_equal(hf_context_borrow_string(context, 0, text, length), HF_OK);
    assert_int_equal(hf_context_borrow_string(context, 1, text, 600 - length), HF_OK);
    hf_digest digest = hf_context_digest(context, both, 2, 7);
    assert_false(equal(digest, before));
    assert_true(equal(digest, hf_context_digest(context, both, 2, 7)));
    before = digest;
    hf_context_destroy(context);
  }
  hf_schema_release(declared);
}

static void assert_alike(const hf_schema *declared, const char *a, const char *b, bool alike) {
  hf_condition *one = test_compile(declared, a);
  hf_condition *other = test_compile(declared, b);
  if (equal(hf_condition_digest(one, 7), hf_condition_digest(other, 7)) != alike) {
    test_fail("%s: %s\n", a, b);
  }
  hf_condition_destroy(one);
  hf_condition_destroy(other);
}

static void conditions_are_known_by_what_they_say(void **state) {
  (void)state;
  hf_schema *declared = test_schema("a b c");
  assert_alike(declared, "a > 1", " ( a>1.0 )", true);
  assert_alike(declared, "a == 'x' and (b < 2 and c < 3)", "a == \"x\" and b < 2 and c < 3", true);
  assert_alike(declared, "a > 1", "a >= 1", false);
  assert_alike(declared, "a > 1", "b > 1", false);
  assert_alike(declared, "a > 1", "1 > a", false);
  assert_alike(declared, "a == 1", "a == '1'", false);
  assert_alike(declared, "a > 1 and b > 1", "a > 1 or b > 1", false);
  assert_alike(declared, "a > 1 or b > 1 and c > 1", "(a > 1 or b > 1) and c > 1", false);
  assert_alike(declared, "always", "1 == 1", false);
  hf_schema *numbers = test_schema("a:number b c");
  hf_condition *one = test_compile(declared, "a > 1");
  hf_condition *other = test_compile(numbers, "a > 1");
  assert_false(equal(hf_condition_digest(one, 7), hf_condition_digest(other, 7)));
  hf_condition_destroy(one);
  hf_condition_destroy(other);
  hf_schema_release(numbers);
  hf_schema_release(declared);
}

static void a_condition_reads_what_it_requires(void **state) {
  (void)state;
  hf_schema *declared = test_schema("a b c");
  hf_condition *condition = test_compile(declared, "c > 1 and a > 1");
  hf_context *context = test_context(declared, "a=1 b=2 c=3");
  hf_context *same = test_context(declared, "a=1 b=9 c=3");
  hf_context *exchanged = test_context(declared, "a=3 b=2 c=1");
  hf_digest digest = hf_condition_digest_context(condition, context, 7);
  assert_true(equal(digest, hf_condition_digest_context(condition, same, 7)));
  assert_false(equal(digest, hf_condition_digest_context(condition, exchanged, 7)));
  hf_context_destroy(context);
  hf_context_destroy(same);
  hf_context_destroy(exchanged);
  hf_condition_destroy(condition);
  hf_schema_release(declared);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_order_of_filling_does_not_matter),
      cmocka_unit_test(different_values_differ),
      cmocka_unit_test(only_the_variables_that_are_named_count),
      cmocka_unit_test(the_seed_counts),
      cmocka_unit_test(the_way_of_filling_does_not_matter),
      cmocka_unit_test(strings_of_any_length_are_told_apart),
      cmocka_unit_test(conditions_are_known_by_what_they_say),
      cmocka_unit_test(a_condition_reads_what_it_requires),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
