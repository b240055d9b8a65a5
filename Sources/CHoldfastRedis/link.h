/*
 * What a link is made of. Its life and the public calls are in link.c, how it connects in
 * link_connect.c, what it sends and hears in link_queue.c.
 *
 *     DOWN ──▶ OPENING ──▶ GREETING ──▶ UP
 *       ▲         │            │         │
 *       └─────────┴────────────┴─────────┘        ENDED: from any, by close or stop
 *
 * A request is in one of three places: in `waiting`; in `resting`, until it is sent again; or under
 * way: in the ring `under_way`, in the order in which the replies come. Each entry of the ring is a
 * request or, where that was answered before its replies came, the number of replies to swallow.
 *
 * `enqueued` and `written` count the bytes of the connection that is up: those that were put into
 * `out`, and those that the socket has taken. A request none of whose bytes were taken never
 * reached the server, and waits on when the connection is lost.
 */
#ifndef HF_REDIS_LINK_H
#define HF_REDIS_LINK_H

#include "holdfast_redis.h"
#include "loop.h"
#include "reply.h"
#include "request.h"
#include "stream.h"
#include "timer.h"

#include <stdatomic.h>

HF_REDIS_BEGIN_NONNULL

enum { HF__REDIS_OUT_BYTES = 64 * 1024 };

typedef enum hf__redis_phase {
  HF__REDIS_DOWN,
  HF__REDIS_OPENING,
  HF__REDIS_GREETING,
  HF__REDIS_UP,
  HF__REDIS_ENDED,
} hf__redis_phase;

/* Only the loop's thread writes it; it is read by any. */
typedef atomic_uint_least64_t hf__redis_figure;

/* A ring entry: the address of a node, or 2 * replies + 1. */
typedef uintptr_t hf__redis_entry;

struct hf_redis_link {
  hf_redis_loop *loop;
  hf_redis_callbacks callbacks;
  hf__redis_target *target;
  hf__redis_node *HF_REDIS_NULLABLE greeting; /* sent anew on each connection */
  uint64_t connect_timeout_ns;
  uint64_t silence_timeout_ns;
  uint64_t backoff_ns;
  uint64_t backoff_most_ns;
  size_t most_requests;
  size_t most_request_bytes;
  size_t most_reply_bytes;
  bool pushes;
  bool mends_on_demand;
  bool is_secure;

  /* Guarded by the loop's lock. */
  hf_redis_link *HF_REDIS_NULLABLE next_of_attention;
  bool has_attention; /* is in that list */
  bool is_new;
  bool is_broken;
  bool is_closed;
  uint64_t accepted;
  uint64_t accepted_bytes;

  /* The loop's thread's own. */
  hf_redis_link *HF_REDIS_NULLABLE next;
  bool is_ending; /* was closed, and all that it was given before is here */
  hf__redis_phase phase;
  hf__redis_timer timer;   /* DOWN: when to connect; OPENING, GREETING: when that took too long */
  hf__redis_timer silence; /* set while replies are due, and up to once longer */
  uint64_t heard_ns;       /* when something came last, or was first due */
  uint64_t up_since_ns;
  uint64_t connection;    /* how many came up: the number of the last one */
  uint64_t not_before_ns; /* DOWN: when it may connect */
  uint32_t failures;      /* to connect, in a row; a connection that was of no use counts as one */
  bool is_proven;         /* the connection that is up: a reply came, and was no fault */
  bool has_more;          /* there may be more to read than one round allowed */
  bool is_blocked;        /* the socket takes nothing at the moment */
  size_t poll_index;      /* in the loop's `polled`; 0: none */
  char reason[HF_REDIS_MESSAGE_BYTES]; /* why it is not up, or was not; "": it never was tried */

  hf__redis_stream *HF_REDIS_NULLABLE stream;
  hf__redis_reader *HF_REDIS_NULLABLE reader;

  hf__redis_list waiting;
  hf__redis_list resting;

  hf__redis_entry *HF_REDIS_NULLABLE under_way; /* `under_way_capacity`, a power of two, or 0 */
  size_t under_way_capacity;
  uint64_t under_way_first; /* places: the entry of place p is at p modulo the capacity */
  uint64_t under_way_end;

