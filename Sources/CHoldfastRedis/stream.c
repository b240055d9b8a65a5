#include "stream.h"

#include "descriptor.h"
#include "resolve.h"
#include "system.h"
#include "tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct hf__redis_target {
  hf__redis_tls_context *tls; /* NULL: none */
  bool is_path;
  uint16_t port;
  /* With which of the name's addresses a stream begins. */
  size_t first_address;
  char name[]; /* host or path */
};

typedef enum stage {
  LOOKING_UP,
  CONNECTING,
  SHAKING_HANDS,
  OPEN,
  FAILED,
} stage;

struct hf__redis_stream {
  hf__redis_target *target;
  stage stage;
  int descriptor; /* of the socket; -1: none */
  hf__redis_lookup *lookup;
  /* How many addresses were tried, and the one that is. */
  size_t tried;
  size_t current;
  hf__redis_tls_session *session;
  hf_redis_error reason;
};

/* Targets -------------------------------------------------------------------- */

static hf_redis_status invalid(hf_redis_error *error, const char *message) {
  snprintf(error->message, sizeof error->message, "%s", message);
  return HF_REDIS_INVALID_ARGUMENT;
}

hf_redis_status hf__redis_target_create(const hf_redis_options *options, hf__redis_target **out,
                                        hf_redis_error *error) {
  hf_redis_error unread;
  if (error == NULL) {
    error = &unread;
  }
  const bool is_path = options->path != NULL;
  if (is_path == (options->host != NULL)) {
    return invalid(error, "either a host or the path of a socket is to be given");
  }
  const char *name = is_path ? options->path : options->host;
  const size_t length = strlen(name);
  if (length == 0) {
    return invalid(error, is_path ? "the socket's path is empty" : "the host is empty");
  }
  if (is_path && length >= sizeof((struct sockaddr_un *)0)->sun_path) {
    return invalid(error, "the socket's path is longer than the system allows");
  }
  if (!is_path && length > 255) {
    return invalid(error, "the host is longer than 255 bytes");
  }
  if (!is_path && options->port == 0) {
    return invalid(error, "the port is to be 1 to 65535");
  }
  if (is_path && options->tls.enabled) {
    return invalid(error, "TLS is for hosts, not for the path of a socket");
  }
  hf__redis_target *target = calloc(1, sizeof *target + length + 1);
  if (target == NULL) {
    snprintf(error->message, sizeof error->message, "out of memory");
    return HF_REDIS_OUT_OF_MEMORY;
  }
  memcpy(target->name, name, length + 1);
  target->is_path = is_path;
  target->port = options->port;
  if (options->tls.enabled) {
    const hf_redis_status status =
        hf__redis_tls_context_create(&options->tls, name, &target->tls, error);
    if (status != HF_REDIS_OK) {
      free(target);
      return status;
    }
  }
  *out = target;
  return HF_REDIS_OK;
}

void hf__redis_target_destroy(hf__redis_target *target) {
  if (target == NULL) {
    return;
  }
  hf__redis_tls_context_destroy(target->tls);
  free(target);
}

/* A stream's life ------------------------------------------------------------ */

hf__redis_stream *hf__redis_stream_create(hf__redis_target *target) {
  hf__redis_stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) {
    return NULL;
  }
  stream->target = target;
  stream->descriptor = -1;
  stream->stage = LOOKING_UP;
  if (!target->is_path) {
    stream->lookup = hf__redis_lookup_start(target->name, target->port);
    if (stream->lookup == NULL) {
      free(stream);
      return NULL;
    }
  }
  return stream;
}

static void close_socket(hf__redis_stream *stream) {
  if (stream->descriptor >= 0) {
    close(stream->descriptor);
    stream->descriptor = -1;
  }
}

void hf__redis_stream_destroy(hf__redis_stream *stream) {
  if (stream == NULL) {
    return;
  }
  if (stream->stage == CONNECTING && !stream->target->is_path) {
    stream->target->first_address = stream->current + 1;
  }
  hf__redis_lookup_release(stream->lookup);
  hf__redis_tls_session_destroy(stream->session);
  close_socket(stream);
  free(stream);
}

const char *hf__redis_stream_reason(const hf__redis_stream *stream) {
  return stream->reason.message;
}

static hf__redis_progress fail(hf__redis_stream *stream) {
  stream->stage = FAILED;
  close_socket(stream);
  return HF__REDIS_FAILED;
}

/* Opening -------------------------------------------------------------------- */

