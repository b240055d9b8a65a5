/* Decimal numbers as the language writes them: digits and one point. */
#ifndef HF_DECIMAL_H
#define HF_DECIMAL_H

#include <holdfast/base.h>

#include "error.h"

HF_BEGIN_C
HF_BEGIN_NONNULL

/*
 * The double nearest to a literal of digits with at most one point among or
 * around them (`7`, `1.`, `.5`), exactly rounded whatever its length. It does
 * not depend on the locale.
 *
 * Returns HF_OK, or HF_ERROR_BAD_NUMBER when it is beyond the range of a
 * double. Below the range it is 0.
 *
 * Cost: O(length), no allocation.
 */
HF_MUST_USE hf_status hf__decimal_parse(const char *text, size_t length_bytes, double *number);

/* A number below 2^53 with fewer than 23 digits behind its point is one exact
 * integer divided by one exact power of ten. */
enum { HF__EXACT_POWERS = 23 };
extern const double hf__powers_of_ten[HF__EXACT_POWERS];

/*
 * Writes the shortest digits that hf__decimal_parse() reads as `number`, which
 * is finite and not negative, without an exponent: `0.8`, `2`, `100000`.
 */
void hf__decimal_write(hf__writer *writer, double number);

HF_END_NONNULL
HF_END_C

#endif
