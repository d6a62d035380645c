/* From a forward to a cache and a report, over any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "tare/calibration.h"
#include "tare/log.h"
#include "tests/unit/showing.h"

enum { N_SAMPLES = 23, N_VALUES = 6000 };
#define LONE 8.0F /* one value of this size a sample, among values below 2 */
enum { NORMAL, OUTLIER, ZERO, BROKEN, UNSEEN, ALL_NAN, N_TENSORS };
static const char *const names[N_TENSORS] = {"normal", "/conv: out", "zero",
                                             "broken", "unseen",     "all_nan"};

static char folder[] = "/tmp/tare-calibration-XXXXXX";
static char cache_path[64];
static char report_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(cache_path, sizeof cache_path, "%s/x.cache", folder);
    (void)snprintf(report_path, sizeof report_path, "%s/x.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(cache_path);
    (void)unlink(report_path);
    return rmdir(folder);
}

/* A network whose tensors are functions of the sample's number. */
struct fake {
    size_t fails_from;  /* this sample and all after it fail, */
    bool first_is_late; /* it later than they, or they later than it */
    size_t stray;       /* a tensor number to show besides */
    atomic_int busy[8]; /* by worker */
    atomic_int overlaps;
};

static float pseudo_normal(uint32_t *state)
{
    float sum = 0;
    for (int i = 0; i < 4; i++) {
        *state = *state * 1664525U + 1013904223U;
        sum += (float)(*state >> 8) * 0x1p-24F - 0.5F;
    }
    return sum;
}

static enum tare_status run(void *ctx, int worker, size_t sample,
                            tare_observe_fn *observe, void *observe_ctx,
                            struct tare_error *err)
{
    struct fake *fake = ctx;
    static const float zeros[N_VALUES] = {0};
    float x[N_VALUES];
    uint32_t state = (uint32_t)sample;
    if (atomic_fetch_add(&fake->busy[worker], 1) != 0) atomic_store(&fake->overlaps, 1);
    for (size_t i = 0; i < N_VALUES; i++)
        x[i] = pseudo_normal(&state);
    show_values(observe, observe_ctx, NORMAL, sample, x, N_VALUES / 2);
    show_values(observe, observe_ctx, NORMAL, sample, x + N_VALUES / 2, N_VALUES / 2);
    show_values(observe, observe_ctx, ZERO, sample, zeros, N_VALUES);
    if (sample == 7 || sample == 11) {
        x[5] = NAN;
        x[6] = -INFINITY;
        x[7] = INFINITY;
    }
    show_values(observe, observe_ctx, BROKEN, sample, x, N_VALUES);
    x[0] = NAN;
    show_values(observe, observe_ctx, ALL_NAN, sample, x, 1);
    x[0] = LONE;
    x[5] = x[6] = x[7] = 0.25F;
    show_values(observe, observe_ctx, OUTLIER, sample, x,
                sample == 3 ? N_VALUES : N_VALUES - 1);
    show_values(observe, observe_ctx, OUTLIER, sample, x + 1, 0);
    if (fake->stray) show_values(observe, observe_ctx, fake->stray, sample, x, 1);
    atomic_fetch_sub(&fake->busy[worker], 1);
    if (sample < fake->fails_from) return TARE_OK;
    if ((sample == fake->fails_from) == fake->first_is_late)
        (void)nanosleep(&(struct timespec){0, 3000000}, NULL);
    return tare_error_set(err, TARE_E_IO, "cannot decode");
}

static struct tare_forward forward(struct fake *fake, int n_workers)
{
    return (struct tare_forward){.ctx = fake,
                                 .n_workers = n_workers,
                                 .n_tensors = N_TENSORS,
                                 .names = names,
                                 .run = run};
}

static struct tare_observations *observe(int n_workers, size_t n_samples)
{
    struct fake fake = {.fails_from = SIZE_MAX};
    const struct tare_forward f = forward(&fake, n_workers);
    struct tare_observations *observations;
    struct tare_error err = {TARE_OK, ""};
    if (tare_observations_create(&f, n_samples, NULL, NULL, &observations, &err))
        fail_msg("%s", err.text);
    assert_int_equal(atomic_load(&fake.overlaps), 0);
    return observations;
}

