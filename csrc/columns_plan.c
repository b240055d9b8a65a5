#include "columns_plan.h"

#include "error.h"

#include <float.h>

/* Sides ------------------------------------------------------------------------ */

/* What a side is in every row that has a value. */
typedef enum side_class { CLASS_MISSING, CLASS_NUMERIC, CLASS_STRING } side_class;

/* A side: a column, or where that is NULL a literal. */
typedef struct operand {
  side_class class;
  const hf_column *column;
  hf__cell literal;
} operand;

static side_class class_of_column(hf_column_type type) {
  switch (type) {
  case HF_COLUMN_DOUBLE:
  case HF_COLUMN_FLOAT:
  case HF_COLUMN_BOOLEAN:
    return CLASS_NUMERIC;
  case HF_COLUMN_STRING:
    return CLASS_STRING;
  case HF_COLUMN_ABSENT:
    break;
  }
  return CLASS_MISSING;
}

static operand operand_of(const hf__side *side, const hf_column *columns, size_t column_count) {
  if (side->variable == HF_NO_VARIABLE) {
    return (operand){.class = hf__is_numeric(&side->literal) ? CLASS_NUMERIC : CLASS_STRING,
                     .literal = side->literal};
  }
  if (side->variable >= column_count) {
    return (operand){.class = CLASS_MISSING};
  }
  const hf_column *column = &columns[side->variable];
  return (operand){.class = class_of_column(column->type), .column = column};
}

/* Steps ------------------------------------------------------------------------ */

static void make_constant(hf__column_step *step, bool outcome) {
  step->kind = HF__COLUMN_CONSTANT;
  step->when_true = hf__filled(outcome);
}

static bool compare_numbers(double left, hf_operator op, double right) {
  hf__cell a = {.kind = HF_KIND_NUMBER, .number = left};
  hf__cell b = {.kind = HF_KIND_NUMBER, .number = right};
  return hf__compare(&a, op, &b) == 1;
}

/* The float above one that is neither NaN nor infinity. */
static float next_up(float number) {
  if (number == 0) {
    return FLT_TRUE_MIN;
  }
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  bits = number > 0 ? bits + 1 : bits - 1;
  memcpy(&number, &bits, sizeof bits);
  return number;
}

/* The smallest float that is not below a number: infinity beyond the largest. */
static float float_at_least(double number) {
  float near = (float)number;
  return (double)near < number ? next_up(near) : near;
}

/*
 * A float and a literal: the literal becomes the float that draws the same line
 * between the floats. `x >= 0.1` holds from the first float that is not below 0.1.
 */
static void compare_floats(hf__column_step *step, double number) {
  float above = float_at_least(number);
  float below = -float_at_least(-number);
  bool is_float = above == below;
  bool ordering = hf__is_ordering(step->op);
  if (!is_float && !ordering) {
    make_constant(step, step->op == HF_OPERATOR_NOT_EQUAL);
    return;
  }
  step->kind = HF__COLUMN_FLOATS;
  bool from_above = step->op == HF_OPERATOR_LESS || step->op == HF_OPERATOR_GREATER_OR_EQUAL;
  step->bound = from_above ? above : below;
}

static void compare_with_number(hf__column_step *step, double number) {
  switch (step->left->type) {
  case HF_COLUMN_FLOAT:
    compare_floats(step, number);
    break;
  case HF_COLUMN_BOOLEAN:
    step->kind = HF__COLUMN_BITS;
    step->when_true = hf__filled(compare_numbers(1, step->op, number));
    step->when_false = hf__filled(compare_numbers(0, step->op, number));
    break;
  case HF_COLUMN_DOUBLE:
  case HF_COLUMN_ABSENT:
  case HF_COLUMN_STRING:
    step->kind = HF__COLUMN_DOUBLES;
    step->number = number;
    break;
  }
}

static size_t table_words_for(const hf_column *column) {
  return ((size_t)hf__reachable_words(column) + 31) / 32;
}

/*
 * A string and a literal: each word of the dictionary is decided once. Often one
 * word alone differs from the rest, and then its code is all there is to look for.
 */
