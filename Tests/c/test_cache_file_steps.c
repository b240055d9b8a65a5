/*
 * A save, one call of the system at a time. The source is compiled into this program with the calls
 * noted in between: the file's bytes are on the disk before it gets its name, and the name is
 * before the save returns; and each call may fail.
 */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was called, in words; and the word of the call that fails, and how. */
static char steps[256];
static const char *failing = "";
static int failure;
/* Writes are interrupted, and write few bytes at a time. */
static bool hesitant;

static void forget_steps(void) {
  steps[0] = '\0';
}

/* Notes a step, unless it is the same as the last one; whether it may be done. */
static bool step(const char *word) {
  size_t length = strlen(steps);
  size_t last = strlen(word);
  if (length < last || strcmp(steps + length - last, word) != 0) {
    snprintf(steps + length, sizeof steps - length, "%s%s", length == 0 ? "" : ", ", word);
  }
  if (strcmp(failing, word) == 0) {
    errno = failure;
    return false;
  }
  return true;
}

static ssize_t noted_write(int to, const void *bytes, size_t length) {
  static unsigned calls;
  if (hesitant && calls++ % 2 == 0) {
    errno = EINTR;
    return -1;
  }
  return step("write") ? write(to, bytes, hesitant && length > 5 ? 5 : length) : -1;
}

static int noted_fsync(int file) {
  struct stat about;
  return fstat(file, &about) == 0 && step(S_ISDIR(about.st_mode) ? "fsync directory" : "fsync file")
             ? fsync(file)
             : -1;
}

/* It is closed also when that fails. */
static int noted_close(int file) {
  int status = close(file);
  return step("close") ? status : -1;
}

static int noted_rename(const char *from, const char *to) {
  return step("rename") ? rename(from, to) : -1;
}

static int noted_unlink(const char *path) {
  return step("unlink") ? unlink(path) : -1;
}

#define write(to, bytes, length) noted_write(to, bytes, length)
#define fsync(file) noted_fsync(file)
#define close(file) noted_close(file)
#define rename(from, to) noted_rename(from, to)
#define unlink(path) noted_unlink(path)

/* Not the library's: with the notes above. */
#include "cache_file.c"

#undef write
#undef fsync
#undef close
#undef rename
#undef unlink

#include "cache_test.h"

static char directory[256];
static char saved[300];

static int make_directory(void **state) {
  (void)state;
  const char *where = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/holdfast-cache-XXXXXX", where == NULL ? "/tmp" : where);
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  snprintf(saved, sizeof saved, "%s/saved", directory);
  return 0;
}

static int remove_directory(void **state) {
  (void)state;
  unlink(saved);
  return rmdir(directory); /* fails when something else was left in it */
}

static hf_cache *cache_with(const char *value) {
  hf_cache *cache = cache_of(HF_CACHE_LRU, 50, NULL);
  put_text(cache, "a", value, BEGINNING);
  put_text(cache, "b", value, BEGINNING);
  return cache;
}

static void check_saved(const char *expected) {
  hf_cache *cache = cache_of(HF_CACHE_LRU, 50, NULL);
  size_t restored = 0;
  assert_int_equal(hf_cache_restore(cache, saved, BEGINNING, &restored, NULL), HF_OK);
  assert_int_equal(restored, 2);
  assert_contents(cache, BEGINNING, "a b", expected);
  hf_cache_destroy(cache);
}

static void a_file_is_on_the_disk_before_it_has_its_name(void **state) {
  (void)state;
  hf_cache *cache = cache_with("1");
  forget_steps();
  assert_int_equal(hf_cache_save(cache, saved, BEGINNING, NULL), HF_OK);
  assert_string_equal(steps, "write, fsync file, close, rename, fsync directory, close");
  check_saved("a=1 b=1");
  hf_cache_destroy(cache);
}

static void a_save_that_fails_leaves_the_old_file_alone(void **state) {
  (void)state;
  const char *const runs[][2] = {
      {"write", "write, close, unlink"},
      {"fsync file", "write, fsync file, close, unlink"},
      {"close", "write, fsync file, close, unlink"},
      {"rename", "write, fsync file, close, rename, unlink"},
  };
  hf_cache *cache = cache_with("old");
  assert_int_equal(hf_cache_save(cache, saved, BEGINNING, NULL), HF_OK);
  hf_cache_destroy(cache);
  cache = cache_with("new");
  failure = EIO;
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    hf_error error = test_untouched_error();
    failing = runs[i][0];
    forget_steps();
    hf_status status = hf_cache_save(cache, saved, BEGINNING, &error);
    failing = "";
    assert_int_equal(status, HF_ERROR_IO);
    assert_int_equal(error.status, HF_ERROR_IO);
    assert_non_null(strstr(error.message, strerror(EIO)));
    test_check_message(&error);
    assert_string_equal(steps, runs[i][1]);
    check_saved("a=old b=old");
  }
  hf_cache_destroy(cache);
}

/* A name that may be lost in a crash, and a signal while closing, are no failures of a save. */
static void what_does_not_lose_the_file_is_no_failure(void **state) {
  (void)state;
  const struct {
    const char *failing;
    int failure;
  } runs[] = {{"fsync directory", EINVAL}, {"close", EINTR}};
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    hf_cache *cache = cache_with(runs[i].failing);
    char expected[CACHE_TEXT_BYTES];
    snprintf(expected, sizeof expected, "a=%s b=%s", runs[i].failing, runs[i].failing);
    failing = runs[i].failing;
    failure = runs[i].failure;
    hf_status status = hf_cache_save(cache, saved, BEGINNING, NULL);
    failing = "";
    assert_int_equal(status, HF_OK);
    check_saved(expected);
    hf_cache_destroy(cache);
  }
}

static void writes_may_be_interrupted_and_short(void **state) {
  (void)state;
  hf_cache *cache = cache_with("bit by bit");
  hesitant = true;
  hf_status status = hf_cache_save(cache, saved, BEGINNING, NULL);
  hesitant = false;
  assert_int_equal(status, HF_OK);
  check_saved("a=bit by bit b=bit by bit");
  hf_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_is_on_the_disk_before_it_has_its_name),
      cmocka_unit_test(a_save_that_fails_leaves_the_old_file_alone),
      cmocka_unit_test(what_does_not_lose_the_file_is_no_failure),
      cmocka_unit_test(writes_may_be_interrupted_and_short),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
