#include "surgeon/capability.h"

#include <string.h>

#include "base/cpu.h"
#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/build.h"
#include "surgeon/surgeon.h"

struct judge {
    struct tare_capability *capability;
    bool failed; /* no memory for a reason */
};

static void refuse(struct judge *judge, int32_t node, const char *reason)
{
    struct tare_ability *ability = &judge->capability->abilities[node];
    ability->support = TARE_UNSUPPORTED;
    ability->reason = tare_strdup(reason);
    if (!ability->reason) judge->failed = true;
}

static void after(void *ctx, const struct tare_graph *graph, int32_t node,
                  enum tare_inferred what, const struct tare_error *why)
{
    struct judge *judge = ctx;
    if (what == TARE_REFUSED)
        refuse(judge, node, tare_node_bare_text(&graph->nodes[node], why->text));
    else if (what == TARE_NOT_INFERRED)
        judge->capability->abilities[node].support = TARE_UNCHECKED;
}

static bool is_made(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != TARE_NO_TENSOR &&
            !graph->tensors[node->outputs[i]].data)
            return true;
    return false;
}

/* Make node `id`, the only one that is not dead, the whole graph. */
static enum tare_status isolate(struct tare_graph *graph, int32_t id,
                                struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[id];
    int32_t *ids = tare_alloc_array(node->n_inputs + node->n_outputs, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory");
    size_t n_inputs = 0, n_outputs = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t input = node->inputs[i];
        bool is_new = input != TARE_NO_TENSOR && !graph->tensors[input].data;
        for (size_t k = 0; k < n_inputs; k++)
            is_new &= ids[k] != input;
        if (is_new) ids[n_inputs++] = input;
    }
    int32_t *outputs = ids + n_inputs;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != TARE_NO_TENSOR) outputs[n_outputs++] = node->outputs[i];
    enum tare_status st = tare_graph_set_inputs(graph, ids, n_inputs, err);
    if (st == TARE_OK) st = tare_graph_set_outputs(graph, outputs, n_outputs, err);
    tare_free(ids);
    return st;
}

static enum tare_status build(const struct tare_graph *graph, struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    const struct tare_engine_options options = {.isa = tare_cpu_flags()};
    const enum tare_status st =
        tare_engine_build(graph, &options, &bytes, &n_bytes, NULL, err);
    tare_free(bytes);
    return st;
}

/* Lower every node that got its shapes, one by one. */
static enum tare_status lower_nodes(struct judge *judge, struct tare_graph *graph,
                                    struct tare_error *err)
{
    const struct tare_ability *abilities = judge->capability->abilities;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes; i++)
        graph->nodes[i].dead = true;
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++) {
        struct tare_node *node = &graph->nodes[i];
        struct tare_error why = {0};
        if (abilities[i].support != TARE_SUPPORTED || !is_made(graph, node)) continue;
        node->dead = false;
        st = isolate(graph, (int32_t)i, err);
        if (st == TARE_OK) {
            const enum tare_status built = build(graph, &why);
            if (built == TARE_E_NOMEM)
                st = tare_error_set(err, built, "%s", why.text);
            else if (built != TARE_OK)
                refuse(judge, (int32_t)i, tare_node_bare_text(node, why.text));
        }
        node->dead = true;
    }
    return st;
}

static enum tare_status list_nodes(struct tare_capability *c, struct tare_error *err)
{
    const size_t n = c->model->graph->n_nodes;
    tare_free(c->unsupported);
    tare_free(c->unchecked);
    c->n_unsupported = c->n_unchecked = 0;
    c->unsupported = tare_alloc_array(n, sizeof *c->unsupported);
    c->unchecked = tare_alloc_array(n, sizeof *c->unchecked);
    TARE_FAIL_IF(!c->unsupported || !c->unchecked, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        if (c->abilities[i].support == TARE_UNSUPPORTED)
            c->unsupported[c->n_unsupported++] = (int32_t)i;
        if (c->abilities[i].support == TARE_UNCHECKED)
            c->unchecked[c->n_unchecked++] = (int32_t)i;
    }
    return TARE_OK;
}

static bool are_inputs_known(const struct tare_graph *graph)
{
    bool known = true;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *input = &graph->tensors[graph->inputs[i]];
        known = known && input->has_dims && tare_dims_known(&input->dims);
    }
    return known;
}

/* A whole model may hold what only a run can tell the shapes of; and nodes may be fine
 * one by one that are not together. */
static enum tare_status lower_whole(struct tare_capability *c,
                                    const struct tare_graph *graph,
                                    struct tare_error *err)
{
    struct tare_error why = {0};
    const enum tare_status st = build(graph, &why);
    TARE_FAIL_IF(st == TARE_E_NOMEM, err, st, "%s", why.text);
    if (st != TARE_OK) {
        c->refusal = tare_strdup(why.text);
        TARE_FAIL_IF(!c->refusal, err, TARE_E_NOMEM, "no memory");
        return TARE_OK;
    }
    for (size_t i = 0; i < graph->n_nodes; i++)
        c->abilities[i].support = TARE_SUPPORTED;
    return list_nodes(c, err);
}

