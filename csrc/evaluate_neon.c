/* Lanes compared two by two, on AArch64. */
#include "evaluate.h"

#if HF__NEON

#include <arm_neon.h>

static inline unsigned neon_pair(const hf_context *context, const hf__step *step, unsigned first,
                                 bool with_equals) {
  uint64x2_t slots =
      vcombine_u64(vcreate_u64(hf__context_word(context, step->slots_at_bytes[first])),
                   vcreate_u64(hf__context_word(context, step->slots_at_bytes[first + 1])));
  float64x2_t constants = vld1q_f64(&step->constants[first]);
  uint64x2_t flipped = veorq_u64(slots, vld1q_u64(&step->flips[first]));
  uint64x2_t outcome = vcgeq_f64(vreinterpretq_f64_u64(flipped), constants);
  if (with_equals) {
    uint64x2_t same = vceqq_u64(slots, vreinterpretq_u64_f64(constants));
    outcome = vbslq_u64(vld1q_u64(&step->equals[first]), same, outcome);
  }
  unsigned low = (unsigned)vgetq_lane_u64(outcome, 0) & 1u;
  unsigned high = (unsigned)vgetq_lane_u64(outcome, 1) & 2u;
  return (low | high) << first;
}

static inline unsigned neon_lanes(const hf_context *context, const hf__step *step,
                                  bool with_equals) {
  return neon_pair(context, step, 0, with_equals) | neon_pair(context, step, 2, with_equals) |
         neon_pair(context, step, 4, with_equals) | neon_pair(context, step, 6, with_equals);
}

#define EVALUATORS hf__evaluators_neon
#define TARGET
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes neon_lanes
#define equal_keys hf__equal_keys
#include "evaluate_template.h"

#endif
