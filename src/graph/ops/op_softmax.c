/* Softmax, LogSoftmax, Hardmax: over n elements of each of outer * inner lanes. */
#include <math.h>
#include <string.h>

#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_softmax(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    int64_t outer, n, inner;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK)
        st = tare_node_softmax_axes(graph, node, &outer, &n, &inner, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* Up to TARE_BLOCK lanes beside one another, each with n elements `inner` apart. */
struct lanes {
    const float *x;
    float *y;
    int64_t n, inner, width;
};

static void find_largest(const struct lanes *l, float *largest)
{
    for (int64_t i = 0; i < l->width; i++)
        largest[i] = -INFINITY;
    for (int64_t k = 0; k < l->n; k++) {
        const float *x = l->x + k * l->inner;
        for (int64_t i = 0; i < l->width; i++)
            largest[i] = x[i] > largest[i] ? x[i] : largest[i];
    }
}

/* Softmax is exp(x - largest) / sum, LogSoftmax its logarithm. */
static void softmax_lanes(const struct lanes *l, bool is_log)
{
    float largest[TARE_BLOCK];
    double sum[TARE_BLOCK] = {0.0};
    find_largest(l, largest);
    for (int64_t k = 0; k < l->n; k++)
        for (int64_t i = 0; i < l->width; i++) {
            const int64_t at = k * l->inner + i;
            const double power = exp((double)l->x[at] - (double)largest[i]);
            sum[i] += power;
            if (!is_log) l->y[at] = (float)power;
        }
    for (int64_t i = 0; i < l->width; i++)
        sum[i] = is_log ? log(sum[i]) + (double)largest[i] : 1.0 / sum[i];
    for (int64_t k = 0; k < l->n; k++)
        for (int64_t i = 0; i < l->width; i++) {
            const int64_t at = k * l->inner + i;
            l->y[at] =
                (float)(is_log ? (double)l->x[at] - sum[i] : (double)l->y[at] * sum[i]);
        }
}

/* The same of a lane whose elements are beside one another. */
static void softmax_row(const float *x, float *y, int64_t n, bool is_log)
{
    float largest = -INFINITY;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < n; i++) {
        const double power = exp((double)x[i] - (double)largest);
        sum += power;
        y[i] = (float)power;
    }
    const double shift = log(sum) + (double)largest, scale = 1.0 / sum;
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)(is_log ? (double)x[i] - shift : (double)y[i] * scale);
}

/* 1 at the first of the largest values, 0 elsewhere. */
static void hardmax_lanes(const struct lanes *l)
{
    float largest[TARE_BLOCK];
    bool found[TARE_BLOCK] = {false};
    find_largest(l, largest);
    for (int64_t k = 0; k < l->n; k++)
        for (int64_t i = 0; i < l->width; i++) {
            const int64_t at = k * l->inner + i;
            const bool is_it = !found[i] && l->x[at] == largest[i];
            found[i] = found[i] || is_it;
            l->y[at] = is_it ? 1.0F : 0.0F;
        }
}

void tare_softmax_run(enum tare_op op, const struct tare_lanes *lanes, const float *x,
                      float *y)
{
    const int64_t n = lanes->n, inner = lanes->inner;
    for (int64_t o = 0; o < lanes->outer; o++)
        for (int64_t i = 0; i < inner; i += TARE_BLOCK) {
            const int64_t at = o * n * inner + i;
            const struct lanes block = {x + at, y + at, n, inner,
                                        tare_block(inner - i)};
            if (op == TARE_OP_HARDMAX)
                hardmax_lanes(&block);
            else if (inner == 1)
                softmax_row(block.x, block.y, n, op == TARE_OP_LOG_SOFTMAX);
            else
                softmax_lanes(&block, op == TARE_OP_LOG_SOFTMAX);
        }
}

enum tare_status tare_eval_softmax(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    struct tare_lanes lanes;
    enum tare_status st =
        tare_node_softmax_axes(graph, node, &lanes.outer, &lanes.n, &lanes.inner, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK && outputs[0].n_bytes > 0)
        tare_softmax_run(node->op, &lanes, inputs[0].data, outputs[0].data);
    return st;
}
