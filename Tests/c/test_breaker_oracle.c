/*
 * A breaker and a plain model of one, side by side: random operations under a manual clock, and
 * after each the same answer, transition, refusal and figures.
 *
 *     test_breaker_oracle [operations]
 *
 * The model is written from <holdfast/breaker.h> with whole numbers and arrays alone. It takes from
 * the breaker one thing, how much jitter took off an open time, and checks its bounds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_test.h"

#define NS_PER_MS UINT64_C(1000000)
#define MS_PER_DAY UINT64_C(86400000)
#define NS_PER_DAY (MS_PER_DAY * NS_PER_MS)
#define DEFAULT_OPERATIONS UINT64_C(1200000)
/* What a breaker may be left alone with: an open time that is over. */
#define OPEN_LEFT_ALONE_NS (2 * 365 * NS_PER_DAY)
#define GENERATIONS (UINT64_C(1) << 20)
/* When the field of a lease begins anew: 99 days. */
#define LEASE_TURN_MS ((UINT64_C(1) << 27) * LEASE_UNIT_MS)

enum {
  OPERATIONS_PER_RUN = 6000,
  PERMITS = 40,
  MOST_WINDOW_CALLS = 4096,
  WINDOW_STEPS = 10,
  LEASE_UNIT_MS = 64,
  MOST_GROWING_ATTEMPTS = 15,
};

/* The model ------------------------------------------------------------------ */

typedef struct model_call {
  bool failed;
  bool slow;
} model_call;

typedef struct model_step {
  bool used;
  uint64_t number;
  uint32_t calls;
  uint32_t failures;
  uint32_t slow;
} model_step;

typedef struct model_permit {
  hf_breaker_state state;
  uint64_t generation; /* never wraps */
  uint64_t started_ns; /* since the beginning */
} model_permit;

typedef struct breaker_model {
  hf_breaker_options options;
  hf_breaker_state state;
  uint64_t generation; /* never wraps */
  uint32_t attempt;    /* probes that failed since it was closed */
  uint32_t run;
  uint32_t ok;
  uint32_t out;
  uint64_t deadline_ms;
  uint64_t lease_ms;
  hf_breaker_snapshot totals; /* only its totals are kept */
  model_call last[MOST_WINDOW_CALLS];
  uint32_t last_next;
  uint32_t last_count;
  model_step steps[WINDOW_STEPS];
} breaker_model;

static uint64_t rounded_up(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit;
}

static void model_empty_window(breaker_model *model) {
  model->last_next = 0;
  model->last_count = 0;
  memset(model->steps, 0, sizeof model->steps);
}

/* The open time without jitter. */
static uint64_t model_open_ms(const breaker_model *model) {
  const hf_breaker_options *options = &model->options;
  uint64_t time = options->open_ms;
  for (uint32_t i = 0; i < model->attempt && i < MOST_GROWING_ATTEMPTS; i++) {
    uint64_t grown = time * options->open_growth_percent / 100;
    time = options->open_growth_percent == 100 ? time
           : grown < options->open_max_ms      ? grown
                                               : options->open_max_ms;
  }
  return time;
}

static uint64_t model_lease_end(const breaker_model *model, uint64_t now) {
  uint64_t end_ms = rounded_up(now, NS_PER_MS) + model->options.probe_lease_ms;
  return rounded_up(end_ms, LEASE_UNIT_MS) * LEASE_UNIT_MS;
}

static hf_transition model_transit(breaker_model *model, hf_breaker_state to,
                                   hf_breaker_cause cause, uint64_t now) {
  hf_transition made = {.cause = cause, .from = model->state, .to = to};
  model->generation++;
  made.generation = (uint32_t)(model->generation % GENERATIONS);
  model->totals.opens += to == HF_BREAKER_OPEN;
  model->totals.closes += to == HF_BREAKER_CLOSED && model->state == HF_BREAKER_HALF_OPEN;
  bool probe_failed = cause == HF_BREAKER_PROBE_FAILED;
  bool goes_on = cause == HF_BREAKER_OPEN_TIME_OVER || cause == HF_BREAKER_PROBES_GIVEN_UP;
  model->attempt = probe_failed ? model->attempt + 1 : goes_on ? model->attempt : 0;
  model->state = to;
  model->run = 0;
  model->ok = 0;
  model->out = 0;
  model->lease_ms = model_lease_end(model, now);
  model_empty_window(model);
  if (to == HF_BREAKER_OPEN) {
    made.open_ms = (uint32_t)model_open_ms(model);
    model->deadline_ms = rounded_up(now, NS_PER_MS) + made.open_ms;
  }
  return made;
}

