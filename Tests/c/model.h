/*
 * A second, plain implementation of the condition language, to hold the first
 * against: random trees of comparisons, written out as text with more
 * parentheses and white space than needed, and evaluated by walking the tree.
 */
#ifndef HF_MODEL_H
#define HF_MODEL_H

#include "hf_test.h"

#define MODEL_MAX_COMPARISONS 12
#define MODEL_TEXT_BYTES 4096

/* The variables that the trees name: some of every type. */
#define MODEL_VARIABLE_COUNT 7
hf_schema *model_schema(void);

typedef struct model_operand {
  uint32_t variable; /* or HF_NO_VARIABLE for a literal */
  hf_value literal;
  const char *text;
  const char *canonical;
  size_t text_bytes;
  size_t offset_bytes; /* in the text last printed */
} model_operand;

typedef struct model_node {
  hf_node_kind kind;
  hf_operator op;
  model_operand left;
  model_operand right;
  uint32_t first;
  uint32_t second;
} model_node;

typedef struct model_tree {
  model_node nodes[2 * MODEL_MAX_COMPARISONS];
  uint32_t count;
  uint32_t root;
} model_tree;

/* What an evaluation, or a compilation, should answer. */
typedef struct model_outcome {
  hf_status status;
  bool held;
  size_t offset_bytes;
  size_t length_bytes;
  uint32_t variable; /* the one at fault */
} model_outcome;

/* A tree of `comparisons` comparisons. */
void model_generate(model_tree *tree, test_random *random, uint32_t comparisons);

/* Writes it with random spacing and parentheses; returns the length. */
size_t model_print(model_tree *tree, test_random *random, char text[MODEL_TEXT_BYTES]);

/* Writes it as hf_condition_canonical() should. */
size_t model_canonical(const model_tree *tree, char text[MODEL_TEXT_BYTES]);

/* The first ordering that the declared types rule out, or HF_OK. Uses the printed offsets. */
model_outcome model_compile(const model_tree *tree);

/* One value for each variable, and the same put into a context. */
void model_random_values(test_random *random, hf_value values[MODEL_VARIABLE_COUNT]);
void model_fill(hf_context *context, const hf_value values[MODEL_VARIABLE_COUNT]);

/* Evaluates one comparison, or the whole tree. Uses the printed offsets. */
model_outcome model_compare(const model_node *comparison, const hf_value *values);
model_outcome model_evaluate(const model_tree *tree, const hf_value *values);

/* The same for a tree of any schema and any size. */
model_outcome model_evaluate_node(const model_node *nodes, uint32_t index, const hf_value *values);

/* The comparisons in the order of the text; returns how many. */
uint32_t model_comparisons(const model_tree *tree, uint32_t order[MODEL_MAX_COMPARISONS]);

#endif
