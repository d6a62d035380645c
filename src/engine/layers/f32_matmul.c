/* A product of two activations in float32: b is packed while running, matrix by matrix.
 */
#include <math.h>

#include "base/mem.h"
#include "engine/layers/matmul.h"

static struct tare_f32_conv as_conv(const struct tare_matmul_params *p)
{
    return (struct tare_f32_conv){
        .window = tare_matrix_window(p->m, p->k, p->n),
        .epilogue = {0, 1.0f, -INFINITY, INFINITY},
    };
}

enum tare_status tare_f32_matmul_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "ff", "f"), err, "tensors");
    TARE_LAYER_FAIL_IF(!tare_matmul_params_valid(layer->params, layer) ||
                           !tare_matmul_is_dense(layer->params),
                       err, "shapes");
    return TARE_OK;
}

enum tare_status tare_f32_matmul_layer_prepare(struct tare_layer *layer,
                                               struct tare_error *err)
{
    const struct tare_f32_conv conv = as_conv(layer->params);
    size_t packed, own;
    TARE_LAYER_FAIL_IF(!tare_f32_conv_scratch_bytes(&conv, &own) ||
                           !tare_f32_conv_packed_bytes(&conv, &packed) ||
                           !tare_add_size(packed, TARE_PLAN_SLACK, &packed) ||
                           !tare_matmul_prepare(layer, packed, own),
                       err, "scratch");
    return TARE_OK;
}

static void pack(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                 char *packed, int64_t begin, int64_t end)
{
    const float *b = job->run->inputs[1];
    tare_f32_conv_pack_matrix(job->params->k, job->params->n, job->params->alpha,
                              b + at->b, job->params->n, 1, (float *)(void *)packed,
                              begin, end);
}

static void multiply(const struct tare_matmul_job *job, const struct tare_matmul_at *at,
                     const char *packed, void *scratch, int64_t begin, int64_t end)
{
    const struct tare_f32_conv_variant *variant = job->layer->kernel;
    const float *a = job->run->inputs[0];
    float *y = job->run->outputs[0];
    const struct tare_f32_conv_data data = {
        .x = a + at->a, .weights = (const float *)(const void *)packed, .y = y + at->y};
    variant->fn(job->conv, &data, scratch, begin, end);
}

void tare_f32_matmul_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_matmul_params *p = layer->params;
    const struct tare_f32_conv conv = as_conv(p);
    const struct tare_matmul_job job = {.params = p,
                                        .layer = layer,
                                        .run = run,
                                        .conv = &conv,
                                        .n_pack = tare_f32_conv_pack_matrix_units(p->n),
                                        .n_units = tare_f32_conv_units(&conv),
                                        .pack = pack,
                                        .multiply = multiply};
    tare_matmul_spread(&job);
}
