/* MatMul: by a constant matrix, or of two activations, batched. */
#include <string.h>

#include "base/mem.h"
#include "engine/build/views.h"
#include "engine/build/weighted.h"
#include "engine/build/weights.h"
#include "engine/layers/params_u8.h"

/* A product and where its matrices lie. */
struct product {
    struct tare_view a, b, y;
    struct tare_matmul_params params;
};

/* y[...] = a[...] x b[...], y dense. */
static struct tare_matmul_params product_params(const struct tare_node *node,
                                                const struct tare_view *a,
                                                const struct tare_view *b)
{
    const struct tare_view_matrix a_matrix = tare_view_matrix(a);
    struct tare_view_matrix b_matrix = tare_view_matrix(b);
    /* the only axis of a vector is k, as the second operand too */
    if (b->dims.rank == 1)
        b_matrix = (struct tare_view_matrix){{b->dims.d[0], 1}, {1, 1}};
    struct tare_matmul_params params;
    memset(&params, 0, sizeof params);
    params.alpha = tare_node_float(node, "alpha", 1.0f);
    params.m = a_matrix.rows.length;
    params.k = a_matrix.columns.length;
    params.n = b_matrix.columns.length;
    params.a_row_stride = a_matrix.rows.stride;
    params.b_row_stride = b_matrix.rows.stride;
    params.b_column_stride = b_matrix.columns.stride;
    params.y_row_stride = params.n;
    params.a_offset = a->offset;
    params.b_offset = b->offset;
    const int a_rank = a->dims.rank > 2 ? a->dims.rank - 2 : 0;
    const int b_rank = b->dims.rank > 2 ? b->dims.rank - 2 : 0;
    params.rank = a_rank > b_rank ? a_rank : b_rank;
    int64_t y_stride = params.m * params.n;
    for (int i = 1; i <= params.rank; i++) {
        const int64_t a_dim = i <= a_rank ? a->dims.d[a_rank - i] : 1;
        const int64_t b_dim = i <= b_rank ? b->dims.d[b_rank - i] : 1;
        const int64_t axis = params.rank - i;
        params.dims[axis] = a_dim > b_dim ? a_dim : b_dim;
        params.a_strides[axis] = a_dim > 1 ? a->strides[a_rank - i] : 0;
        params.b_strides[axis] = b_dim > 1 ? b->strides[b_rank - i] : 0;
        params.y_strides[axis] = y_stride;
        y_stride *= params.dims[axis];
    }
    return params;
}

/* y as it lies in what nodes behind the product make of it. */
static void place_result(struct tare_matmul_params *params, const struct tare_view *y)
{
    params->y_row_stride = tare_view_matrix(y).rows.stride;
    memcpy(params->y_strides, y->strides,
           (size_t)params->rank * sizeof *params->y_strides);
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

/* Nodes that the layer of the product does the work of, each of them once. */
static size_t list_nodes(const struct product *p,
                         const struct tare_node *nodes[3 * TARE_MAX_MOVES])
{
    const struct tare_view *const views[] = {&p->a, &p->b, &p->y};
    size_t n = 0;
    for (size_t v = 0; v < 3; v++)
        for (size_t i = 0; i < views[v]->n_nodes; i++) {
            bool is_new = true;
            for (size_t k = 0; k < n; k++)
                is_new = is_new && nodes[k] != views[v]->nodes[i];
            if (is_new) nodes[n++] = views[v]->nodes[i];
        }
    return n;
}

/* a, b, multiplier, bias -> y, float when it is not held */
static enum tare_status add_u8_product(struct tare_lower *l,
                                       const struct tare_node *node,
                                       const struct product *product, int32_t inputs[4],
                                       int32_t y, struct tare_error *err)
{
    const struct tare_quant *a = &tare_lower_tensor(l, node->inputs[0])->quant;
    const struct tare_quant *b = &tare_lower_tensor(l, node->inputs[1])->quant;
    const struct tare_quant *out = &tare_lower_tensor(l, node->outputs[0])->quant;
    const double y_scale = out->held ? (double)out->scale : 1.0;
    const struct tare_matmul_params *matmul = &product->params;
    const struct tare_node *nodes[3 * TARE_MAX_MOVES];
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
    return st == TARE_OK
               ? tare_lower_add_with(l, node, nodes, list_nodes(product, nodes),
                                     TARE_LAYER_U8_MATMUL, &params, inputs, 4, y, err)
               : st;
}

static enum tare_status lower_product(struct tare_lower *l,
                                      const struct tare_node *node,
                                      struct tare_error *err)
{
    const enum tare_form y_form = tare_lower_out_form(l, node, node->outputs[0]);
    struct product p;
    int32_t inputs[4], y;
    tare_lower_view_operand(l, node->inputs[0], &p.a);
    tare_lower_view_operand(l, node->inputs[1], &p.b);
    p.params = product_params(node, &p.a, &p.b);
    enum tare_status st =
        tare_lower_use(l, p.a.tensor, p.a.format,
                       tare_lower_form(l, node, node->inputs[0]), &inputs[0], err);
    if (st == TARE_OK)
        st = tare_lower_use(l, p.b.tensor, p.b.format,
                            tare_lower_form(l, node, node->inputs[1]), &inputs[1], err);
    if (st != TARE_OK) return st;
    tare_lower_view_result(l, node, &p.y);
    if (p.y.n_nodes > 0) place_result(&p.params, &p.y);
    st = tare_lower_make(l, p.y.tensor, TARE_LINEAR, y_form, &y, err);
    if (st != TARE_OK) return st;
    return node->precision == TARE_PRECISION_INT8
               ? add_u8_product(l, node, &p, inputs, y, err)
               : tare_lower_add(l, node, TARE_LAYER_F32_MATMUL, &p.params, inputs, 2, y,
                                err);
}

enum tare_status tare_lower_matmul(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    return tare_is_weighted(l->graph, node) ? tare_lower_weighted(l, node, err)
                                            : lower_product(l, node, err);
}
