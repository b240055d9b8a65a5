/*
 * Tags, namespaces and loads: what is invalidated is gone for everybody, also what is being loaded,
 * and a key has one loader. Invariants 3 and 6 are here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"

static void put_tagged(hf_cache *cache, const char *key, const char *value, const uint32_t *tags,
                       size_t tag_count) {
  hf_cache_entry_options options = {.tags = tags, .tag_count = tag_count};
  put_as(cache, key, value, BEGINNING, &options);
}

static void declare(hf_cache *cache, const char *prefix) {
  assert_int_equal(hf_cache_declare_namespace(cache, prefix, strlen(prefix), NULL), HF_OK);
}

static bool invalidate(hf_cache *cache, const char *prefix) {
  return hf_cache_invalidate_namespace(cache, prefix, strlen(prefix));
}

/* Calls it until nothing comes of it any more. */
static void clear_away(hf_cache *cache) {
  for (unsigned calm = 0; calm < 100;) {
    calm = hf_cache_maintain(cache, BEGINNING, 1000) == 0 ? calm + 1 : 0;
  }
}

/* Tags ------------------------------------------------------------------------- */

static void a_tag_is_the_hash_of_its_name(void **state) {
  (void)state;
  assert_int_equal(hf_cache_tag("users", 5), hf_cache_tag("users!", 5));
  assert_int_not_equal(hf_cache_tag("users", 5), hf_cache_tag("users", 4));
  assert_int_not_equal(hf_cache_tag("users", 5), hf_cache_tag("USERS", 5));
  assert_int_equal(hf_cache_tag(NULL, 0), hf_cache_tag("", 0));
  unsigned same = 0;
  for (uint32_t i = 0; i < 100; i++) {
    for (uint32_t j = 0; j < i; j++) {
      same += hf_cache_tag((const char *)&i, sizeof i) % 65536 ==
              hf_cache_tag((const char *)&j, sizeof j) % 65536;
    }
  }
  assert_true(same < 5);
}

static void invariant_3_no_entry_of_a_tag_is_found(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  uint32_t red = 1;
  uint32_t blue = 2;
  uint32_t both[] = {blue, red};
  put_tagged(cache, "r", "1", &red, 1);
  put_tagged(cache, "b", "2", &blue, 1);
  put_tagged(cache, "rb", "3", both, 2);
  put_text(cache, "none", "4", BEGINNING);
  const char *all = "r b rb none";
  hf_cache_invalidate_tag(cache, 3);
  assert_contents(cache, BEGINNING, all, "r=1 b=2 rb=3 none=4");
  hf_cache_invalidate_tag(cache, red);
  assert_contents(cache, BEGINNING, all, "b=2 none=4");
  assert_seen(cache, BEGINNING, "r", "r?");
  assert_false(remove_text(cache, "rb", BEGINNING));
  /* What is put later is another matter, at the same time too. */
  put_tagged(cache, "r", "5", &red, 1);
  put_tagged(cache, "rb", "6", both, 2);
  assert_contents(cache, BEGINNING, all, "r=5 b=2 rb=6 none=4");
  hf_cache_invalidate_tag(cache, blue);
  assert_contents(cache, BEGINNING, all, "r=5 none=4");
  for (int i = 0; i < 100000; i++) {
    hf_cache_invalidate_tag(cache, red);
  }
  put_tagged(cache, "r", "7", &red, 1);
  assert_contents(cache, BEGINNING, all, "r=7 none=4");
  hf_cache_invalidate_tag(cache, red);
  assert_contents(cache, BEGINNING, all, "none=4");
  hf_cache_destroy(cache);
}

/* Every way of looking. */
static void what_is_invalidated_is_nowhere(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  uint32_t tag = 9;
  put_tagged(cache, "a", "1", &tag, 1);
  hf_cache_invalidate_tag(cache, tag);
  hf_cache_lookup lookup = {.key = "a", .key_bytes = 1};
  hf_cache_get_many(cache, &lookup, 1, BEGINNING);
  assert_int_equal(lookup.answer, HF_CACHE_MISS);
  assert_int_equal(answer_of(cache, "a", BEGINNING), HF_CACHE_MISS);
  hf_cache_load load;
  assert_int_equal(
      hf_cache_reserve(cache, "a", 1, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load),
      HF_CACHE_MISS);
  assert_int_equal(load.role, HF_CACHE_LOADER);
  hf_cache_abandon(cache, &load, "a", 1, BEGINNING);
  hf_cache_destroy(cache);
}

static void an_entry_has_up_to_seven_tags(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  uint32_t tags[HF_CACHE_MAX_TAGS + 1];
  for (uint32_t i = 0; i <= HF_CACHE_MAX_TAGS; i++) {
    tags[i] = UINT32_MAX - i * 5;
  }
  for (size_t count = 1; count <= HF_CACHE_MAX_TAGS; count++) {
    for (size_t i = 0; i < HF_CACHE_MAX_TAGS; i++) {
      put_tagged(cache, "a", "1", tags, count);
      hf_cache_invalidate_tag(cache, tags[i]);
      assert_contents(cache, BEGINNING, "a", i < count ? "" : "a=1");
    }
  }
  put_text(cache, "a", "2", BEGINNING);
  hf_cache_entry_options options = {.tags = tags, .tag_count = HF_CACHE_MAX_TAGS + 1};
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_put(cache, "a", 1, "3", 1, BEGINNING, &options, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(error.status, HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_contents(cache, BEGINNING, "a", "a=2");
  options.tag_count = SIZE_MAX;
  assert_int_equal(hf_cache_put(cache, "a", 1, "3", 1, BEGINNING, &options, NULL),
                   HF_ERROR_INVALID_ARGUMENT);
  hf_cache_destroy(cache);
}

static void tags_that_share_a_place_go_together_and_others_do_not(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 200, NULL);
  options.tag_places = 2;
  hf_cache *cache = cache_made(&options);
  for (uint32_t tag = 0; tag < 100; tag++) {
    hf_cache_entry_options entry = {.tags = &tag, .tag_count = 1};
    assert_int_equal(hf_cache_put(cache, &tag, 4, &tag, 4, BEGINNING, &entry, NULL), HF_OK);
  }
  hf_cache_invalidate_tag(cache, 7);
  unsigned left = 0;
  for (uint32_t tag = 0; tag < 100; tag++) {
    uint32_t value;
    left += hf_cache_peek(cache, &tag, 4, BEGINNING, &value, 4, NULL) == HF_CACHE_HIT;
  }
  assert_true(left >= 10 && left <= 90);
  hf_cache_invalidate_tag(cache, 8);
  hf_cache_invalidate_tag(cache, 9);
  hf_cache_destroy(cache);

  /* With as many places as there can be nearly all are alone. */
  options.tag_places = 1 << 20;
  cache = cache_made(&options);
  for (uint32_t tag = 0; tag < 100; tag++) {
    uint32_t number = hf_cache_tag((const char *)&tag, 4);
    hf_cache_entry_options entry = {.tags = &number, .tag_count = 1};
    assert_int_equal(hf_cache_put(cache, &tag, 4, &tag, 4, BEGINNING, &entry, NULL), HF_OK);
  }
  uint32_t seven = 7;
  hf_cache_invalidate_tag(cache, hf_cache_tag((const char *)&seven, 4));
  left = 0;
  for (uint32_t tag = 0; tag < 100; tag++) {
    uint32_t value;
    left += hf_cache_peek(cache, &tag, 4, BEGINNING, &value, 4, NULL) == HF_CACHE_HIT;
  }
  assert_true(left >= 98 && left <= 99);
  hf_cache_destroy(cache);
}

static void memory_of_what_was_invalidated_comes_back(void **state) {
  cache_log log;
  hf_cache_options options = cache_options(policy_of(state), 1000, &log);
  hf_cache *cache = cache_made(&options);
  uint32_t tag = 1;
  for (uint64_t i = 0; i < 500; i++) {
    hf_cache_entry_options entry = {.tags = &tag, .tag_count = i % 2};
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, &entry, NULL), HF_OK);
  }
  hf_cache_invalidate_tag(cache, tag);
  clear_away(cache);
  hf_cache_statistics figures = check_figures(cache, &options);
  assert_int_equal(figures.entries, 250);
  assert_int_equal(figures.removals[HF_CACHE_INVALIDATED], 250);
  assert_int_equal(log.causes[HF_CACHE_INVALIDATED], 250);
  hf_cache_destroy(cache);
}