/* "connection refused (127.0.0.1:6379)" */
static void set_connect_reason(hf__redis_stream *stream, int number) {
  char text[96];
  hf__redis_system_text(number, text, sizeof text);
  hf_redis_error *reason = &stream->reason;
  if (stream->target->is_path) {
    snprintf(reason->message, sizeof reason->message, "%s (%.128s)", text, stream->target->name);
    return;
  }
  const hf__redis_address *address = hf__redis_lookup_address(stream->lookup, stream->current);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo((const struct sockaddr *)&address->storage, address->length, host, sizeof host,
                  port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    snprintf(reason->message, sizeof reason->message, "%s", text);
    return;
  }
  const bool has_colons = address->storage.ss_family == AF_INET6;
  snprintf(reason->message, sizeof reason->message, "%s (%s%.120s%s:%s)", text,
           has_colons ? "[" : "", host, has_colons ? "]" : "", port);
}

/* Two ends of one socket: a system may connect a socket to itself where nobody listens on a port
 * that it also gives away. */
static bool is_connected_to_itself(int descriptor) {
  struct sockaddr_storage here;
  struct sockaddr_storage there;
  socklen_t here_length = sizeof here;
  socklen_t there_length = sizeof there;
  memset(&here, 0, sizeof here);
  memset(&there, 0, sizeof there);
  return getsockname(descriptor, (struct sockaddr *)&here, &here_length) == 0 &&
         getpeername(descriptor, (struct sockaddr *)&there, &there_length) == 0 &&
         here_length == there_length && memcmp(&here, &there, here_length) == 0;
}

/* Good to have, and no reason to fail. A server that is gone without a word is noticed after a
 * minute, also by who only listens to it. */
static void set_tcp_options(int descriptor) {
  static const struct {
    int level;
    int option;
    int value;
  } options[] = {
      {IPPROTO_TCP, TCP_NODELAY, 1},
      {SOL_SOCKET, SO_KEEPALIVE, 1},
#ifdef TCP_KEEPIDLE
      {IPPROTO_TCP, TCP_KEEPIDLE, 30},
#endif
#ifdef TCP_KEEPINTVL
      {IPPROTO_TCP, TCP_KEEPINTVL, 10},
#endif
#ifdef TCP_KEEPCNT
      {IPPROTO_TCP, TCP_KEEPCNT, 3},
#endif
#ifdef TCP_USER_TIMEOUT
      /* Keepalive does not act while something sent was not acknowledged. */
      {IPPROTO_TCP, TCP_USER_TIMEOUT, 60 * 1000},
#endif
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    setsockopt(descriptor, options[i].level, options[i].option, &options[i].value,
               sizeof options[i].value);
  }
}

/* Begins to connect. 0: connected; EINPROGRESS; or why not. */
static int begin_to_connect(hf__redis_stream *stream) {
  struct sockaddr_un path;
  const struct sockaddr *to;
  socklen_t length;
  int family;
  if (stream->target->is_path) {
    memset(&path, 0, sizeof path);
    path.sun_family = AF_UNIX;
    memcpy(path.sun_path, stream->target->name, strlen(stream->target->name));
    to = (const struct sockaddr *)&path;
    length = sizeof path;
    family = AF_UNIX;
  } else {
    const hf__redis_address *address = hf__redis_lookup_address(stream->lookup, stream->current);
    to = (const struct sockaddr *)&address->storage;
    length = address->length;
    family = address->storage.ss_family;
  }
  stream->descriptor = hf__redis_socket(family);
  if (stream->descriptor < 0) {
    return errno;
  }
  if (family != AF_UNIX) {
    set_tcp_options(stream->descriptor);
  }
  if (connect(stream->descriptor, to, length) == 0) {
    return 0;
  }
  return errno == EINTR ? EINPROGRESS : errno; /* an interrupted one goes on */
}

/* 0: connected; EINPROGRESS; or why not. */
static int go_on_connecting(const hf__redis_stream *stream) {
  struct pollfd wait = {.fd = stream->descriptor, .events = POLLOUT};
  if (poll(&wait, 1, 0) <= 0) {
    return EINPROGRESS;
  }
  int number = 0;
  socklen_t length = sizeof number;
  if (getsockopt(stream->descriptor, SOL_SOCKET, SO_ERROR, &number, &length) != 0) {
    return errno;
  }
  return number;
}

static hf__redis_progress shake_hands(hf__redis_stream *stream) {
  const hf__redis_progress progress = hf__redis_tls_shake_hands(stream->session, &stream->reason);
  if (progress == HF__REDIS_READY) {
    stream->stage = OPEN;
  }
  return progress == HF__REDIS_FAILED ? fail(stream) : progress;
}

