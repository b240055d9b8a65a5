#include "cache_s3fifo.h"

#include <string.h>

/* The ghost ------------------------------------------------------------------ */

enum { MARK_BITS = 16, MARKS_IN_WORD = 4, NEXT_SHIFT = 32 };

#define LANES UINT64_C(0x0001000100010001)
#define OF_MAIN UINT64_C(0x8000)
#define FINGERPRINT UINT64_C(0x7FFF)
/* The marks of the last word: the rest of it is `next`. */
#define LAST_MARKS UINT64_C(0xFFFFFFFF)

static size_t set_count(uint64_t entries) {
  return (size_t)((entries + HF__GHOST_MARKS - 1) / HF__GHOST_MARKS);
}

size_t hf__ghost_bytes(uint64_t entries) {
  return set_count(entries) * sizeof(hf__ghost_set);
}

hf_status hf__ghost_init(hf__ghost *ghost, uint64_t entries, const hf_allocator *allocator) {
  size_t bytes = hf__ghost_bytes(entries);
  hf__ghost_set *sets = allocator->allocate(allocator->context, bytes, _Alignof(hf__ghost_set));
  if (sets == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  memset(sets, 0, bytes);
  *ghost = (hf__ghost){.sets = sets, .set_count = set_count(entries)};
  return HF_OK;
}

void hf__ghost_free(hf__ghost *ghost, const hf_allocator *allocator) {
  if (ghost->sets != NULL) {
    allocator->deallocate(allocator->context, ghost->sets, ghost->set_count * sizeof *ghost->sets,
                          _Alignof(hf__ghost_set));
  }
  *ghost = (hf__ghost){.sets = NULL};
}

/* Where a hash belongs. The part of the cache was chosen by some of its bits: multiplied, all of
 * them have a say in the upper ones (2^64 divided by the golden ratio). */
typedef struct place {
  uint64_t *words;
  uint64_t fingerprint;
} place;

static place place_of(const hf__ghost *ghost, uint64_t hash) {
  uint64_t mixed = hash * UINT64_C(0x9E3779B97F4A7C15);
  size_t set = (size_t)((mixed >> 32) * ghost->set_count >> 32);
  uint64_t fingerprint = mixed >> 17 & FINGERPRINT;
  return (place){ghost->sets[set].words, fingerprint == 0 ? 1 : fingerprint};
}

static uint64_t next_of(const uint64_t *words) {
  return words[HF__GHOST_WORDS - 1] >> NEXT_SHIFT;
}

static uint64_t mark_at(const uint64_t *words, uint64_t index) {
  return words[index / MARKS_IN_WORD] >> (index % MARKS_IN_WORD * MARK_BITS) & UINT64_C(0xFFFF);
}

static void set_mark(uint64_t *words, uint64_t index, uint64_t mark) {
  uint64_t shift = index % MARKS_IN_WORD * MARK_BITS;
  uint64_t *word = &words[index / MARKS_IN_WORD];
  *word = (*word & ~(UINT64_C(0xFFFF) << shift)) | mark << shift;
}

static uint64_t *count_of(hf__ghost *ghost, uint64_t mark) {
  return (mark & OF_MAIN) != 0 ? &ghost->of_main : &ghost->of_small;
}

void hf__ghost_add(hf__ghost *ghost, uint64_t hash, hf__ghost_kind kind) {
  place at = place_of(ghost, hash);
  uint64_t next = next_of(at.words);
  uint64_t old = mark_at(at.words, next);
  if (old != 0) {
    --*count_of(ghost, old);
  }
  uint64_t mark = at.fingerprint | (kind == HF__GHOST_OF_MAIN ? OF_MAIN : 0);
  set_mark(at.words, next, mark);
  ++*count_of(ghost, mark);
  next = (next + 1) % HF__GHOST_MARKS;
  uint64_t *last = &at.words[HF__GHOST_WORDS - 1];
  *last = (*last & LAST_MARKS) | next << NEXT_SHIFT;
}

/* How many of the marks of a set are of the last `entries`: at least 1. */
static uint64_t reach(const hf__ghost *ghost, uint64_t entries) {
  uint64_t each = (entries + ghost->set_count - 1) / ghost->set_count;
  return each < HF__GHOST_MARKS ? each : HF__GHOST_MARKS;
}

/* The upper bit of each of the four marks of a word that has this fingerprint. */
static uint64_t same(uint64_t word, uint64_t fingerprint) {
  uint64_t difference = (word & FINGERPRINT * LANES) ^ fingerprint * LANES;
  return (OF_MAIN * LANES - difference) & OF_MAIN * LANES;
}

/* Whether a set has this fingerprint anywhere: mostly not. */
static bool has(const uint64_t *words, uint64_t fingerprint) {
  uint64_t found = same(words[HF__GHOST_WORDS - 1], fingerprint) & LAST_MARKS;
  for (size_t i = 0; i < HF__GHOST_WORDS - 1; i++) {
    found |= same(words[i], fingerprint);
  }
  return found != 0;
}

hf__ghost_kind hf__ghost_take(hf__ghost *ghost, uint64_t hash, uint64_t entries) {
  place at = place_of(ghost, hash);
  if (!has(at.words, at.fingerprint)) {
    return HF__GHOST_NONE;
  }
  uint64_t next = next_of(at.words);
  uint64_t most = reach(ghost, entries);
  for (uint64_t i = 0; i < HF__GHOST_WORDS; i++) {
    bool last = i == HF__GHOST_WORDS - 1;
    uint64_t found = same(at.words[i], at.fingerprint) & (last ? LAST_MARKS : UINT64_MAX);
    for (; found != 0; found &= found - 1) {
      uint64_t index = i * MARKS_IN_WORD + (uint64_t)__builtin_ctzll(found) / MARK_BITS;
      /* 0: the one that went last. */
      uint64_t age = (next + HF__GHOST_MARKS - 1 - index) % HF__GHOST_MARKS;
      if (age < most) {
        uint64_t mark = mark_at(at.words, index);
        set_mark(at.words, index, 0);
        --*count_of(ghost, mark);
        return (mark & OF_MAIN) != 0 ? HF__GHOST_OF_MAIN : HF__GHOST_OF_SMALL;
      }
    }
  }
  return HF__GHOST_NONE;
}

/* The share ------------------------------------------------------------------ */

#define WHOLE (UINT64_C(1) << 32)
#define SHARE_FIRST (WHOLE / 10)
#define SHARE_LEAST (WHOLE / 20)
#define SHARE_MOST (WHOLE / 10 * 9)

void hf__s3fifo_init(hf__s3fifo *rule) {
  rule->share = (uint32_t)SHARE_FIRST;
}

uint64_t hf__s3fifo_target(const hf__s3fifo *rule, uint64_t entries) {
  return rule->share * entries >> 32;
}

void hf__s3fifo_learn(hf__s3fifo *rule, hf__ghost_kind kind, const hf__ghost *ghost,
                      uint64_t entries) {
  bool of_small = kind == HF__GHOST_OF_SMALL;
  /* This one was among its kind. */
  uint64_t own = (of_small ? ghost->of_small : ghost->of_main) + 1;
  uint64_t other = of_small ? ghost->of_main : ghost->of_small;
  uint64_t step = WHOLE / (entries == 0 ? 1 : entries);
  step = other > own ? step * other / own : step;
  uint64_t share = rule->share;
  if (of_small) {
    share = step < SHARE_MOST - share ? share + step : SHARE_MOST;
  } else {
    share = share - SHARE_LEAST > step ? share - step : SHARE_LEAST;
  }
  rule->share = (uint32_t)share;
}
