/* INT8 element by element: the sum of two tensors, and tables. */
#include <math.h>

#include "engine/layers/common.h"
#include "engine/layers/params.h"
#include "engine/layers/params_u8.h"

/* Bytes a chunk: large enough that handing it out costs nothing. */
enum { BYTE_GRAIN = 65536 };

enum tare_status tare_u8_add_layer_check(const struct tare_layer *layer,
                                         struct tare_error *err)
{
    const struct tare_u8_add *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "uu", "u"), err, "tensors");
    TARE_LAYER_FAIL_IF(layer->inputs[0]->n_bytes != layer->outputs[0]->n_bytes ||
                           layer->inputs[1]->n_bytes != layer->outputs[0]->n_bytes,
                       err, "shapes");
    const float zero_point = (float)p->out_zero_point;
    TARE_LAYER_FAIL_IF(p->a_zero_point < 0 || p->a_zero_point > 255 ||
                           p->b_zero_point < 0 || p->b_zero_point > 255,
                       err, "zero points");
    TARE_LAYER_FAIL_IF(!isfinite(p->a_scale) || !isfinite(p->b_scale) ||
                           !isfinite(p->negative_slope) ||
                           !(p->lower >= -zero_point && p->lower <= p->upper &&
                             p->upper <= 255.0f - zero_point),
                       err, "bounds");
    return TARE_OK;
}

TARE_LAYER_DEFINE_PREPARE(u8_add_layer, tare_u8_add)

static void add_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_layer_job *job = arg;
    const struct tare_u8_add_variant *variant = job->layer->kernel;
    (void)worker;
    variant->fn(job->layer->params, job->run->inputs[0], job->run->inputs[1],
                job->run->outputs[0], begin, end);
}

void tare_u8_add_layer_run(const struct tare_layer *layer,
                           const struct tare_layer_run *run)
{
    tare_layer_spread(layer, run, NULL, tare_plan_count(layer->outputs[0]), BYTE_GRAIN,
                      add_units);
}

enum tare_status tare_u8_table_layer_check(const struct tare_layer *layer,
                                           struct tare_error *err)
{
    const struct tare_table_params *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "ub", "u") ||
                           layer->inputs[1]->n_bytes != 256,
                       err, "tensors");
    TARE_LAYER_FAIL_IF(p->n_elems != tare_plan_count(layer->inputs[0]) ||
                           p->n_elems != tare_plan_count(layer->outputs[0]),
                       err, "shapes");
    return TARE_OK;
}

TARE_LAYER_DEFINE_PREPARE(u8_table_layer, tare_u8_table)

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
