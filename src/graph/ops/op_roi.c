/* RoiAlign and MaxRoiPool: regions of images, each brought to one size. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

/* A region this many samples or elements long is not meant. */
#define MAX_REGION 65536.0F

/* X is [N, C, H, W], the regions [n, width], the output [n, C, out_h, out_w]. */
static enum tare_status set_output(struct tare_graph *graph, struct tare_node *node,
                                   int64_t width, int64_t out_h, int64_t out_w,
                                   struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *rois = &tare_op_input(graph, node, 1)->dims;
    char text[TARE_DIMS_TEXT], text_rois[TARE_DIMS_TEXT];
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st != TARE_OK) return st;
    if (x->rank != 4 || x->d[2] < 1 || x->d[3] < 1 || rois->rank != 2 ||
        rois->d[1] != width)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the input is %.60s and the regions %.60s, want [N, C, H, W] "
                       "and [n, %lld]",
                       tare_dims_print(x, text), tare_dims_print(rois, text_rois),
                       (long long)width);
    if (out_h < 1 || out_w < 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "an output of %lld x %lld",
                       (long long)out_h, (long long)out_w);
    const struct tare_dims out = {.rank = 4, .d = {rois->d[0], x->d[1], out_h, out_w}};
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

struct roi_align {
    bool is_max, half_pixel;
    int64_t ratio; /* samples a bin along an axis; 0: as many as it has elements */
    float scale;
};

static enum tare_status read_roi_align(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       struct roi_align *out, struct tare_error *err)
{
    static const char *const modes[] = {"avg", "max"};
    static const char *const coordinates[] = {"output_half_pixel", "half_pixel"};
    size_t mode, coordinate;
    enum tare_status st = tare_op_choice(node, "mode", modes, 2, 0, &mode, err);
    if (st == TARE_OK)
        st = tare_op_choice(node, "coordinate_transformation_mode", coordinates, 2,
                            graph->opset < 16 ? 0 : 1, &coordinate, err);
    if (st != TARE_OK) return st;
    out->is_max = mode == 1;
    out->half_pixel = coordinate == 1;
    out->ratio = tare_node_int(node, "sampling_ratio", 0);
    out->scale = tare_node_float(node, "spatial_scale", 1.0F);
    if (out->ratio < 0 || out->ratio > (int64_t)MAX_REGION)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "sampling_ratio is %lld",
                       (long long)out->ratio);
    return TARE_OK;
}

enum tare_status tare_infer_roi_align(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_dims *rois = &tare_op_input(graph, node, 1)->dims;
    const struct tare_dims *batches = &tare_op_input(graph, node, 2)->dims;
    struct roi_align align;
    enum tare_status st = tare_op_want_dtype(graph, node, 2, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = read_roi_align(graph, node, &align, err);
    if (st == TARE_OK)
        st = set_output(graph, node, 4, tare_node_int(node, "output_height", 1),
                        tare_node_int(node, "output_width", 1), err);
    if (st != TARE_OK) return st;
    char text[TARE_DIMS_TEXT];
    if (batches->rank != 1 || batches->d[0] != rois->d[0])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "batch_indices is %.80s, there are %lld regions",
                       tare_dims_print(batches, text), (long long)rois->d[0]);
    return TARE_OK;
}

/* A sample between two elements of an axis; both weights are 0 outside. */
struct sample {
    int64_t low, high;
    float weight_low, weight_high;
};

static struct sample make_sample(float at, int64_t length)
{
    if (!(at >= -1.0F && at <= (float)length)) return (struct sample){.low = 0};
    if (at < 0.0F) at = 0.0F;
    const int64_t low = (int64_t)at;
    if (low >= length - 1) return (struct sample){length - 1, length - 1, 1.0F, 0.0F};
    return (struct sample){low, low + 1, 1.0F - (at - (float)low), at - (float)low};
}

/* The samples of one axis, `per_bin` for each of `n` bins; NULL without memory. The
 * arithmetic is float32, as onnxruntime's. */
