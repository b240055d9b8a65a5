/*
 * Conditions as bytes, and back. condition_image.h shows the layout.
 *
 * Loading trusts nothing. The checksum finds accidents; against intent every
 * count is checked before memory is taken for it, every index before it is used,
 * and the tree while it is made. One condition has one image: integers in more
 * bytes than they need and bytes after the end are refused, and nothing is stored
 * that could be stored in two ways.
 *
 * Loading is one walk forward through the image. Where it is goes from function
 * to function by value, so that it stays in registers.
 */
#include "condition_image.h"

#include "allocator.h"
#include "condition_rules.h"
#include "error.h"
#include "little_endian.h"
#include "utf8.h"

#include <string.h>

/* Nothing of it is linked: its functions become static here. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static const char MAGIC[] = {'H', 'F', 'C'};

/* What a side is. */
typedef enum side_kind {
  SIDE_VARIABLE,
  SIDE_NUMBER,
  SIDE_STRING,
} side_kind;

enum {
  /* A comparison's head: operator, kind of the left side, kind of the right. */
  HEAD_OPERATOR_SHIFT = 4,
  HEAD_LEFT_SHIFT = 2,
  HEAD_KIND_MASK = 3,
  HEAD_MOST = (HF_OPERATOR_GREATER_OR_EQUAL + 1) * (1 << HEAD_OPERATOR_SHIFT) - 1,
  NUMBER_BYTES = 8,
  /* The fewest bytes in an image: a comparison's head, and twice a step and a
   * length; an operator's depth; where an inner node begins and ends. */
  COMPARISON_LEAST_BYTES = 5,
  DEPTH_LEAST_BYTES = 1,
  NODE_LEAST_BYTES = 2,
  /* The fewest bytes in a text: `1<2`, `or`, and a pair of parentheses. */
  COMPARISON_TEXT_BYTES = 3,
  JOIN_TEXT_BYTES = 2,
  PAIR_TEXT_BYTES = 2,
};

/* The bits of doubles that are neither finite nor positive are these or more. */
#define INFINITE_BITS UINT64_C(0x7FF0000000000000)

uint64_t hf__image_checksum(const void *bytes, size_t length_bytes) {
  return XXH3_64bits(bytes, length_bytes);
}

/*
 * Tokens of a text with comparisons: three each, one between two, parentheses,
 * and the end.
 */
static uint32_t tokens_of(uint32_t comparisons, uint32_t pairs) {
  return 4 * comparisons + 2 * pairs;
}

/* Saving ------------------------------------------------------------------- */

/* An image in the making, and how far it has come in the text. */
typedef struct image_writer {
  hf__writer out;
  uint32_t place;
} image_writer;

static void put_varint(image_writer *to, uint32_t value) {
  unsigned char bytes[5];
  size_t count = 0;
  while (value >= 0x80) {
    bytes[count] = (unsigned char)(value | 0x80);
    count++;
    value >>= 7;
  }
  bytes[count] = (unsigned char)value;
  hf__write(&to->out, (const char *)bytes, count + 1);
}

static void put_uint64(image_writer *to, uint64_t value) {
  unsigned char bytes[8];
  hf__to_little_endian(value, bytes);
  hf__write(&to->out, (const char *)bytes, sizeof bytes);
}

static void put_step(image_writer *to, uint32_t place) {
  put_varint(to, place - to->place);
  to->place = place;
}

static side_kind kind_of(const hf__side *side) {
  if (side->variable != HF_NO_VARIABLE) {
    return SIDE_VARIABLE;
  }
  return side->literal.kind == HF_KIND_STRING ? SIDE_STRING : SIDE_NUMBER;
}

static void put_side(image_writer *to, const hf__side *side) {
  put_step(to, side->offset_bytes);
  put_step(to, side->offset_bytes + side->length_bytes);
  if (side->variable != HF_NO_VARIABLE) {
    put_varint(to, side->variable);
  } else if (side->literal.kind == HF_KIND_NUMBER) {
    uint64_t bits;
    memcpy(&bits, &side->literal.number, sizeof bits);
    put_uint64(to, bits);
  }
}

