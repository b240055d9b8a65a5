/*
 * One cache, one thread: what is put is found, limits hold, what goes is told. Time is in
 * test_cache_time.c, invalidation and loads are in test_cache_invalidation.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"

enum { MIB = 1 << 20 };

/* Names -------------------------------------------------------------------- */

static void everything_has_its_name(void **state) {
  (void)state;
  assert_string_equal(hf_cache_policy_name(HF_CACHE_LRU), "lru");
  assert_string_equal(hf_cache_policy_name(HF_CACHE_S3FIFO), "s3fifo");
  assert_string_equal(hf_cache_policy_name((hf_cache_policy)2), "unknown");
  assert_string_equal(hf_cache_policy_name((hf_cache_policy)-1), "unknown");
  static const char *const causes[] = {"evicted_by_count", "evicted_by_bytes", "expired",
                                       "replaced",         "removed",          "invalidated",
                                       "unknown"};
  for (int cause = 0; cause <= HF_CACHE_CAUSES; cause++) {
    assert_string_equal(hf_cache_cause_name((hf_cache_cause)cause), causes[cause]);
  }
  assert_string_equal(hf_cache_cause_name((hf_cache_cause)-1), "unknown");
  static const char *const answers[] = {"miss", "hit", "stale", "negative", "no_room", "unknown"};
  for (int answer = 0; answer <= 5; answer++) {
    assert_string_equal(hf_cache_answer_name((hf_cache_answer)answer), answers[answer]);
  }
  assert_string_equal(hf_cache_answer_name((hf_cache_answer)-1), "unknown");
}

/* Options ------------------------------------------------------------------ */

static void defaults_are_as_documented(void **state) {
  (void)state;
  hf_cache_options options = hf_cache_options_default();
  assert_int_equal(options.policy, HF_CACHE_LRU);
  assert_int_equal(options.max_entries, 1000);
  assert_int_equal(options.max_bytes, 0);
  assert_true(options.ttl_ns == HF_CACHE_NO_TTL);
  assert_int_equal(options.negative_ttl_ns, 30 * SECOND);
  assert_false(options.sliding);
  assert_int_equal(options.load_lease_ns, 60 * SECOND);
  assert_int_equal(options.parts, 0);
  assert_int_equal(options.tag_places, 1024);
  assert_int_equal(options.seed, 0);
  assert_null(options.on_removal);
  assert_null(options.context);

  hf_cache *cache = NULL;
  assert_int_equal(hf_cache_create(NULL, BEGINNING, NULL, &cache, NULL), HF_OK);
  for (int i = 0; i < 1500; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    put_text(cache, key, "x", BEGINNING);
  }
  assert_int_equal(hf_cache_statistics_read(cache).entries, 1000);
  assert_seen(cache, BEGINNING + 1000 * DAY, "1499", "1499=x");
  hf_cache_destroy(cache);
  hf_cache_destroy(NULL);
}

static void refuse_options(const hf_cache_options *options, const char *what) {
  static char place;
  hf_cache *cache = (hf_cache *)(void *)&place;
  hf_error error = test_untouched_error();
  if (hf_cache_create(options, BEGINNING, NULL, &cache, &error) != HF_ERROR_INVALID_ARGUMENT) {
    test_fail("taken: %s\n", what);
  }
  assert_ptr_equal(cache, &place);
  assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(error.offset_bytes, HF_NO_OFFSET);
  assert_int_equal(error.variable, HF_NO_VARIABLE);
  test_check_message(&error);
  assert_int_equal(hf_cache_create(options, BEGINNING, NULL, &cache, NULL),
                   HF_ERROR_INVALID_ARGUMENT);
}

static void options_out_of_range_are_refused(void **state) {
  (void)state;
  hf_cache_options options;
#define refuse(field, value)                                                                       \
  (options = cache_options(HF_CACHE_S3FIFO, 1000, NULL), options.field = (value),                  \
   refuse_options(&options, #field " " #value))
  refuse(policy, (hf_cache_policy)2);
  refuse(policy, (hf_cache_policy)-1);
  refuse(max_entries, 0);
  refuse(max_entries, HF_CACHE_MAX_ENTRIES + 1);
  refuse(max_entries, UINT64_MAX);
  refuse(load_lease_ns, 0);
  refuse(load_lease_ns, MS - 1);
  refuse(parts, 3);
  refuse(parts, 257);
  refuse(parts, 512);
  refuse(parts, UINT32_MAX);
  refuse(ttl_ns, 0);
  refuse(negative_ttl_ns, 0);
  refuse(tag_places, 0);
  refuse(tag_places, 1);
  refuse(tag_places, 3);
  refuse(tag_places, (1 << 20) + 1);
  refuse(tag_places, 1 << 21);
#undef refuse
}

static void options_at_their_bounds_are_taken(void **state) {
  hf_cache_options options;
#define take(field, value)                                                                         \
  do {                                                                                             \
    options = cache_options(policy_of(state), 1000, NULL);                                         \
    options.field = (value);                                                                       \
    hf_cache *cache = cache_made(&options);                                                        \
    put_text(cache, "a", "1", BEGINNING);                                                          \
    assert_seen(cache, BEGINNING, "a", "a=1");                                                     \
    hf_cache_destroy(cache);                                                                       \
  } while (0)
  take(max_entries, 1);
  take(max_entries, 2);
  take(max_entries, 1 << 20);
  take(max_bytes, UINT64_MAX);
  take(max_bytes, 4096);
  take(ttl_ns, 1);
  take(ttl_ns, HF_CACHE_NO_TTL - 1);
  take(negative_ttl_ns, 1);
  take(load_lease_ns, MS);
  take(load_lease_ns, UINT64_MAX);
  take(parts, 1);
  if (policy_of(state) == HF_CACHE_S3FIFO) {
    take(parts, 2);
    take(parts, 256);
  }
  take(tag_places, 2);
  take(tag_places, 1 << 20);
  take(seed, UINT64_MAX);
#undef take
}

static void *refuse_allocation(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  (void)size_bytes;
  (void)alignment_bytes;
  return NULL;
}

static void refuse_deallocation(void *context, void *memory, size_t size_bytes,
                                size_t alignment_bytes) {
  (void)context;
  (void)size_bytes;
  (void)alignment_bytes;
  test_fail("%p was given back and never taken\n", memory);
}

static void the_most_entries_are_a_matter_of_memory(void **state) {
  hf_allocator none = {refuse_allocation, refuse_deallocation, NULL};
  hf_cache_options options = cache_options(policy_of(state), HF_CACHE_MAX_ENTRIES, NULL);
  hf_cache *cache = NULL;
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_create(&options, 0, &none, &cache, &error), HF_ERROR_OUT_OF_MEMORY);
  assert_null(cache);
  assert_int_equal(error.status, HF_ERROR_OUT_OF_MEMORY);
  test_check_message(&error);
}

/* Putting and getting --------------------------------------------------------- */

static void invariant_2_what_was_put_is_found(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  assert_seen(cache, BEGINNING, "a", "a?");
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "two", BEGINNING);
  put_text(cache, "", "the empty key", BEGINNING);
  put_text(cache, "empty", "", BEGINNING);
  assert_seen(cache, BEGINNING, "a", "a=1");
  assert_seen(cache, BEGINNING, "b", "b=two");
  assert_seen(cache, BEGINNING, "", "=the empty key");
  assert_seen(cache, BEGINNING, "empty", "empty=");
  put_text(cache, "a", "another, which is longer than the first was", BEGINNING);
  assert_seen(cache, BEGINNING, "a", "a=another, which is longer than the first was");
  put_text(cache, "a", "", BEGINNING);
  assert_seen(cache, BEGINNING, "a", "a=");
  assert_seen(cache, BEGINNING, "aa", "aa?");
  assert_int_equal(hf_cache_statistics_read(cache).entries, 4);
  hf_cache_destroy(cache);
}

static void what_is_found_is_described(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  put_text(cache, "a", "12345", BEGINNING);
  hf_cache_found found = {9, 9};
  char value[8];
  assert_int_equal(hf_cache_get(cache, "b", 1, BEGINNING, value, sizeof value, &found),
                   HF_CACHE_MISS);
  assert_int_equal(found.value_bytes, 0);
  assert_int_equal(found.ttl_left_ns, 0);
  assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, value, sizeof value, &found),
                   HF_CACHE_HIT);
  assert_int_equal(found.value_bytes, 5);
  assert_true(found.ttl_left_ns == HF_CACHE_NO_TTL);
  hf_cache_destroy(cache);
}

