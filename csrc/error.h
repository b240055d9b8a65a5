/* Filling an hf_error, and writing text into a buffer that may be too small. */
#ifndef HF_ERROR_H
#define HF_ERROR_H

#include <holdfast/base.h>

#include <stdarg.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

#if defined(__GNUC__)
#define HF__PRINTF(string, first) __attribute__((format(printf, string, first)))
/* What is rarely run, and so stays out of the way of what is not. */
#define HF__COLD __attribute__((cold, noinline))
#define HF__UNLIKELY(condition) __builtin_expect(condition, 0)
/* What would make its caller save registers that the usual way does not need. */
#define HF__APART __attribute__((noinline))
/* Worth copying into each of its few callers. */
#define HF__INLINE static inline __attribute__((always_inline))
/* Whatever it calls becomes part of it. */
#define HF__FLAT __attribute__((flatten))
#else
#define HF__PRINTF(string, first)
#define HF__COLD
#define HF__UNLIKELY(condition) (condition)
#define HF__APART
#define HF__INLINE static inline
#define HF__FLAT
#endif

/* How much of a name or a string from outside a message quotes, in bytes. */
#define HF__QUOTE_BYTES 40

typedef struct hf__quote {
  char text[HF__QUOTE_BYTES + sizeof "..."];
} hf__quote;

/*
 * `text` as a message quotes it, for "%s": cut at a character's end, with dots,
 * when it is long, and without a NUL. Returns quote->text.
 */
const char *hf__quoted(hf__quote *quote, const char *text, size_t length_bytes);

/*
 * Fills `error`, unless it is NULL, with everything but the variables, which
 * become HF_NO_VARIABLE. The offset is HF_NO_OFFSET where there is no place. The
 * message is cut at a character's end when it does
 * not fit; control characters in it become spaces, and bytes that are not UTF-8
 * question marks.
 *
 * Returns `status`, so that a function can end with it.
 */
hf_status hf__error_set(hf_error *HF_NULLABLE error, hf_status status, size_t offset_bytes,
                        size_t length_bytes, const char *format, ...) HF__PRINTF(5, 6);

/* Text that goes as far as its buffer, and counts on. */
typedef struct hf__writer {
  char *HF_NULLABLE buffer;
  size_t capacity_bytes;
  size_t length_bytes; /* of all that was written, room or not; the NUL not counted */
} hf__writer;

void hf__write(hf__writer *writer, const char *HF_NULLABLE bytes, size_t length_bytes);
void hf__write_string(hf__writer *writer, const char *string);
void hf__write_repeated(hf__writer *writer, char c, size_t count);

/* Ends with a NUL, before which no character is cut in two. */
void hf__write_end(hf__writer *writer);

HF_END_NONNULL
HF_END_C

#endif
