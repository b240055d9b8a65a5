/*
 * The index of a cache's part against its own rule: an entry is in the first or the second bucket
 * of its path while there is room, else further along, and each bucket that it passed counts it. A
 * count that is too low loses entries; one that is too high makes searches long, and nobody would
 * see it from outside.
 */
#include <stdlib.h>
#include <string.h>

#include "cache_hash.h"
#include "cache_index.h"
#include "hf_test.h"

enum { PAGE_BYTES = 4096, KEY_BYTES = 8, SEED = 20241121 };

typedef struct keyed {
  uint64_t key;
  uint64_t hash;
  uint32_t entry; /* HF__NO_ENTRY: not in the index */
  const hf__bucket *bucket;
} keyed;

static hf__cache_memory memory;
static hf__index *index_;

static void begin(size_t entries) {
  hf_allocator hooks = hf_allocator_default();
  assert_int_equal(hf__cache_memory_init(&memory, PAGE_BYTES, &hooks), HF_OK);
  index_ = aligned_alloc(64, hf__index_bytes(entries));
  assert_non_null(index_);
  hf__index_init(index_, entries, SEED);
}

static void end(void) {
  free(index_);
  hf__cache_memory_free(&memory);
}

static size_t first_of(uint64_t hash) {
  return hf__hash_bucket(hash, index_->count);
}

static size_t second_of(uint64_t hash) {
  return hf__hash_next(hash, first_of(hash), index_->count);
}

/* Numbers as keys, each with its hash, from `next` on. */
static keyed next_key(uint64_t *next) {
  keyed made = {.key = (*next)++, .entry = HF__NO_ENTRY};
  made.hash = hf__key_hash(&made.key, KEY_BYTES, SEED);
  return made;
}

static bool find(const keyed *sought, hf__place *place) {
  return hf__index_find(index_, &memory, sought->hash, &sought->key, KEY_BYTES, place);
}

/* Returns the entry that moved for it. */
static uint32_t add(keyed *added) {
  added->entry = hf__cache_memory_take(&memory, sizeof(hf__entry) + KEY_BYTES);
  assert_true(added->entry != HF__NO_ENTRY);
  hf__entry *at = hf__entry_at(&memory, added->entry);
  HF__SET(&at->shape, (uint64_t)KEY_BYTES << HF__KEY_SHIFT);
  HF__SET(&at->words[0], hf__word_at(&added->key, KEY_BYTES));
  assert_int_equal(hf__entry_hash(at, SEED), added->hash);
  uint32_t moved = hf__index_add(index_, &memory, added->hash, added->entry);
  added->bucket = hf__index_place(index_, added->hash, added->entry).bucket;
  return moved;
}

static void take_out(keyed *taken) {
  hf__place place;
  assert_true(find(taken, &place));
  assert_int_equal(place.entry, taken->entry);
  hf__index_remove(index_, taken->hash, &place);
  hf__cache_memory_give(&memory, taken->entry);
  taken->entry = HF__NO_ENTRY;
}

static void check_found(const keyed *keys, size_t count) {
  for (size_t i = 0; i < count; i++) {
    hf__place place;
    assert_int_equal(find(&keys[i], &place), keys[i].entry != HF__NO_ENTRY);
    if (keys[i].entry != HF__NO_ENTRY) {
      assert_int_equal(place.entry, keys[i].entry);
      hf__place same = hf__index_place(index_, keys[i].hash, keys[i].entry);
      assert_true(same.bucket == place.bucket && same.slot == place.slot);
    }
  }
}

/* That all are where they were, but for the one that moved. */
static void check_moved(keyed *keys, size_t count, uint32_t moved) {
  size_t others = 0;
  for (size_t i = 0; i < count; i++) {
    if (keys[i].entry == HF__NO_ENTRY) {
      continue;
    }
    const hf__bucket *bucket = hf__index_place(index_, keys[i].hash, keys[i].entry).bucket;
    if (bucket != keys[i].bucket) {
      assert_int_equal(keys[i].entry, moved);
      keys[i].bucket = bucket;
      others++;
    }
  }
  assert_int_equal(others, moved != HF__NO_ENTRY);
}

enum { MOST_BUCKETS = 128 };

