/*
 * The calls that rates are taken over: the last N, or those of the last while.
 *
 * Both kinds belong to a generation of the breaker: what an older one left is as
 * good as empty, so nothing is cleared when a breaker closes, and nobody waits.
 */
#ifndef HF_BREAKER_WINDOW_H
#define HF_BREAKER_WINDOW_H

#include <holdfast/breaker.h>

#include "atomics.h"

enum { HF__WINDOW_STEPS = 10 };

/* What a call was, as a cell of a window of calls says it. */
typedef enum hf__call {
  HF__CALL_NONE = 0,
  HF__CALL_FAILED = 1,
  HF__CALL_SLOW = 2,
  HF__CALL_SUCCEEDED = 3
} hf__call;

typedef struct hf__window_counts {
  uint32_t calls;
  uint32_t failures;
  uint32_t slow;
} hf__window_counts;

typedef struct hf__window {
  hf_breaker_window kind;
  uint32_t calls;   /* CALLS: how many it holds */
  uint32_t step_ms; /* TIME: a tenth of it */
  /* CALLS: the next place, `generation of the last (20 bits) | round (30) | place (14)`;
   * the counts, `generation (20) | calls (14) | failures (14) | slow (14)`. */
  atomic_uint_least64_t next;
  atomic_uint_least64_t counts;
  /* CALLS: words of `generation (20) | 22 calls of 2 bits`. TIME: for each step
   * three words, `tag (32) | calls (32)`, the same of failures and of slow calls. */
  atomic_uint_least64_t *words;
} hf__window;

/* How many words a window of these options takes. */
size_t hf__window_words(const hf_breaker_options *options);

void hf__window_init(hf__window *window, const hf_breaker_options *options,
                     atomic_uint_least64_t *words);

/* Counts a call of a generation. `tick_ms` is the present. Progress: lock-free. */
void hf__window_record(hf__window *window, uint32_t generation, uint64_t tick_ms, hf__call call);

/* What it holds of a generation. A window of time ends with the present, or with a
 * call that another thread's clock put after it, less than a window away. */
hf__window_counts hf__window_read(const hf__window *window, uint32_t generation, uint64_t tick_ms);

/* The same of a window of calls, from the calls themselves. hf__window_read() takes
 * counts that are kept beside them: a call and the one that it replaced may be added
 * in either order, so with calls that are being settled they can say what the calls
 * never were. This takes each such call as settled or not. Progress: lock-free.
 * Cost: O(window / 22). */
hf__window_counts hf__window_recount(const hf__window *window, uint32_t generation);

#endif
