/*
 * An operator-precedence parser, with `and` and `or` gathered into joins as they
 * are met.
 *
 *     expr       := and_expr { "or" and_expr }
 *     and_expr   := comparison { "and" comparison }
 *     comparison := "(" expr ")" | value OPERATOR value
 *     value      := NUMBER | STRING | VARIABLE
 *
 * Inside one pair of parentheses at most two joins are open: an `or`, and in it
 * an `and`. A join begins when its first operator is met, after its first operand
 * is complete: joins that begin at the same comparison are chained from the
 * outermost to the innermost.
 */
#include "parse.h"

#include "error.h"

/* What was completed last, and may become an operand. */
typedef struct operand {
  uint32_t first; /* comparison */
  uint32_t join;  /* HF__NO_JOIN: a single comparison */
} operand;

typedef struct parser {
  const char *text;
  const hf__token *tokens;
  hf__parse_memory memory;
  hf_error *error; /* may be NULL */
  uint32_t next;   /* token */
  uint32_t comparison_count;
  uint32_t made_count; /* joins, with those that were dropped */
  uint32_t join_count; /* without */
  uint32_t string_count;
  uint32_t open_count;
  uint32_t parentheses;
  uint32_t level_start_bytes;   /* of what the innermost open parenthesis holds */
  uint32_t operand_start_bytes; /* of the operand that is being read there */
  uint32_t end_bytes;           /* of what was read last */
  operand last;
} parser;

/* Faults ------------------------------------------------------------------- */

HF__COLD static hf_status fail(const char *text, const hf__token *found, hf_error *error,
                               hf_status status, const char *expected) {
  if (found->kind == HF__TOKEN_END) {
    return hf__error_set(error, status, found->offset_bytes, 0,
                         "expected %s, found the end of the condition", expected);
  }
  hf__quote found_text;
  hf__quoted(&found_text, text + found->offset_bytes, found->length_bytes);
  /* A string brings its own quotes. */
  const char *quote = found->kind == HF__TOKEN_STRING ? "" : "'";
  return hf__error_set(error, status, found->offset_bytes, found->length_bytes,
                       "expected %s, found %s%s%s", expected, quote, found_text.text, quote);
}

HF__INLINE bool is_value(hf__token_kind kind) {
  return kind == HF__TOKEN_NUMBER || kind == HF__TOKEN_STRING || kind == HF__TOKEN_VARIABLE;
}

/* Joins -------------------------------------------------------------------- */

HF__INLINE hf__join *join_at(const parser *in, uint32_t join) {
  return &in->memory.joins[join - 1];
}

HF__INLINE void push(parser *in, hf__open open) {
  in->memory.open[in->open_count] = open;
  in->open_count++;
}

/* The join that is open on this level, innermost, or none. */
HF__INLINE uint32_t open_join(const parser *in) {
  return in->memory.open[in->open_count - 1].join;
}

/* Opens a join whose first operand is the last one. */
HF__INLINE void begin_join(parser *in, hf_node_kind kind, uint32_t start_bytes) {
  uint32_t join = in->last.join;
  if (join == HF__NO_JOIN || join_at(in, join)->kind != kind) {
    uint32_t *outermost = &in->memory.outermost[in->last.first];
    in->made_count++;
    in->join_count++;
    join = in->made_count;
    *join_at(in, join) = (hf__join){.kind = kind, .first = in->last.first, .inner = *outermost};
    *outermost = join;
  } /* else `(a and b) and c`: the one inside goes on */
  join_at(in, join)->start_bytes = start_bytes;
  push(in, (hf__open){.join = join});
}

/* Makes the last operand one of the join's. */
HF__INLINE void take_operand(parser *in, uint32_t join) {
  uint32_t inside = in->last.join;
  if (inside != HF__NO_JOIN && join_at(in, inside)->kind == join_at(in, join)->kind) {
    /* `a and (b and c)`: its operands are the outer one's. Nothing that begins
     * where it does is outside of it, so it is first in the chain. */
    in->memory.outermost[join_at(in, inside)->first] = join_at(in, inside)->inner;
    in->join_count--;
  }
}

/* The innermost open join is complete, and is the last operand. */
HF__INLINE void end_join(parser *in) {
  uint32_t join = open_join(in);
  take_operand(in, join);
  in->open_count--;
  join_at(in, join)->end = in->comparison_count;
  join_at(in, join)->end_bytes = in->end_bytes;
  in->last = (operand){.first = join_at(in, join)->first, .join = join};
}

HF__INLINE void end_level(parser *in) {
  while (open_join(in) != HF__NO_JOIN) {
    end_join(in);
  }
}

