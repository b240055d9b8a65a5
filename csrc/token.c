/*
 * The scanner. Outside quoted strings the language is ASCII; where several
 * rules could match, the longest wins, and the operators `and` and `or` end
 * where no letter or digit follows, so `1and` and `)and(` need no space while
 * `android` is a name.
 */
#include "token.h"

#include "ascii.h"
#include "decimal.h"
#include "error.h"
#include "schema.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct scanner {
  const hf_schema *schema;
  const char *text;
  size_t end;
  hf_error *error; /* may be NULL */
} scanner;

/* Faults ------------------------------------------------------------------- */

/* What to write instead of a character that people bring from elsewhere. */
static const char *advice(uint32_t c) {
  switch (c) {
  case '-':
  case '+':
    return "numbers have no sign, and there is no arithmetic";
  case '*':
  case '/':
  case '%':
    return "there is no arithmetic";
  case '&':
    return "write 'and'";
  case '|':
    return "write 'or'";
  case '.':
    return "a point belongs to a number, such as 0.5";
  case '[':
  case ']':
  case '{':
  case '}':
    return "group with ( and )";
  case 0x2018: /* typographic quotes */
  case 0x2019:
  case 0x201C:
  case 0x201D:
    return "write straight quotes, ' or \"";
  case 0x2260: /* not equal, less or equal, greater or equal */
    return "write !=";
  case 0x2264:
    return "write <=";
  case 0x2265:
    return "write >=";
  default:
    return c < 0x80 ? "expected a number, a quoted string, a variable, an operator or a parenthesis"
                    : "outside quoted strings a condition is ASCII";
  }
}

HF__COLD static hf_status unexpected_character(const scanner *in, size_t offset) {
  uint32_t c;
  size_t bytes = hf__utf8_character(in->text, in->end, offset, &c);
  const hf_status status = HF_ERROR_UNEXPECTED_CHARACTER;
  if (c < 0x20 || c == 0x7F) {
    return hf__error_set(in->error, status, offset, bytes, "unexpected control character 0x%02X",
                         (unsigned)c);
  }
  if (c < 0x80) {
    return hf__error_set(in->error, status, offset, bytes, "unexpected character '%c'; %s", (int)c,
                         advice(c));
  }
  /* The number too: it may be one that nobody sees, such as a no-break space. */
  return hf__error_set(in->error, status, offset, bytes, "unexpected character '%.*s' (U+%04X); %s",
                       (int)bytes, in->text + offset, (unsigned)c, advice(c));
}

/* Names that other languages have and this one does not. */
static const char *advice_on_name(const char *name, size_t length_bytes) {
  static const struct {
    const char *word;
    const char *advice;
  } KNOWN[] = {
      {"and", "the operator is written 'and', in lower case"},
      {"or", "the operator is written 'or', in lower case"},
      {"not", "there is no 'not': use != or the opposite comparison"},
      {"true", "there is no word for true: compare with 1"},
      {"false", "there is no word for false: compare with 0"},
      {"null", "null cannot be written"},
      {"always", "'always' must stand alone"},
  };
  for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
    if (hf__equals_ignoring_case(name, length_bytes, KNOWN[i].word)) {
      return KNOWN[i].advice;
    }
  }
  return NULL;
}

/* The declared names, as far as they fit. */
static void list_names(const hf_schema *schema, char *buffer, size_t capacity_bytes) {
  hf__writer out = {.buffer = buffer, .capacity_bytes = capacity_bytes, .length_bytes = 0};
  for (uint32_t i = 0; i < schema->count; i++) {
    const char *name = schema->variables[i].name;
    const char *separator = i == 0 ? "" : ", ";
    if (out.length_bytes + strlen(separator) + strlen(name) + sizeof ", ..." > capacity_bytes) {
      hf__write_string(&out, separator);
      hf__write_string(&out, "...");
      break;
    }
    hf__write_string(&out, separator);
    hf__write_string(&out, name);
  }
  hf__write_end(&out);
}