static void write_files(const struct tare_observations *observations,
                        const char *calibrator, int n_threads)
{
    struct tare_calibration *calibration;
    struct tare_cache *ranges, *cache;
    assert_int_equal(tare_cache_create(NULL, "Loaded", &ranges, NULL), TARE_OK);
    assert_int_equal(tare_cache_set(ranges, names[NORMAL], 1.25F, NULL), TARE_OK);
    const struct tare_calibrator_options options = {.ranges = ranges,
                                                    .n_threads = n_threads};
    assert_int_equal(
        tare_calibration_create(observations, calibrator, &options, &calibration, NULL),
        TARE_OK);
    tare_cache_destroy(ranges);
    assert_int_equal(tare_calibration_cache(calibration, NULL, &cache, NULL), TARE_OK);
    assert_int_equal(tare_cache_write(cache, cache_path, NULL), TARE_OK);
    assert_int_equal(
        tare_calibration_write_report(calibration, "{\"crop\": 32}", report_path, NULL),
        TARE_OK);
    tare_cache_destroy(cache);
    tare_calibration_destroy(calibration);
}

static char *read_file(const char *path)
{
    uint8_t *bytes;
    size_t n;
    assert_int_equal(tare_file_read(path, 1 << 20, &bytes, &n, NULL), TARE_OK);
    assert_int_equal(strlen((char *)bytes), n);
    return (char *)bytes;
}

static void threads_do_not_show(void **state)
{
    (void)state;
    for (size_t c = 0; tare_calibrator_name(c); c++) {
        char *cache = NULL;
        char *report = NULL;
        for (int n_workers = 1; n_workers <= 4; n_workers++) {
            struct tare_observations *observations = observe(n_workers, N_SAMPLES);
            write_files(observations, tare_calibrator_name(c), n_workers);
            tare_observations_destroy(observations);
            char *this_cache = read_file(cache_path);
            char *this_report = read_file(report_path);
            if (cache) {
                assert_string_equal(this_cache, cache);
                assert_string_equal(this_report, report);
            }
            tare_free(cache);
            tare_free(report);
            cache = this_cache;
            report = this_report;
        }
        tare_free(cache);
        tare_free(report);
    }
}

static void counts_are_exact(void **state)
{
    struct tare_observations *o = observe(2, N_SAMPLES);
    struct tare_observed t;
    (void)state;
    assert_int_equal(tare_observations_count(o), N_TENSORS);
    assert_int_equal(tare_observations_samples(o), N_SAMPLES);
    tare_observations_get(o, NORMAL, &t);
    assert_string_equal(t.name, "normal");
    assert_int_equal(t.count, (uint64_t)N_SAMPLES * N_VALUES);
    assert_true(t.n_nan == 0 && t.n_inf == 0 && t.first_bad_sample == SIZE_MAX);
    assert_true(t.amax == fmaxf(-t.min, t.max));
    assert_true(fabs(t.rms - sqrt(4.0 / 12)) < 0.01); /* four uniforms */

    tare_observations_get(o, OUTLIER, &t);
    assert_int_equal(t.count, (uint64_t)N_SAMPLES * (N_VALUES - 1) + 1);
    assert_true(t.max == LONE);

    tare_observations_get(o, ZERO, &t);
    assert_true(t.n_zeros == t.count && t.amax == 0 && t.min == 0 && t.rms == 0);

    tare_observations_get(o, BROKEN, &t);
    assert_int_equal(t.n_nan, 2);
    assert_int_equal(t.n_inf, 4);
    assert_int_equal(t.first_bad_sample, 7);
    assert_true(isfinite(t.min) && isfinite(t.max) && t.amax < 2.01F);

    tare_observations_get(o, UNSEEN, &t);
    assert_true(t.count == 0 && t.min == 0 && t.max == 0);
    tare_observations_get(o, ALL_NAN, &t);
    assert_true(t.n_nan == N_SAMPLES && t.first_bad_sample == 0 && t.amax == 0);
    tare_observations_destroy(o);
}

