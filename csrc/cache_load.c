/* Loads: who is at which, and how they end. */
#include "cache_key.h"

#include <string.h>

static hf__load **chain_of(const hf__key *key) {
  return &key->part->loads[key->hash >> 32 & (HF__LOAD_CHAINS - 1)];
}

/* Where the load of a key hangs, or where it would. */
static hf__load **find(const hf__key *key) {
  hf__load **link = chain_of(key);
  for (; *link != NULL; link = &(*link)->next) {
    const hf__load *load = *link;
    if (load->hash == key->hash && load->key_bytes == key->length &&
        (key->length == 0 || memcmp(load->key, key->bytes, key->length) == 0)) {
      break;
    }
  }
  return link;
}

hf__load *hf__part_load(const hf__key *key) {
  return key->part->load_count == 0 ? NULL : *find(key);
}

static void free_load(hf_cache *cache, hf__cache_part *part, hf__load *load) {
  part->load_count--;
  part->load_bytes -= sizeof *load + load->key_bytes;
  cache->allocator.deallocate(cache->allocator.context, load, sizeof *load + load->key_bytes,
                              _Alignof(hf__load));
}

/* Those of a chain that were given up: their keys may never be asked for again. */
static void give_up_some(hf_cache *cache, hf__cache_part *part, hf__load **link,
                         uint64_t since_ns) {
  while (*link != NULL) {
    hf__load *load = *link;
    if (since_ns >= load->lease_end_ns) {
      *link = load->next;
      free_load(cache, part, load);
    } else {
      link = &load->next;
    }
  }
}

hf__load *hf__part_begin_load(hf_cache *cache, const hf__key *key, uint64_t since_ns,
                              uint64_t now_ns) {
  give_up_some(cache, key->part, chain_of(key), since_ns);
  hf__load *load = cache->allocator.allocate(cache->allocator.context, sizeof *load + key->length,
                                             _Alignof(hf__load));
  if (load == NULL) {
    return NULL;
  }
  hf__load **chain = chain_of(key);
  load->next = *chain;
  load->hash = key->hash;
  /* relaxed: it has only to be another. */
  load->number = HF__ADD(&cache->load_numbers, 1, memory_order_relaxed) + 1;
  /* relaxed: as hf__entry_is_invalidated(). */
  load->born = HF__GET(&cache->invalidations);
  load->begun_ns = now_ns;
  load->lease_end_ns = hf__cache_after(since_ns, cache->options.load_lease_ns);
  load->key_bytes = key->length;
  if (key->length > 0) {
    memcpy(load->key, key->bytes, key->length);
  }
  *chain = load;
  key->part->load_count++;
  key->part->load_bytes += sizeof *load + key->length;
  return load;
}

void hf__part_end_load(hf_cache *cache, const hf__key *key) {
  if (key->part->load_count == 0) {
    return;
  }
  hf__load **link = find(key);
  hf__load *load = *link;
  if (load != NULL) {
    *link = load->next;
    free_load(cache, key->part, load);
  }
}

void hf__part_end_loads(hf_cache *cache, hf__cache_part *part) {
  for (size_t i = 0; i < HF__LOAD_CHAINS; i++) {
    while (part->loads[i] != NULL) {
      hf__load *load = part->loads[i];
      part->loads[i] = load->next;
      free_load(cache, part, load);
    }
  }
}

/* Loading ------------------------------------------------------------------- */

/* Who loads, under the lock. Who has a value that is stale does not wait. */
static void choose_role(hf_cache *cache, const hf__key *key, hf_cache_answer answer,
                        uint64_t since_ns, uint64_t now_ns, hf_cache_load *load) {
  hf__load *there = hf__part_load(key);
  if (there != NULL && since_ns < there->lease_end_ns) {
    load->role = answer == HF_CACHE_STALE ? HF_CACHE_NO_LOAD : HF_CACHE_WAITER;
    load->number = there->number;
    load->begun_ns = there->begun_ns;
    return;
  }
  there = hf__part_begin_load(cache, key, since_ns, now_ns);
  load->role = HF_CACHE_LOADER;
  load->number = there == NULL ? 0 : there->number;
}

