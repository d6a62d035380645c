/* TensorRT's calibration cache: its numbers, its text, and text that is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "tare/cache.h"

static char folder[] = "/tmp/tare-cache-XXXXXX";
static char file_path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(file_path, sizeof file_path, "%s/x.cache", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(file_path);
    return rmdir(folder); /* fails when a temporary file was left */
}

static struct tare_cache *new_cache(void)
{
    struct tare_cache *cache;
    assert_int_equal(tare_cache_create(NULL, "EntropyCalibration2", &cache, NULL),
                     TARE_OK);
    return cache;
}

static void put(const char *text, size_t n)
{
    assert_int_equal(tare_file_write(file_path, text, n, NULL), TARE_OK);
}

static struct tare_cache *read_text(const char *text)
{
    struct tare_cache *cache;
    struct tare_error err = {TARE_OK, ""};
    put(text, strlen(text));
    if (tare_cache_read(file_path, &cache, &err) != TARE_OK) fail_msg("%s", err.text);
    return cache;
}

static void expect_file(const char *want)
{
    uint8_t *bytes;
    size_t n;
    assert_int_equal(tare_file_read(file_path, 1 << 26, &bytes, &n, NULL), TARE_OK);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(bytes, want, n);
    tare_free(bytes);
}

static void scales_are_tensorrts(void **state)
{
    struct tare_cache *cache = new_cache();
    (void)state;
    tare_cache_set(cache, "one", 1.0F, NULL);
    tare_cache_set(cache, "entropy", 2048.5F / 2048, NULL);
    tare_cache_set(cache, "2040", 2040.5F / 2048, NULL);
    tare_cache_set(cache, "2047", 2047.5F / 2048, NULL);
    tare_cache_set(cache, "255", 255 * 2048.5F / 2048, NULL);
    tare_cache_set(cache, "32", 32 * 2048.5F / 2048, NULL);
    tare_cache_set(cache, "half", 0.5F * 2048.5F / 2048, NULL);
    tare_cache_set(cache, "below", nextafterf(0.5F, 0.0F) * 2048.5F / 2048, NULL);
    tare_cache_set(cache, "zero", 0.0F, NULL);
    assert_int_equal(tare_cache_write(cache, file_path, NULL), TARE_OK);
    tare_cache_destroy(cache);
    expect_file("TRT-8601-EntropyCalibration2\n"
                "one: 3c010204\n"
                "entropy: 3c010a14\n"
                "2040: 3c008912\n"
                "2047: 3c00f9f4\n"
                "255: 4000890a\n"
                "32: 3e810a14\n"
                "half: 3b810a14\n"
                "below: 3b810a13\n"
                "zero: 00000000\n");
}

static void reads_caches_by_tensorrt(void **state)
{
    static const struct {
        const char *text, *version, *algorithm, *name;
        float amax;
    } files[] = {
        {"TRT-8600-EntropyCalibration2\nimages: 3c00f9f4\n/model.0/act/Mul_output_0: "
         "3e6c9314\n",
         "TRT-8600", "EntropyCalibration2", "/model.0/act/Mul_output_0", 29.340786F},
        {"TRT-100300-MinMaxCalibration\nimages: 3c010204\noutput0: 40b7daf4\n",
         "TRT-100300", "MinMaxCalibration", "output0", 729.67566F},
        {"TRT-100001-EntropyCalibration2\ninputT0: 3ebfcfb9\n(Unnamed Layer* 0) "
         "[PluginV3_V3ONE]_output: 3ec3d80a\n",
         "TRT-100001", "EntropyCalibration2",
         "(Unnamed Layer* 0) [PluginV3_V3ONE]_output", 48.578468F},
        {"TRT-7103-EntropyCalibration\r\na: b: 4000889d\r\n\r\n", "TRT-7103",
         "EntropyCalibration", "a: b", 255.05895F},
        {"TRT-8XXX-EntropyCalibration2\n371: 3caa54fc\n366: 0\nx:0: 3C010204",
         "TRT-8XXX", "EntropyCalibration2", "x:0", 1.0F},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct tare_cache *cache = read_text(files[i].text);
        float amax = -1;
        assert_string_equal(tare_cache_version(cache), files[i].version);
        assert_string_equal(tare_cache_algorithm(cache), files[i].algorithm);
        assert_true(tare_cache_get(cache, files[i].name, &amax));
        assert_true(fabsf(amax / files[i].amax - 1) < 1e-6F);
        assert_string_equal(tare_cache_name(cache, tare_cache_count(cache) - 1),
                            files[i].name);
        tare_cache_destroy(cache);
    }
    struct tare_cache *cache = read_text(files[4].text);
    float amax = -1;
    assert_true(tare_cache_get(cache, "366", &amax) && amax == 0.0F);
    assert_int_equal(tare_cache_count(cache), 3);
    tare_cache_destroy(cache);
}

