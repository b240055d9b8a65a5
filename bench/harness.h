/*
 * The C microbenchmark harness.
 *
 * A row is something to measure and the reference that it is measured against.
 * Both are run in turns, many times, in one process, so that whatever else the
 * machine does falls on both; what counts is the ratio of the medians. Before
 * anything is timed, both must give the same results.
 */
#ifndef HOLDFAST_BENCH_HARNESS_H
#define HOLDFAST_BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* Does `operations` operations on `data` and returns something that depends on
 * all of their results, so that none can be left out. */
typedef uint64_t (*bench_run)(void *data, size_t operations);

typedef struct bench_row {
  const char *name;      /* "condition/W1/random" */
  const char *reference; /* "native C", or NULL: no reference */
  bench_run run;
  bench_run run_reference;
  void *data;
  size_t operations; /* in one repetition */
} bench_row;

/* Prints the processor and the compiler, and the heading of the table. */
void bench_begin(void);

/*
 * Compares the results, measures, prints one line: the median of the row with
 * its least and most, the median of the reference, and their ratio.
 *
 * Returns 0, or 1 when the results differ.
 */
int bench_measure(const bench_row *row);

#endif
