#include "api/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/explicit.h"
#include "onnx/export.h"
#include "onnx/import.h"

enum tare_status tare_model_load(const char *path, struct tare_model **model,
                                 struct tare_error *err)
{
    return tare_model_load_with_plugins(path, NULL, model, err);
}

enum tare_status tare_model_load_with_plugins(const char *path,
                                              const struct tare_plugins *plugins,
                                              struct tare_model **model,
                                              struct tare_error *err)
{
    *model = NULL;
    struct tare_model *m = tare_alloc_array(1, sizeof *m);
    TARE_FAIL_IF(!m, err, TARE_E_NOMEM, "%s: no memory", path);
    const enum tare_status st = tare_onnx_import(path, plugins, &m->graph, err);
    m->plugins = plugins;
    if (st != TARE_OK) {
        tare_free(m);
        return st;
    }
    *model = m;
    return TARE_OK;
}

enum tare_status tare_model_save(const struct tare_model *model, const char *path,
                                 bool external, struct tare_error *err)
{
    return tare_onnx_export(model->graph, path, external, err);
}

bool tare_model_is_quantized(const struct tare_model *model)
{
    return tare_graph_is_explicit(model->graph);
}

void tare_model_destroy(struct tare_model *model)
{
    if (!model) return;
    tare_graph_destroy(model->graph);
    tare_free(model);
}

/* "1x3x224x224" up to `end`. */
static bool parse_dims(const char *text, const char *end, struct tare_dims *dims)
{
    dims->rank = 0;
    while (text < end) {
        char *after;
        const long long n = strtoll(text, &after, 10);
        if (after == text || after > end || n < 1 || dims->rank == TARE_MAX_RANK)
            return false;
        dims->d[dims->rank++] = n;
        if (after == end) return true;
        if (*after != 'x') return false;
        text = after + 1;
    }
    return false;
}

static int32_t find_input(const struct tare_graph *g, const char *name, size_t length)
{
    for (size_t i = 0; i < g->n_inputs; i++) {
        const char *known = g->tensors[g->inputs[i]].name;
        if (strlen(known) == length && strncmp(known, name, length) == 0)
            return g->inputs[i];
    }
    return TARE_NO_TENSOR;
}

static enum tare_status set_dims(struct tare_tensor *t, const struct tare_dims *dims,
                                 struct tare_error *err)
{
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    bool fits = !t->has_dims || t->dims.rank == dims->rank;
    for (int i = 0; fits && t->has_dims && i < dims->rank; i++)
        fits = t->dims.d[i] < 0 || t->dims.d[i] == dims->d[i];
    TARE_FAIL_IF(!fits, err, TARE_E_ARG,
                 "shape %s given for input '%.80s', the model says %s",
                 tare_dims_print(dims, have), t->name, tare_dims_print(&t->dims, want));
    t->dims = *dims;
    t->has_dims = true;
    return TARE_OK;
}

/* One "name:1x3x224x224" in [at, end); the name may be left out where there is one
 * input. */
static enum tare_status apply_shape(struct tare_graph *g, const char *at,
                                    const char *end, struct tare_error *err)
{
    const int shown = (int)(end - at > 80 ? 80 : end - at);
    const char *colon = end; /* names may hold colons: the last one counts */
    while (colon > at && *colon != ':')
        colon--;
    const bool has_name = *colon == ':';
    int32_t id = has_name ? find_input(g, at, (size_t)(colon - at)) : TARE_NO_TENSOR;
    if (!has_name && g->n_inputs == 1) id = g->inputs[0];
    TARE_FAIL_IF(id == TARE_NO_TENSOR, err, TARE_E_ARG,
                 "shape '%.*s' names no input of the model; its first input is '%.80s'",
                 shown, at, g->n_inputs ? g->tensors[g->inputs[0]].name : "");
    struct tare_dims dims;
    TARE_FAIL_IF(!parse_dims(has_name ? colon + 1 : at, end, &dims), err, TARE_E_ARG,
                 "shape '%.*s' is not of the form name:1x3x224x224", shown, at);
    return set_dims(&g->tensors[id], &dims, err);
}

static enum tare_status apply_shapes(struct tare_graph *g, const char *shapes,
                                     struct tare_error *err)
{
    for (const char *at = shapes; *at;) {
        const char *end = at + strcspn(at, ",");
        const enum tare_status st = apply_shape(g, at, end, err);
        if (st != TARE_OK) return st;
        at = *end ? end + 1 : end;
    }
    return TARE_OK;
}