/* Other invalidations meanwhile, and a budget that is far from enough for all. */
static void memory_comes_back_however_much_is_invalidated(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 2000, NULL);
  hf_cache *cache = cache_made(&options);
  uint32_t tag = 1;
  for (uint64_t i = 0; i < 1000; i++) {
    hf_cache_entry_options entry = {.tags = &tag, .tag_count = 1};
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, &entry, NULL), HF_OK);
  }
  hf_cache_invalidate_tag(cache, tag);
  for (unsigned i = 0; i < 2000; i++) {
    hf_cache_invalidate_tag(cache, 2);
    (void)hf_cache_maintain(cache, BEGINNING, 36);
  }
  assert_int_equal(check_figures(cache, &options).entries, 0);
  hf_cache_destroy(cache);
}

static void putting_takes_it_back_as_well(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  uint32_t tag = 1;
  for (uint64_t i = 0; i < 200; i++) {
    hf_cache_entry_options entry = {.tags = &tag, .tag_count = 1};
    assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, &entry, NULL), HF_OK);
  }
  hf_cache_invalidate_tag(cache, tag);
  for (unsigned i = 0; i < 5000; i++) {
    put_text(cache, "x", "1", BEGINNING);
  }
  assert_int_equal(check_figures(cache, &options).entries, 1);
  hf_cache_destroy(cache);
}

/* What is put while a sweep is half way makes room in full buckets, and what moves for it may come
 * to a bucket that the sweep has left behind. How many do depends on the seed. */
static void what_moves_during_a_sweep_is_not_passed_over(void **state) {
  enum { ENTRIES = 2000, NEW = 60, SEEDS = 20 };
  uint32_t tag = 1;
  hf_cache_entry_options tagged = {.tags = &tag, .tag_count = 1};
  hf_cache_options options = cache_options(policy_of(state), ENTRIES, NULL);
  options.parts = 1;
  for (options.seed = 1; options.seed <= SEEDS; options.seed++) {
    hf_cache *cache = cache_made(&options);
    for (uint64_t i = 0; i < ENTRIES; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, &tagged, NULL), HF_OK);
    }
    hf_cache_invalidate_tag(cache, tag);
    (void)hf_cache_maintain(cache, BEGINNING, ENTRIES / 2);
    for (uint64_t i = ENTRIES; i < ENTRIES + NEW; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, &i, 8, BEGINNING, NULL, NULL), HF_OK);
    }
    assert_true(check_figures(cache, &options).entries > NEW); /* it is not over yet */
    (void)hf_cache_maintain(cache, BEGINNING, 2 * ENTRIES);
    hf_cache_statistics figures = check_figures(cache, &options);
    assert_int_equal(figures.entries, NEW);
    assert_int_equal(figures.removals[HF_CACHE_INVALIDATED], ENTRIES);
    hf_cache_destroy(cache);
  }
}

/* Namespaces --------------------------------------------------------------------- */

static void namespaces_lie_within_each_other(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  declare(cache, "a:");
  declare(cache, "a:b:");
  declare(cache, "a:b:c:");
  declare(cache, "z");
  const char *all = "a:1 a:b:1 a:b:c:1 a: a z1 other";
  const char *keys[] = {"a:1", "a:b:1", "a:b:c:1", "a:", "a", "z1", "other"};
  for (int i = 0; i < 7; i++) {
    put_text(cache, keys[i], "v", BEGINNING);
  }
  assert_false(invalidate(cache, "a"));
  assert_false(invalidate(cache, "a:b"));
  assert_false(invalidate(cache, ""));
  assert_contents(cache, BEGINNING, all, "a:1=v a:b:1=v a:b:c:1=v a:=v a=v z1=v other=v");
  assert_true(invalidate(cache, "a:b:"));
  assert_contents(cache, BEGINNING, all, "a:1=v a:=v a=v z1=v other=v");
  put_text(cache, "a:b:1", "w", BEGINNING);
  put_text(cache, "a:b:c:1", "w", BEGINNING);
  assert_true(invalidate(cache, "a:b:c:"));
  assert_contents(cache, BEGINNING, all, "a:1=v a:b:1=w a:=v a=v z1=v other=v");
  assert_true(invalidate(cache, "z"));
  assert_contents(cache, BEGINNING, all, "a:1=v a:b:1=w a:=v a=v other=v");
  assert_true(invalidate(cache, "a:"));
  assert_contents(cache, BEGINNING, all, "a=v other=v");
  put_text(cache, "a:1", "x", BEGINNING);
  assert_contents(cache, BEGINNING, all, "a:1=x a=v other=v");
  hf_cache_destroy(cache);
}

static void a_namespace_holds_for_what_is_put_later(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  put_text(cache, "n1", "1", BEGINNING);
  declare(cache, "n");
  put_text(cache, "n2", "2", BEGINNING);
  assert_true(invalidate(cache, "n"));
  assert_int_equal(peek_of(cache, "n2", BEGINNING), HF_CACHE_MISS);
  declare(cache, "n"); /* again: changes nothing */
  put_text(cache, "n2", "3", BEGINNING);
  declare(cache, "n");
  assert_contents(cache, BEGINNING, "n2", "n2=3");
  assert_true(invalidate(cache, "n"));
  assert_contents(cache, BEGINNING, "n2", "");
  hf_cache_destroy(cache);
}

