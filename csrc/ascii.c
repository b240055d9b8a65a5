#include "ascii.h"

enum { S = HF__CHARACTER_SPACE, D = HF__CHARACTER_DIGIT, N = HF__CHARACTER_NAME };

/* clang-format off */
const uint8_t hf__characters[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, S, S, S, S, S, 0, 0, /* tab to carriage return */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    S, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* space */
    D, D, D, D, D, D, D, D, D, D, 0, 0, 0, 0, 0, 0, /* 0 to 9 */
    0, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, /* A to O */
    N, N, N, N, N, N, N, N, N, N, N, 0, 0, 0, 0, N, /* P to Z, _ */
    0, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, /* a to o */
    N, N, N, N, N, N, N, N, N, N, N, 0, 0, 0, 0, 0, /* p to z */
};
/* clang-format on */
