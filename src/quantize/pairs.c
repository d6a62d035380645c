/* QuantizeLinear and DequantizeLinear on activations. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "quantize/quantize.h"

/* "<base>_<suffix>" that no tensor has; tare_free() it. NULL: no memory. */
static char *fresh(const struct tare_graph *graph, const char *base, const char *suffix)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s_%s", base, suffix);
    char *name = text.failed ? NULL : tare_graph_fresh_name(graph, text.data);
    tare_text_free(&text);
    return name;
}

enum tare_status tare_quantize_add_const(struct tare_graph *graph, const char *base,
                                         const char *suffix, struct tare_const *value,
                                         int32_t *id, struct tare_error *err)
{
    char *name = fresh(graph, base, suffix);
    if (!name) {
        tare_free(value->data);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    const enum tare_status st = tare_graph_add_const(graph, name, value, id, err);
    tare_free(name);
    return st;
}

enum tare_status tare_quantize_add_tensor(struct tare_graph *graph, const char *base,
                                          const char *suffix, enum tare_dtype dtype,
                                          int32_t *id, struct tare_error *err)
{
    char *name = fresh(graph, base, suffix);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st = tare_graph_add_tensor(graph, name, id, err);
    tare_free(name);
    if (st != TARE_OK) return st;
    graph->tensors[*id].dtype = dtype;
    graph->tensors[*id].has_dtype = true;
    return TARE_OK;
}

enum tare_status tare_quantize_add_node(struct tare_graph *graph, enum tare_op op,
                                        const char *base, const int32_t inputs[3],
                                        int32_t axis, int32_t output,
                                        struct tare_error *err)
{
    int32_t id;
    struct tare_text name = {0};
    tare_text_add(&name, "%s_%s", base, tare_op_name(op));
    TARE_FAIL_IF(name.failed, err, TARE_E_NOMEM, "no memory");
    const size_t n_inputs = inputs[2] == TARE_NO_TENSOR ? 2 : 3;
    enum tare_status st = tare_graph_add_node(graph, op, name.data, inputs, n_inputs,
                                              &output, 1, &id, err);
    tare_text_free(&name);
    if (st == TARE_OK && axis >= 0)
        st = tare_node_add_attr(&graph->nodes[id], "axis",
                                (struct tare_attr){.type = TARE_ATTR_INT, .i = axis},
                                err);
    return st;
}

/* A constant of one value. */
static enum tare_status add_scalar(struct tare_graph *graph, const char *base,
                                   const char *suffix, enum tare_dtype dtype,
                                   const void *from, int32_t *id,
                                   struct tare_error *err)
{
    struct tare_const value = {.dtype = dtype};
    const enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    memcpy(value.data, from, value.n_bytes);
    return tare_quantize_add_const(graph, base, suffix, &value, id, err);
}

/* An output of the model keeps its name, which `before` has, and is `behind` the pair.
 */
static enum tare_status move_output(struct tare_graph *graph, int32_t before,
                                    int32_t behind, struct tare_error *err)
{
    char *kept = tare_strdup(graph->tensors[before].name);
    char *other = kept ? fresh(graph, kept, "unrounded") : NULL;
    enum tare_status st = TARE_OK;
    if (!other) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    if (st == TARE_OK) st = tare_graph_rename_tensor(graph, before, other, err);
    if (st == TARE_OK) st = tare_graph_rename_tensor(graph, behind, kept, err);
    for (size_t i = 0; i < graph->n_outputs && st == TARE_OK; i++)
        if (graph->outputs[i] == before) graph->outputs[i] = behind;
    tare_free(kept);
    tare_free(other);
    return st;
}

/* Does the node read values as they are, though others read them rounded? For TensorRT
 * the layers that the user keeps float. onnxruntime would not compute what makes the
 * tensor in INT8 then. */
static bool reads_unrounded(const struct tare_quantizing *q, size_t node)
{
    return q->for_tensorrt && node < q->n_nodes && q->owners[node] >= 0 &&
           q->asked_float[q->owners[node]];
}

/* All others that read the tensor read what comes out of the pair. TensorRT has outputs
 * of the model as they are, since pairs behind weighted layers cost it fusions. */
static enum tare_status reconnect(const struct tare_quantizing *q, int32_t tensor,
                                  int32_t rounded, struct tare_error *err)
{
    struct tare_graph *graph = q->graph;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        struct tare_node *node = &graph->nodes[i];
        for (size_t k = 0; k < node->n_inputs && !node->dead; k++)
            if (node->inputs[k] == tensor && !reads_unrounded(q, i))
                node->inputs[k] = rounded;
    }
    const bool is_made = graph->tensors[tensor].producer >= 0;
    return !q->for_tensorrt && is_made && tare_graph_is_output(graph, tensor)
               ? move_output(graph, tensor, rounded, err)
               : TARE_OK;
}

static enum tare_status insert_pair(struct tare_quantizing *q, int32_t tensor,
                                    struct tare_error *err)
{
    struct tare_graph *graph = q->graph;
    const struct tare_quant quant = q->quants[tensor];
    const enum tare_dtype dtype = q->for_tensorrt ? TARE_S8 : TARE_U8;
    const uint8_t zero = (uint8_t)quant.zero_point;
    char *base = tare_strdup(graph->tensors[tensor].name);
    int32_t codes, rounded, from[3] = {tensor}, to[3];
    TARE_FAIL_IF(!base, err, TARE_E_NOMEM, "no memory");
    enum tare_status st =
        add_scalar(graph, base, "scale", TARE_F32, &quant.scale, &from[1], err);
    if (st == TARE_OK)
        st = add_scalar(graph, base, "zero_point", dtype, &zero, &from[2], err);
    if (st == TARE_OK)
        st = tare_quantize_add_tensor(graph, base, "quantized", dtype, &codes, err);
    if (st == TARE_OK)
        st = tare_quantize_add_tensor(graph, base, "dequantized", TARE_F32, &rounded,
                                      err);
    if (st == TARE_OK) st = reconnect(q, tensor, rounded, err);
    if (st == TARE_OK) {
        memcpy(to, from, sizeof to);
        to[0] = codes;
        st = tare_quantize_add_node(graph, TARE_OP_QUANTIZE_LINEAR, base, from, -1,
                                    codes, err);
    }
    if (st == TARE_OK)
        st = tare_quantize_add_node(graph, TARE_OP_DEQUANTIZE_LINEAR, base, to, -1,
                                    rounded, err);
    tare_free(base);
    q->n_pairs++;
    return st;
}

enum tare_status tare_quantize_insert_pairs(struct tare_quantizing *q,
                                            struct tare_error *err)
{
    for (size_t t = 0; t < q->n_tensors; t++) {
        if (!q->quants[t].held) continue;
        const enum tare_status st = insert_pair(q, (int32_t)t, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}
