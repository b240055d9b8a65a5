/*
 * A fuzz target for replies out of bytes.
 *
 * The first byte chooses the limit and how the rest is cut; the rest is what a server sends. It is
 * read twice, whole and in pieces: what comes out must be the same, and no reply is larger or
 * deeper than is allowed. Anything else aborts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(truth)                                                                             \
  do {                                                                                             \
    if (!(truth)) {                                                                                \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #truth);                          \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

/* What was read, as a number that depends on all of it. */
typedef struct digest {
  uint64_t hash;
  uint64_t replies;
  bool failed;
} digest;

static void mix(digest *into, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < length; i++) {
    into->hash = (into->hash ^ at[i]) * UINT64_C(0x100000001B3); /* FNV-1a */
  }
}

/* How many bytes it has at least. */
static size_t look_at(digest *into, const hf_redis_reply *reply, int depth) {
  REQUIRE(depth <= HF__REDIS_DEPTH);
  mix(into, &reply->kind, sizeof reply->kind);
  mix(into, &reply->length, sizeof reply->length);
  size_t bytes = sizeof *reply;
  switch (reply->kind) {
  case HF_REDIS_NULL:
    break;
  case HF_REDIS_INTEGER:
    mix(into, &reply->integer, sizeof reply->integer);
    break;
  case HF_REDIS_STRING:
  case HF_REDIS_SIMPLE:
  case HF_REDIS_FAULT:
    mix(into, reply->bytes, reply->length);
    bytes += reply->length;
    break;
  case HF_REDIS_ARRAY:
    for (size_t i = 0; i < reply->length; i++) {
      REQUIRE(reply->elements[i] != NULL);
      bytes += sizeof reply->elements[i] + look_at(into, reply->elements[i], depth + 1);
    }
    break;
  }
  return bytes;
}

static digest read_bytes(const uint8_t *data, size_t size, size_t piece, size_t most_bytes) {
  digest out = {.hash = UINT64_C(0xCBF29CE484222325)};
  hf__redis_reader *reader = hf__redis_reader_create(most_bytes);
  REQUIRE(reader != NULL);
  for (size_t at = 0; at < size && !out.failed; at += piece) {
    const size_t some = size - at < piece ? size - at : piece;
    REQUIRE(hf__redis_reader_feed(reader, (const char *)data + at, some));
    for (hf_redis_reply *reply; (reply = hf__redis_reader_next(reader)) != NULL;) {
      const size_t bytes = look_at(&out, reply, 0);
      REQUIRE(bytes <= hf__redis_reply_bytes(reply));
      REQUIRE(hf__redis_reply_bytes(reply) <= most_bytes);
      out.replies++;
      hf__redis_reply_destroy(reply);
    }
    out.failed = hf__redis_reader_reason(reader) != NULL;
  }
  hf__redis_reader_destroy(reader);
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const size_t most_bytes = (size_t)64 << (data[0] >> 4);
  const size_t piece = 1 + (data[0] & 0x0F);
  data++;
  size--;
  const digest whole = read_bytes(data, size, size + 1, most_bytes);
  const digest pieces = read_bytes(data, size, piece, most_bytes);
  REQUIRE(whole.hash == pieces.hash);
  REQUIRE(whole.replies == pieces.replies);
  REQUIRE(whole.failed == pieces.failed);
  return 0;
}
