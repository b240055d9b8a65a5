/*
 * Explores readers of the cache, who take no lock, beside one writer, scenario by scenario. Each
 * read must give what its key had at some moment of it, and no less than reads before it gave. With
 * HF_MUTANT defined, as the name of a fault that was put in (mutants.cmake), the test passes when
 * the fault is found.
 *
 *     explore_cache [part of a scenario's name]
 */
#include "cache.h"
#include "cache_hash.h"
#include "explorer.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEYS = 4,
  SETUP = 4,
  OPERATIONS = 4, /* of a thread */
  THREADS = 3,    /* the first one writes */
  FILLS = 4,
  EARLY_FILLS = 2,
  VALUE_WORDS = 4,
  FRONT_BYTES = 8192,
  PAGE_BYTES = 4096,
  PAGE_USED_BYTES = 2048,
  PAGES = 2,
};

/* Operations ---------------------------------------------------------------- */

typedef enum operation_kind { NOTHING, PUT, REMOVE, RESIZE, CLEAR, GET, PEEK } operation_kind;

typedef struct planned_operation {
  operation_kind kind;
  unsigned key;
  unsigned words; /* PUT: of the value; RESIZE: to so many entries */
} planned_operation;

/* Where a key's path begins. */
typedef struct chosen_key {
  size_t first;
  size_t second;
  bool as_before; /* it has the tag of the key before it */
} chosen_key;

/* So many other entries, each of one word, which nobody reads but at the end. */
typedef struct chosen_fill {
  size_t first;
  size_t second;
  size_t count;
  bool removed; /* after the setup */
} chosen_fill;

typedef struct cache_scenario {
  const char *name;
  uint64_t entries; /* 10: one bucket; 20: two; 32: three */
  chosen_key keys[KEYS];
  planned_operation first[SETUP];
  /* Half of it comes before the setup, and half of it after. */
  chosen_fill fill[FILLS];
  planned_operation setup[SETUP];
  planned_operation threads[THREADS][OPERATIONS];
  bool weak;
} cache_scenario;

/* One bucket, and keys with tags of their own. */
#define ONE_BUCKET                                                                                 \
  10, {                                                                                            \
    {0, 0, false}, {0, 0, false}, {                                                                \
      0, 0, true                                                                                   \
    }                                                                                              \
  }
#define NO_FILL                                                                                    \
  {                                                                                                \
    { 0, 0, 0, false }                                                                             \
  }
#define AT_FIRST(...)                                                                              \
  {{NOTHING, 0, 0}}, NO_FILL, {                                                                    \
    __VA_ARGS__                                                                                    \
  }

