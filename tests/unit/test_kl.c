/* The running-sum KL search against NumPy's results and against the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/mem.h"
#include "calibrators/kl.h"
#include "tests/kernels/check.h"
#include "tests/unit/calibrator_reference.h"

enum { MAX_BINS = 700 };

static void agrees_with_numpy(void **state)
{
    (void)state;
    for (size_t r = 0; r < N_REFERENCES; r++)
        for (size_t c = REFERENCE_KL; c < REFERENCE_MSE; c++) {
            uint64_t bins[REFERENCE_BINS];
            double d[REFERENCE_BINS + 1];
            memcpy(bins, references[r].bins, sizeof bins);
            bins[0] += references[r].curves[c].zeros;
            assert_int_equal(tare_kl_curve(bins, REFERENCE_BINS,
                                           references[r].curves[c].levels, d, NULL),
                             TARE_OK);
            assert_int_equal(tare_kl_choose(d, REFERENCE_BINS).index,
                             references[r].curves[c].best);
            for (size_t p = 0; p < references[r].curves[c].n_points; p++) {
                const double want = references[r].curves[c].points[p].objective;
                const double got = d[references[r].curves[c].points[p].candidate];
                assert_int_equal(isinf(got), isinf(want));
                if (!isinf(want)) assert_true(fabs(got - want) < 1e-12);
            }
        }
}

/* The definition of kl.h, word by word. */
static double define(const uint64_t *bins, size_t n, size_t levels, size_t i)
{
    double mass[MAX_BINS] = {0};
    double used[MAX_BINS] = {0};
    double total = 0;
    double inside = 0;
    size_t kept = 0, all = 0; /* non-empty bins */
    for (size_t b = 0; b < n; b++) {
        total += (double)bins[b];
        all += bins[b] > 0;
        if (b >= i) continue;
        kept += bins[b] > 0;
        inside += (double)bins[b];
        mass[b * levels / i] += (double)bins[b];
        used[b * levels / i] += bins[b] > 0;
    }
    if (inside <= 0 || (kept < 2 && all > 1)) return HUGE_VAL;
    double d = 0;
    for (size_t b = 0; b < i; b++) {
        const double p = ((double)bins[b] + (b + 1 == i ? total - inside : 0)) / total;
        const size_t level = b * levels / i;
        const double q = bins[b] ? mass[level] / used[level] / inside : 0;
        if (p > 0 && !(q > 0)) return HUGE_VAL;
        if (p > 0) d += p * log(p / q);
    }
    return d;
}

static void check_histogram(const uint64_t *bins, size_t n, size_t levels)
{
    double d[MAX_BINS + 1];
    double want[MAX_BINS + 1];
    size_t end = n;
    assert_int_equal(tare_kl_curve(bins, n, levels, d, NULL), TARE_OK);
    while (end > 0 && !bins[end - 1])
        end--;
    if (end < levels) end = levels;
    for (size_t i = 0; i <= n; i++) {
        want[i] = i >= levels && i <= end ? define(bins, n, levels, i) : HUGE_VAL;
        assert_int_equal(isinf(d[i]), isinf(want[i]));
        if (isfinite(d[i])) assert_true(d[i] >= 0 && fabs(d[i] - want[i]) < 1e-13);
    }
    assert_int_equal(tare_kl_choose(d, n).index, tare_kl_choose(want, n).index);
}

/* A gate: all of its values far from zero. Its least value alone is no fit for them. */
static void keeps_more_than_one_bin(void **state)
{
    (void)state;
    uint64_t bins[MAX_BINS] = {0};
    double d[MAX_BINS + 1];
    for (size_t b = MAX_BINS / 2; b < MAX_BINS; b++)
        bins[b] = 100;
    check_histogram(bins, MAX_BINS, 16);
    assert_int_equal(tare_kl_curve(bins, MAX_BINS, 16, d, NULL), TARE_OK);
    assert_true(isinf(d[MAX_BINS / 2 + 1]));
    assert_int_equal(tare_kl_choose(d, MAX_BINS).index, MAX_BINS);
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        uint64_t bins[MAX_BINS] = {0};
        const size_t n = 1 + check_u32() % MAX_BINS;
        const size_t levels = 1 + check_u32() % 160;
        const uint32_t fill = 1 + check_u32() % 100; /* percent of non-empty bins */
        const uint32_t range = 1U << check_u32() % 31;
        const size_t end = check_u32() % (n + 1);
        for (size_t b = 0; b < end; b++)
            if (check_u32() % 100 < fill) bins[b] = check_u32() % range;
        if (round % 3 == 0) bins[n - 1] = 1; /* a lone outlier */
        check_histogram(bins, n, levels);
    }
}

static void degenerate_histograms(void **state)
{
    uint64_t bins[MAX_BINS] = {0};
    double d[MAX_BINS + 1];
    (void)state;
    assert_int_equal(tare_kl_curve(bins, MAX_BINS, 128, d, NULL), TARE_OK);
    assert_int_equal(tare_kl_choose(d, MAX_BINS).index, 0); /* nothing at all */

    bins[417] = 12345; /* a constant */
    check_histogram(bins, MAX_BINS, 128);
    assert_int_equal(tare_kl_curve(bins, MAX_BINS, 128, d, NULL), TARE_OK);
    assert_int_equal(tare_kl_choose(d, MAX_BINS).index, 418);
    assert_true(tare_kl_choose(d, MAX_BINS).divergence < 1e-13);

    bins[417] = 0;
    bins[5] = 7; /* all below the smallest candidate: one level a bin, no loss */
    bins[90] = 3;
    check_histogram(bins, MAX_BINS, 128);
    assert_int_equal(tare_kl_curve(bins, MAX_BINS, 128, d, NULL), TARE_OK);
    assert_int_equal(tare_kl_choose(d, MAX_BINS).index, 128);

    assert_int_equal(tare_kl_curve(bins, 100, 128, d, NULL), TARE_OK);
    assert_int_equal(tare_kl_choose(d, 100).index, 0); /* fewer bins than levels */

    memset(bins, 0, sizeof bins);
    for (size_t b = 0; b < MAX_BINS; b += 50) /* whole numbers, 50 bins a step */
        bins[b] = 1000 - b;
    check_histogram(bins, MAX_BINS, 128);
}

static void equal_divergences_take_the_first(void **state)
{
    const double d[] = {HUGE_VAL, 0.5, 0.25 + 0.9e-12, 0.25, 0.3};
    (void)state;
    assert_int_equal(tare_kl_choose(d, 4).index, 2);
    const double apart[] = {HUGE_VAL, 0.5, 0.25 + 1.1e-12, 0.25, 0.3};
    assert_int_equal(tare_kl_choose(apart, 4).index, 3);
}

static void survives_a_failed_allocation(void **state)
{
    const uint64_t bins[4] = {1, 2, 3, 4};
    double d[5];
    struct tare_error err;
    (void)state;
    tare_alloc_fail_after(0);
    assert_int_equal(tare_kl_curve(bins, 4, 2, d, &err), TARE_E_NOMEM);
    tare_alloc_fail_after(-1);
    assert_int_equal(tare_kl_choose(d, 4).index, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_numpy),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(keeps_more_than_one_bin),
        cmocka_unit_test(degenerate_histograms),
        cmocka_unit_test(equal_divergences_take_the_first),
        cmocka_unit_test(survives_a_failed_allocation),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
