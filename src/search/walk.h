/* search/walk.h - one sample through a probe: what each candidate costs. */
#ifndef TARE_SEARCH_WALK_H
#define TARE_SEARCH_WALK_H

#include "search/probe.h"

/** What one candidate does to one sample: at its own output, and at the network's. */
struct tare_damage_sums {
    struct tare_sums layer, outputs;
};

/** What one thread works with: contexts are the probe's own. */
struct tare_walker {
    const struct tare_probe *probe;
    /* FP32 as it is, and FP32 behind a layer in INT8; the INT8 network, and a place for
     * single layers of it. */
    struct tare_context *fp32, *mixed, *int8, *alone;
    float *reference; /* the judged outputs of FP32, back to back */
    float *values;    /* room for one of them */
    struct tare_sums
        *of_int8; /* [n_judged] of the INT8 network, once it has made them */
};

/** @param index  of the walker: it takes contexts 2 * index and 2 * index + 1 of either
 *  engine. tare_walker_release() it in any case. */
enum tare_status tare_walker_open(struct tare_walker *walker,
                                  const struct tare_probe *probe, size_t index,
                                  struct tare_error *err);
void tare_walker_release(struct tare_walker *walker);

/**
 * Walk through the candidates.
 * @param outputs      measure at the network's outputs, too; that takes nearly all time
 * @param[out] sums    [candidates][2] of each alone, then accumulated
 */
enum tare_status tare_walk(struct tare_walker *walker, void *input, bool outputs,
                           struct tare_damage_sums *sums, struct tare_error *err);

#endif /* TARE_SEARCH_WALK_H */
