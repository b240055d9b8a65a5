/*
 * Conditions as bytes, and back. condition_image.h shows the layout.
 *
 * Loading trusts nothing. The checksum finds accidents; against intent every
 * count is checked before memory is taken for it, every index before it is used,
 * and at the end the text has to say what the program does. One program has one
 * image: integers in more bytes than they need and bytes after the end are
 * refused, and nothing is stored that could be stored in two ways.
 */
#include "condition_image.h"

#include "allocator.h"
#include "condition_rules.h"
#include "error.h"
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
  SIDE_KINDS,
} side_kind;

enum {
  OPERATORS = HF_OPERATOR_GREATER_OR_EQUAL + 1,
  HEADS = OPERATORS * SIDE_KINDS * SIDE_KINDS,
  /* The fewest bytes of a comparison: its head, and twice a gap and a side. */
  COMPARISON_LEAST_BYTES = 5,
  NUMBER_BYTES = 8,
};

/* Hashes ------------------------------------------------------------------- */

static void to_little_endian(uint64_t value, unsigned char bytes[8]) {
  for (size_t i = 0; i < 8; i++) {
    bytes[i] = (unsigned char)(value >> (8 * i));
  }
}

/* Written out, because compilers know this for one load where it is. */
static uint64_t from_little_endian(const unsigned char bytes[8]) {
  return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
         (uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
         (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

uint64_t hf__image_checksum(const void *bytes, size_t length_bytes) {
  return XXH64(bytes, length_bytes, 0);
}

/* Not inlined: where gcc 12 knows the length, it warns of xxHash's arithmetic. */
__attribute__((noinline)) static void digest(XXH64_state_t *state, const void *bytes,
                                             size_t length_bytes) {
  XXH64_update(state, bytes, length_bytes);
}

uint64_t hf__image_schema_digest(const hf_schema *schema) {
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  uint32_t count = (uint32_t)hf_schema_count(schema);
  unsigned char declaration[1 + HF_NAME_MAX_BYTES + 1];
  to_little_endian(count, declaration);
  digest(&state, declaration, 8);
  for (uint32_t i = 0; i < count; i++) {
    hf_variable variable = hf_schema_variable(schema, i);
    size_t name_bytes = strlen(variable.name) + 1;
    declaration[0] = (unsigned char)variable.type;
    memcpy(declaration + 1, variable.name, name_bytes);
    digest(&state, declaration, 1 + name_bytes);
  }
  uint32_t word_count = (uint32_t)hf_schema_word_count(schema);
  for (uint32_t i = 0; i < word_count; i++) {
    hf_word word = hf_schema_word(schema, i);
    to_little_endian(word.length_bytes, declaration);
    digest(&state, declaration, 8);
    if (word.length_bytes > 0) {
      digest(&state, word.bytes, word.length_bytes);
    }
  }
  return XXH64_digest(&state);
}

/* Saving ------------------------------------------------------------------- */

static void put_varint(hf__writer *out, uint32_t value) {
  unsigned char bytes[5];
  size_t count = 0;
  while (value >= 0x80) {
    bytes[count] = (unsigned char)(value | 0x80);
    count++;
    value >>= 7;
  }
  bytes[count] = (unsigned char)value;
  hf__write(out, (const char *)bytes, count + 1);
}

static void put_uint64(hf__writer *out, uint64_t value) {
  unsigned char bytes[8];
  to_little_endian(value, bytes);
  hf__write(out, (const char *)bytes, sizeof bytes);
}

static side_kind kind_of(const hf__side *side) {
  if (side->variable != HF_NO_VARIABLE) {
    return SIDE_VARIABLE;
  }
  return side->literal.kind == HF_KIND_STRING ? SIDE_STRING : SIDE_NUMBER;
}

/* `from` is where what stands before it ends. */
static void put_side(hf__writer *out, const hf__side *side, uint32_t from) {
  put_varint(out, side->offset_bytes - from);
  if (side->variable != HF_NO_VARIABLE) {
    put_varint(out, side->variable);
    return;
  }
  put_varint(out, side->length_bytes);
  if (side->literal.kind == HF_KIND_NUMBER) {
    uint64_t bits;
    memcpy(&bits, &side->literal.number, sizeof bits);
    put_uint64(out, bits);
  }
}

static void put_tree(hf__writer *out, const hf_condition *condition) {
  const hf__node *nodes = condition->nodes;
  for (uint32_t i = 0; i + 1 < condition->node_count; i++) {
    /* What follows a comparison hangs from the node that joins the two. */
    if (nodes[i].kind == HF_NODE_COMPARISON) {
      put_varint(out, nodes[nodes[i + 1].parent].depth);
    }
  }
}

static void put_comparisons(hf__writer *out, const hf_condition *condition) {
  uint32_t from = 0;
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    const hf__comparison *c = &condition->comparisons[i];
    uint32_t kinds = kind_of(&c->left) * SIDE_KINDS + kind_of(&c->right);
    put_varint(out, (uint32_t)c->op * SIDE_KINDS * SIDE_KINDS + kinds);
    put_side(out, &c->left, from);
    put_side(out, &c->right, c->left.offset_bytes + c->left.length_bytes);
    from = hf__comparison_end(c);
  }
}

size_t hf_condition_save(const hf_condition *condition, void *buffer, size_t capacity_bytes) {
  hf__writer out = {.buffer = buffer, .capacity_bytes = capacity_bytes, .length_bytes = 0};
  hf__write(&out, MAGIC, sizeof MAGIC);
  put_varint(&out, HF__IMAGE_VERSION);
  put_uint64(&out, hf__image_schema_digest(condition->schema));
  put_varint(&out, (uint32_t)condition->nodes[0].kind);
  put_varint(&out, condition->token_count);
  put_varint(&out, condition->comparison_count);
  put_varint(&out, condition->comparison_count == 0
                       ? 0
                       : condition->node_count - condition->comparison_count);
  put_varint(&out, condition->text_bytes);
  hf__write(&out, condition->text, condition->text_bytes);
  put_tree(&out, condition);
  put_comparisons(&out, condition);
  /* Of what did not fit there is none, and nobody reads it. */
  bool fits_so_far = out.length_bytes <= capacity_bytes;
  put_uint64(&out, fits_so_far ? hf__image_checksum(buffer, out.length_bytes) : 0);
  return out.length_bytes;
}

/* Reading ------------------------------------------------------------------ */

typedef struct reader {
  const unsigned char *bytes;
  size_t next;
  size_t end;      /* where the checksum begins */
  hf_error *error; /* may be NULL */
} reader;

static hf_status bad(const reader *in, size_t offset, size_t length_bytes, const char *message) {
  return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, offset, length_bytes, "%s", message);
}

static hf_status get_long_varint(reader *in, uint32_t most, const char *what, uint32_t *value) {
  size_t start = in->next;
  uint64_t read = 0;
  unsigned char byte = 0;
  for (unsigned shift = 0; shift == 0 || (byte & 0x80) != 0; shift += 7) {
    if (in->next == in->end) {
      return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, start, in->next - start,
                           "the image ends in %s", what);
    }
    byte = in->bytes[in->next];
    in->next++;
    if (shift > 28 || (shift > 0 && byte == 0)) {
      return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, start, in->next - start,
                           "%s has more bytes than it needs", what);
    }
    read |= (uint64_t)(byte & 0x7F) << shift;
  }
  if (read > most) {
    return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, start, in->next - start,
                         "%s is %llu; it can be at most %u here", what, (unsigned long long)read,
                         (unsigned)most);
  }
  *value = (uint32_t)read;
  return HF_OK;
}

