/*
 * Breakers by name: a table of places, each the head of a chain of entries.
 *
 * An entry's name and breaker never change. Entries are put in at a chain's head by
 * compare-and-swap; only the one thread that is evicting takes them out, and only it
 * writes `next` of an entry that is in a chain. One word of the entry,
 *
 *     63       32 31        1    0
 *     | version  | pins      | dead |
 *
 * decides whether it may be used. Pinning adds 1 to the version and to the pins, in one
 * addition that cannot fail: who then finds it dead has no pin, and never mind the sum.
 * Evicting is one compare-and-swap of the word as it was before the breaker was looked
 * at, so it fails if anybody pinned it since, though they have unpinned it again.
 *
 * Reading a chain. Who follows pointers counts itself as a reader meanwhile, in one of
 * several lines of the cache; each line has two counts, of which the current one is
 * used. What is taken out is put aside until each count of each line was seen at zero:
 * all who could have met it have left by then. Seeing zero is hastened by making the
 * other count current: the one that is left gets no more readers and runs out.
 *
 * Why that is enough. Being counted, following a pointer, taking out and looking at a
 * count are all sequentially consistent, so they have one order. A reader that is not
 * seen by the look is counted after it, and follows its first pointer after that: the
 * entry had been taken out before the look, so this reader does not find it.
 */
#include <holdfast/breaker_registry.h>

#include "allocator.h"
#include "atomics.h"
#include "breaker.h"
#include "error.h"
#include "processor.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

typedef struct hf_breaker_entry entry;
typedef _Atomic(entry *) entry_link;

enum { LINE_BYTES = 64, INLINE_NAME_BYTES = 24 };

/* A line of the cache; more of them for a long name. */
struct hf_breaker_entry {
  _Alignas(LINE_BYTES) entry_link next;
  atomic_uint_least64_t word;
  hf_breaker *breaker;
  atomic_uint_least64_t used_ns;
  /* The upper half of the hash; the place in the table has bits of the lower. */
  uint32_t mark;
  uint32_t length_bytes;
  char name[INLINE_NAME_BYTES];
};

_Static_assert(sizeof(entry) == LINE_BYTES, "a short name's entry is one line of the cache");

#define DEAD UINT64_C(1)
#define PIN UINT64_C(2)
#define PINS_MASK (UINT64_C(0xFFFFFFFF) & ~DEAD)
#define VERSION (UINT64_C(1) << 32)

enum {
  PIECE_PLACES = 1024,
  READER_LINES = 8,
  READER_COUNTS = 2 * READER_LINES,
  MOST_ASIDE = 512,
};

typedef struct piece {
  entry_link heads[PIECE_PLACES];
} piece;

typedef _Atomic(piece *) piece_link;

typedef struct reader_line {
  _Alignas(LINE_BYTES) atomic_uint_least64_t counts[2];
} reader_line;

struct hf_breaker_registry {
  /* What everybody reads. */
  _Alignas(LINE_BYTES) uint64_t seed;
  uint64_t place_mask;
  /* 0 or 1: which counts readers take. */
  atomic_uint_least32_t current;
  uint32_t limit;
  hf_breaker_options options;
  hf_allocator allocator;
  size_t size_bytes;
  reader_line readers[READER_LINES];
  /* What is written when breakers come and go. */
  _Alignas(LINE_BYTES) atomic_uint_least64_t count;
  atomic_uint_least32_t evicting;
  /* From here on, of the one that is evicting. */
  uint32_t unseen; /* a bit for each count that was not yet seen at zero */
  uint64_t cursor;
  size_t aside_count;
  size_t waiting_count; /* the first of them: what `unseen` is for */
  entry *aside[MOST_ASIDE];
  piece_link pieces[];
};

/* Life --------------------------------------------------------------------- */

hf_breaker_registry_options hf_breaker_registry_options_default(void) {
  return (hf_breaker_registry_options){.breaker = hf_breaker_options_default(), .limit = 1000000};
}

static hf_status out_of_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

/* A power of two: at most half of them are used. */
static uint64_t places_for(uint32_t limit) {
  uint64_t places = PIECE_PLACES;
  while (places < (uint64_t)limit * 2) {
    places *= 2;
  }
  return places;
}

static size_t piece_count(const hf_breaker_registry *registry) {
  return (size_t)((registry->place_mask + 1) / PIECE_PLACES);
}

