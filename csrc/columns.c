/*
 * One condition over columns, in blocks of rows.
 *
 * Each comparison of the condition makes a bitmap of the block, and the bitmaps
 * are joined as the tree says. Evaluation is strict, so which rows fail does not
 * depend on the tree: those where a named column has no value, or a code outside
 * its dictionary. (Types are the same in every row: a comparison without order
 * fails in all of them, and is found before the first.)
 *
 * A block has whole words but for the last, which has less than one: its values
 * are copied into a buffer, so that the loops never read behind a column's end.
 */
#include "columns.h"

#include "columns_plan.h"

/* Paths ------------------------------------------------------------------------ */

static const hf__column_loops *loops_of(hf__path path) {
  switch (path) {
#if HF__X86
  case HF__PATH_SSE2:
    return &hf__column_loops_sse2;
  case HF__PATH_AVX2:
    return &hf__column_loops_avx2;
  case HF__PATH_AVX512:
    return &hf__column_loops_avx512;
  case HF__PATH_NEON:
#elif HF__NEON
  case HF__PATH_NEON:
    return &hf__column_loops_neon;
  case HF__PATH_SSE2:
  case HF__PATH_AVX2:
  case HF__PATH_AVX512:
#else
  case HF__PATH_SSE2:
  case HF__PATH_NEON:
  case HF__PATH_AVX2:
  case HF__PATH_AVX512:
#endif
  case HF__PATH_PORTABLE:
    break;
  }
  return &hf__column_loops_portable;
}

/* Blocks ----------------------------------------------------------------------- */

/* Rows `start` to `start + rows`: whole words, or less than one. */
typedef struct block {
  size_t start;
  size_t rows;
  size_t words;
} block;

/* `bytes` bytes, at most eight, the first the lowest. */
static inline uint64_t read_bytes(const uint8_t *from, size_t bytes) {
  uint64_t word = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(&word, from, bytes);
#else
  for (size_t i = 0; i < bytes; i++) {
    word |= (uint64_t)from[i] << (8 * i);
  }
#endif
  return word;
}

/* A bitmap's bits for the rows from `row` on, a multiple of 64; at most 64 of them.
 * Reads no byte without a row's bit. */
static inline uint64_t read_word(const uint8_t *bitmap, size_t offset_bits, size_t row,
                                 size_t rows) {
  const uint8_t *from = bitmap + offset_bits / 8 + row / 8;
  size_t shift = offset_bits % 8;
  if (rows >= 64) {
    uint64_t word = read_bytes(from, 8);
    return shift == 0 ? word : word >> shift | (uint64_t)from[8] << (64 - shift);
  }
  size_t bytes = (shift + rows + 7) / 8;
  uint64_t word = read_bytes(from, bytes < 8 ? bytes : 8) >> shift;
  return bytes > 8 ? word | (uint64_t)from[8] << (64 - shift) : word;
}

static void read_bitmap(const uint8_t *bitmap, size_t offset_bits, block at, uint64_t *bits) {
  for (size_t i = 0; i < at.words; i++) {
    bits[i] = read_word(bitmap, offset_bits, at.start + 64 * i, at.rows - 64 * i);
  }
}

/* Values as a loop reads them -------------------------------------------------- */

/* Rows that are copied at a time, where they cannot be read in place. */
#define COPIED_ROWS 512

/* Whether a loop may read a column's values where they are: packed, and whole words. */
static bool is_in_place(const hf_column *column, block at, size_t size_bytes) {
  bool is_packed = column->stride_bytes == 0 || (column->stride_bytes == size_bytes &&
                                                 (uintptr_t)column->values % size_bytes == 0);
  return is_packed && at.rows >= 64;
}

/* The rows of a block from `done` on, at most `most`, a multiple of 64. */
static block part_of(block whole, size_t done, size_t most) {
  size_t left = whole.rows - done;
  size_t rows = left < most ? left : most;
  return (block){.start = whole.start + done, .rows = rows, .words = (rows + 63) / 64};
}

/* How many rows of a block a loop takes at a time. */
static size_t rows_at_a_time(const hf_column *column, block at, size_t size_bytes) {
  return is_in_place(column, at, size_bytes) ? HF__COLUMN_BLOCK_ROWS : COPIED_ROWS;
}

