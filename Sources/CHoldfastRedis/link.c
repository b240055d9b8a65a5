#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

/* Of one that was up, is lost, fails to connect, and waits to connect again. */
enum { MOST_ROUNDS = 3 };

hf_redis_options hf_redis_options_default(void) {
  return (hf_redis_options){
      .port = 6379,
      .connect_timeout_ns = 5 * SECOND_NS,
      .silence_timeout_ns = 15 * SECOND_NS,
      .backoff_ns = SECOND_NS / 2,
      .backoff_most_ns = 10 * SECOND_NS,
      .most_requests = 65536,
      .most_request_bytes = (size_t)64 << 20,
      .most_reply_bytes = (size_t)64 << 20,
  };
}

/* Of the loop's thread ------------------------------------------------------ */

void hf__redis_link_tell(hf_redis_link *link, hf_redis_state state, const char *reason) {
  if (link->callbacks.changed != NULL) {
    link->callbacks.changed(link->callbacks.context, state, link->connection, reason);
  }
}

short hf__redis_link_events(const hf_redis_link *link, int *descriptor) {
  *descriptor = -1;
  if (link->stream == NULL) {
    return 0;
  }
  bool wants_to_write = link->out_first < link->out_end || link->copying != NULL ||
                        hf__redis_stream_has_unsent(link->stream);
  *descriptor = hf__redis_stream_descriptor(link->stream);
  return hf__redis_stream_events(link->stream, wants_to_write);
}

void hf__redis_link_handle(hf_redis_link *link, short events) {
  if (link->phase == HF__REDIS_OPENING) {
    hf__redis_link_advance(link);
    return;
  }
  if (link->stream == NULL) {
    return;
  }
  if ((events & POLLOUT) != 0 || link->is_secure) {
    link->is_blocked = false;
  }
  if ((events & ~POLLOUT) != 0 || link->is_secure || link->has_more) {
    hf__redis_link_hear(link);
  }
}

void hf__redis_link_work(hf_redis_link *link) {
  /* What is lost while it sends, or fails as soon as it connects, is down again, and nothing but
   * the timer that is set then would wake the loop for it. There is one after a failure. */
  for (int round = 0; round < MOST_ROUNDS; round++) {
    if (link->phase == HF__REDIS_DOWN) {
      hf__redis_link_want(link);
    }
    if (link->phase == HF__REDIS_GREETING || link->phase == HF__REDIS_UP) {
      hf__redis_link_flush(link);
    }
    if (link->phase != HF__REDIS_DOWN || hf__redis_timer_is_set(&link->timer)) {
      return;
    }
  }
}

void hf__redis_link_trim(hf_redis_link *link) {
  if (link->out_first == link->out_end) {
    free(link->out);
    link->out = NULL;
  }
  if (hf__redis_count_under_way(link) == 0) {
    free(link->under_way);
    link->under_way = NULL;
    link->under_way_capacity = 0;
  }
}

void hf__redis_link_end(hf_redis_link *link) {
  hf__redis_stream_destroy(link->stream);
  hf__redis_reader_destroy(link->reader);
  link->stream = NULL;
  link->reader = NULL;
  link->phase = HF__REDIS_ENDED;
  hf__redis_timer_stop(&link->timer, &link->loop->wheel);
  hf__redis_timer_stop(&link->silence, &link->loop->wheel);
  hf__redis_link_answer_all(link, HF_REDIS_ENDED_UNSENT, HF_REDIS_ENDED, "the client was closed");
  hf__redis_link_tell(link, HF_REDIS_ENDED_FOR_GOOD, "the client was closed");
}

bool hf__redis_link_attend(hf_redis_link *link, bool is_broken, bool is_closed) {
  if (is_closed) {
    hf__redis_link_end(link);
    return true;
  }
  if (is_broken && link->phase == HF__REDIS_UP) {
    hf__redis_link_lose(link, HF_REDIS_LOST, "the connection was broken on purpose");
  }
  return false;
}

