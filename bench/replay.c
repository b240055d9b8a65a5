/*
 * Replays a trace through caches of both policies, and prints how many requests missed.
 *
 *     holdfast-replay trace.csv --capacity 1000,10000
 *
 * usage() has the rest.
 */
#include <holdfast/cache.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED = 1, WRONG_USAGE = 2, MAX_LIMITS = 32 };

#define MOST_VALUE_BYTES UINT64_C(0x7FFFFFFF)
#define MOST_NUMBER UINT64_C(1000000000000)

static const char usage_text[] =
    "Replays a trace through the cache, as a program would that reads a key and puts it when it "
    "was\n"
    "not there, and prints the share of requests that missed: with exact LRU and with S3-FIFO.\n"
    "\n"
    "  holdfast-replay trace.csv                         at 1,000, 10,000 and 100,000 entries\n"
    "  holdfast-replay trace.csv --capacity 500,5000     at these\n"
    "  zcat trace.gz | holdfast-replay -                 from standard input\n"
    "  holdfast-replay --generate zipf:0.99              a trace that is made up\n"
    "\n"
    "A trace is text with a line for each request:\n"
    "\n"
    "  timestamp,key[,size]      1700000000.25,user:42,128\n"
    "\n"
    "timestamp in seconds, digits with or without a fraction; key: 1 to 65,535 bytes without a\n"
    "comma; size of the value in bytes, otherwise that of --size. Empty lines, and those that "
    "begin\n"
    "with #, are passed over.\n"
    "\n"
    "  --generate KIND   instead of a file, from --keys keys:\n"
    "                    zipf:A   rank r is asked for in proportion to 1 / r^A\n"
    "                    shift:A  the same, but each --every requests other keys become popular\n"
    "                    scan:A   the same as zipf:A, but after each --every requests come a "
    "fifth\n"
    "                             as many for keys that are asked for only once\n"
    "                    loop     one key after the other, and again from the first\n"
    "                    :A may be left out; it is 0.99 then\n"
    "  --keys N          1000000\n"
    "  --requests N      2000000\n"
    "  --every N         100000\n"
    "  --capacity N,…    the most entries; 1000,10000,100000\n"
    "  --bytes N,…       instead of --capacity: the most bytes that entries may be charged\n"
    "  --size N          bytes of a value that the trace does not tell; 8\n"
    "  --json            a line for each capacity and policy: {\"trace\",\"requests\",\"limit\",\n"
    "                    \"capacity\",\"policy\",\"misses\",\"refused\",\"miss_ratio\"}\n"
    "  --help            this\n"
    "\n"
    "Exit status: 0 all is well; 1 the trace could not be read or replayed; 2 wrong usage.\n";

/* Says what is wrong, and ends the program. */
__attribute__((format(printf, 2, 3), noreturn)) static void give_up(int status, const char *format,
                                                                    ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("holdfast-replay: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  if (status == WRONG_USAGE) {
    fputs("holdfast-replay --help says what there is\n", stderr);
  }
  exit(status);
}

/* The trace ------------------------------------------------------------------ */

typedef struct request {
  uint64_t time_ns;
  size_t key_at;
  uint32_t key_bytes;
  uint32_t value_bytes;
} request;

typedef struct trace {
  const char *name;
  request *requests;
  size_t count;
  size_t room;
  char *keys; /* one after the other */
  size_t key_bytes;
  size_t key_room;
  uint32_t most_value_bytes;
} trace;

/* Room for `needed` things of `size` bytes: twice as much as before, or more. */
static void *grown(void *memory, size_t *room, size_t needed, size_t size) {
  if (needed <= *room) {
    return memory;
  }
  size_t more = *room < 512 ? 1024 : *room * 2;
  more = more < needed ? needed : more;
  void *moved = realloc(memory, more * size);
  if (moved == NULL) {
    give_up(FAILED, "there is no memory for the trace");
  }
  *room = more;
  return moved;
}

