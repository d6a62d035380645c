/* DeformConv over two axes: a convolution whose taps are moved by offsets, between the
 * input's elements interpolated linearly, and weighted by a mask. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/ops/product.h"
#include "graph/window.h"

static enum tare_status want_dims(const struct tare_node *node, const char *name,
                                  const struct tare_tensor *tensor,
                                  const struct tare_dims *wanted,
                                  struct tare_error *err)
{
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    if (tensor && !tare_dims_equal(&tensor->dims, wanted))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is %.80s, want %.80s", name,
                       tare_dims_print(&tensor->dims, have),
                       tare_dims_print(wanted, want));
    return TARE_OK;
}

enum tare_status tare_infer_deform_conv(struct tare_graph *graph,
                                        struct tare_node *node, struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 5 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_window_nd(graph, node, &s, err);
    if (st == TARE_OK && s.n_axes != 2)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%d spatial axes, tare has 2",
                       (int)s.n_axes);
    if (st != TARE_OK) return st;
    const int64_t n_offsets = tare_node_int(node, "offset_group", 1);
    int64_t channels;
    if (n_offsets < 1 || s.in_c % n_offsets != 0 ||
        __builtin_mul_overflow(n_offsets, s.kernel[0] * s.kernel[1], &channels) ||
        channels > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "offset_group is %lld, which does not divide %lld channels",
                       (long long)n_offsets, (long long)s.in_c);
    const struct tare_dims mask = {.rank = 4,
                                   .d = {s.batch, channels, s.out[0], s.out[1]}};
    struct tare_dims offset = mask;
    offset.d[1] *= 2;
    st = want_dims(node, "offset", tare_op_input(graph, node, 2), &offset, err);
    if (st == TARE_OK)
        st = want_dims(node, "mask", tare_op_input(graph, node, 4), &mask, err);
    if (st == TARE_OK) st = tare_op_want_vector(graph, node, 3, "bias", s.out_c, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = tare_spatial_dims(&s);
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

/* One group of one image. */
struct deformed {
    struct tare_spatial s; /* of two axes */
    const float *x;
    const float *offset, *mask;   /* of the image; mask NULL: all 1 */
    int64_t first_c, per_offsets; /* channels in front of the group, and that share */
};

static double pixel(const struct deformed *from, const float *plane, int64_t i,
                    int64_t j)
{
    const int64_t *in = from->s.in;
    return i >= 0 && i < in[0] && j >= 0 && j < in[1] ? (double)plane[i * in[1] + j]
                                                      : 0.0;
}

static double sample(const struct deformed *from, const float *plane, double h,
                     double w)
{
    const bool inside =
        h > -1.0 && h < (double)from->s.in[0] && w > -1.0 && w < (double)from->s.in[1];
    if (!inside) return 0.0; /* NaN too */
    const int64_t i = (int64_t)floor(h), j = (int64_t)floor(w);
    const double down = h - (double)i, right = w - (double)j;
    return (1.0 - down) * ((1.0 - right) * pixel(from, plane, i, j) +
                           right * pixel(from, plane, i, j + 1)) +
           down * ((1.0 - right) * pixel(from, plane, i + 1, j) +
                   right * pixel(from, plane, i + 1, j + 1));
}

/* A tare_product_row_fn, as tare_columns_row. */
static void deformed_row(const void *context, int64_t l, int64_t j, int64_t n,
                         double *out)
{
    const struct deformed *from = context;
    const struct tare_spatial *s = &from->s;
    const int64_t taps = s->kernel[0] * s->kernel[1], size = s->out[0] * s->out[1];
    const int64_t tap = l % taps, channel = l / taps;
    const int64_t t0 = tap / s->kernel[1], t1 = tap % s->kernel[1];
    const int64_t map =
        (from->first_c + channel) / from->per_offsets * taps + tap; /* of the mask */
    const float *plane = from->x + channel * s->in[0] * s->in[1];
    for (int64_t i = 0; i < n; i++) {
        const int64_t o = j + i;
        const int64_t o0 = o / s->out[1], o1 = o % s->out[1];
        const double h =
            (double)(o0 * s->stride[0] + t0 * s->dilation[0] - s->pad_begin[0]) +
            (double)from->offset[2 * map * size + o];
        const double w =
            (double)(o1 * s->stride[1] + t1 * s->dilation[1] - s->pad_begin[1]) +
            (double)from->offset[(2 * map + 1) * size + o];
        const double weight = from->mask ? (double)from->mask[map * size + o] : 1.0;
        out[i] = weight * sample(from, plane, h, w);
    }
}

enum tare_status tare_eval_deform_conv(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       const struct tare_const *inputs,
                                       struct tare_const *outputs,
                                       struct tare_error *err)
{
    struct deformed from = {0};
    enum tare_status st = tare_node_window_nd(graph, node, &from.s, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_spatial *s = &from.s;
    const int64_t in_c = s->in_c / s->groups, out_c = s->out_c / s->groups;
    const int64_t n_maps =
        tare_node_int(node, "offset_group", 1) * s->kernel[0] * s->kernel[1];
    const float *bias = node->n_inputs > 3 ? inputs[3].data : NULL;
    const float *mask = node->n_inputs > 4 ? inputs[4].data : NULL;
    struct tare_product_rows to = {.width = s->out[0] * s->out[1]};
    struct tare_product product = {.m = out_c,
                                   .n = to.width,
                                   .k = in_c * s->kernel[0] * s->kernel[1],
                                   .row = deformed_row,
                                   .from = &from,
                                   .store = tare_product_store_rows,
                                   .to = &to};
    product.a = (struct tare_matrix){.row = product.k, .col = 1};
    from.per_offsets = s->in_c / tare_node_int(node, "offset_group", 1);
    for (int64_t i = 0; i < s->batch * s->groups && st == TARE_OK; i++) {
        const int64_t image = i / s->groups, g = i % s->groups;
        from.first_c = g * in_c;
        from.x = (const float *)inputs[0].data + i * in_c * s->in[0] * s->in[1];
        from.offset = (const float *)inputs[2].data + 2 * image * n_maps * to.width;
        from.mask = mask ? mask + image * n_maps * to.width : NULL;
        product.a.data = (const float *)inputs[1].data + g * out_c * product.k;
        to.y = (float *)outputs[0].data + i * out_c * to.width;
        to.bias = bias ? bias + g * out_c : NULL;
        st = tare_product_run(&product, err);
    }
    return st;
}
