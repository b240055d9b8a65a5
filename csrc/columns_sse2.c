/* The loops over columns for any x86-64: two doubles or four codes a comparison. */
#include "columns.h"

#if HF__X86
#include <emmintrin.h>

#define LOOPS hf__column_loops_sse2
#define TARGET

/* False for NaN, but for !=, which is true. */
#define DOUBLES_equal(a, b) _mm_cmpeq_pd(a, b)
#define DOUBLES_not_equal(a, b) _mm_cmpneq_pd(a, b)
#define DOUBLES_less(a, b) _mm_cmplt_pd(a, b)
#define DOUBLES_less_or_equal(a, b) _mm_cmple_pd(a, b)
#define DOUBLES_greater(a, b) _mm_cmpgt_pd(a, b)
#define DOUBLES_greater_or_equal(a, b) _mm_cmpge_pd(a, b)
#define FLOATS_equal(a, b) _mm_cmpeq_ps(a, b)
#define FLOATS_not_equal(a, b) _mm_cmpneq_ps(a, b)
#define FLOATS_less(a, b) _mm_cmplt_ps(a, b)
#define FLOATS_less_or_equal(a, b) _mm_cmple_ps(a, b)
#define FLOATS_greater(a, b) _mm_cmpgt_ps(a, b)
#define FLOATS_greater_or_equal(a, b) _mm_cmpge_ps(a, b)

/* Each comparison leaves all ones or all zeros in a place: packing makes bytes of them. */

static inline uint64_t join_pairs(__m128i a, __m128i b, __m128i c, __m128i d, __m128i e, __m128i f,
                                  __m128i g, __m128i h) {
  __m128i low = _mm_packs_epi32(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
  __m128i high = _mm_packs_epi32(_mm_packs_epi32(e, f), _mm_packs_epi32(g, h));
  return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high));
}

static inline uint64_t join_fours(__m128i a, __m128i b, __m128i c, __m128i d) {
  return (uint64_t)(uint32_t)_mm_movemask_epi8(
      _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

#define TWO_DOUBLES(name, at, x) _mm_castpd_si128(DOUBLES_##name(_mm_loadu_pd(at), x))
#define SIXTEEN_DOUBLES(name, at, x)                                                               \
  join_pairs(TWO_DOUBLES(name, at, x), TWO_DOUBLES(name, (at) + 2, x),                             \
             TWO_DOUBLES(name, (at) + 4, x), TWO_DOUBLES(name, (at) + 6, x),                       \
             TWO_DOUBLES(name, (at) + 8, x), TWO_DOUBLES(name, (at) + 10, x),                      \
             TWO_DOUBLES(name, (at) + 12, x), TWO_DOUBLES(name, (at) + 14, x))
#define TWO_PAIRS(name, a, b) _mm_castpd_si128(DOUBLES_##name(_mm_loadu_pd(a), _mm_loadu_pd(b)))
#define SIXTEEN_PAIRS(name, a, b)                                                                  \
  join_pairs(TWO_PAIRS(name, a, b), TWO_PAIRS(name, (a) + 2, (b) + 2),                             \
             TWO_PAIRS(name, (a) + 4, (b) + 4), TWO_PAIRS(name, (a) + 6, (b) + 6),                 \
             TWO_PAIRS(name, (a) + 8, (b) + 8), TWO_PAIRS(name, (a) + 10, (b) + 10),               \
             TWO_PAIRS(name, (a) + 12, (b) + 12), TWO_PAIRS(name, (a) + 14, (b) + 14))
#define FOUR_FLOATS(name, at, x) _mm_castps_si128(FLOATS_##name(_mm_loadu_ps(at), x))
#define SIXTEEN_FLOATS(name, at, x)                                                                \
  join_fours(FOUR_FLOATS(name, at, x), FOUR_FLOATS(name, (at) + 4, x),                             \
             FOUR_FLOATS(name, (at) + 8, x), FOUR_FLOATS(name, (at) + 12, x))

#define ALL_ONES _mm_set1_epi32(-1)
/* SSE2 orders signed numbers only: turning the sign moves the unsigned ones there. */
#define TURNED(x) _mm_xor_si128(x, _mm_set1_epi32(INT32_MIN))
#define CODES_equal(a, b) _mm_cmpeq_epi32(a, b)
#define CODES_not_equal(a, b) _mm_xor_si128(_mm_cmpeq_epi32(a, b), ALL_ONES)
#define CODES_beyond(a, b) _mm_xor_si128(_mm_cmplt_epi32(TURNED(a), TURNED(b)), ALL_ONES)
#define FOUR_CODES(name, at, x)                                                                    \
  CODES_##name(_mm_loadu_si128((const __m128i *)(const void *)(at)), x)
#define SIXTEEN_CODES(name, at, x)                                                                 \
  join_fours(FOUR_CODES(name, at, x), FOUR_CODES(name, (at) + 4, x),                               \
             FOUR_CODES(name, (at) + 8, x), FOUR_CODES(name, (at) + 12, x))

#define WORD(SIXTEEN, name, at, x)                                                                 \
  (SIXTEEN(name, at, x) | SIXTEEN(name, (at) + 16, x) << 16 | SIXTEEN(name, (at) + 32, x) << 32 |  \
   SIXTEEN(name, (at) + 48, x) << 48)

#define DOUBLES __m128d
#define ALL_DOUBLES(x) _mm_set1_pd(x)
#define DOUBLES_WORD(name, at, x) WORD(SIXTEEN_DOUBLES, name, at, x)
#define PAIRS_WORD(name, a, b)                                                                     \
  (SIXTEEN_PAIRS(name, a, b) | SIXTEEN_PAIRS(name, (a) + 16, (b) + 16) << 16 |                     \
   SIXTEEN_PAIRS(name, (a) + 32, (b) + 32) << 32 | SIXTEEN_PAIRS(name, (a) + 48, (b) + 48) << 48)
#define FLOATS __m128
#define ALL_FLOATS(x) _mm_set1_ps(x)
#define FLOATS_WORD(name, at, x) WORD(SIXTEEN_FLOATS, name, at, x)
#define CODES __m128i
#define ALL_CODES(x) _mm_set1_epi32((int)(x))
#define CODES_WORD(name, at, x) WORD(SIXTEEN_CODES, name, at, x)

/* Without a gather instruction the plain loops are as fast. */
static void lookup(const uint32_t *codes, const uint32_t *table, uint32_t last, size_t words,
                   uint64_t *bits) {
  hf__column_loops_portable.lookup(codes, table, last, words, bits);
}

static size_t count(const uint64_t *bits, size_t words) {
  return hf__column_loops_portable.count(bits, words);
}

#define LOOKUP lookup
#define COUNT count
#include "columns_words.h"

#endif