static const cache_scenario SCENARIOS[] = {
    {"a value is replaced twice",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{PUT, 0, 2}, {PUT, 0, 2}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"a value is replaced twice, and peeked at",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{PUT, 0, 2}, {PUT, 0, 2}}, {{PEEK, 0, 0}, {PEEK, 0, 0}}},
     false},
    {"two read what is replaced",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 1}}, {{GET, 0, 0}}, {{GET, 0, 0}}},
     false},
    {"a key is put",
     ONE_BUCKET,
     AT_FIRST({PUT, 1, 2}),
     {{{PUT, 0, 2}, {PUT, 0, 2}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"one goes, another one comes",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{REMOVE, 0, 0}, {PUT, 1, 2}}, {{GET, 0, 0}, {GET, 1, 0}}},
     false},
    {"one goes, another one with its tag comes",
     ONE_BUCKET,
     AT_FIRST({PUT, 1, 2}),
     {{{REMOVE, 1, 0}, {PUT, 2, 2}}, {{GET, 1, 0}, {GET, 2, 0}}},
     false},
    {"one goes, a longer one comes",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{REMOVE, 0, 0}, {PUT, 1, 3}}, {{GET, 0, 0}, {GET, 1, 0}}},
     false},
    {"one goes, and comes longer",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{REMOVE, 0, 0}, {PUT, 0, 3}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"one goes, a shorter one comes",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 3}),
     {{{REMOVE, 0, 0}, {PUT, 0, 1}}, {{GET, 0, 0}, {PEEK, 0, 0}}},
     false},
    {"others come and go beside it",
     ONE_BUCKET,
     AT_FIRST({PUT, 1, 1}),
     {{{PUT, 2, 1}, {REMOVE, 2, 0}, {PUT, 0, 1}}, {{GET, 1, 0}}},
     false},
    {"a larger index",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{RESIZE, 0, 20}, {PUT, 0, 2}, {PUT, 0, 2}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"a larger index, and another one in its memory",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{RESIZE, 0, 20}, {PUT, 0, 2}, {PUT, 1, 2}}, {{GET, 0, 0}, {PEEK, 0, 0}}},
     false},
    {"all go",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{CLEAR, 0, 0}, {PUT, 1, 2}}, {{GET, 0, 0}, {GET, 1, 0}}},
     false},
    /* From here on two thirds of the buckets are full. */
    {"one moves to its second bucket",
     32,
     {{0, 2, false}, {0, 1, false}},
     {{PUT, 0, 1}},
     {{0, 1, 11, false}, {1, 0, 12, false}},
     {{NOTHING, 0, 0}},
     {{{PUT, 1, 1}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"one in its second bucket is replaced, its memory is another's",
     20,
     {{0, 1, false}, {1, 0, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 0, 1}, {PUT, 1, 1}}, {{GET, 0, 0}, {PEEK, 0, 0}}},
     false},
    {"one in its second bucket, a larger index, its memory is another's",
     20,
     {{0, 1, false}, {1, 0, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}},
     {{PUT, 0, 1}},
     {{{RESIZE, 0, 30}, {PUT, 0, 1}, {PUT, 1, 1}}, {{PEEK, 0, 0}}},
     false},
    {"one in its second bucket, a larger index, it is replaced twice",
     20,
     {{0, 1, false}, {1, 0, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}},
     {{PUT, 0, 1}},
     {{{RESIZE, 0, 30}, {PUT, 0, 1}, {PUT, 0, 1}}, {{GET, 0, 0}}},
     false},
    {"one moves to its first bucket",
     32,
     {{2, 0, false}, {0, 1, false}, {2, 0, false}},
     {{NOTHING, 0, 0}},
     {{2, 1, 12, true}, {0, 0, 0, false}, {0, 1, 11, false}, {1, 0, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 1, 1}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"beyond both buckets",
     32,
     {{0, 1, false}, {0, 1, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}, {1, 0, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 1, 1}, {REMOVE, 1, 0}}, {{GET, 0, 0}, {GET, 1, 0}}},
     false},
    {"the first one beyond both buckets",
     32,
     {{0, 1, false}, {0, 1, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}, {1, 0, 12, false}},
     {{NOTHING, 0, 0}},
     {{{PUT, 0, 1}, {PUT, 0, 1}}, {{GET, 0, 0}, {GET, 0, 0}}},
     false},
    {"in weak memory, one goes, another one comes",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{REMOVE, 0, 0}, {PUT, 1, 1}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, one goes, another one comes and is read",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{REMOVE, 0, 0}, {PUT, 1, 1}}, {{PEEK, 1, 0}}},
     true},
    {"in weak memory, a key is put",
     ONE_BUCKET,
     AT_FIRST({PUT, 1, 1}),
     {{{PUT, 0, 1}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, a value is replaced",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 1}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, a value is replaced, and peeked at",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 1}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, its memory is another's",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 1}, {PUT, 1, 1}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, a value is replaced twice",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 2}),
     {{{PUT, 0, 2}, {PUT, 0, 2}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, a larger index",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{RESIZE, 0, 20}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, a larger index, and its memory is another's",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{RESIZE, 0, 20}, {PUT, 0, 1}, {PUT, 1, 1}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, a value is replaced, and read twice",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 1}}, {{GET, 0, 0}, {GET, 0, 0}}},
     true},
    {"in weak memory, one moves to its second bucket",
     32,
     {{0, 2, false}, {0, 1, false}},
     {{PUT, 0, 1}},
     {{0, 1, 11, false}, {1, 0, 12, false}},
     {{NOTHING, 0, 0}},
     {{{PUT, 1, 1}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, one moves to its first bucket",
     32,
     {{2, 0, false}, {0, 1, false}, {2, 0, false}},
     {{NOTHING, 0, 0}},
     {{2, 1, 12, true}, {0, 0, 0, false}, {0, 1, 11, false}, {1, 0, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 1, 1}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, beyond both buckets",
     32,
     {{0, 1, false}, {0, 1, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}, {1, 0, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 1, 1}, {REMOVE, 1, 0}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, one in its second bucket, its memory is another's",
     20,
     {{0, 1, false}, {1, 0, false}},
     {{NOTHING, 0, 0}},
     {{0, 1, 12, false}},
     {{PUT, 0, 1}},
     {{{PUT, 0, 1}, {PUT, 1, 1}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, a value is replaced by one in a new page",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 2}}, {{GET, 0, 0}}},
     true},
    {"in weak memory, a value is replaced by one in a new page, and peeked at",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{PUT, 0, 2}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, a larger index, and peeked at",
     ONE_BUCKET,
     AT_FIRST({PUT, 0, 1}),
     {{{RESIZE, 0, 20}}, {{PEEK, 0, 0}}},
     true},
    {"in weak memory, in the fifth slot one goes, another one comes",
     10,
     {{0, 0, false}},
     {{NOTHING, 0, 0}},
     {{0, 0, 4, false}},
     {{PUT, 0, 1}},
     {{{REMOVE, 0, 0}, {PUT, 1, 1}}, {{PEEK, 1, 0}}},
     true},
};

enum { SCENARIO_COUNT = sizeof SCENARIOS / sizeof SCENARIOS[0] };

/* The world ----------------------------------------------------------------- */

/* What a read gave. */
typedef struct read_record {
  size_t least; /* writes done when it began, or that reads before it knew of */
  hf_cache_answer answer;
  size_t value_bytes;
  uint64_t value[VALUE_WORDS];
} read_record;

static struct world {
  _Alignas(128) hf_cache *cache;
  size_t front_bytes; /* in use */
  size_t pages_taken;
  size_t begun; /* the writer's operations */
  size_t done;
  size_t known[KEYS]; /* the first write that reads may still not know */
  read_record reads[THREADS];
  _Alignas(128) unsigned char front[FRONT_BYTES];
  /* Pages of entries. Only the first half of one is ever used, so the next one begins there. */
  _Alignas(64) unsigned char pages[(PAGES - 1) * PAGE_USED_BYTES + PAGE_BYTES];
} world;

_Static_assert(sizeof world <= EXPLORER_MEMORY_BYTES, "the explorer saves a world whole");

static const cache_scenario *scenario;
static uint64_t keys[KEYS];
static uint64_t fill_keys[64];
static size_t fill_count;

static size_t world_bytes(void) {
  return offsetof(struct world, pages) + world.pages_taken * PAGE_USED_BYTES;
}

unsigned stepped_processor(void);
unsigned stepped_processor(void) {
  return (unsigned)explorer_thread();
}

static void stop(const char *why) {
  (void)fprintf(stderr, "explore_cache: %s: %s\n", scenario->name, why);
  abort();
}

/* Nothing is used twice. */
static void *take(void *context, size_t size_bytes, size_t alignment) {
  (void)context;
  uint64_t known;
  if (explorer_recall(&known)) {
    return (unsigned char *)&world + known;
  }
  unsigned char *taken = &world.pages[world.pages_taken * PAGE_USED_BYTES];
  if (size_bytes == PAGE_BYTES && world.pages_taken < PAGES) {
    world.pages_taken++;
  } else {
    size_t at = (world.front_bytes + alignment - 1) / alignment * alignment;
    if (at + size_bytes > FRONT_BYTES) {
      stop("more memory than there is");
    }
    world.front_bytes = at + size_bytes;
    taken = &world.front[at];
  }
  explorer_note((uint64_t)(taken - (unsigned char *)&world));
  return taken;
}

static void give_back(void *context, void *memory, size_t size_bytes, size_t alignment) {
  (void)context;
  (void)memory;
  (void)size_bytes;
  (void)alignment;
}

/*
 * What only the writer uses, under the lock, is not atomic, and while the explorer repeats an
 * operation's earlier steps it must be as it was when the operation began: a copy of then.
 */
static struct {
  hf__cache_part part;
  hf__page pages[PAGES];
} before[OPERATIONS];

static void save_plain(size_t operation) {
  const hf__cache_part *part = &world.cache->parts[0];
  memcpy(&before[operation].part, part, sizeof *part);
  memcpy(before[operation].pages, part->memory.pages, sizeof before[operation].pages);
}

static void restore_plain(size_t operation) {
  hf__cache_part *part = &world.cache->parts[0];
  hf__index *index = HF__GET(&part->index);
  hf__page_table *table = HF__GET(&part->memory.table);
  uint32_t lock = HF__GET(&part->lock);
  memcpy(part, &before[operation].part, sizeof *part);
  atomic_init(&part->index, index);
  atomic_init(&part->memory.table, table);
  atomic_init(&part->lock, lock);
  memcpy(part->memory.pages, before[operation].pages, sizeof before[operation].pages);
}

/* Keys and values ----------------------------------------------------------- */

static size_t bucket_count(void) {
  return HF__GET(&world.cache->parts[0].index)->count;
}

/* The next number whose path begins so; where there is no such path, any. */
static uint64_t choose_key(uint64_t after, size_t first, size_t second) {
  size_t count = bucket_count();
  for (uint64_t key = after + 1;; key++) {
    uint64_t hash = hf__key_hash(&key, sizeof key, 0);
    size_t at = hf__hash_bucket(hash, count);
    bool is_path = count == 1 || first != second;
    if (!is_path || (at == first && hf__hash_next(hash, at, count) == second)) {
      return key;
    }
  }
}

static uint8_t tag_of(uint64_t key) {
  return hf__hash_tag(hf__key_hash(&key, sizeof key, 0));
}

static bool is_tag_taken(uint8_t tag, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (tag_of(keys[i]) == tag) {
      return true;
    }
  }
  return false;
}

static void choose_keys(void) {
  uint64_t key = 0;
  for (size_t i = 0; i < KEYS; i++) {
    const chosen_key *chosen = &scenario->keys[i];
    do {
      key = choose_key(key, chosen->first, chosen->second);
    } while (chosen->as_before ? tag_of(key) != tag_of(keys[i - 1]) : is_tag_taken(tag_of(key), i));
    keys[i] = key;
  }
}

/* A value that no other operation puts. */
static void make_value(const planned_operation *operation, uint64_t value[VALUE_WORDS]) {
  uint64_t number = (uint64_t)((const char *)operation - (const char *)scenario);
  for (size_t i = 0; i < VALUE_WORDS; i++) {
    value[i] = i < operation->words ? number << 32 | (uint64_t)operation->key << 16 | (i + 1) : 0;
  }
}

/* What a key has after so many of the writer's operations; NULL: nothing. */
static const planned_operation *put_of(unsigned key, size_t writes) {
  const planned_operation *put = NULL;
  for (size_t i = 0; i < SETUP * 2 + writes; i++) {
    const planned_operation *operation = i < SETUP       ? &scenario->first[i]
                                         : i < SETUP * 2 ? &scenario->setup[i - SETUP]
                                                         : &scenario->threads[0][i - SETUP * 2];
    if (operation->kind == CLEAR || (operation->kind == REMOVE && operation->key == key)) {
      put = NULL;
    } else if (operation->kind == PUT && operation->key == key) {
      put = operation;
    }
  }
  return put;
}

static bool is_of(const read_record *read, const planned_operation *put) {
  if (put == NULL) {
    return read->answer == HF_CACHE_MISS;
  }
  uint64_t value[VALUE_WORDS];
  make_value(put, value);
  return read->answer == HF_CACHE_HIT && read->value_bytes == put->words * 8 &&
         memcmp(read->value, value, put->words * 8) == 0;
}

/* Running ------------------------------------------------------------------- */

static void put_key(uint64_t key, const uint64_t *value, size_t words) {
  if (hf_cache_put(world.cache, &key, sizeof key, value, words * 8, 0, NULL, NULL) != HF_OK) {
    explorer_violation("a put is refused");
  }
}

static void remove_key(uint64_t key) {
  (void)hf_cache_remove(world.cache, &key, sizeof key, 0);
}

static read_record read_key(uint64_t key, bool use) {
  read_record read = {.value = {0}};
  hf_cache_found found = {0, 0};
  read.answer = (use ? hf_cache_get : hf_cache_peek)(world.cache, &key, sizeof key, 0, read.value,
                                                     sizeof read.value, &found);
  read.value_bytes = found.value_bytes;
  return read;
}

static void run_operation(const planned_operation *operation, size_t thread) {
  uint64_t key = keys[operation->key];
  uint64_t value[VALUE_WORDS];
  switch (operation->kind) {
  case PUT:
    make_value(operation, value);
    put_key(key, value, operation->words);
    break;
  case REMOVE:
    remove_key(key);
    break;
  case RESIZE:
    if (hf_cache_resize(world.cache, operation->words, 0, 0, NULL) != HF_OK) {
      explorer_violation("a resize is refused");
    }
    break;
  case CLEAR:
    hf_cache_clear(world.cache, 0);
    break;
  case GET:
  case PEEK: {
    read_record read = read_key(key, operation->kind == GET);
    read.least = world.reads[thread].least;
    world.reads[thread] = read;
    break;
  }
  case NOTHING:
    break;
  }
}

/* Fills some, or removes them again. */
static void fill(size_t first, size_t end, bool removing) {
  for (size_t i = first; i < end; i++) {
    uint64_t key = (i + 1) << 40;
    for (size_t left = scenario->fill[i].count; left > 0; left--) {
      do {
        key = choose_key(key, scenario->fill[i].first, scenario->fill[i].second);
      } while (is_tag_taken(tag_of(key), KEYS));
      if (!removing) {
        put_key(key, &key, 1);
      } else if (scenario->fill[i].removed) {
        remove_key(key);
      }
      if (!removing && !scenario->fill[i].removed) {
        fill_keys[fill_count++] = key;
      }
    }
  }
}

static void begin_world(void) {
  memset(&world, 0, sizeof world);
  hf_allocator allocator = hf_allocator_default();
  allocator.allocate = take;
  allocator.deallocate = give_back;
  hf_cache_options options = hf_cache_options_default();
  options.policy = HF_CACHE_S3FIFO;
  options.max_entries = scenario->entries;
  options.parts = 1;
  options.tag_places = 2;
  if (hf_cache_create(&options, 0, &allocator, &world.cache, NULL) != HF_OK) {
    stop("a cache is refused");
  }
  choose_keys();
  for (size_t i = 0; i < SETUP; i++) {
    run_operation(&scenario->first[i], 0);
  }
  fill_count = 0;
  fill(0, EARLY_FILLS, false);
  for (size_t i = 0; i < SETUP; i++) {
    run_operation(&scenario->setup[i], 0);
  }
  fill(0, EARLY_FILLS, true);
  fill(EARLY_FILLS, FILLS, false);
}

/* For the explorer ---------------------------------------------------------- */

static void begin(size_t thread, size_t operation) {
  const planned_operation *planned = &scenario->threads[thread][operation];
  if (thread == 0) {
    world.begun++;
    save_plain(operation);
    return;
  }
  /* Without an order nobody knows of what was done elsewhere. */
  size_t known = world.known[planned->key];
  world.reads[thread].least = scenario->weak ? 0 : known > world.done ? known : world.done;
}

static void run(size_t thread, size_t operation) {
  if (thread == 0) {
    restore_plain(operation);
  }
  run_operation(&scenario->threads[thread][operation], thread);
}

static void finished(size_t thread, size_t operation) {
  if (thread == 0) {
    world.done++;
    return;
  }
  unsigned key = scenario->threads[thread][operation].key;
  read_record *read = &world.reads[thread];
  size_t writes = read->least;
  while (writes <= world.begun && !is_of(read, put_of(key, writes))) {
    writes++;
  }
  if (writes > world.begun) {
    explorer_violation("key %u is read as answer %d, %zu bytes, %llx %llx %llx: never so", key,
                       (int)read->answer, read->value_bytes, (unsigned long long)read->value[0],
                       (unsigned long long)read->value[1], (unsigned long long)read->value[2]);
  } else if (writes > world.known[key]) {
    world.known[key] = writes;
  }
  memset(read, 0, sizeof *read);
}

/* All is there that should be, and nothing else. */
static void done(void) {
  for (unsigned i = 0; i < KEYS; i++) {
    read_record read = read_key(keys[i], false);
    if (!is_of(&read, put_of(i, world.begun))) {
      explorer_violation("key %u ends as answer %d, %zu bytes, %llx", i, (int)read.answer,
                         read.value_bytes, (unsigned long long)read.value[0]);
    }
  }
  for (size_t i = 0; i < fill_count; i++) {
    read_record read = read_key(fill_keys[i], false);
    if (read.answer != HF_CACHE_HIT || read.value_bytes != 8 || read.value[0] != fill_keys[i]) {
      explorer_violation("an entry that nobody touched has changed");
    }
  }
}

static const char *operation_name(size_t thread, size_t number) {
  static const char *const KINDS[] = {"nothing", "put", "remove", "resize", "clear", "get", "peek"};
  static char name[32];
  const planned_operation *operation = &scenario->threads[thread][number];
  (void)snprintf(name, sizeof name, "%s %u", KINDS[operation->kind], operation->key);
  return name;
}

/* Explores the scenarios with such a name, each until so many states: how many are violated. */
static unsigned explore_all(const char *part, size_t most_states, unsigned *explored) {
  static explorer_result result;
  unsigned violated = 0;
  for (size_t i = 0; i < SCENARIO_COUNT; i++) {
    scenario = &SCENARIOS[i];
    if (strstr(scenario->name, part) == NULL) {
      continue;
    }
    begin_world();
    explorer_program program = {.threads = THREADS,
                                .world = &world,
                                .world_bytes = world_bytes,
                                .begin = begin,
                                .run = run,
                                .finished = finished,
                                .done = done,
                                .weak = scenario->weak,
                                .most_states = most_states,
                                .operation_name = operation_name};
    for (size_t thread = 0; thread < THREADS; thread++) {
      const planned_operation *planned = scenario->threads[thread];
      size_t *count = &program.operations[thread];
      while (*count < OPERATIONS && planned[*count].kind != NOTHING) {
        ++*count;
      }
    }
    explorer_explore(&program, &result);
    ++*explored;
    violated += result.violated;
    printf("%-56s %14.4g interleavings %8zu states %3zu steps%s%s\n", scenario->name,
           result.interleavings, result.states, result.longest,
           result.violated ? ", violated: " : "", result.report);
    (void)fflush(stdout);
#ifdef HF_MUTANT
    if (violated > 0) {
      break;
    }
#endif
  }
  return violated;
}

#ifdef HF_MUTANT

/* Why the fault could not be put in; empty: it is there. */
const char *mutant_stale(void);

int main(int count, char **arguments) {
  if (mutant_stale()[0] != '\0') {
    printf("mutant %s: its place %s; see mutants.cmake\n", HF_MUTANT, mutant_stale());
    return 1;
  }
  unsigned explored = 0;
  const char *part = count > 1 ? arguments[1] : "";
  /* The small scenarios find most. */
  bool found = explore_all(part, 3000, &explored) > 0 || explore_all(part, 0, &explored) > 0;
  printf("mutant %sfound: %s\n", found ? "" : "not ", HF_MUTANT);
  return !found;
}

#else

int main(int count, char **arguments) {
  unsigned explored = 0;
  unsigned violated = explore_all(count > 1 ? arguments[1] : "", 0, &explored);
  printf("%u scenarios, %u violated\n", explored, violated);
  return violated > 0 || explored == 0;
}

#endif
