/* An If whose condition is constant gives way to the nodes of its branch. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/body.h"
#include "graph/ops/ops.h"
#include "optimizer/pass.h"

struct inlining {
    struct tare_graph *graph, *body;
    int32_t node; /* the If */
    size_t first; /* of its inputs that the branch captures */
    int32_t *ids; /* [body->n_tensors] what each is in `graph` */
};

/* The branch of an If that is known to be taken, or NULL. One whose outputs are known
 * already is for constant folding. */
static struct tare_graph *known_branch(const struct tare_graph *graph,
                                       const struct tare_node *node, size_t *first)
{
    if (node->dead || node->op != TARE_OP_IF || node->inputs[0] < 0 ||
        tare_tensor_is_const(&graph->tensors[node->outputs[0]]))
        return NULL;
    const struct tare_tensor *tensor = &graph->tensors[node->inputs[0]];
    if (!tare_tensor_is_const(tensor) || tensor->dtype != TARE_BOOL ||
        tare_dims_count(&tensor->dims) != 1)
        return NULL;
    const struct tare_const value = tare_tensor_content(tensor);
    const char *name = tare_const_get_int(&value, 0) ? "then_branch" : "else_branch";
    struct tare_graph *body;
    if (tare_node_body(node, name, &body, first, NULL) != TARE_OK ||
        body->n_captures != body->n_inputs || body->n_outputs != node->n_outputs ||
        body->opset != graph->opset)
        return NULL;
    return body;
}

/* The tensor's own name, with a number behind it if it is taken. */
static enum tare_status add_tensor(struct tare_graph *graph, const char *name,
                                   int32_t *id, struct tare_error *err)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s", name);
    for (int i = 2; !text.failed && tare_graph_find_tensor(graph, text.data) >= 0;
         i++) {
        text.length = 0;
        tare_text_add(&text, "%s_%d", name, i);
    }
    const enum tare_status status =
        text.failed ? tare_error_set(err, TARE_E_NOMEM, "optimizer: no memory")
                    : tare_graph_add_tensor(graph, text.data, id, err);
    tare_text_free(&text);
    return status;
}

static enum tare_status copy_const(struct tare_graph *graph,
                                   const struct tare_tensor *from, int32_t to,
                                   struct tare_error *err)
{
    const struct tare_const value = tare_tensor_content(from);
    struct tare_const copy = {0};
    const enum tare_status status = tare_const_copy(&value, &copy, err);
    if (status != TARE_OK) return status;
    struct tare_tensor *tensor = &graph->tensors[to];
    tensor->dtype = copy.dtype;
    tensor->dims = copy.dims;
    tensor->has_dtype = tensor->has_dims = true;
    tensor->data = copy.data;
    tensor->n_bytes = copy.n_bytes;
    return TARE_OK;
}

/* What the branch captures is there, what its nodes make for the If has the names of
 * the If's outputs; all else is new. */
static enum tare_status map_tensors(const struct inlining *in, struct tare_error *err)
{
    const struct tare_graph *body = in->body;
    const struct tare_node *node = &in->graph->nodes[in->node];
    for (size_t i = 0; i < body->n_tensors; i++)
        in->ids[i] = TARE_NO_TENSOR;
    for (size_t i = 0; i < body->n_inputs; i++)
        in->ids[body->inputs[i]] = node->inputs[in->first + i];
    for (size_t i = 0; i < body->n_outputs; i++)
        if (body->tensors[body->outputs[i]].producer >= 0 &&
            in->ids[body->outputs[i]] == TARE_NO_TENSOR)
            in->ids[body->outputs[i]] = node->outputs[i];
    for (size_t i = 0; i < body->n_tensors; i++) {
        const struct tare_tensor *from = &body->tensors[i];
        if (in->ids[i] != TARE_NO_TENSOR) continue;
        enum tare_status status = add_tensor(in->graph, from->name, &in->ids[i], err);
        if (status == TARE_OK && from->producer < 0 && from->data)
            status = copy_const(in->graph, from, in->ids[i], err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}

static enum tare_status copy_node(const struct inlining *in,
                                  const struct tare_node *from, struct tare_error *err)
{
    const size_t n = from->n_inputs + from->n_outputs;
    int32_t id, *ids = tare_alloc_array(n, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "optimizer: no memory");
    for (size_t i = 0; i < n; i++) {
        const int32_t old =
            i < from->n_inputs ? from->inputs[i] : from->outputs[i - from->n_inputs];
        ids[i] = old < 0 ? TARE_NO_TENSOR : in->ids[old];
    }
    enum tare_status status =
        tare_graph_add_node(in->graph, from->op, from->name, ids, from->n_inputs,
                            ids + from->n_inputs, from->n_outputs, &id, err);
    tare_free(ids);
    return status == TARE_OK ? tare_node_copy_content(&in->graph->nodes[id], from, err)
                             : status;
}

/* Outputs that no node makes, or one node makes twice, are handed on. */
static enum tare_status hand_on(const struct inlining *in, struct tare_error *err)
{
    enum tare_status status = TARE_OK;
    for (size_t i = 0; status == TARE_OK && i < in->body->n_outputs; i++) {
        const int32_t from = in->ids[in->body->outputs[i]];
        const int32_t to = in->graph->nodes[in->node].outputs[i];
        if (from == to) continue;
        status = tare_graph_add_node(in->graph, TARE_OP_IDENTITY,
                                     in->graph->nodes[in->node].name, &from, 1, &to, 1,
                                     NULL, err);
    }
    return status;
}

static enum tare_status inline_branch(struct inlining *in, struct tare_error *err)
{
    const struct tare_graph *body = in->body;
    enum tare_status status = map_tensors(in, err);
    tare_graph_remove_node(in->graph, in->node);
    for (size_t i = 0; status == TARE_OK && i < body->n_nodes; i++)
        if (!body->nodes[i].dead) status = copy_node(in, &body->nodes[i], err);
    if (status == TARE_OK) status = hand_on(in, err);
    if (status != TARE_OK) return status;
    const struct tare_node *node = &in->graph->nodes[in->node];
    const int32_t maker = tare_pass_producer(in->graph, node->outputs[0]);
    return tare_node_absorb(&in->graph->nodes[maker], node, err);
}

enum tare_status tare_pass_inline_if(struct tare_graph *graph, bool *changed,
                                     struct tare_error *err)
{
    bool found = false;
    const size_t n = graph->n_nodes; /* those of branches wait for the next round */
    for (size_t i = 0; i < n; i++) {
        struct inlining in = {.graph = graph, .node = (int32_t)i};
        in.body = known_branch(graph, &graph->nodes[i], &in.first);
        if (!in.body) continue;
        in.ids = tare_alloc_array(in.body->n_tensors, sizeof *in.ids);
        TARE_FAIL_IF(!in.ids, err, TARE_E_NOMEM, "optimizer: no memory");
        const enum tare_status status = inline_branch(&in, err);
        tare_free(in.ids);
        if (status != TARE_OK) return status;
        found = *changed = true;
    }
    if (!found) return TARE_OK;
    const enum tare_status status = tare_graph_sort(graph, err);
    return status == TARE_OK ? tare_graph_infer(graph, err) : status;
}
