/* Every calibrator against NumPy, by hand and by its definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "calibrators/calibrator.h"
#include "calibrators/mse.h"
#include "tests/kernels/check.h"
#include "tests/unit/calibrator_reference.h"

enum { MAX_BINS = 700 };

static float choose(const char *name, const struct tare_seen *seen,
                    const struct tare_calibrator_options *options)
{
    const struct tare_calibrator *calibrator;
    struct tare_calibrator_options settled;
    struct tare_threshold t = {-1.0F, NAN, (double)NAN};
    assert_int_equal(tare_calibrator_find(name, &calibrator, NULL), TARE_OK);
    assert_int_equal(tare_calibrator_settle(calibrator, options, &settled, NULL),
                     TARE_OK);
    assert_int_equal(calibrator->threshold(seen, &settled, &t, NULL), TARE_OK);
    assert_true(isnan(t.scale));
    assert_int_equal(isnan(t.kl), strncmp(name, "entropy", 7) != 0);
    return t.amax;
}

static struct tare_seen seen_of(const struct reference *r)
{
    return (struct tare_seen){"tensor", r->bins,       REFERENCE_BINS, r->width,
                              r->zeros, (float)r->min, (float)r->max,  (float)r->amax};
}

static void agree_with_numpy(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REFERENCES; i++) {
        const struct reference *r = &references[i];
        const struct tare_seen seen = seen_of(r);
        const double kl = ((double)r->curves[REFERENCE_KL].best + 0.5) * r->width;
        assert_true(choose("entropy2", &seen, NULL) == (float)kl);
        assert_true(choose("entropy", &seen, NULL) == (float)kl);
        assert_true(choose("minmax", &seen, NULL) == (float)r->amax);
        assert_true(choose("max", &seen, NULL) == (float)r->amax);
        const double mse =
            (double)r->curves[REFERENCE_MSE + (r->min < 0 ? 0 : 1)].best * r->width;
        assert_true(choose("mse", &seen, NULL) == (float)mse);
        for (int p = 0; p < 4; p++) {
            const struct tare_calibrator_options options = {
                .percentile = r->percentiles[p].percent};
            const float want = (float)r->percentiles[p].threshold;
            assert_true(choose("percentile", &seen, &options) == want);
            assert_true(choose("max", &seen, &options) == want);
        }
        assert_true(choose("percentile", &seen, NULL) ==
                    (float)r->percentiles[2].threshold); /* 99.99 */
    }
}

static void squared_errors_agree_with_numpy(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REFERENCES; i++)
        for (size_t c = REFERENCE_MSE; c < REFERENCE_CURVES; c++) {
            const struct reference *r = &references[i];
            struct tare_mse mse;
            assert_int_equal(tare_mse_open(&mse, r->bins, REFERENCE_BINS, NULL),
                             TARE_OK);
            assert_int_equal(tare_mse_choose(&mse, r->curves[c].levels),
                             r->curves[c].best);
            for (size_t p = 0; p < r->curves[c].n_points; p++) {
                const double want = r->curves[c].points[p].objective;
                const double got =
                    tare_mse_error(&mse, r->curves[c].points[p].candidate,
                                   r->curves[c].levels) *
                    r->width * r->width;
                assert_true(fabs(got - want) < 1e-9 * want);
            }
            tare_mse_close(&mse);
        }
}

static double cube(double x)
{
    return x * x * x;
}

/* The definition of mse.h: every bin is cut at the borders between levels. */
static double define_mse(const uint64_t *bins, size_t n, size_t i, unsigned levels)
{
    const double step = (double)i / levels;
    double error = 0;
    for (size_t b = 0; b < n; b++) {
        double from = (double)b;
        for (unsigned level = 0; level <= levels && from < (double)b + 1; level++) {
            const double border = level == levels ? HUGE_VAL : (level + 0.5) * step;
            const double to = fmin(border, (double)b + 1);
            const double code = level * step;
            if (to <= from) continue;
            error += (double)bins[b] * (cube(to - code) - cube(from - code)) / 3;
            from = to;
        }
    }
    return error;
}

