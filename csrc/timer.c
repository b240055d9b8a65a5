/*
 * The timer wheel. Read a tick as a number of eight digits to the base of 64, of which level 0 is
 * the last. A timer is on the level of the first digit in which its tick differs from the wheel's
 * own, in the slot that this digit of its tick says. So
 *
 *   - all slots of a level lie ahead of the wheel's own digit there, but that of the present tick;
 *   - all of a level comes before all of the next higher one.
 *
 * The earliest timer is therefore in the first slot of the lowest level that has any. While no slot
 * with timers begins, the wheel's tick goes on and both stay true. When one begins, its timers
 * agree with the wheel's tick in that digit too, and go down at least one level.
 *
 * Chains are linked both ways; a timer knows which one it is in. What is due is put into a chain of
 * its own, from which it is taken one by one: so a tick is gone through once, however many are due
 * in it, and a timer can still be disarmed until it is taken out.
 */
#include <holdfast/timer.h>

#include "allocator.h"

enum {
  TICK_BITS = 20,
  LEVEL_BITS = 6,
  SLOTS = 1 << LEVEL_BITS,
  /* As many as the ticks of 2^64 ns have digits: nothing is too far away. */
  LEVELS = (64 - TICK_BITS + LEVEL_BITS - 1) / LEVEL_BITS,
  /* Chains: that of a slot is level << LEVEL_BITS | slot. */
  DUE = LEVELS * SLOTS,
  NEVER,
  FREE, /* linked one way */
  CHAINS,
  FIRST_SLAB_BITS = 6,
  MOST_SLABS = 18,
};

#define NO_PLACE UINT32_MAX

typedef struct entry {
  uint64_t deadline_ns;
  void *data;
  uint32_t next;
  uint32_t previous;
  uint32_t chain;
  uint32_t generation; /* how often the place was given back */
} entry;

_Static_assert(sizeof(entry) == 32, "the header promises that a timer takes 32 bytes");

struct hf_timer_wheel {
  uint64_t now_ns; /* the latest that it was told of */
  uint64_t tick;   /* all slots before it are empty; at most that of now_ns */
  uint64_t occupied[LEVELS];
  uint32_t first[CHAINS]; /* places; of an empty one NO_PLACE */
  uint32_t used;          /* places below were armed before */
  uint32_t count;
  uint32_t slab_count;
  hf_allocator allocator;
  /* Each has twice as many places as the one before; none ever moves. */
  entry *slabs[MOST_SLABS];
};

/* Places ------------------------------------------------------------------- */

static uint32_t slab_places(uint32_t slab) {
  return UINT32_C(1) << (FIRST_SLAB_BITS + slab);
}

/* Before each slab there are as many places as it has, but for those of one first slab: counted
 * from there, a place's highest bit says which slab it is in. */
static entry *entry_at(const hf_timer_wheel *wheel, uint32_t place) {
  uint32_t counted = place + slab_places(0);
  uint32_t slab = 31 - FIRST_SLAB_BITS - (uint32_t)__builtin_clz(counted);
  return &wheel->slabs[slab][counted - slab_places(slab)];
}

static bool has_unused_place(const hf_timer_wheel *wheel) {
  return wheel->used + slab_places(0) < slab_places(wheel->slab_count);
}

static bool add_slab(hf_timer_wheel *wheel) {
  if (wheel->slab_count == MOST_SLABS) {
    return false;
  }
  const hf_allocator *from = &wheel->allocator;
  size_t bytes = slab_places(wheel->slab_count) * sizeof(entry);
  entry *slab = from->allocate(from->context, bytes, _Alignof(entry));
  if (slab == NULL) {
    return false;
  }
  wheel->slabs[wheel->slab_count++] = slab;
  return true;
}

/* NO_PLACE: there is no memory. */
static uint32_t take_place(hf_timer_wheel *wheel) {
  uint32_t place = wheel->first[FREE];
  if (place != NO_PLACE) {
    wheel->first[FREE] = entry_at(wheel, place)->next;
    return place;
  }
  if (!has_unused_place(wheel) && !add_slab(wheel)) {
    return NO_PLACE;
  }
  place = wheel->used++;
  entry_at(wheel, place)->generation = 0;
  return place;
}

