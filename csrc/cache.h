/*
 * What a cache is made of. Each part has a share of the keys, by their hash, and of the limits,
 * with a lock, an index, queues, a timer wheel and memory of its own; with HF_CACHE_LRU there is
 * one part, so that the order is that of all.
 */
#ifndef HF_CACHE_H
#define HF_CACHE_H

#include "cache_index.h"
#include "cache_lock.h"
#include "cache_memory.h"
#include "cache_queue.h"
#include "cache_s3fifo.h"
#include "cache_wheel.h"
#include "processor.h"

HF_BEGIN_NONNULL

/* A load that somebody is at, of a key. */
typedef struct hf__load hf__load;

enum { HF__LOAD_CHAINS = 64 };

typedef struct hf__cache_part {
  /* What readers read. */
  _Alignas(64) _Atomic(hf__index *) index;
  hf__cache_memory memory;
  /* The rest is under the lock. What each put writes comes first, so that threads that put one
   * after the other pass on as few lines of the processor's cache as may be. */
  _Alignas(64) hf__lock lock;
  uint32_t entries;
  uint64_t charged_bytes;
  hf__queue small; /* HF_CACHE_LRU: all */
  hf__queue main;
  hf__s3fifo rule; /* HF_CACHE_S3FIFO */
  uint32_t load_count;
  uint32_t max_entries;
  hf__uses uses; /* HF_CACHE_LRU: of `small` */
  _Alignas(64) hf__ghost ghost;
  uint64_t max_bytes; /* UINT64_MAX: no limit */
  /* How far entries that were invalidated are cleared away: the bucket that was looked at last, and
   * how many are left since so many invalidations as `swept_for` were done. */
  size_t sweep_at;
  size_t sweep_left;
  uint64_t swept_for;
  _Alignas(64) hf__cache_wheel wheel;
  uint64_t removals[HF_CACHE_CAUSES];
  hf__load *HF_NULLABLE loads[HF__LOAD_CHAINS];
  size_t load_bytes;
} hf__cache_part;

typedef enum hf__cache_counter {
  HF__CACHE_MISSES = HF_CACHE_MISS,
  HF__CACHE_HITS = HF_CACHE_HIT,
  HF__CACHE_STALE_HITS = HF_CACHE_STALE,
  HF__CACHE_NEGATIVE_HITS = HF_CACHE_NEGATIVE,
  HF__CACHE_PUTS,
  HF__CACHE_REFUSED,
  HF__CACHE_LOADS,
  HF__CACHE_LOADS_CANCELLED,
  HF__CACHE_LOADS_ABANDONED,
  HF__CACHE_LOAD_NS,
  HF__CACHE_COUNTERS
} hf__cache_counter;

/* Counters of the threads on one processor. */
enum { HF__STRIPES = 8 };

typedef struct hf__stripe {
  _Alignas(128) atomic_uint_least64_t counts[HF__CACHE_COUNTERS];
} hf__stripe;

typedef struct hf__namespace {
  char *prefix;
  size_t prefix_bytes;
} hf__namespace;

/* In place of the mask of parts: no key is read without a lock. */
#define HF__ALL_LOCKED SIZE_MAX

struct hf_cache {
  /* What each get reads. */
  size_t part_mask; /* of hf__hash_part(); HF__ALL_LOCKED with HF_CACHE_LRU */
  hf__cache_part *parts;
  uint64_t epoch_ns;
  ptrdiff_t processor_offset_bytes; /* hf__processor_offset_bytes() */
  hf_cache_options options;
  hf_allocator allocator;
  size_t part_count;
  /* The number of the last invalidation, of each tag's place, of each namespace, and of all. */
  atomic_uint_least64_t *invalidated;
  atomic_uint_least64_t invalidations;
  atomic_uint_least64_t invalidations_done; /* how many are noted in their places */
  atomic_uint_least64_t load_numbers;
  atomic_size_t maintained; /* the part that hf_cache_maintain() begins with */
  hf__lock resizing;        /* of who changes the limits: of all parts, or of none */
  hf__lock namespaces_lock; /* of who declares one */
  atomic_size_t namespace_count;
  hf__namespace namespaces[HF_CACHE_MAX_NAMESPACES];
  hf__stripe stripes[HF__STRIPES];
};

