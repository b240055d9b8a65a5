#include "mutex_lru.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct entry {
  struct entry *chained;
  struct entry *newer;
  struct entry *older;
  uint64_t hash;
  uint32_t key_bytes;
  uint32_t value_bytes;
  char bytes[]; /* of the key, then of the value */
} entry;

struct mutex_lru {
  pthread_mutex_t mutex;
  entry **chains;
  uint64_t mask;
  uint64_t seed;
  size_t count;
  size_t max_entries;
  entry *newest;
  entry *oldest;
};

/* Returns where the entry, or NULL, hangs. */
static entry **find(mutex_lru *cache, uint64_t hash, const void *key, size_t key_bytes) {
  entry **place = &cache->chains[hash & cache->mask];
  for (; *place != NULL; place = &(*place)->chained) {
    const entry *e = *place;
    if (e->hash == hash && e->key_bytes == key_bytes && memcmp(e->bytes, key, key_bytes) == 0) {
      break;
    }
  }
  return place;
}

static void unlink_from_list(mutex_lru *cache, entry *e) {
  *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
  *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
}

static void link_as_newest(mutex_lru *cache, entry *e) {
  e->newer = NULL;
  e->older = cache->newest;
  *(e->older != NULL ? &e->older->newer : &cache->oldest) = e;
  cache->newest = e;
}

static entry *take_out(mutex_lru *cache, entry **place) {
  entry *e = *place;
  *place = e->chained;
  unlink_from_list(cache, e);
  cache->count--;
  return e;
}

static entry *take_out_oldest(mutex_lru *cache) {
  entry **place = &cache->chains[cache->oldest->hash & cache->mask];
  while (*place != cache->oldest) {
    place = &(*place)->chained;
  }
  return take_out(cache, place);
}

bool mutex_lru_get(mutex_lru *cache, const void *key, size_t key_bytes, void *buffer,
                   size_t capacity_bytes, size_t *value_bytes) {
  uint64_t hash = XXH3_64bits_withSeed(key, key_bytes, cache->seed);
  pthread_mutex_lock(&cache->mutex);
  entry *e = *find(cache, hash, key, key_bytes);
  bool found = e != NULL && e->value_bytes <= capacity_bytes;
  if (found) {
    if (cache->newest != e) {
      unlink_from_list(cache, e);
      link_as_newest(cache, e);
    }
    memcpy(buffer, e->bytes + key_bytes, e->value_bytes);
    *value_bytes = e->value_bytes;
  }
  pthread_mutex_unlock(&cache->mutex);
  return found;
}

bool mutex_lru_put(mutex_lru *cache, const void *key, size_t key_bytes, const void *value,
                   size_t value_bytes) {
  uint64_t hash = XXH3_64bits_withSeed(key, key_bytes, cache->seed);
  entry *e = malloc(sizeof *e + key_bytes + value_bytes);
  if (e == NULL) {
    return false;
  }
  e->hash = hash;
  e->key_bytes = (uint32_t)key_bytes;
  e->value_bytes = (uint32_t)value_bytes;
  memcpy(e->bytes, key, key_bytes);
  memcpy(e->bytes + key_bytes, value, value_bytes);

  entry *gone = NULL;
  pthread_mutex_lock(&cache->mutex);
  entry **place = find(cache, hash, key, key_bytes);
  if (*place != NULL) {
    gone = take_out(cache, place);
  } else if (cache->count == cache->max_entries) {
    gone = take_out_oldest(cache);
  }
  place = &cache->chains[hash & cache->mask];
  e->chained = *place;
  *place = e;
  link_as_newest(cache, e);
  cache->count++;
  pthread_mutex_unlock(&cache->mutex);
  free(gone);
  return true;
}

mutex_lru *mutex_lru_create(size_t max_entries, uint64_t seed) {
  mutex_lru *cache = calloc(1, sizeof *cache);
  size_t chains = 1;
  while (chains < max_entries) {
    chains *= 2;
  }
  entry **made = calloc(chains, sizeof *made);
  if (cache == NULL || made == NULL) {
    free(cache);
    free(made);
    return NULL;
  }
  pthread_mutex_init(&cache->mutex, NULL);
  cache->chains = made;
  cache->mask = chains - 1;
  cache->seed = seed;
  cache->max_entries = max_entries;
  return cache;
}

void mutex_lru_destroy(mutex_lru *cache) {
  if (cache == NULL) {
    return;
  }
  while (cache->oldest != NULL) {
    free(take_out_oldest(cache));
  }
  pthread_mutex_destroy(&cache->mutex);
  free(cache->chains);
  free(cache);
}
