/* Convolution, Gemm and MatMul with constant weights; INT8 weights are made here. */
#include <assert.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weights.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

/* A weighted node in one shape: window, weights [out_c, in_c / groups, kh, kw]. */
struct weighted {
    const struct tare_node *node;
    struct tare_window window;
    enum tare_format format; /* of x and y */
    const float *weights;
    const float *bias;      /* [out_c] or NULL */
    int32_t x, residual, y; /* graph tensors; residual may be TARE_NO_TENSOR */
};

static bool is_depthwise(const struct tare_window *w)
{
    return w->groups > 1 && w->groups == w->in_c && w->groups == w->out_c;
}

/* x, weights, bias[, residual] -> y */
static enum tare_status lower_f32(struct tare_lower *l, const struct weighted *p,
                                  struct tare_error *err)
{
    const struct tare_fused *fused = &p->node->fused;
    const bool depthwise = is_depthwise(&p->window);
    struct tare_f32_conv params; /* tare_f32_depthwise has the same members */
    memset(&params, 0, sizeof params);
    params.window = p->window;
    params.epilogue.has_residual = fused->has_residual;
    params.epilogue.negative_slope = fused->negative_slope;
    params.epilogue.lower = fused->lower;
    params.epilogue.upper = fused->upper;
    static_assert(sizeof params == sizeof(struct tare_f32_depthwise),
                  "one struct for both");
    struct tare_f32_depthwise depthwise_params;
    memcpy(&depthwise_params, &params, sizeof params);

    size_t n_bytes;
    const bool fits = depthwise
                          ? tare_f32_depthwise_packed_bytes(&depthwise_params, &n_bytes)
                          : tare_f32_conv_packed_bytes(&params, &n_bytes);
    if (!fits) TARE_NODE_FAIL(p->node, err, TARE_E_UNSUPPORTED, "%s", "too large");
    float *packed = tare_alloc_array(n_bytes, 1);
    float *bias = tare_alloc_array((size_t)p->window.out_c, sizeof *bias);
    enum tare_status st = TARE_OK;
    int32_t inputs[4], y;
    if (!packed || !bias) {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    } else {
        if (depthwise)
            tare_f32_depthwise_pack(&depthwise_params, p->weights, packed);
        else
            tare_f32_conv_pack(&params, p->weights, packed);
        if (p->bias) memcpy(bias, p->bias, (size_t)p->window.out_c * sizeof *bias);
        st = tare_plan_add_vector(l->plan, TARE_F32, n_bytes / sizeof(float), packed,
                                  &inputs[1], err);
    }
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, (size_t)p->window.out_c, bias,
                                  &inputs[2], err);
    tare_free(packed);
    tare_free(bias);
    if (st == TARE_OK) st = tare_lower_use(l, p->x, p->format, false, &inputs[0], err);
    if (st == TARE_OK && fused->has_residual)
        st = tare_lower_use(l, p->residual, p->format, false, &inputs[3], err);
    if (st == TARE_OK) st = tare_lower_make(l, p->y, p->format, false, &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, p->node,
                          depthwise ? TARE_LAYER_F32_DEPTHWISE : TARE_LAYER_F32_CONV,
                          &params, inputs, fused->has_residual ? 4 : 3, y, err);
}

static struct tare_u8_conv u8_params(const struct tare_lower *l,
                                     const struct weighted *p)
{
    const struct tare_fused *fused = &p->node->fused;
    const struct tare_quant *x = &tare_lower_tensor(l, p->x)->quant;
    const struct tare_quant *y = &tare_lower_tensor(l, p->y)->quant;
    struct tare_u8_conv params;
    memset(&params, 0, sizeof params);
    params.window = p->window;
    params.in_zero_point = x->zero_point;
    tare_u8_epilogue_fill(&params.epilogue, fused, y);
    if (fused->has_residual) {
        const struct tare_quant *r = &tare_lower_tensor(l, p->residual)->quant;
        const double y_scale = y->held ? (double)y->scale : 1.0;
        params.epilogue.has_residual = 1;
        params.epilogue.residual_zero_point = r->zero_point;
        params.epilogue.residual_scale = (float)((double)r->scale / y_scale);
    }
    return params;
}

static enum tare_status add_u8_weights(struct tare_lower *l, const struct weighted *p,
                                       const struct tare_u8_conv *params,
                                       int32_t inputs[6], struct tare_error *err)
{
    const bool depthwise = is_depthwise(&p->window);
    struct tare_u8_weights w;
    size_t n_bytes;
    if (!(depthwise ? tare_u8_depthwise_packed_bytes
                    : tare_u8_conv_packed_bytes)(params, &n_bytes))
        TARE_NODE_FAIL(p->node, err, TARE_E_UNSUPPORTED, "%s",
                       "an int32 sum could overflow; keep this layer in fp32 with "
                       "--layer-precisions");
    enum tare_status st = tare_u8_weights_make(
        &p->window, p->weights, p->bias, &tare_lower_tensor(l, p->x)->quant,
        &tare_lower_tensor(l, p->y)->quant, &w, err);
    if (st != TARE_OK) return st;

    int8_t *packed = tare_alloc_array(n_bytes, 1);
    if (packed) {
        (depthwise ? tare_u8_depthwise_pack : tare_u8_conv_pack)(params, w.weights,
                                                                 packed);
        st = tare_plan_add_vector(l->plan, TARE_S8, n_bytes, packed, &inputs[1], err);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    const size_t n = (size_t)p->window.out_c;
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_S32, n, w.acc_init, &inputs[2], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, w.multiplier, &inputs[3], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, w.bias, &inputs[4], err);
    tare_free(packed);
    tare_u8_weights_release(&w);
    return st;
}

