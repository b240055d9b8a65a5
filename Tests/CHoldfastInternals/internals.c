#include "CHoldfastInternals.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

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

/* The arena that allocations are counted in, made once. */
static bool counting_arena(unsigned *arena) {
  static _Atomic unsigned made; /* plus one */
  unsigned number = atomic_load(&made);
  if (number == 0) {
    size_t size = sizeof number;
    if (mallctl == NULL || mallctl("arenas.create", &number, &size, NULL, 0) != 0) {
      return false;
    }
    atomic_store(&made, ++number);
  }
  *arena = number - 1;
  return true;
}

/* How many allocations an arena has served; UINT64_MAX when that is not known. */
static uint64_t served(unsigned arena) {
  uint64_t epoch = 1;
  uint64_t sum = 0;
  if (mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0) {
    return UINT64_MAX;
  }
  for (int large = 0; large < 2; large++) {
    char name[64];
    uint64_t count = 0;
    size_t size = sizeof count;
    (void)snprintf(name, sizeof name, "stats.arenas.%u.%s.nmalloc", arena,
                   large ? "large" : "small");
    if (mallctl(name, &count, &size, NULL, 0) != 0) {
      return UINT64_MAX;
    }
    sum += count;
  }
  return sum;
}

static _Thread_local struct {
  bool is_on;
  bool had_cache;
  unsigned arena;
  unsigned former_arena;
  uint64_t before;
} counting;

bool hft_begin_counting(void) {
  bool caches = false;
  size_t size = sizeof counting.former_arena;
  size_t flag_size = sizeof caches;
  if (!counting_arena(&counting.arena) ||
      mallctl("thread.tcache.enabled", &counting.had_cache, &flag_size, &caches, sizeof caches) !=
          0 ||
      mallctl("thread.arena", &counting.former_arena, &size, &counting.arena,
              sizeof counting.arena) != 0) {
    return false;
  }
  counting.is_on = true;
  counting.before = served(counting.arena);
  return counting.before != UINT64_MAX;
}

uint64_t hft_end_counting(void) {
  if (!counting.is_on) {
    return UINT64_MAX;
  }
  uint64_t after = served(counting.arena);
  counting.is_on = false;
  (void)mallctl("thread.arena", NULL, NULL, &counting.former_arena, sizeof counting.former_arena);
  (void)mallctl("thread.tcache.enabled", NULL, NULL, &counting.had_cache,
                sizeof counting.had_cache);
  return after == UINT64_MAX ? UINT64_MAX : after - counting.before;
}
