/*
 * A cache and a plain model of one, side by side: random operations under a clock that jumps both
 * ways, and after each the same answer, value, deadline, removals and figures.
 *
 *     test_cache_oracle [operations]
 *
 * The model is written from <holdfast/cache.h> with arrays alone. It knows the order of use, so it
 * knows what HF_CACHE_LRU evicts. It does not know when something that is dead is cleared away: it
 * is told, and checks that it was dead, and that in the end all of it goes. Of HF_CACHE_S3FIFO it
 * does not know either what is evicted, only that something had to be. What an entry is charged it
 * asks another cache.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_test.h"

#define DEFAULT_OPERATIONS UINT64_C(1200000)
#define NEVER UINT64_MAX

enum {
  MOST_ENTRIES = 1000,
  MOST_KEYS = 2600,
  MOST_VALUE_BYTES = 5000,
  TAGS = 6,
  HANDLES = 6,
  MOST_REMOVALS = MOST_KEYS,
  SPACE_TAG = TAGS, /* the namespace, as the model sees it */
};

static uint64_t asked_operations = DEFAULT_OPERATIONS;

/* The model ------------------------------------------------------------------ */

typedef struct model_entry {
  bool there; /* also when it is dead, until its removal is told */
  bool negative;
  bool sliding;
  uint64_t used; /* the operation that used it last */
  uint64_t born;
  uint64_t deadline; /* since the beginning; NEVER */
  uint64_t soft;     /* NEVER */
  uint64_t ttl;
  uint64_t value; /* what it is made from */
  uint32_t value_bytes;
  uint64_t charge;
  unsigned tags; /* bits */
} model_entry;

typedef struct model_load {
  bool active;
  uint64_t number;
  uint64_t lease_end;
  uint64_t begun_ns;
  uint64_t born;
} model_load;

typedef struct told_removal {
  uint32_t key;
  hf_cache_cause cause;
} told_removal;

typedef struct handle {
  uint32_t key;
  hf_cache_load load;
} handle;

typedef struct world {
  hf_cache *cache;
  hf_cache *scales; /* says what an entry is charged */
  hf_cache_options options;
  test_random random;
  bool calm; /* little dies but by eviction */
  uint64_t now_ns;
  uint64_t latest; /* since the beginning */
  uint64_t step;   /* counts uses, births and invalidations */
  uint32_t keys;
  model_entry entries[MOST_KEYS];
  model_load loads[MOST_KEYS];
  uint64_t invalidated[TAGS + 1];
  handle handles[HANDLES];
  uint32_t last_handle;
  uint64_t entry_count;
  uint64_t charged;
  hf_cache_statistics figures;
  told_removal told[MOST_REMOVALS];
  size_t told_count;
} world;

static world all;

/* What the runs came upon, by capacity. */
typedef struct coverage {
  uint64_t operations;
  hf_cache_statistics figures;
} coverage;

static void add_coverage(coverage *sum, const world *at, uint64_t operations) {
  sum->operations += operations;
  sum->figures.hits += at->figures.hits;
  sum->figures.stale_hits += at->figures.stale_hits;
  sum->figures.negative_hits += at->figures.negative_hits;
  sum->figures.misses += at->figures.misses;
  sum->figures.puts += at->figures.puts;
  sum->figures.loads += at->figures.loads;
  sum->figures.loads_cancelled += at->figures.loads_cancelled;
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    sum->figures.removals[cause] += at->figures.removals[cause];
  }
}

static void print_coverage(uint64_t capacity, const coverage *sum) {
  const hf_cache_statistics *figures = &sum->figures;
  printf("capacity %" PRIu64 ": %" PRIu64 " operations, %" PRIu64 " hits, %" PRIu64
         " stale, %" PRIu64 " negative, %" PRIu64 " misses, %" PRIu64 " puts, %" PRIu64
         " loads, %" PRIu64 " cancelled;",
         capacity, sum->operations, figures->hits, figures->stale_hits, figures->negative_hits,
         figures->misses, figures->puts, figures->loads, figures->loads_cancelled);
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    printf(" %" PRIu64 " %s", figures->removals[cause], hf_cache_cause_name((hf_cache_cause)cause));
    /* Where there may be one entry alone, the count is nearly always in the way too. */
    assert_true(figures->removals[cause] >= sum->operations / 2000 || capacity == 1);
  }
  printf("\n");
  assert_true(figures->hits >= sum->operations / 50);
  assert_true(figures->stale_hits >= sum->operations / 2000);
  assert_true(figures->negative_hits >= sum->operations / 2000);
  assert_true(figures->loads >= sum->operations / 2000);
  assert_true(figures->loads_cancelled >= sum->operations / 2000);
}

