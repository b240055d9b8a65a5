/* What the Swift tests reach of the C core beside its public headers. */
#ifndef CHOLDFAST_INTERNALS_H
#define CHOLDFAST_INTERNALS_H

#include "../../../csrc/token.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Bytes that this thread has allocated since it began, and those that it has
 * given back; UINT64_MAX when the program's malloc does not count them (only
 * jemalloc does).
 */
uint64_t hft_allocated_bytes(void);
uint64_t hft_deallocated_bytes(void);

/*
 * How often this thread allocates from the one call to the other; false and
 * UINT64_MAX when nobody counts that (only jemalloc does), or when they are
 * calls of different threads. One thread at a time.
 */
bool hft_begin_counting(void);
uint64_t hft_end_counting(void);

#endif
