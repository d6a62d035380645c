/*
 * Scale and shift by channel: the reference against double; every variant against the
 * reference, byte for byte, for any split.
 *
 *     check_f32_affine [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "kernels/f32_affine/f32_affine.h"

struct job {
    int64_t channels;
    const float *x, *scale, *shift;
    float *y;
    tare_f32_affine_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(job->channels, job->x, job->scale, job->shift, job->y, begin, end);
}

static bool check_ref(void)
{
    const float x[] = {1.0f, 2.0f, 3.0f, -4.0f}, scale[] = {2.0f, 0.5f};
    const float shift[] = {1.0f, -1.0f}, want[] = {3.0f, 0.0f, 7.0f, -3.0f};
    float y[4];
    tare_f32_affine__ref(2, x, scale, shift, y, 0, 2);
    if (!check_equal("by hand", y, want, 4)) return false;
    for (int i = 0; i < 1000; i++) { /* one rounding, not two */
        const float v[] = {check_f32(), check_f32(), check_f32()};
        const double exact = (double)v[0] * (double)v[1] + (double)v[2];
        tare_f32_affine__ref(1, v, v + 1, v + 2, y, 0, 1);
        if (!check_close("ref", i, y[0], exact, 0x1.001p-25 * fabs(exact) * 2.0))
            return false;
    }
    return true;
}

static bool check_one(const struct tare_f32_affine_variant *v)
{
    const int64_t channels = check_range(1, 70), pixels = check_range(1, 20);
    const int64_t n = channels * pixels;
    float *x = check_floats(n, true), *scale = check_floats(channels, true);
    float *shift = check_floats(channels, true);
    float *want = check_output(n), *got = check_output(n);
    struct job job = {channels, x, scale, shift, got, v->fn};
    tare_f32_affine__ref(channels, x, scale, shift, want, 0, pixels);
    check_split(run_job, &job, 0, pixels);
    bool ok = check_same(v->name, got, want, n);
    memcpy(got, x, (size_t)n * sizeof *got); /* in place */
    job.x = got;
    run_job(&job, 0, pixels);
    ok = ok && check_same(v->name, got, want, n);
    check_free(got);
    check_free(want);
    free(shift);
    free(scale);
    free(x);
    return ok;
}

static bool check_variant(const struct tare_f32_affine_variant *v)
{
    for (int i = 0; i < 1000; i++)
        if (!check_one(v)) return false;
    return true;
}

static void bench(void)
{
    const int64_t pixels = 3136, channels = 64, n = pixels * channels;
    float *x = check_floats(n, false), *y = check_output(n);
    for (size_t k = 1; k < tare_f32_affine_count; k++) {
        const struct tare_f32_affine_variant *v = &tare_f32_affine_table[k];
        struct job job = {channels, x, x, x, y, v->fn};
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        check_bench(v->name, "56x56x64", 8.0 * (double)n, "GB/s", run_job, &job,
                    pixels);
    }
    check_free(y);
    free(x);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_affine, check_variant);
    return CHECK_PASS;
}
