/*
 * A cache in a file: what comes back, and that nothing comes back from a file that is not whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache_test.h"
#include "counting_allocator.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MOST_FILE_BYTES = 1 << 16, CHECKSUM_BYTES = 8 };

/* A later life, with a clock that begins elsewhere. */
#define LATER (7 * SECOND)

static char directory[256];
static char file[300];

static int make_directory(void **state) {
  (void)state;
  const char *where = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/holdfast-cache-XXXXXX", where == NULL ? "/tmp" : where);
  if (mkdtemp(directory) == NULL) {
    return -1;
  }
  snprintf(file, sizeof file, "%s/saved", directory);
  return 0;
}

static int remove_directory(void **state) {
  (void)state;
  unlink(file);
  return rmdir(directory); /* fails when something else was left in it */
}

static void save(hf_cache *cache, uint64_t now_ns) {
  hf_error error;
  if (hf_cache_save(cache, file, now_ns, &error) != HF_OK) {
    test_fail("%s: %s\n", hf_status_name(error.status), error.message);
  }
}

static size_t restore(hf_cache *cache, uint64_t now_ns) {
  hf_error error;
  size_t restored = 777;
  if (hf_cache_restore(cache, file, now_ns, &restored, &error) != HF_OK) {
    test_fail("%s: %s\n", hf_status_name(error.status), error.message);
  }
  return restored;
}

/* Made at LATER. */
static hf_cache *later(const hf_cache_options *options) {
  hf_cache *cache = NULL;
  assert_int_equal(hf_cache_create(options, LATER, NULL, &cache, NULL), HF_OK);
  return cache;
}

static size_t read_file(unsigned char *bytes) {
  FILE *from = fopen(file, "rb");
  assert_non_null(from);
  size_t length = fread(bytes, 1, MOST_FILE_BYTES, from);
  assert_true(length < MOST_FILE_BYTES);
  fclose(from);
  return length;
}

static void write_file(const unsigned char *bytes, size_t length) {
  FILE *to = fopen(file, "wb");
  assert_non_null(to);
  assert_int_equal(fwrite(bytes, 1, length, to), length);
  assert_int_equal(fclose(to), 0);
}

/* Puts the checksum of all before it at the end. */
static void seal(unsigned char *bytes, size_t length) {
  uint64_t sum = XXH3_64bits(bytes, length - CHECKSUM_BYTES);
  for (size_t i = 0; i < CHECKSUM_BYTES; i++) {
    bytes[length - CHECKSUM_BYTES + i] = (unsigned char)(sum >> (8 * i));
  }
}

/* One of each kind. */
static void put_some(hf_cache *cache) {
  static char large[3000];
  memset(large, 'L', sizeof large);
  uint32_t tags[] = {1, 2, 3};
  hf_cache_entry_options negative = {.negative = true, .ttl_ns = 40 * SECOND};
  hf_cache_entry_options soft = {.ttl_ns = 30 * SECOND, .soft_ttl_ns = 10 * SECOND};
  hf_cache_entry_options sliding = {.ttl_ns = 20 * SECOND, .sliding = true};
  hf_cache_entry_options tagged = {.tags = tags, .tag_count = 3, .cost = 77};
  put_text(cache, "plain", "1", BEGINNING);
  put_text(cache, "", "the empty key", BEGINNING);
  put_text(cache, "empty", "", BEGINNING);
  put_for(cache, "short", "2", BEGINNING, SECOND);
  put_for(cache, "long", "3", BEGINNING, 50 * SECOND);
  put_as(cache, "negative", "", BEGINNING, &negative);
  put_as(cache, "soft", "4", BEGINNING, &soft);
  put_as(cache, "sliding", "5", BEGINNING, &sliding);
  put_as(cache, "tagged", "6", BEGINNING, &tagged);
  assert_int_equal(hf_cache_put(cache, "large", 5, large, sizeof large, BEGINNING, NULL, NULL),
                   HF_OK);
}

