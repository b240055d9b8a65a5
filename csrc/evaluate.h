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
  hf__evaluator *one;       /* one step without words, keys and computed comparisons */
  hf__evaluator *one_words; /* one step without keys, prints and computed comparisons */
  hf__evaluator *few;       /* at most eight steps */
  hf__evaluator *many;      /* anything */
} hf__evaluators;

/* One step of at most two lanes, without words: too few for wide registers to be
 * worth entering. */
extern hf__evaluator hf__evaluate_pair;

extern const hf__evaluators hf__evaluators_portable;
#if HF__X86
extern const hf__evaluators hf__evaluators_sse2;
extern const hf__evaluators hf__evaluators_avx2;
/* All slots in one line of the context, in two, in four, anywhere. */
extern const hf__evaluators hf__evaluators_avx512_1;
extern const hf__evaluators hf__evaluators_avx512_2;
extern const hf__evaluators hf__evaluators_avx512_4;
extern const hf__evaluators hf__evaluators_avx512;
#endif
#if HF__NEON
extern const hf__evaluators hf__evaluators_neon;
#endif

/* The outcome of a computed comparison: 1, 0, or a failure. */
int hf__computed_outcome(const hf_condition *condition, const hf_context *context,
                         const hf__computed *computed);

/* The outcomes of a step's lanes, of which those of `unsure` are 1 because the
 * prints are equal, when the bytes have been compared too. */
unsigned hf__compare_bytes(const hf_condition *condition, const hf_context *context,
                           const hf__step *step, unsigned unsure, unsigned lanes);

/* Which keys of a group equal the context's, a bit for each. */
static inline unsigned hf__equal_keys(const hf_context *context, const hf__key_group *group) {
  uint64_t low = hf__context_word(context, group->key_at_bytes);
  uint64_t high = hf__context_word(context, group->key_at_bytes + (uint32_t)sizeof low);
  unsigned equal = 0;
  for (unsigned i = 0; i < HF__GROUP_KEYS; i++) {
    equal |= (unsigned)(((group->low[i] ^ low) | (group->high[i] ^ high)) == 0) << i;
  }
  return equal;
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
