// JSON Lines by simdjson's DOM parser, one document a line. The DOM parser, because it validates
// the whole line: the on-demand parser would pass over faults in what nobody asked for.

#include "reader.hpp"

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <array>

namespace {

namespace dom = simdjson::dom;

class JsonLines final : public er_reader {
public:
  using er_reader::er_reader;

  er_progress next() override;

private:
  er_progress parse(const char *text, size_t length);
  er_progress fill(dom::object object);
  bool set(er_value &value, er_type type, dom::element element);
  bool widen_integers(const char *text, size_t length);

  // Writers put their keys in the same order on every line, so the column of the n-th key is
  // guessed to be what it was on the line before: one comparison instead of one look-up.
  class Guesses {
  public:
    uint16_t column(size_t position, std::string_view key, const JsonLines &reader) {
      if (position >= guesses_.size() || key.size() > sizeof(Guess::key)) {
        return reader.find_column(key);
      }
      Guess &guess = guesses_[position];
      if (guess.key_length != key.size() || std::memcmp(guess.key, key.data(), key.size()) != 0) {
        std::memcpy(guess.key, key.data(), key.size());
        guess.key_length = uint8_t(key.size());
        guess.column = reader.find_column(key);
      }
      return guess.column;
    }

  private:
    struct Guess {
      char key[29] = {};
      uint8_t key_length = UINT8_MAX;
      uint16_t column = unwanted;
    };
    std::array<Guess, 128> guesses_;
  };

