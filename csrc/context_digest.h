/*
 * A hash of things one after the other (XXH3, 128 bits), the same on every machine. Who adds them
 * sees to it that no two lists of things are the same bytes.
 */
#ifndef HF_CONTEXT_DIGEST_H
#define HF_CONTEXT_DIGEST_H

#include "context.h"

/* Nothing of it is linked: its functions become static. */
#define XXH_INLINE_ALL
#include <xxhash.h>

HF_BEGIN_NONNULL

/* Up to so many bytes are hashed at once, which is several times faster than piece by piece. */
enum { HF__DIGEST_AT_ONCE_BYTES = 240 };

typedef struct hf__digest {
  size_t length_bytes;
  uint64_t seed;
  bool is_streamed; /* they did not fit */
  unsigned char bytes[HF__DIGEST_AT_ONCE_BYTES];
  XXH3_state_t state;
} hf__digest;

/* Fills what is needed, and leaves the rest, half a kilobyte, as it is. */
void hf__digest_begin(hf__digest *digest, uint64_t seed);

void hf__digest_add(hf__digest *digest, const void *bytes, size_t length_bytes);

void hf__digest_add_word(hf__digest *digest, uint64_t word);

/* Its kind in a byte; a number, or a boolean as 1 or 0, in eight; a string's length in eight, and
 * its bytes. */
void hf__digest_add_cell(hf__digest *digest, const hf__cell *cell);

hf_digest hf__digest_end(hf__digest *digest);

HF_END_NONNULL

#endif
