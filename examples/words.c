#include <holdfast/holdfast.h>
#include <stdio.h>

int main(void) {
  const hf_variable variables[] = {{"severity", HF_TYPE_NUMBER}, {"domain", HF_TYPE_STRING}};
  const hf_word words[] = {{"billing", 7}, {"search", 6}};
  const char text[] = "severity >= 0.8 and domain == 'billing'";
  hf_schema *schema = NULL;
  hf_condition *condition = NULL;
  hf_context *context = NULL;
  bool held = false;
  bool failed = hf_schema_create_with_words(variables, 2, words, 2, NULL, &schema, NULL) ||
                hf_condition_compile(schema, text, sizeof text - 1, NULL, &condition, NULL) ||
                hf_context_create(schema, NULL, &context) ||
                hf_context_set_number(context, 0, 0.9) ||
                hf_context_set_string(context, 1, "billing", 7) || /* recognised here */
                hf_condition_evaluate(condition, context, &held, NULL);
  puts(failed ? "failed" : held ? "held" : "not held"); // prints: held

  /* Looked up once, a word is set as quickly as a number. */
  const uint32_t search = failed ? HF_NO_WORD : hf_schema_find_word(schema, "search", 6);
  failed = failed || hf_context_set_word(context, 1, search) ||
           hf_condition_evaluate(condition, context, &held, NULL);
  puts(failed ? "failed" : held ? "held" : "not held"); // prints: not held

  hf_context_destroy(context);
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}
