/* The loops over columns in plain C, which every other path must agree with. */
#include "columns.h"

#define EACH_ROW(type, name, parameter, condition)                                                 \
  static void name(const type *left, parameter, size_t words, uint64_t *bits) {                    \
    for (size_t i = 0; i < words * 64; i += 64) {                                                  \
      uint64_t word = 0;                                                                           \
      for (size_t bit = 0; bit < 64; bit++) {                                                      \
        word |= (uint64_t)(condition) << bit;                                                      \
      }                                                                                            \
      bits[i / 64] = word;                                                                         \
    }                                                                                              \
  }

#define EACH_OPERATOR(name, op)                                                                    \
  EACH_ROW(double, doubles_##name, double right, left[i + bit] op right)                           \
  EACH_ROW(float, floats_##name, float right, left[i + bit] op right)                              \
  EACH_ROW(double, pairs_##name, const double *right, left[i + bit] op right[i + bit])

EACH_OPERATOR(equal, ==)
EACH_OPERATOR(not_equal, !=)
EACH_OPERATOR(less, <)
EACH_OPERATOR(less_or_equal, <=)
EACH_OPERATOR(greater, >)
EACH_OPERATOR(greater_or_equal, >=)

EACH_ROW(uint32_t, codes_equal, uint32_t code, left[i + bit] == code)
EACH_ROW(uint32_t, codes_not_equal, uint32_t code, left[i + bit] != code)
EACH_ROW(uint32_t, codes_beyond, uint32_t code, left[i + bit] >= code)

static void lookup(const uint32_t *codes, const uint32_t *table, uint32_t last, size_t words,
                   uint64_t *bits) {
  for (size_t i = 0; i < words * 64; i += 64) {
    uint64_t word = 0;
    for (size_t bit = 0; bit < 64; bit++) {
      uint32_t code = codes[i + bit] < last ? codes[i + bit] : last;
      word |= (uint64_t)(table[code / 32] >> (code % 32) & 1) << bit;
    }
    bits[i / 64] = word;
  }
}

static size_t count(const uint64_t *bits, size_t words) {
  size_t set = 0;
  for (size_t i = 0; i < words; i++) {
    set += (size_t)__builtin_popcountll(bits[i]);
  }
  return set;
}

const hf__column_loops hf__column_loops_portable = {
    .doubles = {doubles_equal, doubles_not_equal, doubles_less, doubles_less_or_equal,
                doubles_greater, doubles_greater_or_equal},
    .floats = {floats_equal, floats_not_equal, floats_less, floats_less_or_equal, floats_greater,
               floats_greater_or_equal},
    .pairs = {pairs_equal, pairs_not_equal, pairs_less, pairs_less_or_equal, pairs_greater,
              pairs_greater_or_equal},
    .codes_equal = codes_equal,
    .codes_not_equal = codes_not_equal,
    .codes_beyond = codes_beyond,
    .lookup = lookup,
    .count = count,
};
