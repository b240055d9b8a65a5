/*
 * Open addressing with linear probing, at most half full. Nothing that comes
 * later can lengthen a probe: strings from outside are only looked up, so the
 * hash needs no seed against chosen ones.
 */
#include "schema_words.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

size_t hf__word_table_size(size_t word_count) {
  size_t size = 1;
  while (size < 2 * word_count) {
    size *= 2;
  }
  return size;
}

/* Where a string stands in a table, or the free place where it would. */
static size_t place_of(const uint32_t *table, size_t mask, const hf_word *words, const char *bytes,
                       size_t length_bytes) {
  size_t place = (size_t)XXH3_64bits(length_bytes == 0 ? "" : bytes, length_bytes) & mask;
  for (; table[place] != 0; place = (place + 1) & mask) {
    const hf_word *word = &words[table[place] - 1];
    if (word->length_bytes == length_bytes &&
        (length_bytes == 0 || memcmp(word->bytes, bytes, length_bytes) == 0)) {
      break;
    }
  }
  return place;
}

bool hf__word_table_enter(uint32_t *table, size_t table_size, const hf_word *words,
                          uint32_t index) {
  size_t place =
      place_of(table, table_size - 1, words, words[index].bytes, words[index].length_bytes);
  if (table[place] != 0) {
    return false;
  }
  table[place] = index + 1;
  return true;
}

uint32_t hf_schema_find_word(const hf_schema *schema, const char *bytes, size_t length_bytes) {
  if (schema->word_count == 0) {
    return HF_NO_WORD;
  }
  size_t place =
      place_of(schema->word_table, schema->word_mask, schema->words, bytes, length_bytes);
  return schema->word_table[place] == 0 ? HF_NO_WORD : schema->word_table[place] - 1;
}

size_t hf_schema_word_count(const hf_schema *schema) {
  return schema->word_count;
}

hf_word hf_schema_word(const hf_schema *schema, uint32_t index) {
  if (index >= schema->word_count) {
    return (hf_word){.bytes = NULL, .length_bytes = 0};
  }
  return schema->words[index];
}
