/*
 * Evaluation: whether what the condition needs is there is one AND of tags; then
 * its steps are run (evaluate.h). What they cannot decide, and what fails, is
 * evaluated plainly: every comparison once, in the order of the text; their
 * targets carry the answer along, and the first one that fails ends it.
 */
#include <holdfast/condition.h>

#include "error.h"
#include "evaluate.h"
#include "program.h"
#include "schema.h"

#include <string.h>

static int compare_strings(const hf__cell *left, const hf__cell *right) {
  uint32_t shorter =
      left->length_bytes < right->length_bytes ? left->length_bytes : right->length_bytes;
  /* The order of UTF-8 by bytes is the order by code points. */
  int order = shorter == 0 ? 0 : memcmp(left->string, right->string, shorter);
  if (order == 0) {
    order = (left->length_bytes > right->length_bytes) - (left->length_bytes < right->length_bytes);
  }
  return order;
}

/* All but numbers with numbers. */
static int compare_others(const hf__cell *left, hf_operator op, const hf__cell *right) {
  if (left->kind == HF_KIND_MISSING || right->kind == HF_KIND_MISSING) {
    return HF_ERROR_MISSING_VARIABLE;
  }
  if (left->kind == HF_KIND_INVALID || right->kind == HF_KIND_INVALID) {
    return HF_ERROR_TYPE_MISMATCH;
  }
  if (left->kind == HF_KIND_STRING && right->kind == HF_KIND_STRING) {
    int order = compare_strings(left, right);
    switch (op) {
    case HF_OPERATOR_EQUAL:
      return order == 0;
    case HF_OPERATOR_NOT_EQUAL:
      return order != 0;
    case HF_OPERATOR_LESS:
      return order < 0;
    case HF_OPERATOR_LESS_OR_EQUAL:
      return order <= 0;
    case HF_OPERATOR_GREATER:
      return order > 0;
    case HF_OPERATOR_GREATER_OR_EQUAL:
      return order >= 0;
    }
  }
  if (hf__is_ordering(op)) {
    return HF_ERROR_TYPE_MISMATCH;
  }
  bool equal = left->kind == HF_KIND_NULL && right->kind == HF_KIND_NULL;
  return equal == (op == HF_OPERATOR_EQUAL);
}

int hf__compare(const hf__cell *left, hf_operator op, const hf__cell *right) {
  if (!hf__is_numeric(left) || !hf__is_numeric(right)) {
    return compare_others(left, op, right);
  }
  switch (op) {
  case HF_OPERATOR_EQUAL:
    return left->number == right->number;
  case HF_OPERATOR_NOT_EQUAL:
    return left->number != right->number;
  case HF_OPERATOR_LESS:
    return left->number < right->number;
  case HF_OPERATOR_LESS_OR_EQUAL:
    return left->number <= right->number;
  case HF_OPERATOR_GREATER:
    return left->number > right->number;
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return left->number >= right->number;
  }
  return HF_ERROR_TYPE_MISMATCH;
}

hf_operator hf__mirrored(hf_operator op) {
  switch (op) {
  case HF_OPERATOR_LESS:
    return HF_OPERATOR_GREATER;
  case HF_OPERATOR_LESS_OR_EQUAL:
    return HF_OPERATOR_GREATER_OR_EQUAL;
  case HF_OPERATOR_GREATER:
    return HF_OPERATOR_LESS;
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return HF_OPERATOR_LESS_OR_EQUAL;
  case HF_OPERATOR_EQUAL:
  case HF_OPERATOR_NOT_EQUAL:
    break;
  }
  return op;
}

/* Failures ----------------------------------------------------------------- */

static void describe_missing(const hf_condition *condition, const hf__side *side, hf_error *error) {
  hf__error_set(error, HF_ERROR_MISSING_VARIABLE, side->offset_bytes, side->length_bytes,
                "variable '%s' has no value", condition->schema->variables[side->variable].name);
  error->variable = side->variable;
}

/* "a number", or for the two kinds that are no values of the language, themselves. */
static const char *with_article(const hf__cell *cell) {
  switch ((hf_kind)cell->kind) {
  case HF_KIND_NULL:
    return "null";
  case HF_KIND_CONTAINER:
    return "a container";
  case HF_KIND_STRING:
    return "a string";
  case HF_KIND_NUMBER:
    return "a number";
  case HF_KIND_BOOLEAN:
    return "a boolean";
  case HF_KIND_MISSING:
  case HF_KIND_INVALID:
    break;
  }
  return "no value";
}

