/*
 * The reader parses on a stack of nine levels and makes its replies through functions of ours.
 * Those count the bytes of the reply under way; what is announced and has not come yet is checked
 * by look_ahead(), which reads the reader's own buffer.
 *
 * Bytes are handed to the reader in slices. After each reply it moves what is left of its buffer to
 * the front, which with 64 KiB in it costs more than the parsing. And where it waits for the end of
 * a line or of a string it is not asked again until that has come, because it would search the line
 * from its beginning each time.
 */
#include "reply.h"

#include <hiredis/read.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SLICE_BYTES = 4096,
  /* A reader whose buffer grew beyond this is replaced when it is empty. */
  KEPT_BYTES = 64 * 1024,
  /* The reader counts some lengths in an int. */
  MOST_BYTES = 1 << 30,
};

struct hf__redis_reader {
  redisReader *reader;
  size_t most_bytes;
  /* Of the reply under way, as it lies in memory. */
  size_t reply_bytes;
  /* The reader is not asked until its buffer holds so many bytes from its position on... */
  size_t bytes_wanted;
  /* ...or, where this is true, until the end of the line comes. */
  bool line_wanted;
  /* The most that its buffer held. */
  size_t peak_bytes;

  /* What was fed and not handed on: `pending_length` bytes from `pending_start`. */
  char *pending;
  size_t pending_start;
  size_t pending_length;

  const char *reason;
  char text[192];
};

/* Every reply is made as one of these, its bytes or elements in the same piece of memory. */
typedef struct plain_reply {
  hf_redis_reply reply;
  size_t total_bytes; /* of a reply that is complete: its own and its elements' */
} plain_reply;

typedef struct text_reply {
  plain_reply plain;
  char bytes[];
} text_reply;

typedef struct array_reply {
  plain_reply plain;
  hf_redis_reply *elements[];
} array_reply;

static void fail(hf__redis_reader *reader, const char *reason) {
  if (reader->reason == NULL) {
    reader->reason = reason;
  }
}

static void fail_too_large(hf__redis_reader *reader) {
  if (reader->reason == NULL) {
    snprintf(reader->text, sizeof reader->text, "the reply is larger than the limit of %zu bytes",
             reader->most_bytes);
    reader->reason = reader->text;
  }
}

/* Replies -------------------------------------------------------------------- */

/* Memory for one, which is put where it belongs; NULL: `reason` says why not. */
static void *make(const redisReadTask *task, size_t size) {
  hf__redis_reader *reader = task->privdata;
  if (size > reader->most_bytes - reader->reply_bytes) {
    fail_too_large(reader);
    return NULL;
  }
  plain_reply *reply = malloc(size);
  if (reply == NULL) {
    fail(reader, "out of memory");
    return NULL;
  }
  memset(reply, 0, sizeof *reply);
  reader->reply_bytes += size;
  if (task->parent != NULL) {
    array_reply *parent = task->parent->obj;
    parent->elements[task->idx] = &reply->reply;
  }
  return reply;
}

static void *make_string(const redisReadTask *task, char *bytes, size_t length) {
  hf__redis_reader *reader = task->privdata;
  if (task->type == REDIS_REPLY_STRING) {
    if (length > reader->most_bytes) {
      fail_too_large(reader);
      return NULL;
    }
    /* All of it is there, with the two bytes after it, which the reader skips unseen. */
    if (bytes[length] != '\r' || bytes[length + 1] != '\n') {
      fail(reader, "not a reply of the Redis protocol: a string is longer than announced");
      return NULL;
    }
  } else if (length > HF__REDIS_LINE_BYTES) {
    fail(reader, "not a reply of the Redis protocol: a line is longer than 64 KiB");
    return NULL;
  }
  text_reply *made = make(task, sizeof *made + length);
  if (made == NULL) {
    return NULL;
  }
  if (length > 0) {
    memcpy(made->bytes, bytes, length);
  }
  made->plain.reply.kind = task->type == REDIS_REPLY_STRING   ? HF_REDIS_STRING
                           : task->type == REDIS_REPLY_STATUS ? HF_REDIS_SIMPLE
                                                              : HF_REDIS_FAULT;
  made->plain.reply.bytes = made->bytes;
  made->plain.reply.length = length;
  return made;
}

