/*
 * One cache, many threads. Values say which key and which version they are, in every word, so that
 * bytes of two of them show. cmocka's assertions belong to the thread that runs the test, so the
 * others note what went wrong; what is wrong between them the thread sanitizer sees.
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"

enum {
  THREADS = 4,
  KEYS = 32,
  MOST_WORDS = 256,
  OPERATIONS = TEST_HAS_SANITIZER ? 15000 : 60000,
  LOAD_OPERATIONS = TEST_HAS_SANITIZER ? 20000 : 80000,
};

/* What is shared ------------------------------------------------------------- */

typedef struct arena {
  hf_cache *cache;
  hf_cache_options options;
  _Atomic(const char *) fault;
  atomic_uint_least64_t clock_ns;
  atomic_uint_least64_t told[HF_CACHE_CAUSES];
  /* Of each key: loaders at work, what a new value is, what is too old for everybody. */
  atomic_int loaders[KEYS];
  atomic_uint_least64_t source[KEYS];
  atomic_uint_least64_t floor[KEYS];
  bool lossless; /* no load is ever cancelled */
} arena;

typedef struct worker {
  arena *shared;
  test_random random;
  uint64_t number;
  uint64_t versions[KEYS]; /* the last that was seen, or put */
  uint64_t next_version;
  hf_cache_statistics tally;
} worker;

static void note(arena *shared, bool right, const char *what) {
  if (!right) {
    atomic_store(&shared->fault, what);
  }
}

static void check_no_fault(arena *shared) {
  const char *fault = atomic_load(&shared->fault);
  if (fault != NULL) {
    test_fail("%s\n", fault);
  }
}

static void run_threads(arena *shared, void *(*body)(void *), worker *workers, uint64_t seed) {
  pthread_t threads[THREADS];
  memset(workers, 0, THREADS * sizeof *workers);
  for (uint64_t i = 0; i < THREADS; i++) {
    workers[i].shared = shared;
    workers[i].number = i;
    workers[i].random = (test_random){seed * THREADS + i};
    assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  check_no_fault(shared);
}

/* Values ----------------------------------------------------------------------- */

static uint64_t word_of(uint64_t key, uint64_t version, size_t at) {
  return (version * 257 + key) * UINT64_C(0x9e3779b97f4a7c15) + at;
}

/* The first word is the version. */
static size_t make_value(uint64_t *words, uint64_t key, uint64_t version) {
  static const size_t sizes[] = {1, 2, 3, 5, 9, 20, 60, 120, 130, 256};
  size_t count = sizes[version % (sizeof sizes / sizeof sizes[0])];
  words[0] = version;
  for (size_t i = 1; i < count; i++) {
    words[i] = word_of(key, version, i);
  }
  return count * sizeof *words;
}

/* 0: it is none. */
static uint64_t version_of(const uint64_t *words, size_t bytes, uint64_t key) {
  uint64_t expected[MOST_WORDS];
  if (bytes < sizeof *words || bytes > sizeof expected) {
    return 0;
  }
  uint64_t version = words[0];
  return make_value(expected, key, version) == bytes && memcmp(expected, words, bytes) == 0
             ? version
             : 0;
}

/* Keys of two lengths, some in a namespace. */
static size_t make_key(char *key, uint64_t number) {
  return (size_t)sprintf(key, number % 4 == 0 ? "space:%" PRIu64 : "%" PRIu64, number);
}

static uint64_t now_of(arena *shared) {
  return atomic_load_explicit(&shared->clock_ns, memory_order_relaxed);
}

static void count_told(void *context, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, hf_cache_cause cause) {
  arena *shared = context;
  char copy[32] = "";
  note(shared, key_bytes < sizeof copy, "a key that nobody put was told");
  memcpy(copy, key, key_bytes < sizeof copy ? key_bytes : 0);
  const char *colon = strchr(copy, ':');
  uint64_t number = strtoull(colon == NULL ? copy : colon + 1, NULL, 10);
  uint64_t words[MOST_WORDS];
  memcpy(words, value, value_bytes <= sizeof words ? value_bytes : 0);
  note(shared, version_of(words, value_bytes, number) != 0, "bytes of two values were told");
  atomic_fetch_add_explicit(&shared->told[cause], 1, memory_order_relaxed);
}

static void open_arena(arena *shared, const hf_cache_options *options) {
  memset(shared, 0, sizeof *shared);
  shared->options = *options;
  shared->options.on_removal = count_told;
  shared->options.context = shared;
  atomic_init(&shared->clock_ns, BEGINNING);
  shared->cache = cache_made(&shared->options);
  assert_int_equal(hf_cache_declare_namespace(shared->cache, "space:", 6, NULL), HF_OK);
}

static void close_arena(arena *shared) {
  hf_cache_statistics figures = check_figures(shared->cache, &shared->options);
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    assert_int_equal(figures.removals[cause], atomic_load(&shared->told[cause]));
  }
  hf_cache_destroy(shared->cache);
  check_no_fault(shared);
}

