#include "holdfast_redis.h"

#include <openssl/sha.h>

void hf_redis_sha1(const void *bytes, size_t length, char *hexadecimal) {
  static const char digits[] = "0123456789abcdef";
  unsigned char digest[SHA_DIGEST_LENGTH] = {0};
  (void)SHA1(bytes, length, digest); /* where it fails, the digest is of no script */
  for (size_t i = 0; i < sizeof digest; i++) {
    hexadecimal[2 * i] = digits[digest[i] >> 4];
    hexadecimal[2 * i + 1] = digits[digest[i] & 15];
  }
  hexadecimal[2 * sizeof digest] = '\0';
}
