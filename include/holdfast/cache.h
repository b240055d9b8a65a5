/**
 * A cache: bytes to bytes, for a while, within limits that hold.
 *
 *     hf_cache_options options = hf_cache_options_default();
 *     options.max_entries = 100000;
 *     options.ttl_ns = 300 * HF_CACHE_SECOND;
 *     options.seed = something random;
 *     hf_cache *cache;
 *     if (hf_cache_create(&options, now_ns, NULL, &cache, &error) != HF_OK) { … }
 *
 *     char value[64];
 *     hf_cache_found found;
 *     if (hf_cache_get(cache, key, key_bytes, now_ns, value, sizeof value, &found) != HF_CACHE_HIT)
 * { … compute it … hf_cache_put(cache, key, key_bytes, value, value_bytes, now_ns, NULL, &error);
 *     }
 *
 * Two policies say what goes when there is no more room. HF_CACHE_LRU keeps the exact order of
 * use, behind one lock that is held for some ten nanoseconds. HF_CACHE_S3FIFO keeps what is used
 * again, in parts with a lock each, and its hits take no lock. docs/cache.md says with figures
 * when to take which.
 *
 * Time is an argument: of one monotonic clock in every call, in nanoseconds from any beginning. A
 * clock that was read before the cache was made counts as its beginning, and so does one that is
 * more than 2^63 ns (292 years) later. The cache owns no thread.
 *
 * Invariants:
 *   1. When hf_cache_put() has returned there are no more than `max_entries` entries, and no more
 *      than `max_bytes` are charged.
 *   2. hf_cache_get() after hf_cache_put() of the same key by the same thread finds what was put,
 *      unless it was removed, expired or evicted; and never bytes of two values.
 *   3. After hf_cache_remove(), hf_cache_invalidate_tag(), hf_cache_invalidate_namespace() or
 *      hf_cache_clear() has returned, nobody gets a value that was there before, also none
 *      whose loading had begun before.
 *   4. Nobody gets a value at or after its deadline.
 *   5. HF_CACHE_LRU evicts the entry whose put or hit is the longest ago.
 *   6. A key has at most one loader at a time.
 */
#ifndef HOLDFAST_CACHE_H
#define HOLDFAST_CACHE_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** Opaque; any number of threads may use one. */
typedef struct hf_cache hf_cache;

#define HF_CACHE_SECOND UINT64_C(1000000000)

/** The most bytes of a key. A value may have up to 2^31 - 1. */
#define HF_CACHE_KEY_MAX_BYTES 65535

/** The most that `max_entries` may be: 134,217,728. */
#define HF_CACHE_MAX_ENTRIES (UINT64_C(1) << 27)

/** As a TTL: never expires. */
#define HF_CACHE_NO_TTL UINT64_MAX

/** The most tags of one entry; the namespaces that its key is in count too. */
#define HF_CACHE_MAX_TAGS 7

/** The most namespaces of a cache. */
#define HF_CACHE_MAX_NAMESPACES 64

/** What goes when there is no more room. */
typedef enum hf_cache_policy {
  /** The entry whose last use is the longest ago, exactly. The default. */
  HF_CACHE_LRU = 0,
  /**
   * First in, first out, in two queues, with a memory of what went: Yang, Zhang, Qiu, Yue and
   * Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023; the share of the small
   * queue follows what is asked for again.
   */
  HF_CACHE_S3FIFO = 1
} hf_cache_policy;

/** "lru", "s3fifo", or "unknown". Constant. */
HF_API const char *hf_cache_policy_name(hf_cache_policy policy);

/** Why an entry went. */
typedef enum hf_cache_cause {
  /** There were `max_entries`. */
  HF_CACHE_EVICTED_BY_COUNT = 0,
  /** There were `max_bytes`. */
  HF_CACHE_EVICTED_BY_BYTES = 1,
  HF_CACHE_EXPIRED = 2,
  /** Another value was put under its key, or was too large to be put, or is not kept:
   *  hf_cache_hand_over(). */
  HF_CACHE_REPLACED = 3,
  /** hf_cache_remove(), hf_cache_clear(). */
  HF_CACHE_REMOVED = 4,
  /** Its tag or namespace was invalidated. */
  HF_CACHE_INVALIDATED = 5,
  HF_CACHE_CAUSES = 6
} hf_cache_cause;

/** "evicted_by_count", … or "unknown". Constant. */
HF_API const char *hf_cache_cause_name(hf_cache_cause cause);

