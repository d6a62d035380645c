/*
 * f16_conv and bf16_conv: the reference against ONNX's definition in double, and every
 * variant against the reference: to the bit, or where it adds in another way, within
 * the bound that its file states; random shapes, groups, strides, dilations, slices,
 * infinities, NaN and denormals, guards around the outputs.
 *
 *     check_half_conv [--seed=N] [--bench[=TEXT]]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_f32.h"

#include "base/half.h"
#include "base/mem.h"
#include "kernels/bf16_conv/bf16_conv.h"
#include "kernels/f16_conv/f16_conv.h"
#include "tests/kernels/pitch.h"

static const struct family {
    const char *name;
    uint16_t (*narrow)(float);
    float (*widen)(uint16_t);
    void (*pack)(const struct tare_half_conv *conv, const float *weights,
                 uint16_t *packed);
    tare_half_conv_fn *ref;
    /* of variants that add in another way: each of n products, and all of them, are so
     * far off, of the sum of their magnitudes; and n times what is left below */
    double each, all, least;
} families[] = {{"f16", tare_half_from_float, tare_half_to_float, tare_f16_conv_pack,
                 tare_f16_conv__ref, 0x1p-22, TARE_F16_CONV_RUN * 0x1p-11, 0x1p-24},
                {"bf16", tare_bfloat16_from_float, tare_bfloat16_to_float,
                 tare_bf16_conv_pack, tare_bf16_conv__ref, 0x1p-22, 0.0, 0x1p-100}};

struct job {
    const struct family *family;
    struct tare_half_conv conv;
    struct tare_half_conv_data data;
    float *plain, *bias;
    float *values, *weights; /* x and plain as a product sees them, for naive() */
    uint16_t *x, *residual, *packed;
    void *scratch;
    tare_half_conv_fn *fn;
    double least; /* a difference that is none */
};

static int64_t out_length(int64_t in, int64_t pads, int64_t kernel, int64_t stride,
                          int64_t dilation)
{
    const int64_t room = in + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : room / stride + 1;
}

/* Rows, columns and depths around the tiles, blocks and stretches. */
static struct tare_window random_window(void)
{
    struct tare_window w;
    do {
        const int64_t groups = check_u32() % 4 ? 1 : check_range(2, 3);
        w = (struct tare_window){.batch = check_range(1, 2),
                                 .in_h = check_range(1, 9),
                                 .in_w = check_range(1, 9),
                                 .in_c = groups * check_range(1, 40),
                                 .out_c = groups * check_range(1, 80),
                                 .groups = groups,
                                 .kernel_h = check_range(1, 3),
                                 .kernel_w = check_range(1, 4),
                                 .stride_h = check_range(1, 2),
                                 .stride_w = check_range(1, 3),
                                 .dilation_h = check_range(1, 2),
                                 .dilation_w = check_range(1, 2),
                                 .pad_top = check_range(0, 2),
                                 .pad_left = check_range(0, 2)};
        if (check_u32() % 4 == 0) w.in_c = groups * check_range(120, 300);
        if (check_u32() % 4 == 0) w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = 1;
        w.out_h =
            out_length(w.in_h, 2 * w.pad_top, w.kernel_h, w.stride_h, w.dilation_h);
        w.out_w = out_length(w.in_w, w.pad_left + check_range(0, 2), w.kernel_w,
                             w.stride_w, w.dilation_w);
    } while (w.out_h < 1 || w.out_w < 1);
    return w;
}

static int64_t depth_of(const struct tare_window *w)
{
    return w->in_c / w->groups * w->kernel_h * w->kernel_w;
}

static uint16_t *halves(const struct family *f, int64_t n, bool specials)
{
    uint16_t *p = check_alloc((size_t)n * sizeof *p); /* of exactly that size */
    for (int64_t i = 0; i < n; i++)
        p[i] = specials && check_u32() % 16 == 0 ? (uint16_t)check_u32()
                                                 : f->narrow(check_f32());
    return p;
}

