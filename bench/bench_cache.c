/*
 * Caches of keys of 16 bytes and values of 8: hits and reading through by Zipf's law, and a cache
 * that is larger than the processor's, all of whose keys are asked for alike.
 *
 * Operations do not wait for each other, neither here nor in the references.
 *
 * In the rows of two threads the other one does the same with the same cache all the while; the
 * time is that of the thread that is measured. For the rows of one thread it sleeps, but is there:
 * a mutex costs less in a program that has one thread, and such a program would need none.
 */
#include "bench_cache_workload.h"
#include "bench_harness.h"
#include "bench_rival.h"
#include "bench_workloads.h"
#include "mutex_lru.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  OPERATIONS = 1 << 18,
  /* So few that a key was long ago when it is asked for again. */
  LARGE_OPERATIONS = 1 << 16,
  LARGE_ENTRIES = 1000000,
  RIVAL_OPERATIONS = 128,
  TOGETHER = 16,
  LINE_BYTES = 64
};

/* Which cache, and what is asked of it. */
typedef struct setting {
  const char *title;
  hf_cache_policy policy;
  uint32_t entries;
  uint32_t keys;
  bool reads_through; /* else all keys are in the cache */
  bool two_threads;
} setting;

typedef struct line {
  _Alignas(LINE_BYTES) uint32_t next;
} line;

typedef struct caches {
  hf_cache *cache;
  mutex_lru *peer;
  bench_key *draws;
  /* The measured thread's, of the row and of its reference; the other thread's. */
  bench_walk walk;
  bench_walk reference_walk;
  bench_walk rival_walk;
  bench_rival *rival;
  /* What a million entries are measured against. */
  hf_allocator allocator;
  line *table;
  uint32_t line_count;
  uint32_t *places;
} caches;

/* The peer ------------------------------------------------------------------- */

static inline bool peer_get(mutex_lru *peer, const bench_key *key) {
  uint64_t value = 0;
  size_t value_bytes = 0;
  return mutex_lru_get(peer, key->bytes, sizeof key->bytes, &value, sizeof value, &value_bytes) &&
         value_bytes == sizeof value && value == bench_key_value(key);
}

static bool peer_put(mutex_lru *peer, const bench_key *key) {
  uint64_t value = bench_key_value(key);
  return mutex_lru_put(peer, key->bytes, sizeof key->bytes, &value, sizeof value);
}

static uint64_t peer_hits(mutex_lru *peer, bench_walk *walk, const bench_key *draws, size_t count) {
  const bench_key *keys = bench_walk_on(walk, draws, count);
  uint64_t right = 0;
  for (size_t i = 0; i < count; i++) {
    right += peer_get(peer, &keys[i]);
  }
  return right;
}

static uint64_t peer_read_through(mutex_lru *peer, bench_walk *walk, const bench_key *draws,
                                  size_t count) {
  const bench_key *keys = bench_walk_on(walk, draws, count);
  uint64_t right = 0;
  for (size_t i = 0; i < count; i++) {
    bool hit = peer_get(peer, &keys[i]);
    walk->misses += !hit;
    right += hit || peer_put(peer, &keys[i]);
  }
  return right;
}

/* One thread ----------------------------------------------------------------- */

static uint64_t run_hits(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return bench_cache_hits(c->cache, &c->walk, c->draws, OPERATIONS);
}

static uint64_t run_peer_hits(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return peer_hits(c->peer, &c->reference_walk, c->draws, OPERATIONS);
}

static uint64_t run_read_through(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return bench_cache_read_through(c->cache, &c->walk, c->draws, OPERATIONS);
}

static uint64_t run_peer_read_through(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return peer_read_through(c->peer, &c->reference_walk, c->draws, OPERATIONS);
}

/* Two threads ---------------------------------------------------------------- */

static void rival_hits(void *data) {
  caches *c = data;
  bench_cache_hits(c->cache, &c->rival_walk, c->draws, RIVAL_OPERATIONS);
}

static void rival_peer_hits(void *data) {
  caches *c = data;
  peer_hits(c->peer, &c->rival_walk, c->draws, RIVAL_OPERATIONS);
}