static uint64_t since(const world *at) {
  return at->now_ns < BEGINNING ? 0 : at->now_ns - BEGINNING;
}

static uint64_t plus(uint64_t a, uint64_t b) {
  return b >= NEVER - a ? NEVER : a + b;
}

static bool is_invalidated(const world *at, const model_entry *entry) {
  for (unsigned tag = 0; tag <= TAGS; tag++) {
    if ((entry->tags >> tag & 1) != 0 && at->invalidated[tag] > entry->born) {
      return true;
    }
  }
  return false;
}

static bool is_expired(const world *at, const model_entry *entry) {
  return entry->deadline <= since(at);
}

static bool is_live(const world *at, const model_entry *entry) {
  return entry->there && !is_expired(at, entry) && !is_invalidated(at, entry);
}

static hf_cache_answer answer_now(const world *at, const model_entry *entry) {
  if (!is_live(at, entry)) {
    return HF_CACHE_MISS;
  }
  if (entry->negative) {
    return HF_CACHE_NEGATIVE;
  }
  return entry->soft <= since(at) ? HF_CACHE_STALE : HF_CACHE_HIT;
}

static void use(world *at, model_entry *entry) {
  entry->used = ++at->step;
  uint64_t deadline = plus(since(at), entry->ttl);
  if (entry->sliding && entry->deadline != NEVER && deadline > entry->deadline) {
    entry->deadline = deadline;
  }
}

static void forget(world *at, uint32_t key) {
  model_entry *entry = &at->entries[key];
  entry->there = false;
  at->entry_count--;
  at->charged -= entry->charge;
}

/* Keys and values -------------------------------------------------------------- */

/* Every third key is in the namespace. */
static size_t key_of(uint32_t number, char *key) {
  return (size_t)sprintf(key, number % 3 == 0 ? "space:%u" : "%u", number);
}

static uint32_t number_of(const void *key, size_t key_bytes) {
  char copy[32];
  assert_true(key_bytes < sizeof copy);
  memcpy(copy, key, key_bytes);
  copy[key_bytes] = '\0';
  const char *colon = strchr(copy, ':');
  return (uint32_t)strtoul(colon == NULL ? copy : colon + 1, NULL, 10);
}

static void hear(void *context, const void *key, size_t key_bytes, const void *value,
                 size_t value_bytes, hf_cache_cause cause) {
  world *at = context;
  uint32_t number = number_of(key, key_bytes);
  assert_true(number < at->keys);
  const model_entry *entry = &at->entries[number];
  assert_true(entry->there);
  assert_int_equal(value_bytes, entry->value_bytes);
  assert_true(bytes_are(value, value_bytes, entry->value));
  assert_true(at->told_count < MOST_REMOVALS);
  at->told[at->told_count++] = (told_removal){number, cause};
  at->figures.removals[cause]++;
}

/* What was told ------------------------------------------------------------------ */

/* Takes what was told of other causes than evictions; what remains are those. */
static void take_the_dead(world *at, uint32_t replaced, uint32_t removed, bool cleared) {
  size_t left = 0;
  for (size_t i = 0; i < at->told_count; i++) {
    told_removal told = at->told[i];
    const model_entry *entry = &at->entries[told.key];
    assert_true(entry->there); /* and not told twice */
    switch (told.cause) {
    case HF_CACHE_EXPIRED:
      assert_true(is_expired(at, entry));
      break;
    case HF_CACHE_INVALIDATED:
      assert_true(is_invalidated(at, entry));
      break;
    case HF_CACHE_REPLACED:
      assert_int_equal(told.key, replaced);
      assert_true(is_live(at, entry));
      break;
    case HF_CACHE_REMOVED:
      assert_true(cleared || (told.key == removed && is_live(at, entry)));
      break;
    case HF_CACHE_EVICTED_BY_COUNT:
    case HF_CACHE_EVICTED_BY_BYTES:
      at->told[left++] = told;
      continue;
    case HF_CACHE_CAUSES:
    default:
      fail();
    }
    forget(at, told.key);
  }
  at->told_count = left;
}

/* Which entry was used longest ago. */
static uint32_t oldest(const world *at) {
  uint32_t found = UINT32_MAX;
  for (uint32_t i = 0; i < at->keys; i++) {
    if (at->entries[i].there &&
        (found == UINT32_MAX || at->entries[i].used < at->entries[found].used)) {
      found = i;
    }
  }
  return found;
}

