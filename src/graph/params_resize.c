/* Parameters of Resize and Upsample, and where their outputs lie in the input. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static const char *const mode_names[] = {
    [TARE_RESIZE_NEAREST] = "nearest",
    [TARE_RESIZE_LINEAR] = "linear",
    [TARE_RESIZE_CUBIC] = "cubic",
};
static const char *const coordinate_names[] = {
    [TARE_RESIZE_HALF_PIXEL] = "half_pixel",
    [TARE_RESIZE_HALF_PIXEL_SYMMETRIC] = "half_pixel_symmetric",
    [TARE_RESIZE_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
    [TARE_RESIZE_ALIGN_CORNERS] = "align_corners",
    [TARE_RESIZE_ASYMMETRIC] = "asymmetric",
    [TARE_RESIZE_TF_HALF_PIXEL_FOR_NN] = "tf_half_pixel_for_nn",
    [TARE_RESIZE_TF_CROP_AND_RESIZE] = "tf_crop_and_resize",
};
static const char *const nearest_names[] = {
    [TARE_NEAREST_ROUND_PREFER_FLOOR] = "round_prefer_floor",
    [TARE_NEAREST_ROUND_PREFER_CEIL] = "round_prefer_ceil",
    [TARE_NEAREST_FLOOR] = "floor",
    [TARE_NEAREST_CEIL] = "ceil",
};

#define CHOOSE(node, attr, names, fallback, out, err)                                  \
    tare_op_choice((node), (attr), (names), sizeof(names) / sizeof(names)[0],          \
                   (fallback), (out), (err))

static enum tare_status read_modes(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   struct tare_resize *out, struct tare_error *err)
{
    size_t mode, coordinates = TARE_RESIZE_ASYMMETRIC, nearest = TARE_NEAREST_SIMPLE;
    enum tare_status st =
        CHOOSE(node, "mode", mode_names, TARE_RESIZE_NEAREST, &mode, err);
    if (graph->opset >= 11) {
        if (st == TARE_OK)
            st = CHOOSE(node, "coordinate_transformation_mode", coordinate_names,
                        TARE_RESIZE_HALF_PIXEL, &coordinates, err);
        if (st == TARE_OK)
            st = CHOOSE(node, "nearest_mode", nearest_names,
                        TARE_NEAREST_ROUND_PREFER_FLOOR, &nearest, err);
    }
    if (st != TARE_OK) return st;
    out->mode = (enum tare_resize_mode)mode;
    out->coordinates = (enum tare_resize_coordinates)coordinates;
    out->nearest = (enum tare_resize_nearest)nearest;
    out->cubic_a = tare_node_float(node, "cubic_coeff_a", -0.75F);
    out->exclude_outside = tare_node_int(node, "exclude_outside", 0) != 0;
    out->antialias = tare_node_int(node, "antialias", 0) != 0;
    out->extrapolation = tare_node_float(node, "extrapolation_value", 0.0F);
    if (out->antialias && out->mode == TARE_RESIZE_NEAREST)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "antialias with mode 'nearest', want 'linear' or 'cubic'");
    return TARE_OK;
}

enum policy { POLICY_STRETCH, POLICY_NOT_LARGER, POLICY_NOT_SMALLER };

/* The lists of scales and sizes that the node gives; one of them is empty. */
struct resize_lists {
    int64_t axes[TARE_MAX_RANK];
    float scales[TARE_MAX_RANK];
    int64_t sizes[TARE_MAX_RANK];
    float roi[2 * TARE_MAX_RANK]; /* starts, then ends; none unless it is wanted */
    size_t n_axes, n_scales, n_sizes, n_roi;
    enum policy policy;
};

/* Float input `i`; none when it is left out. */
static enum tare_status read_floats(const struct tare_graph *graph,
                                    const struct tare_node *node, const char *name,
                                    size_t i, size_t max, float *out, size_t *n,
                                    struct tare_error *err)
{
    struct tare_const input;
    *n = 0;
    if (!tare_op_input(graph, node, i)) return TARE_OK;
    enum tare_status st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, name, i, &input, err);
    if (st != TARE_OK) return st;
    *n = (size_t)tare_dims_count(&input.dims);
    if (*n > max) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu %s", *n, name);
    if (*n) memcpy(out, input.data, *n * sizeof *out);
    return TARE_OK;
}

