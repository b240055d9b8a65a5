/*
 * Planning: which comparison goes to which lane of which step, and the tables.
 *
 * A table is a set of assignments: bit m says what the answer is when the lanes'
 * outcomes, as a byte, are m. So `and` and `or` of conditions are & and | of
 * their tables, and the table of a single lane is a constant pattern.
 *
 * Up to eight comparisons are one step. More are gathered from the leaves up: a
 * node takes its children's inputs together as long as they are no more than
 * eight. When the next child would be one too many, the larger of the two, what
 * is gathered so far or the child, becomes a step, whose answer is then a single
 * input. (The mapping of a tree to lookup tables, as for programmable gates: R.
 * Francis, J. Rose, K. Chung, "Chortle", DAC 1990.) What becomes a step has five
 * inputs or more, since both together are nine or more; every step but the last
 * gives one input; so n comparisons take at most (n + 3) / 4 steps.
 */
#include "plan.h"

#include "schema.h"

/* Tables ------------------------------------------------------------------- */

typedef struct truth {
  uint64_t words[4];
} truth;

static const truth NEVER = {{0, 0, 0, 0}};
static const truth ALWAYS = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

/* Where a lane is 1. */
static truth truth_of_lane(unsigned lane) {
  static const uint64_t LOW[] = {
      UINT64_C(0xAAAAAAAAAAAAAAAA), UINT64_C(0xCCCCCCCCCCCCCCCC), UINT64_C(0xF0F0F0F0F0F0F0F0),
      UINT64_C(0xFF00FF00FF00FF00), UINT64_C(0xFFFF0000FFFF0000), UINT64_C(0xFFFFFFFF00000000),
  };
  if (lane < 6) {
    return (truth){{LOW[lane], LOW[lane], LOW[lane], LOW[lane]}};
  }
  if (lane == 6) {
    return (truth){{0, UINT64_MAX, 0, UINT64_MAX}};
  }
  return (truth){{0, 0, UINT64_MAX, UINT64_MAX}};
}

static truth truth_and(truth a, truth b) {
  for (int i = 0; i < 4; i++) {
    a.words[i] &= b.words[i];
  }
  return a;
}

static truth truth_or(truth a, truth b) {
  for (int i = 0; i < 4; i++) {
    a.words[i] |= b.words[i];
  }
  return a;
}

static truth truth_not(truth a) {
  for (int i = 0; i < 4; i++) {
    a.words[i] = ~a.words[i];
  }
  return a;
}

/* Planning ----------------------------------------------------------------- */

typedef struct planner {
  hf_condition *condition;
  bool impossible; /* a comparison of two literals always fails */
  uint32_t lowest; /* the variables of lanes */
  uint32_t highest;
  uint64_t required[HF_SCHEMA_MAX_VARIABLES / HF__TAGS_PER_WORD];
} planner;

static void require(planner *plan, uint32_t variable, uint64_t tag_bits) {
  plan->required[variable / HF__TAGS_PER_WORD] |= tag_bits << hf__tag_shift(variable);
}

static void put_table(hf__step *step, truth holds) {
  for (size_t i = 0; i < 4; i++) {
    step->table[2 * i] = (uint32_t)holds.words[i];
    step->table[2 * i + 1] = (uint32_t)(holds.words[i] >> 32);
  }
}

/* Of six lanes at most: one word, again and again. */
static void put_small_table(hf__step *step, uint64_t holds) {
  for (size_t i = 0; i < 4; i++) {
    step->table[2 * i] = (uint32_t)holds;
    step->table[2 * i + 1] = (uint32_t)(holds >> 32);
  }
}

static void clear_step(hf__step *step) {
  static const uint64_t NAN_WORD = HF__SLOT_NAN;
  double nan;
  memcpy(&nan, &NAN_WORD, sizeof nan);
  for (int lane = 0; lane < HF__LANES; lane++) {
    step->bounds[lane] = nan;
    step->flips[lane] = 0;
    step->words[lane] = HF__SLOT_NEVER;
    step->slots_at_bytes[lane] = 0;
  }
  step->to = HF__TO_CALLER;
  step->ahead = 0;
  step->has_words = false;
  step->unsure_lanes = 0;
}

