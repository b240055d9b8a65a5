/*
 * Caches: their options, making them, and what is done to all of one. cache.h has the parts.
 *
 * Orders. Under a part's lock everything is as in one thread; readers without it are kept from
 * harm by the buckets' versions (cache_index.h).
 */
#include "cache.h"

#include "allocator.h"
#include "error.h"

#include <string.h>

const char *hf_cache_policy_name(hf_cache_policy policy) {
  switch (policy) {
  case HF_CACHE_LRU:
    return "lru";
  case HF_CACHE_S3FIFO:
    return "s3fifo";
  }
  return "unknown";
}

const char *hf_cache_cause_name(hf_cache_cause cause) {
  switch (cause) {
  case HF_CACHE_EVICTED_BY_COUNT:
    return "evicted_by_count";
  case HF_CACHE_EVICTED_BY_BYTES:
    return "evicted_by_bytes";
  case HF_CACHE_EXPIRED:
    return "expired";
  case HF_CACHE_REPLACED:
    return "replaced";
  case HF_CACHE_REMOVED:
    return "removed";
  case HF_CACHE_INVALIDATED:
    return "invalidated";
  case HF_CACHE_CAUSES:
    break;
  }
  return "unknown";
}

const char *hf_cache_answer_name(hf_cache_answer answer) {
  switch (answer) {
  case HF_CACHE_MISS:
    return "miss";
  case HF_CACHE_HIT:
    return "hit";
  case HF_CACHE_STALE:
    return "stale";
  case HF_CACHE_NEGATIVE:
    return "negative";
  case HF_CACHE_NO_ROOM:
    return "no_room";
  }
  return "unknown";
}

/* Options ------------------------------------------------------------------- */

enum {
  MOST_PARTS = 256,
  PART_LEAST_ENTRIES = 4096,
  PARTS_CHOSEN_MOST = 32,
  MOST_TAG_PLACES = 1 << 20,
};

#define PART_LEAST_BYTES (UINT64_C(1) << 20)
#define NS_PER_MS UINT64_C(1000000)

hf_cache_options hf_cache_options_default(void) {
  return (hf_cache_options){
      .policy = HF_CACHE_LRU,
      .max_entries = 1000,
      .ttl_ns = HF_CACHE_NO_TTL,
      .negative_ttl_ns = 30 * HF_CACHE_SECOND,
      .load_lease_ns = 60 * HF_CACHE_SECOND,
      .tag_places = 1024,
  };
}

static bool is_power_of_2(uint64_t number) {
  return number != 0 && (number & (number - 1)) == 0;
}

hf_status hf__cache_out_of_range(hf_error *error, const char *name, uint64_t value,
                                 const char *range) {
  return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                       "%s is %llu; it may be %s", name, (unsigned long long)value, range);
}

hf_status hf__cache_no_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

static hf_status check_options(const hf_cache_options *options, hf_error *error) {
  if ((unsigned)options->policy > HF_CACHE_S3FIFO) {
    return hf__cache_out_of_range(error, "policy", options->policy,
                                  "HF_CACHE_LRU or HF_CACHE_S3FIFO");
  }
  if (options->max_entries < 1 || options->max_entries > HF_CACHE_MAX_ENTRIES) {
    return hf__cache_out_of_range(error, "max_entries", options->max_entries, "1 to 134217728");
  }
  if (options->ttl_ns == 0) {
    return hf__cache_out_of_range(error, "ttl_ns", 0, "1 ns or more, or HF_CACHE_NO_TTL");
  }
  if (options->negative_ttl_ns == 0) {
    return hf__cache_out_of_range(error, "negative_ttl_ns", 0, "1 ns or more, or HF_CACHE_NO_TTL");
  }
  if (options->load_lease_ns < NS_PER_MS) {
    return hf__cache_out_of_range(error, "load_lease_ns", options->load_lease_ns,
                                  "1000000 or more");
  }
  if (options->parts > MOST_PARTS || (options->parts != 0 && !is_power_of_2(options->parts))) {
    return hf__cache_out_of_range(error, "parts", options->parts, "0 or a power of 2 to 256");
  }
  if (options->policy == HF_CACHE_S3FIFO && options->parts > options->max_entries) {
    return hf__cache_out_of_range(error, "parts", options->parts,
                                  "no more than max_entries: each part has one at least");
  }
  if (options->tag_places < 2 || options->tag_places > MOST_TAG_PLACES ||
      !is_power_of_2(options->tag_places)) {
    return hf__cache_out_of_range(error, "tag_places", options->tag_places,
                                  "a power of 2, 2 to 1048576");
  }
  return HF_OK;
}

