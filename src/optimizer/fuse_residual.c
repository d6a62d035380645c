/* Conv, Gemm or MatMul by a matrix, followed by Add of another activation, becomes one
 * node with a residual input, unless LayerNormalization reads the sum. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/explicit.h"
#include "optimizer/pass.h"

/* How many nodes lie on the longest way from the inputs to each node, itself included.
 * @param[out] depth  [n_nodes]. */
static void measure_depth(const struct tare_graph *graph, int32_t *depth)
{
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct tare_node *node = &graph->nodes[n];
        depth[n] = 1;
        for (size_t i = 0; i < node->n_inputs && !node->dead; i++) {
            const int32_t maker = tare_pass_producer(graph, node->inputs[i]);
            if (maker >= 0 && depth[maker] >= depth[n]) depth[n] = depth[maker] + 1;
        }
    }
}

/* The node that makes the tensor and could take the Add, or -1. */
static int32_t candidate(const struct tare_graph *graph, int32_t tensor)
{
    const int32_t maker = tare_pass_producer(graph, tensor);
    if (maker < 0) return -1;
    const struct tare_node *node = &graph->nodes[maker];
    return tare_pass_is_weighted(graph, node) && tare_fused_is_none(&node->fused) &&
                   tare_pass_only_reader(graph, tensor) >= 0
               ? maker
               : -1;
}

/* Is the sum the residual stream of a transformer? It adds up over all layers, and an
 * INT8 product could only take it along in INT8: apart, it stays float. */
static bool is_normalized(const struct tare_graph *graph, int32_t sum)
{
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (!graph->nodes[i].dead &&
            (graph->nodes[i].op == TARE_OP_LAYER_NORMALIZATION ||
             graph->nodes[i].op == TARE_OP_RMS_NORMALIZATION) &&
            graph->nodes[i].inputs[0] == sum)
            return true;
    return false;
}

/* Would an explicitly quantized product have to stay float, because the model does not
 * quantize what is added? */
static bool is_half_quantized(const struct tare_graph *graph, int32_t product,
                              int32_t residual)
{
    struct tare_quant quant;
    return tare_has_codes(graph, graph->nodes[product].inputs[0], &quant) &&
           !tare_has_codes(graph, residual, &quant);
}

static bool adds_activations(const struct tare_graph *graph,
                             const struct tare_node *add)
{
    if (add->dead || add->op != TARE_OP_ADD ||
        !tare_pass_has_shape(graph, add->outputs[0]))
        return false;
    const struct tare_tensor *out = &graph->tensors[add->outputs[0]];
    for (size_t i = 0; i < 2; i++) {
        const struct tare_tensor *in = &graph->tensors[add->inputs[i]];
        if (tare_tensor_is_const(in) || in->dtype != TARE_F32 ||
            !tare_pass_has_shape(graph, add->inputs[i]) ||
            !tare_dims_equal(&in->dims, &out->dims))
            return false;
    }
    return true;
}

static enum tare_status fuse(struct tare_graph *graph, int32_t conv, int32_t add,
                             int32_t residual, struct tare_error *err)
{
    enum { MOST = 4 }; /* x, weights, bias, residual */
    const struct tare_fused behind = graph->nodes[add].fused;
    enum tare_status status = tare_pass_merge(graph, conv, add, err);
    if (status != TARE_OK) return status;

    struct tare_node *node = &graph->nodes[add];
    int32_t inputs[MOST];
    size_t n = 0;
    for (; n < node->n_inputs && n < MOST - 1; n++)
        inputs[n] = node->inputs[n];
    inputs[n++] = residual;
    status = tare_node_set_inputs(node, inputs, n, err);
    node->fused = behind;
    node->fused.has_residual = true;
    return status;
}

enum tare_status tare_pass_fuse_residual(struct tare_graph *graph, bool *changed,
                                         struct tare_error *err)
{
    int32_t *depth = tare_alloc_array(graph->n_nodes, sizeof *depth);
    TARE_FAIL_IF(!depth, err, TARE_E_NOMEM, "no memory for %zu nodes", graph->n_nodes);
    measure_depth(graph, depth);
    enum tare_status status = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes && status == TARE_OK; i++) {
        const struct tare_node *add = &graph->nodes[i];
        if (!adds_activations(graph, add)) continue;
        const int32_t a = candidate(graph, add->inputs[0]);
        const int32_t b = candidate(graph, add->inputs[1]);
        if ((a < 0 && b < 0) || is_normalized(graph, add->outputs[0])) continue;
        /* Of two, the deeper: the shortcut's is ready by then, to be read as residual.
         */
        const bool second = a < 0 || (b >= 0 && depth[b] > depth[a]);
        const int32_t product = second ? b : a;
        const int32_t residual = add->inputs[second ? 0 : 1];
        if (is_half_quantized(graph, product, residual)) continue;
        status = fuse(graph, product, (int32_t)i, residual, err);
        *changed = true;
    }
    tare_free(depth);
    return status;
}
