/* Pairs on the weights of products.
 *
 * TensorRT gets float32 weights with QuantizeLinear and DequantizeLinear, the one form
 * that all its versions with explicit quantization read: its parser took int8
 * initializers up to 8.x for "invalid weights type". It quantizes them while it builds.
 * onnxruntime gets the int8 codes with DequantizeLinear, as its own tools write them.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "graph/weight_grid.h"
#include "quantize/quantize.h"

/* The largest code where sums of two products with uint8 must fit 16 bits. */
#define REDUCED_LEVELS 64

struct weighting {
    struct tare_quantizing *q;
    int32_t node; /* the product */
    struct tare_quantize_channels channels;
    struct tare_quantize_correction correction;
    double *values;        /* [n_channels][n], by channel */
    int8_t *codes;         /* the same */
    int offset;            /* that they are written with: their zero point */
    float *scales;         /* [n_channels] */
    float *bias;           /* [n_channels] or NULL: it has none */
    struct tare_dims dims; /* of the weights */
    const char *name, *bias_name;
};

static void release(struct weighting *w)
{
    tare_quantize_correction_release(&w->correction);
    tare_free(w->values);
    tare_free(w->codes);
    tare_free(w->scales);
    tare_free(w->bias);
}

static void quantize(const double *values, size_t n, double scale, int8_t *codes)
{
    for (size_t i = 0; i < n; i++)
        codes[i] = (int8_t)fmax(-128, fmin(127, rint(values[i] / scale)));
}

static double largest(const double *values, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(values[i]));
    return most;
}

/* The float weights of a channel, into `row` too. */
static void gather(const struct weighting *w, size_t c, float *row)
{
    const struct tare_node *node = &w->q->graph->nodes[w->node];
    const float *weights = w->q->graph->tensors[node->inputs[1]].data;
    const float alpha =
        node->op == TARE_OP_GEMM ? tare_node_float(node, "alpha", 1.0F) : 1.0F;
    for (size_t i = 0; i < w->channels.n; i++) {
        row[i] = alpha * weights[tare_quantize_index(&w->channels, c, i)];
        w->values[c * w->channels.n + i] = (double)row[i];
    }
}

/* Does onnxruntime add two products of the layer in 16 bits, without VNNI? Depthwise
 * convolutions have kernels of their own, which do not. */
static bool adds_in_16_bits(const struct weighting *w)
{
    const struct tare_node *node = &w->q->graph->nodes[w->node];
    const bool is_depthwise = node->op == TARE_OP_CONV && w->dims.d[1] == 1 &&
                              tare_node_int(node, "group", 1) == w->dims.d[0];
    return w->q->options->weights == TARE_WEIGHTS_REDUCED && !is_depthwise;
}

static void fill_channel(struct weighting *w, size_t c, float *row)
{
    const size_t n = w->channels.n;
    double *values = w->values + c * n, scale;
    int8_t *codes = w->codes + c * n;
    gather(w, c, row);
    if (w->correction.codes) {
        memcpy(codes, w->correction.codes + c * n, n);
        scale = w->correction.scales[c];
        for (size_t i = 0; i < n; i++)
            values[i] = codes[i] * scale;
    } else {
        scale = tare_weight_scale(row, n);
        quantize(values, n, scale, codes);
    }
    const double most = largest(values, n);
    if (adds_in_16_bits(w) && most > 0) {
        scale = most / REDUCED_LEVELS;
        quantize(values, n, scale, codes);
    }
    w->scales[c] = (float)scale;
}