/* Lanes -------------------------------------------------------------------- */

static void use_slot(planner *plan, hf__step *step, unsigned lane, uint32_t variable) {
  step->slots_at_bytes[lane] = (uint16_t)hf__slot_at(plan->condition->schema, variable);
  plan->lowest = variable < plan->lowest ? variable : plan->lowest;
  plan->highest = variable > plan->highest ? variable : plan->highest;
}

/* `variable op number`, an ordering. */
static truth put_ordering(planner *plan, hf__step *step, unsigned lane, uint32_t variable,
                          hf_operator op, double number) {
  /* x <= k is -x >= -k; the other two are the negations of these. A NaN never
   * comes here: it has no order. */
  bool flip = op == HF_OPERATOR_LESS_OR_EQUAL || op == HF_OPERATOR_GREATER;
  bool negate = op == HF_OPERATOR_LESS || op == HF_OPERATOR_GREATER;
  use_slot(plan, step, lane, variable);
  step->bounds[lane] = flip ? -number : number;
  step->flips[lane] = flip ? UINT64_C(1) << 63 : 0;
  require(plan, variable, HF__TAG_NO_VALUE | HF__TAG_NO_ORDER);
  truth holds = truth_of_lane(lane);
  return negate ? truth_not(holds) : holds;
}

/* The slot is this word, or for `!=` is not. */
static truth put_equality(planner *plan, hf__step *step, unsigned lane, uint32_t variable,
                          hf_operator op, uint64_t word) {
  use_slot(plan, step, lane, variable);
  step->words[lane] = word;
  step->has_words = true;
  require(plan, variable, HF__TAG_NO_VALUE);
  truth holds = truth_of_lane(lane);
  return op == HF_OPERATOR_NOT_EQUAL ? truth_not(holds) : holds;
}

static hf__computed *put_computed(planner *plan, uint32_t comparison, uint32_t to) {
  hf_condition *condition = plan->condition;
  hf__computed *computed = &condition->computed[condition->computed_count];
  condition->computed_count++;
  *computed = (hf__computed){.comparison = comparison, .to = to};
  return computed;
}

/* What an operator answers for equal, less and greater. */
static uint8_t outcomes_of(hf_operator op) {
  enum { EQUAL = 1, LESS = 2, GREATER = 4 };
  switch (op) {
  case HF_OPERATOR_EQUAL:
    return EQUAL;
  case HF_OPERATOR_NOT_EQUAL:
    return LESS | GREATER;
  case HF_OPERATOR_LESS:
    return LESS;
  case HF_OPERATOR_LESS_OR_EQUAL:
    return LESS | EQUAL;
  case HF_OPERATOR_GREATER:
    return GREATER;
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return GREATER | EQUAL;
  }
  return 0;
}

static void put_pair(planner *plan, uint32_t comparison, uint32_t to) {
  const hf__comparison *c = &plan->condition->comparisons[comparison];
  hf__computed *computed = put_computed(plan, comparison, to);
  computed->left_at_bytes = hf__slot_at(plan->condition->schema, c->left.variable);
  computed->right_at_bytes = hf__slot_at(plan->condition->schema, c->right.variable);
  computed->outcomes = outcomes_of(c->op);
  require(plan, c->left.variable, HF__TAG_NO_VALUE);
  require(plan, c->right.variable, HF__TAG_NO_VALUE);
}