static void rival_reads_through(void *data) {
  caches *c = data;
  bench_cache_read_through(c->cache, &c->rival_walk, c->draws, RIVAL_OPERATIONS);
}

static uint64_t run_hits_beside(void *data, size_t part) {
  caches *c = data;
  bench_rival_does(c->rival, rival_hits);
  return run_hits(data, part);
}

static uint64_t run_hits_alone(void *data, size_t part) {
  (void)part;
  caches *c = data;
  bench_rival_does(c->rival, NULL);
  return bench_cache_hits(c->cache, &c->reference_walk, c->draws, OPERATIONS);
}

static uint64_t run_peer_hits_beside(void *data, size_t part) {
  (void)part;
  caches *c = data;
  bench_rival_does(c->rival, rival_peer_hits);
  return peer_hits(c->peer, &c->walk, c->draws, OPERATIONS);
}

static uint64_t run_hits_beside_as_reference(void *data, size_t part) {
  (void)part;
  caches *c = data;
  bench_rival_does(c->rival, rival_hits);
  return bench_cache_hits(c->cache, &c->reference_walk, c->draws, OPERATIONS);
}

static uint64_t run_read_through_beside(void *data, size_t part) {
  caches *c = data;
  bench_rival_does(c->rival, rival_reads_through);
  return run_read_through(data, part);
}

static uint64_t run_read_through_alone(void *data, size_t part) {
  (void)part;
  caches *c = data;
  bench_rival_does(c->rival, NULL);
  return bench_cache_read_through(c->cache, &c->reference_walk, c->draws, OPERATIONS);
}

/* A million entries ---------------------------------------------------------- */

static uint64_t run_large_get(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return bench_cache_hits(c->cache, &c->walk, c->draws, LARGE_OPERATIONS);
}

static uint64_t run_large_get_as_reference(void *data, size_t part) {
  (void)part;
  caches *c = data;
  return bench_cache_hits(c->cache, &c->reference_walk, c->draws, LARGE_OPERATIONS);
}

static uint64_t run_large_get_many(void *data, size_t part) {
  (void)part;
  caches *c = data;
  const bench_key *keys = bench_walk_on(&c->walk, c->draws, LARGE_OPERATIONS);
  uint64_t right = 0;
  uint64_t values[TOGETHER];
  hf_cache_lookup lookups[TOGETHER];
  for (size_t i = 0; i < LARGE_OPERATIONS; i += TOGETHER) {
    for (size_t k = 0; k < TOGETHER; k++) {
      lookups[k].key = keys[i + k].bytes;
      lookups[k].key_bytes = sizeof keys[i + k].bytes;
      lookups[k].buffer = &values[k];
      lookups[k].capacity_bytes = sizeof values[k];
    }
    hf_cache_get_many(c->cache, lookups, TOGETHER, c->walk.now_ns);
    for (size_t k = 0; k < TOGETHER; k++) {
      right += lookups[k].answer == HF_CACHE_HIT &&
               lookups[k].found.value_bytes == sizeof values[k] &&
               values[k] == bench_key_value(&keys[i + k]);
    }
  }
  return right;
}

/* At a random place of a table, and then at the place that is found there. */
static uint64_t run_reads(void *data, size_t part) {
  (void)part;
  caches *c = data;
  const uint32_t *places = c->places + c->reference_walk.next;
  bench_walk_on(&c->reference_walk, c->draws, LARGE_OPERATIONS);
  uint64_t right = 0;
  for (size_t i = 0; i < LARGE_OPERATIONS; i++) {
    uint32_t first = c->table[places[i]].next;
    right += c->table[first].next < c->line_count;
  }
  return right;
}

/* Set-up --------------------------------------------------------------------- */

static void tear_down(void *data) {
  caches *c = data;
  bench_rival_end(c->rival);
  hf_cache_destroy(c->cache);
  mutex_lru_destroy(c->peer);
  if (c->table != NULL) {
    c->allocator.deallocate(c->allocator.context, c->table, c->line_count * sizeof *c->table,
                            LINE_BYTES);
  }
  free(c->places);
  free(c->draws);
  free(c);
}