static void compare_with_string(hf__column_step *step, const hf__cell *literal, uint32_t *table) {
  const hf_column *column = step->left;
  const hf_word string = {.bytes = literal->string, .length_bytes = literal->length_bytes};
  uint32_t count = hf__reachable_words(column);
  memset(table, 0, table_words_for(column) * sizeof *table);
  uint32_t holding = 0;
  uint32_t last_holding = 0;
  uint32_t last_other = 0;
  for (uint32_t code = 0; code < count; code++) {
    bool holds = hf__compare_words(&column->dictionary[code], step->op, &string) == 1;
    table[code / 32] |= (uint32_t)holds << (code % 32);
    holding += holds;
    last_holding = holds ? code : last_holding;
    last_other = holds ? last_other : code;
  }
  if (holding == 0 || holding == count) {
    make_constant(step, holding != 0);
  } else if (holding == 1 || holding == count - 1) {
    step->kind = HF__COLUMN_CODES;
    step->op = holding == 1 ? HF_OPERATOR_EQUAL : HF_OPERATOR_NOT_EQUAL;
    step->code = holding == 1 ? last_holding : last_other;
  } else {
    step->kind = HF__COLUMN_TABLE;
    step->code = count - 1;
    step->table = table;
  }
}

/* Whether a comparison is one of a column of strings with a literal one. */
static bool needs_table(const operand *left, const operand *right) {
  return left->class == CLASS_STRING && right->class == CLASS_STRING &&
         (left->column == NULL) != (right->column == NULL);
}

/* Makes the step of a comparison, and answers false if it fails in every row. */
static bool make_step(hf__column_step *step, const hf__comparison *comparison, operand left,
                      operand right, uint32_t *table) {
  step->op = comparison->op;
  if (left.class == CLASS_MISSING || right.class == CLASS_MISSING) {
    return false;
  }
  if (left.column == NULL && right.column == NULL) {
    int outcome = hf__compare(&left.literal, step->op, &right.literal);
    make_constant(step, outcome == 1);
    return outcome >= 0;
  }
  if (left.class != right.class) {
    make_constant(step, step->op == HF_OPERATOR_NOT_EQUAL);
    return !hf__is_ordering(step->op);
  }
  if (left.column == NULL) {
    operand swap = left;
    left = right;
    right = swap;
    step->op = hf__mirrored(step->op);
  }
  step->left = left.column;
  step->right = right.column;
  if (right.column != NULL) {
    step->kind = left.class == CLASS_STRING ? HF__COLUMN_STRINGS : HF__COLUMN_PAIRS;
  } else if (left.class == CLASS_STRING) {
    compare_with_string(step, &right.literal, table);
  } else {
    compare_with_number(step, right.literal.number);
  }
  return true;
}

/* Tree ------------------------------------------------------------------------- */

/* Notes with each step what opens before it and closes behind it. */
static void fold_tree(hf__column_plan *plan, const hf_condition *condition) {
  plan->root_is_and = condition->nodes[0].kind != HF_NODE_OR;
  uint32_t opens = 0;
  uint32_t level = 0; /* of the last comparison's parent */
  hf__column_step *last = NULL;
  for (uint32_t i = 0; i < condition->node_count; i++) {
    const hf__node *node = &condition->nodes[i];
    if (node->kind != HF_NODE_COMPARISON) {
      opens += node->depth > 0; /* the root's level is always open */
      continue;
    }
    uint32_t parent = node->depth > 0 ? node->depth - 1 : 0;
    if (last != NULL) {
      last->closes = level - (parent - opens);
    }
    last = &plan->steps[node->first];
    last->opens = opens;
    level = parent;
    opens = 0;
  }
  if (last != NULL) {
    last->closes = level;
  }
}

/* Plan ------------------------------------------------------------------------- */

/* How much a plan takes. */
typedef struct needs {
  size_t steps;
  size_t levels;
  size_t table_words;
} needs;

static needs needs_of(const hf_condition *condition, const hf_column *columns,
                      size_t column_count) {
  needs all = {.steps = condition->comparison_count, .levels = 1};
  for (uint32_t i = 0; i < condition->node_count; i++) {
    const hf__node *node = &condition->nodes[i];
    if (node->kind != HF_NODE_COMPARISON && node->depth >= all.levels) {
      all.levels = (size_t)node->depth + 1;
    }
  }
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    operand left = operand_of(&condition->comparisons[i].left, columns, column_count);
    operand right = operand_of(&condition->comparisons[i].right, columns, column_count);
    if (needs_table(&left, &right)) {
      all.table_words += table_words_for(left.column != NULL ? left.column : right.column);
    }
  }
  return all;
}

