/* graph/window.h - the geometry of a Conv or pooling node, after auto_pad and
 * ceil_mode. */
#ifndef TARE_GRAPH_WINDOW_H
#define TARE_GRAPH_WINDOW_H

#include <stdint.h>

#include "graph/graph.h"

#define TARE_MAX_SPATIAL 3

/** The spatial axes of [N, C, ...], in their order: of two, [0] is the height and [1]
 * the width. All fields are >= 1 but the pads, >= 0; what tare_node_window_nd() says is
 * an exception. The window of output o starts at o * stride - pad_begin; a pooling
 * window has at least one tap in the input. pad_end is the node's (or auto_pad's): with
 *  ceil_mode the last window may reach further, and an AveragePool that counts its
 *  padding divides by the taps that lie in [-pad_begin, in + pad_end). */
struct tare_spatial {
    int32_t n_axes;
    int64_t batch;
    int64_t in_c, out_c; /* equal for pooling */
    int64_t groups;      /* 1 for pooling */
    int64_t in[TARE_MAX_SPATIAL], out[TARE_MAX_SPATIAL];
    int64_t kernel[TARE_MAX_SPATIAL], stride[TARE_MAX_SPATIAL];
    int64_t dilation[TARE_MAX_SPATIAL];
    int64_t pad_begin[TARE_MAX_SPATIAL], pad_end[TARE_MAX_SPATIAL];
};

/**
 * Read the window of a Conv, MaxPool, AveragePool or global pooling node (whose kernel
 * is the whole plane) over two axes.
 * @retval TARE_E_FORMAT       attributes contradict each other or the shapes.
 * @retval TARE_E_UNSUPPORTED  not two spatial axes; a length above INT32_MAX.
 */
enum tare_status tare_node_window(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err);

/** The same over one to three axes, of QLinearConv, ConvInteger, DeformConv, LpPool and
 *  ConvTranspose too. batch, in_c and in may be 0. A ConvTranspose is read as the Conv
 *  that it is the transpose of, but for in and out: input i and tap t meet in output
 *  i * stride + t * dilation - pad_begin; pad_end is not read (0). */
enum tare_status tare_node_window_nd(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_spatial *out, struct tare_error *err);

/** Of a ConvTranspose, as tare_node_window_nd() reads it: what a Conv of its input,
 * with stride - 1 zeros between two values, pads in front of axis `axis`. */
int64_t tare_spatial_conv_pad(const struct tare_spatial *s, int axis);
/** Is it such a Conv, over two axes and of lengths that kernels count? Not where more
 *  of the output is cut off than a Conv without padding leaves away. */
bool tare_spatial_is_stuffed_conv(const struct tare_spatial *s);

/** The same window over three axes: those in front have length 1. */
struct tare_spatial tare_spatial_widen(const struct tare_spatial *s);

/** The dims of the output, [batch, out_c, out...]. */
struct tare_dims tare_spatial_dims(const struct tare_spatial *s);

#endif /* TARE_GRAPH_WINDOW_H */