static void thresholds_and_caches(void **state)
{
    struct tare_observations *o = observe(2, N_SAMPLES);
    struct tare_calibration *calibration;
    struct tare_calibrated t;
    struct tare_cache *cache;
    float amax;
    (void)state;
    assert_int_equal(tare_calibration_create(o, NULL, NULL, &calibration, NULL),
                     TARE_OK);
    assert_string_equal(tare_calibration_method(calibration), "entropy2");
    assert_int_equal(tare_calibration_count(calibration), N_TENSORS);
    assert_int_equal(tare_calibration_samples(calibration), N_SAMPLES);

    /* amax < 2: bins of 2^-11, all below 4096; (i + 0.5) * width has an odd numerator.
     */
    tare_calibration_get(calibration, NORMAL, &t);
    assert_true(t.threshold > 1.0F && t.threshold < 2.01F);
    assert_true(fmod((double)t.threshold * 4096, 2.0) == 1.0);
    assert_true(t.kl >= 0 && t.kl < 0.1);

    tare_calibration_get(calibration, OUTLIER, &t); /* 23 of 137,978 values */
    assert_true(t.threshold > 1.0F && t.threshold < 3.0F);
    assert_true(t.clip_fraction == 23.0 / (double)t.observed.count);

    tare_calibration_get(calibration, ZERO, &t);
    assert_true(t.threshold == 0 && t.clip_fraction == 0 && isnan(t.kl));
    tare_calibration_get(calibration, UNSEEN, &t);
    assert_true(t.threshold < 0 && t.clip_fraction == 0);
    tare_calibration_get(calibration, ALL_NAN, &t);
    assert_true(t.threshold < 0);

    assert_int_equal(tare_calibration_cache(calibration, "TRT-8501", &cache, NULL),
                     TARE_OK);
    assert_string_equal(tare_cache_version(cache), "TRT-8501");
    assert_string_equal(tare_cache_algorithm(cache), "EntropyCalibration2");
    assert_int_equal(tare_cache_count(cache), 4); /* without UNSEEN and ALL_NAN */
    assert_string_equal(tare_cache_name(cache, 1), names[OUTLIER]);
    assert_true(tare_cache_get(cache, "zero", &amax) && amax == 0);
    tare_cache_destroy(cache);

    struct tare_error err;
    assert_int_equal(tare_calibration_cache(calibration, "8501", &cache, &err),
                     TARE_E_ARG);
    tare_calibration_destroy(calibration);
    tare_observations_destroy(o);
}

static void minmax_and_max_are_exact(void **state)
{
    static const char *const calibrators[] = {"minmax", "max"};
    struct tare_observations *o = observe(2, N_SAMPLES);
    (void)state;
    for (int c = 0; c < 2; c++) {
        struct tare_calibration *calibration;
        struct tare_calibrated t;
        struct tare_cache *cache;
        assert_int_equal(
            tare_calibration_create(o, calibrators[c], NULL, &calibration, NULL),
            TARE_OK);
        for (size_t i = 0; i < UNSEEN; i++) {
            tare_calibration_get(calibration, i, &t);
            assert_true(t.threshold == t.observed.amax && t.clip_fraction == 0);
            assert_true(isnan(t.kl));
            assert_string_equal(t.method, calibrators[c]);
        }
        assert_int_equal(tare_calibration_cache(calibration, NULL, &cache, NULL),
                         TARE_OK);
        assert_string_equal(tare_cache_algorithm(cache), "MinMaxCalibration");
        assert_true(tare_cache_scale(cache, OUTLIER) == LONE / 127.0F);
        tare_cache_destroy(cache);
        tare_calibration_destroy(calibration);
    }
    tare_observations_destroy(o);
}

static void unknown_calibrators_are_named(void **state)
{
    struct tare_observations *o = observe(1, 1);
    struct tare_calibration *calibration;
    struct tare_error err;
    (void)state;
    assert_int_equal(tare_calibration_create(o, "entropy9", NULL, &calibration, &err),
                     TARE_E_ARG);
    assert_null(calibration);
    assert_string_equal(err.text, "calibration: calibrator 'entropy9' is unknown, want "
                                  "one of: entropy2, entropy, minmax, max, percentile, "
                                  "mse, legacy, load");
    tare_calibration_destroy(NULL);
    tare_observations_destroy(o);
    tare_observations_destroy(NULL);
}

