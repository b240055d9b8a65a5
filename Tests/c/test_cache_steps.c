/*
 * Readers without a lock, one step at a time. Their source is compiled into this program with
 * something in front of each atomic load, so that a whole operation of "another thread" can happen
 * there. All of it is one thread, and each run is the same as the last.
 *
 * What is there all the while is found, though it moves to its other bucket, or the index is
 * replaced, between any two looks; and never bytes that are another entry's by now.
 */
#include <stdatomic.h>
#include <string.h>

static void step(void);

#define HF__LOAD(object, order) (step(), atomic_load_explicit(object, order))
#define HF__STORE(object, value, order) atomic_store_explicit(object, value, order)
#define HF__ADD(object, value, order) atomic_fetch_add_explicit(object, value, order)
#define HF__SWAP_IF(object, expected, value, order)                                                \
  atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_relaxed)
#define HF__SWAP_IF_ACQUIRE(object, expected, value, order)                                        \
  atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_acquire)
#define HF__FENCE(order) atomic_thread_fence(order)

/* Not the library's: with the steps above. */
#include "cache_read.c"

#include "cache_test.h"

/* 11 buckets, nearly full, so that entries have to make room. */
enum { ENTRIES = 118, RESIDENTS = 20, GUESTS = 97, MOST_PUTS = 3000, MOST_STEPS = 200 };

static hf_cache *cache;
static uint64_t resident; /* that is looked for */
static uint64_t next_guest;
static uint64_t moves;

static void (*other_thread)(void); /* NULL: it has done what it does */
static unsigned steps_before;

static void step(void) {
  if (other_thread != NULL && steps_before-- == 0) {
    void (*run)(void) = other_thread;
    other_thread = NULL;
    run();
  }
}

static void put_number(uint64_t key, uint64_t value) {
  assert_int_equal(hf_cache_put(cache, &key, 8, &value, 8, BEGINNING, NULL, NULL), HF_OK);
}

static void put_guest(void) {
  if (next_guest >= RESIDENTS + GUESTS) {
    uint64_t oldest = next_guest - GUESTS;
    assert_true(hf_cache_remove(cache, &oldest, 8, BEGINNING));
  }
  put_number(next_guest, next_guest);
  /* Used, or all others would stay where they are. */
  uint64_t value;
  assert_int_equal(hf_cache_get(cache, &next_guest, 8, BEGINNING, &value, sizeof value, NULL),
                   HF_CACHE_HIT);
  next_guest++;
}

static void make_full(void) {
  hf_cache_options options = cache_options(HF_CACHE_S3FIFO, ENTRIES, NULL);
  options.parts = 1;
  cache = cache_made(&options);
  next_guest = RESIDENTS;
  for (uint64_t key = 0; key < RESIDENTS; key++) {
    put_number(key, key);
  }
  for (int i = 0; i < MOST_PUTS; i++) {
    put_guest();
  }
}

static const hf__bucket *bucket_of_resident(void) {
  hf__key key = hf__cache_key(cache, &resident, 8);
  hf__place place;
  assert_true(
      hf__index_find(HF__GET(&key.part->index), &key.part->memory, key.hash, &resident, 8, &place));
  return place.bucket;
}

static void move_resident(void) {
  const hf__bucket *before = bucket_of_resident();
  for (int i = 0; i < MOST_PUTS && bucket_of_resident() == before; i++) {
    put_guest();
  }
  moves += bucket_of_resident() != before;
}

/* The old index is left as it was, and the memory that it leads to becomes others'. */
static void replace_index(void) {
  assert_int_equal(hf_cache_resize(cache, 2 * ENTRIES, 0, BEGINNING, NULL), HF_OK);
  assert_true(hf_cache_remove(cache, &resident, 8, BEGINNING));
  put_number(UINT64_MAX, UINT64_MAX);
  put_number(resident, resident);
}

/* Looks the resident up while the other thread comes after so many steps. False: it never came. */
static bool look_up(void (*other)(void), unsigned steps) {
  uint64_t value = UINT64_MAX;
  steps_before = steps;
  other_thread = other;
  hf_cache_answer answer = hf_cache_get(cache, &resident, 8, BEGINNING, &value, sizeof value, NULL);
  bool came = other_thread == NULL;
  other_thread = NULL;
  if (other == move_resident) {
    assert_int_equal(answer, HF_CACHE_HIT);
  }
  if (answer == HF_CACHE_HIT) {
    assert_int_equal(value, resident);
  }
  return came;
}

static void what_moves_is_found_all_the_while(void **state) {
  (void)state;
  make_full();
  for (resident = 0; resident < RESIDENTS; resident++) {
    for (unsigned steps = 0; steps < MOST_STEPS && look_up(move_resident, steps); steps++) {
    }
  }
  hf_cache_destroy(cache);
  assert_true(moves > 10);
}

static void an_index_that_was_replaced_leads_nobody_astray(void **state) {
  (void)state;
  for (resident = 0; resident < RESIDENTS; resident++) {
    bool came = true;
    for (unsigned steps = 0; came; steps++) {
      make_full();
      came = look_up(replace_index, steps);
      hf_cache_destroy(cache);
    }
  }
}

/* Others come and go, and the residents, which are asked for all the while, are kept. */
static void what_is_kept_comes_to_its_first_bucket(void **state) {
  (void)state;
  make_full();
  for (uint64_t key = next_guest; key < next_guest + MOST_PUTS; key++) {
    put_number(key, key);
    for (resident = 0; resident < RESIDENTS; resident++) {
      uint64_t value = UINT64_MAX;
      assert_int_equal(hf_cache_get(cache, &resident, 8, BEGINNING, &value, sizeof value, NULL),
                       HF_CACHE_HIT);
      assert_int_equal(value, resident);
    }
  }
  unsigned in_first = 0;
  for (resident = 0; resident < RESIDENTS; resident++) {
    hf__key key = hf__cache_key(cache, &resident, 8);
    hf__index *index = HF__GET(&key.part->index);
    in_first += bucket_of_resident() == &index->buckets[hf__hash_bucket(key.hash, index->count)];
  }
  hf_cache_destroy(cache);
  /* Two in three would be there by chance. */
  assert_in_range(in_first, RESIDENTS * 17 / 20, RESIDENTS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_moves_is_found_all_the_while),
      cmocka_unit_test(an_index_that_was_replaced_leads_nobody_astray),
      cmocka_unit_test(what_is_kept_comes_to_its_first_bucket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
