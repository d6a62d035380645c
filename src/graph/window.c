#include "graph/window.h"

#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

static const char *axis_name(const struct tare_spatial *s, int axis)
{
    static const char *const names[] = {"depth", "height", "width"};
    return names[TARE_MAX_SPATIAL - s->n_axes + axis];
}

static bool is_global(const struct tare_node *node)
{
    return node->op == TARE_OP_GLOBAL_AVERAGE_POOL ||
           node->op == TARE_OP_GLOBAL_MAX_POOL;
}

static bool is_transpose(const struct tare_node *node)
{
    return node->op == TARE_OP_CONV_TRANSPOSE;
}

/* The input that is the weights, or 0: a pooling node. */
static size_t weights_input(const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_CONV:
    case TARE_OP_CONV_TRANSPOSE:
    case TARE_OP_CONV_INTEGER:
    case TARE_OP_DEFORM_CONV: return 1;
    case TARE_OP_QLINEAR_CONV: return 3;
    default: return 0;
    }
}

/* One integer an axis of an attribute, within [least, INT32_MAX]. */
static enum tare_status read_axes(const struct tare_node *node, const char *name,
                                  int64_t least, int64_t fallback, int32_t n,
                                  int64_t out[TARE_MAX_SPATIAL], struct tare_error *err)
{
    const enum tare_status st =
        tare_node_ints(node, name, (size_t)n, fallback, out, err);
    for (int i = 0; i < n && st == TARE_OK; i++)
        if (out[i] < least || out[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "attribute '%s' is %lld, want %lld to %d", name,
                           (long long)out[i], (long long)least, INT32_MAX);
    return st;
}

static enum tare_status read_planes(const struct tare_node *node,
                                    const struct tare_dims *dims, int64_t least,
                                    struct tare_spatial *out, struct tare_error *err)
{
    char text[TARE_DIMS_TEXT];
    if (dims->rank < 3 || dims->rank > 2 + TARE_MAX_SPATIAL)
        TARE_NODE_FAIL(
            node, err, TARE_E_UNSUPPORTED,
            "input is %.80s; tare has one to three spatial axes (rank 3 to 5)",
            tare_dims_print(dims, text));
    for (int i = 0; i < dims->rank; i++)
        if (dims->d[i] < least || dims->d[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "input is %.80s; every axis must be %lld to %d",
                           tare_dims_print(dims, text), (long long)least, INT32_MAX);
    out->n_axes = dims->rank - 2;
    out->batch = dims->d[0];
    out->in_c = out->out_c = dims->d[1];
    for (int i = 0; i < out->n_axes; i++)
        out->in[i] = dims->d[2 + i];
    out->groups = 1;
    return TARE_OK;
}

/* Weights [out_c, in_c / groups, ...], transposed [in_c, out_c / groups, ...], against
 * the input and `group`. */
static enum tare_status read_channels(const struct tare_node *node,
                                      const struct tare_dims *w,
                                      struct tare_spatial *out, struct tare_error *err)
{
    const bool transposed = is_transpose(node);
    out->groups = tare_node_int(node, "group", 1);
    if (out->groups < 1 || w->d[0] % out->groups != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "group is %lld, which does not divide %lld %s channels",
                       (long long)out->groups, (long long)w->d[0],
                       transposed ? "input" : "output");
    if (transposed && out->in_c != w->d[0])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input has %lld channels, weights want %lld",
                       (long long)out->in_c, (long long)w->d[0]);
    if (!transposed &&
        (out->in_c % out->groups != 0 || out->in_c / out->groups != w->d[1]))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input has %lld channels, weights want %lld x group %lld",
                       (long long)out->in_c, (long long)w->d[1],
                       (long long)out->groups);
    out->out_c = transposed ? w->d[1] * out->groups : w->d[0];
    return TARE_OK;
}

