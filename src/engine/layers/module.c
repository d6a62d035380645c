/* Layers that a module of kernels computes: convolutions by its own, or of float32 as a
 * matrix product with what follows it done here, and products of two activations. The
 * pool divides rows of a product; a module's own convolution runs on one thread. */
#include <string.h>

#include "base/mem.h"
#include "engine/layers/common.h"
#include "engine/layers/matmul.h"
#include "engine/layers/params_u8.h"
#include "kernels/modules/sources.h"

/* Rows of a product that a worker takes at once: enough that b is read from memory once
 * for many of them. */
enum { LEAST_ROWS = 48 };

static int64_t row_grain(const struct tare_pool *pool, int64_t m)
{
    const int64_t n = (m + tare_pool_size(pool) - 1) / tare_pool_size(pool);
    return n > LEAST_ROWS ? n : LEAST_ROWS;
}

static void note_failure(const struct tare_layer *layer,
                         const struct tare_layer_run *run, enum tare_status st)
{
    if (st == TARE_OK) return;
    (void)tare_error_set(run->err, st, "%s could not compute it",
                         layer->module->library);
}

/* One product in rows, for all workers. */
struct rows {
    const struct tare_kernel_module *module;
    struct tare_module_product product;
    const struct tare_f32_epilogue *epilogue; /* NULL: nothing follows */
    const float *bias, *residual;
    _Atomic int status; /* enum tare_status */
};

/* What follows the sum, for rows of y. */
static void finish(const struct rows *r, int64_t begin, int64_t end)
{
    const int64_t n = r->product.n;
    for (int64_t i = begin; i < end; i++) {
        float *y = r->product.y + i * r->product.y_pitch;
        for (int64_t c = 0; c < n; c++) {
            float v = y[c] + r->bias[c];
            if (r->residual) v += r->residual[i * n + c];
            y[c] = tare_f32_finish(r->epilogue, v);
        }
    }
}

static void multiply_rows(void *arg, int64_t begin, int64_t end, int worker)
{
    struct rows *r = arg;
    struct tare_module_product part = r->product;
    (void)worker;
    part.m = end - begin;
    part.a += begin * part.a_pitch;
    part.y += begin * part.y_pitch;
    const enum tare_status st = r->module->multiply(&part);
    if (st != TARE_OK) r->status = (int)st;
    if (r->epilogue) finish(r, begin, end);
}

static void run_product(const struct tare_layer *layer,
                        const struct tare_layer_run *run)
{
    const struct tare_f32_conv *p = layer->params;
    const struct tare_window *w = &p->window;
    struct rows r = {.module = layer->module,
                     .product = {.m = w->batch * w->out_h * w->out_w,
                                 .k = w->in_c,
                                 .n = w->out_c,
                                 .alpha = 1.0f,
                                 .a = run->inputs[0],
                                 .b = layer->state,
                                 .a_pitch = tare_window_in_pitch(w),
                                 .y = run->outputs[0],
                                 .y_pitch = tare_window_out_pitch(w)},
                     .epilogue = &p->epilogue,
                     .bias = run->inputs[2],
                     .residual = p->epilogue.has_residual ? run->inputs[3] : NULL};
    tare_pool_run_shares(run->pool, r.product.m, row_grain(run->pool, r.product.m),
                         multiply_rows, &r);
    note_failure(layer, run, (enum tare_status)r.status);
}

static void run_conv(const struct tare_layer *layer, const struct tare_layer_run *run)
{
    const struct tare_f32_conv *p = layer->params;
    const struct tare_f32_conv_data data = {
        .x = run->inputs[0],
        .residual = p->epilogue.has_residual ? run->inputs[3] : NULL,
        .y = run->outputs[0]};
    note_failure(layer, run, layer->module->conv_run(layer->state, &data, run->shared));
}

