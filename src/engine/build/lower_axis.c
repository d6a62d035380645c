/* What works along axes: softmax, normalization, reductions, resampling. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weights.h"
#include "engine/layers/params_u8.h"

enum tare_status tare_lower_softmax(struct tare_lower *l, const struct tare_node *node,
                                    struct tare_error *err)
{
    struct tare_f32_softmax params;
    int32_t x, y;
    memset(&params, 0, sizeof params);
    enum tare_status st = tare_node_softmax_axes(l->graph, node, &params.outer,
                                                 &params.n, &params.inner, err);
    if (st == TARE_OK)
        st = tare_lower_use(l, node->inputs[0], TARE_LINEAR,
                            tare_lower_form(l, node, node->inputs[0]), &x, err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, node, TARE_LAYER_F32_SOFTMAX, &params, &x, 1, y, err);
}

/* The kernel takes scale and shift as constants, one value for each of the n elements
 * that are normalized together; `tensor` may be absent, for zeros. */
static enum tare_status add_row(struct tare_lower *l, const struct tare_node *node,
                                int32_t tensor, int64_t n, int32_t *id,
                                struct tare_error *err)
{
    if (tensor == TARE_NO_TENSOR) {
        float *zeros = tare_alloc_array((size_t)n, sizeof *zeros);
        TARE_FAIL_IF(!zeros, err, TARE_E_NOMEM, "engine: no memory while building");
        const enum tare_status st =
            tare_plan_add_vector(l->plan, TARE_F32, (size_t)n, zeros, id, err);
        tare_free(zeros);
        return st;
    }
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    if (!tare_tensor_is_const(t) || tare_dims_count(&t->dims) != n)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "'%.80s' is no constant of %lld values", t->name, (long long)n);
    return tare_plan_add_vector(l->plan, TARE_F32, (size_t)n, t->data, id, err);
}

enum tare_status tare_lower_layer_norm(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err)
{
    const struct tare_dims *dims = &tare_lower_tensor(l, node->inputs[0])->dims;
    struct tare_f32_layer_norm params;
    int32_t axis, inputs[3], y;
    memset(&params, 0, sizeof params);
    params.n = 1;
    params.epsilon = tare_node_float(node, "epsilon", 1e-5f);
    params.keeps_mean = node->op == TARE_OP_RMS_NORMALIZATION;
    enum tare_status st = tare_node_axis(node, -1, dims->rank, &axis, err);
    for (int32_t i = axis; st == TARE_OK && i < dims->rank; i++)
        params.n *= dims->d[i];
    params.rows = tare_dims_count(dims) / params.n;
    if (st == TARE_OK)
        st = add_row(l, node, node->inputs[1], params.n, &inputs[1], err);
    if (st == TARE_OK)
        st = add_row(l, node, tare_lower_input(node, 2), params.n, &inputs[2], err);
    if (st == TARE_OK)
        st = tare_lower_use(l, node->inputs[0], TARE_LINEAR,
                            tare_lower_form(l, node, node->inputs[0]), &inputs[0], err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, node, TARE_LAYER_F32_LAYER_NORM, &params, inputs, 3, y,
                          err);
}

static int32_t reduce_mode(enum tare_op op)
{
    switch (op) {
    case TARE_OP_REDUCE_SUM: return TARE_REDUCE_SUM;
    case TARE_OP_REDUCE_MAX: return TARE_REDUCE_MAX;
    case TARE_OP_REDUCE_MIN: return TARE_REDUCE_MIN;
    default: return TARE_REDUCE_MEAN;
    }
}

/* The last run of reduced axes as [outer, n, inner]; those axes become 1 in dims. */
static bool next_group(struct tare_dims *dims, bool *reduced,
                       struct tare_f32_reduce *params)
{
    int last = dims->rank - 1;
    while (last >= 0 && !reduced[last])
        last--;
    if (last < 0) return false;
    params->outer = params->n = params->inner = 1;
    for (int i = last + 1; i < dims->rank; i++)
        params->inner *= dims->d[i];
    int axis = last;
    for (; axis >= 0 && reduced[axis]; axis--) {
        params->n *= dims->d[axis];
        dims->d[axis] = 1;
        reduced[axis] = false;
    }
    for (; axis >= 0; axis--)
        params->outer *= dims->d[axis];
    return true;
}