/* Reads an integer of at most `most`; `what` names it. Nearly all have one byte. */
static inline hf_status get_varint(reader *in, uint32_t most, const char *what, uint32_t *value) {
  if (in->next < in->end && in->bytes[in->next] < 0x80 && in->bytes[in->next] <= most) {
    *value = in->bytes[in->next];
    in->next++;
    return HF_OK;
  }
  return get_long_varint(in, most, what, value);
}

/* What the image says before its text. */
typedef struct summary {
  hf_node_kind root;
  hf__shape shape;
  size_t text_at;
} summary;

/* Whether a tree with this root has so many comparisons and inner nodes. */
static bool fits(hf_node_kind root, uint32_t comparisons, uint32_t inner, uint32_t tokens) {
  switch (root) {
  case HF_NODE_ALWAYS:
    return comparisons == 0 && inner == 0 && tokens == HF__ALWAYS_TOKENS;
  case HF_NODE_COMPARISON:
    return comparisons == 1 && inner == 0 && tokens >= 4;
  case HF_NODE_AND:
  case HF_NODE_OR:
    /* Three tokens each, one between, and the end. */
    return inner >= 1 && inner < comparisons && comparisons <= tokens / 4;
  }
  return false;
}

static hf_status read_envelope(reader *in, const hf_schema *schema, size_t length_bytes) {
  if (length_bytes < HF__IMAGE_HEADER_BYTES + HF__IMAGE_CHECKSUM_BYTES) {
    return bad(in, length_bytes, 0, "the image is cut short: it ends before its text");
  }
  if (memcmp(in->bytes, MAGIC, sizeof MAGIC) != 0) {
    return bad(in, 0, sizeof MAGIC, "this is no image of a condition: it does not begin with HFC");
  }
  if (in->bytes[sizeof MAGIC] != HF__IMAGE_VERSION) {
    return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, sizeof MAGIC, 1,
                         "the image is of version %u; this library reads version %d",
                         (unsigned)in->bytes[sizeof MAGIC], HF__IMAGE_VERSION);
  }
  in->end = length_bytes - HF__IMAGE_CHECKSUM_BYTES;
  if (from_little_endian(in->bytes + in->end) != hf__image_checksum(in->bytes, in->end)) {
    return bad(in, in->end, HF__IMAGE_CHECKSUM_BYTES,
               "the checksum differs: the image is cut short or altered");
  }
  size_t digest_at = sizeof MAGIC + 1;
  if (from_little_endian(in->bytes + digest_at) != hf__image_schema_digest(schema)) {
    return hf__error_set(in->error, HF_ERROR_SCHEMA_MISMATCH, digest_at,
                         HF__IMAGE_HEADER_BYTES - digest_at,
                         "the image was saved with another schema");
  }
  in->next = HF__IMAGE_HEADER_BYTES;
  return HF_OK;
}

