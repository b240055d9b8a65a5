/*
 * Replies out of bytes: hiredis's reader, with replies of our own and with limits.
 *
 * The reader of hiredis keeps what it cannot read yet without a limit. So what it waits for is
 * looked at before it is given more: a line that has no end within HF__REDIS_LINE_BYTES, a length
 * beyond what may be, and a reply that is larger than allowed are errors at once, before their
 * bytes are there. While a reply comes, its bytes lie in the reader; so there is as much again as a
 * reply may have, at most.
 */
#ifndef HF_REDIS_REPLY_H
#define HF_REDIS_REPLY_H

#include "holdfast_redis.h"

HF_REDIS_BEGIN_NONNULL

enum { HF__REDIS_LINE_BYTES = 64 * 1024 };

/* How deep arrays may lie in arrays: as deep as hiredis reads them. */
enum { HF__REDIS_DEPTH = 8 };

typedef struct hf__redis_reader hf__redis_reader;

/* NULL: no memory. No more than 1 GiB is taken as a limit. */
hf__redis_reader *HF_REDIS_NULLABLE hf__redis_reader_create(size_t most_reply_bytes);

void hf__redis_reader_destroy(hf__redis_reader *HF_REDIS_NULLABLE reader);

/* Takes bytes (copied), to be read by hf__redis_reader_next(), which is to be called until it gives
 * NULL. False: an error came before, or there is no memory now: `reason` says what. */
bool hf__redis_reader_feed(hf__redis_reader *reader, const char *bytes, size_t length);

/* The next reply that is complete; NULL: there is none yet, or what came is malformed or too large,
 * or there is no memory (then `reason` is not NULL, and the connection is of no more use). Replies
 * before the error come first. To be destroyed. */
hf_redis_reply *HF_REDIS_NULLABLE hf__redis_reader_next(hf__redis_reader *reader);

/* What is wrong, in plain English; NULL: nothing. */
const char *HF_REDIS_NULLABLE hf__redis_reader_reason(const hf__redis_reader *reader);

/* What a reply takes in memory, with all its elements, in bytes: as `most_reply_bytes` counts it.
 * Of one that came from hf__redis_reader_next(). Cost: O(1). */
size_t hf__redis_reply_bytes(const hf_redis_reply *reply);

void hf__redis_reply_destroy(hf_redis_reply *HF_REDIS_NULLABLE reply);

HF_REDIS_END_NONNULL

#endif
