/* What S3-FIFO goes by: the memory of what was evicted, and the share of the small queue. */
#include <stdlib.h>
#include <string.h>

#include "cache_s3fifo.h"
#include "counting_allocator.h"
#include "hf_test.h"

enum { ONE_SET = HF__GHOST_MARKS };

static hf__ghost ghost_for(uint64_t entries) {
  hf_allocator allocator = hf_allocator_default();
  hf__ghost ghost;
  assert_int_equal(hf__ghost_init(&ghost, entries, &allocator), HF_OK);
  return ghost;
}

static void free_ghost(hf__ghost *ghost) {
  hf_allocator allocator = hf_allocator_default();
  hf__ghost_free(ghost, &allocator);
}

static void what_went_is_found_once_with_where_it_was(void **state) {
  (void)state;
  test_random random = test_random_start("ghost kinds");
  hf__ghost ghost = ghost_for(ONE_SET);
  uint64_t small = test_random_next(&random);
  uint64_t main = test_random_next(&random);
  hf__ghost_add(&ghost, small, HF__GHOST_OF_SMALL);
  hf__ghost_add(&ghost, main, HF__GHOST_OF_MAIN);
  assert_int_equal(ghost.of_small, 1);
  assert_int_equal(ghost.of_main, 1);
  assert_int_equal(hf__ghost_take(&ghost, main, ONE_SET), HF__GHOST_OF_MAIN);
  assert_int_equal(hf__ghost_take(&ghost, main, ONE_SET), HF__GHOST_NONE);
  assert_int_equal(ghost.of_main, 0);
  assert_int_equal(hf__ghost_take(&ghost, small, ONE_SET), HF__GHOST_OF_SMALL);
  assert_int_equal(hf__ghost_take(&ghost, small, ONE_SET), HF__GHOST_NONE);
  assert_int_equal(ghost.of_small, 0);
  free_ghost(&ghost);
}

/* The hash of number i: no two of the first thousand have the same mark. */
static uint64_t hash_at(uint64_t i) {
  return (i + 1) << 17;
}

static void any_hash_can_be_remembered_and_none_is_at_first(void **state) {
  (void)state;
  hf__ghost ghost = ghost_for(2 * ONE_SET);
  for (uint64_t i = 0; i < 200000; i++) {
    uint64_t hash = i << 45 | i << 17;
    assert_int_equal(hf__ghost_take(&ghost, hash, 2 * ONE_SET), HF__GHOST_NONE);
    hf__ghost_add(&ghost, hash, HF__GHOST_OF_SMALL);
    /* One entry is not half of one for each of the two sets. */
    assert_int_equal(hf__ghost_take(&ghost, hash, 1), HF__GHOST_OF_SMALL);
  }
  free_ghost(&ghost);
}

static void the_oldest_of_a_set_is_overwritten(void **state) {
  (void)state;
  enum { ADDED = 1000 };
  for (uint64_t added = 1; added <= ADDED; added += 37) {
    hf__ghost ghost = ghost_for(ONE_SET);
    for (uint64_t i = 0; i < added; i++) {
      hf__ghost_add(&ghost, hash_at(i), i % 3 == 0 ? HF__GHOST_OF_MAIN : HF__GHOST_OF_SMALL);
    }
    uint64_t kept = added < ONE_SET ? added : ONE_SET;
    assert_int_equal(ghost.of_small + ghost.of_main, kept);
    for (uint64_t i = 0; i < added; i++) {
      hf__ghost_kind kind = i % 3 == 0 ? HF__GHOST_OF_MAIN : HF__GHOST_OF_SMALL;
      assert_int_equal(hf__ghost_take(&ghost, hash_at(i), ONE_SET),
                       i + kept < added ? HF__GHOST_NONE : kind);
    }
    assert_int_equal(ghost.of_small, 0);
    assert_int_equal(ghost.of_main, 0);
    free_ghost(&ghost);
  }
}

