#include "breaker_window.h"

/* Fewer where a test wants more words. */
#ifndef HF__CALLS_PER_WORD
#define HF__CALLS_PER_WORD (GENERATION_SHIFT / CALL_BITS)
#endif

enum {
  GENERATION_BITS = 20, /* all of the breaker's */
  GENERATION_SHIFT = 64 - GENERATION_BITS,
  CALL_BITS = 2,
  CALLS_PER_WORD = HF__CALLS_PER_WORD,
  COUNT_BITS = 14,
  FAILURES_SHIFT = COUNT_BITS,
  CALLS_SHIFT = 2 * COUNT_BITS,
  WORDS_PER_STEP = 3, /* calls, failures, slow */
  TAG_BITS = 32,
  LAP_BITS = TAG_BITS - GENERATION_BITS,
};

#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define NEXT_MASK ((UINT64_C(1) << GENERATION_SHIFT) - 1)

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
  /* An empty window of the first generation; of no step after the first. */
  atomic_init(&window->next, 0);
  atomic_init(&window->counts, 0);
  for (size_t i = 0; i < hf__window_words(options); i++) {
    atomic_init(&words[i], 0);
  }
}

/*
 * Whether what a word is of, its upper bits, is newer than a number of so many bits.
 * Newer is only what a thread that was held up in settling can have been overtaken
 * by, 1 in 4,096 of all numbers, the next 255 generations; the rest is older, for a
 * word may be left alone for long. After 256 a thread that was stopped all the while
 * replaces what is newer. A word that is 0 was never used.
 */
static bool newer(uint64_t word, uint64_t number, unsigned bits) {
  uint64_t ahead = ((word >> (64 - bits)) - number) & ((UINT64_C(1) << bits) - 1);
  return word != 0 && ahead != 0 && ahead < UINT64_C(1) << (bits - 12);
}

/* The last calls ----------------------------------------------------------- */

/* Puts a call into its place; gives what was there of the same generation. False: a
 * newer generation has the place. */
static bool put_call(atomic_uint_least64_t *word, unsigned place, uint64_t generation,
                     hf__call call, hf__call *before) {
  /* relaxed, as when the swap fails: only what the swap then replaces. */
  uint64_t seen = HF__LOAD(word, memory_order_relaxed);
  for (;;) {
    uint64_t there = seen >> GENERATION_SHIFT;
    if (newer(seen, generation, GENERATION_BITS)) {
      return false;
    }
    uint64_t cells = there == generation ? seen ^ there << GENERATION_SHIFT : 0;
    unsigned shift = place * CALL_BITS;
    *before = (hf__call)(cells >> shift & 3u);
    uint64_t changed = generation << GENERATION_SHIFT | (cells & ~(UINT64_C(3) << shift)) |
                       (uint64_t)call << shift;
    /* release: who sees the call sees that its place was taken. Pairs with the
     * acquire of the words in hf__window_recount(). */
    if (HF__SWAP_IF(word, &seen, changed, memory_order_release)) {
      return true;
    }
  }
}

/* One more, one less, both, neither. */
static uint64_t changed_count(uint64_t count, bool more, bool less) {
  return (count + more - less) & COUNT_MASK;
}

/* A call and the one that it replaced may be added in either order, so for a moment
 * a count can be below 0: nothing stops it there, or it would stay too high. */
static void add_to_counts(hf__window *window, uint64_t generation, hf__call call, hf__call before) {
  uint64_t seen = HF__LOAD(&window->counts, memory_order_relaxed); /* as in put_call() */
  for (;;) {
    uint64_t there = seen >> GENERATION_SHIFT;
    if (newer(seen, generation, GENERATION_BITS)) {
      return;
    }
    uint64_t counts = there == generation ? seen : 0;
    uint64_t calls = counts >> CALLS_SHIFT & COUNT_MASK;
    uint64_t failures = counts >> FAILURES_SHIFT & COUNT_MASK;
    uint64_t slow = counts & COUNT_MASK;
    calls += calls < window->calls;
    failures = changed_count(failures, call == HF__CALL_FAILED, before == HF__CALL_FAILED);
    slow = changed_count(slow, call == HF__CALL_SLOW, before == HF__CALL_SLOW);
    uint64_t changed =
        generation << GENERATION_SHIFT | calls << CALLS_SHIFT | failures << FAILURES_SHIFT | slow;
    /* release: who sees a call counted finds it in its place. Pairs with the acquire
     * in read_calls(). Of all that count, the last sees the counts of all the rest,
     * for they are one word: no fence is needed. */
    if (HF__SWAP_IF(&window->counts, &seen, changed, memory_order_release)) {
      return;
    }
  }
}

