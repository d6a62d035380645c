/* For onnxruntime: a Conv that a build leaves float behind, over one pixel, as the last
 * of MobileNet, becomes the Gemm that it is. onnxruntime's integer Gemm gives float
 * scores, as the build does; its convolution would round them to 8 bits, where a
 * difference that decides between two classes is often lost. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "graph/window.h"
#include "quantize/quantize.h"

/* Does the build compute it in INT8, with a float output? */
static bool is_float_behind(const struct tare_graph *built, const char *output)
{
    const int32_t id = tare_graph_find_tensor(built, output);
    if (id == TARE_NO_TENSOR || built->tensors[id].quant.held) return false;
    const int32_t maker = built->tensors[id].producer;
    return maker >= 0 && built->nodes[maker].precision == TARE_PRECISION_INT8;
}

static bool is_one_pixel(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_spatial s;
    const int32_t bias = tare_node_input(node, 2);
    if (node->dead || node->op != TARE_OP_CONV ||
        graph->tensors[node->inputs[0]].dims.rank != 4 ||
        !tare_tensor_is_const(&graph->tensors[node->inputs[1]]) ||
        (bias != TARE_NO_TENSOR && !tare_tensor_is_const(&graph->tensors[bias])) ||
        tare_node_window(graph, node, &s, NULL) != TARE_OK)
        return false;
    return s.groups == 1 && s.in[0] == 1 && s.in[1] == 1 && s.kernel[0] == 1 &&
           s.kernel[1] == 1 && s.pad_begin[0] == 0 && s.pad_begin[1] == 0 &&
           s.out[0] == 1 && s.out[1] == 1;
}

static enum tare_status add_matrix(struct tare_graph *graph, const char *base,
                                   const char *suffix, int64_t rows, int64_t columns,
                                   int32_t *id, struct tare_error *err)
{
    const enum tare_status st =
        tare_quantize_add_tensor(graph, base, suffix, TARE_F32, id, err);
    if (st != TARE_OK) return st;
    graph->tensors[*id].has_dims = true;
    graph->tensors[*id].dims = (struct tare_dims){.rank = 2, .d = {rows, columns}};
    return TARE_OK;
}

/* The weights, [out_c, in_c]. */
static enum tare_status reshape_weights(struct tare_graph *graph, int32_t weights,
                                        int32_t *id, struct tare_error *err)
{
    const struct tare_tensor *from = &graph->tensors[weights];
    struct tare_const value = {
        .dtype = from->dtype,
        .dims = {.rank = 2, .d = {from->dims.d[0], from->dims.d[1]}}};
    char *base = tare_strdup(from->name);
    TARE_FAIL_IF(!base, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = tare_const_alloc(&value, err);
    if (st == TARE_OK) {
        memcpy(value.data, from->data, value.n_bytes);
        st = tare_quantize_add_const(graph, base, "matrix", &value, id, err);
    }
    tare_free(base);
    return st;
}

/* [N, out_c] to [N, out_c, 1, 1]. */
static enum tare_status add_reshape(struct tare_graph *graph, const char *base,
                                    int32_t matrix, int32_t output,
                                    struct tare_error *err)
{
    static const int64_t shape[] = {0, -1, 1, 1};
    struct tare_const value = {.dtype = TARE_S64, .dims = {.rank = 1, .d = {4}}};
    int32_t inputs[2] = {matrix};
    struct tare_text name = {0};
    enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    memcpy(value.data, shape, sizeof shape);
    st = tare_quantize_add_const(graph, base, "shape", &value, &inputs[1], err);
    if (st != TARE_OK) return st;
    tare_text_add(&name, "%s_Reshape", base);
    if (name.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    else
        st = tare_graph_add_node(graph, TARE_OP_RESHAPE, name.data, inputs, 2, &output,
                                 1, NULL, err);
    tare_text_free(&name);
    return st;
}

/* The node stays, with its name: Flatten in front, Reshape behind. */
static enum tare_status make_gemm(struct tare_graph *graph, int32_t id,
                                  const char *base, struct tare_error *err)
{
    static const char *const attributes[] = {"auto_pad",     "dilations", "group",
                                             "kernel_shape", "pads",      "strides"};
    const struct tare_node *conv = &graph->nodes[id];
    const int32_t input = conv->inputs[0], output = conv->outputs[0];
    const int64_t batch = graph->tensors[input].dims.d[0],
                  in_c = graph->tensors[input].dims.d[1],
                  out_c = graph->tensors[output].dims.d[1];
    int32_t inputs[3] = {0, 0, tare_node_input(conv, 2)}, matrix;
    const size_t n_inputs = inputs[2] == TARE_NO_TENSOR ? 2 : 3;
    struct tare_text name = {0};
    enum tare_status st = reshape_weights(graph, conv->inputs[1], &inputs[1], err);
    if (st == TARE_OK)
        st = add_matrix(graph, base, "pixel", batch, in_c, &inputs[0], err);
    if (st == TARE_OK)
        st = add_matrix(graph, base, "matrix", batch, out_c, &matrix, err);
    if (st != TARE_OK) return st;
    struct tare_node *gemm = &graph->nodes[id];
    gemm->op = TARE_OP_GEMM;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        tare_node_remove_attr(gemm, attributes[i]);
    st = tare_node_set_inputs(gemm, inputs, n_inputs, err);
    if (st == TARE_OK)
        st = tare_node_add_attr(gemm, "transB",
                                (struct tare_attr){.type = TARE_ATTR_INT, .i = 1}, err);
    if (st != TARE_OK) return st;
    tare_graph_set_output(graph, id, 0, matrix);
    tare_text_add(&name, "%s_Flatten", base);
    if (name.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    else
        st = tare_graph_add_node(graph, TARE_OP_FLATTEN, name.data, &input, 1, inputs,
                                 1, NULL, err);
    tare_text_free(&name);
    return st == TARE_OK ? add_reshape(graph, base, matrix, output, err) : st;
}

enum tare_status tare_quantize_one_pixel(struct tare_graph *graph,
                                         const struct tare_graph *built,
                                         struct tare_error *err)
{
    const size_t n_nodes = graph->n_nodes;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n_nodes && st == TARE_OK; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (!is_one_pixel(graph, node)) continue;
        const char *output = graph->tensors[node->outputs[0]].name;
        if (!is_float_behind(built, output)) continue;
        char *base = tare_strdup(output);
        TARE_FAIL_IF(!base, err, TARE_E_NOMEM, "no memory");
        st = make_gemm(graph, (int32_t)i, base, err);
        tare_free(base);
    }
    return st == TARE_OK ? tare_graph_sort(graph, err) : st;
}
