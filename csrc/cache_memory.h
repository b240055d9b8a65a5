/*
 * Memory of the entries of one part of a cache: pages of slots of one size each, with a
 * free list of their own. A page that is empty again serves any size; none is given back
 * to the allocator as long as the cache lives, because a reader without a lock may still
 * be looking (cache_entry.h). What is larger than a slot can be has a block of its own,
 * which is only read under the lock.
 *
 * An entry's number is page << 13 | offset / 8: it says where it is without a look at
 * anything but the table of pages. Numbers are below 2^30, which is 2^17 pages: when they
 * are used up there is no more memory.
 */
#ifndef HF_CACHE_MEMORY_H
#define HF_CACHE_MEMORY_H

#include "cache_entry.h"

HF_BEGIN_NONNULL

enum {
  HF__UNIT_BITS = 13,
  HF__NUMBER_BITS = 30,
  HF__SLOT_MOST_BYTES = 1024,
  HF__SLOT_SIZES = 37,
};

/* Of every number of an entry; itself the number of none. */
#define HF__NUMBER_MASK ((UINT32_C(1) << HF__NUMBER_BITS) - 1)

/* Of one page. Under the lock. */
typedef struct hf__page {
  uint32_t free;     /* an entry's number, linked by `next`; HF__NO_ENTRY */
  uint32_t unused;   /* where bytes begin that were never taken; page_bytes: too few are left */
  uint32_t previous; /* of the pages of its size with room, or of the empty ones */
  uint32_t next;
  uint16_t taken; /* slots */
  uint8_t size;   /* which */
} hf__page;

/* Read without a lock: grows by being replaced; the old ones stay until the end. */
typedef struct hf__page_table {
  struct hf__page_table *HF_NULLABLE before;
  uint32_t capacity;
  _Atomic(char *) pages[];
} hf__page_table;

typedef struct hf__cache_memory {
  _Atomic(hf__page_table *) table;
  uint32_t page_bytes; /* a multiple of 64, at most 8 << HF__UNIT_BITS */
  /* From here on under the lock. */
  uint32_t page_count;
  hf__page *pages; /* as many as the table has room for */
  uint32_t with_room[HF__SLOT_SIZES];
  uint32_t empty;
  uint64_t allocated_bytes; /* as the allocator gives them; blocks too */
  hf_allocator allocator;
} hf__cache_memory;

hf_status hf__cache_memory_init(hf__cache_memory *memory, uint32_t page_bytes,
                                const hf_allocator *allocator);

/* With all that was taken from it but the blocks. Also after an init that failed. */
void hf__cache_memory_free(hf__cache_memory *memory);

/* The size that a slot for so many bytes has. */
size_t hf__slot_bytes(size_t bytes);

/* What the allocator gives for so many bytes. */
size_t hf__block_bytes(const hf__cache_memory *memory, size_t bytes);

/* A slot for so many bytes, at most HF__SLOT_MOST_BYTES; HF__NO_ENTRY: no memory. */
uint32_t hf__cache_memory_take(hf__cache_memory *memory, size_t bytes);

void hf__cache_memory_give(hf__cache_memory *memory, uint32_t entry);

/* Whether there are as many pages as there can be numbers of. */
bool hf__cache_memory_is_full(const hf__cache_memory *memory);

void *HF_NULLABLE hf__cache_memory_take_block(hf__cache_memory *memory, size_t bytes);

void hf__cache_memory_give_block(hf__cache_memory *memory, void *block, size_t bytes);

/* Any number that was ever given out is good, also one that was given back. acquire: the
 * table is no older than the number; pairs with the release in cache_memory.c. */
static inline hf__entry *hf__entry_at(const hf__cache_memory *memory, uint32_t entry) {
  const hf__page_table *table = HF__LOAD(&memory->table, memory_order_acquire);
  char *page = HF__LOAD(&table->pages[entry >> HF__UNIT_BITS], memory_order_relaxed);
  return (hf__entry *)(void *)(page + (size_t)(entry & ((1u << HF__UNIT_BITS) - 1)) * 8);
}

HF_END_NONNULL

#endif
