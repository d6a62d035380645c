/* Pooling and what works element by element. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weights.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

static enum tare_status pool_f32(struct tare_lower *l, const struct tare_node *node,
                                 const struct tare_spatial *s, int32_t mode,
                                 struct tare_error *err)
{
    struct tare_f32_pool params;
    memset(&params, 0, sizeof params);
    params.window = tare_window_of(s);
    params.pad_bottom = s->pad_end[0];
    params.pad_right = s->pad_end[1];
    params.mode = mode;
    int32_t x, y;
    enum tare_status st =
        tare_lower_use_slice(l, node->inputs[0], TARE_HWC,
                             tare_lower_form(l, node, node->inputs[0]), &x, err);
    if (st == TARE_OK)
        st = tare_lower_make_slice(l, node->outputs[0], TARE_HWC,
                                   tare_lower_out_form(l, node, node->outputs[0]), &y,
                                   err);
    if (st != TARE_OK) return st;
    params.window.in_pitch = (int64_t)l->plan->tensors[x].pitch;
    params.window.out_pitch = (int64_t)l->plan->tensors[y].pitch;
    return tare_lower_add(l, node, TARE_LAYER_F32_POOL, &params, &x, 1, y, err);
}

enum tare_status tare_lower_u8_pool(struct tare_lower *l, const struct tare_node *node,
                                    const struct tare_spatial *s, int32_t mode,
                                    struct tare_error *err)
{
    const struct tare_quant *in = &tare_lower_tensor(l, node->inputs[0])->quant;
    const struct tare_quant *out = &tare_lower_tensor(l, node->outputs[0])->quant;
    struct tare_u8_pool params;
    memset(&params, 0, sizeof params);
    params.window = tare_window_of(s);
    params.pad_bottom = s->pad_end[0];
    params.pad_right = s->pad_end[1];
    params.kind = mode == TARE_POOL_MAX ? TARE_U8_POOL_MAX : TARE_U8_POOL_AVERAGE;
    params.in_zero_point = in->zero_point;
    params.count_include_pad = mode == TARE_POOL_AVERAGE_INCLUDE_PAD;
    params.multiplier =
        (float)((double)in->scale / (out->held ? (double)out->scale : 1.0));
    tare_u8_epilogue_fill(&params.epilogue, &node->fused, out);
    /* Without axes for height and width (ReduceMean), it is a row an image. */
    const enum tare_format format =
        tare_lower_tensor(l, node->outputs[0])->dims.rank == 4 ? TARE_HWC : TARE_LINEAR;
    int32_t x, y;
    enum tare_status st =
        tare_lower_use_slice(l, node->inputs[0], TARE_HWC, TARE_FORM_U8, &x, err);
    if (st == TARE_OK)
        st = tare_lower_make_slice(l, node->outputs[0], format,
                                   tare_lower_out_form(l, node, node->outputs[0]), &y,
                                   err);
    if (st != TARE_OK) return st;
    params.window.in_pitch = (int64_t)l->plan->tensors[x].pitch;
    params.window.out_pitch = (int64_t)l->plan->tensors[y].pitch;
    return tare_lower_add(l, node, TARE_LAYER_U8_POOL, &params, &x, 1, y, err);
}

enum tare_status tare_lower_pool(struct tare_lower *l, const struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_spatial s;
    const enum tare_status st = tare_node_window(l->graph, node, &s, err);
    if (st != TARE_OK) return st;
    const struct tare_tensor *x = tare_lower_tensor(l, node->inputs[0]);
    if (x->dtype != TARE_F32)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "input '%.80s' is %s, want %s",
                       x->name, tare_dtype_name(x->dtype), tare_dtype_name(TARE_F32));
    if (node->n_outputs > 1 && tare_graph_n_uses(l->graph, node->outputs[1]) > 0)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "its indices '%.80s' are used; no kernel makes them",
                       tare_lower_tensor(l, node->outputs[1])->name);
    int32_t mode = TARE_POOL_MAX;
    if (node->op == TARE_OP_GLOBAL_AVERAGE_POOL) mode = TARE_POOL_AVERAGE;
    if (node->op == TARE_OP_AVERAGE_POOL)
        mode = tare_node_int(node, "count_include_pad", 0)
                   ? TARE_POOL_AVERAGE_INCLUDE_PAD
                   : TARE_POOL_AVERAGE;
    return node->precision == TARE_PRECISION_INT8
               ? tare_lower_u8_pool(l, node, &s, mode, err)
               : pool_f32(l, node, &s, mode, err);
}

