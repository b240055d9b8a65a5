/*
 * What one call works out about a condition and its columns before the first row:
 * a step for each comparison, in the order of the text, with what its columns'
 * types and its literal make of it.
 *
 * The tree of `and` and `or` is folded into the steps: their kinds alternate from
 * one depth to the next, so it is enough to know how many open before a comparison
 * and how many close behind it. Each open one has a bitmap of the block's rows, its
 * level.
 */
#ifndef HF_COLUMNS_PLAN_H
#define HF_COLUMNS_PLAN_H

#include "columns.h"
#include "program.h"

/*
 * Rows of a block. 32 KiB of a column of doubles: those of a usual condition stay in
 * the second-level cache until their last comparison. Measured, not derived: blocks
 * of 512 rows, for the first level, took five columns some 40 % longer.
 */
#define HF__COLUMN_BLOCK_WORDS 64
#define HF__COLUMN_BLOCK_ROWS ((size_t)HF__COLUMN_BLOCK_WORDS * 64)

/* What fits on the stack: conditions and dictionaries within the default limits. */
#define HF__COLUMN_STACK_STEPS (HF_CONDITION_DEFAULT_MAX_TOKENS / 4 + 1)
#define HF__COLUMN_STACK_LEVELS HF__COLUMN_STACK_STEPS
#define HF__COLUMN_STACK_TABLE_WORDS (HF__COLUMN_STACK_STEPS * 4096 / 32)

typedef enum hf__column_step_kind {
  HF__COLUMN_CONSTANT, /* the same in every row: `when_true` */
  HF__COLUMN_DOUBLES,  /* a column of doubles with `number` */
  HF__COLUMN_FLOATS,   /* a column of floats with `bound` */
  HF__COLUMN_BITS,     /* a column of booleans: `when_true` or `when_false` */
  HF__COLUMN_PAIRS,    /* two columns of numbers or booleans */
  HF__COLUMN_CODES,    /* a column of strings with the word `code` */
  HF__COLUMN_TABLE,    /* a column of strings by its words' bits in `table` */
  HF__COLUMN_STRINGS   /* two columns of strings */
} hf__column_step_kind;

typedef struct hf__column_step {
  hf__column_step_kind kind;
  hf_operator op;
  uint32_t opens;
  uint32_t closes;
  const hf_column *left;
  const hf_column *right;
  double number;
  float bound;
  uint32_t code; /* TABLE: the last in the table */
  uint64_t when_true;
  uint64_t when_false;
  const uint32_t *table;
} hf__column_step;

typedef struct hf__column_level {
  uint64_t bits[HF__COLUMN_BLOCK_WORDS];
} hf__column_level;

typedef struct hf__column_plan {
  hf__column_step *steps;
  uint32_t step_count;
  bool root_is_and;
  bool all_fail; /* every row fails; there are no steps */
  bool some_may_fail;
  hf__column_level *levels;
  uint32_t *table_words;
  void *block; /* NULL: all on the stack */
  size_t block_bytes;
  struct {
    hf__column_step steps[HF__COLUMN_STACK_STEPS];
    hf__column_level levels[HF__COLUMN_STACK_LEVELS];
    uint32_t table_words[HF__COLUMN_STACK_TABLE_WORDS];
  } stack;
} hf__column_plan;

/*
 * Fills a plan for columns that hf__columns_check() admits. HF_ERROR_OUT_OF_MEMORY;
 * HF_ERROR_INVALID_ARGUMENT for a dictionary with a word that is none. Whoever got
 * HF_OK closes it.
 */
HF_MUST_USE hf_status hf__column_plan_open(hf__column_plan *plan, const hf_condition *condition,
                                           const hf_column *columns, size_t column_count,
                                           hf_error *error);
void hf__column_plan_close(hf__column_plan *plan, const hf_condition *condition);

/* The word of 64 rows that all have this bit. */
static inline uint64_t hf__filled(bool bit) {
  return bit ? UINT64_MAX : 0;
}

/* 1 or 0, or less than 0 when there is no order. */
static inline int hf__compare_words(const hf_word *left, hf_operator op, const hf_word *right) {
  hf__cell a = {
      .kind = HF_KIND_STRING, .string = left->bytes, .length_bytes = (uint32_t)left->length_bytes};
  hf__cell b = {.kind = HF_KIND_STRING,
                .string = right->bytes,
                .length_bytes = (uint32_t)right->length_bytes};
  return hf__compare(&a, op, &b);
}

#endif
