/*
 * Timers: 10,000 calls are under way, each with a time-out; one of them ends, and another begins.
 * None ever takes too long.
 */
#include "bench_harness.h"
#include "timer_heap.h"

#include <holdfast/timer.h>

#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 1 << 18, CALLS = 10000, NS_PER_CALL = 1000 };

/* What happens in an operation, drawn beforehand. */
typedef struct draw {
  uint32_t call; /* that ends */
  uint64_t timeout_ns;
} draw;

typedef struct calls {
  draw draws[OPERATIONS];
  hf_timer_wheel *wheel;
  uint64_t wheel_now_ns;
  hf_timer in_wheel[CALLS];
  timer_heap *heap;
  uint64_t heap_now_ns;
  uint32_t in_heap[CALLS];
} calls;

static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static void tear_down(void *data) {
  calls *c = data;
  hf_timer_wheel_destroy(c->wheel);
  timer_heap_destroy(c->heap);
  free(c);
}

static void arm_in_wheel(calls *c, uint32_t call, uint64_t timeout_ns) {
  if (hf_timer_wheel_arm(c->wheel, c->wheel_now_ns + timeout_ns, &c->in_wheel[call],
                         &c->in_wheel[call]) != HF_OK) {
    fprintf(stderr, "bench: a timer cannot be armed\n");
    exit(1);
  }
}

static void arm_in_heap(calls *c, uint32_t call, uint64_t timeout_ns) {
  c->in_heap[call] = timer_heap_arm(c->heap, c->heap_now_ns + timeout_ns, &c->in_heap[call]);
}

static void *set_up(const void *parameter) {
  (void)parameter;
  calls *c = calloc(1, sizeof *c);
  if (c == NULL) {
    return NULL;
  }
  c->heap = timer_heap_create(CALLS);
  hf_allocator counted = bench_allocator();
  if (c->heap == NULL || hf_timer_wheel_create(0, &counted, &c->wheel) != HF_OK) {
    fprintf(stderr, "bench: no memory for timers\n");
    tear_down(c);
    return NULL;
  }
  uint64_t random = 1;
  for (size_t i = 0; i < OPERATIONS; i++) {
    /* 1 to 61 s: whoever is drawn is so some 10 ms after it was last. */
    c->draws[i] = (draw){(uint32_t)(next_random(&random) % CALLS),
                         UINT64_C(1000000000) + next_random(&random) % UINT64_C(60000000000)};
  }
  for (uint32_t i = 0; i < CALLS; i++) {
    arm_in_wheel(c, i, c->draws[i].timeout_ns);
    arm_in_heap(c, i, c->draws[i].timeout_ns);
  }
  return c;
}

/* Both return a sum of which timers they disarmed. */

static uint64_t run_wheel(void *data, size_t part) {
  (void)part;
  calls *c = data;
  uint64_t sum = 0;
  void *found = NULL;
  for (size_t i = 0; i < OPERATIONS; i++) {
    c->wheel_now_ns += NS_PER_CALL;
    uint32_t call = c->draws[i].call;
    if (hf_timer_wheel_disarm(c->wheel, c->in_wheel[call], &found)) {
      sum += i * (uint64_t)((hf_timer *)found - c->in_wheel);
    }
    arm_in_wheel(c, call, c->draws[i].timeout_ns);
  }
  /* Whoever watches the clock comes by. */
  sum += hf_timer_wheel_expire(c->wheel, c->wheel_now_ns, &found);
  return sum;
}

static uint64_t run_heap(void *data, size_t part) {
  (void)part;
  calls *c = data;
  uint64_t sum = 0;
  for (size_t i = 0; i < OPERATIONS; i++) {
    c->heap_now_ns += NS_PER_CALL;
    uint32_t call = c->draws[i].call;
    const uint32_t *found = timer_heap_disarm(c->heap, c->in_heap[call]);
    sum += i * (uint64_t)(found - c->in_heap);
    arm_in_heap(c, call, c->draws[i].timeout_ns);
  }
  return sum;
}

static const bench_row rows[] = {{
    .name = "timer/arm-disarm",
    .set_up = set_up,
    .run = run_wheel,
    .reference = "a binary heap",
    .run_reference = run_heap,
    .tear_down = tear_down,
    .operations = OPERATIONS,
    .allocates_nothing = true,
}};
BENCH_ROWS(rows)
