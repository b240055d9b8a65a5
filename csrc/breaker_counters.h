/*
 * Totals of a breaker: one set of counters, and one for each processor as soon
 * as two threads are seen to count at the same moment. How is in breaker_inline.h.
 */
#ifndef HF_BREAKER_COUNTERS_H
#define HF_BREAKER_COUNTERS_H

#include <holdfast/base.h>

#include "atomics.h"

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

/* A line of the cache. As in breaker_inline.h, where it is counted. */
typedef struct hf__shard {
  _Alignas(HF__SHARD_BYTES) atomic_uint_least64_t counts[HF__COUNTERS];
} hf__shard;

/* HF__SHARDS of them, or NULL. */
typedef _Atomic(hf__shard *) hf__shards;

/* Takes the shards, if there are none. Progress: lock-free. */
void hf__counters_spread(hf__shards *shards, const hf_allocator *allocator);

/* The sum. */
uint64_t hf__counted(const hf__shard *first, const hf__shards *shards, hf__counter counter);

void hf__counters_reset(hf__shard *first, hf__shards *shards);

void hf__counters_free(hf__shards *shards, const hf_allocator *allocator);

#endif
