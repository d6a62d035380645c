/* graph/params.h - the parameters of nodes, read in one place: attribute or input,
 * whichever the graph's opset has, defaults filled in, negative axes resolved, checked
 * against the input's dims.
 *
 * Every function wants the node's inputs to have known dims. A parameter that is an
 * input must be constant: else TARE_E_UNSUPPORTED. Values that do not fit the shapes
 * are TARE_E_FORMAT. Arrays of TARE_MAX_RANK are filled for the axes of the tensor
 * alone. */
#ifndef TARE_GRAPH_PARAMS_H
#define TARE_GRAPH_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"

/** Attribute `axis` (`fallback` when absent), resolved to [0, rank). */
enum tare_status tare_node_axis(const struct tare_node *node, int64_t fallback,
                                int32_t rank, int32_t *axis, struct tare_error *err);

/** Squeeze, Unsqueeze, Reduce*: the axes named by attribute or input `axes`, as flags.
 *  @param[in]  rank   that the axes count in: the input's, for Unsqueeze the output's.
 *  @param[out] named  false when there are no axes (absent or an empty list). */
enum tare_status tare_node_axes(const struct tare_graph *graph,
                                const struct tare_node *node, int32_t rank,
                                bool axes[TARE_MAX_RANK], bool *named,
                                struct tare_error *err);

/** Pad, CenterCropPad, Resize: the axes named by attribute or input `axes`, number
 *  `input` (SIZE_MAX: none), each in [0, rank); all `rank` of them when it is absent.
 */
enum tare_status tare_node_axis_list(const struct tare_graph *graph,
                                     const struct tare_node *node, size_t input,
                                     int32_t rank, int64_t axes[TARE_MAX_RANK],
                                     size_t *n, struct tare_error *err);

/** Reduce*: which axes of the input are reduced (perhaps none), and whether they stay
 *  as axes of length 1. */
enum tare_status tare_node_reduce_axes(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       bool reduced[TARE_MAX_RANK], bool *keepdims,
                                       struct tare_error *err);

/** Softmax: the input is [outer, n, inner], the sum runs over n. Before opset 13 all
 * axes from `axis` on are one (inner is 1). */
enum tare_status tare_node_softmax_axes(const struct tare_graph *graph,
                                        const struct tare_node *node, int64_t *outer,
                                        int64_t *n, int64_t *inner,
                                        struct tare_error *err);

/** Transpose: output axis i is input axis permutation[i]. */
enum tare_status tare_node_permutation(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       int32_t permutation[TARE_MAX_RANK],
                                       struct tare_error *err);

/** Reshape: the output's dims, 0 and -1 resolved. */
enum tare_status tare_node_reshape_dims(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        struct tare_dims *out, struct tare_error *err);

/** ONNX's numbers of element types that are held as float32. */
enum { TARE_ONNX_FLOAT16 = 10, TARE_ONNX_BFLOAT16 = 16 };

/** A Cast to float16 or bfloat16: tensors of these types are held as float32, but their
 *  values are rounded. */
bool tare_node_cast_rounds(const struct tare_node *node);

/** Clip of float32, its bounds known before it runs: then it has these. */
bool tare_node_clip_is_fixed(const struct tare_graph *graph,
                             const struct tare_node *node);
/** Clip: a bound that is left out is infinite. */
enum tare_status tare_node_clip_bounds(const struct tare_graph *graph,
                                       const struct tare_node *node, float *lower,
                                       float *upper, struct tare_error *err);

/** Output element o of an axis is input element start + o * step, o < length. step is 1
 *  where length is below 2. */
struct tare_slice {
    int64_t start[TARE_MAX_RANK];
    int64_t step[TARE_MAX_RANK]; /* never 0; may be negative */
    int64_t length[TARE_MAX_RANK];
};
enum tare_status tare_node_slice(const struct tare_graph *graph,
                                 const struct tare_node *node, struct tare_slice *out,
                                 struct tare_error *err);

/** Split: the axis, and the length of each output along it. @param[out] lengths
 *  [node->n_outputs]. */
enum tare_status tare_node_split(const struct tare_graph *graph,
                                 const struct tare_node *node, int32_t *axis,
                                 int64_t *lengths, struct tare_error *err);

/** DepthToSpace and SpaceToDepth: [N, C size size, H, W] and [N, C, H size, W size].
 *  `crd`: the block's two axes are behind the channels, not in front. */
