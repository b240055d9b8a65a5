#include "decimal.hpp"

#include "event_reader.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

} // namespace

bool decimal::parse_any(const char *text, size_t length, double &number) {
  const char *p = text;
  const char *const end = text + length;
  if (p < end && *p == '+') {
    text = ++p; // from_chars knows no plus
  } else if (p < end && *p == '-') {
    ++p;
  }
  // from_chars would also read "inf" and "nan".
  if (p == end || !(is_digit(*p) || (*p == '.' && p + 1 < end && is_digit(p[1])))) {
    return false;
  }
  double value;
  const auto [stop, error] = std::from_chars(text, end, value);
  if (stop != end) {
    return false;
  }
  if (error == std::errc()) {
    number = value;
    return true;
  }
  // Out of range is also said of what is too small, which is zero or the nearest subnormal. A
  // number that small takes many zeros or an exponent; a longer text than this is refused.
  char copy[1024];
  const size_t rest = size_t(end - text);
  if (rest >= sizeof copy) {
    return false;
  }
  std::memcpy(copy, text, rest);
  copy[rest] = '\0';
  value = std::strtod(copy, nullptr); // in the "C" locale, which the program never leaves
  if (std::isinf(value)) {
    return false;
  }
  number = value;
  return true;
}

bool er_parse_number(const char *text, size_t length, double *number) {
  double value;
  if (!decimal::parse_any(text, length, value)) {
    return false;
  }
  *number = value;
  return true;
}

size_t er_format_number(double number, char *buffer) {
  if (!std::isfinite(number)) {
    std::memcpy(buffer, "null", 4);
    return 4;
  }
  // An integer as an integer: the shortest form of 100000 would be 1e+05.
  constexpr double exact_integers = 9007199254740992.0; // 2^53
  if (number > -exact_integers && number < exact_integers && number == std::trunc(number) &&
      !(number == 0 && std::signbit(number))) {
    return size_t(std::to_chars(buffer, buffer + ER_NUMBER_BYTES, int64_t(number)).ptr - buffer);
  }
  return size_t(std::to_chars(buffer, buffer + ER_NUMBER_BYTES, number).ptr - buffer);
}
