/*
 * A cache as a file:
 *
 *     "HFCACHE" and the version, 1, in a byte
 *     how many entries there are
 *     how many bytes they take
 *     the entries (cache_copy.h)
 *     XXH3, 64 bits, of all before
 *
 * The numbers have eight bytes, little-endian. The checksum finds what was torn or altered by
 * accident; against intent each entry's lengths are checked before any is put.
 */
/* strerror_r() as POSIX has it: with _GNU_SOURCE it would return the text. */
#undef _GNU_SOURCE
#define _POSIX_C_SOURCE 200809L

#include "cache_copy.h"
#include "error.h"
#include "little_endian.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const unsigned char MAGIC[8] = {'H', 'F', 'C', 'A', 'C', 'H', 'E', 1};

enum { COUNT_AT = 8, LENGTH_AT = 16, HEAD_BYTES = 24, CHECKSUM_BYTES = 8 };

static hf_status io_error(hf_error *error, const char *what, const char *path, int number) {
  char reason[128] = "unknown error";
  if (strerror_r(number, reason, sizeof reason) != 0) {
    snprintf(reason, sizeof reason, "error %d", number);
  }
  hf__quote quote;
  return hf__error_set(error, HF_ERROR_IO, HF_NO_OFFSET, 0, "cannot %s '%s': %s", what,
                       hf__quoted(&quote, path, strlen(path)), reason);
}

static hf_status out_of_memory(hf_error *error) {
  return hf__error_set(error, HF_ERROR_OUT_OF_MEMORY, HF_NO_OFFSET, 0, "out of memory");
}

static int open_again(const char *path, int flags) {
  int file;
  do {
    file = open(path, flags | O_CLOEXEC, S_IRUSR | S_IWUSR);
  } while (file < 0 && errno == EINTR);
  return file;
}

/* Saving ------------------------------------------------------------------- */

/* A file in the making. */
typedef struct output {
  int file;
  int failure; /* of the system, or 0 */
  XXH3_state_t checksum;
} output;

static void write_all(output *to, const unsigned char *bytes, size_t length) {
  while (length > 0 && to->failure == 0) {
    ssize_t written = write(to->file, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno != EINTR) {
      to->failure = errno;
    }
  }
}

static void write_summed(output *to, const unsigned char *bytes, size_t length) {
  XXH3_64bits_update(&to->checksum, bytes, length);
  write_all(to, bytes, length);
}

/* The entries of all parts, copied: what comes first has to say how many there are. */
static bool copy_parts(hf_cache *cache, uint64_t since_ns, hf__copy *copies) {
  for (size_t i = 0; i < cache->part_count; i++) {
    if (!hf__copy_part(cache, &cache->parts[i], since_ns, &copies[i])) {
      return false;
    }
  }
  return true;
}

static void write_parts(hf_cache *cache, const hf__copy *copies, output *to) {
  unsigned char head[HEAD_BYTES];
  unsigned char checksum[CHECKSUM_BYTES];
  uint64_t count = 0;
  uint64_t length = 0;
  for (size_t i = 0; i < cache->part_count; i++) {
    count += copies[i].entries;
    length += copies[i].length;
  }
  memcpy(head, MAGIC, sizeof MAGIC);
  hf__to_little_endian(count, head + COUNT_AT);
  hf__to_little_endian(length, head + LENGTH_AT);
  XXH3_64bits_reset(&to->checksum);
  write_summed(to, head, sizeof head);
  for (size_t i = 0; i < cache->part_count; i++) {
    if (copies[i].length > 0) {
      write_summed(to, copies[i].bytes, copies[i].length);
    }
  }
  hf__to_little_endian(XXH3_64bits_digest(&to->checksum), checksum);
  write_all(to, checksum, sizeof checksum);
}

/* So that the new name outlives a crash. Some file systems cannot, and need not. */
static void synchronize_directory(char *path) {
  char *slash = strrchr(path, '/');
  if (slash != NULL) {
    slash[slash == path] = '\0';
  }
  int directory = open_again(slash == NULL ? "." : path, O_RDONLY);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
}

