/*
 * Explores the breaker, scenario by scenario. With HF_MUTANT defined, as the name
 * of a fault that was put into it (mutants.cmake), the test passes when the fault
 * is found.
 *
 *     explore_breaker [part of a scenario's name]
 */
#include "breaker_invariants.h"
#include "breaker_scenarios.h"

#include <stdio.h>
#include <string.h>

typedef struct totals {
  unsigned explored;
  unsigned violated;
  double interleavings;
  size_t states;
} totals;

static size_t size_at_first;
static bool has_spread;

static void check_end(void) {
  check_quiescence();
  has_spread = has_spread || hf_breaker_size_bytes(the_world.breaker) > size_at_first;
}

/* Explores the scenarios with such a name. */
static totals explore_all(const char *part, size_t most_states) {
  static explorer_result result;
  totals all = {0, 0, 0.0, 0};
  for (size_t i = 0; i < SCENARIO_COUNT; i++) {
    const breaker_scenario *scenario = &SCENARIOS[i];
    if (strstr(scenario->name, part) == NULL) {
      continue;
    }
    world_begin(scenario);
    size_at_first = hf_breaker_size_bytes(the_world.breaker);
    has_spread = false;
    explorer_program program;
    world_program(scenario, &program);
    program.finished = check_operation;
    program.done = check_end;
    program.most_states = most_states;
    explorer_explore(&program, &result);
    all.explored++;
    if (result.violated) {
      all.violated++;
      printf("%s: violated: %s", scenario->name, result.report);
#ifdef HF_MUTANT
      break;
#endif
    } else if (scenario->spreads && !has_spread && !result.given_up) {
      all.violated++;
      printf("%s: violated: two threads that met did not spread\n", scenario->name);
    } else if (!result.given_up) {
      all.interleavings += result.interleavings;
      all.states += result.states;
      printf("%-56s %14.0f interleavings %8zu states %3zu steps %3zu outcomes\n", scenario->name,
             result.interleavings, result.states, result.longest, result.outcomes);
    }
    (void)fflush(stdout);
  }
  return all;
}

#ifdef HF_MUTANT

/* Why the fault could not be put in; empty: it is there. */
const char *mutant_stale(void);

int main(int count, char **arguments) {
  const char *part = count > 1 ? arguments[1] : "";
  if (mutant_stale()[0] != '\0') {
    printf("mutant %s: its place %s; see mutants.cmake\n", HF_MUTANT, mutant_stale());
    return 1;
  }
  /* The small scenarios find most. */
  bool found = explore_all(part, 10000).violated > 0 || explore_all(part, 0).violated > 0;
  printf("mutant %sfound: %s\n", found ? "" : "not ", HF_MUTANT);
  return !found;
}

#else

int main(int count, char **arguments) {
  totals all = explore_all(count > 1 ? arguments[1] : "", 0);
  printf("%u scenarios, %.4g interleavings, %zu states, %u violated\n", all.explored,
         all.interleavings, all.states, all.violated);
  return all.violated > 0 || all.explored == 0;
}

#endif
