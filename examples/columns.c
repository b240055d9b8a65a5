#include <holdfast/holdfast.h>
#include <stdio.h>

enum { ROWS = 4 };

int main(void) {
  const hf_variable variables[] = {{"severity", HF_TYPE_NUMBER},
                                   {"recurrence_count", HF_TYPE_NUMBER},
                                   {"domain", HF_TYPE_STRING}};
  const char text[] = "severity >= 0.8 and recurrence_count >= 2 and domain == 'billing'";
  const double severity[ROWS] = {0.9, 0.5, 0.8, 1.0};
  const float recurrence[ROWS] = {3, 7, 2, 0};
  const uint8_t known[] = {0x7}; /* of the last row, nobody counted the recurrences */
  const int32_t domain[ROWS] = {0, 1, 0, 0};
  const hf_word domains[] = {{"billing", 7}, {"search", 6}};
  const hf_column columns[] = {
      {.type = HF_COLUMN_DOUBLE, .values = severity},
      {.type = HF_COLUMN_FLOAT, .values = recurrence, .validity = known},
      {.type = HF_COLUMN_STRING, .values = domain, .dictionary = domains, .dictionary_count = 2}};

  hf_schema *schema = NULL;
  hf_condition *condition = NULL;
  uint8_t held[HF_BITMAP_BYTES(ROWS)];
  hf_column_counts counts;
  if (hf_schema_create(variables, 3, NULL, &schema, NULL) ||
      hf_condition_compile(schema, text, sizeof text - 1, NULL, &condition, NULL) ||
      hf_condition_evaluate_columns(condition, columns, 3, ROWS, held, NULL, &counts, NULL)) {
    puts("failed");
  } else {
    printf("%zu held, %zu failed\n", counts.held, counts.failed); // prints: 2 held, 1 failed
    for (size_t row = 0; row < ROWS; row++) {
      if (held[row / 8] >> row % 8 & 1) {
        printf("row %zu\n", row);
      }
    }
    // prints: row 0
    // prints: row 2
  }
  hf_condition_destroy(condition);
  hf_schema_release(schema);
}
