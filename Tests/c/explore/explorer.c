#include "explorer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stepped_atomics.h"
#include "weak_memory.h"

enum { MOST_ANSWERS = 512, MOST_STEPS = 512 };

/* Of an operation that has begun. */
typedef struct thread_state {
  size_t operation;
  size_t answered;
  uint64_t answers[MOST_ANSWERS];
} thread_state;

/* A state's name: two hashes of it, so that no two states share it in practice. */
typedef struct state_name {
  uint64_t first;
  uint64_t second;
} state_name;

typedef struct visited {
  state_name name;
  double interleavings; /* from there on */
  bool there;
} visited;

typedef struct traced_step {
  size_t thread;
  size_t operation;
  const char *what;
  size_t at;
  uint64_t before;
  uint64_t after;
} traced_step;

typedef struct saved_state {
  thread_state threads[EXPLORER_THREADS];
  weak_memory weak;
  size_t world_bytes;
  unsigned char world[EXPLORER_MEMORY_BYTES];
} saved_state;

/* One exploration at a time. */
static struct {
  const explorer_program *program;
  explorer_result *result;
  thread_state threads[EXPLORER_THREADS];

  /* The step that is being made. */
  bool stepping;
  bool whole; /* an operation is one step */
  size_t thread;
  size_t position; /* in the thread's answers */
  bool made;       /* its atomic operation */
  size_t choice;   /* which of the values that a load may give, from the newest */
  bool chose;      /* it was such a load, */
  bool no_choice;  /* and there is no such value */
  bool given_over; /* it waits: another order has what comes of it */
  bool alone;      /* it waited, and all others are done */
  jmp_buf leave;

  /* Of each object in the world, at its first byte: whether threads write it,
   * which ones use it, as bits, and whether that was done without a step. What
   * several use and one writes takes steps; if some was done without, the
   * exploration begins again. */
  bool written[EXPLORER_MEMORY_BYTES];
  unsigned char users[EXPLORER_MEMORY_BYTES];
  bool trusted[EXPLORER_MEMORY_BYTES];
  bool again;
  bool ended; /* for whatever reason */

  weak_memory weak;
  size_t weak_objects;
  size_t weak_at[WEAK_OBJECTS]; /* where they are in the world */

  visited *table;
  size_t table_size; /* a power of two */
  size_t states;
  uint64_t *outcomes;
  size_t outcome_count;
  size_t outcome_room;

  saved_state *saved; /* by depth */
  traced_step *trace;
  size_t depth;
  char violation[512];
} now;

static void stop(const char *why) {
  (void)fprintf(stderr, "explorer: %s\n", why);
  abort();
}

static void *room(size_t count, size_t size_bytes) {
  void *made = calloc(count, size_bytes);
  if (made == NULL) {
    stop("out of memory");
  }
  return made;
}

size_t explorer_thread(void) {
  return now.thread;
}