static hf__redis_progress take_connection(hf__redis_stream *stream) {
  stream->target->first_address = stream->current;
  hf__redis_lookup_release(stream->lookup);
  stream->lookup = NULL;
  if (stream->target->tls == NULL) {
    stream->stage = OPEN;
    return HF__REDIS_READY;
  }
  stream->session = hf__redis_tls_session_create(stream->target->tls, stream->descriptor);
  if (stream->session == NULL) {
    snprintf(stream->reason.message, sizeof stream->reason.message, "out of memory");
    return fail(stream);
  }
  stream->stage = SHAKING_HANDS;
  return shake_hands(stream);
}

/* Tries one address after the other, beginning or going on. */
static hf__redis_progress try_addresses(hf__redis_stream *stream) {
  const size_t count = stream->target->is_path ? 1 : hf__redis_lookup_count(stream->lookup);
  if (count == 0) {
    snprintf(stream->reason.message, sizeof stream->reason.message, "%s",
             hf__redis_lookup_reason(stream->lookup));
    return fail(stream);
  }
  while (stream->stage == CONNECTING || stream->tried < count) {
    int number;
    if (stream->stage == CONNECTING) {
      number = go_on_connecting(stream);
    } else {
      stream->current = (stream->target->first_address + stream->tried) % count;
      stream->tried++;
      number = begin_to_connect(stream);
      stream->stage = CONNECTING;
    }
    if (number == EINPROGRESS) {
      return HF__REDIS_PENDING;
    }
    if (number == 0 && is_connected_to_itself(stream->descriptor)) {
      number = ECONNREFUSED;
    }
    if (number == 0) {
      return take_connection(stream);
    }
    set_connect_reason(stream, number);
    close_socket(stream);
    stream->stage = LOOKING_UP; /* for the next address */
  }
  return fail(stream);
}

hf__redis_progress hf__redis_stream_advance(hf__redis_stream *stream) {
  switch (stream->stage) {
  case LOOKING_UP:
    if (stream->lookup != NULL && !hf__redis_lookup_is_done(stream->lookup)) {
      return HF__REDIS_PENDING;
    }
    return try_addresses(stream);
  case CONNECTING:
    return try_addresses(stream);
  case SHAKING_HANDS:
    return shake_hands(stream);
  case OPEN:
    if (stream->session != NULL && !hf__redis_tls_flush(stream->session, &stream->reason)) {
      return fail(stream);
    }
    return HF__REDIS_READY;
  case FAILED:
    return HF__REDIS_FAILED;
  }
  return HF__REDIS_FAILED;
}

int hf__redis_stream_descriptor(const hf__redis_stream *stream) {
  return stream->stage == LOOKING_UP && stream->lookup != NULL
             ? hf__redis_lookup_descriptor(stream->lookup)
             : stream->descriptor;
}

short hf__redis_stream_events(const hf__redis_stream *stream, bool wants_to_write) {
  switch (stream->stage) {
  case LOOKING_UP:
    return POLLIN;
  case CONNECTING:
    return POLLOUT;
  case SHAKING_HANDS:
    wants_to_write = false;
    break;
  case OPEN:
    break;
  case FAILED:
    return 0;
  }
  return wants_to_write || hf__redis_stream_has_unsent(stream) ? POLLIN | POLLOUT : POLLIN;
}

/* Bytes ---------------------------------------------------------------------- */

static bool is_open(hf__redis_stream *stream) {
  if (stream->stage == OPEN) {
    return true;
  }
  if (stream->stage != FAILED) {
    snprintf(stream->reason.message, sizeof stream->reason.message, "not connected yet");
  }
  return false;
}

ssize_t hf__redis_stream_read(hf__redis_stream *stream, char *bytes, size_t capacity) {
  if (!is_open(stream)) {
    return -1;
  }
  const ssize_t got = stream->session != NULL
                          ? hf__redis_tls_read(stream->session, bytes, capacity, &stream->reason)
                          : hf__redis_receive(stream->descriptor, bytes, capacity, &stream->reason);
  if (got < 0) {
    fail(stream);
  }
  return got;
}

ssize_t hf__redis_stream_write(hf__redis_stream *stream, const char *bytes, size_t length) {
  if (!is_open(stream)) {
    return -1;
  }
  const ssize_t taken = stream->session != NULL
                            ? hf__redis_tls_write(stream->session, bytes, length, &stream->reason)
                            : hf__redis_send(stream->descriptor, bytes, length, &stream->reason);
  if (taken < 0) {
    fail(stream);
  }
  return taken;
}

bool hf__redis_stream_has_unsent(const hf__redis_stream *stream) {
  return stream->session != NULL && hf__redis_tls_has_unsent(stream->session);
}
