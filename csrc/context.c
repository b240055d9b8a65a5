/*
 * Contexts: one block with the slots, and for each slot that has copied a
 * string a buffer that stays with it.
 */
#include "context.h"

#include "schema.h"
#include "utf8.h"

#include <string.h>

const char *hf_kind_name(hf_kind kind) {
  switch (kind) {
  case HF_KIND_MISSING:
    return "missing";
  case HF_KIND_NULL:
    return "null";
  case HF_KIND_CONTAINER:
    return "container";
  case HF_KIND_INVALID:
    return "invalid";
  case HF_KIND_STRING:
    return "string";
  case HF_KIND_NUMBER:
    return "number";
  case HF_KIND_BOOLEAN:
    return "boolean";
  }
  return "unknown";
}

hf_status hf_context_create(const hf_schema *schema, const hf_allocator *allocator,
                            hf_context **context) {
  hf_allocator from = allocator == NULL ? hf_allocator_default() : *allocator;
  size_t memories_at = sizeof(hf_context) + schema->count * sizeof(hf__cell);
  size_t size = memories_at + schema->count * sizeof(hf__string_memory);
  char *block = from.allocate(from.context, size, _Alignof(max_align_t));
  if (block == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  memset(block, 0, size);
  hf_context *made = (hf_context *)(void *)block;
  made->schema = hf_schema_retain(schema);
  made->allocator = from;
  made->size_bytes = size;
  made->memories = (hf__string_memory *)(void *)(block + memories_at);
  *context = made;
  return HF_OK;
}

void hf_context_destroy(hf_context *context) {
  if (context == NULL) {
    return;
  }
  hf_allocator from = context->allocator;
  for (uint32_t i = 0; i < context->schema->count; i++) {
    hf__string_memory *memory = &context->memories[i];
    if (memory->bytes != NULL) {
      from.deallocate(from.context, memory->bytes, memory->capacity_bytes, 1);
    }
  }
  hf_schema_release(context->schema);
  from.deallocate(from.context, context, context->size_bytes, _Alignof(max_align_t));
}

const hf_schema *hf_context_schema(const hf_context *context) {
  return context->schema;
}

/* Filling ------------------------------------------------------------------ */

/* Whether a slot may be filled with a value of a type; HF_TYPE_ANY stands for
 * the kinds that only variables of type any admit. */
static inline hf_status admits(const hf_context *context, uint32_t index, hf_type type) {
  if (index >= context->schema->count) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  hf_type declared = context->schema->variables[index].type;
  return declared == HF_TYPE_ANY || declared == type ? HF_OK : HF_ERROR_TYPE_MISMATCH;
}

static hf_status set_cell(hf_context *context, uint32_t index, hf_type type, hf__cell cell) {
  hf_status status = admits(context, index, type);
  if (status == HF_OK) {
    context->cells[index] = cell;
  }
  return status;
}

hf_status hf_context_set_number(hf_context *context, uint32_t index, double number) {
  return set_cell(context, index, HF_TYPE_NUMBER,
                  (hf__cell){.kind = HF_KIND_NUMBER, .number = number});
}

hf_status hf_context_set_boolean(hf_context *context, uint32_t index, bool boolean) {
  return set_cell(context, index, HF_TYPE_BOOLEAN,
                  (hf__cell){.kind = HF_KIND_BOOLEAN, .number = boolean ? 1 : 0});
}

hf_status hf_context_set_null(hf_context *context, uint32_t index) {
  return set_cell(context, index, HF_TYPE_ANY, (hf__cell){.kind = HF_KIND_NULL});
}

hf_status hf_context_set_container(hf_context *context, uint32_t index) {
  return set_cell(context, index, HF_TYPE_ANY, (hf__cell){.kind = HF_KIND_CONTAINER});
}

static hf_status mark(hf_context *context, uint32_t index, hf_kind kind) {
  if (index >= context->schema->count) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  context->cells[index] = (hf__cell){.kind = (uint32_t)kind};
  return HF_OK;
}

hf_status hf_context_set_invalid(hf_context *context, uint32_t index) {
  return mark(context, index, HF_KIND_INVALID);
}

hf_status hf_context_unset(hf_context *context, uint32_t index) {
  return mark(context, index, HF_KIND_MISSING);
}

hf_status hf_context_borrow_string(hf_context *context, uint32_t index, const char *string,
                                   size_t length_bytes) {
  if (length_bytes > UINT32_MAX) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  return set_cell(
      context, index, HF_TYPE_STRING,
      (hf__cell){.kind = HF_KIND_STRING, .string = string, .length_bytes = (uint32_t)length_bytes});
}

/* Room for `length_bytes` in a slot's memory, or NULL. */
static char *string_memory(hf_context *context, uint32_t index, size_t length_bytes) {
  hf__string_memory *memory = &context->memories[index];
  if (length_bytes <= memory->capacity_bytes && memory->bytes != NULL) {
    return memory->bytes;
  }
  /* Twice what is needed, so that strings which grow little by little do not
   * allocate each time. */
  size_t capacity = length_bytes < 16 ? 32 : length_bytes * 2;
  hf_allocator from = context->allocator;
  char *bytes = from.allocate(from.context, capacity, 1);
  if (bytes == NULL) {
    return NULL;
  }
  if (memory->bytes != NULL) {
    /* The slot may hold a string in the old memory: it is about to be replaced. */
    from.deallocate(from.context, memory->bytes, memory->capacity_bytes, 1);
  }
  *memory = (hf__string_memory){.bytes = bytes, .capacity_bytes = capacity};
  return bytes;
}

hf_status hf_context_set_string(hf_context *context, uint32_t index, const char *string,
                                size_t length_bytes) {
  if (length_bytes > UINT32_MAX) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  hf_status status = admits(context, index, HF_TYPE_STRING);
  if (status != HF_OK) {
    return status;
  }
  if (hf__utf8_valid_prefix(string, length_bytes) != length_bytes) {
    return HF_ERROR_INVALID_UTF8;
  }
  char *bytes = string_memory(context, index, length_bytes);
  if (bytes == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  if (length_bytes > 0) {
    memmove(bytes, string, length_bytes); /* it may come from the same slot */
  }
  context->cells[index] =
      (hf__cell){.kind = HF_KIND_STRING, .string = bytes, .length_bytes = (uint32_t)length_bytes};
  return HF_OK;
}

void hf_context_clear(hf_context *context) {
  memset(context->cells, 0, context->schema->count * sizeof(hf__cell));
}

/* Reading ------------------------------------------------------------------ */

hf_value hf__cell_value(const hf__cell *cell) {
  return (hf_value){
      .kind = (hf_kind)cell->kind,
      .number = cell->number,
      .string = cell->string,
      .length_bytes = cell->length_bytes,
  };
}

hf_value hf_context_get(const hf_context *context, uint32_t index) {
  if (index >= context->schema->count) {
    return (hf_value){.kind = HF_KIND_MISSING};
  }
  return hf__cell_value(&context->cells[index]);
}