HF__INLINE void read_operator(parser *in, hf__token_kind token) {
  hf_node_kind kind = token == HF__TOKEN_AND ? HF_NODE_AND : HF_NODE_OR;
  uint32_t open = open_join(in);
  if (kind == HF_NODE_OR && open != HF__NO_JOIN && join_at(in, open)->kind == HF_NODE_AND) {
    end_join(in);
    open = open_join(in);
  }
  if (open != HF__NO_JOIN && join_at(in, open)->kind == kind) {
    take_operand(in, open);
  } else {
    begin_join(in, kind, kind == HF_NODE_OR ? in->level_start_bytes : in->operand_start_bytes);
  }
  in->next++;
  in->operand_start_bytes = in->tokens[in->next].offset_bytes;
}

/* Parentheses and comparisons ---------------------------------------------- */

HF__INLINE void open_parentheses(parser *in) {
  while (in->tokens[in->next].kind == HF__TOKEN_LPAREN) {
    push(in, (hf__open){.join = HF__NO_JOIN,
                        .level_start_bytes = in->level_start_bytes,
                        .operand_start_bytes = in->operand_start_bytes});
    in->parentheses++;
    in->next++;
    in->level_start_bytes = in->tokens[in->next].offset_bytes;
    in->operand_start_bytes = in->level_start_bytes;
  }
}

/* All `)` that follow a complete expression. */
HF__INLINE void close_parentheses(parser *in) {
  while (in->parentheses > 0 && in->tokens[in->next].kind == HF__TOKEN_RPAREN) {
    end_level(in);
    in->open_count--;
    in->parentheses--;
    const hf__open *closed = &in->memory.open[in->open_count];
    in->level_start_bytes = closed->level_start_bytes;
    in->operand_start_bytes = closed->operand_start_bytes;
    in->end_bytes = in->tokens[in->next].offset_bytes + in->tokens[in->next].length_bytes;
    in->next++;
  }
}

HF__INLINE hf_status read_comparison(parser *in) {
  uint32_t first = in->next;
  if (!is_value(in->tokens[in->next].kind)) {
    return fail(in->text, &in->tokens[in->next], in->error, HF_ERROR_EXPECTED_VALUE,
                "a number, a quoted string, a variable or '('");
  }
  in->next++;
  if (in->tokens[in->next].kind != HF__TOKEN_OPERATOR) {
    return fail(in->text, &in->tokens[in->next], in->error, HF_ERROR_EXPECTED_OPERATOR,
                "one of >=, <=, >, <, == and !=");
  }
  in->next++;
  const hf__token *right = &in->tokens[in->next];
  if (!is_value(right->kind)) {
    return fail(in->text, &in->tokens[in->next], in->error, HF_ERROR_EXPECTED_VALUE,
                "a number, a quoted string or a variable");
  }
  in->next++;
  in->string_count += (unsigned)(in->tokens[first].kind == HF__TOKEN_STRING) +
                      (unsigned)(right->kind == HF__TOKEN_STRING);
  in->end_bytes = right->offset_bytes + right->length_bytes;
  in->last = (operand){.first = in->comparison_count, .join = HF__NO_JOIN};
  in->memory.first_tokens[in->comparison_count] = first;
  in->memory.outermost[in->comparison_count] = HF__NO_JOIN;
  in->comparison_count++;
  return HF_OK;
}

hf_status hf__parse(const char *text, const hf__token *tokens, const hf__parse_memory *memory,
                    hf__parsed *parsed, hf_error *error) {
  parser in = {.text = text,
               .tokens = tokens,
               .memory = *memory,
               .error = error,
               .level_start_bytes = tokens[0].offset_bytes,
               .operand_start_bytes = tokens[0].offset_bytes};
  push(&in, (hf__open){.join = HF__NO_JOIN}); /* around everything */
  for (;;) {
    open_parentheses(&in);
    hf_status status = read_comparison(&in);
    if (status != HF_OK) {
      return status;
    }
    close_parentheses(&in);
    hf__token_kind kind = tokens[in.next].kind;
    if (kind != HF__TOKEN_AND && kind != HF__TOKEN_OR) {
      break;
    }
    read_operator(&in, kind);
  }
  if (in.parentheses > 0) {
    return fail(text, &tokens[in.next], error, HF_ERROR_EXPECTED_RPAREN, "')', 'and' or 'or'");
  }
  if (tokens[in.next].kind != HF__TOKEN_END) {
    return fail(text, &tokens[in.next], error, HF_ERROR_UNEXPECTED_TOKEN,
                "'and', 'or' or the end of the condition");
  }
  end_level(&in);
  *parsed = (hf__parsed){.comparison_count = in.comparison_count,
                         .join_count = in.join_count,
                         .string_count = in.string_count};
  return HF_OK;
}
