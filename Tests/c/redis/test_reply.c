/* Replies out of bytes: every kind, wherever it is cut, and what a hostile server may send. */
#include "hf_test.h"

#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY_BYTES = 64 * 1024 * 1024 };

/* Allocations that fail --------------------------------------------------------- */

/* How many allocations of the reader there were, and which of them is to fail; 0: none. */
static size_t allocations;
static size_t failing_allocation;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool fails(void) {
  return ++allocations == failing_allocation;
}

void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
  return fails() ? NULL : __real_realloc(memory, size);
}

/* Notation ------------------------------------------------------------------------ */

/* Text that grows. */
typedef struct text {
  char bytes[4096];
  size_t length;
} text;

static void add(text *to, const char *bytes, size_t length) {
  assert_true(to->length + length < sizeof to->bytes);
  memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
  to->bytes[to->length] = '\0';
}

/* "null", 5, "string", +simple, -fault, [elements] */
static void describe(const hf_redis_reply *reply, text *to) {
  char number[32];
  switch (reply->kind) {
  case HF_REDIS_NULL:
    add(to, "null", 4);
    return;
  case HF_REDIS_INTEGER:
    snprintf(number, sizeof number, "%lld", (long long)reply->integer);
    add(to, number, strlen(number));
    return;
  case HF_REDIS_STRING:
    add(to, "\"", 1);
    add(to, reply->bytes, reply->length);
    add(to, "\"", 1);
    return;
  case HF_REDIS_SIMPLE:
    add(to, "+", 1);
    add(to, reply->bytes, reply->length);
    return;
  case HF_REDIS_FAULT:
    add(to, "-", 1);
    add(to, reply->bytes, reply->length);
    return;
  case HF_REDIS_ARRAY:
    add(to, "[", 1);
    for (size_t i = 0; i < reply->length; i++) {
      if (i > 0) {
        add(to, " ", 1);
      }
      describe(reply->elements[i], to);
    }
    add(to, "]", 1);
    return;
  }
  fail();
}

/* Adds what is complete, each followed by ";". */
static void take_all(hf__redis_reader *reader, text *to) {
  for (hf_redis_reply *reply; (reply = hf__redis_reader_next(reader)) != NULL;) {
    describe(reply, to);
    add(to, ";", 1);
    hf__redis_reply_destroy(reply);
  }
}

/* Reads bytes in pieces of so many; adds "!" and the reason of an error. */
static text read_in_pieces(const char *bytes, size_t length, size_t piece, size_t most_bytes) {
  text out = {.length = 0};
  hf__redis_reader *reader = hf__redis_reader_create(most_bytes);
  assert_non_null(reader);
  for (size_t at = 0; at < length; at += piece) {
    const size_t some = length - at < piece ? length - at : piece;
    /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
    char *copy = __real_malloc(some);
    assert_non_null(copy);
    memcpy(copy, bytes + at, some);
    const bool fed = hf__redis_reader_feed(reader, copy, some);
    free(copy);
    assert_int_equal(fed, hf__redis_reader_reason(reader) == NULL);
    take_all(reader, &out);
    if (hf__redis_reader_reason(reader) != NULL) {
      assert_false(hf__redis_reader_feed(reader, "+OK\r\n", 5));
      assert_null(hf__redis_reader_next(reader));
      break;
    }
  }
  const char *reason = hf__redis_reader_reason(reader);
  if (reason != NULL) {
    add(&out, "!", 1);
    add(&out, reason, strlen(reason));
  }
  hf__redis_reader_destroy(reader);
  return out;
}

static text read_all(const char *bytes, size_t length, size_t most_bytes) {
  return read_in_pieces(bytes, length, length, most_bytes);
}

/* What is good -------------------------------------------------------------------- */

static const char all_kinds[] =
    "+OK\r\n:-42\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n-ERR no\r\n+\r\n"
    "*3\r\n:9223372036854775807\r\n*2\r\n$1\r\na\r\n$-1\r\n+PONG\r\n";
