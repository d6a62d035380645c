/*
 * Depthwise convolution: the reference against a loop in double, and against the
 * general convolution's bits; every variant against the reference, byte for byte, for
 * random geometry and any split.
 *
 *     check_f32_depthwise [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "base/mem.h"
#include "kernels/f32_conv/f32_conv.h"
#include "kernels/f32_depthwise/f32_depthwise.h"
#include "tests/kernels/pitch.h"

struct job {
    struct tare_f32_depthwise conv;
    struct tare_f32_depthwise_data data;
    float *plain; /* weights [c, 1, kernel_h, kernel_w] */
    float *packed, *x, *bias, *residual;
    void *scratch;
    tare_f32_depthwise_fn *fn;
};

static int64_t x_count(const struct tare_window *w)
{
    return w->batch * w->in_h * w->in_w * w->in_c;
}

static int64_t y_count(const struct tare_window *w)
{
    return w->batch * w->out_h * w->out_w * w->in_c;
}

static int64_t out_length(int64_t in, int64_t pads, int64_t kernel, int64_t stride,
                          int64_t dilation)
{
    const int64_t room = in + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

static struct tare_window random_window(void)
{
    struct tare_window w;
    do {
        w = (struct tare_window){.batch = check_range(1, 2),
                                 .in_h = check_range(1, 7),
                                 .in_w = check_range(1, 22),
                                 .kernel_h = check_range(1, 4),
                                 .kernel_w = check_range(1, 5),
                                 .stride_h = check_range(1, 2),
                                 .stride_w = check_range(1, 3),
                                 .dilation_h = check_range(1, 2),
                                 .dilation_w = check_range(1, 2),
                                 .pad_top = check_range(0, 2),
                                 .pad_left = check_range(0, 4)};
        w.out_h = out_length(w.in_h, w.pad_top + check_range(0, 3), w.kernel_h,
                             w.stride_h, w.dilation_h);
        w.out_w = out_length(w.in_w, w.pad_left + check_range(0, 4), w.kernel_w,
                             w.stride_w, w.dilation_w);
    } while (w.out_h < 1 || w.out_w < 1);
    w.groups = w.in_c = w.out_c =
        check_u32() & 1 ? check_range(1, 40) : check_range(60, 280);
    return w;
}

static struct job new_job(struct tare_window w, bool specials)
{
    struct job job = {.conv.window = w};
    size_t packed_bytes, scratch_bytes;
    job.conv.epilogue = (struct tare_f32_epilogue){(int32_t)check_range(0, 1), 1.0f,
                                                   -INFINITY, INFINITY};
    if (check_u32() & 1) job.conv.epilogue.lower = 0.0f;
    if (check_u32() & 1) job.conv.epilogue.upper = 0.75f;
    if (check_u32() % 4 == 0) job.conv.epilogue.negative_slope = 0.25f;
    if (!tare_f32_depthwise_packed_bytes(&job.conv, &packed_bytes) ||
        !tare_f32_depthwise_scratch_bytes(&job.conv, &scratch_bytes))
        abort();
    job.plain = check_floats(w.in_c * w.kernel_h * w.kernel_w, specials);
    job.x = check_floats_slack(x_count(&w), specials);
    job.residual = check_floats(y_count(&w), specials);
    job.bias = check_u32() % 4 ? check_floats(w.in_c, specials) : NULL;
    job.packed = check_aligned(packed_bytes);
    job.scratch = tare_alloc(scratch_bytes);
    if (!job.scratch) abort();
    memset(job.scratch, 0xff, scratch_bytes);
    tare_f32_depthwise_pack(&job.conv, job.plain, job.packed);
    job.data = (struct tare_f32_depthwise_data){
        .x = job.x, .weights = job.packed, .bias = job.bias, .residual = job.residual};
    return job;
}

static void free_job(struct job *job)
{
    tare_free(job->scratch);
    free(job->packed);
    free(job->bias);
    free(job->residual);
    free(job->x);
    free(job->plain);
}

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->conv, &job->data, job->scratch, begin, end);
}