void hf__redis_link_free(hf_redis_link *link) {
  hf__redis_target_destroy(link->target);
  hf__redis_node_destroy(link->greeting);
  free(link->under_way);
  free(link->out);
  free(link);
}

/* Public -------------------------------------------------------------------- */

static void say(hf_redis_error *error, const char *message) {
  if (error != NULL) {
    snprintf(error->message, sizeof error->message, "%s", message);
  }
}

static const char *what_is_wrong(const hf_redis_options *options) {
  if (options->connect_timeout_ns == 0) {
    return "connect_timeout_ns must be more than 0";
  }
  if (options->silence_timeout_ns == 0) {
    return "silence_timeout_ns must be more than 0";
  }
  if (options->backoff_ns == 0) {
    return "backoff_ns must be more than 0";
  }
  if (options->backoff_most_ns < options->backoff_ns) {
    return "backoff_most_ns must be at least backoff_ns";
  }
  if (options->most_requests == 0 || options->most_requests > UINT32_MAX) {
    return "most_requests must be 1 to 4,294,967,295";
  }
  if (options->most_request_bytes == 0) {
    return "most_request_bytes must be more than 0";
  }
  if (options->most_reply_bytes == 0) {
    return "most_reply_bytes must be more than 0";
  }
  return NULL;
}

static hf_redis_status set_greeting(hf_redis_link *link, const hf_redis_request *greeting) {
  if (greeting->commands == 0) {
    return HF_REDIS_OK;
  }
  hf_redis_request request = *greeting;
  request.timeout_ns = UINT64_MAX; /* the link's own timer bounds it */
  request.attempts = 1;
  return hf__redis_node_create(&request, &link->greeting);
}

static void copy_options(hf_redis_link *link, const hf_redis_options *options) {
  link->callbacks = options->callbacks;
  link->connect_timeout_ns = options->connect_timeout_ns;
  link->silence_timeout_ns = options->silence_timeout_ns;
  link->backoff_ns = options->backoff_ns;
  link->backoff_most_ns = options->backoff_most_ns;
  link->most_requests = options->most_requests;
  link->most_request_bytes = options->most_request_bytes;
  link->most_reply_bytes = options->most_reply_bytes;
  link->pushes = options->pushes;
  link->mends_on_demand = options->mends_on_demand;
  link->is_secure = options->tls.enabled;
}

static hf_redis_status make(hf_redis_loop *loop, const hf_redis_options *options,
                            hf_redis_link **out, hf_redis_error *error) {
  hf_redis_link *link = calloc(1, sizeof *link);
  if (link == NULL) {
    say(error, "there was no memory");
    return HF_REDIS_OUT_OF_MEMORY;
  }
  link->loop = loop;
  copy_options(link, options);
  hf__redis_timer_init(&link->timer, hf__redis_link_due);
  hf__redis_timer_init(&link->silence, hf__redis_link_silence_due);
  hf_redis_status status = set_greeting(link, &options->greeting);
  if (status != HF_REDIS_OK) {
    say(error, status == HF_REDIS_OUT_OF_MEMORY ? "there was no memory"
                                                : "the greeting's commands are out of range");
    free(link);
    return status;
  }
  status = hf__redis_target_create(options, &link->target, error);
  if (status != HF_REDIS_OK) {
    hf__redis_node_destroy(link->greeting);
    free(link);
    return status;
  }
  *out = link;
  return HF_REDIS_OK;
}

hf_redis_status hf_redis_link_open(hf_redis_loop *loop, const hf_redis_options *options,
                                   hf_redis_link **out, hf_redis_error *error) {
  const char *wrong = what_is_wrong(options);
  if (wrong != NULL) {
    say(error, wrong);
    return HF_REDIS_INVALID_ARGUMENT;
  }
  hf_redis_link *link = NULL;
  hf_redis_status status = make(loop, options, &link, error);
  if (status != HF_REDIS_OK) {
    return status;
  }
  pthread_mutex_lock(&loop->lock);
  if (loop->is_stopping) {
    pthread_mutex_unlock(&loop->lock);
    hf__redis_link_free(link);
    say(error, "the loop is being stopped");
    return HF_REDIS_CLOSED;
  }
  /* Before its first callback can come. */
  *out = link;
  link->is_new = true;
  bool wakes = hf__redis_loop_hand_link(loop, link);
  pthread_mutex_unlock(&loop->lock);
  if (wakes) {
    hf__redis_loop_wake(loop);
  }
  return HF_REDIS_OK;
}

