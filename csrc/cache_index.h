/*
 * Where the entries of a part are, by hash: buckets of one cache line with a byte of the hash
 * (its tag) and the number of each of up to 12 entries.
 *
 * Each hash has a path: a first bucket, a second one, and from there on in equal steps all the
 * others; there is a prime number of buckets, so steps of any length come to all. An entry is in
 * the first bucket of its path, or in the second. When both are full, one that is there makes room:
 * it moves to the other of its two (cuckoo hashing: R. Pagh, F. Rodler, 2001; buckets of several:
 * M. Dietzfelbinger, C. Weidling, 2007). At nine tenths full that is one put in six, looks at two
 * entries, and is enough: 0 of a million failed in a simulation. For hashes that somebody chose it
 * is not; those go on along the path, and the second bucket and each that is passed after it counts
 * them, so that a search knows to go on.
 *
 * Writers hold the part's lock. Readers hold nothing: they read a bucket's version, then what they
 * want, also the entry itself, then the version again, and begin anew when it changed, or was odd:
 * somebody was writing (a sequence lock; H.-J. Boehm, "Can seqlocks get along with programming
 * language memory models?", MSPC 2012). A writer makes the version odd, changes, and makes it even.
 * It has 24 bits: a reader would have to be stopped for exactly a multiple of 8,388,608 changes of
 * one bucket to be deceived.
 */
#ifndef HF_CACHE_INDEX_H
#define HF_CACHE_INDEX_H

#include "cache_memory.h"
#include "error.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

HF_BEGIN_NONNULL

enum {
  HF__BUCKET_ENTRIES = 12,
  HF__HEAT_SHIFT = HF__NUMBER_BITS,
  HF__HEAT_MOST = 3,
  HF__VERSION_BITS = 24,
  HF__PASSED_SHIFT = HF__VERSION_BITS,
  HF__PASSED_MOST = 255, /* and then until the index is emptied */
  HF__FIRST_TAGS = 4,
};

#define HF__VERSION_MASK ((UINT64_C(1) << HF__VERSION_BITS) - 1)

typedef struct hf__bucket {
  /*
   *     63        32 31    24 23      0
   *     | tags 3..0 | passed | version |
   */
  _Alignas(64) atomic_uint_least64_t head;
  atomic_uint_least64_t tags; /* 11..4 */
  /* Each with its heat in the upper 2 bits: how often it was used, up to 3. Readers raise it by
   * a compare-and-swap, which succeeds only while the entry is there. */
  atomic_uint_least32_t entries[HF__BUCKET_ENTRIES];
} hf__bucket;

typedef struct hf__index {
  _Alignas(64) struct hf__index *HF_NULLABLE before; /* outgrown */
  size_t count;
  uint64_t seed; /* of the hash of keys */
  hf__bucket buckets[];
} hf__index;

/* What the parts of a hash are for: 8 bits the tag, 8 the part of the cache, 32 the bucket. */
static inline uint8_t hf__hash_tag(uint64_t hash) {
  return (uint8_t)hash == 0 ? 1 : (uint8_t)hash; /* 0: no entry */
}

static inline size_t hf__hash_part(uint64_t hash) {
  return hash >> 8 & 0xFF;
}

static inline size_t hf__hash_bucket(uint64_t hash, size_t count) {
  return (size_t)((hash >> 32) * count >> 32);
}

/* The next bucket of a path. */
static inline size_t hf__hash_next(uint64_t hash, size_t bucket, size_t count) {
  /* 2^64 divided by the golden ratio: bits that the first bucket did not depend on have a say. */
  uint64_t mixed = hash * UINT64_C(0x9E3779B97F4A7C15) >> 32;
  size_t step = count == 1 ? 0 : 1 + (size_t)(mixed * (count - 1) >> 32);
  return bucket + step >= count ? bucket + step - count : bucket + step;
}

