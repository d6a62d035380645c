#include "engine/context.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/tap.h"
#include "graph/graph.h"
#include "graph/plugin_instance.h"

struct tare_context {
    const struct tare_engine *engine;
    struct tare_pool *pool;
    char *arena;
    char *scratch;
    char *shared;
    size_t scratch_stride;
    void **bindings;              /* [n_bindings] */
    const void **inputs;          /* [n_ids]: of each id's tensor, to read */
    void **outputs;               /* [n_ids]: to write; NULL: a weight */
    struct tare_graph **programs; /* [n_layers] copies; NULL: another kind of layer */
    struct tare_plugin_instance **plugins; /* [n_layers] likewise */
    struct tare_const *made; /* [n_bindings] outputs that programs keep here */
    struct tare_error error; /* of the first layer that failed */
    struct tare_tap_state tap;
    bool profiling;
    double *layer_ms; /* [n_layers] */
};

static size_t n_bindings_of(const struct tare_engine *e)
{
    return (size_t)e->header->n_inputs + e->header->n_outputs;
}

/* NULL for a weight: no layer's output lies there (checked on loading). */
static void *activation_address(const struct tare_context *c,
                                const struct tare_plan_tensor *t)
{
    switch (t->storage) {
    case TARE_IN_ARENA: return c->arena + t->offset;
    case TARE_IN_BINDING: return c->bindings[t->offset];
    default: return NULL;
    }
}

static void set_addresses(struct tare_context *c, size_t k)
{
    const struct tare_plan_tensor *t = c->engine->layer_tensors[k];
    c->outputs[k] = activation_address(c, t);
    const struct tare_engine *holder = t->in_base ? c->engine->base : c->engine;
    c->inputs[k] =
        t->storage == TARE_IN_WEIGHTS ? holder->weights + t->offset : c->outputs[k];
}

/* Programs and plugins hold values while they run: each context runs its own copies. */
static enum tare_status copy_programs(struct tare_context *c, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < c->engine->n_layers; i++) {
        const struct tare_layer *layer = &c->engine->layers[i];
        if (layer->program) st = tare_graph_clone(layer->program, &c->programs[i], err);
        if (layer->plugin) st = tare_plugin_layer_instance(layer, &c->plugins[i], err);
        if (st != TARE_OK) tare_error_wrap(err, "layer %zu '%.80s'", i, layer->name);
    }
    return st;
}

static enum tare_status allocate(struct tare_context *c, struct tare_error *err)
{
    const struct tare_engine *e = c->engine;
    const size_t n_bindings = n_bindings_of(e);
    size_t scratch_bytes;
    if (!tare_align_size(e->scratch_bytes, &c->scratch_stride) ||
        !tare_mul_size(c->scratch_stride, (size_t)tare_pool_size(c->pool),
                       &scratch_bytes))
        return tare_error_set(err, TARE_E_NOMEM,
                              "context: scratch of %zu bytes is too large",
                              e->scratch_bytes);
    c->arena = tare_alloc_huge((size_t)e->header->arena_bytes);
    c->scratch = tare_alloc_array(scratch_bytes, 1);
    c->shared = tare_alloc_array(e->shared_bytes, 1);
    c->bindings = tare_alloc_array(n_bindings, sizeof *c->bindings);
    c->inputs = tare_alloc_array(e->n_ids, sizeof *c->inputs);
    c->outputs = tare_alloc_array(e->n_ids, sizeof *c->outputs);
    c->layer_ms = tare_alloc_array(e->n_layers, sizeof *c->layer_ms);
    c->programs = tare_alloc_array(e->n_layers, sizeof(struct tare_graph *));
    c->plugins = tare_alloc_array(e->n_layers, sizeof(struct tare_plugin_instance *));
    c->made = tare_alloc_array(n_bindings, sizeof *c->made);
    TARE_FAIL_IF(!c->arena || !c->scratch || !c->shared || !c->bindings || !c->inputs ||
                     !c->outputs || !c->layer_ms || !c->programs || !c->plugins ||
                     !c->made,
                 err, TARE_E_NOMEM, "context: no memory for %llu bytes of activations",
                 (unsigned long long)e->header->arena_bytes);
    for (size_t i = 0; i < e->n_ids; i++)
        set_addresses(c, i);
    return copy_programs(c, err);
}