static void a_buffer_that_is_too_small_stays_as_it_is(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  static unsigned char value[MIB];
  static unsigned char buffer[MIB];
  static const size_t sizes[] = {1, 2, 7, 8, 9, 63, 64, 65, 900, 1023, 1024, 1025, 5000, MIB};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t size = sizes[i];
    fill_bytes(value, size, i);
    assert_int_equal(hf_cache_put(cache, "a", 1, value, size, BEGINNING, NULL, NULL), HF_OK);
    hf_cache_found found = {0, 0};
    memset(buffer, 0x77, size);
    assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, buffer, size - 1, &found),
                     HF_CACHE_NO_ROOM);
    assert_int_equal(found.value_bytes, size);
    for (size_t at = 0; at < size; at++) {
      assert_int_equal(buffer[at], 0x77);
    }
    assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, NULL, 0, &found), HF_CACHE_NO_ROOM);
    assert_int_equal(hf_cache_peek(cache, "a", 1, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
    /* Just enough, and nothing behind it is written. */
    memset(buffer, 0, size);
    assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, buffer, size, &found), HF_CACHE_HIT);
    assert_true(bytes_are(buffer, size, i));
    if (size < sizeof buffer) {
      buffer[size] = 0x66;
      assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, buffer, size + 1, NULL),
                       HF_CACHE_HIT);
      assert_int_equal(buffer[size], 0x66);
    }
  }
  /* A value of no bytes needs no room. */
  put_text(cache, "a", "", BEGINNING);
  assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING, NULL, 0, NULL), HF_CACHE_HIT);
  assert_int_equal(hf_cache_put(cache, NULL, 0, NULL, 0, BEGINNING, NULL, NULL), HF_OK);
  assert_int_equal(hf_cache_get(cache, NULL, 0, BEGINNING, NULL, 0, NULL), HF_CACHE_HIT);
  assert_true(hf_cache_remove(cache, NULL, 0, BEGINNING));
  hf_cache_destroy(cache);
}

/* Keys that differ in their last or first byte, in their length, or hold a NUL are other keys. */
static void any_bytes_are_a_key(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 5000, NULL);
  static unsigned char key[600];
  static const size_t lengths[] = {1,  3,  4,  8,   9,   15,  16,  17, 31,
                                   32, 33, 64, 128, 129, 240, 241, 599};
  enum { LENGTHS = sizeof lengths / sizeof lengths[0], VARIANTS = 4 };
  for (int reading = 0; reading < 2; reading++) {
    for (size_t i = 0; i < LENGTHS; i++) {
      for (size_t variant = 0; variant < VARIANTS; variant++) {
        memset(key, 0, sizeof key);
        key[0] = variant == 1 ? 1 : 0;
        key[lengths[i] - 1] = (unsigned char)(key[lengths[i] - 1] + (variant == 2 ? 2 : 0));
        key[lengths[i] / 2] = (unsigned char)(key[lengths[i] / 2] + (variant == 3 ? 4 : 0));
        uint64_t name = i * VARIANTS + variant;
        uint64_t value = 0;
        if (reading) {
          assert_int_equal(
              hf_cache_get(cache, key, lengths[i], BEGINNING, &value, sizeof value, NULL),
              HF_CACHE_HIT);
          assert_int_equal(value, name);
        } else {
          assert_int_equal(
              hf_cache_put(cache, key, lengths[i], &name, sizeof name, BEGINNING, NULL, NULL),
              HF_OK);
        }
      }
    }
  }
  assert_int_equal(hf_cache_statistics_read(cache).entries, LENGTHS * VARIANTS);
  hf_cache_destroy(cache);
}

/* Keys that differ in their first bytes alone, or in their last ones: so many that for some of them
 * another one looks like it until it is compared. */
static void a_key_is_known_by_all_its_bytes(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20000, NULL);
  static const size_t lengths[] = {4, 8, 9, 12, 16, 17};
  enum { LENGTHS = sizeof lengths / sizeof lengths[0], MOST = 17, KEYS = 1500, PLACES = 2 };
  for (int reading = 0; reading < 2; reading++) {
    for (size_t kind = 0; kind < LENGTHS; kind++) {
      for (uint32_t i = 0; i < KEYS * PLACES; i++) {
        size_t length = lengths[kind];
        unsigned char key[MOST] = {0};
        uint16_t number = (uint16_t)(i / PLACES + 1);
        memcpy(i % PLACES == 0 ? key : key + length - sizeof number, &number, sizeof number);
        uint64_t name = length << 32 | i;
        uint64_t value = 0;
        if (reading) {
          assert_int_equal(hf_cache_get(cache, key, length, BEGINNING, &value, sizeof value, NULL),
                           HF_CACHE_HIT);
          assert_int_equal(value, name);
        } else {
          assert_int_equal(
              hf_cache_put(cache, key, length, &name, sizeof name, BEGINNING, NULL, NULL), HF_OK);
        }
      }
    }
  }
  hf_cache_destroy(cache);
}

static void a_key_has_up_to_65535_bytes(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 100, NULL);
  static unsigned char key[HF_CACHE_KEY_MAX_BYTES + 1];
  char value[8];
  static const size_t lengths[] = {0, 1000, 1024, 4095, 4096, 40000, 65534, 65535};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    assert_int_equal(hf_cache_put(cache, key, lengths[i], &lengths[i], 8, BEGINNING, NULL, NULL),
                     HF_OK);
  }
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    assert_int_equal(hf_cache_get(cache, key, lengths[i], BEGINNING, value, sizeof value, NULL),
                     HF_CACHE_HIT);
    assert_memory_equal(value, &lengths[i], sizeof value);
  }
  key[65534] = 1;
  assert_int_equal(hf_cache_get(cache, key, 65535, BEGINNING, value, sizeof value, NULL),
                   HF_CACHE_MISS);
  key[65534] = 0;

  /* One more is none. */
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_put(cache, key, 65536, "x", 1, BEGINNING, NULL, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  static const size_t too_many[] = {65536, 65536 * 2, SIZE_MAX};
  for (size_t i = 0; i < 3; i++) {
    hf_cache_found found = {3, 3};
    size_t bytes = too_many[i];
    assert_int_equal(hf_cache_put(cache, key, bytes, "x", 1, BEGINNING, NULL, NULL),
                     HF_ERROR_INVALID_ARGUMENT);
    assert_int_equal(hf_cache_get(cache, key, bytes, BEGINNING, value, sizeof value, &found),
                     HF_CACHE_MISS);
    assert_int_equal(found.value_bytes, 0);
    assert_int_equal(hf_cache_peek(cache, key, bytes, BEGINNING, value, sizeof value, NULL),
                     HF_CACHE_MISS);
    assert_false(hf_cache_remove(cache, key, bytes, BEGINNING));
    hf_cache_lookup lookup = {.key = key, .key_bytes = bytes, .answer = HF_CACHE_HIT};
    hf_cache_get_many(cache, &lookup, 1, BEGINNING);
    assert_int_equal(lookup.answer, HF_CACHE_MISS);
  }
  assert_int_equal(hf_cache_statistics_read(cache).entries, sizeof lengths / sizeof lengths[0]);
  hf_cache_destroy(cache);
}

static void a_value_of_more_than_2_to_the_31_is_refused(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 100, NULL);
  put_text(cache, "a", "1", BEGINNING);
  static const size_t too_many[] = {(size_t)1 << 31, (size_t)1 << 32, SIZE_MAX};
  for (size_t i = 0; i < 3; i++) {
    hf_error error = test_untouched_error();
    assert_int_equal(hf_cache_put(cache, "a", 1, "x", too_many[i], BEGINNING, NULL, &error),
                     HF_ERROR_INVALID_ARGUMENT);
    test_check_message(&error);
  }
  assert_contents(cache, BEGINNING, "a", "a=1");
  hf_cache_destroy(cache);
}

typedef struct lent {
  unsigned calls;
  size_t bytes;
  unsigned char value[MIB];
} lent;

