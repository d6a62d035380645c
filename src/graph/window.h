/* graph/window.h - the geometry of a Conv or pooling node, after auto_pad and
 * ceil_mode. */
#ifndef TARE_GRAPH_WINDOW_H
#define TARE_GRAPH_WINDOW_H

#include <stdint.h>

#include "graph/graph.h"

/** Two spatial axes, [0] height and [1] width. All fields are >= 1 but the pads, >= 0.
 *  The window of output o starts at o * stride - pad_begin; a pooling window has at
 * least one tap in the input. pad_end is the node's (or auto_pad's): with ceil_mode the
 * last window may reach further, and an AveragePool that counts its padding divides by
 * the taps that lie in [-pad_begin, in + pad_end). */
struct tare_spatial {
    int64_t batch;
    int64_t in_c, out_c; /* equal for pooling */
    int64_t groups;      /* 1 for pooling */
    int64_t in[2], out[2];
    int64_t kernel[2], stride[2], dilation[2];
    int64_t pad_begin[2], pad_end[2];
};

/**
 * Read the window of a Conv, MaxPool, AveragePool or global pooling node (whose kernel
 * is the whole plane).
 * @retval TARE_E_FORMAT       attributes contradict each other or the shapes.
 * @retval TARE_E_UNSUPPORTED  not two spatial axes; a length above INT32_MAX.
 */
enum tare_status tare_node_window(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err);

#endif /* TARE_GRAPH_WINDOW_H */
