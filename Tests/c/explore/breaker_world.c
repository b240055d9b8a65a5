#include "breaker_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "breaker_word.h"
#include "stepped_calls.h"

world the_world;
const breaker_scenario *the_scenario;

_Static_assert(sizeof(world) <= EXPLORER_MEMORY_BYTES, "the explorer saves a world whole");

/* Memory -------------------------------------------------------------------- */

/* The world's own memory; nothing is used twice. */
static void *take(void *context, size_t size_bytes, size_t alignment) {
  const bool *refuse = context;
  uint64_t known;
  if (explorer_recall(&known)) {
    return known == 0 ? NULL : &the_world.memory[known - 1];
  }
  size_t at = (the_world.used_bytes + alignment - 1) / alignment * alignment;
  bool fits = at + size_bytes <= sizeof the_world.memory;
  if (!fits) {
    explorer_violation("more memory than any breaker needs");
  }
  if (!fits || *refuse) {
    explorer_note(0);
    return NULL;
  }
  the_world.used_bytes = at + size_bytes;
  explorer_note(at + 1);
  return &the_world.memory[at];
}

static void give_back(void *context, void *memory, size_t size_bytes, size_t alignment) {
  (void)context;
  (void)alignment;
  uint64_t known;
  if (explorer_recall(&known)) {
    return;
  }
  memset(memory, 0, size_bytes);
  explorer_note(0);
}

static bool refuse_memory;

static size_t world_bytes(void) {
  return offsetof(world, memory) + the_world.used_bytes;
}

/* Two threads are on each processor. */
unsigned stepped_processor(void);
unsigned stepped_processor(void) {
  return (unsigned)explorer_thread() / 2;
}

/* Operations ---------------------------------------------------------------- */

hf_breaker_options scenario_options(const breaker_scenario *scenario) {
  hf_breaker_options options = hf_breaker_options_default();
  options.failure_threshold = scenario->failure_threshold;
  options.window = scenario->window;
  options.window_calls = scenario->window_calls > 0 ? scenario->window_calls : 4;
  options.window_ms = (uint32_t)(WORLD_STEPS * WORLD_STEP_NS / MS(1));
  options.minimum_calls = scenario->minimum_calls > 0 ? scenario->minimum_calls : 2;
  options.failure_rate_percent = scenario->failure_rate_percent;
  options.slow_rate_percent = scenario->slow_rate_percent;
  options.open_ms = 100;
  options.open_growth_percent = 200;
  options.open_max_ms = 300;
  options.probes = scenario->probes > 0 ? scenario->probes : 1;
  options.success_threshold = scenario->success_threshold > 0 ? scenario->success_threshold : 1;
  options.probe_lease_ms = 128;
  return options;
}

size_t world_thread_record(size_t thread, size_t number) {
  return WORLD_SETUP + thread * WORLD_OPERATIONS + number;
}

const planned_operation *world_operation(size_t index) {
  const planned_operation *found = &the_scenario->setup[index < WORLD_SETUP ? index : 0];
  if (index >= WORLD_SETUP) {
    size_t of_threads = index - WORLD_SETUP;
    found = &the_scenario->threads[of_threads / WORLD_OPERATIONS][of_threads % WORLD_OPERATIONS];
  }
  return found;
}

hf_breaker_state permit_state(const hf_permit *permit) {
  return hf__word_state(permit->state);
}

uint32_t permit_generation(const hf_permit *permit) {
  return hf__word_generation(permit->state);
}

static void totals_of(const hf_breaker_snapshot *snapshot, uint64_t totals[HF__COUNTERS]) {
  totals[HF__COUNT_SUCCESS] = snapshot->successes;
  totals[HF__COUNT_FAILURE] = snapshot->failures;
  totals[HF__COUNT_SLOW] = snapshot->slow;
  totals[HF__COUNT_NEUTRAL] = snapshot->neutral;
  totals[HF__COUNT_LATE] = snapshot->late;
  totals[HF__COUNT_REFUSED] = snapshot->refused;
}

