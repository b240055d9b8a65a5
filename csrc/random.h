/* Numbers that look random and follow from one another: splitmix64. */
#ifndef HF_RANDOM_H
#define HF_RANDOM_H

#include <stdint.h>

/* How far apart two states in a row are. */
#define HF__RANDOM_STEP UINT64_C(0x9E3779B97F4A7C15)

/* The number that comes after the state `x` (G. Steele, D. Lea, C. Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014). */
static inline uint64_t hf__random_after(uint64_t x) {
  x += HF__RANDOM_STEP;
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

#endif