/* What of a span is left where whole turns of the lease's field cannot be told from none: what is
 * not half a turn ahead is past. */
static uint64_t within_turn_ms(uint64_t later_ms, uint64_t earlier_ms) {
  uint64_t ahead_ms = (later_ms - earlier_ms) % LEASE_TURN_MS;
  return ahead_ms > LEASE_TURN_MS / 2 ? 0 : ahead_ms;
}

/* By how much the lease ends after a new one. */
static uint64_t model_lease_beyond_ms(const breaker_model *model, uint64_t now) {
  return within_turn_ms(model->lease_ms, model_lease_end(model, now));
}

static void model_let_probe(breaker_model *model, uint64_t now) {
  uint64_t ahead_ms = model_lease_beyond_ms(model, now);
  /* A clock that went back by ten minutes at most shortens no lease. */
  bool stays = ahead_ms > 0 && ahead_ms / LEASE_UNIT_MS <= 600000 / LEASE_UNIT_MS;
  model->lease_ms = stays ? model->lease_ms : model_lease_end(model, now);
  model->out++;
}

/* How long the lease lasts yet; one that ends ten minutes after a new one, or later, is over. */
static uint64_t model_lease_left_ns(const breaker_model *model, uint64_t now) {
  uint64_t now_ms = now / NS_PER_MS;
  uint64_t begun_ms = now_ms / LEASE_UNIT_MS * LEASE_UNIT_MS;
  uint64_t left_ms = within_turn_ms(model->lease_ms, begun_ms);
  bool over =
      left_ms == 0 || model_lease_beyond_ms(model, now) / LEASE_UNIT_MS > 600000 / LEASE_UNIT_MS;
  return over ? 0 : (begun_ms + left_ms) * NS_PER_MS - now;
}

static uint64_t left_ns(uint64_t deadline_ms, uint64_t now) {
  return now / NS_PER_MS >= deadline_ms ? 0 : deadline_ms * NS_PER_MS - now;
}

/* Whether it permits; else `*retry` is how long to wait. */
static bool model_acquire(breaker_model *model, uint64_t now, model_permit *permit, uint64_t *retry,
                          hf_transition *made) {
  *made = (hf_transition){0};
  *retry = 0;
  bool permitted = true;
  if (model->state == HF_BREAKER_OPEN) {
    *retry = left_ns(model->deadline_ms, now);
    permitted = *retry == 0;
    if (permitted) {
      *made = model_transit(model, HF_BREAKER_HALF_OPEN, HF_BREAKER_OPEN_TIME_OVER, now);
      model_let_probe(model, now);
    }
  } else if (model->state == HF_BREAKER_HALF_OPEN && model->out < model->options.probes) {
    model_let_probe(model, now);
  } else if (model->state == HF_BREAKER_HALF_OPEN) {
    *retry = model_lease_left_ns(model, now);
    permitted = *retry == 0;
    if (permitted) {
      *made = model_transit(model, HF_BREAKER_HALF_OPEN, HF_BREAKER_PROBES_GIVEN_UP, now);
      model_let_probe(model, now);
    }
  } else if (model->state == HF_BREAKER_FORCED_OPEN) {
    permitted = false;
  }
  model->totals.refused += !permitted;
  *permit = (model_permit){model->state, model->generation, now};
  return permitted;
}

static uint64_t model_step_ms(const breaker_model *model) {
  return rounded_up(model->options.window_ms, WINDOW_STEPS);
}

