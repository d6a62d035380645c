/*
 * Arithmetic with broadcasting: the reference against an index-by-index loop in double;
 * every variant against the reference, byte for byte, for any split.
 *
 *     check_f32_binary [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "kernels/f32_binary/f32_binary.h"

struct job {
    struct tare_f32_binary binary;
    struct tare_dims a_dims, b_dims, out_dims;
    float *a, *b, *y;
    tare_f32_binary_fn *fn;
};

static int64_t count(const struct tare_dims *dims)
{
    int64_t n = 1;
    for (int32_t i = 0; i < dims->rank; i++)
        n *= dims->d[i];
    return n;
}

static struct tare_f32_epilogue random_epilogue(void)
{
    struct tare_f32_epilogue e = {0, 1.0f, -INFINITY, INFINITY};
    if (check_u32() & 1) e.lower = -0.25f;
    if (check_u32() & 1) e.upper = 0.5f;
    if (check_u32() & 1) e.negative_slope = 0.25f;
    return e;
}

/* Random shapes, some long, that broadcast; leading 1s of an operand may be left out.
 */
static struct job new_job(bool specials)
{
    struct job job = {.binary = {.op = (int32_t)check_range(0, TARE_BINARY_COUNT - 1),
                                 .epilogue = random_epilogue()}};
    const int32_t rank = (int32_t)check_range(0, 5);
    const uint32_t mode = check_u32() % 4; /* mostly one operand is broadcast */
    job.a_dims.rank = job.b_dims.rank = job.out_dims.rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        const int64_t n = check_u32() % 16 ? check_range(1, 7) : check_range(1, 90);
        job.out_dims.d[i] = n;
        job.a_dims.d[i] = mode != 1 && check_u32() % 3 == 0 ? 1 : n;
        job.b_dims.d[i] = mode != 2 && check_u32() % 3 == 0 ? 1 : n;
    }
    if (rank > 0 && check_u32() % 8 == 0) { /* longer than a unit */
        const int64_t n = check_range(4000, 13000);
        const int32_t at = rank - 1;
        for (int32_t i = 0; i < at; i++)
            if (job.out_dims.d[i] > 4) return new_job(specials);
        job.out_dims.d[at] = n;
        if (job.a_dims.d[at] != 1) job.a_dims.d[at] = n;
        if (job.b_dims.d[at] != 1) job.b_dims.d[at] = n;
    }
    struct tare_dims *shorter = check_u32() & 1 ? &job.a_dims : &job.b_dims;
    while (shorter->rank > 0 && shorter->d[0] == 1) {
        shorter->rank--;
        memmove(shorter->d, shorter->d + 1, (size_t)shorter->rank * sizeof *shorter->d);
    }
    if (!tare_binary_loop_plan(&job.a_dims, &job.b_dims, &job.out_dims,
                               &job.binary.loop))
        abort();
    job.a = check_floats(count(&job.a_dims), specials);
    job.b = check_floats(count(&job.b_dims), specials);
    return job;
}

static void free_job(struct job *job)
{
    free(job->a);
    free(job->b);
}

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->binary, job->a, job->b, job->y, begin, end);
}

/* The element of an operand that output element i is made of. */
static float operand(const struct tare_dims *dims, const struct tare_dims *out,
                     const float *p, int64_t i)
{
    int64_t stride = 1, at = 0;
    for (int32_t k = 0; k < out->rank; k++) {
        const int64_t index = i % out->d[out->rank - 1 - k];
        i /= out->d[out->rank - 1 - k];
        if (k >= dims->rank) continue;
        const int64_t n = dims->d[dims->rank - 1 - k];
        if (n != 1) at += index * stride;
        stride *= n;
    }
    return p[at];
}

static double naive(enum tare_binary_op op, double a, double b)
{
    switch (op) {
    case TARE_BINARY_ADD: return a + b;
    case TARE_BINARY_SUB: return a - b;
    case TARE_BINARY_MUL: return a * b;
    case TARE_BINARY_DIV: return a / b;
    case TARE_BINARY_MIN: return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b);
    case TARE_BINARY_MAX: return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
    case TARE_BINARY_POW: return pow(a, b);
    case TARE_BINARY_COUNT: break;
    }
    abort();
}

static bool check_ref(bool specials)
{
    struct job job = new_job(specials);
    const int64_t n = count(&job.out_dims);
    const struct tare_f32_epilogue *e = &job.binary.epilogue;
    float *y = check_output(n);
    tare_f32_binary__ref(&job.binary, job.a, job.b, y, 0,
                         tare_binary_loop_units(&job.binary.loop));
    bool ok = true;
    for (int64_t i = 0; i < n && ok; i++) {
        const float a = operand(&job.a_dims, &job.out_dims, job.a, i);
        const float b = operand(&job.b_dims, &job.out_dims, job.b, i);
        double v = (double)(float)naive((enum tare_binary_op)job.binary.op, (double)a,
                                        (double)b);
        if (v < 0) v = (double)(float)(v * (double)e->negative_slope);
        if (v < (double)e->lower) v = (double)e->lower;
        if (v > (double)e->upper) v = (double)e->upper;
        const bool exact = job.binary.op != TARE_BINARY_POW;
        if (!exact && (isnan(a) || isnan(b))) continue; /* 1 to a signalling NaN */
        /* powf() may miss by a last place, which is absolute among denormals */
        ok = check_close("ref", i, y[i], v, exact ? 0.0 : 2e-7 * fabs(v) + 0x1p-149);
    }
    check_free(y);
    free_job(&job);
    return ok;
}

