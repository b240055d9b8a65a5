/*
 * What a link sends and hears: link.h has the picture.
 *
 * Whether a request may have been done: as soon as it is in the line of bytes to go out it counts
 * as sent when its time is over, because it will go. When the connection is lost it is known
 * better: what the socket never took any byte of waits on, as if it had never been in line.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_CAPACITY = 64, /* of the ring */
  MOST_ROUNDS = 8,     /* of reading, before the other links have their turn */
};

static hf__redis_node *node_of_timer(hf__redis_timer *timer) {
  return (hf__redis_node *)(void *)((char *)timer - offsetof(hf__redis_node, timer));
}

/* Entries of the ring -------------------------------------------------------- */

static hf__redis_entry entry_of_node(hf__redis_node *node) {
  return (hf__redis_entry)node;
}

static hf__redis_entry entry_of_count(uint32_t count) {
  return (hf__redis_entry)count << 1 | 1;
}

static bool is_count(hf__redis_entry entry) {
  return (entry & 1) != 0;
}

static hf__redis_node *node_of(hf__redis_entry entry) {
  return (hf__redis_node *)entry;
}

static hf__redis_entry *entry_at(const hf_redis_link *link, uint64_t place) {
  return &link->under_way[place & (link->under_way_capacity - 1)];
}

static bool has_room(hf_redis_link *link) {
  if (hf__redis_count_under_way(link) < link->under_way_capacity) {
    return true;
  }
  size_t capacity =
      link->under_way_capacity == 0 ? (size_t)FIRST_CAPACITY : link->under_way_capacity * 2;
  hf__redis_entry *grown = malloc(capacity * sizeof *grown);
  if (grown == NULL) {
    return false;
  }
  for (uint64_t place = link->under_way_first; place < link->under_way_end; place++) {
    grown[place & (capacity - 1)] = *entry_at(link, place);
  }
  free(link->under_way);
  link->under_way = grown;
  link->under_way_capacity = capacity;
  return true;
}

/* Answering ------------------------------------------------------------------ */

/* What has to be said of a request that may have been done by an earlier attempt. */
static hf_redis_outcome as_maybe_done(hf_redis_outcome outcome) {
  switch (outcome) {
  case HF_REDIS_NOT_SENT:
  case HF_REDIS_UNWANTED:
  case HF_REDIS_REFUSED:
    return HF_REDIS_LOST;
  case HF_REDIS_EXPIRED_UNSENT:
    return HF_REDIS_EXPIRED;
  case HF_REDIS_ENDED_UNSENT:
    return HF_REDIS_ENDED;
  case HF_REDIS_REPLIED:
  case HF_REDIS_EXPIRED:
  case HF_REDIS_LOST:
  case HF_REDIS_MALFORMED:
  case HF_REDIS_ENDED:
    break;
  }
  return outcome;
}

/* The request is in no list, and not in the ring. */
static void answer(hf_redis_link *link, hf__redis_node *node, hf_redis_outcome outcome,
                   const char *reason) {
  hf__redis_timer_stop(&node->timer, &link->loop->wheel);
  if (node->may_be_done) {
    outcome = as_maybe_done(outcome);
  }
  bool is_replied = outcome == HF_REDIS_REPLIED;
  if (is_replied) {
    hf__redis_count(&link->replied, 1);
  } else if (outcome == HF_REDIS_EXPIRED || outcome == HF_REDIS_EXPIRED_UNSENT) {
    hf__redis_count(&link->expired, 1);
  }
  /* Before the callback, which may want to send again. */
  hf__redis_count(&link->answered, 1);
  hf__redis_count(&link->answered_bytes, node->length);
  hf_redis_result result = {
      .outcome = outcome,
      .replies = is_replied ? (const hf_redis_reply *const *)node->replies : NULL,
      .count = is_replied ? node->gathered : 0,
      .reason = reason,
      .connection = node->sent_on,
      .attempts = node->attempts,
  };
  link->callbacks.done(link->callbacks.context, node->owner, &result);
  if (node == link->copying) {
    hf__redis_node_drop_replies(node);
    node->is_answered = true;
  } else {
    hf__redis_node_destroy(node);
  }
}