#define ALL_KINDS_READ                                                                             \
  "+OK;-42;\"he\r\no\";\"\";null;null;[];-ERR no;+;[9223372036854775807 [\"a\" null] +PONG];"

static void every_kind_of_reply_is_read(void **state) {
  (void)state;
  text got = read_all(all_kinds, sizeof all_kinds - 1, MANY_BYTES);
  assert_string_equal(got.bytes, ALL_KINDS_READ);
}

static void replies_may_be_cut_anywhere(void **state) {
  (void)state;
  for (size_t piece = 1; piece < sizeof all_kinds; piece++) {
    text got = read_in_pieces(all_kinds, sizeof all_kinds - 1, piece, MANY_BYTES);
    assert_string_equal(got.bytes, ALL_KINDS_READ);
  }
  for (size_t cut = 1; cut < sizeof all_kinds - 1; cut++) {
    text got = {.length = 0};
    hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
    assert_non_null(reader);
    assert_true(hf__redis_reader_feed(reader, all_kinds, cut));
    take_all(reader, &got);
    assert_true(hf__redis_reader_feed(reader, all_kinds + cut, sizeof all_kinds - 1 - cut));
    take_all(reader, &got);
    assert_null(hf__redis_reader_reason(reader));
    assert_string_equal(got.bytes, ALL_KINDS_READ);
    hf__redis_reader_destroy(reader);
  }
}

static void bytes_may_be_fed_before_replies_are_taken(void **state) {
  (void)state;
  hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
  assert_non_null(reader);
  for (size_t i = 0; i < sizeof all_kinds - 1; i++) {
    assert_true(hf__redis_reader_feed(reader, all_kinds + i, 1));
  }
  text got = {.length = 0};
  hf_redis_reply *first = hf__redis_reader_next(reader);
  assert_non_null(first);
  describe(first, &got);
  add(&got, ";", 1);
  hf__redis_reply_destroy(first);
  assert_true(hf__redis_reader_feed(reader, ":7\r\n", 4));
  take_all(reader, &got);
  assert_string_equal(got.bytes, ALL_KINDS_READ "7;");
  hf__redis_reader_destroy(reader);
}

static void bytes_may_be_fed_while_others_wait(void **state) {
  (void)state;
  /* More than the reader is given at once. */
  enum { REPLIES = 5000 };
  static char bytes[REPLIES * 8];
  size_t length = 0;
  for (int i = 0; i < REPLIES; i++) {
    length += (size_t)snprintf(bytes + length, sizeof bytes - length, ":%d\r\n", i);
  }
  hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
  assert_non_null(reader);
  assert_true(hf__redis_reader_feed(reader, bytes, length - 1000));
  for (int i = 0; i < REPLIES; i++) {
    hf_redis_reply *reply = hf__redis_reader_next(reader);
    assert_non_null(reply);
    assert_int_equal(reply->integer, i);
    hf__redis_reply_destroy(reply);
    if (i == REPLIES / 4 || i == REPLIES / 2) {
      const size_t at = i == REPLIES / 4 ? length - 1000 : length - 500;
      assert_true(hf__redis_reader_feed(reader, bytes + at, 500));
    }
  }
  assert_null(hf__redis_reader_next(reader));
  assert_null(hf__redis_reader_reason(reader));
  hf__redis_reader_destroy(reader);
}