/* beta * C of a Gemm, a Conv's bias, and what the recovery adds. */
static enum tare_status fill_bias(struct weighting *w, struct tare_error *err)
{
    const struct tare_graph *graph = w->q->graph;
    const struct tare_node *node = &graph->nodes[w->node];
    const int32_t id =
        node->op == TARE_OP_MATMUL ? TARE_NO_TENSOR : tare_node_input(node, 2);
    const size_t n = w->channels.n_channels;
    const float beta =
        node->op == TARE_OP_GEMM ? tare_node_float(node, "beta", 1.0F) : 1.0F;
    if (id == TARE_NO_TENSOR && !w->correction.codes) return TARE_OK;
    w->bias = tare_alloc_array(n, sizeof *w->bias);
    TARE_FAIL_IF(!w->bias, err, TARE_E_NOMEM, "no memory");
    w->bias_name = id == TARE_NO_TENSOR ? NULL : graph->tensors[id].name;
    for (size_t c = 0; c < n; c++) {
        const struct tare_tensor *bias = id < 0 ? NULL : &graph->tensors[id];
        const size_t at = bias && bias->n_bytes == sizeof(float) ? 0 : c;
        const double own =
            bias ? (double)beta * (double)((const float *)bias->data)[at] : 0;
        w->bias[c] =
            (float)(own + (w->correction.codes ? w->correction.bias_delta[c] : 0));
    }
    return TARE_OK;
}

/* int32 biases must hold the bias: where weights are very small, their scale grows. */
static void widen_scales(struct weighting *w)
{
    const struct tare_node *node = &w->q->graph->nodes[w->node];
    const double x_scale = (double)w->q->quants[node->inputs[0]].scale;
    for (size_t c = 0; c < w->channels.n_channels && w->bias; c++) {
        const float least =
            (float)(fabs((double)w->bias[c]) / (x_scale * 2147483000.0));
        if (w->scales[c] >= least) continue;
        w->scales[c] = least;
        quantize(w->values + c * w->channels.n, w->channels.n, (double)least,
                 w->codes + c * w->channels.n);
    }
}

