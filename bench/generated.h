/* Random programs, as texts and as C: see generate_programs.c. */
#ifndef HOLDFAST_BENCH_GENERATED_H
#define HOLDFAST_BENCH_GENERATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The variables are v0 to v15, all numbers; the first twelve are uniform. */
enum { GENERATED_PROGRAMS = 1000, GENERATED_VARIABLES = 16, GENERATED_FINE_VARIABLES = 12 };

typedef struct generated_program {
  const char *text;
  bool (*native)(const void *values);
} generated_program;

extern const generated_program generated_programs[GENERATED_PROGRAMS];

#endif
