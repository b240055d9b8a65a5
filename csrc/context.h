/*
 * The inside of a context.
 *
 * What evaluation reads lies together, for most schemas within one line of the
 * cache, so that a hundred thousand contexts are read as fast as an array:
 *
 *     schema  rest  tags, 16 to a word ...  slots, a word each ...  keys ...
 *
 * A tag is four bits that say what a slot holds. Two of them answer what the
 * evaluator asks, "is there no value?" and "has it no order?", for up to 16
 * variables with one AND.
 *
 * A slot is the number itself, and so is a boolean's; for anything else it is a
 * NaN that no number in a context ever is. A string that the schema interns is
 * known by its slot alone. Numbers never hold -0, so equal numbers are equal
 * words.
 *
 * A key is the first bytes and the length of a string in 16 bytes, one for each
 * variable that is declared as a string, unless the schema interns words.
 */
#ifndef HF_CONTEXT_H
#define HF_CONTEXT_H

#include <holdfast/context.h>

#include <string.h>

#include "schema.h"

/* A value outside a context: what a literal is, and what a slot reads as. */
typedef struct hf__cell {
  double number; /* NUMBER; BOOLEAN: 1 or 0 */
  const char *string;
  uint32_t length_bytes;
  uint32_t kind; /* an hf_kind */
} hf__cell;

/* Whether a cell compares as a number. Numbers and booleans are the last two kinds. */
_Static_assert(HF_KIND_BOOLEAN == HF_KIND_NUMBER + 1, "numeric kinds are the last");
static inline bool hf__is_numeric(const hf__cell *cell) {
  return cell->kind >= HF_KIND_NUMBER;
}

/* Tags --------------------------------------------------------------------- */

enum {
  HF__TAG_NO_VALUE = 1, /* missing or invalid */
  HF__TAG_NO_ORDER = 2, /* anything but a boolean or a number that is not NaN */

  HF__TAG_NUMBER = 0,
  HF__TAG_BOOLEAN = 4,
  HF__TAG_STRING = 2,
  HF__TAG_NULL = 6,
  HF__TAG_CONTAINER = 10,
  HF__TAG_NAN = 14,
  HF__TAG_MISSING = 3,
  HF__TAG_INVALID = 7,

  HF__TAG_BITS = 64 / HF__TAGS_PER_WORD,
};

/* A word of missing variables. */
#define HF__TAGS_MISSING UINT64_C(0x3333333333333333)

/* Slots -------------------------------------------------------------------- */

#define HF__SLOT_NAN UINT64_C(0x7FF8000000000000)
/* A string; one that the schema interns adds the word's index and 1. */
#define HF__SLOT_STRING UINT64_C(0xFFF8000000000000)
/* A string without a key, or too long for one, adds its print: 48 bits of a hash. */
#define HF__SLOT_PRINT UINT64_C(0xFFFE000000000000)
/* A string that was copied and is whole in its key: it is nowhere else. */
#define HF__SLOT_SHORT UINT64_C(0xFFFA000000000000)
/* Null, a container, or no value. */
#define HF__SLOT_OTHER UINT64_C(0xFFFC000000000000)
/* What no slot holds. */
#define HF__SLOT_NEVER UINT64_C(0xFFFFFFFFFFFFFFFF)

static inline uint64_t hf__word_slot(uint32_t word) {
  return HF__SLOT_STRING + 1 + word;
}

/* The slot of a string that is known by its print. */
uint64_t hf__print_slot(const char *string, size_t length_bytes);

static inline bool hf__is_print(uint64_t slot) {
  return slot >> 48 == HF__SLOT_PRINT >> 48;
}

/* Keys --------------------------------------------------------------------- */

/*
 * A string of up to 15 bytes is its key: its bytes, zeros, and its length. A
 * longer one has its first 11 bytes, the length, and 16: equal keys then leave
 * the rest to be compared.
 */
enum { HF__KEY_WHOLE_BYTES = 15, HF__KEY_PREFIX_BYTES = 11 };

typedef struct hf__key {
  uint8_t bytes[HF__KEY_BYTES];
} hf__key;

hf__key hf__key_of(const char *string, uint32_t length_bytes);

/* Contexts ----------------------------------------------------------------- */

/* The string of one slot, and the memory that its slot copies strings into. */
typedef struct hf__string {
  const char *bytes;
  size_t length_bytes;
  char *memory;
  size_t capacity_bytes;
} hf__string;

typedef struct hf__context_rest {
  hf_allocator allocator;
  hf__string strings[];
} hf__context_rest;

struct hf_context {
  const hf_schema *schema; /* retained */
  /* NULL: no string yet, and the default allocator. Contexts without it follow
   * each other closely in memory, which makes reading many of them twice as fast. */
  hf__context_rest *rest;
  uint64_t words[]; /* tags, slots, keys */
};

_Static_assert(sizeof(hf_context) == HF__TAGS_AT_BYTES, "the tags follow the pointers");

static inline uint32_t hf__tags_at(uint32_t variable) {
  return HF__TAGS_AT_BYTES + variable / HF__TAGS_PER_WORD * (uint32_t)sizeof(uint64_t);
}

static inline uint32_t hf__tag_shift(uint32_t variable) {
  return variable % HF__TAGS_PER_WORD * HF__TAG_BITS;
}

static inline uint32_t hf__slot_at(const hf_schema *schema, uint32_t variable) {
  return schema->slots_at_bytes + variable * (uint32_t)sizeof(uint64_t);
}

static inline uint64_t hf__context_word(const hf_context *context, uint32_t at_bytes) {
  uint64_t word;
  memcpy(&word, (const char *)context + at_bytes, sizeof word);
  return word;
}

static inline double hf__context_number(const hf_context *context, uint32_t at_bytes) {
  double number;
  memcpy(&number, (const char *)context + at_bytes, sizeof number);
  return number;
}

static inline unsigned hf__context_tag(const hf_context *context, uint32_t variable) {
  return (unsigned)(hf__context_word(context, hf__tags_at(variable)) >> hf__tag_shift(variable)) &
         15u;
}

/* What a slot holds. */
hf__cell hf__context_cell(const hf_context *context, uint32_t variable);

hf_value hf__cell_value(const hf__cell *cell);

/* Takes the memory of strings, where a context has none yet, so that borrowing one
 * cannot fail for want of it. False: there is none. */
HF_MUST_USE bool hf__context_make_room(hf_context *context);

#endif
