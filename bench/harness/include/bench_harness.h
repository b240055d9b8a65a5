/*
 * The microbenchmark harness, for C and for Swift.
 *
 * A row is something to measure, and the reference that it is measured against.
 * Both run in turns, round by round, in one process, so that whatever else the
 * machine does falls on both; what counts is the ratio. Before anything is
 * timed, both must give the same results.
 *
 *     static const bench_row rows[] = {{
 *         .name = "condition/W1/random",
 *         .reference = "native C",
 *         .set_up = set_up, .run = evaluate, .run_reference = native,
 *         .tear_down = tear_down,
 *         .operations = 65536,
 *     }};
 *     BENCH_ROWS(rows)
 *
 * A file bench/bench_<name>.c with these lines is all that a new row takes.
 * Nothing here is for several threads; for a second one there is bench_rival.h.
 */
#ifndef HOLDFAST_BENCH_HARNESS_H
#define HOLDFAST_BENCH_HARNESS_H

#include <holdfast/base.h>

#include <stddef.h>
#include <stdint.h>

/* Does the operations of one part and returns something that depends on all of
 * their results, so that none can be left out. */
typedef uint64_t (*bench_run)(void *data, size_t part);

typedef struct bench_row {
  /* "condition/W1/random": no blanks, unique. */
  const char *name;
  /* Which of several workloads a shared `set_up` prepares; may be NULL. */
  const void *parameter;
  /* Makes what the row works on, for the chosen rows only. NULL: it failed, and
   * has said why on standard error. */
  void *(*set_up)(const void *parameter);
  bench_run run;
  /* What the reference is called and how it runs; both NULL when there is none. */
  const char *reference;
  bench_run run_reference;
  /* Gives back what `set_up` made; may be NULL. */
  void (*tear_down)(void *data);
  /* How many operations one call of `run`, or of `run_reference`, does. */
  size_t operations;
  /* 0 and 1: one. More: each part is timed beside its reference on its own, and a
   * round's time is the geometric mean over the parts. */
  size_t parts;
  /* The reference does something else, and its result cannot be compared. Then
   * `set_up` has to check the results. */
  bool reference_is_other_work;
  /* Evaluations may not allocate: checked over all rounds with bench_allocator(). */
  bool allocates_nothing;
  /* Also say how many nanoseconds the row takes more than its reference. */
  bool report_difference;
  /* Threads may wait for each other: the time that passes counts, not only that of the thread on
   * the processor. What else the machine does counts too, then. */
  bool counts_waiting;
} bench_row;

/* Adds rows to those that bench_main() runs. They are borrowed for good. */
void bench_register(const bench_row *rows, size_t count);

/* Registers an array of rows before main() starts. */
#define BENCH_ROWS(rows)                                                                           \
  __attribute__((constructor)) static void register_##rows(void) {                                 \
    bench_register(rows, sizeof rows / sizeof *rows);                                              \
  }

/*
 * The program: options and names of rows in, lines for scripts/bench out, whose
 * fields are separated by tabs:
 *
 *     start  INDEX  COUNT  NAME
 *     row    NAME  UNIT  MIN  MEDIAN  MAX  REFERENCE  RATIO  NOISE
 *     note   TEXT
 *
 * Returns the exit status: 0, 1 when a row failed, 2 for wrong usage.
 */
int bench_main(int argc, const char *const *argv);

/* One line of text beside the rows, such as what an object takes of memory. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The default allocator, counted. */
hf_allocator bench_allocator(void);

/* How often bench_allocator() has allocated, and the bytes that are in use. */
size_t bench_allocations(void);
size_t bench_live_bytes(void);

#endif