static struct sample *axis_samples(float start, float end,
                                   const struct roi_align *align, int64_t length,
                                   int64_t n, int64_t *per_bin)
{
    float size = end - start;
    if (!align->half_pixel && size < 1.0F) size = 1.0F;
    const float bin = size / (float)n;
    const float wanted = align->ratio ? (float)align->ratio : ceilf(bin);
    *per_bin = wanted > 0.0F ? (int64_t)wanted : 0;
    size_t n_samples;
    struct sample *samples = NULL;
    if (tare_mul_size((size_t)n, (size_t)*per_bin, &n_samples))
        samples = tare_alloc_array(n_samples, sizeof *samples);
    for (int64_t i = 0; samples && i < n; i++)
        for (int64_t k = 0; k < *per_bin; k++)
            samples[i * *per_bin + k] = make_sample(
                start + (float)i * bin + ((float)k + 0.5F) * bin / (float)*per_bin,
                length);
    return samples;
}

static float pool_bin(bool is_max, const float *plane, int64_t width,
                      const struct sample *y, int64_t n_y, const struct sample *x,
                      int64_t n_x)
{
    double sum = 0.0, largest = n_y * n_x > 0 ? -HUGE_VAL : 0.0;
    for (int64_t i = 0; i < n_y; i++)
        for (int64_t k = 0; k < n_x; k++) {
            const float *low = plane + y[i].low * width;
            const float *high = plane + y[i].high * width;
            const double parts[] = {
                (double)(y[i].weight_low * x[k].weight_low) * (double)low[x[k].low],
                (double)(y[i].weight_low * x[k].weight_high) * (double)low[x[k].high],
                (double)(y[i].weight_high * x[k].weight_low) * (double)high[x[k].low],
                (double)(y[i].weight_high * x[k].weight_high) *
                    (double)high[x[k].high]};
            for (int p = 0; p < 4; p++) {
                sum += parts[p];
                largest = fmax(largest, parts[p]);
            }
        }
    return (float)(is_max ? largest : sum / fmax((double)(n_y * n_x), 1.0));
}

/* @param image  [channels, in_h, in_w]; roi  x, y, x, y; out  [channels, out_h, out_w].
 */
static enum tare_status align_region(const struct tare_node *node,
                                     const struct roi_align *align, const float *image,
                                     const struct tare_dims *in, const float *roi,
                                     const struct tare_dims *out, float *y,
                                     struct tare_error *err)
{
    const float offset = align->half_pixel ? 0.5F : 0.0F;
    float at[4];
    for (int i = 0; i < 4; i++) {
        at[i] = roi[i] * align->scale - offset;
        if (!(fabsf(at[i]) <= MAX_REGION))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "a region reaches to %g",
                           (double)at[i]);
    }
    int64_t n_y, n_x;
    const int64_t out_h = out->d[2], out_w = out->d[3];
    struct sample *rows = axis_samples(at[1], at[3], align, in->d[2], out_h, &n_y);
    struct sample *columns = axis_samples(at[0], at[2], align, in->d[3], out_w, &n_x);
    const bool has_memory = rows && columns;
    for (int64_t i = 0; has_memory && i < in->d[1] * out_h * out_w; i++) {
        const int64_t c = i / out_w / out_h, h = i / out_w % out_h, w = i % out_w;
        y[i] = pool_bin(align->is_max, image + c * in->d[2] * in->d[3], in->d[3],
                        rows + h * n_y, n_y, columns + w * n_x, n_x);
    }
    tare_free(rows);
    tare_free(columns);
    if (!has_memory)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory for samples");
    return TARE_OK;
}