/* Its replies are swallowed when they come. */
static void detach(hf_redis_link *link, hf__redis_node *node) {
  *entry_at(link, node->place) = entry_of_count(node->commands - node->gathered);
  hf__redis_node_drop_replies(node);
}

void hf__redis_link_answer_waiting(hf_redis_link *link, hf_redis_outcome outcome,
                                   const char *reason) {
  while (link->waiting.first != NULL) {
    hf__redis_node *node = link->waiting.first;
    hf__redis_list_remove(&link->waiting, node);
    answer(link, node, outcome, reason);
  }
}

/* Waiting -------------------------------------------------------------------- */

static void set_timer(hf_redis_link *link, hf__redis_node *node, uint64_t wait_ns) {
  uint64_t at_ns = hf__redis_add_time(link->loop->now_ns, wait_ns);
  if (at_ns > node->deadline_ns) {
    at_ns = node->deadline_ns;
  }
  if (at_ns != UINT64_MAX) {
    hf__redis_timer_set(&node->timer, &link->loop->wheel, at_ns);
  } else {
    hf__redis_timer_stop(&node->timer, &link->loop->wheel);
  }
}

/* An attempt begins. The node is, or is put, into `waiting`. */
static void begin_attempt(hf_redis_link *link, hf__redis_node *node) {
  node->attempts++;
  node->stage = HF__REDIS_WAITING;
  node->waited_from = link->phase == HF__REDIS_UP ? link->connection - 1 : link->connection;
  set_timer(link, node, node->timeout_ns);
  if (node->attempts > 1) {
    hf__redis_count(&link->retries, 1);
  }
}

static bool may_try_again(const hf_redis_link *link, const hf__redis_node *node) {
  return node->is_repeatable && node->attempts < node->most_attempts &&
         link->loop->now_ns < node->deadline_ns;
}

/* Before a request is sent again on a connection that is up. */
static uint64_t rest_ns(hf_redis_link *link, const hf__redis_node *node) {
  uint64_t wait = link->backoff_ns;
  for (uint32_t attempt = 1; attempt < node->attempts && wait < link->backoff_most_ns; attempt++) {
    wait = hf__redis_add_time(wait, wait);
  }
  if (wait > link->backoff_most_ns) {
    wait = link->backoff_most_ns;
  }
  return hf__redis_loop_random(link->loop, wait - wait / 2, wait);
}

static bool can_be_sent_on(const hf_redis_link *link, uint64_t connection) {
  return connection == 0 || (link->phase == HF__REDIS_UP && link->connection == connection);
}

static void expire_waiting(hf_redis_link *link, hf__redis_node *node) {
  hf__redis_list_remove(&link->waiting, node);
  bool was_up = link->phase == HF__REDIS_UP || link->connection != node->waited_from;
  if (was_up) {
    answer(link, node, HF_REDIS_EXPIRED_UNSENT, "its time was over before it was sent");
  } else {
    answer(link, node, HF_REDIS_NOT_SENT,
           link->reason[0] != '\0' ? link->reason : "there is no connection yet");
  }
}

static void end_rest(hf_redis_link *link, hf__redis_node *node) {
  hf__redis_list_remove(&link->resting, node);
  if (link->loop->now_ns >= node->deadline_ns) {
    answer(link, node, HF_REDIS_EXPIRED, "no reply came in time");
  } else if (!can_be_sent_on(link, node->bound_to)) {
    answer(link, node, HF_REDIS_LOST, "its connection is gone");
  } else {
    begin_attempt(link, node);
    hf__redis_list_append(&link->waiting, node);
  }
}

static void expire_sent(hf_redis_link *link, hf__redis_node *node) {
  detach(link, node);
  node->may_be_done = true;
  /* One whose bytes are still being put in line cannot begin anew. */
  if (node != link->copying && may_try_again(link, node)) {
    node->stage = HF__REDIS_RESTING;
    hf__redis_list_append(&link->resting, node);
    set_timer(link, node, rest_ns(link, node));
  } else {
    answer(link, node, HF_REDIS_EXPIRED, "no reply came in time");
  }
}

