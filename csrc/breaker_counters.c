#include "breaker_counters.h"

void hf__counters_spread(hf__shards *shards, const hf_allocator *allocator) {
  /* relaxed: only whether there are any; who counts loads it again. */
  if (HF__LOAD(shards, memory_order_relaxed) != NULL) {
    return;
  }
  size_t size = HF__SHARDS * sizeof(hf__shard);
  hf__shard *made = allocator->allocate(allocator->context, size, HF__SHARD_BYTES);
  if (made == NULL) {
    return;
  }
  for (size_t i = 0; i < HF__SHARDS; i++) {
    for (size_t counter = 0; counter < HF__COUNTERS; counter++) {
      atomic_init(&made[i].counts[counter], 0);
    }
  }
  hf__shard *there = NULL;
  /* release: the zeros come before the pointer; pairs with the acquire of those who
   * load it. */
  if (!HF__SWAP_IF(shards, &there, made, memory_order_release)) {
    /* Another thread was faster. */
    allocator->deallocate(allocator->context, made, size, HF__SHARD_BYTES);
  }
}

uint64_t hf__counted(const hf__shard *first, const hf__shards *shards, hf__counter counter) {
  /* relaxed, and those below: as in hf_breaker_front_count(). */
  uint64_t sum = HF__LOAD(&first->counts[counter], memory_order_relaxed);
  /* acquire: pairs with the release in hf__counters_spread(). */
  const hf__shard *all = HF__LOAD(shards, memory_order_acquire);
  for (size_t i = 0; all != NULL && i < HF__SHARDS; i++) {
    sum += HF__LOAD(&all[i].counts[counter], memory_order_relaxed);
  }
  return sum;
}

void hf__counters_reset(hf__shard *first, hf__shards *shards) {
  /* acquire: pairs with the release in hf__counters_spread(). The zeros are relaxed as all
   * counts are: an addition at the same moment comes before or after. */
  hf__shard *all = HF__LOAD(shards, memory_order_acquire);
  for (size_t counter = 0; counter < HF__COUNTERS; counter++) {
    HF__STORE(&first->counts[counter], 0, memory_order_relaxed);
    for (size_t i = 0; all != NULL && i < HF__SHARDS; i++) {
      HF__STORE(&all[i].counts[counter], 0, memory_order_relaxed);
    }
  }
}

void hf__counters_free(hf__shards *shards, const hf_allocator *allocator) {
  /* relaxed: nobody else uses it any more. */
  hf__shard *all = HF__LOAD(shards, memory_order_relaxed);
  if (all != NULL) {
    allocator->deallocate(allocator->context, all, HF__SHARDS * sizeof *all, HF__SHARD_BYTES);
  }
}
