#include "refit/weights.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"

/* int32 is a bias here; elsewhere it may be a shape or an index. */
static bool has_int32_bias(const struct tare_node *node)
{
    return node->op == TARE_OP_DEQUANTIZE_LINEAR || node->op == TARE_OP_QLINEAR_CONV;
}

static bool is_weight_of(const struct tare_tensor *t, const struct tare_node *node)
{
    if (!t->data || t->producer >= 0 || t->n_bytes == 0) return false;
    return t->dtype == TARE_F32 || t->dtype == TARE_U8 || t->dtype == TARE_S8 ||
           (t->dtype == TARE_S32 && has_int32_bias(node));
}

void tare_find_weights(const struct tare_graph *graph, bool *flags)
{
    memset(flags, 0, graph->n_tensors * sizeof *flags);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        for (size_t k = 0; k < node->n_inputs; k++) {
            const int32_t id = node->inputs[k];
            if (id != TARE_NO_TENSOR && is_weight_of(&graph->tensors[id], node))
                flags[id] = true;
        }
    }
}

static bool reads(const struct tare_node *node, int32_t tensor)
{
    for (size_t k = 0; k < node->n_inputs; k++)
        if (node->inputs[k] == tensor) return true;
    return false;
}

char *tare_weight_readers(const struct tare_graph *graph, int32_t tensor)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s", "");
    for (size_t i = 0; i < graph->n_nodes; i++)
        if (reads(&graph->nodes[i], tensor))
            tare_text_add(&text, "%s%s", text.length ? " + " : "",
                          graph->nodes[i].name);
    if (!text.failed) return text.data;
    tare_text_free(&text);
    return NULL;
}

static enum tare_status no_memory(struct tare_error *err)
{
    return tare_error_set(err, TARE_E_NOMEM, "refit: no memory");
}

/* @param ids  [n_inputs + n_tensors], the inputs first */
static enum tare_status strip(struct tare_graph *graph, const bool *is_weight,
                              int32_t *ids, size_t *n, struct tare_error *err)
{
    memcpy(ids, graph->inputs, graph->n_inputs * sizeof *ids);
    for (size_t i = 0; i < graph->n_tensors; i++) {
        if (!is_weight[i]) continue;
        tare_tensor_clear_data(&graph->tensors[i]);
        graph->tensors[i].has_dtype = graph->tensors[i].has_dims = true;
        ids[graph->n_inputs + (*n)++] = (int32_t)i;
    }
    return tare_graph_set_inputs(graph, ids, graph->n_inputs + *n, err);
}

enum tare_status tare_strip_weights(struct tare_graph *graph, size_t *n,
                                    struct tare_error *err)
{
    *n = 0;
    bool *is_weight = tare_alloc_array(graph->n_tensors, sizeof *is_weight);
    int32_t *ids = tare_alloc_array(graph->n_inputs + graph->n_tensors, sizeof *ids);
    enum tare_status st = TARE_OK;
    if (is_weight && ids) {
        tare_find_weights(graph, is_weight);
        st = strip(graph, is_weight, ids, n, err);
    } else {
        st = no_memory(err);
    }
    tare_free(is_weight);
    tare_free(ids);
    return st;
}

enum tare_status tare_set_weight(struct tare_graph *graph, int32_t tensor,
                                 const void *data, bool *changed,
                                 struct tare_error *err)
{
    struct tare_tensor *t = &graph->tensors[tensor];
    struct tare_const copy = {.dtype = t->dtype, .dims = t->dims};
    const enum tare_status st = tare_const_alloc(&copy, err);
    if (st != TARE_OK) return st;
    memcpy(copy.data, data, copy.n_bytes);
    *changed = !t->data || memcmp(t->data, data, copy.n_bytes) != 0;
    tare_tensor_clear_data(t);
    t->data = copy.data;
    t->n_bytes = copy.n_bytes;
    return TARE_OK;
}
