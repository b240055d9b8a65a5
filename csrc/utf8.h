/* UTF-8: what is well-formed, and where a character ends. */
#ifndef HF_UTF8_H
#define HF_UTF8_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/*
 * The offset of the first byte that does not begin or continue a well-formed
 * character (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing
 * above U+10FFFF), or `length_bytes` when there is none.
 *
 * Cost: O(length); eight bytes at a time where they are ASCII.
 */
size_t hf__utf8_valid_prefix(const char *HF_NULLABLE text, size_t length_bytes);

/*
 * The character that starts at text[offset]: its bytes, 1 to 4, and its code
 * point. A byte that begins no well-formed character counts as one for itself,
 * with the code point HF__ILL_FORMED.
 */
#define HF__ILL_FORMED UINT32_MAX
size_t hf__utf8_character(const char *text, size_t length_bytes, size_t offset,
                          uint32_t *code_point);

/* The largest offset at or below `offset` where a character starts. */
size_t hf__utf8_character_start(const char *text, size_t length_bytes, size_t offset);

HF_END_NONNULL
HF_END_C

#endif
