/* What the time of a layer depends on. Scales, zero points and bounds do not belong to
 * it: a network that is calibrated anew finds its times again, and blocks of a network
 * that differ in them alone are timed once. */
#include <string.h>

#include "base/hash.h"
#include "engine/build/tactics.h"
#include "engine/layers/params_u8.h"

static uint64_t mix(uint64_t hash, const void *data, size_t n_bytes)
{
    const uint64_t pair[2] = {hash, tare_hash64(data, n_bytes)};
    return tare_hash64(pair, sizeof pair);
}

static float slope_kind(float negative_slope)
{
    return negative_slope == 1.0f ? 1.0f : 0.0f;
}

static void clear_epilogue(struct tare_u8_epilogue *e)
{
    e->negative_slope = slope_kind(e->negative_slope);
    e->lower = e->upper = e->residual_scale = 0.0f;
    e->residual_zero_point = e->out_zero_point = 0;
}

static uint64_t mix_conv(uint64_t hash, const struct tare_layer *layer)
{
    struct tare_u8_conv p = *(const struct tare_u8_conv *)layer->params;
    p.in_zero_point = 0;
    clear_epilogue(&p.epilogue);
    return mix(hash, &p, sizeof p);
}

static uint64_t mix_matmul(uint64_t hash, const struct tare_layer *layer)
{
    struct tare_u8_matmul_params p =
        *(const struct tare_u8_matmul_params *)layer->params;
    p.matmul.alpha = 0.0f;
    p.a_zero_point = 0;
    clear_epilogue(&p.epilogue);
    return mix(hash, &p, sizeof p);
}

static uint64_t mix_pool(uint64_t hash, const struct tare_layer *layer)
{
    struct tare_u8_pool p = *(const struct tare_u8_pool *)layer->params;
    p.in_zero_point = 0;
    p.multiplier = 0.0f;
    clear_epilogue(&p.epilogue);
    return mix(hash, &p, sizeof p);
}

static uint64_t mix_binary(uint64_t hash, const struct tare_layer *layer)
{
    struct tare_u8_binary p = *(const struct tare_u8_binary *)layer->params;
    p.a_scale = p.b_scale = p.scale = p.lower = p.upper = 0.0f;
    p.a_zero_point = p.b_zero_point = p.out_zero_point = 0;
    p.negative_slope = slope_kind(p.negative_slope);
    return mix(hash, &p, sizeof p);
}

static uint64_t mix_resize(uint64_t hash, const struct tare_layer *layer)
{
    struct tare_u8_resize p = *(const struct tare_u8_resize *)layer->params;
    p.in_zero_point = p.out_zero_point = 0;
    p.multiplier = p.lower = p.upper = 0.0f;
    return mix(hash, &p, sizeof p);
}

static uint64_t mix_params(uint64_t hash, const struct tare_layer *layer)
{
    switch (layer->record->kind) {
    case TARE_LAYER_U8_CONV:
    case TARE_LAYER_U8_DEPTHWISE: return mix_conv(hash, layer);
    case TARE_LAYER_U8_MATMUL: return mix_matmul(hash, layer);
    case TARE_LAYER_U8_POOL: return mix_pool(hash, layer);
    case TARE_LAYER_U8_BINARY: return mix_binary(hash, layer);
    case TARE_LAYER_U8_RESIZE: return mix_resize(hash, layer);
    default: return mix(hash, layer->params, (size_t)layer->record->params_bytes);
    }
}

static uint64_t mix_tensor(uint64_t hash, const struct tare_plan_tensor *t)
{
    int64_t what[5 + TARE_MAX_RANK] = {(int64_t)t->dtype, (int64_t)t->format,
                                       t->storage == TARE_IN_WEIGHTS, (int64_t)t->pitch,
                                       t->dims.rank};
    memcpy(&what[5], t->dims.d, (size_t)t->dims.rank * sizeof *what);
    return mix(hash, what, sizeof what);
}

uint64_t tare_tactic_signature(const struct tare_layer *layer)
{
    uint64_t hash = mix_params(layer->record->kind, layer);
    for (size_t i = 0; i < layer->n_inputs; i++)
        hash = mix_tensor(hash, layer->inputs[i]);
    for (size_t i = 0; i < layer->n_outputs; i++)
        hash = mix_tensor(hash, layer->outputs[i]);
    return hash;
}
