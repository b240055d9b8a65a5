/*
 * Token buckets. token_bucket.h has the arithmetic.
 *
 * Orders. All are relaxed. A bucket is one word that changes, which nothing else depends on: what
 * is promised of it follows from the one order in which its changes happen, which every word has,
 * and from each change being made to the value that it was decided on. What does not change is seen
 * by others because the bucket's pointer is handed to them.
 */
#include "token_bucket.h"

#include "allocator.h"
#include "error.h"
#include "wide.h"

enum { LINE_BYTES = 64, MOST_TICKS_PER_NS = 16 };

#define MOST_TOKENS UINT64_C(1000000000)
#define LEAST_PERIOD_NS UINT64_C(1000)
#define MOST_PERIOD_NS UINT64_C(86400000000000)
#define MOST_FILL_NS (365 * MOST_PERIOD_NS)
/* See token_bucket.h; what is beyond the second is before the bucket was made. */
#define LAST_NS ((UINT64_C(1) << 59) - 1)
#define LAST_AHEAD_NS ((UINT64_C(1) << 63) - 1)

/* A line of its own, so that using it does not disturb others. */
struct hf_token_bucket {
  _Alignas(LINE_BYTES) hf__tokens tokens;
  hf_allocator allocator;
};

/* Time --------------------------------------------------------------------- */

/* A clock that was read before the bucket was made is taken for the beginning. */
static uint64_t since_ns(const hf__tokens *tokens, uint64_t now_ns) {
  uint64_t since = now_ns - tokens->epoch_ns;
  if (since > LAST_NS) {
    since = since > LAST_AHEAD_NS ? 0 : LAST_NS;
  }
  return since;
}

static uint64_t to_ticks(const hf__tokens *tokens, uint64_t since) {
  return (uint64_t)((hf__wide)since * tokens->ticks_per_ns >> HF__TICKS_SHIFT);
}

/* The first moment, since the bucket was made, at which it is so many ticks or later. */
static uint64_t when_ns(const hf__tokens *tokens, uint64_t ticks) {
  hf__wide scaled = (hf__wide)ticks << HF__TICKS_SHIFT;
  return (uint64_t)((scaled + tokens->ticks_per_ns - 1) / tokens->ticks_per_ns);
}

/* Tokens ------------------------------------------------------------------- */

void hf__tokens_init(hf__tokens *tokens, const hf_token_bucket_options *options, uint64_t now_ns) {
  /* At most a token comes in a nanosecond, so 2^3 ticks to a token are never too many. */
  unsigned shift = 3;
  while (options->tokens << (shift + 1) < MOST_TICKS_PER_NS * options->period_ns) {
    shift++;
  }
  hf__wide scaled = (hf__wide)(options->tokens << shift) << HF__TICKS_SHIFT;
  /* Up, so that a wait of a whole number of nanoseconds does not come out as one more. */
  tokens->ticks_per_ns = (uint64_t)((scaled + options->period_ns - 1) / options->period_ns);
  tokens->burst_ticks = options->burst << shift;
  tokens->epoch_ns = now_ns;
  tokens->shift = shift;
  atomic_init(&tokens->full_ticks, 0);
}

bool hf__tokens_reserve(hf__tokens *tokens, uint64_t count, uint64_t now_ns,
                        uint64_t longest_wait_ns, uint64_t *wait_ns) {
  *wait_ns = 0;
  if (count == 0) {
    return true;
  }
  if (count > tokens->burst_ticks >> tokens->shift) {
    *wait_ns = UINT64_MAX;
    return false;
  }
  uint64_t since = since_ns(tokens, now_ns);
  uint64_t now = to_ticks(tokens, since);
  uint64_t cost = count << tokens->shift;
  uint64_t seen = HF__LOAD(&tokens->full_ticks, memory_order_relaxed);
  uint64_t full;
  do {
    uint64_t from = seen > now ? seen : now;
    if (from > UINT64_MAX - cost) {
      *wait_ns = UINT64_MAX;
      return false;
    }
    full = from + cost;
    /* They are there once the bucket is no further from full than when it is empty. */
    *wait_ns =
        full - now <= tokens->burst_ticks ? 0 : when_ns(tokens, full - tokens->burst_ticks) - since;
    if (*wait_ns > longest_wait_ns) {
      return false;
    }
  } while (!HF__SWAP_IF(&tokens->full_ticks, &seen, full, memory_order_relaxed));
  return true;
}