hf_status hf_breaker_registry_create(const hf_breaker_registry_options *options, uint64_t seed,
                                     const hf_allocator *allocator, hf_breaker_registry **registry,
                                     hf_error *error) {
  hf_breaker_registry_options chosen =
      options == NULL ? hf_breaker_registry_options_default() : *options;
  hf_status status = hf__breaker_check_options(&chosen.breaker, error);
  if (status != HF_OK) {
    return status;
  }
  if (chosen.limit == 0 || chosen.limit > HF_BREAKER_REGISTRY_MAX_LIMIT) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "limit is %lu; it may be 1 to %lu", (unsigned long)chosen.limit,
                         (unsigned long)HF_BREAKER_REGISTRY_MAX_LIMIT);
  }
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  uint64_t places = places_for(chosen.limit);
  size_t pieces = (size_t)(places / PIECE_PLACES);
  size_t size = sizeof(hf_breaker_registry) + pieces * sizeof(piece_link);
  hf_breaker_registry *made = from->allocate(from->context, size, LINE_BYTES);
  if (made == NULL) {
    return out_of_memory(error);
  }
  made->seed = seed;
  made->place_mask = places - 1;
  atomic_init(&made->current, 0);
  made->limit = chosen.limit;
  made->options = chosen.breaker;
  made->allocator = *from;
  made->size_bytes = size;
  for (size_t i = 0; i < READER_LINES; i++) {
    atomic_init(&made->readers[i].counts[0], 0);
    atomic_init(&made->readers[i].counts[1], 0);
  }
  atomic_init(&made->count, 0);
  atomic_init(&made->evicting, 0);
  made->unseen = 0;
  made->cursor = 0;
  made->aside_count = 0;
  made->waiting_count = 0;
  for (size_t i = 0; i < pieces; i++) {
    atomic_init(&made->pieces[i], NULL);
  }
  *registry = made;
  return HF_OK;
}

