/*
 * Runs a few threads' operations in every order of their atomic operations.
 *
 * No thread is ever started. A thread's operation is a function of what its
 * atomic operations gave back, so one step is: run the operation from its
 * beginning, give it what its earlier steps gave back, let it make one atomic
 * operation more, run on to the next, and leave it by a longjmp. What is kept
 * between steps is those answers and the memory that the threads share, and both
 * can be saved, put back and compared. So each state is visited once, by
 * whichever order it is reached first, and how many orders lead on from it is
 * remembered.
 *
 * What only one thread uses, or none writes, in the whole exploration takes no
 * step: the order of such operations makes no difference to anybody. Which memory
 * that is comes out on the way; what contradicts it makes the exploration begin
 * again.
 *
 * Who waits for another thread (hf__pause()) begins anew later: that order is explored anyway, so
 * the one that waited is given up, and not counted. What it read before must not matter to it.
 *
 * What this covers is every sequentially consistent order, or, in weak memory, what
 * weak_memory.h says. Nothing here is of use to more than one thread at once.
 */
#ifndef EXPLORER_H
#define EXPLORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPLORER_THREADS = 4, EXPLORER_MEMORY_BYTES = 16384 };

typedef struct explorer_program {
  size_t threads;
  size_t operations[EXPLORER_THREADS];
  /* All that the operations share and leave behind, in one piece of memory. */
  void *world;
  /* How much of it is in use; it may grow. */
  size_t (*world_bytes)(void);
  /* Before an operation's first step. It makes atomic operations without a step. */
  void (*begin)(size_t thread, size_t operation);
  /* The operation; what it leaves in the world it writes at its end. */
  void (*run)(size_t thread, size_t operation);
  /* After its last step, and when all are done; they call explorer_violation(). */
  void (*finished)(size_t thread, size_t operation);
  void (*done)(void);
  /* What came out, as a number: what is not reached when operations come one
   * after the other is a violation. NULL: not looked at. */
  uint64_t (*outcome)(void);
  /* Loads may give older values, where the memory orders allow it: weak_memory.h.
   * For small programs. */
  bool weak;
  /* After so many states it gives up; 0: never. */
  size_t most_states;
  /* For the report. */
  const char *(*operation_name)(size_t thread, size_t operation);
} explorer_program;

typedef struct explorer_result {
  /* Orders of the atomic operations, and states they led through. */
  double interleavings;
  size_t states;
  size_t longest;
  size_t outcomes;
  bool given_up;
  bool violated;
  /* What was wrong, and the steps that led there, line by line. */
  char report[16384];
} explorer_result;

/* Explores from the world as it is, and leaves it so. */
void explorer_explore(const explorer_program *program, explorer_result *result);

/* Notes what is wrong with the present state. The first of them ends the exploration. */
void explorer_violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For allocators of the scenario: while a thread's earlier steps are repeated,
 * what they took is given again. True: `*value` is what was noted. Else do it,
 * and note the value. */
bool explorer_recall(uint64_t *value);
void explorer_note(uint64_t value);

/* The thread whose step it is. */
size_t explorer_thread(void);

#endif
