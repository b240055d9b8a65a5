/*
 * Eight lanes at once. Where all slots that a condition reads lie within one or
 * two registers, they are loaded once and permuted into the lanes; a schema of
 * up to 16 variables always is such a case.
 */
#include "evaluate.h"

#if HF__X86

#include <immintrin.h>

static inline HF__AVX512 unsigned avx512_outcomes(__m512d slots, const hf__step *step,
                                                  bool with_equals) {
  __m512d constants = _mm512_load_pd(step->constants);
  __m512d flipped = _mm512_xor_pd(slots, _mm512_load_pd((const void *)step->flips));
  unsigned outcomes = _mm512_cmp_pd_mask(flipped, constants, _CMP_GE_OQ);
  if (with_equals) {
    unsigned same =
        _mm512_cmpeq_epi64_mask(_mm512_castpd_si512(slots), _mm512_castpd_si512(constants));
    outcomes = (outcomes & ~(unsigned)step->equal_lanes) | (same & step->equal_lanes);
  }
  return outcomes;
}

static inline HF__AVX512 __m512i avx512_window_lanes(const hf__step *step) {
  return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)step->window));
}

/* Slots outside the mask are not read: they may lie behind the context. */
static inline HF__AVX512 __m512d avx512_load8(const hf_condition *condition,
                                              const hf_context *context) {
  return _mm512_maskz_loadu_pd(condition->window_mask,
                               (const char *)context + condition->window_at_bytes);
}

static inline HF__AVX512 unsigned avx512_lanes8(__m512d slots, const hf__step *step,
                                                bool with_equals) {
  return avx512_outcomes(_mm512_permutexvar_pd(avx512_window_lanes(step), slots), step,
                         with_equals);
}

#define EVALUATORS hf__evaluators_avx512_window8
#define TARGET HF__AVX512
#define row __m512d
#define load_row avx512_load8
#define compare_lanes avx512_lanes8
#define evaluate_one evaluate_one_window8
#define evaluate_one_equal evaluate_one_equal_window8
#define evaluate_many evaluate_many_window8
#include "evaluate_template.h"

typedef struct avx512_slots16 {
  __m512d low;
  __m512d high;
} avx512_slots16;

static inline HF__AVX512 avx512_slots16 avx512_load16(const hf_condition *condition,
                                                      const hf_context *context) {
  const char *from = (const char *)context + condition->window_at_bytes;
  return (avx512_slots16){
      .low = _mm512_loadu_pd(from),
      .high = _mm512_maskz_loadu_pd(condition->window_mask, from + sizeof(__m512d))};
}

static inline HF__AVX512 unsigned avx512_lanes16(avx512_slots16 slots, const hf__step *step,
                                                 bool with_equals) {
  return avx512_outcomes(_mm512_permutex2var_pd(slots.low, avx512_window_lanes(step), slots.high),
                         step, with_equals);
}

#define EVALUATORS hf__evaluators_avx512_window16
#define TARGET HF__AVX512
#define row avx512_slots16
#define load_row avx512_load16
#define compare_lanes avx512_lanes16
#define evaluate_one evaluate_one_window16
#define evaluate_one_equal evaluate_one_equal_window16
#define evaluate_many evaluate_many_window16
#include "evaluate_template.h"

static inline HF__AVX512 unsigned avx512_lanes(const hf_context *context, const hf__step *step,
                                               bool with_equals) {
  const uint16_t *at = step->slots_at_bytes;
  __m512d slots =
      _mm512_set_pd(hf__context_number(context, at[7]), hf__context_number(context, at[6]),
                    hf__context_number(context, at[5]), hf__context_number(context, at[4]),
                    hf__context_number(context, at[3]), hf__context_number(context, at[2]),
                    hf__context_number(context, at[1]), hf__context_number(context, at[0]));
  return avx512_outcomes(slots, step, with_equals);
}

#define EVALUATORS hf__evaluators_avx512
#define TARGET HF__AVX512
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes avx512_lanes
#include "evaluate_template.h"

#endif
