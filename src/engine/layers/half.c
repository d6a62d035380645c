/* 16-bit floats: conversion as a layer of its own, and around kernels of float32. What
 * such a kernel reads is widened to scratch in front of it, and what it makes is
 * narrowed behind it: its sums are those of float32, and its results are rounded once.
 */
#include "engine/layers/common.h"
#include "engine/layers/params.h"

#include "base/mem.h"

/* Inputs and outputs of a layer whose kernel is of float32. */
#define MAX_OPERANDS 12
/* Elements that a worker converts at once. */
#define GRAIN INT64_C(32768)

static bool is_half(const struct tare_plan_tensor *t)
{
    return t->dtype == TARE_F16 || t->dtype == TARE_BF16;
}

static int32_t widening(const struct tare_plan_tensor *t)
{
    return t->dtype == TARE_F16 ? TARE_CONVERT_F16_F32 : TARE_CONVERT_BF16_F32;
}

static int32_t narrowing(const struct tare_plan_tensor *t)
{
    return t->dtype == TARE_F16 ? TARE_CONVERT_F32_F16 : TARE_CONVERT_F32_BF16;
}

/* One tensor, from `src` to `dst`: rows of elements with the same pitch on both sides.
 */
struct conversion {
    tare_half_convert_fn *fn;
    int32_t op;
    const char *src;
    char *dst;
    int64_t src_bytes, dst_bytes; /* of an element */
    int64_t length, pitch;        /* of a row, in elements; pitch 0: one dense row */
};

static void convert_units(void *arg, int64_t begin, int64_t end, int worker)
{
    const struct conversion *c = arg;
    (void)worker;
    if (c->pitch == 0) {
        c->fn(c->op, c->src + begin * c->src_bytes, c->dst + begin * c->dst_bytes,
              end - begin);
        return;
    }
    for (int64_t i = begin; i < end; i++)
        c->fn(c->op, c->src + i * c->pitch * c->src_bytes,
              c->dst + i * c->pitch * c->dst_bytes, c->length);
}

static void convert(tare_half_convert_fn *fn, struct tare_pool *pool, int32_t op,
                    const struct tare_plan_tensor *t, const void *src, void *dst)
{
    const bool widens = op == TARE_CONVERT_F16_F32 || op == TARE_CONVERT_BF16_F32;
    const int64_t n = tare_plan_count(t);
    struct conversion c = {.fn = fn,
                           .op = op,
                           .src = src,
                           .dst = dst,
                           .src_bytes = widens ? 2 : 4,
                           .dst_bytes = widens ? 4 : 2,
                           .length = t->pitch ? t->dims.d[1] : n,
                           .pitch = (int64_t)t->pitch};
    const int64_t grain = t->pitch ? GRAIN / c.length + 1 : GRAIN;
    tare_pool_run_shares(pool, t->pitch ? n / c.length : n, grain, convert_units, &c);
}

/* Of a float32 tensor with the places of this one, and what may be read behind it. */
static bool widened_bytes(const struct tare_plan_tensor *t, size_t *size)
{
    return tare_mul_size((size_t)tare_plan_extent(t), sizeof(float) / sizeof(uint16_t),
                         size) &&
           tare_add_size(*size, TARE_PLAN_SLACK, size) && tare_align_size(*size, size);
}