struct tare_blocks {
    int64_t size;
    bool crd;
    struct tare_dims deep, wide;
};
enum tare_status tare_node_blocks(const struct tare_graph *graph,
                                  const struct tare_node *node, struct tare_blocks *out,
                                  struct tare_error *err);

enum tare_pad_mode {
    TARE_PAD_CONSTANT,
    TARE_PAD_REFLECT,
    TARE_PAD_EDGE,
    TARE_PAD_WRAP
};

/** Elements put before and behind each axis; negative: taken away, before the others
 *  are filled; for TARE_PAD_REFLECT fewer than the axis then has. `value` is 0 unless
 *  the mode is TARE_PAD_CONSTANT, and rounded to float32 for an integer input. */
struct tare_pads {
    enum tare_pad_mode mode;
    float value;
    int64_t begin[TARE_MAX_RANK], end[TARE_MAX_RANK];
};
enum tare_status tare_node_pads(const struct tare_graph *graph,
                                const struct tare_node *node, struct tare_pads *out,
                                struct tare_error *err);

enum tare_resize_mode { TARE_RESIZE_NEAREST, TARE_RESIZE_LINEAR, TARE_RESIZE_CUBIC };

/** How an output index becomes a coordinate of the input, as ONNX names it. */
enum tare_resize_coordinates {
    TARE_RESIZE_HALF_PIXEL,
    TARE_RESIZE_HALF_PIXEL_SYMMETRIC,
    TARE_RESIZE_PYTORCH_HALF_PIXEL,
    TARE_RESIZE_ALIGN_CORNERS,
    TARE_RESIZE_ASYMMETRIC,
    TARE_RESIZE_TF_HALF_PIXEL_FOR_NN,
    TARE_RESIZE_TF_CROP_AND_RESIZE
};

/** TARE_NEAREST_SIMPLE, for opsets without nearest_mode: up where the axis shrinks,
 *  down elsewhere. */
enum tare_resize_nearest {
    TARE_NEAREST_ROUND_PREFER_FLOOR,
    TARE_NEAREST_ROUND_PREFER_CEIL,
    TARE_NEAREST_FLOOR,
    TARE_NEAREST_CEIL,
    TARE_NEAREST_SIMPLE
};

struct tare_resize {
    enum tare_resize_mode mode;
    enum tare_resize_coordinates coordinates;
    enum tare_resize_nearest nearest;
    float cubic_a;        /* coefficient of the cubic kernel */
    bool exclude_outside; /* taps outside weigh 0 and the others are scaled up */
    bool antialias;       /* an axis that shrinks has a kernel as wide as its scale */
    float extrapolation;  /* TF_CROP_AND_RESIZE: what lies outside of the input */
    struct tare_dims in, out;
    float scale[TARE_MAX_RANK]; /* out / in, or as the node says, which may differ */
    /* TF_CROP_AND_RESIZE: the part of each axis that is shown; 0 to 1 is all of it. */
    float roi_start[TARE_MAX_RANK], roi_end[TARE_MAX_RANK];
};

/** Resize and Upsample. */
enum tare_status tare_node_resize(const struct tare_graph *graph,
                                  const struct tare_node *node, struct tare_resize *out,
                                  struct tare_error *err);
/** Where output index `o` of `axis` lies in the input, in elements; may be outside. The
 *  arithmetic is float32, as onnxruntime's. */
float tare_resize_coordinate(const struct tare_resize *resize, int32_t axis, int64_t o);
/** Whether the axis stays as it is. */
bool tare_resize_keeps(const struct tare_resize *resize, int32_t axis);
/** Whether a coordinate shows the extrapolation value: TF_CROP_AND_RESIZE alone. */
bool tare_resize_is_outside(const struct tare_resize *resize, int32_t axis,
                            float coordinate);
/** The input index that TARE_RESIZE_NEAREST takes for output index `o` of `axis`. */
int64_t tare_resize_nearest_index(const struct tare_resize *resize, int32_t axis,
                                  int64_t o);

/** Gemm: A is [m, k], or [k, m] when trans_a; B is [k, n], or [n, k] when trans_b. */
struct tare_gemm {
    int64_t m, n, k;
    bool trans_a, trans_b;
    float alpha, beta;
};
enum tare_status tare_node_gemm(const struct tare_graph *graph,
                                const struct tare_node *node, struct tare_gemm *out,
                                struct tare_error *err);

/** Shape `a` and `b` broadcast to, as NumPy does. @retval false when they cannot. */
bool tare_dims_broadcast(const struct tare_dims *a, const struct tare_dims *b,
                         struct tare_dims *out);

#endif /* TARE_GRAPH_PARAMS_H */
