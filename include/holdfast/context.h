/**
 * A context: the values of a schema's variables for one decision, in slots
 * that are filled by the variable's index. Reuse one context for many
 * decisions: clear it, fill it, evaluate.
 *
 *     hf_context *context;
 *     if (hf_context_create(schema, NULL, &context) != HF_OK) { ... }
 *     if (hf_context_set_number(context, 0, 93.5) != HF_OK) { ... }
 *     ...
 *     hf_context_clear(context);
 *
 * Declared types are checked here, when a slot is filled, and not again at
 * every evaluation. A slot that was never filled, or was cleared, is missing.
 *
 * A context belongs to one thread at a time while it is filled. Any number of
 * threads may read it, evaluations included, while nobody fills it.
 */
#ifndef HOLDFAST_CONTEXT_H
#define HOLDFAST_CONTEXT_H

#include <holdfast/base.h>
#include <holdfast/schema.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** What a slot holds. A number and a boolean stay the last two: they compare alike. */
typedef enum hf_kind {
  /** Nothing: a comparison that needs it is HF_ERROR_MISSING_VARIABLE. */
  HF_KIND_MISSING = 0,
  /** The null of JSON: equal to null, unequal to all else, without order. */
  HF_KIND_NULL = 1,
  /** An array or an object: unequal to everything, without order. */
  HF_KIND_CONTAINER = 2,
  /** A value of another type than declared: every comparison that needs it is
   *  HF_ERROR_TYPE_MISMATCH. */
  HF_KIND_INVALID = 3,
  HF_KIND_STRING = 4,
  HF_KIND_NUMBER = 5,
  HF_KIND_BOOLEAN = 6
} hf_kind;

/** "missing", "null", "container", "invalid", "string", "number", "boolean". Constant. */
HF_API const char *hf_kind_name(hf_kind kind);

/** One value, as it is read back. Only the fields of its kind are set, the rest are 0. */
typedef struct hf_value {
  hf_kind kind;
  /** HF_KIND_NUMBER: the number. HF_KIND_BOOLEAN: 1 or 0. */
  double number;
  /** HF_KIND_STRING: UTF-8, not NUL-terminated; may be NULL when the length is 0. */
  const char *HF_NULLABLE string;
  size_t length_bytes;
} hf_value;

/** A context. Opaque. */
typedef struct hf_context hf_context;

/**
 * Makes a context with every slot missing.
 *
 * @param schema     retained until hf_context_destroy().
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param context    receives the context, returned owned: hf_context_destroy().
 * @return HF_OK or HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(variables), one allocation of a whole number of cache
 * lines (64 bytes: 16, about 9 for each variable, and, unless the schema interns
 * words, 16 for each that is declared as a string). Strings take another of 32
 * bytes for each variable: from an allocator of your own now, from the default one
 * with the first string.
 */
HF_API HF_MUST_USE hf_status hf_context_create(const hf_schema *schema,
                                               const hf_allocator *HF_NULLABLE allocator,
                                               hf_context *HF_NULLABLE *HF_NONNULL context);

/** Frees a context and the strings that it copied. NULL is a no-op. */
HF_API void hf_context_destroy(hf_context *HF_NULLABLE context);

/** The schema it was made for; lives as long as the context. Cost: O(1). */
HF_API const hf_schema *hf_context_schema(const hf_context *context);

/**
 * Fill one slot. Every one of these answers
 *
 * HF_OK; HF_ERROR_INVALID_ARGUMENT when there is no variable with this index;
 * HF_ERROR_TYPE_MISMATCH when the variable is declared with another type. The
 * slot is untouched on failure.
 *
 * A number may be any double: infinities order as usual, NaN compares false
 * with everything except by `!=`, -0 is kept as 0, and integers above 2^53 are the nearest
 * double, so neighbours among them may be equal.
 *
 * Threads: one at a time per context. Cost: O(1), no allocation.
 */
HF_API HF_MUST_USE hf_status hf_context_set_number(hf_context *context, uint32_t index,
                                                   double number);
HF_API HF_MUST_USE hf_status hf_context_set_boolean(hf_context *context, uint32_t index,
                                                    bool boolean);

/** Only for variables of type any, as are containers. */
HF_API HF_MUST_USE hf_status hf_context_set_null(hf_context *context, uint32_t index);