static void *make_array(const redisReadTask *task, int count) {
  hf__redis_reader *reader = task->privdata;
  array_reply *made;
  const size_t elements = (size_t)count;
  /* What the elements take at least must fit before there is any. */
  const size_t room = reader->most_bytes - reader->reply_bytes;
  if (elements > room / (sizeof(void *) + sizeof(plain_reply))) {
    fail_too_large(reader);
    return NULL;
  }
  made = make(task, sizeof *made + elements * sizeof(void *));
  if (made == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < elements; i++) {
    made->elements[i] = NULL;
  }
  made->plain.reply.kind = HF_REDIS_ARRAY;
  made->plain.reply.length = elements;
  made->plain.reply.elements = (const hf_redis_reply *const *)made->elements;
  return made;
}

static void *make_integer(const redisReadTask *task, long long value) {
  plain_reply *made = make(task, sizeof *made);
  if (made == NULL) {
    return NULL;
  }
  made->reply.kind = HF_REDIS_INTEGER;
  made->reply.integer = value;
  return made;
}

static void *make_null(const redisReadTask *task) {
  plain_reply *made = make(task, sizeof *made);
  if (made == NULL) {
    return NULL;
  }
  made->reply.kind = HF_REDIS_NULL;
  return made;
}

/* No deeper than HF__REDIS_DEPTH. NOLINTNEXTLINE(misc-no-recursion) */
static void destroy(void *object) {
  if (object == NULL) {
    return;
  }
  const plain_reply *reply = object;
  if (reply->reply.kind == HF_REDIS_ARRAY) {
    array_reply *array = object;
    for (size_t i = 0; i < reply->reply.length; i++) {
      destroy(array->elements[i]);
    }
  }
  free(object);
}

void hf__redis_reply_destroy(hf_redis_reply *reply) {
  destroy(reply);
}

size_t hf__redis_reply_bytes(const hf_redis_reply *reply) {
  return ((const plain_reply *)(const void *)reply)->total_bytes;
}

/* The reader ----------------------------------------------------------------- */

static redisReader *create_reader(hf__redis_reader *owner) {
  static redisReplyObjectFunctions functions = {
      .createString = make_string,
      .createArray = make_array,
      .createInteger = make_integer,
      .createNil = make_null,
      .freeObject = destroy,
  };
  redisReader *reader = redisReaderCreateWithFunctions(&functions);
  if (reader != NULL) {
    reader->privdata = owner;
    /* It would replace its buffer itself, and abort where there is no memory for that. */
    reader->maxbuf = 0;
  }
  return reader;
}

hf__redis_reader *hf__redis_reader_create(size_t most_reply_bytes) {
  hf__redis_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL) {
    return NULL;
  }
  reader->most_bytes = most_reply_bytes < MOST_BYTES ? most_reply_bytes : MOST_BYTES;
  reader->reader = create_reader(reader);
  if (reader->reader == NULL) {
    free(reader);
    return NULL;
  }
  return reader;
}

void hf__redis_reader_destroy(hf__redis_reader *reader) {
  if (reader == NULL) {
    return;
  }
  redisReaderFree(reader->reader);
  free(reader->pending);
  free(reader);
}

const char *hf__redis_reader_reason(const hf__redis_reader *reader) {
  return reader->reason;
}

bool hf__redis_reader_feed(hf__redis_reader *reader, const char *bytes, size_t length) {
  if (reader->reason != NULL) {
    return false;
  }
  if (length == 0) {
    return true;
  }
  char *pending = reader->pending;
  if (length > SIZE_MAX - reader->pending_length) {
    fail(reader, "out of memory");
    return false;
  }
  if (reader->pending_start > 0) {
    memmove(pending, pending + reader->pending_start, reader->pending_length);
    reader->pending_start = 0;
  }
  pending = realloc(pending, reader->pending_length + length);
  if (pending == NULL) {
    fail(reader, "out of memory");
    return false;
  }
  memcpy(pending + reader->pending_length, bytes, length);
  reader->pending = pending;
  reader->pending_length += length;
  return true;
}

static size_t unread(const redisReader *reader) {
  return reader->len - reader->pos;
}

/* The error of the reader in words of ours. */
static void fail_as_reader(hf__redis_reader *reader) {
  const redisReader *at = reader->reader;
  if (reader->reason != NULL) {
    return; /* one of the functions above said it better */
  }
  if (at->err == REDIS_ERR_OOM) {
    reader->reason = "out of memory";
  } else if (strncmp(at->errstr, "No support for nested", 21) == 0) {
    reader->reason = "the reply has arrays in arrays more than 8 deep";
  } else {
    static const char said[] = "Protocol error, ";
    const char *text = at->errstr;
    if (strncmp(text, said, sizeof said - 1) == 0) {
      text += sizeof said - 1;
    }
    snprintf(reader->text, sizeof reader->text, "not a reply of the Redis protocol: %s", text);
    reader->reason = reader->text;
  }
}

