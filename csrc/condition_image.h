/*
 * The image of a condition: its bytes in a file.
 *
 *     "HFC" version           4 bytes
 *     digest of the schema    8 bytes
 *     kind of the root, tokens, comparisons, inner nodes, length of the text
 *     text
 *     for each comparison but the first: how deep the `and` or `or` before it
 *     stands in the tree
 *     comparisons
 *     checksum                8 bytes, over all before it
 *
 * Integers are LEB128 (seven bits a byte, the low ones first, the high bit set
 * on all but the last) in the fewest bytes; what has a size is little-endian.
 * docs/conditions.md has the table.
 *
 * The depths say the whole tree. In a flattened one kinds alternate from level
 * to level, so the root's kind gives all others; every inner node joins at least
 * two children, so a comparison hangs from the deeper of its two neighbours.
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

/* A hash of what a schema declares: equal schemas have equal ones. Cost: O(bytes
 * of its names). */
uint64_t hf__image_schema_digest(const hf_schema *schema);

uint64_t hf__image_checksum(const void *bytes, size_t length_bytes);

/*
 * Holds the text of a condition, whose comparisons and nodes are filled but for
 * the places of the nodes, against its program: HF_OK when compiling the text
 * gives this program, token count included, and then the nodes have their
 * places. What differs is HF_ERROR_BAD_IMAGE, with `text_at` added to its place
 * in the text.
 *
 * Cost: O(length), no allocation, a fixed amount of stack. No name is looked up
 * and no tree built; numbers are read once more.
 */
HF_MUST_USE hf_status hf__image_match_text(hf_condition *condition, size_t text_at,
                                           hf_error *HF_NULLABLE error);

HF_END_NONNULL
HF_END_C

#endif