static uint32_t count_strings(const hf_condition *condition) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    count += kind_of(&condition->comparisons[i].left) == SIDE_STRING;
    count += kind_of(&condition->comparisons[i].right) == SIDE_STRING;
  }
  return count;
}

/* Comparison node `leaf`, after the inner nodes from `opened` on that begin with
 * it, and before those that end with it. */
static void put_comparison(image_writer *to, const hf_condition *condition, uint32_t opened,
                           uint32_t leaf) {
  const hf__node *nodes = condition->nodes;
  const hf__comparison *comparison = &condition->comparisons[nodes[leaf].first];
  if (leaf + 1 < condition->node_count) {
    /* What follows a comparison hangs from the node that joins the two. */
    put_varint(to, nodes[nodes[leaf + 1].parent].depth);
  }
  put_varint(to, (uint32_t)comparison->op << HEAD_OPERATOR_SHIFT |
                     (uint32_t)kind_of(&comparison->left) << HEAD_LEFT_SHIFT |
                     (uint32_t)kind_of(&comparison->right));
  for (uint32_t i = opened; i < leaf; i++) {
    put_step(to, nodes[i].offset_bytes);
  }
  put_side(to, &comparison->left);
  put_side(to, &comparison->right);
  for (uint32_t i = leaf; i != 0 && nodes[nodes[i].parent].end == nodes[leaf].end;) {
    i = nodes[i].parent;
    put_step(to, nodes[i].offset_bytes + nodes[i].length_bytes);
  }
}

static void put_program(image_writer *to, const hf_condition *condition) {
  if (condition->comparison_count == 0) {
    put_step(to, condition->nodes[0].offset_bytes);
    return;
  }
  uint32_t opened = 0;
  for (uint32_t i = 0; i < condition->node_count; i++) {
    if (condition->nodes[i].kind == HF_NODE_COMPARISON) {
      put_comparison(to, condition, opened, i);
      opened = i + 1;
    }
  }
}

size_t hf_condition_save(const hf_condition *condition, void *buffer, size_t capacity_bytes) {
  image_writer to = {.out = {.buffer = buffer, .capacity_bytes = capacity_bytes}};
  uint32_t comparisons = condition->comparison_count;
  bool always = comparisons == 0;
  hf__write(&to.out, MAGIC, sizeof MAGIC);
  put_varint(&to, HF__IMAGE_VERSION);
  put_uint64(&to, condition->schema->digest);
  put_varint(&to, (uint32_t)condition->nodes[0].kind);
  put_varint(&to, always ? 0 : (condition->token_count - tokens_of(comparisons, 0)) / 2);
  put_varint(&to, comparisons);
  put_varint(&to, always ? 0 : condition->node_count - comparisons);
  put_varint(&to, count_strings(condition));
  put_varint(&to, condition->text_bytes);
  hf__write(&to.out, condition->text, condition->text_bytes);
  put_program(&to, condition);
  /* Of what did not fit there is none, and nobody reads it. */
  bool fits_so_far = to.out.length_bytes <= capacity_bytes;
  put_uint64(&to, fits_so_far ? hf__image_checksum(buffer, to.out.length_bytes) : 0);
  return to.out.length_bytes;
}

/* Reading ------------------------------------------------------------------ */

/* What is read with every comparison becomes part of one function (HF__INLINE):
 * its cursors then stay in registers. */

/* An image; `end` is where the checksum begins. */
typedef struct reader {
  const unsigned char *bytes;
  const unsigned char *end;
  hf_error *error; /* may be NULL */
} reader;

/* What was read, and what stands behind it: NULL when it was refused. */
typedef struct varint {
  const unsigned char *next;
  uint32_t value;
} varint;

/*
 * Where reading is, in the image and in the text. `next` is NULL when what stood
 * there was refused. The place only grows, and is checked where a side or a node
 * ends; it has room for all steps of an image, so that it grows past the end of
 * the text rather than round to its beginning.
 */
typedef struct cursor {
  const unsigned char *next;
  uint64_t place;
} cursor;

static const cursor REFUSED = {NULL, 0};

