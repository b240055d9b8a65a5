/* Lanes compared two by two, on AArch64. */
#include "evaluate.h"

#if HF__NEON

#include <arm_neon.h>

static inline unsigned neon_pair(const hf_context *context, const hf__step *step, unsigned first,
                                 bool with_words) {
  uint64x2_t slots =
      vcombine_u64(vcreate_u64(hf__context_word(context, step->slots_at_bytes[first])),
                   vcreate_u64(hf__context_word(context, step->slots_at_bytes[first + 1])));
  uint64x2_t flipped = veorq_u64(slots, vld1q_u64(&step->flips[first]));
  uint64x2_t outcome = vcgeq_f64(vreinterpretq_f64_u64(flipped), vld1q_f64(&step->bounds[first]));
  if (with_words) {
    outcome = vorrq_u64(outcome, vceqq_u64(slots, vld1q_u64(&step->words[first])));
  }
  unsigned low = (unsigned)vgetq_lane_u64(outcome, 0) & 1u;
  unsigned high = (unsigned)vgetq_lane_u64(outcome, 1) & 2u;
  return (low | high) << first;
}

static inline unsigned neon_lanes(const hf_context *context, const hf__step *step,
                                  bool with_words) {
  return neon_pair(context, step, 0, with_words) | neon_pair(context, step, 2, with_words) |
         neon_pair(context, step, 4, with_words) | neon_pair(context, step, 6, with_words);
}

#define EVALUATORS hf__evaluators_neon
#define TARGET
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes neon_lanes
#define equal_keys hf__equal_keys
#include "evaluate_template.h"

#endif
