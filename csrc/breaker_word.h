/*
 * All that decides what a breaker does, in one word:
 *
 *     63      61 60     57 56         37 36                        0
 *     | state  | attempt | generation  | payload                   |
 *
 *     CLOSED      payload = failures in a row
 *     OPEN        payload = the deadline, in ms
 *     HALF_OPEN   payload = lease (27 bits, in 64 ms) | successes (5) | out (5)
 *
 * `attempt` is how often the breaker opened without having been closed between.
 * Every transition is one compare-and-swap of the word, and adds 1 to the
 * generation: who wins it made the transition.
 *
 * Ticks count from the breaker's creation, modulo the width of their field, and
 * are compared by their difference: an OPEN breaker may be left alone for two
 * years before a deadline in the past could be taken for one in the future. A lease
 * goes round in 99 days; but one that ends later than a new one would, by more than
 * ten minutes, is over, so what could be taken for the future is no longer than that.
 */
#ifndef HF_BREAKER_WORD_H
#define HF_BREAKER_WORD_H

#include <holdfast/breaker.h>

enum {
  HF__PAYLOAD_BITS = 37,
  HF__GENERATION_BITS = 20,
  HF__ATTEMPT_BITS = 4,
  HF__OUT_BITS = 5,
  HF__OK_BITS = 5,
  HF__LEASE_BITS = HF__PAYLOAD_BITS - HF__OUT_BITS - HF__OK_BITS,
  HF__GENERATION_SHIFT = HF__PAYLOAD_BITS,
  HF__ATTEMPT_SHIFT = HF__GENERATION_SHIFT + HF__GENERATION_BITS,
  HF__STATE_SHIFT = HF__ATTEMPT_SHIFT + HF__ATTEMPT_BITS,
  HF__MOST_ATTEMPTS = (1 << HF__ATTEMPT_BITS) - 1,
  HF__MOST_FAILURES = 65535,
  HF__LEASE_UNIT_MS = 64,
};

#define HF__NS_PER_MS UINT64_C(1000000)
#define HF__PAYLOAD_MASK ((UINT64_C(1) << HF__PAYLOAD_BITS) - 1)
#define HF__GENERATION_MASK ((UINT32_C(1) << HF__GENERATION_BITS) - 1)

static inline hf_breaker_state hf__word_state(uint64_t word) {
  return (hf_breaker_state)(word >> HF__STATE_SHIFT);
}

static inline uint32_t hf__word_attempt(uint64_t word) {
  return (uint32_t)(word >> HF__ATTEMPT_SHIFT) & HF__MOST_ATTEMPTS;
}

static inline uint32_t hf__word_generation(uint64_t word) {
  return (uint32_t)(word >> HF__GENERATION_SHIFT) & HF__GENERATION_MASK;
}

static inline uint64_t hf__word_payload(uint64_t word) {
  return word & HF__PAYLOAD_MASK;
}

static inline uint64_t hf__word(hf_breaker_state state, uint32_t attempt, uint32_t generation,
                                uint64_t payload) {
  /* Products, because a checker of shifts takes the places for too wide. */
  return state * (UINT64_C(1) << HF__STATE_SHIFT) + attempt * (UINT64_C(1) << HF__ATTEMPT_SHIFT) +
         (generation & HF__GENERATION_MASK) * (UINT64_C(1) << HF__GENERATION_SHIFT) +
         (payload & HF__PAYLOAD_MASK);
}

/* The same state and generation with another payload. */
static inline uint64_t hf__word_with_payload(uint64_t word, uint64_t payload) {
  return (word & ~HF__PAYLOAD_MASK) | (payload & HF__PAYLOAD_MASK);
}

/* HALF_OPEN. */

static inline uint32_t hf__word_out(uint64_t word) {
  return (uint32_t)word & ((1u << HF__OUT_BITS) - 1);
}

static inline uint32_t hf__word_ok(uint64_t word) {
  return (uint32_t)(word >> HF__OUT_BITS) & ((1u << HF__OK_BITS) - 1);
}

static inline uint64_t hf__word_lease(uint64_t word) {
  return hf__word_payload(word) >> (HF__OUT_BITS + HF__OK_BITS);
}

static inline uint64_t hf__half_open_payload(uint32_t out, uint32_t ok, uint64_t lease) {
  uint64_t bits = lease & ((UINT64_C(1) << HF__LEASE_BITS) - 1);
  return bits << (HF__OUT_BITS + HF__OK_BITS) | (uint64_t)ok << HF__OUT_BITS | out;
}

/* How far `deadline` is ahead of `tick`, both of so many bits; 0 when it is
 * reached. */
static inline uint64_t hf__ticks_left(uint64_t deadline, uint64_t tick, unsigned bits) {
  uint64_t ahead = (deadline - tick) & ((UINT64_C(1) << bits) - 1);
  return ahead > UINT64_C(1) << (bits - 1) ? 0 : ahead;
}

#endif