static void model_record(breaker_model *model, hf_outcome outcome, uint64_t now) {
  model_call call = {outcome == HF_OUTCOME_FAILURE, outcome == HF_OUTCOME_SLOW};
  if (model->options.window == HF_BREAKER_WINDOW_CALLS) {
    model->last[model->last_next] = call;
    model->last_next = (model->last_next + 1) % model->options.window_calls;
    model->last_count += model->last_count < model->options.window_calls;
  } else if (model->options.window == HF_BREAKER_WINDOW_TIME) {
    uint64_t number = now / NS_PER_MS / model_step_ms(model);
    model_step *step = &model->steps[number % WINDOW_STEPS];
    if (step->used && step->number > number) {
      return; /* the clock went back by more than the window */
    }
    if (!step->used || step->number != number) {
      *step = (model_step){.used = true, .number = number};
    }
    step->calls++;
    step->failures += call.failed;
    step->slow += call.slow;
  }
}

static model_step model_window(const breaker_model *model, uint64_t now) {
  model_step sum = {0};
  if (model->options.window == HF_BREAKER_WINDOW_CALLS) {
    sum.calls = model->last_count;
    for (uint32_t i = 0; i < model->last_count; i++) {
      sum.failures += model->last[i].failed;
      sum.slow += model->last[i].slow;
    }
  }
  /* The clock may have gone back: the window ends with the last call that it can hold. */
  uint64_t number = now / NS_PER_MS / model_step_ms(model);
  uint64_t most = number + WINDOW_STEPS - 1;
  for (size_t i = 0; i < WINDOW_STEPS; i++) {
    const model_step *step = &model->steps[i];
    number = step->used && step->number > number && step->number <= most ? step->number : number;
  }
  for (size_t i = 0; i < WINDOW_STEPS; i++) {
    const model_step *step = &model->steps[i];
    if (step->used && step->number <= number && number - step->number < WINDOW_STEPS) {
      sum.calls += step->calls;
      sum.failures += step->failures;
      sum.slow += step->slow;
    }
  }
  return sum;
}

/* The rate that such a window opens a breaker by. */
static hf_breaker_cause model_rate(const breaker_model *model, model_step sum) {
  const hf_breaker_options *options = &model->options;
  uint32_t needed = options->minimum_calls;
  if (options->window == HF_BREAKER_WINDOW_CALLS && needed > options->window_calls) {
    needed = options->window_calls; /* a window that is full is enough */
  }
  if (options->window == HF_BREAKER_WINDOW_NONE || sum.calls < needed) {
    return HF_BREAKER_UNCHANGED;
  }
  if (options->failure_rate_percent > 0 &&
      sum.failures * UINT64_C(100) >= sum.calls * (uint64_t)options->failure_rate_percent) {
    return HF_BREAKER_FAILURE_RATE;
  }
  if (options->slow_rate_percent > 0 &&
      sum.slow * UINT64_C(100) >= sum.calls * (uint64_t)options->slow_rate_percent) {
    return HF_BREAKER_SLOW_RATE;
  }
  return HF_BREAKER_UNCHANGED;
}

static hf_breaker_cause model_trips(const breaker_model *model, hf_outcome outcome, uint64_t now) {
  const hf_breaker_options *options = &model->options;
  if (outcome == HF_OUTCOME_FAILURE && options->failure_threshold > 0 &&
      model->run >= options->failure_threshold) {
    return HF_BREAKER_FAILURES;
  }
  return model_rate(model, model_window(model, now));
}

/* Were what is bad twice as much, a rate would open it. */
static bool model_degraded(const breaker_model *model, model_step sum) {
  sum.failures *= 2;
  sum.slow *= 2;
  return model->state == HF_BREAKER_CLOSED &&
         (model->run > 0 || model_rate(model, sum) != HF_BREAKER_UNCHANGED);
}

