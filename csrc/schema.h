/* What the inside of the library knows of a schema. */
#ifndef HF_SCHEMA_H
#define HF_SCHEMA_H

#include <holdfast/schema.h>

#include <stdatomic.h>

struct hf_schema {
  /* Owners; not used by the classic schema, which is constant. */
  atomic_size_t references;
  hf_allocator allocator;
  size_t size_bytes; /* of the one block that holds it all; 0: constant, never freed */
  uint32_t count;
  const hf_variable *variables;
  const uint32_t *by_name; /* indexes, in the order of their names' bytes */
};

/*
 * The declared variable nearest to an unknown name, or HF_NO_VARIABLE when none
 * is near enough to be meant. Cost: O(variables x length), a few nanoseconds for
 * each character.
 */
uint32_t hf__schema_nearest(const hf_schema *schema, const char *name, size_t length_bytes);

#endif