static bool check_plan(void)
{
    const struct tare_dims image = {4, {2, 3, 4, 5}}, channel = {3, {3, 1, 1}};
    const struct tare_dims wrong = {1, {4}}, large = {5, {1, 2, 3, 4, 5}};
    const struct tare_dims empty = {2, {0, 3}}, three = {1, {3}};
    struct tare_f32_binary binary = {0};
    struct tare_binary_loop *loop = &binary.loop;
    if (!tare_binary_loop_plan(&image, &image, &image, loop) || loop->rank != 1 ||
        loop->dims[0] != 120)
        return printf("not ok - plan of equal shapes\n"), false;
    if (!tare_binary_loop_plan(&image, &channel, &image, loop) || loop->rank != 3 ||
        loop->dims[2] != 20 || loop->b_strides[2] != 0 || loop->b_strides[1] != 1)
        return printf("not ok - plan of a channel\n"), false;
    if (tare_binary_loop_plan(&image, &wrong, &image, loop) ||
        tare_binary_loop_plan(&image, &large, &image, loop))
        return printf("not ok - plan of shapes that do not broadcast\n"), false;
    if (!tare_binary_loop_plan(&empty, &three, &empty, loop) ||
        tare_binary_loop_units(&binary.loop) != 0)
        return printf("not ok - plan of an empty output\n"), false;
    return true;
}

static bool check_one(const struct tare_f32_binary_variant *v)
{
    struct job job = new_job(true);
    const int64_t n = count(&job.out_dims),
                  units = tare_binary_loop_units(&job.binary.loop);
    float *want = check_output(n), *got = check_output(n);
    tare_f32_binary__ref(&job.binary, job.a, job.b, want, 0, units);
    job.fn = v->fn;
    job.y = got;
    check_split(run_job, &job, 0, units);
    bool ok = check_same(v->name, got, want, n);
    if (ok) {
        const int64_t k = check_range(0, units);
        memset(got, 0xff, (size_t)n * sizeof *got);
        job.fn(&job.binary, job.a, job.b, got, 0, k);
        ok = check_done(v->name, got, want, tare_binary_loop_done(&job.binary.loop, k),
                        n, k == units);
    }
    if (ok && count(&job.a_dims) == n) { /* in place */
        memcpy(got, job.a, (size_t)n * sizeof *got);
        job.fn(&job.binary, got, job.b, got, 0, units);
        ok = check_same(v->name, got, want, n);
    }
    check_free(got);
    check_free(want);
    free_job(&job);
    return ok;
}

static bool check_variant(const struct tare_f32_binary_variant *v)
{
    for (int i = 0; i < check_cases(1500); i++)
        if (!check_one(v)) return false;
    return true;
}

static void bench_one(const char *name, struct tare_dims a, struct tare_dims b)
{
    struct job job = {
        .binary = {.op = TARE_BINARY_ADD, .epilogue = {0, 1.0f, 0.0f, INFINITY}},
        .a = check_floats(count(&a), false),
        .b = check_floats(count(&b), false)};
    if (!tare_binary_loop_plan(&a, &b, &a, &job.binary.loop)) abort();
    job.y = check_output(count(&a));
    for (size_t k = 1; k < tare_f32_binary_count; k++) {
        const struct tare_f32_binary_variant *v = &tare_f32_binary_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        job.fn = v->fn;
        check_bench(v->name, name, 4.0 * (double)(2 * count(&a) + count(&b)), "GB/s",
                    run_job, &job, tare_binary_loop_units(&job.binary.loop));
    }
    check_free(job.y);
    free_job(&job);
}

static void bench(void)
{
    const struct tare_dims image = {4, {1, 56, 56, 64}}, scale = {4, {1, 1, 1, 64}};
    const struct tare_dims one = {0, {0}}, nchw = {4, {1, 64, 56, 56}};
    const struct tare_dims channel = {3, {64, 1, 1}};
    bench_one("add, ReLU 56x56x64", image, image);
    bench_one("add, ReLU 56x56x64 + 64", image, scale);
    bench_one("add, ReLU 64x56x56 + 64", nchw, channel);
    bench_one("add, ReLU 56x56x64 + 1", image, one);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_plan()) return CHECK_FAIL;
    for (int i = 0; i < check_cases(1000); i++)
        if (!check_ref(i % 2)) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_binary, check_variant);
    return CHECK_PASS;
}