static void what_was_saved_comes_back(void **state) {
  cache_log log;
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_some(cache);
  hf_cache_statistics before = hf_cache_statistics_read(cache);
  save(cache, BEGINNING + 5 * SECOND);
  /* Saving is no use of an entry, and changes nothing. */
  hf_cache_statistics after = hf_cache_statistics_read(cache);
  assert_int_equal(after.entries, before.entries);
  assert_int_equal(after.hits + after.misses, before.hits + before.misses);
  uint64_t charge = before.charged_bytes - charge_of(5, 1, &(hf_cache_entry_options){.ttl_ns = 1});
  hf_cache_destroy(cache);

  options = cache_options(policy_of(state), 50, &log);
  cache = later(&options);
  assert_int_equal(restore(cache, LATER), 9); /* "short" had expired */
  assert_int_equal(check_figures(cache, &options).charged_bytes, charge);
  assert_contents(cache, LATER, "plain empty short long negative soft sliding tagged",
                  "plain=1 empty= long=3 negative! soft=4 sliding=5 tagged=6");
  assert_int_equal(peek_of(cache, "", LATER), HF_CACHE_HIT);
  char large[3000];
  assert_int_equal(hf_cache_peek(cache, "large", 5, LATER, large, sizeof large, NULL),
                   HF_CACHE_HIT);
  for (size_t i = 0; i < sizeof large; i++) {
    assert_int_equal(large[i], 'L');
  }
  /* With what was left of their TTLs. */
  assert_true(ttl_left_of(cache, "plain", LATER) == HF_CACHE_NO_TTL);
  assert_int_equal(ttl_left_of(cache, "long", LATER), 45 * SECOND);
  assert_int_equal(ttl_left_of(cache, "negative", LATER), 35 * SECOND);
  assert_int_equal(ttl_left_of(cache, "soft", LATER), 25 * SECOND);
  assert_int_equal(ttl_left_of(cache, "sliding", LATER), 15 * SECOND);
  assert_int_equal(peek_of(cache, "soft", LATER + 5 * SECOND - 1), HF_CACHE_HIT);
  assert_int_equal(peek_of(cache, "soft", LATER + 5 * SECOND), HF_CACHE_STALE);
  /* It slides by all of its TTL. */
  assert_seen(cache, LATER + 14 * SECOND, "sliding", "sliding=5");
  assert_int_equal(ttl_left_of(cache, "sliding", LATER + 14 * SECOND), 20 * SECOND);
  /* Tags go on to hold. */
  hf_cache_invalidate_tag(cache, 2);
  assert_int_equal(peek_of(cache, "tagged", LATER), HF_CACHE_MISS);
  /* And deadlines: the wheel knows them. */
  (void)hf_cache_maintain(cache, LATER + 60 * SECOND, 1000);
  assert_contents(cache, LATER, "plain empty long negative soft sliding tagged", "plain=1 empty=");
  hf_cache_destroy(cache);
}

static void an_empty_cache_comes_back_empty(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  save(cache, BEGINNING);
  assert_int_equal(restore(cache, BEGINNING), 0);
  assert_int_equal(check_figures(cache, &options).entries, 0);
  hf_cache_destroy(cache);
}

static void what_was_invalidated_or_removed_is_not_saved(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  assert_int_equal(hf_cache_declare_namespace(cache, "n", 1, NULL), HF_OK);
  put_some(cache);
  hf_cache_invalidate_tag(cache, 3);
  assert_true(hf_cache_invalidate_namespace(cache, "n", 1));
  assert_true(remove_text(cache, "plain", BEGINNING));
  hf_cache_load load;
  (void)hf_cache_reserve(cache, "load", 4, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load);
  save(cache, BEGINNING);
  hf_cache_destroy(cache);
  cache = later(&options);
  assert_int_equal(restore(cache, LATER), 7);
  assert_contents(cache, LATER, "tagged negative plain load", "");
  hf_cache_destroy(cache);
}