/* A group of the variable's keys in this step that has room, or a new one. */
static hf__key_group *key_group(planner *plan, uint32_t variable, uint32_t step) {
  enum { NEAR = HF__LANES }; /* a step has no more groups than lanes */
  hf_condition *condition = plan->condition;
  uint32_t count = condition->key_group_count;
  for (uint32_t i = count; i-- > 0 && count - i <= NEAR;) {
    hf__key_group *group = &condition->key_groups[i];
    if (group->variable == variable && group->step == step && group->count < HF__GROUP_KEYS) {
      return group;
    }
  }
  hf__key_group *group = &condition->key_groups[count];
  *group = (hf__key_group){.variable = variable,
                           .step = step,
                           .key_at_bytes = condition->schema->keys_at_bytes[variable]};
  condition->key_group_count++;
  return group;
}

static void put_key(planner *plan, uint32_t variable, const hf__cell *literal, uint32_t to) {
  hf__key_group *group = key_group(plan, variable, to / HF__LANES);
  hf__key key = hf__key_of(literal->string, literal->length_bytes);
  uint32_t place = group->count;
  memcpy(&group->low[place], key.bytes, sizeof(uint64_t));
  memcpy(&group->high[place], key.bytes + sizeof(uint64_t), sizeof(uint64_t));
  for (uint32_t equal = 0; equal < 1u << HF__GROUP_KEYS; equal++) {
    unsigned lane = (equal >> place & 1u) << to % HF__LANES;
    group->lanes[equal] = (uint8_t)(group->lanes[equal] | lane);
  }
  group->count++;
}

/* `variable == 'string'`, or `!=`. */
static truth put_string_equality(planner *plan, hf__step *step, uint32_t comparison, uint32_t to,
                                 const hf__side *side, const hf__cell *literal) {
  const hf_schema *schema = plan->condition->schema;
  hf_operator op = plan->condition->comparisons[comparison].op;
  uint32_t variable = side->variable;
  unsigned lane = to % HF__LANES;
  hf_type type = schema->variables[variable].type;
  uint32_t word = hf_schema_find_word(schema, literal->string, literal->length_bytes);
  if (type == HF_TYPE_NUMBER || type == HF_TYPE_BOOLEAN) {
    return put_equality(plan, step, lane, variable, op, HF__SLOT_NEVER);
  }
  if (word != HF_NO_WORD) {
    return put_equality(plan, step, lane, variable, op, hf__word_slot(word));
  }
  bool by_key = schema->keys_at_bytes != NULL && schema->keys_at_bytes[variable] != 0 &&
                literal->length_bytes <= HF__KEY_WHOLE_BYTES;
  if (!by_key) {
    plan->condition->has_prints = true;
    plan->condition->print_comparisons[to] = comparison;
    step->unsure_lanes |= (uint8_t)(1u << lane);
    return put_equality(plan, step, lane, variable, op,
                        hf__print_slot(literal->string, literal->length_bytes));
  }
  require(plan, variable, HF__TAG_NO_VALUE);
  put_key(plan, variable, literal, to);
  truth holds = truth_of_lane(lane);
  return op == HF_OPERATOR_NOT_EQUAL ? truth_not(holds) : holds;
}

/* Puts a comparison into a lane, and returns where it holds. */
static truth put_comparison(planner *plan, uint32_t comparison, uint32_t to) {
  const hf__comparison *c = &plan->condition->comparisons[comparison];
  hf__step *step = &plan->condition->steps[to / HF__LANES];
  unsigned lane = to % HF__LANES;
  bool left_is_literal = c->left.variable == HF_NO_VARIABLE;
  bool right_is_literal = c->right.variable == HF_NO_VARIABLE;
  if (left_is_literal && right_is_literal) {
    int outcome = hf__compare(&c->left.literal, c->op, &c->right.literal);
    plan->impossible = plan->impossible || outcome < 0;
    return outcome == 1 ? ALWAYS : NEVER;
  }
  if (!left_is_literal && !right_is_literal) {
    put_pair(plan, comparison, to);
    return truth_of_lane(lane);
  }
  const hf__side *side = left_is_literal ? &c->right : &c->left;
  const hf__cell *literal = left_is_literal ? &c->left.literal : &c->right.literal;
  hf_operator op = left_is_literal ? hf__mirrored(c->op) : c->op;
  if (literal->kind == HF_KIND_NUMBER) {
    if (hf__is_ordering(op)) {
      return put_ordering(plan, step, lane, side->variable, op, literal->number);
    }
    uint64_t word;
    memcpy(&word, &literal->number, sizeof word);
    return put_equality(plan, step, lane, side->variable, op, word);
  }
  if (!hf__is_ordering(op)) {
    return put_string_equality(plan, step, comparison, to, side, literal);
  }
  require(plan, side->variable, HF__TAG_NO_VALUE);
  put_computed(plan, comparison, to);
  return truth_of_lane(lane);
}

