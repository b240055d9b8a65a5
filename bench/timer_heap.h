/*
 * Timers as one would keep them in an afternoon, and as most are: a binary heap by deadline, with a
 * table of where each timer is, so that one can be taken out of the middle. What Holdfast's wheel
 * is measured against.
 */
#ifndef HOLDFAST_BENCH_TIMER_HEAP_H
#define HOLDFAST_BENCH_TIMER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct timer_heap timer_heap;

/* NULL: no memory. */
timer_heap *timer_heap_create(uint32_t most);

/* NULL is a no-op. */
void timer_heap_destroy(timer_heap *heap);

/* The timer's name: below `most`, of which not all are armed. */
uint32_t timer_heap_arm(timer_heap *heap, uint64_t deadline_ns, void *data);

/* What it was armed with. It is armed. */
void *timer_heap_disarm(timer_heap *heap, uint32_t timer);

#endif