static void a_large_string_is_whole_and_leaves_no_large_buffer(void **state) {
  (void)state;
  enum { LENGTH = 5 * 1000 * 1000 };
  char *bytes = __real_malloc(LENGTH + 32);
  assert_non_null(bytes);
  const int head = snprintf(bytes, 32, "$%d\r\n", LENGTH);
  assert_true(head > 0);
  for (size_t i = 0; i < LENGTH; i++) {
    bytes[(size_t)head + i] = (char)(i % 251);
  }
  memcpy(bytes + head + LENGTH, "\r\n", 2);
  const size_t total = (size_t)head + LENGTH + 2;

  hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
  assert_non_null(reader);
  for (int round = 0; round < 3; round++) {
    hf_redis_reply *reply = NULL;
    for (size_t at = 0; at < total; at += 65536) {
      assert_null(reply);
      assert_true(
          hf__redis_reader_feed(reader, bytes + at, total - at < 65536 ? total - at : 65536));
      reply = hf__redis_reader_next(reader);
    }
    if (reply == NULL) {
      test_fail("the string is not whole");
      return;
    }
    assert_int_equal(reply->length, LENGTH);
    assert_memory_equal(reply->bytes, bytes + head, LENGTH);
    assert_in_range(hf__redis_reply_bytes(reply), LENGTH, LENGTH + 256);
    hf__redis_reply_destroy(reply);
  }
  hf__redis_reader_destroy(reader);
  free(bytes);
}

static void the_bytes_of_a_reply_are_those_of_its_elements_too(void **state) {
  (void)state;
  hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
  assert_non_null(reader);
  const char bytes[] = ":1\r\n*2\r\n$3\r\nabc\r\n*1\r\n:1\r\n*0\r\n$3\r\nabc\r\n";
  assert_true(hf__redis_reader_feed(reader, bytes, sizeof bytes - 1));
  size_t sizes[4];
  for (size_t i = 0; i < 4; i++) {
    hf_redis_reply *reply = hf__redis_reader_next(reader);
    assert_non_null(reply);
    sizes[i] = hf__redis_reply_bytes(reply);
    hf__redis_reply_destroy(reply);
  }
  /* integer; [string [integer]]; []; string */
  assert_int_equal(sizes[1], 2 * sizes[2] + 3 * sizeof(void *) + sizes[3] + sizes[0]);
  hf__redis_reader_destroy(reader);
}

/* What is not ---------------------------------------------------------------------- */

static void what_is_malformed_is_an_error_wherever_it_is_cut(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    const char *read; /* before the error */
    const char *reason;
  } cases[] = {
      {"HTTP/1.1 400 Bad Request\r\n", "", "got \"H\" as reply type byte"},
      {"+OK\r\nx", "+OK;", "got \"x\" as reply type byte"},
      {"\x16\x03\x01", "", "got \"\\x16\" as reply type byte"},
      {":12a\r\n", "", "Bad integer value"},
      {":\r\n", "", "Bad integer value"},
      {":9223372036854775808\r\n", "", "Bad integer value"},
      {"$x\r\n", "", "Bad bulk string length"},
      {"$-2\r\n", "", "Bulk string length out of range"},
      {"$99999999999999999999\r\n", "", "Bad bulk string length"},
      {"$3\r\nabcd\r\n", "", "a string is longer than announced"},
      {"$3\r\nabcd\n", "", "a string is longer than announced"},
      {"$3\r\nabc\rd", "", "a string is longer than announced"},
      {"*x\r\n", "", "Bad multi-bulk length"},
      {"*-2\r\n", "", "Multi-bulk length out of range"},
      {"*9999999999\r\n", "", "Multi-bulk length out of range"},
      {"*2\r\n:1\r\n?", "", "got \"?\" as reply type byte"},
      {"*2\r\n*1\r\n$1\r\nab\r\n", "", "a string is longer than announced"},
      {"%1\r\n", "", "got \"%\" as reply type byte"}, /* RESP3 was not asked for */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const size_t length = strlen(cases[i].bytes);
    for (size_t piece = 1; piece <= length; piece++) {
      text got = read_in_pieces(cases[i].bytes, length, piece, MANY_BYTES);
      text expected = {.length = 0};
      add(&expected, cases[i].read, strlen(cases[i].read));
      add(&expected, "!not a reply of the Redis protocol: ", 36);
      add(&expected, cases[i].reason, strlen(cases[i].reason));
      assert_string_equal(got.bytes, expected.bytes);
    }
  }
}

#define TOO_LARGE "!the reply is larger than the limit of 67108864 bytes"

