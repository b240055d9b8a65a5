/* Conditions saved and loaded again, and everything that must not load. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition_image.h"
#include "counting_allocator.h"
#include "hf_test.h"
#include "model.h"

#ifndef HF_CONFORMANCE_DIRECTORY
#error "HF_CONFORMANCE_DIRECTORY says where the rows are"
#endif

static const char W1[] = "severity >= 0.8 and recurrence_count >= 2";
static const char W2[] = "(a > 0.5 and b < 0.3) or (c >= 0.2 and d <= 0.9 and e > 0.1) or "
                         "(a < 0.1 and (b > 0.7 or e >= 0.95))";
static const char W2_SCHEMA[] = "a b c d e";

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Images ------------------------------------------------------------------- */

/* Bytes in a block of exactly their size, so that a sanitizer sees a step beyond it. */
typedef struct image {
  unsigned char *bytes;
  size_t length;
} image;

static image image_of(const void *bytes, size_t length) {
  image made = {malloc(length + (length == 0)), length};
  assert_non_null(made.bytes);
  if (length > 0) {
    memcpy(made.bytes, bytes, length);
  }
  return made;
}

static image save(const hf_condition *condition) {
  image made = {NULL, hf_condition_save(condition, NULL, 0)};
  made.bytes = malloc(made.length);
  assert_non_null(made.bytes);
  assert_int_equal(hf_condition_save(condition, made.bytes, made.length), made.length);
  return made;
}

static image save_text(const hf_schema *schema, const char *text) {
  hf_condition *condition = test_compile(schema, text);
  image made = save(condition);
  hf_condition_destroy(condition);
  return made;
}

/* Makes the checksum right again. */
static void seal(image *changed) {
  assert_true(changed->length >= HF__IMAGE_CHECKSUM_BYTES);
  size_t end = changed->length - HF__IMAGE_CHECKSUM_BYTES;
  uint64_t checksum = hf__image_checksum(changed->bytes, end);
  for (size_t i = 0; i < HF__IMAGE_CHECKSUM_BYTES; i++) {
    changed->bytes[end + i] = (unsigned char)(checksum >> (8 * i));
  }
}

static hf_condition_options largest(void) {
  return (hf_condition_options){HF_CONDITION_LIMIT_MAX_TOKENS, HF_CONDITION_LIMIT_MAX_TEXT_BYTES,
                                NULL};
}

/* NULL when it is refused; then nothing is touched but the error, which is as promised. */
static hf_condition *load(const hf_schema *schema, const image *from, hf_error *error) {
  static char place;
  hf_condition *untouched = (hf_condition *)(void *)&place;
  hf_condition *condition = untouched;
  hf_condition_options options = largest();
  *error = test_untouched_error();
  hf_status status =
      hf_condition_load(schema, from->bytes, from->length, &options, &condition, error);
  if (status == HF_OK) {
    assert_ptr_not_equal(condition, untouched);
    return condition;
  }
  assert_ptr_equal(condition, untouched);
  assert_int_equal(error->status, status);
  assert_true(error->offset_bytes <= from->length);
  assert_true(error->length_bytes <= from->length - error->offset_bytes);
  test_check_message(error);
  assert_int_equal(hf_condition_load(schema, from->bytes, from->length, &options, &condition, NULL),
                   status);
  return NULL;
}

static void assert_refused(const hf_schema *schema, const image *from, hf_status status) {
  hf_error error;
  hf_condition *condition = load(schema, from, &error);
  if (condition != NULL) {
    size_t length = 0;
    const char *text = hf_condition_text(condition, &length);
    test_fail("loaded, but should be refused: %.*s\n", (int)length, text);
  }
  if (error.status != status) {
    test_fail("expected %s, got %s: %s\n", hf_status_name(status), hf_status_name(error.status),
              error.message);
  }
}

/* Sameness ----------------------------------------------------------------- */

static void assert_same_operand(const hf_operand *a, const hf_operand *b) {
  assert_int_equal(a->variable, b->variable);
  assert_int_equal(a->offset_bytes, b->offset_bytes);
  assert_int_equal(a->length_bytes, b->length_bytes);
  assert_int_equal(a->value.kind, b->value.kind);
  assert_memory_equal(&a->value.number, &b->value.number, sizeof a->value.number);
  assert_int_equal(a->value.length_bytes, b->value.length_bytes);
  if (a->value.length_bytes > 0) {
    assert_memory_equal(a->value.string, b->value.string, a->value.length_bytes);
  }
}

static void assert_same_answers(const hf_condition *a, const hf_condition *b,
                                const hf_context *context) {
  bool held_a = false;
  bool held_b = false;
  hf_error error_a = test_untouched_error();
  hf_error error_b = test_untouched_error();
  assert_int_equal(hf_condition_evaluate(a, context, &held_a, &error_a),
                   hf_condition_evaluate(b, context, &held_b, &error_b));
  assert_int_equal(held_a, held_b);
  assert_memory_equal(&error_a, &error_b, offsetof(hf_error, message));
  assert_memory_equal(error_a.message, error_b.message, sizeof error_a.message);
  size_t count = hf_condition_node_count(a);
  assert_int_equal(hf_condition_node_count(b), count);
  hf_node *of_a = calloc(count, sizeof *of_a);
  hf_node *of_b = calloc(count, sizeof *of_b);
  assert_true(of_a != NULL && of_b != NULL);
  assert_int_equal(hf_condition_explain(a, context, of_a, count), HF_OK);
  assert_int_equal(hf_condition_explain(b, context, of_b, count), HF_OK);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(of_a[i].kind, of_b[i].kind);
    assert_int_equal(of_a[i].status, of_b[i].status);
    assert_int_equal(of_a[i].held, of_b[i].held);
    assert_int_equal(of_a[i].parent, of_b[i].parent);
    assert_int_equal(of_a[i].depth, of_b[i].depth);
    assert_int_equal(of_a[i].offset_bytes, of_b[i].offset_bytes);
    assert_int_equal(of_a[i].length_bytes, of_b[i].length_bytes);
    if (of_a[i].kind == HF_NODE_COMPARISON) {
      assert_int_equal(of_a[i].op, of_b[i].op);
      assert_same_operand(&of_a[i].left, &of_b[i].left);
      assert_same_operand(&of_a[i].right, &of_b[i].right);
    }
  }
  free(of_a);
  free(of_b);
}

