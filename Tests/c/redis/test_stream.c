/*
 * Streams to peers on this machine: threads that listen on the loopback or on a Unix socket, and
 * behave as a test tells them to.
 */
#include "hf_test.h"

#include "stream.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Certificates -------------------------------------------------------------------- */

static char folder[] = "/tmp/holdfast-stream-XXXXXX";

static const char *in_folder(const char *name, char path[static 128]) {
  snprintf(path, 128, "%s/%s", folder, name);
  return path;
}

static void add_extension(X509 *certificate, X509 *issuer, int kind, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, kind, value);
  assert_non_null(extension);
  assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

typedef struct identity {
  EVP_PKEY *key;
  X509 *certificate;
} identity;

/* Writes <name>.pem and <name>.key; `issuer` NULL: signed by itself, an authority. */
static identity make_identity(const char *name, const char *names, const identity *issuer,
                              long seconds) {
  identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
  assert_non_null(made.key);
  assert_non_null(made.certificate);
  X509 *certificate = made.certificate;
  static long serial;
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
  X509_set_pubkey(certificate, made.key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             (const unsigned char *)name, -1, -1, 0);
  const identity *signer = issuer == NULL ? &made : issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer->certificate));
  add_extension(certificate, signer->certificate, NID_basic_constraints,
                issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
  if (names != NULL) {
    add_extension(certificate, signer->certificate, NID_subject_alt_name, names);
  }
  assert_true(X509_sign(certificate, signer->key, EVP_sha256()) > 0);

  char file[64];
  char path[128];
  snprintf(file, sizeof file, "%s.pem", name);
  FILE *to = fopen(in_folder(file, path), "w");
  assert_non_null(to);
  assert_int_equal(PEM_write_X509(to, certificate), 1);
  fclose(to);
  snprintf(file, sizeof file, "%s.key", name);
  to = fopen(in_folder(file, path), "w");
  assert_non_null(to);
  assert_int_equal(PEM_write_PrivateKey(to, made.key, NULL, NULL, 0, NULL, NULL), 1);
  fclose(to);
  return made;
}

static void drop_identity(identity *of) {
  EVP_PKEY_free(of->key);
  X509_free(of->certificate);
}

static int make_certificates(void **state) {
  (void)state;
  if (mkdtemp(folder) == NULL) {
    return -1;
  }
  const long day = 86400;
  identity authority = make_identity("authority", NULL, NULL, day);
  identity stranger = make_identity("stranger", NULL, NULL, day);
  identity server = make_identity("server", "DNS:localhost,IP:127.0.0.1", &authority, day);
  identity elsewhere = make_identity("elsewhere", "DNS:elsewhere.example", &authority, day);
  identity expired = make_identity("expired", "DNS:localhost,IP:127.0.0.1", &authority, -60);
  identity client = make_identity("client", NULL, &authority, day);
  drop_identity(&authority);
  drop_identity(&stranger);
  drop_identity(&server);
  drop_identity(&elsewhere);
  drop_identity(&expired);
  drop_identity(&client);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  DIR *directory = opendir(folder);
  if (directory == NULL) {
    return -1;
  }
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    unlink(path);
  }
  closedir(directory);
  return rmdir(folder);
}

/* Peers --------------------------------------------------------------------------- */

typedef enum manner {
  ECHOES, /* gives back what comes, until the other end closes */
  SPEAKS, /* says `speech`, then closes */
  CUTS,   /* echoes once, then cuts without a goodbye */
  RESETS, /* echoes once, then resets the connection */
  NAGS,   /* asks for new keys without an end, and reads nothing */
} manner;

#define UNLIMITED SIZE_MAX

typedef struct peer {
  manner manner;
  const char *speech;
  const char *certificate; /* NULL: no TLS */
  bool wants_certificate;
  int version;   /* TLS1_2_VERSION, say; 0: any */
  size_t budget; /* so many bytes are sent, then the connection is cut */
  bool drips;    /* each byte alone */

  int listener;
  uint16_t port;
  char path[128];
  pthread_t thread;
  /* The thread's own. */
  int connection;
  SSL *ssl;
  BIO *incoming;
  BIO *outgoing;
} peer;

