/* Figures of tensors and of differences. The expected values are NumPy's (1.24): min,
 * max, mean, std, median, quantile, histogram, isclose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "tools/tensor_stats.h"

enum { N = 11 };
static const double a[N] = {0.5, -1.25, 3.75, 2.0, -0.125, 7.5,
                            0.0, 1.0,   -4.5, 2.5, 2.25};
static const double b[N] = {0.5, -1.0, 3.5, 2.0, -0.25, 8.0, 0.0, 1.5, -4.0, 2.5, 2.0};

static void assert_near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-13 * fmax(1.0, fabs(want)));
}

struct figures {
    double min, max, mean, std, median, p90, p95, p99, magnitude;
    size_t at_min, at_max;
};

static void assert_figures(const struct tensor_stats *s, const struct figures *want)
{
    assert_near(s->min, want->min);
    assert_near(s->max, want->max);
    assert_near(s->mean, want->mean);
    assert_near(s->std, want->std);
    assert_near(s->median, want->median);
    assert_near(s->p90, want->p90);
    assert_near(s->p95, want->p95);
    assert_near(s->p99, want->p99);
    assert_near(s->magnitude, want->magnitude);
    assert_int_equal(s->at_min, want->at_min);
    assert_int_equal(s->at_max, want->at_max);
}

static void describes_values(void **state)
{
    (void)state;
    static const struct figures want = {-4.5,
                                        7.5,
                                        1.2386363636363635,
                                        2.8892701901007736,
                                        1.0,
                                        3.75,
                                        5.625,
                                        7.125,
                                        2.3068181818181817,
                                        8,
                                        5};
    double scratch[N];
    struct tensor_stats stats;
    tensor_stats_make(&stats, a, N, scratch);
    assert_figures(&stats, &want);
    assert_false(tensor_stats_is_bad(&stats));
}

static void leaves_bad_values_out(void **state)
{
    (void)state;
    const double values[] = {1.0,         (double)INFINITY,  3.0,
                             (double)NAN, (double)-INFINITY, (double)NAN};
    double scratch[6];
    struct tensor_stats stats;
    tensor_stats_make(&stats, values, 6, scratch);
    assert_int_equal(stats.n_nan, 2);
    assert_int_equal(stats.n_positive_inf, 1);
    assert_int_equal(stats.n_negative_inf, 1);
    assert_int_equal(stats.first_bad, 1);
    assert_true(stats.mean == 2.0 && stats.max == 3.0 && stats.at_max == 2);
    assert_true(tensor_stats_is_bad(&stats));
    tensor_stats_make(&stats, values + 3, 1, scratch);
    assert_true(isnan(stats.mean) && isnan(stats.p99));
    tensor_stats_make(&stats, values, 0, scratch);
    assert_true(isnan(stats.min) && !tensor_stats_is_bad(&stats));
}

static int ascending(const void *x, const void *y)
{
    const double u = *(const double *)x, v = *(const double *)y;
    return (u > v) - (u < v);
}

/* As sorting gives them, whatever the order and however many are equal. */
static void selects_quantiles(void **state)
{
    (void)state;
    enum { MOST = 400 };
    uint32_t random = 1;
    for (size_t n = 1; n <= MOST; n++) {
        double values[MOST], sorted[MOST], scratch[MOST];
        const uint32_t levels = n % 3 == 0 ? 3 : n % 3 == 1 ? 40 : 100000;
        for (size_t i = 0; i < n; i++) {
            random = random * UINT32_C(1664525) + UINT32_C(1013904223);
            values[i] = n % 7 ? (double)((random >> 8) % levels) : -(double)i;
            sorted[i] = values[i];
        }
        qsort(sorted, n, sizeof *sorted, ascending);
        struct tensor_stats stats;
        tensor_stats_make(&stats, values, n, scratch);
        const double got[] = {stats.median, stats.p90, stats.p95, stats.p99};
        const double q[] = {0.5, 0.9, 0.95, 0.99};
        for (size_t i = 0; i < 4; i++) {
            const double at = q[i] * (double)(n - 1);
            const size_t k = (size_t)at, next = k + 1 < n ? k + 1 : k;
            assert_near(got[i],
                        sorted[k] + (at - (double)k) * (sorted[next] - sorted[k]));
        }
    }
}

static void counts_bins(void **state)
{
    (void)state;
    static const size_t whole[TENSOR_BINS] = {1, 0, 1, 2, 2, 3, 1, 0, 0, 1};
    static const size_t inner[TENSOR_BINS] = {0, 1, 0, 0, 1, 1, 1, 1, 0, 1};
    static const size_t one[TENSOR_BINS] = {0, 0, 0, 0, 0, 3, 0, 0, 0, 0};
    const double same[] = {1.0, 1.0, 1.0};
    struct tensor_histogram h;
    tensor_histogram_make(&h, a, N, -4.5, 7.5);
    assert_memory_equal(h.counts, whole, sizeof whole);
    assert_near(h.width, 1.2);
    tensor_histogram_make(&h, a, N, -2.0, 2.0);
    assert_memory_equal(h.counts, inner, sizeof inner);
    tensor_histogram_make(&h, same, 3, 1.0, 1.0);
    assert_memory_equal(h.counts, one, sizeof one);
    assert_near(h.low, 0.5);
}

static void difference(struct tensor_diff *diff, const double *x, const double *y,
                       const bool *is_equal, size_t n, double atol, double rtol)
{
    double memory[3 * N];
    const struct tensor_scratch scratch = {memory, memory + N, memory + 2 * N};
    tensor_diff_make(diff, x, y, is_equal, n, n, atol, rtol, &scratch);
}

