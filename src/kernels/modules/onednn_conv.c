/* Convolutions by oneDNN, on one thread each. */
#include <math.h>
#include <string.h>

#include "kernels/modules/onednn.h"

/* Of the OpenMP library that Debian's oneDNN runs on, GCC's, whichever compiler this
 * is: clang's omp.h would bring its own. */
void omp_set_num_threads(int n);
int omp_get_max_threads(void);

int tare_onednn_take_thread(void)
{
    const int n = omp_get_max_threads();
    omp_set_num_threads(1);
    return n;
}

void tare_onednn_give_threads(int n)
{
    omp_set_num_threads(n);
}

void tare_onednn_destroy(struct tare_onednn_conv *conv)
{
    (void)dnnl_memory_destroy(conv->weights);
    (void)dnnl_memory_destroy(conv->bias);
    (void)dnnl_primitive_destroy(conv->primitive);
    (void)dnnl_engine_destroy(conv->engine);
}

/* ReLU is the faster way to a bound of 0, but must not stand behind another one:
 * kernels of 2.6.3 take the slope of the first for both. */
dnnl_status_t tare_onednn_append_activation(dnnl_post_ops_t ops, float negative_slope,
                                            float lower, float upper)
{
    const bool has_slope = negative_slope != 1.0f;
    dnnl_status_t st = dnnl_success;
    if (has_slope)
        st = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, negative_slope,
                                          0.0f);
    if (st != dnnl_success || (isinf(lower) && isinf(upper))) return st;
    if (lower == 0.0f && isinf(upper) && !has_slope)
        return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, lower, upper);
}

/* [batch, h, w, c] with a pitch, in oneDNN's order of axes. */
static dnnl_status_t describe(dnnl_memory_desc_t *md, dnnl_data_type_t type,
                              int64_t batch, int64_t c, int64_t h, int64_t w,
                              int64_t pitch)
{
    const dnnl_dims_t dims = {batch, c, h, w};
    const dnnl_dims_t strides = {h * w * pitch, 1, w * pitch, pitch};
    return dnnl_memory_desc_init_by_strides(md, 4, dims, type, strides);
}

int64_t tare_onednn_pad_behind(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                               int64_t dilation, int64_t pad)
{
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - in - pad;
}

/* Weights have an axis of groups where there are several. */
static dnnl_status_t plain_weights(dnnl_memory_desc_t *md, const struct tare_window *w,
                                   dnnl_data_type_t type, bool any)
{
    const dnnl_dims_t dense = {w->out_c, w->in_c, w->kernel_h, w->kernel_w};
    const dnnl_dims_t groups = {w->groups, w->out_c / w->groups, w->in_c / w->groups,
                                w->kernel_h, w->kernel_w};
    if (w->groups > 1)
        return dnnl_memory_desc_init_by_tag(md, 5, groups, type,
                                            any ? dnnl_format_tag_any : dnnl_abcde);
    return dnnl_memory_desc_init_by_tag(md, 4, dense, type,
                                        any ? dnnl_format_tag_any : dnnl_abcd);
}

/* Some window along an axis has padding alone. */
static bool has_empty(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                      int64_t dilation, int64_t pad)
{
    for (int64_t o = 0; o < out; o++) {
        bool is_empty = true;
        for (int64_t k = 0; k < kernel; k++) {
            const int64_t at = o * stride - pad + k * dilation;
            is_empty = is_empty && (at < 0 || at >= in);
        }
        if (is_empty) return true;
    }
    return false;
}

/* oneDNN 2.6's kernels named brgconv have a part of their own for outputs without any
 * input; there they do not load the address of the epilogue's constants. */
static bool breaks_brgconv(const struct tare_window *w)
{
    return has_empty(w->in_h, w->out_h, w->kernel_h, w->stride_h, w->dilation_h,
                     w->pad_top) ||
           has_empty(w->in_w, w->out_w, w->kernel_w, w->stride_w, w->dilation_w,
                     w->pad_left);
}