static char *canonical_of(const hf_condition *condition) {
  size_t length = hf_condition_canonical(condition, NULL, 0);
  char *text = malloc(length + 1);
  assert_non_null(text);
  hf_condition_canonical(condition, text, length + 1);
  return text;
}

/* All that can be asked of both, and their answers in a context where nothing is set. */
static void assert_same(const hf_condition *a, const hf_condition *b) {
  size_t length_a = 0;
  size_t length_b = 0;
  const char *text_a = hf_condition_text(a, &length_a);
  const char *text_b = hf_condition_text(b, &length_b);
  assert_int_equal(length_a, length_b);
  assert_memory_equal(text_a, text_b, length_a + 1);
  assert_int_equal(hf_condition_token_count(a), hf_condition_token_count(b));
  size_t variables = hf_condition_variable_count(a);
  assert_int_equal(hf_condition_variable_count(b), variables);
  for (size_t i = 0; i < variables; i++) {
    assert_int_equal(hf_condition_variable(a, i), hf_condition_variable(b, i));
  }
  char *canonical_a = canonical_of(a);
  char *canonical_b = canonical_of(b);
  assert_string_equal(canonical_a, canonical_b);
  free(canonical_a);
  free(canonical_b);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_condition_schema(a), NULL, &context), HF_OK);
  assert_same_answers(a, b, context);
  hf_context_destroy(context);
}

/* The condition that the text of `loaded` compiles to. */
static hf_condition *compile_again(const hf_condition *loaded) {
  size_t length = 0;
  const char *text = hf_condition_text(loaded, &length);
  hf_condition_options options = largest();
  hf_condition *compiled = NULL;
  hf_error error;
  if (hf_condition_compile(hf_condition_schema(loaded), text, length, &options, &compiled,
                           &error) != HF_OK) {
    test_fail("loaded, but does not compile: %.*s: %s\n", (int)length, text, error.message);
  }
  return compiled;
}

/* What was accepted is what its text compiles to, and has no other image. */
static void assert_honest(const hf_condition *loaded, const image *from) {
  hf_condition *compiled = compile_again(loaded);
  assert_same(loaded, compiled);
  image again = save(loaded);
  assert_int_equal(again.length, from->length);
  assert_memory_equal(again.bytes, from->bytes, from->length);
  free(again.bytes);
  hf_condition_destroy(compiled);
}

static hf_condition *assert_comes_back(const hf_condition *condition) {
  image saved = save(condition);
  hf_error error;
  hf_condition *loaded = load(hf_condition_schema(condition), &saved, &error);
  if (loaded == NULL) {
    size_t length = 0;
    const char *text = hf_condition_text(condition, &length);
    test_fail("%.*s: %s: %s\n", (int)length, text, hf_status_name(error.status), error.message);
  }
  assert_same(loaded, condition);
  assert_honest(loaded, &saved);
  free(saved.bytes);
  return loaded;
}

/* Round trips -------------------------------------------------------------- */

static uint32_t file_comes_back(const char *name, hf_context *const contexts[], size_t count) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.jsonl", HF_CONFORMANCE_DIRECTORY, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  uint32_t conditions = 0;
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
    json_t *row = json_loadb(line, (size_t)length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *text = json_object_get(row, "expr");
    assert_true(json_is_string(text));
    hf_condition *condition = NULL;
    if (hf_condition_compile(hf_schema_classic(), json_string_value(text), json_string_length(text),
                             NULL, &condition, NULL) == HF_OK) {
      hf_condition *loaded = assert_comes_back(condition);
      for (size_t i = 0; i < count; i++) {
        assert_same_answers(condition, loaded, contexts[i]);
      }
      conditions++;
      hf_condition_destroy(loaded);
      hf_condition_destroy(condition);
    }
    json_decref(row);
  }
  free(line);
  fclose(file);
  return conditions;
}

static void every_conformance_condition_comes_back(void **state) {
  (void)state;
  static const char *const values[] = {
      "severity=0.9 recurrence_count=3 confidence=0.5 step=7 duration=1",
      "severity='low' recurrence_count='' confidence='x' step='a' duration='1'",
      "severity=true recurrence_count=null confidence=[] step=nan duration=!",
  };
  hf_context *contexts[COUNT(values)];
  for (size_t i = 0; i < COUNT(values); i++) {
    contexts[i] = test_context(hf_schema_classic(), values[i]);
  }
  static const char *const files[] = {"conditions", "condition_tokens", "suite_conditions"};
  uint32_t conditions = 0;
  for (size_t i = 0; i < COUNT(files); i++) {
    conditions += file_comes_back(files[i], contexts, COUNT(contexts));
  }
  printf("conformance: %" PRIu32 " conditions saved and loaded\n", conditions);
  assert_true(conditions > 900);
  for (size_t i = 0; i < COUNT(values); i++) {
    hf_context_destroy(contexts[i]);
  }
}

static void random_programs_come_back(void **state) {
  (void)state;
  enum { PROGRAMS = 5000, VALUES = 4 };
  test_random random = test_random_start("images of random programs");
  hf_schema *schema = model_schema();
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, NULL, &context), HF_OK);
  uint32_t compiled = 0;
  for (uint32_t i = 0; i < PROGRAMS; i++) {
    model_tree tree;
    char text[MODEL_TEXT_BYTES];
    model_generate(&tree, &random, 1 + test_random_below(&random, MODEL_MAX_COMPARISONS));
    size_t length = model_print(&tree, &random, text);
    hf_condition_options options = largest();
    hf_condition *condition = NULL;
    if (hf_condition_compile(schema, text, length, &options, &condition, NULL) != HF_OK) {
      continue;
    }
    compiled++;
    hf_condition *loaded = assert_comes_back(condition);
    for (uint32_t v = 0; v < VALUES; v++) {
      hf_value values[MODEL_VARIABLE_COUNT];
      model_random_values(&random, values);
      model_fill(context, values);
      assert_same_answers(condition, loaded, context);
    }
    hf_condition_destroy(loaded);
    hf_condition_destroy(condition);
  }
  assert_true(compiled > PROGRAMS / 2);
  hf_context_destroy(context);
  hf_schema_release(schema);
}

