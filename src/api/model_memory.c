/* How much memory a model wants, before any optimization. */
#include "api/model.h"
#include "base/dims.h"
#include "base/mem.h"

/* Bytes of a tensor that a run makes or is given; 0 for a constant. */
static size_t activation_bytes(const struct tare_tensor *tensor)
{
    size_t n_bytes = 0;
    if (!tensor->data) (void)tare_dims_bytes(&tensor->dims, tensor->dtype, &n_bytes);
    return n_bytes;
}

/* The end of a run keeps the outputs. */
static void find_last_uses(const struct tare_graph *g, size_t *last)
{
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] != TARE_NO_TENSOR) last[node->outputs[i]] = n;
        for (size_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] != TARE_NO_TENSOR) last[node->inputs[i]] = n;
    }
    for (size_t i = 0; i < g->n_outputs; i++)
        last[g->outputs[i]] = g->n_nodes;
}

/* Release what node `n` is the last one to use, each once. */
static void release_after(const struct tare_graph *g, const struct tare_node *node,
                          size_t n, size_t *last, int64_t *live)
{
    const int32_t *const lists[] = {node->inputs, node->outputs};
    const size_t counts[] = {node->n_inputs, node->n_outputs};
    for (int l = 0; l < 2; l++)
        for (size_t i = 0; i < counts[l]; i++) {
            const int32_t id = lists[l][i];
            if (id == TARE_NO_TENSOR || last[id] != n) continue;
            *live -= (int64_t)activation_bytes(&g->tensors[id]);
            last[id] = SIZE_MAX;
        }
}

static void find_peak(const struct tare_graph *g, size_t *last,
                      struct tare_model_memory *out)
{
    int64_t live = 0;
    for (size_t i = 0; i < g->n_inputs; i++)
        live += (int64_t)activation_bytes(&g->tensors[g->inputs[i]]);
    out->peak_activation_bytes = live;
    for (size_t n = 0; n < g->n_nodes; n++) {
        const struct tare_node *node = &g->nodes[n];
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] != TARE_NO_TENSOR)
                live += (int64_t)activation_bytes(&g->tensors[node->outputs[i]]);
        if (live > out->peak_activation_bytes) {
            out->peak_activation_bytes = live;
            out->peak_node = node->name;
        }
        release_after(g, node, n, last, &live);
    }
}

enum tare_status tare_model_memory(const struct tare_model *model,
                                   struct tare_model_memory *out,
                                   struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    *out = (struct tare_model_memory){.peak_node = ""};
    TARE_FAIL_IF(!model->is_bound, err, TARE_E_ARG,
                 "the model's shapes are not bound, so its memory is not known");
    size_t *last = tare_alloc_array(g->n_tensors, sizeof *last);
    TARE_FAIL_IF(!last, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].producer < 0)
            out->parameter_bytes += (int64_t)g->tensors[i].n_bytes;
    find_last_uses(g, last);
    find_peak(g, last, out);
    tare_free(last);
    return TARE_OK;
}
