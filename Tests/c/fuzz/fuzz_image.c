/*
 * A fuzz target for loading images.
 *
 * Byte 0 chooses what the rest is, bytes 1 and 2 the types of the variables:
 *
 *   RAW    an image, as it is;
 *   BODY   an image without its first bytes and its checksum, which are added;
 *   EDITED a number of edits, three bytes each, and a text: the text is compiled
 *          and saved, the image changed at the places that the edits name, and
 *          its checksum made right.
 *
 * An image is refused, touching nothing, or it decides as its canonical text does
 * when that is compiled, and is what it is saved as again; anything else aborts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/holdfast.h>

#include "condition_image.h"
#include "schema.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIABLES = 6, CHOICE_BYTES = 3, EDIT_BYTES = 3, MOST_EDITS = 8 };
enum { RAW, BODY, EDITED };

#define REQUIRE(truth)                                                                             \
  do {                                                                                             \
    if (!(truth)) {                                                                                \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #truth);                          \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

typedef struct image {
  uint8_t *bytes;
  size_t length;
} image;

static image room_for(size_t length) {
  image made = {malloc(length + (length == 0)), length};
  REQUIRE(made.bytes != NULL);
  return made;
}

static hf_schema *make_schema(unsigned types) {
  static const char *const names[VARIABLES] = {"severity", "step",    "duration",
                                               "a",        "android", "_x1"};
  hf_variable variables[VARIABLES];
  for (size_t i = 0; i < VARIABLES; i++) {
    variables[i] = (hf_variable){names[i], (hf_type)(types >> (2 * i) & 3)};
  }
  hf_schema *schema = NULL;
  REQUIRE(hf_schema_create(variables, VARIABLES, NULL, &schema, NULL) == HF_OK);
  return schema;
}

static hf_condition_options largest(void) {
  return (hf_condition_options){HF_CONDITION_LIMIT_MAX_TOKENS, HF_CONDITION_LIMIT_MAX_TEXT_BYTES,
                                NULL};
}

/* Making images ------------------------------------------------------------ */

static void put_uint64(uint8_t *bytes, uint64_t value) {
  for (size_t i = 0; i < 8; i++) {
    bytes[i] = (uint8_t)(value >> (8 * i));
  }
}

static void seal(image *changed) {
  size_t end = changed->length - HF__IMAGE_CHECKSUM_BYTES;
  put_uint64(changed->bytes + end, hf__image_checksum(changed->bytes, end));
}

static image raw(const uint8_t *data, size_t size) {
  image made = room_for(size);
  memcpy(made.bytes, data, size);
  return made;
}

static image around_body(const hf_schema *schema, const uint8_t *data, size_t size) {
  image made = room_for(HF__IMAGE_HEADER_BYTES + size + HF__IMAGE_CHECKSUM_BYTES);
  memcpy(made.bytes, "HFC\x01", 4);
  put_uint64(made.bytes + 4, schema->digest);
  memcpy(made.bytes + HF__IMAGE_HEADER_BYTES, data, size);
  seal(&made);
  return made;
}

static image edited(const hf_schema *schema, const uint8_t *data, size_t size) {
  image none = {NULL, 0};
  size_t edits = size == 0 ? 0 : data[0] % (MOST_EDITS + 1);
  size_t text_at = 1 + edits * EDIT_BYTES;
  hf_condition_options options = largest();
  hf_condition *condition = NULL;
  if (size < text_at || hf_condition_compile(schema, (const char *)data + text_at, size - text_at,
                                             &options, &condition, NULL) != HF_OK) {
    return none;
  }
  image made = room_for(hf_condition_save(condition, NULL, 0));
  REQUIRE(hf_condition_save(condition, made.bytes, made.length) == made.length);
  hf_condition_destroy(condition);
  size_t body = made.length - HF__IMAGE_HEADER_BYTES - HF__IMAGE_CHECKSUM_BYTES;
  for (size_t i = 0; i < edits; i++) {
    const uint8_t *edit = data + 1 + i * EDIT_BYTES;
    size_t place = HF__IMAGE_HEADER_BYTES + (edit[0] | (size_t)edit[1] << 8) % body;
    made.bytes[place] = (uint8_t)(made.bytes[place] + edit[2]);
  }
  seal(&made);
  return made;
}

