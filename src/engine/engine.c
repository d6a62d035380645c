#include "engine/engine.h"

#include "base/cpu.h"
#include "base/format.h"
#include "base/mem.h"
#include "engine/isa.h"
#include "engine/specials.h"
#include "graph/graph.h"

const char *tare_engine_string(const struct tare_engine *engine, uint32_t offset)
{
    return engine->strings + offset;
}

/* The tactic of an engine that was made anew was chosen for another shape, which is all
 * that some can do. */
static enum tare_status prepare(const struct tare_engine *e, struct tare_layer *layer,
                                uint32_t isa, struct tare_error *err)
{
    const char *tactic = tare_engine_string(e, layer->record->tactic);
    const enum tare_status st = tare_layer_prepare(layer, isa, tactic, err);
    if (st != TARE_E_UNSUPPORTED || !e->base || !tactic[0]) return st;
    tare_layer_release(layer);
    return tare_layer_prepare(layer, isa, "", err);
}

static void tell_next_weights(struct tare_engine *e)
{
    const void *next = NULL;
    size_t next_bytes = 0;
    for (size_t i = e->n_layers; i-- > 0;) {
        struct tare_layer *layer = &e->layers[i];
        layer->next_weights = next;
        layer->next_bytes = next_bytes;
        size_t n_bytes;
        const void *first = tare_layer_first_weights(layer, &n_bytes);
        if (first) next = first, next_bytes = n_bytes;
    }
}

static enum tare_status make_layers(struct tare_engine *e, struct tare_error *err)
{
    e->layers = tare_array_from(&e->allocator, e->n_layers, sizeof *e->layers);
    e->layer_tensors =
        tare_array_from(&e->allocator, e->n_ids, sizeof(struct tare_plan_tensor *));
    TARE_FAIL_IF(!e->layers || !e->layer_tensors, err, TARE_E_NOMEM,
                 "engine: no memory");
    for (size_t i = 0; i < e->n_ids; i++)
        e->layer_tensors[i] = &e->tensors[e->ids[i]];

    e->n_streams = 1;
    const uint32_t isa = tare_isa_usable(e->header->isa, tare_cpu_flags());
    for (size_t i = 0; i < e->n_layers; i++) {
        const struct tare_plan_layer *r = &e->records[i];
        const struct tare_layer_kind_info *kind = tare_layer_kind_info(r->kind);
        struct tare_layer *layer = &e->layers[i];
        layer->record = r;
        layer->name = tare_engine_string(e, r->name);
        layer->params = e->params + r->params;
        layer->inputs = e->layer_tensors + r->first_id;
        layer->outputs = layer->inputs + r->n_inputs;
        layer->n_inputs = r->n_inputs;
        layer->n_outputs = r->n_outputs;
        layer->weights = e->weights;
        layer->plugins = e->plugins;
        layer->base_weights = e->base ? e->base->weights : NULL;
        TARE_TRY(kind->check(layer, err), err, "engine: layer %zu '%.80s' (%s)", i,
                 layer->name, kind->name);
        TARE_TRY(prepare(e, layer, isa, err), err, "engine: layer %zu '%.80s' (%s)", i,
                 layer->name, kind->name);
        if (r->stream >= e->n_streams) e->n_streams = r->stream + 1U;
        if (layer->scratch_bytes > e->scratch_bytes)
            e->scratch_bytes = layer->scratch_bytes;
        if (tare_layer_shared(layer) > e->shared_bytes)
            e->shared_bytes = tare_layer_shared(layer);
    }
    tell_next_weights(e);
    return TARE_OK;
}

/* Float32, or what stands for it; bytes of other meaning have no scale. What a binding
 * has in other orders, taps do not know. */
static bool is_named_activation(const struct tare_engine *e, int32_t id)
{
    const struct tare_plan_tensor *t = &e->tensors[id];
    return t->name != 0 && t->storage != TARE_IN_WEIGHTS &&
           t->storage != TARE_IN_CONTEXT &&
           tare_format_is_plain(&t->dims, (enum tare_format)t->format) &&
           (t->dtype == TARE_F32 || t->dtype == TARE_F16 || t->dtype == TARE_BF16 ||
            (t->dtype == TARE_U8 && t->scale > 0.0F));
}

/* A reformat makes another copy of a tensor that was shown before. */
static bool is_shown(const struct tare_plan_layer *r)
{
    return !r->is_reformat;
}

static void add_tap(struct tare_engine *e, int32_t id, size_t layer)
{
    if (!is_named_activation(e, id)) return;
    e->taps[e->n_taps] = id;
    e->tap_layer[e->n_taps++] = layer;
}

