/* Nodes: the check that tare knows their operators, their edges and attributes. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "graph/plugin_instance.h"
#include "onnx/importer.h"
#include "onnx/printable.h"

static long long find_version(Onnx__OperatorSetIdProto *const *imports, size_t n,
                              const char *domain)
{
    for (size_t i = 0; i < n; i++)
        if (imports[i]->domain && strcmp(imports[i]->domain, domain) == 0)
            return (long long)imports[i]->version;
    return 0;
}

/** The version that the model imports of a domain, or one of its functions, whose nodes
 *  are the model's by now; 0 when none does. */
static long long domain_version(const Onnx__ModelProto *model, const char *domain)
{
    long long version =
        find_version(model->opset_import, model->n_opset_import, domain);
    for (size_t i = 0; version == 0 && i < model->n_functions; i++)
        version = find_version(model->functions[i]->opset_import,
                               model->functions[i]->n_opset_import, domain);
    return version;
}

static enum tare_op find_op(const Onnx__NodeProto *node)
{
    return tare_import_default_domain(node->domain) ? tare_op_find(node->op_type)
                                                    : TARE_OP_COUNT;
}

/** The plugin of an operator that tare does not know, of the version that the node
 *  wants; or NULL. */
static const struct tare_plugin *find_plugin(const struct tare_importer *importer,
                                             const Onnx__NodeProto *node)
{
    if (find_op(node) != TARE_OP_COUNT) return NULL;
    char version[TARE_PLUGIN_NAME_MAX + 1] = "";
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__AttributeProto *a = node->attribute[i];
        if (!a->name || strcmp(a->name, "plugin_version") != 0 ||
            (int)a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING)
            continue;
        (void)snprintf(version, sizeof version, "%.*s",
                       (int)(a->s.len < sizeof version ? a->s.len : sizeof version - 1),
                       (const char *)a->s.data);
    }
    return tare_plugins_find(
        importer->plugins, tare_import_default_domain(node->domain) ? "" : node->domain,
        node->op_type, *version ? version : NULL);
}

/** Add an operator to the list, once. @retval false there is no room for it. */
static bool list_op(const char *op_type, struct tare_text *list)
{
    enum { ROOM = 100 }; /* part of what tare_error holds */
    char quoted[48];
    const int n = snprintf(quoted, sizeof quoted, "'%.40s'", op_type);
    if (n < 0 || (list->data && strstr(list->data, quoted))) return true;
    if (list->length + (size_t)n > ROOM) return false;
    tare_text_add(list, "%s%s", list->length ? ", " : "", quoted);
    return true;
}

/** Name the first unsupported node, `at`, and all operators like it. */
static enum tare_status refuse_ops(const struct tare_importer *importer, size_t at,
                                   const char *list, struct tare_error *err)
{
    const Onnx__NodeProto *node = importer->proto->node[at];
    const bool ours = tare_import_default_domain(node->domain);
    const long long version =
        ours ? importer->graph->opset : domain_version(importer->model, node->domain);
    const bool several = strchr(list, ',') != NULL;
    return tare_error_set(
        err, TARE_E_UNSUPPORTED,
        "op '%.40s%s%.40s' (node '%.60s', opset %lld) is not supported by tare (a "
        "plugin may compute it: --plugin=FILE.so)%s%s",
        ours ? "" : tare_onnx_shown(node->domain), ours ? "" : "::", node->op_type,
        importer->node_names[at], version, several ? "; all of them: " : "",
        several ? list : "");
}

