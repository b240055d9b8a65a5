/* The memory of a cache's entries: sizes, pages, numbers, and what is counted. */
#include "cache_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "allocator.h"
#include "counting_allocator.h"
#include "hf_test.h"

enum { SMALL_PAGE = 4096, LARGE_PAGE = 65536 };

static counting_allocator counting;

/* What the allocator's blocks come to, by its own books. */
static uint64_t counted_bytes(void) {
  hf_allocator hooks = counting_hooks(&counting);
  uint64_t sum = 0;
  for (size_t i = 0; i < counting.live_blocks; i++) {
    sum += hf__allocator_gives(&hooks, counting.blocks[i].size_bytes);
  }
  return sum;
}

static void begin(hf__cache_memory *memory, uint32_t page_bytes) {
  counting_reset(&counting, 0);
  hf_allocator hooks = counting_hooks(&counting);
  assert_int_equal(hf__cache_memory_init(memory, page_bytes, &hooks), HF_OK);
}

static void end(hf__cache_memory *memory) {
  assert_int_equal(memory->allocated_bytes, counted_bytes());
  hf__cache_memory_free(memory);
  assert_int_equal(memory->allocated_bytes, 0);
  assert_int_equal(counting.live_blocks, 0);
}

static uint32_t take(hf__cache_memory *memory, size_t bytes) {
  uint32_t entry = hf__cache_memory_take(memory, bytes);
  assert_true(entry < HF__NUMBER_MASK);
  assert_int_equal((uintptr_t)hf__entry_at(memory, entry) % 8, 0);
  return entry;
}

/* Sizes -------------------------------------------------------------------- */

static void a_slot_has_the_least_size_that_holds(void **state) {
  (void)state;
  size_t sizes[HF__SLOT_SIZES];
  size_t count = 0;
  for (size_t size = 32; size <= 1024;) {
    sizes[count] = size;
    count++;
    size += size < 128 ? 8 : size < 256 ? 16 : size < 512 ? 32 : 64;
  }
  assert_int_equal(count, HF__SLOT_SIZES);
  size_t at = 0;
  for (size_t bytes = 0; bytes <= HF__SLOT_MOST_BYTES; bytes++) {
    at += bytes > sizes[at];
    assert_int_equal(hf__slot_bytes(bytes), sizes[at]);
  }
}

/* Each size has a list of its own: as many slots of it as a page has room for, no fewer. */
static void a_page_is_used_to_its_end(void **state) {
  (void)state;
  for (uint32_t page_bytes = SMALL_PAGE; page_bytes <= LARGE_PAGE; page_bytes *= 4) {
    for (size_t bytes = 32; bytes <= HF__SLOT_MOST_BYTES; bytes++) {
      hf__cache_memory memory;
      begin(&memory, page_bytes);
      size_t fit = page_bytes / hf__slot_bytes(bytes);
      for (size_t i = 0; i < fit; i++) {
        take(&memory, bytes);
      }
      assert_int_equal(memory.page_count, 1);
      take(&memory, bytes);
      assert_int_equal(memory.page_count, 2);
      end(&memory);
    }
  }
}

/* Pages -------------------------------------------------------------------- */

static void what_was_given_back_is_taken_again(void **state) {
  (void)state;
  hf__cache_memory memory;
  begin(&memory, SMALL_PAGE);
  uint32_t entries[3 * SMALL_PAGE / 64];
  size_t count = sizeof entries / sizeof entries[0];
  for (size_t i = 0; i < count; i++) {
    entries[i] = take(&memory, 64);
  }
  assert_int_equal(memory.page_count, 3);
  for (size_t i = 0; i < count; i += 3) {
    hf__cache_memory_give(&memory, entries[i]);
  }
  for (size_t i = 0; i < count; i += 3) {
    take(&memory, 57);
  }
  assert_int_equal(memory.page_count, 3);
  end(&memory);
}

static void an_empty_page_serves_any_size(void **state) {
  (void)state;
  hf__cache_memory memory;
  begin(&memory, SMALL_PAGE);
  uint32_t entries[SMALL_PAGE / 32];
  size_t bytes = 32;
  uint64_t allocated = 0;
  for (size_t turn = 0; turn < 2 * HF__SLOT_SIZES; turn++) {
    size_t count = SMALL_PAGE / bytes;
    for (size_t i = 0; i < count; i++) {
      entries[i] = take(&memory, bytes);
    }
    assert_int_equal(memory.page_count, 1);
    assert_true(turn == 0 || memory.allocated_bytes == allocated);
    allocated = memory.allocated_bytes;
    for (size_t i = 0; i < count; i++) {
      hf__cache_memory_give(&memory, entries[i]);
    }
    bytes = bytes == HF__SLOT_MOST_BYTES ? 32 : hf__slot_bytes(bytes + 1);
  }
  end(&memory);
}