static void what_went_long_ago_does_not_count_when_there_are_few_entries(void **state) {
  (void)state;
  for (uint64_t entries = 1; entries <= ONE_SET; entries++) {
    hf__ghost ghost = ghost_for(ONE_SET);
    for (uint64_t i = 0; i < 100; i++) {
      hf__ghost_add(&ghost, hash_at(i), HF__GHOST_OF_SMALL);
    }
    for (uint64_t i = 0; i < 100; i++) {
      assert_int_equal(hf__ghost_take(&ghost, hash_at(i), entries),
                       i + entries < 100 ? HF__GHOST_NONE : HF__GHOST_OF_SMALL);
    }
    free_ghost(&ghost);
  }
}

/* With hashes of which a part of the cache sees only those that have some bits in common. */
static void most_of_what_went_last_is_found_and_hardly_anything_else(void **state) {
  (void)state;
  enum { ENTRIES = 30000, OTHERS = 100000 };
  static const uint64_t common[] = {0, UINT64_C(0xFF00), UINT64_C(0xFF) << 56};
  for (size_t set = 0; set < sizeof common / sizeof *common; set++) {
    test_random random = test_random_start("ghost hashes");
    hf__ghost ghost = ghost_for(ENTRIES);
    uint64_t *hashes = malloc(ENTRIES * sizeof *hashes);
    assert_non_null(hashes);
    for (size_t i = 0; i < ENTRIES; i++) {
      hashes[i] = test_random_next(&random) | common[set];
      hf__ghost_add(&ghost, hashes[i], HF__GHOST_OF_SMALL);
    }
    size_t found = 0;
    for (size_t i = ENTRIES / 2; i < ENTRIES; i++) {
      found += hf__ghost_take(&ghost, hashes[i], ENTRIES) == HF__GHOST_OF_SMALL;
    }
    /* Half of the marks are left: 15 in a set. */
    size_t wrong = 0;
    for (size_t i = 0; i < OTHERS; i++) {
      uint64_t hash = test_random_next(&random) | common[set];
      wrong += hf__ghost_take(&ghost, hash, ENTRIES) != HF__GHOST_NONE;
    }
    assert_true(found > ENTRIES / 2 * 98 / 100);
    assert_in_range(wrong, 1, OTHERS / 1000);
    free(hashes);
    free_ghost(&ghost);
  }
}

static void there_are_marks_for_every_entry(void **state) {
  (void)state;
  assert_int_equal(hf__ghost_bytes(1), 64);
  assert_int_equal(hf__ghost_bytes(30), 64);
  assert_int_equal(hf__ghost_bytes(31), 128);
  assert_int_equal(hf__ghost_bytes(HF_CACHE_MAX_ENTRIES), UINT64_C(4473925) * 64);
}

static void *allocate_ones(void *context, size_t size_bytes, size_t alignment_bytes) {
  hf_allocator hooks = counting_hooks(context);
  void *memory = hooks.allocate(hooks.context, size_bytes, alignment_bytes);
  return memory == NULL ? NULL : memset(memory, 0xFF, size_bytes);
}

static void nothing_is_remembered_of_the_memory_before(void **state) {
  (void)state;
  static counting_allocator counting;
  counting_reset(&counting, 0);
  hf_allocator allocator = counting_hooks(&counting);
  allocator.allocate = allocate_ones;
  hf__ghost ghost;
  assert_int_equal(hf__ghost_init(&ghost, 100, &allocator), HF_OK);
  assert_int_equal(ghost.of_small + ghost.of_main, 0);
  for (size_t set = 0; set < ghost.set_count; set++) {
    for (size_t word = 0; word < HF__GHOST_WORDS; word++) {
      assert_int_equal(ghost.sets[set].words[word], 0);
    }
  }
  hf__ghost_free(&ghost, &allocator);
  assert_int_equal(counting.live_blocks, 0);
}

