/* libtare-onednn.so: convolutions and matrix products by oneDNN, on one thread each.
 * The only file that knows it. */
#include <dnnl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/modules/module.h"

/* Of the OpenMP library that Debian's oneDNN runs on, GCC's, whichever compiler this
 * is: clang's omp.h would bring its own. */
void omp_set_num_threads(int n);
int omp_get_max_threads(void);

/* oneDNN takes as many threads as OpenMP would give the caller. */
static int take_one_thread(void)
{
    const int n = omp_get_max_threads();
    omp_set_num_threads(1);
    return n;
}

static enum tare_status multiply(const struct tare_module_product *p)
{
    const int n_threads = take_one_thread();
    const dnnl_status_t st = dnnl_sgemm('N', 'N', p->m, p->n, p->k, p->alpha, p->a,
                                        p->a_pitch, p->b, p->n, 0.0f, p->y, p->y_pitch);
    omp_set_num_threads(n_threads);
    return st == dnnl_success ? TARE_OK : TARE_E_UNSUPPORTED;
}

/* A convolution that is ready to run; owns all but the descriptors. */
struct conv {
    dnnl_engine_t engine;
    dnnl_primitive_t primitive;
    dnnl_memory_t weights, bias;
    dnnl_memory_desc_t x, y, scratch;
    size_t residual_bytes; /* 0: none */
};

static void conv_destroy(void *state)
{
    struct conv *c = state;
    (void)dnnl_memory_destroy(c->weights);
    (void)dnnl_memory_destroy(c->bias);
    (void)dnnl_primitive_destroy(c->primitive);
    (void)dnnl_engine_destroy(c->engine);
}

/* [batch, h, w, c] with a pitch, in oneDNN's order of axes. */
static dnnl_status_t describe(dnnl_memory_desc_t *md, int64_t batch, int64_t c,
                              int64_t h, int64_t w, int64_t pitch)
{
    const dnnl_dims_t dims = {batch, c, h, w};
    const dnnl_dims_t strides = {h * w * pitch, 1, w * pitch, pitch};
    return dnnl_memory_desc_init_by_strides(md, 4, dims, dnnl_f32, strides);
}

/* The epilogue behind bias: residual, slope, bounds. The residual is what lies in y
 * when the convolution begins: with oneDNN 2.6's addition of another tensor, some
 * kernels read its elements in a wrong order. */
static dnnl_status_t add_epilogue(dnnl_post_ops_t ops,
                                  const struct tare_f32_epilogue *e)
{
    dnnl_status_t st =
        e->has_residual ? dnnl_post_ops_append_sum(ops, 1.0f) : dnnl_success;
    if (st == dnnl_success && e->negative_slope != 1.0f)
        st = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu,
                                          e->negative_slope, 0.0f);
    if (st == dnnl_success && e->lower == 0.0f && isinf(e->upper))
        st = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    else if (st == dnnl_success && (!isinf(e->lower) || !isinf(e->upper)))
        st = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_clip, e->lower,
                                          e->upper);
    return st;
}

static int64_t pad_behind(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                          int64_t dilation, int64_t pad)
{
    return (out - 1) * stride + (kernel - 1) * dilation + 1 - in - pad;
}

