/*
 * What must hold of a breaker whatever the order of the threads' steps: the
 * invariants of include/holdfast/breaker.h, from what the operations gave back.
 */
#ifndef BREAKER_INVARIANTS_H
#define BREAKER_INVARIANTS_H

#include <stddef.h>

/* After an operation of a thread. */
void check_operation(size_t thread, size_t number);

/* When all operations are done. */
void check_quiescence(void);

#endif