static void a_prefix_may_be_any_bytes(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  static char prefix[HF_CACHE_KEY_MAX_BYTES + 1];
  assert_int_equal(hf_cache_declare_namespace(cache, "\0\xff", 2, NULL), HF_OK);
  assert_int_equal(hf_cache_put(cache, "\0\xffx", 3, "1", 1, BEGINNING, NULL, NULL), HF_OK);
  assert_int_equal(hf_cache_put(cache, "\0x", 2, "1", 1, BEGINNING, NULL, NULL), HF_OK);
  assert_true(hf_cache_invalidate_namespace(cache, "\0\xff", 2));
  char value;
  assert_int_equal(hf_cache_peek(cache, "\0\xffx", 3, BEGINNING, &value, 1, NULL), HF_CACHE_MISS);
  assert_int_equal(hf_cache_peek(cache, "\0x", 2, BEGINNING, &value, 1, NULL), HF_CACHE_HIT);

  assert_int_equal(hf_cache_declare_namespace(cache, prefix, HF_CACHE_KEY_MAX_BYTES, NULL), HF_OK);
  assert_int_equal(
      hf_cache_put(cache, prefix, HF_CACHE_KEY_MAX_BYTES, "1", 1, BEGINNING, NULL, NULL), HF_OK);
  assert_true(hf_cache_invalidate_namespace(cache, prefix, HF_CACHE_KEY_MAX_BYTES));
  assert_int_equal(hf_cache_peek(cache, prefix, HF_CACHE_KEY_MAX_BYTES, BEGINNING, &value, 1, NULL),
                   HF_CACHE_MISS);
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_declare_namespace(cache, prefix, HF_CACHE_KEY_MAX_BYTES + 1, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_int_equal(hf_cache_declare_namespace(cache, NULL, 0, &error), HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_false(hf_cache_invalidate_namespace(cache, NULL, 0));
  assert_false(hf_cache_invalidate_namespace(cache, prefix, HF_CACHE_KEY_MAX_BYTES + 1));
  hf_cache_destroy(cache);
}

static void there_are_up_to_64_namespaces(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 200, NULL);
  char name[8];
  for (int i = 0; i < HF_CACHE_MAX_NAMESPACES; i++) {
    snprintf(name, sizeof name, "%02d:", i);
    declare(cache, name);
  }
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_declare_namespace(cache, "64:", 3, &error), HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  declare(cache, "63:");
  for (int i = 0; i < HF_CACHE_MAX_NAMESPACES; i++) {
    snprintf(name, sizeof name, "%02d:x", i);
    put_text(cache, name, "1", BEGINNING);
  }
  for (int i = 0; i < HF_CACHE_MAX_NAMESPACES; i++) {
    snprintf(name, sizeof name, "%02d:", i);
    assert_true(invalidate(cache, name));
    for (int j = 0; j < HF_CACHE_MAX_NAMESPACES; j++) {
      snprintf(name, sizeof name, "%02d:x", j);
      assert_int_equal(peek_of(cache, name, BEGINNING), j <= i ? HF_CACHE_MISS : HF_CACHE_HIT);
    }
  }
  assert_false(invalidate(cache, "64:"));
  hf_cache_destroy(cache);
}

/* Namespaces and tags of one entry share the seven places. */
static void namespaces_count_as_tags(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  uint32_t tags[] = {1, 2, 3, 4, 5};
  declare(cache, "a");
  declare(cache, "aa");
  declare(cache, "aaa");
  put_tagged(cache, "aaab", "1", tags, 4);
  hf_cache_entry_options options = {.tags = tags, .tag_count = 5};
  hf_error error = test_untouched_error();
  assert_int_equal(hf_cache_put(cache, "aaab", 4, "2", 1, BEGINNING, &options, &error),
                   HF_ERROR_INVALID_ARGUMENT);
  test_check_message(&error);
  assert_contents(cache, BEGINNING, "aaab", "aaab=1");
  put_tagged(cache, "aab", "2", tags, 5);
  assert_true(invalidate(cache, "aaa"));
  assert_contents(cache, BEGINNING, "aaab aab", "aab=2");
  hf_cache_invalidate_tag(cache, 5);
  assert_contents(cache, BEGINNING, "aaab aab", "");
  /* More namespaces than places: a key in all of them cannot be put. */
  char name[HF_CACHE_MAX_TAGS + 3] = "";
  for (int i = 0; i < HF_CACHE_MAX_TAGS + 1; i++) {
    name[i] = 'a';
    declare(cache, name);
  }
  assert_int_equal(hf_cache_put(cache, name, strlen(name), "3", 1, BEGINNING, NULL, NULL),
                   HF_ERROR_INVALID_ARGUMENT);
  name[HF_CACHE_MAX_TAGS] = '\0';
  put_text(cache, name, "4", BEGINNING);
  assert_seen(cache, BEGINNING, name, "aaaaaaa=4");
  hf_cache_destroy(cache);
}

/* A tag and a namespace never invalidate each other. */
static void tags_and_namespaces_are_apart(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 2000, NULL);
  options.tag_places = 1024;
  hf_cache *cache = cache_made(&options);
  declare(cache, "name");
  put_text(cache, "name1", "1", BEGINNING);
  for (uint32_t tag = 0; tag < 3000; tag++) {
    hf_cache_invalidate_tag(cache, tag);
  }
  hf_cache_invalidate_tag(cache, UINT32_MAX);
  hf_cache_invalidate_tag(cache, hf_cache_tag("name", 4));
  assert_contents(cache, BEGINNING, "name1", "name1=1");
  for (uint32_t tag = 0; tag < 1024; tag++) {
    hf_cache_entry_options entry = {.tags = &tag, .tag_count = 1};
    uint64_t key = (uint64_t)tag << 8 | 't'; /* in no namespace */
    assert_int_equal(hf_cache_put(cache, &key, 8, &tag, 4, BEGINNING, &entry, NULL), HF_OK);
  }
  assert_true(invalidate(cache, "name"));
  assert_contents(cache, BEGINNING, "name1", "");
  for (uint32_t tag = 0; tag < 1024; tag++) {
    uint64_t key = (uint64_t)tag << 8 | 't';
    uint32_t value;
    assert_int_equal(hf_cache_peek(cache, &key, 8, BEGINNING, &value, 4, NULL), HF_CACHE_HIT);
  }
  hf_cache_destroy(cache);
}

/* Loads ------------------------------------------------------------------------- */

static hf_cache_load reserve(hf_cache *cache, const char *key, uint64_t now_ns,
                             hf_cache_answer expected) {
  char value[CACHE_TEXT_BYTES];
  hf_cache_load load = {(hf_cache_role)77, 77, 77};
  hf_cache_found found;
  assert_int_equal(hf_cache_reserve(cache, key, strlen(key), now_ns, HF_CACHE_WANT_ANSWER, value,
                                    sizeof value, &found, &load),
                   expected);
  return load;
}