static bool take_told(world *at, uint32_t key, hf_cache_cause *cause) {
  for (size_t i = 0; i < at->told_count; i++) {
    if (at->told[i].key == key) {
      *cause = at->told[i].cause;
      at->told[i] = at->told[--at->told_count];
      return true;
    }
  }
  return false;
}

/* As many as necessary were evicted, and by LRU the ones used longest ago, for the right cause. */
static void take_the_evicted(world *at, uint64_t more_entries, uint64_t more_bytes) {
  uint64_t max_bytes = at->options.max_bytes == 0 ? UINT64_MAX : at->options.max_bytes;
  if (at->options.policy == HF_CACHE_S3FIFO) {
    /* Without the largest of them it would not have fitted. */
    uint64_t largest = 0;
    for (size_t i = 0; i < at->told_count; i++) {
      assert_true(at->entries[at->told[i].key].there);
      uint64_t charge = at->entries[at->told[i].key].charge;
      largest = charge > largest ? charge : largest;
      forget(at, at->told[i].key);
    }
    if (at->told_count > 0 && at->entry_count + more_entries < at->options.max_entries) {
      assert_true(at->charged + more_bytes + largest > max_bytes);
    }
    at->told_count = 0;
    return;
  }
  for (;;) {
    bool too_many = at->entry_count + more_entries > at->options.max_entries;
    bool too_large = at->charged + more_bytes > max_bytes;
    if (!too_many && !too_large) {
      break;
    }
    uint32_t victim = oldest(at);
    if (victim == UINT32_MAX) {
      break;
    }
    hf_cache_cause cause = HF_CACHE_CAUSES;
    if (!take_told(at, victim, &cause)) {
      test_fail("key %" PRIu32 " should have been evicted\n", victim);
    }
    assert_true(cause == HF_CACHE_EVICTED_BY_COUNT ? too_many : too_large);
    forget(at, victim);
  }
  assert_int_equal(at->told_count, 0);
}

static void take_told_of_reading(world *at) {
  take_the_dead(at, UINT32_MAX, UINT32_MAX, false);
  assert_int_equal(at->told_count, 0);
}

/* Reading -------------------------------------------------------------------- */

static unsigned char buffer[MOST_VALUE_BYTES];

typedef struct expected {
  hf_cache_answer answer;
  uint64_t ttl_left_ns;
  model_entry entry; /* as it was when it was asked for */
} expected;

/* What a look should find; `used` says whether it counts. */
static expected expect(world *at, uint32_t key, size_t capacity, bool used) {
  model_entry *entry = &at->entries[key];
  expected found = {answer_now(at, entry), 0, *entry};
  if (found.answer != HF_CACHE_MISS) {
    if (used) {
      use(at, entry);
    }
    found.ttl_left_ns = entry->deadline == NEVER ? HF_CACHE_NO_TTL : entry->deadline - since(at);
    if (found.answer != HF_CACHE_NEGATIVE && entry->value_bytes > capacity) {
      found.answer = HF_CACHE_NO_ROOM;
    }
  }
  return found;
}

static void count_answer(world *at, hf_cache_answer answer) {
  at->figures.hits += answer == HF_CACHE_HIT || answer == HF_CACHE_NO_ROOM;
  at->figures.stale_hits += answer == HF_CACHE_STALE;
  at->figures.negative_hits += answer == HF_CACHE_NEGATIVE;
  at->figures.misses += answer == HF_CACHE_MISS;
}

static void check_found(const expected *should, hf_cache_answer answer, const hf_cache_found *found,
                        const unsigned char *value) {
  assert_int_equal(answer, should->answer);
  assert_true(found->ttl_left_ns == should->ttl_left_ns);
  bool has_value = answer != HF_CACHE_MISS && answer != HF_CACHE_NEGATIVE;
  assert_int_equal(found->value_bytes, has_value ? should->entry.value_bytes : 0);
  if (answer == HF_CACHE_HIT || answer == HF_CACHE_STALE) {
    assert_true(bytes_are(value, found->value_bytes, should->entry.value));
  }
}

static size_t any_capacity(world *at) {
  return test_random_below(&at->random, 8) == 0 ? test_random_below(&at->random, 20)
                                                : sizeof buffer;
}

static void lend(void *context, const void *value, size_t value_bytes) {
  size_t *lent = context;
  assert_int_equal(*lent, SIZE_MAX);
  assert_true(value_bytes <= sizeof buffer);
  memcpy(buffer, value, value_bytes);
  *lent = value_bytes;
}

