/*
 * When entries expire: a hierarchical timer wheel (G. Varghese, T. Lauck, "Hashed and
 * hierarchical timing wheels", SOSP 1987, scheme 7). Level l has 64 slots of
 * 2^20 * 64^l ns each, so the first turns in 67 ms and the last in two years; what is later
 * than that waits in the last one's farthest slot and is put again. Each level has a word
 * with a bit for each slot that is not empty, so that time that passes over empty slots
 * costs nothing.
 *
 * Under the lock. Entries with a deadline of HF__NEVER are not in it. An entry whose deadline
 * was put off since it was added is found at its old place, and put again; one whose deadline
 * is to come nearer must be removed before, and added again.
 */
#ifndef HF_CACHE_WHEEL_H
#define HF_CACHE_WHEEL_H

#include "cache_memory.h"

HF_BEGIN_NONNULL

enum { HF__WHEEL_LEVELS = 6, HF__WHEEL_SLOTS = 64, HF__WHEEL_TICK_BITS = 20 };

typedef struct hf__cache_wheel {
  uint64_t tick;      /* all before it is done; never goes back */
  uint64_t next_tick; /* no slot is due before it */
  uint64_t occupied[HF__WHEEL_LEVELS];
  /* The first of each; of an empty one anything. */
  uint32_t slots[HF__WHEEL_LEVELS][HF__WHEEL_SLOTS];
} hf__cache_wheel;

void hf__cache_wheel_init(hf__cache_wheel *wheel);

/* By its deadline, which is not HF__NEVER. O(1). */
void hf__cache_wheel_add(hf__cache_wheel *wheel, const hf__cache_memory *memory, uint32_t entry);

/* One that is in it. O(1). */
void hf__cache_wheel_remove(hf__cache_wheel *wheel, const hf__cache_memory *memory, uint32_t entry);

/*
 * An entry whose deadline is at or before `now_ns`, taken out of the wheel; HF__NO_ENTRY when
 * none is due, or `*budget` is used up. Each entry that is looked at takes 1 of it; one that
 * nobody removes or puts off is looked at once, and once more for each level it goes down. An
 * entry is due one tick (1 ms) after its deadline at the latest; while `now_ns` is before a
 * present that the wheel was told of already, entries may wait until it is reached again.
 *
 * Cost: O(entries looked at), however far the time jumps; when nothing is due, a comparison.
 */
uint32_t hf__cache_wheel_expired(hf__cache_wheel *wheel, const hf__cache_memory *memory,
                                 uint64_t now_ns, size_t *budget);

HF_END_NONNULL

#endif
