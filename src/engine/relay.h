/* engine/relay.h - the second leg of a relay: an engine's last layers for several
 * samples. */
#ifndef TARE_ENGINE_RELAY_H
#define TARE_ENGINE_RELAY_H

#include "engine/engine.h"

/** The first layer of the second leg that saves the most; n_layers: none saves enough.
 *  (relay_cut.c) */
size_t tare_relay_find(const struct tare_engine *engine);

/** A reformat of an output: no tap sees it, and the second leg does without. */
static inline bool tare_relay_skips(const struct tare_layer *layer)
{
    return layer->record->is_reformat && layer->outputs[0]->storage == TARE_IN_BINDING;
}

/** An engine's layers from `cut` on for `n_samples` of its samples; those before are
 *  not to be run. It borrows all else of `engine`, whose taps it has. */
struct tare_relay_engine {
    struct tare_engine engine;
    struct tare_plan_header header;
    struct tare_plan_tensor *tensors;
    uint8_t *params; /* of the layers from the cut on */
};

/** @param[out] second  tare_relay_engine_release() it in any case. (relay_engine.c) */
enum tare_status tare_relay_engine_make(const struct tare_engine *engine, size_t cut,
                                        size_t n_samples,
                                        struct tare_relay_engine *second,
                                        struct tare_error *err);
void tare_relay_engine_release(struct tare_relay_engine *second);

#endif /* TARE_ENGINE_RELAY_H */
