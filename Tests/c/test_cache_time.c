/*
 * What time does to a cache: deadlines to the nanosecond, soft ones too, TTLs that
 * slide, clocks that jump. Invariant 4 is here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache_test.h"

static void never_lent(void *context, const void *value, size_t value_bytes) {
  (void)context;
  (void)value;
  test_fail("%zu bytes were lent of what is not there\n", value_bytes);
}

static void invariant_4_nothing_is_found_at_its_deadline(void **state) {
  static const uint64_t ttls[] = {
      1,      2,          MS - 1,       MS,  MS + 1,    63 * MS,   67 * MS,    68 * MS,
      SECOND, 5 * SECOND, 300 * SECOND, DAY, 365 * DAY, 800 * DAY, 20000 * DAY};
  for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    hf_cache *cache = cache_of(policy_of(state), 10, NULL);
    put_for(cache, "a", "1", BEGINNING + 7, ttls[i]);
    uint64_t deadline = BEGINNING + 7 + ttls[i];
    assert_seen(cache, BEGINNING + 7, "a", "a=1");
    assert_true(ttl_left_of(cache, "a", BEGINNING + 7) == ttls[i]);
    assert_seen(cache, deadline - 1, "a", "a=1");
    assert_int_equal(ttl_left_of(cache, "a", deadline - 1), 1);
    assert_int_equal(peek_of(cache, "a", deadline), HF_CACHE_MISS);
    assert_int_equal(hf_cache_visit(cache, "a", 1, deadline, never_lent, NULL, NULL),
                     HF_CACHE_MISS);
    hf_cache_lookup lookup = {.key = "a", .key_bytes = 1};
    hf_cache_get_many(cache, &lookup, 1, deadline);
    assert_int_equal(lookup.answer, HF_CACHE_MISS);
    assert_seen(cache, deadline, "a", "a?");
    assert_seen(cache, deadline + 1, "a", "a?");
    assert_seen(cache, END, "a", "a?");
    hf_cache_destroy(cache);
  }
}

/* Also not their bytes: who is told that there is nothing may have lent memory that others read. */
static void what_expired_is_not_copied(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  put_for(cache, "a", "secret", BEGINNING, SECOND);
  char buffer[8] = "";
  assert_int_equal(hf_cache_get(cache, "a", 1, BEGINNING + SECOND, buffer, sizeof buffer, NULL),
                   HF_CACHE_MISS);
  assert_string_equal(buffer, "");
  hf_cache_destroy(cache);
}

static void an_entry_says_how_long_it_lives(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 10, NULL);
  options.ttl_ns = 10 * SECOND;
  hf_cache *cache = cache_made(&options);
  put_text(cache, "default", "1", BEGINNING);
  put_for(cache, "shorter", "1", BEGINNING, SECOND);
  put_for(cache, "longer", "1", BEGINNING, 100 * SECOND);
  put_for(cache, "none", "1", BEGINNING, HF_CACHE_NO_TTL);
  const char *all = "default shorter longer none";
  assert_contents(cache, BEGINNING + SECOND - 1, all, "default=1 shorter=1 longer=1 none=1");
  assert_contents(cache, BEGINNING + SECOND, all, "default=1 longer=1 none=1");
  assert_contents(cache, BEGINNING + 10 * SECOND - 1, all, "default=1 longer=1 none=1");
  assert_contents(cache, BEGINNING + 10 * SECOND, all, "longer=1 none=1");
  assert_contents(cache, BEGINNING + 100 * SECOND, all, "none=1");
  assert_contents(cache, END, all, "none=1");
  assert_true(ttl_left_of(cache, "none", END) == HF_CACHE_NO_TTL);
  /* Putting begins it anew, and may take it away or bring it. */
  put_text(cache, "none", "2", BEGINNING + 100 * SECOND);
  assert_contents(cache, BEGINNING + 110 * SECOND, all, "");
  put_for(cache, "default", "3", BEGINNING + 200 * SECOND, HF_CACHE_NO_TTL);
  assert_contents(cache, END, all, "default=3");
  hf_cache_destroy(cache);
}

