/* A product of two activations: b is packed while running, matrix by matrix. Each
 * worker multiplies matrices of its own where there are enough of them. */
#include <math.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/params.h"

static struct tare_f32_conv as_conv(const struct tare_matmul_params *p)
{
    return (struct tare_f32_conv){
        .window = tare_matrix_window(p->m, p->k, p->n),
        .epilogue = {0, 1.0f, -INFINITY, INFINITY},
    };
}

static int64_t n_matrices(const struct tare_matmul_params *p)
{
    int64_t n = 1;
    for (int64_t i = 0; i < p->rank; i++)
        n *= p->dims[i];
    return n;
}

static bool operand_fits(const struct tare_matmul_params *p, const int64_t *strides,
                         int64_t matrix, int64_t n_elems)
{
    const int64_t at = tare_strides_reach(p->rank, p->dims, strides);
    return at >= 0 && matrix <= n_elems && at <= n_elems - matrix;
}

enum tare_status tare_f32_matmul_layer_check(const struct tare_layer *layer,
                                             struct tare_error *err)
{
    const struct tare_matmul_params *p = layer->params;
    TARE_LAYER_FAIL_IF(!tare_layer_types(layer, "ff", "f"), err, "tensors");
    bool ok = p->m >= 1 && p->m <= INT32_MAX && p->k >= 1 && p->k <= INT32_MAX &&
              p->n >= 1 && p->n <= INT32_MAX && p->rank >= 0 &&
              p->rank <= TARE_MAX_RANK;
    int64_t n = 1;
    for (int64_t i = 0; ok && i < p->rank; i++)
        ok = p->dims[i] >= 1 && !__builtin_mul_overflow(n, p->dims[i], &n);
    ok =
        ok && tare_product_is(n, p->m, p->n, tare_plan_count(layer->outputs[0])) &&
        operand_fits(p, p->a_strides, p->m * p->k, tare_plan_count(layer->inputs[0])) &&
        operand_fits(p, p->b_strides, p->k * p->n, tare_plan_count(layer->inputs[1]));
    TARE_LAYER_FAIL_IF(!ok, err, "shapes");
    return TARE_OK;
}

/* Bytes of a packed b, with the slack that kernels read, in whole cache lines. */
static bool packed_bytes(const struct tare_f32_conv *conv, size_t *n_bytes)
{
    return tare_f32_conv_packed_bytes(conv, n_bytes) &&
           tare_add_size(*n_bytes, TARE_PLAN_SLACK, n_bytes) &&
           tare_align_size(*n_bytes, n_bytes);
}

enum tare_status tare_f32_matmul_layer_prepare(struct tare_layer *layer, uint32_t isa,
                                               struct tare_error *err)
{
    const struct tare_f32_conv conv = as_conv(layer->params);
    TARE_LAYER_CHOOSE(layer, tare_f32_conv, isa);
    size_t own;
    TARE_LAYER_FAIL_IF(
        !tare_f32_conv_scratch_bytes(&conv, &own) ||
            !packed_bytes(&conv, &layer->shared_bytes) ||
            !tare_add_size(layer->shared_bytes, own, &layer->scratch_bytes),
        err, "scratch");
    return TARE_OK;
}

struct job {
    const struct tare_matmul_params *params;
    const struct tare_f32_conv *conv;
    struct tare_f32_conv_data data; /* of the matrices at hand */
    const float *b;
    const struct tare_layer *layer;
    const struct tare_layer_run *run;
};

/* Let the job be about the matrices number i, and b be packed there. */
static void take_matrices(struct job *job, int64_t i, const void *packed)
{
    const struct tare_matmul_params *p = job->params;
    const float *a = job->run->inputs[0];
    float *y = job->run->outputs[0];
    int64_t rest = i, a_at = 0, b_at = 0;
    for (int64_t axis = p->rank - 1; axis >= 0; axis--) {
        a_at += rest % p->dims[axis] * p->a_strides[axis];
        b_at += rest % p->dims[axis] * p->b_strides[axis];
        rest /= p->dims[axis];
    }
    job->b = (const float *)job->run->inputs[1] + b_at;
    job->data = (struct tare_f32_conv_data){
        .x = a + a_at, .weights = packed, .y = y + i * p->m * p->n};
}

static void pack(const struct job *job, void *packed, int64_t begin, int64_t end)
{
    tare_f32_conv_pack_matrix(job->params->k, job->params->n, job->b, job->params->n, 1,
                              packed, begin, end);
}

static void multiply(const struct job *job, void *scratch, int64_t begin, int64_t end)
{
    const struct tare_f32_conv_variant *variant = job->layer->kernel;
    variant->fn(job->conv, &job->data, scratch, begin, end);
}

/* Units of one pair of matrices, for all workers. */
static void pack_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    (void)worker;
    pack(job, job->run->shared, begin, end);
}

static void product_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct job *job = arg;
    char *scratch = tare_layer_scratch(job->run, worker);
    multiply(job, scratch + job->layer->shared_bytes, begin, end);
}

/* Whole pairs of matrices, whose b lies in the worker's scratch. */
static void matrix_units(void *arg, int64_t begin, int64_t end, int worker)
{
    struct job job = *(const struct job *)arg;
    char *packed = tare_layer_scratch(job.run, worker);
    const int64_t n_pack = tare_f32_conv_pack_matrix_units(job.params->n);
    const int64_t n_units = tare_f32_conv_units(job.conv);
    for (int64_t i = begin; i < end; i++) {
        take_matrices(&job, i, packed);
        pack(&job, packed, 0, n_pack);
        multiply(&job, packed + job.layer->shared_bytes, 0, n_units);
    }
}

void tare_f32_matmul_layer_run(const struct tare_layer *layer,
                               const struct tare_layer_run *run)
{
    const struct tare_matmul_params *p = layer->params;
    const struct tare_f32_conv conv = as_conv(p);
    struct job job = {.params = p, .conv = &conv, .layer = layer, .run = run};
    const int64_t n = n_matrices(p), n_units = tare_f32_conv_units(&conv);
    const int64_t n_pack = tare_f32_conv_pack_matrix_units(p->n);
    if (n >= (int64_t)tare_pool_size(run->pool)) {
        tare_pool_run(run->pool, n, tare_layer_grain(run->pool, n), matrix_units, &job);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        take_matrices(&job, i, run->shared);
        tare_pool_run(run->pool, n_pack, tare_layer_grain(run->pool, n_pack),
                      pack_units, &job);
        tare_pool_run(run->pool, n_units, tare_layer_grain(run->pool, n_units),
                      product_units, &job);
    }
}