static hf_transition model_settle_probe(breaker_model *model, hf_outcome outcome, uint64_t now) {
  bool slow_fails = outcome == HF_OUTCOME_SLOW && model->options.slow_rate_percent > 0;
  if (outcome == HF_OUTCOME_FAILURE || slow_fails) {
    return model_transit(model, HF_BREAKER_OPEN, HF_BREAKER_PROBE_FAILED, now);
  }
  model->out--;
  model->ok += outcome != HF_OUTCOME_NEUTRAL;
  if (outcome != HF_OUTCOME_NEUTRAL && model->ok >= model->options.success_threshold) {
    return model_transit(model, HF_BREAKER_CLOSED, HF_BREAKER_PROBES_SUCCEEDED, now);
  }
  return (hf_transition){0};
}

static hf_transition model_settle_counted(breaker_model *model, hf_outcome outcome, uint64_t now) {
  if (model->state == HF_BREAKER_METRICS_ONLY) {
    model_record(model, outcome, now);
  }
  if (model->state != HF_BREAKER_CLOSED) {
    return (hf_transition){0};
  }
  model_record(model, outcome, now);
  model->run = outcome == HF_OUTCOME_FAILURE ? model->run + 1 : 0;
  hf_breaker_cause cause = model_trips(model, outcome, now);
  return cause == HF_BREAKER_UNCHANGED ? (hf_transition){0}
                                       : model_transit(model, HF_BREAKER_OPEN, cause, now);
}

/* Whether it counted. */
static bool model_settle(breaker_model *model, const model_permit *permit, hf_outcome outcome,
                         uint64_t now, hf_transition *made) {
  *made = (hf_transition){0};
  if (permit->generation != model->generation) {
    model->totals.late++;
    return false;
  }
  uint64_t least = model->options.slow_call_ns;
  if (outcome == HF_OUTCOME_SUCCESS && least > 0 && now >= permit->started_ns &&
      now - permit->started_ns >= least) {
    outcome = HF_OUTCOME_SLOW;
  }
  model->totals.successes += outcome == HF_OUTCOME_SUCCESS;
  model->totals.failures += outcome == HF_OUTCOME_FAILURE;
  model->totals.slow += outcome == HF_OUTCOME_SLOW;
  model->totals.neutral += outcome == HF_OUTCOME_NEUTRAL;
  if (permit->state == HF_BREAKER_HALF_OPEN) {
    *made = model_settle_probe(model, outcome, now);
  } else if (outcome != HF_OUTCOME_NEUTRAL) {
    *made = model_settle_counted(model, outcome, now);
  }
  return true;
}

static hf_breaker_snapshot model_read(const breaker_model *model, uint64_t now) {
  hf_breaker_snapshot figures = model->totals;
  model_step sum = model_window(model, now);
  figures.state = model->state;
  figures.generation = (uint32_t)(model->generation % GENERATIONS);
  figures.consecutive_failures = model->state == HF_BREAKER_CLOSED ? model->run : 0;
  figures.consecutive_successes = model->state == HF_BREAKER_HALF_OPEN ? model->ok : 0;
  figures.window_calls = sum.calls;
  figures.window_failures = sum.failures;
  figures.window_slow = sum.slow;
  figures.retry_after_ns = model->state == HF_BREAKER_OPEN ? left_ns(model->deadline_ms, now) : 0;
  figures.degraded = model_degraded(model, sum);
  return figures;
}

/* Comparing ------------------------------------------------------------------ */

typedef struct held_permit {
  hf_permit real;
  model_permit model;
} held_permit;

/* A breaker, its model, and the calls under way. */
typedef struct pair {
  hf_breaker *real;
  breaker_model model;
  uint64_t epoch_ns; /* the clock's reading at the beginning */
  uint64_t now;      /* since then, in ns */
  held_permit held[PERMITS];
  size_t held_count;
  test_random random;
  uint64_t operation;
  const char *doing;
  uint64_t transitions;
  uint64_t transitions_by_cause[HF_BREAKER_BY_HAND + 1];
} pair;

static uint64_t clock_ns(const pair *both) {
  return both->epoch_ns + both->now;
}