static struct job new_job(const struct family *f, struct tare_window w, bool specials,
                          bool out_f32)
{
    struct job job = {.family = f, .conv.window = w, .conv.out_f32 = out_f32};
    static const float bounds[][3] = {{1.0f, -INFINITY, INFINITY},
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
    if (!tare_half_conv_packed_bytes(&job.conv, &packed_bytes) ||
        !tare_half_conv_scratch_bytes(&job.conv, &scratch_bytes))
        abort();
    job.plain = check_floats(w.out_c * depth_of(&w), specials);
    job.x = halves(f, w.batch * w.in_h * w.in_w * w.in_c, specials);
    job.residual = halves(f, w.batch * w.out_h * w.out_w * w.out_c, specials);
    job.bias = check_u32() % 4 ? check_floats(w.out_c, specials) : NULL;
    job.packed = check_aligned(packed_bytes);
    job.scratch = tare_alloc(scratch_bytes);
    if (!job.scratch) abort();
    memset(job.scratch, 0xff, scratch_bytes);
    f->pack(&job.conv, job.plain, job.packed);
    job.data = (struct tare_half_conv_data){
        .x = job.x, .weights = job.packed, .bias = job.bias, .residual = job.residual};
    return job;
}

/* Once a job: naive() reads every value many times. */
static void widen_job(struct job *job)
{
    const struct tare_window *w = &job->conv.window;
    const struct family *f = job->family;
    const int64_t n_x = w->batch * w->in_h * w->in_w * w->in_c;
    const int64_t n_weights = w->out_c * depth_of(w);
    job->values = check_aligned((size_t)n_x * sizeof(float));
    job->weights = check_aligned((size_t)n_weights * sizeof(float));
    for (int64_t i = 0; i < n_x; i++)
        job->values[i] = f->widen(job->x[i]);
    for (int64_t i = 0; i < n_weights; i++)
        job->weights[i] = f->widen(f->narrow(job->plain[i]));
}

static void free_job(struct job *job)
{
    tare_free(job->scratch);
    free(job->values);
    free(job->weights);
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

/* n elements between guards, all 0x99. */
static char *new_output(int64_t n, size_t elem_bytes)
{
    const size_t n_bytes = (size_t)n * elem_bytes + 2 * CHECK_GUARD;
    char *p = check_aligned(n_bytes);
    memset(p, 0x99, n_bytes);
    return p;
}

static float value_at(const struct job *job, const void *y, int64_t i)
{
    return job->conv.out_f32 ? ((const float *)y)[i]
                             : job->family->widen(((const uint16_t *)y)[i]);
}

static bool fail(const struct job *job, const char *name, int64_t i, double got,
                 double want)
{
    const struct tare_window *w = &job->conv.window;
    printf(
        "not ok - %s: %ldx%ldx%ldx%ld -> %ld, k%ldx%ld g%ld: element %ld is %a, want "
        "%a (--seed=%llu)\n",
        name, (long)w->batch, (long)w->in_h, (long)w->in_w, (long)w->in_c,
        (long)w->out_c, (long)w->kernel_h, (long)w->kernel_w, (long)w->groups, (long)i,
        got, want, (unsigned long long)check_seed);
    return false;
}

/* The sum of output i in double, with bias and residual, and of all magnitudes. */
static double naive(const struct job *job, int64_t i, double *size)
{
    const struct tare_window *w = &job->conv.window;
    const int64_t per_group = w->in_c / w->groups, o = i % w->out_c;
    const int64_t ox = i / w->out_c % w->out_w, oy = i / w->out_c / w->out_w % w->out_h;
    const int64_t n = i / w->out_c / w->out_w / w->out_h;
    double sum = job->bias ? (double)job->bias[o] : 0.0;
    *size = fabs(sum);
    for (int64_t k = 0; k < depth_of(w); k++) {
        const int64_t c = k / w->kernel_h / w->kernel_w;
        const int64_t ky = k / w->kernel_w % w->kernel_h, kx = k % w->kernel_w;
        const int64_t y = oy * w->stride_h + ky * w->dilation_h - w->pad_top;
        const int64_t x = ox * w->stride_w + kx * w->dilation_w - w->pad_left;
        if (y < 0 || x < 0 || y >= w->in_h || x >= w->in_w) continue;
        const int64_t at = ((n * w->in_h + y) * w->in_w + x) * w->in_c +
                           o / (w->out_c / w->groups) * per_group + c;
        const double product =
            (double)job->values[at] * (double)job->weights[o * depth_of(w) + k];
        sum += product;
        *size += fabs(product);
    }
    if (job->conv.epilogue.has_residual) {
        const double r = (double)job->family->widen(job->residual[i]);
        sum += r;
        *size += fabs(r);
    }
    return sum;
}

static double finished(const struct tare_f32_epilogue *e, double v)
{
    v = v < 0.0 ? v * (double)e->negative_slope : v;
    v = (double)e->lower > v ? (double)e->lower : v;
    return (double)e->upper < v ? (double)e->upper : v;
}

static bool check_ref(const struct family *f)
{
    struct job job = new_job(f, random_window(), false, true);
    const struct tare_window *w = &job.conv.window;
    const int64_t n = w->batch * w->out_h * w->out_w * w->out_c;
    char *y = new_output(n, 4);
    bool ok = true;
    job.fn = f->ref;
    job.data.y = y + CHECK_GUARD;
    widen_job(&job);
    run_job(&job, 0, tare_half_conv_units(&job.conv));
    for (int64_t i = 0; ok && i < n; i++) {
        double size;
        const double want = finished(&job.conv.epilogue, naive(&job, i, &size));
        const double got = (double)value_at(&job, job.data.y, i);
        if (!(fabs(got - want) <= (double)(depth_of(w) + 3) * 0x1p-23 * size))
            ok = fail(&job, f->name, i, got, want);
    }
    free(y);
    free_job(&job);
    return ok;
}

/* What a variant makes of a job, compared with the reference's y. */
static bool compare(const struct job *job, const char *name, const char *got,
                    const char *want, int64_t n, double bound)
{
    const size_t size = job->conv.out_f32 ? 4 : 2, n_bytes = (size_t)n * size;
    const char *a = got + CHECK_GUARD, *b = want + CHECK_GUARD;
    for (size_t i = 0; i < CHECK_GUARD; i++)
        if ((unsigned char)got[i] != 0x99 ||
            (unsigned char)got[CHECK_GUARD + n_bytes + i] != 0x99) {
            printf("not ok - %s: wrote outside the output (--seed=%llu)\n", name,
                   (unsigned long long)check_seed);
            return false;
        }
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(a + (size_t)i * size, b + (size_t)i * size, size) == 0) continue;
        const double x = (double)value_at(job, a, i), y = (double)value_at(job, b, i);
        if (isnan(x) && isnan(y)) continue;
        double magnitude = 0.0;
        if (bound > 0.0) (void)naive(job, i, &magnitude);
        if (bound > 0.0 && fabs(x - y) <= bound * magnitude + job->least) continue;
        return fail(job, name, i, x, y);
    }
    return true;
}

