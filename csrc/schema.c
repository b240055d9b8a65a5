/*
 * Schemas: one block of memory each, with the declarations, an index sorted by
 * name and the names themselves.
 *
 * A sorted index rather than a hash table: names are looked up only while
 * compiling, a dozen comparisons find one among thousands, and nothing needs a
 * seed against chosen names.
 */
#include "schema.h"

#include "ascii.h"
#include "error.h"
#include "schema_words.h"
#include "utf8.h"

#include <string.h>

/* The five variables that every user of the classic conditions has. */
static const hf_variable CLASSIC_VARIABLES[] = {
    {"severity", HF_TYPE_ANY}, {"recurrence_count", HF_TYPE_ANY}, {"confidence", HF_TYPE_ANY},
    {"step", HF_TYPE_ANY},     {"duration", HF_TYPE_ANY},
};
static const uint32_t CLASSIC_BY_NAME[] = {2, 4, 1, 0, 3};
static const uint64_t CLASSIC_PREFIXES[] = {
    UINT64_C(0x636F6E666964656E), /* confiden */
    UINT64_C(0x6475726174696F6E), /* duration */
    UINT64_C(0x726563757272656E), /* recurren */
    UINT64_C(0x7365766572697479), /* severity */
    UINT64_C(0x7374657000000000), /* step */
};
static const uint8_t CLASSIC_LENGTHS[] = {10, 8, 16, 8, 4};

enum { CLASSIC_COUNT = sizeof CLASSIC_VARIABLES / sizeof CLASSIC_VARIABLES[0] };

static const hf_schema CLASSIC = {
    .count = CLASSIC_COUNT,
    .slots_at_bytes = HF__SLOTS_AT_BYTES(CLASSIC_COUNT),
    .context_bytes = HF__WHOLE_LINES(HF__SLOTS_END_BYTES(CLASSIC_COUNT)),
    .variables = CLASSIC_VARIABLES,
    .by_name = CLASSIC_BY_NAME,
    .prefixes = CLASSIC_PREFIXES,
    .lengths = CLASSIC_LENGTHS,
    .digest = UINT64_C(0x4479407B3E7A834F),
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

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
  int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
  return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* The sorted names, and what is compared of them first. */
typedef struct sorted_names {
  const hf_variable *variables;
  uint32_t *by_name;
  uint64_t *prefixes;
  uint8_t *lengths;
} sorted_names;

/* How the name at a place is ordered against one of the same prefix. */
static inline int order_at(const hf_variable *variables, const uint32_t *by_name,
                           const uint8_t *lengths, uint32_t place, const char *name,
                           size_t length_bytes) {
  enum { PREFIX_BYTES = sizeof(uint64_t) };
  if (lengths[place] == length_bytes && length_bytes <= PREFIX_BYTES) {
    return 0;
  }
  return compare_names(variables[by_name[place]].name, lengths[place], name, length_bytes);
}

/*
 * Where a name stands among `count` sorted ones, or HF_NO_VARIABLE; then `*low`
 * is where it would stand.
 */
static inline uint32_t place_of(const hf_variable *variables, const uint32_t *by_name,
                                const uint64_t *prefixes, const uint8_t *lengths, uint32_t count,
                                const char *name, size_t length_bytes, uint32_t *low) {
  uint64_t prefix = hf__name_prefix(name, length_bytes);
  uint32_t from = 0;
  uint32_t to = count;
  while (from < to) {
    uint32_t middle = (from + to) / 2;
    int order = (prefixes[middle] > prefix) - (prefixes[middle] < prefix);
    if (order == 0) {
      order = order_at(variables, by_name, lengths, middle, name, length_bytes);
    }
    if (order == 0) {
      return middle;
    }
    from = order < 0 ? middle + 1 : from;
    to = order < 0 ? to : middle;
  }
  *low = from;
  return HF_NO_VARIABLE;
}

/* The offset of the first byte that no identifier has there, or the length. */
static size_t identifier_prefix(const char *name, size_t length_bytes) {
  size_t i = 0;
  while (i < length_bytes && (i == 0 ? hf__is_name_start(name[i]) : hf__is_name_part(name[i]))) {
    i++;
  }
  return i;
}

static hf_status check_declaration(const hf_variable *variable, hf_error *error) {
  const char *name = variable->name == NULL ? "" : variable->name;
  /* Bounded: a name without its NUL is not read further than it may be long. */
  size_t length = strnlen(name, HF_NAME_MAX_BYTES + 1);
  hf__quote quote;
  hf__quoted(&quote, name, length);
  if (length == 0) {
    return hf__error_set(error, HF_ERROR_INVALID_NAME, HF_NO_OFFSET, 0, "a variable has no name");
  }
  if (length > HF_NAME_MAX_BYTES) {
    return hf__error_set(error, HF_ERROR_INVALID_NAME, HF_NO_OFFSET, 0,
                         "the name '%s' is longer than %d bytes", quote.text, HF_NAME_MAX_BYTES);
  }
  size_t sound = identifier_prefix(name, length);
  if (sound < length) {
    return hf__error_set(error, HF_ERROR_INVALID_NAME, HF_NO_OFFSET, 0,
                         "'%s' is no name: at byte %zu, expected an ASCII letter%s or '_'",
                         quote.text, sound, sound == 0 ? "" : ", a digit");
  }
  if (hf__equals_ignoring_case(name, length, "and") ||
      hf__equals_ignoring_case(name, length, "or") ||
      hf__equals_ignoring_case(name, length, "always")) {
    return hf__error_set(error, HF_ERROR_RESERVED_NAME, HF_NO_OFFSET, 0,
                         "'%s' is a word of the language", name);
  }
  if (strncmp(name, "and_", 4) == 0 || strncmp(name, "or_", 3) == 0) {
    return hf__error_set(error, HF_ERROR_RESERVED_NAME, HF_NO_OFFSET, 0,
                         "'%s' would be read as the operator '%s' and another name", quote.text,
                         name[0] == 'a' ? "and" : "or");
  }
  if ((unsigned)variable->type > HF_TYPE_BOOLEAN) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the type of '%s' is none of any, number, string, boolean", quote.text);
  }
  return HF_OK;
}