static void borrow(void *context, const void *value, size_t value_bytes) {
  lent *to = context;
  to->calls++;
  to->bytes = value_bytes;
  memcpy(to->value, value, value_bytes);
}

static void check_value(hf_cache *cache, uint64_t number, size_t size) {
  static unsigned char got[MIB + 1];
  static lent to;
  hf_cache_found found;
  assert_int_equal(hf_cache_get(cache, &number, 8, BEGINNING, got, sizeof got, &found),
                   HF_CACHE_HIT);
  assert_int_equal(found.value_bytes, size);
  assert_true(bytes_are(got, size, number));
  memset(got, 0, size);
  assert_int_equal(hf_cache_peek(cache, &number, 8, BEGINNING, got, size, &found), HF_CACHE_HIT);
  assert_true(bytes_are(got, size, number));
  to.calls = 0;
  assert_int_equal(hf_cache_visit(cache, &number, 8, BEGINNING, borrow, &to, &found), HF_CACHE_HIT);
  assert_int_equal(found.value_bytes, size);
  assert_int_equal(to.calls, 1);
  assert_int_equal(to.bytes, size);
  assert_true(bytes_are(to.value, size, number));
}

static void values_of_any_size_come_back(void **state) {
  static unsigned char value[MIB];
  hf_cache_options options = cache_options(policy_of(state), 3000, NULL);
  hf_cache *cache = cache_made(&options);
  static const size_t larger[] = {1500,  2047,  2048,  4095,  4096,   4097,    8192,    16384,
                                  32768, 65535, 65536, 65537, 262144, 1000003, MIB - 1, MIB};
  enum { SMALL = 1400, LARGER = sizeof larger / sizeof larger[0] };
  for (uint64_t number = 0; number < SMALL + LARGER; number++) {
    size_t size = number < SMALL ? number : larger[number - SMALL];
    fill_bytes(value, size, number);
    assert_int_equal(hf_cache_put(cache, &number, 8, value, size, BEGINNING, NULL, NULL), HF_OK);
    check_value(cache, number, size);
  }
  for (uint64_t number = 0; number < SMALL + LARGER; number++) {
    check_value(cache, number, number < SMALL ? number : larger[number - SMALL]);
  }
  assert_int_equal(check_figures(cache, &options).entries, SMALL + LARGER);

  /* Each in place of one of another size. */
  for (uint64_t number = 0; number < SMALL; number++) {
    size_t size = SMALL - 1 - number;
    fill_bytes(value, size, number);
    assert_int_equal(hf_cache_put(cache, &number, 8, value, size, BEGINNING, NULL, NULL), HF_OK);
  }
  for (uint64_t number = 0; number < SMALL; number++) {
    check_value(cache, number, SMALL - 1 - number);
  }
  assert_int_equal(check_figures(cache, &options).entries, SMALL + LARGER);
  hf_cache_destroy(cache);
}

/* Around 1,024 bytes with everything that an entry may have besides. */
static void what_an_entry_has_besides_does_not_disturb_it(void **state) {
  static unsigned char value[1200];
  static unsigned char got[1200];
  static unsigned char key[64];
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  uint32_t tags[HF_CACHE_MAX_TAGS];
  for (uint32_t i = 0; i < HF_CACHE_MAX_TAGS; i++) {
    tags[i] = i * 3;
  }
  for (size_t size = 0; size<1200; size += size> 850 && size < 1100 ? 1 : 37) {
    for (unsigned kind = 0; kind < 16; kind++) {
      hf_cache_entry_options entry = {
          .ttl_ns = kind & 1 ? 100 * SECOND : 0,
          .soft_ttl_ns = kind & 2 ? 50 * SECOND : 0,
          .cost = kind & 2 ? 17 : 0,
          .sliding = (kind & 4) != 0,
          .tags = tags,
          .tag_count = kind & 8 ? size % (HF_CACHE_MAX_TAGS + 1) : 0,
      };
      size_t key_bytes = size % sizeof key;
      memset(key, (int)kind, key_bytes);
      fill_bytes(value, size, size);
      assert_int_equal(hf_cache_put(cache, key, key_bytes, value, size, BEGINNING, &entry, NULL),
                       HF_OK);
      hf_cache_found found;
      assert_int_equal(
          hf_cache_get(cache, key, key_bytes, BEGINNING + SECOND, got, sizeof got, &found),
          HF_CACHE_HIT);
      assert_int_equal(found.value_bytes, size);
      assert_true(bytes_are(got, size, size));
      uint64_t left = (kind & 1) == 0   ? HF_CACHE_NO_TTL
                      : (kind & 4) != 0 ? 100 * SECOND
                                        : 99 * SECOND;
      assert_int_equal(
          hf_cache_peek(cache, key, key_bytes, BEGINNING + SECOND, got, sizeof got, &found),
          HF_CACHE_HIT);
      assert_true(found.ttl_left_ns == left);
      if (kind == 11) {
        hf_cache_answer later =
            hf_cache_peek(cache, key, key_bytes, BEGINNING + 50 * SECOND, got, sizeof got, NULL);
        assert_int_equal(later, HF_CACHE_STALE);
      }
    }
  }
  check_figures(cache, &options);
  hf_cache_destroy(cache);
}

/* Looking without being seen -------------------------------------------------- */

static void peeking_leaves_no_trace(void **state) {
  (void)state;
  hf_cache *cache = cache_of(HF_CACHE_LRU, 2, NULL);
  hf_cache_entry_options sliding = {.ttl_ns = 10 * SECOND, .sliding = true};
  put_as(cache, "a", "1", BEGINNING, &sliding);
  put_text(cache, "b", "2", BEGINNING);
  hf_cache_statistics before = hf_cache_statistics_read(cache);
  assert_int_equal(peek_of(cache, "a", BEGINNING + 5 * SECOND), HF_CACHE_HIT);
  assert_int_equal(peek_of(cache, "c", BEGINNING), HF_CACHE_MISS);
  hf_cache_statistics after = hf_cache_statistics_read(cache);
  assert_memory_equal(&before, &after, sizeof before);
  assert_int_equal(ttl_left_of(cache, "a", BEGINNING + 6 * SECOND), 4 * SECOND);
  put_text(cache, "c", "3", BEGINNING);
  assert_contents(cache, BEGINNING, "a b c", "b=2 c=3");
  hf_cache_destroy(cache);
}

static void visiting_lends_once_and_is_a_use(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 2, NULL);
  static lent to;
  memset(&to, 0, sizeof to);
  hf_cache_found found;
  assert_int_equal(hf_cache_visit(cache, "a", 1, BEGINNING, borrow, &to, &found), HF_CACHE_MISS);
  assert_int_equal(found.value_bytes, 0);
  hf_cache_entry_options negative = {.negative = true};
  put_as(cache, "a", "1", BEGINNING, &negative);
  assert_int_equal(hf_cache_visit(cache, "a", 1, BEGINNING, borrow, &to, NULL), HF_CACHE_NEGATIVE);
  assert_int_equal(to.calls, 0);
  hf_cache_entry_options soft = {.ttl_ns = 10 * SECOND, .soft_ttl_ns = SECOND};
  put_as(cache, "a", "stale", BEGINNING, &soft);
  assert_int_equal(hf_cache_visit(cache, "a", 1, BEGINNING + 2 * SECOND, borrow, &to, &found),
                   HF_CACHE_STALE);
  assert_int_equal(to.calls, 1);
  assert_int_equal(to.bytes, 5);
  assert_memory_equal(to.value, "stale", 5);
  assert_int_equal(found.ttl_left_ns, 8 * SECOND);
  put_text(cache, "a", "", BEGINNING);
  assert_int_equal(hf_cache_visit(cache, "a", 1, BEGINNING, borrow, &to, NULL), HF_CACHE_HIT);
  assert_int_equal(to.calls, 2);
  assert_int_equal(to.bytes, 0);
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_int_equal(figures.hits, 1);
  assert_int_equal(figures.stale_hits, 1);
  assert_int_equal(figures.negative_hits, 1);
  assert_int_equal(figures.misses, 1);
  if (policy_of(state) == HF_CACHE_LRU) {
    put_text(cache, "b", "2", BEGINNING);
    assert_int_equal(hf_cache_visit(cache, "a", 1, BEGINNING, borrow, &to, NULL), HF_CACHE_HIT);
    put_text(cache, "c", "3", BEGINNING);
    assert_contents(cache, BEGINNING, "a b c", "a= c=3");
  }
  hf_cache_destroy(cache);
}

