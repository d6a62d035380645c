/* tests/kernels/f32_conv_case.h - a random float32 convolution with its buffers, a
 * naive convolution to compare with, and the checks of a variant; for check_f32_conv
 * and check_f32_winograd. */
#ifndef TARE_TESTS_F32_CONV_CASE_H
#define TARE_TESTS_F32_CONV_CASE_H

#include "tests/kernels/check_f32.h"

#include "base/mem.h"
#include "kernels/f32_conv/f32_conv.h"
#include "tests/kernels/pitch.h"

/** The functions of a family. */
struct conv_family {
    int64_t (*units)(const struct tare_f32_conv *conv);
    bool (*packed_bytes)(const struct tare_f32_conv *conv, size_t *size);
    bool (*scratch_bytes)(const struct tare_f32_conv *conv, size_t *size);
    void (*pack)(const struct tare_f32_conv *conv, const float *weights, float *packed);
    tare_f32_conv_fn *ref;
    const char *ref_name;
    /* or NULL */
    int64_t (*done)(const struct tare_f32_conv *conv, int64_t n_units);
};

struct job {
    const struct conv_family *family;
    struct tare_f32_conv conv;
    struct tare_f32_conv_data data;
    float *plain; /* weights [out_c, in_c / groups, kernel_h, kernel_w] */
    float *packed, *x, *bias, *residual;
    void *scratch;
    tare_f32_conv_fn *fn;
};

static inline int64_t x_count(const struct tare_window *w)
{
    return w->batch * w->in_h * w->in_w * w->in_c;
}

static inline int64_t y_count(const struct tare_window *w)
{
    return w->batch * w->out_h * w->out_w * w->out_c;
}

static inline int64_t out_length(int64_t in, int64_t pads, int64_t kernel,
                                 int64_t stride, int64_t dilation)
{
    const int64_t room = in + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

static inline struct job new_job(const struct conv_family *family, struct tare_window w,
                                 bool specials)
{
    struct job job = {.family = family, .conv.window = w};
    const float bounds[][3] = {{1.0f, -INFINITY, INFINITY},
                               {1.0f, 0.0f, INFINITY},
                               {1.0f, 0.0f, 0.75f},
                               {0.125f, -INFINITY, INFINITY}};
    const float *pick = bounds[check_u32() % 4];
    job.conv.epilogue =
        (struct tare_f32_epilogue){.has_residual = (int32_t)check_range(0, 1),
                                   .negative_slope = pick[0],
                                   .lower = pick[1],
                                   .upper = pick[2]};
    size_t packed_bytes, scratch_bytes;
    if (!family->packed_bytes(&job.conv, &packed_bytes) ||
        !family->scratch_bytes(&job.conv, &scratch_bytes))
        abort();
    job.plain =
        check_floats(w.out_c * (w.in_c / w.groups) * w.kernel_h * w.kernel_w, specials);
    job.x = check_floats(x_count(&w), specials);
    job.residual = check_floats(y_count(&w), specials);
    job.bias = check_u32() % 4 ? check_floats(w.out_c, specials) : NULL;
    job.packed = check_aligned(packed_bytes);
    job.scratch = tare_alloc(scratch_bytes);
    if (!job.scratch) abort();
    memset(job.scratch, 0xff, scratch_bytes);
    family->pack(&job.conv, job.plain, job.packed);
    job.data = (struct tare_f32_conv_data){
        .x = job.x, .weights = job.packed, .bias = job.bias, .residual = job.residual};
    return job;
}

static inline void free_job(struct job *job)
{
    tare_free(job->scratch);
    free(job->packed);
    free(job->bias);
    free(job->residual);
    free(job->x);
    free(job->plain);
}

static inline void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->conv, &job->data, job->scratch, begin, end);
}

/* ONNX's definition, in double: the sum, and in *size the sum of magnitudes. */
static inline double naive(const struct job *job, const int64_t at[4], double *size)
{
    const struct tare_window *w = &job->conv.window;
    const int64_t per_group = w->in_c / w->groups;
    const int64_t group = at[3] / (w->out_c / w->groups);
    double sum = 0.0;
    *size = 0.0;
    for (int64_t c = 0; c < per_group; c++)
        for (int64_t ky = 0; ky < w->kernel_h; ky++)
            for (int64_t kx = 0; kx < w->kernel_w; kx++) {
                const int64_t y = at[1] * w->stride_h + ky * w->dilation_h - w->pad_top;
                const int64_t x =
                    at[2] * w->stride_w + kx * w->dilation_w - w->pad_left;
                if (y < 0 || x < 0 || y >= w->in_h || x >= w->in_w) continue;
                const int64_t i = ((at[0] * w->in_h + y) * w->in_w + x) * w->in_c +
                                  group * per_group + c;
                const int64_t k =
                    ((at[3] * per_group + c) * w->kernel_h + ky) * w->kernel_w + kx;
                const double term = (double)job->x[i] * (double)job->plain[k];
                sum += term;
                *size += fabs(term);
            }
    return sum;
}

