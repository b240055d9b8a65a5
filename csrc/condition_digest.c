/* By what a condition, and what it needs of a context, are known. */
#include <holdfast/condition.h>

#include "context_digest.h"
#include "program.h"
#include "schema.h"

static void add_side(hf__digest *digest, const hf__side *side) {
  hf__digest_add_word(digest, side->variable);
  if (side->variable == HF_NO_VARIABLE) {
    hf__digest_add_cell(digest, &side->literal);
  }
}

/* Nodes in pre-order with their depths are the tree, so this is all that the canonical text says.
 */
hf_digest hf_condition_digest(const hf_condition *condition, uint64_t seed) {
  hf__digest digest;
  hf__digest_begin(&digest, seed);
  hf__digest_add_word(&digest, condition->schema->digest);
  for (uint32_t i = 0; i < condition->node_count; i++) {
    const hf__node *node = &condition->nodes[i];
    hf__digest_add_word(&digest, (uint64_t)node->depth << 32 | (uint32_t)node->kind);
    if (node->kind == HF_NODE_COMPARISON) {
      const hf__comparison *comparison = &condition->comparisons[node->first];
      hf__digest_add_word(&digest, (uint32_t)comparison->op);
      add_side(&digest, &comparison->left);
      add_side(&digest, &comparison->right);
    }
  }
  return hf__digest_end(&digest);
}

hf_digest hf_condition_digest_context(const hf_condition *condition, const hf_context *context,
                                      uint64_t seed) {
  return hf_context_digest(context, condition->variables, condition->variable_count, seed);
}