static void what_is_announced_too_large_is_an_error_before_it_comes(void **state) {
  (void)state;
  static const char *const cases[] = {
      "$629145600\r\n",
      "$629145600\r\nthe beginning of it",
      "$67108864\r\n",
      "$9223372036854775807\r\n",
      "$9223372036854775805\r\nabc",
      "*2147483647\r\n",
      "*1048576\r\n*1048576\r\n",
      "*2\r\n$60000000\r\n",
  };
  const size_t count = sizeof cases / sizeof cases[0];
  for (size_t i = 0; i < count; i++) {
    for (size_t piece = 1; piece <= strlen(cases[i]); piece++) {
      text got = read_in_pieces(cases[i], strlen(cases[i]), piece, MANY_BYTES);
      assert_string_equal(got.bytes, i + 1 < count ? TOO_LARGE : "");
    }
  }
}

static void a_limit_is_for_a_whole_reply_and_for_each(void **state) {
  (void)state;
  /* Strings of 100 bytes: so many take more than they have. */
  char bytes[8192];
  for (size_t strings = 1; strings < 20; strings++) {
    size_t length = (size_t)snprintf(bytes, sizeof bytes, "*%zu\r\n", strings);
    for (size_t i = 0; i < strings; i++) {
      length += (size_t)snprintf(bytes + length, sizeof bytes - length, "$100\r\n%0100d\r\n", 0);
    }
    hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
    assert_non_null(reader);
    assert_true(hf__redis_reader_feed(reader, bytes, length));
    hf_redis_reply *reply = hf__redis_reader_next(reader);
    assert_non_null(reply);
    const size_t size = hf__redis_reply_bytes(reply);
    assert_true(size > strings * 100);
    hf__redis_reply_destroy(reply);
    hf__redis_reader_destroy(reader);

    /* With just this limit it may come again and again; with less it may not, however it is cut. */
    reader = hf__redis_reader_create(size);
    assert_non_null(reader);
    for (int i = 0; i < 3; i++) {
      assert_true(hf__redis_reader_feed(reader, bytes, length));
      reply = hf__redis_reader_next(reader);
      assert_non_null(reply);
      hf__redis_reply_destroy(reply);
    }
    hf__redis_reader_destroy(reader);
    for (size_t piece = 1; piece <= length; piece = piece * 3 + 1) {
      text got = read_in_pieces(bytes, length, piece, size - 1);
      assert_memory_equal(got.bytes, "!the reply is larger than the limit", 35);
    }
  }
}

static void arrays_may_be_as_deep_as_is_said(void **state) {
  (void)state;
  for (size_t depth = 1; depth <= 100; depth++) {
    char bytes[512];
    size_t length = 0;
    text expected = {.length = 0};
    for (size_t i = 0; i < depth; i++) {
      memcpy(bytes + length, "*1\r\n", 4);
      length += 4;
      add(&expected, "[", 1);
    }
    memcpy(bytes + length, ":7\r\n", 4);
    length += 4;
    add(&expected, "7", 1);
    for (size_t i = 0; i < depth; i++) {
      add(&expected, "]", 1);
    }
    add(&expected, ";", 1);
    for (size_t piece = 1; piece <= length; piece = piece * 2 + 1) {
      text got = read_in_pieces(bytes, length, piece, MANY_BYTES);
      assert_string_equal(got.bytes, depth <= HF__REDIS_DEPTH
                                         ? expected.bytes
                                         : "!the reply has arrays in arrays more than 8 deep");
    }
  }
}

static void a_line_without_an_end_is_an_error(void **state) {
  (void)state;
  static const char first[] = {'+', '-', ':', '$', '*'};
  static char bytes[HF__REDIS_LINE_BYTES + 8192];
  static const size_t pieces[] = {1, 4096, 65536};
  for (size_t i = 0; i < sizeof first; i++) {
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
      /* Line feeds alone, which end nothing. */
      memset(bytes, '\n', sizeof bytes);
      bytes[0] = first[i];
      text got = read_in_pieces(bytes, sizeof bytes, pieces[p], MANY_BYTES);
      assert_string_equal(got.bytes,
                          "!not a reply of the Redis protocol: a line is longer than 64 KiB");
    }
  }
}