/* Creation ----------------------------------------------------------------- */

/*
 * Adds a variable to the sorted ones; false when its name is there already. (An
 * insertion sort: qsort would need the names through a global, and moving 4,096
 * indexes by one takes less than comparing two names.)
 */
static bool insert_sorted(const sorted_names *names, uint32_t index) {
  const char *name = names->variables[index].name;
  size_t length = strlen(name);
  uint32_t place = 0;
  if (place_of(names->variables, names->by_name, names->prefixes, names->lengths, index, name,
               length, &place) != HF_NO_VARIABLE) {
    return false;
  }
  size_t behind = index - place;
  memmove(names->by_name + place + 1, names->by_name + place, behind * sizeof *names->by_name);
  memmove(names->prefixes + place + 1, names->prefixes + place, behind * sizeof *names->prefixes);
  memmove(names->lengths + place + 1, names->lengths + place, behind);
  names->by_name[place] = index;
  names->prefixes[place] = hf__name_prefix(name, length);
  names->lengths[place] = (uint8_t)length;
  return true;
}

/* Where the parts of a schema lie in its block. */
typedef struct layout {
  size_t variables_at;
  size_t words_at;
  size_t prefixes_at;
  size_t keys_at;
  size_t word_table_at;
  size_t by_name_at;
  size_t lengths_at;
  size_t text_at;
  size_t size_bytes;
} layout;

static layout lay_out(size_t variables, size_t words, size_t table, size_t text_bytes) {
  layout at;
  at.variables_at = sizeof(hf_schema);
  at.words_at = at.variables_at + variables * sizeof(hf_variable);
  at.prefixes_at = at.words_at + words * sizeof(hf_word);
  at.keys_at = at.prefixes_at + variables * sizeof(uint64_t);
  at.word_table_at = at.keys_at + variables * sizeof(uint32_t);
  at.by_name_at = at.word_table_at + table * sizeof(uint32_t);
  at.lengths_at = at.by_name_at + variables * sizeof(uint32_t);
  at.text_at = at.lengths_at + variables;
  at.size_bytes = at.text_at + text_bytes;
  return at;
}