static void a_page_in_use_keeps_its_size(void **state) {
  (void)state;
  hf__cache_memory memory;
  begin(&memory, SMALL_PAGE);
  uint32_t first = take(&memory, 32);
  uint32_t second = take(&memory, 32);
  hf__cache_memory_give(&memory, first);
  assert_int_equal(take(&memory, 40) >> HF__UNIT_BITS, 1);
  hf__cache_memory_give(&memory, second);
  assert_int_equal(take(&memory, 48) >> HF__UNIT_BITS, 0);
  assert_int_equal(memory.page_count, 2);
  end(&memory);
}

static void entries_stay_where_they_are(void **state) {
  (void)state;
  hf__cache_memory memory;
  begin(&memory, SMALL_PAGE);
  const hf__page_table *oldest = HF__LOAD(&memory.table, memory_order_relaxed);
  uint32_t numbers[400];
  const hf__entry *places[400];
  for (size_t i = 0; i < 400; i++) {
    numbers[i] = take(&memory, 1024);
    places[i] = hf__entry_at(&memory, numbers[i]);
  }
  assert_int_equal(memory.page_count, 100);
  for (size_t i = 0; i < 400; i++) {
    assert_ptr_equal(hf__entry_at(&memory, numbers[i]), places[i]);
  }
  /* A reader may still be in it. */
  for (uint32_t i = 0; i < oldest->capacity; i++) {
    assert_ptr_equal(HF__LOAD(&oldest->pages[i], memory_order_relaxed), places[4 * (size_t)i]);
  }
  end(&memory);
}

/* All pages are one here: nobody writes to them. */
static void *one_page(void *context, size_t size, size_t alignment) {
  if (size == SMALL_PAGE) {
    return context;
  }
  hf_allocator hooks = hf_allocator_default();
  return hooks.allocate(hooks.context, size, alignment);
}

static void give_unless_page(void *context, void *given, size_t size, size_t alignment) {
  if (given != context) {
    hf_allocator hooks = hf_allocator_default();
    hooks.deallocate(hooks.context, given, size, alignment);
  }
}

static void numbers_end_before_the_number_of_none(void **state) {
  (void)state;
  _Alignas(64) char page[SMALL_PAGE];
  hf_allocator hooks = {.allocate = one_page, .deallocate = give_unless_page, .context = page};
  hf__cache_memory memory;
  assert_int_equal(hf__cache_memory_init(&memory, SMALL_PAGE, &hooks), HF_OK);
  uint32_t pages = (UINT32_C(1) << (HF__NUMBER_BITS - HF__UNIT_BITS)) - 1;
  for (uint32_t i = 0; i < pages * 4; i++) {
    uint32_t entry = hf__cache_memory_take(&memory, 1024);
    assert_int_equal(entry, i / 4 << HF__UNIT_BITS | i % 4 * 128);
    assert_true(entry < HF__NUMBER_MASK);
  }
  uint64_t allocated = memory.allocated_bytes;
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(hf__cache_memory_take(&memory, 1024), HF__NO_ENTRY);
    assert_int_equal(hf__cache_memory_take(&memory, 32), HF__NO_ENTRY);
  }
  assert_int_equal(memory.allocated_bytes, allocated);
  hf__cache_memory_free(&memory);
  assert_int_equal(memory.allocated_bytes, 0);
}

/* What is counted ----------------------------------------------------------- */

static void blocks_are_counted(void **state) {
  (void)state;
  hf__cache_memory memory;
  begin(&memory, SMALL_PAGE);
  uint64_t before = memory.allocated_bytes;
  assert_int_equal(before, counted_bytes());
  void *block = hf__cache_memory_take_block(&memory, 5000);
  assert_non_null(block);
  assert_int_equal(memory.allocated_bytes - before, hf__block_bytes(&memory, 5000));
  assert_int_equal(memory.allocated_bytes, counted_bytes());
  hf__cache_memory_give_block(&memory, block, 5000);
  assert_int_equal(memory.allocated_bytes, before);
  /* Of an allocator that is not known: a header of 8 bytes, and units of 16. */
  assert_int_equal(hf__block_bytes(&memory, 1000), 1008);
  assert_int_equal(hf__block_bytes(&memory, 1001), 1024);
  assert_int_equal(hf__block_bytes(&memory, 1016), 1024);
  end(&memory);
}

