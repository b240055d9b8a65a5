/* Lanes compared one by one, in C. */
#include "evaluate.h"

static inline unsigned portable_lanes(const hf_context *context, const hf__step *step,
                                      bool with_equals) {
  unsigned outcomes = 0;
  for (unsigned lane = 0; lane < HF__LANES; lane++) {
    uint64_t slot = hf__context_word(context, step->slots_at_bytes[lane]);
    uint64_t flipped = slot ^ step->flips[lane];
    double x;
    memcpy(&x, &flipped, sizeof x);
    uint64_t outcome = x >= step->constants[lane];
    if (with_equals) {
      uint64_t constant;
      memcpy(&constant, &step->constants[lane], sizeof constant);
      outcome = (outcome & ~step->equals[lane]) | ((slot == constant) & step->equals[lane]);
    }
    outcomes |= (unsigned)outcome << lane;
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
