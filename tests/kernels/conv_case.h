/* tests/kernels/conv_case.h - a random INT8 convolution with its buffers, a naive
 * convolution to compare with, and a timer; for check_u8_conv and check_u8_depthwise.
 */
#ifndef TARE_TESTS_CONV_CASE_H
#define TARE_TESTS_CONV_CASE_H

#include <math.h>

#include "kernels/u8_conv/u8_conv.h"
#include "tests/kernels/check_u8.h"
#include "tests/kernels/pitch.h"

/** The functions of a family. */
struct conv_family {
    int64_t (*units)(const struct tare_u8_conv *p);
    bool (*packed_bytes)(const struct tare_u8_conv *p, size_t *out);
    void (*pack)(const struct tare_u8_conv *p, const int8_t *weights, int8_t *packed);
    bool (*scratch_bytes)(const struct tare_u8_conv *p, size_t *out);
    void (*unpack)(const struct tare_u8_conv *p, const int8_t *packed, int8_t *weights);
};

struct conv_case {
    const struct conv_family *family;
    struct tare_u8_conv p;
    int8_t *weights; /* [out_c, in_c / groups, kernel_h, kernel_w] */
    uint8_t *x, *residual;
    int32_t *acc_init;
    float *multiplier, *bias;
    int8_t *packed;
    void *scratch;
    bool may_be_large; /* values that no int32 holds */
    size_t y_bytes;
    uint8_t *want; /* guarded outputs */
    uint8_t *got;
};

static inline int64_t conv_terms(const struct tare_window *w)
{
    return w->kernel_h * w->kernel_w * (w->in_c / w->groups);
}

static inline int64_t conv_outputs(const struct tare_window *w)
{
    return w->batch * w->out_h * w->out_w * w->out_c;
}

/** An epilogue of any kind that keeps a sum of `terms` products in range now and then.
 */
static inline struct tare_u8_epilogue random_epilogue(bool may_residual)
{
    struct tare_u8_epilogue e = {.negative_slope = 1.0f, .residual_scale = 1.0f};
    e.out_f32 = check_once_in(4);
    e.out_zero_point = check_zero_point();
    e.lower = (float)-e.out_zero_point;
    e.upper = (float)(255 - e.out_zero_point);
    if (check_once_in(3)) e.upper = fminf(e.upper, 20.0f);
    if (check_once_in(4)) e.lower = 0.0f;
    if (e.out_f32 && check_once_in(2)) {
        e.lower = -INFINITY;
        e.upper = INFINITY;
    }
    if (check_once_in(3)) e.negative_slope = check_once_in(2) ? 0.25f : 0.1f;
    e.has_residual = may_residual && check_once_in(2);
    e.residual_zero_point = check_zero_point();
    e.residual_scale = check_once_in(2) ? 0.5f : 0.37f;
    return e;
}

/** Around the widths of vectors. */
static inline int64_t any_channels(void)
{
    static const int64_t around[] = {1,  2,  3,  4,  5,  8,  15, 16, 17,
                                     24, 31, 32, 33, 48, 49, 64, 70};
    return around[check_u32() % (sizeof around / sizeof around[0])];
}

/** A matrix product, a pointwise layer, or a window of any kind. */
static inline struct tare_u8_conv random_conv(void)
{
    struct tare_window w = {.batch = check_between(1, 2),
                            .in_h = check_between(1, 9),
                            .in_w = check_between(1, 17),
                            .groups = 1,
                            .kernel_h = 1,
                            .kernel_w = 1,
                            .stride_h = 1,
                            .stride_w = 1,
                            .dilation_h = 1,
                            .dilation_w = 1};
    int64_t pad_bottom = 0, pad_right = 0;
    if (check_once_in(4)) { /* matrix */
        w.batch = w.in_h = 1;
        w.in_w = check_between(1, 64);
    } else if (!check_once_in(4)) {
        w.kernel_h = check_between(1, 5);
        w.kernel_w = check_between(1, 5);
        w.stride_h = check_between(1, 3);
        w.stride_w = check_between(1, 3);
        w.dilation_h = check_once_in(3) ? check_between(2, 3) : 1;
        w.dilation_w = check_once_in(3) ? check_between(2, 3) : 1;
        w.pad_top = check_between(0, 3);
        w.pad_left = check_between(0, 3);
        pad_bottom = check_between(0, 3);
        pad_right = check_between(0, 3);
    }
    const int64_t reach_h = (w.kernel_h - 1) * w.dilation_h + 1;
    const int64_t reach_w = (w.kernel_w - 1) * w.dilation_w + 1;
    if (w.in_h + w.pad_top + pad_bottom < reach_h) w.in_h = reach_h;
    if (w.in_w + w.pad_left + pad_right < reach_w) w.in_w = reach_w;
    w.out_h = (w.in_h + w.pad_top + pad_bottom - reach_h) / w.stride_h + 1;
    w.out_w = (w.in_w + w.pad_left + pad_right - reach_w) / w.stride_w + 1;
    if (check_once_in(3)) w.groups = check_between(2, 5);
    w.in_c = any_channels() * w.groups;
    w.out_c = any_channels() * w.groups;
    return (struct tare_u8_conv){.window = w,
                                 .in_zero_point = check_zero_point(),
                                 .epilogue = random_epilogue(true)};
}

