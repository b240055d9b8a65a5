/* What the core knows of allocators besides their interface. */
#ifndef HF_ALLOCATOR_H
#define HF_ALLOCATOR_H

#include <holdfast/base.h>

/* The default allocator, where it lies: copied from there, it is not first put together. */
extern const hf_allocator hf__allocator_default;

/*
 * How many bytes are used up when so many are asked for, at an alignment of up to 16. jemalloc
 * is asked; of any other allocator it is taken that it works like glibc's malloc. `bytes` is
 * 1 or more and far from SIZE_MAX.
 */
size_t hf__allocator_gives(const hf_allocator *allocator, size_t bytes);

#endif