  char *HF_REDIS_NULLABLE out; /* HF__REDIS_OUT_BYTES; freed when nothing happens */
  size_t out_first;
  size_t out_end;
  hf__redis_node *HF_REDIS_NULLABLE copying; /* some of its bytes are still to be put into `out` */
  size_t copied;                             /* how many were */
  uint64_t enqueued;
  uint64_t written;

  hf__redis_figure connections;
  hf__redis_figure connect_failures;
  hf__redis_figure losses;
  hf__redis_figure replied;
  hf__redis_figure retries;
  hf__redis_figure expired;
  hf__redis_figure late_replies;
  hf__redis_figure bytes_sent;
  hf__redis_figure bytes_received;
  hf__redis_figure answered;
  hf__redis_figure answered_bytes;
};

static inline void hf__redis_count(hf__redis_figure *figure, uint64_t number) {
  uint64_t before = atomic_load_explicit(figure, memory_order_relaxed);
  atomic_store_explicit(figure, before + number, memory_order_relaxed);
}

static inline uint64_t hf__redis_read(hf__redis_figure *figure) {
  return atomic_load_explicit(figure, memory_order_relaxed);
}

static inline size_t hf__redis_count_under_way(const hf_redis_link *link) {
  return (size_t)(link->under_way_end - link->under_way_first);
}

/* link.c: of the loop's thread ------------------------------------------------ */

/* A link that was broken or closed. True: it has ended. */
bool hf__redis_link_attend(hf_redis_link *link, bool is_broken, bool is_closed);

void hf__redis_link_end(hf_redis_link *link);
void hf__redis_link_free(hf_redis_link *link);

/* What to wait for with poll(2); `descriptor` -1: nothing. */
short hf__redis_link_events(const hf_redis_link *link, int *descriptor);

/* What poll(2) says. */
void hf__redis_link_handle(hf_redis_link *link, short events);

/* Once in each round: connects where that is wanted, and sends what waits. */
void hf__redis_link_work(hf_redis_link *link);

/* Gives back what is only needed while something happens. */
void hf__redis_link_trim(hf_redis_link *link);

void hf__redis_link_tell(hf_redis_link *link, hf_redis_state state, const char *reason);

/* link_connect.c -------------------------------------------------------------- */

/* DOWN: begins to connect. */
void hf__redis_link_connect(hf_redis_link *link);

/* DOWN: connects if there is reason to and nothing is set. */
void hf__redis_link_want(hf_redis_link *link);

/* OPENING: goes on. */
void hf__redis_link_advance(hf_redis_link *link);

/* GREETING: all replies to the greeting are there. */
void hf__redis_link_greeted(hf_redis_link *link);

/* UP, OPENING or GREETING: the connection failed or was lost. `front`: what that is for the request
 * whose reply was to come next. */
void hf__redis_link_lose(hf_redis_link *link, hf_redis_outcome front, const char *reason);

/* The link's timer, and that for silence. */
void hf__redis_link_due(hf__redis_timer *timer);
void hf__redis_link_silence_due(hf__redis_timer *timer);

/* link_queue.c ---------------------------------------------------------------- */

/* Takes on what was handed over. */
void hf__redis_link_accept(hf_redis_link *link, hf__redis_node *node);

/* Sends a request at once, in the place of the loop's thread: that sleeps, and the lock is held.
 * False: nothing was done, because something else goes before it, or the thread would wake too late
 * for it. True: it is under way; `wakes`: and the loop is to be woken for the rest of it. */
bool hf__redis_link_send_now(hf_redis_link *link, hf__redis_node *node, bool *wakes);

/* Sends what can be sent. */
void hf__redis_link_flush(hf_redis_link *link);

/* Reads what there is, and answers. */
void hf__redis_link_hear(hf_redis_link *link);

/* The connection is gone: what was under way waits again, or is answered. */
void hf__redis_link_take_back(hf_redis_link *link, hf_redis_outcome front, const char *reason);

/* An attempt to connect failed: uses up one attempt of each that waits. */
void hf__redis_link_count_failure(hf_redis_link *link, const char *reason);

/* Answers all that wait, or all there are, with one outcome. */
void hf__redis_link_answer_waiting(hf_redis_link *link, hf_redis_outcome outcome,
                                   const char *reason);
void hf__redis_link_answer_all(hf_redis_link *link, hf_redis_outcome unsent, hf_redis_outcome sent,
                               const char *reason);

HF_REDIS_END_NONNULL

#endif
