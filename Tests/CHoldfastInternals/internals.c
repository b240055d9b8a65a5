#include "CHoldfastInternals.h"

/* jemalloc's control function, where the program is linked with jemalloc. */
extern int mallctl(const char *name, void *old_value, size_t *old_bytes, void *new_value,
                   size_t new_bytes) __attribute__((weak));

static uint64_t counter(const char *name) {
  uint64_t bytes = 0;
  size_t size = sizeof bytes;
  if (mallctl == NULL || mallctl(name, &bytes, &size, NULL, 0) != 0) {
    return UINT64_MAX;
  }
  return bytes;
}

uint64_t hft_allocated_bytes(void) {
  return counter("thread.allocated");
}

uint64_t hft_deallocated_bytes(void) {
  return counter("thread.deallocated");
}
