/* What is done to one part of a cache, under its lock. */
#include "cache.h"
#include "cache_key.h"

#include <string.h>

/* Entries ------------------------------------------------------------------- */

bool hf__entry_is_invalidated(const hf_cache *cache, const hf__entry *entry, uint64_t shape) {
  size_t tags = hf__shape_tags(shape);
  if (tags == 0) {
    return false;
  }
  size_t at = hf__shape_born_at(shape);
  uint64_t born = HF__GET(&entry->words[at]);
  uint64_t pair = 0;
  for (size_t i = 0; i < tags; i++) {
    pair = i % 2 == 0 ? HF__GET(&entry->words[at + 1 + i / 2]) : pair >> 32;
    /* relaxed: whoever was told that the invalidation is done sees it. */
    if (HF__GET(hf__invalidated(cache, (uint32_t)pair)) > born) {
      return true;
    }
  }
  return false;
}

hf__sight hf__cache_sight(const hf_cache *cache, const hf__entry *entry, uint64_t shape,
                          uint64_t since_ns) {
  uint64_t deadline = HF__GET(&entry->deadline_ns);
  hf__sight sight = {HF_CACHE_HIT, hf__shape_value_bytes(shape), HF_CACHE_NO_TTL};
  if (deadline != HF__NEVER) {
    sight.ttl_left_ns = deadline - since_ns;
  }
  if (deadline <= since_ns || hf__entry_is_invalidated(cache, entry, shape)) {
    return (hf__sight){HF_CACHE_MISS, 0, 0};
  }
  if ((shape & HF__NEGATIVE) != 0) {
    sight.answer = HF_CACHE_NEGATIVE;
  } else if ((shape & HF__SOFT) != 0 &&
             HF__GET(&entry->words[hf__shape_soft_at(shape)]) <= since_ns) {
    sight.answer = HF_CACHE_STALE;
  }
  return sight;
}

/* What it is charged. */
static uint64_t charge(const hf__cache_memory *memory, uint64_t shape, uint64_t cost) {
  uint64_t bytes = hf__slot_bytes(hf__shape_entry_bytes(shape)) + cost;
  if ((shape & HF__LARGE) != 0) {
    bytes += hf__block_bytes(memory, hf__shape_block_bytes(shape));
  }
  return bytes;
}

static uint64_t charge_of(const hf__cache_memory *memory, const hf__entry *entry) {
  uint64_t shape = HF__GET(&entry->shape);
  uint64_t cost = (shape & HF__COST) != 0 ? HF__GET(&entry->words[hf__shape_cost_at(shape)]) : 0;
  return charge(memory, shape, cost);
}

static void give_memory(hf__cache_part *part, uint32_t entry) {
  const hf__entry *at = hf__entry_at(&part->memory, entry);
  uint64_t shape = HF__GET(&at->shape);
  if ((shape & HF__LARGE) != 0) {
    /* The block is ours; the pointer is const because the entry is. */
    void *block = (void *)(uintptr_t)HF__GET(&at->words[hf__shape_block_at(shape)]);
    hf__cache_memory_give_block(&part->memory, block, hf__shape_block_bytes(shape));
  }
  hf__cache_memory_give(&part->memory, entry);
}

/* Queues -------------------------------------------------------------------- */

static hf__queue *queue_of(hf__cache_part *part, uint64_t shape) {
  return (shape & HF__IN_MAIN) != 0 ? &part->main : &part->small;
}

void hf__part_settle(hf__cache_part *part) {
  hf__uses_move_all(&part->memory, &part->small, &part->uses);
}

/* Removing ------------------------------------------------------------------ */

static void detach(hf_cache *cache, hf__cache_part *part, uint32_t entry, hf_cache_cause cause,
                   hf__removed *removed) {
  hf__entry *at = hf__entry_at(&part->memory, entry);
  uint64_t shape = HF__GET(&at->shape);
  hf__queue_remove(&part->memory, queue_of(part, shape), at);
  if (HF__GET(&at->wheel_prev) != HF__NO_ENTRY) {
    hf__cache_wheel_remove(&part->wheel, &part->memory, entry);
  }
  part->charged_bytes -= charge_of(&part->memory, at);
  part->entries--;
  part->removals[cause]++;
  if (cache->options.on_removal == NULL) {
    give_memory(part, entry);
    return;
  }
  HF__SET(&at->prev, (uint32_t)cause);
  HF__SET(&at->next, HF__NO_ENTRY);
  if (removed->first == HF__NO_ENTRY) {
    removed->first = entry;
  } else {
    HF__SET(&hf__entry_at(&part->memory, removed->last)->next, entry);
  }
  removed->last = entry;
}

