/*
 * Breakers. breaker_word.h has the picture of the word that decides everything.
 *
 * Orders. Every change of the word is a compare-and-swap with release, every
 * first look at it a load with acquire: who sees a generation sees what its maker
 * did before, such as the options it used. Counting is relaxed. What callers compile
 * in for closed breakers, breaker_inline.h, is used here too. Between recording
 * in a window of time and summing it stands a fence (see trip_by_rate). What is
 * initialized is seen by others because its pointer is handed to them: by the caller
 * of hf_breaker_create(), who sees to it, or with release and acquire.
 */
#include "breaker.h"

#include "allocator.h"
#include "breaker_counters.h"
#include "breaker_window.h"
#include "breaker_word.h"
#include "error.h"
#include "processor.h"
#include "random.h"

#include <holdfast/breaker_inline.h>

#include <stddef.h>

/* What hf_breaker_options say, each of its own: they may be replaced at any time. */
typedef struct live_options {
  atomic_uint_least32_t failure_threshold;
  atomic_uint_least32_t minimum_calls;
  atomic_uint_least32_t failure_rate_percent;
  atomic_uint_least32_t slow_rate_percent;
  atomic_uint_least32_t open_ms;
  atomic_uint_least32_t open_growth_percent;
  atomic_uint_least32_t open_max_ms;
  atomic_uint_least32_t open_jitter_percent;
  atomic_uint_least32_t probes;
  atomic_uint_least32_t success_threshold;
  atomic_uint_least32_t probe_lease_ms;
} live_options;

/* The first two lines are what callers have compiled in, as hf_breaker_front. */
struct hf_breaker {
  /* What every call reads, and few write. */
  _Alignas(HF__SHARD_BYTES) atomic_uint_least64_t word;
  hf__shards shards;
  atomic_uint_least64_t slow_from_ns; /* see slow_from() */
  ptrdiff_t processor_offset_bytes;
  atomic_uint_least64_t opens;
  atomic_uint_least64_t closes;
  uint64_t epoch_ns;
  uint64_t seed;
  /* What every call writes, until there are shards. */
  hf__shard first;
  hf__window window;
  hf_allocator allocator;
  live_options options;
  size_t size_bytes;
};

#define SAME_PLACE(own, front)                                                                     \
  _Static_assert(offsetof(struct hf_breaker, own) == offsetof(hf_breaker_front, front) &&          \
                     sizeof(((struct hf_breaker *)0)->own) ==                                      \
                         sizeof(((hf_breaker_front *)0)->front),                                   \
                 "a breaker begins with its front")
SAME_PLACE(word, word);
SAME_PLACE(shards, shards);
SAME_PLACE(slow_from_ns, slow_from_ns);
SAME_PLACE(processor_offset_bytes, processor_offset_bytes);
SAME_PLACE(first, counts);
SAME_PLACE(first.counts[HF__COUNT_SUCCESS], counts[HF_FRONT_SUCCESSES]);
_Static_assert((int)HF__SHARDS == HF_FRONT_SHARDS && (int)HF__SHARD_BYTES == HF_FRONT_SHARD_BYTES &&
                   sizeof(hf__shard) == HF_FRONT_SHARD_BYTES,
               "the counters are as callers have them compiled in");
_Static_assert((int)HF__STATE_SHIFT == HF_FRONT_STATE_SHIFT &&
                   (int)HF__PAYLOAD_BITS == HF_FRONT_PAYLOAD_BITS,
               "the word is as callers have it compiled in");
_Static_assert(sizeof(struct hf_breaker) <= 256, "small while closed and without a window");

const char *hf_breaker_state_name(hf_breaker_state state) {
  switch (state) {
  case HF_BREAKER_CLOSED:
    return "closed";
  case HF_BREAKER_OPEN:
    return "open";
  case HF_BREAKER_HALF_OPEN:
    return "half_open";
  case HF_BREAKER_FORCED_OPEN:
    return "forced_open";
  case HF_BREAKER_DISABLED:
    return "disabled";
  case HF_BREAKER_METRICS_ONLY:
    return "metrics_only";
  }
  return "unknown";
}

/* Options ------------------------------------------------------------------ */

hf_breaker_options hf_breaker_options_default(void) {
  return (hf_breaker_options){
      .failure_threshold = 5,
      .window = HF_BREAKER_WINDOW_NONE,
      .window_calls = 100,
      .window_ms = 10000,
      .minimum_calls = 10,
      .failure_rate_percent = 50,
      .slow_rate_percent = 0,
      .slow_call_ns = 0,
      .open_ms = 60000,
      .open_growth_percent = 100,
      .open_max_ms = 600000,
      .open_jitter_percent = 0,
      .probes = 1,
      .success_threshold = 2,
      .probe_lease_ms = 60000,
  };
}

