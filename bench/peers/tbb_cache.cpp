#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1

#include "tbb_cache.h"

#include <array>
#include <cstring>
#include <new>
#include <tbb/concurrent_lru_cache.h>

/* Unsigned, so that two of them are compared as memory. */
using tbb_key = std::array<unsigned char, 16>;

static uint64_t value_of(tbb_key key) {
  uint64_t value;
  std::memcpy(&value, key.data() + key.size() - sizeof value, sizeof value);
  return value;
}

struct tbb_cache {
  tbb::concurrent_lru_cache<tbb_key, uint64_t> entries;
};

tbb_cache *tbb_cache_create(size_t max_entries) {
  return new (std::nothrow) tbb_cache{{value_of, max_entries}};
}

void tbb_cache_destroy(tbb_cache *cache) {
  delete cache;
}

uint64_t tbb_cache_get(tbb_cache *cache, const char *bytes) {
  tbb_key key;
  std::memcpy(key.data(), bytes, key.size());
  return cache->entries[key].value();
}
