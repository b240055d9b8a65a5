#include "counting_allocator.h"

#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

/* Bytes behind each block that nobody may touch. */
enum { GUARD_BYTES = 16, FRESH = 0xa5 };

static void *allocate(void *context, size_t size_bytes, size_t alignment_bytes) {
  counting_allocator *counting = context;
  assert_true(size_bytes > 0);
  assert_true(alignment_bytes > 0 && (alignment_bytes & (alignment_bytes - 1)) == 0);
  assert_true(alignment_bytes <= 128);
  counting->allocations++;
  if (counting->allocations == counting->refuse) {
    return NULL;
  }
  assert_true(counting->live_blocks < COUNTING_MAX_BLOCKS);
  size_t least = alignment_bytes < sizeof(void *) ? sizeof(void *) : alignment_bytes;
  void *memory = NULL;
  assert_int_equal(posix_memalign(&memory, least, size_bytes + GUARD_BYTES), 0);
  /* Fresh memory is never zero by luck. */
  memset(memory, FRESH, size_bytes + GUARD_BYTES);
  counting->blocks[counting->live_blocks] = (counted_block){memory, size_bytes, alignment_bytes};
  counting->live_blocks++;
  counting->live_bytes += size_bytes;
  return memory;
}

static void deallocate(void *context, void *memory, size_t size_bytes, size_t alignment_bytes) {
  counting_allocator *counting = context;
  for (size_t i = 0; i < counting->live_blocks; i++) {
    if (counting->blocks[i].memory != memory) {
      continue;
    }
    assert_int_equal(counting->blocks[i].size_bytes, size_bytes);
    assert_int_equal(counting->blocks[i].alignment_bytes, alignment_bytes);
    const unsigned char *end = (const unsigned char *)memory + size_bytes;
    for (size_t guard = 0; guard < GUARD_BYTES; guard++) {
      assert_int_equal(end[guard], FRESH);
    }
    counting->live_blocks--;
    counting->live_bytes -= size_bytes;
    counting->blocks[i] = counting->blocks[counting->live_blocks];
    free(memory);
    return;
  }
  fail_msg("a block was given back that was never handed out");
}

void counting_reset(counting_allocator *counting, size_t refuse) {
  assert_int_equal(counting->live_blocks, 0);
  counting->refuse = refuse;
  counting->allocations = 0;
  counting->live_bytes = 0;
}

hf_allocator counting_hooks(counting_allocator *counting) {
  return (hf_allocator){allocate, deallocate, counting};
}