static void reading_and_writing_gives_the_same_bytes(void **state)
{
    static const char text[] = "TRT-8205-EntropyCalibration2\n"
                               "input: 3b810a13\ninput.1: 3c96d93c\n"
                               "a: b: c: 3f9849a2\n tab\there : 414c3baa\n"
                               "\xC3\xA9t\xC3\xA9: 00800000\n";
    (void)state;
    struct tare_cache *cache = read_text(text);
    assert_int_equal(tare_cache_count(cache), 5);
    put("something else", 14);
    assert_int_equal(tare_cache_write(cache, file_path, NULL), TARE_OK);
    expect_file(text);
    tare_cache_destroy(cache);
}

static void refuses_malformed_files(void **state)
{
#define HEADER "TRT-8601-EntropyCalibration2\n"
    static const struct {
        const char *text;
        size_t n; /* 0: strlen */
        const char *want;
    } cases[] = {
        {"", 0, ": empty file"},
        {"FOO\na: 3c010204\n", 0,
         ":1: 'FOO' is not a TensorRT calibration header, want "
         "TRT-<version>-<algorithm>"},
        {"TRT-8601\na: 3c010204\n", 0, ":1: 'TRT-8601' is not"},
        {"TRT--EntropyCalibration2\n", 0, ":1: 'TRT--Entropy"},
        {"TRT-8601-\n", 0, ":1: 'TRT-8601-' is not"},
        {"TRT-8601-Entropy Calibration\n", 0, ":1: 'TRT-8601-Entropy Calibration' is"},
        {"\x1b[31mTRT", 0, ":1: '?[31mTRT' is not"},
        {HEADER "a 3c010204\n", 0,
         ":2: 'a 3c010204' is not '<tensor name>: <hex scale>'"},
        {HEADER "a:3c010204\n", 0, ":2: 'a:3c010204' is not"},
        {HEADER "a: 3c010204\nb: 3c0102zz\n", 0,
         ":3: tensor 'b': scale '3c0102zz', want"},
        {HEADER "a: 3c0102041\n", 0, ":2: tensor 'a': scale '3c0102041', want 8 hex"},
        {HEADER "a: \n", 0, ":2: tensor 'a': scale '', want 8 hex"},
        {HEADER "a: 0x3c01\n", 0, ":2: tensor 'a': scale '0x3c01', want 8 hex"},
        {HEADER "a: 3c010204 \n", 0, ":2: tensor 'a': scale '3c010204 ', want 8 hex"},
        {HEADER "a: bf800000\n", 0, "scale 'bf800000' is -1, want finite and >= 0"},
        {HEADER "a: 80000000\n", 0, "scale '80000000' is -0, want finite and >= 0"},
        {HEADER "a: 7f800000\n", 0, "scale '7f800000' is inf"},
        {HEADER "a: 7fc00000\n", 0, "scale '7fc00000' is nan"},
        {HEADER "a: 3c010204\nb: 0\na: 3c010204\n", 0, ":4: tensor 'a' comes a second"},
        {HEADER ": 3c010204\n", 0, ":2: tensor name of 0 bytes"},
        {HEADER "a\rb: 3c010204\n", 0, ":2: tensor name with a line break"},
        {HEADER "a: 3c010204\n\nb: 3c010204\n", 0, ":3: a blank line between"},
        {HEADER "a\0b: 3c010204\n", sizeof HEADER + 14, ":2: a NUL byte in 'a'"},
        {"TRT-8601-A\0B\n", 13, ":1: 'TRT-8601-A' is not"},
    };
#undef HEADER
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_error err = {TARE_OK, ""};
        struct tare_cache *cache = NULL;
        put(cases[i].text, cases[i].n ? cases[i].n : strlen(cases[i].text));
        assert_int_equal(tare_cache_read(file_path, &cache, &err), TARE_E_FORMAT);
        assert_null(cache);
        assert_int_equal(err.code, TARE_E_FORMAT);
        if (strncmp(err.text, file_path, strlen(file_path)) != 0 ||
            !strstr(err.text, cases[i].want))
            fail_msg("got '%s', want '%s'", err.text, cases[i].want);
        assert_int_equal(tare_cache_read(file_path, &cache, NULL), TARE_E_FORMAT);
    }
}

