#include "recovery/replicas.h"

#include <string.h>

#include "api/build.h"
#include "api/model.h"
#include "base/mem.h"
#include "engine/build/weights.h"
#include "engine/layers/params_u8.h"

enum tare_status tare_replicas_build(struct tare_replicas *r, struct tare_pool *pool,
                                     const struct tare_model *model,
                                     const struct tare_build_options *options,
                                     struct tare_error *err)
{
    const struct tare_load_options load = {.plugins = model->plugins};
    struct tare_plan *plan;
    size_t n_bytes;
    *r = (struct tare_replicas){.pool = pool};
    enum tare_status st =
        tare_build_keeping(model, options, false, &r->graph, &plan, err);
    if (st != TARE_OK) return st;
    const void *bytes = tare_plan_bytes(plan, &n_bytes);
    r->bytes = tare_alloc(n_bytes);
    if (r->bytes) {
        memcpy(r->bytes, bytes, n_bytes);
        st = tare_engine_open_with(r->bytes, n_bytes, &load, &r->engine, err);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "recovery: no memory");
    }
    tare_plan_destroy(plan);
    return st;
}

static size_t n_bindings(const struct tare_engine *e)
{
    return (size_t)e->header->n_inputs + e->header->n_outputs;
}

static size_t output_bytes(const struct tare_engine *e)
{
    size_t n_bytes = 0;
    for (size_t i = e->header->n_inputs; i < n_bindings(e); i++) {
        struct tare_binding binding;
        tare_engine_binding(e, i, &binding);
        n_bytes += binding.n_bytes;
    }
    return n_bytes;
}

size_t tare_replicas_bytes(const struct tare_replicas *r)
{
    return (size_t)r->engine->header->arena_bytes + r->engine->scratch_bytes +
           r->engine->shared_bytes + output_bytes(r->engine);
}

static enum tare_status start_one(struct tare_replicas *r, size_t i, void *input,
                                  struct tare_error *err)
{
    const struct tare_engine *e = r->engine;
    enum tare_status st = tare_context_create(e, 1, &r->contexts[i], err);
    if (st == TARE_OK) st = tare_context_set_address(r->contexts[i], 0, input, err);
    if (st != TARE_OK) return st;
    uint8_t *at = r->outputs[i] = tare_alloc(output_bytes(e));
    TARE_FAIL_IF(!at, err, TARE_E_NOMEM, "recovery: no memory for outputs");
    for (size_t b = e->header->n_inputs; st == TARE_OK && b < n_bindings(e); b++) {
        struct tare_binding binding;
        tare_engine_binding(e, b, &binding);
        st = tare_context_set_address(r->contexts[i], b, at, err);
        at += binding.n_bytes;
    }
    return st;
}

enum tare_status tare_replicas_start(struct tare_replicas *r, void *const *inputs,
                                     size_t n, struct tare_error *err)
{
    r->contexts = tare_alloc_array(n, sizeof(struct tare_context *));
    r->outputs = tare_alloc_array(n, sizeof *r->outputs);
    TARE_FAIL_IF(!r->contexts || !r->outputs, err, TARE_E_NOMEM, "recovery: no memory");
    r->n = n;
    r->n_done = 0;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = start_one(r, i, inputs[i], err);
    return st;
}

void tare_replicas_release(struct tare_replicas *r)
{
    for (size_t i = 0; r->contexts && i < r->n; i++)
        tare_context_destroy(r->contexts[i]);
    for (size_t i = 0; r->outputs && i < r->n; i++)
        tare_free(r->outputs[i]);
    tare_free(r->contexts);
    tare_free(r->outputs);
    tare_engine_destroy(r->engine);
    tare_free(r->bytes);
    tare_graph_destroy(r->graph);
    *r = (struct tare_replicas){0};
}

size_t tare_replicas_layer(const struct tare_replicas *r, const char *output)
{
    const struct tare_engine *e = r->engine;
    for (size_t i = 0; i < e->n_layers; i++) {
        const struct tare_plan_tensor *y = e->layers[i].outputs[0];
        if (strcmp(tare_engine_string(e, y->name), output) == 0) return i;
    }
    return SIZE_MAX;
}

struct stretch {
    struct tare_replicas *r;
    size_t first, end;
};

static void run_stretch(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct stretch *s = arg;
    (void)worker;
    for (int64_t i = begin; i < end; i++)
        for (size_t layer = s->first; layer < s->end; layer++)
            tare_context_run_layer(s->r->contexts[i], layer);
}

void tare_replicas_advance(struct tare_replicas *r, size_t layer)
{
    struct stretch s = {r, r->n_done, layer};
    if (layer <= r->n_done) return;
    tare_pool_run(r->pool, (int64_t)r->n, 1, run_stretch, &s);
    r->n_done = layer;
}

void tare_replicas_run(struct tare_replicas *r, size_t layer)
{
    struct stretch s = {r, layer, layer + 1};
    tare_pool_run(r->pool, (int64_t)r->n, 1, run_stretch, &s);
    r->n_done = layer + 1;
}

/* The bytes are ours; the engine's view of them is const. */
static void write_weight(struct tare_replicas *r, const struct tare_layer *layer,
                         size_t k, const void *data)
{
    const struct tare_plan_tensor *t = layer->inputs[k];
    const size_t at = (size_t)(r->engine->weights - r->bytes) + (size_t)t->offset;
    memcpy(r->bytes + at, data, (size_t)t->n_bytes);
}

enum tare_status tare_replicas_patch(struct tare_replicas *r, size_t index,
                                     const struct tare_weighted *weighted,
                                     const struct tare_recovered *recovered,
                                     struct tare_error *err)
{
    const struct tare_layer *layer = &r->engine->layers[index];
    const struct tare_tensor *tensors = r->graph->tensors;
    struct tare_u8_weights w;
    enum tare_status st = tare_u8_weights_make(
        &weighted->window, weighted->weights, weighted->bias, false, recovered,
        &tensors[weighted->x].quant, &tensors[weighted->y].quant, &w, err);
    if (st != TARE_OK) return st;
    int8_t *packed = tare_alloc_array((size_t)layer->inputs[1]->n_bytes, 1);
    if (packed) {
        (layer->record->kind == TARE_LAYER_U8_DEPTHWISE
             ? tare_u8_depthwise_pack
             : tare_u8_conv_pack)(layer->params, w.weights, packed);
        write_weight(r, layer, 1, packed);
        write_weight(r, layer, 2, w.acc_init);
        write_weight(r, layer, 3, w.multiplier);
        write_weight(r, layer, 4, w.bias);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "recovery: no memory");
    }
    tare_free(packed);
    tare_u8_weights_release(&w);
    return st;
}
