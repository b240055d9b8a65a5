/* The hash of a key: XXH3 with a seed that is the cache's own. */
#ifndef HF_CACHE_HASH_H
#define HF_CACHE_HASH_H

#include "cache_entry.h"
#include "error.h"

/* Nothing of it is linked: its functions become static. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t hf__key_hash(const void *key, size_t key_bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(key, key_bytes, seed);
}

/* The same of a key of 9 to 16 bytes: a straight line where it is used, without a call. */
HF__FLAT static inline uint64_t hf__short_key_hash(const void *key, size_t key_bytes,
                                                   uint64_t seed) {
  if (key_bytes < 9 || key_bytes > 16) {
    __builtin_unreachable();
  }
  return hf__key_hash(key, key_bytes, seed);
}

/* Under the lock. */
static inline uint64_t hf__entry_hash(const hf__entry *entry, uint64_t seed) {
  uint64_t shape = HF__GET(&entry->shape);
  return hf__key_hash(hf__entry_key(entry, shape), hf__shape_key_bytes(shape), seed);
}

#endif