static void negative_entries_have_a_ttl_of_their_own(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 10, NULL);
  options.ttl_ns = 100 * SECOND;
  hf_cache *cache = cache_made(&options);
  hf_cache_entry_options usual = {.negative = true};
  hf_cache_entry_options shorter = {.negative = true, .ttl_ns = SECOND};
  hf_cache_entry_options never = {.negative = true, .ttl_ns = HF_CACHE_NO_TTL};
  put_as(cache, "usual", "ignored", BEGINNING, &usual);
  put_as(cache, "shorter", "ignored", BEGINNING, &shorter);
  put_as(cache, "never", "ignored", BEGINNING, &never);
  const char *all = "usual shorter never";
  assert_contents(cache, BEGINNING + SECOND - 1, all, "usual! shorter! never!");
  assert_contents(cache, BEGINNING + SECOND, all, "usual! never!");
  assert_contents(cache, BEGINNING + 30 * SECOND - 1, all, "usual! never!");
  assert_contents(cache, BEGINNING + 30 * SECOND, all, "never!");
  hf_cache_found found = {9, 9};
  assert_int_equal(hf_cache_get(cache, "never", 5, BEGINNING, NULL, 0, &found), HF_CACHE_NEGATIVE);
  assert_int_equal(found.value_bytes, 0);
  put_text(cache, "never", "a value now", BEGINNING);
  assert_seen(cache, BEGINNING, "never", "never=a value now");
  put_as(cache, "never", "", BEGINNING, &usual);
  assert_seen(cache, BEGINNING, "never", "never!");
  hf_cache_destroy(cache);

  options.negative_ttl_ns = 2 * SECOND;
  cache = cache_made(&options);
  put_as(cache, "usual", "", BEGINNING, &usual);
  assert_contents(cache, BEGINNING + 2 * SECOND - 1, all, "usual!");
  assert_contents(cache, BEGINNING + 2 * SECOND, all, "");
  hf_cache_destroy(cache);
}

/* Sliding ---------------------------------------------------------------------- */

static void a_hit_begins_a_sliding_ttl_anew(void **state) {
  for (int by_cache = 0; by_cache < 2; by_cache++) {
    hf_cache_options options = cache_options(policy_of(state), 10, NULL);
    options.sliding = by_cache == 1;
    options.ttl_ns = 10 * SECOND;
    hf_cache *cache = cache_made(&options);
    hf_cache_entry_options entry = {.sliding = by_cache == 0};
    put_as(cache, "a", "1", BEGINNING, &entry);
    uint64_t now_ns = BEGINNING;
    for (int i = 0; i < 100; i++) {
      now_ns += 10 * SECOND - 1;
      hf_cache_found found;
      char value[4];
      assert_int_equal(peek_of(cache, "a", now_ns), HF_CACHE_HIT);
      assert_int_equal(ttl_left_of(cache, "a", now_ns), 1);
      assert_int_equal(hf_cache_get(cache, "a", 1, now_ns, value, sizeof value, &found),
                       HF_CACHE_HIT);
      assert_int_equal(found.ttl_left_ns, 10 * SECOND);
      /* The wheel finds it where it was, and leaves it. */
      assert_int_equal(hf_cache_maintain(cache, now_ns + 2 * MS, 100), 0);
    }
    assert_seen(cache, now_ns + 10 * SECOND, "a", "a?");
    hf_cache_destroy(cache);
  }
}

static void nodding(void *context, const void *value, size_t value_bytes) {
  (void)context;
  (void)value;
  (void)value_bytes;
}

