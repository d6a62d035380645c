#include "engine/layers/matmul.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* One tensor's axes, the rows and columns of a matrix behind those of the walk. */
struct axes {
    int64_t rank;
    int64_t dims[TARE_MAX_RANK + 2], strides[TARE_MAX_RANK + 2];
};

static struct axes axes_of(const struct tare_matmul_params *p, const int64_t *strides,
                           int64_t n_rows, int64_t row_stride, int64_t n_columns,
                           int64_t column_stride)
{
    struct axes axes = {.rank = p->rank + 2};
    memcpy(axes.dims, p->dims, (size_t)p->rank * sizeof *axes.dims);
    memcpy(axes.strides, strides, (size_t)p->rank * sizeof *axes.strides);
    axes.dims[p->rank] = n_rows;
    axes.strides[p->rank] = row_stride;
    axes.dims[p->rank + 1] = n_columns;
    axes.strides[p->rank + 1] = column_stride;
    return axes;
}

/* All that the walk comes to lies in the tensor, and so does every stride: kernels may
 * add one more than they use. */
static bool fits(const struct axes *axes, int64_t offset,
                 const struct tare_plan_tensor *t)
{
    const int64_t n_elems = tare_plan_count(t);
    const int64_t at = tare_strides_reach(axes->rank, axes->dims, axes->strides);
    bool ok = at >= 0 && at < n_elems && offset >= 0 && offset < n_elems - at;
    for (int64_t i = 0; ok && i < axes->rank; i++)
        ok = axes->strides[i] <= n_elems;
    return ok;
}

/* The walk comes to every element of a dense tensor once: in the order of their
 * strides, each axis begins where all before it end. Elements that are not reached
 * would be read before they are made, those that are twice be written by two workers.
 */
static bool covers(const struct axes *axes, const struct tare_plan_tensor *t)
{
    int64_t n = 1;
    for (int64_t found = 0; found >= 0;) {
        found = -1;
        for (int64_t i = 0; found < 0 && i < axes->rank; i++)
            if (axes->strides[i] == n && axes->dims[i] > 1) found = i;
        if (found >= 0 && __builtin_mul_overflow(n, axes->dims[found], &n))
            return false;
    }
    return n == tare_plan_count(t);
}

bool tare_matmul_params_valid(const struct tare_matmul_params *p,
                              const struct tare_layer *layer)
{
    bool ok = p->m >= 1 && p->m <= INT32_MAX && p->k >= 1 && p->k <= INT32_MAX &&
              p->n >= 1 && p->n <= INT32_MAX && isfinite(p->alpha) && p->rank >= 0 &&
              p->rank <= TARE_MAX_RANK && p->a_row_stride >= p->k &&
              p->y_row_stride >= p->n && p->b_row_stride >= 1 &&
              p->b_column_stride >= 1 &&
              (p->b_row_stride == 1 || p->b_column_stride == 1);
    int64_t n = 1;
    for (int64_t i = 0; ok && i < p->rank; i++)
        ok = p->dims[i] >= 1 && !__builtin_mul_overflow(n, p->dims[i], &n);
    if (!ok || !tare_product_is(n, p->m, p->n, tare_plan_count(layer->outputs[0])))
        return false;
    const struct axes a = axes_of(p, p->a_strides, p->m, p->a_row_stride, p->k, 1);
    const struct axes b =
        axes_of(p, p->b_strides, p->k, p->b_row_stride, p->n, p->b_column_stride);
    const struct axes y = axes_of(p, p->y_strides, p->m, p->y_row_stride, p->n, 1);
    return fits(&a, p->a_offset, layer->inputs[0]) &&
           fits(&b, p->b_offset, layer->inputs[1]) && fits(&y, 0, layer->outputs[0]) &&
           covers(&y, layer->outputs[0]);
}

bool tare_matmul_is_dense(const struct tare_matmul_params *p)
{
    bool ok = p->a_row_stride == p->k && p->y_row_stride == p->n &&
              p->b_row_stride == p->n && p->b_column_stride == 1;
    int64_t y_stride = p->m * p->n;
    for (int64_t i = p->rank - 1; ok && i >= 0; i--) {
        ok = p->y_strides[i] == y_stride;
        y_stride *= p->dims[i];
    }
    return ok;
}

struct tare_window tare_matmul_window(const struct tare_matmul_params *p)
{
    struct tare_window w = tare_matrix_window(p->m, p->k, p->n);
    w.in_pitch = p->a_row_stride;
    w.out_pitch = p->y_row_stride;
    return w;
}

bool tare_matmul_prepare(struct tare_layer *layer, size_t packed, size_t own)
{
    return tare_align_size(packed, &layer->shared_bytes) &&
           tare_add_size(layer->shared_bytes, own, &layer->scratch_bytes);
}

int64_t tare_matmul_count(const struct tare_matmul_params *p)
{
    int64_t n = 1;
    for (int64_t i = 0; i < p->rank; i++)
        n *= p->dims[i];
    return n;
}

struct tare_matmul_at tare_matmul_matrices(const struct tare_matmul_params *p,
                                           int64_t i)
{
    struct tare_matmul_at at = {.a = p->a_offset, .b = p->b_offset};
    for (int64_t axis = p->rank - 1; axis >= 0; axis--) {
        at.a += i % p->dims[axis] * p->a_strides[axis];
        at.b += i % p->dims[axis] * p->b_strides[axis];
        at.y += i % p->dims[axis] * p->y_strides[axis];
        i /= p->dims[axis];
    }
    return at;
}

/* One pair of matrices, for all workers. */
struct pair {
    const struct tare_matmul_job *job;
    struct tare_matmul_at at;
};

static void pack_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct pair *pair = arg;
    (void)worker;
    pair->job->pack(pair->job, &pair->at, pair->job->run->shared, begin, end);
}

static void product_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct pair *pair = arg;
    const struct tare_matmul_job *job = pair->job;
    char *scratch = tare_layer_scratch(job->run, worker);
    job->multiply(job, &pair->at, job->run->shared, scratch + job->layer->shared_bytes,
                  begin, end);
}

/* Whole pairs, whose b lies in the worker's scratch. */
static void matrix_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct tare_matmul_job *job = arg;
    char *packed = tare_layer_scratch(job->run, worker);
    for (int64_t i = begin; i < end; i++) {
        const struct tare_matmul_at at = tare_matmul_matrices(job->params, i);
        job->pack(job, &at, packed, 0, job->n_pack);
        job->multiply(job, &at, packed, packed + job->layer->shared_bytes, 0,
                      job->n_units);
    }
}

void tare_matmul_spread(const struct tare_matmul_job *job)
{
    struct tare_pool *pool = job->run->pool;
    const int64_t n = tare_matmul_count(job->params);
    if (n >= (int64_t)tare_pool_size(pool)) {
        struct tare_matmul_job own = *job;
        tare_pool_run_shares(pool, n, tare_layer_grain(pool, n), matrix_units, &own);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        struct pair pair = {job, tare_matmul_matrices(job->params, i)};
        tare_pool_run_shares(pool, job->n_pack, tare_layer_grain(pool, job->n_pack),
                             pack_units, &pair);
        tare_pool_run_shares(pool, job->n_units, tare_layer_grain(pool, job->n_units),
                             product_units, &pair);
    }
}
