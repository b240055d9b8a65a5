/*
 * Errors as people read them.
 *
 * Columns are counted in characters, so the caret stands right under text of
 * any script whose characters are one column wide.
 */
#include "error.h"

#include "utf8.h"

#include <stdio.h>
#include <string.h>

/* Columns of the text that a report shows at the most, and before the fault. */
enum { SHOWN_COLUMNS = 76, COLUMNS_BEFORE = 30 };

/* Writing ------------------------------------------------------------------ */

void hf__write(hf__writer *writer, const char *bytes, size_t length_bytes) {
  if (length_bytes == 0) {
    return;
  }
  if (writer->length_bytes < writer->capacity_bytes) {
    size_t room = writer->capacity_bytes - writer->length_bytes;
    memcpy(writer->buffer + writer->length_bytes, bytes, length_bytes < room ? length_bytes : room);
  }
  writer->length_bytes += length_bytes;
}

void hf__write_string(hf__writer *writer, const char *string) {
  hf__write(writer, string, strlen(string));
}

void hf__write_repeated(hf__writer *writer, char c, size_t count) {
  for (size_t i = 0; i < count; i++) {
    hf__write(writer, &c, 1);
  }
}

void hf__write_end(hf__writer *writer) {
  if (writer->capacity_bytes == 0) {
    return;
  }
  size_t end = writer->length_bytes;
  if (end >= writer->capacity_bytes) {
    /* What was cut may end inside a character: go back to that one's start. */
    end = hf__utf8_character_start(writer->buffer, writer->capacity_bytes,
                                   writer->capacity_bytes - 1);
  }
  writer->buffer[end] = '\0';
}

/* Showing ------------------------------------------------------------------ */

/*
 * Characters that would do something to a terminal or a log rather than show:
 * the controls of ASCII and Latin-1, line separators, and what is invisible or
 * turns the direction of writing.
 */
static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

/* Text as one line can show it: control characters are spaces, other bytes `?`. */
static void write_shown(hf__writer *out, const char *text, size_t from, size_t to) {
  while (from < to) {
    uint32_t c;
    size_t length = hf__utf8_character(text, to, from, &c);
    if (c == HF__ILL_FORMED) {
      hf__write(out, "?", 1);
    } else if (is_control(c)) {
      hf__write(out, " ", 1);
    } else {
      hf__write(out, text + from, length);
    }
    from += length;
  }
}

/* Filling ------------------------------------------------------------------ */

const char *hf__quoted(hf__quote *quote, const char *text, size_t length_bytes) {
  size_t shown = length_bytes <= HF__QUOTE_BYTES
                     ? length_bytes
                     : hf__utf8_character_start(text, length_bytes, HF__QUOTE_BYTES);
  for (size_t i = 0; i < shown; i++) {
    quote->text[i] = text[i] == '\0' ? ' ' : text[i];
  }
  const char *end = shown < length_bytes ? "..." : "";
  memcpy(quote->text + shown, end, strlen(end) + 1);
  return quote->text;
}

hf_status hf__error_set(hf_error *error, hf_status status, size_t offset_bytes, size_t length_bytes,
                        const char *format, ...) {
  if (error == NULL) {
    return status;
  }
  error->status = status;
  /* A place beyond 4 GiB is still a place. */
  error->offset_bytes = offset_bytes <= HF_NO_OFFSET ? (uint32_t)offset_bytes : HF_NO_OFFSET - 1;
  error->length_bytes = (uint32_t)(length_bytes < UINT32_MAX ? length_bytes : UINT32_MAX);
  error->variable = HF_NO_VARIABLE;
  error->suggestion = HF_NO_VARIABLE;

  char message[2 * HF_ERROR_MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  hf__writer out = {.buffer = error->message, .capacity_bytes = sizeof error->message};
  write_shown(&out, message, 0, strlen(message));
  hf__write_end(&out);
  return status;
}

/* Reporting ---------------------------------------------------------------- */

static size_t count_columns(const char *text, size_t from, size_t to) {
  size_t columns = 0;
  uint32_t c;
  while (from < to) {
    from += hf__utf8_character(text, to, from, &c);
    columns++;
  }
  return columns;
}

/* `offset` moved on by `columns` characters, at most to `end`. */
static size_t skip_columns(const char *text, size_t offset, size_t end, size_t columns) {
  uint32_t c;
  while (columns > 0 && offset < end) {
    offset += hf__utf8_character(text, end, offset, &c);
    columns--;
  }
  return offset;
}

static void write_place(hf__writer *out, const hf_error *error, const char *text,
                        size_t length_bytes) {
  size_t offset = error->offset_bytes < length_bytes ? error->offset_bytes : length_bytes;
  size_t line = 1;
  size_t start = 0;
  for (size_t i = 0; i < offset; i++) {
    if (text[i] == '\n') {
      line++;
      start = i + 1;
    }
  }
  const char *newline = memchr(text + offset, '\n', length_bytes - offset);
  size_t end = newline == NULL ? length_bytes : (size_t)(newline - text);

  size_t before = count_columns(text, start, offset);
  size_t columns = before + count_columns(text, offset, end);
  size_t skipped = 0;
  if (columns > SHOWN_COLUMNS && before > COLUMNS_BEFORE) {
    skipped = before - COLUMNS_BEFORE;
    if (columns - skipped < SHOWN_COLUMNS) {
      skipped = columns - SHOWN_COLUMNS;
    }
  }
  size_t from = skip_columns(text, start, end, skipped);
  size_t to = skip_columns(text, from, end, SHOWN_COLUMNS);

  char number[24];
  int digits = snprintf(number, sizeof number, "%zu", line);
  size_t gutter = digits > 0 ? (size_t)digits : 0;

  hf__write_string(out, "  ");
  hf__write(out, number, gutter);
  hf__write_string(out, skipped > 0 ? " | ..." : " | ");
  write_shown(out, text, from, to);
  hf__write_string(out, to < end ? "...\n" : "\n");

  hf__write_repeated(out, ' ', 2 + gutter);
  hf__write_string(out, " | ");
  hf__write_repeated(out, ' ', before - skipped + (skipped > 0 ? 3 : 0));
  size_t fault_end =
      length_bytes - offset < error->length_bytes ? length_bytes : offset + error->length_bytes;
  fault_end = fault_end < to ? fault_end : to;
  size_t width = fault_end > offset ? count_columns(text, offset, fault_end) : 1;
  hf__write_string(out, "^");
  hf__write_repeated(out, '~', width - 1);
  hf__write_string(out, "\n");
}

size_t hf_error_format(const hf_error *error, const char *text, size_t length_bytes, char *buffer,
                       size_t capacity_bytes) {
  hf__writer out = {.buffer = buffer, .capacity_bytes = capacity_bytes, .length_bytes = 0};
  hf__write_string(&out, hf_status_name(error->status));
  hf__write_string(&out, ": ");
  size_t message = strnlen(error->message, sizeof error->message);
  hf__write(&out, error->message, message);
  hf__write_string(&out, "\n");
  if (text != NULL && error->offset_bytes != HF_NO_OFFSET) {
    write_place(&out, error, text, length_bytes);
  }
  hf__write_end(&out);
  return capacity_bytes == 0 ? 0 : strlen(buffer);
}