static void the_default_allocator_gives_what_is_said(void **state) {
  (void)state;
  hf_allocator hooks = hf_allocator_default();
  hf__cache_memory memory;
  assert_int_equal(hf__cache_memory_init(&memory, SMALL_PAGE, &hooks), HF_OK);
  for (size_t bytes = 24; bytes < 100000; bytes += 1 + bytes / 7) {
    void *block = hf__cache_memory_take_block(&memory, bytes);
    assert_non_null(block);
    size_t gives = hf__block_bytes(&memory, bytes);
    assert_true(gives >= bytes);
#if defined(__GLIBC__)
    if (!TEST_HAS_SANITIZER) {
      size_t header = strcmp(hf_allocator_default_name(), "jemalloc") == 0 ? 0 : 8;
      size_t usable = malloc_usable_size(block);
      /* What glibc cannot split off it gives too. */
      assert_true(gives == usable + header || (header == 8 && gives + 16 == usable + header));
    }
#endif
    hf__cache_memory_give_block(&memory, block, bytes);
  }
  hf__cache_memory_free(&memory);
  assert_int_equal(memory.allocated_bytes, 0);
}

/* Against a plain model ------------------------------------------------------ */

enum { MOST_LIVE = 600 };

typedef struct live_slot {
  uint32_t entry; /* HF__NO_ENTRY: none */
  size_t bytes;
  unsigned char fill;
} live_slot;

static void fill(const hf__cache_memory *memory, const live_slot *slot) {
  memset(hf__entry_at(memory, slot->entry), slot->fill, slot->bytes);
}

/* If two overlapped, one of them would not have its bytes any more. */
static void check_fill(const hf__cache_memory *memory, const live_slot *slot) {
  const unsigned char *bytes = (const unsigned char *)hf__entry_at(memory, slot->entry);
  for (size_t i = 0; i < slot->bytes; i++) {
    assert_int_equal(bytes[i], slot->fill);
  }
}

static size_t pages_in(const hf__cache_memory *memory, uint32_t first, bool empty, size_t size) {
  size_t count = 0;
  uint32_t previous = UINT32_MAX;
  for (uint32_t i = first; i != UINT32_MAX; i = memory->pages[i].next) {
    const hf__page *page = &memory->pages[i];
    assert_int_equal(page->previous, previous);
    assert_int_equal(page->taken == 0, empty);
    assert_true(empty || page->size == size);
    previous = i;
    count++;
  }
  return count;
}

static void check_pages(const hf__cache_memory *memory, const live_slot *slots) {
  size_t live = 0;
  for (size_t i = 0; i < MOST_LIVE; i++) {
    live += slots[i].entry != HF__NO_ENTRY;
  }
  size_t taken = 0;
  size_t full = 0;
  for (uint32_t i = 0; i < memory->page_count; i++) {
    const hf__page *page = &memory->pages[i];
    taken += page->taken;
    full += page->free == HF__NO_ENTRY && page->unused == memory->page_bytes;
  }
  assert_int_equal(taken, live);
  /* Each page is full, or in one list. */
  size_t listed = pages_in(memory, memory->empty, true, 0);
  for (size_t size = 0; size < HF__SLOT_SIZES; size++) {
    listed += pages_in(memory, memory->with_room[size], false, size);
  }
  assert_int_equal(listed + full, memory->page_count);
  assert_int_equal(memory->allocated_bytes, counted_bytes());
}

static void no_two_slots_overlap(void **state) {
  (void)state;
  test_random random = test_random_start("slots");
  for (size_t round = 0; round < 8; round++) {
    hf__cache_memory memory;
    begin(&memory, round % 2 == 0 ? SMALL_PAGE : LARGE_PAGE);
    live_slot slots[MOST_LIVE];
    for (size_t i = 0; i < MOST_LIVE; i++) {
      slots[i] = (live_slot){.entry = HF__NO_ENTRY};
    }
    /* Now more are taken than given back, now fewer; and now this size is liked, now that. */
    uint32_t takes = 500;
    uint32_t least = 0;
    for (size_t step = 0; step < 40000; step++) {
      if (step % 1500 == 0) {
        takes = 100 + test_random_below(&random, 800);
        least = test_random_below(&random, HF__SLOT_MOST_BYTES);
        check_pages(&memory, slots);
      }
      live_slot *slot = &slots[test_random_below(&random, MOST_LIVE)];
      bool taking = test_random_below(&random, 1000) < takes;
      if (slot->entry != HF__NO_ENTRY && !taking) {
        check_fill(&memory, slot);
        hf__cache_memory_give(&memory, slot->entry);
        slot->entry = HF__NO_ENTRY;
      } else if (slot->entry == HF__NO_ENTRY && taking) {
        slot->bytes = 32 + (least + test_random_below(&random, 400)) % (HF__SLOT_MOST_BYTES - 31);
        slot->entry = take(&memory, slot->bytes);
        slot->fill = (unsigned char)test_random_next(&random);
        fill(&memory, slot);
      }
    }
    for (size_t i = 0; i < MOST_LIVE; i++) {
      if (slots[i].entry != HF__NO_ENTRY) {
        check_fill(&memory, &slots[i]);
        hf__cache_memory_give(&memory, slots[i].entry);
        slots[i].entry = HF__NO_ENTRY;
      }
    }
    check_pages(&memory, slots);
    assert_int_equal(pages_in(&memory, memory.empty, true, 0), memory.page_count);
    end(&memory);
  }
}