static void squared_errors_agree_with_the_definition(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        uint64_t bins[MAX_BINS] = {0};
        const size_t n = 20 + check_u32() % (MAX_BINS - 20);
        const unsigned levels = 1 + check_u32() % 40;
        const uint32_t fill = 1 + check_u32() % 100;
        for (size_t b = 0; b < n; b++)
            if (check_u32() % 100 < fill)
                bins[b] = check_u32() % (1U << check_u32() % 20);
        bins[n - 1] = 1;
        struct tare_mse mse;
        assert_int_equal(tare_mse_open(&mse, bins, MAX_BINS, NULL), TARE_OK);
        assert_int_equal(mse.end, n);
        double least = HUGE_VAL;
        for (size_t i = TARE_MSE_LEAST; i <= n; i++) {
            const double want = define_mse(bins, n, i, levels);
            assert_true(fabs(tare_mse_error(&mse, i, levels) - want) < 1e-9 * want);
            least = fmin(least, want);
        }
        const size_t best = tare_mse_choose(&mse, levels);
        assert_true(best >= TARE_MSE_LEAST && best <= n);
        assert_true(define_mse(bins, n, best, levels) < least * (1 + 1e-9));
        tare_mse_close(&mse);
    }
}

static void percentiles_by_hand(void **state)
{
    const uint64_t bins[10] = {50, 0, 0, 30, 0, 19, 0, 0, 0, 1};
    struct tare_seen seen = {"tensor", bins, 10, 0.5, 0, -4.75F, 1.0F, 4.75F};
    struct tare_calibrator_options options = {.percentile = 50};
    (void)state;
    assert_true(choose("percentile", &seen, &options) == 0.5F);
    options.percentile = 50.5;
    assert_true(choose("percentile", &seen, &options) == 2.0F);
    options.percentile = 99;
    assert_true(choose("percentile", &seen, &options) == 3.0F);
    options.percentile = 99.5; /* the last bin ends beyond the largest value */
    assert_true(choose("percentile", &seen, &options) == 4.75F);
    options.percentile = 100;
    assert_true(choose("percentile", &seen, &options) == 4.75F);

    seen.n_zeros = 100; /* 150 of 200 at bin 0, 180 at bin 3 */
    options.percentile = 75;
    assert_true(choose("percentile", &seen, &options) == 0.5F);
    options.percentile = 90;
    assert_true(choose("percentile", &seen, &options) == 2.0F);
    options.percentile = 50; /* zeros alone: of the others */
    assert_true(choose("percentile", &seen, &options) == 0.5F);
    seen.n_zeros = 1000000;
    options.percentile = 99;
    assert_true(choose("percentile", &seen, &options) == 3.0F);
}

static void legacy_extends_an_exponential(void **state)
{
    enum { N = 2048 };
    static uint64_t bins[N];
    struct tare_seen seen = {"tensor", bins, N, 0.25, 12345, 0.0F, 512.0F, 512.0F};
    struct tare_calibrator_options options = {0};
    (void)state;
    /* h = 1e9 * exp(-x / 20) is one value a bin at x = 20 * ln 1e9 = 414.5, its median
     * at 20 * ln 2. */
    for (size_t k = 0; k < N; k++)
        bins[k] = (uint64_t)llrint(1e9 * exp(-((double)k + 0.5) * 0.25 / 20));
    bins[N - 1] = 1; /* a lone outlier, at 512 */
    assert_true(fabs((double)choose("legacy", &seen, NULL) - 20 * log(1e9)) < 0.01);

    options.cutoff = 1;
    options.quantile = 0.5;
    assert_true(fabs((double)choose("legacy", &seen, &options) - 20 * log(2)) < 0.25);
    options.quantile = 0.9999; /* the percentile of what is not zero */
    assert_true(fabs((double)choose("legacy", &seen, &options) - 20 * log(1e4)) < 0.25);
    options.quantile = 1;
    assert_true(choose("legacy", &seen, &options) == 512.0F);

    options = (struct tare_calibrator_options){0};
    for (size_t k = 0; k < N; k++) /* does not fall: nothing to extend */
        bins[k] = 1000 + k;
    assert_true(choose("legacy", &seen, &options) == 512.0F);
    memset(bins, 0, sizeof bins); /* one bin in the region: no line */
    bins[100] = 1000;
    bins[N - 1] = 10;
    assert_true(choose("legacy", &seen, &options) == 512.0F);
    for (size_t k = 0; k < 4; k++) /* falls so steeply that it ends below the region */
        bins[k] = 1000 >> (5 * k);
    options.quantile = 1;
    assert_true(choose("legacy", &seen, &options) == 512.0F);
}