/* x, weights, acc_init, multiplier, bias[, residual] -> y, float when it is not held */
static enum tare_status lower_u8(struct tare_lower *l, const struct weighted *p,
                                 struct tare_error *err)
{
    const bool has_residual = p->node->fused.has_residual;
    const bool y_held = tare_lower_tensor(l, p->y)->quant.held;
    const struct tare_u8_conv params = u8_params(l, p);
    int32_t inputs[6], y;
    enum tare_status st = add_u8_weights(l, p, &params, inputs, err);
    if (st == TARE_OK) st = tare_lower_use(l, p->x, p->format, true, &inputs[0], err);
    if (st == TARE_OK && has_residual)
        st = tare_lower_use(l, p->residual, p->format, true, &inputs[5], err);
    if (st == TARE_OK) st = tare_lower_make(l, p->y, p->format, y_held, &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, p->node,
                          is_depthwise(&p->window) ? TARE_LAYER_U8_DEPTHWISE
                                                   : TARE_LAYER_U8_CONV,
                          &params, inputs, has_residual ? 6 : 5, y, err);
}

static enum tare_status lower_weighted(struct tare_lower *l, const struct weighted *p,
                                       struct tare_error *err)
{
    return p->node->precision == TARE_PRECISION_INT8 ? lower_u8(l, p, err)
                                                     : lower_f32(l, p, err);
}

static enum tare_status constant_data(const struct tare_lower *l,
                                      const struct tare_node *node, int32_t tensor,
                                      const char *role, const float **data,
                                      struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    *data = NULL;
    if (!tare_tensor_is_const(t) || t->dtype != TARE_F32)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "%s '%.80s' must be a float32 constant", role, t->name);
    *data = t->data;
    return TARE_OK;
}

/* The residual is the last input; what is in front of it is ONNX's. */
static size_t n_own_inputs(const struct tare_node *node)
{
    return node->n_inputs - (node->fused.has_residual ? 1 : 0);
}

static int32_t residual_of(const struct tare_node *node)
{
    return node->fused.has_residual ? node->inputs[node->n_inputs - 1] : TARE_NO_TENSOR;
}

enum tare_status tare_lower_conv(struct tare_lower *l, const struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = tare_node_window(l->graph, node, &s, err);
    if (st != TARE_OK) return st;
    struct weighted p = {
        .node = node,
        .window = tare_window_of(&s),
        .format = TARE_HWC,
        .x = node->inputs[0],
        .residual = residual_of(node),
        .y = node->outputs[0],
    };
    st = constant_data(l, node, node->inputs[1], "the weights", &p.weights, err);
    if (st == TARE_OK && n_own_inputs(node) > 2 && node->inputs[2] != TARE_NO_TENSOR)
        st = constant_data(l, node, node->inputs[2], "the bias", &p.bias, err);
    return st == TARE_OK ? lower_weighted(l, &p, err) : st;
}

static struct tare_window matrix_window(int64_t m, int64_t k, int64_t n)
{
    return (struct tare_window){.batch = 1,
                                .in_h = 1,
                                .in_w = m,
                                .in_c = k,
                                .out_h = 1,
                                .out_w = m,
                                .out_c = n,
                                .groups = 1,
                                .kernel_h = 1,
                                .kernel_w = 1,
                                .stride_h = 1,
                                .stride_w = 1,
                                .dilation_h = 1,
                                .dilation_w = 1};
}

/* b [k, n], or [n, k] when transposed, times alpha, as [n, k]. */
static float *transposed_weights(const float *b, int64_t k, int64_t n, bool transposed,
                                 float alpha)
{
    size_t count;
    if (!tare_mul_size((size_t)k, (size_t)n, &count)) return NULL;
    float *w = tare_alloc_array(count, sizeof *w);
    for (int64_t j = 0; w && j < n; j++)
        for (int64_t i = 0; i < k; i++)
            w[j * k + i] = alpha * (transposed ? b[j * k + i] : b[i * n + j]);
    return w;
}

