#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"
#include "model.h"

/* Required variables, counts ------------------------------------------------ */

static void required_variables_come_in_the_order_of_their_first_naming(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t variables[5]; /* ended by HF_NO_VARIABLE */
  } rows[] = {
      {"always", {HF_NO_VARIABLE}},
      {"1 == 1", {HF_NO_VARIABLE}},
      {"a == 1", {0, HF_NO_VARIABLE}},
      {"1 == a", {0, HF_NO_VARIABLE}},
      {"a == a", {0, HF_NO_VARIABLE}},
      {"c > b", {2, 1, HF_NO_VARIABLE}},
      {"c > b or (a == 1 and b == c) or d == a", {2, 1, 0, 3, HF_NO_VARIABLE}},
      {"d == 1 and d == 2 or b == d", {3, 1, HF_NO_VARIABLE}},
      {"'c' == b", {1, HF_NO_VARIABLE}},
  };
  hf_schema *schema = test_schema("a b c d unused");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    size_t count = 0;
    while (rows[i].variables[count] != HF_NO_VARIABLE) {
      count++;
    }
    assert_int_equal(hf_condition_variable_count(condition), count);
    for (size_t v = 0; v <= count; v++) {
      assert_int_equal(hf_condition_variable(condition, v), rows[i].variables[v]);
    }
    assert_int_equal(hf_condition_variable(condition, SIZE_MAX), HF_NO_VARIABLE);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* More of them than the words of a small mask hold. */
static void three_hundred_variables_are_required(void **state) {
  (void)state;
  enum { COUNT = 300 };
  static char names[COUNT][24];
  static hf_variable variables[COUNT];
  static char text[COUNT * 20];
  size_t length = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "v%u", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_NUMBER};
    length += (size_t)snprintf(text + length, sizeof text - length, "%sv%u > v%u",
                               i == 0 ? "" : " or ", COUNT - 1 - i, COUNT - 1 - i / 2);
  }
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, COUNT, NULL, &schema, NULL), HF_OK);
  hf_condition *condition = test_compile(schema, text);
  assert_int_equal(hf_condition_variable_count(condition), COUNT);
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_int_equal(hf_condition_variable(condition, i), COUNT - 1 - i);
  }
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void tokens_are_counted_with_the_end(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t tokens;
    size_t nodes;
  } rows[] = {
      {"always", 2, 1},
      {"  ALWAYS\n", 2, 1},
      {"a == 1", 4, 1},
      {"(a==1)", 6, 1},
      {"((a==1))", 8, 1},
      {"a == 1 and b == 2", 8, 3},
      {"a==1or b==2", 8, 3},
      {"'a'=='a'and'b'=='b'", 8, 3},
      {"a==1 and b==2 or c==3", 12, 5},
  };
  hf_schema *schema = test_schema("a b c");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_condition *condition = test_compile(schema, rows[i].text);
    assert_int_equal(hf_condition_token_count(condition), rows[i].tokens);
    assert_int_equal(hf_condition_node_count(condition), rows[i].nodes);
    size_t length = 0;
    const char *text = hf_condition_text(condition, &length);
    assert_int_equal(length, strlen(rows[i].text));
    assert_memory_equal(text, rows[i].text, length);
    assert_ptr_equal(hf_condition_schema(condition), schema);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

static void operators_have_symbols(void **state) {
  (void)state;
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_EQUAL), "==");
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_NOT_EQUAL), "!=");
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_LESS), "<");
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_LESS_OR_EQUAL), "<=");
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_GREATER), ">");
  assert_string_equal(hf_operator_symbol(HF_OPERATOR_GREATER_OR_EQUAL), ">=");
  int outside = 6;
  hf_operator op;
  memcpy(&op, &outside, sizeof op);
  assert_string_equal(hf_operator_symbol(op), "?");
}

/* Canonical text ------------------------------------------------------------ */

