/*
 * Pages of slots. All sizes are cut from the same pages, so memory that short entries leave
 * long ones can have, as soon as a page is empty.
 *
 * Two things are published to readers without a lock: the table, with release, whenever it
 * is replaced; and the address of a new page in it, which needs no order of its own: a
 * reader has it from a number, and the index publishes that with release later.
 */
#include "cache_memory.h"

#include "allocator.h"

#include <string.h>

#define NO_PAGE UINT32_MAX

enum {
  PAGE_ALIGNMENT = 64, /* lines of the cache */
  WORD_ALIGNMENT = 8,
  FIRST_CAPACITY = 4,
  LEAST_SLOT_BYTES = 32,
  MOST_PAGES = (1 << (HF__NUMBER_BITS - HF__UNIT_BITS)) - 1,
};

_Static_assert(sizeof(hf__entry) == LEAST_SLOT_BYTES, "an entry fits into the least slot");
_Static_assert(_Alignof(hf__entry) == WORD_ALIGNMENT, "slots are whole words");

/* What is taken and given back, counted ------------------------------------- */

static void *take_counted(hf__cache_memory *memory, size_t bytes, size_t alignment) {
  const hf_allocator *allocator = &memory->allocator;
  void *taken = allocator->allocate(allocator->context, bytes, alignment);
  if (taken != NULL) {
    memory->allocated_bytes += hf__allocator_gives(allocator, bytes);
  }
  return taken;
}

static void give_counted(hf__cache_memory *memory, void *given, size_t bytes, size_t alignment) {
  const hf_allocator *allocator = &memory->allocator;
  allocator->deallocate(allocator->context, given, bytes, alignment);
  memory->allocated_bytes -= hf__allocator_gives(allocator, bytes);
}

/* Sizes -------------------------------------------------------------------- */

/* 32 to 128 bytes by 8; from there on each doubling has eight sizes. */
typedef struct slot_size {
  uint32_t number; /* below HF__SLOT_SIZES */
  uint32_t bytes;
} slot_size;

static inline slot_size slot_size_of(size_t bytes) {
  uint32_t last = (uint32_t)(bytes < LEAST_SLOT_BYTES ? LEAST_SLOT_BYTES : bytes) - 1;
  /* The steps are an eighth of the power of 2 below, and at least 8. */
  uint32_t step_bits = 28 - (uint32_t)__builtin_clz(last | 64);
  uint32_t step = last >> step_bits;
  return (slot_size){.number = (step_bits - 3) * 8 + step - 3, .bytes = (step + 1) << step_bits};
}

size_t hf__slot_bytes(size_t bytes) {
  return slot_size_of(bytes).bytes;
}

/* Lists of pages ------------------------------------------------------------ */

static void put_first(hf__cache_memory *memory, uint32_t *first, uint32_t page) {
  memory->pages[page].previous = NO_PAGE;
  memory->pages[page].next = *first;
  if (*first != NO_PAGE) {
    memory->pages[*first].previous = page;
  }
  *first = page;
}

static void take_out(hf__cache_memory *memory, uint32_t *first, uint32_t page) {
  uint32_t previous = memory->pages[page].previous;
  uint32_t next = memory->pages[page].next;
  if (previous == NO_PAGE) {
    *first = next;
  } else {
    memory->pages[previous].next = next;
  }
  if (next != NO_PAGE) {
    memory->pages[next].previous = previous;
  }
}

/* Pages --------------------------------------------------------------------- */

static hf__page_table *table_of(const hf__cache_memory *memory) {
  return HF__LOAD(&memory->table, memory_order_relaxed);
}

static size_t table_bytes(uint32_t capacity) {
  return sizeof(hf__page_table) + capacity * sizeof(_Atomic(char *));
}

/* A table of so many pages, and their metadata. false: nothing changed. */
static bool grow(hf__cache_memory *memory, uint32_t capacity) {
  hf__page_table *before = table_of(memory);
  hf__page_table *table = take_counted(memory, table_bytes(capacity), WORD_ALIGNMENT);
  if (table == NULL) {
    return false;
  }
  hf__page *pages = take_counted(memory, capacity * sizeof *pages, _Alignof(hf__page));
  if (pages == NULL) {
    give_counted(memory, table, table_bytes(capacity), WORD_ALIGNMENT);
    return false;
  }
  table->before = before;
  table->capacity = capacity;
  for (uint32_t i = 0; i < capacity; i++) {
    char *page = i < memory->page_count ? HF__GET(&before->pages[i]) : NULL;
    atomic_init(&table->pages[i], page);
  }
  if (before != NULL) {
    memcpy(pages, memory->pages, memory->page_count * sizeof *pages);
    give_counted(memory, memory->pages, before->capacity * sizeof *pages, _Alignof(hf__page));
  }
  memory->pages = pages;
  /* release: who finds the table finds the pages that it has. */
  HF__STORE(&memory->table, table, memory_order_release);
  return true;
}

