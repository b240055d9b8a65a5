/* The instructions that evaluation may use, chosen at run time. */
#ifndef HF_PATH_H
#define HF_PATH_H

#include <stdbool.h>

typedef enum hf__path {
  HF__PATH_PORTABLE,
  HF__PATH_SSE2,
  HF__PATH_NEON,
  HF__PATH_AVX2,
  HF__PATH_AVX512
} hf__path;

enum { HF__PATH_COUNT = HF__PATH_AVX512 + 1 };

/* Whether this build and this processor have it. The portable one is always there. */
bool hf__path_is_supported(hf__path path);

/* The best that is supported. Cost: a few loads. */
hf__path hf__path_best(void);

/* "portable", "sse2" … Constant. */
const char *hf__path_name(hf__path path);

/*
 * HF__X86 and HF__NEON say what the build knows; a function marked HF__AVX2 or
 * HF__AVX512 is compiled for those instructions, whatever the flags are.
 */
#if (defined(__x86_64__) || defined(__i386__)) && defined(__SSE2__) && defined(__GNUC__)
#define HF__X86 1
#define HF__AVX2 __attribute__((target("avx2,popcnt")))
#define HF__AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")))
#else
#define HF__X86 0
#endif

#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)
#define HF__NEON 1
#else
#define HF__NEON 0
#endif

#endif
