/*
 * What the tests of the cache share: caches in a line, keys and values as text, and a log of what
 * went that reads "expired a=1; removed b=2".
 */
#ifndef HF_CACHE_TEST_H
#define HF_CACHE_TEST_H

#include <holdfast/cache.h>

#include "hf_test.h"

#define MS UINT64_C(1000000)
#define SECOND HF_CACHE_SECOND
#define DAY (86400 * SECOND)
/* When the tests' caches are made. */
#define BEGINNING (1000 * SECOND)
/* The latest time that is after it: 292 years; what is later than that counts as before it. */
#define END (BEGINNING + INT64_MAX)

enum { CACHE_TEXT_BYTES = 128, CACHE_LOG_BYTES = 8192 };

typedef struct cache_log {
  char text[CACHE_LOG_BYTES]; /* of the first that fit */
  size_t length;
  uint64_t causes[HF_CACHE_CAUSES];
} cache_log;

/* A test of both policies: its state points to one of them. */
extern hf_cache_policy cache_lru;
extern hf_cache_policy cache_s3fifo;
#define cache_test_of_lru(test)                                                                    \
  { #test " (lru)", test, NULL, NULL, &cache_lru }
#define cache_test_of_s3fifo(test)                                                                 \
  { #test " (s3fifo)", test, NULL, NULL, &cache_s3fifo }
#define cache_test_of_both(test) cache_test_of_lru(test), cache_test_of_s3fifo(test)
#define policy_of(state) (*(hf_cache_policy *)*(state))

/* With a log, which may be NULL; without a TTL. */
hf_cache_options cache_options(hf_cache_policy policy, uint64_t max_entries, cache_log *log);

/* Made at BEGINNING. */
hf_cache *cache_made(const hf_cache_options *options);
hf_cache *cache_of(hf_cache_policy policy, uint64_t max_entries, cache_log *log);

void put_text(hf_cache *cache, const char *key, const char *value, uint64_t now_ns);
void put_as(hf_cache *cache, const char *key, const char *value, uint64_t now_ns,
            const hf_cache_entry_options *options);
void put_for(hf_cache *cache, const char *key, const char *value, uint64_t now_ns, uint64_t ttl_ns);
bool remove_text(hf_cache *cache, const char *key, uint64_t now_ns);
hf_cache_answer answer_of(hf_cache *cache, const char *key, uint64_t now_ns);
hf_cache_answer peek_of(hf_cache *cache, const char *key, uint64_t now_ns);
uint64_t ttl_left_of(hf_cache *cache, const char *key, uint64_t now_ns);

/* "a=1" when it is a hit, "a~1" when it is stale, "a!" for negative, "a?" for a miss. Borrowed
 * until the next call. */
const char *seen(hf_cache *cache, const char *key, uint64_t now_ns);
#define assert_seen(cache, now_ns, key, expected)                                                  \
  assert_string_equal(seen(cache, key, now_ns), expected)

/* What hf_cache_peek() finds of "a b c": "a=1 c=3". Borrowed until the next call. */
const char *contents(hf_cache *cache, const char *keys, uint64_t now_ns);
#define assert_contents(cache, now_ns, keys, expected)                                             \
  assert_string_equal(contents(cache, keys, now_ns), expected)

/* What the log holds, which is emptied. */
#define assert_log(log, expected) (assert_string_equal((log)->text, expected), empty_log(log))
void empty_log(cache_log *log);

/* That the figures agree with each other, and with the limits; returns them. */
hf_cache_statistics check_figures(const hf_cache *cache, const hf_cache_options *options);

/* What an entry of such a size is charged. */
uint64_t charge_of(size_t key_bytes, size_t value_bytes, const hf_cache_entry_options *options);

/* Bytes that depend on the number alone. */
void fill_bytes(unsigned char *bytes, size_t count, uint64_t number);
bool bytes_are(const unsigned char *bytes, size_t count, uint64_t number);

#endif
