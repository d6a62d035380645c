/* What no kernel computes: single nodes, or all that hangs on shapes which only a run
 * knows, as programs that the runtime interprets. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/build/lower.h"
#include "engine/layers/params.h"
#include "graph/blob.h"

/* Constants up to here travel inside the program, larger ones as weights beside it. */
#define MAX_INNER_BYTES 4096

/* A program in the making. Ids of tensors: `of` the network's graph, and the program's.
 */
struct program {
    struct tare_lower *l;
    struct tare_graph *graph;
    int32_t *inner;    /* [n_tensors of the network's graph] the program's id, or -1 */
    int32_t *inputs;   /* the program's input ids, and the plan's */
    int32_t *plan_ids; /* its inputs, then the blob */
    size_t n_inputs;
};

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
}

/* A constant that is small, or empty, which no weight is. */
static enum tare_status add_inner_constant(struct program *p,
                                           const struct tare_tensor *t, int32_t *id,
                                           struct tare_error *err)
{
    struct tare_const content = {.dtype = t->dtype, .dims = t->dims};
    const enum tare_status st = tare_const_alloc(&content, err);
    if (st != TARE_OK) return st;
    if (t->n_bytes) memcpy(content.data, t->data, t->n_bytes);
    return tare_graph_add_const(p->graph, t->name, &content, id, err);
}

/* What the program reads and does not make. */
static enum tare_status add_input(struct program *p, int32_t tensor,
                                  struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(p->l, tensor);
    int32_t *id = &p->inner[tensor];
    if (tare_tensor_is_const(t) && t->n_bytes <= MAX_INNER_BYTES)
        return add_inner_constant(p, t, id, err);
    /* Programs read no byte more than there is, so that the user's memory will do. */
    const int32_t binding = tare_lower_linear_binding(p->l, tensor);
    enum tare_status st = TARE_OK;
    if (binding >= 0)
        p->plan_ids[p->n_inputs] = binding;
    else
        st = tare_lower_use(p->l, tensor, TARE_LINEAR, TARE_FORM_OWN,
                            &p->plan_ids[p->n_inputs], err);
    if (st == TARE_OK) st = tare_graph_add_tensor(p->graph, t->name, id, err);
    if (st == TARE_OK) p->inputs[p->n_inputs++] = *id;
    return st;
}

static enum tare_status add_node(struct program *p, const struct tare_node *node,
                                 struct tare_error *err)
{
    int32_t id;
    int32_t *ids = tare_alloc_array(node->n_inputs + node->n_outputs, sizeof *ids);
    if (!ids) return no_memory(err);
    int32_t *outputs = ids + node->n_inputs;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < node->n_inputs; i++) {
        ids[i] = TARE_NO_TENSOR;
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        if (p->inner[node->inputs[i]] < 0) st = add_input(p, node->inputs[i], err);
        ids[i] = p->inner[node->inputs[i]];
    }
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        const char *name = tare_lower_tensor(p->l, node->outputs[i])->name;
        st = tare_graph_add_tensor(p->graph, name, &outputs[i], err);
        p->inner[node->outputs[i]] = outputs[i];
    }
    if (st == TARE_OK)
        st = tare_graph_add_node(p->graph, node->op, node->name, ids, node->n_inputs,
                                 outputs, node->n_outputs, &id, err);
    if (st == TARE_OK) st = tare_node_copy_content(&p->graph->nodes[id], node, err);
    tare_free(ids);
    return st;
}

static size_t count_inputs(const struct tare_node *const *nodes, size_t n)
{
    size_t count = 1; /* the blob */
    for (size_t i = 0; i < n; i++)
        count += nodes[i]->n_inputs;
    return count;
}

static enum tare_status begin(struct program *p, struct tare_lower *l,
                              const struct tare_node *const *nodes, size_t n,
                              struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    const size_t most = count_inputs(nodes, n);
    *p = (struct program){.l = l};
    p->inner = tare_alloc_array(g->n_tensors, sizeof *p->inner);
    p->inputs = tare_alloc_array(most, sizeof *p->inputs);
    p->plan_ids = tare_alloc_array(most, sizeof *p->plan_ids);
    if (!p->inner || !p->inputs || !p->plan_ids) return no_memory(err);
    for (size_t i = 0; i < g->n_tensors; i++)
        p->inner[i] = -1;
    enum tare_status st = tare_graph_create(&p->graph, err);
    if (st == TARE_OK) p->graph->opset = g->opset;
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = add_node(p, nodes[i], err);
    return st == TARE_OK ? tare_graph_set_inputs(p->graph, p->inputs, p->n_inputs, err)
                         : st;
}

