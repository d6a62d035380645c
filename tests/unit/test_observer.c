/* The observer depends on the multiset of values, and equals direct binning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "calibrators/tally.h"
#include "tests/kernels/check.h"

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

enum kind {
    NORMAL,
    RELU,
    INTEGERS,
    CONSTANT,
    ANY_FINITE,
    DENORMAL,
    HUGE_ONES,
    ANY,
    N_KINDS
};

/* One value of a kind. */
static float draw(enum kind kind)
{
    const double u = ((double)check_u32() + 1) / 4294967297.0;
    const double v = (double)check_u32() / 4294967296.0;
    const float normal = (float)(sqrt(-2 * log(u)) * cos(6.283185307 * v));
    uint32_t bits = check_u32();
    switch (kind) {
    case NORMAL: return normal;
    case RELU: return normal > 0 ? normal : (bits & 1 ? 0.0F : -0.0F);
    case INTEGERS: return rintf(normal * 20);
    case CONSTANT: return -1.0F;
    case ANY_FINITE: return isfinite(from_bits(bits)) ? from_bits(bits) : normal;
    case DENORMAL: return from_bits(bits & 0x807FFFFFU);
    case HUGE_ONES: return normal * 0x1p125F;
    default: /* NaN and infinities among others */
        if (bits % 7 == 0) return INFINITY;
        if (bits % 7 == 1) return -INFINITY;
        if (bits % 7 == 2) return from_bits(bits | 0x7FC00000U);
        return from_bits(bits);
    }
}

/* The definition: no growing, no tricks. */
static void define(struct tare_observer *o, const float *x, size_t n)
{
    memset(o, 0, sizeof *o);
    o->min = INFINITY;
    o->max = -INFINITY;
    o->exponent = -149;
    double amax = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && fabs((double)x[i]) > amax) amax = fabs((double)x[i]);
    while (amax >= ldexp(TARE_OBSERVER_BINS, (int)o->exponent))
        o->exponent++;
    o->count = n;
    for (size_t i = 0; i < n; i++) {
        const float v = x[i] == 0 ? 0.0F : x[i];
        if (isnan(v)) o->n_nan++;
        if (isinf(v)) o->n_inf++;
        if (!isfinite(v)) continue;
        if (v < o->min) o->min = v;
        if (v > o->max) o->max = v;
        if (v == 0)
            o->n_zeros++;
        else
            o->bins[(size_t)floor(ldexp(fabs((double)v), -(int)o->exponent))]++;
    }
}

static void observe_values(struct tare_observer *o, const float *x, size_t n)
{
    static struct tare_tally tally;
    tare_tally_init(&tally, INFINITY);
    tare_tally_add(&tally, x, n);
    tare_tally_observe(&tally, o);
}

static void shuffle(float *x, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = check_u32() % i;
        const float kept = x[i - 1];
        x[i - 1] = x[j];
        x[j] = kept;
    }
}

static float *draw_many(enum kind kind, size_t n)
{
    float *x = check_alloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = draw(kind);
    return x;
}

static void equals_direct_binning(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 1000, 4095, 4096, 4097, 20001, 270000};
    static struct tare_observer got;
    static struct tare_observer want;
    (void)state;
    for (enum kind kind = NORMAL; kind < N_KINDS; kind++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            float *x = draw_many(kind, sizes[s]);
            tare_observer_init(&got);
            observe_values(&got, x, sizes[s]);
            define(&want, x, sizes[s]);
            assert_memory_equal(&got, &want, sizeof want);
            free(x);
        }
}

/* Cut into five parts at random places, observe each in two calls, merge them by a
 * random tree. */
static void observe_in_parts(struct tare_observer *whole, const float *x, size_t n)
{
    static struct tare_observer parts[5];
    size_t done = 0;
    for (size_t p = 0; p < 5; p++) {
        const size_t m = p == 4 ? n - done : check_u32() % (n - done + 1);
        tare_observer_init(&parts[p]);
        observe_values(&parts[p], x + done, m / 3);
        observe_values(&parts[p], x + done + m / 3, m - m / 3);
        done += m;
    }
    for (size_t left = 5; left > 1; left--) {
        const size_t a = check_u32() % left;
        const size_t b = (a + 1 + check_u32() % (left - 1)) % left;
        tare_observer_merge(&parts[a], &parts[b]);
        if (b != left - 1) parts[b] = parts[left - 1];
    }
    *whole = parts[0];
}

static void depends_on_the_multiset_alone(void **state)
{
    static struct tare_observer first;
    static struct tare_observer other;
    (void)state;
    for (enum kind kind = NORMAL; kind < N_KINDS; kind++) {
        const size_t n = 1 + check_u32() % 30000;
        float *x = draw_many(kind, n);
        tare_observer_init(&first);
        observe_values(&first, x, n);
        for (int round = 0; round < 6; round++) {
            shuffle(x, n);
            observe_in_parts(&other, x, n);
            assert_memory_equal(&first, &other, sizeof first);
        }
        free(x);
    }
}