static void every_kind_of_hit_slides(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  hf_cache_entry_options entry = {
      .ttl_ns = 10 * SECOND, .soft_ttl_ns = 17 * SECOND, .sliding = true};
  hf_cache_entry_options negative = {.ttl_ns = 10 * SECOND, .sliding = true, .negative = true};
  put_as(cache, "a", "1", BEGINNING, &entry);
  put_as(cache, "n", "", BEGINNING, &negative);
  uint64_t now_ns = BEGINNING + 4 * SECOND;
  assert_int_equal(hf_cache_visit(cache, "a", 1, now_ns, nodding, NULL, NULL), HF_CACHE_HIT);
  assert_int_equal(ttl_left_of(cache, "a", now_ns), 10 * SECOND);
  now_ns += 4 * SECOND;
  hf_cache_lookup lookup = {.key = "a", .key_bytes = 1};
  hf_cache_get_many(cache, &lookup, 1, now_ns);
  assert_int_equal(lookup.answer, HF_CACHE_NO_ROOM);
  assert_int_equal(ttl_left_of(cache, "a", now_ns), 10 * SECOND);
  now_ns += 4 * SECOND;
  hf_cache_load load;
  assert_int_equal(
      hf_cache_reserve(cache, "a", 1, now_ns, HF_CACHE_WANT_ANSWER, NULL, 0, NULL, &load),
      HF_CACHE_NO_ROOM);
  assert_int_equal(load.role, HF_CACHE_NO_LOAD);
  assert_int_equal(ttl_left_of(cache, "a", now_ns), 10 * SECOND);
  /* Peeking and showing do not. */
  now_ns += 4 * SECOND;
  assert_int_equal(peek_of(cache, "a", now_ns), HF_CACHE_HIT);
  assert_int_equal(ttl_left_of(cache, "a", now_ns), 6 * SECOND);
  hf_cache_destroy(cache);
}

static void without_a_ttl_there_is_nothing_to_slide(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 10, NULL);
  options.sliding = true;
  hf_cache *cache = cache_made(&options);
  put_text(cache, "a", "1", BEGINNING);
  assert_seen(cache, BEGINNING + DAY, "a", "a=1");
  assert_seen(cache, END, "a", "a=1");
  assert_true(ttl_left_of(cache, "a", BEGINNING) == HF_CACHE_NO_TTL);
  hf_cache_destroy(cache);
}

/* Soft ------------------------------------------------------------------------- */

static void past_its_soft_ttl_a_value_is_stale(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  static const uint64_t softs[] = {1, MS - 1, MS, MS + 1, SECOND, 5 * SECOND + 1, 9999 * MS};
  for (size_t i = 0; i < sizeof softs / sizeof softs[0]; i++) {
    hf_cache_entry_options entry = {.ttl_ns = 10 * SECOND, .soft_ttl_ns = softs[i]};
    put_as(cache, "a", "1", BEGINNING, &entry);
    assert_seen(cache, BEGINNING, "a", "a=1");
    assert_seen(cache, BEGINNING + softs[i] - 1, "a", "a=1");
    assert_seen(cache, BEGINNING + softs[i], "a", "a~1");
    assert_seen(cache, BEGINNING + 10 * SECOND - 1, "a", "a~1");
    assert_seen(cache, BEGINNING + 10 * SECOND, "a", "a?");
  }
  hf_cache_destroy(cache);
}

/* With a TTL that is no whole number of milliseconds. */
static void a_soft_ttl_does_not_depend_on_what_the_ttl_is(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  static const uint64_t ttls[] = {2 * SECOND + 1, 2 * SECOND + MS - 1, 100 * DAY + 333,
                                  1000 * DAY + 1, 20000 * DAY};
  static const uint64_t softs[] = {MS, SECOND, 1999 * MS};
  for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    for (size_t j = 0; j < sizeof softs / sizeof softs[0]; j++) {
      hf_cache_entry_options entry = {.ttl_ns = ttls[i], .soft_ttl_ns = softs[j]};
      put_as(cache, "a", "1", BEGINNING + 5, &entry);
      assert_seen(cache, BEGINNING + 5 + softs[j] - 1, "a", "a=1");
      assert_seen(cache, BEGINNING + 5 + softs[j], "a", "a~1");
    }
  }
  hf_cache_destroy(cache);
}

