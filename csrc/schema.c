/*
 * Schemas: one block of memory each, with the declarations, an index sorted by
 * name and the names themselves.
 *
 * A sorted index rather than a hash table: names are looked up only while
 * compiling, a dozen comparisons find one among thousands, and nothing needs a
 * seed against chosen names.
 */
#include "schema.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>

/* The five variables that every user of the classic conditions has. */
static const hf_variable CLASSIC_VARIABLES[] = {
    {"severity", HF_TYPE_ANY}, {"recurrence_count", HF_TYPE_ANY}, {"confidence", HF_TYPE_ANY},
    {"step", HF_TYPE_ANY},     {"duration", HF_TYPE_ANY},
};
static const uint32_t CLASSIC_BY_NAME[] = {2, 4, 1, 0, 3};

static const hf_schema CLASSIC = {
    .count = sizeof CLASSIC_VARIABLES / sizeof CLASSIC_VARIABLES[0],
    .variables = CLASSIC_VARIABLES,
    .by_name = CLASSIC_BY_NAME,
};

const hf_schema *hf_schema_classic(void) {
  return &CLASSIC;
}

const char *hf_type_name(hf_type type) {
  switch (type) {
  case HF_TYPE_ANY:
    return "any";
  case HF_TYPE_NUMBER:
    return "number";
  case HF_TYPE_STRING:
    return "string";
  case HF_TYPE_BOOLEAN:
    return "boolean";
  }
  return "unknown";
}

/* Names -------------------------------------------------------------------- */

bool hf__equals_ignoring_case(const char *text, size_t length_bytes, const char *word) {
  if (length_bytes != strlen(word)) {
    return false;
  }
  for (size_t i = 0; i < length_bytes; i++) {
    char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != word[i]) {
      return false;
    }
  }
  return true;
}

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
  int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
  return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static bool is_identifier(const char *name, size_t length_bytes) {
  if (length_bytes == 0 || !hf__is_name_start(name[0])) {
    return false;
  }
  for (size_t i = 1; i < length_bytes; i++) {
    if (!hf__is_name_part(name[i])) {
      return false;
    }
  }
  return true;
}

static hf_status check_declaration(const hf_variable *variable, hf_error *error) {
  const char *name = variable->name == NULL ? "" : variable->name;
  /* Bounded: a name without its NUL is not read further than it may be long. */
  size_t length = strnlen(name, HF_NAME_MAX_BYTES + 1);
  int shown = hf__quoted_bytes(name, length);
  if (length > HF_NAME_MAX_BYTES) {
    return hf__error_set(error, HF_ERROR_INVALID_NAME, HF_NO_OFFSET, 0,
                         "the name '%.*s...' is longer than %d bytes", shown, name,
                         HF_NAME_MAX_BYTES);
  }
  if (!is_identifier(name, length)) {
    return hf__error_set(error, HF_ERROR_INVALID_NAME, HF_NO_OFFSET, 0,
                         "'%.*s' is no name: expected an ASCII letter or '_', then letters, "
                         "digits and '_'",
                         shown, name);
  }
  if (hf__equals_ignoring_case(name, length, "and") ||
      hf__equals_ignoring_case(name, length, "or") ||
      hf__equals_ignoring_case(name, length, "always")) {
    return hf__error_set(error, HF_ERROR_RESERVED_NAME, HF_NO_OFFSET, 0,
                         "'%s' is a word of the language", name);
  }
  if (strncmp(name, "and_", 4) == 0 || strncmp(name, "or_", 3) == 0) {
    return hf__error_set(error, HF_ERROR_RESERVED_NAME, HF_NO_OFFSET, 0,
                         "'%.*s' would be read as the operator '%s' and another name", shown, name,
                         name[0] == 'a' ? "and" : "or");
  }
  if ((unsigned)variable->type > HF_TYPE_BOOLEAN) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the type of '%.*s' is none of any, number, string, boolean", shown, name);
  }
  return HF_OK;
}

/* Creation ----------------------------------------------------------------- */