static bool resets_done(void) {
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    if (world_operation(i)->kind == OPERATION_RESET && !the_world.records[i].done) {
      return false;
    }
  }
  return true;
}

static void forget_operations(void) {
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    operation_record *record = &the_world.records[i];
    record->forgotten = record->forgotten || record->done;
  }
}

static void begin_operation(size_t index) {
  const planned_operation *operation = world_operation(index);
  operation_record *record = &the_world.records[index];
  record->kept = resets_done();
  if (operation->kind == OPERATION_RESET) {
    forget_operations();
  }
  if (operation->kind == OPERATION_SETTLE) {
    held_permit *held = &the_world.permits[operation->permit];
    record->skipped = !held->acquired;
    held->settling = true;
    record->generation_before = hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS).generation;
  } else if (operation->kind == OPERATION_READ) {
    hf_breaker_snapshot snapshot = hf_breaker_read(the_world.breaker, WORLD_BEGIN_NS);
    totals_of(&snapshot, the_world.totals_before[explorer_thread()]);
  }
}

static void change(uint32_t *option, uint32_t to) {
  *option = to > 0 ? to : *option;
}

static void run_operation(size_t index) {
  const planned_operation *operation = world_operation(index);
  operation_record *record = &the_world.records[index];
  hf_breaker *breaker = the_world.breaker;
  uint64_t now_ns = WORLD_BEGIN_NS + operation->at_ns;
  hf_transition transition = {.cause = HF_BREAKER_UNCHANGED};
  switch (operation->kind) {
  case OPERATION_ACQUIRE: {
    held_permit *held = &the_world.permits[operation->permit];
    hf_permit permit = {.started_ns = 0};
    record->permitted = stepped_acquire(breaker, now_ns, &permit, &transition) == HF_OK;
    held->acquired = record->permitted;
    held->permit = permit;
    break;
  }
  case OPERATION_SETTLE:
    if (!record->skipped) {
      hf_permit permit = the_world.permits[operation->permit].permit;
      record->counted = stepped_settle(breaker, &permit, operation->outcome, now_ns, &transition);
    }
    break;
  case OPERATION_SET_STATE:
    transition = hf_breaker_set_state(breaker, operation->state, now_ns);
    break;
  case OPERATION_RESET:
    transition = hf_breaker_reset(breaker, now_ns);
    break;
  case OPERATION_CONFIGURE: {
    hf_breaker_options options = scenario_options(the_scenario);
    change(&options.failure_threshold, operation->failure_threshold);
    change(&options.failure_rate_percent, operation->failure_rate_percent);
    change(&options.open_ms, operation->open_ms);
    change(&options.probes, operation->probes);
    if (hf_breaker_configure(breaker, &options, NULL) != HF_OK) {
      explorer_violation("good options are refused");
    }
    break;
  }
  case OPERATION_PEEK:
    record->peeked = hf_breaker_peek(breaker, now_ns);
    break;
  case OPERATION_READ: {
    hf_breaker_snapshot snapshot = hf_breaker_read(breaker, now_ns);
    totals_of(&snapshot, the_world.totals[explorer_thread()]);
    break;
  }
  case OPERATION_NONE:
    break;
  }
  if (transition.cause != HF_BREAKER_UNCHANGED) {
    record->transition = transition;
  }
  record->done = true;
}

void world_begin(const breaker_scenario *scenario) {
  the_scenario = scenario;
  memset(&the_world, 0, sizeof the_world);
  refuse_memory = false;
  hf_allocator allocator = hf_allocator_default();
  allocator.context = &refuse_memory;
  allocator.allocate = take;
  allocator.deallocate = give_back;
  hf_breaker_options options = scenario_options(scenario);
  if (hf_breaker_create(&options, 1, WORLD_BEGIN_NS, &allocator, &the_world.breaker, NULL) !=
      HF_OK) {
    explorer_violation("a breaker is refused");
    return;
  }
  for (size_t i = 0; i < WORLD_SETUP && world_operation(i)->kind != OPERATION_NONE; i++) {
    begin_operation(i);
    run_operation(i);
  }
  refuse_memory = scenario->without_memory;
}

