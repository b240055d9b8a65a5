/*
 * The registry's races, one step at a time. Its source is compiled into this program
 * with something in front of each atomic operation, so that a whole operation of
 * "another thread" can happen there, and in that one again another's. All of it is one
 * thread, and each run is the same as the last.
 *
 * After each run no breaker is lost, doubled, leaked, or taken from who has pinned it.
 * Memory that was given back is kept aside and must not be written any more; that it is
 * not read either the address sanitizer sees.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step(void);

#define HF__LOAD(object, order) (step(), atomic_load_explicit(object, order))
#define HF__STORE(object, value, order) (step(), atomic_store_explicit(object, value, order))
#define HF__ADD(object, value, order) (step(), atomic_fetch_add_explicit(object, value, order))
#define HF__SWAP_IF(object, expected, value, order)                                                \
  (step(),                                                                                         \
   atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_relaxed))
#define HF__SWAP_IF_ACQUIRE(object, expected, value, order)                                        \
  (step(),                                                                                         \
   atomic_compare_exchange_strong_explicit(object, expected, value, order, memory_order_acquire))
#define HF__FENCE(order) atomic_thread_fence(order)

/* Each reader runs on the next processor, unless it is said on which. */
#include "processor.h"
static unsigned next_processor(void);
#define hf__processor() next_processor()

/* All names fall into one place of the table, and only their bytes tell them apart. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#undef XXH3_64bits_withSeed
#define XXH3_64bits_withSeed(bytes, length_bytes, seed)                                            \
  ((void)(bytes), (void)(length_bytes), (void)(seed), UINT64_C(0))

/* Not the library's: with the steps above. */
#include "breaker_registry.c"

#include "hf_test.h"

static struct {
  unsigned number;
  bool stays;
} processor;

static unsigned next_processor(void) {
  processor.number += !processor.stays;
  return processor.number;
}

/* Memory ------------------------------------------------------------------- */

enum { MOST_BLOCKS = 64, GONE = 0xdd };

static struct {
  struct {
    unsigned char *memory;
    size_t size;
    bool gone;
  } blocks[MOST_BLOCKS];
  size_t count;
  size_t live;
} heap;

static void *take(void *context, size_t size, size_t alignment) {
  (void)context;
  assert_true(heap.count < MOST_BLOCKS);
  void *memory = NULL;
  assert_int_equal(posix_memalign(&memory, alignment, size), 0);
  heap.blocks[heap.count].memory = memory;
  heap.blocks[heap.count].size = size;
  heap.blocks[heap.count].gone = false;
  heap.count++;
  heap.live++;
  return memory;
}

static void give_back(void *context, void *memory, size_t size, size_t alignment) {
  (void)context;
  (void)alignment;
  for (size_t i = 0; i < heap.count; i++) {
    if (heap.blocks[i].memory == memory && !heap.blocks[i].gone) {
      assert_int_equal(heap.blocks[i].size, size);
      heap.blocks[i].gone = true;
      heap.live--;
      if (TEST_HAS_SANITIZER) {
        free(memory);
      } else {
        memset(memory, GONE, size);
      }
      return;
    }
  }
  fail_msg("a block was given back that is not in use");
}

/* Nothing was written into what was given back. */
static void check_heap(void) {
  for (size_t i = 0; i < heap.count && !TEST_HAS_SANITIZER; i++) {
    const unsigned char *memory = heap.blocks[i].memory;
    assert_true(memory[0] == GONE);
    assert_memory_equal(memory, memory + 1, heap.blocks[i].size - 1); /* so all are GONE */
    free(heap.blocks[i].memory);
  }
  heap.count = 0;
}

/* What others do ----------------------------------------------------------- */

enum { NAMES = 2, MOST_PINS = 8, SEED = 7, FIRST_OPERATIONS_STEPS = 90 };

static const char *const names[NAMES] = {"left", "right"};

static struct {
  hf_breaker_registry *registry;
  hf_breaker_pin held[MOST_PINS]; /* of the first name */
  size_t held_count;
  uint32_t failures; /* told to the first name's breaker */
} world;

static hf_breaker_pin pin_name(size_t name) {
  hf_breaker_pin pin = {NULL, NULL};
  assert_int_equal(
      hf_breaker_registry_pin(world.registry, names[name], strlen(names[name]), 0, &pin, NULL),
      HF_OK);
  return pin;
}