static const double *doubles_of(const hf_column *column, block at, double buffer[COPIED_ROWS]) {
  if (column->type == HF_COLUMN_DOUBLE && is_in_place(column, at, sizeof(double))) {
    return (const double *)column->values + at.start;
  }
  for (size_t i = 0; i < at.rows; i++) {
    buffer[i] = hf__number_at(column, at.start + i);
  }
  for (size_t i = at.rows; i < at.words * 64; i++) {
    buffer[i] = 0;
  }
  return buffer;
}

static const float *floats_of(const hf_column *column, block at, float buffer[COPIED_ROWS]) {
  if (is_in_place(column, at, sizeof(float))) {
    return (const float *)column->values + at.start;
  }
  for (size_t i = 0; i < at.rows; i++) {
    memcpy(&buffer[i], hf__value_at(column, at.start + i, sizeof(float)), sizeof(float));
  }
  for (size_t i = at.rows; i < at.words * 64; i++) {
    buffer[i] = 0;
  }
  return buffer;
}

static const uint32_t *codes_of(const hf_column *column, block at, uint32_t buffer[COPIED_ROWS]) {
  if (is_in_place(column, at, sizeof(uint32_t))) {
    return (const uint32_t *)column->values + at.start;
  }
  for (size_t i = 0; i < at.rows; i++) {
    buffer[i] = hf__code_at(column, at.start + i);
  }
  for (size_t i = at.rows; i < at.words * 64; i++) {
    buffer[i] = 0;
  }
  return buffer;
}

/* Comparisons ------------------------------------------------------------------ */

static void compare_pairs(const hf__column_loops *loops, const hf__column_step *step, block at,
                          uint64_t *bits) {
  double left[COPIED_ROWS];
  double right[COPIED_ROWS];
  for (size_t done = 0; done < at.rows; done += COPIED_ROWS) {
    block part = part_of(at, done, COPIED_ROWS);
    loops->pairs[step->op](doubles_of(step->left, part, left), doubles_of(step->right, part, right),
                           part.words, bits + done / 64);
  }
}

static void compare_doubles(const hf__column_loops *loops, const hf__column_step *step, block at,
                            uint64_t *bits) {
  double buffer[COPIED_ROWS];
  size_t most = rows_at_a_time(step->left, at, sizeof(double));
  for (size_t done = 0; done < at.rows; done += most) {
    block part = part_of(at, done, most);
    loops->doubles[step->op](doubles_of(step->left, part, buffer), step->number, part.words,
                             bits + done / 64);
  }
}

static void compare_floats(const hf__column_loops *loops, const hf__column_step *step, block at,
                           uint64_t *bits) {
  float buffer[COPIED_ROWS];
  size_t most = rows_at_a_time(step->left, at, sizeof(float));
  for (size_t done = 0; done < at.rows; done += most) {
    block part = part_of(at, done, most);
    loops->floats[step->op](floats_of(step->left, part, buffer), step->bound, part.words,
                            bits + done / 64);
  }
}

static void compare_codes(const hf__column_loops *loops, const hf__column_step *step, block at,
                          uint64_t *bits) {
  uint32_t buffer[COPIED_ROWS];
  size_t most = rows_at_a_time(step->left, at, sizeof(uint32_t));
  for (size_t done = 0; done < at.rows; done += most) {
    block part = part_of(at, done, most);
    const uint32_t *codes = codes_of(step->left, part, buffer);
    if (step->kind == HF__COLUMN_TABLE) {
      loops->lookup(codes, step->table, step->code, part.words, bits + done / 64);
    } else if (step->op == HF_OPERATOR_EQUAL) {
      loops->codes_equal(codes, step->code, part.words, bits + done / 64);
    } else {
      loops->codes_not_equal(codes, step->code, part.words, bits + done / 64);
    }
  }
}

/* Rows without a value in one of the columns, or without its word, fail anyway. */
static bool compare_strings_at(const hf__column_step *step, size_t row) {
  uint32_t left = hf__code_at(step->left, row);
  uint32_t right = hf__code_at(step->right, row);
  return left < hf__reachable_words(step->left) && right < hf__reachable_words(step->right) &&
         hf__compare_words(&step->left->dictionary[left], step->op,
                           &step->right->dictionary[right]) == 1;
}

