/*
 * u8_f32_dequantize: every variant against a naive loop, byte for byte, for every
 * layout, whole and in random pieces; the reference against values worked out by hand.
 *
 *     check_u8_f32_dequantize [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"

static bool check_by_hand(void)
{
    const uint8_t src[4] = {1, 128, 255, 130}; /* two pixels of two channels */
    const struct tare_u8_f32_dequantize p = {.channels = 2,
                                             .pixel_stride = 1,
                                             .channel_stride = 2,
                                             .scale = 0.5f,
                                             .zero_point = 128};
    const float want[4] = {-63.5f, 63.5f, 0.0f, 1.0f};
    float dst[4];
    tare_u8_f32_dequantize__ref(&p, src, dst, 0, 2);
    for (int i = 0; i < 4; i++)
        if (dst[i] != want[i]) return false;
    return true;
}

static struct tare_u8_f32_dequantize random_params(int64_t n_pixels)
{
    struct tare_u8_f32_dequantize p = {.channels = check_between(1, 40)};
    const int64_t gap = check_once_in(2) ? check_between(0, 3) : 0;
    switch (check_u32() % 3) {
    case 0: /* HWC */
        p.channel_stride = 1;
        p.pixel_stride = p.channels + gap;
        break;
    case 1: /* CHW */
        p.channel_stride = n_pixels + gap;
        p.pixel_stride = 1;
        break;
    default:
        p.channel_stride = 2;
        p.pixel_stride = 2 * p.channels + gap;
        break;
    }
    p.scale = (float)check_between(1, 1000) / 317.0f;
    p.zero_point = check_zero_point();
    return p;
}

static bool check_variant(const struct tare_u8_f32_dequantize_variant *v,
                          int64_t n_pixels)
{
    const struct tare_u8_f32_dequantize p = random_params(n_pixels);
    const int64_t last =
        (n_pixels - 1) * p.pixel_stride + (p.channels - 1) * p.channel_stride;
    const size_t bytes = (size_t)(last + 1) * sizeof(float);
    uint8_t *src = check_input(n_pixels * p.channels, 1);
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    for (int64_t i = 0; i < n_pixels; i++) {
        for (int64_t c = 0; c < p.channels; c++) {
            const float value =
                (float)((int)src[i * p.channels + c] - p.zero_point) * p.scale;
            const int64_t at = i * p.pixel_stride + c * p.channel_stride;
            memcpy(want + CHECK_GUARD + 4 * (size_t)at, &value, sizeof value);
        }
    }
    char what[128];
    snprintf(what, sizeof what, "%ld pixels of %ld channels, strides %ld and %ld",
             (long)n_pixels, (long)p.channels, (long)p.pixel_stride,
             (long)p.channel_stride);
    v->fn(&p, src, check_output_body(got), 0, n_pixels);
    bool ok = check_same(want, got, bytes, v->name, what);

    memset(got, 0x99, bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, n_pixels};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(&p, src, check_output_body(got), begin, end);
    ok = ok && check_same(want, got, bytes, v->name, what);
    free(src);
    free(want);
    free(got);
    return ok;
}

struct bench {
    const struct tare_u8_f32_dequantize_variant *v;
    struct tare_u8_f32_dequantize p;
    uint8_t *src;
    float *dst;
    int64_t n_pixels;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->v->fn(&t->p, t->src, t->dst, 0, t->n_pixels);
}

static void bench_layout(const struct tare_u8_f32_dequantize_variant *v,
                         int64_t n_pixels, int64_t channels, bool planes)
{
    struct bench t = {
        .v = v,
        .p = {channels, planes ? 1 : channels, planes ? n_pixels : 1, 0.02f, 128},
        .src = check_input(n_pixels * channels, 1),
        .dst = check_alloc_aligned((size_t)(n_pixels * channels) * 4),
        .n_pixels = n_pixels};
    char name[96];
    snprintf(name, sizeof name, "%s %s x%ld", v->name, planes ? "CHW" : "HWC",
             (long)channels);
    check_print_rate(name, n_pixels * channels, "elements",
                     5.0 * (double)(n_pixels * channels), check_time(bench_call, &t));
    free(t.src);
    free(t.dst);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    for (size_t k = 0; k < tare_u8_f32_dequantize_count; k++) {
        const struct tare_u8_f32_dequantize_variant *v =
            &tare_u8_f32_dequantize_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench_layout(v, 50176, 1, true);
            bench_layout(v, 50176, 3, true);
            bench_layout(v, 3136, 64, true);
            bench_layout(v, 3136, 64, false);
            continue;
        }
        for (int i = 0; i < 3000; i++)
            if (!check_variant(v, check_between(1, 70))) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
