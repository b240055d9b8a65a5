/* The rows, and the program that runs them. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 256, DEFAULT_ROUNDS = 41 };

static struct {
  const bench_row *rows[MAX_ROWS];
  size_t count;
} registry;

typedef struct bench_options {
  bool list;
  size_t rounds;
  bool profile;
  double seconds;
  const char *const *names; /* of the rows to run; none: all */
  int name_count;
} bench_options;

void bench_register(const bench_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (registry.count == MAX_ROWS) {
      fprintf(stderr, "bench: more than %d rows\n", MAX_ROWS);
      exit(1);
    }
    registry.rows[registry.count++] = &rows[i];
  }
}

void bench_note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("note\t", stdout);
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
}

static const bench_row *find(const char *name) {
  for (size_t i = 0; i < registry.count; i++) {
    if (strcmp(registry.rows[i]->name, name) == 0) {
      return registry.rows[i];
    }
  }
  return NULL;
}

static bool chosen(const bench_options *options, const bench_row *row) {
  for (int i = 0; i < options->name_count; i++) {
    if (strcmp(options->names[i], row->name) == 0) {
      return true;
    }
  }
  return options->name_count == 0;
}

/* Whether the whole of `text` is a number from `least` up. */
static bool read_number(const char *text, double least, double *number) {
  char *end;
  *number = strtod(text, &end);
  return end != text && *end == '\0' && *number >= least && *number < 1e9;
}

/* Returns false after saying what is wrong. */
static bool read_options(int argc, const char *const *argv, bench_options *options) {
  int i = 1;
  for (; i < argc && argv[i][0] == '-'; i++) {
    double number = 0;
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--list") == 0) {
      options->list = true;
    } else if (strcmp(argv[i], "--rounds") == 0 && read_number(value, 1, &number)) {
      options->rounds = (size_t)number;
      i++;
    } else if (strcmp(argv[i], "--profile") == 0 && read_number(value, 0, &number)) {
      options->profile = true;
      options->seconds = number;
      i++;
    } else {
      fprintf(stderr,
              "usage: %s [--list] [--rounds COUNT] [--profile SECONDS] [ROW…]\n"
              "scripts/bench --help says more\n",
              argv[0]);
      return false;
    }
  }
  options->names = argv + i;
  options->name_count = argc - i;
  for (int name = 0; name < options->name_count; name++) {
    if (find(options->names[name]) == NULL) {
      fprintf(stderr, "bench: there is no row '%s'\n", options->names[name]);
      return false;
    }
  }
  return true;
}

static int measure_all(const bench_options *options) {
  size_t chosen_count = 0;
  for (size_t i = 0; i < registry.count; i++) {
    chosen_count += chosen(options, registry.rows[i]);
  }
  int failed = 0;
  size_t index = 0;
  size_t free_of_allocations = 0;
  for (size_t i = 0; i < registry.count; i++) {
    const bench_row *row = registry.rows[i];
    if (!chosen(options, row)) {
      continue;
    }
    printf("start\t%zu\t%zu\t%s\n", ++index, chosen_count, row->name);
    int row_failed = options->profile ? bench_repeat(row, options->seconds)
                                      : bench_measure(row, options->rounds);
    failed |= row_failed;
    free_of_allocations += row->allocates_nothing && !row_failed && !options->profile;
  }
  if (free_of_allocations > 0) {
    bench_note("allocations per evaluation: 0, counted in %zu rows", free_of_allocations);
  }
  return failed;
}

int bench_main(int argc, const char *const *argv) {
  bench_options options = {.rounds = DEFAULT_ROUNDS};
  if (!read_options(argc, argv, &options)) {
    return 2;
  }
  /* Whoever reads the lines shows them as they come. */
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  if (options.list) {
    for (size_t i = 0; i < registry.count; i++) {
      printf("%s\n", registry.rows[i]->name);
    }
    return 0;
  }
  bench_describe_machine();
  return measure_all(&options);
}
