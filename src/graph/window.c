#include "graph/window.h"

#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

static const char *const axis_names[2] = {"height", "width"};

static bool is_global(const struct tare_node *node)
{
    return node->op == TARE_OP_GLOBAL_AVERAGE_POOL ||
           node->op == TARE_OP_GLOBAL_MAX_POOL;
}

/* Two integers of an attribute, within [least, INT32_MAX]. */
static enum tare_status read_pair(const struct tare_node *node, const char *name,
                                  int64_t least, int64_t fallback, int64_t out[2],
                                  struct tare_error *err)
{
    const enum tare_status st = tare_node_ints(node, name, 2, fallback, out, err);
    for (int i = 0; i < 2 && st == TARE_OK; i++)
        if (out[i] < least || out[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "attribute '%s' is %lld, want %lld to %d", name,
                           (long long)out[i], (long long)least, INT32_MAX);
    return st;
}

static enum tare_status read_planes(const struct tare_node *node,
                                    const struct tare_dims *dims,
                                    struct tare_spatial *out, struct tare_error *err)
{
    char text[TARE_DIMS_TEXT];
    if (dims->rank != 4)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "input is %.80s; tare has two spatial axes (rank 4) only",
                       tare_dims_print(dims, text));
    for (int i = 0; i < 4; i++)
        if (dims->d[i] < 1 || dims->d[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "input is %.80s; every axis must be 1 to %d",
                           tare_dims_print(dims, text), INT32_MAX);
    out->batch = dims->d[0];
    out->in_c = out->out_c = dims->d[1];
    out->in[0] = dims->d[2];
    out->in[1] = dims->d[3];
    out->groups = 1;
    return TARE_OK;
}

/* Weights [out_c, in_c / groups, kernel_h, kernel_w] against the input and attributes.
 */
static enum tare_status read_conv_kernel(const struct tare_graph *graph,
                                         const struct tare_node *node,
                                         struct tare_spatial *out,
                                         struct tare_error *err)
{
    const struct tare_dims *w = &tare_op_input(graph, node, 1)->dims;
    char text[TARE_DIMS_TEXT];
    if (w->rank != 4)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "weights are %.80s, want rank 4",
                       tare_dims_print(w, text));
    for (int i = 0; i < 4; i++)
        if (w->d[i] < 1 || w->d[i] > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "weights are %.80s",
                           tare_dims_print(w, text));
    out->groups = tare_node_int(node, "group", 1);
    if (out->groups < 1 || w->d[0] % out->groups != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "group is %lld, which does not divide %lld output channels",
                       (long long)out->groups, (long long)w->d[0]);
    if (out->in_c % out->groups != 0 || out->in_c / out->groups != w->d[1])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input has %lld channels, weights want %lld x group %lld",
                       (long long)out->in_c, (long long)w->d[1],
                       (long long)out->groups);
    out->out_c = w->d[0];
    const enum tare_status st =
        tare_node_ints(node, "kernel_shape", 2, 0, out->kernel, err);
    if (st != TARE_OK) return st;
    for (int i = 0; i < 2; i++) {
        if (!tare_node_attr(node, "kernel_shape")) out->kernel[i] = w->d[2 + i];
        if (out->kernel[i] != w->d[2 + i])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "kernel_shape is %lldx%lld, weights are %.80s",
                           (long long)out->kernel[0], (long long)out->kernel[1],
                           tare_dims_print(w, text));
    }
    return TARE_OK;
}

static enum tare_status read_kernel(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    struct tare_spatial *out, struct tare_error *err)
{
    if (node->op == TARE_OP_CONV) return read_conv_kernel(graph, node, out, err);
    if (is_global(node)) {
        memcpy(out->kernel, out->in, sizeof out->kernel);
        return TARE_OK;
    }
    if (!tare_node_attr(node, "kernel_shape"))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "attribute 'kernel_shape' is missing");
    return read_pair(node, "kernel_shape", 1, 1, out->kernel, err);
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
    for (int i = 0; i < 2; i++)
        if (extent(s, i) > INT32_MAX)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "%s: kernel %lld with dilation %lld is too large",
                           axis_names[i], (long long)s->kernel[i],
                           (long long)s->dilation[i]);
    return TARE_OK;
}

/* SAME_UPPER and SAME_LOWER: ceil(in / stride) outputs, the pads split evenly. */
static void pad_same(struct tare_spatial *s, int axis, bool more_in_front)
{
    const int64_t out = (s->in[axis] - 1) / s->stride[axis] + 1;
    const int64_t covered = (out - 1) * s->stride[axis] + extent(s, axis);
    const int64_t total = covered > s->in[axis] ? covered - s->in[axis] : 0;
    const int64_t half = total / 2;
    s->pad_begin[axis] = more_in_front ? total - half : half;
    s->pad_end[axis] = total - s->pad_begin[axis];
}

static enum tare_status read_pads(const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err)
{
    const char *mode = tare_node_string(node, "auto_pad", "NOTSET");
    int64_t pads[4];
    const enum tare_status st = tare_node_ints(node, "pads", 4, 0, pads, err);
    if (st != TARE_OK) return st;
    const bool is_set = pads[0] || pads[1] || pads[2] || pads[3];
    for (int i = 0; i < 2; i++) {
        if (strcmp(mode, "NOTSET") == 0) {
            out->pad_begin[i] = pads[i];
            out->pad_end[i] = pads[2 + i];
        } else if (strcmp(mode, "SAME_UPPER") == 0 || strcmp(mode, "SAME_LOWER") == 0) {
            pad_same(out, i, strcmp(mode, "SAME_LOWER") == 0);
        } else if (strcmp(mode, "VALID") != 0) {
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "auto_pad is '%.40s'", mode);
        }
        if (pads[i] < 0 || pads[2 + i] < 0 || pads[i] > INT32_MAX ||
            pads[2 + i] > INT32_MAX)
            TARE_NODE_FAIL(
                node, err, TARE_E_FORMAT, "pads %lld and %lld of the %s, want 0 to %d",
                (long long)pads[i], (long long)pads[2 + i], axis_names[i], INT32_MAX);
        if (is_set && (pads[i] != out->pad_begin[i] || pads[2 + i] != out->pad_end[i]))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "auto_pad %s gives the %s pads %lld and %lld, but pads has "
                           "%lld and %lld",
                           mode, axis_names[i], (long long)out->pad_begin[i],
                           (long long)out->pad_end[i], (long long)pads[i],
                           (long long)pads[2 + i]);
    }
    return TARE_OK;
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
            axis_names[i], (long long)s->kernel[i], (long long)s->dilation[i],
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
            axis_names[i], (long long)s->kernel[i], (long long)s->pad_begin[i],
            (long long)s->pad_end[i]);
    return TARE_OK;
}

enum tare_status tare_node_window(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  struct tare_spatial *out, struct tare_error *err)
{
    *out = (struct tare_spatial){0};
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    enum tare_status st = read_planes(node, dims, out, err);
    if (st == TARE_OK) st = read_kernel(graph, node, out, err);
    if (st == TARE_OK) st = read_pair(node, "strides", 1, 1, out->stride, err);
    if (st == TARE_OK) st = read_pair(node, "dilations", 1, 1, out->dilation, err);
    if (st == TARE_OK) st = check_extent(node, out, err);
    if (st == TARE_OK) st = read_pads(node, out, err);
    for (int i = 0; i < 2 && st == TARE_OK; i++) {
        st = set_output(node, out, i, err);
        if (st == TARE_OK && node->op != TARE_OP_CONV)
            st = check_pool_taps(node, out, i, err);
    }
    return st;
}
