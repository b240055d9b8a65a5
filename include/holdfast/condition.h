/**
 * Conditions: operator-written text such as
 *
 *     severity >= 0.8 and recurrence_count >= 2
 *
 * compiled once into an immutable program and evaluated against contexts by
 * any number of threads.
 *
 *     hf_condition *condition;
 *     hf_error error;
 *     if (hf_condition_compile(schema, text, strlen(text), NULL, &condition, &error) != HF_OK) {
 *         ... error says what, where and what would be right
 *     }
 *     bool held;
 *     if (hf_condition_evaluate(condition, context, &held, &error) == HF_OK && held) { ... }
 *     hf_condition_destroy(condition);
 *
 * The language, whole (docs/conditions.md has the grammar and its reasons):
 * comparisons `>= <= > < == !=` between numbers, quoted strings and declared
 * variables; `and`, which binds tighter than `or`; parentheses around
 * comparisons; and `always`, which stands alone. No calls, no attributes, no
 * arithmetic: what a schema does not declare cannot be reached.
 *
 * Invariants:
 *   1. A compiled condition never fails for a reason that its text had.
 *   2. Evaluation is strict: every comparison is evaluated whatever the other
 *      side of `and` or `or` holds, so a missing variable never hides.
 *   3. Of several failing comparisons the first in the text is reported.
 *   4. Evaluation allocates nothing, locks nothing, looks up no name, and takes
 *      time in proportion to the number of comparisons (and, for strings, to
 *      their length).
 *   5. No text, however deep, uses more than a fixed amount of stack.
 */
#ifndef HOLDFAST_CONDITION_H
#define HOLDFAST_CONDITION_H

#include <holdfast/base.h>
#include <holdfast/context.h>
#include <holdfast/schema.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** A compiled condition. Opaque and immutable. */
typedef struct hf_condition hf_condition;

/* Compile ------------------------------------------------------------------ */

/** The default limits, and the largest that may be asked for. */
#define HF_CONDITION_DEFAULT_MAX_TOKENS 50
#define HF_CONDITION_DEFAULT_MAX_TEXT_BYTES 65536
#define HF_CONDITION_LIMIT_MAX_TOKENS 1048576
#define HF_CONDITION_LIMIT_MAX_TEXT_BYTES 16777216

/** How to compile. Take hf_condition_options_default() and change what you need. */
typedef struct hf_condition_options {
  /** Most tokens, the end of the text counted as one. 2 to 1,048,576; default 50. */
  uint32_t max_tokens;
  /** Longest text in bytes. 0 to 16,777,216; default 65,536. */
  uint32_t max_text_bytes;
  /** Copied; NULL, the default, is hf_allocator_default(). */
  const hf_allocator *HF_NULLABLE allocator;
} hf_condition_options;

/** The defaults above. Cost: O(1). */
HF_API hf_condition_options hf_condition_options_default(void);

/**
 * Compiles a text.
 *
 * The first fault is reported, in this order: bytes that are not UTF-8, the
 * length, then the tokens from left to right (unknown characters and names,
 * and the token limit), then the syntax, then the types: an ordering that the
 * declared types rule out, such as a number variable against a string.
 *
 * @param schema     retained until hf_condition_destroy().
 * @param text       copied; UTF-8. May be NULL when the length is 0.
 * @param options    borrowed; NULL is hf_condition_options_default().
 * @param condition  receives the condition, returned owned:
 *                   hf_condition_destroy().
 * @param error      NULL, or receives what is wrong, with its place.
 * @return HF_OK; HF_ERROR_INVALID_UTF8, HF_ERROR_TEXT_TOO_LONG,
 *         HF_ERROR_TOO_COMPLEX, HF_ERROR_UNEXPECTED_CHARACTER,
 *         HF_ERROR_UNTERMINATED_STRING, HF_ERROR_INVALID_OPERATOR,
 *         HF_ERROR_BAD_NUMBER, HF_ERROR_VARIABLE_NOT_ALLOWED,
 *         HF_ERROR_EXPECTED_VALUE, HF_ERROR_EXPECTED_OPERATOR,
 *         HF_ERROR_EXPECTED_RPAREN, HF_ERROR_UNEXPECTED_TOKEN,
 *         HF_ERROR_TYPE_MISMATCH, HF_ERROR_INVALID_ARGUMENT (limits out of
 *         range), HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(length), one allocation that the condition keeps and,
 * beyond the default limits, two temporary ones. An unknown name costs a comparison with every
 * declared one more, for the suggestion.
 */
HF_API HF_MUST_USE hf_status hf_condition_compile(const hf_schema *schema,
                                                  const char *HF_NULLABLE text, size_t length_bytes,
                                                  const hf_condition_options *HF_NULLABLE options,
                                                  hf_condition *HF_NULLABLE *HF_NONNULL condition,
                                                  hf_error *HF_NULLABLE error);