static void unusual_spellings_come_back(void **state) {
  (void)state;
  static const char *const texts[] = {
      "always",
      " \t\nALWAYS\r\v\f",
      "((((a == 1))))",
      "1 == 1",
      "'' == \"\"",
      "a==1and_x==2or'x'==\"y\"and.5<1.",
      "a == 1 or(b == 2)and(c == 3)",
      "((a == 1) and b == 2) and (c == 3 and ((d == 4)))",
      "(a == 1 or b == 2 and (c == 3 or d == 4)) and a == 5 or ((b == 6))",
      "'\xC3\xA9\xF0\x9F\x94\xA5' != a",
      "android>=99999999999999999999999999999999999999999999.00001",
      "a == '( and ) or'",
  };
  hf_schema *schema = test_schema("a b c d _x android");
  for (size_t i = 0; i < COUNT(texts); i++) {
    hf_condition *condition = test_compile(schema, texts[i]);
    hf_condition_destroy(assert_comes_back(condition));
    hf_condition_destroy(condition);
  }
  static const char nul[] = "a == 'x\0y'";
  hf_condition *condition = NULL;
  assert_int_equal(hf_condition_compile(schema, nul, sizeof nul - 1, NULL, &condition, NULL),
                   HF_OK);
  hf_condition_destroy(assert_comes_back(condition));
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void append(char *text, size_t *length, const char *piece) {
  memcpy(text + *length, piece, strlen(piece));
  *length += strlen(piece);
}

/* As many tokens as may be: side by side, and nested as deep as they go. */
static void the_largest_conditions_come_back(void **state) {
  (void)state;
  enum { MOST = HF_CONDITION_LIMIT_MAX_TOKENS };
  char *text = malloc(16u << 20);
  assert_non_null(text);
  hf_condition_options options = largest();
  for (int form = 0; form < 5; form++) {
    size_t length = 0;
    if (form == 0) { /* 3 n + (n - 1) + 1 tokens */
      for (uint32_t i = 0; i < MOST / 4; i++) {
        append(text, &length, i == 0 ? "step<1" : i % 3 == 0 ? " or step<1" : " and step<1");
      }
    } else if (form == 1) { /* nothing but parentheses */
      for (uint32_t i = 0; i < MOST / 2 - 2; i++) {
        append(text, &length, "(");
      }
      append(text, &length, "step<1");
      for (uint32_t i = 0; i < MOST / 2 - 2; i++) {
        append(text, &length, ")");
      }
    } else if (form == 4) { /* balanced groups, one deeper than the other */
      for (uint32_t i = 0; i < MOST / 12; i++) {
        append(text, &length, i == 0 ? "" : i % 2 == 0 ? " and " : " or ");
        append(text, &length, "(step<1 or(step<1))");
      }
    } else { /* to the right, or to the left: 3 + n (1 + 3 + 2) + 1 */
      uint32_t levels = (MOST - 4) / 6;
      for (uint32_t i = 0; form == 3 && i < levels; i++) {
        append(text, &length, "(");
      }
      append(text, &length, "step<1");
      for (uint32_t i = 0; i < levels; i++) {
        append(text, &length, i % 2 == 0 ? " and " : " or ");
        append(text, &length, form == 2 ? "(step<1" : "step<1)");
      }
      for (uint32_t i = 0; form == 2 && i < levels; i++) {
        append(text, &length, ")");
      }
    }
    hf_condition *condition = NULL;
    hf_error error;
    hf_status status =
        hf_condition_compile(hf_schema_classic(), text, length, &options, &condition, &error);
    if (status != HF_OK) {
      test_fail("form %d: %s\n", form, error.message);
    }
    assert_true(hf_condition_token_count(condition) > MOST - MOST / 8);
    image saved = save(condition);
    hf_condition *loaded = load(hf_schema_classic(), &saved, &error);
    if (loaded == NULL) {
      test_fail("form %d: %s at %" PRIu32 "\n", form, error.message, error.offset_bytes);
    }
    assert_same(condition, loaded);
    free(saved.bytes);
    hf_condition_destroy(loaded);
    hf_condition_destroy(condition);
  }
  free(text);
}

static void any_alignment_loads(void **state) {
  (void)state;
  image saved = save_text(hf_schema_classic(), W1);
  for (size_t shift = 0; shift < 16; shift++) {
    unsigned char *moved = malloc(saved.length + shift);
    assert_non_null(moved);
    memcpy(moved + shift, saved.bytes, saved.length);
    hf_condition *condition = NULL;
    assert_int_equal(
        hf_condition_load(hf_schema_classic(), moved + shift, saved.length, NULL, &condition, NULL),
        HF_OK);
    /* The image is borrowed. */
    memset(moved, 0x5a, saved.length + shift);
    hf_condition *compiled = test_compile(hf_schema_classic(), W1);
    assert_same(condition, compiled);
    hf_condition_destroy(compiled);
    hf_condition_destroy(condition);
    free(moved);
  }
  free(saved.bytes);
}

/* Bytes -------------------------------------------------------------------- */

static void assert_hex(const image *saved, const char *hex) {
  char *got = malloc(2 * saved->length + 1);
  assert_non_null(got);
  for (size_t i = 0; i < saved->length; i++) {
    snprintf(got + 2 * i, 3, "%02x", (unsigned)saved->bytes[i]);
  }
  assert_string_equal(got, hex);
  free(got);
}

static void the_format_is_frozen(void **state) {
  (void)state;
  hf_schema *schema = test_schema(W2_SCHEMA);
  image always = save_text(hf_schema_classic(), "always");
  image w1 = save_text(hf_schema_classic(), W1);
  image w2 = save_text(schema, W2);
  printf("image bytes: always %zu, W1 %zu, W2 %zu\n", always.length, w1.length, w2.length);
  assert_hex(&always, "4846430177049e84fa5b63b40302000006616c776179739db87740a59ebe77");
  assert_hex(&w1, "4846430177049e84fa5b63b401080201297365766572697479203e3d20302e3820616e6420726563"
                  "757272656e63655f636f756e74203e3d2032002e000004039a9999999999e93f2e05010401000000"
                  "000000004076114069c128e803");
  assert_hex(&w2, "484643015ab68d1c6ef2aeb602280805642861203e20302e3520616e642062203c20302e3329206f"
                  "72202863203e3d20302e3220616e642064203c3d20302e3920616e642065203e20302e3129206f72"
                  "202861203c20302e3120616e64202862203e20302e37206f722065203e3d20302e39352929010001"
                  "010001022501000303000000000000e03f1305010303333333333333d33f2e060204039a99999999"
                  "99c93f1c05030403cdccccccccccec3f25050403039a9999999999b93f13060003039a9999999999"
                  "b93f2506010303666666666666e63f2e04040404666666666666ee3f3f43314fe138ca96");
  assert_true(w2.length <= 256);
  free(always.bytes);
  free(w1.bytes);
  free(w2.bytes);
  hf_schema_release(schema);
}

static void a_buffer_receives_what_fits(void **state) {
  (void)state;
  hf_condition *condition = test_compile(hf_schema_classic(), W1);
  image saved = save(condition);
  for (size_t capacity = 0; capacity <= saved.length + 3; capacity++) {
    unsigned char buffer[256];
    memset(buffer, 0x5a, sizeof buffer);
    assert_int_equal(hf_condition_save(condition, buffer, capacity), saved.length);
    if (capacity >= saved.length) {
      assert_memory_equal(buffer, saved.bytes, saved.length);
    }
    for (size_t i = capacity < saved.length ? capacity : saved.length; i < sizeof buffer; i++) {
      assert_int_equal(buffer[i], 0x5a);
    }
  }
  free(saved.bytes);
  hf_condition_destroy(condition);
}

/* Damage ------------------------------------------------------------------- */

typedef struct sample {
  const char *declarations;
  const char *text;
} sample;

static const sample SAMPLES[] = {
    {W2_SCHEMA, "always"},
    {W2_SCHEMA, W2},
    {"a b", "a == 1"},
    {"a a_name_that_goes_far_beyond_the_end_of_the_text", "a == a"},
    {"text:string n:number", "(text == 'some' or n < 3.25) and \"q\" != text"},
    {"a b", "a > 1 or b > 1 or (a > 2 and (b > 2))"},
};

static void what_is_cut_short_is_refused(void **state) {
  (void)state;
  for (size_t s = 0; s < COUNT(SAMPLES); s++) {
    hf_schema *schema = test_schema(SAMPLES[s].declarations);
    image saved = save_text(schema, SAMPLES[s].text);
    for (size_t length = 0; length < saved.length; length++) {
      image cut = image_of(saved.bytes, length);
      assert_refused(schema, &cut, HF_ERROR_BAD_IMAGE);
      if (length >= HF__IMAGE_CHECKSUM_BYTES) {
        seal(&cut);
        assert_refused(schema, &cut, HF_ERROR_BAD_IMAGE);
      }
      free(cut.bytes);
    }
    free(saved.bytes);
    hf_schema_release(schema);
  }
}

static void what_is_too_long_is_refused(void **state) {
  (void)state;
  for (size_t s = 0; s < COUNT(SAMPLES); s++) {
    hf_schema *schema = test_schema(SAMPLES[s].declarations);
    image saved = save_text(schema, SAMPLES[s].text);
    for (size_t more = 1; more <= 20; more++) {
      unsigned char longer[512] = {0};
      memcpy(longer, saved.bytes, saved.length);
      image grown = image_of(longer, saved.length + more);
      assert_refused(schema, &grown, HF_ERROR_BAD_IMAGE);
      seal(&grown);
      assert_refused(schema, &grown, HF_ERROR_BAD_IMAGE);
      free(grown.bytes);
    }
    free(saved.bytes);
    hf_schema_release(schema);
  }
}

static void every_flipped_bit_is_refused(void **state) {
  (void)state;
  for (size_t s = 0; s < COUNT(SAMPLES); s++) {
    hf_schema *schema = test_schema(SAMPLES[s].declarations);
    image saved = save_text(schema, SAMPLES[s].text);
    for (size_t bit = 0; bit < 8 * saved.length; bit++) {
      saved.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
      assert_refused(schema, &saved, HF_ERROR_BAD_IMAGE);
      saved.bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    free(saved.bytes);
    hf_schema_release(schema);
  }
}

/* With a checksum that is right: refused, or what its text compiles to. */
static bool is_honest(const hf_schema *schema, image *forged) {
  seal(forged);
  hf_error error;
  hf_condition *loaded = load(schema, forged, &error);
  if (loaded == NULL) {
    assert_true(error.status == HF_ERROR_BAD_IMAGE || error.status == HF_ERROR_SCHEMA_MISMATCH);
    return false;
  }
  assert_honest(loaded, forged);
  hf_condition_destroy(loaded);
  return true;
}

static void every_changed_byte_is_refused_or_makes_an_honest_image(void **state) {
  (void)state;
  uint32_t accepted = 0;
  for (size_t s = 0; s < COUNT(SAMPLES); s++) {
    hf_schema *schema = test_schema(SAMPLES[s].declarations);
    image saved = save_text(schema, SAMPLES[s].text);
    for (size_t i = 0; i < saved.length - HF__IMAGE_CHECKSUM_BYTES; i++) {
      unsigned char before = saved.bytes[i];
      for (unsigned byte = 0; byte < 256; byte++) {
        saved.bytes[i] = (unsigned char)byte;
        accepted += is_honest(schema, &saved) && byte != before;
      }
      saved.bytes[i] = before;
    }
    free(saved.bytes);
    hf_schema_release(schema);
  }
  printf("changed bytes: %" PRIu32 " honest\n", accepted);
  assert_true(accepted > 0);
}

static void random_damage_is_refused_or_makes_an_honest_image(void **state) {
  (void)state;
  enum { ROUNDS = 100000 };
  test_random random = test_random_start("random damage to images");
  for (size_t s = 0; s < COUNT(SAMPLES); s++) {
    hf_schema *schema = test_schema(SAMPLES[s].declarations);
    image saved = save_text(schema, SAMPLES[s].text);
    for (uint32_t round = 0; round < ROUNDS / COUNT(SAMPLES); round++) {
      image forged = image_of(saved.bytes, saved.length);
      uint32_t body = (uint32_t)saved.length - HF__IMAGE_HEADER_BYTES - HF__IMAGE_CHECKSUM_BYTES;
      for (uint32_t changes = 2 + test_random_below(&random, 3); changes > 0; changes--) {
        unsigned char *byte =
            &forged.bytes[HF__IMAGE_HEADER_BYTES + test_random_below(&random, body)];
        *byte = test_random_below(&random, 2) == 0
                    ? (unsigned char)(*byte + test_random_below(&random, 5) - 2)
                    : saved.bytes[HF__IMAGE_HEADER_BYTES + test_random_below(&random, body)];
      }
      is_honest(schema, &forged);
      free(forged.bytes);
    }
    free(saved.bytes);
    hf_schema_release(schema);
  }
}

static void an_integer_has_one_form(void **state) {
  (void)state;
  hf_schema *schema = test_schema(W2_SCHEMA);
  image saved = save_text(schema, W2);
  for (size_t i = HF__IMAGE_HEADER_BYTES; i < saved.length - HF__IMAGE_CHECKSUM_BYTES; i++) {
    unsigned char longer[300];
    memcpy(longer, saved.bytes, i + 1);
    for (size_t extra = 1; extra <= 12; extra++) {
      longer[i + extra - 1] |= 0x80;
      longer[i + extra] = 0;
      memcpy(longer + i + 1 + extra, saved.bytes + i + 1, saved.length - i - 1);
      image forged = image_of(longer, saved.length + extra);
      seal(&forged);
      assert_refused(schema, &forged, HF_ERROR_BAD_IMAGE);
      free(forged.bytes);
    }
  }
  free(saved.bytes);
  hf_schema_release(schema);
}

/* Forgery ------------------------------------------------------------------ */

/* Writes what an image has before its text; returns where it ends. All is below 128. */
static size_t put_start(const hf_schema *schema, unsigned char *bytes, hf_node_kind root,
                        uint32_t tokens, uint32_t comparisons, uint32_t inner, const char *text) {
  uint64_t digest = hf__image_schema_digest(schema);
  memcpy(bytes, "HFC\x01", 4);
  for (size_t i = 0; i < 8; i++) {
    bytes[4 + i] = (unsigned char)(digest >> (8 * i));
  }
  bytes[12] = (unsigned char)root;
  bytes[13] = (unsigned char)tokens;
  bytes[14] = (unsigned char)comparisons;
  bytes[15] = (unsigned char)inner;
  bytes[16] = (unsigned char)strlen(text);
  memcpy(bytes + 17, text, strlen(text));
  return 17 + strlen(text);
}

/*
 * A text with five comparisons, and every tree that can be claimed for it: only
 * the right one loads.
 */
static void a_text_has_one_tree(void **state) {
  (void)state;
  static const char *const texts[] = {
      "a>1 and a>2 and a>3 and a>4 and a>5",       "a>1 or a>2 or a>3 or a>4 or a>5",
      "a>1 and a>2 or a>3 and a>4 or a>5",         "a>1 or a>2 and a>3 or a>4 and a>5",
      "a>1 and (a>2 or a>3) and (a>4 or a>5)",     "(a>1 or a>2 and a>3) and a>4 or a>5",
      "a>1 or (a>2 and (a>3 or (a>4 and a>5)))",   "((((a>1) or a>2) and a>3) or a>4) and a>5",
      "a>1 and ((a>2 and a>3) and a>4 or a>5)",    "(a>1 or a>2) and (a>3 or a>4 or (a>5))",
      "(a>1 or (a>2 and a>3)) or (a>4 and a>5)",   "((a>1 and a>2) or a>3) and (a>4 or a>5)",
      "(a>1 and (a>2 and (a>3 and a>4))) and a>5",
  };
  enum { JOINS = 4, DEPTHS = 4 };
  hf_schema *schema = test_schema("a b");
  for (size_t t = 0; t < COUNT(texts); t++) {
    image saved = save_text(schema, texts[t]);
    size_t joins_at = 17 + strlen(texts[t]);
    uint32_t accepted = 0;
    for (uint32_t choice = 0; choice < 256 * DEPTHS * 2; choice++) {
      image forged = image_of(saved.bytes, saved.length);
      for (uint32_t j = 0; j < JOINS; j++) {
        forged.bytes[joins_at + j] = (unsigned char)(choice >> (2 * j) & 3);
      }
      forged.bytes[15] = (unsigned char)(1 + (choice >> 8 & 3));
      forged.bytes[12] = (unsigned char)(choice >> 10 == 0 ? HF_NODE_AND : HF_NODE_OR);
      bool same = memcmp(forged.bytes, saved.bytes, saved.length - 8) == 0;
      bool honest = is_honest(schema, &forged);
      if (honest != same) {
        test_fail("%s: root %u, %u inner nodes, joins %u %u %u %u\n", texts[t],
                  (unsigned)forged.bytes[12], (unsigned)forged.bytes[15],
                  (unsigned)forged.bytes[joins_at], (unsigned)forged.bytes[joins_at + 1],
                  (unsigned)forged.bytes[joins_at + 2], (unsigned)forged.bytes[joins_at + 3]);
      }
      accepted += honest;
      free(forged.bytes);
    }
    assert_int_equal(accepted, 1);
    free(saved.bytes);
  }
  hf_schema_release(schema);
}

/* The program of one text under another of the same length. */
static void a_text_that_says_something_else_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *program;
    const char *text;
    unsigned char tokens; /* if it is not 0, claimed too */
  } rows[] = {
      {"a > 1", "b > 1", 0},
      {"a > 1", "a < 1", 0},
      {"a > 1", "a > 2", 0},
      {"a > 1", "1 > a", 0},
      {"a > 1", "a > a", 0},
      {"a >1", "a>1 ", 0},
      {"a >= 1", "a => 1", 0},
      {"a > 1 ", "a >= 1", 0},
      {"a > 1 ", "a > 1.", 0},
      {"a > 1 ", "a > 11", 0},
      {"a > 1 ", "a > 1)", 0},
      {"a > 1 ", "a > 1(", 0},
      {"a > 1 ", "a > 1@", 0},
      {"a > 1 ", "(a > 1", 0},
      {" a > 1", "ba > 1", 0},
      {"a  > 1", "ab > 1", 0},
      {"a > 00", "a > ..", 0},
      {"a > 0 ", "a > . ", 0},
      {"a > 10", "a > 1e", 0},
      {"a == 'x'", "a == 'x\"", 0},
      {"a == 'x'", "a == 'y'", 0},
      {"a == 'x'", "a ==  'x", 0},
      {"a == ''  ", "a == ''''", 0},
      {"a == 'xx'", "a == 'x''", 0},
      {"a == 'xx'", "a == \"x\"'", 0},
      {"a > 1 and b > 1", "a > 1 or  b > 1", 0},
      {"a > 1 and b > 1", "a > 1 && b > 1 ", 0},
      {"a > 1 and b > 1", "a > 1 andxb > 1", 0},
      {"a > 1 or  b > 1", "a > 1 or b > 1 ", 0},
      {"a > 1 or  b > 1", "a > 1 or1 b > 1", 0},
      {"a > 1 or  b > 1", "a > 1or b  > 1 ", 0},
      {"a > 1  and  b > 1", "(a > 1) and b > 1", 0},
      {"(a > 1) and (b > 1)", "(a > 1  and  b > 1)", 0},
      {"a>1 and b>1  or a>2 ", "a>1 and(b>1  or a>2)", 0},
      {"a>1 or b>1  and a>2 ", "(a>1 or b>1) and a>2", 0},
      {"always ", "never  ", 0},
      {"always ", "a == 1 ", 0},
      {" a > 1", "(a > 1", 5},
      {"a > 1 ", "a > 1(", 5},
      {"a > 1 ", "a > 1)", 5},
      {"a > 1  and  b > 1", "(a > 1 and (b > 1", 0},
      {" a > 1 and  b > 1", "(a > 1 and (b > 1", 10},
      {"b == a and 1 == 1", "b == aand  1 == 1", 0},
      {"a>1 and.0>a", "a>1 and00>a", 0},
      {"a>1 or.0>a", "a>1 or00>a", 0},
  };
  hf_schema *schema = test_schema("a b");
  for (size_t i = 0; i < COUNT(rows); i++) {
    image saved = save_text(schema, rows[i].program);
    assert_int_equal(strlen(rows[i].text), strlen(rows[i].program));
    memcpy(saved.bytes + 17, rows[i].text, strlen(rows[i].text));
    if (rows[i].tokens != 0) {
      saved.bytes[13] = rows[i].tokens;
    }
    /* A string's characters are in the text alone: another one there is another program. */
    bool honest = is_honest(schema, &saved);
    if (honest != (strcmp(rows[i].text, "a == 'y'") == 0)) {
      test_fail("the program of %s, the text %s\n", rows[i].program, rows[i].text);
    }
    free(saved.bytes);
  }
  hf_schema_release(schema);
}

