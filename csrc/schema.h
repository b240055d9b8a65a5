/* What the inside of the library knows of a schema. */
#ifndef HF_SCHEMA_H
#define HF_SCHEMA_H

#include <holdfast/schema.h>

#include <stdatomic.h>

/* Where a context's tags begin (behind two pointers), how many variables' tags
 * a word holds, and the bytes of a string's key: see context.h. */
enum {
  HF__TAGS_AT_BYTES = 2 * sizeof(void *),
  HF__TAGS_PER_WORD = 16,
  HF__KEY_BYTES = 16,
};

/* Where the slots begin in a context of so many variables. A context has a word
 * of tags and a slot even when it has no variables. */
#define HF__SLOTS_AT_BYTES(count)                                                                  \
  (HF__TAGS_AT_BYTES +                                                                             \
   ((count) == 0 ? 1 : ((count) + HF__TAGS_PER_WORD - 1) / HF__TAGS_PER_WORD) * sizeof(uint64_t))

/* Where they end. */
#define HF__SLOTS_END_BYTES(count)                                                                 \
  (HF__SLOTS_AT_BYTES(count) + ((count) == 0 ? 1 : (count)) * sizeof(uint64_t))

/*
 * The first eight bytes of a name as a number, the first one highest, zeros
 * behind a shorter name: names of different prefixes are in the order of their
 * prefixes.
 */
static inline uint64_t hf__name_prefix(const char *name, size_t length_bytes) {
  uint64_t prefix = 0;
  size_t bytes = length_bytes < sizeof prefix ? length_bytes : sizeof prefix;
  for (size_t i = 0; i < bytes; i++) {
    prefix = prefix << 8 | (unsigned char)name[i];
  }
  return bytes == 0 ? 0 : prefix << 8 * (sizeof prefix - bytes);
}

/* A context is whole lines of the cache, so that a line of it may be read at once. */
enum { HF__LINE_BYTES = 64 };

#define HF__WHOLE_LINES(bytes) (((bytes) + HF__LINE_BYTES - 1) / HF__LINE_BYTES * HF__LINE_BYTES)

struct hf_schema {
  /* Owners; not used by the classic schema, which is constant. */
  atomic_size_t references;
  hf_allocator allocator;
  size_t size_bytes; /* of the one block that holds it all; 0: constant, never freed */
  uint32_t count;
  uint32_t word_count;
  uint32_t slots_at_bytes; /* in its contexts */
  uint32_t context_bytes;
  const hf_variable *variables;
  const uint32_t *by_name;  /* indexes, in the order of their names' bytes */
  const uint64_t *prefixes; /* in the same order: see hf__name_prefix */
  const uint8_t *lengths;   /* in bytes, in the same order */
  /* For each variable: where a context has its key, or 0. NULL: no keys at all. */
  const uint32_t *keys_at_bytes;
  const hf_word *words;
  const uint32_t *word_table; /* indexes plus 1, by hash; 0: free */
  uint32_t word_mask;         /* the table's size minus 1 */
  uint64_t digest;            /* see hf__schema_digest */
};

/*
 * A hash of the declarations, the same on every machine: schemas that are equal
 * have equal ones. Computed once, when a schema is created. Cost: O(bytes of its
 * names and words).
 */
uint64_t hf__schema_digest(const hf_schema *schema);

/*
 * The declared variable nearest to an unknown name, or HF_NO_VARIABLE when none
 * is near enough to be meant. Cost: O(variables x length), a few nanoseconds for
 * each character.
 */
uint32_t hf__schema_nearest(const hf_schema *schema, const char *name, size_t length_bytes);

#endif