HF__COLD static hf_status bad(const reader *in, const unsigned char *from, const unsigned char *to,
                              const char *message) {
  return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, (size_t)(from - in->bytes),
                       (size_t)(to - from), "%s", message);
}

/* Refuses an integer. */
HF__COLD static varint bad_varint(const reader *in, const unsigned char *from,
                                  const unsigned char *to, const char *what, const char *why) {
  hf__error_set(in->error, HF_ERROR_BAD_IMAGE, (size_t)(from - in->bytes), (size_t)(to - from),
                "%s %s", what, why);
  return (varint){NULL, 0};
}

__attribute__((noinline)) static varint get_long_varint(const reader *in, const unsigned char *from,
                                                        uint32_t most, const char *what) {
  const unsigned char *next = from;
  uint64_t value = 0;
  unsigned char byte = 0;
  for (unsigned shift = 0; shift == 0 || (byte & 0x80) != 0; shift += 7) {
    if (next == in->end) {
      return bad_varint(in, from, next, what, "is cut off by the end of the image");
    }
    byte = *next;
    next++;
    if (shift > 28 || (shift > 0 && byte == 0)) {
      return bad_varint(in, from, next, what, "has more bytes than it needs");
    }
    value |= (uint64_t)(byte & 0x7F) << shift;
  }
  if (value > most) {
    return bad_varint(in, from, next, what, "is more than it can be here");
  }
  return (varint){next, (uint32_t)value};
}

/* Reads an integer of at most `most`; `what` names it. Nearly all have one byte. */
HF__INLINE varint get_varint(const reader *in, const unsigned char *from, uint32_t most,
                             const char *what) {
  if (from < in->end && *from < 0x80 && *from <= most) {
    return (varint){from + 1, *from};
  }
  return get_long_varint(in, from, most, what);
}

/* Envelope and summary ----------------------------------------------------- */

static hf_status check_envelope(reader *in, const hf_schema *schema, size_t length_bytes) {
  const unsigned char *bytes = in->bytes;
  if (length_bytes < HF__IMAGE_HEADER_BYTES + HF__IMAGE_CHECKSUM_BYTES) {
    return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, length_bytes, 0,
                         "the image is cut short: it ends before its text");
  }
  if (memcmp(bytes, MAGIC, sizeof MAGIC) != 0) {
    return bad(in, bytes, bytes + sizeof MAGIC,
               "this is no image of a condition: it does not begin with HFC");
  }
  if (bytes[sizeof MAGIC] != HF__IMAGE_VERSION) {
    return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, sizeof MAGIC, 1,
                         "the image is of version %u; this library reads version %d",
                         (unsigned)bytes[sizeof MAGIC], HF__IMAGE_VERSION);
  }
  in->end = bytes + (length_bytes - HF__IMAGE_CHECKSUM_BYTES);
  if (hf__from_little_endian(in->end) !=
      hf__image_checksum(bytes, length_bytes - HF__IMAGE_CHECKSUM_BYTES)) {
    return bad(in, in->end, in->end + HF__IMAGE_CHECKSUM_BYTES,
               "the checksum differs: the image is cut short or altered");
  }
  size_t digest_at = sizeof MAGIC + 1;
  if (hf__from_little_endian(bytes + digest_at) != schema->digest) {
    return hf__error_set(in->error, HF_ERROR_SCHEMA_MISMATCH, digest_at,
                         HF__IMAGE_HEADER_BYTES - digest_at,
                         "the image was saved with another schema");
  }
  return HF_OK;
}

/* What the image says before its program. */
typedef struct summary {
  hf_node_kind root;
  uint32_t pairs; /* of parentheses */
  uint32_t inner;
  hf__shape shape;
  const unsigned char *text;
} summary;

/* Whether a tree with this root has so many comparisons, inner nodes and strings. */
static bool counts_fit(const summary *said) {
  uint32_t comparisons = said->shape.comparison_count;
  switch (said->root) {
  case HF_NODE_ALWAYS:
    return comparisons == 0 && said->inner == 0 && said->pairs == 0 &&
           said->shape.string_count == 0;
  case HF_NODE_COMPARISON:
    return comparisons == 1 && said->inner == 0 && said->shape.string_count <= 2;
  case HF_NODE_AND:
  case HF_NODE_OR:
    return said->inner >= 1 && said->inner < comparisons &&
           said->shape.string_count <= 2 * comparisons;
  }
  return false;
}