/** groups = in_c = out_c. */
static inline struct tare_u8_conv random_depthwise(void)
{
    static const int64_t channels[] = {1,  2,  3,  4,  7,  8,  15, 16,  17,  24,
                                       31, 32, 33, 40, 48, 64, 72, 127, 144, 1030};
    static const int64_t kernels[] = {1, 2, 3, 3, 3, 4, 5, 5, 7};
    struct tare_window w = {
        .batch = check_between(1, 2),
        .in_h = check_between(1, 9),
        .in_w = check_between(1, 17),
        .in_c = channels[check_u32() % (sizeof channels / sizeof channels[0])],
        .kernel_h = kernels[check_u32() % 9],
        .stride_h = check_between(1, 3),
        .stride_w = check_once_in(2) ? 1 : check_between(2, 3),
        .dilation_h = check_once_in(3) ? check_between(2, 3) : 1,
        .dilation_w = check_once_in(3) ? check_between(2, 3) : 1,
        .pad_top = check_between(0, 3),
        .pad_left = check_between(0, 3),
    };
    w.kernel_w = check_once_in(3) ? kernels[check_u32() % 9] : w.kernel_h;
    w.groups = w.out_c = w.in_c;
    const int64_t pad_bottom = check_between(0, 3), pad_right = check_between(0, 3);
    const int64_t reach_h = (w.kernel_h - 1) * w.dilation_h + 1;
    const int64_t reach_w = (w.kernel_w - 1) * w.dilation_w + 1;
    if (w.in_h + w.pad_top + pad_bottom < reach_h) w.in_h = reach_h;
    if (w.in_w + w.pad_left + pad_right < reach_w) w.in_w = reach_w;
    w.out_h = (w.in_h + w.pad_top + pad_bottom - reach_h) / w.stride_h + 1;
    w.out_w = (w.in_w + w.pad_left + pad_right - reach_w) / w.stride_w + 1;
    return (struct tare_u8_conv){.window = w,
                                 .in_zero_point = check_zero_point(),
                                 .epilogue = random_epilogue(true)};
}

/** Values that no int32 holds, now and then in some channels alone. */
static inline void random_large_scales(struct conv_case *t)
{
    const bool few = check_once_in(2);
    if (check_once_in(2)) t->p.epilogue.residual_scale = 0x1p30f;
    for (int64_t c = 0; c < t->p.window.out_c; c++) {
        if (few && !check_once_in(10)) continue;
        if (check_once_in(2))
            t->multiplier[c] = ldexpf(1.0f, (int)check_between(-4, 40));
        else
            t->bias[c] =
                ldexpf(check_once_in(2) ? -1.0f : 1.0f, (int)check_between(20, 60));
    }
}

/** Multipliers and biases: arbitrary ones, or powers of two that make exact ties. */
static inline void random_scales(struct conv_case *t)
{
    const struct tare_window *w = &t->p.window;
    const float spread = 60.0f / (80.0f * 70.0f * sqrtf((float)conv_terms(w)));
    const bool ties = check_once_in(3);
    int exponent;
    frexpf(spread, &exponent);
    for (int64_t c = 0; c < w->out_c; c++) {
        t->multiplier[c] = ties ? ldexpf(1.0f, exponent)
                                : spread * (float)check_between(50, 150) / 100.0f;
        t->bias[c] = ties ? (float)check_between(-40, 40) * 0.5f
                          : (float)check_between(-3000, 3000) / 97.0f;
    }
    if (t->may_be_large && check_once_in(6)) random_large_scales(t);
}

