/*
 * The compiled form of a condition.
 *
 * A condition is its comparisons, in the order of the text, with two targets
 * each: which comparison decides next when this one is true, and which when it
 * is false. That is the jumping code of a boolean expression (Aho, Lam, Sethi,
 * Ullman, "Compilers", 2nd edition, section 6.6): no stack is needed to
 * evaluate, however deep the parentheses were.
 *
 *     a > 1 and (b > 2 or c > 3)
 *
 *     0: a > 1   true -> 1      false -> FALSE
 *     1: b > 2   true -> TRUE   false -> 2
 *     2: c > 3   true -> TRUE   false -> FALSE
 *
 * Beside them stand the nodes of the tree, in pre-order, with `and` and `or`
 * flattened (`a and (b and c)` has one `and` with three children); inspection
 * reads those, evaluation does not.
 */
#ifndef HF_PROGRAM_H
#define HF_PROGRAM_H

#include <holdfast/condition.h>

#include "context.h"

/* Targets beyond the last comparison: the answer. */
#define HF__TARGET_TRUE UINT32_MAX
#define HF__TARGET_FALSE (UINT32_MAX - 1)

/* One side of a comparison. */
typedef struct hf__side {
  hf__cell literal;  /* its string points into the condition's text */
  uint32_t variable; /* or HF_NO_VARIABLE: the literal counts */
  uint32_t offset_bytes;
  uint32_t length_bytes;
} hf__side;

typedef struct hf__comparison {
  hf__side left;
  hf__side right;
  hf_operator op;
  uint32_t on_true;
  uint32_t on_false;
} hf__comparison;

typedef struct hf__node {
  hf_node_kind kind;
  uint32_t parent; /* the root is its own */
  uint32_t depth;
  uint32_t first;   /* the first comparison at or below it */
  uint32_t end;     /* one past the last */
  uint32_t on_true; /* where to go on when it holds, and when it does not */
  uint32_t on_false;
  uint32_t offset_bytes;
  uint32_t length_bytes;
} hf__node;

/* One block of memory: this, the comparisons, nodes, variables and the text. */
struct hf_condition {
  const hf_schema *schema; /* retained */
  hf_allocator allocator;
  size_t size_bytes;
  hf__comparison *comparisons;
  hf__node *nodes;
  uint32_t *variables; /* required, in order of first appearance */
  const char *text;
  uint32_t comparison_count;
  uint32_t node_count;
  uint32_t variable_count;
  uint32_t text_bytes;
  uint32_t token_count;
};

/* How large a program is. */
typedef struct hf__shape {
  uint32_t text_bytes;
  uint32_t token_count;
  uint32_t comparison_count;
  uint32_t node_count;
} hf__shape;

/*
 * Takes memory for a condition of this shape, copies the text and retains the
 * schema. The caller then fills all comparisons (but their targets; a string
 * literal points into the condition's copy of the text) and all nodes (but
 * theirs), and calls hf__program_complete(). NULL when there is no memory.
 */
hf_condition *hf__program_begin(const hf_schema *schema, const char *text, hf__shape shape,
                                hf_allocator allocator);

/* Checks the types and works out all that follows from comparisons and nodes. On
 * failure the condition is destroyed. */
HF_MUST_USE hf_status hf__program_complete(hf_condition *condition, hf_error *error);

/* The value of a side in a context. */
static inline const hf__cell *hf__side_cell(const hf__side *side, const hf_context *context) {
  return side->variable == HF_NO_VARIABLE ? &side->literal : &context->cells[side->variable];
}

/* 1 or 0, or HF_ERROR_MISSING_VARIABLE or HF_ERROR_TYPE_MISMATCH. */
int hf__compare(const hf__cell *left, hf_operator op, const hf__cell *right);

static inline bool hf__is_ordering(hf_operator op) {
  return op != HF_OPERATOR_EQUAL && op != HF_OPERATOR_NOT_EQUAL;
}

/* Where a comparison ends, one past its right side. */
static inline uint32_t hf__comparison_end(const hf__comparison *comparison) {
  return comparison->right.offset_bytes + comparison->right.length_bytes;
}

#endif
