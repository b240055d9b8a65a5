#include "cache_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hf_cache_policy cache_lru = HF_CACHE_LRU;
hf_cache_policy cache_s3fifo = HF_CACHE_S3FIFO;

static void log_removal(void *context, const void *key, size_t key_bytes, const void *value,
                        size_t value_bytes, hf_cache_cause cause) {
  cache_log *log = context;
  assert_true((int)cause >= 0 && cause < HF_CACHE_CAUSES);
  log->causes[cause]++;
  size_t room = sizeof log->text - log->length;
  int length = snprintf(log->text + log->length, room, "%s%s %.*s=%.*s",
                        log->length == 0 ? "" : "; ", hf_cache_cause_name(cause), (int)key_bytes,
                        (const char *)key, (int)value_bytes, (const char *)value);
  if (length > 0 && (size_t)length < room) {
    log->length += (size_t)length;
  } else {
    log->text[log->length] = '\0';
  }
}

void empty_log(cache_log *log) {
  log->text[0] = '\0';
  log->length = 0;
}

hf_cache_options cache_options(hf_cache_policy policy, uint64_t max_entries, cache_log *log) {
  hf_cache_options options = hf_cache_options_default();
  options.policy = policy;
  options.max_entries = max_entries;
  options.seed = 20241121;
  if (log != NULL) {
    memset(log, 0, sizeof *log);
    options.on_removal = log_removal;
    options.context = log;
  }
  return options;
}

hf_cache *cache_made(const hf_cache_options *options) {
  hf_cache *cache = NULL;
  hf_error error;
  if (hf_cache_create(options, BEGINNING, NULL, &cache, &error) != HF_OK) {
    test_fail("%s: %s\n", hf_status_name(error.status), error.message);
  }
  assert_non_null(cache);
  return cache;
}

hf_cache *cache_of(hf_cache_policy policy, uint64_t max_entries, cache_log *log) {
  hf_cache_options options = cache_options(policy, max_entries, log);
  return cache_made(&options);
}

void put_as(hf_cache *cache, const char *key, const char *value, uint64_t now_ns,
            const hf_cache_entry_options *options) {
  hf_error error;
  if (hf_cache_put(cache, key, strlen(key), value, strlen(value), now_ns, options, &error) !=
      HF_OK) {
    test_fail("%s: %s\n", hf_status_name(error.status), error.message);
  }
}

void put_text(hf_cache *cache, const char *key, const char *value, uint64_t now_ns) {
  put_as(cache, key, value, now_ns, NULL);
}

void put_for(hf_cache *cache, const char *key, const char *value, uint64_t now_ns,
             uint64_t ttl_ns) {
  hf_cache_entry_options options = {.ttl_ns = ttl_ns};
  put_as(cache, key, value, now_ns, &options);
}

bool remove_text(hf_cache *cache, const char *key, uint64_t now_ns) {
  return hf_cache_remove(cache, key, strlen(key), now_ns);
}

hf_cache_answer answer_of(hf_cache *cache, const char *key, uint64_t now_ns) {
  char value[CACHE_TEXT_BYTES];
  return hf_cache_get(cache, key, strlen(key), now_ns, value, sizeof value, NULL);
}

hf_cache_answer peek_of(hf_cache *cache, const char *key, uint64_t now_ns) {
  char value[CACHE_TEXT_BYTES];
  return hf_cache_peek(cache, key, strlen(key), now_ns, value, sizeof value, NULL);
}

uint64_t ttl_left_of(hf_cache *cache, const char *key, uint64_t now_ns) {
  hf_cache_found found = {7, 7};
  char value[CACHE_TEXT_BYTES];
  (void)hf_cache_peek(cache, key, strlen(key), now_ns, value, sizeof value, &found);
  return found.ttl_left_ns;
}

/* How the text ends that says what was found. */
static void describe(char *text, size_t room, const char *key, hf_cache_answer answer,
                     const char *value, size_t value_bytes) {
  switch (answer) {
  case HF_CACHE_MISS:
    snprintf(text, room, "%s?", key);
    break;
  case HF_CACHE_HIT:
    snprintf(text, room, "%s=%.*s", key, (int)value_bytes, value);
    break;
  case HF_CACHE_STALE:
    snprintf(text, room, "%s~%.*s", key, (int)value_bytes, value);
    break;
  case HF_CACHE_NEGATIVE:
    snprintf(text, room, "%s!", key);
    break;
  case HF_CACHE_NO_ROOM:
  default:
    test_fail("%s: answer %s\n", key, hf_cache_answer_name(answer));
  }
}

const char *seen(hf_cache *cache, const char *key, uint64_t now_ns) {
  static char text[2 * CACHE_TEXT_BYTES];
  char value[CACHE_TEXT_BYTES];
  hf_cache_found found;
  hf_cache_answer answer =
      hf_cache_get(cache, key, strlen(key), now_ns, value, sizeof value, &found);
  describe(text, sizeof text, key, answer, value, found.value_bytes);
  return text;
}

const char *contents(hf_cache *cache, const char *keys, uint64_t now_ns) {
  static char text[CACHE_LOG_BYTES];
  size_t length = 0;
  text[0] = '\0';
  const char *at = keys;
  while (*at != '\0') {
    size_t bytes = strcspn(at, " ");
    char key[CACHE_TEXT_BYTES];
    char value[CACHE_TEXT_BYTES];
    assert_true(bytes < sizeof key);
    memcpy(key, at, bytes);
    key[bytes] = '\0';
    hf_cache_found found;
    hf_cache_answer answer = hf_cache_peek(cache, key, bytes, now_ns, value, sizeof value, &found);
    if (answer != HF_CACHE_MISS) {
      if (length > 0) {
        text[length++] = ' ';
      }
      describe(text + length, sizeof text - length, key, answer, value, found.value_bytes);
      length += strlen(text + length);
    }
    at += bytes;
    at += strspn(at, " ");
  }
  return text;
}

hf_cache_statistics check_figures(const hf_cache *cache, const hf_cache_options *options) {
  hf_cache_statistics figures = hf_cache_statistics_read(cache);
  assert_true(figures.entries <= options->max_entries);
  assert_true(options->max_bytes == 0 || figures.charged_bytes <= options->max_bytes);
  uint64_t gone = 0;
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    gone += figures.removals[cause];
  }
  assert_int_equal(figures.puts, figures.entries + gone);
  assert_int_equal(figures.entries == 0, figures.charged_bytes == 0);
  return figures;
}

uint64_t charge_of(size_t key_bytes, size_t value_bytes, const hf_cache_entry_options *options) {
  hf_cache *cache = cache_of(HF_CACHE_LRU, 1, NULL);
  void *bytes = calloc(1, key_bytes + value_bytes + 1);
  assert_non_null(bytes);
  assert_int_equal(
      hf_cache_put(cache, bytes, key_bytes, bytes, value_bytes, BEGINNING, options, NULL), HF_OK);
  uint64_t charge = hf_cache_statistics_read(cache).charged_bytes;
  free(bytes);
  hf_cache_destroy(cache);
  return charge;
}

static unsigned char byte_of(uint64_t number, size_t at) {
  return (unsigned char)((number * UINT64_C(0x9e3779b97f4a7c15) + at * 0x9d) >> (at % 8 * 7));
}

void fill_bytes(unsigned char *bytes, size_t count, uint64_t number) {
  for (size_t i = 0; i < count; i++) {
    bytes[i] = byte_of(number, i);
  }
}

bool bytes_are(const unsigned char *bytes, size_t count, uint64_t number) {
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] != byte_of(number, i)) {
      return false;
    }
  }
  return true;
}
