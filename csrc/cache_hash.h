/* The hash of a key: XXH3 with a seed that is the cache's own. */
#ifndef HF_CACHE_HASH_H
#define HF_CACHE_HASH_H

#include "cache_entry.h"

/* Nothing of it is linked: its functions become static. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hf__key_hash(const void *key, size_t key_bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(key, key_bytes, seed);
}

/* Under the lock. */
static inline uint64_t hf__entry_hash(const hf__entry *entry, uint64_t seed) {
  uint64_t shape = HF__GET(&entry->shape);
  return hf__key_hash(hf__entry_key(entry, shape), hf__shape_key_bytes(shape), seed);
}

#endif
