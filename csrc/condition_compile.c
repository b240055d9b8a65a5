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
#include "schema.h"
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

/*
 * Where to go on after each node: a false child decides an `and`, a true one an
 * `or`; the other way leads to the next child, and from the last child to where
 * its parent leads. Parents stand before their children.
 */
static void aim(hf__node *nodes, uint32_t node_count) {
  nodes[0].on_true = HF__TARGET_TRUE;
  nodes[0].on_false = HF__TARGET_FALSE;
  for (uint32_t i = 1; i < node_count; i++) {
    hf__node *node = &nodes[i];
    const hf__node *parent = &nodes[node->parent];
    bool is_last = node->end == parent->end;
    node->on_true = is_last || parent->kind == HF_NODE_OR ? parent->on_true : node->end;
    node->on_false = is_last || parent->kind == HF_NODE_AND ? parent->on_false : node->end;
  }
}

static void write_comparisons(const workspace *work, const hf__node *nodes, uint32_t node_count,
                              const char *text, hf__comparison *comparisons) {
  for (uint32_t i = 0; i < node_count; i++) {
    if (nodes[i].kind != HF_NODE_COMPARISON) {
      continue;
    }
    const hf__token *tokens = &work->tokens[work->first_tokens[nodes[i].first]];
    comparisons[nodes[i].first] = (hf__comparison){
        .left = make_side(&tokens[0], text),
        .right = make_side(&tokens[2], text),
        .op = tokens[1].op,
        .on_true = nodes[i].on_true,
        .on_false = nodes[i].on_false,
    };
  }
}

/* Copies each variable of the tokens once, in order, and counts them; with NULL
 * only counts. */
static uint32_t collect_variables(const hf__token *tokens, uint32_t token_count,
                                  uint32_t *variables) {
  uint64_t seen[HF_SCHEMA_MAX_VARIABLES / 64] = {0};
  uint32_t count = 0;
  for (uint32_t i = 0; i < token_count; i++) {
    uint32_t variable = tokens[i].variable;
    if (tokens[i].kind != HF__TOKEN_VARIABLE || (seen[variable / 64] >> (variable % 64) & 1) != 0) {
      continue;
    }
    seen[variable / 64] |= UINT64_C(1) << (variable % 64);
    if (variables != NULL) {
      variables[count] = variable;
    }
    count++;
  }
  return count;
}

/* Types -------------------------------------------------------------------- */

/* What is known of a side before any value: HF_TYPE_ANY when nothing is. A
 * boolean orders as a number. */
static hf_type known_type(const hf_schema *schema, const hf__side *side) {
  if (side->variable != HF_NO_VARIABLE) {
    hf_type type = schema->variables[side->variable].type;
    return type == HF_TYPE_BOOLEAN ? HF_TYPE_NUMBER : type;
  }
  return side->literal.kind == HF_KIND_STRING ? HF_TYPE_STRING : HF_TYPE_NUMBER;
}

static const char *side_type_name(const hf_schema *schema, const hf__side *side) {
  return side->variable != HF_NO_VARIABLE ? hf_type_name(schema->variables[side->variable].type)
                                          : hf_kind_name((hf_kind)side->literal.kind);
}

static hf_status check_types(const hf_condition *condition, hf_error *error) {
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    const hf__comparison *c = &condition->comparisons[i];
    hf_type left = known_type(condition->schema, &c->left);
    hf_type right = known_type(condition->schema, &c->right);
    bool literals = c->left.variable == HF_NO_VARIABLE && c->right.variable == HF_NO_VARIABLE;
    if (!hf__is_ordering(c->op) || left == right || left == HF_TYPE_ANY || right == HF_TYPE_ANY ||
        literals) {
      continue;
    }
    const hf__side *named = c->left.variable != HF_NO_VARIABLE ? &c->left : &c->right;
    const hf__side *other = named == &c->left ? &c->right : &c->left;
    hf__error_set(error, HF_ERROR_TYPE_MISMATCH, c->left.offset_bytes,
                  hf__comparison_end(c) - c->left.offset_bytes,
                  "variable '%s' is declared as %s, which has no order with a %s",
                  condition->schema->variables[named->variable].name,
                  side_type_name(condition->schema, named),
                  side_type_name(condition->schema, other));
    if (error != NULL) {
      error->variable = named->variable;
    }
    return HF_ERROR_TYPE_MISMATCH;
  }
  return HF_OK;
}

/* Compile ------------------------------------------------------------------ */

/* Where the parts of a condition lie in its block. */
typedef struct layout {
  size_t comparisons_at;
  size_t nodes_at;
  size_t variables_at;
  size_t text_at;
  size_t size_bytes;
} layout;

static layout lay_out(size_t comparisons, size_t nodes, size_t variables, size_t text_bytes) {
  layout at;
  at.comparisons_at = sizeof(hf_condition);
  at.nodes_at = at.comparisons_at + comparisons * sizeof(hf__comparison);
  at.variables_at = at.nodes_at + nodes * sizeof(hf__node);
  at.text_at = at.variables_at + variables * sizeof(uint32_t);
  at.size_bytes = at.text_at + text_bytes + 1;
  return at;
}

static hf_status out_of_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

/* Builds the condition from work->tokens and work->nodes. */
static hf_status build(const hf_schema *schema, const char *text, size_t length_bytes,
                       const workspace *work, uint32_t token_count, uint32_t node_count,
                       hf_condition **condition, hf_error *error) {
  hf_allocator from = work->allocator;
  uint32_t comparison_count = work->nodes[0].end;
  uint32_t variable_count = collect_variables(work->tokens, token_count, NULL);
  layout at = lay_out(comparison_count, node_count, variable_count, length_bytes);
  char *block = from.allocate(from.context, at.size_bytes, _Alignof(max_align_t));
  if (block == NULL) {
    return out_of_memory(error);
  }
  hf_condition *made = (hf_condition *)(void *)block;
  hf__comparison *comparisons = (hf__comparison *)(void *)(block + at.comparisons_at);
  hf__node *nodes = (hf__node *)(void *)(block + at.nodes_at);
  uint32_t *variables = (uint32_t *)(void *)(block + at.variables_at);
  char *copy = block + at.text_at;
  if (length_bytes > 0) {
    memcpy(copy, text, length_bytes);
  }
  copy[length_bytes] = '\0';
  *made = (hf_condition){
      .schema = schema,
      .allocator = from,
      .size_bytes = at.size_bytes,
      .comparisons = comparisons,
      .nodes = nodes,
      .variables = variables,
      .text = copy,
      .comparison_count = comparison_count,
      .node_count = node_count,
      .variable_count = variable_count,
      .text_bytes = (uint32_t)length_bytes,
      .token_count = token_count,
  };
  memcpy(nodes, work->nodes, node_count * sizeof *nodes);
  aim(nodes, node_count);
  collect_variables(work->tokens, token_count, variables);
  write_comparisons(work, nodes, node_count, copy, comparisons);
  hf_status status = check_types(made, error);
  if (status != HF_OK) {
    from.deallocate(from.context, block, at.size_bytes, _Alignof(max_align_t));
    return status;
  }
  hf_schema_retain(schema);
  *condition = made;
  return HF_OK;
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
    status = build(schema, text, length_bytes, &work, token_count, node_count, condition, error);
  }
  workspace_close(&work);
  return status;
}

void hf_condition_destroy(hf_condition *condition) {
  if (condition == NULL) {
    return;
  }
  hf_allocator from = condition->allocator;
  hf_schema_release(condition->schema);
  from.deallocate(from.context, condition, condition->size_bytes, _Alignof(max_align_t));
}
