/* Parameters that cut or extend axes: Slice, Split, Pad. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* One axis of length n, by ONNX's rules: as Python, but for a negative step a start in
 * front of the axis is its first element. */
static void resolve_slice(int64_t n, int64_t start, int64_t end, int64_t step,
                          struct tare_slice *out, int32_t axis)
{
    if (start < 0) start = start < -n ? -1 : start + n;
    if (end < 0) end = end < -n ? -1 : end + n;
    int64_t length = 0;
    if (step > 0) {
        start = clamp(start, 0, n);
        end = clamp(end, 0, n);
        if (end > start) length = (end - start - 1) / step + 1;
    } else {
        start = clamp(start, n ? 0 : -1, n - 1);
        end = clamp(end, -1, n - 1);
        /* Dividing by -step would overflow for INT64_MIN. */
        if (start > end) length = (end - start + 1) / step + 1;
    }
    out->start[axis] = length ? start : 0;
    out->step[axis] = length > 1 ? step : 1;
    out->length[axis] = length;
}

/* The four lists of a Slice, of equal length; absent ones filled with defaults. */
struct slice_lists {
    int64_t starts[TARE_MAX_RANK], ends[TARE_MAX_RANK];
    int64_t axes[TARE_MAX_RANK], steps[TARE_MAX_RANK];
    size_t n;
};

static enum tare_status read_slice_list(const struct tare_graph *graph,
                                        const struct tare_node *node, const char *name,
                                        size_t input, int64_t *list, size_t want,
                                        bool *given, struct tare_error *err)
{
    size_t n;
    const enum tare_status st =
        tare_op_ints(graph, node, name, input, TARE_MAX_RANK, list, &n, given, err);
    if (st != TARE_OK) return st;
    if (*given && n != want)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s has %zu values, starts has %zu",
                       name, n, want);
    return TARE_OK;
}

static enum tare_status read_slice_lists(const struct tare_graph *graph,
                                         const struct tare_node *node,
                                         struct slice_lists *lists,
                                         struct tare_error *err)
{
    bool starts, ends, axes, steps;
    enum tare_status st = tare_op_ints(graph, node, "starts", 1, TARE_MAX_RANK,
                                       lists->starts, &lists->n, &starts, err);
    const size_t n = lists->n;
    if (st == TARE_OK)
        st = read_slice_list(graph, node, "ends", 2, lists->ends, n, &ends, err);
    if (st == TARE_OK)
        st = read_slice_list(graph, node, "axes", 3, lists->axes, n, &axes, err);
    if (st == TARE_OK)
        st = read_slice_list(graph, node, "steps", 4, lists->steps, n, &steps, err);
    if (st != TARE_OK) return st;
    if (!starts || !ends)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is missing",
                       starts ? "ends" : "starts");
    for (size_t i = 0; i < n; i++) {
        if (!axes) lists->axes[i] = (int64_t)i;
        if (!steps) lists->steps[i] = 1;
    }
    return TARE_OK;
}

enum tare_status tare_node_slice(const struct tare_graph *graph,
                                 const struct tare_node *node, struct tare_slice *out,
                                 struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    struct slice_lists lists;
    const enum tare_status st = read_slice_lists(graph, node, &lists, err);
    if (st != TARE_OK) return st;

    for (int32_t i = 0; i < in->rank; i++)
        resolve_slice(in->d[i], 0, in->d[i], 1, out, i);
    bool seen[TARE_MAX_RANK] = {false};
    for (size_t i = 0; i < lists.n; i++) {
        const int64_t axis =
            lists.axes[i] < 0 ? lists.axes[i] + in->rank : lists.axes[i];
        if (axis < 0 || axis >= in->rank || seen[axis])
            TARE_NODE_FAIL(
                node, err, TARE_E_FORMAT, "axis %lld is %s, the input has rank %d",
                (long long)lists.axes[i],
                axis < 0 || axis >= in->rank ? "out of range" : "named twice",
                (int)in->rank);
        if (lists.steps[i] == 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "step 0 on axis %lld",
                           (long long)axis);
        seen[axis] = true;
        resolve_slice(in->d[axis], lists.starts[i], lists.ends[i], lists.steps[i], out,
                      (int32_t)axis);
    }
    return TARE_OK;
}

/* Equal parts of n; from opset 18 on the last one may be shorter. */
static enum tare_status split_evenly(const struct tare_graph *graph,
                                     const struct tare_node *node, int64_t n,
                                     int64_t *lengths, struct tare_error *err)
{
    const int64_t parts = (int64_t)node->n_outputs;
    const int64_t named = tare_node_int(node, "num_outputs", parts);
    if (named != parts)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "num_outputs is %lld, but it has %lld outputs", (long long)named,
                       (long long)parts);
    const int64_t part = n / parts + (n % parts != 0);
    const int64_t last = n - part * (parts - 1);
    if (last < 0 || (last != part && graph->opset < 18))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "an axis of %lld does not split into %lld", (long long)n,
                       (long long)parts);
    for (int64_t i = 0; i < parts; i++)
        lengths[i] = i + 1 < parts ? part : last;
    return TARE_OK;
}

