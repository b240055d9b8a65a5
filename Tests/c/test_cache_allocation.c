/*
 * A cache whose allocator refuses: what cannot be had changes nothing, and nothing leaks; and a
 * cache whose keys all fall into one place, or whose counters wrap around.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"
#include "counting_allocator.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static counting_allocator counting;

/* One allocation refused -------------------------------------------------------- */

typedef struct picture {
  size_t entries;
  uint64_t sum;
} picture;

static bool add_to_picture(void *context, const void *key, size_t key_bytes, const void *value,
                           size_t value_bytes, uint64_t ttl_left_ns) {
  picture *sum = context;
  sum->entries++;
  sum->sum += XXH3_64bits(key, key_bytes) * 3 + XXH3_64bits(value, value_bytes) * 5 + ttl_left_ns;
  return true;
}

/* What is in a cache, by one allocation that is not counted. */
static picture picture_of(hf_cache *cache) {
  size_t refuse = counting.refuse;
  size_t allocations = counting.allocations;
  counting.refuse = 0;
  picture sum = {0, 0};
  assert_int_equal(hf_cache_each(cache, BEGINNING, add_to_picture, &sum, NULL), HF_OK);
  counting.refuse = refuse;
  counting.allocations = allocations;
  return sum;
}

typedef struct counted {
  hf_cache *cache;
  hf_cache_options options;
  unsigned refused;
} counted;

/* Nothing changed, or what should: `before` is what was there. */
static void check_after(counted *at, hf_status status, picture before) {
  assert_true(status == HF_OK || status == HF_ERROR_OUT_OF_MEMORY);
  if (status == HF_ERROR_OUT_OF_MEMORY) {
    at->refused++;
    picture after = picture_of(at->cache);
    assert_int_equal(after.entries, before.entries);
    assert_int_equal(after.sum, before.sum);
  }
  hf_cache_statistics figures = check_figures(at->cache, &at->options);
  assert_true(figures.allocated_bytes >= counting.live_bytes);
  assert_true(figures.allocated_bytes <= counting.live_bytes + counting.live_bytes / 8 + 4096);
}

static void put_sized(counted *at, uint64_t key, size_t key_bytes, size_t size) {
  static unsigned char value[5000];
  static unsigned char name[2000];
  fill_bytes(value, size, key);
  memset(name, 'k', sizeof name);
  memcpy(name, &key, sizeof key);
  uint32_t tag = 3;
  hf_cache_entry_options options = {
      .ttl_ns = key % 2 == 0 ? SECOND : 0, .tags = &tag, .tag_count = key % 3 == 0};
  picture before = picture_of(at->cache);
  hf_error error = test_untouched_error();
  hf_status status =
      hf_cache_put(at->cache, name, key_bytes, value, size, BEGINNING, &options, &error);
  if (status != HF_OK) {
    assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
    test_check_message(&error);
  }
  check_after(at, status, before);
  hf_cache_answer answer = hf_cache_peek(at->cache, name, key_bytes, BEGINNING, NULL, 0, NULL);
  assert_true(status != HF_OK || answer != HF_CACHE_MISS);
}

static bool show(void *context, const void *key, size_t key_bytes, const void *value,
                 size_t value_bytes, uint64_t ttl_left_ns) {
  (void)key;
  (void)key_bytes;
  (void)value;
  (void)value_bytes;
  (void)ttl_left_ns;
  ++*(unsigned *)context;
  return true;
}

static void load_one(counted *at, uint64_t key) {
  hf_cache_load load;
  picture before = picture_of(at->cache);
  if (hf_cache_reserve(at->cache, &key, 8, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load) !=
      HF_CACHE_MISS) {
    return;
  }
  assert_int_equal(load.role, HF_CACHE_LOADER);
  if (load.number == 0) {
    /* No memory for noting it: what it brings is refused. */
    assert_int_equal(hf_cache_publish(at->cache, &load, &key, 8, "x", 1, BEGINNING, NULL, NULL),
                     HF_ERROR_LOAD_CANCELLED);
    check_after(at, HF_ERROR_OUT_OF_MEMORY, before);
    return;
  }
  check_after(at, HF_OK, before);
  check_after(at, hf_cache_publish(at->cache, &load, &key, 8, "loaded", 6, BEGINNING, NULL, NULL),
              before);
  /* It has ended, whatever came of it. */
  assert_false(hf_cache_is_loading(at->cache, &load, &key, 8));
}

