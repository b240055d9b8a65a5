/*
 * Contexts: one block with what evaluation reads, and one with the strings, for
 * each of which a slot that has copied one keeps a buffer.
 */
#include "context.h"

#include "utf8.h"

/* Nothing of it is linked: its functions become static here. */
#define XXH_INLINE_ALL
#include <xxhash.h>

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

static size_t rest_bytes(const hf_schema *schema) {
  return sizeof(hf__context_rest) + schema->count * sizeof(hf__string);
}

static hf__context_rest *make_rest(const hf_schema *schema, hf_allocator from) {
  hf__context_rest *rest = from.allocate(from.context, rest_bytes(schema), _Alignof(max_align_t));
  if (rest != NULL) {
    memset(rest, 0, rest_bytes(schema));
    rest->allocator = from;
  }
  return rest;
}

hf_status hf_context_create(const hf_schema *schema, const hf_allocator *allocator,
                            hf_context **context) {
  hf_allocator from = allocator == NULL ? hf_allocator_default() : *allocator;
  hf__context_rest *rest = NULL;
  if (allocator != NULL) {
    rest = make_rest(schema, from);
    if (rest == NULL) {
      return HF_ERROR_OUT_OF_MEMORY;
    }
  }
  hf_context *made = from.allocate(from.context, schema->context_bytes, HF__LINE_BYTES);
  if (made == NULL) {
    if (rest != NULL) {
      from.deallocate(from.context, rest, rest_bytes(schema), _Alignof(max_align_t));
    }
    return HF_ERROR_OUT_OF_MEMORY;
  }
  memset(made, 0, schema->context_bytes);
  made->schema = hf_schema_retain(schema);
  made->rest = rest;
  hf_context_clear(made);
  *context = made;
  return HF_OK;
}

void hf_context_destroy(hf_context *context) {
  if (context == NULL) {
    return;
  }
  const hf_schema *schema = context->schema;
  hf__context_rest *rest = context->rest;
  hf_allocator from = rest == NULL ? hf_allocator_default() : rest->allocator;
  for (uint32_t i = 0; rest != NULL && i < schema->count; i++) {
    if (rest->strings[i].memory != NULL) {
      from.deallocate(from.context, rest->strings[i].memory, rest->strings[i].capacity_bytes, 1);
    }
  }
  from.deallocate(from.context, context, schema->context_bytes, HF__LINE_BYTES);
  if (rest != NULL) {
    from.deallocate(from.context, rest, rest_bytes(schema), _Alignof(max_align_t));
  }
  hf_schema_release(schema);
}

const hf_schema *hf_context_schema(const hf_context *context) {
  return context->schema;
}

/* Keys --------------------------------------------------------------------- */

hf__key hf__key_of(const char *string, uint32_t length_bytes) {
  hf__key key = {.bytes = {0}};
  if (length_bytes <= HF__KEY_WHOLE_BYTES) {
    for (uint32_t i = 0; i < length_bytes; i++) {
      key.bytes[i] = (uint8_t)string[i];
    }
    key.bytes[HF__KEY_WHOLE_BYTES] = (uint8_t)length_bytes;
    return key;
  }
  memcpy(key.bytes, string, HF__KEY_PREFIX_BYTES);
  memcpy(key.bytes + HF__KEY_PREFIX_BYTES, &length_bytes, sizeof length_bytes);
  key.bytes[HF__KEY_WHOLE_BYTES] = HF__KEY_WHOLE_BYTES + 1;
  return key;
}

/* Prints ------------------------------------------------------------------- */

/* Different prints are of different strings; equal ones leave the bytes to be
 * compared. A hash of the length and of no more than the first bytes, so that a
 * long string costs no more. Who chooses strings of equal prints makes evaluation
 * a little slower, and no more: the hash needs no seed. */
