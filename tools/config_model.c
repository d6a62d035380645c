#include "tools/config_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/surgeon.h"
#include "tools/plugins.h"
#include "tools/report.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the network's names");
}

static enum tare_status list_inputs(struct config_model *m,
                                    const char *const *input_names,
                                    struct tare_error *err)
{
    const size_t n = tare_model_n_inputs(m->model);
    const char **own = calloc(n + 1, sizeof *own);
    m->inputs = calloc(n + 1, sizeof *m->inputs);
    m->network.input_names = input_names ? input_names : own;
    m->network.inputs = m->inputs;
    if (!own || !m->inputs) {
        free(own);
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        tare_model_input(m->model, i, &m->inputs[i]);
        own[i] = m->inputs[i].name;
    }
    m->network.n_inputs = n;
    m->own_names = own;
    return TARE_OK;
}

static enum tare_status list_rest(struct config_model *m, struct tare_error *err)
{
    struct config_network *network = &m->network;
    network->n_nodes = tare_model_n_nodes(m->model);
    network->n_outputs = tare_model_n_outputs(m->model);
    m->nodes = calloc(network->n_nodes + 1, sizeof *m->nodes);
    m->outputs = calloc(network->n_outputs + 1, sizeof *m->outputs);
    if (!m->nodes || !m->outputs) return no_memory(err);
    for (size_t i = 0; i < network->n_inputs; i++)
        tare_model_input(m->model, i, &m->inputs[i]); /* with final shapes */
    for (size_t i = 0; i < network->n_nodes; i++)
        tare_model_get_node(m->model, i, &m->nodes[i]);
    for (size_t i = 0; i < network->n_outputs; i++) {
        struct tare_model_value output;
        tare_model_output(m->model, i, &output);
        m->outputs[i] = output.name;
    }
    network->nodes = m->nodes;
    network->outputs = m->outputs;
    return TARE_OK;
}

enum tare_status config_model_open(struct config *config, const char *path,
                                   const char *const *input_names,
                                   struct config_model *opened, struct tare_error *err)
{
    struct tare_error why = {0};
    *opened = (struct config_model){0};
    enum tare_status st = plugins_load_model(path, &opened->model, err);
    if (st == TARE_OK) st = list_inputs(opened, input_names, err);
    if (st == TARE_OK)
        st = config_shapes(config, &opened->network, 1, &opened->shapes, err);
    if (st != TARE_OK) return st;
    st = tare_model_bind(opened->model, opened->shapes, 1, NULL, &why);
    if (st != TARE_OK)
        return config_error(config, config->values[CONFIG_input_shape], err,
                            "input_shape does not fit: %.140s", why.text);
    return list_rest(opened, err);
}

void config_model_close(struct config_model *opened)
{
    tare_model_destroy(opened->model);
    free(opened->shapes);
    free(opened->inputs);
    free(opened->own_names);
    free(opened->nodes);
    free(opened->outputs);
    *opened = (struct config_model){0};
}

bool config_wants_cut(const struct config *config)
{
    return config_text(config, CONFIG_output_nodes) ||
           config_text(config, CONFIG_remove_node_type) ||
           config_text(config, CONFIG_remove_node_name);
}

/* Operators by hb_mapper's names: Quantize is ONNX's QuantizeLinear. */
static enum tare_status split_types(const struct config *config, struct words *types,
                                    struct tare_error *err)
{
    static const char known[] = "Quantize|Dequantize|Transpose|Cast|Reshape|Softmax";
    const char *text = config_text(config, CONFIG_remove_node_type);
    struct words given = {0};
    enum tare_status st = TARE_OK;
    words_split(&given, text ? text : "", ';');
    for (size_t i = 0; i < given.n && st == TARE_OK; i++) {
        const bool is_linear = config_is_one_of(given.items[i], "Quantize|Dequantize");
        if (config_is_one_of(given.items[i], known))
            words_add(types, "%s%s", given.items[i], is_linear ? "Linear" : "");
        else
            st = config_unknown(config, config->values[CONFIG_remove_node_type], "type",
                                given.items[i], known, err);
    }
    words_free(&given);
    return st;
}

/* Nodes, by what they make; a name may be that of a tensor too. */
static void split_outputs(const struct config *config,
                          const struct config_network *network, struct words *tensors)
{
    const char *text = config_text(config, CONFIG_output_nodes);
    struct words given = {0};
    words_split(&given, text ? text : "", ';');
    for (size_t i = 0; i < given.n; i++) {
        const char *tensor = given.items[i];
        for (size_t k = 0; k < network->n_nodes; k++)
            if (strcmp(network->nodes[k].name, given.items[i]) == 0)
                tensor = network->nodes[k].output;
        words_add(tensors, "%s", tensor);
    }
    words_free(&given);
}

static enum tare_status cut(const struct tare_surgery *surgery,
                            const struct words *outputs, const struct words *names,
                            const struct words *types, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    if (outputs->failed || names->failed || types->failed) return no_memory(err);
    if (outputs->n)
        st = tare_surgeon_extract(surgery, NULL, 0, (const char *const *)outputs->items,
                                  outputs->n, err);
    if (st == TARE_OK && (names->n || types->n))
        st = tare_surgeon_remove_ends(surgery, (const char *const *)names->items,
                                      names->n, (const char *const *)types->items,
                                      types->n, err);
    return st;
}

enum tare_status config_cut(struct config *config, const struct config_model *whole,
                            const char *path, struct tare_error *err)
{
    struct words outputs = {0}, names = {0}, types = {0};
    struct tare_surgery surgery = {0};
    const char *text = config_text(config, CONFIG_remove_node_name);
    enum tare_status st = split_types(config, &types, err);
    split_outputs(config, &whole->network, &outputs);
    words_split(&names, text ? text : "", ';');
    if (st == TARE_OK)
        st = plugins_load_surgery(config_text(config, CONFIG_onnx_model),
                                  &surgery.model, err);
    if (st == TARE_OK) st = cut(&surgery, &outputs, &names, &types, err);
    if (st == TARE_OK) st = tare_model_save(surgery.model, path, false, err);
    tare_model_destroy(surgery.model);
    words_free(&outputs);
    words_free(&names);
    words_free(&types);
    return st;
}

enum tare_status config_set_batch(const char *from, long long batch, const char *path,
                                  struct tare_error *err)
{
    struct tare_surgery surgery = {0};
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", batch);
    enum tare_status st = plugins_load_surgery(from, &surgery.model, err);
    if (st == TARE_OK) st = tare_surgeon_set_axis(&surgery, NULL, 0, text, err);
    if (st == TARE_OK) st = tare_model_save(surgery.model, path, false, err);
    tare_model_destroy(surgery.model);
    return st;
}
