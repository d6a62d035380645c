/* Pooling, softmax, reductions, normalization and resampling in float32. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params_u8.h"
#include "engine/regions.h"

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

/* Which output is codes; n_outputs: none. */
static size_t codes_at(const struct tare_layer *layer)
{
    size_t k = 0;
    while (k < layer->n_outputs && layer->outputs[k]->dtype != TARE_U8)
        k++;
    return k;
}

static bool has_codes(const struct tare_layer *layer)
{
    return codes_at(layer) < layer->n_outputs;
}

/* Floats, codes, or both. */
static const char *const floats_or_codes[] = {"f", "u", "fu", NULL};

/* @param outputs  letters of the outputs that it may have, NULL behind the last */
static bool operands_valid(const struct tare_layer *layer, const char *inputs,
                           const char *const *outputs)
{
    while (*outputs && !tare_layer_types(layer, inputs, *outputs))
        outputs++;
    if (!*outputs) return false;
    for (size_t k = 0; k < layer->n_outputs; k++) {
        if (tare_plan_count(layer->outputs[k]) != tare_plan_count(layer->inputs[0]))
            return false;
        for (size_t i = 0; i < k; i++)
            if (tare_tensors_overlap(layer->outputs[i], layer->outputs[k]))
                return false;
    }
    return !has_codes(layer) ||
           tare_f32_u8_quantize_is_plain(layer->outputs[codes_at(layer)]->scale);
}

static struct tare_f32_u8_outputs outputs_of(const struct tare_layer *layer,
                                             const struct tare_layer_run *run)
{
    const size_t codes = codes_at(layer);
    struct tare_f32_u8_outputs out = {0};
    if (codes < layer->n_outputs) {
        out.as = tare_layer_quantization(layer->outputs[codes]);
        out.codes = run->outputs[codes];
    }
    if (codes > 0) out.y = run->outputs[0];
    return out;
}

enum tare_status tare_f32_softmax_layer_check(const struct tare_layer *layer,
                                              struct tare_error *err)
{
    const struct tare_f32_softmax *p = layer->params;
    TARE_LAYER_FAIL_IF(!operands_valid(layer, "f", floats_or_codes), err, "tensors");
    TARE_LAYER_FAIL_IF(
        !tare_product_is(p->outer, p->n, p->inner, tare_plan_count(layer->inputs[0])) ||
            (p->inner > 1 && has_codes(layer)),
        err, "shapes");
    return TARE_OK;
}

enum tare_status tare_f32_softmax_layer_prepare(struct tare_layer *layer,
                                                struct tare_error *err)
{
    const bool keeps_rows = layer->n_outputs == 1 && has_codes(layer);
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

/* Behind x, scale and shift there may be a second addend. */
static bool has_addend(const struct tare_layer *layer)
{
    return layer->n_inputs == 4;
}

/* A norm of sums may give these, too, behind all else. Codes alone are none: the sums
 * have to be somewhere. */
static bool norm_operands_valid(const struct tare_layer *layer)
{
    static const char *const of_sums[] = {"f", "fu", "ff", "uf", "fuf", NULL};
    if (!has_addend(layer)) return operands_valid(layer, "fww", floats_or_codes);
    return operands_valid(layer, "fwwf", of_sums) &&
           tare_plan_count(layer->inputs[3]) == tare_plan_count(layer->inputs[0]);
}

enum tare_status tare_f32_layer_norm_layer_check(const struct tare_layer *layer,
                                                 struct tare_error *err)
{
    const struct tare_f32_layer_norm *p = layer->params;
    TARE_LAYER_FAIL_IF(!norm_operands_valid(layer), err, "tensors");
    TARE_LAYER_FAIL_IF(
        !(p->epsilon >= 0.0f) || isinf(p->epsilon) ||
            !tare_product_is(p->rows, p->n, 1, tare_plan_count(layer->inputs[0])) ||
            tare_plan_count(layer->inputs[1]) != p->n ||
            tare_plan_count(layer->inputs[2]) != p->n,
        err, "shapes");
    return TARE_OK;
}

static struct tare_f32_layer_norm_data norm_data(const struct tare_layer *layer,
                                                 const struct tare_layer_run *run)
{
    struct tare_f32_layer_norm_data data = {.x = run->inputs[0],
                                            .scale = run->inputs[1],
                                            .shift = run->inputs[2],
                                            .out = outputs_of(layer, run)};
    const size_t last = layer->n_outputs - 1;
    if (has_addend(layer)) {
        data.addend = run->inputs[3];
        if (last > 0 && layer->outputs[last]->dtype != TARE_U8)
            data.sum = run->outputs[last];
    }
    return data;
}

static void layer_norm_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_layer_norm_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->data, begin, end);
}

void tare_f32_layer_norm_layer_run(const struct tare_layer *layer,
                                   const struct tare_layer_run *run)
{
    const struct tare_f32_layer_norm *p = layer->params;
    const struct tare_f32_layer_norm_data data = norm_data(layer, run);
    tare_layer_spread(layer, run, &data, p->rows, tare_layer_grain(run->pool, p->rows),
                      layer_norm_units);
}