static const struct {
    enum tare_op op;
    enum tare_unary_op unary;
    float alpha, beta; /* ONNX's defaults */
} unaries[] = {
    {TARE_OP_RELU, TARE_UNARY_RELU, 0.0f, 0.0f},
    {TARE_OP_CLIP, TARE_UNARY_CLIP, 0.0f, 0.0f},
    {TARE_OP_LEAKY_RELU, TARE_UNARY_LEAKY_RELU, 0.01f, 0.0f},
    {TARE_OP_SIGMOID, TARE_UNARY_SIGMOID, 0.0f, 0.0f},
    {TARE_OP_HARD_SIGMOID, TARE_UNARY_HARD_SIGMOID, 0.2f, 0.5f},
    {TARE_OP_HARD_SWISH, TARE_UNARY_HARD_SWISH, 1.0f / 6.0f, 0.5f},
    {TARE_OP_SWISH, TARE_UNARY_SWISH, 1.0f, 0.0f},
    {TARE_OP_GELU, TARE_UNARY_GELU, 0.0f, 0.0f},
    {TARE_OP_TANH, TARE_UNARY_TANH, 0.0f, 0.0f},
    {TARE_OP_EXP, TARE_UNARY_EXP, 0.0f, 0.0f},
    {TARE_OP_LOG, TARE_UNARY_LOG, 0.0f, 0.0f},
    {TARE_OP_SQRT, TARE_UNARY_SQRT, 0.0f, 0.0f},
    {TARE_OP_ABS, TARE_UNARY_ABS, 0.0f, 0.0f},
    {TARE_OP_NEG, TARE_UNARY_NEG, 0.0f, 0.0f},
    {TARE_OP_FLOOR, TARE_UNARY_FLOOR, 0.0f, 0.0f},
    {TARE_OP_CEIL, TARE_UNARY_CEIL, 0.0f, 0.0f},
    {TARE_OP_RECIPROCAL, TARE_UNARY_RECIPROCAL, 0.0f, 0.0f},
    {TARE_OP_ERF, TARE_UNARY_ERF, 0.0f, 0.0f},
    {TARE_OP_SOFTPLUS, TARE_UNARY_SOFTPLUS, 0.0f, 0.0f},
    {TARE_OP_ELU, TARE_UNARY_ELU, 1.0f, 0.0f},
    {TARE_OP_CAST, TARE_UNARY_ROUND_HALF, 0.0f, 0.0f},
};

static enum tare_status unary_params(const struct tare_lower *l,
                                     const struct tare_node *node,
                                     struct tare_f32_unary *params, bool *has_kernel,
                                     struct tare_error *err)
{
    memset(params, 0, sizeof *params);
    *has_kernel = false;
    for (size_t i = 0; i < sizeof unaries / sizeof unaries[0]; i++) {
        if (unaries[i].op != node->op) continue;
        *has_kernel = true;
        params->op = (int32_t)unaries[i].unary;
        params->alpha = tare_node_float(node, "alpha", unaries[i].alpha);
        params->beta = tare_node_float(node, "beta", unaries[i].beta);
    }
    if (node->op == TARE_OP_GELU &&
        strcmp(tare_node_string(node, "approximate", "none"), "tanh") == 0)
        params->op = TARE_UNARY_GELU_TANH;
    if (node->op == TARE_OP_CAST && tare_node_int(node, "to", 0) == TARE_ONNX_BFLOAT16)
        params->op = TARE_UNARY_ROUND_BFLOAT16;
    if (node->op != TARE_OP_CLIP) return TARE_OK;
    return tare_node_clip_bounds(l->graph, node, &params->alpha, &params->beta, err);
}

