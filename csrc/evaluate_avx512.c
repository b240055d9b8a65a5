/*
 * Eight lanes at once. Where all slots that a condition reads lie in one to four
 * lines of the context, these are loaded once and their words permuted into the
 * lanes; a schema of up to 28 variables always is such a case.
 */
#include "evaluate.h"

#if HF__X86

#include <immintrin.h>

static inline HF__AVX512 unsigned avx512_outcomes(__m512d slots, const hf__step *step,
                                                  bool with_words) {
  __m512d flipped = _mm512_xor_pd(slots, _mm512_load_pd((const void *)step->flips));
  unsigned outcomes = _mm512_cmp_pd_mask(flipped, _mm512_load_pd(step->bounds), _CMP_GE_OQ);
  if (with_words) {
    outcomes |= _mm512_cmpeq_epi64_mask(_mm512_castpd_si512(slots), _mm512_load_si512(step->words));
  }
  return outcomes;
}

static inline HF__AVX512 __m512i avx512_places(const hf__step *step) {
  return _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(const void *)step->places));
}

static inline HF__AVX512 unsigned avx512_equal_keys(const hf_context *context,
                                                    const hf__key_group *group) {
  const uint32_t at = group->key_at_bytes;
  __m256i low = _mm256_set1_epi64x((long long)hf__context_word(context, at));
  __m256i high =
      _mm256_set1_epi64x((long long)hf__context_word(context, at + (uint32_t)sizeof(uint64_t)));
  __mmask8 equal =
      _mm256_cmpeq_epi64_mask(low, _mm256_load_si256((const __m256i *)(const void *)group->low));
  return _mm256_mask_cmpeq_epi64_mask(
      equal, high, _mm256_load_si256((const __m256i *)(const void *)group->high));
}

/* One line. */

static inline HF__AVX512 __m512d avx512_load1(const hf_condition *condition,
                                              const hf_context *context) {
  return _mm512_load_pd((const char *)context + condition->lines_at_bytes);
}

static inline HF__AVX512 unsigned avx512_lanes1(__m512d line, const hf__step *step,
                                                bool with_words) {
  return avx512_outcomes(_mm512_permutexvar_pd(avx512_places(step), line), step, with_words);
}

#define EVALUATORS hf__evaluators_avx512_1
#define TARGET HF__AVX512
#define row __m512d
#define load_row avx512_load1
#define compare_lanes avx512_lanes1
#define equal_keys avx512_equal_keys
#define evaluate_one evaluate_one_1
#define evaluate_one_words evaluate_one_words_1
#define evaluate_few evaluate_few_1
#define evaluate_many evaluate_many_1
#include "evaluate_template.h"

/* Two lines. */

typedef struct avx512_row2 {
  __m512d lines[2];
} avx512_row2;

static inline HF__AVX512 avx512_row2 avx512_load2(const hf_condition *condition,
                                                  const hf_context *context) {
  const char *from = (const char *)context + condition->lines_at_bytes;
  return (avx512_row2){{_mm512_load_pd(from), _mm512_load_pd(from + HF__LINE_BYTES)}};
}

static inline HF__AVX512 unsigned avx512_lanes2(avx512_row2 from, const hf__step *step,
                                                bool with_words) {
  __m512d slots = _mm512_permutex2var_pd(from.lines[0], avx512_places(step), from.lines[1]);
  return avx512_outcomes(slots, step, with_words);
}

#define EVALUATORS hf__evaluators_avx512_2
#define TARGET HF__AVX512
#define row avx512_row2
#define load_row avx512_load2
#define compare_lanes avx512_lanes2
#define equal_keys avx512_equal_keys
#define evaluate_one evaluate_one_2
#define evaluate_one_words evaluate_one_words_2
#define evaluate_few evaluate_few_2
#define evaluate_many evaluate_many_2
#include "evaluate_template.h"

/* Three lines or four. */

typedef struct avx512_row4 {
  __m512d lines[4];
} avx512_row4;

static inline HF__AVX512 avx512_row4 avx512_load4(const hf_condition *condition,
                                                  const hf_context *context) {
  const char *from = (const char *)context + condition->lines_at_bytes;
  /* Of three lines the last one twice: there is none behind it. */
  size_t last = condition->line_count - (size_t)1;
  return (avx512_row4){{_mm512_load_pd(from), _mm512_load_pd(from + HF__LINE_BYTES),
                        _mm512_load_pd(from + (size_t)2 * HF__LINE_BYTES),
                        _mm512_load_pd(from + last * HF__LINE_BYTES)}};
}

static inline HF__AVX512 unsigned avx512_lanes4(avx512_row4 from, const hf__step *step,
                                                bool with_words) {
  __m512i places = avx512_places(step);
  __mmask8 behind = _mm512_test_epi64_mask(places, _mm512_set1_epi64(16));
  __m512d slots =
      _mm512_mask_blend_pd(behind, _mm512_permutex2var_pd(from.lines[0], places, from.lines[1]),
                           _mm512_permutex2var_pd(from.lines[2], places, from.lines[3]));
  return avx512_outcomes(slots, step, with_words);
}

#define EVALUATORS hf__evaluators_avx512_4
#define TARGET HF__AVX512
#define row avx512_row4
#define load_row avx512_load4
#define compare_lanes avx512_lanes4
#define equal_keys avx512_equal_keys
#define evaluate_one evaluate_one_4
#define evaluate_one_words evaluate_one_words_4
#define evaluate_few evaluate_few_4
#define evaluate_many evaluate_many_4
#include "evaluate_template.h"

/* Anywhere. */

static inline HF__AVX512 unsigned avx512_lanes(const hf_context *context, const hf__step *step,
                                               bool with_words) {
  const uint16_t *at = step->slots_at_bytes;
  __m512d slots =
      _mm512_set_pd(hf__context_number(context, at[7]), hf__context_number(context, at[6]),
                    hf__context_number(context, at[5]), hf__context_number(context, at[4]),
                    hf__context_number(context, at[3]), hf__context_number(context, at[2]),
                    hf__context_number(context, at[1]), hf__context_number(context, at[0]));
  return avx512_outcomes(slots, step, with_words);
}

#define EVALUATORS hf__evaluators_avx512
#define TARGET HF__AVX512
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes avx512_lanes
#define equal_keys avx512_equal_keys
#include "evaluate_template.h"

#endif