/* Since the cache was made; a clock that was read before that says 0. */
static inline uint64_t hf__cache_since(const hf_cache *cache, uint64_t now_ns) {
  uint64_t since = now_ns - cache->epoch_ns;
  return since > INT64_MAX ? 0 : since;
}

/* `since` and a duration; the end of time is HF__NEVER. */
static inline uint64_t hf__cache_after(uint64_t since_ns, uint64_t duration_ns) {
  return duration_ns >= HF__NEVER - since_ns ? HF__NEVER : since_ns + duration_ns;
}

/* A tag of an entry that is the number of a namespace. */
#define HF__NAMESPACE_TAG (UINT32_C(1) << 31)

/* Where the last invalidation of a tag is noted. */
static inline atomic_uint_least64_t *hf__invalidated(const hf_cache *cache, uint32_t tag) {
  uint32_t places = cache->options.tag_places;
  uint32_t place = (tag & HF__NAMESPACE_TAG) != 0 ? places + (tag & (HF_CACHE_MAX_NAMESPACES - 1))
                                                  : tag & (places - 1);
  return &cache->invalidated[place];
}

/* A key and where it belongs. */
typedef struct hf__key {
  const void *bytes;
  size_t length;
  uint64_t hash;
  hf__cache_part *part;
} hf__key;

/* relaxed: a count orders nothing. */
static inline void hf__cache_count(hf_cache *cache, hf__cache_counter counter, uint64_t more) {
  ptrdiff_t offset_bytes = cache->processor_offset_bytes;
  unsigned processor =
      HF__UNLIKELY(offset_bytes == 0) ? hf__processor() : hf__processor_at(offset_bytes);
  HF__ADD(&cache->stripes[processor % HF__STRIPES].counts[counter], more, memory_order_relaxed);
}

/* Entries that went, linked by `next`, with the cause in `prev`: until their removal was told with
 * no lock held they keep their memory. */
typedef struct hf__removed {
  uint32_t first;
  uint32_t last;
} hf__removed;

#define HF__NONE_REMOVED                                                                           \
  (hf__removed) {                                                                                  \
    HF__NO_ENTRY, HF__NO_ENTRY                                                                     \
  }

/* Tells of them, and gives their memory back. Without the lock. */
void hf__cache_tell(hf_cache *cache, hf__cache_part *part, hf__removed removed);

/* Errors. Each returns its status. */
hf_status hf__cache_no_memory(hf_error *HF_NULLABLE error);
hf_status hf__cache_out_of_range(hf_error *HF_NULLABLE error, const char *name, uint64_t value,
                                 const char *range);
hf_status hf__key_too_long(size_t key_bytes, hf_error *HF_NULLABLE error);

/* Reading. */

/* Where a value goes. */
typedef struct hf__destination {
  void *HF_NULLABLE buffer;
  size_t capacity_bytes;
  hf_cache_borrower HF_NULLABLE borrow; /* instead */
  void *HF_NULLABLE context;
} hf__destination;

/* A counter for each answer: the answers' numbers, but that HF_CACHE_NO_ROOM is a hit. */
static inline void hf__count_answers(hf_cache *cache, hf_cache_answer answer, uint64_t more) {
  hf_cache_answer counted = answer == HF_CACHE_NO_ROOM ? HF_CACHE_HIT : answer;
  hf__cache_count(cache, (hf__cache_counter)counted, more);
}

/* A miss, because there cannot be such a key. */
hf_cache_answer hf__no_such_key(hf_cache_found *HF_NULLABLE out);

/* `use`: it counts as one. */
hf_cache_answer hf__read_key(hf_cache *cache, const hf__key *key, uint64_t since_ns, bool use,
                             const hf__destination *to, hf_cache_found *HF_NULLABLE out);

/* The same, under the part's lock. */
hf_cache_answer hf__read_locked(hf_cache *cache, const hf__key *key, uint64_t since_ns, bool use,
                                const hf__destination *to, hf_cache_found *HF_NULLABLE out,
                                hf__removed *removed);