/* Many at once ------------------------------------------------------------------ */

enum { MANY = 100 };

static void many_are_looked_up_as_one_after_another(void **state) {
  static const size_t counts[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, MANY};
  for (size_t round = 0; round < sizeof counts / sizeof counts[0]; round++) {
    hf_cache_options options = cache_options(policy_of(state), 60, NULL);
    options.sliding = round % 2 == 1;
    options.ttl_ns = 10 * SECOND;
    hf_cache *one = cache_made(&options);
    hf_cache *many = cache_made(&options);
    hf_cache_entry_options kinds[] = {
        {.ttl_ns = 0},
        {.negative = true},
        {.ttl_ns = 5 * SECOND, .soft_ttl_ns = SECOND},
        {.ttl_ns = SECOND},
    };
    static unsigned char value[3000];
    for (uint64_t i = 0; i < 60; i++) {
      size_t size = i == 7 ? sizeof value : i % 20;
      fill_bytes(value, size, i);
      assert_int_equal(hf_cache_put(one, &i, 8, value, size, BEGINNING, &kinds[i / 2 % 4], NULL),
                       HF_OK);
      assert_int_equal(hf_cache_put(many, &i, 8, value, size, BEGINNING, &kinds[i / 2 % 4], NULL),
                       HF_OK);
    }
    uint64_t now_ns = BEGINNING + 2 * SECOND;
    static hf_cache_lookup lookups[MANY];
    static uint64_t keys[MANY];
    static unsigned char buffers[MANY][16];
    for (size_t i = 0; i < counts[round]; i++) {
      keys[i] = i * 37 % 80; /* some are not there, some are asked for twice */
      lookups[i] = (hf_cache_lookup){.key = &keys[i],
                                     .key_bytes = 8,
                                     .buffer = buffers[i],
                                     .capacity_bytes = sizeof buffers[i],
                                     .answer = (hf_cache_answer)77,
                                     .found = {77, 77}};
      memset(buffers[i], 0x77, sizeof buffers[i]);
    }
    hf_cache_get_many(many, lookups, counts[round], now_ns);
    for (size_t i = 0; i < counts[round]; i++) {
      unsigned char buffer[16];
      memset(buffer, 0x77, sizeof buffer);
      hf_cache_found found;
      hf_cache_answer answer =
          hf_cache_get(one, &keys[i], 8, now_ns, buffer, sizeof buffer, &found);
      assert_int_equal(lookups[i].answer, answer);
      assert_int_equal(lookups[i].found.value_bytes, found.value_bytes);
      assert_true(lookups[i].found.ttl_left_ns == found.ttl_left_ns);
      assert_memory_equal(buffers[i], buffer, sizeof buffer);
    }
    hf_cache_statistics of_one = hf_cache_statistics_read(one);
    hf_cache_statistics of_many = hf_cache_statistics_read(many);
    assert_memory_equal(&of_one, &of_many, sizeof of_one);
    /* They were used in the same order: what goes now is the same. */
    for (uint64_t i = 1000; i < 1030; i++) {
      assert_int_equal(hf_cache_put(one, &i, 8, "x", 1, now_ns, NULL, NULL), HF_OK);
      assert_int_equal(hf_cache_put(many, &i, 8, "x", 1, now_ns, NULL, NULL), HF_OK);
    }
    for (uint64_t i = 0; i < 60; i++) {
      assert_int_equal(hf_cache_peek(one, &i, 8, now_ns, NULL, 0, NULL),
                       hf_cache_peek(many, &i, 8, now_ns, NULL, 0, NULL));
    }
    hf_cache_destroy(one);
    hf_cache_destroy(many);
  }
}

/* What goes -------------------------------------------------------------------- */