static enum tare_status read_scales(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    struct resize_lists *lists, struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(node, "scales");
    const size_t at = node->op == TARE_OP_UPSAMPLE || graph->opset < 11 ? 1 : 2;
    if (!attr)
        return read_floats(graph, node, "scales", at, TARE_MAX_RANK, lists->scales,
                           &lists->n_scales, err);
    lists->n_scales = attr->n;
    if (attr->n > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu scales", attr->n);
    if (attr->n) memcpy(lists->scales, attr->floats, attr->n * sizeof(float));
    return TARE_OK;
}

/* With a policy, all axes have the least or the greatest of their scales. */
static enum tare_status apply_policy(const struct tare_node *node,
                                     const struct tare_dims *in,
                                     struct resize_lists *lists, struct tare_error *err)
{
    static const char *const names[] = {[POLICY_STRETCH] = "stretch",
                                        [POLICY_NOT_LARGER] = "not_larger",
                                        [POLICY_NOT_SMALLER] = "not_smaller"};
    size_t policy;
    const enum tare_status st =
        CHOOSE(node, "keep_aspect_ratio_policy", names, POLICY_STRETCH, &policy, err);
    if (st != TARE_OK || policy == POLICY_STRETCH || !lists->n_sizes) return st;
    float scale = policy == POLICY_NOT_LARGER ? INFINITY : 0.0F;
    for (size_t i = 0; i < lists->n_axes; i++) {
        const float own = (float)lists->sizes[i] / (float)in->d[lists->axes[i]];
        scale = policy == POLICY_NOT_LARGER ? fminf(scale, own) : fmaxf(scale, own);
    }
    for (size_t i = 0; i < lists->n_axes; i++)
        lists->scales[i] = scale;
    lists->policy = (enum policy)policy;
    return TARE_OK;
}

static enum tare_status read_lists(const struct tare_graph *graph,
                                   const struct tare_node *node, int32_t rank,
                                   bool wants_roi, struct resize_lists *lists,
                                   struct tare_error *err)
{
    bool given;
    *lists = (struct resize_lists){.policy = POLICY_STRETCH};
    enum tare_status st = read_scales(graph, node, lists, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "sizes", 3, TARE_MAX_RANK, lists->sizes,
                          &lists->n_sizes, &given, err);
    if (st == TARE_OK)
        st = tare_node_axis_list(graph, node, SIZE_MAX, rank, lists->axes,
                                 &lists->n_axes, err);
    if (st == TARE_OK && wants_roi)
        st = read_floats(graph, node, "roi", 1, 2 * TARE_MAX_RANK, lists->roi,
                         &lists->n_roi, err);
    if (st != TARE_OK) return st;
    if (!lists->n_scales == !lists->n_sizes && rank > 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s, want one of scales and sizes",
                       lists->n_sizes ? "scales and sizes"
                                      : "neither scales nor sizes");
    const size_t n = lists->n_sizes ? lists->n_sizes : lists->n_scales;
    if (n != lists->n_axes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu %s for %zu axes", n,
                       lists->n_sizes ? "sizes" : "scales", lists->n_axes);
    if (wants_roi && lists->n_roi != 2 * n)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "roi has %zu values, want %zu",
                       lists->n_roi, 2 * n);
    return TARE_OK;
}

/* Output length, scale and region of one axis, from element i of the lists. */
static enum tare_status resize_axis(const struct tare_node *node,
                                    const struct resize_lists *lists, size_t i,
                                    struct tare_resize *out, struct tare_error *err)
{
    const int64_t axis = lists->axes[i];
    const int64_t in = out->in.d[axis];
    const float length = (float)in;
    if (lists->n_sizes && lists->policy == POLICY_STRETCH) {
        out->out.d[axis] = lists->sizes[i];
        out->scale[axis] = in ? (float)lists->sizes[i] / length : 1.0F;
    } else {
        const float wanted = lists->n_sizes ? roundf(length * lists->scales[i])
                                            : floorf(length * lists->scales[i]);
        out->out.d[axis] =
            wanted >= 1.0F && wanted < 2147483648.0F ? (int64_t)wanted : 0;
        out->scale[axis] = lists->scales[i];
    }
    const int64_t made = out->out.d[axis];
    if (in == 0 ? made != 0 : made < 1 || made > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "axis %lld of length %lld cannot be resized to %lld (scale %g)",
                       (long long)axis, (long long)in, (long long)made,
                       (double)out->scale[axis]);
    if (lists->n_roi) {
        out->roi_start[axis] = lists->roi[i];
        out->roi_end[axis] = lists->roi[lists->n_axes + i];
    }
    return TARE_OK;
}

