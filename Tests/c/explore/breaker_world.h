/*
 * A breaker and a few threads that use it, as the explorer wants them: one piece
 * of memory with the breaker, the permits and what each operation gave back.
 */
#ifndef BREAKER_WORLD_H
#define BREAKER_WORLD_H

#include <holdfast/breaker.h>

#include "breaker_counters.h"
#include "explorer.h"

/* When the scenarios' breakers are made; their times count from here. */
#define WORLD_BEGIN_NS UINT64_C(7000000)
#define MS(milliseconds) ((uint64_t)(milliseconds)*UINT64_C(1000000))

/* Windows of time. */
#define WORLD_STEP_NS MS(100)

enum {
  WORLD_STEPS = 10,
  WORLD_SETUP = 12,
  WORLD_OPERATIONS = 6,
  WORLD_PERMITS = 12,
  WORLD_RECORDS = WORLD_SETUP + EXPLORER_THREADS * WORLD_OPERATIONS
};

typedef enum operation_kind {
  OPERATION_NONE,
  OPERATION_ACQUIRE,
  OPERATION_SETTLE,
  OPERATION_SET_STATE,
  OPERATION_RESET,
  OPERATION_CONFIGURE,
  OPERATION_PEEK,
  OPERATION_READ
} operation_kind;

typedef struct planned_operation {
  operation_kind kind;
  unsigned permit; /* ACQUIRE, SETTLE: which; each is acquired once */
  hf_outcome outcome;
  hf_breaker_state state;
  uint32_t failure_threshold; /* CONFIGURE: to these; 0: as it was */
  uint32_t failure_rate_percent;
  uint32_t open_ms;
  uint32_t probes;
  uint64_t at_ns; /* since the breaker was made */
} planned_operation;

#define ACQUIRE(number, at)                                                                        \
  { .kind = OPERATION_ACQUIRE, .permit = (number), .at_ns = (at) }
#define SETTLE(number, what, at)                                                                   \
  { .kind = OPERATION_SETTLE, .permit = (number), .outcome = HF_OUTCOME_##what, .at_ns = (at) }
#define SET(to, at)                                                                                \
  { .kind = OPERATION_SET_STATE, .state = HF_BREAKER_##to, .at_ns = (at) }
#define RESET(at)                                                                                  \
  { .kind = OPERATION_RESET, .at_ns = (at) }
#define CONFIGURE(threshold, time)                                                                 \
  { .kind = OPERATION_CONFIGURE, .failure_threshold = (threshold), .open_ms = (time) }
#define CONFIGURE_RATE(percent)                                                                    \
  { .kind = OPERATION_CONFIGURE, .failure_rate_percent = (percent) }
#define CONFIGURE_PROBES(number)                                                                   \
  { .kind = OPERATION_CONFIGURE, .probes = (number) }
#define PEEK(at)                                                                                   \
  { .kind = OPERATION_PEEK, .at_ns = (at) }
#define READ(at)                                                                                   \
  { .kind = OPERATION_READ, .at_ns = (at) }

typedef struct breaker_scenario {
  const char *name;
  /* 0: as in scenario_options(). */
  uint32_t failure_threshold;
  hf_breaker_window window;
  uint32_t window_calls;
  uint32_t minimum_calls;
  uint32_t failure_rate_percent;
  uint32_t slow_rate_percent;
  uint32_t probes;
  uint32_t success_threshold;
  /* In some order two threads meet, and the totals are spread. */
  bool spreads;
  /* There is no memory but for the breaker. */
  bool without_memory;
  /* Each whole outcome must be one of some order of whole operations. Not with
   * windows: two threads that record before either sums are in no such order. */
  bool in_some_order;
  /* In weak memory; then nothing is checked before the end. */
  bool weak;
  planned_operation setup[WORLD_SETUP];
  planned_operation threads[EXPLORER_THREADS][WORLD_OPERATIONS];
  /* NULL, or what else must hold at the end. */
  void (*check)(void);
} breaker_scenario;

/* What an operation gave back. */
typedef struct operation_record {
  bool done;
  bool skipped; /* SETTLE of what was refused */
  bool permitted;
  bool counted;
  bool forgotten; /* it was done when a reset began */
  bool kept;      /* all resets were done when it began */
  hf_breaker_state peeked;
  uint32_t generation_before; /* SETTLE: the breaker's */
  hf_transition transition;
} operation_record;

typedef struct held_permit {
  bool acquired;
  bool settling; /* or settled */
  hf_permit permit;
} held_permit;

typedef struct world {
  hf_breaker *breaker;
  held_permit permits[WORLD_PERMITS];
  operation_record records[WORLD_RECORDS];
  /* READ, by thread: what it found, and what the totals were when it began. */
  uint64_t totals[EXPLORER_THREADS][HF__COUNTERS];
  uint64_t totals_before[EXPLORER_THREADS][HF__COUNTERS];
  size_t used_bytes; /* of the memory */
  _Alignas(64) unsigned char memory[4096];
} world;

extern world the_world;
extern const breaker_scenario *the_scenario;

hf_breaker_options scenario_options(const breaker_scenario *scenario);

/* Makes the breaker, and does what the scenario does before its threads. */
void world_begin(const breaker_scenario *scenario);

/* The threads of the scenario, for the explorer; the checks are the caller's. */
void world_program(const breaker_scenario *scenario, explorer_program *program);

/* The operation of a record, OPERATION_NONE where the scenario has none; which
 * record a thread's operation has. */
const planned_operation *world_operation(size_t index);
size_t world_thread_record(size_t thread, size_t number);

/* Which state and generation a permit is of. */
hf_breaker_state permit_state(const hf_permit *permit);
uint32_t permit_generation(const hf_permit *permit);

/* All that callers can see of how it ended, as a number. */
uint64_t world_outcome(void);

/* When everything is over: no open time or lease is left. */
#define WORLD_END_NS (WORLD_BEGIN_NS + MS(100000))

#endif
