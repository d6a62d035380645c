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

static uint32_t want_counts[TARE_OBSERVE_COUNTS], got_counts[TARE_OBSERVE_COUNTS];
enum { NEGATIVE, LOWER = TARE_OBSERVE_BINS, UPPER = 2 * TARE_OBSERVE_BINS };

static const struct tare_observe_extremes none = {INT32_MAX, INT32_MIN};

/* Bins of 1/4 for negative values, of 1 below 8, of 2 above; up to 1023, 8190. */
static bool check_by_hand(void)
{
    const struct tare_observe_scale scale = {
        8.0F, {4.0F, 1.0F, 0.25F}, 2.0F, -0x44800001, 0x46000000};
    const float x[] = {0.0F, 1.0F, -0.0F, -2.75F, 7.75F, 8.0F, 8191.0F, FLT_TRUE_MIN};
    const int want[] = {LOWER + 2, NEGATIVE + 22, LOWER + 15,
                        UPPER + 4, UPPER + 4095,  LOWER};
    struct tare_observe_extremes seen = none;
    size_t n_zeros = 1;
    memset(want_counts, 0, sizeof want_counts);
    if (tare_f32_observe__ref(x, 8, &scale, want_counts, &seen, &n_zeros) != 8 ||
        n_zeros != 3)
        return false;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (want_counts[want[i]]-- != 1) return false;
    for (size_t i = 0; i < TARE_OBSERVE_COUNTS; i++)
        if (want_counts[i] != 0) return false;
    const float beyond[] = {8193.0F, -1025.0F, NAN, INFINITY, -INFINITY, -NAN};
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
        if (tare_f32_observe__ref(&beyond[i], 1, &scale, want_counts, &seen, &n_zeros))
            return false;
    if (n_zeros != 3) return false;
    const struct tare_observe_scale all = {
        INFINITY, {0.0F, 0.0F, 0.0F}, 1.0F, ~0x7F800000, 0x7F800000};
    const float ordered[] = {-FLT_MAX, -1.0F,        -FLT_TRUE_MIN, -0.0F,
                             0.0F,     FLT_TRUE_MIN, 1.0F,          FLT_MAX};
    int32_t last = 0;
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        seen = none;
        if (!tare_f32_observe__ref(&ordered[i], 1, &all, want_counts, &seen, &n_zeros))
            return false;
        if (seen.low != seen.high || (i > 0 && seen.low <= last)) return false;
        last = seen.low;
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

static int32_t reach(int exponent)
{
    const float end = ldexpf(4096.0F, exponent); /* infinity too */
    int32_t bits;
    memcpy(&bits, &end, sizeof bits);
    return bits - 1;
}

/* Bins that reach as far as any of the values, or now and then not that far. */
static struct tare_observe_scale random_scale(const float *x, size_t n)
{
    int e[TARE_OBSERVE_PARTS];
    float amax = 0.0F;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i])) amax = fmaxf(amax, fabsf(x[i]));
    int least = -149;
    if (amax > 0.0F) (void)frexpf(amax, &least);
    least = least - 12 < -149 ? -149 : least - 12;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++) {
        e[p] = least + (int)(check_u32() % 3) - check_once_in(20);
        e[p] = e[p] < -149 ? -149 : e[p] > 116 ? 116 : e[p];
    }
    const int shift = least < -120 ? 23 : 0;
    struct tare_observe_scale scale = {.cut = fabsf(x[check_u32() % n])};
    if (!(scale.cut > 0.0F)) scale.cut = INFINITY;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        scale.factor[p] = ldexpf(1.0F, -e[p] - shift);
    scale.boost = ldexpf(1.0F, shift);
    scale.low = ~reach(e[TARE_OBSERVE_NEGATIVE]);
    const int upper = e[TARE_OBSERVE_UPPER] < e[TARE_OBSERVE_LOWER]
                          ? e[TARE_OBSERVE_UPPER]
                          : e[TARE_OBSERVE_LOWER];
    scale.high = reach(upper);
    return scale;
}

/* As if no value below zero had been seen, which may be so, and none is cut. */
static void make_plain(float *x, size_t n, struct tare_observe_scale *scale)
{
    const uint32_t n_signed = check_once_in(3) ? check_u32() % 3 : 0;
    for (size_t i = 0; i < n; i++)
        x[i] = fabsf(x[i]);
    for (size_t i = 0; i < n_signed; i++)
        x[check_u32() % n] *= -1.0F;
    scale->cut = INFINITY;
    scale->low = -1;
    if (check_once_in(2)) scale->factor[TARE_OBSERVE_NEGATIVE] = 0x1p126F; /* unused */
    if (scale->boost != 1.0F || check_once_in(2)) return;
    scale->boost = 0x1p23F;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        scale->factor[p] *= 0x1p-23F;
}

