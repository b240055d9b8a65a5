/*
 * Every way to evaluate against the model: random programs, over schemas of many
 * sizes, are evaluated in random contexts on every path that this machine has.
 *
 *     test_paths [EVALUATIONS]     at least so many, all paths together
 *
 * A tree is grown around base values so that each of its comparisons matters:
 * while an `and` holds all below it hold, and while it does not, one alone fails.
 * The contexts differ from the base values in a few variables.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hf_test.h"
#include "model.h"
#include "plan.h"

enum {
  SHORT_RUN = TEST_HAS_SANITIZER ? 300000 : 1000000,
  CONTEXTS = 12,
  MAX_COMPARISONS = 5000,
  TEXT_BYTES = 4 * 1024 * 1024,
  PALETTE = 4,
};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static test_random random_source;

static uint32_t below(uint32_t bound) {
  return test_random_below(&random_source, bound);
}

static bool one_in(uint32_t n) {
  return below(n) == 0;
}

/* Literals ----------------------------------------------------------------- */

typedef struct literal {
  hf_value value;
  char *text;
  size_t text_bytes;
} literal;

static const double numbers[] = {0,       1,
                                 2,       0.5,
                                 0.1,     0.2,
                                 0.3,     0.1 + 0.2,
                                 7,       100,
                                 1e6,     9007199254740992.0,
                                 DBL_MIN, 4.9406564584124654e-324,
                                 DBL_MAX};

enum { NUMBER_COUNT = COUNT(numbers) };
static literal number_literals[NUMBER_COUNT];

/* Strings of lengths around 11, 12 and 15 bytes; those that are near each other
 * in the list differ by a byte or in their length. */
enum { STRING_LENGTHS = 11, STRING_VARIANTS = 4, STRING_COUNT = STRING_LENGTHS * STRING_VARIANTS };
static literal string_literals[STRING_COUNT];

static void make_numbers(void) {
  for (uint32_t i = 0; i < NUMBER_COUNT; i++) {
    char text[400];
    snprintf(text, sizeof text, numbers[i] < 1e-4 ? "%.340f" : "%.20f", numbers[i]);
    size_t end = strlen(text);
    while (text[end - 1] == '0') {
      end--;
    }
    end -= text[end - 1] == '.' && end > 1;
    text[end] = '\0';
    assert_true(strtod(text, NULL) == numbers[i]);
    number_literals[i] = (literal){.value = {.kind = HF_KIND_NUMBER, .number = numbers[i]},
                                   .text = strdup(text),
                                   .text_bytes = end};
  }
}

static void make_strings(void) {
  static const uint32_t lengths[STRING_LENGTHS] = {0, 1, 2, 10, 11, 12, 15, 16, 17, 31, 40};
  for (uint32_t i = 0; i < STRING_COUNT; i++) {
    uint32_t length = lengths[i / STRING_VARIANTS];
    char text[64] = "'abcdefghijklmnopqrstuvwxyzabcdefghijklmn";
    switch (i % STRING_VARIANTS) {
    case 1: /* another last byte */
      text[length] = length == 0 ? '\'' : '~';
      break;
    case 2: /* the last byte is NUL */
      text[length] = length == 0 ? '\'' : '\0';
      break;
    case 3: /* another 12th byte, or first one; of 15 bytes, what the key of 16 is like */
      text[length < 12 ? 1 : 12] = '!';
      if (length == 15) {
        memcpy(text + 12, "\x10\0\0\0", 4);
      }
      break;
    default:
      break;
    }
    text[length + 1] = '\'';
    char *copy = malloc(length + 2);
    assert_non_null(copy);
    memcpy(copy, text, length + 2);
    copy[0] = '\'';
    string_literals[i] =
        (literal){.value = {.kind = HF_KIND_STRING, .string = copy + 1, .length_bytes = length},
                  .text = copy,
                  .text_bytes = length + 2};
  }
}

static void free_literals(void) {
  for (uint32_t i = 0; i < NUMBER_COUNT; i++) {
    free(number_literals[i].text);
  }
  for (uint32_t i = 0; i < STRING_COUNT; i++) {
    free(string_literals[i].text);
  }
}

/* Memory that ends where it is said to end --------------------------------- */

/* The pages of a block, and one more behind it that nobody may read. */
static size_t guarded_bytes(size_t size_bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (size_bytes + page - 1) / page * page + page;
}

