/*
 * The image of a condition: its bytes in a file.
 *
 *     "HFC" version           4 bytes
 *     digest of the schema    8 bytes
 *     kind of the root, pairs of parentheses, comparisons, inner nodes, string
 *     literals, length of the text
 *     text
 *     program, in the order of the text
 *     checksum                8 bytes, over all before it
 *
 * Integers are LEB128 (seven bits a byte, the low ones first, the high bit set
 * on all but the last) in the fewest bytes; what has a size is little-endian.
 * docs/conditions.md has the table.
 *
 * The program decides, the text is what people are shown: loading does not read
 * it. So who can write images can write any text into them. What loading needs
 * of the text the image says itself: all places in it are steps forward from the
 * place before, so they are in order and nothing overlaps. Only the characters
 * of string literals are nowhere else.
 *
 * Before each comparison but the last stands how deep the `and` or `or` behind
 * it is. These depths are the whole tree. In a flattened one kinds alternate
 * from level to level, so the root's kind gives all others; every inner node
 * joins at least two children, so a comparison hangs from the deeper of its two
 * neighbours.
 */
#ifndef HF_CONDITION_IMAGE_H
#define HF_CONDITION_IMAGE_H

#include "program.h"

HF_BEGIN_C
HF_BEGIN_NONNULL

enum {
  HF__IMAGE_VERSION = 1,
  HF__IMAGE_HEADER_BYTES = 12,
  HF__IMAGE_CHECKSUM_BYTES = 8,
};

uint64_t hf__image_checksum(const void *bytes, size_t length_bytes);

HF_END_NONNULL
HF_END_C

#endif
