/* Conv and ConvTranspose over one to three axes. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/product.h"
#include "graph/window.h"

enum tare_status tare_infer_conv(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 3 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_window_nd(graph, node, &s, err);
    if (st == TARE_OK) {
        const struct tare_dims out = tare_spatial_dims(&s);
        st = tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
    }
    return st == TARE_OK ? tare_op_want_vector(graph, node, 2, "bias", s.out_c, err)
                         : st;
}

/* Values of one plane of the input, of the output, of the kernel. */
static int64_t volume(const int64_t axes[TARE_MAX_SPATIAL])
{
    return axes[0] * axes[1] * axes[2];
}

enum tare_status tare_eval_conv(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct tare_columns from;
    enum tare_status st = tare_node_window_nd(graph, node, &from.s, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    from.s = tare_spatial_widen(&from.s);
    const struct tare_spatial *s = &from.s;
    const int64_t in_c = s->in_c / s->groups, out_c = s->out_c / s->groups;
    const float *x = inputs[0].data, *w = inputs[1].data;
    const float *bias = node->n_inputs > 2 ? inputs[2].data : NULL;
    struct tare_product_rows to = {.width = volume(s->out)};
    struct tare_product product = {.m = out_c,
                                   .n = to.width,
                                   .k = in_c * volume(s->kernel),
                                   .row = tare_columns_row,
                                   .from = &from,
                                   .store = tare_product_store_rows,
                                   .to = &to};
    product.a = (struct tare_matrix){.row = product.k, .col = 1};
    for (int64_t i = 0; i < s->batch * s->groups && st == TARE_OK; i++) {
        const int64_t g = i % s->groups;
        from.x = x + i * in_c * volume(s->in);
        product.a.data = w + g * out_c * product.k;
        to.y = (float *)outputs[0].data + i * out_c * to.width;
        to.bias = bias ? bias + g * out_c : NULL;
        st = tare_product_run(&product, err);
    }
    return st;
}

/* Add to one output plane what one kernel tap makes of each input. */
static void scatter_tap(const struct tare_spatial *s, int64_t tap, const float *from,
                        float *y)
{
    const int64_t t2 = tap % s->kernel[2], t1 = tap / s->kernel[2] % s->kernel[1];
    const int64_t t0 = tap / s->kernel[2] / s->kernel[1];
    for (int64_t i0 = 0; i0 < s->in[0]; i0++)
        for (int64_t i1 = 0; i1 < s->in[1]; i1++) {
            const float *x = from + (i0 * s->in[1] + i1) * s->in[2];
            const int64_t o0 =
                i0 * s->stride[0] + t0 * s->dilation[0] - s->pad_begin[0];
            const int64_t o1 =
                i1 * s->stride[1] + t1 * s->dilation[1] - s->pad_begin[1];
            if (o0 < 0 || o0 >= s->out[0] || o1 < 0 || o1 >= s->out[1]) continue;
            float *row = y + (o0 * s->out[1] + o1) * s->out[2];
            int64_t o2 = t2 * s->dilation[2] - s->pad_begin[2];
            for (int64_t i2 = 0; i2 < s->in[2]; i2++, o2 += s->stride[2])
                if (o2 >= 0 && o2 < s->out[2]) row[o2] += x[i2];
        }
}

/* What ConvTranspose multiplies at once: so many values of scratch memory, at least one
 * output channel. */
#define SCRATCH ((int64_t)1 << 22)

/* One group of one image. W [in_c, out_c, taps] transposed times X [in_c, in] is what
 * each tap of each output channel adds for each input. */
static enum tare_status transpose_group(const struct tare_spatial *s, const float *x,
                                        const float *w, const float *bias, float *y,
                                        float *scratch, int64_t n_channels,
                                        struct tare_error *err)
{
    const int64_t out_c = s->out_c / s->groups, taps = volume(s->kernel);
    const int64_t n_in = volume(s->in), n_out = volume(s->out);
    const struct tare_matrix planes = {.data = x, .row = n_in, .col = 1};
    const struct tare_product_rows to = {.y = scratch, .width = n_in};
    enum tare_status st = TARE_OK;
    for (int64_t c = 0; c < out_c && st == TARE_OK; c += n_channels) {
        const int64_t n = out_c - c < n_channels ? out_c - c : n_channels;
        const struct tare_product product = {
            .m = n * taps,
            .n = n_in,
            .k = s->in_c / s->groups,
            .a = {.data = w + c * taps, .row = 1, .col = out_c * taps},
            .row = tare_matrix_row,
            .from = &planes,
            .store = tare_product_store_rows,
            .to = &to};
        st = tare_product_run(&product, err);
        for (int64_t i = 0; i < n && st == TARE_OK; i++) {
            float *plane = y + (c + i) * n_out;
            for (int64_t o = 0; o < n_out; o++)
                plane[o] = bias ? bias[c + i] : 0.0F;
            for (int64_t t = 0; t < taps; t++)
                scatter_tap(s, t, scratch + (i * taps + t) * n_in, plane);
        }
    }
    return st;
}

enum tare_status tare_eval_conv_transpose(const struct tare_graph *graph,
                                          const struct tare_node *node,
                                          const struct tare_const *inputs,
                                          struct tare_const *outputs,
                                          struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = tare_node_window_nd(graph, node, &s, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    s = tare_spatial_widen(&s);
    const int64_t in_c = s.in_c / s.groups, out_c = s.out_c / s.groups;
    const int64_t taps = volume(s.kernel), n_in = volume(s.in), n_out = volume(s.out);
    int64_t per_channel;
    if (__builtin_mul_overflow(taps, n_in, &per_channel))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    int64_t n_channels = per_channel ? SCRATCH / per_channel : out_c;
    n_channels = n_channels < 1 ? 1 : n_channels > out_c ? out_c : n_channels;
    float *scratch =
        tare_alloc_array((size_t)n_channels, (size_t)per_channel * sizeof *scratch);
    if (!scratch) TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory to compute");

    const float *x = inputs[0].data, *w = inputs[1].data;
    const float *bias = node->n_inputs > 2 ? inputs[2].data : NULL;
    float *y = outputs[0].data;
    for (int64_t i = 0; i < s.batch * s.groups && st == TARE_OK; i++) {
        const int64_t g = i % s.groups;
        st = transpose_group(&s, x + i * in_c * n_in, w + g * in_c * out_c * taps,
                             bias ? bias + g * out_c : NULL, y + i * out_c * n_out,
                             scratch, n_channels, err);
    }
    tare_free(scratch);
    return st;
}
