/* Convolution, Gemm and MatMul with constant weights; INT8 weights are made here. */
#include <assert.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/lower.h"
#include "engine/build/weighted.h"
#include "engine/build/weights.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"
#include "graph/explicit.h"

static bool is_depthwise(const struct tare_window *w)
{
    return w->groups > 1 && w->groups == w->in_c && w->groups == w->out_c;
}

/* The taps of a kernel's row are one stretch of a dense tensor and several of a slice.
 * A dense version takes a copy, which costs less where kernels make use of that: those
 * of float32 do for few channels. */
static bool reads_slices(const struct tare_window *w, enum tare_form form)
{
    return w->kernel_w == 1 || is_depthwise(w) ||
           (form != TARE_FORM_U8 && (w->in_c >= 64 || tare_f32_winograd_fits(w)));
}

/* A float32 family for windows. */
struct f32_family {
    enum tare_layer_kind kind;
    bool (*packed_bytes)(const struct tare_f32_conv *params, size_t *size);
    void (*pack)(const struct tare_f32_conv *params, const float *weights,
                 float *packed);
};

/* struct tare_f32_depthwise has the same members as struct tare_f32_conv. */
static struct tare_f32_depthwise depthwise_params(const struct tare_f32_conv *params)
{
    struct tare_f32_depthwise same;
    static_assert(sizeof *params == sizeof same, "one struct for both");
    memcpy(&same, params, sizeof same);
    return same;
}

static bool depthwise_bytes(const struct tare_f32_conv *params, size_t *size)
{
    const struct tare_f32_depthwise p = depthwise_params(params);
    return tare_f32_depthwise_packed_bytes(&p, size);
}

static void depthwise_pack(const struct tare_f32_conv *params, const float *weights,
                           float *packed)
{
    const struct tare_f32_depthwise p = depthwise_params(params);
    tare_f32_depthwise_pack(&p, weights, packed);
}

static struct f32_family f32_family(const struct tare_window *w)
{
    if (is_depthwise(w))
        return (struct f32_family){TARE_LAYER_F32_DEPTHWISE, depthwise_bytes,
                                   depthwise_pack};
    if (tare_f32_winograd_fits(w))
        return (struct f32_family){TARE_LAYER_F32_WINOGRAD,
                                   tare_f32_winograd_packed_bytes,
                                   tare_f32_winograd_pack};
    return (struct f32_family){TARE_LAYER_F32_CONV, tare_f32_conv_packed_bytes,
                               tare_f32_conv_pack};
}

static struct tare_f32_epilogue epilogue_of(const struct tare_fused *fused)
{
    return (struct tare_f32_epilogue){.has_residual = fused->has_residual,
                                      .negative_slope = fused->negative_slope,
                                      .lower = fused->lower,
                                      .upper = fused->upper};
}

/* A vector of the channels' biases, or of zeros. */
static enum tare_status add_bias(struct tare_lower *l, const struct tare_weighted *p,
                                 int32_t *id, struct tare_error *err)
{
    const size_t n = (size_t)p->window.out_c;
    if (p->bias) return tare_plan_add_vector(l->plan, TARE_F32, n, p->bias, id, err);
    float *zeros = tare_alloc_array(n, sizeof *zeros);
    TARE_FAIL_IF(!zeros, err, TARE_E_NOMEM, "engine: no memory while building");
    return tare_plan_give_vector(l->plan, TARE_F32, n, zeros, id, err);
}

static enum tare_status add_f32_weights(struct tare_lower *l,
                                        const struct tare_weighted *p,
                                        const struct f32_family *family,
                                        const struct tare_f32_conv *params,
                                        int32_t inputs[4], struct tare_error *err)
{
    size_t n_bytes;
    if (!family->packed_bytes(params, &n_bytes))
        TARE_NODE_FAIL(p->node, err, TARE_E_UNSUPPORTED, "%s", "too large");
    float *packed = tare_alloc_array(n_bytes, 1);
    TARE_FAIL_IF(!packed, err, TARE_E_NOMEM, "engine: no memory while building");
    family->pack(params, p->weights, packed);
    const enum tare_status st = tare_plan_give_vector(
        l->plan, TARE_F32, n_bytes / sizeof(float), packed, &inputs[1], err);
    return st == TARE_OK ? add_bias(l, p, &inputs[2], err) : st;
}