static void a_number_is_the_one_of_the_text(void **state) {
  (void)state;
  /* The comparison is the last; its number stands before the checksum. */
  static const uint64_t bits[] = {
      UINT64_C(0x8000000000000000), /* -0 */
      UINT64_C(0x0000000000000001), /* the smallest */
      UINT64_C(0x3FF0000000000000), /* 1 */
      UINT64_C(0x7FF0000000000000), /* infinity */
      UINT64_C(0x7FF8000000000000), /* no number */
      UINT64_C(0xFFF8000000000001),
  };
  for (size_t i = 0; i < COUNT(bits); i++) {
    image saved = save_text(hf_schema_classic(), "step > 0");
    for (size_t b = 0; b < 8; b++) {
      saved.bytes[saved.length - 16 + b] = (unsigned char)(bits[i] >> (8 * b));
    }
    seal(&saved);
    assert_refused(hf_schema_classic(), &saved, HF_ERROR_BAD_IMAGE);
    free(saved.bytes);
  }
}

/* Counts that would take more memory than the image can fill. */
static void counts_are_checked_before_memory_is_taken(void **state) {
  (void)state;
  static counting_allocator counting;
  hf_allocator hooks = counting_hooks(&counting);
  hf_condition_options options = largest();
  options.allocator = &hooks;
  static const unsigned char starts[][12] = {
      {HF_NODE_AND, 0x80, 0x80, 0x40, 0x80, 0x80, 0x10, 1, 0},
      {HF_NODE_AND, 0x80, 0x80, 0x40, 0x80, 0x80, 0x10, 0xFF, 0xFF, 0x0F, 0},
      {HF_NODE_COMPARISON, 4, 1, 0, 0xFF, 0xFF, 0xFF, 0x07},
      {HF_NODE_COMPARISON, 4, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F},
      {HF_NODE_OR, 8, 2, 2, 0},
      {HF_NODE_OR, 8, 2, 0, 0},
      {HF_NODE_OR, 8, 1, 1, 0},
      {HF_NODE_OR, 7, 2, 1, 0},
      {HF_NODE_COMPARISON, 4, 0, 0, 0},
      {HF_NODE_COMPARISON, 8, 2, 0, 0},
      {HF_NODE_COMPARISON, 3, 1, 0, 0},
      {HF_NODE_ALWAYS, 3, 0, 0, 0},
      {HF_NODE_ALWAYS, 4, 1, 0, 0},
      {HF_NODE_ALWAYS, 2, 0, 1, 0},
      {4, 2, 0, 0, 0},
  };
  for (size_t i = 0; i < COUNT(starts); i++) {
    unsigned char bytes[64] = {0};
    put_start(hf_schema_classic(), bytes, HF_NODE_ALWAYS, 0, 0, 0, "");
    memcpy(bytes + HF__IMAGE_HEADER_BYTES, starts[i], sizeof starts[i]);
    image forged = image_of(bytes, sizeof bytes);
    seal(&forged);
    counting_reset(&counting, 0);
    hf_condition *condition = NULL;
    hf_error error;
    hf_status status = hf_condition_load(hf_schema_classic(), forged.bytes, forged.length, &options,
                                         &condition, &error);
    assert_int_equal(status, HF_ERROR_BAD_IMAGE);
    assert_int_equal(counting.allocations, 0);
    free(forged.bytes);
  }
}