static void describe_mismatch(const hf_condition *condition, const hf__comparison *comparison,
                              const hf__cell *left, const hf__cell *right, hf_error *error) {
  uint32_t offset = comparison->left.offset_bytes;
  uint32_t length = hf__comparison_end(comparison) - offset;
  /* Name the variable at fault, or else the first; the order of two literals stays. */
  bool right_only =
      comparison->left.variable == HF_NO_VARIABLE && comparison->right.variable != HF_NO_VARIABLE;
  bool swap = right_only || (right->kind == HF_KIND_INVALID && left->kind != HF_KIND_INVALID);
  const hf__side *named = swap ? &comparison->right : &comparison->left;
  const hf__cell *value = swap ? right : left;
  const hf__cell *other = swap ? left : right;
  if (named->variable == HF_NO_VARIABLE) {
    hf__error_set(error, HF_ERROR_TYPE_MISMATCH, offset, length, "%s and %s have no order",
                  with_article(value), with_article(other));
    return;
  }
  const hf_variable *variable = &condition->schema->variables[named->variable];
  if (value->kind == HF_KIND_INVALID) {
    hf__error_set(error, HF_ERROR_TYPE_MISMATCH, offset, length,
                  "variable '%s' is declared as %s, but its value is of another type",
                  variable->name, hf_type_name(variable->type));
  } else {
    hf__error_set(error, HF_ERROR_TYPE_MISMATCH, offset, length,
                  "variable '%s' is %s, which has no order with %s", variable->name,
                  with_article(value), with_article(other));
  }
  error->variable = named->variable;
}

static hf_status fail(const hf_condition *condition, const hf_context *context,
                      const hf__comparison *comparison, hf_status status, hf_error *error) {
  if (error == NULL) {
    return status;
  }
  hf__cell left = hf__side_cell(&comparison->left, context);
  hf__cell right = hf__side_cell(&comparison->right, context);
  if (status == HF_ERROR_MISSING_VARIABLE) {
    describe_missing(condition,
                     left.kind == HF_KIND_MISSING ? &comparison->left : &comparison->right, error);
  } else {
    describe_mismatch(condition, comparison, &left, &right, error);
  }
  return status;
}

/* Evaluation --------------------------------------------------------------- */

static int compare_sides(const hf__comparison *comparison, const hf_context *context) {
  hf__cell left = hf__side_cell(&comparison->left, context);
  hf__cell right = hf__side_cell(&comparison->right, context);
  return hf__compare(&left, comparison->op, &right);
}

hf_status hf__evaluate_plainly(const hf_condition *condition, const hf_context *context, bool *held,
                               hf_error *error) {
  uint32_t count = condition->comparison_count;
  uint32_t decides = count == 0 ? HF__TARGET_TRUE : 0;
  for (uint32_t i = 0; i < count; i++) {
    const hf__comparison *comparison = &condition->comparisons[i];
    int outcome = compare_sides(comparison, context);
    if (outcome < 0) {
      return fail(condition, context, comparison, (hf_status)outcome, error);
    }
    uint32_t target = outcome != 0 ? comparison->on_true : comparison->on_false;
    decides = decides == i ? target : decides;
  }
  *held = decides == HF__TARGET_TRUE;
  return HF_OK;
}

int hf__computed_outcome(const hf_condition *condition, const hf_context *context,
                         const hf__computed *computed) {
  const hf__comparison *comparison = &condition->comparisons[computed->comparison];
  if (computed->outcomes != 0) {
    unsigned tags = hf__context_tag(context, comparison->left.variable) |
                    hf__context_tag(context, comparison->right.variable);
    if ((tags & HF__TAG_NO_ORDER) == 0) {
      double left = hf__context_number(context, computed->left_at_bytes);
      double right = hf__context_number(context, computed->right_at_bytes);
      unsigned order = (unsigned)(left < right) | (unsigned)(left > right) << 1;
      return computed->outcomes >> order & 1;
    }
  }
  return compare_sides(comparison, context);
}

unsigned hf__compare_bytes(const hf_condition *condition, const hf_context *context,
                           const hf__step *step, unsigned unsure, unsigned lanes) {
  const uint32_t *comparisons =
      condition->print_comparisons + (size_t)(step - condition->steps) * HF__LANES;
  for (unsigned lane = 0; lane < HF__LANES; lane++) {
    if ((unsure >> lane & 1u) == 0) {
      continue;
    }
    const hf__comparison *c = &condition->comparisons[comparisons[lane]];
    bool right_is_literal = c->right.variable == HF_NO_VARIABLE;
    const hf__cell *literal = right_is_literal ? &c->right.literal : &c->left.literal;
    hf__cell value =
        hf__context_cell(context, right_is_literal ? c->left.variable : c->right.variable);
    bool same = value.length_bytes == literal->length_bytes &&
                (literal->length_bytes == 0 ||
                 memcmp(value.string, literal->string, literal->length_bytes) == 0);
    lanes &= same ? ~0u : ~(1u << lane);
  }
  return lanes;
}

hf_status hf__evaluate_unready(const hf_condition *condition, const hf_context *context, bool *held,
                               hf_error *error) {
  if (condition->schema != context->schema &&
      !hf_schema_equal(condition->schema, context->schema)) {
    return hf__error_set(error, HF_ERROR_SCHEMA_MISMATCH, HF_NO_OFFSET, 0,
                         "the context was made for another schema than the condition");
  }
  return hf__evaluate_plainly(condition, context, held, error);
}