static void add(trace *all, uint64_t time_ns, const void *key, size_t key_bytes,
                uint32_t value_bytes) {
  all->requests = grown(all->requests, &all->room, all->count + 1, sizeof *all->requests);
  all->keys = grown(all->keys, &all->key_room, all->key_bytes + key_bytes, 1);
  all->requests[all->count++] =
      (request){time_ns, all->key_bytes, (uint32_t)key_bytes, value_bytes};
  memcpy(all->keys + all->key_bytes, key, key_bytes);
  all->key_bytes += key_bytes;
  all->most_value_bytes = value_bytes > all->most_value_bytes ? value_bytes : all->most_value_bytes;
}

/* Reads digits up to `most`; NULL when there are none, or it is more. */
static const char *read_digits(const char *text, uint64_t most, uint64_t *number) {
  *number = 0;
  const char *at = text;
  for (; isdigit((unsigned char)*at); at++) {
    *number = *number * 10 + (uint64_t)(*at - '0');
    if (*number > most) {
      return NULL;
    }
  }
  return at == text ? NULL : at;
}

/* Seconds, to the nanosecond; NULL when it is no such number. */
static const char *read_time(const char *text, uint64_t *time_ns) {
  const char *at = read_digits(text, UINT64_MAX / HF_CACHE_SECOND - 1, time_ns);
  if (at == NULL) {
    return NULL;
  }
  *time_ns *= HF_CACHE_SECOND;
  if (*at == '.') {
    uint64_t unit = HF_CACHE_SECOND / 10;
    for (at++; isdigit((unsigned char)*at); at++, unit /= 10) {
      *time_ns += unit * (uint64_t)(*at - '0');
    }
  }
  return at;
}

/* What is wrong with a line, or NULL. It ends in a NUL and has none within. */
static const char *read_line(trace *all, const char *line, uint32_t default_bytes) {
  uint64_t time_ns;
  const char *key = read_time(line, &time_ns);
  if (key == NULL) {
    return "it does not begin with a timestamp in seconds";
  }
  if (*key++ != ',') {
    return "there is no comma after the timestamp; a line is timestamp,key[,size]";
  }
  size_t key_bytes = strcspn(key, ",");
  if (key_bytes == 0) {
    return "the key is empty";
  }
  if (key_bytes > HF_CACHE_KEY_MAX_BYTES) {
    return "the key is longer than 65,535 bytes";
  }
  uint64_t value_bytes = default_bytes;
  if (key[key_bytes] == ',') {
    const char *end = read_digits(key + key_bytes + 1, MOST_VALUE_BYTES, &value_bytes);
    if (end == NULL || *end != '\0') {
      return "the size is no whole number from 0 to 2147483647";
    }
  }
  add(all, time_ns, key, key_bytes, (uint32_t)value_bytes);
  return NULL;
}

static void read_trace(trace *all, const char *path, uint32_t default_bytes) {
  bool standard = strcmp(path, "-") == 0;
  all->name = standard ? "standard input" : path;
  FILE *file = standard ? stdin : fopen(path, "r");
  if (file == NULL) {
    give_up(FAILED, "%s: %s", path, strerror(errno));
  }
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  errno = 0;
  for (size_t number = 1; (length = getline(&line, &room, file)) >= 0; number++) {
    size_t end = (size_t)length;
    while (end > 0 && (line[end - 1] == '\n' || line[end - 1] == '\r')) {
      line[--end] = '\0';
    }
    if (end == 0 || line[0] == '#') {
      continue;
    }
    const char *wrong =
        strlen(line) == end ? read_line(all, line, default_bytes) : "it has a NUL byte";
    if (wrong != NULL) {
      give_up(FAILED, "%s:%zu: %s", all->name, number, wrong);
    }
  }
  if (ferror(file)) {
    give_up(FAILED, "%s: %s", all->name, strerror(errno));
  }
  free(line);
  if (!standard) {
    fclose(file);
  }
}

/* Making one up -------------------------------------------------------------- */

typedef struct generator {
  const char *kind; /* with the exponent, as it was given */
  double exponent;
  uint64_t keys;
  uint64_t requests;
  uint64_t every;
  double *shares; /* Zipf: of all ranks up to this one */
  uint64_t state;
} generator;

