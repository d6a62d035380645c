/* The second leg's engine: the same layers, whose activations hold several samples. */
#include <string.h>

#include "base/mem.h"
#include "engine/relay.h"
#include "kernels/window.h"

/* Which tensors are activations of the layers from `cut` on. [n_tensors] */
static void mark_activations(const struct tare_engine *e,
                             const struct tare_layer *layers, size_t cut, bool *used)
{
    for (size_t i = cut; i < e->n_layers; i++) {
        const struct tare_plan_layer *r = &e->records[i];
        if (tare_relay_skips(&layers[i])) continue;
        for (uint32_t k = 0; k < r->n_inputs + r->n_outputs; k++) {
            const int32_t id = e->ids[r->first_id + k];
            used[id] = e->tensors[id].storage != TARE_IN_WEIGHTS;
        }
    }
}

static bool times(uint64_t *n_bytes, size_t n)
{
    return !__builtin_mul_overflow(*n_bytes, n, n_bytes);
}

/* All places move apart alike, so that what did not overlap still does not; and down,
 * to where the arena begins. @param[out] arena_bytes  where the last one ends */
static bool spread(struct tare_plan_tensor *tensors, size_t n_tensors, const bool *used,
                   size_t n_samples, uint64_t *arena_bytes)
{
    uint64_t lowest = UINT64_MAX, end = 0;
    for (size_t i = 0; i < n_tensors; i++)
        if (used[i] && tensors[i].storage == TARE_IN_ARENA &&
            tensors[i].offset < lowest)
            lowest = tensors[i].offset;
    for (size_t i = 0; i < n_tensors; i++) {
        struct tare_plan_tensor *t = &tensors[i];
        if (!used[i]) continue;
        if (__builtin_mul_overflow(t->dims.d[0], (int64_t)n_samples, &t->dims.d[0]) ||
            !times(&t->n_bytes, n_samples))
            return false;
        if (t->storage != TARE_IN_ARENA) continue;
        t->offset -= lowest;
        if (!times(&t->offset, n_samples)) return false;
        const uint64_t behind = t->offset + t->n_bytes + TARE_KERNEL_SLACK;
        if (behind < t->offset) return false;
        if (behind > end) end = behind;
    }
    *arena_bytes = end;
    return true;
}

static enum tare_status make_tensors(struct tare_relay_engine *second,
                                     const struct tare_layer *layers, size_t cut,
                                     size_t n_samples, struct tare_error *err)
{
    struct tare_engine *e = &second->engine;
    bool *used = tare_alloc_array(e->n_tensors, sizeof *used);
    second->tensors = tare_alloc_array(e->n_tensors, sizeof *second->tensors);
    bool fits = used && second->tensors;
    if (fits) {
        mark_activations(e, layers, cut, used);
        memcpy(second->tensors, e->tensors, e->n_tensors * sizeof *e->tensors);
        fits = spread(second->tensors, e->n_tensors, used, n_samples,
                      &second->header.arena_bytes);
    }
    tare_free(used);
    TARE_FAIL_IF(!fits, err, TARE_E_NOMEM, "relay: no memory for %zu samples",
                 n_samples);
    e->tensors = second->tensors;
    return TARE_OK;
}

static size_t aligned(uint64_t n_bytes)
{
    return ((size_t)n_bytes + TARE_ALIGN - 1) / TARE_ALIGN * TARE_ALIGN;
}

/* The engine's own record, which was proved right, for more samples: proved again. */
static enum tare_status widen(struct tare_layer *layer,
                              const struct tare_plan_tensor *const *operands,
                              void *params, size_t n_samples, struct tare_error *err)
{
    const struct tare_layer_kind_info *kind = tare_layer_kind_info(layer->record->kind);
    memcpy(params, layer->params, (size_t)layer->record->params_bytes);
    TARE_FAIL_IF(!tare_layer_times(layer, params, (int64_t)n_samples), err,
                 TARE_E_NOMEM, "relay: %zu samples are too many", n_samples);
    layer->params = params;
    layer->inputs = operands;
    layer->outputs = operands + layer->n_inputs;
    const enum tare_status st = kind->check(layer, err);
    return st == TARE_OK && kind->prepare ? kind->prepare(layer, err) : st;
}

static void run_nothing(const struct tare_layer *layer,
                        const struct tare_layer_run *run)
{
    (void)layer, (void)run;
}

static enum tare_status widen_all(struct tare_relay_engine *second, size_t cut,
                                  size_t n_samples, struct tare_error *err)
{
    struct tare_engine *e = &second->engine;
    uint8_t *params = second->params;
    e->scratch_bytes = e->shared_bytes = 0;
    for (size_t i = cut; i < e->n_layers; i++) {
        struct tare_layer *layer = &e->layers[i];
        if (tare_relay_skips(layer)) {
            layer->run = run_nothing;
            continue;
        }
        TARE_TRY(widen(layer, e->layer_tensors + layer->record->first_id, params,
                       n_samples, err),
                 err, "relay: layer %zu '%.80s'", i, layer->name);
        params += aligned(layer->record->params_bytes);
        if (layer->scratch_bytes > e->scratch_bytes)
            e->scratch_bytes = layer->scratch_bytes;
        if (layer->shared_bytes > e->shared_bytes)
            e->shared_bytes = layer->shared_bytes;
    }
    return TARE_OK;
}

static enum tare_status make_layers(struct tare_relay_engine *second,
                                    const struct tare_layer *layers, size_t cut,
                                    size_t n_samples, struct tare_error *err)
{
    struct tare_engine *e = &second->engine;
    size_t n_bytes = 0;
    for (size_t i = cut; i < e->n_layers; i++)
        n_bytes += aligned(e->records[i].params_bytes);
    e->layers = tare_alloc_array(e->n_layers, sizeof *e->layers);
    e->layer_tensors = tare_alloc_array(e->n_ids, sizeof(struct tare_plan_tensor *));
    second->params = tare_alloc(n_bytes);
    TARE_FAIL_IF(!e->layers || !e->layer_tensors || !second->params, err, TARE_E_NOMEM,
                 "relay: no memory");
    for (size_t i = 0; i < e->n_ids; i++)
        e->layer_tensors[i] = &e->tensors[e->ids[i]];
    memcpy(e->layers, layers, e->n_layers * sizeof *layers);
    for (size_t i = 0; i < cut; i++) { /* a context would copy them */
        e->layers[i].program = NULL;
        e->layers[i].plugin = NULL;
    }
    return widen_all(second, cut, n_samples, err);
}

enum tare_status tare_relay_engine_make(const struct tare_engine *engine, size_t cut,
                                        size_t n_samples,
                                        struct tare_relay_engine *second,
                                        struct tare_error *err)
{
    *second = (struct tare_relay_engine){.engine = *engine, .header = *engine->header};
    struct tare_engine *e = &second->engine;
    e->header = &second->header;
    e->layers = NULL;
    e->layer_tensors = NULL;
    e->n_streams = 1;
    e->n_profiles = 0; /* it has one shape */
    e->specials = NULL;
    const enum tare_status st =
        make_tensors(second, engine->layers, cut, n_samples, err);
    return st == TARE_OK ? make_layers(second, engine->layers, cut, n_samples, err)
                         : st;
}

void tare_relay_engine_release(struct tare_relay_engine *second)
{
    tare_free(second->engine.layers);
    tare_free(second->engine.layer_tensors);
    tare_free(second->tensors);
    tare_free(second->params);
    *second = (struct tare_relay_engine){0};
}
