/*
 * From a text to a condition: checks on the whole text, tokens, tree, program.
 *
 * Working memory for conditions within the default limit lies on the stack; a
 * larger one takes a single temporary block.
 */
#include <holdfast/condition.h>

#include "allocator.h"
#include "ascii.h"
#include "condition_rules.h"
#include "error.h"
#include "parse.h"
#include "program.h"
#include "token.h"
#include "utf8.h"

#include <string.h>

enum {
  SMALL_TOKENS = HF_CONDITION_DEFAULT_MAX_TOKENS,
  SMALL_COMPARISONS = SMALL_TOKENS / 4 + 1,
};

static const char ALWAYS[] = "always";

/* Working memory; the pointers lead into `small` or into one block. */
typedef struct workspace {
  hf__token *tokens;
  hf__parse_memory parse;
  void *block; /* NULL: small */
  size_t block_bytes;
  const hf_allocator *allocator;
  struct {
    hf__token tokens[SMALL_TOKENS];
    hf__join joins[SMALL_COMPARISONS];
    hf__open open[SMALL_TOKENS + 1];
    uint32_t first_tokens[SMALL_COMPARISONS];
    uint32_t outermost[SMALL_COMPARISONS];
  } small;
} workspace;

static bool workspace_open(workspace *work, size_t tokens, const hf_allocator *allocator) {
  work->block = NULL;
  work->allocator = allocator;
  if (tokens <= SMALL_TOKENS) {
    work->tokens = work->small.tokens;
    work->parse = (hf__parse_memory){.first_tokens = work->small.first_tokens,
                                     .outermost = work->small.outermost,
                                     .joins = work->small.joins,
                                     .open = work->small.open};
    return true;
  }
  /* In the order of their alignments, so that each begins where it may. */
  size_t comparisons = hf__comparisons_at_most(tokens);
  size_t joins_at = tokens * sizeof(hf__token);
  size_t open_at = joins_at + comparisons * sizeof(hf__join);
  size_t first_tokens_at = open_at + (tokens + 1) * sizeof(hf__open);
  size_t outermost_at = first_tokens_at + comparisons * sizeof(uint32_t);
  work->block_bytes = outermost_at + comparisons * sizeof(uint32_t);
  char *block = allocator->allocate(allocator->context, work->block_bytes, _Alignof(max_align_t));
  if (block == NULL) {
    return false;
  }
  work->block = block;
  work->tokens = (hf__token *)(void *)block;
  work->parse = (hf__parse_memory){.first_tokens = (uint32_t *)(void *)(block + first_tokens_at),
                                   .outermost = (uint32_t *)(void *)(block + outermost_at),
                                   .joins = (hf__join *)(void *)(block + joins_at),
                                   .open = (hf__open *)(void *)(block + open_at)};
  return true;
}

static void workspace_close(workspace *work) {
  if (work->block != NULL) {
    work->allocator->deallocate(work->allocator->context, work->block, work->block_bytes,
                                _Alignof(max_align_t));
  }
}

/* Program ------------------------------------------------------------------ */

static void write_side(hf__side *side, const hf__token *token, const char *text) {
  side->variable = token->variable;
  side->offset_bytes = token->offset_bytes;
  side->length_bytes = token->length_bytes;
  side->literal = (hf__cell){.kind = HF_KIND_MISSING};
  if (token->kind == HF__TOKEN_NUMBER) {
    side->literal.kind = HF_KIND_NUMBER;
    side->literal.number = token->number;
  } else if (token->kind == HF__TOKEN_STRING) {
    side->literal.kind = HF_KIND_STRING;
    side->literal.string = text + token->offset_bytes + 1;
    side->literal.length_bytes = token->length_bytes - 2;
  }
}

static void write_comparisons(const workspace *work, hf_condition *condition) {
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    const hf__token *tokens = &work->tokens[work->parse.first_tokens[i]];
    hf__comparison *comparison = &condition->comparisons[i];
    write_side(&comparison->left, &tokens[0], condition->text);
    write_side(&comparison->right, &tokens[2], condition->text);
    comparison->op = tokens[1].op;
  }
}

/* In pre-order: before each comparison the joins that begin with it. */
static void write_nodes(const workspace *work, hf_condition *condition) {
  hf__node *nodes = condition->nodes;
  uint32_t count = 0;
  uint32_t inside = 0; /* the innermost join that is not complete */
  uint32_t depth = 0;
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    while (count > 0 && nodes[inside].end <= i) {
      inside = nodes[inside].parent;
      depth--;
    }
    for (uint32_t at = work->parse.outermost[i]; at != HF__NO_JOIN;) {
      const hf__join *join = &work->parse.joins[at - 1];
      hf__node *node = &nodes[count];
      node->kind = join->kind;
      node->parent = inside;
      node->depth = depth;
      node->first = i;
      node->end = join->end;
      node->offset_bytes = join->start_bytes;
      node->length_bytes = join->end_bytes - join->start_bytes;
      inside = count;
      depth++;
      count++;
      at = join->inner;
    }
    const hf__comparison *comparison = &condition->comparisons[i];
    hf__node *node = &nodes[count];
    node->kind = HF_NODE_COMPARISON;
    node->parent = inside;
    node->depth = depth;
    node->first = i;
    node->end = i + 1;
    node->offset_bytes = comparison->left.offset_bytes;
    node->length_bytes = hf__comparison_end(comparison) - comparison->left.offset_bytes;
    count++;
  }
}

/* Compile ------------------------------------------------------------------ */

static hf_status out_of_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