enum tare_status tare_context_create(const struct tare_engine *engine, int n_threads,
                                     struct tare_context **context,
                                     struct tare_error *err)
{
    *context = NULL;
    struct tare_context *c = tare_alloc_array(1, sizeof *c);
    TARE_FAIL_IF(!c, err, TARE_E_NOMEM, "context: no memory");
    c->engine = engine;
    enum tare_status st = tare_pool_create(n_threads, &c->pool, err);
    if (st == TARE_OK) st = allocate(c, err);
    if (st != TARE_OK) {
        tare_context_destroy(c);
        return st;
    }
    *context = c;
    return TARE_OK;
}

void tare_context_destroy(struct tare_context *context)
{
    if (!context) return;
    tare_pool_destroy(context->pool);
    tare_free(context->arena);
    tare_free(context->scratch);
    tare_free(context->shared);
    tare_free(context->bindings);
    tare_free(context->inputs);
    tare_free(context->outputs);
    tare_free(context->layer_ms);
    const struct tare_engine *e = context->engine;
    for (size_t i = 0; context->programs && i < e->n_layers; i++)
        tare_graph_destroy(context->programs[i]);
    for (size_t i = 0; context->plugins && i < e->n_layers; i++)
        tare_plugin_free(context->plugins[i]);
    tare_free(context->programs);
    tare_free(context->plugins);
    for (size_t i = 0; context->made && i < n_bindings_of(e); i++)
        tare_free(context->made[i].data);
    tare_free(context->made);
    tare_tap_release(&context->tap);
    tare_free(context);
}

enum tare_status tare_context_set_address(struct tare_context *context, size_t i,
                                          void *data, struct tare_error *err)
{
    const struct tare_engine *e = context->engine;
    const size_t n = n_bindings_of(e);
    TARE_FAIL_IF(i >= n, err, TARE_E_ARG, "context: binding %zu, want below %zu", i, n);
    const struct tare_plan_tensor *binding = &e->tensors[e->ids[i]];
    const size_t align = (size_t)tare_dtype_bytes((enum tare_dtype)binding->dtype);
    TARE_FAIL_IF(binding->storage == TARE_IN_CONTEXT, err, TARE_E_ARG,
                 "context: the shape of binding %zu is not known before a run: ask "
                 "tare_context_result() behind it",
                 i);
    TARE_FAIL_IF((uintptr_t)data % align != 0, err, TARE_E_ARG,
                 "context: the address of binding %zu is not aligned to %zu", i, align);
    context->bindings[i] = data;
    for (size_t k = 0; k < e->n_ids; k++) {
        const struct tare_plan_tensor *t = e->layer_tensors[k];
        if (t->storage == TARE_IN_BINDING && t->offset == i) set_addresses(context, k);
    }
    return TARE_OK;
}

static void run_as(struct tare_context *c, size_t i, const struct tare_layer *layer,
                   void *const *outputs)
{
    struct tare_error error = {0};
    const struct tare_layer_run run = {
        .pool = c->pool,
        .inputs = c->inputs + layer->record->first_id,
        .outputs = outputs,
        .scratch = c->scratch,
        .scratch_stride = c->scratch_stride,
        .shared = c->shared,
        .program = c->programs[i],
        .plugin = c->plugins[i],
        .made = c->made,
        .err = &error,
    };
    const double start = c->profiling ? tare_clock_ms() : 0.0;
    layer->run(layer, &run);
    if (c->profiling) c->layer_ms[i] += tare_clock_ms() - start;
    if (error.code == TARE_OK || c->error.code != TARE_OK) return;
    c->error = error;
    tare_error_wrap(&c->error, "layer %zu '%.80s'", i, layer->name);
}