static void node_due(hf__redis_timer *timer) {
  hf__redis_node *node = node_of_timer(timer);
  hf_redis_link *link = node->link;
  switch (node->stage) {
  case HF__REDIS_WAITING:
    expire_waiting(link, node);
    return;
  case HF__REDIS_RESTING:
    end_rest(link, node);
    return;
  case HF__REDIS_SENT:
    expire_sent(link, node);
    return;
  }
}

void hf__redis_link_accept(hf_redis_link *link, hf__redis_node *node) {
  hf__redis_timer_init(&node->timer, node_due);
  node->deadline_ns = hf__redis_add_time(link->loop->now_ns, node->deadline_ns);
  begin_attempt(link, node);
  if (can_be_sent_on(link, node->bound_to)) {
    hf__redis_list_append(&link->waiting, node);
  } else {
    answer(link, node, HF_REDIS_NOT_SENT, "its connection is gone");
  }
}

void hf__redis_link_count_failure(hf_redis_link *link, const char *reason) {
  hf__redis_node *node = link->waiting.first;
  while (node != NULL) {
    hf__redis_node *next = node->next;
    if (node->attempts < node->most_attempts) {
      begin_attempt(link, node);
    } else {
      hf__redis_list_remove(&link->waiting, node);
      answer(link, node, HF_REDIS_NOT_SENT, reason);
    }
    node = next;
  }
}

/* Sending -------------------------------------------------------------------- */

/* The next request to go out; NULL: none, or none may. */
static hf__redis_node *next_to_send(hf_redis_link *link) {
  if (link->phase == HF__REDIS_GREETING) {
    return link->enqueued == 0 ? link->greeting : NULL;
  }
  /* Those that were answered and not replied to count too: a server that reads, and does not reply,
   * is not given more and more. */
  if (hf__redis_count_under_way(link) >= link->most_requests) {
    return NULL;
  }
  for (;;) {
    hf__redis_node *node = link->waiting.first;
    if (node == NULL) {
      return NULL;
    }
    hf__redis_list_remove(&link->waiting, node);
    if (link->callbacks.wanted == NULL ||
        link->callbacks.wanted(link->callbacks.context, node->owner)) {
      return node;
    }
    answer(link, node, HF_REDIS_UNWANTED, "it was not wanted any more");
  }
}

static void put_under_way(hf_redis_link *link, hf__redis_node *node) {
  if (hf__redis_count_under_way(link) == 0 && !link->pushes) {
    link->heard_ns = link->loop->now_ns;
    uint64_t end_ns = hf__redis_add_time(link->heard_ns, link->silence_timeout_ns);
    if (!hf__redis_timer_is_set(&link->silence) && end_ns != UINT64_MAX) {
      hf__redis_timer_set(&link->silence, &link->loop->wheel, end_ns);
    }
  }
  node->stage = HF__REDIS_SENT;
  node->first_byte = link->enqueued;
  node->sent_on = link->phase == HF__REDIS_UP ? link->connection : 0;
  node->place = link->under_way_end;
  *entry_at(link, link->under_way_end) = entry_of_node(node);
  link->under_way_end++;
}

/* Puts bytes into `out` as long as there are some and room. False: there is no memory. */
static bool fill(hf_redis_link *link) {
  for (;;) {
    if (link->copying == NULL) {
      if (!has_room(link)) {
        return false;
      }
      hf__redis_node *node = next_to_send(link);
      if (node == NULL) {
        return true;
      }
      put_under_way(link, node);
      link->copying = node;
      link->copied = 0;
    }
    if (link->out == NULL) {
      link->out = malloc(HF__REDIS_OUT_BYTES);
      if (link->out == NULL) {
        return false;
      }
    }
    hf__redis_node *node = link->copying;
    size_t room = HF__REDIS_OUT_BYTES - link->out_end;
    size_t left = node->length - link->copied;
    size_t piece = left < room ? left : room;
    memcpy(link->out + link->out_end, node->bytes + link->copied, piece);
    link->out_end += piece;
    link->copied += piece;
    link->enqueued += piece;
    if (piece < left) {
      return true;
    }
    link->copying = NULL;
    if (node->is_answered) {
      hf__redis_node_destroy(node);
    }
    if (link->out_end == HF__REDIS_OUT_BYTES) {
      return true;
    }
  }
}

