/**
 * Circuit breakers by name: one for each host, tenant or route that is called.
 *
 *     hf_breaker_pin pin;
 *     if (hf_breaker_registry_pin(registry, name, length, now_ns, &pin, &error) != HF_OK) {
 *       ... no memory, or too many breakers
 *     }
 *     ... hf_breaker_acquire(pin.breaker, …), the call, hf_breaker_settle(pin.breaker, …)
 *     hf_breaker_unpin(&pin, now_ns);
 *
 * A breaker is made when its name is first pinned. As long as it is pinned it stays;
 * hf_breaker_registry_evict() takes away those that nobody has used for a while: soon
 * what has nothing to remember, later what has.
 *
 * Time is an argument, as in breaker.h: of the same clock in every call.
 *
 * Invariants:
 *   1. A name has at most one breaker at a time: who pins it while another has it
 *      pinned gets the same.
 *   2. A breaker is not evicted while it is pinned, while its open time is not over, or
 *      when it was put into a state by hand that only a hand ends; one in a run of failures,
 *      one whose open time is over, and a half-open one only after `remember_ns`.
 *   3. There are never more breakers than `limit`, and besides never more than 512
 *      that are evicted and not yet freed: a reader that is stopped for long stops
 *      eviction, and memory does not grow.
 *   4. No operation waits for another: all are lock-free, and none holds up another
 *      when it is stopped midway, but that a stopped hf_breaker_registry_evict()
 *      makes others return at once with nothing done.
 *   5. Finding a breaker allocates nothing.
 */
#ifndef HOLDFAST_BREAKER_REGISTRY_H
#define HOLDFAST_BREAKER_REGISTRY_H

#include <holdfast/breaker.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** Breakers by name. Opaque; any number of threads may use one. */
typedef struct hf_breaker_registry hf_breaker_registry;

/** The most bytes of a breaker's name. */
#define HF_BREAKER_NAME_MAX_BYTES 4096

/** The most breakers that a registry may be made for. */
#define HF_BREAKER_REGISTRY_MAX_LIMIT (UINT32_C(1) << 24)

/** How a registry is. Take hf_breaker_registry_options_default() and change what you need. */
typedef struct hf_breaker_registry_options {
  /** Of the breakers that are made without options of their own. */
  hf_breaker_options breaker;
  /** The most breakers that there may be: 1 to HF_BREAKER_REGISTRY_MAX_LIMIT; default
   *  1,000,000. The table has room for twice as many; its memory, 8 bytes for each
   *  place, is taken in pieces of 8 KiB when names fall into them. */
  uint32_t limit;
} hf_breaker_registry_options;

/** The defaults above and those of hf_breaker_options_default(). Cost: O(1). */
HF_API hf_breaker_registry_options hf_breaker_registry_options_default(void);

/**
 * Makes a registry without breakers.
 *
 * @param options    copied; NULL is hf_breaker_registry_options_default().
 * @param seed       of the hash of names and of the breakers' jitter. Where names come
 *                   from outside it should be random: who does not know it cannot easily choose
 *                   names that fall into one place of the table and make it slow.
 * @param allocator  copied; NULL is hf_allocator_default(). Breakers take theirs from it.
 * @param registry   receives the registry, returned owned: hf_breaker_registry_destroy().
 * @param error      NULL, or receives which option is out of range.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: one allocation of 5 KiB and up to 0.04 bytes for each breaker of
 * the limit.
 */
HF_API HF_MUST_USE hf_status hf_breaker_registry_create(
    const hf_breaker_registry_options *HF_NULLABLE options, uint64_t seed,
    const hf_allocator *HF_NULLABLE allocator,
    hf_breaker_registry *HF_NULLABLE *HF_NONNULL registry, hf_error *HF_NULLABLE error);

/** Frees a registry and its breakers, pinned or not. NULL is a no-op. Nobody may be
 *  using it. Cost: O(limit). */
HF_API void hf_breaker_registry_destroy(hf_breaker_registry *HF_NULLABLE registry);

/* Breakers ----------------------------------------------------------------- */

