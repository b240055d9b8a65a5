/*
 * HF_CACHE_S3FIFO beside a model of its two queues, written from csrc/cache_s3fifo.h with arrays
 * alone: the same entries go, one by one. The memory of what went and the share of the small queue
 * are taken from there (test_cache_s3fifo.c has their own tests).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_s3fifo.h"
#include "cache_test.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MOST_KEYS = 2000, HEAT_MOST = 3, TURNS_MOST = 64, OPERATIONS = 150000 };

typedef struct lane {
  uint32_t keys[MOST_KEYS]; /* the head is the last */
  size_t count;
} lane;

typedef struct model {
  uint64_t seed;
  lane small;
  lane main;
  hf__ghost ghost;
  hf__s3fifo rule;
  unsigned heat[MOST_KEYS];
  bool there[MOST_KEYS];
  bool in_main[MOST_KEYS];
  uint32_t evicted[MOST_KEYS]; /* by the last call */
  size_t evicted_count;
} model;

static model should;

typedef struct told {
  uint32_t keys[MOST_KEYS];
  size_t count;
} told;

static void hear(void *context, const void *key, size_t key_bytes, const void *value,
                 size_t value_bytes, hf_cache_cause cause) {
  (void)value;
  (void)value_bytes;
  told *to = context;
  if (cause == HF_CACHE_EVICTED_BY_COUNT) {
    assert_int_equal(key_bytes, sizeof(uint32_t));
    memcpy(&to->keys[to->count++], key, sizeof(uint32_t));
  }
}

static uint64_t hash_of(uint32_t key) {
  return XXH3_64bits_withSeed(&key, sizeof key, should.seed);
}

static lane *lane_of(uint32_t key) {
  return should.in_main[key] ? &should.main : &should.small;
}

static void take_out(lane *from, uint32_t key) {
  size_t at = 0;
  while (from->keys[at] != key) {
    at++;
    assert_true(at < from->count);
  }
  from->count--;
  memmove(&from->keys[at], &from->keys[at + 1], (from->count - at) * sizeof from->keys[0]);
}

static void put_in(lane *to, uint32_t key) {
  to->keys[to->count++] = key;
  should.in_main[key] = to == &should.main;
}

static void drop(uint32_t key) {
  take_out(lane_of(key), key);
  should.there[key] = false;
}

static void evict_one(void) {
  for (int turn = 0;; turn++) {
    uint64_t target = hf__s3fifo_target(&should.rule, should.small.count + should.main.count);
    bool from_small = should.main.count == 0 || should.small.count > target;
    lane *from = from_small ? &should.small : &should.main;
    uint32_t key = from->keys[0];
    if (should.heat[key] == 0 || turn == TURNS_MOST) {
      hf__ghost_add(&should.ghost, hash_of(key),
                    from_small ? HF__GHOST_OF_SMALL : HF__GHOST_OF_MAIN);
      drop(key);
      should.evicted[should.evicted_count++] = key;
      return;
    }
    take_out(from, key);
    should.heat[key] = from_small ? 0 : should.heat[key] - 1;
    put_in(&should.main, key);
  }
}

static void model_put(uint32_t key, size_t max_entries) {
  should.evicted_count = 0;
  lane *to = &should.small;
  if (should.there[key]) {
    /* In place of another value it is as hot as that was, and as new as can be. */
    to = lane_of(key);
    drop(key);
  } else {
    size_t entries = should.small.count + should.main.count;
    hf__ghost_kind kind = hf__ghost_take(&should.ghost, hash_of(key), entries);
    if (kind != HF__GHOST_NONE) {
      hf__s3fifo_learn(&should.rule, kind, &should.ghost, entries);
    }
    to = kind == HF__GHOST_OF_SMALL ? &should.main : &should.small;
    should.heat[key] = 0;
    while (should.small.count + should.main.count >= max_entries) {
      evict_one();
    }
  }
  put_in(to, key);
  should.there[key] = true;
}

