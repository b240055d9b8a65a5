/*
 * OpenSSL reads and writes memory here; the socket is read and written by our own functions, which
 * raise no signal. When OpenSSL asks for more, one recv(2) brings up to a record's size; what it
 * writes goes out at once. No new bytes are taken while old ones are unsent, so about one record of
 * 16 KiB waits in either direction, and what OpenSSL answers by itself, which has a limit.
 */
#include "tls.h"

#include "descriptor.h"
#include "system.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  RECORD_BYTES = 16 * 1024,
  /* What one call reads from the socket, in pieces of a record's size. A peer may send records
   * without bytes for the caller as long as it likes; the others of the loop have their turn. */
  MOST_BROUGHT = 8,
  /* What OpenSSL answers by itself, to a change of keys, say, is kept until the socket takes it: so
   * much, from a peer that asks on and on and reads nothing. */
  MOST_UNSENT_BYTES = 64 * 1024,
};

struct hf__redis_tls_context {
  SSL_CTX *context;
  bool insecure;
  bool name_is_address;
  char name[];
};

struct hf__redis_tls_session {
  SSL *ssl;
  BIO *incoming; /* both are owned by `ssl` */
  BIO *outgoing;
  int descriptor;
  /* Bytes that came before the end or the failure were given first; this is told next. */
  bool failed;
  hf_redis_error failure;
};

/* Errors --------------------------------------------------------------------- */

/* What OpenSSL complained of first, which is forgotten. */
static void take_complaint(char *text, size_t capacity) {
  const unsigned long code = ERR_peek_error();
  const char *said = code == 0 ? NULL : ERR_reason_error_string(code);
#ifdef ERR_SYSTEM_ERROR
  if (code != 0 && ERR_SYSTEM_ERROR(code)) {
    hf__redis_system_text(ERR_GET_REASON(code), text, capacity);
    ERR_clear_error();
    return;
  }
#endif
  snprintf(text, capacity, "%s", said != NULL ? said : "OpenSSL gives no reason");
  ERR_clear_error();
}

static hf_redis_status fail_for_file(hf_redis_error *error, const char *what, const char *path) {
  char complaint[80];
  take_complaint(complaint, sizeof complaint);
  snprintf(error->message, sizeof error->message, "%s cannot be read from %.100s: %s", what, path,
           complaint);
  return HF_REDIS_BAD_TLS;
}

static hf_redis_status fail_without_memory(hf_redis_error *error) {
  ERR_clear_error();
  snprintf(error->message, sizeof error->message, "out of memory");
  return HF_REDIS_OUT_OF_MEMORY;
}

/* The context ---------------------------------------------------------------- */

/* A key that is locked is an error, instead of a question on the terminal. */
static int no_password(char *buffer, int capacity, int writes, void *context) {
  (void)buffer;
  (void)capacity;
  (void)writes;
  (void)context;
  return 0;
}

static hf_redis_status set_up(SSL_CTX *context, const hf_redis_tls *options,
                              hf_redis_error *error) {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    return fail_without_memory(error);
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  /* An idle connection keeps no buffers. */
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, no_password);

  if (options->insecure) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (options->authorities_path != NULL) {
      if (SSL_CTX_load_verify_locations(context, options->authorities_path, NULL) != 1) {
        return fail_for_file(error, "the authorities' certificates", options->authorities_path);
      }
    } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
      return fail_for_file(error, "the authorities' certificates", "the system's place");
    }
  }
  if (options->certificate_path != NULL && options->key_path != NULL) {
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate_path) != 1) {
      return fail_for_file(error, "the client's certificate", options->certificate_path);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options->key_path, SSL_FILETYPE_PEM) != 1) {
      return fail_for_file(error, "the client's key", options->key_path);
    }
    if (SSL_CTX_check_private_key(context) != 1) {
      return fail_for_file(error, "the key of the client's certificate", options->key_path);
    }
  }
  ERR_clear_error();
  return HF_REDIS_OK;
}