/* Failures ------------------------------------------------------------------ */

/* Takes, with this allocation refused, and says whether there were so many. */
static bool survives(size_t refuse) {
  counting_reset(&counting, refuse);
  hf_allocator hooks = counting_hooks(&counting);
  hf__cache_memory memory;
  hf_status status = hf__cache_memory_init(&memory, SMALL_PAGE, &hooks);
  if (status != HF_OK) {
    assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
    assert_int_equal(counting.live_blocks, 0);
    hf__cache_memory_free(&memory);
    return true;
  }
  live_slot slots[MOST_LIVE];
  for (size_t i = 0; i < MOST_LIVE; i++) {
    slots[i] = (live_slot){HF__NO_ENTRY, 32 + i % 3 * 300, (unsigned char)(i * 7)};
  }
  size_t refusals = 0;
  for (size_t i = 0; i < MOST_LIVE; i++) {
    slots[i].entry = hf__cache_memory_take(&memory, slots[i].bytes);
    if (slots[i].entry == HF__NO_ENTRY) {
      refusals++;
      check_pages(&memory, slots);
      slots[i].entry = take(&memory, slots[i].bytes);
    }
    fill(&memory, &slots[i]);
    if (i % 100 == 0) {
      void *block = hf__cache_memory_take_block(&memory, 2000);
      refusals += block == NULL;
      if (block != NULL) {
        hf__cache_memory_give_block(&memory, block, 2000);
      }
    }
  }
  check_pages(&memory, slots);
  for (size_t i = 0; i < MOST_LIVE; i++) {
    check_fill(&memory, &slots[i]);
  }
  bool refused = counting.allocations >= refuse;
  assert_int_equal(refusals, refused);
  end(&memory);
  return refused;
}

static void every_refused_allocation_is_survived(void **state) {
  (void)state;
  size_t refuse = 1;
  while (survives(refuse)) {
    refuse++;
  }
  /* Of pages, and of both arrays each time they grow. */
  assert_true(refuse > 60);
}

/* Readers without a lock ------------------------------------------------------ */

enum { SHOWN = 6000 };

typedef struct showing {
  hf__cache_memory memory;
  atomic_uint_least32_t numbers[SHOWN];
  atomic_size_t count;
} showing;

static void *read_all(void *context) {
  showing *shown = context;
  size_t count = 0;
  while (count < SHOWN) {
    count = atomic_load_explicit(&shown->count, memory_order_acquire);
    for (size_t i = count / 2; i < count; i++) {
      uint32_t number = HF__GET(&shown->numbers[i]);
      if (HF__GET(&hf__entry_at(&shown->memory, number)->deadline_ns) != number) {
        return context;
      }
    }
  }
  return NULL;
}

static void readers_find_what_they_are_shown(void **state) {
  (void)state;
  static showing shown;
  hf_allocator hooks = hf_allocator_default();
  assert_int_equal(hf__cache_memory_init(&shown.memory, SMALL_PAGE, &hooks), HF_OK);
  pthread_t reader;
  assert_int_equal(pthread_create(&reader, NULL, read_all, &shown), 0);
  for (size_t i = 0; i < SHOWN; i++) {
    uint32_t number = hf__cache_memory_take(&shown.memory, 32 + i % 993);
    assert_true(number != HF__NO_ENTRY);
    HF__SET(&hf__entry_at(&shown.memory, number)->deadline_ns, number);
    HF__SET(&shown.numbers[i], number);
    atomic_store_explicit(&shown.count, i + 1, memory_order_release);
  }
  void *wrong = NULL;
  assert_int_equal(pthread_join(reader, &wrong), 0);
  assert_null(wrong);
  hf__cache_memory_free(&shown.memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_slot_has_the_least_size_that_holds),
      cmocka_unit_test(a_page_is_used_to_its_end),
      cmocka_unit_test(what_was_given_back_is_taken_again),
      cmocka_unit_test(an_empty_page_serves_any_size),
      cmocka_unit_test(a_page_in_use_keeps_its_size),
      cmocka_unit_test(entries_stay_where_they_are),
      cmocka_unit_test(numbers_end_before_the_number_of_none),
      cmocka_unit_test(blocks_are_counted),
      cmocka_unit_test(the_default_allocator_gives_what_is_said),
      cmocka_unit_test(no_two_slots_overlap),
      cmocka_unit_test(every_refused_allocation_is_survived),
      cmocka_unit_test(readers_find_what_they_are_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
