/*
 * Token buckets and retry budgets, beside the same with a mutex.
 *
 * Every take is permitted: a bucket that is empty costs less. In the row of two threads the other
 * one takes from the same bucket all the while.
 */
#include "bench_harness.h"
#include "bench_rival.h"

#include <holdfast/retry_budget.h>
#include <holdfast/token_bucket.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 1 << 18, NS_PER_CALL = 100 };

#define TOKENS UINT64_C(1000000000)
#define NS_PER_S UINT64_C(1000000000)

/* A bucket as one would write it. */
typedef struct mutex_bucket {
  pthread_mutex_t mutex;
  double tokens;
  double tokens_per_ns;
  double burst;
  uint64_t filled_ns;
} mutex_bucket;

typedef struct mutex_budget {
  pthread_mutex_t mutex;
  uint32_t saved;
  uint32_t success_percent;
  uint32_t most_saved;
} mutex_budget;

typedef struct limits {
  hf_token_bucket *bucket;
  hf_retry_budget *budget;
  mutex_bucket locked_bucket;
  mutex_budget locked_budget;
  bench_rival *rival;
} limits;

/* One call ----------------------------------------------------------------- */

static bool take_locked(mutex_bucket *bucket, double tokens, uint64_t now_ns) {
  pthread_mutex_lock(&bucket->mutex);
  if (now_ns > bucket->filled_ns) {
    bucket->tokens += (double)(now_ns - bucket->filled_ns) * bucket->tokens_per_ns;
    bucket->tokens = bucket->tokens < bucket->burst ? bucket->tokens : bucket->burst;
    bucket->filled_ns = now_ns;
  }
  bool taken = bucket->tokens >= tokens;
  if (taken) {
    bucket->tokens -= tokens;
  }
  pthread_mutex_unlock(&bucket->mutex);
  return taken;
}

static void add_locked(mutex_budget *budget) {
  pthread_mutex_lock(&budget->mutex);
  budget->saved += budget->success_percent;
  budget->saved = budget->saved < budget->most_saved ? budget->saved : budget->most_saved;
  pthread_mutex_unlock(&budget->mutex);
}

/* Rows --------------------------------------------------------------------- */

static uint64_t take(limits *l) {
  uint64_t taken = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    taken += hf_token_bucket_take(l->bucket, 1, i * NS_PER_CALL, NULL);
  }
  return taken;
}

static uint64_t take_from_mutex(limits *l) {
  uint64_t taken = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    taken += take_locked(&l->locked_bucket, 1, i * NS_PER_CALL);
  }
  return taken;
}

static void rival_takes(void *data) {
  limits *l = data;
  for (uint64_t i = 0; i < 1024; i++) {
    hf_token_bucket_take(l->bucket, 1, i * NS_PER_CALL, NULL);
  }
}

static void rival_takes_from_mutex(void *data) {
  limits *l = data;
  for (uint64_t i = 0; i < 1024; i++) {
    take_locked(&l->locked_bucket, 1, i * NS_PER_CALL);
  }
}

static void have_rival(limits *l, bench_rival_work work) {
  if (l->rival != NULL) {
    bench_rival_does(l->rival, work);
  }
}

static uint64_t run_take(void *data, size_t part) {
  (void)part;
  limits *l = data;
  have_rival(l, rival_takes);
  return take(l);
}

static uint64_t run_take_from_mutex(void *data, size_t part) {
  (void)part;
  limits *l = data;
  have_rival(l, rival_takes_from_mutex);
  return take_from_mutex(l);
}

static uint64_t run_succeed(void *data, size_t part) {
  (void)part;
  limits *l = data;
  hf_retry_budget_reset(l->budget, 0);
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    hf_retry_budget_add(l->budget);
  }
  return hf_retry_budget_available(l->budget, 0);
}

static uint64_t run_succeed_with_mutex(void *data, size_t part) {
  (void)part;
  limits *l = data;
  l->locked_budget.saved = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    add_locked(&l->locked_budget);
  }
  return l->locked_budget.saved / 100;
}

/* Set-up ------------------------------------------------------------------- */

static void tear_down(void *data) {
  limits *l = data;
  bench_rival_end(l->rival);
  pthread_mutex_destroy(&l->locked_bucket.mutex);
  pthread_mutex_destroy(&l->locked_budget.mutex);
  hf_token_bucket_destroy(l->bucket);
  hf_retry_budget_destroy(l->budget);
  free(l);
}

static void *set_up(const void *parameter) {
  limits *l = calloc(1, sizeof *l);
  if (l == NULL) {
    return NULL;
  }
  pthread_mutex_init(&l->locked_bucket.mutex, NULL);
  pthread_mutex_init(&l->locked_budget.mutex, NULL);
  hf_token_bucket_options tokens = {.tokens = TOKENS, .period_ns = NS_PER_S, .burst = TOKENS};
  /* Nothing is saved up to its limit in one run: adding more would cost less. */
  hf_retry_budget_options retries = {.success_percent = 20, .most_saved = 1000000};
  if (hf_token_bucket_create(&tokens, 0, NULL, &l->bucket, NULL) != HF_OK ||
      hf_retry_budget_create(&retries, 0, NULL, &l->budget, NULL) != HF_OK) {
    tear_down(l);
    return NULL;
  }
  l->locked_bucket.tokens = TOKENS;
  l->locked_bucket.burst = TOKENS;
  l->locked_bucket.tokens_per_ns = (double)TOKENS / (double)NS_PER_S;
  l->locked_budget.success_percent = 20;
  l->locked_budget.most_saved = 100000000;
  const bool *has_rival = parameter;
  if (*has_rival) {
    l->rival = bench_rival_start(l);
    if (l->rival == NULL) {
      fprintf(stderr, "bench: a row of two threads: the second one cannot be made\n");
      tear_down(l);
      return NULL;
    }
  }
  return l;
}

static const bool alone = false;
static const bool beside_another = true;

static const bench_row rows[] = {
    {.name = "bucket/take/1t",
     .parameter = &alone,
     .set_up = set_up,
     .run = run_take,
     .reference = "a mutex token bucket",
     .run_reference = run_take_from_mutex,
     .tear_down = tear_down,
     .operations = OPERATIONS},
    {.name = "bucket/take/2t",
     .parameter = &beside_another,
     .set_up = set_up,
     .run = run_take,
     .reference = "a mutex token bucket, by two threads",
     .run_reference = run_take_from_mutex,
     .tear_down = tear_down,
     .operations = OPERATIONS,
     .counts_waiting = true},
    {.name = "budget/success/1t",
     .parameter = &alone,
     .set_up = set_up,
     .run = run_succeed,
     .reference = "a mutex and an addition",
     .run_reference = run_succeed_with_mutex,
     .tear_down = tear_down,
     .operations = OPERATIONS},
};
BENCH_ROWS(rows)
