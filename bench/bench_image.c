/* Loading a saved condition against compiling its text. */
#include "bench_harness.h"
#include "bench_workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPERATIONS = 1 << 13, MAX_IMAGE_BYTES = 4096 };

typedef struct saved {
  const bench_workload *workload;
  hf_schema *schema;
  size_t text_bytes;
  size_t image_bytes;
  unsigned char image[MAX_IMAGE_BYTES];
} saved;

static void tear_down(void *data) {
  saved *s = data;
  hf_schema_release(s->schema);
  free(s);
}

static bool prepare(saved *s, const char *name) {
  s->workload = bench_workload_named(name);
  s->text_bytes = strlen(s->workload->text);
  hf_condition *condition = NULL;
  if (hf_schema_create(s->workload->variables, s->workload->variable_count, NULL, &s->schema,
                       NULL) != HF_OK ||
      hf_condition_compile(s->schema, s->workload->text, s->text_bytes, NULL, &condition, NULL) !=
          HF_OK) {
    return false;
  }
  s->image_bytes = hf_condition_save(condition, s->image, sizeof s->image);
  hf_condition_destroy(condition);
  bench_note("condition/%s: %zu bytes of text, %zu bytes an image", name, s->text_bytes,
             s->image_bytes);
  return s->image_bytes <= sizeof s->image;
}

static void *set_up(const void *parameter) {
  const char *name = parameter;
  saved *s = calloc(1, sizeof *s);
  if (s != NULL && !prepare(s, name)) {
    tear_down(s);
    return NULL;
  }
  return s;
}

/* Something of the condition, before it goes; ends the program if there is none. */
static uint64_t finish(hf_status status, hf_condition *condition) {
  if (status != HF_OK) {
    fprintf(stderr, "bench: no condition: %s\n", hf_status_name(status));
    exit(1);
  }
  uint64_t tokens = hf_condition_token_count(condition);
  hf_condition_destroy(condition);
  return tokens;
}

static uint64_t run_load(void *data, size_t part) {
  (void)part;
  const saved *s = data;
  uint64_t tokens = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    hf_condition *condition = NULL;
    hf_status status =
        hf_condition_load(s->schema, s->image, s->image_bytes, NULL, &condition, NULL);
    tokens += finish(status, condition);
  }
  return tokens;
}

static uint64_t run_compile(void *data, size_t part) {
  (void)part;
  const saved *s = data;
  uint64_t tokens = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    hf_condition *condition = NULL;
    hf_status status =
        hf_condition_compile(s->schema, s->workload->text, s->text_bytes, NULL, &condition, NULL);
    tokens += finish(status, condition);
  }
  return tokens;
}

#define ROW(WORKLOAD)                                                                              \
  {                                                                                                \
    .name = "condition/" WORKLOAD "/load", .parameter = WORKLOAD, .set_up = set_up,                \
    .run = run_load, .reference = "compiling its text", .run_reference = run_compile,              \
    .tear_down = tear_down, .operations = OPERATIONS                                               \
  }

static const bench_row rows[] = {ROW("W1"), ROW("W2")};
BENCH_ROWS(rows)
