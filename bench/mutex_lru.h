/*
 * An LRU cache as one would write it in an afternoon, and as most are: a mutex, a hash table of
 * chains, a doubly linked list in order of use, and one block of memory for each entry. No TTL and
 * no statistics. What Holdfast's is measured against.
 */
#ifndef HOLDFAST_BENCH_MUTEX_LRU_H
#define HOLDFAST_BENCH_MUTEX_LRU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any number of threads may use one. */
typedef struct mutex_lru mutex_lru;

/* NULL: no memory. */
mutex_lru *mutex_lru_create(size_t max_entries, uint64_t seed);

/* NULL is a no-op. */
void mutex_lru_destroy(mutex_lru *cache);

/* False: there is none, or it is larger than the buffer. */
bool mutex_lru_get(mutex_lru *cache, const void *key, size_t key_bytes, void *buffer,
                   size_t capacity_bytes, size_t *value_bytes);

/* In place of what is there. False: no memory. */
bool mutex_lru_put(mutex_lru *cache, const void *key, size_t key_bytes, const void *value,
                   size_t value_bytes);

#endif
