/* Products of two 64-bit numbers. */
#ifndef HF_WIDE_H
#define HF_WIDE_H

__extension__ typedef unsigned __int128 hf__wide;

#endif
