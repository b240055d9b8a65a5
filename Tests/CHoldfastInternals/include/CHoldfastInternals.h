/* What the Swift tests reach of the C core beside its public headers. */
#ifndef CHOLDFAST_INTERNALS_H
#define CHOLDFAST_INTERNALS_H

#include "../../../csrc/token.h"

/*
 * Bytes that this thread has allocated since it began, or UINT64_MAX when the
 * program's malloc does not count them (only jemalloc does).
 */
uint64_t hft_allocated_bytes(void);

#endif
