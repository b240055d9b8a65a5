#include "bench_redis.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>
#include <string.h>

enum { VALUE_BYTES = 100 };

void *bench_redis_open(const char *path) {
  redisContext *connection = redisConnectUnix(path);
  if (connection != NULL && connection->err != 0) {
    redisFree(connection);
    return NULL;
  }
  return connection;
}

void bench_redis_close(void *connection) {
  redisFree(connection);
}

static bool is_right(redisReply *reply, int type, const char *text, size_t length) {
  const bool right = reply != NULL && reply->type == type && (size_t)reply->len == length &&
                     memcmp(reply->str, text, length) == 0;
  freeReplyObject(reply);
  return right;
}

size_t bench_redis_set_get(void *connection, size_t pairs) {
  char value[VALUE_BYTES];
  memset(value, 'x', sizeof value);
  const char *set[] = {"SET", BENCH_REDIS_KEY, value};
  const size_t set_lengths[] = {3, sizeof BENCH_REDIS_KEY - 1, sizeof value};
  const char *get[] = {"GET", BENCH_REDIS_KEY};
  const size_t get_lengths[] = {3, sizeof BENCH_REDIS_KEY - 1};
  size_t right = 0;
  for (size_t i = 0; i < pairs; i++) {
    right +=
        is_right(redisCommandArgv(connection, 3, set, set_lengths), REDIS_REPLY_STATUS, "OK", 2);
    right += is_right(redisCommandArgv(connection, 2, get, get_lengths), REDIS_REPLY_STRING, value,
                      sizeof value);
  }
  return right;
}
