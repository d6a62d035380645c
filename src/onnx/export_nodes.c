/* Nodes; a fused one becomes those that it stands for. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "graph/ops/body.h"
#include "graph/params.h"
#include "onnx/exporter.h"

static enum tare_status append(struct tare_exporter *exporter, Onnx__NodeProto *node,
                               struct tare_error *err)
{
    Onnx__GraphProto *graph = exporter->proto;
    TARE_FAIL_IF(!tare_grow(&graph->node, &exporter->cap_nodes, graph->n_node + 1,
                            sizeof *graph->node),
                 err, TARE_E_NOMEM, "no memory");
    graph->node[graph->n_node++] = node;
    return TARE_OK;
}

/* A node with room for so many names of inputs and outputs. */
static enum tare_status make_node(struct tare_exporter *exporter, const char *name,
                                  const char *op_type, size_t n_inputs,
                                  size_t n_outputs, Onnx__NodeProto **out,
                                  struct tare_error *err)
{
    Onnx__NodeProto *node = tare_export_take(exporter, 1, sizeof *node);
    char **inputs = tare_export_take(exporter, n_inputs, sizeof *inputs);
    char **outputs = tare_export_take(exporter, n_outputs, sizeof *outputs);
    char *own_name = tare_export_text(exporter, "%s", name);
    char *own_type = tare_export_text(exporter, "%s", op_type);
    TARE_FAIL_IF(!node || !inputs || !outputs || !own_name || !own_type, err,
                 TARE_E_NOMEM, "no memory");
    onnx__node_proto__init(node);
    node->name = own_name;
    node->op_type = own_type;
    node->input = inputs;
    node->n_input = n_inputs;
    node->output = outputs;
    node->n_output = n_outputs;
    *out = node;
    return append(exporter, node, err);
}

/* "<base>.<suffix>", with a number if need be, that no tensor of the graph has. */
static char *fresh_tensor(struct tare_exporter *exporter, const char *base,
                          const char *suffix)
{
    char *name = tare_export_text(exporter, "%s.%s", base, suffix);
    for (int i = 2; name && tare_graph_find_tensor(exporter->graph, name) >= 0; i++)
        name = tare_export_text(exporter, "%s.%s%d", base, suffix, i);
    return name;
}

static char *fresh_node(struct tare_exporter *exporter, const char *base,
                        const char *suffix)
{
    char *name = tare_export_text(exporter, "%s.%s", base, suffix);
    for (int i = 2; name && tare_graph_find_node(exporter->graph, name) >= 0; i++)
        name = tare_export_text(exporter, "%s.%s%d", base, suffix, i);
    return name;
}

/** What a fused node is split into, in this order. WIDEN: a Cast to 16 bits rounds, and
 *  its output is float32. */
enum { STAGE_WIDEN, STAGE_ADD, STAGE_SLOPE, STAGE_CLAMP, N_STAGES };
static const char *const stage_names[N_STAGES] = {"widen", "add", "slope", "clamp"};

struct split {
    const struct tare_node *node;
    char *made[N_STAGES]; /* the tensor that each stage reads; NULL: no such stage */
};

