/*
 * What an engine is measured against: the conditions as a programmer would write
 * them in C, and as one would who knows that branches on random data are slow.
 * In a file of their own, so that no call of them is inlined.
 */
#include "bench_workloads.h"

#include <string.h>

bool bench_native_w1(const void *values) {
  const double *v = values;
  return v[0] >= 0.8 && v[1] >= 2;
}

bool bench_branchless_w1(const void *values) {
  const double *v = values;
  return (v[0] >= 0.8) & (v[1] >= 2);
}

bool bench_native_w2(const void *values) {
  const double *v = values;
  return (v[0] > 0.5 && v[1] < 0.3) || (v[2] >= 0.2 && v[3] <= 0.9 && v[4] > 0.1) ||
         (v[0] < 0.1 && (v[1] > 0.7 || v[4] >= 0.95));
}

bool bench_branchless_w2(const void *values) {
  const double *v = values;
  return ((v[0] > 0.5) & (v[1] < 0.3)) | ((v[2] >= 0.2) & (v[3] <= 0.9) & (v[4] > 0.1)) |
         ((v[0] < 0.1) & ((v[1] > 0.7) | (v[4] >= 0.95)));
}

static bool is(const hf_word *word, const char *text, size_t length_bytes) {
  return word->length_bytes == length_bytes && memcmp(word->bytes, text, length_bytes) == 0;
}

bool bench_native_w3(const void *values) {
  const bench_w3_values *v = values;
  return v->severity >= 0.8 &&
         (is(&v->domain, "billing", 7) || is(&v->kind, "error", 5) || is(&v->kind, "crash", 5) ||
          is(&v->kind, "timeout", 7) || is(&v->kind, "oom", 3));
}
