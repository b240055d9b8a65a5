/*
 * Breakers by name: found again, made once, taken away when nobody needs them, and
 * never more of them than allowed. Races are gone through step by step in
 * test_breaker_registry_steps.c; here threads run into one another.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MS UINT64_C(1000000)
#define SEED UINT64_C(20240229)

/* Places of the table of a registry for so few that it is made of one piece. */
enum { PLACES = 1024, EVERY_PLACE = 1 << 22 };

static counting_allocator counting;

static hf_breaker_registry *registry_of(uint32_t limit, uint64_t seed,
                                        const hf_allocator *allocator) {
  hf_breaker_registry_options options = hf_breaker_registry_options_default();
  options.limit = limit;
  hf_breaker_registry *registry = NULL;
  assert_int_equal(hf_breaker_registry_create(&options, seed, allocator, &registry, NULL), HF_OK);
  return registry;
}

static hf_breaker_pin pin_bytes(hf_breaker_registry *registry, const char *name, size_t length,
                                uint64_t now_ns) {
  hf_breaker_pin pin = {NULL, NULL};
  assert_int_equal(hf_breaker_registry_pin(registry, name, length, now_ns, &pin, NULL), HF_OK);
  assert_non_null(pin.breaker);
  return pin;
}

static hf_breaker_pin pin_name(hf_breaker_registry *registry, const char *name, uint64_t now_ns) {
  return pin_bytes(registry, name, strlen(name), now_ns);
}

/* Makes one and leaves it. */
static void touch(hf_breaker_registry *registry, const char *name, uint64_t now_ns) {
  hf_breaker_pin pin = pin_name(registry, name, now_ns);
  hf_breaker_unpin(&pin, now_ns);
}

/* Finds it without using it later than `now_ns` says. */
static bool is_there(hf_breaker_registry *registry, const char *name, uint64_t now_ns) {
  hf_breaker_pin pin;
  bool found = hf_breaker_registry_find(registry, name, strlen(name), &pin);
  if (found) {
    hf_breaker_unpin(&pin, now_ns);
  }
  return found;
}

static void settle(hf_breaker *breaker, hf_outcome outcome, uint64_t now_ns) {
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(breaker, now_ns, &permit, NULL), HF_OK);
  assert_true(hf_breaker_settle(breaker, &permit, outcome, now_ns, NULL));
}

/* The `index`-th name, counted from 0, that falls into the first place of a piece. */
static void name_in_first_place(uint64_t seed, size_t index, char *name, size_t size) {
  for (unsigned number = 0;; number++) {
    int length = snprintf(name, size, "host-%u", number);
    if (XXH3_64bits_withSeed(name, (size_t)length, seed) % PLACES == 0 && index-- == 0) {
      return;
    }
  }
}

/* Counts bytes, of any number of blocks. */
static struct {
  hf_allocator allocator;
  size_t live_bytes;
} weighing;

static void *weigh(void *context, size_t size, size_t alignment) {
  (void)context;
  weighing.live_bytes += size;
  return weighing.allocator.allocate(weighing.allocator.context, size, alignment);
}

static void unweigh(void *context, void *memory, size_t size, size_t alignment) {
  (void)context;
  weighing.live_bytes -= size;
  weighing.allocator.deallocate(weighing.allocator.context, memory, size, alignment);
}

static hf_allocator scales(void) {
  weighing.allocator = hf_allocator_default();
  return (hf_allocator){weigh, unweigh, NULL};
}

/* Finding and making ------------------------------------------------------- */

static void a_breaker_is_found_again(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  hf_breaker_pin a = pin_name(registry, "a", 5 * MS);
  hf_breaker_pin b = pin_name(registry, "b", 5 * MS);
  assert_true(a.breaker != b.breaker);
  settle(a.breaker, HF_OUTCOME_FAILURE, 5 * MS);
  hf_breaker_pin again = pin_name(registry, "a", 6 * MS);
  assert_ptr_equal(again.breaker, a.breaker);
  hf_breaker_unpin(&a, 6 * MS);
  hf_breaker_unpin(&again, 6 * MS);
  again = pin_name(registry, "a", 7 * MS);
  assert_ptr_equal(again.breaker, a.breaker);
  assert_int_equal(hf_breaker_read(again.breaker, 7 * MS).failures, 1);
  assert_int_equal(hf_breaker_registry_count(registry), 2);
  hf_breaker_unpin(&again, 7 * MS);
  hf_breaker_unpin(&b, 7 * MS);
  hf_breaker_registry_destroy(registry);
  hf_breaker_registry_destroy(NULL);
}

static void finding_makes_nothing(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_breaker_registry *registry = registry_of(100, SEED, &hooks);
  hf_breaker_pin pin = {NULL, NULL};
  assert_false(hf_breaker_registry_find(registry, "a", 1, &pin));
  touch(registry, "a", 0);
  assert_int_equal(counting.allocations, 4); /* the registry, a piece, a breaker, an entry */
  assert_false(hf_breaker_registry_find(registry, "b", 1, &pin));
  assert_null(pin.breaker);
  assert_null(pin.entry);
  assert_true(hf_breaker_registry_find(registry, "a", 1, &pin));
  hf_breaker_unpin(&pin, 0);
  touch(registry, "a", 0);
  assert_int_equal(counting.allocations, 4);
  assert_int_equal(hf_breaker_registry_count(registry), 1);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(counting.live_blocks, 0);
}

