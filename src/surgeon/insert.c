/* A new node between tensors. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "surgeon/surgeon.h"

/* A tensor of the same type and shape. */
static enum tare_status like(struct tare_graph *graph, int32_t from, const char *base,
                             int32_t *id, struct tare_error *err)
{
    char *name = tare_graph_fresh_name(graph, base);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st = tare_graph_add_tensor(graph, name, id, err);
    tare_free(name);
    if (st != TARE_OK) return st;
    const struct tare_tensor *old = &graph->tensors[from];
    struct tare_tensor *made = &graph->tensors[*id];
    made->dtype = old->dtype;
    made->has_dtype = old->has_dtype || old->producer < 0;
    made->has_dims = old->has_dims;
    made->dims = old->dims;
    for (int i = 0; i < TARE_MAX_RANK; i++) {
        if (!old->symbols[i]) continue;
        made->symbols[i] = tare_strdup(old->symbols[i]);
        TARE_FAIL_IF(!made->symbols[i], err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

/* The output `id` of the model keeps its name, which the tensor `before` has. */
static enum tare_status trade_names(struct tare_graph *graph, int32_t before,
                                    int32_t id, const char *op, struct tare_error *err)
{
    struct tare_text base = {0};
    char *kept = tare_strdup(graph->tensors[before].name);
    tare_text_add(&base, "%s_before_%s", graph->tensors[before].name, op);
    char *other = base.failed ? NULL : tare_graph_fresh_name(graph, base.data);
    enum tare_status st = TARE_OK;
    if (!kept || !other) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    if (st == TARE_OK) st = tare_graph_rename_tensor(graph, before, other, err);
    if (st == TARE_OK) st = tare_graph_rename_tensor(graph, id, kept, err);
    tare_free(kept);
    tare_free(other);
    tare_text_free(&base);
    return st;
}

/* Readers of `tensor` will read another one, *id. */
static enum tare_status pass_through(struct tare_graph *graph, int32_t tensor,
                                     const char *op, int32_t *id,
                                     struct tare_error *err)
{
    struct tare_text base = {0};
    tare_text_add(&base, "%s_%s", graph->tensors[tensor].name, op);
    enum tare_status st = base.failed ? tare_error_set(err, TARE_E_NOMEM, "no memory")
                                      : like(graph, tensor, base.data, id, err);
    tare_text_free(&base);
    if (st != TARE_OK) return st;
    if (tare_graph_is_output(graph, tensor))
        st = trade_names(graph, tensor, *id, op, err);
    tare_graph_replace_uses(graph, tensor, *id);
    return st;
}

static enum tare_status take_over(struct tare_graph *graph, int32_t tensor,
                                  struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++)
        TARE_FAIL_IF(graph->inputs[i] == tensor, err, TARE_E_ARG,
                     "'%.80s' is an input of the model; a node cannot make it",
                     graph->tensors[tensor].name);
    TARE_FAIL_IF(tare_graph_n_uses(graph, tensor) == 0, err, TARE_E_ARG,
                 "nothing reads '%.80s'", graph->tensors[tensor].name);
    tare_tensor_clear_data(&graph->tensors[tensor]);
    return tare_surgeon_detach(graph, tensor, err);
}

static enum tare_status find_edges(struct tare_graph *graph,
                                   const struct tare_new_node *made, int32_t *inputs,
                                   int32_t *outputs, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < made->n_inputs && st == TARE_OK; i++) {
        inputs[i] = TARE_NO_TENSOR;
        if (*made->inputs[i])
            st = tare_surgeon_tensor(graph, made->inputs[i], &inputs[i], err);
    }
    for (size_t i = 0; i < made->n_outputs && st == TARE_OK; i++)
        st = tare_surgeon_tensor(graph, made->outputs[i], &outputs[i], err);
    for (size_t i = 0; i < made->n_outputs && st == TARE_OK; i++) {
        bool is_input = false;
        for (size_t k = 0; k < made->n_inputs; k++)
            is_input |= inputs[k] == outputs[i];
        st = is_input ? pass_through(graph, outputs[i], made->op, &outputs[i], err)
                      : take_over(graph, outputs[i], err);
    }
    return st;
}

enum tare_status tare_surgeon_insert(const struct tare_surgery *surgery,
                                     const struct tare_new_node *made,
                                     struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    int32_t id;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(made->n_outputs == 0, err, TARE_E_ARG, "the new node makes nothing");
    TARE_FAIL_IF(made->name && tare_graph_find_node(graph, made->name) >= 0, err,
                 TARE_E_ARG, "the model has a node '%.80s' already", made->name);
    int32_t *ids = tare_alloc_array(made->n_inputs + made->n_outputs, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory");
    int32_t *outputs = ids + made->n_inputs;
    st = tare_surgeon_annotate(graph, err);
    if (st == TARE_OK) st = find_edges(graph, made, ids, outputs, err);
    if (st == TARE_OK)
        st = tare_surgeon_add_node(graph, made, ids, made->n_inputs, outputs,
                                   made->n_outputs, &id, err);
    tare_free(ids);
    if (st != TARE_OK) return st;
    tare_surgeon_tell_node(surgery, "inserted", &graph->nodes[id]);
    st = tare_graph_sort(graph, err);
    if (st == TARE_OK) st = tare_surgeon_end(surgery, err);
    return st == TARE_OK ? tare_surgeon_annotate(graph, err) : st;
}
