#include "breaker_window.h"

enum { CALLS_PER_WORD = 24, CALL_BITS = 2, WORDS_PER_STEP = 2, MOST_IN_STEP = 65535 };

size_t hf__window_words(const hf_breaker_options *options) {
  switch (options->window) {
  case HF_BREAKER_WINDOW_CALLS:
    return (options->window_calls + CALLS_PER_WORD - 1) / CALLS_PER_WORD;
  case HF_BREAKER_WINDOW_TIME:
    return (size_t)HF__WINDOW_STEPS * WORDS_PER_STEP;
  case HF_BREAKER_WINDOW_NONE:
    break;
  }
  return 0;
}

void hf__window_init(hf__window *window, const hf_breaker_options *options,
                     atomic_uint_least64_t *words) {
  window->kind = options->window;
  window->calls = options->window_calls;
  window->step_ms = (options->window_ms + HF__WINDOW_STEPS - 1) / HF__WINDOW_STEPS;
  window->words = words;
  atomic_init(&window->next, 0);
  /* No generation that a breaker has at first. */
  const uint64_t nothing = UINT64_MAX << 48;
  atomic_init(&window->counts, nothing);
  for (size_t i = 0; i < hf__window_words(options); i++) {
    atomic_init(&words[i], nothing);
  }
}

/* How much later `a` is than `b`, as numbers of so many bits; negative: earlier. */
static int64_t later(uint64_t a, uint64_t b, unsigned bits) {
  uint64_t difference = (a - b) << (64 - bits);
  return (int64_t)difference / (INT64_C(1) << (64 - bits));
}

/* The last calls ----------------------------------------------------------- */

/* All relaxed: what is recorded is summed after a fence of the caller's. */

/* Puts a call into its place; returns what was there of the same generation. False:
 * a newer generation has the place. */
static bool put_call(atomic_uint_least64_t *word, unsigned place, uint64_t generation,
                     unsigned call, unsigned *before) {
  uint64_t seen = HF__LOAD(word, memory_order_relaxed);
  for (;;) {
    int64_t newer = later(seen >> 48, generation, 16);
    if (newer > 0 && seen >> 48 != 0xFFFF) {
      return false;
    }
    uint64_t cells = newer == 0 ? seen & ~(UINT64_C(0xFFFF) << 48) : 0;
    unsigned shift = place * CALL_BITS;
    *before = (unsigned)(cells >> shift) & 3u;
    uint64_t changed =
        generation << 48 | (cells & ~(UINT64_C(3) << shift)) | (uint64_t)call << shift;
    if (HF__SWAP_IF(word, &seen, changed, memory_order_relaxed)) {
      return true;
    }
  }
}

static void add_to_counts(hf__window *window, uint64_t generation, unsigned call, unsigned before) {
  uint64_t seen = HF__LOAD(&window->counts, memory_order_relaxed);
  for (;;) {
    int64_t newer = later(seen >> 48, generation, 16);
    if (newer > 0 && seen >> 48 != 0xFFFF) {
      return;
    }
    uint64_t calls = newer == 0 ? seen >> 32 & 0xFFFF : 0;
    uint64_t failures = newer == 0 ? seen >> 16 & 0xFFFF : 0;
    uint64_t slow = newer == 0 ? seen & 0xFFFF : 0;
    calls += calls < window->calls;
    failures += (call & HF__CALL_FAILED) != 0;
    failures -= (before & HF__CALL_FAILED) != 0 && failures > 0;
    slow += (call & HF__CALL_SLOW) != 0;
    slow -= (before & HF__CALL_SLOW) != 0 && slow > 0;
    uint64_t changed = generation << 48 | calls << 32 | failures << 16 | slow;
    if (HF__SWAP_IF(&window->counts, &seen, changed, memory_order_relaxed)) {
      return;
    }
  }
}

static void record_call(hf__window *window, uint64_t generation, unsigned call) {
  uint64_t ticket = HF__ADD(&window->next, 1, memory_order_relaxed) % window->calls;
  unsigned before = 0;
  if (put_call(&window->words[ticket / CALLS_PER_WORD], (unsigned)(ticket % CALLS_PER_WORD),
               generation, call, &before)) {
    add_to_counts(window, generation, call, before);
  }
}

/* The last while ----------------------------------------------------------- */

/* `generation | step` as the upper half of a word. */
static uint64_t step_tag(uint32_t generation, uint64_t step) {
  return (uint64_t)(generation & 0xFF) << 24 | (step & 0xFFFFFF);
}