/* The sum of the words' bytes goes to `text_bytes`. */
static hf_status check_words(const hf_word *words, size_t count, size_t *text_bytes,
                             hf_error *error) {
  if (count > HF_SCHEMA_MAX_WORDS) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "%zu words are given; a schema interns at most %d", count,
                         HF_SCHEMA_MAX_WORDS);
  }
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (words[i].length_bytes > UINT32_MAX || total > SIZE_MAX / 2 - words[i].length_bytes) {
      return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                           "the word at index %zu has 4 GiB or more", i);
    }
    if (hf__utf8_valid_prefix(words[i].bytes, words[i].length_bytes) != words[i].length_bytes) {
      return hf__error_set(error, HF_ERROR_INVALID_UTF8, HF_NO_OFFSET, 0,
                           "the word at index %zu is not UTF-8", i);
    }
    total += words[i].length_bytes;
  }
  *text_bytes += total;
  return HF_OK;
}

/* Copies the declarations, sorted too. On a duplicate `*index` is the later one. */
static hf_status copy_variables(const hf_variable *variables, size_t count, hf_variable *declared,
                                const sorted_names *names, char **text, size_t *index,
                                hf_error *error) {
  for (*index = 0; *index < count; (*index)++) {
    size_t bytes = strlen(variables[*index].name) + 1;
    memcpy(*text, variables[*index].name, bytes);
    declared[*index] = (hf_variable){.name = *text, .type = variables[*index].type};
    *text += bytes;
    if (!insert_sorted(names, (uint32_t)*index)) {
      return hf__error_set(error, HF_ERROR_DUPLICATE_NAME, HF_NO_OFFSET, 0,
                           "'%s' is declared twice", declared[*index].name);
    }
  }
  return HF_OK;
}

static hf_status copy_words(const hf_word *words, size_t count, hf_word *interned, uint32_t *table,
                            size_t table_size, char *text, hf_error *error) {
  memset(table, 0, table_size * sizeof *table);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = words[i].length_bytes;
    if (bytes > 0) {
      memcpy(text, words[i].bytes, bytes);
    }
    interned[i] = (hf_word){.bytes = text, .length_bytes = bytes};
    text += bytes;
    if (!hf__word_table_enter(table, table_size, interned, (uint32_t)i)) {
      hf__quote quote;
      hf__quoted(&quote, interned[i].bytes, bytes);
      return hf__error_set(error, HF_ERROR_DUPLICATE_NAME, HF_NO_OFFSET, 0,
                           "the word '%s' stands twice", quote.text);
    }
  }
  return HF_OK;
}

/*
 * Where the key of each variable that is declared as a string lies in a context;
 * returns where the keys end. A schema that interns words has no keys: contexts
 * stay small, and what is compared often is a word.
 */
static uint32_t lay_out_keys(const hf_variable *variables, size_t count, bool has_words,
                             uint32_t *keys_at_bytes) {
  uint32_t end = (uint32_t)HF__SLOTS_END_BYTES(count);
  for (size_t i = 0; i < count; i++) {
    bool has_key = variables[i].type == HF_TYPE_STRING && !has_words;
    keys_at_bytes[i] = has_key ? end : 0;
    end += has_key ? HF__KEY_BYTES : 0;
  }
  return end;
}

hf_status hf_schema_create(const hf_variable *variables, size_t count,
                           const hf_allocator *allocator, hf_schema **schema, hf_error *error) {
  return hf_schema_create_with_words(variables, count, NULL, 0, allocator, schema, error);
}