static void do_get(world *at, uint32_t key, uint32_t how) {
  char name[32];
  size_t bytes = key_of(key, name);
  size_t capacity = how == 2 ? sizeof buffer : any_capacity(at);
  expected should = expect(at, key, capacity, how != 1);
  hf_cache_found found;
  hf_cache_answer answer;
  if (how == 0) {
    answer = hf_cache_get(at->cache, name, bytes, at->now_ns, buffer, capacity, &found);
  } else if (how == 1) {
    answer = hf_cache_peek(at->cache, name, bytes, at->now_ns, buffer, capacity, &found);
  } else {
    size_t lent = SIZE_MAX;
    answer = hf_cache_visit(at->cache, name, bytes, at->now_ns, lend, &lent, &found);
    bool has_value = answer == HF_CACHE_HIT || answer == HF_CACHE_STALE;
    assert_true(lent == (has_value ? found.value_bytes : SIZE_MAX));
  }
  take_told_of_reading(at);
  check_found(&should, answer, &found, buffer);
  if (how != 1) {
    count_answer(at, answer);
  }
}

static void do_get_many(world *at) {
  enum { MOST = 20 };
  static unsigned char buffers[MOST][MOST_VALUE_BYTES];
  char names[MOST][32];
  hf_cache_lookup lookups[MOST];
  expected should[MOST];
  size_t count = test_random_below(&at->random, MOST + 1);
  for (size_t i = 0; i < count; i++) {
    uint32_t key = test_random_below(&at->random, at->keys);
    size_t capacity = any_capacity(at);
    lookups[i] = (hf_cache_lookup){.key = names[i],
                                   .key_bytes = key_of(key, names[i]),
                                   .buffer = buffers[i],
                                   .capacity_bytes = capacity};
    should[i] = expect(at, key, capacity, true);
  }
  hf_cache_get_many(at->cache, lookups, count, at->now_ns);
  take_told_of_reading(at);
  for (size_t i = 0; i < count; i++) {
    check_found(&should[i], lookups[i].answer, &lookups[i].found, buffers[i]);
    count_answer(at, lookups[i].answer);
  }
}

/* Writing -------------------------------------------------------------------- */

typedef struct wish {
  hf_cache_entry_options options;
  uint32_t tags[TAGS];
  unsigned tag_bits;
  uint64_t value;
  uint32_t value_bytes;
  uint64_t charge;
} wish;

static uint32_t any_size(world *at) {
  static const uint32_t sizes[] = {0, 1, 7, 8, 9, 20, 33, 60, 100, 200};
  uint32_t how = test_random_below(&at->random, 40);
  if (how == 0) {
    return 900 + test_random_below(&at->random, 200);
  }
  if (how == 1) {
    return test_random_below(&at->random, MOST_VALUE_BYTES);
  }
  return sizes[how % (sizeof sizes / sizeof sizes[0])];
}

static uint64_t any_ttl(world *at) {
  if (at->calm && test_random_below(&at->random, 50) != 0) {
    return 0;
  }
  switch (test_random_below(&at->random, 8)) {
  case 0:
    return HF_CACHE_NO_TTL;
  case 1:
    return 1 + (test_random_next(&at->random) >> test_random_below(&at->random, 64));
  case 2:
  case 3:
    return 1 + test_random_below(&at->random, 300) * MS / 7;
  default:
    return 0;
  }
}

static void make_wish(world *at, uint32_t key, wish *made) {
  memset(made, 0, sizeof *made);
  hf_cache_entry_options *options = &made->options;
  options->ttl_ns = any_ttl(at);
  uint32_t flags = test_random_below(&at->random, 256);
  options->negative = flags % 8 == 0;
  options->sliding = flags / 8 % 4 == 0;
  options->soft_ttl_ns = flags / 32 % 4 == 0 ? 1 + test_random_below(&at->random, 30) * MS / 3 : 0;
  options->cost = flags / 128 == 0 ? 0 : test_random_below(&at->random, 300);
  if (test_random_below(&at->random, 4) == 0) {
    for (uint32_t tag = 0; tag < TAGS; tag++) {
      if (test_random_below(&at->random, 3) == 0) {
        made->tags[options->tag_count++] = tag;
        made->tag_bits |= 1u << tag;
      }
    }
  }
  options->tags = made->tags;
  made->tag_bits |= key % 3 == 0 ? 1u << SPACE_TAG : 0;
  made->value = test_random_next(&at->random);
  made->value_bytes = any_size(at);
  fill_bytes(buffer, made->value_bytes, made->value);
  char name[32];
  size_t bytes = key_of(key, name);
  hf_cache_clear(at->scales, BEGINNING);
  assert_int_equal(
      hf_cache_put(at->scales, name, bytes, buffer, made->value_bytes, BEGINNING, options, NULL),
      HF_OK);
  made->charge = hf_cache_statistics_read(at->scales).charged_bytes;
  assert_true(made->charge >=
              32 + bytes + (options->negative ? 0 : made->value_bytes) + options->cost);
}

