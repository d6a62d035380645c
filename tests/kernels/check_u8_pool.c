/*
 * u8_pool: every variant against a naive loop over the padded input, byte for byte,
 * whole and in random pieces; the reference against values worked out by hand.
 *
 *     check_u8_pool [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"
#include "tests/kernels/pitch.h"

#include <math.h>

#include "kernels/u8_pool/u8_pool.h"

/* A row of four pixels, kernel 3, stride 2, one pixel of padding, and with ceil_mode a
 * window that starts at the last pixel and runs over the padded edge. */
static bool check_by_hand(void)
{
    const uint8_t x[4 + TARE_KERNEL_SLACK] = {10, 20, 40, 90};
    struct tare_u8_pool p = {
        .window = {1, 1, 4, 1, 1, 3, 1, 1, 1, 3, 1, 2, 1, 1, 0, 1, 0, 0},
        .pad_right = 1,
        .kind = TARE_U8_POOL_AVERAGE,
        .multiplier = 0.5f,
        .epilogue = {.negative_slope = 1, .upper = 255},
    };
    uint8_t y[3];
    const uint8_t want[3] = {8, 25, 45}; /* 30/2/2 = 7.5 to 8; 150/3/2; 90/1/2 */
    tare_u8_pool__ref(&p, x, y, 0, tare_u8_pool_units(&p));
    if (memcmp(y, want, sizeof want) != 0) return false;

    p.count_include_pad = 1;
    const uint8_t want_padded[3] = {5, 25,
                                    22}; /* 30/3/2; 150/3/2; 90/2/2 = 22.5 to 22 */
    tare_u8_pool__ref(&p, x, y, 0, tare_u8_pool_units(&p));
    if (memcmp(y, want_padded, sizeof want_padded) != 0) return false;

    p.kind = TARE_U8_POOL_MAX;
    const uint8_t want_maximum[3] = {20, 90, 90};
    tare_u8_pool__ref(&p, x, y, 0, tare_u8_pool_units(&p));
    return !memcmp(y, want_maximum, sizeof want_maximum);
}

struct pool_case {
    struct tare_u8_pool p;
    uint8_t *x;
    size_t y_bytes;
    uint8_t *want, *got;
};

/* ONNX's rule with ceil_mode: a last window must start inside the input or the padding
 * before it. */
static int64_t out_size(int64_t in, int64_t reach, int64_t stride, int64_t before,
                        int64_t after, bool ceil_mode)
{
    const int64_t room = in + before + after - reach;
    int64_t n = (ceil_mode ? room + stride - 1 : room) / stride + 1;
    if (ceil_mode && (n - 1) * stride >= in + before) n--;
    return n;
}

static struct tare_u8_pool random_pool(void)
{
    static const int64_t channels[] = {1,  3,  8,  15, 16,  17,  31,  32,  33,
                                       48, 63, 64, 65, 100, 256, 257, 320, 600};
    struct tare_window w = {
        .batch = check_between(1, 2),
        .in_h = check_between(1, 9),
        .in_w = check_between(1, 12),
        .in_c = channels[check_u32() % (sizeof channels / sizeof channels[0])],
        .kernel_h = check_between(1, 4),
        .kernel_w = check_between(1, 4),
        .stride_h = check_between(1, 3),
        .stride_w = check_between(1, 3),
        .dilation_h = check_once_in(4) ? 2 : 1,
        .dilation_w = check_once_in(4) ? 2 : 1,
    };
    if (check_once_in(4)) { /* global, sometimes with more taps than 16 bits can add */
        w.in_h = w.kernel_h = check_between(1, 20);
        w.in_w = w.kernel_w = check_between(1, 20);
        w.dilation_h = w.dilation_w = 1;
    } else {
        w.pad_top = check_between(0, w.kernel_h - 1);
        w.pad_left = check_between(0, w.kernel_w - 1);
    }
    w.groups = w.out_c = w.in_c;
    struct tare_u8_pool p = {.in_zero_point = check_zero_point(),
                             .kind = check_once_in(2) ? TARE_U8_POOL_MAX
                                                      : TARE_U8_POOL_AVERAGE,
                             .count_include_pad = check_once_in(2),
                             .pad_bottom = check_between(0, w.kernel_h - 1),
                             .pad_right = check_between(0, w.kernel_w - 1)};
    const int64_t reach_h = (w.kernel_h - 1) * w.dilation_h + 1;
    const int64_t reach_w = (w.kernel_w - 1) * w.dilation_w + 1;
    if (w.in_h + w.pad_top + p.pad_bottom < reach_h) w.in_h = reach_h;
    if (w.in_w + w.pad_left + p.pad_right < reach_w) w.in_w = reach_w;
    const bool ceil_mode = check_once_in(2);
    w.out_h = out_size(w.in_h, reach_h, w.stride_h, w.pad_top, p.pad_bottom, ceil_mode);
    w.out_w = out_size(w.in_w, reach_w, w.stride_w, w.pad_left, p.pad_right, ceil_mode);
    p.window = w;
    p.multiplier = check_once_in(2) ? 0.5f : (float)check_between(50, 150) / 97.0f;
    struct tare_u8_epilogue *e = &p.epilogue;
    e->out_f32 = p.kind == TARE_U8_POOL_AVERAGE && check_once_in(3);
    e->out_zero_point = check_zero_point();
    e->lower = (float)-e->out_zero_point;
    e->upper = (float)(255 - e->out_zero_point);
    e->negative_slope = check_once_in(3) ? 0.1f : 1.0f;
    return p;
}

