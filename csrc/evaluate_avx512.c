/*
 * Eight lanes at once. Where all slots that a condition reads lie in one or two
 * lines of the context, these are loaded once and their words permuted into the
 * lanes; a schema of up to 13 variables always is such a case.
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

static inline HF__AVX512 __m512i avx512_words(const hf__step *step) {
  return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)step->words));
}

static inline HF__AVX512 __m512d avx512_load_line(const hf_condition *condition,
                                                  const hf_context *context) {
  return _mm512_load_pd((const char *)context + condition->lines_at_bytes);
}

static inline HF__AVX512 unsigned avx512_line_lanes(__m512d line, const hf__step *step,
                                                    bool with_equals) {
  return avx512_outcomes(_mm512_permutexvar_pd(avx512_words(step), line), step, with_equals);
}

#define EVALUATORS hf__evaluators_avx512_line
#define TARGET HF__AVX512
#define row __m512d
#define load_row avx512_load_line
#define compare_lanes avx512_line_lanes
#define evaluate_one evaluate_one_line
#define evaluate_one_equal evaluate_one_equal_line
#define evaluate_many evaluate_many_line
#include "evaluate_template.h"

typedef struct avx512_lines {
  __m512d first;
  __m512d second;
} avx512_lines;

static inline HF__AVX512 avx512_lines avx512_load_lines(const hf_condition *condition,
                                                        const hf_context *context) {
  const char *from = (const char *)context + condition->lines_at_bytes;
  return (avx512_lines){.first = _mm512_load_pd(from),
                        .second = _mm512_load_pd(from + HF__LINE_BYTES)};
}

static inline HF__AVX512 unsigned avx512_lines_lanes(avx512_lines lines, const hf__step *step,
                                                     bool with_equals) {
  return avx512_outcomes(_mm512_permutex2var_pd(lines.first, avx512_words(step), lines.second),
                         step, with_equals);
}

#define EVALUATORS hf__evaluators_avx512_lines
#define TARGET HF__AVX512
#define row avx512_lines
#define load_row avx512_load_lines
#define compare_lanes avx512_lines_lanes
#define evaluate_one evaluate_one_lines
#define evaluate_one_equal evaluate_one_equal_lines
#define evaluate_many evaluate_many_lines
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
