/*
 * From comparisons and nodes to a condition that can be evaluated: memory, types,
 * targets, required variables, and with plan.c the steps.
 */
#include "program.h"

#include "error.h"
#include "plan.h"
#include "schema.h"

#include <string.h>

/* Memory ------------------------------------------------------------------- */

/* Where the parts of a condition lie in its block: those of the widest alignment
 * first. */
typedef struct layout {
  size_t key_groups_at;
  size_t comparisons_at;
  size_t requirements_at;
  size_t computed_at;
  size_t nodes_at;
  size_t prints_at;
  size_t variables_at;
  size_t text_at;
  size_t size_bytes;
} layout;

static layout lay_out(const hf__shape *shape, size_t variables, size_t requirements) {
  layout at;
  size_t steps = hf__plan_steps_at_most(shape->comparison_count);
  at.key_groups_at = sizeof(hf_condition) + steps * sizeof(hf__step);
  at.comparisons_at = at.key_groups_at + shape->string_count * sizeof(hf__key_group);
  at.requirements_at = at.comparisons_at + shape->comparison_count * sizeof(hf__comparison);
  at.computed_at = at.requirements_at + requirements * sizeof(hf__requirement);
  at.nodes_at = at.computed_at + shape->comparison_count * sizeof(hf__computed);
  at.prints_at = at.nodes_at + shape->node_count * sizeof(hf__node);
  at.variables_at = at.prints_at + steps * HF__LANES * sizeof(uint32_t);
  at.text_at = at.variables_at + variables * sizeof(uint32_t);
  at.size_bytes = at.text_at + shape->text_bytes + 1;
  return at;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

hf_condition *hf__program_begin(const hf_schema *schema, const char *text, const hf__shape *shape,
                                const hf_allocator *allocator) {
  /* At most two variables a comparison, and each once. */
  uint32_t variables = smaller(2 * shape->comparison_count, schema->count);
  uint32_t requirements =
      smaller(variables, (schema->count + HF__TAGS_PER_WORD - 1) / HF__TAGS_PER_WORD);
  layout at = lay_out(shape, variables, requirements);
  char *block = allocator->allocate(allocator->context, at.size_bytes, HF__LINE_BYTES);
  if (block == NULL) {
    return NULL;
  }
  hf_condition *condition = (hf_condition *)(void *)block;
  char *copy = block + at.text_at;
  if (shape->text_bytes > 0) {
    memcpy(copy, text, shape->text_bytes);
  }
  copy[shape->text_bytes] = '\0';
  condition->schema = hf_schema_retain(schema);
  condition->allocator = *allocator;
  condition->size_bytes = at.size_bytes;
  condition->comparisons = (hf__comparison *)(void *)(block + at.comparisons_at);
  condition->nodes = (hf__node *)(void *)(block + at.nodes_at);
  condition->variables = (uint32_t *)(void *)(block + at.variables_at);
  condition->text = copy;
  condition->comparison_count = shape->comparison_count;
  condition->node_count = shape->node_count;
  condition->variable_count = 0;
  condition->text_bytes = shape->text_bytes;
  condition->token_count = shape->token_count;
  /* Rooms that planning fills. */
  condition->key_groups = (hf__key_group *)(void *)(block + at.key_groups_at);
  condition->key_group_count = 0;
  condition->print_comparisons = (uint32_t *)(void *)(block + at.prints_at);
  condition->has_prints = false;
  condition->computed = (hf__computed *)(void *)(block + at.computed_at);
  condition->computed_count = 0;
  condition->requirements = (hf__requirement *)(void *)(block + at.requirements_at);
  condition->requirement_count = 0;
  return condition;
}

void hf_condition_destroy(hf_condition *condition) {
  if (condition == NULL) {
    return;
  }
  hf_allocator from = condition->allocator;
  hf_schema_release(condition->schema);
  from.deallocate(from.context, condition, condition->size_bytes, HF__LINE_BYTES);
}

/* Targets ------------------------------------------------------------------ */

/*
 * Where to go on after each node: a false child decides an `and`, a true one an
 * `or`; the other way leads to the next child, and from the last child to where
 * its parent leads. Parents stand before their children.
 */
static void aim(hf_condition *condition) {
  hf__node *nodes = condition->nodes;
  for (uint32_t i = 0; i < condition->node_count; i++) {
    hf__node *node = &nodes[i];
    const hf__node *parent = &nodes[node->parent];
    bool is_last = node->end == parent->end;
    uint32_t on_true = is_last || parent->kind == HF_NODE_OR ? parent->on_true : node->end;
    uint32_t on_false = is_last || parent->kind == HF_NODE_AND ? parent->on_false : node->end;
    if (i == 0) {
      on_true = HF__TARGET_TRUE;
      on_false = HF__TARGET_FALSE;
    }
    node->on_true = on_true;
    node->on_false = on_false;
    if (node->kind == HF_NODE_COMPARISON) {
      condition->comparisons[node->first].on_true = on_true;
      condition->comparisons[node->first].on_false = on_false;
    }
  }
}

/* Variables ---------------------------------------------------------------- */

typedef struct seen_variables {
  uint64_t bits[HF_SCHEMA_MAX_VARIABLES / 64];
} seen_variables;

static void collect_variable(hf_condition *condition, seen_variables *seen, uint32_t variable) {
  if (variable == HF_NO_VARIABLE || (seen->bits[variable / 64] >> (variable % 64) & 1) != 0) {
    return;
  }
  seen->bits[variable / 64] |= UINT64_C(1) << (variable % 64);
  condition->variables[condition->variable_count] = variable;
  condition->variable_count++;
}

/* Each variable once, in the order of the text. */
static void collect_variables(hf_condition *condition) {
  seen_variables seen;
  memset(seen.bits, 0, (condition->schema->count + 63) / 64 * sizeof seen.bits[0]);
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    collect_variable(condition, &seen, condition->comparisons[i].left.variable);
    collect_variable(condition, &seen, condition->comparisons[i].right.variable);
  }
}