static void a_soft_ttl_may_be_of_any_length(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  hf_cache_entry_options longest = {.ttl_ns = 400 * DAY, .soft_ttl_ns = 200 * DAY};
  put_as(cache, "a", "1", BEGINNING, &longest);
  assert_seen(cache, BEGINNING + 200 * DAY - 1, "a", "a=1");
  assert_seen(cache, BEGINNING + 200 * DAY, "a", "a~1");
  /* No earlier than the TTL is none at all. */
  hf_cache_entry_options late = {.ttl_ns = 10 * SECOND, .soft_ttl_ns = 10 * SECOND};
  put_as(cache, "a", "1", BEGINNING, &late);
  assert_seen(cache, BEGINNING + 10 * SECOND - 1, "a", "a=1");
  assert_seen(cache, BEGINNING + 10 * SECOND, "a", "a?");
  late.soft_ttl_ns = UINT64_MAX;
  put_as(cache, "a", "1", BEGINNING, &late);
  assert_seen(cache, BEGINNING + 10 * SECOND - 1, "a", "a=1");
  assert_seen(cache, BEGINNING + 10 * SECOND, "a", "a?");
  hf_cache_destroy(cache);
}

static void a_value_without_a_ttl_may_become_stale(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  hf_cache_entry_options entry = {.ttl_ns = HF_CACHE_NO_TTL, .soft_ttl_ns = SECOND};
  put_as(cache, "a", "1", BEGINNING, &entry);
  assert_seen(cache, BEGINNING + SECOND - 1, "a", "a=1");
  assert_seen(cache, BEGINNING + SECOND, "a", "a~1");
  assert_seen(cache, BEGINNING + 1000 * DAY, "a", "a~1");
  assert_true(ttl_left_of(cache, "a", BEGINNING + DAY) == HF_CACHE_NO_TTL);
  hf_cache_destroy(cache);
}

/* It is about how old the value is: so what is asked for all the time is loaded anew all the same.
 */
static void a_soft_ttl_does_not_slide(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  hf_cache_entry_options entry = {
      .ttl_ns = 10 * SECOND, .soft_ttl_ns = 16 * SECOND, .sliding = true};
  put_as(cache, "a", "1", BEGINNING, &entry);
  for (uint64_t second = 3; second < 16; second += 3) {
    assert_seen(cache, BEGINNING + second * SECOND, "a", "a=1");
  }
  for (uint64_t second = 16; second < 60; second += 3) {
    assert_seen(cache, BEGINNING + second * SECOND, "a", "a~1");
  }
  hf_cache_load load;
  assert_int_equal(hf_cache_reserve(cache, "a", 1, BEGINNING + 60 * SECOND, HF_CACHE_WANT_ANSWER,
                                    NULL, 0, NULL, &load),
                   HF_CACHE_NO_ROOM);
  char value[1];
  assert_int_equal(hf_cache_reserve(cache, "a", 1, BEGINNING + 60 * SECOND, HF_CACHE_WANT_ANSWER,
                                    value, 1, NULL, &load),
                   HF_CACHE_STALE);
  assert_int_equal(load.role, HF_CACHE_LOADER);
  hf_cache_destroy(cache);
}

static void an_entry_may_be_fixed_where_others_slide(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 10, NULL);
  options.ttl_ns = 10 * SECOND;
  options.sliding = true;
  hf_cache *cache = cache_made(&options);
  hf_cache_entry_options fixed = {.fixed = true};
  put_as(cache, "a", "1", BEGINNING, &fixed);
  put_as(cache, "b", "2", BEGINNING, NULL);
  assert_seen(cache, BEGINNING + 9 * SECOND, "a", "a=1");
  assert_seen(cache, BEGINNING + 9 * SECOND, "b", "b=2");
  assert_seen(cache, BEGINNING + 10 * SECOND, "a", "a?");
  assert_seen(cache, BEGINNING + 10 * SECOND, "b", "b=2");
  hf_cache_destroy(cache);
}

