/* Delays before retries. */
#include <holdfast/backoff.h>

#include "error.h"
#include "random.h"
#include "wide.h"

#define NS_PER_MS UINT64_C(1000000)
#define LEAST_EXPONENTIAL_BASE 1.0
#define MOST_EXPONENTIAL_BASE 100.0

const char *hf_jitter_name(hf_jitter jitter) {
  switch (jitter) {
  case HF_JITTER_NONE:
    return "none";
  case HF_JITTER_FULL:
    return "full";
  case HF_JITTER_EQUAL:
    return "equal";
  case HF_JITTER_DECORRELATED:
    return "decorrelated";
  }
  return "unknown";
}

hf_backoff hf_backoff_default(void) {
  return (hf_backoff){.base_ns = 500 * NS_PER_MS,
                      .max_ns = 8000 * NS_PER_MS,
                      .exponential_base = 2,
                      .jitter = HF_JITTER_FULL};
}

static hf_status check_time(const char *name, uint64_t time_ns, hf_error *error) {
  if (time_ns <= HF_BACKOFF_MOST_NS) {
    return HF_OK;
  }
  return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                       "%s is %llu; it may be 0 to %llu", name, (unsigned long long)time_ns,
                       (unsigned long long)HF_BACKOFF_MOST_NS);
}

hf_status hf_backoff_check(const hf_backoff *backoff, hf_error *error) {
  hf_status status = check_time("base_ns", backoff->base_ns, error);
  if (status == HF_OK) {
    status = check_time("max_ns", backoff->max_ns, error);
  }
  if (status != HF_OK) {
    return status;
  }
  /* Not so of what is no number, either. */
  if (!(backoff->exponential_base >= LEAST_EXPONENTIAL_BASE &&
        backoff->exponential_base <= MOST_EXPONENTIAL_BASE)) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "exponential_base is %g; it may be 1 to 100", backoff->exponential_base);
  }
  if ((unsigned)backoff->jitter > HF_JITTER_DECORRELATED) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "jitter is %u; it may be 0 to %d", (unsigned)backoff->jitter,
                         HF_JITTER_DECORRELATED);
  }
  return HF_OK;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/*
 * base * exponential_base^(retry - 1), at most max. By multiplications alone, each of which every
 * machine rounds alike, so that delays are the same everywhere; pow() is not.
 *
 * base <= max <= HF_BACKOFF_MOST_NS < 2^53: a double holds each exactly.
 */
static uint64_t grown_ns(uint64_t base_ns, uint64_t max_ns, double exponential_base,
                         uint32_t retry) {
  if (base_ns == 0) {
    return 0; /* which an infinite power would make no number */
  }
  double power = 1;
  /* What is out of range, or no number, is taken for the least. */
  double factor =
      exponential_base >= LEAST_EXPONENTIAL_BASE ? exponential_base : LEAST_EXPONENTIAL_BASE;
  for (uint32_t rest = retry - 1; rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) {
      power *= factor;
    }
    factor *= factor;
  }
  double delay = (double)base_ns * power;
  if (delay >= (double)max_ns) {
    return max_ns;
  }
  uint64_t whole = (uint64_t)delay;
  return delay - (double)whole < 0.5 ? whole : whole + 1;
}

/* first to last, each as likely but for one part in 2^17: last - first < 2^47. */
static uint64_t between(uint64_t first, uint64_t last, uint64_t random) {
  return first + (uint64_t)((hf__wide)random * (last - first + 1) >> 64);
}

uint64_t hf_backoff_delay_ns(const hf_backoff *backoff, uint32_t retry, uint64_t previous_ns,
                             uint64_t random) {
  if (retry == 0) {
    return 0;
  }
  uint64_t max_ns = least(backoff->max_ns, HF_BACKOFF_MOST_NS);
  uint64_t base_ns = least(backoff->base_ns, max_ns);
  if (backoff->jitter == HF_JITTER_DECORRELATED) {
    uint64_t before_ns = least(previous_ns > base_ns ? previous_ns : base_ns, max_ns);
    return between(base_ns, least(3 * before_ns, max_ns), random);
  }
  uint64_t delay_ns = grown_ns(base_ns, max_ns, backoff->exponential_base, retry);
  switch (backoff->jitter) {
  case HF_JITTER_FULL:
    return between(0, delay_ns, random);
  case HF_JITTER_EQUAL:
    return between(delay_ns / 2, delay_ns, random);
  default:
    return delay_ns;
  }
}

uint64_t hf_random_next(uint64_t *state) {
  /* relaxed: a state is a number alone, and whoever adds to it gets one of its own. */
  return hf__random_after(__atomic_fetch_add(state, HF__RANDOM_STEP, __ATOMIC_RELAXED));
}
