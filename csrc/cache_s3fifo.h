/*
 * What HF_CACHE_S3FIFO goes by: a memory of what was evicted, and how large the small queue may be.
 *
 * S3-FIFO (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache
 * eviction", SOSP 2023) keeps a tenth of the entries in the small queue. That is right as long as
 * the same keys stay popular: a new key must be asked for again before a tenth of the entries have
 * gone by, or be missed twice. When popularity shifts it costs up to 16 % more misses than LRU. So
 * here the small queue's share follows what is asked for again after it went, as in ARC (N.
 * Megiddo, D. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003): a key that
 * went from the small queue makes it larger, one that went from the main queue makes it smaller.
 * docs/cache.md has the figures.
 *
 * How the two go together, with `heat` as the number of uses since an entry came into its queue:
 *
 *   put:    kind = hf__ghost_take(), and hf__s3fifo_learn() unless it is NONE.
 *           HF__GHOST_OF_SMALL comes in at the head of the main queue, all else of the small one.
 *   evict:  while the small queue has more than hf__s3fifo_target(), or the main queue is empty:
 *           the small queue's tail: heat > 0: to the head of the main queue, with heat 0; else it
 *           goes: hf__ghost_add(HF__GHOST_OF_SMALL).
 *           Otherwise the main queue's tail: heat > 0: heat - 1, to its head; else it goes:
 *           hf__ghost_add(HF__GHOST_OF_MAIN).
 *
 *   When 64 in a row were kept, the next tail goes whatever its heat.
 *
 * It differs from what was published in that one use is enough, not two; that what went from the
 * main queue is remembered too, though only to learn from: it must prove itself again, or a loop
 * that is larger than the cache would push itself out; and in the share.
 *
 * Under the lock of the part.
 */
#ifndef HF_CACHE_S3FIFO_H
#define HF_CACHE_S3FIFO_H

#include <holdfast/cache.h>

HF_BEGIN_NONNULL

/* Where an entry was when it was evicted. */
typedef enum hf__ghost_kind {
  HF__GHOST_NONE = 0, /* it was not, or that was too long ago */
  HF__GHOST_OF_SMALL = 1,
  HF__GHOST_OF_MAIN = 2
} hf__ghost_kind;

enum { HF__GHOST_WORDS = 8, HF__GHOST_MARKS = 30 };

/*
 * A line of the cache: 30 marks of 16 bits, four in a word, the first in its lowest bits, and in
 * the last 32 bits of the last word which of them is to be overwritten next. A mark is 15 bits of
 * the hash, which are not all 0, and above them whether it was in the main queue; 0 is none. Each
 * set is a queue of its own: hashes spread over the sets evenly enough.
 */
typedef struct hf__ghost_set {
  _Alignas(64) uint64_t words[HF__GHOST_WORDS];
} hf__ghost_set;

/* About as many as there may be entries, 2.1 bytes each. A key that never was there is taken for
 * one that was with a probability of 30 / 32,768. */
typedef struct hf__ghost {
  hf__ghost_set *HF_NULLABLE sets;
  size_t set_count;
  uint64_t of_small; /* how many it holds of each kind */
  uint64_t of_main;
} hf__ghost;

/* For `entries`, 1 or more. HF_OK, HF_ERROR_OUT_OF_MEMORY. */
hf_status hf__ghost_init(hf__ghost *ghost, uint64_t entries, const hf_allocator *allocator);

/* One that was not made is all zeros. */
void hf__ghost_free(hf__ghost *ghost, const hf_allocator *allocator);

/* What hf__ghost_init() takes from the allocator. */
size_t hf__ghost_bytes(uint64_t entries);

/* Remembers an entry that goes; `kind` is not HF__GHOST_NONE. */
void hf__ghost_add(hf__ghost *ghost, uint64_t hash, hf__ghost_kind kind);

/*
 * Whether an entry with this hash is remembered, and forgets it. Only about the last `entries`
 * that went count: as many as there are now, which a limit of bytes may hold far below the number
 * that the ghost was made for; what went long before says nothing about a cache of this size.
 */
hf__ghost_kind hf__ghost_take(hf__ghost *ghost, uint64_t hash, uint64_t entries);

/* The rule of the share. */
typedef struct hf__s3fifo {
  uint32_t share; /* of the small queue, of 2^32: from a twentieth to nine tenths */
} hf__s3fifo;

/* A tenth. */
void hf__s3fifo_init(hf__s3fifo *rule);

/* The most entries that the small queue may keep, of so many. */
uint64_t hf__s3fifo_target(const hf__s3fifo *rule, uint64_t entries);

/*
 * A key was asked for that was remembered; `kind` is not HF__GHOST_NONE. The share changes by one
 * entry of `entries`, or by more when fewer are remembered of this kind than of the other: each
 * find then says the more.
 */
void hf__s3fifo_learn(hf__s3fifo *rule, hf__ghost_kind kind, const hf__ghost *ghost,
                      uint64_t entries);

HF_END_NONNULL

#endif
