/* On which processor a thread runs, or something that tells threads apart as well. */
#ifndef HF_PROCESSOR_H
#define HF_PROCESSOR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define HF__HAS_THREAD_POINTER 1
#else
#define HF__HAS_THREAD_POINTER 0
#endif

#if HF__HAS_THREAD_POINTER && defined(__linux__)
/* Of glibc: where a thread's `struct rseq` is, from its thread pointer; and how
 * large it is: 0 where it is not registered. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
#endif

/*
 * How far from its thread pointer a thread finds the number of its processor, as 32
 * bits; 0: it does not.
 */
static inline ptrdiff_t hf__processor_offset_bytes(void) {
#if HF__HAS_THREAD_POINTER && defined(__linux__)
  if (&__rseq_size != NULL && __rseq_size != 0) {
    /* The first field, cpu_id_start: always the number of a processor. The kernel
     * writes it, the thread reads it. */
    return __rseq_offset;
  }
#endif
  return 0;
}

/* The number there. Cost: one load. */
static inline unsigned hf__processor_at(ptrdiff_t offset_bytes) {
#if defined(__x86_64__) && defined(__linux__)
  unsigned number;
  /* volatile: the thread may be on another one the next time. */
  __asm__ volatile("movl %%fs:(%1), %0" : "=r"(number) : "r"(offset_bytes));
  return number;
#elif HF__HAS_THREAD_POINTER
  const char *thread = __builtin_thread_pointer();
  return *(const volatile uint32_t *)(const volatile void *)(thread + offset_bytes);
#else
  return (unsigned)offset_bytes;
#endif
}

/*
 * A hint: the thread may be moved at any moment, so what it picks must be safe
 * for others to use too. Where the C library registers restartable sequences
 * (glibc 2.35), the kernel keeps the processor's number in the thread's memory,
 * and reading it is one load. Elsewhere it is a number of the thread. Cost: 1 ns.
 */
static inline unsigned hf__processor(void) {
#if HF__HAS_THREAD_POINTER
  ptrdiff_t offset_bytes = hf__processor_offset_bytes();
  if (offset_bytes != 0) {
    return hf__processor_at(offset_bytes);
  }
  /* Threads' memory is apart by pages. */
  const char *thread = __builtin_thread_pointer();
  return (unsigned)((uintptr_t)thread >> 12);
#else
  /* So are their stacks. */
  int here = 0;
  return (unsigned)((uintptr_t)&here >> 16);
#endif
}

#endif