static void give_place(hf_timer_wheel *wheel, uint32_t place) {
  entry *given = entry_at(wheel, place);
  given->generation++;
  given->chain = FREE;
  given->next = wheel->first[FREE];
  wheel->first[FREE] = place;
}

/* Chains ------------------------------------------------------------------- */

static void set_first(hf_timer_wheel *wheel, uint32_t chain, uint32_t place) {
  wheel->first[chain] = place;
  if (chain >= DUE) {
    return;
  }
  uint64_t bit = UINT64_C(1) << (chain & (SLOTS - 1));
  if (place == NO_PLACE) {
    wheel->occupied[chain >> LEVEL_BITS] &= ~bit;
  } else {
    wheel->occupied[chain >> LEVEL_BITS] |= bit;
  }
}

static void link_in(hf_timer_wheel *wheel, uint32_t chain, uint32_t place) {
  entry *linked = entry_at(wheel, place);
  linked->chain = chain;
  linked->previous = NO_PLACE;
  linked->next = wheel->first[chain];
  if (linked->next != NO_PLACE) {
    entry_at(wheel, linked->next)->previous = place;
  }
  set_first(wheel, chain, place);
}

static void take_out(hf_timer_wheel *wheel, uint32_t place) {
  const entry *unlinked = entry_at(wheel, place);
  if (unlinked->next != NO_PLACE) {
    entry_at(wheel, unlinked->next)->previous = unlinked->previous;
  }
  if (unlinked->previous != NO_PLACE) {
    entry_at(wheel, unlinked->previous)->next = unlinked->next;
  } else {
    set_first(wheel, unlinked->chain, unlinked->next);
  }
}

static uint32_t chain_for(const hf_timer_wheel *wheel, uint64_t deadline_ns) {
  if (deadline_ns == UINT64_MAX) {
    return NEVER;
  }
  uint64_t tick = deadline_ns >> TICK_BITS;
  if (tick < wheel->tick) {
    tick = wheel->tick;
  }
  uint32_t level = (63 - (uint32_t)__builtin_clzll((tick ^ wheel->tick) | 1)) / LEVEL_BITS;
  uint32_t slot = (uint32_t)(tick >> level * LEVEL_BITS) & (SLOTS - 1);
  return level << LEVEL_BITS | slot;
}

/* That of the slot which begins first; CHAINS: all are empty. */
static uint32_t next_chain(const hf_timer_wheel *wheel) {
  for (uint32_t level = 0; level < LEVELS; level++) {
    if (wheel->occupied[level] != 0) {
      return level << LEVEL_BITS | (uint32_t)__builtin_ctzll(wheel->occupied[level]);
    }
  }
  return CHAINS;
}

/* The first tick of a slot that is not behind the wheel. */
static uint64_t first_tick(const hf_timer_wheel *wheel, uint32_t chain) {
  uint32_t shift = (chain >> LEVEL_BITS) * LEVEL_BITS;
  uint64_t before = wheel->tick >> shift >> LEVEL_BITS << LEVEL_BITS;
  return (before | (chain & (SLOTS - 1))) << shift;
}

/* Time --------------------------------------------------------------------- */

/* Of the slot of the wheel's tick. Whether there is one: all, if that tick is over. */
static bool gather_due(hf_timer_wheel *wheel, uint32_t chain) {
  uint32_t place = wheel->first[chain];
  while (place != NO_PLACE) {
    const entry *looked_at = entry_at(wheel, place);
    uint32_t next = looked_at->next;
    if (looked_at->deadline_ns <= wheel->now_ns) {
      take_out(wheel, place);
      link_in(wheel, DUE, place);
    }
    place = next;
  }
  return wheel->first[DUE] != NO_PLACE;
}

/* Of a slot that begins with the wheel's tick. */
static void move_down(hf_timer_wheel *wheel, uint32_t chain) {
  uint32_t place = wheel->first[chain];
  set_first(wheel, chain, NO_PLACE);
  while (place != NO_PLACE) {
    const entry *moved = entry_at(wheel, place);
    uint32_t next = moved->next;
    link_in(wheel, chain_for(wheel, moved->deadline_ns), place);
    place = next;
  }
}