/* Any calls ------------------------------------------------------------------------ */

/* Each key has one thread that puts and removes it: who looks sees its versions rise. */
static bool is_mine(const worker *self, uint64_t key) {
  return key % THREADS == self->number;
}

static void see(worker *self, uint64_t key, const void *value, size_t bytes) {
  uint64_t words[MOST_WORDS];
  memcpy(words, value, bytes <= sizeof words ? bytes : 0);
  uint64_t version = version_of(words, bytes, key);
  note(self->shared, version != 0, "bytes of two values");
  note(self->shared, version >= self->versions[key], "an older value than before");
  note(self->shared, !is_mine(self, key) || version == self->versions[key],
       "not what this thread put");
  self->versions[key] = version;
}

static void count_seen(worker *self, hf_cache_answer answer) {
  self->tally.hits += answer == HF_CACHE_HIT;
  self->tally.misses += answer == HF_CACHE_MISS;
}

typedef struct borrowed {
  worker *self;
  uint64_t key;
} borrowed;

static void see_borrowed(void *context, const void *value, size_t value_bytes) {
  borrowed *at = context;
  see(at->self, at->key, value, value_bytes);
}

static void look_up(worker *self, uint64_t key, uint32_t how) {
  hf_cache *cache = self->shared->cache;
  char name[32];
  size_t length = make_key(name, key);
  uint64_t words[MOST_WORDS];
  uint64_t now_ns = now_of(self->shared);
  hf_cache_found found;
  hf_cache_answer answer;
  if (how == 0) {
    borrowed at = {self, key};
    answer = hf_cache_visit(cache, name, length, now_ns, see_borrowed, &at, &found);
  } else if (how == 1) {
    answer = hf_cache_peek(cache, name, length, now_ns, words, sizeof words, &found);
  } else {
    answer = hf_cache_get(cache, name, length, now_ns, words, sizeof words, &found);
  }
  note(self->shared, answer == HF_CACHE_HIT || answer == HF_CACHE_MISS, "another answer");
  if (how != 0 && answer == HF_CACHE_HIT) {
    see(self, key, words, found.value_bytes);
  }
  if (how != 1) {
    count_seen(self, answer);
  }
}

static void look_many_up(worker *self) {
  enum { MOST = 20 };
  hf_cache_lookup lookups[MOST];
  char names[MOST][32];
  uint64_t keys[MOST];
  uint64_t words[MOST][MOST_WORDS];
  size_t count = test_random_below(&self->random, MOST + 1);
  for (size_t i = 0; i < count; i++) {
    keys[i] = test_random_below(&self->random, KEYS);
    lookups[i] = (hf_cache_lookup){.key = names[i],
                                   .key_bytes = make_key(names[i], keys[i]),
                                   .buffer = words[i],
                                   .capacity_bytes = sizeof words[i]};
  }
  hf_cache_get_many(self->shared->cache, lookups, count, now_of(self->shared));
  for (size_t i = 0; i < count; i++) {
    count_seen(self, lookups[i].answer);
    if (lookups[i].answer == HF_CACHE_HIT) {
      see(self, keys[i], words[i], lookups[i].found.value_bytes);
    }
  }
}

static void put_next(worker *self, uint64_t key) {
  char name[32];
  size_t length = make_key(name, key);
  uint64_t words[MOST_WORDS];
  uint64_t version = ++self->next_version;
  size_t bytes = make_value(words, key, version);
  uint32_t tag = (uint32_t)(key % 3);
  hf_cache_entry_options options = {
      .ttl_ns = test_random_below(&self->random, 4) == 0 ? 5 * MS : 0,
      .sliding = test_random_below(&self->random, 16) == 0,
      .tags = &tag,
      .tag_count = version % 2,
  };
  hf_status status = hf_cache_put(self->shared->cache, name, length, words, bytes,
                                  now_of(self->shared), &options, NULL);
  note(self->shared, status == HF_OK || status == HF_ERROR_TOO_LARGE, "it could not be put");
  self->tally.puts += status == HF_OK;
  self->tally.refused += status == HF_ERROR_TOO_LARGE;
  self->versions[key] = version;
}