/* One step ----------------------------------------------------------------- */

/* The assignments that reach each comparison, and lead on to its targets. */
static void plan_one_step(planner *plan) {
  enum { HELD = HF__LANES, FAILED, TARGETS };
  hf_condition *condition = plan->condition;
  uint32_t count = condition->comparison_count;
  truth reached[TARGETS];
  reached[HELD] = NEVER;
  reached[FAILED] = NEVER;
  for (uint32_t i = 0; i < count; i++) {
    reached[i] = NEVER;
  }
  reached[count == 0 ? (uint32_t)HELD : 0] = ALWAYS;
  clear_step(&condition->steps[0]);
  condition->step_count = 1;
  /* Six lanes fill a word; the others would repeat it. */
  uint32_t words = count <= 6 ? 1 : 4;
  for (uint32_t i = 0; i < count; i++) {
    const hf__comparison *c = &condition->comparisons[i];
    truth holds = put_comparison(plan, i, i);
    uint32_t yes = c->on_true < count ? c->on_true : c->on_true == HF__TARGET_TRUE ? HELD : FAILED;
    uint32_t no = c->on_false < count              ? c->on_false
                  : c->on_false == HF__TARGET_TRUE ? HELD
                                                   : FAILED;
    for (uint32_t w = 0; w < words; w++) {
      uint64_t here = reached[i].words[w];
      reached[yes].words[w] |= here & holds.words[w];
      reached[no].words[w] |= here & ~holds.words[w];
    }
  }
  if (words == 1) {
    put_small_table(&condition->steps[0], reached[HELD].words[0]);
  } else {
    put_table(&condition->steps[0], reached[HELD]);
  }
}

/* Several steps ------------------------------------------------------------ */

enum { NONE = -1 };

/* Inputs that are gathered; in the end a step, or a part of another group. */
typedef struct group {
  int32_t merged_into; /* NONE: a step of its own */
  int32_t step;        /* NONE: not yet closed */
  int32_t to_group;    /* closed: who takes the answer; NONE: the caller */
  uint8_t to_lane;
  uint8_t first_lane; /* merged: where its lanes begin in the other group */
  uint8_t lane_count;
} group;

/* What planning notes of a node. */
typedef struct note {
  truth holds;
  int32_t open;        /* the group that gathers its children */
  int32_t placed_in;   /* the group of its parent that it went to */
  uint8_t lane;        /* the first lane that it has there */
  bool is_input;       /* it is a single input there: a comparison, or closed */
  int32_t table_group; /* the group that `holds` is about so far */
} note;

typedef struct gathering {
  planner *plan;
  note *notes; /* of the nodes */
  group *groups;
  int32_t group_count;
  int32_t step_count;
} gathering;

static int32_t open_group(gathering *all) {
  all->groups[all->group_count] =
      (group){.merged_into = NONE, .step = NONE, .to_group = NONE, .lane_count = 0};
  return all->group_count++;
}

/* Makes a group a step whose answer is the next lane of another one. */
static void close_group(gathering *all, int32_t closed, int32_t to) {
  group *from = &all->groups[closed];
  from->step = all->step_count++;
  from->to_group = to;
  if (to != NONE) {
    from->to_lane = all->groups[to].lane_count;
    all->groups[to].lane_count++;
  }
}