/** Inputs as networks have them, most of them near the zero point; how near, and how
 *  many are not, differs from case to case. */
static inline void random_activations(struct conv_case *t, int64_t n)
{
    const int64_t zero_point = t->p.in_zero_point, far = check_between(2, 400);
    const int64_t spread = check_between(4, 120);
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = zero_point + check_between(-spread, spread);
        if (check_between(0, far) > 0)
            t->x[i] = (uint8_t)(x < 0 ? -x : x > 255 ? 255 : x);
    }
}

static inline void random_tensors(struct conv_case *t)
{
    const struct tare_window *w = &t->p.window;
    const int64_t n_x = w->batch * w->in_h * w->in_w * w->in_c;
    const int64_t terms = conv_terms(w);
    const bool extreme = check_once_in(6);
    if (extreme)
        memset(t->x, 255, (size_t)n_x);
    else if (!check_once_in(3))
        random_activations(t, n_x);
    for (int64_t c = 0; c < w->out_c; c++) {
        int32_t sum = 0;
        for (int64_t i = 0; i < terms; i++) {
            int8_t *weight = &t->weights[c * terms + i];
            *weight = (int8_t)check_between(-128, 127);
            if (extreme) *weight = c % 2 ? -128 : 127;
            sum += *weight;
        }
        t->acc_init[c] = -t->p.in_zero_point * sum;
        if (!extreme) t->acc_init[c] += (int32_t)check_between(-99999, 99999);
    }
}

/** Buffers and random content for t->p and t->family. @retval false: does not fit. */
static inline bool conv_case_fill(struct conv_case *t)
{
    const struct tare_window *w = &t->p.window;
    size_t packed_bytes, scratch_bytes;
    if (!t->family->packed_bytes(&t->p, &packed_bytes) ||
        !t->family->scratch_bytes(&t->p, &scratch_bytes))
        return false;
    t->y_bytes = (size_t)conv_outputs(w) * (t->p.epilogue.out_f32 ? 4 : 1);
    t->weights = check_alloc((size_t)(w->out_c * conv_terms(w)));
    t->x = check_input(w->batch * w->in_h * w->in_w * w->in_c, 1);
    t->residual = check_input(conv_outputs(w), 1);
    t->acc_init = check_input(w->out_c, sizeof(int32_t));
    t->multiplier = check_input(w->out_c, sizeof(float));
    t->bias = check_input(w->out_c, sizeof(float));
    t->packed = tare_alloc(packed_bytes);
    t->scratch = tare_alloc(scratch_bytes);
    t->want = check_output(t->y_bytes);
    t->got = check_output(t->y_bytes);
    if (!t->packed || !t->scratch) abort();
    random_tensors(t);
    random_scales(t);
    memset(t->packed, 0x77, packed_bytes);
    memset(t->scratch, 0x77, scratch_bytes);
    t->family->pack(&t->p, t->weights, t->packed);
    return true;
}

static inline void conv_case_free(struct conv_case *t)
{
    tare_free(t->packed);
    tare_free(t->scratch);
    void *const blocks[] = {t->weights,    t->x,    t->residual, t->acc_init,
                            t->multiplier, t->bias, t->want,     t->got};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        free(blocks[i]);
}

static inline struct tare_u8_conv_data conv_case_data(const struct conv_case *t,
                                                      uint8_t *output)
{
    return (struct tare_u8_conv_data){
        .x = t->x,
        .weights = t->packed,
        .acc_init = t->acc_init,
        .multiplier = t->multiplier,
        .bias = t->bias,
        .residual = t->p.epilogue.has_residual ? t->residual : NULL,
        .y = check_output_body(output),
        .next = t->x,
        .next_bytes = check_once_in(2) ? (size_t)check_between(1, 4096) : 0,
    };
}