/* Output (n, oy, ox, c) by walking every tap of the kernel. */
static void naive_value(const struct pool_case *t, int64_t n, int64_t oy, int64_t ox,
                        int64_t c, uint8_t *out)
{
    const struct tare_u8_pool *p = &t->p;
    const struct tare_window *w = &p->window;
    int64_t sum = 0, inside = 0, padded = 0;
    uint8_t largest = 0;
    for (int64_t ky = 0; ky < w->kernel_h; ky++)
        for (int64_t kx = 0; kx < w->kernel_w; kx++) {
            const int64_t iy = oy * w->stride_h + ky * w->dilation_h - w->pad_top;
            const int64_t ix = ox * w->stride_w + kx * w->dilation_w - w->pad_left;
            if (iy < w->in_h + p->pad_bottom && ix < w->in_w + p->pad_right) padded++;
            if (iy < 0 || iy >= w->in_h || ix < 0 || ix >= w->in_w) continue;
            const uint8_t x = t->x[((n * w->in_h + iy) * w->in_w + ix) * w->in_c + c];
            inside++;
            sum += x - p->in_zero_point;
            if (x > largest) largest = x;
        }
    if (p->kind == TARE_U8_POOL_MAX) {
        *out = largest;
        return;
    }
    const int64_t divisor = p->count_include_pad ? padded : inside;
    float v = (float)sum * (p->multiplier / (float)(divisor ? divisor : 1));
    if (v < 0) v *= p->epilogue.negative_slope;
    v = v > p->epilogue.lower ? v : p->epilogue.lower;
    v = v < p->epilogue.upper ? v : p->epilogue.upper;
    if (p->epilogue.out_f32)
        memcpy(out, &v, sizeof v);
    else
        *out = (uint8_t)(nearbyint((double)v) + p->epilogue.out_zero_point);
}

static void pool_case_fill(struct pool_case *t, struct tare_u8_pool p)
{
    const struct tare_window *w = &p.window;
    const size_t size = p.epilogue.out_f32 ? 4 : 1;
    t->p = p;
    t->x = check_input(w->batch * w->in_h * w->in_w * w->in_c, 1);
    if (check_once_in(5)) memset(t->x, 255, (size_t)(w->in_h * w->in_w * w->in_c));
    t->y_bytes = (size_t)(w->batch * w->out_h * w->out_w * w->out_c) * size;
    t->want = check_output(t->y_bytes);
    t->got = check_output(t->y_bytes);
}

static void pool_case_naive(struct pool_case *t)
{
    const struct tare_window *w = &t->p.window;
    uint8_t *out = check_output_body(t->want);
    for (int64_t n = 0; n < w->batch; n++)
        for (int64_t oy = 0; oy < w->out_h; oy++)
            for (int64_t ox = 0; ox < w->out_w; ox++)
                for (int64_t c = 0; c < w->out_c; c++) {
                    naive_value(t, n, oy, ox, c, out);
                    out += t->p.epilogue.out_f32 ? 4 : 1;
                }
}

static void pool_case_free(struct pool_case *t)
{
    free(t->x);
    free(t->want);
    free(t->got);
}

