/* Caches as JSON, for ONNX Runtime and for ncnn, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "tare/cache_formats.h"

static char path[] = "/tmp/tare-formats-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct tare_cache *sample(const char *algorithm)
{
    struct tare_cache *cache;
    assert_int_equal(tare_cache_create(NULL, algorithm, &cache, NULL), TARE_OK);
    assert_int_equal(tare_cache_set(cache, "input:0", 1.0F, NULL), TARE_OK);
    assert_int_equal(tare_cache_set(cache, "a \"b\"\\", 3.1415927F, NULL), TARE_OK);
    assert_int_equal(tare_cache_set(cache, "zero", 0.0F, NULL), TARE_OK);
    return cache;
}

static void expect_file(const char *want)
{
    uint8_t *bytes;
    size_t n;
    assert_int_equal(tare_file_read(path, 1 << 20, &bytes, &n, NULL), TARE_OK);
    assert_string_equal((const char *)bytes, want);
    tare_free(bytes);
}

static void writes_json(void **state)
{
    struct tare_cache *cache = sample("MinMaxCalibration");
    (void)state;
    assert_int_equal(tare_cache_export(cache, "json", NULL, 0, path, NULL), TARE_OK);
    expect_file("{\n  \"input:0\": {\"amax\": 1, \"scale\": 0.00787401572},\n"
                "  \"a \\\"b\\\"\\\\\": {\"amax\": 3.14159274, \"scale\": "
                "0.0247369502},\n  \"zero\": {\"amax\": 0, \"scale\": 0}\n}\n");
    tare_cache_destroy(cache);
}

static void writes_onnxruntimes_json(void **state)
{
    struct tare_cache *cache;
    (void)state;
    assert_int_equal(tare_cache_create(NULL, "EntropyCalibration2", &cache, NULL),
                     TARE_OK);
    assert_int_equal(tare_cache_set(cache, "x", 2.5F, NULL), TARE_OK);
    assert_int_equal(tare_cache_export(cache, "onnxruntime", NULL, 0, path, NULL),
                     TARE_OK);
    expect_file(
        "{\"CLS\": \"TensorsData\", \"data\": {\"x\": {\"CLS\": \"TensorData\", "
        "\"lowest\": {\"data\": -2.5, \"dtype\": \"float32\", \"CLS\": "
        "\"numpy.array\"}, \"highest\": {\"data\": 2.5, \"dtype\": \"float32\", "
        "\"CLS\": \"numpy.array\"}}}, \"calibration_method\": {\"CLS\": "
        "\"CalibrationMethod\", \"value\": \"CalibrationMethod.Entropy\"}}\n");
    tare_cache_destroy(cache);
}

static void reads_back_what_it_writes(void **state)
{
    static const char *const formats[] = {"tensorrt", "json", "onnxruntime"};
    (void)state;
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        struct tare_cache *cache = sample("EntropyCalibration2"), *back;
        assert_int_equal(tare_cache_export(cache, formats[f], NULL, 0, path, NULL),
                         TARE_OK);
        assert_int_equal(tare_cache_read_ranges(path, &back, NULL), TARE_OK);
        assert_int_equal(tare_cache_count(back), tare_cache_count(cache));
        for (size_t i = 0; i < tare_cache_count(cache); i++) {
            assert_string_equal(tare_cache_name(back, i), tare_cache_name(cache, i));
            const float a = tare_cache_scale(cache, i), b = tare_cache_scale(back, i);
            assert_memory_equal(&a, &b, sizeof a);
        }
        tare_cache_destroy(back);
        tare_cache_destroy(cache);
    }
}

static void reads_the_forms_of_others(void **state)
{
    static const struct {
        const char *text;
        float amax;
    } files[] = {
        {"{\"x\": [-1.5, 2.5]}", 2.5F},
        {"{\"x\": [-3, 2.5]}", 3.0F},
        {"{\"x\": 4}", 4.0F},
        {"{\"x\": {\"amax\": 5}}", 5.0F},
        {"{\"CLS\": \"TensorsData\", \"data\": {\"x\": {\"CLS\": \"TensorData\", "
         "\"lowest\": {\"data\": [-7.0], \"CLS\": \"numpy.array\"}, \"highest\": "
         "{\"data\": [6.0], \"CLS\": \"numpy.array\"}}}}",
         7.0F},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct tare_cache *cache;
        struct tare_error err = {TARE_OK, ""};
        float amax = -1.0F;
        assert_int_equal(
            tare_file_write(path, files[i].text, strlen(files[i].text), NULL), TARE_OK);
        if (tare_cache_read_ranges(path, &cache, &err) != TARE_OK)
            fail_msg("%s: %s", files[i].text, err.text);
        assert_true(tare_cache_get(cache, "x", &amax));
        assert_true(amax > 0.99999F * files[i].amax && amax < 1.00001F * files[i].amax);
        tare_cache_destroy(cache);
    }
}

static void reads_what_a_report_has_seen(void **state)
{
    static const char text[] =
        "{\"tensors\": [{\"name\": \"x\", \"amax\": 5, \"threshold\": 2}, "
        "{\"name\": \"y\", \"amax\": null, \"threshold\": null}]}";
    static const char plain[] = "{\"x\": 1}";
    struct tare_cache *cache;
    struct tare_error err = {TARE_OK, ""};
    float amax = -1.0F;
    (void)state;
    assert_int_equal(tare_file_write(path, text, strlen(text), NULL), TARE_OK);
    assert_int_equal(tare_cache_read_ranges(path, &cache, NULL), TARE_OK);
    assert_true(tare_cache_get(cache, "x", &amax));
    assert_true(fabsf(amax - 2.0F) < 1e-5F);
    tare_cache_destroy(cache);
    assert_int_equal(tare_cache_read_seen(path, &cache, NULL), TARE_OK);
    assert_true(tare_cache_get(cache, "x", &amax));
    assert_true(fabsf(amax - 5.0F) < 1e-5F);
    assert_false(tare_cache_get(cache, "y", &amax));
    tare_cache_destroy(cache);
    assert_int_equal(tare_file_write(path, plain, strlen(plain), NULL), TARE_OK);
    assert_int_equal(tare_cache_read_seen(path, &cache, &err), TARE_E_FORMAT);
    assert_non_null(strstr(err.text, "not the report"));
    assert_null(cache);
}

static void refuses_other_json(void **state)
{
    static const char *const files[] = {
        "{\"x\": \"1\"}", "{\"x\": [1]}", "{\"x\": -1}",          "{\"x\": 1e39}",
        "[1, 2]",         "{\"x\": {}}",  "{\"x\": 1, \"x\": 1}", "{\"x\": 1",
        "{\"x\": true}",  "{\"\": 1.0}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct tare_cache *cache;
        assert_int_equal(tare_file_write(path, files[i], strlen(files[i]), NULL),
                         TARE_OK);
        if (tare_cache_read_ranges(path, &cache, NULL) == TARE_OK)
            fail_msg("%s is accepted", files[i]);
        assert_null(cache);
    }
}

static void writes_ncnns_table(void **state)
{
    static const float conv[] = {0.5F, 1.0F, 0.0F, 2.0F}, fc[] = {12.7F, 1.27F};
    static const struct tare_model_weights layers[] = {
        {"conv", "input:0", 4, 1, conv, 0, NULL},
        {"grouped", "input:0", 4, 2, conv, 0, NULL},
        {"silent", "zero", 4, 1, conv, 0, NULL},
        {"fc", "a \"b\"\\", 2, 1, fc, 0, NULL},
    };
    struct tare_cache *cache = sample("MinMaxCalibration");
    (void)state;
    assert_int_equal(tare_cache_export(cache, "ncnn", layers, 4, path, NULL), TARE_OK);
    expect_file("conv_param_0 254 127 1 63.5\n"
                "grouped_param_0 127 63.5\n"
                "fc_param_0 10 100\n"
                "conv 127\n"
                "grouped 127\n"
                "fc 40.425354\n");
    tare_cache_destroy(cache);
}

static void refuses_what_ncnn_cannot_read(void **state)
{
    static const float amax[] = {1.0F};
    static const struct tare_model_weights blank = {"a b", "input:0", 1,   1,
                                                    amax,  0,         NULL};
    struct tare_cache *cache = sample("MinMaxCalibration");
    struct tare_error err = {TARE_OK, ""};
    (void)state;
    assert_int_equal(tare_cache_export(cache, "ncnn", &blank, 1, path, &err),
                     TARE_E_ARG);
    assert_non_null(strstr(err.text, "'a b'"));
    assert_int_equal(tare_cache_export(cache, "ncnn", NULL, 0, path, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "--onnx"));
    assert_int_equal(tare_cache_export(cache, "csv", NULL, 0, path, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "onnxruntime"));
    tare_cache_destroy(cache);
}

static void survives_failed_allocations(void **state)
{
    static const float amax[] = {1.0F};
    static const struct tare_model_weights layer = {"conv", "input:0", 1,   1,
                                                    amax,   0,         NULL};
    static const char *const formats[] = {"tensorrt", "json", "onnxruntime", "ncnn"};
    struct tare_cache *cache = sample("EntropyCalibration2");
    (void)state;
    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        const bool is_read = strcmp(formats[f], "ncnn") != 0;
        enum tare_status st = TARE_E_NOMEM;
        int64_t n = 0;
        for (; st != TARE_OK; n++) {
            struct tare_cache *back = NULL;
            struct tare_error err = {TARE_OK, ""};
            tare_alloc_fail_after(n);
            st = tare_cache_export(cache, formats[f], &layer, 1, path, &err);
            if (st == TARE_OK && is_read)
                st = tare_cache_read_ranges(path, &back, &err);
            tare_alloc_fail_after(-1);
            if (st != TARE_OK &&
                (st != TARE_E_NOMEM || err.code != TARE_E_NOMEM || back))
                fail_msg("%s, allocation %d: %s", formats[f], (int)n, err.text);
            tare_cache_destroy(back);
        }
        assert_true(n > 1);
    }
    tare_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_json),
        cmocka_unit_test(writes_onnxruntimes_json),
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(reads_the_forms_of_others),
        cmocka_unit_test(reads_what_a_report_has_seen),
        cmocka_unit_test(refuses_other_json),
        cmocka_unit_test(writes_ncnns_table),
        cmocka_unit_test(refuses_what_ncnn_cannot_read),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
