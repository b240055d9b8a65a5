/* Tokens in, the `and` and `or` over comparisons out. */
#ifndef HF_PARSE_H
#define HF_PARSE_H

#include "program.h"
#include "token.h"

/* No join; otherwise its index and 1. */
enum { HF__NO_JOIN = 0 };

/* An `and` or `or` over two things or more, none of them of its own kind. */
typedef struct hf__join {
  hf_node_kind kind;
  uint32_t first; /* the first comparison below it */
  uint32_t end;   /* one past the last */
  uint32_t start_bytes;
  uint32_t end_bytes;
  uint32_t inner; /* the join inside that begins at the same comparison, or none */
} hf__join;

/* What is open: a parenthesis, or a join that takes more operands. */
typedef struct hf__open {
  uint32_t join; /* HF__NO_JOIN: a parenthesis */
  /* A parenthesis: where the level around it, and the operand there, began. */
  uint32_t level_start_bytes;
  uint32_t operand_start_bytes;
} hf__open;

/* How many comparisons `token_count` tokens can hold: three each, one between. */
static inline size_t hf__comparisons_at_most(size_t token_count) {
  return token_count / 4 + 1;
}

/* Room for parsing. */
typedef struct hf__parse_memory {
  uint32_t *first_tokens; /* of each comparison; as many as comparisons at most */
  uint32_t *outermost;    /* the outermost join that begins at each, or none */
  hf__join *joins;        /* as many as comparisons at most */
  hf__open *open;         /* as many as tokens, and one */
} hf__parse_memory;

/* What came out, beside the memory. */
typedef struct hf__parsed {
  uint32_t comparison_count;
  uint32_t join_count;   /* that a comparison leads to; the others were dropped */
  uint32_t string_count; /* string literals */
} hf__parsed;

/*
 * Parses `tokens`, of which the last is HF__TOKEN_END.
 *
 * Returns HF_OK or the first syntax error from the left. Cost: O(tokens), with a
 * stack of its own: input cannot deepen the machine's.
 */
HF_MUST_USE hf_status hf__parse(const char *text, const hf__token *tokens,
                                const hf__parse_memory *memory, hf__parsed *parsed,
                                hf_error *error);

#endif
