/*
 * Version, status names and the default allocator.
 *
 * jemalloc is asked through its extended interface: `sdallocx` is told the size
 * and so need not look it up.
 */
#include <holdfast/base.h>

#include "allocator.h"

#include <stdlib.h>

#if defined(HF_USE_JEMALLOC)
#include <jemalloc/jemalloc.h>
#endif

const char *hf_version(void) {
  return HF_VERSION_STRING;
}

const char *hf_status_name(hf_status status) {
  switch (status) {
  case HF_OK:
    return "ok";
  case HF_ERROR_INVALID_ARGUMENT:
    return "invalid_argument";
  case HF_ERROR_OUT_OF_MEMORY:
    return "out_of_memory";
  case HF_ERROR_INVALID_NAME:
    return "invalid_name";
  case HF_ERROR_RESERVED_NAME:
    return "reserved_name";
  case HF_ERROR_DUPLICATE_NAME:
    return "duplicate_name";
  case HF_ERROR_TOO_MANY_VARIABLES:
    return "too_many_variables";
  case HF_ERROR_INVALID_UTF8:
    return "invalid_utf8";
  case HF_ERROR_TEXT_TOO_LONG:
    return "text_too_long";
  case HF_ERROR_TOO_COMPLEX:
    return "too_complex";
  case HF_ERROR_UNEXPECTED_CHARACTER:
    return "unexpected_character";
  case HF_ERROR_UNTERMINATED_STRING:
    return "unterminated_string";
  case HF_ERROR_INVALID_OPERATOR:
    return "invalid_operator";
  case HF_ERROR_BAD_NUMBER:
    return "bad_number";
  case HF_ERROR_VARIABLE_NOT_ALLOWED:
    return "variable_not_allowed";
  case HF_ERROR_EXPECTED_VALUE:
    return "expected_value";
  case HF_ERROR_EXPECTED_OPERATOR:
    return "expected_operator";
  case HF_ERROR_EXPECTED_RPAREN:
    return "expected_rparen";
  case HF_ERROR_UNEXPECTED_TOKEN:
    return "unexpected_token";
  case HF_ERROR_MISSING_VARIABLE:
    return "missing_variable";
  case HF_ERROR_TYPE_MISMATCH:
    return "type_mismatch";
  case HF_ERROR_SCHEMA_MISMATCH:
    return "schema_mismatch";
  case HF_ERROR_BAD_IMAGE:
    return "bad_image";
  case HF_ERROR_IO:
    return "io";
  case HF_ERROR_CIRCUIT_OPEN:
    return "circuit_open";
  case HF_ERROR_REGISTRY_FULL:
    return "registry_full";
  case HF_ERROR_TIMED_OUT:
    return "timed_out";
  case HF_ERROR_RATE_LIMITED:
    return "rate_limited";
  case HF_ERROR_BULKHEAD_FULL:
    return "bulkhead_full";
  case HF_ERROR_RETRIES_EXHAUSTED:
    return "retries_exhausted";
  case HF_ERROR_TOO_LARGE:
    return "too_large";
  case HF_ERROR_LOAD_CANCELLED:
    return "load_cancelled";
  }
  return "unknown";
}

#if defined(HF_USE_JEMALLOC)

static void *allocate(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  return mallocx(size_bytes, MALLOCX_ALIGN(alignment_bytes));
}

static void deallocate(void *context, void *memory, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  sdallocx(memory, size_bytes, MALLOCX_ALIGN(alignment_bytes));
}

const char *hf_allocator_default_name(void) {
  return "jemalloc";
}

#else

static void *allocate(void *context, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  if (alignment_bytes <= _Alignof(max_align_t)) {
    return malloc(size_bytes);
  }
  /* aligned_alloc wants a whole number of alignments. */
  size_t rest = size_bytes % alignment_bytes;
  size_t padding = rest == 0 ? 0 : alignment_bytes - rest;
  if (size_bytes > SIZE_MAX - padding) {
    return NULL;
  }
  return aligned_alloc(alignment_bytes, size_bytes + padding);
}

static void deallocate(void *context, void *memory, size_t size_bytes, size_t alignment_bytes) {
  (void)context;
  (void)size_bytes;
  (void)alignment_bytes;
  free(memory);
}

const char *hf_allocator_default_name(void) {
  return "system";
}

#endif

const hf_allocator hf__allocator_default = {
    .allocate = allocate, .deallocate = deallocate, .context = NULL};

size_t hf__allocator_gives(const hf_allocator *allocator, size_t bytes) {
#if defined(HF_USE_JEMALLOC)
  if (allocator->allocate == allocate) {
    return nallocx(bytes, 0);
  }
#else
  (void)allocator;
#endif
  /* A header of 8, and all of it in units of 16. */
  return (bytes + 8 + 15) / 16 * 16;
}

hf_allocator hf_allocator_default(void) {
  return hf__allocator_default;
}