static void names_may_be_any_bytes(void **state) {
  (void)state;
  static char bytes[HF_BREAKER_NAME_MAX_BYTES + 1];
  memset(bytes, 'x', sizeof bytes);
  const struct {
    const char *name;
    size_t length;
  } names[] = {
      {NULL, 0}, /* the empty name */
      {"\0", 1},
      {"\0\0", 2},
      {"a", 1},
      {"a\0", 2},
      {"a\0b", 3},
      {"a\0c", 3},
      {bytes, 23},
      {bytes, 24}, /* the last that has room in an entry */
      {bytes, 25},
      {bytes, 88}, /* two lines of the cache, full */
      {bytes, 89},
      {bytes, 300}, /* hashed in another way */
      {bytes, HF_BREAKER_NAME_MAX_BYTES},
  };
  enum { COUNT = sizeof names / sizeof names[0] };
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_breaker_registry *registry = registry_of(100, SEED, &hooks);
  hf_breaker_pin pins[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    pins[i] = pin_bytes(registry, names[i].name, names[i].length, 0);
    for (size_t j = 0; j < i; j++) {
      assert_true(pins[i].breaker != pins[j].breaker);
    }
  }
  for (size_t i = 0; i < COUNT; i++) {
    hf_breaker_pin again = pin_bytes(registry, names[i].name, names[i].length, 0);
    assert_ptr_equal(again.breaker, pins[i].breaker);
  }
  hf_breaker_pin empty = pin_bytes(registry, "", 0, 0);
  assert_ptr_equal(empty.breaker, pins[0].breaker);
  assert_int_equal(hf_breaker_registry_count(registry), COUNT);

  hf_error error = test_untouched_error();
  hf_breaker_pin pin = {NULL, NULL};
  assert_int_equal(hf_breaker_registry_pin(registry, bytes, sizeof bytes, 0, &pin, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_string_equal(error.message,
                      "a circuit breaker's name has 4097 bytes; at most 4096 are allowed");
  assert_false(hf_breaker_registry_find(registry, bytes, sizeof bytes, &pin));
  assert_null(pin.breaker);
  assert_int_equal(hf_breaker_registry_count(registry), COUNT);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(counting.live_blocks, 0);
}

static void options_are_of_the_first_who_pins(void **state) {
  (void)state;
  hf_breaker_registry_options options = hf_breaker_registry_options_default();
  options.breaker.failure_threshold = 1;
  hf_breaker_registry *registry = NULL;
  assert_int_equal(hf_breaker_registry_create(&options, SEED, NULL, &registry, NULL), HF_OK);
  hf_breaker_pin one = pin_name(registry, "one", 0);
  settle(one.breaker, HF_OUTCOME_FAILURE, 0);
  assert_int_equal(hf_breaker_peek(one.breaker, 0), HF_BREAKER_OPEN);

  hf_breaker_options own = hf_breaker_options_default();
  own.failure_threshold = 2;
  hf_breaker_pin two;
  assert_int_equal(hf_breaker_registry_pin_with(registry, "two", 3, &own, 0, &two, NULL), HF_OK);
  settle(two.breaker, HF_OUTCOME_FAILURE, 0);
  assert_int_equal(hf_breaker_peek(two.breaker, 0), HF_BREAKER_CLOSED);
  /* One that is there keeps those it has, and others' are not looked at. */
  own.failure_threshold = 1u << 20;
  hf_breaker_pin again;
  assert_int_equal(hf_breaker_registry_pin_with(registry, "two", 3, &own, 0, &again, NULL), HF_OK);
  assert_ptr_equal(again.breaker, two.breaker);
  settle(two.breaker, HF_OUTCOME_FAILURE, 0);
  assert_int_equal(hf_breaker_peek(two.breaker, 0), HF_BREAKER_OPEN);

  hf_error error = test_untouched_error();
  hf_breaker_pin untouched = {NULL, NULL};
  assert_int_equal(hf_breaker_registry_pin_with(registry, "three", 5, &own, 0, &untouched, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_null(untouched.breaker);
  assert_true(strstr(error.message, "failure_threshold") != NULL);
  assert_int_equal(hf_breaker_registry_count(registry), 2);
  hf_breaker_registry_destroy(registry);
}

/* The memory of a breaker is as long as its own window needs. */
static void each_name_may_have_a_window_of_its_own(void **state) {
  (void)state;
  hf_allocator hooks = scales();
  hf_breaker_registry *registry = registry_of(10, SEED, &hooks);
  const hf_breaker_window kinds[] = {HF_BREAKER_WINDOW_TIME, HF_BREAKER_WINDOW_CALLS,
                                     HF_BREAKER_WINDOW_NONE};
  const char *const names[] = {"time", "calls", "none"};
  hf_breaker_pin pins[3];
  for (size_t i = 0; i < 3; i++) {
    hf_breaker_options own = hf_breaker_options_default();
    own.window = kinds[i];
    own.window_calls = 4096;
    own.minimum_calls = 1000;
    assert_int_equal(
        hf_breaker_registry_pin_with(registry, names[i], strlen(names[i]), &own, 0, &pins[i], NULL),
        HF_OK);
  }
  for (int call = 0; call < 5000; call++) {
    for (size_t i = 0; i < 3; i++) {
      settle(pins[i].breaker, HF_OUTCOME_SUCCESS, 0);
    }
  }
  assert_int_equal(hf_breaker_read(pins[0].breaker, 0).window_calls, 5000);
  assert_int_equal(hf_breaker_read(pins[1].breaker, 0).window_calls, 4096);
  assert_int_equal(hf_breaker_read(pins[2].breaker, 0).window_calls, 0);
  assert_true(hf_breaker_size_bytes(pins[1].breaker) > hf_breaker_size_bytes(pins[0].breaker));
  assert_true(hf_breaker_size_bytes(pins[0].breaker) > hf_breaker_size_bytes(pins[2].breaker));
  for (size_t i = 0; i < 3; i++) {
    hf_breaker_unpin(&pins[i], 0);
  }
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   3);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(weighing.live_bytes, 0);
}

static void options_out_of_range_are_refused(void **state) {
  (void)state;
  static char place;
  const uint32_t limits[] = {0, HF_BREAKER_REGISTRY_MAX_LIMIT + 1, UINT32_MAX};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    hf_breaker_registry_options options = hf_breaker_registry_options_default();
    options.limit = limits[i];
    hf_breaker_registry *registry = (hf_breaker_registry *)(void *)&place;
    hf_error error = test_untouched_error();
    assert_int_equal(hf_breaker_registry_create(&options, SEED, NULL, &registry, &error),
                     HF_ERROR_INVALID_ARGUMENT);
    test_check_message(&error);
    assert_true(strstr(error.message, "limit") != NULL);
    assert_ptr_equal(registry, &place);
  }
  hf_breaker_registry_options options = hf_breaker_registry_options_default();
  options.breaker.probes = 32;
  hf_breaker_registry *registry = (hf_breaker_registry *)(void *)&place;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_breaker_registry_create(&options, SEED, NULL, &registry, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_true(strstr(error.message, "probes") != NULL);
  assert_ptr_equal(registry, &place);
  registry = registry_of(HF_BREAKER_REGISTRY_MAX_LIMIT, SEED, NULL);
  touch(registry, "a", 0);
  hf_breaker_registry_destroy(registry);
}

static void there_are_no_more_than_the_limit(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(3, SEED, NULL);
  touch(registry, "a", 0);
  touch(registry, "b", 0);
  touch(registry, "c", 0);
  hf_error error = test_untouched_error();
  hf_breaker_pin pin = {NULL, NULL};
  assert_int_equal(hf_breaker_registry_pin(registry, "d", 1, 0, &pin, &error),
                   HF_ERROR_REGISTRY_FULL);
  assert_int_equal(error.status, HF_ERROR_REGISTRY_FULL);
  test_check_message(&error);
  assert_string_equal(error.message,
                      "there are 3 circuit breakers, and may not be more: evict those that nobody "
                      "uses, unpin others, or raise the limit");
  assert_null(pin.breaker);
  assert_int_equal(hf_breaker_registry_pin(registry, "d", 1, 0, &pin, NULL),
                   HF_ERROR_REGISTRY_FULL);
  assert_int_equal(hf_breaker_registry_count(registry), 3);
  touch(registry, "b", 0); /* those that are there are found */
  /* One goes, one comes. */
  pin = pin_name(registry, "a", 0);
  hf_breaker_pin other = pin_name(registry, "c", 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   1);
  touch(registry, "d", 0);
  hf_breaker_pin none;
  assert_int_equal(hf_breaker_registry_pin(registry, "b", 1, 0, &none, NULL),
                   HF_ERROR_REGISTRY_FULL);
  hf_breaker_unpin(&pin, 0);
  hf_breaker_unpin(&other, 0);
  hf_breaker_registry_destroy(registry);
}

static void a_pin_survives_every_failing_allocation(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  for (size_t refuse = 1; refuse <= 5; refuse++) {
    counting_reset(&counting, refuse);
    hf_breaker_registry *registry = NULL;
    hf_error error = test_untouched_error();
    hf_status status = hf_breaker_registry_create(NULL, SEED, &hooks, &registry, &error);
    if (refuse == 1) {
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
      assert_null(registry);
      assert_int_equal(counting.live_blocks, 0);
      continue;
    }
    assert_int_equal(status, HF_OK);
    hf_breaker_pin pin = {NULL, NULL};
    status = hf_breaker_registry_pin(registry, "a", 1, 0, &pin, &error);
    if (refuse <= 4) { /* a piece of the table, the breaker, the entry */
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
      assert_null(pin.breaker);
      assert_int_equal(hf_breaker_registry_count(registry), 0);
      assert_true(counting.live_blocks <= 2); /* the registry and perhaps the piece */
      pin = pin_name(registry, "a", 0);
    } else {
      assert_int_equal(status, HF_OK);
    }
    assert_int_equal(hf_breaker_registry_count(registry), 1);
    hf_breaker_unpin(&pin, 0);
    hf_breaker_registry_destroy(registry);
    assert_int_equal(counting.live_blocks, 0);
  }
}

/* Who knows the seed can make a chain as long as he likes, who does not cannot. */
static void chosen_names_do_no_harm_to_another_seed(void **state) {
  (void)state;
  enum { CHOSEN = 150 };
  hf_breaker_registry *known = registry_of(CHOSEN, SEED, NULL);
  hf_breaker_registry *unknown = registry_of(CHOSEN, SEED + 1, NULL);
  for (size_t i = 0; i < CHOSEN; i++) {
    char name[32];
    name_in_first_place(SEED, i, name, sizeof name);
    touch(known, name, 0);
    touch(unknown, name, 0);
  }
  assert_int_equal(hf_breaker_registry_health_read(known, 0).longest_chain, CHOSEN);
  assert_true(hf_breaker_registry_health_read(unknown, 0).longest_chain <= 6);
  hf_breaker_registry_destroy(known);
  hf_breaker_registry_destroy(unknown);
}

/* Eviction ----------------------------------------------------------------- */

static void the_idle_are_evicted(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_breaker_registry *registry = registry_of(100, SEED, &hooks);
  touch(registry, "a", 1000);
  touch(registry, "b", 1500);
  settle(pin_name(registry, "b", 1500).breaker, HF_OUTCOME_SUCCESS, 1500); /* stays pinned */
  size_t blocks = counting.live_blocks;
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1499, 500, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1500, 500, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  assert_int_equal(hf_breaker_registry_count(registry), 1);
  assert_int_equal(counting.live_blocks, blocks - 2); /* its memory is free at once */
  assert_false(is_there(registry, "a", 1500));
  assert_true(is_there(registry, "b", 1500));
  hf_breaker_registry_destroy(registry);
  assert_int_equal(counting.live_blocks, 0);
}

static void an_evicted_breaker_begins_anew(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  hf_breaker_pin pin = pin_name(registry, "a", 0);
  settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
  hf_breaker_unpin(&pin, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   1);
  hf_breaker_options own = hf_breaker_options_default();
  own.failure_threshold = 1;
  assert_int_equal(hf_breaker_registry_pin_with(registry, "a", 1, &own, 0, &pin, NULL), HF_OK);
  assert_int_equal(hf_breaker_read(pin.breaker, 0).successes, 0);
  settle(pin.breaker, HF_OUTCOME_FAILURE, 0);
  assert_int_equal(hf_breaker_peek(pin.breaker, 0), HF_BREAKER_OPEN);
  hf_breaker_registry_destroy(registry);
}

static void what_is_pinned_stays(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  hf_breaker_pin first = pin_name(registry, "a", 0);
  hf_breaker_pin second = pin_name(registry, "a", 0);
  hf_breaker_pin found;
  assert_true(hf_breaker_registry_find(registry, "a", 1, &found));
  assert_int_equal(hf_breaker_registry_evict(registry, 100, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   0);
  hf_breaker_unpin(&first, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 100, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   0);
  hf_breaker_unpin(&second, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 100, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   0);
  settle(found.breaker, HF_OUTCOME_SUCCESS, 0);
  hf_breaker_unpin(&found, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 100, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   1);
  hf_breaker_registry_destroy(registry);
}

static void being_pinned_is_use(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  hf_breaker_pin pin = pin_name(registry, "a", 0);
  hf_breaker_unpin(&pin, 1000);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1099, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_true(hf_breaker_registry_find(registry, "a", 1, &pin));
  hf_breaker_unpin(&pin, 1050);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1149, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1150, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  hf_breaker_registry_destroy(registry);
}

static void a_thread_whose_clock_is_behind_does_not_take_back_the_last_use(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  hf_breaker_pin ahead = pin_name(registry, "a", 0);
  hf_breaker_pin behind = pin_name(registry, "a", 0);
  hf_breaker_unpin(&ahead, 1000);
  hf_breaker_unpin(&behind, 500);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1099, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1100, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  /* One that wraps around goes on. */
  const uint64_t end = UINT64_MAX - 10;
  hf_breaker_pin before = pin_name(registry, "b", end);
  hf_breaker_pin after = pin_name(registry, "b", end);
  hf_breaker_unpin(&before, end);
  hf_breaker_unpin(&after, end + 50);
  assert_int_equal(
      hf_breaker_registry_evict(registry, end + 149, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, end + 150, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  hf_breaker_registry_destroy(registry);
}

/* A clock that goes back makes nothing old; one that wraps around makes nothing young. */
static void a_clock_that_goes_back_evicts_nothing(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  touch(registry, "a", 1000);
  assert_int_equal(hf_breaker_registry_evict(registry, 999, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   0);
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 10, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 1000, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  touch(registry, "b", UINT64_MAX - 9);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 89, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 0);
  assert_int_equal(
      hf_breaker_registry_evict(registry, 90, 100, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), 1);
  hf_breaker_registry_destroy(registry);
}

/* A breaker of a state by hand at 0, or of one failure, that was used then and not since. */
static void leave(hf_breaker_registry *registry, const char *name, hf_breaker_state state) {
  hf_breaker_pin pin = pin_name(registry, name, 0);
  hf_breaker_set_state(pin.breaker, state, 0);
  if (state == HF_BREAKER_CLOSED) {
    settle(pin.breaker, HF_OUTCOME_FAILURE, 0);
  }
  hf_breaker_unpin(&pin, 0);
}

static void what_has_something_to_remember_goes_later(void **state) {
  (void)state;
  enum { IDLE = 100, OPEN_MS = 60000 };
  const uint64_t over = OPEN_MS * MS;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  const hf_breaker_state remembered[] = {HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN};
  for (size_t i = 0; i < sizeof remembered / sizeof remembered[0]; i++) {
    leave(registry, "a", remembered[i]);
    assert_int_equal(hf_breaker_registry_evict(registry, over + 49, IDLE, over + 50, EVERY_PLACE),
                     0);
    assert_true(is_there(registry, "a", 0));
    assert_int_equal(hf_breaker_registry_evict(registry, over + 50, IDLE, over + 50, EVERY_PLACE),
                     1);
    /* No sooner than what has nothing to remember. */
    leave(registry, "a", remembered[i]);
    assert_int_equal(hf_breaker_registry_evict(registry, over, over + 1, 0, EVERY_PLACE), 0);
    assert_int_equal(hf_breaker_registry_evict(registry, over + 1, over + 1, 0, EVERY_PLACE), 1);
  }
  /* An abandoned probe is out. */
  leave(registry, "a", HF_BREAKER_HALF_OPEN);
  hf_breaker_pin pin = pin_name(registry, "a", 0);
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(pin.breaker, 0, &permit, NULL), HF_OK);
  hf_breaker_unpin(&pin, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 49, 0, 50, EVERY_PLACE), 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 50, 0, 50, EVERY_PLACE), 1);
  hf_breaker_registry_destroy(registry);
}

static void what_only_a_hand_or_time_ends_stays(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(100, SEED, NULL);
  leave(registry, "a", HF_BREAKER_OPEN);
  assert_int_equal(hf_breaker_registry_evict(registry, 60000 * MS - 1, 0, 0, EVERY_PLACE), 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 60000 * MS, 0, 0, EVERY_PLACE), 1);
  const hf_breaker_state by_hand[] = {HF_BREAKER_FORCED_OPEN, HF_BREAKER_DISABLED,
                                      HF_BREAKER_METRICS_ONLY};
  for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++) {
    leave(registry, "a", by_hand[i]);
    assert_int_equal(hf_breaker_registry_evict(registry, INT64_MAX, 0, 0, EVERY_PLACE), 0);
    assert_true(is_there(registry, "a", 0));
  }
  hf_breaker_pin pin = pin_name(registry, "a", 0);
  hf_breaker_set_state(pin.breaker, HF_BREAKER_CLOSED, 0);
  settle(pin.breaker, HF_OUTCOME_FAILURE, 0);
  settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
  hf_breaker_unpin(&pin, 0);
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   1);
  hf_breaker_registry_destroy(registry);
}