static enum tare_status read_conv_kernel(const struct tare_graph *graph,
                                         const struct tare_node *node, int64_t least,
                                         struct tare_spatial *out,
                                         struct tare_error *err)
{
    const struct tare_dims *w = &tare_op_input(graph, node, weights_input(node))->dims;
    char text[TARE_DIMS_TEXT];
    if (w->rank != 2 + out->n_axes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "weights are %.80s, want rank %d",
                       tare_dims_print(w, text), (int)out->n_axes + 2);
    for (int i = 0; i < w->rank; i++)
        if (w->d[i] < (i == 1 || (i == 0 && is_transpose(node)) ? least : 1) ||
            w->d[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "weights are %.80s",
                           tare_dims_print(w, text));
    enum tare_status st = read_channels(node, w, out, err);
    if (st == TARE_OK)
        st = tare_node_ints(node, "kernel_shape", (size_t)out->n_axes, 0, out->kernel,
                            err);
    if (st != TARE_OK) return st;
    for (int i = 0; i < out->n_axes; i++) {
        if (!tare_node_attr(node, "kernel_shape")) out->kernel[i] = w->d[2 + i];
        struct tare_dims kernel = {.rank = out->n_axes};
        memcpy(kernel.d, out->kernel, sizeof out->kernel);
        char shape[TARE_DIMS_TEXT];
        if (out->kernel[i] != w->d[2 + i])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "kernel_shape is %.80s, weights are %.80s",
                           tare_dims_print(&kernel, shape), tare_dims_print(w, text));
    }
    return TARE_OK;
}

static enum tare_status read_kernel(const struct tare_graph *graph,
                                    const struct tare_node *node, int64_t least,
                                    struct tare_spatial *out, struct tare_error *err)
{
    if (weights_input(node)) return read_conv_kernel(graph, node, least, out, err);
    if (is_global(node)) {
        memcpy(out->kernel, out->in, sizeof out->kernel);
        return TARE_OK;
    }
    if (!tare_node_attr(node, "kernel_shape"))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "attribute 'kernel_shape' is missing");
    return read_axes(node, "kernel_shape", 1, 1, out->n_axes, out->kernel, err);
}

/* First to last tap of a window. */
static int64_t extent(const struct tare_spatial *s, int axis)
{
    return (s->kernel[axis] - 1) * s->dilation[axis] + 1;
}

static enum tare_status check_extent(const struct tare_node *node,
                                     const struct tare_spatial *s,
                                     struct tare_error *err)
{
    for (int i = 0; i < s->n_axes; i++)
        if (extent(s, i) > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "%s: kernel %lld with dilation %lld is too large",
                           axis_name(s, i), (long long)s->kernel[i],
                           (long long)s->dilation[i]);
    return TARE_OK;
}

/* SAME_UPPER and SAME_LOWER: ceil(in / stride) outputs, the pads split evenly. */
static void pad_same(struct tare_spatial *s, int axis, bool more_in_front)
{
    const int64_t out = (s->in[axis] + s->stride[axis] - 1) / s->stride[axis];
    const int64_t covered = (out - 1) * s->stride[axis] + extent(s, axis);
    const int64_t total = covered > s->in[axis] ? covered - s->in[axis] : 0;
    const int64_t half = total / 2;
    s->pad_begin[axis] = more_in_front ? total - half : half;
    s->pad_end[axis] = total - s->pad_begin[axis];
}

/* What `auto_pad` gives an axis whose attribute `pads` has `begin` and `end`. */
static enum tare_status set_pads(const struct tare_node *node, struct tare_spatial *s,
                                 int i, int64_t begin, int64_t end, bool is_set,
                                 struct tare_error *err)
{
    const char *mode = tare_node_string(node, "auto_pad", "NOTSET");
    if (strcmp(mode, "NOTSET") == 0) {
        s->pad_begin[i] = begin;
        s->pad_end[i] = end;
    } else if (strcmp(mode, "SAME_UPPER") == 0 || strcmp(mode, "SAME_LOWER") == 0) {
        pad_same(s, i, strcmp(mode, "SAME_LOWER") == 0);
    } else if (strcmp(mode, "VALID") != 0) {
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "auto_pad is '%.40s'", mode);
    }
    if (begin < 0 || end < 0 || begin > INT32_MAX || end > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "pads %lld and %lld of the %s, want 0 to %d", (long long)begin,
                       (long long)end, axis_name(s, i), INT32_MAX);
    if (is_set && (begin != s->pad_begin[i] || end != s->pad_end[i]))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "auto_pad %s gives the %s pads %lld and %lld, but pads has "
                       "%lld and %lld",
                       mode, axis_name(s, i), (long long)s->pad_begin[i],
                       (long long)s->pad_end[i], (long long)begin, (long long)end);
    return TARE_OK;
}

static enum tare_status read_pads(const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err)
{
    const int32_t n = out->n_axes;
    int64_t pads[2 * TARE_MAX_SPATIAL];
    bool is_set = false;
    enum tare_status st = tare_node_ints(node, "pads", (size_t)n * 2, 0, pads, err);
    for (int i = 0; i < 2 * n && st == TARE_OK; i++)
        is_set = is_set || pads[i] != 0;
    for (int i = 0; i < n && st == TARE_OK; i++)
        st = set_pads(node, out, i, pads[i], pads[n + i], is_set, err);
    return st;
}