static void remember(world *at, uint32_t key, const wish *made, uint64_t born) {
  const hf_cache_entry_options *options = &made->options;
  model_entry *entry = &at->entries[key];
  assert_false(entry->there);
  uint64_t ttl = options->ttl_ns;
  if (ttl == 0) {
    ttl = options->negative ? at->options.negative_ttl_ns : at->options.ttl_ns;
  }
  *entry = (model_entry){
      .there = true,
      .negative = options->negative,
      .sliding = options->sliding || at->options.sliding,
      .used = ++at->step,
      .born = born,
      .deadline = plus(since(at), ttl),
      .soft = options->soft_ttl_ns == 0 ? NEVER : plus(since(at), options->soft_ttl_ns),
      .ttl = ttl,
      .value = made->value,
      .value_bytes = options->negative ? 0 : made->value_bytes,
      .charge = made->charge,
      .tags = made->tag_bits,
  };
  at->entry_count++;
  at->charged += made->charge;
}

/* What a put that was done has changed. */
static void after_put(world *at, uint32_t key, const wish *made, uint64_t born, hf_status status) {
  bool too_large = at->options.max_bytes != 0 && made->charge > at->options.max_bytes;
  assert_int_equal(status, too_large ? HF_ERROR_TOO_LARGE : HF_OK);
  take_the_dead(at, key, UINT32_MAX, false);
  assert_false(at->entries[key].there); /* its removal was told */
  if (too_large) {
    assert_int_equal(at->told_count, 0);
    at->figures.refused++;
    return;
  }
  take_the_evicted(at, 1, made->charge);
  remember(at, key, made, born);
  at->figures.puts++;
}

static void do_put(world *at, uint32_t key) {
  char name[32];
  size_t bytes = key_of(key, name);
  wish made;
  make_wish(at, key, &made);
  uint64_t born = ++at->step;
  bool defaults = test_random_below(&at->random, 8) == 0 && made.options.cost == 0 &&
                  made.options.tag_count == 0 && !made.options.negative && !made.options.sliding &&
                  made.options.ttl_ns == 0 && made.options.soft_ttl_ns == 0;
  hf_status status = hf_cache_put(at->cache, name, bytes, buffer, made.value_bytes, at->now_ns,
                                  defaults ? NULL : &made.options, NULL);
  at->loads[key].active = false;
  after_put(at, key, &made, born, status);
}

static void do_remove(world *at, uint32_t key) {
  char name[32];
  size_t bytes = key_of(key, name);
  bool live = is_live(at, &at->entries[key]);
  assert_int_equal(hf_cache_remove(at->cache, name, bytes, at->now_ns), live);
  take_the_dead(at, UINT32_MAX, key, false);
  assert_int_equal(at->told_count, 0);
  assert_false(live && at->entries[key].there);
  at->loads[key].active = false;
}

/* Loads ---------------------------------------------------------------------- */

/* A lease that is over somewhere may have been noticed. */
static bool may_be_given_up(const world *at, const model_load *load) {
  return load->lease_end <= at->latest;
}

static void do_reserve(world *at, uint32_t key) {
  char name[32];
  size_t bytes = key_of(key, name);
  size_t capacity = any_capacity(at);
  expected should = expect(at, key, capacity, true);
  model_load *load = &at->loads[key];
  hf_cache_found found;
  hf_cache_load got;
  bool wants_value = test_random_below(&at->random, 2) == 0;
  hf_cache_want want = wants_value ? HF_CACHE_WANT_VALUE : HF_CACHE_WANT_ANSWER;
  hf_cache_answer answer =
      hf_cache_reserve(at->cache, name, bytes, at->now_ns, want, buffer, capacity, &found, &got);
  take_told_of_reading(at);
  check_found(&should, answer, &found, buffer);
  count_answer(at, answer);
  if (answer == HF_CACHE_HIT || answer == HF_CACHE_NO_ROOM ||
      (answer == HF_CACHE_NEGATIVE && !wants_value)) {
    assert_int_equal(got.role, HF_CACHE_NO_LOAD);
    return;
  }
  bool held = load->active && since(at) < load->lease_end;
  if (got.role == HF_CACHE_LOADER) {
    assert_true(!held || may_be_given_up(at, load));
    assert_true(got.number != 0 && got.number != load->number);
    assert_int_equal(got.begun_ns, at->now_ns);
    *load = (model_load){.active = true,
                         .number = got.number,
                         .lease_end = plus(since(at), at->options.load_lease_ns),
                         .begun_ns = at->now_ns,
                         .born = ++at->step};
    at->last_handle = (at->last_handle + 1) % HANDLES;
    at->handles[at->last_handle] = (handle){key, got};
  } else {
    assert_true(held);
    assert_int_equal(got.role, answer == HF_CACHE_STALE ? HF_CACHE_NO_LOAD : HF_CACHE_WAITER);
    assert_int_equal(got.number, load->number);
    assert_int_equal(got.begun_ns, load->begun_ns);
  }
}

