/* Layers that plugins compute. The file says which plugin, in what state, and what the
 * operands are; the plugin has to agree. */
#include <stdio.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/params.h"
#include "graph/blob.h"

/* What an engine keeps of such a layer; each context runs a copy of the instance. */
struct tare_plugin_layer {
    struct tare_plugin_instance *instance;
    struct tare_plugin_tensor *operands; /* the node's inputs, then its outputs */
    struct tare_plugin_io io;
    char tactic[2 * TARE_PLUGIN_NAME_MAX + 8];
};

static bool has(uint64_t set, size_t i)
{
    return set >> i & 1;
}

static enum tare_dtype float_type(int32_t precision)
{
    switch (precision) {
    case TARE_PLUGIN_INT8: return TARE_U8;
    case TARE_PLUGIN_FP16: return TARE_F16;
    case TARE_PLUGIN_BF16: return TARE_BF16;
    default: return TARE_F32;
    }
}

/* Dense, in the node's precision and format where it is a float activation, never
 * empty. */
static bool operand_ok(const struct tare_plugin_params *p,
                       const struct tare_plan_tensor *t, bool is_float)
{
    const bool is_activation = t->storage != TARE_IN_WEIGHTS;
    const uint32_t format =
        is_float && t->dims.rank == 4 ? (uint32_t)p->format : (uint32_t)TARE_LINEAR;
    if (t->pitch || tare_plan_count(t) < 1 || t->format != format) return false;
    if (is_float) return is_activation && t->dtype == float_type(p->precision);
    return t->dtype <= TARE_U64 && t->dtype != TARE_F16 && t->dtype != TARE_F64 &&
           (t->dtype != TARE_F32 || !is_activation);
}

/* The operands are the given inputs, the plugin, and the outputs. */
static bool operands_ok(const struct tare_layer *layer)
{
    const struct tare_plugin_params *p = layer->params;
    if (p->n_inputs < 0 || p->n_inputs > TARE_PLUGIN_MAX_OPERANDS ||
        layer->n_outputs > TARE_PLUGIN_MAX_OPERANDS || layer->n_inputs < 1)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < (size_t)p->n_inputs; i++) {
        if (!has(p->given, i)) continue;
        if (at + 1 >= layer->n_inputs ||
            !operand_ok(p, layer->inputs[at++], has(p->float_inputs, i)))
            return false;
    }
    for (size_t i = 0; i < layer->n_outputs; i++)
        if (!operand_ok(p, layer->outputs[i], has(p->float_outputs, i))) return false;
    return at + 1 == layer->n_inputs;
}

enum tare_status tare_plugin_layer_check(const struct tare_layer *layer,
                                         struct tare_error *err)
{
    const struct tare_plugin_params *p = layer->params;
    TARE_LAYER_FAIL_IF(
        p->precision < TARE_PLUGIN_FP32 || p->precision > TARE_PLUGIN_BF16 ||
            (uint32_t)p->precision != layer->record->precision ||
            (p->format != TARE_LINEAR && p->format != TARE_HWC) || !operands_ok(layer),
        err, "operands");
    const struct tare_plan_tensor *blob = layer->inputs[layer->n_inputs - 1];
    TARE_LAYER_FAIL_IF(blob->storage != TARE_IN_WEIGHTS || blob->dtype != TARE_S8, err,
                       "plugin");
    return TARE_OK;
}

static struct tare_plugin_tensor describe(const struct tare_layer *layer,
                                          const struct tare_plan_tensor *t,
                                          bool is_float)
{
    const bool is_code = is_float && t->dtype == TARE_U8;
    return (struct tare_plugin_tensor){
        .is_given = true,
        .dtype = (enum tare_dtype)t->dtype,
        .format = (enum tare_plugin_format)t->format,
        .dims = t->dims,
        .scale = is_code ? t->scale : 0.0f,
        .zero_point = is_code ? t->zero_point : 0,
        .lowest = is_code ? t->lowest : 0,
        .data = t->storage == TARE_IN_WEIGHTS ? tare_layer_weight(layer, t) : NULL,
    };
}

/* The operands as the file has them. */
static enum tare_status describe_all(struct tare_plugin_layer *made,
                                     const struct tare_layer *layer,
                                     struct tare_error *err)
{
    const struct tare_plugin_params *p = layer->params;
    const size_t n_inputs = (size_t)p->n_inputs;
    made->operands =
        tare_alloc_array(n_inputs + layer->n_outputs, sizeof *made->operands);
    TARE_FAIL_IF(!made->operands, err, TARE_E_NOMEM, "no memory");
    size_t at = 0;
    for (size_t i = 0; i < n_inputs; i++)
        if (has(p->given, i))
            made->operands[i] =
                describe(layer, layer->inputs[at++], has(p->float_inputs, i));
    for (size_t i = 0; i < layer->n_outputs; i++)
        made->operands[n_inputs + i] =
            describe(layer, layer->outputs[i], has(p->float_outputs, i));
    made->io = (struct tare_plugin_io){
        .precision = (enum tare_plugin_precision)p->precision,
        .n_inputs = n_inputs,
        .n_outputs = layer->n_outputs,
        .inputs = made->operands,
        .outputs = made->operands + n_inputs,
    };
    return TARE_OK;
}

