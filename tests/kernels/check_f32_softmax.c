/*
 * Softmax: the reference against double; every variant against the reference, byte for
 * byte, for any split, and codes against the floats that are quantized behind.
 *
 *     check_f32_softmax [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_codes.h"

#include "kernels/f32_softmax/f32_softmax.h"

struct job {
    struct tare_f32_softmax softmax;
    const float *x;
    struct tare_f32_u8_outputs out;
    float *scratch;
    tare_f32_softmax_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->softmax, job->x, &job->out, job->scratch, begin, end);
}

static struct tare_f32_softmax random_shape(void)
{
    struct tare_f32_softmax s = {check_range(1, 12), check_range(1, 40), 1};
    switch (check_u32() % 4) {
    case 0: s.n = check_range(1, 1100); break;
    case 1: s.inner = check_range(2, 140); break;
    case 2: s.inner = check_range(2, 20); break;
    default: break;
    }
    return s;
}

static int64_t count(const struct tare_f32_softmax *s)
{
    return s->outer * s->n * s->inner;
}

static void run_ref(const struct tare_f32_softmax *s, const float *x, float *y)
{
    const struct tare_f32_u8_outputs out = {.y = y};
    tare_f32_softmax__ref(s, x, &out, NULL, 0, tare_f32_softmax_units(s));
}

static bool check_ref(void)
{
    const struct tare_f32_softmax s = random_shape();
    float *x = check_floats(count(&s), false), *y = check_output(count(&s));
    bool ok = true;
    for (int64_t i = 0; i < count(&s); i++)
        x[i] *= 30.0f;
    run_ref(&s, x, y);
    for (int64_t i = 0; i < count(&s) && ok; i++) {
        const float *axis = x + i / (s.n * s.inner) * s.n * s.inner + i % s.inner;
        double sum = 0.0;
        for (int64_t k = 0; k < s.n; k++)
            sum += exp((double)axis[k * s.inner] - (double)x[i]);
        /* x - m loses up to half an ULP of 60 */
        ok = check_close("ref", i, y[i], 1.0 / sum, 5e-6 / sum + 1e-45);
    }
    check_free(y);
    free(x);
    return ok;
}

static bool check_hand_values(void)
{
    const struct tare_f32_softmax row = {1, 4, 1}, two = {2, 1, 1};
    const float x[] = {5.0f, 5.0f, -INFINITY, 5.0f};
    const float infinite[] = {1.0f, INFINITY, 0.0f, 2.0f};
    float y[4];
    run_ref(&row, x, y);
    if (y[0] != 1.0f / 3.0f || y[1] != y[0] || y[2] != 0.0f || y[3] != y[0])
        return printf("not ok - a third each\n"), false;
    run_ref(&two, x, y);
    if (y[0] != 1.0f || y[1] != 1.0f) return printf("not ok - one\n"), false;
    run_ref(&row, infinite, y);
    if (!isnan(y[0]) || !isnan(y[1])) return printf("not ok - infinity\n"), false;
    return true;
}

static bool check_one(const struct tare_f32_softmax_variant *v, bool specials)
{
    struct job job = {.softmax = random_shape(), .fn = v->fn};
    const int64_t n = count(&job.softmax), units = tare_f32_softmax_units(&job.softmax);
    float *x = check_floats(n, specials), *want = check_output(n),
          *got = check_output(n);
    run_ref(&job.softmax, x, want);
    job.x = x;
    job.out.y = got;
    check_split(run_job, &job, 0, units);
    bool ok = check_same(v->name, got, want, n);
    memcpy(got, x, (size_t)n * sizeof *got); /* in place */
    job.x = got;
    run_job(&job, 0, units);
    ok = ok && check_same(v->name, got, want, n);
    check_free(got);
    check_free(want);
    free(x);
    return ok;
}

/* Codes alone, and with their floats, against floats that are quantized behind. */
static bool check_codes(const struct tare_f32_softmax_variant *v, bool specials)
{
    struct job job = {.softmax = random_shape(), .fn = v->fn};
    job.softmax.inner = 1;
    const int64_t n = count(&job.softmax), units = tare_f32_softmax_units(&job.softmax);
    size_t scratch_bytes;
    if (!tare_f32_softmax_scratch_bytes(&job.softmax, &scratch_bytes)) return false;
    float *x = check_floats(n, specials), *y = check_output(n), *got = check_output(n);
    uint8_t *codes = check_code_output(n);
    run_ref(&job.softmax, x, y);
    job.x = x;
    job.scratch = check_aligned(scratch_bytes);
    job.out.codes = codes;
    job.out.as = check_quantization(2.0f / (float)job.softmax.n);
    uint8_t *want = check_quantized(&job.out.as, y, n);
    check_split(run_job, &job, 0, units);
    bool ok = check_same_codes(v->name, codes, want, n);
    free(job.scratch);
    job.scratch = NULL;
    check_code_clear(codes, n);
    job.out.y = got;
    check_split(run_job, &job, 0, units);
    ok = ok && check_same_codes(v->name, codes, want, n) &&
         check_same(v->name, got, y, n);
    check_code_free(codes);
    check_code_free(want);
    check_free(got);
    check_free(y);
    free(x);
    return ok;
}

static bool check_variant(const struct tare_f32_softmax_variant *v)
{
    for (int i = 0; i < check_cases(300); i++)
        if (!check_one(v, i % 4 == 0) || !check_codes(v, i % 4 == 0)) return false;
    return true;
}

/* Floats, and where the axis is the last one codes alone. */
static void bench_shape(const char *name, const struct tare_f32_softmax *softmax)
{
    const int64_t n = count(softmax);
    size_t scratch_bytes;
    if (!tare_f32_softmax_scratch_bytes(softmax, &scratch_bytes)) return;
    float *x = check_floats(n, false), *y = check_output(n);
    float *scratch = check_aligned(scratch_bytes);
    uint8_t *codes = check_code_output(n);
    char to_codes[64];
    (void)snprintf(to_codes, sizeof to_codes, "%s to codes", name);
    for (size_t k = 1; k < tare_f32_softmax_count; k++) {
        const struct tare_f32_softmax_variant *v = &tare_f32_softmax_table[k];
        const int64_t units = tare_f32_softmax_units(softmax);
        struct job job = {*softmax, x, {.y = y}, scratch, v->fn};
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        check_bench(v->name, name, 8.0 * (double)n, "GB/s", run_job, &job, units);
        if (softmax->inner > 1) continue;
        job.out = (struct tare_f32_u8_outputs){.codes = codes,
                                               .as = check_quantization(0.01f)};
        check_bench(v->name, to_codes, 5.0 * (double)n, "GB/s", run_job, &job, units);
    }
    check_code_free(codes);
    free(scratch);
    check_free(y);
    free(x);
}

static void bench(void)
{
    bench_shape("1x1000", &(struct tare_f32_softmax){1, 1000, 1});
    bench_shape("1536x128", &(struct tare_f32_softmax){1536, 128, 1});
    bench_shape("2364x197", &(struct tare_f32_softmax){2364, 197, 1});
    bench_shape("1x21x65536", &(struct tare_f32_softmax){1, 21, 65536});
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_hand_values()) return CHECK_FAIL;
    for (int i = 0; i < check_cases(100); i++)
        if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_softmax, check_variant);
    return CHECK_PASS;
}
