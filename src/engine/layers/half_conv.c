/* Convolution and fully connected layers in 16-bit floats: x, weights, bias[, residual]
 * -> y, which may be float32. */
#include "engine/layers/common.h"
#include "engine/layers/params.h"

static bool tensors_valid(const struct tare_layer *layer, enum tare_dtype dtype)
{
    const struct tare_half_conv *p = layer->params;
    const size_t n_inputs = p->epilogue.has_residual ? 4 : 3;
    if (layer->n_inputs != n_inputs || layer->n_outputs != 1) return false;
    const struct tare_plan_tensor *const *in = layer->inputs, *y = layer->outputs[0];
    const bool residual_fits =
        n_inputs < 4 || (in[3]->dtype == dtype && !in[3]->pitch &&
                         tare_plan_count(in[3]) == tare_plan_count(y));
    return in[0]->dtype == dtype && in[1]->dtype == dtype &&
           in[1]->storage == TARE_IN_WEIGHTS && in[2]->dtype == TARE_F32 &&
           in[2]->storage == TARE_IN_WEIGHTS && residual_fits &&
           y->dtype == (p->out_f32 ? TARE_F32 : dtype);
}

static enum tare_status check(const struct tare_layer *layer, enum tare_dtype dtype,
                              struct tare_error *err)
{
    const struct tare_half_conv *p = layer->params;
    size_t packed;
    TARE_LAYER_FAIL_IF(!tensors_valid(layer, dtype), err, "tensors");
    TARE_LAYER_FAIL_IF(
        !tare_window_valid(&p->window, layer->inputs[0], layer->outputs[0]) ||
            !tare_half_conv_packed_bytes(p, &packed),
        err, "window");
    TARE_LAYER_FAIL_IF(layer->inputs[1]->n_bytes != packed ||
                           tare_plan_count(layer->inputs[2]) != p->window.out_c,
                       err, "weights");
    return TARE_OK;
}

enum tare_status tare_f16_conv_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    return check(layer, TARE_F16, err);
}

enum tare_status tare_bf16_conv_layer_check(const struct tare_layer *layer,
                                            struct tare_error *err)
{
    return check(layer, TARE_BF16, err);
}

enum tare_status tare_half_conv_layer_prepare(struct tare_layer *layer,
                                              struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(
        !tare_half_conv_scratch_bytes(layer->params, &layer->scratch_bytes), err,
        "scratch");
    return TARE_OK;
}

/* What the units of a run share. */
struct half_job {
    const struct tare_half_conv_data *data;
    tare_half_conv_fn *fn;
};

static void conv_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct half_job *half = job->data;
    half->fn(job->layer->params, half->data, tare_layer_scratch(job->run, worker),
             begin, end);
}

static void run_conv(const struct tare_layer *layer, const struct tare_layer_run *run,
                     tare_half_conv_fn *fn)
{
    const struct tare_half_conv_data data = {
        .x = run->inputs[0],
        .weights = run->inputs[1],
        .bias = run->inputs[2],
        .residual = layer->n_inputs > 3 ? run->inputs[3] : NULL,
        .y = run->outputs[0],
    };
    const struct half_job half = {&data, fn};
    const int64_t n = tare_half_conv_units(layer->params);
    tare_layer_spread(layer, run, &half, n, tare_layer_grain(run->pool, n), conv_units);
}

void tare_f16_conv_layer_run(const struct tare_layer *layer,
                             const struct tare_layer_run *run)
{
    const struct tare_f16_conv_variant *variant = layer->kernel;
    run_conv(layer, run, variant->fn);
}

void tare_bf16_conv_layer_run(const struct tare_layer *layer,
                              const struct tare_layer_run *run)
{
    const struct tare_bf16_conv_variant *variant = layer->kernel;
    run_conv(layer, run, variant->fn);
}
