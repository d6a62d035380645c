/* Programs: graphs of operators that no kernel computes. */
#include <string.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/params.h"
#include "graph/blob.h"
#include "graph/run.h"

enum tare_status tare_program_layer_check(const struct tare_layer *layer,
                                          struct tare_error *err)
{
    const struct tare_program_params *params = layer->params;
    TARE_LAYER_FAIL_IF(layer->n_inputs < 1, err, "tensors");
    const struct tare_plan_tensor *blob = layer->inputs[layer->n_inputs - 1];
    TARE_LAYER_FAIL_IF(blob->storage != TARE_IN_WEIGHTS || blob->dtype != TARE_S8 ||
                           params->n_bytes < 0 ||
                           (uint64_t)params->n_bytes != blob->n_bytes,
                       err, "program");
    for (size_t i = 0; i < layer->n_inputs + layer->n_outputs; i++)
        TARE_LAYER_FAIL_IF(layer->inputs[i]->format != TARE_LINEAR, err, "formats");
    return TARE_OK;
}

enum tare_status tare_program_layer_prepare(struct tare_layer *layer,
                                            struct tare_error *err)
{
    const struct tare_plan_tensor *blob = layer->inputs[layer->n_inputs - 1];
    layer->tactic = "reference";
    const enum tare_status st =
        tare_blob_read_graph(tare_layer_weight(layer, blob), (size_t)blob->n_bytes,
                             layer->plugins, &layer->program, err);
    if (st != TARE_OK) return st;
    TARE_LAYER_FAIL_IF(layer->program->n_inputs != layer->n_inputs - 1 ||
                           layer->program->n_outputs != layer->n_outputs,
                       err, "program");
    return TARE_OK;
}

/* Outputs of known shapes go to their places, the others where the context holds them.
 * tare_graph_run() checks that what it makes fits. */
static enum tare_status run_program(const struct tare_layer *layer,
                                    const struct tare_layer_run *run,
                                    struct tare_const *inputs,
                                    struct tare_const *outputs)
{
    for (size_t i = 0; i + 1 < layer->n_inputs; i++) {
        const struct tare_plan_tensor *t = layer->inputs[i];
        void *data;
        memcpy(&data, &run->inputs[i], sizeof data); /* borrowed, and only read */
        inputs[i] = (struct tare_const){.dtype = (enum tare_dtype)t->dtype,
                                        .dims = t->dims,
                                        .data = data,
                                        .n_bytes = (size_t)t->n_bytes};
    }
    for (size_t i = 0; i < layer->n_outputs; i++)
        if (layer->outputs[i]->storage != TARE_IN_CONTEXT)
            outputs[i] = (struct tare_const){
                .data = run->outputs[i], .n_bytes = (size_t)layer->outputs[i]->n_bytes};
    const enum tare_status st = tare_graph_run(run->program, inputs, outputs, run->err);
    for (size_t i = 0; st == TARE_OK && i < layer->n_outputs; i++) {
        if (layer->outputs[i]->storage != TARE_IN_CONTEXT) continue;
        struct tare_const *made = &run->made[layer->outputs[i]->offset];
        tare_free(made->data);
        *made = outputs[i];
    }
    return st;
}

void tare_program_layer_run(const struct tare_layer *layer,
                            const struct tare_layer_run *run)
{
    struct tare_const *inputs = tare_alloc_array(layer->n_inputs, sizeof *inputs);
    struct tare_const *outputs = tare_alloc_array(layer->n_outputs, sizeof *outputs);
    if (inputs && outputs)
        (void)run_program(layer, run, inputs, outputs);
    else
        (void)tare_error_set(run->err, TARE_E_NOMEM, "no memory to run a program");
    tare_free(inputs);
    tare_free(outputs);
}
