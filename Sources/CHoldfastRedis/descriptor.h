/* Descriptors that never block and that a program started from here does not inherit. */
#ifndef HF_REDIS_DESCRIPTOR_H
#define HF_REDIS_DESCRIPTOR_H

#include "holdfast_redis.h"

#include <sys/types.h>

/* A stream socket of a family; -1: errno says why. */
int hf__redis_socket(int family);

/* The reading end and the writing end. False: errno says why. */
bool hf__redis_pipe(int ends[2]);

/* > 0: how many bytes came; 0: none at the moment; -1: it failed, or, with errno 0, it has ended:
 * `error` says which. */
ssize_t hf__redis_receive(int descriptor, char *bytes, size_t capacity, hf_redis_error *error);

/* How many bytes were taken, maybe 0; -1: it failed, `error` says why. Raises no SIGPIPE. */
ssize_t hf__redis_send(int descriptor, const char *bytes, size_t length, hf_redis_error *error);

#endif
