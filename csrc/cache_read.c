/* Reading: with no lock where that is possible, else under it. */
#include "cache_key.h"

#include <string.h>

static hf_cache_answer found(hf_cache_answer answer, const hf__sight *sight, hf_cache_found *out) {
  if (out != NULL) {
    *out = (hf_cache_found){.value_bytes = sight->value_bytes, .ttl_left_ns = sight->ttl_left_ns};
  }
  return answer;
}

static bool has_value(hf_cache_answer answer) {
  return answer == HF_CACHE_HIT || answer == HF_CACHE_STALE;
}

/* Under the lock. */
hf_cache_answer hf__read_locked(hf_cache *cache, const hf__key *key, uint64_t since_ns, bool use,
                                const hf__destination *to, hf_cache_found *out,
                                hf__removed *removed) {
  hf__place place;
  if (!hf__part_find(cache, key, since_ns, &place, removed)) {
    hf__sight nothing = {HF_CACHE_MISS, 0, 0};
    return found(HF_CACHE_MISS, &nothing, out);
  }
  const hf__entry *entry = hf__entry_at(&key->part->memory, place.entry);
  if (use) {
    hf__part_use(cache, key->part, &place, since_ns);
  }
  uint64_t shape = HF__GET(&entry->shape);
  hf__sight sight = hf__cache_sight(cache, entry, shape, since_ns);
  if (has_value(sight.answer)) {
    const void *value = hf__entry_value(entry, shape);
    if (to->borrow != NULL) {
      to->borrow(to->context, value, sight.value_bytes);
    } else if (sight.value_bytes > to->capacity_bytes) {
      sight.answer = HF_CACHE_NO_ROOM;
    } else if (sight.value_bytes > 0) {
      memcpy(to->buffer, value, sight.value_bytes);
    }
  }
  return found(sight.answer, &sight, out);
}

HF__APART static hf_cache_answer read_with_lock(hf_cache *cache, const hf__key *key,
                                                uint64_t since_ns, bool use,
                                                const hf__destination *to, hf_cache_found *out) {
  hf__removed removed = HF__NONE_REMOVED;
  hf__lock_take(&key->part->lock);
  hf_cache_answer answer = hf__read_locked(cache, key, since_ns, use, to, out, &removed);
  hf__lock_give(&key->part->lock);
  if (HF__UNLIKELY(removed.first != HF__NO_ENTRY)) {
    hf__cache_tell(cache, key->part, removed);
  }
  return answer;
}

/* Copies words to where any bytes may lie. */
static void copy_words(const atomic_uint_least64_t *words, void *to, size_t bytes) {
  uint64_t word;
  for (; bytes >= 8; bytes -= 8, to = (char *)to + 8) {
    word = HF__GET(words++);
    memcpy(to, &word, 8);
  }
  if (bytes > 0) {
    word = HF__GET(words);
    memcpy(to, &word, bytes);
  }
}

/* Whether so many bytes of an entry are in its page: else it is another one by now. */
static bool is_in_page(const hf__cache_memory *memory, uint32_t entry, size_t bytes) {
  size_t offset = (size_t)(entry & ((1u << HF__UNIT_BITS) - 1)) * 8;
  return bytes <= HF__SLOT_MOST_BYTES && offset + bytes <= memory->page_bytes;
}

/* What became of a look at a bucket, or at one entry. */
typedef enum look {
  LOOK_NO,      /* it is not this one */
  LOOK_YES,     /* found, if the version says so */
  LOOK_LOCK,    /* it can only be read under the lock */
  LOOK_CHANGED, /* somebody wrote: once more */
} look;

/* One entry, without the lock; what is read may be of another entry by now. */
HF__INLINE look look_at(hf_cache *cache, const hf__key *key, uint32_t number, uint64_t since_ns,
                        bool use, const hf__destination *to, hf__sight *sight) {
  const hf__cache_memory *memory = &key->part->memory;
  const hf__entry *entry = hf__entry_at(memory, number);
  uint64_t shape = HF__GET(&entry->shape);
  if (hf__shape_key_bytes(shape) != key->length) {
    return LOOK_NO;
  }
  if ((shape & HF__LARGE) != 0 || (use && (shape & HF__SLIDING) != 0)) {
    return LOOK_LOCK;
  }
  if (!is_in_page(memory, number, hf__shape_entry_bytes(shape))) {
    return LOOK_CHANGED;
  }
  size_t key_at = hf__shape_key_at(shape);
  if (!hf__entry_has_key(entry, key_at, key->bytes, key->length)) {
    return LOOK_NO;
  }
  *sight = hf__cache_sight(cache, entry, shape, since_ns);
  if (has_value(sight->answer)) {
    if (sight->value_bytes > to->capacity_bytes) {
      sight->answer = HF_CACHE_NO_ROOM;
    } else {
      copy_words(&entry->words[key_at + hf__words_of(key->length)], to->buffer, sight->value_bytes);
    }
  }
  return LOOK_YES;
}

