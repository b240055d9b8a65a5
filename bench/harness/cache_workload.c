#include "bench_cache_workload.h"

#include "bench_workloads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* From one operation to the next: time goes on, and nothing expires while a row runs. */
enum { NS_PER_OPERATION = 20 };

/* Keys ----------------------------------------------------------------------- */

bench_key bench_key_of(uint32_t number) {
  char text[sizeof(bench_key) + 1];
  snprintf(text, sizeof text, "entry:%010u", (unsigned)number);
  bench_key key;
  memcpy(key.bytes, text, sizeof key.bytes);
  return key;
}

/* The number of the key of that rank: a prime that shares no factor with a count of keys here
 * leads to each once. So what is popular was put neither first nor together. */
static uint32_t number_of_rank(uint32_t rank, uint32_t distinct) {
  return (uint32_t)((uint64_t)rank * 611953 % distinct);
}

/* The first rank that `uniform` is below the sum of. */
static uint32_t rank_of(const double *sums, uint32_t distinct, double uniform) {
  double wanted = uniform * sums[distinct - 1];
  uint32_t low = 0;
  uint32_t high = distinct - 1;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (wanted < sums[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

bench_key *bench_draw_zipf(uint32_t distinct) {
  double *sums = malloc(distinct * sizeof *sums);
  bench_key *draws = malloc(BENCH_DRAWS * sizeof *draws);
  if (sums == NULL || draws == NULL) {
    free(sums);
    free(draws);
    return NULL;
  }
  double sum = 0;
  for (uint32_t rank = 0; rank < distinct; rank++) {
    sum += pow((double)rank + 1, -BENCH_ZIPF_EXPONENT);
    sums[rank] = sum;
  }
  uint64_t random = 1;
  for (size_t i = 0; i < BENCH_DRAWS; i++) {
    uint32_t rank = rank_of(sums, distinct, bench_uniform(&random));
    draws[i] = bench_key_of(number_of_rank(rank, distinct));
  }
  free(sums);
  return draws;
}

bench_key *bench_draw_uniform(uint32_t distinct) {
  bench_key *draws = malloc(BENCH_DRAWS * sizeof *draws);
  uint64_t random = 1;
  for (size_t i = 0; draws != NULL && i < BENCH_DRAWS; i++) {
    draws[i] = bench_key_of((uint32_t)(bench_uniform(&random) * distinct));
  }
  return draws;
}

/* A cache -------------------------------------------------------------------- */

hf_cache *bench_cache_create(hf_cache_policy policy, uint32_t max_entries, bool spare,
                             const hf_allocator *allocator) {
  hf_cache_options options = hf_cache_options_default();
  options.policy = policy;
  options.max_entries = spare ? max_entries + max_entries / 8 : max_entries;
  options.ttl_ns = 300 * HF_CACHE_SECOND;
  options.seed = 1;
  hf_cache *cache = NULL;
  hf_error error;
  if (hf_cache_create(&options, 0, allocator, &cache, &error) != HF_OK) {
    fprintf(stderr, "bench: a cache: %s\n", error.message);
    return NULL;
  }
  return cache;
}

static bool put(hf_cache *cache, const bench_key *key, uint64_t now_ns) {
  uint64_t value = bench_key_value(key);
  return hf_cache_put(cache, key->bytes, sizeof key->bytes, &value, sizeof value, now_ns, NULL,
                      NULL) == HF_OK;
}

/* Whether the cache has the right value for the key. */
static inline bool get(hf_cache *cache, const bench_key *key, uint64_t now_ns) {
  uint64_t value = 0;
  hf_cache_found found;
  return hf_cache_get(cache, key->bytes, sizeof key->bytes, now_ns, &value, sizeof value, &found) ==
             HF_CACHE_HIT &&
         found.value_bytes == sizeof value && value == bench_key_value(key);
}

bool bench_cache_fill(hf_cache *cache, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    bench_key key = bench_key_of(i);
    if (!put(cache, &key, 0)) {
      break;
    }
  }
  uint32_t found = 0;
  for (int times = 0; times < 3; times++) {
    found = 0;
    for (uint32_t i = 0; i < count; i++) {
      bench_key key = bench_key_of(i);
      found += get(cache, &key, 0);
    }
  }
  if (found != count) {
    fprintf(stderr, "bench: %u of %u keys are in the cache\n", (unsigned)found, (unsigned)count);
  }
  return found == count;
}

uint64_t bench_cache_hits(hf_cache *cache, bench_walk *walk, const bench_key *draws, size_t count) {
  const bench_key *keys = bench_walk_on(walk, draws, count);
  uint64_t now_ns = walk->now_ns;
  uint64_t right = 0;
  for (size_t i = 0; i < count; i++) {
    now_ns += NS_PER_OPERATION;
    right += get(cache, &keys[i], now_ns);
  }
  walk->now_ns = now_ns;
  return right;
}

uint64_t bench_cache_read_through(hf_cache *cache, bench_walk *walk, const bench_key *draws,
                                  size_t count) {
  const bench_key *keys = bench_walk_on(walk, draws, count);
  uint64_t now_ns = walk->now_ns;
  uint64_t right = 0;
  for (size_t i = 0; i < count; i++) {
    now_ns += NS_PER_OPERATION;
    bool hit = get(cache, &keys[i], now_ns);
    walk->misses += !hit;
    right += hit || put(cache, &keys[i], now_ns);
  }
  walk->now_ns = now_ns;
  return right;
}
