/* Characters of names and white space: ASCII, whatever the locale. */
#ifndef HF_ASCII_H
#define HF_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool hf__is_digit(char c) {
  return c >= '0' && c <= '9';
}

static inline bool hf__is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool hf__is_name_part(char c) {
  return hf__is_name_start(c) || hf__is_digit(c);
}

static inline bool hf__is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
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