enum tare_status tare_eval_roi_align(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     const struct tare_const *inputs,
                                     struct tare_const *outputs, struct tare_error *err)
{
    const struct tare_dims *in = &inputs[0].dims, *out = &outputs[0].dims;
    struct roi_align align;
    enum tare_status st = read_roi_align(graph, node, &align, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const int64_t n_image = in->d[1] * in->d[2] * in->d[3];
    const int64_t n_out = out->d[1] * out->d[2] * out->d[3];
    for (int64_t i = 0; i < out->d[0] && st == TARE_OK; i++) {
        const int64_t batch = tare_const_get_int(&inputs[2], i);
        if (batch < 0 || batch >= in->d[0])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "batch index %lld of %lld",
                           (long long)batch, (long long)in->d[0]);
        st = align_region(node, &align, (const float *)inputs[0].data + batch * n_image,
                          in, (const float *)inputs[1].data + i * 4, out,
                          (float *)outputs[0].data + i * n_out, err);
    }
    return st;
}

enum tare_status tare_infer_max_roi_pool(struct tare_graph *graph,
                                         struct tare_node *node, struct tare_error *err)
{
    int64_t shape[2];
    if (!tare_node_attr(node, "pooled_shape"))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "attribute 'pooled_shape' is missing");
    const enum tare_status st = tare_node_ints(node, "pooled_shape", 2, 1, shape, err);
    if (st != TARE_OK) return st;
    return set_output(graph, node, 5, shape[0], shape[1], err);
}

/* The elements of bin `i` of `n` along an axis whose region begins at `start`. */
static void bin_range(float start, float end, int64_t i, int64_t n, int64_t length,
                      int64_t *first, int64_t *last)
{
    const float bin = fmaxf(end - start + 1.0F, 1.0F) / (float)n;
    const float low = floorf((float)i * bin) + start;
    const float high = ceilf((float)(i + 1) * bin) + start;
    *first = (int64_t)fminf(fmaxf(low, 0.0F), (float)length);
    *last = (int64_t)fminf(fmaxf(high, 0.0F), (float)length);
}

/* The largest element of a bin, 0 when it is empty. */
static float max_of_bin(const float *plane, const struct tare_dims *in,
                        const struct tare_dims *out, const float at[4], int64_t h,
                        int64_t w)
{
    int64_t top, bottom, left, right;
    bin_range(at[1], at[3], h, out->d[2], in->d[2], &top, &bottom);
    bin_range(at[0], at[2], w, out->d[3], in->d[3], &left, &right);
    if (bottom <= top || right <= left) return 0.0F;
    float largest = -INFINITY;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++)
            largest = fmaxf(largest, plane[y * in->d[3] + x]);
    return largest;
}

enum tare_status tare_eval_max_roi_pool(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        const struct tare_const *inputs,
                                        struct tare_const *outputs,
                                        struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *in = &inputs[0].dims, *out = &outputs[0].dims;
    const float scale = tare_node_float(node, "spatial_scale", 1.0F);
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const int64_t n_plane = in->d[2] * in->d[3], n_bins = out->d[2] * out->d[3];
    float *y = outputs[0].data;
    for (int64_t i = 0; i < out->d[0]; i++) {
        const float *roi = (const float *)inputs[1].data + i * 5;
        float at[4];
        for (int k = 0; k < 4; k++)
            at[k] = roundf(roi[1 + k] * scale);
        const bool valid = fabsf(at[0]) <= MAX_REGION && fabsf(at[1]) <= MAX_REGION &&
                           fabsf(at[2]) <= MAX_REGION && fabsf(at[3]) <= MAX_REGION;
        if (!valid || !(roi[0] > -1.0F && roi[0] < (float)in->d[0]))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "region %lld (%g %g %g %g of batch %g) is out of range",
                           (long long)i, (double)roi[1], (double)roi[2], (double)roi[3],
                           (double)roi[4], (double)roi[0]);
        const float *image =
            (const float *)inputs[0].data + (int64_t)roi[0] * in->d[1] * n_plane;
        for (int64_t k = 0; k < in->d[1] * n_bins; k++)
            *y++ = max_of_bin(image + k / n_bins * n_plane, in, out, at,
                              k % n_bins / out->d[3], k % out->d[3]);
    }
    return TARE_OK;
}
