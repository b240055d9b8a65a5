#include "cache_index.h"

#include "cache_hash.h"

#include <string.h>

static bool is_prime(size_t number) {
  for (size_t i = 2; i * i <= number; i++) {
    if (number % i == 0) {
      return false;
    }
  }
  return true;
}

/* Of a bucket, in tenths of an entry. */
static const size_t NINE_TENTHS = (size_t)HF__BUCKET_ENTRIES * 9;

/* Full to nine tenths when there are as many entries as it is good for. */
static size_t buckets_for(size_t entries) {
  size_t count = (entries * 10 + NINE_TENTHS - 1) / NINE_TENTHS;
  while (!is_prime(count)) {
    count++;
  }
  return count;
}

size_t hf__index_bytes(size_t entries) {
  return sizeof(hf__index) + buckets_for(entries) * sizeof(hf__bucket);
}

size_t hf__index_most(const hf__index *index) {
  return index->count * NINE_TENTHS / 10;
}

void hf__index_init(hf__index *index, size_t entries, uint64_t seed) {
  index->before = NULL;
  index->seed = seed;
  index->count = buckets_for(entries);
  for (size_t i = 0; i < index->count; i++) {
    hf__bucket *bucket = &index->buckets[i];
    atomic_init(&bucket->head, 0);
    atomic_init(&bucket->tags, 0);
    for (size_t slot = 0; slot < HF__BUCKET_ENTRIES; slot++) {
      atomic_init(&bucket->entries[slot], HF__NUMBER_MASK);
    }
  }
}

/* Whether a large entry's key is this one. Only read under the lock. */
static bool block_has_key(const hf__entry *entry, uint64_t shape, const void *key,
                          size_t key_bytes) {
  const void *block = (const void *)(uintptr_t)HF__GET(&entry->words[hf__shape_block_at(shape)]);
  return memcmp(block, key, key_bytes) == 0;
}

static bool has_key(const hf__entry *entry, const void *key, size_t key_bytes) {
  uint64_t shape = HF__GET(&entry->shape);
  if (hf__shape_key_bytes(shape) != key_bytes) {
    return false;
  }
  return (shape & HF__LARGE) != 0
             ? key_bytes == 0 || block_has_key(entry, shape, key, key_bytes)
             : hf__entry_has_key(entry, hf__shape_key_at(shape), key, key_bytes);
}

bool hf__index_find(hf__index *index, const hf__cache_memory *memory, uint64_t hash,
                    const void *key, size_t key_bytes, hf__place *place) {
  size_t at = hf__hash_bucket(hash, index->count);
  for (size_t i = 0; i < index->count; i++) {
    hf__bucket *bucket = &index->buckets[at];
    uint64_t head = HF__GET(&bucket->head);
    unsigned same = hf__bucket_match(head, HF__GET(&bucket->tags), hf__hash_tag(hash));
    for (; same != 0; same &= same - 1) {
      unsigned slot = (unsigned)__builtin_ctz(same);
      uint32_t entry = hf__bucket_number(HF__GET(&bucket->entries[slot]));
      if (has_key(hf__entry_at(memory, entry), key, key_bytes)) {
        *place = (hf__place){.bucket = bucket, .slot = slot, .entry = entry};
        return true;
      }
    }
    if (i > 0 && hf__bucket_passed(head) == 0) {
      return false;
    }
    at = hf__hash_next(hash, at, index->count);
  }
  return false;
}

hf__place hf__index_place(hf__index *index, uint64_t hash, uint32_t entry) {
  size_t at = hf__hash_bucket(hash, index->count);
  for (;;) {
    hf__bucket *bucket = &index->buckets[at];
    unsigned same =
        hf__bucket_match(HF__GET(&bucket->head), HF__GET(&bucket->tags), hf__hash_tag(hash));
    for (; same != 0; same &= same - 1) {
      unsigned slot = (unsigned)__builtin_ctz(same);
      if (hf__bucket_number(HF__GET(&bucket->entries[slot])) == entry) {
        return (hf__place){.bucket = bucket, .slot = slot, .entry = entry};
      }
    }
    at = hf__hash_next(hash, at, index->count);
  }
}

