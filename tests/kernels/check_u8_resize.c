/*
 * u8_resize: the reference against double, and every variant against the reference,
 * byte for byte, whole and in random pieces.
 *
 *     check_u8_resize [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include <math.h>

#include "kernels/u8_resize/u8_resize.h"

struct job {
    struct tare_u8_resize resize;
    struct tare_u8_resize_data data;
    uint8_t *x;
    struct tare_resize_sample *rows, *columns;
    tare_u8_resize_fn *fn;
};

/* Two neighbours, or twice the same, whose weights make one. */
static struct tare_resize_sample *random_samples(int64_t out, int64_t in)
{
    struct tare_resize_sample *samples = check_alloc((size_t)out * sizeof *samples);
    memset(samples, 0, (size_t)out * sizeof *samples);
    for (int64_t i = 0; i < out; i++) {
        struct tare_resize_sample *s = &samples[i];
        s->index[0] = (int32_t)check_between(0, in - 1);
        s->index[1] = (int32_t)check_between(0, in - 1);
        s->weight[1] =
            check_once_in(3) ? 0.5f : (float)check_between(0, 1000) / 1000.0f;
        s->weight[0] = 1.0f - s->weight[1];
    }
    return samples;
}

static int64_t y_count(const struct tare_resize_shape *r)
{
    return r->batch * r->out_h * r->out_w * r->channels;
}

static struct job new_job(struct tare_resize_shape r)
{
    const int32_t zero_point = check_zero_point();
    struct job job = {
        .resize = {.shape = r,
                   .in_zero_point = check_zero_point(),
                   .out_zero_point = zero_point,
                   .multiplier =
                       check_once_in(2) ? 1.0f : (float)check_between(50, 200) / 97.0f,
                   .lower = check_once_in(2) ? (float)-zero_point : 0.0f,
                   .upper = (float)(255 - zero_point)}};
    job.x = check_input(r.batch * r.in_h * r.in_w * r.channels, 1);
    job.rows = random_samples(r.out_h, r.in_h);
    job.columns = random_samples(r.out_w, r.in_w);
    job.data = (struct tare_u8_resize_data){job.x, job.rows, job.columns, NULL};
    return job;
}

static void free_job(struct job *job)
{
    free(job->x);
    free(job->rows);
    free(job->columns);
}

static struct tare_resize_shape random_resize(void)
{
    return (struct tare_resize_shape){check_between(1, 2),         check_between(1, 9),
                                      check_between(1, 9),         check_between(1, 9),
                                      check_between(1, 9),         check_between(1, 70),
                                      (int32_t)check_between(1, 2)};
}

static double value_at(const struct job *job, int64_t i)
{
    const struct tare_resize_shape *r = &job->resize.shape;
    const int64_t c = i % r->channels, ox = i / r->channels % r->out_w;
    const int64_t oy = i / (r->channels * r->out_w) % r->out_h;
    const int64_t image = i / (r->channels * r->out_w * r->out_h);
    double v = 0.0;
    for (int32_t kx = 0; kx < r->taps; kx++)
        for (int32_t ky = 0; ky < r->taps; ky++) {
            const int64_t row = image * r->in_h + job->rows[oy].index[ky];
            const int64_t pixel = row * r->in_w + job->columns[ox].index[kx];
            const double weight =
                (double)job->rows[oy].weight[ky] * (double)job->columns[ox].weight[kx];
            const int x = job->x[pixel * r->channels + c];
            if (r->taps == 1) return x;
            v += weight * (x - job->resize.in_zero_point);
        }
    v = fmin(fmax(v * (double)job->resize.multiplier, (double)job->resize.lower),
             (double)job->resize.upper);
    return v + job->resize.out_zero_point;
}

/* Within half a step of the exact value, but for what float32 rounds. */
static bool check_ref(void)
{
    struct job job = new_job(random_resize());
    const struct tare_resize_shape *r = &job.resize.shape;
    uint8_t *y = check_output((size_t)y_count(r));
    job.data.y = check_output_body(y);
    tare_u8_resize__ref(&job.resize, &job.data, 0, r->batch * r->out_h);
    bool ok = true;
    for (int64_t i = 0; i < y_count(r) && ok; i++) {
        const double want = value_at(&job, i);
        ok = fabs(job.data.y[i] - want) <= (r->taps == 1 ? 0.0 : 0.5001);
        if (!ok)
            printf("not ok - ref: %ld is %d, want %g (--seed=%llu)\n", (long)i,
                   job.data.y[i], want, (unsigned long long)check_seed);
    }
    free(y);
    free_job(&job);
    return ok;
}

static bool check_variant(const struct tare_u8_resize_variant *v)
{
    struct job job = new_job(random_resize());
    const struct tare_resize_shape *r = &job.resize.shape;
    const size_t bytes = (size_t)y_count(r);
    const int64_t units = r->batch * r->out_h;
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    job.data.y = check_output_body(want);
    tare_u8_resize__ref(&job.resize, &job.data, 0, units);
    job.data.y = check_output_body(got);
    v->fn(&job.resize, &job.data, 0, units);
    bool ok = check_same(want, got, bytes, v->name, "whole");
    memset(got, 0x99, bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, units};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(&job.resize, &job.data, begin, end);
    ok = ok && check_same(want, got, bytes, v->name, "in pieces");
    free(want);
    free(got);
    free_job(&job);
    return ok;
}

static void run_job(void *arg)
{
    const struct job *job = arg;
    job->fn(&job->resize, &job->data, 0,
            job->resize.shape.batch * job->resize.shape.out_h);
}

static void bench(const struct tare_u8_resize_variant *v)
{
    for (int32_t taps = 1; taps <= 2; taps++) {
        struct job job =
            new_job((struct tare_resize_shape){1, 28, 28, 56, 56, 128, taps});
        const int64_t n = y_count(&job.resize.shape);
        uint8_t *y = check_output((size_t)n);
        job.data.y = check_output_body(y);
        job.fn = v->fn;
        check_print_rate(v->name, n, taps == 1 ? "nearest" : "linear", (double)n,
                         check_time(run_job, &job));
        free(y);
        free_job(&job);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    for (int i = 0; i < 200; i++)
        if (!check_ref()) return CHECK_FAIL;
    for (size_t k = 0; k < tare_u8_resize_count; k++) {
        const struct tare_u8_resize_variant *v = &tare_u8_resize_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench(v);
            continue;
        }
        for (int i = 0; i < 1000; i++)
            if (!check_variant(v)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
