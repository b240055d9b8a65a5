/**
 * How many retries all callers of something may make together, so that a service that fails is not
 * called many times as often as one that works.
 *
 *     if (!call()) {
 *       if (hf_retry_budget_take(budget, now_ns)) { ... try again } else { ... give up }
 *     } else {
 *       hf_retry_budget_add(budget);
 *     }
 *
 * Each success adds a share of a retry, up to a limit; besides, a floor of retries comes with time,
 * so that one who seldom calls may retry too. A retry is taken from the successes' first. (The
 * idea is that of Finagle's retry budget, which counts calls; counting successes, as the AWS SDKs'
 * token bucket does, gives nothing to a service that only fails.)
 *
 * Invariants:
 *   1. Of the successes' retries no more are taken than share * successes + `reserve`.
 *   2. Of the floor's no more are taken in any stretch of time than floor * (time + 1 s).
 *   3. No operation waits for another: all are lock-free and allocate nothing.
 */
#ifndef HOLDFAST_RETRY_BUDGET_H
#define HOLDFAST_RETRY_BUDGET_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** A budget. Opaque; any number of threads may use one. */
typedef struct hf_retry_budget hf_retry_budget;

/** Take hf_retry_budget_options_default() and change what you need. */
typedef struct hf_retry_budget_options {
  /** Retries for each 100 successes: 0 to 1,000; default 20. */
  uint32_t success_percent;
  /** Retries in each second besides: 0 to 1,000,000; default 10. */
  uint32_t floor_per_second;
  /** The most that successes can have saved up: 1 to 1,000,000; default 100. */
  uint32_t most_saved;
  /** What is saved up at first: 0 to `most_saved`; default 10. */
  uint32_t reserve;
} hf_retry_budget_options;

/** The defaults above. Cost: O(1). */
HF_API hf_retry_budget_options hf_retry_budget_options_default(void);

/**
 * Makes a budget.
 *
 * @param options    copied; NULL is hf_retry_budget_options_default().
 * @param now_ns     the present.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param budget     receives the budget, returned owned: hf_retry_budget_destroy().
 * @param error      NULL, or receives which option is out of range.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(1), one allocation.
 */
HF_API HF_MUST_USE hf_status hf_retry_budget_create(
    const hf_retry_budget_options *HF_NULLABLE options, uint64_t now_ns,
    const hf_allocator *HF_NULLABLE allocator, hf_retry_budget *HF_NULLABLE *HF_NONNULL budget,
    hf_error *HF_NULLABLE error);

/** Frees a budget. NULL is a no-op. Nobody may be using it. */
HF_API void hf_retry_budget_destroy(hf_retry_budget *HF_NULLABLE budget);

/** A call succeeded. Threads: any. Progress: lock-free. Cost: one load when as much is saved up as
 *  may be, else one compare-and-swap. */
HF_API void hf_retry_budget_add(hf_retry_budget *budget);

/**
 * Asks to retry.
 *
 * @param now_ns  the present.
 * @return whether it may be done; then it is paid.
 *
 * Threads: any. Progress: lock-free. Cost: at most two compare-and-swaps.
 */
HF_API bool hf_retry_budget_take(hf_retry_budget *budget, uint64_t now_ns);

/** How many retries could be made now. Threads: any. Cost: O(1). */
HF_API uint64_t hf_retry_budget_available(const hf_retry_budget *budget, uint64_t now_ns);

/** As it was made. Threads: any; who asks meanwhile may find the floor as it was before. */
HF_API void hf_retry_budget_reset(hf_retry_budget *budget, uint64_t now_ns);

HF_END_NONNULL
HF_END_C

#endif
