/* Lanes compared two by two: what every x86-64 has. */
#include "evaluate.h"

#if HF__X86

#include <emmintrin.h>

static inline unsigned sse2_pair(const hf_context *context, const hf__step *step, unsigned first,
                                 bool with_words) {
  __m128d slots = _mm_set_pd(hf__context_number(context, step->slots_at_bytes[first + 1]),
                             hf__context_number(context, step->slots_at_bytes[first]));
  __m128d bounds = _mm_load_pd(&step->bounds[first]);
  __m128d flips = _mm_load_pd((const double *)(const void *)&step->flips[first]);
  __m128d outcome = _mm_cmple_pd(bounds, _mm_xor_pd(slots, flips));
  if (with_words) {
    __m128i words = _mm_load_si128((const __m128i *)(const void *)&step->words[first]);
    /* Both halves of a word. */
    __m128i halves = _mm_cmpeq_epi32(_mm_castpd_si128(slots), words);
    __m128i same = _mm_and_si128(halves, _mm_shuffle_epi32(halves, _MM_SHUFFLE(2, 3, 0, 1)));
    outcome = _mm_or_pd(outcome, _mm_castsi128_pd(same));
  }
  return (unsigned)_mm_movemask_pd(outcome) << first;
}

static inline unsigned sse2_lanes(const hf_context *context, const hf__step *step,
                                  bool with_words) {
  return sse2_pair(context, step, 0, with_words) | sse2_pair(context, step, 2, with_words) |
         sse2_pair(context, step, 4, with_words) | sse2_pair(context, step, 6, with_words);
}

hf_status hf__evaluate_pair(const hf_condition *condition, const hf_context *context, bool *held,
                            hf_error *error) {
  if (HF__UNLIKELY(!hf__is_ready(condition, context))) {
    return hf__evaluate_unready(condition, context, held, error);
  }
  return hf__answer(
      held, condition->steps[0].table[0] >> sse2_pair(context, condition->steps, 0, false) & 1u);
}

#define EVALUATORS hf__evaluators_sse2
#define TARGET
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes sse2_lanes
#define equal_keys hf__equal_keys
#include "evaluate_template.h"

#endif