enum tare_status tare_model_set_shapes(struct tare_model *model, const char *shapes,
                                       struct tare_error *err)
{
    TARE_TRY(apply_shapes(model->graph, shapes, err), err, "--opt-shapes");
    return TARE_OK;
}

/* Axes that are still open: the batch for the first, the data's for those of an image.
 */
static enum tare_status fill_axes(struct tare_tensor *t, int64_t batch,
                                  const int64_t sample[3], struct tare_error *err)
{
    TARE_FAIL_IF(
        !t->has_dims, err, TARE_E_ARG,
        "input '%.80s' has no shape: give it with --opt-shapes=%.80s:1x3x224x224",
        t->name, t->name);
    for (int i = 0; i < t->dims.rank; i++) {
        if (t->dims.d[i] >= 0) continue;
        if (i == 0)
            t->dims.d[i] = batch;
        else if (t->dims.rank == 4 && sample && sample[i - 1] > 0)
            t->dims.d[i] = sample[i - 1];
        TARE_FAIL_IF(t->dims.d[i] < 0, err, TARE_E_ARG,
                     "axis %d ('%.40s') of input '%.80s' is open: give the shape with "
                     "--opt-shapes=%.80s:…",
                     i, t->symbols[i] ? t->symbols[i] : "?", t->name, t->name);
    }
    return TARE_OK;
}

enum tare_status tare_model_bind(struct tare_model *model, const char *shapes,
                                 int64_t batch, const int64_t sample[3],
                                 struct tare_error *err)
{
    struct tare_graph *g = model->graph;
    TARE_FAIL_IF(model->is_bound, err, TARE_E_ARG,
                 "the model's shapes are bound already");
    TARE_FAIL_IF(batch < 1, err, TARE_E_ARG, "batch is %lld, want at least 1",
                 (long long)batch);
    if (shapes) {
        const enum tare_status st = tare_model_set_shapes(model, shapes, err);
        if (st != TARE_OK) return st;
    }
    for (size_t i = 0; i < g->n_inputs; i++) {
        const enum tare_status st =
            fill_axes(&g->tensors[g->inputs[i]], batch, sample, err);
        if (st != TARE_OK) return st;
    }
    TARE_TRY(tare_graph_infer(g, err), err, "%.80s", g->name);
    model->is_bound = true;
    return TARE_OK;
}

const char *tare_model_name(const struct tare_model *model)
{
    return model->graph->name;
}

int tare_model_opset(const struct tare_model *model)
{
    return model->graph->opset;
}

size_t tare_model_n_inputs(const struct tare_model *model)
{
    return model->graph->n_inputs;
}

size_t tare_model_n_outputs(const struct tare_model *model)
{
    return model->graph->n_outputs;
}

static void describe(const struct tare_tensor *t, struct tare_model_value *value)
{
    *value =
        (struct tare_model_value){.name = t->name, .dims = t->dims, .dtype = t->dtype};
    for (int i = 0; i < TARE_MAX_RANK; i++)
        value->symbols[i] = t->symbols[i];
}

void tare_model_input(const struct tare_model *model, size_t i,
                      struct tare_model_value *value)
{
    describe(&model->graph->tensors[model->graph->inputs[i]], value);
}

void tare_model_output(const struct tare_model *model, size_t i,
                       struct tare_model_value *value)
{
    describe(&model->graph->tensors[model->graph->outputs[i]], value);
}

size_t tare_model_n_nodes(const struct tare_model *model)
{
    return model->graph->n_nodes;
}

void tare_model_get_node(const struct tare_model *model, size_t i,
                         struct tare_model_node *out)
{
    const struct tare_graph *g = model->graph;
    const struct tare_node *node = &g->nodes[i];
    const struct tare_tensor *y = &g->tensors[node->outputs[0]];
    size_t parameter_bytes = 0;
    for (size_t k = 0; k < node->n_inputs; k++)
        if (node->inputs[k] != TARE_NO_TENSOR &&
            g->tensors[node->inputs[k]].producer < 0)
            parameter_bytes += g->tensors[node->inputs[k]].n_bytes;
    *out = (struct tare_model_node){
        .name = node->name,
        .op = tare_node_op_type(node),
        .output = y->name,
        .output_dims = y->dims,
        .macs = tare_node_macs(g, node),
        .parameter_bytes = (int64_t)parameter_bytes,
    };
}