void hf__part_remove(hf_cache *cache, hf__cache_part *part, uint64_t hash, const hf__place *place,
                     hf_cache_cause cause, hf__removed *removed) {
  hf__part_settle(part);
  hf__index *index = HF__GET(&part->index);
  hf__index_remove(index, hash, place);
  detach(cache, part, place->entry, cause, removed);
}

static void remove_hashed(hf_cache *cache, hf__cache_part *part, uint32_t entry, uint64_t hash,
                          hf_cache_cause cause, hf__removed *removed) {
  hf__place place = hf__index_place(HF__GET(&part->index), hash, entry);
  hf__part_remove(cache, part, hash, &place, cause, removed);
}

static void remove_entry(hf_cache *cache, hf__cache_part *part, uint32_t entry,
                         hf_cache_cause cause, hf__removed *removed) {
  const hf__entry *at = hf__entry_at(&part->memory, entry);
  uint64_t hash = hf__entry_hash(at, cache->options.seed);
  remove_hashed(cache, part, entry, hash, cause, removed);
}

static void remove_queue(hf_cache *cache, hf__cache_part *part, const hf__queue *queue,
                         hf__removed *removed) {
  while (queue->count > 0) {
    remove_entry(cache, part, queue->head, HF_CACHE_REMOVED, removed);
  }
}

void hf__part_remove_all(hf_cache *cache, hf__cache_part *part, hf__removed *removed) {
  remove_queue(cache, part, &part->small, removed);
  remove_queue(cache, part, &part->main, removed);
  hf__index_empty(HF__GET(&part->index));
}

static void index_queue(hf_cache *cache, hf__cache_part *part, const hf__queue *queue,
                        hf__index *index) {
  for (uint32_t entry = queue->head; entry != HF__NO_ENTRY;) {
    const hf__entry *at = hf__entry_at(&part->memory, entry);
    hf__index_add(index, &part->memory, hf__entry_hash(at, cache->options.seed), entry);
    entry = HF__GET(&at->next);
  }
}

void hf__part_fill_index(hf_cache *cache, hf__cache_part *part, hf__index *index) {
  index_queue(cache, part, &part->small, index);
  index_queue(cache, part, &part->main, index);
}

void hf__cache_tell(hf_cache *cache, hf__cache_part *part, hf__removed removed) {
  while (removed.first != HF__NO_ENTRY) {
    uint32_t entry = removed.first;
    const hf__entry *at = hf__entry_at(&part->memory, entry);
    uint64_t shape = HF__GET(&at->shape);
    removed.first = HF__GET(&at->next);
    cache->options.on_removal(cache->options.context, hf__entry_key(at, shape),
                              hf__shape_key_bytes(shape), hf__entry_value(at, shape),
                              hf__shape_value_bytes(shape), (hf_cache_cause)HF__GET(&at->prev));
    hf__lock_take(&part->lock);
    give_memory(part, entry);
    hf__lock_give(&part->lock);
  }
}

/* Clearing away ------------------------------------------------------------- */

static hf_cache_cause cause_of_death(const hf__entry *entry, uint64_t since_ns) {
  return HF__GET(&entry->deadline_ns) <= since_ns ? HF_CACHE_EXPIRED : HF_CACHE_INVALIDATED;
}

/* The entries of one bucket that were invalidated. */
static void sweep_bucket(hf_cache *cache, hf__cache_part *part, hf__bucket *bucket,
                         hf__removed *removed) {
  unsigned empty = hf__bucket_match(HF__GET(&bucket->head), HF__GET(&bucket->tags), 0);
  for (unsigned slot = 0; slot < HF__BUCKET_ENTRIES; slot++) {
    uint32_t entry = hf__bucket_number(HF__GET(&bucket->entries[slot]));
    if ((empty >> slot & 1) != 0) {
      continue;
    }
    const hf__entry *at = hf__entry_at(&part->memory, entry);
    if (hf__entry_is_invalidated(cache, at, HF__GET(&at->shape))) {
      remove_entry(cache, part, entry, HF_CACHE_INVALIDATED, removed);
    }
  }
}

