/*
 * A fuzz target for compiling and evaluating.
 *
 * The input is seven bytes and a text. Byte 0 chooses the limits; bytes 1 to 6
 * choose the type of a variable and its value in the context. Whatever the
 * text, the invariants of condition.h hold; a broken one aborts.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/holdfast.h>

#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIABLES = 6, HEADER_BYTES = 1 + VARIABLES };

#define REQUIRE(truth)                                                                             \
  do {                                                                                             \
    if (!(truth)) {                                                                                \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #truth);                          \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

static hf_schema *make_schema(const uint8_t *choices) {
  static const char *const names[VARIABLES] = {"severity", "step",    "duration",
                                               "a",        "android", "_x1"};
  hf_variable variables[VARIABLES];
  for (size_t i = 0; i < VARIABLES; i++) {
    variables[i] = (hf_variable){names[i], (hf_type)(choices[i] & 3)};
  }
  hf_schema *schema = NULL;
  REQUIRE(hf_schema_create(variables, VARIABLES, NULL, &schema, NULL) == HF_OK);
  return schema;
}

/* Six bits of a byte choose a value; one that the type does not admit leaves the slot missing. */
static void fill(hf_context *context, uint32_t index, uint8_t choice) {
  static const double numbers[] = {
      0.0, 1.0, -0.0, 0.5, 1e300, -1.0, 7.0, (double)INFINITY, -(double)INFINITY, (double)NAN};
  static const char *const strings[] = {"", "a", "ab", "low", "\xC3\xA9", "\xF0\x9F\x94\xA5", "1"};
  hf_status status = HF_OK;
  unsigned value = choice >> 2;
  if (value < 24) {
    status = hf_context_set_number(context, index, numbers[value % 10]);
  } else if (value < 40) {
    const char *string = strings[value % 7];
    status = hf_context_set_string(context, index, string, strlen(string));
  } else if (value < 48) {
    status = hf_context_set_boolean(context, index, value % 2 == 0);
  } else if (value < 52) {
    status = hf_context_set_null(context, index);
  } else if (value < 56) {
    status = hf_context_set_container(context, index);
  } else if (value < 60) {
    status = hf_context_set_invalid(context, index);
  }
  REQUIRE(status == HF_OK || status == HF_ERROR_TYPE_MISMATCH);
}

static hf_condition_options choose_options(uint8_t choice) {
  hf_condition_options options = hf_condition_options_default();
  static const uint32_t token_limits[] = {50, 2, 8, 1000};
  options.max_tokens = token_limits[choice & 3];
  if ((choice & 4) != 0) {
    options.max_text_bytes = choice >> 3;
  }
  return options;
}

static void check_error(const hf_error *error, hf_status status, const char *text, size_t length) {
  REQUIRE(error->status == status);
  REQUIRE(error->offset_bytes <= length && error->length_bytes <= length - error->offset_bytes);
  REQUIRE(error->variable == HF_NO_VARIABLE || error->variable < VARIABLES);
  REQUIRE(error->suggestion == HF_NO_VARIABLE || error->suggestion < VARIABLES);
  size_t message = strnlen(error->message, sizeof error->message);
  REQUIRE(message > 0 && message < sizeof error->message);
  REQUIRE(hf__utf8_valid_prefix(error->message, message) == message);
  for (size_t i = 0; i < message; i++) {
    REQUIRE((unsigned char)error->message[i] >= 0x20 && error->message[i] != 0x7F);
  }
  char report[HF_ERROR_REPORT_BYTES];
  size_t whole = hf_error_format(error, text, length, report, sizeof report);
  REQUIRE(whole < sizeof report - 1 && report[whole] == '\0' && report[whole - 1] == '\n');
  REQUIRE(hf__utf8_valid_prefix(report, whole) == whole);
  char cut[HF_ERROR_REPORT_BYTES];
  size_t capacity = 1 + (length * 31 + error->offset_bytes) % whole;
  memset(cut, '#', sizeof cut);
  size_t written = hf_error_format(error, text, length, cut, capacity);
  REQUIRE(written < capacity && cut[written] == '\0' && cut[capacity] == '#');
  REQUIRE(memcmp(cut, report, written) == 0);
}

/* Keeps to itself what the compiler may not touch. */
static hf_condition *compile(const hf_schema *schema, const char *text, size_t length,
                             const hf_condition_options *options) {
  static char place;
  hf_condition *untouched = (hf_condition *)(void *)&place;
  hf_condition *condition = untouched;
  hf_error error;
  memset(&error, 0x5a, sizeof error);
  hf_status status = hf_condition_compile(schema, text, length, options, &condition, &error);
  if (status == HF_OK) {
    REQUIRE(condition != untouched);
    REQUIRE(hf_condition_token_count(condition) <= options->max_tokens);
    REQUIRE(length <= options->max_text_bytes);
    return condition;
  }
  REQUIRE(condition == untouched);
  REQUIRE((status <= HF_ERROR_INVALID_UTF8 && status >= HF_ERROR_UNEXPECTED_TOKEN) ||
          status == HF_ERROR_TYPE_MISMATCH);
  check_error(&error, status, text, length);
  hf_error again;
  REQUIRE(hf_condition_compile(schema, text, length, options, &condition, &again) == status);
  REQUIRE(again.offset_bytes == error.offset_bytes && again.length_bytes == error.length_bytes &&
          strcmp(again.message, error.message) == 0);
  return NULL;
}