/* False: the budget is used up, or the other end has gone. */
static bool peer_send(peer *self, const char *bytes, size_t length) {
  while (length > 0) {
    size_t piece = self->drips ? 1 : length;
    if (piece > self->budget) {
      piece = self->budget;
    }
    if (piece == 0) {
      return false;
    }
    const ssize_t sent = send(self->connection, bytes, piece, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes += sent;
    length -= (size_t)sent;
    self->budget -= (size_t)sent;
  }
  return true;
}

static bool peer_flush(peer *self) {
  char bytes[4096];
  for (int got; (got = BIO_read(self->outgoing, bytes, sizeof bytes)) > 0;) {
    if (!peer_send(self, bytes, (size_t)got)) {
      return false;
    }
  }
  return true;
}

/* After a call of OpenSSL's: whether it is to be made again. */
static bool peer_go_on(peer *self, int result) {
  const int what = SSL_get_error(self->ssl, result);
  if (!peer_flush(self) || what != SSL_ERROR_WANT_READ) {
    return false;
  }
  char bytes[4096];
  const ssize_t got = recv(self->connection, bytes, sizeof bytes, 0);
  return got > 0 && BIO_write(self->incoming, bytes, (int)got) == (int)got;
}

static ssize_t peer_read(peer *self, char *bytes, size_t capacity) {
  if (self->ssl == NULL) {
    return recv(self->connection, bytes, capacity, 0);
  }
  for (;;) {
    const int got = SSL_read(self->ssl, bytes, (int)capacity);
    if (got > 0) {
      return got;
    }
    if (!peer_go_on(self, got)) {
      return -1;
    }
  }
}

static bool peer_write(peer *self, const char *bytes, size_t length) {
  if (self->ssl == NULL) {
    return peer_send(self, bytes, length);
  }
  return SSL_write(self->ssl, bytes, (int)length) == (int)length && peer_flush(self);
}

static void peer_nag(peer *self) {
  while (SSL_key_update(self->ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
         SSL_do_handshake(self->ssl) == 1 && peer_flush(self)) {
  }
}

static void peer_serve(peer *self) {
  if (self->ssl != NULL) {
    for (int result; (result = SSL_accept(self->ssl)) != 1;) {
      if (!peer_go_on(self, result)) {
        return;
      }
    }
    if (!peer_flush(self)) {
      return;
    }
  }
  static char bytes[64 * 1024]; /* one peer at a time */
  if (self->manner == SPEAKS) {
    peer_write(self, self->speech, strlen(self->speech));
  } else if (self->manner == NAGS) {
    peer_nag(self);
  } else {
    for (ssize_t got; (got = peer_read(self, bytes, sizeof bytes)) > 0;) {
      if (!peer_write(self, bytes, (size_t)got) || self->manner != ECHOES) {
        break;
      }
    }
  }
  if (self->ssl != NULL && self->manner != CUTS && self->manner != NAGS) {
    SSL_shutdown(self->ssl);
    peer_flush(self);
  }
}

static SSL_CTX *peer_context(const peer *self) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  assert_non_null(context);
  char file[64];
  char path[128];
  snprintf(file, sizeof file, "%s.pem", self->certificate);
  assert_int_equal(SSL_CTX_use_certificate_chain_file(context, in_folder(file, path)), 1);
  snprintf(file, sizeof file, "%s.key", self->certificate);
  assert_int_equal(SSL_CTX_use_PrivateKey_file(context, in_folder(file, path), SSL_FILETYPE_PEM),
                   1);
  if (self->version != 0) {
    SSL_CTX_set_min_proto_version(context, self->version);
    SSL_CTX_set_max_proto_version(context, self->version);
  }
  if (self->wants_certificate) {
    SSL_CTX_load_verify_locations(context, in_folder("authority.pem", path), NULL);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  return context;
}

static void *peer_run(void *argument) {
  peer *self = argument;
  self->connection = accept(self->listener, NULL, NULL);
  if (self->connection < 0) {
    return NULL;
  }
  const int on = 1;
  setsockopt(self->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  SSL_CTX *context = NULL;
  if (self->certificate != NULL) {
    context = peer_context(self);
    self->ssl = SSL_new(context);
    self->incoming = BIO_new(BIO_s_mem());
    self->outgoing = BIO_new(BIO_s_mem());
    SSL_set_bio(self->ssl, self->incoming, self->outgoing);
  }
  peer_serve(self);
  SSL_free(self->ssl);
  SSL_CTX_free(context);
  ERR_clear_error();
  if (self->manner == RESETS) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(self->connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close(self->connection);
  return NULL;
}

/* A listener on 127.0.0.1, or on the socket of a path. */
static void peer_listen(peer *self) {
  if (self->path[0] != '\0') {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    memcpy(path.sun_path, self->path, strlen(self->path));
    self->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(self->listener >= 0);
    assert_int_equal(bind(self->listener, (const struct sockaddr *)&path, sizeof path), 0);
  } else {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(self->listener >= 0);
    assert_int_equal(bind(self->listener, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
  }
  assert_int_equal(listen(self->listener, 8), 0);
}

static void peer_start(peer *self) {
  if (self->budget == 0) {
    self->budget = UNLIMITED;
  }
  peer_listen(self);
  assert_int_equal(pthread_create(&self->thread, NULL, peer_run, self), 0);
}

/* The stream is to be closed before, or the peer's part over. */
static void peer_stop(peer *self) {
  /* Connected to, so that it does not wait for ever where nobody else did. Who came before is
   * served before. */
  int visitor;
  if (self->path[0] != '\0') {
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    memcpy(path.sun_path, self->path, strlen(self->path));
    visitor = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(visitor, (const struct sockaddr *)&path, sizeof path), 0);
  } else {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(self->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    visitor = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(visitor, (const struct sockaddr *)&address, sizeof address), 0);
  }
  shutdown(visitor, SHUT_RDWR);
  assert_int_equal(pthread_join(self->thread, NULL), 0);
  close(visitor);
  close(self->listener);
  if (self->path[0] != '\0') {
    unlink(self->path);
  }
}

/* Streams ------------------------------------------------------------------------- */

typedef struct client {
  hf__redis_target *target;
  hf__redis_stream *stream;
} client;

/* Until it has something to say; long enough for any machine. */
static void wait_for(const hf__redis_stream *stream, bool wants_to_write) {
  struct pollfd wait = {.fd = hf__redis_stream_descriptor(stream),
                        .events = hf__redis_stream_events(stream, wants_to_write)};
  assert_true(wait.fd >= 0);
  assert_int_equal(poll(&wait, 1, 60000), 1);
}

static hf__redis_progress finish_opening(hf__redis_stream *stream) {
  hf__redis_progress progress;
  while ((progress = hf__redis_stream_advance(stream)) == HF__REDIS_PENDING) {
    wait_for(stream, false);
  }
  return progress;
}

/* Opens, or fails, and says how. */
static hf__redis_progress open_client(client *self, const hf_redis_options *options) {
  hf_redis_error error = {{0}};
  const hf_redis_status status = hf__redis_target_create(options, &self->target, &error);
  if (status != HF_REDIS_OK) {
    test_fail("%s", error.message);
  }
  self->stream = hf__redis_stream_create(self->target);
  assert_non_null(self->stream);
  return finish_opening(self->stream);
}

static void close_client(client *self) {
  hf__redis_stream_destroy(self->stream);
  hf__redis_target_destroy(self->target);
}

static void open_well(client *self, const hf_redis_options *options) {
  if (open_client(self, options) != HF__REDIS_READY) {
    test_fail("%s", hf__redis_stream_reason(self->stream));
  }
}

static void open_with_failure(const hf_redis_options *options, const char *reason) {
  client self;
  assert_int_equal(open_client(&self, options), HF__REDIS_FAILED);
  assert_string_equal(hf__redis_stream_reason(self.stream), reason);
  assert_int_equal(hf__redis_stream_advance(self.stream), HF__REDIS_FAILED);
  char byte;
  assert_int_equal(hf__redis_stream_read(self.stream, &byte, 1), -1);
  assert_int_equal(hf__redis_stream_write(self.stream, "x", 1), -1);
  close_client(&self);
}

/* Reads until there are so many bytes. How many, if it ends before. */
static size_t read_fully(hf__redis_stream *stream, char *bytes, size_t length, size_t piece) {
  size_t got = 0;
  while (got < length) {
    const size_t capacity = length - got < piece ? length - got : piece;
    const ssize_t some = hf__redis_stream_read(stream, bytes + got, capacity);
    if (some < 0) {
      break;
    }
    if (some == 0) {
      wait_for(stream, false);
    }
    got += (size_t)some;
  }
  return got;
}

static void write_fully(hf__redis_stream *stream, const char *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    const ssize_t taken = hf__redis_stream_write(stream, bytes + at, length - at);
    if (taken < 0) {
      test_fail("%s", hf__redis_stream_reason(stream));
    }
    if (taken == 0) {
      wait_for(stream, true);
    }
    at += (size_t)taken;
  }
}

static void expect_end(hf__redis_stream *stream, const char *reason) {
  char byte;
  assert_int_equal(read_fully(stream, &byte, 1, 1), 0);
  assert_string_equal(hf__redis_stream_reason(stream), reason);
  assert_int_equal(hf__redis_stream_read(stream, &byte, 1), -1);
}

static hf_redis_options to_peer(const peer *self) {
  hf_redis_options options;
  memset(&options, 0, sizeof options);
  if (self->path[0] != '\0') {
    options.path = self->path;
  } else {
    options.host = "127.0.0.1";
    options.port = self->port;
  }
  if (self->certificate != NULL) {
    static char authorities[128];
    options.tls.enabled = true;
    options.tls.authorities_path = in_folder("authority.pem", authorities);
  }
  return options;
}

/* Sends a lot both ways at once, and sees it come back whole. */
static void exchange(hf__redis_stream *stream, size_t piece) {
  enum { LENGTH = 3 * 1000 * 1000 };
  char *out = malloc(LENGTH);
  char *in = malloc(LENGTH);
  assert_non_null(out);
  assert_non_null(in);
  for (size_t i = 0; i < LENGTH; i++) {
    out[i] = (char)(i * 7 % 253);
  }
  size_t written = 0;
  size_t read = 0;
  while (read < LENGTH) {
    ssize_t taken = 0;
    if (written < LENGTH) {
      taken = hf__redis_stream_write(stream, out + written, LENGTH - written);
    } else if (hf__redis_stream_has_unsent(stream)) {
      assert_int_equal(hf__redis_stream_advance(stream), HF__REDIS_READY);
    }
    const size_t capacity = LENGTH - read < piece ? LENGTH - read : piece;
    const ssize_t got = hf__redis_stream_read(stream, in + read, capacity);
    assert_true(taken >= 0 && got >= 0);
    written += (size_t)taken;
    read += (size_t)got;
    if (taken == 0 && got == 0) {
      wait_for(stream, written < LENGTH);
    }
  }
  assert_memory_equal(in, out, LENGTH);
  free(in);
  free(out);
}

/* How many times more hf__redis_send() works. */
static size_t sends_left = SIZE_MAX;

ssize_t __real_hf__redis_send(int descriptor, const char *bytes, size_t length,
                              hf_redis_error *error);
ssize_t __wrap_hf__redis_send(int descriptor, const char *bytes, size_t length,
                              hf_redis_error *error);
ssize_t __wrap_hf__redis_send(int descriptor, const char *bytes, size_t length,
                              hf_redis_error *error) {
  if (sends_left == 0) {
    snprintf(error->message, sizeof error->message, "not now");
    return -1;
  }
  sends_left--;
  return __real_hf__redis_send(descriptor, bytes, length, error);
}

/* Without TLS ----------------------------------------------------------------------- */

static void bytes_go_both_ways(void **state) {
  (void)state;
  static const char *const certificates[] = {NULL, "server"};
  for (size_t i = 0; i < 2; i++) {
    for (size_t piece = 1000; piece <= 64 * 1024; piece *= 64) {
      peer self = {.manner = ECHOES, .certificate = certificates[i]};
      peer_start(&self);
      const hf_redis_options options = to_peer(&self);
      client made;
      open_well(&made, &options);
      exchange(made.stream, piece);
      close_client(&made);
      peer_stop(&self);
    }
  }
}

static void bytes_go_over_a_unix_socket(void **state) {
  (void)state;
  peer self = {.manner = ECHOES};
  in_folder("socket", self.path);
  peer_start(&self);
  const hf_redis_options options = to_peer(&self);
  client made;
  open_well(&made, &options);
  exchange(made.stream, 65536);
  close_client(&made);
  peer_stop(&self);

  char reason[256];
  snprintf(reason, sizeof reason, "no such file or directory (%s)", self.path);
  open_with_failure(&options, reason);
  peer_listen(&self); /* a socket's file, and nobody there any more */
  close(self.listener);
  snprintf(reason, sizeof reason, "connection refused (%s)", self.path);
  open_with_failure(&options, reason);
}

static void a_port_where_nobody_listens_is_refused(void **state) {
  (void)state;
  peer self = {.manner = ECHOES};
  peer_listen(&self);
  close(self.listener);
  hf_redis_options options = to_peer(&self);
  char reason[256];
  snprintf(reason, sizeof reason, "connection refused (127.0.0.1:%u)", (unsigned)self.port);
  open_with_failure(&options, reason);
  /* A name's reason is that of its last address. */
  options.host = "localhost";
  client made;
  assert_int_equal(open_client(&made, &options), HF__REDIS_FAILED);
  assert_non_null(strstr(hf__redis_stream_reason(made.stream), "([::1]:"));
  close_client(&made);
}

static void who_does_not_answer_is_waited_for(void **state) {
  (void)state;
  /* A listener that takes no more: others wait until their patience ends. */
  peer self = {.manner = ECHOES};
  peer_listen(&self);
  assert_int_equal(listen(self.listener, 0), 0);
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(self.port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int waiting[4];
  for (size_t i = 0; i < 4; i++) {
    waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(waiting[i] >= 0);
    (void)connect(waiting[i], (const struct sockaddr *)&address, sizeof address);
  }
  const hf_redis_options options = to_peer(&self);
  hf__redis_target *target;
  assert_int_equal(hf__redis_target_create(&options, &target, NULL), HF_REDIS_OK);
  hf__redis_stream *stream = hf__redis_stream_create(target);
  assert_non_null(stream);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(hf__redis_stream_advance(stream), HF__REDIS_PENDING);
    assert_int_equal(hf__redis_stream_events(stream, false), POLLOUT);
  }
  char byte;
  assert_int_equal(hf__redis_stream_read(stream, &byte, 1), -1);
  assert_string_equal(hf__redis_stream_reason(stream), "not connected yet");
  hf__redis_stream_destroy(stream);
  hf__redis_target_destroy(target);
  for (size_t i = 0; i < 4; i++) {
    close(waiting[i]);
  }
  close(self.listener);
}

static void the_next_address_is_tried_when_one_refuses(void **state) {
  (void)state;
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t length = sizeof address;
  const int listener = socket(AF_INET6, SOCK_STREAM, 0);
  const int on = 1;
  if (listener < 0 || setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0 ||
      bind(listener, (const struct sockaddr *)&address, length) != 0) {
    printf("skipped: the next address is tried: no IPv6 here\n");
    if (listener >= 0) {
      close(listener);
    }
    return;
  }
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  hf_redis_options options;
  memset(&options, 0, sizeof options);
  options.host = "LocalHost";
  options.port = ntohs(address.sin6_port);
  client made;
  open_well(&made, &options);
  /* The next stream begins with what was good. */
  hf__redis_stream *second = hf__redis_stream_create(made.target);
  assert_non_null(second);
  assert_int_equal(finish_opening(second), HF__REDIS_READY);
  hf__redis_stream_destroy(second);
  close_client(&made);
  close(listener);
}

static void a_name_is_looked_up_elsewhere(void **state) {
  (void)state;
  hf_redis_options options;
  memset(&options, 0, sizeof options);
  options.host = "no..such..host";
  options.port = 6379;
  hf__redis_target *target;
  assert_int_equal(hf__redis_target_create(&options, &target, NULL), HF_REDIS_OK);
  hf__redis_stream *stream = hf__redis_stream_create(target);
  assert_non_null(stream);
  assert_int_equal(finish_opening(stream), HF__REDIS_FAILED);
  assert_non_null(strstr(hf__redis_stream_reason(stream), options.host));
  hf__redis_stream_destroy(stream);
  /* Given up before it ends: it frees itself, in whichever order. */
  for (int i = 0; i < 50; i++) {
    stream = hf__redis_stream_create(target);
    assert_non_null(stream);
    assert_true(i % 2 == 0 || hf__redis_stream_advance(stream) != HF__REDIS_READY);
    hf__redis_stream_destroy(stream);
  }
  hf__redis_target_destroy(target);
}

static void an_end_is_told_as_what_it_is(void **state) {
  (void)state;
  static const struct {
    manner manner;
    const char *certificate;
    const char *reason;
  } cases[] = {
      {CUTS, NULL, "the server closed the connection"},
      {RESETS, NULL, "connection reset by peer"},
      {CUTS, "server", "the connection was cut, without the end that TLS asks for"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    peer self = {.manner = cases[i].manner, .certificate = cases[i].certificate};
    peer_start(&self);
    const hf_redis_options options = to_peer(&self);
    client made;
    open_well(&made, &options);
    write_fully(made.stream, "hello", 5);
    char bytes[5];
    assert_int_equal(read_fully(made.stream, bytes, 5, 5), 5);
    assert_memory_equal(bytes, "hello", 5);
    expect_end(made.stream, cases[i].reason);
    peer_stop(&self);
    /* No signal. */
    assert_int_equal(hf__redis_stream_write(made.stream, "x", 1), -1);
    close_client(&made);
  }
}

static void what_came_before_the_end_is_read_first(void **state) {
  (void)state;
  static const char *const certificates[] = {NULL, "server"};
  for (size_t i = 0; i < 2; i++) {
    peer self = {.manner = SPEAKS, .speech = "goodbye", .certificate = certificates[i]};
    peer_start(&self);
    const hf_redis_options options = to_peer(&self);
    client made;
    open_well(&made, &options);
    peer_stop(&self);
    char bytes[7];
    assert_int_equal(read_fully(made.stream, bytes, 7, 7), 7);
    assert_memory_equal(bytes, "goodbye", 7);
    expect_end(made.stream, "the server closed the connection");
    close_client(&made);
  }
}

static void writing_to_who_has_gone_raises_no_signal(void **state) {
  (void)state;
  static const char *const certificates[] = {NULL, "server"};
  for (size_t i = 0; i < 2; i++) {
    peer self = {.manner = SPEAKS, .speech = "", .certificate = certificates[i]};
    peer_start(&self);
    const hf_redis_options options = to_peer(&self);
    client made;
    open_well(&made, &options);
    peer_stop(&self);
    /* The first may still be taken; what comes back then makes the next ones fail. */
    ssize_t taken = 0;
    for (int tries = 0; tries < 1000 && taken >= 0; tries++) {
      taken = hf__redis_stream_write(made.stream, "x", 1);
      if (taken == 0) {
        wait_for(made.stream, true);
      }
    }
    assert_int_equal(taken, -1);
    close_client(&made);
  }
}

static void options_that_make_no_sense_are_refused(void **state) {
  (void)state;
  char long_name[300];
  memset(long_name, 'a', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  char certificate[128];
  char other_key[128];
  in_folder("client.pem", certificate);
  in_folder("server.key", other_key);
  const struct {
    hf_redis_options options;
    hf_redis_status status;
    const char *message; /* its beginning */
  } cases[] = {
      {{.port = 1}, HF_REDIS_INVALID_ARGUMENT, "either a host or the path"},
      {{.host = "h", .path = "/p", .port = 1}, HF_REDIS_INVALID_ARGUMENT, "either a host or"},
      {{.host = "", .port = 1}, HF_REDIS_INVALID_ARGUMENT, "the host is empty"},
      {{.path = ""}, HF_REDIS_INVALID_ARGUMENT, "the socket's path is empty"},
      {{.host = "h"}, HF_REDIS_INVALID_ARGUMENT, "the port is to be 1 to 65535"},
      {{.host = long_name, .port = 1}, HF_REDIS_INVALID_ARGUMENT, "the host is longer"},
      {{.path = long_name}, HF_REDIS_INVALID_ARGUMENT, "the socket's path is longer"},
      {{.path = "/p", .tls.enabled = true}, HF_REDIS_INVALID_ARGUMENT, "TLS is for hosts"},
      {{.host = "h", .port = 1, .tls = {.enabled = true, .certificate_path = certificate}},
       HF_REDIS_INVALID_ARGUMENT,
       "a client's certificate needs its key"},
      {{.host = "h", .port = 1, .tls = {.enabled = true, .server_name = ""}},
       HF_REDIS_INVALID_ARGUMENT,
       "TLS needs the server's name"},
      {{.host = "h", .port = 1, .tls = {.enabled = true, .authorities_path = "/nothing"}},
       HF_REDIS_BAD_TLS,
       "the authorities' certificates cannot be read from /nothing: no such file"},
      {{.host = "h", .port = 1, .tls = {.enabled = true, .authorities_path = other_key}},
       HF_REDIS_BAD_TLS,
       "the authorities' certificates cannot be read from"},
      {{.host = "h",
        .port = 1,
        .tls = {.enabled = true, .certificate_path = certificate, .key_path = "/nothing"}},
       HF_REDIS_BAD_TLS,
       "the client's key cannot be read from /nothing: no such file"},
      {{.host = "h",
        .port = 1,
        .tls = {.enabled = true, .certificate_path = certificate, .key_path = other_key}},
       HF_REDIS_BAD_TLS,
       "the client's key cannot be read from"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    hf__redis_target *target = NULL;
    hf_redis_error error = {{0}};
    assert_int_equal(hf__redis_target_create(&cases[i].options, &target, &error), cases[i].status);
    assert_null(target);
    if (strncmp(error.message, cases[i].message, strlen(cases[i].message)) != 0) {
      test_fail("case %zu: %s", i, error.message);
    }
  }
}

/* TLS ------------------------------------------------------------------------------- */

static void a_server_proves_who_it_is(void **state) {
  (void)state;
  char stranger[128];
  in_folder("stranger.pem", stranger);
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  const struct {
    const char *certificate;
    const char *host;
    const char *name;
    bool insecure;
    const char *authorities; /* NULL: the right one */
    const char *reason;      /* NULL: it is good */
  } cases[] = {
      {"server", "127.0.0.1", NULL, false, NULL, NULL},
      {"server", "localhost", NULL, false, NULL, NULL},
      {"server", "127.0.0.1", "localhost.", false, NULL, NULL},
      {"elsewhere", "127.0.0.1", "elsewhere.example", false, NULL, NULL},
      {"elsewhere", "127.0.0.1", NULL, true, stranger, NULL},
      {"expired", "127.0.0.1", NULL, true, NULL, NULL},
      {"elsewhere", "127.0.0.1", NULL, false, NULL,
       "certificate verify failed: IP address mismatch"},
      {"elsewhere", "localhost", NULL, false, NULL, "certificate verify failed: hostname mismatch"},
      {"server", "127.0.0.1", "elsewhere.example", false, NULL,
       "certificate verify failed: hostname mismatch"},
      {"server", "127.0.0.1", NULL, false, stranger,
       "certificate verify failed: unable to get local issuer certificate"},
      {"stranger", "127.0.0.1", NULL, false, NULL,
       "certificate verify failed: self-signed certificate"},
      {"expired", "127.0.0.1", NULL, false, NULL,
       "certificate verify failed: certificate has expired"},
  };
  for (size_t v = 0; v < 2; v++) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      peer self = {.manner = ECHOES, .certificate = cases[i].certificate, .version = versions[v]};
      peer_start(&self);
      hf_redis_options options = to_peer(&self);
      options.host = cases[i].host;
      options.tls.server_name = cases[i].name;
      options.tls.insecure = cases[i].insecure;
      if (cases[i].authorities != NULL) {
        options.tls.authorities_path = cases[i].authorities;
      }
      if (cases[i].reason != NULL) {
        open_with_failure(&options, cases[i].reason);
      } else {
        client made;
        open_well(&made, &options);
        char bytes[5];
        write_fully(made.stream, "hello", 5);
        assert_int_equal(read_fully(made.stream, bytes, 5, 5), 5);
        close_client(&made);
      }
      peer_stop(&self);
    }
  }
}

static void a_client_proves_who_it_is(void **state) {
  (void)state;
  char certificate[128];
  char key[128];
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
  for (size_t v = 0; v < 2; v++) {
    peer self = {.manner = ECHOES,
                 .certificate = "server",
                 .wants_certificate = true,
                 .version = versions[v]};
    peer_start(&self);
    hf_redis_options options = to_peer(&self);
    options.tls.certificate_path = in_folder("client.pem", certificate);
    options.tls.key_path = in_folder("client.key", key);
    client made;
    open_well(&made, &options);
    char bytes[5];
    write_fully(made.stream, "hello", 5);
    assert_int_equal(read_fully(made.stream, bytes, 5, 5), 5);
    close_client(&made);
    peer_stop(&self);

    peer again = self;
    peer_start(&again);
    options.port = again.port;
    options.tls.certificate_path = NULL;
    options.tls.key_path = NULL;
    /* From TLS 1.3 on the client hears of it when it reads. */
    if (open_client(&made, &options) == HF__REDIS_READY) {
      assert_int_equal(versions[v], TLS1_3_VERSION);
      assert_int_equal(read_fully(made.stream, bytes, 1, 1), 0);
    }
    const char *reason = hf__redis_stream_reason(made.stream);
    if (strstr(reason, "alert") == NULL) {
      test_fail("%s", reason);
    }
    close_client(&made);
    peer_stop(&again);
  }
}

static void a_server_without_tls_is_told_as_such(void **state) {
  (void)state;
  peer self = {.manner = SPEAKS, .speech = "-ERR Protocol error: unbalanced quotes\r\n"};
  peer_start(&self);
  hf_redis_options options = to_peer(&self);
  char authorities[128];
  options.tls.enabled = true;
  options.tls.authorities_path = in_folder("authority.pem", authorities);
  open_with_failure(&options, "the server does not speak TLS (wrong version number)");
  peer_stop(&self);
}

static void a_handshake_may_end_anywhere(void **state) {
  (void)state;
  size_t failures = 0;
  for (size_t budget = 1;; budget = budget < 20 ? budget + 1 : budget + 61) {
    peer self = {.manner = ECHOES, .certificate = "server", .budget = budget};
    peer_start(&self);
    const hf_redis_options options = to_peer(&self);
    client made;
    const hf__redis_progress progress = open_client(&made, &options);
    if (progress == HF__REDIS_FAILED) {
      failures++;
      const char *reason = hf__redis_stream_reason(made.stream);
      if (strcmp(reason, "the server closed the connection in the middle of TLS's handshake") !=
              0 &&
          strcmp(reason, "connection reset by peer") != 0 && strcmp(reason, "broken pipe") != 0) {
        test_fail("after %zu bytes: %s", budget, reason);
      }
    }
    close_client(&made);
    peer_stop(&self);
    if (progress == HF__REDIS_READY) {
      break;
    }
  }
  assert_true(failures > 20);
}

static void a_handshake_may_come_byte_by_byte(void **state) {
  (void)state;
  peer self = {.manner = ECHOES, .certificate = "server", .drips = true};
  peer_start(&self);
  const hf_redis_options options = to_peer(&self);
  client made;
  open_well(&made, &options);
  char bytes[5];
  write_fully(made.stream, "hello", 5);
  assert_int_equal(read_fully(made.stream, bytes, 5, 5), 5);
  close_client(&made);
  peer_stop(&self);
}

static void a_stream_may_be_closed_at_any_point(void **state) {
  (void)state;
  for (int steps = 0; steps < 6; steps++) {
    peer self = {.manner = ECHOES, .certificate = "server"};
    peer_start(&self);
    const hf_redis_options options = to_peer(&self);
    client made;
    assert_int_equal(hf__redis_target_create(&options, &made.target, NULL), HF_REDIS_OK);
    made.stream = hf__redis_stream_create(made.target);
    assert_non_null(made.stream);
    for (int step = 0; step < steps; step++) {
      if (hf__redis_stream_advance(made.stream) == HF__REDIS_PENDING) {
        wait_for(made.stream, false);
      }
    }
    close_client(&made);
    peer_stop(&self);
  }
}

/* Who wrote them must not think that they never went out. */
static void bytes_that_went_out_before_a_failure_are_told(void **state) {
  (void)state;
  static const char bytes[40000];
  peer self = {.manner = ECHOES, .certificate = "server"};
  peer_start(&self);
  const hf_redis_options options = to_peer(&self);
  client made;
  open_well(&made, &options);
  sends_left = 1;
  assert_int_equal(hf__redis_stream_write(made.stream, bytes, sizeof bytes), 32 * 1024);
  assert_int_equal(hf__redis_stream_write(made.stream, bytes, sizeof bytes), -1);
  assert_string_equal(hf__redis_stream_reason(made.stream), "not now");
  sends_left = SIZE_MAX;
  close_client(&made);
  peer_stop(&self);
}

static void who_asks_for_keys_without_an_end_is_given_up(void **state) {
  (void)state;
  peer self = {.manner = NAGS, .certificate = "server", .version = TLS1_3_VERSION};
  const int little = 4096;
  peer_start(&self);
  assert_int_equal(setsockopt(self.listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  const hf_redis_options options = to_peer(&self);
  client made;
  open_well(&made, &options);
  assert_int_equal(setsockopt(hf__redis_stream_descriptor(made.stream), SOL_SOCKET, SO_SNDBUF,
                              &little, sizeof little),
                   0);
  expect_end(made.stream, "the server asks TLS for answers, and does not read them");
  close_client(&made);
  peer_stop(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_go_both_ways),
      cmocka_unit_test(bytes_go_over_a_unix_socket),
      cmocka_unit_test(a_port_where_nobody_listens_is_refused),
      cmocka_unit_test(who_does_not_answer_is_waited_for),
      cmocka_unit_test(the_next_address_is_tried_when_one_refuses),
      cmocka_unit_test(a_name_is_looked_up_elsewhere),
      cmocka_unit_test(an_end_is_told_as_what_it_is),
      cmocka_unit_test(what_came_before_the_end_is_read_first),
      cmocka_unit_test(writing_to_who_has_gone_raises_no_signal),
      cmocka_unit_test(options_that_make_no_sense_are_refused),
      cmocka_unit_test(a_server_proves_who_it_is),
      cmocka_unit_test(a_client_proves_who_it_is),
      cmocka_unit_test(a_server_without_tls_is_told_as_such),
      cmocka_unit_test(a_handshake_may_end_anywhere),
      cmocka_unit_test(a_handshake_may_come_byte_by_byte),
      cmocka_unit_test(a_stream_may_be_closed_at_any_point),
      cmocka_unit_test(bytes_that_went_out_before_a_failure_are_told),
      cmocka_unit_test(who_asks_for_keys_without_an_end_is_given_up),
  };
  return cmocka_run_group_tests(tests, make_certificates, remove_folder);
}
