/*
 * Circuit breakers: what a permitted, successful call costs, and a refused one.
 *
 * Through breaker_inline.h; in the rows `…-call` through the functions of breaker.h,
 * as from another language.
 *
 * In the rows of two threads the other one does the same on another processor all
 * the while; the time is that of the thread that is measured.
 */
#include "bench_harness.h"

#include <holdfast/breaker.h>
#include <holdfast/breaker_inline.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OPERATIONS = 1 << 18, NS_PER_CALL = 100 };

/* A breaker as one would write it with a mutex: what others do. */
typedef struct mutex_breaker {
  pthread_mutex_t mutex;
  bool open;
  uint32_t run;
  uint64_t successes;
} mutex_breaker;

/* What the other thread does. */
typedef enum rival_work {
  RIVAL_RESTS,
  RIVAL_CALLS,
  RIVAL_CALLS_OUT,
  RIVAL_LOCKS,
  RIVAL_ENDS
} rival_work;

/* What a row is about. */
typedef struct setting {
  bool has_rival;
  hf_breaker_window window;
} setting;

typedef struct breakers {
  hf_breaker *measured; /* used by one thread or by two */
  hf_breaker *own;      /* used by one thread */
  hf_breaker *plain;    /* the same without a window */
  uint64_t begin_ns;    /* when calls begin: each step of a window of time has been */
  mutex_breaker locked;
  atomic_uint_least64_t counter;
  atomic_uint_least64_t word;
  pthread_t rival;
  bool has_rival;
  _Atomic(rival_work) rival_does;
} breakers;

static void refuse_to_go_on(const char *what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

static uint64_t coarse_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One call ----------------------------------------------------------------- */

static inline uint64_t call(hf_breaker *breaker, uint64_t now_ns) {
  hf_permit permit;
  if (hf_breaker_acquire_inline(breaker, now_ns, &permit, NULL) != HF_OK) {
    refuse_to_go_on("a closed breaker refuses");
  }
  return hf_breaker_settle_inline(breaker, &permit, HF_OUTCOME_SUCCESS, now_ns, NULL);
}

static inline uint64_t call_out(hf_breaker *breaker, uint64_t now_ns) {
  hf_permit permit;
  if (hf_breaker_acquire(breaker, now_ns, &permit, NULL) != HF_OK) {
    refuse_to_go_on("a closed breaker refuses");
  }
  return hf_breaker_settle(breaker, &permit, HF_OUTCOME_SUCCESS, now_ns, NULL);
}

static inline uint64_t call_locked(mutex_breaker *breaker) {
  pthread_mutex_lock(&breaker->mutex);
  bool open = breaker->open;
  pthread_mutex_unlock(&breaker->mutex);
  if (open) {
    refuse_to_go_on("a closed breaker refuses");
  }
  pthread_mutex_lock(&breaker->mutex);
  breaker->run = 0;
  breaker->successes++;
  pthread_mutex_unlock(&breaker->mutex);
  return 1;
}

static uint64_t run_calls(hf_breaker *breaker, uint64_t begin_ns) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += call(breaker, begin_ns + i * NS_PER_CALL);
  }
  return sum;
}

static uint64_t run_calls_out(hf_breaker *breaker, uint64_t begin_ns) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += call_out(breaker, begin_ns + i * NS_PER_CALL);
  }
  return sum;
}

/* Rows --------------------------------------------------------------------- */

static uint64_t run_alone(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  return run_calls(b->own, b->begin_ns);
}

static uint64_t run_plain(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  return run_calls(b->plain, b->begin_ns);
}

static uint64_t run_beside(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  atomic_store(&b->rival_does, RIVAL_CALLS);
  return run_calls(b->measured, b->begin_ns);
}

static uint64_t run_alone_out(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  return run_calls_out(b->own, b->begin_ns);
}

static uint64_t run_beside_out(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  atomic_store(&b->rival_does, RIVAL_CALLS_OUT);
  return run_calls_out(b->measured, b->begin_ns);
}

static uint64_t run_locked_beside(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  atomic_store(&b->rival_does, RIVAL_LOCKS);
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += call_locked(&b->locked);
  }
  return sum;
}

static uint64_t run_add(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    atomic_fetch_add_explicit(&b->counter, 1, memory_order_relaxed);
  }
  return OPERATIONS;
}

static uint64_t run_coarse(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += call(b->own, coarse_now());
  }
  return sum;
}

static uint64_t run_coarse_add(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += coarse_now() != 0;
    atomic_fetch_add_explicit(&b->counter, 1, memory_order_relaxed);
  }
  return sum;
}

static uint64_t run_refused(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  uint64_t sum = 0;
  hf_permit permit;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += hf_breaker_acquire_inline(b->own, coarse_now(), &permit, NULL) == HF_ERROR_CIRCUIT_OPEN;
  }
  return sum;
}

static uint64_t run_coarse_load(void *data, size_t part) {
  (void)part;
  breakers *b = data;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    sum += coarse_now() > atomic_load_explicit(&b->word, memory_order_relaxed);
  }
  return sum;
}

/* Set-up ------------------------------------------------------------------- */

/* Off the processor that the measured thread is kept on. */
static void move_away(void) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t set;
  if (processors < 2 || sched_getaffinity(0, sizeof set, &set) != 0) {
    return;
  }
  cpu_set_t others;
  CPU_ZERO(&others);
  for (size_t i = 0; i < (size_t)processors && i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &set) || CPU_COUNT(&set) > 1) {
      CPU_SET(i, &others);
    }
  }
  sched_setaffinity(0, sizeof others, &others);
}