/* A page in no list; NO_PAGE: no memory. */
static uint32_t add_page(hf__cache_memory *memory) {
  uint32_t number = memory->page_count;
  uint32_t capacity = table_of(memory)->capacity;
  if (number == MOST_PAGES || (number == capacity && !grow(memory, capacity * 2))) {
    return NO_PAGE;
  }
  char *page = take_counted(memory, memory->page_bytes, PAGE_ALIGNMENT);
  if (page == NULL) {
    return NO_PAGE;
  }
  HF__SET(&table_of(memory)->pages[number], page);
  memory->page_count++;
  return number;
}

/* An empty page for slots of this size, first in their list; NO_PAGE: no memory. */
static uint32_t begin_page(hf__cache_memory *memory, uint32_t size) {
  uint32_t number = memory->empty;
  if (number != NO_PAGE) {
    take_out(memory, &memory->empty, number);
  } else {
    number = add_page(memory);
    if (number == NO_PAGE) {
      return NO_PAGE;
    }
  }
  hf__page *page = &memory->pages[number];
  page->free = HF__NO_ENTRY;
  page->unused = 0;
  page->taken = 0;
  page->size = (uint8_t)size;
  put_first(memory, &memory->with_room[size], number);
  return number;
}

static bool has_room(const hf__cache_memory *memory, const hf__page *page) {
  return page->free != HF__NO_ENTRY || page->unused != memory->page_bytes;
}

/* All of it ----------------------------------------------------------------- */

hf_status hf__cache_memory_init(hf__cache_memory *memory, uint32_t page_bytes,
                                const hf_allocator *allocator) {
  memset(memory, 0, sizeof *memory);
  atomic_init(&memory->table, NULL);
  memory->page_bytes = page_bytes;
  for (uint32_t size = 0; size < HF__SLOT_SIZES; size++) {
    memory->with_room[size] = NO_PAGE;
  }
  memory->empty = NO_PAGE;
  memory->allocator = *allocator;
  return grow(memory, FIRST_CAPACITY) ? HF_OK : HF_ERROR_OUT_OF_MEMORY;
}

void hf__cache_memory_free(hf__cache_memory *memory) {
  hf__page_table *table = table_of(memory);
  if (table == NULL) {
    return;
  }
  for (uint32_t i = 0; i < memory->page_count; i++) {
    give_counted(memory, HF__GET(&table->pages[i]), memory->page_bytes, PAGE_ALIGNMENT);
  }
  give_counted(memory, memory->pages, table->capacity * sizeof *memory->pages, _Alignof(hf__page));
  while (table != NULL) {
    hf__page_table *before = table->before;
    give_counted(memory, table, table_bytes(table->capacity), WORD_ALIGNMENT);
    table = before;
  }
}

/* Slots --------------------------------------------------------------------- */

bool hf__cache_memory_is_full(const hf__cache_memory *memory) {
  return memory->page_count == MOST_PAGES;
}

uint32_t hf__cache_memory_take(hf__cache_memory *memory, size_t bytes) {
  slot_size size = slot_size_of(bytes);
  uint32_t *first = &memory->with_room[size.number];
  uint32_t number = *first;
  if (number == NO_PAGE) {
    number = begin_page(memory, size.number);
    if (number == NO_PAGE) {
      return HF__NO_ENTRY;
    }
  }
  hf__page *page = &memory->pages[number];
  uint32_t entry = page->free;
  if (entry != HF__NO_ENTRY) {
    page->free = HF__GET(&hf__entry_at(memory, entry)->next);
  } else {
    entry = number << HF__UNIT_BITS | page->unused / 8;
    page->unused += size.bytes;
    if (memory->page_bytes - page->unused < size.bytes) {
      page->unused = memory->page_bytes;
    }
  }
  page->taken++;
  if (!has_room(memory, page)) {
    take_out(memory, first, number);
  }
  return entry;
}

void hf__cache_memory_give(hf__cache_memory *memory, uint32_t entry) {
  uint32_t number = entry >> HF__UNIT_BITS;
  hf__page *page = &memory->pages[number];
  uint32_t *first = &memory->with_room[page->size];
  bool had_room = has_room(memory, page);
  HF__SET(&hf__entry_at(memory, entry)->next, page->free);
  page->free = entry;
  page->taken--;
  if (!had_room) {
    put_first(memory, first, number);
  }
  if (page->taken == 0) {
    take_out(memory, first, number);
    put_first(memory, &memory->empty, number);
  }
}

/* Blocks -------------------------------------------------------------------- */

size_t hf__block_bytes(const hf__cache_memory *memory, size_t bytes) {
  return hf__allocator_gives(&memory->allocator, bytes);
}

void *hf__cache_memory_take_block(hf__cache_memory *memory, size_t bytes) {
  return take_counted(memory, bytes, WORD_ALIGNMENT);
}

void hf__cache_memory_give_block(hf__cache_memory *memory, void *block, size_t bytes) {
  give_counted(memory, block, bytes, WORD_ALIGNMENT);
}