/*
 * The sort is an insertion into a sorted array: qsort would need the names
 * through a global, and declarations mostly come in small numbers. Returns false
 * when the name is there already.
 */
static bool insert_sorted(uint32_t *by_name, size_t count, const hf_variable *variables,
                          uint32_t index) {
  const char *name = variables[index].name;
  size_t low = 0;
  size_t high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(variables[by_name[middle]].name, name);
    if (order == 0) {
      return false;
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  memmove(by_name + low + 1, by_name + low, (count - low) * sizeof *by_name);
  by_name[low] = index;
  return true;
}

hf_status hf_schema_create(const hf_variable *variables, size_t count,
                           const hf_allocator *allocator, hf_schema **schema, hf_error *error) {
  if (count > HF_SCHEMA_MAX_VARIABLES) {
    return hf__error_set(error, HF_ERROR_TOO_MANY_VARIABLES, HF_NO_OFFSET, 0,
                         "%zu variables are declared; a schema has at most %d", count,
                         HF_SCHEMA_MAX_VARIABLES);
  }
  /* Declarations are sound up to `sound`; what is wrong with the next one counts
   * only when there is no earlier duplicate among them. */
  hf_status fault = HF_OK;
  size_t sound = 0;
  size_t names_bytes = 0;
  while (sound < count && (fault = check_declaration(&variables[sound], error)) == HF_OK) {
    names_bytes += strlen(variables[sound].name) + 1;
    sound++;
  }

  hf_allocator from = allocator == NULL ? hf_allocator_default() : *allocator;
  size_t variables_at = sizeof(hf_schema);
  size_t by_name_at = variables_at + count * sizeof(hf_variable);
  size_t names_at = by_name_at + count * sizeof(uint32_t);
  size_t size = names_at + names_bytes;
  char *block = from.allocate(from.context, size, _Alignof(max_align_t));
  if (block == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  hf_schema *made = (hf_schema *)(void *)block;
  hf_variable *declared = (hf_variable *)(void *)(block + variables_at);
  uint32_t *by_name = (uint32_t *)(void *)(block + by_name_at);
  char *names = block + names_at;
  size_t index = 0;
  for (; index < sound; index++) {
    size_t bytes = strlen(variables[index].name) + 1;
    memcpy(names, variables[index].name, bytes);
    declared[index] = (hf_variable){.name = names, .type = variables[index].type};
    names += bytes;
    if (!insert_sorted(by_name, index, declared, (uint32_t)index)) {
      fault =
          hf__error_set(error, HF_ERROR_DUPLICATE_NAME, HF_NO_OFFSET, 0, "'%.*s' is declared twice",
                        hf__quoted_bytes(declared[index].name, bytes - 1), declared[index].name);
      break;
    }
  }
  if (fault != HF_OK) {
    if (error != NULL) {
      error->variable = (uint32_t)index;
    }
    from.deallocate(from.context, block, size, _Alignof(max_align_t));
    return fault;
  }
  *made = (hf_schema){
      .allocator = from,
      .size_bytes = size,
      .count = (uint32_t)count,
      .variables = declared,
      .by_name = by_name,
  };
  atomic_init(&made->references, 1);
  *schema = made;
  return HF_OK;
}

/*
 * The count is the only part of a schema that changes, so the const that the
 * caller sees is cast away for it alone.
 */
static atomic_size_t *references(const hf_schema *schema) {
  return (atomic_size_t *)(uintptr_t)&schema->references;
}

hf_schema *hf_schema_retain(const hf_schema *schema) {
  if (schema->size_bytes != 0) {
    /* relaxed: whoever retains has a reference already, and so sees the schema. */
    atomic_fetch_add_explicit(references(schema), 1, memory_order_relaxed);
  }
  return (hf_schema *)(uintptr_t)schema;
}

void hf_schema_release(const hf_schema *schema) {
  if (schema == NULL || schema->size_bytes == 0) {
    return;
  }
  /* acq_rel: every use before a release, on any thread, comes before the free
   * by the last one: its acquire pairs with the release of the others. */
  if (atomic_fetch_sub_explicit(references(schema), 1, memory_order_acq_rel) == 1) {
    hf_allocator from = schema->allocator;
    from.deallocate(from.context, (void *)(uintptr_t)schema, schema->size_bytes,
                    _Alignof(max_align_t));
  }
}

/* Reading ------------------------------------------------------------------ */

size_t hf_schema_count(const hf_schema *schema) {
  return schema->count;
}

hf_variable hf_schema_variable(const hf_schema *schema, uint32_t index) {
  if (index >= schema->count) {
    return (hf_variable){.name = NULL, .type = HF_TYPE_ANY};
  }
  return schema->variables[index];
}

uint32_t hf_schema_find(const hf_schema *schema, const char *name, size_t length_bytes) {
  size_t low = 0;
  size_t high = schema->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    uint32_t index = schema->by_name[middle];
    const char *other = schema->variables[index].name;
    int order = compare_names(other, strlen(other), name, length_bytes);
    if (order == 0) {
      return index;
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return HF_NO_VARIABLE;
}

bool hf_schema_equal(const hf_schema *a, const hf_schema *b) {
  if (a == b) {
    return true;
  }
  if (a->count != b->count) {
    return false;
  }
  for (uint32_t i = 0; i < a->count; i++) {
    if (a->variables[i].type != b->variables[i].type ||
        strcmp(a->variables[i].name, b->variables[i].name) != 0) {
      return false;
    }
  }
  return true;
}

/* Did you mean ------------------------------------------------------------- */

/*
 * Edits (insert, delete, replace, swap of neighbours) that turn one name into
 * the other: optimal string alignment, L. Boytsov, "Indexing methods for
 * approximate dictionary searching" (2011), section 2.1. Both names have at
 * most HF_NAME_MAX_BYTES bytes.
 */
static size_t edit_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
  uint8_t rows[3][HF_NAME_MAX_BYTES + 1];
  uint8_t *two_up = rows[0];
  uint8_t *up = rows[1];
  uint8_t *row = rows[2];
  for (size_t j = 0; j <= b_bytes; j++) {
    up[j] = (uint8_t)j;
  }
  for (size_t i = 1; i <= a_bytes; i++) {
    row[0] = (uint8_t)i;
    for (size_t j = 1; j <= b_bytes; j++) {
      uint8_t best = (uint8_t)(up[j - 1] + (a[i - 1] != b[j - 1]));
      best = up[j] + 1 < best ? (uint8_t)(up[j] + 1) : best;
      best = row[j - 1] + 1 < best ? (uint8_t)(row[j - 1] + 1) : best;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          two_up[j - 2] + 1 < best) {
        best = (uint8_t)(two_up[j - 2] + 1);
      }
      row[j] = best;
    }
    uint8_t *spare = two_up;
    two_up = up;
    up = row;
    row = spare;
  }
  return up[b_bytes];
}

uint32_t hf__schema_nearest(const hf_schema *schema, const char *name, size_t length_bytes) {
  if (length_bytes > HF_NAME_MAX_BYTES) {
    return HF_NO_VARIABLE;
  }
  /* A third of the letters may be wrong, and always one. */
  size_t limit = length_bytes / 3 > 1 ? length_bytes / 3 : 1;
  uint32_t nearest = HF_NO_VARIABLE;
  for (uint32_t i = 0; i < schema->count; i++) {
    const char *other = schema->variables[i].name;
    size_t other_bytes = strlen(other);
    if (hf__equals_ignoring_case(name, length_bytes, other)) {
      return i;
    }
    size_t gap =
        other_bytes > length_bytes ? other_bytes - length_bytes : length_bytes - other_bytes;
    if (gap > limit) {
      continue;
    }
    size_t distance = edit_distance(name, length_bytes, other, other_bytes);
    /* At a distance of its whole length nothing of the name is left. */
    if (distance <= limit && distance < length_bytes) {
      nearest = i;
      limit = distance - 1; /* the first of the nearest wins */
      if (limit == 0) {
        return nearest;
      }
    }
  }
  return nearest;
}
