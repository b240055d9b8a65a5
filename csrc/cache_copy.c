#include "cache_copy.h"

#include "cache_hash.h"
#include "little_endian.h"

#include <string.h>

/* The heat, beside HF__IN_MAIN. */
enum { WORD = 8, HEAT_SHIFT = 1 };

static uint64_t with_tags(uint64_t shape, size_t tags) {
  return (shape & ~((uint64_t)HF_CACHE_MAX_TAGS << HF__TAGS_SHIFT)) | (uint64_t)tags
                                                                          << HF__TAGS_SHIFT;
}

/* Copying out ---------------------------------------------------------------- */

static size_t copied_bytes(uint64_t shape) {
  size_t words = 2u + ((shape & HF__SLIDING) != 0) + ((shape & HF__SOFT) != 0) +
                 ((shape & HF__COST) != 0) + (hf__shape_tags(shape) + 1) / 2;
  return (words + hf__words_of(hf__shape_key_bytes(shape)) +
          hf__words_of(hf__shape_value_bytes(shape))) *
         WORD;
}

static void put_word(hf__copy *copy, uint64_t word) {
  hf__to_little_endian(word, copy->bytes + copy->length);
  copy->length += WORD;
}

static void put_bytes(hf__copy *copy, const void *bytes, size_t length) {
  size_t filled = hf__words_of(length) * WORD;
  if (length > 0) {
    memcpy(copy->bytes + copy->length, bytes, length);
  }
  memset(copy->bytes + copy->length + length, 0, filled - length);
  copy->length += filled;
}

/* What is left of a time, and 1 when it is over: 0 would say that there is none. */
static uint64_t left(uint64_t deadline_ns, uint64_t since_ns) {
  if (deadline_ns == HF__NEVER) {
    return HF__NEVER;
  }
  return deadline_ns > since_ns ? deadline_ns - since_ns : 1;
}

/* What the copy's shape is: namespaces are found out by the key again. */
static uint64_t copied_shape(const hf__entry *entry, uint64_t shape) {
  size_t tags = 0;
  for (size_t i = 0; i < hf__shape_tags(shape); i++) {
    uint64_t pair = HF__GET(&entry->words[hf__shape_born_at(shape) + 1 + i / 2]);
    /* Namespaces come last. */
    tags += ((uint32_t)(i % 2 == 0 ? pair : pair >> 32) & HF__NAMESPACE_TAG) == 0;
  }
  return with_tags(shape & ~(uint64_t)HF__LARGE, tags);
}

static void put_entry(hf__copy *copy, const hf__entry *entry, unsigned heat, uint64_t since_ns) {
  uint64_t shape = HF__GET(&entry->shape);
  uint64_t without = copied_shape(entry, shape);
  put_word(copy, without | (uint64_t)heat << HEAT_SHIFT);
  put_word(copy, left(HF__GET(&entry->deadline_ns), since_ns));
  if ((shape & HF__SLIDING) != 0) {
    put_word(copy, HF__GET(&entry->words[0]));
  }
  if ((shape & HF__SOFT) != 0) {
    put_word(copy, left(HF__GET(&entry->words[hf__shape_soft_at(shape)]), since_ns));
  }
  if ((shape & HF__COST) != 0) {
    put_word(copy, HF__GET(&entry->words[hf__shape_cost_at(shape)]));
  }
  for (size_t i = 0; i < hf__shape_tags(without); i += 2) {
    put_word(copy, HF__GET(&entry->words[hf__shape_born_at(shape) + 1 + i / 2]));
  }
  put_bytes(copy, hf__entry_key(entry, shape), hf__shape_key_bytes(shape));
  put_bytes(copy, hf__entry_value(entry, shape), hf__shape_value_bytes(shape));
  copy->entries++;
}

static unsigned heat_of(hf_cache *cache, hf__cache_part *part, uint32_t number,
                        const hf__entry *entry) {
  if (cache->options.policy == HF_CACHE_LRU) {
    return 0;
  }
  uint64_t hash = hf__entry_hash(entry, cache->options.seed);
  hf__place place = hf__index_place(HF__GET(&part->index), hash, number);
  return hf__index_heat(&place);
}

/* From its tail on. Returns how many bytes there was no room for. */
static size_t put_queue(hf_cache *cache, hf__cache_part *part, const hf__queue *queue,
                        uint64_t since_ns, hf__copy *copy) {
  size_t missing = 0;
  for (uint32_t number = queue->tail; number != HF__NO_ENTRY;) {
    const hf__entry *entry = hf__entry_at(&part->memory, number);
    uint64_t shape = HF__GET(&entry->shape);
    uint32_t copied = number;
    number = HF__GET(&entry->prev);
    if (hf__cache_sight(cache, entry, shape, since_ns).answer == HF_CACHE_MISS) {
      continue;
    }
    size_t bytes = copied_bytes(copied_shape(entry, shape));
    if (missing > 0 || bytes > copy->capacity - copy->length) {
      missing += bytes;
    } else {
      put_entry(copy, entry, heat_of(cache, part, copied, entry), since_ns);
    }
  }
  return missing;
}