/* Whether so many bytes of text can say all that is counted. */
static bool text_can_hold(const summary *said) {
  size_t comparisons = said->shape.comparison_count;
  if (comparisons == 0) {
    return said->shape.text_bytes >= HF__ALWAYS_BYTES;
  }
  return said->shape.text_bytes >= COMPARISON_TEXT_BYTES * comparisons +
                                       JOIN_TEXT_BYTES * (comparisons - 1) +
                                       PAIR_TEXT_BYTES * (size_t)said->pairs;
}

/* Whether so many bytes of image can hold text and program. */
static bool image_can_hold(const summary *said, size_t bytes) {
  size_t comparisons = said->shape.comparison_count;
  size_t depths = comparisons == 0 ? 0 : comparisons - 1;
  size_t program = comparisons == 0
                       ? 1
                       : COMPARISON_LEAST_BYTES * comparisons + DEPTH_LEAST_BYTES * depths +
                             NODE_LEAST_BYTES * (size_t)said->inner;
  return said->shape.text_bytes <= bytes && bytes - said->shape.text_bytes >= program;
}

/* The integer behind another one, unless that was refused. */
HF__INLINE varint get_next(const reader *in, varint before, uint32_t most, const char *what) {
  return before.next == NULL ? before : get_varint(in, before.next, most, what);
}

/* Reads the counts; what stands behind them is NULL when one is refused. */
static const unsigned char *get_counts(const reader *in, summary *made) {
  const uint32_t most = HF_CONDITION_LIMIT_MAX_TOKENS;
  const unsigned char *from = in->bytes + HF__IMAGE_HEADER_BYTES;
  varint root = get_varint(in, from, HF_NODE_ALWAYS, "the kind of the root");
  varint pairs = get_next(in, root, most, "the count of parentheses");
  varint comparisons = get_next(in, pairs, most, "the count of comparisons");
  varint inner = get_next(in, comparisons, most, "the count of inner nodes");
  varint strings = get_next(in, inner, most, "the count of strings");
  varint text_bytes = get_next(in, strings, UINT32_MAX, "the length of the text");
  bool always = root.value == HF_NODE_ALWAYS;
  made->root = (hf_node_kind)root.value;
  made->pairs = pairs.value;
  made->inner = inner.value;
  made->shape = (hf__shape){
      .text_bytes = text_bytes.value,
      .token_count = always ? HF__ALWAYS_TOKENS : tokens_of(comparisons.value, pairs.value),
      .comparison_count = comparisons.value,
      .node_count = always ? 1 : comparisons.value + inner.value,
      .string_count = strings.value,
  };
  made->text = text_bytes.next;
  return text_bytes.next;
}

static hf_status get_summary(const reader *in, const hf_condition_options *options, summary *made) {
  const unsigned char *counts = in->bytes + HF__IMAGE_HEADER_BYTES;
  const unsigned char *text = get_counts(in, made);
  if (text == NULL) {
    return HF_ERROR_BAD_IMAGE;
  }
  if (!counts_fit(made)) {
    return bad(in, counts, text,
               "no condition has this root with these counts of comparisons, nodes and strings");
  }
  if (!text_can_hold(made)) {
    return bad(in, counts, text, "the text is too short for what is counted");
  }
  if (!image_can_hold(made, (size_t)(in->end - text))) {
    return bad(in, counts, text, "the image is too short for its text and its program");
  }
  uint32_t text_bytes = made->shape.text_bytes;
  size_t valid = hf__utf8_valid_prefix((const char *)text, text_bytes);
  if (valid != text_bytes) {
    return bad(in, text + valid, text + valid + 1, "the text is not UTF-8");
  }
  if (text_bytes > options->max_text_bytes) {
    return hf__error_set(
        in->error, HF_ERROR_TEXT_TOO_LONG, (size_t)(text - in->bytes) + options->max_text_bytes,
        text_bytes - options->max_text_bytes, "the condition has %u bytes; at most %u are allowed",
        (unsigned)text_bytes, (unsigned)options->max_text_bytes);
  }
  if (made->shape.token_count > options->max_tokens) {
    return hf__error_set(in->error, HF_ERROR_TOO_COMPLEX, HF__IMAGE_HEADER_BYTES,
                         (size_t)(text - counts),
                         "the condition has more than %u tokens, its end counted as one",
                         (unsigned)options->max_tokens);
  }
  return HF_OK;
}