static void fail_first(void) {
  hf_breaker_pin pin = pin_name(0);
  hf_permit permit;
  assert_int_equal(hf_breaker_acquire(pin.breaker, 0, &permit, NULL), HF_OK);
  assert_true(hf_breaker_settle(pin.breaker, &permit, HF_OUTCOME_FAILURE, 0, NULL));
  world.failures++;
  hf_breaker_unpin(&pin, 0);
}

static void hold_first(void) {
  hf_breaker_pin pin = pin_name(0);
  world.held[world.held_count++] = pin;
}

static void find_first(void) {
  hf_breaker_pin pin;
  if (hf_breaker_registry_find(world.registry, names[0], strlen(names[0]), &pin)) {
    (void)hf_breaker_peek(pin.breaker, 0);
    hf_breaker_unpin(&pin, 0);
  }
}

static void use_second(void) {
  hf_breaker_pin pin = pin_name(1);
  hf_breaker_unpin(&pin, 0);
}

static void evict_both(void) {
  if (atomic_load_explicit(&world.registry->evicting, memory_order_relaxed) == 0) {
    world.registry->cursor = 0;
  }
  (void)hf_breaker_registry_evict(world.registry, 0, 0, HF_BREAKER_REMEMBER_NS, 1);
}

/* Readers go to the other count: as when somebody evicts while others look on. */
static void use_other_count(void) {
  atomic_fetch_xor_explicit(&world.registry->current, 1, memory_order_relaxed);
}

static bool see_name(void *context, const char *name, size_t length,
                     const hf_breaker_snapshot *snapshot) {
  size_t *seen = context;
  (void)snapshot;
  for (size_t i = 0; i < NAMES; i++) {
    seen[i] += strlen(names[i]) == length && memcmp(names[i], name, length) == 0;
  }
  return true;
}

static size_t depth; /* how many operations have been interrupted */

static void look(void) {
  size_t seen[NAMES] = {0, 0};
  (void)hf_breaker_registry_each(world.registry, 0, see_name, seen);
  if (depth > 0) {
    /* Nobody came in: no evicted one is seen beside that which was made after it. */
    assert_true(seen[0] <= 1 && seen[1] <= 1);
  }
}

typedef void (*operation)(void);

static const operation operations[] = {fail_first, hold_first, find_first,     use_second,
                                       evict_both, look,       use_other_count};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

/* Steps -------------------------------------------------------------------- */

/* Up to two others come in: the second either after the first, into the same operation,
 * or into the first. */
enum { MOST_DEPTH = 2 };

typedef struct interruption {
  size_t depth; /* into which operation: 0, or 1 for the first interruption's */
  size_t at;    /* before which of its steps */
  operation does;
  bool happened;
} interruption;

static interruption plan[MOST_DEPTH];
static size_t steps[MOST_DEPTH + 1];
static bool stepping;

static void step(void) {
  if (!stepping) {
    return;
  }
  steps[depth]++;
  for (size_t i = 0; i < MOST_DEPTH; i++) {
    if (plan[i].does != NULL && !plan[i].happened && plan[i].depth == depth &&
        plan[i].at == steps[depth]) {
      plan[i].happened = true;
      depth++;
      steps[depth] = 0;
      plan[i].does();
      depth--;
    }
  }
}

/* Runs ---------------------------------------------------------------------- */

/* Which names are there at first, in which order. */
static const int beginnings[][NAMES + 1] = {{-1}, {0, -1}, {1, -1}, {0, 1, -1}, {1, 0, -1}};
enum { BEGINNINGS = sizeof beginnings / sizeof beginnings[0] };

static void begin(size_t beginning) {
  hf_breaker_registry_options options = hf_breaker_registry_options_default();
  options.limit = 10;
  hf_allocator hooks = {take, give_back, NULL};
  assert_int_equal(hf_breaker_registry_create(&options, SEED, &hooks, &world.registry, NULL),
                   HF_OK);
  world.held_count = 0;
  world.failures = 0;
  for (size_t i = 0; beginnings[beginning][i] >= 0; i++) {
    hf_breaker_pin pin = pin_name((size_t)beginnings[beginning][i]);
    hf_breaker_unpin(&pin, 0);
  }
  depth = 0;
  memset(steps, 0, sizeof steps);
}