/* The same on slices of larger tensors; what is between their pixels stays. */
static bool check_pitched(const struct tare_u8_pool_variant *v,
                          const struct pool_case *t, const char *what)
{
    struct pool_case s = *t;
    struct tare_window *w = &s.p.window;
    *w = pitch_random(&t->p.window);
    const size_t size = t->p.epilogue.out_f32 ? 4 : 1;
    const int64_t n_x = pitch_extent(pitch_in_pixels(w), w->in_c, w->in_pitch);
    const int64_t n_y = pitch_extent(pitch_out_pixels(w), w->out_c, w->out_pitch);
    s.x = check_input(n_x, 1);
    s.y_bytes = (size_t)n_y * size;
    s.want = check_output(s.y_bytes);
    s.got = check_output(s.y_bytes);
    pitch_spread(s.x, t->x, pitch_in_pixels(w), w->in_c, w->in_pitch, 1);
    pitch_spread(check_output_body(s.want), check_output_body(t->want),
                 pitch_out_pixels(w), w->out_c, w->out_pitch, size);
    v->fn(&s.p, s.x, check_output_body(s.got), 0, tare_u8_pool_units(&s.p));
    const bool ok = check_same(s.want, s.got, s.y_bytes, v->name, what);
    pool_case_free(&s);
    return ok;
}

static bool check_variant(const struct tare_u8_pool_variant *v)
{
    struct pool_case t;
    pool_case_fill(&t, random_pool());
    pool_case_naive(&t);
    const struct tare_window *w = &t.p.window;
    char what[200];
    snprintf(what, sizeof what,
             "kind %d %ldx%ldx%ldx%ld -> %ldx%ld k%ldx%ld s%ldx%ld d%ldx%ld p%ld,%ld",
             t.p.kind, (long)w->batch, (long)w->in_h, (long)w->in_w, (long)w->in_c,
             (long)w->out_h, (long)w->out_w, (long)w->kernel_h, (long)w->kernel_w,
             (long)w->stride_h, (long)w->stride_w, (long)w->dilation_h,
             (long)w->dilation_w, (long)w->pad_top, (long)w->pad_left);
    const int64_t units = tare_u8_pool_units(&t.p);
    v->fn(&t.p, t.x, check_output_body(t.got), 0, units);
    bool ok = check_same(t.want, t.got, t.y_bytes, v->name, what);

    memset(t.got, 0x99, t.y_bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, units};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(&t.p, t.x, check_output_body(t.got), begin, end);
    ok = ok && check_same(t.want, t.got, t.y_bytes, v->name, what);
    ok = ok && check_pitched(v, &t, what);
    pool_case_free(&t);
    return ok;
}

struct bench {
    const struct tare_u8_pool_variant *v;
    struct pool_case t;
};

static void bench_call(void *arg)
{
    struct bench *b = arg;
    b->v->fn(&b->t.p, b->t.x, check_output_body(b->t.got), 0,
             tare_u8_pool_units(&b->t.p));
}

static void bench(const struct tare_u8_pool_variant *v)
{
    static const struct {
        int64_t size, channels, kernel, stride, pad;
        int32_t kind;
    } layers[] = {{112, 64, 3, 2, 1, TARE_U8_POOL_MAX},
                  {54, 128, 3, 2, 0, TARE_U8_POOL_MAX},
                  {7, 2048, 7, 1, 0, TARE_U8_POOL_AVERAGE},
                  {14, 1000, 14, 1, 0, TARE_U8_POOL_AVERAGE},
                  {28, 256, 3, 1, 1, TARE_U8_POOL_AVERAGE}};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const int64_t size = layers[i].size, c = layers[i].channels;
        const int64_t k = layers[i].kernel, s = layers[i].stride, pad = layers[i].pad;
        const int64_t out = (size + 2 * pad - k) / s + 1;
        struct bench b = {.v = v};
        pool_case_fill(&b.t, (struct tare_u8_pool){
                                 .window = {1, size, size, c, out, out, c, c, k, k, s,
                                            s, 1, 1, pad, pad, 0, 0},
                                 .kind = layers[i].kind,
                                 .multiplier = 1.0f,
                                 .epilogue = {.negative_slope = 1, .upper = 255}});
        char name[96];
        snprintf(name, sizeof name, "%s %ldx%ldx%ld k%ld s%ld", v->name, (long)size,
                 (long)size, (long)c, (long)k, (long)s);
        const double read = (double)(out * out * c * k * k);
        check_print_rate(name, out * out * c, "outputs", read,
                         check_time(bench_call, &b));
        pool_case_free(&b.t);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    for (size_t k = 0; k < tare_u8_pool_count; k++) {
        const struct tare_u8_pool_variant *v = &tare_u8_pool_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench(v);
            continue;
        }
        for (int i = 0; i < check_cases(2000); i++)
            if (!check_variant(v)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