static void count_load_time(world *at, const hf_cache_load *load) {
  at->figures.load_ns += at->now_ns >= load->begun_ns ? at->now_ns - load->begun_ns : 0;
}

/* Mostly of the load that began last; some have ended long ago. */
static handle *any_handle(world *at) {
  uint32_t chosen = test_random_below(&at->random, 3 * HANDLES);
  return &at->handles[chosen < HANDLES ? chosen : at->last_handle];
}

static void do_publish(world *at) {
  handle *held = any_handle(at);
  if (held->load.number == 0) {
    return;
  }
  uint32_t key = held->key;
  char name[32];
  size_t bytes = key_of(key, name);
  wish made;
  make_wish(at, key, &made);
  model_load *load = &at->loads[key];
  bool current = load->active && load->number == held->load.number;
  model_entry as_put = {.born = load->born, .tags = made.tag_bits};
  bool good = current && !is_invalidated(at, &as_put);
  bool keep = test_random_below(&at->random, 4) != 0;
  hf_status status;
  if (keep) {
    status = hf_cache_publish(at->cache, &held->load, name, bytes, buffer, made.value_bytes,
                              at->now_ns, &made.options, NULL);
  } else {
    bool true_still =
        hf_cache_hand_over(at->cache, &held->load, name, bytes, at->now_ns, &made.options);
    status = true_still ? HF_OK : HF_ERROR_LOAD_CANCELLED;
  }
  count_load_time(at, &held->load);
  if (good && status == HF_ERROR_LOAD_CANCELLED) {
    assert_true(may_be_given_up(at, load));
    good = false;
  }
  if (current) {
    load->active = false;
  }
  if (good && keep) {
    after_put(at, key, &made, load->born, status);
  } else if (good) {
    assert_int_equal(status, HF_OK);
    take_the_dead(at, key, UINT32_MAX, false);
    assert_int_equal(at->told_count, 0);
    assert_false(at->entries[key].there);
  } else {
    assert_int_equal(status, HF_ERROR_LOAD_CANCELLED);
    take_told_of_reading(at);
  }
  at->figures.loads += status == HF_OK;
  at->figures.loads_cancelled += status != HF_OK;
}

static void do_abandon(world *at) {
  handle *held = any_handle(at);
  if (held->load.number == 0) {
    return;
  }
  char name[32];
  size_t bytes = key_of(held->key, name);
  hf_cache_abandon(at->cache, &held->load, name, bytes, at->now_ns);
  take_told_of_reading(at);
  model_load *load = &at->loads[held->key];
  if (load->number == held->load.number) {
    load->active = false;
  }
  count_load_time(at, &held->load);
  at->figures.loads_abandoned++;
}

/* All else ------------------------------------------------------------------- */

static void do_invalidate(world *at) {
  if (at->calm && test_random_below(&at->random, 20) != 0) {
    return;
  }
  uint32_t tag = test_random_below(&at->random, TAGS + 1);
  at->invalidated[tag] = ++at->step;
  if (tag == SPACE_TAG) {
    assert_true(hf_cache_invalidate_namespace(at->cache, "space:", 6));
  } else {
    hf_cache_invalidate_tag(at->cache, tag);
  }
}

static void do_clear(world *at) {
  if (at->calm && test_random_below(&at->random, 20) != 0) {
    return;
  }
  hf_cache_clear(at->cache, at->now_ns);
  take_the_dead(at, UINT32_MAX, UINT32_MAX, true);
  assert_int_equal(at->entry_count, 0);
  for (uint32_t i = 0; i < at->keys; i++) {
    at->loads[i].active = false;
  }
}

static uint64_t any_limit(world *at, uint64_t entries) {
  uint64_t most = entries < 8 ? 8 : entries;
  return test_random_below(&at->random, 2) == 0
             ? 0
             : 100 + test_random_next(&at->random) % (most * 150);
}

