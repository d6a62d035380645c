/* remake/make.h - the part of a build that is the same wherever it happens: in
 * tare_build(), and in an engine that is made anew for another shape. */
#ifndef TARE_REMAKE_MAKE_H
#define TARE_REMAKE_MAKE_H

#include "graph/graph.h"
#include "precision/precision.h"
#include "remake/recovery.h"

/** What decides which engine comes of a graph, but for the kernels, which give the same
 *  bytes. */
struct tare_make_options {
    struct tare_precision_options precision;
    const struct tare_range *ranges; /* [n_ranges] */
    size_t n_ranges;
    const struct tare_recovery *recovery; /* of these weights and ranges, or NULL */
    bool in_place;                        /* see engine/build/build.h */
};

/**
 * Assign precisions and apply the recovery, when there are nodes for it.
 * @param[in,out] graph  after tare_optimize(). What it borrows of the recovery outlives
 *                       it.
 * @param[out] report       tare_precision_report_destroy() it; NULL: not wanted.
 * @param[out] n_recovered  layers that use the recovery.
 */
enum tare_status tare_make_annotated(struct tare_graph *graph,
                                     const struct tare_make_options *options,
                                     struct tare_precision_report **report,
                                     size_t *n_recovered, struct tare_error *err);

#endif /* TARE_REMAKE_MAKE_H */
