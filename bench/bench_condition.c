/*
 * Conditions against the same conditions written in C.
 *
 * "random" runs over contexts that branches cannot predict, "steady" over one
 * context again and again, "dependent" lets each outcome choose the next context,
 * so that no evaluation can begin before the last one ended.
 */
#include "bench_harness.h"
#include "bench_workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS = 4 * BENCH_CONTEXTS, COMPILATIONS = 1 << 13, MAX_NUMBERS = 16 };

/* What set-up prepares: a workload's name, and over how many contexts. */
typedef struct evaluation_plan {
  const char *workload;
  size_t context_count; /* a power of two */
  bool branchless;
} evaluation_plan;

typedef struct evaluation {
  const bench_workload *workload;
  bench_native native;
  hf_schema *schema;
  hf_condition *condition;
  hf_context **contexts;
  void *values;
  size_t mask; /* contexts less 1 */
} evaluation;

static void tear_down_evaluation(void *data) {
  evaluation *e = data;
  for (size_t i = 0; e->contexts != NULL && i <= e->mask; i++) {
    hf_context_destroy(e->contexts[i]);
  }
  free(e->contexts);
  hf_condition_destroy(e->condition);
  hf_schema_release(e->schema);
  free(e->values);
  free(e);
}

static hf_status create_schema(evaluation *e, const hf_allocator *allocator) {
  const bench_workload *w = e->workload;
  return hf_schema_create_with_words(w->variables, w->variable_count, w->words, w->word_count,
                                     allocator, &e->schema, NULL);
}

static hf_status create_condition(evaluation *e, const hf_allocator *allocator) {
  hf_condition_options options = hf_condition_options_default();
  options.allocator = allocator;
  return hf_condition_compile(e->schema, e->workload->text, strlen(e->workload->text), &options,
                              &e->condition, NULL);
}

/*
 * The contexts that are timed, from the default allocator, as most programs make
 * them: a context of another one has two blocks from the beginning.
 */
static hf_status create_contexts(evaluation *e) {
  size_t count = e->mask + 1;
  e->values = bench_draw_values(e->workload, count);
  e->contexts = calloc(count, sizeof *e->contexts);
  if (e->values == NULL || e->contexts == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  hf_status status = HF_OK;
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    status = hf_context_create(e->schema, NULL, &e->contexts[i]);
    if (status == HF_OK) {
      status =
          e->workload->set(e->contexts[i], (const char *)e->values + i * e->workload->values_bytes);
    }
  }
  return status;
}

/* Says once for each workload what its objects take. */
static void note_memory(const evaluation_plan *plan, size_t condition_bytes, size_t context_bytes) {
  static const char *noted[8];
  for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) {
    if (noted[i] == plan->workload) {
      return;
    }
    if (noted[i] == NULL) {
      noted[i] = plan->workload;
      bench_note("condition/%s: %zu bytes a condition, %zu bytes a context", plan->workload,
                 condition_bytes, context_bytes);
      return;
    }
  }
}

/* A context whose allocations are counted: how large it is, and that evaluating it takes none. */
static hf_status probe_context(const evaluation *e, const hf_allocator *allocator,
                               size_t *context_bytes) {
  hf_context *context;
  size_t before_bytes = bench_live_bytes();
  hf_status status = hf_context_create(e->schema, allocator, &context);
  if (status != HF_OK) {
    return status;
  }
  status = e->workload->set(context, e->values);
  *context_bytes = bench_live_bytes() - before_bytes;
  size_t allocations = bench_allocations();
  bool held;
  if (status == HF_OK) {
    status = hf_condition_evaluate(e->condition, context, &held, NULL);
  }
  if (bench_allocations() != allocations) {
    fprintf(stderr, "bench: an evaluation allocates\n");
    exit(1);
  }
  hf_context_destroy(context);
  return status;
}

