/*
 * Layer normalization: the reference against double; every variant against the
 * reference, byte for byte, for any split, and codes against the floats that are
 * quantized behind.
 *
 *     check_f32_layer_norm [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_codes.h"

#include "kernels/f32_layer_norm/f32_layer_norm.h"

struct job {
    struct tare_f32_layer_norm norm;
    const float *x, *scale, *shift;
    struct tare_f32_u8_outputs out;
    tare_f32_layer_norm_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->norm, job->x, job->scale, job->shift, &job->out, begin, end);
}

static struct tare_f32_layer_norm random_shape(void)
{
    const int64_t most = check_u32() % 4 ? 40 : 1100;
    return (struct tare_f32_layer_norm){check_range(1, 9), check_range(1, most), 1e-5f,
                                        check_u32() % 2 != 0};
}

static void run_ref(const struct tare_f32_layer_norm *norm, const float *x,
                    const float *scale, const float *shift, float *y)
{
    const struct tare_f32_u8_outputs out = {.y = y};
    tare_f32_layer_norm__ref(norm, x, scale, shift, &out, 0, norm->rows);
}

/* In double, of rows whose mean is up to 20 times their deviation. */
static bool check_ref(void)
{
    const struct tare_f32_layer_norm norm = random_shape();
    const int64_t n = norm.n, count = norm.rows * n;
    float *x = check_floats(count, false), *y = check_output(count);
    float *scale = check_floats(n, false), *shift = check_floats(n, false);
    const float mean = 10.0f * check_f32();
    bool ok = true;
    for (int64_t i = 0; i < count; i++)
        x[i] += mean;
    run_ref(&norm, x, scale, shift, y);
    for (int64_t row = 0; row < norm.rows && ok; row++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < n && !norm.keeps_mean; i++)
            sum += (double)x[row * n + i];
        for (int64_t i = 0; i < n; i++)
            squares += pow((double)x[row * n + i] - sum / (double)n, 2);
        const double r = 1 / sqrt(squares / (double)n + (double)norm.epsilon);
        for (int64_t i = 0; i < n && ok; i++) {
            const double d = (double)x[row * n + i] - sum / (double)n;
            /* the mean, where it counts, is off by some ULP of itself */
            const double bound = 4e-7 * (1 + fabs(d * r) + fabs((double)mean) * r);
            ok = check_close("ref", row * n + i, y[row * n + i],
                             d * r * (double)scale[i] + (double)shift[i], bound);
        }
    }
    check_free(y);
    free(x);
    free(scale);
    free(shift);
    return ok;
}

static bool check_hand_values(void)
{
    const struct tare_f32_layer_norm norm = {2, 4, 1.0f, 0}, exact = {1, 1, 0.0f, 0};
    const struct tare_f32_layer_norm rms = {2, 4, 0.0f, 1};
    const float x[] = {1, 3, 1, 3, 5, 5, 5, 5}, scale[] = {2, 2, 2, 4};
    const float shift[] = {0, 0, 1, 1};
    const float r = 1.0f / sqrtf(2.0f);
    float y[8];
    run_ref(&norm, x, scale, shift, y);
    const float want[] = {-2 * r, 2 * r, fmaf(-r, 2, 1), fmaf(r, 4, 1), 0, 0, 1, 1};
    if (!check_equal("hand values", y, want, 8)) return false;
    run_ref(&exact, x, scale, shift, y);
    if (!isnan(y[0])) return printf("not ok - variance 0, epsilon 0\n"), false;
    run_ref(&rms, x, scale, shift, y);
    const float root = 1.0f / sqrtf(5.0f), fifth = 1.0f / 5.0f;
    const float of_rms[] = {
        root * 2,      3 * root * 2,  fmaf(root, 2, 1),      fmaf(3 * root, 4, 1),
        5 * fifth * 2, 5 * fifth * 2, fmaf(5 * fifth, 2, 1), fmaf(5 * fifth, 4, 1)};
    if (!check_equal("hand values of RMS", y, of_rms, 8)) return false;
    return true;
}

