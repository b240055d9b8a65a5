/* The default allocator, with a count of what was asked of it. */
#include "bench_harness.h"

static struct {
  hf_allocator allocator;
  size_t allocations;
  size_t live_bytes;
} counting;

static void *allocate(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  counting.allocations++;
  void *memory =
      counting.allocator.allocate(counting.allocator.context, size_bytes, alignment_bytes);
  if (memory != NULL) {
    counting.live_bytes += size_bytes;
  }
  return memory;
}

static void deallocate(void *context, void *memory, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  counting.live_bytes -= size_bytes;
  counting.allocator.deallocate(counting.allocator.context, memory, size_bytes, alignment_bytes);
}

hf_allocator bench_allocator(void) {
  counting.allocator = hf_allocator_default();
  return (hf_allocator){.allocate = allocate, .deallocate = deallocate, .context = NULL};
}

size_t bench_allocations(void) {
  return counting.allocations;
}

size_t bench_live_bytes(void) {
  return counting.live_bytes;
}