static void *set_up_evaluation(const void *parameter) {
  const evaluation_plan *plan = parameter;
  evaluation *e = calloc(1, sizeof *e);
  if (e == NULL) {
    return NULL;
  }
  e->workload = bench_workload_named(plan->workload);
  e->native = plan->branchless ? e->workload->branchless : e->workload->native;
  e->mask = plan->context_count - 1;
  hf_allocator allocator = bench_allocator();
  hf_status status = create_schema(e, &allocator);
  size_t before_bytes = bench_live_bytes();
  size_t condition_bytes = 0;
  if (status == HF_OK) {
    status = create_condition(e, &allocator);
    condition_bytes = bench_live_bytes() - before_bytes;
  }
  if (status == HF_OK) {
    status = create_contexts(e);
  }
  size_t context_bytes = 0;
  if (status == HF_OK) {
    status = probe_context(e, &allocator, &context_bytes);
  }
  if (status != HF_OK) {
    fprintf(stderr, "bench: %s: %s\n", plan->workload, hf_status_name(status));
    tear_down_evaluation(e);
    return NULL;
  }
  note_memory(plan, condition_bytes, context_bytes);
  return e;
}

static inline bool evaluate(const hf_condition *condition, const hf_context *context) {
  bool held;
  if (hf_condition_evaluate(condition, context, &held, NULL) != HF_OK) {
    fprintf(stderr, "bench: an evaluation failed\n");
    exit(1);
  }
  return held;
}

static uint64_t run_evaluate(void *data, size_t part) {
  (void)part;
  const evaluation *e = data;
  const hf_condition *condition = e->condition;
  hf_context *const *contexts = e->contexts;
  size_t mask = e->mask;
  uint64_t sum = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    sum += i & (0 - (uint64_t)evaluate(condition, contexts[i & mask]));
  }
  return sum;
}

static uint64_t run_native(void *data, size_t part) {
  (void)part;
  const evaluation *e = data;
  return bench_run_native(e->native, e->values, e->workload->values_bytes, e->mask, OPERATIONS);
}

static uint64_t run_dependent(void *data, size_t part) {
  (void)part;
  const evaluation *e = data;
  uint64_t sum = 0;
  size_t index = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    index = (index + 1 + evaluate(e->condition, e->contexts[index])) & e->mask;
    sum += index;
  }
  return sum;
}

static uint64_t run_native_dependent(void *data, size_t part) {
  (void)part;
  const evaluation *e = data;
  const char *first = e->values;
  uint64_t sum = 0;
  size_t index = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    index = (index + 1 + e->native(first + index * e->workload->values_bytes)) & e->mask;
    sum += index;
  }
  return sum;
}

/* Compiling ---------------------------------------------------------------- */

typedef struct compilation {
  const bench_workload *workload;
  hf_schema *schema;
  size_t length_bytes;
  /* Where numbers begin in the text. */
  const char *numbers[MAX_NUMBERS];
  size_t number_count;
} compilation;

static void tear_down_compilation(void *data) {
  compilation *c = data;
  hf_schema_release(c->schema);
  free(c);
}

/* Numbers stand behind a blank, and nothing else that begins with a digit does. */
static void find_numbers(compilation *c) {
  for (const char *at = c->workload->text; *at != '\0' && c->number_count < MAX_NUMBERS; at++) {
    if (at[0] == ' ' && at[1] >= '0' && at[1] <= '9') {
      c->numbers[c->number_count++] = at + 1;
    }
  }
}

static void *set_up_compilation(const void *parameter) {
  const evaluation_plan *plan = parameter;
  compilation *c = calloc(1, sizeof *c);
  if (c == NULL) {
    return NULL;
  }
  c->workload = bench_workload_named(plan->workload);
  c->length_bytes = strlen(c->workload->text);
  find_numbers(c);
  if (hf_schema_create(c->workload->variables, c->workload->variable_count, NULL, &c->schema,
                       NULL) != HF_OK) {
    tear_down_compilation(c);
    return NULL;
  }
  return c;
}

