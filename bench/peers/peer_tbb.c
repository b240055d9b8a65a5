/*
 * TBB's concurrent_lru_cache, which loads what it misses itself: hits and reading through as in
 * the rows of bench_cache.c, and beside Holdfast's cache, by one thread in both. Nothing in it
 * expires.
 */
#include "bench_cache_workload.h"
#include "bench_harness.h"
#include "bench_rival.h"
#include "tbb_cache.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 1 << 16, RIVAL_OPERATIONS = 16 };

typedef struct setting {
  uint32_t keys;
  bool two_threads;
} setting;

typedef struct tbb_peer {
  const setting *setting;
  tbb_cache *peer;
  hf_cache *cache;
  bench_key *draws;
  bench_walk walk;
  bench_walk reference_walk;
  bench_walk rival_walk;
  bench_rival *rival;
} tbb_peer;

static uint64_t get(tbb_cache *peer, bench_walk *walk, const bench_key *draws, size_t count) {
  const bench_key *keys = bench_walk_on(walk, draws, count);
  uint64_t right = 0;
  for (size_t i = 0; i < count; i++) {
    right += tbb_cache_get(peer, keys[i].bytes) == bench_key_value(&keys[i]);
  }
  return right;
}

static void rival_gets(void *data) {
  tbb_peer *p = data;
  get(p->peer, &p->rival_walk, p->draws, RIVAL_OPERATIONS);
}

static uint64_t run(void *data, size_t part) {
  (void)part;
  tbb_peer *p = data;
  bench_rival_does(p->rival, p->setting->two_threads ? rival_gets : NULL);
  return get(p->peer, &p->walk, p->draws, OPERATIONS);
}

static uint64_t run_holdfast(void *data, size_t part) {
  (void)part;
  tbb_peer *p = data;
  bench_rival_does(p->rival, NULL);
  return bench_cache_read_through(p->cache, &p->reference_walk, p->draws, OPERATIONS);
}

static void tear_down(void *data) {
  tbb_peer *p = data;
  bench_rival_end(p->rival);
  tbb_cache_destroy(p->peer);
  hf_cache_destroy(p->cache);
  free(p->draws);
  free(p);
}

static bool prepare(tbb_peer *p) {
  bool hits = p->setting->keys == BENCH_CACHE_ENTRIES;
  p->draws = bench_draw_zipf(p->setting->keys);
  p->cache = bench_cache_create(HF_CACHE_S3FIFO, BENCH_CACHE_ENTRIES, hits, NULL);
  p->peer = tbb_cache_create(BENCH_CACHE_ENTRIES);
  p->rival = bench_rival_start(p);
  if (p->draws == NULL || p->cache == NULL || p->peer == NULL || p->rival == NULL) {
    return false;
  }
  /* What is drawn, all of it: for hits, all that is asked for later. */
  get(p->peer, &p->walk, p->draws, BENCH_DRAWS);
  bench_cache_read_through(p->cache, &p->reference_walk, p->draws, BENCH_DRAWS);
  p->rival_walk.next = BENCH_DRAWS / 2;
  return true;
}

static void *set_up(const void *parameter) {
  tbb_peer *p = calloc(1, sizeof *p);
  if (p == NULL) {
    return NULL;
  }
  p->setting = parameter;
  if (!prepare(p)) {
    fprintf(stderr, "bench: TBB's cache: no memory, or no second thread\n");
    tear_down(p);
    return NULL;
  }
  return p;
}

static const setting hit = {.keys = BENCH_CACHE_ENTRIES};
static const setting hit_beside = {.keys = BENCH_CACHE_ENTRIES, .two_threads = true};
static const setting read_through = {.keys = BENCH_CACHE_KEYS};
static const setting read_through_beside = {.keys = BENCH_CACHE_KEYS, .two_threads = true};

#define ROW(NAME, PARAMETER, REFERENCE)                                                            \
  {                                                                                                \
    .name = "peer/tbb/" NAME, .parameter = &(PARAMETER), .set_up = set_up, .run = run,             \
    .reference = REFERENCE, .run_reference = run_holdfast, .tear_down = tear_down,                 \
    .operations = OPERATIONS, .counts_waiting = true                                               \
  }

static const bench_row rows[] = {
    ROW("hit/1t", hit, "cache/hit/1t"), ROW("hit/2t", hit_beside, "cache/hit/1t"),
    ROW("read-through/1t", read_through, "cache/read-through/1t"),
    ROW("read-through/2t", read_through_beside, "cache/read-through/1t")};
BENCH_ROWS(rows)
