/**
 * A limit of how often something may happen: so many times in a period, and so many at once.
 *
 *     uint64_t retry_after_ns;
 *     if (!hf_token_bucket_take(bucket, 1, now_ns, &retry_after_ns)) {
 *       ... too often: retry_after_ns says when it would be allowed
 *     }
 *
 * A bucket holds at most `burst` tokens and is full at first; `tokens` come in with each period,
 * evenly. It is kept as one word, the time at which the bucket would be full again: the generic
 * cell rate algorithm (ITU-T I.371, annex A), which decides as the bucket does, without anything
 * that would have to fill it. No rounding adds up: a rate that is no whole number of nanoseconds a
 * token, such as 3 a second, is kept exactly.
 *
 * Time is an argument: nanoseconds of a clock that does not go back, from any beginning, for 18
 * years; after that it stands still. A clock that goes back gives no token twice: what came in
 * since is missing until it has caught up.
 *
 * Invariants:
 *   1. In any stretch of time no more tokens are taken than burst + rate * (time + 1 ns), however
 *      many threads take them, and besides as many as were given back. Reserved tokens count as
 *      taken when their wait is over.
 *   2. What is refused changes nothing.
 *   3. Reservations are served in the order in which they were made, unless tokens are given back
 *      in between.
 *   4. No operation waits for another: all are lock-free and allocate nothing.
 */
#ifndef HOLDFAST_TOKEN_BUCKET_H
#define HOLDFAST_TOKEN_BUCKET_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** A bucket. Opaque; any number of threads may use one. */
typedef struct hf_token_bucket hf_token_bucket;

/** How fast it fills, and how much it holds. */
typedef struct hf_token_bucket_options {
  /** Tokens that come in a period: 1 to 1,000,000,000. */
  uint64_t tokens;
  /** 1 us to a day, in nanoseconds. At most a token a nanosecond may come. */
  uint64_t period_ns;
  /** The most it holds: 1 to 1,000,000,000; 0: as many as come in a period. Filling it from
   *  empty may take at most a year. */
  uint64_t burst;
} hf_token_bucket_options;

/**
 * Makes a bucket, full.
 *
 * @param options    copied.
 * @param now_ns     the present.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param bucket     receives the bucket, returned owned: hf_token_bucket_destroy().
 * @param error      NULL, or receives which option is out of range.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(1), one allocation.
 */
HF_API HF_MUST_USE hf_status hf_token_bucket_create(const hf_token_bucket_options *options,
                                                    uint64_t now_ns,
                                                    const hf_allocator *HF_NULLABLE allocator,
                                                    hf_token_bucket *HF_NULLABLE *HF_NONNULL bucket,
                                                    hf_error *HF_NULLABLE error);

/** Frees a bucket. NULL is a no-op. Nobody may be using it. */
HF_API void hf_token_bucket_destroy(hf_token_bucket *HF_NULLABLE bucket);

/**
 * Takes tokens if they are there now.
 *
 * @param tokens          1 or more. 0 takes nothing: true.
 * @param now_ns          the present.
 * @param retry_after_ns  NULL, or receives how long to wait until they would be there, if nobody
 *                        else takes any; 0 when they were taken, UINT64_MAX when there are never
 *                        so many.
 * @return whether they were taken.
 *
 * Threads: any. Progress: lock-free. Cost: one compare-and-swap; when refused, one load and a
 * division.
 */
HF_API bool hf_token_bucket_take(hf_token_bucket *bucket, uint64_t tokens, uint64_t now_ns,
                                 uint64_t *HF_NULLABLE retry_after_ns);

/**
 * Takes tokens that are there now or come in time, ahead of whoever asks later.
 *
 * @param tokens           as with hf_token_bucket_take().
 * @param now_ns           the present.
 * @param longest_wait_ns  refused when it would be longer.
 * @param wait_ns          receives how long to wait until they may be used, 0 to
 *                         `longest_wait_ns`; when refused, how long it would have been, or
 *                         UINT64_MAX when there are never so many (or not for decades).
 * @return whether they were taken. Who does not wait to the end gives them back.
 *
 * Threads: any. Progress: lock-free. Cost: one compare-and-swap; with a wait, a division.
 */
HF_API bool hf_token_bucket_reserve(hf_token_bucket *bucket, uint64_t tokens, uint64_t now_ns,
                                    uint64_t longest_wait_ns, uint64_t *wait_ns);

/**
 * Gives tokens back that were taken, or reserved, and not used. Those who reserved later keep their
 * times; who asks from now on finds the tokens. More than fit are lost.
 *
 * Threads: any. Progress: lock-free.
 */
HF_API void hf_token_bucket_give_back(hf_token_bucket *bucket, uint64_t tokens);

/** How many tokens could be taken now, 0 to `burst`. Threads: any. Cost: one load. */
HF_API uint64_t hf_token_bucket_available(const hf_token_bucket *bucket, uint64_t now_ns);

/** Makes it full. Threads: any. */
HF_API void hf_token_bucket_reset(hf_token_bucket *bucket, uint64_t now_ns);

HF_END_NONNULL
HF_END_C

#endif
