/* Reduce*: of floats in double, of integers exactly. The output is walked beside the
 * input, broadcast to it: along a row it stays or moves by one. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static bool is_extreme(enum tare_op op)
{
    return op == TARE_OP_REDUCE_MAX || op == TARE_OP_REDUCE_MIN;
}

enum tare_status tare_infer_reduce(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    bool reduced[TARE_MAX_RANK], keepdims;
    enum tare_status st = tare_op_want_dtype(
        graph, node, 0, TARE_IS_NUMBER | (is_extreme(node->op) ? TARE_IS_BOOL : 0),
        err);
    if (st == TARE_OK) st = tare_node_reduce_axes(graph, node, reduced, &keepdims, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = x->dims;
    for (int32_t i = x->dims.rank - 1; i >= 0; i--) {
        if (!reduced[i]) continue;
        if (x->dims.d[i] == 0 && node->op == TARE_OP_REDUCE_MEAN)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "axis %d to reduce is empty",
                           (int)i);
        if (keepdims)
            out.d[i] = 1;
        else
            tare_dims_remove(&out, i);
    }
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* The input, and the output with all axes of the input, 1 where it is reduced. */
struct reduction {
    enum tare_op op;
    const struct tare_const *x;
    struct tare_dims out;
    int64_t n_out, n_terms;
};

/* sums[to] op= x[i], for a row; to stays or goes with i. */
#define STEPS(expression)                                                              \
    do {                                                                               \
        if (step == 0) {                                                               \
            double sum = *sums;                                                        \
            for (int64_t i = 0; i < n; i++)                                            \
                sum = (expression);                                                    \
            *sums = sum;                                                               \
        } else {                                                                       \
            for (int64_t i = 0; i < n; i++) {                                          \
                const double sum = sums[i];                                            \
                sums[i] = (expression);                                                \
            }                                                                          \
        }                                                                              \
    } while (0)
#define X ((double)x[i])

static void float_row(enum tare_op op, const float *x, int64_t n, double *sums,
                      int64_t step)
{
    switch (op) {
    case TARE_OP_REDUCE_MAX: STEPS(isnan(sum) || sum > X ? sum : X); break;
    case TARE_OP_REDUCE_MIN: STEPS(isnan(sum) || sum < X ? sum : X); break;
    case TARE_OP_REDUCE_PROD: STEPS(sum * X); break;
    case TARE_OP_REDUCE_L1: STEPS(sum + fabs(X)); break;
    case TARE_OP_REDUCE_L2:
    case TARE_OP_REDUCE_SUM_SQUARE: STEPS(sum + X * X); break;
    default: STEPS(sum + X); break;
    }
}

/* The sum of exp(x - largest). */
static void exp_row(const float *x, int64_t n, double *sums, const double *largest,
                    int64_t step)
{
    for (int64_t i = 0; i < n; i++) {
        const double most = largest[i * step];
        sums[i * step] += exp((double)x[i] - (isfinite(most) ? most : 0.0));
    }
}

static double start_of(enum tare_op op)
{
    return op == TARE_OP_REDUCE_MAX    ? -HUGE_VAL
           : op == TARE_OP_REDUCE_MIN  ? HUGE_VAL
           : op == TARE_OP_REDUCE_PROD ? 1.0
                                       : 0.0;
}

/* All rows; `largest` (of each output) for the sum of exponentials, NULL otherwise. */
static void float_rows(const struct reduction *r, enum tare_op op,
                       const double *largest, double *sums)
{
    const struct tare_dims *const dims[] = {&r->out};
    const float *x = r->x->data;
    struct tare_rows rows;
    for (int64_t i = 0; i < r->n_out; i++)
        sums[i] = start_of(op);
    if (!tare_rows_begin(&rows, &r->x->dims, dims, 1)) return;
    do {
        const int64_t to = rows.at[0];
        if (largest)
            exp_row(x, rows.n, sums + to, largest + to, rows.step[0]);
        else
            float_row(op, x, rows.n, sums + to, rows.step[0]);
        x += rows.n;
    } while (tare_rows_next(&rows));
}

static enum tare_status reduce_floats(const struct reduction *r, float *y,
                                      struct tare_error *err)
{
    const bool is_exp = r->op == TARE_OP_REDUCE_LOG_SUM_EXP;
    double *sums = tare_alloc_array((size_t)r->n_out, 2 * sizeof *sums);
    TARE_FAIL_IF(!sums, err, TARE_E_NOMEM, "no memory for %lld sums",
                 (long long)r->n_out);
    double *largest = sums + r->n_out;
    if (is_exp) float_rows(r, TARE_OP_REDUCE_MAX, NULL, largest);
    float_rows(r, r->op, is_exp ? largest : NULL, sums);
    for (int64_t i = 0; i < r->n_out; i++)
        switch (r->op) {
        case TARE_OP_REDUCE_MEAN: y[i] = (float)(sums[i] / (double)r->n_terms); break;
        case TARE_OP_REDUCE_L2: y[i] = (float)sqrt(sums[i]); break;
        case TARE_OP_REDUCE_LOG_SUM: y[i] = (float)log(sums[i]); break;
        case TARE_OP_REDUCE_LOG_SUM_EXP:
            y[i] = (float)(log(sums[i]) + (isfinite(largest[i]) ? largest[i] : 0.0));
            break;
        default: y[i] = (float)sums[i]; break;
        }
    tare_free(sums);
    return TARE_OK;
}

