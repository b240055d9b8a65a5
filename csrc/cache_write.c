/* Putting and removing. */
#include "cache_copy.h"
#include "cache_key.h"

hf_status hf__put_make(const hf_cache *cache, const hf__key *key, const void *value,
                       size_t value_bytes, const hf_cache_entry_options *options, hf__put *put,
                       hf_error *error) {
  static const hf_cache_entry_options defaults;
  const hf_cache_entry_options *chosen = options == NULL ? &defaults : options;
  size_t tags = chosen->tag_count;
  value_bytes = chosen->negative ? 0 : value_bytes;
  if (value_bytes > INT32_MAX) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the value has %zu bytes; it may have up to 2147483647", value_bytes);
  }
  for (size_t i = 0; i < tags && i < HF_CACHE_MAX_TAGS; i++) {
    put->tags[i] = chosen->tags[i] & ~HF__NAMESPACE_TAG;
  }
  if (tags > HF_CACHE_MAX_TAGS || !hf__add_namespaces(cache, key, put->tags, &tags)) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the entry has more than %d tags and namespaces", HF_CACHE_MAX_TAGS);
  }
  const hf_cache_options *all = &cache->options;
  uint64_t ttl = chosen->negative ? all->negative_ttl_ns : all->ttl_ns;
  put->value = value;
  put->ttl_ns = chosen->ttl_ns == 0 ? ttl : chosen->ttl_ns;
  put->left_ns = put->ttl_ns;
  put->soft_ttl_ns = chosen->soft_ttl_ns;
  put->cost = chosen->cost;
  /* relaxed: as hf__entry_is_invalidated(). */
  put->born = HF__GET(&cache->invalidations);
  bool slides =
      (chosen->sliding || (all->sliding && !chosen->fixed)) && put->ttl_ns != HF_CACHE_NO_TTL;
  uint64_t shape = (uint64_t)value_bytes << HF__VALUE_SHIFT |
                   (uint64_t)key->length << HF__KEY_SHIFT | (uint64_t)tags << HF__TAGS_SHIFT |
                   (chosen->negative ? HF__NEGATIVE : 0u) | (slides ? HF__SLIDING : 0u) |
                   (chosen->cost > 0 ? HF__COST : 0u) |
                   (chosen->soft_ttl_ns > 0 && !chosen->negative ? HF__SOFT : 0u);
  put->shape = hf__shape_entry_bytes(shape) > HF__SLOT_MOST_BYTES ? shape | HF__LARGE : shape;
  return HF_OK;
}

hf_status hf__key_too_long(size_t key_bytes, hf_error *error) {
  return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                       "the key has %zu bytes; it may have up to %d", key_bytes,
                       HF_CACHE_KEY_MAX_BYTES);
}

/* Counts what became of it, and says what is wrong. */
hf_status hf__end_put(hf_cache *cache, hf_status status, hf_error *error) {
  switch (status) {
  case HF_OK:
    hf__cache_count(cache, HF__CACHE_PUTS, 1);
    return HF_OK;
  case HF_ERROR_TOO_LARGE:
    hf__cache_count(cache, HF__CACHE_REFUSED, 1);
    return hf__error_set(error, status, HF_NO_OFFSET, 0,
                         "the entry is larger than the cache allows");
  case HF_ERROR_LOAD_CANCELLED:
    return hf__error_set(error, status, HF_NO_OFFSET, 0,
                         "the key was changed, or its load given up, after the load began");
  default:
    return hf__cache_no_memory(error);
  }
}

hf_status hf_cache_put(hf_cache *cache, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, uint64_t now_ns, const hf_cache_entry_options *options,
                       hf_error *error) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return hf__key_too_long(key_bytes, error);
  }
  hf__key at = hf__cache_key(cache, key, key_bytes);
  hf__put put;
  hf_status status = hf__put_make(cache, &at, value, value_bytes, options, &put, error);
  if (status != HF_OK) {
    return status;
  }
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  size_t budget = HF__CLEARED_BY_EACH;
  hf__removed removed = HF__NONE_REMOVED;
  hf__lock_take(&at.part->lock);
  hf__part_clear_some(cache, at.part, since_ns, &budget, &removed);
  status = hf__part_put(cache, &at, &put, since_ns, &removed);
  if (status != HF_ERROR_OUT_OF_MEMORY) {
    hf__part_end_load(cache, &at);
  }
  hf__lock_give(&at.part->lock);
  hf__cache_tell(cache, at.part, removed);
  return hf__end_put(cache, status, error);
}

hf_status hf__cache_put_absent(hf_cache *cache, const hf__copied *copied, uint64_t now_ns,
                               hf_error *error) {
  hf__key at = hf__cache_key(cache, copied->key, copied->key_bytes);
  hf__put put;
  hf_status status =
      hf__put_make(cache, &at, copied->value, copied->value_bytes, &copied->options, &put, error);
  if (status != HF_OK) {
    return status;
  }
  bool in_main = copied->in_main && cache->options.policy == HF_CACHE_S3FIFO;
  put.shape |= in_main ? HF__IN_MAIN : 0;
  put.left_ns = copied->ttl_left_ns;
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  hf__removed removed = HF__NONE_REMOVED;
  hf__place place;
  hf__lock_take(&at.part->lock);
  status = hf__part_find(cache, &at, since_ns, &place, &removed)
               ? HF_ERROR_LOAD_CANCELLED
               : hf__part_put(cache, &at, &put, since_ns, &removed);
  if (status == HF_OK && hf__part_find(cache, &at, since_ns, &place, &removed)) {
    hf__index_set_heat(&place, copied->heat);
    hf__part_end_load(cache, &at);
  }
  hf__lock_give(&at.part->lock);
  hf__cache_tell(cache, at.part, removed);
  return status == HF_ERROR_LOAD_CANCELLED ? status : hf__end_put(cache, status, error);
}

bool hf_cache_remove(hf_cache *cache, const void *key, size_t key_bytes, uint64_t now_ns) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return false;
  }
  hf__key at = hf__cache_key(cache, key, key_bytes);
  hf__removed removed = HF__NONE_REMOVED;
  hf__place place;
  hf__lock_take(&at.part->lock);
  bool there = hf__part_find(cache, &at, hf__cache_since(cache, now_ns), &place, &removed);
  if (there) {
    hf__part_remove(cache, at.part, at.hash, &place, HF_CACHE_REMOVED, &removed);
  }
  hf__part_end_load(cache, &at);
  hf__lock_give(&at.part->lock);
  hf__cache_tell(cache, at.part, removed);
  return there;
}