static void run_u8_conv(const struct tare_layer *layer,
                        const struct tare_layer_run *run)
{
    const struct tare_u8_conv_data data = {
        .x = run->inputs[0],
        .residual = layer->n_inputs > 5 ? run->inputs[5] : NULL,
        .y = run->outputs[0]};
    note_failure(layer, run,
                 layer->module->u8_conv_run(layer->state, &data, run->shared));
}

static void run_matmul(const struct tare_layer *layer, const struct tare_layer_run *run)
{
    const struct tare_matmul_params *p = layer->params;
    const float *a = run->inputs[0], *b = run->inputs[1];
    float *y = run->outputs[0];
    struct rows r = {.module = layer->module,
                     .product = {.m = p->m,
                                 .k = p->k,
                                 .n = p->n,
                                 .alpha = p->alpha,
                                 .a_pitch = p->k,
                                 .y_pitch = p->n}};
    for (int64_t i = 0; i < tare_matmul_count(p); i++) {
        const struct tare_matmul_at at = tare_matmul_matrices(p, i);
        r.product.a = a + at.a;
        r.product.b = b + at.b;
        r.product.y = y + at.y;
        tare_pool_run_shares(run->pool, p->m, row_grain(run->pool, p->m), multiply_rows,
                             &r);
    }
    note_failure(layer, run, (enum tare_status)r.status);
}

static bool is_product(const struct tare_window *w)
{
    return w->groups == 1 && w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 &&
           w->stride_w == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           w->out_h == w->in_h && w->out_w == w->in_w;
}

static const void *constant(const struct tare_layer *layer, size_t i)
{
    return tare_layer_weight(layer, layer->inputs[i]);
}

/* [out_c, in_c] as the second matrix of a product. */
static enum tare_status transpose(struct tare_layer *layer, const float *plain,
                                  struct tare_error *err)
{
    const struct tare_f32_conv *p = layer->params;
    const int64_t n_in = p->window.in_c, n_out = p->window.out_c;
    float *b = tare_alloc_array((size_t)(n_in * n_out), sizeof *b);
    TARE_FAIL_IF(!b, err, TARE_E_NOMEM, "no memory");
    for (int64_t c = 0; c < n_out; c++)
        for (int64_t k = 0; k < n_in; k++)
            b[k * n_out + c] = plain[c * n_in + k];
    layer->state = b;
    layer->run = run_product;
    return TARE_OK;
}

/* What conv_create() or u8_conv_create() said. @param state  the layer's, on success */
static enum tare_status
take_state(struct tare_layer *layer, enum tare_status st, void *state,
           void (*run)(const struct tare_layer *, const struct tare_layer_run *),
           struct tare_error *err)
{
    if (st == TARE_OK) {
        layer->state = state;
        layer->run = run;
        return TARE_OK;
    }
    tare_free(state);
    return tare_error_set(err, st, "%s cannot compute it", layer->module->library);
}

