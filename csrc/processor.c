#include "processor.h"

#include <stddef.h>

#if defined(__linux__) && defined(__GNUC__)
/* Of glibc: where a thread's `struct rseq` is, from its thread pointer; and how
 * large it is: 0 where it is not registered. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
#endif

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define HAS_THREAD_POINTER 1
#else
#define HAS_THREAD_POINTER 0
#endif

unsigned hf__processor(void) {
#if HAS_THREAD_POINTER
  const char *thread = __builtin_thread_pointer();
#if defined(__linux__)
  if (&__rseq_size != NULL && __rseq_size != 0) {
    /* The first field, cpu_id_start: always the number of a processor. The kernel
     * writes it; this thread reads it. */
    return *(const volatile uint32_t *)(const volatile void *)(thread + __rseq_offset);
  }
#endif
  /* Threads' memory is apart by pages. */
  return (unsigned)((uintptr_t)thread >> 12);
#else
  /* So are their stacks. */
  int here = 0;
  return (unsigned)((uintptr_t)&here >> 16);
#endif
}
