#include "utf8.h"

#include <string.h>

static bool is_continuation(unsigned char byte) {
  return (byte & 0xC0u) == 0x80u;
}

/* Bytes of the well-formed character at `p`, or 0 when it is ill-formed. */
static size_t well_formed(const unsigned char *p, size_t left_bytes) {
  unsigned char lead = p[0];
  if (lead < 0x80u) {
    return 1;
  }
  size_t length = lead >= 0xF0u ? 4 : lead >= 0xE0u ? 3 : 2;
  if (lead < 0xC2u || lead > 0xF4u || left_bytes < length) {
    return 0;
  }
  /* Only the second byte has a range of its own; it depends on the first. */
  unsigned char low = lead == 0xE0u ? 0xA0u : lead == 0xF0u ? 0x90u : 0x80u;
  unsigned char high = lead == 0xEDu ? 0x9Fu : lead == 0xF4u ? 0x8Fu : 0xBFu;
  if (p[1] < low || p[1] > high) {
    return 0;
  }
  for (size_t i = 2; i < length; i++) {
    if (!is_continuation(p[i])) {
      return 0;
    }
  }
  return length;
}

/* Whether eight bytes are all ASCII. */
static bool is_ascii_block(const unsigned char *bytes) {
  uint64_t block;
  memcpy(&block, bytes, sizeof block);
  return (block & UINT64_C(0x8080808080808080)) == 0;
}

size_t hf__utf8_valid_prefix(const char *text, size_t length_bytes) {
  const unsigned char *bytes = (const unsigned char *)text;
  size_t offset = 0;
  while (offset < length_bytes) {
    size_t left = length_bytes - offset;
    if (left >= sizeof(uint64_t) && is_ascii_block(bytes + offset)) {
      offset += sizeof(uint64_t);
      continue;
    }
    /* The last block, though part of it was seen before. */
    if (left < sizeof(uint64_t) && length_bytes >= sizeof(uint64_t) &&
        is_ascii_block(bytes + length_bytes - sizeof(uint64_t))) {
      return length_bytes;
    }
    size_t length = well_formed(bytes + offset, length_bytes - offset);
    if (length == 0) {
      return offset;
    }
    offset += length;
  }
  return offset;
}

size_t hf__utf8_character(const char *text, size_t length_bytes, size_t offset,
                          uint32_t *code_point) {
  const unsigned char *bytes = (const unsigned char *)text + offset;
  size_t length = well_formed(bytes, length_bytes - offset);
  if (length == 0) {
    *code_point = HF__ILL_FORMED;
    return 1;
  }
  /* The lead byte has its length in ones, a zero, and the first bits. */
  static const unsigned char LEAD_MASKS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  uint32_t value = bytes[0] & LEAD_MASKS[length];
  for (size_t i = 1; i < length; i++) {
    value = value << 6 | (bytes[i] & 0x3Fu);
  }
  *code_point = value;
  return length;
}

size_t hf__utf8_character_start(const char *text, size_t length_bytes, size_t offset) {
  if (offset >= length_bytes) {
    return length_bytes;
  }
  while (offset > 0 && is_continuation((unsigned char)text[offset])) {
    offset--;
  }
  return offset;
}
