/*
 * u8_conv: every variant against a naive convolution over the unpacked weights, byte
 * for byte, whole and in random pieces; the reference against values worked out by
 * hand.
 *
 *     check_u8_conv [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/conv_case.h"

static const struct conv_family family = {tare_u8_conv_units, tare_u8_conv_packed_bytes,
                                          tare_u8_conv_pack, tare_u8_conv_scratch_bytes,
                                          tare_u8_conv_unpack};

/* One row of two pixels, two channels, a 1x2 kernel padded by one on the left: worked
 * out on paper. */
static bool check_by_hand(void)
{
    const uint8_t x[4 + TARE_KERNEL_SLACK] = {128 + 10, 128 - 3, 128 + 7, 128 + 100};
    const int8_t weights[] = {1, 2, 3, -4}; /* [1][2][1][2] */
    const int32_t acc_init[1 + TARE_KERNEL_SLACK] = {-128 * (1 + 2 + 3 - 4)};
    const float multiplier[1 + TARE_KERNEL_SLACK] = {0.5f};
    const float bias[1 + TARE_KERNEL_SLACK] = {0.5f};
    const struct tare_u8_conv p = {
        .window = {1, 1, 2, 2, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 0, 1, 0, 0},
        .in_zero_point = 128,
        .epilogue = {.negative_slope = 1,
                     .lower = -127,
                     .upper = 127,
                     .out_zero_point = 128},
    };
    /* Pixel 0: (10 * 2 + -3 * -4) / 2 + 0.5 = 16.5, to even 16.
     * Pixel 1: (10 * 1 + -3 * 3 + 7 * 2 + 100 * -4) / 2 + 0.5 = -192, clamped. */
    const uint8_t want[] = {128 + 16, 128 - 127};
    uint8_t y[2];
    int8_t packed[1024];
    _Alignas(64) uint8_t scratch[8192];
    size_t packed_bytes, scratch_bytes;
    if (!tare_u8_conv_packed_bytes(&p, &packed_bytes) || packed_bytes > sizeof packed ||
        !tare_u8_conv_scratch_bytes(&p, &scratch_bytes) ||
        scratch_bytes > sizeof scratch)
        return false;
    tare_u8_conv_pack(&p, weights, packed);
    const struct tare_u8_conv_data d = {.x = x,
                                        .weights = packed,
                                        .acc_init = acc_init,
                                        .multiplier = multiplier,
                                        .bias = bias,
                                        .y = y};
    tare_u8_conv__ref(&p, &d, scratch, 0, tare_u8_conv_units(&p));
    return !memcmp(y, want, sizeof want);
}

/* Layers that do not fit are refused, not miscounted. */
static bool check_refusals(void)
{
    struct tare_u8_conv p = {.window = {1, 1, 1, TARE_U8_MAX_TERMS, 1, 1, 1, 1, 1, 1, 1,
                                        1, 1, 1, 0, 0, 0, 0}};
    size_t bytes;
    if (!tare_u8_conv_packed_bytes(&p, &bytes)) return false;
    p.window.in_c++;
    if (tare_u8_conv_packed_bytes(&p, &bytes)) return false;
    p.window.in_c = 1000;
    p.window.out_c = INT64_MAX / 1000;
    return !tare_u8_conv_packed_bytes(&p, &bytes);
}

/* All that this processor has. */
static bool check_variants(struct conv_case *t)
{
    bool ok = true;
    for (size_t k = 0; ok && k < tare_u8_conv_count; k++) {
        const struct tare_u8_conv_variant *v = &tare_u8_conv_table[k];
        if ((v->isa & tare_cpu_flags()) == v->isa)
            ok = conv_case_check(t, v->fn, v->name);
    }
    return ok;
}

static bool check_layer(struct tare_u8_conv layer)
{
    struct tare_u8_epilogue *e = &layer.epilogue;
    if (check_once_in(4) && e->upper - e->lower >= 1.0f) e->upper -= 0.5f;
    struct conv_case t = {.family = &family, .p = layer, .may_be_large = true};
    if (!conv_case_fill(&t)) return printf("not ok - a layer does not fit\n"), false;
    conv_case_naive(&t);
    const bool ok = conv_case_check_unpack(&t) && check_variants(&t);
    conv_case_free(&t);
    return ok;
}

static bool check_windows(const struct tare_window *windows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!check_layer((struct tare_u8_conv){.window = windows[i],
                                               .in_zero_point = check_zero_point(),
                                               .epilogue = random_epilogue(true)}))
            return false;
    return true;
}

/* More weights than a second-level cache has room for: a product of matrices, whose
 * units share channels then, and a window. */
