/**
 * @file
 * Connections to a Redis server, for the Swift client above.
 *
 * A *loop* is one thread that does all the input and output of one client. A *link* is one
 * connection of it that mends itself: it connects, says who it is, sends what it is given, and
 * when the connection is lost it connects again, later and later. A *request* is one command, or
 * several that stay together; many requests are under way on a link at once, and their replies
 * come in the order in which they went out.
 *
 *     hf_redis_loop *loop;
 *     hf_redis_link *link;
 *     hf_redis_loop_start(&loop);
 *     hf_redis_link_open(loop, &options, &link, &error);
 *     hf_redis_link_send(link, &request);     any thread; `options.done` hears of it, once
 *     hf_redis_link_close(link);
 *     hf_redis_loop_stop(loop);
 *
 * What holds:
 *  - Each request that was accepted is answered by one call of `done`, however the link ends.
 *  - Callbacks come on the loop's thread, one at a time, with no lock held. They may send, open,
 *    close and stop. But `wanted` may also come from within hf_redis_link_send(), on its thread,
 * and with a lock held: it calls nothing here.
 *  - Bytes of a request that is answered with HF_REDIS_NOT_SENT, HF_REDIS_EXPIRED_UNSENT or
 *    HF_REDIS_UNWANTED never reached the server.
 *  - No peer makes memory grow beyond the limits in the options, whatever it sends or leaves
 * unsent.
 *
 * The protocol is RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/), read by
 * hiredis.
 */
#ifndef HOLDFAST_REDIS_H
#define HOLDFAST_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#define HF_REDIS_NULLABLE _Nullable
#define HF_REDIS_BEGIN_NONNULL                                                                     \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
      _Pragma("clang assume_nonnull begin")
#define HF_REDIS_END_NONNULL _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#else
#define HF_REDIS_NULLABLE
#define HF_REDIS_BEGIN_NONNULL
#define HF_REDIS_END_NONNULL
#endif

HF_REDIS_BEGIN_NONNULL

typedef struct hf_redis_loop hf_redis_loop;
typedef struct hf_redis_link hf_redis_link;

/* Errors of a call ---------------------------------------------------------- */

typedef enum hf_redis_status {
  HF_REDIS_OK = 0,
  /** An option is outside its range; the message says which. */
  HF_REDIS_INVALID_ARGUMENT = -1,
  /** There was no memory. Nothing changed. */
  HF_REDIS_OUT_OF_MEMORY = -2,
  /** The system gave no thread, or no descriptor. */
  HF_REDIS_NO_RESOURCES = -3,
  /** A certificate, a key or a list of authorities could not be read. */
  HF_REDIS_BAD_TLS = -4,
  /** As many requests, or as many bytes of them, are waiting as may. */
  HF_REDIS_QUEUE_FULL = -5,
  /** The link was closed. */
  HF_REDIS_CLOSED = -6,
} hf_redis_status;

enum { HF_REDIS_MESSAGE_BYTES = 256 };

/** What is wrong, in plain English; NUL-terminated. */
typedef struct hf_redis_error {
  char message[HF_REDIS_MESSAGE_BYTES];
} hf_redis_error;

/* Replies ------------------------------------------------------------------- */

typedef enum hf_redis_kind {
  HF_REDIS_NULL,
  HF_REDIS_INTEGER,
  HF_REDIS_STRING, /**< a bulk string: any bytes */
  HF_REDIS_SIMPLE, /**< a simple string, such as OK */
  HF_REDIS_FAULT,  /**< the server's error: its text, such as "WRONGTYPE Operation against …" */
  HF_REDIS_ARRAY,
} hf_redis_kind;

typedef struct hf_redis_reply {
  hf_redis_kind kind;
  int64_t integer;
  const char *HF_REDIS_NULLABLE bytes; /**< of a string or a fault; not NUL-terminated */
  size_t length;                       /**< bytes of a string, elements of an array */
  const struct hf_redis_reply *HF_REDIS_NULLABLE const *HF_REDIS_NULLABLE elements;
} hf_redis_reply;

/* Requests ------------------------------------------------------------------ */

/** One command, or several that are sent together and that nothing comes between. */
typedef struct hf_redis_request {
  /** All arguments, one after the other; copied. */
  const char *bytes;
  /** Of each argument, in bytes; copied. */
  const size_t *lengths;
  /** How many arguments each command has, 1 at least; copied. */
  const size_t *counts;
  /** How many commands there are, 1 to 65,536. Each has one reply. */
  size_t commands;

  /** How long one attempt may take, from when it begins to wait, in ns; > 0. */
  uint64_t timeout_ns;
  /** How long all of them may take together, in ns; 0: as long as they do. */
  uint64_t deadline_ns;
  /** How often it may be tried, 1 at least. A connection that could not be made while it waited is
   * an attempt; what was sent, and then timed out or was lost, is tried again only if it is
   * `repeatable`. */
  uint32_t attempts;
  /** Whether it does no harm to do it twice. */
  bool repeatable;
  /** Only on this connection (hf_redis_link_state); 0: on any. Where it is gone, the answer is
   * HF_REDIS_NOT_SENT. */
  uint64_t connection;

  /** For the callbacks. */
  void *HF_REDIS_NULLABLE owner;
} hf_redis_request;

