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
    return TARE_OK;
}

static enum tare_status check_unsupported(const struct tare_graph *graph,
                                          const struct tare_node *node,
                                          struct tare_error *err)
{
    if (node->op == TARE_OP_UPSAMPLE && graph->opset > 9)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "opset %d, the operator ends with opset 9", graph->opset);
    if (tare_node_int(node, "antialias", 0))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "antialias is %lld, tare has 0 only",
                       (long long)tare_node_int(node, "antialias", 0));
    const char *policy = tare_node_string(node, "keep_aspect_ratio_policy", "stretch");
    if (strcmp(policy, "stretch") != 0)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "keep_aspect_ratio_policy '%.40s', tare has stretch only",
                       policy);
    return TARE_OK;
}

/* The lists of scales and sizes that the node gives; one of them is empty. */
struct resize_lists {
    int64_t axes[TARE_MAX_RANK];
    float scales[TARE_MAX_RANK];
    int64_t sizes[TARE_MAX_RANK];
    size_t n_axes, n_scales, n_sizes;
};

static enum tare_status read_scales(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    struct resize_lists *lists, struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(node, "scales");
    const size_t at = node->op == TARE_OP_UPSAMPLE || graph->opset < 11 ? 1 : 2;
    struct tare_const input = {0};
    enum tare_status st = TARE_OK;
    lists->n_scales = 0;
    if (!attr && !tare_op_input(graph, node, at)) return TARE_OK;
    if (!attr) st = tare_op_want_dtype(graph, node, at, TARE_IS_FLOAT, err);
    if (!attr && st == TARE_OK)
        st = tare_op_value(graph, node, "scales", at, &input, err);
    if (st != TARE_OK) return st;
    const size_t n = attr ? attr->n : (size_t)tare_dims_count(&input.dims);
    if (n > TARE_MAX_RANK) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu scales", n);
    if (n) memcpy(lists->scales, attr ? attr->floats : input.data, n * sizeof(float));
    lists->n_scales = n;
    return TARE_OK;
}

static enum tare_status read_lists(const struct tare_graph *graph,
                                   const struct tare_node *node, int32_t rank,
                                   struct resize_lists *lists, struct tare_error *err)
{
    bool given;
    enum tare_status st = read_scales(graph, node, lists, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "sizes", 3, TARE_MAX_RANK, lists->sizes,
                          &lists->n_sizes, &given, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "axes", SIZE_MAX, TARE_MAX_RANK, lists->axes,
                          &lists->n_axes, &given, err);
    if (st != TARE_OK) return st;
    if (!lists->n_axes)
        for (; lists->n_axes < (size_t)rank; lists->n_axes++)
            lists->axes[lists->n_axes] = (int64_t)lists->n_axes;
    if (!lists->n_scales == !lists->n_sizes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s, want one of scales and sizes",
                       lists->n_sizes ? "scales and sizes"
                                      : "neither scales nor sizes");
    const size_t n = lists->n_sizes ? lists->n_sizes : lists->n_scales;
    if (n != lists->n_axes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu %s for %zu axes", n,
                       lists->n_sizes ? "sizes" : "scales", lists->n_axes);
    return TARE_OK;
}

/* Output length and scale of one axis, from element i of the lists. */
static enum tare_status resize_axis(const struct tare_node *node,
                                    const struct resize_lists *lists, size_t i,
                                    struct tare_resize *out, struct tare_error *err)
{
    const int64_t rank = out->in.rank;
    const int64_t axis = lists->axes[i] < 0 ? lists->axes[i] + rank : lists->axes[i];
    if (axis < 0 || axis >= rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "axis %lld, but the input has rank %lld",
                       (long long)lists->axes[i], (long long)rank);
    const float length = (float)out->in.d[axis];
    if (lists->n_sizes) {
        out->out.d[axis] = lists->sizes[i];
        out->scale[axis] = (float)lists->sizes[i] / length;
    } else {
        const float wanted = floorf(length * lists->scales[i]);
        out->out.d[axis] =
            wanted >= 1.0F && wanted < 2147483648.0F ? (int64_t)wanted : 0;
        out->scale[axis] = lists->scales[i];
    }
    if (out->in.d[axis] < 1 || out->out.d[axis] < 1 || out->out.d[axis] > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "axis %lld of length %lld cannot be resized to %lld (scale %g)",
                       (long long)axis, (long long)out->in.d[axis],
                       (long long)out->out.d[axis], (double)out->scale[axis]);
    return TARE_OK;
}

enum tare_status tare_node_resize(const struct tare_graph *graph,
                                  const struct tare_node *node, struct tare_resize *out,
                                  struct tare_error *err)
{
    struct resize_lists lists;
    out->in = out->out = tare_op_input(graph, node, 0)->dims;
    for (int i = 0; i < TARE_MAX_RANK; i++)
        out->scale[i] = 1.0F;
    enum tare_status st = check_unsupported(graph, node, err);
    if (st == TARE_OK) st = read_modes(graph, node, out, err);
    if (st == TARE_OK) st = read_lists(graph, node, out->in.rank, &lists, err);
    for (size_t i = 0; st == TARE_OK && i < lists.n_axes; i++)
        st = resize_axis(node, &lists, i, out, err);
    return st;
}

float tare_resize_coordinate(const struct tare_resize *resize, int32_t axis, int64_t o)
{
    const float x = (float)o;
    const float scale = resize->scale[axis];
    const float in = (float)resize->in.d[axis];
    const float out = (float)resize->out.d[axis];
    if (scale == 1.0F) return x;
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