/* Adds the tags of the namespaces that a key is in. False: more than there is room for. */
bool hf__add_namespaces(const hf_cache *cache, const hf__key *key, uint32_t *tags, size_t *count);

/* Counts what became of a put, and says what is wrong. */
hf_status hf__end_put(hf_cache *cache, hf_status status, hf_error *HF_NULLABLE error);

/* How many entries a call that writes looks at at most to clear them away. */
enum { HF__CLEARED_BY_EACH = 8 };

/* Under the part's lock from here on. */

/* What an entry that is found says at this moment. MISS: it has expired, or was invalidated. */
typedef struct hf__sight {
  hf_cache_answer answer;
  size_t value_bytes;
  uint64_t ttl_left_ns;
} hf__sight;

hf__sight hf__cache_sight(const hf_cache *cache, const hf__entry *entry, uint64_t shape,
                          uint64_t since_ns);

/* Whether one of its tags was invalidated after it was born. */
bool hf__entry_is_invalidated(const hf_cache *cache, const hf__entry *entry, uint64_t shape);

/* The entry of a key that has not expired; one that has is cleared away. */
bool hf__part_find(hf_cache *cache, const hf__key *key, uint64_t since_ns, hf__place *place,
                   hf__removed *removed);

/* Lets all entries move to where their uses brought them: the order is that of `small` then. */
void hf__part_settle(hf__cache_part *part);

/* What a hit changes: the order of use, the deadline of one that slides. */
void hf__part_use(hf_cache *cache, hf__cache_part *part, const hf__place *place, uint64_t since_ns);

void hf__part_remove(hf_cache *cache, hf__cache_part *part, uint64_t hash, const hf__place *place,
                     hf_cache_cause cause, hf__removed *removed);

/* Evicts until there is room for one more entry and so many more bytes. */
void hf__part_make_room(hf_cache *cache, hf__cache_part *part, uint32_t entries, uint64_t bytes,
                        hf__removed *removed);

/* Clears away up to so many of what expired or was invalidated; how many of `budget` entries were
 * looked at is taken off it. */
void hf__part_clear_some(hf_cache *cache, hf__cache_part *part, uint64_t since_ns, size_t *budget,
                         hf__removed *removed);

void hf__part_remove_all(hf_cache *cache, hf__cache_part *part, hf__removed *removed);

/* Adds all entries to another index. */
void hf__part_fill_index(hf_cache *cache, hf__cache_part *part, hf__index *index);

/* A value that is to be put, checked. */
typedef struct hf__put {
  const void *value;
  uint64_t shape;
  uint64_t ttl_ns;
  uint64_t left_ns; /* until the deadline: the TTL, but for what is restored */
  uint64_t soft_ttl_ns;
  uint64_t born;
  uint32_t cost;
  uint32_t tags[HF_CACHE_MAX_TAGS];
} hf__put;

hf_status hf__put_make(const hf_cache *cache, const hf__key *key, const void *HF_NULLABLE value,
                       size_t value_bytes, const hf_cache_entry_options *HF_NULLABLE options,
                       hf__put *put, hf_error *HF_NULLABLE error);

hf_status hf__part_put(hf_cache *cache, const hf__key *key, const hf__put *put, uint64_t since_ns,
                       hf__removed *removed);

/* Loads. A load is noted until it ends, or is cancelled by whoever changes its key. */

struct hf__load {
  hf__load *HF_NULLABLE next;
  uint64_t hash;
  uint64_t number;
  uint64_t born;     /* the number of the last invalidation when it began */
  uint64_t begun_ns; /* the caller's time */
  uint64_t lease_end_ns;
  size_t key_bytes;
  char key[];
};

/* NULL: nobody loads it. */
hf__load *HF_NULLABLE hf__part_load(const hf__key *key);

/* NULL: no memory. */
hf__load *HF_NULLABLE hf__part_begin_load(hf_cache *cache, const hf__key *key, uint64_t since_ns,
                                          uint64_t now_ns);

void hf__part_end_load(hf_cache *cache, const hf__key *key);

void hf__part_end_loads(hf_cache *cache, hf__cache_part *part);

HF_END_NONNULL

#endif