HF__COLD static hf_status variable_not_allowed(const scanner *in, size_t offset,
                                               size_t length_bytes) {
  const hf_status status = HF_ERROR_VARIABLE_NOT_ALLOWED;
  if (in->error == NULL) {
    return status;
  }
  const char *name = in->text + offset;
  hf__quote quote;
  hf__quoted(&quote, name, length_bytes);
  uint32_t nearest = hf__schema_nearest(in->schema, name, length_bytes);
  if (nearest != HF_NO_VARIABLE) {
    hf__error_set(in->error, status, offset, length_bytes,
                  "unknown variable '%s'; did you mean '%s'?", quote.text,
                  in->schema->variables[nearest].name);
    in->error->suggestion = nearest;
    return status;
  }
  const char *known = advice_on_name(name, length_bytes);
  if (known != NULL) {
    return hf__error_set(in->error, status, offset, length_bytes, "unknown variable '%s'; %s",
                         quote.text, known);
  }
  if (in->schema->count == 0) {
    return hf__error_set(in->error, status, offset, length_bytes,
                         "unknown variable '%s'; the schema declares none", quote.text);
  }
  char
      names[HF_ERROR_MESSAGE_BYTES - HF__QUOTE_BYTES - sizeof "unknown variable '...'; declared: "];
  list_names(in->schema, names, sizeof names);
  return hf__error_set(in->error, status, offset, length_bytes,
                       "unknown variable '%s'; declared: %s", quote.text, names);
}

HF__COLD static hf_status bad_number(const scanner *in, size_t offset, size_t length_bytes) {
  return hf__error_set(in->error, HF_ERROR_BAD_NUMBER, offset, length_bytes,
                       "the number is beyond the range of a double; the largest is about "
                       "1.8 x 10^308");
}

HF__COLD static hf_status unterminated_string(const scanner *in, size_t offset) {
  return hf__error_set(in->error, HF_ERROR_UNTERMINATED_STRING, offset, in->end - offset,
                       "the string has no closing %c", (int)in->text[offset]);
}

HF__COLD static hf_status invalid_operator(const scanner *in, size_t offset) {
  return hf__error_set(in->error, HF_ERROR_INVALID_OPERATOR, offset, 1,
                       "'%c' is no operator; use >=, <=, >, <, == or !=", (int)in->text[offset]);
}

/* Tokens ------------------------------------------------------------------- */

/* The fewest digits that a uint64_t may not hold. */
enum { LONG_DIGITS = 20 };

HF__INLINE size_t digits_end(const scanner *in, size_t from, uint64_t *mantissa) {
  const char *text = in->text;
  uint64_t value = *mantissa;
  size_t end = from;
  while (end < in->end && hf__is_digit(text[end])) {
    value = value * 10 + (uint64_t)(text[end] - '0');
    end++;
  }
  *mantissa = value;
  return end;
}

HF__INLINE hf_status scan_number(const scanner *in, size_t offset, hf__token *token) {
  uint64_t mantissa = 0;
  size_t end = digits_end(in, offset, &mantissa);
  size_t decimals = 0;
  if (end < in->end && in->text[end] == '.') {
    size_t after_point = end + 1;
    end = digits_end(in, after_point, &mantissa);
    decimals = end - after_point;
  }
  token->kind = HF__TOKEN_NUMBER;
  token->length_bytes = (uint32_t)(end - offset);
  if (end - offset < LONG_DIGITS && mantissa < (UINT64_C(1) << 53)) {
    token->number = (double)mantissa / hf__powers_of_ten[decimals];
    return HF_OK;
  }
  return hf__decimal_parse(in->text + offset, end - offset, &token->number) == HF_OK
             ? HF_OK
             : bad_number(in, offset, end - offset);
}

HF__INLINE hf_status scan_string(const scanner *in, size_t offset, hf__token *token) {
  const char *open = in->text + offset;
  const char *close = memchr(open + 1, *open, in->end - offset - 1);
  if (close == NULL) {
    return unterminated_string(in, offset);
  }
  token->kind = HF__TOKEN_STRING;
  token->length_bytes = (uint32_t)(close + 1 - open);
  return HF_OK;
}

HF__INLINE hf_status scan_operator(const scanner *in, size_t offset, char c, hf__token *token) {
  bool equals = offset + 1 < in->end && in->text[offset + 1] == '=';
  token->kind = HF__TOKEN_OPERATOR;
  token->length_bytes = 1u + equals;
  if (c == '<') {
    token->op = equals ? HF_OPERATOR_LESS_OR_EQUAL : HF_OPERATOR_LESS;
  } else if (c == '>') {
    token->op = equals ? HF_OPERATOR_GREATER_OR_EQUAL : HF_OPERATOR_GREATER;
  } else if (!equals) {
    return invalid_operator(in, offset);
  } else {
    token->op = c == '=' ? HF_OPERATOR_EQUAL : HF_OPERATOR_NOT_EQUAL;
  }
  return HF_OK;
}