/* What compiling refuses for its types has no image that loads. */
static void types_that_do_not_compile_do_not_load(void **state) {
  (void)state;
  hf_schema *any = test_schema("n:any m");
  hf_schema *number = test_schema("n:number m");
  image saved = save_text(any, "m == 1 or n < 'x'");
  uint64_t digest = hf__image_schema_digest(number);
  for (size_t i = 0; i < 8; i++) {
    saved.bytes[4 + i] = (unsigned char)(digest >> (8 * i));
  }
  seal(&saved);
  assert_refused(number, &saved, HF_ERROR_BAD_IMAGE);
  hf_error error;
  assert_null(load(number, &saved, &error));
  assert_int_equal(error.offset_bytes, 17 + 10);
  assert_int_equal(error.length_bytes, 7);
  assert_non_null(strstr(error.message, "'n'"));
  free(saved.bytes);
  hf_schema_release(number);
  hf_schema_release(any);
}

/* Schemas, versions, limits ------------------------------------------------ */

static void another_schema_is_refused_and_an_equal_one_serves(void **state) {
  (void)state;
  static const char *const others[] = {"a b c",          "a",          "b a",  "a c",
                                       "a:any b:number", "a:string b", "ab",   "a_b",
                                       "a b:boolean",    "b",          "aa b", ""};
  hf_schema *schema = test_schema("a b");
  image saved = save_text(schema, "a == 1 or b == 2");
  for (size_t i = 0; i < COUNT(others); i++) {
    hf_schema *other = test_schema(others[i]);
    assert_refused(other, &saved, HF_ERROR_SCHEMA_MISMATCH);
    hf_schema_release(other);
  }
  hf_schema *twin = test_schema("a b");
  hf_error error;
  hf_condition *loaded = load(twin, &saved, &error);
  assert_non_null(loaded);
  /* The condition keeps its schema. */
  assert_ptr_equal(hf_condition_schema(loaded), twin);
  hf_schema_release(twin);
  hf_context *context = test_context(schema, "a=0 b=2");
  assert_true(test_evaluate(loaded, context));
  hf_context_destroy(context);
  assert_honest(loaded, &saved);
  hf_condition_destroy(loaded);
  free(saved.bytes);
  hf_schema_release(schema);
}

