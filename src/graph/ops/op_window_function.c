/* HannWindow, HammingWindow, BlackmanWindow and MelWeightMatrix. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

static enum tare_status output_dtype(const struct tare_node *node,
                                     enum tare_dtype *dtype, struct tare_error *err)
{
    const int64_t wanted = tare_node_int(node, "output_datatype", 1);
    if (!tare_onnx_dtype(wanted, dtype) || *dtype == TARE_BOOL)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "output_datatype is ONNX type %lld, tare has float and the "
                       "integers to 64 bits",
                       (long long)wanted);
    return TARE_OK;
}

enum tare_status tare_infer_cosine_window(struct tare_graph *graph,
                                          struct tare_node *node,
                                          struct tare_error *err)
{
    struct tare_dims out = {.rank = 1};
    enum tare_dtype dtype;
    enum tare_status st = output_dtype(node, &dtype, err);
    if (st == TARE_OK) st = tare_op_int(graph, node, "size", 0, 0, &out.d[0], err);
    if (st != TARE_OK) return st;
    if (out.d[0] < 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "size is %lld", (long long)out.d[0]);
    return tare_op_set_output(graph, node, 0, dtype, &out, err);
}

/* a0 + a2 cos(2 x) - a1 cos(x), x from 0 to 2 pi; in this order the ends of a Blackman
 * window are 0. */
enum tare_status tare_eval_cosine_window(const struct tare_graph *graph,
                                         const struct tare_node *node,
                                         const struct tare_const *inputs,
                                         struct tare_const *outputs,
                                         struct tare_error *err)
{
    (void)graph;
    (void)inputs;
    static const double two_pi = 6.283185307179586476925286766559;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    const double a2 = node->op == TARE_OP_BLACKMAN_WINDOW ? 0.08 : 0.0;
    const double a1 = node->op == TARE_OP_HAMMING_WINDOW ? 21.0 / 46.0 : 0.5;
    const double a0 = 1.0 - a1 - a2;
    const int64_t n = outputs[0].dims.d[0];
    const int64_t period = tare_node_int(node, "periodic", 1) || n == 1 ? n : n - 1;
    for (int64_t i = 0; i < n; i++) {
        const double x = two_pi * (double)i / (double)period;
        tare_const_set(&outputs[0], i, a0 + a2 * cos(2.0 * x) - a1 * cos(x));
    }
    return TARE_OK;
}

struct mel {
    int64_t n_bins, dft_length, sample_rate;
    float low, high; /* Hz */
};

static double hertz_to_mel(double hertz)
{
    return 2595.0 * log10(1.0 + hertz / 700.0);
}

/* The spectrum's element at which edge i of the n_bins + 2 edges of triangles lies. */
static double mel_edge(const struct mel *mel, int64_t i)
{
    const double low = hertz_to_mel((double)mel->low);
    const double high = hertz_to_mel((double)mel->high);
    const double at = low + (double)i * ((high - low) / (double)(mel->n_bins + 2));
    const double hertz = 700.0 * (pow(10.0, at / 2595.0) - 1.0);
    return floor((double)(mel->dft_length + 1) * hertz / (double)mel->sample_rate);
}

static enum tare_status read_mel(const struct tare_graph *graph,
                                 const struct tare_node *node, struct mel *out,
                                 struct tare_error *err)
{
    enum tare_status st =
        tare_op_int(graph, node, "num_mel_bins", 0, 0, &out->n_bins, err);
    if (st == TARE_OK)
        st = tare_op_int(graph, node, "dft_length", 1, 0, &out->dft_length, err);
    if (st == TARE_OK)
        st = tare_op_int(graph, node, "sample_rate", 2, 0, &out->sample_rate, err);
    if (st == TARE_OK)
        st = tare_op_float(graph, node, "lower_edge_hertz", 3, 0.0F, &out->low, err);
    if (st == TARE_OK)
        st = tare_op_float(graph, node, "upper_edge_hertz", 4, 0.0F, &out->high, err);
    if (st != TARE_OK) return st;
    const bool valid = out->n_bins >= 0 && out->n_bins <= INT32_MAX &&
                       out->dft_length >= 1 && out->dft_length <= INT32_MAX &&
                       out->sample_rate >= 1 && out->low >= 0.0F &&
                       out->high >= out->low;
    if (!valid || mel_edge(out, out->n_bins + 1) > (double)(out->dft_length / 2))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%lld mel bins of %g to %g Hz of a transform of %lld at %lld Hz",
                       (long long)out->n_bins, (double)out->low, (double)out->high,
                       (long long)out->dft_length, (long long)out->sample_rate);
    return TARE_OK;
}

enum tare_status tare_infer_mel_weight_matrix(struct tare_graph *graph,
                                              struct tare_node *node,
                                              struct tare_error *err)
{
    struct mel mel;
    enum tare_dtype dtype;
    enum tare_status st = output_dtype(node, &dtype, err);
    if (st == TARE_OK) st = read_mel(graph, node, &mel, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = {.rank = 2, .d = {mel.dft_length / 2 + 1, mel.n_bins}};
    return tare_op_set_output(graph, node, 0, dtype, &out, err);
}

/* Column i of [spectrum, bins] is a triangle from edge i over i + 1 to i + 2. */
enum tare_status tare_eval_mel_weight_matrix(const struct tare_graph *graph,
                                             const struct tare_node *node,
                                             const struct tare_const *inputs,
                                             struct tare_const *outputs,
                                             struct tare_error *err)
{
    (void)inputs;
    struct mel mel;
    enum tare_status st = read_mel(graph, node, &mel, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    memset(outputs[0].data, 0, outputs[0].n_bytes);
    for (int64_t i = 0; i < mel.n_bins; i++) {
        const int64_t left = (int64_t)mel_edge(&mel, i);
        const int64_t middle = (int64_t)mel_edge(&mel, i + 1);
        const int64_t right = (int64_t)mel_edge(&mel, i + 2);
        for (int64_t k = left; k <= middle && middle > left; k++)
            tare_const_set(&outputs[0], k * mel.n_bins + i,
                           (double)(k - left) / (double)(middle - left));
        if (middle == left) tare_const_set(&outputs[0], middle * mel.n_bins + i, 1.0);
        for (int64_t k = middle; k < right; k++)
            tare_const_set(&outputs[0], k * mel.n_bins + i,
                           (double)(right - k) / (double)(right - middle));
    }
    return TARE_OK;
}
