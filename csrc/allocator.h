/* The default allocator, where it lies: copied from there, it is not first put together. */
#ifndef HF_ALLOCATOR_H
#define HF_ALLOCATOR_H

#include <holdfast/base.h>

extern const hf_allocator hf__allocator_default;

#endif