static hf_status publish(hf_cache *cache, const hf_cache_load *load, const char *key,
                         const char *value, uint64_t now_ns) {
  return hf_cache_publish(cache, load, key, strlen(key), value, strlen(value), now_ns, NULL, NULL);
}

static void abandon(hf_cache *cache, const hf_cache_load *load, const char *key, uint64_t now_ns) {
  hf_cache_abandon(cache, load, key, strlen(key), now_ns);
}

static void invariant_6_a_key_has_one_loader(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  hf_cache_load first = reserve(cache, "a", BEGINNING + 5, HF_CACHE_MISS);
  assert_int_equal(first.role, HF_CACHE_LOADER);
  assert_int_not_equal(first.number, 0);
  assert_int_equal(first.begun_ns, BEGINNING + 5);
  for (int i = 0; i < 100; i++) {
    hf_cache_load next = reserve(cache, "a", BEGINNING + 6, HF_CACHE_MISS);
    assert_int_equal(next.role, HF_CACHE_WAITER);
    assert_int_equal(next.number, first.number);
    assert_int_equal(next.begun_ns, BEGINNING + 5);
  }
  hf_cache_load other = reserve(cache, "b", BEGINNING + 6, HF_CACHE_MISS);
  assert_int_equal(other.role, HF_CACHE_LOADER);
  assert_int_not_equal(other.number, first.number);
  assert_int_equal(publish(cache, &first, "a", "1", BEGINNING + 7), HF_OK);
  assert_seen(cache, BEGINNING + 7, "a", "a=1");
  hf_cache_load after = reserve(cache, "a", BEGINNING + 7, HF_CACHE_HIT);
  assert_int_equal(after.role, HF_CACHE_NO_LOAD);
  /* The other goes on. */
  assert_int_equal(reserve(cache, "b", BEGINNING + 8, HF_CACHE_MISS).role, HF_CACHE_WAITER);
  abandon(cache, &other, "b", BEGINNING + 8);
  hf_cache_load again = reserve(cache, "b", BEGINNING + 8, HF_CACHE_MISS);
  assert_int_equal(again.role, HF_CACHE_LOADER);
  assert_int_not_equal(again.number, other.number);
  abandon(cache, &again, "b", BEGINNING + 10);
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_int_equal(figures.loads, 1);
  assert_int_equal(figures.loads_abandoned, 2);
  assert_int_equal(figures.loads_cancelled, 0);
  assert_int_equal(figures.load_ns, 2 + 2 + 2);
  assert_int_equal(figures.hits, 2);
  assert_int_equal(figures.misses, 1 + 100 + 1 + 1 + 1);
  hf_cache_destroy(cache);
}

static bool is_loading(hf_cache *cache, const hf_cache_load *load, const char *key) {
  return hf_cache_is_loading(cache, load, key, strlen(key));
}

static void who_waits_is_told_whether_there_is_something_to_wait_for(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  for (int how = 0; how < 5; how++) {
    hf_cache_load load = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
    hf_cache_load waiter = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
    assert_true(is_loading(cache, &load, "a"));
    assert_true(is_loading(cache, &waiter, "a"));
    assert_false(is_loading(cache, &load, "b"));
    switch (how) {
    case 0:
      assert_int_equal(publish(cache, &load, "a", "1", BEGINNING), HF_OK);
      break;
    case 1:
      abandon(cache, &load, "a", BEGINNING);
      break;
    case 2:
      put_text(cache, "a", "1", BEGINNING);
      break;
    case 3:
      hf_cache_clear(cache, BEGINNING);
      break;
    default: /* given up, and another loads */
      load = reserve(cache, "a", BEGINNING + DAY, HF_CACHE_MISS);
      assert_int_equal(load.role, HF_CACHE_LOADER);
      assert_true(is_loading(cache, &load, "a"));
      break;
    }
    assert_false(is_loading(cache, &waiter, "a"));
    (void)remove_text(cache, "a", BEGINNING);
    assert_false(is_loading(cache, &load, "a"));
  }
  hf_cache_load none = {HF_CACHE_LOADER, 0, 0};
  assert_false(is_loading(cache, &none, "a"));
  assert_false(hf_cache_is_loading(cache, &none, NULL, 0));
  hf_cache_destroy(cache);
}

typedef struct lent {
  unsigned calls;
  char value[CACHE_TEXT_BYTES];
} lent;

static void borrow(void *context, const void *value, size_t value_bytes) {
  lent *to = context;
  to->calls++;
  memcpy(to->value, value, value_bytes);
  to->value[value_bytes] = '\0';
}

/* The same roles, and the value where it lies. */
static void a_reservation_may_lend_the_value(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  lent to = {0, ""};
  hf_cache_load first;
  hf_cache_load load;
  hf_cache_found found;
  assert_int_equal(hf_cache_reserve_visit(cache, "a", 1, BEGINNING + 1, HF_CACHE_WANT_ANSWER,
                                          borrow, &to, &found, &first),
                   HF_CACHE_MISS);
  assert_int_equal(first.role, HF_CACHE_LOADER);
  assert_int_equal(first.begun_ns, BEGINNING + 1);
  assert_int_equal(hf_cache_reserve_visit(cache, "a", 1, BEGINNING + 2, HF_CACHE_WANT_ANSWER,
                                          borrow, &to, NULL, &load),
                   HF_CACHE_MISS);
  assert_int_equal(load.role, HF_CACHE_WAITER);
  assert_int_equal(load.number, first.number);
  assert_int_equal(load.begun_ns, BEGINNING + 1);
  assert_int_equal(to.calls, 0);
  hf_cache_entry_options soft = {.ttl_ns = 20 * SECOND, .soft_ttl_ns = SECOND};
  assert_int_equal(hf_cache_publish(cache, &first, "a", 1, "one", 3, BEGINNING, &soft, NULL),
                   HF_OK);
  assert_int_equal(hf_cache_reserve_visit(cache, "a", 1, BEGINNING, HF_CACHE_WANT_ANSWER, borrow,
                                          &to, &found, &load),
                   HF_CACHE_HIT);
  assert_int_equal(load.role, HF_CACHE_NO_LOAD);
  assert_int_equal(to.calls, 1);
  assert_string_equal(to.value, "one");
  assert_int_equal(found.value_bytes, 3);
  assert_int_equal(found.ttl_left_ns, 20 * SECOND);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(hf_cache_reserve_visit(cache, "a", 1, BEGINNING + SECOND, HF_CACHE_WANT_ANSWER,
                                            borrow, &to, NULL, &load),
                     HF_CACHE_STALE);
    assert_int_equal(load.role, i == 0 ? HF_CACHE_LOADER : HF_CACHE_NO_LOAD);
  }
  assert_int_equal(to.calls, 3);
  hf_cache_entry_options negative = {.negative = true};
  put_as(cache, "n", "", BEGINNING, &negative);
  assert_int_equal(hf_cache_reserve_visit(cache, "n", 1, BEGINNING, HF_CACHE_WANT_ANSWER, borrow,
                                          &to, NULL, &load),
                   HF_CACHE_NEGATIVE);
  assert_int_equal(load.role, HF_CACHE_NO_LOAD);
  assert_int_equal(to.calls, 3);
  static char long_key[HF_CACHE_KEY_MAX_BYTES + 1];
  assert_int_equal(hf_cache_reserve_visit(cache, long_key, sizeof long_key, BEGINNING,
                                          HF_CACHE_WANT_ANSWER, borrow, &to, &found, &load),
                   HF_CACHE_MISS);
  assert_false(hf_cache_is_loading(cache, &load, long_key, sizeof long_key));
  assert_int_equal(
      hf_cache_publish(cache, &load, long_key, sizeof long_key, "x", 1, BEGINNING, NULL, NULL),
      HF_ERROR_INVALID_ARGUMENT);
  assert_int_equal(hf_cache_reserve(cache, long_key, sizeof long_key, BEGINNING,
                                    HF_CACHE_WANT_ANSWER, NULL, 0, &found, &load),
                   HF_CACHE_MISS);
  hf_cache_abandon(cache, &load, long_key, sizeof long_key, BEGINNING);
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_int_equal(figures.hits, 1);
  assert_int_equal(figures.stale_hits, 2);
  assert_int_equal(figures.negative_hits, 1);
  assert_int_equal(figures.misses, 4);
  hf_cache_destroy(cache);
}