/** acc_init + sum of x * w, padding being the zero point, as in a textbook. */
static inline int64_t naive_sum(const struct conv_case *t, int64_t n, int64_t oy,
                                int64_t ox, int64_t oc)
{
    const struct tare_window *w = &t->p.window;
    const int64_t group_in = w->in_c / w->groups;
    const int64_t first = oc / (w->out_c / w->groups) * group_in;
    int64_t sum = t->acc_init[oc];
    for (int64_t c = 0; c < group_in; c++)
        for (int64_t ky = 0; ky < w->kernel_h; ky++)
            for (int64_t kx = 0; kx < w->kernel_w; kx++) {
                const int64_t iy = oy * w->stride_h + ky * w->dilation_h - w->pad_top;
                const int64_t ix = ox * w->stride_w + kx * w->dilation_w - w->pad_left;
                const bool is_inside =
                    iy >= 0 && iy < w->in_h && ix >= 0 && ix < w->in_w;
                const int64_t x_at =
                    ((n * w->in_h + iy) * w->in_w + ix) * w->in_c + first + c;
                const int64_t w_at =
                    ((oc * group_in + c) * w->kernel_h + ky) * w->kernel_w + kx;
                const int64_t x = is_inside ? t->x[x_at] : t->p.in_zero_point;
                sum += x * t->weights[w_at];
            }
    return sum;
}

/** Output value `at`, of channel `oc`, from its sum. */
static inline void naive_store(struct conv_case *t, int64_t sum, int64_t oc, int64_t at)
{
    const struct tare_u8_epilogue *e = &t->p.epilogue;
    float v = fmaf((float)(int32_t)sum, t->multiplier[oc], t->bias[oc]);
    if (e->has_residual)
        v = fmaf((float)(t->residual[at] - e->residual_zero_point), e->residual_scale,
                 v);
    if (v < 0) v *= e->negative_slope;
    v = v > e->lower ? v : e->lower;
    v = v < e->upper ? v : e->upper;
    uint8_t *y = check_output_body(t->want);
    if (e->out_f32)
        memcpy(y + 4 * at, &v, sizeof v);
    else
        y[at] = (uint8_t)(nearbyint((double)v) + e->out_zero_point);
}

/** Fill t->want by the definition, from the unpacked weights. */
static inline void conv_case_naive(struct conv_case *t)
{
    const struct tare_window *w = &t->p.window;
    int64_t at = 0;
    for (int64_t n = 0; n < w->batch; n++)
        for (int64_t oy = 0; oy < w->out_h; oy++)
            for (int64_t ox = 0; ox < w->out_w; ox++)
                for (int64_t oc = 0; oc < w->out_c; oc++, at++)
                    naive_store(t, naive_sum(t, n, oy, ox, oc), oc, at);
}

static inline void conv_case_describe(const struct conv_case *t, char text[256])
{
    const struct tare_window *w = &t->p.window;
    const struct tare_u8_epilogue *e = &t->p.epilogue;
    snprintf(
        text, 256,
        "%ldx%ldx%ldx%ld -> %ldx%ldx%ld g%ld k%ldx%ld s%ldx%ld d%ldx%ld p%ld,%ld zp%d "
        "f32=%d res=%d slope=%g ozp=%d",
        (long)w->batch, (long)w->in_h, (long)w->in_w, (long)w->in_c, (long)w->out_h,
        (long)w->out_w, (long)w->out_c, (long)w->groups, (long)w->kernel_h,
        (long)w->kernel_w, (long)w->stride_h, (long)w->stride_w, (long)w->dilation_h,
        (long)w->dilation_w, (long)w->pad_top, (long)w->pad_left, t->p.in_zero_point,
        e->out_f32, e->has_residual, (double)e->negative_slope, e->out_zero_point);
}

/** Unpacking gives back what was packed. */
static inline bool conv_case_check_unpack(const struct conv_case *t)
{
    const size_t n = (size_t)(t->p.window.out_c * conv_terms(&t->p.window));
    int8_t *again = check_alloc(n);
    memset(again, 0x77, n);
    t->family->unpack(&t->p, t->packed, again);
    const bool ok = memcmp(again, t->weights, n) == 0;
    if (!ok) printf("not ok - unpacked weights differ\n");
    free(again);
    return ok;
}

/** Run `fn` on slices of larger tensors: the outputs are those of t->want, and what is
 *  between the pixels of y stays as it was. */