void explorer_violation(const char *format, ...) {
  if (now.violation[0] != '\0') {
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(now.violation, sizeof now.violation, format, arguments);
  va_end(arguments);
}

/* Steps --------------------------------------------------------------------- */

static size_t place(const void *object, size_t size_bytes) {
  uintptr_t world = (uintptr_t)now.program->world;
  uintptr_t at = (uintptr_t)object;
  if (at < world || at + size_bytes > world + EXPLORER_MEMORY_BYTES) {
    if (!now.stepping) {
      stop("an atomic operation outside of the world");
    }
    explorer_violation("an atomic operation outside of the world");
    longjmp(now.leave, 1);
  }
  return at - world;
}

bool explorer_recall(uint64_t *value) {
  if (!now.stepping || now.position == now.threads[now.thread].answered) {
    return false;
  }
  *value = now.threads[now.thread].answers[now.position++];
  return true;
}

void explorer_note(uint64_t value) {
  if (!now.stepping) {
    return;
  }
  thread_state *thread = &now.threads[now.thread];
  if (thread->answered == MOST_ANSWERS) {
    explorer_violation("an operation does not end");
    longjmp(now.leave, 1);
  }
  thread->answers[thread->answered++] = value;
  now.position++;
}

static uint64_t value_at(const void *object, size_t size_bytes) {
  uint64_t value = 0;
  memcpy(&value, object, size_bytes);
  return value;
}

/* Whether an object is used by several threads and written. */
static bool is_shared(size_t at) {
  return now.written[at] && (now.users[at] & (now.users[at] - 1)) != 0;
}

/* Notes a use of an object: whether it takes a step. */
static bool takes_step(const void *object, size_t size_bytes, bool writes) {
  if (!now.stepping) {
    return false;
  }
  size_t at = place(object, size_bytes);
  /* A load of what nobody writes was not noted. */
  now.again = now.again || (writes && !now.written[at] && now.trusted[at]);
  now.users[at] |= (unsigned char)(1u << now.thread);
  now.written[at] = now.written[at] || writes;
  if (is_shared(at)) {
    now.again = now.again || now.trusted[at];
    return true;
  }
  now.trusted[at] = true;
  return false;
}

/* Leaves the operation if its atomic operation of this step is made. */
static void before_step(bool step) {
  if (step && now.made && !now.whole && !now.alone) {
    longjmp(now.leave, 1);
  }
}

static void after_step(bool step, const char *what, const void *object, size_t size_bytes,
                       uint64_t before) {
  if (step && !now.made) {
    now.trace[now.depth] = (traced_step){.thread = now.thread,
                                         .operation = now.threads[now.thread].operation,
                                         .what = what,
                                         .at = place(object, size_bytes),
                                         .before = before,
                                         .after = value_at(object, size_bytes)};
    now.made = true;
  }
}

/* Weak memory keeps shared objects only. */
static size_t weak_object(const void *object, size_t size_bytes) {
  size_t at = place(object, size_bytes);
  for (size_t i = 0; i < now.weak_objects; i++) {
    if (now.weak_at[i] == at) {
      return i;
    }
  }
  /* It has turned out to be shared just now: this exploration is for nothing. */
  return WEAK_OBJECTS;
}

static uint64_t load_weakly(const void *object, size_t size_bytes, memory_order order) {
  uint64_t value = value_at(object, size_bytes);
  size_t of = weak_object(object, size_bytes);
  if (of < WEAK_OBJECTS && now.alone) {
    (void)weak_load(&now.weak, now.thread, of, 0, order, &value);
  } else if (of < WEAK_OBJECTS) {
    now.chose = true;
    now.no_choice = !weak_load(&now.weak, now.thread, of, now.choice, order, &value);
  }
  return value;
}

static void read_last_weakly(const void *object, size_t size_bytes, memory_order order) {
  size_t of = weak_object(object, size_bytes);
  uint64_t last;
  if (of < WEAK_OBJECTS) {
    (void)weak_load(&now.weak, now.thread, of, 0, order, &last);
  }
}

/* After a write to the world; a read-modify-write read the last one before. */
static void write_weakly(const void *object, size_t size_bytes, bool after_last,
                         memory_order order) {
  size_t of = weak_object(object, size_bytes);
  if (!now.program->weak || of == WEAK_OBJECTS) {
    return;
  }
  if (after_last) {
    read_last_weakly(object, size_bytes, order);
  }
  weak_write_value(&now.weak, now.thread, of, value_at(object, size_bytes), after_last, order);
}

uint64_t stepped_load(const void *object, size_t size_bytes, memory_order order) {
  bool step = takes_step(object, size_bytes, false);
  uint64_t value;
  if (now.stepping && !now.written[place(object, size_bytes)]) {
    return value_at(object, size_bytes);
  }
  if (explorer_recall(&value)) {
    return value;
  }
  before_step(step);
  value = value_at(object, size_bytes);
  if (step && now.program->weak) {
    value = load_weakly(object, size_bytes, order);
  }
  explorer_note(value);
  after_step(step, "load", object, size_bytes, value);
  return value;
}

void stepped_store(void *object, size_t size_bytes, uint64_t value, memory_order order) {
  bool step = takes_step(object, size_bytes, true);
  uint64_t ignored;
  if (explorer_recall(&ignored)) {
    return;
  }
  before_step(step);
  uint64_t before = value_at(object, size_bytes);
  memcpy(object, &value, size_bytes);
  if (step) {
    write_weakly(object, size_bytes, false, order);
  }
  explorer_note(0);
  after_step(step, "store", object, size_bytes, before);
}

uint64_t stepped_add(void *object, size_t size_bytes, uint64_t value, memory_order order) {
  bool step = takes_step(object, size_bytes, true);
  uint64_t before;
  if (explorer_recall(&before)) {
    return before;
  }
  before_step(step);
  before = value_at(object, size_bytes);
  uint64_t sum = before + value;
  memcpy(object, &sum, size_bytes);
  if (step) {
    write_weakly(object, size_bytes, true, order);
  }
  explorer_note(before);
  after_step(step, "add", object, size_bytes, before);
  return before;
}

bool stepped_swap_if(void *object, size_t size_bytes, void *expected, uint64_t value,
                     memory_order order, memory_order failure) {
  bool step = takes_step(object, size_bytes, true);
  uint64_t wanted = value_at(expected, size_bytes);
  uint64_t before;
  if (!explorer_recall(&before)) {
    before_step(step);
    before = value_at(object, size_bytes);
    if (before == wanted) {
      memcpy(object, &value, size_bytes);
    }
    if (step && before == wanted) {
      write_weakly(object, size_bytes, true, order);
    } else if (step && now.program->weak) {
      read_last_weakly(object, size_bytes, failure);
    }
    explorer_note(before);
    after_step(step, before == wanted ? "swap" : "no swap", object, size_bytes, before);
  }
  memcpy(expected, &before, size_bytes);
  return before == wanted;
}

/* Without weak memory there is nothing to order. */
void stepped_fence(memory_order order) {
  uint64_t ignored;
  if (!now.stepping || !now.program->weak || explorer_recall(&ignored)) {
    return;
  }
  before_step(true);
  weak_fence(&now.weak, now.thread, order);
  explorer_note(0);
  after_step(true, "fence", now.program->world, sizeof(uint64_t), 0);
}

void stepped_init(void *object, size_t size_bytes, uint64_t value) {
  if (now.stepping && now.position < now.threads[now.thread].answered) {
    return;
  }
  memcpy(object, &value, size_bytes);
}

static bool others_are_done(void) {
  for (size_t i = 0; i < now.program->threads; i++) {
    if (i != now.thread && now.threads[i].operation < now.program->operations[i]) {
      return false;
    }
  }
  return true;
}

/* A thread that waits for another begins anew as if it had come later, and that order is explored
 * too. When nobody is left to wait for it must get on by itself, at once. */
void stepped_pause(void) {
  if (!now.stepping || now.alone) {
    explorer_violation("an operation waits for ever");
    longjmp(now.leave, 1);
  }
  if (!others_are_done()) {
    now.given_over = true;
    longjmp(now.leave, 1);
  }
  now.alone = true;
}

/* One step of a thread that is not done; with `whole`, one operation. */
static void step(size_t thread, size_t choice) {
  thread_state *state = &now.threads[thread];
  now.thread = thread;
  now.choice = choice;
  if (state->answered == 0) {
    now.program->begin(thread, state->operation);
  }
  now.position = 0;
  now.made = false;
  now.chose = false;
  now.no_choice = false;
  now.given_over = false;
  now.alone = false;
  now.trace[now.depth] = (traced_step){.thread = thread, .operation = state->operation};
  now.stepping = true;
  if (setjmp(now.leave) != 0) {
    now.stepping = false;
    return;
  }
  now.program->run(now.thread, now.threads[now.thread].operation);
  now.stepping = false;
  thread_state *ended = &now.threads[now.thread];
  ended->answered = 0;
  ended->operation++;
  now.program->finished(now.thread, ended->operation - 1);
}

/* States -------------------------------------------------------------------- */

static uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9FB21C651E98DF25);
  return hash ^ hash >> 29;
}

