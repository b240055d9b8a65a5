/*
 * One condition over a million contexts at once, held as columns, against
 * reading the same columns once: what memory allows.
 */
#include "bench_harness.h"
#include "bench_workloads.h"

#include <holdfast/columns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1 << 20, MAX_COLUMNS = 8, LINE_BYTES = 64 };

typedef struct column_plan {
  const char *workload;
  hf_column_type type;
} column_plan;

typedef struct columns {
  hf_schema *schema;
  hf_condition *condition;
  hf_column columns[MAX_COLUMNS];
  void *values[MAX_COLUMNS]; /* owned; aligned to a line of the cache */
  size_t count;
  size_t column_bytes;
  uint8_t *held;
} columns;

static void tear_down(void *data) {
  columns *c = data;
  for (size_t i = 0; i < c->count; i++) {
    free(c->values[i]);
  }
  free(c->held);
  hf_condition_destroy(c->condition);
  hf_schema_release(c->schema);
  free(c);
}

/* Rows of doubles into columns. As floats they are rounded, in the rows as well. */
static void transpose(columns *c, hf_column_type type, double *rows) {
  for (size_t row = 0; row < ROWS; row++) {
    for (size_t i = 0; i < c->count; i++) {
      double *value = &rows[row * c->count + i];
      if (type == HF_COLUMN_FLOAT) {
        float rounded = (float)*value;
        *value = (double)rounded;
        ((float *)c->values[i])[row] = rounded;
      } else {
        ((double *)c->values[i])[row] = *value;
      }
    }
  }
}

/* Compares every row with native C. */
static bool check(columns *c, const bench_workload *workload, const double *rows) {
  hf_column_counts counts;
  hf_status status = hf_condition_evaluate_columns(c->condition, c->columns, c->count, ROWS,
                                                   c->held, NULL, &counts, NULL);
  size_t expected_count = 0;
  for (size_t row = 0; status == HF_OK && row < ROWS; row++) {
    bool expected = workload->native(rows + row * c->count);
    expected_count += expected;
    if (((c->held[row / 8] >> row % 8) & 1) != expected) {
      fprintf(stderr, "bench: columns: row %zu: native C says %d\n", row, expected);
      return false;
    }
  }
  if (status != HF_OK || counts.held != expected_count || counts.failed != 0) {
    fprintf(stderr, "bench: columns: %s, %zu rows hold, %zu failed; native C: %zu hold\n",
            hf_status_name(status), counts.held, counts.failed, expected_count);
    return false;
  }
  return true;
}

static bool prepare(columns *c, const bench_workload *workload, hf_column_type type) {
  hf_allocator allocator = bench_allocator();
  hf_condition_options options = hf_condition_options_default();
  options.allocator = &allocator;
  size_t value_bytes = type == HF_COLUMN_FLOAT ? sizeof(float) : sizeof(double);
  c->column_bytes = ROWS * value_bytes;
  c->held = malloc(HF_BITMAP_BYTES(ROWS));
  if (c->held == NULL ||
      hf_schema_create(workload->variables, workload->variable_count, &allocator, &c->schema,
                       NULL) != HF_OK ||
      hf_condition_compile(c->schema, workload->text, strlen(workload->text), &options,
                           &c->condition, NULL) != HF_OK) {
    return false;
  }
  for (c->count = 0; c->count < workload->variable_count; c->count++) {
    void *values = aligned_alloc(LINE_BYTES, c->column_bytes);
    if (values == NULL) {
      return false;
    }
    c->values[c->count] = values;
    c->columns[c->count] = (hf_column){.type = type, .values = values};
  }
  double *rows = bench_draw_values(workload, ROWS);
  if (rows == NULL) {
    return false;
  }
  transpose(c, type, rows);
  bool same = check(c, workload, rows);
  free(rows);
  return same;
}

static void *set_up(const void *parameter) {
  const column_plan *plan = parameter;
  columns *c = calloc(1, sizeof *c);
  if (c != NULL && !prepare(c, bench_workload_named(plan->workload), plan->type)) {
    tear_down(c);
    return NULL;
  }
  return c;
}

static uint64_t run_columns(void *data, size_t part) {
  (void)part;
  const columns *c = data;
  hf_column_counts counts;
  if (hf_condition_evaluate_columns(c->condition, c->columns, c->count, ROWS, c->held, NULL,
                                    &counts, NULL) != HF_OK) {
    fprintf(stderr, "bench: an evaluation failed\n");
    exit(1);
  }
  return counts.held;
}

/* Reading ------------------------------------------------------------------ */

/* 32 bytes at a time, into eight sums: memory is the limit, not the adding. */
typedef uint64_t vector __attribute__((vector_size(32)));
enum { SUMS = 8 };

__attribute__((always_inline)) static inline uint64_t read_with(const columns *c) {
  vector sums[SUMS] = {{0}};
  for (size_t i = 0; i < c->count; i++) {
    const vector *values = c->values[i];
    for (size_t at = 0; at < c->column_bytes / sizeof(vector); at += SUMS) {
      for (size_t sum = 0; sum < SUMS; sum++) {
        sums[sum] ^= values[at + sum];
      }
    }
  }
  uint64_t all = 0;
  for (size_t sum = 0; sum < SUMS; sum++) {
    all ^= sums[sum][0] ^ sums[sum][1] ^ sums[sum][2] ^ sums[sum][3];
  }
  return all;
}

static uint64_t read_portably(const columns *c) {
  return read_with(c);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_by_avx2(const columns *c) {
  return read_with(c);
}
#endif

static uint64_t run_read(void *data, size_t part) {
  (void)part;
  const columns *c = data;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return read_by_avx2(c);
  }
#endif
  return read_portably(c);
}

#define ROW(WORKLOAD, KIND, TYPE)                                                                  \
  {                                                                                                \
    .name = "condition/" WORKLOAD "/" KIND, .parameter = &(const column_plan){WORKLOAD, TYPE},     \
    .set_up = set_up, .run = run_columns, .reference = "reading the columns",                      \
    .run_reference = run_read, .tear_down = tear_down, .operations = ROWS,                         \
    .reference_is_other_work = true, .allocates_nothing = true                                     \
  }

static const bench_row rows[] = {
    ROW("W1", "columns", HF_COLUMN_DOUBLE), ROW("W1", "columns-f32", HF_COLUMN_FLOAT),
    ROW("W2", "columns", HF_COLUMN_DOUBLE), ROW("W2", "columns-f32", HF_COLUMN_FLOAT)};
BENCH_ROWS(rows)
