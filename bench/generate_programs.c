/*
 * Writes the C source of the programs of condition/generated/random: each as a
 * condition's text and as a C function. The build compiles it, runs it and
 * compiles what it wrote. The programs are the same on every machine.
 *
 *     generate-programs FILE
 *
 * A program is a random tree of 1 to 24 comparisons of variables with constants.
 * Variables below FINE are uniform from 0 to 1 and are ordered; the others have
 * only the values 0, 0.25, 0.5 and 0.75, so that == and != are worth asking.
 */
#include "generated.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_PREDICATES = 24 };

static uint64_t state = 88172645463325252u;

/* xorshift64 (G. Marsaglia, 2003): below `bound`. */
static uint32_t below(uint32_t bound) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)((state >> 33) % bound);
}

/* Both forms of what is written, side by side. */
typedef struct output {
  char text[8192];
  char code[8192];
  size_t text_bytes;
  size_t code_bytes;
} output;

static void append(output *out, const char *text, const char *code) {
  out->text_bytes +=
      (size_t)snprintf(out->text + out->text_bytes, sizeof out->text - out->text_bytes, "%s", text);
  out->code_bytes +=
      (size_t)snprintf(out->code + out->code_bytes, sizeof out->code - out->code_bytes, "%s", code);
}

/* A variable other than the last one: `v1 > 0.6 and v1 < 0.4` is nothing to decide. */
static uint32_t choose_variable(void) {
  static uint32_t last;
  last = (last + 1 + below(GENERATED_VARIABLES - 1)) % GENERATED_VARIABLES;
  return last;
}

/* In thousandths, so that either outcome is likely. */
static uint32_t choose_constant(bool fine, bool ordered) {
  if (fine) {
    return 200 + below(601);
  }
  return ordered ? 250 + below(2) * 250 : below(4) * 250;
}

static void write_predicate(output *out) {
  static const char *const symbols[] = {"<", "<=", ">", ">=", "==", "!="};
  enum { ORDERINGS = 4, OPERATORS = 6 };
  uint32_t variable = choose_variable();
  bool fine = variable < GENERATED_FINE_VARIABLES;
  uint32_t chosen = below(fine ? ORDERINGS : OPERATORS);
  uint32_t constant = choose_constant(fine, chosen < ORDERINGS);
  char text[64];
  char code[64];
  snprintf(text, sizeof text, "v%" PRIu32 " %s 0.%03" PRIu32, variable, symbols[chosen], constant);
  snprintf(code, sizeof code, "v[%" PRIu32 "] %s 0.%03" PRIu32, variable, symbols[chosen],
           constant);
  append(out, text, code);
}

/* At most MAX_PREDICATES deep. */
static void write_tree(output *out, uint32_t predicates) {
  if (predicates == 1) {
    write_predicate(out);
    return;
  }
  uint32_t left = 1 + below(predicates - 1);
  bool both = below(2) == 0;
  append(out, "(", "(");
  write_tree(out, left);
  append(out, both ? " and " : " or ", both ? " && " : " || ");
  write_tree(out, predicates - left);
  append(out, ")", ")");
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "w") : NULL;
  if (file == NULL) {
    fprintf(stderr, "usage: generate-programs FILE\n");
    return 2;
  }
  static output programs[GENERATED_PROGRAMS];
  fputs("/* Written by generate_programs.c. */\n#include \"generated.h\"\n\n", file);
  for (size_t i = 0; i < GENERATED_PROGRAMS; i++) {
    write_tree(&programs[i], 1 + below(MAX_PREDICATES));
    fprintf(file,
            "static bool program_%zu(const void *values) {\n"
            "  const double *v = values;\n  return %s;\n}\n\n",
            i, programs[i].code);
  }
  fputs("const generated_program generated_programs[GENERATED_PROGRAMS] = {\n", file);
  for (size_t i = 0; i < GENERATED_PROGRAMS; i++) {
    fprintf(file, "    {\"%s\", program_%zu},\n", programs[i].text, i);
  }
  fputs("};\n", file);
  return fclose(file) == 0 ? 0 : 1;
}