/**
 * Is told of each entry that went, on the thread that made it go, with no lock held: it may use the
 * cache. The pointers are borrowed for the call. Not called by hf_cache_destroy().
 */
typedef void (*hf_cache_removal)(void *HF_NULLABLE context, const void *key, size_t key_bytes,
                                 const void *value, size_t value_bytes, hf_cache_cause cause);

/** How a cache is. Take hf_cache_options_default() and change what you need. */
typedef struct hf_cache_options {
  hf_cache_policy policy;
  /** 1 to HF_CACHE_MAX_ENTRIES; default 1,000. The index of so many is made at once: 5.9 bytes for
   *  each, and 1.6 more with HF_CACHE_S3FIFO. */
  uint64_t max_entries;
  /** The most bytes that entries may be charged; 0, the default, is no limit. An entry is charged
   *  what the allocator gives for it (32 bytes, its key and its value, in the next size that there
   *  is) and its `cost`. */
  uint64_t max_bytes;
  /** Of entries that are put without one: 1 or more; default HF_CACHE_NO_TTL. */
  uint64_t ttl_ns;
  /** Of negative entries that are put without one: 1 or more; default 30 s. */
  uint64_t negative_ttl_ns;
  /** Whether a hit begins the TTL anew, of entries that are not `fixed`; default false. Such hits
   *  take the lock with HF_CACHE_S3FIFO too. */
  bool sliding;
  /** How long a loader may take before another may try; 1 ms or more; default 60 s. */
  uint64_t load_lease_ns;
  /** HF_CACHE_S3FIFO: into how many parts the entries are divided by hash, each with its share of
   *  the limits: a power of 2, to 256 and to `max_entries`; 0, the default: up to 32, of 4,096
   *  entries and 1 MiB or more. Without meaning for HF_CACHE_LRU, which has one part. */
  uint32_t parts;
  /** How many tags can be told apart: a power of 2, 2 to 2^20; default 1,024. Two tags that share a
   *  place are invalidated together. 8 bytes each. */
  uint32_t tag_places;
  /** Of the hash of keys. Where keys come from outside it must be random: who does not know it
   *  cannot choose keys that fall into one place. Default 0. */
  uint64_t seed;
  /** NULL, or is told of what goes. */
  hf_cache_removal HF_NULLABLE on_removal;
  void *HF_NULLABLE context;
} hf_cache_options;

/** The defaults above. Cost: O(1). */
HF_API hf_cache_options hf_cache_options_default(void);

/**
 * Makes an empty cache.
 *
 * @param options    copied; NULL is hf_cache_options_default().
 * @param now_ns     the present; times before it count as it.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param cache      receives the cache, returned owned: hf_cache_destroy().
 * @param error      NULL, or receives which option is out of range.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(max_entries).
 */
HF_API HF_MUST_USE hf_status hf_cache_create(const hf_cache_options *HF_NULLABLE options,
                                             uint64_t now_ns,
                                             const hf_allocator *HF_NULLABLE allocator,
                                             hf_cache *HF_NULLABLE *HF_NONNULL cache,
                                             hf_error *HF_NULLABLE error);

/** Frees a cache and all in it. NULL is a no-op. Nobody may be using it. */
HF_API void hf_cache_destroy(hf_cache *HF_NULLABLE cache);

/* Reading ------------------------------------------------------------------ */

/** What a cache knows of a key. */
typedef enum hf_cache_answer {
  /** Nothing. */
  HF_CACHE_MISS = 0,
  /** A value. */
  HF_CACHE_HIT = 1,
  /** A value that is past its soft TTL: good enough for now, but it should be loaded anew. */
  HF_CACHE_STALE = 2,
  /** That there is no value: what a negative entry says. */
  HF_CACHE_NEGATIVE = 3,
  /** A value that is larger than the buffer; `value_bytes` says how large. */
  HF_CACHE_NO_ROOM = 4
} hf_cache_answer;

/** "miss", … or "unknown". Constant. */
HF_API const char *hf_cache_answer_name(hf_cache_answer answer);

/** What was found besides the value. */
typedef struct hf_cache_found {
  /** Of the value; 0 for a miss. */
  size_t value_bytes;
  /** How long until the deadline; HF_CACHE_NO_TTL when there is none; 0 for a miss. */
  uint64_t ttl_left_ns;
} hf_cache_found;

