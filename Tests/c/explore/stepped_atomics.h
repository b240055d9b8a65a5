/*
 * The atomic operations of csrc/atomics.h as the explorer makes them: included
 * before a source of the core, it turns each of them into one step of a thread.
 */
#ifndef STEPPED_ATOMICS_H
#define STEPPED_ATOMICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects of up to 8 bytes; values go through 64 bits. */
uint64_t stepped_load(const void *object, size_t size_bytes, memory_order order);
void stepped_store(void *object, size_t size_bytes, uint64_t value, memory_order order);
uint64_t stepped_add(void *object, size_t size_bytes, uint64_t value, memory_order order);
bool stepped_swap_if(void *object, size_t size_bytes, void *expected, uint64_t value,
                     memory_order order, memory_order failure);
void stepped_fence(memory_order order);
/* Before others see the object: no step. */
void stepped_init(void *object, size_t size_bytes, uint64_t value);

/* What the object holds, as a plain value. */
#define STEPPED_TYPE(object) __typeof__(atomic_load_explicit(object, memory_order_relaxed))

#define HF__LOAD(object, order)                                                                    \
  ((STEPPED_TYPE(object))stepped_load(object, sizeof *(object), order))
#define HF__STORE(object, value, order)                                                            \
  stepped_store(object, sizeof *(object), (uint64_t)(value), order)
#define HF__ADD(object, value, order)                                                              \
  ((STEPPED_TYPE(object))stepped_add(object, sizeof *(object), (uint64_t)(value), order))
#define HF__SWAP_IF(object, expected, value, order)                                                \
  stepped_swap_if(object, sizeof *(object), expected, (uint64_t)(value), order,                    \
                  memory_order_relaxed)
#define HF__SWAP_IF_ACQUIRE(object, expected, value, order)                                        \
  stepped_swap_if(object, sizeof *(object), expected, (uint64_t)(value), order,                    \
                  memory_order_acquire)
#define HF__FENCE(order) stepped_fence(order)

/* Of include/holdfast/breaker_inline.h. */
#define HF_FRONT_LOAD(object, order)                                                               \
  ((__typeof__(*(object)))stepped_load(object, sizeof *(object), (memory_order)(order)))
#define HF_FRONT_INCREMENT(object, order)                                                          \
  stepped_add(object, sizeof *(object), 1, (memory_order)(order))
#define HF_FRONT_OF_THREAD(offset_bytes) ((void)(offset_bytes), stepped_processor())

#undef atomic_init
#define atomic_init(object, value) stepped_init(object, sizeof *(object), (uint64_t)(value))

/* Which processor a thread is on: what the scenario says. */
#include "processor.h"
unsigned stepped_processor(void);
#define hf__processor stepped_processor
#define hf__processor_offset_bytes() ((ptrdiff_t)1)
#define hf__processor_at(offset_bytes) ((void)(offset_bytes), stepped_processor())

/* Who waits for another thread. */
#include "cache_lock.h"
void stepped_pause(void);
#define hf__pause stepped_pause

#endif
