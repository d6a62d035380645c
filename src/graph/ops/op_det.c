/* Det: determinants of square matrices, by elimination in double. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_det(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    char text[TARE_DIMS_TEXT];
    const enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st != TARE_OK) return st;
    if (out.rank < 2 || out.d[out.rank - 1] != out.d[out.rank - 2])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the input is %.80s, want square matrices",
                       tare_dims_print(&out, text));
    out.rank -= 2;
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double moved = a[i];
        a[i] = b[i];
        b[i] = moved;
    }
}

/* Uses up the matrix a [n, n]. */
static double determinant(double *a, int64_t n)
{
    double product = 1.0;
    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
        if (pivot != c) {
            swap_rows(a + pivot * n, a + c * n, n);
            product = -product;
        }
        product *= a[c * n + c];
        if (a[c * n + c] == 0.0) return product;
        for (int64_t r = c + 1; r < n; r++) {
            const double factor = a[r * n + c] / a[c * n + c];
            for (int64_t i = c; i < n; i++)
                a[r * n + i] -= factor * a[c * n + i];
        }
    }
    return product;
}

enum tare_status tare_eval_det(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t n = dims->d[dims->rank - 1];
    const struct tare_dims matrix = {.rank = 2, .d = {n, n}};
    const int64_t n_elems = tare_dims_count(&matrix);
    enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    double *scratch = tare_alloc_array((size_t)n_elems, sizeof *scratch);
    TARE_FAIL_IF(!scratch, err, TARE_E_NOMEM, "no memory for a matrix of %lld rows",
                 (long long)n);
    float *y = outputs[0].data;
    for (int64_t i = 0; i < tare_dims_count(&outputs[0].dims); i++) {
        tare_const_read_doubles(&inputs[0], i * n_elems, 1, n_elems, scratch);
        y[i] = (float)determinant(scratch, n);
    }
    tare_free(scratch);
    return TARE_OK;
}