/* Inputs first, then outputs of the layers in order. */
static enum tare_status make_taps(struct tare_engine *e, struct tare_error *err)
{
    e->taps = tare_array_from(&e->allocator, e->n_ids, sizeof *e->taps);
    e->tap_layer = tare_array_from(&e->allocator, e->n_ids, sizeof *e->tap_layer);
    TARE_FAIL_IF(!e->taps || !e->tap_layer, err, TARE_E_NOMEM, "engine: no memory");
    for (uint32_t i = 0; i < e->header->n_inputs; i++)
        add_tap(e, e->ids[i], SIZE_MAX);
    for (size_t i = 0; i < e->n_layers; i++) {
        const struct tare_plan_layer *r = &e->records[i];
        for (uint32_t k = 0; is_shown(r) && k < r->n_outputs; k++)
            add_tap(e, e->ids[r->first_id + r->n_inputs + k], i);
    }
    return TARE_OK;
}

static enum tare_status open_bytes(struct tare_engine *e, const void *bytes,
                                   size_t n_bytes, struct tare_error *err)
{
    enum tare_status st = tare_plan_read(e, bytes, n_bytes, err);
    if (st == TARE_OK) st = tare_plan_check(e, err);
    if (st == TARE_OK) st = make_layers(e, err);
    if (st == TARE_OK) st = make_taps(e, err);
    return st == TARE_OK && e->n_profiles > 0 ? tare_specials_create(&e->specials, err)
                                              : st;
}

enum tare_status tare_engine_open_as(const struct tare_engine *base, const void *bytes,
                                     size_t n_bytes,
                                     const struct tare_load_options *options,
                                     struct tare_engine **engine,
                                     struct tare_error *err)
{
    struct tare_allocator allocator;
    *engine = NULL;
    enum tare_status st = tare_allocator_take(options->allocator, &allocator, err);
    if (st != TARE_OK) return st;
    struct tare_engine *e = tare_array_from(&allocator, 1, sizeof *e);
    TARE_FAIL_IF(!e, err, TARE_E_NOMEM, "engine: no memory");
    e->allocator = allocator;
    e->recorder = options->recorder;
    e->base = base;
    e->plugins = options->plugins;
    st = open_bytes(e, bytes, n_bytes, err);
    if (st != TARE_OK) {
        tare_engine_destroy(e);
        return st;
    }
    *engine = e;
    return TARE_OK;
}

enum tare_status tare_engine_open_remade(const struct tare_engine *base,
                                         const void *bytes, size_t n_bytes,
                                         const struct tare_plugins *plugins,
                                         struct tare_engine **engine,
                                         struct tare_error *err)
{
    const struct tare_load_options options = {.plugins = plugins};
    return tare_engine_open_as(base, bytes, n_bytes, &options, engine, err);
}

enum tare_status tare_engine_open_own(uint8_t *bytes, size_t n_bytes,
                                      const struct tare_load_options *options,
                                      struct tare_engine **engine,
                                      struct tare_error *err)
{
    const enum tare_status st =
        tare_engine_open_as(NULL, bytes, n_bytes, options, engine, err);
    if (st == TARE_OK)
        (*engine)->own = bytes;
    else
        tare_free(bytes);
    return st;
}

const void *tare_engine_bytes(const struct tare_engine *engine, size_t *n_bytes)
{
    *n_bytes = engine->base ? 0 : (size_t)engine->header->file_bytes;
    return engine->base ? NULL : engine->bytes;
}

enum tare_status tare_engine_save(const struct tare_engine *engine, const char *path,
                                  struct tare_error *err)
{
    TARE_FAIL_IF(engine->base, err, TARE_E_ARG,
                 "%s: the engine uses another one's weights: save that", path);
    return tare_file_write(path, engine->bytes, (size_t)engine->header->file_bytes,
                           err);
}

void tare_engine_destroy(struct tare_engine *engine)
{
    if (!engine) return;
    const struct tare_allocator a = engine->allocator;
    tare_specials_destroy(engine->specials);
    for (size_t i = 0; engine->layers && i < engine->n_layers; i++) {
        tare_graph_destroy(engine->layers[i].program);
        tare_layer_release(&engine->layers[i]);
    }
    tare_free_to(&a, engine->layers);
    tare_free_to(&a, engine->layer_tensors);
    tare_free_to(&a, engine->taps);
    tare_free_to(&a, engine->tap_layer);
    tare_map_close(&engine->map);
    tare_free(engine->own);
    tare_free_to(&a, engine);
}