/* Names from outside, each of which failed, opened, or lost its probe once. */
static void a_registry_does_not_fill_up_for_good(void **state) {
  (void)state;
  enum { LIMIT = 99 };
  const hf_breaker_state left_in[] = {HF_BREAKER_CLOSED, HF_BREAKER_OPEN, HF_BREAKER_HALF_OPEN};
  hf_breaker_registry *registry = registry_of(LIMIT, SEED, NULL);
  for (size_t i = 0; i < LIMIT; i++) {
    char name[32];
    snprintf(name, sizeof name, "%zu", i);
    leave(registry, name, left_in[i % 3]);
  }
  hf_breaker_pin pin;
  assert_int_equal(hf_breaker_registry_pin(registry, "new", 3, 0, &pin, NULL),
                   HF_ERROR_REGISTRY_FULL);
  uint64_t day = HF_BREAKER_REMEMBER_NS;
  assert_int_equal(hf_breaker_registry_evict(registry, day - 1, 0, day, EVERY_PLACE), 0);
  assert_int_equal(hf_breaker_registry_evict(registry, day, 0, day, EVERY_PLACE), LIMIT);
  touch(registry, "new", day);
  hf_breaker_registry_destroy(registry);
}

static void eviction_goes_on_where_it_stopped(void **state) {
  (void)state;
  enum { COUNT = 400, BUDGET = 100 };
  hf_breaker_registry *registry = registry_of(COUNT, SEED, NULL);
  for (size_t i = 0; i < COUNT; i++) {
    char name[32];
    snprintf(name, sizeof name, "%zu", i);
    touch(registry, name, 0);
  }
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, 0), 0);
  size_t evicted = 0;
  for (size_t call = 0; call * BUDGET < PLACES; call++) {
    size_t some = hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, BUDGET);
    assert_true(some > 0 && some < COUNT / 4);
    evicted += some;
  }
  assert_int_equal(evicted, COUNT);
  assert_int_equal(hf_breaker_registry_count(registry), 0);
  /* Not only from the beginning on: what was put behind the cursor is met next time round. */
  touch(registry, "0", 0);
  evicted = 0;
  for (size_t call = 0; call * BUDGET < PLACES; call++) {
    evicted += hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, BUDGET);
  }
  assert_int_equal(evicted, 1);
  hf_breaker_registry_destroy(registry);
}

