#include "timer.h"

#include <string.h>

enum { DUE = HF__REDIS_SLOTS }; /* the slot of what is about to be called */

void hf__redis_wheel_init(hf__redis_wheel *wheel, uint64_t now_ns) {
  memset(wheel, 0, sizeof *wheel);
  wheel->tick = now_ns >> HF__REDIS_TICK_BITS;
}

void hf__redis_timer_init(hf__redis_timer *timer, void (*due)(hf__redis_timer *timer)) {
  memset(timer, 0, sizeof *timer);
  timer->due = due;
}

static void link_in(hf__redis_timer *timer, hf__redis_timer **head, uint32_t slot) {
  timer->next = *head;
  if (timer->next != NULL) {
    timer->next->place = &timer->next;
  }
  timer->place = head;
  timer->slot = slot;
  *head = timer;
}

static void link_out(hf__redis_timer *timer) {
  *timer->place = timer->next;
  if (timer->next != NULL) {
    timer->next->place = timer->place;
  }
  timer->place = NULL;
  timer->next = NULL;
}

void hf__redis_timer_set(hf__redis_timer *timer, hf__redis_wheel *wheel, uint64_t at_ns) {
  hf__redis_timer_stop(timer, wheel);
  uint64_t within = at_ns & ((UINT64_C(1) << HF__REDIS_TICK_BITS) - 1);
  timer->tick = (at_ns >> HF__REDIS_TICK_BITS) + (within != 0);
  uint64_t tick = timer->tick < wheel->tick ? wheel->tick : timer->tick;
  uint32_t slot = (uint32_t)(tick % HF__REDIS_SLOTS);
  link_in(timer, &wheel->slots[slot], slot);
  wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
}

void hf__redis_timer_stop(hf__redis_timer *timer, hf__redis_wheel *wheel) {
  if (timer->place == NULL) {
    return;
  }
  uint32_t slot = timer->slot;
  link_out(timer);
  if (slot != DUE && wheel->slots[slot] == NULL) {
    wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
  }
}

/* What is due is taken out first: a call may set and stop any timer, of this slot too. */
static void run_slot(hf__redis_wheel *wheel, uint32_t slot, uint64_t now) {
  hf__redis_timer *due = NULL;
  hf__redis_timer *timer = wheel->slots[slot];
  while (timer != NULL) {
    hf__redis_timer *next = timer->next;
    if (timer->tick <= now) {
      link_out(timer);
      link_in(timer, &due, DUE);
    }
    timer = next;
  }
  if (wheel->slots[slot] == NULL) {
    wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
  }
  while (due != NULL) {
    timer = due;
    link_out(timer);
    timer->due(timer);
  }
}

/* How many slots from `slot` on are empty, at most a turn. */
static uint32_t empty_from(const hf__redis_wheel *wheel, uint32_t slot) {
  uint32_t passed = 0;
  while (passed < HF__REDIS_SLOTS) {
    uint32_t at = (slot + passed) % HF__REDIS_SLOTS;
    uint64_t word = wheel->occupied[at / 64] >> at % 64;
    if (word != 0) {
      return passed + (uint32_t)__builtin_ctzll(word);
    }
    passed += 64 - at % 64;
  }
  return HF__REDIS_SLOTS;
}

void hf__redis_wheel_run(hf__redis_wheel *wheel, uint64_t now_ns) {
  uint64_t now = now_ns >> HF__REDIS_TICK_BITS;
  if (now < wheel->tick) {
    return;
  }
  uint64_t first = wheel->tick;
  uint64_t ticks = now - first + 1;
  if (ticks > HF__REDIS_SLOTS) {
    ticks = HF__REDIS_SLOTS;
  }
  /* First, so that what is set meanwhile for now lies ahead of the wheel, not behind it. */
  wheel->tick = now + 1;
  uint64_t passed = 0;
  for (;;) {
    uint32_t slot = (uint32_t)((first + passed) % HF__REDIS_SLOTS);
    passed += empty_from(wheel, slot);
    if (passed >= ticks) {
      return;
    }
    run_slot(wheel, (uint32_t)((first + passed) % HF__REDIS_SLOTS), now);
    passed++;
  }
}

uint64_t hf__redis_wheel_wait_ns(const hf__redis_wheel *wheel, uint64_t now_ns) {
  uint32_t empty = empty_from(wheel, (uint32_t)(wheel->tick % HF__REDIS_SLOTS));
  if (empty == HF__REDIS_SLOTS) {
    return UINT64_MAX;
  }
  uint64_t at_ns = (wheel->tick + empty) << HF__REDIS_TICK_BITS;
  return at_ns > now_ns ? at_ns - now_ns : 0;
}