static bool is_address(const char *name) {
  unsigned char address[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

hf_redis_status hf__redis_tls_context_create(const hf_redis_tls *options, const char *host,
                                             hf__redis_tls_context **out, hf_redis_error *error) {
  if ((options->certificate_path == NULL) != (options->key_path == NULL)) {
    snprintf(error->message, sizeof error->message,
             "a client's certificate needs its key, and a key its certificate");
    return HF_REDIS_INVALID_ARGUMENT;
  }
  const char *name = options->server_name != NULL ? options->server_name : host;
  /* "example.com." names the same host, and "fe80::1%eth0" the address fe80::1. */
  size_t length = strcspn(name, "%");
  if (length > 0 && name[length - 1] == '.') {
    length--;
  }
  if (length == 0 || length > 255) {
    snprintf(error->message, sizeof error->message,
             "TLS needs the server's name, of 1 to 255 bytes");
    return HF_REDIS_INVALID_ARGUMENT;
  }
  hf__redis_tls_context *context = calloc(1, sizeof *context + length + 1);
  if (context == NULL) {
    return fail_without_memory(error);
  }
  memcpy(context->name, name, length);
  context->name_is_address = is_address(context->name);
  context->insecure = options->insecure;
  ERR_clear_error();
  context->context = SSL_CTX_new(TLS_client_method());
  const hf_redis_status status = context->context == NULL
                                     ? fail_without_memory(error)
                                     : set_up(context->context, options, error);
  if (status != HF_REDIS_OK) {
    hf__redis_tls_context_destroy(context);
    return status;
  }
  *out = context;
  return HF_REDIS_OK;
}

void hf__redis_tls_context_destroy(hf__redis_tls_context *context) {
  if (context == NULL) {
    return;
  }
  SSL_CTX_free(context->context);
  free(context);
}

/* A session ------------------------------------------------------------------ */

static bool expect_server(SSL *ssl, hf__redis_tls_context *context) {
  if (!context->name_is_address && SSL_set_tlsext_host_name(ssl, context->name) != 1) {
    return false;
  }
  if (context->insecure) {
    return true;
  }
  if (context->name_is_address) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), context->name) == 1;
  }
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, context->name) == 1;
}

hf__redis_tls_session *hf__redis_tls_session_create(hf__redis_tls_context *context,
                                                    int descriptor) {
  hf__redis_tls_session *session = calloc(1, sizeof *session);
  if (session == NULL) {
    return NULL;
  }
  session->descriptor = descriptor;
  session->ssl = SSL_new(context->context);
  session->incoming = BIO_new(BIO_s_mem());
  session->outgoing = BIO_new(BIO_s_mem());
  if (session->ssl == NULL || session->incoming == NULL || session->outgoing == NULL ||
      !expect_server(session->ssl, context)) {
    BIO_free(session->incoming);
    BIO_free(session->outgoing);
    SSL_free(session->ssl);
    free(session);
    ERR_clear_error();
    return NULL;
  }
  SSL_set_bio(session->ssl, session->incoming, session->outgoing);
  SSL_set_connect_state(session->ssl);
  return session;
}

void hf__redis_tls_session_destroy(hf__redis_tls_session *session) {
  if (session == NULL) {
    return;
  }
  if (!session->failed && SSL_is_init_finished(session->ssl) &&
      !hf__redis_tls_has_unsent(session)) {
    /* Tells the server that this is the end, and not somebody who cut the line. */
    hf_redis_error ignored;
    ERR_clear_error();
    SSL_shutdown(session->ssl);
    (void)hf__redis_tls_flush(session, &ignored);
  }
  SSL_free(session->ssl);
  ERR_clear_error();
  free(session);
}

/* Bytes ---------------------------------------------------------------------- */

bool hf__redis_tls_has_unsent(const hf__redis_tls_session *session) {
  return BIO_ctrl_pending(session->outgoing) > 0;
}

bool hf__redis_tls_flush(hf__redis_tls_session *session, hf_redis_error *error) {
  for (;;) {
    char *bytes = NULL;
    const long length = BIO_get_mem_data(session->outgoing, &bytes);
    if (length <= 0) {
      return true;
    }
    const ssize_t sent = hf__redis_send(session->descriptor, bytes, (size_t)length, error);
    if (sent < 0) {
      session->failed = true;
      session->failure = *error;
      return false;
    }
    if (sent == 0) {
      return true;
    }
    /* Out of the BIO with them. */
    char away[1024];
    for (size_t left = (size_t)sent; left > 0;) {
      const int piece = (int)(left < sizeof away ? left : sizeof away);
      if (BIO_read(session->outgoing, away, piece) != piece) {
        snprintf(error->message, sizeof error->message, "OpenSSL lost bytes");
        session->failed = true;
        session->failure = *error;
        return false;
      }
      left -= (size_t)piece;
    }
  }
}

/* Brings bytes from the socket. > 0: some; 0: none at the moment; -1: `error`. */
static ssize_t bring(hf__redis_tls_session *session, hf_redis_error *error) {
  char bytes[RECORD_BYTES + 512];
  const ssize_t got = hf__redis_receive(session->descriptor, bytes, sizeof bytes, error);
  if (got > 0 && BIO_write(session->incoming, bytes, (int)got) != (int)got) {
    ERR_clear_error();
    snprintf(error->message, sizeof error->message, "out of memory");
    errno = ENOMEM;
    return -1;
  }
  return got;
}