static uint64_t run_compile(void *data, size_t part) {
  (void)part;
  const compilation *c = data;
  uint64_t tokens = 0;
  for (size_t i = 0; i < COMPILATIONS; i++) {
    hf_condition *condition = NULL;
    if (hf_condition_compile(c->schema, c->workload->text, c->length_bytes, NULL, &condition,
                             NULL) != HF_OK) {
      fprintf(stderr, "bench: a condition does not compile\n");
      exit(1);
    }
    tokens += hf_condition_token_count(condition);
    hf_condition_destroy(condition);
  }
  return tokens;
}

/* The least that reading the text takes with the C library alone. */
static uint64_t run_read_numbers(void *data, size_t part) {
  (void)part;
  const compilation *c = data;
  double sum = 0;
  for (size_t i = 0; i < COMPILATIONS; i++) {
    for (size_t number = 0; number < c->number_count; number++) {
      sum += strtod(c->numbers[number], NULL);
    }
  }
  return (uint64_t)(sum * 1000);
}

/* Rows --------------------------------------------------------------------- */

#define EVALUATION_ROW(WORKLOAD, KIND, COUNT, BRANCHLESS, REFERENCE, RUN, RUN_REFERENCE)           \
  {                                                                                                \
    .name = "condition/" WORKLOAD "/" KIND,                                                        \
    .parameter = &(const evaluation_plan){WORKLOAD, COUNT, BRANCHLESS},                            \
    .set_up = set_up_evaluation, .run = RUN, .reference = REFERENCE,                               \
    .run_reference = RUN_REFERENCE, .tear_down = tear_down_evaluation, .operations = OPERATIONS,   \
    .allocates_nothing = true                                                                      \
  }

#define RANDOM_ROW(WORKLOAD)                                                                       \
  EVALUATION_ROW(WORKLOAD, "random", BENCH_CONTEXTS, false, "native C", run_evaluate, run_native)
#define STEADY_ROW(WORKLOAD)                                                                       \
  EVALUATION_ROW(WORKLOAD, "steady", 1, false, "native C", run_evaluate, run_native)
#define BRANCHLESS_ROW(WORKLOAD)                                                                   \
  EVALUATION_ROW(WORKLOAD, "branchless", BENCH_CONTEXTS, true, "branch-free C", run_evaluate,      \
                 run_native)
#define DEPENDENT_ROW(WORKLOAD)                                                                    \
  EVALUATION_ROW(WORKLOAD, "dependent", BENCH_CONTEXTS, false, "native C", run_dependent,          \
                 run_native_dependent)
#define COMPILE_ROW(WORKLOAD)                                                                      \
  {                                                                                                \
    .name = "condition/" WORKLOAD "/compile",                                                      \
    .parameter = &(const evaluation_plan){.workload = WORKLOAD}, .set_up = set_up_compilation,     \
    .run = run_compile, .reference = "strtod of its numbers", .run_reference = run_read_numbers,   \
    .tear_down = tear_down_compilation, .operations = COMPILATIONS,                                \
    .reference_is_other_work = true                                                                \
  }

static const bench_row rows[] = {
    RANDOM_ROW("W1"),       STEADY_ROW("W1"),       BRANCHLESS_ROW("W1"), DEPENDENT_ROW("W1"),
    COMPILE_ROW("W1"),      RANDOM_ROW("W2"),       STEADY_ROW("W2"),     BRANCHLESS_ROW("W2"),
    DEPENDENT_ROW("W2"),    COMPILE_ROW("W2"),      RANDOM_ROW("W3"),     STEADY_ROW("W3"),
    RANDOM_ROW("W3-bytes"), STEADY_ROW("W3-bytes"), RANDOM_ROW("W3-any"), STEADY_ROW("W3-any"),
};
BENCH_ROWS(rows)
