#include "descriptor.h"

#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__

/* At once, so that no program that another thread starts meanwhile gets them. */
int hf__redis_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

bool hf__redis_pipe(int ends[2]) {
  return pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0;
}

#else

static bool prepare(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

static void close_keeping_errno(int descriptor) {
  const int number = errno;
  close(descriptor);
  errno = number;
}

int hf__redis_socket(int family) {
  const int made = socket(family, SOCK_STREAM, 0);
  if (made < 0) {
    return -1;
  }
  bool good = prepare(made);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  good = good && setsockopt(made, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0;
#endif
  if (!good) {
    close_keeping_errno(made);
    return -1;
  }
  return made;
}

bool hf__redis_pipe(int ends[2]) {
  if (pipe(ends) != 0) {
    return false;
  }
  if (!prepare(ends[0]) || !prepare(ends[1])) {
    close_keeping_errno(ends[0]);
    close_keeping_errno(ends[1]);
    return false;
  }
  return true;
}

#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the socket has SO_NOSIGPIPE */
#endif

static bool is_not_now(int number) {
  return number == EAGAIN || number == EWOULDBLOCK;
}

ssize_t hf__redis_receive(int descriptor, char *bytes, size_t capacity, hf_redis_error *error) {
  ssize_t got;
  do {
    got = recv(descriptor, bytes, capacity, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    return got;
  }
  if (got < 0 && is_not_now(errno)) {
    return 0;
  }
  if (got == 0) {
    errno = 0;
    snprintf(error->message, sizeof error->message, "the server closed the connection");
  } else {
    const int number = errno;
    hf__redis_system_text(number, error->message, sizeof error->message);
    errno = number;
  }
  return -1;
}

ssize_t hf__redis_send(int descriptor, const char *bytes, size_t length, hf_redis_error *error) {
  ssize_t sent;
  do {
    sent = send(descriptor, bytes, length, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    return sent;
  }
  if (is_not_now(errno) || errno == ENOBUFS) {
    return 0;
  }
  hf__redis_system_text(errno, error->message, sizeof error->message);
  return -1;
}
