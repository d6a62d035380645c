#include "bench/onednn.h"

#include <dnnl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { SOURCE, WEIGHTS, DESTINATION, BIAS, MAX_ARGS };

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MAX_ARGS];
    void *buffers[MAX_ARGS];
    int n_args;
};

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return;
    (void)fprintf(stderr, "kernels: %s: oneDNN says %d\n", what, (int)status);
    exit(EXIT_FAILURE);
}

double product_macs(const struct product *p)
{
    const struct tare_window *w = &p->window;
    const double one = (double)(w->batch * w->out_h * w->out_w * w->out_c) *
                       (double)(w->in_c / w->groups * w->kernel_h * w->kernel_w);
    return p->n_pairs ? one * (double)p->n_pairs : one;
}

bool product_is_matrix(const struct product *p)
{
    const struct tare_window *w = &p->window;
    return w->in_h == 1 && w->out_h == 1 && w->kernel_h == 1 && w->kernel_w == 1 &&
           w->groups == 1 && w->stride_w == 1 && w->in_w == w->out_w &&
           (w->batch == 1 || w->in_w == 1);
}

bool product_is_depthwise(const struct product *p)
{
    return p->window.groups > 1 && p->window.groups == p->window.in_c;
}

const char *onednn_version(void)
{
    static char text[32];
    const dnnl_version_t *v = dnnl_version();
    (void)snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

/* Bytes that are small both as integers and, most of them, as floats. */
static void *filled(size_t n_bytes, dnnl_data_type_t type)
{
    uint8_t *data = tare_alloc_array(n_bytes + 256, 1);
    if (!data) {
        (void)fprintf(stderr, "kernels: no memory\n");
        exit(EXIT_FAILURE);
    }
    float *floats = (float *)(void *)data;
    uint32_t state = 1;
    for (size_t i = 0; i < (type == dnnl_f32 ? n_bytes / 4 : n_bytes); i++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        if (type == dnnl_f32)
            floats[i] = (float)(state >> 16) / 32768.0f - 1.0f;
        else
            data[i] = (uint8_t)((state >> 24) % 127);
    }
    return data;
}

/* Layouts as oneDNN likes: it was asked for any. */
static void add_argument(struct onednn *o, int id, const dnnl_memory_desc_t *d)
{
    const int i = o->n_args++;
    o->buffers[i] = filled(dnnl_memory_desc_get_size(d), d->data_type);
    o->args[i].arg = id;
    check(dnnl_memory_create(&o->args[i].memory, d, o->engine, o->buffers[i]),
          "a memory");
}

static dnnl_memory_desc_t descriptor(int rank, const dnnl_dims_t dims,
                                     dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    check(dnnl_memory_desc_init_by_tag(&d, rank, dims, type, tag),
          "a memory descriptor");
    return d;
}

/* Requantization, residual and bounds; those of uint8 are its own. */
static dnnl_primitive_attr_t attributes(const struct product *p)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t post;
    check(dnnl_primitive_attr_create(&attr), "attributes");
    check(dnnl_post_ops_create(&post), "post operations");
    if (p->is_int8) {
        const int64_t n = p->n_pairs ? 1 : p->window.out_c;
        float *scales = filled((size_t)n * sizeof *scales, dnnl_f32);
        for (int64_t c = 0; c < n; c++)
            scales[c] = 0.001f;
        check(
            dnnl_primitive_attr_set_output_scales(attr, n, n > 1 ? 1 << 1 : 0, scales),
            "scales");
        tare_free(scales);
    }
    /* in float, another factor than 1 is left to oneDNN's reference */
    if (p->has_residual)
        check(dnnl_post_ops_append_sum(post, p->is_int8 ? 0.5f : 1.0f), "a sum");
    if (p->upper < INFINITY)
        check(dnnl_post_ops_append_eltwise(post, 1.0f, dnnl_eltwise_clip, p->lower,
                                           p->upper),
              "Clip");
    else if (p->lower > -INFINITY)
        check(dnnl_post_ops_append_eltwise(post, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f),
              "ReLU");
    check(dnnl_primitive_attr_set_post_ops(attr, post), "post operations");
    (void)dnnl_post_ops_destroy(post);
    return attr;
}

struct types {
    dnnl_data_type_t source, weights, destination;
};

static struct types types_of(const struct product *p)
{
    return (struct types){p->is_int8 ? dnnl_u8 : dnnl_f32,
                          p->is_int8 ? dnnl_s8 : dnnl_f32,
                          p->is_int8 && !p->out_f32 ? dnnl_u8 : dnnl_f32};
}