static void compare_strings(const hf__column_step *step, block at, uint64_t *bits) {
  for (size_t i = 0; i < at.words; i++) {
    size_t left = at.rows - 64 * i;
    size_t rows = left < 64 ? left : 64;
    uint64_t word = 0;
    for (size_t row = 0; row < rows; row++) {
      word |= (uint64_t)compare_strings_at(step, at.start + 64 * i + row) << row;
    }
    bits[i] = word;
  }
}

static void compare_bits(const hf__column_step *step, block at, uint64_t *bits) {
  read_bitmap(step->left->values, step->left->offset_bits, at, bits);
  for (size_t i = 0; i < at.words; i++) {
    bits[i] = (bits[i] & step->when_true) | (~bits[i] & step->when_false);
  }
}

static void fill(uint64_t *bits, size_t words, uint64_t word) {
  for (size_t i = 0; i < words; i++) {
    bits[i] = word;
  }
}

static void compare(const hf__column_loops *loops, const hf__column_step *step, block at,
                    uint64_t *bits) {
  switch (step->kind) {
  case HF__COLUMN_CONSTANT:
    fill(bits, at.words, step->when_true);
    break;
  case HF__COLUMN_DOUBLES:
    compare_doubles(loops, step, at, bits);
    break;
  case HF__COLUMN_FLOATS:
    compare_floats(loops, step, at, bits);
    break;
  case HF__COLUMN_BITS:
    compare_bits(step, at, bits);
    break;
  case HF__COLUMN_PAIRS:
    compare_pairs(loops, step, at, bits);
    break;
  case HF__COLUMN_CODES:
  case HF__COLUMN_TABLE:
    compare_codes(loops, step, at, bits);
    break;
  case HF__COLUMN_STRINGS:
    compare_strings(step, at, bits);
    break;
  }
}

/* Joining ---------------------------------------------------------------------- */

/* Levels are joined in groups of words, whose number the compiler knows. The words
 * behind the block's last are of no account. */
#define GROUP_WORDS 8

static size_t grouped(size_t words) {
  return (words + GROUP_WORDS - 1) / GROUP_WORDS * GROUP_WORDS;
}

static void join(hf__column_level *into, const hf__column_level *from, bool is_and, size_t words) {
  for (size_t group = 0; group < words; group += GROUP_WORDS) {
    uint64_t *to = into->bits + group;
    const uint64_t *bits = from->bits + group;
    for (size_t i = 0; i < GROUP_WORDS; i++) {
      to[i] = is_and ? to[i] & bits[i] : to[i] | bits[i];
    }
  }
}

/* Leaves in levels[0] the rows in which the condition holds, failures aside. */
static void decide_block(const hf__column_plan *plan, const hf__column_loops *loops, block at) {
  hf__column_level *level = plan->levels;
  hf__column_level outcome;
  bool is_and = plan->root_is_and;
  size_t words = grouped(at.words);
  fill(level->bits, words, hf__filled(is_and));
  fill(outcome.bits + at.words, words - at.words, 0);
  for (uint32_t i = 0; i < plan->step_count; i++) {
    const hf__column_step *step = &plan->steps[i];
    for (uint32_t opens = step->opens; opens > 0; opens--) {
      level++;
      is_and = !is_and;
      fill(level->bits, words, hf__filled(is_and));
    }
    compare(loops, step, at, outcome.bits);
    join(level, &outcome, is_and, words);
    for (uint32_t closes = step->closes; closes > 0; closes--) {
      is_and = !is_and;
      join(level - 1, level, is_and, words);
      level--;
    }
  }
}

/* Which rows have a code outside the dictionary. */
static void find_strays(const hf__column_loops *loops, const hf_column *column, block at,
                        uint64_t *bits) {
  uint32_t buffer[COPIED_ROWS];
  uint32_t words = hf__reachable_words(column);
  size_t most = rows_at_a_time(column, at, sizeof(uint32_t));
  for (size_t done = 0; done < at.rows; done += most) {
    block part = part_of(at, done, most);
    loops->codes_beyond(codes_of(column, part, buffer), words, part.words, bits + done / 64);
  }
}