/* Why a handshake failed. */
static void explain(const hf__redis_tls_session *session, hf_redis_error *error) {
  char complaint[128];
  const unsigned long code = ERR_peek_error();
  const bool no_tls =
      ERR_GET_LIB(code) == ERR_LIB_SSL && (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER ||
                                           ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST);
  const long verified = SSL_get_verify_result(session->ssl);
  take_complaint(complaint, sizeof complaint);
  if (no_tls) {
    snprintf(error->message, sizeof error->message, "the server does not speak TLS (%s)",
             complaint);
  } else if (verified != X509_V_OK) {
    snprintf(error->message, sizeof error->message, "certificate verify failed: %s",
             X509_verify_cert_error_string(verified));
  } else {
    snprintf(error->message, sizeof error->message, "TLS failed: %s", complaint);
  }
}

hf__redis_progress hf__redis_tls_shake_hands(hf__redis_tls_session *session,
                                             hf_redis_error *error) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(session->ssl);
    const int what = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
    if (what != SSL_ERROR_NONE && what != SSL_ERROR_WANT_READ) {
      hf_redis_error ignored;
      session->failed = true;
      explain(session, error);
      (void)hf__redis_tls_flush(session, &ignored); /* the alert that says why */
      return HF__REDIS_FAILED;
    }
    if (!hf__redis_tls_flush(session, error)) {
      return HF__REDIS_FAILED;
    }
    if (what == SSL_ERROR_NONE) {
      return HF__REDIS_READY;
    }
    const ssize_t got = bring(session, error);
    if (got < 0) {
      session->failed = true;
      if (errno == 0) {
        snprintf(error->message, sizeof error->message,
                 "the server closed the connection in the middle of TLS's handshake");
      }
      return HF__REDIS_FAILED;
    }
    if (got == 0) {
      return HF__REDIS_PENDING;
    }
  }
}

/* Tells how many bytes were read or taken first, and the failure that came after them with the next
 * call. */
static ssize_t fail_after(hf__redis_tls_session *session, size_t count, const hf_redis_error *why,
                          hf_redis_error *error) {
  session->failed = true;
  session->failure = *why;
  if (count > 0) {
    return (ssize_t)count;
  }
  *error = *why;
  return -1;
}

ssize_t hf__redis_tls_read(hf__redis_tls_session *session, char *bytes, size_t capacity,
                           hf_redis_error *error) {
  if (session->failed) {
    *error = session->failure;
    return -1;
  }
  hf_redis_error why = {{0}};
  size_t read = 0;
  int brought = 0;
  while (read < capacity) {
    size_t some = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(session->ssl, bytes + read, capacity - read, &some);
    if (result == 1) {
      read += some;
      continue;
    }
    const int what = SSL_get_error(session->ssl, result);
    if (what == SSL_ERROR_ZERO_RETURN) {
      snprintf(why.message, sizeof why.message, "the server closed the connection");
      return fail_after(session, read, &why, error);
    }
    if (what != SSL_ERROR_WANT_READ) {
      char complaint[128];
      take_complaint(complaint, sizeof complaint);
      snprintf(why.message, sizeof why.message, "TLS failed: %s", complaint);
      return fail_after(session, read, &why, error);
    }
    if (brought == MOST_BROUGHT) {
      break; /* nothing is left in memory but part of a record: poll(2) knows of the rest */
    }
    brought++;
    const ssize_t got = bring(session, &why);
    if (got < 0) {
      if (errno == 0) {
        snprintf(why.message, sizeof why.message,
                 "the connection was cut, without the end that TLS asks for");
      }
      return fail_after(session, read, &why, error);
    }
    if (got == 0) {
      break;
    }
  }
  /* An answer to a change of keys, say. */
  if (!hf__redis_tls_flush(session, &why)) {
    return fail_after(session, read, &why, error);
  }
  if (BIO_ctrl_pending(session->outgoing) > MOST_UNSENT_BYTES) {
    snprintf(why.message, sizeof why.message,
             "the server asks TLS for answers, and does not read them");
    return fail_after(session, read, &why, error);
  }
  return (ssize_t)read;
}

/* Bytes that were taken may have reached the server: they are told first, and the failure that came
 * after them with the next call. */
ssize_t hf__redis_tls_write(hf__redis_tls_session *session, const char *bytes, size_t length,
                            hf_redis_error *error) {
  if (session->failed) {
    *error = session->failure;
    return -1;
  }
  hf_redis_error why = {{0}};
  size_t taken = 0;
  for (;;) {
    if (!hf__redis_tls_flush(session, &why)) {
      return fail_after(session, taken, &why, error);
    }
    if (taken == length || hf__redis_tls_has_unsent(session)) {
      return (ssize_t)taken;
    }
    const size_t piece = length - taken < RECORD_BYTES ? length - taken : RECORD_BYTES;
    size_t some = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(session->ssl, bytes + taken, piece, &some);
    if (result != 1) {
      if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ) {
        return (ssize_t)taken; /* not met without renegotiation: it goes on when more has come */
      }
      char complaint[128];
      take_complaint(complaint, sizeof complaint);
      snprintf(why.message, sizeof why.message, "TLS failed: %s", complaint);
      return fail_after(session, taken, &why, error);
    }
    taken += some;
  }
}
