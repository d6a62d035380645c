/* precision/costs.h - what an assignment of precisions takes: the time of each node in
 * the precision that it has, and of the conversions that this makes necessary. */
#ifndef TARE_PRECISION_COSTS_H
#define TARE_PRECISION_COSTS_H

#include "base/error.h"
#include "graph/graph.h"

enum { TARE_N_PRECISIONS = TARE_PRECISION_BF16 + 1 };

/** Milliseconds of one node, by enum tare_precision. */
struct tare_node_times {
    double ms[TARE_N_PRECISIONS];
};

/** Milliseconds of the parts of a network. */
struct tare_precision_times {
    struct tare_node_times *nodes; /* [graph->n_nodes] */
    double *quantize_ms;           /* [graph->n_tensors] to make its bytes of floats */
    double *dequantize_ms;         /* likewise, back */
    double *convert_ms;            /* likewise, float32 to a 16-bit float, or back */
};

/** All zero. tare_precision_times_release() it in any case. */
enum tare_status tare_precision_times_create(const struct tare_graph *graph,
                                             struct tare_precision_times *times,
                                             struct tare_error *err);
void tare_precision_times_release(struct tare_precision_times *times);

/** The conversions of one tensor of an annotated graph. */
double tare_precision_conversion_ms(const struct tare_graph *graph,
                                    const struct tare_precision_times *times,
                                    size_t tensor);

/** All nodes and conversions of an annotated graph. */
double tare_precision_ms(const struct tare_graph *graph,
                         const struct tare_precision_times *times);

#endif /* TARE_PRECISION_COSTS_H */
