/**
 * A schema: the variables that a condition may name, with their types. What it
 * does not declare cannot be written, so it is the whole of what an operator's
 * text can reach.
 *
 *     const hf_variable variables[] = {
 *         {"cpu_percent", HF_TYPE_NUMBER},
 *         {"region", HF_TYPE_STRING},
 *     };
 *     hf_schema *schema;
 *     if (hf_schema_create(variables, 2, NULL, &schema, NULL) != HF_OK) { ... }
 *     ...
 *     hf_schema_release(schema);
 *
 * A schema never changes after its creation. It is reference-counted:
 * conditions and contexts keep theirs alive, so the caller may release his
 * reference as soon as he needs it no more.
 */
#ifndef HOLDFAST_SCHEMA_H
#define HOLDFAST_SCHEMA_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/** The most variables that one schema declares. */
#define HF_SCHEMA_MAX_VARIABLES 4096

/** The longest name of a variable, in bytes. */
#define HF_NAME_MAX_BYTES 128

/** The most words that one schema interns. */
#define HF_SCHEMA_MAX_WORDS 65536

/** The type of a variable. */
typedef enum hf_type {
  /** Each value brings its own type: number, string, boolean, null or container. */
  HF_TYPE_ANY = 0,
  /** A double. */
  HF_TYPE_NUMBER = 1,
  /** UTF-8 text. */
  HF_TYPE_STRING = 2,
  /** True or false; compares as 1 and 0. */
  HF_TYPE_BOOLEAN = 3
} hf_type;

/** "any", "number", "string", "boolean", or "unknown" for another value. Constant. */
HF_API const char *hf_type_name(hf_type type);

/** The declaration of one variable. */
typedef struct hf_variable {
  /**
   * An identifier, NUL-terminated: an ASCII letter or `_`, then ASCII letters,
   * digits and `_`, 1 to HF_NAME_MAX_BYTES bytes. Not `and`, `or` or `always`
   * in any letter case, and not beginning with `and_` or `or_`, which would be
   * read as the operator. Case matters. (NULL where there is no variable; to
   * declare one it is HF_ERROR_INVALID_NAME.)
   */
  const char *HF_NULLABLE name;
  hf_type type;
} hf_variable;

/** A string that conditions compare with, and values bring, often. */
typedef struct hf_word {
  /** UTF-8, not NUL-terminated; may be NULL when the length is 0. */
  const char *HF_NULLABLE bytes;
  size_t length_bytes;
} hf_word;

/** A schema. Opaque, immutable, reference-counted. */
typedef struct hf_schema hf_schema;

/**
 * Declares variables. The index of a variable is its place in `variables`.
 *
 * @param variables  copied, names included. May be NULL when `count` is 0.
 * @param count      0 to HF_SCHEMA_MAX_VARIABLES.
 * @param allocator  copied; NULL is hf_allocator_default().
 * @param schema     receives a schema, returned owned: hf_schema_release().
 * @param error      NULL, or receives the reason; `variable` is the index of
 *                   the declaration at fault.
 * @return HF_OK; HF_ERROR_INVALID_NAME, HF_ERROR_RESERVED_NAME,
 *         HF_ERROR_DUPLICATE_NAME (the first such declaration in order),
 *         HF_ERROR_TOO_MANY_VARIABLES, HF_ERROR_INVALID_ARGUMENT (a type that
 *         is none), HF_ERROR_OUT_OF_MEMORY.
 *
 * Threads: any. Cost: O(n log n) comparisons of names, one allocation.
 */
HF_API HF_MUST_USE hf_status hf_schema_create(const hf_variable *HF_NULLABLE variables,
                                              size_t count,
                                              const hf_allocator *HF_NULLABLE allocator,
                                              hf_schema *HF_NULLABLE *HF_NONNULL schema,
                                              hf_error *HF_NULLABLE error);