static void the_order_of_use_is_kept(void **state) {
  (void)state;
  cache_log log;
  hf_cache_options options = cache_options(HF_CACHE_LRU, 6, NULL);
  hf_cache *cache = cache_made(&options);
  const char *keys[] = {"a", "b", "c", "d", "e", "f"};
  for (int i = 0; i < 6; i++) {
    put_text(cache, keys[i], "1", BEGINNING);
  }
  assert_seen(cache, BEGINNING, "c", "c=1");
  assert_seen(cache, BEGINNING, "a", "a=1"); /* b d e f c a */
  save(cache, BEGINNING);
  hf_cache_destroy(cache);

  options = cache_options(HF_CACHE_LRU, 6, &log);
  cache = later(&options);
  assert_int_equal(restore(cache, LATER), 6);
  assert_log(&log, "");
  assert_int_equal(hf_cache_resize(cache, 2, 0, LATER, NULL), HF_OK);
  assert_log(&log, "evicted_by_count b=1; evicted_by_count d=1; evicted_by_count e=1; "
                   "evicted_by_count f=1");
  hf_cache_destroy(cache);

  /* In a smaller one the last used ones stay. */
  options = cache_options(HF_CACHE_LRU, 3, NULL);
  cache = later(&options);
  (void)restore(cache, LATER);
  assert_contents(cache, LATER, "a b c d e f", "a=1 c=1 f=1");
  check_figures(cache, &options);
  hf_cache_destroy(cache);
}

static void what_is_there_stays_as_it_is(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "old", BEGINNING);
  put_text(cache, "b", "old", BEGINNING);
  save(cache, BEGINNING);
  put_for(cache, "a", "new", BEGINNING, 9 * SECOND);
  assert_true(remove_text(cache, "b", BEGINNING));
  assert_int_equal(restore(cache, BEGINNING + SECOND), 1);
  assert_contents(cache, BEGINNING + SECOND, "a b", "a=new b=old");
  assert_int_equal(ttl_left_of(cache, "a", BEGINNING + SECOND), 8 * SECOND);
  /* But not what has expired. */
  assert_int_equal(restore(cache, BEGINNING + 10 * SECOND), 1);
  assert_contents(cache, BEGINNING + 10 * SECOND, "a b", "a=old b=old");
  hf_cache_destroy(cache);
}

/* Namespaces are declared anew, and hold for what is restored as for what is put. */
static void namespaces_hold_for_what_is_restored(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  uint32_t tags[] = {1, 2, 3, 4};
  hf_cache_entry_options entry = {.tags = tags, .tag_count = 4};
  const char *names[] = {"x", "a", "ab", "abc"};
  hf_cache *cache = cache_made(&options);
  for (int i = 1; i < 4; i++) {
    assert_int_equal(hf_cache_declare_namespace(cache, names[i], strlen(names[i]), NULL), HF_OK);
  }
  put_as(cache, "abcd", "1", BEGINNING, &entry);
  put_text(cache, "ax", "2", BEGINNING);
  uint64_t charge = hf_cache_statistics_read(cache).charged_bytes;
  save(cache, BEGINNING);
  hf_cache_destroy(cache);
  for (int which = 0; which < 4; which++) {
    cache = later(&options);
    for (int i = 0; i < 4; i++) { /* in another order, beside another */
      assert_int_equal(hf_cache_declare_namespace(cache, names[i], strlen(names[i]), NULL), HF_OK);
    }
    assert_int_equal(restore(cache, LATER), 2);
    assert_int_equal(hf_cache_statistics_read(cache).charged_bytes, charge);
    assert_contents(cache, LATER, "abcd ax", "abcd=1 ax=2");
    assert_true(hf_cache_invalidate_namespace(cache, names[which], strlen(names[which])));
    assert_contents(cache, LATER, "abcd ax", which == 0 ? "abcd=1 ax=2" : which == 1 ? "" : "ax=2");
    hf_cache_invalidate_tag(cache, 4);
    assert_int_equal(peek_of(cache, "abcd", LATER), HF_CACHE_MISS);
    hf_cache_destroy(cache);
  }
}

static void a_restored_value_cancels_a_load(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "saved", BEGINNING);
  save(cache, BEGINNING);
  hf_cache_clear(cache, BEGINNING);
  hf_cache_load load;
  (void)hf_cache_reserve(cache, "a", 1, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load);
  assert_int_equal(load.role, HF_CACHE_LOADER);
  assert_int_equal(restore(cache, BEGINNING), 1);
  assert_int_equal(hf_cache_publish(cache, &load, "a", 1, "loaded", 6, BEGINNING, NULL, NULL),
                   HF_ERROR_LOAD_CANCELLED);
  assert_contents(cache, BEGINNING, "a", "a=saved");
  hf_cache_destroy(cache);
}