static enum tare_status find_stages(struct tare_exporter *exporter,
                                    const struct tare_node *node, struct split *split,
                                    struct tare_error *err)
{
    const struct tare_fused *fused = &node->fused;
    const bool has[N_STAGES] = {
        tare_node_cast_rounds(node),
        fused->has_residual,
        fused->negative_slope != 1.0F,
        fused->lower != -INFINITY || fused->upper != INFINITY,
    };
    *split = (struct split){.node = node};
    for (int i = 0; i < N_STAGES; i++) {
        if (!has[i]) continue;
        char *suffix = tare_export_text(exporter, "before_%s", stage_names[i]);
        const char *base = exporter->graph->tensors[node->outputs[0]].name;
        split->made[i] = suffix ? fresh_tensor(exporter, base, suffix) : NULL;
        TARE_FAIL_IF(!split->made[i], err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

/* The tensor that stage `i` makes: the next one's, else the node's own output. */
static char *made_by(const struct tare_exporter *exporter, const struct split *split,
                     int stage)
{
    for (int i = stage + 1; i < N_STAGES; i++)
        if (split->made[i]) return split->made[i];
    return exporter->graph->tensors[split->node->outputs[0]].name;
}

/* One bound of a Clip as a scalar constant. */
static enum tare_status add_bound(struct tare_exporter *exporter,
                                  const struct split *split, const char *which,
                                  const float *value, char **name,
                                  struct tare_error *err)
{
    const char *base = exporter->graph->tensors[split->node->outputs[0]].name;
    float *copy = tare_export_take(exporter, 1, sizeof *copy);
    *name = fresh_tensor(exporter, base, which);
    TARE_FAIL_IF(!copy || !*name, err, TARE_E_NOMEM, "no memory");
    *copy = *value;
    const struct tare_const content = {
        .dtype = TARE_F32, .data = copy, .n_bytes = sizeof *copy};
    return tare_export_initializer(exporter, *name, &content, err);
}

static enum tare_status add_float_attr(struct tare_exporter *exporter,
                                       const struct tare_node *node,
                                       Onnx__NodeProto *proto, const char *name,
                                       float value, struct tare_error *err)
{
    const struct tare_attr attr = {.name = tare_export_text(exporter, "%s", name),
                                   .type = TARE_ATTR_FLOAT,
                                   .f = value};
    TARE_FAIL_IF(!attr.name, err, TARE_E_NOMEM, "no memory");
    return tare_export_attr(exporter, node, &attr, proto, err);
}

/* Clip has its bounds in inputs since opset 11, in attributes before. */
static enum tare_status set_bounds(struct tare_exporter *exporter,
                                   const struct split *split, Onnx__NodeProto *proto,
                                   struct tare_error *err)
{
    const struct tare_fused *fused = &split->node->fused;
    const bool has_lower = fused->lower != -INFINITY;
    const bool has_upper = fused->upper != INFINITY;
    enum tare_status st = TARE_OK;
    if (exporter->graph->opset < 11) {
        if (has_lower)
            st = add_float_attr(exporter, split->node, proto, "min", fused->lower, err);
        if (st == TARE_OK && has_upper)
            st = add_float_attr(exporter, split->node, proto, "max", fused->upper, err);
        return st;
    }
    if (has_lower)
        st = add_bound(exporter, split, "min", &fused->lower, &proto->input[1], err);
    else
        proto->input[1] = tare_export_text(exporter, "%s", "");
    TARE_FAIL_IF(!proto->input[1], err, TARE_E_NOMEM, "no memory");
    if (st == TARE_OK && has_upper)
        st = add_bound(exporter, split, "max", &fused->upper, &proto->input[2], err);
    return st;
}

static enum tare_status add_stage(struct tare_exporter *exporter,
                                  const struct split *split, int stage,
                                  struct tare_error *err)
{
    const struct tare_node *node = split->node;
    const struct tare_fused *fused = &node->fused;
    const bool is_relu = fused->lower == 0.0F && fused->upper == INFINITY;
    static const char *const ops[] = {"Cast", "Add", "LeakyRelu", "Clip"};
    const char *op = stage == STAGE_CLAMP && is_relu ? "Relu" : ops[stage];
    size_t n_inputs = stage == STAGE_ADD ? 2 : 1;
    if (stage == STAGE_CLAMP && !is_relu && exporter->graph->opset >= 11)
        n_inputs = fused->upper != INFINITY ? 3 : 2;

    Onnx__NodeProto *proto;
    char *name = fresh_node(exporter, node->name, stage_names[stage]);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st = make_node(exporter, name, op, n_inputs, 1, &proto, err);
    if (st != TARE_OK) return st;
    proto->input[0] = split->made[stage];
    proto->output[0] = made_by(exporter, split, stage);
    if (stage == STAGE_ADD)
        proto->input[1] =
            exporter->graph->tensors[node->inputs[node->n_inputs - 1]].name;
    const struct tare_attr to = {.name = tare_export_text(exporter, "to"),
                                 .type = TARE_ATTR_INT,
                                 .i = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT};
    TARE_FAIL_IF(!to.name, err, TARE_E_NOMEM, "no memory");
    if (stage == STAGE_WIDEN) return tare_export_attr(exporter, node, &to, proto, err);
    if (stage == STAGE_SLOPE)
        return add_float_attr(exporter, node, proto, "alpha", fused->negative_slope,
                              err);
    return stage == STAGE_CLAMP && !is_relu ? set_bounds(exporter, split, proto, err)
                                            : TARE_OK;
}

static enum tare_status set_names(struct tare_exporter *exporter, const int32_t *ids,
                                  size_t n, char **names, struct tare_error *err)
{
    for (size_t i = 0; i < n; i++) {
        names[i] = ids[i] == TARE_NO_TENSOR ? tare_export_text(exporter, "%s", "")
                                            : exporter->graph->tensors[ids[i]].name;
        TARE_FAIL_IF(!names[i], err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

static enum tare_status add_node(struct tare_exporter *exporter,
                                 const struct tare_node *node, struct tare_error *err)
{
    struct split split;
    Onnx__NodeProto *proto;
    const size_t n_inputs = tare_node_n_own(node) - (node->fused.has_residual ? 1 : 0);
    enum tare_status st = find_stages(exporter, node, &split, err);
    if (st == TARE_OK)
        st = make_node(exporter, node->name, tare_node_op_type(node), n_inputs,
                       node->n_outputs, &proto, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(node->opaque && node->opaque->is_incomplete, err, TARE_E_UNSUPPORTED,
                 "it has subgraphs; such a node that tare does not know cannot be "
                 "written");
    TARE_FAIL_IF(
        node->opaque && !*node->opaque->domain &&
            node->opaque->version != exporter->graph->opset,
        err, TARE_E_UNSUPPORTED,
        "it is of opset %lld, which tare does not write; the graph is of opset "
        "%d",
        (long long)node->opaque->version, exporter->graph->opset);
    const int since = node->opaque ? 0 : tare_op_info(node->op)->since;
    TARE_FAIL_IF(since > exporter->graph->opset, err, TARE_E_UNSUPPORTED,
                 "ONNX has it from opset %d, the graph is of opset %d", since,
                 exporter->graph->opset);
    if (node->opaque && *node->opaque->domain) proto->domain = node->opaque->domain;
    st = set_names(exporter, node->inputs, n_inputs, proto->input, err);
    if (st == TARE_OK)
        st = set_names(exporter, node->outputs, node->n_outputs, proto->output, err);
    if (st == TARE_OK) st = tare_export_attrs(exporter, node, proto, err);
    if (st == TARE_OK && node->n_outputs > 0)
        proto->output[0] = made_by(exporter, &split, -1);
    for (int i = 0; i < N_STAGES && st == TARE_OK; i++)
        if (split.made[i]) st = add_stage(exporter, &split, i, err);
    return st;
}

enum tare_status tare_export_nodes(struct tare_exporter *exporter,
                                   struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        TARE_TRY(add_node(exporter, node, err), err, "node '%.80s' (%.40s)", node->name,
                 tare_node_op_type(node));
    }
    return TARE_OK;
}