static size_t parts_for(const hf_cache_options *options) {
  if (options->policy == HF_CACHE_LRU) {
    return 1;
  }
  if (options->parts != 0) {
    return options->parts;
  }
  size_t parts = PARTS_CHOSEN_MOST;
  while (parts > 1 &&
         (options->max_entries / parts < PART_LEAST_ENTRIES ||
          (options->max_bytes != 0 && options->max_bytes / parts < PART_LEAST_BYTES))) {
    parts /= 2;
  }
  return parts;
}

/* The share of a part: all shares together are the whole. */
static uint64_t share(uint64_t whole, size_t parts, size_t part) {
  return whole / parts + (part < whole % parts);
}

static uint64_t byte_share(uint64_t max_bytes, size_t parts, size_t part) {
  return max_bytes == 0 ? UINT64_MAX : share(max_bytes, parts, part);
}

/* Life ---------------------------------------------------------------------- */

/* Small for a small cache, and large where the table of pages would become long. */
static uint32_t page_bytes_for(uint64_t max_entries) {
  enum { LEAST = 4096, MOST = 65536, PAGES = 64, ENTRY_BYTES = 64 };
  uint32_t bytes = LEAST;
  while (bytes < MOST && bytes < max_entries * ENTRY_BYTES / PAGES) {
    bytes *= 2;
  }
  return bytes;
}

static hf__index *make_index(hf_cache *cache, size_t entries) {
  hf__index *index = cache->allocator.allocate(cache->allocator.context, hf__index_bytes(entries),
                                               _Alignof(hf__index));
  if (index != NULL) {
    hf__index_init(index, entries, cache->options.seed);
  }
  return index;
}

static void free_index(hf_cache *cache, hf__index *index) {
  cache->allocator.deallocate(cache->allocator.context, index,
                              sizeof *index + index->count * sizeof(hf__bucket),
                              _Alignof(hf__index));
}

/* How many of those that went: three for four that there may be. All four would miss 0.1 % less
 * often, for half a byte more an entry. */
static uint64_t remembered(const hf__cache_part *part) {
  return (part->max_entries + UINT64_C(1)) * 3 / 4;
}

static bool make_part(hf_cache *cache, hf__cache_part *part, size_t number) {
  const hf_cache_options *options = &cache->options;
  memset(part, 0, sizeof *part);
  atomic_init(&part->lock, 0);
  part->max_entries = (uint32_t)share(options->max_entries, cache->part_count, number);
  part->max_bytes = byte_share(options->max_bytes, cache->part_count, number);
  part->small = (hf__queue){HF__NO_ENTRY, HF__NO_ENTRY, 0};
  part->main = part->small;
  hf__uses_init(&part->uses);
  hf__cache_wheel_init(&part->wheel);
  if (hf__cache_memory_init(&part->memory, page_bytes_for(part->max_entries), &cache->allocator) !=
      HF_OK) {
    return false;
  }
  hf__index *index = make_index(cache, part->max_entries);
  bool remembers = options->policy == HF_CACHE_S3FIFO;
  if (index != NULL &&
      (!remembers || hf__ghost_init(&part->ghost, remembered(part), &cache->allocator) == HF_OK)) {
    hf__s3fifo_init(&part->rule);
    atomic_init(&part->index, index);
    return true;
  }
  if (index != NULL) {
    free_index(cache, index);
  }
  hf__cache_memory_free(&part->memory);
  return false;
}

static void free_queue(hf__cache_part *part, const hf__queue *queue) {
  for (uint32_t entry = queue->head; entry != HF__NO_ENTRY;) {
    const hf__entry *at = hf__entry_at(&part->memory, entry);
    uint64_t shape = HF__GET(&at->shape);
    entry = HF__GET(&at->next);
    if ((shape & HF__LARGE) != 0) {
      void *block = (void *)(uintptr_t)HF__GET(&at->words[hf__shape_block_at(shape)]);
      hf__cache_memory_give_block(&part->memory, block, hf__shape_block_bytes(shape));
    }
  }
}

static void free_part(hf_cache *cache, hf__cache_part *part) {
  hf__part_end_loads(cache, part);
  free_queue(part, &part->small);
  free_queue(part, &part->main);
  for (hf__index *index = HF__GET(&part->index); index != NULL;) {
    hf__index *before = index->before;
    free_index(cache, index);
    index = before;
  }
  hf__ghost_free(&part->ghost, &cache->allocator);
  hf__cache_memory_free(&part->memory);
}

static size_t parts_bytes(const hf_cache *cache) {
  return cache->part_count * sizeof(hf__cache_part);
}

static size_t tag_bytes(const hf_cache *cache) {
  return (cache->options.tag_places + HF_CACHE_MAX_NAMESPACES) * sizeof(atomic_uint_least64_t);
}