static const char *const canonical_texts[][2] = {
    {"always", "always"},
    {" \tALWAYS\n", "always"},
    {"a==1", "a == 1"},
    {"  a\n>=\t1  ", "a >= 1"},
    {"(((a<b)))", "a < b"},
    {"1==a", "1 == a"},
    {"a==1and b==2or c==3", "a == 1 and b == 2 or c == 3"},
    {"(a==1and b==2)or c==3", "a == 1 and b == 2 or c == 3"},
    {"a==1 and (b==2 or c==3)", "a == 1 and (b == 2 or c == 3)"},
    {"(a==1 or b==2) and c==3", "(a == 1 or b == 2) and c == 3"},
    {"a==1 or (b==2 and c==3)", "a == 1 or b == 2 and c == 3"},
    {"(a==1 and b==2) and c==3", "a == 1 and b == 2 and c == 3"},
    {"a==1 and (b==2 and c==3)", "a == 1 and b == 2 and c == 3"},
    {"a==1 or (b==2 or c==3)", "a == 1 or b == 2 or c == 3"},
    {"((a==1 or b==2)) and ((c==3 or a==4))", "(a == 1 or b == 2) and (c == 3 or a == 4)"},
    {"a==1 and (b==1 or (c==1 and (a==2 or b==2)))",
     "a == 1 and (b == 1 or c == 1 and (a == 2 or b == 2))"},
    /* Numbers in their shortest form; the language has no exponent. */
    {"a==007", "a == 7"},
    {"a==1.", "a == 1"},
    {"a==1.50", "a == 1.5"},
    {"a==.5", "a == 0.5"},
    {"a==0.0", "a == 0"},
    {"a==00", "a == 0"},
    {"a==100000000000000000000000", "a == 100000000000000000000000"},
    {"a==1000000", "a == 1000000"},
    {"a==0.1", "a == 0.1"},
    {"a==0.10000000000000000001", "a == 0.1"},
    {"a==0.30000000000000004", "a == 0.30000000000000004"},
    {"a==3.14159", "a == 3.14159"},
    {"a==9007199254740993", "a == 9007199254740992"},
    {"a==0.000001", "a == 0.000001"},
    {"a==0.00000001", "a == 0.00000001"},
    {"a==123456.789", "a == 123456.789"},
    {"a==123456789012345678", "a == 123456789012345680"},
    /* Strings keep their bytes. */
    {"a==\"x\"", "a == 'x'"},
    {"a=='x'", "a == 'x'"},
    {"a==''", "a == ''"},
    {"a==\"\"", "a == ''"},
    {"a==\"it's\"", "a == \"it's\""},
    {"a=='\"'", "a == '\"'"},
    {"a=='  two  spaces '", "a == '  two  spaces '"},
    {"a=='x\ny'", "a == 'x\ny'"},
    {"a=='and'and'('==b", "a == 'and' and '(' == b"},
    {"a=='s\xC3\xA9v\xC3\xA9rit\xC3\xA9'", "a == 's\xC3\xA9v\xC3\xA9rit\xC3\xA9'"},
};

static void check_canonical(const hf_condition *condition, const char *expected) {
  size_t expected_length = strlen(expected);
  assert_int_equal(hf_condition_canonical(condition, NULL, 0), expected_length);
  for (size_t capacity = 0; capacity <= expected_length + 2; capacity++) {
    char *buffer = malloc(capacity + 1);
    assert_non_null(buffer);
    memset(buffer, '#', capacity + 1);
    assert_int_equal(hf_condition_canonical(condition, buffer, capacity), expected_length);
    assert_int_equal(buffer[capacity], '#');
    if (capacity > 0) {
      /* Cut at a whole character. */
      size_t written = capacity - 1 < expected_length ? capacity - 1 : expected_length;
      while (((unsigned char)expected[written] & 0xC0) == 0x80) {
        written--;
      }
      assert_int_equal(buffer[written], '\0');
      if (memcmp(buffer, expected, written) != 0) {
        test_fail("canonical '%s' should be '%s'\n", buffer, expected);
      }
    }
    free(buffer);
  }
}

