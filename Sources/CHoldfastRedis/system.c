#include "system.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* strerror_r has two forms; which one it is shows in what it returns. */
static const char *chosen_by_pointer(const char *result, const char *buffer) {
  (void)buffer;
  return result;
}

static const char *chosen_by_status(int result, const char *buffer) {
  return result == 0 ? buffer : "unknown error";
}

#define CHOSEN(result, buffer)                                                                     \
  _Generic((result), int : chosen_by_status, default : chosen_by_pointer)(result, buffer)

void hf__redis_system_text(int number, char *text, size_t capacity) {
  char buffer[128] = "";
  const char *said = CHOSEN(strerror_r(number, buffer, sizeof buffer), buffer);
  snprintf(text, capacity, "%s", said);
  /* "I/O error" stays as it is. */
  if (capacity > 1 && islower((unsigned char)text[1])) {
    text[0] = (char)tolower((unsigned char)text[0]);
  }
}
