/*
 * Totals of a breaker: one set of counters, and one for each processor as soon
 * as two threads are seen to count at the same moment.
 */
#ifndef HF_BREAKER_COUNTERS_H
#define HF_BREAKER_COUNTERS_H

#include <holdfast/base.h>

#include "atomics.h"
#include "error.h"
#include "processor.h"

typedef enum hf__counter {
  HF__COUNT_SUCCESS,
  HF__COUNT_FAILURE,
  HF__COUNT_SLOW,
  HF__COUNT_NEUTRAL,
  HF__COUNT_LATE,
  HF__COUNT_REFUSED,
  HF__COUNTERS
} hf__counter;

enum { HF__SHARDS = 8, HF__SHARD_BYTES = 64 };

/* A line of the cache. */
typedef struct hf__shard {
  _Alignas(HF__SHARD_BYTES) atomic_uint_least64_t counts[HF__COUNTERS];
} hf__shard;

/* HF__SHARDS of them, or NULL. */
typedef _Atomic(hf__shard *) hf__shards;

/* Adds 1 when two threads met: takes the shards. */
void hf__count_apart(hf__shard *first, hf__shards *shards, const hf_allocator *allocator,
                     hf__counter counter);

/*
 * Adds 1. Takes memory at most once, and goes on without. Progress: lock-free.
 * All counts are relaxed: they order nothing, and each sum is taken alone.
 */
HF__INLINE void hf__count(hf__shard *first, hf__shards *shards, const hf_allocator *allocator,
                          hf__counter counter) {
  /* acquire: pairs with the release of whoever made them. */
  hf__shard *all = HF__LOAD(shards, memory_order_acquire);
  if (all != NULL) {
    HF__ADD(&all[hf__processor() % HF__SHARDS].counts[counter], 1, memory_order_relaxed);
    return;
  }
  atomic_uint_least64_t *count = &first->counts[counter];
  uint64_t seen = HF__LOAD(count, memory_order_relaxed);
  if (!HF__SWAP_IF(count, &seen, seen + 1, memory_order_relaxed)) {
    /* Somebody counted between the two. */
    hf__count_apart(first, shards, allocator, counter);
  }
}

/* The sum. */
uint64_t hf__counted(const hf__shard *first, const hf__shards *shards, hf__counter counter);

void hf__counters_reset(hf__shard *first, hf__shards *shards);

void hf__counters_free(hf__shards *shards, const hf_allocator *allocator);

#endif
