/* The wrong caches that are found in the wild, each made from right ones. */
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
#include "tare/cache_check.h"

static char path[] = "/tmp/tare-check-XXXXXX";

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

/* Findings, one a line. */
static char found[4096];

static void keep(void *ctx, const char *text)
{
    (void)ctx;
    const size_t used = strlen(found);
    (void)snprintf(found + used, sizeof found - used, "%s\n", text);
}

static size_t check(const char *text, const struct tare_cache_facts *facts)
{
    size_t n;
    struct tare_error err = {TARE_OK, ""};
    found[0] = '\0';
    assert_int_equal(tare_file_write(path, text, strlen(text), NULL), TARE_OK);
    if (tare_cache_check(path, facts, keep, NULL, &n, &err) != TARE_OK)
        fail_msg("%s", err.text);
    return n;
}

static void expect_right(const char *text, const struct tare_cache_facts *facts)
{
    if (check(text, facts) != 0) fail_msg("%s finds: %s", text, found);
}

static void expect_finding(const char *text, const struct tare_cache_facts *facts,
                           const char *part)
{
    const size_t n = check(text, facts);
    if (n == 0 || !strstr(found, part))
        fail_msg("%s finds %zu: %s, want '%s'", text, n, found, part);
}

/* Lines of published files. */
static void published_caches_are_right(void **state)
{
    static const char *const files[] = {
        "TRT-8600-EntropyCalibration2\nimages: 3c00f9f4\n"
        "/model.0/act/Mul_output_0: 3e6c9314\n",
        "TRT-7000-EntropyCalibration2\ninput_1: 3c010a14\nconv1/convolution: "
        "3ceb0a2e\n",
        "TRT-7000-EntropyCalibration2\nInput: 3c948aaf\n"
        "(Unnamed Layer* 559) [Shuffle]_output: 3bc9d54f\n",
        "TRT-7000-EntropyCalibration2\nInput: 3f9849a2\nconv1/convolution: 414c3baa\n",
        "TRT-100001-EntropyCalibration2\ninputT0: 3ebfcfb9\n"
        "(Unnamed Layer* 0) [PluginV3_V3ONE]_output: 3ec3d80a\n",
        "TRT-8510-EntropyCalibration2\nx: 4000890a\n/conv1/Conv_output_0: 3f9db09c\n",
        "TRT-8205-EntropyCalibration2\ninput: 3b810a13\ninput.1: 3c96d93c\n",
        "TRT-7000-EntropyCalibration2\ndata: 3c008912\nconv1: 3c88edfc\n"
        "prob: 3c010a14\n",
        "TRT-100300-MinMaxCalibration\nimages: 3c010204\noutput0: 40b7daf4\n",
        "TRT-7103-EntropyCalibration2\ndata_0: 4000889d\n",
        "TRT-7103-EntropyCalibration2\n(Unnamed ITensor* 38): 3c3604b4\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        expect_right(files[i], NULL);
}

/* Peaks of six networks: ImageNet's normalisation, raw pixels with BatchNormalization,
 * raw pixels without, pixels in -1..1, raw pixels of digits, pixels in 0..1. */
enum { N_TENSORS = 8 };
static const double networks[][N_TENSORS] = {
    {2.64, 21.3, 7.5, 4.4, 7.5, 17.7, 32.9, 6.2},
    {255, 534.8, 12.4, 24.4, 3.9, 11.5, 8.7, 1.0},
    {151, 612, 612, 960, 1600, 2017, 334.5, 0.99996525},
    {1.0, 66, 6.0, 12.1, 6.0, 141.6, 5.9, 0.9924},
    {252.04, 1354.6, 771.04, 2641.9, 2642.1, 1810, 1810, 2317.4},
    {0.99996, 2.323, 2.8174, 2.6557, 4.0244, 1.7154, 1.7154, 1.7154},
};
enum { N_NETWORKS = sizeof networks / sizeof networks[0] };
static const char *const names[N_TENSORS] = {"input", "conv1", "relu1", "conv2",
                                             "relu2", "add",   "fc",    "prob"};

static uint32_t bits_of(double scale)
{
    const float value = (float)scale;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t right(double peak)
{
    return bits_of(peak / 127);
}
static uint32_t inverted(double peak)
{
    return bits_of(127 / peak);
}
static uint32_t undivided(double peak)
{
    return bits_of(peak);
}
static uint32_t little_endian(double peak)
{
    const uint32_t b = right(peak);
    return b << 24 | (b & 0xFF00U) << 8 | (b >> 8 & 0xFF00U) | b >> 24;
}
static uint32_t inverse_peak(double peak)
{
    return bits_of(1 / peak);
}
static uint32_t of_255(double peak)
{
    return bits_of(peak / 255);
}

static const char *write_cache(const double *peaks, double clip,
                               uint32_t (*bits)(double))
{
    static char text[1024];
    int used = snprintf(text, sizeof text, "TRT-8601-EntropyCalibration2\n");
    for (size_t i = 0; i < N_TENSORS; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%s: %08lx\n",
                         names[i], (unsigned long)bits(clip * peaks[i]));
    return text;
}

static const struct {
    uint32_t (*bits)(double);
    const char *part;
    bool needs_facts;
} wrong[] = {
    {inverted, "127 / peak (1 / scale)", false},
    {undivided, "not divided by 127", false},
    {little_endian, "little-endian", false},
    {inverse_peak, "1 / peak, want", true},
    {of_255, "peak / 255", true},
};
enum { N_WRONG = sizeof wrong / sizeof wrong[0] };

static void wrong_scales_are_named(void **state)
{
    (void)state;
    for (size_t n = 0; n < N_NETWORKS; n++)
        for (int clip = 0; clip < 2; clip++) {
            const double share = clip ? 0.99 : 1.0;
            expect_right(write_cache(networks[n], share, right), NULL);
            for (size_t k = 0; k < N_WRONG; k++)
                if (!wrong[k].needs_facts)
                    expect_finding(write_cache(networks[n], share, wrong[k].bits), NULL,
                                   wrong[k].part);
        }
}

static void wrong_scales_are_named_by_facts(void **state)
{
    (void)state;
    for (size_t n = 0; n < N_NETWORKS; n++) {
        struct tare_cache_known seen[N_TENSORS];
        for (size_t i = 0; i < N_TENSORS; i++)
            seen[i] =
                (struct tare_cache_known){names[i], (float)networks[n][i], true, true};
        const struct tare_cache_facts facts = {seen, N_TENSORS, true};
        expect_right(write_cache(networks[n], 1.0, right), &facts);
        for (size_t k = 0; k < N_WRONG; k++)
            expect_finding(write_cache(networks[n], 1.0, wrong[k].bits), &facts,
                           wrong[k].part);
    }
}

static void single_ranges_are_judged(void **state)
{
    static const struct tare_cache_known tensors[] = {
        {"input", 2.64F, true, true},
        {"conv1", 4.0F, true, true},
        {"prob", 1.0F, false, false},
    };
    const struct tare_cache_facts facts = {tensors, 3, true};
    (void)state;
    expect_right("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: 3d010204\n"
                 "prob: 3c010204\n",
                 &facts);
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: 3d010204\n"
                   "prob: 3c810204\n",
                   &facts, "'prob': range 2, but 1 is the largest that it can be");
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: 3d810204\n",
                   &facts, "'conv1': range 8, but 4 is the largest that was seen");
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: 38010204\n",
                   &facts, "'conv1': range 0.00390625, but 4 was seen");
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: bd010204\n",
                   NULL, "'conv1': scale bd010204 is negative or not finite");
}

