/*
 * A request as it waits and is under way: one block of memory with its bytes as they are sent and
 * room for its replies.
 */
#ifndef HF_REDIS_REQUEST_H
#define HF_REDIS_REQUEST_H

#include "holdfast_redis.h"
#include "timer.h"

HF_REDIS_BEGIN_NONNULL

typedef enum hf__redis_stage {
  HF__REDIS_WAITING, /* in the link's list `waiting`; or handed over, and not yet in it */
  HF__REDIS_RESTING, /* in the list `resting`: was sent, and is sent again later */
  HF__REDIS_SENT,    /* under way at `place`; its bytes were put in line, maybe written */
} hf__redis_stage;

typedef struct hf__redis_node {
  hf__redis_timer timer; /* the end of the attempt, or of the rest; first: see node_of_timer() */
  struct hf__redis_node *HF_REDIS_NULLABLE next;
  struct hf__redis_node *HF_REDIS_NULLABLE previous;
  hf_redis_link *link;
  void *HF_REDIS_NULLABLE owner;

  uint64_t timeout_ns;
  uint64_t deadline_ns; /* how long; once the link has it: when. UINT64_MAX: never */
  uint64_t bound_to;    /* the one connection it may be sent on; 0: any */
  uint64_t sent_on;     /* the last connection it was sent on; 0: none */
  uint64_t waited_from; /* the number of the link's connections when the attempt began */
  uint64_t first_byte;  /* SENT: where its bytes begin in the connection's stream */
  uint64_t place;       /* SENT: where it is under way */

  hf__redis_stage stage;
  uint32_t attempts; /* begun */
  uint32_t most_attempts;
  uint32_t commands;
  uint32_t gathered; /* replies that came */
  bool is_repeatable;
  bool may_be_done; /* some of its bytes may have reached a server */
  bool is_answered; /* and is kept only because the rest of its bytes must still go out */

  size_t gathered_bytes;
  size_t length;
  struct hf_redis_reply *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE replies; /* `commands` of them */
  char *bytes;                                                         /* `length` of them */
} hf__redis_node;

/* Encodes a request. HF_REDIS_INVALID_ARGUMENT: one of its numbers is out of range. To be freed. */
hf_redis_status hf__redis_node_create(const hf_redis_request *request,
                                      hf__redis_node *HF_REDIS_NULLABLE *HF_REDIS_NULLABLE out);

/* Frees the replies that it gathered. */
void hf__redis_node_drop_replies(hf__redis_node *node);

/* Frees it, with its replies. */
void hf__redis_node_destroy(hf__redis_node *HF_REDIS_NULLABLE node);

/* Lists of nodes, linked both ways. */
typedef struct hf__redis_list {
  hf__redis_node *HF_REDIS_NULLABLE first;
  hf__redis_node *HF_REDIS_NULLABLE last;
} hf__redis_list;

void hf__redis_list_append(hf__redis_list *list, hf__redis_node *node);
void hf__redis_list_prepend(hf__redis_list *list, hf__redis_node *node);
void hf__redis_list_remove(hf__redis_list *list, hf__redis_node *node);

HF_REDIS_END_NONNULL

#endif