static double naive(const struct job *job, int64_t i)
{
    const struct tare_window *w = &job->conv.window;
    const struct tare_f32_epilogue *e = &job->conv.epilogue;
    const int64_t c = i % w->in_c, ox = i / w->in_c % w->out_w;
    const int64_t oy = i / (w->in_c * w->out_w) % w->out_h;
    const int64_t image = i / (w->in_c * w->out_w * w->out_h);
    double v = job->bias ? (double)job->bias[c] : 0.0;
    for (int64_t kx = 0; kx < w->kernel_w; kx++)
        for (int64_t ky = 0; ky < w->kernel_h; ky++) {
            const int64_t iy = oy * w->stride_h + ky * w->dilation_h - w->pad_top;
            const int64_t ix = ox * w->stride_w + kx * w->dilation_w - w->pad_left;
            if (iy < 0 || ix < 0 || iy >= w->in_h || ix >= w->in_w) continue;
            v += (double)job->x[((image * w->in_h + iy) * w->in_w + ix) * w->in_c + c] *
                 (double)job->plain[(c * w->kernel_h + ky) * w->kernel_w + kx];
        }
    if (e->has_residual) v += (double)job->residual[i];
    if (v < 0) v *= (double)e->negative_slope;
    return fmin(fmax(v, (double)e->lower), (double)e->upper);
}

/* The general convolution is the same chain. */
static bool check_general(const struct job *job, const float *y)
{
    const struct tare_window *w = &job->conv.window;
    const struct tare_f32_conv conv = {*w, job->conv.epilogue};
    size_t packed_bytes, scratch_bytes;
    if (!tare_f32_conv_packed_bytes(&conv, &packed_bytes) ||
        !tare_f32_conv_scratch_bytes(&conv, &scratch_bytes))
        abort();
    float *packed = check_alloc(packed_bytes), *got = check_output(y_count(w));
    void *scratch = tare_alloc(scratch_bytes);
    if (!scratch) abort();
    tare_f32_conv_pack(&conv, job->plain, packed);
    const struct tare_f32_conv_data data = {job->x, packed, job->bias, job->residual,
                                            got};
    tare_f32_conv_select(tare_cpu_flags())(&conv, &data, scratch, 0,
                                           tare_f32_conv_units(&conv));
    const bool ok = check_same("general convolution", got, y, y_count(w));
    tare_free(scratch);
    check_free(got);
    free(packed);
    return ok;
}

static bool check_ref(bool specials)
{
    struct job job = new_job(random_window(), specials);
    const int64_t n = y_count(&job.conv.window);
    float *y = check_output(n);
    job.data.y = y;
    tare_f32_depthwise__ref(&job.conv, &job.data, job.scratch, 0,
                            tare_f32_depthwise_units(&job.conv));
    bool ok = check_general(&job, y);
    for (int64_t i = 0; i < n && ok && !specials; i++)
        ok = check_close("ref", i, y[i], naive(&job, i), 5e-6);
    check_free(y);
    free_job(&job);
    return ok;
}

/* The same on slices of larger tensors: the outputs are those of dense `y`, and what is
 * between the pixels stays as it was. */
static bool check_pitched(tare_f32_depthwise_fn *fn, const char *name,
                          const struct job *job, const float *y)
{
    struct job s = *job;
    struct tare_window *w = &s.conv.window;
    *w = pitch_random(&job->conv.window);
    const int64_t n = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    size_t packed_bytes, scratch_bytes;
    if (!tare_f32_depthwise_packed_bytes(&s.conv, &packed_bytes) ||
        !tare_f32_depthwise_scratch_bytes(&s.conv, &scratch_bytes))
        abort();
    float *x = check_floats_slack(
        pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch), false);
    float *want = check_output(n), *got = check_output(n);
    s.packed = check_aligned(packed_bytes);
    s.scratch = tare_alloc(scratch_bytes);
    if (!s.scratch) abort();
    pitch_spread(x, job->x, pitch_in_pixels(w), w->in_c, w->in_pitch, sizeof *x);
    pitch_spread(want, y, pitch_out_pixels(w), w->out_c, w->out_pitch, sizeof *want);
    tare_f32_depthwise_pack(&s.conv, job->plain, s.packed);
    s.data = (struct tare_f32_depthwise_data){.x = x,
                                              .weights = s.packed,
                                              .bias = job->bias,
                                              .residual = job->residual,
                                              .y = got};
    s.fn = fn;
    check_split(run_job, &s, 0, tare_f32_depthwise_units(&s.conv));
    const bool ok = check_same(name, got, want, n);
    check_free(got);
    check_free(want);
    tare_free(s.scratch);
    free(s.packed);
    free(x);
    return ok;
}