/** The value is an array or an object. */
HF_API HF_MUST_USE hf_status hf_context_set_container(hf_context *context, uint32_t index);

/**
 * Records that a value came which the declared type does not admit. The slot
 * is then present but useless: see HF_KIND_INVALID. For readers of outside
 * data, who want the decision to fail only where the value is needed.
 */
HF_API HF_MUST_USE hf_status hf_context_set_invalid(hf_context *context, uint32_t index);

/** Makes the slot missing again. Its memory is kept for the next string. */
HF_API HF_MUST_USE hf_status hf_context_unset(hf_context *context, uint32_t index);

/**
 * Fills a slot with a copy of a string.
 *
 * @param string  copied; UTF-8, shorter than 4 GiB. May be NULL when the length
 *                is 0.
 * @return as above; HF_ERROR_INVALID_ARGUMENT also when it is too long;
 *         HF_ERROR_INVALID_UTF8 when it is not UTF-8; HF_ERROR_OUT_OF_MEMORY.
 *
 * Cost: O(length); allocates only when the slot has not held so long a string
 * before, and for the context's first string. A word of the schema is not
 * copied.
 */
HF_API HF_MUST_USE hf_status hf_context_set_string(hf_context *context, uint32_t index,
                                                   const char *HF_NULLABLE string,
                                                   size_t length_bytes);

/**
 * Fills a slot with a string that stays where it is.
 *
 * @param string  borrowed until the slot is filled again, unset or cleared, or
 *                the context is destroyed: the caller keeps the bytes alive and
 *                unchanged so long. They should be UTF-8; it is not checked,
 *                and other bytes compare by their values. Shorter than 4 GiB.
 * @return as hf_context_set_number(); HF_ERROR_INVALID_ARGUMENT also when it is
 *         too long; HF_ERROR_OUT_OF_MEMORY.
 *
 * Cost: O(1); where the schema interns words, O(length) to recognise one.
 * Allocates at most for the context's first string: see hf_context_create().
 */
HF_API HF_MUST_USE hf_status hf_context_borrow_string(hf_context *context, uint32_t index,
                                                      const char *HF_NULLABLE string,
                                                      size_t length_bytes);

/**
 * Fills a slot with a word of the schema: the same as its string, without
 * looking it up.
 *
 * @param word  an index of hf_schema_find_word().
 * @return as hf_context_set_number(); HF_ERROR_INVALID_ARGUMENT also when there
 *         is no such word.
 *
 * Cost: O(1), no allocation.
 */
HF_API HF_MUST_USE hf_status hf_context_set_word(hf_context *context, uint32_t index,
                                                 uint32_t word);

/** Makes every slot missing; memory is kept for reuse. Cost: O(variables). */
HF_API void hf_context_clear(hf_context *context);

/**
 * Reads a slot back.
 *
 * @return its value; HF_KIND_MISSING when there is no variable with this
 *         index. A string is borrowed until the slot changes.
 *
 * Threads: any, while nobody fills the context. Cost: O(1).
 */
HF_API hf_value hf_context_get(const hf_context *context, uint32_t index);

/** 128 bits that stand for something. */
typedef struct hf_digest {
  uint64_t low;
  uint64_t high;
} hf_digest;

/**
 * A hash of values (XXH3, 128 bits), by which decisions can be kept. Contexts in which these
 * variables hold the same values have the same digest: in whatever order and by whichever function
 * they were filled, wherever they lie, and on every machine. A boolean and the number it compares
 * as differ.
 *
 * Of n different sets of values some two have the same digest by a chance of about n^2 / 2^129: for
 * a billion, 1.5 in 10^21. That holds for values which do not depend on the seed, so where values
 * come from outside it must be random and stay secret.
 *
 * @param variables  indexes, in the order in which they are hashed; one that the schema does not
 *                   have counts as missing. May be NULL when the count is 0.
 *
 * Threads: any, while nobody fills the context. Cost: O(variables + bytes of their strings), no
 * allocation.
 */
HF_API hf_digest hf_context_digest(const hf_context *context, const uint32_t *HF_NULLABLE variables,
                                   size_t count, uint64_t seed);

HF_END_NONNULL
HF_END_C

#endif