static hf_cache_load reserve_value(hf_cache *cache, const char *key, uint64_t now_ns, bool visits,
                                   hf_cache_answer expected) {
  char value[CACHE_TEXT_BYTES];
  lent to = {0, ""};
  hf_cache_load load = {(hf_cache_role)77, 77, 77};
  hf_cache_answer answer =
      visits ? hf_cache_reserve_visit(cache, key, strlen(key), now_ns, HF_CACHE_WANT_VALUE, borrow,
                                      &to, NULL, &load)
             : hf_cache_reserve(cache, key, strlen(key), now_ns, HF_CACHE_WANT_VALUE, value,
                                sizeof value, NULL, &load);
  assert_int_equal(answer, expected);
  return load;
}

/* The negative entry stays until there is a value, so whoever does not want one has an answer. */
static void who_wants_a_value_loads_where_there_is_none(void **state) {
  for (int visits = 0; visits < 2; visits++) {
    hf_cache *cache = cache_of(policy_of(state), 20, NULL);
    hf_cache_entry_options negative = {.negative = true};
    put_as(cache, "a", "", BEGINNING, &negative);
    hf_cache_load first = reserve_value(cache, "a", BEGINNING, visits == 1, HF_CACHE_NEGATIVE);
    assert_int_equal(first.role, HF_CACHE_LOADER);
    for (int i = 0; i < 3; i++) {
      hf_cache_load next = reserve_value(cache, "a", BEGINNING, visits == 1, HF_CACHE_NEGATIVE);
      assert_int_equal(next.role, HF_CACHE_WAITER);
      assert_int_equal(next.number, first.number);
      assert_int_equal(reserve(cache, "a", BEGINNING, HF_CACHE_NEGATIVE).role, HF_CACHE_NO_LOAD);
    }
    abandon(cache, &first, "a", BEGINNING);
    assert_seen(cache, BEGINNING, "a", "a!");
    first = reserve_value(cache, "a", BEGINNING, visits == 1, HF_CACHE_NEGATIVE);
    assert_int_equal(first.role, HF_CACHE_LOADER);
    assert_int_equal(publish(cache, &first, "a", "1", BEGINNING), HF_OK);
    assert_int_equal(reserve_value(cache, "a", BEGINNING, visits == 1, HF_CACHE_HIT).role,
                     HF_CACHE_NO_LOAD);
    assert_seen(cache, BEGINNING, "a", "a=1");
    hf_cache_statistics figures = hf_cache_statistics_read(cache);
    assert_int_equal(figures.negative_hits, 9);
    assert_int_equal(figures.hits, 2);
    assert_int_equal(figures.loads, 1);
    assert_int_equal(figures.loads_cancelled, 0);
    hf_cache_destroy(cache);
  }
}

static bool hand_over(hf_cache *cache, const hf_cache_load *load, const char *key,
                      const hf_cache_entry_options *options) {
  return hf_cache_hand_over(cache, load, key, strlen(key), BEGINNING, options);
}

static void what_is_handed_over_is_not_kept(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  hf_cache_load load = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
  assert_true(hand_over(cache, &load, "a", NULL));
  assert_seen(cache, BEGINNING, "a", "a?");
  assert_false(is_loading(cache, &load, "a"));
  assert_false(hand_over(cache, &load, "a", NULL)); /* once */
  /* What it replaces goes; but not for what is out of date itself. */
  hf_cache_entry_options negative = {.negative = true};
  put_as(cache, "b", "", BEGINNING, &negative);
  load = reserve_value(cache, "b", BEGINNING, false, HF_CACHE_NEGATIVE);
  assert_true(hand_over(cache, &load, "b", NULL));
  assert_seen(cache, BEGINNING, "b", "b?");
  load = reserve(cache, "c", BEGINNING, HF_CACHE_MISS);
  put_text(cache, "c", "1", BEGINNING);
  assert_false(hand_over(cache, &load, "c", NULL));
  assert_seen(cache, BEGINNING, "c", "c=1");
  static char long_key[HF_CACHE_KEY_MAX_BYTES + 1];
  assert_false(hf_cache_hand_over(cache, &load, long_key, sizeof long_key, BEGINNING, NULL));
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_int_equal(figures.loads, 2);
  assert_int_equal(figures.loads_cancelled, 2);
  assert_int_equal(figures.puts, 2);
  assert_int_equal(figures.removals[HF_CACHE_REPLACED], 1);
  hf_cache_destroy(cache);
}

/* In a way, or not at all. */
static void change(hf_cache *cache, int how) {
  switch (how) {
  case 0:
    break;
  case 1:
    (void)hf_cache_remove(cache, "s:a", 3, BEGINNING);
    break;
  case 2:
    hf_cache_clear(cache, BEGINNING);
    break;
  case 3:
    hf_cache_invalidate_tag(cache, 7);
    break;
  default:
    assert_true(hf_cache_invalidate_namespace(cache, "s:", 2));
    break;
  }
}

