/* What compiling a text and loading an image hold their input to alike. */
#ifndef HF_CONDITION_RULES_H
#define HF_CONDITION_RULES_H

#include <holdfast/condition.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/* HF_OK, or HF_ERROR_INVALID_ARGUMENT when a limit is out of range. */
HF_MUST_USE hf_status hf__check_limits(const hf_condition_options *options,
                                       hf_error *HF_NULLABLE error);

/* `always` and the end of the text, as tokens; the word's bytes. */
enum { HF__ALWAYS_TOKENS = 2, HF__ALWAYS_BYTES = 6 };

HF_END_NONNULL
HF_END_C

#endif
