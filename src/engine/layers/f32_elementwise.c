/* Element by element in float32: one input, two inputs with broadcasting, and a scale
 * and a shift for each channel. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params.h"

/* Elements a chunk: large enough that handing it out costs nothing. */
enum { ELEMENT_GRAIN = 16384 };

enum tare_status tare_f32_unary_layer_check(const struct tare_layer *layer,
                                            struct tare_error *err)
{
    const struct tare_f32_unary *p = layer->params;
    struct tare_rows rows;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "F", "F"), err, "tensors");
    TARE_LAYER_FAIL_IF(p->op < 0 || p->op >= TARE_UNARY_COUNT ||
                           !tare_layer_rows(layer, &rows),
                       err, "parameters");
    return TARE_OK;
}

static void unary_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_unary_variant *variant = job->layer->kernel;
    const struct tare_rows *rows = job->data;
    const float *x = job->run->inputs[0];
    float *y = job->run->outputs[0];
    (void)worker;
    if (rows->n == 1) {
        variant->fn(job->layer->params, x, y, begin, end);
        return;
    }
    const int64_t x_pitch = tare_row_pitch(rows, job->layer->inputs[0]);
    const int64_t y_pitch = tare_row_pitch(rows, job->layer->outputs[0]);
    for (int64_t i = begin; i < end; i++)
        variant->fn(job->layer->params, x + i * x_pitch, y + i * y_pitch, 0,
                    rows->length);
}

void tare_f32_unary_layer_run(const struct tare_layer *layer,
                              const struct tare_layer_run *run)
{
    struct tare_rows rows;
    (void)tare_layer_rows(layer, &rows); /* checked */
    tare_layer_spread(layer, run, &rows, rows.n == 1 ? rows.length : rows.n,
                      tare_rows_grain(&rows, ELEMENT_GRAIN), unary_units);
}

enum tare_status tare_f32_binary_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    const struct tare_f32_binary *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "ff", "f"), err, "tensors");
    TARE_LAYER_FAIL_IF(p->op < 0 || p->op >= TARE_BINARY_COUNT ||
                           p->epilogue.has_residual || isnan(p->epilogue.lower) ||
                           isnan(p->epilogue.upper),
                       err, "parameters");
    TARE_LAYER_FAIL_IF(!tare_binary_loop_valid(&p->loop, layer), err, "shapes");
    return TARE_OK;
}

static void binary_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_f32_binary_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->run->inputs[0], job->run->inputs[1],
                job->run->outputs[0], begin, end);
}

static int64_t binary_done(const void *params, int64_t n_units)
{
    const struct tare_f32_binary *p = params;
    return tare_binary_loop_done(&p->loop, n_units);
}

void tare_f32_binary_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_f32_binary *p = layer->params;
    tare_layer_spread_watched(layer, run, NULL, tare_binary_loop_units(&p->loop),
                              binary_units, binary_done);
}

enum tare_status tare_f32_affine_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    const struct tare_affine_params *p = layer->params;
    struct tare_rows rows;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "Fww", "F"), err, "tensors");
    TARE_LAYER_FAIL_IF(!tare_product_is(p->n_pixels, p->n_channels, 1,
                                        tare_plan_count(layer->outputs[0])) ||
                           !tare_layer_rows(layer, &rows) ||
                           (rows.n > 1 && rows.length != p->n_channels) ||
                           tare_plan_count(layer->inputs[1]) != p->n_channels ||
                           tare_plan_count(layer->inputs[2]) != p->n_channels,
                       err, "shapes");
    return TARE_OK;
}

static void affine_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_affine_params *p = job->layer->params;
    const struct tare_f32_affine_variant *variant = job->layer->kernel;
    const struct tare_rows *rows = job->data;
    const float *x = job->run->inputs[0];
    float *y = job->run->outputs[0];
    (void)worker;
    if (rows->n == 1) {
        variant->fn(p->n_channels, x, job->run->inputs[1], job->run->inputs[2], y,
                    begin, end);
        return;
    }
    const int64_t x_pitch = tare_row_pitch(rows, job->layer->inputs[0]);
    const int64_t y_pitch = tare_row_pitch(rows, job->layer->outputs[0]);
    for (int64_t i = begin; i < end; i++)
        variant->fn(p->n_channels, x + i * x_pitch, job->run->inputs[1],
                    job->run->inputs[2], y + i * y_pitch, 0, 1);
}

void tare_f32_affine_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_affine_params *p = layer->params;
    struct tare_rows rows;
    (void)tare_layer_rows(layer, &rows); /* checked */
    tare_layer_spread(layer, run, &rows, p->n_pixels, ELEMENT_GRAIN / p->n_channels,
                      affine_units);
}
