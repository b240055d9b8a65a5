/* What a compiled condition says of itself. */
#include <holdfast/condition.h>

#include "decimal.h"
#include "error.h"
#include "program.h"
#include "schema.h"

#include <string.h>

const char *hf_operator_symbol(hf_operator op) {
  switch (op) {
  case HF_OPERATOR_EQUAL:
    return "==";
  case HF_OPERATOR_NOT_EQUAL:
    return "!=";
  case HF_OPERATOR_LESS:
    return "<";
  case HF_OPERATOR_LESS_OR_EQUAL:
    return "<=";
  case HF_OPERATOR_GREATER:
    return ">";
  case HF_OPERATOR_GREATER_OR_EQUAL:
    return ">=";
  }
  return "?";
}

const char *hf_condition_text(const hf_condition *condition, size_t *length_bytes) {
  *length_bytes = condition->text_bytes;
  return condition->text;
}

const hf_schema *hf_condition_schema(const hf_condition *condition) {
  return condition->schema;
}

uint32_t hf_condition_token_count(const hf_condition *condition) {
  return condition->token_count;
}

size_t hf_condition_variable_count(const hf_condition *condition) {
  return condition->variable_count;
}

uint32_t hf_condition_variable(const hf_condition *condition, size_t position) {
  return position < condition->variable_count ? condition->variables[position] : HF_NO_VARIABLE;
}

size_t hf_condition_node_count(const hf_condition *condition) {
  return condition->node_count;
}

/* Canonical text ----------------------------------------------------------- */

static void write_side(hf__writer *out, const hf_condition *condition, const hf__side *side) {
  if (side->variable != HF_NO_VARIABLE) {
    hf__write_string(out, condition->schema->variables[side->variable].name);
  } else if (side->literal.kind == HF_KIND_NUMBER) {
    hf__decimal_write(out, side->literal.number);
  } else {
    /* A string that holds one kind of quote was written in the other. */
    uint32_t length = side->literal.length_bytes;
    bool apostrophe = length > 0 && memchr(side->literal.string, '\'', length) != NULL;
    const char *quote = apostrophe ? "\"" : "'";
    hf__write_string(out, quote);
    hf__write(out, side->literal.string, length);
    hf__write_string(out, quote);
  }
}

/* Only an `or` below an `and` needs its parentheses. */
static bool needs_parentheses(const hf__node *nodes, uint32_t node) {
  return nodes[node].kind == HF_NODE_OR && node != 0;
}

size_t hf_condition_canonical(const hf_condition *condition, char *buffer, size_t capacity_bytes) {
  hf__writer out = {.buffer = buffer, .capacity_bytes = capacity_bytes, .length_bytes = 0};
  const hf__node *nodes = condition->nodes;
  for (uint32_t i = 0; i < condition->node_count; i++) {
    const hf__node *node = &nodes[i];
    const hf__node *parent = &nodes[node->parent];
    if (i != 0 && node->first != parent->first) {
      hf__write_string(&out, parent->kind == HF_NODE_AND ? " and " : " or ");
    }
    if (needs_parentheses(nodes, i)) {
      hf__write_string(&out, "(");
    }
    if (node->kind == HF_NODE_ALWAYS) {
      hf__write_string(&out, "always");
    }
    if (node->kind != HF_NODE_COMPARISON) {
      continue;
    }
    const hf__comparison *comparison = &condition->comparisons[node->first];
    write_side(&out, condition, &comparison->left);
    hf__write_string(&out, " ");
    hf__write_string(&out, hf_operator_symbol(comparison->op));
    hf__write_string(&out, " ");
    write_side(&out, condition, &comparison->right);
    /* Close what ends with this comparison. */
    for (uint32_t above = i; above != 0 && nodes[nodes[above].parent].end == node->end;) {
      above = nodes[above].parent;
      if (needs_parentheses(nodes, above)) {
        hf__write_string(&out, ")");
      }
    }
  }
  hf__write_end(&out);
  return out.length_bytes;
}
