/* Convolutions of bytes by oneDNN. It computes, in float32,
 *
 *     v = scale[c] * (sum + bias[c]) + factor * (what y was before)
 *     v = slope and bounds of v
 *     y = rint(v + zero point), saturated
 *
 * where ours is as kernels/u8_epilogue.h has it: the same but for where values are
 * rounded. What is constant in a channel goes into its bias. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/modules/onednn.h"

/* Of other implementations than these the sums are not exact: without instructions for
 * it, oneDNN adds products in 16 bits. Those by gemm have them, but 2.6.3's are wrong
 * for some windows with padding and a zero point. */
static const char word_of_exact[] = "avx512_core_vnni";

/* Bound of what is added up to an output, in codes: the few roundings of that in
 * float32 are far less than a code then. */
static const double most_codes = 1 << 18;

static bool reaches_out(const struct tare_window *w)
{
    return w->pad_top > 0 || w->pad_left > 0 ||
           tare_onednn_pad_behind(w->in_h, w->out_h, w->kernel_h, w->stride_h,
                                  w->dilation_h, w->pad_top) > 0 ||
           tare_onednn_pad_behind(w->in_w, w->out_w, w->kernel_w, w->stride_w,
                                  w->dilation_w, w->pad_left) > 0;
}

/* The zero point of x that oneDNN is told of: where there is padding, which reads as
 * that. Elsewhere acc_init has it all. */
static int32_t told_in_zero(const struct tare_u8_conv *p)
{
    return reaches_out(&p->window) ? p->in_zero_point : 0;
}

/* Likewise of y: where values below it are treated otherwise. Elsewhere the bias has
 * it. */
static int32_t told_out_zero(const struct tare_u8_epilogue *e)
{
    return !e->out_f32 && e->negative_slope != 1.0f ? e->out_zero_point : 0;
}

/* What every value has added to it besides its channel's bias. */
static double shift_of(const struct tare_u8_epilogue *e)
{
    double shift = e->out_f32 ? 0.0 : (double)(e->out_zero_point - told_out_zero(e));
    if (e->has_residual)
        shift -= (double)e->residual_scale * (double)e->residual_zero_point;
    return shift;
}

/* One channel as oneDNN wants it. A sum that counts for nothing beside what is added to
 * it is left out: that divided by a multiplier of 0, or near it, is no number.
 * @retval false  Values of this size are not within a code. */
static bool convert_channel(const struct tare_u8_conv *p, size_t n_terms, double shift,
                            const struct tare_module_u8_constants *k, size_t c)
{
    int8_t *weights = k->weights + c * n_terms;
    const double multiplier = (double)k->multiplier[c];
    const double added = (double)k->bias[c] + shift;
    if (!isfinite(multiplier) || !isfinite(added)) return false;
    int64_t start = k->acc_init[c];
    for (size_t i = 0; i < n_terms; i++)
        start += (int64_t)told_in_zero(p) * weights[i];
    const double in_sums =
        multiplier != 0.0 ? (double)start + added / multiplier : HUGE_VAL;
    const bool sum_counts = fabs(in_sums) <= (double)FLT_MAX;
    const double steepest = fmax(1.0, fabs((double)p->epilogue.negative_slope));
    const double size = steepest * fabs(sum_counts ? in_sums * multiplier : added);
    if (!sum_counts) memset(weights, 0, n_terms);
    k->multiplier[c] = sum_counts ? k->multiplier[c] : 1.0f;
    k->bias[c] = (float)(sum_counts ? in_sums : added);
    return p->epilogue.out_f32 || size <= most_codes;
}

static bool convert(const struct tare_u8_conv *p,
                    const struct tare_module_u8_constants *k)
{
    const struct tare_window *w = &p->window;
    const size_t n_terms = (size_t)(w->in_c / w->groups * w->kernel_h * w->kernel_w);
    const double shift = shift_of(&p->epilogue);
    bool is_good = true;
    for (size_t c = 0; is_good && c < (size_t)w->out_c; c++)
        is_good = convert_channel(p, n_terms, shift, k, c);
    return is_good;
}

/* Behind the sum: residual, slope, and bounds where saturation does not do. */
static dnnl_status_t add_epilogue(dnnl_post_ops_t ops, const struct tare_u8_epilogue *e)
{
    const float told = (float)told_out_zero(e);
    const float added = e->out_f32 ? 0.0f : (float)e->out_zero_point - told;
    float lower = e->lower + added, upper = e->upper + added;
    if (!e->out_f32 && lower <= -told) lower = -INFINITY;
    if (!e->out_f32 && upper >= 255.0f - told) upper = INFINITY;
    const dnnl_status_t st = e->has_residual
                                 ? dnnl_post_ops_append_sum(ops, e->residual_scale)
                                 : dnnl_success;
    return st == dnnl_success
               ? tare_onednn_append_activation(ops, e->negative_slope, lower, upper)
               : st;
}

static dnnl_status_t set_zero(dnnl_primitive_attr_t attr, int argument, int32_t zero)
{
    return zero == 0 ? dnnl_success
                     : dnnl_primitive_attr_set_zero_points(attr, argument, 1, 0, &zero);
}

static dnnl_status_t make_attr(const struct tare_u8_conv *p, const float *scales,
                               dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t st = dnnl_primitive_attr_create(attr);
    if (st == dnnl_success) /* a scale for each length along axis 1, channels */
        st = dnnl_primitive_attr_set_output_scales(*attr, p->window.out_c, 1 << 1,
                                                   scales);
    if (st == dnnl_success) st = set_zero(*attr, DNNL_ARG_SRC, told_in_zero(p));
    if (st == dnnl_success)
        st = set_zero(*attr, DNNL_ARG_DST, told_out_zero(&p->epilogue));
    if (st == dnnl_success) st = dnnl_post_ops_create(&ops);
    if (st == dnnl_success) st = add_epilogue(ops, &p->epilogue);
    if (st == dnnl_success) st = dnnl_primitive_attr_set_post_ops(*attr, ops);
    (void)dnnl_post_ops_destroy(ops);
    return st;
}

/* A residual is dense, as large as y, and copied to it as one block. */
static bool can_be_residual(const struct tare_u8_conv *p)
{
    const struct tare_u8_epilogue *e = &p->epilogue;
    return !e->has_residual ||
           (!e->out_f32 && !p->window.out_pitch && isfinite(e->residual_scale) &&
            255.0 * fabs((double)e->residual_scale) <= most_codes);
}

enum tare_status
tare_onednn_u8_conv_create(const struct tare_u8_conv *p,
                           const struct tare_module_u8_constants *constants,
                           void *state, size_t *scratch)
{
    if (!can_be_residual(p) || !convert(p, constants)) return TARE_E_UNSUPPORTED;
    struct tare_onednn_recipe recipe = {.window = &p->window,
                                        .x = dnnl_u8,
                                        .weights = dnnl_s8,
                                        .y = p->epilogue.out_f32 ? dnnl_f32 : dnnl_u8,
                                        .plain = constants->weights,
                                        .bias = constants->bias,
                                        .has_residual = p->epilogue.has_residual,
                                        .word = word_of_exact};
    const dnnl_status_t st = make_attr(p, constants->multiplier, &recipe.attr);
    return tare_onednn_create(state, &recipe, st, scratch);
}

enum tare_status tare_onednn_u8_conv_run(const void *state,
                                         const struct tare_u8_conv_data *data,
                                         void *scratch)
{
    return tare_onednn_run(state, data->x, data->residual, data->y, scratch);
}
