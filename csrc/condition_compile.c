/*
 * From a text to a condition: checks on the whole text, tokens, tree, program.
 *
 * Working memory for conditions within the default limit lies on the stack; a
 * larger one takes a single temporary block.
 */
#include <holdfast/condition.h>

#include "ascii.h"
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
enum { ALWAYS_TOKENS = 2 }; /* the word and the end */

/* A subtree that waits to be copied into the flattened tree. */
typedef struct waiting {
  uint32_t branch;
  uint32_t parent;
} waiting;

/* Working memory; the pointers lead into `small` or into one block. */
typedef struct workspace {
  hf__token *tokens;
  hf__parse_memory parse;
  hf__node *nodes; /* 2 x comparisons */
  waiting *waiting;
  uint32_t *first_tokens; /* of the comparisons, in the order of the text */
  void *block;            /* NULL: small */
  size_t block_bytes;
  hf_allocator allocator;
  struct {
    hf__token tokens[SMALL_TOKENS];
    hf__branch branches[2 * SMALL_COMPARISONS];
    uint32_t operands[SMALL_COMPARISONS];
    hf__pending pending[SMALL_TOKENS];
    hf__node nodes[2 * SMALL_COMPARISONS];
    waiting waiting[SMALL_COMPARISONS];
    uint32_t first_tokens[SMALL_COMPARISONS];
  } small;
} workspace;

static bool workspace_open(workspace *work, size_t tokens, hf_allocator allocator) {
  work->block = NULL;
  work->allocator = allocator;
  if (tokens <= SMALL_TOKENS) {
    work->tokens = work->small.tokens;
    work->parse.branches = work->small.branches;
    work->parse.operands = work->small.operands;
    work->parse.pending = work->small.pending;
    work->nodes = work->small.nodes;
    work->waiting = work->small.waiting;
    work->first_tokens = work->small.first_tokens;
    return true;
  }
  /* In the order of their alignments, so that each begins where it may. */
  size_t comparisons = hf__comparisons_at_most(tokens);
  size_t branches_at = tokens * sizeof(hf__token);
  size_t nodes_at = branches_at + 2 * comparisons * sizeof(hf__branch);
  size_t pending_at = nodes_at + 2 * comparisons * sizeof(hf__node);
  size_t waiting_at = pending_at + tokens * sizeof(hf__pending);
  size_t operands_at = waiting_at + comparisons * sizeof(waiting);
  size_t first_tokens_at = operands_at + comparisons * sizeof(uint32_t);
  work->block_bytes = first_tokens_at + comparisons * sizeof(uint32_t);
  char *block = allocator.allocate(allocator.context, work->block_bytes, _Alignof(max_align_t));
  if (block == NULL) {
    return false;
  }
  work->block = block;
  work->tokens = (hf__token *)(void *)block;
  work->parse.branches = (hf__branch *)(void *)(block + branches_at);
  work->nodes = (hf__node *)(void *)(block + nodes_at);
  work->parse.pending = (hf__pending *)(void *)(block + pending_at);
  work->waiting = (waiting *)(void *)(block + waiting_at);
  work->parse.operands = (uint32_t *)(void *)(block + operands_at);
  work->first_tokens = (uint32_t *)(void *)(block + first_tokens_at);
  return true;
}

static void workspace_close(workspace *work) {
  if (work->block != NULL) {
    work->allocator.deallocate(work->allocator.context, work->block, work->block_bytes,
                               _Alignof(max_align_t));
  }
}

/* Tree --------------------------------------------------------------------- */

/*
 * Copies the binary tree into work->nodes in pre-order, with chains of the same
 * operator as one node, and notes where each comparison's tokens begin. Returns
 * how many nodes there are.
 */
static uint32_t flatten(const workspace *work, uint32_t branch_count) {
  hf__node *nodes = work->nodes;
  uint32_t node_count = 0;
  uint32_t comparison_count = 0;
  size_t top = 0;
  work->waiting[top++] = (waiting){.branch = branch_count - 1, .parent = 0};
  while (top > 0) {
    waiting item = work->waiting[--top];
    const hf__branch *branch = &work->parse.branches[item.branch];
    uint32_t here = item.parent;
    bool is_root = node_count == 0;
    if (is_root || branch->kind != nodes[item.parent].kind) {
      here = node_count++;
      nodes[here] = (hf__node){
          .kind = branch->kind,
          .parent = item.parent,
          .depth = is_root ? 0 : nodes[item.parent].depth + 1,
          .first = comparison_count,
          .end = 0,
          .offset_bytes = branch->start,
          .length_bytes = branch->end - branch->start,
      };
    }
    if (branch->kind == HF_NODE_COMPARISON) {
      work->first_tokens[comparison_count] = branch->left;
      comparison_count++;
      nodes[here].end = comparison_count;
    } else {
      work->waiting[top++] = (waiting){.branch = branch->right, .parent = here};
      work->waiting[top++] = (waiting){.branch = branch->left, .parent = here};
    }
  }
  /* Children stand behind their parents: from the back, each end is known before
   * it is needed. */
  for (uint32_t i = node_count; i-- > 1;) {
    hf__node *parent = &nodes[nodes[i].parent];
    parent->end = nodes[i].end > parent->end ? nodes[i].end : parent->end;
  }
  return node_count;
}