/** The leave to use a breaker of a registry. Copy it as you like, unpin it once. */
typedef struct hf_breaker_pin {
  /** Borrowed until hf_breaker_unpin(); not to be destroyed. */
  hf_breaker *breaker;
  /** Of no use to the caller. */
  struct hf_breaker_entry *entry;
} hf_breaker_pin;

/**
 * Finds the breaker of a name, or makes it with the registry's options, closed.
 * It stays until hf_breaker_unpin(), which has to follow: best after the
 * settling of each call, but it may be kept for good.
 *
 * @param name          borrowed; any bytes, NUL too. May be NULL when the length is 0.
 * @param length_bytes  0 to HF_BREAKER_NAME_MAX_BYTES.
 * @param now_ns        the present, for a breaker that is made.
 * @param pin           receives the pin.
 * @param error         NULL, or receives what is wrong.
 * @return HF_OK; HF_ERROR_INVALID_ARGUMENT for a name that is too long; when there is
 *         no such breaker yet also HF_ERROR_OUT_OF_MEMORY, and HF_ERROR_REGISTRY_FULL
 *         at the limit, to which those count that other threads are making.
 *
 * Threads: any. Progress: lock-free. Cost: finding takes two dependent reads of
 * memory, three atomic additions and the hash of the name. Making takes two
 * allocations: that of hf_breaker_create() and 64 bytes, in which names of up to 24
 * bytes have room (longer ones take the next multiple of 64); the first name in a
 * piece of the table takes 8 KiB.
 */
HF_API HF_MUST_USE hf_status hf_breaker_registry_pin(hf_breaker_registry *registry,
                                                     const char *HF_NULLABLE name,
                                                     size_t length_bytes, uint64_t now_ns,
                                                     hf_breaker_pin *pin,
                                                     hf_error *HF_NULLABLE error);

/**
 * As hf_breaker_registry_pin(), but a breaker that is not there yet is made with
 * options of its own: all of them, the kind and size of the window too. One that is
 * there keeps those it has, and `options` are not looked at; hf_breaker_configure()
 * changes them. After an eviction it is the next who pins that chooses, so let the
 * options follow from the name, and be the same wherever it is pinned.
 *
 * @return also HF_ERROR_INVALID_ARGUMENT for an option out of range, when a breaker is made.
 */
HF_API HF_MUST_USE hf_status hf_breaker_registry_pin_with(hf_breaker_registry *registry,
                                                          const char *HF_NULLABLE name,
                                                          size_t length_bytes,
                                                          const hf_breaker_options *options,
                                                          uint64_t now_ns, hf_breaker_pin *pin,
                                                          hf_error *HF_NULLABLE error);

/**
 * As hf_breaker_registry_pin(), but makes nothing.
 *
 * @return whether there is such a breaker; if not, `pin` is untouched.
 *
 * Threads: any. Progress: lock-free. Cost: as finding above.
 */
HF_API HF_MUST_USE bool hf_breaker_registry_find(hf_breaker_registry *registry,
                                                 const char *HF_NULLABLE name, size_t length_bytes,
                                                 hf_breaker_pin *pin);

/**
 * Gives a pin back; the breaker may not be used any more with it.
 *
 * @param now_ns  the present: the breaker was used until now. Eviction goes by the
 *                latest: a thread whose clock is behind does not take back what another
 *                said, but that of two that unpin at the same moment either may stay.
 *
 * Threads: any, also another than the one that pinned. Progress: wait-free. Cost: one
 * atomic addition.
 */
HF_API void hf_breaker_unpin(const hf_breaker_pin *pin, uint64_t now_ns);

/** How many breakers there are; also those count that are being made just now. Threads: any.
 *  Cost: one load. */
HF_API size_t hf_breaker_registry_count(const hf_breaker_registry *registry);

/* Eviction ----------------------------------------------------------------- */

/** A day: long enough to remember failures, and a registry with names from outside does
 *  not fill up for good. */
#define HF_BREAKER_REMEMBER_NS UINT64_C(86400000000000)

