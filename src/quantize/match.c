/* Which node of the user's graph does the work of which node of the built one: from a
 * built node's outputs back to its inputs, by the tensors' names. */
#include "base/mem.h"
#include "quantize/quantize.h"

struct matching {
    struct tare_quantizing *q;
    int32_t *stack; /* [n_nodes] nodes to look at */
    size_t n;
    int32_t
        *is_input; /* [n_tensors] the built node, +1, that was last seen to read it */
};

static bool is_product(enum tare_op op)
{
    return op == TARE_OP_CONV || op == TARE_OP_CONV_TRANSPOSE || op == TARE_OP_GEMM ||
           op == TARE_OP_MATMUL;
}

const struct tare_node *tare_quantize_owner(const struct tare_quantizing *q, size_t i)
{
    if (i >= q->n_nodes || q->owners[i] < 0) return NULL;
    const struct tare_node *owner = &q->built->nodes[q->owners[i]];
    return owner->precision == TARE_PRECISION_INT8 ? owner : NULL;
}

static void push(struct matching *m, int32_t tensor, int32_t owner)
{
    struct tare_quantizing *q = m->q;
    const int32_t maker = tensor < 0 ? -1 : q->graph->tensors[tensor].producer;
    if (maker < 0 || q->owners[maker] >= 0 || m->is_input[tensor] == owner + 1) return;
    q->owners[maker] = owner;
    m->stack[m->n++] = maker;
}

/* Nodes come in topological order, so that what is in front of a node's inputs has its
 * owner already. */
static void match_node(struct matching *m, int32_t owner)
{
    struct tare_quantizing *q = m->q;
    const struct tare_node *built = &q->built->nodes[owner];
    for (size_t i = 0; i < built->n_inputs; i++) {
        if (built->inputs[i] == TARE_NO_TENSOR) continue;
        const int32_t id =
            tare_graph_find_tensor(q->graph, q->built->tensors[built->inputs[i]].name);
        if (id != TARE_NO_TENSOR) m->is_input[id] = owner + 1;
    }
    for (size_t i = 0; i < built->n_outputs; i++) {
        if (built->outputs[i] == TARE_NO_TENSOR) continue;
        push(
            m,
            tare_graph_find_tensor(q->graph, q->built->tensors[built->outputs[i]].name),
            owner);
    }
    while (m->n > 0) {
        const struct tare_node *node = &q->graph->nodes[m->stack[--m->n]];
        for (size_t i = 0; i < node->n_inputs; i++)
            push(m, node->inputs[i], owner);
    }
}

/* Why a product of the graph cannot take over a built one's INT8, or NULL. */
static const char *obstacle_of(const struct tare_quantizing *q,
                               const struct tare_node *node,
                               const struct tare_node *built)
{
    const struct tare_tensor *matrix = &q->graph->tensors[node->inputs[1]];
    const bool by_constant = tare_tensor_is_const(&q->built->tensors[built->inputs[1]]);
    const int32_t bias =
        node->op == TARE_OP_MATMUL ? TARE_NO_TENSOR : tare_node_input(node, 2);
    if ((by_constant && !tare_tensor_is_const(matrix)) ||
        (bias != TARE_NO_TENSOR && !tare_tensor_is_const(&q->graph->tensors[bias])))
        return "its weights or bias are computed from the shapes of tensors";
    if (node->op == TARE_OP_MATMUL && tare_tensor_is_const(matrix) &&
        matrix->dims.rank != 2)
        return "its weights have other axes than two";
    return NULL;
}

static void find_products(struct tare_quantizing *q)
{
    for (size_t i = 0; i < q->built->n_nodes; i++)
        q->products[i] = -1;
    for (size_t i = 0; i < q->n_nodes; i++) {
        const struct tare_node *node = &q->graph->nodes[i];
        const struct tare_node *owner = tare_quantize_owner(q, i);
        if (!owner || !is_product(node->op) || !is_product(owner->op)) continue;
        const char *obstacle = obstacle_of(q, node, owner);
        if (obstacle)
            q->lost[q->owners[i]] = obstacle;
        else
            q->products[q->owners[i]] = (int32_t)i;
    }
    for (size_t i = 0; i < q->built->n_nodes; i++) {
        const struct tare_node *built = &q->built->nodes[i];
        if (is_product(built->op) && built->precision == TARE_PRECISION_INT8 &&
            q->products[i] < 0 && !q->lost[i])
            q->lost[i] = "the model has no node that does the same";
    }
}

enum tare_status tare_quantize_match(struct tare_quantizing *q, struct tare_error *err)
{
    struct tare_graph *graph = q->graph;
    q->n_nodes = graph->n_nodes;
    q->n_tensors = graph->n_tensors;
    q->owners = tare_alloc_array(q->n_nodes, sizeof *q->owners);
    q->links = tare_alloc_array(q->n_tensors, sizeof *q->links);
    q->nonnegative = tare_alloc_array(q->n_tensors, sizeof *q->nonnegative);
    q->quants = tare_alloc_array(q->n_tensors, sizeof *q->quants);
    q->products = tare_alloc_array(q->built->n_nodes, sizeof *q->products);
    q->asked_float = tare_alloc_array(q->built->n_nodes, sizeof *q->asked_float);
    q->lost = tare_alloc_array(q->built->n_nodes, sizeof *q->lost);
    struct matching m = {.q = q,
                         .stack = tare_alloc_array(q->n_nodes, sizeof *m.stack),
                         .is_input =
                             tare_alloc_array(q->n_tensors, sizeof *m.is_input)};
    enum tare_status st = TARE_OK;
    if (!q->owners || !q->links || !q->nonnegative || !q->quants || !q->products ||
        !q->asked_float || !q->lost || !m.stack || !m.is_input)
        st = tare_error_set(err, TARE_E_NOMEM, "quantize: no memory");
    if (st == TARE_OK) {
        for (size_t i = 0; i < q->n_nodes; i++)
            q->owners[i] = -1;
        for (size_t i = 0; i < q->n_tensors; i++)
            q->links[i] = tare_graph_find_tensor(q->built, graph->tensors[i].name);
        tare_graph_nonnegative(graph, q->nonnegative);
        for (size_t i = 0; i < q->built->n_nodes; i++)
            if (!q->built->nodes[i].dead) match_node(&m, (int32_t)i);
        find_products(q);
    }
    tare_free(m.stack);
    tare_free(m.is_input);
    return st;
}
