/*
 * Entries of a cache as bytes, one after the other, as hf_cache_each() walks over them and
 * hf_cache_save() writes them. Words of eight bytes, little-endian:
 *
 *     the shape (cache_entry.h), without HF__LARGE and namespaces; in two of its low bits the heat
 *     what is left of its TTL, in ns; UINT64_MAX: no deadline
 *     its TTL, when it slides; what is left of its soft TTL, its cost, when it has one
 *     its tags, two in a word, the first in the lower half
 *     the key, filled up with zeros to a word; the value, likewise
 */
#ifndef HF_CACHE_COPY_H
#define HF_CACHE_COPY_H

#include "cache.h"

HF_BEGIN_NONNULL

/* Bytes that grow. All zeros: none. */
typedef struct hf__copy {
  unsigned char *HF_NULLABLE bytes;
  size_t length;
  size_t capacity;
  size_t entries;
} hf__copy;

/*
 * Copies the entries of a part that have not expired, those that would be evicted first at the
 * beginning, in place of what is in `copy`. Takes the lock. False: no memory.
 */
bool hf__copy_part(hf_cache *cache, hf__cache_part *part, uint64_t since_ns, hf__copy *copy);

void hf__copy_free(hf_cache *cache, hf__copy *copy);

/* One of them, pointing into the bytes. */
typedef struct hf__copied {
  const void *key;
  size_t key_bytes;
  const void *value;
  size_t value_bytes;
  uint64_t ttl_left_ns;
  bool in_main;
  unsigned heat;
  hf_cache_entry_options options;
  uint32_t tags[HF_CACHE_MAX_TAGS]; /* options.tags when it is used */
} hf__copied;

/* Puts it unless its key is there already. Also HF_ERROR_TOO_LARGE, and HF_ERROR_LOAD_CANCELLED
 * when it is there. */
hf_status hf__cache_put_absent(hf_cache *cache, const hf__copied *copied, uint64_t now_ns,
                               hf_error *HF_NULLABLE error);

/* Reads the one at `*at`, and moves `*at` behind it. False: the bytes are none of these. */
bool hf__copy_next(const unsigned char *bytes, size_t length, size_t *at, hf__copied *copied);

HF_END_NONNULL

#endif
