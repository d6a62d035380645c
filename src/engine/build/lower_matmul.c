/* MatMul: by a constant matrix, or of two activations, batched. */
#include <string.h>

#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weighted.h"
#include "engine/build/weights.h"
#include "engine/layers/params_u8.h"

/* y[...] = a[...] x b[...]. */
static struct tare_matmul_params product_params(const struct tare_node *node,
                                                const struct tare_dims *a,
                                                const struct tare_dims *b)
{
    struct tare_matmul_params params;
    memset(&params, 0, sizeof params);
    params.alpha = tare_node_float(node, "alpha", 1.0f);
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
    return params;
}

/* A vector of n equal values as a weight. */
static enum tare_status add_constant(struct tare_lower *l, int64_t n, float value,
                                     int32_t *id, struct tare_error *err)
{
    float *values = tare_alloc_array((size_t)n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "engine: no memory while building");
    for (int64_t i = 0; i < n; i++)
        values[i] = value;
    const enum tare_status st =
        tare_plan_add_vector(l->plan, TARE_F32, (size_t)n, values, id, err);
    tare_free(values);
    return st;
}

/* a, b, multiplier, bias -> y, float when it is not held */
static enum tare_status add_u8_product(struct tare_lower *l,
                                       const struct tare_node *node,
                                       const struct tare_matmul_params *matmul,
                                       int32_t inputs[4], int32_t y,
                                       struct tare_error *err)
{
    const struct tare_quant *a = &tare_lower_tensor(l, node->inputs[0])->quant;
    const struct tare_quant *b = &tare_lower_tensor(l, node->inputs[1])->quant;
    const struct tare_quant *out = &tare_lower_tensor(l, node->outputs[0])->quant;
    const double y_scale = out->held ? (double)out->scale : 1.0;
    struct tare_u8_matmul_params params;
    memset(&params, 0, sizeof params);
    params.matmul = *matmul;
    params.a_zero_point = a->zero_point;
    tare_u8_epilogue_fill(&params.epilogue, &node->fused, out);
    enum tare_status st = add_constant(
        l, matmul->n,
        (float)((double)matmul->alpha * (double)a->scale * (double)b->scale / y_scale),
        &inputs[2], err);
    if (st == TARE_OK) st = add_constant(l, matmul->n, 0.0f, &inputs[3], err);
    return st == TARE_OK ? tare_lower_add(l, node, TARE_LAYER_U8_MATMUL, &params,
                                          inputs, 4, y, err)
                         : st;
}

static enum tare_status lower_product(struct tare_lower *l,
                                      const struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_matmul_params params =
        product_params(node, &tare_lower_tensor(l, node->inputs[0])->dims,
                       &tare_lower_tensor(l, node->inputs[1])->dims);
    const bool is_u8 = node->precision == TARE_PRECISION_INT8;
    int32_t inputs[4], y;
    enum tare_status st = TARE_OK;
    for (int i = 0; st == TARE_OK && i < 2; i++)
        st = tare_lower_use(l, node->inputs[i], TARE_LINEAR,
                            tare_lower_form(l, node, node->inputs[i]), &inputs[i], err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR,
                             tare_lower_out_form(l, node, node->outputs[0]), &y, err);
    if (st != TARE_OK) return st;
    return is_u8 ? add_u8_product(l, node, &params, inputs, y, err)
                 : tare_lower_add(l, node, TARE_LAYER_F32_MATMUL, &params, inputs, 2, y,
                                  err);
}

enum tare_status tare_lower_matmul(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    return tare_is_weighted(l->graph, node) ? tare_lower_weighted(l, node, err)
                                            : lower_product(l, node, err);
}
