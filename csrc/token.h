/* Tokens of the condition language: text in, an array of tokens out. */
#ifndef HF_TOKEN_H
#define HF_TOKEN_H

#include <holdfast/base.h>
#include <holdfast/condition.h>
#include <holdfast/schema.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

typedef enum hf__token_kind {
  HF__TOKEN_END,
  HF__TOKEN_NUMBER,
  HF__TOKEN_STRING,
  HF__TOKEN_VARIABLE,
  HF__TOKEN_OPERATOR,
  HF__TOKEN_AND,
  HF__TOKEN_OR,
  HF__TOKEN_LPAREN,
  HF__TOKEN_RPAREN
} hf__token_kind;

typedef struct hf__token {
  hf__token_kind kind;
  hf_operator op;        /* OPERATOR */
  uint32_t variable;     /* VARIABLE: schema index */
  uint32_t offset_bytes; /* of a string: its opening quote */
  uint32_t length_bytes; /* of a string: both quotes counted; of the end: 0 */
  double number;         /* NUMBER */
} hf__token;

/*
 * Scans `text`, which must be UTF-8 and shorter than 4 GiB.
 *
 * tokens  room for min(max_tokens, length + 1) tokens; the last one written is
 *         HF__TOKEN_END.
 * count   receives how many, the end counted.
 * error   receives the first fault from the left. A token that would be number
 *         max_tokens and is not the end is HF_ERROR_TOO_COMPLEX, whatever it is.
 *
 * Threads: any. Cost: O(length), no allocation.
 */
HF_MUST_USE hf_status hf__tokenize(const hf_schema *schema, const char *HF_NULLABLE text,
                                   size_t length_bytes, uint32_t max_tokens, hf__token *tokens,
                                   uint32_t *count, hf_error *HF_NULLABLE error);

HF_END_NONNULL
HF_END_C

#endif