static void growing_loses_nothing(void **state)
{
    static struct tare_observer grown;
    static struct tare_observer want;
    enum { N = 276 };
    float x[N];
    (void)state;
    for (int i = 0; i < N; i++) /* every power of two, from the smallest float up */
        x[i] = ldexpf(1.5F, i - 149 + (i == 0));
    tare_observer_init(&grown);
    for (int i = 0; i < N; i++) {
        observe_values(&grown, &x[i], 1);
        define(&want, x, (size_t)i + 1);
        assert_memory_equal(&grown, &want, sizeof want);
    }
    for (int i = 1; i < N; i++) { /* and in one step */
        const float two[] = {x[0], x[i]};
        tare_observer_init(&grown);
        observe_values(&grown, &two[0], 1);
        observe_values(&grown, &two[1], 1);
        define(&want, two, 2);
        assert_memory_equal(&grown, &want, sizeof want);
    }
}

static void every_kind_of_bad_value_is_found(void **state)
{
    static const uint32_t bad[] = {0x7F800000U, 0xFF800000U, 0x7F800001U,
                                   0xFF800001U, 0x7FFFFFFFU, 0xFFFFFFFFU};
    static struct tare_observer got;
    static struct tare_observer want;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const float x[] = {FLT_MAX, from_bits(bad[i]), -FLT_MAX};
        tare_observer_init(&got);
        observe_values(&got, x, 3);
        define(&want, x, 3);
        assert_int_equal(got.n_nan + got.n_inf, 1);
        assert_memory_equal(&got, &want, sizeof want);
    }
}

static void known_values(void **state)
{
    static struct tare_observer o;
    static const float ones[] = {1.0F, -1.0F, -0.0F};
    static const float extremes[] = {FLT_MAX, -FLT_MAX, 1.0F};
    const float least = FLT_TRUE_MIN;
    (void)state;

    tare_observer_init(&o);
    assert_true(tare_observer_amax(&o) == 0.0F && tare_observer_n_finite(&o) == 0);

    observe_values(&o, &ones[2], 1);
    assert_true(o.min == 0 && !signbit(o.min) && !signbit(o.max) && o.n_zeros == 1);

    observe_values(&o, ones, 3);
    assert_int_equal(o.exponent, -11); /* 1 = 2048 * 2^-11 < 4096 * 2^-11 */
    assert_int_equal(o.bins[2048], 2);
    assert_true(tare_observer_width(&o) == 1.0 / 2048);

    tare_observer_init(&o);
    observe_values(&o, &least, 1);
    assert_int_equal(o.exponent, -149);
    assert_int_equal(o.bins[1], 1);

    tare_observer_init(&o);
    observe_values(&o, extremes, 3);
    assert_int_equal(o.exponent, 116);
    assert_int_equal(o.bins[4095], 2);
    assert_int_equal(o.bins[0], 1);
    assert_true(tare_observer_amax(&o) == FLT_MAX);
}

static void moments_are_right_to_the_bin_width(void **state)
{
    static struct tare_observer o;
    static const float x[] = {3.0F, -4.0F, NAN, 0.0F, 0.0F, INFINITY};
    double mean_abs;
    double rms;
    (void)state;
    tare_observer_init(&o);
    tare_observer_moments(&o, &mean_abs, &rms);
    assert_true(mean_abs == 0 && rms == 0);
    observe_values(&o, x, 6);
    tare_observer_moments(&o, &mean_abs, &rms);
    assert_true(fabs(mean_abs - 7.0 / 4) < 4.0 / 2048);
    assert_true(fabs(rms - 2.5) < 4.0 / 2048);
}

/* As Relu and Clip do: NaN stays. */
static float clipped(float x, float upper)
{
    x = 0.0F > x ? 0.0F : x;
    return upper < x ? upper : x;
}

static void clipped_tensors_follow_exactly(void **state)
{
    static struct tare_tally tally;
    static struct tare_observer got;
    static struct tare_observer want;
    (void)state;
    for (int round = 0; round < 40; round++)
        for (enum kind kind = NORMAL; kind < N_KINDS; kind++) {
            const size_t n = 1 + check_u32() % (round < 20 ? 4 : 5000);
            float *x = draw_many(kind, n);
            float cut = round % 4 == 0 ? 1.5F : fabsf(draw(kind));
            if (round % 4 == 1 || !(cut > 0.0F)) cut = INFINITY;
            tare_tally_init(&tally, cut);
            tare_tally_add(&tally, x, n / 2);
            tare_tally_add(&tally, x + n / 2, n - n / 2);
            tare_observer_init(&got);
            tare_tally_observe(&tally, &got);
            define(&want, x, n);
            assert_memory_equal(&got, &want, sizeof want);

            const float uppers[] = {cut, INFINITY};
            for (size_t u = 0; u < 2; u++) {
                float *y = check_alloc(n * sizeof *y);
                for (size_t i = 0; i < n; i++)
                    y[i] = clipped(x[i], uppers[u]);
                tare_observer_init(&got);
                tare_tally_observe_clipped(&tally, uppers[u], &got);
                define(&want, y, n);
                assert_memory_equal(&got, &want, sizeof want);
                free(y);
            }
            free(x);
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_direct_binning),
        cmocka_unit_test(depends_on_the_multiset_alone),
        cmocka_unit_test(growing_loses_nothing),
        cmocka_unit_test(every_kind_of_bad_value_is_found),
        cmocka_unit_test(clipped_tensors_follow_exactly),
        cmocka_unit_test(known_values),
        cmocka_unit_test(moments_are_right_to_the_bin_width),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