/* Takes the next place of all. False: a newer generation counts, whose places are not for
 * a call that was held up: one that it took would stay empty for a whole round. */
static bool take_place(hf__window *window, uint64_t generation, uint64_t *place) {
  uint64_t seen = HF__LOAD(&window->next, memory_order_relaxed); /* as in put_call() */
  for (;;) {
    bool late = newer(seen, generation, GENERATION_BITS);
    if (late) {
      return false;
    }
    *place = seen & COUNT_MASK;
    /* Rounds are counted so that hf__window_recount() sees that one went by. */
    uint64_t next = *place + 1 < window->calls ? seen + 1 : seen - *place + COUNT_MASK + 1;
    uint64_t changed = generation << GENERATION_SHIFT | (next & NEXT_MASK);
    /* release: who sees a place taken sees the calls that were put before. Pairs with
     * the acquire of `next` in hf__window_recount(). */
    if (HF__SWAP_IF(&window->next, &seen, changed, memory_order_release)) {
      return true;
    }
  }
}

static void record_call(hf__window *window, uint64_t generation, hf__call call) {
  uint64_t place = 0;
  hf__call before = HF__CALL_NONE;
  if (take_place(window, generation, &place) &&
      put_call(&window->words[place / CALLS_PER_WORD], (unsigned)(place % CALLS_PER_WORD),
               generation, call, &before)) {
    add_to_counts(window, generation, call, before);
  }
}

/* What is below 0 for a moment is 0. */
static uint32_t readable(const hf__window *window, uint64_t count) {
  count &= COUNT_MASK;
  return count <= window->calls ? (uint32_t)count : 0;
}

static hf__window_counts read_calls(const hf__window *window, uint32_t generation) {
  /* acquire: pairs with the release in add_to_counts(). */
  uint64_t counts = HF__LOAD(&window->counts, memory_order_acquire);
  if (counts >> GENERATION_SHIFT != generation) {
    return (hf__window_counts){0, 0, 0};
  }
  return (hf__window_counts){.calls = readable(window, counts >> CALLS_SHIFT),
                             .failures = readable(window, counts >> FAILURES_SHIFT),
                             .slow = readable(window, counts)};
}

static void add_cells(hf__window_counts *sum, uint64_t word, uint32_t generation) {
  const uint64_t low_bits = UINT64_C(0x5555555555555555);
  if (word >> GENERATION_SHIFT != generation) {
    return;
  }
  uint64_t cells = word ^ (uint64_t)generation << GENERATION_SHIFT;
  uint64_t low = cells & low_bits;
  uint64_t high = cells >> 1 & low_bits;
  sum->calls += (uint32_t)__builtin_popcountll(low | high);
  sum->failures += (uint32_t)__builtin_popcountll(low & ~high);
  sum->slow += (uint32_t)__builtin_popcountll(high & ~low);
}

static hf__window_counts count_words(const hf__window *window, size_t words, uint32_t generation) {
  hf__window_counts sum = {0, 0, 0};
  for (size_t i = 0; i < words; i++) {
    /* acquire: pairs with the release in put_call(). */
    add_cells(&sum, HF__LOAD(&window->words[i], memory_order_acquire), generation);
  }
  return sum;
}

/* acquire: pairs with the release in take_place(). */
static uint64_t places_taken(const hf__window *window) {
  return HF__LOAD(&window->next, memory_order_acquire);
}

/*
 * One word is read at once. Of several, what is found is a window that there was if
 * no place was taken meanwhile: what was put meanwhile had its place before, so all
 * of it is being settled at this moment, and none comes after another.
 */
hf__window_counts hf__window_recount(const hf__window *window, uint32_t generation) {
  size_t words = (window->calls + CALLS_PER_WORD - 1) / CALLS_PER_WORD;
  if (words == 1) {
    return count_words(window, words, generation);
  }
  hf__window_counts sum;
  uint64_t before;
  uint64_t after = places_taken(window);
  do {
    before = after;
    sum = count_words(window, words, generation);
    after = places_taken(window);
  } while (after != before);
  return sum;
}

/* The last while ----------------------------------------------------------- */

/* Of a generation and a step: later in either is a higher number, modulo 2^32. The
 * step's place in the ring says the rest of its number. */
static uint64_t step_tag(uint32_t generation, uint64_t step) {
  uint64_t lap = step / HF__WINDOW_STEPS;
  return (((uint64_t)generation << LAP_BITS) + lap) & UINT32_MAX;
}

/* Adds 1 to the lower half: an equal tag adds, an older one is replaced, into a
 * newer one nothing is written. */