static void compares_values(void **state)
{
    (void)state;
    static const struct figures absolute = {0.0,
                                            0.5,
                                            0.2159090909090909,
                                            0.2000774643370342,
                                            0.25,
                                            0.5,
                                            0.5,
                                            0.5,
                                            0.2159090909090909,
                                            0,
                                            5};
    static const struct figures relative = {0.0,
                                            0.5,
                                            0.1333874458874459,
                                            0.15613370843411986,
                                            0.07142857142857142,
                                            1.0 / 3.0,
                                            0.41666666666666663,
                                            0.4833333333333334,
                                            0.1333874458874459,
                                            0,
                                            4};
    double memory[3 * N];
    struct tensor_diff diff;
    difference(&diff, a, b, NULL, N, 0.25, 0.0);
    assert_figures(&diff.absolute, &absolute);
    assert_figures(&diff.relative, &relative);
    assert_near(diff.sqnr_db, 19.764613683663498);
    const struct tensor_scratch scratch = {memory, memory + N, memory + 2 * N};
    tensor_diff_make(&diff, a, b, NULL, 10, 5, 0.0, 0.0, &scratch); /* two samples */
    assert_near(diff.sqnr_db, 19.984734800385276);
}

static void judges_elements(void **state)
{
    (void)state;
    static const struct {
        double atol, rtol;
        size_t n_close, first;
    } cases[] = {
        {0.25, 0.0, 8, 5}, {0.0, 0.1, 6, 1}, {0.1, 0.1, 9, 1}, {0.5, 0.0, 11, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tensor_diff diff;
        difference(&diff, a, b, NULL, N, cases[i].atol, cases[i].rtol);
        assert_int_equal(N - diff.n_beyond, cases[i].n_close);
        if (diff.n_beyond) assert_int_equal(diff.first_beyond, cases[i].first);
        assert_int_equal(tensor_diff_passes(&diff, TENSOR_ELEMWISE, 0.0, 0.0),
                         diff.n_beyond == 0);
    }
}

static void judges_statistics(void **state)
{
    (void)state;
    struct tensor_diff diff;
    difference(&diff, a, b, NULL, N, 0.0, 0.0);
    /* of |a - b|: max 0.5, mean 0.216, median 0.25; relative: 0.5, 0.133, 0.071 */
    assert_true(tensor_diff_passes(&diff, TENSOR_MAX, 0.5, 0.0));
    assert_false(tensor_diff_passes(&diff, TENSOR_MAX, 0.49, 0.49));
    assert_true(tensor_diff_passes(&diff, TENSOR_MAX, 0.0, 0.5));
    assert_true(tensor_diff_passes(&diff, TENSOR_MEAN, 0.22, 0.0));
    assert_false(tensor_diff_passes(&diff, TENSOR_MEAN, 0.21, 0.13));
    assert_true(tensor_diff_passes(&diff, TENSOR_MEDIAN, 0.0, 0.0715));
    assert_false(tensor_diff_passes(&diff, TENSOR_MEDIAN, 0.24, 0.0713));
}

static void knows_no_tolerance_for_nan(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    const double x[] = {1.0, inf, nan, inf, 1.0}, y[] = {1.0, inf, nan, 1.0, 0.0};
    struct tensor_diff diff;
    difference(&diff, x, y, NULL, 5, inf, 0.0);
    assert_int_equal(diff.n_beyond, 2); /* NaN, and infinity beside a number */
    assert_int_equal(diff.first_beyond, 2);
    assert_false(tensor_diff_passes(&diff, TENSOR_MAX, inf, inf));
    assert_int_equal(diff.absolute.n_nan, 1);
    assert_int_equal(diff.relative.n_positive_inf, 2);
    difference(&diff, x, y, NULL, 2, 0.0, 0.0);
    assert_true(tensor_diff_passes(&diff, TENSOR_MAX, 0.0, 0.0) && isinf(diff.sqnr_db));
    /* integers that double cannot tell apart */
    const bool differ[] = {false};
    difference(&diff, x, y, differ, 1, 0.5, 0.0);
    assert_int_equal(diff.n_beyond, 1);
    assert_true(diff.absolute.max == 1.0);
}

static void reads_every_type(void **state)
{
    (void)state;
    const uint16_t halves[] = {0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x83ff, 0x7c00};
    const double want[] = {1.0,
                           -2.0,
                           0.333251953125,
                           5.960464477539063e-08,
                           65504.0,
                           -6.097555160522461e-05};
    double out[7];
    tensor_to_double(TARE_F16, halves, 7, out);
    for (size_t i = 0; i < 6; i++)
        assert_true(out[i] == want[i]);
    assert_true(isinf(out[6]));
    const uint16_t bfloat[] = {0x3f80, 0xc049};
    tensor_to_double(TARE_BF16, bfloat, 2, out);
    assert_true(out[0] == 1.0 && out[1] == -3.140625);
    const int64_t wide[] = {INT64_C(-5000000000)};
    tensor_to_double(TARE_S64, wide, 1, out);
    assert_true(out[0] == -5e9);
    const int8_t narrow[] = {-128};
    tensor_to_double(TARE_S8, narrow, 1, out);
    assert_true(out[0] == -128.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_values),
        cmocka_unit_test(leaves_bad_values_out),
        cmocka_unit_test(selects_quantiles),
        cmocka_unit_test(counts_bins),
        cmocka_unit_test(compares_values),
        cmocka_unit_test(judges_elements),
        cmocka_unit_test(judges_statistics),
        cmocka_unit_test(knows_no_tolerance_for_nan),
        cmocka_unit_test(reads_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
