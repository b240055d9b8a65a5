/* A hash of all that a schema declares, by which an image knows its schema. */
#include "little_endian.h"
#include "schema.h"

#include <string.h>

/* Nothing of it is linked: its functions become static here. */
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Not inlined: where gcc 12 knows the length, it warns of xxHash's arithmetic. */
__attribute__((noinline)) static void add(XXH3_state_t *state, const void *bytes,
                                          size_t length_bytes) {
  XXH3_64bits_update(state, bytes, length_bytes);
}

static void add_count(XXH3_state_t *state, uint64_t count) {
  unsigned char bytes[8];
  hf__to_little_endian(count, bytes);
  add(state, bytes, sizeof bytes);
}

uint64_t hf__schema_digest(const hf_schema *schema) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  add_count(&state, schema->count);
  for (uint32_t i = 0; i < schema->count; i++) {
    const hf_variable *variable = &schema->variables[i];
    unsigned char type = (unsigned char)variable->type;
    add(&state, &type, sizeof type);
    add(&state, variable->name, strlen(variable->name) + 1);
  }
  for (uint32_t i = 0; i < schema->word_count; i++) {
    const hf_word *word = &schema->words[i];
    add_count(&state, word->length_bytes);
    if (word->length_bytes > 0) {
      add(&state, word->bytes, word->length_bytes);
    }
  }
  return XXH3_64bits_digest(&state);
}