static void do_resize(world *at, uint64_t most) {
  if (at->calm && test_random_below(&at->random, 8) != 0) {
    return;
  }
  at->options.max_entries = 1 + test_random_next(&at->random) % most;
  at->options.max_bytes = any_limit(at, at->options.max_entries);
  assert_int_equal(
      hf_cache_resize(at->cache, at->options.max_entries, at->options.max_bytes, at->now_ns, NULL),
      HF_OK);
  take_the_dead(at, UINT32_MAX, UINT32_MAX, false);
  take_the_evicted(at, 0, 0);
}

static void do_maintain(world *at) {
  uint64_t before = at->entry_count;
  size_t budget = test_random_below(&at->random, 4) == 0 ? 100000 : 20;
  size_t cleared = hf_cache_maintain(at->cache, at->now_ns, budget);
  take_told_of_reading(at);
  assert_int_equal(cleared, before - at->entry_count);
  if (budget == 20 || since(at) < at->latest) {
    assert_true(cleared <= 100000);
    return;
  }
  /* All that has been dead for two ticks of a millisecond is gone, and all that was invalidated. */
  for (uint32_t i = 0; i < at->keys; i++) {
    const model_entry *entry = &at->entries[i];
    assert_true(!entry->there || plus(entry->deadline, 3 * MS) > since(at));
    assert_false(entry->there && is_invalidated(at, entry));
  }
}

static void move_clock(world *at) {
  uint64_t gone = since(at);
  if (at->calm) {
    at->now_ns = BEGINNING + gone + test_random_below(&at->random, 1000);
    return;
  }
  switch (test_random_below(&at->random, 200)) {
  case 0:
    at->now_ns = test_random_next(&at->random) % (BEGINNING + 1); /* before it all */
    break;
  case 1:
    at->now_ns = BEGINNING + test_random_next(&at->random) % (at->latest + 1);
    break;
  case 2:
    /* Far ahead, but not so far that none are left to come. */
    at->now_ns = BEGINNING + gone +
                 (test_random_next(&at->random) >> (12 + test_random_below(&at->random, 50)));
    break;
  case 3:
  case 4:
  case 5:
  case 6:
  case 7:
  case 8:
    at->now_ns = BEGINNING + at->latest;
    break;
  default:
    at->now_ns = BEGINNING + gone + test_random_below(&at->random, 20) * MS / 5;
    break;
  }
  if (since(at) > UINT64_C(1) << 62) {
    at->now_ns = BEGINNING + at->latest;
  }
}

static void check_world(world *at) {
  hf_cache_statistics figures = check_figures(at->cache, &at->options);
  assert_int_equal(figures.entries, at->entry_count);
  assert_int_equal(figures.charged_bytes, at->charged);
  assert_int_equal(figures.hits, at->figures.hits);
  assert_int_equal(figures.stale_hits, at->figures.stale_hits);
  assert_int_equal(figures.negative_hits, at->figures.negative_hits);
  assert_int_equal(figures.misses, at->figures.misses);
  assert_int_equal(figures.puts, at->figures.puts);
  assert_int_equal(figures.refused, at->figures.refused);
  assert_int_equal(figures.loads, at->figures.loads);
  assert_int_equal(figures.loads_cancelled, at->figures.loads_cancelled);
  assert_int_equal(figures.loads_abandoned, at->figures.loads_abandoned);
  assert_int_equal(figures.load_ns, at->figures.load_ns);
  for (int cause = 0; cause < HF_CACHE_CAUSES; cause++) {
    assert_int_equal(figures.removals[cause], at->figures.removals[cause]);
  }
}

static bool shown(void *context, const void *key, size_t key_bytes, const void *value,
                  size_t value_bytes, uint64_t ttl_left_ns) {
  world *at = context;
  uint32_t number = number_of(key, key_bytes);
  assert_true(number < at->keys);
  const model_entry *entry = &at->entries[number];
  assert_true(is_live(at, entry) && !entry->negative);
  assert_int_equal(value_bytes, entry->value_bytes);
  assert_true(bytes_are(value, value_bytes, entry->value));
  assert_true(entry->sliding ||
              ttl_left_ns ==
                  (entry->deadline == NEVER ? HF_CACHE_NO_TTL : entry->deadline - since(at)));
  return true;
}

static void do_show(world *at) {
  size_t count = 0;
  assert_int_equal(hf_cache_each(at->cache, at->now_ns, shown, at, &count), HF_OK);
  take_told_of_reading(at);
  size_t live = 0;
  for (uint32_t i = 0; i < at->keys; i++) {
    live += is_live(at, &at->entries[i]) && !at->entries[i].negative;
  }
  assert_int_equal(count, live);
}

