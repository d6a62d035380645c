/* engine/build/weighted.h - Conv, Gemm and MatMul with constant weights in one shape.
 */
#ifndef TARE_ENGINE_BUILD_WEIGHTED_H
#define TARE_ENGINE_BUILD_WEIGHTED_H

#include "engine/plan.h"
#include "graph/graph.h"
#include "kernels/window.h"

/** A weighted node as a window over [batch, h, w, channels]. */
struct tare_weighted {
    const struct tare_node *node;
    struct tare_window window;
    enum tare_format format; /* of x and y */
    const float *weights;    /* [out_c, in_c / groups, kernel_h, kernel_w] */
    const float *bias;       /* [out_c] or NULL */
    int32_t x, residual, y;  /* graph tensors; residual may be TARE_NO_TENSOR */
    float *owned_weights, *owned_bias; /* what had to be rearranged, or NULL */
};

/** Conv, Gemm, and MatMul by a constant matrix. */
bool tare_is_weighted(const struct tare_graph *graph, const struct tare_node *node);

/** Of a node that tare_is_weighted(). @param[out] out  borrows from the graph;
 *  tare_weighted_release() it, after a failure too. */
enum tare_status tare_weighted_make(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    struct tare_weighted *out, struct tare_error *err);
void tare_weighted_release(struct tare_weighted *weighted);

#endif /* TARE_ENGINE_BUILD_WEIGHTED_H */
