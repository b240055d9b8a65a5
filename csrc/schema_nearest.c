/*
 * "Did you mean": the declared name nearest to one that is not.
 *
 * The distance is the number of edits (insert, delete, replace, swap of
 * neighbours) that turn one name into the other: optimal string alignment, L.
 * Boytsov, "Indexing methods for approximate dictionary searching" (2011),
 * section 2.1. Only distances up to a small limit matter, so only the cells near
 * the diagonal are computed, and a row without a small one ends it (E. Ukkonen,
 * "Algorithms for approximate string matching", 1985).
 */
#include "ascii.h"
#include "schema.h"

#include <string.h>

/* More edits than this make another word. */
enum { MOST_EDITS = 3 };

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* The distance, or limit + 1 when it is more than `limit`, at most MOST_EDITS. */
static size_t edit_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes,
                            size_t limit) {
  enum { FAR = MOST_EDITS + 1 };
  uint8_t rows[3][HF_NAME_MAX_BYTES + 2];
  uint8_t *two_up = rows[0];
  uint8_t *up = rows[1];
  uint8_t *row = rows[2];
  memset(rows, FAR, sizeof rows);
  for (size_t j = 0; j <= least(b_bytes, limit); j++) {
    up[j] = (uint8_t)j;
  }
  for (size_t i = 1; i <= a_bytes; i++) {
    size_t first = i > limit ? i - limit : 0;
    size_t last = least(b_bytes, i + limit);
    size_t nearest = FAR;
    memset(row, FAR, HF_NAME_MAX_BYTES + 2);
    for (size_t j = first; j <= last; j++) {
      size_t edits = j == 0 ? i : up[j - 1] + (size_t)(a[i - 1] != b[j - 1]);
      edits = least(edits, (size_t)up[j] + 1);
      if (j > 0) {
        edits = least(edits, (size_t)row[j - 1] + 1);
      }
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits = least(edits, (size_t)two_up[j - 2] + 1);
      }
      row[j] = (uint8_t)least(edits, FAR);
      nearest = least(nearest, row[j]);
    }
    if (nearest > limit) {
      return limit + 1;
    }
    uint8_t *spare = two_up;
    two_up = up;
    up = row;
    row = spare;
  }
  return least(up[b_bytes], limit + 1);
}

uint32_t hf__schema_nearest(const hf_schema *schema, const char *name, size_t length_bytes) {
  if (length_bytes > HF_NAME_MAX_BYTES) {
    return HF_NO_VARIABLE;
  }
  /* A third of the letters may be wrong, always one, never so many as there are. */
  size_t limit = length_bytes < 2 ? 0 : length_bytes < 6 ? 1 : least(length_bytes / 3, MOST_EDITS);
  uint32_t nearest = HF_NO_VARIABLE;
  for (uint32_t i = 0; i < schema->count; i++) {
    const char *other = schema->variables[i].name;
    size_t other_bytes = strlen(other);
    if (hf__equals_ignoring_case(name, length_bytes, other)) {
      return i;
    }
    size_t gap =
        other_bytes > length_bytes ? other_bytes - length_bytes : length_bytes - other_bytes;
    if (limit == 0 || gap > limit) {
      continue;
    }
    size_t distance = edit_distance(name, length_bytes, other, other_bytes, limit);
    if (distance <= limit) {
      nearest = i;
      limit = distance - 1; /* of several as near, the first declared */
    }
  }
  return nearest;
}