enum tare_status tare_context_failure(struct tare_context *context,
                                      struct tare_error *err)
{
    const enum tare_status st = context->error.code;
    if (err && st != TARE_OK) *err = context->error;
    context->error = (struct tare_error){0};
    return st;
}

void tare_context_run_layer(struct tare_context *c, size_t i)
{
    const struct tare_layer *layer = &c->engine->layers[i];
    run_as(c, i, layer, c->outputs + layer->record->first_id + layer->n_inputs);
}

void tare_context_run_changed(struct tare_context *c, size_t i,
                              const struct tare_layer *changed, void *output)
{
    void *const *own = c->outputs + changed->record->first_id + changed->n_inputs;
    run_as(c, i, changed, output ? &output : own);
}

const void *tare_context_operand(const struct tare_context *c, size_t i, size_t k)
{
    return c->inputs[c->engine->layers[i].record->first_id + k];
}

void *tare_context_place(const struct tare_context *c, size_t i, size_t k)
{
    return c->outputs[c->engine->layers[i].record->first_id + k];
}

/* Taps follow each other in the order of the layers. */
static size_t show_taps(struct tare_context *c, size_t next, size_t layer)
{
    const struct tare_engine *e = c->engine;
    for (; next < e->n_taps && e->tap_layer[next] == layer; next++) {
        const struct tare_plan_tensor *t = &e->tensors[e->taps[next]];
        if (c->tap.wanted && !c->tap.wanted[next]) continue;
        tare_tap_show(&c->tap, e, next, activation_address(c, t));
    }
    return next;
}

enum tare_status tare_context_run(struct tare_context *context, struct tare_error *err)
{
    const struct tare_engine *e = context->engine;
    for (size_t i = 0; i < n_bindings_of(e); i++)
        TARE_FAIL_IF(!context->bindings[i] &&
                         e->tensors[e->ids[i]].storage != TARE_IN_CONTEXT,
                     err, TARE_E_ARG, "context: binding '%s' has no address",
                     tare_engine_string(e, e->tensors[e->ids[i]].name));
    size_t next_tap = 0;
    context->error = (struct tare_error){0};
    if (context->tap.show) next_tap = show_taps(context, 0, SIZE_MAX);
    for (size_t i = 0; i < e->n_layers; i++) {
        tare_context_run_layer(context, i);
        if (context->error.code != TARE_OK) return tare_context_failure(context, err);
        if (context->tap.show) next_tap = show_taps(context, next_tap, i);
    }
    return TARE_OK;
}

void tare_context_result(const struct tare_context *context, size_t i,
                         struct tare_result *result)
{
    const struct tare_engine *e = context->engine;
    const struct tare_plan_tensor *t = &e->tensors[e->ids[i]];
    const struct tare_const *made = &context->made[i];
    if (t->storage == TARE_IN_CONTEXT)
        *result = (struct tare_result){.dims = made->dims,
                                       .dtype = made->dtype,
                                       .data = made->data,
                                       .n_bytes = made->n_bytes};
    else
        *result = (struct tare_result){.dims = t->dims,
                                       .dtype = (enum tare_dtype)t->dtype,
                                       .data = context->bindings[i],
                                       .n_bytes = (size_t)t->n_bytes};
}

enum tare_status tare_context_set_tap(struct tare_context *context, tare_tap *tap,
                                      void *ctx, bool linear, struct tare_error *err)
{
    return tare_tap_prepare(&context->tap, context->engine, tap, ctx, linear, err);
}

void tare_context_limit_tap(struct tare_context *context, const bool *wanted)
{
    context->tap.wanted = wanted;
}

void tare_context_set_profiling(struct tare_context *context, bool on)
{
    context->profiling = on;
    for (size_t i = 0; on && i < context->engine->n_layers; i++)
        context->layer_ms[i] = 0.0;
}

double tare_context_layer_ms(const struct tare_context *context, size_t i)
{
    return context->layer_ms[i];
}