/* One that has just moved: perhaps to where a sweep has been already. */
static void sweep_moved(hf_cache *cache, hf__cache_part *part, uint32_t moved,
                        hf__removed *removed) {
  if (moved == HF__NO_ENTRY || part->sweep_left == 0) {
    return;
  }
  const hf__entry *at = hf__entry_at(&part->memory, moved);
  if (hf__entry_is_invalidated(cache, at, HF__GET(&at->shape))) {
    remove_entry(cache, part, moved, HF_CACHE_INVALIDATED, removed);
  }
}

static size_t taken_off(size_t budget, size_t amount) {
  return amount < budget ? budget - amount : 0;
}

void hf__part_clear_some(hf_cache *cache, hf__cache_part *part, uint64_t since_ns, size_t *budget,
                         hf__removed *removed) {
  hf__index *index = HF__GET(&part->index);
  /* acquire: pairs with the release of who invalidated. */
  uint64_t invalidations = HF__LOAD(&cache->invalidations_done, memory_order_acquire);
  if (part->swept_for != invalidations) {
    part->swept_for = invalidations;
    part->sweep_left = index->count;
  }
  while (*budget > 0) {
    uint32_t entry = hf__cache_wheel_expired(&part->wheel, &part->memory, since_ns, budget);
    if (entry == HF__NO_ENTRY) {
      break;
    }
    HF__SET(&hf__entry_at(&part->memory, entry)->wheel_prev, HF__NO_ENTRY);
    remove_entry(cache, part, entry, HF_CACHE_EXPIRED, removed);
  }
  while (*budget > 0 && part->sweep_left > 0) {
    part->sweep_left--;
    part->sweep_at = part->sweep_at == 0 ? index->count - 1 : part->sweep_at - 1;
    sweep_bucket(cache, part, &index->buckets[part->sweep_at], removed);
    *budget = taken_off(*budget, HF__BUCKET_ENTRIES);
  }
}

/* Evicting ------------------------------------------------------------------ */

/* An entry that is to go. */
typedef struct victim {
  uint32_t entry;
  uint64_t hash;
  hf__place place;
} victim;

static victim last_of(hf_cache *cache, hf__cache_part *part, const hf__queue *queue) {
  const hf__entry *at = hf__entry_at(&part->memory, queue->tail);
  uint64_t hash = hf__entry_hash(at, cache->options.seed);
  return (victim){queue->tail, hash, hf__index_place(HF__GET(&part->index), hash, queue->tail)};
}

/* From the tail of a queue to the head of the main one. */
static void keep(hf__cache_part *part, hf__queue *queue, victim *kept, unsigned heat) {
  hf__entry *at = hf__entry_at(&part->memory, kept->entry);
  hf__queue_remove(&part->memory, queue, at);
  HF__SET(&at->shape, HF__GET(&at->shape) | HF__IN_MAIN);
  hf__queue_add(&part->memory, &part->main, at, kept->entry);
  /* A sweep must not miss it. */
  if (part->sweep_left == 0) {
    hf__index_bring_nearer(HF__GET(&part->index), kept->hash, &kept->place);
  }
  hf__index_set_heat(&kept->place, heat);
}

/* By the rule that cache_s3fifo.h explains; but of so many that were used the last one goes all the
 * same, so that nobody waits until all entries were looked at. */
static victim choose_s3fifo(hf_cache *cache, hf__cache_part *part) {
  enum { TURNS = 64 };
  for (int turn = 0;; turn++) {
    uint64_t target = hf__s3fifo_target(&part->rule, part->entries);
    bool from_small = part->main.count == 0 || part->small.count > target;
    hf__queue *queue = from_small ? &part->small : &part->main;
    victim last = last_of(cache, part, queue);
    unsigned heat = hf__index_heat(&last.place);
    if (heat == 0 || turn == TURNS) {
      hf__ghost_add(&part->ghost, last.hash, from_small ? HF__GHOST_OF_SMALL : HF__GHOST_OF_MAIN);
      return last;
    }
    keep(part, queue, &last, from_small ? 0 : heat - 1);
  }
}

static void evict(hf_cache *cache, hf__cache_part *part, hf_cache_cause cause,
                  hf__removed *removed) {
  hf__part_settle(part);
  victim chosen = cache->options.policy == HF_CACHE_LRU ? last_of(cache, part, &part->small)
                                                        : choose_s3fifo(cache, part);
  hf__part_remove(cache, part, chosen.hash, &chosen.place, cause, removed);
}