enum tare_status tare_node_split(const struct tare_graph *graph,
                                 const struct tare_node *node, int32_t *axis,
                                 int64_t *lengths, struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    enum tare_status st = tare_node_axis(node, 0, in->rank, axis, err);
    if (st != TARE_OK) return st;
    size_t n;
    bool given;
    st = tare_op_ints(graph, node, "split", 1, node->n_outputs, lengths, &n, &given,
                      err);
    if (st != TARE_OK) return st;
    if (!given) return split_evenly(graph, node, in->d[*axis], lengths, err);

    if (n != node->n_outputs)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "split has %zu lengths for %zu outputs", n, node->n_outputs);
    int64_t left = in->d[*axis];
    for (size_t i = 0; i < n && left >= 0; i++)
        left = lengths[i] < 0 || lengths[i] > left ? -1 : left - lengths[i];
    if (left != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the lengths in split do not add up to the axis' %lld",
                       (long long)in->d[*axis]);
    return TARE_OK;
}

static enum tare_status read_pad_mode(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      enum tare_pad_mode *mode, struct tare_error *err)
{
    static const char *const names[] = {[TARE_PAD_CONSTANT] = "constant",
                                        [TARE_PAD_REFLECT] = "reflect",
                                        [TARE_PAD_EDGE] = "edge",
                                        [TARE_PAD_WRAP] = "wrap"};
    const size_t n = graph->opset < 19 ? TARE_PAD_WRAP : TARE_PAD_WRAP + 1;
    size_t chosen;
    const enum tare_status st =
        tare_op_choice(node, "mode", names, n, TARE_PAD_CONSTANT, &chosen, err);
    *mode = st == TARE_OK ? (enum tare_pad_mode)chosen : TARE_PAD_CONSTANT;
    return st;
}

enum tare_status tare_node_axis_list(const struct tare_graph *graph,
                                     const struct tare_node *node, size_t input,
                                     int32_t rank, int64_t axes[TARE_MAX_RANK],
                                     size_t *n, struct tare_error *err)
{
    bool given;
    const enum tare_status st =
        tare_op_ints(graph, node, "axes", input, TARE_MAX_RANK, axes, n, &given, err);
    if (st != TARE_OK) return st;
    if (!given) *n = (size_t)rank;
    bool seen[TARE_MAX_RANK] = {false};
    for (size_t i = 0; i < *n; i++) {
        const int64_t named = given ? axes[i] : (int64_t)i;
        axes[i] = named < 0 ? named + rank : named;
        if (axes[i] < 0 || axes[i] >= rank || seen[axes[i]])
            TARE_NODE_FAIL(
                node, err, TARE_E_FORMAT,
                "axis %lld is out of range or named twice, the input has rank %d",
                (long long)named, (int)rank);
        seen[axes[i]] = true;
    }
    return TARE_OK;
}

/* The pads of one axis: what they take away is there, what they put in its place too.
 */
static enum tare_status check_pad(const struct tare_node *node,
                                  const struct tare_pads *pads, int64_t axis,
                                  int64_t length, struct tare_error *err)
{
    const int64_t both[] = {pads->begin[axis], pads->end[axis]};
    int64_t kept = length, most = 0;
    for (int i = 0; i < 2; i++) {
        if (both[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "a pad of %lld is too large",
                           (long long)both[i]);
        if (both[i] < -kept)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "pads of %lld and %lld for an axis of %lld",
                           (long long)both[0], (long long)both[1], (long long)length);
        if (both[i] < 0) kept += both[i];
        if (both[i] > most) most = both[i];
    }
    if ((pads->mode == TARE_PAD_REFLECT && most > 0 && most >= kept) ||
        (pads->mode != TARE_PAD_CONSTANT && most > 0 && kept == 0))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "a pad of %lld for an axis of %lld",
                       (long long)most, (long long)kept);
    return TARE_OK;
}

/* The value of a constant pad, which is of the input's type. */
static enum tare_status read_pad_value(const struct tare_graph *graph,
                                       const struct tare_node *node, float *value,
                                       struct tare_error *err)
{
    const struct tare_tensor *given = tare_op_input(graph, node, 2);
    const enum tare_dtype dtype = tare_op_input(graph, node, 0)->dtype;
    *value = tare_node_float(node, "value", 0.0F);
    if (!given) return TARE_OK;
    if (given->dtype != dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the value is %s, the input %s",
                       tare_dtype_name(given->dtype), tare_dtype_name(dtype));
    struct tare_const content;
    const enum tare_status st = tare_op_value(graph, node, "value", 2, &content, err);
    if (st != TARE_OK) return st;
    if (content.dims.rank > 1 || tare_dims_count(&content.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input 'value' has %lld values, want 1",
                       (long long)tare_dims_count(&content.dims));
    *value = (float)tare_const_get(&content, 0);
    return TARE_OK;
}

enum tare_status tare_node_pads(const struct tare_graph *graph,
                                const struct tare_node *node, struct tare_pads *out,
                                struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    int64_t axes[TARE_MAX_RANK], list[2 * TARE_MAX_RANK];
    size_t n_axes, n;
    bool given;
    *out = (struct tare_pads){.value = 0.0F};
    enum tare_status st = read_pad_mode(graph, node, &out->mode, err);
    if (st == TARE_OK && out->mode == TARE_PAD_CONSTANT)
        st = read_pad_value(graph, node, &out->value, err);
    if (st == TARE_OK)
        st = tare_node_axis_list(graph, node, 3, in->rank, axes, &n_axes, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "pads", 1, 2 * TARE_MAX_RANK, list, &n, &given,
                          err);
    if (st != TARE_OK) return st;
    if (n != 2 * n_axes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "pads has %zu values, want %zu", n,
                       2 * n_axes);
    for (size_t i = 0; i < n_axes && st == TARE_OK; i++) {
        out->begin[axes[i]] = list[i];
        out->end[axes[i]] = list[n_axes + i];
        st = check_pad(node, out, axes[i], in->d[axes[i]], err);
    }
    return st;
}