static void differ(const pair *both, const char *what, uint64_t expected, uint64_t got) {
  test_fail("operation %" PRIu64 " (%s): %s is %" PRIu64 ", not %" PRIu64 "\n", both->operation,
            both->doing, what, got, expected);
}

static void check_same(const pair *both, const char *what, uint64_t expected, uint64_t got) {
  if (expected != got) {
    differ(both, what, expected, got);
  }
}

static void check_transition(pair *both, hf_transition expected, const hf_transition *got) {
  breaker_model *model = &both->model;
  check_same(both, "cause", expected.cause, got->cause);
  check_same(both, "from", expected.from, got->from);
  check_same(both, "to", expected.to, got->to);
  check_same(both, "generation", expected.generation, got->generation);
  if (expected.open_ms != got->open_ms) {
    /* Jitter takes off, and no more than so much; a millisecond stays. */
    uint32_t jitter = model->options.open_jitter_percent;
    uint64_t least = expected.open_ms - (uint64_t)expected.open_ms * jitter / 100;
    if (got->open_ms > expected.open_ms || got->open_ms < least || got->open_ms == 0) {
      differ(both, "open time", expected.open_ms, got->open_ms);
    }
    model->deadline_ms -= expected.open_ms - got->open_ms;
  }
  both->transitions += expected.cause != HF_BREAKER_UNCHANGED;
  both->transitions_by_cause[expected.cause]++;
}

static void check_figures(const pair *both) {
  hf_breaker_snapshot expected = model_read(&both->model, both->now);
  hf_breaker_snapshot got = hf_breaker_read(both->real, clock_ns(both));
  check_same(both, "state", expected.state, got.state);
  check_same(both, "generation", expected.generation, got.generation);
  check_same(both, "successes", expected.successes, got.successes);
  check_same(both, "failures", expected.failures, got.failures);
  check_same(both, "slow", expected.slow, got.slow);
  check_same(both, "neutral", expected.neutral, got.neutral);
  check_same(both, "late", expected.late, got.late);
  check_same(both, "refused", expected.refused, got.refused);
  check_same(both, "opens", expected.opens, got.opens);
  check_same(both, "closes", expected.closes, got.closes);
  check_same(both, "failures in a row", expected.consecutive_failures, got.consecutive_failures);
  check_same(both, "successes in a row", expected.consecutive_successes, got.consecutive_successes);
  check_same(both, "calls in the window", expected.window_calls, got.window_calls);
  check_same(both, "failures in the window", expected.window_failures, got.window_failures);
  check_same(both, "slow calls in the window", expected.window_slow, got.window_slow);
  check_same(both, "time to wait", expected.retry_after_ns, got.retry_after_ns);
  check_same(both, "degraded", expected.degraded, got.degraded);
  bool over = expected.state == HF_BREAKER_OPEN && expected.retry_after_ns == 0;
  check_same(both, "peek", over ? HF_BREAKER_HALF_OPEN : expected.state,
             hf_breaker_peek(both->real, clock_ns(both)));
}

/* Operations ----------------------------------------------------------------- */

static hf_transition untouched_transition(void) {
  hf_transition transition;
  memset(&transition, 0x5a, sizeof transition);
  return transition;
}

static void drop_permit(pair *both, size_t at) {
  both->held[at] = both->held[--both->held_count];
}

/* What is compiled in and what is called may be mixed. */
static bool is_inlined(pair *both) {
  return test_random_below(&both->random, 2) == 0;
}

static void do_acquire(pair *both) {
  both->doing = "acquire";
  if (both->held_count == PERMITS) {
    drop_permit(both, 0); /* abandoned */
  }
  held_permit *held = &both->held[both->held_count];
  uint64_t retry = 0;
  hf_transition expected;
  bool permitted = model_acquire(&both->model, both->now, &held->model, &retry, &expected);
  hf_transition got = untouched_transition();
  memset(&held->real, 0x5a, sizeof held->real);
  hf_status status = is_inlined(both)
                         ? hf_breaker_acquire_inline(both->real, clock_ns(both), &held->real, &got)
                         : hf_breaker_acquire(both->real, clock_ns(both), &held->real, &got);
  check_same(both, "permitted", permitted, status == HF_OK);
  check_same(both, "refused", !permitted, status == HF_ERROR_CIRCUIT_OPEN);
  check_same(both, "time to wait", retry, held->real.retry_after_ns);
  check_transition(both, expected, &got);
  both->held_count += permitted;
}