static dnnl_primitive_desc_t convolution(const struct product *p, dnnl_engine_t engine,
                                         dnnl_primitive_attr_t attr)
{
    const struct tare_window *w = &p->window;
    const struct types t = types_of(p);
    const int64_t span_h = (w->kernel_h - 1) * w->dilation_h + 1,
                  span_w = (w->kernel_w - 1) * w->dilation_w + 1;
    const dnnl_dims_t x = {w->batch, w->in_c, w->in_h, w->in_w},
                      y = {w->batch, w->out_c, w->out_h, w->out_w}, b = {w->out_c},
                      k = {w->groups, w->out_c / w->groups, w->in_c / w->groups,
                           w->kernel_h, w->kernel_w};
    const dnnl_dims_t strides = {w->stride_h, w->stride_w},
                      dilations = {w->dilation_h - 1, w->dilation_w - 1},
                      begin = {w->pad_top, w->pad_left},
                      end = {(w->out_h - 1) * w->stride_h + span_h - w->in_h -
                                 w->pad_top,
                             (w->out_w - 1) * w->stride_w + span_w - w->in_w -
                                 w->pad_left};
    const bool grouped = w->groups > 1;
    const dnnl_format_tag_t any = dnnl_format_tag_any;
    const dnnl_memory_desc_t xd = descriptor(4, x, t.source, any),
                             kd = descriptor(grouped ? 5 : 4, grouped ? k : k + 1,
                                             t.weights, any),
                             bd = descriptor(1, b, dnnl_f32, dnnl_a),
                             yd = descriptor(4, y, t.destination, any);
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(dnnl_dilated_convolution_forward_desc_init(
              &desc, dnnl_forward_inference, dnnl_convolution_auto, &xd, &kd, &bd, &yd,
              strides, dilations, begin, end),
          "a convolution");
    check(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL), "a convolution");
    return pd;
}

/* [m, k] by weights [n, k]. */
static dnnl_primitive_desc_t
inner_product(const struct product *p, dnnl_engine_t engine, dnnl_primitive_attr_t attr)
{
    const struct tare_window *w = &p->window;
    const struct types t = types_of(p);
    const int64_t m = w->batch * w->in_w;
    const dnnl_dims_t x = {m, w->in_c}, k = {w->out_c, w->in_c}, b = {w->out_c},
                      y = {m, w->out_c};
    const dnnl_format_tag_t any = dnnl_format_tag_any;
    const dnnl_memory_desc_t xd = descriptor(2, x, t.source, any),
                             kd = descriptor(2, k, t.weights, any),
                             bd = descriptor(1, b, dnnl_f32, dnnl_a),
                             yd = descriptor(2, y, t.destination, any);
    dnnl_inner_product_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_inference, &xd, &kd,
                                               &bd, &yd),
          "an inner product");
    check(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL),
          "an inner product");
    return pd;
}

/* Pairs of activations, which come as they are: no layout of oneDNN's own. */
static dnnl_primitive_desc_t pairs(const struct product *p, dnnl_engine_t engine,
                                   dnnl_primitive_attr_t attr)
{
    const struct tare_window *w = &p->window;
    const struct types t = types_of(p);
    const dnnl_dims_t a = {p->n_pairs, w->in_w, w->in_c},
                      b = {p->n_pairs, w->in_c, w->out_c},
                      y = {p->n_pairs, w->in_w, w->out_c};
    const dnnl_memory_desc_t ad = descriptor(3, a, t.source, dnnl_abc),
                             bd = descriptor(3, b, t.weights, dnnl_abc),
                             yd = descriptor(3, y, t.destination, dnnl_abc);
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t pd;
    check(dnnl_matmul_desc_init(&desc, &ad, &bd, NULL, &yd), "a matrix product");
    check(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL),
          "a matrix product");
    return pd;
}

struct onednn *onednn_create(const struct product *p)
{
    struct onednn *o = tare_alloc_array(1, sizeof *o);
    if (!o) exit(EXIT_FAILURE);
    check(dnnl_engine_create(&o->engine, dnnl_cpu, 0), "the engine");
    check(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags),
          "the stream");
    dnnl_primitive_attr_t attr = attributes(p);
    dnnl_primitive_desc_t pd = p->n_pairs ? pairs(p, o->engine, attr)
                               : product_is_matrix(p)
                                   ? inner_product(p, o->engine, attr)
                                   : convolution(p, o->engine, attr);
    add_argument(o, DNNL_ARG_SRC,
                 dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0));
    add_argument(o, DNNL_ARG_WEIGHTS,
                 dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0));
    add_argument(o, DNNL_ARG_DST,
                 dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0));
    if (!p->n_pairs)
        add_argument(o, DNNL_ARG_BIAS,
                     dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1));
    check(dnnl_primitive_create(&o->primitive, pd), "a primitive");
    (void)dnnl_primitive_desc_destroy(pd);
    (void)dnnl_primitive_attr_destroy(attr);
    return o;
}

void onednn_run(const struct onednn *o)
{
    check(dnnl_primitive_execute(o->primitive, o->stream, o->n_args, o->args),
          "running");
    check(dnnl_stream_wait(o->stream), "running");
}

void onednn_destroy(struct onednn *o)
{
    for (int i = 0; i < o->n_args; i++) {
        (void)dnnl_memory_destroy(o->args[i].memory);
        tare_free(o->buffers[i]);
    }
    (void)dnnl_primitive_destroy(o->primitive);
    (void)dnnl_stream_destroy(o->stream);
    (void)dnnl_engine_destroy(o->engine);
    tare_free(o);
}
