/* The second pass, and the scales that TensorRT's own caches hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "calibrators/observations.h"
#include "tests/kernels/check.h"
#include "tests/unit/showing.h"

enum { N_SAMPLES = 5, MOST = 210000 };

/* One tensor, whose values the samples share out. */
struct values {
    float *x;
    size_t n;
    bool skips; /* the last sample shows nothing */
};

static enum tare_status run(void *ctx, int worker, size_t sample,
                            tare_observe_fn *observe, void *observe_ctx,
                            struct tare_error *err)
{
    const struct values *v = ctx;
    const size_t begin = v->n * sample / N_SAMPLES;
    const size_t end = v->n * (sample + 1) / N_SAMPLES;
    (void)worker;
    if (v->skips && sample == N_SAMPLES - 1) return TARE_OK;
    if (v->n == SIZE_MAX) return tare_error_set(err, TARE_E_IO, "cannot decode");
    show_values(observe, observe_ctx, 0, sample, v->x + begin, end - begin);
    return TARE_OK;
}

static const char *const names[] = {"tensor"};

static struct tare_forward forward(struct values *v, int n_workers)
{
    return (struct tare_forward){
        .ctx = v, .n_workers = n_workers, .n_tensors = 1, .names = names, .run = run};
}

/* Both passes. */
static struct tare_observations *observe(struct values *v, int n_workers)
{
    const struct tare_forward f = forward(v, n_workers);
    struct tare_observations *o;
    assert_int_equal(tare_observations_create(&f, N_SAMPLES, NULL, NULL, &o, NULL),
                     TARE_OK);
    assert_int_equal(tare_observations_run_exact(o, &f, 0, 3, NULL, NULL, NULL),
                     TARE_OK);
    assert_int_equal(tare_observations_run_exact(o, &f, 3, 2, NULL, NULL, NULL),
                     TARE_OK);
    return o;
}

static void bins_are_exact(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct values v = {.n = 1 + check_u32() % 40000};
        uint64_t want[TARE_EXACT_BINS] = {0};
        /* up to 2^31 * 2^95, which is finite */
        const float scale = ldexpf(1.0F, (int)(check_u32() % 196) - 100);
        float amax = 0.0F;
        v.x = check_alloc(v.n * sizeof *v.x);
        for (size_t i = 0; i < v.n; i++) {
            v.x[i] = (float)(int32_t)check_u32() * scale;
            if (check_u32() % 4 == 0) v.x[i] = 0.0F;
            amax = fmaxf(amax, fabsf(v.x[i]));
        }
        /* x / amax * 2048, floored; 24 bits times 2048 fit an integer. */
        int exponent;
        const uint64_t m = (uint64_t)ldexpf(frexpf(amax, &exponent), 24);
        for (size_t i = 0; i < v.n && m > 0; i++) {
            const double x = ldexp(fabs((double)v.x[i]), 24 - exponent); /* <= m */
            const double scaled = x * 2048;                              /* exact */
            uint64_t k = (uint64_t)(scaled / (double)m);
            while ((double)(k * m) > scaled)
                k--;
            while ((double)((k + 1) * m) <= scaled)
                k++;
            if (v.x[i] != 0) want[k < 2048 ? k : 2047]++;
        }
        struct tare_observations *o = observe(&v, 1 + round % 4);
        assert_memory_equal(o->tensors[0].exact, want, sizeof want);
        tare_observations_destroy(o);
        free(v.x);
    }
}

/* `n` values in the middle of bin k of 2048 below `most`. */
static void fill(struct values *v, size_t k, size_t n, float most)
{
    for (size_t i = 0; i < n; i++)
        v->x[v->n++] = ((float)k + 0.5F) / 2048 * most * (i % 2 ? 1.0F : -1.0F);
}

/* amax of known caches is (i + 0.5) / 2048 of the largest value, i = 2040, 2047, 2048.
 * A tensor with equal bins up to i, and one value, the largest, in the last bin, loses
 * least when i bins are kept. (Half of the first scale is 3b810a14; the cache that has
 * 3b810a13 is of a tensor that did not quite reach 0.5.) */