static void add_to_name(state_name *name, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
    uint64_t word = value_at(at + i, count - i < sizeof word ? count - i : sizeof word);
    name->first = mixed(name->first, word);
    name->second = mixed(name->second + UINT64_C(0x632BE59BD9B4E019), word);
  }
}

static state_name name_state(void) {
  state_name name = {1, 2};
  for (size_t i = 0; i < now.program->threads; i++) {
    const thread_state *thread = &now.threads[i];
    uint64_t where = (uint64_t)thread->operation << 32 | thread->answered;
    add_to_name(&name, &where, sizeof where);
    add_to_name(&name, thread->answers, thread->answered * sizeof thread->answers[0]);
  }
  add_to_name(&name, now.program->world, now.program->world_bytes());
  if (now.program->weak) {
    add_to_name(&name, &now.weak, sizeof now.weak);
  }
  return name;
}

static visited *find(visited *table, size_t size, state_name name) {
  size_t at = name.first & (size - 1);
  while (table[at].there &&
         (table[at].name.first != name.first || table[at].name.second != name.second)) {
    at = (at + 1) & (size - 1);
  }
  return &table[at];
}

static void remember(state_name name, double interleavings) {
  if (now.states * 2 >= now.table_size) {
    size_t size = now.table_size * 2;
    visited *table = room(size, sizeof *table);
    for (size_t i = 0; i < now.table_size; i++) {
      if (now.table[i].there) {
        *find(table, size, now.table[i].name) = now.table[i];
      }
    }
    free(now.table);
    now.table = table;
    now.table_size = size;
  }
  *find(now.table, now.table_size, name) = (visited){name, interleavings, true};
  now.states++;
}

