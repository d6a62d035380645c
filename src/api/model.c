#include "api/model.h"

#include "base/dims.h"
#include "base/mem.h"
#include "base/shape_list.h"
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
    tare_free(model->open_axes);
    tare_free(model);
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

enum tare_status tare_model_parse_shapes(const struct tare_model *model,
                                         const char *shapes, int64_t least,
                                         struct tare_dims *dims, struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    const char **names = tare_alloc_array(g->n_inputs, sizeof *names);
    TARE_FAIL_IF(!names, err, TARE_E_NOMEM, "%.80s: no memory", g->name);
    for (size_t i = 0; i < g->n_inputs; i++)
        names[i] = g->tensors[g->inputs[i]].name;
    const enum tare_status st =
        tare_shape_list_parse(shapes, names, g->n_inputs, least, dims, err);
    tare_free(names);
    return st;
}

static enum tare_status apply_shapes(struct tare_model *model, const char *shapes,
                                     struct tare_error *err)
{
    struct tare_graph *g = model->graph;
    struct tare_dims *dims = tare_alloc_array(g->n_inputs, sizeof *dims);
    TARE_FAIL_IF(!dims, err, TARE_E_NOMEM, "%.80s: no memory", g->name);
    enum tare_status st = tare_model_parse_shapes(model, shapes, 1, dims, err);
    for (size_t i = 0; st == TARE_OK && i < g->n_inputs; i++)
        if (dims[i].rank >= 0) st = set_dims(&g->tensors[g->inputs[i]], &dims[i], err);
    tare_free(dims);
    return st;
}

enum tare_status tare_model_set_shapes(struct tare_model *model, const char *shapes,
                                       struct tare_error *err)
{
    TARE_TRY(apply_shapes(model, shapes, err), err, "--opt-shapes");
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

/* Which axes the model leaves open, before they are bound. */
static enum tare_status note_open_axes(struct tare_model *model, struct tare_error *err)
{
    const struct tare_graph *g = model->graph;
    model->open_axes = tare_alloc_array(g->n_inputs, sizeof *model->open_axes);
    TARE_FAIL_IF(!model->open_axes, err, TARE_E_NOMEM, "%.80s: no memory", g->name);
    for (size_t i = 0; i < g->n_inputs; i++) {
        const struct tare_tensor *t = &g->tensors[g->inputs[i]];
        if (!t->has_dims) model->open_axes[i] = UINT32_MAX;
        for (int k = 0; t->has_dims && k < t->dims.rank; k++)
            if (t->dims.d[k] < 0) model->open_axes[i] |= UINT32_C(1) << k;
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
    enum tare_status noted = model->open_axes ? TARE_OK : note_open_axes(model, err);
    if (noted == TARE_OK && shapes) noted = tare_model_set_shapes(model, shapes, err);
    if (noted != TARE_OK) return noted;
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
