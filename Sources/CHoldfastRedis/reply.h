/*
 * Replies out of bytes: hiredis's reader, with replies of our own and with limits.
 *
 * The reader of hiredis keeps what it cannot read yet without a limit; so before each piece is fed
 * it is looked at what the reader is waiting for: a line that has no end within HF__REDIS_LINE_BYTES,
 * a length beyond what may be, and a reply that is larger than allowed are errors at once, before
 * their bytes are there.
 */
#ifndef HF_REDIS_REPLY_H
#define HF_REDIS_REPLY_H

#include "holdfast_redis.h"

HF_REDIS_BEGIN_NONNULL

enum { HF__REDIS_LINE_BYTES = 64 * 1024 };

typedef struct hf__redis_reader hf__redis_reader;

/* NULL: no memory. */
hf__redis_reader *HF_REDIS_NULLABLE hf__redis_reader_create(size_t most_reply_bytes);

void hf__redis_reader_destroy(hf__redis_reader *HF_REDIS_NULLABLE reader);

/* False: it is malformed or too large, or there is no memory: `reason` says why, and the connection is
 * of no more use. */
bool hf__redis_reader_feed(hf__redis_reader *reader, const char *bytes, size_t length);

/* The next reply that is complete; NULL: there is none (yet, or because of an error; then `reason` is
 * not NULL). To be destroyed. */
hf_redis_reply *HF_REDIS_NULLABLE hf__redis_reader_next(hf__redis_reader *reader);

/* What is wrong, in plain English; NULL: nothing. */
const char *HF_REDIS_NULLABLE hf__redis_reader_reason(const hf__redis_reader *reader);

void hf__redis_reply_destroy(hf_redis_reply *HF_REDIS_NULLABLE reply);

HF_REDIS_END_NONNULL

#endif