/* Slices are walked a pixel at a time, which costs more than a copy where it has few
 * values. */
static bool is_slice_worth(const struct tare_dims *dims)
{
    return dims->rank == 4 && dims->d[1] >= 16;
}

enum tare_status tare_lower_unary(struct tare_lower *l, const struct tare_node *node,
                                  struct tare_error *err)
{
    const int32_t in = node->inputs[0], out = node->outputs[0];
    const enum tare_format format = tare_lower_format(l, in);
    struct tare_f32_unary params;
    int32_t x, y;
    bool has_kernel;
    enum tare_status st = unary_params(l, node, &params, &has_kernel, err);
    if (st != TARE_OK) return st;
    if (node->precision == TARE_PRECISION_INT8)
        return tare_lower_as_table(l, node, 0, has_kernel ? &params : NULL, err);
    if (!has_kernel)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "no float kernel");
    const bool slices = is_slice_worth(&tare_lower_tensor(l, in)->dims);
    const enum tare_form form = tare_lower_form(l, node, in);
    const enum tare_form out_form = tare_lower_out_form(l, node, out);
    st = slices ? tare_lower_use_slice(l, in, format, form, &x, err)
                : tare_lower_use(l, in, format, form, &x, err);
    if (st == TARE_OK)
        st = slices ? tare_lower_make_slice(l, out, format, out_form, &y, err)
                    : tare_lower_make(l, out, format, out_form, &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, node, TARE_LAYER_F32_UNARY, &params, &x, 1, y, err);
}

enum tare_status tare_lower_cast(struct tare_lower *l, const struct tare_node *node,
                                 struct tare_error *err)
{
    return tare_node_cast_rounds(node) ? tare_lower_unary(l, node, err)
                                       : tare_lower_view(l, node, err);
}

/* y = x * scale[c] + shift[c], what inference makes of the five inputs. */
enum tare_status tare_lower_batch_normalization(struct tare_lower *l,
                                                const struct tare_node *node,
                                                struct tare_error *err)
{
    const struct tare_dims *dims = &tare_lower_tensor(l, node->inputs[0])->dims;
    if (tare_node_int(node, "training_mode", 0))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "training_mode is 1; export the model for inference");
    if (dims->rank != 4 && dims->rank != 2)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "input has rank %d, want 2 or 4",
                       (int)dims->rank);
    const float *data[4];
    for (int i = 0; i < 4; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, node->inputs[i + 1]);
        if (!tare_tensor_is_const(t))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "'%.80s' must be a constant",
                           t->name);
        data[i] = t->data;
    }
    const size_t n = (size_t)dims->d[1];
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5f);
    float *values = tare_alloc_array(2 * n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "engine: no memory while building");
    for (size_t c = 0; c < n; c++) {
        const double k = (double)data[0][c] / sqrt((double)data[3][c] + epsilon);
        values[c] = (float)k;
        values[n + c] = (float)((double)data[1][c] - (double)data[2][c] * k);
    }
    const enum tare_format format = dims->rank == 4 ? TARE_HWC : TARE_LINEAR;
    const int32_t in = node->inputs[0], out = node->outputs[0];
    const enum tare_form form = tare_lower_form(l, node, in);
    const enum tare_form out_form = tare_lower_out_form(l, node, out);
    const bool slices = is_slice_worth(dims);
    int32_t inputs[3], y;
    enum tare_status st =
        slices ? tare_lower_use_slice(l, in, format, form, &inputs[0], err)
               : tare_lower_use(l, in, format, form, &inputs[0], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, values, &inputs[1], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, values + n, &inputs[2], err);
    if (st == TARE_OK)
        st = slices ? tare_lower_make_slice(l, out, format, out_form, &y, err)
                    : tare_lower_make(l, out, format, out_form, &y, err);
    tare_free(values);
    if (st != TARE_OK) return st;
    struct tare_affine_params params;
    memset(&params, 0, sizeof params);
    params.n_channels = dims->d[1];
    params.n_pixels = tare_dims_count(dims) / dims->d[1];
    return tare_lower_add(l, node, TARE_LAYER_F32_AFFINE, &params, inputs, 3, y, err);
}