/* Max and Min of keys, which order as the elements do; sums wrap. */
static int64_t int_step(enum tare_op op, int64_t sum, int64_t x)
{
    const uint64_t u = (uint64_t)x;
    switch (op) {
    case TARE_OP_REDUCE_MAX: return sum > x ? sum : x;
    case TARE_OP_REDUCE_MIN: return sum < x ? sum : x;
    case TARE_OP_REDUCE_PROD: return (int64_t)((uint64_t)sum * u);
    case TARE_OP_REDUCE_L1: return (int64_t)((uint64_t)sum + (x < 0 ? 0 - u : u));
    case TARE_OP_REDUCE_L2:
    case TARE_OP_REDUCE_SUM_SQUARE: return (int64_t)((uint64_t)sum + u * u);
    default: return (int64_t)((uint64_t)sum + u);
    }
}

static void int_rows(const struct reduction *r, int64_t *sums)
{
    const struct tare_dims *const dims[] = {&r->out};
    int64_t x[TARE_BLOCK], at = 0;
    struct tare_rows rows;
    if (!tare_rows_begin(&rows, &r->x->dims, dims, 1)) return;
    do {
        for (int64_t done = 0; done < rows.n; done += TARE_BLOCK) {
            const int64_t n = tare_block(rows.n - done);
            int64_t *to = sums + rows.at[0] + done * rows.step[0];
            if (is_extreme(r->op))
                tare_const_read_keys(r->x, at + done, 1, n, x);
            else
                tare_const_read_ints(r->x, at + done, 1, n, x);
            for (int64_t i = 0; i < n; i++)
                to[i * rows.step[0]] = int_step(r->op, to[i * rows.step[0]], x[i]);
        }
        at += rows.n;
    } while (tare_rows_next(&rows));
}

/* What a sum becomes; roots and logarithms are cut towards zero. */
static void finish_int(const struct reduction *r, int64_t sum, struct tare_const *y,
                       int64_t i)
{
    const bool is_u64 = y->dtype == TARE_U64;
    const double value = is_u64 ? (double)(uint64_t)sum : (double)sum;
    switch (r->op) {
    case TARE_OP_REDUCE_MAX:
    case TARE_OP_REDUCE_MIN:
        if (is_u64) tare_ints_flip(&sum, 1);
        break;
    case TARE_OP_REDUCE_MEAN:
        sum =
            is_u64 ? (int64_t)((uint64_t)sum / (uint64_t)r->n_terms) : sum / r->n_terms;
        break;
    case TARE_OP_REDUCE_L2: tare_const_set(y, i, sqrt(value)); return;
    case TARE_OP_REDUCE_LOG_SUM: tare_const_set(y, i, log(value)); return;
    default: break;
    }
    tare_const_set_int(y, i, sum);
}

/* An empty maximum is the type's least value, an empty minimum its greatest. */
static int64_t int_start_of(enum tare_op op, enum tare_dtype dtype)
{
    if (!is_extreme(op)) return op == TARE_OP_REDUCE_PROD;
    if (dtype == TARE_S64 || dtype == TARE_U64) /* a flipped key */
        return op == TARE_OP_REDUCE_MAX ? INT64_MIN : INT64_MAX;
    return (int64_t)tare_dtype_range(dtype)[op == TARE_OP_REDUCE_MIN];
}

static enum tare_status reduce_integers(const struct reduction *r, struct tare_const *y,
                                        struct tare_error *err)
{
    int64_t *sums = tare_alloc_array((size_t)r->n_out, sizeof *sums);
    TARE_FAIL_IF(!sums, err, TARE_E_NOMEM, "no memory for %lld sums",
                 (long long)r->n_out);
    for (int64_t i = 0; i < r->n_out; i++)
        sums[i] = int_start_of(r->op, y->dtype);
    int_rows(r, sums);
    for (int64_t i = 0; i < r->n_out; i++)
        finish_int(r, sums[i], y, i);
    tare_free(sums);
    return TARE_OK;
}

/* The logarithm of a sum of exponentials of integers. */
static enum tare_status reduce_as_floats(struct reduction r, struct tare_const *y,
                                         struct tare_error *err)
{
    struct tare_const x = {.dtype = TARE_F32, .dims = r.x->dims};
    struct tare_const floats = {.dtype = TARE_F32, .dims = y->dims};
    enum tare_status st = tare_const_alloc(&x, err);
    if (st == TARE_OK) st = tare_const_alloc(&floats, err);
    if (st == TARE_OK) {
        for (int64_t i = 0; i < tare_dims_count(&x.dims); i++)
            tare_const_set(&x, i, tare_const_get(r.x, i));
        r.x = &x;
        st = reduce_floats(&r, floats.data, err);
    }
    for (int64_t i = 0; st == TARE_OK && i < r.n_out; i++)
        tare_const_set(y, i, tare_const_get(&floats, i));
    tare_free(x.data);
    tare_free(floats.data);
    return st;
}

enum tare_status tare_eval_reduce(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    bool reduced[TARE_MAX_RANK], keepdims;
    enum tare_status st = tare_node_reduce_axes(graph, node, reduced, &keepdims, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    struct reduction r = {
        .op = node->op, .x = &inputs[0], .out = inputs[0].dims, .n_terms = 1};
    for (int32_t i = 0; i < r.out.rank; i++)
        if (reduced[i]) r.out.d[i] = 1;
    r.n_out = tare_dims_count(&outputs[0].dims);
    if (r.n_out > 0) r.n_terms = tare_dims_count(&inputs[0].dims) / r.n_out;
    if (inputs[0].dtype == TARE_F32) return reduce_floats(&r, outputs[0].data, err);
    if (node->op == TARE_OP_REDUCE_LOG_SUM_EXP)
        return reduce_as_floats(r, &outputs[0], err);
    return reduce_integers(&r, &outputs[0], err);
}