/* Sets the plan's parts, on the stack or, if any is too large, in one block. */
static bool find_room(hf__column_plan *plan, const hf_condition *condition, needs all) {
  plan->block = NULL;
  plan->steps = plan->stack.steps;
  plan->levels = plan->stack.levels;
  plan->table_words = plan->stack.table_words;
  if (all.steps <= HF__COLUMN_STACK_STEPS && all.levels <= HF__COLUMN_STACK_LEVELS &&
      all.table_words <= HF__COLUMN_STACK_TABLE_WORDS) {
    return true;
  }
  size_t steps_at = all.levels * sizeof(hf__column_level);
  size_t table_at = steps_at + all.steps * sizeof(hf__column_step);
  if (all.table_words > (SIZE_MAX - table_at) / sizeof(uint32_t)) {
    return false;
  }
  plan->block_bytes = table_at + all.table_words * sizeof(uint32_t);
  const hf_allocator *from = &condition->allocator;
  char *block = from->allocate(from->context, plan->block_bytes, _Alignof(max_align_t));
  if (block == NULL) {
    return false;
  }
  plan->block = block;
  plan->levels = (hf__column_level *)(void *)block;
  plan->steps = (hf__column_step *)(void *)(block + steps_at);
  plan->table_words = (uint32_t *)(void *)(block + table_at);
  return true;
}

void hf__column_plan_close(hf__column_plan *plan, const hf_condition *condition) {
  if (plan->block != NULL) {
    const hf_allocator *from = &condition->allocator;
    from->deallocate(from->context, plan->block, plan->block_bytes, _Alignof(max_align_t));
  }
}

/* Looks at what the named columns hold beside their values. */
static hf_status read_columns(hf__column_plan *plan, const hf_condition *condition,
                              const hf_column *columns, size_t column_count, hf_error *error) {
  for (uint32_t i = 0; i < condition->variable_count; i++) {
    uint32_t variable = condition->variables[i];
    if (variable >= column_count) {
      continue;
    }
    const hf_column *column = &columns[variable];
    plan->some_may_fail =
        plan->some_may_fail || column->validity != NULL || column->type == HF_COLUMN_STRING;
    if (column->type != HF_COLUMN_STRING) {
      continue;
    }
    uint32_t count = hf__reachable_words(column);
    for (uint32_t code = 0; code < count; code++) {
      if (!hf__word_is_sound(&column->dictionary[code])) {
        hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                      "word %u of the dictionary of '%s' is NULL or too long", (unsigned)code,
                      hf_schema_variable(condition->schema, variable).name);
        if (error != NULL) {
          error->variable = variable;
        }
        return HF_ERROR_INVALID_ARGUMENT;
      }
    }
  }
  return HF_OK;
}

hf_status hf__column_plan_open(hf__column_plan *plan, const hf_condition *condition,
                               const hf_column *columns, size_t column_count, hf_error *error) {
  plan->step_count = condition->comparison_count;
  plan->all_fail = false;
  plan->some_may_fail = false;
  hf_status status = read_columns(plan, condition, columns, column_count, error);
  if (status != HF_OK) {
    return status;
  }
  if (!find_room(plan, condition, needs_of(condition, columns, column_count))) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  uint32_t *table = plan->table_words;
  for (uint32_t i = 0; i < plan->step_count && !plan->all_fail; i++) {
    const hf__comparison *comparison = &condition->comparisons[i];
    operand left = operand_of(&comparison->left, columns, column_count);
    operand right = operand_of(&comparison->right, columns, column_count);
    plan->steps[i] = (hf__column_step){.op = comparison->op};
    plan->all_fail = !make_step(&plan->steps[i], comparison, left, right, table);
    if (needs_table(&left, &right)) {
      table += table_words_for(left.column != NULL ? left.column : right.column);
    }
  }
  if (!plan->all_fail) {
    fold_tree(plan, condition);
  }
  return HF_OK;
}
