/*
 * The loop: one thread, which waits with poll(2) for what its links wait for.
 *
 * Everything of a link belongs to this thread, but for what loop.c hands over under the loop's
 * lock: requests, in the order in which they were given, and links that want attention because they
 * were opened, closed or broken. So no call of a user ever comes between two steps of a link, and
 * the calls that callbacks make are handed over like any other.
 *
 * With one exception: while the thread sleeps it touches nothing, and whoever has the lock may act
 * in its place. hf_redis_link_send() does, where nothing is under way: to wake a thread that then
 * sends takes longer than to send.
 */
#ifndef HF_REDIS_LOOP_H
#define HF_REDIS_LOOP_H

#include "holdfast_redis.h"
#include "request.h"
#include "timer.h"

#include <poll.h>
#include <pthread.h>

HF_REDIS_BEGIN_NONNULL

enum { HF__REDIS_READ_BYTES = 64 * 1024 };

struct hf_redis_loop {
  pthread_mutex_t lock;
  pthread_t thread;
  int wake_reader;
  int wake_writer; /* the same, where there is an eventfd */

  /* Guarded by `lock`. */
  hf__redis_node *HF_REDIS_NULLABLE first_handed; /* linked by `next` */
  hf__redis_node *HF_REDIS_NULLABLE last_handed;
  hf_redis_link *HF_REDIS_NULLABLE attention; /* linked by `next_of_attention` */
  bool sleeps;       /* in poll, or about to: who hands something over must wake it */
  uint64_t wakes_ns; /* `sleeps`: when it wakes by itself at the latest; UINT64_MAX: never */
  bool is_stopping;
  bool stops_itself; /* nobody waits for the thread */

  /* The thread's own. */
  uint64_t now_ns; /* CLOCK_MONOTONIC, since poll returned */
  uint64_t random;
  hf__redis_wheel wheel;
  hf_redis_link *HF_REDIS_NULLABLE links;
  hf_redis_link *HF_REDIS_NULLABLE ended; /* by hf_redis_loop_stop(): freed at the end */
  char *HF_REDIS_NULLABLE read_buffer;    /* HF__REDIS_READ_BYTES; freed when nothing happens */
  struct pollfd *HF_REDIS_NULLABLE polled;
  size_t polled_capacity;
  uint64_t busy_ns; /* when something came last */
  bool is_trimmed;  /* and since then memory was given back */
  bool is_busy;     /* a link has more to do than one round allowed */
};

/* Hands a link over for attention; its flags say why. The lock is held; true: wake the loop when it
 * is not any more. */
bool hf__redis_loop_hand_link(hf_redis_loop *loop, hf_redis_link *link);

/* The same for a request. */
bool hf__redis_loop_hand_node(hf_redis_loop *loop, hf__redis_node *node);

void hf__redis_loop_wake(hf_redis_loop *loop);

/* CLOCK_MONOTONIC, in ns. */
uint64_t hf__redis_loop_clock(void);

/* An even number out of `from`..`to`. The thread's own. */
uint64_t hf__redis_loop_random(hf_redis_loop *loop, uint64_t from, uint64_t to);

HF_REDIS_END_NONNULL

#endif
