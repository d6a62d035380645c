/* Whole .npy files as floats. */
#include "dataset_files.h"

#include "tare/npy.h"

/* numpy.save of array([[1, -2, 300]], dtype='<i2'), before its data */
static const char header[] = "\x93NUMPY\x01\x00\x3e\x00{'descr': '<i2', "
                             "'fortran_order': False, 'shape': (1, 3), }  \n";
static const uint8_t data[6] = {1, 0, 0xfe, 0xff, 0x2c, 0x01};

static const char *write_array(const char *folder, size_t n_data)
{
    uint8_t file[sizeof header - 1 + sizeof data];
    memcpy(file, header, sizeof header - 1);
    memcpy(file + sizeof header - 1, data, sizeof data);
    files_write(folder, "x.npy", file, sizeof header - 1 + n_data);
    return files_path(folder, "x.npy");
}

static void reads_an_array(void **state)
{
    (void)state;
    static const float want[3] = {1, -2, 300};
    char *folder = files_create();
    const char *path = write_array(folder, sizeof data);
    struct tare_error err = {0};
    struct tare_dims dims;
    size_t n = 0;
    float *values;
    if (tare_npy_read(path, &dims, &n, &values, &err) != TARE_OK)
        fail_msg("%s", err.text);
    assert_int_equal(dims.rank, 2);
    assert_int_equal(dims.d[0] * 10 + dims.d[1], 13);
    assert_int_equal(n, 3);
    assert_memory_equal(values, want, sizeof want);
    tare_npy_free(values);
    tare_npy_free(NULL);

    enum tare_status st = TARE_E_NOMEM;
    for (int fail = 0; st != TARE_OK; fail++) {
        tare_alloc_fail_after(fail);
        st = tare_npy_read(path, &dims, &n, &values, &err);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_null(values);
        assert_mentions(err.text, "x.npy: no memory");
    }
    tare_npy_free(values);
    files_remove(folder);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    char *folder = files_create();
    const char *path = write_array(folder, sizeof data - 1);
    struct tare_error err = {0};
    struct tare_dims dims;
    size_t n;
    float *values;
    assert_int_equal(tare_npy_read(path, &dims, &n, &values, &err), TARE_E_FORMAT);
    assert_null(values);
    assert_mentions(err.text, "x.npy: the header promises 6 bytes");
    assert_int_equal(
        tare_npy_read(files_path(folder, "none.npy"), &dims, &n, &values, &err),
        TARE_E_IO);
    assert_null(values);
    assert_mentions(err.text, "none.npy: ");
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_array),
        cmocka_unit_test(names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