/* @param grouped  weights have an axis of groups */
static dnnl_status_t plain_weights(dnnl_memory_desc_t *md, const struct tare_window *w,
                                   int grouped, int any)
{
    const dnnl_dims_t dense = {w->out_c, w->in_c, w->kernel_h, w->kernel_w};
    const dnnl_dims_t groups = {w->groups, w->out_c / w->groups, w->in_c / w->groups,
                                w->kernel_h, w->kernel_w};
    if (grouped)
        return dnnl_memory_desc_init_by_tag(md, 5, groups, dnnl_f32,
                                            any ? dnnl_format_tag_any : dnnl_abcde);
    return dnnl_memory_desc_init_by_tag(md, 4, dense, dnnl_f32,
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

/* oneDNN's first implementation, but for those. */
static dnnl_status_t choose(const dnnl_convolution_desc_t *desc,
                            const_dnnl_primitive_attr_t attr, dnnl_engine_t engine,
                            bool no_brgconv, dnnl_primitive_desc_t *out)
{
    dnnl_primitive_desc_iterator_t each = NULL;
    dnnl_status_t st =
        dnnl_primitive_desc_iterator_create(&each, desc, attr, engine, NULL);
    while (st == dnnl_success) {
        const char *name = "";
        *out = dnnl_primitive_desc_iterator_fetch(each);
        st = *out ? dnnl_primitive_desc_query(*out, dnnl_query_impl_info_str, 0, &name)
                  : dnnl_out_of_memory;
        if (st != dnnl_success || !no_brgconv ||
            strncmp(name, "brgconv", strlen("brgconv")) != 0)
            break;
        (void)dnnl_primitive_desc_destroy(*out);
        *out = NULL;
        st = dnnl_primitive_desc_iterator_next(each);
    }
    (void)dnnl_primitive_desc_iterator_destroy(each);
    return st;
}

static dnnl_status_t make_primitive_desc(struct conv *c, const struct tare_f32_conv *p,
                                         const_dnnl_primitive_attr_t attr,
                                         dnnl_primitive_desc_t *out)
{
    const struct tare_window *w = &p->window;
    const dnnl_dims_t strides = {w->stride_h, w->stride_w};
    const dnnl_dims_t dilations = {w->dilation_h - 1, w->dilation_w - 1};
    const dnnl_dims_t before = {w->pad_top, w->pad_left};
    const dnnl_dims_t behind = {pad_behind(w->in_h, w->out_h, w->kernel_h, w->stride_h,
                                           w->dilation_h, w->pad_top),
                                pad_behind(w->in_w, w->out_w, w->kernel_w, w->stride_w,
                                           w->dilation_w, w->pad_left)};
    const dnnl_dims_t channels = {w->out_c};
    dnnl_memory_desc_t weights, bias;
    dnnl_convolution_desc_t desc;
    dnnl_status_t st = plain_weights(&weights, w, w->groups > 1, 1);
    if (st == dnnl_success)
        st = dnnl_memory_desc_init_by_tag(&bias, 1, channels, dnnl_f32, dnnl_a);
    if (st == dnnl_success)
        st = dnnl_dilated_convolution_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_convolution_direct, &c->x, &weights,
            &bias, &c->y, strides, dilations, before, behind);
    return st == dnnl_success ? choose(&desc, attr, c->engine, breaks_brgconv(w), out)
                              : st;
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
                             const float *from, const dnnl_memory_desc_t *order,
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

static dnnl_status_t take_constants(struct conv *c, const struct tare_f32_conv *p,
                                    const_dnnl_primitive_desc_t desc,
                                    const float *weights, const float *bias)
{
    dnnl_memory_desc_t plain;
    const dnnl_memory_desc_t *order =
        dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *channels =
        dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
    dnnl_status_t st = plain_weights(&plain, &p->window, p->window.groups > 1, 0);
    if (st == dnnl_success)
        st = reorder(c->engine, &plain, weights, order, &c->weights);
    if (st == dnnl_success) st = reorder(c->engine, channels, bias, channels, &c->bias);
    return st;
}

/* With scratch from the caller, so that one convolution can run on several threads. */
static dnnl_status_t make_attr(const struct tare_f32_epilogue *e,
                               dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_create(attr);
    if (st == dnnl_success)
        st = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (st == dnnl_success) st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success) st = add_epilogue(ops, e);
    if (st == dnnl_success) st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    (void)dnnl_post_ops_destroy(ops);
    return st;
}

static dnnl_status_t create(struct conv *c, const struct tare_f32_conv *p,
                            const float *weights, const float *bias)
{
    const struct tare_window *w = &p->window;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t st = dnnl_engine_create(&c->engine, dnnl_cpu, 0);
    if (st == dnnl_success)
        st = describe(&c->x, w->batch, w->in_c, w->in_h, w->in_w,
                      tare_window_in_pitch(w));
    if (st == dnnl_success)
        st = describe(&c->y, w->batch, w->out_c, w->out_h, w->out_w,
                      tare_window_out_pitch(w));
    if (p->epilogue.has_residual) c->residual_bytes = dnnl_memory_desc_get_size(&c->y);
    if (st == dnnl_success) st = make_attr(&p->epilogue, &attr);
    if (st == dnnl_success) st = make_primitive_desc(c, p, attr, &desc);
    if (st == dnnl_success) {
        c->scratch = *dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
        st = dnnl_primitive_create(&c->primitive, desc);
    }
    if (st == dnnl_success) st = take_constants(c, p, desc, weights, bias);
    (void)dnnl_primitive_desc_destroy(desc);
    (void)dnnl_primitive_attr_destroy(attr);
    return st;
}

static enum tare_status conv_create(const struct tare_f32_conv *p, const float *weights,
                                    const float *bias, void *state, size_t *scratch)
{
    struct conv *c = state;
    /* A residual is dense, and copied to y as one block. */
    if (p->epilogue.has_residual && p->window.out_pitch) return TARE_E_UNSUPPORTED;
    const int n_threads = take_one_thread();
    const dnnl_status_t st = create(c, p, weights, bias);
    omp_set_num_threads(n_threads);
    if (st != dnnl_success) {
        conv_destroy(c);
        return st == dnnl_out_of_memory ? TARE_E_NOMEM : TARE_E_UNSUPPORTED;
    }
    *scratch = dnnl_memory_desc_get_size(&c->scratch);
    return TARE_OK;
}

/* A view of memory of ours, for one run. */
static dnnl_status_t view(const struct conv *c, const dnnl_memory_desc_t *md,
                          const void *data, dnnl_memory_t *memory)
{
    void *address;
    memcpy(&address, &data, sizeof address); /* inputs are only read */
    return dnnl_memory_create(memory, md, c->engine, address);
}

enum { X, Y, SCRATCH, VIEWS };

static enum tare_status conv_run(const void *state,
                                 const struct tare_f32_conv_data *data, void *scratch)
{
    const struct conv *c = state;
    const int n_threads = take_one_thread();
    dnnl_memory_t views[VIEWS] = {NULL};
    dnnl_status_t st = view(c, &c->x, data->x, &views[X]);
    if (st == dnnl_success) st = view(c, &c->y, data->y, &views[Y]);
    if (st == dnnl_success) st = view(c, &c->scratch, scratch, &views[SCRATCH]);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, views[X]},
                                    {DNNL_ARG_WEIGHTS, c->weights},
                                    {DNNL_ARG_BIAS, c->bias},
                                    {DNNL_ARG_DST, views[Y]},
                                    {DNNL_ARG_SCRATCHPAD, views[SCRATCH]}};
    if (c->residual_bytes && data->residual != data->y)
        memcpy(data->y, data->residual, c->residual_bytes);
    if (st == dnnl_success) st = run_one(c->engine, c->primitive, args, 5);
    for (int i = 0; i < VIEWS; i++)
        (void)dnnl_memory_destroy(views[i]);
    omp_set_num_threads(n_threads);
    return st == dnnl_success ? TARE_OK : TARE_E_NOMEM;
}

const struct tare_kernel_module *tare_kernel_module(void)
{
    static char library[64];
    static const struct tare_kernel_module module = {.version = TARE_MODULE_VERSION,
                                                     .library = library,
                                                     .multiply = multiply,
                                                     .conv_create = conv_create,
                                                     .conv_bytes = sizeof(struct conv),
                                                     .conv_run = conv_run,
                                                     .conv_destroy = conv_destroy};
    const dnnl_version_t *v = dnnl_version();
    (void)snprintf(library, sizeof library, "oneDNN %d.%d.%d", v->major, v->minor,
                   v->patch);
    return &module;
}