static hf_status read_summary(reader *in, const hf_condition_options *options, summary *made) {
  const uint32_t most = HF_CONDITION_LIMIT_MAX_TOKENS;
  size_t start = in->next;
  uint32_t root = 0;
  uint32_t inner = 0;
  hf__shape shape = {.text_bytes = 0};
  hf_status status = get_varint(in, HF_NODE_ALWAYS, "the kind of the root", &root);
  if (status == HF_OK) {
    status = get_varint(in, most, "the count of tokens", &shape.token_count);
  }
  if (status == HF_OK) {
    status = get_varint(in, most, "the count of comparisons", &shape.comparison_count);
  }
  if (status == HF_OK) {
    status = get_varint(in, most, "the count of inner nodes", &inner);
  }
  if (status != HF_OK) {
    return status;
  }
  if (!fits((hf_node_kind)root, shape.comparison_count, inner, shape.token_count)) {
    return bad(in, start, in->next - start,
               "no condition has this root with these counts of tokens, comparisons and nodes");
  }
  size_t length_at = in->next;
  if ((status = get_varint(in, UINT32_MAX, "the length of the text", &shape.text_bytes)) != HF_OK) {
    return status;
  }
  size_t left = in->end - in->next;
  size_t joins = shape.comparison_count == 0 ? 0 : shape.comparison_count - 1;
  if (shape.text_bytes > left ||
      left - shape.text_bytes < joins + COMPARISON_LEAST_BYTES * (size_t)shape.comparison_count) {
    return bad(in, length_at, in->next - length_at,
               "the image is too short for its text and its comparisons");
  }
  size_t text_at = in->next;
  size_t valid = hf__utf8_valid_prefix((const char *)in->bytes + text_at, shape.text_bytes);
  if (valid != shape.text_bytes) {
    return bad(in, text_at + valid, 1, "the text is not UTF-8");
  }
  if (shape.text_bytes > options->max_text_bytes) {
    return hf__error_set(in->error, HF_ERROR_TEXT_TOO_LONG, text_at + options->max_text_bytes,
                         shape.text_bytes - options->max_text_bytes,
                         "the condition has %u bytes; at most %u are allowed",
                         (unsigned)shape.text_bytes, (unsigned)options->max_text_bytes);
  }
  if (shape.token_count > options->max_tokens) {
    return hf__error_set(in->error, HF_ERROR_TOO_COMPLEX, start, length_at - start,
                         "the condition has more than %u tokens, its end counted as one",
                         (unsigned)options->max_tokens);
  }
  in->next += shape.text_bytes;
  shape.node_count = root == HF_NODE_ALWAYS ? 1 : shape.comparison_count + inner;
  *made = (summary){.root = (hf_node_kind)root, .shape = shape, .text_at = text_at};
  return HF_OK;
}

/* Tree --------------------------------------------------------------------- */

/* The nodes in the making. */
typedef struct tree {
  hf__node *nodes;
  uint32_t count;
  uint32_t inner_left; /* inner nodes that may still be made */
  uint32_t innermost;  /* the open node that is deepest, if open_count is not 0 */
  uint32_t open_count;
  hf_node_kind root;
} tree;

