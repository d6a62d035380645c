/* The weights of an ONNX model for an engine that takes them. */
#include <string.h>

#include "api/model.h"
#include "base/mem.h"
#include "refit/refitter.h"
#include "refit/weights.h"

static const char *nearest_constant(const struct tare_graph *g, const char *name)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < g->n_tensors; i++) {
        if (!g->tensors[i].data || g->tensors[i].producer >= 0) continue;
        const size_t distance = tare_text_distance(name, g->tensors[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = g->tensors[i].name;
    }
    return nearest;
}

static enum tare_status set_one(struct tare_refitter *refitter, size_t i,
                                const struct tare_graph *g, struct tare_error *err)
{
    struct tare_refit_weight weight;
    tare_refitter_weight(refitter, i, &weight);
    const int32_t id = tare_graph_find_tensor(g, weight.name);
    TARE_FAIL_IF(id == TARE_NO_TENSOR || !g->tensors[id].data, err, TARE_E_ARG,
                 "the model has no weight '%.80s' of the engine's; its nearest name is "
                 "'%.80s'",
                 weight.name, nearest_constant(g, weight.name));
    const struct tare_tensor *t = &g->tensors[id];
    return tare_refitter_set_weights(refitter, weight.name, t->dtype, &t->dims, t->data,
                                     err);
}

enum tare_status tare_refitter_set_from_model(struct tare_refitter *refitter,
                                              const struct tare_model *model,
                                              struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < tare_refitter_n_weights(refitter); i++)
        st = set_one(refitter, i, model->graph, err);
    struct tare_graph *g = refitter->source.graph;
    if (st == TARE_OK) st = tare_refitter_complete(refitter, err);
    if (st == TARE_OK) st = tare_same_network(g, model->graph, err);
    if (st != TARE_OK) return st;
    char *name = tare_strdup(model->graph->name);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "refit: no memory");
    tare_free(g->name);
    g->name = name;
    return TARE_OK;
}
