/*
 * u8_add: every variant against a naive loop, byte for byte, whole, in random pieces
 * and in place; the reference against values worked out by hand.
 *
 *     check_u8_add [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include "tests/kernels/check_u8.h"

#include <math.h>

#include "kernels/u8_add/u8_add.h"

static bool check_by_hand(void)
{
    const uint8_t a[6] = {10, 255, 0, 3, 200, 100};
    const uint8_t b[6] = {128, 255, 0, 126, 0, 30};
    const struct tare_u8_add p = {.a_scale = 0.5f,
                                  .b_scale = 1.0f,
                                  .b_zero_point = 128,
                                  .negative_slope = 0.25f,
                                  .lower = -20.0f,
                                  .upper = 127.0f,
                                  .out_zero_point = 128};
    /* 5; 254.5, clamped to 127; -128 / 4, clamped to -20; (1.5 - 2) / 4, to 0;
     * (100 - 128) / 4 = -7; (50 - 98) / 4 = -12 */
    const uint8_t want[6] = {133, 255, 108, 128, 121, 116};
    const struct tare_u8_add halves = {
        .a_scale = 0.5f, .b_scale = 0.5f, .negative_slope = 1.0f, .upper = 255.0f};
    const uint8_t want_halves[6] = {69, 255, 0, 64, 100, 65}; /* 64.5, to even 64 */
    uint8_t y[6], y_halves[6];
    tare_u8_add__ref(&p, a, b, y, 0, 6);
    tare_u8_add__ref(&halves, a, b, y_halves, 0, 6);
    return !memcmp(y, want, sizeof want) && !memcmp(y_halves, want_halves, 6);
}

static struct tare_u8_add random_params(void)
{
    struct tare_u8_add p = {.a_zero_point = check_zero_point(),
                            .b_zero_point = check_zero_point(),
                            .negative_slope = check_once_in(2) ? 1.0f : 0.1f,
                            .out_zero_point = check_zero_point()};
    p.a_scale = check_once_in(2) ? 0.5f : (float)check_between(1, 200) / 97.0f;
    p.b_scale = check_once_in(2) ? 0.5f : (float)check_between(1, 200) / 89.0f;
    p.lower = check_once_in(2) ? (float)-p.out_zero_point : 0.0f;
    p.upper = (float)(255 - p.out_zero_point);
    return p;
}

static void naive(const struct tare_u8_add *p, const uint8_t *a, const uint8_t *b,
                  uint8_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float addend = (float)((int)b[i] - p->b_zero_point) * p->b_scale;
        float v = fmaf((float)((int)a[i] - p->a_zero_point), p->a_scale, addend);
        if (v < 0) v *= p->negative_slope;
        v = fminf(fmaxf(v, p->lower), p->upper);
        y[i] = (uint8_t)(nearbyint((double)v) + p->out_zero_point);
    }
}

static bool check_variant(const struct tare_u8_add_variant *v, int64_t n)
{
    const struct tare_u8_add p = random_params();
    const size_t bytes = (size_t)n;
    uint8_t *a = check_input(n, 1), *b = check_input(n, 1);
    uint8_t *want = check_output(bytes), *got = check_output(bytes);
    naive(&p, a, b, check_output_body(want), n);
    v->fn(&p, a, b, check_output_body(got), 0, n);
    bool ok = check_same(want, got, bytes, v->name, "whole");

    memset(got, 0x99, bytes + 2 * CHECK_GUARD);
    struct check_pieces left = {0, n};
    for (int64_t begin, end; check_next_piece(&left, &begin, &end);)
        v->fn(&p, a, b, check_output_body(got), begin, end);
    ok = ok && check_same(want, got, bytes, v->name, "in pieces");

    uint8_t *y = check_once_in(2) ? a : b;
    v->fn(&p, a, b, y, 0, n);
    memcpy(check_output_body(got), y, bytes);
    ok = ok && check_same(want, got, bytes, v->name, "in place");
    free(a);
    free(b);
    free(want);
    free(got);
    return ok;
}

struct bench {
    const struct tare_u8_add_variant *v;
    struct tare_u8_add p;
    uint8_t *a, *b, *y;
    int64_t n;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->v->fn(&t->p, t->a, t->b, t->y, 0, t->n);
}

static void bench(const struct tare_u8_add_variant *v)
{
    for (int64_t n = 25088; n <= 802816; n *= 32) {
        struct bench t = {.v = v,
                          .p = {0.7f, 0.4f, 0, 0, 1.0f, 0.0f, 255.0f, 0},
                          .a = check_input(n, 1),
                          .b = check_input(n, 1),
                          .y = check_input(n, 1),
                          .n = n};
        check_print_rate(v->name, n, "elements", 3.0 * (double)n,
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
    for (size_t k = 0; k < tare_u8_add_count; k++) {
        const struct tare_u8_add_variant *v = &tare_u8_add_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench(v);
            continue;
        }
        for (int64_t n = 1; n <= 4 * v->tile + 200; n++)
            if (!check_variant(v, n)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