static hf_node_kind kind_at_depth(const tree *made, uint32_t depth) {
  hf_node_kind other = made->root == HF_NODE_AND ? HF_NODE_OR : HF_NODE_AND;
  return depth % 2 == 0 ? made->root : other;
}

static void push_node(tree *made, hf_node_kind kind, uint32_t first) {
  made->nodes[made->count] = (hf__node){
      .kind = kind,
      .parent = made->open_count == 0 ? 0 : made->innermost,
      .depth = made->open_count,
      .first = first,
      .end = first + 1,
  };
  made->count++;
}

/*
 * Makes the nodes around comparison number `index`, which an operator at `depth`
 * joins to the next one: opens what begins with it, closes what ends with it.
 * False when that takes more inner nodes than there are. (That each of them has
 * an operator is seen when the text is held against them.)
 */
static bool add_comparison(tree *made, uint32_t index, uint32_t depth) {
  while (made->open_count <= depth) {
    if (made->inner_left == 0) {
      return false;
    }
    made->inner_left--;
    push_node(made, kind_at_depth(made, made->open_count), index);
    made->innermost = made->count - 1;
    made->open_count++;
  }
  push_node(made, HF_NODE_COMPARISON, index);
  while (made->open_count > depth + 1) {
    hf__node *closed = &made->nodes[made->innermost];
    closed->end = index + 1;
    made->innermost = closed->parent;
    made->open_count--;
  }
  return true;
}

/* The last comparison, with which all that is open ends. */
static bool add_last_comparison(tree *made, uint32_t index) {
  push_node(made, HF_NODE_COMPARISON, index);
  for (; made->open_count > 0; made->open_count--) {
    hf__node *closed = &made->nodes[made->innermost];
    closed->end = index + 1;
    made->innermost = closed->parent;
  }
  return made->inner_left == 0;
}

static hf_status read_tree(reader *in, hf_node_kind root, hf_condition *condition) {
  if (root == HF_NODE_ALWAYS) {
    condition->nodes[0] = (hf__node){.kind = HF_NODE_ALWAYS};
    return HF_OK;
  }
  uint32_t comparisons = condition->comparison_count;
  tree made = {
      .nodes = condition->nodes,
      .inner_left = condition->node_count - comparisons,
      .root = root,
  };
  size_t at = in->next;
  for (uint32_t i = 0; i + 1 < comparisons; i++) {
    at = in->next;
    uint32_t depth = 0;
    hf_status status =
        get_varint(in, condition->node_count - comparisons - 1, "the depth of an operator", &depth);
    if (status != HF_OK) {
      return status;
    }
    if (!add_comparison(&made, i, depth)) {
      return bad(in, at, in->next - at, "the tree has more inner nodes than the image says");
    }
  }
  if (!add_last_comparison(&made, comparisons - 1)) {
    return bad(in, at, in->next - at, "the tree has fewer inner nodes than the image says");
  }
  return HF_OK;
}

/* Comparisons -------------------------------------------------------------- */

/* Reads a side that stands at or after `from`. */
static hf_status read_side(reader *in, const hf_condition *condition, side_kind kind, uint32_t from,
                           hf__side *made) {
  uint32_t gap = 0;
  uint32_t length = 0;
  uint32_t variable = HF_NO_VARIABLE;
  uint32_t left = condition->text_bytes - from;
  hf_status status = get_varint(in, left, "the place of an operand", &gap);
  if (status != HF_OK) {
    return status;
  }
  left -= gap;
  size_t at = in->next;
  if (kind == SIDE_VARIABLE) {
    size_t count = hf_schema_count(condition->schema);
    status = get_varint(in, UINT32_MAX - 1, "the index of a variable", &variable);
    if (status != HF_OK) {
      return status;
    }
    if (variable >= count) {
      return hf__error_set(in->error, HF_ERROR_BAD_IMAGE, at, in->next - at,
                           "there is no variable %u; the schema declares %zu", (unsigned)variable,
                           count);
    }
    length = (uint32_t)strlen(hf_schema_variable(condition->schema, variable).name);
  } else if ((status = get_varint(in, left, "the length of a literal", &length)) != HF_OK) {
    return status;
  }
  if (length > left || (kind == SIDE_STRING && length < 2)) {
    return bad(in, at, in->next - at, "the operand has no such place in the text");
  }
  *made = (hf__side){.variable = variable, .offset_bytes = from + gap, .length_bytes = length};
  if (kind == SIDE_STRING) {
    made->literal = (hf__cell){.kind = HF_KIND_STRING,
                               .string = condition->text + made->offset_bytes + 1,
                               .length_bytes = length - 2};
  } else if (kind == SIDE_NUMBER) {
    if (in->end - in->next < NUMBER_BYTES) {
      return bad(in, in->next, in->end - in->next, "the image ends in a number");
    }
    uint64_t bits = from_little_endian(in->bytes + in->next);
    in->next += NUMBER_BYTES;
    made->literal.kind = HF_KIND_NUMBER;
    memcpy(&made->literal.number, &bits, sizeof bits);
  }
  return HF_OK;
}

