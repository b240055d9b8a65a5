/* The loops over columns for 64-bit ARM: two doubles or four codes a comparison. */
#include "columns.h"

#if HF__NEON
#include <arm_neon.h>

#define LOOPS hf__column_loops_neon
#define TARGET

/* Eight places of all ones or all zeros, as a byte with the first place lowest. */
static inline uint32_t byte_of(uint16x8_t places) {
  static const uint16_t weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  return vaddvq_u16(vandq_u16(places, vld1q_u16(weights)));
}

static inline uint32_t byte_of_halves(uint32x4_t low, uint32x4_t high) {
  return byte_of(vcombine_u16(vmovn_u32(low), vmovn_u32(high)));
}

static inline uint32_t byte_of_quarters(uint64x2_t a, uint64x2_t b, uint64x2_t c, uint64x2_t d) {
  return byte_of_halves(vcombine_u32(vmovn_u64(a), vmovn_u64(b)),
                        vcombine_u32(vmovn_u64(c), vmovn_u64(d)));
}

/* Comparisons with NaN give zeros; `!=` is made of `==`. */
#define TURN_equal 0
#define TURN_not_equal 0xFF
#define TURN_less 0
#define TURN_less_or_equal 0
#define TURN_greater 0
#define TURN_greater_or_equal 0
#define DOUBLES_equal vceqq_f64
#define DOUBLES_not_equal vceqq_f64
#define DOUBLES_less vcltq_f64
#define DOUBLES_less_or_equal vcleq_f64
#define DOUBLES_greater vcgtq_f64
#define DOUBLES_greater_or_equal vcgeq_f64
#define FLOATS_equal vceqq_f32
#define FLOATS_not_equal vceqq_f32
#define FLOATS_less vcltq_f32
#define FLOATS_less_or_equal vcleq_f32
#define FLOATS_greater vcgtq_f32
#define FLOATS_greater_or_equal vcgeq_f32

#define DOUBLES float64x2_t
#define ALL_DOUBLES(x) vdupq_n_f64(x)
#define DOUBLES_BYTE(name, at, x)                                                                  \
  (byte_of_quarters(DOUBLES_##name(vld1q_f64(at), x), DOUBLES_##name(vld1q_f64((at) + 2), x),      \
                    DOUBLES_##name(vld1q_f64((at) + 4), x),                                        \
                    DOUBLES_##name(vld1q_f64((at) + 6), x)) ^                                      \
   TURN_##name)
#define PAIRS_BYTE(name, a, b)                                                                     \
  (byte_of_quarters(DOUBLES_##name(vld1q_f64(a), vld1q_f64(b)),                                    \
                    DOUBLES_##name(vld1q_f64((a) + 2), vld1q_f64((b) + 2)),                        \
                    DOUBLES_##name(vld1q_f64((a) + 4), vld1q_f64((b) + 4)),                        \
                    DOUBLES_##name(vld1q_f64((a) + 6), vld1q_f64((b) + 6))) ^                      \
   TURN_##name)

#define FLOATS float32x4_t
#define ALL_FLOATS(x) vdupq_n_f32(x)
#define FLOATS_BYTE(name, at, x)                                                                   \
  (byte_of_halves(FLOATS_##name(vld1q_f32(at), x), FLOATS_##name(vld1q_f32((at) + 4), x)) ^        \
   TURN_##name)

#define CODES uint32x4_t
#define ALL_CODES(x) vdupq_n_u32(x)
#define CODES_BYTE(name, at, x)                                                                    \
  byte_of_halves(CODES_##name(vld1q_u32(at), x), CODES_##name(vld1q_u32((at) + 4), x))
#define CODES_equal(a, b) vceqq_u32(a, b)
#define CODES_not_equal(a, b) vmvnq_u32(vceqq_u32(a, b))
#define CODES_beyond(a, b) vcgeq_u32(a, b)

/* 64 rows. */
#define WORD(BYTE, name, at, x)                                                                    \
  ((uint64_t)BYTE(name, at, x) | (uint64_t)BYTE(name, (at) + 8, x) << 8 |                          \
   (uint64_t)BYTE(name, (at) + 16, x) << 16 | (uint64_t)BYTE(name, (at) + 24, x) << 24 |           \
   (uint64_t)BYTE(name, (at) + 32, x) << 32 | (uint64_t)BYTE(name, (at) + 40, x) << 40 |           \
   (uint64_t)BYTE(name, (at) + 48, x) << 48 | (uint64_t)BYTE(name, (at) + 56, x) << 56)

#define DOUBLES_WORD(name, at, x) WORD(DOUBLES_BYTE, name, at, x)
#define FLOATS_WORD(name, at, x) WORD(FLOATS_BYTE, name, at, x)
#define CODES_WORD(name, at, x) WORD(CODES_BYTE, name, at, x)
#define PAIRS_WORD(name, a, b)                                                                     \
  ((uint64_t)PAIRS_BYTE(name, a, b) | (uint64_t)PAIRS_BYTE(name, (a) + 8, (b) + 8) << 8 |          \
   (uint64_t)PAIRS_BYTE(name, (a) + 16, (b) + 16) << 16 |                                          \
   (uint64_t)PAIRS_BYTE(name, (a) + 24, (b) + 24) << 24 |                                          \
   (uint64_t)PAIRS_BYTE(name, (a) + 32, (b) + 32) << 32 |                                          \
   (uint64_t)PAIRS_BYTE(name, (a) + 40, (b) + 40) << 40 |                                          \
   (uint64_t)PAIRS_BYTE(name, (a) + 48, (b) + 48) << 48 |                                          \
   (uint64_t)PAIRS_BYTE(name, (a) + 56, (b) + 56) << 56)

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
