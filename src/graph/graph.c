#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/graph_storage.h"
#include "graph/plugin_instance.h"

enum tare_status tare_graph_create(struct tare_graph **graph, struct tare_error *err)
{
    *graph = NULL;
    struct tare_graph *made = tare_alloc_array(1, sizeof *made);
    if (made) made->name = tare_strdup("");
    if (!made || !made->name) {
        tare_free(made);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a graph");
    }
    made->opset = TARE_OPSET_MAX;
    *graph = made;
    return TARE_OK;
}

void tare_tensor_release(struct tare_tensor *tensor)
{
    tare_free(tensor->name);
    tare_tensor_clear_data(tensor);
    for (int i = 0; i < TARE_MAX_RANK; i++)
        tare_free(tensor->symbols[i]);
}

void tare_node_release(struct tare_node *node)
{
    tare_free(node->name);
    tare_free(node->inputs);
    tare_free(node->outputs);
    for (size_t i = 0; i < node->n_attrs; i++)
        tare_attr_free(&node->attrs[i]);
    tare_free(node->attrs);
    tare_free(node->absorbed);
    tare_opaque_free(node->opaque);
    tare_plugin_free(node->plugin);
}

void tare_graph_destroy(struct tare_graph *graph)
{
    if (!graph) return;
    for (size_t i = 0; i < graph->n_tensors; i++)
        tare_tensor_release(&graph->tensors[i]);
    for (size_t i = 0; i < graph->n_nodes; i++)
        tare_node_release(&graph->nodes[i]);
    for (size_t i = 0; i < graph->n_properties; i++) {
        tare_free(graph->properties[i].key);
        tare_free(graph->properties[i].value);
    }
    tare_free(graph->properties);
    tare_free(graph->functions);
    tare_names_free(&graph->tensor_names);
    tare_names_free(&graph->node_names);
    tare_free(graph->name);
    tare_free(graph->tensors);
    tare_free(graph->nodes);
    tare_free(graph->inputs);
    tare_free(graph->outputs);
    tare_free(graph);
}

int32_t tare_graph_find_tensor(const struct tare_graph *graph, const char *name)
{
    const uint64_t hash = tare_name_hash(name);
    size_t cursor = 0;
    int32_t id;
    while ((id = tare_names_next(&graph->tensor_names, hash, &cursor)) >= 0)
        if (strcmp(graph->tensors[id].name, name) == 0) break;
    return id < 0 ? TARE_NO_TENSOR : id;
}

int32_t tare_graph_find_node(const struct tare_graph *graph, const char *name)
{
    const uint64_t hash = tare_name_hash(name);
    size_t cursor = 0;
    int32_t id;
    while ((id = tare_names_next(&graph->node_names, hash, &cursor)) >= 0)
        if (strcmp(graph->nodes[id].name, name) == 0) break;
    return id;
}

enum tare_status tare_graph_add_tensor(struct tare_graph *graph, const char *name,
                                       int32_t *id, struct tare_error *err)
{
    TARE_FAIL_IF(!name[0], err, TARE_E_FORMAT, "a tensor without a name");
    TARE_FAIL_IF(tare_graph_find_tensor(graph, name) >= 0, err, TARE_E_FORMAT,
                 "two tensors are named '%.80s'; names must be unique", name);
    TARE_FAIL_IF(graph->n_tensors >= INT32_MAX, err, TARE_E_UNSUPPORTED,
                 "too many tensors");
    char *copy = tare_strdup(name);
    if (!copy || !tare_names_reserve(&graph->tensor_names) ||
        !tare_grow(&graph->tensors, &graph->cap_tensors, graph->n_tensors + 1,
                   sizeof *graph->tensors)) {
        tare_free(copy);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for tensor '%.80s'", name);
    }
    *id = (int32_t)graph->n_tensors++;
    graph->tensors[*id] = (struct tare_tensor){.name = copy, .producer = -1};
    tare_names_add(&graph->tensor_names, tare_name_hash(name), *id);
    return TARE_OK;
}

