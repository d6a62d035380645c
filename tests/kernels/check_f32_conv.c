/*
 * Convolution and matrix product: the reference against a loop in double and hand
 * values; every variant against the reference, byte for byte, for random geometry and
 * any split.
 *
 *     check_f32_conv [--seed=N] [--bench]      exit 0 pass, 1 fail, 77 skip
 */
#include "tests/kernels/f32_conv_case.h"

static const struct conv_family family = {
    tare_f32_conv_units, tare_f32_conv_packed_bytes, tare_f32_conv_scratch_bytes,
    tare_f32_conv_pack,  tare_f32_conv__ref,         "tare_f32_conv__ref",
    tare_f32_conv_done};

static struct tare_window random_window(void)
{
    struct tare_window w;
    do {
        w = (struct tare_window){.batch = check_range(1, 2),
                                 .in_h = check_range(1, 9),
                                 .in_w = check_range(1, 14),
                                 .groups = check_u32() % 3 ? 1 : check_range(1, 4),
                                 .kernel_h = check_range(1, 3),
                                 .kernel_w = check_range(1, 4),
                                 .stride_h = check_range(1, 3),
                                 .stride_w = check_range(1, 2),
                                 .dilation_h = check_range(1, 2),
                                 .dilation_w = check_u32() % 3 ? 1 : 2,
                                 .pad_top = check_range(0, 2),
                                 .pad_left = check_range(0, 3)};
        w.out_h = out_length(w.in_h, w.pad_top + check_range(0, 3), w.kernel_h,
                             w.stride_h, w.dilation_h);
        w.out_w = out_length(w.in_w, w.pad_left + check_range(0, 4), w.kernel_w,
                             w.stride_w, w.dilation_w);
    } while (w.out_h < 1 || w.out_w < 1);
    if (check_u32() % 4 == 0) {
        w.in_h = w.out_h = w.kernel_h = w.kernel_w = w.stride_h = w.stride_w = 1;
        w.pad_top = w.pad_left = 0;
        w.in_w = w.out_w = check_range(1, 40);
    }
    w.in_c = w.groups * (check_u32() % 4 ? check_range(1, 9) : check_range(60, 70));
    w.out_c =
        w.groups * (check_u32() % 2 ? check_range(1, 70) : 16 * check_range(1, 5));
    return w;
}

/* 1 x 3 image, 2 channels, 1 x 3 kernel, padding 1 on both sides. */
static bool check_by_hand(void)
{
    const float x[] = {1, 2, 3, 4, 5, 6}, weights[] = {1, 10, 100, -1, -10, -100};
    const float bias[] = {0.5f}, want[] = {0.0f, 0.0f, 0.0f};
    const float plain[] = {310.5f - 420.0f, 531.5f - 1.0f - 642.0f + 1.0f,
                           53.5f - 64.0f};
    struct tare_f32_conv conv = {
        .window = {1, 1, 3, 2, 1, 3, 1, 1, 1, 3, 1, 1, 1, 1, 0, 1, 0, 0},
        .epilogue = {0, 1.0f, -INFINITY, INFINITY}};
    float packed[96] = {0}, y[3];
    _Alignas(64) char scratch[4096];
    size_t size;
    if (!tare_f32_conv_scratch_bytes(&conv, &size) || size > sizeof scratch) abort();
    if (!tare_f32_conv_packed_bytes(&conv, &size) || size != sizeof packed) abort();
    tare_f32_conv_pack(&conv, weights, packed);
    const struct tare_f32_conv_data data = {x, packed, bias, NULL, y};
    tare_f32_conv__ref(&conv, &data, scratch, 0, tare_f32_conv_units(&conv));
    if (!check_equal("by hand", y, plain, 3)) return false;
    conv.epilogue.lower = 0.0f;
    tare_f32_conv__ref(&conv, &data, scratch, 0, tare_f32_conv_units(&conv));
    return check_equal("ReLU by hand", y, want, 3);
}

/* A matrix packed at run time must read as the same matrix packed as weights. */
static bool check_pack_matrix(void)
{
    const int64_t k = check_range(1, 70), n = check_range(1, 100);
    const struct tare_f32_conv conv = {
        .window = {1, 1, 1, k, 1, 1, n, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}};
    float *b = check_floats(k * n, false); /* [n, k] */
    float *t = check_alloc((size_t)(k * n) * sizeof *t);
    for (int64_t i = 0; i < k * n; i++)
        t[i % k * n + i / k] = b[i];
    size_t bytes;
    if (!tare_f32_conv_packed_bytes(&conv, &bytes)) abort();
    const int64_t floats = (int64_t)(bytes / sizeof(float));
    float *want = check_output(floats), *got = check_output(floats);
    tare_f32_conv_pack(&conv, b, want);
    const float factor = check_range(0, 1) ? 1.0f : 0.3f;
    for (int64_t i = 0; i < floats; i++)
        want[i] *= factor;

    const int64_t units = tare_f32_conv_pack_matrix_units(n);
    const int64_t middle = check_range(0, units);
    tare_f32_conv_pack_matrix(k, n, factor, b, 1, k, got, 0, middle);
    tare_f32_conv_pack_matrix(k, n, factor, b, 1, k, got, middle, units);
    bool ok = check_same("pack_matrix, transposed", got, want, floats);
    memset(got, 0x99, bytes);
    tare_f32_conv_pack_matrix(k, n, factor, t, n, 1, got, 0, units);
    ok = ok && check_same("pack_matrix", got, want, floats);
    check_free(want);
    check_free(got);
    free(t);
    free(b);
    return ok;
}