static bool check_large(void)
{
    const struct tare_window windows[] = {
        tare_matrix_window(check_between(57, 130), 300, 1000),
        {1, 9, 9, 100, 9, 9, 320, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0}};
    return check_windows(windows, sizeof windows / sizeof windows[0]);
}

/* Sums so long that a variant may take them another way: near and far weights, several
 * segments, groups, patches of pixels, lengths of all kinds. */
static bool check_long(void)
{
    const struct tare_window windows[] = {
        tare_matrix_window(check_between(24, 60), check_between(384, 450), 20),
        tare_matrix_window(check_between(96, 110), check_between(400, 450), 700),
        tare_matrix_window(97, 2100, 130),
        {1, 1, 99, 400, 1, 50, 700, 1, 1, 1, 1, 2, 1, 1, 0, 0, 0, 0},
        {1, 12, 12, 100, 6, 6, 41, 1, 3, 3, 2, 2, 1, 1, 1, 1, 0, 0},
        {1, 6, 5, 800, 6, 5, 30, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
        {1, 6, 6, 400, 6, 6, 20, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0},
        {1, 40, 40, 64, 40, 40, 48, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0},
        {1, 41, 39, 80, 41, 39, 72, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0},
        {1, 46, 44, 240, 46, 44, 33, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0}};
    return check_windows(windows, sizeof windows / sizeof windows[0]);
}

/* One row of pixels, the last of which are beside the input: not at equal distances. */
static bool check_beside(void)
{
    const struct tare_window windows[] = {
        {1, 1, 15, 64, 1, 17, 38, 1, 1, 1, 2, 1, 1, 2, 0, 0, 0, 0},
        {1, 1, 15, 64, 1, 10, 38, 1, 1, 1, 1, 2, 1, 1, 0, 0, 0, 0}};
    return check_windows(windows, sizeof windows / sizeof windows[0]);
}

/* Padding of zeros, which a variant may leave out tap by tap where these are long. */
static struct tare_u8_conv random_long_taps(void)
{
    struct tare_u8_conv p = random_conv();
    p.window.groups = 1;
    p.window.in_c = 4 * check_between(15, 20);
    p.window.out_c = check_between(1, 40);
    p.in_zero_point = 0;
    return p;
}

/* The same matrix as a part of a larger one, and of a larger one transposed: exactly as
 * large as it must be, so that reads behind it show. */
static bool check_pack_strided(const struct conv_case *t, const uint8_t *b,
                               const uint8_t *want, size_t bytes, const int64_t *sums)
{
    const int64_t k = t->p.window.in_c, n = t->p.window.out_c;
    const int64_t units = tare_u8_conv_pack_matrix_units(&t->p);
    bool ok = true;
    for (int transposed = 0; ok && transposed < 2; transposed++) {
        const int64_t length = transposed ? k : n, count = transposed ? n : k;
        const int64_t stride = length + check_between(transposed && k > 1 ? 0 : 1, 40);
        const int64_t rows = transposed ? 1 : stride, columns = transposed ? stride : 1;
        const size_t size = (size_t)((count - 1) * stride + length);
        uint8_t *strided = check_alloc(size), *got = check_output(bytes);
        int32_t *acc_init = check_alloc((size_t)n * sizeof *acc_init);
        memset(strided, 77, size);
        for (int64_t i = 0; i < k * n; i++)
            strided[i / n * rows + i % n * columns] = b[i];
        const int64_t middle = check_between(0, units);
        int8_t *packed = check_output_body(got);
        tare_u8_conv_pack_matrix(&t->p, strided, rows, columns, packed, acc_init,
                                 middle, units);
        tare_u8_conv_pack_matrix(&t->p, strided, rows, columns, packed, acc_init, 0,
                                 middle);
        ok = check_same(want, got, bytes, "pack_matrix",
                        transposed ? "a part, transposed" : "a part");
        for (int64_t j = 0; ok && j < n; j++)
            ok = acc_init[j] == -t->p.in_zero_point * sums[j];
        free(strided);
        free(got);
        free(acc_init);
    }
    return ok;
}

/* A matrix packed at run time must read as the same matrix packed as weights, and every
 * variant take codes of the whole range: the textbook's product of two matrices. */
static bool check_pack_matrix(void)
{
    const int64_t k = check_between(1, 70), n = check_between(1, 100);
    struct conv_case t = {
        .family = &family,
        .p = {.window = tare_matrix_window(check_between(1, 40), k, n),
              .in_zero_point = (int32_t)check_between(0, 255),
              .epilogue = random_epilogue(false)}};
    if (!conv_case_fill(&t)) return false;
    size_t bytes;
    if (!tare_u8_conv_packed_bytes(&t.p, &bytes)) return false;
    uint8_t *b = check_input(k * n, 1), *want = check_output(bytes);
    uint8_t *got = check_output(bytes);
    int64_t *sums = check_alloc((size_t)n * sizeof *sums);
    if (check_once_in(4)) memset(b, 0, (size_t)(k * n)); /* -128 everywhere */
    memset(sums, 0, (size_t)n * sizeof *sums);
    for (int64_t i = 0; i < k * n; i++) {
        t.weights[i % n * k + i / n] = (int8_t)(b[i] - 128);
        sums[i % n] += b[i] - 128;
    }
    tare_u8_conv_pack(&t.p, t.weights, (int8_t *)check_output_body(want));
    const int64_t units = tare_u8_conv_pack_matrix_units(&t.p);
    const int64_t middle = check_between(0, units);
    int8_t *packed = check_output_body(got);
    tare_u8_conv_pack_matrix(&t.p, b, n, 1, packed, t.acc_init, middle, units);
    tare_u8_conv_pack_matrix(&t.p, b, n, 1, packed, t.acc_init, 0, middle);
    bool ok = check_same(want, got, bytes, "pack_matrix", "a matrix");
    for (int64_t j = 0; ok && j < n; j++)
        ok = t.acc_init[j] == -t.p.in_zero_point * sums[j];
    ok = ok && check_pack_strided(&t, b, want, bytes, sums);
    memcpy(t.packed, packed, bytes);
    conv_case_naive(&t);
    ok = ok && check_variants(&t);
    free(b);
    free(want);
    free(got);
    free(sums);
    conv_case_free(&t);
    return ok;
}

/* The longest sums, of inputs that are all `x` and weights that are -128 for one
 * channel and 127 for the others. */
static bool check_longest(int zero_point, int x, int64_t n_pixels, int64_t n_channels)
{
    const struct tare_u8_conv p = {
        .window = tare_matrix_window(n_pixels, TARE_U8_MAX_TERMS, n_channels),
        .in_zero_point = zero_point,
        .epilogue = {
            .negative_slope = 1, .lower = -INFINITY, .upper = INFINITY, .out_f32 = 1}};
    struct conv_case t = {.family = &family, .p = p};
    if (!conv_case_fill(&t)) return false;
    memset(t.x, x, (size_t)(n_pixels * TARE_U8_MAX_TERMS));
    for (int64_t i = 0; i < n_channels * TARE_U8_MAX_TERMS; i++)
        t.weights[i] = i / TARE_U8_MAX_TERMS == 1 ? -128 : 127;
    for (int64_t c = 0; c < n_channels; c++)
        t.acc_init[c] =
            (int32_t)(-zero_point * TARE_U8_MAX_TERMS * (c == 1 ? -128 : 127));
    tare_u8_conv_pack(&p, t.weights, t.packed);
    conv_case_naive(&t);
    const bool ok = check_variants(&t);
    conv_case_free(&t);
    return ok;
}

/* Extreme values, where a 16-bit or a saturating step would show; and inputs so near
 * the zero point, with channels enough, that a variant may take such a step. */
static bool check_extremes(void)
{
    static const int zero_points[] = {0, 85, 128, 170, 255};
    for (size_t k = 0; k < sizeof zero_points / sizeof zero_points[0]; k++)
        if (!check_longest(zero_points[k], 255, 17, 3)) return false;
    return check_longest(0, 60, 5, 33) && check_longest(128, 128 + 31, 5, 33) &&
           check_longest(128, 128 - 31, 5, 33) && check_longest(128, 128 + 60, 5, 64);
}

/* 3x3 windows of which a variant may filter patches of pixels: borders of all kinds,
 * patches that are partly beside the output, blocks of channels that are not full. */
static struct tare_u8_conv random_patches(void)
{
    const int64_t out_h = check_between(4, 16), out_w = check_between(4, 16);
    const int64_t top = check_between(0, 2), left = check_between(0, 2);
    return (struct tare_u8_conv){
        .window = {check_between(1, 3), out_h + 2 - top - check_between(0, 2 - top / 2),
                   out_w + 2 - left - check_between(0, 2 - left / 2),
                   16 * check_between(1, check_once_in(4) ? 30 : 4), out_h, out_w,
                   check_between(16, 80), 1, 3, 3, 1, 1, 1, 1, top, left, 0, 0},
        .in_zero_point = check_zero_point(),
        .epilogue = random_epilogue(true)};
}

/* Long sums of such windows, in_c channels, of the values that patches are largest of.
 */
static bool check_patch_extremes(int64_t in_c)
{
    const struct tare_u8_conv p = {
        .window = {1, 4, 4, in_c, 4, 4, 17, 1, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0},
        .in_zero_point = 255,
        .epilogue = {
            .negative_slope = 1, .lower = -INFINITY, .upper = INFINITY, .out_f32 = 1}};
    struct conv_case t = {.family = &family, .p = p};
    if (!conv_case_fill(&t)) return false;
    memset(t.acc_init, 0, 17 * sizeof *t.acc_init);
    for (int64_t i = 0; i < 17 * 9 * in_c; i++) {
        const bool is_random = i / (9 * in_c) > 1;
        t.weights[i] = (is_random ? check_once_in(2) : i / (9 * in_c)) ? -128 : 127;
        t.acc_init[i / (9 * in_c)] -= 255 * t.weights[i];
    }
    tare_u8_conv_pack(&p, t.weights, t.packed);
    bool ok = true;
    for (int mixed = 0; ok && mixed < 3; mixed++) {
        for (int64_t i = 0; i < 16 * in_c; i++)
            t.x[i] = mixed == 2 || (mixed && check_once_in(2)) ? 0 : 255;
        conv_case_naive(&t);
        ok = check_variants(&t);
    }
    conv_case_free(&t);
    return ok;
}

static void bench(void)
{
    /* in_h = in_w, in_c, out_c, groups, kernel, stride */
    static const int64_t layers[][6] = {
        {224, 3, 64, 1, 7, 2},    {224, 3, 32, 1, 3, 2},    {56, 64, 64, 1, 1, 1},
        {56, 64, 256, 1, 1, 1},   {56, 256, 64, 1, 1, 1},   {56, 64, 64, 1, 3, 1},
        {28, 128, 128, 1, 3, 1},  {28, 512, 128, 1, 1, 1},  {28, 128, 512, 1, 1, 1},
        {56, 256, 512, 1, 1, 2},  {14, 256, 256, 1, 3, 1},  {14, 1024, 256, 1, 1, 1},
        {14, 256, 1024, 1, 1, 1}, {7, 512, 512, 1, 3, 1},   {7, 2048, 512, 1, 1, 1},
        {7, 512, 2048, 1, 1, 1},  {1, 2048, 1000, 1, 1, 1}, {112, 16, 96, 1, 1, 1},
        {56, 24, 144, 1, 1, 1},   {56, 144, 24, 1, 1, 1},   {14, 384, 64, 1, 1, 1},
        {32, 16, 16, 1, 3, 1},    {56, 128, 128, 32, 3, 1}, {12, 768, 3072, 1, 1, 1},
        {12, 3072, 768, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const int64_t *l = layers[i];
        const int64_t pad = l[4] / 2;
        const int64_t out = (l[0] + 2 * pad - l[4]) / l[5] + 1;
        struct conv_case t = {
            .family = &family,
            .p = {.window = {1, l[0], l[0], l[1], out, out, l[2], l[3], l[4], l[4],
                             l[5], l[5], 1, 1, pad, pad, 0, 0},
                  .epilogue = {.negative_slope = 1, .upper = 255}},
        };
        if (!conv_case_fill(&t)) abort();
        for (size_t k = 1; k < tare_u8_conv_count; k++) {
            const struct tare_u8_conv_variant *v = &tare_u8_conv_table[k];
            if ((v->isa & tare_cpu_flags()) == v->isa)
                conv_case_bench(&t, v->fn, v->name);
        }
        conv_case_free(&t);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (check_flag(argc, argv, "--bench")) return bench(), CHECK_PASS;
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    if (!check_refusals()) return printf("not ok - refusals\n"), CHECK_FAIL;
    for (int i = 0; i < check_cases(1500); i++)
        if (!check_layer(random_conv())) return CHECK_FAIL;
    for (int i = 0; i < check_cases(300); i++)
        if (!check_layer(random_long_taps())) return CHECK_FAIL;
    for (int i = 0; i < check_cases(60); i++)
        if (!check_layer(random_patches())) return CHECK_FAIL;
    for (int i = 0; i < check_cases(300); i++)
        if (!check_pack_matrix()) return printf("not ok - pack_matrix\n"), CHECK_FAIL;
    if (!check_large() || !check_long() || !check_beside() || !check_extremes() ||
        !check_patch_extremes(224) || !check_patch_extremes(1792))
        return CHECK_FAIL;
    printf("ok - u8_conv\n");
    return CHECK_PASS;
}