static hf_schema *schema_with_words(const hf_word *words, size_t count) {
  static const hf_variable variables[] = {{"a", HF_TYPE_ANY}, {"b", HF_TYPE_STRING}};
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create_with_words(variables, 2, words, count, NULL, &schema, NULL),
                   HF_OK);
  return schema;
}

static void words_are_part_of_the_schema(void **state) {
  (void)state;
  static const hf_word words[] = {{"x", 1}, {"", 0}, {"yz", 2}};
  static const hf_word others[][3] = {
      {{"", 0}, {"x", 1}, {"yz", 2}},
      {{"x", 1}, {"", 0}, {"yy", 2}},
      {{"xy", 2}, {"", 0}, {"z", 1}},
  };
  hf_schema *schema = schema_with_words(words, 3);
  hf_schema *twin = schema_with_words(words, 3);
  hf_condition *condition = test_compile(schema, "b == 'yz' and a != '' and b != 'other'");
  hf_condition *loaded = assert_comes_back(condition);
  image saved = save(condition);
  hf_error error;
  hf_condition *of_twin = load(twin, &saved, &error);
  assert_non_null(of_twin);
  static const char *const values[] = {"a='' b='yz'", "a='x' b='yz'", "a=1 b='other'", "b='yz'"};
  for (size_t i = 0; i < COUNT(values); i++) {
    hf_context *context = test_context(schema, values[i]);
    assert_same_answers(condition, loaded, context);
    assert_same_answers(condition, of_twin, context);
    hf_context_destroy(context);
  }
  for (size_t count = 0; count < 3; count++) {
    hf_schema *fewer = schema_with_words(words, count);
    assert_refused(fewer, &saved, HF_ERROR_SCHEMA_MISMATCH);
    hf_schema_release(fewer);
    hf_schema *other = schema_with_words(others[count], 3);
    assert_refused(other, &saved, HF_ERROR_SCHEMA_MISMATCH);
    hf_schema_release(other);
  }
  free(saved.bytes);
  hf_condition_destroy(of_twin);
  hf_condition_destroy(loaded);
  hf_condition_destroy(condition);
  hf_schema_release(twin);
  hf_schema_release(schema);
}