/* A lone outlier behind a gap of empty bins, as each method takes it. */
static void sparse_tails(void **state)
{
    enum { N = 2048 };
    static uint64_t bins[N];
    const struct tare_seen seen = {"tensor", bins, N, 1.0, 0, 0.0F, 2048.0F, 2048.0F};
    (void)state;
    for (size_t k = 0; k < 300; k++)
        bins[k] = (300 - k) * 1000;
    bins[N - 1] = 1;
    /* KL: the gap's near end, or nearly; the outlier would cost 18 of 19 levels. */
    assert_in_range((uint64_t)choose("entropy2", &seen, NULL), 200, 300);
    assert_in_range((uint64_t)choose("percentile", &seen, NULL), 290, 300);
    assert_true(choose("minmax", &seen, NULL) == 2048.0F);
    /* MSE: the outlier's 1750^2 is less than what a wider step costs 45 million. */
    assert_in_range((uint64_t)choose("mse", &seen, NULL), 250, 300);
    bins[N - 1] = 1000; /* but not a thousand of them */
    assert_in_range((uint64_t)choose("mse", &seen, NULL), 1000, 2048);
}

static void settings_are_checked(void **state)
{
    static const struct {
        const char *calibrator;
        struct tare_calibrator_options options;
        const char *text;
    } bad[] = {
        {"percentile",
         {.percentile = 100.01},
         "percentile 100.01, want above 0 to 100"},
        {"max", {.percentile = -1}, "percentile -1, want above 0 to 100"},
        {"legacy", {.quantile = 1.5}, "quantile 1.5, want above 0 to 1"},
        {"legacy", {.cutoff = (double)NAN}, "cutoff nan, want above 0 to 1"},
        {"load", {.ranges = NULL}, "calibrator 'load' wants ranges to load"},
    };
    struct tare_error err;
    bool after_fusion;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            tare_calibrator_check(bad[i].calibrator, &bad[i].options, &err),
            TARE_E_ARG);
        assert_string_equal(err.text, bad[i].text);
    }
    assert_int_equal(tare_calibrator_check(NULL, NULL, &err), TARE_OK);
    assert_int_equal(tare_calibrator_check("mse2", NULL, &err), TARE_E_ARG);

    for (size_t i = 0; tare_calibrator_name(i); i++) {
        const char *name = tare_calibrator_name(i);
        assert_int_equal(tare_calibrator_after_fusion(name, &after_fusion, &err),
                         TARE_OK);
        assert_int_equal(after_fusion,
                         !strcmp(name, "entropy") || !strcmp(name, "legacy"));
    }
    assert_int_equal(tare_calibrator_after_fusion("mse2", &after_fusion, &err),
                     TARE_E_ARG);
}

static void survive_failed_allocations(void **state)
{
    const struct tare_seen seen = seen_of(&references[0]);
    static const char *const names[] = {"entropy2", "mse"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct tare_calibrator *calibrator;
        struct tare_threshold t;
        struct tare_error err;
        assert_int_equal(tare_calibrator_find(names[i], &calibrator, NULL), TARE_OK);
        tare_alloc_fail_after(0);
        assert_int_equal(calibrator->threshold(&seen, NULL, &t, &err), TARE_E_NOMEM);
        tare_alloc_fail_after(-1);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_with_numpy),
        cmocka_unit_test(squared_errors_agree_with_numpy),
        cmocka_unit_test(squared_errors_agree_with_the_definition),
        cmocka_unit_test(percentiles_by_hand),
        cmocka_unit_test(legacy_extends_an_exponential),
        cmocka_unit_test(sparse_tails),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(survive_failed_allocations),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
