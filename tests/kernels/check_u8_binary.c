/*
 * u8_binary: every variant against a naive loop, byte for byte, whole, in random pieces
 * and in place; the reference against values worked out by hand.
 *
 *     check_u8_binary [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include <math.h>

#include "base/dims.h"
#include "kernels/u8_binary/u8_binary.h"

static void plan_vector(struct tare_u8_binary *p, int64_t n)
{
    const struct tare_dims dims = {.rank = 1, .d = {n}};
    if (!tare_binary_loop_plan(&dims, &dims, &dims, &p->loop)) abort();
}

static bool run_by_hand(struct tare_u8_binary p, const uint8_t *a, const uint8_t *b,
                        const uint8_t *want)
{
    uint8_t y[6];
    plan_vector(&p, 6);
    tare_u8_binary__ref(&p, a, b, y, 0, tare_binary_loop_units(&p.loop));
    return !memcmp(y, want, sizeof y);
}

static bool check_by_hand(void)
{
    const uint8_t a[6] = {10, 255, 0, 3, 200, 100};
    const uint8_t b[6] = {128, 255, 0, 126, 0, 30};
    struct tare_u8_binary p = {.op = TARE_BINARY_ADD,
                               .a_scale = 0.5f,
                               .b_scale = 1.0f,
                               .b_zero_point = 128,
                               .negative_slope = 0.25f,
                               .lower = -20.0f,
                               .upper = 127.0f,
                               .out_zero_point = 128};
    /* 5; 254.5, clamped to 127; -128 / 4, clamped to -20; (1.5 - 2) / 4, to 0;
     * (100 - 128) / 4 = -7; (50 - 98) / 4 = -12 */
    const uint8_t sum[6] = {133, 255, 108, 128, 121, 116};
    const struct tare_u8_binary halves = {
        .a_scale = 0.5f, .b_scale = 0.5f, .negative_slope = 1.0f, .upper = 255.0f};
    const uint8_t sum_of_halves[6] = {69, 255, 0, 64, 100, 65}; /* 64.5, to even 64 */
    if (!run_by_hand(p, a, b, sum) || !run_by_hand(halves, a, b, sum_of_halves))
        return false;

    p.negative_slope = 1.0f;
    p.lower = -127.0f;
    p.op = TARE_BINARY_MUL;
    p.scale = 0.25f;
    /* 10 * 0; 255 * 127 / 4, clamped; 0; 3 * -2 / 4 = -1.5, to even -2; 200 * -128 / 4,
     * clamped; 100 * -98 / 4, clamped */
    const uint8_t product[6] = {128, 255, 128, 126, 1, 1};
    if (!run_by_hand(p, a, b, product)) return false;
    p.op = TARE_BINARY_MIN; /* of 5, 127.5, 0, 1.5, 100, 50 and 0, 127, -128, -2, ... */
    const uint8_t least[6] = {128, 255, 1, 126, 1, 30};
    if (!run_by_hand(p, a, b, least)) return false;
    p.op = TARE_BINARY_MAX;
    const uint8_t most[6] = {133, 255, 128, 130, 228, 178};
    return run_by_hand(p, a, b, most);
}

/* Shapes of a case: the output's, and those of operands that broadcast to it. */
struct shapes {
    struct tare_dims a, b, y;
};

static struct shapes random_shapes(int64_t inner)
{
    struct shapes s = {.y = {.rank = (int32_t)check_between(1, 4)}};
    for (int i = 0; i < s.y.rank; i++)
        s.y.d[i] = check_between(1, 3);
    s.y.d[s.y.rank - 1] = inner;
    s.a = s.b = s.y;
    struct tare_dims *less = check_once_in(2) ? &s.a : &s.b;
    for (int i = 0; i < s.y.rank; i++)
        if (check_once_in(3)) less->d[i] = 1;
    return s;
}

static struct tare_u8_binary random_params(const struct shapes *s)
{
    static const int32_t ops[] = {TARE_BINARY_ADD, TARE_BINARY_MUL, TARE_BINARY_MIN,
                                  TARE_BINARY_MAX};
    struct tare_u8_binary p = {.op = ops[check_u32() % 4],
                               .a_zero_point = check_zero_point(),
                               .b_zero_point = check_zero_point(),
                               .negative_slope = check_once_in(2) ? 1.0f : 0.1f,
                               .out_zero_point = check_zero_point()};
    p.a_scale = check_once_in(2) ? 0.5f : (float)check_between(1, 200) / 97.0f;
    p.b_scale = check_once_in(2) ? 0.5f : (float)check_between(-200, 200) / 89.0f;
    p.scale = check_once_in(2) ? 0.0078125f : (float)check_between(1, 200) / 8900.0f;
    if (check_once_in(10)) { /* to what no int32 holds */
        p.a_scale = ldexpf(p.a_scale, (int)check_between(0, 40));
        p.scale = ldexpf(p.scale, (int)check_between(0, 40));
    }
    p.lower = check_once_in(2) ? (float)-p.out_zero_point : 0.0f;
    p.upper = (float)(255 - p.out_zero_point);
    if (!tare_binary_loop_plan(&s->a, &s->b, &s->y, &p.loop)) abort();
    return p;
}

