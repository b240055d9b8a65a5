/*
 * The timer wheel. A deadline counts as the first tick that is not before it, so when that
 * has come the deadline has.
 *
 * An entry is on the lowest level that reaches it: whose slot for it is at most 63 ahead of
 * the wheel's own. A slot is due when its first tick comes, and what is in it then goes down
 * at least one level. The wheel's own slot is empty on each level but the first, unless the
 * budget was used up in the middle of it; time does not go on before it is empty.
 *
 * The chain of a slot is linked both ways. The first one's `wheel_prev` says which slot it
 * is first of; entries' numbers are below 2^30, so its top bit tells.
 */
#include "cache_wheel.h"

#include <string.h>

enum {
  SLOT_BITS = 6,
  SLOT_MASK = HF__WHEEL_SLOTS - 1,
  MOST_AHEAD = HF__WHEEL_SLOTS - 1,
  LAST_LEVEL = HF__WHEEL_LEVELS - 1,
};

#define FIRST_OF_SLOT (UINT32_C(1) << 31)
#define NO_TICK UINT64_MAX

static uint64_t tick_of_deadline(uint64_t deadline_ns) {
  uint64_t within = deadline_ns & ((UINT64_C(1) << HF__WHEEL_TICK_BITS) - 1);
  return (deadline_ns >> HF__WHEEL_TICK_BITS) + (within != 0);
}

static void set_first(hf__cache_wheel *wheel, const hf__cache_memory *memory, uint32_t slot,
                      uint32_t entry) {
  uint32_t level = slot >> SLOT_BITS;
  uint32_t index = slot & SLOT_MASK;
  uint64_t bit = UINT64_C(1) << index;
  if (entry == HF__NO_ENTRY) {
    wheel->occupied[level] &= ~bit;
    return;
  }
  wheel->occupied[level] |= bit;
  wheel->slots[level][index] = entry;
  HF__SET(&hf__entry_at(memory, entry)->wheel_prev, FIRST_OF_SLOT | slot);
}

void hf__cache_wheel_init(hf__cache_wheel *wheel) {
  memset(wheel, 0, sizeof *wheel);
}

static uint64_t slots_ahead(const hf__cache_wheel *wheel, uint64_t tick, uint32_t level) {
  return (tick >> level * SLOT_BITS) - (wheel->tick >> level * SLOT_BITS);
}

/* The lowest level that may reach a tick so far away: 64^level is at most as much. When the wheel's
 * own slot there has begun, it may take the next one to reach it. */
static uint32_t least_level(uint64_t distance) {
  uint32_t level = (63 - (uint32_t)__builtin_clzll(distance | 1)) / SLOT_BITS;
  return level < LAST_LEVEL ? level : LAST_LEVEL;
}

void hf__cache_wheel_add(hf__cache_wheel *wheel, const hf__cache_memory *memory, uint32_t entry) {
  hf__entry *added = hf__entry_at(memory, entry);
  uint64_t tick = tick_of_deadline(HF__GET(&added->deadline_ns));
  if (tick < wheel->tick) {
    tick = wheel->tick;
  }
  uint32_t level = least_level(tick - wheel->tick);
  if (level < LAST_LEVEL && slots_ahead(wheel, tick, level) > MOST_AHEAD) {
    level++;
  }
  uint32_t shift = level * SLOT_BITS;
  /* Counted from the beginning of time. Only on the last level it can be too far. */
  uint64_t slot = tick >> shift;
  if (slots_ahead(wheel, tick, level) > MOST_AHEAD) {
    slot = (wheel->tick >> shift) + MOST_AHEAD;
  }
  if (slot << shift < wheel->next_tick) {
    wheel->next_tick = slot << shift;
  }
  uint32_t index = (uint32_t)slot & SLOT_MASK;
  uint32_t next = HF__NO_ENTRY;
  if ((wheel->occupied[level] >> index & 1) != 0) {
    next = wheel->slots[level][index];
    HF__SET(&hf__entry_at(memory, next)->wheel_prev, entry);
  }
  HF__SET(&added->wheel_next, next);
  set_first(wheel, memory, level << SLOT_BITS | index, entry);
}

void hf__cache_wheel_remove(hf__cache_wheel *wheel, const hf__cache_memory *memory,
                            uint32_t entry) {
  hf__entry *removed = hf__entry_at(memory, entry);
  uint32_t previous = HF__GET(&removed->wheel_prev);
  uint32_t next = HF__GET(&removed->wheel_next);
  if ((previous & FIRST_OF_SLOT) != 0) {
    set_first(wheel, memory, previous & ~FIRST_OF_SLOT, next);
    return;
  }
  HF__SET(&hf__entry_at(memory, previous)->wheel_next, next);
  if (next != HF__NO_ENTRY) {
    HF__SET(&hf__entry_at(memory, next)->wheel_prev, previous);
  }
}

/* The first of the slot that is due next, and `next_tick`: when. HF__NO_ENTRY: none ever. */
static uint32_t find_next(hf__cache_wheel *wheel) {
  uint32_t first = HF__NO_ENTRY;
  wheel->next_tick = NO_TICK;
  for (uint32_t level = HF__WHEEL_LEVELS; level-- > 0;) {
    uint64_t occupied = wheel->occupied[level];
    if (occupied == 0) {
      continue;
    }
    uint32_t shift = level * SLOT_BITS;
    uint64_t present = wheel->tick >> shift;
    uint32_t turned = (uint32_t)present & SLOT_MASK;
    /* Bit i: the slot that is i ahead. */
    uint64_t ahead = occupied >> turned | occupied << (-turned & SLOT_MASK);
    uint64_t slot = present + (uint32_t)__builtin_ctzll(ahead);
    if (slot << shift < wheel->next_tick) {
      wheel->next_tick = slot << shift;
      first = wheel->slots[level][slot & SLOT_MASK];
    }
  }
  return first;
}

uint32_t hf__cache_wheel_expired(hf__cache_wheel *wheel, const hf__cache_memory *memory,
                                 uint64_t now_ns, size_t *budget) {
  uint64_t now_tick = now_ns >> HF__WHEEL_TICK_BITS;
  while (wheel->next_tick <= now_tick && *budget > 0) {
    uint32_t entry = find_next(wheel);
    if (wheel->next_tick > now_tick) {
      break;
    }
    wheel->tick = wheel->next_tick;
    *budget -= 1;
    hf__cache_wheel_remove(wheel, memory, entry);
    if (HF__GET(&hf__entry_at(memory, entry)->deadline_ns) <= now_ns) {
      return entry;
    }
    hf__cache_wheel_add(wheel, memory, entry);
  }
  /* No slot is due until now, so each is still ahead of the wheel when it is there. */
  if (wheel->next_tick > now_tick && now_tick > wheel->tick) {
    wheel->tick = now_tick;
  }
  return HF__NO_ENTRY;
}
