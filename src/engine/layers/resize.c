/* Resampling of images, of floats and of bytes: x, rows, columns -> y. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params_u8.h"

/* The samples come from the file: every index must lie inside the input. */
static bool samples_valid(const struct tare_layer *layer, size_t input, int32_t taps,
                          int64_t n_in, int64_t n_out)
{
    const struct tare_plan_tensor *t = layer->inputs[input];
    if (n_out < 1 || n_out > INT32_MAX ||
        t->n_bytes != (uint64_t)n_out * sizeof(struct tare_resize_sample))
        return false;
    const void *data = tare_layer_weight(layer, t);
    const struct tare_resize_sample *samples = data;
    for (int64_t i = 0; i < n_out; i++)
        for (int k = 0; k < taps; k++)
            if (samples[i].index[k] < 0 || samples[i].index[k] >= n_in) return false;
    return true;
}

static bool shape_valid(const struct tare_layer *layer,
                        const struct tare_resize_shape *p)
{
    bool ok = p->batch >= 1 && p->batch <= INT32_MAX && p->channels >= 1 &&
              p->channels <= INT32_MAX && p->in_h >= 1 && p->in_h <= INT32_MAX &&
              p->in_w >= 1 && p->in_w <= INT32_MAX &&
              samples_valid(layer, 1, p->taps, p->in_h, p->out_h) &&
              samples_valid(layer, 2, p->taps, p->in_w, p->out_w);
    return ok &&
           tare_product_is(p->batch * p->channels, p->in_h, p->in_w,
                           tare_plan_count(layer->inputs[0])) &&
           tare_product_is(p->batch * p->channels, p->out_h, p->out_w,
                           tare_plan_count(layer->outputs[0]));
}

enum tare_status tare_f32_resize_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    const struct tare_resize_shape *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "fbb", "f"), err, "tensors");
    TARE_LAYER_FAIL_IF((p->taps != 1 && p->taps != 2 && p->taps != 4) ||
                           !shape_valid(layer, p),
                       err, "shapes");
    return TARE_OK;
}

static void f32_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_resize_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->data, begin, end);
}

void tare_f32_resize_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_resize_shape *p = layer->params;
    const struct tare_f32_resize_data data = {run->inputs[0], run->inputs[1],
                                              run->inputs[2], run->outputs[0]};
    const int64_t n = p->batch * p->out_h;
    tare_layer_spread(layer, run, &data, n, tare_layer_grain(run->pool, n), f32_units);
}

/* After clamping and adding the zero point, is a value a byte? */
static bool finish_valid(const struct tare_u8_resize *p)
{
    const float zero_point = (float)p->out_zero_point;
    return isfinite(p->multiplier) && p->lower >= -zero_point && p->lower <= p->upper &&
           p->upper <= 255.0f - zero_point;
}

enum tare_status tare_u8_resize_layer_check(const struct tare_layer *layer,
                                            struct tare_error *err)
{
    const struct tare_u8_resize *p = layer->params;
    const int32_t taps = p->shape.taps;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "ubb", "u"), err, "tensors");
    TARE_LAYER_FAIL_IF((taps != 1 && taps != 2) || !shape_valid(layer, &p->shape), err,
                       "shapes");
    TARE_LAYER_FAIL_IF(p->in_zero_point != layer->inputs[0]->zero_point ||
                           p->out_zero_point != layer->outputs[0]->zero_point ||
                           !finish_valid(p),
                       err, "bounds");
    return TARE_OK;
}

static void u8_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_u8_resize_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->data, begin, end);
}

void tare_u8_resize_layer_run(const struct tare_layer *layer,
                              const struct tare_layer_run *run)
{
    const struct tare_u8_resize *p = layer->params;
    const struct tare_u8_resize_data data = {run->inputs[0], run->inputs[1],
                                             run->inputs[2], run->outputs[0]};
    const int64_t n = p->shape.batch * p->shape.out_h;
    tare_layer_spread(layer, run, &data, n, tare_layer_grain(run->pool, n), u8_units);
}
