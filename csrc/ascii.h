/* Characters of names and white space: ASCII, whatever the locale. */
#ifndef HF_ASCII_H
#define HF_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What a character may be, as bits. */
enum {
  HF__CHARACTER_SPACE = 1,
  HF__CHARACTER_DIGIT = 2,
  HF__CHARACTER_NAME = 4, /* begins a name; digits go on with one */
};

extern const uint8_t hf__characters[256];

static inline bool hf__is(char c, unsigned character) {
  return (hf__characters[(unsigned char)c] & character) != 0;
}

static inline bool hf__is_digit(char c) {
  return hf__is(c, HF__CHARACTER_DIGIT);
}

static inline bool hf__is_name_start(char c) {
  return hf__is(c, HF__CHARACTER_NAME);
}

static inline bool hf__is_name_part(char c) {
  return hf__is(c, HF__CHARACTER_NAME | HF__CHARACTER_DIGIT);
}

static inline bool hf__is_space(char c) {
  return hf__is(c, HF__CHARACTER_SPACE);
}

static inline char hf__lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether two words differ at most in the case of their letters. */
static inline bool hf__equals_ignoring_case(const char *text, size_t length_bytes,
                                            const char *word) {
  if (length_bytes != strlen(word)) {
    return false;
  }
  for (size_t i = 0; i < length_bytes; i++) {
    if (hf__lower(text[i]) != hf__lower(word[i])) {
      return false;
    }
  }
  return true;
}

#endif