/**
 * Looks a key up and copies its value.
 *
 * @param key        borrowed; any bytes. May be NULL when the length is 0.
 * @param key_bytes  more than HF_CACHE_KEY_MAX_BYTES is a miss.
 * @param buffer     receives the value; may be NULL when the capacity is 0. Without a value it may
 *                   have been written to all the same.
 * @param found      NULL, or receives what is known besides.
 *
 * Threads: any. Progress: with HF_CACHE_S3FIFO, a fixed TTL and an entry of up to 1,024 bytes no
 * lock is taken, unless 64 times in a row somebody was changing what was read, and nothing is
 * written but a count of this processor's, and up to three times that an entry was used. Otherwise
 * it takes the lock, and copies under it. Cost: O(1), and copying.
 */
HF_API hf_cache_answer hf_cache_get(hf_cache *cache, const void *HF_NULLABLE key, size_t key_bytes,
                                    uint64_t now_ns, void *HF_NULLABLE buffer,
                                    size_t capacity_bytes, hf_cache_found *HF_NULLABLE found);

/** As hf_cache_get(), but it counts as no use and in no statistics, and slides no TTL. What has
 *  expired may be cleared away. */
HF_API hf_cache_answer hf_cache_peek(hf_cache *cache, const void *HF_NULLABLE key, size_t key_bytes,
                                     uint64_t now_ns, void *HF_NULLABLE buffer,
                                     size_t capacity_bytes, hf_cache_found *HF_NULLABLE found);

/** Is lent a value for the time of the call. It must be short and may not use the cache: the lock
 * of the entry's part is held. */
typedef void (*hf_cache_borrower)(void *HF_NULLABLE context, const void *value, size_t value_bytes);

/**
 * As hf_cache_get(), but lends the value where it lies. `borrow` is called once for
 * HF_CACHE_HIT and HF_CACHE_STALE, and not otherwise.
 *
 * Threads: any. Progress: takes the lock. Cost: O(1), and `borrow`.
 */
HF_API hf_cache_answer hf_cache_visit(hf_cache *cache, const void *HF_NULLABLE key,
                                      size_t key_bytes, uint64_t now_ns, hf_cache_borrower borrow,
                                      void *HF_NULLABLE context, hf_cache_found *HF_NULLABLE found);

/** One of many keys that are looked up together. */
typedef struct hf_cache_lookup {
  /** In: as the arguments of hf_cache_get(). */
  const void *HF_NULLABLE key;
  size_t key_bytes;
  void *HF_NULLABLE buffer;
  size_t capacity_bytes;
  /** Out. */
  hf_cache_answer answer;
  hf_cache_found found;
} hf_cache_lookup;

/**
 * hf_cache_get() for each, in their order; but the memory of sixteen at a time is asked for at
 * once, so that in a large cache they wait for it together. Not one moment for all: each stands
 * alone.
 *
 * Threads and progress: as hf_cache_get().
 */
HF_API void hf_cache_get_many(hf_cache *cache, hf_cache_lookup *lookups, size_t count,
                              uint64_t now_ns);

/* Writing ------------------------------------------------------------------ */

/** How one entry is. Zeros are the defaults. */
typedef struct hf_cache_entry_options {
  /** 0: the cache's; HF_CACHE_NO_TTL: none. */
  uint64_t ttl_ns;
  /** 0: none. From then until the deadline hf_cache_get() answers HF_CACHE_STALE. Counted from the
   *  put, also when the TTL slides. */
  uint64_t soft_ttl_ns;
  /** Charged besides the entry's memory: what its value stands for elsewhere. */
  uint32_t cost;
  /** That there is no value: hf_cache_get() answers HF_CACHE_NEGATIVE. The value is ignored. */
  bool negative;
  /** The TTL begins anew with each hit. */
  bool sliding;
  /** It does not, though the cache's options say so. */
  bool fixed;
  /** hf_cache_tag() of each, borrowed; together with the namespaces of the key at most
   *  HF_CACHE_MAX_TAGS. */
  const uint32_t *HF_NULLABLE tags;
  size_t tag_count;
} hf_cache_entry_options;

/**
 * Puts a value under a key, in place of what is there.
 *
 * @param options  NULL: all defaults.
 * @param error    NULL, or receives what is wrong.
 * @return HF_OK; HF_ERROR_TOO_LARGE: the entry is more than `max_bytes`, or than its part's share
 * of them, allow: nothing is put, and what was under the key is gone, because it is no longer true;
 * HF_ERROR_INVALID_ARGUMENT: the key, the value or the tags are too long or too many;
 *         HF_ERROR_OUT_OF_MEMORY. After the last two nothing changed.
 *
 * Threads: any. Progress: takes the lock of the entry's part. Cost: O(1) amortized: it may evict
 * several small entries for a large one, and looks at up to 20 to clear them away.
 */