static void remove_mine(worker *self, uint64_t key) {
  char name[32];
  size_t length = make_key(name, key);
  uint64_t word;
  (void)hf_cache_remove(self->shared->cache, name, length, now_of(self->shared));
  note(self->shared,
       hf_cache_peek(self->shared->cache, name, length, now_of(self->shared), &word, sizeof word,
                     NULL) == HF_CACHE_MISS,
       "found after it was removed");
}

static bool see_shown(void *context, const void *key, size_t key_bytes, const void *value,
                      size_t value_bytes, uint64_t ttl_left_ns) {
  (void)ttl_left_ns;
  worker *self = context;
  char copy[32] = "";
  memcpy(copy, key, key_bytes < sizeof copy ? key_bytes : 0);
  const char *colon = strchr(copy, ':');
  uint64_t number = strtoull(colon == NULL ? copy : colon + 1, NULL, 10);
  uint64_t words[MOST_WORDS];
  memcpy(words, value, value_bytes <= sizeof words ? value_bytes : 0);
  note(self->shared, version_of(words, value_bytes, number) != 0, "bytes of two values were shown");
  return true;
}

/* Few of these: they change much. */
static void do_something_large(worker *self) {
  arena *shared = self->shared;
  hf_cache *cache = shared->cache;
  uint64_t now_ns = now_of(shared);
  switch (test_random_below(&self->random, 16)) {
  case 0:
    hf_cache_clear(cache, now_ns);
    break;
  case 1:
  case 2:
    hf_cache_invalidate_tag(cache, test_random_below(&self->random, 3));
    break;
  case 3:
    note(shared, hf_cache_invalidate_namespace(cache, "space:", 6), "the namespace is gone");
    break;
  case 4:
    note(shared, hf_cache_each(cache, now_ns, see_shown, self, NULL) == HF_OK, "not shown");
    break;
  case 5: {
    hf_cache_statistics figures = hf_cache_statistics_read(cache);
    note(shared, figures.entries <= 2000, "more entries than may be");
    break;
  }
  case 6: {
    /* There and back, so that the index is outgrown now and then. */
    uint64_t limit = self->number == 0 ? 16 + test_random_below(&self->random, 40) : 0;
    note(shared, limit == 0 || hf_cache_resize(cache, limit, 0, now_ns, NULL) == HF_OK,
         "not resized");
    break;
  }
  default:
    (void)hf_cache_maintain(cache, now_ns, 50);
    atomic_fetch_add_explicit(&shared->clock_ns, MS, memory_order_relaxed);
    break;
  }
}

static void *use_any_way(void *argument) {
  worker *self = argument;
  for (uint32_t i = 0; i < OPERATIONS; i++) {
    uint64_t key = test_random_below(&self->random, KEYS);
    uint64_t mine = key - key % THREADS + self->number;
    uint32_t what = test_random_below(&self->random, 100);
    if (what < 50) {
      look_up(self, key, what % 16);
    } else if (what < 54) {
      look_many_up(self);
    } else if (what < 90) {
      put_next(self, mine);
      look_up(self, mine, 2);
    } else if (what < 97) {
      remove_mine(self, mine);
    } else {
      do_something_large(self);
    }
  }
  return NULL;
}

static void invariant_2_nobody_sees_bytes_of_two_values(void **state) {
  test_random random = test_random_start("cache threads");
  static const uint64_t limits[] = {1, 2, 5, 20, 50};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    hf_cache_options options = cache_options(policy_of(state), limits[i], NULL);
    options.max_bytes = i == 3 ? 8000 : 0;
    options.parts = policy_of(state) == HF_CACHE_S3FIFO && limits[i] > 4 ? 4 : 0;
    static arena shared;
    open_arena(&shared, &options);
    static worker workers[THREADS];
    run_threads(&shared, use_any_way, workers, test_random_next(&random));
    hf_cache_statistics sum = {0};
    for (size_t j = 0; j < THREADS; j++) {
      sum.hits += workers[j].tally.hits;
      sum.misses += workers[j].tally.misses;
      sum.puts += workers[j].tally.puts;
      sum.refused += workers[j].tally.refused;
    }
    hf_cache_statistics figures = hf_cache_statistics_read(shared.cache);
    assert_int_equal(figures.hits, sum.hits);
    assert_int_equal(figures.misses, sum.misses);
    assert_int_equal(figures.puts, sum.puts);
    assert_int_equal(figures.refused, sum.refused);
    assert_true(sum.hits > OPERATIONS / 100);
    /* Whatever the limit was in the end. */
    shared.options.max_entries = 100;
    shared.options.max_bytes = 0;
    close_arena(&shared);
  }
}