static void check(void) {
  size_t seen[NAMES] = {0, 0};
  size_t all = hf_breaker_registry_each(world.registry, 0, see_name, seen);
  assert_int_equal(all, seen[0] + seen[1]);
  assert_true(seen[0] <= 1 && seen[1] <= 1);
  assert_int_equal(hf_breaker_registry_count(world.registry), all);
  for (size_t i = 0; i < READER_COUNTS; i++) {
    const atomic_uint_least64_t *count = &world.registry->readers[i / 2].counts[i % 2];
    assert_int_equal(atomic_load_explicit(count, memory_order_relaxed), 0);
  }
  if (world.held_count + world.failures > 0) {
    assert_int_equal(seen[0], 1);
    hf_breaker_pin pin = pin_name(0);
    for (size_t i = 0; i < world.held_count; i++) {
      assert_ptr_equal(world.held[i].breaker, pin.breaker);
    }
    hf_breaker_snapshot snapshot = hf_breaker_read(pin.breaker, 0);
    assert_int_equal(snapshot.consecutive_failures, world.failures);
    hf_breaker_reset(pin.breaker, 0);
    hf_breaker_unpin(&pin, 0);
  }
}

static void end(void) {
  size_t pins = world.held_count;
  evict_both();
  if (pins > 0) {
    find_first(); /* it is still whole */
  }
  for (size_t i = 0; i < pins; i++) {
    hf_breaker_unpin(&world.held[i], 0);
  }
  evict_both();
  assert_int_equal(hf_breaker_registry_count(world.registry), 0);
  assert_int_equal(world.registry->aside_count, 0);
  assert_true(heap.live <= 2); /* the registry, and a piece if there was ever a name */
  hf_breaker_registry_destroy(world.registry);
  assert_int_equal(heap.live, 0);
  check_heap();
}

/* Returns how many interruptions there were. */
static size_t run(size_t beginning, operation first) {
  begin(beginning);
  stepping = true;
  first();
  stepping = false;
  size_t happened = 0;
  for (size_t i = 0; i < MOST_DEPTH; i++) {
    happened += plan[i].happened;
  }
  check();
  end();
  return happened;
}

static void plan_one(size_t i, size_t into, size_t at, operation does) {
  plan[i] = (interruption){.depth = into, .at = at, .does = does, .happened = false};
}

static void another_comes_in_anywhere(void **state) {
  (void)state;
  size_t runs = 0;
  for (size_t beginning = 0; beginning < BEGINNINGS; beginning++) {
    for (size_t a = 0; a < OPERATIONS; a++) {
      for (size_t b = 0; b < OPERATIONS; b++) {
        size_t happened = 1;
        for (size_t at = 1; happened == 1 && at <= FIRST_OPERATIONS_STEPS; at++) {
          plan_one(0, 0, at, operations[b]);
          plan_one(1, 0, 0, NULL);
          happened = run(beginning, operations[a]);
          runs++;
        }
      }
    }
  }
  printf("%zu runs\n", runs);
}

/* The second after the first has gone, or in the middle of it. */
static void two_come_in_anywhere(void **state) {
  (void)state;
  size_t runs = 0;
  for (size_t into = 0; into <= 1; into++) {
    for (size_t beginning = 0; beginning < BEGINNINGS; beginning += 2) {
      for (size_t ops = 0; ops < OPERATIONS * OPERATIONS * OPERATIONS; ops++) {
        operation a = operations[ops % OPERATIONS];
        operation b = operations[ops / OPERATIONS % OPERATIONS];
        operation c = operations[ops / OPERATIONS / OPERATIONS];
        if (a == look || b == look || a == use_other_count) {
          continue; /* long, and as a reader like find_first */
        }
        for (size_t at = 1; at <= FIRST_OPERATIONS_STEPS; at++) {
          size_t later = into == 0 ? at : 1;
          size_t happened = 2;
          for (; happened == 2 && later <= FIRST_OPERATIONS_STEPS; later++) {
            plan_one(0, 0, at, b);
            plan_one(1, into, later, c);
            happened = run(beginning, a);
            runs++;
          }
          if (happened == 0) {
            break;
          }
        }
      }
    }
  }
  printf("%zu runs\n", runs);
}

/* One story each ------------------------------------------------------------- */