/* Comparisons -------------------------------------------------------------- */

/* A step forward in the text, perhaps past its end. */
HF__INLINE cursor get_step(const reader *in, cursor at, const char *what) {
  varint bytes = get_varint(in, at.next, UINT32_MAX, what);
  return (cursor){bytes.next, at.place + bytes.value};
}

/* Whether a place is inside the text, has characters, and cuts none in two: where
 * it ends they are ASCII. */
HF__INLINE bool is_place(const hf_condition *condition, uint64_t from, uint64_t to) {
  const unsigned char *text = (const unsigned char *)condition->text;
  return from < to && to <= condition->text_bytes && (text[from] | text[to - 1]) < 0x80;
}

/* Whether a literal, at least a byte, has quotes of one kind at both ends, and none
 * of it within. */
static bool is_quoted(const char *literal, size_t length_bytes) {
  return (literal[0] == '\'' || literal[0] == '"') &&
         memchr(literal + 1, literal[0], length_bytes - 1) == literal + length_bytes - 1;
}

HF__INLINE cursor get_side(const reader *in, const hf_condition *condition, uint32_t kind,
                           cursor at, hf__side *made, uint32_t *strings) {
  const unsigned char *from = at.next;
  cursor start = get_step(in, at, "the place of an operand");
  if (start.next == NULL) {
    return REFUSED;
  }
  at = get_step(in, start, "the length of an operand");
  if (at.next == NULL) {
    return REFUSED;
  }
  if (!is_place(condition, start.place, at.place)) {
    bad(in, from, at.next, "an operand has no such place in the text");
    return REFUSED;
  }
  made->offset_bytes = (uint32_t)start.place;
  made->length_bytes = (uint32_t)(at.place - start.place);
  if (kind == SIDE_VARIABLE) {
    varint variable = get_varint(in, at.next, UINT32_MAX - 1, "the index of a variable");
    if (variable.next != NULL && variable.value >= condition->schema->count) {
      bad(in, at.next, variable.next, "the schema declares no variable of this index");
      return REFUSED;
    }
    made->literal = (hf__cell){.kind = HF_KIND_MISSING};
    made->variable = variable.value;
    at.next = variable.next;
    return at;
  }
  made->variable = HF_NO_VARIABLE;
  if (kind == SIDE_NUMBER) {
    if (in->end - at.next < NUMBER_BYTES) {
      bad(in, at.next, in->end, "the image ends in a number");
      return REFUSED;
    }
    uint64_t bits = hf__from_little_endian(at.next);
    if (bits >= INFINITE_BITS) {
      bad(in, at.next, at.next + NUMBER_BYTES, "a number has a sign or is not finite");
      return REFUSED;
    }
    made->literal = (hf__cell){.kind = HF_KIND_NUMBER};
    memcpy(&made->literal.number, &bits, sizeof bits);
    at.next += NUMBER_BYTES;
    return at;
  }
  ++*strings;
  const char *literal = condition->text + made->offset_bytes;
  if (kind != SIDE_STRING || !is_quoted(literal, made->length_bytes)) {
    bad(in, from, at.next, "a string has no quotes around it, or one within");
    return REFUSED;
  }
  made->literal = (hf__cell){
      .kind = HF_KIND_STRING, .string = literal + 1, .length_bytes = made->length_bytes - 2};
  return at;
}

/* Tree --------------------------------------------------------------------- */

/* The nodes in the making. The `end` of one that is open is where its last
 * operator so far stands, and `first` while it has none. */
typedef struct tree {
  hf__node *nodes;
  uint32_t count;
  uint32_t innermost; /* the open node that is deepest, if open_count is not 0 */
  uint32_t open_count;
  uint32_t pairs_least; /* of parentheses: around each `or` below an `and` */
  uint32_t strings;
  hf_node_kind root;
} tree;