/* On slices of larger tensors. What is between y's pixels stays as it was. */
static bool check_pitched(const struct job *job, tare_half_conv_fn *fn,
                          const char *name, const char *want)
{
    struct job s = *job;
    struct tare_window *w = &s.conv.window;
    *w = pitch_random(&job->conv.window);
    const size_t size = job->conv.out_f32 ? 4 : 2;
    const int64_t n_x = pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch);
    const int64_t n_y = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    uint16_t *x = check_alloc((size_t)n_x * sizeof *x);
    char *got = new_output(n_y, size), *spread = new_output(n_y, size);
    memset(x, 0x7f, (size_t)n_x * sizeof *x);
    pitch_spread(x, job->x, pitch_in_pixels(w), w->in_c, w->in_pitch, sizeof *x);
    pitch_spread(spread + CHECK_GUARD, want + CHECK_GUARD, pitch_out_pixels(w),
                 w->out_c, w->out_pitch, size);
    s.data.x = x;
    s.data.y = got + CHECK_GUARD;
    s.fn = fn;
    check_split(run_job, &s, 0, tare_half_conv_units(&s.conv));
    const bool ok = compare(&s, name, got, spread, n_y, 0.0);
    free(x);
    free(got);
    free(spread);
    return ok;
}

/* So that sums in half leave its range, which those in float32 do not. */
static void enlarge(struct job *job)
{
    const struct tare_window *w = &job->conv.window;
    const int64_t n = w->batch * w->in_h * w->in_w * w->in_c;
    for (int64_t i = 0; i < n; i++) {
        const float x = job->family->widen(job->x[i]);
        if (fabsf(x) < 4.0f) job->x[i] = job->family->narrow(x * 0x1p13f);
    }
}