static double number(const cJSON *tensors, int tensor, const char *key)
{
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(tensors, tensor), key);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static void report_holds_everything(void **state)
{
    struct tare_observations *o = observe(3, N_SAMPLES);
    struct tare_observed t;
    (void)state;
    write_files(o, "entropy2", 1);
    tare_observations_get(o, BROKEN, &t);
    char *text = read_file(report_path);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "calibrator")),
                        "entropy2");
    assert_int_equal(cJSON_GetObjectItem(root, "samples")->valueint, N_SAMPLES);
    const cJSON *crop =
        cJSON_GetObjectItem(cJSON_GetObjectItem(root, "preprocess"), "crop");
    assert_int_equal(crop->valueint, 32);
    const cJSON *tensors = cJSON_GetObjectItem(root, "tensors");
    assert_int_equal(cJSON_GetArraySize(tensors), N_TENSORS);
    const cJSON *second = cJSON_GetArrayItem(tensors, OUTLIER);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(second, "name")),
                        names[OUTLIER]);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(second, "method")),
                        "entropy2");
    assert_true(number(tensors, OUTLIER, "amax") == (double)LONE);
    assert_true(number(tensors, OUTLIER, "clip_fraction") > 0);
    assert_true((float)number(tensors, BROKEN, "min") == t.min); /* 9 digits suffice */
    assert_true((float)number(tensors, BROKEN, "max") == t.max);
    assert_true(number(tensors, BROKEN, "nan") == 2);
    assert_true(number(tensors, BROKEN, "inf") == 4);
    assert_true(number(tensors, BROKEN, "first_bad_sample") == 7);
    assert_true(number(tensors, ZERO, "zeros") == N_SAMPLES * N_VALUES);
    assert_true(number(tensors, ZERO, "threshold") == 0);
    assert_true(isnan(number(tensors, UNSEEN, "threshold")));
    assert_true(isnan(number(tensors, NORMAL, "first_bad_sample")));
    assert_true(number(tensors, NORMAL, "kl") >= 0);
    cJSON_Delete(root);
    tare_free(text);
    tare_observations_destroy(o);
}

static void report_refuses_what_is_not_json(void **state)
{
    struct tare_observations *o = observe(1, 1);
    struct tare_calibration *calibration;
    struct tare_error err;
    (void)state;
    assert_int_equal(tare_calibration_create(o, NULL, NULL, &calibration, NULL),
                     TARE_OK);
    assert_int_equal(
        tare_calibration_write_report(calibration, "{} x", report_path, &err),
        TARE_E_ARG);
    assert_non_null(strstr(err.text, "preprocess '{} x' is not JSON"));
    assert_int_equal(
        tare_calibration_write_report(calibration, NULL, "/nonexistent/x.json", &err),
        TARE_E_IO);
    tare_calibration_destroy(calibration);
    tare_observations_destroy(o);
}

static void the_first_failing_sample_is_named(void **state)
{
    (void)state;
    for (int n_workers = 1; n_workers <= 4; n_workers++)
        for (size_t fails_from = 0; fails_from < 12; fails_from += 5) {
            struct fake fake = {.fails_from = fails_from,
                                .first_is_late = n_workers % 2 == 0};
            const struct tare_forward f = forward(&fake, n_workers);
            struct tare_observations *o;
            struct tare_error err;
            char want[80];
            assert_int_equal(
                tare_observations_create(&f, N_SAMPLES, NULL, NULL, &o, &err),
                TARE_E_IO);
            assert_null(o);
            (void)snprintf(want, sizeof want, "sample %zu of 23: cannot decode",
                           fails_from);
            assert_string_equal(err.text, want);
            assert_int_equal(err.code, TARE_E_IO);
            assert_int_equal(
                tare_observations_create(&f, N_SAMPLES, NULL, NULL, &o, NULL),
                TARE_E_IO);
        }
}

static void refuses_bad_forwards(void **state)
{
    static const char *const twice[] = {"a", "b", "a"};
    static const char *const broken[] = {"a", "b\nc"};
    struct fake fake = {.fails_from = SIZE_MAX, .stray = N_TENSORS};
    struct tare_forward f = forward(&fake, 1);
    struct tare_observations *o;
    struct tare_error err;
    (void)state;
    assert_int_equal(tare_observations_create(&f, 5, NULL, NULL, &o, &err), TARE_E_ARG);
    assert_string_equal(err.text, "sample 0 of 5: tensor 6 was shown, want below 6");
    assert_int_equal(tare_observations_create(&f, 0, NULL, NULL, &o, &err), TARE_E_ARG);
    f.n_workers = 0;
    assert_int_equal(tare_observations_create(&f, 5, NULL, NULL, &o, &err), TARE_E_ARG);
    f.n_workers = 1;
    f.n_tensors = 0;
    assert_int_equal(tare_observations_create(&f, 5, NULL, NULL, &o, &err), TARE_E_ARG);
    f.names = twice;
    f.n_tensors = 3;
    assert_int_equal(tare_observations_create(&f, 5, NULL, NULL, &o, &err), TARE_E_ARG);
    assert_string_equal(err.text, "calibration: tensor 'a' is listed twice");
    f.names = broken;
    f.n_tensors = 2;
    assert_int_equal(tare_observations_create(&f, 5, NULL, NULL, &o, &err), TARE_E_ARG);
    assert_null(o);
}