static enum tare_status set_output(const struct tare_node *node, struct tare_spatial *s,
                                   int i, struct tare_error *err)
{
    const int64_t room = s->in[i] + s->pad_begin[i] + s->pad_end[i] - extent(s, i);
    if (room < 0)
        TARE_NODE_FAIL(
            node, err, TARE_E_FORMAT,
            "%s: kernel %lld (dilation %lld) on an input of %lld with pads %lld "
            "and %lld leaves no output",
            axis_name(s, i), (long long)s->kernel[i], (long long)s->dilation[i],
            (long long)s->in[i], (long long)s->pad_begin[i], (long long)s->pad_end[i]);
    const bool up = tare_node_int(node, "ceil_mode", 0) != 0;
    s->out[i] = (room + (up ? s->stride[i] - 1 : 0)) / s->stride[i] + 1;
    /* A window that would start in the padding behind the input is left out. */
    if (up && (s->out[i] - 1) * s->stride[i] >= s->in[i] + s->pad_begin[i]) s->out[i]--;
    return TARE_OK;
}

/* A pooling window without a single tap in the input has no value. */
static enum tare_status check_pool_taps(const struct tare_node *node,
                                        const struct tare_spatial *s, int i,
                                        struct tare_error *err)
{
    bool seen = s->pad_begin[i] < extent(s, i) && s->pad_end[i] < extent(s, i);
    for (int64_t o = 0; seen && s->dilation[i] > 1 && o < s->out[i]; o++) {
        int64_t at = o * s->stride[i] - s->pad_begin[i];
        if (at < 0) at += (-at + s->dilation[i] - 1) / s->dilation[i] * s->dilation[i];
        seen = at < s->in[i] && at < o * s->stride[i] - s->pad_begin[i] + extent(s, i);
    }
    if (!seen)
        TARE_NODE_FAIL(
            node, err, TARE_E_FORMAT,
            "%s: a window of kernel %lld with pads %lld and %lld sees padding only",
            axis_name(s, i), (long long)s->kernel[i], (long long)s->pad_begin[i],
            (long long)s->pad_end[i]);
    return TARE_OK;
}

/* The pads in front and the length of one output axis of a ConvTranspose, from the
 * attribute `output_shape` (0: absent), auto_pad or `pads`, which read_axes has. */
static enum tare_status set_transposed(const struct tare_node *node,
                                       struct tare_spatial *s, int i, int64_t more,
                                       int64_t wanted, const int64_t *pads,
                                       struct tare_error *err)
{
    const char *mode = tare_node_string(node, "auto_pad", "NOTSET");
    const bool upper = strcmp(mode, "SAME_UPPER") == 0;
    const bool same = upper || strcmp(mode, "SAME_LOWER") == 0;
    const bool valid = strcmp(mode, "VALID") == 0;
    if (!same && !valid && strcmp(mode, "NOTSET") != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "auto_pad is '%.40s'", mode);
    if (pads[i] < 0 || pads[s->n_axes + i] < 0 || pads[i] > INT32_MAX ||
        pads[s->n_axes + i] > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "pads %lld and %lld of the %s, want 0 to %d", (long long)pads[i],
                       (long long)pads[s->n_axes + i], axis_name(s, i), INT32_MAX);
    const int64_t full = (s->in[i] - 1) * s->stride[i] + more + extent(s, i);
    if (wanted > 0 || same) {
        s->out[i] = wanted > 0 ? wanted : s->in[i] * s->stride[i];
        const int64_t total = full > s->out[i] ? full - s->out[i] : 0;
        s->pad_begin[i] = upper ? total / 2 : total - total / 2;
    } else {
        s->pad_begin[i] = valid ? 0 : pads[i];
        s->out[i] = full - (valid ? 0 : pads[i] + pads[s->n_axes + i]);
    }
    if (s->out[i] < 1 && s->in[i] > 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%s: kernel %lld (dilation %lld) on an input of %lld with pads "
                       "%lld and %lld leaves no output",
                       axis_name(s, i), (long long)s->kernel[i],
                       (long long)s->dilation[i], (long long)s->in[i],
                       (long long)pads[i], (long long)pads[s->n_axes + i]);
    if (s->out[i] < 0 || s->in[i] == 0) s->out[i] = 0;
    return TARE_OK;
}

