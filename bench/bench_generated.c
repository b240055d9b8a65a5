/*
 * A thousand random conditions against the same conditions as C functions: not
 * two shapes that an engine could be built for, but whatever the language can
 * say with 1 to 24 comparisons of numbers.
 *
 * The contexts are few enough to stay in the second-level cache, and other
 * programs run in between, so that branches are not learned.
 */
#include "bench_harness.h"
#include "bench_workloads.h"
#include "generated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXTS = 1024, MAX_TOKENS = 512 };

typedef struct generated {
  hf_schema *schema;
  hf_condition *conditions[GENERATED_PROGRAMS];
  hf_context *contexts[CONTEXTS];
  double values[CONTEXTS][GENERATED_VARIABLES];
} generated;

static void tear_down(void *data) {
  generated *g = data;
  for (size_t i = 0; i < CONTEXTS; i++) {
    hf_context_destroy(g->contexts[i]);
  }
  for (size_t i = 0; i < GENERATED_PROGRAMS; i++) {
    hf_condition_destroy(g->conditions[i]);
  }
  hf_schema_release(g->schema);
  free(g);
}

static hf_status create_contexts(generated *g, const hf_allocator *allocator) {
  uint64_t state = 88172645463325252u;
  hf_status status = HF_OK;
  for (size_t i = 0; i < CONTEXTS && status == HF_OK; i++) {
    status = hf_context_create(g->schema, allocator, &g->contexts[i]);
    for (uint32_t v = 0; v < GENERATED_VARIABLES && status == HF_OK; v++) {
      double value = bench_uniform(&state);
      if (v >= GENERATED_FINE_VARIABLES) {
        value = (double)(int)(value * 4) / 4;
      }
      g->values[i][v] = value;
      status = hf_context_set_number(g->contexts[i], v, value);
    }
  }
  return status;
}

static hf_status create_conditions(generated *g, const hf_allocator *allocator) {
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = MAX_TOKENS;
  options.allocator = allocator;
  hf_status status = HF_OK;
  for (size_t i = 0; i < GENERATED_PROGRAMS && status == HF_OK; i++) {
    const char *text = generated_programs[i].text;
    status = hf_condition_compile(g->schema, text, strlen(text), &options, &g->conditions[i], NULL);
  }
  return status;
}

static void *set_up(const void *parameter) {
  (void)parameter;
  hf_variable variables[GENERATED_VARIABLES];
  char names[GENERATED_VARIABLES][8];
  for (size_t i = 0; i < GENERATED_VARIABLES; i++) {
    snprintf(names[i], sizeof names[i], "v%zu", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_NUMBER};
  }
  generated *g = calloc(1, sizeof *g);
  if (g == NULL) {
    return NULL;
  }
  hf_allocator allocator = bench_allocator();
  hf_status status = hf_schema_create(variables, GENERATED_VARIABLES, &allocator, &g->schema, NULL);
  size_t before_bytes = bench_live_bytes();
  if (status == HF_OK) {
    status = create_conditions(g, &allocator);
    bench_note("condition/generated: %zu bytes a condition, mean of %d",
               (bench_live_bytes() - before_bytes) / GENERATED_PROGRAMS, GENERATED_PROGRAMS);
  }
  if (status == HF_OK) {
    status = create_contexts(g, &allocator);
  }
  if (status != HF_OK) {
    fprintf(stderr, "bench: generated programs: %s\n", hf_status_name(status));
    tear_down(g);
    return NULL;
  }
  return g;
}

/* Part `part` is one program. */
static uint64_t run_evaluate(void *data, size_t part) {
  const generated *g = data;
  const hf_condition *condition = g->conditions[part];
  uint64_t sum = 0;
  for (size_t i = 0; i < CONTEXTS; i++) {
    bool held = false;
    if (hf_condition_evaluate(condition, g->contexts[i], &held, NULL) != HF_OK) {
      fprintf(stderr, "bench: an evaluation failed\n");
      exit(1);
    }
    sum += i & (0 - (uint64_t)held);
  }
  return sum;
}

static uint64_t run_native(void *data, size_t part) {
  const generated *g = data;
  return bench_run_native(generated_programs[part].native, g->values, sizeof g->values[0],
                          CONTEXTS - 1, CONTEXTS);
}

static const bench_row rows[] = {{.name = "condition/generated/random",
                                  .set_up = set_up,
                                  .run = run_evaluate,
                                  .reference = "native C",
                                  .run_reference = run_native,
                                  .tear_down = tear_down,
                                  .operations = CONTEXTS,
                                  .parts = GENERATED_PROGRAMS,
                                  .allocates_nothing = true}};
BENCH_ROWS(rows)