/* `n` bytes of `c` as a name. */
static char *long_name(size_t n)
{
    char *name = tare_alloc(n + 1);
    assert_non_null(name);
    memset(name, 'n', n);
    name[n] = '\0';
    return name;
}

static void bounds_names_and_counts(void **state)
{
    struct tare_error err;
    struct tare_cache *cache = new_cache();
    char *fits = long_name(TARE_CACHE_NAME_MAX);
    char *longer = long_name(TARE_CACHE_NAME_MAX + 1);
    (void)state;
    assert_int_equal(tare_cache_set(cache, fits, 1.0F, &err), TARE_OK);
    assert_int_equal(tare_cache_set(cache, longer, 1.0F, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "4097 bytes, want 1 to 4096"));
    assert_int_equal(tare_cache_set(cache, "a\nb", 1.0F, &err), TARE_E_ARG);
    assert_int_equal(tare_cache_write(cache, file_path, &err), TARE_OK);
    tare_cache_destroy(cache);
    assert_int_equal(tare_cache_read(file_path, &cache, &err), TARE_OK);
    assert_string_equal(tare_cache_name(cache, 0), fits);
    tare_cache_destroy(cache);
    tare_free(fits);
    tare_free(longer);

    struct tare_text text = {0};
    tare_text_add(&text, "TRT-8601-MinMaxCalibration\n");
    for (size_t i = 0; i <= 1 << 20; i++)
        tare_text_add(&text, "%zx: 0\n", i);
    put(text.data, text.length);
    tare_text_free(&text);
    assert_int_equal(tare_cache_read(file_path, &cache, &err), TARE_E_FORMAT);
    assert_non_null(strstr(err.text, ":1048578: more than 1048576 tensors"));
}

static void keeps_order_and_replaces(void **state)
{
    enum { N = 5000 };
    struct tare_cache *cache = new_cache();
    char name[16];
    float amax;
    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "t%d", (i * 7919) % N);
        assert_int_equal(tare_cache_set(cache, name, (float)i, NULL), TARE_OK);
    }
    tare_cache_set(cache, "t0", 127 * 3.0F, NULL);
    assert_int_equal(tare_cache_count(cache), N);
    assert_true(tare_cache_scale(cache, 0) == 3.0F);
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "t%d", (i * 7919) % N);
        assert_string_equal(tare_cache_name(cache, (size_t)i), name);
        assert_true(tare_cache_get(cache, name, &amax));
        assert_true(amax == tare_cache_amax(cache, (size_t)i));
        if (i > 0) assert_true(fabsf(amax - (float)i) <= (float)i * FLT_EPSILON);
    }
    assert_false(tare_cache_get(cache, "t5000", &amax));
    tare_cache_destroy(cache);
}

static void ranges_stay_finite(void **state)
{
    struct tare_cache *cache = new_cache();
    struct tare_error err;
    float amax = -1;
    (void)state;
    assert_false(tare_cache_get(cache, "none", &amax)); /* empty: no table yet */
    tare_cache_set(cache, "huge", FLT_MAX, NULL);
    assert_true(tare_cache_get(cache, "huge", &amax) && amax > 0.99F * FLT_MAX);
    assert_true(isfinite(amax));
    tare_cache_set(cache, "tiny", 126 * FLT_MIN, NULL);
    assert_true(tare_cache_get(cache, "tiny", &amax) && amax == 0.0F);
    tare_cache_set(cache, "small", 127 * FLT_MIN, NULL);
    assert_true(tare_cache_get(cache, "small", &amax) && amax == 127 * FLT_MIN);
    assert_true(isfinite(1 / tare_cache_scale(cache, 2)));
    assert_int_equal(tare_cache_set(cache, "x", -1.0F, &err), TARE_E_ARG);
    assert_string_equal(err.text, "tensor 'x': range -1, want finite and >= 0");
    assert_int_equal(tare_cache_set(cache, "x", NAN, &err), TARE_E_ARG);
    assert_int_equal(tare_cache_set(cache, "x", INFINITY, &err), TARE_E_ARG);
    assert_int_equal(tare_cache_count(cache), 3);
    tare_cache_destroy(cache);
}