static enum tare_status fill(struct weighting *w, struct tare_error *err)
{
    const struct tare_graph *graph = w->q->graph;
    const struct tare_node *node = &graph->nodes[w->node];
    size_t count = 0;
    w->channels = tare_quantize_channels(graph, node);
    w->dims = graph->tensors[node->inputs[1]].dims;
    enum tare_status st = tare_quantize_correct(w->q, w->node, &w->correction, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(!tare_mul_size(w->channels.n_channels, w->channels.n, &count), err,
                 TARE_E_UNSUPPORTED, "its weights are too large");
    float *row = tare_alloc_array(w->channels.n, sizeof *row);
    w->values = tare_alloc_array(count, sizeof *w->values);
    w->codes = tare_alloc(count);
    w->scales = tare_alloc_array(w->channels.n_channels, sizeof *w->scales);
    if (!row || !w->values || !w->codes || !w->scales)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    for (size_t c = 0; c < w->channels.n_channels && st == TARE_OK; c++)
        fill_channel(w, c, row);
    tare_free(row);
    if (st == TARE_OK) st = fill_bias(w, err);
    return st;
}

/* ---- into the graph */

static enum tare_status add_list(struct weighting *w, const char *base,
                                 const char *suffix, enum tare_dtype dtype,
                                 const void *from, int32_t *id, struct tare_error *err)
{
    struct tare_const value = {
        .dtype = dtype, .dims = {.rank = 1, .d = {(int64_t)w->channels.n_channels}}};
    const enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    memcpy(value.data, from, value.n_bytes);
    return tare_quantize_add_const(w->q->graph, base, suffix, &value, id, err);
}

static enum tare_dtype code_type(const struct weighting *w)
{
    return w->offset ? TARE_U8 : TARE_S8;
}

/* The weights in their own order: codes, or what they stand for. */
static enum tare_status add_weights(struct weighting *w, bool as_codes,
                                    const char *suffix, int32_t *id,
                                    struct tare_error *err)
{
    struct tare_const value = {.dtype = as_codes ? code_type(w) : TARE_F32,
                               .dims = w->dims};
    const enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    for (size_t c = 0; c < w->channels.n_channels; c++)
        for (size_t i = 0; i < w->channels.n; i++) {
            const size_t to = tare_quantize_index(&w->channels, c, i);
            const int8_t code = w->codes[c * w->channels.n + i];
            if (as_codes)
                ((uint8_t *)value.data)[to] = (uint8_t)(code + w->offset);
            else
                ((float *)value.data)[to] = (float)code * w->scales[c];
        }
    return tare_quantize_add_const(w->q->graph, w->name, suffix, &value, id, err);
}

static enum tare_status add_zero_points(struct weighting *w, int32_t *id,
                                        struct tare_error *err)
{
    const size_t n = w->channels.n_channels;
    uint8_t *values = tare_alloc(n);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory");
    memset(values, w->offset, n);
    const enum tare_status st =
        add_list(w, w->name, "zero_point", code_type(w), values, id, err);
    tare_free(values);
    return st;
}

/* Are the model's own float weights what QuantizeLinear makes the codes of? */
static bool keeps_weights(const struct weighting *w)
{
    const struct tare_node *node = &w->q->graph->nodes[w->node];
    return !w->correction.codes &&
           (node->op != TARE_OP_GEMM || tare_node_float(node, "alpha", 1.0F) == 1.0F);
}

static enum tare_status pair_weights(struct weighting *w, struct tare_error *err)
{
    struct tare_graph *graph = w->q->graph;
    int32_t from[3] = {graph->nodes[w->node].inputs[1]}, codes, rounded;
    const int32_t axis = w->channels.axis;
    enum tare_status st =
        add_list(w, w->name, "scale", TARE_F32, w->scales, &from[1], err);
    if (st == TARE_OK) st = add_zero_points(w, &from[2], err);
    if (st == TARE_OK && w->q->for_tensorrt) {
        if (!keeps_weights(w)) st = add_weights(w, false, "recovered", &from[0], err);
        if (st == TARE_OK)
            st = tare_quantize_add_tensor(graph, w->name, "quantized", TARE_S8, &codes,
                                          err);
        if (st == TARE_OK)
            st = tare_quantize_add_node(graph, TARE_OP_QUANTIZE_LINEAR, w->name, from,
                                        axis, codes, err);
    } else if (st == TARE_OK) {
        st = add_weights(w, true, "quantized", &codes, err);
    }
    if (st == TARE_OK)
        st = tare_quantize_add_tensor(graph, w->name, "dequantized", TARE_F32, &rounded,
                                      err);
    if (st != TARE_OK) return st;
    from[0] = codes;
    graph->nodes[w->node].inputs[1] = rounded;
    return tare_quantize_add_node(graph, TARE_OP_DEQUANTIZE_LINEAR, w->name, from, axis,
                                  rounded, err);
}

/* int32 codes with the scale of the sums. */
static enum tare_status pair_bias(struct weighting *w, const char *base, int32_t *id,
                                  struct tare_error *err)
{
    struct tare_graph *graph = w->q->graph;
    const size_t n = w->channels.n_channels;
    const double x_scale = (double)w->q->quants[graph->nodes[w->node].inputs[0]].scale;
    float *scales = tare_alloc_array(n, sizeof *scales);
    int32_t *codes = tare_alloc_array(n, sizeof *codes),
            from[3] = {0, 0, TARE_NO_TENSOR};
    enum tare_status st = TARE_OK;
    if (!scales || !codes) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    for (size_t c = 0; c < n && st == TARE_OK; c++) {
        scales[c] = (float)(x_scale * (double)w->scales[c]);
        const double code = rint((double)w->bias[c] / (double)scales[c]);
        codes[c] = (int32_t)fmax(-2147483647.0, fmin(2147483647.0, code));
    }
    if (st == TARE_OK)
        st = add_list(w, base, "quantized", TARE_S32, codes, &from[0], err);
    if (st == TARE_OK) st = add_list(w, base, "scale", TARE_F32, scales, &from[1], err);
    if (st == TARE_OK)
        st = tare_quantize_add_tensor(graph, base, "dequantized", TARE_F32, id, err);
    if (st == TARE_OK)
        st = tare_quantize_add_node(graph, TARE_OP_DEQUANTIZE_LINEAR, base, from, 0,
                                    *id, err);
    tare_free(scales);
    tare_free(codes);
    return st;
}

/* What the recovery adds behind a MatMul, which has no bias. */
static enum tare_status add_behind(struct weighting *w, struct tare_error *err)
{
    struct tare_graph *graph = w->q->graph;
    struct tare_node *node = &graph->nodes[w->node];
    const int32_t output = node->outputs[0];
    const char *name = graph->tensors[output].name;
    int32_t add[2];
    enum tare_status st =
        tare_quantize_add_tensor(graph, name, "before_bias", TARE_F32, &add[0], err);
    if (st == TARE_OK) st = add_list(w, name, "bias", TARE_F32, w->bias, &add[1], err);
    if (st != TARE_OK) return st;
    tare_graph_set_output(graph, w->node, 0, add[0]);
    return tare_graph_add_node(graph, TARE_OP_ADD, graph->nodes[w->node].name, add, 2,
                               &output, 1, NULL, err);
}

static enum tare_status set_bias(struct weighting *w, struct tare_error *err)
{
    struct tare_graph *graph = w->q->graph;
    struct tare_node *node = &graph->nodes[w->node];
    const bool is_conv_transpose = node->op == TARE_OP_CONV_TRANSPOSE;
    int32_t inputs[3] = {node->inputs[0], node->inputs[1]};
    enum tare_status st;
    if (!w->bias) return TARE_OK;
    if (node->op == TARE_OP_MATMUL) return add_behind(w, err);
    char *base = tare_strdup(w->bias_name ? w->bias_name : node->name);
    TARE_FAIL_IF(!base, err, TARE_E_NOMEM, "no memory");
    if (!w->q->for_tensorrt && !is_conv_transpose)
        st = pair_bias(w, base, &inputs[2], err);
    else if (w->bias_name && keeps_weights(w) &&
             (node->op != TARE_OP_GEMM || tare_node_float(node, "beta", 1.0F) == 1.0F))
        st = (inputs[2] = node->inputs[2], TARE_OK);
    else
        st = add_list(w, base, w->bias_name ? "recovered" : "bias", TARE_F32, w->bias,
                      &inputs[2], err);
    tare_free(base);
    return st == TARE_OK ? tare_node_set_inputs(&graph->nodes[w->node], inputs, 3, err)
                         : st;
}

/* Its factors are in the constants. */
static enum tare_status unscale_gemm(struct weighting *w, struct tare_error *err)
{
    static const char *const names[] = {"alpha", "beta"};
    struct tare_node *node = &w->q->graph->nodes[w->node];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 2 && st == TARE_OK; i++)
        if (node->op == TARE_OP_GEMM && tare_node_attr(node, names[i]))
            st = tare_node_add_attr(
                node, names[i], (struct tare_attr){.type = TARE_ATTR_FLOAT, .f = 1.0F},
                err);
    return st;
}