uint64_t hf__tokens_available(const hf__tokens *tokens, uint64_t now_ns) {
  uint64_t now = to_ticks(tokens, since_ns(tokens, now_ns));
  uint64_t full = HF__LOAD(&tokens->full_ticks, memory_order_relaxed);
  uint64_t missing = full > now ? full - now : 0;
  return missing < tokens->burst_ticks ? (tokens->burst_ticks - missing) >> tokens->shift : 0;
}

void hf__tokens_reset(hf__tokens *tokens, uint64_t now_ns) {
  HF__STORE(&tokens->full_ticks, to_ticks(tokens, since_ns(tokens, now_ns)), memory_order_relaxed);
}

/* Options ------------------------------------------------------------------ */

static hf_status check_range(const char *name, uint64_t value, uint64_t least, uint64_t most,
                             hf_error *error) {
  if (value >= least && value <= most) {
    return HF_OK;
  }
  return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                       "%s is %llu; it may be %llu to %llu", name, (unsigned long long)value,
                       (unsigned long long)least, (unsigned long long)most);
}

/* `options` with its burst filled in. */
static hf_status check_options(const hf_token_bucket_options *options, hf_error *error) {
  hf_status status =
      check_range("period_ns", options->period_ns, LEAST_PERIOD_NS, MOST_PERIOD_NS, error);
  if (status == HF_OK) {
    uint64_t most = options->period_ns < MOST_TOKENS ? options->period_ns : MOST_TOKENS;
    status = check_range("tokens", options->tokens, 1, most, error);
  }
  if (status == HF_OK) {
    hf__wide in_a_year = (hf__wide)MOST_FILL_NS * options->tokens / options->period_ns;
    uint64_t most = in_a_year < MOST_TOKENS ? (uint64_t)in_a_year : MOST_TOKENS;
    status = check_range("burst", options->burst, 1, most, error);
  }
  return status;
}

/* Life --------------------------------------------------------------------- */

hf_status hf_token_bucket_create(const hf_token_bucket_options *options, uint64_t now_ns,
                                 const hf_allocator *allocator, hf_token_bucket **bucket,
                                 hf_error *error) {
  hf_token_bucket_options chosen = *options;
  if (chosen.burst == 0) {
    chosen.burst = chosen.tokens;
  }
  hf_status status = check_options(&chosen, error);
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  hf_token_bucket *made = from->allocate(from->context, sizeof *made, LINE_BYTES);
  if (made == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  hf__tokens_init(&made->tokens, &chosen, now_ns);
  made->allocator = *from;
  *bucket = made;
  return HF_OK;
}

void hf_token_bucket_destroy(hf_token_bucket *bucket) {
  if (bucket == NULL) {
    return;
  }
  hf_allocator from = bucket->allocator;
  from.deallocate(from.context, bucket, sizeof *bucket, LINE_BYTES);
}

/* Use ---------------------------------------------------------------------- */

bool hf_token_bucket_take(hf_token_bucket *bucket, uint64_t tokens, uint64_t now_ns,
                          uint64_t *retry_after_ns) {
  uint64_t wait_ns;
  bool taken = hf__tokens_reserve(&bucket->tokens, tokens, now_ns, 0, &wait_ns);
  if (retry_after_ns != NULL) {
    *retry_after_ns = wait_ns;
  }
  return taken;
}

bool hf_token_bucket_reserve(hf_token_bucket *bucket, uint64_t tokens, uint64_t now_ns,
                             uint64_t longest_wait_ns, uint64_t *wait_ns) {
  return hf__tokens_reserve(&bucket->tokens, tokens, now_ns, longest_wait_ns, wait_ns);
}

void hf_token_bucket_give_back(hf_token_bucket *bucket, uint64_t tokens) {
  hf__tokens *from = &bucket->tokens;
  uint64_t seen = HF__LOAD(&from->full_ticks, memory_order_relaxed);
  uint64_t full;
  do {
    /* Full in the past is full now: the bucket never holds more than its burst. */
    full = tokens > seen >> from->shift ? 0 : seen - (tokens << from->shift);
  } while (!HF__SWAP_IF(&from->full_ticks, &seen, full, memory_order_relaxed));
}

uint64_t hf_token_bucket_available(const hf_token_bucket *bucket, uint64_t now_ns) {
  return hf__tokens_available(&bucket->tokens, now_ns);
}

void hf_token_bucket_reset(hf_token_bucket *bucket, uint64_t now_ns) {
  hf__tokens_reset(&bucket->tokens, now_ns);
}
