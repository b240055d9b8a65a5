/*
 * The loops over columns for a path with vectors. Included once by each
 * columns_<path>.c, which defines before
 *
 *   LOOPS          the name of the table
 *   TARGET         the attribute that lets a function use the path's instructions
 *   DOUBLES, FLOATS, CODES                        the types of its vectors
 *   ALL_DOUBLES(x), ALL_FLOATS(x), ALL_CODES(x)   x in every place of a vector
 *   DOUBLES_WORD(name, at, x)   64 doubles at `at` against the vector x, by the
 *                               comparison `name`, as a uint64_t
 *   FLOATS_WORD, CODES_WORD     the same of floats and codes
 *   PAIRS_WORD(name, a, b)      64 doubles at `a` against 64 at `b`
 *   LOOKUP, COUNT               those two functions
 */
#define EACH_OPERATOR(name)                                                                        \
  TARGET static void doubles_##name(const double *left, double right, size_t words,                \
                                    uint64_t *bits) {                                              \
    DOUBLES literal = ALL_DOUBLES(right);                                                          \
    for (size_t i = 0; i < words; i++) {                                                           \
      bits[i] = DOUBLES_WORD(name, left + i * 64, literal);                                        \
    }                                                                                              \
  }                                                                                                \
  TARGET static void floats_##name(const float *left, float right, size_t words, uint64_t *bits) { \
    FLOATS literal = ALL_FLOATS(right);                                                            \
    for (size_t i = 0; i < words; i++) {                                                           \
      bits[i] = FLOATS_WORD(name, left + i * 64, literal);                                         \
    }                                                                                              \
  }                                                                                                \
  TARGET static void pairs_##name(const double *left, const double *right, size_t words,           \
                                  uint64_t *bits) {                                                \
    for (size_t i = 0; i < words; i++) {                                                           \
      bits[i] = PAIRS_WORD(name, left + i * 64, right + i * 64);                                   \
    }                                                                                              \
  }

EACH_OPERATOR(equal)
EACH_OPERATOR(not_equal)
EACH_OPERATOR(less)
EACH_OPERATOR(less_or_equal)
EACH_OPERATOR(greater)
EACH_OPERATOR(greater_or_equal)

#define EACH_TEST(name)                                                                            \
  TARGET static void codes_##name(const uint32_t *codes, uint32_t code, size_t words,              \
                                  uint64_t *bits) {                                                \
    CODES literal = ALL_CODES(code);                                                               \
    for (size_t i = 0; i < words; i++) {                                                           \
      bits[i] = CODES_WORD(name, codes + i * 64, literal);                                         \
    }                                                                                              \
  }

EACH_TEST(equal)
EACH_TEST(not_equal)
EACH_TEST(beyond)

const hf__column_loops LOOPS = {
    .doubles = {doubles_equal, doubles_not_equal, doubles_less, doubles_less_or_equal,
                doubles_greater, doubles_greater_or_equal},
    .floats = {floats_equal, floats_not_equal, floats_less, floats_less_or_equal, floats_greater,
               floats_greater_or_equal},
    .pairs = {pairs_equal, pairs_not_equal, pairs_less, pairs_less_or_equal, pairs_greater,
              pairs_greater_or_equal},
    .codes_equal = codes_equal,
    .codes_not_equal = codes_not_equal,
    .codes_beyond = codes_beyond,
    .lookup = LOOKUP,
    .count = COUNT,
};