/* Whether a request may be sent by hf__redis_link_send_now(). TLS may have to read before it can
 * write, and pushes answer what they sent: both are the thread's. */
static bool can_be_sent_now(const hf_redis_link *link, const hf__redis_node *node,
                            uint64_t now_ns) {
  uint64_t wait_ns = node->timeout_ns < node->deadline_ns ? node->timeout_ns : node->deadline_ns;
  if (wait_ns > link->silence_timeout_ns) {
    wait_ns = link->silence_timeout_ns;
  }
  return link->phase == HF__REDIS_UP && !link->is_secure && !link->pushes && !link->is_blocked &&
         link->copying == NULL && link->out_first == link->out_end && link->waiting.first == NULL &&
         hf__redis_count_under_way(link) == 0 && link->under_way_capacity > 0 &&
         can_be_sent_on(link, node->bound_to) &&
         hf__redis_add_time(now_ns, wait_ns) >= link->loop->wakes_ns;
}

bool hf__redis_link_send_now(hf_redis_link *link, hf__redis_node *node, bool *wakes) {
  hf_redis_loop *loop = link->loop;
  uint64_t now_ns = hf__redis_loop_clock();
  if (!can_be_sent_now(link, node, now_ns) ||
      (link->callbacks.wanted != NULL &&
       !link->callbacks.wanted(link->callbacks.context, node->owner))) {
    return false;
  }
  loop->now_ns = now_ns;
  hf__redis_timer_init(&node->timer, node_due);
  node->deadline_ns = hf__redis_add_time(now_ns, node->deadline_ns);
  begin_attempt(link, node);
  put_under_way(link, node);
  ssize_t count = hf__redis_stream_write(link->stream, node->bytes, node->length);
  size_t taken = count > 0 ? (size_t)count : 0;
  link->enqueued += taken;
  link->written += taken;
  hf__redis_count(&link->bytes_sent, taken);
  if (taken < node->length) {
    /* Goes on as if the thread had come so far. A stream that failed says so again. */
    link->copying = node;
    link->copied = taken;
    link->is_blocked = count >= 0;
    *wakes = hf__redis_loop_hand_link(loop, link);
  }
  return true;
}

/* A link with `pushes`: what has gone out is done. */
static void answer_written(hf_redis_link *link) {
  while (hf__redis_count_under_way(link) > 0) {
    hf__redis_entry entry = *entry_at(link, link->under_way_first);
    if (is_count(entry)) {
      link->under_way_first++;
      continue;
    }
    hf__redis_node *node = node_of(entry);
    if (node->first_byte + node->length > link->written) {
      return;
    }
    link->under_way_first++;
    answer(link, node, HF_REDIS_REPLIED, "");
  }
}

void hf__redis_link_flush(hf_redis_link *link) {
  while (!link->is_blocked) {
    if (!fill(link)) {
      hf__redis_link_lose(link, HF_REDIS_LOST, "there was no memory");
      return;
    }
    size_t length = link->out_end - link->out_first;
    if (length == 0) {
      break;
    }
    ssize_t count = hf__redis_stream_write(link->stream, link->out + link->out_first, length);
    if (count < 0) {
      hf__redis_link_lose(link, HF_REDIS_LOST, hf__redis_stream_reason(link->stream));
      return;
    }
    size_t taken = (size_t)count;
    link->written += taken;
    hf__redis_count(&link->bytes_sent, taken);
    link->out_first += taken;
    if (link->out_first == link->out_end) {
      link->out_first = 0;
      link->out_end = 0;
    }
    link->is_blocked = taken < length;
    if (link->pushes && link->phase == HF__REDIS_UP) {
      answer_written(link);
    }
  }
  /* What TLS has taken and the socket has not. */
  if (link->out_end == 0 && hf__redis_stream_has_unsent(link->stream) &&
      hf__redis_stream_advance(link->stream) == HF__REDIS_FAILED) {
    hf__redis_link_lose(link, HF_REDIS_LOST, hf__redis_stream_reason(link->stream));
  }
}

/* Hearing -------------------------------------------------------------------- */