/* Room for all -------------------------------------------------------------------- */

enum { STABLE = 300, CROWD = 430, TURNS = TEST_HAS_SANITIZER ? 60000 : 400000 };

static void *come_and_go(void *argument) {
  worker *self = argument;
  arena *shared = self->shared;
  for (uint32_t i = 0; i < TURNS; i++) {
    if (self->number == 0) {
      /* One of the crowd goes and another comes: never more than there is room for. */
      uint64_t gone = STABLE + i % 1000;
      uint64_t comes = STABLE + (i + CROWD - STABLE) % 1000;
      (void)hf_cache_remove(shared->cache, &gone, sizeof gone, BEGINNING);
      note(shared,
           hf_cache_put(shared->cache, &comes, sizeof comes, &comes, sizeof comes, BEGINNING, NULL,
                        NULL) == HF_OK,
           "it could not be put");
    } else {
      uint64_t key = test_random_below(&self->random, STABLE);
      uint64_t value = 0;
      note(shared,
           hf_cache_get(shared->cache, &key, sizeof key, BEGINNING, &value, sizeof value, NULL) ==
               HF_CACHE_HIT,
           "not found, and was there all the while");
      note(shared, value == key, "another key's value");
    }
  }
  return NULL;
}

/* However often the entries around it make room for one another. */
static void what_is_there_all_the_while_is_found(void **state) {
  hf_cache_options options = cache_options(policy_of(state), CROWD, NULL);
  options.parts = policy_of(state) == HF_CACHE_S3FIFO ? 1 : 0;
  static arena shared;
  memset(&shared, 0, sizeof shared);
  shared.cache = cache_made(&options);
  for (uint64_t key = 0; key < CROWD; key++) {
    assert_int_equal(
        hf_cache_put(shared.cache, &key, sizeof key, &key, sizeof key, BEGINNING, NULL, NULL),
        HF_OK);
  }
  static worker workers[THREADS];
  run_threads(&shared, come_and_go, workers, 5);
  hf_cache_statistics figures = check_figures(shared.cache, &options);
  assert_int_equal(figures.entries, CROWD);
  assert_int_equal(figures.removals[HF_CACHE_EVICTED_BY_COUNT], 0);
  assert_int_equal(figures.misses, 0);
  hf_cache_destroy(shared.cache);
}

/* Loads ------------------------------------------------------------------------- */

/* The source of a key is a counter. Who changes it says so to the cache, and from then on no value
 * from before may be seen. */
static void change_source(worker *self, uint64_t key) {
  arena *shared = self->shared;
  char name[32];
  size_t length = make_key(name, key);
  uint64_t version = atomic_fetch_add(&shared->source[key], 1) + 1;
  uint64_t now_ns = now_of(shared);
  switch (test_random_below(&self->random, 8)) {
  case 0:
    hf_cache_clear(shared->cache, now_ns);
    break;
  case 1:
  case 2:
    hf_cache_invalidate_tag(shared->cache, (uint32_t)(key % 3));
    break;
  case 3:
    if (key % 4 == 0) {
      note(shared, hf_cache_invalidate_namespace(shared->cache, "space:", 6), "no namespace");
      break;
    }
    (void)hf_cache_remove(shared->cache, name, length, now_ns);
    break;
  default:
    (void)hf_cache_remove(shared->cache, name, length, now_ns);
    break;
  }
  uint64_t seen = atomic_load(&shared->floor[key]);
  while (seen < version && !atomic_compare_exchange_weak(&shared->floor[key], &seen, version)) {
  }
}