/* Where a block ends, as near to the page behind as its alignment allows. */
static size_t guarded_end(size_t size_bytes, size_t alignment_bytes) {
  return (size_bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
}

static void *guarded_allocate(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  size_t bytes = guarded_bytes(size_bytes);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(memory != MAP_FAILED);
  assert_int_equal(mprotect(memory + bytes - page, page, PROT_NONE), 0);
  return memory + bytes - page - guarded_end(size_bytes, alignment_bytes);
}

static void guarded_deallocate(void *context, void *memory, size_t size_bytes,
                               size_t alignment_bytes) {
  (void)context;
  size_t bytes = guarded_bytes(size_bytes);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  munmap((char *)memory + guarded_end(size_bytes, alignment_bytes) + page - bytes, bytes);
}

/* Schemas ------------------------------------------------------------------ */

static const uint32_t schema_sizes[] = {0, 1, 5, 8, 9, 13, 14, 16, 17, 20, 28, 33, 40, 100, 4096};

/* A schema, with contexts of it, of an equal one and of another one. */
typedef struct arena {
  uint32_t count;
  hf_schema *schema;
  hf_schema *equal;
  hf_schema *other;
  hf_context *contexts[CONTEXTS];
  hf_context *stranger;
} arena;

static arena arenas[2 * COUNT(schema_sizes)];

static char names[HF_SCHEMA_MAX_VARIABLES][16];

static hf_schema *make_schema(uint32_t count, bool has_words, hf_type first) {
  static hf_variable variables[HF_SCHEMA_MAX_VARIABLES];
  static const hf_type types[] = {HF_TYPE_NUMBER, HF_TYPE_ANY,    HF_TYPE_STRING, HF_TYPE_BOOLEAN,
                                  HF_TYPE_ANY,    HF_TYPE_NUMBER, HF_TYPE_STRING};
  for (uint32_t i = 0; i < count; i++) {
    snprintf(names[i], sizeof names[i], "v%u", i);
    variables[i] = (hf_variable){names[i], i == 0 ? first : types[i * 5 / 3 % COUNT(types)]};
  }
  /* Every other string, so that each word has neighbours that are none. */
  hf_word words[STRING_COUNT];
  size_t word_count = 0;
  for (uint32_t i = 0; has_words && i < STRING_COUNT; i++) {
    const hf_value *value = &string_literals[i].value;
    bool is_repeated = i > 0 && i < STRING_VARIANTS;
    if (i % 2 == i / STRING_VARIANTS % 2 && !is_repeated && i / STRING_VARIANTS != 1) {
      words[word_count] = (hf_word){.bytes = value->string, .length_bytes = value->length_bytes};
      word_count++;
    }
  }
  hf_schema *schema = NULL;
  assert_int_equal(
      hf_schema_create_with_words(variables, count, words, word_count, NULL, &schema, NULL), HF_OK);
  return schema;
}

static void make_arena(arena *made, uint32_t count, bool has_words) {
  static const hf_allocator guarded = {guarded_allocate, guarded_deallocate, NULL};
  made->count = count;
  made->schema = make_schema(count, has_words, HF_TYPE_NUMBER);
  made->equal = make_schema(count, has_words, HF_TYPE_NUMBER);
  made->other = make_schema(count == 0 ? 1 : count, has_words, HF_TYPE_BOOLEAN);
  for (uint32_t i = 0; i < CONTEXTS; i++) {
    const hf_schema *schema = i == CONTEXTS - 1 ? made->equal : made->schema;
    const hf_allocator *allocator = i % 2 == 0 ? &guarded : NULL;
    assert_int_equal(hf_context_create(schema, allocator, &made->contexts[i]), HF_OK);
  }
  made->stranger = test_context(made->other, "");
}

static void destroy_arena(arena *made) {
  for (uint32_t i = 0; i < CONTEXTS; i++) {
    hf_context_destroy(made->contexts[i]);
  }
  hf_context_destroy(made->stranger);
  hf_schema_release(made->other);
  hf_schema_release(made->equal);
  hf_schema_release(made->schema);
}

/* Trees -------------------------------------------------------------------- */

typedef enum split { SPLIT_ANYWHERE, SPLIT_EVENLY, SPLIT_LAST, SPLIT_FIRST, SPLITS } split;

/* How the tree at hand is grown, and out of what. */
typedef struct growth {
  const arena *from;
  split split;
  uint32_t period; /* levels until `and` and `or` change places; 0: at random */
  uint32_t first_variable;
  uint32_t variable_count;
  bool may_fail; /* in base values */
  bool likes_strings;
  const literal *numbers[PALETTE];
  const literal *strings[PALETTE];
} growth;

static growth grown;

static model_node nodes[2 * MAX_COMPARISONS];
static uint32_t node_count;

static hf_value base[HF_SCHEMA_MAX_VARIABLES];
static bool is_used[HF_SCHEMA_MAX_VARIABLES];
static uint32_t used[HF_SCHEMA_MAX_VARIABLES];
static uint32_t used_count;

static hf_type type_of(uint32_t variable) {
  return hf_schema_variable(grown.from->schema, variable).type;
}

static hf_value random_number(void) {
  static const double others[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, -0.0,
                                  -1.0,        -DBL_MAX,         -DBL_MIN,          3.0};
  double number = grown.numbers[below(PALETTE)]->value.number;
  switch (below(8)) {
  case 0:
    number = others[below(COUNT(others))];
    break;
  case 1:
    number = nextafter(number, (double)INFINITY);
    break;
  case 2:
    number = nextafter(number, -(double)INFINITY);
    break;
  case 3:
    number = -number;
    break;
  default:
    break;
  }
  return (hf_value){.kind = HF_KIND_NUMBER, .number = number};
}

/* A value that the type admits. */
static hf_value random_value(hf_type type) {
  if (type == HF_TYPE_ANY) {
    uint32_t choice = below(40);
    if (choice < 2) {
      return (hf_value){.kind = choice == 0 ? HF_KIND_NULL : HF_KIND_CONTAINER};
    }
    type = choice < 6 ? HF_TYPE_BOOLEAN : choice < 18 ? HF_TYPE_STRING : HF_TYPE_NUMBER;
  }
  if (type == HF_TYPE_BOOLEAN) {
    return (hf_value){.kind = HF_KIND_BOOLEAN, .number = below(2)};
  }
  return type == HF_TYPE_STRING ? grown.strings[below(PALETTE)]->value : random_number();
}

static model_operand literal_operand(const literal *from) {
  return (model_operand){.variable = HF_NO_VARIABLE,
                         .literal = from->value,
                         .text = from->text,
                         .text_bytes = from->text_bytes};
}

static model_operand random_literal(bool is_string) {
  return literal_operand(is_string ? grown.strings[below(PALETTE)] : grown.numbers[below(PALETTE)]);
}

static model_operand random_variable(void) {
  uint32_t offset = below(grown.variable_count);
  for (uint32_t i = 0; grown.likes_strings && i < grown.variable_count; i++) {
    if (type_of(grown.first_variable + offset) == HF_TYPE_STRING) {
      break;
    }
    offset = (offset + 1) % grown.variable_count;
  }
  uint32_t variable = grown.first_variable + offset;
  if (!is_used[variable]) {
    is_used[variable] = true;
    used[used_count] = variable;
    used_count++;
    base[variable] = random_value(type_of(variable));
  }
  return (model_operand){
      .variable = variable, .text = names[variable], .text_bytes = strlen(names[variable])};
}

static void random_sides(model_node *node) {
  uint32_t choice = below(40);
  if (grown.variable_count == 0 || choice == 0) {
    bool left_is_string = one_in(3);
    node->left = random_literal(left_is_string);
    node->right = random_literal(one_in(8) ? !left_is_string : left_is_string);
    return;
  }
  node->left = random_variable();
  if (choice < 8) {
    node->right = random_variable();
    return;
  }
  hf_type type = type_of(node->left.variable);
  bool is_string = type == HF_TYPE_STRING ||
                   (type == HF_TYPE_ANY && base[node->left.variable].kind == HF_KIND_STRING);
  node->right = random_literal(one_in(12) ? !is_string : is_string);
  if (choice < 18) {
    model_operand variable = node->left;
    node->left = node->right;
    node->right = variable;
  }
}

static char order_of(const model_operand *operand) {
  if (operand->variable == HF_NO_VARIABLE) {
    return operand->literal.kind == HF_KIND_STRING ? 's' : 'n';
  }
  hf_type type = type_of(operand->variable);
  return type == HF_TYPE_ANY ? '?' : type == HF_TYPE_STRING ? 's' : 'n';
}

/* Whether it would not compile. */
static bool is_ruled_out(const model_node *node) {
  char left = order_of(&node->left);
  char right = order_of(&node->right);
  bool has_variable =
      node->left.variable != HF_NO_VARIABLE || node->right.variable != HF_NO_VARIABLE;
  return node->op > HF_OPERATOR_NOT_EQUAL && has_variable && left != right && left != '?' &&
         right != '?';
}

static hf_operator negation_of(hf_operator op) {
  static const hf_operator negations[] = {HF_OPERATOR_NOT_EQUAL,        HF_OPERATOR_EQUAL,
                                          HF_OPERATOR_GREATER_OR_EQUAL, HF_OPERATOR_GREATER,
                                          HF_OPERATOR_LESS_OR_EQUAL,    HF_OPERATOR_LESS};
  return negations[op];
}

/* A comparison that holds in base values if and only if that is wanted. */
static model_node grow_comparison(bool wanted) {
  model_node node = {.kind = HF_NODE_COMPARISON};
  for (int attempt = 0; attempt < 40; attempt++) {
    random_sides(&node);
    node.op = (hf_operator)below(6);
    if (is_ruled_out(&node)) {
      continue;
    }
    model_outcome outcome = model_compare(&node, base);
    if (outcome.status != HF_OK) {
      if (grown.may_fail) {
        return node;
      }
      continue;
    }
    if (outcome.held != wanted) {
      node.op = negation_of(node.op);
      outcome = model_compare(&node, base);
    }
    if (outcome.held == wanted) {
      return node;
    }
  }
  node.left = literal_operand(&number_literals[0]);
  node.right = node.left;
  node.op = wanted ? HF_OPERATOR_EQUAL : HF_OPERATOR_NOT_EQUAL;
  return node;
}

static uint32_t add_node(model_node node) {
  nodes[node_count] = node;
  node_count++;
  return node_count - 1;
}

static uint32_t grow(uint32_t comparisons, uint32_t level, bool wanted) {
  if (comparisons == 1) {
    return add_node(grow_comparison(wanted));
  }
  bool is_and = grown.period == 0 ? one_in(2) : level / grown.period % 2 == 0;
  uint32_t first = grown.split == SPLIT_FIRST    ? 1
                   : grown.split == SPLIT_LAST   ? comparisons - 1
                   : grown.split == SPLIT_EVENLY ? comparisons / 2
                                                 : 1 + below(comparisons - 1);
  /* An `and` that does not hold does so for one side, an `or` that holds too. */
  bool first_wanted = wanted;
  bool second_wanted = wanted;
  if (is_and != wanted) {
    bool first_decides = one_in(2);
    first_wanted = first_decides ? wanted : !wanted;
    second_wanted = first_decides ? !wanted : wanted;
  }
  model_node node = {.kind = is_and ? HF_NODE_AND : HF_NODE_OR};
  node.first = grow(first, level + 1, first_wanted);
  node.second = grow(comparisons - first, level + 1, second_wanted);
  return add_node(node);
}

/* Text --------------------------------------------------------------------- */

static char text[TEXT_BYTES];
static size_t text_bytes;

static void put(const char *piece, size_t length) {
  assert_true(text_bytes + length <= sizeof text);
  memcpy(text + text_bytes, piece, length);
  text_bytes += length;
}

static void put_operand(model_operand *operand) {
  operand->offset_bytes = text_bytes;
  put(operand->text, operand->text_bytes);
}

static void print(uint32_t index, bool under_and) {
  model_node *node = &nodes[index];
  bool is_and = node->kind == HF_NODE_AND;
  bool parentheses = (under_and && node->kind == HF_NODE_OR) || one_in(16);
  put("(", parentheses ? 1 : 0);
  if (node->kind == HF_NODE_COMPARISON) {
    const char *symbol = hf_operator_symbol(node->op);
    put_operand(&node->left);
    put(" ", 1);
    put(symbol, strlen(symbol));
    put(" ", 1);
    put_operand(&node->right);
  } else {
    print(node->first, is_and);
    put(is_and ? " and " : " or ", is_and ? 5 : 4);
    print(node->second, is_and);
  }
  put(")", parentheses ? 1 : 0);
}

/* Programs ----------------------------------------------------------------- */

/* Chooses a schema, some variables that lie together, and a few literals. */
static void choose_growth(uint32_t comparisons) {
  static const uint32_t widths[] = {1, 2, 3, 8, 9, 16, 17, 40, HF_SCHEMA_MAX_VARIABLES};
  for (uint32_t i = 0; i < used_count; i++) {
    is_used[used[i]] = false;
  }
  used_count = 0;
  const arena *from = &arenas[below(COUNT(arenas))];
  uint32_t width = widths[below(COUNT(widths))];
  width = width < from->count ? width : from->count;
  grown = (growth){.from = from, .variable_count = width};
  /* Often the last ones: nothing of the context is behind them. */
  grown.first_variable = one_in(2) ? from->count - width : below(from->count - width + 1);
  grown.split = (split)below(SPLITS);
  grown.period = one_in(2) ? 0 : 1 + below(8);
  grown.may_fail = comparisons <= 24 && one_in(50);
  grown.likes_strings = one_in(6);
  uint32_t strings = below(STRING_COUNT - PALETTE + 1);
  for (uint32_t i = 0; i < PALETTE; i++) {
    grown.numbers[i] = &number_literals[below(NUMBER_COUNT)];
    grown.strings[i] = &string_literals[strings + i];
  }
}

/* Mostly a few; 1,024 comparisons are the most that steps are made for. */
static uint32_t choose_size(uint64_t program) {
  static const uint32_t large[] = {1024, 1025, 1021, MAX_COMPARISONS, 700};
  if (program % 512 == 0) {
    return large[program / 512 % COUNT(large)];
  }
  return program % 64 == 1    ? 25 + below(300)
         : program % 16 == 2  ? 7 + below(4)
         : program % 64 == 3  ? 0
         : program % 64 == 35 ? 1
                              : 1 + below(24);
}

static hf_condition *grow_program(uint64_t program, uint32_t *root) {
  uint32_t comparisons = choose_size(program);
  choose_growth(comparisons);
  if (comparisons == 1021) {
    grown.split = SPLIT_LAST; /* with four at each level: the most steps */
    grown.period = 4;
  }
  node_count = 0;
  text_bytes = 0;
  if (comparisons == 0) {
    put("always", 6);
  } else {
    *root = grow(comparisons, 0, one_in(2));
    print(*root, false);
  }
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
  options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  hf_condition *condition = NULL;
  hf_error error;
  if (hf_condition_compile(grown.from->schema, text, text_bytes, &options, &condition, &error) !=
      HF_OK) {
    test_fail("%.*s\n  does not compile: %s\n", (int)text_bytes, text, error.message);
  }
  return condition;
}

/* Contexts ----------------------------------------------------------------- */

static hf_value values[HF_SCHEMA_MAX_VARIABLES];

static void fill_string(hf_context *context, uint32_t index, const hf_value *value) {
  uint32_t word =
      hf_schema_find_word(hf_context_schema(context), value->string, value->length_bytes);
  hf_status status = HF_OK;
  if (word != HF_NO_WORD && one_in(2)) {
    status = hf_context_set_word(context, index, word);
  } else if (one_in(2)) {
    status = hf_context_borrow_string(context, index, value->string, value->length_bytes);
  } else {
    status = hf_context_set_string(context, index, value->string, value->length_bytes);
  }
  assert_int_equal(status, HF_OK);
}

static void fill(hf_context *context, uint32_t index, const hf_value *value) {
  hf_status status = HF_OK;
  switch (value->kind) {
  case HF_KIND_MISSING:
    status = hf_context_unset(context, index);
    break;
  case HF_KIND_NULL:
    status = hf_context_set_null(context, index);
    break;
  case HF_KIND_CONTAINER:
    status = hf_context_set_container(context, index);
    break;
  case HF_KIND_INVALID:
    status = hf_context_set_invalid(context, index);
    break;
  case HF_KIND_STRING:
    fill_string(context, index, value);
    break;
  case HF_KIND_NUMBER:
    status = hf_context_set_number(context, index, value->number);
    break;
  case HF_KIND_BOOLEAN:
    status = hf_context_set_boolean(context, index, value->number == 1.0);
    break;
  }
  assert_int_equal(status, HF_OK);
}

/* The declared type, or for any that of the base value, which most comparisons expect. */
static hf_type base_type_of(uint32_t variable) {
  switch (base[variable].kind) {
  case HF_KIND_STRING:
    return HF_TYPE_STRING;
  case HF_KIND_NUMBER:
    return HF_TYPE_NUMBER;
  default:
    return type_of(variable);
  }
}

/* Base values, but for some variables; now and then one of them has no value. */
static void choose_values(bool is_base) {
  for (uint32_t i = 0; i < used_count; i++) {
    values[used[i]] = base[used[i]];
  }
  if (is_base || used_count == 0) {
    return;
  }
  for (uint32_t changes = 1 + below(one_in(4) ? used_count : 2); changes > 0; changes--) {
    uint32_t variable = used[below(used_count)];
    values[variable] = random_value(one_in(8) ? type_of(variable) : base_type_of(variable));
  }
  if (one_in(6)) {
    static const hf_kind kinds[] = {HF_KIND_MISSING, HF_KIND_INVALID, HF_KIND_NULL,
                                    HF_KIND_CONTAINER};
    uint32_t variable = used[below(used_count)];
    uint32_t choices = type_of(variable) == HF_TYPE_ANY ? 4 : 2;
    values[variable] = (hf_value){.kind = kinds[below(choices)]};
  }
}

/* Evaluation --------------------------------------------------------------- */

typedef struct tally {
  uint64_t evaluations;
  uint64_t programs;
  uint64_t held;
  uint64_t missing;
  uint64_t mismatches;
  uint64_t strangers;
  /* Programs of each sort. */
  uint64_t pairs;
  uint64_t one_step;
  uint64_t one_step_with_words;
  uint64_t few_steps;
  uint64_t many_steps;
  uint64_t most_steps;
  uint64_t too_large;
  uint64_t impossible;
  uint64_t wide;
  uint64_t lines[5]; /* by how many lines of a context hold the slots; 0: more than four */
  /* What else they take. */
  uint64_t key_groups;
  uint64_t full_key_groups;
  uint64_t computed_pairs;
  uint64_t computed_others;
} tally;

static tally seen;

/* It asks for no tags but those of its variables, and has a requirement for each
 * word of them but the first. */
static void check_requirements(const hf_condition *condition) {
  uint64_t allowed[HF_SCHEMA_MAX_VARIABLES / HF__TAGS_PER_WORD] = {0};
  uint32_t words = 0;
  for (size_t i = 0; i < hf_condition_variable_count(condition); i++) {
    uint32_t variable = hf_condition_variable(condition, i);
    uint64_t *word = &allowed[variable / HF__TAGS_PER_WORD];
    words += *word == 0 && variable >= HF__TAGS_PER_WORD;
    *word |= (uint64_t)(HF__TAG_NO_VALUE | HF__TAG_NO_ORDER) << hf__tag_shift(variable);
  }
  assert_true((condition->required & ~allowed[0]) == 0);
  assert_true(condition->requirement_count <= words);
  for (uint32_t i = 0; i < condition->requirement_count; i++) {
    const hf__requirement *required = &condition->requirements[i];
    uint32_t word = (required->at_bytes - HF__TAGS_AT_BYTES) / (uint32_t)sizeof(uint64_t);
    assert_true(required->mask != 0 && (required->mask & ~allowed[word]) == 0);
  }
}

static void count_program(const hf_condition *condition) {
  uint32_t steps = condition->step_count;
  bool one = steps == 1 && condition->computed_count == 0 && condition->key_group_count == 0;
  bool words = one && condition->steps[0].has_words;
  assert_true(steps <= hf__plan_steps_at_most(condition->comparison_count));
  assert_true(steps <= HF__MAX_STEPS);
  check_requirements(condition);
  seen.programs++;
  seen.pairs += one && !words && condition->comparison_count <= 2;
  seen.one_step += one && !words;
  seen.one_step_with_words += words;
  seen.few_steps += !one && steps > 0 && steps <= HF__FEW_STEPS;
  seen.many_steps += steps > HF__FEW_STEPS;
  seen.most_steps += steps > HF__MAX_STEPS - 2;
  seen.too_large += steps == 0 && condition->comparison_count > 4 * HF__MAX_STEPS;
  seen.impossible += steps == 0 && condition->comparison_count <= 24;
  seen.wide += condition->requirement_count > 0;
  seen.lines[condition->line_count]++;
  seen.key_groups += condition->key_group_count;
  for (uint32_t i = 0; i < condition->key_group_count; i++) {
    seen.full_key_groups += condition->key_groups[i].count == HF__GROUP_KEYS;
  }
  for (uint32_t i = 0; i < condition->computed_count; i++) {
    bool pair = condition->computed[i].outcomes != 0;
    seen.computed_pairs += pair;
    seen.computed_others += !pair;
  }
}

static bool same_error(const hf_error *a, const hf_error *b) {
  return a->status == b->status && a->offset_bytes == b->offset_bytes &&
         a->length_bytes == b->length_bytes && a->variable == b->variable &&
         a->suggestion == b->suggestion && strcmp(a->message, b->message) == 0;
}

/* Evaluates on every path, and compares the answers with the model's. */
static void check_context(hf_condition *condition, const hf_context *context,
                          const model_outcome *expected) {
  hf_error first;
  bool has_first = false;
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (!hf__path_is_supported((hf__path)path)) {
      continue;
    }
    hf__condition_use_path(condition, (hf__path)path);
    /* A failure leaves the answer untouched. */
    bool before = seen.evaluations % 2 == 0;
    bool held = before;
    hf_error error = test_untouched_error();
    hf_status status = hf_condition_evaluate(condition, context, &held, &error);
    seen.evaluations++;
    bool agrees = status == expected->status && held == (status == HF_OK ? expected->held : before);
    if (agrees && status != HF_OK) {
      agrees = error.status == status && error.offset_bytes == expected->offset_bytes &&
               error.length_bytes == expected->length_bytes && error.variable == expected->variable;
      agrees = agrees && (!has_first || same_error(&error, &first)) &&
               hf_condition_evaluate(condition, context, &held, NULL) == status;
      first = error;
      has_first = true;
    }
    if (!agrees) {
      test_fail("program %" PRIu64 ", path %s: %.*s\n"
                "  got %s %d, variable %" PRIu32 " at %" PRIu32 "+%" PRIu32
                "; the model says %s %d, variable %" PRIu32 " at %zu+%zu\n",
                seen.programs, hf__path_name((hf__path)path),
                (int)(text_bytes < 4000 ? text_bytes : 4000), text, hf_status_name(status), held,
                error.variable, error.offset_bytes, error.length_bytes,
                hf_status_name(expected->status), expected->held, expected->variable,
                expected->offset_bytes, expected->length_bytes);
    }
  }
  seen.held += expected->held;
  seen.missing += expected->status == HF_ERROR_MISSING_VARIABLE;
  seen.mismatches += expected->status == HF_ERROR_TYPE_MISMATCH;
  seen.strangers += expected->status == HF_ERROR_SCHEMA_MISMATCH;
}

