#include "model.h"

#include <math.h>
#include <string.h>

static const hf_variable variables[MODEL_VARIABLE_COUNT] = {
    {"a", HF_TYPE_ANY},         {"b_2", HF_TYPE_ANY},     {"android", HF_TYPE_ANY},
    {"number", HF_TYPE_NUMBER}, {"text", HF_TYPE_STRING}, {"flag", HF_TYPE_BOOLEAN},
    {"_other", HF_TYPE_NUMBER}};

typedef struct spelled_number {
  const char *text;
  const char *canonical;
  double number;
} spelled_number;

static const spelled_number numbers[] = {
    {"0", "0", 0.0},
    {"1", "1", 1.0},
    {"007", "7", 7.0},
    {"1.", "1", 1.0},
    {".5", "0.5", 0.5},
    {"2.50", "2.5", 2.5},
    {"1000000", "1000000", 1e6},
    {"0.30000000000000004", "0.30000000000000004", 0.1 + 0.2},
    {"9007199254740993", "9007199254740992", 9007199254740992.0},
};

static const char *const strings[] = {
    "", "a", "ab", "b", "é", "z", "low", "\xF0\x9F\x94\xA5", "\xEF\xBD\x81", "it's"};

static const char *const quoted[][2] = {
    {"''", "\"\""},
    {"'a'", "\"a\""},
    {"'ab'", "\"ab\""},
    {"'b'", "\"b\""},
    {"'é'", "\"é\""},
    {"'z'", "\"z\""},
    {"'low'", "\"low\""},
    {"'\xF0\x9F\x94\xA5'", "\"\xF0\x9F\x94\xA5\""},
    {"'\xEF\xBD\x81'", "\"\xEF\xBD\x81\""},
    {"\"it's\"", "\"it's\""},
};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

hf_schema *model_schema(void) {
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, MODEL_VARIABLE_COUNT, NULL, &schema, NULL), HF_OK);
  return schema;
}

static hf_value string_value(const char *string) {
  return (hf_value){.kind = HF_KIND_STRING, .string = string, .length_bytes = strlen(string)};
}

static model_operand random_operand(test_random *random) {
  model_operand operand = {.variable = HF_NO_VARIABLE};
  uint32_t choice = test_random_below(random, 8);
  if (choice < 5) {
    operand.variable = test_random_below(random, MODEL_VARIABLE_COUNT);
    operand.text = variables[operand.variable].name;
    operand.canonical = operand.text;
  } else if (choice < 7) {
    const spelled_number *spelled = &numbers[test_random_below(random, COUNT(numbers))];
    operand.literal = (hf_value){.kind = HF_KIND_NUMBER, .number = spelled->number};
    operand.text = spelled->text;
    operand.canonical = spelled->canonical;
  } else {
    uint32_t index = test_random_below(random, COUNT(strings));
    operand.literal = string_value(strings[index]);
    operand.text = quoted[index][test_random_below(random, 2)];
    operand.canonical = quoted[index][0];
  }
  operand.text_bytes = strlen(operand.text);
  return operand;
}

static bool is_ordering(hf_operator op) {
  return op != HF_OPERATOR_EQUAL && op != HF_OPERATOR_NOT_EQUAL;
}

/* 'n' for what orders as a number, 's' for a string, '?' when only the value tells. */
static char declared_order(const model_operand *operand) {
  if (operand->variable == HF_NO_VARIABLE) {
    return operand->literal.kind == HF_KIND_STRING ? 's' : 'n';
  }
  switch (variables[operand->variable].type) {
  case HF_TYPE_ANY:
    return '?';
  case HF_TYPE_STRING:
    return 's';
  case HF_TYPE_NUMBER:
  case HF_TYPE_BOOLEAN:
    return 'n';
  }
  return '?';
}

/* Whether the declared types of the operands leave no order between them. */
static bool is_ruled_out(const model_node *comparison) {
  char left = declared_order(&comparison->left);
  char right = declared_order(&comparison->right);
  bool literals =
      comparison->left.variable == HF_NO_VARIABLE && comparison->right.variable == HF_NO_VARIABLE;
  return is_ordering(comparison->op) && !literals && left != '?' && right != '?' && left != right;
}

/* Whether it is an ordering with a string on one side, but surely not on the other. */
static bool lacks_order(const model_node *comparison) {
  return is_ordering(comparison->op) &&
         (declared_order(&comparison->left) == 's') != (declared_order(&comparison->right) == 's');
}