/* Clearing away ----------------------------------------------------------------- */

static void what_expired_is_cleared_away_before_somebody_asks(void **state) {
  static const uint64_t ttls[] = {MS, 100 * MS, SECOND, 300 * SECOND, DAY, 3000 * DAY};
  for (size_t i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
    hf_cache *cache = cache_made(&options);
    for (uint64_t key = 0; key < 500; key++) {
      hf_cache_entry_options entry = {.ttl_ns = key % 5 == 0 ? 0 : ttls[i] + key};
      assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, BEGINNING, &entry, NULL), HF_OK);
    }
    assert_int_equal(hf_cache_maintain(cache, BEGINNING + ttls[i], 100000), 0);
    assert_int_equal(hf_cache_maintain(cache, BEGINNING + ttls[i] + 2 * MS, 0), 0);
    size_t cleared = hf_cache_maintain(cache, BEGINNING + ttls[i] + 3 * MS, 100000);
    assert_int_equal(cleared, 400);
    hf_cache_statistics figures = check_figures(cache, &options);
    assert_int_equal(figures.entries, 100);
    assert_int_equal(figures.removals[HF_CACHE_EXPIRED], 400);
    assert_int_equal(hf_cache_maintain(cache, END, 100000), 0);
    hf_cache_destroy(cache);
  }
}

static void a_budget_is_kept(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  for (uint64_t key = 0; key < 1000; key++) {
    hf_cache_entry_options entry = {.ttl_ns = SECOND + key * MS};
    assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, BEGINNING, &entry, NULL), HF_OK);
  }
  size_t cleared = 0;
  unsigned calls = 0;
  while (cleared < 1000) {
    size_t now = hf_cache_maintain(cache, BEGINNING + DAY, 10);
    assert_true(now <= 10);
    cleared += now;
    assert_int_equal(check_figures(cache, &options).entries, 1000 - cleared);
    calls++;
    assert_true(calls < 2000); /* some of it is for passing entries on within the wheel */
  }
  hf_cache_destroy(cache);
}

/* At once with budget enough for all; and with little of it, whatever part has most to do. */
static void every_part_is_cleared_away(void **state) {
  (void)state;
  for (size_t budget = 6; budget < 100000; budget *= 100) {
    hf_cache_options options = cache_options(HF_CACHE_S3FIFO, 4000, NULL);
    options.parts = 16;
    hf_cache *cache = cache_made(&options);
    for (uint64_t key = 0; key < 800; key++) {
      hf_cache_entry_options entry = {.ttl_ns = SECOND};
      assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, BEGINNING, &entry, NULL), HF_OK);
    }
    size_t cleared = 0;
    unsigned calls = 0;
    while (cleared < 800) {
      size_t now = hf_cache_maintain(cache, BEGINNING + DAY, budget);
      assert_true(now <= budget);
      cleared += now;
      calls++;
      assert_true(calls < 1000);
    }
    assert_true(budget < 60000 || calls == 1);
    assert_int_equal(check_figures(cache, &options).entries, 0);
    hf_cache_destroy(cache);
  }
}

static void putting_clears_a_little(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  for (uint64_t key = 0; key < 200; key++) {
    hf_cache_entry_options entry = {.ttl_ns = SECOND};
    assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, BEGINNING, &entry, NULL), HF_OK);
  }
  uint64_t before = 0;
  for (uint64_t i = 0; i < 200; i++) {
    put_text(cache, "x", "1", BEGINNING + DAY);
    uint64_t expired = hf_cache_statistics_read(cache).removals[HF_CACHE_EXPIRED];
    assert_true(expired - before <= 8);
    before = expired;
  }
  assert_int_equal(before, 200);
  assert_int_equal(check_figures(cache, &options).entries, 1);
  hf_cache_destroy(cache);
}