/* A bit for each of the 12 tags that is this one. */
static inline unsigned hf__bucket_match(uint64_t head, uint64_t tags, uint8_t tag) {
#if defined(__SSE2__)
  __m128i all = _mm_set_epi64x((long long)tags, (long long)head);
  __m128i same = _mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag));
  return (unsigned)_mm_movemask_epi8(same) >> HF__FIRST_TAGS;
#else
  const uint64_t ones = UINT64_C(0x0101010101010101);
  const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
  const uint64_t gather = UINT64_C(0x0102040810204080);
  uint64_t first = head ^ tag * ones;
  uint64_t rest = tags ^ tag * ones;
  /* The upper bit of each byte that is 0. */
  first = ~(((first & low7) + low7) | first | low7);
  rest = ~(((rest & low7) + low7) | rest | low7);
  unsigned low = (unsigned)((first >> 7) * gather >> 56) >> HF__FIRST_TAGS;
  unsigned high = (unsigned)((rest >> 7) * gather >> 56);
  return low | high << HF__FIRST_TAGS;
#endif
}

static inline uint32_t hf__bucket_number(uint32_t word) {
  return word & HF__NUMBER_MASK;
}

static inline unsigned hf__bucket_heat(uint32_t word) {
  return word >> HF__HEAT_SHIFT;
}

static inline unsigned hf__bucket_passed(uint64_t head) {
  return (unsigned)(head >> HF__PASSED_SHIFT) & HF__PASSED_MOST;
}

/* Up to eight bytes from anywhere, filled up with zeros. */
static inline uint64_t hf__word_at(const void *bytes, size_t count) {
  uint64_t word = 0;
  __builtin_memcpy(&word, bytes, count);
  return word;
}

/* Whether an entry's key, which is in its words from `at` on, is this one. */
static inline bool hf__entry_has_key(const hf__entry *entry, size_t at, const void *key,
                                     size_t key_bytes) {
  const char *bytes = key;
  const atomic_uint_least64_t *words = &entry->words[at];
  for (; key_bytes >= 8; key_bytes -= 8, bytes += 8, words++) {
    if (HF__GET(words) != hf__word_at(bytes, 8)) {
      return false;
    }
  }
  return key_bytes == 0 || HF__GET(words) == hf__word_at(bytes, key_bytes);
}

/* From here on under the lock. */

/* A place of an entry. */
typedef struct hf__place {
  hf__bucket *bucket;
  unsigned slot;
  uint32_t entry;
} hf__place;

/* Bytes of an index that is good for so many entries. */
size_t hf__index_bytes(size_t entries);

/* How many entries one is good for: as many as it was made for, or a few more. */
size_t hf__index_most(const hf__index *index);

/* Makes one in memory of that size. */
void hf__index_init(hf__index *index, size_t entries, uint64_t seed);

/* Whether there is an entry with this key. */
bool hf__index_find(hf__index *index, const hf__cache_memory *memory, uint64_t hash,
                    const void *key, size_t key_bytes, hf__place *place);

/* The place of an entry that is there. */
hf__place hf__index_place(hf__index *index, uint64_t hash, uint32_t entry);

/* There is room for it. Returns the entry that made room by moving; HF__NO_ENTRY: none had to. */
uint32_t hf__index_add(hf__index *index, const hf__cache_memory *memory, uint64_t hash,
                       uint32_t entry);

/* Moves an entry to its first bucket from its second one, if there is room: for one that is used.
 */
void hf__index_bring_nearer(hf__index *index, uint64_t hash, hf__place *place);

/* Another entry of the same key, as hot as the one that was there. */
void hf__index_replace(const hf__place *place, uint32_t entry);

unsigned hf__index_heat(const hf__place *place);

/* A reader that raises it at this moment may be forgotten. */
void hf__index_set_heat(const hf__place *place, unsigned heat);

void hf__index_remove(hf__index *index, uint64_t hash, const hf__place *place);

/* Forgets what was passed, when no entry is there. */
void hf__index_empty(hf__index *index);

/* Sends readers away for good: they find the next index. */
void hf__index_close(hf__index *index);

HF_END_NONNULL

#endif
