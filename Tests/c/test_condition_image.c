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
#include "schema.h"

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

/* The condition that the canonical text of `loaded` compiles to. */
static hf_condition *compile_canonical(const hf_condition *loaded) {
  char *text = canonical_of(loaded);
  hf_condition_options options = largest();
  hf_condition *compiled = NULL;
  hf_error error;
  /* It may hold a NUL, so its length is asked for. */
  if (hf_condition_compile(hf_condition_schema(loaded), text,
                           hf_condition_canonical(loaded, NULL, 0), &options, &compiled,
                           &error) != HF_OK) {
    test_fail("loaded, but does not compile: %s: %s\n", text, error.message);
  }
  char *again = canonical_of(compiled);
  assert_string_equal(again, text);
  free(again);
  free(text);
  return compiled;
}

/* All places are inside the text and what holds them, in order, and cut no character. */
static void assert_placed(const char *text, size_t length, const hf_node *nodes, size_t count) {
  uint32_t *ends = calloc(count, sizeof *ends); /* of the last child so far */
  assert_non_null(ends);
  for (size_t i = 0; i < count; i++) {
    const hf_node *node = &nodes[i];
    const hf_node *parent = &nodes[node->parent];
    uint32_t end = node->offset_bytes + node->length_bytes;
    assert_true(node->length_bytes > 0 && end <= length);
    assert_true((unsigned char)text[node->offset_bytes] < 0x80);
    assert_true((unsigned char)text[end - 1] < 0x80);
    if (i > 0) {
      assert_true(node->offset_bytes >= parent->offset_bytes);
      assert_true(end <= parent->offset_bytes + parent->length_bytes);
      assert_true(node->offset_bytes >= ends[node->parent]);
      ends[node->parent] = end;
    }
    if (node->kind == HF_NODE_COMPARISON) {
      uint32_t left_end = node->left.offset_bytes + node->left.length_bytes;
      assert_int_equal(node->left.offset_bytes, node->offset_bytes);
      assert_true(node->left.length_bytes > 0 && left_end <= node->right.offset_bytes);
      assert_true(node->right.length_bytes > 0);
      assert_int_equal(node->right.offset_bytes + node->right.length_bytes, end);
    }
  }
  free(ends);
}

/* Decides alike, wherever things stand in the text. */
static void assert_same_decisions(const hf_condition *a, const hf_condition *b,
                                  const hf_context *context) {
  size_t count = hf_condition_node_count(a);
  assert_int_equal(hf_condition_node_count(b), count);
  hf_node *of_a = calloc(count, sizeof *of_a);
  hf_node *of_b = calloc(count, sizeof *of_b);
  assert_true(of_a != NULL && of_b != NULL);
  assert_int_equal(hf_condition_explain(a, context, of_a, count), HF_OK);
  assert_int_equal(hf_condition_explain(b, context, of_b, count), HF_OK);
  size_t length = 0;
  const char *text = hf_condition_text(a, &length);
  assert_placed(text, length, of_a, count);
  for (size_t i = 0; i < count; i++) {
    hf_node *x = &of_a[i];
    hf_node *y = &of_b[i];
    assert_true(x->kind == y->kind && x->parent == y->parent && x->depth == y->depth);
    assert_true(x->status == y->status && x->held == y->held);
    if (x->kind == HF_NODE_COMPARISON) {
      assert_int_equal(x->op, y->op);
      y->left.offset_bytes = x->left.offset_bytes;
      y->left.length_bytes = x->left.length_bytes;
      y->right.offset_bytes = x->right.offset_bytes;
      y->right.length_bytes = x->right.length_bytes;
      assert_same_operand(&x->left, &y->left);
      assert_same_operand(&x->right, &y->right);
    }
  }
  free(of_a);
  free(of_b);
  bool held_a = false;
  bool held_b = false;
  hf_error error_a = test_untouched_error();
  hf_error error_b = test_untouched_error();
  assert_int_equal(hf_condition_evaluate(a, context, &held_a, &error_a),
                   hf_condition_evaluate(b, context, &held_b, &error_b));
  assert_int_equal(held_a, held_b);
  assert_int_equal(error_a.variable, error_b.variable);
}

