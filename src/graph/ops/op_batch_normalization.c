#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* In training the input's own moments are used, and the running ones returned. */
static bool is_training(const struct tare_node *node)
{
    return tare_node_int(node, "training_mode", 0) != 0;
}

enum tare_status tare_infer_batch_normalization(struct tare_graph *graph,
                                                struct tare_node *node,
                                                struct tare_error *err)
{
    static const char *const names[] = {"X", "scale", "B", "mean", "var"};
    char text[TARE_DIMS_TEXT];
    if (!tare_node_int(node, "spatial", 1))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "spatial is 0, tare has 1 only");
    if (node->n_outputs > 1 && !is_training(node))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "%zu outputs, that is training; export the model for inference",
                       node->n_outputs);
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    if (x->rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 2 or more",
                       tare_dims_print(x, text));
    for (size_t i = 0; i < 5; i++) {
        enum tare_status st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
        if (st == TARE_OK && i > 0)
            st = tare_op_want_vector(graph, node, i, names[i], x->d[1], err);
        if (st != TARE_OK) return st;
    }
    for (size_t i = 1; i < node->n_outputs; i++) {
        const struct tare_dims dims = {.rank = 1, .d = {x->d[1]}};
        const enum tare_status st =
            tare_op_set_output(graph, node, i, TARE_F32, &dims, err);
        if (st != TARE_OK) return st;
    }
    return tare_op_set_like_input(graph, node, err);
}

/* The planes of one channel: plane i of n is i * stride behind x. */
struct channel {
    const float *x;
    int64_t n, stride, size;
};

static void measure(const struct channel *channel, double *mean, double *variance)
{
    double sum = 0.0, squares = 0.0;
    const double count = (double)channel->n * (double)channel->size;
    for (int64_t i = 0; i < channel->n; i++)
        for (int64_t j = 0; j < channel->size; j++)
            sum += (double)channel->x[i * channel->stride + j];
    *mean = sum / count;
    for (int64_t i = 0; i < channel->n; i++)
        for (int64_t j = 0; j < channel->size; j++) {
            const double d = (double)channel->x[i * channel->stride + j] - *mean;
            squares += d * d;
        }
    *variance = squares / count;
}

/* Outputs 1 and 2: running values, moved towards what was measured. */
static void move_running(const struct tare_node *node, const struct tare_const *inputs,
                         struct tare_const *outputs, int64_t c, double mean,
                         double variance)
{
    const double momentum = (double)tare_node_float(node, "momentum", 0.9F);
    const double measured[] = {mean, variance};
    for (size_t i = 0; i < 2 && i + 1 < node->n_outputs; i++)
        tare_const_set(&outputs[i + 1], c,
                       momentum * tare_const_get(&inputs[i + 3], c) +
                           (1.0 - momentum) * measured[i]);
}

enum tare_status tare_eval_batch_normalization(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               const struct tare_const *inputs,
                                               struct tare_const *outputs,
                                               struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_op_alloc_outputs(node, outputs, err);
    if (st != TARE_OK) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5F);
    const int64_t n_channels = dims->d[1], all = tare_dims_count(dims);
    const int64_t n_planes = dims->d[0] * n_channels;
    const int64_t size = n_planes ? all / n_planes : 0;
    for (int64_t c = 0; c < n_channels; c++) {
        const struct channel channel = {.x = (const float *)inputs[0].data + c * size,
                                        .n = dims->d[0],
                                        .stride = n_channels * size,
                                        .size = size};
        double mean = tare_const_get(&inputs[3], c);
        double variance = tare_const_get(&inputs[4], c);
        if (is_training(node)) {
            measure(&channel, &mean, &variance);
            move_running(node, inputs, outputs, c, mean, variance);
        }
        const double factor = tare_const_get(&inputs[1], c) / sqrt(variance + epsilon);
        const double term = tare_const_get(&inputs[2], c) - mean * factor;
        float *y = (float *)outputs[0].data + c * size;
        for (int64_t i = 0; i < channel.n; i++)
            for (int64_t j = i * channel.stride; j < i * channel.stride + size; j++)
                y[j] = (float)((double)channel.x[j] * factor + term);
    }
    return TARE_OK;
}