/* Changing a bucket --------------------------------------------------------- */

static uint64_t next_version(uint64_t head) {
  return (head & ~HF__VERSION_MASK) | ((head + 1) & HF__VERSION_MASK);
}

/* Makes the version odd. */
static uint64_t begin(hf__bucket *bucket) {
  uint64_t head = next_version(HF__GET(&bucket->head));
  HF__SET(&bucket->head, head);
  /* release: who sees a change sees the odd version too. Pairs with the acquire fence of
   * readers. */
  HF__FENCE(memory_order_release);
  return head;
}

/* Makes it even. release: who sees it sees the change; pairs with the acquire of readers. The
 * fence: what is written next, such as into the slot of an entry that went, comes after it; so
 * who sees that, and looks at the version again, sees that it changed. */
static void end(hf__bucket *bucket, uint64_t head) {
  HF__STORE(&bucket->head, next_version(head), memory_order_release);
  HF__FENCE(memory_order_release);
}

/* The tag of a slot replaced, in `head` or in the other word. */
static uint64_t with_tag(hf__bucket *bucket, uint64_t head, unsigned slot, uint8_t tag) {
  unsigned byte = slot < HF__FIRST_TAGS ? slot + 4 : slot - HF__FIRST_TAGS;
  uint64_t mask = UINT64_C(0xFF) << byte * 8;
  uint64_t bits = (uint64_t)tag << byte * 8;
  if (slot < HF__FIRST_TAGS) {
    return (head & ~mask) | bits;
  }
  HF__SET(&bucket->tags, (HF__GET(&bucket->tags) & ~mask) | bits);
  return head;
}

static void count_passed(hf__bucket *bucket, bool more) {
  uint64_t head = HF__GET(&bucket->head);
  if (hf__bucket_passed(head) == HF__PASSED_MOST) {
    return; /* nobody knows how many more there were */
  }
  head = begin(bucket);
  uint64_t one = UINT64_C(1) << HF__PASSED_SHIFT;
  end(bucket, more ? head + one : head - one);
}

/* release: the entry was written before its number; pairs with the acquire of readers. */
static void set_entry(hf__bucket *bucket, unsigned slot, uint32_t entry, unsigned heat) {
  HF__STORE(&bucket->entries[slot], (uint32_t)heat << HF__HEAT_SHIFT | entry, memory_order_release);
}

static unsigned empty_slots(const hf__bucket *bucket) {
  return hf__bucket_match(HF__GET(&bucket->head), HF__GET(&bucket->tags), 0);
}

static void put_into(hf__bucket *bucket, unsigned slot, uint64_t hash, uint32_t entry,
                     unsigned heat) {
  uint64_t head = begin(bucket);
  set_entry(bucket, slot, entry, heat);
  end(bucket, with_tag(bucket, head, slot, hf__hash_tag(hash)));
}

/* Moves an entry to another bucket, which has room. Both are odd meanwhile: a reader that finds it
 * in neither finds that out. */
static hf__place move(const hf__place *place, hf__bucket *to, uint64_t hash) {
  hf__bucket *from = place->bucket;
  unsigned slot = place->slot;
  unsigned there = (unsigned)__builtin_ctz(empty_slots(to));
  unsigned heat = hf__index_heat(place);
  uint64_t from_head = begin(from);
  uint64_t to_head = begin(to);
  set_entry(to, there, place->entry, heat);
  end(to, with_tag(to, to_head, there, hf__hash_tag(hash)));
  end(from, with_tag(from, from_head, slot, 0));
  return (hf__place){.bucket = to, .slot = there, .entry = place->entry};
}

/* Moves an entry of a full bucket to the other of its two, if there is room. */
static bool move_away(hf__index *index, const hf__cache_memory *memory, size_t at, unsigned slot) {
  hf__bucket *from = &index->buckets[at];
  uint32_t entry = hf__bucket_number(HF__GET(&from->entries[slot]));
  uint64_t hash = hf__entry_hash(hf__entry_at(memory, entry), index->seed);
  size_t first = hf__hash_bucket(hash, index->count);
  size_t second = hf__hash_next(hash, first, index->count);
  hf__bucket *to = &index->buckets[at == first ? second : first];
  if ((at != first && at != second) || empty_slots(to) == 0) {
    return false;
  }
  move(&(hf__place){.bucket = from, .slot = slot, .entry = entry}, to, hash);
  return true;
}