static void free_cache(hf_cache *cache, size_t parts) {
  hf_allocator from = cache->allocator;
  for (size_t i = 0; i < parts; i++) {
    free_part(cache, &cache->parts[i]);
  }
  for (size_t i = 0; i < HF__GET(&cache->namespace_count); i++) {
    from.deallocate(from.context, cache->namespaces[i].prefix, cache->namespaces[i].prefix_bytes,
                    1);
  }
  if (cache->invalidated != NULL) {
    from.deallocate(from.context, cache->invalidated, tag_bytes(cache), 64);
  }
  if (cache->parts != NULL) {
    from.deallocate(from.context, cache->parts, parts_bytes(cache), _Alignof(hf__cache_part));
  }
  from.deallocate(from.context, cache, sizeof *cache, _Alignof(hf_cache));
}

hf_status hf_cache_create(const hf_cache_options *options, uint64_t now_ns,
                          const hf_allocator *allocator, hf_cache **cache, hf_error *error) {
  hf_cache_options chosen = options == NULL ? hf_cache_options_default() : *options;
  hf_status status = check_options(&chosen, error);
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *from = allocator == NULL ? &hf__allocator_default : allocator;
  hf_cache *made = from->allocate(from->context, sizeof *made, _Alignof(hf_cache));
  if (made == NULL) {
    return hf__cache_no_memory(error);
  }
  memset(made, 0, sizeof *made);
  made->options = chosen;
  made->epoch_ns = now_ns;
  made->allocator = *from;
  made->processor_offset_bytes = hf__processor_offset_bytes();
  made->part_count = parts_for(&chosen);
  made->part_mask = chosen.policy == HF_CACHE_LRU ? HF__ALL_LOCKED : made->part_count - 1;
  made->parts = from->allocate(from->context, parts_bytes(made), _Alignof(hf__cache_part));
  made->invalidated = from->allocate(from->context, tag_bytes(made), 64);
  if (made->parts == NULL || made->invalidated == NULL) {
    free_cache(made, 0);
    return hf__cache_no_memory(error);
  }
  for (size_t i = 0; i < (size_t)chosen.tag_places + HF_CACHE_MAX_NAMESPACES; i++) {
    atomic_init(&made->invalidated[i], 0);
  }
  for (size_t i = 0; i < made->part_count; i++) {
    if (!make_part(made, &made->parts[i], i)) {
      free_cache(made, i);
      return hf__cache_no_memory(error);
    }
  }
  *cache = made;
  return HF_OK;
}

void hf_cache_destroy(hf_cache *cache) {
  if (cache != NULL) {
    free_cache(cache, cache->part_count);
  }
}

/* Handling ------------------------------------------------------------------ */

void hf_cache_clear(hf_cache *cache, uint64_t now_ns) {
  (void)now_ns;
  for (size_t i = 0; i < cache->part_count; i++) {
    hf__cache_part *part = &cache->parts[i];
    hf__removed removed = HF__NONE_REMOVED;
    hf__lock_take(&part->lock);
    hf__part_end_loads(cache, part);
    hf__part_remove_all(cache, part, &removed);
    hf__lock_give(&part->lock);
    hf__cache_tell(cache, part, removed);
  }
}

/* A larger index for a part whose limit was raised; under the lock. */
static void move_index(hf_cache *cache, hf__cache_part *part, hf__index *index) {
  hf__index *old = HF__GET(&part->index);
  hf__part_fill_index(cache, part, index);
  index->before = old;
  /* release: it is whole before it is seen; pairs with the acquire of readers. */
  HF__STORE(&part->index, index, memory_order_release);
  hf__index_close(old);
  part->sweep_left = index->count;
}

/* A memory of what went that suits the limit; when there is no room for it, the one that is there
 * is good enough. */
static void resize_ghost(hf_cache *cache, hf__cache_part *part) {
  hf__ghost ghost;
  size_t bytes = part->ghost.set_count * sizeof(hf__ghost_set);
  if (part->ghost.sets != NULL && hf__ghost_bytes(remembered(part)) > bytes &&
      hf__ghost_init(&ghost, remembered(part), &cache->allocator) == HF_OK) {
    hf__ghost_free(&part->ghost, &cache->allocator);
    part->ghost = ghost;
  }
}

/* Makes the indexes that the parts need for so many entries; NULL for those that have one. False:
 * no memory, and none is made. */
static bool make_indexes(hf_cache *cache, uint64_t max_entries, hf__index **larger) {
  for (size_t i = 0; i < cache->part_count; i++) {
    size_t entries = share(max_entries, cache->part_count, i);
    /* relaxed: only who resizes replaces it. */
    size_t most = hf__index_most(HF__GET(&cache->parts[i].index));
    larger[i] = NULL;
    if (entries <= most) {
      continue;
    }
    /* Half as large again at least, so that those that are outgrown stay in bounds. */
    larger[i] = make_index(cache, entries > most * 3 / 2 ? entries : most * 3 / 2);
    if (larger[i] == NULL) {
      while (i-- > 0) {
        if (larger[i] != NULL) {
          free_index(cache, larger[i]);
        }
      }
      return false;
    }
  }
  return true;
}