static bool check_one(const struct tare_f32_layer_norm_variant *v, bool specials)
{
    struct job job = {.norm = random_shape(), .fn = v->fn};
    const int64_t count = job.norm.rows * job.norm.n;
    float *x = check_floats(count, specials), *want = check_output(count),
          *got = check_output(count);
    float *scale = check_floats(job.norm.n, specials);
    float *shift = check_floats(job.norm.n, specials);
    run_ref(&job.norm, x, scale, shift, want);
    job.x = x;
    job.scale = scale;
    job.shift = shift;
    job.out.y = got;
    check_split(run_job, &job, 0, job.norm.rows);
    bool ok = check_same(v->name, got, want, count);
    memcpy(got, x, (size_t)count * sizeof *got); /* in place */
    job.x = got;
    run_job(&job, 0, job.norm.rows);
    ok = ok && check_same(v->name, got, want, count);
    check_free(got);
    check_free(want);
    free(x);
    free(scale);
    free(shift);
    return ok;
}

/* Codes alone, and with their floats, which may lie over x. */
static bool check_codes(const struct tare_f32_layer_norm_variant *v, bool specials)
{
    struct job job = {.norm = random_shape(), .fn = v->fn};
    const int64_t n = job.norm.n, count = job.norm.rows * n;
    float *x = check_floats(count, specials), *y = check_output(count),
          *got = check_output(count);
    float *scale = check_floats(n, specials), *shift = check_floats(n, specials);
    uint8_t *codes = check_code_output(count);
    run_ref(&job.norm, x, scale, shift, y);
    job.x = x;
    job.scale = scale;
    job.shift = shift;
    job.out.codes = codes;
    job.out.as = check_quantization(1.5f);
    uint8_t *want = check_quantized(&job.out.as, y, count);
    check_split(run_job, &job, 0, job.norm.rows);
    bool ok = check_same_codes(v->name, codes, want, count);
    check_code_clear(codes, count);
    memcpy(got, x, (size_t)count * sizeof *got);
    job.x = check_u32() % 2 ? got : x;
    job.out.y = got;
    check_split(run_job, &job, 0, job.norm.rows);
    ok = ok && check_same_codes(v->name, codes, want, count) &&
         check_same(v->name, got, y, count);
    check_code_free(codes);
    check_code_free(want);
    check_free(got);
    check_free(y);
    free(x);
    free(scale);
    free(shift);
    return ok;
}

static bool check_variant(const struct tare_f32_layer_norm_variant *v)
{
    for (int i = 0; i < 300; i++)
        if (!check_one(v, i % 4 == 0) || !check_codes(v, i % 4 == 0)) return false;
    return true;
}

/* Floats, codes, and both. */
static void bench_shape(const char *name, const struct tare_f32_layer_norm *norm)
{
    const int64_t n = norm->rows * norm->n;
    float *x = check_floats(n, false), *y = check_output(n);
    float *scale = check_floats(norm->n, false), *shift = check_floats(norm->n, 0);
    uint8_t *codes = check_code_output(n);
    const struct tare_f32_u8_quantize as = check_quantization(1.5f);
    const struct {
        const char *what;
        struct tare_f32_u8_outputs out;
        double bytes;
    } ways[] = {{"", {.y = y}, 8.0},
                {" to codes", {.codes = codes, .as = as}, 5.0},
                {" to both", {.y = y, .codes = codes, .as = as}, 9.0}};
    for (size_t k = 1; k < tare_f32_layer_norm_count; k++) {
        const struct tare_f32_layer_norm_variant *v = &tare_f32_layer_norm_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            struct job job = {*norm, x, scale, shift, ways[w].out, v->fn};
            char what[64];
            (void)snprintf(what, sizeof what, "%s%s", name, ways[w].what);
            check_bench(v->name, what, ways[w].bytes * (double)n, "GB/s", run_job, &job,
                        norm->rows);
        }
    }
    check_code_free(codes);
    check_free(y);
    free(x);
    free(scale);
    free(shift);
}

static void bench(void)
{
    bench_shape("65x96", &(struct tare_f32_layer_norm){65, 96, 1e-6f, 0});
    bench_shape("197x768", &(struct tare_f32_layer_norm){197, 768, 1e-6f, 0});
    bench_shape("512x1023", &(struct tare_f32_layer_norm){512, 1023, 1e-6f, 0});
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_hand_values()) return CHECK_FAIL;
    for (int i = 0; i < 100; i++)
        if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_layer_norm, check_variant);
    return CHECK_PASS;
}
