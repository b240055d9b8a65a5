/*
 * Every allocation fails once: the call says so, touches no output, leaks
 * nothing, and succeeds when it is repeated with memory to be had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counting_allocator.h"
#include "hf_test.h"

static counting_allocator counting;

static char place;

static void schema_creation_survives(void **state) {
  (void)state;
  static char names[HF_SCHEMA_MAX_VARIABLES][24];
  static hf_variable variables[HF_SCHEMA_MAX_VARIABLES];
  for (size_t i = 0; i < HF_SCHEMA_MAX_VARIABLES; i++) {
    snprintf(names[i], sizeof names[i], "v%zu", i);
    variables[i] = (hf_variable){names[i], HF_TYPE_ANY};
  }
  hf_allocator hooks = counting_hooks(&counting);
  const size_t sizes[] = {0, 1, 5, HF_SCHEMA_MAX_VARIABLES};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    for (size_t refuse = 1;; refuse++) {
      counting_reset(&counting, refuse);
      hf_schema *schema = (hf_schema *)(void *)&place;
      hf_error error = test_untouched_error();
      hf_status status = hf_schema_create(variables, sizes[s], &hooks, &schema, &error);
      if (status == HF_OK) {
        assert_true(refuse > 1);
        assert_int_equal(hf_schema_count(schema), sizes[s]);
        hf_schema_release(schema);
        assert_int_equal(counting.live_blocks, 0);
        break;
      }
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.variable, HF_NO_VARIABLE);
      assert_ptr_equal(schema, &place);
      assert_int_equal(counting.live_blocks, 0);
      assert_int_equal(hf_schema_create(variables, sizes[s], &hooks, &schema, NULL), HF_OK);
      hf_schema_release(schema);
    }
  }
}

static void a_refused_schema_leaks_nothing(void **state) {
  (void)state;
  const hf_variable variables[] = {{"a", HF_TYPE_ANY}, {"b", HF_TYPE_ANY}, {"a", HF_TYPE_NUMBER}};
  hf_allocator hooks = counting_hooks(&counting);
  counting_reset(&counting, 0);
  hf_schema *schema = NULL;
  assert_int_equal(hf_schema_create(variables, 3, &hooks, &schema, NULL), HF_ERROR_DUPLICATE_NAME);
  assert_int_equal(counting.live_blocks, 0);
}

static void the_classic_schema_allocates_nothing(void **state) {
  (void)state;
  const hf_schema *classic = hf_schema_classic();
  hf_schema_release(hf_schema_retain(classic));
  assert_ptr_equal(hf_schema_classic(), classic);
}

static void context_creation_survives(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  for (size_t refuse = 1;; refuse++) {
    counting_reset(&counting, refuse);
    hf_context *context = (hf_context *)(void *)&place;
    hf_status status = hf_context_create(hf_schema_classic(), &hooks, &context);
    if (status == HF_OK) {
      assert_true(refuse > 2);
      assert_int_equal(counting.allocations, 2);
      hf_context_destroy(context);
      assert_int_equal(counting.live_blocks, 0);
      break;
    }
    assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
    assert_ptr_equal(context, &place);
    assert_int_equal(counting.live_blocks, 0);
  }
}

static void a_refused_context_gives_its_schema_back(void **state) {
  (void)state;
  static counting_allocator refusing;
  hf_allocator hooks = counting_hooks(&counting);
  hf_allocator refusing_hooks = counting_hooks(&refusing);
  counting_reset(&counting, 0);
  counting_reset(&refusing, 1);
  const hf_variable variables[] = {{"a", HF_TYPE_STRING}};
  hf_schema *schema = NULL;
  hf_context *context = NULL;
  hf_condition *condition = NULL;
  assert_int_equal(hf_schema_create(variables, 1, &hooks, &schema, NULL), HF_OK);
  assert_int_equal(hf_context_create(schema, &refusing_hooks, &context), HF_ERROR_OUT_OF_MEMORY);
  hf_condition_options options = hf_condition_options_default();
  options.allocator = &refusing_hooks;
  for (size_t refuse = 1; refuse <= 2; refuse++) {
    counting_reset(&refusing, refuse);
    hf_status status = hf_condition_compile(schema, "a == 'x'", 8, &options, &condition, NULL);
    if (status == HF_OK) {
      hf_condition_destroy(condition);
    }
  }
  /* A fault of the text gives it back as well. */
  counting_reset(&refusing, 0);
  assert_int_equal(hf_condition_compile(schema, "a == ", 5, &options, &condition, NULL),
                   HF_ERROR_EXPECTED_VALUE);
  assert_int_equal(refusing.live_blocks, 0);
  hf_schema_release(schema);
  assert_int_equal(counting.live_blocks, 0);
}