static void without_memory_there_is_no_ghost(void **state) {
  (void)state;
  static counting_allocator counting;
  counting_reset(&counting, 1);
  hf_allocator allocator = counting_hooks(&counting);
  hf__ghost ghost = {.set_count = 7};
  assert_int_equal(hf__ghost_init(&ghost, 1000, &allocator), HF_ERROR_OUT_OF_MEMORY);
  assert_null(ghost.sets);
  assert_int_equal(ghost.set_count, 7);
  counting_reset(&counting, 0);
  assert_int_equal(hf__ghost_init(&ghost, 1000, &allocator), HF_OK);
  assert_int_equal(counting.live_bytes, hf__ghost_bytes(1000));
  hf__ghost_free(&ghost, &allocator);
  hf__ghost_free(&ghost, &allocator);
  assert_int_equal(counting.live_blocks, 0);
}

/* Of 1,000 entries, after so many finds of one kind. */
static uint64_t target_after(hf__ghost_kind kind, uint64_t of_small, uint64_t of_main,
                             size_t finds) {
  hf__s3fifo rule;
  hf__s3fifo_init(&rule);
  hf__ghost ghost = {.of_small = of_small, .of_main = of_main};
  for (size_t i = 0; i < finds; i++) {
    hf__s3fifo_learn(&rule, kind, &ghost, 1000);
  }
  return (hf__s3fifo_target(&rule, 1000 * 1000) + 500) / 1000;
}

static void the_share_follows_what_is_asked_for_again(void **state) {
  (void)state;
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 0, 0, 0), 100);
  /* By one entry. */
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 500, 500, 10), 110);
  assert_int_equal(target_after(HF__GHOST_OF_MAIN, 500, 500, 10), 90);
  /* No less where there are many of a kind, more where there are few: 199 and the one found. */
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 800, 199, 10), 110);
  assert_int_equal(target_after(HF__GHOST_OF_MAIN, 800, 199, 10), 60);
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 199, 800, 10), 140);
}

static void the_share_has_bounds(void **state) {
  (void)state;
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 500, 500, 5000), 900);
  assert_int_equal(target_after(HF__GHOST_OF_MAIN, 500, 500, 5000), 50);
  /* Also at one find that says all, and in a cache of one entry or none. */
  assert_int_equal(target_after(HF__GHOST_OF_SMALL, 0, HF_CACHE_MAX_ENTRIES, 1), 900);
  assert_int_equal(target_after(HF__GHOST_OF_MAIN, HF_CACHE_MAX_ENTRIES, 0, 1), 50);
  for (uint64_t entries = 0; entries <= 1; entries++) {
    hf__s3fifo rule;
    hf__s3fifo_init(&rule);
    hf__ghost ghost = {.of_main = HF_CACHE_MAX_ENTRIES};
    hf__s3fifo_learn(&rule, HF__GHOST_OF_SMALL, &ghost, entries);
    assert_int_equal(hf__s3fifo_target(&rule, 1000), 899);
    hf__s3fifo_learn(&rule, HF__GHOST_OF_MAIN, &ghost, entries);
    assert_int_equal(hf__s3fifo_target(&rule, 1001), 50);
    assert_int_equal(hf__s3fifo_target(&rule, entries), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_went_is_found_once_with_where_it_was),
      cmocka_unit_test(any_hash_can_be_remembered_and_none_is_at_first),
      cmocka_unit_test(the_oldest_of_a_set_is_overwritten),
      cmocka_unit_test(what_went_long_ago_does_not_count_when_there_are_few_entries),
      cmocka_unit_test(most_of_what_went_last_is_found_and_hardly_anything_else),
      cmocka_unit_test(there_are_marks_for_every_entry),
      cmocka_unit_test(nothing_is_remembered_of_the_memory_before),
      cmocka_unit_test(without_memory_there_is_no_ghost),
      cmocka_unit_test(the_share_follows_what_is_asked_for_again),
      cmocka_unit_test(the_share_has_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