/* How many entries each bucket was passed by, and how many there are in all. */
static size_t count_passed(unsigned *passed) {
  size_t entries = 0;
  memset(passed, 0, MOST_BUCKETS * sizeof *passed);
  assert_true(index_->count <= MOST_BUCKETS);
  for (size_t i = 0; i < index_->count; i++) {
    const hf__bucket *bucket = &index_->buckets[i];
    unsigned empty = hf__bucket_match(HF__GET(&bucket->head), HF__GET(&bucket->tags), 0);
    for (unsigned slot = 0; slot < HF__BUCKET_ENTRIES; slot++) {
      if ((empty >> slot & 1) != 0) {
        continue;
      }
      uint32_t number = hf__bucket_number(HF__GET(&bucket->entries[slot]));
      uint64_t hash = hf__entry_hash(hf__entry_at(&memory, number), SEED);
      size_t at = i == first_of(hash) ? i : second_of(hash);
      for (; at != i; at = hf__hash_next(hash, at, index_->count)) {
        passed[at]++;
      }
      entries++;
    }
  }
  return entries;
}

/* Returns how many passes there are. */
static size_t check_passed(size_t entries) {
  unsigned passed[MOST_BUCKETS];
  size_t sum = 0;
  assert_int_equal(count_passed(passed), entries);
  for (size_t i = 0; i < index_->count; i++) {
    uint64_t head = HF__GET(&index_->buckets[i].head);
    assert_int_equal(head & 1, 0);
    assert_int_equal(hf__bucket_passed(head), passed[i]);
    sum += passed[i];
  }
  return sum;
}

/* Of the keys, every other one is of a crowd that wants the same three of eleven buckets. */
static void an_index_says_who_passed_and_who_moved(void **state) {
  (void)state;
  enum { ENTRIES = 118, KEYS = 236, STEPS = 40000 };
  static keyed keys[KEYS];
  uint64_t next = 0;
  begin(ENTRIES);
  assert_int_equal(index_->count, 11);
  for (size_t i = 0; i < KEYS; i++) {
    do {
      keys[i] = next_key(&next);
    } while (i % 2 == 0 && (first_of(keys[i].hash) > 2 || second_of(keys[i].hash) > 2));
  }
  test_random random = test_random_start("index");
  size_t entries = 0;
  size_t most_passes = 0;
  uint32_t adds = 0;
  for (size_t step = 0; step < STEPS; step++) {
    /* Now more come than go, now fewer. */
    if (step % 200 == 0) {
      adds = 100 + test_random_below(&random, 800);
      check_found(keys, KEYS);
    }
    keyed *one = &keys[test_random_below(&random, KEYS)];
    bool adding = test_random_below(&random, 1000) < adds;
    if (one->entry == HF__NO_ENTRY && adding && entries < ENTRIES) {
      check_moved(keys, KEYS, add(one));
      entries++;
    } else if (one->entry != HF__NO_ENTRY && !adding) {
      take_out(one);
      entries--;
    }
    size_t passes = check_passed(entries);
    most_passes = passes > most_passes ? passes : most_passes;
  }
  assert_true(most_passes > 20);
  for (size_t i = 0; i < KEYS; i++) {
    if (keys[i].entry != HF__NO_ENTRY) {
      take_out(&keys[i]);
    }
  }
  assert_int_equal(check_passed(0), 0);
  end();
}

/* More than a bucket can count: it then goes on saying so, until the index is emptied. */
static void a_count_that_is_full_stays_until_all_is_forgotten(void **state) {
  (void)state;
  enum { ENTRIES = 330, CROWD = 330 };
  static keyed keys[CROWD];
  uint64_t next = 0;
  begin(ENTRIES);
  for (size_t i = 0; i < CROWD; i++) {
    do {
      keys[i] = next_key(&next);
    } while (first_of(keys[i].hash) != 3 || second_of(keys[i].hash) != 7);
    (void)add(&keys[i]);
  }
  check_found(keys, CROWD);
  const hf__bucket *second = &index_->buckets[7];
  assert_int_equal(hf__bucket_passed(HF__GET(&second->head)), HF__PASSED_MOST);
  for (size_t i = 0; i < CROWD; i++) {
    take_out(&keys[i]);
  }
  check_found(keys, CROWD);
  assert_int_equal(hf__bucket_passed(HF__GET(&second->head)), HF__PASSED_MOST);
  hf__index_empty(index_);
  assert_int_equal(check_passed(0), 0);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_index_says_who_passed_and_who_moved),
      cmocka_unit_test(a_count_that_is_full_stays_until_all_is_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