/* Whether a bucket is as it was when `head` was read. acquire: what was read of it, and of its
 * entries, was read before; pairs with the release fences of cache_index.c. */
static bool is_unchanged(const hf__bucket *bucket, uint64_t head) {
  HF__FENCE(memory_order_acquire);
  return HF__GET(&bucket->head) == head;
}

/* Says that it was used. relaxed: a count, and one that is lost does no harm. The entry's number
 * stays released: who reads it from here on reads what its writer's release began. */
static void raise_heat(atomic_uint_least32_t *place, uint32_t word) {
  if (hf__bucket_heat(word) < HF__HEAT_MOST) {
    HF__SWAP_IF(place, &word, word + (UINT32_C(1) << HF__HEAT_SHIFT), memory_order_relaxed);
  }
}

/* One bucket, without the lock. LOOK_YES: `sight` is what it says. */
HF__INLINE look look_into(hf_cache *cache, const hf__key *key, hf__bucket *bucket, uint64_t head,
                          uint64_t since_ns, bool use, const hf__destination *to,
                          hf__sight *sight) {
  unsigned same = hf__bucket_match(head, HF__GET(&bucket->tags), hf__hash_tag(key->hash));
  for (; same != 0; same &= same - 1) {
    /* acquire: pairs with the release of who wrote the number. */
    atomic_uint_least32_t *place = &bucket->entries[__builtin_ctz(same)];
    uint32_t word = HF__LOAD(place, memory_order_acquire);
    if (HF__UNLIKELY(hf__bucket_number(word) == HF__NUMBER_MASK)) {
      return LOOK_CHANGED;
    }
    look seen = look_at(cache, key, hf__bucket_number(word), since_ns, use, to, sight);
    if (seen == LOOK_NO) {
      continue;
    }
    if (seen == LOOK_YES) {
      if (!is_unchanged(bucket, head)) {
        return LOOK_CHANGED;
      }
      if (use && sight->answer != HF_CACHE_MISS) {
        raise_heat(place, word);
      }
    }
    return seen;
  }
  return LOOK_NO;
}

/* acquire: pairs with the release of who wrote it last. */
static inline uint64_t head_of(const hf__bucket *bucket) {
  return HF__LOAD(&bucket->head, memory_order_acquire);
}

/* From the second bucket of a path on. LOOK_NO: it was nowhere, if the first one is unchanged, from
 * which and to which entries move. */
HF__APART static look look_on(hf_cache *cache, const hf__key *key, hf__index *index, size_t at,
                              uint64_t since_ns, bool use, const hf__destination *to,
                              hf__sight *sight) {
  for (size_t i = 1; i < index->count; i++) {
    at = hf__hash_next(key->hash, at, index->count);
    hf__bucket *bucket = &index->buckets[at];
    uint64_t head = head_of(bucket);
    if ((head & 1) != 0) {
      return LOOK_CHANGED;
    }
    look seen = look_into(cache, key, bucket, head, since_ns, use, to, sight);
    if (seen != LOOK_NO) {
      return seen;
    }
    if (!is_unchanged(bucket, head)) {
      return LOOK_CHANGED;
    }
    if (hf__bucket_passed(head) == 0) {
      break;
    }
  }
  return LOOK_NO;
}

/* Without the lock. LOOK_YES: the answer is in `sight`, also that there is none. */
HF__INLINE look read_freely(hf_cache *cache, const hf__key *key, uint64_t since_ns, bool use,
                            const hf__destination *to, hf__sight *sight) {
  /* acquire: pairs with the release of who made it. */
  hf__index *index = HF__LOAD(&key->part->index, memory_order_acquire);
  size_t first = hf__hash_bucket(key->hash, index->count);
  hf__bucket *bucket = &index->buckets[first];
  uint64_t head = head_of(bucket);
  if (HF__UNLIKELY((head & 1) != 0)) {
    return LOOK_CHANGED;
  }
  look seen = look_into(cache, key, bucket, head, since_ns, use, to, sight);
  if (seen == LOOK_NO) {
    seen = look_on(cache, key, index, first, since_ns, use, to, sight);
    if (seen == LOOK_NO) {
      *sight = (hf__sight){HF_CACHE_MISS, 0, 0};
      return is_unchanged(bucket, head) ? LOOK_YES : LOOK_CHANGED;
    }
  }
  return seen;
}