static void release(struct program *p)
{
    tare_graph_destroy(p->graph);
    tare_free(p->inner);
    tare_free(p->inputs);
    tare_free(p->plan_ids);
}

/* Write the program into the weights, as its own last input. */
static enum tare_status add_blob(struct program *p, const int32_t *outputs,
                                 size_t n_outputs, struct tare_program_params *params,
                                 struct tare_error *err)
{
    struct tare_blob blob = {0};
    enum tare_status st = tare_graph_set_outputs(p->graph, outputs, n_outputs, err);
    if (st == TARE_OK) st = tare_blob_write_graph(&blob, p->graph, err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(p->l->plan, TARE_S8, blob.n_bytes, blob.data,
                                  &p->plan_ids[p->n_inputs], err);
    params->n_bytes = (int64_t)blob.n_bytes;
    tare_free(blob.data);
    return st;
}

enum tare_status tare_lower_as_program(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err)
{
    if (!tare_op_info(node->op)->eval)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "cannot run on activations, only on constants");
    struct program p;
    struct tare_program_params params = {0};
    enum tare_status st = begin(&p, l, &node, 1, err);
    if (st == TARE_OK)
        st = add_blob(&p, p.graph->nodes[0].outputs, node->n_outputs, &params, err);
    int32_t *made =
        st == TARE_OK ? tare_alloc_array(node->n_outputs, sizeof *made) : NULL;
    if (st == TARE_OK && !made) st = no_memory(err);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++)
        st = tare_lower_make(l, node->outputs[i], TARE_LINEAR, TARE_FORM_OWN, &made[i],
                             err);
    if (st == TARE_OK)
        st = tare_lower_add_multi(l, node, node->name, TARE_LAYER_PROGRAM, &params,
                                  p.plan_ids, p.n_inputs + 1, made, node->n_outputs,
                                  err);
    tare_free(made);
    release(&p);
    return st;
}

/* What the first node absorbed, then the other nodes and what they absorbed. */
static void list_others(const struct tare_node *const *nodes, size_t n_nodes,
                        struct tare_text *text)
{
    for (size_t i = 0; i < n_nodes; i++) {
        if (i > 0)
            tare_text_add(text, "%s%s", text->length ? " + " : "", nodes[i]->name);
        if (nodes[i]->absorbed)
            tare_text_add(text, "%s%s", text->length ? " + " : "", nodes[i]->absorbed);
    }
}

enum tare_status tare_lower_late(struct tare_lower *l,
                                 const struct tare_node *const *nodes, size_t n_nodes,
                                 const int32_t *made, size_t n_made,
                                 struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    struct program p;
    struct tare_program_params params = {0};
    int32_t *outputs = tare_alloc_array(n_made, sizeof *outputs);
    if (!outputs) return no_memory(err);
    enum tare_status st = begin(&p, l, nodes, n_nodes, err);
    size_t n = 0;
    for (size_t i = 0; st == TARE_OK && i < g->n_outputs; i++)
        if (tare_lower_is_late(l, g->outputs[i])) outputs[n++] = p.inner[g->outputs[i]];
    if (st == TARE_OK) st = add_blob(&p, outputs, n_made, &params, err);
    struct tare_text others = {0};
    struct tare_node all = *nodes[0]; /* with the names of all of them */
    list_others(nodes, n_nodes, &others);
    all.absorbed = others.data;
    if (st == TARE_OK && others.failed) st = no_memory(err);
    if (st == TARE_OK)
        st = tare_lower_add_multi(l, &all, "late shapes", TARE_LAYER_PROGRAM, &params,
                                  p.plan_ids, p.n_inputs + 1, made, n_made, err);
    tare_text_free(&others);
    tare_free(outputs);
    release(&p);
    return st;
}
