/*
 * Conditions against the same conditions written in C.
 *
 * W1 is the condition of the README; W2 has eight comparisons. "random" runs
 * over contexts that branches cannot predict, "steady" over one context. The
 * reference is called through a pointer, as a rule engine would.
 */
#include "harness.h"

#include <holdfast/holdfast.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXTS = 65536, VARIABLES = 5, OPERATIONS = 1 << 18, COMPILATIONS = 1 << 14 };

typedef bool (*native_condition)(const double *values);

typedef struct workload {
  const char *text;
  native_condition native;
  hf_condition *condition;
  size_t context_count;
  hf_context *contexts[CONTEXTS];
  double values[CONTEXTS][VARIABLES];
} workload;

static const char W1[] = "severity >= 0.8 and recurrence_count >= 2";

static bool native_w1(const double *v) {
  return v[0] >= 0.8 && v[1] >= 2;
}

static const char W2[] = "(a > 0.5 and b < 0.3) or (c >= 0.2 and d <= 0.9 and e > 0.1) or "
                         "(a < 0.1 and (b > 0.7 or e >= 0.95))";

static bool native_w2(const double *v) {
  return (v[0] > 0.5 && v[1] < 0.3) || (v[2] >= 0.2 && v[3] <= 0.9 && v[4] > 0.1) ||
         (v[0] < 0.1 && (v[1] > 0.7 || v[4] >= 0.95));
}

static uint64_t run_evaluate(void *data, size_t operations) {
  const workload *w = data;
  uint64_t held_count = 0;
  for (size_t i = 0; i < operations; i++) {
    bool held = false;
    if (hf_condition_evaluate(w->condition, w->contexts[i & (w->context_count - 1)], &held, NULL) !=
        HF_OK) {
      abort();
    }
    held_count = held_count * 31 + held;
  }
  return held_count;
}

static uint64_t run_native(void *data, size_t operations) {
  const workload *w = data;
  native_condition volatile native = w->native;
  uint64_t held_count = 0;
  for (size_t i = 0; i < operations; i++) {
    held_count = held_count * 31 + native(w->values[i & (w->context_count - 1)]);
  }
  return held_count;
}

static uint64_t run_compile(void *data, size_t operations) {
  const workload *w = data;
  uint64_t tokens = 0;
  for (size_t i = 0; i < operations; i++) {
    hf_condition *condition;
    if (hf_condition_compile(hf_condition_schema(w->condition), w->text, strlen(w->text), NULL,
                             &condition, NULL) != HF_OK) {
      abort();
    }
    tokens += hf_condition_token_count(condition);
    hf_condition_destroy(condition);
  }
  return tokens;
}

/* xorshift64 (G. Marsaglia, 2003): the same contexts on every machine. */
static double uniform(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (double)(*state >> 11) * 0x1p-53;
}

static void fill(workload *w, const hf_schema *schema, const char *name) {
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; i < CONTEXTS; i++) {
    if (hf_context_create(schema, NULL, &w->contexts[i]) != HF_OK) {
      abort();
    }
    for (uint32_t v = 0; v < VARIABLES; v++) {
      double value = uniform(&state);
      if (strcmp(name, "W1") == 0) {
        value = v == 0 ? 0.55 + value / 2 : (double)(int)(value * 4);
      } else {
        value *= v == 2 ? 0.5 : v == 3 ? 1.2 : 1;
      }
      w->values[i][v] = value;
      if (hf_context_set_number(w->contexts[i], v, value) != HF_OK) {
        abort();
      }
    }
  }
}

static int bench(const char *name, const hf_schema *schema, const char *text,
                 native_condition native) {
  static workload w;
  w = (workload){.text = text, .native = native};
  if (hf_condition_compile(schema, text, strlen(text), NULL, &w.condition, NULL) != HF_OK) {
    abort();
  }
  fill(&w, schema, name);

  char row_name[64];
  bench_row row = {.name = row_name,
                   .reference = "native C",
                   .run = run_evaluate,
                   .run_reference = run_native,
                   .data = &w,
                   .operations = OPERATIONS};
  w.context_count = CONTEXTS;
  snprintf(row_name, sizeof row_name, "condition/%s/random", name);
  int failed = bench_measure(&row);
  w.context_count = 1;
  snprintf(row_name, sizeof row_name, "condition/%s/steady", name);
  failed |= bench_measure(&row);
  snprintf(row_name, sizeof row_name, "condition/%s/compile", name);
  row.run = run_compile;
  row.run_reference = NULL;
  row.operations = COMPILATIONS;
  failed |= bench_measure(&row);

  for (size_t i = 0; i < CONTEXTS; i++) {
    hf_context_destroy(w.contexts[i]);
  }
  hf_condition_destroy(w.condition);
  return failed;
}

int main(void) {
  const hf_variable letters[VARIABLES] = {{"a", HF_TYPE_NUMBER},
                                          {"b", HF_TYPE_NUMBER},
                                          {"c", HF_TYPE_NUMBER},
                                          {"d", HF_TYPE_NUMBER},
                                          {"e", HF_TYPE_NUMBER}};
  hf_schema *schema;
  if (hf_schema_create(letters, VARIABLES, NULL, &schema, NULL) != HF_OK) {
    fprintf(stderr, "out of memory\n");
    return 1;
  }
  bench_begin();
  int failed = bench("W1", hf_schema_classic(), W1, native_w1);
  failed |= bench("W2", schema, W2, native_w2);
  hf_schema_release(schema);
  return failed;
}
