#include "breaker_counters.h"

/* Room for the processors; another thread's, when that was faster. */
static hf__shard *spread(hf__shards *shards, const hf_allocator *allocator) {
  size_t size = HF__SHARDS * sizeof(hf__shard);
  hf__shard *made = allocator->allocate(allocator->context, size, HF__SHARD_BYTES);
  if (made == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < HF__SHARDS; i++) {
    for (size_t counter = 0; counter < HF__COUNTERS; counter++) {
      atomic_init(&made[i].counts[counter], 0);
    }
  }
  hf__shard *there = NULL;
  /* release: the zeros come before the pointer; pairs with the acquire of those
   * who load it, and of the swap that fails. */
  if (HF__SWAP_IF_ACQUIRE(shards, &there, made, memory_order_release)) {
    return made;
  }
  allocator->deallocate(allocator->context, made, size, HF__SHARD_BYTES);
  return there;
}

void hf__count_apart(hf__shard *first, hf__shards *shards, const hf_allocator *allocator,
                     hf__counter counter) {
  /* acquire: pairs with the release in spread(). */
  hf__shard *all = HF__LOAD(shards, memory_order_acquire);
  all = all == NULL ? spread(shards, allocator) : all;
  hf__shard *own = all == NULL ? first : &all[hf__processor() % HF__SHARDS];
  HF__ADD(&own->counts[counter], 1, memory_order_relaxed);
}

uint64_t hf__counted(const hf__shard *first, const hf__shards *shards, hf__counter counter) {
  uint64_t sum = HF__LOAD(&first->counts[counter], memory_order_relaxed);
  /* acquire: pairs with the release in spread(). */
  const hf__shard *all = HF__LOAD(shards, memory_order_acquire);
  for (size_t i = 0; all != NULL && i < HF__SHARDS; i++) {
    sum += HF__LOAD(&all[i].counts[counter], memory_order_relaxed);
  }
  return sum;
}

void hf__counters_reset(hf__shard *first, hf__shards *shards) {
  hf__shard *all = HF__LOAD(shards, memory_order_acquire); /* as above */
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