static void string_copies_survive(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  static char text[4096];
  memset(text, 'x', sizeof text);
  counting_reset(&counting, 0);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_schema_classic(), &hooks, &context), HF_OK);
  assert_int_equal(hf_context_set_string(context, 0, "old", 3), HF_OK);
  assert_int_equal(hf_context_set_number(context, 1, 7), HF_OK);
  const size_t lengths[] = {300, 1000, 4096};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    for (uint32_t slot = 0; slot < 3; slot++) {
      hf_value before = hf_context_get(context, slot);
      char copy[4096];
      if (before.length_bytes > 0) {
        memcpy(copy, before.string, before.length_bytes);
      }
      counting.refuse = counting.allocations + 1;
      size_t live = counting.live_blocks;
      assert_int_equal(hf_context_set_string(context, slot, text, lengths[i]),
                       HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(counting.live_blocks, live);
      hf_value after = hf_context_get(context, slot);
      assert_int_equal(after.kind, before.kind);
      assert_true(after.number == before.number);
      assert_int_equal(after.length_bytes, before.length_bytes);
      if (before.length_bytes > 0) {
        assert_memory_equal(after.string, copy, before.length_bytes);
      }
      counting.refuse = 0;
      assert_int_equal(hf_context_set_string(context, slot, text, lengths[i]), HF_OK);
    }
  }
  hf_context_destroy(context);
  assert_int_equal(counting.live_blocks, 0);
}

/* A slot allocates only when it has not held so long a string before. */
static void a_slot_keeps_its_memory(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  static char text[1000];
  memset(text, 'x', sizeof text);
  counting_reset(&counting, 0);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_schema_classic(), &hooks, &context), HF_OK);
  assert_int_equal(hf_context_set_string(context, 0, text, sizeof text), HF_OK);
  size_t allocations = counting.allocations;
  for (size_t length = 0; length <= sizeof text; length++) {
    assert_int_equal(hf_context_set_string(context, 0, text, length), HF_OK);
    assert_int_equal(hf_context_unset(context, 0), HF_OK);
    assert_int_equal(hf_context_set_number(context, 0, 1), HF_OK);
    assert_int_equal(hf_context_borrow_string(context, 0, text, length), HF_OK);
    hf_context_clear(context);
  }
  assert_int_equal(hf_context_set_string(context, 0, text, sizeof text), HF_OK);
  assert_int_equal(counting.allocations, allocations);
  /* Nothing else that fills a slot allocates. */
  assert_int_equal(hf_context_set_null(context, 1), HF_OK);
  assert_int_equal(hf_context_set_container(context, 1), HF_OK);
  assert_int_equal(hf_context_set_invalid(context, 1), HF_OK);
  assert_int_equal(hf_context_set_boolean(context, 1, true), HF_OK);
  assert_int_equal(counting.allocations, allocations);
  hf_context_destroy(context);
  assert_int_equal(counting.live_blocks, 0);
}

/* With an allocator of its own a context takes two blocks, and then one for each
 * slot that copies a string; a short one needs none where the type is string. */
static void a_string_takes_one_allocation_a_slot(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  hf_schema *schema = test_schema("a b s:string");
  counting_reset(&counting, 0);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(schema, &hooks, &context), HF_OK);
  assert_int_equal(counting.allocations, 2);
  assert_int_equal(hf_context_borrow_string(context, 0, "borrowed", 8), HF_OK);
  assert_int_equal(hf_context_borrow_string(context, 2, "borrowed, and longer", 20), HF_OK);
  assert_int_equal(hf_context_set_string(context, 2, "of 15 bytes all", 15), HF_OK);
  assert_int_equal(counting.allocations, 2);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(hf_context_set_string(context, i, "it has 16 bytes.", 16), HF_OK);
    assert_int_equal(counting.allocations, 3 + i);
    assert_int_equal(hf_context_set_string(context, i, "seventeen of them", 17), HF_OK);
    assert_int_equal(counting.allocations, 3 + i);
  }
  hf_context_destroy(context);
  assert_int_equal(counting.live_blocks, 0);
  hf_schema_release(schema);
}