/* The node begins at `place`, with comparison number `first`. */
HF__INLINE hf__node *push_node(tree *made, hf_node_kind kind, uint32_t first, uint32_t place) {
  hf__node *node = &made->nodes[made->count];
  node->kind = kind;
  node->parent = made->innermost;
  node->depth = made->open_count;
  node->first = first;
  node->end = first;
  node->offset_bytes = place;
  made->count++;
  return node;
}

/* Opens what begins with comparison number `index`, down to `depth`, in a tree of
 * so many inner nodes. */
HF__INLINE cursor open_nodes(const reader *in, cursor at, tree *made, uint32_t index,
                             uint32_t depth, uint32_t inner) {
  while (made->open_count <= depth) {
    if (made->count - index == inner) {
      bad(in, at.next, at.next, "the tree has more inner nodes than the image says");
      return REFUSED;
    }
    at = get_step(in, at, "the place of a node");
    if (at.next == NULL) {
      return REFUSED;
    }
    hf_node_kind other = made->root == HF_NODE_AND ? HF_NODE_OR : HF_NODE_AND;
    hf_node_kind kind = made->open_count % 2 == 0 ? made->root : other;
    made->pairs_least += kind == HF_NODE_OR && made->open_count > 0;
    push_node(made, kind, index, (uint32_t)at.place);
    made->innermost = made->count - 1;
    made->open_count++;
  }
  return at;
}

/* Closes what ends with comparison number `index`, until `left` nodes are open. */
HF__INLINE cursor close_nodes(const reader *in, const hf_condition *condition, cursor at,
                              tree *made, uint32_t index, uint32_t left) {
  while (made->open_count > left) {
    const unsigned char *from = at.next;
    at = get_step(in, at, "the end of a node");
    if (at.next == NULL) {
      return REFUSED;
    }
    hf__node *closed = &made->nodes[made->innermost];
    if (closed->end == closed->first) {
      bad(in, from, at.next, "an inner node has a single child");
      return REFUSED;
    }
    if (!is_place(condition, closed->offset_bytes, at.place)) {
      bad(in, from, at.next, "a node has no such place in the text");
      return REFUSED;
    }
    closed->end = index + 1;
    closed->length_bytes = (uint32_t)at.place - closed->offset_bytes;
    made->innermost = closed->parent;
    made->open_count--;
  }
  return at;
}

/* Reads comparison number `index` with the nodes that begin or end there. */
HF__INLINE cursor get_comparison(const reader *in, const hf_condition *condition, cursor at,
                                 tree *made, uint32_t index, bool is_last) {
  uint32_t inner = condition->node_count - condition->comparison_count;
  varint depth = {at.next, 0};
  if (!is_last) {
    depth = get_varint(in, at.next, inner - 1, "the depth of an operator");
  }
  varint head = get_next(in, depth, HEAD_MOST, "the head of a comparison");
  at.next = head.next;
  if (at.next != NULL && !is_last) {
    at = open_nodes(in, at, made, index, depth.value, inner);
  }
  hf__comparison *comparison = &condition->comparisons[index];
  comparison->op = (hf_operator)(head.value >> HEAD_OPERATOR_SHIFT);
  uint32_t left = head.value >> HEAD_LEFT_SHIFT & HEAD_KIND_MASK;
  uint32_t right = head.value & HEAD_KIND_MASK;
  if (at.next != NULL) {
    at = get_side(in, condition, left, at, &comparison->left, &made->strings);
  }
  if (at.next != NULL) {
    at = get_side(in, condition, right, at, &comparison->right, &made->strings);
  }
  if (at.next == NULL) {
    return REFUSED;
  }
  hf__node *node = push_node(made, HF_NODE_COMPARISON, index, comparison->left.offset_bytes);
  node->end = index + 1;
  node->length_bytes = (uint32_t)at.place - node->offset_bytes;
  at = close_nodes(in, condition, at, made, index, is_last ? 0 : depth.value + 1);
  if (at.next != NULL && !is_last) {
    made->nodes[made->innermost].end = index + 1;
  }
  return at;
}