/* Whatever became of the value: only then may it be given to those who wait. */
static void the_end_of_a_load_says_whether_its_value_is_true(void **state) {
  const uint32_t tags[] = {5, 7, 1, 2, 3, 4, 6, 8};
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.max_bytes = 1000;
  static char large[2000];
  for (int how = 0; how < 5; how++) {
    hf_cache *cache = cache_made(&options);
    assert_int_equal(hf_cache_declare_namespace(cache, "s:", 2, NULL), HF_OK);
    hf_cache_entry_options few = {.tags = tags, .tag_count = 2};
    hf_cache_entry_options many = {.tags = tags, .tag_count = 7};   /* and a namespace */
    hf_cache_entry_options beyond = {.tags = tags, .tag_count = 8}; /* without one */
    hf_cache_load load = reserve(cache, "s:a", BEGINNING, HF_CACHE_MISS);
    change(cache, how);
    assert_int_equal(hand_over(cache, &load, "s:a", &few), how == 0);
    hf_cache_entry_options *refused[] = {&many, &beyond};
    for (int i = 0; i < 2; i++) {
      load = reserve(cache, "s:a", BEGINNING, HF_CACHE_MISS);
      change(cache, how);
      hf_error error = test_untouched_error();
      hf_status expected = how == 0 ? HF_ERROR_INVALID_ARGUMENT : HF_ERROR_LOAD_CANCELLED;
      assert_int_equal(
          hf_cache_publish(cache, &load, "s:a", 3, "1", 1, BEGINNING, refused[i], &error),
          expected);
      assert_int_equal(error.status, expected);
      test_check_message(&error);
      assert_false(is_loading(cache, &load, "s:a"));
    }
    load = reserve(cache, "s:a", BEGINNING, HF_CACHE_MISS);
    change(cache, how);
    assert_int_equal(
        hf_cache_publish(cache, &load, "s:a", 3, large, sizeof large, BEGINNING, &few, NULL),
        how == 0 ? HF_ERROR_TOO_LARGE : HF_ERROR_LOAD_CANCELLED);
    hf_cache_statistics figures = hf_cache_statistics_read(cache);
    assert_int_equal(figures.loads, how == 0);
    assert_int_equal(figures.loads_cancelled, how == 0 ? 3 : 4);
    assert_int_equal(figures.puts, 0);
    hf_cache_destroy(cache);
  }
}

static void a_load_is_published_once(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  hf_cache_load load = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
  hf_error error = test_untouched_error();
  assert_int_equal(publish(cache, &load, "a", "1", BEGINNING), HF_OK);
  assert_int_equal(hf_cache_publish(cache, &load, "a", 1, "2", 1, BEGINNING, NULL, &error),
                   HF_ERROR_LOAD_CANCELLED);
  assert_int_equal(error.status, HF_ERROR_LOAD_CANCELLED);
  test_check_message(&error);
  assert_seen(cache, BEGINNING, "a", "a=1");
  load = reserve(cache, "b", BEGINNING, HF_CACHE_MISS);
  abandon(cache, &load, "b", BEGINNING);
  assert_int_equal(publish(cache, &load, "b", "1", BEGINNING), HF_ERROR_LOAD_CANCELLED);
  assert_seen(cache, BEGINNING, "b", "b?");
  hf_cache_destroy(cache);
}

static void what_is_loaded_may_be_a_negative_or_have_tags(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  uint32_t tag = 4;
  hf_cache_load load = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
  hf_cache_entry_options negative = {.negative = true, .tags = &tag, .tag_count = 1};
  assert_int_equal(hf_cache_publish(cache, &load, "a", 1, NULL, 0, BEGINNING, &negative, NULL),
                   HF_OK);
  assert_int_equal(reserve(cache, "a", BEGINNING, HF_CACHE_NEGATIVE).role, HF_CACHE_NO_LOAD);
  hf_cache_invalidate_tag(cache, tag);
  assert_int_equal(reserve(cache, "a", BEGINNING, HF_CACHE_MISS).role, HF_CACHE_LOADER);
  hf_cache_destroy(cache);
}

/* In the cache all the while, and one loads it anew. */
static void of_a_stale_value_one_loads_and_nobody_waits(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  hf_cache_entry_options soft = {.ttl_ns = 100 * SECOND, .soft_ttl_ns = SECOND};
  put_as(cache, "a", "old", BEGINNING, &soft);
  assert_int_equal(reserve(cache, "a", BEGINNING, HF_CACHE_HIT).role, HF_CACHE_NO_LOAD);
  uint64_t now_ns = BEGINNING + 2 * SECOND;
  hf_cache_load load = reserve(cache, "a", now_ns, HF_CACHE_STALE);
  assert_int_equal(load.role, HF_CACHE_LOADER);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(reserve(cache, "a", now_ns, HF_CACHE_STALE).role, HF_CACHE_NO_LOAD);
  }
  assert_seen(cache, now_ns, "a", "a~old");
  abandon(cache, &load, "a", now_ns);
  load = reserve(cache, "a", now_ns, HF_CACHE_STALE);
  assert_int_equal(load.role, HF_CACHE_LOADER);
  /* It expires while it is loaded: who asks now waits for the same. */
  hf_cache_load waiter = reserve(cache, "a", BEGINNING + 100 * SECOND, HF_CACHE_MISS);
  bool given_up = waiter.role == HF_CACHE_LOADER; /* the lease is over by now */
  assert_true(given_up);
  assert_int_equal(publish(cache, &load, "a", "late", BEGINNING + 100 * SECOND),
                   HF_ERROR_LOAD_CANCELLED);
  assert_int_equal(publish(cache, &waiter, "a", "new", BEGINNING + 100 * SECOND), HF_OK);
  assert_seen(cache, BEGINNING + 100 * SECOND, "a", "a=new");
  hf_cache_destroy(cache);
}

static void a_loader_that_hangs_is_given_up(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.load_lease_ns = 10 * SECOND;
  hf_cache *cache = cache_made(&options);
  hf_cache_load hung = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
  hf_cache_load waiter = reserve(cache, "a", BEGINNING + 10 * SECOND - 1, HF_CACHE_MISS);
  assert_int_equal(waiter.role, HF_CACHE_WAITER);
  hf_cache_load next = reserve(cache, "a", BEGINNING + 10 * SECOND + 1, HF_CACHE_MISS);
  assert_int_equal(next.role, HF_CACHE_LOADER);
  assert_int_not_equal(next.number, hung.number);
  assert_int_equal(reserve(cache, "a", BEGINNING + 11 * SECOND, HF_CACHE_MISS).number, next.number);
  assert_int_equal(publish(cache, &hung, "a", "1", BEGINNING + 12 * SECOND),
                   HF_ERROR_LOAD_CANCELLED);
  /* It has not taken the next one's place. */
  assert_int_equal(reserve(cache, "a", BEGINNING + 13 * SECOND, HF_CACHE_MISS).role,
                   HF_CACHE_WAITER);
  abandon(cache, &hung, "a", BEGINNING + 13 * SECOND);
  assert_int_equal(reserve(cache, "a", BEGINNING + 13 * SECOND, HF_CACHE_MISS).role,
                   HF_CACHE_WAITER);
  assert_int_equal(publish(cache, &next, "a", "2", BEGINNING + 14 * SECOND), HF_OK);
  assert_seen(cache, BEGINNING + 14 * SECOND, "a", "a=2");
  hf_cache_destroy(cache);
}