hf_cache_answer hf__read_key(hf_cache *cache, const hf__key *key, uint64_t since_ns, bool use,
                             const hf__destination *to, hf_cache_found *out) {
  if (cache->options.policy == HF_CACHE_LRU || to->borrow != NULL) {
    return read_with_lock(cache, key, since_ns, use, to, out);
  }
  /* Who changes a bucket may have been stopped in the midst of it: its lock is waited for then. */
  enum { TRIES = 64 };
  for (int i = 0; i < TRIES; i++) {
    hf__sight sight;
    look seen = read_freely(cache, key, since_ns, use, to, &sight);
    if (seen == LOOK_YES) {
      return found(sight.answer, &sight, out);
    }
    if (seen == LOOK_LOCK) {
      break;
    }
    hf__pause();
  }
  return read_with_lock(cache, key, since_ns, use, to, out);
}

hf_cache_answer hf__no_such_key(hf_cache_found *out) {
  hf__sight nothing = {HF_CACHE_MISS, 0, 0};
  return found(HF_CACHE_MISS, &nothing, out);
}

/* The usual way ------------------------------------------------------------- */

/*
 * Most entries are plain: no flag, and in the first bucket of their path. What such a one says is
 * found out here in a straight line; all else, and whatever somebody is changing, goes the long
 * way.
 */

/* Where a plain entry of a key was found. */
typedef struct plain {
  hf__bucket *bucket;
  uint64_t head;
  atomic_uint_least32_t *place;
  uint32_t word;
  hf__entry *entry;
  const atomic_uint_least64_t *value;
  size_t value_bytes;
} plain;

/* What is found is so if the bucket's version says so, or the part's lock is held. */
HF__INLINE bool find_plain(const hf__key *key, plain *at) {
  const hf__cache_memory *memory = &key->part->memory;
  /* acquire: pairs with the release of who made it. */
  hf__index *index = HF__LOAD(&key->part->index, memory_order_acquire);
  at->bucket = &index->buckets[hf__hash_bucket(key->hash, index->count)];
  at->head = head_of(at->bucket);
  size_t key_words = hf__words_of(key->length);
  unsigned same = hf__bucket_match(at->head, HF__GET(&at->bucket->tags), hf__hash_tag(key->hash));
  for (; same != 0; same &= same - 1) {
    /* acquire: pairs with the release of who wrote the number. */
    at->place = &at->bucket->entries[__builtin_ctz(same)];
    at->word = HF__LOAD(at->place, memory_order_acquire);
    uint32_t number = hf__bucket_number(at->word);
    if (HF__UNLIKELY(number == HF__NUMBER_MASK)) {
      return false;
    }
    at->entry = hf__entry_at(memory, number);
    uint64_t shape = HF__GET(&at->entry->shape);
    at->value_bytes = hf__shape_value_bytes(shape);
    if (!hf__shape_is_plain(shape, key->length) ||
        !is_in_page(memory, number,
                    sizeof(hf__entry) + (key_words + hf__words_of(at->value_bytes)) * 8)) {
      continue;
    }
    if (hf__entry_has_key(at->entry, 0, key->bytes, key->length)) {
      at->value = &at->entry->words[key_words];
      return true;
    }
  }
  return false;
}

HF__INLINE hf_cache_answer hit(const plain *at, uint64_t deadline_ns, uint64_t since_ns,
                               hf_cache_found *out) {
  if (out != NULL) {
    uint64_t left = deadline_ns == HF__NEVER ? HF_CACHE_NO_TTL : deadline_ns - since_ns;
    *out = (hf_cache_found){.value_bytes = at->value_bytes, .ttl_left_ns = left};
  }
  return HF_CACHE_HIT;
}

HF__INLINE void prefetch_bucket(const hf__key *key) {
  const hf__index *index = HF__LOAD(&key->part->index, memory_order_acquire); /* as reading */
  __builtin_prefetch(&index->buckets[hf__hash_bucket(key->hash, index->count)]);
}

