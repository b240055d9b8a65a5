/**
 * A checksum of bytes, to find what was torn or altered by accident.
 *
 *     uint64_t checksum = hf_checksum(file, length_bytes);
 *
 * It is XXH3 with 64 bits and no seed (https://github.com/Cyan4973/xxHash): the same on every
 * machine, so it may be kept in files. It is no defence against somebody who wants two texts to
 * have the same one.
 */
#ifndef HOLDFAST_CHECKSUM_H
#define HOLDFAST_CHECKSUM_H

#include <holdfast/base.h>

HF_BEGIN_C
HF_BEGIN_NONNULL

/**
 * The checksum of bytes.
 *
 * @param bytes  borrowed; may be NULL where there are none.
 *
 * Threads: any. Cost: O(length), about 20 bytes a nanosecond.
 */
HF_API HF_MUST_USE uint64_t hf_checksum(const void *HF_NULLABLE bytes, size_t length_bytes);

HF_END_NONNULL
HF_END_C

#endif
