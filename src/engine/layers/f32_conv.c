/* Convolution and fully connected layers in float32: x, weights, bias[, residual] -> y.
 */
#include "engine/layers/common.h"
#include "engine/layers/params.h"

static enum tare_status check(const struct tare_layer *layer,
                              const struct tare_window *w,
                              const struct tare_f32_epilogue *e,
                              bool (*packed_bytes)(const void *params, size_t *size),
                              struct tare_error *err)
{
    size_t packed;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, e->has_residual ? "Fwwf" : "Fww", "F"),
                       err, "tensors");
    TARE_LAYER_FAIL_IF(!tare_window_valid(w, layer->inputs[0], layer->outputs[0]) ||
                           !packed_bytes(layer->params, &packed),
                       err, "window");
    TARE_LAYER_FAIL_IF(layer->inputs[1]->n_bytes != packed ||
                           tare_plan_count(layer->inputs[2]) != w->out_c,
                       err, "weights");
    TARE_LAYER_FAIL_IF(e->has_residual && tare_plan_count(layer->inputs[3]) !=
                                              tare_plan_count(layer->outputs[0]),
                       err, "residual");
    return TARE_OK;
}

static bool conv_bytes(const void *params, size_t *size)
{
    return tare_f32_conv_packed_bytes(params, size);
}

enum tare_status tare_f32_conv_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    const struct tare_f32_conv *p = layer->params;
    return check(layer, &p->window, &p->epilogue, conv_bytes, err);
}

static struct tare_f32_conv_data conv_data(const struct tare_layer *layer,
                                           const struct tare_layer_run *run)
{
    return (struct tare_f32_conv_data){
        .x = run->inputs[0],
        .weights = run->inputs[1],
        .bias = run->inputs[2],
        .residual = layer->n_inputs > 3 ? run->inputs[3] : NULL,
        .y = run->outputs[0],
    };
}

TARE_LAYER_DEFINE_WATCHED_CONV(f32_conv_layer, tare_f32_conv, tare_f32_conv_data,
                               conv_data)

static bool winograd_bytes(const void *params, size_t *size)
{
    return tare_f32_winograd_packed_bytes(params, size);
}

enum tare_status tare_f32_winograd_layer_check(const struct tare_layer *layer,
                                               struct tare_error *err)
{
    const struct tare_f32_conv *p = layer->params;
    return check(layer, &p->window, &p->epilogue, winograd_bytes, err);
}

TARE_LAYER_DEFINE_CONV(f32_winograd_layer, tare_f32_winograd, tare_f32_conv_data,
                       conv_data)

static bool depthwise_bytes(const void *params, size_t *size)
{
    return tare_f32_depthwise_packed_bytes(params, size);
}

enum tare_status tare_f32_depthwise_layer_check(const struct tare_layer *layer,
                                                struct tare_error *err)
{
    const struct tare_f32_depthwise *p = layer->params;
    TARE_LAYER_FAIL_IF(p->window.groups != p->window.in_c ||
                           p->window.groups != p->window.out_c,
                       err, "groups");
    return check(layer, &p->window, &p->epilogue, depthwise_bytes, err);
}

static struct tare_f32_depthwise_data depthwise_data(const struct tare_layer *layer,
                                                     const struct tare_layer_run *run)
{
    return (struct tare_f32_depthwise_data){
        .x = run->inputs[0],
        .weights = run->inputs[1],
        .bias = run->inputs[2],
        .residual = layer->n_inputs > 3 ? run->inputs[3] : NULL,
        .y = run->outputs[0],
    };
}

TARE_LAYER_DEFINE_WATCHED_CONV(f32_depthwise_layer, tare_f32_depthwise,
                               tare_f32_depthwise_data, depthwise_data)
