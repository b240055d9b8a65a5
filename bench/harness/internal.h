/* What the files of the harness share. */
#ifndef HOLDFAST_BENCH_INTERNAL_H
#define HOLDFAST_BENCH_INTERNAL_H

#include "bench_harness.h"

/* Keeps the process on one processor where that is allowed, and notes the
 * processor, the compiler, its flags, the allocator, the instructions that evaluation uses
 * and whether it was. */
void bench_describe_machine(void);

/* Prepares, compares, measures and prints one row. Returns 0, or 1 after saying
 * what failed. */
int bench_measure(const bench_row *row, size_t rounds);

/* Prepares one row and runs it, without its reference, for that long; at least
 * once. Returns as bench_measure(). */
int bench_repeat(const bench_row *row, double seconds);

#endif