/* The lock is held. `answered` only grows, so an old value of it refuses too early, never too late.
 */
static hf_redis_status admit(hf_redis_link *link, const hf__redis_node *node) {
  if (link->is_closed || link->loop->is_stopping) {
    return HF_REDIS_CLOSED;
  }
  uint64_t waiting = link->accepted - hf__redis_read(&link->answered);
  uint64_t bytes = link->accepted_bytes - hf__redis_read(&link->answered_bytes);
  if (waiting >= link->most_requests || node->length > link->most_request_bytes ||
      bytes > link->most_request_bytes - node->length) {
    return HF_REDIS_QUEUE_FULL;
  }
  link->accepted++;
  link->accepted_bytes += node->length;
  return HF_REDIS_OK;
}

hf_redis_status hf_redis_link_send(hf_redis_link *link, const hf_redis_request *request) {
  hf__redis_node *node = NULL;
  hf_redis_status status = hf__redis_node_create(request, &node);
  if (status != HF_REDIS_OK) {
    return status;
  }
  node->link = link;
  /* After the lock the link may be gone: the request may have been answered, and its owner may have
   * closed the link. The loop is not, before this returns. */
  hf_redis_loop *loop = link->loop;
  pthread_mutex_lock(&loop->lock);
  status = admit(link, node);
  bool wakes = false;
  if (status == HF_REDIS_OK && !(loop->sleeps && hf__redis_link_send_now(link, node, &wakes))) {
    wakes = hf__redis_loop_hand_node(loop, node);
  }
  pthread_mutex_unlock(&loop->lock);
  if (wakes) {
    hf__redis_loop_wake(loop);
  }
  if (status != HF_REDIS_OK) {
    hf__redis_node_destroy(node);
  }
  return status;
}

static void ask(hf_redis_link *link, bool *flag) {
  hf_redis_loop *loop = link->loop;
  pthread_mutex_lock(&loop->lock);
  *flag = true;
  bool wakes = hf__redis_loop_hand_link(loop, link);
  pthread_mutex_unlock(&loop->lock);
  if (wakes) {
    hf__redis_loop_wake(loop);
  }
}

void hf_redis_link_close(hf_redis_link *link) {
  ask(link, &link->is_closed);
}

void hf_redis_link_break(hf_redis_link *link) {
  ask(link, &link->is_broken);
}

void hf_redis_link_figures(hf_redis_link *link, hf_redis_figures *out) {
  pthread_mutex_lock(&link->loop->lock);
  uint64_t accepted = link->accepted;
  uint64_t accepted_bytes = link->accepted_bytes;
  /* Within the lock: what was answered was accepted before. */
  uint64_t answered = hf__redis_read(&link->answered);
  uint64_t answered_bytes = hf__redis_read(&link->answered_bytes);
  pthread_mutex_unlock(&link->loop->lock);
  *out = (hf_redis_figures){
      .connections = hf__redis_read(&link->connections),
      .connect_failures = hf__redis_read(&link->connect_failures),
      .losses = hf__redis_read(&link->losses),
      .requests = accepted,
      .replied = hf__redis_read(&link->replied),
      .retries = hf__redis_read(&link->retries),
      .expired = hf__redis_read(&link->expired),
      .late_replies = hf__redis_read(&link->late_replies),
      .bytes_sent = hf__redis_read(&link->bytes_sent),
      .bytes_received = hf__redis_read(&link->bytes_received),
      .waiting = accepted - answered,
      .waiting_bytes = accepted_bytes - answered_bytes,
  };
}
