#include "path.h"

bool hf__path_is_supported(hf__path path) {
  switch (path) {
  case HF__PATH_PORTABLE:
    return true;
  case HF__PATH_NEON:
    return HF__NEON;
#if HF__X86
  case HF__PATH_SSE2:
    return true;
  case HF__PATH_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
  case HF__PATH_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("popcnt");
#else
  case HF__PATH_SSE2:
  case HF__PATH_AVX2:
  case HF__PATH_AVX512:
    return false;
#endif
  }
  return false;
}

hf__path hf__path_best(void) {
  hf__path path = HF__PATH_AVX512;
  while (!hf__path_is_supported(path)) {
    path--;
  }
  return path;
}

const char *hf__path_name(hf__path path) {
  switch (path) {
  case HF__PATH_PORTABLE:
    return "portable";
  case HF__PATH_SSE2:
    return "sse2";
  case HF__PATH_NEON:
    return "neon";
  case HF__PATH_AVX2:
    return "avx2";
  case HF__PATH_AVX512:
    return "avx512";
  }
  return "unknown";
}
