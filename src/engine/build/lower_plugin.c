/* Nodes that plugins compute. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/layers/params.h"
#include "graph/blob.h"

static_assert((int)TARE_PLUGIN_FP32 == (int)TARE_PRECISION_FP32 &&
                  (int)TARE_PLUGIN_INT8 == (int)TARE_PRECISION_INT8 &&
                  (int)TARE_PLUGIN_FP16 == (int)TARE_PRECISION_FP16 &&
                  (int)TARE_PLUGIN_BF16 == (int)TARE_PRECISION_BF16 &&
                  (int)TARE_PLUGIN_LINEAR == (int)TARE_LINEAR &&
                  (int)TARE_PLUGIN_HWC == (int)TARE_HWC,
              "plugins know precisions and formats by the numbers of engine files");

/* What the node's float activations are held as: no output type changes that. */
static enum tare_form form_of(const struct tare_node *node)
{
    switch (node->precision) {
    case TARE_PRECISION_INT8: return TARE_FORM_U8;
    case TARE_PRECISION_FP16: return TARE_FORM_F16;
    case TARE_PRECISION_BF16: return TARE_FORM_BF16;
    default: return TARE_FORM_OWN;
    }
}

static bool is_float(const struct tare_tensor *t)
{
    return t->dtype == TARE_F32 && !tare_tensor_is_const(t);
}

/* The order that its images are in already, if the plugin takes it. */
static enum tare_format format_of(const struct tare_lower *l,
                                  const struct tare_node *node)
{
    const enum tare_plugin_precision precision =
        (enum tare_plugin_precision)node->precision;
    bool is_hwc = false;
    for (size_t i = 0; i < node->n_inputs; i++)
        is_hwc = is_hwc || (node->inputs[i] != TARE_NO_TENSOR &&
                            tare_lower_format(l, node->inputs[i]) == TARE_HWC);
    const bool takes_hwc =
        tare_plugin_supports(node->plugin, precision, TARE_PLUGIN_HWC);
    const bool takes_linear =
        tare_plugin_supports(node->plugin, precision, TARE_PLUGIN_LINEAR);
    return takes_hwc && (is_hwc || !takes_linear) ? TARE_HWC : TARE_LINEAR;
}

/* The node's operands in the making. */
struct operands {
    struct tare_plugin_params params;
    int32_t inputs[TARE_PLUGIN_MAX_OPERANDS + 1]; /* those given, then the plugin */
    size_t n_inputs;
    int32_t outputs[TARE_PLUGIN_MAX_OPERANDS];
};

static enum tare_status add_inputs(struct tare_lower *l, const struct tare_node *node,
                                   struct operands *o, struct tare_error *err)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = tare_lower_tensor(l, node->inputs[i]);
        const bool floats = is_float(t);
        if (tare_tensor_is_const(t) && t->n_bytes == 0)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                           "its constant input '%.80s' is empty", t->name);
        o->params.given |= UINT64_C(1) << i;
        if (floats) o->params.float_inputs |= UINT64_C(1) << i;
        const enum tare_status st = tare_lower_use(
            l, node->inputs[i],
            floats && t->dims.rank == 4 ? (enum tare_format)o->params.format
                                        : TARE_LINEAR,
            floats ? form_of(node) : TARE_FORM_OWN, &o->inputs[o->n_inputs++], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status add_outputs(struct tare_lower *l, const struct tare_node *node,
                                    struct operands *o, struct tare_error *err)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, node->outputs[i]);
        const bool floats = t->dtype == TARE_F32;
        if (floats) o->params.float_outputs |= UINT64_C(1) << i;
        const enum tare_status st = tare_lower_make(
            l, node->outputs[i],
            floats && t->dims.rank == 4 ? (enum tare_format)o->params.format
                                        : TARE_LINEAR,
            floats ? form_of(node) : TARE_FORM_OWN, &o->outputs[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/* Which plugin it is, and its state. */
static enum tare_status add_blob(struct tare_lower *l, const struct tare_node *node,
                                 struct operands *o, struct tare_error *err)
{
    struct tare_blob blob = {0};
    enum tare_status st = tare_blob_write_plugin(&blob, node->plugin, err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_S8, blob.n_bytes, blob.data,
                                  &o->inputs[o->n_inputs++], err);
    tare_free(blob.data);
    return st;
}

enum tare_status tare_lower_plugin(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    struct operands o;
    memset(&o, 0, sizeof o); /* padding too: parameters are hashed and compared */
    o.params.n_inputs = (int32_t)node->n_inputs;
    o.params.precision = (int32_t)node->precision;
    o.params.format = (int32_t)format_of(l, node);
    enum tare_status st = add_inputs(l, node, &o, err);
    if (st == TARE_OK) st = add_blob(l, node, &o, err);
    if (st == TARE_OK) st = add_outputs(l, node, &o, err);
    return st == TARE_OK ? tare_lower_add_multi(l, node, node->name, TARE_LAYER_PLUGIN,
                                                &o.params, o.inputs, o.n_inputs,
                                                o.outputs, node->n_outputs, err)
                         : st;
}