/* What was accepted decides as its canonical text does, and has no other image. */
static void assert_honest(const hf_condition *loaded, const image *from) {
  hf_condition *compiled = compile_canonical(loaded);
  assert_true(hf_condition_token_count(loaded) >= hf_condition_token_count(compiled));
  size_t variables = hf_condition_variable_count(loaded);
  assert_int_equal(hf_condition_variable_count(compiled), variables);
  for (size_t i = 0; i < variables; i++) {
    assert_int_equal(hf_condition_variable(loaded, i), hf_condition_variable(compiled, i));
  }
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_condition_schema(loaded), NULL, &context), HF_OK);
  assert_same_decisions(loaded, compiled, context);
  size_t count = hf_schema_count(hf_condition_schema(loaded));
  for (uint32_t i = 0; i < count; i++) {
    if (hf_context_set_number(context, i, 0.5 * i) != HF_OK) {
      (void)!hf_context_set_string(context, i, "some", 4);
    }
  }
  assert_same_decisions(loaded, compiled, context);
  hf_context_destroy(context);
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
  assert_hex(&always, "484643014f837a3e7b407944030000000006616c77617973003fc1283ec7854186");
  assert_hex(&w1, "484643014f837a3e7b4079440100020100297365766572697479203e3d20302e3820616e64207265"
                  "63757272656e63655f636f756e74203e3d203200510000080004039a9999999999e93f5105100104"
                  "01000000000000004000c95f47aca7523e81");
  assert_hex(&w2, "484643013209d39acc39573b0204080500642861203e20302e3520616e642062203c20302e332920"
                  "6f72202863203e3d20302e3220616e642064203c3d20302e3920616e642065203e20302e3129206f"
                  "72202861203c20302e3120616e64202862203e20302e37206f722065203e3d20302e393529290141"
                  "00010001000303000000000000e03f00210501010303333333333333d33f0001510600010204039a"
                  "9999999999c93f01310501030403cdccccccccccec3f004105010403039a9999999999b93f000121"
                  "0600010003039a9999999999b93f0241060001010303666666666666e63f51040104040466666666"
                  "6666ee3f00010110ae27069f2e2a48");
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

/* With a checksum that is right: refused, or what its canonical text compiles to. */
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

enum { TEXT_AT = HF__IMAGE_HEADER_BYTES + 6 }; /* where all counts are below 128 */

/* An image in the making. */
typedef struct forge {
  unsigned char bytes[256];
  size_t length;
  uint32_t place; /* in the text */
} forge;

static void put(forge *to, uint32_t value) {
  assert_true(value < 128 && to->length < sizeof to->bytes);
  to->bytes[to->length] = (unsigned char)value;
  to->length++;
}

static void put_uint64(forge *to, uint64_t value) {
  assert_true(to->length + 8 <= sizeof to->bytes);
  for (size_t i = 0; i < 8; i++) {
    to->bytes[to->length + i] = (unsigned char)(value >> (8 * i));
  }
  to->length += 8;
}

static void put_place(forge *to, uint32_t place) {
  put(to, place - to->place);
  to->place = place;
}

/* Root, pairs of parentheses, comparisons, inner nodes, strings; the text. */
static void put_start(forge *to, const hf_schema *schema, const unsigned char counts[5],
                      const char *text) {
  *to = (forge){.bytes = "HFC\x01", .length = 4};
  put_uint64(to, schema->digest);
  for (size_t i = 0; i < 5; i++) {
    put(to, counts[i]);
  }
  put(to, (uint32_t)strlen(text));
  memcpy(to->bytes + to->length, text, strlen(text));
  to->length += strlen(text);
}