static uint32_t generate(model_tree *tree, test_random *random, uint32_t comparisons) {
  model_node node = {.kind = HF_NODE_COMPARISON};
  if (comparisons == 1) {
    node.op = (hf_operator)test_random_below(random, 6);
    node.left = random_operand(random);
    node.right = random_operand(random);
    /* Most of what cannot be ordered is drawn again, so that most trees are decided. */
    if (lacks_order(&node) && test_random_below(random, 16) != 0) {
      return generate(tree, random, 1);
    }
  } else {
    uint32_t left = 1 + test_random_below(random, comparisons - 1);
    node.kind = test_random_below(random, 2) == 0 ? HF_NODE_AND : HF_NODE_OR;
    node.first = generate(tree, random, left);
    node.second = generate(tree, random, comparisons - left);
  }
  tree->nodes[tree->count] = node;
  tree->count++;
  return tree->count - 1;
}

void model_generate(model_tree *tree, test_random *random, uint32_t comparisons) {
  assert_true(comparisons >= 1 && comparisons <= MODEL_MAX_COMPARISONS);
  tree->count = 0;
  tree->root = generate(tree, random, comparisons);
}

/* Text in the making. Without `random` the spacing is canonical. */
typedef struct printer {
  char *text;
  size_t length;
  test_random *random;
} printer;

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put(printer *out, const char *piece) {
  size_t length = strlen(piece);
  assert_true(out->length + length < MODEL_TEXT_BYTES);
  memcpy(out->text + out->length, piece, length + 1);
  out->length += length;
}

/*
 * Puts a token with random space before it. Two words need some; a number may
 * touch the `and` that follows it, as may a quote or a parenthesis.
 */
static void put_token(printer *out, const char *token, bool after_number) {
  static const char *const spaces[] = {"", "", " ", " ", " ", "  ", "\t", "\n", "\r\n", "\v\f"};
  if (out->random != NULL) {
    const char *space = spaces[test_random_below(out->random, COUNT(spaces))];
    bool touching = out->length > 0 && is_word(out->text[out->length - 1]) && is_word(token[0]);
    if (touching && !after_number && space[0] == '\0') {
      space = " ";
    }
    put(out, space);
  }
  put(out, token);
}

static bool put_operand(printer *out, model_operand *operand) {
  put_token(out, operand->text, false);
  operand->offset_bytes = out->length - operand->text_bytes;
  return operand->variable == HF_NO_VARIABLE && operand->literal.kind == HF_KIND_NUMBER;
}

/* Returns whether the last token was a number. */
static bool print_node(printer *out, model_tree *tree, uint32_t index, bool under_and) {
  model_node *node = &tree->nodes[index];
  uint32_t parentheses = under_and && node->kind == HF_NODE_OR ? 1 : 0;
  if (test_random_below(out->random, 4) == 0) {
    parentheses += 1 + test_random_below(out->random, 2);
  }
  for (uint32_t i = 0; i < parentheses; i++) {
    put_token(out, "(", false);
  }
  bool number = false;
  if (node->kind == HF_NODE_COMPARISON) {
    put_operand(out, &node->left);
    put_token(out, hf_operator_symbol(node->op), false);
    number = put_operand(out, &node->right);
  } else {
    bool is_and = node->kind == HF_NODE_AND;
    number = print_node(out, tree, node->first, is_and);
    put_token(out, is_and ? "and" : "or", number);
    number = print_node(out, tree, node->second, is_and);
  }
  for (uint32_t i = 0; i < parentheses; i++) {
    put_token(out, ")", false);
    number = false;
  }
  return number;
}

size_t model_print(model_tree *tree, test_random *random, char text[MODEL_TEXT_BYTES]) {
  printer out = {text, 0, random};
  print_node(&out, tree, tree->root, false);
  return out.length;
}

static void print_canonical(printer *out, const model_tree *tree, uint32_t index, bool under_and) {
  const model_node *node = &tree->nodes[index];
  bool parentheses = under_and && node->kind == HF_NODE_OR;
  put(out, parentheses ? "(" : "");
  if (node->kind == HF_NODE_COMPARISON) {
    put(out, node->left.canonical);
    put(out, " ");
    put(out, hf_operator_symbol(node->op));
    put(out, " ");
    put(out, node->right.canonical);
  } else {
    bool is_and = node->kind == HF_NODE_AND;
    print_canonical(out, tree, node->first, is_and);
    put(out, is_and ? " and " : " or ");
    print_canonical(out, tree, node->second, is_and);
  }
  put(out, parentheses ? ")" : "");
}