/* Runs ------------------------------------------------------------------------ */

static uint32_t any_key(world *at) {
  /* Some are asked for far more often than others. */
  uint32_t bound = test_random_below(&at->random, 3) == 0 ? at->keys : at->keys / 4 + 1;
  return test_random_below(&at->random, bound);
}

static void step_world(world *at, uint64_t most_entries) {
  uint32_t key = any_key(at);
  uint32_t what = test_random_below(&at->random, 1000);
  if (what < 300) {
    do_get(at, key, 0);
  } else if (what < 350) {
    do_get(at, key, 1);
  } else if (what < 400) {
    do_get(at, key, 2);
  } else if (what < 420) {
    do_get_many(at);
  } else if (what < 720) {
    do_put(at, key);
  } else if (what < 760) {
    do_remove(at, key);
  } else if (what < 820) {
    do_reserve(at, key);
  } else if (what < 860) {
    do_publish(at);
  } else if (what < 870) {
    do_abandon(at);
  } else if (what < 885) {
    do_invalidate(at);
  } else if (what < 905) {
    do_maintain(at);
  } else if (what < 907) {
    do_resize(at, most_entries);
  } else if (what < 908) {
    do_clear(at);
  } else if (what < 910) {
    do_show(at);
  } else {
    move_clock(at);
    uint64_t now = since(at);
    at->latest = now > at->latest ? now : at->latest;
  }
}

static void run_world(test_random *random, hf_cache_policy policy, uint64_t max_entries,
                      uint64_t operations, coverage *sum) {
  world *at = &all;
  memset(at, 0, sizeof *at);
  at->random = (test_random){test_random_next(random)};
  at->calm = test_random_below(random, 2) == 0;
  at->options = cache_options(policy, max_entries, NULL);
  at->options.on_removal = hear;
  at->options.context = at;
  at->options.seed = test_random_next(random);
  at->options.parts = policy == HF_CACHE_S3FIFO ? 1 : 0;
  at->options.max_bytes = any_limit(at, max_entries);
  at->options.sliding = test_random_below(random, 4) == 0;
  at->options.load_lease_ns = 20 * MS;
  at->options.ttl_ns = test_random_below(random, 2) == 0 ? HF_CACHE_NO_TTL : 200 * MS;
  at->options.negative_ttl_ns = 30 * MS;
  at->now_ns = BEGINNING;
  at->keys = (uint32_t)(max_entries * 5 / 2 + 4);
  at->cache = cache_made(&at->options);
  hf_cache_options scales = at->options;
  scales.policy = HF_CACHE_LRU;
  scales.max_entries = 1;
  scales.max_bytes = 0;
  scales.on_removal = NULL;
  at->scales = cache_made(&scales);
  assert_int_equal(hf_cache_declare_namespace(at->cache, "space:", 6, NULL), HF_OK);
  assert_int_equal(hf_cache_declare_namespace(at->scales, "space:", 6, NULL), HF_OK);
  for (uint64_t i = 0; i < operations; i++) {
    step_world(at, max_entries);
    check_world(at);
  }
  add_coverage(sum, at, operations);
  hf_cache_destroy(at->cache);
  hf_cache_destroy(at->scales);
}

static void run_worlds(hf_cache_policy policy, const char *what) {
  test_random random = test_random_start(what);
  static const uint64_t capacities[] = {1, 2, 3, MOST_ENTRIES};
  coverage sums[4];
  memset(sums, 0, sizeof sums);
  uint64_t done = 0;
  for (uint64_t run = 0; done < asked_operations; run++) {
    uint64_t capacity = capacities[run % 4];
    uint64_t operations = capacity == MOST_ENTRIES ? 12000 : 4000;
    run_world(&random, policy, capacity, operations, &sums[run % 4]);
    done += operations;
  }
  for (size_t i = 0; i < 4; i++) {
    print_coverage(capacities[i], &sums[i]);
  }
}

static void lru_does_what_its_model_does(void **state) {
  (void)state;
  run_worlds(HF_CACHE_LRU, "cache oracle, lru");
}

static void s3fifo_does_what_any_cache_must(void **state) {
  (void)state;
  run_worlds(HF_CACHE_S3FIFO, "cache oracle, s3fifo");
}

int main(int count, char **arguments) {
  if (count > 1) {
    asked_operations = strtoull(arguments[1], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lru_does_what_its_model_does),
      cmocka_unit_test(s3fifo_does_what_any_cache_must),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