static bool wants_load(hf_cache_answer answer, hf_cache_want want) {
  return answer == HF_CACHE_MISS || answer == HF_CACHE_STALE ||
         (answer == HF_CACHE_NEGATIVE && want == HF_CACHE_WANT_VALUE);
}

hf_cache_answer hf_cache_reserve(hf_cache *cache, const void *key, size_t key_bytes,
                                 uint64_t now_ns, hf_cache_want want, void *buffer,
                                 size_t capacity_bytes, hf_cache_found *out, hf_cache_load *load) {
  *load = (hf_cache_load){.role = HF_CACHE_NO_LOAD, .begun_ns = now_ns};
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    load->role = HF_CACHE_LOADER; /* of what cannot be put */
    hf__cache_count(cache, HF__CACHE_MISSES, 1);
    return hf__no_such_key(out);
  }
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf__destination to = {.buffer = buffer, .capacity_bytes = capacity_bytes};
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  hf_cache_answer answer = hf__read_key(cache, &sought, since_ns, true, &to, out);
  if (wants_load(answer, want)) {
    hf__removed removed = HF__NONE_REMOVED;
    hf__lock_take(&sought.part->lock);
    /* Once more: it may have been published in between. */
    answer = hf__read_locked(cache, &sought, since_ns, false, &to, out, &removed);
    if (wants_load(answer, want)) {
      choose_role(cache, &sought, answer, since_ns, now_ns, load);
    }
    hf__lock_give(&sought.part->lock);
    hf__cache_tell(cache, sought.part, removed);
  }
  hf__count_answers(cache, answer, 1);
  return answer;
}

hf_cache_answer hf_cache_reserve_visit(hf_cache *cache, const void *key, size_t key_bytes,
                                       uint64_t now_ns, hf_cache_want want,
                                       hf_cache_borrower borrow, void *context, hf_cache_found *out,
                                       hf_cache_load *load) {
  *load = (hf_cache_load){.role = HF_CACHE_NO_LOAD, .begun_ns = now_ns};
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    load->role = HF_CACHE_LOADER; /* of what cannot be put */
    hf__cache_count(cache, HF__CACHE_MISSES, 1);
    return hf__no_such_key(out);
  }
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf__destination to = {.borrow = borrow, .context = context};
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  hf__removed removed = HF__NONE_REMOVED;
  hf__lock_take(&sought.part->lock);
  hf_cache_answer answer = hf__read_locked(cache, &sought, since_ns, true, &to, out, &removed);
  if (wants_load(answer, want)) {
    choose_role(cache, &sought, answer, since_ns, now_ns, load);
  }
  hf__lock_give(&sought.part->lock);
  hf__cache_tell(cache, sought.part, removed);
  hf__count_answers(cache, answer, 1);
  return answer;
}

/* A load, if it is still the one of its key. Under the lock. */
static const hf__load *current_load(const hf__key *key, const hf_cache_load *load) {
  const hf__load *there = hf__part_load(key);
  return there != NULL && there->number == load->number ? there : NULL;
}

bool hf_cache_is_loading(hf_cache *cache, const hf_cache_load *load, const void *key,
                         size_t key_bytes) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return false;
  }
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf__lock_take(&sought.part->lock);
  bool loading = current_load(&sought, load) != NULL;
  hf__lock_give(&sought.part->lock);
  return loading;
}

/* Whether what is loaded with these options was invalidated since. */
static bool is_invalidated_since(const hf_cache *cache, const hf__key *key,
                                 const hf_cache_entry_options *options, uint64_t born) {
  for (size_t i = 0; options != NULL && i < options->tag_count; i++) {
    /* relaxed, here and below: as hf__entry_is_invalidated(). */
    if (HF__GET(hf__invalidated(cache, options->tags[i] & ~HF__NAMESPACE_TAG)) > born) {
      return true;
    }
  }
  /* acquire: pairs with the release of who declared it. */
  size_t declared = HF__LOAD(&cache->namespace_count, memory_order_acquire);
  for (uint32_t i = 0; i < declared; i++) {
    const hf__namespace *space = &cache->namespaces[i];
    if (space->prefix_bytes <= key->length &&
        memcmp(space->prefix, key->bytes, space->prefix_bytes) == 0 &&
        HF__GET(hf__invalidated(cache, HF__NAMESPACE_TAG | i)) > born) {
      return true;
    }
  }
  return false;
}

