/* node_info, run_on_cpu, optimization and the like: layer precisions and output types.
 * Of two requests for one layer the later one counts, so that what is said of all nodes
 * comes first, then operators, then single nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/config.h"

/* Types of hb_mapper, and the precision that stands for each. 16-bit integers hold more
 * digits than 16-bit floats: FP32 alone keeps them. */
static const struct type {
    const char *name, *precision;
} types[] = {
    {"int8", "int8"},    {"int16", "fp32"},   {"int32", "fp32"},
    {"float32", "fp32"}, {"float16", "fp16"}, {"bfloat16", "bf16"},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

/* Once is enough. */
static void note_type(struct config *config, struct config_layers *layers,
                      const struct tree_node *where, const struct type *type)
{
    if (layers->has_wide || strncmp(type->name, "int", 3) != 0 ||
        strcmp(type->precision, "fp32") != 0)
        return;
    layers->has_wide = true;
    config_note(
        config, where,
        "%s becomes FP32, here and wherever it is asked for: FP16 and BF16 hold "
        "fewer digits than %s",
        type->name, type->name);
}

static enum tare_status read_type(struct config *config, struct config_layers *layers,
                                  const struct tree_node *where, const char *name,
                                  const struct type **type, struct tare_error *err)
{
    *type = find_type(name);
    if (!*type)
        return config_unknown(config, where, "type", name,
                              "int8|int16|int32|float16|bfloat16|float32", err);
    layers->fp16 |= strcmp((*type)->precision, "fp16") == 0;
    layers->bf16 |= strcmp((*type)->precision, "bf16") == 0;
    return TARE_OK;
}

static void add(struct config_layers *layers, const char *node, const struct type *type,
                bool output)
{
    words_add(output ? &layers->output_types : &layers->precisions, "'%s':%s", node,
              type->precision);
}

enum tare_status config_ask(struct config *config, struct config_layers *layers,
                            const struct tree_node *where, const char *node,
                            const char *type, bool output, struct tare_error *err)
{
    const struct type *found;
    if (!*node) return config_error(config, where, err, "a node without a name");
    if (strstr(node, "':"))
        return config_error(config, where, err,
                            "node '%.60s': its name has ': inside; rename it with tare "
                            "surgeon rename",
                            node);
    const enum tare_status st = read_type(config, layers, where, type, &found, err);
    if (st != TARE_OK) return st;
    note_type(config, layers, where, found);
    add(layers, node, found, output);
    return TARE_OK;
}

enum tare_status config_ask_op(struct config *config,
                               const struct config_network *network,
                               struct config_layers *layers,
                               const struct tree_node *where, const char *op,
                               const char *type, bool output, struct tare_error *err)
{
    const struct type *found;
    size_t n = 0;
    const enum tare_status st = read_type(config, layers, where, type, &found, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < network->n_nodes; i++)
        if (strcmp(network->nodes[i].op, op) == 0) {
            add(layers, network->nodes[i].name, found, output);
            n++;
        }
    if (n > 0)
        note_type(config, layers, where, found);
    else
        config_note(config, where, "the network has no %.60s", op);
    return TARE_OK;
}

enum tare_status config_ask_ends(struct config *config,
                                 const struct config_network *network,
                                 struct config_layers *layers,
                                 const struct tree_node *where, const char *type,
                                 struct tare_error *err)
{
    const struct type *found;
    const enum tare_status st = read_type(config, layers, where, type, &found, err);
    if (st != TARE_OK) return st;
    if (strcmp(found->name, "float32") == 0) return TARE_OK; /* they are */
    config_note(
        config, where,
        "outputs of an engine are float32: the layers that make them are asked to "
        "compute in %s",
        strcmp(found->precision, "int8") == 0 ? "INT8" : found->precision);
    for (size_t i = 0; i < network->n_nodes; i++)
        for (size_t k = 0; k < network->n_outputs; k++)
            if (strcmp(network->nodes[i].output, network->outputs[k]) == 0)
                add(layers, network->nodes[i].name, found, false);
    return TARE_OK;
}

enum tare_status config_ask_tree(struct config *config, struct config_layers *layers,
                                 const struct tree_node *tree, struct tare_error *err)
{
    const char *node = tree->key;
    const struct tree_node *on = tree_find(tree, "ON");
    enum tare_status st = TARE_OK;
    if (tree->kind != TREE_MAP)
        return config_error(config, tree, err, "want {\"ON\": …, \"InputType\": …}");
    if (on && (on->kind != TREE_TEXT || !config_is_one_of(on->text, "BPU|CPU")))
        return config_error(config, on, err, "want BPU or CPU");
    if (on) /* first: a type says more */
        st = config_ask(config, layers, on, node,
                        strcmp(on->text, "CPU") == 0 ? "float32" : "int8", false, err);
    for (const struct tree_node *n = tree->first; n && st == TARE_OK; n = n->next) {
        const size_t length = strcspn(n->key, "0123456789");
        char word[64];
        (void)snprintf(word, sizeof word, "%.*s", length > 60 ? 60 : (int)length,
                       n->key);
        if (n == on) continue;
        if (!config_is_one_of(word, "InputType|OutputType|qtype|input|output"))
            return config_unknown(config, n, "key", n->key,
                                  "ON|InputType|OutputType|qtype|input|output", err);
        if (n->kind != TREE_TEXT) return config_error(config, n, err, "want one type");
        st = config_ask(config, layers, n, node, n->text,
                        config_is_one_of(word, "OutputType|output"), err);
    }
    return st;
}

/* "n1:int16;n2:int16", or a tree by nodes. */
static enum tare_status ask_nodes(struct config *config, struct config_layers *layers,
                                  enum config_key key, struct tare_error *err)
{
    const struct tree_node *value = config->values[key];
    enum tare_status st = TARE_OK;
    if (!value) return TARE_OK;
    if (value->kind == TREE_LIST)
        return config_error(config, value, err, "want a map of nodes, not a list");
    for (const struct tree_node *n = value->first; n && st == TARE_OK; n = n->next)
        st = config_ask_tree(config, layers, n, err);
    if (value->kind != TREE_TEXT) return st;
    struct words items = {0};
    words_split(&items, value->text, ';');
    for (size_t i = 0; i < items.n && st == TARE_OK; i++) {
        char *colon = strrchr(items.items[i], ':');
        if (!colon) {
            st = config_error(config, value, err, "'%.60s', want node:type",
                              items.items[i]);
            break;
        }
        *colon = '\0';
        st = config_ask(config, layers, value, items.items[i],
                        colon + 1 + strspn(colon + 1, " "), false, err);
    }
    words_free(&items);
    return st;
}

/* "n1;n2" */
static enum tare_status ask_list(struct config *config, struct config_layers *layers,
                                 enum config_key key, const char *type,
                                 struct tare_error *err)
{
    struct words nodes = {0};
    const char *text = config_text(config, key);
    enum tare_status st = TARE_OK;
    words_split(&nodes, text ? text : "", ';');
    for (size_t i = 0; i < nodes.n && st == TARE_OK; i++)
        st = config_ask(config, layers, config->values[key], nodes.items[i], type,
                        false, err);
    words_free(&nodes);
    return st;
}

/* "set_Softmax_input_int8" as "Softmax", whether its output, and "int8". */
static bool split_setting(const char *word, char *op, size_t size, bool *output,
                          const char **type)
{
    static const char *const ends[] = {"_input_int8", "_input_int16", "_output_int8",
                                       "_output_int16"};
    const size_t length = strlen(word);
    for (size_t i = 0; i < 4; i++) {
        const size_t n = strlen(ends[i]);
        if (strncmp(word, "set_", 4) != 0 || length <= n + 4 ||
            length - n - 4 >= size || strcmp(word + length - n, ends[i]) != 0)
            continue;
        (void)snprintf(op, size, "%.*s", (int)(length - n - 4), word + 4);
        *output = i >= 2;
        *type = i % 2 ? "int16" : "int8";
        return true;
    }
    return false;
}

static enum tare_status ask_setting(struct config *config,
                                    const struct config_network *network,
                                    struct config_layers *layers, const char *word,
                                    struct tare_error *err)
{
    const struct tree_node *where = config->values[CONFIG_optimization];
    char op[64];
    const char *type;
    bool output;
    if (strcmp(word, "set_all_nodes_int16") == 0)
        return config_ask(config, layers, where, "*", "int16", false, err);
    if (strcmp(word, "bias_correction") == 0)
        layers->bias_correction = true;
    else if (strcmp(word, "asymmetric") == 0)
        config_note(
            config, where,
            "asymmetric: ranges are symmetric, but those of tensors that cannot "
            "be negative have all 256 steps above 0");
    else if (strcmp(word, "lstm_batch_last") == 0)
        config_note(config, where,
                    "lstm_batch_last: recurrent layers have kernels of their own");
    else if (strncmp(word, "set_model_output_int", 20) == 0)
        return config_ask_ends(config, network, layers, where, word + 17, err);
    else if (split_setting(word, op, sizeof op, &output, &type))
        return config_ask_op(config, network, layers, where, op, type, output, err);
    else
        return config_unknown(config, where, "value", word,
                              "set_all_nodes_int16|set_model_output_int8|"
                              "set_model_output_int16|set_Softmax_input_int8|"
                              "set_Softmax_output_int8|asymmetric|bias_correction|"
                              "lstm_batch_last",
                              err);
    return TARE_OK;
}

static enum tare_status ask_settings(struct config *config,
                                     const struct config_network *network,
                                     struct config_layers *layers,
                                     struct tare_error *err)
{
    struct words words = {0};
    const char *text = config_text(config, CONFIG_optimization);
    enum tare_status st = TARE_OK;
    char *list = text ? strdup(text) : NULL;
    for (char *at = list; at && (at = strchr(at, ',')) != NULL;)
        *at = ';';
    words_split(&words, list ? list : "", ';');
    for (int all = 1; all >= 0; all--) /* what is said of all nodes comes first */
        for (size_t i = 0; i < words.n && st == TARE_OK; i++)
            if ((strcmp(words.items[i], "set_all_nodes_int16") == 0) == (all == 1))
                st = ask_setting(config, network, layers, words.items[i], err);
    words_free(&words);
    free(list);
    return st;
}

enum tare_status config_layers(struct config *config,
                               const struct config_network *network,
                               struct config_layers *layers, struct tare_error *err)
{
    *layers = (struct config_layers){0};
    enum tare_status st = config_quant(config, network, true, layers, err);
    if (st == TARE_OK) st = ask_settings(config, network, layers, err);
    if (st == TARE_OK) st = ask_list(config, layers, CONFIG_run_on_bpu, "int8", err);
    if (st == TARE_OK) st = ask_list(config, layers, CONFIG_run_on_cpu, "float32", err);
    if (st == TARE_OK) st = ask_nodes(config, layers, CONFIG_node_info, err);
    if (st == TARE_OK) st = ask_nodes(config, layers, CONFIG_set_node_data_type, err);
    return st == TARE_OK ? config_quant(config, network, false, layers, err) : st;
}

void config_layers_free(struct config_layers *layers)
{
    words_free(&layers->precisions);
    words_free(&layers->output_types);
}