static image forged_by(forge *from) {
  put_uint64(from, 0);
  image made = image_of(from->bytes, from->length);
  seal(&made);
  return made;
}

/* Trees -------------------------------------------------------------------- */

enum { LEAVES = 5, LEAF_TEXT_BYTES = 8 };

/* What a tree of depths is, told another way: by its least depth, which splits it. */
typedef struct told {
  bool is_tree;
  uint32_t inner;
  uint32_t pairs; /* of parentheses that it takes */
  char text[128];
} told;

static void tell(told *all, const unsigned char *depths, uint32_t from, uint32_t to, unsigned depth,
                 bool is_and) {
  size_t length = strlen(all->text);
  if (from == to) {
    snprintf(all->text + length, sizeof all->text - length, "a > %u", (unsigned)from + 1);
    return;
  }
  bool joins = false;
  for (uint32_t i = from; i < to; i++) {
    joins = joins || depths[i] == depth;
  }
  if (!joins) {
    all->is_tree = false;
    return;
  }
  bool parentheses = !is_and && depth > 0;
  all->inner++;
  all->pairs += parentheses ? 1 : 0;
  strcat(all->text, parentheses ? "(" : "");
  uint32_t start = from;
  for (uint32_t i = from; i <= to; i++) {
    if (i == to || depths[i] == depth) {
      tell(all, depths, start, i, depth + 1, !is_and);
      strcat(all->text, i == to ? "" : is_and ? " and " : " or ");
      start = i + 1;
    }
  }
  strcat(all->text, parentheses ? ")" : "");
}

static image forge_tree(const hf_schema *schema, const unsigned char *depths, hf_node_kind root,
                        uint32_t inner, uint32_t pairs) {
  const unsigned char counts[5] = {(unsigned char)root, (unsigned char)pairs, LEAVES,
                                   (unsigned char)inner, 0};
  forge to;
  put_start(&to, schema, counts, "a > 1   a > 2   a > 3   a > 4   a > 5   ");
  unsigned open = 0;
  for (uint32_t i = 0; i < LEAVES; i++) {
    bool is_last = i + 1 == LEAVES;
    uint32_t start = LEAF_TEXT_BYTES * i;
    if (!is_last) {
      put(&to, depths[i]);
    }
    put(&to, HF_OPERATOR_GREATER << 4 | 0 << 2 | 1);
    for (; !is_last && open <= depths[i]; open++) {
      put_place(&to, start);
    }
    put_place(&to, start);
    put_place(&to, start + 1);
    put(&to, 0);
    put_place(&to, start + 4);
    put_place(&to, start + 5);
    double number = i + 1;
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_uint64(&to, bits);
    for (; open > (is_last ? 0u : depths[i] + 1u); open--) {
      put_place(&to, start + 5);
    }
  }
  return forged_by(&to);
}