/* Any of four in one chain, so the first, the middle ones and the last. */
static void a_chain_loses_any_of_its_entries(void **state) {
  (void)state;
  enum { COUNT = 4 };
  char names[COUNT][32];
  for (size_t i = 0; i < COUNT; i++) {
    name_in_first_place(SEED, i, names[i], sizeof names[i]);
  }
  for (unsigned kept = 0; kept < 1u << COUNT; kept++) {
    hf_breaker_registry *registry = registry_of(COUNT, SEED, NULL);
    hf_breaker_pin pins[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
      pins[i] = pin_name(registry, names[i], 0);
    }
    size_t gone = 0;
    for (size_t i = 0; i < COUNT; i++) {
      if ((kept >> i & 1) == 0) {
        hf_breaker_unpin(&pins[i], 0);
        gone++;
      }
    }
    assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, 1), gone);
    for (size_t i = 0; i < COUNT; i++) {
      hf_breaker_pin pin;
      bool found = hf_breaker_registry_find(registry, names[i], strlen(names[i]), &pin);
      assert_int_equal(found, kept >> i & 1);
      assert_true(!found || pin.breaker == pins[i].breaker);
    }
    hf_breaker_registry_destroy(registry);
  }
}

/* Looking ------------------------------------------------------------------ */