/* Ends a load, under the lock. Whether what it loaded is true: then `born` receives since when. */
static bool take_load(hf_cache *cache, const hf__key *key, const hf_cache_load *load,
                      const hf_cache_entry_options *options, uint64_t *born) {
  const hf__load *there = current_load(key, load);
  if (there == NULL) {
    return false;
  }
  *born = there->born;
  hf__part_end_load(cache, key);
  return !is_invalidated_since(cache, key, options, *born);
}

/* The time of a load that has ended. */
static void count_load(hf_cache *cache, const hf_cache_load *load, uint64_t now_ns,
                       hf__cache_counter how) {
  uint64_t took = now_ns - load->begun_ns;
  hf__cache_count(cache, how, 1);
  hf__cache_count(cache, HF__CACHE_LOAD_NS, took > INT64_MAX ? 0 : took);
}

hf_status hf_cache_publish(hf_cache *cache, const hf_cache_load *load, const void *key,
                           size_t key_bytes, const void *value, size_t value_bytes, uint64_t now_ns,
                           const hf_cache_entry_options *options, hf_error *error) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return hf__key_too_long(key_bytes, error);
  }
  hf__key at = hf__cache_key(cache, key, key_bytes);
  hf__put put;
  hf_status made = hf__put_make(cache, &at, value, value_bytes, options, &put, error);
  hf_status status = made;
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  size_t budget = HF__CLEARED_BY_EACH;
  hf__removed removed = HF__NONE_REMOVED;
  hf__lock_take(&at.part->lock);
  hf__part_clear_some(cache, at.part, since_ns, &budget, &removed);
  if (!take_load(cache, &at, load, options, &put.born)) {
    status = HF_ERROR_LOAD_CANCELLED;
  } else if (made == HF_OK) {
    status = hf__part_put(cache, &at, &put, since_ns, &removed);
  }
  hf__lock_give(&at.part->lock);
  hf__cache_tell(cache, at.part, removed);
  count_load(cache, load, now_ns, status == HF_OK ? HF__CACHE_LOADS : HF__CACHE_LOADS_CANCELLED);
  bool was_told = made != HF_OK && status == made;
  return was_told ? made : hf__end_put(cache, status, error);
}

bool hf_cache_hand_over(hf_cache *cache, const hf_cache_load *load, const void *key,
                        size_t key_bytes, uint64_t now_ns, const hf_cache_entry_options *options) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return false;
  }
  hf__key at = hf__cache_key(cache, key, key_bytes);
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  uint64_t born;
  hf__removed removed = HF__NONE_REMOVED;
  hf__place place;
  hf__lock_take(&at.part->lock);
  bool current = take_load(cache, &at, load, options, &born);
  if (current && hf__part_find(cache, &at, since_ns, &place, &removed)) {
    hf__part_remove(cache, at.part, at.hash, &place, HF_CACHE_REPLACED, &removed);
  }
  hf__lock_give(&at.part->lock);
  hf__cache_tell(cache, at.part, removed);
  count_load(cache, load, now_ns, current ? HF__CACHE_LOADS : HF__CACHE_LOADS_CANCELLED);
  return current;
}

void hf_cache_abandon(hf_cache *cache, const hf_cache_load *load, const void *key, size_t key_bytes,
                      uint64_t now_ns) {
  if (key_bytes <= HF_CACHE_KEY_MAX_BYTES) {
    hf__key at = hf__cache_key(cache, key, key_bytes);
    hf__lock_take(&at.part->lock);
    if (current_load(&at, load) != NULL) {
      hf__part_end_load(cache, &at);
    }
    hf__lock_give(&at.part->lock);
  }
  count_load(cache, load, now_ns, HF__CACHE_LOADS_ABANDONED);
}
