/* Sums that do not depend on the order. The expected values are math.fsum of Python. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "tools/exact_sum.h"

static double sum_of(const double *terms, size_t n)
{
    struct exact_sum sum = {.n_bad = 0};
    for (size_t i = 0; i < n; i++)
        exact_sum_add(&sum, terms[i]);
    return exact_sum_value(&sum);
}
#define SUM(...)                                                                       \
    sum_of((const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / 8)

static void adds_without_rounding(void **state)
{
    (void)state;
    assert_true(SUM(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1) == 1.0);
    assert_true(SUM(1e70, 1.0, -1e70) == 1.0);
    assert_true(SUM(1.0, 1e70, 1e-60, -1e70, -1.0) == 1e-60);
    assert_true(SUM(-1e16, -1.0, 1e16) == -1.0);
    assert_true(SUM(-0.1, -0.2, -0.3) == -0.6);
    assert_true(SUM(0.0) == 0.0 && SUM(-3.25) == -3.25);
    assert_true(SUM(5e70, -5e70) == 0.0);
    assert_true(SUM(1e-79, 1e-79) == 2e-79);
    assert_true(SUM(1e-200, 0.5) == 0.5); /* below the last lane */
}

static void knows_bad_terms(void **state)
{
    (void)state;
    assert_true(isnan(SUM(1.0, (double)NAN)));
    assert_true(isnan(SUM((double)INFINITY)));
    assert_true(isnan(SUM(1e80)));
    assert_true(SUM(1e76) == 1e76);
}

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void ignores_the_order(void **state)
{
    enum { N = 3000 };
    static double terms[N];
    uint64_t seed = 5;
    (void)state;
    for (size_t i = 0; i < N; i++)
        terms[i] = ldexp((double)next(&seed) - 1e9, (int)(next(&seed) % 120) - 90);
    const double once = sum_of(terms, N);
    for (int round = 0; round < 20; round++) {
        for (size_t i = N - 1; i > 0; i--) {
            const size_t k = next(&seed) % (i + 1);
            const double t = terms[i];
            terms[i] = terms[k];
            terms[k] = t;
        }
        struct exact_sum parts[3] = {{.n_bad = 0}};
        for (size_t i = 0; i < N; i++)
            exact_sum_add(&parts[next(&seed) % 3], terms[i]);
        exact_sum_merge(&parts[1], &parts[2]);
        exact_sum_merge(&parts[0], &parts[1]);
        assert_true(exact_sum_value(&parts[0]) == once);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_without_rounding),
        cmocka_unit_test(knows_bad_terms),
        cmocka_unit_test(ignores_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