typedef enum hf_redis_outcome {
  /** There are as many replies as there were commands. Some may be faults. */
  HF_REDIS_REPLIED,
  /** There was no connection. Nothing was sent. */
  HF_REDIS_NOT_SENT,
  /** The time was over before it was sent. */
  HF_REDIS_EXPIRED_UNSENT,
  /** `wanted` said no. Nothing was sent. */
  HF_REDIS_UNWANTED,
  /** It was sent, and the time was over before the replies came: it may have been done. They are
   * swallowed when they come. */
  HF_REDIS_EXPIRED,
  /** It was sent, and the connection was lost: it may have been done. */
  HF_REDIS_LOST,
  /** The server refused the connection's user, password or database. Nothing was sent. */
  HF_REDIS_REFUSED,
  /** It was sent, and what came back is no reply, or a larger one than allowed: it may have been
   * done. */
  HF_REDIS_MALFORMED,
  /** The link was closed before it was sent. */
  HF_REDIS_ENDED_UNSENT,
  /** The link was closed after it was sent: it may have been done. */
  HF_REDIS_ENDED,
} hf_redis_outcome;

typedef struct hf_redis_result {
  hf_redis_outcome outcome;
  /** HF_REDIS_REPLIED: as many as commands. Borrowed until the callback returns. */
  const hf_redis_reply *const HF_REDIS_NULLABLE *HF_REDIS_NULLABLE replies;
  size_t count;
  /** Else: why, in plain English, such as "connection refused". */
  const char *reason;
  /** The connection that it was sent on; 0: none. */
  uint64_t connection;
  /** How many attempts there were. */
  uint32_t attempts;
} hf_redis_result;

/* Links --------------------------------------------------------------------- */

typedef enum hf_redis_state {
  HF_REDIS_DOWN,       /**< waits until it tries again */
  HF_REDIS_CONNECTING, /**< looks up the name, connects, says who it is */
  HF_REDIS_UP,
  HF_REDIS_ENDED_FOR_GOOD, /**< was closed; the last that is heard of it */
} hf_redis_state;

/** Who a link tells, on the loop's thread. `context` is passed as it is. */
typedef struct hf_redis_callbacks {
  void *HF_REDIS_NULLABLE context;
  /** What became of a request. */
  void (*done)(void *HF_REDIS_NULLABLE context, void *HF_REDIS_NULLABLE owner,
               const hf_redis_result *result);
  /** Whether a request is still wanted; asked before its bytes go out, and anew where the
   * connection was lost before they did. NULL: always. */
  bool (*HF_REDIS_NULLABLE wanted)(void *HF_REDIS_NULLABLE context, void *HF_REDIS_NULLABLE owner);
  /** A new state. `connection`: the number of the connection that is up, or was. */
  void (*HF_REDIS_NULLABLE changed)(void *HF_REDIS_NULLABLE context, hf_redis_state state,
                                    uint64_t connection, const char *reason);
  /** A link with `pushes`: each reply, whoever asked for it. */
  void (*HF_REDIS_NULLABLE pushed)(void *HF_REDIS_NULLABLE context, const hf_redis_reply *reply);
} hf_redis_callbacks;

/** `rediss://`. Certificates are verified unless `insecure`. */
typedef struct hf_redis_tls {
  bool enabled;
  /** No verification of the certificate or of the name: for tests alone. */
  bool insecure;
  /** Authorities, PEM; NULL: the system's. */
  const char *HF_REDIS_NULLABLE authorities_path;
  /** The client's certificate (with those between it and the authority) and key, PEM. */
  const char *HF_REDIS_NULLABLE certificate_path;
  const char *HF_REDIS_NULLABLE key_path;
  /** The name in the server's certificate; NULL: the host. */
  const char *HF_REDIS_NULLABLE server_name;
} hf_redis_tls;

