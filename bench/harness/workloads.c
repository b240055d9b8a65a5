#include "bench_workloads.h"

#include <stdlib.h>
#include <string.h>

static const hf_variable w1_variables[] = {{"severity", HF_TYPE_NUMBER},
                                           {"recurrence_count", HF_TYPE_NUMBER}};

static const hf_variable w2_variables[] = {{"a", HF_TYPE_NUMBER},
                                           {"b", HF_TYPE_NUMBER},
                                           {"c", HF_TYPE_NUMBER},
                                           {"d", HF_TYPE_NUMBER},
                                           {"e", HF_TYPE_NUMBER}};

static const hf_variable w3_variables[] = {
    {"severity", HF_TYPE_NUMBER}, {"domain", HF_TYPE_STRING}, {"kind", HF_TYPE_STRING}};

static const hf_variable w3_any_variables[] = {
    {"severity", HF_TYPE_ANY}, {"domain", HF_TYPE_ANY}, {"kind", HF_TYPE_ANY}};

static const char w3_text[] =
    "severity >= 0.8 and (domain == 'billing' or kind == 'error' or kind == 'crash' or "
    "kind == 'timeout' or kind == 'oom')";

/* Eight domains, then eight kinds. */
#define W3_CHOICES 8
static const hf_word w3_words[2 * W3_CHOICES] = {
    {"billing", 7}, {"search", 6},  {"login", 5}, {"storage", 7}, {"network", 7}, {"mail", 4},
    {"catalog", 7}, {"reports", 7}, {"error", 5}, {"crash", 5},   {"timeout", 7}, {"oom", 3},
    {"info", 4},    {"warning", 7}, {"debug", 5}, {"restart", 7}};

double bench_uniform(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (double)(*state >> 11) * 0x1p-53;
}

/* One of a row of words. */
static hf_word choose(const hf_word *words, uint64_t *state) {
  return words[(size_t)(bench_uniform(state) * W3_CHOICES)];
}

static void draw_w1(void *values, uint64_t *state) {
  double *v = values;
  v[0] = 0.55 + bench_uniform(state) / 2;
  v[1] = (double)(int)(bench_uniform(state) * 4);
}

static void draw_w2(void *values, uint64_t *state) {
  static const double ranges[] = {1, 1, 0.5, 1.2, 1};
  double *v = values;
  for (size_t i = 0; i < 5; i++) {
    v[i] = bench_uniform(state) * ranges[i];
  }
}

static void draw_w3(void *values, uint64_t *state) {
  bench_w3_values *v = values;
  v->severity = 0.55 + bench_uniform(state) / 2;
  v->domain = choose(w3_words, state);
  v->kind = choose(w3_words + W3_CHOICES, state);
}

/* Every variable is a number. */
static hf_status set_numbers(hf_context *context, const void *values) {
  const double *v = values;
  hf_status status = HF_OK;
  size_t count = hf_schema_count(hf_context_schema(context));
  for (uint32_t i = 0; i < count && status == HF_OK; i++) {
    status = hf_context_set_number(context, i, v[i]);
  }
  return status;
}

static hf_status set_w3(hf_context *context, const void *values) {
  const bench_w3_values *v = values;
  hf_status status = hf_context_set_number(context, 0, v->severity);
  if (status == HF_OK) {
    status = hf_context_set_string(context, 1, v->domain.bytes, v->domain.length_bytes);
  }
  if (status == HF_OK) {
    status = hf_context_set_string(context, 2, v->kind.bytes, v->kind.length_bytes);
  }
  return status;
}

static const struct {
  const char *name;
  bench_workload workload;
} workloads[] = {
    {"W1",
     {.text = "severity >= 0.8 and recurrence_count >= 2",
      .variables = w1_variables,
      .variable_count = sizeof w1_variables / sizeof *w1_variables,
      .values_bytes = 2 * sizeof(double),
      .draw = draw_w1,
      .set = set_numbers,
      .native = bench_native_w1,
      .branchless = bench_branchless_w1}},
    {"W2",
     {.text = "(a > 0.5 and b < 0.3) or (c >= 0.2 and d <= 0.9 and e > 0.1) or "
              "(a < 0.1 and (b > 0.7 or e >= 0.95))",
      .variables = w2_variables,
      .variable_count = sizeof w2_variables / sizeof *w2_variables,
      .values_bytes = 5 * sizeof(double),
      .draw = draw_w2,
      .set = set_numbers,
      .native = bench_native_w2,
      .branchless = bench_branchless_w2}},
    {"W3",
     {.text = w3_text,
      .variables = w3_variables,
      .variable_count = sizeof w3_variables / sizeof *w3_variables,
      .words = w3_words,
      .word_count = sizeof w3_words / sizeof *w3_words,
      .values_bytes = sizeof(bench_w3_values),
      .draw = draw_w3,
      .set = set_w3,
      .native = bench_native_w3}},
    {"W3-any",
     {.text = w3_text,
      .variables = w3_any_variables,
      .variable_count = sizeof w3_any_variables / sizeof *w3_any_variables,
      .values_bytes = sizeof(bench_w3_values),
      .draw = draw_w3,
      .set = set_w3,
      .native = bench_native_w3}},
    {"W3-bytes",
     {.text = w3_text,
      .variables = w3_variables,
      .variable_count = sizeof w3_variables / sizeof *w3_variables,
      .values_bytes = sizeof(bench_w3_values),
      .draw = draw_w3,
      .set = set_w3,
      .native = bench_native_w3}},
};

const bench_workload *bench_workload_named(const char *name) {
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
    if (strcmp(workloads[i].name, name) == 0) {
      return &workloads[i].workload;
    }
  }
  return NULL;
}

void *bench_draw_values(const bench_workload *workload, size_t count) {
  char *values = calloc(count, workload->values_bytes);
  uint64_t state = 88172645463325252u;
  for (size_t i = 0; values != NULL && i < count; i++) {
    workload->draw(values + i * workload->values_bytes, &state);
  }
  return values;
}

uint64_t bench_run_native(bench_native native, const void *values, size_t values_bytes, size_t mask,
                          size_t operations) {
  const char *first = values;
  uint64_t sum = 0;
  for (size_t i = 0; i < operations; i++) {
    sum += i & (0 - (uint64_t)native(first + (i & mask) * values_bytes));
  }
  return sum;
}
