/* What the explorer explores of a breaker: a few threads around each edge. */
#ifndef BREAKER_SCENARIOS_H
#define BREAKER_SCENARIOS_H

#include "breaker_world.h"

extern const breaker_scenario SCENARIOS[];
extern const size_t SCENARIO_COUNT;

#endif
