/*
 * Decimal numbers in and out.
 *
 * Reading: a literal of at most 19 significant digits whose value is below 2^53
 * and whose scale is at most 10^22 is one exact integer divided or multiplied
 * by one exact power of ten, so a single rounding gives the nearest double (W.
 * D. Clinger, "How to read floating point numbers accurately", 1990). All other
 * literals go through strtod, written as an integer with an exponent
 * (`1234e-3`): strtod's decimal point depends on the locale, its exponent does
 * not.
 *
 * Digits beyond the 800th cannot change the nearest double unless all before
 * them stand exactly between two doubles, and then all that counts is whether
 * one of them is not zero (768 digits settle every double: the longest halfway
 * point has 767). So they are replaced by one sticky digit.
 */
#include "decimal.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SIGNIFICANT_DIGITS = 800,
  EXACT_DIGITS = 19, /* of which a uint64_t holds any */
};

const double hf__powers_of_ten[HF__EXACT_POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* strtod of `digits` x 10^exponent, with errno left as it was. */
static double nearest(const char *digits, size_t count, long exponent) {
  char buffer[SIGNIFICANT_DIGITS + 32];
  memcpy(buffer, digits, count);
  snprintf(buffer + count, sizeof buffer - count, "e%ld", exponent);
  int saved = errno;
  double number = strtod(buffer, NULL);
  errno = saved;
  return number;
}

hf_status hf__decimal_parse(const char *text, size_t length_bytes, double *number) {
  uint64_t mantissa = 0;
  long exponent = 0;
  char digits[SIGNIFICANT_DIGITS + 1];
  size_t count = 0;
  bool after_point = false;
  bool sticky = false;
  for (size_t i = 0; i < length_bytes; i++) {
    char c = text[i];
    if (c == '.') {
      after_point = true;
      continue;
    }
    exponent -= after_point ? 1 : 0;
    if (count == 0 && c == '0') {
      continue;
    }
    if (count < SIGNIFICANT_DIGITS) {
      digits[count] = c;
      count++;
      mantissa = count <= EXACT_DIGITS ? mantissa * 10 + (uint64_t)(c - '0') : mantissa;
    } else {
      sticky = sticky || c != '0';
      exponent++;
    }
  }
  if (count == 0) {
    *number = 0;
    return HF_OK;
  }
  if (count <= EXACT_DIGITS && mantissa <= (UINT64_C(1) << 53) && exponent > -HF__EXACT_POWERS &&
      exponent < HF__EXACT_POWERS) {
    *number = exponent < 0 ? (double)mantissa / hf__powers_of_ten[-exponent]
                           : (double)mantissa * hf__powers_of_ten[exponent];
    return HF_OK;
  }
  if (sticky) {
    digits[count] = '1';
    count++;
    exponent--;
  }
  double value = nearest(digits, count, exponent);
  if (value > DBL_MAX) {
    return HF_ERROR_BAD_NUMBER;
  }
  *number = value;
  return HF_OK;
}

void hf__decimal_write(hf__writer *writer, double number) {
  if (number == 0) {
    hf__write_string(writer, "0");
    return;
  }
  /*
   * The fewest digits that come back as the same double; 17 always do. If 15 do,
   * fewer are the same digits without their zeros, except below the normal range,
   * where a double stands for fewer than 15 digits.
   */
  char digits[24];
  size_t count = 0;
  long exponent = 0; /* of the first digit */
  for (int precision = number < DBL_MIN ? 0 : 14; precision < 17; precision++) {
    char text[48];
    snprintf(text, sizeof text, "%.*e", precision, number);
    count = 0;
    const char *p = text;
    for (; *p != 'e'; p++) { /* the point, whatever the locale writes for it, is skipped */
      if (*p >= '0' && *p <= '9' && count < sizeof digits) {
        digits[count] = *p;
        count++;
      }
    }
    exponent = strtol(p + 1, NULL, 10);
    if (nearest(digits, count, exponent - (long)count + 1) == number) {
      break;
    }
  }
  while (count > 1 && digits[count - 1] == '0') {
    count--;
  }
  if (exponent < 0) {
    hf__write_string(writer, "0.");
    hf__write_repeated(writer, '0', (size_t)(-exponent - 1));
    hf__write(writer, digits, count);
    return;
  }
  size_t whole = (size_t)exponent + 1;
  hf__write(writer, digits, count < whole ? count : whole);
  if (count < whole) {
    hf__write_repeated(writer, '0', whole - count);
  } else if (count > whole) {
    hf__write_string(writer, ".");
    hf__write(writer, digits + whole, count - whole);
  }
}