void hf__part_make_room(hf_cache *cache, hf__cache_part *part, uint32_t entries, uint64_t bytes,
                        hf__removed *removed) {
  for (;;) {
    bool too_many = part->entries + entries > part->max_entries;
    bool too_large = part->charged_bytes + bytes > part->max_bytes;
    if (part->entries == 0 || (!too_many && !too_large)) {
      return;
    }
    evict(cache, part, too_many ? HF_CACHE_EVICTED_BY_COUNT : HF_CACHE_EVICTED_BY_BYTES, removed);
  }
}

/* Finding and using --------------------------------------------------------- */

bool hf__part_find(hf_cache *cache, const hf__key *key, uint64_t since_ns, hf__place *place,
                   hf__removed *removed) {
  hf__cache_part *part = key->part;
  hf__index *index = HF__GET(&part->index);
  if (!hf__index_find(index, &part->memory, key->hash, key->bytes, key->length, place)) {
    return false;
  }
  const hf__entry *at = hf__entry_at(&part->memory, place->entry);
  uint64_t shape = HF__GET(&at->shape);
  if (hf__cache_sight(cache, at, shape, since_ns).answer == HF_CACHE_MISS) {
    hf__part_remove(cache, part, key->hash, place, cause_of_death(at, since_ns), removed);
    return false;
  }
  return true;
}

/* Begins its TTL anew; not its soft one, which is about how old the value is. The wheel finds it at
 * its old place, and then knows. */
static void slide(hf__entry *entry, uint64_t since_ns) {
  uint64_t deadline = hf__cache_after(since_ns, HF__GET(&entry->words[0]));
  if (deadline > HF__GET(&entry->deadline_ns)) {
    HF__SET(&entry->deadline_ns, deadline);
  }
}

void hf__part_use(hf_cache *cache, hf__cache_part *part, const hf__place *place,
                  uint64_t since_ns) {
  hf__entry *at = hf__entry_at(&part->memory, place->entry);
  uint64_t shape = HF__GET(&at->shape);
  if ((shape & HF__SLIDING) != 0) {
    slide(at, since_ns);
  }
  if (cache->options.policy == HF_CACHE_S3FIFO) {
    unsigned heat = hf__index_heat(place);
    if (heat < HF__HEAT_MOST) {
      hf__index_set_heat(place, heat + 1);
    }
  } else {
    hf__uses_add(&part->memory, &part->small, &part->uses, at, place->entry);
  }
}

/* Putting ------------------------------------------------------------------- */

/* Copies bytes into words, the last one filled up with zeros. */
static void write_words(atomic_uint_least64_t *words, const void *bytes, size_t length) {
  uint64_t word;
  for (; length >= 8; length -= 8, bytes = (const char *)bytes + 8) {
    memcpy(&word, bytes, 8);
    HF__SET(words++, word);
  }
  if (length > 0) {
    word = 0;
    memcpy(&word, bytes, length);
    HF__SET(words, word);
  }
}

/* Writes the words that the flags stand for, but for the block. */
static void write_flagged(hf__entry *entry, const hf__put *put, uint64_t since_ns) {
  uint64_t shape = put->shape;
  if ((shape & HF__SLIDING) != 0) {
    HF__SET(&entry->words[0], put->ttl_ns);
  }
  if ((shape & HF__SOFT) != 0) {
    HF__SET(&entry->words[hf__shape_soft_at(shape)], hf__cache_after(since_ns, put->soft_ttl_ns));
  }
  if ((shape & HF__COST) != 0) {
    HF__SET(&entry->words[hf__shape_cost_at(shape)], put->cost);
  }
  size_t tags = hf__shape_tags(shape);
  size_t born_at = hf__shape_born_at(shape);
  if (tags > 0) {
    HF__SET(&entry->words[born_at], put->born);
  }
  for (size_t i = 0; i < tags; i += 2) {
    uint64_t second = i + 1 < tags ? put->tags[i + 1] : 0;
    HF__SET(&entry->words[born_at + 1 + i / 2], second << 32 | put->tags[i]);
  }
}

/* Writes all but the links. */
static void write_entry(hf__entry *entry, const hf__key *key, const hf__put *put, uint64_t since_ns,
                        void *block) {
  uint64_t shape = put->shape;
  HF__SET(&entry->deadline_ns, hf__cache_after(since_ns, put->left_ns));
  HF__SET(&entry->shape, shape);
  if ((shape & HF__WITH_WORDS) != 0) {
    write_flagged(entry, put, since_ns);
  }
  size_t value_bytes = hf__shape_value_bytes(shape);
  size_t key_words = hf__words_of(key->length);
  if (block == NULL) {
    size_t key_at = hf__shape_key_at(shape);
    write_words(&entry->words[key_at], key->bytes, key->length);
    write_words(&entry->words[key_at + key_words], put->value, value_bytes);
    return;
  }
  HF__SET(&entry->words[hf__shape_block_at(shape)], (uint64_t)(uintptr_t)block);
  if (key->length > 0) {
    memcpy(block, key->bytes, key->length);
  }
  if (value_bytes > 0) {
    memcpy((char *)block + key_words * 8, put->value, value_bytes);
  }
}

