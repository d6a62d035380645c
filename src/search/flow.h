/* search/flow.h - which layer of an engine made what another one reads, and which of
 * the model's tensors that is. Layers hand values on through memory: an operand was
 * made by the last layer in front that wrote there. */
#ifndef TARE_SEARCH_FLOW_H
#define TARE_SEARCH_FLOW_H

#include "api/recovery.h"
#include "engine/engine.h"

/* What no layer makes: the network's inputs, and weights. */
#define TARE_NO_LAYER SIZE_MAX

struct tare_flow {
    const struct tare_engine *engine; /* borrowed; its tensors are dense */
    size_t *maker;                    /* [engine->n_ids] the layer, of every operand */
};

/** tare_flow_release() it in any case. */
enum tare_status tare_flow_open(struct tare_flow *flow,
                                const struct tare_engine *engine,
                                struct tare_error *err);
void tare_flow_release(struct tare_flow *flow);

/** Where operand `k` of `layer` stands among the engine's ids. */
static inline size_t tare_flow_id(const struct tare_flow *flow, size_t layer, size_t k)
{
    return flow->engine->layers[layer].record->first_id + k;
}

/** Its tensor. */
static inline const struct tare_plan_tensor *
tare_flow_tensor(const struct tare_flow *flow, size_t id)
{
    return flow->engine->layer_tensors[id];
}

/** Name of the model's tensor that an operand holds, in whatever type or order; "": it
 * is between layers of one node, or a weight. */
const char *tare_flow_name(const struct tare_flow *flow, size_t layer, size_t k);

#endif /* TARE_SEARCH_FLOW_H */