static void run_widened(const struct tare_layer *layer,
                        const struct tare_layer_run *run)
{
    const void *inputs[MAX_OPERANDS];
    void *outputs[MAX_OPERANDS];
    char *at = run->shared + layer->widened_at;
    size_t n_bytes;
    for (size_t i = 0; i < layer->n_inputs; i++) {
        const struct tare_plan_tensor *t = layer->inputs[i];
        inputs[i] = run->inputs[i];
        if (!is_half(t) || !widened_bytes(t, &n_bytes)) continue;
        convert(layer->convert, run->pool, widening(t), t, inputs[i], at);
        inputs[i] = at;
        at += n_bytes;
    }
    for (size_t i = 0; i < layer->n_outputs; i++) {
        outputs[i] = run->outputs[i];
        if (!is_half(layer->outputs[i]) || !widened_bytes(layer->outputs[i], &n_bytes))
            continue;
        outputs[i] = at;
        at += n_bytes;
    }
    struct tare_layer_run widened = *run;
    widened.inputs = inputs;
    widened.outputs = outputs;
    layer->kernel_run(layer, &widened);
    for (size_t i = 0; i < layer->n_outputs; i++) {
        const struct tare_plan_tensor *t = layer->outputs[i];
        if (is_half(t))
            convert(layer->convert, run->pool, narrowing(t), t, outputs[i],
                    run->outputs[i]);
    }
}

/* What moves bytes, or has kernels of 16-bit floats. */
static bool takes_halves(uint32_t kind)
{
    switch (kind) {
    case TARE_LAYER_RESHAPE:
    case TARE_LAYER_COPY:
    case TARE_LAYER_JOIN:
    case TARE_LAYER_CONVERT:
    case TARE_LAYER_PLUGIN:
    case TARE_LAYER_F16_CONV:
    case TARE_LAYER_BF16_CONV: return true;
    default: return false;
    }
}

bool tare_layer_is_widened(const struct tare_layer *layer)
{
    bool any = false;
    for (size_t i = 0; i < layer->n_inputs; i++)
        any = any || is_half(layer->inputs[i]);
    for (size_t i = 0; i < layer->n_outputs; i++)
        any = any || is_half(layer->outputs[i]);
    return any && !takes_halves(layer->record->kind);
}

enum tare_status tare_layer_widen(struct tare_layer *layer, uint32_t isa,
                                  struct tare_error *err)
{
    size_t size, n_bytes;
    layer->convert = NULL;
    if (!tare_layer_is_widened(layer)) return TARE_OK;
    TARE_LAYER_FAIL_IF(layer->record->kind == TARE_LAYER_PROGRAM ||
                           layer->n_inputs + layer->n_outputs > MAX_OPERANDS ||
                           !tare_align_size(layer->shared_bytes, &size),
                       err, "operands");
    layer->widened_at = size;
    for (size_t i = 0; i < layer->n_inputs + layer->n_outputs; i++) {
        const struct tare_plan_tensor *t = i < layer->n_inputs
                                               ? layer->inputs[i]
                                               : layer->outputs[i - layer->n_inputs];
        TARE_LAYER_FAIL_IF(is_half(t) && (!widened_bytes(t, &n_bytes) ||
                                          !tare_add_size(size, n_bytes, &size)),
                           err, "scratch");
    }
    layer->widened_end = size;
    layer->convert = tare_half_convert_select(isa);
    layer->kernel_run = layer->run;
    layer->run = run_widened;
    return TARE_OK;
}

enum tare_status tare_convert_layer_check(const struct tare_layer *layer,
                                          struct tare_error *err)
{
    const struct tare_half_params *p = layer->params;
    TARE_LAYER_FAIL_IF(layer->n_inputs != 1 || layer->n_outputs != 1, err, "tensors");
    const struct tare_plan_tensor *x = layer->inputs[0], *y = layer->outputs[0];
    const bool widens = is_half(x) && y->dtype == TARE_F32 && p->op == widening(x);
    const bool narrows = is_half(y) && x->dtype == TARE_F32 && p->op == narrowing(y);
    TARE_LAYER_FAIL_IF((!widens && !narrows) || x->pitch || y->pitch ||
                           x->format != y->format ||
                           tare_plan_count(x) != tare_plan_count(y),
                       err, "tensors");
    return TARE_OK;
}

void tare_convert_layer_run(const struct tare_layer *layer,
                            const struct tare_layer_run *run)
{
    const struct tare_half_params *p = layer->params;
    const struct tare_half_convert_variant *variant = layer->kernel;
    convert(variant->fn, run->pool, p->op, layer->inputs[0], run->inputs[0],
            run->outputs[0]);
}