static uint8_t naive_value(const struct tare_u8_binary *p, int a, int b)
{
    const float fa = (float)(a - p->a_zero_point), fb = (float)(b - p->b_zero_point);
    float v = fmaf(fa, p->a_scale, fb * p->b_scale);
    if (p->op == TARE_BINARY_MUL) v = fa * fb * p->scale;
    if (p->op == TARE_BINARY_MIN) v = fminf(fa * p->a_scale, fb * p->b_scale);
    if (p->op == TARE_BINARY_MAX) v = fmaxf(fa * p->a_scale, fb * p->b_scale);
    if (v < 0) v *= p->negative_slope;
    v = fminf(fmaxf(v, p->lower), p->upper);
    return (uint8_t)(nearbyint((double)v) + p->out_zero_point);
}

/* By coordinates, with nothing of the walk. */
static void naive(const struct tare_u8_binary *p, const struct shapes *s,
                  const uint8_t *a, const uint8_t *b, uint8_t *y)
{
    const int64_t n = tare_dims_count(&s->y);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at_a = 0, at_b = 0, by_a = 1, by_b = 1;
        for (int axis = s->y.rank - 1; axis >= 0; axis--) {
            const int64_t at = rest % s->y.d[axis];
            rest /= s->y.d[axis];
            at_a += s->a.d[axis] == 1 ? 0 : at * by_a;
            at_b += s->b.d[axis] == 1 ? 0 : at * by_b;
            by_a *= s->a.d[axis];
            by_b *= s->b.d[axis];
        }
        y[i] = naive_value(p, a[at_a], b[at_b]);
    }
}

static bool check_variant(const struct tare_u8_binary_variant *v, int64_t inner)
{
    const struct shapes s = random_shapes(inner);
    const struct tare_u8_binary p = random_params(&s);
    const int64_t units = tare_binary_loop_units(&p.loop);
    const size_t bytes = (size_t)tare_dims_count(&s.y);
    uint8_t *a = check_input(tare_dims_count(&s.a), 1);
    uint8_t *b = check_input(tare_dims_count(&s.b), 1);
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    naive(&p, &s, a, b, check_output_body(want));
    v->fn(&p, a, b, check_output_body(got), 0, units);
    bool ok = check_same(want, got, bytes, v->name, "whole");

    memset(got, 0x99, bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, units};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(&p, a, b, check_output_body(got), begin, end);
    ok = ok && check_same(want, got, bytes, v->name, "in pieces");

    uint8_t *y = tare_dims_equal(&s.a, &s.y) ? a : b;
    if (tare_dims_equal(&s.a, &s.y) || tare_dims_equal(&s.b, &s.y)) {
        v->fn(&p, a, b, y, 0, units);
        memcpy(check_output_body(got), y, bytes);
        ok = ok && check_same(want, got, bytes, v->name, "in place");
    }
    free(a);
    free(b);
    free(want);
    free(got);
    return ok;
}

struct bench {
    const struct tare_u8_binary_variant *v;
    struct tare_u8_binary p;
    uint8_t *a, *b, *y;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->v->fn(&t->p, t->a, t->b, t->y, 0, tare_binary_loop_units(&t->p.loop));
}

static void bench(const struct tare_u8_binary_variant *v)
{
    for (int64_t n = 25088; n <= 802816; n *= 32) {
        struct bench t = {.v = v,
                          .p = {.a_scale = 0.7f,
                                .b_scale = 0.4f,
                                .negative_slope = 1.0f,
                                .upper = 255.0f},
                          .a = check_input(n, 1),
                          .b = check_input(n, 1),
                          .y = check_input(n, 1)};
        plan_vector(&t.p, n);
        check_print_rate(v->name, n, "sums", 3.0 * (double)n,
                         check_time(bench_call, &t));
        /* the gate of squeeze and excite: a value a channel */
        const struct tare_dims image = {.rank = 2, .d = {n / 64, 64}};
        const struct tare_dims gate = {.rank = 2, .d = {1, 64}};
        t.p.op = TARE_BINARY_MUL;
        t.p.scale = 0.01f;
        if (!tare_binary_loop_plan(&image, &gate, &image, &t.p.loop)) abort();
        check_print_rate(v->name, n, "gated", 2.0 * (double)n,
                         check_time(bench_call, &t));
        free(t.a);
        free(t.b);
        free(t.y);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    for (size_t k = 0; k < tare_u8_binary_count; k++) {
        const struct tare_u8_binary_variant *v = &tare_u8_binary_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench(v);
            continue;
        }
        for (int64_t n = 1; n <= 4 * v->tile + 200; n++)
            for (int i = 0; i < 4; i++)
                if (!check_variant(v, n)) return CHECK_FAIL;
        if (!check_variant(v, 10000)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
