#include "engine/layers/matmul.h"

#include <math.h>

#include "base/mem.h"

static bool operand_fits(const struct tare_matmul_params *p, const int64_t *strides,
                         int64_t matrix, int64_t n_elems)
{
    const int64_t at = tare_strides_reach(p->rank, p->dims, strides);
    return at >= 0 && matrix <= n_elems && at <= n_elems - matrix;
}

bool tare_matmul_params_valid(const struct tare_matmul_params *p,
                              const struct tare_layer *layer)
{
    bool ok = p->m >= 1 && p->m <= INT32_MAX && p->k >= 1 && p->k <= INT32_MAX &&
              p->n >= 1 && p->n <= INT32_MAX && isfinite(p->alpha) && p->rank >= 0 &&
              p->rank <= TARE_MAX_RANK;
    int64_t n = 1;
    for (int64_t i = 0; ok && i < p->rank; i++)
        ok = p->dims[i] >= 1 && !__builtin_mul_overflow(n, p->dims[i], &n);
    return ok && tare_product_is(n, p->m, p->n, tare_plan_count(layer->outputs[0])) &&
           operand_fits(p, p->a_strides, p->m * p->k,
                        tare_plan_count(layer->inputs[0])) &&
           operand_fits(p, p->b_strides, p->k * p->n,
                        tare_plan_count(layer->inputs[1]));
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
    struct tare_matmul_at at = {.y = i * p->m * p->n};
    for (int64_t axis = p->rank - 1; axis >= 0; axis--) {
        at.a += i % p->dims[axis] * p->a_strides[axis];
        at.b += i % p->dims[axis] * p->b_strides[axis];
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