static void copy_thread(thread_state *to, const thread_state *from) {
  to->operation = from->operation;
  to->answered = from->answered;
  memcpy(to->answers, from->answers, from->answered * sizeof from->answers[0]);
}

static void save(saved_state *saved) {
  size_t threads = now.program->threads;
  for (size_t i = 0; i < threads; i++) {
    copy_thread(&saved->threads[i], &now.threads[i]);
  }
  if (now.program->weak) {
    saved->weak = now.weak;
  }
  saved->world_bytes = now.program->world_bytes();
  memcpy(saved->world, now.program->world, saved->world_bytes);
}

/* What the world grew by since is as it was: empty. */
static void restore(const saved_state *saved) {
  size_t grown = now.program->world_bytes();
  unsigned char *world = now.program->world;
  for (size_t i = 0; i < now.program->threads; i++) {
    copy_thread(&now.threads[i], &saved->threads[i]);
  }
  if (now.program->weak) {
    now.weak = saved->weak;
  }
  memcpy(world, saved->world, saved->world_bytes);
  if (grown > saved->world_bytes) {
    memset(world + saved->world_bytes, 0, grown - saved->world_bytes);
  }
}

/* Exploring ----------------------------------------------------------------- */

static bool known_outcome(uint64_t outcome) {
  for (size_t i = 0; i < now.outcome_count; i++) {
    if (now.outcomes[i] == outcome) {
      return true;
    }
  }
  return false;
}

static void check_end(void) {
  uint64_t outcome = now.program->outcome == NULL ? 0 : now.program->outcome();
  if (setjmp(now.leave) == 0) {
    now.program->done();
  }
  if (now.program->outcome == NULL || now.violation[0] != '\0' || known_outcome(outcome)) {
    return;
  }
  if (!now.whole) {
    explorer_violation("no order of whole operations comes to this");
    return;
  }
  if (now.outcome_count == now.outcome_room) {
    now.outcome_room = now.outcome_room == 0 ? 64 : now.outcome_room * 2;
    now.outcomes = realloc(now.outcomes, now.outcome_room * sizeof *now.outcomes);
    if (now.outcomes == NULL) {
      stop("out of memory");
    }
  }
  now.outcomes[now.outcome_count++] = outcome;
}

static void report_violation(void) {
  explorer_result *result = now.result;
  result->violated = true;
  now.ended = true;
  size_t used = (size_t)snprintf(result->report, sizeof result->report, "%s\n", now.violation);
  for (size_t i = 0; i < now.depth && used < sizeof result->report; i++) {
    const traced_step *step = &now.trace[i];
    used += (size_t)snprintf(result->report + used, sizeof result->report - used,
                             "  thread %zu, %s: %s +%zu: %llx -> %llx\n", step->thread,
                             now.program->operation_name(step->thread, step->operation),
                             step->what == NULL ? "nothing shared" : step->what, step->at,
                             (unsigned long long)step->before, (unsigned long long)step->after);
  }
}

