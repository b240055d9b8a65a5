/* muParser, by its C interface: an expression over variables that are bound to doubles once, and
 * filled before each evaluation. It has no strings. */
#include "peer.h"

#include <muParserDLL.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VARIABLES = 8 };

typedef struct muparser {
  bench_peer peer;
  muParserHandle_t parser;
  double bound[MAX_VARIABLES];
} muparser;

static void tear_down(void *data) {
  muparser *m = data;
  if (m->parser != NULL) {
    mupRelease(m->parser);
  }
  free(m->peer.values);
  free(m);
}

static void complain(muParserHandle_t parser) {
  fprintf(stderr, "bench: muParser: %s\n", mupGetErrorMsg(parser));
  exit(1);
}

/* "W1" has its text in muParser's language here. */
static const char *translated(const char *workload) {
  return strcmp(workload, "W1") == 0
             ? "severity >= 0.8 && recurrence_count >= 2"
             : "(a > 0.5 && b < 0.3) || (c >= 0.2 && d <= 0.9 && e > 0.1) || "
               "(a < 0.1 && (b > 0.7 || e >= 0.95))";
}

static void *set_up(const void *parameter) {
  const char *workload = parameter;
  muparser *m = calloc(1, sizeof *m);
  if (m == NULL) {
    return NULL;
  }
  if (!peer_prepare(&m->peer, workload)) {
    tear_down(m);
    return NULL;
  }
  m->parser = mupCreate(muBASETYPE_FLOAT);
  mupSetErrorHandler(m->parser, complain);
  for (size_t i = 0; i < m->peer.workload->variable_count && i < MAX_VARIABLES; i++) {
    mupDefineVar(m->parser, m->peer.workload->variables[i].name, &m->bound[i]);
  }
  mupSetExpr(m->parser, translated(workload));
  return m;
}

static uint64_t run(void *data, size_t part) {
  (void)part;
  muparser *m = data;
  uint64_t sum = 0;
  for (size_t i = 0; i < PEER_OPERATIONS; i++) {
    const double *values = peer_values(&m->peer, i & (BENCH_CONTEXTS - 1));
    for (size_t v = 0; v < m->peer.workload->variable_count; v++) {
      m->bound[v] = values[v];
    }
    sum += i & (0 - (uint64_t)(mupEval(m->parser) != 0));
  }
  return sum;
}

#define ROW(WORKLOAD)                                                                              \
  {                                                                                                \
    .name = "peer/muparser/" WORKLOAD "/random", .parameter = WORKLOAD, .set_up = set_up,          \
    .run = run, .reference = "native C", .run_reference = peer_run_native, .tear_down = tear_down, \
    .operations = PEER_OPERATIONS                                                                  \
  }

static const bench_row rows[] = {ROW("W1"), ROW("W2")};
BENCH_ROWS(rows)