static bool any_reduced(const struct tare_dims *dims, const bool *reduced)
{
    for (int i = 0; i < dims->rank; i++)
        if (reduced[i]) return true;
    return false;
}

/* A mean over the two axes of images, as the precision pass says. */
static enum tare_status mean_u8(struct tare_lower *l, const struct tare_node *node,
                                const struct tare_dims *dims, struct tare_error *err)
{
    const struct tare_spatial s = {.n_axes = 2,
                                   .batch = dims->d[0],
                                   .in_c = dims->d[1],
                                   .out_c = dims->d[1],
                                   .groups = 1,
                                   .in = {dims->d[2], dims->d[3]},
                                   .out = {1, 1},
                                   .kernel = {dims->d[2], dims->d[3]},
                                   .stride = {1, 1},
                                   .dilation = {1, 1}};
    return tare_lower_u8_pool(l, node, &s, TARE_POOL_AVERAGE, err);
}

enum tare_status tare_lower_reduce(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_dims dims = tare_lower_tensor(l, node->inputs[0])->dims;
    if (node->precision == TARE_PRECISION_INT8) return mean_u8(l, node, &dims, err);
    struct tare_f32_reduce params;
    bool reduced[TARE_MAX_RANK] = {false}, keepdims;
    int32_t x, y;
    memset(&params, 0, sizeof params);
    params.mode = reduce_mode(node->op);
    enum tare_status st =
        tare_node_reduce_axes(l->graph, node, reduced, &keepdims, err);
    if (st == TARE_OK)
        st = tare_lower_use(l, node->inputs[0], TARE_LINEAR,
                            tare_lower_form(l, node, node->inputs[0]), &x, err);
    if (st != TARE_OK) return st;
    if (!any_reduced(&dims, reduced)) { /* an axis of length 1 changes nothing */
        params.outer = tare_dims_count(&dims);
        params.n = params.inner = 1;
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
        return st == TARE_OK ? tare_lower_add(l, node, TARE_LAYER_F32_REDUCE, &params,
                                              &x, 1, y, err)
                             : st;
    }
    while (st == TARE_OK && next_group(&dims, reduced, &params)) {
        st = any_reduced(&dims, reduced)
                 ? tare_plan_add_tensor(l->plan, NULL, TARE_F32, TARE_LINEAR, &dims,
                                        NULL, &y, err)
                 : tare_lower_make(l, node->outputs[0], TARE_LINEAR,
                                   tare_lower_out_form(l, node, node->outputs[0]), &y,
                                   err);
        if (st == TARE_OK)
            st = tare_lower_add(l, node, TARE_LAYER_F32_REDUCE, &params, &x, 1, y, err);
        x = y;
    }
    return st;
}