/* The rows in which a named column has no value, or no word for its code. */
static void find_failures(const hf_condition *condition, const hf_column *columns,
                          const hf__column_loops *loops, block at, hf__column_level *failed) {
  hf__column_level found;
  fill(failed->bits, at.words, 0);
  for (uint32_t i = 0; i < condition->variable_count; i++) {
    const hf_column *column = &columns[condition->variables[i]];
    if (column->validity != NULL) {
      read_bitmap(column->validity, column->validity_offset_bits, at, found.bits);
      for (size_t word = 0; word < at.words; word++) {
        failed->bits[word] |= ~found.bits[word];
      }
    }
    if (column->type == HF_COLUMN_STRING) {
      find_strays(loops, column, at, found.bits);
      for (size_t word = 0; word < at.words; word++) {
        failed->bits[word] |= found.bits[word];
      }
    }
  }
}

/* Answers ---------------------------------------------------------------------- */

static void write_block(const uint64_t *bits, block at, uint8_t *bitmap) {
  uint8_t *to = bitmap + at.start / 8;
  size_t bytes = (at.rows + 7) / 8;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(to, bits, bytes);
#else
  for (size_t i = 0; i < bytes; i++) {
    to[i] = (uint8_t)(bits[i / 8] >> (i % 8 * 8));
  }
#endif
}

static block next_block(size_t start, size_t row_count) {
  size_t rows = row_count - start;
  if (rows > HF__COLUMN_BLOCK_ROWS) {
    rows = HF__COLUMN_BLOCK_ROWS;
  } else if (rows > 64) {
    rows -= rows % 64;
  }
  return (block){.start = start, .rows = rows, .words = (rows + 63) / 64};
}

/* Clears the bits behind the last row of a block with less than a word of them. */
static void drop_rest(uint64_t *bits, block at) {
  if (at.rows < 64) {
    bits[0] &= (UINT64_C(1) << at.rows) - 1;
  }
}

static hf_column_counts decide_rows(const hf__column_plan *plan, const hf_condition *condition,
                                    const hf_column *columns, const hf__column_loops *loops,
                                    size_t row_count, uint8_t *held, uint8_t *failed) {
  hf_column_counts counts = {0, 0};
  hf__column_level failing = {{0}};
  for (block at = {0}; at.start < row_count; at.start += at.rows) {
    at = next_block(at.start, row_count);
    hf__column_level *holding = &plan->levels[0];
    decide_block(plan, loops, at);
    drop_rest(holding->bits, at);
    if (plan->some_may_fail) {
      find_failures(condition, columns, loops, at, &failing);
      drop_rest(failing.bits, at);
      for (size_t i = 0; i < at.words; i++) {
        holding->bits[i] &= ~failing.bits[i];
      }
      counts.failed += loops->count(failing.bits, at.words);
    }
    counts.held += loops->count(holding->bits, at.words);
    if (held != NULL) {
      write_block(holding->bits, at, held);
    }
    if (failed != NULL) {
      write_block(failing.bits, at, failed);
    }
  }
  return counts;
}

/* Every row fails: nothing holds. */
static hf_column_counts fail_rows(size_t row_count, uint8_t *held, uint8_t *failed) {
  if (row_count == 0) {
    return (hf_column_counts){0, 0};
  }
  size_t whole = row_count / 8;
  size_t rest = row_count % 8;
  if (held != NULL) {
    memset(held, 0, whole + (rest != 0));
  }
  if (failed != NULL) {
    memset(failed, 0xFF, whole);
    if (rest != 0) {
      failed[whole] = (uint8_t)((1U << rest) - 1);
    }
  }
  return (hf_column_counts){.held = 0, .failed = row_count};
}

hf_status hf_condition_evaluate_columns(const hf_condition *condition, const hf_column *columns,
                                        size_t column_count, size_t row_count, uint8_t *held,
                                        uint8_t *failed, hf_column_counts *counts,
                                        hf_error *error) {
  hf_status status = hf__columns_check(condition->schema, columns, column_count, row_count, error);
  if (status != HF_OK) {
    return status;
  }
  hf__column_plan plan;
  status = hf__column_plan_open(&plan, condition, columns, column_count, error);
  if (status != HF_OK) {
    return status;
  }
  const hf__column_loops *loops = loops_of((hf__path)condition->path);
  *counts = plan.all_fail ? fail_rows(row_count, held, failed)
                          : decide_rows(&plan, condition, columns, loops, row_count, held, failed);
  hf__column_plan_close(&plan, condition);
  return HF_OK;
}