static enum tare_status add_f32(struct tare_lower *l, const struct tare_weighted *p,
                                int32_t x, int32_t residual, int32_t y,
                                struct tare_error *err)
{
    const struct tare_fused *fused = &p->node->fused;
    const struct f32_family family = f32_family(&p->window);
    struct tare_f32_conv params;
    memset(&params, 0, sizeof params);
    params.window = p->window;
    params.window.in_pitch = (int64_t)l->plan->tensors[x].pitch;
    params.window.out_pitch = (int64_t)l->plan->tensors[y].pitch;
    params.epilogue = epilogue_of(fused);
    int32_t inputs[4] = {x, 0, 0, residual};
    const enum tare_status st = add_f32_weights(l, p, &family, &params, inputs, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, p->node, family.kind, &params, inputs,
                          fused->has_residual ? 4 : 3, y, err);
}

/* Weights are rounded to what the node computes in. */
static enum tare_status add_half(struct tare_lower *l, const struct tare_weighted *p,
                                 int32_t x, int32_t residual, int32_t y,
                                 struct tare_error *err)
{
    const bool is_f16 = p->node->precision == TARE_PRECISION_FP16;
    struct tare_half_conv params;
    size_t n_bytes;
    memset(&params, 0, sizeof params);
    params.window = p->window;
    params.window.in_pitch = (int64_t)l->plan->tensors[x].pitch;
    params.window.out_pitch = (int64_t)l->plan->tensors[y].pitch;
    params.epilogue = epilogue_of(&p->node->fused);
    params.out_f32 = l->plan->tensors[y].dtype == TARE_F32;
    if (!tare_half_conv_packed_bytes(&params, &n_bytes))
        TARE_NODE_FAIL(p->node, err, TARE_E_UNSUPPORTED, "%s", "too large");
    uint16_t *packed = tare_alloc_array(n_bytes, 1);
    TARE_FAIL_IF(!packed, err, TARE_E_NOMEM, "engine: no memory while building");
    (is_f16 ? tare_f16_conv_pack : tare_bf16_conv_pack)(&params, p->weights, packed);
    int32_t inputs[4] = {x, 0, 0, residual};
    enum tare_status st =
        tare_plan_give_vector(l->plan, is_f16 ? TARE_F16 : TARE_BF16,
                              n_bytes / sizeof *packed, packed, &inputs[1], err);
    if (st == TARE_OK) st = add_bias(l, p, &inputs[2], err);
    return st == TARE_OK
               ? tare_lower_add(
                     l, p->node, is_f16 ? TARE_LAYER_F16_CONV : TARE_LAYER_BF16_CONV,
                     &params, inputs, params.epilogue.has_residual ? 4 : 3, y, err)
               : st;
}

static struct tare_u8_conv u8_params(const struct tare_lower *l,
                                     const struct tare_weighted *p)
{
    const struct tare_fused *fused = &p->node->fused;
    const struct tare_quant *x = &tare_lower_tensor(l, p->x)->quant;
    const struct tare_quant *y = &tare_lower_tensor(l, p->y)->quant;
    struct tare_u8_conv params;
    memset(&params, 0, sizeof params);
    params.window = p->window;
    params.in_zero_point = x->zero_point;
    tare_u8_epilogue_fill(&params.epilogue, fused, y);
    if (fused->has_residual) {
        const struct tare_quant *r = &tare_lower_tensor(l, p->residual)->quant;
        const double y_scale = y->held ? (double)y->scale : 1.0;
        params.epilogue.has_residual = 1;
        params.epilogue.residual_zero_point = r->zero_point;
        params.epilogue.residual_scale = (float)((double)r->scale / y_scale);
    }
    return params;
}

