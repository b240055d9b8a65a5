// CSV after RFC 4180. A row is scanned cell by cell, and the scan can stop at the end of a block
// and go on in the next one, so no byte is looked at twice however small the blocks are. Only the
// cells of wanted columns are converted, once the row is known to be whole.

#include "reader.hpp"

#include "decimal.hpp"

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

#if defined(__SSE2__)

inline uint64_t special_bits_of_16(const char *p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  const __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(',')),
                                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
  return uint64_t(uint32_t(_mm_movemask_epi8(hits)));
}

// Which of the 64 bytes from `p` on are a comma, a line feed or a quote: bit n for byte n.
inline uint64_t special_bits(const char *p) {
  return special_bits_of_16(p) | special_bits_of_16(p + 16) << 16 |
         special_bits_of_16(p + 32) << 32 | special_bits_of_16(p + 48) << 48;
}

#else

// The high bit of each byte of the answer says that this byte of `word` is `byte`: exact for every
// byte, not only up to the first hit.
inline uint64_t bytes_equal(uint64_t word, uint64_t byte) {
  constexpr uint64_t each = 0x0101010101010101;
  constexpr uint64_t low_bits = 0x7F * each;
  const uint64_t difference = word ^ (byte * each);
  return ~(((difference & low_bits) + low_bits) | difference | low_bits);
}

inline uint64_t special_bits(const char *p) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < 64; i += 8) {
    uint64_t word;
    std::memcpy(&word, p + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    const uint64_t hits = bytes_equal(word, ',') | bytes_equal(word, '\n') | bytes_equal(word, '"');
    // The product moves the eight lowest bits of the bytes side by side into the highest byte.
    bits |= ((hits >> 7) * 0x0102040810204080) >> 56 << i;
  }
  return bits;
}

#endif

struct Text {
  const char *start;
  size_t length;
};

inline Text trimmed(Text cell) {
  while (cell.length > 0 && is_space(cell.start[cell.length - 1])) {
    cell.length--;
  }
  while (cell.length > 0 && is_space(*cell.start)) {
    cell.start++;
    cell.length--;
  }
  return cell;
}

inline bool is(Text cell, std::string_view word) {
  return std::string_view(cell.start, cell.length) == word;
}

class Csv final : public er_reader {
public:
  using er_reader::er_reader;

  er_progress next() override;

private:
  // A cell of a wanted column, relative to the start of its row.
  struct Cell {
    uint32_t start;
    uint32_t length;
    bool has_doubled_quotes;
  };

  enum class Scan { row, needs_input, fault };

  er_progress next_row();
  Scan scan_row();
  Scan row_fault(er_fault kind);

  // Answers whether there is room for another cell, which only a header can run out of.
  [[gnu::always_inline]] bool end_cell(size_t start, size_t end, bool has_doubled_quotes) {
    if (!has_header) {
      return name_column(start, end - start, has_doubled_quotes);
    }
    const size_t cell = cell_count_++;
    if (cell < column_of_cell_.size() && column_of_cell_[cell] != unwanted) {
      cells_[column_of_cell_[cell]] = {uint32_t(start), uint32_t(end - start), has_doubled_quotes};
    }
    return true;
  }

  // The place of the next comma, line feed or quote, or the end of the input. The bits outlive a
  // row: the next one goes on with those that are left.
  size_t find_special() {
    const char *const row = input.begin();
    if (window_ == nullptr) {
      window_ = row + position_;
      window_bits_ = window_ < input.end() ? special_bits(window_) : 0;
    }
    while (window_bits_ == 0) {
      if (size_t(input.end() - window_) <= 64) {
        return input.size();
      }
      window_ += 64;
      window_bits_ = special_bits(window_);
    }
    const char *const hit = window_ + __builtin_ctzll(window_bits_);
    window_bits_ &= window_bits_ - 1;
    return size_t((hit < input.end() ? hit : input.end()) - row);
  }

  void forget_window() {
    window_ = nullptr;
  }

