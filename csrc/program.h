/*
 * The compiled form of a condition, in three layers.
 *
 * 1. Comparisons, in the order of the text. Each knows which comparison decides
 * next when it is true and which when it is false: the jumping code of a boolean
 * expression (Aho, Lam, Sethi, Ullman, "Compilers", 2nd edition, section 6.6).
 *
 *     a > 1 and (b > 2 or c > 3)
 *
 *     0: a > 1   true -> 1      false -> FALSE
 *     1: b > 2   true -> TRUE   false -> 2
 *     2: c > 3   true -> TRUE   false -> FALSE
 *
 * Plain evaluation follows the targets; it decides what the third layer cannot,
 * and finds what failed.
 *
 * 2. Nodes: the tree in pre-order, with `and` and `or` flattened (`a and (b and
 * c)` has one `and` with three children). Inspection reads those.
 *
 * 3. Steps, which evaluation runs without a branch. A step compares up to eight
 * slots with constants at once; the eight outcomes are a byte, and a table of
 * 256 bits has the answer for each byte. More comparisons than eight take more
 * steps: the answer of one is an input of another.
 */
#ifndef HF_PROGRAM_H
#define HF_PROGRAM_H

#include <holdfast/condition.h>

#include "context.h"
#include "path.h"

/* Targets beyond the last comparison: the answer. */
#define HF__TARGET_TRUE UINT32_MAX
#define HF__TARGET_FALSE (UINT32_MAX - 1)

/* One side of a comparison. */
typedef struct hf__side {
  hf__cell literal;  /* its string points into the condition's text */
  uint32_t variable; /* or HF_NO_VARIABLE: the literal counts */
  uint32_t offset_bytes;
  uint32_t length_bytes;
} hf__side;

typedef struct hf__comparison {
  hf__side left;
  hf__side right;
  hf_operator op;
  uint32_t on_true;
  uint32_t on_false;
} hf__comparison;

typedef struct hf__node {
  hf_node_kind kind;
  uint32_t parent; /* the root is its own */
  uint32_t depth;
  uint32_t first;   /* the first comparison at or below it */
  uint32_t end;     /* one past the last */
  uint32_t on_true; /* where to go on when it holds, and when it does not */
  uint32_t on_false;
  uint32_t offset_bytes;
  uint32_t length_bytes;
} hf__node;

/* Steps -------------------------------------------------------------------- */

enum { HF__LANES = 8 };

/* Where the answer of the last step goes: to the caller. */
#define HF__TO_CALLER UINT32_MAX

/*
 * Eight comparisons of slots with constants. A lane is 1 when
 *
 *     (slot with flip's sign bit changed) >= bound, as doubles, or
 *     slot == word.
 *
 * It uses one of the two: the other's constant is what no slot satisfies, a NaN
 * or HF__SLOT_NEVER. The other four operators are these two, negated in the table
 * or with the signs of both sides changed.
 */
typedef struct hf__step {
  _Alignas(HF__LINE_BYTES) double bounds[HF__LANES];
  uint64_t flips[HF__LANES]; /* 0 or the sign bit */
  uint64_t words[HF__LANES];
  uint32_t table[8]; /* bit m % 32 of word m / 32 is the answer for the outcomes m */
  uint16_t slots_at_bytes[HF__LANES]; /* in a context */
  uint8_t places[HF__LANES];          /* the same in the condition's lines, in words */
  uint32_t to;                        /* the step and lane that takes the answer: 8 x step + lane */
  uint8_t ahead;        /* `to`, from the lanes of the next step on; 0 for the caller */
  bool has_words;       /* a lane compares with a word */
  uint8_t unsure_lanes; /* compare prints: where one is 1, the bytes decide */
  uint8_t reserved;
} hf__step;

_Static_assert(sizeof(hf__step) == 256, "a step fills four lines of the cache");

/*
 * `variable == 'literal'` for up to four literals of a variable that has a key:
 * the variable's key is compared with all of theirs at once. They share a step.
 */
enum { HF__GROUP_KEYS = 4 };

typedef struct hf__key_group {
  _Alignas(32) uint64_t low[HF__GROUP_KEYS]; /* the keys' first halves */
  uint64_t high[HF__GROUP_KEYS];
  uint8_t lanes[1 << HF__GROUP_KEYS]; /* the lanes that are 1, for each set of equal keys */
  uint32_t key_at_bytes;              /* in a context */
  uint32_t variable;
  uint32_t step;
  uint32_t count;
} hf__key_group;