static void check_program(uint64_t program) {
  uint32_t root = 0;
  hf_condition *condition = grow_program(program, &root);
  count_program(condition);
  for (uint32_t i = 0; i < CONTEXTS; i++) {
    hf_context *context = grown.from->contexts[i];
    choose_values(i == 0);
    for (uint32_t u = 0; u < used_count; u++) {
      fill(context, used[u], &values[used[u]]);
    }
    model_outcome expected = {.status = HF_OK, .held = true};
    if (node_count > 0) {
      expected = model_evaluate_node(nodes, root, values);
    }
    check_context(condition, context, &expected);
  }
  model_outcome stranger = {
      .status = HF_ERROR_SCHEMA_MISMATCH, .offset_bytes = HF_NO_OFFSET, .variable = HF_NO_VARIABLE};
  check_context(condition, grown.from->stranger, &stranger);
  hf_condition_destroy(condition);
}

static void print_tally(void) {
  printf("differential: %" PRIu64 " evaluations, %" PRIu64 " programs, paths", seen.evaluations,
         seen.programs);
  for (int path = 0; path < HF__PATH_COUNT; path++) {
    if (hf__path_is_supported((hf__path)path)) {
      printf(" %s", hf__path_name((hf__path)path));
    }
  }
  printf("\n  in contexts: %" PRIu64 " held, %" PRIu64 " missing, %" PRIu64 " mismatches, %" PRIu64
         " of another schema\n",
         seen.held, seen.missing, seen.mismatches, seen.strangers);
  printf("  programs: %" PRIu64 " of a pair, %" PRIu64 " of one step, %" PRIu64
         " of one with words, %" PRIu64 " of few, %" PRIu64 " of many, %" PRIu64
         " of the most, %" PRIu64 " too large for steps, %" PRIu64 " that always fail\n",
         seen.pairs, seen.one_step, seen.one_step_with_words, seen.few_steps, seen.many_steps,
         seen.most_steps, seen.too_large, seen.impossible);
  printf("  %" PRIu64 " with requirements of several words; slots in 1 to 4 lines or more: %" PRIu64
         " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
         seen.wide, seen.lines[1], seen.lines[2], seen.lines[3], seen.lines[4], seen.lines[0]);
  printf("  %" PRIu64 " key groups, %" PRIu64 " of them full; computed: %" PRIu64 " pairs, %" PRIu64
         " others\n",
         seen.key_groups, seen.full_key_groups, seen.computed_pairs, seen.computed_others);
}

