/* "Did you mean": which declared name is near enough to an unknown one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "hf_test.h"
#include "schema.h"

static const char *name_at(const hf_schema *schema, uint32_t index) {
  return index == HF_NO_VARIABLE ? "none" : hf_schema_variable(schema, index).name;
}

static void the_nearest_name_is_meant(void **state) {
  (void)state;
  static const struct {
    const char *declared;
    const char *written;
    const char *meant; /* NULL: none */
  } rows[] = {
      /* One letter may be anything; but its other case is near. */
      {"x y", "z", NULL},
      {"ax", "a", NULL},
      {"ax", "x", NULL},
      {"x Y", "y", "Y"},
      {"x Y", "X", "x"},
      /* Of several as near, the first declared; of others, the nearest. */
      {"loax loay loaz", "load", "loax"},
      {"loaz loay loax", "load", "loaz"},
      {"other loay loax", "load", "loay"},
      {"abcdyy abcdex", "abcdef", "abcdex"},
      {"abcdex abcdyy", "abcdef", "abcdex"},
      {"abcdyy abcdex abcdez", "abcdef", "abcdex"},
      {"abcdyy abcdzz", "abcdef", "abcdyy"},
      /* Upper case that is declared is meant by lower case, before all that is only near. */
      {"CPU CpuLoad", "cpu", "CPU"},
      {"CPU CpuLoad", "Cpu", "CPU"},
      {"CPU CpuLoad", "CPULOAD", "CpuLoad"},
      {"CPU CpuLoad", "cpuload", "CpuLoad"},
      {"CPU CpuLoad", "CpuLaod", "CpuLoad"},
      {"cpus cpux CPU", "cpu", "CPU"},
      {"CPU cpus", "cpu", "CPU"},
      /* Short names: one edit up to five letters, two up to eight, three from nine on. */
      {"ab", "xb", "ab"},
      {"ab", "xy", NULL},
      {"ab", "abc", "ab"},
      {"abcde", "abcdx", "abcde"},
      {"abcde", "abcxy", NULL},
      {"abcdef", "abcdxy", "abcdef"},
      {"abcdef", "abcxyz", NULL},
      {"abcdefgh", "abcdefxy", "abcdefgh"},
      {"abcdefgh", "abcdexyz", NULL},
      {"abcdefghi", "abcdefxyz", "abcdefghi"},
      {"abcdefghi", "abcdewxyz", NULL},
      /* And no more than three, however long. */
      {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvw___", "abcdefghijklmnopqrstuvwxyz"},
      {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuv____", NULL},
      {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvwxyz"},
      {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuv", NULL},
      {"abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvw"},
      {"abcdefghijklmnopqrstuv", "abcdefghijklmnopqrstuvwxyz", NULL},
      /* Neighbours that are swapped are one edit. */
      {"step", "setp", "step"},
      {"step", "espt", NULL},
      {"abcdefghi", "bacdfeghi", "abcdefghi"},
      {"abcdefghi", "badcfeghi", "abcdefghi"},
      {"abcdefghi", "badcfehgi", NULL},
      {"", "anything", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    hf_schema *schema = test_schema(rows[i].declared);
    const char *meant =
        name_at(schema, hf__schema_nearest(schema, rows[i].written, strlen(rows[i].written)));
    const char *expected = rows[i].meant == NULL ? "none" : rows[i].meant;
    if (strcmp(meant, expected) != 0) {
      test_fail("'%s' of '%s': %s, not %s\n", rows[i].written, rows[i].declared, meant, expected);
    }
    hf_schema_release(schema);
  }
}

/* No name is so long; what is, is not looked at. */
static void no_name_is_near_to_one_of_129_bytes(void **state) {
  (void)state;
  char name[HF_NAME_MAX_BYTES + 2];
  memset(name, 'n', sizeof name);
  name[HF_NAME_MAX_BYTES] = '\0';
  hf_schema *schema = test_schema(name);
  name[HF_NAME_MAX_BYTES] = 'n';
  assert_int_equal(hf__schema_nearest(schema, name, HF_NAME_MAX_BYTES + 1), HF_NO_VARIABLE);
  assert_int_equal(hf__schema_nearest(schema, name, HF_NAME_MAX_BYTES - 1), 0);
  name[0] = 'x';
  assert_int_equal(hf__schema_nearest(schema, name, HF_NAME_MAX_BYTES), 0);
  hf_schema_release(schema);
}

/* Against the whole matrix --------------------------------------------------- */

enum { MOST_LETTERS = 16, MOST_NAMES = 4 };

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Optimal string alignment, every cell of it. */
static size_t plain_distance(const char *a, const char *b) {
  size_t cells[MOST_LETTERS + 1][MOST_LETTERS + 1];
  size_t a_letters = strlen(a);
  size_t b_letters = strlen(b);
  assert_true(a_letters <= MOST_LETTERS && b_letters <= MOST_LETTERS);
  for (size_t i = 0; i <= a_letters; i++) {
    for (size_t j = 0; j <= b_letters; j++) {
      if (i == 0 || j == 0) {
        cells[i][j] = i + j;
        continue;
      }
      size_t edits = cells[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0);
      edits = least(edits, cells[i - 1][j] + 1);
      edits = least(edits, cells[i][j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        edits = least(edits, cells[i - 2][j - 2] + 1);
      }
      cells[i][j] = edits;
    }
  }
  return cells[a_letters][b_letters];
}

static uint32_t plain_nearest(const char names[][MOST_LETTERS + 1], uint32_t count,
                              const char *written) {
  size_t letters = strlen(written);
  size_t limit = letters == 1 ? 0 : letters < 6 ? 1 : letters < 9 ? 2 : 3;
  uint32_t nearest = HF_NO_VARIABLE;
  size_t fewest = limit + 1;
  for (uint32_t i = 0; i < count; i++) {
    if (hf__equals_ignoring_case(written, letters, names[i])) {
      return i;
    }
    size_t distance = plain_distance(written, names[i]);
    if (distance < fewest) {
      nearest = i;
      fewest = distance;
    }
  }
  return nearest;
}

/* A name of few letters, so that many are near to each other. */
static void random_name(test_random *random, char name[MOST_LETTERS + 1]) {
  static const char letters[] = "abcdAB";
  uint32_t length = 1 + test_random_below(random, MOST_LETTERS - 4);
  for (uint32_t i = 0; i < length; i++) {
    name[i] = letters[test_random_below(random, sizeof letters - 1)];
  }
  name[length] = '\0';
}

/* Up to four edits of a name. */
static void edit_name(test_random *random, const char *name, char edited[MOST_LETTERS + 1]) {
  strcpy(edited, name);
  for (uint32_t edits = test_random_below(random, 5); edits > 0; edits--) {
    size_t length = strlen(edited);
    size_t at = test_random_below(random, (uint32_t)length);
    char letter = (char)('a' + test_random_below(random, 4));
    switch (test_random_below(random, 4)) {
    case 0: /* insert */
      if (length < MOST_LETTERS) {
        memmove(edited + at + 1, edited + at, length - at + 1);
        edited[at] = letter;
      }
      break;
    case 1: /* delete */
      if (length > 1) {
        memmove(edited + at, edited + at + 1, length - at);
      }
      break;
    case 2: /* replace */
      edited[at] = letter;
      break;
    default: /* swap */
      if (at + 1 < length) {
        char first = edited[at];
        edited[at] = edited[at + 1];
        edited[at + 1] = first;
      }
    }
  }
}

static void the_distance_agrees_with_the_whole_matrix(void **state) {
  (void)state;
  test_random random = test_random_start("nearest");
  uint32_t near = 0;
  for (int round = 0; round < 40000; round++) {
    char written[MOST_LETTERS + 1];
    random_name(&random, written);
    char names[MOST_NAMES][MOST_LETTERS + 1];
    hf_variable variables[MOST_NAMES];
    uint32_t wanted = 1 + test_random_below(&random, MOST_NAMES);
    uint32_t count = 0;
    for (uint32_t i = 0; i < wanted; i++) {
      edit_name(&random, written, names[count]);
      variables[count] = (hf_variable){names[count], HF_TYPE_ANY};
      bool is_new = strcmp(names[count], written) != 0;
      for (uint32_t n = 0; n < count; n++) {
        is_new = is_new && strcmp(names[n], names[count]) != 0;
      }
      count += is_new ? 1 : 0;
    }
    hf_schema *schema = NULL;
    assert_int_equal(hf_schema_create(variables, count, NULL, &schema, NULL), HF_OK);
    uint32_t expected = plain_nearest((const char(*)[MOST_LETTERS + 1]) names, count, written);
    uint32_t nearest = hf__schema_nearest(schema, written, strlen(written));
    if (nearest != expected) {
      test_fail("'%s': %s, not %s\n", written, name_at(schema, nearest), name_at(schema, expected));
    }
    near += expected != HF_NO_VARIABLE ? 1 : 0;
    hf_schema_release(schema);
  }
  /* Both answers were asked for. */
  assert_true(near > 1000 && near < 39000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_nearest_name_is_meant),
      cmocka_unit_test(no_name_is_near_to_one_of_129_bytes),
      cmocka_unit_test(the_distance_agrees_with_the_whole_matrix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