static size_t entry_bytes(size_t length_bytes) {
  size_t size = offsetof(entry, name) + length_bytes;
  return (size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

/* Nobody else can reach it, or could. */
static void free_entry(hf_breaker_registry *registry, entry *old) {
  hf_breaker_destroy(old->breaker);
  registry->allocator.deallocate(registry->allocator.context, old, entry_bytes(old->length_bytes),
                                 LINE_BYTES);
}

void hf_breaker_registry_destroy(hf_breaker_registry *registry) {
  if (registry == NULL) {
    return;
  }
  hf_allocator from = registry->allocator;
  /* All relaxed: nobody else uses it any more. */
  for (size_t i = 0; i < piece_count(registry); i++) {
    piece *part = HF__LOAD(&registry->pieces[i], memory_order_relaxed);
    for (size_t place = 0; part != NULL && place < PIECE_PLACES; place++) {
      entry *at = HF__LOAD(&part->heads[place], memory_order_relaxed);
      while (at != NULL) {
        entry *next = HF__LOAD(&at->next, memory_order_relaxed);
        free_entry(registry, at);
        at = next;
      }
    }
    if (part != NULL) {
      from.deallocate(from.context, part, sizeof *part, LINE_BYTES);
    }
  }
  for (size_t i = 0; i < registry->aside_count; i++) {
    free_entry(registry, registry->aside[i]);
  }
  from.deallocate(from.context, registry, registry->size_bytes, LINE_BYTES);
}

size_t hf_breaker_registry_count(const hf_breaker_registry *registry) {
  /* relaxed: the number alone. */
  return (size_t)HF__LOAD(&registry->count, memory_order_relaxed);
}

/* Readers ------------------------------------------------------------------ */

/* The count that this reader is in. */
typedef atomic_uint_least64_t *reader;

static reader begin_reading(hf_breaker_registry *registry) {
  /* relaxed: either count does; the current one only has itself seen at zero sooner. */
  uint32_t current = HF__LOAD(&registry->current, memory_order_relaxed);
  reader count = &registry->readers[hf__processor() % READER_LINES].counts[current];
  /* seq_cst: before the pointers that are followed; see the top. */
  HF__ADD(count, 1, memory_order_seq_cst);
  return count;
}

static void end_reading(reader count) {
  /* release: what was read was read before; pairs with the look in look_for_readers(). */
  HF__ADD(count, UINT64_MAX, memory_order_release);
}

/* Finding ------------------------------------------------------------------ */

typedef struct wanted {
  const char *name;
  size_t length_bytes;
  uint64_t hash;
  /* Of its place in the table; NULL while there is no such piece. */
  entry_link *head;
} wanted;

static piece_link *piece_of(hf_breaker_registry *registry, uint64_t hash) {
  return &registry->pieces[(hash & registry->place_mask) / PIECE_PLACES];
}

HF__INLINE entry_link *head_in(piece *part, uint64_t hash) {
  return part == NULL ? NULL : &part->heads[hash % PIECE_PLACES];
}

HF__INLINE wanted want(hf_breaker_registry *registry, const char *name, size_t length_bytes) {
  const char *bytes = length_bytes == 0 ? "" : name;
  uint64_t hash = XXH3_64bits_withSeed(bytes, length_bytes, registry->seed);
  /* acquire: pairs with the release of who put the piece there. */
  piece *part = HF__LOAD(piece_of(registry, hash), memory_order_acquire);
  return (wanted){
      .name = bytes, .length_bytes = length_bytes, .hash = hash, .head = head_in(part, hash)};
}

static bool is_wanted(const entry *at, const wanted *what) {
  return at->mark == (uint32_t)(what->hash >> 32) && at->length_bytes == what->length_bytes &&
         memcmp(at->name, what->name, what->length_bytes) == 0;
}

/* seq_cst: after this reader was counted; see the top. It also acquires, from whoever
 * put the entry there. */
HF__INLINE entry *follow(const entry_link *link) {
  return HF__LOAD(link, memory_order_seq_cst);
}

/* The entry, pinned; or NULL, and what was first in its chain. To be called by readers. */
HF__INLINE entry *pin_entry(const wanted *what, entry **first) {
  *first = follow(what->head);
  for (entry *at = *first; at != NULL; at = follow(&at->next)) {
    /* relaxed: the entry is already seen whole, and what others did to the breaker is
     * ordered by the breaker. The addition carries on the releases of those who have
     * unpinned. */
    if (is_wanted(at, what) && !(HF__ADD(&at->word, PIN + VERSION, memory_order_relaxed) & DEAD)) {
      return at;
    }
  }
  return NULL;
}

HF__INLINE hf_breaker_pin pin_of(entry *pinned) {
  return (hf_breaker_pin){.breaker = pinned->breaker, .entry = pinned};
}

static bool find(hf_breaker_registry *registry, const wanted *what, hf_breaker_pin *pin) {
  if (what->head == NULL) {
    return false;
  }
  reader count = begin_reading(registry);
  entry *first;
  entry *pinned = pin_entry(what, &first);
  end_reading(count);
  if (pinned != NULL) {
    *pin = pin_of(pinned);
  }
  return pinned != NULL;
}

void hf_breaker_unpin(const hf_breaker_pin *pin, uint64_t now_ns) {
  entry *pinned = pin->entry;
  /* All relaxed: released by what follows. A difference of more than half of all numbers
   * is one to the past. */
  if (now_ns - HF__LOAD(&pinned->used_ns, memory_order_relaxed) <= INT64_MAX) {
    HF__STORE(&pinned->used_ns, now_ns, memory_order_relaxed);
  }
  /* release: all use of the breaker, and the time above, comes before; pairs with the
   * acquire of who evicts. */
  HF__ADD(&pinned->word, UINT64_MAX - PIN + 1, memory_order_release);
}

/* Making ------------------------------------------------------------------- */

/* Takes a place among `limit`. */
static bool count_in(hf_breaker_registry *registry) {
  /* All relaxed: the number alone. */
  uint64_t seen = HF__LOAD(&registry->count, memory_order_relaxed);
  while (seen < registry->limit) {
    if (HF__SWAP_IF(&registry->count, &seen, seen + 1, memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

static void count_out(hf_breaker_registry *registry) {
  /* relaxed: as count_in(). */
  HF__ADD(&registry->count, UINT64_MAX, memory_order_relaxed);
}

/* The piece of a name; another thread's, when that was faster. NULL: no memory. */
static piece *make_piece(hf_breaker_registry *registry, uint64_t hash) {
  const hf_allocator *from = &registry->allocator;
  piece *made = from->allocate(from->context, sizeof *made, LINE_BYTES);
  if (made == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < PIECE_PLACES; i++) {
    atomic_init(&made->heads[i], NULL);
  }
  piece *there = NULL;
  /* release: the places come before the pointer; pairs with the acquire in want(), and of
   * the swap that fails. */
  if (HF__SWAP_IF_ACQUIRE(piece_of(registry, hash), &there, made, memory_order_release)) {
    return made;
  }
  from->deallocate(from->context, made, sizeof *made, LINE_BYTES);
  return there;
}

/* An entry with one pin, in no chain. */
static hf_status make_entry(hf_breaker_registry *registry, const wanted *what,
                            const hf_breaker_options *options, uint64_t now_ns, entry **made,
                            hf_error *error) {
  const hf_allocator *from = &registry->allocator;
  hf_breaker *breaker = NULL;
  hf_status status = hf_breaker_create(options, what->hash, now_ns, from, &breaker, error);
  if (status != HF_OK) {
    return status;
  }
  entry *fresh = from->allocate(from->context, entry_bytes(what->length_bytes), LINE_BYTES);
  if (fresh == NULL) {
    hf_breaker_destroy(breaker);
    return out_of_memory(error);
  }
  atomic_init(&fresh->next, NULL);
  atomic_init(&fresh->word, PIN + VERSION);
  fresh->breaker = breaker;
  atomic_init(&fresh->used_ns, now_ns);
  fresh->mark = (uint32_t)(what->hash >> 32);
  fresh->length_bytes = (uint32_t)what->length_bytes;
  memcpy(fresh->name, what->name, what->length_bytes);
  *made = fresh;
  return HF_OK;
}

/* Puts an entry first into its chain, unless there is one of that name: then that one,
 * pinned. Returns which. To be called by a reader, so that no head that was seen can be
 * freed and come back as another entry. */
static entry *put_in(const wanted *what, entry *fresh) {
  for (;;) {
    entry *first;
    entry *pinned = pin_entry(what, &first);
    if (pinned != NULL) {
      return pinned;
    }
    /* relaxed: released by what follows, and nobody else has the entry yet. */
    HF__STORE(&fresh->next, first, memory_order_relaxed);
    /* seq_cst: like all that is done to the links of chains. It releases the entry; pairs
     * with follow(). That the head is what it was means that no other was put in since,
     * or that it is out again. relaxed on failure: the chain is followed anew. */
    if (HF__SWAP_IF(what->head, &first, fresh, memory_order_seq_cst)) {
      return fresh;
    }
  }
}

HF__APART static hf_status make(hf_breaker_registry *registry, wanted *what,
                                const hf_breaker_options *options, uint64_t now_ns,
                                hf_breaker_pin *pin, hf_error *error) {
  if (!count_in(registry)) {
    /* The last one may have been made of this very name since it was looked for. */
    if (find(registry, what, pin)) {
      return HF_OK;
    }
    return hf__error_set(error, HF_ERROR_REGISTRY_FULL, HF_NO_OFFSET, 0,
                         "there are %lu circuit breakers, and may not be more: evict those that "
                         "nobody uses, unpin others, or raise the limit",
                         (unsigned long)registry->limit);
  }
  if (what->head == NULL) {
    what->head = head_in(make_piece(registry, what->hash), what->hash);
  }
  entry *fresh = NULL;
  hf_status status = what->head == NULL
                         ? out_of_memory(error)
                         : make_entry(registry, what, options, now_ns, &fresh, error);
  if (status != HF_OK) {
    count_out(registry);
    return status;
  }
  reader count = begin_reading(registry);
  entry *pinned = put_in(what, fresh);
  end_reading(count);
  if (pinned != fresh) {
    free_entry(registry, fresh);
    count_out(registry);
  }
  *pin = pin_of(pinned);
  return HF_OK;
}

static hf_status pin_or_make(hf_breaker_registry *registry, const char *name, size_t length_bytes,
                             const hf_breaker_options *options, uint64_t now_ns,
                             hf_breaker_pin *pin, hf_error *error) {
  if (length_bytes > HF_BREAKER_NAME_MAX_BYTES) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "a circuit breaker's name has %zu bytes; at most %d are allowed",
                         length_bytes, HF_BREAKER_NAME_MAX_BYTES);
  }
  wanted what = want(registry, name, length_bytes);
  if (find(registry, &what, pin)) {
    return HF_OK;
  }
  return make(registry, &what, options, now_ns, pin, error);
}

hf_status hf_breaker_registry_pin(hf_breaker_registry *registry, const char *name,
                                  size_t length_bytes, uint64_t now_ns, hf_breaker_pin *pin,
                                  hf_error *error) {
  return pin_or_make(registry, name, length_bytes, &registry->options, now_ns, pin, error);
}

hf_status hf_breaker_registry_pin_with(hf_breaker_registry *registry, const char *name,
                                       size_t length_bytes, const hf_breaker_options *options,
                                       uint64_t now_ns, hf_breaker_pin *pin, hf_error *error) {
  return pin_or_make(registry, name, length_bytes, options, now_ns, pin, error);
}

bool hf_breaker_registry_find(hf_breaker_registry *registry, const char *name, size_t length_bytes,
                              hf_breaker_pin *pin) {
  if (length_bytes > HF_BREAKER_NAME_MAX_BYTES) {
    return false;
  }
  wanted what = want(registry, name, length_bytes);
  return find(registry, &what, pin);
}

/* Evicting ----------------------------------------------------------------- */

/* Everything here is done by the one thread that has `evicting`. */

/* Whether readers may be left who were there when what is waiting was taken out. */
static bool look_for_readers(hf_breaker_registry *registry) {
  /* relaxed: only this thread writes it while it is evicting, and the one before is
   * ordered by `evicting`. */
  uint32_t current = HF__LOAD(&registry->current, memory_order_relaxed);
  uint32_t of_other = 0;
  for (uint32_t i = 0; i < READER_COUNTS; i++) {
    uint32_t bit = UINT32_C(1) << i;
    /* seq_cst: after taking out; see the top. It also acquires from those who left. */
    if ((registry->unseen & bit) != 0 &&
        HF__LOAD(&registry->readers[i / 2].counts[i % 2], memory_order_seq_cst) == 0) {
      registry->unseen &= ~bit;
    }
    of_other |= i % 2 == current ? 0 : bit;
  }
  if (registry->unseen != 0 && (registry->unseen & of_other) == 0) {
    /* relaxed: as in begin_reading(). */
    HF__STORE(&registry->current, 1 - current, memory_order_relaxed);
  }
  return registry->unseen != 0;
}

/* Frees what nobody can be looking at any more; what was put aside while others waited
 * begins to wait when those are gone. */
static void free_aside(hf_breaker_registry *registry) {
  if (registry->waiting_count == 0) {
    registry->waiting_count = registry->aside_count;
    registry->unseen = (UINT32_C(1) << READER_COUNTS) - 1;
  }
  if (registry->waiting_count == 0 || look_for_readers(registry)) {
    return;
  }
  for (size_t i = 0; i < registry->waiting_count; i++) {
    free_entry(registry, registry->aside[i]);
  }
  registry->aside_count -= registry->waiting_count;
  for (size_t i = 0; i < registry->aside_count; i++) {
    registry->aside[i] = registry->aside[registry->waiting_count + i];
  }
  registry->waiting_count = 0;
}

static bool has_room_aside(hf_breaker_registry *registry) {
  if (registry->aside_count == MOST_ASIDE) {
    free_aside(registry);
  }
  return registry->aside_count < MOST_ASIDE;
}

/* How long what nobody uses is left alone. */
typedef struct patience {
  uint64_t idle_ns;
  uint64_t remember_ns; /* besides, where there is something to remember */
} patience;

/* How long that is of a breaker; more than there can be: until a hand decides, or time. */
static uint64_t patience_with(const hf_breaker *breaker, uint64_t now_ns, patience kept) {
  hf_breaker_snapshot snapshot = hf_breaker_read(breaker, now_ns);
  switch (snapshot.state) {
  case HF_BREAKER_CLOSED:
    return snapshot.consecutive_failures == 0 ? kept.idle_ns : kept.remember_ns;
  case HF_BREAKER_OPEN:
    return snapshot.retry_after_ns == 0 ? kept.remember_ns : UINT64_MAX;
  case HF_BREAKER_HALF_OPEN:
    return kept.remember_ns;
  case HF_BREAKER_FORCED_OPEN:
  case HF_BREAKER_DISABLED:
  case HF_BREAKER_METRICS_ONLY:
    break;
  }
  return UINT64_MAX;
}

/* Makes an entry dead if nobody needs it. */
static bool kill(entry *at, uint64_t now_ns, patience kept) {
  /* acquire: pairs with unpinning; what was done to the breaker until then is seen. */
  uint64_t seen = HF__LOAD(&at->word, memory_order_acquire);
  if ((seen & PINS_MASK) != 0) {
    return false;
  }
  /* relaxed: at least as new as the unpinning that was just acquired. */
  uint64_t since = now_ns - HF__LOAD(&at->used_ns, memory_order_relaxed);
  if (since < kept.idle_ns || since > INT64_MAX) {
    return false;
  }
  /* relaxed: that it succeeds means that nobody pinned it since; if it fails, nothing
   * is done with what is there. */
  return since >= patience_with(at->breaker, now_ns, kept) &&
         HF__SWAP_IF(&at->word, &seen, seen | DEAD, memory_order_relaxed);
}

/* Takes a dead entry out of its chain, which leaves its own `next` for those who are at
 * it. `before` is an entry of the chain that has it as its next; NULL if it was the first. */
static void take_out(entry_link *head, entry *before, entry *dead) {
  /* seq_cst, all: see the top. relaxed where the swap fails: the chain is followed
   * anew. */
  entry *after = follow(&dead->next);
  if (before == NULL) {
    entry *first = dead;
    if (HF__SWAP_IF(head, &first, after, memory_order_seq_cst)) {
      return;
    }
    /* Others were put before it. */
    for (before = follow(head); follow(&before->next) != dead;) {
      before = follow(&before->next);
    }
  }
  HF__STORE(&before->next, after, memory_order_seq_cst);
}

/* Goes over one chain. False: there is no room to put anything aside. */
static bool evict_chain(hf_breaker_registry *registry, entry_link *head, uint64_t now_ns,
                        patience kept, size_t *evicted) {
  entry *before = NULL;
  for (entry *at = follow(head); at != NULL;) {
    entry *next = follow(&at->next);
    if (!has_room_aside(registry)) {
      return false;
    }
    if (kill(at, now_ns, kept)) {
      take_out(head, before, at);
      registry->aside[registry->aside_count++] = at;
      count_out(registry);
      ++*evicted;
    } else {
      before = at;
    }
    at = next;
  }
  return true;
}

static size_t evict(hf_breaker_registry *registry, uint64_t now_ns, patience kept, size_t budget) {
  size_t evicted = 0;
  uint64_t places = registry->place_mask + 1;
  uint64_t gone = 0;
  for (; budget > 0 && gone < places; budget--) {
    /* acquire: as in want(). */
    piece *part =
        HF__LOAD(&registry->pieces[registry->cursor / PIECE_PLACES], memory_order_acquire);
    uint64_t step = 1;
    if (part == NULL) {
      step = PIECE_PLACES - registry->cursor % PIECE_PLACES;
    } else if (!evict_chain(registry, &part->heads[registry->cursor % PIECE_PLACES], now_ns, kept,
                            &evicted)) {
      break;
    }
    gone += step;
    registry->cursor = (registry->cursor + step) & registry->place_mask;
  }
  return evicted;
}

size_t hf_breaker_registry_evict(hf_breaker_registry *registry, uint64_t now_ns, uint64_t idle_ns,
                                 uint64_t remember_ns, size_t budget) {
  patience kept = {idle_ns, remember_ns};
  uint32_t nobody = 0;
  /* acquire: pairs with the release below, of the one before. relaxed on failure: then
   * nothing is done. */
  if (!HF__SWAP_IF(&registry->evicting, &nobody, 1, memory_order_acquire)) {
    return 0;
  }
  free_aside(registry);
  size_t evicted = evict(registry, now_ns, kept, budget);
  free_aside(registry);
  /* release: what only the evicting thread uses is left in order for the next. */
  HF__STORE(&registry->evicting, 0, memory_order_release);
  return evicted;
}

/* Looking ------------------------------------------------------------------ */

/* What is done with each breaker; returns whether to go on. */
typedef bool (*entry_visit)(void *context, const entry *at);

typedef struct walk {
  entry_visit visit;
  void *context;
  size_t visited;
  size_t longest_chain;
} walk;

/* To be called by a reader. Whether to go on. */
static bool walk_chain(const entry_link *head, walk *through) {
  size_t length = 0;
  for (const entry *at = follow(head); at != NULL; at = follow(&at->next)) {
    /* relaxed: it may die at any moment; as long as this reader is counted it is whole. */
    if ((HF__LOAD(&at->word, memory_order_relaxed) & DEAD) != 0) {
      continue;
    }
    length++;
    through->visited++;
    if (!through->visit(through->context, at)) {
      return false;
    }
  }
  if (length > through->longest_chain) {
    through->longest_chain = length;
  }
  return true;
}

static void walk_all(hf_breaker_registry *registry, walk *through) {
  for (size_t i = 0; i < piece_count(registry); i++) {
    /* acquire: as in want(). */
    piece *part = HF__LOAD(&registry->pieces[i], memory_order_acquire);
    for (size_t place = 0; part != NULL && place < PIECE_PLACES; place++) {
      /* relaxed: nothing is followed; what comes later may be missed. */
      if (HF__LOAD(&part->heads[place], memory_order_relaxed) == NULL) {
        continue;
      }
      reader count = begin_reading(registry);
      bool goes_on = walk_chain(&part->heads[place], through);
      end_reading(count);
      if (!goes_on) {
        return;
      }
    }
  }
}

typedef struct each_call {
  uint64_t now_ns;
  hf_breaker_visit visit;
  void *context;
} each_call;

static bool show(void *context, const entry *at) {
  const each_call *call = context;
  hf_breaker_snapshot snapshot = hf_breaker_read(at->breaker, call->now_ns);
  return call->visit(call->context, at->name, at->length_bytes, &snapshot);
}

size_t hf_breaker_registry_each(hf_breaker_registry *registry, uint64_t now_ns,
                                hf_breaker_visit visit, void *context) {
  each_call call = {.now_ns = now_ns, .visit = visit, .context = context};
  walk through = {.visit = show, .context = &call};
  walk_all(registry, &through);
  return through.visited;
}

const char *hf_registry_condition_name(hf_registry_condition condition) {
  switch (condition) {
  case HF_REGISTRY_HEALTHY:
    return "healthy";
  case HF_REGISTRY_DEGRADED:
    return "degraded";
  case HF_REGISTRY_UNHEALTHY:
    return "unhealthy";
  }
  return "unknown";
}

typedef struct health_call {
  uint64_t now_ns;
  hf_breaker_registry_health health;
} health_call;

static void add_state(hf_breaker_registry_health *health, const hf_breaker_snapshot *snapshot) {
  switch (snapshot->state) {
  case HF_BREAKER_CLOSED:
    health->degraded += snapshot->degraded;
    break;
  case HF_BREAKER_OPEN:
    /* As hf_breaker_peek() has it. */
    if (snapshot->retry_after_ns > 0) {
      health->open++;
    } else {
      health->half_open++;
    }
    break;
  case HF_BREAKER_HALF_OPEN:
    health->half_open++;
    break;
  case HF_BREAKER_FORCED_OPEN:
    health->forced_open++;
    break;
  case HF_BREAKER_DISABLED:
  case HF_BREAKER_METRICS_ONLY:
    health->unguarded++;
    break;
  }
}

static bool add_health(void *context, const entry *at) {
  health_call *call = context;
  hf_breaker_registry_health *health = &call->health;
  hf_breaker_snapshot snapshot = hf_breaker_read(at->breaker, call->now_ns);
  add_state(health, &snapshot);
  health->successes += snapshot.successes;
  health->failures += snapshot.failures;
  health->slow += snapshot.slow;
  health->neutral += snapshot.neutral;
  health->late += snapshot.late;
  health->refused += snapshot.refused;
  health->opens += snapshot.opens;
  health->closes += snapshot.closes;
  return true;
}

hf_breaker_registry_health hf_breaker_registry_health_read(hf_breaker_registry *registry,
                                                           uint64_t now_ns) {
  health_call call = {.now_ns = now_ns, .health = {.condition = HF_REGISTRY_HEALTHY}};
  walk through = {.visit = add_health, .context = &call};
  walk_all(registry, &through);
  hf_breaker_registry_health *health = &call.health;
  health->count = through.visited;
  health->longest_chain = through.longest_chain;
  if (health->open + health->forced_open > 0) {
    health->condition = HF_REGISTRY_UNHEALTHY;
  } else if (health->half_open + health->degraded > 0) {
    health->condition = HF_REGISTRY_DEGRADED;
  }
  return *health;
}
