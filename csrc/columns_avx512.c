/* The loops over columns for x86-64 with AVX-512: eight doubles or sixteen codes a comparison. */
#include "columns.h"

#if HF__X86
#include <immintrin.h>

#define LOOPS hf__column_loops_avx512
#define TARGET HF__AVX512

/* False for NaN, but for !=, which is true; quiet, as no one looks at the flags. */
#define PREDICATE_equal _CMP_EQ_OQ
#define PREDICATE_not_equal _CMP_NEQ_UQ
#define PREDICATE_less _CMP_LT_OQ
#define PREDICATE_less_or_equal _CMP_LE_OQ
#define PREDICATE_greater _CMP_GT_OQ
#define PREDICATE_greater_or_equal _CMP_GE_OQ

/* Joining masks in their own registers is quicker than by way of the general ones. */
#define JOIN_BYTES(a, b, c, d, e, f, g, h)                                                         \
  _mm512_kunpackd(_mm512_kunpackw(_mm512_kunpackb(h, g), _mm512_kunpackb(f, e)),                   \
                  _mm512_kunpackw(_mm512_kunpackb(d, c), _mm512_kunpackb(b, a)))
#define JOIN_HALVES(a, b, c, d) _mm512_kunpackd(_mm512_kunpackw(d, c), _mm512_kunpackw(b, a))

#define EIGHT_DOUBLES(name, at, x) _mm512_cmp_pd_mask(_mm512_loadu_pd(at), x, PREDICATE_##name)
#define EIGHT_PAIRS(name, a, b)                                                                    \
  _mm512_cmp_pd_mask(_mm512_loadu_pd(a), _mm512_loadu_pd(b), PREDICATE_##name)
#define SIXTEEN_FLOATS(name, at, x) _mm512_cmp_ps_mask(_mm512_loadu_ps(at), x, PREDICATE_##name)
#define SIXTEEN_CODES(name, at, x) CODES_##name(_mm512_loadu_si512(at), x)
#define CODES_equal(a, b) _mm512_cmpeq_epi32_mask(a, b)
#define CODES_not_equal(a, b) _mm512_cmpneq_epi32_mask(a, b)
#define CODES_beyond(a, b) _mm512_cmpge_epu32_mask(a, b)

#define DOUBLES __m512d
#define ALL_DOUBLES(x) _mm512_set1_pd(x)
#define DOUBLES_WORD(name, at, x)                                                                  \
  JOIN_BYTES(EIGHT_DOUBLES(name, at, x), EIGHT_DOUBLES(name, (at) + 8, x),                         \
             EIGHT_DOUBLES(name, (at) + 16, x), EIGHT_DOUBLES(name, (at) + 24, x),                 \
             EIGHT_DOUBLES(name, (at) + 32, x), EIGHT_DOUBLES(name, (at) + 40, x),                 \
             EIGHT_DOUBLES(name, (at) + 48, x), EIGHT_DOUBLES(name, (at) + 56, x))
#define PAIRS_WORD(name, a, b)                                                                     \
  JOIN_BYTES(EIGHT_PAIRS(name, a, b), EIGHT_PAIRS(name, (a) + 8, (b) + 8),                         \
             EIGHT_PAIRS(name, (a) + 16, (b) + 16), EIGHT_PAIRS(name, (a) + 24, (b) + 24),         \
             EIGHT_PAIRS(name, (a) + 32, (b) + 32), EIGHT_PAIRS(name, (a) + 40, (b) + 40),         \
             EIGHT_PAIRS(name, (a) + 48, (b) + 48), EIGHT_PAIRS(name, (a) + 56, (b) + 56))

#define FLOATS __m512
#define ALL_FLOATS(x) _mm512_set1_ps(x)
#define FLOATS_WORD(name, at, x)                                                                   \
  JOIN_HALVES(SIXTEEN_FLOATS(name, at, x), SIXTEEN_FLOATS(name, (at) + 16, x),                     \
              SIXTEEN_FLOATS(name, (at) + 32, x), SIXTEEN_FLOATS(name, (at) + 48, x))

#define CODES __m512i
#define ALL_CODES(x) _mm512_set1_epi32((int)(x))
#define CODES_WORD(name, at, x)                                                                    \
  JOIN_HALVES(SIXTEEN_CODES(name, at, x), SIXTEEN_CODES(name, (at) + 16, x),                       \
              SIXTEEN_CODES(name, (at) + 32, x), SIXTEEN_CODES(name, (at) + 48, x))

/* Whether the bits of sixteen codes are set. */
TARGET static inline __mmask16 look_up_sixteen(const uint32_t *codes, const uint32_t *table,
                                               __m512i largest) {
  __m512i code = _mm512_min_epu32(_mm512_loadu_si512(codes), largest);
  __m512i found = _mm512_i32gather_epi32(_mm512_srli_epi32(code, 5), table, sizeof *table);
  __m512i bit = _mm512_rolv_epi32(_mm512_set1_epi32(1), code);
  return _mm512_test_epi32_mask(found, bit);
}

TARGET static void lookup(const uint32_t *codes, const uint32_t *table, uint32_t last, size_t words,
                          uint64_t *bits) {
  __m512i largest = ALL_CODES(last);
  for (size_t i = 0; i < words; i++, codes += 64) {
    bits[i] = JOIN_HALVES(
        look_up_sixteen(codes, table, largest), look_up_sixteen(codes + 16, table, largest),
        look_up_sixteen(codes + 32, table, largest), look_up_sixteen(codes + 48, table, largest));
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