/* Everything that may allocate. */
static void use_all(counted *at) {
  hf_error error = test_untouched_error();
  for (uint64_t i = 0; i < 60; i++) {
    put_sized(at, i, 8, i * 20);
  }
  put_sized(at, 100, 8, 5000);
  put_sized(at, 101, 2000, 10);
  put_sized(at, 100, 8, 4000);
  picture before = picture_of(at->cache);
  check_after(at, hf_cache_declare_namespace(at->cache, "abc", 3, &error), before);
  check_after(at, hf_cache_declare_namespace(at->cache, "abc", 3, &error), before);
  for (uint64_t key = 200; key < 205; key++) {
    load_one(at, key);
  }
  before = picture_of(at->cache);
  hf_status status = hf_cache_resize(at->cache, 400, 0, BEGINNING, &error);
  at->options.max_entries = status == HF_OK ? 400 : at->options.max_entries;
  check_after(at, status, before);
  for (uint64_t i = 300; i < 320; i++) {
    put_sized(at, i, 8, 30);
  }
  before = picture_of(at->cache);
  unsigned shown = 0;
  status = hf_cache_each(at->cache, BEGINNING, show, &shown, NULL);
  assert_true(status != HF_OK || shown == before.entries);
  check_after(at, status, before);
}

static void every_allocation_may_be_refused_once(void **state) {
  hf_allocator hooks = counting_hooks(&counting);
  bool refused = true;
  unsigned tried = 0;
  for (size_t refuse = 1; refused; refuse++) {
    counting_reset(&counting, refuse);
    counted at = {NULL, cache_options(policy_of(state), 100, NULL), 0};
    hf_error error = test_untouched_error();
    hf_status status = hf_cache_create(&at.options, BEGINNING, &hooks, &at.cache, &error);
    if (status == HF_OK) {
      use_all(&at);
      hf_cache_destroy(at.cache);
      refused = at.refused > 0;
      assert_true(at.refused <= 1);
      tried++;
    } else {
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_null(at.cache);
    }
    assert_int_equal(counting.live_blocks, 0);
  }
  assert_true(tried > 20);
}

/* From now on there is none at all: reading, removing and clearing away go on, and putting into
 * memory that is there. */
static void without_memory_a_cache_goes_on(void **state) {
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = NULL;
  assert_int_equal(hf_cache_create(&options, BEGINNING, &hooks, &cache, NULL), HF_OK);
  for (uint64_t i = 0; i < 200; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
  }
  size_t before = counting.allocations;
  for (uint64_t i = 0; i < 2000; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    uint64_t value = 0;
    assert_int_equal(hf_cache_get(cache, &i, 8, BEGINNING, &value, 8, NULL), HF_CACHE_HIT);
    assert_int_equal(value, i);
  }
  assert_int_equal(counting.allocations, before);
  hf_cache_clear(cache, BEGINNING);
  for (uint64_t i = 0; i < 50; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
  }
  assert_int_equal(counting.allocations, before);
  hf_cache_destroy(cache);
  assert_int_equal(counting.live_blocks, 0);
}

/* Loads whose loaders never came back, and which nobody asked for again. */
static void loads_that_were_given_up_take_no_memory_for_ever(void **state) {
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.load_lease_ns = SECOND;
  hf_cache *cache = NULL;
  assert_int_equal(hf_cache_create(&options, BEGINNING, &hooks, &cache, NULL), HF_OK);
  for (uint64_t i = 0; i < 20000; i++) {
    hf_cache_load load;
    assert_int_equal(hf_cache_reserve(cache, &i, 8, BEGINNING + i * SECOND, HF_CACHE_WANT_ANSWER,
                                      NULL, 0, NULL, &load),
                     HF_CACHE_MISS);
    assert_int_equal(load.role, HF_CACHE_LOADER);
    assert_true(counting.live_blocks < COUNTING_MAX_BLOCKS - 10);
  }
  hf_cache_destroy(cache);
  assert_int_equal(counting.live_blocks, 0);
}

/* One place for all ------------------------------------------------------------------ */

enum { COLLIDING_BYTES = 32 };

/*
 * Keys with the same hash, for who knows the seed: of 32 bytes XXH3 multiplies the first eight, xor
 * a secret and the seed, with the next eight; so where the one is 0 the other does not matter.
 */
static void colliding_key(uint64_t seed, uint64_t number, unsigned char *key) {
  uint64_t first;
  memcpy(&first, XXH3_kSecret, sizeof first);
  first += seed;
  memset(key, 0, COLLIDING_BYTES);
  memcpy(key, &first, 8);
  memcpy(key + 8, &number, 8);
}

static void these_keys_collide(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 3; seed++) {
    unsigned char a[COLLIDING_BYTES];
    unsigned char b[COLLIDING_BYTES];
    colliding_key(seed, 1, a);
    colliding_key(seed, UINT64_MAX / 7, b);
    assert_int_equal(XXH3_64bits_withSeed(a, sizeof a, seed),
                     XXH3_64bits_withSeed(b, sizeof b, seed));
  }
}

