/* Lanes compared four by four. */
#include "evaluate.h"

#if HF__X86

#include <immintrin.h>

/* Eight loads, because a gather takes longer. */
static inline HF__AVX2 unsigned avx2_four(const hf_context *context, const hf__step *step,
                                          unsigned first, bool with_words) {
  const uint16_t *at = &step->slots_at_bytes[first];
  __m256d slots =
      _mm256_set_pd(hf__context_number(context, at[3]), hf__context_number(context, at[2]),
                    hf__context_number(context, at[1]), hf__context_number(context, at[0]));
  __m256d bounds = _mm256_load_pd(&step->bounds[first]);
  __m256d flips = _mm256_load_pd((const double *)(const void *)&step->flips[first]);
  __m256d outcome = _mm256_cmp_pd(_mm256_xor_pd(slots, flips), bounds, _CMP_GE_OQ);
  if (with_words) {
    __m256i words = _mm256_load_si256((const __m256i *)(const void *)&step->words[first]);
    __m256i same = _mm256_cmpeq_epi64(_mm256_castpd_si256(slots), words);
    outcome = _mm256_or_pd(outcome, _mm256_castsi256_pd(same));
  }
  return (unsigned)_mm256_movemask_pd(outcome) << first;
}

static inline HF__AVX2 unsigned avx2_lanes(const hf_context *context, const hf__step *step,
                                           bool with_words) {
  return avx2_four(context, step, 0, with_words) | avx2_four(context, step, 4, with_words);
}

static inline HF__AVX2 unsigned avx2_equal_keys(const hf_context *context,
                                                const hf__key_group *group) {
  const uint32_t at = group->key_at_bytes;
  __m256i low = _mm256_set1_epi64x((long long)hf__context_word(context, at));
  __m256i high =
      _mm256_set1_epi64x((long long)hf__context_word(context, at + (uint32_t)sizeof(uint64_t)));
  __m256i lows = _mm256_load_si256((const __m256i *)(const void *)group->low);
  __m256i highs = _mm256_load_si256((const __m256i *)(const void *)group->high);
  __m256i equal = _mm256_and_si256(_mm256_cmpeq_epi64(low, lows), _mm256_cmpeq_epi64(high, highs));
  return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(equal));
}

#define EVALUATORS hf__evaluators_avx2
#define TARGET HF__AVX2
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes avx2_lanes
#define equal_keys avx2_equal_keys
#include "evaluate_template.h"

#endif
