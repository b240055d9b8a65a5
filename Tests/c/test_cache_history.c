/*
 * Is a cache one that does each call at one moment between its beginning and its end? Threads
 * record when each call began and ended, and what it brought; afterwards each key's history is
 * checked as that of a register whose value may vanish at any time (P. Gibbons, E. Korach, "Testing
 * shared memories", SIAM Journal on Computing 26, 1997). Each value is put once, so a value's calls
 * say when it must have been there: from the first end to the last beginning of them. No two values
 * can have been there at once, and while one was, nobody found nothing, and nobody put or removed.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"

enum {
  THREADS = 4,
  KEYS = 4,
  CALLS = 1500,
  ROUNDS = TEST_HAS_SANITIZER ? 20 : 60,
  MOST_CALLS = THREADS * CALLS,
};

typedef struct record {
  uint64_t begin;
  uint64_t end;
  uint64_t value; /* 0: put nothing, found nothing */
  uint32_t key;
  bool put;
} record;

/* Checking ------------------------------------------------------------------------ */

/* When a value must have been there, or must have been put or found: its calls overlap. */
typedef struct zone {
  uint64_t first_end;
  uint64_t last_begin;
  uint64_t put_begin;
} zone;

static int by_value(const void *a, const void *b) {
  const record *left = a;
  const record *right = b;
  return (left->value > right->value) - (left->value < right->value);
}

static int by_first_end(const void *a, const void *b) {
  const zone *left = a;
  const zone *right = b;
  return (left->first_end > right->first_end) - (left->first_end < right->first_end);
}

/* Whether something that happened between the two happened while another value was there. */
static bool is_within(const zone *held, size_t count, uint64_t begin, uint64_t end) {
  for (size_t i = 0; i < count && held[i].first_end < begin; i++) {
    if (end < held[i].last_begin) {
      return true;
    }
  }
  return false;
}

/* NULL: the history is that of such a register. Sorts the records, which are all of one key. */
static const char *find_fault(record *records, size_t count) {
  static zone held[MOST_CALLS];
  static zone brief[MOST_CALLS];
  size_t held_count = 0;
  size_t brief_count = 0;
  qsort(records, count, sizeof *records, by_value);
  size_t at = 0;
  while (at < count && records[at].value == 0) {
    at++;
  }
  size_t nothings = at;
  while (at < count) {
    zone of = {UINT64_MAX, 0, UINT64_MAX};
    uint64_t value = records[at].value;
    uint64_t first_end_of_gets = UINT64_MAX;
    for (; at < count && records[at].value == value; at++) {
      const record *one = &records[at];
      of.first_end = one->end < of.first_end ? one->end : of.first_end;
      of.last_begin = one->begin > of.last_begin ? one->begin : of.last_begin;
      if (one->put) {
        of.put_begin = one->begin;
      } else if (one->end < first_end_of_gets) {
        first_end_of_gets = one->end;
      }
    }
    if (of.put_begin == UINT64_MAX || first_end_of_gets < of.put_begin) {
      return "a value that nobody had put yet";
    }
    if (of.first_end < of.last_begin) {
      held[held_count++] = of;
    } else {
      brief[brief_count++] = of;
    }
  }
  qsort(held, held_count, sizeof *held, by_first_end);
  for (size_t i = 1; i < held_count; i++) {
    if (held[i].first_end < held[i - 1].last_begin) {
      return "two values at once";
    }
  }
  for (size_t i = 0; i < brief_count; i++) {
    if (is_within(held, held_count, brief[i].last_begin, brief[i].first_end)) {
      return "a value while another was there";
    }
  }
  for (size_t i = 0; i < nothings; i++) {
    if (is_within(held, held_count, records[i].begin, records[i].end)) {
      return "nothing while a value was there";
    }
  }
  return NULL;
}