  bool name_column(size_t start, size_t length, bool has_doubled_quotes);
  er_progress end_row();
  er_progress end_header();
  void convert(er_value &value, er_type type, Text cell);
  void begin_next_row();
  bool row_is_utf8(size_t length);
  bool discard_line();

  std::vector<uint16_t> column_of_cell_; // from the header; 65,535 for unwanted ones
  std::vector<Cell> cells_;              // one for each wanted column

  // The row that is being scanned. Positions count from the start of the row.
  size_t position_ = 0;
  size_t cell_start_ = 0;
  size_t cell_count_ = 0;
  bool in_quotes_ = false;
  bool doubled_quotes_ = false;
  bool any_quotes_ = false;

  bool discarding_ = false; // up to the next line end
  bool started_ = false;
  bool failed_ = false;
  bool repeated_ = false;
  uint64_t next_line_ = 1;

  // The commas, line feeds and quotes that are still ahead among 64 bytes; see find_special().
  const char *window_ = nullptr;
  uint64_t window_bits_ = 0;

  // Whether the input up to `known_` is UTF-8; nothing is known at NULL.
  const char *known_ = nullptr;
  bool known_good_ = false;
};

er_progress Csv::next() {
  const er_progress progress = next_row();
  if (progress == ER_NEEDS_INPUT) {
    known_ = nullptr; // the bytes are about to move
    forget_window();
  }
  return progress;
}

er_progress Csv::next_row() {
  for (;;) {
    if (failed_) {
      return ER_END;
    }
    if (discarding_ && !discard_line()) {
      return ER_NEEDS_INPUT;
    }
    if (!started_) {
      if (input.size() < 3 && !input.finished()) {
        return ER_NEEDS_INPUT;
      }
      input.consume(byte_order_mark_length(input.begin(), input.size()));
      started_ = true;
    }
    if (cell_count_ == 0 && position_ == 0) {
      line = next_line_;
      const char *const text = input.begin();
      const size_t end = input.size() > 0 && text[0] == '\r' ? 1 : 0;
      if (input.size() > end && text[end] == '\n') {
        next_line_++;
        input.consume(end + 1);
        forget_window();
        continue;
      }
      if (input.size() == end) {
        return input.finished() ? ER_END : ER_NEEDS_INPUT;
      }
    }
    switch (scan_row()) {
    case Scan::needs_input:
      return ER_NEEDS_INPUT;
    case Scan::fault:
      if (!has_header) {
        failed_ = true;
        return ER_BAD_HEADER;
      }
      return ER_MALFORMED;
    case Scan::row:
      if (!has_header) {
        const er_progress progress = end_header();
        if (progress != ER_EVENT) {
          failed_ = true;
          return progress;
        }
        continue;
      }
      return end_row();
    }
  }
}

