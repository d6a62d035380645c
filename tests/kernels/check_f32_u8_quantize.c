/*
 * f32_u8_quantize: every variant against a naive loop, byte for byte, for every layout,
 * whole and in random pieces; the reference against values worked out by hand.
 *
 *     check_f32_u8_quantize [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include <math.h>

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"

static bool check_by_hand(void)
{
    /* Two planes of four pixels. */
    const float src[8] = {-1.5f,     0.25f,    0.75f, 300.0f,
                          -INFINITY, INFINITY, NAN,   -0.25f};
    const struct tare_f32_u8_quantize p = {.channels = 2,
                                           .pixel_stride = 1,
                                           .channel_stride = 4,
                                           .scale = 0.5f,
                                           .lower = -127.0f,
                                           .upper = 127.0f,
                                           .zero_point = 128};
    /* -3, 0.5 to 0, 1.5 to 2, 127; -127, 127, -127, -0.5 to 0; interleaved */
    const uint8_t want[8] = {125, 1, 128, 255, 130, 1, 255, 128};
    uint8_t dst[8];
    tare_f32_u8_quantize__ref(&p, src, dst, 0, 4);
    return !memcmp(dst, want, sizeof want);
}

/* In range, exact ties and the numbers beside them, values that saturate, and any bit
 * pattern at all. */
static float random_value(float scale)
{
    const uint32_t bits = check_u32();
    float any;
    const float tie = ((float)check_between(-140, 270) + 0.5f) * scale;
    switch (check_u32() % 5) {
    case 0: return (float)check_between(-140, 270) * scale * 0.937f;
    case 1: return tie;
    case 3: return nextafterf(tie, bits & 1 ? INFINITY : -INFINITY);
    case 2: return (bits & 1 ? 1e30f : -1e30f) * (bits & 2 ? 1.0f : INFINITY);
    default: memcpy(&any, &bits, sizeof any); return any;
    }
}

static struct tare_f32_u8_quantize random_params(int64_t n_pixels)
{
    struct tare_f32_u8_quantize p = {.channels = check_between(1, 40)};
    if (check_once_in(2)) p.channels = check_between(1, 5);
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
    p.scale = check_once_in(2) ? 0.5f : (float)check_between(1, 1000) / 317.0f;
    if (check_once_in(4)) p.scale = ldexpf(p.scale, (int)check_between(-124, 115));
    p.zero_point = check_zero_point();
    p.lower = (float)-p.zero_point;
    p.upper = (float)(255 - p.zero_point);
    if (check_once_in(4)) p.lower = fminf(p.upper, 3.0f);
    return p;
}

static uint8_t naive(const struct tare_f32_u8_quantize *p, float x)
{
    const float v = x / p->scale;
    if (!(v > p->lower)) return (uint8_t)(p->lower + (float)p->zero_point);
    if (v > p->upper) return (uint8_t)(p->upper + (float)p->zero_point);
    return (uint8_t)(nearbyint((double)v) + p->zero_point);
}

static bool check_variant(const struct tare_f32_u8_quantize_variant *v,
                          int64_t n_pixels)
{
    const struct tare_f32_u8_quantize p = random_params(n_pixels);
    const int64_t last =
        (n_pixels - 1) * p.pixel_stride + (p.channels - 1) * p.channel_stride;
    const size_t bytes = (size_t)(n_pixels * p.channels);
    float *src = check_alloc_aligned((size_t)(last + 1) * sizeof *src); /* no slack */
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    for (int64_t i = 0; i <= last; i++)
        src[i] = random_value(p.scale);
    for (int64_t i = 0; i < n_pixels; i++)
        for (int64_t c = 0; c < p.channels; c++)
            want[(int64_t)CHECK_GUARD + i * p.channels + c] =
                naive(&p, src[i * p.pixel_stride + c * p.channel_stride]);
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
    const struct tare_f32_u8_quantize_variant *v;
    struct tare_f32_u8_quantize p;
    float *src;
    uint8_t *dst;
    int64_t n_pixels;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->v->fn(&t->p, t->src, t->dst, 0, t->n_pixels);
}

static void bench_layout(const struct tare_f32_u8_quantize_variant *v, int64_t n_pixels,
                         int64_t channels, bool planes)
{
    struct bench t = {.v = v,
                      .p = {channels, planes ? 1 : channels, planes ? n_pixels : 1,
                            0.02f, -127.0f, 127.0f, 128},
                      .src = check_alloc_aligned((size_t)(n_pixels * channels) * 4),
                      .dst = check_input(n_pixels * channels, 1),
                      .n_pixels = n_pixels};
    for (int64_t i = 0; i < n_pixels * channels; i++)
        t.src[i] = (float)check_between(-1000, 1000) / 400.0f;
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
    for (size_t k = 0; k < tare_f32_u8_quantize_count; k++) {
        const struct tare_f32_u8_quantize_variant *v = &tare_f32_u8_quantize_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench_layout(v, 50176, 1, true);
            bench_layout(v, 50176, 3, true);
            bench_layout(v, 3136, 64, true);
            bench_layout(v, 3136, 64, false);
            continue;
        }
        for (int i = 0; i < 3000; i++)
            if (!check_variant(v, check_between(1, check_once_in(4) ? 300 : 70)))
                return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
