/* Recovery files: the same comes back, damage of any kind is refused. */
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

#include "api/recovery.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

static char folder[] = "/tmp/tare-recovery-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof path, "%s/x.recovery", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails when a temporary file was left */
}

static struct tare_recovery *example(void)
{
    static const float bias[2] = {0.5f, -3.0f}, scales[3] = {0.1f, 0.2f, 0.3f};
    static const int8_t weights[6] = {-127, 127, 0, 1, 2, -3};
    static const float factors[2] = {0.25f, 1.5f};
    struct tare_recovery *r = tare_recovery_create(11, 22);
    assert_non_null(r);
    assert_true(
        tare_recovered_set(tare_recovery_add(r, "conv1", 2, 9), bias, NULL, NULL));
    assert_true(
        tare_recovered_set(tare_recovery_add(r, "fc", 3, 2), NULL, weights, scales));
    assert_true(tare_recovered_rescale(tare_recovery_add(r, "ln", 2, 1), factors));
    return r;
}

static uint8_t *example_bytes(size_t *n)
{
    uint8_t *bytes;
    struct tare_recovery *r = example();
    assert_int_equal(tare_recovery_write(r, path, NULL), TARE_OK);
    tare_recovery_destroy(r);
    assert_int_equal(tare_file_read(path, 1 << 20, &bytes, n, NULL), TARE_OK);
    return bytes;
}

/* Read `n` bytes as a file; "" or the error's text. */
static const char *read_bytes(const uint8_t *bytes, size_t n)
{
    static struct tare_error err;
    struct tare_recovery *r;
    assert_int_equal(tare_file_write(path, bytes, n, NULL), TARE_OK);
    err = (struct tare_error){0};
    if (tare_recovery_read(path, &r, &err) == TARE_OK) {
        tare_recovery_destroy(r);
        return "";
    }
    assert_null(r);
    return err.text;
}

/* The same after making the checksum right again. */
static const char *read_forged(uint8_t *bytes, size_t n)
{
    const uint64_t hash = tare_hash64(bytes, n - sizeof hash);
    memcpy(bytes + n - sizeof hash, &hash, sizeof hash);
    return read_bytes(bytes, n);
}

static void comes_back(void **state)
{
    size_t n, n_again;
    struct tare_recovery *r;
    struct tare_recovery_layer layer;
    (void)state;
    uint8_t *bytes = example_bytes(&n), *again;
    /* header, three layers as documented, hash */
    assert_int_equal(n, 32 + (16 + 5 + 8) + (16 + 2 + 12 + 6) + (16 + 2 + 8) + 8);
    assert_int_equal(tare_recovery_read(path, &r, NULL), TARE_OK);
    assert_int_equal(r->model, 11);
    assert_int_equal(r->ranges, 22);
    assert_int_equal(tare_recovery_count(r), 3);
    tare_recovery_get(r, 0, &layer);
    assert_string_equal(layer.name, "conv1");
    assert_int_equal(layer.n_channels, 2);
    assert_true(layer.bias[1] == -3.0f);
    assert_null(layer.weights);
    tare_recovery_get(r, 1, &layer);
    assert_null(layer.bias);
    assert_int_equal(layer.weights[5], -3);
    assert_true(layer.scales[2] == 0.3f);
    assert_null(layer.factors);
    tare_recovery_get(r, 2, &layer);
    assert_string_equal(layer.name, "ln");
    assert_null(layer.bias);
    assert_null(layer.weights);
    assert_true(layer.factors[0] == 0.25f && layer.factors[1] == 1.5f);
    assert_ptr_equal(tare_recovery_find_rescaled(r, "ln.rescaled"),
                     tare_recovery_find(r, "ln"));
    assert_int_equal(tare_recovery_write(r, path, NULL), TARE_OK);
    assert_int_equal(tare_file_read(path, 1 << 20, &again, &n_again, NULL), TARE_OK);
    assert_int_equal(n, n_again);
    assert_memory_equal(bytes, again, n);
    tare_free(bytes);
    tare_free(again);
    tare_recovery_destroy(r);
}

static void flipped_bits_are_refused(void **state)
{
    size_t n;
    (void)state;
    uint8_t *bytes = example_bytes(&n);
    for (size_t i = 0; i < n * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        if (read_bytes(bytes, n)[0] == '\0') fail_msg("bit %zu went unnoticed", i);
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_string_equal(read_bytes(bytes, n), "");
    tare_free(bytes);
}

static void cut_files_are_refused(void **state)
{
    size_t n;
    (void)state;
    uint8_t *bytes = example_bytes(&n);
    for (size_t i = 0; i < n; i++) {
        if (read_bytes(bytes, i)[0] == '\0') fail_msg("%zu bytes were taken", i);
        uint8_t *cut = malloc(n);
        memcpy(cut, bytes, i);
        if (i >= 8 && read_forged(cut, i)[0] == '\0') fail_msg("forged %zu", i);
        free(cut);
    }
    tare_free(bytes);
}

/* Every byte changed, with a checksum that fits: never a crash, and what must be wrong
 * is refused. */
static void forged_files_do_no_harm(void **state)
{
    size_t n;
    (void)state;
    uint8_t *bytes = example_bytes(&n);
    for (size_t i = 0; i + 8 < n; i++)
        for (int v = 0; v < 256; v += 51) {
            const uint8_t was = bytes[i];
            bytes[i] = (uint8_t)v;
            (void)read_forged(bytes, n);
            bytes[i] = was;
        }
    static const struct {
        size_t at;
        uint32_t value;
        const char *says;
    } cases[] = {
        {0, 0, "not a recovery file"},
        {8, 1, "version 1, want 2"},
        {12, 2, "something follows"},
        {12, 4, "is cut"},
        {32, 0, "header is invalid"},
        {32, UINT32_MAX, "header is invalid"},
        {36, 8, "header is invalid"},
        {40, 0, "header is invalid"},
        {40, UINT32_MAX, "is cut"},
        {48, 0, "header is invalid"}, /* NUL in the name */
        {53, 0x7f800000, "not finite"},
        {79, 0, "out of range"},          /* scale 0 */
        {91, 0x80808080, "out of range"}, /* weights of -128 */
        {115, 0, "factor is out of range"},
        {115, 0x49800000, "factor is out of range"}, /* 2^20 */
        {119, 0x7fc00000, "factor is out of range"}, /* NaN */
        {105, UINT32_MAX, "factors are cut"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t was[4];
        memcpy(was, bytes + cases[i].at, 4);
        memcpy(bytes + cases[i].at, &cases[i].value, 4);
        const char *text = read_forged(bytes, n);
        if (!strstr(text, cases[i].says))
            fail_msg("case %zu: '%s', want '%s'", i, text, cases[i].says);
        memcpy(bytes + cases[i].at, was, 4);
    }
    tare_free(bytes);
}

static void failing_allocations_leave_nothing(void **state)
{
    size_t n;
    struct tare_recovery *r;
    (void)state;
    tare_free(example_bytes(&n));
    for (int64_t i = 0;; i++) {
        tare_alloc_fail_after(i);
        const enum tare_status st = tare_recovery_read(path, &r, NULL);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_null(r);
        assert_true(i < 100);
    }
    tare_recovery_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(flipped_bits_are_refused),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(forged_files_do_no_harm),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests_name("recovery_file", tests, make_folder,
                                       remove_folder);
}