/* The reader waits for more. For what, and may it be? */
static void look_ahead(hf__redis_reader *reader) {
  const redisReader *at = reader->reader;
  reader->line_wanted = false;
  reader->bytes_wanted = 0;
  const size_t there = unread(at);
  if (at->ridx < 0 || there == 0) {
    return;
  }
  const char *line = at->buf + at->pos;
  const char *end = memchr(line, '\n', there);
  while (end != NULL && (end == line || end[-1] != '\r')) {
    const char *after = end + 1;
    end = memchr(after, '\n', there - (size_t)(after - line));
  }
  if (end == NULL) {
    reader->line_wanted = true; /* its length is looked at where more of it comes */
    return;
  }
  if (at->rstack[at->ridx].type != REDIS_REPLY_STRING) {
    return; /* not met: any other item ends with its line */
  }
  /* The reader found the number good. */
  const size_t room = reader->most_bytes - reader->reply_bytes;
  size_t announced = 0;
  for (const char *digit = line; *digit >= '0' && *digit <= '9'; digit++) {
    announced = announced * 10 + (size_t)(*digit - '0');
    if (announced > room) {
      break;
    }
  }
  if (announced > room || sizeof(text_reply) > room - announced) {
    fail_too_large(reader);
    return;
  }
  reader->bytes_wanted = (size_t)(end + 1 - line) + announced + 2;
}

/* Whether `bytes`, which come after what the reader has, end the line that it waits for. */
static bool ends_line(const redisReader *reader, const char *bytes, size_t length) {
  const char *end = memchr(bytes, '\n', length);
  while (end != NULL) {
    const char before = end == bytes ? reader->buf[reader->len - 1] : end[-1];
    if (before == '\r') {
      return true;
    }
    const char *after = end + 1;
    end = memchr(after, '\n', length - (size_t)(after - bytes));
  }
  return false;
}

/* Hands the reader a slice of what was fed. False: there is none, or that failed. */
static bool hand_on(hf__redis_reader *reader) {
  redisReader *at = reader->reader;
  if (reader->pending_length == 0) {
    return false;
  }
  size_t slice = SLICE_BYTES;
  if (reader->bytes_wanted > unread(at) + slice) {
    slice = reader->bytes_wanted - unread(at);
  }
  if (slice > reader->pending_length) {
    slice = reader->pending_length;
  }
  const char *bytes = reader->pending + reader->pending_start;
  if (reader->line_wanted) {
    if (ends_line(at, bytes, slice)) {
      reader->line_wanted = false;
    } else if (unread(at) + slice > HF__REDIS_LINE_BYTES + 2) {
      fail(reader, "not a reply of the Redis protocol: a line is longer than 64 KiB");
      return false;
    }
  }
  if (redisReaderFeed(at, bytes, slice) != REDIS_OK) {
    fail_as_reader(reader);
    return false;
  }
  if (at->len > reader->peak_bytes) {
    reader->peak_bytes = at->len;
  }
  reader->pending_start += slice;
  reader->pending_length -= slice;
  if (reader->pending_length == 0) {
    free(reader->pending);
    reader->pending = NULL;
    reader->pending_start = 0;
  }
  return true;
}

/* Between replies: gives back the memory that a large one took. */
static void shrink(hf__redis_reader *reader) {
  if (reader->peak_bytes <= KEPT_BYTES || unread(reader->reader) > 0) {
    return;
  }
  redisReader *fresh = create_reader(reader);
  if (fresh != NULL) {
    redisReaderFree(reader->reader);
    reader->reader = fresh;
    reader->peak_bytes = 0;
  }
}

hf_redis_reply *hf__redis_reader_next(hf__redis_reader *reader) {
  while (reader->reason == NULL) {
    const size_t there = unread(reader->reader);
    if (there > 0 && !reader->line_wanted && there >= reader->bytes_wanted) {
      void *made = NULL;
      if (redisReaderGetReply(reader->reader, &made) != REDIS_OK) {
        fail_as_reader(reader);
        return NULL;
      }
      reader->bytes_wanted = 0;
      if (made != NULL) {
        plain_reply *reply = made;
        reply->total_bytes = reader->reply_bytes;
        reader->reply_bytes = 0;
        shrink(reader);
        return &reply->reply;
      }
      look_ahead(reader);
    }
    if (reader->reason != NULL || !hand_on(reader)) {
      return NULL;
    }
  }
  return NULL;
}