static void do_settle(pair *both) {
  if (both->held_count == 0) {
    return;
  }
  both->doing = "settle";
  size_t at = test_random_below(&both->random, (uint32_t)both->held_count);
  held_permit held = both->held[at];
  drop_permit(both, at);
  static const hf_outcome outcomes[] = {HF_OUTCOME_SUCCESS, HF_OUTCOME_SUCCESS, HF_OUTCOME_SUCCESS,
                                        HF_OUTCOME_FAILURE, HF_OUTCOME_FAILURE, HF_OUTCOME_SLOW,
                                        HF_OUTCOME_NEUTRAL};
  hf_outcome outcome =
      outcomes[test_random_below(&both->random, sizeof outcomes / sizeof outcomes[0])];
  hf_transition expected;
  bool counted = model_settle(&both->model, &held.model, outcome, both->now, &expected);
  hf_transition got = untouched_transition();
  bool told = is_inlined(both)
                  ? hf_breaker_settle_inline(both->real, &held.real, outcome, clock_ns(both), &got)
                  : hf_breaker_settle(both->real, &held.real, outcome, clock_ns(both), &got);
  check_same(both, "counted", counted, told);
  check_transition(both, expected, &got);
}

static void set_state(pair *both, hf_breaker_state state) {
  hf_transition got = hf_breaker_set_state(both->real, state, clock_ns(both));
  check_transition(both, model_transit(&both->model, state, HF_BREAKER_BY_HAND, both->now), &got);
}

/* Permits so old that generations have gone round since could be taken for new ones: they are
 * abandoned before. */
static void drop_old_permits(pair *both) {
  for (size_t i = both->held_count; i-- > 0;) {
    if (both->model.generation - both->held[i].model.generation > GENERATIONS / 2) {
      drop_permit(both, i);
    }
  }
}

/* Generations pass, few or many, around every width that one might be kept in. */
static void do_many_transitions(pair *both, uint32_t count) {
  both->doing = "many transitions";
  for (uint32_t i = 0; i < count; i++) {
    set_state(both, (hf_breaker_state)test_random_below(&both->random, 6));
    if (i % 65536 == 0) {
      drop_old_permits(both);
    }
  }
  set_state(both,
            test_random_below(&both->random, 4) == 0 ? HF_BREAKER_METRICS_ONLY : HF_BREAKER_CLOSED);
  drop_old_permits(both);
}

static void do_reset(pair *both) {
  both->doing = "reset";
  hf_transition got = hf_breaker_reset(both->real, clock_ns(both));
  check_transition(
      both, model_transit(&both->model, HF_BREAKER_CLOSED, HF_BREAKER_BY_HAND, both->now), &got);
  memset(&both->model.totals, 0, sizeof both->model.totals);
}