/* Gemm's C as [n], times beta; TARE_E_UNSUPPORTED when it has several rows. */
static enum tare_status gemm_bias(const struct tare_lower *l,
                                  const struct tare_node *node,
                                  const struct tare_gemm *gemm, float **bias,
                                  struct tare_error *err)
{
    *bias = NULL;
    if (n_own_inputs(node) < 3 || node->inputs[2] == TARE_NO_TENSOR) return TARE_OK;
    const float *c;
    const enum tare_status st = constant_data(l, node, node->inputs[2], "C", &c, err);
    if (st != TARE_OK) return st;
    const struct tare_dims *dims = &tare_lower_tensor(l, node->inputs[2])->dims;
    const int64_t count = tare_dims_count(dims);
    const bool is_row = dims->rank == 0 || dims->d[dims->rank - 1] == count;
    if (!is_row || (count != 1 && count != gemm->n))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "C has %lld values, want a row of 1 or %lld", (long long)count,
                       (long long)gemm->n);
    *bias = tare_alloc_array((size_t)gemm->n, sizeof **bias);
    TARE_FAIL_IF(!*bias, err, TARE_E_NOMEM, "engine: no memory while building");
    for (int64_t i = 0; i < gemm->n; i++)
        (*bias)[i] = gemm->beta * c[count == 1 ? 0 : i];
    return TARE_OK;
}

enum tare_status tare_lower_gemm(struct tare_lower *l, const struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_gemm gemm;
    const float *b;
    float *bias = NULL;
    enum tare_status st = tare_node_gemm(l->graph, node, &gemm, err);
    if (st == TARE_OK) st = constant_data(l, node, node->inputs[1], "B", &b, err);
    if (st != TARE_OK) return st;
    if (gemm.trans_a && gemm.m > 1)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "transA = 1 is not supported: transpose the input in the model");
    st = gemm_bias(l, node, &gemm, &bias, err);
    if (st != TARE_OK) return st;
    float *weights = transposed_weights(b, gemm.k, gemm.n, gemm.trans_b, gemm.alpha);
    if (weights) {
        const struct weighted p = {
            .node = node,
            .window = matrix_window(gemm.m, gemm.k, gemm.n),
            .format = TARE_LINEAR,
            .weights = weights,
            .bias = bias,
            .x = node->inputs[0],
            .residual = residual_of(node),
            .y = node->outputs[0],
        };
        st = lower_weighted(l, &p, err);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    tare_free(weights);
    tare_free(bias);
    return st;
}

/* y[...] = a[...] x b[...], both activations. */
static enum tare_status lower_batched(struct tare_lower *l,
                                      const struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_dims *a = &tare_lower_tensor(l, node->inputs[0])->dims;
    const struct tare_dims *b = &tare_lower_tensor(l, node->inputs[1])->dims;
    struct tare_matmul_params params;
    memset(&params, 0, sizeof params);
    params.m = a->rank > 1 ? a->d[a->rank - 2] : 1;
    params.k = a->d[a->rank - 1];
    params.n = b->rank > 1 ? b->d[b->rank - 1] : 1;
    const int a_rank = a->rank > 2 ? a->rank - 2 : 0;
    const int b_rank = b->rank > 2 ? b->rank - 2 : 0;
    params.rank = a_rank > b_rank ? a_rank : b_rank;
    int64_t a_stride = params.m * params.k, b_stride = params.k * params.n;
    for (int i = 1; i <= params.rank; i++) {
        const int64_t a_dim = i <= a_rank ? a->d[a_rank - i] : 1;
        const int64_t b_dim = i <= b_rank ? b->d[b_rank - i] : 1;
        params.dims[params.rank - i] = a_dim > b_dim ? a_dim : b_dim;
        params.a_strides[params.rank - i] = a_dim > 1 ? a_stride : 0;
        params.b_strides[params.rank - i] = b_dim > 1 ? b_stride : 0;
        a_stride *= a_dim;
        b_stride *= b_dim;
    }
    int32_t inputs[2], y;
    enum tare_status st =
        tare_lower_use(l, node->inputs[0], TARE_LINEAR, false, &inputs[0], err);
    if (st == TARE_OK)
        st = tare_lower_use(l, node->inputs[1], TARE_LINEAR, false, &inputs[1], err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR, false, &y, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, node, TARE_LAYER_F32_MATMUL, &params, inputs, 2, y, err);
}

enum tare_status tare_lower_matmul(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *a = tare_lower_tensor(l, node->inputs[0]);
    const struct tare_tensor *b = tare_lower_tensor(l, node->inputs[1]);
    if (!tare_tensor_is_const(b) || b->dims.rank != 2)
        return lower_batched(l, node, err);

    const int64_t k = b->dims.d[0], n = b->dims.d[1];
    const float *data;
    enum tare_status st = constant_data(l, node, node->inputs[1], "B", &data, err);
    if (st != TARE_OK) return st;
    float *weights = transposed_weights(data, k, n, false, 1.0f);
    TARE_FAIL_IF(!weights, err, TARE_E_NOMEM, "engine: no memory while building");
    const struct weighted p = {
        .node = node,
        .window = matrix_window(tare_dims_count(&a->dims) / k, k, n),
        .format = TARE_LINEAR,
        .weights = weights,
        .x = node->inputs[0],
        .residual = residual_of(node),
        .y = node->outputs[0],
    };
    st = lower_weighted(l, &p, err);
    tare_free(weights);
    return st;
}