size_t model_canonical(const model_tree *tree, char text[MODEL_TEXT_BYTES]) {
  printer out = {text, 0, NULL};
  print_canonical(&out, tree, tree->root, false);
  return out.length;
}

static void collect(const model_tree *tree, uint32_t index, uint32_t *order, uint32_t *count) {
  const model_node *node = &tree->nodes[index];
  if (node->kind == HF_NODE_COMPARISON) {
    order[*count] = index;
    (*count)++;
  } else {
    collect(tree, node->first, order, count);
    collect(tree, node->second, order, count);
  }
}

uint32_t model_comparisons(const model_tree *tree, uint32_t order[MODEL_MAX_COMPARISONS]) {
  uint32_t count = 0;
  collect(tree, tree->root, order, &count);
  return count;
}

/* The variable at fault is the left one, unless only the right one can be. */
static model_outcome mismatch(const model_node *comparison, bool left_is_sound) {
  size_t start = comparison->left.offset_bytes;
  size_t end = comparison->right.offset_bytes + comparison->right.text_bytes;
  uint32_t left = comparison->left.variable;
  bool right_is_named = left_is_sound || left == HF_NO_VARIABLE;
  return (model_outcome){HF_ERROR_TYPE_MISMATCH, false, start, end - start,
                         right_is_named ? comparison->right.variable : left};
}

model_outcome model_compile(const model_tree *tree) {
  uint32_t order[MODEL_MAX_COMPARISONS];
  uint32_t count = model_comparisons(tree, order);
  for (uint32_t i = 0; i < count; i++) {
    const model_node *comparison = &tree->nodes[order[i]];
    if (is_ruled_out(comparison)) {
      return mismatch(comparison, false);
    }
  }
  return (model_outcome){.status = HF_OK, .variable = HF_NO_VARIABLE};
}

void model_random_values(test_random *random, hf_value values[MODEL_VARIABLE_COUNT]) {
  static const double doubles[] = {0.0, -0.0, 1.0, 7.0, 0.5, 2.5, -1.0, 1e6, 0.3, 1e300};
  for (uint32_t i = 0; i < MODEL_VARIABLE_COUNT; i++) {
    hf_value value = {.kind = HF_KIND_MISSING};
    hf_type type = variables[i].type;
    uint32_t choice = test_random_below(random, 256);
    if (choice == 0) {
      value.kind = HF_KIND_MISSING;
    } else if (choice == 1) {
      value.kind = HF_KIND_INVALID;
    } else if (type == HF_TYPE_ANY && choice == 2) {
      value.kind = HF_KIND_NULL;
    } else if (type == HF_TYPE_ANY && choice == 3) {
      value.kind = HF_KIND_CONTAINER;
    } else if (type == HF_TYPE_STRING || (type == HF_TYPE_ANY && choice < 12)) {
      value = string_value(strings[test_random_below(random, COUNT(strings))]);
    } else if (type == HF_TYPE_BOOLEAN || (type == HF_TYPE_ANY && choice < 32)) {
      value.kind = HF_KIND_BOOLEAN;
      value.number = test_random_below(random, 2);
    } else if (choice < 48) {
      value.kind = HF_KIND_NUMBER;
      value.number = choice % 3 == 0   ? (double)NAN
                     : choice % 3 == 1 ? -(double)INFINITY
                                       : (double)INFINITY;
    } else {
      value.kind = HF_KIND_NUMBER;
      value.number = doubles[test_random_below(random, COUNT(doubles))];
    }
    values[i] = value;
  }
}

void model_fill(hf_context *context, const hf_value values[MODEL_VARIABLE_COUNT]) {
  for (uint32_t i = 0; i < MODEL_VARIABLE_COUNT; i++) {
    hf_status status = HF_ERROR_INVALID_ARGUMENT;
    switch (values[i].kind) {
    case HF_KIND_MISSING:
      status = hf_context_unset(context, i);
      break;
    case HF_KIND_NULL:
      status = hf_context_set_null(context, i);
      break;
    case HF_KIND_CONTAINER:
      status = hf_context_set_container(context, i);
      break;
    case HF_KIND_INVALID:
      status = hf_context_set_invalid(context, i);
      break;
    case HF_KIND_STRING:
      status = hf_context_set_string(context, i, values[i].string, values[i].length_bytes);
      break;
    case HF_KIND_NUMBER:
      status = hf_context_set_number(context, i, values[i].number);
      break;
    case HF_KIND_BOOLEAN:
      status = hf_context_set_boolean(context, i, values[i].number == 1.0);
      break;
    }
    assert_int_equal(status, HF_OK);
  }
}