static void another_version_and_other_bytes_are_named(void **state) {
  (void)state;
  image saved = save_text(hf_schema_classic(), W1);
  hf_error error;
  saved.bytes[3] = 2;
  seal(&saved);
  assert_null(load(hf_schema_classic(), &saved, &error));
  assert_int_equal(error.status, HF_ERROR_BAD_IMAGE);
  assert_int_equal(error.offset_bytes, 3);
  assert_non_null(strstr(error.message, "version 2"));
  saved.bytes[0] = '{';
  seal(&saved);
  assert_null(load(hf_schema_classic(), &saved, &error));
  assert_int_equal(error.offset_bytes, 0);
  assert_non_null(strstr(error.message, "HFC"));
  free(saved.bytes);
}

static void limits_hold_as_when_compiling(void **state) {
  (void)state;
  image saved = save_text(hf_schema_classic(), W1);
  const uint32_t tokens = 8;
  const uint32_t bytes = sizeof W1 - 1;
  static const struct {
    int tokens;
    int bytes;
    hf_status status;
  } rows[] = {
      {0, 0, HF_OK},
      {-1, 0, HF_ERROR_TOO_COMPLEX},
      {0, -1, HF_ERROR_TEXT_TOO_LONG},
      {-1, -1, HF_ERROR_TEXT_TOO_LONG},
      {-7, 0, HF_ERROR_INVALID_ARGUMENT},
      {HF_CONDITION_LIMIT_MAX_TOKENS, 0, HF_ERROR_INVALID_ARGUMENT},
      {0, HF_CONDITION_LIMIT_MAX_TEXT_BYTES, HF_ERROR_INVALID_ARGUMENT},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    hf_condition_options options = {(uint32_t)((int)tokens + rows[i].tokens),
                                    (uint32_t)((int)bytes + rows[i].bytes), NULL};
    hf_condition *condition = NULL;
    hf_error error = test_untouched_error();
    hf_status status = hf_condition_load(hf_schema_classic(), saved.bytes, saved.length, &options,
                                         &condition, &error);
    assert_int_equal(status, rows[i].status);
    if (status == HF_OK) {
      hf_condition_destroy(condition);
      continue;
    }
    assert_null(condition);
    assert_int_equal(error.status, status);
    test_check_message(&error);
    bool placed = status != HF_ERROR_INVALID_ARGUMENT;
    assert_int_equal(error.offset_bytes != HF_NO_OFFSET, placed);
  }
  /* The defaults, where no options are given. */
  char text[1024] = "step > 1";
  for (int i = 1; i < 13; i++) {
    strcat(text, " or step > 1");
  }
  image large = save_text(hf_schema_classic(), text);
  hf_condition *condition = NULL;
  assert_int_equal(
      hf_condition_load(hf_schema_classic(), large.bytes, large.length, NULL, &condition, NULL),
      HF_ERROR_TOO_COMPLEX);
  free(large.bytes);
  free(saved.bytes);
}

