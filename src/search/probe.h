/* search/probe.h - the FP32 and the INT8 engine of one model side by side: which layers
 * belong together, and which values to carry over so that either can go on where the
 * other one stands. */
#ifndef TARE_SEARCH_PROBE_H
#define TARE_SEARCH_PROBE_H

#include "recovery/replicas.h"
#include "search/flow.h"
#include "search/transfer.h"

/** An operand of a layer. */
struct tare_site {
    size_t layer, k;
};

struct tare_move {
    struct tare_site from, to;
    struct tare_transfer transfer;
};

struct tare_moves {
    struct tare_move *items;
    size_t n, capacity;
};

/** Layers [first, last] of an engine: those of one node, and reformats between them. */
struct tare_stretch {
    size_t first, last;
};

/** A node that computes in INT8. */
struct tare_candidate {
    const char *name, *type, *output; /* of the engines */
    struct tare_stretch fp32, int8;
    struct tare_moves inputs;  /* FP32 to INT8, before it runs */
    struct tare_moves outputs; /* INT8 to FP32, when it has run */
    struct tare_moves kept;    /* FP32 to FP32: what later layers read besides */
    struct tare_moves behind;  /* INT8 to FP32: the same as the INT8 network has it */
};

/** What is judged for an output of the network. */
struct tare_judged_output {
    struct tare_site fp32, int8;  /* float32 in the FP32 engine */
    struct tare_transfer to_fp32; /* from the INT8 engine's */
    size_t n_elems;
};

struct tare_probe {
    struct tare_replicas fp32, int8;
    struct tare_flow f, q; /* of the two */
    const struct tare_recovery *recovery;
    struct tare_candidate *candidates; /* [n] in order of execution */
    size_t n, capacity;
    struct tare_judged_output *judged; /* [n_judged] */
    size_t n_judged;
};

/** Build both engines. tare_probe_release() it in any case. @retval TARE_E_ARG  no
 * layer is in INT8. */
enum tare_status tare_probe_open(struct tare_probe *probe, struct tare_pool *pool,
                                 const struct tare_model *model,
                                 const struct tare_build_options *build,
                                 struct tare_error *err);
void tare_probe_release(struct tare_probe *probe);

#endif /* TARE_SEARCH_PROBE_H */