typedef struct seen_names {
  size_t calls;
  size_t most;
  size_t of_name[8]; /* names are "0" to "7" */
  uint64_t failures;
} seen_names;

static bool see(void *context, const char *name, size_t length,
                const hf_breaker_snapshot *snapshot) {
  seen_names *seen = context;
  assert_int_equal(length, 1);
  assert_true(name[0] >= '0' && name[0] <= '7');
  seen->of_name[name[0] - '0']++;
  seen->failures += snapshot->failures;
  return ++seen->calls < seen->most;
}

static void each_breaker_is_seen_once(void **state) {
  (void)state;
  hf_breaker_registry *registry = registry_of(1000, SEED, NULL);
  seen_names none = {.most = SIZE_MAX};
  assert_int_equal(hf_breaker_registry_each(registry, 0, see, &none), 0);
  for (char name = '0'; name <= '7'; name++) {
    hf_breaker_pin pin = pin_bytes(registry, &name, 1, 0);
    if (name != '5') {
      settle(pin.breaker, HF_OUTCOME_FAILURE, 0);
    }
    hf_breaker_unpin(&pin, 0);
  }
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   1);
  seen_names seen = {.most = SIZE_MAX};
  assert_int_equal(hf_breaker_registry_each(registry, 0, see, &seen), 7);
  assert_int_equal(seen.calls, 7);
  assert_int_equal(seen.failures, 7);
  for (size_t i = 0; i < 8; i++) {
    assert_int_equal(seen.of_name[i], i != 5);
  }
  seen_names few = {.most = 3};
  assert_int_equal(hf_breaker_registry_each(registry, 0, see, &few), 3);
  assert_int_equal(few.calls, 3);
  hf_breaker_registry_destroy(registry);
}

static void health_is_that_of_the_worst(void **state) {
  (void)state;
  hf_breaker_registry_options options = hf_breaker_registry_options_default();
  options.breaker.open_ms = 10;
  hf_breaker_registry *registry = NULL;
  assert_int_equal(hf_breaker_registry_create(&options, SEED, NULL, &registry, NULL), HF_OK);
  hf_breaker_registry_health health = hf_breaker_registry_health_read(registry, 0);
  assert_int_equal(health.condition, HF_REGISTRY_HEALTHY);
  assert_int_equal(health.count, 0);
  assert_int_equal(health.longest_chain, 0);

  const char *const names[] = {"closed", "off", "metrics", "run", "half", "open", "forced"};
  hf_breaker *breakers[7];
  for (size_t i = 0; i < 7; i++) {
    breakers[i] = pin_name(registry, names[i], 0).breaker;
  }
  settle(breakers[0], HF_OUTCOME_FAILURE, 0);
  settle(breakers[0], HF_OUTCOME_SUCCESS, 0);
  settle(breakers[0], HF_OUTCOME_SLOW, 0);
  settle(breakers[0], HF_OUTCOME_NEUTRAL, 0);
  hf_breaker_set_state(breakers[1], HF_BREAKER_DISABLED, 0);
  hf_breaker_set_state(breakers[2], HF_BREAKER_METRICS_ONLY, 0);
  health = hf_breaker_registry_health_read(registry, 0);
  assert_int_equal(health.condition, HF_REGISTRY_HEALTHY);
  assert_int_equal(health.count, 7);
  assert_int_equal(health.unguarded, 2);
  assert_int_equal(health.degraded, 0);
  assert_int_equal(health.successes, 1);
  assert_int_equal(health.failures, 1);
  assert_int_equal(health.slow, 1);
  assert_int_equal(health.neutral, 1);

  settle(breakers[3], HF_OUTCOME_FAILURE, 0);
  health = hf_breaker_registry_health_read(registry, 0);
  assert_int_equal(health.condition, HF_REGISTRY_DEGRADED);
  assert_int_equal(health.degraded, 1);
  settle(breakers[3], HF_OUTCOME_SUCCESS, 0);
  hf_breaker_set_state(breakers[4], HF_BREAKER_HALF_OPEN, 0);
  health = hf_breaker_registry_health_read(registry, 0);
  assert_int_equal(health.condition, HF_REGISTRY_DEGRADED);
  assert_int_equal(health.half_open, 1);
  assert_int_equal(health.degraded, 0);

  hf_permit late;
  assert_int_equal(hf_breaker_acquire(breakers[5], 0, &late, NULL), HF_OK);
  hf_breaker_set_state(breakers[5], HF_BREAKER_OPEN, 0);
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(breakers[5], 0, &permit, NULL), HF_ERROR_CIRCUIT_OPEN);
  assert_false(hf_breaker_settle(breakers[5], &late, HF_OUTCOME_SUCCESS, 0, NULL));
  health = hf_breaker_registry_health_read(registry, 0);
  assert_int_equal(health.condition, HF_REGISTRY_UNHEALTHY);
  assert_int_equal(health.open, 1);
  assert_int_equal(health.opens, 1);
  assert_int_equal(health.refused, 1);
  assert_int_equal(health.late, 1);
  /* Its time is over. */
  health = hf_breaker_registry_health_read(registry, 10 * MS);
  assert_int_equal(health.condition, HF_REGISTRY_DEGRADED);
  assert_int_equal(health.open, 0);
  assert_int_equal(health.half_open, 2);
  settle(breakers[5], HF_OUTCOME_SUCCESS, 10 * MS);
  settle(breakers[5], HF_OUTCOME_SUCCESS, 10 * MS);
  assert_int_equal(hf_breaker_registry_health_read(registry, 10 * MS).closes, 1);

  hf_breaker_set_state(breakers[6], HF_BREAKER_FORCED_OPEN, 0);
  health = hf_breaker_registry_health_read(registry, 10 * MS);
  assert_int_equal(health.condition, HF_REGISTRY_UNHEALTHY);
  assert_int_equal(health.forced_open, 1);
  assert_int_equal(health.count, 7);
  hf_breaker_registry_destroy(registry);
}