/* Checks ------------------------------------------------------------------- */

static void check_error(const hf_error *error, hf_status status, size_t length) {
  REQUIRE(error->status == status);
  REQUIRE(status == HF_ERROR_BAD_IMAGE || status == HF_ERROR_SCHEMA_MISMATCH);
  REQUIRE(error->offset_bytes <= length && error->length_bytes <= length - error->offset_bytes);
  REQUIRE(error->variable == HF_NO_VARIABLE || error->variable < VARIABLES);
  size_t message = strnlen(error->message, sizeof error->message);
  REQUIRE(message > 0 && message < sizeof error->message);
  REQUIRE(hf__utf8_valid_prefix(error->message, message) == message);
}

static void check_operand(const hf_operand *a, const hf_operand *b) {
  REQUIRE(a->variable == b->variable);
  REQUIRE(a->value.kind == b->value.kind && a->value.length_bytes == b->value.length_bytes);
  REQUIRE(memcmp(&a->value.number, &b->value.number, sizeof a->value.number) == 0);
  REQUIRE(a->value.length_bytes == 0 ||
          memcmp(a->value.string, b->value.string, a->value.length_bytes) == 0);
}

/* Every place is inside the text and the node above, behind what stands before it. */
static void check_places(const hf_condition *loaded, const hf_node *nodes, size_t count) {
  size_t length = 0;
  hf_condition_text(loaded, &length);
  REQUIRE((size_t)nodes[0].offset_bytes + nodes[0].length_bytes <= length);
  uint32_t passed = 0; /* where the last comparison ends */
  for (size_t i = 0; i < count; i++) {
    const hf_node *node = &nodes[i];
    const hf_node *parent = &nodes[node->parent];
    REQUIRE(node->length_bytes > 0 && node->offset_bytes >= passed);
    REQUIRE(node->offset_bytes >= parent->offset_bytes);
    REQUIRE(node->offset_bytes + node->length_bytes <= parent->offset_bytes + parent->length_bytes);
    if (node->kind == HF_NODE_COMPARISON) {
      passed = node->offset_bytes + node->length_bytes;
      REQUIRE(node->left.length_bytes > 0 && node->right.length_bytes > 0);
      REQUIRE(node->left.offset_bytes == node->offset_bytes);
      REQUIRE(node->left.offset_bytes + node->left.length_bytes <= node->right.offset_bytes);
      REQUIRE(node->right.offset_bytes + node->right.length_bytes == passed);
    }
  }
}

static void check_answers(const hf_condition *a, const hf_condition *b, const hf_context *context) {
  bool held_a = false;
  bool held_b = false;
  REQUIRE(hf_condition_evaluate(a, context, &held_a, NULL) ==
          hf_condition_evaluate(b, context, &held_b, NULL));
  REQUIRE(held_a == held_b);
  size_t count = hf_condition_node_count(a);
  REQUIRE(hf_condition_node_count(b) == count);
  hf_node *of_a = calloc(count, sizeof *of_a);
  hf_node *of_b = calloc(count, sizeof *of_b);
  REQUIRE(of_a != NULL && of_b != NULL);
  REQUIRE(hf_condition_explain(a, context, of_a, count) == HF_OK);
  REQUIRE(hf_condition_explain(b, context, of_b, count) == HF_OK);
  check_places(a, of_a, count);
  for (size_t i = 0; i < count; i++) {
    REQUIRE(of_a[i].kind == of_b[i].kind && of_a[i].status == of_b[i].status);
    REQUIRE(of_a[i].held == of_b[i].held && of_a[i].parent == of_b[i].parent);
    REQUIRE(of_a[i].depth == of_b[i].depth);
    if (of_a[i].kind == HF_NODE_COMPARISON) {
      REQUIRE(of_a[i].op == of_b[i].op);
      check_operand(&of_a[i].left, &of_b[i].left);
      check_operand(&of_a[i].right, &of_b[i].right);
    }
  }
  free(of_a);
  free(of_b);
}