/* Of every length, so that one is longer by a byte than what the slot has. */
static void a_longer_string_takes_longer_memory(void **state) {
  (void)state;
  hf_allocator hooks = counting_hooks(&counting);
  char text[300];
  memset(text, 'x', sizeof text);
  counting_reset(&counting, 0);
  hf_context *context = NULL;
  assert_int_equal(hf_context_create(hf_schema_classic(), &hooks, &context), HF_OK);
  for (size_t length = 0; length <= sizeof text; length++) {
    assert_int_equal(hf_context_set_string(context, 0, text, length), HF_OK);
    hf_value value = hf_context_get(context, 0);
    assert_int_equal(value.length_bytes, length);
    assert_memory_equal(value.string, text, length);
  }
  assert_true(counting.allocations < 10);
  hf_context_destroy(context);
  assert_int_equal(counting.live_blocks, 0);
}

/* A small text, one of 48 tokens, and one of tens of thousands. */
static char *long_text(size_t comparisons) {
  char *text = malloc(comparisons * 40 + 1);
  assert_non_null(text);
  size_t length = 0;
  for (size_t i = 0; i < comparisons; i++) {
    static const char *const pieces[] = {"severity >= 0.8", "(step == 'x' or duration < 5)",
                                         "confidence != step"};
    length += (size_t)sprintf(text + length, "%s%s", i == 0 ? "" : " and ", pieces[i % 3]);
  }
  return text;
}

static void compilation_survives(void **state) {
  (void)state;
  /* One that the condition keeps; one for more tokens than the default allows; one to plan in,
   * unless there would be too many steps. */
  const size_t sizes[] = {1, 8, 100, 5000};
  const size_t expected[] = {1, 2, 3, 2};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    char *text = long_text(sizes[s]);
    hf_allocator hooks = counting_hooks(&counting);
    hf_condition_options options = hf_condition_options_default();
    options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
    options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
    options.allocator = &hooks;
    for (size_t refuse = 1;; refuse++) {
      counting_reset(&counting, refuse);
      hf_condition *condition = (hf_condition *)(void *)&place;
      hf_error error = test_untouched_error();
      hf_status status = hf_condition_compile(hf_schema_classic(), text, strlen(text), &options,
                                              &condition, &error);
      if (status == HF_OK) {
        assert_int_equal(refuse, expected[s] + 1);
        assert_int_equal(counting.allocations, expected[s]);
        assert_int_equal(counting.live_blocks, 1);
        hf_condition_destroy(condition);
        assert_int_equal(counting.live_blocks, 0);
        break;
      }
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.variable, HF_NO_VARIABLE);
      assert_int_equal(error.suggestion, HF_NO_VARIABLE);
      assert_non_null(memchr(error.message, '\0', sizeof error.message));
      assert_ptr_equal(condition, &place);
      assert_int_equal(counting.live_blocks, 0);
      counting_reset(&counting, refuse);
      assert_int_equal(
          hf_condition_compile(hf_schema_classic(), text, strlen(text), &options, &condition, NULL),
          HF_ERROR_OUT_OF_MEMORY);
    }
    free(text);
  }
}

/* Where memory is short, a fault of the text may not be found; where it is not, nothing leaks. */
static void a_refused_text_leaks_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",      "severity",     "severity >",    "sevrity > 1", "severity @",
      "'open", "severity = 1", "(severity > 1", "1 > 2 3",     "severity > 1 and",
      "\xFF"};
  hf_allocator hooks = counting_hooks(&counting);
  hf_condition_options options = hf_condition_options_default();
  options.allocator = &hooks;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    for (size_t refuse = 0; refuse <= 2; refuse++) {
      counting_reset(&counting, refuse);
      hf_condition *condition = (hf_condition *)(void *)&place;
      assert_int_not_equal(hf_condition_compile(hf_schema_classic(), texts[i], strlen(texts[i]),
                                                &options, &condition, NULL),
                           HF_OK);
      assert_ptr_equal(condition, &place);
      assert_int_equal(counting.live_blocks, 0);
    }
  }
}