/* `part` is a pattern for the name of the file beside it, and is changed. */
static hf_status write_file(hf_cache *cache, const hf__copy *copies, const char *path, char *part,
                            hf_error *error) {
  /* A name of its own: others may be saving to the same path. */
  output to = {.file = mkstemp(part)};
  if (to.file < 0) {
    return io_error(error, "write", path, errno);
  }
  fcntl(to.file, F_SETFD, FD_CLOEXEC);
  write_parts(cache, copies, &to);
  if (to.failure == 0 && fsync(to.file) != 0) {
    to.failure = errno;
  }
  if (close(to.file) != 0 && to.failure == 0 && errno != EINTR) {
    to.failure = errno;
  }
  if (to.failure == 0 && rename(part, path) != 0) {
    to.failure = errno;
  }
  if (to.failure != 0) {
    unlink(part);
    return io_error(error, "write", path, to.failure);
  }
  synchronize_directory(part);
  return HF_OK;
}

hf_status hf_cache_save(hf_cache *cache, const char *path, uint64_t now_ns, hf_error *error) {
  static const char SUFFIX[] = ".XXXXXX";
  const hf_allocator *from = &cache->allocator;
  size_t name_bytes = strlen(path) + sizeof SUFFIX;
  size_t copies_bytes = cache->part_count * sizeof(hf__copy);
  char *part = from->allocate(from->context, name_bytes, 1);
  hf__copy *copies = from->allocate(from->context, copies_bytes, _Alignof(hf__copy));
  hf_status status;
  if (copies != NULL) {
    memset(copies, 0, copies_bytes);
  }
  if (part == NULL || copies == NULL ||
      !copy_parts(cache, hf__cache_since(cache, now_ns), copies)) {
    status = out_of_memory(error);
  } else {
    memcpy(part, path, name_bytes - sizeof SUFFIX);
    memcpy(part + name_bytes - sizeof SUFFIX, SUFFIX, sizeof SUFFIX);
    status = write_file(cache, copies, path, part, error);
  }
  for (size_t i = 0; copies != NULL && i < cache->part_count; i++) {
    hf__copy_free(cache, &copies[i]);
  }
  if (copies != NULL) {
    from->deallocate(from->context, copies, copies_bytes, _Alignof(hf__copy));
  }
  if (part != NULL) {
    from->deallocate(from->context, part, name_bytes, 1);
  }
  return status;
}

/* Restoring ---------------------------------------------------------------- */

static hf_status bad_image(hf_error *error, const char *path, const char *why) {
  hf__quote quote;
  return hf__error_set(error, HF_ERROR_BAD_IMAGE, HF_NO_OFFSET, 0, "'%s' %s",
                       hf__quoted(&quote, path, strlen(path)), why);
}

