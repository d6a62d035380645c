/* onednn_conv [--seconds=S] - our INT8 convolution kernels beside oneDNN's, layer by
 * layer: the two take turns on one thread, and the medians and their ratio are printed.
 * Shapes are ResNet-50's and MobileNetV2's. Built with -DTARE_ONEDNN=ON. */
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "kernels/u8_conv/u8_conv.h"
#include "kernels/u8_depthwise/u8_depthwise.h"

/* Square images and kernels; "same" padding. */
struct layer {
    const char *name;
    int64_t in_c, out_c, size, kernel, stride, groups;
};

static const struct layer layers[] = {
    {"ResNet-50 7x7/2 3-64", 3, 64, 224, 7, 2, 1},
    {"ResNet-50 1x1 64-256 @56", 64, 256, 56, 1, 1, 1},
    {"ResNet-50 3x3 64-64 @56", 64, 64, 56, 3, 1, 1},
    {"ResNet-50 3x3 128-128 @28", 128, 128, 28, 3, 1, 1},
    {"ResNet-50 1x1 512-128 @28", 512, 128, 28, 1, 1, 1},
    {"ResNet-50 3x3 256-256 @14", 256, 256, 14, 3, 1, 1},
    {"ResNet-50 1x1 256-1024 @14", 256, 1024, 14, 1, 1, 1},
    {"ResNet-50 3x3 512-512 @7", 512, 512, 7, 3, 1, 1},
    {"MobileNetV2 3x3/2 3-32", 3, 32, 224, 3, 2, 1},
    {"MobileNetV2 depthwise 96/2 @112", 96, 96, 112, 3, 2, 96},
    {"MobileNetV2 depthwise 144 @56", 144, 144, 56, 3, 1, 144},
    {"MobileNetV2 1x1 96-24 @56", 96, 24, 56, 1, 1, 1},
    {"MobileNetV2 depthwise 384 @14", 384, 384, 14, 3, 1, 384},
    {"MobileNetV2 1x1 384-64 @14", 384, 64, 14, 1, 1, 1},
};

static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return;
    (void)fprintf(stderr, "onednn_conv: %s: oneDNN says %d\n", what, (int)status);
    exit(EXIT_FAILURE);
}

static void *filled(size_t n_bytes)
{
    uint8_t *data = tare_alloc_array(n_bytes + 256, 1);
    if (!data) {
        (void)fprintf(stderr, "onednn_conv: no memory\n");
        exit(EXIT_FAILURE);
    }
    uint32_t state = 1;
    for (size_t i = 0; i < n_bytes; i++) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        data[i] = (uint8_t)((state >> 24) % 127);
    }
    return data;
}

static int64_t out_size(const struct layer *l)
{
    return (l->size + 2 * (l->kernel / 2) - l->kernel) / l->stride + 1;
}

/* Ours: parameters, buffers, and one call over all units. */
struct ours {
    struct tare_u8_conv params;
    struct tare_u8_conv_data data;
    void *scratch;
    bool is_depthwise;
};

static struct ours make_ours(const struct layer *l)
{
    struct ours o = {.is_depthwise = l->groups > 1};
    const int64_t out = out_size(l);
    o.params.window = (struct tare_window){.batch = 1,
                                           .in_h = l->size,
                                           .in_w = l->size,
                                           .in_c = l->in_c,
                                           .out_h = out,
                                           .out_w = out,
                                           .out_c = l->out_c,
                                           .groups = l->groups,
                                           .kernel_h = l->kernel,
                                           .kernel_w = l->kernel,
                                           .stride_h = l->stride,
                                           .stride_w = l->stride,
                                           .dilation_h = 1,
                                           .dilation_w = 1,
                                           .pad_top = l->kernel / 2,
                                           .pad_left = l->kernel / 2};
    o.params.epilogue = (struct tare_u8_epilogue){
        .negative_slope = 1.0f, .lower = 0.0f, .upper = 255.0f};
    size_t packed_bytes, scratch_bytes;
    const bool fits =
        o.is_depthwise ? tare_u8_depthwise_packed_bytes(&o.params, &packed_bytes) &&
                             tare_u8_depthwise_scratch_bytes(&o.params, &scratch_bytes)
                       : tare_u8_conv_packed_bytes(&o.params, &packed_bytes) &&
                             tare_u8_conv_scratch_bytes(&o.params, &scratch_bytes);
    if (!fits) exit(EXIT_FAILURE);
    int8_t *weights =
        filled((size_t)(l->out_c * (l->in_c / l->groups) * l->kernel * l->kernel));
    int8_t *packed = filled(packed_bytes);
    float *multiplier = filled((size_t)l->out_c * sizeof *multiplier);
    for (int64_t c = 0; c < l->out_c; c++)
        multiplier[c] = 0.001f;
    if (o.is_depthwise)
        tare_u8_depthwise_pack(&o.params, weights, packed);
    else
        tare_u8_conv_pack(&o.params, weights, packed);
    o.scratch = filled(scratch_bytes);
    o.data = (struct tare_u8_conv_data){
        .x = filled((size_t)(l->size * l->size * l->in_c)),
        .weights = packed,
        .acc_init = tare_alloc_array((size_t)l->out_c + 64, sizeof(int32_t)),
        .multiplier = multiplier,
        .bias = tare_alloc_array((size_t)l->out_c + 64, sizeof(float)),
        .y = filled((size_t)(out * out * l->out_c)),
    };
    tare_free(weights);
    return o;
}