static int64_t clamp_index(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Keys' kernel (1981) at distance `x`, coefficient a. */
static float cubic_weight(float x, float a)
{
    x = fabsf(x);
    if (x <= 1.0f) return ((a + 2.0f) * x - (a + 3.0f)) * x * x + 1.0f;
    if (x < 2.0f) return ((a * x - 5.0f * a) * x + 8.0f * a) * x - 4.0f * a;
    return 0.0f;
}

static void cubic_sample(const struct tare_resize *resize, float coordinate, int64_t n,
                         struct tare_resize_sample *sample)
{
    const float base = floorf(coordinate);
    float total = 0.0f;
    for (int k = 0; k < 4; k++) {
        const int64_t i = (int64_t)base - 1 + k;
        const bool outside = i < 0 || i >= n;
        sample->index[k] = (int32_t)clamp_index(i, n);
        sample->weight[k] =
            outside && resize->exclude_outside
                ? 0.0f
                : cubic_weight(coordinate - (base - 1.0f + (float)k), resize->cubic_a);
        total += sample->weight[k];
    }
    for (int k = 0; k < 4 && resize->exclude_outside; k++)
        sample->weight[k] /= total;
}

/* Where the outputs of one axis come from. */
static struct tare_resize_sample *axis_samples(const struct tare_resize *resize,
                                               int32_t axis)
{
    const int64_t n_in = resize->in.d[axis], n_out = resize->out.d[axis];
    struct tare_resize_sample *samples =
        tare_alloc_array((size_t)n_out, sizeof *samples);
    for (int64_t o = 0; samples && o < n_out; o++) {
        struct tare_resize_sample *sample = &samples[o];
        sample->weight[0] = 1.0f;
        if (resize->mode == TARE_RESIZE_NEAREST) {
            sample->index[0] = (int32_t)tare_resize_nearest_index(resize, axis, o);
            continue;
        }
        const float coordinate = tare_resize_coordinate(resize, axis, o);
        if (resize->mode == TARE_RESIZE_CUBIC) {
            cubic_sample(resize, coordinate, n_in, sample);
            continue;
        }
        const float inside = fminf(fmaxf(coordinate, 0.0f), (float)(n_in - 1));
        const int64_t low = (int64_t)inside;
        sample->index[0] = (int32_t)low;
        sample->index[1] = (int32_t)clamp_index(low + 1, n_in);
        sample->weight[1] = inside - (float)low;
        sample->weight[0] = 1.0f - sample->weight[1];
    }
    return samples;
}

static enum tare_status add_samples(struct tare_lower *l,
                                    const struct tare_resize *resize, int32_t axis,
                                    int32_t *id, struct tare_error *err)
{
    struct tare_resize_sample *samples = axis_samples(resize, axis);
    TARE_FAIL_IF(!samples, err, TARE_E_NOMEM, "engine: no memory while building");
    const enum tare_status st = tare_plan_add_vector(
        l->plan, TARE_S8, (size_t)resize->out.d[axis] * sizeof *samples, samples, id,
        err);
    tare_free(samples);
    return st;
}

static struct tare_u8_resize resize_u8(const struct tare_lower *l,
                                       const struct tare_node *node,
                                       const struct tare_resize_shape *shape)
{
    const struct tare_quant *x = &tare_lower_tensor(l, node->inputs[0])->quant;
    const struct tare_quant *y = &tare_lower_tensor(l, node->outputs[0])->quant;
    struct tare_u8_epilogue epilogue = {0};
    struct tare_u8_resize u8;
    tare_u8_epilogue_fill(&epilogue, &node->fused, y);
    memset(&u8, 0, sizeof u8);
    memcpy(&u8.shape, shape, sizeof u8.shape);
    u8.in_zero_point = x->zero_point;
    u8.out_zero_point = y->zero_point;
    u8.multiplier = (float)((double)x->scale / (double)y->scale);
    u8.lower = epilogue.lower;
    u8.upper = epilogue.upper;
    return u8;
}

enum tare_status tare_lower_resize(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_resize resize;
    enum tare_status st = tare_node_resize(l->graph, node, &resize, err);
    if (st != TARE_OK) return st;
    if (resize.in.rank != 4 || resize.in.d[0] != resize.out.d[0] ||
        resize.in.d[1] != resize.out.d[1])
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "only the two spatial axes of a rank 4 tensor can be resized");
    if (resize.antialias || resize.coordinates == TARE_RESIZE_TF_CROP_AND_RESIZE)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "antialias and tf_crop_and_resize do not run in an engine");
    struct tare_resize_shape params;
    memset(&params, 0, sizeof params);
    params.batch = resize.in.d[0];
    params.channels = resize.in.d[1];
    params.in_h = resize.in.d[2];
    params.in_w = resize.in.d[3];
    params.out_h = resize.out.d[2];
    params.out_w = resize.out.d[3];
    params.taps = resize.mode == TARE_RESIZE_NEAREST  ? 1
                  : resize.mode == TARE_RESIZE_LINEAR ? 2
                                                      : 4;
    const bool is_u8 = node->precision == TARE_PRECISION_INT8;
    int32_t inputs[3], y;
    st = tare_lower_use(l, node->inputs[0], TARE_HWC,
                        tare_lower_form(l, node, node->inputs[0]), &inputs[0], err);
    if (st == TARE_OK) st = add_samples(l, &resize, 2, &inputs[1], err);
    if (st == TARE_OK) st = add_samples(l, &resize, 3, &inputs[2], err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_HWC,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
    if (st != TARE_OK) return st;
    if (!is_u8)
        return tare_lower_add(l, node, TARE_LAYER_F32_RESIZE, &params, inputs, 3, y,
                              err);
    const struct tare_u8_resize u8 = resize_u8(l, node, &params);
    return tare_lower_add(l, node, TARE_LAYER_U8_RESIZE, &u8, inputs, 3, y, err);
}
