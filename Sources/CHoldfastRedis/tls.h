/* TLS over a socket that does not block, by OpenSSL. */
#ifndef HF_REDIS_TLS_H
#define HF_REDIS_TLS_H

#include "stream.h"

HF_REDIS_BEGIN_NONNULL

/* What all sessions with a server share: authorities, certificate, key, and whom to expect. */
typedef struct hf__redis_tls_context hf__redis_tls_context;

typedef struct hf__redis_tls_session hf__redis_tls_session;

/* `host` is whom to expect unless the options say so. */
hf_redis_status
hf__redis_tls_context_create(const hf_redis_tls *options, const char *host,
                             hf__redis_tls_context *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE out,
                             hf_redis_error *error);
void hf__redis_tls_context_destroy(hf__redis_tls_context *HF_REDIS_NULLABLE context);

/* A session over a connected socket, which it borrows. NULL: no memory. */
hf__redis_tls_session *HF_REDIS_NULLABLE
hf__redis_tls_session_create(hf__redis_tls_context *context, int descriptor);
void hf__redis_tls_session_destroy(hf__redis_tls_session *HF_REDIS_NULLABLE session);

hf__redis_progress hf__redis_tls_shake_hands(hf__redis_tls_session *session, hf_redis_error *error);

/* As hf__redis_stream_read and hf__redis_stream_write. */
ssize_t hf__redis_tls_read(hf__redis_tls_session *session, char *bytes, size_t capacity,
                           hf_redis_error *error);
ssize_t hf__redis_tls_write(hf__redis_tls_session *session, const char *bytes, size_t length,
                            hf_redis_error *error);

/* Sends what was taken. False: it failed. */
bool hf__redis_tls_flush(hf__redis_tls_session *session, hf_redis_error *error);
bool hf__redis_tls_has_unsent(const hf__redis_tls_session *session);

HF_REDIS_END_NONNULL

#endif