/* From the text to tokens, and to the comparisons and joins over them. */
static hf_status read_text(const hf_schema *schema, const char *text, size_t length_bytes,
                           uint32_t max_tokens, workspace *work, hf__shape *shape,
                           hf_error *error) {
  hf_status status = hf__tokenize(schema, text, length_bytes, max_tokens, work->tokens,
                                  &shape->token_count, error);
  hf__parsed parsed;
  if (status == HF_OK) {
    status = hf__parse(text, work->tokens, &work->parse, &parsed, error);
  }
  if (status == HF_OK) {
    shape->comparison_count = parsed.comparison_count;
    shape->node_count = parsed.comparison_count + parsed.join_count;
    shape->string_count = parsed.string_count;
  }
  return status;
}

static hf_status compile_text(const hf_schema *schema, const char *text, size_t length_bytes,
                              uint32_t max_tokens, const hf_allocator *allocator,
                              hf_condition **condition, hf_error *error) {
  /* A text has at most one token a byte, and its end. */
  size_t tokens = length_bytes + 1 < max_tokens ? length_bytes + 1 : max_tokens;
  workspace work;
  if (!workspace_open(&work, tokens, allocator)) {
    return out_of_memory(error);
  }
  hf__shape shape = {.text_bytes = (uint32_t)length_bytes};
  hf_status status = read_text(schema, text, length_bytes, max_tokens, &work, &shape, error);
  if (status == HF_OK) {
    hf_condition *made = hf__program_begin(schema, text, &shape, allocator);
    if (made == NULL) {
      status = out_of_memory(error);
    } else {
      write_comparisons(&work, made);
      write_nodes(&work, made);
      status = hf__program_complete(made, error);
    }
    if (status == HF_OK) {
      *condition = made;
    }
  }
  workspace_close(&work);
  return status;
}

static hf_status compile_always(const hf_schema *schema, const char *text, size_t length_bytes,
                                size_t word_offset, const hf_allocator *allocator,
                                hf_condition **condition, hf_error *error) {
  hf__shape shape = {
      .text_bytes = (uint32_t)length_bytes, .token_count = HF__ALWAYS_TOKENS, .node_count = 1};
  hf_condition *made = hf__program_begin(schema, text, &shape, allocator);
  if (made == NULL) {
    return out_of_memory(error);
  }
  made->nodes[0] = (hf__node){.kind = HF_NODE_ALWAYS,
                              .offset_bytes = (uint32_t)word_offset,
                              .length_bytes = HF__ALWAYS_BYTES};
  hf_status status = hf__program_complete(made, error);
  if (status == HF_OK) {
    *condition = made;
  }
  return status;
}

/* Whether the whole text is `always`, in any letter case, with white space around
 * it; `word_offset` receives where the word begins. */
static bool is_always(const char *text, size_t length_bytes, size_t *word_offset) {
  size_t start = 0;
  while (start < length_bytes && hf__is_space(text[start])) {
    start++;
  }
  size_t end = length_bytes;
  while (end > start && hf__is_space(text[end - 1])) {
    end--;
  }
  *word_offset = start;
  return end > start && hf__equals_ignoring_case(text + start, end - start, ALWAYS);
}

hf_condition_options hf_condition_options_default(void) {
  return (hf_condition_options){
      .max_tokens = HF_CONDITION_DEFAULT_MAX_TOKENS,
      .max_text_bytes = HF_CONDITION_DEFAULT_MAX_TEXT_BYTES,
      .allocator = NULL,
  };
}

hf_status hf__check_limits(const hf_condition_options *options, hf_error *error) {
  if (options->max_tokens < 2 || options->max_tokens > HF_CONDITION_LIMIT_MAX_TOKENS) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the token limit is %u; it may be 2 to %d", (unsigned)options->max_tokens,
                         HF_CONDITION_LIMIT_MAX_TOKENS);
  }
  if (options->max_text_bytes > HF_CONDITION_LIMIT_MAX_TEXT_BYTES) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the length limit is %u bytes; it may be 0 to %d",
                         (unsigned)options->max_text_bytes, HF_CONDITION_LIMIT_MAX_TEXT_BYTES);
  }
  return HF_OK;
}

static hf_status check_text(const char *text, size_t length_bytes, size_t max_bytes,
                            hf_error *error) {
  size_t valid = hf__utf8_valid_prefix(text, length_bytes);
  if (valid != length_bytes) {
    return hf__error_set(error, HF_ERROR_INVALID_UTF8, valid, 1,
                         "the byte 0x%02X at offset %zu is not UTF-8",
                         (unsigned)(unsigned char)text[valid], valid);
  }
  if (length_bytes > max_bytes) {
    return hf__error_set(error, HF_ERROR_TEXT_TOO_LONG, max_bytes, length_bytes - max_bytes,
                         "the condition has %zu bytes; at most %zu are allowed", length_bytes,
                         max_bytes);
  }
  return HF_OK;
}

hf_status hf_condition_compile(const hf_schema *schema, const char *text, size_t length_bytes,
                               const hf_condition_options *options, hf_condition **condition,
                               hf_error *error) {
  hf_condition_options chosen = options == NULL ? hf_condition_options_default() : *options;
  hf_status status = hf__check_limits(&chosen, error);
  if (status == HF_OK) {
    status = check_text(text, length_bytes, chosen.max_text_bytes, error);
  }
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *allocator =
      chosen.allocator == NULL ? &hf__allocator_default : chosen.allocator;
  size_t word_offset;
  return is_always(text, length_bytes, &word_offset)
             ? compile_always(schema, text, length_bytes, word_offset, allocator, condition, error)
             : compile_text(schema, text, length_bytes, chosen.max_tokens, allocator, condition,
                            error);
}
