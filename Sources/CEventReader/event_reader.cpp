#include "event_reader.h"

#include "reader.hpp"

er_reader::er_reader(const er_column *columns, size_t count, size_t event_max_bytes)
    : event_max_bytes(event_max_bytes), values(count), in_header(count) {
  names.reserve(count); // so that no name moves
  for (size_t i = 0; i < count; i++) {
    names.emplace_back(columns[i].name, columns[i].name_length);
    types.push_back(columns[i].type);
    optional.push_back(columns[i].optional);
  }
  for (size_t i = 0; i < count; i++) {
    column_by_name.emplace(names[i], uint16_t(i));
  }
  clear_values();
}

// No exception passes the C interface: the only one that can occur is that memory runs out.

er_reader *er_create(er_format format, const er_column *columns, size_t count,
                     size_t event_max_bytes) {
  try {
    return format == ER_CSV ? make_csv_reader(columns, count, event_max_bytes)
                            : make_json_lines_reader(columns, count, event_max_bytes);
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

void er_destroy(er_reader *reader) {
  delete reader;
}

char *er_block(er_reader *reader, size_t *capacity) {
  return reader->input.room(*capacity);
}

void er_supply(er_reader *reader, size_t length) {
  reader->input.supply(length);
}

void er_finish(er_reader *reader) {
  reader->input.finish();
}

er_progress er_next(er_reader *reader) {
  try {
    return reader->next();
  } catch (const std::bad_alloc &) {
    return ER_OUT_OF_MEMORY;
  }
}

er_value *er_values(er_reader *reader) {
  return reader->values.data();
}

bool er_complete(const er_reader *reader) {
  return reader->complete;
}

uint64_t er_line(const er_reader *reader) {
  return reader->line;
}

er_fault er_event_fault(const er_reader *reader) {
  return reader->fault;
}

bool er_has_column(const er_reader *reader, size_t column) {
  return column < reader->in_header.size() && reader->in_header[column];
}

bool er_has_header(const er_reader *reader) {
  return reader->has_header;
}

size_t er_repeated_column(const er_reader *reader) {
  return reader->repeated_column;
}

const char *er_fault_description(er_fault fault) {
  switch (fault) {
  case ER_FAULT_NONE:
    return "no fault";
  case ER_FAULT_NOT_JSON:
    return "not valid JSON";
  case ER_FAULT_STRING:
    return "not valid JSON: a string is not closed, or has a bad escape or a control character";
  case ER_FAULT_NUMBER:
    return "not valid JSON: a number is malformed, or beyond the range of a double";
  case ER_FAULT_DEPTH:
    return "nested too deeply";
  case ER_FAULT_NOT_OBJECT:
    return "valid JSON, but not an object";
  case ER_FAULT_NOT_UTF8:
    return "not UTF-8";
  case ER_FAULT_TOO_LONG:
    return "too long";
  case ER_FAULT_CELL_COUNT:
    return "another number of cells than the header";
  case ER_FAULT_QUOTE:
    return "a quote inside a cell that is not quoted, or text after a closing quote";
  case ER_FAULT_UNTERMINATED_QUOTE:
    return "a quoted cell is not closed";
  case ER_FAULT_COUNT:
    break;
  }
  return "unknown fault";
}