/* Compiles the canonical text, and checks that it has itself for one. */
static hf_condition *compile_canonical(const hf_condition *loaded) {
  size_t length = hf_condition_canonical(loaded, NULL, 0);
  char *text = malloc(length + 1);
  char *again = malloc(length + 1);
  REQUIRE(text != NULL && again != NULL);
  hf_condition_canonical(loaded, text, length + 1);
  hf_condition_options options = largest();
  hf_condition *compiled = NULL;
  REQUIRE(hf_condition_compile(hf_condition_schema(loaded), text, length, &options, &compiled,
                               NULL) == HF_OK);
  REQUIRE(hf_condition_canonical(compiled, again, length + 1) == length);
  REQUIRE(memcmp(text, again, length + 1) == 0);
  free(text);
  free(again);
  return compiled;
}

/* What was loaded against what its canonical text compiles to. */
static void check_loaded(const hf_condition *loaded, const image *from) {
  const hf_schema *schema = hf_condition_schema(loaded);
  hf_condition *compiled = compile_canonical(loaded);
  REQUIRE(hf_condition_token_count(loaded) >= hf_condition_token_count(compiled));
  size_t variables = hf_condition_variable_count(loaded);
  REQUIRE(hf_condition_variable_count(compiled) == variables);
  for (size_t i = 0; i < variables; i++) {
    REQUIRE(hf_condition_variable(loaded, i) == hf_condition_variable(compiled, i));
  }

  hf_context *context = NULL;
  REQUIRE(hf_context_create(schema, NULL, &context) == HF_OK);
  check_answers(loaded, compiled, context);
  for (uint32_t i = 0; i < VARIABLES; i++) {
    hf_status status = hf_context_set_number(context, i, 0.5 * i);
    if (status != HF_OK) {
      status = hf_context_set_boolean(context, i, i % 2 == 0);
    }
    if (status != HF_OK) {
      status = hf_context_set_string(context, i, "a", i % 2);
    }
    REQUIRE(status == HF_OK);
  }
  check_answers(loaded, compiled, context);
  hf_context_destroy(context);

  image again = room_for(hf_condition_save(loaded, NULL, 0));
  REQUIRE(again.length == from->length);
  REQUIRE(hf_condition_save(loaded, again.bytes, again.length) == again.length);
  REQUIRE(memcmp(again.bytes, from->bytes, from->length) == 0);
  free(again.bytes);
  hf_condition_destroy(compiled);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < CHOICE_BYTES) {
    return 0;
  }
  hf_schema *schema = make_schema(data[1] | (unsigned)data[2] << 8);
  const uint8_t *rest = data + CHOICE_BYTES;
  size_t left = size - CHOICE_BYTES;
  image made = {NULL, 0};
  switch (data[0] % 3) {
  case RAW:
    made = raw(rest, left);
    break;
  case BODY:
    made = around_body(schema, rest, left);
    break;
  default:
    made = edited(schema, rest, left);
    break;
  }
  if (made.bytes != NULL) {
    static char place;
    hf_condition *untouched = (hf_condition *)(void *)&place;
    hf_condition *condition = untouched;
    hf_condition_options options = largest();
    hf_error error;
    memset(&error, 0x5a, sizeof error);
    hf_status status =
        hf_condition_load(schema, made.bytes, made.length, &options, &condition, &error);
    if (status == HF_OK) {
      check_loaded(condition, &made);
      hf_condition_destroy(condition);
    } else {
      REQUIRE(condition == untouched);
      check_error(&error, status, made.length);
    }
    free(made.bytes);
  }
  hf_schema_release(schema);
  return 0;
}
