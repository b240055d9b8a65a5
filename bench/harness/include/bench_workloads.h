/*
 * The conditions that rows are named for, the values they are evaluated over,
 * and the same conditions written in C. Used from C and from Swift.
 */
#ifndef HOLDFAST_BENCH_WORKLOADS_H
#define HOLDFAST_BENCH_WORKLOADS_H

#include <holdfast/condition.h>
#include <holdfast/context.h>
#include <holdfast/schema.h>

#include <stddef.h>
#include <stdint.h>

/* Contexts of a "random" row: so many that branches cannot be learned. A power of
 * two, so that a place among them is found by a mask. */
#define BENCH_CONTEXTS 65536

/* Decides on the values of one context, as a rule engine would have it called:
 * through a pointer. */
typedef bool (*bench_native)(const void *values);

/* What the values of W3 are in C; those of W1 and W2 are doubles. */
typedef struct bench_w3_values {
  double severity;
  hf_word domain;
  hf_word kind;
} bench_w3_values;

typedef struct bench_workload {
  const char *text;
  const hf_variable *variables;
  size_t variable_count;
  /* To intern in the schema; none: NULL and 0. */
  const hf_word *words;
  size_t word_count;
  /* The values of one context, in bytes, and how one is drawn. */
  size_t values_bytes;
  void (*draw)(void *values, uint64_t *state);
  hf_status (*set)(hf_context *context, const void *values);
  /* Written with && and ||. */
  bench_native native;
  /* Written with & and |; NULL where there is none. */
  bench_native branchless;
} bench_workload;

/* "W1", "W2", "W3" (words interned) or "W3-bytes" (not); NULL for another name. */
const bench_workload *bench_workload_named(const char *name);

/* Draws `count` contexts' values: the same on every machine, and the same first
 * ones for every count. Returns them owned, for free(), or NULL. */
void *bench_draw_values(const bench_workload *workload, size_t count);

/* xorshift64 (G. Marsaglia, 2003): from 0 up to 1. */
double bench_uniform(uint64_t *state);

/* Sums up the places at which the condition held, which also tells in which. `mask`
 * is the number of contexts less 1. */
uint64_t bench_run_native(bench_native native, const void *values, size_t values_bytes, size_t mask,
                          size_t operations);

/* The values are those of the workload's name; see native.c. */
bool bench_native_w1(const void *values);
bool bench_native_w2(const void *values);
bool bench_native_w3(const void *values);
bool bench_branchless_w1(const void *values);
bool bench_branchless_w2(const void *values);

#endif
