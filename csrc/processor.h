/* On which processor a thread runs, or something that tells threads apart as well. */
#ifndef HF_PROCESSOR_H
#define HF_PROCESSOR_H

#include <stdint.h>

/*
 * A hint: the thread may be moved at any moment, so what it picks must be safe
 * for others to use too. Where the C library registers restartable sequences
 * (glibc 2.35), the kernel keeps the processor's number in the thread's memory,
 * and reading it is one load. Elsewhere it is a number of the thread. Cost: 1 ns.
 */
unsigned hf__processor(void);

#endif
