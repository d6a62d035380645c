#include "engine/build/weights.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "graph/weight_grid.h"

struct tare_window tare_window_of(const struct tare_spatial *s)
{
    return (struct tare_window){.batch = s->batch,
                                .in_h = s->in[0],
                                .in_w = s->in[1],
                                .in_c = s->in_c,
                                .out_h = s->out[0],
                                .out_w = s->out[1],
                                .out_c = s->out_c,
                                .groups = s->groups,
                                .kernel_h = s->kernel[0],
                                .kernel_w = s->kernel[1],
                                .stride_h = s->stride[0],
                                .stride_w = s->stride[1],
                                .dilation_h = s->dilation[0],
                                .dilation_w = s->dilation[1],
                                .pad_top = s->pad_begin[0],
                                .pad_left = s->pad_begin[1]};
}

void tare_u8_epilogue_fill(struct tare_u8_epilogue *e, const struct tare_fused *fused,
                           const struct tare_quant *y)
{
    e->negative_slope = fused->negative_slope;
    if (!y->held) {
        e->out_f32 = 1;
        e->lower = fused->lower;
        e->upper = fused->upper;
        return;
    }
    const float least = (float)(y->lowest - y->zero_point);
    const float most = (float)(255 - y->zero_point);
    const float lower = (float)((double)fused->lower / (double)y->scale);
    const float upper = (float)((double)fused->upper / (double)y->scale);
    e->lower = fminf(fmaxf(lower, least), most);
    e->upper = fmaxf(fminf(upper, most), e->lower);
    e->out_zero_point = y->zero_point;
}

/* Quantize one channel; returns its scale. Adding 1.5 * 2^52 rounds as rint() does, and
 * is no call, so that the loop becomes one over vectors. */
static double quantize_channel(const float *w, size_t n, int8_t *q)
{
    static const double whole = 0x1.8p52;
    const double scale = tare_weight_scale(w, n);
    for (size_t i = 0; i < n; i++) {
        const int32_t v = (int32_t)((double)w[i] / scale + whole - whole);
        q[i] = (int8_t)(v > 127 ? 127 : v < -128 ? -128 : v);
    }
    return scale;
}

static int32_t sum_of(const int8_t *q, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += q[i];
    return sum;
}

/* A bias of so many steps is the sums' first term: as a whole number, which runtimes
 * with int32 biases add. Not where the sum could overflow then; nor where the model has
 * given a float one that is no whole number. */
static bool start_sum(double steps, bool is_given, size_t n, int32_t *init)
{
    const double whole = rint(steps), products = (double)n * 255 * 128;
    if (is_given && fabs(steps - whole) > 1e-3 + 2e-7 * fabs(whole)) return false;
    if (!(fabs((double)*init) + fabs(whole) + products <= (double)INT32_MAX))
        return false;
    *init += (int32_t)whole;
    return true;
}

enum tare_status
tare_u8_weights_make(const struct tare_window *window, const float *weights,
                     const float *bias, bool is_given_bias,
                     const struct tare_recovered *recovered, const struct tare_quant *x,
                     const struct tare_quant *y, struct tare_u8_weights *out,
                     struct tare_error *err)
{
    const size_t n_channels = (size_t)window->out_c;
    const size_t n =
        (size_t)(window->in_c / window->groups * window->kernel_h * window->kernel_w);
    const double y_scale = y->held ? (double)y->scale : 1.0;
    size_t n_weights;
    if (!tare_mul_size(n_channels, n, &n_weights))
        return tare_error_set(err, TARE_E_UNSUPPORTED, "engine: weights are too large");
    *out = (struct tare_u8_weights){
        .weights = tare_alloc(n_weights),
        .acc_init = tare_alloc_array(n_channels, sizeof(int32_t)),
        .multiplier = tare_alloc_array(n_channels, sizeof(float)),
        .bias = tare_alloc_array(n_channels, sizeof(float)),
    };
    if (!out->weights || !out->acc_init || !out->multiplier || !out->bias) {
        tare_u8_weights_release(out);
        return tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    if (recovered && recovered->bias) bias = recovered->bias;
    const bool given = recovered && recovered->weights;
    if (given) memcpy(out->weights, recovered->weights, n_weights);
    for (size_t c = 0; c < n_channels; c++) {
        int8_t *q = out->weights + c * n;
        const double scale = given ? (double)recovered->scales[c]
                                   : quantize_channel(weights + c * n, n, q);
        out->acc_init[c] = -x->zero_point * sum_of(q, n);
        const float step = x->scale * (float)scale;
        out->multiplier[c] = step / (float)y_scale;
        out->bias[c] = 0.0F;
        const bool in_sum = bias && y->held &&
                            start_sum((double)bias[c] / (double)step, is_given_bias, n,
                                      &out->acc_init[c]);
        if (bias && !in_sum) out->bias[c] = (float)((double)bias[c] / y_scale);
        if (!isfinite(out->multiplier[c]) || !isfinite(out->bias[c])) {
            tare_u8_weights_release(out);
            return tare_error_set(
                err, TARE_E_UNSUPPORTED,
                "channel %zu: weight scale %g or bias does not fit the "
                "output's scale %g; keep this layer in fp32",
                c, scale, y_scale);
        }
    }
    return TARE_OK;
}

void tare_u8_weights_release(struct tare_u8_weights *w)
{
    tare_free(w->weights);
    tare_free(w->acc_init);
    tare_free(w->multiplier);
    tare_free(w->bias);
    *w = (struct tare_u8_weights){0};
}
