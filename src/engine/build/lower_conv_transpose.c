/* ConvTranspose with constant weights, as a convolution of the input with zeros between
 * its values; or, where the outputs of no two inputs overlap, as a convolution with a
 * channel for each output of a pixel, and a copy that puts them where they belong. */
#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weighted.h"
#include "engine/build/weights.h"
#include "graph/window.h"

/* A node, and the weights [in_c, out_c / groups, kernel_h, kernel_w]. */
struct transpose {
    const struct tare_node *node;
    struct tare_spatial s;
    const float *weights, *bias;
    enum tare_form x_form, y_form;
};

static const float *constant(const struct tare_lower *l, const struct tare_node *node,
                             size_t i)
{
    const int32_t tensor = tare_lower_input(node, i);
    if (tensor == TARE_NO_TENSOR) return NULL;
    return tare_lower_tensor(l, tensor)->data;
}

static enum tare_status read_node(const struct tare_lower *l,
                                  const struct tare_node *node, struct transpose *t,
                                  struct tare_error *err)
{
    *t = (struct transpose){.node = node};
    const enum tare_status st = tare_node_window_nd(l->graph, node, &t->s, err);
    if (st != TARE_OK) return st;
    const bool has_bias = tare_lower_input(node, 2) != TARE_NO_TENSOR;
    t->weights = constant(l, node, 1);
    t->bias = constant(l, node, 2);
    t->x_form = tare_lower_form(l, node, node->inputs[0]);
    t->y_form = tare_lower_out_form(l, node, node->outputs[0]);
    if (t->s.n_axes != 2 || !t->weights || (has_bias && !t->bias) ||
        node->fused.has_residual || !tare_spatial_is_stuffed_conv(&t->s))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "no convolution does what it does");
    return TARE_OK;
}

/* Each output comes of one input. */
static bool is_disjoint(const struct tare_spatial *s)
{
    bool is = s->groups == 1;
    for (int i = 0; i < 2; i++)
        is = is && s->kernel[i] == s->stride[i] && s->dilation[i] == 1 &&
             s->pad_begin[i] == 0 && s->out[i] == s->in[i] * s->stride[i];
    return is;
}

static struct tare_weighted weighted_of(const struct transpose *t)
{
    return (struct tare_weighted){.node = t->node,
                                  .window = tare_window_of(&t->s),
                                  .format = TARE_HWC,
                                  .x = t->node->inputs[0],
                                  .residual = TARE_NO_TENSOR,
                                  .y = t->node->outputs[0]};
}

/* Room for the rearranged weights, and for `n_bias` values. */
static enum tare_status own(struct tare_weighted *p, size_t n_weights, size_t n_bias,
                            struct tare_error *err)
{
    p->weights = p->owned_weights = tare_alloc_array(n_weights, sizeof(float));
    p->bias = p->owned_bias = tare_alloc_array(n_bias, sizeof(float));
    TARE_FAIL_IF(!p->weights || !p->bias, err, TARE_E_NOMEM,
                 "engine: no memory while building");
    return TARE_OK;
}

static size_t n_weights_of(const struct tare_spatial *s)
{
    return (size_t)(s->in_c * (s->out_c / s->groups) * s->kernel[0] * s->kernel[1]);
}

/* [tap, out_c][in_c]: what every pixel makes, a tap after the other. */
static void fill_taps(const struct transpose *t, struct tare_weighted *p)
{
    const int64_t in_c = t->s.in_c, out_c = t->s.out_c;
    const int64_t n_taps = t->s.kernel[0] * t->s.kernel[1];
    for (int64_t tap = 0; tap < n_taps; tap++)
        for (int64_t o = 0; o < out_c; o++) {
            for (int64_t i = 0; i < in_c; i++)
                p->owned_weights[(tap * out_c + o) * in_c + i] =
                    t->weights[(i * out_c + o) * n_taps + tap];
            p->owned_bias[tap * out_c + o] = t->bias ? t->bias[o] : 0.0F;
        }
}

/* Copy rows of taps [n, h, w, kernel_h, (kernel_w, c)] to [n, h, kernel_h, w, ...]. */
static enum tare_status spread(struct tare_lower *l, const struct transpose *t,
                               int32_t from, int32_t to, struct tare_error *err)
{
    const struct tare_spatial *s = &t->s;
    const int64_t run = s->kernel[1] * s->out_c;
    const struct tare_dims dims = {
        .rank = 5, .d = {s->batch, s->in[0], s->kernel[0], s->in[1], run}};
    const int64_t f = tare_dtype_bytes((enum tare_dtype)l->plan->tensors[to].dtype);
    const int64_t row = s->in[1] * run;
    const int64_t src[] = {f * s->in[0] * s->kernel[0] * row, f * s->kernel[0] * row,
                           f * run, f * s->kernel[0] * run, f};
    const int64_t dst[] = {f * s->in[0] * s->kernel[0] * row, f * s->kernel[0] * row,
                           f * row, f * run, f};
    struct tare_pieces pieces = {0};
    enum tare_status st =
        tare_pieces_add(&pieces, 0, (int32_t)f, &dims, 0, src, 0, dst, err);
    if (st == TARE_OK)
        st = tare_lower_copy(l, t->node, t->node->name, &pieces, NULL, &from, 1, to,
                             err);
    tare_free(pieces.items);
    return st;
}

/* A tensor in between, held as `like` is. */
static enum tare_status add_tensor(struct tare_lower *l, int32_t like,
                                   enum tare_form form, const struct tare_dims *dims,
                                   int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, like);
    return tare_plan_add_tensor(l->plan, NULL, tare_form_dtype(form, t), TARE_HWC, dims,
                                &t->quant, id, err);
}

