/*
 * Mean, sum, maximum and minimum: the reference against double and against the order of
 * summation that its contract fixes; every variant against the reference, byte for
 * byte.
 *
 *     check_f32_reduce [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "kernels/f32_reduce/f32_reduce.h"

struct job {
    struct tare_f32_reduce reduce;
    const float *x;
    float *y;
    tare_f32_reduce_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->reduce, job->x, job->y, begin, end);
}

static struct tare_f32_reduce random_shape(void)
{
    return (struct tare_f32_reduce){(int32_t)check_range(0, 3), check_range(1, 4),
                                    check_u32() % 4 ? check_range(1, 40)
                                                    : check_range(1, 1100),
                                    check_u32() & 1 ? 1 : check_range(1, 140)};
}

static int64_t count(const struct tare_f32_reduce *r)
{
    return r->outer * r->n * r->inner;
}

static bool check_ref(void)
{
    const struct tare_f32_reduce r = random_shape();
    float *x = check_floats(count(&r), false), *y = check_output(r.outer * r.inner);
    bool ok = true;
    tare_f32_reduce__ref(&r, x, y, 0, tare_f32_reduce_units(&r));
    for (int64_t i = 0; i < r.outer * r.inner && ok; i++) {
        const float *axis = x + i / r.inner * r.n * r.inner + i % r.inner;
        double sum = 0.0, size = 0.0, most = -HUGE_VAL, least = HUGE_VAL;
        for (int64_t k = 0; k < r.n; k++) {
            const double v = (double)axis[k * r.inner];
            sum += v;
            size += fabs(v);
            most = fmax(most, v);
            least = fmin(least, v);
        }
        const double wants[] = {sum / (double)r.n, sum, most, least};
        const bool exact = r.mode == TARE_REDUCE_MAX || r.mode == TARE_REDUCE_MIN;
        ok = check_close("ref", i, y[i], wants[r.mode], exact ? 0.0 : 1e-6 * size);
    }
    check_free(y);
    free(x);
    return ok;
}

/* 2^24 + 1 rounds to 2^24, so the result shows which elements met first. */
static bool check_order(void)
{
    float x[17] = {[0] = 0x1p24f, [8] = 1.0f, [16] = 1.0f}, y;
    struct tare_f32_reduce r = {TARE_REDUCE_SUM, 1, 17, 1};
    tare_f32_reduce__ref(&r, x, &y, 0, 1); /* (2^24 + 1) + 1 */
    if (y != 0x1p24f) return printf("not ok - chains by index modulo 16\n"), false;
    x[0] = x[16] = 0.0f, x[4] = 1.0f, x[12] = 1.0f, x[8] = 0x1p24f;
    tare_f32_reduce__ref(&r, x, &y, 0, 1); /* 2^24 + (1 + 1) */
    if (y != 0x1p24f + 2.0f) return printf("not ok - fold\n"), false;
    r = (struct tare_f32_reduce){TARE_REDUCE_MAX, 1, 3, 1};
    x[0] = NAN, x[1] = -2.0f, x[2] = NAN;
    tare_f32_reduce__ref(&r, x, &y, 0, 1);
    if (y != -2.0f) return printf("not ok - NaN wins a maximum\n"), false;
    return true;
}

static bool check_one(const struct tare_f32_reduce_variant *v, bool specials)
{
    struct job job = {.reduce = random_shape(), .fn = v->fn};
    const int64_t n = job.reduce.outer * job.reduce.inner;
    const int64_t units = tare_f32_reduce_units(&job.reduce);
    float *x = check_floats(count(&job.reduce), specials);
    float *want = check_output(n), *got = check_output(n);
    tare_f32_reduce__ref(&job.reduce, x, want, 0, units);
    job.x = x;
    job.y = got;
    check_split(run_job, &job, 0, units);
    const bool ok = check_same(v->name, got, want, n);
    check_free(got);
    check_free(want);
    free(x);
    return ok;
}

static bool check_variant(const struct tare_f32_reduce_variant *v)
{
    for (int i = 0; i < 1000; i++)
        if (!check_one(v, i % 3 == 0)) return false;
    return true;
}

static void bench(void)
{
    const struct {
        const char *name;
        struct tare_f32_reduce reduce;
    } shapes[] = {{"mean 256x(3136)", {TARE_REDUCE_MEAN, 256, 3136, 1}},
                  {"mean (3136)x256", {TARE_REDUCE_MEAN, 1, 3136, 256}},
                  {"max 256x(3136)", {TARE_REDUCE_MAX, 256, 3136, 1}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct tare_f32_reduce *r = &shapes[i].reduce;
        float *x = check_floats(count(r), false),
              *y = check_output(r->outer * r->inner);
        for (size_t k = 1; k < tare_f32_reduce_count; k++) {
            const struct tare_f32_reduce_variant *v = &tare_f32_reduce_table[k];
            struct job job = {*r, x, y, v->fn};
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            check_bench(v->name, shapes[i].name, 4.0 * (double)count(r), "GB/s",
                        run_job, &job, tare_f32_reduce_units(r));
        }
        check_free(y);
        free(x);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_order()) return CHECK_FAIL;
    for (int i = 0; i < 300; i++)
        if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_reduce, check_variant);
    return CHECK_PASS;
}
