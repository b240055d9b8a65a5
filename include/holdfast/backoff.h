/**
 * How long to wait before a call is tried again.
 *
 *     hf_backoff backoff = hf_backoff_default();
 *     uint64_t delay_ns = 0;
 *     for (uint32_t retry = 1; !call() && retry < attempts; retry++) {
 *       delay_ns = hf_backoff_delay_ns(&backoff, retry, delay_ns, hf_random_next(&random));
 *       wait(delay_ns);
 *     }
 *
 * Delays grow from `base_ns` by `exponential_base` with each retry, to `max_ns`. Jitter spreads
 * them, so that callers that failed together do not come back together. The kinds are those of
 * M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, but that decorrelated
 * jitter stays spread when it has grown to `max_ns`: there about a third of its delays come to just
 * that.
 *
 * Nothing here waits or reads a clock. Threads: all functions are pure but hf_random_next().
 */
#ifndef HOLDFAST_BACKOFF_H
#define HOLDFAST_BACKOFF_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** What is done to a delay d = min(max, base * exponential_base^(retry - 1)). */
typedef enum hf_jitter {
  /** d. */
  HF_JITTER_NONE = 0,
  /** 0 to d, each as likely. */
  HF_JITTER_FULL = 1,
  /** d/2 to d, each as likely. */
  HF_JITTER_EQUAL = 2,
  /** From the base to three times the delay before (before the first: to three times the base), or
   *  to max if that is less, each as likely. Does not ask how many retries there were. */
  HF_JITTER_DECORRELATED = 3
} hf_jitter;

/** "none", "full", "equal", "decorrelated", or "unknown". Constant. */
HF_API const char *hf_jitter_name(hf_jitter jitter);

/** How delays grow. Take hf_backoff_default() and change what you need. */
typedef struct hf_backoff {
  /** Before the first retry. 0 to 86,400 s; default 500 ms. */
  uint64_t base_ns;
  /** No delay is longer. 0 to 86,400 s; default 8 s. A base that is longer is cut to it. */
  uint64_t max_ns;
  /** 1 to 100; default 2. */
  double exponential_base;
  /** Default HF_JITTER_FULL. */
  hf_jitter jitter;
} hf_backoff;

/** The longest that `base_ns` and `max_ns` may be: a day. */
#define HF_BACKOFF_MOST_NS UINT64_C(86400000000000)

/** The defaults above. Cost: O(1). */
HF_API hf_backoff hf_backoff_default(void);

/**
 * Whether all is in its range.
 *
 * @param error  NULL, or receives which is not.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT.
 *
 * Threads: any. Cost: O(1).
 */
HF_API HF_MUST_USE hf_status hf_backoff_check(const hf_backoff *backoff,
                                              hf_error *HF_NULLABLE error);

/**
 * The delay before a retry.
 *
 * @param backoff      one that hf_backoff_check() accepts; of another the answer is some delay of
 *                     at most a day.
 * @param retry        1 before the first retry. 0, the first attempt, has no delay: 0.
 * @param previous_ns  what this returned for the retry before, 0 for the first. Decorrelated
 *                     jitter asks for it.
 * @param random       64 random bits; not asked for where there is no jitter.
 * @return nanoseconds, to the nearest, at most `max_ns`. The same for the same arguments, on every
 *         machine that rounds as IEEE 754 says.
 *
 * Threads: any. Cost: O(log retry).
 */
HF_API uint64_t hf_backoff_delay_ns(const hf_backoff *backoff, uint32_t retry, uint64_t previous_ns,
                                    uint64_t random);

/**
 * 64 random bits: splitmix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). Good enough for jitter; not for secrets.
 *
 * @param state  any number to begin with; the same numbers follow from the same beginning.
 *
 * Threads: any number may use one state: it is added to atomically, so that together they get the
 * numbers that one would. Cost: one atomic addition.
 */
HF_API uint64_t hf_random_next(uint64_t *state);

HF_END_NONNULL
HF_END_C

#endif