static enum tare_status read_transposed(const struct tare_node *node,
                                        struct tare_spatial *out,
                                        struct tare_error *err)
{
    const int32_t n = out->n_axes;
    int64_t more[TARE_MAX_SPATIAL], wanted[TARE_MAX_SPATIAL];
    int64_t pads[2 * TARE_MAX_SPATIAL];
    enum tare_status st = read_axes(node, "output_padding", 0, 0, n, more, err);
    if (st == TARE_OK && tare_node_attr(node, "output_shape"))
        st = read_axes(node, "output_shape", 1, 0, n, wanted, err);
    else
        memset(wanted, 0, sizeof wanted);
    if (st == TARE_OK) st = tare_node_ints(node, "pads", (size_t)n * 2, 0, pads, err);
    for (int i = 0; i < n && st == TARE_OK; i++)
        st = set_transposed(node, out, i, more[i], wanted[i], pads, err);
    return st;
}

static enum tare_status read_window(const struct tare_graph *graph,
                                    const struct tare_node *node, int64_t least,
                                    struct tare_spatial *out, struct tare_error *err)
{
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    enum tare_status st = read_planes(node, dims, least, out, err);
    const int32_t n = out->n_axes;
    if (st == TARE_OK) st = read_kernel(graph, node, least, out, err);
    if (st == TARE_OK) st = read_axes(node, "strides", 1, 1, n, out->stride, err);
    if (st == TARE_OK) st = read_axes(node, "dilations", 1, 1, n, out->dilation, err);
    if (st == TARE_OK) st = check_extent(node, out, err);
    if (st != TARE_OK) return st;
    if (is_transpose(node)) return read_transposed(node, out, err);
    st = read_pads(node, out, err);
    for (int i = 0; i < n && st == TARE_OK; i++) {
        st = set_output(node, out, i, err);
        if (st == TARE_OK && !weights_input(node))
            st = check_pool_taps(node, out, i, err);
    }
    return st;
}

enum tare_status tare_node_window(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err)
{
    *out = (struct tare_spatial){0};
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    char text[TARE_DIMS_TEXT];
    if (dims->rank != 4)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "input is %.80s; tare has two spatial axes (rank 4) only",
                       tare_dims_print(dims, text));
    return read_window(graph, node, 1, out, err);
}

enum tare_status tare_node_window_nd(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_spatial *out, struct tare_error *err)
{
    *out = (struct tare_spatial){0};
    return read_window(graph, node, 0, out, err);
}

/* The lengths of n axes as those of the last of three. */
static void widen(int64_t axes[TARE_MAX_SPATIAL], int32_t n, int64_t fill)
{
    memmove(axes + TARE_MAX_SPATIAL - n, axes, (size_t)n * sizeof *axes);
    for (int i = 0; i < TARE_MAX_SPATIAL - n; i++)
        axes[i] = fill;
}

struct tare_spatial tare_spatial_widen(const struct tare_spatial *s)
{
    struct tare_spatial wide = *s;
    widen(wide.in, s->n_axes, 1);
    widen(wide.out, s->n_axes, 1);
    widen(wide.kernel, s->n_axes, 1);
    widen(wide.stride, s->n_axes, 1);
    widen(wide.dilation, s->n_axes, 1);
    widen(wide.pad_begin, s->n_axes, 0);
    widen(wide.pad_end, s->n_axes, 0);
    wide.n_axes = TARE_MAX_SPATIAL;
    return wide;
}

struct tare_dims tare_spatial_dims(const struct tare_spatial *s)
{
    struct tare_dims dims = {.rank = 2 + s->n_axes, .d = {s->batch, s->out_c}};
    for (int i = 0; i < s->n_axes; i++)
        dims.d[2 + i] = s->out[i];
    return dims;
}

int64_t tare_spatial_conv_pad(const struct tare_spatial *s, int axis)
{
    return s->dilation[axis] * (s->kernel[axis] - 1) - s->pad_begin[axis];
}

bool tare_spatial_is_stuffed_conv(const struct tare_spatial *s)
{
    int64_t channels = s->out_c;
    bool is = s->n_axes == 2;
    for (int i = 0; is && i < 2; i++) {
        int64_t stuffed;
        is = tare_spatial_conv_pad(s, i) >= 0 &&
             !__builtin_mul_overflow(s->in[i], s->stride[i], &stuffed) &&
             stuffed <= INT32_MAX && s->out[i] <= INT32_MAX &&
             !__builtin_mul_overflow(channels, s->kernel[i], &channels);
    }
    return is && channels <= INT32_MAX;
}
