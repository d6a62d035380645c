/* Observations in HDF5: what is written comes back to the byte, the same observations
 * give the same file, and damaged files are refused. */
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
#include "calibrators/observations.h"
#include "tests/kernels/check.h"
#include "tests/unit/showing.h"

enum { N_TENSORS = 3 };

static const char *const names[N_TENSORS] = {"input", "conv:1/out put", "dead"};

static enum tare_status run(void *ctx, int worker, size_t sample,
                            tare_observe_fn *observe, void *observe_ctx,
                            struct tare_error *err)
{
    float x[300];
    (void)ctx;
    (void)worker;
    (void)err;
    for (int i = 0; i < 300; i++)
        x[i] = (float)((i * 37 + (int)sample * 11) % 101 - 30) * 0.013F;
    show_values(observe, observe_ctx, 0, sample, x, 300);
    x[7] = sample == 5 ? NAN : 1e30F;
    show_values(observe, observe_ctx, 1, sample, x, 120);
    memset(x, 0, sizeof x);
    show_values(observe, observe_ctx, 2, sample, x, 50);
    return TARE_OK;
}

static struct tare_observations *observe(size_t n_samples)
{
    struct tare_observations *o;
    const struct tare_forward forward = {
        .n_workers = 2, .n_tensors = N_TENSORS, .names = names, .run = run};
    assert_int_equal(
        tare_observations_create(&forward, n_samples, NULL, NULL, &o, NULL), TARE_OK);
    return o;
}

static void temporary(char path[64])
{
    (void)snprintf(path, 64, "/tmp/tare-observations-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void check_equal(const struct tare_observations *a,
                        const struct tare_observations *b)
{
    assert_int_equal(a->n_samples, b->n_samples);
    assert_int_equal(a->n_tensors, b->n_tensors);
    for (size_t i = 0; i < a->n_tensors; i++) {
        assert_string_equal(a->tensors[i].name, b->tensors[i].name);
        assert_int_equal(a->tensors[i].first_bad_sample,
                         b->tensors[i].first_bad_sample);
        assert_memory_equal(&a->tensors[i].observer, &b->tensors[i].observer,
                            sizeof a->tensors[i].observer);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    char path[64];
    temporary(path);
    struct tare_observations *o = observe(9), *back, *again;
    uint8_t *first, *second;
    size_t n_first, n_second;
    assert_int_equal(tare_observations_write(o, path, NULL), TARE_OK);
    assert_int_equal(tare_observations_read(path, &back, NULL), TARE_OK);
    check_equal(o, back);
    assert_int_equal(tare_file_read(path, SIZE_MAX, &first, &n_first, NULL), TARE_OK);
    again = observe(9);
    assert_int_equal(tare_observations_write(again, path, NULL), TARE_OK);
    assert_int_equal(tare_file_read(path, SIZE_MAX, &second, &n_second, NULL), TARE_OK);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    tare_free(first);
    tare_free(second);
    tare_observations_destroy(o);
    tare_observations_destroy(back);
    tare_observations_destroy(again);
    unlink(path);
}

enum { N_MANY = 300 };

static enum tare_status run_many(void *ctx, int worker, size_t sample,
                                 tare_observe_fn *show, void *observe_ctx,
                                 struct tare_error *err)
{
    (void)ctx;
    (void)worker;
    (void)err;
    for (size_t i = 0; i < N_MANY; i++) {
        const float x[2] = {(float)i, -0.5F};
        show_values(show, observe_ctx, i, sample, x, 2);
    }
    return TARE_OK;
}

/* More rows than one node of HDF5's B-tree takes. */
static void test_many_tensors(void **state)
{
    (void)state;
    static char text[N_MANY][24];
    const char *many[N_MANY];
    char path[64];
    struct tare_observations *o, *back;
    for (int i = 0; i < N_MANY; i++) {
        (void)snprintf(text[i], sizeof text[i], "tensor%d", i);
        many[i] = text[i];
    }
    const struct tare_forward forward = {
        .n_workers = 1, .n_tensors = N_MANY, .names = many, .run = run_many};
    temporary(path);
    assert_int_equal(tare_observations_create(&forward, 1, NULL, NULL, &o, NULL),
                     TARE_OK);
    assert_int_equal(tare_observations_write(o, path, NULL), TARE_OK);
    assert_int_equal(tare_observations_read(path, &back, NULL), TARE_OK);
    check_equal(o, back);
    tare_observations_destroy(o);
    tare_observations_destroy(back);
    unlink(path);
}

static void test_damaged(void **state)
{
    (void)state;
    char path[64];
    uint8_t *bytes;
    size_t n_bytes;
    temporary(path);
    struct tare_observations *o = observe(4);
    assert_int_equal(tare_observations_write(o, path, NULL), TARE_OK);
    assert_int_equal(tare_file_read(path, SIZE_MAX, &bytes, &n_bytes, NULL), TARE_OK);
    for (int round = 0; round < 400; round++) {
        struct tare_observations *back = NULL;
        struct tare_error err = {0};
        uint8_t *copy = tare_alloc(n_bytes);
        memcpy(copy, bytes, n_bytes);
        size_t n = n_bytes;
        if (round % 4 == 0)
            n = check_u32() % n_bytes;
        else
            copy[check_u32() % n_bytes] ^= (uint8_t)(1U << (check_u32() % 8));
        assert_int_equal(tare_file_write(path, copy, n, NULL), TARE_OK);
        assert_int_equal(tare_observations_read(path, &back, &err), TARE_E_FORMAT);
        assert_null(back);
        assert_non_null(strstr(err.text, path));
        tare_free(copy);
    }
    tare_free(bytes);
    tare_observations_destroy(o);
    unlink(path);
}

static void test_merge(void **state)
{
    (void)state;
    struct tare_error err = {0};
    struct tare_observations *whole = observe(6), *a = observe(6), *b = observe(6);
    assert_int_equal(tare_observations_merge(a, b, &err), TARE_OK);
    assert_int_equal(a->n_samples, 12);
    assert_int_equal(a->tensors[0].observer.count,
                     2 * whole->tensors[0].observer.count);
    b->tensors[1].name[0] = 'k';
    assert_int_equal(tare_observations_merge(a, b, &err), TARE_E_ARG);
    assert_non_null(strstr(err.text, "konv:1/out put"));
    tare_observations_destroy(whole);
    tare_observations_destroy(a);
    tare_observations_destroy(b);
}

/* Write, read back, merge. */
static enum tare_status road(const struct tare_observations *o, const char *path,
                             struct tare_error *err)
{
    struct tare_observations *back;
    enum tare_status st = tare_observations_write(o, path, err);
    if (st != TARE_OK) return st;
    st = tare_observations_read(path, &back, err);
    if (st != TARE_OK) {
        assert_null(back);
        return st;
    }
    st = tare_observations_merge(back, o, err);
    tare_observations_destroy(back);
    return st;
}

static void test_failed_allocations(void **state)
{
    (void)state;
    char path[64];
    temporary(path);
    struct tare_observations *o = observe(3);
    enum tare_status st = TARE_E_NOMEM;
    int64_t n = 0;
    for (; st != TARE_OK; n++) {
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        st = road(o, path, &err);
        tare_alloc_fail_after(-1);
        if (st != TARE_OK && (st != TARE_E_NOMEM || err.code != TARE_E_NOMEM))
            fail_msg("allocation %d: %s", (int)n, err.text);
    }
    assert_true(n > 5);
    tare_observations_destroy(o);
    unlink(path);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_many_tensors),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