static inline bool conv_case_check_pitched(const struct conv_case *t,
                                           tare_u8_conv_fn *fn, const char *name,
                                           const char *what)
{
    struct conv_case s = *t;
    struct tare_window *w = &s.p.window;
    *w = pitch_random(&t->p.window);
    const size_t size = t->p.epilogue.out_f32 ? 4 : 1;
    const int64_t n_x = pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch);
    const int64_t n_y = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    size_t packed_bytes, scratch_bytes;
    if (!t->family->packed_bytes(&s.p, &packed_bytes) ||
        !t->family->scratch_bytes(&s.p, &scratch_bytes))
        abort();
    s.x = check_input(n_x, 1);
    s.packed = tare_alloc(packed_bytes);
    s.scratch = tare_alloc(scratch_bytes);
    s.y_bytes = (size_t)n_y * size;
    s.want = check_output(s.y_bytes);
    s.got = check_output(s.y_bytes);
    if (!s.packed || !s.scratch) abort();
    memset(s.scratch, 0x77, scratch_bytes);
    t->family->pack(&s.p, t->weights, s.packed);
    pitch_spread(s.x, t->x, pitch_in_pixels(w), w->in_c, w->in_pitch, 1);
    pitch_spread(check_output_body(s.want), check_output_body(t->want),
                 pitch_out_pixels(w), w->out_c, w->out_pitch, size);

    const struct tare_u8_conv_data data = conv_case_data(&s, s.got);
    struct check_pieces left = {0, t->family->units(&s.p)};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        fn(&s.p, &data, s.scratch, begin, end);
    const bool ok = check_same(s.want, s.got, s.y_bytes, name, what);
    tare_free(s.packed);
    tare_free(s.scratch);
    free(s.x);
    free(s.want);
    free(s.got);
    return ok;
}

/** Run `fn` whole, in pieces, on slices and, where it may be, over the residual;
 *  compare with t->want each time. */
static inline bool conv_case_check(struct conv_case *t, tare_u8_conv_fn *fn,
                                   const char *name)
{
    char what[256];
    conv_case_describe(t, what);
    struct tare_u8_conv_data data = conv_case_data(t, t->got);
    const int64_t units = t->family->units(&t->p);
    memset(t->got, 0x99, t->y_bytes + 2 * CHECK_GUARD);
    fn(&t->p, &data, t->scratch, 0, units);
    if (!check_same(t->want, t->got, t->y_bytes, name, what)) return false;

    memset(t->got, 0x99, t->y_bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, units};
    if (check_once_in(2)) data.grain = check_between(1, units);
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        fn(&t->p, &data, t->scratch, begin, end);
    if (!check_same(t->want, t->got, t->y_bytes, name, what)) return false;
    if (!conv_case_check_pitched(t, fn, name, what)) return false;
    if (!t->p.epilogue.has_residual || t->p.epilogue.out_f32) return true;

    struct tare_u8_conv_data in_place = data;
    memcpy(data.y, t->residual, t->y_bytes);
    in_place.residual = data.y;
    fn(&t->p, &in_place, t->scratch, 0, units);
    return check_same(t->want, t->got, t->y_bytes, name, what);
}

struct conv_call {
    struct conv_case *t;
    tare_u8_conv_fn *fn;
};

static inline void conv_call_run(void *arg)
{
    const struct conv_call *call = arg;
    const struct tare_u8_conv_data data = conv_case_data(call->t, call->t->got);
    call->fn(&call->t->p, &data, call->t->scratch, 0,
             call->t->family->units(&call->t->p));
}

/** Time `fn` on a layer; prints GOPS (two operations a product). */
static inline void conv_case_bench(struct conv_case *t, tare_u8_conv_fn *fn,
                                   const char *name)
{
    const struct tare_window *w = &t->p.window;
    struct conv_call call = {t, fn};
    const struct check_timing time = check_time(conv_call_run, &call);
    const double operations = 2e-9 * (double)conv_outputs(w) * (double)conv_terms(w);
    printf("%-30s %3ldx%-3ld %4ld -> %4ld g%-4ld k%ldx%ld s%ld  %8.1f us  %7.1f GOPS "
           "(median"
           " %.1f)\n",
           name, (long)w->in_h, (long)w->in_w, (long)w->in_c, (long)w->out_c,
           (long)w->groups, (long)w->kernel_h, (long)w->kernel_w, (long)w->stride_h,
           1e6 * time.least, operations / time.least, operations / time.median);
}

#endif /* TARE_TESTS_CONV_CASE_H */
