/*
 * An allocator that remembers every block it gave out, checks that each comes
 * back with the size and the alignment it was asked for with and with nothing
 * written behind it, and refuses one allocation of your choice. For one thread at
 * a time.
 */
#ifndef HF_COUNTING_ALLOCATOR_H
#define HF_COUNTING_ALLOCATOR_H

#include <holdfast/base.h>

#define COUNTING_MAX_BLOCKS 256

typedef struct counted_block {
  void *memory;
  size_t size_bytes;
  size_t alignment_bytes;
} counted_block;

typedef struct counting_allocator {
  /* The allocation, counted from 1, that is refused; 0 refuses none. */
  size_t refuse;
  size_t allocations;
  size_t live_blocks;
  size_t live_bytes;
  counted_block blocks[COUNTING_MAX_BLOCKS];
} counting_allocator;

/* Starts counting anew; nothing may be live. */
void counting_reset(counting_allocator *counting, size_t refuse);

/* The hooks, to be given to the library. */
hf_allocator counting_hooks(counting_allocator *counting);

#endif
