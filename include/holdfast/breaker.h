/**
 * Circuit breakers: whether a call to something outside should be tried at all.
 *
 *     hf_permit permit;
 *     hf_transition transition;
 *     if (hf_breaker_acquire(breaker, now_ns, &permit, &transition) != HF_OK) {
 *       ... open: permit.retry_after_ns says how long
 *     }
 *     ... the call ...
 *     hf_breaker_settle(breaker, &permit, HF_OUTCOME_SUCCESS, now_ns, &transition);
 *
 * breaker_inline.h has both to be compiled into the caller.
 *
 * A breaker is closed: calls pass and are counted. When they fail too often it
 * opens: calls are refused. After the open time it is half-open: a few probes
 * pass; enough successes close it, one failure opens it again.
 *
 * Time is an argument everywhere: nanoseconds of a clock that does not go back,
 * from any beginning. Deadlines are kept in whole milliseconds, rounded up, so
 * nothing happens early and at most a millisecond late (64 ms for leases).
 *
 * Invariants:
 *   1. At most `probes` permits are out in one half-open generation.
 *   2. Every transition has the next generation and is reported to exactly one
 *      caller: the one that made it.
 *   3. What was permitted in an older generation is counted as late when it is
 *      settled, and changes nothing else (unless just 2^20 generations went by).
 *   4. No probe passes before the open time is over.
 *   5. A probe that is never settled blocks no longer than its lease, and ten minutes
 *      more by a clock that went back, or when nobody asks for just 99 days.
 *   6. Neutral outcomes count as nothing, and give a probe's place back.
 *   7. Acquiring and settling allocate nothing but, once for a breaker that
 *      several threads use at the same moment, room for counters of its own for
 *      each processor; where there is no memory they go on without.
 *   8. No operation waits for another: all are lock-free, and acquiring in the
 *      closed state is wait-free.
 *
 * Runs of failures are exact under any concurrency. A rate over a window is taken
 * while others record: it may miss, or count early, the calls that are being
 * settled at that moment. When nobody settles any more, a window that the last calls
 * left over its threshold has opened the breaker.
 *
 * A window of calls opens it only with a share that its calls had together: those
 * that are being settled count as settled or not, each as one. Until a call has taken
 * its place, the one before it stays there.
 *
 * A window of time ends with the present, or with the last call in it if a clock that
 * was read later put that after the present, by less than the window: threads whose
 * clocks were read on either side of a step see each other's calls.
 */
#ifndef HOLDFAST_BREAKER_H
#define HOLDFAST_BREAKER_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** A circuit breaker. Opaque; any number of threads may use one. */
typedef struct hf_breaker hf_breaker;

/** What a breaker does with calls. */
typedef enum hf_breaker_state {
  /** They pass, and are counted. */
  HF_BREAKER_CLOSED = 0,
  /** They are refused until the open time is over. */
  HF_BREAKER_OPEN = 1,
  /** A few pass as probes. */
  HF_BREAKER_HALF_OPEN = 2,
  /** By hand: refused until another state is chosen. */
  HF_BREAKER_FORCED_OPEN = 3,
  /** By hand: they pass, nothing is counted but totals, nothing trips. */
  HF_BREAKER_DISABLED = 4,
  /** By hand: they pass and the windows are kept, nothing trips. */
  HF_BREAKER_METRICS_ONLY = 5
} hf_breaker_state;

/** "closed", "open", "half_open", "forced_open", "disabled", "metrics_only", or "unknown".
 * Constant. */
HF_API const char *hf_breaker_state_name(hf_breaker_state state);

/** What became of a permitted call. */
typedef enum hf_outcome {
  HF_OUTCOME_SUCCESS = 0,
  HF_OUTCOME_FAILURE = 1,
  /** A success that took too long. Ends a run of failures as a success does;
   *  counts for the slow-call rate. A probe that is slow is a failed one where a
   *  slow-call rate is set, else a success. */
  HF_OUTCOME_SLOW = 2,
  /** Cancelled, or of no meaning for the health of what was called. */
  HF_OUTCOME_NEUTRAL = 3
} hf_outcome;

/** The kinds of window that rates are taken over. */
typedef enum hf_breaker_window {
  /** No rates: only runs of failures trip. */
  HF_BREAKER_WINDOW_NONE = 0,
  /** The last `window_calls` calls. */
  HF_BREAKER_WINDOW_CALLS = 1,
  /** The calls of the last `window_ms`. */
  HF_BREAKER_WINDOW_TIME = 2
} hf_breaker_window;