uint64_t hf__print_slot(const char *string, size_t length_bytes) {
  enum { PRINT_BYTES = 64 };
  size_t bytes = length_bytes < PRINT_BYTES ? length_bytes : PRINT_BYTES;
  return HF__SLOT_PRINT | XXH3_64bits_withSeed(bytes == 0 ? "" : string, bytes, length_bytes) >> 16;
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

static inline void put_slot(hf_context *context, uint32_t index, uint64_t slot) {
  memcpy((char *)context + hf__slot_at(context->schema, index), &slot, sizeof slot);
}

static inline void put_tag(hf_context *context, uint32_t index, unsigned tag) {
  uint64_t *word = &context->words[index / HF__TAGS_PER_WORD];
  uint32_t shift = hf__tag_shift(index);
  *word = (*word & ~(UINT64_C(15) << shift)) | (uint64_t)tag << shift;
}

static hf_status set(hf_context *context, uint32_t index, hf_type type, unsigned tag,
                     uint64_t slot) {
  hf_status status = admits(context, index, type);
  if (status == HF_OK) {
    put_slot(context, index, slot);
    put_tag(context, index, tag);
  }
  return status;
}

hf_status hf_context_set_number(hf_context *context, uint32_t index, double number) {
  if (number != number) {
    return set(context, index, HF_TYPE_NUMBER, HF__TAG_NAN, HF__SLOT_NAN);
  }
  double kept = number == 0 ? 0 : number; /* -0 is 0 */
  uint64_t slot;
  memcpy(&slot, &kept, sizeof slot);
  return set(context, index, HF_TYPE_NUMBER, HF__TAG_NUMBER, slot);
}

hf_status hf_context_set_boolean(hf_context *context, uint32_t index, bool boolean) {
  double number = boolean ? 1 : 0;
  uint64_t slot;
  memcpy(&slot, &number, sizeof slot);
  return set(context, index, HF_TYPE_BOOLEAN, HF__TAG_BOOLEAN, slot);
}

hf_status hf_context_set_null(hf_context *context, uint32_t index) {
  return set(context, index, HF_TYPE_ANY, HF__TAG_NULL, HF__SLOT_OTHER);
}

hf_status hf_context_set_container(hf_context *context, uint32_t index) {
  return set(context, index, HF_TYPE_ANY, HF__TAG_CONTAINER, HF__SLOT_OTHER);
}

static hf_status mark(hf_context *context, uint32_t index, unsigned tag) {
  if (index >= context->schema->count) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  put_slot(context, index, HF__SLOT_OTHER);
  put_tag(context, index, tag);
  return HF_OK;
}

hf_status hf_context_set_invalid(hf_context *context, uint32_t index) {
  return mark(context, index, HF__TAG_INVALID);
}

hf_status hf_context_unset(hf_context *context, uint32_t index) {
  return mark(context, index, HF__TAG_MISSING);
}

hf_status hf_context_set_word(hf_context *context, uint32_t index, uint32_t word) {
  if (word >= context->schema->word_count) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  return set(context, index, HF_TYPE_STRING, HF__TAG_STRING, hf__word_slot(word));
}

bool hf__context_make_room(hf_context *context) {
  if (context->rest == NULL) {
    context->rest = make_rest(context->schema, hf_allocator_default());
  }
  return context->rest != NULL;
}

/* Where a variable's key is, or NULL. */
static char *key_at(const hf_context *context, uint32_t index) {
  const uint32_t *keys_at_bytes = context->schema->keys_at_bytes;
  return keys_at_bytes == NULL || keys_at_bytes[index] == 0
             ? NULL
             : (char *)(uintptr_t)context + keys_at_bytes[index];
}

static void put_key(hf_context *context, uint32_t index, const char *string, size_t length_bytes) {
  char *at = key_at(context, index);
  if (at != NULL) {
    hf__key key = hf__key_of(string, (uint32_t)length_bytes);
    memcpy(at, &key, sizeof key);
  }
}

/* Fills an admitted slot with a string that is no word and stays where it is. */
static void put_string(hf_context *context, uint32_t index, const char *string,
                       size_t length_bytes) {
  context->rest->strings[index].bytes = string;
  context->rest->strings[index].length_bytes = length_bytes;
  put_key(context, index, string, length_bytes);
  bool by_key = length_bytes <= HF__KEY_WHOLE_BYTES && key_at(context, index) != NULL;
  put_slot(context, index, by_key ? HF__SLOT_STRING : hf__print_slot(string, length_bytes));
  put_tag(context, index, HF__TAG_STRING);
}

hf_status hf_context_borrow_string(hf_context *context, uint32_t index, const char *string,
                                   size_t length_bytes) {
  if (length_bytes > UINT32_MAX) {
    return HF_ERROR_INVALID_ARGUMENT;
  }
  hf_status status = admits(context, index, HF_TYPE_STRING);
  if (status != HF_OK) {
    return status;
  }
  uint32_t word = hf_schema_find_word(context->schema, string, length_bytes);
  if (word != HF_NO_WORD) {
    return hf_context_set_word(context, index, word);
  }
  if (!hf__context_make_room(context)) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  put_string(context, index, string, length_bytes);
  return HF_OK;
}

/* Room for `length_bytes` in a slot's memory, or NULL. */
static char *string_memory(hf_context *context, uint32_t index, size_t length_bytes) {
  hf__string *string = &context->rest->strings[index];
  if (length_bytes <= string->capacity_bytes && string->memory != NULL) {
    return string->memory;
  }
  /* Twice what is needed, so that strings which grow little by little do not
   * allocate each time. */
  size_t capacity = length_bytes < 16 ? 32 : length_bytes * 2;
  hf_allocator from = context->rest->allocator;
  char *bytes = from.allocate(from.context, capacity, 1);
  if (bytes == NULL) {
    return NULL;
  }
  if (string->memory != NULL) {
    /* The slot may hold a string in the old memory: it is about to be replaced. */
    from.deallocate(from.context, string->memory, string->capacity_bytes, 1);
  }
  string->memory = bytes;
  string->capacity_bytes = capacity;
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
  uint32_t word = hf_schema_find_word(context->schema, string, length_bytes);
  if (word != HF_NO_WORD) {
    return hf_context_set_word(context, index, word);
  }
  if (hf__utf8_valid_prefix(string, length_bytes) != length_bytes) {
    return HF_ERROR_INVALID_UTF8;
  }
  if (length_bytes <= HF__KEY_WHOLE_BYTES && key_at(context, index) != NULL) {
    put_key(context, index, string, length_bytes);
    put_slot(context, index, HF__SLOT_SHORT);
    put_tag(context, index, HF__TAG_STRING);
    return HF_OK;
  }
  char *bytes = hf__context_make_room(context) ? string_memory(context, index, length_bytes) : NULL;
  if (bytes == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  if (length_bytes > 0) {
    memmove(bytes, string, length_bytes); /* it may come from the same slot */
  }
  put_string(context, index, bytes, length_bytes);
  return HF_OK;
}

void hf_context_clear(hf_context *context) {
  uint32_t count = context->schema->count;
  for (uint32_t i = 0; i < count; i += HF__TAGS_PER_WORD) {
    context->words[i / HF__TAGS_PER_WORD] = HF__TAGS_MISSING;
  }
}

/* Reading ------------------------------------------------------------------ */

static hf__cell string_cell(const hf_context *context, uint32_t variable) {
  uint64_t slot = hf__context_word(context, hf__slot_at(context->schema, variable));
  if (slot == HF__SLOT_STRING || hf__is_print(slot)) {
    const hf__string *string = &context->rest->strings[variable];
    return (hf__cell){.kind = HF_KIND_STRING,
                      .string = string->bytes,
                      .length_bytes = (uint32_t)string->length_bytes};
  }
  if (slot == HF__SLOT_SHORT) {
    const char *key = (const char *)context + context->schema->keys_at_bytes[variable];
    return (hf__cell){.kind = HF_KIND_STRING,
                      .string = key,
                      .length_bytes = (unsigned char)key[HF__KEY_WHOLE_BYTES]};
  }
  const hf_word *word = &context->schema->words[slot - hf__word_slot(0)];
  return (hf__cell){
      .kind = HF_KIND_STRING, .string = word->bytes, .length_bytes = (uint32_t)word->length_bytes};
}

hf__cell hf__context_cell(const hf_context *context, uint32_t variable) {
  double number = hf__context_number(context, hf__slot_at(context->schema, variable));
  switch (hf__context_tag(context, variable)) {
  case HF__TAG_NUMBER:
  case HF__TAG_NAN:
    return (hf__cell){.kind = HF_KIND_NUMBER, .number = number};
  case HF__TAG_BOOLEAN:
    return (hf__cell){.kind = HF_KIND_BOOLEAN, .number = number};
  case HF__TAG_STRING:
    return string_cell(context, variable);
  case HF__TAG_NULL:
    return (hf__cell){.kind = HF_KIND_NULL};
  case HF__TAG_CONTAINER:
    return (hf__cell){.kind = HF_KIND_CONTAINER};
  case HF__TAG_INVALID:
    return (hf__cell){.kind = HF_KIND_INVALID};
  default:
    return (hf__cell){.kind = HF_KIND_MISSING};
  }
}

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
  hf__cell cell = hf__context_cell(context, index);
  return hf__cell_value(&cell);
}
