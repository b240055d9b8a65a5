/* The way of a closed breaker as callers compile it in, with stepped atomic operations. */
#include "stepped_calls.h"

#include <holdfast/breaker_inline.h>

hf_status stepped_acquire(hf_breaker *breaker, uint64_t now_ns, hf_permit *permit,
                          hf_transition *transition) {
  return hf_breaker_acquire_inline(breaker, now_ns, permit, transition);
}

bool stepped_settle(hf_breaker *breaker, const hf_permit *permit, hf_outcome outcome,
                    uint64_t now_ns, hf_transition *transition) {
  return hf_breaker_settle_inline(breaker, permit, outcome, now_ns, transition);
}