static void a_line_may_be_as_long_as_is_said(void **state) {
  (void)state;
  static char bytes[HF__REDIS_LINE_BYTES + 8];
  for (size_t longer = 0; longer < 2; longer++) {
    const size_t length = HF__REDIS_LINE_BYTES + longer;
    memset(bytes, 'a', sizeof bytes);
    bytes[0] = '-';
    memcpy(bytes + 1 + length, "\r\n", 2);
    static const size_t pieces[] = {1, 1000, 4096, sizeof bytes};
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
      hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
      assert_non_null(reader);
      hf_redis_reply *reply = NULL;
      for (size_t at = 0; at < length + 3; at += pieces[p]) {
        const size_t left = length + 3 - at;
        if (hf__redis_reader_feed(reader, bytes + at, left < pieces[p] ? left : pieces[p])) {
          assert_null(reply);
          reply = hf__redis_reader_next(reader);
        }
      }
      assert_int_equal(reply != NULL, longer == 0);
      assert_int_equal(hf__redis_reader_reason(reader) != NULL, longer != 0);
      hf__redis_reply_destroy(reply);
      hf__redis_reader_destroy(reader);
    }
  }
}

static void without_memory_there_is_a_reason(void **state) {
  (void)state;
  size_t failed = 0;
  for (size_t at = 1;; at++) {
    allocations = 0;
    failing_allocation = at;
    hf__redis_reader *reader = hf__redis_reader_create(MANY_BYTES);
    if (reader != NULL) {
      text got = {.length = 0};
      hf__redis_reader_feed(reader, all_kinds, sizeof all_kinds - 1);
      take_all(reader, &got);
      const char *reason = hf__redis_reader_reason(reader);
      if (reason != NULL) {
        assert_string_equal(reason, "out of memory");
        failed++;
      }
      hf__redis_reader_destroy(reader);
    } else {
      failed++;
    }
    if (allocations < at) {
      break;
    }
  }
  failing_allocation = 0;
  assert_true(failed >= 17); /* the reader, the bytes, 15 replies */
}

static void random_bytes_do_no_harm(void **state) {
  (void)state;
  test_random random = test_random_start("random replies");
  static const char alphabet[] = "+-:$*0123456789\r\n\r\n\r\nab";
  for (int round = 0; round < 20000; round++) {
    char bytes[64];
    const size_t length = 1 + test_random_below(&random, sizeof bytes - 1);
    for (size_t i = 0; i < length; i++) {
      bytes[i] = alphabet[test_random_below(&random, sizeof alphabet - 1)];
    }
    text whole = read_all(bytes, length, 1000);
    text pieces = read_in_pieces(bytes, length, 1 + test_random_below(&random, 8), 1000);
    assert_string_equal(whole.bytes, pieces.bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_reply_is_read),
      cmocka_unit_test(replies_may_be_cut_anywhere),
      cmocka_unit_test(bytes_may_be_fed_before_replies_are_taken),
      cmocka_unit_test(bytes_may_be_fed_while_others_wait),
      cmocka_unit_test(a_large_string_is_whole_and_leaves_no_large_buffer),
      cmocka_unit_test(the_bytes_of_a_reply_are_those_of_its_elements_too),
      cmocka_unit_test(what_is_malformed_is_an_error_wherever_it_is_cut),
      cmocka_unit_test(what_is_announced_too_large_is_an_error_before_it_comes),
      cmocka_unit_test(a_limit_is_for_a_whole_reply_and_for_each),
      cmocka_unit_test(arrays_may_be_as_deep_as_is_said),
      cmocka_unit_test(a_line_without_an_end_is_an_error),
      cmocka_unit_test(a_line_may_be_as_long_as_is_said),
      cmocka_unit_test(without_memory_there_is_a_reason),
      cmocka_unit_test(random_bytes_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