enum { MOST_PERCENT = 100, MOST_GROWTH_PERCENT = 1000, MOST_WINDOW_CALLS = 4096 };
/* A day; 49 days; 24 days. */
#define MOST_WINDOW_MS UINT32_C(86400000)
#define MOST_OPEN_MS UINT32_C(0xFFFFFFFF)
#define MOST_LEASE_MS UINT32_C(2073600000)
#define MOST_MINIMUM_CALLS UINT32_C(1000000)

hf_status hf__breaker_check_options(const hf_breaker_options *options, hf_error *error) {
  const struct {
    const char *name;
    uint32_t value;
    uint32_t least;
    uint32_t most;
  } ranges[] = {
      {"failure_threshold", options->failure_threshold, 0, HF__MOST_FAILURES},
      {"window", (uint32_t)options->window, 0, HF_BREAKER_WINDOW_TIME},
      {"window_calls", options->window_calls, 1, MOST_WINDOW_CALLS},
      {"window_ms", options->window_ms, HF__WINDOW_STEPS, MOST_WINDOW_MS},
      {"minimum_calls", options->minimum_calls, 1, MOST_MINIMUM_CALLS},
      {"failure_rate_percent", options->failure_rate_percent, 0, MOST_PERCENT},
      {"slow_rate_percent", options->slow_rate_percent, 0, MOST_PERCENT},
      {"open_ms", options->open_ms, 1, MOST_OPEN_MS},
      {"open_growth_percent", options->open_growth_percent, MOST_PERCENT, MOST_GROWTH_PERCENT},
      {"open_max_ms", options->open_max_ms, 1, MOST_OPEN_MS},
      {"open_jitter_percent", options->open_jitter_percent, 0, MOST_PERCENT},
      {"probes", options->probes, 1, (1u << HF__OUT_BITS) - 1},
      {"success_threshold", options->success_threshold, 1, (1u << HF__OK_BITS) - 1},
      {"probe_lease_ms", options->probe_lease_ms, HF__LEASE_UNIT_MS, MOST_LEASE_MS},
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

/*
 * From how many ns on a success is slow, for settling: 0, it does not matter, the
 * success is only counted. With a window it is never only counted, so where there is
 * no limit it is one that nothing reaches.
 */
static uint64_t slow_from(const hf__window *window, uint64_t slow_call_ns) {
  bool windowed = window->kind != HF_BREAKER_WINDOW_NONE;
  return slow_call_ns == 0 && windowed ? UINT64_MAX : slow_call_ns;
}

/* Relaxed: each stands alone, and a change may be seen by one call and not yet by
 * another. */
static void store_options(hf_breaker *breaker, const hf_breaker_options *options) {
  live_options *live = &breaker->options;
  HF__STORE(&live->failure_threshold, options->failure_threshold, memory_order_relaxed);
  HF__STORE(&live->minimum_calls, options->minimum_calls, memory_order_relaxed);
  HF__STORE(&live->failure_rate_percent, options->failure_rate_percent, memory_order_relaxed);
  HF__STORE(&live->slow_rate_percent, options->slow_rate_percent, memory_order_relaxed);
  HF__STORE(&breaker->slow_from_ns, slow_from(&breaker->window, options->slow_call_ns),
            memory_order_relaxed);
  HF__STORE(&live->open_ms, options->open_ms, memory_order_relaxed);
  HF__STORE(&live->open_growth_percent, options->open_growth_percent, memory_order_relaxed);
  HF__STORE(&live->open_max_ms, options->open_max_ms, memory_order_relaxed);
  HF__STORE(&live->open_jitter_percent, options->open_jitter_percent, memory_order_relaxed);
  HF__STORE(&live->probes, options->probes, memory_order_relaxed);
  HF__STORE(&live->success_threshold, options->success_threshold, memory_order_relaxed);
  HF__STORE(&live->probe_lease_ms, options->probe_lease_ms, memory_order_relaxed);
}

/* relaxed: as store_options(). That a generation's options are those which its maker
 * knew is because of the word's acquire and release. */
#define OPTION(breaker, name) HF__LOAD(&(breaker)->options.name, memory_order_relaxed)

hf_status hf_breaker_configure(hf_breaker *breaker, const hf_breaker_options *options,
                               hf_error *error) {
  hf_status status = hf__breaker_check_options(options, error);
  if (status == HF_OK) {
    store_options(breaker, options);
  }
  return status;
}

/* Life --------------------------------------------------------------------- */

hf_status hf_breaker_create(const hf_breaker_options *options, uint64_t seed, uint64_t now_ns,
                            const hf_allocator *allocator, hf_breaker **breaker, hf_error *error) {
  hf_breaker_options chosen = options == NULL ? hf_breaker_options_default() : *options;
  hf_status status = hf__breaker_check_options(&chosen, error);
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  size_t words = hf__window_words(&chosen);
  size_t size = sizeof(hf_breaker) + words * sizeof(atomic_uint_least64_t);
  hf_breaker *made = from->allocate(from->context, size, HF__SHARD_BYTES);
  if (made == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  atomic_init(&made->word, hf__word(HF_BREAKER_CLOSED, 0, 0, 0));
  atomic_init(&made->shards, NULL);
  made->processor_offset_bytes = hf__processor_offset_bytes();
  for (size_t i = 0; i < HF__COUNTERS; i++) {
    atomic_init(&made->first.counts[i], 0);
  }
  hf__window_init(&made->window, &chosen, (atomic_uint_least64_t *)(void *)(made + 1));
  store_options(made, &chosen);
  atomic_init(&made->opens, 0);
  atomic_init(&made->closes, 0);
  made->epoch_ns = now_ns;
  made->seed = seed;
  made->allocator = *from;
  made->size_bytes = size;
  *breaker = made;
  return HF_OK;
}

void hf_breaker_destroy(hf_breaker *breaker) {
  if (breaker == NULL) {
    return;
  }
  hf_allocator from = breaker->allocator;
  hf__counters_free(&breaker->shards, &from);
  from.deallocate(from.context, breaker, breaker->size_bytes, HF__SHARD_BYTES);
}

size_t hf_breaker_size_bytes(const hf_breaker *breaker) {
  /* relaxed: only whether there are any. */
  bool spread = HF__LOAD(&breaker->shards, memory_order_relaxed) != NULL;
  return breaker->size_bytes + (spread ? HF__SHARDS * sizeof(hf__shard) : 0);
}

/* Time --------------------------------------------------------------------- */

/* Since the breaker was made. A clock that was read before that, by a thread that
 * looked at it earlier than the maker, is taken for the beginning. */
static uint64_t since_ns(const hf_breaker *breaker, uint64_t now_ns) {
  uint64_t since = now_ns - breaker->epoch_ns;
  return since > INT64_MAX ? 0 : since;
}

static uint64_t tick_ms(const hf_breaker *breaker, uint64_t now_ns) {
  return since_ns(breaker, now_ns) / HF__NS_PER_MS;
}

/* Rounded up: what is counted from here is not over too early. */
static uint64_t tick_ms_up(const hf_breaker *breaker, uint64_t now_ns) {
  uint64_t since = since_ns(breaker, now_ns);
  return since / HF__NS_PER_MS + (since % HF__NS_PER_MS != 0);
}

/* How long a tick that is `left` milliseconds ahead is away. */
static uint64_t wait_ns(const hf_breaker *breaker, uint64_t now_ns, uint64_t left_ms) {
  return left_ms * HF__NS_PER_MS - since_ns(breaker, now_ns) % HF__NS_PER_MS;
}

/* How long a breaker stays open that opens for the `attempt`-th time in a row. */
static uint32_t open_ms(const hf_breaker *breaker, uint32_t attempt, uint32_t generation) {
  uint64_t time = OPTION(breaker, open_ms);
  uint64_t most = OPTION(breaker, open_max_ms);
  uint64_t growth = OPTION(breaker, open_growth_percent);
  if (growth > MOST_PERCENT) {
    for (uint32_t i = 0; i < attempt && time < most; i++) {
      time = time * growth / MOST_PERCENT;
    }
    time = time < most ? time : most;
  }
  uint64_t jitter = time * OPTION(breaker, open_jitter_percent) / MOST_PERCENT;
  if (jitter > 0) {
    /* The same open times for the same seed. */
    time -= hf__random_after(breaker->seed ^ generation) % (jitter + 1);
  }
  return (uint32_t)(time > 0 ? time : 1);
}

static uint64_t lease_end(const hf_breaker *breaker, uint64_t now_ns) {
  uint64_t end = tick_ms_up(breaker, now_ns) + OPTION(breaker, probe_lease_ms);
  return end / HF__LEASE_UNIT_MS + (end % HF__LEASE_UNIT_MS != 0);
}

/* By how much the lease ends after another one, in their units; 0: it does not. A thread
 * that looked at the clock a while ago finds that of a lease that begins now. */
static uint64_t lease_beyond(uint64_t word, uint64_t end) {
  return hf__ticks_left(hf__word_lease(word), end, HF__LEASE_BITS);
}

/* What that may be. More, and the lease is over: it was left alone until the difference
 * went round, the clock went back, or the option was made shorter. */
enum { LEASE_BEYOND = 600000 / HF__LEASE_UNIT_MS };

/* The lease when another probe passes: the later of the present one and a new one,
 * because a thread whose clock is behind must not shorten a lease that others count on. */
static uint64_t renewed_lease(const hf_breaker *breaker, uint64_t word, uint64_t now_ns) {
  uint64_t end = lease_end(breaker, now_ns);
  uint64_t beyond = lease_beyond(word, end);
  return beyond > 0 && beyond <= LEASE_BEYOND ? hf__word_lease(word) : end;
}

static uint64_t lease_left_ms(const hf_breaker *breaker, uint64_t word, uint64_t now_ns) {
  uint64_t tick = tick_ms(breaker, now_ns);
  uint64_t units = hf__ticks_left(hf__word_lease(word), tick / HF__LEASE_UNIT_MS, HF__LEASE_BITS);
  bool over = units == 0 || lease_beyond(word, lease_end(breaker, now_ns)) > LEASE_BEYOND;
  return over ? 0 : units * HF__LEASE_UNIT_MS - tick % HF__LEASE_UNIT_MS;
}

static uint64_t open_left_ms(const hf_breaker *breaker, uint64_t word, uint64_t now_ns) {
  return hf__ticks_left(hf__word_payload(word), tick_ms(breaker, now_ns) & HF__PAYLOAD_MASK,
                        HF__PAYLOAD_BITS);
}

/* Transitions -------------------------------------------------------------- */

static uint64_t open_word(const hf_breaker *breaker, uint32_t attempt, uint32_t generation,
                          uint64_t now_ns) {
  uint32_t most = attempt < HF__MOST_ATTEMPTS ? attempt : HF__MOST_ATTEMPTS;
  /* The generation as it will be told, without what goes over its field: jitter is of it. */
  uint64_t time = open_ms(breaker, most, generation & HF__GENERATION_MASK);
  uint64_t deadline = tick_ms_up(breaker, now_ns) + time;
  return hf__word(HF_BREAKER_OPEN, most, generation, deadline);
}

/* Whether this call made the transition; then tells of it. `now_ns` is what a
 * deadline in `to` was counted from. On failure `*seen` is what is there. */
static bool transit(hf_breaker *breaker, uint64_t *seen, uint64_t to, hf_breaker_cause cause,
                    uint64_t now_ns, hf_transition *transition) {
  uint64_t from = *seen;
  /* release: what this thread did before, such as replacing options, comes before the
   * new state; pairs with every acquire of the word. acquire, on failure too: what the
   * maker of the state that is found did before is seen. */
  if (!HF__SWAP_IF_ACQUIRE(&breaker->word, seen, to, memory_order_acq_rel)) {
    return false;
  }
  /* Both relaxed: totals, which order nothing and pair with nothing. */
  if (hf__word_state(to) == HF_BREAKER_OPEN) {
    HF__ADD(&breaker->opens, 1, memory_order_relaxed);
  } else if (hf__word_state(to) == HF_BREAKER_CLOSED &&
             hf__word_state(from) == HF_BREAKER_HALF_OPEN) {
    HF__ADD(&breaker->closes, 1, memory_order_relaxed);
  }
  if (transition != NULL) {
    /* From the deadline: the options may have been replaced since it was chosen. */
    uint64_t left_ms = (to - tick_ms_up(breaker, now_ns)) & HF__PAYLOAD_MASK;
    *transition = (hf_transition){
        .cause = cause,
        .from = hf__word_state(from),
        .to = hf__word_state(to),
        .generation = hf__word_generation(to),
        .open_ms = hf__word_state(to) == HF_BREAKER_OPEN ? (uint32_t)left_ms : 0,
    };
  }
  return true;
}

HF__INLINE void count(hf_breaker *breaker, hf__counter counter) {
  hf_breaker_front_count(breaker, (unsigned)counter);
}

void hf_breaker_spread(hf_breaker *breaker) {
  hf__counters_spread(&breaker->shards, &breaker->allocator);
}

void hf_breaker_count_apart(hf_breaker *breaker, unsigned counter) {
  /* acquire: pairs with the release in hf__counters_spread(). */
  hf__shard *shards = HF__LOAD(&breaker->shards, memory_order_acquire);
  hf_breaker_front_count_on(shards, hf__processor(), counter);
}

/* Acquiring ---------------------------------------------------------------- */

static hf_status permit_in(hf_permit *permit, uint64_t word, uint64_t now_ns) {
  *permit =
      (hf_permit){.state = word & ~HF__PAYLOAD_MASK, .started_ns = now_ns, .retry_after_ns = 0};
  return HF_OK;
}

static hf_status refuse(hf_breaker *breaker, hf_permit *permit, uint64_t retry_after_ns) {
  *permit = (hf_permit){.retry_after_ns = retry_after_ns};
  count(breaker, HF__COUNT_REFUSED);
  return HF_ERROR_CIRCUIT_OPEN;
}

/* A half-open word of the next generation with one probe out. */
static uint64_t probing_word(const hf_breaker *breaker, uint64_t from, uint64_t now_ns) {
  return hf__word(HF_BREAKER_HALF_OPEN, hf__word_attempt(from), hf__word_generation(from) + 1,
                  hf__half_open_payload(1, 0, lease_end(breaker, now_ns)));
}

/* In any state but closed. */
HF__APART static hf_status acquire_slowly(hf_breaker *breaker, uint64_t word, uint64_t now_ns,
                                          hf_permit *permit, hf_transition *transition) {
  for (;;) {
    uint64_t left;
    uint64_t to;
    switch (hf__word_state(word)) {
    case HF_BREAKER_OPEN:
      left = open_left_ms(breaker, word, now_ns);
      if (left > 0) {
        return refuse(breaker, permit, wait_ns(breaker, now_ns, left));
      }
      to = probing_word(breaker, word, now_ns);
      if (transit(breaker, &word, to, HF_BREAKER_OPEN_TIME_OVER, now_ns, transition)) {
        return permit_in(permit, to, now_ns);
      }
      break;
    case HF_BREAKER_HALF_OPEN:
      if (hf__word_out(word) < OPTION(breaker, probes)) {
        to = hf__word_with_payload(word,
                                   hf__half_open_payload(hf__word_out(word) + 1, hf__word_ok(word),
                                                         renewed_lease(breaker, word, now_ns)));
        /* acquire on failure: as in transit(). release: orders nothing of its own; the
         * release of the state's maker goes on through any swap. */
        if (HF__SWAP_IF_ACQUIRE(&breaker->word, &word, to, memory_order_acq_rel)) {
          return permit_in(permit, to, now_ns);
        }
        break;
      }
      left = lease_left_ms(breaker, word, now_ns);
      if (left > 0) {
        return refuse(breaker, permit, wait_ns(breaker, now_ns, left));
      }
      to = probing_word(breaker, word, now_ns);
      if (transit(breaker, &word, to, HF_BREAKER_PROBES_GIVEN_UP, now_ns, transition)) {
        return permit_in(permit, to, now_ns);
      }
      break;
    case HF_BREAKER_FORCED_OPEN:
      return refuse(breaker, permit, 0);
    case HF_BREAKER_CLOSED:
    case HF_BREAKER_DISABLED:
    case HF_BREAKER_METRICS_ONLY:
      return permit_in(permit, word, now_ns);
    }
  }
}

hf_status hf_breaker_acquire(hf_breaker *breaker, uint64_t now_ns, hf_permit *permit,
                             hf_transition *transition) {
  if (transition != NULL) {
    *transition = (hf_transition){.cause = HF_BREAKER_UNCHANGED};
  }
  uint64_t word = hf_breaker_front_word(breaker);
  if (hf_breaker_front_permit(word, now_ns, permit)) {
    return HF_OK;
  }
  return acquire_slowly(breaker, word, now_ns, permit, transition);
}

/* Settling ----------------------------------------------------------------- */

/* How many calls a window must hold for its rates to count: no more than it can. */
static uint32_t calls_needed(const hf_breaker *breaker) {
  uint32_t least = OPTION(breaker, minimum_calls);
  bool too_many = breaker->window.kind == HF_BREAKER_WINDOW_CALLS && least > breaker->window.calls;
  return too_many ? breaker->window.calls : least;
}

static hf_breaker_cause cause_of_rates(const hf_breaker *breaker, hf__window_counts counts) {
  uint64_t failure_percent = OPTION(breaker, failure_rate_percent);
  uint64_t slow_percent = OPTION(breaker, slow_rate_percent);
  if (counts.calls < calls_needed(breaker)) {
    return HF_BREAKER_UNCHANGED;
  }
  if (failure_percent > 0 &&
      (uint64_t)counts.failures * MOST_PERCENT >= failure_percent * counts.calls) {
    return HF_BREAKER_FAILURE_RATE;
  }
  if (slow_percent > 0 && (uint64_t)counts.slow * MOST_PERCENT >= slow_percent * counts.calls) {
    return HF_BREAKER_SLOW_RATE;
  }
  return HF_BREAKER_UNCHANGED;
}

/*
 * Whether a rate over the window trips the breaker.
 *
 * The fence: two threads that record at the same moment must not each miss the
 * other's call when they sum, or a window over its threshold could leave the
 * breaker closed. With a sequentially consistent fence between its own record and
 * its sum, at least one of the two sees both (store buffering: Boehm and Adve,
 * "Foundations of the C++ concurrency memory model", PLDI 2008). A window of calls
 * has its counts in one word, and needs none; but they are only a reason to look.
 */
static hf_breaker_cause trip_by_rate(hf_breaker *breaker, uint32_t generation, uint64_t now_ns) {
  bool of_calls = breaker->window.kind == HF_BREAKER_WINDOW_CALLS;
  if (!of_calls) {
    HF__FENCE(memory_order_seq_cst);
  }
  hf_breaker_cause cause = cause_of_rates(
      breaker, hf__window_read(&breaker->window, generation, tick_ms(breaker, now_ns)));
  if (of_calls && cause != HF_BREAKER_UNCHANGED) {
    cause = cause_of_rates(breaker, hf__window_recount(&breaker->window, generation));
  }
  return cause;
}

static bool settle_late(hf_breaker *breaker) {
  count(breaker, HF__COUNT_LATE);
  return false;
}

static bool is_current(const hf_permit *permit, uint64_t word) {
  return (word & ~HF__PAYLOAD_MASK) == permit->state;
}

static const hf__counter COUNTER_OF[] = {
    [HF_OUTCOME_SUCCESS] = HF__COUNT_SUCCESS,
    [HF_OUTCOME_FAILURE] = HF__COUNT_FAILURE,
    [HF_OUTCOME_SLOW] = HF__COUNT_SLOW,
    [HF_OUTCOME_NEUTRAL] = HF__COUNT_NEUTRAL,
};

static void record(hf_breaker *breaker, uint32_t generation, hf_outcome outcome, uint64_t now_ns) {
  hf__call call = outcome == HF_OUTCOME_FAILURE ? HF__CALL_FAILED
                  : outcome == HF_OUTCOME_SLOW  ? HF__CALL_SLOW
                                                : HF__CALL_SUCCEEDED;
  hf__window_record(&breaker->window, generation, tick_ms(breaker, now_ns), call);
}

/* A call of a closed breaker, not neutral. */
static bool settle_closed(hf_breaker *breaker, uint64_t word, const hf_permit *permit,
                          hf_outcome outcome, uint64_t now_ns, hf_transition *transition) {
  bool windowed = breaker->window.kind != HF_BREAKER_WINDOW_NONE;
  if (windowed) {
    record(breaker, hf__word_generation(permit->state), outcome, now_ns);
  }
  for (;;) {
    uint64_t run = 0;
    hf_breaker_cause cause = HF_BREAKER_UNCHANGED;
    if (outcome == HF_OUTCOME_FAILURE) {
      uint64_t threshold = OPTION(breaker, failure_threshold);
      run = hf__word_payload(word) + (hf__word_payload(word) < HF__MOST_FAILURES);
      cause = threshold > 0 && run >= threshold ? HF_BREAKER_FAILURES : HF_BREAKER_UNCHANGED;
    }
    if (cause == HF_BREAKER_UNCHANGED && windowed) {
      cause = trip_by_rate(breaker, hf__word_generation(permit->state), now_ns);
    }
    if (cause != HF_BREAKER_UNCHANGED) {
      uint64_t to = open_word(breaker, 0, hf__word_generation(word) + 1, now_ns);
      if (transit(breaker, &word, to, cause, now_ns, transition)) {
        break;
      }
    } else if (run == hf__word_payload(word) ||
               /* acquire on failure: as in transit(). release: as for a probe's place
                * in acquire_slowly(). */
               HF__SWAP_IF_ACQUIRE(&breaker->word, &word, hf__word_with_payload(word, run),
                                   memory_order_acq_rel)) {
      break;
    }
    if (!is_current(permit, word)) {
      return settle_late(breaker);
    }
  }
  count(breaker, COUNTER_OF[outcome]);
  return true;
}

static bool settle_probe(hf_breaker *breaker, uint64_t word, const hf_permit *permit,
                         hf_outcome outcome, uint64_t now_ns, hf_transition *transition) {
  bool failed = outcome == HF_OUTCOME_FAILURE ||
                (outcome == HF_OUTCOME_SLOW && OPTION(breaker, slow_rate_percent) > 0);
  for (;;) {
    if (hf__word_out(word) == 0) {
      return settle_late(breaker); /* nobody is out: it was settled before */
    }
    uint32_t next = hf__word_generation(word) + 1;
    uint32_t out = hf__word_out(word) - 1;
    uint32_t ok = hf__word_ok(word) + (outcome != HF_OUTCOME_NEUTRAL);
    bool done;
    if (failed) {
      uint64_t to = open_word(breaker, hf__word_attempt(word) + 1, next, now_ns);
      done = transit(breaker, &word, to, HF_BREAKER_PROBE_FAILED, now_ns, transition);
    } else if (ok >= OPTION(breaker, success_threshold) && outcome != HF_OUTCOME_NEUTRAL) {
      uint64_t to = hf__word(HF_BREAKER_CLOSED, 0, next, 0);
      done = transit(breaker, &word, to, HF_BREAKER_PROBES_SUCCEEDED, now_ns, transition);
    } else {
      uint64_t to =
          hf__word_with_payload(word, hf__half_open_payload(out, ok, hf__word_lease(word)));
      /* acquire on failure: as in transit(). release: as for a probe's place in
       * acquire_slowly(). */
      done = HF__SWAP_IF_ACQUIRE(&breaker->word, &word, to, memory_order_acq_rel);
    }
    if (done) {
      count(breaker, COUNTER_OF[outcome]);
      return true;
    }
    if (!is_current(permit, word)) {
      return settle_late(breaker);
    }
  }
}

/* All but a success that is only counted. */
HF__APART static bool settle_slowly(hf_breaker *breaker, uint64_t word, const hf_permit *permit,
                                    hf_outcome outcome, uint64_t now_ns,
                                    hf_transition *transition) {
  if (!is_current(permit, word)) {
    return settle_late(breaker);
  }
  if (outcome == HF_OUTCOME_SUCCESS) {
    /* relaxed: an option stands alone. */
    uint64_t slow_ns = HF__LOAD(&breaker->slow_from_ns, memory_order_relaxed);
    uint64_t took_ns = now_ns - permit->started_ns;
    /* More than half of all numbers: the clock went back. */
    bool slow = slow_ns > 0 && took_ns >= slow_ns && took_ns <= INT64_MAX;
    outcome = slow ? HF_OUTCOME_SLOW : HF_OUTCOME_SUCCESS;
  } else if ((unsigned)outcome > HF_OUTCOME_NEUTRAL) {
    outcome = HF_OUTCOME_NEUTRAL;
  }
  switch (hf__word_state(word)) {
  case HF_BREAKER_HALF_OPEN:
    return settle_probe(breaker, word, permit, outcome, now_ns, transition);
  case HF_BREAKER_CLOSED:
    if (outcome != HF_OUTCOME_NEUTRAL) {
      return settle_closed(breaker, word, permit, outcome, now_ns, transition);
    }
    break;
  case HF_BREAKER_METRICS_ONLY:
    if (outcome != HF_OUTCOME_NEUTRAL) {
      record(breaker, hf__word_generation(permit->state), outcome, now_ns);
    }
    break;
  case HF_BREAKER_OPEN:
  case HF_BREAKER_FORCED_OPEN:
  case HF_BREAKER_DISABLED:
    break;
  }
  count(breaker, COUNTER_OF[outcome]);
  return true;
}

bool hf_breaker_settle(hf_breaker *breaker, const hf_permit *permit, hf_outcome outcome,
                       uint64_t now_ns, hf_transition *transition) {
  if (transition != NULL) {
    *transition = (hf_transition){.cause = HF_BREAKER_UNCHANGED};
  }
  uint64_t word = hf_breaker_front_word(breaker);
  if (outcome == HF_OUTCOME_SUCCESS && hf_breaker_front_only_counts(breaker, word, permit)) {
    count(breaker, HF__COUNT_SUCCESS);
    return true;
  }
  return settle_slowly(breaker, word, permit, outcome, now_ns, transition);
}

/* Looking and handling ------------------------------------------------------ */

/* acquire: pairs with the release of whoever made this state, in transit(): what is
 * decided in a generation is decided with the options that its maker saw. */
static uint64_t seen_word(const hf_breaker *breaker) {
  return HF__LOAD(&breaker->word, memory_order_acquire);
}

hf_breaker_state hf_breaker_peek(const hf_breaker *breaker, uint64_t now_ns) {
  uint64_t word = seen_word(breaker);
  hf_breaker_state state = hf__word_state(word);
  bool over = state == HF_BREAKER_OPEN && open_left_ms(breaker, word, now_ns) == 0;
  return over ? HF_BREAKER_HALF_OPEN : state;
}

static uint64_t total(const hf_breaker *breaker, hf__counter counter) {
  return hf__counted(&breaker->first, &breaker->shards, counter);
}

/* Whether `part` of `calls` is half of `percent` or more; 0 percent is no limit. */
static bool is_half_way(uint64_t part, uint64_t calls, uint64_t percent) {
  return percent > 0 && part * MOST_PERCENT * 2 >= percent * calls;
}

/* Whether a breaker of this word is closed, but near to being opened. */
static bool is_degraded(const hf_breaker *breaker, uint64_t word, hf__window_counts counts) {
  if (hf__word_state(word) != HF_BREAKER_CLOSED) {
    return false;
  }
  if (hf__word_payload(word) > 0) {
    return true;
  }
  return counts.calls > 0 && counts.calls >= calls_needed(breaker) &&
         (is_half_way(counts.failures, counts.calls, OPTION(breaker, failure_rate_percent)) ||
          is_half_way(counts.slow, counts.calls, OPTION(breaker, slow_rate_percent)));
}

hf_breaker_snapshot hf_breaker_read(const hf_breaker *breaker, uint64_t now_ns) {
  uint64_t word = seen_word(breaker);
  hf_breaker_state state = hf__word_state(word);
  hf__window_counts window =
      hf__window_read(&breaker->window, hf__word_generation(word), tick_ms(breaker, now_ns));
  uint64_t left = state == HF_BREAKER_OPEN ? open_left_ms(breaker, word, now_ns) : 0;
  return (hf_breaker_snapshot){
      .state = state,
      .generation = hf__word_generation(word),
      .successes = total(breaker, HF__COUNT_SUCCESS),
      .failures = total(breaker, HF__COUNT_FAILURE),
      .slow = total(breaker, HF__COUNT_SLOW),
      .neutral = total(breaker, HF__COUNT_NEUTRAL),
      .late = total(breaker, HF__COUNT_LATE),
      .refused = total(breaker, HF__COUNT_REFUSED),
      /* Both relaxed: as in transit(). */
      .opens = HF__LOAD(&breaker->opens, memory_order_relaxed),
      .closes = HF__LOAD(&breaker->closes, memory_order_relaxed),
      .consecutive_failures = state == HF_BREAKER_CLOSED ? (uint32_t)hf__word_payload(word) : 0,
      .consecutive_successes = state == HF_BREAKER_HALF_OPEN ? hf__word_ok(word) : 0,
      .window_calls = window.calls,
      .window_failures = window.failures,
      .window_slow = window.slow,
      .retry_after_ns = left == 0 ? 0 : wait_ns(breaker, now_ns, left),
      .degraded = is_degraded(breaker, word, window),
  };
}

/* The word of a state that is chosen by hand. */
static uint64_t chosen_word(const hf_breaker *breaker, hf_breaker_state state, uint32_t generation,
                            uint64_t now_ns) {
  if (state == HF_BREAKER_OPEN) {
    return open_word(breaker, 0, generation, now_ns);
  }
  uint64_t payload =
      state == HF_BREAKER_HALF_OPEN ? hf__half_open_payload(0, 0, lease_end(breaker, now_ns)) : 0;
  return hf__word(state, 0, generation, payload);
}

hf_transition hf_breaker_set_state(hf_breaker *breaker, hf_breaker_state state, uint64_t now_ns) {
  hf_transition transition = {.cause = HF_BREAKER_UNCHANGED};
  if ((unsigned)state > HF_BREAKER_METRICS_ONLY) {
    return transition;
  }
  uint64_t word = seen_word(breaker);
  while (!transit(breaker, &word,
                  chosen_word(breaker, state, hf__word_generation(word) + 1, now_ns),
                  HF_BREAKER_BY_HAND, now_ns, &transition)) {
  }
  return transition;
}

hf_transition hf_breaker_reset(hf_breaker *breaker, uint64_t now_ns) {
  hf_transition transition = hf_breaker_set_state(breaker, HF_BREAKER_CLOSED, now_ns);
  hf__counters_reset(&breaker->first, &breaker->shards);
  /* Both relaxed: as in transit(). */
  HF__STORE(&breaker->opens, 0, memory_order_relaxed);
  HF__STORE(&breaker->closes, 0, memory_order_relaxed);
  return transition;
}