static hf_breaker_options random_options(test_random *random) {
  static const uint32_t open_ms[] = {1, 7, 1000, 60000, 86400000, UINT32_MAX};
  static const uint32_t window_ms[] = {10, 15, 1000, 10000, 86400000};
  static const uint32_t window_calls[] = {1, 2, 3, 10, 22, 23, 24, 25, 63, 64, 100, 300};
  static const uint32_t lease_ms[] = {64, 65, 1000, 60000, 2073600000};
#define ONE_OF(table) table[test_random_below(random, sizeof(table) / sizeof((table)[0]))]
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = test_random_below(random, 3) == 0 ? 0 : test_random_below(random, 9);
  options.window = (hf_breaker_window)test_random_below(random, 3);
  options.window_calls = ONE_OF(window_calls);
  options.window_ms = ONE_OF(window_ms);
  options.minimum_calls = 1 + test_random_below(random, 20);
  options.failure_rate_percent = test_random_below(random, 101);
  options.slow_rate_percent = test_random_below(random, 2) * test_random_below(random, 101);
  options.slow_call_ns = test_random_below(random, 2) * UINT64_C(30) * NS_PER_MS;
  options.open_ms = ONE_OF(open_ms);
  options.open_max_ms =
      options.open_ms + test_random_below(random, 2) * (UINT32_MAX - options.open_ms);
  options.open_growth_percent = 100 + test_random_below(random, 2) * test_random_below(random, 901);
  options.open_jitter_percent = test_random_below(random, 2) * test_random_below(random, 101);
  options.probes = 1 + (test_random_below(random, 2) ? 0 : test_random_below(random, 31));
  options.success_threshold = 1 + test_random_below(random, test_random_below(random, 2) ? 3 : 31);
  options.probe_lease_ms = ONE_OF(lease_ms);
#undef ONE_OF
  return options;
}

static void do_configure(pair *both) {
  both->doing = "configure";
  hf_breaker_options options = random_options(&both->random);
  const hf_breaker_options *now = &both->model.options;
  options.window = now->window;
  options.window_calls = now->window_calls;
  options.window_ms = now->window_ms;
  check_same(both, "status", 0,
             (uint64_t) - (int64_t)hf_breaker_configure(both->real, &options, NULL));
  both->model.options = options;
}

/* The clock ------------------------------------------------------------------ */

static void forward(pair *both, uint64_t by_ns) {
  const breaker_model *model = &both->model;
  /* Half as long as a window of time tells its steps apart, and never round the clock. */
  uint64_t most = UINT64_MAX / 4 * 3;
  uint64_t most_windows = (UINT64_C(1) << 31) * NS_PER_MS;
  if (model->options.window == HF_BREAKER_WINDOW_TIME &&
      model->options.window_ms < most / most_windows) {
    most = model->options.window_ms * most_windows;
  }
  if (model->state == HF_BREAKER_OPEN) {
    uint64_t alone = model->deadline_ms * NS_PER_MS + OPEN_LEFT_ALONE_NS;
    most = alone < most ? alone : most;
  }
  if (most > both->now) {
    both->now += by_ns < most - both->now ? by_ns : most - both->now;
  }
}

static void do_move_clock(pair *both) {
  both->doing = "clock";
  const breaker_model *model = &both->model;
  uint64_t step_ns = model_step_ms(model) * NS_PER_MS;
  uint64_t number = test_random_next(&both->random) >> 8;
  uint64_t deadline = (model->state == HF_BREAKER_HALF_OPEN ? model->lease_ms : model->deadline_ms);
  uint64_t back = 0;
  switch (test_random_below(&both->random, 16)) {
  case 0:
  case 1:
  case 2:
    forward(both, number % 100);
    break;
  case 3:
  case 4:
  case 5:
    forward(both, number % (20 * NS_PER_MS));
    break;
  case 6:
  case 7:
    forward(both, step_ns / 4 + number % step_ns);
    break;
  case 8:
    forward(both, step_ns * (number % (3 * WINDOW_STEPS)) + number % 3);
    break;
  case 9:
  case 10:
  case 11:
    /* Just before a deadline, at it, just after it. */
    if (deadline > 0 && deadline * NS_PER_MS - 1 > both->now) {
      forward(both, deadline * NS_PER_MS - 1 + number % 3 - both->now);
    }
    break;
  case 12:
    forward(both, number % (3 * NS_PER_DAY));
    break;
  case 13:
    /* Far: years, and as many steps of the window as its fields might wrap at. */
    if (number % 8 == 0) {
      forward(both, (number >> 8) % (1000 * NS_PER_DAY));
    } else if (number % 8 == 2) {
      /* Just as long as a lease goes round, or half of that. */
      forward(both,
              (LEASE_TURN_MS / 2 * (1 + (number >> 8) % 4) - 700000 + (number >> 16) % 1400000) *
                  NS_PER_MS);
    } else if (number % 8 == 1) {
      unsigned bits = 12 + (unsigned)(number >> 8) % 18;
      uint64_t steps = (UINT64_C(1) << bits) - 2 + (number >> 16) % 5;
      forward(both, steps < 300 * 365 * NS_PER_DAY / 100 / step_ns ? steps * step_ns : step_ns);
    }
    break;
  default:
    /* Back, a little. */
    back = number % 4 == 0 ? number % (step_ns * WINDOW_STEPS / 2) : number % NS_PER_MS;
    both->now -= back < both->now ? back : both->now;
    break;
  }
}