/* 40 percent open it, so 20 are half way, of 20 calls or more. */
static void a_window_half_way_is_degraded(void **state) {
  (void)state;
  hf_breaker_options options = hf_breaker_options_default();
  options.window = HF_BREAKER_WINDOW_CALLS;
  options.minimum_calls = 20;
  options.failure_rate_percent = 40;
  options.slow_rate_percent = 40;
  const hf_outcome bad[] = {HF_OUTCOME_FAILURE, HF_OUTCOME_SLOW};
  for (size_t i = 0; i < 2; i++) {
    hf_breaker_registry *registry = registry_of(10, SEED, NULL);
    hf_breaker_pin pin;
    assert_int_equal(hf_breaker_registry_pin_with(registry, "a", 1, &options, 0, &pin, NULL),
                     HF_OK);
    for (int call = 0; call < 3; call++) {
      settle(pin.breaker, bad[i], 0);
    }
    for (int call = 0; call < 11; call++) {
      settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    }
    /* 3 of 14 are enough, but the calls are too few. */
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).degraded, 0);
    for (int call = 0; call < 6; call++) {
      settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    }
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).degraded, 0); /* 3 of 20 */
    settle(pin.breaker, bad[i], 0);
    settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).degraded, 0); /* 4 of 22 */
    settle(pin.breaker, bad[i], 0);
    settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    /* 5 of 24 */
    hf_breaker_registry_health health = hf_breaker_registry_health_read(registry, 0);
    assert_int_equal(health.degraded, 1);
    assert_int_equal(health.condition, HF_REGISTRY_DEGRADED);
    assert_int_equal(health.open, 0);
    settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).degraded, 1); /* 5 of 25 */
    settle(pin.breaker, HF_OUTCOME_SUCCESS, 0);
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).degraded, 0); /* 5 of 26 */
    hf_breaker_registry_destroy(registry);
  }
}

static void every_condition_has_its_name(void **state) {
  (void)state;
  assert_string_equal(hf_registry_condition_name(HF_REGISTRY_HEALTHY), "healthy");
  assert_string_equal(hf_registry_condition_name(HF_REGISTRY_DEGRADED), "degraded");
  assert_string_equal(hf_registry_condition_name(HF_REGISTRY_UNHEALTHY), "unhealthy");
  assert_string_equal(hf_registry_condition_name((hf_registry_condition)3), "unknown");
}

/* Readers ------------------------------------------------------------------ */

typedef struct inside {
  hf_breaker_registry *registry;
  size_t evicted;
  size_t evicted_later;
  size_t count;
  size_t live_bytes;
} inside;

/* Evicts while its caller is looking, twice. */
static bool evict_inside(void *context, const char *name, size_t length,
                         const hf_breaker_snapshot *snapshot) {
  (void)snapshot;
  inside *in = context;
  in->evicted += hf_breaker_registry_evict(in->registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE);
  in->evicted_later +=
      hf_breaker_registry_evict(in->registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE);
  in->count = hf_breaker_registry_count(in->registry);
  in->live_bytes = weighing.live_bytes;
  /* What this reader was shown is still there: the address sanitizer looks on. */
  assert_true(length > 0 && name[0] >= '0' && name[0] <= '9');
  return false;
}

static void nothing_is_freed_while_somebody_looks(void **state) {
  (void)state;
  enum { COUNT = 700, MOST_ASIDE = 512 };
  hf_allocator hooks = scales();
  hf_breaker_registry *registry = registry_of(COUNT, SEED, &hooks);
  for (size_t i = 0; i < COUNT; i++) {
    char name[32];
    snprintf(name, sizeof name, "%zu", i);
    touch(registry, name, 0);
  }
  size_t bytes = weighing.live_bytes;
  inside in = {.registry = registry};
  assert_int_equal(hf_breaker_registry_each(registry, 0, evict_inside, &in), 1);
  /* No more than so many wait for the reader to go. */
  assert_int_equal(in.evicted, MOST_ASIDE);
  assert_int_equal(in.evicted_later, 0);
  assert_int_equal(in.count, COUNT - MOST_ASIDE);
  assert_int_equal(in.live_bytes, bytes);
  assert_int_equal(hf_breaker_registry_health_read(registry, 0).count, COUNT - MOST_ASIDE);
  /* It has gone. */
  assert_int_equal(hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE),
                   COUNT - MOST_ASIDE);
  assert_int_equal(hf_breaker_registry_count(registry), 0);
  assert_true(weighing.live_bytes < bytes / 10);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(weighing.live_bytes, 0);
}