/* What one evaluation answers, and whether explanation and repetition answer the same. */
static hf_status evaluate(const hf_condition *condition, const hf_context *context, bool *held) {
  size_t length = 0;
  const char *text = hf_condition_text(condition, &length);
  hf_error error;
  *held = true;
  hf_status status = hf_condition_evaluate(condition, context, held, &error);
  if (status != HF_OK) {
    REQUIRE(*held);
    *held = false;
    REQUIRE(status == HF_ERROR_MISSING_VARIABLE || status == HF_ERROR_TYPE_MISMATCH);
    REQUIRE(error.length_bytes > 0);
    check_error(&error, status, text, length);
    REQUIRE(status != HF_ERROR_MISSING_VARIABLE ||
            hf_context_get(context, error.variable).kind == HF_KIND_MISSING);
  }
  bool again = false;
  REQUIRE(hf_condition_evaluate(condition, context, &again, NULL) == status);
  REQUIRE(again == *held);

  size_t count = hf_condition_node_count(condition);
  hf_node *nodes = calloc(count, sizeof *nodes);
  REQUIRE(count > 0 && nodes != NULL);
  REQUIRE(hf_condition_explain(condition, context, nodes, count) == HF_OK);
  REQUIRE(nodes[0].status == status && nodes[0].held == *held);
  REQUIRE(nodes[0].parent == 0 && nodes[0].depth == 0);
  const hf_node *first_failure = NULL;
  for (size_t i = 0; i < count; i++) {
    const hf_node *node = &nodes[i];
    REQUIRE(node->length_bytes > 0 && (size_t)node->offset_bytes + node->length_bytes <= length);
    REQUIRE(i == 0 || (node->parent < i && node->depth == nodes[node->parent].depth + 1));
    if (node->kind == HF_NODE_COMPARISON && node->status != HF_OK && first_failure == NULL) {
      first_failure = node;
    }
  }
  REQUIRE((first_failure == NULL) == (status == HF_OK));
  if (first_failure != NULL) {
    REQUIRE(first_failure->status == status);
    REQUIRE(error.offset_bytes >= first_failure->offset_bytes);
    REQUIRE(error.offset_bytes + error.length_bytes <=
            first_failure->offset_bytes + first_failure->length_bytes);
  }
  free(nodes);
  return status;
}

/* The canonical text compiles to the same program, and is its own canonical text. */
static void check_canonical(const hf_condition *condition, const hf_context *context) {
  size_t length = hf_condition_canonical(condition, NULL, 0);
  char *canonical = malloc(length + 1);
  char *twice = malloc(length + 1);
  REQUIRE(length > 0 && canonical != NULL && twice != NULL);
  REQUIRE(hf_condition_canonical(condition, canonical, length + 1) == length);
  REQUIRE(canonical[length] == '\0');
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
  options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  hf_condition *again = compile(hf_condition_schema(condition), canonical, length, &options);
  REQUIRE(again != NULL);
  REQUIRE(hf_condition_canonical(again, twice, length + 1) == length);
  REQUIRE(memcmp(canonical, twice, length) == 0);
  REQUIRE(hf_condition_node_count(again) == hf_condition_node_count(condition));
  REQUIRE(hf_condition_token_count(again) <= hf_condition_token_count(condition));
  size_t required = hf_condition_variable_count(condition);
  REQUIRE(hf_condition_variable_count(again) == required);
  for (size_t i = 0; i <= required; i++) {
    REQUIRE(hf_condition_variable(again, i) == hf_condition_variable(condition, i));
  }
  bool held = false;
  bool held_again = false;
  REQUIRE(evaluate(condition, context, &held) == evaluate(again, context, &held_again));
  REQUIRE(held == held_again);
  hf_condition_destroy(again);
  free(twice);
  free(canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEADER_BYTES) {
    return 0;
  }
  /* Exactly as long as the text, so that reading beyond it is seen. */
  size_t length = size - HEADER_BYTES;
  char *text = malloc(length + (length == 0));
  REQUIRE(text != NULL);
  memcpy(text, data + HEADER_BYTES, length);

  hf_schema *schema = make_schema(data + 1);
  hf_condition_options options = choose_options(data[0]);
  hf_condition *condition = compile(schema, text, length, &options);
  if (condition != NULL) {
    size_t kept = 0;
    REQUIRE(memcmp(hf_condition_text(condition, &kept), text, length) == 0 && kept == length);
    hf_context *context = NULL;
    REQUIRE(hf_context_create(schema, NULL, &context) == HF_OK);
    check_canonical(condition, context);
    for (uint32_t i = 0; i < VARIABLES; i++) {
      fill(context, i, data[1 + i]);
    }
    check_canonical(condition, context);
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
  free(text);
  return 0;
}
