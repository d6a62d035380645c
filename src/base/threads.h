/* base/threads.h - a pool that runs loops over several threads: one at a time, or, in
 * lanes, one in each. */
#ifndef TARE_BASE_THREADS_H
#define TARE_BASE_THREADS_H

#include <stdint.h>

#include "base/allocator.h"
#include "base/error.h"

struct tare_pool;

/** Work on the units [begin, end). `worker` is in [0, tare_pool_size). */
typedef void tare_pool_fn(void *arg, int64_t begin, int64_t end, int worker);

/** `n_threads` >= 1, the calling thread of tare_pool_run included. */
enum tare_status tare_pool_create(int n_threads, struct tare_pool **pool,
                                  struct tare_error *err);
/** The same in the memory of an allocator, which outlives the pool. */
enum tare_status tare_pool_create_from(const struct tare_allocator *allocator,
                                       int n_threads, struct tare_pool **pool,
                                       struct tare_error *err);
void tare_pool_destroy(struct tare_pool *pool);

/** NULL counts as one thread. */
int tare_pool_size(const struct tare_pool *pool);

/**
 * Call `fn` on chunks that cover [0, n_units) once, `grain` units each (the last may be
 * shorter), and return when all are done. Which thread gets which chunk is not fixed,
 * so a result may not depend on it. pool = NULL runs everything on the calling thread.
 */
void tare_pool_run(struct tare_pool *pool, int64_t n_units, int64_t grain,
                   tare_pool_fn *fn, void *arg);

/** The same, but each thread begins with a part of the units that is its own, and helps
 *  the others when it has done it: the same part in every loop of as many units, so
 * that a thread finds in its cache what it made in the loop before. */
void tare_pool_run_shares(struct tare_pool *pool, int64_t n_units, int64_t grain,
                          tare_pool_fn *fn, void *arg);

/** Lanes of a pool. */
#define TARE_POOL_LANES 8

/**
 * Lane `i` of a pool, for loops while one of the pool's own runs: from within its `fn`
 * call tare_pool_run() on the lane, with the `worker` that was handed in. All threads
 * that are free take chunks of whatever lanes have, so that none waits for another
 * one's loop. A lane serves one call of `fn` at a time, and is gone with the pool.
 * @param i  below TARE_POOL_LANES
 */
struct tare_pool *tare_pool_lane(struct tare_pool *pool, int i, int worker);

/** Processors that this process may run on; at least 1. */
int tare_cpu_count(void);

#endif /* TARE_BASE_THREADS_H */