static void note_memory(const hf_cache *cache, const setting *s) {
  hf_cache_statistics statistics = hf_cache_statistics_read(cache);
  double entry = (double)statistics.allocated_bytes / (double)statistics.entries;
  bench_note("%s: %.1f bytes an entry of %llu, %.1f of them beside key and value", s->title, entry,
             (unsigned long long)statistics.entries,
             entry - (double)(sizeof(bench_key) + sizeof(uint64_t)));
}

/* The same of the peer as of the cache: all keys, or what stays of the draws after two times. */
static bool fill(caches *c, const setting *s) {
  if (!s->reads_through) {
    bool filled = bench_cache_fill(c->cache, s->keys);
    for (uint32_t i = 0; filled && i < s->keys; i++) {
      bench_key key = bench_key_of(i);
      filled = peer_put(c->peer, &key) && peer_get(c->peer, &key);
    }
    return filled;
  }
  uint64_t right = 0;
  for (int times = 0; times < 2; times++) {
    c->walk.misses = 0;
    c->reference_walk.misses = 0;
    right += bench_cache_read_through(c->cache, &c->walk, c->draws, BENCH_DRAWS);
    right += peer_read_through(c->peer, &c->reference_walk, c->draws, BENCH_DRAWS);
  }
  if (!s->two_threads) {
    bench_note("%s: %.1f %% of the gets miss, in the mutex LRU %.1f %%", s->title,
               100.0 * (double)c->walk.misses / BENCH_DRAWS,
               100.0 * (double)c->reference_walk.misses / BENCH_DRAWS);
  }
  return right == UINT64_C(4) * BENCH_DRAWS;
}

static caches *make(const setting *s, bench_key *draws) {
  caches *c = calloc(1, sizeof *c);
  if (c == NULL || draws == NULL) {
    free(c);
    free(draws);
    fprintf(stderr, "bench: no memory for the keys\n");
    return NULL;
  }
  c->draws = draws;
  /* It counts for one thread only. */
  c->allocator = s->two_threads ? hf_allocator_default() : bench_allocator();
  c->cache = bench_cache_create(s->policy, s->entries, !s->reads_through, &c->allocator);
  c->peer = mutex_lru_create(s->entries, 1);
  c->rival = bench_rival_start(c);
  if (c->cache == NULL || c->peer == NULL || c->rival == NULL || !fill(c, s)) {
    fprintf(stderr, "bench: the caches could not be filled\n");
    tear_down(c);
    return NULL;
  }
  c->rival_walk = c->walk;
  c->rival_walk.next = BENCH_DRAWS / 2;
  if (!s->two_threads) {
    note_memory(c->cache, s);
  }
  return c;
}

static void *set_up(const void *parameter) {
  const setting *s = parameter;
  return make(s, bench_draw_zipf(s->keys));
}

/* A table of as many bytes as the cache has. */
static bool make_table(caches *c) {
  uint64_t bytes = hf_cache_statistics_read(c->cache).allocated_bytes;
  c->line_count = (uint32_t)(bytes / sizeof *c->table);
  c->table =
      c->allocator.allocate(c->allocator.context, c->line_count * sizeof *c->table, LINE_BYTES);
  c->places = malloc(BENCH_DRAWS * sizeof *c->places);
  if (c->table == NULL || c->places == NULL) {
    return false;
  }
  uint64_t random = 2;
  for (uint32_t i = 0; i < c->line_count; i++) {
    c->table[i].next = (uint32_t)(bench_uniform(&random) * c->line_count);
  }
  for (size_t i = 0; i < BENCH_DRAWS; i++) {
    c->places[i] = (uint32_t)(bench_uniform(&random) * c->line_count);
  }
  return true;
}

static void *set_up_large(const void *parameter) {
  const setting *s = parameter;
  caches *c = make(s, bench_draw_uniform(s->keys));
  if (c == NULL) {
    return NULL;
  }
  /* Nothing of the row may be near when the reference asks for it. */
  c->reference_walk.next = BENCH_DRAWS / 2;
  if (!make_table(c)) {
    fprintf(stderr, "bench: no memory for a table\n");
    tear_down(c);
    return NULL;
  }
  return c;
}