/* Runs ----------------------------------------------------------------------- */

static void do_something(pair *both) {
  uint32_t what = test_random_below(&both->random, 1000);
  if (what < 380) {
    do_acquire(both);
  } else if (what < 760) {
    do_settle(both);
  } else if (what < 985) {
    do_move_clock(both);
  } else if (what < 990) {
    both->doing = "set state";
    set_state(both, (hf_breaker_state)test_random_below(&both->random, 6));
  } else if (what < 993) {
    /* Back to where things happen. */
    both->doing = "set state";
    set_state(both, HF_BREAKER_CLOSED);
  } else if (what < 996) {
    do_configure(both);
  } else if (what < 997) {
    do_reset(both);
  } else if (what == 997) {
    static const uint32_t widths[] = {16, 64, 128, 256, 512, 1024};
    uint32_t width = widths[test_random_below(&both->random, 6)];
    do_many_transitions(both, width - 4 + test_random_below(&both->random, 8));
  }
}

/* One breaker, from its beginning to its end. */
static void run_pair(pair *both, uint64_t operations, uint64_t number) {
  test_random *random = &both->random;
  hf_breaker_options options = random_options(random);
  breaker_model *model = &both->model;
  memset(model, 0, sizeof *model);
  model->options = options;
  both->held_count = 0;
  both->now = 0;
  static const uint64_t epochs[] = {0, UINT64_MAX, UINT64_MAX - 5000 * NS_PER_MS};
  both->epoch_ns = number % 4 == 3 ? test_random_next(random) : epochs[number % 4];
  assert_int_equal(hf_breaker_create(&options, test_random_next(random), both->epoch_ns, NULL,
                                     &both->real, NULL),
                   HF_OK);
  /* Some begin where generations are about to go round, in the breaker and in parts of it. */
  if (number % 16 == 5) {
    do_many_transitions(both, GENERATIONS - 20);
  } else if (number % 16 == 6) {
    do_many_transitions(both, 32768 - 20);
  } else if (number % 16 == 7) {
    do_many_transitions(both, 65536 - 20);
  }
  for (uint64_t i = 0; i < operations; i++) {
    both->operation++;
    do_something(both);
    check_figures(both);
  }
  hf_breaker_destroy(both->real);
}

static uint64_t asked_operations = DEFAULT_OPERATIONS;

static void a_breaker_does_what_its_model_does(void **state) {
  (void)state;
  static pair pairs;
  pairs.random = test_random_start("breaker oracle");
  uint64_t runs = 0;
  while (pairs.operation < asked_operations) {
    uint64_t left = asked_operations - pairs.operation;
    run_pair(&pairs, left < OPERATIONS_PER_RUN ? left : OPERATIONS_PER_RUN, runs);
    runs++;
  }
  printf("breaker oracle: %" PRIu64 " operations on %" PRIu64 " breakers, %" PRIu64
         " transitions\n",
         pairs.operation, runs, pairs.transitions);
  /* Every kind of transition came up, and often. */
  for (size_t cause = 0; cause <= HF_BREAKER_BY_HAND; cause++) {
    printf("  cause %zu: %" PRIu64 "\n", cause, pairs.transitions_by_cause[cause]);
    assert_true(pairs.transitions_by_cause[cause] >= asked_operations / 10000);
  }
}

int main(int count, char **arguments) {
  if (count > 1) {
    asked_operations = strtoull(arguments[1], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_breaker_does_what_its_model_does),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
