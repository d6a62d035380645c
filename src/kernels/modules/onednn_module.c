/* libtare-onednn.so: convolutions and matrix products by oneDNN, on one thread each.
 * Its parts, onednn*.c, are the only files that know it. */
#include <stdio.h>

#include "kernels/modules/onednn.h"

static enum tare_status multiply(const struct tare_module_product *p)
{
    const int n_threads = tare_onednn_take_thread();
    const dnnl_status_t st = dnnl_sgemm('N', 'N', p->m, p->n, p->k, p->alpha, p->a,
                                        p->a_pitch, p->b, p->n, 0.0f, p->y, p->y_pitch);
    tare_onednn_give_threads(n_threads);
    return st == dnnl_success ? TARE_OK : TARE_E_UNSUPPORTED;
}

/* The epilogue behind bias: residual, slope, bounds. The residual is what lies in y
 * when the convolution begins: with oneDNN 2.6's addition of another tensor, some
 * kernels read its elements in a wrong order. */
static dnnl_status_t add_epilogue(dnnl_post_ops_t ops,
                                  const struct tare_f32_epilogue *e)
{
    const dnnl_status_t st =
        e->has_residual ? dnnl_post_ops_append_sum(ops, 1.0f) : dnnl_success;
    return st == dnnl_success ? tare_onednn_append_activation(ops, e->negative_slope,
                                                              e->lower, e->upper)
                              : st;
}

static dnnl_status_t make_attr(const struct tare_f32_epilogue *e,
                               dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_create(attr);
    if (st == dnnl_success) st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success) st = add_epilogue(ops, e);
    if (st == dnnl_success) st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    (void)dnnl_post_ops_destroy(ops);
    return st;
}

static enum tare_status conv_create(const struct tare_f32_conv *p, const float *weights,
                                    const float *bias, void *state, size_t *scratch)
{
    /* A residual is dense, and copied to y as one block. */
    if (p->epilogue.has_residual && p->window.out_pitch) return TARE_E_UNSUPPORTED;
    struct tare_onednn_recipe recipe = {.window = &p->window,
                                        .x = dnnl_f32,
                                        .weights = dnnl_f32,
                                        .y = dnnl_f32,
                                        .plain = weights,
                                        .bias = bias,
                                        .has_residual = p->epilogue.has_residual,
                                        .word = ""};
    const dnnl_status_t st = make_attr(&p->epilogue, &recipe.attr);
    return tare_onednn_create(state, &recipe, st, scratch);
}

static enum tare_status conv_run(const void *state,
                                 const struct tare_f32_conv_data *data, void *scratch)
{
    return tare_onednn_run(state, data->x, data->residual, data->y, scratch);
}

static void conv_destroy(void *state)
{
    tare_onednn_destroy(state);
}

const struct tare_kernel_module *tare_kernel_module(void)
{
    static char library[64];
    static const struct tare_kernel_module module = {
        .version = TARE_MODULE_VERSION,
        .library = library,
        .multiply = multiply,
        .conv_create = conv_create,
        .conv_bytes = sizeof(struct tare_onednn_conv),
        .conv_run = conv_run,
        .u8_conv_create = tare_onednn_u8_conv_create,
        .u8_conv_run = tare_onednn_u8_conv_run,
        .conv_destroy = conv_destroy};
    const dnnl_version_t *v = dnnl_version();
    (void)snprintf(library, sizeof library, "oneDNN %d.%d.%d", v->major, v->minor,
                   v->patch);
    return &module;
}
