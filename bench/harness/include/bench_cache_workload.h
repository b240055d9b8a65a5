/*
 * What the rows of caches have in common: keys and the order they are asked for in, a cache of
 * Holdfast's to ask, and the two loops that are timed. Used from C and from Swift.
 *
 * A value is the last eight bytes of its key, so that each answer can be seen to be right.
 */
#ifndef HOLDFAST_BENCH_CACHE_WORKLOAD_H
#define HOLDFAST_BENCH_CACHE_WORKLOAD_H

#include <holdfast/cache.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Keys that are drawn beforehand. A power of two; each round goes on where the one before stopped.
 */
#define BENCH_DRAWS (1u << 20)

/* Entries of a hit row, or that a read-through row has room for, and keys of a read-through row. */
#define BENCH_CACHE_ENTRIES 100000u
#define BENCH_CACHE_KEYS 1000000u

/* The exponent of Zipf's law: the key of rank r is asked for as often as 1 / r^0.99. */
#define BENCH_ZIPF_EXPONENT 0.99

typedef struct bench_key {
  char bytes[16];
} bench_key;

/* "entry:0000012345" */
bench_key bench_key_of(uint32_t number);

static inline uint64_t bench_key_value(const bench_key *key) {
  uint64_t value;
  memcpy(&value, key->bytes + sizeof key->bytes - sizeof value, sizeof value);
  return value;
}

/* BENCH_DRAWS of the keys of the numbers below `distinct`, by Zipf's law or all alike: the same on
 * every machine. How often a key is asked for has nothing to do with its number. Returned owned,
 * for free(); NULL: no memory. */
bench_key *bench_draw_zipf(uint32_t distinct);
bench_key *bench_draw_uniform(uint32_t distinct);

/* A place among the draws, and the time there. */
typedef struct bench_walk {
  size_t next;
  uint64_t now_ns;
  uint64_t misses;
} bench_walk;

/* The next `count` of the draws, a power of two that divides BENCH_DRAWS. */
static inline const bench_key *bench_walk_on(bench_walk *walk, const bench_key *draws,
                                             size_t count) {
  const bench_key *keys = draws + walk->next;
  walk->next = (walk->next + count) & (BENCH_DRAWS - 1);
  return keys;
}

/* An empty cache with a TTL of 300 s, from the time 0. NULL: it could not be made. The parts of an
 * S3-FIFO cache are not filled evenly: for `max_entries` to be all in it, it wants `spare`. */
hf_cache *bench_cache_create(hf_cache_policy policy, uint32_t max_entries, bool spare,
                             const hf_allocator *allocator);

/* Puts the keys of the numbers below `count`, and gets each three times, as after a while: more
 * uses an entry does not count. False, after saying so: not all are in it. */
bool bench_cache_fill(hf_cache *cache, uint32_t count);

/* Both return how many answers were right: all. */

/* Gets keys that are in the cache. */
uint64_t bench_cache_hits(hf_cache *cache, bench_walk *walk, const bench_key *draws, size_t count);

/* Gets keys, and puts those that it misses. */
uint64_t bench_cache_read_through(hf_cache *cache, bench_walk *walk, const bench_key *draws,
                                  size_t count);

#endif