/* Memory for it, written; HF__NO_ENTRY: there is none. */
static uint32_t make_entry(hf__cache_part *part, const hf__key *key, const hf__put *put,
                           uint64_t since_ns) {
  void *block = NULL;
  if ((put->shape & HF__LARGE) != 0) {
    block = hf__cache_memory_take_block(&part->memory, hf__shape_block_bytes(put->shape));
    if (block == NULL) {
      return HF__NO_ENTRY;
    }
  }
  uint32_t entry = hf__cache_memory_take(&part->memory, hf__shape_entry_bytes(put->shape));
  if (entry == HF__NO_ENTRY) {
    if (block != NULL) {
      hf__cache_memory_give_block(&part->memory, block, hf__shape_block_bytes(put->shape));
    }
    return HF__NO_ENTRY;
  }
  write_entry(hf__entry_at(&part->memory, entry), key, put, since_ns, block);
  return entry;
}

/* Where a new entry comes in: what went from the small queue not long ago was misjudged there. */
static uint64_t remembered(hf_cache *cache, const hf__key *key) {
  hf__cache_part *part = key->part;
  if (cache->options.policy == HF_CACHE_LRU) {
    return 0;
  }
  hf__ghost_kind kind = hf__ghost_take(&part->ghost, key->hash, part->entries);
  if (kind != HF__GHOST_NONE) {
    hf__s3fifo_learn(&part->rule, kind, &part->ghost, part->entries);
  }
  return kind == HF__GHOST_OF_SMALL ? HF__IN_MAIN : 0;
}

hf_status hf__part_put(hf_cache *cache, const hf__key *key, const hf__put *put, uint64_t since_ns,
                       hf__removed *removed) {
  hf__cache_part *part = key->part;
  hf__part_settle(part);
  hf__place place;
  uint64_t bytes = charge(&part->memory, put->shape, put->cost);
  if (bytes > part->max_bytes) {
    if (hf__part_find(cache, key, since_ns, &place, removed)) {
      hf__part_remove(cache, part, key->hash, &place, HF_CACHE_REPLACED, removed);
    }
    return HF_ERROR_TOO_LARGE;
  }
  uint32_t entry = make_entry(part, key, put, since_ns);
  while (entry == HF__NO_ENTRY && hf__cache_memory_is_full(&part->memory) && part->entries > 0) {
    /* There are as many pages as numbers. One that becomes empty will do. */
    evict(cache, part, HF_CACHE_EVICTED_BY_BYTES, removed);
    entry = make_entry(part, key, put, since_ns);
  }
  if (entry == HF__NO_ENTRY) {
    return HF_ERROR_OUT_OF_MEMORY;
  }
  hf__entry *at = hf__entry_at(&part->memory, entry);
  uint64_t queue;
  if (hf__part_find(cache, key, since_ns, &place, removed)) {
    /* In its place, so that no reader finds neither. */
    queue = HF__GET(&hf__entry_at(&part->memory, place.entry)->shape) & HF__IN_MAIN;
    hf__index_replace(&place, entry);
    detach(cache, part, place.entry, HF_CACHE_REPLACED, removed);
    hf__part_make_room(cache, part, 1, bytes, removed);
  } else {
    queue = remembered(cache, key) | (put->shape & HF__IN_MAIN);
    hf__part_make_room(cache, part, 1, bytes, removed);
    uint32_t moved = hf__index_add(HF__GET(&part->index), &part->memory, key->hash, entry);
    sweep_moved(cache, part, moved, removed);
  }
  HF__SET(&at->shape, put->shape | queue);
  hf__queue_add(&part->memory, queue_of(part, queue), at, entry);
  HF__SET(&at->wheel_prev, HF__NO_ENTRY);
  if (HF__GET(&at->deadline_ns) != HF__NEVER) {
    hf__cache_wheel_add(&part->wheel, &part->memory, entry);
  }
  part->entries++;
  part->charged_bytes += bytes;
  return HF_OK;
}
