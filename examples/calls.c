#include <holdfast/holdfast.h>
#include <stdio.h>

static bool call(int attempt) {
  return attempt == 3; /* fails twice */
}

int main(void) {
  uint64_t now_ns = 0, random = 1, delay_ns = 0;
  hf_backoff backoff = hf_backoff_default();
  hf_retry_budget *budget = NULL;
  if (hf_retry_budget_create(NULL, now_ns, NULL, &budget, NULL) != HF_OK) {
    return 1;
  }
  int attempt = 1;
  bool succeeded = call(attempt);
  while (!succeeded && attempt < 5 && hf_retry_budget_take(budget, now_ns)) {
    delay_ns = hf_backoff_delay_ns(&backoff, (uint32_t)attempt, delay_ns, hf_random_next(&random));
    now_ns += delay_ns; /* a service would wait */
    succeeded = call(++attempt);
  }
  if (succeeded) {
    hf_retry_budget_add(budget);
  }
  printf("%s at attempt %d\n", succeeded ? "succeeded" : "failed", attempt);
  // prints: succeeded at attempt 3
  hf_retry_budget_destroy(budget);
}
