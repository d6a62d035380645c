/* QLinearConv and QLinearMatMul become what they stand for: DequantizeLinear, Conv or
 * MatMul by float constants, QuantizeLinear. From there on models in both styles go the
 * same way, and where scales fit, INT8 kernels take the place of all three. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/explicit.h"
#include "graph/ops/ops.h"
#include "optimizer/pass.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO, BIAS };

/* QuantizeLinear or DequantizeLinear from a tensor to another. */
static enum tare_status add_conversion(struct tare_graph *graph, enum tare_op op,
                                       int32_t from, int32_t scale, int32_t zero,
                                       int32_t to, struct tare_error *err)
{
    const int32_t inputs[] = {from, scale, zero};
    return tare_graph_add_node(graph, op, graph->tensors[to].name, inputs, 3, &to, 1,
                               NULL, err);
}

/* The real tensor behind levels that flow through the network. */
static enum tare_status dequantize(struct tare_graph *graph, int32_t levels,
                                   int32_t scale, int32_t zero, int32_t *real,
                                   struct tare_error *err)
{
    const struct tare_dims dims = graph->tensors[levels].dims;
    const enum tare_status status =
        tare_pass_add_tensor(graph, levels, "real", TARE_F32, &dims, real, err);
    return status == TARE_OK ? add_conversion(graph, TARE_OP_DEQUANTIZE_LINEAR, levels,
                                              scale, zero, *real, err)
                             : status;
}

static double parameter_at(const struct tare_graph *graph, int32_t id, int64_t channel)
{
    if (id == TARE_NO_TENSOR) return 0.0;
    const struct tare_const content = tare_tensor_content(&graph->tensors[id]);
    return tare_const_get(&content, tare_dims_count(&content.dims) == 1 ? 0 : channel);
}

/* (levels - zero) * scale * factor as a float constant; element i belongs to channel
 * i / inner % n of scale and zero. */
static enum tare_status fold(struct tare_graph *graph, int32_t levels, int32_t scale,
                             int32_t zero, double factor, int64_t inner, int64_t n,
                             int32_t *id, struct tare_error *err)
{
    const struct tare_const content = tare_tensor_content(&graph->tensors[levels]);
    const struct tare_dims dims = content.dims;
    const int64_t count = tare_dims_count(&dims);
    double *values = tare_alloc_array((size_t)count, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory for %lld weights",
                 (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i / inner % n;
        values[i] = (tare_const_get(&content, i) - parameter_at(graph, zero, c)) *
                    parameter_at(graph, scale, c) * factor;
    }
    const enum tare_status status =
        tare_pass_add_const(graph, levels, &dims, values, id, err);
    tare_free(values);
    return status;
}

static enum tare_status fold_weights(struct tare_graph *graph, bool is_conv,
                                     const int32_t *in, int32_t *id,
                                     struct tare_error *err)
{
    const struct tare_dims *dims = &graph->tensors[in[B]].dims;
    const int64_t n = dims->d[is_conv ? 0 : dims->rank - 1];
    const int64_t inner = is_conv ? tare_dims_count(dims) / n : 1;
    return fold(graph, in[B], in[B_SCALE], in[B_ZERO], 1.0, inner, n, id, err);
}

/* @param in  its inputs, BIAS too. */
static enum tare_status rewrite(struct tare_graph *graph, int32_t id, const int32_t *in,
                                struct tare_error *err)
{
    const bool is_conv = graph->nodes[id].op == TARE_OP_QLINEAR_CONV;
    const int32_t y = graph->nodes[id].outputs[0];
    const struct tare_dims dims = graph->tensors[y].dims;
    int32_t inputs[3], real;
    enum tare_status status =
        dequantize(graph, in[A], in[A_SCALE], in[A_ZERO], &inputs[0], err);
    if (status == TARE_OK)
        status =
            tare_tensor_is_const(&graph->tensors[in[B]])
                ? fold_weights(graph, is_conv, in, &inputs[1], err)
                : dequantize(graph, in[B], in[B_SCALE], in[B_ZERO], &inputs[1], err);
    if (status == TARE_OK && in[BIAS] != TARE_NO_TENSOR)
        status =
            fold(graph, in[BIAS], in[B_SCALE], TARE_NO_TENSOR,
                 parameter_at(graph, in[A_SCALE], 0), 1, dims.d[1], &inputs[2], err);
    if (status == TARE_OK)
        status = tare_pass_add_tensor(graph, y, "real", TARE_F32, &dims, &real, err);
    if (status != TARE_OK) return status;
    tare_graph_set_output(graph, id, 0, real);
    struct tare_node *node = &graph->nodes[id];
    node->op = is_conv ? TARE_OP_CONV : TARE_OP_MATMUL;
    status =
        tare_node_set_inputs(node, inputs, in[BIAS] == TARE_NO_TENSOR ? 2 : 3, err);
    return status == TARE_OK ? add_conversion(graph, TARE_OP_QUANTIZE_LINEAR, real,
                                              in[Y_SCALE], in[Y_ZERO], y, err)
                             : status;
}

enum tare_status tare_pass_qlinear(struct tare_graph *graph, bool *changed,
                                   struct tare_error *err)
{
    const size_t n_nodes = graph->n_nodes;
    enum tare_status status = TARE_OK;
    bool any = false;
    for (size_t i = 0; i < n_nodes && status == TARE_OK; i++) {
        const struct tare_node *node = &graph->nodes[i];
        int32_t in[BIAS + 1];
        if (node->dead || !tare_node_is_qlinear(graph, node) ||
            !tare_pass_has_shape(graph, node->inputs[A]) ||
            !tare_pass_has_shape(graph, node->outputs[0]))
            continue;
        for (size_t k = 0; k <= BIAS; k++)
            in[k] = tare_node_input(node, k);
        status = rewrite(graph, (int32_t)i, in, err);
        any = true;
    }
    if (any) *changed = true;
    return status == TARE_OK && any ? tare_graph_sort(graph, err) : status;
}