static const setting s3fifo_hit = {.title = "cache/hit",
                                   .policy = HF_CACHE_S3FIFO,
                                   .entries = BENCH_CACHE_ENTRIES,
                                   .keys = BENCH_CACHE_ENTRIES};
static const setting s3fifo_hit_beside = {.policy = HF_CACHE_S3FIFO,
                                          .entries = BENCH_CACHE_ENTRIES,
                                          .keys = BENCH_CACHE_ENTRIES,
                                          .two_threads = true};
static const setting lru_hit = {.title = "cache/lru-exact/hit",
                                .policy = HF_CACHE_LRU,
                                .entries = BENCH_CACHE_ENTRIES,
                                .keys = BENCH_CACHE_ENTRIES};
static const setting read_through = {.title = "cache/read-through",
                                     .policy = HF_CACHE_S3FIFO,
                                     .entries = BENCH_CACHE_ENTRIES,
                                     .keys = BENCH_CACHE_KEYS,
                                     .reads_through = true};
static const setting read_through_beside = {.policy = HF_CACHE_S3FIFO,
                                            .entries = BENCH_CACHE_ENTRIES,
                                            .keys = BENCH_CACHE_KEYS,
                                            .reads_through = true,
                                            .two_threads = true};
static const setting large = {.title = "cache/1M",
                              .policy = HF_CACHE_S3FIFO,
                              .entries = LARGE_ENTRIES,
                              .keys = LARGE_ENTRIES};

static const bench_row rows[] = {
    {
        .name = "cache/hit/1t",
        .parameter = &s3fifo_hit,
        .set_up = set_up,
        .run = run_hits,
        .reference = "mutex LRU",
        .run_reference = run_peer_hits,
        .tear_down = tear_down,
        .operations = OPERATIONS,
        .allocates_nothing = true,
    },
    {
        .name = "cache/hit/2t",
        .parameter = &s3fifo_hit_beside,
        .set_up = set_up,
        .run = run_hits_beside,
        .reference = "cache/hit/1t",
        .run_reference = run_hits_alone,
        .tear_down = tear_down,
        .operations = OPERATIONS,
        .counts_waiting = true,
    },
    {
        .name = "cache/mutex-lru/2t",
        .parameter = &s3fifo_hit_beside,
        .set_up = set_up,
        .run = run_peer_hits_beside,
        .reference = "cache/hit/2t",
        .run_reference = run_hits_beside_as_reference,
        .tear_down = tear_down,
        .operations = OPERATIONS,
        .counts_waiting = true,
    },
    {
        .name = "cache/read-through/1t",
        .parameter = &read_through,
        .set_up = set_up,
        .run = run_read_through,
        .reference = "mutex LRU",
        .run_reference = run_peer_read_through,
        .tear_down = tear_down,
        .operations = OPERATIONS,
    },
    {
        .name = "cache/read-through/2t",
        .parameter = &read_through_beside,
        .set_up = set_up,
        .run = run_read_through_beside,
        .reference = "cache/read-through/1t",
        .run_reference = run_read_through_alone,
        .tear_down = tear_down,
        .operations = OPERATIONS,
        .counts_waiting = true,
    },
    {
        .name = "cache/lru-exact/hit/1t",
        .parameter = &lru_hit,
        .set_up = set_up,
        .run = run_hits,
        .reference = "mutex LRU",
        .run_reference = run_peer_hits,
        .tear_down = tear_down,
        .operations = OPERATIONS,
        .allocates_nothing = true,
    },
    {
        .name = "cache/1M/get",
        .parameter = &large,
        .set_up = set_up_large,
        .run = run_large_get,
        .reference = "two dependent random reads",
        .run_reference = run_reads,
        .tear_down = tear_down,
        .operations = LARGE_OPERATIONS,
        .allocates_nothing = true,
    },
    {
        .name = "cache/1M/get_many(16)",
        .parameter = &large,
        .set_up = set_up_large,
        .run = run_large_get_many,
        .reference = "cache/1M/get",
        .run_reference = run_large_get_as_reference,
        .tear_down = tear_down,
        .operations = LARGE_OPERATIONS,
        .allocates_nothing = true,
    },
};
BENCH_ROWS(rows)