static void *rival(void *data) {
  breakers *b = data;
  move_away();
  for (;;) {
    switch (atomic_load(&b->rival_does)) {
    case RIVAL_RESTS:
      break;
    case RIVAL_CALLS:
      for (uint64_t i = 0; i < 1024; i++) {
        call(b->measured, b->begin_ns + i);
      }
      break;
    case RIVAL_CALLS_OUT:
      for (uint64_t i = 0; i < 1024; i++) {
        call_out(b->measured, b->begin_ns + i);
      }
      break;
    case RIVAL_LOCKS:
      for (uint64_t i = 0; i < 1024; i++) {
        call_locked(&b->locked);
      }
      break;
    case RIVAL_ENDS:
      return NULL;
    }
  }
}

static void tear_down(void *data) {
  breakers *b = data;
  if (b->has_rival) {
    atomic_store(&b->rival_does, RIVAL_ENDS);
    pthread_join(b->rival, NULL);
  }
  pthread_mutex_destroy(&b->locked.mutex);
  hf_breaker_destroy(b->measured);
  hf_breaker_destroy(b->own);
  hf_breaker_destroy(b->plain);
  free(b);
}

static void *set_up(const void *parameter) {
  const setting *chosen = parameter;
  breakers *b = calloc(1, sizeof *b);
  if (b == NULL) {
    return NULL;
  }
  pthread_mutex_init(&b->locked.mutex, NULL);
  uint64_t now = coarse_now();
  hf_breaker_options options = hf_breaker_options_default();
  options.window = chosen->window;
  b->begin_ns = now + UINT64_C(2000000) * options.window_ms;
  if (hf_breaker_create(&options, 1, now, NULL, &b->measured, NULL) != HF_OK ||
      hf_breaker_create(&options, 1, now, NULL, &b->own, NULL) != HF_OK ||
      hf_breaker_create(NULL, 1, now, NULL, &b->plain, NULL) != HF_OK) {
    tear_down(b);
    return NULL;
  }
  static bool noted[HF_BREAKER_WINDOW_TIME + 1];
  if (!noted[chosen->window]) {
    static const char *const names[] = {"without a window", "with a window of 100 calls",
                                        "with a window of time"};
    noted[chosen->window] = true;
    bench_note("breaker %s: %zu bytes", names[chosen->window], hf_breaker_size_bytes(b->own));
  }
  b->has_rival = chosen->has_rival && pthread_create(&b->rival, NULL, rival, b) == 0;
  if (chosen->has_rival && !b->has_rival) {
    fprintf(stderr, "bench: a row of two threads: the second one cannot be made\n");
    tear_down(b);
    return NULL;
  }
  return b;
}

static void *set_up_open(const void *parameter) {
  breakers *b = set_up(parameter);
  hf_breaker_options options = hf_breaker_options_default();
  options.open_ms = UINT32_MAX;
  if (b == NULL || hf_breaker_configure(b->own, &options, NULL) != HF_OK) {
    return NULL;
  }
  hf_breaker_set_state(b->own, HF_BREAKER_OPEN, coarse_now());
  return b;
}

static const setting alone = {false, HF_BREAKER_WINDOW_NONE};
static const setting beside_another = {true, HF_BREAKER_WINDOW_NONE};
static const setting calls_alone = {false, HF_BREAKER_WINDOW_CALLS};
static const setting calls_beside_another = {true, HF_BREAKER_WINDOW_CALLS};
static const setting time_alone = {false, HF_BREAKER_WINDOW_TIME};
static const setting time_beside_another = {true, HF_BREAKER_WINDOW_TIME};

#define ROW(NAME, PARAMETER, SET_UP, RUN, REFERENCE, RUN_REFERENCE)                                \
  {                                                                                                \
    .name = "breaker/" NAME, .parameter = &(PARAMETER), .set_up = SET_UP, .run = RUN,              \
    .reference = REFERENCE, .run_reference = RUN_REFERENCE, .tear_down = tear_down,                \
    .operations = OPERATIONS                                                                       \
  }

static const bench_row rows[] = {
    ROW("allow-success/1t", alone, set_up, run_alone, "a locked add", run_add),
    ROW("allow-success/2t", beside_another, set_up, run_beside, "breaker/allow-success/1t",
        run_alone),
    ROW("allow-success/1t-coarse", alone, set_up, run_coarse, "coarse clock and a locked add",
        run_coarse_add),
    ROW("allow-success-call/1t", alone, set_up, run_alone_out, "a locked add", run_add),
    ROW("allow-success-call/2t", beside_another, set_up, run_beside_out,
        "breaker/allow-success-call/1t", run_alone_out),
    ROW("window-calls/1t", calls_alone, set_up, run_alone, "breaker/allow-success/1t", run_plain),
    ROW("window-calls/2t", calls_beside_another, set_up, run_beside, "breaker/window-calls/1t",
        run_alone),
    ROW("window-time/1t", time_alone, set_up, run_alone, "breaker/allow-success/1t", run_plain),
    ROW("window-time/2t", time_beside_another, set_up, run_beside, "breaker/window-time/1t",
        run_alone),
    ROW("refuse/1t", alone, set_up_open, run_refused, "coarse clock and a load", run_coarse_load),
    ROW("mutex/2t", beside_another, set_up, run_locked_beside, "breaker/allow-success/2t",
        run_beside),
};
BENCH_ROWS(rows)