/* Zero once a call is out of order. */
static void count_up(void *ctx, size_t done, size_t total)
{
    size_t *next = ctx;
    *next = done == *next && total == N_SAMPLES ? done + 1 : 0;
}

static void progress_counts_up(void **state)
{
    struct fake fake = {.fails_from = SIZE_MAX};
    const struct tare_forward f = forward(&fake, 4);
    struct tare_observations *o;
    size_t next = 1;
    (void)state;
    assert_int_equal(tare_observations_create(&f, N_SAMPLES, count_up, &next, &o, NULL),
                     TARE_OK);
    assert_int_equal(next, N_SAMPLES + 1);
    tare_observations_destroy(o);
}

static void append(void *ctx, enum tare_log_level level, const char *message)
{
    char *log = ctx;
    const size_t n = strlen(log);
    (void)snprintf(log + n, 2000 - n, "%d %s\n", (int)level, message);
}

static void unusual_tensors_are_logged(void **state)
{
    char log[2000] = "";
    (void)state;
    tare_log_set_sink(append, log, TARE_LOG_INFO);
    struct tare_observations *o = observe(4, N_SAMPLES);
    struct tare_calibration *calibration;
    assert_int_equal(tare_calibration_create(o, "minmax", NULL, &calibration, NULL),
                     TARE_OK);
    tare_log_set_sink(NULL, NULL, TARE_LOG_ERROR);
    assert_string_equal(
        log,
        "1 tensor 'broken': 2 NaN and 4 infinite of 138000 values, first in sample 7; "
        "its range leaves them out\n"
        "1 tensor 'all_nan': 23 NaN and 0 infinite of 23 values, first in sample 0; "
        "its range leaves them out\n"
        "2 tensor 'zero': all 138000 values are zero, so its scale is 0\n"
        "1 tensor 'unseen': no finite value was seen, so it gets no range\n"
        "1 tensor 'all_nan': no finite value was seen, so it gets no range\n");
    tare_calibration_destroy(calibration);
    tare_observations_destroy(o);
}

static enum tare_status whole_road(struct tare_error *err)
{
    static const struct tare_calibrator_options two_threads = {.n_threads = 2};
    struct fake fake = {.fails_from = SIZE_MAX};
    const struct tare_forward f = forward(&fake, 2);
    struct tare_observations *o = NULL;
    struct tare_calibration *calibration = NULL;
    struct tare_cache *cache = NULL;
    enum tare_status st = tare_observations_create(&f, 2, NULL, NULL, &o, err);
    if (st == TARE_OK)
        st = tare_calibration_create(o, "entropy2", &two_threads, &calibration, err);
    if (st == TARE_OK) st = tare_calibration_cache(calibration, NULL, &cache, err);
    if (st == TARE_OK) st = tare_cache_write(cache, cache_path, err);
    if (st == TARE_OK)
        st = tare_calibration_write_report(calibration, NULL, report_path, err);
    tare_cache_destroy(cache);
    tare_calibration_destroy(calibration);
    tare_observations_destroy(o);
    return st;
}

static void survives_failed_allocations(void **state)
{
    int64_t n = 0;
    enum tare_status st = TARE_E_NOMEM;
    (void)state;
    for (; st != TARE_OK; n++) {
        struct tare_error err = {TARE_OK, ""};
        tare_alloc_fail_after(n);
        st = whole_road(&err);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && err.code == TARE_E_NOMEM));
    }
    assert_true(n > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(counts_are_exact),
        cmocka_unit_test(thresholds_and_caches),
        cmocka_unit_test(minmax_and_max_are_exact),
        cmocka_unit_test(unknown_calibrators_are_named),
        cmocka_unit_test(report_holds_everything),
        cmocka_unit_test(report_refuses_what_is_not_json),
        cmocka_unit_test(the_first_failing_sample_is_named),
        cmocka_unit_test(refuses_bad_forwards),
        cmocka_unit_test(progress_counts_up),
        cmocka_unit_test(unusual_tensors_are_logged),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
