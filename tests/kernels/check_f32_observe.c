/*
 * f32_observe: every variant against the reference, byte for byte, over values of every
 * kind; the reference against values worked out by hand.
 *
 *     check_f32_observe [--seed=N] [--bench]      exit 0 pass, 1 fail
 */
#include <float.h>
#include <math.h>

#include "kernels/f32_observe/f32_observe.h"
#include "tests/kernels/check_u8.h"

static bool check_by_hand(void)
{
    const float x[] = {0.0F, 1.0F, -0.0F, -2.75F, 1e30F, NAN, FLT_TRUE_MIN, 1023.99F};
    const uint16_t want[] = {4, 11, 4095, 4095, 0, 4095};
    struct tare_observe_block b;
    tare_f32_observe__ref(x, 8, 4.0F, &b);
    if (b.n_index != 6 || memcmp(b.index, want, sizeof want) != 0) return false;
    const float ordered[] = {-INFINITY, -FLT_MAX,     -1.0F, -FLT_TRUE_MIN, -0.0F,
                             0.0F,      FLT_TRUE_MIN, 1.0F,  FLT_MAX,       INFINITY};
    int32_t last = 0;
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        tare_f32_observe__ref(&ordered[i], 1, 1.0F, &b);
        if (b.low != b.high || (i > 0 && b.low <= last)) return false;
        last = b.low;
    }
    return true;
}

static float random_value(uint32_t kind)
{
    const uint32_t bits = check_u32();
    float any;
    memcpy(&any, &bits, sizeof any);
    switch (kind) {
    case 0: return (float)(int32_t)bits * 0x1p-20F;
    case 1: return bits & 3 ? (bits & 4 ? 0.0F : -0.0F) : (float)bits;
    case 2: return (float)((int32_t)(bits % 9) - 4);
    case 3: return bits & 1 ? FLT_MAX : (float)(bits % 5) * FLT_TRUE_MIN;
    default: return any; /* NaN and infinities among others */
    }
}

static bool check_variant(const struct tare_f32_observe_variant *v)
{
    const size_t n = check_once_in(20) ? TARE_OBSERVE_BLOCK : 1 + check_u32() % 70;
    const float factor = ldexpf(1.0F, (int)(check_u32() % 254) - 126);
    const uint32_t kind = check_u32() % 6;
    float *x = check_alloc(n * sizeof *x); /* no slack */
    static struct tare_observe_block want, got;
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(kind == 5 ? check_u32() % 5 : kind);
    tare_f32_observe__ref(x, n, factor, &want);
    v->fn(x, n, factor, &got);
    free(x);
    if (got.low == want.low && got.high == want.high && got.n_index == want.n_index &&
        !memcmp(got.index, want.index, want.n_index * sizeof want.index[0]))
        return true;
    printf("not ok - %s: %zu values of kind %u, factor %a\n", v->name, n,
           (unsigned)kind, (double)factor);
    return false;
}

struct bench {
    tare_f32_observe_fn *fn;
    float x[TARE_OBSERVE_BLOCK];
    struct tare_observe_block block;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    t->fn(t->x, TARE_OBSERVE_BLOCK, 1.0F, &t->block);
}

static void bench_variant(const struct tare_f32_observe_variant *v)
{
    static struct bench t;
    for (int relu = 0; relu < 2; relu++) {
        t.fn = v->fn;
        for (size_t i = 0; i < TARE_OBSERVE_BLOCK; i++) {
            t.x[i] = (float)(int32_t)check_u32() * 0x1p-20F;
            if (relu && t.x[i] < 0) t.x[i] = 0;
        }
        char name[96];
        snprintf(name, sizeof name, "%s%s", v->name, relu ? " half zeros" : "");
        check_print_rate(name, TARE_OBSERVE_BLOCK, "elements", 4.0 * TARE_OBSERVE_BLOCK,
                         check_time(bench_call, &t));
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!check_by_hand()) return printf("not ok - by hand\n"), CHECK_FAIL;
    for (size_t k = 0; k < tare_f32_observe_count; k++) {
        const struct tare_f32_observe_variant *v = &tare_f32_observe_table[k];
        if ((v->isa & tare_cpu_flags()) != v->isa) continue;
        if (check_flag(argc, argv, "--bench")) {
            bench_variant(v);
            continue;
        }
        for (int i = 0; i < 20000; i++)
            if (!check_variant(v)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