static void invariant_5_the_one_used_longest_ago_goes(void **state) {
  (void)state;
  cache_log log;
  hf_cache *cache = cache_of(HF_CACHE_LRU, 3, &log);
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "2", BEGINNING);
  put_text(cache, "c", "3", BEGINNING);
  assert_log(&log, "");
  put_text(cache, "d", "4", BEGINNING);
  assert_log(&log, "evicted_by_count a=1");
  assert_seen(cache, BEGINNING, "b", "b=2"); /* c d b */
  put_text(cache, "e", "5", BEGINNING);      /* d b e */
  assert_log(&log, "evicted_by_count c=3");
  put_text(cache, "d", "6", BEGINNING); /* b e d */
  assert_log(&log, "replaced d=4");
  put_text(cache, "f", "7", BEGINNING); /* e d f */
  assert_log(&log, "evicted_by_count b=2");
  assert_seen(cache, BEGINNING, "x", "x?");
  /* A value for which there is no room was used as well; and a negative one, and a stale one. */
  assert_int_equal(hf_cache_get(cache, "e", 1, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
  hf_cache_entry_options negative = {.negative = true};
  put_as(cache, "g", "", BEGINNING, &negative); /* f e g */
  assert_log(&log, "evicted_by_count d=6");
  hf_cache_entry_options soft = {.ttl_ns = 20 * SECOND, .soft_ttl_ns = SECOND};
  put_as(cache, "h", "8", BEGINNING, &soft); /* e g h */
  assert_log(&log, "evicted_by_count f=7");
  assert_seen(cache, BEGINNING, "g", "g!");
  put_text(cache, "i", "9", BEGINNING); /* h g i */
  assert_log(&log, "evicted_by_count e=5");
  assert_seen(cache, BEGINNING + 2 * SECOND, "h", "h~8"); /* g i h */
  put_text(cache, "j", "10", BEGINNING);
  assert_int_equal(log.causes[HF_CACHE_EVICTED_BY_COUNT], 7);
  assert_contents(cache, BEGINNING, "g h i j", "h=8 i=9 j=10");
  hf_cache_destroy(cache);
}

static void of_s3fifo_what_is_used_again_stays(void **state) {
  (void)state;
  hf_cache *cache = cache_of(HF_CACHE_S3FIFO, 100, NULL);
  for (uint64_t i = 0; i < 50; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, "x", 1, BEGINNING, NULL, NULL), HF_OK);
    assert_int_equal(hf_cache_get(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
    assert_int_equal(hf_cache_get(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
    assert_int_equal(hf_cache_get(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
  }
  /* A scan of ten times as many that nobody asks for again. */
  for (uint64_t i = 1000; i < 2000; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, "x", 1, BEGINNING, NULL, NULL), HF_OK);
  }
  unsigned left = 0;
  for (uint64_t i = 0; i < 50; i++) {
    left += hf_cache_peek(cache, &i, 8, BEGINNING, NULL, 0, NULL) != HF_CACHE_MISS;
  }
  assert_true(left >= 45);
  assert_int_equal(hf_cache_statistics_read(cache).entries, 100);
  hf_cache_destroy(cache);
}

static void invariant_1_limits_hold_after_every_put(void **state) {
  test_random random = test_random_start("cache limits");
  static unsigned char value[20000];
  for (unsigned round = 0; round < 40; round++) {
    hf_cache_options options =
        cache_options(policy_of(state), 1 + test_random_below(&random, 300), NULL);
    if (round % 4 != 0) {
      options.max_bytes = 100 + test_random_below(&random, 60000);
    }
    if (policy_of(state) == HF_CACHE_S3FIFO && round % 2 == 1) {
      options.parts = 1u << test_random_below(&random, 5);
      options.max_entries += options.parts;
    }
    hf_cache *cache = cache_made(&options);
    unsigned put = 0;
    for (unsigned i = 0; i < 2000; i++) {
      uint64_t key = test_random_below(&random, 500);
      size_t size = test_random_below(&random, i % 16 == 0 ? sizeof value : 200);
      hf_cache_entry_options entry = {.cost = i % 8 == 0 ? test_random_below(&random, 500) : 0};
      hf_status status =
          hf_cache_put(cache, &key, 1 + key % 8, value, size, BEGINNING, &entry, NULL);
      assert_true(status == HF_OK || status == HF_ERROR_TOO_LARGE);
      put += status == HF_OK;
      assert_int_equal(check_figures(cache, &options).puts, put);
      /* What was put is there, even if all else had to go. */
      assert_int_equal(
          hf_cache_peek(cache, &key, 1 + key % 8, BEGINNING, value, sizeof value, NULL),
          status == HF_OK ? HF_CACHE_HIT : HF_CACHE_MISS);
    }
    hf_cache_clear(cache, BEGINNING);
    assert_int_equal(check_figures(cache, &options).entries, 0);
    hf_cache_destroy(cache);
  }
}

/* An entry is charged what it takes: all of it, little more, and its cost. */
static void an_entry_is_charged_what_it_takes(void **state) {
  (void)state;
  for (size_t key = 0; key < 100; key += 9) {
    for (size_t value = 0; value < 5000; value += value < 1200 ? 13 : 501) {
      uint64_t charge = charge_of(key, value, NULL);
      assert_true(charge >= 32 + key + value);
      assert_true(charge <= 128 + (key + value) * 5 / 4);
      hf_cache_entry_options costly = {.cost = 1000};
      uint64_t with_cost = charge_of(key, value, &costly);
      assert_true(with_cost >= charge + 1000 && with_cost <= charge + 1000 + 160);
    }
  }
  hf_cache_entry_options costliest = {.cost = UINT32_MAX};
  assert_true(charge_of(1, 1, &costliest) >= UINT64_C(34) + UINT32_MAX);
}

static void charges_add_up_and_are_given_back(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100, NULL);
  hf_cache *cache = cache_made(&options);
  static unsigned char value[3000];
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 100; i++) {
    hf_cache_entry_options entry = {.cost = (uint32_t)i};
    assert_int_equal(hf_cache_put(cache, &i, 8, value, i * 30, BEGINNING, &entry, NULL), HF_OK);
    sum += charge_of(8, i * 30, &entry);
    assert_int_equal(check_figures(cache, &options).charged_bytes, sum);
  }
  for (uint64_t i = 0; i < 100; i++) {
    hf_cache_entry_options entry = {.cost = (uint32_t)i};
    assert_true(hf_cache_remove(cache, &i, 8, BEGINNING));
    sum -= charge_of(8, i * 30, &entry);
    assert_int_equal(check_figures(cache, &options).charged_bytes, sum);
  }
  hf_cache_destroy(cache);
}

static void an_entry_of_all_the_bytes_fits_and_one_more_does_not(void **state) {
  static const size_t sizes[] = {0, 1, 100, 900, 1100, 5000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    cache_log log;
    static unsigned char value[5000];
    hf_cache_options options = cache_options(policy_of(state), 10, &log);
    options.max_bytes = charge_of(1, sizes[i], NULL);
    hf_cache *cache = cache_made(&options);
    assert_int_equal(hf_cache_put(cache, "a", 1, value, sizes[i], BEGINNING, NULL, NULL), HF_OK);
    assert_int_equal(hf_cache_put(cache, "b", 1, value, sizes[i], BEGINNING, NULL, NULL), HF_OK);
    assert_int_equal(log.causes[HF_CACHE_EVICTED_BY_BYTES], 1);
    hf_error error = test_untouched_error();
    hf_cache_entry_options costly = {.cost = 1};
    assert_int_equal(hf_cache_put(cache, "c", 1, value, sizes[i], BEGINNING, &costly, &error),
                     HF_ERROR_TOO_LARGE);
    assert_int_equal(error.status, HF_ERROR_TOO_LARGE);
    test_check_message(&error);
    assert_int_equal(peek_of(cache, "c", BEGINNING), HF_CACHE_MISS);
    assert_int_not_equal(hf_cache_peek(cache, "b", 1, BEGINNING, NULL, 0, NULL), HF_CACHE_MISS);
    hf_cache_statistics figures = check_figures(cache, &options);
    assert_int_equal(figures.refused, 1);
    assert_int_equal(figures.puts, 2);
    hf_cache_destroy(cache);
  }
}

static void what_is_too_large_takes_what_was_there_with_it(void **state) {
  cache_log log;
  hf_cache_options options = cache_options(policy_of(state), 10, &log);
  options.max_bytes = 1000;
  hf_cache *cache = cache_made(&options);
  static char large[2000];
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "2", BEGINNING);
  assert_int_equal(hf_cache_put(cache, "a", 1, large, sizeof large, BEGINNING, NULL, NULL),
                   HF_ERROR_TOO_LARGE);
  assert_log(&log, "replaced a=1");
  assert_contents(cache, BEGINNING, "a b", "b=2");
  assert_int_equal(hf_cache_put(cache, "c", 1, large, sizeof large, BEGINNING, NULL, NULL),
                   HF_ERROR_TOO_LARGE);
  assert_log(&log, "");
  hf_cache_statistics figures = check_figures(cache, &options);
  assert_int_equal(figures.refused, 2);
  assert_int_equal(figures.removals[HF_CACHE_REPLACED], 1);
  hf_cache_destroy(cache);
}

/* A part has its share of the bytes, and what that does not allow is refused. */
static void parts_share_the_limits(void **state) {
  (void)state;
  for (uint32_t parts = 1; parts <= 256; parts *= 4) {
    for (uint64_t max_entries = parts; max_entries <= 3000; max_entries = max_entries * 3 + 1) {
      hf_cache_options options = cache_options(HF_CACHE_S3FIFO, max_entries, NULL);
      options.parts = parts;
      options.max_bytes = 1 << 20;
      hf_cache *cache = cache_made(&options);
      for (uint64_t i = 0; i < 2 * max_entries + 20; i++) {
        assert_int_equal(hf_cache_put(cache, &i, 8, "x", 1, BEGINNING, NULL, NULL), HF_OK);
        assert_int_equal(hf_cache_peek(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
        check_figures(cache, &options);
      }
      hf_cache_destroy(cache);
    }
  }
}

static void both_limits_hold_at_once(void **state) {
  (void)state;
  cache_log log;
  uint64_t small = charge_of(1, 1, NULL);
  hf_cache_options options = cache_options(HF_CACHE_LRU, 3, &log);
  options.max_bytes = 3 * small + 10;
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "2", BEGINNING);
  put_text(cache, "c", "3", BEGINNING);
  put_text(cache, "d", "4", BEGINNING);
  assert_log(&log, "evicted_by_count a=1");
  hf_cache_entry_options cost = {.cost = 11};
  hf_cache_entry_options more = {.cost = (uint32_t)small};
  assert_true(remove_text(cache, "b", BEGINNING));
  empty_log(&log);
  put_as(cache, "e", "5", BEGINNING, &more); /* c d e: no more than three, but too many bytes */
  assert_string_equal(log.text, "evicted_by_bytes c=3");
  empty_log(&log);
  check_figures(cache, &options);
  /* What is replaced makes room first. */
  put_as(cache, "e", "6", BEGINNING, &cost);
  assert_log(&log, "replaced e=5");
  assert_contents(cache, BEGINNING, "a b c d e", "d=4 e=6");
  hf_cache_destroy(cache);
}

/* Telling --------------------------------------------------------------------- */

static void every_cause_is_told_and_counted(void **state) {
  cache_log log;
  hf_cache_options options = cache_options(policy_of(state), 2, &log);
  options.max_bytes = 1000;
  hf_cache *cache = cache_made(&options);
  uint32_t tag = hf_cache_tag("t", 1);
  hf_cache_entry_options tagged = {.tags = &tag, .tag_count = 1};

  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "a", "2", BEGINNING);
  assert_log(&log, "replaced a=1");
  assert_true(remove_text(cache, "a", BEGINNING));
  assert_log(&log, "removed a=2");
  put_text(cache, "a", "3", BEGINNING);
  put_text(cache, "b", "4", BEGINNING);
  put_text(cache, "c", "5", BEGINNING);
  assert_log(&log, "evicted_by_count a=3");
  assert_true(remove_text(cache, "b", BEGINNING));
  assert_log(&log, "removed b=4");
  hf_cache_entry_options costly = {.cost = 900};
  put_as(cache, "d", "6", BEGINNING, &costly);
  assert_log(&log, "evicted_by_bytes c=5");
  hf_cache_clear(cache, BEGINNING);
  assert_log(&log, "removed d=6");
  put_for(cache, "a", "7", BEGINNING, SECOND);
  assert_int_equal(hf_cache_maintain(cache, BEGINNING + 2 * SECOND, 100), 1);
  assert_log(&log, "expired a=7");
  put_as(cache, "a", "8", BEGINNING, &tagged);
  hf_cache_invalidate_tag(cache, tag);
  for (int i = 0; i < 10; i++) {
    (void)hf_cache_maintain(cache, BEGINNING + 2 * SECOND, 100);
  }
  assert_log(&log, "invalidated a=8");
  hf_cache_statistics figures = check_figures(cache, &options);
  assert_int_equal(figures.entries, 0);
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    assert_int_equal(figures.removals[cause], log.causes[cause]);
  }
  put_text(cache, "a", "9", BEGINNING);
  hf_cache_destroy(cache);
  assert_log(&log, ""); /* not by its destruction */
}