/* A comparison that neither a lane nor a key group can make. */
typedef struct hf__computed {
  uint32_t comparison;
  uint32_t to; /* the step and lane that takes the outcome */
  /* Two variables: where their slots are; otherwise 0. */
  uint32_t left_at_bytes;
  uint32_t right_at_bytes;
  uint8_t outcomes; /* of two numbers: for equal, less and greater, a bit for each */
} hf__computed;

/* A word of tags that evaluation needs, and which of its bits must be 0. */
typedef struct hf__requirement {
  uint64_t mask;
  uint32_t at_bytes; /* in a context */
} hf__requirement;

/* Evaluates, whatever the context. */
typedef hf_status hf__evaluator(const hf_condition *condition, const hf_context *context,
                                bool *held, hf_error *error);

/* One block of memory: this with its steps, comparisons, nodes and so on, the
 * text. */
struct hf_condition {
  const hf_schema *schema; /* retained */
  uint64_t required;       /* bits of the first word of tags that must be 0 */
  hf__evaluator *evaluate;
  hf__evaluator *run_steps; /* what `evaluate` ends with: all requirements are met */
  /* The lines of a context that all lanes read, where they are at most four in a
   * row; otherwise 0 lines. */
  uint32_t lines_at_bytes;
  uint8_t line_count;
  uint8_t path;        /* an hf__path */
  uint32_t step_count; /* 0: plain evaluation only */
  uint32_t key_group_count;
  uint32_t computed_count;
  uint32_t requirement_count; /* of the other words of tags */
  uint32_t comparison_count;
  uint32_t node_count;
  uint32_t variable_count;
  uint32_t text_bytes;
  uint32_t token_count;
  hf__key_group *key_groups;
  uint32_t *print_comparisons; /* at 8 x step + lane: what an unsure lane compares */
  bool has_prints;
  hf__computed *computed;
  hf__requirement *requirements;
  hf__comparison *comparisons;
  hf__node *nodes;
  uint32_t *variables; /* required, in order of first appearance */
  const char *text;
  hf_allocator allocator;
  size_t size_bytes;
  hf__step steps[];
};

/* So many have their inputs in one word. */
enum { HF__FEW_STEPS = 8 };

/* Conditions that may take more steps than this are evaluated plainly. */
enum { HF__MAX_STEPS = 256 };

/* How large a program is. */
typedef struct hf__shape {
  uint32_t text_bytes;
  uint32_t token_count;
  uint32_t comparison_count;
  uint32_t node_count;
  uint32_t string_count; /* string literals */
} hf__shape;

/*
 * Takes memory for a condition of this shape, copies the text and retains the
 * schema. The caller then fills all comparisons (but their targets; a string
 * literal points into the condition's copy of the text) and all nodes (but
 * theirs), and calls hf__program_complete(). NULL when there is no memory.
 */
hf_condition *hf__program_begin(const hf_schema *schema, const char *text, const hf__shape *shape,
                                const hf_allocator *allocator);

/* Checks the types and works out all that follows from comparisons and nodes. On
 * failure the condition is destroyed. */
HF_MUST_USE hf_status hf__program_complete(hf_condition *condition, hf_error *error);

/* Evaluates on another path than the best; it must be supported. Nobody may be
 * using the condition. */
void hf__condition_use_path(hf_condition *condition, hf__path path);

/* Comparisons -------------------------------------------------------------- */

/* The value of a side in a context. */
static inline hf__cell hf__side_cell(const hf__side *side, const hf_context *context) {
  return side->variable == HF_NO_VARIABLE ? side->literal
                                          : hf__context_cell(context, side->variable);
}

/* 1 or 0, or HF_ERROR_MISSING_VARIABLE or HF_ERROR_TYPE_MISMATCH. */
int hf__compare(const hf__cell *left, hf_operator op, const hf__cell *right);

static inline bool hf__is_ordering(hf_operator op) {
  return op != HF_OPERATOR_EQUAL && op != HF_OPERATOR_NOT_EQUAL;
}

/* The operator that says the same with the sides exchanged. */
hf_operator hf__mirrored(hf_operator op);

/* Where a comparison ends, one past its right side. */
static inline uint32_t hf__comparison_end(const hf__comparison *comparison) {
  return comparison->right.offset_bytes + comparison->right.length_bytes;
}

/* Decides by the comparisons and their targets; finds what failed. */
hf_status hf__evaluate_plainly(const hf_condition *condition, const hf_context *context, bool *held,
                               hf_error *error);

#endif