static hf_status read_comparisons(reader *in, hf_condition *condition) {
  uint32_t from = 0;
  for (uint32_t i = 0; i < condition->comparison_count; i++) {
    hf__comparison *made = &condition->comparisons[i];
    uint32_t head = 0;
    hf_status status = get_varint(in, HEADS - 1, "the head of a comparison", &head);
    if (status != HF_OK) {
      return status;
    }
    *made = (hf__comparison){.op = (hf_operator)(head / (SIDE_KINDS * SIDE_KINDS))};
    side_kind left = (side_kind)(head / SIDE_KINDS % SIDE_KINDS);
    side_kind right = (side_kind)(head % SIDE_KINDS);
    if ((status = read_side(in, condition, left, from, &made->left)) != HF_OK) {
      return status;
    }
    from = made->left.offset_bytes + made->left.length_bytes;
    if ((status = read_side(in, condition, right, from, &made->right)) != HF_OK) {
      return status;
    }
    from = hf__comparison_end(made);
  }
  return HF_OK;
}

/* How many strings the comparisons behind the tree have, for which memory is
 * taken before they are read. */
static hf_status count_strings(const reader *from, hf__shape *shape) {
  reader in = *from;
  uint32_t skipped;
  hf_status status = HF_OK;
  for (uint32_t i = 1; i < shape->comparison_count && status == HF_OK; i++) {
    status = get_varint(&in, UINT32_MAX, "the depth of an operator", &skipped);
  }
  for (uint32_t i = 0; i < shape->comparison_count && status == HF_OK; i++) {
    uint32_t head = 0;
    status = get_varint(&in, HEADS - 1, "the head of a comparison", &head);
    const uint32_t kinds[] = {head / SIDE_KINDS % SIDE_KINDS, head % SIDE_KINDS};
    for (size_t side = 0; side < 2 && status == HF_OK; side++) {
      status = get_varint(&in, UINT32_MAX, "the place of an operand", &skipped);
      if (status == HF_OK) {
        status = get_varint(&in, UINT32_MAX, "an operand", &skipped);
      }
      if (status == HF_OK && kinds[side] == SIDE_NUMBER) {
        if (in.end - in.next < NUMBER_BYTES) {
          return bad(&in, in.next, in.end - in.next, "the image ends in a number");
        }
        in.next += NUMBER_BYTES;
      }
      shape->string_count += kinds[side] == SIDE_STRING;
    }
  }
  return status;
}

/* Loading ------------------------------------------------------------------ */

/* Fills the condition from what stands behind the text, up to the checksum. */
static hf_status read_program(reader *in, const summary *said, hf_condition *condition) {
  hf_status status = read_tree(in, said->root, condition);
  if (status == HF_OK) {
    status = read_comparisons(in, condition);
  }
  if (status == HF_OK && in->next != in->end) {
    return bad(in, in->next, in->end - in->next, "the image goes on after its last comparison");
  }
  return status == HF_OK ? hf__image_match_text(condition, said->text_at, in->error) : status;
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
    in->error->offset_bytes += (uint32_t)said->text_at;
    return HF_ERROR_BAD_IMAGE;
  }
  return status;
}

hf_status hf_condition_load(const hf_schema *schema, const void *image, size_t length_bytes,
                            const hf_condition_options *options, hf_condition **condition,
                            hf_error *error) {
  hf_condition_options chosen = options == NULL ? hf_condition_options_default() : *options;
  reader in = {.bytes = image, .error = error};
  summary said = {.text_at = 0};
  hf_status status = hf__check_limits(&chosen, error);
  if (status != HF_OK || (status = read_envelope(&in, schema, length_bytes)) != HF_OK ||
      (status = read_summary(&in, &chosen, &said)) != HF_OK ||
      (status = count_strings(&in, &said.shape)) != HF_OK) {
    return status;
  }
  const hf_allocator *from = chosen.allocator == NULL ? &hf__allocator_default : chosen.allocator;
  const char *text = (const char *)in.bytes + said.text_at;
  hf_condition *made = hf__program_begin(schema, text, &said.shape, from);
  if (made == NULL) {
    return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
  }
  status = read_program(&in, &said, made);
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
