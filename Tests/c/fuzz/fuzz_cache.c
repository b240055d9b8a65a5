/*
 * A fuzz target for the calls of a cache.
 *
 * The first bytes choose the limits, the rest are calls, a byte for which and a few for with what.
 * They go to two caches, one of each policy, and to what is known of any cache: what was put last
 * is found as it was, until it is told that it went, has expired or was invalidated; nothing else
 * is found; limits hold; figures agree. Anything else aborts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/cache.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 16, TAGS = 3, SPACE = TAGS, MOST_KEY_BYTES = 1200, MOST_VALUE_BYTES = 4096 };

#define NEVER UINT64_MAX

#define REQUIRE(truth)                                                                             \
  do {                                                                                             \
    if (!(truth)) {                                                                                \
      fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #truth);                          \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

/* What is known ------------------------------------------------------------------ */

typedef struct known {
  bool there;
  bool negative;
  bool sliding;
  uint8_t value; /* each byte of it */
  size_t value_bytes;
  uint64_t deadline;
  uint64_t soft;
  uint64_t ttl;
  uint64_t born;
  uint64_t used;
  unsigned tags;
} known;

/* One of the two caches. */
typedef struct side {
  hf_cache *cache;
  hf_cache_options options;
  known keys[KEYS];
  uint64_t entries;
  uint64_t gone;
  uint64_t puts;
  hf_cache_load loads[KEYS];
  hf_cache_load handle;
  size_t handle_key;
} side;

static side sides[2];
static uint64_t now_ns;
static uint64_t step;
static uint64_t invalidated[TAGS + 1];

static uint8_t keys[KEYS][MOST_KEY_BYTES];
static const size_t key_bytes[KEYS] = {0,  1,  2,  3,  7,  8,   9,   15,
                                       16, 17, 32, 33, 64, 100, 300, MOST_KEY_BYTES};

static size_t number_of(const void *key, size_t bytes) {
  for (size_t i = 0; i < KEYS; i++) {
    if (key_bytes[i] == bytes && (bytes == 0 || memcmp(keys[i], key, bytes) == 0)) {
      return i;
    }
  }
  fprintf(stderr, "broken: a key of %zu bytes that nobody put\n", bytes);
  abort();
}

static bool is_invalidated(const known *of) {
  for (unsigned tag = 0; tag <= TAGS; tag++) {
    if ((of->tags >> tag & 1) != 0 && invalidated[tag] > of->born) {
      return true;
    }
  }
  return false;
}

static bool is_live(const known *of) {
  return of->there && now_ns < of->deadline && !is_invalidated(of);
}

static void check_bytes(const known *of, const uint8_t *value, size_t bytes) {
  REQUIRE(bytes == of->value_bytes);
  for (size_t i = 0; i < bytes; i++) {
    REQUIRE(value[i] == of->value);
  }
}

static void hear(void *context, const void *key, size_t bytes, const void *value,
                 size_t value_bytes, hf_cache_cause cause) {
  side *at = context;
  known *of = &at->keys[number_of(key, bytes)];
  REQUIRE(of->there);
  check_bytes(of, value, value_bytes);
  REQUIRE(cause != HF_CACHE_EXPIRED || of->deadline <= now_ns);
  REQUIRE(cause != HF_CACHE_INVALIDATED || is_invalidated(of));
  if (at->options.policy == HF_CACHE_LRU &&
      (cause == HF_CACHE_EVICTED_BY_COUNT || cause == HF_CACHE_EVICTED_BY_BYTES)) {
    for (size_t i = 0; i < KEYS; i++) {
      REQUIRE(!at->keys[i].there || at->keys[i].used >= of->used);
    }
  }
  of->there = false;
  at->entries--;
  at->gone++;
}

/* Calls -------------------------------------------------------------------------- */

typedef struct input {
  const uint8_t *data;
  size_t left;
} input;

static uint8_t next(input *from) {
  if (from->left == 0) {
    return 0;
  }
  from->left--;
  return *from->data++;
}

/* A time from nothing to years. */
static uint64_t next_time(input *from) {
  uint8_t byte = next(from);
  return (uint64_t)(byte & 0x0F) << (byte >> 4) * 4 % 56;
}