/* bound 0: to the bit; else of the sum of the magnitudes of what is added. */
static bool check_one(const struct family *f, tare_half_conv_fn *fn, const char *name,
                      double bound, struct tare_window w)
{
    const bool specials = bound == 0.0 && check_u32() % 3 == 0;
    struct job job = new_job(f, w, specials, bound > 0.0 || check_u32() % 2);
    const int64_t n = w.batch * w.out_h * w.out_w * w.out_c;
    const int64_t units = tare_half_conv_units(&job.conv);
    const size_t size = job.conv.out_f32 ? 4 : 2;
    char *want = new_output(n, size), *got = new_output(n, size);
    job.least = (double)depth_of(&w) * f->least;
    if (bound > 0.0 && check_u32() % 4 == 0) enlarge(&job);
    if (bound > 0.0) widen_job(&job);
    job.fn = f->ref;
    job.data.y = want + CHECK_GUARD;
    run_job(&job, 0, units);
    job.fn = fn;
    job.data.y = got + CHECK_GUARD;
    check_split(run_job, &job, 0, units);
    bool ok =
        compare(&job, name, got, want, n, bound) && check_pitched(&job, fn, name, got);
    if (ok && job.conv.epilogue.has_residual && !job.conv.out_f32) { /* in its place */
        memcpy(want, got, (size_t)n * size + 2 * CHECK_GUARD);
        memcpy(got + CHECK_GUARD, job.residual, (size_t)n * size);
        job.data.residual = (const uint16_t *)(const void *)(got + CHECK_GUARD);
        run_job(&job, 0, units);
        ok = compare(&job, name, got, want, n, 0.0);
    }
    free(want);
    free(got);
    free_job(&job);
    return ok;
}

static bool check_variant(const struct family *f, uint32_t isa, const char *name,
                          int32_t tile, tare_half_conv_fn *fn)
{
    if ((isa & tare_cpu_flags()) != isa) return true;
    for (int i = 0; i < check_cases(700); i++) {
        const struct tare_window w = random_window();
        const double bound =
            tile < 0 ? (double)(depth_of(&w) + 3) * f->each + f->all : 0.0;
        if (!check_one(f, fn, name, bound, w)) return false;
    }
    printf("ok - %s\n", name);
    return true;
}

static void bench(const struct family *f, uint32_t isa, const char *name,
                  tare_half_conv_fn *fn)
{
    static const int64_t shapes[][4] = {/* size, in, out, kernel */
                                        {56, 64, 64, 3},
                                        {28, 128, 512, 1},
                                        {14, 256, 256, 3},
                                        {1, 1024, 1000, 1}};
    if ((isa & tare_cpu_flags()) != isa || isa == TARE_CPU_NONE) return;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t *s = shapes[i];
        const struct tare_window w = {1,    s[0], s[0],     s[1],     s[0], s[0],
                                      s[2], 1,    s[3],     s[3],     1,    1,
                                      1,    1,    s[3] / 2, s[3] / 2, 0,    0};
        struct job job = new_job(f, w, false, false);
        char *y = new_output(s[0] * s[0] * s[2], 2), what[64];
        job.fn = fn;
        job.data.y = y + CHECK_GUARD;
        (void)snprintf(what, sizeof what, "%ldx%ld %ld -> %ld k%ld", (long)s[0],
                       (long)s[0], (long)s[1], (long)s[2], (long)s[3]);
        check_bench(name, what, 2.0 * (double)(s[0] * s[0] * s[2] * s[1] * s[3] * s[3]),
                    "GFLOPS", run_job, &job, tare_half_conv_units(&job.conv));
        free(y);
        free_job(&job);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const bool benches = check_bench_asked(argc, argv);
    for (int i = 0; !benches && i < check_cases(200); i++)
        if (!check_ref(&families[i % 2])) return CHECK_FAIL;
    for (size_t k = 1; k < tare_f16_conv_count; k++) {
        const struct tare_f16_conv_variant *v = &tare_f16_conv_table[k];
        if (benches)
            bench(&families[0], v->isa, v->name, v->fn);
        else if (!check_variant(&families[0], v->isa, v->name, v->tile, v->fn))
            return CHECK_FAIL;
    }
    for (size_t k = 1; k < tare_bf16_conv_count; k++) {
        const struct tare_bf16_conv_variant *v = &tare_bf16_conv_table[k];
        if (benches)
            bench(&families[1], v->isa, v->name, v->fn);
        else if (!check_variant(&families[1], v->isa, v->name, v->tile, v->fn))
            return CHECK_FAIL;
    }
    return CHECK_PASS;
}