/* Up to some blocks of values. Now and then something else is in one of the later. */
static size_t make_values(float **x, uint32_t kind, bool is_plain)
{
    size_t n = 1 + check_u32() % 300;
    if (check_once_in(4)) n = 1 + check_u32() % (4 * TARE_OBSERVE_BLOCK);
    if ((is_plain || check_once_in(2)) && n > 32) n -= n % (check_once_in(2) ? 16 : 32);
    *x = check_alloc(n * sizeof **x); /* no slack */
    for (size_t i = 0; i < n; i++)
        (*x)[i] = random_value(kind == 5 ? check_u32() % 5 : kind);
    return n;
}

struct observed {
    uint32_t *counts;
    size_t n;
    struct tare_observe_extremes extremes;
    size_t n_zeros;
};

static struct observed observe(tare_f32_observe_fn *fn, const float *x, size_t n,
                               const struct tare_observe_scale *scale,
                               const struct observed *before, uint32_t *counts)
{
    struct observed result = *before;
    result.counts = counts;
    memset(counts, 0, sizeof want_counts);
    result.n = fn(x, n, scale, counts, &result.extremes, &result.n_zeros);
    return result;
}

static bool is_same(const struct observed *a, const struct observed *b)
{
    const size_t bytes =
        (TARE_OBSERVE_COUNTS - TARE_OBSERVE_SLACK) * sizeof want_counts[0];
    return a->n == b->n && a->extremes.low == b->extremes.low &&
           a->extremes.high == b->extremes.high && a->n_zeros == b->n_zeros &&
           memcmp(a->counts, b->counts, bytes) == 0;
}

static bool check_variant(const struct tare_f32_observe_variant *v)
{
    const bool is_plain = check_once_in(3), is_uncut = is_plain || check_once_in(2);
    const uint32_t kind = check_u32() % 6;
    float *x;
    const size_t n = make_values(&x, kind, is_plain);
    struct tare_observe_scale scale = random_scale(x, n);
    if (is_uncut) scale.cut = INFINITY;
    if (is_plain) make_plain(x, n, &scale);
    for (int i = check_once_in(4) ? 3 : 0; i > 0; i--)
        x[check_u32() % n] = random_value(check_u32() % 5);
    struct observed before = {.extremes = none, .n_zeros = 7};
    if (check_once_in(2)) before.extremes = (struct tare_observe_extremes){-1, 5};
    if (check_once_in(3)) before.extremes.low = 3;
    const struct observed want =
        observe(tare_f32_observe__ref, x, n, &scale, &before, want_counts);
    const struct observed got = observe(v->fn, x, n, &scale, &before, got_counts);
    free(x);
    if (is_same(&got, &want)) return true;
    printf("not ok - %s: %zu values of kind %u\n", v->name, n, (unsigned)kind);
    return false;
}

enum { BENCH_BLOCKS = 32, BENCH_VALUES = BENCH_BLOCKS * TARE_OBSERVE_BLOCK };

struct bench {
    tare_f32_observe_fn *fn;
    float x[BENCH_VALUES];
    struct tare_observe_scale scale;
};

static void bench_call(void *arg)
{
    struct bench *t = arg;
    struct tare_observe_extremes seen = none;
    size_t n_zeros = 0;
    (void)t->fn(t->x, BENCH_VALUES, &t->scale, got_counts, &seen, &n_zeros);
}

static void bench_variant(const struct tare_f32_observe_variant *v)
{
    static struct bench t = {
        .scale = {INFINITY, {1.0F, 1.0F, 1.0F}, 1.0F, ~0x45800000, 0x45800000}};
    for (int relu = 0; relu < 2; relu++) {
        t.fn = v->fn;
        t.scale.low = relu ? -1 : ~0x45800000;
        for (size_t i = 0; i < BENCH_VALUES; i++) {
            t.x[i] = 0.0F; /* a sum of 16, about as activations are spread */
            for (int k = 0; k < 16; k++)
                t.x[i] += (float)(int32_t)check_u32() * 0x1p-21F;
            t.x[i] = fminf(fmaxf(t.x[i], relu ? 0.0F : -4095.0F), 4095.0F);
        }
        char name[96];
        snprintf(name, sizeof name, "%s%s", v->name, relu ? " half zeros" : "");
        check_print_rate(name, BENCH_VALUES, "elements", 4.0 * BENCH_VALUES,
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
        for (int i = 0; i < check_cases(20000); i++)
            if (!check_variant(v)) return CHECK_FAIL;
        printf("ok - %s\n", v->name);
    }
    return CHECK_PASS;
}