/* Moves the wheel on until something is due, or to the present. */
static bool advance(hf_timer_wheel *wheel) {
  uint64_t now_tick = wheel->now_ns >> TICK_BITS;
  for (;;) {
    uint32_t chain = next_chain(wheel);
    if (chain == CHAINS || first_tick(wheel, chain) > now_tick) {
      wheel->tick = now_tick;
      return false;
    }
    wheel->tick = first_tick(wheel, chain);
    if (chain < SLOTS) {
      return gather_due(wheel, chain);
    }
    move_down(wheel, chain);
  }
}

bool hf_timer_wheel_expire(hf_timer_wheel *wheel, uint64_t now_ns, void **data) {
  if (now_ns < wheel->now_ns) {
    return false;
  }
  wheel->now_ns = now_ns;
  if (wheel->first[DUE] == NO_PLACE && !advance(wheel)) {
    return false;
  }
  uint32_t place = wheel->first[DUE];
  *data = entry_at(wheel, place)->data;
  take_out(wheel, place);
  give_place(wheel, place);
  wheel->count--;
  return true;
}

uint64_t hf_timer_wheel_next_ns(const hf_timer_wheel *wheel) {
  if (wheel->first[DUE] != NO_PLACE) {
    return wheel->now_ns;
  }
  uint32_t chain = next_chain(wheel);
  uint64_t earliest_ns = UINT64_MAX;
  uint32_t place = chain == CHAINS ? NO_PLACE : wheel->first[chain];
  while (place != NO_PLACE) {
    const entry *looked_at = entry_at(wheel, place);
    if (looked_at->deadline_ns < earliest_ns) {
      earliest_ns = looked_at->deadline_ns;
    }
    place = looked_at->next;
  }
  return earliest_ns > wheel->now_ns ? earliest_ns : wheel->now_ns;
}

/* Arming ------------------------------------------------------------------- */

hf_status hf_timer_wheel_arm(hf_timer_wheel *wheel, uint64_t deadline_ns, void *data,
                             hf_timer *timer) {
  uint32_t place = take_place(wheel);
  if (place == NO_PLACE) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  entry *armed = entry_at(wheel, place);
  armed->deadline_ns = deadline_ns;
  armed->data = data;
  link_in(wheel, chain_for(wheel, deadline_ns), place);
  wheel->count++;
  timer->id = (uint64_t)armed->generation << 32 | (place + 1);
  return HF_OK;
}

/* NO_PLACE: it is not armed. */
static uint32_t place_of(const hf_timer_wheel *wheel, hf_timer timer) {
  uint32_t place = (uint32_t)timer.id - 1;
  if (place >= wheel->used) {
    return NO_PLACE;
  }
  const entry *found = entry_at(wheel, place);
  bool armed = found->chain != FREE && found->generation == timer.id >> 32;
  return armed ? place : NO_PLACE;
}

bool hf_timer_wheel_disarm(hf_timer_wheel *wheel, hf_timer timer, void **data) {
  uint32_t place = place_of(wheel, timer);
  if (place == NO_PLACE) {
    return false;
  }
  if (data != NULL) {
    *data = entry_at(wheel, place)->data;
  }
  take_out(wheel, place);
  give_place(wheel, place);
  wheel->count--;
  return true;
}

size_t hf_timer_wheel_count(const hf_timer_wheel *wheel) {
  return wheel->count;
}

/* Life --------------------------------------------------------------------- */

hf_status hf_timer_wheel_create(uint64_t now_ns, const hf_allocator *allocator,
                                hf_timer_wheel **wheel) {
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  hf_timer_wheel *made =
      from->allocate(from->context, sizeof(hf_timer_wheel), _Alignof(hf_timer_wheel));
  if (made == NULL) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  *made = (hf_timer_wheel){
      .now_ns = now_ns,
      .tick = now_ns >> TICK_BITS,
      .allocator = *from,
  };
  for (uint32_t chain = 0; chain < CHAINS; chain++) {
    made->first[chain] = NO_PLACE;
  }
  *wheel = made;
  return HF_OK;
}

void hf_timer_wheel_destroy(hf_timer_wheel *wheel) {
  if (wheel == NULL) {
    return;
  }
  hf_allocator from = wheel->allocator;
  for (uint32_t slab = 0; slab < wheel->slab_count; slab++) {
    from.deallocate(from.context, wheel->slabs[slab], slab_places(slab) * sizeof(entry),
                    _Alignof(entry));
  }
  from.deallocate(from.context, wheel, sizeof *wheel, _Alignof(hf_timer_wheel));
}