/* Gives a complete node to the group that its parent gathers. */
static void gather(gathering *all, uint32_t index) {
  const hf__node *node = &all->plan->condition->nodes[index];
  note *own = &all->notes[index];
  note *parent = &all->notes[node->parent];
  bool is_input = node->kind == HF_NODE_COMPARISON;
  unsigned size = is_input ? 1 : all->groups[own->open].lane_count;
  if (parent->open == NONE) {
    parent->open = open_group(all);
  }
  bool close_own = false;
  if (all->groups[parent->open].lane_count + size > HF__LANES) {
    close_own = !is_input && size >= all->groups[parent->open].lane_count;
    size = close_own ? 1 : size;
    if (all->groups[parent->open].lane_count + size > HF__LANES) {
      int32_t next = open_group(all);
      close_group(all, parent->open, next);
      parent->open = next;
    }
  }
  group *into = &all->groups[parent->open];
  own->placed_in = parent->open;
  own->lane = into->lane_count;
  own->is_input = is_input || close_own;
  if (close_own) {
    close_group(all, own->open, parent->open);
  } else if (is_input) {
    into->lane_count++;
  } else {
    all->groups[own->open].merged_into = parent->open;
    all->groups[own->open].first_lane = into->lane_count;
    into->lane_count = (uint8_t)(into->lane_count + size);
  }
}

/* Where a lane of a group is in the end: 8 x step + lane. Each merge on the way
 * adds an input, so there are at most seven. */
static uint32_t resolve(const gathering *all, int32_t in_group, unsigned lane) {
  const group *at = &all->groups[in_group];
  while (at->merged_into != NONE) {
    lane += at->first_lane;
    at = &all->groups[at->merged_into];
  }
  return (uint32_t)at->step * HF__LANES + lane;
}

static void write_table(gathering *all, int32_t closed, truth holds) {
  const group *from = &all->groups[closed];
  hf__step *step = &all->plan->condition->steps[from->step];
  put_table(step, holds);
  if (from->to_group != NONE) {
    step->to = resolve(all, from->to_group, from->to_lane);
    step->ahead = (uint8_t)(step->to - ((uint32_t)from->step + 1) * HF__LANES);
  }
}

/* Folds a node into its parent's table; the parent's table so far goes to its
 * step when the parent went on to another group. */
static void fold(gathering *all, uint32_t index) {
  const hf__node *nodes = all->plan->condition->nodes;
  note *own = &all->notes[index];
  note *parent = &all->notes[nodes[index].parent];
  uint32_t to = resolve(all, own->placed_in, own->lane);
  truth holds;
  if (nodes[index].kind == HF_NODE_COMPARISON) {
    holds = put_comparison(all->plan, nodes[index].first, to);
  } else if (own->is_input) {
    write_table(all, own->open, own->holds);
    holds = truth_of_lane(to % HF__LANES);
  } else {
    holds = own->holds;
  }
  if (parent->table_group == NONE) {
    parent->holds = holds;
    parent->table_group = own->placed_in;
    return;
  }
  if (parent->table_group != own->placed_in) {
    write_table(all, parent->table_group, parent->holds);
    parent->holds = truth_of_lane(resolve(all, own->placed_in, 0) % HF__LANES);
    parent->table_group = own->placed_in;
  }
  parent->holds = nodes[nodes[index].parent].kind == HF_NODE_AND ? truth_and(parent->holds, holds)
                                                                 : truth_or(parent->holds, holds);
}

static void plan_steps(gathering *all) {
  hf_condition *condition = all->plan->condition;
  uint32_t cleared = 0;
  do { /* there is a root */
    all->notes[cleared] = (note){.open = NONE, .placed_in = NONE, .table_group = NONE};
    cleared++;
  } while (cleared < condition->node_count);
  /* From the back each node is complete before it is given to its parent. */
  for (uint32_t i = condition->node_count; i-- > 1;) {
    gather(all, i);
  }
  close_group(all, all->notes[0].open, NONE);
  for (int32_t i = 0; i < all->step_count; i++) {
    clear_step(&condition->steps[i]);
  }
  condition->step_count = (uint32_t)all->step_count;
  for (uint32_t i = condition->node_count; i-- > 1;) {
    fold(all, i);
  }
  write_table(all, all->notes[0].open, all->notes[0].holds);
}