static void what_waits_is_freed_with_the_registry(void **state) {
  (void)state;
  hf_allocator hooks = scales();
  hf_breaker_registry *registry = registry_of(10, SEED, &hooks);
  touch(registry, "1", 0);
  touch(registry, "2", 0);
  size_t bytes = weighing.live_bytes;
  inside in = {.registry = registry};
  assert_int_equal(hf_breaker_registry_each(registry, 0, evict_inside, &in), 1);
  assert_int_equal(in.evicted, 2);
  assert_int_equal(weighing.live_bytes, bytes);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(weighing.live_bytes, 0);
}

/* Evicts from within the freeing of what another eviction took away. */
static void free_and_evict(void *context, void *memory, size_t size, size_t alignment) {
  inside *in = context;
  hf_allocator from = hf_allocator_default();
  from.deallocate(from.context, memory, size, alignment);
  if (in->registry != NULL) {
    in->evicted_later +=
        hf_breaker_registry_evict(in->registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE);
  }
}

static void *take_from_default(void *context, size_t size, size_t alignment) {
  (void)context;
  hf_allocator from = hf_allocator_default();
  return from.allocate(from.context, size, alignment);
}

static void one_evicts_at_a_time(void **state) {
  (void)state;
  enum { COUNT = 600 };
  inside in = {.registry = NULL};
  hf_allocator hooks = {take_from_default, free_and_evict, &in};
  in.registry = registry_of(COUNT, SEED, &hooks);
  for (size_t i = 0; i < COUNT; i++) {
    char name[32];
    snprintf(name, sizeof name, "%zu", i);
    touch(in.registry, name, 0);
  }
  assert_int_equal(
      hf_breaker_registry_evict(in.registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE), COUNT);
  assert_int_equal(in.evicted_later, 0);
  hf_breaker_registry *registry = in.registry;
  in.registry = NULL;
  hf_breaker_registry_destroy(registry);
}

/* Threads ------------------------------------------------------------------ */

enum { THREADS = 8, ROUNDS = TEST_HAS_SANITIZER ? 3000 : 20000, SHARED_NAMES = 300 };

/* cmocka's assertions belong to the thread that runs the test. */
typedef struct worker {
  pthread_t thread;
  hf_breaker_registry *registry;
  uint32_t number;
  atomic_uint *running;
  uint32_t failures; /* what went wrong */
  uint32_t made;
  hf_breaker_pin pins[SHARED_NAMES];
} worker;

/* Runs the same body on every thread; returns how much went wrong. */
static uint32_t run_threads(void *(*body)(void *), worker *workers, hf_breaker_registry *registry) {
  atomic_uint running = THREADS;
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){.registry = registry, .number = i, .running = &running};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
  }
  uint32_t failures = 0;
  for (uint32_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    failures += workers[i].failures;
  }
  return failures;
}

static bool pin_number(hf_breaker_registry *registry, uint32_t number, uint64_t now_ns,
                       hf_breaker_pin *pin) {
  char name[32];
  int length = snprintf(name, sizeof name, "tenant-%u", (unsigned)number);
  return hf_breaker_registry_pin(registry, name, (size_t)length, now_ns, pin, NULL) == HF_OK;
}

static void *make_the_same(void *argument) {
  worker *self = argument;
  for (uint32_t i = 0; i < SHARED_NAMES; i++) {
    self->failures += !pin_number(self->registry, i, 0, &self->pins[i]);
  }
  return NULL;
}

static void a_name_has_one_breaker_for_all_threads(void **state) {
  (void)state;
  static worker workers[THREADS];
  for (int round = 0; round < 20; round++) {
    hf_breaker_registry *registry = registry_of(1000, SEED + (uint64_t)round, NULL);
    assert_int_equal(run_threads(make_the_same, workers, registry), 0);
    for (size_t thread = 1; thread < THREADS; thread++) {
      for (size_t i = 0; i < SHARED_NAMES; i++) {
        assert_ptr_equal(workers[thread].pins[i].breaker, workers[0].pins[i].breaker);
      }
    }
    assert_int_equal(hf_breaker_registry_count(registry), SHARED_NAMES);
    assert_int_equal(hf_breaker_registry_health_read(registry, 0).count, SHARED_NAMES);
    hf_breaker_registry_destroy(registry);
  }
}

static void *make_others(void *argument) {
  worker *self = argument;
  for (uint32_t i = 0; i < SHARED_NAMES; i++) {
    hf_breaker_pin pin;
    self->made += pin_number(self->registry, i * THREADS + self->number, 0, &pin);
  }
  return NULL;
}

static void threads_make_no_more_than_the_limit(void **state) {
  (void)state;
  enum { LIMIT = THREADS * SHARED_NAMES / 2 };
  static worker workers[THREADS];
  hf_breaker_registry *registry = registry_of(LIMIT, SEED, NULL);
  assert_int_equal(run_threads(make_others, workers, registry), 0);
  uint32_t made = 0;
  for (size_t i = 0; i < THREADS; i++) {
    made += workers[i].made;
  }
  assert_int_equal(made, LIMIT);
  assert_int_equal(hf_breaker_registry_count(registry), LIMIT);
  hf_breaker_registry_destroy(registry);
}

static bool touch_name(void *context, const char *name, size_t length,
                       const hf_breaker_snapshot *snapshot) {
  uint32_t *failures = context;
  *failures += length < 8 || memcmp(name, "tenant-", 7) != 0 || snapshot->successes > UINT32_MAX;
  return true;
}

/* Few names, so that they come and go all the while: two threads take away whatever they
 * can, and look at all, as long as the others are at it. */
