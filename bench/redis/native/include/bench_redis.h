/* What the rows of Redis are measured against and with, in C. */
#ifndef HOLDFAST_BENCH_REDIS_H
#define HOLDFAST_BENCH_REDIS_H

#include <stddef.h>
#include <stdint.h>

/* A connection of hiredis to a Unix socket, one command at a time: what a program has that waits
 * for each reply. Returned owned, for bench_redis_close(); NULL: there is none. */
void *bench_redis_open(const char *path);
void bench_redis_close(void *connection);

/* The key of bench_redis_set_get(). */
#define BENCH_REDIS_KEY "bench:blocking"

/* SETs and GETs a key by turns, `pairs` times, with a value of 100 bytes. How many replies were
 * right. */
size_t bench_redis_set_get(void *connection, size_t pairs);

/* Prints each line as soon as it is whole, into a pipe too. */
void bench_print_lines(void);

/* The processor time that this process took so far, in ns. */
uint64_t bench_processor_ns(void);

/* That of its children which have ended, in ns. */
uint64_t bench_children_processor_ns(void);

/* The memory that this process alone has, in bytes; 0: not known here. */
size_t bench_private_bytes(void);

#endif
