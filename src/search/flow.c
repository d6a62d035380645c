#include "search/flow.h"

#include "base/mem.h"

static bool is_activation(const struct tare_plan_tensor *t)
{
    return t->storage == TARE_IN_ARENA || t->storage == TARE_IN_BINDING;
}

static bool holds(const struct tare_plan_tensor *whole,
                  const struct tare_plan_tensor *t)
{
    if (whole->storage != t->storage) return false;
    if (t->storage == TARE_IN_BINDING) return whole->offset == t->offset;
    return t->offset >= whole->offset && t->offset < whole->offset + whole->n_bytes;
}

/* The last of the first `end` layers that wrote where `t` is. */
static size_t writer_of(const struct tare_engine *e, size_t end,
                        const struct tare_plan_tensor *t, size_t *output)
{
    for (size_t l = end; is_activation(t) && l > 0; l--) {
        const struct tare_layer *layer = &e->layers[l - 1];
        for (size_t i = 0; i < layer->n_outputs; i++) {
            if (!holds(layer->outputs[i], t)) continue;
            *output = i;
            return l - 1;
        }
    }
    return TARE_NO_LAYER;
}

enum tare_status tare_flow_open(struct tare_flow *flow,
                                const struct tare_engine *engine,
                                struct tare_error *err)
{
    size_t output;
    *flow = (struct tare_flow){.engine = engine};
    flow->maker = tare_alloc_array(engine->n_ids, sizeof *flow->maker);
    TARE_FAIL_IF(!flow->maker, err, TARE_E_NOMEM, "search: no memory");
    for (size_t l = 0; l < engine->n_layers; l++) {
        const struct tare_layer *layer = &engine->layers[l];
        for (size_t k = 0; k < layer->n_inputs; k++)
            flow->maker[tare_flow_id(flow, l, k)] =
                writer_of(engine, l, layer->inputs[k], &output);
        for (size_t k = 0; k < layer->n_outputs; k++)
            flow->maker[tare_flow_id(flow, l, layer->n_inputs + k)] = l;
    }
    return TARE_OK;
}

void tare_flow_release(struct tare_flow *flow)
{
    tare_free(flow->maker);
    *flow = (struct tare_flow){0};
}

const char *tare_flow_name(const struct tare_flow *flow, size_t layer, size_t k)
{
    const struct tare_engine *e = flow->engine;
    for (;;) {
        const struct tare_plan_tensor *t =
            tare_flow_tensor(flow, tare_flow_id(flow, layer, k));
        const struct tare_layer *at = &e->layers[layer];
        if (t->name || !is_activation(t)) return tare_engine_string(e, t->name);
        if (k < at->n_inputs) { /* an unnamed view of what a layer in front made */
            size_t output = 0;
            layer = writer_of(e, layer, t, &output);
            if (layer == TARE_NO_LAYER) return "";
            k = e->layers[layer].n_inputs + output;
        } else if (at->record->is_reformat) {
            k = 0;
        } else {
            return "";
        }
    }
}
