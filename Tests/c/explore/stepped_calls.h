/* hf_breaker_acquire_inline() and hf_breaker_settle_inline(), for the explorer. */
#ifndef STEPPED_CALLS_H
#define STEPPED_CALLS_H

#include <holdfast/breaker.h>

hf_status stepped_acquire(hf_breaker *breaker, uint64_t now_ns, hf_permit *permit,
                          hf_transition *transition);
bool stepped_settle(hf_breaker *breaker, const hf_permit *permit, hf_outcome outcome,
                    uint64_t now_ns, hf_transition *transition);

#endif