  dom::parser parser_;
  Guesses guesses_;
  size_t searched_ = 0;     // bytes of the unfinished line that are known to hold no line end
  bool discarding_ = false; // the rest of a line that is too long
  uint64_t lines_ = 0;
  std::string widened_;
  std::string containers_;
};

er_progress JsonLines::next() {
  for (;;) {
    const char *const start = input.begin();
    const void *const found = input.size() > searched_
                                  ? std::memchr(start + searched_, '\n', input.size() - searched_)
                                  : nullptr;
    if (found == nullptr) {
      if (discarding_ || input.size() > event_max_bytes) {
        const bool begins = !discarding_;
        input.consume(input.size());
        searched_ = 0;
        discarding_ = !input.finished();
        if (begins) {
          line = ++lines_;
          return malformed(ER_FAULT_TOO_LONG);
        }
      }
      searched_ = input.size();
      if (!input.finished()) {
        return ER_NEEDS_INPUT;
      }
      if (input.size() == 0) {
        return ER_END;
      }
    }
    size_t length =
        found == nullptr ? input.size() : size_t(static_cast<const char *>(found) - start);
    input.consume(found == nullptr ? length : length + 1);
    searched_ = 0;
    if (discarding_) {
      discarding_ = false;
      continue;
    }
    line = ++lines_;
    if (length > event_max_bytes) {
      return malformed(ER_FAULT_TOO_LONG);
    }
    const char *text = start;
    if (lines_ == 1) {
      const size_t mark = byte_order_mark_length(text, length);
      text += mark;
      length -= mark;
    }
    while (length > 0 && is_space(text[length - 1])) {
      length--;
    }
    while (length > 0 && is_space(*text)) {
      text++;
      length--;
    }
    if (length == 0) {
      continue;
    }
    return parse(text, length);
  }
}

er_progress JsonLines::parse(const char *text, size_t length) {
  dom::object object;
  auto error = parser_.parse(text, length, false).get(object);
  if (error == simdjson::NUMBER_ERROR && widen_integers(text, length)) {
    error =
        parser_.parse(widened_.data(), widened_.size() - Block::padding_bytes, false).get(object);
  }
  switch (error) {
  case simdjson::SUCCESS:
    return fill(object);
  case simdjson::MEMALLOC:
    return ER_OUT_OF_MEMORY;
  case simdjson::INCORRECT_TYPE:
    return malformed(ER_FAULT_NOT_OBJECT);
  case simdjson::UTF8_ERROR:
    return malformed(ER_FAULT_NOT_UTF8);
  case simdjson::DEPTH_ERROR:
    return malformed(ER_FAULT_DEPTH);
  case simdjson::NUMBER_ERROR:
    return malformed(ER_FAULT_NUMBER);
  case simdjson::STRING_ERROR:
  case simdjson::UNESCAPED_CHARS:
  case simdjson::UNCLOSED_STRING:
    return malformed(ER_FAULT_STRING);
  default:
    return malformed(ER_FAULT_NOT_JSON);
  }
}

er_progress JsonLines::fill(dom::object object) {
  clear_values();
  containers_.clear();
  size_t position = 0;
  for (const dom::key_value_pair field : object) {
    const uint16_t column = guesses_.column(position++, field.key, *this);
    if (column != unwanted) {
      values[column].mistyped = !set(values[column], types[column], field.value);
    }
  }
  complete = true;
  for (size_t column = 0; column < values.size(); column++) {
    er_value &value = values[column];
    complete &= (value.kind != ER_MISSING && !value.mistyped) || optional[column];
    if (value.kind == ER_CONTAINER) {
      // An offset until now: the text may have moved while it grew.
      value.text = containers_.data() + size_t(value.number);
    }
  }
  return ER_EVENT;
}

// Answers whether the value is of the column's type.
bool JsonLines::set(er_value &value, er_type type, dom::element element) {
  switch (element.type()) {
  case dom::element_type::DOUBLE:
    value.kind = ER_NUMBER;
    value.number = element.get_double().value_unsafe();
    return type == ER_TYPE_NUMBER || type == ER_TYPE_ANY;
  case dom::element_type::INT64:
    value.kind = ER_NUMBER;
    value.number = double(element.get_int64().value_unsafe());
    return type == ER_TYPE_NUMBER || type == ER_TYPE_ANY;
  case dom::element_type::UINT64:
    value.kind = ER_NUMBER;
    value.number = double(element.get_uint64().value_unsafe());
    return type == ER_TYPE_NUMBER || type == ER_TYPE_ANY;
  case dom::element_type::STRING: {
    const std::string_view text = element.get_string().value_unsafe();
    value.kind = ER_STRING;
    value.text = text.data();
    value.text_length = text.size();
    return type == ER_TYPE_STRING || type == ER_TYPE_ANY;
  }
  case dom::element_type::BOOL:
    value.kind = ER_BOOLEAN;
    value.number = element.get_bool().value_unsafe() ? 1 : 0;
    return type == ER_TYPE_BOOLEAN || type == ER_TYPE_ANY;
  case dom::element_type::NULL_VALUE:
    value.kind = ER_NULL;
    return type == ER_TYPE_ANY;
  case dom::element_type::ARRAY:
  case dom::element_type::OBJECT:
    break;
  }
  const std::string json = simdjson::minify(element);
  value.kind = ER_CONTAINER;
  value.number = double(containers_.size());
  value.text_length = json.size();
  containers_ += json;
  return type == ER_TYPE_ANY;
}

// simdjson refuses integers beyond 64 bits. JSON allows them, and as doubles they are welcome: as
// "….0" it reads them. Answers whether there were any.
bool JsonLines::widen_integers(const char *text, size_t length) {
  constexpr size_t most_digits = 18; // of every integer that simdjson is sure to take
  widened_.clear();
  bool any = false;
  bool in_string = false;
  for (size_t i = 0; i < length;) {
    const char c = text[i];
    if (in_string || c < '0' || c > '9') {
      if (in_string && c == '\\' && i + 1 < length) {
        widened_ += c;
        i++;
      } else if (c == '"') {
        in_string = !in_string;
      }
      widened_ += text[i++];
      continue;
    }
    const size_t start = i;
    bool plain = true;
    for (; i < length && std::strchr("0123456789.eE+-", text[i]) != nullptr && text[i] != '\0';
         i++) {
      plain = plain && text[i] >= '0' && text[i] <= '9';
    }
    widened_.append(text + start, i - start);
    if (plain && i - start > most_digits) {
      widened_ += ".0";
      any = true;
    }
  }
  widened_.append(Block::padding_bytes, '\0');
  return any;
}

} // namespace

er_reader *make_json_lines_reader(const er_column *columns, size_t count, size_t event_max_bytes) {
  return new JsonLines(columns, count, event_max_bytes);
}
