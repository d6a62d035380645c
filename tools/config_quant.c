/* quant_config: what hb_compile asks of the model, its operators and its nodes. */
#include <string.h>

#include "tools/config.h"

/* The tree: in the file itself, in a text in JSON, or in a file that is named. */
static enum tare_status find_tree(struct config *config, const struct tree_node **tree,
                                  struct tare_error *err)
{
    const struct tree_node *value = config->values[CONFIG_quant_config];
    enum tare_status st = TARE_OK;
    *tree = value;
    if (!value || value->kind == TREE_MAP) return TARE_OK;
    if (value->kind == TREE_LIST)
        return config_error(config, value, err, "want a map or a file");
    if (!config->quant) {
        struct tare_error why = {0};
        st = value->text[strspn(value->text, " \n")] == '{'
                 ? tree_parse("quant_config", value->text, strlen(value->text),
                              &config->quant, &why)
                 : tree_read(value->text, &config->quant, &why);
        if (st != TARE_OK) return config_error(config, value, err, "%s", why.text);
    }
    *tree = config->quant;
    if (!*tree || (*tree)->kind != TREE_MAP)
        return config_error(config, value, err, "want a map, with model_config in it");
    return TARE_OK;
}

static enum tare_status ask_model(struct config *config,
                                  const struct config_network *network,
                                  const struct tree_node *model,
                                  struct config_layers *layers, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (const struct tree_node *n = model->first; n && st == TARE_OK; n = n->next) {
        const bool is_all = n->key && strcmp(n->key, "all_node_type") == 0;
        const bool is_ends = n->key && strcmp(n->key, "model_output_type") == 0;
        if ((is_all || is_ends) && n->kind != TREE_TEXT)
            st = config_error(config, n, err, "want one type");
        else if (is_ends)
            st = config_ask_ends(config, network, layers, n, n->text, err);
        else if (is_all && strcmp(n->text, "int8") != 0) /* which is what tare does */
            st = config_ask(config, layers, n, "*", n->text, false, err);
        else if (n->key && strcmp(n->key, "weight") == 0)
            layers->bias_correction |= tree_find(n, "bias_correction") != NULL;
        else if (n->key && config_is_one_of(n->key, "activation|modelwise_search|"
                                                    "layerwise_search|search"))
            config_note(config, n,
                        "calibration_type of calibration_parameters chooses the "
                        "calibrator: not used");
        else if (!is_all)
            st = config_unknown(config, n, "key", n->key ? n->key : "",
                                "all_node_type|model_output_type|weight|activation|"
                                "modelwise_search|layerwise_search|search",
                                err);
    }
    return st;
}

static enum tare_status ask_ops(struct config *config,
                                const struct config_network *network,
                                const struct tree_node *ops,
                                struct config_layers *layers, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (const struct tree_node *op = ops->first; op; op = op->next)
        for (const struct tree_node *n = op->first; n && st == TARE_OK; n = n->next)
            if (!n->key || n->kind != TREE_TEXT || !op->key)
                st = config_error(config, n, err, "want {\"qtype\": …}");
            else if (!config_is_one_of(n->key, "qtype|InputType|OutputType"))
                st = config_unknown(config, n, "key", n->key,
                                    "qtype|InputType|OutputType", err);
            else
                st = config_ask_op(config, network, layers, n, op->key, n->text,
                                   strcmp(n->key, "OutputType") == 0, err);
    return st;
}

static enum tare_status ask_section(struct config *config,
                                    const struct config_network *network, bool first,
                                    const struct tree_node *section,
                                    struct config_layers *layers,
                                    struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    const bool is_nodes = strcmp(section->key, "node_config") == 0;
    if (section->kind != TREE_MAP)
        return config_error(config, section, err, "want a map");
    for (const struct tree_node *n = section->first;
         is_nodes && !first && n && st == TARE_OK; n = n->next)
        st = config_ask_tree(config, layers, n, err);
    if (is_nodes || !first) return st;
    if (strcmp(section->key, "model_config") == 0)
        return ask_model(config, network, section, layers, err);
    if (strcmp(section->key, "op_config") == 0)
        return ask_ops(config, network, section, layers, err);
    return config_unknown(config, section, "key", section->key,
                          "model_config|op_config|node_config", err);
}

enum tare_status config_quant(struct config *config,
                              const struct config_network *network, bool first,
                              struct config_layers *layers, struct tare_error *err)
{
    const struct tree_node *tree;
    enum tare_status st = find_tree(config, &tree, err);
    for (const struct tree_node *n = tree ? tree->first : NULL; n && st == TARE_OK;
         n = n->next)
        st = ask_section(config, network, first, n, layers, err);
    return st;
}
