/* Lanes compared one by one, in C. */
#include "evaluate.h"

static inline unsigned portable_lanes(const hf_context *context, const hf__step *step,
                                      bool with_words) {
  unsigned outcomes = 0;
  for (unsigned lane = 0; lane < HF__LANES; lane++) {
    uint64_t slot = hf__context_word(context, step->slots_at_bytes[lane]);
    uint64_t flipped = slot ^ step->flips[lane];
    double x;
    memcpy(&x, &flipped, sizeof x);
    unsigned outcome = x >= step->bounds[lane];
    if (with_words) {
      outcome |= slot == step->words[lane];
    }
    outcomes |= outcome << lane;
  }
  return outcomes;
}

#define EVALUATORS hf__evaluators_portable
#define TARGET
#define row const hf_context *
#define load_row(condition, context) (context)
#define compare_lanes portable_lanes
#define equal_keys hf__equal_keys
#include "evaluate_template.h"