static bool plan_several_steps(planner *plan) {
  enum { SMALL_NODES = 32 };
  hf_condition *condition = plan->condition;
  uint32_t count = condition->node_count;
  if (hf__plan_steps_at_most(condition->comparison_count) > HF__MAX_STEPS) {
    return true;
  }
  /* A node opens a group of its own, and one more for each child that is one too
   * many. */
  note small_notes[SMALL_NODES];
  group small_groups[2 * SMALL_NODES] = {{0}};
  gathering all = {.plan = plan, .notes = small_notes, .groups = small_groups};
  if (count <= SMALL_NODES) {
    plan_steps(&all);
    return true;
  }
  hf_allocator from = condition->allocator;
  size_t size = count * (sizeof(note) + 2 * sizeof(group));
  all.notes = from.allocate(from.context, size, _Alignof(note));
  if (all.notes == NULL) {
    return false;
  }
  all.groups = (group *)(void *)(all.notes + count);
  plan_steps(&all);
  from.deallocate(from.context, all.notes, size, _Alignof(note));
  return true;
}

/* What follows ------------------------------------------------------------- */

static void write_requirements(planner *plan) {
  hf_condition *condition = plan->condition;
  uint32_t words = (condition->schema->count + HF__TAGS_PER_WORD - 1) / HF__TAGS_PER_WORD;
  condition->required = words == 0 ? 0 : plan->required[0];
  for (uint32_t i = 1; i < words; i++) {
    if (plan->required[i] != 0) {
      condition->requirements[condition->requirement_count] = (hf__requirement){
          .mask = plan->required[i], .at_bytes = hf__tags_at(i * HF__TAGS_PER_WORD)};
      condition->requirement_count++;
    }
  }
}

/* The lines, for those who can read all words of up to four at once. */
static void write_lines(planner *plan) {
  enum { MOST_LINES = 4 };
  hf_condition *condition = plan->condition;
  const hf_schema *schema = condition->schema;
  bool any = plan->lowest <= plan->highest;
  uint32_t lowest_at = hf__slot_at(schema, any ? plan->lowest : 0);
  uint32_t highest_at = hf__slot_at(schema, any ? plan->highest : 0);
  uint32_t first = lowest_at / HF__LINE_BYTES;
  uint32_t lines = highest_at / HF__LINE_BYTES - first + 1;
  condition->lines_at_bytes = first * HF__LINE_BYTES;
  condition->line_count = (uint8_t)(lines <= MOST_LINES ? lines : 0);
  for (uint32_t i = 0; i < condition->step_count; i++) {
    hf__step *step = &condition->steps[i];
    for (int lane = 0; lane < HF__LANES; lane++) {
      uint32_t at = step->slots_at_bytes[lane] == 0 ? lowest_at : step->slots_at_bytes[lane];
      step->slots_at_bytes[lane] = (uint16_t)at;
      step->places[lane] = (uint8_t)((at - condition->lines_at_bytes) / sizeof(uint64_t));
    }
  }
}

bool hf__plan(hf_condition *condition) {
  planner plan;
  plan.condition = condition;
  plan.impossible = false;
  plan.lowest = UINT32_MAX;
  plan.highest = 0;
  uint32_t words = (condition->schema->count + HF__TAGS_PER_WORD - 1) / HF__TAGS_PER_WORD;
  memset(plan.required, 0, words * sizeof plan.required[0]);
  condition->step_count = 0;
  if (condition->comparison_count <= HF__LANES) {
    plan_one_step(&plan);
  } else if (!plan_several_steps(&plan)) {
    return false;
  }
  condition->step_count = plan.impossible ? 0 : condition->step_count;
  write_requirements(&plan);
  write_lines(&plan);
  return true;
}
