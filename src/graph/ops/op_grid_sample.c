/* GridSample and AffineGrid. */
#include <math.h>
#include <stdlib.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum { MAX_AXES = 3, MAX_TAPS = 4 };
enum sample_mode { SAMPLE_LINEAR, SAMPLE_NEAREST, SAMPLE_CUBIC };
enum padding { PADDING_ZEROS, PADDING_BORDER, PADDING_REFLECTION };

struct grid_sample {
    enum sample_mode mode;
    enum padding padding;
    bool align_corners;
    int32_t n_axes;
    int64_t length[MAX_AXES]; /* of the input's spatial axes */
    int32_t n_taps;           /* inputs along an axis that make an output */
};

static enum tare_status read_modes(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   struct grid_sample *out, struct tare_error *err)
{
    static const char *const old_modes[] = {"bilinear", "nearest", "bicubic"};
    static const char *const modes[] = {"linear", "nearest", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    static const int32_t n_taps[] = {2, 1, 4};
    size_t mode, padding;
    enum tare_status st = tare_op_choice(
        node, "mode", graph->opset < 20 ? old_modes : modes, 3, 0, &mode, err);
    if (st == TARE_OK)
        st = tare_op_choice(node, "padding_mode", paddings, 3, 0, &padding, err);
    if (st != TARE_OK) return st;
    out->mode = (enum sample_mode)mode;
    out->padding = (enum padding)padding;
    out->n_taps = n_taps[mode];
    out->align_corners = tare_node_int(node, "align_corners", 0) != 0;
    return TARE_OK;
}

static enum tare_status read_grid_sample(const struct tare_graph *graph,
                                         const struct tare_node *node,
                                         struct grid_sample *out,
                                         struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *grid = &tare_op_input(graph, node, 1)->dims;
    const enum tare_status st = read_modes(graph, node, out, err);
    if (st != TARE_OK) return st;
    out->n_axes = x->rank - 2;
    if (out->n_axes > MAX_AXES)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the input has rank %d, tare samples at most %d", (int)x->rank,
                       MAX_AXES + 2);
    char text[TARE_DIMS_TEXT], text_grid[TARE_DIMS_TEXT];
    bool fits = out->n_axes >= 1 && grid->rank == x->rank && grid->d[0] == x->d[0] &&
                grid->d[grid->rank - 1] == out->n_axes;
    for (int32_t i = 0; fits && i < out->n_axes; i++) {
        out->length[i] = x->d[2 + i];
        fits = out->length[i] > 0;
    }
    if (!fits)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "a grid of %.80s does not fit an input of %.80s",
                       tare_dims_print(grid, text_grid), tare_dims_print(x, text));
    return TARE_OK;
}