/* oneDNN's first implementation that may be taken. */
static dnnl_status_t choose(const dnnl_convolution_desc_t *desc,
                            const struct tare_onednn_recipe *r, dnnl_engine_t engine,
                            dnnl_primitive_desc_t *out)
{
    const bool no_brgconv = breaks_brgconv(r->window);
    dnnl_primitive_desc_iterator_t each = NULL;
    dnnl_status_t st =
        dnnl_primitive_desc_iterator_create(&each, desc, r->attr, engine, NULL);
    while (st == dnnl_success) {
        const char *name = "";
        *out = dnnl_primitive_desc_iterator_fetch(each);
        st = *out ? dnnl_primitive_desc_query(*out, dnnl_query_impl_info_str, 0, &name)
                  : dnnl_out_of_memory;
        if (st != dnnl_success) break;
        if (strstr(name, r->word) &&
            !(no_brgconv && strncmp(name, "brgconv", strlen("brgconv")) == 0))
            break;
        (void)dnnl_primitive_desc_destroy(*out);
        *out = NULL;
        st = dnnl_primitive_desc_iterator_next(each);
    }
    (void)dnnl_primitive_desc_iterator_destroy(each);
    return st;
}

static dnnl_status_t make_primitive_desc(const struct tare_onednn_conv *c,
                                         const struct tare_onednn_recipe *r,
                                         dnnl_primitive_desc_t *out)
{
    const struct tare_window *w = r->window;
    const dnnl_dims_t strides = {w->stride_h, w->stride_w};
    const dnnl_dims_t dilations = {w->dilation_h - 1, w->dilation_w - 1};
    const dnnl_dims_t before = {w->pad_top, w->pad_left};
    const dnnl_dims_t behind = {
        tare_onednn_pad_behind(w->in_h, w->out_h, w->kernel_h, w->stride_h,
                               w->dilation_h, w->pad_top),
        tare_onednn_pad_behind(w->in_w, w->out_w, w->kernel_w, w->stride_w,
                               w->dilation_w, w->pad_left)};
    const dnnl_dims_t channels = {w->out_c};
    dnnl_memory_desc_t weights, bias;
    dnnl_convolution_desc_t desc;
    dnnl_status_t st = plain_weights(&weights, w, r->weights, true);
    if (st == dnnl_success)
        st = dnnl_memory_desc_init_by_tag(&bias, 1, channels, dnnl_f32, dnnl_a);
    if (st == dnnl_success)
        st = dnnl_dilated_convolution_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_convolution_direct, &c->x, &weights,
            &bias, &c->y, strides, dilations, before, behind);
    return st == dnnl_success ? choose(&desc, r, c->engine, out) : st;
}

static dnnl_status_t run_one(dnnl_engine_t engine, const_dnnl_primitive_t primitive,
                             const dnnl_exec_arg_t *args, int n)
{
    dnnl_stream_t stream;
    dnnl_status_t st = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (st != dnnl_success) return st;
    st = dnnl_primitive_execute(primitive, stream, n, args);
    if (st == dnnl_success) st = dnnl_stream_wait(stream);
    (void)dnnl_stream_destroy(stream);
    return st;
}

/* `from`, plain, to the memory `to`, in whatever order that has. */
static dnnl_status_t reorder(dnnl_engine_t engine, const dnnl_memory_desc_t *plain,
                             const void *from, const dnnl_memory_desc_t *order,
                             dnnl_memory_t *to)
{
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    void *data;
    memcpy(&data, &from, sizeof data); /* only read */
    dnnl_status_t st = dnnl_memory_create(&source, plain, engine, data);
    if (st == dnnl_success)
        st = dnnl_memory_create(to, order, engine, DNNL_MEMORY_ALLOCATE);
    if (st == dnnl_success)
        st = dnnl_reorder_primitive_desc_create(&desc, plain, engine, order, engine,
                                                NULL);
    if (st == dnnl_success) st = dnnl_primitive_create(&primitive, desc);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, *to}};
    if (st == dnnl_success) st = run_one(engine, primitive, args, 2);
    (void)dnnl_primitive_destroy(primitive);
    (void)dnnl_primitive_desc_destroy(desc);
    (void)dnnl_memory_destroy(source);
    return st;
}