static void run_ours(const struct ours *o)
{
    const uint32_t cpu = tare_cpu_flags();
    if (o->is_depthwise)
        tare_u8_depthwise_select(cpu)(&o->params, &o->data, o->scratch, 0,
                                      tare_u8_depthwise_units(&o->params));
    else
        tare_u8_conv_select(cpu)(&o->params, &o->data, o->scratch, 0,
                                 tare_u8_conv_units(&o->params));
}

static void free_ours(struct ours *o)
{
    tare_free((void *)(uintptr_t)o->data.x);
    tare_free((void *)(uintptr_t)o->data.weights);
    tare_free((void *)(uintptr_t)o->data.acc_init);
    tare_free((void *)(uintptr_t)o->data.multiplier);
    tare_free((void *)(uintptr_t)o->data.bias);
    tare_free(o->data.y);
    tare_free(o->scratch);
}

/* oneDNN's: u8 x s8 -> u8 with a scale per channel, ReLU and bias, layouts as it likes.
 */
struct theirs {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[4];
    void *buffers[4];
};

static dnnl_memory_desc_t descriptor(int rank, const dnnl_dims_t dims,
                                     dnnl_data_type_t type)
{
    dnnl_memory_desc_t d;
    check(dnnl_memory_desc_init_by_tag(&d, rank, dims, type,
                                       rank == 1 ? dnnl_a : dnnl_format_tag_any),
          "a memory descriptor");
    return d;
}

static void add_argument(struct theirs *t, int i, int id, dnnl_engine_t engine,
                         const_dnnl_primitive_desc_t pd, dnnl_query_t what, int index)
{
    const dnnl_memory_desc_t *d = dnnl_primitive_desc_query_md(pd, what, index);
    t->buffers[i] = filled(dnnl_memory_desc_get_size(d));
    t->args[i].arg = id;
    check(dnnl_memory_create(&t->args[i].memory, d, engine, t->buffers[i]), "a memory");
}