/* For the explorer ---------------------------------------------------------- */

static void begin_in_thread(size_t thread, size_t number) {
  begin_operation(world_thread_record(thread, number));
}

static void run_in_thread(size_t thread, size_t number) {
  run_operation(world_thread_record(thread, number));
}

static const char *operation_name(size_t thread, size_t number) {
  static const char *const OUTCOMES[] = {"success", "failure", "slow", "neutral"};
  static char name[64];
  const planned_operation *operation = world_operation(world_thread_record(thread, number));
  switch (operation->kind) {
  case OPERATION_ACQUIRE:
    (void)snprintf(name, sizeof name, "acquire %u", operation->permit);
    break;
  case OPERATION_SETTLE:
    (void)snprintf(name, sizeof name, "settle %u %s", operation->permit,
                   OUTCOMES[operation->outcome]);
    break;
  case OPERATION_SET_STATE:
    (void)snprintf(name, sizeof name, "set %s", hf_breaker_state_name(operation->state));
    break;
  case OPERATION_RESET:
    return "reset";
  case OPERATION_CONFIGURE:
    return "configure";
  case OPERATION_PEEK:
    return "peek";
  case OPERATION_READ:
    return "read";
  case OPERATION_NONE:
    return "nothing";
  }
  return name;
}

static uint64_t with(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9FB21C651E98DF25);
  return hash ^ hash >> 32;
}

static uint64_t with_transition(uint64_t hash, const hf_transition *transition) {
  hash = with(hash, (uint64_t)transition->cause);
  hash = with(hash, (uint64_t)transition->from);
  hash = with(hash, (uint64_t)transition->to);
  hash = with(hash, transition->generation);
  return with(hash, transition->open_ms);
}

uint64_t world_outcome(void) {
  uint64_t hash = 1;
  for (size_t i = 0; i < WORLD_RECORDS; i++) {
    const operation_record *record = &the_world.records[i];
    hash = with(hash, (uint64_t)record->permitted << 1 | record->counted);
    hash = with(hash, (uint64_t)record->peeked);
    hash = with_transition(hash, &record->transition);
  }
  for (size_t i = 0; i < WORLD_PERMITS; i++) {
    hash = with(hash, the_world.permits[i].permit.state);
    hash = with(hash, the_world.permits[i].permit.retry_after_ns);
  }
  hf_breaker_snapshot snapshot = hf_breaker_read(the_world.breaker, WORLD_END_NS);
  uint64_t totals[HF__COUNTERS];
  totals_of(&snapshot, totals);
  for (size_t i = 0; i < HF__COUNTERS; i++) {
    hash = with(hash, totals[i]);
  }
  hash = with(hash, (uint64_t)snapshot.state);
  hash = with(hash, snapshot.generation);
  hash = with(hash, snapshot.opens);
  hash = with(hash, snapshot.closes);
  hash = with(hash, snapshot.consecutive_failures);
  return with(hash, snapshot.consecutive_successes);
}

void world_program(const breaker_scenario *scenario, explorer_program *program) {
  memset(program, 0, sizeof *program);
  for (size_t thread = 0; thread < EXPLORER_THREADS; thread++) {
    size_t count = 0;
    while (count < WORLD_OPERATIONS &&
           world_operation(world_thread_record(thread, count))->kind != OPERATION_NONE) {
      count++;
    }
    program->operations[thread] = count;
    program->threads = count > 0 ? thread + 1 : program->threads;
  }
  program->world = &the_world;
  program->world_bytes = world_bytes;
  program->begin = begin_in_thread;
  program->run = run_in_thread;
  program->outcome = scenario->in_some_order ? world_outcome : NULL;
  program->weak = scenario->weak;
  program->operation_name = operation_name;
}