HF_API HF_MUST_USE hf_status hf_cache_put(hf_cache *cache, const void *HF_NULLABLE key,
                                          size_t key_bytes, const void *HF_NULLABLE value,
                                          size_t value_bytes, uint64_t now_ns,
                                          const hf_cache_entry_options *HF_NULLABLE options,
                                          hf_error *HF_NULLABLE error);

/**
 * Removes an entry, and cancels a load of its key.
 *
 * @return whether there was one that had not expired.
 *
 * Threads: any. Progress: takes the lock. Cost: O(1).
 */
HF_API bool hf_cache_remove(hf_cache *cache, const void *HF_NULLABLE key, size_t key_bytes,
                            uint64_t now_ns);

/* Loading ------------------------------------------------------------------ */

/** What is good enough for a caller. */
typedef enum hf_cache_want {
  /** To know whether there is a value: HF_CACHE_NEGATIVE is an answer as any. */
  HF_CACHE_WANT_ANSWER = 0,
  /** A value: HF_CACHE_NEGATIVE is something to load, as a miss is. */
  HF_CACHE_WANT_VALUE = 1
} hf_cache_want;

/** What a caller has to do about a load. */
typedef enum hf_cache_role {
  /** Nothing: the answer is good, or somebody is loading it anew. */
  HF_CACHE_NO_LOAD = 0,
  /** Load it, then hf_cache_publish(), hf_cache_hand_over() or hf_cache_abandon(). */
  HF_CACHE_LOADER = 1,
  /** Wait for the loader of the same number; how is the caller's. */
  HF_CACHE_WAITER = 2
} hf_cache_role;

/** A load of one key. Copy it as you like. */
typedef struct hf_cache_load {
  hf_cache_role role;
  /** The same for the loader and those who wait for it, and for no other load; not 0. */
  uint64_t number;
  /** When it began. */
  uint64_t begun_ns;
} hf_cache_load;

/**
 * As hf_cache_get(), and when the answer is HF_CACHE_MISS or HF_CACHE_STALE says who loads: the
 * first who asks is the loader. Who asks after a miss while another loads is a waiter; who is
 * answered HF_CACHE_STALE has a value, and loads only when nobody does. A loader that is not done
 * within `load_lease_ns` is given up: the next who asks is the loader, and what the first publishes
 * is refused.
 *
 * For who wants a value, HF_CACHE_NEGATIVE says who loads as a miss does. The negative entry stays
 * until what is loaded takes its place.
 *
 * HF_CACHE_NO_ROOM says nothing of a load: ask again with a larger buffer.
 *
 * When there is no memory for noting the load, the caller is a loader of number 0, and what it
 * publishes is refused, because nobody could know whether it was invalidated in the meantime.
 *
 * Threads: any. Progress: takes the lock when there is something to load. Cost: O(1), and the key
 * is copied.
 */
HF_API hf_cache_answer hf_cache_reserve(hf_cache *cache, const void *HF_NULLABLE key,
                                        size_t key_bytes, uint64_t now_ns, hf_cache_want want,
                                        void *HF_NULLABLE buffer, size_t capacity_bytes,
                                        hf_cache_found *HF_NULLABLE found, hf_cache_load *load);

/**
 * As hf_cache_reserve(), but lends the value where it lies, as hf_cache_visit() does: for values
 * that have to be taken hold of before the lock is given back, such as references.
 *
 * Threads: any. Progress: takes the lock, once. Cost: O(1), and `borrow`, and the key is copied
 * when there is something to load.
 */
HF_API hf_cache_answer hf_cache_reserve_visit(hf_cache *cache, const void *HF_NULLABLE key,
                                              size_t key_bytes, uint64_t now_ns, hf_cache_want want,
                                              hf_cache_borrower borrow, void *HF_NULLABLE context,
                                              hf_cache_found *HF_NULLABLE found,
                                              hf_cache_load *load);

/**
 * Whether a load of this number is under way: nobody ended, cancelled or replaced it.
 *
 * For who waits: when it is, after he has noted down that he waits, then the end of the load is
 * still to come, and whoever brings it about will find the note.
 *
 * Threads: any. Progress: takes the lock. Cost: O(1).
 */
HF_API bool hf_cache_is_loading(hf_cache *cache, const hf_cache_load *load,
                                const void *HF_NULLABLE key, size_t key_bytes);

