/*
 * Columns inside: the loops that compare a run of rows, one set for each path of
 * path.h, and how single values are read.
 *
 * A loop takes whole words: 64 rows give the 64 bits of one word, the first row
 * the lowest. Whoever has fewer rows copies them into a buffer first.
 */
#ifndef HF_COLUMNS_H
#define HF_COLUMNS_H

#include <holdfast/columns.h>

#include <string.h>

#include "path.h"

/* The values of hf_operator, by which the loops stand in tables. */
#define HF__OPERATOR_COUNT (HF_OPERATOR_GREATER_OR_EQUAL + 1)

/* left[i] against `right`, natively: NaN is unequal to all and has no order. */
typedef void hf__doubles_loop(const double *left, double right, size_t words, uint64_t *bits);
typedef void hf__floats_loop(const float *left, float right, size_t words, uint64_t *bits);
/* left[i] against right[i]. */
typedef void hf__pairs_loop(const double *left, const double *right, size_t words, uint64_t *bits);
/* codes[i] against `code`. */
typedef void hf__codes_loop(const uint32_t *codes, uint32_t code, size_t words, uint64_t *bits);
/* Bit codes[i] of `table`, in which `last` is the last; larger codes find any bit of it. */
typedef void hf__lookup_loop(const uint32_t *codes, const uint32_t *table, uint32_t last,
                             size_t words, uint64_t *bits);

typedef struct hf__column_loops {
  hf__doubles_loop *doubles[HF__OPERATOR_COUNT];
  hf__floats_loop *floats[HF__OPERATOR_COUNT];
  hf__pairs_loop *pairs[HF__OPERATOR_COUNT];
  hf__codes_loop *codes_equal;
  hf__codes_loop *codes_not_equal;
  hf__codes_loop *codes_beyond; /* codes[i] >= code */
  hf__lookup_loop *lookup;
  size_t (*count)(const uint64_t *bits, size_t words); /* of the bits that are set */
} hf__column_loops;

extern const hf__column_loops hf__column_loops_portable;
#if HF__X86
extern const hf__column_loops hf__column_loops_sse2;
extern const hf__column_loops hf__column_loops_avx2;
extern const hf__column_loops hf__column_loops_avx512;
#elif HF__NEON
extern const hf__column_loops hf__column_loops_neon;
#endif

/* Whether columns are well formed and of the schema's types, in `row_count` rows. */
HF_MUST_USE hf_status hf__columns_check(const hf_schema *schema, const hf_column *columns,
                                        size_t column_count, size_t row_count, hf_error *error);

/* Whether a word is one that a context would borrow. */
static inline bool hf__word_is_sound(const hf_word *word) {
  return word->length_bytes <= UINT32_MAX && (word->bytes != NULL || word->length_bytes == 0);
}

/* Codes are 32 bits with a sign: words further back than that have none. */
static inline uint32_t hf__reachable_words(const hf_column *column) {
  const size_t most = (size_t)INT32_MAX + 1;
  return (uint32_t)(column->dictionary_count < most ? column->dictionary_count : most);
}

/* One value -------------------------------------------------------------------- */

static inline bool hf__bit(const uint8_t *bitmap, size_t offset_bits, size_t row) {
  size_t bit = offset_bits % 8 + row % 8;
  return (bitmap[offset_bits / 8 + row / 8 + bit / 8] >> (bit % 8) & 1) != 0;
}

static inline bool hf__row_has_value(const hf_column *column, size_t row) {
  return column->type != HF_COLUMN_ABSENT &&
         (column->validity == NULL || hf__bit(column->validity, column->validity_offset_bits, row));
}

/* Where a row's value of `size_bytes` is. */
static inline const char *hf__value_at(const hf_column *column, size_t row, size_t size_bytes) {
  size_t stride = column->stride_bytes == 0 ? size_bytes : column->stride_bytes;
  return (const char *)column->values + row * stride;
}

static inline uint32_t hf__code_at(const hf_column *column, size_t row) {
  uint32_t code;
  memcpy(&code, hf__value_at(column, row, sizeof code), sizeof code);
  return code;
}

/* The value of a column of numbers or booleans. */
static inline double hf__number_at(const hf_column *column, size_t row) {
  if (column->type == HF_COLUMN_DOUBLE) {
    double number;
    memcpy(&number, hf__value_at(column, row, sizeof number), sizeof number);
    return number;
  }
  if (column->type == HF_COLUMN_FLOAT) {
    float number;
    memcpy(&number, hf__value_at(column, row, sizeof number), sizeof number);
    return (double)number;
  }
  return hf__bit(column->values, column->offset_bits, row) ? 1 : 0;
}

#endif
