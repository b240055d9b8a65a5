/*
 * Timing. A round runs the row, then its reference; the row's figures are the
 * median, the least and the most of its rounds, and the ratio is the median of
 * the rounds' ratios: a round that the machine disturbed disturbs both sides of
 * it, and one that it disturbed in the middle is left out by the median.
 *
 * The clock is that of the thread's own processor time: while another program
 * has the processor it stands still. By a wall clock the longer of two sides is
 * interrupted more often, and on a busy machine the ratio would grow by that.
 * Where threads wait for each other, though, it would also stand still for that.
 */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The results of one pass over the parts, and what it took. */
typedef struct timed_pass {
  uint64_t *results;
  double log_ns; /* sum over the parts of log(ns per operation) */
} timed_pass;

typedef struct round_figures {
  double *row_ns;
  double *ratios;
  double *differences_ns;
} round_figures;

static clockid_t clock_of(const bench_row *row) {
  return row->counts_waiting ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
}

static double now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What looking at the clock takes itself: the least of many. */
static double clock_cost_ns(clockid_t clock) {
  double least = 1e9;
  for (int i = 0; i < 1000; i++) {
    double start = now_ns(clock);
    double cost = now_ns(clock) - start;
    least = cost < least ? cost : least;
  }
  return least;
}

/* Runs one part and adds the logarithm of its time to the pass. */
static uint64_t timed(const bench_row *row, bench_run run, void *data, size_t part, double clock_ns,
                      timed_pass *pass) {
  clockid_t clock = clock_of(row);
  double start = now_ns(clock);
  uint64_t result = run(data, part);
  double elapsed = now_ns(clock) - start - clock_ns;
  /* A row so short that nothing is left is as good as nothing. */
  pass->log_ns += log((elapsed > 1 ? elapsed : 1) / (double)row->operations);
  return result;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

static void sort(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare_doubles);
}

static size_t part_count(const bench_row *row) {
  return row->parts > 1 ? row->parts : 1;
}

/* The first pass over a part records its result, every later one must repeat it. */
static int check(const bench_row *row, const char *what, size_t part, uint64_t *recorded,
                 uint64_t result, bool first) {
  if (first) {
    *recorded = result;
  } else if (*recorded != result) {
    fprintf(stderr, "bench: %s: %s, part %zu: %" PRIu64 " at first, later %" PRIu64 "\n", row->name,
            what, part, *recorded, result);
    return 1;
  }
  return 0;
}

/* One round: every part of the row beside that of the reference. */
static int run_round(const bench_row *row, void *data, double clock_ns, bool first, timed_pass *own,
                     timed_pass *reference) {
  int failed = 0;
  own->log_ns = 0;
  reference->log_ns = 0;
  for (size_t part = 0; part < part_count(row); part++) {
    uint64_t result = timed(row, row->run, data, part, clock_ns, own);
    failed |= check(row, "the row's result", part, &own->results[part], result, first);
    if (row->run_reference == NULL) {
      continue;
    }
    uint64_t expected = timed(row, row->run_reference, data, part, clock_ns, reference);
    failed |=
        check(row, "the reference's result", part, &reference->results[part], expected, first);
    if (!row->reference_is_other_work && result != expected) {
      fprintf(stderr, "bench: %s, part %zu: result %" PRIu64 ", but %s gives %" PRIu64 "\n",
              row->name, part, result, row->reference, expected);
      failed = 1;
    }
    if (failed) {
      break;
    }
  }
  return failed;
}

static int run_rounds(const bench_row *row, void *data, size_t rounds, timed_pass *own,
                      timed_pass *reference, const round_figures *figures) {
  double parts = (double)part_count(row);
  double clock_ns = clock_cost_ns(clock_of(row));
  /* The first comparison of results warms up what the rest measures. */
  if (run_round(row, data, clock_ns, true, own, reference) != 0) {
    return 1;
  }
  size_t allocations = bench_allocations();
  for (size_t i = 0; i < rounds; i++) {
    if (run_round(row, data, clock_ns, false, own, reference) != 0) {
      return 1;
    }
    double row_ns = exp(own->log_ns / parts);
    double reference_ns = exp(reference->log_ns / parts);
    figures->row_ns[i] = row_ns;
    figures->ratios[i] = row_ns / reference_ns;
    figures->differences_ns[i] = row_ns - reference_ns;
  }
  if (row->allocates_nothing && bench_allocations() != allocations) {
    fprintf(stderr, "bench: %s: %zu allocations in %zu rounds; there may be none\n", row->name,
            bench_allocations() - allocations, rounds);
    return 1;
  }
  return 0;
}

/* Four digits, and never an exponent. */
static void print_ns(double ns) {
  printf(ns < 1000 ? "%.4g\t" : "%.0f\t", ns);
}

/* Sorts the figures. */
static void print_row(const bench_row *row, size_t rounds, const round_figures *figures) {
  sort(figures->row_ns, rounds);
  printf("row\t%s\tns\t", row->name);
  print_ns(figures->row_ns[0]);
  print_ns(figures->row_ns[rounds / 2]);
  print_ns(figures->row_ns[rounds - 1]);
  if (row->run_reference == NULL) {
    printf("null\tnull\tnull\n");
    return;
  }
  sort(figures->ratios, rounds);
  double ratio = figures->ratios[rounds / 2];
  /* Half the distance between the quartiles, as a part of the median. */
  double spread = figures->ratios[rounds * 3 / 4] - figures->ratios[rounds / 4];
  printf("%s\t%.4g\t%.4f\n", row->reference, ratio, spread / 2 / ratio);
  if (row->report_difference) {
    sort(figures->differences_ns, rounds);
    bench_note("%s adds %.2f ns to %s", row->name, figures->differences_ns[rounds / 2],
               row->reference);
  }
}

static void *set_up(const bench_row *row) {
  void *data = row->set_up(row->parameter);
  if (data == NULL) {
    fprintf(stderr, "bench: %s: could not be set up\n", row->name);
  }
  return data;
}

static void tear_down(const bench_row *row, void *data) {
  if (row->tear_down != NULL) {
    row->tear_down(data);
  }
}

int bench_measure(const bench_row *row, size_t rounds) {
  size_t parts = part_count(row);
  uint64_t *results = calloc(2 * parts, sizeof *results);
  double *times = calloc(3 * rounds, sizeof *times);
  void *data = set_up(row);
  int failed = 1;
  if (results != NULL && times != NULL && data != NULL) {
    timed_pass own = {.results = results};
    timed_pass reference = {.results = results + parts};
    round_figures figures = {times, times + rounds, times + 2 * rounds};
    failed = run_rounds(row, data, rounds, &own, &reference, &figures);
    if (!failed) {
      print_row(row, rounds, &figures);
    }
  }
  if (data != NULL) {
    tear_down(row, data);
  }
  free(results);
  free(times);
  return failed;
}

/* Not inlined: profilers are told to look at what this function calls. */
__attribute__((noinline)) static uint64_t bench_repeat_runs(const bench_row *row, void *data,
                                                            double seconds) {
  uint64_t sum = 0;
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
  double start = now_ns(clock);
  do {
    for (size_t part = 0; part < part_count(row); part++) {
      sum += row->run(data, part);
    }
  } while (now_ns(clock) - start < seconds * 1e9);
  return sum;
}

int bench_repeat(const bench_row *row, double seconds) {
  void *data = set_up(row);
  if (data == NULL) {
    return 1;
  }
  bench_note("%s: results sum to %" PRIu64, row->name, bench_repeat_runs(row, data, seconds));
  tear_down(row, data);
  return 0;
}
