/*
 * Memory that threads do not all see alike: every object keeps what was written to
 * it, and a load may give an older value, as far as the orders allow.
 *
 * It is the usual operational reading of C11 without promises: a thread has a
 * view, the oldest write of each object that it may still read. A write carries a
 * view to those who acquire it; a sequentially consistent fence joins the thread's
 * view with that of all such fences before it.
 *
 * Not covered: loads that give what is written only later (load buffering), writes
 * that come before others in an object's order although they are made later,
 * compare-and-swaps that fail on an old value, and sequentially consistent
 * operations other than fences.
 */
#ifndef WEAK_MEMORY_H
#define WEAK_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEAK_OBJECTS = 16, WEAK_WRITES = 12, WEAK_THREADS = 4 };

/* Of each object the number of a write. */
typedef struct weak_view {
  unsigned char oldest[WEAK_OBJECTS];
} weak_view;

typedef struct weak_write {
  uint64_t value;
  weak_view carried;
} weak_write;

typedef struct weak_thread {
  weak_view seen;
  weak_view read;     /* what its loads would have brought, had they acquired */
  weak_view released; /* what its relaxed writes carry: its view at its last fence */
} weak_thread;

typedef struct weak_memory {
  unsigned char written[WEAK_OBJECTS]; /* how many writes each has, the first value too */
  weak_write writes[WEAK_OBJECTS][WEAK_WRITES];
  weak_thread threads[WEAK_THREADS];
  weak_view fences;
} weak_memory;

/* An object begins with one write. */
void weak_begin(weak_memory *memory, size_t object, uint64_t value);

/* Reads the write that is `back` before the last. False: the thread may not. */
bool weak_load(weak_memory *memory, size_t thread, size_t object, size_t back, memory_order order,
               uint64_t *value);

/* Adds a write. `after_last`: of a read-modify-write, which has read the last. */
void weak_write_value(weak_memory *memory, size_t thread, size_t object, uint64_t value,
                      bool after_last, memory_order order);

void weak_fence(weak_memory *memory, size_t thread, memory_order order);

#endif
