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

HF_END_NONNULL

#endif