static enum tare_status lower_disjoint(struct tare_lower *l, const struct transpose *t,
                                       struct tare_error *err)
{
    const struct tare_spatial *s = &t->s;
    const int64_t out_c = s->kernel[0] * s->kernel[1] * s->out_c;
    struct tare_weighted p = weighted_of(t);
    struct tare_window *w = &p.window;
    w->out_h = w->in_h;
    w->out_w = w->in_w;
    w->out_c = out_c;
    w->kernel_h = w->kernel_w = w->stride_h = w->stride_w = 1;
    const struct tare_dims dims = {.rank = 4,
                                   .d = {s->batch, out_c, s->in[0], s->in[1]}};
    int32_t x, taps, y;
    enum tare_status st = own(&p, n_weights_of(s), (size_t)out_c, err);
    if (st == TARE_OK) fill_taps(t, &p);
    if (st == TARE_OK) st = tare_lower_use(l, p.x, TARE_HWC, t->x_form, &x, err);
    if (st == TARE_OK) st = add_tensor(l, p.y, t->y_form, &dims, &taps, err);
    if (st == TARE_OK) st = tare_lower_window(l, &p, x, TARE_NO_TENSOR, taps, err);
    if (st == TARE_OK) st = tare_lower_make(l, p.y, TARE_HWC, t->y_form, &y, err);
    if (st == TARE_OK) st = spread(l, t, taps, y, err);
    tare_weighted_release(&p);
    return st;
}

/* [out_c, in_c / groups, kernel], each kernel turned around. */
static void turn(const struct transpose *t, struct tare_weighted *p)
{
    const struct tare_spatial *s = &t->s;
    const int64_t in_c = s->in_c / s->groups, out_c = s->out_c / s->groups;
    const int64_t n_taps = s->kernel[0] * s->kernel[1];
    float *at = p->owned_weights;
    for (int64_t o = 0; o < s->out_c; o++) {
        const int64_t group = o / out_c;
        for (int64_t i = 0; i < in_c; i++)
            for (int64_t tap = n_taps - 1; tap >= 0; tap--)
                *at++ =
                    t->weights[((group * in_c + i) * out_c + o % out_c) * n_taps + tap];
        p->owned_bias[o] = t->bias ? t->bias[o] : 0.0F;
    }
}

/* The input with stride - 1 zeros between two values. */
static enum tare_status stuff(struct tare_lower *l, const struct transpose *t,
                              const struct tare_dims *stuffed, int32_t x, int32_t *to,
                              struct tare_error *err)
{
    const int32_t in = t->node->inputs[0];
    const struct tare_tensor *tensor = tare_lower_tensor(l, in);
    const struct tare_dims *dims = &tensor->dims;
    const uint64_t zero =
        t->x_form == TARE_FORM_U8 ? (uint64_t)tensor->quant.zero_point : 0;
    const int32_t elem_bytes = tare_dtype_bytes(tare_form_dtype(t->x_form, tensor));
    struct tare_pieces pieces = {0};
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK];
    tare_lower_strides(dims, TARE_HWC, elem_bytes, src);
    tare_lower_strides(stuffed, TARE_HWC, elem_bytes, dst);
    for (int i = 0; i < 2; i++)
        dst[2 + i] *= t->s.stride[i];
    enum tare_status st = add_tensor(l, in, t->x_form, stuffed, to, err);
    if (st == TARE_OK)
        st = tare_pieces_add(&pieces, 0, elem_bytes, dims, 0, src, 0, dst, err);
    if (st == TARE_OK)
        st =
            tare_lower_copy(l, t->node, t->node->name, &pieces, &zero, &x, 1, *to, err);
    tare_free(pieces.items);
    return st;
}

static enum tare_status lower_stuffed(struct tare_lower *l, const struct transpose *t,
                                      struct tare_error *err)
{
    const struct tare_spatial *s = &t->s;
    struct tare_weighted p = weighted_of(t);
    struct tare_window *w = &p.window;
    w->in_h = (s->in[0] - 1) * s->stride[0] + 1;
    w->in_w = (s->in[1] - 1) * s->stride[1] + 1;
    w->stride_h = w->stride_w = 1;
    w->pad_top = tare_spatial_conv_pad(s, 0);
    w->pad_left = tare_spatial_conv_pad(s, 1);
    const struct tare_dims stuffed = {.rank = 4,
                                      .d = {s->batch, s->in_c, w->in_h, w->in_w}};
    int32_t x, y;
    enum tare_status st = own(&p, n_weights_of(s), (size_t)s->out_c, err);
    if (st == TARE_OK) turn(t, &p);
    if (st == TARE_OK) st = tare_lower_use(l, p.x, TARE_HWC, t->x_form, &x, err);
    if (st == TARE_OK && (s->stride[0] > 1 || s->stride[1] > 1))
        st = stuff(l, t, &stuffed, x, &x, err);
    if (st == TARE_OK) st = tare_lower_make(l, p.y, TARE_HWC, t->y_form, &y, err);
    if (st == TARE_OK) st = tare_lower_window(l, &p, x, TARE_NO_TENSOR, y, err);
    tare_weighted_release(&p);
    return st;
}

enum tare_status tare_lower_conv_transpose(struct tare_lower *l,
                                           const struct tare_node *node,
                                           struct tare_error *err)
{
    struct transpose t;
    const enum tare_status st = read_node(l, node, &t, err);
    if (st != TARE_OK) return st;
    return is_disjoint(&t.s) ? lower_disjoint(l, &t, err) : lower_stuffed(l, &t, err);
}