static bool grow(hf_cache *cache, hf__copy *copy, size_t capacity) {
  hf__copy_free(cache, copy);
  copy->bytes = cache->allocator.allocate(cache->allocator.context, capacity, WORD);
  copy->capacity = copy->bytes == NULL ? 0 : capacity;
  return copy->bytes != NULL;
}

bool hf__copy_part(hf_cache *cache, hf__cache_part *part, uint64_t since_ns, hf__copy *copy) {
  for (;;) {
    copy->length = 0;
    copy->entries = 0;
    hf__lock_take(&part->lock);
    hf__part_settle(part);
    size_t missing = put_queue(cache, part, &part->small, since_ns, copy);
    missing += put_queue(cache, part, &part->main, since_ns, copy);
    hf__lock_give(&part->lock);
    if (missing == 0) {
      return true;
    }
    /* With some room for what comes in meanwhile. */
    size_t needed = copy->length + missing;
    if (!grow(cache, copy, needed + needed / 8)) {
      return false;
    }
  }
}

void hf__copy_free(hf_cache *cache, hf__copy *copy) {
  if (copy->bytes != NULL) {
    cache->allocator.deallocate(cache->allocator.context, copy->bytes, copy->capacity, WORD);
  }
  *copy = (hf__copy){.bytes = NULL};
}

/* Reading back --------------------------------------------------------------- */

bool hf__copy_next(const unsigned char *bytes, size_t length, size_t *at, hf__copied *copied) {
  if (length - *at < 2 * (size_t)WORD) {
    return false;
  }
  const unsigned char *from = bytes + *at;
  uint64_t shape = hf__from_little_endian(from);
  if ((shape & HF__LARGE) != 0 || hf__shape_value_bytes(shape) > INT32_MAX ||
      copied_bytes(shape) > length - *at) {
    return false;
  }
  *copied = (hf__copied){.in_main = (shape & HF__IN_MAIN) != 0,
                         .heat = shape >> HEAT_SHIFT & HF__HEAT_MOST};
  hf_cache_entry_options *options = &copied->options;
  copied->ttl_left_ns = hf__from_little_endian(from += WORD);
  options->ttl_ns = copied->ttl_left_ns;
  options->negative = (shape & HF__NEGATIVE) != 0;
  if ((shape & HF__SLIDING) != 0) {
    options->sliding = true;
    options->ttl_ns = hf__from_little_endian(from += WORD);
  }
  if ((shape & HF__SOFT) != 0) {
    options->soft_ttl_ns = hf__from_little_endian(from += WORD);
  }
  if ((shape & HF__COST) != 0) {
    options->cost = (uint32_t)hf__from_little_endian(from += WORD);
  }
  options->tag_count = hf__shape_tags(shape);
  uint64_t pair = 0;
  for (size_t i = 0; i < options->tag_count; i++) {
    pair = i % 2 == 0 ? hf__from_little_endian(from += WORD) : pair >> 32;
    copied->tags[i] = (uint32_t)pair;
  }
  copied->key = from + WORD;
  copied->key_bytes = hf__shape_key_bytes(shape);
  copied->value = from + WORD + hf__words_of(copied->key_bytes) * WORD;
  copied->value_bytes = hf__shape_value_bytes(shape);
  *at += copied_bytes(shape);
  return options->ttl_ns != 0 && copied->ttl_left_ns != 0;
}

hf_status hf_cache_each(hf_cache *cache, uint64_t now_ns, hf_cache_visitor visit, void *context,
                        size_t *shown) {
  uint64_t since_ns = hf__cache_since(cache, now_ns);
  hf__copy copy = {.bytes = NULL};
  hf_status status = HF_OK;
  size_t count = 0;
  bool on = true;
  for (size_t i = 0; i < cache->part_count && on; i++) {
    if (!hf__copy_part(cache, &cache->parts[i], since_ns, &copy)) {
      status = HF_ERROR_OUT_OF_MEMORY;
      break;
    }
    hf__copied copied;
    for (size_t at = 0;
         on && at < copy.length && hf__copy_next(copy.bytes, copy.length, &at, &copied);) {
      if (!copied.options.negative) {
        on = visit(context, copied.key, copied.key_bytes, copied.value, copied.value_bytes,
                   copied.ttl_left_ns);
        count++;
      }
    }
  }
  hf__copy_free(cache, &copy);
  if (status == HF_OK && shown != NULL) {
    *shown = count;
  }
  return status;
}
