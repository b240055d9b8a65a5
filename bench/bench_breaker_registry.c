/*
 * Circuit breakers by name: what it costs to find one among a million.
 *
 * The reference reads a table of as many lines of the cache, one for each breaker, at
 * a random place and then at the place that it finds there: what finding by a hash
 * cannot do without. Nothing that is read twice in a row is near. In both, each
 * operation waits for the one before, as a call waits for its breaker; else the
 * processor would do several of the reference's at once.
 */
#include "bench_harness.h"

#include <holdfast/breaker_registry.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  BREAKERS = 1000000,
  OPERATIONS = 1 << 16,
  /* Each round goes on where the one before stopped, so that little of what it reads is
   * still in a cache. */
  LOOKUPS = 1 << 20,
  NAME_BYTES = 16,
  LINE_BYTES = 64
};

typedef struct line {
  _Alignas(LINE_BYTES) uint32_t next;
} line;

typedef struct names {
  hf_breaker_registry *registry;
  /* In random order, one after the other. */
  char (*wanted)[NAME_BYTES];
  size_t wanted_next;
  line *table;
  uint32_t *places;
  size_t places_next;
} names;

/* splitmix64 */
static uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static void write_name(char *name, uint32_t number) {
  char text[NAME_BYTES + 1];
  snprintf(text, sizeof text, "upstream-%07u", (unsigned)number);
  memcpy(name, text, NAME_BYTES);
}

/* A pin and its unpinning. */
static uint64_t run_lookup(void *data, size_t part) {
  (void)part;
  names *n = data;
  const char(*wanted)[NAME_BYTES] = (const char(*)[NAME_BYTES]) & n->wanted[n->wanted_next];
  n->wanted_next = (n->wanted_next + OPERATIONS) % LOOKUPS;
  uint64_t found = 0;
  uintptr_t before = 0; /* always 0, which only the one before can tell */
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    hf_breaker_pin pin;
    if (hf_breaker_registry_pin(n->registry, wanted[i + before], NAME_BYTES, i, &pin, NULL) !=
        HF_OK) {
      return 0;
    }
    before = (uintptr_t)pin.breaker % LINE_BYTES;
    hf_breaker_unpin(&pin, i);
    found++;
  }
  return found;
}

static uint64_t run_reads(void *data, size_t part) {
  (void)part;
  names *n = data;
  const uint32_t *places = &n->places[n->places_next];
  n->places_next = (n->places_next + OPERATIONS) % LOOKUPS;
  uint64_t found = 0;
  uint32_t before = 0;
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    uint32_t first = n->table[places[i + before]].next;
    uint32_t second = n->table[first].next;
    before = second >> 31;
    found++;
  }
  return found + before;
}

static void tear_down(void *data) {
  names *n = data;
  hf_breaker_registry_destroy(n->registry);
  free(n->wanted);
  free(n->table);
  free(n->places);
  free(n);
}

/* Returns false when there is no memory. */
static bool fill(names *n) {
  hf_allocator allocator = bench_allocator();
  size_t before = bench_live_bytes();
  if (n->wanted == NULL || n->table == NULL || n->places == NULL ||
      hf_breaker_registry_create(NULL, 1, &allocator, &n->registry, NULL) != HF_OK) {
    return false;
  }
  for (uint32_t i = 0; i < BREAKERS; i++) {
    char name[NAME_BYTES];
    write_name(name, i);
    hf_breaker_pin pin;
    if (hf_breaker_registry_pin(n->registry, name, NAME_BYTES, 0, &pin, NULL) != HF_OK) {
      return false;
    }
    hf_breaker_unpin(&pin, 0);
  }
  bench_note("breaker/registry: %.1f bytes a breaker, of %d",
             (double)(bench_live_bytes() - before) / (double)BREAKERS, BREAKERS);
  uint64_t random = 1;
  for (uint32_t i = 0; i < BREAKERS; i++) {
    n->table[i].next = (uint32_t)(random_next(&random) % BREAKERS);
  }
  for (size_t i = 0; i < LOOKUPS; i++) {
    n->places[i] = (uint32_t)(random_next(&random) % BREAKERS);
    write_name(n->wanted[i], (uint32_t)(random_next(&random) % BREAKERS));
  }
  return true;
}

static void *set_up(const void *parameter) {
  (void)parameter;
  names *n = calloc(1, sizeof *n);
  if (n == NULL) {
    return NULL;
  }
  n->wanted = calloc(LOOKUPS, sizeof *n->wanted);
  n->table = aligned_alloc(LINE_BYTES, BREAKERS * sizeof *n->table);
  n->places = calloc(LOOKUPS, sizeof *n->places);
  if (!fill(n)) {
    fprintf(stderr, "bench: no memory for a million breakers\n");
    tear_down(n);
    return NULL;
  }
  return n;
}

static const bench_row rows[] = {{
    .name = "breaker/registry/1M",
    .set_up = set_up,
    .run = run_lookup,
    .reference = "two dependent random reads",
    .run_reference = run_reads,
    .tear_down = tear_down,
    .operations = OPERATIONS,
    .allocates_nothing = true,
}};
BENCH_ROWS(rows)