enum tare_status tare_node_resize(const struct tare_graph *graph,
                                  const struct tare_node *node, struct tare_resize *out,
                                  struct tare_error *err)
{
    if (node->op == TARE_OP_UPSAMPLE && graph->opset > 9)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "opset %d, the operator ends with opset 9", graph->opset);
    struct resize_lists lists;
    out->in = out->out = tare_op_input(graph, node, 0)->dims;
    for (int i = 0; i < TARE_MAX_RANK; i++) {
        out->scale[i] = out->roi_end[i] = 1.0F;
        out->roi_start[i] = 0.0F;
    }
    enum tare_status st = read_modes(graph, node, out, err);
    if (st == TARE_OK)
        st =
            read_lists(graph, node, out->in.rank,
                       out->coordinates == TARE_RESIZE_TF_CROP_AND_RESIZE, &lists, err);
    if (st == TARE_OK) st = apply_policy(node, &out->in, &lists, err);
    for (size_t i = 0; st == TARE_OK && i < lists.n_axes; i++)
        st = resize_axis(node, &lists, i, out, err);
    return st;
}

bool tare_resize_keeps(const struct tare_resize *resize, int32_t axis)
{
    return resize->scale[axis] == 1.0F && resize->roi_start[axis] == 0.0F &&
           resize->roi_end[axis] == 1.0F;
}

bool tare_resize_is_outside(const struct tare_resize *resize, int32_t axis,
                            float coordinate)
{
    return resize->coordinates == TARE_RESIZE_TF_CROP_AND_RESIZE &&
           !(coordinate >= 0.0F && coordinate <= (float)(resize->in.d[axis] - 1));
}

float tare_resize_coordinate(const struct tare_resize *resize, int32_t axis, int64_t o)
{
    const float x = (float)o;
    const float scale = resize->scale[axis];
    const float in = (float)resize->in.d[axis];
    const float out = (float)resize->out.d[axis];
    if (tare_resize_keeps(resize, axis)) return x;
    switch (resize->coordinates) {
    case TARE_RESIZE_HALF_PIXEL: return (x + 0.5F) / scale - 0.5F;
    case TARE_RESIZE_HALF_PIXEL_SYMMETRIC: {
        const float adjustment = out / (scale * in);
        const float offset = in / 2.0F * (1.0F - adjustment);
        return offset + (x + 0.5F) / scale - 0.5F;
    }
    case TARE_RESIZE_PYTORCH_HALF_PIXEL:
        return out > 1.0F ? (x + 0.5F) / scale - 0.5F : 0.0F;
    case TARE_RESIZE_ALIGN_CORNERS:
        return out > 1.0F ? x * (in - 1.0F) / (out - 1.0F) : 0.0F;
    case TARE_RESIZE_TF_HALF_PIXEL_FOR_NN: return (x + 0.5F) / scale;
    case TARE_RESIZE_TF_CROP_AND_RESIZE: {
        const float start = resize->roi_start[axis], end = resize->roi_end[axis];
        if (!(out > 1.0F)) return 0.5F * (start + end) * (in - 1.0F);
        return start * (in - 1.0F) + x * (end - start) * (in - 1.0F) / (out - 1.0F);
    }
    case TARE_RESIZE_ASYMMETRIC: break;
    }
    return x / scale;
}

int64_t tare_resize_nearest_index(const struct tare_resize *resize, int32_t axis,
                                  int64_t o)
{
    const float x = tare_resize_coordinate(resize, axis, o);
    float index = 0.0F;
    switch (resize->nearest) {
    case TARE_NEAREST_ROUND_PREFER_FLOOR: index = ceilf(x - 0.5F); break;
    case TARE_NEAREST_ROUND_PREFER_CEIL: index = floorf(x + 0.5F); break;
    case TARE_NEAREST_FLOOR: index = floorf(x); break;
    case TARE_NEAREST_CEIL: index = ceilf(x); break;
    case TARE_NEAREST_SIMPLE:
        index = resize->scale[axis] < 1.0F ? ceilf(x) : floorf(x);
        break;
    }
    const int64_t last = resize->in.d[axis] - 1;
    const int64_t at = (int64_t)index;
    return at < 0 ? 0 : at > last ? last : at;
}