/* Every sequence of depths, with every count: those that are a tree load, as that tree. */
static void depths_that_are_no_tree_are_refused(void **state) {
  (void)state;
  enum { DEPTHS = 4, SEQUENCES = 256 };
  hf_schema *schema = test_schema("a b");
  uint32_t accepted = 0;
  for (uint32_t choice = 0; choice < SEQUENCES * DEPTHS * 2 * 2; choice++) {
    unsigned char depths[LEAVES - 1];
    for (uint32_t i = 0; i + 1 < LEAVES; i++) {
      depths[i] = (unsigned char)(choice >> (2 * i) & 3);
    }
    uint32_t inner = 1 + (choice >> 8 & 3);
    hf_node_kind root = (choice >> 10 & 1) == 0 ? HF_NODE_AND : HF_NODE_OR;
    uint32_t missing = choice >> 11; /* pairs of parentheses */
    told want = {.is_tree = true, .text = ""};
    tell(&want, depths, 0, LEAVES - 1, 0, root == HF_NODE_AND);
    if (missing > want.pairs) {
      continue;
    }
    image forged = forge_tree(schema, depths, root, inner, want.pairs - missing);
    bool sound = want.is_tree && want.inner == inner && missing == 0;
    hf_error error;
    hf_condition *loaded = load(schema, &forged, &error);
    if ((loaded != NULL) != sound) {
      test_fail("root %u, %u inner nodes, depths %u %u %u %u: %s\n", (unsigned)root,
                (unsigned)inner, (unsigned)depths[0], (unsigned)depths[1], (unsigned)depths[2],
                (unsigned)depths[3], sound ? error.message : "loaded");
    }
    if (loaded != NULL) {
      char *text = canonical_of(loaded);
      assert_string_equal(text, want.text);
      free(text);
      assert_honest(loaded, &forged);
      hf_condition_destroy(loaded);
      accepted++;
    } else if (want.is_tree && want.inner > inner) {
      /* Before the first node that there is no room for. */
      assert_true(strstr(error.message, "more inner nodes") != NULL ||
                  strstr(error.message, "depth of an operator is more") != NULL);
    }
    free(forged.bytes);
  }
  /* The little Schroeder number of five leaves, for each kind of root. */
  assert_int_equal(accepted, 2 * 45);
  hf_schema_release(schema);
}

/* Texts -------------------------------------------------------------------- */

/* The program decides; the text is only shown. */
static void a_text_is_shown_and_not_read(void **state) {
  (void)state;
  static const struct {
    const char *program;
    const char *text;
  } rows[] = {
      {"a > 1", "b > 1"},           {"a > 1", "a < 2"},
      {"a > 1", "     "},           {"a > 1 and b > 1", "((((((((((((((("},
      {"always", "never!"},         {"a == 'x'", "b != 'x'"},
      {"a == 'x'", "a == 'y'"},     {"a == 'x'", "a == \"x\""},
      {"a   > 1", "a\xC3\xA9 > 1"},
  };
  hf_schema *schema = test_schema("a b");
  for (size_t i = 0; i < COUNT(rows); i++) {
    image saved = save_text(schema, rows[i].program);
    size_t length = strlen(rows[i].text);
    assert_int_equal(length, strlen(rows[i].program));
    memcpy(saved.bytes + TEXT_AT, rows[i].text, length);
    seal(&saved);
    hf_error error;
    hf_condition *loaded = load(schema, &saved, &error);
    if (loaded == NULL) {
      test_fail("the program of %s, the text %s: %s\n", rows[i].program, rows[i].text,
                error.message);
    }
    size_t shown_bytes = 0;
    const char *shown = hf_condition_text(loaded, &shown_bytes);
    assert_int_equal(shown_bytes, length);
    assert_memory_equal(shown, rows[i].text, length + 1);
    assert_honest(loaded, &saved);
    /* A string's characters are in the text alone. */
    hf_condition *program =
        test_compile(schema, strchr(rows[i].text, 'y') == NULL ? rows[i].program : rows[i].text);
    char *want = canonical_of(program);
    char *got = canonical_of(loaded);
    assert_string_equal(got, want);
    free(want);
    free(got);
    hf_condition_destroy(program);
    hf_condition_destroy(loaded);
    free(saved.bytes);
  }
  hf_schema_release(schema);
}