static void load_one(worker *self, uint64_t key) {
  arena *shared = self->shared;
  char name[32];
  size_t length = make_key(name, key);
  uint64_t words[MOST_WORDS];
  uint64_t floor = atomic_load(&shared->floor[key]);
  hf_cache_found found;
  hf_cache_load load;
  hf_cache_answer answer =
      hf_cache_reserve(shared->cache, name, length, now_of(shared), HF_CACHE_WANT_ANSWER, words,
                       sizeof words, &found, &load);
  if (answer == HF_CACHE_HIT || answer == HF_CACHE_STALE) {
    uint64_t version = version_of(words, found.value_bytes, key);
    note(shared, version != 0, "bytes of two values");
    /* Sources begin at 0, versions at 1. */
    note(shared, version - 1 >= floor, "a value from before an invalidation");
  }
  if (load.role != HF_CACHE_LOADER) {
    note(shared, load.role == HF_CACHE_NO_LOAD || load.number != 0, "to wait for nobody");
    return;
  }
  note(shared, load.number != 0, "no memory");
  int others = atomic_fetch_add(&shared->loaders[key], 1);
  note(shared, others == 0 || !shared->lossless, "two loaders of one key");
  uint64_t source = atomic_load(&shared->source[key]);
  sched_yield(); /* so that much comes in between */
  uint32_t how = test_random_below(&self->random, 8);
  if (how == 0) {
    /* Never comes back; the next has to be let in all the same. */
    if (!shared->lossless) {
      atomic_fetch_sub(&shared->loaders[key], 1);
      return;
    }
    how = 1;
  }
  size_t bytes = make_value(words, key, source + 1);
  atomic_fetch_sub(&shared->loaders[key], 1);
  if (how <= 2) {
    hf_cache_abandon(shared->cache, &load, name, length, now_of(shared));
    self->tally.loads_abandoned++;
    return;
  }
  uint32_t tag = (uint32_t)(key % 3);
  hf_cache_entry_options options = {
      .ttl_ns = 20 * MS, .soft_ttl_ns = how == 3 ? MS : 0, .tags = &tag, .tag_count = 1};
  hf_status status = hf_cache_publish(shared->cache, &load, name, length, words, bytes,
                                      now_of(shared), &options, NULL);
  note(shared, status == HF_OK || (status == HF_ERROR_LOAD_CANCELLED && !shared->lossless),
       "it could not be published");
  self->tally.loads += status == HF_OK;
  self->tally.loads_cancelled += status != HF_OK;
}

static void *load_and_change(void *argument) {
  worker *self = argument;
  arena *shared = self->shared;
  for (uint32_t i = 0; i < LOAD_OPERATIONS; i++) {
    uint64_t key = test_random_below(&self->random, 8);
    uint32_t what = test_random_below(&self->random, 100);
    if (what < 80) {
      load_one(self, key);
    } else if (what < 90) {
      if (!shared->lossless) {
        change_source(self, key);
      }
    } else {
      atomic_fetch_add_explicit(&shared->clock_ns, MS / 2, memory_order_relaxed);
    }
  }
  return NULL;
}

static void run_loads(hf_cache_policy policy, bool lossless) {
  test_random random = test_random_start("cache loads");
  for (uint64_t limit = 1; limit <= 16; limit *= 4) {
    hf_cache_options options = cache_options(policy, limit, NULL);
    options.load_lease_ns = lossless ? DAY : 3 * MS;
    static arena shared;
    open_arena(&shared, &options);
    shared.lossless = lossless;
    static worker workers[THREADS];
    run_threads(&shared, load_and_change, workers, test_random_next(&random));
    hf_cache_statistics sum = {0};
    for (size_t i = 0; i < THREADS; i++) {
      sum.loads += workers[i].tally.loads;
      sum.loads_cancelled += workers[i].tally.loads_cancelled;
      sum.loads_abandoned += workers[i].tally.loads_abandoned;
    }
    hf_cache_statistics figures = hf_cache_statistics_read(shared.cache);
    assert_int_equal(figures.loads, sum.loads);
    assert_int_equal(figures.loads_cancelled, sum.loads_cancelled);
    assert_int_equal(figures.loads_abandoned, sum.loads_abandoned);
    assert_true(sum.loads > LOAD_OPERATIONS / 100 && sum.loads_abandoned > LOAD_OPERATIONS / 100);
    printf("%" PRIu64 " loads, %" PRIu64 " cancelled, %" PRIu64 " abandoned\n", sum.loads,
           sum.loads_cancelled, sum.loads_abandoned);
    assert_true(lossless || sum.loads_cancelled > 10);
    close_arena(&shared);
  }
}

static void invariant_6_one_loads_whatever_the_others_do(void **state) {
  run_loads(policy_of(state), true);
}

static void invariant_3_no_load_brings_back_what_was_invalidated(void **state) {
  run_loads(policy_of(state), false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cache_test_of_both(invariant_2_nobody_sees_bytes_of_two_values),
      cache_test_of_both(what_is_there_all_the_while_is_found),
      cache_test_of_both(invariant_6_one_loads_whatever_the_others_do),
      cache_test_of_both(invariant_3_no_load_brings_back_what_was_invalidated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
