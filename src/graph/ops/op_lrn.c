/* LRN: y = x / (bias + alpha / size * the sum of x^2 over `size` channels)^beta. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_lrn(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const int64_t size = tare_node_int(node, "size", 0);
    char text[TARE_DIMS_TEXT];
    const enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st != TARE_OK) return st;
    if (x->rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 2 or more",
                       tare_dims_print(x, text));
    if (size < 1 || size > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "size is %lld, want 1 to %d",
                       (long long)size, INT32_MAX);
    return tare_op_set_like_input(graph, node, err);
}

struct lrn {
    int64_t n_channels, n_inner; /* elements of one channel of one image */
    int64_t in_front, behind;    /* channels of the window on either side */
    double factor, beta, bias;
};

#define BLOCK 64

/* Elements [at, at + n) of channel `c` of one image. */
static void normalize(const struct lrn *lrn, int64_t c, int64_t at, int64_t n,
                      const float *x, float *y)
{
    double sums[BLOCK] = {0.0};
    const int64_t first = c > lrn->in_front ? c - lrn->in_front : 0;
    const int64_t last =
        c + lrn->behind < lrn->n_channels ? c + lrn->behind : lrn->n_channels - 1;
    for (int64_t k = first; k <= last; k++) {
        const float *row = x + k * lrn->n_inner + at;
        for (int64_t i = 0; i < n; i++)
            sums[i] += (double)row[i] * (double)row[i];
    }
    for (int64_t i = 0, j = c * lrn->n_inner + at; i < n; i++, j++)
        y[j] =
            (float)((double)x[j] / pow(lrn->bias + lrn->factor * sums[i], lrn->beta));
}

enum tare_status tare_eval_lrn(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t size = tare_node_int(node, "size", 1);
    const int64_t n_image = tare_dims_count(dims) / dims->d[0];
    const struct lrn lrn = {.n_channels = dims->d[1],
                            .n_inner = n_image / dims->d[1],
                            .in_front = (size - 1) / 2,
                            .behind = size - 1 - (size - 1) / 2,
                            .factor = (double)tare_node_float(node, "alpha", 1e-4F) /
                                      (double)size,
                            .beta = (double)tare_node_float(node, "beta", 0.75F),
                            .bias = (double)tare_node_float(node, "bias", 1.0F)};
    for (int64_t i = 0; i < dims->d[0]; i++)
        for (int64_t c = 0; c < lrn.n_channels; c++)
            for (int64_t at = 0; at < lrn.n_inner; at += BLOCK)
                normalize(&lrn, c, at,
                          lrn.n_inner - at < BLOCK ? lrn.n_inner - at : BLOCK,
                          (const float *)inputs[0].data + i * n_image,
                          (float *)outputs[0].data + i * n_image);
    return TARE_OK;
}
