/*
 * Running the steps of a condition. Each path has one file, which says how it
 * compares eight lanes; evaluate_template.h makes the evaluators of that.
 */
#ifndef HF_EVALUATE_H
#define HF_EVALUATE_H

#include "error.h"
#include "path.h"
#include "program.h"

typedef struct hf__evaluators {
  hf__evaluator *one;       /* one step without words and computed comparisons */
  hf__evaluator *one_equal; /* one step without computed comparisons */
  hf__evaluator *many;      /* anything */
} hf__evaluators;

/* One step of at most two lanes, without words: too few for wide registers to be
 * worth entering. */
extern hf__evaluator hf__evaluate_pair;

extern const hf__evaluators hf__evaluators_portable;
#if HF__X86
extern const hf__evaluators hf__evaluators_sse2;
extern const hf__evaluators hf__evaluators_avx2;
/* All slots in one line of the context, in two, anywhere. */
extern const hf__evaluators hf__evaluators_avx512_line;
extern const hf__evaluators hf__evaluators_avx512_lines;
extern const hf__evaluators hf__evaluators_avx512;
#endif
#if HF__NEON
extern const hf__evaluators hf__evaluators_neon;
#endif

/* The outcome of a comparison that no lane makes: 1, 0, or a failure. */
int hf__computed_other(const hf_condition *condition, const hf_context *context,
                       const hf__computed *computed);

static inline int hf__computed_outcome(const hf_condition *condition, const hf_context *context,
                                       const hf__computed *computed) {
  if (computed->kind == HF__COMPUTED_KEY) {
    bool is_string = hf__context_word(context, computed->left_at_bytes) == HF__SLOT_STRING;
    hf__key key;
    memcpy(&key, (const char *)context + computed->right_at_bytes, sizeof key);
    unsigned equal = (unsigned)is_string & (unsigned)hf__key_equal(&key, &computed->key);
    return computed->outcomes >> equal & 1;
  }
  return hf__computed_other(condition, context, computed);
}

/* Writes an answer of 0 or 1. (Assigning makes some compilers write it, read it
 * again and mask it.) */
static inline hf_status hf__answer(bool *held, unsigned answer) {
  uint8_t byte = (uint8_t)answer;
  memcpy(held, &byte, sizeof *held);
  return HF_OK;
}

/* The bit of a table for the outcomes of the lanes. */
static inline unsigned hf__table_bit(const hf__step *step, unsigned lanes) {
  return step->table[lanes / 32] >> (lanes % 32) & 1u;
}

/* Whether the context is of the condition's schema, the very same, and has what
 * the first word of tags must have. */
static inline bool hf__is_ready(const hf_condition *condition, const hf_context *context) {
  return condition->schema == context->schema && (context->words[0] & condition->required) == 0;
}

/* Evaluates when it is not ready: for an equal schema, plainly, or not at all. */
HF__COLD hf_status hf__evaluate_unready(const hf_condition *condition, const hf_context *context,
                                        bool *held, hf_error *error);

#endif
