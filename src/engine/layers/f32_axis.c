/* Pooling, softmax, reductions, normalization and resampling in float32. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params_u8.h"

enum tare_status tare_f32_pool_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    const struct tare_f32_pool *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "F", "F"), err, "tensors");
    TARE_LAYER_FAIL_IF(
        p->mode < 0 || p->mode > TARE_POOL_AVERAGE_INCLUDE_PAD ||
            !tare_pool_window_valid(&p->window, p->pad_bottom, p->pad_right, layer),
        err, "window");
    return TARE_OK;
}

TARE_LAYER_DEFINE_MAP(f32_pool_layer, tare_f32_pool, tare_f32_pool_units)

/* Of one output, floats or codes, or of both. */
static bool outputs_valid(const struct tare_layer *layer, const char *inputs)
{
    if (!tare_layer_types(layer, inputs, "f") &&
        !tare_layer_types(layer, inputs, "u") && !tare_layer_types(layer, inputs, "fu"))
        return false;
    for (size_t k = 0; k < layer->n_outputs; k++) {
        const struct tare_plan_tensor *t = layer->outputs[k];
        if (tare_plan_count(t) != tare_plan_count(layer->inputs[0]) ||
            (t->dtype == TARE_U8 && !tare_f32_u8_quantize_is_plain(t->scale)))
            return false;
    }
    return true;
}

/* The last output, where it is codes. */
static const struct tare_plan_tensor *codes_of(const struct tare_layer *layer)
{
    const struct tare_plan_tensor *last = layer->outputs[layer->n_outputs - 1];
    return last->dtype == TARE_U8 ? last : NULL;
}

static struct tare_f32_u8_outputs outputs_of(const struct tare_layer *layer,
                                             const struct tare_layer_run *run)
{
    const struct tare_plan_tensor *codes = codes_of(layer);
    struct tare_f32_u8_outputs out = {0};
    if (codes) {
        out.as = tare_layer_quantization(codes);
        out.codes = run->outputs[layer->n_outputs - 1];
    }
    if (!codes || layer->n_outputs > 1) out.y = run->outputs[0];
    return out;
}

enum tare_status tare_f32_softmax_layer_check(const struct tare_layer *layer,
                                              struct tare_error *err)
{
    const struct tare_f32_softmax *p = layer->params;
    TARE_LAYER_FAIL_IF(!outputs_valid(layer, "f"), err, "tensors");
    TARE_LAYER_FAIL_IF(
        !tare_product_is(p->outer, p->n, p->inner, tare_plan_count(layer->inputs[0])) ||
            (p->inner > 1 && codes_of(layer)),
        err, "shapes");
    return TARE_OK;
}

enum tare_status tare_f32_softmax_layer_prepare(struct tare_layer *layer,
                                                struct tare_error *err)
{
    const bool keeps_rows = layer->n_outputs == 1 && codes_of(layer);
    TARE_LAYER_FAIL_IF(keeps_rows && !tare_f32_softmax_scratch_bytes(
                                         layer->params, &layer->scratch_bytes),
                       err, "scratch");
    return TARE_OK;
}

static void softmax_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_softmax_variant *variant = job->layer->kernel;
    variant->fn(job->layer->params, job->run->inputs[0], job->data,
                tare_layer_scratch(job->run, worker), begin, end);
}

void tare_f32_softmax_layer_run(const struct tare_layer *layer,
                                const struct tare_layer_run *run)
{
    const struct tare_f32_u8_outputs out = outputs_of(layer, run);
    const int64_t n = tare_f32_softmax_units(layer->params);
    tare_layer_spread(layer, run, &out, n, tare_layer_grain(run->pool, n),
                      softmax_units);
}

enum tare_status tare_f32_reduce_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    const struct tare_f32_reduce *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "f", "f"), err, "tensors");
    TARE_LAYER_FAIL_IF(
        p->mode < 0 || p->mode > TARE_REDUCE_MIN ||
            !tare_product_is(p->outer, p->n, p->inner,
                             tare_plan_count(layer->inputs[0])) ||
            !tare_product_is(p->outer, 1, p->inner, tare_plan_count(layer->outputs[0])),
        err, "shapes");
    return TARE_OK;
}

TARE_LAYER_DEFINE_MAP(f32_reduce_layer, tare_f32_reduce, tare_f32_reduce_units)

enum tare_status tare_f32_layer_norm_layer_check(const struct tare_layer *layer,
                                                 struct tare_error *err)
{
    const struct tare_f32_layer_norm *p = layer->params;
    TARE_LAYER_FAIL_IF(!outputs_valid(layer, "fww"), err, "tensors");
    TARE_LAYER_FAIL_IF(
        !(p->epsilon >= 0.0f) || isinf(p->epsilon) ||
            !tare_product_is(p->rows, p->n, 1, tare_plan_count(layer->inputs[0])) ||
            tare_plan_count(layer->inputs[1]) != p->n ||
            tare_plan_count(layer->inputs[2]) != p->n,
        err, "shapes");
    return TARE_OK;
}

static void layer_norm_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_layer_norm_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->run->inputs[0], job->run->inputs[1],
                job->run->inputs[2], job->data, begin, end);
}

void tare_f32_layer_norm_layer_run(const struct tare_layer *layer,
                                   const struct tare_layer_run *run)
{
    const struct tare_f32_layer_norm *p = layer->params;
    const struct tare_f32_u8_outputs out = outputs_of(layer, run);
    tare_layer_spread(layer, run, &out, p->rows, tare_layer_grain(run->pool, p->rows),
                      layer_norm_units);
}
