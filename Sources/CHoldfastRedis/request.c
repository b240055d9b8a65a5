#include "request.h"

#include "reply.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
  MOST_COMMANDS = 65536,
  FEW_ARGUMENTS = 16, /* for so many no memory is taken */
};

static size_t digits(size_t number) {
  size_t count = 1;
  while (number >= 10) {
    number /= 10;
    count++;
  }
  return count;
}

static bool add(size_t *sum, size_t number) {
  if (number > SIZE_MAX - *sum) {
    return false;
  }
  *sum += number;
  return true;
}

/* How long a request is when it is encoded, and the most arguments of one command. False: it is out
 * of range. */
static bool measure(const hf_redis_request *request, size_t *length, size_t *most_arguments) {
  if (request->commands == 0 || request->commands > MOST_COMMANDS) {
    return false;
  }
  *length = 0;
  *most_arguments = 0;
  const size_t *lengths = request->lengths;
  for (size_t command = 0; command < request->commands; command++) {
    size_t count = request->counts[command];
    if (count == 0 || count > INT_MAX || !add(length, digits(count) + 3)) {
      return false;
    }
    for (size_t argument = 0; argument < count; argument++) {
      if (lengths[argument] > INT64_MAX || !add(length, lengths[argument]) ||
          !add(length, digits(lengths[argument]) + 5)) {
        return false;
      }
    }
    lengths += count;
    if (count > *most_arguments) {
      *most_arguments = count;
    }
  }
  return true;
}

/* Encodes one command to `out`, where there is room. */
static bool encode(const char **arguments, const size_t *lengths, size_t count, char **out) {
  char *encoded = NULL;
  int length = redisFormatCommandArgv(&encoded, (int)count, arguments, lengths);
  if (length < 0) {
    return false;
  }
  memcpy(*out, encoded, (size_t)length);
  *out += length;
  redisFreeCommand(encoded);
  return true;
}

static bool encode_all(const hf_redis_request *request, size_t most_arguments, char *out) {
  const char *few[FEW_ARGUMENTS];
  const char **arguments = few;
  if (most_arguments > FEW_ARGUMENTS) {
    arguments = malloc(most_arguments * sizeof *arguments);
    if (arguments == NULL) {
      return false;
    }
  }
  const char *bytes = request->bytes;
  const size_t *lengths = request->lengths;
  bool is_good = true;
  for (size_t command = 0; is_good && command < request->commands; command++) {
    size_t count = request->counts[command];
    for (size_t argument = 0; argument < count; argument++) {
      arguments[argument] = bytes;
      bytes += lengths[argument];
    }
    is_good = encode(arguments, lengths, count, &out);
    lengths += count;
  }
  if (arguments != few) {
    free(arguments);
  }
  return is_good;
}

hf_redis_status hf__redis_node_create(const hf_redis_request *request, hf__redis_node **out) {
  size_t length;
  size_t most_arguments;
  if (request->timeout_ns == 0 || request->attempts == 0 ||
      !measure(request, &length, &most_arguments) || length > INT_MAX) {
    return HF_REDIS_INVALID_ARGUMENT;
  }
  size_t head = sizeof(hf__redis_node) + request->commands * sizeof(hf_redis_reply *);
  hf__redis_node *node = malloc(head + length);
  if (node == NULL) {
    return HF_REDIS_OUT_OF_MEMORY;
  }
  memset(node, 0, head);
  node->owner = request->owner;
  node->timeout_ns = request->timeout_ns;
  node->deadline_ns = request->deadline_ns == 0 ? UINT64_MAX : request->deadline_ns;
  node->bound_to = request->connection;
  node->stage = HF__REDIS_WAITING;
  node->most_attempts = request->attempts;
  node->commands = (uint32_t)request->commands;
  node->is_repeatable = request->repeatable;
  node->length = length;
  node->replies = (hf_redis_reply **)(node + 1);
  node->bytes = (char *)node + head;
  if (!encode_all(request, most_arguments, node->bytes)) {
    free(node);
    return HF_REDIS_OUT_OF_MEMORY;
  }
  *out = node;
  return HF_REDIS_OK;
}

void hf__redis_node_drop_replies(hf__redis_node *node) {
  for (uint32_t index = 0; index < node->gathered; index++) {
    hf__redis_reply_destroy(node->replies[index]);
  }
  node->gathered = 0;
  node->gathered_bytes = 0;
}

void hf__redis_node_destroy(hf__redis_node *node) {
  if (node != NULL) {
    hf__redis_node_drop_replies(node);
    free(node);
  }
}

void hf__redis_list_append(hf__redis_list *list, hf__redis_node *node) {
  node->next = NULL;
  node->previous = list->last;
  if (list->last != NULL) {
    list->last->next = node;
  } else {
    list->first = node;
  }
  list->last = node;
}

void hf__redis_list_prepend(hf__redis_list *list, hf__redis_node *node) {
  node->previous = NULL;
  node->next = list->first;
  if (list->first != NULL) {
    list->first->previous = node;
  } else {
    list->last = node;
  }
  list->first = node;
}

void hf__redis_list_remove(hf__redis_list *list, hf__redis_node *node) {
  if (node->previous != NULL) {
    node->previous->next = node->next;
  } else {
    list->first = node->next;
  }
  if (node->next != NULL) {
    node->next->previous = node->previous;
  } else {
    list->last = node->previous;
  }
  node->next = NULL;
  node->previous = NULL;
}