static enum tare_status add_u8_weights(struct tare_lower *l,
                                       const struct tare_weighted *p,
                                       const struct tare_u8_conv *params,
                                       int32_t inputs[6], struct tare_error *err)
{
    const bool depthwise = is_depthwise(&p->window);
    struct tare_u8_weights w;
    size_t n_bytes;
    if (!(depthwise ? tare_u8_depthwise_packed_bytes
                    : tare_u8_conv_packed_bytes)(params, &n_bytes))
        TARE_NODE_FAIL(p->node, err, TARE_E_UNSUPPORTED, "%s",
                       "an int32 sum could overflow; keep this layer in fp32 with "
                       "--layer-precisions");
    enum tare_status st = tare_u8_weights_make(
        &p->window, p->weights, p->bias, tare_graph_is_explicit(l->graph),
        p->node->recovered, &tare_lower_tensor(l, p->x)->quant,
        &tare_lower_tensor(l, p->y)->quant, &w, err);
    if (st != TARE_OK) return st;

    int8_t *packed = tare_alloc(n_bytes);
    if (packed) {
        (depthwise ? tare_u8_depthwise_pack : tare_u8_conv_pack)(params, w.weights,
                                                                 packed);
        st = tare_plan_give_vector(l->plan, TARE_S8, n_bytes, packed, &inputs[1], err);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    const size_t n = (size_t)p->window.out_c;
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_S32, n, w.acc_init, &inputs[2], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, w.multiplier, &inputs[3], err);
    if (st == TARE_OK)
        st = tare_plan_add_vector(l->plan, TARE_F32, n, w.bias, &inputs[4], err);
    tare_u8_weights_release(&w);
    return st;
}

/* x, weights, acc_init, multiplier, bias[, residual] -> y, float when it is not held */
static enum tare_status add_u8(struct tare_lower *l, const struct tare_weighted *p,
                               int32_t x, int32_t residual, int32_t y,
                               struct tare_error *err)
{
    struct tare_u8_conv params = u8_params(l, p);
    int32_t inputs[6] = {x, 0, 0, 0, 0, residual};
    params.window.in_pitch = (int64_t)l->plan->tensors[x].pitch;
    params.window.out_pitch = (int64_t)l->plan->tensors[y].pitch;
    const enum tare_status st = add_u8_weights(l, p, &params, inputs, err);
    if (st != TARE_OK) return st;
    return tare_lower_add(l, p->node,
                          is_depthwise(&p->window) ? TARE_LAYER_U8_DEPTHWISE
                                                   : TARE_LAYER_U8_CONV,
                          &params, inputs, p->node->fused.has_residual ? 6 : 5, y, err);
}

enum tare_status tare_lower_window(struct tare_lower *l, const struct tare_weighted *p,
                                   int32_t x, int32_t residual, int32_t y,
                                   struct tare_error *err)
{
    switch (p->node->precision) {
    case TARE_PRECISION_INT8: return add_u8(l, p, x, residual, y, err);
    case TARE_PRECISION_FP16:
    case TARE_PRECISION_BF16:
        if (!is_depthwise(&p->window)) return add_half(l, p, x, residual, y, err);
        break;
    default: break;
    }
    return add_f32(l, p, x, residual, y, err);
}

enum tare_status tare_lower_weighted_node(struct tare_lower *l,
                                          const struct tare_weighted *p,
                                          struct tare_error *err)
{
    const enum tare_form form = tare_lower_form(l, p->node, p->x);
    const enum tare_form y_form = tare_lower_out_form(l, p->node, p->y);
    int32_t x, residual = TARE_NO_TENSOR, y;
    enum tare_status st = reads_slices(&p->window, form)
                              ? tare_lower_use_slice(l, p->x, p->format, form, &x, err)
                              : tare_lower_use(l, p->x, p->format, form, &x, err);
    if (st == TARE_OK && p->node->fused.has_residual)
        st = tare_lower_use(l, p->residual, p->format, form, &residual, err);
    if (st == TARE_OK) st = tare_lower_make_slice(l, p->y, p->format, y_form, &y, err);
    return st == TARE_OK ? tare_lower_window(l, p, x, residual, y, err) : st;
}

enum tare_status tare_lower_weighted(struct tare_lower *l, const struct tare_node *node,
                                     struct tare_error *err)
{
    struct tare_weighted p;
    enum tare_status st = tare_weighted_make(l->graph, node, &p, err);
    if (st == TARE_OK) st = tare_lower_weighted_node(l, &p, err);
    tare_weighted_release(&p);
    return st;
}