/* Goes on from the present state, and leaves it changed. How many interleavings
 * there are from here, if the exploration has not ended. */
static double explore(void) {
  bool done = true;
  for (size_t i = 0; i < now.program->threads; i++) {
    done = done && now.threads[i].operation == now.program->operations[i];
  }
  if (done) {
    check_end();
    if (now.violation[0] != '\0') {
      report_violation();
      return 0.0;
    }
    now.result->longest = now.depth > now.result->longest ? now.depth : now.result->longest;
    return 1.0;
  }
  state_name name = name_state();
  const visited *known = find(now.table, now.table_size, name);
  if (known->there) {
    return known->interleavings;
  }
  double interleavings = 0.0;
  if (now.depth == MOST_STEPS) {
    stop("too many steps");
  }
  if (now.program->most_states > 0 && now.states >= now.program->most_states) {
    now.result->given_up = true;
    now.ended = true;
    return 0.0;
  }
  saved_state *saved = &now.saved[now.depth];
  save(saved);
  /* Each thread, with each value that its load may give. */
  size_t choice = 0;
  for (size_t i = 0; i < now.program->threads;) {
    if (now.threads[i].operation == now.program->operations[i]) {
      i++;
      continue;
    }
    step(i, choice);
    if (now.no_choice || (choice > 0 && !now.chose)) {
      restore(saved);
      choice = 0;
      i++;
      continue;
    }
    if (now.given_over && !now.again) {
      restore(saved);
      choice++;
      continue;
    }
    now.depth++;
    if (now.violation[0] != '\0') {
      report_violation();
      return 0.0;
    }
    now.ended = now.again;
    double more = now.ended ? 0.0 : explore();
    if (now.ended) {
      return 0.0;
    }
    now.depth--;
    interleavings += more;
    restore(saved);
    choice++;
  }
  remember(name, interleavings);
  return interleavings;
}

/* What is known to be shared becomes weak memory. */
static void begin_weakly(void) {
  memset(&now.weak, 0, sizeof now.weak);
  now.weak_objects = 0;
  const unsigned char *world = now.program->world;
  for (size_t at = 0; at < EXPLORER_MEMORY_BYTES && now.program->weak; at++) {
    if (is_shared(at)) {
      if (now.weak_objects == WEAK_OBJECTS) {
        stop("more objects than a weak memory keeps");
      }
      now.weak_at[now.weak_objects] = at;
      weak_begin(&now.weak, now.weak_objects, value_at(world + at, sizeof(uint64_t)));
      now.weak_objects++;
    }
  }
}

/* From the beginning, as often as memory turns out to be written. */
static double explore_all(bool whole) {
  now.whole = whole;
  save(&now.saved[MOST_STEPS]);
  double interleavings;
  do {
    now.again = false;
    now.ended = false;
    memset(now.trusted, 0, sizeof now.trusted);
    memset(now.table, 0, now.table_size * sizeof *now.table);
    now.states = 0;
    now.depth = 0;
    now.result->longest = 0;
    begin_weakly();
    interleavings = explore();
    restore(&now.saved[MOST_STEPS]);
  } while (now.again && !now.result->violated && !now.result->given_up);
  return interleavings;
}

void explorer_explore(const explorer_program *program, explorer_result *result) {
  memset(&now, 0, sizeof now);
  memset(result, 0, sizeof *result);
  now.program = program;
  now.result = result;
  now.table_size = 4096;
  now.table = room(now.table_size, sizeof *now.table);
  now.saved = room(MOST_STEPS + 1, sizeof *now.saved);
  now.trace = room(MOST_STEPS + 1, sizeof *now.trace);
  if (program->outcome != NULL) {
    (void)explore_all(true);
  }
  if (!result->violated && !result->given_up) {
    result->interleavings = explore_all(false);
  }
  result->states = now.states;
  result->outcomes = now.outcome_count;
  free(now.table);
  free(now.saved);
  free(now.trace);
  free(now.outcomes);
}
