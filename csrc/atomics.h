/*
 * Atomic operations, by names of their own, so that a test can put something
 * between any two of them: it includes the sources with these defined otherwise.
 */
#ifndef HF_ATOMICS_H
#define HF_ATOMICS_H

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && __GNUC__ >= 11
/* It warns that the thread sanitizer does not follow fences. What they are between
 * here is atomic all the same, so it has nothing to follow. */
#pragma GCC diagnostic ignored "-Wtsan"
#endif

#ifndef HF__LOAD
#define HF__LOAD(object, order) atomic_load_explicit(object, order)
#define HF__STORE(object, value, order) atomic_store_explicit(object, value, order)
#define HF__ADD(object, value, order) atomic_fetch_add_explicit(object, value, order)
/* On failure `*expected` becomes what is there, read relaxed unless said. */
#define HF__SWAP_IF(object, expected, value, order)                                                \
  atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_relaxed)
#define HF__SWAP_IF_ACQUIRE(object, expected, value, order)                                        \
  atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_acquire)
#define HF__FENCE(order) atomic_thread_fence(order)
#endif

#endif
