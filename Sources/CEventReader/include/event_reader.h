/*
 * Reads events out of JSON Lines or CSV that comes in blocks, and numbers out of
 * text.
 *
 *     er_reader *reader = er_create(ER_JSON_LINES, columns, count, ER_EVENT_MAX_BYTES);
 *     for (;;) {
 *       switch (er_next(reader)) {
 *         case ER_EVENT: ... er_values(reader)[i] is the value of columns[i]
 *         case ER_MALFORMED: ... er_event_fault(reader) at er_line(reader); skipped
 *         case ER_NEEDS_INPUT: {
 *           size_t capacity;
 *           char *block = er_block(reader, &capacity);
 *           ... read at most `capacity` bytes into it, then er_supply(), or er_finish()
 *         }
 *         ...
 *
 * The reader knows no files: the caller reads, waits and stops as he likes. It
 * holds one event at a time and never more memory than a small multiple of the
 * longest event that it was told to accept. Not for several threads at once.
 */
#ifndef EVENT_READER_H
#define EVENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A longer event is malformed: what the program accepts. */
#define ER_EVENT_MAX_BYTES 4194304

typedef enum er_format { ER_JSON_LINES = 0, ER_CSV = 1 } er_format;

/** What the values of a column must be. */
typedef enum er_type { ER_TYPE_ANY, ER_TYPE_NUMBER, ER_TYPE_STRING, ER_TYPE_BOOLEAN } er_type;

/** What a value is. */
typedef enum er_kind {
  ER_MISSING = 0,
  ER_NULL = 1,
  ER_BOOLEAN = 2,
  ER_NUMBER = 3,
  ER_STRING = 4,
  /** An array or an object. */
  ER_CONTAINER = 5
} er_kind;

/** A column that the caller wants: a key of the JSON objects, or a name in the CSV header. */
typedef struct er_column {
  const char *name;
  size_t name_length;
  er_type type;
  /** Events without it are complete all the same. */
  bool optional;
} er_column;

/** One value of an event. What `text` points at lives until the next er_next(). */
typedef struct er_value {
  /** Of ER_STRING: UTF-8. Of ER_CONTAINER: its JSON. Of a CSV cell: always the cell. */
  const char *text;
  size_t text_length;
  /** Of ER_NUMBER: the number. Of ER_BOOLEAN: 1 or 0. */
  double number;
  er_kind kind;
  /** It is not of the column's type; `kind` says what came instead. */
  bool mistyped;
} er_value;

/** Why an event is malformed. */
typedef enum er_fault {
  ER_FAULT_NONE = 0,
  ER_FAULT_NOT_JSON,
  ER_FAULT_STRING,
  ER_FAULT_NUMBER,
  ER_FAULT_DEPTH,
  ER_FAULT_NOT_OBJECT,
  ER_FAULT_NOT_UTF8,
  ER_FAULT_TOO_LONG,
  ER_FAULT_CELL_COUNT,
  ER_FAULT_QUOTE,
  ER_FAULT_UNTERMINATED_QUOTE,
  ER_FAULT_COUNT
} er_fault;

/** A fault in plain English, such as "not valid JSON". Constant. */
const char *er_fault_description(er_fault fault);

/** What er_next() came to. */
typedef enum er_progress {
  ER_EVENT,
  ER_MALFORMED,
  ER_NEEDS_INPUT,
  ER_END,
  /** CSV: the header row cannot be read; er_event_fault() says why. Nothing more comes. */
  ER_BAD_HEADER,
  /** CSV: a wanted column is named twice, er_repeated_column() says which. Nothing more comes. */
  ER_REPEATED_COLUMN,
  ER_OUT_OF_MEMORY
} er_progress;

typedef struct er_reader er_reader;

/**
 * Makes a reader.
 *
 * @param columns  copied, names included; at most 65,535, no name twice.
 * @param event_max_bytes  the longest event.
 * @return NULL when there is no memory. Give it back with er_destroy().
 */
er_reader *er_create(er_format format, const er_column *columns, size_t count,
                     size_t event_max_bytes);

/** NULL is a no-op. */
void er_destroy(er_reader *reader);

/**
 * Room for the next bytes of input; call it only after ER_NEEDS_INPUT. What er_values() pointed
 * at is gone then.
 *
 * @param capacity  receives the size of the room, at least 1.
 * @return NULL when there is no memory.
 */
char *er_block(er_reader *reader, size_t *capacity);

/** Says that `length` bytes were put into the room. */
void er_supply(er_reader *reader, size_t length);

/** Says that no more input comes: the last line needs no line end. */
void er_finish(er_reader *reader);

/** Goes to the next event. */
er_progress er_next(er_reader *reader);

/**
 * The values of the event, one for each column, at the same address each time. The caller may fill
 * in what is missing.
 */
er_value *er_values(er_reader *reader);

/** Whether every column of the event that is not optional has a value of its type. */
bool er_complete(const er_reader *reader);

/** The line on which the event began, from 1. */
uint64_t er_line(const er_reader *reader);

/** What is wrong with the event. */
er_fault er_event_fault(const er_reader *reader);

/** CSV: whether the header, once it was read, names the column. */
bool er_has_column(const er_reader *reader, size_t column);

/** CSV: whether the header was read. */
bool er_has_header(const er_reader *reader);

/** CSV: the column that the header names twice. */
size_t er_repeated_column(const er_reader *reader);

/**
 * Reads a whole text as one decimal number: a sign or none, digits with a point or none, an
 * exponent or none. Exact, and the same in every locale.
 *
 * @return false when it is something else, or beyond the range of a double.
 */
bool er_parse_number(const char *text, size_t length, double *number);

/** Room that er_format_number() never exceeds. */
#define ER_NUMBER_BYTES 32

/**
 * Writes the shortest decimal text that reads back as the same number, in JSON's form; what no
 * JSON number can be (NaN, infinities) as null.
 *
 * @return bytes written.
 */
size_t er_format_number(double number, char *buffer);

#ifdef __cplusplus
}
#endif

#endif