/* Whether a tag is before another: of an older generation, or an earlier step. */
static int64_t newer_tag(uint64_t a, uint64_t b) {
  int64_t generations = later(a >> 24, b >> 24, 8);
  return generations != 0 ? generations : later(a & 0xFFFFFF, b & 0xFFFFFF, 24);
}

/* Adds to the lower half: equal tags add, an older one is replaced, into a newer
 * one nothing is written. */
static void add_to_step(atomic_uint_least64_t *word, uint64_t tag, bool two_counts,
                        uint64_t added) {
  uint64_t seen = HF__LOAD(word, memory_order_relaxed);
  for (;;) {
    bool unused = seen >> 48 == 0xFFFF && (seen & UINT32_MAX) == 0;
    int64_t newer = unused ? -1 : newer_tag(seen >> 32, tag);
    if (newer > 0) {
      return;
    }
    uint64_t counts = newer == 0 ? seen & UINT32_MAX : 0;
    if (two_counts) {
      uint64_t failures = (counts >> 16) + (added >> 16);
      uint64_t slow = (counts & 0xFFFF) + (added & 0xFFFF);
      counts = (failures < MOST_IN_STEP ? failures : MOST_IN_STEP) << 16 |
               (slow < MOST_IN_STEP ? slow : MOST_IN_STEP);
    } else {
      counts = counts + added < UINT32_MAX ? counts + added : UINT32_MAX;
    }
    if (HF__SWAP_IF(word, &seen, tag << 32 | counts, memory_order_relaxed)) {
      return;
    }
  }
}

static void record_in_step(hf__window *window, uint32_t generation, uint64_t step, unsigned call) {
  atomic_uint_least64_t *words = &window->words[step % HF__WINDOW_STEPS * WORDS_PER_STEP];
  uint64_t tag = step_tag(generation, step);
  if (call != 0) {
    uint64_t failures = (call & HF__CALL_FAILED) != 0;
    uint64_t slow = (call & HF__CALL_SLOW) != 0;
    add_to_step(&words[1], tag, true, failures << 16 | slow);
  }
  add_to_step(&words[0], tag, false, 1);
}

/* Either ------------------------------------------------------------------- */

void hf__window_record(hf__window *window, uint32_t generation, uint64_t tick_ms, unsigned call) {
  if (window->kind == HF_BREAKER_WINDOW_CALLS) {
    record_call(window, generation & 0x7FFF, call);
  } else if (window->kind == HF_BREAKER_WINDOW_TIME) {
    record_in_step(window, generation & 0x7F, tick_ms / window->step_ms, call);
  }
}

static hf__window_counts read_steps(const hf__window *window, uint32_t generation, uint64_t step) {
  hf__window_counts sum = {0, 0, 0};
  for (uint64_t back = 0; back < HF__WINDOW_STEPS && back <= step; back++) {
    uint64_t of = step - back;
    const atomic_uint_least64_t *words = &window->words[of % HF__WINDOW_STEPS * WORDS_PER_STEP];
    uint64_t tag = step_tag(generation, of);
    uint64_t calls = HF__LOAD(&words[0], memory_order_relaxed);
    uint64_t others = HF__LOAD(&words[1], memory_order_relaxed);
    if (calls >> 32 == tag) {
      uint64_t more = sum.calls + (calls & UINT32_MAX);
      sum.calls = more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
    }
    if (others >> 32 == tag) {
      sum.failures += (uint32_t)(others >> 16 & 0xFFFF);
      sum.slow += (uint32_t)(others & 0xFFFF);
    }
  }
  return sum;
}

hf__window_counts hf__window_read(const hf__window *window, uint32_t generation, uint64_t tick_ms) {
  if (window->kind == HF_BREAKER_WINDOW_TIME) {
    return read_steps(window, generation & 0x7F, tick_ms / window->step_ms);
  }
  uint64_t counts = HF__LOAD(&window->counts, memory_order_relaxed);
  if (window->kind == HF_BREAKER_WINDOW_NONE || counts >> 48 != (generation & 0x7FFF)) {
    return (hf__window_counts){0, 0, 0};
  }
  return (hf__window_counts){.calls = (uint32_t)(counts >> 32 & 0xFFFF),
                             .failures = (uint32_t)(counts >> 16 & 0xFFFF),
                             .slow = (uint32_t)(counts & 0xFFFF)};
}