static struct theirs make_theirs(const struct layer *l, dnnl_engine_t engine)
{
    const int64_t out = out_size(l), pad = l->kernel / 2;
    const int64_t pad_end = (out - 1) * l->stride + l->kernel - l->size - pad;
    const dnnl_dims_t x = {1, l->in_c, l->size, l->size}, y = {1, l->out_c, out, out};
    const dnnl_dims_t w = {l->out_c, l->in_c, l->kernel, l->kernel}, b = {l->out_c};
    const dnnl_dims_t grouped = {l->groups, l->out_c / l->groups, l->in_c / l->groups,
                                 l->kernel, l->kernel};
    const dnnl_dims_t strides = {l->stride, l->stride}, begin = {pad, pad},
                      end = {pad_end, pad_end};
    const dnnl_memory_desc_t xd = descriptor(4, x, dnnl_u8),
                             bd = descriptor(1, b, dnnl_f32),
                             yd = descriptor(4, y, dnnl_u8),
                             wd = l->groups > 1 ? descriptor(5, grouped, dnnl_s8)
                                                : descriptor(4, w, dnnl_s8);
    dnnl_convolution_desc_t desc;
    check(dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference,
                                             dnnl_convolution_direct, &xd, &wd, &bd,
                                             &yd, strides, begin, end),
          "a convolution");
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t post;
    float *scales = filled((size_t)l->out_c * sizeof *scales);
    for (int64_t c = 0; c < l->out_c; c++)
        scales[c] = 0.001f;
    check(dnnl_primitive_attr_create(&attr), "attributes");
    check(dnnl_primitive_attr_set_output_scales(attr, l->out_c, 1 << 1, scales),
          "scales");
    check(dnnl_post_ops_create(&post), "post operations");
    check(dnnl_post_ops_append_eltwise(post, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f),
          "ReLU");
    check(dnnl_primitive_attr_set_post_ops(attr, post), "post operations");
    dnnl_primitive_desc_t pd;
    check(dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL), l->name);
    struct theirs t = {.primitive = NULL};
    add_argument(&t, 0, DNNL_ARG_SRC, engine, pd, dnnl_query_src_md, 0);
    add_argument(&t, 1, DNNL_ARG_WEIGHTS, engine, pd, dnnl_query_weights_md, 0);
    add_argument(&t, 2, DNNL_ARG_BIAS, engine, pd, dnnl_query_weights_md, 1);
    add_argument(&t, 3, DNNL_ARG_DST, engine, pd, dnnl_query_dst_md, 0);
    check(dnnl_primitive_create(&t.primitive, pd), l->name);
    (void)dnnl_primitive_desc_destroy(pd);
    (void)dnnl_post_ops_destroy(post);
    (void)dnnl_primitive_attr_destroy(attr);
    tare_free(scales);
    return t;
}

static void free_theirs(struct theirs *t)
{
    for (int i = 0; i < 4; i++) {
        (void)dnnl_memory_destroy(t->args[i].memory);
        tare_free(t->buffers[i]);
    }
    (void)dnnl_primitive_destroy(t->primitive);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

enum { MAX_TURNS = 4096 };

static void compare(const struct layer *l, dnnl_engine_t engine, dnnl_stream_t stream,
                    double seconds)
{
    static double ours_ms[MAX_TURNS], theirs_ms[MAX_TURNS];
    struct ours o = make_ours(l);
    struct theirs t = make_theirs(l, engine);
    const double begin = tare_clock_ms();
    int n = 0;
    while (n < MAX_TURNS && (n < 15 || tare_clock_ms() - begin < 1e3 * seconds)) {
        const double start = tare_clock_ms();
        run_ours(&o);
        const double middle = tare_clock_ms();
        check(dnnl_primitive_execute(t.primitive, stream, 4, t.args), "running");
        check(dnnl_stream_wait(stream), "running");
        ours_ms[n] = middle - start;
        theirs_ms[n++] = tare_clock_ms() - middle;
    }
    qsort(ours_ms, (size_t)n, sizeof *ours_ms, ascending);
    qsort(theirs_ms, (size_t)n, sizeof *theirs_ms, ascending);
    const int64_t out = out_size(l);
    const double gop = 2e-9 * (double)(out * out * l->out_c * (l->in_c / l->groups) *
                                       l->kernel * l->kernel);
    printf("%-34s %9.1f %9.1f %9.0f %9.0f %8.2f\n", l->name, 1e3 * ours_ms[n / 2],
           1e3 * theirs_ms[n / 2], 1e3 * gop / ours_ms[n / 2],
           1e3 * gop / theirs_ms[n / 2], theirs_ms[n / 2] / ours_ms[n / 2]);
    free_ours(&o);
    free_theirs(&t);
}

int main(int argc, char **argv)
{
    double seconds = 0.3;
    if (argc == 2 && strncmp(argv[1], "--seconds=", 10) == 0)
        seconds = strtod(argv[1] + 10, NULL);
    else if (argc != 1) {
        (void)fprintf(stderr,
                      "usage: onednn_conv [--seconds=S]   S a layer, default 0.3\n");
        return 2;
    }
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "the engine");
    check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "the stream");
    const dnnl_version_t *version = dnnl_version();
    printf("one thread; oneDNN %d.%d.%d; medians of alternating runs\n\n",
           version->major, version->minor, version->patch);
    printf("%-34s %9s %9s %9s %9s %8s\n", "layer", "ours us", "theirs us", "ours GOPS",
           "theirs", "speed-up");
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        compare(&layers[i], engine, stream, seconds);
    (void)dnnl_stream_destroy(stream);
    (void)dnnl_engine_destroy(engine);
    return 0;
}