/* Memory ------------------------------------------------------------------- */

static void loading_survives_without_memory(void **state) {
  (void)state;
  static counting_allocator counting;
  static char place;
  hf_allocator hooks = counting_hooks(&counting);
  hf_condition_options options = hf_condition_options_default();
  options.allocator = &hooks;
  hf_schema *schema = test_schema(W2_SCHEMA);
  image saved = save_text(schema, W2);
  for (size_t refuse = 1;; refuse++) {
    counting_reset(&counting, refuse);
    hf_condition *condition = (hf_condition *)(void *)&place;
    hf_error error = test_untouched_error();
    hf_status status =
        hf_condition_load(schema, saved.bytes, saved.length, &options, &condition, &error);
    if (status == HF_OK) {
      assert_true(refuse > 1);
      size_t allocations = counting.allocations;
      image again = save(condition);
      assert_int_equal(counting.allocations, allocations);
      free(again.bytes);
      hf_condition_destroy(condition);
      assert_int_equal(counting.live_blocks, 0);
      break;
    }
    assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
    assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
    assert_int_equal(error.offset_bytes, HF_NO_OFFSET);
    assert_ptr_equal(condition, &place);
    assert_int_equal(counting.live_blocks, 0);
  }
  /* What is refused late has taken memory, and gives it back. */
  counting_reset(&counting, 0);
  for (size_t i = HF__IMAGE_HEADER_BYTES; i < saved.length - HF__IMAGE_CHECKSUM_BYTES; i++) {
    saved.bytes[i] ^= 0x15;
    seal(&saved);
    hf_condition *condition = (hf_condition *)(void *)&place;
    assert_int_not_equal(
        hf_condition_load(schema, saved.bytes, saved.length, &options, &condition, NULL), HF_OK);
    assert_ptr_equal(condition, &place);
    assert_int_equal(counting.live_blocks, 0);
    saved.bytes[i] ^= 0x15;
  }
  assert_true(counting.allocations > 0);
  free(saved.bytes);
  hf_schema_release(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_conformance_condition_comes_back),
      cmocka_unit_test(random_programs_come_back),
      cmocka_unit_test(unusual_spellings_come_back),
      cmocka_unit_test(the_largest_conditions_come_back),
      cmocka_unit_test(any_alignment_loads),
      cmocka_unit_test(the_format_is_frozen),
      cmocka_unit_test(a_buffer_receives_what_fits),
      cmocka_unit_test(what_is_cut_short_is_refused),
      cmocka_unit_test(what_is_too_long_is_refused),
      cmocka_unit_test(every_flipped_bit_is_refused),
      cmocka_unit_test(every_changed_byte_is_refused_or_makes_an_honest_image),
      cmocka_unit_test(random_damage_is_refused_or_makes_an_honest_image),
      cmocka_unit_test(an_integer_has_one_form),
      cmocka_unit_test(a_text_has_one_tree),
      cmocka_unit_test(a_text_that_says_something_else_is_refused),
      cmocka_unit_test(a_number_is_the_one_of_the_text),
      cmocka_unit_test(counts_are_checked_before_memory_is_taken),
      cmocka_unit_test(types_that_do_not_compile_do_not_load),
      cmocka_unit_test(another_schema_is_refused_and_an_equal_one_serves),
      cmocka_unit_test(words_are_part_of_the_schema),
      cmocka_unit_test(another_version_and_other_bytes_are_named),
      cmocka_unit_test(limits_hold_as_when_compiling),
      cmocka_unit_test(loading_survives_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