static dnnl_status_t take_constants(struct tare_onednn_conv *c,
                                    const struct tare_onednn_recipe *r,
                                    const_dnnl_primitive_desc_t desc)
{
    dnnl_memory_desc_t plain;
    const dnnl_memory_desc_t *order =
        dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *channels =
        dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
    dnnl_status_t st = plain_weights(&plain, r->window, r->weights, false);
    if (st == dnnl_success)
        st = reorder(c->engine, &plain, r->plain, order, &c->weights);
    if (st == dnnl_success)
        st = reorder(c->engine, channels, r->bias, channels, &c->bias);
    return st;
}

static dnnl_status_t create(struct tare_onednn_conv *c,
                            const struct tare_onednn_recipe *r)
{
    const struct tare_window *w = r->window;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t st = dnnl_engine_create(&c->engine, dnnl_cpu, 0);
    if (st == dnnl_success)
        st = describe(&c->x, r->x, w->batch, w->in_c, w->in_h, w->in_w,
                      tare_window_in_pitch(w));
    if (st == dnnl_success)
        st = describe(&c->y, r->y, w->batch, w->out_c, w->out_h, w->out_w,
                      tare_window_out_pitch(w));
    if (r->has_residual) c->residual_bytes = dnnl_memory_desc_get_size(&c->y);
    /* scratch from the caller, so that one convolution can run on several threads */
    if (st == dnnl_success)
        st =
            dnnl_primitive_attr_set_scratchpad_mode(r->attr, dnnl_scratchpad_mode_user);
    if (st == dnnl_success) st = make_primitive_desc(c, r, &desc);
    if (st == dnnl_success) {
        c->scratch = *dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
        st = dnnl_primitive_create(&c->primitive, desc);
    }
    if (st == dnnl_success) st = take_constants(c, r, desc);
    (void)dnnl_primitive_desc_destroy(desc);
    return st;
}

enum tare_status tare_onednn_create(struct tare_onednn_conv *c,
                                    const struct tare_onednn_recipe *recipe,
                                    dnnl_status_t st, size_t *scratch)
{
    const int n_threads = tare_onednn_take_thread();
    if (st == dnnl_success) st = create(c, recipe);
    tare_onednn_give_threads(n_threads);
    (void)dnnl_primitive_attr_destroy(recipe->attr);
    if (st == dnnl_success)
        *scratch = dnnl_memory_desc_get_size(&c->scratch);
    else
        tare_onednn_destroy(c);
    return st == dnnl_success         ? TARE_OK
           : st == dnnl_out_of_memory ? TARE_E_NOMEM
                                      : TARE_E_UNSUPPORTED;
}

/* A view of memory of ours, for one run. */
static dnnl_status_t view(const struct tare_onednn_conv *c,
                          const dnnl_memory_desc_t *md, const void *data,
                          dnnl_memory_t *memory)
{
    void *address;
    memcpy(&address, &data, sizeof address); /* inputs are only read */
    return dnnl_memory_create(memory, md, c->engine, address);
}

enum { X, Y, SCRATCH, VIEWS };

enum tare_status tare_onednn_run(const struct tare_onednn_conv *c, const void *x,
                                 const void *residual, void *y, void *scratch)
{
    const int n_threads = tare_onednn_take_thread();
    dnnl_memory_t views[VIEWS] = {NULL};
    dnnl_status_t st = view(c, &c->x, x, &views[X]);
    if (st == dnnl_success) st = view(c, &c->y, y, &views[Y]);
    if (st == dnnl_success) st = view(c, &c->scratch, scratch, &views[SCRATCH]);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, views[X]},
                                    {DNNL_ARG_WEIGHTS, c->weights},
                                    {DNNL_ARG_BIAS, c->bias},
                                    {DNNL_ARG_DST, views[Y]},
                                    {DNNL_ARG_SCRATCHPAD, views[SCRATCH]}};
    if (c->residual_bytes && residual != y) memcpy(y, residual, c->residual_bytes);
    if (st == dnnl_success) st = run_one(c->engine, c->primitive, args, 5);
    for (int i = 0; i < VIEWS; i++)
        (void)dnnl_memory_destroy(views[i]);
    tare_onednn_give_threads(n_threads);
    return st == dnnl_success ? TARE_OK : TARE_E_NOMEM;
}
