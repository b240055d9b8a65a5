/* The slots of a context, as evaluation reads them. */
#ifndef HF_CONTEXT_H
#define HF_CONTEXT_H

#include <holdfast/context.h>

/* A value: what a slot holds, and what a literal is. */
typedef struct hf__cell {
  double number; /* NUMBER; BOOLEAN: 1 or 0 */
  const char *string;
  uint32_t length_bytes;
  uint32_t kind; /* an hf_kind */
} hf__cell;

/* Memory of a slot for the strings that it copies. */
typedef struct hf__string_memory {
  char *bytes;
  size_t capacity_bytes;
} hf__string_memory;

struct hf_context {
  const hf_schema *schema; /* retained */
  hf_allocator allocator;
  size_t size_bytes; /* of the block that holds this, the cells and the memories */
  hf__string_memory *memories;
  hf__cell cells[];
};

/* Whether a cell compares as a number. One comparison on the hot path: numbers
 * and booleans are the last two kinds. */
_Static_assert(HF_KIND_BOOLEAN == HF_KIND_NUMBER + 1, "numeric kinds are the last");
static inline bool hf__is_numeric(const hf__cell *cell) {
  return cell->kind >= HF_KIND_NUMBER;
}

hf_value hf__cell_value(const hf__cell *cell);

#endif