/**
 * Ends a load with a value, and puts it, unless the key was put, removed or invalidated (by a tag
 * of `options`, a namespace, or hf_cache_clear()) since the load began.
 *
 * @param key  the same as for hf_cache_reserve().
 * @return as hf_cache_put(); HF_ERROR_LOAD_CANCELLED: the value is out of date or not the first,
 * and was not put. Whatever is returned, the load has ended; and unless it is
 * HF_ERROR_LOAD_CANCELLED, the value was still true at that moment, so it may be given to those who
 * wait for it, also when it was not put.
 *
 * Threads: any, one of them once for each load. Progress: takes the lock.
 */
HF_API HF_MUST_USE hf_status hf_cache_publish(hf_cache *cache, const hf_cache_load *load,
                                              const void *HF_NULLABLE key, size_t key_bytes,
                                              const void *HF_NULLABLE value, size_t value_bytes,
                                              uint64_t now_ns,
                                              const hf_cache_entry_options *HF_NULLABLE options,
                                              hf_error *HF_NULLABLE error);

/**
 * Ends a load with a value that is not kept, but given to those who wait for it. What is under the
 * key goes, because it is no longer true.
 *
 * @param options  NULL, or those of hf_cache_publish(), of which only the tags count.
 * @return whether the value was still true at the end, as hf_cache_publish() finds out. If not,
 * nobody who waits may be given it, and what is under the key stays.
 *
 * Threads: any, one of them once for each load. Progress: takes the lock. Cost: O(1).
 */
HF_API HF_MUST_USE bool hf_cache_hand_over(hf_cache *cache, const hf_cache_load *load,
                                           const void *HF_NULLABLE key, size_t key_bytes,
                                           uint64_t now_ns,
                                           const hf_cache_entry_options *HF_NULLABLE options);

/** Ends a load without a value: the next who asks is the loader. */
HF_API void hf_cache_abandon(hf_cache *cache, const hf_cache_load *load,
                             const void *HF_NULLABLE key, size_t key_bytes, uint64_t now_ns);

/* Invalidating ------------------------------------------------------------- */

/** The number of a tag, for hf_cache_entry_options. The same for the same name everywhere. Threads:
 *  any. Cost: the hash of the name. */
HF_API uint32_t hf_cache_tag(const char *HF_NULLABLE name, size_t length_bytes);

/**
 * No entry with this tag is found any more, from now on; their memory is taken back step by step by
 * later calls of hf_cache_put() and hf_cache_maintain().
 *
 * Threads: any. Progress: lock-free. Cost: O(1).
 */
HF_API void hf_cache_invalidate_tag(hf_cache *cache, uint32_t tag);

/**
 * Declares that keys that begin with `prefix` can be invalidated together. Namespaces may lie
 * within each other. It holds for entries that are put later.
 *
 * @return HF_OK, also when it is declared already; HF_ERROR_INVALID_ARGUMENT when the prefix is
 * empty or longer than HF_CACHE_KEY_MAX_BYTES, or there are HF_CACHE_MAX_NAMESPACES;
 *         HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any, also while others use the cache.
 */
HF_API HF_MUST_USE hf_status hf_cache_declare_namespace(hf_cache *cache,
                                                        const char *HF_NULLABLE prefix,
                                                        size_t prefix_bytes,
                                                        hf_error *HF_NULLABLE error);

/**
 * As hf_cache_invalidate_tag(), for the entries of a namespace.
 *
 * @return false when there is no such namespace; nothing is invalidated then.
 */
HF_API bool hf_cache_invalidate_namespace(hf_cache *cache, const char *HF_NULLABLE prefix,
                                          size_t prefix_bytes);

/** Removes all entries and cancels all loads. Threads: any. Cost: O(entries). */
HF_API void hf_cache_clear(hf_cache *cache, uint64_t now_ns);

/* Handling ----------------------------------------------------------------- */

/**
 * Changes the limits, and evicts what is too much. There may not be fewer entries than parts.
 *
 * @return HF_OK; HF_ERROR_INVALID_ARGUMENT for limits out of range (see hf_cache_options),
 *         HF_ERROR_OUT_OF_MEMORY: nothing changed.
 *
 * Threads: any. Cost: O(max_entries) when there may be more entries than ever; else O(evicted).
 * The index that is outgrown is freed by hf_cache_destroy(): readers may be in it. All of them
 * together are no larger than twice the present one.
 */