static enum tare_status check_content(const char *name,
                                      const struct tare_const *content,
                                      struct tare_error *err)
{
    size_t n_bytes;
    TARE_FAIL_IF(!tare_dims_bytes(&content->dims, content->dtype, &n_bytes), err,
                 TARE_E_FORMAT, "constant '%.80s': impossible shape (rank %d)", name,
                 (int)content->dims.rank);
    char text[TARE_DIMS_TEXT];
    TARE_FAIL_IF(n_bytes != content->n_bytes || (!content->data && n_bytes), err,
                 TARE_E_FORMAT,
                 "constant '%.80s': %zu bytes of data, shape %s wants %zu", name,
                 content->data ? content->n_bytes : 0,
                 tare_dims_print(&content->dims, text), n_bytes);
    return TARE_OK;
}

/* A smaller constant is copied as fast as it is counted. */
#define SHARED_BYTES ((size_t)4096)

/* *n_owners = a count of one, if the content is worth sharing. */
static enum tare_status count_owners(const struct tare_const *content,
                                     atomic_size_t **n_owners, struct tare_error *err)
{
    *n_owners = NULL;
    if (content->n_bytes < SHARED_BYTES) return TARE_OK;
    *n_owners = tare_alloc(sizeof **n_owners);
    TARE_FAIL_IF(!*n_owners, err, TARE_E_NOMEM, "no memory for a constant");
    atomic_init(*n_owners, 1);
    return TARE_OK;
}

enum tare_status tare_graph_add_const(struct tare_graph *graph, const char *name,
                                      struct tare_const *content, int32_t *id,
                                      struct tare_error *err)
{
    atomic_size_t *n_owners = NULL;
    enum tare_status st = check_content(name, content, err);
    if (st == TARE_OK && !content->data) st = tare_const_alloc(content, err);
    if (st == TARE_OK) st = count_owners(content, &n_owners, err);
    if (st == TARE_OK) st = tare_graph_add_tensor(graph, name, id, err);
    if (st == TARE_OK) {
        struct tare_tensor *tensor = &graph->tensors[*id];
        tensor->dtype = content->dtype;
        tensor->has_dtype = true;
        tensor->has_dims = true;
        tensor->dims = content->dims;
        tensor->data = content->data;
        tensor->n_bytes = content->n_bytes;
        tensor->n_owners = n_owners;
    } else {
        tare_free(n_owners);
        tare_free(content->data);
    }
    content->data = NULL;
    content->n_bytes = 0;
    return st;
}

/* `name` with a number behind it that no node has. The counter never goes back, so that
 * many equal names cost no more than their number. NULL when there is no memory. */
static char *make_name(struct tare_graph *graph, const char *name)
{
    struct tare_text text = {0};
    do {
        tare_text_free(&text);
        tare_text_add(&text, "%s_%zu", name, ++graph->n_made_names);
        if (text.failed) tare_text_free(&text);
    } while (text.data && tare_graph_find_node(graph, text.data) >= 0);
    return text.data;
}

static void release_outputs(struct tare_graph *graph, const int32_t *outputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        graph->tensors[outputs[i]].producer = -1;
}

/* Make node `id`, which is about to be added, the producer of its outputs. */
static enum tare_status claim_outputs(struct tare_graph *graph, const char *name,
                                      int32_t id, const int32_t *outputs, size_t n,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const bool valid = outputs[i] >= 0 && (size_t)outputs[i] < graph->n_tensors;
        struct tare_tensor *tensor = valid ? &graph->tensors[outputs[i]] : NULL;
        if (valid && tensor->producer < 0 && !tensor->data) {
            tensor->producer = id;
            continue;
        }
        release_outputs(graph, outputs, i);
        TARE_FAIL_IF(!valid, err, TARE_E_ARG,
                     "node '%.80s': output %zu is tensor %d of %zu", name, i,
                     (int)outputs[i], graph->n_tensors);
        return tare_error_set(err, TARE_E_FORMAT, "node '%.80s': output '%.80s' is %s",
                              name, tensor->name,
                              tensor->data ? "a constant" : "made by a node already");
    }
    return TARE_OK;
}