/* That the check finds what it is for. */
static void the_check_finds_faults(void **state) {
  (void)state;
  static const struct {
    record records[4];
    bool good;
  } cases[] = {
      /* put 1, put 2, found 2 */
      {{{1, 2, 1, 0, true}, {3, 4, 2, 0, true}, {5, 6, 2, 0, false}}, true},
      /* put 1, put 2, found 1 */
      {{{1, 2, 1, 0, true}, {3, 4, 2, 0, true}, {5, 6, 1, 0, false}}, false},
      /* the same, but the second put was at it still */
      {{{1, 2, 1, 0, true}, {3, 9, 2, 0, true}, {5, 6, 1, 0, false}}, true},
      /* one sees it, and a later one does not */
      {{{1, 2, 1, 0, true}, {3, 9, 2, 0, true}, {4, 5, 2, 0, false}, {6, 7, 1, 0, false}}, false},
      /* put 1, removed, found 1 */
      {{{1, 2, 1, 0, true}, {3, 4, 0, 0, true}, {5, 6, 1, 0, false}}, false},
      /* put 1, found nothing, found 1 */
      {{{1, 2, 1, 0, true}, {3, 4, 0, 0, false}, {5, 6, 1, 0, false}}, false},
      /* put 1, found nothing */
      {{{1, 2, 1, 0, true}, {3, 4, 0, 0, false}}, true},
      /* found 1, put 1 */
      {{{1, 2, 1, 0, false}, {3, 4, 1, 0, true}}, false},
      /* found 1, which nobody put */
      {{{1, 2, 1, 0, false}}, false},
      /* removed while it was put */
      {{{1, 6, 1, 0, true}, {2, 3, 0, 0, true}, {4, 5, 1, 0, false}}, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    record copy[4];
    size_t count = 0;
    while (count < 4 && cases[i].records[count].end != 0) {
      copy[count] = cases[i].records[count];
      count++;
    }
    const char *fault = find_fault(copy, count);
    if ((fault == NULL) != cases[i].good) {
      test_fail("case %zu: %s\n", i, fault == NULL ? "no fault" : fault);
    }
  }
}

/* Recording ----------------------------------------------------------------------- */

typedef struct arena {
  hf_cache *cache;
  atomic_uint_least64_t clock; /* of the records */
  atomic_uint_least64_t now_ns;
} arena;

typedef struct worker {
  arena *shared;
  test_random random;
  uint64_t next_value;
  record records[CALLS * KEYS]; /* a call may concern all keys */
  size_t count;
} worker;

static uint64_t tick(worker *self) {
  return atomic_fetch_add(&self->shared->clock, 1) + 1;
}

static void note_all(worker *self, uint64_t begin, uint64_t end, uint32_t first, uint32_t step) {
  for (uint32_t key = first; key < KEYS; key += step) {
    self->records[self->count++] = (record){begin, end, 0, key, true};
  }
}

/* Keys 0 and 2 have the tag 1 or the namespace "even". */
static void name_key(uint32_t key, char *name) {
  sprintf(name, key % 2 == 0 ? "even%" PRIu32 : "odd%" PRIu32, key);
}

static void record_call(worker *self) {
  hf_cache *cache = self->shared->cache;
  uint32_t key = test_random_below(&self->random, KEYS);
  uint32_t what = test_random_below(&self->random, 100);
  char name[16];
  name_key(key, name);
  record *one = &self->records[self->count];
  /* Of several lengths, so that places in memory change hands. */
  uint64_t value[40] = {0};
  uint64_t begin = tick(self);
  /* After it: who looked at the clock before, and was stopped, finds what others saw expire. */
  uint64_t now_ns = atomic_load_explicit(&self->shared->now_ns, memory_order_relaxed);
  if (what < 50) {
    hf_cache_answer answer =
        what < 45 ? hf_cache_get(cache, name, strlen(name), now_ns, value, sizeof value, NULL)
                  : hf_cache_peek(cache, name, strlen(name), now_ns, value, sizeof value, NULL);
    uint64_t found = answer == HF_CACHE_HIT ? value[0] : 0;
    *one = (record){begin, tick(self), found, key, false};
    self->count++;
  } else if (what < 80) {
    value[0] = self->next_value++;
    uint32_t tag = 1;
    hf_cache_entry_options options = {
        .ttl_ns = what == 51 ? MS : 0, .tags = &tag, .tag_count = key == 2};
    hf_status status = hf_cache_put(cache, name, strlen(name), value, 8 + value[0] % 5 * 40, now_ns,
                                    &options, NULL);
    *one = (record){begin, tick(self), status == HF_OK ? value[0] : UINT64_MAX, key, true};
    self->count++;
  } else if (what < 92) {
    (void)hf_cache_remove(cache, name, strlen(name), now_ns);
    note_all(self, begin, tick(self), key, KEYS);
  } else if (what < 94) {
    hf_cache_invalidate_tag(cache, 1);
    note_all(self, begin, tick(self), 2, KEYS);
  } else if (what < 96) {
    (void)hf_cache_invalidate_namespace(cache, "even", 4);
    note_all(self, begin, tick(self), 0, 2);
  } else if (what < 97) {
    hf_cache_clear(cache, now_ns);
    note_all(self, begin, tick(self), 0, 1);
  } else {
    (void)hf_cache_maintain(cache, now_ns, 20);
    atomic_fetch_add_explicit(&self->shared->now_ns, MS, memory_order_relaxed);
  }
}

static void *record_calls(void *argument) {
  worker *self = argument;
  for (int i = 0; i < CALLS; i++) {
    record_call(self);
  }
  return NULL;
}

static void check_key(const worker *workers, uint32_t key) {
  static record records[MOST_CALLS];
  size_t count = 0;
  for (size_t i = 0; i < THREADS; i++) {
    for (size_t j = 0; j < workers[i].count; j++) {
      if (workers[i].records[j].key == key) {
        records[count++] = workers[i].records[j];
      }
    }
  }
  const char *fault = find_fault(records, count);
  if (fault != NULL) {
    test_fail("key %" PRIu32 ", %zu calls: %s\n", key, count, fault);
  }
}

static void histories_are_those_of_one_moment_each(void **state) {
  test_random random = test_random_start("cache histories");
  static const uint64_t limits[] = {1, 2, 4, 100};
  for (size_t round = 0; round < ROUNDS; round++) {
    hf_cache_options options = cache_options(policy_of(state), limits[round % 4], NULL);
    static arena shared;
    static worker workers[THREADS];
    memset(&shared, 0, sizeof shared);
    memset(workers, 0, sizeof workers);
    shared.cache = cache_made(&options);
    atomic_init(&shared.now_ns, BEGINNING);
    assert_int_equal(hf_cache_declare_namespace(shared.cache, "even", 4, NULL), HF_OK);
    pthread_t threads[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
      workers[i].shared = &shared;
      workers[i].random = (test_random){test_random_next(&random)};
      workers[i].next_value = 1 + (i << 32);
      assert_int_equal(pthread_create(&threads[i], NULL, record_calls, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
      assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (uint32_t key = 0; key < KEYS; key++) {
      check_key(workers, key);
    }
    hf_cache_destroy(shared.cache);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_check_finds_faults),
      cache_test_of_both(histories_are_those_of_one_moment_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
