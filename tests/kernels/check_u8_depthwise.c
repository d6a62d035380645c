/*
 * u8_depthwise: every variant against a naive convolution over the unpacked weights,
 * byte for byte, whole and in random pieces; the reference against values worked out by
 * hand.
 *
 *     check_u8_depthwise [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/conv_case.h"

#include "kernels/u8_depthwise/u8_depthwise.h"

static const struct conv_family family = {
    tare_u8_depthwise_units, tare_u8_depthwise_packed_bytes, tare_u8_depthwise_pack,
    tare_u8_depthwise_scratch_bytes, tare_u8_depthwise_unpack};

/* One row of two pixels of two channels, a 1x3 kernel padded by one: worked out on
 * paper. */
static bool check_by_hand(void)
{
    const uint8_t x[4 + TARE_KERNEL_SLACK] = {10, 20, 30, 40};
    const int8_t weights[] = {1, 2, 3, -1, -2, -3}; /* [2][1][1][3] */
    const int32_t acc_init[2 + TARE_KERNEL_SLACK] = {0};
    const float multiplier[2 + TARE_KERNEL_SLACK] = {0.25f, 1.0f};
    const float bias[2 + TARE_KERNEL_SLACK] = {0.0f, 300.0f};
    const struct tare_u8_conv p = {
        .window = {1, 1, 2, 2, 1, 2, 2, 2, 1, 3, 1, 1, 1, 1, 0, 1, 0, 0},
        .epilogue = {.negative_slope = 1, .lower = 0, .upper = 255},
    };
    /* Channel 0: (10*2 + 30*3) / 4 = 27.5, to even 28; (10*1 + 30*2) / 4 = 17.5, to 18.
     * Channel 1: 300 - 20*2 - 40*3 = 140; 300 - 20*1 - 40*2 = 200. */
    const uint8_t want[] = {28, 140, 18, 200};
    uint8_t y[4];
    int8_t packed[1024];
    _Alignas(64) uint8_t scratch[4096];
    size_t packed_bytes, scratch_bytes;
    if (!tare_u8_depthwise_packed_bytes(&p, &packed_bytes) ||
        packed_bytes > sizeof packed ||
        !tare_u8_depthwise_scratch_bytes(&p, &scratch_bytes) ||
        scratch_bytes > sizeof scratch)
        return false;
    tare_u8_depthwise_pack(&p, weights, packed);
    const struct tare_u8_conv_data d = {.x = x,
                                        .weights = packed,
                                        .acc_init = acc_init,
                                        .multiplier = multiplier,
                                        .bias = bias,
                                        .y = y};
    tare_u8_depthwise__ref(&p, &d, scratch, 0, tare_u8_depthwise_units(&p));
    return !memcmp(y, want, sizeof want);
}

static bool check_layer(struct tare_u8_conv layer)
{
    struct conv_case t = {.family = &family, .p = layer, .may_be_large = true};
    if (!conv_case_fill(&t)) return printf("not ok - a layer does not fit\n"), false;
    conv_case_naive(&t);
    bool ok = conv_case_check_unpack(&t);
    for (size_t k = 0; ok && k < tare_u8_depthwise_count; k++) {
        const struct tare_u8_depthwise_variant *v = &tare_u8_depthwise_table[k];
        if ((v->isa & tare_cpu_flags()) == v->isa)
            ok = conv_case_check(&t, v->fn, v->name);
    }
    conv_case_free(&t);
    return ok;
}

static void bench(void)
{
    /* in_h = in_w, channels, kernel, stride */
    static const int64_t layers[][4] = {
        {112, 32, 3, 1}, {112, 96, 3, 2}, {56, 144, 3, 1}, {56, 144, 3, 2},
        {28, 192, 3, 1}, {28, 192, 3, 2}, {14, 384, 3, 1}, {14, 576, 3, 1},
        {14, 576, 3, 2}, {7, 960, 3, 1},  {112, 16, 3, 1}, {56, 24, 3, 1},
        {28, 240, 5, 1}, {14, 672, 5, 1}, {7, 1152, 5, 1}, {28, 72, 5, 2},
        {32, 8, 3, 1},   {14, 512, 3, 1},
    };
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const int64_t *l = layers[i];
        const int64_t pad = l[2] / 2;
        const int64_t out = (l[0] + 2 * pad - l[2]) / l[3] + 1;
        struct conv_case t = {
            .family = &family,
            .p = {.window = {1, l[0], l[0], l[1], out, out, l[1], l[1], l[2], l[2],
                             l[3], l[3], 1, 1, pad, pad, 0, 0},
                  .epilogue = {.negative_slope = 1, .upper = 255}},
        };
        if (!conv_case_fill(&t)) abort();
        for (size_t k = 1; k < tare_u8_depthwise_count; k++) {
            const struct tare_u8_depthwise_variant *v = &tare_u8_depthwise_table[k];
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
    for (int i = 0; i < check_cases(1500); i++)
        if (!check_layer(random_depthwise())) return CHECK_FAIL;
    printf("ok - u8_depthwise\n");
    return CHECK_PASS;
}
