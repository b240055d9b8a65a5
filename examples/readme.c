#include <holdfast/holdfast.h>
#include <stdio.h>
int main(void) {
  const char text[] = "severity >= 0.8 and recurrence_count >= 2";
  hf_condition *condition = NULL;
  hf_context *context = NULL;
  bool held = false;
  bool failed =
      hf_condition_compile(hf_schema_classic(), text, sizeof text - 1, NULL, &condition, NULL) ||
      hf_context_create(hf_schema_classic(), NULL, &context) ||
      hf_context_set_number(context, 0, 0.9) || hf_context_set_number(context, 1, 3) ||
      hf_condition_evaluate(condition, context, &held, NULL);
  puts(failed ? "failed" : held ? "held" : "not held"); // prints: held
  hf_context_destroy(context), hf_condition_destroy(condition);
}
