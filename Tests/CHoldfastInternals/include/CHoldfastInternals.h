/* What the Swift tests reach of the C core beside its public headers. */
#ifndef CHOLDFAST_INTERNALS_H
#define CHOLDFAST_INTERNALS_H

#include "../../../csrc/token.h"

/*
 * Bytes that this thread has allocated since it began, and those that it has
 * given back; UINT64_MAX when the program's malloc does not count them (only
 * jemalloc does).
 */
uint64_t hft_allocated_bytes(void);
uint64_t hft_deallocated_bytes(void);

#endif
