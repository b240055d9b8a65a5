/* Where a key belongs. */
#ifndef HF_CACHE_KEY_H
#define HF_CACHE_KEY_H

#include "cache.h"
#include "cache_hash.h"

HF_BEGIN_NONNULL

HF__INLINE hf__key hf__cache_key(const hf_cache *cache, const void *HF_NULLABLE bytes,
                                 size_t length) {
  const void *from = length == 0 ? "" : bytes;
  uint64_t hash = hf__key_hash(from, length, cache->options.seed);
  size_t part = hf__hash_part(hash) & (cache->part_count - 1);
  return (hf__key){.bytes = from, .length = length, .hash = hash, .part = &cache->parts[part]};
}

HF_END_NONNULL

#endif