static void header_is_checked(void **state)
{
    static const char *const bad[][2] = {
        {"8601", "X"},    {"TRT-", "X"},       {"TRT-8 6", "X"},  {"TRT-8-6", "X"},
        {"TRT-8601", ""}, {"TRT-8601", "A-B"}, {"TRT-86\n", "X"}, {"TRT-8601", "A\n"}};
    struct tare_cache *cache;
    struct tare_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(tare_cache_create(bad[i][0], bad[i][1], &cache, &err),
                         TARE_E_ARG);
        assert_null(cache);
    }
    assert_int_equal(tare_cache_create("TRT-10.3", "My_2", &cache, &err), TARE_OK);
    tare_cache_destroy(cache);
    tare_cache_destroy(NULL);
}

static void suggests_the_nearest_name(void **state)
{
    struct tare_cache *cache = new_cache();
    (void)state;
    assert_null(tare_cache_nearest(cache, "conv1"));
    tare_cache_set(cache, "input", 1.0F, NULL);
    tare_cache_set(cache, "/conv1/Conv_output_0", 1.0F, NULL);
    tare_cache_set(cache, "/conv2/Conv_output_0", 1.0F, NULL);
    assert_string_equal(tare_cache_nearest(cache, "/conv2/Conv_output"),
                        "/conv2/Conv_output_0");
    assert_string_equal(tare_cache_nearest(cache, "inputs"), "input");
    assert_null(tare_cache_nearest(cache, "logits"));
    tare_cache_destroy(cache);
}

static void reports_what_the_system_refuses(void **state)
{
    struct tare_cache *cache;
    struct tare_error err;
    (void)state;
    assert_int_equal(tare_cache_read("/nonexistent/x.cache", &cache, &err), TARE_E_IO);
    assert_null(cache);
    cache = new_cache();
    assert_int_equal(tare_cache_write(cache, "/nonexistent/x.cache", &err), TARE_E_IO);
    assert_non_null(strstr(err.text, "/nonexistent/x.cache: cannot create"));
    tare_cache_destroy(cache);
}

static enum tare_status read_change_write(struct tare_error *err)
{
    struct tare_cache *cache;
    enum tare_status st = tare_cache_read(file_path, &cache, err);
    for (int i = 0; i < 100 && st == TARE_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "new %d", i);
        st = tare_cache_set(cache, name, 1.0F, err);
    }
    if (st == TARE_OK) st = tare_cache_write(cache, file_path, err);
    tare_cache_destroy(cache);
    return st;
}

static void survives_failed_allocations(void **state)
{
    static const char text[] =
        "TRT-8601-EntropyCalibration2\na: 3c010204\nb: 3c010204\n";
    int64_t n = 0;
    enum tare_status st = TARE_E_NOMEM;
    (void)state;
    put(text, sizeof text - 1);
    for (; st != TARE_OK; n++) {
        struct tare_error err = {TARE_OK, ""};
        expect_file(text);
        tare_alloc_fail_after(n);
        st = read_change_write(&err);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && err.code == TARE_E_NOMEM));
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_are_tensorrts),
        cmocka_unit_test(reads_caches_by_tensorrt),
        cmocka_unit_test(reading_and_writing_gives_the_same_bytes),
        cmocka_unit_test(refuses_malformed_files),
        cmocka_unit_test(bounds_names_and_counts),
        cmocka_unit_test(keeps_order_and_replaces),
        cmocka_unit_test(ranges_stay_finite),
        cmocka_unit_test(header_is_checked),
        cmocka_unit_test(suggests_the_nearest_name),
        cmocka_unit_test(reports_what_the_system_refuses),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
