/*
 * Timers: an intrusive hashed wheel (Varghese and Lauck, 1987, scheme 6). Adding and removing cost
 * O(1). A slot is one tick; a timer that is more than a turn of the wheel ahead is passed over
 * until its turn comes.
 *
 * A timer is due at the first tick that is not before it, never earlier. Not safe between threads.
 */
#ifndef HF_REDIS_TIMER_H
#define HF_REDIS_TIMER_H

#include "holdfast_redis.h"

HF_REDIS_BEGIN_NONNULL

enum {
  HF__REDIS_TICK_BITS = 22, /* a tick is 2^22 ns, about 4.2 ms */
  HF__REDIS_SLOTS = 1024,   /* a turn is about 4.3 s */
};

typedef struct hf__redis_timer {
  struct hf__redis_timer *HF_REDIS_NULLABLE next;
  /* What points to this one; NULL: it is not in a wheel. */
  struct hf__redis_timer *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE place;
  uint64_t tick;
  uint32_t slot;
  /* Called by hf__redis_wheel_run(); it may add and remove timers, this one too. */
  void (*due)(struct hf__redis_timer *timer);
} hf__redis_timer;

typedef struct hf__redis_wheel {
  uint64_t tick; /* the next one to be looked at */
  uint64_t occupied[HF__REDIS_SLOTS / 64];
  hf__redis_timer *HF_REDIS_NULLABLE slots[HF__REDIS_SLOTS];
} hf__redis_wheel;

void hf__redis_wheel_init(hf__redis_wheel *wheel, uint64_t now_ns);

void hf__redis_timer_init(hf__redis_timer *timer, void (*due)(hf__redis_timer *timer));

/* Sets it, anew if it was set. */
void hf__redis_timer_set(hf__redis_timer *timer, hf__redis_wheel *wheel, uint64_t at_ns);

/* Not set: nothing. */
void hf__redis_timer_stop(hf__redis_timer *timer, hf__redis_wheel *wheel);

static inline bool hf__redis_timer_is_set(const hf__redis_timer *timer) {
  return timer->place != NULL;
}

/* Calls what is due. */
void hf__redis_wheel_run(hf__redis_wheel *wheel, uint64_t now_ns);

/* How long nothing can be due, in ns: up to the next slot with a timer, UINT64_MAX if there is
 * none. */
uint64_t hf__redis_wheel_wait_ns(const hf__redis_wheel *wheel, uint64_t now_ns);

/* `a + b`, at most UINT64_MAX. */
static inline uint64_t hf__redis_add_time(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

HF_REDIS_END_NONNULL

#endif
