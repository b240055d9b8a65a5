/*
 * What the tests use of cmocka, for a processor whose cmocka is not installed:
 * see the step `neon` of scripts/check. The first assertion that fails ends the
 * program.
 */
#ifndef HF_BARE_CMOCKA_H
#define HF_BARE_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define fail() abort()
#define fail_msg(...) (print_error(__VA_ARGS__), abort())

#define assert_true(condition)                                                                     \
  ((condition) ? (void)0 : fail_msg("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition))
#define assert_false(condition) assert_true(!(condition))
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_int_not_equal(a, b) assert_true((long long)(a) != (long long)(b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)

struct CMUnitTest {
  const char *name;
  void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
  { #function, function }

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
  bare_run(tests, sizeof(tests) / sizeof((tests)[0]))

static inline int bare_run(const struct CMUnitTest *tests, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *state = NULL;
    printf("%s\n", tests[i].name);
    tests[i].run(&state);
  }
  printf("%zu passed\n", count);
  return 0;
}

#endif