static bool check_one(const struct tare_f32_depthwise_variant *v, bool specials)
{
    struct job job = new_job(random_window(), specials);
    const int64_t n = y_count(&job.conv.window);
    const int64_t units = tare_f32_depthwise_units(&job.conv);
    float *want = check_output(n), *got = check_output(n);
    job.data.y = want;
    tare_f32_depthwise__ref(&job.conv, &job.data, job.scratch, 0, units);
    job.fn = v->fn;
    job.data.y = got;
    check_split(run_job, &job, 0, units);
    bool ok =
        check_same(v->name, got, want, n) &&
        check_pitched(v->fn, v->name, &job, want) &&
        check_pitched(tare_f32_depthwise__ref, "tare_f32_depthwise__ref", &job, want);
    if (ok) {
        const int64_t k = check_range(0, units);
        memset(got, 0xff, (size_t)n * sizeof *got);
        run_job(&job, 0, k);
        ok = check_done(v->name, got, want, tare_f32_depthwise_done(&job.conv, k), n,
                        k == units);
    }
    if (ok && job.conv.epilogue.has_residual) { /* in place of the residual */
        memcpy(got, job.residual, (size_t)n * sizeof *got);
        job.data.residual = got;
        run_job(&job, 0, units);
        ok = check_same(v->name, got, want, n);
    }
    check_free(got);
    check_free(want);
    free_job(&job);
    return ok;
}

static bool check_variant(const struct tare_f32_depthwise_variant *v)
{
    for (int i = 0; i < 300; i++)
        if (!check_one(v, i % 3 == 0)) return false;
    return true;
}

static void bench(void)
{
    const struct {
        const char *name;
        int64_t size, channels, kernel, stride;
    } layers[] = {
        {"5x5 18x18x16", 18, 16, 5, 1},      {"3x3 112x112x32", 112, 32, 3, 1},
        {"3x3/2 112x112x96", 112, 96, 3, 2}, {"3x3 56x56x144", 56, 144, 3, 1},
        {"3x3 28x28x192", 28, 192, 3, 1},    {"3x3 14x14x512", 14, 512, 3, 1},
        {"3x3 7x7x1024", 7, 1024, 3, 1},     {"5x5 14x14x672", 14, 672, 5, 1},
        {"3x3/2 14x14x512", 14, 512, 3, 2}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int64_t in = layers[i].size, c = layers[i].channels, k = layers[i].kernel;
        const int64_t stride = layers[i].stride, out = (in - 1) / stride + 1;
        const struct tare_window w = {1, in,     in,     c, out, out,   c,     c, k,
                                      k, stride, stride, 1, 1,   k / 2, k / 2, 0, 0};
        struct job job = new_job(w, false);
        float *y = check_output(y_count(&w));
        job.data.y = y;
        for (size_t n = 1; n < tare_f32_depthwise_count; n++) {
            const struct tare_f32_depthwise_variant *v = &tare_f32_depthwise_table[n];
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            job.fn = v->fn;
            check_bench(v->name, layers[i].name, 2.0 * (double)(y_count(&w) * k * k),
                        "GFLOPS", run_job, &job, tare_f32_depthwise_units(&job.conv));
        }
        check_free(y);
        free_job(&job);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    for (int i = 0; i < 100; i++)
        if (!check_ref(i % 2)) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_depthwise, check_variant);
    return CHECK_PASS;
}
