#include "loop.h"

#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/eventfd.h>
#include <sys/random.h>
#endif

enum { STACK_BYTES = 512 * 1024 };

/* After so long without anything under way, memory that is only needed then is given back. */
#define IDLE_NS UINT64_C(1000000000)

uint64_t hf__redis_loop_clock(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* Waking --------------------------------------------------------------------- */

#if !defined(__linux__)
static bool set_flags(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}
#endif

static bool open_wake(hf_redis_loop *loop) {
#if defined(__linux__)
  loop->wake_reader = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  loop->wake_writer = loop->wake_reader;
  return loop->wake_reader >= 0;
#else
  int ends[2];
  if (pipe(ends) != 0) {
    return false;
  }
  loop->wake_reader = ends[0];
  loop->wake_writer = ends[1];
  if (set_flags(ends[0]) && set_flags(ends[1])) {
    return true;
  }
  close(ends[0]);
  close(ends[1]);
  return false;
#endif
}

static void close_wake(hf_redis_loop *loop) {
  close(loop->wake_reader);
  if (loop->wake_writer != loop->wake_reader) {
    close(loop->wake_writer);
  }
}

void hf__redis_loop_wake(hf_redis_loop *loop) {
  uint64_t one = 1;
  ssize_t written;
  do {
    written = write(loop->wake_writer, &one, sizeof one);
  } while (written < 0 && errno == EINTR);
  /* Otherwise it is full, and so it is awake already. */
}

static void drain_wake(hf_redis_loop *loop) {
  char bytes[64];
  while (read(loop->wake_reader, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
  }
}

/* The caller wakes the loop after the lock, and only the first one does. */
static bool must_wake(hf_redis_loop *loop) {
  bool sleeps = loop->sleeps;
  loop->sleeps = false;
  return sleeps;
}

bool hf__redis_loop_hand_link(hf_redis_loop *loop, hf_redis_link *link) {
  if (!link->has_attention) {
    link->has_attention = true;
    link->next_of_attention = loop->attention;
    loop->attention = link;
  }
  return must_wake(loop);
}

bool hf__redis_loop_hand_node(hf_redis_loop *loop, hf__redis_node *node) {
  node->next = NULL;
  if (loop->last_handed != NULL) {
    loop->last_handed->next = node;
  } else {
    loop->first_handed = node;
  }
  loop->last_handed = node;
  return must_wake(loop);
}

/* Random numbers: xorshift64 (Marsaglia, 2003). They spread clients out, and keep no secret. */

static uint64_t random_seed(const hf_redis_loop *loop) {
  uint64_t seed = 0;
#if defined(__linux__)
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
    seed = 0;
  }
#endif
  if (seed == 0) {
    seed = hf__redis_loop_clock() ^ (uint64_t)(uintptr_t)loop << 20 ^ (uint64_t)getpid();
  }
  return seed | 1;
}

uint64_t hf__redis_loop_random(hf_redis_loop *loop, uint64_t from, uint64_t to) {
  uint64_t bits = loop->random;
  bits ^= bits << 13;
  bits ^= bits >> 7;
  bits ^= bits << 17;
  loop->random = bits;
  return to > from ? from + bits % (to - from + 1) : from;
}

/* The thread ----------------------------------------------------------------- */

static void remove_link(hf_redis_loop *loop, hf_redis_link *link) {
  hf_redis_link **place = &loop->links;
  while (*place != NULL && *place != link) {
    place = &(*place)->next;
  }
  if (*place == link) {
    *place = link->next;
  }
}

/* What one link is to be told, taken out of the lock. One that was closed since take_over() looked
 * may have been given requests since then as well: it has its turn again, after those. */
static void attend(hf_redis_loop *loop, hf_redis_link *link) {
  bool is_closed = link->is_ending;
  pthread_mutex_lock(&loop->lock);
  bool is_new = link->is_new;
  bool is_broken = link->is_broken;
  link->is_new = false;
  link->is_broken = false;
  link->has_attention = false;
  if (link->is_closed && !is_closed) {
    (void)hf__redis_loop_hand_link(loop, link); /* this thread is awake */
  }
  pthread_mutex_unlock(&loop->lock);
  if (is_new) {
    link->next = loop->links;
    loop->links = link;
  }
  if (hf__redis_link_attend(link, is_broken, is_closed)) {
    remove_link(loop, link);
    hf__redis_link_free(link);
  }
}

/* Takes what was handed over: requests first, because what was given before its link was closed
 * comes before that. True: the loop is to stop. */
static bool take_over(hf_redis_loop *loop) {
  pthread_mutex_lock(&loop->lock);
  hf__redis_node *node = loop->first_handed;
  hf_redis_link *link = loop->attention;
  bool is_stopping = loop->is_stopping;
  loop->first_handed = NULL;
  loop->last_handed = NULL;
  loop->attention = NULL;
  for (hf_redis_link *closed = link; closed != NULL; closed = closed->next_of_attention) {
    closed->is_ending = closed->is_closed;
  }
  pthread_mutex_unlock(&loop->lock);
  while (node != NULL) {
    hf__redis_node *next = node->next;
    hf__redis_link_accept(node->link, node);
    node = next;
  }
  while (link != NULL) {
    /* Its flag keeps it out of the lock's list, and so this field as it is, until attend(). */
    hf_redis_link *next = link->next_of_attention;
    attend(loop, link);
    link = next;
  }
  return is_stopping;
}

static bool make_room(hf_redis_loop *loop, size_t count) {
  if (count <= loop->polled_capacity) {
    return true;
  }
  struct pollfd *polled = realloc(loop->polled, 2 * count * sizeof *polled);
  if (polled == NULL) {
    return false;
  }
  loop->polled = polled;
  loop->polled_capacity = 2 * count;
  return true;
}

/* Says what to wait for. Returns for how many descriptors. */
static size_t prepare(hf_redis_loop *loop) {
  size_t count = 1;
  loop->polled[0] = (struct pollfd){.fd = loop->wake_reader, .events = POLLIN};
  loop->is_busy = false;
  for (hf_redis_link *link = loop->links; link != NULL; link = link->next) {
    link->poll_index = 0;
    loop->is_busy |= link->has_more;
    int descriptor = -1;
    short events = hf__redis_link_events(link, &descriptor);
    if (descriptor < 0) {
      continue;
    }
    if (!make_room(loop, count + 1)) {
      loop->is_busy = true; /* looks again in the next round */
      continue;
    }
    loop->polled[count] = (struct pollfd){.fd = descriptor, .events = events};
    link->poll_index = count++;
  }
  return count;
}

/* Up to a whole millisecond, so that it never returns before the time. */
static int milliseconds(uint64_t wait_ns) {
  if (wait_ns >= (uint64_t)INT_MAX * 1000000) {
    return -1;
  }
  return (int)((wait_ns + 999999) / 1000000);
}

static void trim(hf_redis_loop *loop) {
  free(loop->read_buffer);
  loop->read_buffer = NULL;
  for (hf_redis_link *link = loop->links; link != NULL; link = link->next) {
    hf__redis_link_trim(link);
  }
  loop->is_trimmed = true;
}

/* Waits, at most until a timer is due. */
static void wait(hf_redis_loop *loop) {
  size_t count = prepare(loop);
  uint64_t wait_ns = hf__redis_wheel_wait_ns(&loop->wheel, loop->now_ns);
  if (!loop->is_trimmed && wait_ns > IDLE_NS) {
    wait_ns = IDLE_NS;
  }
  pthread_mutex_lock(&loop->lock);
  bool has_work =
      loop->is_busy || loop->first_handed != NULL || loop->attention != NULL || loop->is_stopping;
  loop->sleeps = !has_work;
  loop->wakes_ns = hf__redis_add_time(loop->now_ns, wait_ns);
  pthread_mutex_unlock(&loop->lock);
  int ready = poll(loop->polled, (nfds_t)count, has_work ? 0 : milliseconds(wait_ns));
  pthread_mutex_lock(&loop->lock);
  loop->sleeps = false;
  pthread_mutex_unlock(&loop->lock);
  loop->now_ns = hf__redis_loop_clock();
  if (ready <= 0) {
    if (!has_work && !loop->is_trimmed && loop->now_ns - loop->busy_ns >= IDLE_NS) {
      trim(loop);
    }
    ready = 0;
  } else {
    loop->busy_ns = loop->now_ns;
    loop->is_trimmed = false;
  }
  if (ready > 0 && loop->polled[0].revents != 0) {
    drain_wake(loop);
  }
  for (hf_redis_link *link = loop->links; link != NULL; link = link->next) {
    short events = 0;
    if (ready > 0 && link->poll_index != 0) {
      events = loop->polled[link->poll_index].revents;
    }
    if (events != 0 || link->has_more) {
      hf__redis_link_handle(link, events);
    }
  }
}

static void end_all(hf_redis_loop *loop) {
  while (loop->links != NULL) {
    hf_redis_link *link = loop->links;
    loop->links = link->next;
    link->next = loop->ended;
    loop->ended = link;
    hf__redis_link_end(link);
  }
  /* Not before the last callback, which may still call something on any of them. */
  while (loop->ended != NULL) {
    hf_redis_link *link = loop->ended;
    loop->ended = link->next;
    hf__redis_link_free(link);
  }
}

static void destroy(hf_redis_loop *loop) {
  close_wake(loop);
  pthread_mutex_destroy(&loop->lock);
  free(loop->read_buffer);
  free(loop->polled);
  free(loop);
}

static void *run(void *argument) {
  hf_redis_loop *loop = argument;
#if defined(__APPLE__)
  pthread_setname_np("holdfast-redis");
#elif defined(__linux__)
  pthread_setname_np(pthread_self(), "holdfast-redis");
#endif
  while (!take_over(loop)) {
    hf__redis_wheel_run(&loop->wheel, loop->now_ns);
    for (hf_redis_link *link = loop->links; link != NULL; link = link->next) {
      hf__redis_link_work(link);
    }
    wait(loop);
  }
  end_all(loop);
  if (loop->stops_itself) {
    destroy(loop);
  }
  return NULL;
}

/* Public -------------------------------------------------------------------- */

/* All signals are blocked in the thread: the process's handlers run elsewhere. */
static bool start_thread(hf_redis_loop *loop) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) {
    return false;
  }
  /* Where so small a stack is refused the default is as good. */
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = pthread_create(&loop->thread, &attributes, run, loop);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return failure == 0;
}

