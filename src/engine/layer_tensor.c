/* What a layer reads and writes, for people who look into an engine. */
#include <math.h>

#include "engine/engine.h"

struct tare_held_range tare_held_range(const struct tare_plan_tensor *t)
{
    if (t->dtype != TARE_U8) return (struct tare_held_range){0.0F, -INFINITY, INFINITY};
    return (struct tare_held_range){
        .step = t->scale,
        .lowest = (float)(t->lowest - t->zero_point) * t->scale,
        .highest = (float)(255 - t->zero_point) * t->scale,
    };
}

static enum tare_place place_of(uint32_t storage)
{
    switch (storage) {
    case TARE_IN_WEIGHTS: return TARE_PLACE_WEIGHTS;
    case TARE_IN_BINDING: return TARE_PLACE_BINDING;
    case TARE_IN_CONTEXT: return TARE_PLACE_CONTEXT;
    default: return TARE_PLACE_ARENA;
    }
}

void tare_engine_layer_tensor(const struct tare_engine *engine, size_t layer, size_t k,
                              struct tare_layer_tensor *tensor)
{
    const struct tare_plan_tensor *t = engine->layers[layer].inputs[k];
    const struct tare_held_range held = tare_held_range(t);
    *tensor = (struct tare_layer_tensor){
        .id = (size_t)(t - engine->tensors),
        .name = tare_engine_string(engine, t->name),
        .dims = t->dims,
        .dtype = (enum tare_dtype)t->dtype,
        .format = t->format == TARE_LINEAR
                      ? "linear"
                      : tare_format_name((enum tare_format)t->format),
        .place = place_of(t->storage),
        .offset = (size_t)t->offset,
        .n_bytes = (size_t)t->n_bytes,
        .step = t->storage == TARE_IN_WEIGHTS ? 0.0F : held.step,
        .zero_point = t->zero_point,
        .lowest = held.lowest,
        .highest = held.highest,
    };
}