HF_API HF_MUST_USE hf_status hf_cache_resize(hf_cache *cache, uint64_t max_entries,
                                             uint64_t max_bytes, uint64_t now_ns,
                                             hf_error *HF_NULLABLE error);

/**
 * Clears away what has expired or was invalidated, so that its memory is free before somebody asks.
 * hf_cache_put() does a little of it each time; a cache that is seldom written wants this from time
 * to time.
 *
 * @param budget  how many entries to look at.
 * @return how many were cleared away.
 *
 * Threads: any. Cost: O(budget).
 */
HF_API size_t hf_cache_maintain(hf_cache *cache, uint64_t now_ns, size_t budget);

/** What hf_cache_each() shows. Borrowed for the call. It may use the cache.
 *  @return whether to go on. */
typedef bool (*hf_cache_visitor)(void *HF_NULLABLE context, const void *key, size_t key_bytes,
                                 const void *value, size_t value_bytes, uint64_t ttl_left_ns);

/**
 * Shows the entries that have not expired and are not negative: copies, so that no lock is held
 * while `visit` runs. Each part is copied at one moment, with its lock held; with HF_CACHE_LRU that
 * is all of them, the least recently used first.
 *
 * @param shown  NULL, or receives how many.
 * @return HF_OK, HF_ERROR_OUT_OF_MEMORY.
 */
HF_API HF_MUST_USE hf_status hf_cache_each(hf_cache *cache, uint64_t now_ns, hf_cache_visitor visit,
                                           void *HF_NULLABLE context, size_t *HF_NULLABLE shown);

/** Sums since the cache was made; each is exact, but they are not of one moment. */
typedef struct hf_cache_statistics {
  /** hf_cache_get(), hf_cache_visit(), hf_cache_get_many() and hf_cache_reserve() by their answer;
   *  HF_CACHE_NO_ROOM is a hit. */
  uint64_t hits;
  uint64_t stale_hits;
  uint64_t negative_hits;
  uint64_t misses;
  uint64_t puts;
  /** Refused as too large. */
  uint64_t refused;
  /** hf_cache_publish() that put and hf_cache_hand_over() of what was true; either that did not
   *  (cancelled, too large, no memory); hf_cache_abandon(). */
  uint64_t loads;
  uint64_t loads_cancelled;
  uint64_t loads_abandoned;
  /** From hf_cache_reserve() to the end, of all three. */
  uint64_t load_ns;
  /** By hf_cache_cause. */
  uint64_t removals[HF_CACHE_CAUSES];
  /** Now. */
  uint64_t entries;
  uint64_t charged_bytes;
  /** All that the cache took from its allocator and did not give back. */
  uint64_t allocated_bytes;
} hf_cache_statistics;

/** Threads: any. Cost: O(parts + 8). */
HF_API hf_cache_statistics hf_cache_statistics_read(const hf_cache *cache);

/* Saving ------------------------------------------------------------------- */

/**
 * Writes the entries that have not expired to a file, with what is left of their TTLs: first to one
 * beside it, `path` with a dot and six letters more, which is synchronized and then takes its
 * place. So the file is whole at any moment, also when several write it; the last one stays.
 * Negative entries too; loads not. Little-endian, whatever the machine; docs/cache.md has the
 * format.
 *
 * @param path  ends in a NUL.
 * @return HF_OK, HF_ERROR_IO with what the system said, HF_ERROR_OUT_OF_MEMORY.
 *
 * What is invalidated later comes back with hf_cache_restore().
 *
 * Threads: any. The lock of a part is held while its entries are copied. Cost: O(entries).
 */
HF_API HF_MUST_USE hf_status hf_cache_save(hf_cache *cache, const char *path, uint64_t now_ns,
                                           hf_error *HF_NULLABLE error);

/**
 * Puts the entries of a file into the cache, the least recently used first, as hf_cache_put()
 * would, but that a key that is there already stays as it is. Nothing of a file is put that is not
 * whole.
 *
 * @param restored  NULL, or receives how many were put.
 * @return HF_OK; HF_ERROR_IO, also when there is no such file; HF_ERROR_BAD_IMAGE: torn, altered,
 * or of another version; HF_ERROR_OUT_OF_MEMORY. After an error that is not of memory nothing
 *         changed.
 *
 * Threads: any. Cost: O(entries).
 */
HF_API HF_MUST_USE hf_status hf_cache_restore(hf_cache *cache, const char *path, uint64_t now_ns,
                                              size_t *HF_NULLABLE restored,
                                              hf_error *HF_NULLABLE error);

HF_END_NONNULL
HF_END_C

#endif
