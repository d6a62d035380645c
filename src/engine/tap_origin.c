/* Which tapped tensors follow from others: views, and what is clipped at zero. */
#include <math.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/layers/params.h"

/* The tap that shows the values of tensor `id`; SIZE_MAX: none. */
static size_t *find_taps(const struct tare_engine *e)
{
    size_t *tap_of = tare_alloc_array(e->n_tensors, sizeof *tap_of);
    if (!tap_of) return NULL;
    for (size_t i = 0; i < e->n_tensors; i++)
        tap_of[i] = SIZE_MAX;
    for (size_t i = 0; i < e->n_taps; i++)
        tap_of[e->taps[i]] = i;
    for (size_t i = 0; i < e->n_layers; i++) { /* another layout, the same values */
        const struct tare_plan_layer *r = &e->records[i];
        const int32_t *ids = e->ids + r->first_id;
        if (r->is_reformat && r->kind == TARE_LAYER_COPY && r->n_inputs == 2)
            tap_of[ids[2]] = tap_of[ids[0]];
    }
    return tap_of;
}

/* How the layer's output follows from its first input; false: not at all. */
static bool follows(const struct tare_layer *layer, struct tare_origin *origin)
{
    const struct tare_f32_unary *p = layer->params;
    *origin = (struct tare_origin){.follows = true, .upper = INFINITY};
    if (layer->record->kind == TARE_LAYER_RESHAPE) return true;
    if (layer->record->kind != TARE_LAYER_F32_UNARY || layer->convert) return false;
    origin->is_clipped = true;
    if (p->op == TARE_UNARY_RELU) return true;
    origin->upper = p->beta;
    return p->op == TARE_UNARY_CLIP && p->alpha == 0.0f && p->beta > 0.0f;
}

/* Lead the way on to a tap that follows from none; false: there is no such way. A
 * tensor is cut in one place only. */
static bool settle(const struct tare_origin *origins, size_t tap,
                   struct tare_origin *origin)
{
    const struct tare_origin *before = &origins[origin->tensor];
    if (before->follows) {
        if (before->is_clipped && origin->is_clipped) return false;
        origin->tensor = before->tensor;
        if (before->is_clipped) {
            origin->is_clipped = true;
            origin->upper = before->upper;
        }
    }
    for (size_t i = 0; i < tap && origin->is_clipped && isfinite(origin->upper); i++)
        if (origins[i].follows && origins[i].tensor == origin->tensor &&
            origins[i].is_clipped && isfinite(origins[i].upper) &&
            origins[i].upper != origin->upper)
            return false;
    return true;
}

enum tare_status tare_engine_tap_origins(const struct tare_engine *engine,
                                         struct tare_origin *origins,
                                         struct tare_error *err)
{
    size_t *tap_of = find_taps(engine);
    TARE_FAIL_IF(!tap_of, err, TARE_E_NOMEM, "engine: no memory for the taps' origins");
    for (size_t i = 0; i < engine->n_taps; i++) {
        struct tare_origin origin;
        origins[i] = (struct tare_origin){.follows = false};
        if (engine->tap_layer[i] == SIZE_MAX) continue;
        const struct tare_layer *layer = &engine->layers[engine->tap_layer[i]];
        if (!follows(layer, &origin)) continue;
        origin.tensor = tap_of[engine->ids[layer->record->first_id]];
        if (origin.tensor < i && settle(origins, i, &origin)) origins[i] = origin;
    }
    tare_free(tap_of);
    return TARE_OK;
}
