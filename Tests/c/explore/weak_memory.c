#include "weak_memory.h"

#include <stdio.h>
#include <stdlib.h>

static void join(weak_view *view, const weak_view *other) {
  for (size_t i = 0; i < WEAK_OBJECTS; i++) {
    view->oldest[i] = view->oldest[i] > other->oldest[i] ? view->oldest[i] : other->oldest[i];
  }
}

static bool acquires(memory_order order) {
  return order == memory_order_acquire || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}

static bool releases(memory_order order) {
  return order == memory_order_release || order == memory_order_acq_rel ||
         order == memory_order_seq_cst;
}

void weak_begin(weak_memory *memory, size_t object, uint64_t value) {
  memory->written[object] = 1;
  memory->writes[object][0] = (weak_write){.value = value};
}

bool weak_load(weak_memory *memory, size_t thread, size_t object, size_t back, memory_order order,
               uint64_t *value) {
  weak_thread *reader = &memory->threads[thread];
  size_t last = memory->written[object] - 1u;
  if (back > last || last - back < reader->seen.oldest[object]) {
    return false;
  }
  const weak_write *from = &memory->writes[object][last - back];
  *value = from->value;
  reader->seen.oldest[object] = (unsigned char)(last - back);
  join(&reader->read, &from->carried);
  if (acquires(order)) {
    join(&reader->seen, &from->carried);
  }
  return true;
}

void weak_write_value(weak_memory *memory, size_t thread, size_t object, uint64_t value,
                      bool after_last, memory_order order) {
  weak_thread *writer = &memory->threads[thread];
  size_t next = memory->written[object];
  if (next == WEAK_WRITES) {
    (void)fprintf(stderr, "explorer: more writes than a weak memory keeps\n");
    abort();
  }
  memory->written[object]++;
  writer->seen.oldest[object] = (unsigned char)next;
  weak_write *made = &memory->writes[object][next];
  *made = (weak_write){.value = value, .carried = writer->released};
  if (releases(order)) {
    made->carried = writer->seen;
  }
  /* Who acquires it acquires what the write before it carried. */
  if (after_last) {
    join(&made->carried, &memory->writes[object][next - 1].carried);
  }
}

void weak_fence(weak_memory *memory, size_t thread, memory_order order) {
  weak_thread *fencing = &memory->threads[thread];
  if (acquires(order)) {
    join(&fencing->seen, &fencing->read);
  }
  if (order == memory_order_seq_cst) {
    join(&fencing->seen, &memory->fences);
    memory->fences = fencing->seen;
  }
  if (releases(order)) {
    fencing->released = fencing->seen;
  }
}
