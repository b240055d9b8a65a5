/*
 * How a link connects: it opens a stream, sends the greeting, and is up when each reply to it is in
 * order. What fails is tried again after a while, which doubles with each failure in a row and is
 * drawn evenly from half of it to all of it, so that many clients do not come back at once ("equal
 * jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * A connection that is lost is made again at once, if it was of use: a request was replied to, with
 * something else than a fault, or it lasted. Otherwise a server that accepts, greets and hangs up
 * would be asked without a pause.
 */
#include "link.h"

#include <stdio.h>
#include <string.h>

static hf_redis_link *link_of_timer(hf__redis_timer *timer) {
  return (hf_redis_link *)(void *)((char *)timer - offsetof(hf_redis_link, timer));
}

static hf_redis_link *link_of_silence(hf__redis_timer *timer) {
  return (hf_redis_link *)(void *)((char *)timer - offsetof(hf_redis_link, silence));
}

static uint64_t backoff(hf_redis_link *link) {
  if (link->failures == 0) {
    return 0;
  }
  uint64_t wait = link->backoff_ns;
  for (uint32_t failure = 1; failure < link->failures && wait < link->backoff_most_ns; failure++) {
    wait = hf__redis_add_time(wait, wait);
  }
  if (wait > link->backoff_most_ns) {
    wait = link->backoff_most_ns;
  }
  return hf__redis_loop_random(link->loop, wait - wait / 2, wait);
}

static void come_up(hf_redis_link *link) {
  hf__redis_timer_stop(&link->timer, &link->loop->wheel);
  link->phase = HF__REDIS_UP;
  link->connection++;
  link->is_proven = false;
  link->up_since_ns = link->loop->now_ns;
  hf__redis_count(&link->connections, 1);
  hf__redis_link_tell(link, HF_REDIS_UP, "");
}

/* Down again ---------------------------------------------------------------- */

static void count_loss(hf_redis_link *link) {
  uint64_t lasted_ns = link->loop->now_ns - link->up_since_ns;
  hf__redis_count(&link->losses, 1);
  if (link->is_proven || lasted_ns >= link->backoff_most_ns) {
    link->failures = 0;
  } else {
    link->failures++;
  }
}

/* `is_refused`: the server said no to the greeting, and so to all that waits. */
static void go_down(hf_redis_link *link, hf_redis_outcome front, const char *reason,
                    bool is_refused) {
  if (reason != link->reason) {
    snprintf(link->reason, sizeof link->reason, "%s", reason);
  }
  hf__redis_stream_destroy(link->stream);
  hf__redis_reader_destroy(link->reader);
  link->stream = NULL;
  link->reader = NULL;
  link->has_more = false;
  bool was_up = link->phase == HF__REDIS_UP;
  link->phase = HF__REDIS_DOWN;
  hf__redis_timer_stop(&link->timer, &link->loop->wheel);
  hf__redis_timer_stop(&link->silence, &link->loop->wheel);
  if (was_up) {
    count_loss(link);
  } else {
    hf__redis_count(&link->connect_failures, 1);
    link->failures++;
  }
  link->not_before_ns = hf__redis_add_time(link->loop->now_ns, backoff(link));
  hf__redis_link_take_back(link, front, link->reason);
  if (is_refused) {
    hf__redis_link_answer_waiting(link, HF_REDIS_REFUSED, link->reason);
  } else if (!was_up) {
    hf__redis_link_count_failure(link, link->reason);
  }
  hf__redis_link_tell(link, HF_REDIS_DOWN, link->reason);
}

void hf__redis_link_lose(hf_redis_link *link, hf_redis_outcome front, const char *reason) {
  go_down(link, front, reason, false);
}

/* Up ------------------------------------------------------------------------ */

void hf__redis_link_want(hf_redis_link *link) {
  if (hf__redis_timer_is_set(&link->timer) ||
      (link->mends_on_demand && link->waiting.first == NULL)) {
    return;
  }
  if (link->not_before_ns > link->loop->now_ns) {
    hf__redis_timer_set(&link->timer, &link->loop->wheel, link->not_before_ns);
  } else {
    hf__redis_link_connect(link);
  }
}

