// Decimal text to number, for cells that are nearly always short.
#ifndef DECIMAL_HPP
#define DECIMAL_HPP

#include <cstddef>
#include <cstdint>

namespace decimal {

// The general case; false when the text is no number, or beyond the range of a double.
bool parse_any(const char *text, size_t length, double &number);

// A mantissa below 2^53 and a power of ten up to 10^22 are both exact doubles, so one division
// rounds once and is exact (Clinger 1990). That covers the cells of real files; the rest is
// std::from_chars. `text` must be followed by one readable byte.
inline bool parse(const char *text, size_t length, double &number) {
  static constexpr double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  constexpr size_t exact_digits = 15;

  const char *p = text;
  const char *const end = text + length;
  const bool negative = length > 0 && *p == '-';
  p += negative;
  if (size_t(end - p) > exact_digits + 1) {
    return parse_any(text, length, number);
  }
  uint64_t mantissa = 0;
  const char *const integer = p;
  while (p < end && uint8_t(*p - '0') < 10) {
    mantissa = mantissa * 10 + uint8_t(*p++ - '0');
  }
  size_t digits = size_t(p - integer);
  size_t decimals = 0;
  if (p < end && *p == '.') {
    const char *const fraction = ++p;
    while (p < end && uint8_t(*p - '0') < 10) {
      mantissa = mantissa * 10 + uint8_t(*p++ - '0');
    }
    decimals = size_t(p - fraction);
    digits += decimals;
  }
  if (p != end || digits == 0 || digits > exact_digits) {
    return parse_any(text, length, number);
  }
  const double magnitude = double(mantissa) / powers[decimals];
  number = negative ? -magnitude : magnitude;
  return true;
}

} // namespace decimal

#endif