typedef struct hf_redis_options {
  /** A name, or an address; or the path of a Unix socket. */
  const char *HF_REDIS_NULLABLE host;
  uint16_t port;
  const char *HF_REDIS_NULLABLE path;
  hf_redis_tls tls;

  /** Commands that each connection begins with, such as AUTH and SELECT, as in a request; their
   * replies must not be faults. `greeting.commands` may be 0. */
  hf_redis_request greeting;

  /** What comes is told to `pushed`; requests are answered with no replies as soon as they are
   * sent. For subscriptions. */
  bool pushes;
  /** After a connection was lost no other is made, until the next request. For connections that
   * remember something, such as WATCH. */
  bool mends_on_demand;

  /** To connect and be greeted, in ns; default 5 s. */
  uint64_t connect_timeout_ns;
  /** Replies that are due and nothing comes for so long: the connection is given up; default 15 s;
   * UINT64_MAX: never. */
  uint64_t silence_timeout_ns;
  /** Before the second attempt to connect or to send; doubles up to `backoff_most_ns`; default 0.5
   * s. Each wait is drawn evenly from half of it to all of it. */
  uint64_t backoff_ns;
  /** Default 10 s. */
  uint64_t backoff_most_ns;

  /** Requests that wait or are under way; default 65,536. */
  size_t most_requests;
  /** Their bytes; default 64 MiB. */
  size_t most_request_bytes;
  /** Of one reply, with all its elements, in bytes as they lie in memory; default 64 MiB. */
  size_t most_reply_bytes;

  hf_redis_callbacks callbacks;
} hf_redis_options;

/** The figures of a link: sums since it was opened, but for what waits. */
typedef struct hf_redis_figures {
  uint64_t connections;      /**< that came up */
  uint64_t connect_failures; /**< attempts that did not */
  uint64_t losses;           /**< connections that were up, and ended by themselves */
  uint64_t requests;         /**< accepted */
  uint64_t replied;
  uint64_t retries;      /**< attempts after the first */
  uint64_t expired;      /**< EXPIRED and EXPIRED_UNSENT */
  uint64_t late_replies; /**< swallowed, because nobody waited any more */
  uint64_t bytes_sent;
  uint64_t bytes_received;
  uint64_t waiting;       /**< requests not answered now */
  uint64_t waiting_bytes; /**< theirs */
} hf_redis_figures;

/** The defaults, with no address and no callbacks. */
hf_redis_options hf_redis_options_default(void);

/** Starts the thread. Threads: any. */
hf_redis_status hf_redis_loop_start(hf_redis_loop *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE out);

/**
 * Closes all links, and ends the thread: waits until it has ended, unless this is that thread. Then
 * all callbacks were made. NULL: nothing.
 *
 * No other call on the loop or its links may be under way on another thread, and none may follow;
 * callbacks that come meanwhile may still call. Threads: any, once.
 */
void hf_redis_loop_stop(hf_redis_loop *HF_REDIS_NULLABLE loop);

/**
 * Opens a link, which begins to connect at once (`mends_on_demand`: with the first request).
 *
 * The options are copied, and what they point to. `error` says what is wrong with them.
 * Threads: any.
 */
hf_redis_status hf_redis_link_open(hf_redis_loop *loop, const hf_redis_options *options,
                                   hf_redis_link *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE out,
                                   hf_redis_error *HF_REDIS_NULLABLE error);

/**
 * Gives a link a request. HF_REDIS_OK: `done` will hear of it, maybe before this returns; else it
 * will not.
 *
 * Threads: any. Cost: a lock, a copy of the bytes; a system call only when the loop sleeps, which
 * sends the bytes where nothing else is under way, and wakes the loop otherwise.
 */
hf_redis_status hf_redis_link_send(hf_redis_link *link, const hf_redis_request *request);

/**
 * Closes a link. Requests that were not answered are, with HF_REDIS_ENDED or
 * HF_REDIS_ENDED_UNSENT; then `changed` tells HF_REDIS_ENDED_FOR_GOOD; after that nothing comes
 * of it. Who called must not use `link` again. Threads: any, once.
 */
void hf_redis_link_close(hf_redis_link *link);

/** Breaks the connection, if there is one, as if it had been lost. For tests. Threads: any. */
void hf_redis_link_break(hf_redis_link *link);

/** Threads: any. */
void hf_redis_link_figures(hf_redis_link *link, hf_redis_figures *out);

/* Scripts ------------------------------------------------------------------- */

enum { HF_REDIS_SHA1_BYTES = 41 };

/**
 * The name that the server gives a script: the SHA-1 of its text, in 40 hexadecimal digits and a
 * NUL; `hexadecimal` has room for HF_REDIS_SHA1_BYTES.
 *
 * Where the system's OpenSSL has no SHA-1 it is 40 zeros, which no script is called: EVALSHA then
 * says NOSCRIPT. Threads: any. Cost: O(length).
 */
void hf_redis_sha1(const void *bytes, size_t length, char *hexadecimal);

HF_REDIS_END_NONNULL

#endif
