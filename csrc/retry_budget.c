/*
 * Retry budgets. What successes have saved up is counted in hundredths of a retry, so that any
 * percentage adds a whole number; the floor is a token bucket that holds what comes in a second.
 *
 * Orders. All are relaxed, as in token_bucket.c: the two words do not depend on each other, and
 * nothing else does on them.
 */
#include <holdfast/retry_budget.h>

#include "allocator.h"
#include "error.h"
#include "token_bucket.h"

enum { LINE_BYTES = 64, HUNDREDTHS = 100 };

#define NS_PER_S UINT64_C(1000000000)

/* Taking looks at all of it: one line, and what is seldom used behind. */
struct hf_retry_budget {
  _Alignas(LINE_BYTES) atomic_uint_least32_t saved; /* hundredths, at most `most_saved` */
  uint32_t most_saved;                              /* hundredths */
  uint32_t success_percent;
  bool has_floor;
  hf__tokens floor;
  uint32_t reserve; /* hundredths */
  hf_allocator allocator;
};

hf_retry_budget_options hf_retry_budget_options_default(void) {
  return (hf_retry_budget_options){
      .success_percent = 20, .floor_per_second = 10, .most_saved = 100, .reserve = 10};
}

static hf_status check_options(const hf_retry_budget_options *options, hf_error *error) {
  const struct {
    const char *name;
    uint32_t value;
    uint32_t least;
    uint32_t most;
  } ranges[] = {
      {"success_percent", options->success_percent, 0, 1000},
      {"floor_per_second", options->floor_per_second, 0, 1000000},
      {"most_saved", options->most_saved, 1, 1000000},
      {"reserve", options->reserve, 0, options->most_saved},
  };
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most) {
      return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                           "%s is %lu; it may be %lu to %lu", ranges[i].name,
                           (unsigned long)ranges[i].value, (unsigned long)ranges[i].least,
                           (unsigned long)ranges[i].most);
    }
  }
  return HF_OK;
}

hf_status hf_retry_budget_create(const hf_retry_budget_options *options, uint64_t now_ns,
                                 const hf_allocator *allocator, hf_retry_budget **budget,
                                 hf_error *error) {
  hf_retry_budget_options chosen = options == NULL ? hf_retry_budget_options_default() : *options;
  hf_status status = check_options(&chosen, error);
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  hf_retry_budget *made = from->allocate(from->context, sizeof *made, LINE_BYTES);
  if (made == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  made->reserve = chosen.reserve * HUNDREDTHS;
  atomic_init(&made->saved, made->reserve);
  made->most_saved = chosen.most_saved * HUNDREDTHS;
  made->success_percent = chosen.success_percent;
  made->has_floor = chosen.floor_per_second > 0;
  /* Without a floor there is still a bucket, of which nobody takes. */
  uint64_t floor = made->has_floor ? chosen.floor_per_second : 1;
  hf__tokens_init(
      &made->floor,
      &(hf_token_bucket_options){.tokens = floor, .period_ns = NS_PER_S, .burst = floor}, now_ns);
  made->allocator = *from;
  *budget = made;
  return HF_OK;
}

void hf_retry_budget_destroy(hf_retry_budget *budget) {
  if (budget == NULL) {
    return;
  }
  hf_allocator from = budget->allocator;
  from.deallocate(from.context, budget, sizeof *budget, LINE_BYTES);
}

void hf_retry_budget_add(hf_retry_budget *budget) {
  uint32_t seen = HF__LOAD(&budget->saved, memory_order_relaxed);
  uint32_t saved;
  do {
    uint32_t room = budget->most_saved - seen;
    uint32_t added = budget->success_percent < room ? budget->success_percent : room;
    if (added == 0) {
      return;
    }
    saved = seen + added;
  } while (!HF__SWAP_IF(&budget->saved, &seen, saved, memory_order_relaxed));
}

bool hf_retry_budget_take(hf_retry_budget *budget, uint64_t now_ns) {
  uint32_t seen = HF__LOAD(&budget->saved, memory_order_relaxed);
  while (seen >= HUNDREDTHS) {
    if (HF__SWAP_IF(&budget->saved, &seen, seen - HUNDREDTHS, memory_order_relaxed)) {
      return true;
    }
  }
  uint64_t wait_ns;
  return budget->has_floor && hf__tokens_reserve(&budget->floor, 1, now_ns, 0, &wait_ns);
}

uint64_t hf_retry_budget_available(const hf_retry_budget *budget, uint64_t now_ns) {
  uint64_t saved = HF__LOAD(&budget->saved, memory_order_relaxed) / HUNDREDTHS;
  return budget->has_floor ? saved + hf__tokens_available(&budget->floor, now_ns) : saved;
}

void hf_retry_budget_reset(hf_retry_budget *budget, uint64_t now_ns) {
  HF__STORE(&budget->saved, budget->reserve, memory_order_relaxed);
  hf__tokens_reset(&budget->floor, now_ns);
}