/** Frees a condition. NULL is a no-op. Nobody may be using it. */
HF_API void hf_condition_destroy(hf_condition *HF_NULLABLE condition);

/* Evaluate ----------------------------------------------------------------- */

/**
 * Decides whether the condition holds in a context.
 *
 * `==` and `!=` fail only on a missing value and on HF_KIND_INVALID: values of
 * different types are unequal, and a boolean equals the number 1 or 0. `< <= > >=` order numbers
 * (booleans as 1 and 0) and strings (by code point); every other pair is
 * HF_ERROR_TYPE_MISMATCH. Inside one comparison a missing variable comes
 * before a mismatch. A missing variable's place is the variable, a mismatch's
 * the whole comparison.
 *
 * @param condition  borrowed.
 * @param context    borrowed; made for the condition's schema or an equal one.
 * @param held       receives the answer.
 * @param error      NULL, or receives what failed, with its place in the text.
 * @return HF_OK; HF_ERROR_MISSING_VARIABLE; HF_ERROR_TYPE_MISMATCH;
 *         HF_ERROR_SCHEMA_MISMATCH.
 *
 * Threads: any, for one condition and one context alike, while nobody fills the
 * context. Progress: wait-free. Cost: O(comparisons), no allocation; and
 * O(variables + words) where the context's schema is an equal one rather than the
 * same, so make contexts for hf_condition_schema().
 */
HF_API HF_MUST_USE hf_status hf_condition_evaluate(const hf_condition *condition,
                                                   const hf_context *context, bool *held,
                                                   hf_error *HF_NULLABLE error);

/* Inspect ------------------------------------------------------------------ */

/** The text it was compiled from; lives as long as the condition. Cost: O(1). */
HF_API const char *hf_condition_text(const hf_condition *condition, size_t *length_bytes);

/** The schema it was compiled for; lives as long as the condition. Cost: O(1). */
HF_API const hf_schema *hf_condition_schema(const hf_condition *condition);

/** Tokens of the text, the end counted. Cost: O(1). */
HF_API uint32_t hf_condition_token_count(const hf_condition *condition);

/** How many different variables must be there for it to be evaluated. Cost: O(1). */
HF_API size_t hf_condition_variable_count(const hf_condition *condition);

/**
 * The schema index of the `position`-th required variable, in the order in
 * which the text names them first.
 *
 * @return HF_NO_VARIABLE when the position is not below the count.
 *
 * Threads: any. Cost: O(1).
 */
HF_API uint32_t hf_condition_variable(const hf_condition *condition, size_t position);

/**
 * Writes the canonical text: one space around operators, no parentheses that
 * change nothing, numbers in their shortest decimal form. Conditions with the
 * same canonical text and equal schemas are the same program, and the
 * canonical text compiles to it again. (It may be longer than the original, by
 * its spaces or as `.5` becomes `0.5`: at the length limit compile it with a
 * higher one.)
 *
 * @param buffer  receives at most `capacity_bytes` bytes, NUL-terminated when
 *                the capacity is not 0. May be NULL when it is 0.
 * @return the bytes of the whole canonical text, the NUL not counted: less
 *         than `capacity_bytes` means that all of it was written.
 *
 * Threads: any. Cost: O(length), no allocation; about a microsecond for each
 * number.
 */
HF_API size_t hf_condition_canonical(const hf_condition *condition, char *HF_NULLABLE buffer,
                                     size_t capacity_bytes);

/**
 * A hash of the canonical text and the schema: conditions that are the same program have the same
 * digest, on every machine. See hf_context_digest() for what a digest is good for.
 *
 * Threads: any. Cost: as hf_condition_canonical().
 */
HF_API hf_digest hf_condition_digest(const hf_condition *condition, uint64_t seed);

/**
 * hf_context_digest() of the variables that the condition requires: contexts that agree in it are
 * decided alike. The context must be of the condition's schema or an equal one.
 *
 * Threads and cost: as hf_context_digest().
 */
HF_API hf_digest hf_condition_digest_context(const hf_condition *condition,
                                             const hf_context *context, uint64_t seed);

/* Images ------------------------------------------------------------------- */

/**
 * Writes the condition as bytes that hf_condition_load() makes it from again,
 * without parsing. An image is the same on every machine, holds no pointers,
 * and may be kept in a file or a cache: it is versioned and checksummed. It
 * holds the text, the places in it, and a digest of the schema, not the schema.
 *
 * @param buffer  receives at most `capacity_bytes` bytes. May be NULL when it is
 *                0.
 * @return the bytes of the whole image: not more than `capacity_bytes` means
 *         that all of it was written. The text and about 30 bytes, and for each
 *         comparison of a variable with a number about 15, with a string about 8.
 *
 * Threads: any. Cost: O(length), no allocation.
 */
HF_API size_t hf_condition_save(const hf_condition *condition, void *HF_NULLABLE buffer,
                                size_t capacity_bytes);