static void a_lease_is_over_to_the_nanosecond(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.load_lease_ns = 10 * SECOND;
  hf_cache *cache = cache_made(&options);
  hf_cache_load first = reserve(cache, "a", BEGINNING + 3, HF_CACHE_MISS);
  uint64_t over_ns = BEGINNING + 3 + 10 * SECOND;
  assert_int_equal(reserve(cache, "a", over_ns - 1, HF_CACHE_MISS).role, HF_CACHE_WAITER);
  assert_int_equal(reserve(cache, "a", over_ns, HF_CACHE_MISS).role, HF_CACHE_LOADER);
  assert_int_equal(publish(cache, &first, "a", "1", over_ns), HF_ERROR_LOAD_CANCELLED);
  hf_cache_destroy(cache);
}

/* A clock that goes back gives nobody up, and does not hold a place for ever. */
static void a_lease_ends_whatever_the_clock_does(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.load_lease_ns = 10 * SECOND;
  hf_cache *cache = cache_made(&options);
  (void)reserve(cache, "a", BEGINNING + 100 * SECOND, HF_CACHE_MISS);
  assert_int_equal(reserve(cache, "a", BEGINNING + 50 * SECOND, HF_CACHE_MISS).role,
                   HF_CACHE_WAITER);
  assert_int_equal(reserve(cache, "a", 0, HF_CACHE_MISS).role, HF_CACHE_WAITER);
  assert_int_equal(reserve(cache, "a", END, HF_CACHE_MISS).role, HF_CACHE_LOADER);
  hf_cache_destroy(cache);

  options.load_lease_ns = UINT64_MAX;
  cache = cache_made(&options);
  (void)reserve(cache, "a", BEGINNING + 100 * SECOND, HF_CACHE_MISS);
  assert_int_equal(reserve(cache, "a", END, HF_CACHE_MISS).role, HF_CACHE_WAITER);
  hf_cache_destroy(cache);
}

/* What may come between the beginning of a load and its end. */
enum interference {
  PUT,
  PUT_AND_REMOVE,
  REMOVE,
  CLEAR,
  TAG,
  NAMESPACE,
  OUTER_NAMESPACE,
  HARMLESS_FROM_HERE,
  OTHER_PUT = HARMLESS_FROM_HERE,
  OTHER_REMOVE,
  OTHER_TAG,
  OTHER_NAMESPACE,
  EVICTIONS,
  READS,
  RESIZE,
  OTHER_LOAD,
  INTERFERENCES
};

static void interfere(hf_cache *cache, enum interference what) {
  uint64_t now_ns = BEGINNING + SECOND;
  switch (what) {
  case PUT:
    put_text(cache, "n:m:a", "put", now_ns);
    break;
  case PUT_AND_REMOVE:
    put_text(cache, "n:m:a", "put", now_ns);
    (void)remove_text(cache, "n:m:a", now_ns);
    break;
  case REMOVE:
    (void)remove_text(cache, "n:m:a", now_ns);
    break;
  case CLEAR:
    hf_cache_clear(cache, now_ns);
    break;
  case TAG:
    hf_cache_invalidate_tag(cache, 2);
    break;
  case NAMESPACE:
    assert_true(invalidate(cache, "n:m:"));
    break;
  case OUTER_NAMESPACE:
    assert_true(invalidate(cache, "n:"));
    break;
  case OTHER_PUT:
    put_text(cache, "n:m:b", "put", now_ns);
    break;
  case OTHER_REMOVE:
    (void)remove_text(cache, "n:m:b", now_ns);
    break;
  case OTHER_TAG:
    hf_cache_invalidate_tag(cache, 3);
    break;
  case OTHER_NAMESPACE:
    assert_true(invalidate(cache, "n:k:"));
    break;
  case EVICTIONS:
    for (uint64_t i = 0; i < 100; i++) {
      assert_int_equal(hf_cache_put(cache, &i, 8, "x", 1, now_ns, NULL, NULL), HF_OK);
    }
    break;
  case READS:
    (void)answer_of(cache, "n:m:a", now_ns);
    (void)hf_cache_maintain(cache, now_ns, 1000);
    break;
  case RESIZE:
    assert_int_equal(hf_cache_resize(cache, 4000, 0, now_ns, NULL), HF_OK);
    break;
  case OTHER_LOAD: {
    hf_cache_load load = reserve(cache, "n:m:b", now_ns, HF_CACHE_MISS);
    assert_int_equal(publish(cache, &load, "n:m:b", "1", now_ns), HF_OK);
    break;
  }
  case INTERFERENCES:
  default:
    fail();
  }
}

/* Whether what was loaded is good says nothing of whether there was something before. */
static void invariant_3_a_load_in_flight_is_not_published(void **state) {
  for (int stale = 0; stale < 2; stale++) {
    for (int what = 0; what < INTERFERENCES; what++) {
      hf_cache *cache = cache_of(policy_of(state), 20, NULL);
      declare(cache, "n:");
      declare(cache, "n:m:");
      declare(cache, "n:k:");
      uint32_t tags[] = {1, 2};
      hf_cache_entry_options entry = {
          .ttl_ns = 100 * SECOND, .soft_ttl_ns = MS, .tags = tags, .tag_count = 2};
      if (stale) {
        put_as(cache, "n:m:a", "old", BEGINNING, &entry);
      }
      hf_cache_load load =
          reserve(cache, "n:m:a", BEGINNING + 2 * MS, stale ? HF_CACHE_STALE : HF_CACHE_MISS);
      assert_int_equal(load.role, HF_CACHE_LOADER);
      interfere(cache, (enum interference)what);
      bool harmless = what >= HARMLESS_FROM_HERE;
      if (harmless) {
        hf_cache_answer answer = peek_of(cache, "n:m:a", BEGINNING + 2 * SECOND);
        hf_cache_load waiter = reserve(cache, "n:m:a", BEGINNING + 2 * SECOND, answer);
        assert_int_equal(waiter.role, answer == HF_CACHE_MISS ? HF_CACHE_WAITER : HF_CACHE_NO_LOAD);
      }
      hf_error error = test_untouched_error();
      hf_status status = hf_cache_publish(cache, &load, "n:m:a", 5, "loaded", 6,
                                          BEGINNING + 3 * SECOND, &entry, &error);
      if (status != (harmless ? HF_OK : HF_ERROR_LOAD_CANCELLED)) {
        test_fail("interference %d, stale %d: %s\n", what, stale, hf_status_name(status));
      }
      assert_contents(cache, BEGINNING + 3 * SECOND, "n:m:a",
                      harmless      ? "n:m:a=loaded"
                      : what == PUT ? "n:m:a=put"
                                    : "");
      hf_cache_statistics figures = hf_cache_statistics_read(cache);
      assert_int_equal(figures.loads_cancelled, !harmless);
      assert_int_equal(figures.loads, harmless + (what == OTHER_LOAD));
      hf_cache_destroy(cache);
    }
  }
}

