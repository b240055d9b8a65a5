/**
 * Columns: one condition over many contexts at once, held as they lie in memory
 * already: arrays of doubles or floats, dictionary-coded strings, bitmaps of
 * booleans, fields of an array of structures. Nothing is copied.
 *
 *     const hf_column columns[] = {
 *         {.type = HF_COLUMN_DOUBLE, .values = severity},
 *         {.type = HF_COLUMN_DOUBLE, .values = recurrence_count, .validity = known},
 *     };
 *     hf_column_counts counts;
 *     uint8_t held[HF_BITMAP_BYTES(ROWS)];
 *     if (hf_condition_evaluate_columns(condition, columns, 2, ROWS, held, NULL, &counts, &error)
 *         == HF_OK) {
 *       ... counts.held of the rows hold; bit i % 8 of held[i / 8] is row i
 *     }
 *
 * The layout is that of Apache Arrow's columnar format (version 1.x): bitmaps
 * have the least significant bit first, a set bit in a validity bitmap means
 * that the row has a value, and strings are 32-bit codes into a dictionary.
 *
 * A row decides exactly as a context with the same values would, with
 * hf_condition_evaluate(): a row that fails there fails here, and holds not. So
 * NaN is a value, which differs from everything; and a variable without a value
 * makes a row fail even where the rest of the condition would decide it. No column
 * holds null or a container.
 */
#ifndef HOLDFAST_COLUMNS_H
#define HOLDFAST_COLUMNS_H

#include <holdfast/base.h>
#include <holdfast/condition.h>
#include <holdfast/context.h>
#include <holdfast/schema.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** The bytes of a bitmap with a bit for each of `count` rows. */
#define HF_BITMAP_BYTES(count) (((count) + 7) / 8)

/** How the values of a column lie in memory. */
typedef enum hf_column_type {
  /** No values: every row is missing. What a column is that sets nothing. */
  HF_COLUMN_ABSENT = 0,
  /** `double`, aligned to 8 bytes when packed; any alignment with a stride. */
  HF_COLUMN_DOUBLE = 1,
  /** `float`, aligned to 4 bytes when packed; widened exactly. */
  HF_COLUMN_FLOAT = 2,
  /** A bitmap. It has no stride. */
  HF_COLUMN_BOOLEAN = 3,
  /** `int32_t` codes, aligned to 4 bytes when packed, into `dictionary`. */
  HF_COLUMN_STRING = 4
} hf_column_type;

/**
 * One column: the values of one variable in every row. All is borrowed for the
 * call, and nobody may change it meanwhile. Fields that a type does not speak of
 * are not looked at.
 */
typedef struct hf_column {
  hf_column_type type;
  /** The first row's value; NULL only where there are no rows or the type is
   *  HF_COLUMN_ABSENT. Every row has its place here, what `validity` says it does
   *  not have included: that may be any bytes. */
  const void *HF_NULLABLE values;
  /** From one row's value to the next, in bytes: the size of the structure whose
   *  field this is. 0: packed. Must be 0 for HF_COLUMN_BOOLEAN. */
  size_t stride_bytes;
  /** Where in the bitmap of HF_COLUMN_BOOLEAN the first row's bit is. */
  size_t offset_bits;
  /** A bitmap, its set bits the rows that have a value. NULL: every row has one. */
  const uint8_t *HF_NULLABLE validity;
  /** Where in `validity` the first row's bit is. */
  size_t validity_offset_bits;
  /** HF_COLUMN_STRING: what the codes mean, UTF-8 shorter than 4 GiB each. The same
   *  string may stand twice. A code outside makes the row's value one of a wrong
   *  type: see HF_KIND_INVALID. */
  const hf_word *HF_NULLABLE dictionary;
  size_t dictionary_count;
} hf_column;

/** What became of the rows. Those that are neither decided false. */
typedef struct hf_column_counts {
  /** Rows in which the condition holds. */
  size_t held;
  /** Rows in which hf_condition_evaluate() would fail: a missing value, a
   *  mismatch of types. */
  size_t failed;
} hf_column_counts;

/**
 * Decides a condition in every row.
 *
 * @param condition     borrowed.
 * @param columns       one for each variable, in the schema's order. May be NULL
 *                      when `column_count` is 0.
 * @param column_count  may be less than the schema declares: the rest are
 *                      absent. More is HF_ERROR_INVALID_ARGUMENT.
 * @param row_count     any, 0 included.
 * @param held          receives a bitmap of HF_BITMAP_BYTES(row_count) bytes, the
 *                      bits behind the last row 0; NULL when only the counts
 *                      matter. Must not overlap the columns. Any alignment.
 * @param failed        as `held`, for the rows that failed; NULL when they need
 *                      not be known apart. Must not overlap `held`.
 * @param counts        receives the counts.
 * @param error         NULL, or receives what is wrong with the arguments;
 *                      `variable` is the column's. To learn why a row failed, put
 *                      it into a context with hf_context_set_row() and evaluate
 *                      that.
 * @return HF_OK, also when rows failed; HF_ERROR_TYPE_MISMATCH when a column's
 *         type is not the declared one (HF_COLUMN_DOUBLE and HF_COLUMN_FLOAT are
 *         numbers); HF_ERROR_INVALID_ARGUMENT when a column is not well formed
 *         (no such type, no values, a stride that is shorter than the value, a
 *         dictionary that is NULL but counted, a misaligned packed column, or, in
 *         a column that the condition names, a word of the dictionary that is NULL
 *         but has a length, or is too long); HF_ERROR_OUT_OF_MEMORY. On failure
 *         the bitmaps and the counts are untouched.
 *
 * Threads: any. Progress: wait-free, but for the allocator. Cost: O(rows x
 * comparisons + dictionary entries x string comparisons); for packed numbers about
 * the time to read the columns that the condition names once, for two columns of
 * strings a comparison of bytes a row. Allocates nothing for conditions within the
 * default limits and dictionaries of up to 4,096 entries; otherwise one temporary
 * block from the condition's allocator. Takes up to 40 KiB of stack.
 */
HF_API HF_MUST_USE hf_status hf_condition_evaluate_columns(
    const hf_condition *condition, const hf_column *HF_NULLABLE columns, size_t column_count,
    size_t row_count, uint8_t *HF_NULLABLE held, uint8_t *HF_NULLABLE failed,
    hf_column_counts *counts, hf_error *HF_NULLABLE error);

/**
 * Fills a context with one row, every variable: what has no value there is made
 * missing. Strings are borrowed from the dictionary, as by
 * hf_context_borrow_string().
 *
 * @param context       of the schema that the columns are for.
 * @param columns       as hf_condition_evaluate_columns().
 * @param column_count  as there.
 * @param row           the caller keeps it below the number of rows.
 * @return HF_OK; HF_ERROR_TYPE_MISMATCH and HF_ERROR_INVALID_ARGUMENT as there,
 *         but of the words only this row's are looked at; HF_ERROR_OUT_OF_MEMORY.
 *         The context is unchanged on failure.
 *
 * Threads: as filling a context. Cost: O(variables) and, where the schema interns
 * words, O(length) of the row's strings. Allocates at most for the context's first
 * string: see hf_context_create().
 */
HF_API HF_MUST_USE hf_status hf_context_set_row(hf_context *context,
                                                const hf_column *HF_NULLABLE columns,
                                                size_t column_count, size_t row);

HF_END_NONNULL
HF_END_C

#endif