/* What is not plain, under the lock, which it gives back. */
HF__APART static hf_cache_answer end_locked(hf_cache *cache, const hf__key *key, uint64_t since_ns,
                                            void *buffer, size_t capacity_bytes,
                                            hf_cache_found *out) {
  hf__destination to = {.buffer = buffer, .capacity_bytes = capacity_bytes};
  hf__removed removed = HF__NONE_REMOVED;
  hf_cache_answer answer = hf__read_locked(cache, key, since_ns, true, &to, out, &removed);
  hf__lock_give(&key->part->lock);
  hf__cache_tell(cache, key->part, removed);
  return answer;
}

/* With HF_CACHE_LRU, and to the end. */
HF__INLINE hf_cache_answer get_locked(hf_cache *cache, const hf__key *key, uint64_t since_ns,
                                      void *buffer, size_t capacity_bytes, hf_cache_found *out) {
  hf__cache_part *part = key->part;
  /* Nothing is loaded past a locked operation before that is done. */
  prefetch_bucket(key);
  hf__lock_take(&part->lock);
  plain at;
  if (find_plain(key, &at) && at.value_bytes <= capacity_bytes) {
    uint64_t deadline_ns = HF__GET(&at.entry->deadline_ns);
    if (deadline_ns > since_ns) {
      copy_words(at.value, buffer, at.value_bytes);
      hf__uses_add(&part->memory, &part->small, &part->uses, at.entry, hf__bucket_number(at.word));
      hf__lock_give(&part->lock);
      return hit(&at, deadline_ns, since_ns, out);
    }
  }
  hf__key sought = *key;
  return end_locked(cache, &sought, since_ns, buffer, capacity_bytes, out);
}

/*
 * With HF_CACHE_S3FIFO, as short as can be: gets of different keys overlap in the processor as long
 * as it has room to note what they wait for, which is why each load that was saved was measured to
 * count. So one candidate is looked at, and `words` is a constant: of how many words the key is, or
 * 0 for any.
 */

/* The last word of a key of 9 to 16 bytes, or the only one of 8: filled up with zeros. */
HF__INLINE uint64_t last_word(const char *key, size_t key_bytes, unsigned words) {
  uint64_t last = hf__word_at(key + key_bytes - 8, 8);
  /* Bits that belong to the word before. */
  unsigned others = (words * 8 - (unsigned)key_bytes) * 8;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return last << others;
#else
  return last >> others;
#endif
}

HF__INLINE bool has_this_key(const hf__entry *entry, const char *key, size_t key_bytes,
                             unsigned words) {
  if (words == 0) {
    return hf__entry_has_key(entry, 0, key, key_bytes);
  }
  return (words == 1 || HF__GET(&entry->words[0]) == hf__word_at(key, 8)) &&
         HF__GET(&entry->words[words - 1]) == last_word(key, key_bytes, words);
}

/* false: the long way knows. */
HF__INLINE bool get_freely(const hf_cache *cache, hf__cache_part *part, uint64_t hash,
                           const char *key, size_t key_bytes, unsigned words, uint64_t now_ns,
                           void *buffer, size_t capacity_bytes, hf_cache_found *out) {
  /* acquire: pairs with the release of who made it. */
  hf__index *index = HF__LOAD(&part->index, memory_order_acquire);
  size_t first = hf__hash_bucket(hash, index->count);
  hf__bucket *bucket = &index->buckets[first];
  uint64_t head = head_of(bucket);
  unsigned same = hf__bucket_match(head, HF__GET(&bucket->tags), hf__hash_tag(hash));
  if (HF__UNLIKELY(same == 0)) {
    bucket = &index->buckets[hf__hash_next(hash, first, index->count)];
    head = head_of(bucket);
    same = hf__bucket_match(head, HF__GET(&bucket->tags), hf__hash_tag(hash));
  }
  if (HF__UNLIKELY(same == 0 || (head & 1) != 0)) {
    return false;
  }
  atomic_uint_least32_t *place = &bucket->entries[__builtin_ctz(same)];
  /* acquire: pairs with the release of who wrote the number. */
  uint32_t seen = HF__LOAD(place, memory_order_acquire);
  uint32_t number = hf__bucket_number(seen);
  if (HF__UNLIKELY(number == HF__NUMBER_MASK)) {
    return false;
  }
  const hf__entry *entry = hf__entry_at(&part->memory, number);
  uint64_t shape = HF__GET(&entry->shape);
  size_t value_bytes = hf__shape_value_bytes(shape);
  size_t key_words = words == 0 ? hf__words_of(key_bytes) : words;
  if (HF__UNLIKELY(!hf__shape_is_plain(shape, key_bytes) || value_bytes > capacity_bytes ||
                   !is_in_page(&part->memory, number,
                               sizeof *entry + (key_words + hf__words_of(value_bytes)) * 8) ||
                   !has_this_key(entry, key, key_bytes, words))) {
    return false;
  }
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  uint64_t deadline_ns = HF__GET(&entry->deadline_ns);
  if (HF__UNLIKELY(deadline_ns <= since_ns)) {
    return false;
  }
  if (value_bytes == 8) {
    uint64_t value = HF__GET(&entry->words[key_words]);
    memcpy(buffer, &value, 8);
  } else {
    copy_words(&entry->words[key_words], buffer, value_bytes);
  }
  if (HF__UNLIKELY(!is_unchanged(bucket, head))) {
    return false;
  }
  raise_heat(place, seen);
  if (out != NULL) {
    out->value_bytes = value_bytes;
    out->ttl_left_ns = deadline_ns == HF__NEVER ? HF_CACHE_NO_TTL : deadline_ns - since_ns;
  }
  return true;
}

