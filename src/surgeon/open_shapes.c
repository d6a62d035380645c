/* Shapes that are computed from open axes, as far as they are known: Shape, Gather,
 * Concat and Reshape in a row, as exporters write x.view(x.size(0), -1). Open axes are
 * taken to be 1 at least. */
#include "base/mem.h"
#include "surgeon/lengths.h"
#include "surgeon/surgeon.h"

static enum tare_status make_ints(const int64_t *values, int32_t n, int32_t rank,
                                  struct tare_const *out, struct tare_error *err)
{
    *out = (struct tare_const){.dtype = TARE_S64, .dims = {.rank = rank, .d = {n}}};
    const enum tare_status st = tare_const_alloc(out, err);
    for (int32_t i = 0; st == TARE_OK && i < n; i++)
        ((int64_t *)out->data)[i] = values[i];
    return st;
}

/* A list of which all is known becomes a constant. */
static enum tare_status fold_list(const struct tare_surgery *surgery,
                                  const struct tare_lengths_walk *walk, int32_t id,
                                  struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    const struct tare_node *node = &graph->nodes[id];
    const struct tare_lengths *known = &walk->tensors[node->outputs[0]];
    struct tare_tensor *tensor = &graph->tensors[node->outputs[0]];
    int64_t values[TARE_MAX_RANK];
    bool folds = node->n_outputs == 1 && known->n_values >= 0 && known->rank <= 1;
    for (int32_t i = 0; folds && i < known->n_values; i++) {
        folds = tare_length_is_fixed(&known->values[i]);
        values[i] = known->values[i].factor;
    }
    struct tare_const content;
    if (!folds) return TARE_OK;
    const enum tare_status st =
        make_ints(values, known->n_values, known->rank, &content, err);
    if (st != TARE_OK) return st;
    tare_surgeon_tell_node(surgery, "folded", node);
    tare_graph_remove_node(graph, id);
    tensor->dtype = TARE_S64;
    tensor->has_dtype = true;
    tensor->data = content.data;
    tensor->n_bytes = content.n_bytes;
    tensor->dims = content.dims;
    tensor->has_dims = true;
    return TARE_OK;
}

/* The target of a Reshape: lengths, 0 for an axis that stays, -1 for one that follows
 * from the others. @retval false  more is open. */
static bool find_target(const struct tare_lengths *x, const struct tare_lengths *shape,
                        int64_t *target)
{
    int n_open = 0;
    for (int32_t i = 0; i < shape->n_values; i++) {
        const struct tare_length *v = &shape->values[i];
        if (tare_length_is_fixed(v))
            target[i] = v->factor;
        else if (x->has_dims && i < x->rank && tare_length_equal(v, &x->dims[i]))
            target[i] = 0;
        else
            target[i] = -1;
        n_open += target[i] == -1;
    }
    return n_open <= 1;
}

static enum tare_status fold_target(const struct tare_surgery *surgery,
                                    const struct tare_lengths_walk *walk, int32_t id,
                                    struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    struct tare_node *node = &graph->nodes[id];
    int64_t target[TARE_MAX_RANK];
    if (node->n_inputs < 2 || tare_node_int(node, "allowzero", 0) ||
        tare_tensor_is_const(&graph->tensors[node->inputs[1]]))
        return TARE_OK;
    const struct tare_lengths *shape = &walk->tensors[node->inputs[1]];
    if (shape->n_values < 0 ||
        !find_target(&walk->tensors[node->inputs[0]], shape, target))
        return TARE_OK;
    struct tare_const content;
    int32_t inputs[2] = {node->inputs[0]};
    enum tare_status st = make_ints(target, shape->n_values, 1, &content, err);
    if (st != TARE_OK) return st;
    char *name = tare_graph_fresh_name(graph, graph->tensors[node->inputs[1]].name);
    if (!name) {
        tare_free(content.data);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    st = tare_graph_add_const(graph, name, &content, &inputs[1], err);
    tare_free(name);
    if (st == TARE_OK) st = tare_node_set_inputs(&graph->nodes[id], inputs, 2, err);
    if (st == TARE_OK) tare_surgeon_tell_node(surgery, "changed", &graph->nodes[id]);
    return st;
}

static enum tare_status fold_all(const struct tare_surgery *surgery,
                                 struct tare_lengths_walk *walk, struct tare_error *err)
{
    const struct tare_graph *graph = surgery->model->graph;
    enum tare_status st = TARE_OK;
    tare_lengths_begin(walk);
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (!graph->nodes[i].dead) tare_lengths_node(walk, &graph->nodes[i]);
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        if (node->op == TARE_OP_RESHAPE)
            st = fold_target(surgery, walk, (int32_t)i, err);
        else
            st = fold_list(surgery, walk, (int32_t)i, err);
    }
    return st;
}

enum tare_status tare_surgeon_fold_shapes(const struct tare_surgery *surgery,
                                          struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph, *trial = NULL;
    const struct tare_infer_calls none = {0};
    enum tare_status st = tare_graph_clone(graph, &trial, err);
    if (st == TARE_OK) st = tare_surgeon_probe(trial, 0, err);
    if (st == TARE_OK) st = tare_surgeon_infer(trial, &none, err);
    struct tare_lengths_walk walk = {.graph = graph, .trial = trial};
    if (st == TARE_OK) {
        walk.tensors = tare_alloc_array(graph->n_tensors, sizeof *walk.tensors);
        st = walk.tensors ? fold_all(surgery, &walk, err)
                          : tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    tare_free(walk.tensors);
    tare_graph_destroy(trial);
    return st;
}