static enum tare_status create(struct tare_layer *layer, const float *plain,
                               struct tare_error *err)
{
    const struct tare_kernel_module *module = layer->module;
    void *state = tare_alloc_array(1, module->conv_bytes);
    TARE_FAIL_IF(!state, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st = module->conv_create(
        layer->params, plain, constant(layer, 2), state, &layer->shared_bytes);
    return take_state(layer, st, state, run_conv, err);
}

static enum tare_status adopt_conv(struct tare_layer *layer, struct tare_error *err)
{
    const struct tare_f32_conv *p = layer->params;
    size_t n_bytes; /* packed weights are no fewer */
    TARE_LAYER_FAIL_IF(!tare_f32_conv_packed_bytes(p, &n_bytes), err, "window");
    TARE_FAIL_IF(!layer->module->conv_create && !is_product(&p->window), err,
                 TARE_E_UNSUPPORTED, "%s cannot compute it", layer->module->library);
    float *plain = tare_alloc_array(n_bytes, 1);
    TARE_FAIL_IF(!plain, err, TARE_E_NOMEM, "no memory");
    tare_f32_conv_unpack(p, constant(layer, 1), plain);
    const enum tare_status st = layer->module->conv_create
                                    ? create(layer, plain, err)
                                    : transpose(layer, plain, err);
    tare_free(plain);
    return st;
}

static enum tare_status create_u8(struct tare_layer *layer,
                                  const struct tare_module_u8_constants *constants,
                                  struct tare_error *err)
{
    const struct tare_kernel_module *module = layer->module;
    void *state = tare_alloc_array(1, module->conv_bytes);
    TARE_FAIL_IF(!state, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st =
        module->u8_conv_create(layer->params, constants, state, &layer->shared_bytes);
    return take_state(layer, st, state, run_u8_conv, err);
}

static enum tare_status adopt_u8_conv(struct tare_layer *layer, struct tare_error *err)
{
    const struct tare_u8_conv *p = layer->params;
    const size_t n = (size_t)p->window.out_c;
    TARE_FAIL_IF(!layer->module->u8_conv_create, err, TARE_E_UNSUPPORTED,
                 "%s cannot compute it", layer->module->library);
    const struct tare_module_u8_constants constants = {
        /* packed weights are no fewer */
        .weights = tare_alloc_array((size_t)layer->inputs[1]->n_bytes, 1),
        .multiplier = tare_alloc_array(n, sizeof(float)),
        .bias = tare_alloc_array(n, sizeof(float)),
        .acc_init = constant(layer, 2)};
    enum tare_status st = TARE_E_NOMEM;
    if (constants.weights && constants.multiplier && constants.bias) {
        (layer->record->kind == TARE_LAYER_U8_DEPTHWISE
             ? tare_u8_depthwise_unpack
             : tare_u8_conv_unpack)(p, constant(layer, 1), constants.weights);
        memcpy(constants.multiplier, constant(layer, 3), n * sizeof(float));
        memcpy(constants.bias, constant(layer, 4), n * sizeof(float));
        st = create_u8(layer, &constants, err);
    } else {
        (void)tare_error_set(err, st, "no memory");
    }
    tare_free(constants.weights);
    tare_free(constants.multiplier);
    tare_free(constants.bias);
    return st;
}

static bool does_kind(enum tare_kernel_source source, uint32_t kind)
{
    return source == TARE_SOURCE_ONEDNN_INT8
               ? kind == TARE_LAYER_U8_CONV || kind == TARE_LAYER_U8_DEPTHWISE
               : kind == TARE_LAYER_F32_CONV || kind == TARE_LAYER_F32_MATMUL;
}

enum tare_status tare_layer_adopt(struct tare_layer *layer, const char *tactic,
                                  struct tare_error *err)
{
    enum tare_kernel_source source;
    const uint32_t kind = layer->record->kind;
    TARE_FAIL_IF(!tare_kernel_source_find(tactic, &source) ||
                     !does_kind(source, kind) || tare_layer_is_widened(layer),
                 err, TARE_E_UNSUPPORTED,
                 "this tare has no tactic '%.60s' for it: build the engine again with "
                 "`tare build`",
                 tactic);
    TARE_TRY(tare_kernel_source_open(source, &layer->module, err), err,
             "its tactic is '%s'", tactic);
    layer->tactic = tare_kernel_source_name(source);
    if (kind == TARE_LAYER_F32_CONV) return adopt_conv(layer, err);
    if (source == TARE_SOURCE_ONEDNN_INT8) return adopt_u8_conv(layer, err);
    layer->run = run_matmul;
    return TARE_OK;
}

void tare_layer_release(struct tare_layer *layer)
{
    tare_plugin_layer_release(layer);
    if (!layer->module || !layer->state) return;
    if (layer->run == run_conv || layer->run == run_u8_conv)
        layer->module->conv_destroy(layer->state);
    tare_free(layer->state);
    layer->state = NULL;
}