typedef struct told_large {
  unsigned times;
  size_t key_bytes;
  size_t value_bytes;
} told_large;

static void hear_large(void *context, const void *key, size_t key_bytes, const void *value,
                       size_t value_bytes, hf_cache_cause cause) {
  told_large *told = context;
  (void)cause;
  assert_int_equal(key_bytes, told->key_bytes);
  assert_int_equal(value_bytes, told->value_bytes);
  assert_true(bytes_are(key, key_bytes, 1));
  assert_true(bytes_are(value, value_bytes, 2));
  told->times++;
}

static void a_large_entry_is_told_whole(void **state) {
  static unsigned char key[65535];
  static unsigned char value[MIB];
  static const struct {
    size_t key_bytes;
    size_t value_bytes;
  } sizes[] = {{0, 0}, {0, MIB}, {65535, 0}, {65535, MIB}, {8, 900}, {8, 1100}, {500, 500}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    told_large told = {0, sizes[i].key_bytes, sizes[i].value_bytes};
    hf_cache_options options = cache_options(policy_of(state), 2, NULL);
    options.on_removal = hear_large;
    options.context = &told;
    hf_cache *cache = cache_made(&options);
    fill_bytes(key, sizes[i].key_bytes, 1);
    fill_bytes(value, sizes[i].value_bytes, 2);
    for (unsigned way = 0; way < 4; way++) {
      hf_cache_entry_options entry = {.ttl_ns = SECOND};
      assert_int_equal(hf_cache_put(cache, key, sizes[i].key_bytes, value, sizes[i].value_bytes,
                                    BEGINNING, &entry, NULL),
                       HF_OK);
      assert_int_equal(told.times, way);
      if (way == 0) {
        assert_true(hf_cache_remove(cache, key, sizes[i].key_bytes, BEGINNING));
      } else if (way == 1) {
        hf_cache_clear(cache, BEGINNING);
      } else if (way == 2) {
        assert_int_equal(hf_cache_maintain(cache, BEGINNING + 2 * SECOND, 100), 1);
      } else {
        assert_int_equal(hf_cache_put(cache, key, sizes[i].key_bytes, value, sizes[i].value_bytes,
                                      BEGINNING, &entry, NULL),
                         HF_OK);
      }
      assert_int_equal(told.times, way + 1);
    }
    hf_cache_destroy(cache);
    assert_int_equal(told.times, 4);
  }
}

typedef struct busy {
  hf_cache *cache;
  unsigned depth;
  unsigned calls;
} busy;

/* Uses the cache in every way while it is told of something. */
static void use_the_cache(void *context, const void *key, size_t key_bytes, const void *value,
                          size_t value_bytes, hf_cache_cause cause) {
  busy *self = context;
  self->calls++;
  if (self->depth > 3) {
    return;
  }
  self->depth++;
  char copy[32];
  assert_true(key_bytes < sizeof copy);
  memcpy(copy, key, key_bytes);
  assert_int_equal(hf_cache_peek(self->cache, "there", 5, BEGINNING, copy, sizeof copy, NULL),
                   HF_CACHE_HIT);
  char again[16] = "again ";
  if (key_bytes == 8) {
    memcpy(again + 6, key, key_bytes);
    assert_int_equal(
        hf_cache_put(self->cache, again, sizeof again, value, value_bytes, BEGINNING, NULL, NULL),
        HF_OK);
  }
  if (cause == HF_CACHE_REPLACED) {
    /* The new one is there already. */
    assert_int_equal(hf_cache_peek(self->cache, key, key_bytes, BEGINNING, copy, sizeof copy, NULL),
                     HF_CACHE_HIT);
  } else if (cause == HF_CACHE_REMOVED) {
    assert_int_equal(hf_cache_peek(self->cache, key, key_bytes, BEGINNING, copy, sizeof copy, NULL),
                     HF_CACHE_MISS);
  }
  (void)hf_cache_remove(self->cache, again, sizeof again, BEGINNING);
  (void)hf_cache_maintain(self->cache, BEGINNING, 10);
  (void)hf_cache_statistics_read(self->cache);
  hf_cache_invalidate_tag(self->cache, 3);
  hf_cache_load load;
  if (hf_cache_reserve(self->cache, "l", 1, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL,
                       &load) == HF_CACHE_MISS) {
    hf_cache_abandon(self->cache, &load, "l", 1, BEGINNING);
  }
  assert_int_equal(hf_cache_put(self->cache, "there", 5, "y", 1, BEGINNING, NULL, NULL), HF_OK);
  self->depth--;
}

static void who_is_told_may_use_the_cache(void **state) {
  busy self = {NULL, 0, 0};
  hf_cache_options options = cache_options(policy_of(state), 40, NULL);
  options.on_removal = use_the_cache;
  options.context = &self;
  hf_cache *cache = cache_made(&options);
  self.cache = cache;
  put_text(cache, "there", "y", BEGINNING);
  for (uint64_t i = 0; i < 200; i++) {
    put_text(cache, "there", "y", BEGINNING);
    assert_int_equal(answer_of(cache, "there", BEGINNING), HF_CACHE_HIT);
    uint64_t key = i % 60;
    hf_cache_entry_options entry = {.ttl_ns = i % 3 == 0 ? SECOND : 0};
    assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, BEGINNING, &entry, NULL), HF_OK);
    key = i * 7 % 60;
    (void)hf_cache_remove(cache, &key, 8, BEGINNING);
    check_figures(cache, &options);
  }
  assert_true(self.calls > 200);
  hf_cache_destroy(cache);
}

/* Removing --------------------------------------------------------------------- */

static void removing_says_whether_there_was_one(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  assert_false(remove_text(cache, "a", BEGINNING));
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "2", BEGINNING);
  assert_true(remove_text(cache, "a", BEGINNING));
  assert_false(remove_text(cache, "a", BEGINNING));
  assert_contents(cache, BEGINNING, "a b", "b=2");
  put_for(cache, "a", "3", BEGINNING, SECOND);
  assert_true(remove_text(cache, "a", BEGINNING + SECOND - 1));
  put_for(cache, "a", "3", BEGINNING, SECOND);
  assert_false(remove_text(cache, "a", BEGINNING + SECOND));
  assert_seen(cache, BEGINNING, "a", "a?");
  hf_cache_entry_options negative = {.negative = true};
  put_as(cache, "a", "", BEGINNING, &negative);
  assert_true(remove_text(cache, "a", BEGINNING));
  hf_cache_destroy(cache);
}

static void a_cleared_cache_is_as_new(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 500, NULL);
  hf_cache *cache = cache_made(&options);
  hf_cache_clear(cache, BEGINNING);
  for (unsigned round = 0; round < 5; round++) {
    for (uint64_t i = 0; i < 700; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    }
    assert_int_equal(check_figures(cache, &options).entries, 500);
    hf_cache_clear(cache, BEGINNING);
    hf_cache_statistics figures = check_figures(cache, &options);
    assert_int_equal(figures.entries, 0);
    assert_int_equal(figures.removals[HF_CACHE_REMOVED], 500 * (round + 1));
    for (uint64_t i = 0; i < 700; i++) {
      assert_int_equal(hf_cache_get(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_MISS);
    }
  }
  hf_cache_destroy(cache);
}

