// What the readers of JSON Lines and of CSV share: the block of input, the wanted columns, the
// values of the current event.
#ifndef READER_HPP
#define READER_HPP

#include "event_reader.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// Bytes of input that no event has used up. Positions that outlive a call of block() are kept
// relative to begin(), because the bytes move to the front there.
class Block {
public:
  // Both simdjson and the scan for delimiters read on past the end of what they are given.
  static constexpr size_t padding_bytes = 64;

  Block() = default;
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;
  ~Block() {
    std::free(bytes_);
  }

  const char *begin() const {
    return bytes_ + begin_;
  }
  char *begin() {
    return bytes_ + begin_;
  }
  const char *end() const {
    return bytes_ + end_;
  }
  size_t size() const {
    return end_ - begin_;
  }
  bool finished() const {
    return finished_;
  }

  void consume(size_t length) {
    begin_ += length;
  }
  void finish() {
    finished_ = true;
  }

  char *room(size_t &capacity) {
    if (begin_ > 0) {
      std::memmove(bytes_, bytes_ + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    }
    if (capacity_ - end_ < least_room_bytes) {
      const size_t grown = capacity_ == 0 ? first_bytes : 2 * capacity_;
      void *const memory = std::realloc(bytes_, grown + padding_bytes);
      if (memory == nullptr) {
        return nullptr;
      }
      bytes_ = static_cast<char *>(memory);
      capacity_ = grown;
    }
    capacity = capacity_ - end_;
    return bytes_ + end_;
  }

  void supply(size_t length) {
    end_ += length;
    std::memset(bytes_ + end_, 0, padding_bytes);
  }

private:
  static constexpr size_t first_bytes = 256 * 1024;
  static constexpr size_t least_room_bytes = 64 * 1024;

  char *bytes_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool finished_ = false;
};

struct er_reader {
  static constexpr uint16_t unwanted = UINT16_MAX;

  er_reader(const er_column *columns, size_t count, size_t event_max_bytes);
  virtual ~er_reader() = default;

  virtual er_progress next() = 0;

  uint16_t find_column(std::string_view name) const {
    const auto found = column_by_name.find(name);
    return found == column_by_name.end() ? unwanted : found->second;
  }

  void clear_values() {
    for (er_value &value : values) {
      value.kind = ER_MISSING;
      value.mistyped = false;
    }
  }

  er_progress malformed(er_fault kind) {
    fault = kind;
    return ER_MALFORMED;
  }

  Block input;
  const size_t event_max_bytes;

  std::vector<std::string> names;
  std::vector<er_type> types;
  std::vector<char> optional;
  std::unordered_map<std::string_view, uint16_t> column_by_name; // its keys live in `names`

  // The current event.
  std::vector<er_value> values;
  bool complete = false;
  er_fault fault = ER_FAULT_NONE;
  uint64_t line = 0;

  // The header of CSV.
  bool has_header = false;
  std::vector<bool> in_header;
  size_t repeated_column = 0;
};

er_reader *make_json_lines_reader(const er_column *columns, size_t count, size_t event_max_bytes);
er_reader *make_csv_reader(const er_column *columns, size_t count, size_t event_max_bytes);

inline bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// The bytes EF BB BF that some programs put before UTF-8 text.
inline size_t byte_order_mark_length(const char *text, size_t length) {
  return length >= 3 && std::memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

#endif
