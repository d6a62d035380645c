/* tools/stream.h - contexts of one engine that run at the same time, again and again,
 * and the times of their runs. */
#ifndef TARE_TOOLS_STREAM_H
#define TARE_TOOLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/engine.h"

struct stream;

/** How streams run. */
struct stream_options {
    double warmup_ms;  /**< Run that long first. */
    double duration_s; /**< Measure at least that long, */
    size_t iterations; /**< and at least so many runs of each stream, one if 0; */
    size_t frames;     /**< or, not 0, so many of all streams together. */
    double idle_ms;    /**< Sleep between two runs. */
    /** Called behind every run, of the warm-up too, by the stream's thread; false: no
     *  memory. NULL: nobody asks. */
    bool (*after)(void *ctx, struct stream *stream);
    void *ctx;
};

/** When a run began and ended, by report_clock(). */
struct stream_run {
    double start, end;
};

/** One stream: its context, buffers and times. Zero-initialise; stream_close() it. */
struct stream {
    struct tare_context *context;
    void **buffers; /**< [n_bindings]; NULL: an output that the context holds */
    size_t n_bindings;
    struct stream_run *runs; /**< [n_runs] the measured ones */
    size_t n_runs, capacity;
    size_t n_warmup; /**< runs before those */
    const struct stream_options *options;
    size_t n_least; /**< runs to measure */
    double begin;   /**< of the warm-up, one moment for all streams */
    enum tare_status status;
    struct tare_error error;
};

/** Threads for each of `n` streams: those that were `asked` for, or, 0, all cores over
 * the streams. */
int stream_threads(size_t n, int64_t asked);

/** Make a context that runs with `n_threads`, and buffers, with fixed pseudo-random
 *  input. @param context_ms  what the context took; NULL is fine. */
enum tare_status stream_open(struct stream *s, const struct tare_engine *engine,
                             int n_threads, double *context_ms, struct tare_error *err);
void stream_close(struct stream *s);

/** Run all `n` at the same time, each in a thread of its own; the first in the
 *  caller's. What they have run before is forgotten. Fails with the first failure of a
 *  stream. */
enum tare_status streams_run(struct stream *streams, size_t n,
                             const struct stream_options *options,
                             struct tare_error *err);

/** From the first measured run's start to the last one's end, in seconds. */
double streams_wall_s(const struct stream *streams, size_t n);

#endif /* TARE_TOOLS_STREAM_H */
