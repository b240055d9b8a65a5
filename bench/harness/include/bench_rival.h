/*
 * The second thread of rows that say what two threads do to each other: it works on another
 * processor than the thread that is measured, or sleeps.
 */
#ifndef HOLDFAST_BENCH_RIVAL_H
#define HOLDFAST_BENCH_RIVAL_H

typedef struct bench_rival bench_rival;

/* What the rival does over and over: some microseconds of it. */
typedef void (*bench_rival_work)(void *data);

/* Starts a rival, asleep. `data` is for its work, borrowed until its end. NULL: there is no
 * thread to be had. */
bench_rival *bench_rival_start(void *data);

/* Has the rival do another work, or none with NULL, and returns once it does. Waking it takes some
 * ten microseconds: a row does milliseconds of its own before it asks for something else. */
void bench_rival_does(bench_rival *rival, bench_rival_work work);

/* NULL is a no-op. */
void bench_rival_end(bench_rival *rival);

#endif
