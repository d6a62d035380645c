/* INT8 convolution and fully connected layers:
 * x, weights, acc_init, multiplier, bias[, residual] -> y, uint8 or float. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params_u8.h"

static bool zero_point_valid(int32_t zero_point)
{
    return zero_point >= 0 && zero_point <= 255;
}

bool tare_u8_epilogue_valid(const struct tare_u8_epilogue *e)
{
    if (!isfinite(e->negative_slope) || isnan(e->lower) || isnan(e->upper))
        return false;
    if (e->out_f32) return true;
    return zero_point_valid(e->out_zero_point) &&
           e->lower >= -(float)e->out_zero_point && e->lower <= e->upper &&
           e->upper <= 255.0f - (float)e->out_zero_point;
}

static enum tare_status check(const struct tare_layer *layer,
                              bool (*packed_bytes)(const struct tare_u8_conv *,
                                                   size_t *),
                              struct tare_error *err)
{
    const struct tare_u8_conv *p = layer->params;
    const struct tare_u8_epilogue *e = &p->epilogue;
    size_t packed;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, e->has_residual ? "Ubiwwu" : "Ubiww",
                                         e->out_f32 ? "F" : "U"),
                       err, "tensors");
    TARE_LAYER_FAIL_IF(
        !tare_window_valid(&p->window, layer->inputs[0], layer->outputs[0]) ||
            !packed_bytes(p, &packed),
        err, "window");
    TARE_LAYER_FAIL_IF(layer->inputs[1]->n_bytes != packed, err, "weights");
    for (int i = 2; i < 5; i++)
        TARE_LAYER_FAIL_IF(tare_plan_count(layer->inputs[i]) != p->window.out_c, err,
                           "channels");
    TARE_LAYER_FAIL_IF(!zero_point_valid(p->in_zero_point) ||
                           !tare_u8_epilogue_valid(e),
                       err, "epilogue");
    TARE_LAYER_FAIL_IF(e->has_residual && (!zero_point_valid(e->residual_zero_point) ||
                                           tare_plan_count(layer->inputs[5]) !=
                                               tare_plan_count(layer->outputs[0])),
                       err, "residual");
    return TARE_OK;
}

static struct tare_u8_conv_data conv_data(const struct tare_layer *layer,
                                          const struct tare_layer_run *run)
{
    return (struct tare_u8_conv_data){
        .x = run->inputs[0],
        .weights = run->inputs[1],
        .acc_init = run->inputs[2],
        .multiplier = run->inputs[3],
        .bias = run->inputs[4],
        .residual = layer->n_inputs > 5 ? run->inputs[5] : NULL,
        .y = run->outputs[0],
        .next = layer->next_weights,
        .next_bytes = layer->next_bytes,
    };
}

const void *tare_layer_first_weights(const struct tare_layer *layer, size_t *n_bytes)
{
    *n_bytes = 0;
    if (layer->record->kind != TARE_LAYER_U8_CONV) return NULL;
    *n_bytes = tare_u8_conv_first_bytes(layer->params);
    return tare_layer_weight(layer, layer->inputs[1]);
}

enum tare_status tare_u8_conv_layer_check(const struct tare_layer *layer,
                                          struct tare_error *err)
{
    return check(layer, tare_u8_conv_packed_bytes, err);
}

static struct tare_u8_conv_data split_conv_data(const struct tare_layer *layer,
                                                const struct tare_layer_run *run)
{
    struct tare_u8_conv_data data = conv_data(layer, run);
    if (tare_pool_size(run->pool) > 1)
        data.grain = tare_layer_grain(run->pool, tare_u8_conv_units(layer->params));
    return data;
}

TARE_LAYER_DEFINE_CONV(u8_conv_layer, tare_u8_conv, tare_u8_conv_data, split_conv_data)

enum tare_status tare_u8_depthwise_layer_check(const struct tare_layer *layer,
                                               struct tare_error *err)
{
    const struct tare_u8_conv *p = layer->params;
    TARE_LAYER_FAIL_IF(p->window.groups != p->window.in_c ||
                           p->window.groups != p->window.out_c,
                       err, "groups");
    return check(layer, tare_u8_depthwise_packed_bytes, err);
}

TARE_LAYER_DEFINE_CONV(u8_depthwise_layer, tare_u8_depthwise, tare_u8_conv_data,
                       conv_data)

enum tare_status tare_u8_pool_layer_check(const struct tare_layer *layer,
                                          struct tare_error *err)
{
    const struct tare_u8_pool *p = layer->params;
    const bool out_f32 = p->kind == TARE_U8_POOL_AVERAGE && p->epilogue.out_f32;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "U", out_f32 ? "F" : "U"), err,
                       "tensors");
    TARE_LAYER_FAIL_IF(
        !tare_pool_window_valid(&p->window, p->pad_bottom, p->pad_right, layer) ||
            p->window.kernel_h * p->window.kernel_w > (1 << 23),
        err, "window");
    TARE_LAYER_FAIL_IF(
        (p->kind != TARE_U8_POOL_MAX && p->kind != TARE_U8_POOL_AVERAGE) ||
            !zero_point_valid(p->in_zero_point) || p->epilogue.has_residual ||
            (p->kind == TARE_U8_POOL_AVERAGE &&
             (!isfinite(p->multiplier) || !tare_u8_epilogue_valid(&p->epilogue))),
        err, "epilogue");
    return TARE_OK;
}

TARE_LAYER_DEFINE_MAP(u8_pool_layer, tare_u8_pool, tare_u8_pool_units)
