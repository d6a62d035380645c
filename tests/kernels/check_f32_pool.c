/*
 * Pooling: the reference against a loop in double; every variant against the reference,
 * byte for byte, for random geometry and any split.
 *
 *     check_f32_pool [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/check_f32.h"

#include "kernels/f32_pool/f32_pool.h"
#include "tests/kernels/pitch.h"

struct job {
    struct tare_f32_pool pool;
    const float *x;
    float *y;
    tare_f32_pool_fn *fn;
};

static void run_job(void *ctx, int64_t begin, int64_t end)
{
    const struct job *job = ctx;
    job->fn(&job->pool, job->x, job->y, begin, end);
}

static int64_t x_count(const struct tare_window *w)
{
    return w->batch * w->in_h * w->in_w * w->in_c;
}

static int64_t y_count(const struct tare_window *w)
{
    return w->batch * w->out_h * w->out_w * w->in_c;
}

/* ceil_mode's output may have a window that begins behind the input. */
static int64_t out_length(int64_t in, int64_t pads, int64_t kernel, int64_t stride,
                          int64_t dilation)
{
    const int64_t room = in + pads - (kernel - 1) * dilation - 1;
    return room < 0 ? 0 : (room + (check_u32() & 1 ? stride - 1 : 0)) / stride + 1;
}

static struct tare_f32_pool random_pool(void)
{
    struct tare_f32_pool pool;
    struct tare_window *w = &pool.window;
    do {
        pool = (struct tare_f32_pool){.window = {.batch = check_range(1, 2),
                                                 .in_h = check_range(1, 9),
                                                 .in_w = check_range(1, 9),
                                                 .kernel_h = check_range(1, 4),
                                                 .kernel_w = check_range(1, 4),
                                                 .stride_h = check_range(1, 3),
                                                 .stride_w = check_range(1, 3),
                                                 .dilation_h = check_range(1, 2),
                                                 .dilation_w = check_range(1, 2),
                                                 .pad_top = check_range(0, 2),
                                                 .pad_left = check_range(0, 3)},
                                      .pad_bottom = check_range(0, 2),
                                      .pad_right = check_range(0, 3),
                                      .mode = (int32_t)check_range(0, 2)};
        if (check_u32() % 4 == 0) { /* global */
            w->kernel_h = w->in_h;
            w->kernel_w = w->in_w;
        }
        w->out_h = out_length(w->in_h, w->pad_top + pool.pad_bottom, w->kernel_h,
                              w->stride_h, w->dilation_h);
        w->out_w = out_length(w->in_w, w->pad_left + pool.pad_right, w->kernel_w,
                              w->stride_w, w->dilation_w);
    } while (w->out_h < 1 || w->out_w < 1);
    w->in_c = w->out_c = check_u32() & 1 ? check_range(1, 70) : check_range(60, 140);
    w->groups = 1;
    return pool;
}

static double naive(const struct tare_f32_pool *pool, const float *x, int64_t i)
{
    const struct tare_window *w = &pool->window;
    const int64_t c = i % w->in_c, ox = i / w->in_c % w->out_w;
    const int64_t oy = i / (w->in_c * w->out_w) % w->out_h;
    const int64_t image = i / (w->in_c * w->out_w * w->out_h);
    double most = -HUGE_VAL, sum = 0.0, taps = 0.0, padded = 0.0;
    for (int64_t ky = 0; ky < w->kernel_h; ky++)
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t iy = oy * w->stride_h + ky * w->dilation_h - w->pad_top;
            const int64_t ix = ox * w->stride_w + kx * w->dilation_w - w->pad_left;
            if (iy >= w->in_h + pool->pad_bottom || ix >= w->in_w + pool->pad_right)
                continue;
            padded += 1.0;
            if (iy < 0 || ix < 0 || iy >= w->in_h || ix >= w->in_w) continue;
            taps += 1.0;
            const double v =
                (double)x[((image * w->in_h + iy) * w->in_w + ix) * w->in_c + c];
            sum += v;
            most = fmax(most, v);
        }
    if (pool->mode == TARE_POOL_MAX) return most;
    if (taps == 0.0) return 0.0;
    return sum / (pool->mode == TARE_POOL_AVERAGE ? taps : padded);
}

static bool check_ref(void)
{
    const struct tare_f32_pool pool = random_pool();
    const int64_t n = y_count(&pool.window);
    float *x = check_floats(x_count(&pool.window), false), *y = check_output(n);
    bool ok = true;
    tare_f32_pool__ref(&pool, x, y, 0, tare_f32_pool_units(&pool));
    for (int64_t i = 0; i < n && ok; i++)
        ok = check_close("ref", i, y[i], naive(&pool, x, i),
                         pool.mode == TARE_POOL_MAX ? 0.0 : 1e-6);
    check_free(y);
    free(x);
    return ok;
}

