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
 * Bytes of the character that starts at text[offset]: 1 to 4, never past the
 * end, and too many only where the text is ill-formed.
 */
size_t hf__utf8_character_bytes(const char *text, size_t length_bytes, size_t offset);

/* The largest offset at or below `offset` where a character starts. */
size_t hf__utf8_character_start(const char *text, size_t length_bytes, size_t offset);

HF_END_NONNULL
HF_END_C

#endif
