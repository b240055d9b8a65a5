/*
 * An operator-precedence parser (E. W. Dijkstra's shunting yard, 1961).
 *
 *     expr       := and_expr { "or" and_expr }
 *     and_expr   := comparison { "and" comparison }
 *     comparison := "(" expr ")" | value OPERATOR value
 *     value      := NUMBER | STRING | VARIABLE
 */
#include "parse.h"

#include "error.h"

typedef struct parser {
  const char *text;
  const hf__token *tokens;
  const hf__parse_memory *memory;
  hf_error *error; /* may be NULL */
  uint32_t next;   /* token */
  uint32_t branch_count;
  uint32_t operand_count;
  uint32_t pending_count;
  uint32_t open; /* parentheses */
} parser;

/* Faults ------------------------------------------------------------------- */

static hf_status fail(const parser *in, hf_status status, const char *expected) {
  const hf__token *found = &in->tokens[in->next];
  if (found->kind == HF__TOKEN_END) {
    return hf__error_set(in->error, status, found->offset_bytes, 0,
                         "expected %s, found the end of the condition", expected);
  }
  hf__quote found_text;
  hf__quoted(&found_text, in->text + found->offset_bytes, found->length_bytes);
  /* A string brings its own quotes. */
  const char *quote = found->kind == HF__TOKEN_STRING ? "" : "'";
  return hf__error_set(in->error, status, found->offset_bytes, found->length_bytes,
                       "expected %s, found %s%s%s", expected, quote, found_text.text, quote);
}

static bool is_value(hf__token_kind kind) {
  return kind == HF__TOKEN_NUMBER || kind == HF__TOKEN_STRING || kind == HF__TOKEN_VARIABLE;
}

/* Tree --------------------------------------------------------------------- */

static void push_branch(parser *in, hf__branch branch) {
  branch.outer_start = branch.start;
  branch.outer_end = branch.end;
  in->memory->branches[in->branch_count] = branch;
  in->memory->operands[in->operand_count] = in->branch_count;
  in->branch_count++;
  in->operand_count++;
}

/* Joins the last two operands by the last pending operator. */
static void join(parser *in) {
  const hf__parse_memory *memory = in->memory;
  hf__token_kind kind = memory->pending[in->pending_count - 1].kind;
  uint32_t left = memory->operands[in->operand_count - 2];
  uint32_t right = memory->operands[in->operand_count - 1];
  in->pending_count--;
  in->operand_count -= 2;
  push_branch(in, (hf__branch){
                      .kind = kind == HF__TOKEN_AND ? HF_NODE_AND : HF_NODE_OR,
                      .left = left,
                      .right = right,
                      .start = memory->branches[left].outer_start,
                      .end = memory->branches[right].outer_end,
                  });
}

/* Joins what binds at least as tightly as `kind`; all up to the open
 * parenthesis for any other kind than `and`. */
static void join_tighter(parser *in, hf__token_kind kind) {
  while (in->pending_count > 0) {
    hf__token_kind top = in->memory->pending[in->pending_count - 1].kind;
    if (top == HF__TOKEN_LPAREN || (kind == HF__TOKEN_AND && top == HF__TOKEN_OR)) {
      return;
    }
    join(in);
  }
}

static void push_pending(parser *in) {
  const hf__token *token = &in->tokens[in->next];
  in->memory->pending[in->pending_count] =
      (hf__pending){.kind = token->kind, .offset_bytes = token->offset_bytes};
  in->pending_count++;
  in->next++;
}

/* Grammar ------------------------------------------------------------------ */

static hf_status parse_comparison(parser *in) {
  uint32_t first = in->next;
  if (!is_value(in->tokens[in->next].kind)) {
    return fail(in, HF_ERROR_EXPECTED_VALUE, "a number, a quoted string, a variable or '('");
  }
  in->next++;
  if (in->tokens[in->next].kind != HF__TOKEN_OPERATOR) {
    return fail(in, HF_ERROR_EXPECTED_OPERATOR, "one of >=, <=, >, <, == and !=");
  }
  in->next++;
  const hf__token *right = &in->tokens[in->next];
  if (!is_value(right->kind)) {
    return fail(in, HF_ERROR_EXPECTED_VALUE, "a number, a quoted string or a variable");
  }
  in->next++;
  push_branch(in, (hf__branch){
                      .kind = HF_NODE_COMPARISON,
                      .left = first,
                      .start = in->tokens[first].offset_bytes,
                      .end = right->offset_bytes + right->length_bytes,
                  });
  return HF_OK;
}

/* All `)` that follow a complete expression. */
static void close_parentheses(parser *in) {
  while (in->open > 0 && in->tokens[in->next].kind == HF__TOKEN_RPAREN) {
    join_tighter(in, HF__TOKEN_RPAREN);
    const hf__token *close = &in->tokens[in->next];
    hf__branch *inside = &in->memory->branches[in->memory->operands[in->operand_count - 1]];
    inside->outer_start = in->memory->pending[in->pending_count - 1].offset_bytes;
    inside->outer_end = close->offset_bytes + close->length_bytes;
    in->pending_count--;
    in->open--;
    in->next++;
  }
}

hf_status hf__parse(const char *text, const hf__token *tokens, const hf__parse_memory *memory,
                    uint32_t *branch_count, hf_error *error) {
  parser in = {.text = text, .tokens = tokens, .memory = memory, .error = error};
  for (;;) {
    while (tokens[in.next].kind == HF__TOKEN_LPAREN) {
      push_pending(&in);
      in.open++;
    }
    hf_status status = parse_comparison(&in);
    if (status != HF_OK) {
      return status;
    }
    close_parentheses(&in);
    hf__token_kind kind = tokens[in.next].kind;
    if (kind != HF__TOKEN_AND && kind != HF__TOKEN_OR) {
      break;
    }
    join_tighter(&in, kind);
    push_pending(&in);
  }
  if (in.open > 0) {
    return fail(&in, HF_ERROR_EXPECTED_RPAREN, "')', 'and' or 'or'");
  }
  if (tokens[in.next].kind != HF__TOKEN_END) {
    return fail(&in, HF_ERROR_UNEXPECTED_TOKEN, "'and', 'or' or the end of the condition");
  }
  join_tighter(&in, HF__TOKEN_END);
  *branch_count = in.branch_count;
  return HF_OK;
}