/* Program ------------------------------------------------------------------ */

static hf__side make_side(const hf__token *token, const char *text) {
  hf__side side = {
      .variable = token->variable,
      .offset_bytes = token->offset_bytes,
      .length_bytes = token->length_bytes,
  };
  if (token->kind == HF__TOKEN_NUMBER) {
    side.literal = (hf__cell){.kind = HF_KIND_NUMBER, .number = token->number};
  } else if (token->kind == HF__TOKEN_STRING) {
    side.literal = (hf__cell){.kind = HF_KIND_STRING,
                              .string = text + token->offset_bytes + 1,
                              .length_bytes = token->length_bytes - 2};
  }
  return side;
}

static void write_comparisons(const workspace *work, hf_condition *condition) {
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    const hf__token *tokens = &work->tokens[work->first_tokens[i]];
    condition->comparisons[i] = (hf__comparison){
        .left = make_side(&tokens[0], condition->text),
        .right = make_side(&tokens[2], condition->text),
        .op = tokens[1].op,
    };
  }
}

/* Compile ------------------------------------------------------------------ */

static hf_status out_of_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

/* Builds the condition from work->tokens and work->nodes. */
static hf_status build(const hf_schema *schema, const char *text, hf__shape shape,
                       const workspace *work, hf_condition **condition, hf_error *error) {
  hf_condition *made = hf__program_begin(schema, text, shape, work->allocator);
  if (made == NULL) {
    return out_of_memory(error);
  }
  memcpy(made->nodes, work->nodes, shape.node_count * sizeof *made->nodes);
  write_comparisons(work, made);
  hf_status status = hf__program_complete(made, error);
  if (status == HF_OK) {
    *condition = made;
  }
  return status;
}

/* Whether the whole text is `always`, in any letter case, with white space
 * around it; and then where the word begins. */
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

static hf_status check_limits(const hf_condition_options *options, hf_error *error) {
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

/* From the text to work->tokens and work->nodes. */
static hf_status read_tree(const hf_schema *schema, const char *text, size_t length_bytes,
                           uint32_t max_tokens, workspace *work, uint32_t *token_count,
                           uint32_t *node_count, hf_error *error) {
  hf_status status =
      hf__tokenize(schema, text, length_bytes, max_tokens, work->tokens, token_count, error);
  if (status != HF_OK) {
    return status;
  }
  uint32_t branch_count = 0;
  status = hf__parse(text, work->tokens, &work->parse, &branch_count, error);
  if (status == HF_OK) {
    *node_count = flatten(work, branch_count);
  }
  return status;
}

hf_status hf_condition_compile(const hf_schema *schema, const char *text, size_t length_bytes,
                               const hf_condition_options *options, hf_condition **condition,
                               hf_error *error) {
  hf_condition_options chosen = options == NULL ? hf_condition_options_default() : *options;
  hf_status status = check_limits(&chosen, error);
  if (status != HF_OK) {
    return status;
  }
  status = check_text(text, length_bytes, chosen.max_text_bytes, error);
  if (status != HF_OK) {
    return status;
  }
  /* A text has at most one token a byte, and its end. */
  size_t tokens = length_bytes + 1 < chosen.max_tokens ? length_bytes + 1 : chosen.max_tokens;
  size_t always_offset;
  bool always = is_always(text, length_bytes, &always_offset);
  workspace work;
  if (!workspace_open(&work, always ? ALWAYS_TOKENS : tokens,
                      chosen.allocator == NULL ? hf_allocator_default() : *chosen.allocator)) {
    return out_of_memory(error);
  }
  uint32_t token_count = 0;
  uint32_t node_count = 0;
  if (always) {
    token_count = ALWAYS_TOKENS;
    work.tokens[0] = work.tokens[1] = (hf__token){.kind = HF__TOKEN_END};
    work.nodes[0] = (hf__node){.kind = HF_NODE_ALWAYS,
                               .offset_bytes = (uint32_t)always_offset,
                               .length_bytes = sizeof ALWAYS - 1};
    node_count = 1;
  } else {
    status = read_tree(schema, text, length_bytes, chosen.max_tokens, &work, &token_count,
                       &node_count, error);
  }
  if (status == HF_OK) {
    status = build(schema, text,
                   (hf__shape){.text_bytes = (uint32_t)length_bytes,
                               .token_count = token_count,
                               .comparison_count = work.nodes[0].end,
                               .node_count = node_count},
                   &work, condition, error);
  }
  workspace_close(&work);
  return status;
}