/* Types -------------------------------------------------------------------- */

/* What is known of a side before any value: HF_TYPE_ANY when nothing is. A
 * boolean orders as a number. */
static hf_type known_type(const hf_schema *schema, const hf__side *side) {
  if (side->variable != HF_NO_VARIABLE) {
    hf_type type = schema->variables[side->variable].type;
    return type == HF_TYPE_BOOLEAN ? HF_TYPE_NUMBER : type;
  }
  return side->literal.kind == HF_KIND_STRING ? HF_TYPE_STRING : HF_TYPE_NUMBER;
}

static const char *side_type_name(const hf_schema *schema, const hf__side *side) {
  return side->variable != HF_NO_VARIABLE ? hf_type_name(schema->variables[side->variable].type)
                                          : hf_kind_name((hf_kind)side->literal.kind);
}

static hf_status check_types(const hf_condition *condition, hf_error *error) {
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    const hf__comparison *c = &condition->comparisons[i];
    hf_type left = known_type(condition->schema, &c->left);
    hf_type right = known_type(condition->schema, &c->right);
    bool literals = c->left.variable == HF_NO_VARIABLE && c->right.variable == HF_NO_VARIABLE;
    if (!hf__is_ordering(c->op) || left == right || left == HF_TYPE_ANY || right == HF_TYPE_ANY ||
        literals) {
      continue;
    }
    const hf__side *named = c->left.variable != HF_NO_VARIABLE ? &c->left : &c->right;
    const hf__side *other = named == &c->left ? &c->right : &c->left;
    hf__error_set(error, HF_ERROR_TYPE_MISMATCH, c->left.offset_bytes,
                  hf__comparison_end(c) - c->left.offset_bytes,
                  "variable '%s' is declared as %s, which has no order with a %s",
                  condition->schema->variables[named->variable].name,
                  side_type_name(condition->schema, named),
                  side_type_name(condition->schema, other));
    if (error != NULL) {
      error->variable = named->variable;
    }
    return HF_ERROR_TYPE_MISMATCH;
  }
  return HF_OK;
}

/* Completion --------------------------------------------------------------- */

hf_status hf__program_complete(hf_condition *condition, hf_error *error) {
  hf_status status = check_types(condition, error);
  if (status != HF_OK) {
    hf_condition_destroy(condition);
    return status;
  }
  aim(condition);
  collect_variables(condition);
  if (!hf__plan(condition)) {
    hf_condition_destroy(condition);
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  hf__condition_use_path(condition, hf__path_best());
  return HF_OK;
}