/** The largest magnitude of `n` floats. */
static inline double largest(const float *x, int64_t n)
{
    double most = 0.0;
    for (int64_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > most) most = fabs((double)x[i]);
    return most;
}

/** The reference against the definition. `slack` times the most that all products of an
 *  output's patch could be is allowed beside the sum's own rounding. */
static inline bool check_ref_against_naive(const struct conv_family *family,
                                           struct tare_window window, double slack)
{
    struct job job = new_job(family, window, false);
    const struct tare_window *w = &job.conv.window;
    const struct tare_f32_epilogue *e = &job.conv.epilogue;
    const int64_t n_weights =
        w->out_c * (w->in_c / w->groups) * w->kernel_h * w->kernel_w;
    const double beside = slack * (double)w->in_c * largest(job.x, x_count(w)) *
                          largest(job.plain, n_weights);
    float *y = check_output(y_count(w));
    job.data.y = y;
    family->ref(&job.conv, &job.data, job.scratch, 0, family->units(&job.conv));
    bool ok = true;
    for (int64_t i = 0; i < y_count(w) && ok; i++) {
        const int64_t at[] = {i / (w->out_h * w->out_w * w->out_c),
                              i / (w->out_w * w->out_c) % w->out_h,
                              i / w->out_c % w->out_w, i % w->out_c};
        double size, v = naive(&job, at, &size);
        if (job.bias) v += (double)job.bias[at[3]];
        if (e->has_residual) v += (double)job.residual[i];
        if (v < 0) v *= (double)e->negative_slope;
        v = fmin(fmax(v, (double)e->lower), (double)e->upper);
        ok = check_close("ref", i, y[i], v, 1e-6 * (size + 2.0) + beside);
    }
    check_free(y);
    free_job(&job);
    return ok;
}

/* The same on slices of larger tensors: the outputs are those of dense `y`, and what is
 * between the pixels stays as it was. */
static inline bool check_pitched(tare_f32_conv_fn *fn, const char *name,
                                 const struct job *job, const float *y)
{
    struct job s = *job;
    struct tare_window *w = &s.conv.window;
    *w = pitch_random(&job->conv.window);
    const int64_t n = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    size_t packed_bytes, scratch_bytes;
    if (!s.family->packed_bytes(&s.conv, &packed_bytes) ||
        !s.family->scratch_bytes(&s.conv, &scratch_bytes))
        abort();
    float *x =
        check_floats(pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch), false);
    float *want = check_output(n), *got = check_output(n);
    s.packed = check_aligned(packed_bytes);
    s.scratch = tare_alloc(scratch_bytes);
    if (!s.scratch) abort();
    pitch_spread(x, job->x, pitch_in_pixels(w), w->in_c, w->in_pitch, sizeof *x);
    pitch_spread(want, y, pitch_out_pixels(w), w->out_c, w->out_pitch, sizeof *want);
    s.family->pack(&s.conv, job->plain, s.packed);
    s.data = (struct tare_f32_conv_data){.x = x,
                                         .weights = s.packed,
                                         .bias = job->bias,
                                         .residual = job->residual,
                                         .y = got};
    s.fn = fn;
    check_split(run_job, &s, 0, s.family->units(&s.conv));
    const bool ok = check_same(name, got, want, n);
    check_free(got);
    check_free(want);
    tare_free(s.scratch);
    free(s.packed);
    free(x);
    return ok;
}

/** A variant against the reference, byte for byte. */
static inline bool check_one(const struct conv_family *family, tare_f32_conv_fn *fn,
                             const char *name, struct tare_window w, bool specials)
{
    struct job job = new_job(family, w, specials);
    const int64_t units = family->units(&job.conv), n = y_count(&w);
    float *want = check_output(n), *got = check_output(n);
    job.data.y = want;
    family->ref(&job.conv, &job.data, job.scratch, 0, units);
    job.fn = fn;
    job.data.y = got;
    check_split(run_job, &job, 0, units);
    bool ok = check_same(name, got, want, n) && check_pitched(fn, name, &job, want) &&
              check_pitched(family->ref, family->ref_name, &job, want);

    if (ok && family->done) {
        const int64_t k = check_range(0, units);
        memset(got, 0xff, (size_t)n * sizeof *got);
        run_job(&job, 0, k);
        ok = check_done(name, got, want, family->done(&job.conv, k), n, k == units);
    }
    if (ok && job.conv.epilogue.has_residual) { /* in place of the residual */
        memcpy(got, job.residual, (size_t)n * sizeof *got);
        job.data.residual = got;
        run_job(&job, 0, units);
        ok = check_same(name, got, want, n);
    }
    check_free(want);
    check_free(got);
    free_job(&job);
    return ok;
}

#endif /* TARE_TESTS_F32_CONV_CASE_H */
