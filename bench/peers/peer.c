#include "peer.h"

bool peer_prepare(bench_peer *prepared, const char *workload_name) {
  prepared->workload = bench_workload_named(workload_name);
  prepared->values = bench_draw_values(prepared->workload, BENCH_CONTEXTS);
  return prepared->values != NULL;
}

uint64_t peer_run_native(void *data, size_t part) {
  (void)part;
  const bench_peer *prepared = data;
  return bench_run_native(prepared->workload->native, prepared->values,
                          prepared->workload->values_bytes, BENCH_CONTEXTS - 1, PEER_OPERATIONS);
}