static void add_to_step(atomic_uint_least64_t *word, uint64_t tag, memory_order order) {
  uint64_t seen = HF__LOAD(word, memory_order_relaxed); /* as in put_call() */
  for (;;) {
    uint64_t there = seen >> TAG_BITS;
    if (newer(seen, tag, TAG_BITS)) {
      return;
    }
    uint64_t count = there == tag ? seen & UINT32_MAX : 0;
    count += count < UINT32_MAX;
    if (HF__SWAP_IF(word, &seen, tag << TAG_BITS | count, order)) {
      return;
    }
  }
}

/* release: who sees a failure sees its call as well, or a share of failures could
 * look larger than it ever was. Pairs with the acquire in read_steps(). */
static void record_in_step(hf__window *window, uint32_t generation, uint64_t step, hf__call call) {
  atomic_uint_least64_t *words = &window->words[step % HF__WINDOW_STEPS * WORDS_PER_STEP];
  uint64_t tag = step_tag(generation, step);
  /* relaxed: released with what follows; of a success alone it is the fence in
   * trip_by_rate() that lets one of two see it. */
  add_to_step(&words[0], tag, memory_order_relaxed);
  if (call == HF__CALL_FAILED) {
    add_to_step(&words[1], tag, memory_order_release);
  } else if (call == HF__CALL_SLOW) {
    add_to_step(&words[2], tag, memory_order_release);
  }
}

static uint32_t count_of_step(uint64_t word, uint64_t tag) {
  return word >> TAG_BITS == tag ? (uint32_t)(word & UINT32_MAX) : 0;
}

static uint32_t capped_sum(uint32_t a, uint32_t b) {
  return b < UINT32_MAX - a ? a + b : UINT32_MAX;
}

/*
 * The window's last step as its words say: the newest with calls, or `step` itself.
 * Another thread's clock may be a little ahead, and of two that record at once on
 * either side of a step one must see both calls. Who is further ahead than the
 * window is long shares none with this caller.
 */
static uint64_t last_step(const hf__window *window, uint32_t generation, uint64_t step) {
  for (uint64_t ahead = HF__WINDOW_STEPS - 1; ahead > 0; ahead--) {
    uint64_t of = step + ahead;
    /* relaxed: what is of that step is read again, in order, by read_steps(). */
    uint64_t calls =
        HF__LOAD(&window->words[of % HF__WINDOW_STEPS * WORDS_PER_STEP], memory_order_relaxed);
    if (count_of_step(calls, step_tag(generation, of)) > 0) {
      return of;
    }
  }
  return step;
}

/* Newest first: of calls that come one after the other none is missed that comes
 * before one that is seen. */
static hf__window_counts read_steps(const hf__window *window, uint32_t generation, uint64_t step) {
  hf__window_counts sum = {0, 0, 0};
  uint64_t last = last_step(window, generation, step);
  for (uint64_t back = 0; back < HF__WINDOW_STEPS && back <= last; back++) {
    uint64_t of = last - back;
    const atomic_uint_least64_t *words = &window->words[of % HF__WINDOW_STEPS * WORDS_PER_STEP];
    uint64_t tag = step_tag(generation, of);
    /* acquire: pairs with the release in record_in_step(). Calls come last, relaxed:
     * nothing is read because of them. */
    uint64_t failures = HF__LOAD(&words[1], memory_order_acquire);
    uint64_t slow = HF__LOAD(&words[2], memory_order_acquire);
    uint64_t calls = HF__LOAD(&words[0], memory_order_relaxed);
    /* Replaced first, too: without its calls nothing of a step counts. */
    if (calls >> TAG_BITS == tag) {
      sum.calls = capped_sum(sum.calls, count_of_step(calls, tag));
      sum.failures = capped_sum(sum.failures, count_of_step(failures, tag));
      sum.slow = capped_sum(sum.slow, count_of_step(slow, tag));
    }
  }
  return sum;
}

/* Either ------------------------------------------------------------------- */

void hf__window_record(hf__window *window, uint32_t generation, uint64_t tick_ms, hf__call call) {
  if (window->kind == HF_BREAKER_WINDOW_CALLS) {
    record_call(window, generation, call);
  } else if (window->kind == HF_BREAKER_WINDOW_TIME) {
    record_in_step(window, generation, tick_ms / window->step_ms, call);
  }
}

hf__window_counts hf__window_read(const hf__window *window, uint32_t generation, uint64_t tick_ms) {
  switch (window->kind) {
  case HF_BREAKER_WINDOW_CALLS:
    return read_calls(window, generation);
  case HF_BREAKER_WINDOW_TIME:
    return read_steps(window, generation, tick_ms / window->step_ms);
  case HF_BREAKER_WINDOW_NONE:
    break;
  }
  return (hf__window_counts){0, 0, 0};
}