static void check_evicted(const told *heard) {
  assert_int_equal(heard->count, should.evicted_count);
  for (size_t i = 0; i < heard->count; i++) {
    assert_int_equal(heard->keys[i], should.evicted[i]);
  }
}

static void run(test_random *random, uint64_t max_entries) {
  static told heard;
  memset(&should, 0, sizeof should);
  hf_cache_options options = cache_options(HF_CACHE_S3FIFO, max_entries, NULL);
  options.parts = 1;
  options.seed = test_random_next(random);
  options.on_removal = hear;
  options.context = &heard;
  hf_cache *cache = cache_made(&options);
  should.seed = options.seed;
  hf_allocator allocator = hf_allocator_default();
  hf__s3fifo_init(&should.rule);
  /* As many as csrc/cache.c has it remember. */
  assert_int_equal(hf__ghost_init(&should.ghost, (max_entries + 1) * 3 / 4, &allocator), HF_OK);
  uint64_t evicted = 0;
  uint32_t keys = (uint32_t)max_entries * 4 + 3;
  for (uint32_t i = 0; i < OPERATIONS; i++) {
    heard.count = 0;
    should.evicted_count = 0;
    /* What is popular moves on. */
    uint32_t key = test_random_below(random, 3) == 0
                       ? test_random_below(random, keys)
                       : (test_random_below(random, keys / 5 + 1) + i / 2000) % keys;
    uint32_t what = test_random_below(random, 20);
    if (what == 0) {
      assert_int_equal(hf_cache_remove(cache, &key, sizeof key, BEGINNING), should.there[key]);
      if (should.there[key]) {
        drop(key);
      }
    } else if (what == 1) {
      assert_int_equal(hf_cache_put(cache, &key, sizeof key, &key, 4, BEGINNING, NULL, NULL),
                       HF_OK);
      model_put(key, max_entries);
    } else {
      hf_cache_answer answer = hf_cache_get(cache, &key, sizeof key, BEGINNING, NULL, 0, NULL);
      assert_int_equal(answer, should.there[key] ? HF_CACHE_NO_ROOM : HF_CACHE_MISS);
      if (should.there[key]) {
        should.heat[key] += should.heat[key] < HEAT_MOST;
      } else {
        assert_int_equal(hf_cache_put(cache, &key, sizeof key, &key, 4, BEGINNING, NULL, NULL),
                         HF_OK);
        model_put(key, max_entries);
      }
    }
    check_evicted(&heard);
    evicted += heard.count;
  }
  assert_true(evicted > OPERATIONS / 100);
  hf__ghost_free(&should.ghost, &allocator);
  hf_cache_destroy(cache);
}

static void s3fifo_evicts_what_its_model_does(void **state) {
  (void)state;
  test_random random = test_random_start("cache policy");
  static const uint64_t capacities[] = {1, 2, 3, 10, 50, 300};
  for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
    run(&random, capacities[i]);
  }
}

/* When all are hot it does not go round for ever: the 65th goes. */
static void an_eviction_looks_at_few(void **state) {
  (void)state;
  static told heard;
  memset(&heard, 0, sizeof heard);
  hf_cache_options options = cache_options(HF_CACHE_S3FIFO, 1000, NULL);
  options.parts = 1;
  options.on_removal = hear;
  options.context = &heard;
  hf_cache *cache = cache_made(&options);
  for (uint32_t key = 0; key < 1000; key++) {
    assert_int_equal(hf_cache_put(cache, &key, sizeof key, &key, 4, BEGINNING, NULL, NULL), HF_OK);
    for (int i = 0; i < 3; i++) {
      (void)hf_cache_get(cache, &key, sizeof key, BEGINNING, NULL, 0, NULL);
    }
  }
  uint32_t key = 5000;
  assert_int_equal(hf_cache_put(cache, &key, sizeof key, &key, 4, BEGINNING, NULL, NULL), HF_OK);
  assert_int_equal(heard.count, 1);
  assert_int_equal(heard.keys[0], TURNS_MOST);
  hf_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(s3fifo_evicts_what_its_model_does),
      cmocka_unit_test(an_eviction_looks_at_few),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
