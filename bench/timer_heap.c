#include "timer_heap.h"

#include <stdlib.h>

typedef struct item {
  uint64_t deadline_ns;
  void *data;
  uint32_t timer;
} item;

struct timer_heap {
  uint32_t count;
  item *items;
  uint32_t *places; /* of each timer that is armed */
  uint32_t *unused; /* the names of the others: most - count of them */
  uint32_t most;
};

void timer_heap_destroy(timer_heap *heap) {
  if (heap == NULL) {
    return;
  }
  free(heap->items);
  free(heap->places);
  free(heap->unused);
  free(heap);
}

timer_heap *timer_heap_create(uint32_t most) {
  timer_heap *heap = calloc(1, sizeof *heap);
  if (heap == NULL) {
    return NULL;
  }
  heap->most = most;
  heap->items = calloc(most, sizeof *heap->items);
  heap->places = calloc(most, sizeof *heap->places);
  heap->unused = calloc(most, sizeof *heap->unused);
  if (heap->items == NULL || heap->places == NULL || heap->unused == NULL) {
    timer_heap_destroy(heap);
    return NULL;
  }
  for (uint32_t i = 0; i < most; i++) {
    heap->unused[i] = most - 1 - i;
  }
  return heap;
}

static void put(timer_heap *heap, uint32_t place, item moved) {
  heap->items[place] = moved;
  heap->places[moved.timer] = place;
}

static void move_up(timer_heap *heap, uint32_t place, item moved) {
  while (place > 0) {
    uint32_t parent = (place - 1) / 2;
    if (heap->items[parent].deadline_ns <= moved.deadline_ns) {
      break;
    }
    put(heap, place, heap->items[parent]);
    place = parent;
  }
  put(heap, place, moved);
}

static void move_down(timer_heap *heap, uint32_t place, item moved) {
  for (;;) {
    uint32_t child = 2 * place + 1;
    if (child >= heap->count) {
      break;
    }
    if (child + 1 < heap->count &&
        heap->items[child + 1].deadline_ns < heap->items[child].deadline_ns) {
      child++;
    }
    if (heap->items[child].deadline_ns >= moved.deadline_ns) {
      break;
    }
    put(heap, place, heap->items[child]);
    place = child;
  }
  put(heap, place, moved);
}

uint32_t timer_heap_arm(timer_heap *heap, uint64_t deadline_ns, void *data) {
  uint32_t place = heap->count++;
  uint32_t timer = heap->unused[heap->most - heap->count];
  move_up(heap, place, (item){deadline_ns, data, timer});
  return timer;
}

void *timer_heap_disarm(timer_heap *heap, uint32_t timer) {
  uint32_t place = heap->places[timer];
  void *data = heap->items[place].data;
  heap->unused[heap->most - heap->count] = timer;
  item last = heap->items[--heap->count];
  if (place == heap->count) {
    return data;
  }
  if (place > 0 && heap->items[(place - 1) / 2].deadline_ns > last.deadline_ns) {
    move_up(heap, place, last);
  } else {
    move_down(heap, place, last);
  }
  return data;
}