static void fill_colliding(hf_cache *cache, const hf_cache_options *options, uint64_t count) {
  unsigned char key[COLLIDING_BYTES];
  for (uint64_t i = 0; i < count; i++) {
    colliding_key(options->seed, i, key);
    assert_int_equal(hf_cache_put(cache, key, sizeof key, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    uint64_t value = 0;
    assert_int_equal(hf_cache_get(cache, key, sizeof key, BEGINNING, &value, 8, NULL),
                     HF_CACHE_HIT);
    assert_int_equal(value, i);
  }
}

static uint64_t count_colliding(hf_cache *cache, const hf_cache_options *options, uint64_t count) {
  unsigned char key[COLLIDING_BYTES];
  uint64_t found = 0;
  for (uint64_t i = 0; i < count; i++) {
    colliding_key(options->seed, i, key);
    uint64_t value = 0;
    if (hf_cache_peek(cache, key, sizeof key, BEGINNING, &value, 8, NULL) == HF_CACHE_HIT) {
      assert_int_equal(value, i);
      found++;
    }
  }
  return found;
}

static void all_colliding_keys_are_found(void **state) {
  static const struct {
    uint64_t max_entries;
    uint64_t keys;
  } cases[] = {{1, 40}, {2, 40}, {13, 100}, {100, 300}, {2000, 5000}, {50000, 4000}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hf_cache_options options = cache_options(policy_of(state), cases[i].max_entries, NULL);
    options.seed = i * UINT64_C(0x123456789);
    options.parts = policy_of(state) == HF_CACHE_S3FIFO ? 1 : 0;
    hf_cache *cache = cache_made(&options);
    uint64_t most = cases[i].keys < cases[i].max_entries ? cases[i].keys : cases[i].max_entries;
    for (unsigned round = 0; round < 3; round++) {
      fill_colliding(cache, &options, cases[i].keys);
      assert_int_equal(check_figures(cache, &options).entries, most);
      assert_int_equal(count_colliding(cache, &options, cases[i].keys), most);
      /* Every other one goes, and the rest is found all the same. */
      uint64_t removed = 0;
      for (uint64_t number = 0; number < cases[i].keys; number += 2) {
        unsigned char key[COLLIDING_BYTES];
        colliding_key(options.seed, number, key);
        removed += hf_cache_remove(cache, key, sizeof key, BEGINNING);
      }
      assert_int_equal(count_colliding(cache, &options, cases[i].keys), most - removed);
      if (round == 1) {
        hf_cache_clear(cache, BEGINNING);
      }
    }
    assert_int_equal(hf_cache_resize(cache, cases[i].max_entries * 3, 0, BEGINNING, NULL), HF_OK);
    uint64_t before = check_figures(cache, &(hf_cache_options){.max_entries = UINT64_MAX}).entries;
    assert_int_equal(count_colliding(cache, &options, cases[i].keys), before);
    hf_cache_destroy(cache);
  }
}

/* Loads of such keys too. */
static void loads_of_colliding_keys_stay_apart(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  enum { LOADS = 300 };
  hf_cache_load loads[LOADS];
  unsigned char key[COLLIDING_BYTES];
  for (uint64_t i = 0; i < LOADS; i++) {
    colliding_key(options.seed, i, key);
    assert_int_equal(hf_cache_reserve(cache, key, sizeof key, BEGINNING, HF_CACHE_WANT_ANSWER, NULL,
                                      0, NULL, &loads[i]),
                     HF_CACHE_MISS);
    assert_int_equal(loads[i].role, HF_CACHE_LOADER);
  }
  for (uint64_t i = 0; i < LOADS; i++) {
    colliding_key(options.seed, i, key);
    assert_int_equal(
        hf_cache_publish(cache, &loads[i], key, sizeof key, &i, 8, BEGINNING, NULL, NULL), HF_OK);
  }
  assert_int_equal(count_colliding(cache, &options, LOADS), LOADS);
  hf_cache_destroy(cache);
}

/* The versions of an index's buckets have 24 bits, and each change takes two. */
static void versions_wrap_around(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 2, NULL);
  hf_cache *cache = cache_made(&options);
  uint64_t other = 77;
  assert_int_equal(hf_cache_put(cache, "other", 5, &other, 8, BEGINNING, NULL, NULL), HF_OK);
  for (uint64_t i = 0; i < (UINT64_C(1) << 23) + 1000; i++) {
    assert_int_equal(hf_cache_put(cache, "a", 1, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    if (i % 4096 > 4090) {
      uint64_t value = 0;
      assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, &value, 8, NULL), HF_CACHE_HIT);
      assert_int_equal(value, i);
      assert_int_equal(hf_cache_peek(cache, "other", 5, BEGINNING, &value, 8, NULL), HF_CACHE_HIT);
      assert_int_equal(value, other);
      assert_int_equal(hf_cache_peek(cache, "none", 4, BEGINNING, &value, 8, NULL), HF_CACHE_MISS);
    }
  }
  assert_int_equal(check_figures(cache, &options).entries, 2);
  hf_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cache_test_of_both(every_allocation_may_be_refused_once),
      cache_test_of_both(without_memory_a_cache_goes_on),
      cache_test_of_both(loads_that_were_given_up_take_no_memory_for_ever),
      cache_test_of_both(versions_wrap_around),
      cmocka_unit_test(these_keys_collide),
      cache_test_of_both(all_colliding_keys_are_found),
      cache_test_of_both(loads_of_colliding_keys_stay_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
