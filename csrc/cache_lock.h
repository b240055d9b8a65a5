/*
 * The lock of a part of a cache: held for some ten nanoseconds, so those who come meanwhile
 * mostly need not be put to sleep. One that was stopped while holding it is given the
 * processor.
 */
#ifndef HF_CACHE_LOCK_H
#define HF_CACHE_LOCK_H

#include "atomics.h"

#include <sched.h>

typedef atomic_uint_least32_t hf__lock;

static inline void hf__pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static inline void hf__lock_take(hf__lock *lock) {
  enum { PAUSES = 64 };
  for (;;) {
    uint_least32_t expected = 0;
    /* acquire: pairs with the release of who had it before. */
    if (HF__SWAP_IF(lock, &expected, 1, memory_order_acquire)) {
      return;
    }
    for (int i = 0; HF__LOAD(lock, memory_order_relaxed) != 0; i++) {
      if (i < PAUSES) {
        hf__pause();
      } else {
        sched_yield();
      }
    }
  }
}

static inline void hf__lock_give(hf__lock *lock) {
  HF__STORE(lock, 0, memory_order_release);
}

#endif