/** How a breaker behaves. Take hf_breaker_options_default() and change what you need. */
typedef struct hf_breaker_options {
  /** Failures in a row that open it: 1 to 65,535; 0: runs do not trip. Default 5. */
  uint32_t failure_threshold;
  /** Default HF_BREAKER_WINDOW_NONE. Cannot be changed later. */
  hf_breaker_window window;
  /** HF_BREAKER_WINDOW_CALLS: 1 to 4,096. Default 100. Cannot be changed later. */
  uint32_t window_calls;
  /** HF_BREAKER_WINDOW_TIME: 10 to 86,400,000; in ten steps. Default 10,000. Cannot
   *  be changed later. */
  uint32_t window_ms;
  /** Calls that a window must hold before a rate counts; a window of fewer calls has to
   *  be full. 1 to 1,000,000; default 10. */
  uint32_t minimum_calls;
  /** Share of failures in the window that opens it, in percent: 1 to 100; 0: none. Default 50. */
  uint32_t failure_rate_percent;
  /** Share of slow calls that opens it, in percent: 1 to 100; 0, the default: none. */
  uint32_t slow_rate_percent;
  /** A success that took at least so long, from acquire to settle, is slow. 0, the
   *  default: only what is settled as HF_OUTCOME_SLOW. */
  uint64_t slow_call_ns;
  /** How long it stays open. 1 ms to UINT32_MAX, 49 days; default 60,000. */
  uint32_t open_ms;
  /** Each time that a probe fails, up to 15 times since it was closed, or put into a state
   *  by hand, the open time is multiplied by so many percent: 100, the default, keeps it;
   *  to 1,000. */
  uint32_t open_growth_percent;
  /** Where it grows, no open time is longer than this, the first neither. Default
   *  600,000. */
  uint32_t open_max_ms;
  /** Up to so much of the open time is taken off at random, so that many breakers do
   *  not probe at once: 0, the default, to 100 percent. */
  uint32_t open_jitter_percent;
  /** Calls that may be out at once while half-open: 1, the default, to 31. */
  uint32_t probes;
  /** Successes in a row that close it: 1 to 31, default 2. */
  uint32_t success_threshold;
  /** When all probes' places are taken, and so long after the last one passed, those that
   *  were not settled are given up, and others may pass: each probe that passes renews the
   *  lease of all that are out. One that ends later than a new one would, by more than
   *  ten minutes, is over: the clock went back, or this was made shorter. 64 ms to 24 days;
   *  default 60,000. */
  uint32_t probe_lease_ms;
} hf_breaker_options;

/** The defaults above. Cost: O(1). */
HF_API hf_breaker_options hf_breaker_options_default(void);

/**
 * Makes a breaker, closed.
 *
 * @param options    copied; NULL is hf_breaker_options_default().
 * @param seed       for jitter; any number, best a random one.
 * @param now_ns     the present.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param breaker    receives the breaker, returned owned: hf_breaker_destroy().
 * @param error      NULL, or receives which option is out of range.
 * @return HF_OK, HF_ERROR_INVALID_ARGUMENT, HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(1), one allocation of at most 384 bytes; a window of calls
 * takes 3/8 of a byte more for each, rounded up to 8 bytes, a window of time 240.
 */
HF_API HF_MUST_USE hf_status hf_breaker_create(const hf_breaker_options *HF_NULLABLE options,
                                               uint64_t seed, uint64_t now_ns,
                                               const hf_allocator *HF_NULLABLE allocator,
                                               hf_breaker *HF_NULLABLE *HF_NONNULL breaker,
                                               hf_error *HF_NULLABLE error);

/** Frees a breaker. NULL is a no-op. Nobody may be using it. */
HF_API void hf_breaker_destroy(hf_breaker *HF_NULLABLE breaker);

/* Transitions -------------------------------------------------------------- */

/** Why a breaker changed its state. */
typedef enum hf_breaker_cause {
  /** It did not. */
  HF_BREAKER_UNCHANGED = 0,
  /** A run of failures, a rate of failures, a rate of slow calls. */
  HF_BREAKER_FAILURES = 1,
  HF_BREAKER_FAILURE_RATE = 2,
  HF_BREAKER_SLOW_RATE = 3,
  /** The open time is over. */
  HF_BREAKER_OPEN_TIME_OVER = 4,
  /** A probe failed; enough of them succeeded; they were given up. */
  HF_BREAKER_PROBE_FAILED = 5,
  HF_BREAKER_PROBES_SUCCEEDED = 6,
  HF_BREAKER_PROBES_GIVEN_UP = 7,
  /** hf_breaker_set_state(), hf_breaker_reset(). */
  HF_BREAKER_BY_HAND = 8
} hf_breaker_cause;

/** A change of state, told to the caller that made it. */
typedef struct hf_transition {
  /** HF_BREAKER_UNCHANGED: there was none, and the rest is 0. */
  hf_breaker_cause cause;
  hf_breaker_state from;
  hf_breaker_state to;
  /** Of the new state; one more than the old one's, modulo 2^20. */
  uint32_t generation;
  /** HF_BREAKER_OPEN: how long it will stay so. */
  uint32_t open_ms;
} hf_transition;

/* Calls -------------------------------------------------------------------- */

/** The leave to make one call. Copy it as you like, settle it once. */
typedef struct hf_permit {
  /** What acquiring found, of no use to the caller. */
  uint64_t state;
  uint64_t started_ns;
  /** When it was refused: how long to wait, at most (half-open: for the lease); 0 when
   *  only a hand decides. Else 0. */
  uint64_t retry_after_ns;
} hf_permit;