static void a_reader_finds_out_what_expired(void **state) {
  cache_log log;
  hf_cache *cache = cache_of(policy_of(state), 10, &log);
  put_for(cache, "a", "1", BEGINNING, SECOND);
  assert_seen(cache, BEGINNING + SECOND, "a", "a?");
  put_text(cache, "a", "2", BEGINNING + SECOND);
  assert_seen(cache, BEGINNING + SECOND, "a", "a=2");
  assert_log(&log, "expired a=1");
  hf_cache_destroy(cache);
}

/* Clocks ------------------------------------------------------------------------ */

static void times_before_the_beginning_are_the_beginning(void **state) {
  hf_cache *cache = cache_of(policy_of(state), 10, NULL);
  put_for(cache, "a", "1", 0, SECOND);
  put_for(cache, "b", "1", BEGINNING - 1, SECOND);
  assert_int_equal(ttl_left_of(cache, "a", 0), SECOND);
  assert_int_equal(ttl_left_of(cache, "a", BEGINNING), SECOND);
  assert_contents(cache, 0, "a b", "a=1 b=1");
  assert_int_equal(hf_cache_maintain(cache, 0, 100), 0);
  assert_contents(cache, BEGINNING + SECOND - 1, "a b", "a=1 b=1");
  assert_true(remove_text(cache, "a", 0));
  assert_contents(cache, BEGINNING + SECOND, "b", "");
  hf_cache_clear(cache, 0);
  assert_int_equal(hf_cache_resize(cache, 20, 0, 0, NULL), HF_OK);
  hf_cache_destroy(cache);
}

static void a_clock_that_goes_back_lengthens_nothing(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100, NULL);
  hf_cache *cache = cache_made(&options);
  put_for(cache, "a", "1", BEGINNING + 100 * SECOND, 10 * SECOND);
  assert_seen(cache, BEGINNING + 50 * SECOND, "a", "a=1");
  assert_int_equal(ttl_left_of(cache, "a", BEGINNING + 50 * SECOND), 60 * SECOND);
  /* The wheel is ahead; an entry whose deadline it has passed is cleared away all the same. */
  assert_int_equal(hf_cache_maintain(cache, BEGINNING + 105 * SECOND, 1000), 0);
  put_for(cache, "b", "2", BEGINNING + 50 * SECOND, 10 * SECOND);
  assert_seen(cache, BEGINNING + 60 * SECOND - 1, "b", "b=2");
  assert_seen(cache, BEGINNING + 60 * SECOND, "b", "b?");
  put_for(cache, "b", "2", BEGINNING + 50 * SECOND, 10 * SECOND);
  (void)hf_cache_maintain(cache, BEGINNING + 106 * SECOND, 1000);
  assert_int_equal(check_figures(cache, &options).entries, 1);
  assert_contents(cache, BEGINNING + 109 * SECOND, "a b", "a=1");
  (void)hf_cache_maintain(cache, BEGINNING + 111 * SECOND, 1000);
  assert_int_equal(check_figures(cache, &options).entries, 0);
  hf_cache_destroy(cache);
}

static void a_jump_over_years_expires_all(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
  hf_cache *cache = cache_made(&options);
  uint64_t now_ns = BEGINNING;
  static const uint64_t jumps[] = {MS, SECOND, DAY, 700 * DAY, 1500 * DAY, 5000 * DAY, 20000 * DAY};
  for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
    for (uint64_t key = 0; key < 100; key++) {
      hf_cache_entry_options entry = {.ttl_ns = 1 + jumps[i] / 100 * key};
      assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, now_ns, &entry, NULL), HF_OK);
    }
    now_ns += jumps[i];
    for (uint64_t key = 0; key < 100; key++) {
      assert_int_equal(hf_cache_peek(cache, &key, 8, now_ns, NULL, 0, NULL), HF_CACHE_MISS);
    }
    now_ns += 3 * MS;
    (void)hf_cache_maintain(cache, now_ns, 1000);
    assert_int_equal(check_figures(cache, &options).entries, 0);
  }
  hf_cache_destroy(cache);
}