hf_status hf_schema_create_with_words(const hf_variable *variables, size_t count,
                                      const hf_word *words, size_t word_count,
                                      const hf_allocator *allocator, hf_schema **schema,
                                      hf_error *error) {
  if (count > HF_SCHEMA_MAX_VARIABLES) {
    return hf__error_set(error, HF_ERROR_TOO_MANY_VARIABLES, HF_NO_OFFSET, 0,
                         "%zu variables are declared; a schema has at most %d", count,
                         HF_SCHEMA_MAX_VARIABLES);
  }
  /* Declarations are sound up to `sound`; what is wrong with the next one counts
   * only when there is no earlier duplicate among them. */
  hf_status fault = HF_OK;
  size_t sound = 0;
  size_t text_bytes = 0;
  while (sound < count && (fault = check_declaration(&variables[sound], error)) == HF_OK) {
    text_bytes += strlen(variables[sound].name) + 1;
    sound++;
  }
  size_t faulty = sound;
  if (fault == HF_OK) {
    fault = check_words(words, word_count, &text_bytes, error);
    faulty = HF_NO_VARIABLE;
  }
  /* Words that were not checked may be any number. */
  size_t sound_words = fault == HF_OK ? word_count : 0;

  hf_allocator from = allocator == NULL ? hf_allocator_default() : *allocator;
  size_t table_size = hf__word_table_size(sound_words);
  layout at = lay_out(count, sound_words, table_size, text_bytes);
  char *block = from.allocate(from.context, at.size_bytes, _Alignof(max_align_t));
  if (block == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  hf_schema *made = (hf_schema *)(void *)block;
  hf_variable *declared = (hf_variable *)(void *)(block + at.variables_at);
  hf_word *interned = (hf_word *)(void *)(block + at.words_at);
  uint32_t *keys_at_bytes = (uint32_t *)(void *)(block + at.keys_at);
  uint32_t *table = (uint32_t *)(void *)(block + at.word_table_at);
  const sorted_names names = {.variables = declared,
                              .by_name = (uint32_t *)(void *)(block + at.by_name_at),
                              .prefixes = (uint64_t *)(void *)(block + at.prefixes_at),
                              .lengths = (uint8_t *)(block + at.lengths_at)};
  char *text = block + at.text_at;
  size_t index;
  hf_status duplicate = copy_variables(variables, sound, declared, &names, &text, &index, error);
  if (duplicate != HF_OK) {
    fault = duplicate;
    faulty = index;
  } else if (fault == HF_OK) {
    fault = copy_words(words, word_count, interned, table, table_size, text, error);
  }
  if (fault != HF_OK) {
    if (error != NULL) {
      error->variable = (uint32_t)faulty;
    }
    from.deallocate(from.context, block, at.size_bytes, _Alignof(max_align_t));
    return fault;
  }
  uint32_t keys_end = lay_out_keys(declared, count, word_count > 0, keys_at_bytes);
  *made = (hf_schema){
      .allocator = from,
      .size_bytes = at.size_bytes,
      .count = (uint32_t)count,
      .word_count = (uint32_t)word_count,
      .slots_at_bytes = (uint32_t)HF__SLOTS_AT_BYTES(count),
      .context_bytes = (uint32_t)HF__WHOLE_LINES(keys_end),
      .variables = declared,
      .by_name = names.by_name,
      .prefixes = names.prefixes,
      .lengths = names.lengths,
      .keys_at_bytes = keys_at_bytes,
      .words = interned,
      .word_table = table,
      .word_mask = (uint32_t)(table_size - 1),
  };
  made->digest = hf__schema_digest(made);
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
  uint32_t low;
  uint32_t place = place_of(schema->variables, schema->by_name, schema->prefixes, schema->lengths,
                            schema->count, name, length_bytes, &low);
  return place == HF_NO_VARIABLE ? HF_NO_VARIABLE : schema->by_name[place];
}

bool hf_schema_equal(const hf_schema *a, const hf_schema *b) {
  if (a == b) {
    return true;
  }
  if (a->count != b->count || a->word_count != b->word_count) {
    return false;
  }
  for (uint32_t i = 0; i < a->count; i++) {
    if (a->variables[i].type != b->variables[i].type ||
        strcmp(a->variables[i].name, b->variables[i].name) != 0) {
      return false;
    }
  }
  for (uint32_t i = 0; i < a->word_count; i++) {
    const hf_word *x = &a->words[i];
    const hf_word *y = &b->words[i];
    if (x->length_bytes != y->length_bytes || memcmp(x->bytes, y->bytes, x->length_bytes) != 0) {
      return false;
    }
  }
  return true;
}