hf_status hf_cache_resize(hf_cache *cache, uint64_t max_entries, uint64_t max_bytes,
                          uint64_t now_ns, hf_error *error) {
  (void)now_ns;
  hf_cache_options options = cache->options;
  options.max_entries = max_entries;
  options.parts = (uint32_t)cache->part_count;
  hf_status status = check_options(&options, error);
  if (status != HF_OK) {
    return status;
  }
  hf__index *larger[MOST_PARTS] = {NULL};
  hf__removed removed[MOST_PARTS] = {{0}};
  hf__lock_take(&cache->resizing);
  bool made = make_indexes(cache, max_entries, larger);
  for (size_t i = 0; made && i < cache->part_count; i++) {
    hf__cache_part *part = &cache->parts[i];
    removed[i] = HF__NONE_REMOVED;
    hf__lock_take(&part->lock);
    part->max_entries = (uint32_t)share(max_entries, cache->part_count, i);
    part->max_bytes = byte_share(max_bytes, cache->part_count, i);
    resize_ghost(cache, part);
    hf__part_make_room(cache, part, 0, 0, &removed[i]);
    if (larger[i] != NULL) {
      move_index(cache, part, larger[i]);
    }
    hf__lock_give(&part->lock);
  }
  hf__lock_give(&cache->resizing);
  for (size_t i = 0; made && i < cache->part_count; i++) {
    hf__cache_tell(cache, &cache->parts[i], removed[i]);
  }
  return made ? HF_OK : hf__cache_no_memory(error);
}

size_t hf_cache_maintain(hf_cache *cache, uint64_t now_ns, size_t budget) {
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  size_t cleared = 0;
  for (size_t i = 0; i < cache->part_count && budget > 0; i++) {
    /* Another one first each time. relaxed: any will do. */
    size_t number = HF__ADD(&cache->maintained, 1, memory_order_relaxed) % cache->part_count;
    hf__cache_part *part = &cache->parts[number];
    hf__removed removed = HF__NONE_REMOVED;
    hf__lock_take(&part->lock);
    uint32_t before = part->entries;
    hf__part_clear_some(cache, part, since_ns, &budget, &removed);
    cleared += before - part->entries;
    hf__lock_give(&part->lock);
    hf__cache_tell(cache, part, removed);
  }
  return cleared;
}

static uint64_t total(const hf_cache *cache, hf__cache_counter counter) {
  uint64_t sum = 0;
  for (size_t i = 0; i < HF__STRIPES; i++) {
    sum += HF__GET(&cache->stripes[i].counts[counter]); /* relaxed: each stands alone */
  }
  return sum;
}

hf_cache_statistics hf_cache_statistics_read(const hf_cache *cache) {
  hf_cache_statistics statistics = {
      .hits = total(cache, HF__CACHE_HITS),
      .stale_hits = total(cache, HF__CACHE_STALE_HITS),
      .negative_hits = total(cache, HF__CACHE_NEGATIVE_HITS),
      .misses = total(cache, HF__CACHE_MISSES),
      .puts = total(cache, HF__CACHE_PUTS),
      .refused = total(cache, HF__CACHE_REFUSED),
      .loads = total(cache, HF__CACHE_LOADS),
      .loads_cancelled = total(cache, HF__CACHE_LOADS_CANCELLED),
      .loads_abandoned = total(cache, HF__CACHE_LOADS_ABANDONED),
      .load_ns = total(cache, HF__CACHE_LOAD_NS),
      .allocated_bytes = sizeof *cache + parts_bytes(cache) + tag_bytes(cache),
  };
  /* acquire: pairs with the release of who declared it. */
  size_t namespaces = HF__LOAD(&cache->namespace_count, memory_order_acquire);
  for (size_t i = 0; i < namespaces; i++) {
    statistics.allocated_bytes += cache->namespaces[i].prefix_bytes;
  }
  for (size_t i = 0; i < cache->part_count; i++) {
    hf__cache_part *part = &cache->parts[i];
    hf__lock_take(&part->lock);
    for (size_t cause = 0; cause < HF_CACHE_CAUSES; cause++) {
      statistics.removals[cause] += part->removals[cause];
    }
    statistics.entries += part->entries;
    statistics.charged_bytes += part->charged_bytes;
    statistics.allocated_bytes += part->memory.allocated_bytes + part->load_bytes;
    for (const hf__index *index = HF__GET(&part->index); index != NULL; index = index->before) {
      statistics.allocated_bytes += sizeof *index + index->count * sizeof(hf__bucket);
    }
    statistics.allocated_bytes += part->ghost.set_count * sizeof(hf__ghost_set);
    hf__lock_give(&part->lock);
  }
  return statistics;
}