enum tare_status tare_import_check_ops(const struct tare_importer *importer,
                                       struct tare_error *err)
{
    const Onnx__GraphProto *graph = importer->proto;
    struct tare_text list = {0};
    bool complete = true;
    size_t first = graph->n_node;
    for (size_t i = 0; i < graph->n_node && !list.failed; i++) {
        if (find_op(graph->node[i]) != TARE_OP_COUNT ||
            find_plugin(importer, graph->node[i]))
            continue;
        if (first == graph->n_node) first = i;
        complete &= list_op(graph->node[i]->op_type, &list);
    }
    if (!complete) tare_text_add(&list, ", ...");
    enum tare_status st = TARE_OK;
    if (list.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    else if (list.length > 0)
        st = refuse_ops(importer, first, list.data, err);
    tare_text_free(&list);
    return st;
}

/** How many names are left when empty ones at the end are dropped. */
static size_t count_names(char *const *names, size_t n)
{
    while (n > 0 && !*names[n - 1])
        n--;
    return n;
}

static enum tare_status add_constant(struct tare_importer *importer,
                                     Onnx__NodeProto *proto, struct tare_error *err)
{
    struct tare_const content;
    int32_t id;
    TARE_FAIL_IF(proto->n_input != 0 || proto->n_output != 1, err, TARE_E_FORMAT,
                 "%zu inputs and %zu outputs, want 0 and 1", proto->n_input,
                 proto->n_output);
    TARE_FAIL_IF(!tare_onnx_name_valid(proto->output[0]), err, TARE_E_FORMAT,
                 "the output's name is empty or unprintable");
    const enum tare_status st = tare_import_constant(importer, proto, &content, err);
    if (st != TARE_OK) return st;
    return tare_graph_add_const(importer->graph, proto->output[0], &content, &id, err);
}

static enum tare_status add_outputs(struct tare_importer *importer,
                                    const Onnx__NodeProto *proto,
                                    struct tare_error *err)
{
    const size_t n = count_names(proto->output, proto->n_output);
    for (size_t i = 0; i < n; i++) {
        int32_t id;
        if (!*proto->output[i]) continue; /* left out: add_left_out() names it */
        TARE_FAIL_IF(!tare_onnx_name_valid(proto->output[i]), err, TARE_E_FORMAT,
                     "the name of output %zu is unprintable", i);
        const enum tare_status st =
            tare_graph_add_tensor(importer->graph, proto->output[i], &id, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/** Ids of the tensors with these names; an empty name is TARE_NO_TENSOR. */
static enum tare_status find_tensors(const struct tare_importer *importer,
                                     char *const *names, size_t n, int32_t *ids,
                                     struct tare_error *err)
{
    for (size_t i = 0; i < n; i++) {
        ids[i] = TARE_NO_TENSOR;
        if (!*names[i]) continue;
        const enum tare_status st = tare_import_find(importer, names[i], &ids[i], err);
        if (st != TARE_OK) return st;
        TARE_FAIL_IF(*names[i] && ids[i] == TARE_NO_TENSOR, err, TARE_E_FORMAT,
                     "input '%.80s' is made by no node, input or initializer",
                     tare_onnx_shown(names[i]));
    }
    return TARE_OK;
}

/* A tensor for output `i`, which the node leaves out while a later one is wanted: the
 * operator makes it, and nobody reads it. All other tensors have their names. */
static enum tare_status add_left_out(struct tare_graph *graph, const char *node,
                                     size_t i, int32_t *id, struct tare_error *err)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s:%zu", node, i);
    while (!text.failed && tare_graph_find_tensor(graph, text.data) != TARE_NO_TENSOR)
        tare_text_add(&text, "_");
    const enum tare_status st = text.failed
                                    ? tare_error_set(err, TARE_E_NOMEM, "no memory")
                                    : tare_graph_add_tensor(graph, text.data, id, err);
    tare_text_free(&text);
    return st;
}

/** The operator to hold the node with. */
static enum tare_op node_op(const struct tare_importer *importer,
                            const Onnx__NodeProto *proto)
{
    const enum tare_op op = find_op(proto);
    if (tare_refusal_of(importer->refusals, proto)) return TARE_OP_OPAQUE;
    if (find_plugin(importer, proto)) return TARE_OP_PLUGIN;
    /* elsewhere tare_import_check_ops() has looked */
    return importer->keep_unknown && op == TARE_OP_COUNT ? TARE_OP_OPAQUE : op;
}

static enum tare_status add_edges(struct tare_importer *importer,
                                  const Onnx__NodeProto *proto, const char *name,
                                  int32_t *id, struct tare_error *err)
{
    const size_t n_inputs = count_names(proto->input, proto->n_input);
    const size_t n_outputs = count_names(proto->output, proto->n_output);
    int32_t *ids = tare_alloc_array(n_inputs + n_outputs, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory");
    int32_t *outputs = ids + n_inputs;
    enum tare_status st = find_tensors(importer, proto->input, n_inputs, ids, err);
    if (st == TARE_OK)
        st = find_tensors(importer, proto->output, n_outputs, outputs, err);
    for (size_t i = 0; i < n_outputs && st == TARE_OK; i++)
        if (outputs[i] == TARE_NO_TENSOR)
            st = add_left_out(importer->graph, name, i, &outputs[i], err);
    if (st == TARE_OK)
        st = tare_graph_add_node(importer->graph, node_op(importer, proto), name, ids,
                                 n_inputs, outputs, n_outputs, id, err);
    tare_free(ids);
    return st;
}

/** Hold what tare cannot do, and why. */
static enum tare_status make_opaque(struct tare_importer *importer,
                                    Onnx__NodeProto *proto, struct tare_node *node,
                                    const char *reason, struct tare_error *err)
{
    const bool ours = tare_import_default_domain(proto->domain);
    const char *domain = ours ? "" : proto->domain;
    TARE_FAIL_IF(!ours && !tare_onnx_name_valid(domain), err, TARE_E_FORMAT,
                 "its domain is unprintable");
    const int64_t version =
        ours ? importer->graph->opset : domain_version(importer->model, domain);
    enum tare_status st =
        tare_node_set_opaque(node, proto->op_type, domain, version, reason, err);
    if (st == TARE_OK) st = tare_import_opaque_attrs(importer, proto, node, err);
    if (st != TARE_OK || node->n_inputs > count_names(proto->input, proto->n_input))
        return st; /* it has its captures */
    return tare_import_captures(importer, node, err);
}

/** Let a plugin compute the node, which is held as an opaque one too: so it can be
 *  written again. */
static enum tare_status add_plugin(struct tare_importer *importer,
                                   Onnx__NodeProto *proto, struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_plugin_instance *instance;
    enum tare_status st = make_opaque(importer, proto, node, "", err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(node->opaque->n_rest, err, TARE_E_UNSUPPORTED,
                 "it has an attribute of a type that plugins are not given");
    TARE_FAIL_IF(node->n_inputs > TARE_PLUGIN_MAX_OPERANDS ||
                     node->n_outputs > TARE_PLUGIN_MAX_OPERANDS,
                 err, TARE_E_UNSUPPORTED, "%zu inputs and %zu outputs, want %d at most",
                 node->n_inputs, node->n_outputs, TARE_PLUGIN_MAX_OPERANDS);
    st = tare_plugin_create(find_plugin(importer, proto), node->attrs, node->n_attrs,
                            &instance, err);
    if (st == TARE_OK) tare_node_set_plugin(node, instance);
    return st;
}

/** A node of tare's own operators if it can be, else an opaque one. */
static enum tare_status add_any_node(struct tare_importer *importer,
                                     Onnx__NodeProto *proto, const char *name,
                                     struct tare_error *err)
{
    int32_t id = 0;
    struct tare_error why = {0};
    enum tare_status st = add_edges(importer, proto, name, &id, err);
    if (st != TARE_OK) return st;
    struct tare_node *node = &importer->graph->nodes[id];
    if (node->op == TARE_OP_OPAQUE) {
        const char *refusal = tare_refusal_of(importer->refusals, proto);
        return make_opaque(importer, proto, node,
                           refusal ? refusal : "tare has no such operator", err);
    }
    if (node->op == TARE_OP_PLUGIN) {
        st = add_plugin(importer, proto, node, &why);
    } else {
        st = tare_import_attrs(importer, proto, node, &why);
        if (st == TARE_OK) st = tare_import_captures(importer, node, &why);
        if (st == TARE_OK) st = tare_node_check(importer->graph, node, &why);
    }
    if (st == TARE_OK) return TARE_OK;
    if (st == TARE_E_NOMEM) {
        if (err) *err = why;
        return st;
    }
    return make_opaque(importer, proto, node, tare_node_bare_text(node, why.text), err);
}

static enum tare_status add_node(struct tare_importer *importer, Onnx__NodeProto *proto,
                                 const char *name, struct tare_error *err)
{
    int32_t id = 0;
    if (importer->keep_unknown) {
        TARE_TRY(add_any_node(importer, proto, name, err), err, "node '%.80s' (%.40s)",
                 name, proto->op_type);
        return TARE_OK;
    }
    TARE_TRY(add_edges(importer, proto, name, &id, err), err, "node '%.80s' (%.40s)",
             name, proto->op_type);
    struct tare_node *node = &importer->graph->nodes[id];
    if (node->op == TARE_OP_PLUGIN) {
        TARE_TRY(add_plugin(importer, proto, node, err), err, "node '%.80s' (%.40s)",
                 name, proto->op_type);
        return TARE_OK;
    }
    TARE_TRY(tare_import_attrs(importer, proto, node, err), err, "node '%.80s' (%.40s)",
             name, proto->op_type);
    TARE_TRY(tare_import_captures(importer, node, err), err, "node '%.80s' (%.40s)",
             name, proto->op_type);
    return tare_node_check(importer->graph, node, err); /* the text names the node */
}

/** Make the tensors of a node's outputs. */
static enum tare_status add_tensors(struct tare_importer *importer,
                                    Onnx__NodeProto *proto, struct tare_error *err)
{
    if (find_op(proto) != TARE_OP_CONSTANT) return add_outputs(importer, proto, err);
    const enum tare_status st = add_constant(importer, proto, err);
    if (st != TARE_E_UNSUPPORTED || !importer->keep_unknown) return st;
    return add_outputs(importer, proto, err);
}

/** Whether add_tensors() has done with the node. */
static bool is_done(const struct tare_importer *importer, const Onnx__NodeProto *proto)
{
    if (find_op(proto) != TARE_OP_CONSTANT) return false;
    const int32_t id = tare_graph_find_tensor(importer->graph, proto->output[0]);
    return tare_tensor_is_const(&importer->graph->tensors[id]);
}

enum tare_status tare_import_nodes(struct tare_importer *importer,
                                   struct tare_error *err)
{
    const Onnx__GraphProto *graph = importer->proto;
    /* Nodes may come in any order, so that all tensors are made first. */
    for (size_t i = 0; i < graph->n_node; i++) {
        Onnx__NodeProto *proto = graph->node[i];
        TARE_TRY(add_tensors(importer, proto, err), err, "node '%.80s' (%.40s)",
                 importer->node_names[i], proto->op_type);
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        if (is_done(importer, graph->node[i])) continue;
        const enum tare_status st =
            add_node(importer, graph->node[i], importer->node_names[i], err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}