/* Whether neither a letter nor a digit stands at `end`. */
HF__INLINE bool ends_word(const scanner *in, size_t end) {
  return end >= in->end || in->text[end] == '_' || !hf__is_name_part(in->text[end]);
}

HF__INLINE hf_status scan_word(const scanner *in, size_t offset, char c, hf__token *token) {
  const char *text = in->text + offset;
  size_t left = in->end - offset;
  if (c == 'a' && left >= 3 && text[1] == 'n' && text[2] == 'd' && ends_word(in, offset + 3)) {
    token->kind = HF__TOKEN_AND;
    token->length_bytes = 3;
    return HF_OK;
  }
  if (c == 'o' && left >= 2 && text[1] == 'r' && ends_word(in, offset + 2)) {
    token->kind = HF__TOKEN_OR;
    token->length_bytes = 2;
    return HF_OK;
  }
  size_t length = 1;
  while (length < left && hf__is_name_part(text[length])) {
    length++;
  }
  token->kind = HF__TOKEN_VARIABLE;
  token->length_bytes = (uint32_t)length;
  token->variable = hf_schema_find(in->schema, text, length);
  return token->variable == HF_NO_VARIABLE ? variable_not_allowed(in, offset, length) : HF_OK;
}

HF__INLINE hf_status scan(const scanner *in, size_t offset, hf__token *token) {
  char c = in->text[offset];
  token->variable = HF_NO_VARIABLE;
  token->offset_bytes = (uint32_t)offset;
  token->length_bytes = 0;
  if (hf__is_name_start(c)) {
    return scan_word(in, offset, c, token);
  }
  if (hf__is_digit(c)) {
    return scan_number(in, offset, token);
  }
  switch (c) {
  case '.':
    if (offset + 1 < in->end && hf__is_digit(in->text[offset + 1])) {
      return scan_number(in, offset, token);
    }
    return unexpected_character(in, offset);
  case '<':
  case '>':
  case '=':
  case '!':
    return scan_operator(in, offset, c, token);
  case '\'':
  case '"':
    return scan_string(in, offset, token);
  case '(':
  case ')':
    token->kind = c == '(' ? HF__TOKEN_LPAREN : HF__TOKEN_RPAREN;
    token->length_bytes = 1;
    return HF_OK;
  default:
    return unexpected_character(in, offset);
  }
}

HF__COLD static hf_status too_complex(const scanner *in, size_t offset, uint32_t max_tokens) {
  scanner silent = *in;
  silent.error = NULL;
  hf__token token;
  (void)scan(&silent, offset, &token);
  /* What begins no token at all counts as one character. */
  uint32_t c;
  size_t length = token.length_bytes > 0 ? token.length_bytes
                                         : hf__utf8_character(in->text, in->end, offset, &c);
  return hf__error_set(in->error, HF_ERROR_TOO_COMPLEX, offset, length,
                       "the condition has more than %u tokens, its end counted as one",
                       (unsigned)max_tokens);
}

hf_status hf__tokenize(const hf_schema *schema, const char *text, size_t length_bytes,
                       uint32_t max_tokens, hf__token *tokens, uint32_t *count, hf_error *error) {
  const scanner in = {.schema = schema, .text = text, .end = length_bytes, .error = error};
  uint32_t written = 0;
  for (size_t offset = 0;;) {
    while (offset < length_bytes && hf__is_space(text[offset])) {
      offset++;
    }
    if (offset == length_bytes) {
      break;
    }
    if (written + 1 >= max_tokens) {
      return too_complex(&in, offset, max_tokens);
    }
    hf_status status = scan(&in, offset, &tokens[written]);
    if (status != HF_OK) {
      return status;
    }
    offset += tokens[written].length_bytes;
    written++;
  }
  tokens[written] = (hf__token){
      .kind = HF__TOKEN_END, .offset_bytes = (uint32_t)length_bytes, .variable = HF_NO_VARIABLE};
  *count = written + 1;
  return HF_OK;
}