/* As shapes() is asked: every float is float32. */
static void as_float(const struct tare_plugin_io *io, uint64_t floats,
                     struct tare_plugin_tensor *inputs)
{
    for (size_t i = 0; i < io->n_inputs; i++) {
        const struct tare_plugin_tensor *t = &io->inputs[i];
        inputs[i] = (struct tare_plugin_tensor){
            .is_given = t->is_given,
            .dtype = has(floats, i) ? TARE_F32 : t->dtype,
            .dims = t->dims,
            .data = t->data,
        };
    }
}

/* The plugin writes what it says: the file must have room for just that. */
static enum tare_status check_shapes(const struct tare_plugin_layer *made,
                                     const struct tare_plugin_params *p,
                                     struct tare_error *err)
{
    struct tare_plugin_tensor inputs[TARE_PLUGIN_MAX_OPERANDS];
    struct tare_plugin_tensor outputs[TARE_PLUGIN_MAX_OPERANDS];
    const struct tare_plugin_io *io = &made->io;
    as_float(io, p->float_inputs, inputs);
    const enum tare_status st = tare_plugin_shapes(made->instance, inputs, io->n_inputs,
                                                   outputs, io->n_outputs, err);
    TARE_LAYER_FAIL_IF(st == TARE_E_DEFERRED, err, "shapes");
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < io->n_outputs; i++) {
        const enum tare_dtype dtype =
            has(p->float_outputs, i) ? TARE_F32 : io->outputs[i].dtype;
        TARE_LAYER_FAIL_IF(outputs[i].dtype != dtype ||
                               !tare_dims_equal(&outputs[i].dims, &io->outputs[i].dims),
                           err, "outputs");
    }
    return TARE_OK;
}

static enum tare_status prepare(struct tare_plugin_layer *made,
                                struct tare_layer *layer, struct tare_error *err)
{
    const struct tare_plugin_params *p = layer->params;
    const struct tare_plan_tensor *blob = layer->inputs[layer->n_inputs - 1];
    enum tare_status st =
        tare_blob_read_plugin(tare_layer_weight(layer, blob), (size_t)blob->n_bytes,
                              layer->plugins, &made->instance, err);
    if (st == TARE_OK) st = describe_all(made, layer, err);
    if (st == TARE_OK) st = check_shapes(made, p, err);
    if (st != TARE_OK) return st;
    const struct tare_plugin *type = made->instance->type;
    TARE_FAIL_IF(!tare_plugin_supports(made->instance, made->io.precision,
                                       (enum tare_plugin_format)p->format),
                 err, TARE_E_UNSUPPORTED,
                 "plugin '%.60s' does not compute in the precision or format that the "
                 "engine wants: build it again with `tare build`",
                 type->name);
    (void)snprintf(made->tactic, sizeof made->tactic, "%s%s%s %s", type->domain,
                   *type->domain ? "::" : "", type->name, type->version);
    layer->tactic = made->tactic;
    struct tare_plugin_space space;
    st = tare_plugin_workspace(made->instance, &made->io, &space, err);
    layer->shared_bytes = space.shared;
    layer->scratch_bytes = space.worker;
    return st;
}

enum tare_status tare_plugin_layer_prepare(struct tare_layer *layer,
                                           struct tare_error *err)
{
    layer->plugin = tare_alloc_array(1, sizeof *layer->plugin);
    TARE_FAIL_IF(!layer->plugin, err, TARE_E_NOMEM, "no memory");
    return prepare(layer->plugin, layer, err);
}

void tare_plugin_layer_release(struct tare_layer *layer)
{
    if (!layer->plugin) return;
    tare_plugin_free(layer->plugin->instance);
    tare_free(layer->plugin->operands);
    tare_free(layer->plugin);
    layer->plugin = NULL;
}

enum tare_status tare_plugin_layer_instance(const struct tare_layer *layer,
                                            struct tare_plugin_instance **instance,
                                            struct tare_error *err)
{
    const enum tare_status st =
        tare_plugin_copy(layer->plugin->instance, instance, err);
    return st == TARE_OK ? tare_plugin_configure(*instance, &layer->plugin->io, err)
                         : st;
}

void tare_plugin_layer_run(const struct tare_layer *layer,
                           const struct tare_layer_run *run)
{
    const struct tare_plugin_params *p = layer->params;
    const struct tare_plugin_io *io = &layer->plugin->io;
    const void *inputs[TARE_PLUGIN_MAX_OPERANDS];
    size_t at = 0;
    for (size_t i = 0; i < io->n_inputs; i++)
        inputs[i] = has(p->given, i) ? run->inputs[at++] : NULL;
    const struct tare_plugin_run addresses = {.inputs = inputs,
                                              .outputs = run->outputs,
                                              .shared = run->shared,
                                              .workers = run->scratch,
                                              .worker_stride = run->scratch_stride};
    (void)tare_plugin_enqueue(run->plugin, io, addresses, run->pool, run->err);
}