static bool lose_unasked(hf_redis_link *link, hf_redis_reply *reply) {
  char reason[HF_REDIS_MESSAGE_BYTES] = "a reply came that nothing had asked for";
  /* Such as: too many clients; and then it hangs up. */
  if (reply->kind == HF_REDIS_FAULT) {
    size_t length = reply->length < sizeof reason - 1 ? reply->length : sizeof reason - 1;
    memcpy(reason, reply->bytes, length);
    reason[length] = '\0';
  }
  hf__redis_reply_destroy(reply);
  hf__redis_link_lose(link, HF_REDIS_LOST, reason);
  return false;
}

static bool gather(hf_redis_link *link, hf__redis_node *node, hf_redis_reply *reply) {
  if (node->commands > 1) {
    node->gathered_bytes += hf__redis_reply_bytes(reply);
  }
  node->replies[node->gathered] = reply;
  node->gathered++;
  if (node->gathered < node->commands) {
    if (node->gathered_bytes > link->most_reply_bytes) {
      hf__redis_link_lose(link, HF_REDIS_MALFORMED,
                          "the replies to one request are larger together than a reply may be");
      return false;
    }
    return true;
  }
  link->under_way_first++;
  if (node == link->greeting) {
    hf__redis_link_greeted(link);
    return link->phase == HF__REDIS_UP;
  }
  answer(link, node, HF_REDIS_REPLIED, "");
  return true;
}

/* A connection is of use when something other than a fault comes, which may be all that a server
 * says before it hangs up, such as: too many clients. */
static void prove(hf_redis_link *link, const hf_redis_reply *reply) {
  if (link->phase == HF__REDIS_UP && reply->kind != HF_REDIS_FAULT) {
    link->is_proven = true;
    link->failures = 0;
  }
}

/* Takes a reply. False: the connection was given up. */
static bool take_reply(hf_redis_link *link, hf_redis_reply *reply) {
  if (link->phase == HF__REDIS_UP && link->pushes) {
    prove(link, reply);
    if (link->callbacks.pushed != NULL) {
      link->callbacks.pushed(link->callbacks.context, reply);
    }
    hf__redis_reply_destroy(reply);
    return true;
  }
  if (hf__redis_count_under_way(link) == 0) {
    return lose_unasked(link, reply);
  }
  hf__redis_entry *front = entry_at(link, link->under_way_first);
  if (!is_count(*front)) {
    hf__redis_node *node = node_of(*front);
    if (node->first_byte >= link->written) {
      return lose_unasked(link, reply);
    }
    prove(link, reply);
    return gather(link, node, reply);
  }
  prove(link, reply);
  hf__redis_reply_destroy(reply);
  hf__redis_count(&link->late_replies, 1);
  *front -= 2;
  if (*front == entry_of_count(0)) {
    link->under_way_first++;
  }
  return true;
}

/* Takes all replies that are there. False: the connection was given up. */
static bool take_replies(hf_redis_link *link, const char *bytes, size_t length) {
  hf__redis_reader *reader = link->reader;
  bool is_good = hf__redis_reader_feed(reader, bytes, length);
  for (;;) {
    hf_redis_reply *reply = hf__redis_reader_next(reader);
    if (reply == NULL) {
      break;
    }
    if (!take_reply(link, reply)) {
      return false;
    }
  }
  const char *reason = hf__redis_reader_reason(reader);
  if (!is_good || reason != NULL) {
    hf__redis_link_lose(link, HF_REDIS_MALFORMED,
                        reason != NULL ? reason : "what came is no reply");
    return false;
  }
  return true;
}

