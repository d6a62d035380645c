/* What compare counts of a tensor: histograms, grid, channels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/compare_tally.h"

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Values of very different size, some exactly on edges of bins. */
static void fill(float *values, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        const int exponent = (int)(next(&seed) % 24) - 12;
        const float sign = next(&seed) % 2 ? 1.0F : -1.0F;
        values[i] = sign * ldexpf((float)(next(&seed) % 16), exponent);
    }
}

static uint64_t count_of(const struct histogram *h, enum histogram_kind kind)
{
    uint64_t n = 0;
    for (int i = 0; i < HISTOGRAM_BINS; i++)
        n += h->counts[kind][i];
    return n;
}

static void histograms_ignore_the_order(void **state)
{
    enum { N = 5000 };
    static float values[N];
    static struct histogram once, parts[3];
    static const double steps[] = {0.0, 0.013, 0.5};
    (void)state;
    for (size_t s = 0; s < 3; s++)
        for (uint64_t seed = 1; seed < 6; seed++) {
            fill(values, N, seed);
            histogram_begin(&once, steps[s]);
            histogram_add(&once, HISTOGRAM_FLOAT, values, N);
            assert_int_equal(count_of(&once, HISTOGRAM_FLOAT), N);
            assert_int_equal(count_of(&once, HISTOGRAM_ENGINE), 0);
            for (size_t k = 0; k < 3; k++)
                histogram_begin(&parts[k], steps[s]);
            uint64_t draw = seed;
            for (size_t i = N; i-- > 0;)
                histogram_add(&parts[next(&draw) % 3], HISTOGRAM_FLOAT, &values[i], 1);
            histogram_merge(&parts[2], &parts[0]);
            histogram_merge(&parts[2], &parts[1]);
            assert_memory_equal(&parts[2], &once, sizeof once);
        }
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void quantiles_are_within_a_bin(void **state)
{
    enum { N = 5000 };
    static float values[N];
    static struct histogram h;
    static const double shares[] = {0.5, 0.9, 0.999, 0.9999, 1.0};
    (void)state;
    fill(values, N, 3);
    histogram_begin(&h, 0.0);
    histogram_add(&h, HISTOGRAM_ENGINE, values, N);
    assert_true(histogram_quantile(&h, HISTOGRAM_FLOAT, 0.5) == 0.0);
    for (size_t i = 0; i < N; i++)
        values[i] = fabsf(values[i]);
    qsort(values, N, sizeof values[0], ascending);
    const double bin = ldexp(1.0, h.level) / h.per_real;
    assert_true(bin <= (double)values[N - 1] / 512.0);
    for (size_t i = 0; i < 5; i++) {
        const double want = (double)values[(size_t)ceil(shares[i] * N) - 1];
        const double got = histogram_quantile(&h, HISTOGRAM_ENGINE, shares[i]);
        if (got < want || got > want + bin)
            fail_msg("%g: %g, want %g and %g at most", shares[i], got, want, bin);
    }
}

/* A bar holds whole levels: values on levels do not make a comb. */
static void bars_hold_whole_levels(void **state)
{
    static struct histogram h;
    static struct histogram_bars bars;
    const double step = 0.037;
    (void)state;
    histogram_begin(&h, step);
    for (int level = 0; level < 256; level++) {
        const float value = (float)(level * step);
        for (int k = 0; k < 3; k++)
            histogram_add(&h, k == 0 ? HISTOGRAM_FLOAT : HISTOGRAM_ENGINE, &value, 1);
    }
    histogram_draw(&h, &bars);
    assert_int_equal(bars.n, 86); /* of 3 levels: the fewest that 128 bars allow */
    assert_true(fabs(bars.low + 0.5 * step) < 1e-12);
    assert_true(fabs(bars.width - 3.0 * step) < 1e-12);
    for (size_t i = 0; i < bars.n; i++) {
        const uint64_t levels = i + 1 < bars.n ? 3 : 1;
        assert_int_equal(bars.counts[HISTOGRAM_FLOAT][i], levels);
        assert_int_equal(bars.counts[HISTOGRAM_ENGINE][i], 2 * levels);
    }
    const float bad[] = {NAN, INFINITY, -INFINITY};
    histogram_begin(&h, step);
    histogram_add(&h, HISTOGRAM_FLOAT, bad, 3);
    histogram_draw(&h, &bars);
    assert_int_equal(bars.n, 0);
}

/* [2, 2, 1, 2] on the levels 0, 1, 2, 3 of 1. */
static void counts_by_hand(void **state)
{
    const struct tare_dims dims = {4, {2, 2, 1, 2}};
    const struct tally_grid grid = {1.0, 0.0, 3.0};
    const float reference[] = {0.25F, 1.0F, 3.4F, 5.0F, -1.0F, 2.0F, 2.5F, 0.0F};
    const float test[] = {0.0F, 1.0F, 3.0F, 3.0F, 0.0F, 2.0F, 2.0F, 1.0F};
    const struct tally_layout layout = tally_layout(&dims, 2);
    struct tally t;
    (void)state;
    assert_int_equal(layout.n_elems, 4);
    assert_int_equal(layout.n_channels, 2);
    assert_int_equal(layout.inner, 2);
    assert_true(tally_open(&t, &grid, &layout));
    tally_add(&t, reference, test, 2);
    tally_add_isolated(&t, reference, test, 2);
    assert_int_equal(t.n_values, 8);
    assert_int_equal(t.n_clipped, 2); /* 5 and -1; 3.4 is rounded */
    assert_true(tally_sum(&t, TALLY_SIGNAL) ==
                0.0625 + 1 + (double)3.4F * (double)3.4F + 25 + 1 + 4 + 6.25);
    const double tail = (double)3.4F - 3.0;
    assert_true(tally_sum(&t, TALLY_CLIPPING) == 4.0 + 1.0);
    assert_true(tally_sum(&t, TALLY_ROUNDING) == 0.0625 + tail * tail + 0.25);
    assert_true(tally_sum(&t, TALLY_ERROR) ==
                0.0625 + (tail * tail + 4) + 1 + 0.25 + 1);
    assert_true(tally_sum(&t, TALLY_ISOLATED) == tally_sum(&t, TALLY_ERROR));
    /* channel 0: -0.25, 0, 1, 0; channel 1: -0.4, -2, -0.5, 1; each squared over 4 */
    const double second = -tail - 2.0 - 0.5 + 1.0;
    assert_true(fabs(tally_shift(&t) - (0.75 * 0.75 + second * second) / 4.0) < 1e-12);
    const struct tally_spread spread = tally_channels(&t);
    assert_true(spread.most == 5.0 && spread.least == 2.0);
    tally_close(&t);
}

static void puts_inputs_on_the_grid(void **state)
{
    const struct tare_dims dims = {2, {1, 4}};
    const struct tally_grid grid = {0.5, -1.0, 1.0};
    const float reference[] = {0.2F, -7.0F, 0.8F, 1.0F};
    const struct tally_layout layout = tally_layout(&dims, 1);
    struct tally t;
    (void)state;
    assert_true(tally_open(&t, &grid, &layout));
    tally_add(&t, reference, NULL, 1);
    const double a = (double)0.2F, b = 1.0 - (double)0.8F;
    assert_true(fabs(tally_sum(&t, TALLY_ERROR) - (a * a + 36.0 + b * b)) < 1e-12);
    assert_true(tally_sum(&t, TALLY_ISOLATED) == tally_sum(&t, TALLY_ERROR));
    assert_true(tally_sum(&t, TALLY_TEST2) == 0.0 + 1.0 + 1.0 + 1.0);
    tally_close(&t);
}

static void finds_the_channels(void **state)
{
    const struct tare_dims tokens = {3, {4, 7, 5}}, flat = {1, {12}}, odd = {2, {3, 8}};
    (void)state;
    assert_int_equal(tally_layout(&tokens, 4).n_channels, 5);
    assert_int_equal(tally_layout(&tokens, 4).inner, 1);
    assert_int_equal(tally_layout(&flat, 4).n_channels, 1);
    assert_int_equal(tally_layout(&flat, 4).n_elems, 3);
    assert_int_equal(tally_layout(&odd, 1).n_channels, 1); /* axis 0 is no batch */
    assert_int_equal(tally_layout(&odd, 3).n_channels, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms_ignore_the_order),
        cmocka_unit_test(quantiles_are_within_a_bin),
        cmocka_unit_test(bars_hold_whole_levels),
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(puts_inputs_on_the_grid),
        cmocka_unit_test(finds_the_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