static enum tare_status lower(struct judge *judge, struct tare_graph *graph,
                              struct tare_error *err)
{
    struct tare_capability *c = judge->capability;
    enum tare_status st = list_nodes(c, err);
    if (st == TARE_OK && c->n_unsupported == 0 && are_inputs_known(graph)) {
        st = lower_whole(c, graph, err);
        if (st != TARE_OK || !c->refusal) return st;
    }
    if (st == TARE_OK) st = lower_nodes(judge, graph, err);
    if (st == TARE_OK) st = list_nodes(c, err);
    if (c->n_unsupported > 0) { /* they say what is wrong, and where */
        tare_free(c->refusal);
        c->refusal = NULL;
    }
    return st;
}

static enum tare_status judge_graph(struct tare_capability *c, const char *shapes,
                                    struct tare_error *err)
{
    struct tare_graph *trial = NULL;
    struct judge judge = {.capability = c};
    const struct tare_infer_calls calls = {.after = after, .ctx = &judge};
    c->abilities = tare_alloc_array(c->model->graph->n_nodes, sizeof *c->abilities);
    TARE_FAIL_IF(!c->abilities, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = TARE_OK;
    if (shapes) st = tare_model_set_shapes(c->model, shapes, err);
    if (st == TARE_OK) st = tare_graph_clone(c->model->graph, &trial, err);
    if (st == TARE_OK) st = tare_surgeon_probe(trial, 0, err);
    if (st == TARE_OK) st = tare_surgeon_infer(trial, &calls, err);
    if (st == TARE_OK) st = lower(&judge, trial, err);
    tare_graph_destroy(trial);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(judge.failed, err, TARE_E_NOMEM, "no memory");
    return tare_capability_partition_graph(c, err);
}

enum tare_status tare_capability_create(const char *path, const char *shapes,
                                        struct tare_capability **capability,
                                        struct tare_error *err)
{
    return tare_capability_create_with_plugins(path, shapes, NULL, capability, err);
}

enum tare_status tare_capability_create_with_plugins(
    const char *path, const char *shapes, const struct tare_plugins *plugins,
    struct tare_capability **capability, struct tare_error *err)
{
    struct tare_error why = {0};
    *capability = NULL;
    struct tare_capability *c = tare_alloc_array(1, sizeof *c);
    TARE_FAIL_IF(!c, err, TARE_E_NOMEM, "%s: no memory", path);
    enum tare_status st =
        tare_surgeon_load_with_plugins(path, plugins, &c->model, &why);
    if (st == TARE_OK) {
        st = judge_graph(c, shapes, err);
    } else if (st == TARE_E_UNSUPPORTED) {
        c->refusal = tare_strdup(why.text);
        st = c->refusal ? TARE_OK : tare_error_set(err, TARE_E_NOMEM, "no memory");
    } else if (err) {
        *err = why;
    }
    if (st != TARE_OK) {
        tare_capability_destroy(c);
        return st;
    }
    *capability = c;
    return TARE_OK;
}

void tare_capability_destroy(struct tare_capability *capability)
{
    if (!capability) return;
    const size_t n = capability->model ? capability->model->graph->n_nodes : 0;
    for (size_t i = 0; i < n && capability->abilities; i++)
        tare_free(capability->abilities[i].reason);
    tare_free(capability->abilities);
    tare_free(capability->refusal);
    tare_free(capability->unsupported);
    tare_free(capability->unchecked);
    tare_capability_free_partitions(capability);
    tare_model_destroy(capability->model);
    tare_free(capability);
}

size_t tare_capability_n_nodes(const struct tare_capability *capability)
{
    return capability->model ? capability->model->graph->n_nodes : 0;
}

size_t tare_capability_n_unsupported(const struct tare_capability *capability)
{
    return capability->n_unsupported + (capability->refusal ? 1 : 0);
}

void tare_capability_unsupported(const struct tare_capability *capability, size_t i,
                                 struct tare_unsupported *out)
{
    if (i == capability->n_unsupported) {
        *out = (struct tare_unsupported){
            .node = "", .op = "", .domain = "", .reason = capability->refusal};
        return;
    }
    const int32_t id = capability->unsupported[i];
    const struct tare_graph *graph = capability->model->graph;
    const struct tare_node *node = &graph->nodes[id];
    *out = (struct tare_unsupported){
        .node = node->name,
        .op = tare_node_op_type(node),
        .domain = node->opaque ? node->opaque->domain : "",
        .version = node->opaque ? node->opaque->version : graph->opset,
        .reason = capability->abilities[id].reason,
    };
}

size_t tare_capability_n_unchecked(const struct tare_capability *capability)
{
    return capability->n_unchecked;
}

const char *tare_capability_unchecked(const struct tare_capability *capability,
                                      size_t i)
{
    return capability->model->graph->nodes[capability->unchecked[i]].name;
}

size_t tare_capability_n_partitions(const struct tare_capability *capability)
{
    return capability->n_partitions;
}

void tare_capability_partition(const struct tare_capability *capability, size_t i,
                               struct tare_partition *out)
{
    *out = capability->partitions[i];
}
