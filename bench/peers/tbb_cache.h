/* TBB's concurrent_lru_cache, for C: from keys of 16 bytes to a number, which is the last eight
 * bytes of its key and is made when it is missed. */
#ifndef HOLDFAST_BENCH_TBB_CACHE_H
#define HOLDFAST_BENCH_TBB_CACHE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tbb_cache tbb_cache;

/* NULL: no memory. */
tbb_cache *tbb_cache_create(size_t max_entries);

/* NULL is a no-op. */
void tbb_cache_destroy(tbb_cache *cache);

/* Any number of threads may. */
uint64_t tbb_cache_get(tbb_cache *cache, const char *key);

#ifdef __cplusplus
}
#endif

#endif