/* The key by value, so that it may stay in registers until here. */
HF__APART static hf_cache_answer get_otherwise(hf_cache *cache, hf__key key, uint64_t now_ns,
                                               void *buffer, size_t capacity_bytes,
                                               hf_cache_found *out) {
  hf__destination to = {.buffer = buffer, .capacity_bytes = capacity_bytes};
  return hf__read_key(cache, &key, hf__cache_since(cache, now_ns), true, &to, out);
}

HF__INLINE hf_cache_answer get(hf_cache *cache, const hf__key *key, uint64_t now_ns, void *buffer,
                               size_t capacity_bytes, hf_cache_found *out) {
  if (cache->part_mask == HF__ALL_LOCKED) {
    return get_locked(cache, key, hf__cache_since(cache, now_ns), buffer, capacity_bytes, out);
  }
  if (key->length == 8 ? get_freely(cache, key->part, key->hash, key->bytes, 8, 1, now_ns, buffer,
                                    capacity_bytes, out)
                       : get_freely(cache, key->part, key->hash, key->bytes, key->length, 0, now_ns,
                                    buffer, capacity_bytes, out)) {
    return HF_CACHE_HIT;
  }
  return get_otherwise(cache, *key, now_ns, buffer, capacity_bytes, out);
}

/* Any key. */
HF__APART static hf_cache_answer get_any(hf_cache *cache, const void *key, size_t key_bytes,
                                         uint64_t now_ns, void *buffer, size_t capacity_bytes,
                                         hf_cache_found *out) {
  hf_cache_answer answer;
  if (HF__UNLIKELY(key_bytes > HF_CACHE_KEY_MAX_BYTES)) {
    answer = hf__no_such_key(out);
  } else {
    hf__key sought = hf__cache_key(cache, key, key_bytes);
    answer = get(cache, &sought, now_ns, buffer, capacity_bytes, out);
  }
  hf__count_answers(cache, answer, 1);
  return answer;
}

HF__APART static hf_cache_answer get_of_lru(hf_cache *cache, const void *key, size_t key_bytes,
                                            uint64_t now_ns, void *buffer, size_t capacity_bytes,
                                            hf_cache_found *out) {
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf_cache_answer answer =
      get_locked(cache, &sought, hf__cache_since(cache, now_ns), buffer, capacity_bytes, out);
  hf__count_answers(cache, answer, 1);
  return answer;
}

/* One of 9 to 16 bytes that was not found in a straight line. */
HF__APART static hf_cache_answer get_short_otherwise(hf_cache *cache, const void *key,
                                                     size_t key_bytes, uint64_t now_ns,
                                                     void *buffer, size_t capacity_bytes,
                                                     hf_cache_found *out) {
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf_cache_answer answer = get_otherwise(cache, sought, now_ns, buffer, capacity_bytes, out);
  hf__count_answers(cache, answer, 1);
  return answer;
}