/* With requirements in other words of tags than the first. */
static hf_status evaluate_wide(const hf_condition *condition, const hf_context *context, bool *held,
                               hf_error *error) {
  if (!hf__is_ready(condition, context)) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  uint64_t unmet = 0;
  for (uint32_t i = 0; i < condition->requirement_count; i++) {
    const hf__requirement *required = &condition->requirements[i];
    unmet |= hf__context_word(context, required->at_bytes) & required->mask;
  }
  return unmet != 0 ? hf__evaluate_plainly(condition, context, held, error)
                    : condition->run_steps(condition, context, held, error);
}

static const hf__evaluators *evaluators(const hf_condition *condition) {
  switch ((hf__path)condition->path) {
#if HF__X86
  case HF__PATH_AVX512:
    return condition->line_count == 0   ? &hf__evaluators_avx512
           : condition->line_count == 1 ? &hf__evaluators_avx512_1
           : condition->line_count == 2 ? &hf__evaluators_avx512_2
                                        : &hf__evaluators_avx512_4;
  case HF__PATH_AVX2:
    return &hf__evaluators_avx2;
  case HF__PATH_SSE2:
    return &hf__evaluators_sse2;
#endif
#if HF__NEON
  case HF__PATH_NEON:
    return &hf__evaluators_neon;
#endif
  default:
    return &hf__evaluators_portable;
  }
}

static hf__evaluator *choose_evaluator(const hf_condition *condition) {
  const hf__evaluators *with = evaluators(condition);
  if (condition->step_count == 0) {
    return hf__evaluate_unready;
  }
  if (condition->step_count > HF__FEW_STEPS) {
    return with->many;
  }
  if (condition->step_count > 1 || condition->computed_count > 0 ||
      condition->key_group_count > 0 || condition->has_prints) {
    return with->few;
  }
  if (condition->steps[0].has_words) {
    return with->one_words;
  }
#if HF__X86
  if (condition->comparison_count <= 2 && condition->path != HF__PATH_PORTABLE) {
    return hf__evaluate_pair;
  }
#endif
  return with->one;
}

void hf__condition_use_path(hf_condition *condition, hf__path path) {
  condition->path = (uint8_t)path;
  condition->run_steps = choose_evaluator(condition);
  condition->evaluate = condition->requirement_count > 0 ? evaluate_wide : condition->run_steps;
}

hf_status hf_condition_evaluate(const hf_condition *condition, const hf_context *context,
                                bool *held, hf_error *error) {
  return condition->evaluate(condition, context, held, error);
}

/* Explanation -------------------------------------------------------------- */

static hf_operand explain_side(const hf__side *side, const hf_context *context) {
  hf__cell cell = hf__side_cell(side, context);
  return (hf_operand){
      .variable = side->variable,
      .offset_bytes = side->offset_bytes,
      .length_bytes = side->length_bytes,
      .value = hf__cell_value(&cell),
  };
}

hf_status hf_condition_explain(const hf_condition *condition, const hf_context *context,
                               hf_node *nodes, size_t capacity_count) {
  if (capacity_count < condition->node_count) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  if (!hf_schema_equal(condition->schema, context->schema)) {
    return HF_ERROR_SCHEMA_MISMATCH;
  }
  for (uint32_t i = 0; i < condition->node_count; i++) {
    const hf__node *node = &condition->nodes[i];
    nodes[i] = (hf_node){
        .kind = node->kind,
        .status = HF_OK,
        .held = node->kind != HF_NODE_OR,
        .parent = node->parent,
        .depth = node->depth,
        .offset_bytes = node->offset_bytes,
        .length_bytes = node->length_bytes,
        .left.variable = HF_NO_VARIABLE,
        .right.variable = HF_NO_VARIABLE,
    };
    if (node->kind == HF_NODE_COMPARISON) {
      const hf__comparison *comparison = &condition->comparisons[node->first];
      int outcome = compare_sides(comparison, context);
      nodes[i].status = outcome < 0 ? (hf_status)outcome : HF_OK;
      nodes[i].held = outcome == 1;
      nodes[i].op = comparison->op;
      nodes[i].left = explain_side(&comparison->left, context);
      nodes[i].right = explain_side(&comparison->right, context);
    }
  }
  /* From the back every node is complete before it is added to its parent, and
   * the first failure of the text is the last to be written. */
  for (uint32_t i = condition->node_count; i-- > 1;) {
    hf_node *parent = &nodes[nodes[i].parent];
    if (nodes[i].status != HF_OK) {
      parent->status = nodes[i].status;
    }
    parent->held =
        parent->kind == HF_NODE_AND ? parent->held && nodes[i].held : parent->held || nodes[i].held;
  }
  for (uint32_t i = 0; i < condition->node_count; i++) {
    nodes[i].held = nodes[i].held && nodes[i].status == HF_OK;
  }
  return HF_OK;
}
