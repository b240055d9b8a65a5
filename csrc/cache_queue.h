/* Entries in an order, by `prev` and `next`: new ones come in at the head, and go at the tail.
 * Under the lock. */
#ifndef HF_CACHE_QUEUE_H
#define HF_CACHE_QUEUE_H

#include "cache_memory.h"

HF_BEGIN_NONNULL

typedef struct hf__queue {
  uint32_t head;
  uint32_t tail;
  uint32_t count;
} hf__queue;

static inline void hf__queue_remove(const hf__cache_memory *memory, hf__queue *queue,
                                    const hf__entry *entry) {
  uint32_t prev = HF__GET(&entry->prev);
  uint32_t next = HF__GET(&entry->next);
  if (prev == HF__NO_ENTRY) {
    queue->head = next;
  } else {
    HF__SET(&hf__entry_at(memory, prev)->next, next);
  }
  if (next == HF__NO_ENTRY) {
    queue->tail = prev;
  } else {
    HF__SET(&hf__entry_at(memory, next)->prev, prev);
  }
  queue->count--;
}

static inline void hf__queue_add(const hf__cache_memory *memory, hf__queue *queue, hf__entry *entry,
                                 uint32_t number) {
  HF__SET(&entry->prev, HF__NO_ENTRY);
  HF__SET(&entry->next, queue->head);
  if (queue->head == HF__NO_ENTRY) {
    queue->tail = number;
  } else {
    HF__SET(&hf__entry_at(memory, queue->head)->prev, number);
  }
  queue->head = number;
  queue->count++;
}

static inline void hf__queue_to_head(const hf__cache_memory *memory, hf__queue *queue,
                                     hf__entry *entry, uint32_t number) {
  if (queue->head != number) {
    hf__queue_remove(memory, queue, entry);
    hf__queue_add(memory, queue, entry, number);
  }
}

/*
 * The last uses, whose entries are yet to move to the head: the lines of both neighbours are asked
 * for when an entry is used, and are there when it moves, 16 uses later. Who asks for the order, or
 * changes it otherwise, lets all of them move first; so it is exact.
 */
enum { HF__USES = 16 };

typedef struct hf__uses {
  uint32_t next;
  uint32_t entries[HF__USES]; /* from `next` on, the longest ago first; HF__NO_ENTRY */
} hf__uses;

static inline void hf__uses_init(hf__uses *uses) {
  uses->next = 0;
  for (unsigned i = 0; i < HF__USES; i++) {
    uses->entries[i] = HF__NO_ENTRY;
  }
}

static inline void hf__uses_move_one(const hf__cache_memory *memory, hf__queue *queue,
                                     uint32_t number) {
  if (number != HF__NO_ENTRY) {
    hf__queue_to_head(memory, queue, hf__entry_at(memory, number), number);
  }
}

static inline void hf__uses_move_all(const hf__cache_memory *memory, hf__queue *queue,
                                     hf__uses *uses) {
  uint32_t last = uses->entries[(uses->next - 1) % HF__USES];
  if (last == HF__NO_ENTRY) {
    return;
  }
  for (uint32_t i = 0; i < HF__USES; i++) {
    uint32_t *slot = &uses->entries[(uses->next + i) % HF__USES];
    hf__uses_move_one(memory, queue, *slot);
    *slot = HF__NO_ENTRY;
  }
}

static inline void hf__uses_add(const hf__cache_memory *memory, hf__queue *queue, hf__uses *uses,
                                const hf__entry *entry, uint32_t number) {
  uint32_t *slot = &uses->entries[uses->next++ % HF__USES];
  uint32_t before = *slot;
  *slot = number;
  uint32_t prev = HF__GET(&entry->prev);
  uint32_t next = HF__GET(&entry->next);
  if (prev != HF__NO_ENTRY) {
    __builtin_prefetch(hf__entry_at(memory, prev), 1);
  }
  if (next != HF__NO_ENTRY) {
    __builtin_prefetch(hf__entry_at(memory, next), 1);
  }
  hf__uses_move_one(memory, queue, before);
}

HF_END_NONNULL

#endif