/**
 * Takes away breakers that are not pinned and were not in the last `idle_ns`, if they are
 * closed without a run of failures; and those that were not in the last `remember_ns`, if
 * they are in a run of failures, half-open, or open with their open time over. Others
 * stay: those that are to be open yet, forced open, disabled or for metrics only.
 *
 * What they have counted is gone, the calls of their windows too; so let `idle_ns` be no
 * less than a window of time is long. Call it from time to time, and when a registry is
 * full; if it stays full, with a shorter time.
 *
 * Their memory is freed as soon as no other thread can be looking at them: mostly in
 * this call, else in a later one.
 *
 * @param now_ns   the present. What was used later, by a clock that went back, stays.
 * @param idle_ns  0: what is not in use; at most 2^63 - 1, about 292 years.
 * @param remember_ns  such as HF_BREAKER_REMEMBER_NS; at most 2^63 - 1, more is for ever.
 *                 Less than `idle_ns` is as much.
 * @param budget   how many places of the table to go over, from where the last call
 *                 stopped, beginning anew at its end; each holds half a breaker on
 *                 average when the registry is full. A piece of the table that was never
 *                 used counts as one place. Not more than once around.
 * @return how many were taken away; 0 also while another thread is evicting.
 *
 * Threads: any. Progress: never waits. Cost: O(budget).
 */
HF_API size_t hf_breaker_registry_evict(hf_breaker_registry *registry, uint64_t now_ns,
                                        uint64_t idle_ns, uint64_t remember_ns, size_t budget);

/* Looking ------------------------------------------------------------------ */

/**
 * What hf_breaker_registry_each() calls for each breaker. Both pointers are borrowed
 * for the call; the name ends in no NUL. It may use the registry, and evict.
 *
 * @return whether to go on.
 */
typedef bool (*hf_breaker_visit)(void *HF_NULLABLE context, const char *name, size_t length_bytes,
                                 const hf_breaker_snapshot *snapshot);

/**
 * Calls `visit` for the breakers, in no order: exactly once for each that is there all
 * the while, at most once for those that come or go meanwhile (twice for one that is
 * evicted and made again).
 *
 * @return how often it was called.
 *
 * Threads: any. While `visit` runs nothing is freed. Cost: O(limit), and
 * hf_breaker_read() for each.
 */
HF_API size_t hf_breaker_registry_each(hf_breaker_registry *registry, uint64_t now_ns,
                                       hf_breaker_visit visit, void *HF_NULLABLE context);

/** In what condition the things are that are called. */
typedef enum hf_registry_condition {
  /** None of the below. */
  HF_REGISTRY_HEALTHY = 0,
  /** Some breaker is half-open or degraded, and none is open. */
  HF_REGISTRY_DEGRADED = 1,
  /** Some breaker is open, by itself or by hand. */
  HF_REGISTRY_UNHEALTHY = 2
} hf_registry_condition;

/** "healthy", "degraded", "unhealthy", or "unknown". Constant. */
HF_API const char *hf_registry_condition_name(hf_registry_condition condition);

/** The breakers of a registry together. */
typedef struct hf_breaker_registry_health {
  hf_registry_condition condition;
  /** Breakers that can be found: the sum of the next five and of those that are closed
   *  and well. */
  size_t count;
  /** As hf_breaker_peek() has it: an open one whose time is over is half-open. */
  size_t open;
  size_t forced_open;
  size_t half_open;
  /** `degraded` in their hf_breaker_snapshot, each by its own options. */
  size_t degraded;
  /** Disabled, or for metrics only. */
  size_t unguarded;
  /** Sums over these breakers, as in hf_breaker_snapshot. Evicting one takes its calls
   *  out again. */
  uint64_t successes;
  uint64_t failures;
  uint64_t slow;
  uint64_t neutral;
  uint64_t late;
  uint64_t refused;
  uint64_t opens;
  uint64_t closes;
  /** The most breakers in one place of the table: 12 or fewer, but for one seed in a
   *  million, even when it is full. More: somebody knows the seed and chooses names. */
  size_t longest_chain;
} hf_breaker_registry_health;

/** Looks at every breaker, as hf_breaker_registry_each(). Threads: any. Cost: as that. */
HF_API hf_breaker_registry_health hf_breaker_registry_health_read(hf_breaker_registry *registry,
                                                                  uint64_t now_ns);

HF_END_NONNULL
HF_END_C

#endif