void hf__index_bring_nearer(hf__index *index, uint64_t hash, hf__place *place) {
  size_t at = hf__hash_bucket(hash, index->count);
  hf__bucket *first = &index->buckets[at];
  if (place->bucket != first && empty_slots(first) != 0 &&
      place->bucket == &index->buckets[hf__hash_next(hash, at, index->count)]) {
    *place = move(place, first, hash);
  }
}

/* Which of the entries of a full bucket made room; HF__NO_ENTRY: none. Those that were not used go
 * first: the others are better found in their first bucket. */
static uint32_t make_room(hf__index *index, const hf__cache_memory *memory, size_t at) {
  for (unsigned turn = 0; turn < 2; turn++) {
    for (unsigned slot = 0; slot < HF__BUCKET_ENTRIES; slot++) {
      uint32_t word = HF__GET(&index->buckets[at].entries[slot]);
      bool used = hf__bucket_heat(word) > 0;
      if (used == (turn == 1) && move_away(index, memory, at, slot)) {
        return hf__bucket_number(word);
      }
    }
  }
  return HF__NO_ENTRY;
}

uint32_t hf__index_add(hf__index *index, const hf__cache_memory *memory, uint64_t hash,
                       uint32_t entry) {
  size_t first = hf__hash_bucket(hash, index->count);
  size_t second = hf__hash_next(hash, first, index->count);
  size_t at = first;
  uint32_t moved = HF__NO_ENTRY;
  if (empty_slots(&index->buckets[first]) == 0) {
    at = second;
    if (empty_slots(&index->buckets[second]) == 0) {
      moved = make_room(index, memory, first);
      at = moved == HF__NO_ENTRY ? second : first;
    }
    if (empty_slots(&index->buckets[at]) == 0) {
      moved = make_room(index, memory, second);
    }
  }
  while (empty_slots(&index->buckets[at]) == 0) {
    count_passed(&index->buckets[at], true);
    at = hf__hash_next(hash, at, index->count);
  }
  hf__bucket *bucket = &index->buckets[at];
  put_into(bucket, (unsigned)__builtin_ctz(empty_slots(bucket)), hash, entry, 0);
  return moved;
}

void hf__index_replace(const hf__place *place, uint32_t entry) {
  uint64_t head = begin(place->bucket);
  set_entry(place->bucket, place->slot, entry, hf__index_heat(place));
  end(place->bucket, head);
}

unsigned hf__index_heat(const hf__place *place) {
  return hf__bucket_heat(HF__GET(&place->bucket->entries[place->slot]));
}

void hf__index_set_heat(const hf__place *place, unsigned heat) {
  set_entry(place->bucket, place->slot, place->entry, heat);
}

void hf__index_remove(hf__index *index, uint64_t hash, const hf__place *place) {
  uint64_t head = begin(place->bucket);
  end(place->bucket, with_tag(place->bucket, head, place->slot, 0));
  size_t first = hf__hash_bucket(hash, index->count);
  if (place->bucket == &index->buckets[first]) {
    return;
  }
  size_t at = hf__hash_next(hash, first, index->count);
  for (; &index->buckets[at] != place->bucket; at = hf__hash_next(hash, at, index->count)) {
    count_passed(&index->buckets[at], false);
  }
}

void hf__index_empty(hf__index *index) {
  for (size_t i = 0; i < index->count; i++) {
    hf__bucket *bucket = &index->buckets[i];
    if (hf__bucket_passed(HF__GET(&bucket->head)) != 0) {
      uint64_t head = begin(bucket);
      end(bucket, head & ~((uint64_t)HF__PASSED_MOST << HF__PASSED_SHIFT));
    }
  }
}

void hf__index_close(hf__index *index) {
  for (size_t i = 0; i < index->count; i++) {
    begin(&index->buckets[i]);
  }
}