/* Loading ------------------------------------------------------------------ */

static hf_status get_always(const reader *in, const summary *said, hf_condition *condition) {
  const unsigned char *from = said->text + condition->text_bytes;
  varint place =
      get_varint(in, from, condition->text_bytes - HF__ALWAYS_BYTES, "the place of 'always'");
  if (place.next == NULL) {
    return HF_ERROR_BAD_IMAGE;
  }
  if (!is_place(condition, place.value, (uint64_t)place.value + HF__ALWAYS_BYTES)) {
    return bad(in, from, place.next, "'always' has no such place in the text");
  }
  condition->nodes[0] = (hf__node){
      .kind = HF_NODE_ALWAYS, .offset_bytes = place.value, .length_bytes = HF__ALWAYS_BYTES};
  return place.next == in->end
             ? HF_OK
             : bad(in, place.next, in->end, "the image goes on after its program");
}

/* Fills the condition from the program. */
static hf_status get_program(const reader *in, const summary *said, hf_condition *condition) {
  if (said->root == HF_NODE_ALWAYS) {
    return get_always(in, said, condition);
  }
  tree made = {.nodes = condition->nodes, .root = said->root};
  cursor at = {said->text + condition->text_bytes, 0};
  uint32_t last = condition->comparison_count - 1;
  for (uint32_t i = 0; i < last; i++) {
    at = get_comparison(in, condition, at, &made, i, false);
    if (at.next == NULL) {
      return HF_ERROR_BAD_IMAGE;
    }
  }
  at = get_comparison(in, condition, at, &made, last, true);
  if (at.next == NULL) {
    return HF_ERROR_BAD_IMAGE;
  }
  if (at.next != in->end) {
    return bad(in, at.next, in->end, "the image goes on after its program");
  }
  const unsigned char *counts = in->bytes + HF__IMAGE_HEADER_BYTES;
  if (made.count != condition->node_count) {
    return bad(in, counts, said->text, "the tree has fewer inner nodes than the image says");
  }
  if (made.pairs_least > said->pairs) {
    return bad(in, counts, said->text, "the tree takes more parentheses than the image says");
  }
  if (made.strings != said->shape.string_count) {
    return bad(in, counts, said->text, "the program has another number of strings");
  }
  return HF_OK;
}

/* Completes it; on failure, as on success, the condition has another owner. */
static hf_status complete(const reader *in, const summary *said, hf_condition *condition) {
  hf_error fault;
  hf_status status = hf__program_complete(condition, &fault);
  if (status == HF_OK || in->error == NULL) {
    return status == HF_ERROR_TYPE_MISMATCH ? HF_ERROR_BAD_IMAGE : status;
  }
  *in->error = fault;
  if (status == HF_ERROR_TYPE_MISMATCH) {
    /* No text compiles to it, so nobody saved it. */
    in->error->status = HF_ERROR_BAD_IMAGE;
    in->error->offset_bytes += (uint32_t)(said->text - in->bytes);
    return HF_ERROR_BAD_IMAGE;
  }
  return status;
}

hf_status hf_condition_load(const hf_schema *schema, const void *image, size_t length_bytes,
                            const hf_condition_options *options, hf_condition **condition,
                            hf_error *error) {
  hf_condition_options chosen = options == NULL ? hf_condition_options_default() : *options;
  reader in = {.bytes = image, .end = image, .error = error};
  summary said = {.text = NULL};
  hf_status status = hf__check_limits(&chosen, error);
  if (status != HF_OK || (status = check_envelope(&in, schema, length_bytes)) != HF_OK ||
      (status = get_summary(&in, &chosen, &said)) != HF_OK) {
    return status;
  }
  const hf_allocator *from = chosen.allocator == NULL ? &hf__allocator_default : chosen.allocator;
  hf_condition *made = hf__program_begin(schema, (const char *)said.text, &said.shape, from);
  if (made == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  status = get_program(&in, &said, made);
  if (status != HF_OK) {
    hf_condition_destroy(made);
    return status;
  }
  status = complete(&in, &said, made);
  if (status == HF_OK) {
    *condition = made;
  }
  return status;
}