/* From one policy and number of parts to another. */
static void any_cache_takes_what_any_other_saved(void **state) {
  (void)state;
  hf_cache_options kinds[3];
  kinds[0] = cache_options(HF_CACHE_LRU, 3000, NULL);
  kinds[1] = cache_options(HF_CACHE_S3FIFO, 3000, NULL);
  kinds[1].parts = 1;
  kinds[2] = cache_options(HF_CACHE_S3FIFO, 3000, NULL);
  kinds[2].parts = 16;
  kinds[2].seed = 99;
  for (int from = 0; from < 3; from++) {
    hf_cache *cache = cache_made(&kinds[from]);
    for (uint64_t i = 0; i < 1000; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, i % 9, BEGINNING, NULL, NULL), HF_OK);
      for (uint64_t j = 0; j < i % 5; j++) {
        (void)hf_cache_get(cache, &i, 8, BEGINNING, NULL, 0, NULL);
      }
    }
    save(cache, BEGINNING);
    hf_cache_destroy(cache);
    for (int to = 0; to < 3; to++) {
      cache = later(&kinds[to]);
      assert_int_equal(restore(cache, LATER), 1000);
      check_figures(cache, &kinds[to]);
      for (uint64_t i = 0; i < 1000; i++) {
        uint64_t value = 0;
        assert_int_equal(hf_cache_get(cache, &i, 8, LATER, &value, 8, NULL), HF_CACHE_HIT);
        assert_memory_equal(&value, &i, i % 9);
      }
      for (uint64_t i = 5000; i < 9000; i++) {
        assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, LATER, NULL, NULL), HF_OK);
      }
      check_figures(cache, &kinds[to]);
      hf_cache_destroy(cache);
    }
  }
}

static void what_does_not_fit_is_left_out(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_some(cache);
  save(cache, BEGINNING);
  hf_cache_destroy(cache);
  options.max_bytes = 500;
  cache = later(&options);
  assert_true(restore(cache, LATER) <= 9);
  check_figures(cache, &options);
  assert_int_equal(peek_of(cache, "large", LATER), HF_CACHE_MISS);
  hf_cache_destroy(cache);
}

/* Files that are not whole ---------------------------------------------------------- */

static unsigned char whole[MOST_FILE_BYTES];

/* Saves one of each kind; how long the file is. */
static size_t make_whole(void) {
  hf_cache *cache = cache_of(HF_CACHE_LRU, 50, NULL);
  put_some(cache);
  save(cache, BEGINNING);
  hf_cache_destroy(cache);
  return read_file(whole);
}