/* splitmix64 (G. L. Steele, D. Lea, C. H. Flood, 2014). */
static uint64_t random_number(generator *made) {
  uint64_t z = made->state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

static void prepare_zipf(generator *made) {
  made->shares = malloc((size_t)made->keys * sizeof *made->shares);
  if (made->shares == NULL) {
    give_up(FAILED, "there is no memory for %" PRIu64 " keys", made->keys);
  }
  double sum = 0;
  for (uint64_t rank = 0; rank < made->keys; rank++) {
    sum += pow((double)(rank + 1), -made->exponent);
    made->shares[rank] = sum;
  }
}

/* The first rank whose share, with those before it, is above a random one. */
static uint64_t zipf_rank(generator *made) {
  double uniform = (double)(random_number(made) >> 11) * 0x1p-53;
  double wanted = uniform * made->shares[made->keys - 1];
  uint64_t low = 0;
  uint64_t high = made->keys - 1;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (made->shares[middle] > wanted) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

static bool is_kind(const generator *made, const char *kind) {
  size_t length = strlen(kind);
  return strncmp(made->kind, kind, length) == 0 &&
         (made->kind[length] == '\0' || made->kind[length] == ':');
}

static void generate(trace *all, generator *made, uint32_t value_bytes) {
  bool loop = is_kind(made, "loop");
  bool shift = is_kind(made, "shift");
  uint64_t scan_keys = is_kind(made, "scan") ? (made->every + 4) / 5 : 0;
  uint64_t period = made->every + scan_keys;
  all->name = made->kind;
  if (!loop) {
    prepare_zipf(made);
  }
  uint64_t moved = 0;          /* shift: rank 0 is this key */
  uint64_t never = made->keys; /* scan: this key was not asked for yet */
  for (uint64_t i = 0; i < made->requests; i++) {
    if (shift && i % period == 0) {
      moved = random_number(made) % made->keys;
    }
    uint64_t key;
    if (loop) {
      key = i % made->keys;
    } else if (i % period >= made->every) {
      key = never++;
    } else {
      key = (zipf_rank(made) + moved) % made->keys;
    }
    add(all, 0, &key, sizeof key, value_bytes);
  }
  free(made->shares);
}

/* Replaying ------------------------------------------------------------------ */

typedef struct outcome {
  uint64_t misses;
  uint64_t refused;
} outcome;

typedef struct limit_list {
  uint64_t each[MAX_LIMITS];
  size_t count;
  bool bytes; /* not entries */
} limit_list;

static hf_cache *make_cache(const trace *all, const limit_list *limits, uint64_t limit,
                            hf_cache_policy policy) {
  hf_cache_options options = hf_cache_options_default();
  options.policy = policy;
  options.max_entries = limit;
  if (limits->bytes) {
    options.max_bytes = limit;
    /* There cannot be more keys. */
    options.max_entries = all->count < HF_CACHE_MAX_ENTRIES ? all->count : HF_CACHE_MAX_ENTRIES;
  }
  hf_cache *cache;
  hf_error error;
  if (hf_cache_create(&options, all->requests[0].time_ns, NULL, &cache, &error) != HF_OK) {
    give_up(FAILED, "no cache of %" PRIu64 " %s: %s", limit, limits->bytes ? "bytes" : "entries",
            error.message);
  }
  return cache;
}

/* `value` has room for the largest, and is what is put. */
static outcome replay(const trace *all, hf_cache *cache, char *value) {
  outcome sum = {0, 0};
  for (size_t i = 0; i < all->count; i++) {
    const request *at = &all->requests[i];
    const char *key = all->keys + at->key_at;
    if (hf_cache_get(cache, key, at->key_bytes, at->time_ns, value, all->most_value_bytes, NULL) !=
        HF_CACHE_MISS) {
      continue;
    }
    sum.misses++;
    hf_error error;
    hf_status status =
        hf_cache_put(cache, key, at->key_bytes, value, at->value_bytes, at->time_ns, NULL, &error);
    if (status == HF_ERROR_TOO_LARGE) {
      sum.refused++;
    } else if (status != HF_OK) {
      give_up(FAILED, "request %zu: %s", i + 1, error.message);
    }
  }
  return sum;
}

static void print_quoted(const char *text) {
  putchar('"');
  for (; *text != '\0'; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

static void print_json(const trace *all, const limit_list *limits, uint64_t limit,
                       hf_cache_policy policy, outcome sum) {
  fputs("{\"trace\":", stdout);
  print_quoted(all->name);
  printf(",\"requests\":%zu,\"limit\":\"%s\",\"capacity\":%" PRIu64
         ",\"policy\":\"%s\",\"misses\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"miss_ratio\":%.6f}\n",
         all->count, limits->bytes ? "bytes" : "entries", limit, hf_cache_policy_name(policy),
         sum.misses, sum.refused, (double)sum.misses / (double)all->count);
}

static void print_row(const trace *all, uint64_t limit, const outcome sums[2]) {
  double lru = (double)sums[0].misses / (double)all->count;
  double other = (double)sums[1].misses / (double)all->count;
  printf("%12" PRIu64 "%10.4f%10.4f", limit, lru, other);
  if (sums[0].misses > 0) {
    printf("%+10.1f %%", (other / lru - 1) * 100);
  }
  if (sums[0].refused + sums[1].refused > 0) {
    printf("   refused as too large: %" PRIu64 ", %" PRIu64, sums[0].refused, sums[1].refused);
  }
  putchar('\n');
}

static void replay_all(const trace *all, const limit_list *limits, bool json) {
  static const hf_cache_policy policies[2] = {HF_CACHE_LRU, HF_CACHE_S3FIFO};
  char *value = calloc((size_t)all->most_value_bytes + 1, 1);
  if (value == NULL) {
    give_up(FAILED, "there is no memory for a value of %" PRIu32 " bytes", all->most_value_bytes);
  }
  if (!json) {
    printf("%s: %zu requests\n%12s%10s%10s%12s\n", all->name, all->count,
           limits->bytes ? "bytes" : "entries", hf_cache_policy_name(policies[0]),
           hf_cache_policy_name(policies[1]), "more");
  }
  for (size_t i = 0; i < limits->count; i++) {
    outcome sums[2];
    for (size_t policy = 0; policy < 2; policy++) {
      hf_cache *cache = make_cache(all, limits, limits->each[i], policies[policy]);
      sums[policy] = replay(all, cache, value);
      hf_cache_destroy(cache);
      if (json) {
        print_json(all, limits, limits->each[i], policies[policy], sums[policy]);
      }
    }
    if (!json) {
      print_row(all, limits->each[i], sums);
    }
    fflush(stdout);
  }
  free(value);
}

/* The command line ----------------------------------------------------------- */

typedef struct command {
  const char *path;
  generator made;
  limit_list limits;
  const char *of_generator; /* an option that is only good with --generate */
  uint32_t value_bytes;
  bool json;
} command;

static uint64_t option_number(const char *option, const char *text, uint64_t least, uint64_t most) {
  uint64_t number;
  const char *end = read_digits(text, most, &number);
  if (end == NULL || *end != '\0' || number < least) {
    give_up(WRONG_USAGE, "%s is a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", option,
            least, most, text);
  }
  return number;
}

static void read_limits(limit_list *limits, const char *option, const char *text, bool bytes) {
  uint64_t most = bytes ? MOST_NUMBER : HF_CACHE_MAX_ENTRIES;
  if (limits->count > 0) {
    give_up(WRONG_USAGE, "--capacity or --bytes, once");
  }
  limits->bytes = bytes;
  for (const char *at = text;; at++) {
    uint64_t number;
    at = limits->count < MAX_LIMITS ? read_digits(at, most, &number) : NULL;
    if (at == NULL || number == 0 || (*at != ',' && *at != '\0')) {
      give_up(WRONG_USAGE,
              "%s is up to %d whole numbers from 1 to %" PRIu64 " with commas between, not '%s'",
              option, MAX_LIMITS, most, text);
    }
    limits->each[limits->count++] = number;
    if (*at == '\0') {
      return;
    }
  }
}

static void read_kind(generator *made, const char *text) {
  made->kind = text;
  bool zipf = is_kind(made, "zipf") || is_kind(made, "shift") || is_kind(made, "scan");
  if (!zipf && strcmp(text, "loop") != 0) {
    give_up(WRONG_USAGE, "--generate is zipf:A, shift:A, scan:A or loop, not '%s'", text);
  }
  const char *exponent = strchr(text, ':');
  if (exponent != NULL) {
    char *end;
    made->exponent = strtod(exponent + 1, &end);
    if (end == exponent + 1 || *end != '\0' || !(made->exponent >= 0 && made->exponent <= 10)) {
      give_up(WRONG_USAGE, "the exponent of '%s' is no number from 0 to 10", text);
    }
  }
}

/* Those that take a value; the first four are about traces that are made up. */
enum { GENERATE, KEYS, REQUESTS, EVERY, SIZE, CAPACITY, BYTES, OPTIONS };

static void read_option(command *given, int option, const char *name, const char *value) {
  generator *made = &given->made;
  if (option < SIZE) {
    given->of_generator = name;
  }
  switch (option) {
  case GENERATE:
    read_kind(made, value);
    break;
  case KEYS:
    made->keys = option_number(name, value, 1, MOST_NUMBER);
    break;
  case REQUESTS:
    made->requests = option_number(name, value, 1, MOST_NUMBER);
    break;
  case EVERY:
    made->every = option_number(name, value, 1, MOST_NUMBER);
    break;
  case SIZE:
    given->value_bytes = (uint32_t)option_number(name, value, 0, MOST_VALUE_BYTES);
    break;
  default:
    read_limits(&given->limits, name, value, option == BYTES);
  }
}

static void read_command(command *given, int argc, char **argv) {
  static const char *const names[OPTIONS] = {"--generate", "--keys",     "--requests", "--every",
                                             "--size",     "--capacity", "--bytes"};
  for (int i = 1; i < argc; i++) {
    const char *argument = argv[i];
    int option = 0;
    while (option < OPTIONS && strcmp(argument, names[option]) != 0) {
      option++;
    }
    if (option < OPTIONS) {
      if (i + 1 == argc) {
        give_up(WRONG_USAGE, "%s needs a value", argument);
      }
      read_option(given, option, argument, argv[++i]);
    } else if (strcmp(argument, "--json") == 0) {
      given->json = true;
    } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
      fputs(usage_text, stdout);
      exit(0);
    } else if (argument[0] == '-' && argument[1] != '\0') {
      give_up(WRONG_USAGE, "there is no option '%s'", argument);
    } else if (given->path != NULL) {
      give_up(WRONG_USAGE, "one trace at a time: '%s' or '%s'", given->path, argument);
    } else {
      given->path = argument;
    }
  }
  if (given->path == NULL && given->made.kind == NULL) {
    give_up(WRONG_USAGE, "no trace: name a file, - for standard input, or --generate one");
  }
  if (given->path != NULL && given->of_generator != NULL) {
    give_up(WRONG_USAGE, "%s is for a trace that is made up, not for '%s'", given->of_generator,
            given->path);
  }
  if (given->limits.count == 0) {
    given->limits = (limit_list){{1000, 10000, 100000}, 3, false};
  }
}

int main(int argc, char **argv) {
  command given = {
      .made = {.exponent = 0.99, .keys = 1000000, .requests = 2000000, .every = 100000},
      .value_bytes = 8,
  };
  read_command(&given, argc, argv);
  trace all = {.name = NULL};
  if (given.path != NULL) {
    read_trace(&all, given.path, given.value_bytes);
  } else {
    generate(&all, &given.made, given.value_bytes);
  }
  if (all.count == 0) {
    give_up(FAILED, "%s: there are no requests in it", all.name);
  }
  replay_all(&all, &given.limits, given.json);
  free(all.requests);
  free(all.keys);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    give_up(FAILED, "the results could not be written");
  }
  return 0;
}
