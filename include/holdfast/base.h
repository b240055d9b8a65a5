/**
 * What every part of Holdfast shares: status codes, errors that say where,
 * allocation hooks, the version.
 *
 *     hf_error error;
 *     if (hf_condition_compile(schema, text, length, NULL, &condition, &error) != HF_OK) {
 *         char report[HF_ERROR_REPORT_BYTES];
 *         hf_error_format(&error, text, length, report, sizeof report);
 *         fputs(report, stderr);
 *     }
 *
 * prints
 *
 *     variable_not_allowed: unknown variable 'sevrity'; did you mean 'severity'?
 *       1 | sevrity >= 0.8
 *         | ^~~~~~~
 */
#ifndef HOLDFAST_BASE_H
#define HOLDFAST_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Attributes --------------------------------------------------------------- */

#if defined(__cplusplus)
#define HF_BEGIN_C extern "C" {
#define HF_END_C }
#else
#define HF_BEGIN_C
#define HF_END_C
#endif

#if defined(_WIN32)
#define HF_API
#else
#define HF_API __attribute__((visibility("default")))
#endif

/** The caller must look at the answer. */
#define HF_MUST_USE __attribute__((warn_unused_result))

/* clang: every pointer between these two is non-null unless marked otherwise. */
#if defined(__clang__)
#define HF_BEGIN_NONNULL                                                                           \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
      _Pragma("clang assume_nonnull begin")
#define HF_END_NONNULL _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#define HF_NULLABLE _Nullable
#define HF_NONNULL _Nonnull
#else
#define HF_BEGIN_NONNULL
#define HF_END_NONNULL
#define HF_NULLABLE
#define HF_NONNULL
#endif

HF_BEGIN_C
HF_BEGIN_NONNULL

/* Version ------------------------------------------------------------------ */

#define HF_VERSION_MAJOR 0
#define HF_VERSION_MINOR 1
#define HF_VERSION_PATCH 0
#define HF_VERSION_STRING "0.1.0"

/**
 * The version of the library that is linked, as "major.minor.patch".
 *
 * @return a constant string; never freed.
 *
 * Threads: any. Cost: O(1).
 */
HF_API const char *hf_version(void);

/* Status ------------------------------------------------------------------- */

/**
 * What became of a call: `HF_OK` is 0, every failure is negative. The values
 * are frozen: a code is never renumbered and never used for something else.
 */
typedef enum hf_status {
  HF_OK = 0,

  /** An argument is outside its documented range. */
  HF_ERROR_INVALID_ARGUMENT = -1,
  /** The allocator returned NULL. Nothing changed; the call may be repeated. */
  HF_ERROR_OUT_OF_MEMORY = -2,

  /* Schema. */

  /** A variable's name is no identifier, or is longer than HF_NAME_MAX_BYTES. */
  HF_ERROR_INVALID_NAME = -10,
  /** A variable's name would be read as a word of the language. */
  HF_ERROR_RESERVED_NAME = -11,
  /** A variable is declared twice. */
  HF_ERROR_DUPLICATE_NAME = -12,
  /** More than HF_SCHEMA_MAX_VARIABLES variables. */
  HF_ERROR_TOO_MANY_VARIABLES = -13,

  /* Compiling a condition. */

  /** The text is not UTF-8. */
  HF_ERROR_INVALID_UTF8 = -20,
  /** The text is longer than the limit. */
  HF_ERROR_TEXT_TOO_LONG = -21,
  /** The text has more tokens than the limit. */
  HF_ERROR_TOO_COMPLEX = -22,
  /** A character that the language does not know. */
  HF_ERROR_UNEXPECTED_CHARACTER = -23,
  /** A string without its closing quote. */
  HF_ERROR_UNTERMINATED_STRING = -24,
  /** A single `=` or `!`. */
  HF_ERROR_INVALID_OPERATOR = -25,
  /** A number beyond the range of a double. */
  HF_ERROR_BAD_NUMBER = -26,
  /** A name that the schema does not declare. */
  HF_ERROR_VARIABLE_NOT_ALLOWED = -27,
  /** A number, a string, a variable or `(` should stand here. */
  HF_ERROR_EXPECTED_VALUE = -28,
  /** A comparison operator should stand here. */
  HF_ERROR_EXPECTED_OPERATOR = -29,
  /** A `)` should stand here. */
  HF_ERROR_EXPECTED_RPAREN = -30,
  /** The condition is complete, but the text goes on. */
  HF_ERROR_UNEXPECTED_TOKEN = -31,

  /* Evaluating a condition, filling a context. */

  /** A variable that the condition needs has no value. */
  HF_ERROR_MISSING_VARIABLE = -40,
  /** Two values that have no order, or a value of another type than declared. */
  HF_ERROR_TYPE_MISMATCH = -41,
  /** The context was made for another schema. */
  HF_ERROR_SCHEMA_MISMATCH = -42,

  /* Loading what was saved. */

  /** The bytes are no sound image: cut short, altered, or of another version. */
  HF_ERROR_BAD_IMAGE = -50,
  /** A file could not be read or written; the message has what the system said. */
  HF_ERROR_IO = -51,

  /* Calls to something outside. */

  /** The circuit breaker is open: the call was not permitted. */
  HF_ERROR_CIRCUIT_OPEN = -60,
  /** A registry holds as many circuit breakers as it may. */
  HF_ERROR_REGISTRY_FULL = -61,
  /** There was no answer in time. */
  HF_ERROR_TIMED_OUT = -62,
  /** It was asked for more often than is allowed. */
  HF_ERROR_RATE_LIMITED = -63,
  /** As many calls are under way, and waiting, as may be. */
  HF_ERROR_BULKHEAD_FULL = -64,
  /** It failed each time that it was tried, or may not be tried again. */
  HF_ERROR_RETRIES_EXHAUSTED = -65,

  /* Caching. */

  /** A cache cannot hold an entry of this size. */
  HF_ERROR_TOO_LARGE = -70,
  /** What was loaded was invalidated in the meantime. */
  HF_ERROR_LOAD_CANCELLED = -71
} hf_status;