/**
 * Makes a condition from an image.
 *
 * Nothing in the image is trusted: one that is cut short, altered, of another
 * version or made to harm is refused, and whatever is accepted is a condition that
 * its canonical text compiles to. One condition has one image.
 *
 * The program in the image decides; its text is shown, not read. Loading checks
 * that it is UTF-8, that all places are inside it, in order, and whole characters,
 * and that strings stand in their quotes. It does not check that the text says
 * what the program does: who can write images can write any text into them.
 * hf_condition_canonical() tells what a loaded condition decides.
 *
 * @param schema   the one it was saved with, or an equal one; retained.
 * @param image    borrowed; any alignment. May be NULL when the length is 0.
 * @param options  as hf_condition_compile(): its limits hold here too.
 * @param condition  receives the condition, returned owned:
 *                 hf_condition_destroy().
 * @param error    NULL, or receives what is wrong; `offset_bytes` is in the
 *                 image.
 * @return HF_OK; HF_ERROR_BAD_IMAGE; HF_ERROR_SCHEMA_MISMATCH when it was saved
 *         with a schema that is not equal; HF_ERROR_TEXT_TOO_LONG,
 *         HF_ERROR_TOO_COMPLEX (it is beyond the limits);
 *         HF_ERROR_INVALID_ARGUMENT (limits out of range);
 *         HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(length), less than compiling; the allocations that the
 * condition keeps, and above 32 nodes one for planning.
 */
HF_API HF_MUST_USE hf_status hf_condition_load(const hf_schema *schema,
                                               const void *HF_NULLABLE image, size_t length_bytes,
                                               const hf_condition_options *HF_NULLABLE options,
                                               hf_condition *HF_NULLABLE *HF_NONNULL condition,
                                               hf_error *HF_NULLABLE error);

/* Explain ------------------------------------------------------------------ */

/** A comparison operator. */
typedef enum hf_operator {
  HF_OPERATOR_EQUAL = 0,
  HF_OPERATOR_NOT_EQUAL = 1,
  HF_OPERATOR_LESS = 2,
  HF_OPERATOR_LESS_OR_EQUAL = 3,
  HF_OPERATOR_GREATER = 4,
  HF_OPERATOR_GREATER_OR_EQUAL = 5
} hf_operator;

/** The operator as it is written: "==", "<" … or "?" for another value. Constant. */
HF_API const char *hf_operator_symbol(hf_operator op);

/** What a node of an explanation is. */
typedef enum hf_node_kind {
  HF_NODE_COMPARISON = 0,
  HF_NODE_AND = 1,
  HF_NODE_OR = 2,
  HF_NODE_ALWAYS = 3
} hf_node_kind;

/** One side of a comparison. */
typedef struct hf_operand {
  /** The schema index of the variable, or HF_NO_VARIABLE for a literal. */
  uint32_t variable;
  /** Its place in the text, in bytes. */
  uint32_t offset_bytes;
  uint32_t length_bytes;
  /** Its value in this evaluation. A string is borrowed from the condition or
   *  the context. */
  hf_value value;
} hf_operand;

/** One node of an explanation: a comparison, or an `and`/`or` over others. */
typedef struct hf_node {
  hf_node_kind kind;
  /** HF_OK, or why it could not be decided: a comparison's own failure, or for
   *  `and` and `or` the first failure below. */
  hf_status status;
  /** Whether it held; false when `status` is a failure. */
  bool held;
  /** The index of the node above; the root, at index 0, names itself. */
  uint32_t parent;
  /** How deep it is; the root is 0. */
  uint32_t depth;
  /** Its place in the text, in bytes, parentheses around it not counted. */
  uint32_t offset_bytes;
  uint32_t length_bytes;
  /** HF_NODE_COMPARISON only. */
  hf_operator op;
  hf_operand left;
  hf_operand right;
} hf_node;

/** How many nodes an explanation of this condition has; at least 1. Cost: O(1). */
HF_API size_t hf_condition_node_count(const hf_condition *condition);

/**
 * Evaluates, and says how: every comparison with its operands and outcome,
 * under the `and` and `or` that join them, each node before those below it and
 * comparisons in the order of the text.
 *
 * @param nodes  receives exactly hf_condition_node_count() nodes.
 * @param capacity_count  room in `nodes`.
 * @return HF_OK, also when comparisons fail: the root's status tells, and is
 *         what hf_condition_evaluate() would answer;
 *         HF_ERROR_INVALID_ARGUMENT when the room is too small;
 *         HF_ERROR_SCHEMA_MISMATCH.
 *
 * Threads: as hf_condition_evaluate(). Cost: O(comparisons), no allocation.
 */
HF_API HF_MUST_USE hf_status hf_condition_explain(const hf_condition *condition,
                                                  const hf_context *context, hf_node *nodes,
                                                  size_t capacity_count);

HF_END_NONNULL
HF_END_C

#endif