static uint64_t plus(uint64_t a, uint64_t b) {
  return b >= NEVER - a ? NEVER : a + b;
}

static hf_cache_answer expected_answer(known *of, bool use, size_t capacity) {
  if (!is_live(of)) {
    return HF_CACHE_MISS;
  }
  if (use) {
    of->used = ++step;
    uint64_t deadline = plus(now_ns, of->ttl);
    if (of->sliding && of->deadline != NEVER && deadline > of->deadline) {
      of->deadline = deadline;
    }
  }
  if (of->negative) {
    return HF_CACHE_NEGATIVE;
  }
  if (of->value_bytes > capacity) {
    return HF_CACHE_NO_ROOM;
  }
  return of->soft <= now_ns ? HF_CACHE_STALE : HF_CACHE_HIT;
}

static void look_up(side *at, size_t key, uint8_t how) {
  static uint8_t buffer[MOST_VALUE_BYTES];
  known *of = &at->keys[key];
  size_t capacity = how % 4 == 0 ? how / 4 : sizeof buffer;
  known before = *of;
  hf_cache_answer expected = expected_answer(of, how % 2 == 0, capacity);
  hf_cache_found found;
  hf_cache_answer answer =
      how % 2 == 0
          ? hf_cache_get(at->cache, keys[key], key_bytes[key], now_ns, buffer, capacity, &found)
          : hf_cache_peek(at->cache, keys[key], key_bytes[key], now_ns, buffer, capacity, &found);
  REQUIRE(answer == expected);
  if (answer == HF_CACHE_HIT || answer == HF_CACHE_STALE) {
    check_bytes(&before, buffer, found.value_bytes);
  }
  if (answer != HF_CACHE_MISS) {
    REQUIRE(found.ttl_left_ns == (of->deadline == NEVER ? HF_CACHE_NO_TTL : of->deadline - now_ns));
  }
}

typedef struct wish {
  hf_cache_entry_options options;
  uint32_t tags[TAGS];
  unsigned tag_bits;
  uint8_t value[MOST_VALUE_BYTES];
  size_t value_bytes;
} wish;

static void read_wish(input *from, size_t key, wish *made) {
  uint8_t flags = next(from);
  memset(&made->options, 0, sizeof made->options);
  made->tag_bits = key_bytes[key] >= 8 ? 1u << SPACE : 0;
  made->options.tags = made->tags;
  for (uint32_t tag = 0; tag < TAGS; tag++) {
    if ((flags >> tag & 1) != 0) {
      made->tags[made->options.tag_count++] = tag;
      made->tag_bits |= 1u << tag;
    }
  }
  made->options.negative = (flags & 8) != 0;
  made->options.sliding = (flags & 16) != 0;
  made->options.ttl_ns = (flags & 32) != 0 ? next_time(from) : 0;
  made->options.soft_ttl_ns = (flags & 64) != 0 ? next_time(from) : 0;
  made->options.cost = (flags & 128) != 0 ? next(from) : 0;
  made->value_bytes = (size_t)next(from);
  if (made->value_bytes > 200) {
    made->value_bytes = (made->value_bytes - 200) * 73;
  }
  memset(made->value, next(from), made->value_bytes);
}

static void after_put(side *at, size_t key, const wish *made, uint64_t born, hf_status status) {
  known *of = &at->keys[key];
  REQUIRE(status == HF_OK || (status == HF_ERROR_TOO_LARGE && at->options.max_bytes != 0));
  REQUIRE(!of->there);
  if (status != HF_OK) {
    return;
  }
  const hf_cache_entry_options *options = &made->options;
  uint64_t ttl = options->ttl_ns;
  if (ttl == 0) {
    ttl = options->negative ? at->options.negative_ttl_ns : at->options.ttl_ns;
  }
  *of = (known){.there = true,
                .negative = options->negative,
                .sliding = options->sliding || at->options.sliding,
                .value = made->value[0],
                .value_bytes = options->negative ? 0 : made->value_bytes,
                .deadline = plus(now_ns, ttl),
                .soft = options->soft_ttl_ns == 0 ? NEVER : plus(now_ns, options->soft_ttl_ns),
                .ttl = ttl,
                .born = born,
                .used = ++step,
                .tags = made->tag_bits};
  at->entries++;
  at->puts++;
}

