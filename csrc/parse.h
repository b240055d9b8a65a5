/* Tokens in, a binary tree out. */
#ifndef HF_PARSE_H
#define HF_PARSE_H

#include "program.h"
#include "token.h"

/* A node of the tree: a comparison, or `and`/`or` over two nodes before it. */
typedef struct hf__branch {
  hf_node_kind kind;
  uint32_t left; /* COMPARISON: the index of its first token of three */
  uint32_t right;
  uint32_t start; /* its place in the text, in bytes */
  uint32_t end;
  uint32_t outer_start; /* the same with the parentheses around it */
  uint32_t outer_end;
} hf__branch;

/* An operator or parenthesis that waits for its right side. */
typedef struct hf__pending {
  hf__token_kind kind;
  uint32_t offset_bytes;
} hf__pending;

/* How many comparisons `token_count` tokens can hold: three each, one between. */
static inline size_t hf__comparisons_at_most(size_t token_count) {
  return token_count / 4 + 1;
}

/* Room for parsing: see the sizes. */
typedef struct hf__parse_memory {
  hf__branch *branches; /* 2 x comparisons at most */
  uint32_t *operands;   /* comparisons at most */
  hf__pending *pending; /* tokens */
} hf__parse_memory;

/*
 * Parses `tokens`, of which the last is HF__TOKEN_END. On success the tree is in
 * memory->branches[0 .. *branch_count), children before parents, comparisons in
 * the order of the text, the root last.
 *
 * Returns HF_OK or the first syntax error from the left. Cost: O(tokens), with a
 * stack of its own: input cannot deepen the machine's.
 */
HF_MUST_USE hf_status hf__parse(const char *text, const hf__token *tokens,
                                const hf__parse_memory *memory, uint32_t *branch_count,
                                hf_error *error);

#endif