static bool check_variant(const struct tare_f32_conv_variant *v)
{
    for (int i = 0; i < check_cases(400); i++)
        if (!check_one(&family, v->fn, v->name, random_window(), i % 4 == 0))
            return false;
    /* Several panels of tiles, groups of blocks and stretches of sums; then weights
     * larger than a cache, with which units go in another order. */
    const struct tare_window small = {1, 8, 12, 200, 8, 12, 150, 1, 1,
                                      1, 1, 1,  1,   1, 0,  0,   0, 0};
    struct tare_window large = small;
    large.in_c = 900;
    return check_one(&family, v->fn, v->name, small, false) &&
           check_one(&family, v->fn, v->name, large, false);
}

static struct tare_window square(int64_t size, int64_t in_c, int64_t out_c,
                                 int64_t kernel, int64_t stride)
{
    const int64_t out = (size - 1) / stride + 1, pad = (kernel - 1) / 2;
    return (struct tare_window){1,     size, size,   in_c,   out,    out,
                                out_c, 1,    kernel, kernel, stride, stride,
                                1,     1,    pad,    pad,    0,      0};
}

struct matrix {
    int64_t k, n, row_stride, column_stride;
    float *b, *packed;
};

static void run_pack(void *ctx, int64_t begin, int64_t end)
{
    const struct matrix *m = ctx;
    tare_f32_conv_pack_matrix(m->k, m->n, 1.0f, m->b, m->row_stride, m->column_stride,
                              m->packed, begin, end);
}

static void bench_pack(void)
{
    const int64_t k = 768, n = 3072;
    struct matrix m = {
        k, n, n, 1, check_floats(k * n, false), check_floats(k * n, false)};
    const double bytes = 2.0 * sizeof(float) * (double)(k * n);
    const int64_t units = tare_f32_conv_pack_matrix_units(n);
    check_bench("pack_matrix", "768x3072", bytes, "GB/s", run_pack, &m, units);
    m.row_stride = 1;
    m.column_stride = k;
    check_bench("pack_matrix", "768x3072 transposed", bytes, "GB/s", run_pack, &m,
                units);
    free(m.b);
    free(m.packed);
}

static void bench(void)
{
    bench_pack();
    const struct {
        const char *name;
        struct tare_window window;
    } layers[] = {{"7x7/2 3->64 @224", square(224, 3, 64, 7, 2)},
                  {"3x3/2 3->32 @224", square(224, 3, 32, 3, 2)},
                  {"5x5 1->64 @224", square(224, 1, 64, 5, 1)},
                  {"1x1 25->64 @224", square(224, 25, 64, 1, 1)},
                  {"3x3 16->16 @32", square(32, 16, 16, 3, 1)},
                  {"3x3 64->64 @56", square(56, 64, 64, 3, 1)},
                  {"1x1 64->256 @56", square(56, 64, 256, 1, 1)},
                  {"1x1 256->64 @56", square(56, 256, 64, 1, 1)},
                  {"3x3 128->128 @28", square(28, 128, 128, 3, 1)},
                  {"3x3 256->256 @14", square(14, 256, 256, 3, 1)},
                  {"1x1 1024->256 @14", square(14, 1024, 256, 1, 1)},
                  {"3x3 512->512 @7", square(7, 512, 512, 3, 1)},
                  {"1x1 512->2048 @7", square(7, 512, 2048, 1, 1)},
                  {"1x1 16->96 @112", square(112, 16, 96, 1, 1)},
                  {"matrix 128x768x3072",
                   {1, 1, 128, 768, 1, 128, 3072, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}},
                  {"matrix 1x2048x1000",
                   {1, 1, 1, 2048, 1, 1, 1000, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const struct tare_window *w = &layers[i].window;
        struct job job = new_job(&family, *w, false);
        float *y = check_output(y_count(w));
        job.data.y = y;
        for (size_t k = 1; k < tare_f32_conv_count; k++) {
            const struct tare_f32_conv_variant *v = &tare_f32_conv_table[k];
            if ((v->isa & tare_cpu_flags()) != v->isa) continue;
            job.fn = v->fn;
            check_bench(v->name, layers[i].name,
                        2.0 *
                            (double)(y_count(w) * w->in_c * w->kernel_h * w->kernel_w),
                        "GFLOPS", run_job, &job, tare_f32_conv_units(&job.conv));
        }
        check_free(y);
        free_job(&job);
    }
}

/* Unpacking gives back what was packed. */
static bool check_unpack(void)
{
    struct job job = new_job(&family, random_window(), true);
    const struct tare_window *w = &job.conv.window;
    const size_t n =
        (size_t)(w->out_c * (w->in_c / w->groups) * w->kernel_h * w->kernel_w);
    float *again = check_alloc(n * sizeof *again);
    tare_f32_conv_unpack(&job.conv, job.packed, again);
    const bool same = memcmp(again, job.plain, n * sizeof *again) == 0;
    if (!same) printf("unpacked weights differ\n");
    free(again);
    free_job(&job);
    return same;
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_bench_asked(argc, argv)) return bench(), CHECK_PASS;
    if (!check_by_hand()) return CHECK_FAIL;
    for (int i = 0; i < check_cases(200); i++)
        if (!check_ref_against_naive(&family, random_window(), 0.0) ||
            !check_pack_matrix() || !check_unpack())
            return CHECK_FAIL;
    CHECK_VARIANTS(tare_f32_conv, check_variant);
    return CHECK_PASS;
}
