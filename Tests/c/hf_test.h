/*
 * What the C tests share: cmocka with what it wants included before it, and
 * short notations for schemas, contexts and conditions, so that a test's table
 * reads like the thing it is about.
 */
#ifndef HF_TEST_H
#define HF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <holdfast/holdfast.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_HAS_SANITIZER 1
#endif
#endif
#ifndef TEST_HAS_SANITIZER
#define TEST_HAS_SANITIZER 0
#endif

/* A schema from "cpu:number region:string on:boolean other"; no type is any. */
hf_schema *test_schema(const char *declarations);

/* Compiles with room for any number of tokens; fails the test, with the report, if it cannot. */
hf_condition *test_compile(const hf_schema *schema, const char *text);

/*
 * Fills one slot: "1.5", "nan", "-inf", "true", "'text'", "null", "[]" for a
 * container, "!" for a value of the wrong type, "?" for none.
 */
void test_set(hf_context *context, uint32_t index, const char *value);

/* A context from "cpu=1.5 region='eu' on=true"; what is not named is missing. */
hf_context *test_context(const hf_schema *schema, const char *assignments);

/* Evaluates; fails the test, with the report, unless it is decided. */
bool test_evaluate(const hf_condition *condition, const hf_context *context);

/* Fails the test with a message made like printf's. */
#define test_fail(...) (print_error(__VA_ARGS__), fail())

/* An error that no function of the library would write, to see what was touched. */
hf_error test_untouched_error(void);

/* Fails the test unless the message is as hf_error promises: one line of UTF-8, no full stop. */
void test_check_message(const hf_error *error);

/* Repeatable random numbers (splitmix64). */
typedef struct test_random {
  uint64_t state;
} test_random;

/* Starts from a fixed seed, or from HF_TEST_SEED in the environment, and prints it. */
test_random test_random_start(const char *what);
uint64_t test_random_next(test_random *random);
/* Below `bound`, which is not 0. */
uint32_t test_random_below(test_random *random, uint32_t bound);

#endif