// Goes on where it stopped, to the end of the row: `position_` is then behind its line end.
Csv::Scan Csv::scan_row() {
  const char *const row = input.begin();
  const size_t size = input.size();
  for (;;) {
    // At the start of a cell, or inside one.
    if (in_quotes_ || (position_ == cell_start_ && position_ < size && row[position_] == '"')) {
      if (!in_quotes_) {
        in_quotes_ = true;
        any_quotes_ = true;
        doubled_quotes_ = false;
        forget_window();
        position_++;
      }
      const void *const quote =
          position_ < size ? std::memchr(row + position_, '"', size - position_) : nullptr;
      const size_t quote_at =
          quote == nullptr ? size : size_t(static_cast<const char *>(quote) - row);
      // What follows a quote decides what it is: another one, a carriage return before a line end.
      const size_t ahead = quote_at + 1 < size && row[quote_at + 1] == '\r' ? 2 : 1;
      if (quote_at > event_max_bytes) {
        return row_fault(ER_FAULT_TOO_LONG);
      }
      if (quote_at + ahead >= size && !input.finished()) {
        position_ = quote_at;
        return Scan::needs_input;
      }
      if (quote == nullptr) {
        return row_fault(ER_FAULT_UNTERMINATED_QUOTE);
      }
      if (quote_at + 1 < size && row[quote_at + 1] == '"') {
        doubled_quotes_ = true;
        position_ = quote_at + 2;
        continue;
      }
      const size_t after = quote_at + ahead;
      const bool at_end = after >= size;
      const char delimiter = at_end ? '\n' : row[after];
      if (delimiter != '\n' && (delimiter != ',' || ahead == 2)) {
        position_ = quote_at;
        return row_fault(ER_FAULT_QUOTE);
      }
      in_quotes_ = false;
      if (!end_cell(cell_start_ + 1, quote_at, doubled_quotes_)) {
        return row_fault(ER_FAULT_TOO_LONG);
      }
      position_ = cell_start_ = at_end ? size : after + 1;
      if (delimiter == '\n') {
        return Scan::row;
      }
      continue;
    }

    if (position_ == cell_start_ && position_ == size && !input.finished()) {
      // Whether a quote is next decides how a row is skipped that is too long here.
      return Scan::needs_input;
    }
    position_ = find_special();
    if (position_ > event_max_bytes) {
      return row_fault(ER_FAULT_TOO_LONG);
    }
    const bool at_end = position_ == size;
    if (at_end && !input.finished()) {
      return Scan::needs_input;
    }
    const char delimiter = at_end ? '\n' : row[position_];
    if (delimiter == '"') {
      return row_fault(ER_FAULT_QUOTE);
    }
    size_t cell_end = position_;
    if (delimiter == '\n' && cell_end > cell_start_ && row[cell_end - 1] == '\r') {
      cell_end--;
    }
    if (!end_cell(cell_start_, cell_end, false)) {
      return row_fault(ER_FAULT_TOO_LONG);
    }
    position_ = cell_start_ = at_end ? size : position_ + 1;
    if (delimiter == '\n') {
      return Scan::row;
    }
  }
}

// Gives up the row. Where a quote is never closed, or closed too late, only its first line is
// skipped: the quote was probably a slip. Otherwise everything up to the next line end is.
Csv::Scan Csv::row_fault(er_fault kind) {
  fault = kind;
  const char *const row = input.begin();
  if (!in_quotes_ || kind == ER_FAULT_QUOTE) {
    for (size_t i = 0; i < position_; i++) {
      next_line_ += row[i] == '\n';
    }
    input.consume(position_);
  }
  discarding_ = true;
  forget_window();
  begin_next_row();
  return Scan::fault;
}

// Answers whether the end of the line was there.
bool Csv::discard_line() {
  const void *const found = std::memchr(input.begin(), '\n', input.size());
  if (found == nullptr) {
    input.consume(input.size());
    discarding_ = !input.finished();
    return input.finished();
  }
  input.consume(size_t(static_cast<const char *>(found) - input.begin()) + 1);
  next_line_++;
  discarding_ = false;
  return true;
}

void Csv::begin_next_row() {
  position_ = 0;
  cell_start_ = 0;
  cell_count_ = 0;
  in_quotes_ = false;
  any_quotes_ = false;
}

bool Csv::name_column(size_t start, size_t length, bool has_doubled_quotes) {
  constexpr size_t most_columns = 65535;
  if (column_of_cell_.size() == most_columns) {
    return false;
  }
  // A name with a quote in it is no identifier: nobody asked for it.
  const Text cell = trimmed({input.begin() + start, length});
  const uint16_t column = has_doubled_quotes ? unwanted : find_column({cell.start, cell.length});
  if (column != unwanted) {
    if (in_header[column]) {
      repeated_ = true;
      repeated_column = column;
    }
    in_header[column] = true;
  }
  column_of_cell_.push_back(column);
  cell_count_++;
  return true;
}

er_progress Csv::end_header() {
  if (!row_is_utf8(position_)) {
    fault = ER_FAULT_NOT_UTF8;
    return ER_BAD_HEADER;
  }
  if (repeated_) {
    return ER_REPEATED_COLUMN;
  }
  cells_.resize(values.size());
  has_header = true;
  const char *const row = input.begin();
  for (size_t i = 0; i < position_; i++) {
    next_line_ += row[i] == '\n';
  }
  input.consume(position_);
  begin_next_row();
  return ER_EVENT;
}

