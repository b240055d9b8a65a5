/* From comparisons and nodes to steps. */
#ifndef HF_PLAN_H
#define HF_PLAN_H

#include "program.h"

/* How many steps, at most, so many comparisons take; see plan.c for the reason. */
static inline size_t hf__plan_steps_at_most(size_t comparisons) {
  return comparisons <= HF__LANES ? 1 : (comparisons + 3) / 4;
}

/*
 * Fills the condition's steps, computed comparisons, requirements and lines,
 * for which there must be room: hf__plan_steps_at_most() steps, a computed
 * comparison for each comparison, a requirement for each word of tags that
 * 2 x comparisons variables may lie in. Where no steps can decide the condition,
 * it is left to plain evaluation.
 *
 * False when there is no memory to work in; eight comparisons need none.
 */
HF_MUST_USE bool hf__plan(hf_condition *condition);

#endif
