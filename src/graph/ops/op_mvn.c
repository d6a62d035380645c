/* MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) over some axes. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* The input's dims, with 1 for the axes that a mean is taken over. */
static enum tare_status read_axes(const struct tare_node *node, struct tare_dims *dims,
                                  struct tare_error *err)
{
    static const int64_t usual[] = {0, 2, 3};
    const struct tare_attr *attr = tare_node_attr(node, "axes");
    const int64_t *axes = attr ? attr->ints : usual;
    const size_t n = attr ? attr->n : 3;
    for (size_t i = 0; i < n; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + dims->rank : axes[i];
        if (axis < 0 || axis >= dims->rank)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld, but rank is %d",
                           (long long)axes[i], (int)dims->rank);
        dims->d[axis] = 1;
    }
    return TARE_OK;
}

enum tare_status tare_infer_mvn(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    struct tare_dims means = tare_op_input(graph, node, 0)->dims;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = read_axes(node, &means, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* Walk the input beside its means: sums of (x - mean), or of its square. */
static void add_up(const struct tare_const *x, const struct tare_dims *means,
                   const double *mean, double *sums)
{
    struct tare_rows rows;
    const float *from = x->data;
    if (!tare_rows_begin(&rows, &x->dims, (const struct tare_dims *const[]){means}, 1))
        return;
    do {
        for (int64_t i = 0; i < rows.n; i++) {
            const int64_t to = rows.at[0] + i * rows.step[0];
            const double value = (double)from[i] - (mean ? mean[to] : 0.0);
            sums[to] += mean ? value * value : value;
        }
        from += rows.n;
    } while (tare_rows_next(&rows));
}

static void scale(const struct tare_const *x, const struct tare_dims *means,
                  const double *mean, const double *deviation, float *y)
{
    struct tare_rows rows;
    const float *from = x->data;
    if (!tare_rows_begin(&rows, &x->dims, (const struct tare_dims *const[]){means}, 1))
        return;
    do {
        for (int64_t i = 0; i < rows.n; i++) {
            const int64_t at = rows.at[0] + i * rows.step[0];
            y[i] = (float)(((double)from[i] - mean[at]) / (deviation[at] + 1e-9));
        }
        from += rows.n;
        y += rows.n;
    } while (tare_rows_next(&rows));
}

enum tare_status tare_eval_mvn(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_dims means = inputs[0].dims;
    enum tare_status st = read_axes(node, &means, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const int64_t n = tare_dims_count(&means);
    const double terms = (double)(tare_dims_count(&inputs[0].dims) / n);
    double *mean = tare_alloc_array((size_t)n, 2 * sizeof *mean);
    TARE_FAIL_IF(!mean, err, TARE_E_NOMEM, "no memory for %lld means", (long long)n);
    double *deviation = mean + n;
    add_up(&inputs[0], &means, NULL, mean);
    for (int64_t i = 0; i < n; i++)
        mean[i] /= terms;
    add_up(&inputs[0], &means, mean, deviation);
    for (int64_t i = 0; i < n; i++)
        deviation[i] = sqrt(deviation[i] / terms);
    scale(&inputs[0], &means, mean, deviation, outputs[0].data);
    tare_free(mean);
    return TARE_OK;
}