void hf__redis_link_hear(hf_redis_link *link) {
  hf_redis_loop *loop = link->loop;
  if (loop->read_buffer == NULL) {
    loop->read_buffer = malloc(HF__REDIS_READ_BYTES);
    if (loop->read_buffer == NULL) {
      hf__redis_link_lose(link, HF_REDIS_LOST, "there was no memory");
      return;
    }
  }
  link->has_more = false;
  for (int round = 0; round < MOST_ROUNDS; round++) {
    ssize_t count = hf__redis_stream_read(link->stream, loop->read_buffer, HF__REDIS_READ_BYTES);
    if (count == 0) {
      return;
    }
    if (count < 0) {
      hf__redis_link_lose(link, HF_REDIS_LOST, hf__redis_stream_reason(link->stream));
      return;
    }
    link->heard_ns = loop->now_ns;
    hf__redis_count(&link->bytes_received, (uint64_t)count);
    if (!take_replies(link, loop->read_buffer, (size_t)count)) {
      return;
    }
    /* A socket that gave less has no more. TLS may have, in what it read before. */
    if (count < HF__REDIS_READ_BYTES && !link->is_secure) {
      return;
    }
  }
  link->has_more = true;
}

/* Taking back ---------------------------------------------------------------- */

/* What was under way on the connection that is gone, and waits again; or is answered: false. */
static bool waits_again(hf_redis_link *link, hf__redis_node *node, hf_redis_outcome outcome,
                        const char *reason) {
  hf__redis_node_drop_replies(node);
  bool is_unsent = node->first_byte >= link->written;
  if (is_unsent && node->bound_to == 0) {
    node->stage = HF__REDIS_WAITING;
    return true;
  }
  if (is_unsent) {
    answer(link, node, HF_REDIS_NOT_SENT, reason);
    return false;
  }
  node->may_be_done = true;
  if (outcome != HF_REDIS_MALFORMED && node->bound_to == 0 && may_try_again(link, node)) {
    begin_attempt(link, node);
    return true;
  }
  answer(link, node, outcome, reason);
  return false;
}

static void answer_bound(hf_redis_link *link, const char *reason) {
  hf__redis_node *node = link->waiting.first;
  while (node != NULL) {
    hf__redis_node *next = node->next;
    if (node->bound_to != 0) {
      hf__redis_list_remove(&link->waiting, node);
      answer(link, node, HF_REDIS_NOT_SENT, reason);
    }
    node = next;
  }
}

static void stop_copying(hf_redis_link *link) {
  hf__redis_node *node = link->copying;
  link->copying = NULL;
  link->out_first = 0;
  link->out_end = 0;
  if (node != NULL && node->is_answered) {
    hf__redis_node_destroy(node);
  }
}

void hf__redis_link_take_back(hf_redis_link *link, hf_redis_outcome front, const char *reason) {
  stop_copying(link);
  /* The oldest first, because callers hear of it in this order; those that wait again are put
   * before all that wait, so the newest of them first. */
  hf_redis_outcome outcome = front;
  for (uint64_t place = link->under_way_first; place < link->under_way_end; place++) {
    hf__redis_entry *entry = entry_at(link, place);
    if (!is_count(*entry)) {
      hf__redis_node *node = node_of(*entry);
      if (node == link->greeting) {
        hf__redis_node_drop_replies(node);
        *entry = entry_of_count(0);
      } else if (!waits_again(link, node, outcome, reason)) {
        *entry = entry_of_count(0);
      }
    }
    outcome = HF_REDIS_LOST;
  }
  while (link->under_way_end > link->under_way_first) {
    link->under_way_end--;
    hf__redis_entry entry = *entry_at(link, link->under_way_end);
    if (!is_count(entry)) {
      hf__redis_list_prepend(&link->waiting, node_of(entry));
    }
  }
  answer_bound(link, reason);
}

void hf__redis_link_answer_all(hf_redis_link *link, hf_redis_outcome unsent, hf_redis_outcome sent,
                               const char *reason) {
  stop_copying(link);
  while (link->under_way_end > link->under_way_first) {
    hf__redis_entry entry = *entry_at(link, link->under_way_first);
    link->under_way_first++;
    if (is_count(entry)) {
      continue;
    }
    hf__redis_node *node = node_of(entry);
    if (node != link->greeting) {
      hf__redis_node_drop_replies(node);
      answer(link, node, node->first_byte < link->written ? sent : unsent, reason);
    }
  }
  while (link->resting.first != NULL) {
    hf__redis_node *node = link->resting.first;
    hf__redis_list_remove(&link->resting, node);
    answer(link, node, sent, reason);
  }
  hf__redis_link_answer_waiting(link, unsent, reason);
}