static void plan_nothing(void) {
  plan_one(0, 0, 0, NULL);
  plan_one(1, 0, 0, NULL);
}

static void find_second(void) {
  hf_breaker_pin pin;
  if (hf_breaker_registry_find(world.registry, names[1], strlen(names[1]), &pin)) {
    (void)hf_breaker_peek(pin.breaker, 0);
    hf_breaker_unpin(&pin, 0);
  }
}

static reader stuck;

/* The second is taken out while the first still waits for a reader, who then goes. */
static void evict_around_the_stuck(void) {
  evict_both();
  end_reading(stuck);
  evict_both();
}

/* A reader that came after another had begun to be waited for, and was not seen then, has
 * to be waited for by what is taken out later. */
static void what_comes_later_waits_anew(void **state) {
  (void)state;
  size_t happened = 1;
  for (size_t at = 1; happened > 0; at++) {
    plan_nothing();
    begin(1); /* the first name */
    stuck = begin_reading(world.registry);
    evict_both();
    assert_int_equal(world.registry->aside_count, 1);
    use_second();
    depth = 0;
    memset(steps, 0, sizeof steps);
    plan_one(0, 0, at, evict_around_the_stuck);
    stepping = true;
    find_second();
    stepping = false;
    happened = plan[0].happened;
    if (happened == 0) {
      end_reading(stuck);
    }
    check();
    end();
  }
}

/* New readers do not keep what waits for old ones, though they are on the same processor. */
static void new_readers_do_not_hold_up_freeing(void **state) {
  (void)state;
  plan_nothing();
  processor.stays = true;
  begin(1);
  for (int round = 0; round < 4; round++) {
    use_second();
    reader old = begin_reading(world.registry);
    evict_both();
    assert_true(world.registry->aside_count > 0);
    reader fresh = begin_reading(world.registry);
    evict_both();
    assert_true(world.registry->aside_count > 0);
    end_reading(old);
    evict_both();
    assert_int_equal(world.registry->aside_count, 0);
    end_reading(fresh);
  }
  end();
  processor.stays = false;
}

static void names_of_one_hash_are_told_apart(void **state) {
  (void)state;
  plan_nothing();
  begin(0);
  /* Of one length; longer and shorter ones that begin the same; with another end. */
  const char *const alike[] = {"left", "lift", "lef", "lefts", "", "lefty"};
  enum { COUNT = sizeof alike / sizeof alike[0] };
  hf_breaker *breakers[COUNT];
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < COUNT; i++) {
      hf_breaker_pin pin;
      assert_int_equal(
          hf_breaker_registry_pin(world.registry, alike[i], strlen(alike[i]), 0, &pin, NULL),
          HF_OK);
      assert_true(round == 0 || pin.breaker == breakers[i]);
      breakers[i] = pin.breaker;
      for (size_t j = 0; j < i; j++) {
        assert_true(breakers[i] != breakers[j]);
      }
      hf_breaker_unpin(&pin, 0);
    }
  }
  end();
}

static size_t made;

static void try_first(void) {
  hf_breaker_pin pin;
  made +=
      hf_breaker_registry_pin(world.registry, names[0], strlen(names[0]), 0, &pin, NULL) == HF_OK;
}

static void try_second(void) {
  hf_breaker_pin pin;
  made +=
      hf_breaker_registry_pin(world.registry, names[1], strlen(names[1]), 0, &pin, NULL) == HF_OK;
}

static void the_limit_holds_at_every_step(void **state) {
  (void)state;
  size_t happened = 1;
  for (size_t at = 1; happened > 0; at++) {
    plan_nothing();
    begin(0);
    world.registry->limit = 1;
    made = 0;
    plan_one(0, 0, at, try_second);
    stepping = true;
    try_first();
    stepping = false;
    happened = plan[0].happened;
    assert_int_equal(made, 1);
    assert_int_equal(hf_breaker_registry_count(world.registry), 1);
    hf_breaker_registry_destroy(world.registry);
    check_heap();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(another_comes_in_anywhere),
      cmocka_unit_test(two_come_in_anywhere),
      cmocka_unit_test(what_comes_later_waits_anew),
      cmocka_unit_test(new_readers_do_not_hold_up_freeing),
      cmocka_unit_test(the_limit_holds_at_every_step),
      cmocka_unit_test(names_of_one_hash_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