/* As many bytes as there are, up to `length`; fewer than that at the end, -1 for a failure. */
static ssize_t read_all(int file, unsigned char *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    ssize_t got = read(file, bytes + done, length - done);
    if (got == 0) {
      break;
    }
    if (got > 0) {
      done += (size_t)got;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return (ssize_t)done;
}

/* Whether a file begins as one of its length would, before memory is taken for the rest. */
static hf_status check_head(const unsigned char *head, size_t head_bytes, uint64_t length,
                            const char *path, hf_error *error) {
  if (head_bytes < sizeof MAGIC || memcmp(head, MAGIC, sizeof MAGIC - 1) != 0) {
    return bad_image(error, path, "is no saved cache");
  }
  if (head[sizeof MAGIC - 1] != MAGIC[sizeof MAGIC - 1]) {
    return bad_image(error, path, "was saved in another version of the format");
  }
  if (head_bytes < HEAD_BYTES || length < HEAD_BYTES + CHECKSUM_BYTES ||
      hf__from_little_endian(head + LENGTH_AT) != length - HEAD_BYTES - CHECKSUM_BYTES) {
    return bad_image(error, path, "was cut short, or goes on too long");
  }
  return HF_OK;
}

/* Whether the bytes are a whole cache: before any of it is put. */
static hf_status check_file(const unsigned char *bytes, size_t length, const char *path,
                            hf_error *error) {
  hf_status status = check_head(bytes, length, length, path, error);
  if (status != HF_OK) {
    return status;
  }
  size_t end = length - CHECKSUM_BYTES;
  if (XXH3_64bits(bytes, end) != hf__from_little_endian(bytes + end)) {
    return bad_image(error, path, "was altered: its checksum is another");
  }
  hf__copied copied;
  uint64_t count = 0;
  size_t at = HEAD_BYTES;
  while (at < end) {
    if (!hf__copy_next(bytes, end, &at, &copied)) {
      return bad_image(error, path, "holds something that is no entry");
    }
    count++;
  }
  return count == hf__from_little_endian(bytes + COUNT_AT)
             ? HF_OK
             : bad_image(error, path, "has another number of entries than it says");
}

static hf_status put_all(hf_cache *cache, const unsigned char *bytes, size_t end, uint64_t now_ns,
                         size_t *restored, hf_error *error) {
  hf__copied copied;
  for (size_t at = HEAD_BYTES; at < end && hf__copy_next(bytes, end, &at, &copied);) {
    copied.options.tags = copied.tags;
    hf_status status = hf__cache_put_absent(cache, &copied, now_ns, NULL);
    if (status == HF_OK) {
      ++*restored;
    } else if (status == HF_ERROR_OUT_OF_MEMORY) {
      return out_of_memory(error);
    }
  }
  return HF_OK;
}

static hf_status restore_file(hf_cache *cache, int file, const char *path, uint64_t now_ns,
                              size_t *restored, hf_error *error) {
  struct stat about;
  if (fstat(file, &about) != 0) {
    return io_error(error, "read", path, errno);
  }
  if (!S_ISREG(about.st_mode)) {
    return bad_image(error, path, "is no file");
  }
  unsigned char head[HEAD_BYTES];
  ssize_t head_bytes = read_all(file, head, sizeof head);
  if (head_bytes < 0) {
    return io_error(error, "read", path, errno);
  }
  uint64_t file_bytes = (uint64_t)about.st_size;
  hf_status status = check_head(head, (size_t)head_bytes, file_bytes, path, error);
  if (status != HF_OK) {
    return status;
  }
  const hf_allocator *from = &cache->allocator;
  /* One byte more: a file that grows meanwhile is too long. */
  size_t capacity = (size_t)file_bytes + 1;
  unsigned char *bytes = from->allocate(from->context, capacity, 8);
  if (bytes == NULL) {
    return out_of_memory(error);
  }
  memcpy(bytes, head, sizeof head);
  ssize_t rest = read_all(file, bytes + sizeof head, capacity - sizeof head);
  size_t length = sizeof head + (rest < 0 ? 0 : (size_t)rest);
  if (rest < 0) {
    status = io_error(error, "read", path, errno);
  } else {
    status = check_file(bytes, length, path, error);
  }
  if (status == HF_OK) {
    status = put_all(cache, bytes, length - CHECKSUM_BYTES, now_ns, restored, error);
  }
  from->deallocate(from->context, bytes, capacity, 8);
  return status;
}

hf_status hf_cache_restore(hf_cache *cache, const char *path, uint64_t now_ns, size_t *restored,
                           hf_error *error) {
  size_t count = 0;
  int file = open_again(path, O_RDONLY | O_NONBLOCK);
  hf_status status = file < 0 ? io_error(error, "read", path, errno)
                              : restore_file(cache, file, path, now_ns, &count, error);
  if (file >= 0) {
    close(file);
  }
  if (status == HF_OK && restored != NULL) {
    *restored = count;
  }
  return status;
}
