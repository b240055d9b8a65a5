/*
 * Whether a text says what a program does.
 *
 * An image brings both, and somebody may have made it so that its text, which
 * people read, promises one thing and its program, which decides, does another.
 * The program shows the way through the text: each name, operator and literal
 * has to stand where the program has it, with nothing between them but white
 * space, parentheses, `and` and `or`.
 *
 * What is left is the tree. Give each `and` and `or` of the text a level: twice
 * the parentheses around it, one more for `and`. The text groups as the tree
 * does when every operator of a node has a higher level than the operators
 * right before and right behind all that the node spans: then, seen from
 * outside, the node binds as a whole. An operator that is as high as its
 * neighbour in the same group belongs to the same node, which is how flattening
 * joins them.
 *
 * Levels are counted from 1; 0 stands for the beginning and the end of the text.
 * Until a node has its place, its offset_bytes is the level before it (and, once
 * it is closed, where it ends) and its length_bytes the fewest parentheses
 * around one of its operators. A comparison's are where it ends and how many
 * stand around it.
 */
#include "condition_image.h"

#include "ascii.h"
#include "condition_rules.h"
#include "decimal.h"
#include "error.h"

#include <math.h>
#include <string.h>

typedef struct walk {
  const hf_condition *condition;
  const char *text;
  uint32_t next;
  uint32_t end;
  uint32_t depth; /* open parentheses */
  uint32_t tokens;
  size_t text_at;
  hf_error *error; /* may be NULL */
} walk;

static hf_status differs(const walk *in, uint32_t length_bytes, const char *message) {
  return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, in->text_at + in->next, length_bytes,
                       "the text differs from the program: %s", message);
}

/* Pieces of text -----------------------------------------------------------
 *
 * A condition's text ends with a NUL, which begins none of them.
 */

static void skip_spaces(walk *in) {
  while (hf__is_space(in->text[in->next])) {
    in->next++;
  }
}

static bool pass_parenthesis(walk *in, char parenthesis) {
  if (in->text[in->next] != parenthesis) {
    return false;
  }
  in->next++;
  in->tokens++;
  return true;
}

static bool pass_symbol(walk *in, hf_operator op) {
  static const char symbols[][2] = {
      [HF_OPERATOR_EQUAL] = {'=', '='}, [HF_OPERATOR_NOT_EQUAL] = {'!', '='},
      [HF_OPERATOR_LESS] = {'<'},       [HF_OPERATOR_LESS_OR_EQUAL] = {'<', '='},
      [HF_OPERATOR_GREATER] = {'>'},    [HF_OPERATOR_GREATER_OR_EQUAL] = {'>', '='},
  };
  const char *text = in->text + in->next;
  const char *symbol = symbols[op];
  if (text[0] != symbol[0] || (symbol[1] != '\0' && text[1] != symbol[1])) {
    return false;
  }
  in->next += symbol[1] != '\0' ? 2 : 1;
  in->tokens++;
  return true;
}

/* Passes `and` or `or` if it stands here, and no letter or digit follows. */
static bool pass_word(walk *in, hf_node_kind kind) {
  const char *text = in->text + in->next;
  bool is_and = kind == HF_NODE_AND;
  bool is_there = is_and ? text[0] == 'a' && text[1] == 'n' && text[2] == 'd'
                         : text[0] == 'o' && text[1] == 'r';
  uint32_t length = is_and ? 3 : 2;
  if (!is_there || (text[length] != '_' && hf__is_name_part(text[length]))) {
    return false;
  }
  in->next += length;
  in->tokens++;
  return true;
}

/* Operands ----------------------------------------------------------------- */

static bool is_name(const walk *in, const hf__side *side) {
  const char *name = hf_schema_variable(in->condition->schema, side->variable).name;
  return memcmp(in->text + side->offset_bytes, name, side->length_bytes) == 0 &&
         !hf__is_name_part(in->text[side->offset_bytes + side->length_bytes]);
}

/* Quotes at both ends, and none of the kind within. */
static bool is_string(const walk *in, const hf__side *side) {
  const char *text = in->text + side->offset_bytes;
  uint32_t last = side->length_bytes - 1;
  return (text[0] == '\'' || text[0] == '"') &&
         memchr(text + 1, text[0], side->length_bytes - 1) == text + last;
}

/* Digits with at most one point, and they are the number, which has no sign. What
 * may follow an operand is no part of a number. */
static bool is_number(const walk *in, const hf__side *side) {
  const char *text = in->text + side->offset_bytes;
  uint32_t points = 0;
  for (uint32_t i = 0; i < side->length_bytes; i++) {
    points += text[i] == '.';
    if (text[i] != '.' && !hf__is_digit(text[i])) {
      return false;
    }
  }
  double number;
  return points <= 1 && side->length_bytes > points &&
         hf__decimal_parse(text, side->length_bytes, &number) == HF_OK &&
         number == side->literal.number && !signbit(side->literal.number);
}

static hf_status pass_side(walk *in, const hf__side *side) {
  skip_spaces(in);
  if (side->offset_bytes != in->next) {
    return differs(in, 0, "an operand has another place");
  }
  bool same = side->variable != HF_NO_VARIABLE       ? is_name(in, side)
              : side->literal.kind == HF_KIND_STRING ? is_string(in, side)
                                                     : is_number(in, side);
  if (!same) {
    return differs(in, side->length_bytes, "an operand is another");
  }
  in->next += side->length_bytes;
  in->tokens++;
  return HF_OK;
}