/* Whether a file with these bytes was taken; when not, nothing changed. */
static bool is_taken(const unsigned char *bytes, size_t length) {
  write_file(bytes, length);
  hf_cache_options options = cache_options(HF_CACHE_LRU, 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_text(cache, "mine", "1", BEGINNING);
  hf_error error = test_untouched_error();
  hf_status status = hf_cache_restore(cache, file, BEGINNING, NULL, &error);
  hf_cache_statistics figures = check_figures(cache, &options);
  if (status != HF_OK) {
    assert_int_equal(status, HF_ERROR_BAD_IMAGE);
    assert_int_equal(error.status, status);
    test_check_message(&error);
    assert_int_equal(figures.entries, 1);
  }
  assert_contents(cache, BEGINNING, "mine", "mine=1");
  hf_cache_destroy(cache);
  return status == HF_OK;
}

static void a_file_cut_short_anywhere_is_refused(void **state) {
  (void)state;
  size_t length = make_whole();
  assert_true(is_taken(whole, length));
  for (size_t cut = 0; cut < length; cut++) {
    if (is_taken(whole, cut)) {
      test_fail("taken with %zu of %zu bytes\n", cut, length);
    }
  }
  whole[length] = 0;
  assert_false(is_taken(whole, length + 1));
  memcpy(whole + length, whole, length);
  assert_false(is_taken(whole, 2 * length));
}

static void one_flipped_bit_anywhere_is_refused(void **state) {
  (void)state;
  size_t length = make_whole();
  for (size_t at = 0; at < length; at++) {
    /* Every bit of the first and last bytes, and one of each between. */
    bool all = at < 400 || at >= length - 100;
    for (unsigned bit = 0; bit < 8; bit++) {
      if (all || bit == at % 8) {
        whole[at] = (unsigned char)(whole[at] ^ 1u << bit);
        if (is_taken(whole, length)) {
          test_fail("taken with bit %u of byte %zu flipped\n", bit, at);
        }
        whole[at] = (unsigned char)(whole[at] ^ 1u << bit);
      }
    }
  }
}

/* Even when its checksum is right. */
static void another_version_is_refused(void **state) {
  (void)state;
  size_t length = make_whole();
  for (size_t at = 0; at < 8; at++) {
    for (unsigned more = 1; more < 256; more += 50) {
      whole[at] = (unsigned char)(whole[at] + more);
      seal(whole, length);
      assert_false(is_taken(whole, length));
      whole[at] = (unsigned char)(whole[at] - more);
    }
  }
  seal(whole, length);
  assert_true(is_taken(whole, length));
}

/* By somebody who knows how to make the checksum right. What is taken then is some cache or other;
 * the sanitizers see what is read beyond the file. */
static void a_forged_file_does_no_harm(void **state) {
  (void)state;
  size_t length = make_whole();
  test_random random = test_random_start("cache files");
  unsigned taken = 0;
  for (unsigned i = 0; i < 20000; i++) {
    static unsigned char forged[MOST_FILE_BYTES];
    memcpy(forged, whole, length);
    size_t here = length;
    uint32_t changes = 1 + test_random_below(&random, 3);
    for (uint32_t change = 0; change < changes; change++) {
      size_t at = 8 + test_random_below(&random, 500);
      static const unsigned char telling[] = {0, 1, 2, 3, 4, 7, 8, 0x10, 0x7f, 0x80, 0xff};
      forged[at] = telling[test_random_below(&random, sizeof telling)];
    }
    if (i % 8 == 0) {
      here -= 8 * (size_t)test_random_below(&random, 20);
    }
    seal(forged, here);
    taken += is_taken(forged, here);
  }
  assert_true(taken > 100 && taken < 19900);
}

/* The system says no ---------------------------------------------------------------- */

static void check_io_error(hf_status status, const hf_error *error, const char *path) {
  assert_int_equal(status, HF_ERROR_IO);
  assert_int_equal(error->status, HF_ERROR_IO);
  test_check_message(error);
  assert_non_null(strstr(error->message, path));
}

static void a_file_that_cannot_be_read_or_written_is_told(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 50, NULL);
  put_text(cache, "a", "1", BEGINNING);
  hf_error error = test_untouched_error();
  check_io_error(hf_cache_restore(cache, "/nowhere/at/all", BEGINNING, NULL, &error), &error,
                 "/nowhere/at/all");
  assert_non_null(strstr(error.message, strerror(ENOENT)));
  error = test_untouched_error();
  check_io_error(hf_cache_save(cache, "/nowhere/at/all", BEGINNING, &error), &error,
                 "/nowhere/at/all");
  error = test_untouched_error();
  check_io_error(hf_cache_save(cache, "", BEGINNING, &error) == HF_OK ? HF_OK : HF_ERROR_IO, &error,
                 "");
  hf_status status = hf_cache_restore(cache, directory, BEGINNING, NULL, &error);
  assert_true(status == HF_ERROR_IO || status == HF_ERROR_BAD_IMAGE);
  test_check_message(&error);
  status = hf_cache_restore(cache, "/dev/null", BEGINNING, NULL, &error);
  assert_true(status == HF_ERROR_IO || status == HF_ERROR_BAD_IMAGE);
  assert_int_equal(hf_cache_save(cache, directory, BEGINNING, NULL), HF_ERROR_IO);
  char beside[300];
  snprintf(beside, sizeof beside, "%s.part", directory);
  assert_int_equal(access(beside, F_OK), -1);
  assert_contents(cache, BEGINNING, "a", "a=1");
  hf_cache_destroy(cache);
}