static uint64_t evaluations_wanted = SHORT_RUN;

static void every_path_agrees_with_the_model(void **state) {
  (void)state;
  random_source = test_random_start("paths");
  make_numbers();
  make_strings();
  for (uint32_t i = 0; i < COUNT(arenas); i++) {
    make_arena(&arenas[i], schema_sizes[i / 2], i % 2 == 1);
  }
  for (uint64_t program = 0; seen.evaluations < evaluations_wanted; program++) {
    check_program(program);
  }
  print_tally();
  uint64_t contexts = seen.programs * CONTEXTS;
  assert_true(seen.held > contexts / 4 && seen.held < contexts * 3 / 4);
  assert_true(seen.missing > contexts / 50 && seen.mismatches > contexts / 50);
  assert_int_equal(seen.strangers, seen.programs);
  assert_true(seen.pairs > 0 && seen.one_step > seen.pairs && seen.one_step_with_words > 0);
  assert_true(seen.few_steps > 0 && seen.many_steps > 0 && seen.most_steps > 0);
  assert_true(seen.too_large > 0 && seen.impossible > 0 && seen.wide > 0);
  for (uint32_t i = 0; i < COUNT(seen.lines); i++) {
    assert_true(seen.lines[i] > 0);
  }
  assert_true(seen.full_key_groups > 0 && seen.key_groups > seen.full_key_groups);
  assert_true(seen.computed_pairs > 0 && seen.computed_others > 0);
  for (uint32_t i = 0; i < COUNT(arenas); i++) {
    destroy_arena(&arenas[i]);
  }
  free_literals();
}