static void load(side *at, size_t key, uint8_t how, const wish *made) {
  hf_cache_load *under_way = &at->loads[key];
  if (how % 3 == 0) {
    hf_cache_load got;
    hf_cache_want want = how / 3 % 2 == 0 ? HF_CACHE_WANT_ANSWER : HF_CACHE_WANT_VALUE;
    hf_cache_answer expected = expected_answer(&at->keys[key], true, SIZE_MAX);
    static uint8_t buffer[MOST_VALUE_BYTES];
    hf_cache_answer answer = hf_cache_reserve(at->cache, keys[key], key_bytes[key], now_ns, want,
                                              buffer, sizeof buffer, NULL, &got);
    REQUIRE(answer == expected);
    if (answer == HF_CACHE_HIT || (answer == HF_CACHE_NEGATIVE && want == HF_CACHE_WANT_ANSWER)) {
      REQUIRE(got.role == HF_CACHE_NO_LOAD);
    } else if (got.role == HF_CACHE_LOADER) {
      REQUIRE(under_way->number == 0);
      *under_way = got;
      at->handle = got;
      at->handle_key = key;
    } else {
      REQUIRE(got.number == under_way->number && got.number != 0);
    }
    return;
  }
  if (at->handle.number == 0) {
    return;
  }
  key = at->handle_key;
  under_way = &at->loads[key];
  bool current = under_way->number == at->handle.number;
  REQUIRE(hf_cache_is_loading(at->cache, &at->handle, keys[key], key_bytes[key]) == current);
  if (how % 3 == 1) {
    hf_cache_abandon(at->cache, &at->handle, keys[key], key_bytes[key], now_ns);
  } else if (how / 3 % 2 == 0) {
    if (hf_cache_hand_over(at->cache, &at->handle, keys[key], key_bytes[key], now_ns, NULL)) {
      REQUIRE(current && !at->keys[key].there);
    } else {
      REQUIRE(!current || key_bytes[key] >= 8); /* as below */
    }
  } else {
    /* Without a TTL and tags, whose beginnings would be another matter. */
    wish plain = *made;
    plain.options = (hf_cache_entry_options){.ttl_ns = HF_CACHE_NO_TTL};
    plain.tag_bits = 0;
    hf_status status =
        hf_cache_publish(at->cache, &at->handle, keys[key], key_bytes[key], plain.value,
                         plain.value_bytes, now_ns, &plain.options, NULL);
    if (status == HF_ERROR_LOAD_CANCELLED) {
      REQUIRE(!current || key_bytes[key] >= 8); /* its namespace may have been invalidated */
    } else {
      REQUIRE(current);
      plain.tag_bits = key_bytes[key] >= 8 ? 1u << SPACE : 0;
      after_put(at, key, &plain, step, status);
    }
  }
  if (current) {
    under_way->number = 0;
  }
  at->handle.number = 0;
}

static void clear(side *at) {
  hf_cache_clear(at->cache, now_ns);
  REQUIRE(at->entries == 0);
  memset(at->loads, 0, sizeof at->loads);
}

static bool shown(void *context, const void *key, size_t bytes, const void *value,
                  size_t value_bytes, uint64_t ttl_left_ns) {
  const side *at = context;
  const known *of = &at->keys[number_of(key, bytes)];
  REQUIRE(is_live(of) && !of->negative);
  REQUIRE(ttl_left_ns == (of->deadline == NEVER ? HF_CACHE_NO_TTL : of->deadline - now_ns));
  check_bytes(of, value, value_bytes);
  return true;
}

