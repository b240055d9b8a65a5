/**
 * The way of a closed breaker, compiled into its caller.
 *
 *     hf_permit permit;
 *     if (hf_breaker_acquire_inline(breaker, now_ns, &permit, NULL) == HF_OK) {
 *       ... the call ...
 *       hf_breaker_settle_inline(breaker, &permit, HF_OUTCOME_SUCCESS, now_ns, NULL);
 *     }
 *
 * The same as hf_breaker_acquire() and hf_breaker_settle(), which use what is here
 * too, and may be mixed with them: a permit of one is settled by the other. But the
 * permit stays in registers, and a locked addition, which waits for every store before
 * it, has none to wait for: a successful call costs little more than that addition.
 *
 * The price: how a breaker begins, `hf_breaker_front`, is compiled into the caller. So
 * the library that runs must be of the version that this header is of (of the same
 * minor version; see hf_version()). Who cannot promise that, or calls from another
 * language, takes the functions of breaker.h.
 *
 * C11 and C++17, gcc and clang.
 */
#ifndef HOLDFAST_BREAKER_INLINE_H
#define HOLDFAST_BREAKER_INLINE_H

#include <holdfast/breaker.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/* The front ---------------------------------------------------------------- */

/** Where the state stands in the word, and how many bits the payload below has. */
#define HF_FRONT_STATE_SHIFT 61
#define HF_FRONT_PAYLOAD_BITS 37

/** Bytes from one processor's counters to the next one's; how many there are. */
#define HF_FRONT_SHARD_BYTES 64
#define HF_FRONT_SHARDS 8

/** Which of the counters is the one of successes. */
#define HF_FRONT_SUCCESSES 0

/**
 * How a breaker begins: one line of the cache that is read, and one that is counted
 * in. It is for this header only: read nothing of it, write nothing to it; it may
 * change with any minor version.
 */
typedef struct hf_breaker_front {
  /** State, generation and payload: docs/design.md has the picture. Atomic. */
  uint64_t word;
  /** NULL, or counters for each processor: two threads met. Atomic; set once. */
  void *HF_NULLABLE shards;
  /** 0: a success is counted and no more. Else there is a window, or a limit of time,
   *  and somebody has to look. Atomic. */
  uint64_t slow_from_ns;
  /** How far from its thread pointer a thread finds the number of the processor that it
   *  is on, as 32 bits; 0: nowhere. Constant. */
  ptrdiff_t processor_offset_bytes;
  /** The core's. */
  uint64_t others[4];
  /** The counters while there are no `shards`, with room to the line's end. Atomic. */
  uint64_t counts[HF_FRONT_SHARD_BYTES / sizeof(uint64_t)];
} hf_breaker_front;

/** What hf_breaker_acquire_inline() and hf_breaker_settle_inline() call, and nobody else
 *  need: takes counters for each processor, if there are none and memory is left. Threads:
 *  any. */
HF_API void hf_breaker_spread(hf_breaker *breaker);

/** Likewise, once there are counters for each processor: counts 1 where a thread's memory
 *  does not tell on which it is. Threads: any. */
HF_API void hf_breaker_count_apart(hf_breaker *breaker, unsigned counter);

/* Atomic operations, by names of their own, so that a test can put something between
 * any two of them. Not `_Atomic`, which C++ and Swift do not read. */
#ifndef HF_FRONT_LOAD
#define HF_FRONT_LOAD(object, order) __atomic_load_n(object, order)
/* Adds 1; what was there. */
#define HF_FRONT_INCREMENT(object, order) __atomic_fetch_add(object, 1, order)
#define HF_FRONT_OF_THREAD(offset_bytes)                                                           \
  (*(const volatile uint32_t *)(const volatile void *)((const char *)__builtin_thread_pointer() +  \
                                                       (offset_bytes)))
#endif

#define HF_FRONT_INLINE static inline __attribute__((always_inline))
#define HF_FRONT_LIKELY(condition) __builtin_expect(condition, 1)

#if defined(__has_builtin)
#if __has_builtin(__builtin_thread_pointer)
#define HF_FRONT_HAS_THREAD_POINTER 1
#endif
#endif
#ifndef HF_FRONT_HAS_THREAD_POINTER
#define HF_FRONT_HAS_THREAD_POINTER 0
#endif

HF_FRONT_INLINE hf_breaker_front *hf_breaker_front_of(hf_breaker *breaker) {
  return (hf_breaker_front *)(void *)breaker;
}

/* acquire: pairs with the release of whoever made this state, and what that thread did
 * before is seen, such as the options it used. */
HF_FRONT_INLINE uint64_t hf_breaker_front_word(hf_breaker *breaker) {
  return HF_FRONT_LOAD(&hf_breaker_front_of(breaker)->word, __ATOMIC_ACQUIRE);
}

/* The permit of a word that is closed; false: it is not. */
HF_FRONT_INLINE bool hf_breaker_front_permit(uint64_t word, uint64_t now_ns, hf_permit *permit) {
  if (word >> HF_FRONT_STATE_SHIFT != HF_BREAKER_CLOSED) {
    return false;
  }
  permit->state = word >> HF_FRONT_PAYLOAD_BITS << HF_FRONT_PAYLOAD_BITS;
  permit->started_ns = now_ns;
  permit->retry_after_ns = 0;
  return true;
}