static void canonical_text_is_plain(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a b c");
  for (size_t i = 0; i < sizeof canonical_texts / sizeof canonical_texts[0]; i++) {
    hf_condition *condition = test_compile(schema, canonical_texts[i][0]);
    check_canonical(condition, canonical_texts[i][1]);
    hf_condition_destroy(condition);
    condition = test_compile(schema, canonical_texts[i][1]);
    check_canonical(condition, canonical_texts[i][1]);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* The longest literals of the language come back as themselves. */
static void canonical_numbers_reach_the_ends_of_the_range(void **state) {
  (void)state;
  static const double numbers[] = {
      1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 1e300, 1e-300, 123456789e290,
      4.9406564584124654e-310};
  hf_schema *schema = test_schema("a");
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    static char text[2000];
    snprintf(text, sizeof text, "a == %.1080f", numbers[i]);
    hf_condition *condition = test_compile(schema, text);
    static char canonical[2000];
    size_t length = hf_condition_canonical(condition, canonical, sizeof canonical);
    assert_int_equal(length, strlen(canonical));
    hf_condition_destroy(condition);
    assert_true(strtod(canonical + 5, NULL) == numbers[i]);
    /* Shortest: no more than 17 significant digits, no zero at the end of a fraction. */
    const char *digits = canonical + 5 + strspn(canonical + 5, "0.");
    size_t significant = 0;
    size_t zeros = 0;
    for (const char *at = digits; *at != '\0'; at++) {
      if (*at != '.') {
        significant++;
        zeros = *at == '0' ? zeros + 1 : 0;
      }
    }
    assert_true(significant - zeros <= 17);
    assert_true(strchr(canonical, '.') == NULL || zeros == 0);
    condition = test_compile(schema, canonical);
    check_canonical(condition, canonical);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* Explanations --------------------------------------------------------------- */

static bool same_value(hf_value a, hf_value b) {
  return a.kind == b.kind && (a.number == b.number || (isnan(a.number) && isnan(b.number))) &&
         a.length_bytes == b.length_bytes &&
         (a.length_bytes == 0 || memcmp(a.string, b.string, a.length_bytes) == 0);
}

/* A node written as "depth kind span outcome", to be held against a table. */
static void describe(const hf_node *node, const char *text, char *line, size_t capacity) {
  static const char *const kinds[] = {"comparison", "and", "or", "always"};
  snprintf(line, capacity, "%" PRIu32 " %s [%.*s] %s", node->depth, kinds[node->kind],
           (int)node->length_bytes, text + node->offset_bytes,
           node->status != HF_OK ? hf_status_name(node->status)
           : node->held          ? "true"
                                 : "false");
}

#define MAX_LINES 8

typedef struct explanation_row {
  const char *text;
  const char *context;
  const char *lines[MAX_LINES];
  uint32_t parents[MAX_LINES];
} explanation_row;

static const explanation_row explanations[] = {
    {" always ", "", {"0 always [always] true"}, {0}},
    {"a == 1", "a=1", {"0 comparison [a == 1] true"}, {0}},
    {" ( a==1 ) ", "a=2", {"0 comparison [a==1] false"}, {0}},
    {"a > 1", "", {"0 comparison [a > 1] missing_variable"}, {0}},
    {"a > 1", "a='x'", {"0 comparison [a > 1] type_mismatch"}, {0}},
    {"a == 1 and b == 2",
     "a=1 b=3",
     {"0 and [a == 1 and b == 2] false", "1 comparison [a == 1] true",
      "1 comparison [b == 2] false"},
     {0, 0, 0}},
    {"a == 1 or b == 2 and c == 3",
     "a=0 b=2 c=3",
     {"0 or [a == 1 or b == 2 and c == 3] true", "1 comparison [a == 1] false",
      "1 and [b == 2 and c == 3] true", "2 comparison [b == 2] true", "2 comparison [c == 3] true"},
     {0, 0, 0, 2, 2}},
    {"(a == 1 or b == 2) and (c == 3)",
     "a=0 b=2 c=4",
     {"0 and [(a == 1 or b == 2) and (c == 3)] false", "1 or [a == 1 or b == 2] true",
      "2 comparison [a == 1] false", "2 comparison [b == 2] true", "1 comparison [c == 3] false"},
     {0, 0, 1, 1, 0}},
    /* The first failure below is that of the node. */
    {"a == 1 or b > 1 or c > 'x'",
     "a=1 c=3",
     {"0 or [a == 1 or b > 1 or c > 'x'] missing_variable", "1 comparison [a == 1] true",
      "1 comparison [b > 1] missing_variable", "1 comparison [c > 'x'] type_mismatch"},
     {0, 0, 0, 0}},
};

static void an_explanation_is_a_tree(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a b c");
  for (size_t i = 0; i < sizeof explanations / sizeof explanations[0]; i++) {
    const explanation_row *row = &explanations[i];
    size_t count = 0;
    while (count < MAX_LINES && row->lines[count] != NULL) {
      count++;
    }
    hf_condition *condition = test_compile(schema, row->text);
    hf_context *context = test_context(schema, row->context);
    if (hf_condition_node_count(condition) != count) {
      test_fail("%s has %zu nodes\n", row->text, hf_condition_node_count(condition));
    }
    hf_node nodes[MAX_LINES];
    memset(nodes, 0x5a, sizeof nodes);
    assert_int_equal(hf_condition_explain(condition, context, nodes, MAX_LINES), HF_OK);
    for (size_t n = 0; n < count; n++) {
      char line[200];
      describe(&nodes[n], row->text, line, sizeof line);
      if (strcmp(line, row->lines[n]) != 0 || nodes[n].parent != row->parents[n]) {
        test_fail("%s: node %zu is '%s' under %" PRIu32 "\n", row->text, n, line, nodes[n].parent);
      }
    }
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

static void an_explanation_shows_the_operands(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a b");
  const char *text = "a <= 'zz' or 2.5 != b";
  hf_condition *condition = test_compile(schema, text);
  hf_context *context = test_context(schema, "a='eu' b=true");
  hf_node nodes[3];
  assert_int_equal(hf_condition_explain(condition, context, nodes, 3), HF_OK);

  const hf_node *first = &nodes[1];
  assert_int_equal(first->op, HF_OPERATOR_LESS_OR_EQUAL);
  assert_int_equal(first->left.variable, 0);
  assert_int_equal(first->left.offset_bytes, 0);
  assert_int_equal(first->left.length_bytes, 1);
  assert_true(same_value(first->left.value, hf_context_get(context, 0)));
  assert_int_equal(first->right.variable, HF_NO_VARIABLE);
  assert_int_equal(first->right.offset_bytes, 5);
  assert_int_equal(first->right.length_bytes, 4);
  assert_int_equal(first->right.value.kind, HF_KIND_STRING);
  assert_int_equal(first->right.value.length_bytes, 2);
  assert_memory_equal(first->right.value.string, "zz", 2);

  const hf_node *second = &nodes[2];
  assert_int_equal(second->op, HF_OPERATOR_NOT_EQUAL);
  assert_int_equal(second->left.variable, HF_NO_VARIABLE);
  assert_int_equal(second->left.offset_bytes, 13);
  assert_int_equal(second->left.length_bytes, 3);
  assert_int_equal(second->left.value.kind, HF_KIND_NUMBER);
  assert_true(second->left.value.number == 2.5);
  assert_int_equal(second->right.variable, 1);
  assert_int_equal(second->right.offset_bytes, 20);
  assert_int_equal(second->right.length_bytes, 1);
  assert_int_equal(second->right.value.kind, HF_KIND_BOOLEAN);
  assert_true(second->right.value.number == 1.0);

  hf_context_clear(context);
  assert_int_equal(hf_condition_explain(condition, context, nodes, 3), HF_OK);
  assert_int_equal(nodes[1].left.value.kind, HF_KIND_MISSING);
  assert_int_equal(nodes[2].right.value.kind, HF_KIND_MISSING);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void an_explanation_needs_room_and_its_schema(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a b");
  hf_schema *other = test_schema("a");
  hf_condition *condition = test_compile(schema, "a == 1 and b == 2");
  hf_context *context = test_context(schema, "a=1 b=2");
  hf_context *foreign = test_context(other, "a=1");
  hf_node nodes[4];
  hf_node untouched[4];
  memset(nodes, 0x5a, sizeof nodes);
  memset(untouched, 0x5a, sizeof untouched);
  for (size_t room = 0; room < 3; room++) {
    assert_int_equal(hf_condition_explain(condition, context, nodes, room),
                     HF_ERROR_INVALID_ARGUMENT);
  }
  assert_int_equal(hf_condition_explain(condition, foreign, nodes, 4), HF_ERROR_SCHEMA_MISMATCH);
  assert_memory_equal(nodes, untouched, sizeof nodes);
  assert_int_equal(hf_condition_explain(condition, context, nodes, 3), HF_OK);
  assert_memory_equal(&nodes[3], &untouched[3], sizeof nodes[3]);
  hf_context_destroy(foreign);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(other);
  hf_schema_release(schema);
}

static void an_equal_schema_serves_an_explanation(void **state) {
  (void)state;
  hf_schema *schema = test_schema("a:number b");
  hf_schema *equal = test_schema("a:number b");
  hf_condition *condition = test_compile(schema, "a == 1");
  hf_context *context = test_context(equal, "a=1");
  hf_node node;
  assert_int_equal(hf_condition_explain(condition, context, &node, 1), HF_OK);
  assert_true(node.held);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(equal);
  hf_schema_release(schema);
}

/* Against the model ---------------------------------------------------------- */

/* The tree is sound in itself: order, parents, depth, spans and joined outcomes. */
static void check_tree(const hf_node *nodes, size_t count, size_t text_length) {
  assert_int_equal(nodes[0].parent, 0);
  assert_int_equal(nodes[0].depth, 0);
  uint32_t last_end = 0;
  for (size_t n = 0; n < count; n++) {
    const hf_node *node = &nodes[n];
    assert_true((size_t)node->offset_bytes + node->length_bytes <= text_length);
    assert_true(node->status == HF_OK || !node->held);
    if (n > 0) {
      const hf_node *parent = &nodes[node->parent];
      assert_true(node->parent < n);
      assert_int_equal(node->depth, parent->depth + 1);
      assert_true(parent->kind == HF_NODE_AND || parent->kind == HF_NODE_OR);
      assert_true(node->offset_bytes >= parent->offset_bytes);
      assert_true(node->offset_bytes + node->length_bytes <=
                  parent->offset_bytes + parent->length_bytes);
    }
    if (node->kind == HF_NODE_COMPARISON) {
      assert_true(node->offset_bytes >= last_end);
      last_end = node->offset_bytes + node->length_bytes;
      continue;
    }
    size_t children = 0;
    bool all = true;
    bool any = false;
    hf_status status = HF_OK;
    for (size_t c = n + 1; c < count; c++) {
      if (nodes[c].parent == n) {
        children++;
        all = all && nodes[c].held;
        any = any || nodes[c].held;
        status = status == HF_OK ? nodes[c].status : status;
      }
    }
    assert_true(children >= 2);
    assert_int_equal(node->status, status);
    assert_int_equal(node->held, status == HF_OK && (node->kind == HF_NODE_AND ? all : any));
  }
}

static void check_comparison(const hf_node *node, const model_node *model, const hf_value *values,
                             const char *text) {
  model_outcome expected = model_compare(model, values);
  assert_int_equal(node->op, model->op);
  assert_int_equal(node->status, expected.status);
  assert_int_equal(node->held, expected.held);
  const hf_operand *operands[] = {&node->left, &node->right};
  const model_operand *models[] = {&model->left, &model->right};
  for (int side = 0; side < 2; side++) {
    assert_int_equal(operands[side]->variable, models[side]->variable);
    assert_int_equal(operands[side]->offset_bytes, models[side]->offset_bytes);
    assert_int_equal(operands[side]->length_bytes, strlen(models[side]->text));
    assert_memory_equal(text + operands[side]->offset_bytes, models[side]->text,
                        operands[side]->length_bytes);
    assert_true(same_value(operands[side]->value, models[side]->variable == HF_NO_VARIABLE
                                                      ? models[side]->literal
                                                      : values[models[side]->variable]));
  }
  assert_int_equal(node->offset_bytes, node->left.offset_bytes);
  assert_int_equal(node->offset_bytes + node->length_bytes,
                   node->right.offset_bytes + node->right.length_bytes);
}

static hf_condition *compile_random(const hf_schema *schema, test_random *random, model_tree *tree,
                                    char text[MODEL_TEXT_BYTES], size_t *length) {
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = 1000;
  hf_condition *condition = NULL;
  hf_status status = HF_ERROR_TYPE_MISMATCH;
  while (status != HF_OK) {
    model_generate(tree, random, 1 + test_random_below(random, MODEL_MAX_COMPARISONS));
    *length = model_print(tree, random, text);
    status = hf_condition_compile(schema, text, *length, &options, &condition, NULL);
    assert_true(status == HF_OK || status == HF_ERROR_TYPE_MISMATCH);
  }
  return condition;
}

static void explanations_agree_with_evaluation_and_model(void **state) {
  (void)state;
  test_random random = test_random_start("explain");
  hf_schema *schema = model_schema();
  hf_context *context = test_context(schema, "");
  for (int round = 0; round < 2000; round++) {
    model_tree tree;
    char text[MODEL_TEXT_BYTES];
    size_t length = 0;
    hf_condition *condition = compile_random(schema, &random, &tree, text, &length);
    uint32_t order[MODEL_MAX_COMPARISONS];
    uint32_t comparisons = model_comparisons(&tree, order);
    hf_node nodes[2 * MODEL_MAX_COMPARISONS];
    size_t count = hf_condition_node_count(condition);
    assert_true(count >= comparisons && count < 2 * comparisons);
    for (int c = 0; c < 10; c++) {
      hf_value values[MODEL_VARIABLE_COUNT];
      model_random_values(&random, values);
      model_fill(context, values);
      assert_int_equal(hf_condition_explain(condition, context, nodes, count), HF_OK);
      check_tree(nodes, count, length);
      uint32_t seen = 0;
      for (size_t n = 0; n < count; n++) {
        if (nodes[n].kind == HF_NODE_COMPARISON) {
          check_comparison(&nodes[n], &tree.nodes[order[seen]], values, text);
          seen++;
        }
      }
      assert_int_equal(seen, comparisons);
      bool held = false;
      assert_int_equal(hf_condition_evaluate(condition, context, &held, NULL), nodes[0].status);
      assert_int_equal(held, nodes[0].held);
    }
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

/* Two programs of one canonical text: the same nodes, but for their places in the text. */
static void assert_same_program(const hf_condition *a, const hf_condition *b,
                                const hf_context *context) {
  size_t count = hf_condition_node_count(a);
  assert_int_equal(hf_condition_node_count(b), count);
  assert_int_equal(hf_condition_variable_count(a), hf_condition_variable_count(b));
  for (size_t v = 0; v < hf_condition_variable_count(a); v++) {
    assert_int_equal(hf_condition_variable(a, v), hf_condition_variable(b, v));
  }
  hf_node left[2 * MODEL_MAX_COMPARISONS];
  hf_node right[2 * MODEL_MAX_COMPARISONS];
  assert_int_equal(hf_condition_explain(a, context, left, count), HF_OK);
  assert_int_equal(hf_condition_explain(b, context, right, count), HF_OK);
  for (size_t n = 0; n < count; n++) {
    assert_int_equal(left[n].kind, right[n].kind);
    assert_int_equal(left[n].status, right[n].status);
    assert_int_equal(left[n].held, right[n].held);
    assert_int_equal(left[n].parent, right[n].parent);
    assert_int_equal(left[n].depth, right[n].depth);
    if (left[n].kind == HF_NODE_COMPARISON) {
      assert_int_equal(left[n].op, right[n].op);
      assert_int_equal(left[n].left.variable, right[n].left.variable);
      assert_int_equal(left[n].right.variable, right[n].right.variable);
      assert_true(same_value(left[n].left.value, right[n].left.value));
      assert_true(same_value(left[n].right.value, right[n].right.value));
    }
  }
}

static void canonical_text_compiles_to_the_same_program(void **state) {
  (void)state;
  test_random random = test_random_start("canonical");
  hf_schema *schema = model_schema();
  hf_context *context = test_context(schema, "");
  for (int round = 0; round < 2000; round++) {
    model_tree tree;
    char text[MODEL_TEXT_BYTES];
    size_t length = 0;
    hf_condition *condition = compile_random(schema, &random, &tree, text, &length);
    char expected[MODEL_TEXT_BYTES];
    size_t expected_length = model_canonical(&tree, expected);
    char canonical[MODEL_TEXT_BYTES];
    size_t canonical_length = hf_condition_canonical(condition, canonical, sizeof canonical);
    if (canonical_length != expected_length || strcmp(canonical, expected) != 0) {
      test_fail("%s\n  canonical %s\n  the model  %s\n", text, canonical, expected);
    }
    hf_condition *again = test_compile(schema, canonical);
    char twice[MODEL_TEXT_BYTES];
    assert_int_equal(hf_condition_canonical(again, twice, sizeof twice), canonical_length);
    assert_string_equal(twice, canonical);
    for (int c = 0; c < 5; c++) {
      hf_value values[MODEL_VARIABLE_COUNT];
      model_random_values(&random, values);
      model_fill(context, values);
      assert_same_program(condition, again, context);
    }
    hf_condition_destroy(again);
    hf_condition_destroy(condition);
  }
  hf_context_destroy(context);
  hf_schema_release(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(required_variables_come_in_the_order_of_their_first_naming),
      cmocka_unit_test(three_hundred_variables_are_required),
      cmocka_unit_test(tokens_are_counted_with_the_end),
      cmocka_unit_test(operators_have_symbols),
      cmocka_unit_test(canonical_text_is_plain),
      cmocka_unit_test(canonical_numbers_reach_the_ends_of_the_range),
      cmocka_unit_test(an_explanation_is_a_tree),
      cmocka_unit_test(an_explanation_shows_the_operands),
      cmocka_unit_test(an_explanation_needs_room_and_its_schema),
      cmocka_unit_test(an_equal_schema_serves_an_explanation),
      cmocka_unit_test(explanations_agree_with_evaluation_and_model),
      cmocka_unit_test(canonical_text_compiles_to_the_same_program),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