/* The code point at `at`, which moves on; the strings of this file are sound UTF-8. */
static uint32_t code_point(const unsigned char **at) {
  uint32_t first = **at;
  uint32_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
  static const uint32_t masks[] = {0x7F, 0x1F, 0x0F, 0x07};
  uint32_t point = first & masks[more];
  (*at)++;
  for (; more > 0; more--) {
    point = point << 6 | (**at & 0x3F);
    (*at)++;
  }
  return point;
}

/* -1, 0 or 1 as the left string comes before, with or after the right one. */
static int string_order(const hf_value *left, const hf_value *right) {
  const unsigned char *a = (const unsigned char *)left->string;
  const unsigned char *b = (const unsigned char *)right->string;
  const unsigned char *a_end = a + left->length_bytes;
  const unsigned char *b_end = b + right->length_bytes;
  while (a < a_end && b < b_end) {
    uint32_t x = code_point(&a);
    uint32_t y = code_point(&b);
    if (x != y) {
      return x < y ? -1 : 1;
    }
  }
  return a < a_end ? 1 : b < b_end ? -1 : 0;
}

static bool is_numeric(const hf_value *value) {
  return value->kind == HF_KIND_NUMBER || value->kind == HF_KIND_BOOLEAN;
}

static model_outcome missing(const model_operand *operand) {
  return (model_outcome){HF_ERROR_MISSING_VARIABLE, false, operand->offset_bytes,
                         operand->text_bytes, operand->variable};
}

static model_outcome decided(bool held) {
  return (model_outcome){.status = HF_OK, .held = held, .variable = HF_NO_VARIABLE};
}

static hf_value value_of(const model_operand *operand, const hf_value *values) {
  return operand->variable == HF_NO_VARIABLE ? operand->literal : values[operand->variable];
}

model_outcome model_compare(const model_node *comparison, const hf_value *values) {
  hf_value left = value_of(&comparison->left, values);
  hf_value right = value_of(&comparison->right, values);
  hf_operator op = comparison->op;
  if (left.kind == HF_KIND_MISSING) {
    return missing(&comparison->left);
  }
  if (right.kind == HF_KIND_MISSING) {
    return missing(&comparison->right);
  }
  if (left.kind == HF_KIND_INVALID || right.kind == HF_KIND_INVALID) {
    return mismatch(comparison, left.kind != HF_KIND_INVALID);
  }
  bool less = false;
  bool equal = false;
  bool greater = false;
  if (is_numeric(&left) && is_numeric(&right)) {
    less = left.number < right.number;
    equal = left.number == right.number;
    greater = left.number > right.number;
  } else if (left.kind == HF_KIND_STRING && right.kind == HF_KIND_STRING) {
    int order = string_order(&left, &right);
    less = order < 0;
    equal = order == 0;
    greater = order > 0;
  } else if (is_ordering(op)) {
    return mismatch(comparison, false);
  } else {
    equal = left.kind == HF_KIND_NULL && right.kind == HF_KIND_NULL;
  }
  switch (op) {
  case HF_OPERATOR_EQUAL:
    return decided(equal);
  case HF_OPERATOR_NOT_EQUAL:
    return decided(!equal);
  case HF_OPERATOR_LESS:
    return decided(less);
  case HF_OPERATOR_LESS_OR_EQUAL:
    return decided(less || equal);
  case HF_OPERATOR_GREATER:
    return decided(greater);
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return decided(greater || equal);
  }
  return decided(false);
}

model_outcome model_evaluate_node(const model_node *nodes, uint32_t index, const hf_value *values) {
  const model_node *node = &nodes[index];
  if (node->kind == HF_NODE_COMPARISON) {
    return model_compare(node, values);
  }
  model_outcome first = model_evaluate_node(nodes, node->first, values);
  model_outcome second = model_evaluate_node(nodes, node->second, values);
  if (first.status != HF_OK) {
    return first;
  }
  if (second.status != HF_OK) {
    return second;
  }
  return decided(node->kind == HF_NODE_AND ? first.held && second.held : first.held || second.held);
}

model_outcome model_evaluate(const model_tree *tree, const hf_value *values) {
  return model_evaluate_node(tree->nodes, tree->root, values);
}