static enum tare_status check_inputs(const struct tare_graph *graph, const char *name,
                                     const int32_t *inputs, size_t n,
                                     struct tare_error *err)
{
    for (size_t i = 0; i < n; i++)
        TARE_FAIL_IF(inputs[i] < TARE_NO_TENSOR ||
                         inputs[i] >= (int64_t)graph->n_tensors,
                     err, TARE_E_ARG, "node '%.80s': input %zu is tensor %d of %zu",
                     name, i, (int)inputs[i], graph->n_tensors);
    return TARE_OK;
}

/** Copy of an array of ids; not NULL for n = 0. */
static int32_t *copy_ids(const int32_t *ids, size_t n)
{
    int32_t *copy = tare_alloc_array(n, sizeof *copy);
    if (copy && n) memcpy(copy, ids, n * sizeof *copy);
    return copy;
}

enum tare_status tare_graph_add_node(struct tare_graph *graph, enum tare_op op,
                                     const char *name, const int32_t *inputs,
                                     size_t n_inputs, const int32_t *outputs,
                                     size_t n_outputs, int32_t *id,
                                     struct tare_error *err)
{
    const char *base = name[0] ? name : tare_op_name(op);
    TARE_FAIL_IF(graph->n_nodes >= INT32_MAX, err, TARE_E_UNSUPPORTED,
                 "too many nodes");
    const int32_t made = (int32_t)graph->n_nodes;
    enum tare_status st = check_inputs(graph, base, inputs, n_inputs, err);
    if (st == TARE_OK) st = claim_outputs(graph, base, made, outputs, n_outputs, err);
    if (st != TARE_OK) return st;

    const bool free_name = name[0] && tare_graph_find_node(graph, name) < 0;
    struct tare_node node = {.op = op,
                             .name =
                                 free_name ? tare_strdup(name) : make_name(graph, base),
                             .inputs = copy_ids(inputs, n_inputs),
                             .n_inputs = n_inputs,
                             .outputs = copy_ids(outputs, n_outputs),
                             .n_outputs = n_outputs,
                             .fused = tare_fused_none()};
    if (!node.name || !node.inputs || !node.outputs ||
        !tare_names_reserve(&graph->node_names) ||
        !tare_grow(&graph->nodes, &graph->cap_nodes, graph->n_nodes + 1,
                   sizeof *graph->nodes)) {
        tare_node_release(&node);
        release_outputs(graph, outputs, n_outputs);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for node '%.80s'", base);
    }
    graph->nodes[graph->n_nodes++] = node;
    tare_names_add(&graph->node_names, tare_name_hash(node.name), made);
    if (id) *id = made;
    return TARE_OK;
}

static enum tare_status replace_ids(int32_t **ids, size_t *n_ids, const int32_t *from,
                                    size_t n, struct tare_error *err)
{
    int32_t *copy = copy_ids(from, n);
    TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory for %zu tensor ids", n);
    tare_free(*ids);
    *ids = copy;
    *n_ids = n;
    return TARE_OK;
}

enum tare_status tare_graph_set_inputs(struct tare_graph *graph, const int32_t *ids,
                                       size_t n, struct tare_error *err)
{
    return replace_ids(&graph->inputs, &graph->n_inputs, ids, n, err);
}

enum tare_status tare_graph_set_outputs(struct tare_graph *graph, const int32_t *ids,
                                        size_t n, struct tare_error *err)
{
    return replace_ids(&graph->outputs, &graph->n_outputs, ids, n, err);
}

enum tare_status tare_node_set_inputs(struct tare_node *node, const int32_t *ids,
                                      size_t n, struct tare_error *err)
{
    return replace_ids(&node->inputs, &node->n_inputs, ids, n, err);
}

enum tare_status tare_graph_add_property(struct tare_graph *graph, const char *key,
                                         const char *value, struct tare_error *err)
{
    struct tare_property made = {tare_strdup(key), tare_strdup(value)};
    if (!made.key || !made.value ||
        !tare_grow(&graph->properties, &graph->cap_properties, graph->n_properties + 1,
                   sizeof *graph->properties)) {
        tare_free(made.key);
        tare_free(made.value);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for property '%.80s'", key);
    }
    graph->properties[graph->n_properties++] = made;
    return TARE_OK;
}