static void a_text_that_lacks_its_strings_or_cuts_characters_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *program;
    const char *text;
  } rows[] = {
      {"a == 'x'", "a == 'x\""},
      {"a == 'x'", "a == \"x'"},
      {"a == 'x'", "a == xxx"},
      {"a == 'x'", "a == 'xx"},
      {"a == 'x'", "a == xx'"},
      {"a == 'x'", "a == '''"},
      {"a == 'xx'", "a == 'x''"},
      {"a == 'xx'", "a == ''x'"},
      {"a == 'xx'", "a == \"\"x\""},
      {"a == 'x'", "a == (x("},
      {"'x' == a", "x'' == a"},
      {"a > 1", "a > \xFF"},
      {"a > 1", "a\x80> 1"},
      {"a > 1 ", "a > \xC3\xA9"},
      {"a  > 1", "\xC3\xA9 > 1"},
      {"aa > 1", "\xC3\xA9 > 1"},
      {"aa > 1", "a\xC3\xA9> 1"},
      {" a > 1", "\xC3\xA9 > 1"},
      {"a > 11", "a > 1\xC3"},
      {"a > 11", "a > \xC3\xA9"},
      {"((a>1)or b>2)and b>1", "\xC3\xA9"
                               "a>1)or b>2)and b>1"},
      {"b>1 and(a>1 or(b>2))", "b>1 and(a>1 or(b>2\xC3\xA9"},
      {" always", "\xC3\xA9lways"},
      {"always ", "alway\xC3\xA9"},
  };
  hf_schema *schema = test_schema("a b aa");
  for (size_t i = 0; i < COUNT(rows); i++) {
    image saved = save_text(schema, rows[i].program);
    assert_int_equal(saved.bytes[TEXT_AT - 1], strlen(rows[i].program));
    memcpy(saved.bytes + TEXT_AT, rows[i].text, strlen(rows[i].program));
    seal(&saved);
    assert_refused(schema, &saved, HF_ERROR_BAD_IMAGE);
    free(saved.bytes);
  }
  hf_schema_release(schema);
}

/* Comparisons -------------------------------------------------------------- */

/* `a > 1` with these places and head. */
static image forge_comparison(const hf_schema *schema, const unsigned char *steps, uint32_t head,
                              uint32_t variable, uint32_t pairs) {
  const unsigned char counts[5] = {HF_NODE_COMPARISON, (unsigned char)pairs, 1, 0, 0};
  forge to;
  put_start(&to, schema, counts, "(a > 1)");
  put(&to, head);
  put(&to, steps[0]);
  put(&to, steps[1]);
  put(&to, variable);
  put(&to, steps[2]);
  put(&to, steps[3]);
  put_uint64(&to, UINT64_C(0x3FF0000000000000));
  return forged_by(&to);
}

static void what_a_comparison_says_is_checked(void **state) {
  (void)state;
  enum { HEAD = HF_OPERATOR_GREATER << 4 | 1 };
  static const struct {
    unsigned char steps[4];
    unsigned char head;
    unsigned char variable;
    unsigned char pairs;
    bool sound;
  } rows[] = {
      {{1, 1, 3, 1}, HEAD, 0, 1, true},
      {{1, 1, 3, 1}, HEAD, 1, 1, true},
      {{0, 1, 0, 1}, HEAD, 0, 2, true},
      {{0, 1, 0, 6}, HEAD, 0, 0, true},
      {{0, 6, 0, 1}, HEAD, 0, 1, true},
      {{6, 1, 0, 1}, HEAD, 0, 1, false}, /* beyond the end */
      {{0, 1, 0, 7}, HEAD, 0, 1, false},
      {{0, 7, 0, 1}, HEAD, 0, 1, false},
      {{8, 1, 0, 1}, HEAD, 0, 1, false},
      {{1, 0, 3, 1}, HEAD, 0, 1, false}, /* no place at all */
      {{1, 1, 3, 0}, HEAD, 0, 1, false},
      {{1, 1, 3, 1}, HEAD, 2, 1, false}, /* no such variable */
      {{1, 1, 3, 1}, HEAD, 127, 1, false},
      {{1, 1, 3, 1}, HEAD, 0, 3, false},       /* no room for the parentheses */
      {{1, 1, 3, 1}, 6 << 4 | 1, 0, 1, false}, /* no such operator or kind */
      {{1, 1, 3, 1}, 7 << 4 | 1, 0, 1, false},
      {{1, 1, 3, 1}, HF_OPERATOR_GREATER << 4 | 3, 0, 1, false},
      {{1, 1, 3, 1}, HF_OPERATOR_GREATER << 4 | 3 << 2 | 1, 0, 1, false},
      {{1, 1, 3, 1}, HF_OPERATOR_GREATER << 4 | 2, 0, 1, false},
  };
  hf_schema *schema = test_schema("a b");
  for (size_t i = 0; i < COUNT(rows); i++) {
    image forged =
        forge_comparison(schema, rows[i].steps, rows[i].head, rows[i].variable, rows[i].pairs);
    hf_error error;
    hf_condition *loaded = load(schema, &forged, &error);
    if ((loaded != NULL) != rows[i].sound) {
      test_fail("row %zu: %s\n", i, loaded != NULL ? "loaded" : error.message);
    }
    if (loaded != NULL) {
      assert_int_equal(hf_condition_token_count(loaded), 4 + 2 * rows[i].pairs);
      assert_honest(loaded, &forged);
      hf_condition_destroy(loaded);
    } else {
      assert_int_equal(error.status, HF_ERROR_BAD_IMAGE);
    }
    free(forged.bytes);
  }
  hf_schema *none = test_schema("");
  image forged = forge_comparison(none, rows[0].steps, HEAD, 0, 1);
  assert_refused(none, &forged, HF_ERROR_BAD_IMAGE);
  free(forged.bytes);
  hf_schema_release(none);
  hf_schema_release(schema);
}

