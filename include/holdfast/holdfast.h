/**
 * Holdfast: good decisions while the things around a service fail.
 *
 * Include this header for everything, or one of its parts:
 *
 *   base.h              status codes, errors with a place, allocation hooks
 *   schema.h            which variables an operator may write, and their types
 *   context.h           the values of those variables for one decision
 *   backoff.h           how long to wait before a retry
 *   breaker.h           circuit breakers
 *   breaker_inline.h    their usual way, compiled into the caller
 *   breaker_registry.h  circuit breakers by name
 *   cache.h             a cache of bytes
 *   checksum.h          to find what was torn or altered
 *   condition.h         operator-written conditions: compile, evaluate, explain
 *   columns.h           one condition over many contexts at once, held as columns
 *   retry_budget.h      how many retries all callers may make together
 *   timer.h             many deadlines, of which few are ever reached
 *   token_bucket.h      how often something may happen
 *
 * Every part keeps the same manners. Names are `hf_<noun>_<verb>`. A quantity
 * carries its unit in its name. A pointer parameter is *borrowed* for the
 * length of the call, *copied*, *taken*, or *returned owned*; the comment says
 * which, and names the function that gives an owned object back. On failure a
 * function returns a negative `hf_status` and leaves its outputs untouched.
 * The library owns no thread, no clock, no lock and no logger.
 */
#ifndef HOLDFAST_HOLDFAST_H
#define HOLDFAST_HOLDFAST_H

#include <holdfast/backoff.h>
#include <holdfast/base.h>
#include <holdfast/breaker.h>
#include <holdfast/breaker_inline.h>
#include <holdfast/breaker_registry.h>
#include <holdfast/cache.h>
#include <holdfast/checksum.h>
#include <holdfast/columns.h>
#include <holdfast/condition.h>
#include <holdfast/context.h>
#include <holdfast/retry_budget.h>
#include <holdfast/schema.h>
#include <holdfast/timer.h>
#include <holdfast/token_bucket.h>

#endif