static void names_are_compared_with_the_model(void **state)
{
    static const struct tare_cache_known tensors[] = {{"input", INFINITY, false, true},
                                                      {"conv1", INFINITY, false, true}};
    const struct tare_cache_facts facts = {tensors, 2, true};
    (void)state;
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv_1: 3d010204\n",
                   &facts, "no tensor 'conv_1'; the nearest is 'conv1'");
    assert_non_null(strstr(found, "no range for tensor 'conv1', which INT8 needs; is "
                                  "it 'conv_1'"));
    expect_finding("TRT-8601-MinMaxCalibration\ninput: 3caa4a58\nconv1: 3d010204\n"
                   "(Unnamed Layer* 3) [Shuffle]_output: 3d010204\n",
                   &facts, "TensorRT makes such names for layers without one");
    assert_null(strstr(found, "no range"));
}

static void lines_are_judged(void **state)
{
    static const struct {
        const char *text, *part;
    } files[] = {
        {"", "no header"},
        {"TRT-8601-EntropyCalibration2\n", "no scales"},
        {"input: 3caa4a58\n", "line 1: 'input: 3caa4a58' is no header"},
        {"TRT-8XXX-EntropyCalibration2\nx: 3c010204\n", "is a placeholder"},
        {"TRT-86-EntropyCalibration2\nx: 3c010204\n", "version 'TRT-86'"},
        {"TRT-110000-EntropyCalibration2\nx: 3c010204\n", "version 'TRT-110000'"},
        {"TRT-8601-KlCalibration\nx: 3c010204\n", "algorithm 'KlCalibration'"},
        {"TRT-8601-MinMaxCalibration\nx: 3c010204\nx: 3c010204\nx: 3c010204\n",
         "tensor 'x' comes more than once"},
        {"TRT-8601-MinMaxCalibration\nx: 0.00787\n", "line 2: tensor 'x': scale "
                                                     "'0.00787' is a decimal number"},
        {"TRT-8601-MinMaxCalibration\nx: 3c0102040\n", "want 8 hex digits"},
        {"TRT-8601-MinMaxCalibration\nx 3c010204\n", "line 2: 'x 3c010204' is not"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        expect_finding(files[i].text, NULL, files[i].part);
    assert_int_equal(check(files[7].text, NULL), 1);
}

static void headers_are_checked(void **state)
{
    static const char *const versions[] = {"TRT-5105", "TRT-7202", "TRT-8601",
                                           "TRT-100001", "TRT-101300"};
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        assert_int_equal(
            tare_cache_check_header(versions[i], "LegacyCalibration", NULL), TARE_OK);
    assert_int_equal(tare_cache_check_header("TRT-8601", "", NULL), TARE_E_ARG);
    assert_int_equal(tare_cache_check_header("8601", "MinMaxCalibration", NULL),
                     TARE_E_ARG);
}

static void survives_failed_allocations(void **state)
{
    static const struct tare_cache_known known[] = {{"input", 3.0F, true, true}};
    const struct tare_cache_facts facts = {known, 1, true};
    const char *text = write_cache(networks[0], 1.0, undivided);
    enum tare_status st = TARE_E_NOMEM;
    int64_t n = 0;
    (void)state;
    assert_int_equal(tare_file_write(path, text, strlen(text), NULL), TARE_OK);
    for (; st != TARE_OK; n++) {
        size_t n_findings;
        struct tare_error err = {TARE_OK, ""};
        assert_true(n < 100);
        found[0] = '\0';
        tare_alloc_fail_after(n);
        st = tare_cache_check(path, &facts, keep, NULL, &n_findings, &err);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || (st == TARE_E_NOMEM && *err.text));
    }
    assert_true(n > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_caches_are_right),
        cmocka_unit_test(wrong_scales_are_named),
        cmocka_unit_test(wrong_scales_are_named_by_facts),
        cmocka_unit_test(single_ranges_are_judged),
        cmocka_unit_test(names_are_compared_with_the_model),
        cmocka_unit_test(lines_are_judged),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