/* A disk that is full, or a limit that is reached: what was saved before stays. */
static void a_full_disk_leaves_the_old_file(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 500, NULL);
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "old", BEGINNING);
  save(cache, BEGINNING);
  static char value[1000];
  for (uint64_t i = 0; i < 100; i++) {
    assert_int_equal(hf_cache_put(cache, &i, 8, value, sizeof value, BEGINNING, NULL, NULL), HF_OK);
  }
  put_text(cache, "a", "new", BEGINNING);
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  for (rlim_t room = 0; room < 100000; room = room * 7 + 1) {
    struct rlimit limit = {room, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    hf_error error = test_untouched_error();
    hf_status status = hf_cache_save(cache, file, BEGINNING, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    check_io_error(status, &error, file);
  }
  signal(SIGXFSZ, handler);
  hf_cache_clear(cache, BEGINNING);
  assert_int_equal(restore(cache, BEGINNING), 1);
  assert_contents(cache, BEGINNING, "a", "a=old");
  hf_cache_destroy(cache);
}

static counting_allocator counting;

static void *save_often(void *cache) {
  for (int i = 0; i < 50; i++) {
    save(cache, BEGINNING);
  }
  return NULL;
}

static void saves_at_once_leave_a_whole_file(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  put_some(cache);
  save(cache, BEGINNING);
  size_t entries = (size_t)hf_cache_statistics_read(cache).entries;
  pthread_t savers[2];
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_create(&savers[i], NULL, save_often, cache), 0);
  }
  for (int i = 0; i < 50; i++) {
    hf_cache *restored = later(&options);
    assert_int_equal(restore(restored, LATER), entries);
    hf_cache_destroy(restored);
  }
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(savers[i], NULL), 0);
  }
  hf_cache_destroy(cache);
}

static void every_allocation_may_be_refused(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 50, NULL);
  hf_cache *cache = cache_made(&options);
  put_some(cache);
  save(cache, BEGINNING);
  hf_cache_destroy(cache);
  hf_allocator hooks = counting_hooks(&counting);
  bool saved = false;
  bool restored = false;
  for (size_t refuse = 1; !saved || !restored; refuse++) {
    counting_reset(&counting, 0);
    assert_int_equal(hf_cache_create(&options, BEGINNING, &hooks, &cache, NULL), HF_OK);
    counting.refuse = counting.allocations + refuse;
    hf_error error = test_untouched_error();
    size_t count = 777;
    hf_status status = hf_cache_restore(cache, file, BEGINNING, &count, &error);
    restored = status == HF_OK;
    if (!restored) {
      assert_int_equal(status, HF_ERROR_OUT_OF_MEMORY);
      assert_int_equal(error.status, status);
      test_check_message(&error);
    }
    check_figures(cache, &options);
    hf_cache_clear(cache, BEGINNING);
    counting.refuse = 0;
    put_some(cache);
    counting.refuse = counting.allocations + refuse;
    status = hf_cache_save(cache, file, BEGINNING, &error);
    saved = status == HF_OK;
    assert_true(saved || status == HF_ERROR_OUT_OF_MEMORY);
    hf_cache_destroy(cache);
    assert_int_equal(counting.live_blocks, 0);
    assert_true(refuse < 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cache_test_of_both(what_was_saved_comes_back),
      cache_test_of_both(an_empty_cache_comes_back_empty),
      cache_test_of_both(what_was_invalidated_or_removed_is_not_saved),
      cmocka_unit_test(the_order_of_use_is_kept),
      cache_test_of_both(what_is_there_stays_as_it_is),
      cache_test_of_both(namespaces_hold_for_what_is_restored),
      cache_test_of_both(a_restored_value_cancels_a_load),
      cmocka_unit_test(any_cache_takes_what_any_other_saved),
      cache_test_of_both(what_does_not_fit_is_left_out),
      cmocka_unit_test(a_file_cut_short_anywhere_is_refused),
      cmocka_unit_test(one_flipped_bit_anywhere_is_refused),
      cmocka_unit_test(another_version_is_refused),
      cmocka_unit_test(a_forged_file_does_no_harm),
      cache_test_of_both(a_file_that_cannot_be_read_or_written_is_told),
      cache_test_of_both(a_full_disk_leaves_the_old_file),
      cache_test_of_both(saves_at_once_leave_a_whole_file),
      cache_test_of_both(every_allocation_may_be_refused),
  };
  return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
