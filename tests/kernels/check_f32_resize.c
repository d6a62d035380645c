/*
 * Resampling: the reference against double; every variant against the reference, byte
 * for byte, for any split.
 *
 *     check_f32_resize [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "kernels/f32_resize/f32_resize.h"

struct job {
    struct tare_resize_shape resize;
    struct tare_f32_resize_data data;
    float *x;
    struct tare_resize_sample *rows, *columns;
    tare_f32_resize_fn *fn;
};

static struct tare_resize_sample *random_samples(int64_t out, int64_t in, int32_t taps)
{
    struct tare_resize_sample *samples = check_alloc((size_t)out * sizeof *samples);
    memset(samples, 0, (size_t)out * sizeof *samples);
    for (int64_t i = 0; i < out; i++)
        for (int32_t k = 0; k < taps; k++) {
            samples[i].index[k] = (int32_t)check_range(0, in - 1);
            samples[i].weight[k] = check_f32();
        }
    return samples;
}

static int64_t y_count(const struct tare_resize_shape *r)
{
    return r->batch * r->out_h * r->out_w * r->channels;
}

static struct job new_job(struct tare_resize_shape r, bool specials)
{
    struct job job = {.resize = r};
    job.x = check_floats(r.batch * r.in_h * r.in_w * r.channels, specials);
    job.rows = random_samples(r.out_h, r.in_h, r.taps);
    job.columns = random_samples(r.out_w, r.in_w, r.taps);
    job.data = (struct tare_f32_resize_data){job.x, job.rows, job.columns, NULL};
    return job;
}

static struct tare_resize_shape random_resize(void)
{
    return (struct tare_resize_shape){
        check_range(1, 2), check_range(1, 9),  check_range(1, 9),     check_range(1, 9),
        check_range(1, 9), check_range(1, 40), 1 << check_range(0, 2)};
}

static void free_job(struct job *job)
{
    free(job->x);
    free(job->rows);
    free(job->columns);
}

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->resize, &job->data, begin, end);
}

static bool check_ref(void)
{
    struct job job = new_job(random_resize(), false);
    const struct tare_resize_shape *r = &job.resize;
    float *y = check_output(y_count(r));
    bool ok = true;
    job.data.y = y;
    tare_f32_resize__ref(r, &job.data, 0, r->batch * r->out_h);
    for (int64_t i = 0; i < y_count(r) && ok; i++) {
        const int64_t c = i % r->channels, ox = i / r->channels % r->out_w;
        const int64_t oy = i / (r->channels * r->out_w) % r->out_h;
        const int64_t image = i / (r->channels * r->out_w * r->out_h);
        double v = 0.0;
        for (int32_t kx = 0; kx < r->taps; kx++)
            for (int32_t ky = 0; ky < r->taps; ky++) {
                const int64_t row = image * r->in_h + job.rows[oy].index[ky];
                const int64_t pixel = row * r->in_w + job.columns[ox].index[kx];
                const double weight = (double)job.rows[oy].weight[ky] *
                                      (double)job.columns[ox].weight[kx];
                v += (r->taps == 1 ? 1.0 : weight) *
                     (double)job.x[pixel * r->channels + c];
            }
        ok = check_close("ref", i, y[i], v, r->taps == 1 ? 0.0 : 5e-6);
    }
    check_free(y);
    free_job(&job);
    return ok;
}

static bool check_one(const struct tare_f32_resize_variant *v, bool specials)
{
    struct job job = new_job(random_resize(), specials);
    const int64_t n = y_count(&job.resize);
    const int64_t units = job.resize.batch * job.resize.out_h;
    float *want = check_output(n), *got = check_output(n);
    job.data.y = want;
    tare_f32_resize__ref(&job.resize, &job.data, 0, units);
    job.fn = v->fn;
    job.data.y = got;
    check_split(run_job, &job, 0, units);
    const bool ok = check_same(v->name, got, want, n);
    check_free(got);
    check_free(want);
    free_job(&job);
    return ok;
}

static bool check_variant(const struct tare_f32_resize_variant *v)
{
    for (int i = 0; i < 1000; i++)
        if (!check_one(v, i % 2)) return false;
    return true;
}

static void bench(void)
{
    const struct {
        const char *name;
        struct tare_resize_shape resize;
    } shapes[] = {{"nearest 28x28x128 to 56x56", {1, 28, 28, 56, 56, 128, 1}},
                  {"linear 28x28x128 to 56x56", {1, 28, 28, 56, 56, 128, 2}},
                  {"cubic 28x28x128 to 56x56", {1, 28, 28, 56, 56, 128, 4}},
                  {"linear 128x128x3 to 256x256", {1, 128, 128, 256, 256, 3, 2}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct job job = new_job(shapes[i].resize, false);
        job.data.y = check_output(y_count(&job.resize));
        for (size_t k = 1; k < tare_f32_resize_count; k++) {
            const struct tare_f32_resize_variant *v = &tare_f32_resize_table[k];
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            job.fn = v->fn;
            check_bench(v->name, shapes[i].name, 4.0 * (double)y_count(&job.resize),
                        "GB/s written", run_job, &job, job.resize.out_h);
        }
        check_free(job.data.y);
        free_job(&job);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    for (int i = 0; i < 200; i++)
        if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_resize, check_variant);
    return CHECK_PASS;
}
