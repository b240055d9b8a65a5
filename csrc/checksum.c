#include <holdfast/checksum.h>

/* Nothing of it is linked: its functions become static. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hf_checksum(const void *bytes, size_t length_bytes) {
  return XXH3_64bits(length_bytes == 0 ? "" : bytes, length_bytes);
}