/* Not even by 4 GiB less one, which would be one byte back if places had 32 bits. */
static void a_step_goes_forward(void **state) {
  (void)state;
  static const unsigned char program[] = {
      HF_OPERATOR_GREATER << 4 | 1, 1, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1};
  static const unsigned char counts[5] = {HF_NODE_COMPARISON, 0, 1, 0, 0};
  hf_schema *schema = test_schema("a b");
  forge to;
  put_start(&to, schema, counts, "(a > 1)");
  memcpy(to.bytes + to.length, program, sizeof program);
  to.length += sizeof program;
  put_uint64(&to, UINT64_C(0x3FF0000000000000));
  image forged = forged_by(&to);
  assert_refused(schema, &forged, HF_ERROR_BAD_IMAGE);
  free(forged.bytes);
  hf_schema_release(schema);
}

/* Memory for them is taken before they are read. */
static void strings_are_as_many_as_the_image_says(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a:string b:string");
  image saved = save_text(schema, "a == 'x' or 'y' == b or a == b");
  size_t strings_at = TEXT_AT - 2;
  assert_int_equal(saved.bytes[strings_at], 2);
  for (unsigned char count = 0; count < 128; count++) {
    saved.bytes[strings_at] = count;
    seal(&saved);
    if (count != 2) {
      assert_refused(schema, &saved, HF_ERROR_BAD_IMAGE);
    }
  }
  free(saved.bytes);
  hf_schema_release(schema);
}