void hf__redis_link_connect(hf_redis_link *link) {
  uint64_t now = link->loop->now_ns;
  link->phase = HF__REDIS_OPENING;
  link->enqueued = 0;
  link->written = 0;
  link->is_blocked = false;
  hf__redis_timer_set(&link->timer, &link->loop->wheel,
                      hf__redis_add_time(now, link->connect_timeout_ns));
  hf__redis_link_tell(link, HF_REDIS_CONNECTING, "");
  link->reader = hf__redis_reader_create(link->most_reply_bytes);
  link->stream = hf__redis_stream_create(link->target);
  if (link->reader == NULL || link->stream == NULL) {
    hf__redis_link_lose(link, HF_REDIS_LOST, "there was no memory");
    return;
  }
  hf__redis_link_advance(link);
}

void hf__redis_link_advance(hf_redis_link *link) {
  switch (hf__redis_stream_advance(link->stream)) {
  case HF__REDIS_PENDING:
    return;
  case HF__REDIS_FAILED:
    hf__redis_link_lose(link, HF_REDIS_LOST, hf__redis_stream_reason(link->stream));
    return;
  case HF__REDIS_READY:
    link->phase = HF__REDIS_GREETING;
    if (link->greeting == NULL) {
      come_up(link);
    }
    return;
  }
}

/* Errors of a server that is there, and would say something else later. */
static bool is_passing(const char *text, size_t length) {
  static const char *const beginnings[] = {
      "ERR max number of clients", "LOADING ", "BUSY ", "MASTERDOWN ", "TRYAGAIN ", "CLUSTERDOWN "};
  for (size_t index = 0; index < sizeof beginnings / sizeof beginnings[0]; index++) {
    size_t beginning = strlen(beginnings[index]);
    if (length >= beginning && memcmp(text, beginnings[index], beginning) == 0) {
      return true;
    }
  }
  return false;
}

static const hf_redis_reply *first_fault(const hf__redis_node *greeting) {
  for (uint32_t index = 0; index < greeting->gathered; index++) {
    if (greeting->replies[index]->kind == HF_REDIS_FAULT) {
      return greeting->replies[index];
    }
  }
  return NULL;
}

void hf__redis_link_greeted(hf_redis_link *link) {
  const hf_redis_reply *fault = first_fault(link->greeting);
  if (fault == NULL) {
    hf__redis_node_drop_replies(link->greeting);
    come_up(link);
    return;
  }
  int shown = fault->length < sizeof link->reason ? (int)fault->length : (int)sizeof link->reason;
  snprintf(link->reason, sizeof link->reason, "%.*s", shown, fault->bytes);
  bool is_refused = !is_passing(fault->bytes, fault->length);
  hf__redis_node_drop_replies(link->greeting);
  go_down(link, HF_REDIS_LOST, link->reason, is_refused);
}

/* Timers -------------------------------------------------------------------- */

void hf__redis_link_due(hf__redis_timer *timer) {
  hf_redis_link *link = link_of_timer(timer);
  char reason[HF_REDIS_MESSAGE_BYTES];
  double seconds = (double)link->connect_timeout_ns / 1e9;
  switch (link->phase) {
  case HF__REDIS_DOWN:
    hf__redis_link_want(link);
    return;
  case HF__REDIS_OPENING:
    snprintf(reason, sizeof reason, "no connection within %.3g s", seconds);
    break;
  case HF__REDIS_GREETING:
    snprintf(reason, sizeof reason, "connected, but not greeted within %.3g s", seconds);
    break;
  case HF__REDIS_UP:
  case HF__REDIS_ENDED:
    return;
  }
  hf__redis_link_lose(link, HF_REDIS_LOST, reason);
}

void hf__redis_link_silence_due(hf__redis_timer *timer) {
  hf_redis_link *link = link_of_silence(timer);
  if (link->phase != HF__REDIS_UP || hf__redis_count_under_way(link) == 0) {
    return;
  }
  uint64_t end_ns = hf__redis_add_time(link->heard_ns, link->silence_timeout_ns);
  if (end_ns > link->loop->now_ns) {
    hf__redis_timer_set(&link->silence, &link->loop->wheel, end_ns);
    return;
  }
  char reason[HF_REDIS_MESSAGE_BYTES];
  snprintf(reason, sizeof reason, "replies were due, and nothing came for %.3g s",
           (double)link->silence_timeout_ns / 1e9);
  hf__redis_link_lose(link, HF_REDIS_LOST, reason);
}