/* Only the time since the beginning counts: a clock may pass 2^64. */
static void a_clock_may_wrap_around(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100, NULL);
  hf_cache *cache = NULL;
  uint64_t start = UINT64_MAX - 100 * SECOND;
  assert_int_equal(hf_cache_create(&options, start, NULL, &cache, NULL), HF_OK);
  put_for(cache, "before", "1", start, 99 * SECOND);
  put_for(cache, "after", "2", start, 110 * SECOND);
  put_for(cache, "far", "3", start, HF_CACHE_NO_TTL - 1);
  hf_cache_entry_options soft = {.ttl_ns = 200 * SECOND, .soft_ttl_ns = 150 * SECOND};
  put_as(cache, "soft", "4", start, &soft);
  const char *all = "before after far soft";
  assert_contents(cache, start - 1, all, "before=1 after=2 far=3 soft=4");
  assert_contents(cache, start + 99 * SECOND - 1, all, "before=1 after=2 far=3 soft=4");
  assert_contents(cache, start + 99 * SECOND, all, "after=2 far=3 soft=4");
  (void)hf_cache_maintain(cache, start + 99 * SECOND + 2 * MS, 1000);
  assert_int_equal(check_figures(cache, &options).entries, 3);
  assert_contents(cache, UINT64_MAX, all, "after=2 far=3 soft=4");
  assert_int_equal(hf_cache_maintain(cache, UINT64_MAX, 1000), 0);
  assert_contents(cache, start + 110 * SECOND - 1, all, "after=2 far=3 soft=4");
  assert_contents(cache, start + 110 * SECOND, all, "far=3 soft=4");
  assert_contents(cache, start + 150 * SECOND, all, "far=3 soft~4");
  assert_contents(cache, start + 200 * SECOND, all, "far=3");
  assert_contents(cache, start + INT64_MAX, all, "far=3");
  hf_cache_destroy(cache);
}

static void a_ttl_may_reach_beyond_the_end_of_time(void **state) {
  hf_cache_options options = cache_options(policy_of(state), 100, NULL);
  hf_cache *cache = cache_made(&options);
  hf_cache_entry_options entry = {
      .ttl_ns = HF_CACHE_NO_TTL - 1, .soft_ttl_ns = HF_CACHE_NO_TTL - 2, .sliding = true};
  put_as(cache, "a", "1", BEGINNING, &entry);
  put_as(cache, "b", "1", BEGINNING + SECOND, &entry);
  put_as(cache, "c", "1", END, &entry);
  put_for(cache, "d", "1", END - 1, 1);
  const char *all = "a b c d";
  assert_contents(cache, BEGINNING, all, "a=1 b=1 c=1 d=1");
  assert_seen(cache, END - 1, "a", "a=1");
  assert_seen(cache, END - 1, "b", "b=1");
  assert_seen(cache, END - 1, "c", "c=1");
  assert_contents(cache, END, all, "a=1 b=1 c=1");
  (void)hf_cache_maintain(cache, END, 1000);
  assert_contents(cache, END, all, "a=1 b=1 c=1");
  hf_cache_destroy(cache);
}

/* Entries of any TTL under a clock that jumps both ways: each is there until its deadline, and
 * never after. */