/**
 * Declares variables, and words to intern: `==` and `!=` with one of them costs
 * no more than with a number, because a context recognises a word when it is
 * filled. Any other string may still be written and compared.
 *
 * @param words       copied; their order is part of the schema. May be NULL when
 *                    `word_count` is 0.
 * @param word_count  0 to HF_SCHEMA_MAX_WORDS.
 * @return as hf_schema_create(); HF_ERROR_DUPLICATE_NAME also when a word stands
 *         twice; HF_ERROR_INVALID_UTF8 when a word is not UTF-8;
 *         HF_ERROR_INVALID_ARGUMENT also for too many or too long (4 GiB) ones.
 *
 * Threads: any. Cost: as hf_schema_create(), and O(bytes) for the words.
 */
HF_API HF_MUST_USE hf_status hf_schema_create_with_words(
    const hf_variable *HF_NULLABLE variables, size_t count, const hf_word *HF_NULLABLE words,
    size_t word_count, const hf_allocator *HF_NULLABLE allocator,
    hf_schema *HF_NULLABLE *HF_NONNULL schema, hf_error *HF_NULLABLE error);

/**
 * The ready-made schema: `severity`, `recurrence_count`, `confidence`, `step`
 * and `duration`, in this order, all of type any.
 *
 * @return a constant that lives as long as the program: it may be retained and
 *         released like any other, and need not be.
 *
 * Threads: any. Cost: O(1), no allocation.
 */
HF_API const hf_schema *hf_schema_classic(void);

/**
 * Adds a reference.
 *
 * @return the same schema.
 *
 * Threads: any. Progress: wait-free. Cost: O(1), one atomic add.
 */
HF_API hf_schema *hf_schema_retain(const hf_schema *schema);

/**
 * Gives a reference back; the last one frees the schema. NULL is a no-op.
 *
 * Threads: any. Progress: wait-free. Cost: O(1), one atomic subtraction.
 */
HF_API void hf_schema_release(const hf_schema *HF_NULLABLE schema);

/** How many variables it declares. Threads: any. Cost: O(1). */
HF_API size_t hf_schema_count(const hf_schema *schema);

/**
 * The declaration at `index`; the name lives as long as the schema.
 *
 * @return {NULL, HF_TYPE_ANY} when the index is not below hf_schema_count().
 *
 * Threads: any. Cost: O(1).
 */
HF_API hf_variable hf_schema_variable(const hf_schema *schema, uint32_t index);

/**
 * The index of the variable with this name.
 *
 * @param name  borrowed; need not be NUL-terminated.
 * @return the index, or HF_NO_VARIABLE.
 *
 * Threads: any. Cost: O(log n) comparisons of names.
 */
HF_API uint32_t hf_schema_find(const hf_schema *schema, const char *name, size_t length_bytes);

/** How many words it interns. Threads: any. Cost: O(1). */
HF_API size_t hf_schema_word_count(const hf_schema *schema);

/**
 * The word at `index`; it lives as long as the schema.
 *
 * @return {NULL, 0} when the index is not below hf_schema_word_count().
 *
 * Threads: any. Cost: O(1).
 */
HF_API hf_word hf_schema_word(const hf_schema *schema, uint32_t index);

/** What has no word. */
#define HF_NO_WORD UINT32_MAX

/**
 * The index of a word, for hf_context_set_word().
 *
 * @param bytes  borrowed; need not be NUL-terminated.
 * @return the index, or HF_NO_WORD.
 *
 * Threads: any. Cost: O(length), one probe of a hash table.
 */
HF_API uint32_t hf_schema_find_word(const hf_schema *schema, const char *HF_NULLABLE bytes,
                                    size_t length_bytes);

/**
 * Whether two schemas declare the same variables, with the same types, in the
 * same order, and intern the same words in the same order: then contexts of one
 * serve conditions of the other.
 *
 * Threads: any. Cost: O(1) for the same schema, else O(bytes of names and words).
 */
HF_API bool hf_schema_equal(const hf_schema *a, const hf_schema *b);

HF_END_NONNULL
HF_END_C

#endif
