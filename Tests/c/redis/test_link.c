/* Links to a Unix socket that this thread listens on, or that nobody does. */
#include "hf_test.h"

#include "holdfast_redis.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

/* What a link told. */
typedef struct news {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned answers;
  unsigned states[4];
} news;

static news heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note(unsigned *number) {
  pthread_mutex_lock(&heard.lock);
  (*number)++;
  pthread_cond_broadcast(&heard.changed);
  pthread_mutex_unlock(&heard.lock);
}

static void note_answer(void *context, void *owner, const hf_redis_result *result) {
  (void)context;
  (void)owner;
  (void)result;
  note(&heard.answers);
}

static void note_state(void *context, hf_redis_state state, uint64_t connection,
                       const char *reason) {
  (void)context;
  (void)connection;
  (void)reason;
  note(&heard.states[state]);
}

/* Until it is so many; long enough for any machine. */
static void await(const unsigned *number, unsigned least) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 60;
  pthread_mutex_lock(&heard.lock);
  int failure = 0;
  while (*number < least && failure == 0) {
    failure = pthread_cond_timedwait(&heard.changed, &heard.lock, &end);
  }
  pthread_mutex_unlock(&heard.lock);
  assert_int_equal(failure, 0);
}

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static int start(void **state) {
  (void)state;
  heard.answers = 0;
  memset(heard.states, 0, sizeof heard.states);
  snprintf(address.sun_path, sizeof address.sun_path, "/tmp/holdfast-link-%ld", (long)getpid());
  unlink(address.sun_path);
  return 0;
}

static int finish(void **state) {
  (void)state;
  unlink(address.sun_path);
  return 0;
}

static int listen_there(void) {
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_true(listener >= 0);
  assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(listener, 8), 0);
  return listener;
}

static hf_redis_options to_there(void) {
  hf_redis_options options = hf_redis_options_default();
  options.path = address.sun_path;
  options.callbacks.done = note_answer;
  options.callbacks.changed = note_state;
  return options;
}

static hf_redis_loop *start_loop(void) {
  hf_redis_loop *loop = NULL;
  assert_int_equal(hf_redis_loop_start(&loop), HF_REDIS_OK);
  return loop;
}

static hf_redis_link *open_link(hf_redis_loop *loop, const hf_redis_options *options) {
  hf_redis_link *link = NULL;
  hf_redis_error error;
  assert_int_equal(hf_redis_link_open(loop, options, &link, &error), HF_REDIS_OK);
  return link;
}

static void send_ping(hf_redis_link *link, uint64_t timeout_ns) {
  static const size_t length = 4;
  static const size_t count = 1;
  const hf_redis_request request = {
      .bytes = "PING",
      .lengths = &length,
      .counts = &count,
      .commands = 1,
      .timeout_ns = timeout_ns,
      .attempts = 1,
  };
  assert_int_equal(hf_redis_link_send(link, &request), HF_REDIS_OK);
}

/* What comes between two steps of the loop's thread is a matter of luck, so there are many. */
static void a_request_is_answered_though_its_link_is_closed_at_once(void **state) {
  (void)state;
  enum { LINKS = 20000 };
  hf_redis_loop *loop = start_loop();
  hf_redis_options options = to_there();
  options.mends_on_demand = true;
  for (unsigned index = 0; index < LINKS; index++) {
    hf_redis_link *link = open_link(loop, &options);
    for (unsigned pause = 0; pause < index % 64 * 16; pause++) {
      atomic_signal_fence(memory_order_seq_cst);
    }
    send_ping(link, SECOND_NS);
    hf_redis_link_close(link);
  }
  hf_redis_loop_stop(loop);
  assert_int_equal(heard.answers, LINKS);
  assert_int_equal(heard.states[HF_REDIS_ENDED_FOR_GOOD], LINKS);
}

static void what_fails_at_once_is_tried_again(void **state) {
  (void)state;
  hf_redis_options options = to_there();
  options.backoff_ns = SECOND_NS / 1000;
  options.backoff_most_ns = SECOND_NS / 1000;
  for (unsigned turn = 0; turn < 20; turn++) {
    heard.states[HF_REDIS_CONNECTING] = 0;
    hf_redis_loop *loop = start_loop();
    open_link(loop, &options);
    await(&heard.states[HF_REDIS_CONNECTING], 4);
    hf_redis_loop_stop(loop);
  }
}

/* A server that has too many clients. */
static void expect_one_connection(bool pushes) {
  static const char fault[] = "-ERR max number of clients reached\r\n";
  int listener = listen_there();
  hf_redis_loop *loop = start_loop();
  hf_redis_options options = to_there();
  options.backoff_ns = 3600 * SECOND_NS;
  options.backoff_most_ns = 3600 * SECOND_NS;
  options.pushes = pushes;
  hf_redis_link *link = open_link(loop, &options);
  int connection = accept(listener, NULL, NULL);
  assert_true(connection >= 0);
  await(&heard.states[HF_REDIS_UP], 1);
  assert_int_equal(write(connection, fault, sizeof fault - 1), sizeof fault - 1);
  close(connection);
  await(&heard.states[HF_REDIS_DOWN], 1);
  /* Were it connected again, then before this is over. */
  send_ping(link, 1);
  await(&heard.answers, 1);
  hf_redis_figures figures;
  hf_redis_link_figures(link, &figures);
  assert_int_equal(figures.connections, 1);
  hf_redis_loop_stop(loop);
  close(listener);
}

static void who_says_only_faults_is_not_asked_again_at_once(void **state) {
  expect_one_connection(false);
  finish(state);
  start(state);
  expect_one_connection(true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_request_is_answered_though_its_link_is_closed_at_once,
                                      start, finish),
      cmocka_unit_test_setup_teardown(what_fails_at_once_is_tried_again, start, finish),
      cmocka_unit_test_setup_teardown(who_says_only_faults_is_not_asked_again_at_once, start,
                                      finish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
