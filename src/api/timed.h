/* api/timed.h - how long engines and their layers take, here and now. */
#ifndef TARE_API_TIMED_H
#define TARE_API_TIMED_H

#include "tare/builder.h"
#include "tare/engine.h"

/** An engine that is to be timed. */
struct tare_timed {
    const struct tare_plan *plan; /* borrowed */
    double network_ms;            /* least of all runs */
    double *layer_ms;             /* [engine layers] likewise; NULL: not wanted */
    struct tare_engine *engine;
    struct tare_context *context;
    void *memory; /* of its bindings */
};

/** @param input  what is run; NULL: made up
 *  @param with_layers  time each of them, which makes the network a little slower
 *  tare_timed_close() it in any case. */
enum tare_status tare_timed_open(struct tare_timed *timed, const struct tare_plan *plan,
                                 int n_threads, bool with_layers, const void *input,
                                 struct tare_error *err);
void tare_timed_close(struct tare_timed *timed);

/** Enough runs for a least time. */
#define TARE_TIMED_RUNS 8

/** Run the engines in turn, so that what else the machine does hits all alike: so many
 * times, and until each has run for that long; those that are zero-initialised are left
 * out. The least time of many runs is the one that least else was in. */
enum tare_status tare_timed_run(struct tare_timed *timed, size_t n, size_t least_runs,
                                double ms_each, struct tare_error *err);

#endif /* TARE_API_TIMED_H */