void tare_engine_info(const struct tare_engine *engine, struct tare_engine_info *info)
{
    const struct tare_plan_header *h = engine->header;
    const struct tare_engine *base = engine->base;
    bool is_exact = true, is_int8_exact = true;
    size_t n_regions = 0;
    for (size_t i = 0; i < engine->n_layers; i++) {
        const struct tare_layer *layer = &engine->layers[i];
        const bool is_own = !layer->module && !layer->plugin;
        is_exact = is_exact && is_own;
        is_int8_exact =
            is_int8_exact && !(layer->module && layer->inputs[0]->dtype == TARE_U8);
    }
    for (size_t i = 0; i < engine->n_layers; i++)
        if (engine->records[i].region > n_regions)
            n_regions = engine->records[i].region;
    *info = (struct tare_engine_info){
        .model = tare_engine_string(engine, h->model),
        .version = tare_engine_string(engine, h->tare_version),
        .isa = tare_isa_name(h->isa),
        .file_bytes = (size_t)(base ? base->header : h)->file_bytes,
        .weight_bytes = engine->weights_bytes + (base ? base->weights_bytes : 0),
        .activation_bytes = (size_t)h->arena_bytes,
        .live_bytes = (size_t)h->live_bytes,
        .n_layers = engine->n_layers,
        .n_bindings = (size_t)h->n_inputs + h->n_outputs,
        .is_exact = is_exact,
        .can_refit = engine->source_bytes > 0,
        .is_stripped = engine->n_layers == 0,
        .n_regions = n_regions,
        .n_streams = engine->n_streams,
        .is_int8_exact = is_int8_exact,
    };
}

void tare_engine_own_binding(const struct tare_engine *engine, size_t i,
                             struct tare_binding *binding)
{
    const struct tare_plan_tensor *t = &engine->tensors[engine->ids[i]];
    const struct tare_dims unknown = {.rank = -1};
    const bool stands_for_floats = t->dtype != t->model_dtype;
    *binding = (struct tare_binding){
        .name = tare_engine_string(engine, t->name),
        .dims = t->storage == TARE_IN_CONTEXT ? unknown : t->dims,
        .dtype = (enum tare_dtype)t->dtype,
        .format = (enum tare_format)t->format,
        .model_dtype = (enum tare_dtype)t->model_dtype,
        .scale = stands_for_floats && t->dtype == TARE_S8 ? t->scale : 1.0F,
        .n_bytes = (size_t)t->n_bytes,
        .is_input = i < engine->header->n_inputs,
    };
}

void tare_engine_binding(const struct tare_engine *engine, size_t i,
                         struct tare_binding *binding)
{
    const uint32_t open = engine->tensors[engine->ids[i]].open_axes;
    tare_engine_own_binding(engine, i, binding);
    for (int32_t k = 0; k < binding->dims.rank; k++)
        if (open >> k & 1U) binding->dims.d[k] = -1;
    if (open) binding->n_bytes = 0;
}

static const char *precision_name(uint32_t precision)
{
    static const char *const names[] = {"FP32", "INT8", "FP16", "BF16"};
    return names[precision];
}

void tare_engine_layer(const struct tare_engine *engine, size_t i,
                       struct tare_layer_info *info)
{
    const struct tare_layer *layer = &engine->layers[i];
    const struct tare_plan_tensor *out = layer->outputs[0];
    size_t weight_bytes = 0;
    for (size_t k = 0; k < layer->n_inputs; k++)
        if (layer->inputs[k]->storage == TARE_IN_WEIGHTS)
            weight_bytes += (size_t)layer->inputs[k]->n_bytes;
    *info = (struct tare_layer_info){
        .name = layer->name,
        .type = tare_layer_kind_info(layer->record->kind)->name,
        .precision = precision_name(layer->record->precision),
        .tactic = layer->tactic,
        .nodes = tare_engine_string(engine, layer->record->nodes),
        .output = tare_engine_string(engine, out->name),
        .output_dims = out->dims,
        .output_format = out->format == TARE_LINEAR
                             ? "linear"
                             : tare_format_name((enum tare_format)out->format),
        .output_dtype = tare_dtype_name((enum tare_dtype)out->dtype),
        .output_scale = out->dtype == TARE_U8 ? out->scale : 0.0f,
        .output_zero_point = out->zero_point,
        .weight_bytes = weight_bytes,
        .is_reformat = layer->record->is_reformat != 0,
        .n_inputs = layer->n_inputs,
        .n_outputs = layer->n_outputs,
        .region = layer->record->region,
        .stream = layer->record->stream,
    };
}

size_t tare_engine_n_taps(const struct tare_engine *engine)
{
    return engine->n_taps;
}

const char *tare_engine_tap_name(const struct tare_engine *engine, size_t i)
{
    return tare_engine_string(engine, engine->tensors[engine->taps[i]].name);
}
