/*
 * The addresses of a host. Looking up a name blocks for as long as the system likes and cannot be
 * called off, so each look-up has a thread of its own, and a state that the thread and who asked
 * own together: the last of them frees it.
 */
#ifndef HF_REDIS_RESOLVE_H
#define HF_REDIS_RESOLVE_H

#include "holdfast_redis.h"

#include <sys/socket.h>

HF_REDIS_BEGIN_NONNULL

/* Of a name that has more, these many are tried. */
enum { HF__REDIS_MOST_ADDRESSES = 16 };

typedef struct hf__redis_address {
  struct sockaddr_storage storage;
  socklen_t length;
} hf__redis_address;

typedef struct hf__redis_lookup hf__redis_lookup;

/* Begins one. NULL: no memory. A thread or a pipe that cannot be had shows as its failure. */
hf__redis_lookup *HF_REDIS_NULLABLE hf__redis_lookup_start(const char *host, uint16_t port);

/* Gives it up: it ends by itself. */
void hf__redis_lookup_release(hf__redis_lookup *HF_REDIS_NULLABLE lookup);

/* Whether it is over. */
bool hf__redis_lookup_is_done(const hf__redis_lookup *lookup);

/* Readable, or hung up, when it is over; -1: it never needed to wait. */
int hf__redis_lookup_descriptor(const hf__redis_lookup *lookup);

/* Of one that is over: how many addresses there are; 0: it failed, and `reason` says why. */
size_t hf__redis_lookup_count(const hf__redis_lookup *lookup);
const hf__redis_address *hf__redis_lookup_address(const hf__redis_lookup *lookup, size_t index);
const char *hf__redis_lookup_reason(const hf__redis_lookup *lookup);

HF_REDIS_END_NONNULL

#endif
