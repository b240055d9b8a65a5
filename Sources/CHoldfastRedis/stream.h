/*
 * Bytes to and from a server that never block: TCP, TLS over it, or a Unix socket. It is used by
 * the loop's thread alone.
 *
 * Opening goes: look up the name, connect to its addresses one after the other, shake hands.
 * hf__redis_stream_advance() makes it go on. The look-up blocks, so it has a thread of its own, but
 * for addresses in numbers and for `localhost`, which is 127.0.0.1 and ::1 whatever anybody says
 * (RFC 6761, 6.3). An address that refuses gives way to the next at once; one that is silent holds
 * the others up until the caller's patience ends, and the next stream to that target begins with
 * the one after it. (No two are tried at the same time, as in RFC 8305.)
 */
#ifndef HF_REDIS_STREAM_H
#define HF_REDIS_STREAM_H

#include "holdfast_redis.h"

#include <sys/types.h>

HF_REDIS_BEGIN_NONNULL

typedef struct hf__redis_stream hf__redis_stream;

/* Where to, with TLS's keys and certificates read: made once for a link, shared by its streams. */
typedef struct hf__redis_target hf__redis_target;

/* Of the options it reads host, port, path and tls. HF_REDIS_INVALID_ARGUMENT, HF_REDIS_BAD_TLS or
 * HF_REDIS_OUT_OF_MEMORY; `error` says what is wrong. May block, because it reads files. */
hf_redis_status hf__redis_target_create(const hf_redis_options *options,
                                        hf__redis_target *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE out,
                                        hf_redis_error *HF_REDIS_NULLABLE error);
void hf__redis_target_destroy(hf__redis_target *HF_REDIS_NULLABLE target);

typedef enum hf__redis_progress {
  HF__REDIS_PENDING, /* wait for `events` on `descriptor` */
  HF__REDIS_READY,
  HF__REDIS_FAILED, /* `reason` says why */
} hf__redis_progress;

/* Begins to open one. NULL: no memory. The target is borrowed as long as the stream lives. */
hf__redis_stream *HF_REDIS_NULLABLE hf__redis_stream_create(hf__redis_target *target);

/* Closes it, at whatever point. A look-up that is under way ends by itself, and then frees what is
 * its own. */
void hf__redis_stream_destroy(hf__redis_stream *HF_REDIS_NULLABLE stream);

/* Goes on with opening it as far as it goes without waiting. Once it is ready: sends what `write`
 * took and could not send. */
hf__redis_progress hf__redis_stream_advance(hf__redis_stream *stream);

/* What poll(2) is to wait for now; descriptor -1: nothing. It may change with each call of the
 * functions here: while the name is looked up it is a pipe of the look-up's. */
int hf__redis_stream_descriptor(const hf__redis_stream *stream);
short hf__redis_stream_events(const hf__redis_stream *stream, bool wants_to_write);

/* Reads up to so many bytes: > 0 how many; 0: none at the moment; -1: it has ended or failed, see
 * `reason`. As many as `capacity` means that there may be more, which poll(2) does not know of
 * where there is TLS: read again before waiting. */
ssize_t hf__redis_stream_read(hf__redis_stream *stream, char *bytes, size_t capacity);

/* Writes some of so many bytes: how many were taken, maybe 0; -1: failed. What was taken may have
 * reached the server. No SIGPIPE. */
ssize_t hf__redis_stream_write(hf__redis_stream *stream, const char *bytes, size_t length);

/* Whether bytes were taken that the socket has not taken yet (TLS); they go with the next write or
 * advance. */
bool hf__redis_stream_has_unsent(const hf__redis_stream *stream);

/* In plain English, such as "connection refused (127.0.0.1:6379)". */
const char *hf__redis_stream_reason(const hf__redis_stream *stream);

HF_REDIS_END_NONNULL

#endif
