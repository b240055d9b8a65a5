/*
 * An entry of a cache, as it lies in memory:
 *
 *     prev, next              its queue            4 bytes each
 *     wheel_prev, wheel_next  its slot of the timer wheel
 *     deadline                in ns since the cache was made; HF__NEVER: none
 *     shape                   what follows
 *     words                   [ttl] [soft] [cost] [born, tags] [block]  as the shape says
 *                             key, filled up to a word; value, filled up to a word
 *
 * Readers look at entries without a lock, and may look at one that was given back and is
 * another by now: they find out afterwards, by the version of the bucket that led them
 * here. So every field is atomic, and all are read and written relaxed: the bucket's
 * version orders them (cache_index.h). Entries are called by number (cache_memory.h).
 */
#ifndef HF_CACHE_ENTRY_H
#define HF_CACHE_ENTRY_H

#include <holdfast/cache.h>

#include "atomics.h"

#define HF__NEVER UINT64_MAX
/* No entry. */
#define HF__NO_ENTRY UINT32_MAX

typedef struct hf__entry {
  atomic_uint_least32_t prev;
  atomic_uint_least32_t next;
  atomic_uint_least32_t wheel_prev;
  atomic_uint_least32_t wheel_next;
  atomic_uint_least64_t deadline_ns;
  atomic_uint_least64_t shape;
  atomic_uint_least64_t words[];
} hf__entry;

/* Relaxed: see above. */
#define HF__GET(object) HF__LOAD(object, memory_order_relaxed)
#define HF__SET(object, value) HF__STORE(object, value, memory_order_relaxed)

/*
 * The shape:
 *
 *     63            32 31           16 15    8 7     0
 *     | value bytes   | key bytes     | flags | queue|
 */
enum {
  HF__IN_MAIN = 1, /* S3-FIFO: in the main queue, not in the small one */
  HF__NEGATIVE = 1 << 8,
  HF__SLIDING = 1 << 9, /* a word: its TTL in ns */
  HF__COST = 1 << 10,   /* a word: what it is charged besides its memory */
  HF__LARGE = 1 << 11,  /* a word: pointer to a block with the key and the value */
  HF__TAGS_SHIFT = 12,  /* 3 bits: how many; a word: when it was born; then two in a word */
  HF__SOFT = 1 << 15,   /* a word: when it becomes stale, as the deadline */
  HF__KEY_SHIFT = 16,
  HF__VALUE_SHIFT = 32,
};

static inline size_t hf__shape_tags(uint64_t shape) {
  return shape >> HF__TAGS_SHIFT & HF_CACHE_MAX_TAGS;
}

static inline size_t hf__shape_key_bytes(uint64_t shape) {
  return shape >> HF__KEY_SHIFT & 0xFFFF;
}

static inline size_t hf__shape_value_bytes(uint64_t shape) {
  return shape >> HF__VALUE_SHIFT;
}

/* Whether it has no flag, and a key of so many bytes: then that begins at its first word. */
static inline bool hf__shape_is_plain(uint64_t shape, size_t key_bytes) {
  return (shape & 0xFFFFFF00) == (uint64_t)key_bytes << HF__KEY_SHIFT;
}

static inline size_t hf__words_of(size_t bytes) {
  return (bytes + 7) / 8;
}

/* The flags that words stand for; an entry mostly has none. */
#define HF__WITH_WORDS UINT64_C(0xFE00)

/* Where in the words what begins. */

static inline size_t hf__shape_soft_at(uint64_t shape) {
  return (shape & HF__SLIDING) != 0;
}

static inline size_t hf__shape_cost_at(uint64_t shape) {
  return hf__shape_soft_at(shape) + ((shape & HF__SOFT) != 0);
}

static inline size_t hf__shape_born_at(uint64_t shape) {
  return hf__shape_cost_at(shape) + ((shape & HF__COST) != 0);
}

static inline size_t hf__shape_block_at(uint64_t shape) {
  size_t tags = hf__shape_tags(shape);
  return hf__shape_born_at(shape) + (tags == 0 ? 0 : 1 + (tags + 1) / 2);
}

static inline size_t hf__shape_key_at(uint64_t shape) {
  if ((shape & HF__WITH_WORDS) == 0) {
    return 0;
  }
  return hf__shape_block_at(shape) + ((shape & HF__LARGE) != 0);
}

/* Of the entry itself, without the block. */
static inline size_t hf__shape_entry_bytes(uint64_t shape) {
  size_t words = hf__shape_key_at(shape);
  if ((shape & HF__LARGE) == 0) {
    words += hf__words_of(hf__shape_key_bytes(shape)) + hf__words_of(hf__shape_value_bytes(shape));
  }
  return sizeof(hf__entry) + words * 8;
}

/* Of the block of a large one: the key, filled up to a word, and the value. */
static inline size_t hf__shape_block_bytes(uint64_t shape) {
  return hf__words_of(hf__shape_key_bytes(shape)) * 8 + hf__shape_value_bytes(shape);
}

/* Where its key and its value lie. What lies in a block is only read under the lock. */

static inline const char *hf__entry_key(const hf__entry *entry, uint64_t shape) {
  if ((shape & HF__LARGE) != 0) {
    return (const char *)(uintptr_t)HF__GET(&entry->words[hf__shape_block_at(shape)]);
  }
  return (const char *)entry + sizeof *entry + hf__shape_key_at(shape) * 8;
}

static inline const char *hf__entry_value(const hf__entry *entry, uint64_t shape) {
  return hf__entry_key(entry, shape) + hf__words_of(hf__shape_key_bytes(shape)) * 8;
}

#endif
