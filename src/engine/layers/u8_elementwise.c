/* INT8 element by element: arithmetic on two tensors, and tables. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

/* Bytes a chunk: large enough that handing it out costs nothing. */
enum { BYTE_GRAIN = 65536 };

/* Does a kernel know the operator? A difference is a sum. */
static bool op_valid(int32_t op)
{
    return op == TARE_BINARY_ADD || op == TARE_BINARY_MUL || op == TARE_BINARY_MIN ||
           op == TARE_BINARY_MAX;
}

enum tare_status tare_u8_binary_layer_check(const struct tare_layer *layer,
                                            struct tare_error *err)
{
    const struct tare_u8_binary *p = layer->params;
    const float zero_point = (float)p->out_zero_point;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "uu", "u"), err, "tensors");
    TARE_LAYER_FAIL_IF(!tare_binary_loop_valid(&p->loop, layer), err, "shapes");
    TARE_LAYER_FAIL_IF(!op_valid(p->op) || !isfinite(p->a_scale) ||
                           !isfinite(p->b_scale) || !isfinite(p->scale) ||
                           p->a_zero_point != layer->inputs[0]->zero_point ||
                           p->b_zero_point != layer->inputs[1]->zero_point ||
                           p->out_zero_point != layer->outputs[0]->zero_point,
                       err, "parameters");
    TARE_LAYER_FAIL_IF(!isfinite(p->negative_slope) ||
                           !(p->lower >= -zero_point && p->lower <= p->upper &&
                             p->upper <= 255.0f - zero_point),
                       err, "bounds");
    return TARE_OK;
}

static void binary_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_u8_binary_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->run->inputs[0], job->run->inputs[1],
                job->run->outputs[0], begin, end);
}

void tare_u8_binary_layer_run(const struct tare_layer *layer,
                              const struct tare_layer_run *run)
{
    const struct tare_u8_binary *p = layer->params;
    const int64_t n = tare_binary_loop_units(&p->loop);
    tare_layer_spread(layer, run, NULL, n, tare_layer_grain(run->pool, n),
                      binary_units);
}

enum tare_status tare_u8_table_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    const struct tare_table_params *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "cb", "c") ||
                           layer->inputs[1]->n_bytes != 256,
                       err, "tensors");
    TARE_LAYER_FAIL_IF(p->n_elems != tare_plan_count(layer->inputs[0]) ||
                           p->n_elems != tare_plan_count(layer->outputs[0]),
                       err, "shapes");
    return TARE_OK;
}

static void table_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_u8_table_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->run->inputs[1], job->run->inputs[0], job->run->outputs[0], begin,
                end);
}

void tare_u8_table_layer_run(const struct tare_layer *layer,
                             const struct tare_layer_run *run)
{
    const struct tare_table_params *p = layer->params;
    tare_layer_spread(layer, run, NULL, p->n_elems, BYTE_GRAIN, table_units);
}