hf_redis_status hf_redis_loop_start(hf_redis_loop **out) {
  hf_redis_loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) {
    return HF_REDIS_OUT_OF_MEMORY;
  }
  if (!make_room(loop, 4)) {
    free(loop);
    return HF_REDIS_OUT_OF_MEMORY;
  }
  if (pthread_mutex_init(&loop->lock, NULL) != 0) {
    free(loop->polled);
    free(loop);
    return HF_REDIS_NO_RESOURCES;
  }
  if (!open_wake(loop)) {
    pthread_mutex_destroy(&loop->lock);
    free(loop->polled);
    free(loop);
    return HF_REDIS_NO_RESOURCES;
  }
  loop->now_ns = hf__redis_loop_clock();
  loop->random = random_seed(loop);
  loop->is_trimmed = true;
  hf__redis_wheel_init(&loop->wheel, loop->now_ns);
  if (!start_thread(loop)) {
    destroy(loop);
    return HF_REDIS_NO_RESOURCES;
  }
  *out = loop;
  return HF_REDIS_OK;
}

void hf_redis_loop_stop(hf_redis_loop *loop) {
  if (loop == NULL) {
    return;
  }
  bool is_own = pthread_equal(pthread_self(), loop->thread) != 0;
  if (is_own) {
    pthread_detach(loop->thread);
  }
  pthread_mutex_lock(&loop->lock);
  loop->is_stopping = true;
  loop->stops_itself = is_own;
  bool wakes = must_wake(loop);
  pthread_mutex_unlock(&loop->lock);
  if (wakes) {
    hf__redis_loop_wake(loop);
  }
  if (!is_own) {
    pthread_join(loop->thread, NULL);
    destroy(loop);
  }
}
