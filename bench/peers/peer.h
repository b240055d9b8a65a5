/*
 * What the rows of other engines share: a workload's values, and native C as the
 * reference, so that an engine that decides otherwise is found before anything is
 * timed.
 */
#ifndef HOLDFAST_BENCH_PEER_H
#define HOLDFAST_BENCH_PEER_H

#include "bench_harness.h"
#include "bench_workloads.h"

enum { PEER_OPERATIONS = 2 * BENCH_CONTEXTS };

/* The first member of what a peer's row works on. */
typedef struct bench_peer {
  const bench_workload *workload;
  void *values; /* of BENCH_CONTEXTS contexts; owned */
} bench_peer;

/* Returns false when there is no memory. */
bool peer_prepare(bench_peer *peer, const char *workload_name);

/* A `run_reference`: native C over the same values. */
uint64_t peer_run_native(void *data, size_t part);

/* The values of one context. */
static inline const void *peer_values(const bench_peer *peer, size_t index) {
  return (const char *)peer->values + index * peer->workload->values_bytes;
}

#endif