static enum tare_status quantize_product(struct tare_quantizing *q, int32_t id,
                                         struct tare_error *err)
{
    const bool as_u8 = !q->for_tensorrt && q->options->weights == TARE_WEIGHTS_UINT8;
    struct weighting w = {.q = q, .node = id, .offset = as_u8 ? 128 : 0};
    const int32_t weights = q->graph->nodes[id].inputs[1];
    if (!tare_tensor_is_const(&q->graph->tensors[weights])) return TARE_OK;
    char *name = tare_strdup(q->graph->tensors[weights].name);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    w.name = name;
    enum tare_status st = fill(&w, err);
    if (st == TARE_OK && !q->for_tensorrt) widen_scales(&w);
    if (st == TARE_OK) st = pair_weights(&w, err);
    if (st == TARE_OK) st = set_bias(&w, err);
    if (st == TARE_OK) st = unscale_gemm(&w, err);
    release(&w);
    tare_free(name);
    return st;
}

enum tare_status tare_quantize_weights(struct tare_quantizing *q,
                                       struct tare_error *err)
{
    for (size_t b = 0; b < q->built->n_nodes; b++)
        if (q->products[b] >= 0)
            TARE_TRY(quantize_product(q, q->products[b], err), err, "node '%.80s'",
                     q->graph->nodes[q->products[b]].name);
    return TARE_OK;
}
