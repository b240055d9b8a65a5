/*
 * One program, many threads. What is wrong here the thread sanitizer sees; the
 * answers are checked as well. cmocka's assertions belong to the thread that
 * runs the test, so the others count what went wrong.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "hf_test.h"

enum { THREADS = 8, ROUNDS = TEST_HAS_SANITIZER ? 3000 : 20000 };

typedef void *thread_body(void *argument);

/* Runs the same body on every thread, with the elements of `arguments` for each. */
static void run_threads(thread_body *body, void *arguments, size_t size) {
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, body, (char *)arguments + i * size), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
}

typedef struct worker {
  const hf_schema *schema;
  const hf_condition *condition;
  const hf_context *shared;
  uint32_t number;
  uint32_t failures;
} worker;

static const char text[] =
    "cpu >= 90 and (region == 'eu' or region == 'us') or cpu < 10 and on == 1";

static uint32_t total_failures(const worker *workers) {
  uint32_t failures = 0;
  for (size_t i = 0; i < THREADS; i++) {
    failures += workers[i].failures;
  }
  return failures;
}

static void *evaluate_with_own_context(void *argument) {
  worker *self = argument;
  hf_context *context = NULL;
  if (hf_context_create(self->schema, NULL, &context) != HF_OK) {
    self->failures++;
    return NULL;
  }
  for (uint32_t round = 0; round < ROUNDS; round++) {
    double cpu = (round * 7 + self->number) % 100;
    bool eu = (round + self->number) % 2 == 0;
    bool on = round % 3 == 0;
    hf_status status = hf_context_set_number(context, 0, cpu);
    status = status == HF_OK ? hf_context_set_string(context, 1, eu ? "eu" : "asia", eu ? 2 : 4)
                             : status;
    status = status == HF_OK ? hf_context_set_boolean(context, 2, on) : status;
    bool expected = (cpu >= 90 && eu) || (cpu < 10 && on);
    bool held = !expected;
    hf_error error;
    status =
        status == HF_OK ? hf_condition_evaluate(self->condition, context, &held, &error) : status;
    self->failures += status != HF_OK || held != expected;
    /* A failing evaluation fills this thread's error alone. */
    status = hf_context_unset(context, self->number % 3);
    status =
        status == HF_OK ? hf_condition_evaluate(self->condition, context, &held, &error) : status;
    self->failures += status != HF_ERROR_MISSING_VARIABLE || error.variable != self->number % 3;
  }
  hf_context_destroy(context);
  return NULL;
}

static void one_condition_serves_many_contexts(void **state) {
  (void)state;
  hf_schema *schema = test_schema("cpu:number region:string on:boolean");
  hf_condition *condition = test_compile(schema, text);
  worker workers[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){.schema = schema, .condition = condition, .number = i};
  }
  run_threads(evaluate_with_own_context, workers, sizeof workers[0]);
  assert_int_equal(total_failures(workers), 0);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

static void *evaluate_shared_context(void *argument) {
  worker *self = argument;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    bool held = false;
    self->failures +=
        hf_condition_evaluate(self->condition, self->shared, &held, NULL) != HF_OK || !held;
    self->failures += hf_context_get(self->shared, 0).number != 95.0;
    if (round % 16 == 0) {
      hf_node nodes[16];
      char canonical[128];
      self->failures +=
          hf_condition_explain(self->condition, self->shared, nodes, 16) != HF_OK || !nodes[0].held;
      self->failures +=
          hf_condition_canonical(self->condition, canonical, sizeof canonical) != strlen(text);
      self->failures += strcmp(canonical, text) != 0;
    }
  }
  return NULL;
}

static void one_context_serves_many_readers(void **state) {
  (void)state;
  hf_schema *schema = test_schema("cpu:number region:string on:boolean");
  hf_condition *condition = test_compile(schema, text);
  hf_context *context = test_context(schema, "cpu=95 region='us' on=false");
  worker workers[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i] = (worker){.schema = schema, .condition = condition, .shared = context};
  }
  run_threads(evaluate_shared_context, workers, sizeof workers[0]);
  assert_int_equal(total_failures(workers), 0);
  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}

/* An allocator that counts what is live, whichever thread gives it back. */
static void *count_allocation(void *context, size_t size_bytes, size_t alignment_bytes) {
  atomic_fetch_add_explicit((atomic_int *)context, 1, memory_order_relaxed);
  hf_allocator system = hf_allocator_default();
  return system.allocate(system.context, size_bytes, alignment_bytes);
}

static void count_deallocation(void *context, void *memory, size_t size_bytes,
                               size_t alignment_bytes) {
  atomic_fetch_sub_explicit((atomic_int *)context, 1, memory_order_relaxed);
  hf_allocator system = hf_allocator_default();
  system.deallocate(system.context, memory, size_bytes, alignment_bytes);
}

/* Every thread owns one reference to begin with and gives it back in the end. */
static void *hold_schema(void *argument) {
  worker *self = argument;
  for (uint32_t round = 0; round < ROUNDS / 4; round++) {
    hf_schema *again = hf_schema_retain(self->schema);
    hf_condition *condition = NULL;
    hf_context *context = NULL;
    bool held = false;
    if (hf_condition_compile(again, text, sizeof text - 1, NULL, &condition, NULL) != HF_OK ||
        hf_context_create(again, NULL, &context) != HF_OK) {
      self->failures++;
      return NULL;
    }
    hf_schema_release(again);
    self->failures +=
        hf_condition_evaluate(condition, context, &held, NULL) != HF_ERROR_MISSING_VARIABLE;
    hf_context_destroy(context);
    hf_condition_destroy(condition);
  }
  hf_schema_release(self->schema);
  return NULL;
}

static void a_schema_is_freed_by_its_last_holder(void **state) {
  (void)state;
  static atomic_int live;
  hf_allocator hooks = {count_allocation, count_deallocation, &live};
  const hf_variable variables[] = {
      {"cpu", HF_TYPE_NUMBER}, {"region", HF_TYPE_STRING}, {"on", HF_TYPE_BOOLEAN}};
  for (int repeat = 0; repeat < 5; repeat++) {
    hf_schema *schema = NULL;
    assert_int_equal(hf_schema_create(variables, 3, &hooks, &schema, NULL), HF_OK);
    assert_int_equal(atomic_load(&live), 1);
    worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
      workers[i] = (worker){.schema = hf_schema_retain(schema), .number = i};
    }
    hf_schema_release(schema);
    run_threads(hold_schema, workers, sizeof workers[0]);
    assert_int_equal(total_failures(workers), 0);
    assert_int_equal(atomic_load(&live), 0);
  }
}

/* The ready-made schema is built before anybody asks for it, or safely by whoever does. */
static void *use_classic_schema(void *argument) {
  worker *self = argument;
  for (uint32_t round = 0; round < ROUNDS / 4; round++) {
    const hf_schema *classic = hf_schema_classic();
    hf_schema_release(hf_schema_retain(classic));
    self->failures += hf_schema_find(classic, "duration", 8) != 4;
  }
  return NULL;
}

static void the_classic_schema_serves_every_thread(void **state) {
  (void)state;
  worker workers[THREADS] = {{0}};
  run_threads(use_classic_schema, workers, sizeof workers[0]);
  assert_int_equal(total_failures(workers), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_classic_schema_serves_every_thread),
      cmocka_unit_test(one_condition_serves_many_contexts),
      cmocka_unit_test(one_context_serves_many_readers),
      cmocka_unit_test(a_schema_is_freed_by_its_last_holder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