/* Two fill a step; its answer and one more make another, too full for a third. */
static void groups_of_four_share_steps(void **state) {
  (void)state;
  hf_schema *schema = test_schema("v:number w:number");
  for (uint32_t groups = 1; groups <= 20; groups++) {
    text_bytes = 0;
    for (uint32_t i = 0; i < groups; i++) {
      put(" and ", i == 0 ? 0 : 5);
      put("(v > 1 or v > 2 or v > 3 or v > 4)", 34);
    }
    put("", 1);
    hf_condition *condition = test_compile(schema, text);
    assert_int_equal(condition->step_count, groups <= 2 ? 1 : groups - 1);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

/* A step takes eight, and each further one seven more: its eighth is the answer of
 * the one before. Beyond 1,024 comparisons there are no steps. */
static void a_long_chain_takes_few_steps(void **state) {
  (void)state;
  hf_schema *schema = test_schema("v:number w:number");
  for (uint32_t comparisons = 1; comparisons <= 1030; comparisons++) {
    text_bytes = 0;
    for (uint32_t i = 0; i < comparisons; i++) {
      put(i == 0 ? "v > 1" : " and v > 1", i == 0 ? 5 : 10);
    }
    put("", 1);
    hf_condition *condition = test_compile(schema, text);
    uint32_t steps = comparisons <= HF__LANES ? 1 : 1 + (comparisons - HF__LANES + 6) / 7;
    assert_int_equal(condition->step_count, comparisons <= 4 * HF__MAX_STEPS ? steps : 0);
    hf_condition_destroy(condition);
  }
  hf_schema_release(schema);
}

int main(int count, char **arguments) {
  if (count > 1) {
    evaluations_wanted = strtoull(arguments[1], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_chain_takes_few_steps),
      cmocka_unit_test(groups_of_four_share_steps),
      cmocka_unit_test(every_path_agrees_with_the_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
