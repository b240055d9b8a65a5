/* Tags and namespaces: what is invalidated together. */
#include "cache.h"
#include "cache_hash.h"

#include <string.h>

uint32_t hf_cache_tag(const char *name, size_t length_bytes) {
  uint64_t hash = XXH3_64bits(length_bytes == 0 ? "" : name, length_bytes);
  return (uint32_t)(hash >> 33);
}

bool hf__add_namespaces(const hf_cache *cache, const hf__key *key, uint32_t *tags, size_t *count) {
  /* acquire: pairs with the release of who declared it. */
  size_t declared = HF__LOAD(&cache->namespace_count, memory_order_acquire);
  for (size_t i = 0; i < declared; i++) {
    const hf__namespace *space = &cache->namespaces[i];
    if (space->prefix_bytes <= key->length &&
        memcmp(space->prefix, key->bytes, space->prefix_bytes) == 0) {
      if (*count == HF_CACHE_MAX_TAGS) {
        return false;
      }
      tags[(*count)++] = HF__NAMESPACE_TAG | (uint32_t)i;
    }
  }
  return true;
}

static void invalidate(hf_cache *cache, uint32_t tag) {
  atomic_uint_least64_t *place = hf__invalidated(cache, tag);
  /* relaxed: numbers are only compared, and whoever is told that this is done sees both. */
  uint64_t number = HF__ADD(&cache->invalidations, 1, memory_order_relaxed) + 1;
  uint64_t seen = HF__GET(place);
  while (seen < number && !HF__SWAP_IF(place, &seen, number, memory_order_relaxed)) {
  }
  /* release: who clears away because of it finds it; pairs with the acquire in
   * hf__part_clear_some(). */
  HF__ADD(&cache->invalidations_done, 1, memory_order_release);
}

void hf_cache_invalidate_tag(hf_cache *cache, uint32_t tag) {
  invalidate(cache, tag & ~HF__NAMESPACE_TAG);
}

hf_status hf_cache_declare_namespace(hf_cache *cache, const char *prefix, size_t prefix_bytes,
                                     hf_error *error) {
  if (prefix_bytes == 0 || prefix_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return hf__cache_out_of_range(error, "prefix_bytes", prefix_bytes, "1 to 65535");
  }
  char *copy = cache->allocator.allocate(cache->allocator.context, prefix_bytes, 1);
  if (copy == NULL) {
    return hf__cache_no_memory(error);
  }
  memcpy(copy, prefix, prefix_bytes);
  hf_status status = HF_OK;
  hf__lock_take(&cache->namespaces_lock);
  size_t count = HF__GET(&cache->namespace_count);
  bool there = false;
  for (size_t i = 0; i < count && !there; i++) {
    there = cache->namespaces[i].prefix_bytes == prefix_bytes &&
            memcmp(cache->namespaces[i].prefix, prefix, prefix_bytes) == 0;
  }
  if (!there && count < HF_CACHE_MAX_NAMESPACES) {
    cache->namespaces[count] = (hf__namespace){copy, prefix_bytes};
    /* release: it is whole before it is seen; pairs with the acquire of add_namespaces(). */
    HF__STORE(&cache->namespace_count, count + 1, memory_order_release);
    copy = NULL;
  } else if (!there) {
    status = hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                           "there are %d namespaces already", HF_CACHE_MAX_NAMESPACES);
  }
  hf__lock_give(&cache->namespaces_lock);
  if (copy != NULL) {
    cache->allocator.deallocate(cache->allocator.context, copy, prefix_bytes, 1);
  }
  return status;
}

bool hf_cache_invalidate_namespace(hf_cache *cache, const char *prefix, size_t prefix_bytes) {
  /* acquire: pairs with the release of who declared it. */
  size_t count = HF__LOAD(&cache->namespace_count, memory_order_acquire);
  for (size_t i = 0; i < count; i++) {
    const hf__namespace *space = &cache->namespaces[i];
    if (space->prefix_bytes == prefix_bytes && memcmp(space->prefix, prefix, prefix_bytes) == 0) {
      invalidate(cache, HF__NAMESPACE_TAG | (uint32_t)i);
      return true;
    }
  }
  return false;
}
