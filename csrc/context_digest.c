/* Hashes, and that of the values of some variables. */
#include "context_digest.h"

#include "little_endian.h"

void hf__digest_begin(hf__digest *digest, uint64_t seed) {
  digest->length_bytes = 0;
  digest->seed = seed;
  digest->is_streamed = false;
}

/* Not inlined: where gcc 12 knows the length, it warns of xxHash's arithmetic. */
__attribute__((noinline)) static void stream(hf__digest *digest, const void *bytes,
                                             size_t length_bytes) {
  if (!digest->is_streamed) {
    digest->is_streamed = true;
    XXH3_INITSTATE(&digest->state);
    XXH3_128bits_reset_withSeed(&digest->state, digest->seed);
    XXH3_128bits_update(&digest->state, digest->bytes, digest->length_bytes);
  }
  XXH3_128bits_update(&digest->state, bytes, length_bytes);
}

void hf__digest_add(hf__digest *digest, const void *bytes, size_t length_bytes) {
  if (!digest->is_streamed && length_bytes <= HF__DIGEST_AT_ONCE_BYTES - digest->length_bytes) {
    memcpy(digest->bytes + digest->length_bytes, bytes, length_bytes);
    digest->length_bytes += length_bytes;
    return;
  }
  stream(digest, bytes, length_bytes);
}

void hf__digest_add_word(hf__digest *digest, uint64_t word) {
  unsigned char bytes[sizeof word];
  hf__to_little_endian(word, bytes);
  hf__digest_add(digest, bytes, sizeof bytes);
}

void hf__digest_add_cell(hf__digest *digest, const hf__cell *cell) {
  unsigned char kind = (unsigned char)cell->kind;
  hf__digest_add(digest, &kind, sizeof kind);
  if (hf__is_numeric(cell)) {
    uint64_t word;
    memcpy(&word, &cell->number, sizeof word);
    hf__digest_add_word(digest, word);
  } else if (cell->kind == HF_KIND_STRING) {
    hf__digest_add_word(digest, cell->length_bytes);
    if (cell->length_bytes > 0) {
      hf__digest_add(digest, cell->string, cell->length_bytes);
    }
  }
}

hf_digest hf__digest_end(hf__digest *digest) {
  XXH128_hash_t hash =
      digest->is_streamed
          ? XXH3_128bits_digest(&digest->state)
          : XXH3_128bits_withSeed(digest->bytes, digest->length_bytes, digest->seed);
  return (hf_digest){.low = hash.low64, .high = hash.high64};
}

/* Numbers in a context are never -0, and all NaNs are one, so equal values are equal bytes. */
hf_digest hf_context_digest(const hf_context *context, const uint32_t *variables, size_t count,
                            uint64_t seed) {
  hf__digest digest;
  hf__digest_begin(&digest, seed);
  for (size_t i = 0; i < count; i++) {
    hf__cell cell = {.kind = HF_KIND_MISSING};
    if (variables[i] < context->schema->count) {
      cell = hf__context_cell(context, variables[i]);
    }
    hf__digest_add_cell(&digest, &cell);
  }
  return hf__digest_end(&digest);
}
