#include "bench_rival.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct bench_rival {
  void *data;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t woken;
  _Atomic(bench_rival_work) wanted; /* NULL: sleep; written under the mutex */
  _Atomic(bench_rival_work) does;
};

/* As a work: go. Never called. */
static void end(void *data) {
  (void)data;
}

/* Off the processor that the measured thread is kept on. */
static void move_away(void) {
#if defined(__linux__)
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t kept;
  if (processors < 2 || sched_getaffinity(0, sizeof kept, &kept) != 0) {
    return;
  }
  cpu_set_t others;
  CPU_ZERO(&others);
  for (size_t i = 0; i < (size_t)processors && i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &kept) || CPU_COUNT(&kept) > 1) {
      CPU_SET(i, &others);
    }
  }
  sched_setaffinity(0, sizeof others, &others);
#endif
}

static void sleep_until_woken(bench_rival *rival) {
  pthread_mutex_lock(&rival->mutex);
  while (atomic_load(&rival->wanted) == NULL) {
    pthread_cond_wait(&rival->woken, &rival->mutex);
  }
  pthread_mutex_unlock(&rival->mutex);
}

static void *live(void *argument) {
  bench_rival *rival = argument;
  move_away();
  for (;;) {
    bench_rival_work work = atomic_load(&rival->wanted);
    atomic_store(&rival->does, work);
    if (work == end) {
      return NULL;
    }
    if (work == NULL) {
      sleep_until_woken(rival);
    } else {
      work(rival->data);
    }
  }
}

bench_rival *bench_rival_start(void *data) {
  bench_rival *rival = calloc(1, sizeof *rival);
  if (rival == NULL) {
    return NULL;
  }
  rival->data = data;
  pthread_mutex_init(&rival->mutex, NULL);
  pthread_cond_init(&rival->woken, NULL);
  if (pthread_create(&rival->thread, NULL, live, rival) != 0) {
    pthread_cond_destroy(&rival->woken);
    pthread_mutex_destroy(&rival->mutex);
    free(rival);
    return NULL;
  }
  return rival;
}

void bench_rival_does(bench_rival *rival, bench_rival_work work) {
  if (atomic_load(&rival->wanted) == work) {
    return;
  }
  pthread_mutex_lock(&rival->mutex);
  atomic_store(&rival->wanted, work);
  pthread_cond_signal(&rival->woken);
  pthread_mutex_unlock(&rival->mutex);
  while (atomic_load(&rival->does) != work) {
    sched_yield();
  }
}

void bench_rival_end(bench_rival *rival) {
  if (rival == NULL) {
    return;
  }
  bench_rival_does(rival, end);
  pthread_join(rival->thread, NULL);
  pthread_cond_destroy(&rival->woken);
  pthread_mutex_destroy(&rival->mutex);
  free(rival);
}