/**
 * Asks to make a call.
 *
 * @param now_ns      the present.
 * @param permit      receives the permit; it must be settled, once. On refusal its
 *                    `retry_after_ns` is set.
 * @param transition  NULL, or receives the transition that this call made: from
 *                    open to half-open, or from half-open to half-open when probes
 *                    were given up. Who passes NULL loses the event.
 * @return HF_OK or HF_ERROR_CIRCUIT_OPEN.
 *
 * Threads: any. Progress: wait-free when closed, lock-free otherwise. Cost: one
 * load when closed.
 */
HF_API HF_MUST_USE hf_status hf_breaker_acquire(hf_breaker *breaker, uint64_t now_ns,
                                                hf_permit *permit,
                                                hf_transition *HF_NULLABLE transition);

/**
 * Tells what became of a permitted call.
 *
 * @param transition  as hf_breaker_acquire(): to open, or to closed.
 * @return whether it counted: false when it was late.
 *
 * Threads: any. Progress: lock-free. Cost: one atomic addition for a success while
 * closed without a window and without failures before it.
 */
HF_API bool hf_breaker_settle(hf_breaker *breaker, const hf_permit *permit, hf_outcome outcome,
                              uint64_t now_ns, hf_transition *HF_NULLABLE transition);

/* Looking and handling ------------------------------------------------------ */

/** The state as it would decide now: an open breaker whose time is over is
 *  half-open. Changes nothing. Threads: any. Cost: one load. */
HF_API hf_breaker_state hf_breaker_peek(const hf_breaker *breaker, uint64_t now_ns);

/** Figures of a breaker. Totals never fall but by hf_breaker_reset(). */
typedef struct hf_breaker_snapshot {
  hf_breaker_state state;
  uint32_t generation;
  /** Settled in the generation that permitted them. */
  uint64_t successes; /* slow ones not counted */
  uint64_t failures;
  uint64_t slow;
  uint64_t neutral;
  /** Settled later. */
  uint64_t late;
  /** Not permitted. */
  uint64_t refused;
  /** Transitions to open, and to closed from half-open. */
  uint64_t opens;
  uint64_t closes;
  /** Failures in a row while closed; successes in a row while half-open. */
  uint32_t consecutive_failures;
  uint32_t consecutive_successes;
  /** In the window, if there is one: what rates are made of. */
  uint32_t window_calls;
  uint32_t window_failures;
  uint32_t window_slow;
  /** While open: until probes may pass. */
  uint64_t retry_after_ns;
  /** Closed, and either in a run of failures, or with a window that holds its minimum of
   *  calls and half the share of failures, or of slow calls, that would open it: by this
   *  breaker's own options, as they are now. */
  bool degraded;
} hf_breaker_snapshot;

/** Reads all figures; each is exact, together they may be of moments a little
 *  apart while others call. Threads: any. Cost: O(processors + window). */
HF_API hf_breaker_snapshot hf_breaker_read(const hf_breaker *breaker, uint64_t now_ns);

/**
 * Puts the breaker into a state by hand, the one that it is in too. Whichever it is, it
 * begins anew: no run, no probes, an empty window, and open times grow from the first.
 * HF_BREAKER_OPEN stays open for the first; HF_BREAKER_HALF_OPEN lets probes pass at
 * once, and when one fails stays open for the second, grown once.
 *
 * @return the transition; its cause is HF_BREAKER_UNCHANGED when `state` is none.
 *
 * Threads: any. Progress: lock-free.
 */
HF_API hf_transition hf_breaker_set_state(hf_breaker *breaker, hf_breaker_state state,
                                          uint64_t now_ns);

/**
 * Closes it as hf_breaker_set_state() does, and makes every figure 0, opens and closes
 * too. Afterwards no figure has what was done before it began, and each has all that
 * began after it returned; what others did meanwhile may be counted or not. What was
 * permitted before is late.
 *
 * Threads: any. Progress: lock-free.
 */
HF_API hf_transition hf_breaker_reset(hf_breaker *breaker, uint64_t now_ns);

/**
 * Replaces the options, but not the window's kind and size. Calls that are under
 * way may meet some of the old and some of the new values. Of threads that configure
 * one breaker at the same moment, each option is that of one of them: where that
 * matters, let them take turns.
 *
 * @return HF_OK; HF_ERROR_INVALID_ARGUMENT, nothing changed then.
 *
 * Threads: any.
 */
HF_API HF_MUST_USE hf_status hf_breaker_configure(hf_breaker *breaker,
                                                  const hf_breaker_options *options,
                                                  hf_error *HF_NULLABLE error);

/** Bytes that it takes now, counters for processors included. Threads: any. */
HF_API size_t hf_breaker_size_bytes(const hf_breaker *breaker);

HF_END_NONNULL
HF_END_C

#endif