enum tare_status tare_infer_grid_sample(struct tare_graph *graph,
                                        struct tare_node *node, struct tare_error *err)
{
    struct grid_sample s;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = read_grid_sample(graph, node, &s, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    for (int32_t i = 0; i < s.n_axes; i++)
        out.d[2 + i] = tare_op_input(graph, node, 1)->dims.d[1 + i];
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

/* The input index that index `i` of an axis shows; -1: a zero. Reflection is at the
 * middle of the first and the last element, or half an element outside of it. */
static int64_t pad_index(const struct grid_sample *s, int64_t i, int64_t n)
{
    if (i >= 0 && i < n) return i;
    if (s->padding == PADDING_ZEROS) return -1;
    if (s->padding == PADDING_BORDER) return i < 0 ? 0 : n - 1;
    if (s->align_corners) {
        if (n == 1) return 0;
        const int64_t at = llabs(i) % (2 * (n - 1));
        return at < n ? at : 2 * (n - 1) - at;
    }
    const int64_t at = (i < 0 ? -i - 1 : i) % (2 * n);
    return at < n ? at : 2 * n - 1 - at;
}

/* Where a grid value of [-1, 1] lies in an axis of n; kept within what an integer
 * holds. The arithmetic is float32, as onnxruntime's. */
static float denormalize(const struct grid_sample *s, float value, int64_t n)
{
    const float x = s->align_corners ? (value + 1.0F) / 2.0F * (float)(n - 1)
                                     : ((value + 1.0F) * (float)n - 1.0F) / 2.0F;
    return fminf(fmaxf(x, -1e15F), 1e15F);
}

static void set_weights(enum sample_mode mode, double t, double weight[MAX_TAPS])
{
    if (mode == SAMPLE_NEAREST) {
        weight[0] = 1.0;
    } else if (mode == SAMPLE_LINEAR) {
        weight[0] = 1.0 - t;
        weight[1] = t;
    } else {
        const double a = -0.75;
        for (int k = 0; k < MAX_TAPS; k++) {
            const double d = fabs(t + 1.0 - k);
            weight[k] = d <= 1.0 ? ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
                                 : ((d - 5.0) * d + 8.0) * d * a - 4.0 * a;
        }
    }
}

/* An output point: elements of a plane, and their weights. */
struct point {
    int n;
    int64_t offset[MAX_TAPS * MAX_TAPS * MAX_TAPS];
    double weight[MAX_TAPS * MAX_TAPS * MAX_TAPS];
};

/* @param grid  [n_axes] the point's place, last axis first. */
static void set_point(const struct grid_sample *s, const float *grid,
                      struct point *point)
{
    point->n = 1;
    point->offset[0] = 0;
    point->weight[0] = 1.0;
    for (int32_t axis = 0; axis < s->n_axes; axis++) {
        const int64_t n = s->length[axis];
        const float x = denormalize(s, grid[s->n_axes - 1 - axis], n);
        const float low = s->mode == SAMPLE_NEAREST ? nearbyintf(x) : floorf(x);
        const int64_t first = (int64_t)low - (s->mode == SAMPLE_CUBIC ? 1 : 0);
        double weight[MAX_TAPS];
        set_weights(s->mode, (double)x - (double)low, weight);
        struct point longer = {.n = 0};
        for (int i = 0; i < point->n; i++)
            for (int32_t k = 0; k < s->n_taps; k++) {
                const int64_t index = pad_index(s, first + k, n);
                if (index < 0) continue;
                longer.offset[longer.n] = point->offset[i] * n + index;
                longer.weight[longer.n++] = point->weight[i] * weight[k];
            }
        *point = longer;
    }
}

enum tare_status tare_eval_grid_sample(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       const struct tare_const *inputs,
                                       struct tare_const *outputs,
                                       struct tare_error *err)
{
    struct grid_sample s;
    enum tare_status st = read_grid_sample(graph, node, &s, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const int64_t batches = inputs[0].dims.d[0], channels = inputs[0].dims.d[1];
    const int64_t n_in = tare_dims_count(&inputs[0].dims) / batches / channels;
    const int64_t n_out = tare_dims_count(&outputs[0].dims) / batches / channels;
    const float *grid = inputs[1].data;
    for (int64_t b = 0; b < batches; b++) {
        const float *x = (const float *)inputs[0].data + b * channels * n_in;
        float *y = (float *)outputs[0].data + b * channels * n_out;
        for (int64_t o = 0; o < n_out; o++, grid += s.n_axes) {
            struct point point;
            set_point(&s, grid, &point);
            for (int64_t c = 0; c < channels; c++) {
                double sum = 0.0;
                for (int i = 0; i < point.n; i++)
                    sum += point.weight[i] * (double)x[c * n_in + point.offset[i]];
                y[c * n_out + o] = (float)sum;
            }
        }
    }
    return TARE_OK;
}

enum tare_status tare_infer_affine_grid(struct tare_graph *graph,
                                        struct tare_node *node, struct tare_error *err)
{
    const struct tare_dims *theta = &tare_op_input(graph, node, 0)->dims;
    struct tare_dims size = {.rank = 0};
    size_t n;
    bool given;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "size", 1, TARE_MAX_RANK, size.d, &n, &given,
                          err);
    if (st != TARE_OK) return st;
    size.rank = (int32_t)n;
    const int32_t axes = size.rank - 2;
    char text[TARE_DIMS_TEXT], text_size[TARE_DIMS_TEXT];
    if ((axes != 2 && axes != 3) || !tare_dims_known(&size) || theta->rank != 3 ||
        theta->d[0] != size.d[0] || theta->d[1] != axes || theta->d[2] != axes + 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "theta is %.80s and size %.80s, want [N, 2, 3] and [N, C, H, W] "
                       "or [N, 3, 4] and [N, C, D, H, W]",
                       tare_dims_print(theta, text), tare_dims_print(&size, text_size));
    struct tare_dims out = {.rank = size.rank, .d = {size.d[0]}};
    for (int32_t i = 0; i < axes; i++)
        out.d[1 + i] = size.d[2 + i];
    out.d[out.rank - 1] = axes;
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

/* Element i of an axis of n in [-1, 1]: the ends are the middles of the first and last
 * element, or half an element outside. */
static double normalize(bool align_corners, int64_t i, int64_t n)
{
    if (!align_corners) return (double)(2 * i + 1) / (double)n - 1.0;
    return n > 1 ? 2.0 * (double)i / (double)(n - 1) - 1.0 : 0.0;
}

enum tare_status tare_eval_affine_grid(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       const struct tare_const *inputs,
                                       struct tare_const *outputs,
                                       struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const bool align_corners = tare_node_int(node, "align_corners", 0) != 0;
    const int32_t axes = outputs[0].dims.rank - 2;
    struct tare_dims points = outputs[0].dims;
    points.rank--;
    int64_t index[TARE_MAX_RANK] = {0};
    float *y = outputs[0].data;
    do {
        const float *theta =
            (const float *)inputs[0].data + index[0] * axes * (axes + 1);
        for (int32_t i = 0; i < axes; i++, theta += axes + 1) {
            double sum = (double)theta[axes];
            for (int32_t k = 0; k < axes; k++)
                sum += (double)theta[k] *
                       normalize(align_corners, index[axes - k], points.d[axes - k]);
            *y++ = (float)sum;
        }
    } while (tare_dims_next(&points, index, NULL, NULL, 0));
    return TARE_OK;
}
