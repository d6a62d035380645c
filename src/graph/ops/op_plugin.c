/* Nodes that plugins compute: shapes, and the values where no layer of its own does,
 * inside programs. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/plugin_instance.h"

void tare_node_set_plugin(struct tare_node *node, struct tare_plugin_instance *instance)
{
    tare_plugin_free(node->plugin);
    node->plugin = instance;
    node->op = TARE_OP_PLUGIN;
}

/* Inputs, then outputs. */
static struct tare_plugin_tensor *alloc_operands(const struct tare_node *node)
{
    return tare_alloc_array(node->n_inputs + node->n_outputs,
                            sizeof(struct tare_plugin_tensor));
}

enum tare_status tare_infer_plugin(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_plugin_tensor *inputs = alloc_operands(node);
    if (!inputs) TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory");
    struct tare_plugin_tensor *outputs = inputs + node->n_inputs;
    struct tare_error why = {0};
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = &graph->tensors[node->inputs[i]];
        inputs[i] = (struct tare_plugin_tensor){
            .is_given = true, .dtype = t->dtype, .dims = t->dims, .data = t->data};
    }
    const enum tare_status st = tare_plugin_shapes(node->plugin, inputs, node->n_inputs,
                                                   outputs, node->n_outputs, &why);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        struct tare_tensor *t = &graph->tensors[node->outputs[i]];
        t->dtype = outputs[i].dtype;
        t->dims = outputs[i].dims;
        t->has_dims = true;
    }
    tare_free(inputs);
    if (st == TARE_OK || st == TARE_E_DEFERRED) return st;
    TARE_NODE_FAIL(node, err, st, "%.200s", why.text);
}

static struct tare_plugin_tensor describe(const struct tare_const *value)
{
    return (struct tare_plugin_tensor){.is_given = true,
                                       .dtype = value->dtype,
                                       .dims = value->dims,
                                       .data = value->data};
}

/* With the addresses of the operands, inputs first; on one thread. */
static enum tare_status enqueue(struct tare_plugin_instance *plugin,
                                const struct tare_plugin_io *io, void **addresses,
                                struct tare_error *err)
{
    struct tare_plugin_space space;
    enum tare_status st = tare_plugin_configure(plugin, io, err);
    if (st == TARE_OK) st = tare_plugin_workspace(plugin, io, &space, err);
    if (st != TARE_OK) return st;
    struct tare_plugin_run run = {
        .inputs = (const void *const *)addresses,
        .outputs = addresses + io->n_inputs,
        .shared = tare_alloc_array(space.shared, 1),
        .workers = tare_alloc_array(space.worker, 1),
    };
    st = run.shared && run.workers
             ? tare_plugin_enqueue(plugin, io, run, NULL, err)
             : tare_error_set(err, TARE_E_NOMEM, "no memory for its workspace");
    tare_free(run.shared);
    tare_free(run.workers);
    return st;
}

static enum tare_status eval(const struct tare_node *node,
                             const struct tare_const *inputs,
                             struct tare_const *outputs,
                             struct tare_plugin_tensor *operands, void **addresses,
                             struct tare_error *err)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        operands[i] = describe(&inputs[i]);
        addresses[i] = inputs[i].data;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        const enum tare_status st = tare_const_alloc(&outputs[i], err);
        if (st != TARE_OK) return st;
        operands[node->n_inputs + i] = describe(&outputs[i]);
        operands[node->n_inputs + i].data = NULL;
        addresses[node->n_inputs + i] = outputs[i].data;
    }
    const struct tare_plugin_io io = {.n_inputs = node->n_inputs,
                                      .n_outputs = node->n_outputs,
                                      .inputs = operands,
                                      .outputs = operands + node->n_inputs};
    return enqueue(node->plugin, &io, addresses, err);
}

enum tare_status tare_eval_plugin(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    struct tare_plugin_tensor *operands = alloc_operands(node);
    void **addresses =
        tare_alloc_array(node->n_inputs + node->n_outputs, sizeof *addresses);
    struct tare_error why = {0};
    (void)graph;
    const enum tare_status st =
        operands && addresses ? eval(node, inputs, outputs, operands, addresses, &why)
                              : tare_error_set(&why, TARE_E_NOMEM, "no memory");
    tare_free(operands);
    tare_free(addresses);
    if (st == TARE_OK) return st;
    TARE_NODE_FAIL(node, err, st, "%.200s", why.text);
}
