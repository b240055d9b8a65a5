/* What the system says, in the words that this library uses. */
#ifndef HF_REDIS_SYSTEM_H
#define HF_REDIS_SYSTEM_H

#include <stddef.h>

/* An error number's text, beginning with a small letter, such as "connection refused". */
void hf__redis_system_text(int number, char *text, size_t capacity);

#endif