static void a_number_is_finite_and_has_no_sign(void **state) {
  (void)state;
  /* The comparison is the last; its number stands before the checksum. */
  static const struct {
    uint64_t bits;
    bool sound;
  } rows[] = {
      {UINT64_C(0x0000000000000000), true},
      {UINT64_C(0x0000000000000001), true}, /* the smallest */
      {UINT64_C(0x3FF0000000000000), true},
      {UINT64_C(0x7FEFFFFFFFFFFFFF), true},  /* the largest */
      {UINT64_C(0x7FF0000000000000), false}, /* infinity */
      {UINT64_C(0x7FF8000000000000), false}, /* no number */
      {UINT64_C(0x8000000000000000), false}, /* -0 */
      {UINT64_C(0xBFF0000000000000), false},
      {UINT64_C(0xFFF8000000000001), false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    image saved = save_text(hf_schema_classic(), "step > 0");
    for (size_t b = 0; b < 8; b++) {
      saved.bytes[saved.length - 16 + b] = (unsigned char)(rows[i].bits >> (8 * b));
    }
    assert_int_equal(is_honest(hf_schema_classic(), &saved), rows[i].sound);
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
  /* Root, pairs of parentheses, comparisons, inner nodes, strings, bytes of text. */
  static const unsigned char starts[][14] = {
      {HF_NODE_AND, 0, 0x80, 0x80, 0x10, 1, 0, 0},
      {HF_NODE_AND, 0, 0x80, 0x80, 0x10, 1, 0, 20},
      {HF_NODE_AND, 0, 2, 1, 0x80, 0x80, 0x10, 20},
      {HF_NODE_AND, 0, 3, 0x80, 0x80, 0x10, 0, 20},
      {HF_NODE_AND, 0x80, 0x80, 0x10, 2, 1, 0, 20},
      {HF_NODE_COMPARISON, 0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0x07},
      {HF_NODE_COMPARISON, 0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F},
      {HF_NODE_OR, 0, 2, 2, 0, 20},
      {HF_NODE_OR, 0, 2, 0, 0, 20},
      {HF_NODE_OR, 0, 1, 1, 0, 20},
      {HF_NODE_OR, 0, 2, 1, 5, 20},
      {HF_NODE_OR, 0, 2, 1, 0, 7},
      {HF_NODE_OR, 1, 2, 1, 0, 9},
      {HF_NODE_OR, 0, 5, 1, 0, 23},
      {HF_NODE_OR, 0, 4, 3, 0, 18},
      {HF_NODE_COMPARISON, 0, 0, 0, 0, 20},
      {HF_NODE_COMPARISON, 0, 2, 0, 0, 20},
      {HF_NODE_COMPARISON, 0, 1, 1, 0, 20},
      {HF_NODE_COMPARISON, 0, 1, 0, 3, 20},
      {HF_NODE_COMPARISON, 0, 1, 0, 0, 2},
      {HF_NODE_COMPARISON, 9, 1, 0, 0, 20},
      {HF_NODE_ALWAYS, 1, 0, 0, 0, 20},
      {HF_NODE_ALWAYS, 0, 1, 0, 0, 20},
      {HF_NODE_ALWAYS, 0, 0, 1, 0, 20},
      {HF_NODE_ALWAYS, 0, 0, 0, 1, 20},
      {HF_NODE_ALWAYS, 0, 0, 0, 0, 5},
      {4, 0, 0, 0, 0, 20},
  };
  for (size_t i = 0; i < COUNT(starts); i++) {
    static const unsigned char none[5] = {0};
    forge to;
    put_start(&to, hf_schema_classic(), none, "");
    memcpy(to.bytes + HF__IMAGE_HEADER_BYTES, starts[i], sizeof starts[i]);
    to.length = 56;
    image forged = forged_by(&to);
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
  uint64_t digest = number->digest;
  for (size_t i = 0; i < 8; i++) {
    saved.bytes[4 + i] = (unsigned char)(digest >> (8 * i));
  }
  seal(&saved);
  assert_refused(number, &saved, HF_ERROR_BAD_IMAGE);
  hf_error error;
  assert_null(load(number, &saved, &error));
  assert_int_equal(error.offset_bytes, TEXT_AT + 10);
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
    if (hf_condition_load(schema, saved.bytes, saved.length, &options, &condition, NULL) == HF_OK) {
      hf_condition_destroy(condition); /* another text, or another number */
    } else {
      assert_ptr_equal(condition, &place);
    }
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
      cmocka_unit_test(depths_that_are_no_tree_are_refused),
      cmocka_unit_test(a_text_is_shown_and_not_read),
      cmocka_unit_test(a_text_that_lacks_its_strings_or_cuts_characters_is_refused),
      cmocka_unit_test(what_a_comparison_says_is_checked),
      cmocka_unit_test(a_step_goes_forward),
      cmocka_unit_test(strings_are_as_many_as_the_image_says),
      cmocka_unit_test(a_number_is_finite_and_has_no_sign),
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
