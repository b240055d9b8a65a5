/*
 * The generic cell rate algorithm on one word, for buckets of their own and for those inside of
 * something else.
 *
 * Time is counted in ticks since the bucket was made, so many to a nanosecond that a token comes in
 * with every 2^shift ticks exactly: 8 to 16. What tokens cost is then a shift, and no rounding adds
 * up, whatever the rate. The clock is rounded down to ticks with each look at it, and how many
 * there are to a nanosecond is rounded up once, by less than a part in 2^63: in all a token is
 * there less than a quarter of a nanosecond too early.
 *
 *     full_ticks   when the bucket would be full, if nobody took any more
 *     tokens(now)  (burst_ticks - max(0, full_ticks - now)) >> shift
 *
 * Ranges. A clock within 2^59 ns of the beginning, 18 years, is below 2^63 ticks; one beyond stands
 * still. Filling takes at most a year, so `burst_ticks` is below 2^59. Only the reservations of
 * those who would wait for decades could pass 2^64; they are refused.
 */
#ifndef HF_TOKEN_BUCKET_H
#define HF_TOKEN_BUCKET_H

#include "atomics.h"

#include <holdfast/token_bucket.h>

typedef struct hf__tokens {
  atomic_uint_least64_t full_ticks;
  uint64_t burst_ticks;
  uint64_t ticks_per_ns; /* times 2^HF__TICKS_SHIFT */
  uint64_t epoch_ns;
  unsigned shift;
} hf__tokens;

enum { HF__TICKS_SHIFT = 60 };

/* `options` is in range, and its burst is not 0. The bucket is full. */
void hf__tokens_init(hf__tokens *tokens, const hf_token_bucket_options *options, uint64_t now_ns);

/* As hf_token_bucket_reserve(). */
bool hf__tokens_reserve(hf__tokens *tokens, uint64_t count, uint64_t now_ns,
                        uint64_t longest_wait_ns, uint64_t *wait_ns);

/* As hf_token_bucket_available() and hf_token_bucket_reset(). */
uint64_t hf__tokens_available(const hf__tokens *tokens, uint64_t now_ns);
void hf__tokens_reset(hf__tokens *tokens, uint64_t now_ns);

#endif
