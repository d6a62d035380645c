/* Data movement: slices, concatenation, padding, transposition, changes of layout; and
 * views and what was concatenated in place, which move nothing. */
#include <string.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/params.h"

enum tare_status tare_reshape_check(const struct tare_layer *layer,
                                    struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(layer->n_inputs != 1 || layer->n_outputs != 1 ||
                           layer->inputs[0]->dtype != layer->outputs[0]->dtype ||
                           layer->inputs[0]->n_bytes != layer->outputs[0]->n_bytes ||
                           layer->inputs[0]->pitch || layer->outputs[0]->pitch ||
                           layer->inputs[0]->storage != layer->outputs[0]->storage ||
                           layer->inputs[0]->offset != layer->outputs[0]->offset,
                       err, "tensors");
    return TARE_OK;
}

void tare_reshape_run(const struct tare_layer *layer, const struct tare_layer_run *run)
{
    (void)layer;
    (void)run;
}

/* Each input is a part of the output, where the layers that made it have put it. */
enum tare_status tare_join_check(const struct tare_layer *layer, struct tare_error *err)
{
    TARE_LAYER_FAIL_IF(layer->n_outputs != 1 || layer->n_inputs < 1, err, "tensors");
    const struct tare_plan_tensor *y = layer->outputs[0];
    const uint64_t end = y->offset + tare_plan_extent(y);
    for (size_t i = 0; i < layer->n_inputs; i++) {
        const struct tare_plan_tensor *x = layer->inputs[i];
        TARE_LAYER_FAIL_IF(x->dtype != y->dtype || x->storage != TARE_IN_ARENA ||
                               y->storage != TARE_IN_ARENA || x->offset < y->offset ||
                               x->offset + tare_plan_extent(x) > end,
                           err, "parts");
    }
    return TARE_OK;
}

void tare_join_run(const struct tare_layer *layer, const struct tare_layer_run *run)
{
    (void)layer;
    (void)run;
}

static const struct tare_copy_piece *pieces_of(const struct tare_layer *layer)
{
    const void *data = tare_layer_weight(layer, layer->inputs[layer->n_inputs - 1]);
    return data;
}

/* All bytes that the strides reach from `offset` lie in [0, n_bytes). */
static bool extent_fits(const struct tare_copy *copy, const int64_t *strides,
                        int64_t offset, uint64_t n_bytes)
{
    int64_t low = offset, high = offset;
    for (int i = 0; i < copy->rank; i++) {
        int64_t step;
        if (strides[i] % copy->elem_bytes != 0 ||
            __builtin_mul_overflow(copy->dims[i] - 1, strides[i], &step) ||
            __builtin_add_overflow(step < 0 ? low : high, step,
                                   step < 0 ? &low : &high))
            return false;
    }
    return offset % copy->elem_bytes == 0 && low >= 0 && (uint64_t)high < n_bytes &&
           (uint64_t)copy->elem_bytes <= n_bytes - (uint64_t)high;
}

/* As many elements as the output can take at the most, along strides that advance. */
static bool writes_each_once(const struct tare_copy *copy, uint64_t n_bytes)
{
    size_t total = (size_t)copy->elem_bytes;
    for (int i = 0; i < copy->rank; i++)
        if (copy->dims[i] < 1 || (copy->dims[i] > 1 && copy->dst_strides[i] < 1) ||
            !tare_mul_size(total, (size_t)copy->dims[i], &total))
            return false;
    return total <= n_bytes;
}

static bool piece_valid(const struct tare_layer *layer,
                        const struct tare_copy_piece *piece)
{
    const struct tare_copy *copy = &piece->copy;
    if (piece->input < 0 || (uint64_t)piece->input >= layer->n_inputs - 1 ||
        copy->elem_bytes < 1 || copy->rank < 0 || copy->rank > TARE_COPY_MAX_RANK)
        return false;
    const struct tare_plan_tensor *src = layer->inputs[piece->input];
    if (copy->elem_bytes != tare_dtype_bytes((enum tare_dtype)src->dtype) ||
        src->dtype != layer->outputs[0]->dtype)
        return false;
    const struct tare_plan_tensor *dst = layer->outputs[0];
    if (!writes_each_once(copy, dst->n_bytes) ||
        !extent_fits(copy, copy->src_strides, piece->src_offset,
                     tare_plan_extent(src)) ||
        !extent_fits(copy, copy->dst_strides, piece->dst_offset, tare_plan_extent(dst)))
        return false;
    struct tare_copy again; /* the kernels rely on the order that planning gives */
    memset(&again, 0, sizeof again);
    tare_copy_plan(copy->elem_bytes, copy->rank, copy->dims, copy->src_strides,
                   copy->dst_strides, &again);
    return memcmp(&again, copy, sizeof again) == 0;
}

enum tare_status tare_copy_layer_check(const struct tare_layer *layer,
                                       struct tare_error *err)
{
    const struct tare_copy_params *p = layer->params;
    TARE_LAYER_FAIL_IF(layer->n_inputs < 2 || layer->n_outputs != 1 ||
                           (p->does_fill && layer->outputs[0]->pitch) ||
                           layer->inputs[layer->n_inputs - 1]->storage !=
                               TARE_IN_WEIGHTS,
                       err, "tensors");
    const int elem_bytes = tare_dtype_bytes((enum tare_dtype)layer->outputs[0]->dtype);
    const struct tare_plan_tensor *table = layer->inputs[layer->n_inputs - 1];
    TARE_LAYER_FAIL_IF(!tare_product_is(p->n_pieces, sizeof(struct tare_copy_piece), 1,
                                        (int64_t)table->n_bytes) ||
                           p->elem_bytes != elem_bytes,
                       err, "pieces");
    for (int64_t i = 0; i < p->n_pieces; i++)
        TARE_LAYER_FAIL_IF(!piece_valid(layer, pieces_of(layer) + i), err, "strides");
    return TARE_OK;
}

enum tare_status tare_copy_layer_prepare(struct tare_layer *layer,
                                         struct tare_error *err)
{
    (void)err;
    layer->tactic = "tare_copy";
    return TARE_OK;
}

struct copy_job {
    const struct tare_copy *copy;
    const char *src;
    char *dst;
};

static void copy_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct copy_job *job = arg;
    (void)worker;
    tare_copy_run(job->copy, job->src, job->dst, begin, end);
}

void tare_copy_layer_run(const struct tare_layer *layer,
                         const struct tare_layer_run *run)
{
    const struct tare_copy_params *p = layer->params;
    const struct tare_copy_piece *pieces = pieces_of(layer);
    if (p->does_fill)
        tare_fill(p->elem_bytes, p->fill,
                  (int64_t)layer->outputs[0]->n_bytes / p->elem_bytes, run->outputs[0]);
    for (int64_t i = 0; i < p->n_pieces; i++) {
        struct copy_job job = {
            .copy = &pieces[i].copy,
            .src = (const char *)run->inputs[pieces[i].input] + pieces[i].src_offset,
            .dst = (char *)run->outputs[0] + pieces[i].dst_offset,
        };
        const int64_t n = tare_copy_units(job.copy);
        tare_pool_run_shares(run->pool, n, tare_layer_grain(run->pool, n), copy_units,
                             &job);
    }
}