/* What goes is given back to whom it came from, or used again: memory does not grow. */
static void memory_is_used_again(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100, NULL);
  hf_cache *cache = cache_made(&options);
  static unsigned char value[4000];
  uint64_t most = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    size_t size = i * 7919 % sizeof value;
    assert_int_equal(hf_cache_put(cache, &i, 8, value, size, BEGINNING, NULL, NULL), HF_OK);
    if (i < 5000) {
      uint64_t taken = hf_cache_statistics_read(cache).allocated_bytes;
      most = taken > most ? taken : most;
    }
  }
  hf_cache_statistics figures = check_figures(cache, &options);
  assert_true(figures.allocated_bytes >= figures.charged_bytes);
  assert_true(figures.allocated_bytes <= most + most / 4);
  hf_cache_destroy(cache);
}

/* Showing all -------------------------------------------------------------------- */

typedef struct parade {
  hf_cache *cache;
  unsigned char times[1000];
  unsigned shown;
  unsigned stop_after;
  bool meddle;
} parade;

static bool watch(void *context, const void *key, size_t key_bytes, const void *value,
                  size_t value_bytes, uint64_t ttl_left_ns) {
  parade *self = context;
  assert_int_equal(key_bytes, 8);
  uint64_t number;
  memcpy(&number, key, sizeof number);
  assert_true(number < sizeof self->times);
  assert_int_equal(value_bytes, number);
  assert_true(bytes_are(value, value_bytes, number));
  assert_true(ttl_left_ns == (number % 3 == 0 ? 9 * SECOND : HF_CACHE_NO_TTL));
  self->times[number]++;
  self->shown++;
  if (self->meddle) {
    put_text(self->cache, "other", "x", BEGINNING);
    assert_true(remove_text(self->cache, "other", BEGINNING));
    assert_true(hf_cache_remove(self->cache, key, key_bytes, BEGINNING));
  }
  return self->shown != self->stop_after;
}

static hf_cache *cache_for_parade(hf_cache_policy policy, uint64_t entries) {
  static unsigned char value[1000];
  hf_cache *cache = cache_of(policy, 5000, NULL);
  for (uint64_t i = 0; i < entries; i++) {
    hf_cache_entry_options entry = {.ttl_ns = i % 3 == 0 ? 10 * SECOND : 0};
    fill_bytes(value, i, i);
    assert_int_equal(hf_cache_put(cache, &i, 8, value, i, BEGINNING, &entry, NULL), HF_OK);
  }
  return cache;
}

static void each_entry_is_shown_once(void **state) {
  static const uint64_t counts[] = {0, 1, 10, 1000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    hf_cache *cache = cache_for_parade(policy_of(state), counts[i]);
    static parade self;
    memset(&self, 0, sizeof self);
    size_t shown = 77;
    assert_int_equal(hf_cache_each(cache, BEGINNING + SECOND, watch, &self, &shown), HF_OK);
    assert_int_equal(shown, counts[i]);
    assert_int_equal(self.shown, counts[i]);
    for (uint64_t number = 0; number < sizeof self.times; number++) {
      assert_int_equal(self.times[number], number < counts[i]);
    }
    assert_int_equal(hf_cache_each(cache, BEGINNING + SECOND, watch, &self, NULL), HF_OK);
    hf_cache_destroy(cache);
  }
}

static void showing_stops_when_told(void **state) {
  hf_cache *cache = cache_for_parade(policy_of(state), 300);
  for (unsigned stop_after = 1; stop_after <= 300; stop_after += 13) {
    static parade self;
    memset(&self, 0, sizeof self);
    self.stop_after = stop_after;
    size_t shown = 0;
    assert_int_equal(hf_cache_each(cache, BEGINNING + SECOND, watch, &self, &shown), HF_OK);
    assert_int_equal(self.shown, stop_after);
    assert_int_equal(shown, stop_after);
  }
  hf_cache_destroy(cache);
}

static bool keys_of_8_only(void *context, const void *key, size_t key_bytes, const void *value,
                           size_t value_bytes, uint64_t ttl_left_ns) {
  /* What a visitor put meanwhile may be shown or not. */
  return key_bytes != 8 || watch(context, key, key_bytes, value, value_bytes, ttl_left_ns);
}

static void who_is_shown_may_use_the_cache(void **state) {
  hf_cache *cache = cache_for_parade(policy_of(state), 500);
  static parade self;
  memset(&self, 0, sizeof self);
  self.cache = cache;
  self.meddle = true;
  assert_int_equal(hf_cache_each(cache, BEGINNING + SECOND, keys_of_8_only, &self, NULL), HF_OK);
  assert_int_equal(self.shown, 500);
  assert_int_equal(hf_cache_statistics_read(cache).entries, 0);
  hf_cache_destroy(cache);
}

static bool count_shown(void *context, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, uint64_t ttl_left_ns) {
  (void)value;
  (void)value_bytes;
  (void)ttl_left_ns;
  strncat(context, key, key_bytes);
  return true;
}

static void what_is_not_there_any_more_is_not_shown(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  uint32_t tag = 5;
  hf_cache_entry_options negative = {.negative = true};
  hf_cache_entry_options tagged = {.tags = &tag, .tag_count = 1};
  hf_cache_entry_options soft = {.ttl_ns = 20 * SECOND, .soft_ttl_ns = SECOND};
  put_as(cache, "n", "", BEGINNING, &negative);
  put_as(cache, "t", "1", BEGINNING, &tagged);
  put_as(cache, "s", "1", BEGINNING, &soft);
  put_for(cache, "e", "1", BEGINNING, SECOND);
  put_text(cache, "r", "1", BEGINNING);
  assert_true(remove_text(cache, "r", BEGINNING));
  hf_cache_invalidate_tag(cache, tag);
  char keys[16] = "";
  hf_cache_statistics before = hf_cache_statistics_read(cache);
  assert_int_equal(hf_cache_each(cache, BEGINNING + SECOND, count_shown, keys, NULL), HF_OK);
  assert_string_equal(keys, "s"); /* stale as it is */
  hf_cache_statistics after = hf_cache_statistics_read(cache);
  assert_int_equal(before.hits + before.misses, after.hits + after.misses);
  hf_cache_destroy(cache);
}

/* Other limits ------------------------------------------------------------------- */

static void a_smaller_cache_keeps_what_was_used_last(void **state) {
  (void)state;
  cache_log log;
  hf_cache_options options = cache_options(HF_CACHE_LRU, 10, &log);
  hf_cache *cache = cache_made(&options);
  for (int i = 0; i < 6; i++) {
    char key[2] = {(char)('a' + i), '\0'};
    put_text(cache, key, "1", BEGINNING);
  }
  assert_seen(cache, BEGINNING, "b", "b=1");
  assert_int_equal(hf_cache_resize(cache, 3, 0, BEGINNING, NULL), HF_OK);
  options.max_entries = 3;
  assert_log(&log, "evicted_by_count a=1; evicted_by_count c=1; evicted_by_count d=1");
  assert_contents(cache, BEGINNING, "a b c d e f", "b=1 e=1 f=1");
  check_figures(cache, &options);
  put_text(cache, "g", "1", BEGINNING);
  assert_log(&log, "evicted_by_count e=1");
  assert_int_equal(hf_cache_resize(cache, 3, 2 * charge_of(1, 1, NULL), BEGINNING, NULL), HF_OK);
  assert_log(&log, "evicted_by_bytes f=1");
  assert_int_equal(hf_cache_resize(cache, 1, 0, BEGINNING, NULL), HF_OK);
  assert_log(&log, "evicted_by_count b=1");
  assert_contents(cache, BEGINNING, "a b c d e f g", "g=1");
  hf_cache_destroy(cache);
}

static void a_larger_cache_holds_more(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 2, NULL);
  hf_cache *cache = cache_made(&options);
  for (uint64_t limit = 2; limit < 20000; limit = limit * 3 + 1) {
    assert_int_equal(hf_cache_resize(cache, limit, 0, BEGINNING, NULL), HF_OK);
    options.max_entries = limit;
    for (uint64_t i = 0; i < limit; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    }
    /* With one part; several have their share, and keys are not spread evenly. */
    hf_cache_statistics figures = check_figures(cache, &options);
    if (policy_of(state) == HF_CACHE_LRU) {
      assert_int_equal(figures.entries, limit);
    } else {
      assert_true(figures.entries >= limit * 7 / 8);
    }
    for (uint64_t i = 0; i < limit; i++) {
      uint64_t value = 0;
      if (hf_cache_peek(cache, &i, 8, BEGINNING, &value, 8, NULL) == HF_CACHE_HIT) {
        assert_int_equal(value, i);
      }
    }
  }
  for (uint64_t limit = options.max_entries; limit > 0; limit /= 2) {
    assert_int_equal(hf_cache_resize(cache, limit, 0, BEGINNING, NULL), HF_OK);
    options.max_entries = limit;
    check_figures(cache, &options);
    for (uint64_t i = 0; i < 3; i++) {
      put_text(cache, "x", "1", BEGINNING);
      assert_seen(cache, BEGINNING, "x", "x=1");
    }
  }
  /* There and back. */
  assert_int_equal(hf_cache_resize(cache, 20000, 0, BEGINNING, NULL), HF_OK);
  options.max_entries = 20000;
  for (uint64_t i = 0; i < 20000; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
  }
  assert_true(check_figures(cache, &options).entries >= 17500);
  hf_cache_destroy(cache);
}

