/*
 * Whether the explorer's weak memory is weak, and not too weak: the well-known
 * small programs, each with what it may and may not end with.
 *
 *     explore_litmus
 */
#include "explorer.h"
#include "stepped_atomics.h"

#include <stdio.h>
#include <string.h>

typedef struct litmus {
  const char *name;
  void (*threads[EXPLORER_THREADS])(void);
  bool weak;
  /* Whether the end that is asked for can come. */
  bool (*asked)(void);
  bool possible;
} litmus;

static struct {
  atomic_uint_least64_t x;
  atomic_uint_least64_t y;
  uint64_t read[4];
} shared;

static const litmus *running;
static bool reached;

static void write_x(void) {
  HF__STORE(&shared.x, 1, memory_order_relaxed);
}

/* Store buffering: each writes one and reads the other. */

static void add_x_read_y(void) {
  (void)HF__ADD(&shared.x, 1, memory_order_relaxed);
  shared.read[0] = HF__LOAD(&shared.y, memory_order_relaxed);
}

static void add_y_read_x(void) {
  (void)HF__ADD(&shared.y, 1, memory_order_relaxed);
  shared.read[1] = HF__LOAD(&shared.x, memory_order_relaxed);
}

static void add_x_fence_read_y(void) {
  (void)HF__ADD(&shared.x, 1, memory_order_relaxed);
  HF__FENCE(memory_order_seq_cst);
  shared.read[0] = HF__LOAD(&shared.y, memory_order_relaxed);
}

static void add_y_fence_read_x(void) {
  (void)HF__ADD(&shared.y, 1, memory_order_relaxed);
  HF__FENCE(memory_order_seq_cst);
  shared.read[1] = HF__LOAD(&shared.x, memory_order_relaxed);
}

static bool both_missed(void) {
  return shared.read[0] == 0 && shared.read[1] == 0;
}

/* Message passing: the data, then the flag. */

static void send_relaxed(void) {
  HF__STORE(&shared.x, 1, memory_order_relaxed);
  HF__STORE(&shared.y, 1, memory_order_relaxed);
}

static void send_released(void) {
  HF__STORE(&shared.x, 1, memory_order_relaxed);
  HF__STORE(&shared.y, 1, memory_order_release);
}

static void receive_acquired(void) {
  shared.read[0] = HF__LOAD(&shared.y, memory_order_acquire);
  shared.read[1] = HF__LOAD(&shared.x, memory_order_relaxed);
}

/* Another's addition between the two keeps what the release brought. */
static void add_y_relaxed(void) {
  (void)HF__ADD(&shared.y, 1, memory_order_relaxed);
}

static bool flag_without_data(void) {
  return shared.read[0] == 1 && shared.read[1] == 0;
}

static bool added_flag_without_data(void) {
  return shared.read[0] == 2 && shared.read[1] == 0;
}

/* Coherence: one object is never read backwards, and no addition is lost. */

static void read_x_twice(void) {
  shared.read[0] = HF__LOAD(&shared.x, memory_order_relaxed);
  shared.read[1] = HF__LOAD(&shared.x, memory_order_relaxed);
}

static bool backwards(void) {
  return shared.read[0] == 1 && shared.read[1] == 0;
}

static void add_x(void) {
  (void)HF__ADD(&shared.x, 1, memory_order_relaxed);
}

static bool addition_lost(void) {
  return atomic_load_explicit(&shared.x, memory_order_relaxed) != 2;
}

static const litmus PROGRAMS[] = {
    {"store buffering, in some order", {add_x_read_y, add_y_read_x}, false, both_missed, false},
    {"store buffering, relaxed", {add_x_read_y, add_y_read_x}, true, both_missed, true},
    {"store buffering, one fence", {add_x_fence_read_y, add_y_read_x}, true, both_missed, true},
    {"store buffering, fenced", {add_x_fence_read_y, add_y_fence_read_x}, true, both_missed, false},
    {"message passing, in some order",
     {send_relaxed, receive_acquired},
     false,
     flag_without_data,
     false},
    {"message passing, relaxed", {send_relaxed, receive_acquired}, true, flag_without_data, true},
    {"message passing, released",
     {send_released, receive_acquired},
     true,
     flag_without_data,
     false},
    {"message passing, released and added to",
     {send_released, add_y_relaxed, receive_acquired},
     true,
     added_flag_without_data,
     false},
    {"one object, read twice", {write_x, read_x_twice}, true, backwards, false},
    {"one object, added to twice", {add_x, add_x}, true, addition_lost, false},
};

static size_t world_bytes(void) {
  return sizeof shared;
}

static void begin(size_t thread, size_t operation) {
  (void)thread;
  (void)operation;
}

static void run(size_t thread, size_t operation) {
  (void)operation;
  running->threads[thread]();
}

static void done(void) {
  reached = reached || running->asked();
}

static const char *operation_name(size_t thread, size_t operation) {
  (void)thread;
  (void)operation;
  return running->name;
}

int main(void) {
  static explorer_result result;
  int failed = 0;
  for (size_t i = 0; i < sizeof PROGRAMS / sizeof PROGRAMS[0]; i++) {
    running = &PROGRAMS[i];
    reached = false;
    memset(&shared, 0, sizeof shared);
    explorer_program program = {.world = &shared,
                                .world_bytes = world_bytes,
                                .begin = begin,
                                .run = run,
                                .finished = begin,
                                .done = done,
                                .weak = running->weak,
                                .operation_name = operation_name};
    while (program.threads < EXPLORER_THREADS && running->threads[program.threads] != NULL) {
      program.operations[program.threads++] = 1;
    }
    explorer_explore(&program, &result);
    bool right = reached == running->possible && !result.violated;
    printf("%-40s %s%s\n", running->name, reached ? "possible" : "impossible",
           right ? "" : ", which is wrong");
    failed += !right;
  }
  return failed != 0;
}
