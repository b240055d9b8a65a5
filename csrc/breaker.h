/* What other parts of the core ask of a breaker. */
#ifndef HF_BREAKER_H
#define HF_BREAKER_H

#include <holdfast/breaker.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/* HF_OK, or HF_ERROR_INVALID_ARGUMENT and which option is out of range. */
hf_status hf__breaker_check_options(const hf_breaker_options *options, hf_error *HF_NULLABLE error);

HF_END_NONNULL
HF_END_C

#endif
