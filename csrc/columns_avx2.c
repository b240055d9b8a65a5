/* The loops over columns for x86-64 with AVX2: four doubles or eight codes a comparison. */
#include "columns.h"

#if HF__X86
#include <immintrin.h>

#define LOOPS hf__column_loops_avx2
#define TARGET HF__AVX2

/* False for NaN, but for !=, which is true; quiet, as no one looks at the flags. */
#define PREDICATE_equal _CMP_EQ_OQ
#define PREDICATE_not_equal _CMP_NEQ_UQ
#define PREDICATE_less _CMP_LT_OQ
#define PREDICATE_less_or_equal _CMP_LE_OQ
#define PREDICATE_greater _CMP_GT_OQ
#define PREDICATE_greater_or_equal _CMP_GE_OQ

/*
 * Each comparison leaves all ones or all zeros in a place: packing makes bytes of
 * them. It packs the halves of its vectors apart, so the bytes are put in order
 * behind it.
 */

TARGET static inline uint64_t join_fours(__m256i a, __m256i b, __m256i c, __m256i d, __m256i e,
                                         __m256i f, __m256i g, __m256i h) {
  __m256i low = _mm256_packs_epi32(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  __m256i high = _mm256_packs_epi32(_mm256_packs_epi32(e, f), _mm256_packs_epi32(g, h));
  /* Pairs of rows: 0 4 8 … 28, then 2 6 10 … 30. */
  __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xD8);
  const __m256i order = _mm256_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15, 0, 1,
                                         8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_shuffle_epi8(bytes, order));
}

TARGET static inline uint64_t join_eights(__m256i a, __m256i b, __m256i c, __m256i d) {
  __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
  /* Fours of rows: 0 8 16 24, then 4 12 20 28. */
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(bytes, order));
}

#define FOUR_DOUBLES(name, at, x)                                                                  \
  _mm256_castpd_si256(_mm256_cmp_pd(_mm256_loadu_pd(at), x, PREDICATE_##name))
#define HALF_OF_DOUBLES(name, at, x)                                                               \
  join_fours(FOUR_DOUBLES(name, at, x), FOUR_DOUBLES(name, (at) + 4, x),                           \
             FOUR_DOUBLES(name, (at) + 8, x), FOUR_DOUBLES(name, (at) + 12, x),                    \
             FOUR_DOUBLES(name, (at) + 16, x), FOUR_DOUBLES(name, (at) + 20, x),                   \
             FOUR_DOUBLES(name, (at) + 24, x), FOUR_DOUBLES(name, (at) + 28, x))
#define FOUR_PAIRS(name, a, b) FOUR_DOUBLES(name, a, _mm256_loadu_pd(b))
#define HALF_OF_PAIRS(name, a, b)                                                                  \
  join_fours(FOUR_PAIRS(name, a, b), FOUR_PAIRS(name, (a) + 4, (b) + 4),                           \
             FOUR_PAIRS(name, (a) + 8, (b) + 8), FOUR_PAIRS(name, (a) + 12, (b) + 12),             \
             FOUR_PAIRS(name, (a) + 16, (b) + 16), FOUR_PAIRS(name, (a) + 20, (b) + 20),           \
             FOUR_PAIRS(name, (a) + 24, (b) + 24), FOUR_PAIRS(name, (a) + 28, (b) + 28))
#define EIGHT_FLOATS(name, at, x)                                                                  \
  _mm256_castps_si256(_mm256_cmp_ps(_mm256_loadu_ps(at), x, PREDICATE_##name))
#define HALF_OF_FLOATS(name, at, x)                                                                \
  join_eights(EIGHT_FLOATS(name, at, x), EIGHT_FLOATS(name, (at) + 8, x),                          \
              EIGHT_FLOATS(name, (at) + 16, x), EIGHT_FLOATS(name, (at) + 24, x))

#define LOAD_CODES(at) _mm256_loadu_si256((const __m256i *)(const void *)(at))
#define CODES_equal(a, b) _mm256_cmpeq_epi32(a, b)
#define CODES_not_equal(a, b) _mm256_xor_si256(_mm256_cmpeq_epi32(a, b), _mm256_set1_epi32(-1))
#define CODES_beyond(a, b) _mm256_cmpeq_epi32(_mm256_min_epu32(a, b), b)
#define EIGHT_CODES(name, at, x) CODES_##name(LOAD_CODES(at), x)
#define HALF_OF_CODES(name, at, x)                                                                 \
  join_eights(EIGHT_CODES(name, at, x), EIGHT_CODES(name, (at) + 8, x),                            \
              EIGHT_CODES(name, (at) + 16, x), EIGHT_CODES(name, (at) + 24, x))

#define DOUBLES __m256d
#define ALL_DOUBLES(x) _mm256_set1_pd(x)
#define DOUBLES_WORD(name, at, x)                                                                  \
  (HALF_OF_DOUBLES(name, at, x) | HALF_OF_DOUBLES(name, (at) + 32, x) << 32)
#define PAIRS_WORD(name, a, b)                                                                     \
  (HALF_OF_PAIRS(name, a, b) | HALF_OF_PAIRS(name, (a) + 32, (b) + 32) << 32)
#define FLOATS __m256
#define ALL_FLOATS(x) _mm256_set1_ps(x)
#define FLOATS_WORD(name, at, x)                                                                   \
  (HALF_OF_FLOATS(name, at, x) | HALF_OF_FLOATS(name, (at) + 32, x) << 32)
#define CODES __m256i
#define ALL_CODES(x) _mm256_set1_epi32((int)(x))
#define CODES_WORD(name, at, x)                                                                    \
  (HALF_OF_CODES(name, at, x) | HALF_OF_CODES(name, (at) + 32, x) << 32)

/* Bit codes[i] of the table as all ones or all zeros. */
TARGET static inline __m256i look_up_eight(const uint32_t *codes, const uint32_t *table,
                                           __m256i largest) {
  __m256i code = _mm256_min_epu32(LOAD_CODES(codes), largest);
  __m256i found = _mm256_i32gather_epi32((const int *)(const void *)table,
                                         _mm256_srli_epi32(code, 5), sizeof *table);
  /* 31 - code % 32 is ~code % 32. */
  __m256i shift = _mm256_andnot_si256(code, _mm256_set1_epi32(31));
  return _mm256_srai_epi32(_mm256_sllv_epi32(found, shift), 31);
}

TARGET static void lookup(const uint32_t *codes, const uint32_t *table, uint32_t last, size_t words,
                          uint64_t *bits) {
  __m256i largest = ALL_CODES(last);
  for (size_t i = 0; i < words; i++) {
    uint64_t word = 0;
    for (size_t half = 0; half < 64; half += 32, codes += 32) {
      word |= join_eights(look_up_eight(codes, table, largest),
                          look_up_eight(codes + 8, table, largest),
                          look_up_eight(codes + 16, table, largest),
                          look_up_eight(codes + 24, table, largest))
              << half;
    }
    bits[i] = word;
  }
}

TARGET static size_t count(const uint64_t *bits, size_t words) {
  size_t set = 0;
  for (size_t i = 0; i < words; i++) {
    set += (size_t)__builtin_popcountll(bits[i]);
  }
  return set;
}

#define LOOKUP lookup
#define COUNT count
#include "columns_words.h"

#endif
