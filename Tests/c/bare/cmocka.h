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

#define assert_in_range(value, least, most) assert_true((value) >= (least) && (value) <= (most))

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
  const char *name;
  CMUnitTestFunction run;
  CMFixtureFunction setup;
  CMFixtureFunction teardown;
  void *initial_state;
};

#define cmocka_unit_test(function)                                                                 \
  { #function, function, NULL, NULL, NULL }
#define cmocka_unit_test_setup(function, setup)                                                    \
  { #function, function, setup, NULL, NULL }
#define cmocka_unit_test_teardown(function, teardown)                                              \
  { #function, function, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(function, setup, teardown)                                 \
  { #function, function, setup, teardown, NULL }

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
  bare_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

static inline void bare_fixture(CMFixtureFunction fixture, void **state) {
  assert_true(fixture == NULL || fixture(state) == 0);
}

static inline int bare_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                           CMFixtureFunction teardown) {
  void *group = NULL;
  bare_fixture(setup, &group);
  for (size_t i = 0; i < count; i++) {
    void *state = tests[i].initial_state == NULL ? group : tests[i].initial_state;
    printf("%s\n", tests[i].name);
    bare_fixture(tests[i].setup, &state);
    tests[i].run(&state);
    bare_fixture(tests[i].teardown, &state);
  }
  bare_fixture(teardown, &group);
  printf("%zu passed\n", count);
  return 0;
}

#endif
