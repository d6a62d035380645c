/* The user's graph before pairs are put in, and after. */
#include "base/mem.h"
#include "optimizer/pass.h"
#include "quantize/quantize.h"

/* Do all inputs hold values of the model itself, and none that follow from shapes? */
static bool is_constant(const struct tare_graph *graph, const struct tare_node *node)
{
    bool any = false;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *tensor = &graph->tensors[node->inputs[i]];
        if (!tare_tensor_is_const(tensor) || tensor->producer >= 0) return false;
        any = true;
    }
    return any;
}

static bool has_data(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != TARE_NO_TENSOR &&
            !tare_tensor_is_const(&graph->tensors[node->outputs[i]]))
            return false;
    return true;
}

static enum tare_status fold_constants(struct tare_graph *graph, struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || !is_constant(graph, node)) continue;
        bool known = has_data(graph, node); /* small ones have been by the inference */
        const enum tare_status st =
            known ? TARE_OK : tare_graph_eval_node(graph, (int32_t)i, &known, err);
        if (st != TARE_OK) return st;
        if (known) tare_graph_remove_node(graph, (int32_t)i);
    }
    return tare_graph_compact(graph, err);
}

/* Values that inference has found follow from lengths of axes that may be open. */
static void forget_values(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].producer >= 0) tare_tensor_clear_data(&graph->tensors[i]);
}

/* MatMul has no third input in ONNX: an Add behind it has the bias that folding has put
 * there. */
static enum tare_status split_bias(struct tare_graph *graph, int32_t id,
                                   struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[id];
    const int32_t output = node->outputs[0];
    int32_t product, add[2] = {TARE_NO_TENSOR, node->inputs[2]};
    const enum tare_dtype dtype = graph->tensors[output].dtype;
    enum tare_status st = tare_quantize_add_tensor(graph, graph->tensors[output].name,
                                                   "before_bias", dtype, &product, err);
    if (st != TARE_OK) return st;
    graph->tensors[product].has_dims = graph->tensors[output].has_dims;
    graph->tensors[product].dims = graph->tensors[output].dims;
    tare_graph_set_output(graph, id, 0, product);
    add[0] = product;
    st = tare_graph_add_node(graph, TARE_OP_ADD, graph->nodes[id].name, add, 2, &output,
                             1, NULL, err);
    if (st == TARE_OK)
        st = tare_node_set_inputs(&graph->nodes[id], graph->nodes[id].inputs, 2, err);
    return st;
}

static enum tare_status split_biases(struct tare_graph *graph, struct tare_error *err)
{
    const size_t n_nodes = graph->n_nodes;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n_nodes && st == TARE_OK; i++)
        if (!graph->nodes[i].dead && graph->nodes[i].op == TARE_OP_MATMUL &&
            graph->nodes[i].n_inputs > 2)
            st = split_bias(graph, (int32_t)i, err);
    return st == TARE_OK ? tare_graph_sort(graph, err) : st;
}

static enum tare_status fold_into_products(struct tare_graph *graph,
                                           struct tare_error *err)
{
    static tare_pass_fn *const passes[] = {tare_pass_fold_affine, tare_pass_fold_pad};
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
            enum tare_status st = passes[i](graph, &again, err);
            if (st == TARE_OK) st = tare_graph_compact(graph, err);
            if (st != TARE_OK) return st;
        }
    }
    return split_biases(graph, err);
}

enum tare_status tare_quantize_prepare(struct tare_graph *graph, bool for_tensorrt,
                                       bool has_open_axes, struct tare_error *err)
{
    enum tare_status st = fold_constants(graph, err);
    if (st != TARE_OK) return st;
    forget_values(graph);
    st = tare_quantize_raise_opset(graph, has_open_axes, err);
    return st == TARE_OK && !for_tensorrt ? fold_into_products(graph, err) : st;
}

static enum tare_status reopen(struct tare_tensor *tensor,
                               const struct tare_tensor *open, struct tare_error *err)
{
    tensor->has_dims = open->has_dims;
    tensor->dims = open->dims;
    for (int i = 0; i < TARE_MAX_RANK; i++) {
        if (!open->symbols[i] || tensor->symbols[i]) continue;
        tensor->symbols[i] = tare_strdup(open->symbols[i]);
        TARE_FAIL_IF(!tensor->symbols[i], err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

enum tare_status tare_quantize_reopen(struct tare_graph *graph,
                                      const struct tare_graph *open,
                                      struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_tensors && st == TARE_OK; i++) {
        struct tare_tensor *tensor = &graph->tensors[i];
        if (tare_tensor_is_const(tensor)) continue;
        const int32_t id = tare_graph_find_tensor(open, tensor->name);
        tensor->has_dims = false;
        if (id != TARE_NO_TENSOR) st = reopen(tensor, &open->tensors[id], err);
    }
    return st;
}
