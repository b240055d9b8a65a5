/* Checksums of bytes. */
#include <holdfast/checksum.h>

#include "hf_test.h"

static void checksums_are_those_of_the_specification(void **state) {
  (void)state;
  /* From the sanity check of xxHash: XXH3, 64 bits, no seed. */
  assert_true(hf_checksum(NULL, 0) == UINT64_C(0x2D06800538D394C2));
  assert_true(hf_checksum("", 0) == UINT64_C(0x2D06800538D394C2));
}

static void each_byte_counts(void **state) {
  (void)state;
  unsigned char bytes[600] = {0};
  uint64_t before = hf_checksum(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] ^= 1;
    assert_true(hf_checksum(bytes, sizeof bytes) != before);
    bytes[i] ^= 1;
  }
  assert_true(hf_checksum(bytes, sizeof bytes) == before);
  assert_true(hf_checksum(bytes, sizeof bytes - 1) != before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checksums_are_those_of_the_specification),
      cmocka_unit_test(each_byte_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
