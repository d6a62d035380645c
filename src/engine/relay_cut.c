/* Where a relay divides an engine. */
#include <string.h>

#include "base/mem.h"
#include "engine/relay.h"

/* Bytes that have to be saved before two legs are worth their trouble. */
#define LEAST_SAVED INT64_C(262144)

/* One sample's float32 values, dense. */
static bool is_one_sample(const struct tare_plan_tensor *t)
{
    return t->dtype == TARE_F32 && t->dims.rank > 0 && t->dims.d[0] == 1 && !t->pitch &&
           (t->storage == TARE_IN_ARENA || t->storage == TARE_IN_BINDING);
}

/* A kind that can take more than one sample, made by our own kernels. */
static bool is_kind(const struct tare_layer *layer)
{
    _Alignas(TARE_ALIGN) uint8_t params[1024];
    const size_t n_bytes = (size_t)layer->record->params_bytes;
    if (n_bytes > sizeof params || layer->module || layer->convert) return false;
    memcpy(params, layer->params, n_bytes);
    return tare_layer_times(layer, params, 2);
}

/* A weight is the same for all samples where the kind has it so: it is not in the place
 * of an input or a residual. */
static bool may_be_weight(const struct tare_layer *layer, size_t operand)
{
    return layer->record->kind == TARE_LAYER_F32_BINARY || operand == 1 || operand == 2;
}

/* Can the second leg have it? A binding that is read is the caller's. */
static bool can_follow(const struct tare_layer *layer)
{
    if (tare_relay_skips(layer)) return true;
    bool ok = is_kind(layer);
    for (size_t k = 0; ok && k < layer->n_inputs; k++) {
        const struct tare_plan_tensor *t = layer->inputs[k];
        ok = t->storage == TARE_IN_WEIGHTS
                 ? may_be_weight(layer, k)
                 : t->storage == TARE_IN_ARENA && is_one_sample(t);
    }
    for (size_t k = 0; ok && k < layer->n_outputs; k++)
        ok = is_one_sample(layer->outputs[k]);
    return ok;
}

/* Bytes of weights that are read once for all samples, less activations that leave the
 * cache when several samples' are alive. */
static int64_t saved(const struct tare_layer *layer)
{
    int64_t n_bytes = 0;
    if (layer->record->kind == TARE_LAYER_RESHAPE || tare_relay_skips(layer)) return 0;
    for (size_t k = 0; k < layer->n_inputs; k++) {
        const struct tare_plan_tensor *t = layer->inputs[k];
        n_bytes +=
            t->storage == TARE_IN_WEIGHTS ? (int64_t)t->n_bytes : -(int64_t)t->n_bytes;
    }
    for (size_t k = 0; k < layer->n_outputs; k++)
        n_bytes -= (int64_t)layer->outputs[k]->n_bytes;
    return n_bytes;
}

size_t tare_relay_find(const struct tare_engine *engine)
{
    int64_t sum = 0, most = LEAST_SAVED;
    size_t cut = engine->n_layers;
    for (size_t i = engine->n_layers; i-- > 1 && can_follow(&engine->layers[i]);) {
        sum += saved(&engine->layers[i]);
        if (sum < most) continue;
        most = sum;
        cut = i;
    }
    return cut;
}
