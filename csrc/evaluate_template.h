/*
 * The evaluators of one path. The file that includes this defines
 *
 *     EVALUATORS      the name of the hf__evaluators
 *     TARGET          what to compile for, or nothing
 *     row             a type, and
 *     load_row(condition, context)            what lanes are read from
 *     compare_lanes(row, step, with_words)   the outcomes, a bit for each lane;
 *                     `with_words` is constant: false when no lane is for words
 *     equal_keys(context, group)              as hf__equal_keys
 */

static TARGET hf_status evaluate_one(const hf_condition *condition, const hf_context *context,
                                     bool *held, hf_error *error) {
  if (HF__UNLIKELY(!hf__is_ready(condition, context))) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  const hf__step *step = condition->steps;
  unsigned answer = hf__table_bit(step, compare_lanes(load_row(condition, context), step, false));
  return hf__answer(held, answer);
}

static TARGET hf_status evaluate_one_words(const hf_condition *condition, const hf_context *context,
                                           bool *held, hf_error *error) {
  if (HF__UNLIKELY(!hf__is_ready(condition, context))) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  const hf__step *step = condition->steps;
  unsigned answer = hf__table_bit(step, compare_lanes(load_row(condition, context), step, true));
  return hf__answer(held, answer);
}

/* What lanes take from keys, from computed comparisons and from steps before is a
 * byte for each step. */
static TARGET hf_status evaluate_few(const hf_condition *condition, const hf_context *context,
                                     bool *held, hf_error *error) {
  if (HF__UNLIKELY(!hf__is_ready(condition, context))) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  uint64_t inputs = 0;
  for (uint32_t i = 0; i < condition->key_group_count; i++) {
    const hf__key_group *group = &condition->key_groups[i];
    inputs |= (uint64_t)group->lanes[equal_keys(context, group)] << group->step * HF__LANES;
  }
  for (uint32_t i = 0; i < condition->computed_count; i++) {
    int outcome = hf__computed_outcome(condition, context, &condition->computed[i]);
    if (outcome < 0) {
      return hf__evaluate_plainly(condition, context, held, error);
    }
    inputs |= (uint64_t)(unsigned)outcome << condition->computed[i].to;
  }
  row from = load_row(condition, context);
  const hf__step *end = condition->steps + condition->step_count;
  unsigned answer = 0;
  for (const hf__step *step = condition->steps; step != end; step++) {
    unsigned lanes = compare_lanes(from, step, true);
    if ((lanes & step->unsure_lanes) != 0) {
      lanes = hf__compare_bytes(condition, context, step, lanes & step->unsure_lanes, lanes);
    }
    answer = hf__table_bit(step, lanes | (unsigned)(inputs & 0xFF));
    inputs >>= HF__LANES;
    inputs |= (uint64_t)answer << step->ahead;
  }
  return hf__answer(held, answer);
}

static TARGET hf_status evaluate_many(const hf_condition *condition, const hf_context *context,
                                      bool *held, hf_error *error) {
  if (HF__UNLIKELY(!hf__is_ready(condition, context))) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  uint8_t inputs[HF__MAX_STEPS];
  for (uint32_t i = 0; i < condition->step_count; i += sizeof(uint64_t)) {
    memset(inputs + i, 0, sizeof(uint64_t));
  }
  for (uint32_t i = 0; i < condition->key_group_count; i++) {
    const hf__key_group *group = &condition->key_groups[i];
    unsigned lanes = group->lanes[equal_keys(context, group)];
    inputs[group->step] = (uint8_t)(inputs[group->step] | lanes);
  }
  for (uint32_t i = 0; i < condition->computed_count; i++) {
    const hf__computed *computed = &condition->computed[i];
    int outcome = hf__computed_outcome(condition, context, computed);
    if (outcome < 0) {
      return hf__evaluate_plainly(condition, context, held, error);
    }
    uint8_t *input = &inputs[computed->to / HF__LANES];
    *input = (uint8_t)(*input | (unsigned)outcome << computed->to % HF__LANES);
  }
  row from = load_row(condition, context);
  unsigned answer = 0;
  for (uint32_t i = 0; i < condition->step_count; i++) {
    const hf__step *step = &condition->steps[i];
    unsigned lanes = compare_lanes(from, step, true);
    if ((lanes & step->unsure_lanes) != 0) {
      lanes = hf__compare_bytes(condition, context, step, lanes & step->unsure_lanes, lanes);
    }
    answer = hf__table_bit(step, lanes | inputs[i]);
    uint32_t to = step->to == HF__TO_CALLER ? i * HF__LANES : step->to;
    inputs[to / HF__LANES] = (uint8_t)(inputs[to / HF__LANES] | answer << to % HF__LANES);
  }
  return hf__answer(held, answer);
}

const hf__evaluators EVALUATORS = {
    .one = evaluate_one,
    .one_words = evaluate_one_words,
    .few = evaluate_few,
    .many = evaluate_many,
};

#undef EVALUATORS
#undef TARGET
#undef row
#undef load_row
#undef compare_lanes
#undef equal_keys
#undef evaluate_one
#undef evaluate_one_words
#undef evaluate_few
#undef evaluate_many