/**
 * The name of a status as operators and logs see it: `HF_ERROR_BAD_NUMBER` is
 * "bad_number", `HF_OK` is "ok", a number that is no status is "unknown".
 *
 * @return a constant string; never freed.
 *
 * Threads: any. Cost: O(1).
 */
HF_API const char *hf_status_name(hf_status status);

/* Errors with a place ------------------------------------------------------ */

/** Bytes of an error's message, the closing NUL included. */
#define HF_ERROR_MESSAGE_BYTES 256

/** Room that hf_error_format() never exceeds, the closing NUL included. */
#define HF_ERROR_REPORT_BYTES 1024

/** No variable, no place in the text: see hf_error. */
#define HF_NO_VARIABLE UINT32_MAX
#define HF_NO_OFFSET UINT32_MAX

/**
 * What went wrong, where, and what would be right. Plain data: it owns nothing
 * and stays valid after the text, the schema and the condition are gone.
 */
typedef struct hf_error {
  hf_status status;
  /** Where the fault starts in the condition's text, in bytes; HF_NO_OFFSET when the fault is not
   *  in a text, as with a schema, a limit or memory. */
  uint32_t offset_bytes;
  /** How much of the text is at fault, in bytes; 0 at the end of the text. */
  uint32_t length_bytes;
  /** The schema index of the variable that the error is about, or HF_NO_VARIABLE. */
  uint32_t variable;
  /** The schema index of the variable that was probably meant, or HF_NO_VARIABLE. */
  uint32_t suggestion;
  /** One line of UTF-8 in plain English, without the status name and a full stop. */
  char message[HF_ERROR_MESSAGE_BYTES];
} hf_error;

/**
 * Writes an error as a person reads it: status and message, then the line of
 * the text that holds the fault, with a caret under it (see the top of this
 * header). A long line is cut around the fault. Characters that would act on a
 * terminal are shown as spaces, bytes that are no UTF-8 as `?`. The caret counts
 * each character as one column, which East Asian wide characters and combining
 * marks before it are not. Every line ends in a newline.
 *
 * @param error   borrowed.
 * @param text    borrowed; the text that was compiled. No caret is printed when
 *                it is NULL, or the error has no place in a text.
 * @param length_bytes  of the text.
 * @param buffer  receives at most `capacity_bytes` bytes, always NUL-terminated
 *                when the capacity is not 0.
 * @return bytes written, the NUL not counted. HF_ERROR_REPORT_BYTES is always
 *         enough for the whole report; less room cuts it.
 *
 * Threads: any. Cost: O(length of the text).
 */
HF_API size_t hf_error_format(const hf_error *error, const char *HF_NULLABLE text,
                              size_t length_bytes, char *buffer, size_t capacity_bytes);

/* Allocation --------------------------------------------------------------- */

/**
 * Where memory comes from. An object copies the allocator that it is created
 * with and uses it for its whole life, so `context` must outlive the object.
 *
 * Both functions are called on the thread that called the library and may be
 * called from several threads at once when objects are used from several.
 */
typedef struct hf_allocator {
  /**
   * Returns `size_bytes` (> 0) bytes aligned to `alignment_bytes` (a power of
   * two, at most 128), or NULL: the library reports HF_ERROR_OUT_OF_MEMORY.
   */
  void *HF_NULLABLE (*HF_NONNULL allocate)(void *HF_NULLABLE context, size_t size_bytes,
                                           size_t alignment_bytes);
  /** Gives back what `allocate` returned, with the same size and alignment. */
  void (*HF_NONNULL deallocate)(void *HF_NULLABLE context, void *memory, size_t size_bytes,
                                size_t alignment_bytes);
  /** Handed to both; the library never looks at it. */
  void *HF_NULLABLE context;
} hf_allocator;

/**
 * The allocator that is used where NULL is given: jemalloc when the library
 * was built with it, the C library's otherwise.
 *
 * Threads: any. Cost: O(1).
 */
HF_API hf_allocator hf_allocator_default(void);

/** "jemalloc" or "system": what hf_allocator_default() draws on. Constant. */
HF_API const char *hf_allocator_default_name(void);

HF_END_NONNULL
HF_END_C

#endif