static void *come_and_go(void *argument) {
  worker *self = argument;
  test_random random = {.state = self->number};
  while (self->number < 2 && atomic_load_explicit(self->running, memory_order_relaxed) > 2) {
    (void)hf_breaker_registry_evict(self->registry, 0, 0, HF_BREAKER_REMEMBER_NS, PLACES);
    (void)hf_breaker_registry_each(self->registry, 0, touch_name, &self->failures);
    (void)hf_breaker_registry_health_read(self->registry, 0);
  }
  for (uint32_t round = 0; self->number >= 2 && round < ROUNDS; round++) {
    uint32_t name = test_random_below(&random, 16);
    hf_breaker_pin pin;
    hf_breaker_pin again;
    if (!pin_number(self->registry, name, 0, &pin)) {
      self->failures++;
      continue;
    }
    hf_permit permit;
    self->failures += hf_breaker_acquire(pin.breaker, 0, &permit, NULL) != HF_OK;
    self->failures += !hf_breaker_settle(pin.breaker, &permit, HF_OUTCOME_SUCCESS, 0, NULL);
    /* As long as it is pinned there is no other. */
    bool found = pin_number(self->registry, name, 0, &again);
    self->failures += !found || again.breaker != pin.breaker;
    if (found) {
      hf_breaker_unpin(&again, 0);
    }
    hf_breaker_unpin(&pin, 0);
  }
  atomic_fetch_sub_explicit(self->running, 1, memory_order_relaxed);
  return NULL;
}

static void the_pinned_outlive_eviction_by_other_threads(void **state) {
  (void)state;
  static worker workers[THREADS];
  hf_breaker_registry *registry = registry_of(SHARED_NAMES, SEED, NULL);
  assert_int_equal(run_threads(come_and_go, workers, registry), 0);
  (void)hf_breaker_registry_evict(registry, 0, 0, HF_BREAKER_REMEMBER_NS, EVERY_PLACE);
  assert_int_equal(hf_breaker_registry_count(registry), 0);
  hf_breaker_registry_destroy(registry);
}

/* A lot ---------------------------------------------------------------------- */

static void a_million_are_found_and_evicted(void **state) {
  (void)state;
  enum { MANY = TEST_HAS_SANITIZER ? 50000 : 1000000, STEP = 1 << 14 };
  hf_allocator hooks = scales();
  hf_breaker_registry *registry = registry_of(MANY, SEED, &hooks);
  hf_breaker **breakers = malloc(MANY * sizeof *breakers);
  assert_non_null(breakers);
  hf_breaker_pin pin;
  for (uint32_t i = 0; i < MANY; i++) {
    assert_true(pin_number(registry, i, i, &pin));
    breakers[i] = pin.breaker;
    hf_breaker_unpin(&pin, i);
  }
  assert_false(pin_number(registry, MANY, MANY, &pin));
  for (uint32_t i = 0; i < MANY; i++) {
    assert_true(pin_number(registry, i, i, &pin));
    assert_ptr_equal(pin.breaker, breakers[i]);
    hf_breaker_unpin(&pin, i);
  }
  hf_breaker_registry_health health = hf_breaker_registry_health_read(registry, MANY);
  assert_int_equal(health.count, MANY);
  assert_true(health.longest_chain <= 12);
  printf("%d breakers: %.1f bytes each, at most %zu in one place\n", MANY,
         (double)weighing.live_bytes / (double)MANY, health.longest_chain);
  /* The older half goes, in small steps. */
  size_t evicted = 0;
  for (size_t gone = 0; gone < (size_t)MANY * 5; gone += STEP) {
    evicted += hf_breaker_registry_evict(registry, MANY, MANY / 2, HF_BREAKER_REMEMBER_NS, STEP);
  }
  assert_int_equal(evicted, MANY / 2 + 1);
  assert_int_equal(hf_breaker_registry_count(registry), MANY - evicted);
  for (uint32_t i = 0; i < MANY; i++) {
    char name[32];
    int length = snprintf(name, sizeof name, "tenant-%u", (unsigned)i);
    bool found = hf_breaker_registry_find(registry, name, (size_t)length, &pin);
    assert_int_equal(found, i > MANY / 2);
    if (found) {
      assert_ptr_equal(pin.breaker, breakers[i]);
      hf_breaker_unpin(&pin, i);
    }
  }
  free(breakers);
  hf_breaker_registry_destroy(registry);
  assert_int_equal(weighing.live_bytes, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_breaker_is_found_again),
      cmocka_unit_test(finding_makes_nothing),
      cmocka_unit_test(names_may_be_any_bytes),
      cmocka_unit_test(options_are_of_the_first_who_pins),
      cmocka_unit_test(each_name_may_have_a_window_of_its_own),
      cmocka_unit_test(options_out_of_range_are_refused),
      cmocka_unit_test(there_are_no_more_than_the_limit),
      cmocka_unit_test(a_pin_survives_every_failing_allocation),
      cmocka_unit_test(chosen_names_do_no_harm_to_another_seed),
      cmocka_unit_test(the_idle_are_evicted),
      cmocka_unit_test(an_evicted_breaker_begins_anew),
      cmocka_unit_test(what_is_pinned_stays),
      cmocka_unit_test(being_pinned_is_use),
      cmocka_unit_test(a_thread_whose_clock_is_behind_does_not_take_back_the_last_use),
      cmocka_unit_test(a_clock_that_goes_back_evicts_nothing),
      cmocka_unit_test(what_has_something_to_remember_goes_later),
      cmocka_unit_test(what_only_a_hand_or_time_ends_stays),
      cmocka_unit_test(a_registry_does_not_fill_up_for_good),
      cmocka_unit_test(eviction_goes_on_where_it_stopped),
      cmocka_unit_test(a_chain_loses_any_of_its_entries),
      cmocka_unit_test(each_breaker_is_seen_once),
      cmocka_unit_test(health_is_that_of_the_worst),
      cmocka_unit_test(a_window_half_way_is_degraded),
      cmocka_unit_test(every_condition_has_its_name),
      cmocka_unit_test(nothing_is_freed_while_somebody_looks),
      cmocka_unit_test(what_waits_is_freed_with_the_registry),
      cmocka_unit_test(one_evicts_at_a_time),
      cmocka_unit_test(a_name_has_one_breaker_for_all_threads),
      cmocka_unit_test(threads_make_no_more_than_the_limit),
      cmocka_unit_test(the_pinned_outlive_eviction_by_other_threads),
      cmocka_unit_test(a_million_are_found_and_evicted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