static void any_clock_any_ttl(void **state) {
  test_random random = test_random_start("cache clock");
  enum { KEYS = 300 };
  static uint64_t deadlines[KEYS];
  for (unsigned round = 0; round < 20; round++) {
    hf_cache_options options = cache_options(policy_of(state), 1000, NULL);
    hf_cache *cache = cache_made(&options);
    memset(deadlines, 0, sizeof deadlines);
    uint64_t latest = BEGINNING;
    for (unsigned i = 0; i < 5000; i++) {
      uint64_t now_ns = latest;
      uint32_t how = test_random_below(&random, 100);
      if (how < 60) {
        now_ns += test_random_below(&random, 1000000);
      } else if (how < 70) {
        now_ns += test_random_next(&random) >> (24 + test_random_below(&random, 30));
      } else {
        now_ns -= test_random_next(&random) % (latest - BEGINNING + 1);
      }
      uint64_t key = test_random_below(&random, KEYS);
      if (i % 3 == 0) {
        uint64_t ttl = 1 + (test_random_next(&random) >> (12 + test_random_below(&random, 50)));
        hf_cache_entry_options entry = {.ttl_ns = ttl};
        assert_int_equal(hf_cache_put(cache, &key, 8, &key, 8, now_ns, &entry, NULL), HF_OK);
        deadlines[key] = now_ns + ttl;
      } else {
        uint64_t value = 0;
        hf_cache_found found;
        hf_cache_answer answer = hf_cache_get(cache, &key, 8, now_ns, &value, sizeof value, &found);
        if (now_ns >= deadlines[key]) {
          assert_int_equal(answer, HF_CACHE_MISS);
        } else if (latest < deadlines[key]) {
          assert_int_equal(answer, HF_CACHE_HIT);
        }
        if (answer == HF_CACHE_HIT) {
          assert_int_equal(value, key);
          assert_true(found.ttl_left_ns == deadlines[key] - now_ns);
        }
      }
      latest = now_ns > latest ? now_ns : latest;
    }
    hf_cache_statistics figures = check_figures(cache, &options);
    assert_int_equal(figures.removals[HF_CACHE_EVICTED_BY_COUNT], 0);
    (void)hf_cache_maintain(cache, END, 100000);
    assert_int_equal(check_figures(cache, &options).entries, 0);
    hf_cache_destroy(cache);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cache_test_of_both(invariant_4_nothing_is_found_at_its_deadline),
      cache_test_of_both(what_expired_is_not_copied),
      cache_test_of_both(an_entry_says_how_long_it_lives),
      cache_test_of_both(negative_entries_have_a_ttl_of_their_own),
      cache_test_of_both(a_hit_begins_a_sliding_ttl_anew),
      cache_test_of_both(every_kind_of_hit_slides),
      cache_test_of_both(without_a_ttl_there_is_nothing_to_slide),
      cache_test_of_both(past_its_soft_ttl_a_value_is_stale),
      cache_test_of_both(a_soft_ttl_does_not_depend_on_what_the_ttl_is),
      cache_test_of_both(a_soft_ttl_may_be_of_any_length),
      cache_test_of_both(a_value_without_a_ttl_may_become_stale),
      cache_test_of_both(a_soft_ttl_does_not_slide),
      cache_test_of_both(an_entry_may_be_fixed_where_others_slide),
      cache_test_of_both(what_expired_is_cleared_away_before_somebody_asks),
      cache_test_of_both(a_budget_is_kept),
      cmocka_unit_test(every_part_is_cleared_away),
      cache_test_of_both(putting_clears_a_little),
      cache_test_of_both(a_reader_finds_out_what_expired),
      cache_test_of_both(times_before_the_beginning_are_the_beginning),
      cache_test_of_both(a_clock_that_goes_back_lengthens_nothing),
      cache_test_of_both(a_jump_over_years_expires_all),
      cache_test_of_both(a_clock_may_wrap_around),
      cache_test_of_both(a_ttl_may_reach_beyond_the_end_of_time),
      cache_test_of_both(any_clock_any_ttl),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