/* As small as it has parts: 16 here, or 1. */
static void a_large_cache_may_become_very_small(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100000, NULL);
  hf_cache *cache = cache_made(&options);
  for (uint64_t i = 0; i < 1000; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
  }
  uint64_t least = options.policy == HF_CACHE_LRU ? 1 : 16;
  for (options.max_entries = 64; options.max_entries >= least; options.max_entries /= 2) {
    assert_int_equal(hf_cache_resize(cache, options.max_entries, 0, BEGINNING, NULL), HF_OK);
    check_figures(cache, &options);
    for (uint64_t i = 0; i < 300; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
      assert_int_equal(hf_cache_peek(cache, &i, 8, BEGINNING, NULL, 0, NULL), HF_CACHE_NO_ROOM);
      check_figures(cache, &options);
    }
  }
  hf_cache_destroy(cache);
}

static void there_may_not_be_fewer_entries_than_parts(void **state) {
  (void)state;
  hf_cache_options options = cache_options(HF_CACHE_S3FIFO, 7, NULL);
  options.parts = 8;
  refuse_options(&options, "more parts than entries");
  options.max_entries = 8;
  hf_cache *cache = cache_made(&options);
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_resize(cache, 7, 0, BEGINNING, &error), HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  hf_cache_destroy(cache);
  /* With HF_CACHE_LRU it has no meaning. */
  options.policy = HF_CACHE_LRU;
  options.max_entries = 1000;
  cache = cache_made(&options);
  assert_int_equal(hf_cache_resize(cache, 1, 0, BEGINNING, &error), HF_OK);
  hf_cache_destroy(cache);
}

static void limits_out_of_range_change_nothing(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 2, NULL);
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "1", BEGINNING);
  put_text(cache, "b", "2", BEGINNING);
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_resize(cache, 0, 0, BEGINNING, &error), HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_int_equal(hf_cache_resize(cache, HF_CACHE_MAX_ENTRIES + 1, 0, BEGINNING, NULL),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_contents(cache, BEGINNING, "a b", "a=1 b=2");
  put_text(cache, "c", "3", BEGINNING);
  assert_int_equal(check_figures(cache, &options).entries, 2);
  hf_cache_destroy(cache);
}

static void other_bytes_hold_from_now_on(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  test_random random = test_random_start("cache resize");
  static unsigned char value[2000];
  for (unsigned round = 0; round < 200; round++) {
    options.max_entries = 1 + test_random_below(&random, 500);
    options.max_bytes = round % 5 == 0 ? 0 : 5000 + test_random_below(&random, 100000);
    assert_int_equal(
        hf_cache_resize(cache, options.max_entries, options.max_bytes, BEGINNING, NULL), HF_OK);
    check_figures(cache, &options);
    for (unsigned i = 0; i < 50; i++) {
      uint64_t key = test_random_below(&random, 800);
      assert_int_equal(hf_cache_put(cache, &key, 8, value, test_random_below(&random, sizeof value),
                                    BEGINNING, NULL, NULL),
                       HF_OK);
      check_figures(cache, &options);
    }
  }
  hf_cache_destroy(cache);
}

/* Figures --------------------------------------------------------------------- */

static void answers_are_counted(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 100, NULL);
  hf_cache_entry_options negative = {.negative = true};
  hf_cache_entry_options soft = {.ttl_ns = 10 * SECOND, .soft_ttl_ns = SECOND};
  put_text(cache, "hit", "1", BEGINNING);
  put_as(cache, "negative", "", BEGINNING, &negative);
  put_as(cache, "stale", "1", BEGINNING, &soft);
  uint64_t now_ns = BEGINNING + 2 * SECOND;
  for (unsigned i = 0; i < 1000; i++) {
    (void)answer_of(cache, "hit", now_ns);
    if (i % 2 == 0) {
      (void)answer_of(cache, "negative", now_ns);
      assert_int_equal(hf_cache_get(cache, "hit", 3, now_ns, NULL, 0, NULL), HF_CACHE_NO_ROOM);
    }
    if (i % 5 == 0) {
      (void)answer_of(cache, "stale", now_ns);
    }
    if (i % 10 == 0) {
      (void)answer_of(cache, "miss", now_ns);
      (void)peek_of(cache, "miss", now_ns);
    }
  }
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_int_equal(figures.hits, 1500);
  assert_int_equal(figures.negative_hits, 500);
  assert_int_equal(figures.stale_hits, 200);
  assert_int_equal(figures.misses, 100);
  assert_int_equal(figures.puts, 3);
  assert_int_equal(figures.refused + figures.loads + figures.loads_cancelled +
                       figures.loads_abandoned + figures.load_ns,
                   0);
  hf_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_has_its_name),
      cmocka_unit_test(defaults_are_as_documented),
      cmocka_unit_test(options_out_of_range_are_refused),
      cache_test_of_both(options_at_their_bounds_are_taken),
      cache_test_of_both(the_most_entries_are_a_matter_of_memory),
      cache_test_of_both(invariant_2_what_was_put_is_found),
      cache_test_of_both(what_is_found_is_described),
      cache_test_of_both(a_buffer_that_is_too_small_stays_as_it_is),
      cache_test_of_both(any_bytes_are_a_key),
      cache_test_of_both(a_key_is_known_by_all_its_bytes),
      cache_test_of_both(a_key_has_up_to_65535_bytes),
      cache_test_of_both(a_value_of_more_than_2_to_the_31_is_refused),
      cache_test_of_both(values_of_any_size_come_back),
      cache_test_of_both(what_an_entry_has_besides_does_not_disturb_it),
      cmocka_unit_test(peeking_leaves_no_trace),
      cache_test_of_both(visiting_lends_once_and_is_a_use),
      cache_test_of_both(many_are_looked_up_as_one_after_another),
      cmocka_unit_test(invariant_5_the_one_used_longest_ago_goes),
      cmocka_unit_test(of_s3fifo_what_is_used_again_stays),
      cache_test_of_both(invariant_1_limits_hold_after_every_put),
      cmocka_unit_test(an_entry_is_charged_what_it_takes),
      cache_test_of_both(charges_add_up_and_are_given_back),
      cache_test_of_both(an_entry_of_all_the_bytes_fits_and_one_more_does_not),
      cache_test_of_both(what_is_too_large_takes_what_was_there_with_it),
      cmocka_unit_test(parts_share_the_limits),
      cmocka_unit_test(both_limits_hold_at_once),
      cache_test_of_both(every_cause_is_told_and_counted),
      cache_test_of_both(a_large_entry_is_told_whole),
      cache_test_of_both(who_is_told_may_use_the_cache),
      cache_test_of_both(removing_says_whether_there_was_one),
      cache_test_of_both(a_cleared_cache_is_as_new),
      cache_test_of_both(memory_is_used_again),
      cache_test_of_both(each_entry_is_shown_once),
      cache_test_of_both(showing_stops_when_told),
      cache_test_of_both(who_is_shown_may_use_the_cache),
      cache_test_of_both(what_is_not_there_any_more_is_not_shown),
      cmocka_unit_test(a_smaller_cache_keeps_what_was_used_last),
      cache_test_of_both(a_larger_cache_holds_more),
      cache_test_of_both(a_large_cache_may_become_very_small),
      cmocka_unit_test(there_may_not_be_fewer_entries_than_parts),
      cache_test_of_both(limits_out_of_range_change_nothing),
      cache_test_of_both(other_bytes_hold_from_now_on),
      cache_test_of_both(answers_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