static void scales_are_those_of_tensorrt(void **state)
{
    static const struct {
        float most;
        size_t kept;
        uint32_t bits;
    } known[] = {
        {1.0F, 2048, 0x3C010A14U},  {1.0F, 2040, 0x3C008912U},
        {1.0F, 2047, 0x3C00F9F4U},  {255.0F, 2048, 0x4000890AU},
        {32.0F, 2048, 0x3E810A14U}, {0x1.fffffep-2F, 2048, 0x3B810A13U},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct values v = {.x = check_alloc(MOST * sizeof *v.x)};
        struct tare_calibration *calibration;
        struct tare_calibrated t;
        struct tare_cache *cache;
        for (size_t k = 0; k < known[i].kept; k++)
            fill(&v, k, 100, known[i].most);
        v.x[v.n - 1] = known[i].kept == 2048 ? known[i].most : v.x[v.n - 1];
        if (known[i].kept < 2048) v.x[v.n++] = known[i].most;
        struct tare_observations *o = observe(&v, 2);
        for (int c = 0; c < 2; c++) {
            static const char *const entropy[] = {"entropy2", "entropy"};
            assert_int_equal(
                tare_calibration_create(o, entropy[c], NULL, &calibration, NULL),
                TARE_OK);
            tare_calibration_get(calibration, 0, &t);
            assert_true(t.clip_fraction ==
                        (known[i].kept < 2048 ? 1.0 / (double)v.n : 0.0));
            assert_int_equal(tare_calibration_cache(calibration, NULL, &cache, NULL),
                             TARE_OK);
            const float scale = tare_cache_scale(cache, 0);
            assert_memory_equal(&scale, &known[i].bits, 4);
            tare_cache_destroy(cache);
            tare_calibration_destroy(calibration);
        }
        tare_observations_destroy(o);
        free(v.x);
    }
}

/* Bins of amax / 2048 end at amax, so what cuts nothing is amax itself. */
static void others_use_the_bins_too(void **state)
{
    struct values v = {.x = check_alloc(MOST * sizeof *v.x)};
    struct tare_calibration *calibration;
    struct tare_calibrated t;
    (void)state;
    for (size_t k = 0; k < 2048; k++)
        fill(&v, k, 10, 3.0F);
    v.x[v.n - 1] = 3.0F;
    struct tare_observations *o = observe(&v, 3);
    const struct tare_calibrator_options half = {.percentile = 50};
    assert_int_equal(
        tare_calibration_create(o, "percentile", &half, &calibration, NULL), TARE_OK);
    tare_calibration_get(calibration, 0, &t);
    assert_true(t.threshold == 1.5F);
    tare_calibration_destroy(calibration);
    assert_int_equal(tare_calibration_create(o, "mse", NULL, &calibration, NULL),
                     TARE_OK);
    tare_calibration_get(calibration, 0, &t);
    assert_true(t.threshold > 2.9F && t.threshold <= 3.0F);
    tare_calibration_destroy(calibration);
    tare_observations_destroy(o);
    free(v.x);
}

static void other_samples_are_noticed(void **state)
{
    float x[20];
    struct values v = {.x = x, .n = 20};
    const struct tare_forward f = forward(&v, 2);
    struct tare_observations *o;
    struct tare_calibration *calibration;
    struct tare_error err;
    (void)state;
    for (int i = 0; i < 20; i++)
        x[i] = (float)(i - 5);
    x[3] = NAN;
    x[4] = INFINITY;
    assert_int_equal(tare_observations_create(&f, N_SAMPLES, NULL, NULL, &o, NULL),
                     TARE_OK);
    v.skips = true;
    assert_int_equal(tare_observations_run_exact(o, &f, 0, N_SAMPLES, NULL, NULL, &err),
                     TARE_OK);
    assert_int_equal(tare_calibration_create(o, "mse", NULL, &calibration, &err),
                     TARE_E_ARG);
    assert_string_equal(err.text,
                        "tensor 'tensor': the second pass counted 14 values and the "
                        "first 18: run it over the same samples");
    tare_observations_destroy(o);
    v.skips = false;
    o = observe(&v, 2); /* NaN and infinity are left out of both */
    assert_int_equal(tare_calibration_create(o, "mse", NULL, &calibration, &err),
                     TARE_OK);
    tare_calibration_destroy(calibration);
    v.n = SIZE_MAX;
    assert_int_equal(tare_observations_run_exact(o, &f, 0, N_SAMPLES, NULL, NULL, &err),
                     TARE_E_IO);
    assert_string_equal(err.text, "sample 0 of 5: cannot decode");
    tare_observations_destroy(o);
}

static void survives_failed_allocations(void **state)
{
    float x[] = {1, 2, 3, 4, 5};
    struct values v = {.x = x, .n = 5};
    const struct tare_forward f = forward(&v, 2);
    enum tare_status st = TARE_E_NOMEM;
    int64_t n = 0;
    (void)state;
    for (; st != TARE_OK; n++) {
        struct tare_observations *o;
        struct tare_error err = {TARE_OK, ""};
        assert_int_equal(tare_observations_create(&f, N_SAMPLES, NULL, NULL, &o, NULL),
                         TARE_OK);
        tare_alloc_fail_after(n);
        st = tare_observations_run_exact(o, &f, 0, N_SAMPLES, NULL, NULL, &err);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && err.code == TARE_E_NOMEM));
        tare_observations_destroy(o);
    }
    assert_true(n > 5);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_are_exact),
        cmocka_unit_test(scales_are_those_of_tensorrt),
        cmocka_unit_test(others_use_the_bins_too),
        cmocka_unit_test(other_samples_are_noticed),
        cmocka_unit_test(survives_failed_allocations),
    };
    check_init(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