er_progress Csv::end_row() {
  char *const row = input.begin();
  const size_t length = position_;
  const bool whole = cell_count_ == column_of_cell_.size();
  const bool utf8 = row_is_utf8(length);
  if (any_quotes_) {
    for (size_t i = 0; i < length; i++) {
      next_line_ += row[i] == '\n';
    }
  } else {
    next_line_++;
  }
  input.consume(length);
  begin_next_row();
  if (!utf8) {
    return malformed(ER_FAULT_NOT_UTF8);
  }
  if (!whole) {
    return malformed(ER_FAULT_CELL_COUNT);
  }

  complete = true;
  for (size_t column = 0; column < values.size(); column++) {
    er_value &value = values[column];
    value.kind = ER_MISSING;
    value.mistyped = false;
    if (in_header[column]) {
      const Cell &cell = cells_[column];
      char *const start = row + cell.start;
      size_t cell_length = cell.length;
      if (cell.has_doubled_quotes) {
        // In place: nobody reads this row again.
        size_t kept = 0;
        for (size_t i = 0; i < cell_length; i++) {
          start[kept++] = start[i];
          i += start[i] == '"';
        }
        cell_length = kept;
      }
      value.text = start;
      value.text_length = cell_length;
      if (cell_length > 0) {
        convert(value, types[column], {start, cell_length});
      }
    }
    complete &= (value.kind != ER_MISSING && !value.mistyped) || optional[column];
  }
  return ER_EVENT;
}

void Csv::convert(er_value &value, er_type type, Text cell) {
  value.kind = ER_STRING;
  switch (type) {
  case ER_TYPE_STRING:
    return;
  case ER_TYPE_NUMBER:
    if (decimal::parse(cell.start, cell.length, value.number)) {
      value.kind = ER_NUMBER;
      return;
    }
    cell = trimmed(cell);
    if (cell.length == 0) {
      value.kind = ER_MISSING;
    } else if (decimal::parse(cell.start, cell.length, value.number)) {
      value.kind = ER_NUMBER;
    } else {
      value.mistyped = true;
    }
    return;
  case ER_TYPE_BOOLEAN:
    cell = trimmed(cell);
    if (cell.length == 0) {
      value.kind = ER_MISSING;
    } else if (is(cell, "true") || is(cell, "1")) {
      value.kind = ER_BOOLEAN;
      value.number = 1;
    } else if (is(cell, "false") || is(cell, "0")) {
      value.kind = ER_BOOLEAN;
      value.number = 0;
    } else {
      value.mistyped = true;
    }
    return;
  case ER_TYPE_ANY:
    cell = trimmed(cell);
    if (decimal::parse(cell.start, cell.length, value.number)) {
      value.kind = ER_NUMBER;
    } else if (is(cell, "true")) {
      value.kind = ER_BOOLEAN;
      value.number = 1;
    } else if (is(cell, "false")) {
      value.kind = ER_BOOLEAN;
      value.number = 0;
    }
    return;
  }
}

// One look at all whole lines of the block, instead of one a row; only where that fails are the
// rows of the block looked at one by one.
bool Csv::row_is_utf8(size_t length) {
  const char *const row = input.begin();
  const char *const row_end = row + length;
  if (known_ == nullptr || row_end > known_) {
    const size_t last = std::string_view(row, input.size()).rfind('\n');
    const size_t lines = last == std::string_view::npos ? 0 : last + 1;
    known_ = row + (lines > length ? lines : length);
    known_good_ = simdjson::validate_utf8(row, size_t(known_ - row));
  }
  return known_good_ || simdjson::validate_utf8(row, length);
}

} // namespace

er_reader *make_csv_reader(const er_column *columns, size_t count, size_t event_max_bytes) {
  return new Csv(columns, count, event_max_bytes);
}
