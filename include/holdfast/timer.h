/**
 * Many deadlines, of which few are ever reached: a hierarchical timer wheel.
 *
 *     hf_timer timer;
 *     hf_timer_wheel_arm(wheel, now_ns + timeout_ns, call, &timer);
 *     ... the call ...
 *     hf_timer_wheel_disarm(wheel, timer, NULL);
 *
 * and whoever watches the clock:
 *
 *     void *call;
 *     while (hf_timer_wheel_expire(wheel, now_ns, &call)) { ... too late }
 *     ... sleep until hf_timer_wheel_next_ns(wheel) or until somebody arms an earlier one
 *
 * Arming and disarming cost the same however many timers there are (G. Varghese, T. Lauck, "Hashed
 * and hierarchical timing wheels", SOSP 1987, scheme 7). The ticks of the wheel, of about 1 ms, are
 * its own affair: a timer is due at its deadline to the nanosecond.
 *
 * Time is an argument: nanoseconds of a clock that does not go back, from any beginning; where it
 * does go back, nothing is due until it has caught up with the latest present that the wheel was
 * told of.
 *
 * Threads: one at a time; who shares a wheel puts a lock around each call.
 */
#ifndef HOLDFAST_TIMER_H
#define HOLDFAST_TIMER_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** A wheel. Opaque. */
typedef struct hf_timer_wheel hf_timer_wheel;

/** A timer that was armed. Copy it as you like. One that has expired or was disarmed is none, also
 *  when its place is used again; just 2^32 timers later in the same place it would be mistaken. */
typedef struct hf_timer {
  uint64_t id;
} hf_timer;

/** No timer: never armed. */
#define HF_NO_TIMER UINT64_C(0)

/**
 * Makes a wheel without timers.
 *
 * @param now_ns     the present.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param wheel      receives the wheel, returned owned: hf_timer_wheel_destroy().
 * @return HF_OK, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(1); about 2 KiB. Memory for timers comes when it is needed, 32 bytes each,
 * at first for 64 and then for twice as many as the last time; it is kept until the wheel is
 * destroyed.
 */
HF_API HF_MUST_USE hf_status hf_timer_wheel_create(uint64_t now_ns,
                                                   const hf_allocator *HF_NULLABLE allocator,
                                                   hf_timer_wheel *HF_NULLABLE *HF_NONNULL wheel);

/** Frees a wheel with all its timers; what they point to is left alone. NULL is a no-op. */
HF_API void hf_timer_wheel_destroy(hf_timer_wheel *HF_NULLABLE wheel);

/**
 * Arms a timer.
 *
 * @param deadline_ns  when it is due; what has passed already is due at once, UINT64_MAX never.
 * @param data         comes back when it is due or disarmed; the wheel does not look at it.
 * @param timer        receives what disarms it.
 * @return HF_OK; HF_ERROR_OUT_OF_MEMORY when more are armed than ever before and there is no
 *         memory, or more than 16,777,152.
 *
 * Cost: O(1); seldom an allocation, as above.
 */
HF_API HF_MUST_USE hf_status hf_timer_wheel_arm(hf_timer_wheel *wheel, uint64_t deadline_ns,
                                                void *HF_NULLABLE data, hf_timer *timer);

/**
 * Disarms a timer.
 *
 * @param data  NULL, or receives what it was armed with, if it was armed.
 * @return whether it was armed: false when it has expired, or was disarmed before, or is
 *         HF_NO_TIMER. One that is due and was not taken out yet is armed.
 *
 * Cost: O(1).
 */
HF_API bool hf_timer_wheel_disarm(hf_timer_wheel *wheel, hf_timer timer,
                                  void *HF_NULLABLE *HF_NULLABLE data);

/**
 * Takes out one that is due. Call it until there is none. Of two the one with the earlier deadline
 * comes first, unless both are in the same tick of 2^20 ns, or that one was armed when it was due
 * already.
 *
 * @param now_ns  the present.
 * @param data    receives what it was armed with.
 * @return whether there was one.
 *
 * Cost: O(1) amortized: a timer is looked at once when its turn comes, and before that at most
 * seven times, less often the nearer it was when it was armed. Those that are due later in the tick
 * of the present are looked at by each call that finds none due.
 */
HF_API bool hf_timer_wheel_expire(hf_timer_wheel *wheel, uint64_t now_ns,
                                  void *HF_NULLABLE *HF_NONNULL data);

/**
 * When to expire next: at the earliest deadline. Where that has passed, the latest present that the
 * wheel was told of. UINT64_MAX: no timer is armed that is ever due.
 *
 * Cost: O(timers that share the earliest one's slot, which is as wide as it was far away when it
 * was armed, or less): ask before going to sleep, and compare when arming.
 */
HF_API uint64_t hf_timer_wheel_next_ns(const hf_timer_wheel *wheel);

/** How many are armed, those that are due included. Cost: O(1). */
HF_API size_t hf_timer_wheel_count(const hf_timer_wheel *wheel);

HF_END_NONNULL
HF_END_C

#endif