static hf_status pass_comparison(walk *in, const hf__comparison *comparison) {
  hf_status status = pass_side(in, &comparison->left);
  if (status != HF_OK) {
    return status;
  }
  skip_spaces(in);
  if (!pass_symbol(in, comparison->op)) {
    return differs(in, 0, "a comparison has another operator");
  }
  return pass_side(in, &comparison->right);
}

/* Groups ------------------------------------------------------------------- */

static void open_parentheses(walk *in) {
  skip_spaces(in);
  while (pass_parenthesis(in, '(')) {
    in->depth++;
    skip_spaces(in);
  }
}

static uint32_t level_of(uint32_t parentheses, hf_node_kind kind) {
  return 2 * parentheses + (kind == HF_NODE_AND ? 1 : 0) + 1;
}

/*
 * Passes the parentheses that close behind comparison node `leaf`, and tells the
 * nodes that end with it where that is: a node ends where no more parentheses
 * are around than around its operators. `outermost` receives the highest of
 * those nodes, or the leaf.
 */
static hf_status close_nodes(walk *in, uint32_t leaf, uint32_t *outermost) {
  hf__node *nodes = in->condition->nodes;
  uint32_t node = leaf;
  uint32_t end = in->next;
  for (;;) {
    while (node != 0 && nodes[nodes[node].parent].end == nodes[leaf].end &&
           nodes[nodes[node].parent].length_bytes == in->depth) {
      node = nodes[node].parent;
      nodes[node].offset_bytes = end;
    }
    skip_spaces(in);
    if (in->depth == 0 || !pass_parenthesis(in, ')')) {
      break;
    }
    in->depth--;
    end = in->next;
  }
  if (node != 0 && nodes[nodes[node].parent].end == nodes[leaf].end) {
    return differs(in, 0, "it groups otherwise");
  }
  *outermost = node;
  return HF_OK;
}

/* Passes the `and` or `or` behind `node`; `level` receives its level. */
static hf_status pass_operator(walk *in, uint32_t node, uint32_t *level) {
  hf__node *nodes = in->condition->nodes;
  hf__node *joined = &nodes[nodes[node].parent];
  if (!pass_word(in, joined->kind)) {
    return differs(in, 0, "'and' and 'or' join otherwise");
  }
  *level = level_of(in->depth, joined->kind);
  bool whole = nodes[node].kind == HF_NODE_COMPARISON ||
               level_of(nodes[node].length_bytes, nodes[node].kind) > *level;
  if (!whole || joined->offset_bytes >= *level) {
    return differs(in, 0, "it groups otherwise");
  }
  if (joined->length_bytes > in->depth) {
    joined->length_bytes = in->depth;
  }
  return HF_OK;
}

/*
 * From what the walk noted in the nodes to their places. From the back, the
 * first comparison of a node has just been passed when the node comes, and the
 * parentheses that open before it only go further to the left.
 */
static void place_nodes(const walk *in) {
  const hf_condition *condition = in->condition;
  uint32_t start = 0;
  uint32_t parentheses = 0;
  for (uint32_t i = condition->node_count; i-- > 0;) {
    hf__node *node = &condition->nodes[i];
    if (node->kind == HF_NODE_COMPARISON) {
      start = condition->comparisons[node->first].left.offset_bytes;
      parentheses = node->length_bytes;
    }
    while (parentheses > node->length_bytes) {
      start--;
      parentheses -= in->text[start] == '(';
    }
    node->length_bytes = node->offset_bytes - start;
    node->offset_bytes = start;
  }
}

/* -------------------------------------------------------------------------- */

static hf_status match_always(hf_condition *condition, const walk *in) {
  size_t start;
  if (!hf__is_always(in->text, in->end, &start)) {
    return differs(in, in->end, "it is not 'always'");
  }
  condition->nodes[0].offset_bytes = (uint32_t)start;
  condition->nodes[0].length_bytes = HF__ALWAYS_BYTES;
  return HF_OK;
}

static hf_status match_expression(hf_condition *condition, walk *in) {
  hf__node *nodes = condition->nodes;
  uint32_t level = 0;
  uint32_t outermost = 0;
  for (uint32_t i = 0; i < condition->node_count; i++) {
    hf__node *node = &nodes[i];
    if (node->kind != HF_NODE_COMPARISON) {
      node->offset_bytes = level;
      node->length_bytes = UINT32_MAX;
      continue;
    }
    open_parentheses(in);
    hf_status status = pass_comparison(in, &condition->comparisons[node->first]);
    if (status != HF_OK) {
      return status;
    }
    node->offset_bytes = in->next;
    node->length_bytes = in->depth;
    if ((status = close_nodes(in, i, &outermost)) != HF_OK) {
      return status;
    }
    if (outermost != 0 && (status = pass_operator(in, outermost, &level)) != HF_OK) {
      return status;
    }
  }
  if (in->next != in->end || in->depth != 0) {
    return differs(in, in->end - in->next, "it does not end with the last comparison");
  }
  if (in->tokens + 1 != condition->token_count) {
    return differs(in, 0, "it has another number of tokens");
  }
  place_nodes(in);
  return HF_OK;
}

hf_status hf__image_match_text(hf_condition *condition, size_t text_at, hf_error *error) {
  walk in = {
      .condition = condition,
      .text = condition->text,
      .end = condition->text_bytes,
      .text_at = text_at,
      .error = error,
  };
  return condition->nodes[0].kind == HF_NODE_ALWAYS ? match_always(condition, &in)
                                                    : match_expression(condition, &in);
}
