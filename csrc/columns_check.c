/*
 * Columns at the door: whether they are well formed, and one row of them put into
 * a context.
 */
#include "columns.h"

#include "context.h"
#include "error.h"

/* The bytes of a value and the alignment of packed ones; 0 where values are bits. */
static size_t value_bytes(hf_column_type type) {
  switch (type) {
  case HF_COLUMN_DOUBLE:
    return sizeof(double);
  case HF_COLUMN_FLOAT:
    return sizeof(float);
  case HF_COLUMN_STRING:
    return sizeof(int32_t);
  case HF_COLUMN_ABSENT:
  case HF_COLUMN_BOOLEAN:
    break;
  }
  return 0;
}

/* What a column's values are, or HF_TYPE_ANY when it has none. */
static hf_type type_of(hf_column_type type) {
  switch (type) {
  case HF_COLUMN_DOUBLE:
  case HF_COLUMN_FLOAT:
    return HF_TYPE_NUMBER;
  case HF_COLUMN_BOOLEAN:
    return HF_TYPE_BOOLEAN;
  case HF_COLUMN_STRING:
    return HF_TYPE_STRING;
  case HF_COLUMN_ABSENT:
    break;
  }
  return HF_TYPE_ANY;
}

/* What is wrong with a column's form, or NULL. */
static const char *fault_of(const hf_column *column, size_t row_count) {
  if (column->type < HF_COLUMN_ABSENT || column->type > HF_COLUMN_STRING) {
    return "has a type that is none";
  }
  if (column->type == HF_COLUMN_ABSENT) {
    return NULL;
  }
  size_t bytes = value_bytes(column->type);
  if (column->values == NULL && row_count > 0) {
    return "has rows but no values";
  }
  if (column->type == HF_COLUMN_BOOLEAN && column->stride_bytes != 0) {
    return "is a bitmap with a stride";
  }
  if (column->stride_bytes != 0 && column->stride_bytes < bytes) {
    return "has a stride that is shorter than its values";
  }
  if (column->stride_bytes == 0 && bytes != 0 && (uintptr_t)column->values % bytes != 0) {
    return "is packed but not aligned to its values";
  }
  if (column->type == HF_COLUMN_STRING && column->dictionary == NULL &&
      column->dictionary_count != 0) {
    return "counts words of a dictionary that is NULL";
  }
  return NULL;
}

static hf_status refuse(hf_status status, uint32_t variable, hf_error *error) {
  if (error != NULL) {
    error->variable = variable;
  }
  return status;
}

hf_status hf__columns_check(const hf_schema *schema, const hf_column *columns, size_t column_count,
                            size_t row_count, hf_error *error) {
  size_t declared = hf_schema_count(schema);
  if (column_count > declared) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "there are %zu columns for %zu variables", column_count, declared);
  }
  if (columns == NULL && column_count > 0) {
    return hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0,
                         "the columns are NULL, but %zu are counted", column_count);
  }
  for (uint32_t i = 0; i < column_count; i++) {
    hf_variable variable = hf_schema_variable(schema, i);
    const char *fault = fault_of(&columns[i], row_count);
    if (fault != NULL) {
      hf__error_set(error, HF_ERROR_INVALID_ARGUMENT, HF_NO_OFFSET, 0, "the column of '%s' %s",
                    variable.name, fault);
      return refuse(HF_ERROR_INVALID_ARGUMENT, i, error);
    }
    hf_type type = type_of(columns[i].type);
    if (type != HF_TYPE_ANY && variable.type != HF_TYPE_ANY && variable.type != type) {
      hf__error_set(error, HF_ERROR_TYPE_MISMATCH, HF_NO_OFFSET, 0,
                    "the column of '%s' holds values of the type %s, but the variable is declared "
                    "as %s",
                    variable.name, hf_type_name(type), hf_type_name(variable.type));
      return refuse(HF_ERROR_TYPE_MISMATCH, i, error);
    }
  }
  return HF_OK;
}

/* The word of a row that has one, or NULL when its code is outside the dictionary. */
static const hf_word *word_at(const hf_column *column, size_t row) {
  uint32_t code = hf__code_at(column, row);
  return code < hf__reachable_words(column) ? &column->dictionary[code] : NULL;
}

static hf_status set_value(hf_context *context, uint32_t index, const hf_column *column,
                           size_t row) {
  if (!hf__row_has_value(column, row)) {
    return hf_context_unset(context, index);
  }
  if (column->type == HF_COLUMN_STRING) {
    const hf_word *word = word_at(column, row);
    return word == NULL ? hf_context_set_invalid(context, index)
                        : hf_context_borrow_string(context, index, word->bytes, word->length_bytes);
  }
  double number = hf__number_at(column, row);
  return column->type == HF_COLUMN_BOOLEAN ? hf_context_set_boolean(context, index, number != 0)
                                           : hf_context_set_number(context, index, number);
}

hf_status hf_context_set_row(hf_context *context, const hf_column *columns, size_t column_count,
                             size_t row) {
  const hf_schema *schema = hf_context_schema(context);
  hf_status status = hf__columns_check(schema, columns, column_count, 1, NULL);
  /* Everything that can fail comes before the first slot is filled. */
  for (uint32_t i = 0; i < column_count && status == HF_OK; i++) {
    if (columns[i].type == HF_COLUMN_STRING && hf__row_has_value(&columns[i], row)) {
      const hf_word *word = word_at(&columns[i], row);
      status = word == NULL || hf__word_is_sound(word) ? HF_OK : HF_ERROR_INVALID_ARGUMENT;
      if (status == HF_OK && word != NULL && !hf__context_make_room(context)) {
        status = HF_ERROR_OUT_OF_MEMORY;
      }
    }
  }
  size_t declared = hf_schema_count(schema);
  static const hf_column absent = {.type = HF_COLUMN_ABSENT};
  for (uint32_t i = 0; i < declared && status == HF_OK; i++) {
    status = set_value(context, i, i < column_count ? &columns[i] : &absent, row);
  }
  return status;
}