static bool check_hand_values(void)
{
    const float x[] = {1.0f, NAN, 3.0f, -2.0f, 5.0f, 0.0f, 7.0f, 8.0f, 9.0f};
    struct tare_f32_pool pool = {
        .window = {1, 3, 3, 1, 2, 2, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0},
        .mode = TARE_POOL_MAX};
    const float most[] = {1.0f, 3.0f, 7.0f, 9.0f};
    const float averages[] = {0.25f, NAN, 1.25f, 5.5f};
    float y[4];
    tare_f32_pool__ref(&pool, x, y, 0, tare_f32_pool_units(&pool));
    if (!check_equal("maxima by hand", y, most, 4)) return false;
    pool.mode = TARE_POOL_AVERAGE_INCLUDE_PAD;
    tare_f32_pool__ref(&pool, x, y, 0, tare_f32_pool_units(&pool));
    for (int i = 0; i < 4; i++)
        if (!check_close("averages by hand", i, y[i], (double)averages[i], 0.0))
            return false;
    return true;
}

/* The same on slices of larger tensors: the outputs are those of dense `y`, and what is
 * between the pixels stays as it was. */
static bool check_pitched(tare_f32_pool_fn *fn, const char *name,
                          const struct tare_f32_pool *pool, const float *x,
                          const float *y)
{
    struct tare_f32_pool pitched = *pool;
    struct tare_window *w = &pitched.window;
    *w = pitch_random(&pool->window);
    const int64_t n = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    float *in = check_floats_slack(
        pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch), false);
    float *want = check_output(n), *got = check_output(n);
    pitch_spread(in, x, pitch_in_pixels(w), w->in_c, w->in_pitch, sizeof *in);
    pitch_spread(want, y, pitch_out_pixels(w), w->out_c, w->out_pitch, sizeof *want);
    fn(&pitched, in, got, 0, tare_f32_pool_units(&pitched));
    const bool ok = check_same(name, got, want, n);
    check_free(got);
    check_free(want);
    free(in);
    return ok;
}

static bool check_one(const struct tare_f32_pool_variant *v, bool specials)
{
    struct job job = {.pool = random_pool(), .fn = v->fn};
    const int64_t n = y_count(&job.pool.window), units = tare_f32_pool_units(&job.pool);
    float *x = check_floats_slack(x_count(&job.pool.window), specials);
    float *want = check_output(n), *got = check_output(n);
    tare_f32_pool__ref(&job.pool, x, want, 0, units);
    job.x = x;
    job.y = got;
    check_split(run_job, &job, 0, units);
    const bool ok =
        check_same(v->name, got, want, n) &&
        check_pitched(v->fn, v->name, &job.pool, x, want) &&
        check_pitched(tare_f32_pool__ref, "tare_f32_pool__ref", &job.pool, x, want);
    check_free(got);
    check_free(want);
    free(x);
    return ok;
}

static bool check_variant(const struct tare_f32_pool_variant *v)
{
    for (int i = 0; i < 1000; i++)
        if (!check_one(v, i % 2)) return false;
    return true;
}

static void bench(void)
{
    const struct {
        const char *name;
        struct tare_f32_pool pool;
    } layers[] = {{"max 3x3/2 112x112x64",
                   {{1, 112, 112, 64, 56, 56, 64, 1, 3, 3, 2, 2, 1, 1, 1, 1, 0, 0},
                    1,
                    1,
                    TARE_POOL_MAX}},
                  {"average 3x3 35x35x192",
                   {{1, 35, 35, 192, 35, 35, 192, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0},
                    1,
                    1,
                    TARE_POOL_AVERAGE}},
                  {"global 7x7x2048",
                   {{1, 7, 7, 2048, 1, 1, 2048, 1, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0},
                    0,
                    0,
                    TARE_POOL_AVERAGE}},
                  {"global 112x112x64",
                   {{1, 112, 112, 64, 1, 1, 64, 1, 112, 112, 1, 1, 1, 1, 0, 0, 0, 0},
                    0,
                    0,
                    TARE_POOL_AVERAGE}}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const struct tare_window *w = &layers[i].pool.window;
        float *x = check_floats_slack(x_count(w), false), *y = check_output(y_count(w));
        for (size_t k = 1; k < tare_f32_pool_count; k++) {
            const struct tare_f32_pool_variant *v = &tare_f32_pool_table[k];
            struct job job = {layers[i].pool, x, y, v->fn};
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            check_bench(v->name, layers[i].name,
                        4.0 * (double)(x_count(w) + y_count(w)), "GB/s", run_job, &job,
                        tare_f32_pool_units(&job.pool));
        }
        check_free(y);
        free(x);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_hand_values()) return CHECK_FAIL;
    for (int i = 0; i < 300; i++)
        if (!check_ref()) return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_pool, check_variant);
    return CHECK_PASS;
}