static void call(side *at, uint8_t what, size_t key, const wish *made, uint8_t how) {
  switch (what) {
  case 0:
  case 1:
  case 2:
  case 3: {
    hf_status status = hf_cache_put(at->cache, keys[key], key_bytes[key], made->value,
                                    made->value_bytes, now_ns, &made->options, NULL);
    at->loads[key].number = 0;
    after_put(at, key, made, ++step, status);
    break;
  }
  case 4:
  case 5:
  case 6:
  case 7:
    look_up(at, key, how);
    break;
  case 8: {
    bool live = is_live(&at->keys[key]);
    REQUIRE(hf_cache_remove(at->cache, keys[key], key_bytes[key], now_ns) == live);
    REQUIRE(!live || !at->keys[key].there);
    at->loads[key].number = 0;
    break;
  }
  case 9:
    (void)hf_cache_maintain(at->cache, now_ns, how);
    break;
  case 10:
  case 11:
    load(at, key, how, made);
    break;
  case 12:
    at->options.max_entries = 1 + how % 20;
    at->options.max_bytes = how < 128 ? 0 : (uint64_t)how * 20;
    REQUIRE(hf_cache_resize(at->cache, at->options.max_entries, at->options.max_bytes, now_ns,
                            NULL) == HF_OK);
    break;
  case 13:
    if (how < 16) {
      clear(at);
    } else {
      REQUIRE(hf_cache_each(at->cache, now_ns, shown, at, NULL) == HF_OK);
    }
    break;
  default: /* the clock and invalidations are of both */
    break;
  }
}

static void check(const side *at) {
  hf_cache_statistics figures = hf_cache_statistics_read(at->cache);
  REQUIRE(figures.entries == at->entries && figures.entries <= at->options.max_entries);
  REQUIRE(at->options.max_bytes == 0 || figures.charged_bytes <= at->options.max_bytes);
  REQUIRE(figures.puts == at->puts && at->puts == at->entries + at->gone);
  uint64_t gone = 0;
  for (size_t cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    gone += figures.removals[cause];
  }
  REQUIRE(gone == at->gone);
}

static void change_both(input *from, uint8_t what) {
  if (what == 14) {
    uint8_t how = next(from);
    uint64_t by = next_time(from);
    now_ns = how < 240 ? now_ns + by : by < now_ns ? now_ns - by : 0;
    now_ns &= NEVER >> 2;
    return;
  }
  uint32_t tag = next(from) % (TAGS + 1);
  invalidated[tag] = ++step;
  for (size_t i = 0; i < 2; i++) {
    if (tag == SPACE) {
      REQUIRE(hf_cache_invalidate_namespace(sides[i].cache, (const char *)keys[5], 8));
    } else {
      hf_cache_invalidate_tag(sides[i].cache, tag);
    }
  }
}

static void open_sides(input *from) {
  memset(sides, 0, sizeof sides);
  memset(invalidated, 0, sizeof invalidated);
  now_ns = 0;
  step = 0;
  hf_cache_options options = hf_cache_options_default();
  options.max_entries = 1 + next(from) % 20;
  uint8_t limits = next(from);
  options.max_bytes = limits < 128 ? 0 : (uint64_t)limits * 20;
  options.sliding = (limits & 1) != 0;
  options.ttl_ns = (limits & 2) != 0 ? UINT64_C(1) << 26 : HF_CACHE_NO_TTL;
  options.load_lease_ns = UINT64_MAX;
  options.on_removal = hear;
  for (size_t i = 0; i < 2; i++) {
    options.policy = i == 0 ? HF_CACHE_LRU : HF_CACHE_S3FIFO;
    options.context = &sides[i];
    sides[i].options = options;
    REQUIRE(hf_cache_create(&options, 0, NULL, &sides[i].cache, NULL) == HF_OK);
    /* Of all keys of 8 bytes or more. */
    REQUIRE(hf_cache_declare_namespace(sides[i].cache, (const char *)keys[5], 8, NULL) == HF_OK);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (size_t i = 0; i < KEYS; i++) {
    memset(keys[i], 'k', sizeof keys[i]);
  }
  input from = {data, size};
  open_sides(&from);
  static wish made;
  while (from.left > 0) {
    uint8_t first = next(&from);
    uint8_t what = first & 0x0F;
    size_t key = first >> 4;
    if (what >= 14) {
      change_both(&from, what);
      continue;
    }
    uint8_t how = what > 3 ? next(&from) : 0;
    if (what <= 3 || what == 10 || what == 11) {
      read_wish(&from, key, &made);
    }
    for (size_t i = 0; i < 2; i++) {
      call(&sides[i], what, key, &made, how);
      check(&sides[i]);
    }
  }
  hf_cache_destroy(sides[0].cache);
  hf_cache_destroy(sides[1].cache);
  return 0;
}
