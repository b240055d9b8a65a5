/* The words that a schema interns: a hash table that never changes. */
#ifndef HF_SCHEMA_WORDS_H
#define HF_SCHEMA_WORDS_H

#include "schema.h"

/* How many places a table for so many words has: a power of two, half of it free. */
size_t hf__word_table_size(size_t word_count);

/*
 * Enters the word at `index` of `words`, of which those before it are in the
 * table. False, and nothing is entered, when one of them is the same.
 */
bool hf__word_table_enter(uint32_t *table, size_t table_size, const hf_word *words, uint32_t index);

#endif