hf_cache_answer hf_cache_get(hf_cache *cache, const void *key, size_t key_bytes, uint64_t now_ns,
                             void *buffer, size_t capacity_bytes, hf_cache_found *out) {
  size_t part_mask = cache->part_mask;
  if (HF__UNLIKELY(key_bytes < 9 || key_bytes > 16 || part_mask == HF__ALL_LOCKED)) {
    if (part_mask == HF__ALL_LOCKED && key_bytes <= HF_CACHE_KEY_MAX_BYTES) {
      return get_of_lru(cache, key, key_bytes, now_ns, buffer, capacity_bytes, out);
    }
    return get_any(cache, key, key_bytes, now_ns, buffer, capacity_bytes, out);
  }
  uint64_t hash = hf__short_key_hash(key, key_bytes, cache->options.seed);
  hf__cache_part *part = &cache->parts[hf__hash_part(hash) & part_mask];
  if (HF__UNLIKELY(
          !get_freely(cache, part, hash, key, key_bytes, 2, now_ns, buffer, capacity_bytes, out))) {
    /* With the same arguments, so that they need not be kept apart until here. */
    return get_short_otherwise(cache, key, key_bytes, now_ns, buffer, capacity_bytes, out);
  }
  hf__cache_count(cache, HF__CACHE_HITS, 1);
  return HF_CACHE_HIT;
}

hf_cache_answer hf_cache_peek(hf_cache *cache, const void *key, size_t key_bytes, uint64_t now_ns,
                              void *buffer, size_t capacity_bytes, hf_cache_found *out) {
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return hf__no_such_key(out);
  }
  hf__key sought = hf__cache_key(cache, key, key_bytes);
  hf__destination to = {.buffer = buffer, .capacity_bytes = capacity_bytes};
  return hf__read_key(cache, &sought, hf__cache_since(cache, now_ns), false, &to, out);
}

hf_cache_answer hf_cache_visit(hf_cache *cache, const void *key, size_t key_bytes, uint64_t now_ns,
                               hf_cache_borrower borrow, void *context, hf_cache_found *out) {
  hf_cache_answer answer;
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    answer = hf__no_such_key(out);
  } else {
    hf__key sought = hf__cache_key(cache, key, key_bytes);
    hf__destination to = {.borrow = borrow, .context = context};
    answer = hf__read_key(cache, &sought, hf__cache_since(cache, now_ns), true, &to, out);
  }
  hf__count_answers(cache, answer, 1);
  return answer;
}

/* Asks for the memory of the entries of a bucket that may be the key's. */
static void prefetch_entries(const hf__key *key) {
  const hf__index *index = HF__LOAD(&key->part->index, memory_order_acquire); /* as reading */
  const hf__bucket *bucket = &index->buckets[hf__hash_bucket(key->hash, index->count)];
  uint64_t head = HF__GET(&bucket->head);
  unsigned same = hf__bucket_match(head, HF__GET(&bucket->tags), hf__hash_tag(key->hash));
  for (; same != 0; same &= same - 1) {
    uint32_t entry =
        hf__bucket_number(HF__LOAD(&bucket->entries[__builtin_ctz(same)], memory_order_acquire));
    if (entry != HF__NUMBER_MASK) {
      const char *at = (const char *)hf__entry_at(&key->part->memory, entry);
      __builtin_prefetch(at);
      __builtin_prefetch(at + 63);
    }
  }
}

void hf_cache_get_many(hf_cache *cache, hf_cache_lookup *lookups, size_t count, uint64_t now_ns) {
  enum { AT_ONCE = 16 };
  uint64_t counts[HF_CACHE_NO_ROOM + 1] = {0};
  for (size_t first = 0; first < count; first += AT_ONCE) {
    hf__key keys[AT_ONCE];
    hf_cache_lookup *some = lookups + first;
    size_t here = count - first < AT_ONCE ? count - first : AT_ONCE;
    for (size_t i = 0; i < here; i++) {
      bool fits = some[i].key_bytes <= HF_CACHE_KEY_MAX_BYTES;
      keys[i] = hf__cache_key(cache, some[i].key, fits ? some[i].key_bytes : 0);
      prefetch_bucket(&keys[i]);
    }
    for (size_t i = 0; i < here; i++) {
      prefetch_entries(&keys[i]);
    }
    for (size_t i = 0; i < here; i++) {
      some[i].answer = some[i].key_bytes > HF_CACHE_KEY_MAX_BYTES
                           ? hf__no_such_key(&some[i].found)
                           : get(cache, &keys[i], now_ns, some[i].buffer, some[i].capacity_bytes,
                                 &some[i].found);
      counts[some[i].answer]++;
    }
  }
  for (unsigned answer = 0; answer <= HF_CACHE_NO_ROOM; answer++) {
    if (counts[answer] > 0) {
      hf__count_answers(cache, (hf_cache_answer)answer, counts[answer]);
    }
  }
}