static void evaluation_and_inspection_allocate_nothing(void **state) {
  (void)state;
  char *text = long_text(5000);
  hf_allocator hooks = counting_hooks(&counting);
  hf_condition_options options = hf_condition_options_default();
  options.max_tokens = HF_CONDITION_LIMIT_MAX_TOKENS;
  options.max_text_bytes = HF_CONDITION_LIMIT_MAX_TEXT_BYTES;
  options.allocator = &hooks;
  counting_reset(&counting, 0);
  hf_condition *condition = NULL;
  hf_context *context = NULL;
  assert_int_equal(
      hf_condition_compile(hf_schema_classic(), text, strlen(text), &options, &condition, NULL),
      HF_OK);
  assert_int_equal(hf_context_create(hf_schema_classic(), &hooks, &context), HF_OK);
  size_t count = hf_condition_node_count(condition);
  hf_node *nodes = calloc(count, sizeof *nodes);
  char *canonical = malloc(strlen(text) * 2);
  assert_true(nodes != NULL && canonical != NULL);
  size_t allocations = counting.allocations;
  /* What is refused from here on would be seen. */
  counting.refuse = allocations + 1;
  static const char *const values[] = {"?", "!", "1", "'x'"};
  for (size_t v = 0; v < 4; v++) {
    if (values[v][0] != '\'') {
      for (uint32_t i = 0; i < 5; i++) {
        test_set(context, i, values[v]);
      }
    } else {
      assert_int_equal(hf_context_borrow_string(context, 3, "x", 1), HF_OK);
    }
    bool held = false;
    hf_error error;
    hf_status status = hf_condition_evaluate(condition, context, &held, &error);
    assert_int_equal(hf_condition_explain(condition, context, nodes, count), HF_OK);
    assert_int_equal(nodes[0].status, status);
  }
  assert_true(hf_condition_canonical(condition, canonical, strlen(text) * 2) > 0);
  assert_int_equal(hf_condition_variable_count(condition), 4);
  assert_int_equal(counting.allocations, allocations);
  free(canonical);
  free(nodes);
  free(text);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  assert_int_equal(counting.live_blocks, 0);
}

/* The hooks are copied: the caller's struct may go. */
static void the_hooks_are_copied(void **state) {
  (void)state;
  counting_reset(&counting, 0);
  hf_allocator hooks = counting_hooks(&counting);
  hf_condition_options options = hf_condition_options_default();
  options.allocator = &hooks;
  const hf_variable variables[] = {{"a", HF_TYPE_STRING}};
  hf_schema *schema = NULL;
  hf_context *context = NULL;
  hf_condition *condition = NULL;
  assert_int_equal(hf_schema_create(variables, 1, &hooks, &schema, NULL), HF_OK);
  assert_int_equal(hf_context_create(schema, &hooks, &context), HF_OK);
  assert_int_equal(hf_condition_compile(schema, "a == 'x'", 8, &options, &condition, NULL), HF_OK);
  memset(&hooks, 0, sizeof hooks);
  memset(&options, 0, sizeof options);
  assert_int_equal(hf_context_set_string(context, 0, "x", 1), HF_OK);
  hf_schema_release(schema);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  assert_int_equal(counting.live_blocks, 0);
}

static void the_default_allocator_allocates(void **state) {
  (void)state;
  hf_allocator hooks = hf_allocator_default();
  for (size_t alignment = 1; alignment <= 128; alignment *= 2) {
    for (size_t size = 1; size < 5000; size = size * 3 + 1) {
      void *memory = hooks.allocate(hooks.context, size, alignment);
      assert_non_null(memory);
      assert_int_equal((uintptr_t)memory % alignment, 0);
      memset(memory, 0x5a, size);
      hooks.deallocate(hooks.context, memory, size, alignment);
    }
  }
  const char *name = hf_allocator_default_name();
  assert_true(strcmp(name, "jemalloc") == 0 || strcmp(name, "system") == 0);
  printf("default allocator: %s\n", name);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schema_creation_survives),
      cmocka_unit_test(a_refused_schema_leaks_nothing),
      cmocka_unit_test(the_classic_schema_allocates_nothing),
      cmocka_unit_test(context_creation_survives),
      cmocka_unit_test(a_refused_context_gives_its_schema_back),
      cmocka_unit_test(string_copies_survive),
      cmocka_unit_test(a_slot_keeps_its_memory),
      cmocka_unit_test(a_string_takes_one_allocation_a_slot),
      cmocka_unit_test(a_longer_string_takes_longer_memory),
      cmocka_unit_test(compilation_survives),
      cmocka_unit_test(a_refused_text_leaks_nothing),
      cmocka_unit_test(evaluation_and_inspection_allocate_nothing),
      cmocka_unit_test(the_hooks_are_copied),
      cmocka_unit_test(the_default_allocator_allocates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