/* Who asks after an invalidation loads anew, beside the one whose value nobody will see. */
static void after_an_invalidation_another_loads(void **state) {
  for (int what = REMOVE; what <= CLEAR; what++) {
    hf_cache *cache = cache_of(policy_of(state), 20, NULL);
    declare(cache, "n:");
    declare(cache, "n:m:");
    hf_cache_load first = reserve(cache, "n:m:a", BEGINNING, HF_CACHE_MISS);
    interfere(cache, (enum interference)what);
    hf_cache_load second = reserve(cache, "n:m:a", BEGINNING + SECOND, HF_CACHE_MISS);
    assert_int_equal(second.role, HF_CACHE_LOADER);
    assert_int_not_equal(second.number, first.number);
    assert_int_equal(publish(cache, &first, "n:m:a", "1", BEGINNING + SECOND),
                     HF_ERROR_LOAD_CANCELLED);
    assert_int_equal(reserve(cache, "n:m:a", BEGINNING + SECOND, HF_CACHE_MISS).number,
                     second.number);
    assert_int_equal(publish(cache, &second, "n:m:a", "2", BEGINNING + SECOND), HF_OK);
    assert_seen(cache, BEGINNING + SECOND, "n:m:a", "n:m:a=2");
    hf_cache_destroy(cache);
  }
}

/* The same number is never given twice, so that nobody ends another's load. */
static void loads_of_many_keys_stay_apart(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 5000, NULL);
  enum { LOADS = 3000 };
  static hf_cache_load loads[LOADS];
  for (uint64_t i = 0; i < LOADS; i++) {
    assert_int_equal(
        hf_cache_reserve(cache, &i, 8, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &loads[i]),
        HF_CACHE_MISS);
    assert_int_equal(loads[i].role, HF_CACHE_LOADER);
  }
  for (uint64_t i = 0; i < LOADS; i++) {
    hf_cache_load waiter;
    assert_int_equal(
        hf_cache_reserve(cache, &i, 8, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &waiter),
        HF_CACHE_MISS);
    assert_int_equal(waiter.role, HF_CACHE_WAITER);
    assert_int_equal(waiter.number, loads[i].number);
    /* Another key's loader does not end this one. */
    uint64_t other = (i + 1) % LOADS;
    if (other > i) {
      assert_int_equal(
          hf_cache_publish(cache, &loads[other], &i, 8, "no", 2, BEGINNING, NULL, NULL),
          HF_ERROR_LOAD_CANCELLED);
    }
    assert_int_equal(hf_cache_publish(cache, &loads[i], &i, 8, &i, 8, BEGINNING, NULL, NULL),
                     HF_OK);
  }
  for (uint64_t i = 0; i < LOADS; i++) {
    uint64_t value = 0;
    hf_cache_answer answer = hf_cache_peek(cache, &i, 8, BEGINNING, &value, 8, NULL);
    if (answer == HF_CACHE_HIT) {
      assert_int_equal(value, i);
    }
  }
  hf_cache_destroy(cache);
}

static void what_is_loaded_may_be_too_large(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 20, NULL);
  options.max_bytes = 1000;
  hf_cache *cache = cache_made(&options);
  static char large[2000];
  hf_cache_load load = reserve(cache, "a", BEGINNING, HF_CACHE_MISS);
  assert_int_equal(
      hf_cache_publish(cache, &load, "a", 1, large, sizeof large, BEGINNING, NULL, NULL),
      HF_ERROR_TOO_LARGE);
  /* It has ended all the same. */
  assert_int_equal(reserve(cache, "a", BEGINNING, HF_CACHE_MISS).role, HF_CACHE_LOADER);
  hf_cache_destroy(cache);
}

static void a_cache_may_go_while_somebody_loads(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 20, NULL);
  for (uint64_t i = 0; i < 500; i++) {
    hf_cache_load load;
    (void)hf_cache_reserve(cache, &i, 8, BEGINNING, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load);
  }
  hf_cache_destroy(cache); /* nothing leaks */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tag_is_the_hash_of_its_name),
      cache_test_of_both(invariant_3_no_entry_of_a_tag_is_found),
      cache_test_of_both(what_is_invalidated_is_nowhere),
      cache_test_of_both(an_entry_has_up_to_seven_tags),
      cache_test_of_both(tags_that_share_a_place_go_together_and_others_do_not),
      cache_test_of_both(memory_of_what_was_invalidated_comes_back),
      cache_test_of_both(memory_comes_back_however_much_is_invalidated),
      cache_test_of_both(putting_takes_it_back_as_well),
      cache_test_of_both(what_moves_during_a_sweep_is_not_passed_over),
      cache_test_of_both(namespaces_lie_within_each_other),
      cache_test_of_both(a_namespace_holds_for_what_is_put_later),
      cache_test_of_both(a_prefix_may_be_any_bytes),
      cache_test_of_both(there_are_up_to_64_namespaces),
      cache_test_of_both(namespaces_count_as_tags),
      cache_test_of_both(tags_and_namespaces_are_apart),
      cache_test_of_both(invariant_6_a_key_has_one_loader),
      cache_test_of_both(who_waits_is_told_whether_there_is_something_to_wait_for),
      cache_test_of_both(a_reservation_may_lend_the_value),
      cache_test_of_both(who_wants_a_value_loads_where_there_is_none),
      cache_test_of_both(what_is_handed_over_is_not_kept),
      cache_test_of_both(the_end_of_a_load_says_whether_its_value_is_true),
      cache_test_of_both(a_load_is_published_once),
      cache_test_of_both(what_is_loaded_may_be_a_negative_or_have_tags),
      cache_test_of_both(of_a_stale_value_one_loads_and_nobody_waits),
      cache_test_of_both(a_loader_that_hangs_is_given_up),
      cache_test_of_both(a_lease_is_over_to_the_nanosecond),
      cache_test_of_both(a_lease_ends_whatever_the_clock_does),
      cache_test_of_both(invariant_3_a_load_in_flight_is_not_published),
      cache_test_of_both(after_an_invalidation_another_loads),
      cache_test_of_both(loads_of_many_keys_stay_apart),
      cache_test_of_both(what_is_loaded_may_be_too_large),
      cache_test_of_both(a_cache_may_go_while_somebody_loads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
