#include "resolve.h"

#include "descriptor.h"
#include "system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct hf__redis_lookup {
  /* The thread and who asked. Whoever takes the last one away sees all that the other did. */
  atomic_int owners;
  /* Stored (release) when what follows is there, loaded (acquire) before it is read. */
  atomic_bool done;
  /* The pipe's end of who asked, or -1; and the thread's, by which it tells that it is over. */
  int read_end;
  int write_end;

  size_t count;
  hf__redis_address addresses[HF__REDIS_MOST_ADDRESSES];
  char reason[HF_REDIS_MESSAGE_BYTES];

  char service[8];
  char host[];
};

/* Asks the system. 0, or what getaddrinfo(3) said. */
static int look_up(hf__redis_lookup *lookup, int flags) {
  const struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  const int code = getaddrinfo(lookup->host, lookup->service, &hints, &found);
  if (code != 0) {
    return code;
  }
  for (const struct addrinfo *at = found; at != NULL && lookup->count < HF__REDIS_MOST_ADDRESSES;
       at = at->ai_next) {
    hf__redis_address *address = &lookup->addresses[lookup->count];
    if (at->ai_addrlen <= sizeof address->storage) {
      memcpy(&address->storage, at->ai_addr, at->ai_addrlen);
      address->length = at->ai_addrlen;
      lookup->count++;
    }
  }
  freeaddrinfo(found);
  return 0;
}

static void drop_owner(hf__redis_lookup *lookup) {
  if (atomic_fetch_sub_explicit(&lookup->owners, 1, memory_order_acq_rel) == 1) {
    free(lookup);
  }
}

static void *run(void *argument) {
  hf__redis_lookup *lookup = argument;
  const int code = look_up(lookup, AI_ADDRCONFIG);
  const int number = errno;
  if (code == EAI_NONAME) {
    snprintf(lookup->reason, sizeof lookup->reason, "there is no host named %.180s", lookup->host);
  } else if (code != 0) {
    char text[96];
    if (code == EAI_SYSTEM) {
      hf__redis_system_text(number, text, sizeof text);
    } else {
      snprintf(text, sizeof text, "%s", gai_strerror(code));
    }
    snprintf(lookup->reason, sizeof lookup->reason, "the name %.100s cannot be looked up: %s",
             lookup->host, text);
  } else if (lookup->count == 0) {
    snprintf(lookup->reason, sizeof lookup->reason, "the host %.180s has no address", lookup->host);
  }
  const int write_end = lookup->write_end;
  atomic_store_explicit(&lookup->done, true, memory_order_release);
  /* A byte, because a process that was forked meanwhile may hold this end open as well. Where it
   * does not go nobody waits for it any more. */
  const ssize_t written = write(write_end, "", 1);
  (void)written;
  close(write_end);
  drop_owner(lookup);
  return NULL;
}

static bool start_thread(hf__redis_lookup *lookup) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) {
    return false;
  }
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  /* Signals are for the program's own threads. A thread begins with what its maker blocks. */
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, run, lookup) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return started;
}

static void answer_localhost(hf__redis_lookup *lookup, uint16_t port) {
  const struct sockaddr_in four = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct sockaddr_in6 six = {
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  memcpy(&lookup->addresses[0].storage, &four, sizeof four);
  lookup->addresses[0].length = sizeof four;
  memcpy(&lookup->addresses[1].storage, &six, sizeof six);
  lookup->addresses[1].length = sizeof six;
  lookup->count = 2;
}

hf__redis_lookup *hf__redis_lookup_start(const char *host, uint16_t port) {
  const size_t size = strlen(host) + 1;
  hf__redis_lookup *lookup = calloc(1, sizeof *lookup + size);
  if (lookup == NULL) {
    return NULL;
  }
  memcpy(lookup->host, host, size);
  snprintf(lookup->service, sizeof lookup->service, "%u", (unsigned)port);
  atomic_init(&lookup->owners, 1);
  atomic_init(&lookup->done, true);
  lookup->read_end = -1;
  lookup->write_end = -1;

  if (strcasecmp(host, "localhost") == 0) {
    answer_localhost(lookup, port);
    return lookup;
  }
  if (look_up(lookup, AI_NUMERICHOST) == 0 && lookup->count > 0) {
    return lookup;
  }
  int ends[2];
  if (!hf__redis_pipe(ends)) {
    char text[96];
    hf__redis_system_text(errno, text, sizeof text);
    snprintf(lookup->reason, sizeof lookup->reason, "no pipe for looking up the name: %s", text);
    return lookup;
  }
  lookup->read_end = ends[0];
  lookup->write_end = ends[1];
  atomic_store_explicit(&lookup->done, false, memory_order_relaxed);
  atomic_store_explicit(&lookup->owners, 2, memory_order_relaxed); /* there is no thread yet */
  if (!start_thread(lookup)) {
    close(ends[0]);
    close(ends[1]);
    lookup->read_end = -1;
    atomic_store_explicit(&lookup->owners, 1, memory_order_relaxed);
    atomic_store_explicit(&lookup->done, true, memory_order_relaxed);
    snprintf(lookup->reason, sizeof lookup->reason, "no thread for looking up the name");
  }
  return lookup;
}

void hf__redis_lookup_release(hf__redis_lookup *lookup) {
  if (lookup == NULL) {
    return;
  }
  if (lookup->read_end >= 0) {
    close(lookup->read_end);
  }
  drop_owner(lookup);
}

bool hf__redis_lookup_is_done(const hf__redis_lookup *lookup) {
  return atomic_load_explicit(&lookup->done, memory_order_acquire);
}

int hf__redis_lookup_descriptor(const hf__redis_lookup *lookup) {
  return lookup->read_end;
}

size_t hf__redis_lookup_count(const hf__redis_lookup *lookup) {
  return lookup->count;
}

const hf__redis_address *hf__redis_lookup_address(const hf__redis_lookup *lookup, size_t index) {
  return &lookup->addresses[index];
}

const char *hf__redis_lookup_reason(const hf__redis_lookup *lookup) {
  return lookup->reason;
}