/* Counts 1 in a processor's counters. */
HF_FRONT_INLINE void hf_breaker_front_count_on(void *shards, unsigned processor, unsigned counter) {
  char *own = (char *)shards + processor % HF_FRONT_SHARDS * (size_t)HF_FRONT_SHARD_BYTES;
  /* relaxed, as all counting: it orders nothing, and each sum is taken alone. */
  HF_FRONT_INCREMENT((uint64_t *)(void *)own + counter, __ATOMIC_RELAXED);
}

/* Counts 1 in the thread's own counters, or the only ones. Takes memory at most once,
 * and goes on without. Progress: wait-free, but for the taking. */
HF_FRONT_INLINE void hf_breaker_front_count(hf_breaker *breaker, unsigned counter) {
  hf_breaker_front *front = hf_breaker_front_of(breaker);
  /* acquire: pairs with the release of whoever made them, after their zeros. */
  void *shards = HF_FRONT_LOAD(&front->shards, __ATOMIC_ACQUIRE);
  if (shards == NULL) {
    /* relaxed: as above. */
    uint64_t seen = HF_FRONT_LOAD(&front->counts[counter], __ATOMIC_RELAXED);
    uint64_t found = HF_FRONT_INCREMENT(&front->counts[counter], __ATOMIC_RELAXED);
    if (!HF_FRONT_LIKELY(found == seen)) {
      /* Somebody counted between the two. */
      hf_breaker_spread(breaker);
    }
    return;
  }
#if HF_FRONT_HAS_THREAD_POINTER
  if (HF_FRONT_LIKELY(front->processor_offset_bytes != 0)) {
    hf_breaker_front_count_on(shards, HF_FRONT_OF_THREAD(front->processor_offset_bytes), counter);
    return;
  }
#endif
  hf_breaker_count_apart(breaker, counter);
}

/* Whether `permit` is of this word, which shows no failures, and a success of it is counted and no
 * more: closed, disabled or metrics only. Only such words have nothing in their payload. */
HF_FRONT_INLINE bool hf_breaker_front_only_counts(hf_breaker *breaker, uint64_t word,
                                                  const hf_permit *permit) {
  /* relaxed: an option stands alone. */
  return word == permit->state &&
         HF_FRONT_LOAD(&hf_breaker_front_of(breaker)->slow_from_ns, __ATOMIC_RELAXED) == 0;
}

/* Calls -------------------------------------------------------------------- */

/**
 * Asks to make a call, if that is permitted at once.
 *
 * @return true: the breaker is closed, and `permit` must be settled. false: nothing
 *         happened, `permit` is as it was: ask hf_breaker_acquire().
 *
 * Threads: any. Progress: wait-free. Cost: one load.
 */
HF_FRONT_INLINE bool hf_breaker_acquire_if_closed(hf_breaker *breaker, uint64_t now_ns,
                                                  hf_permit *permit) {
  return HF_FRONT_LIKELY(hf_breaker_front_permit(hf_breaker_front_word(breaker), now_ns, permit));
}

/**
 * Tells that a permitted call succeeded, if that is only to be counted: the breaker is as
 * it was, without failures, a window or a limit of time.
 *
 * @return true: it counted. false: nothing happened; tell hf_breaker_settle(), with the
 *         time.
 *
 * Threads: any. Progress: wait-free, but for the one taking of memory. Cost: one atomic
 * addition.
 */
HF_FRONT_INLINE bool hf_breaker_settle_if_only_counted(hf_breaker *breaker,
                                                       const hf_permit *permit) {
  if (HF_FRONT_LIKELY(
          hf_breaker_front_only_counts(breaker, hf_breaker_front_word(breaker), permit))) {
    hf_breaker_front_count(breaker, HF_FRONT_SUCCESSES);
    return true;
  }
  return false;
}

/* What the functions of breaker.h are given stands apart, so that the caller's own need
 * not be in memory. */

/** hf_breaker_acquire(), with the way of a closed breaker compiled into the caller. */
HF_FRONT_INLINE HF_MUST_USE hf_status
hf_breaker_acquire_inline(hf_breaker *breaker, uint64_t now_ns, hf_permit *permit,
                          hf_transition *HF_NULLABLE transition) {
  hf_transition made = {HF_BREAKER_UNCHANGED, HF_BREAKER_CLOSED, HF_BREAKER_CLOSED, 0, 0};
  hf_status status = HF_OK;
  if (!hf_breaker_acquire_if_closed(breaker, now_ns, permit)) {
    hf_transition told;
    hf_permit given;
    status = hf_breaker_acquire(breaker, now_ns, &given, &told);
    *permit = given;
    made = told;
  }
  if (transition != NULL) {
    *transition = made;
  }
  return status;
}

/** hf_breaker_settle(), with the way of a success that is only counted compiled into the
 *  caller. */
HF_FRONT_INLINE bool hf_breaker_settle_inline(hf_breaker *breaker, const hf_permit *permit,
                                              hf_outcome outcome, uint64_t now_ns,
                                              hf_transition *HF_NULLABLE transition) {
  hf_transition made = {HF_BREAKER_UNCHANGED, HF_BREAKER_CLOSED, HF_BREAKER_CLOSED, 0, 0};
  bool counted = true;
  if (outcome != HF_OUTCOME_SUCCESS || !hf_breaker_settle_if_only_counted(breaker, permit)) {
    hf_transition told;
    hf_permit settled = *permit;
    counted = hf_breaker_settle(breaker, &settled, outcome, now_ns, &told);
    made = told;
  }
  if (transition != NULL) {
    *transition = made;
  }
  return counted;
}

HF_END_NONNULL
HF_END_C

#endif
