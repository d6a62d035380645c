/* Whole .npy files. */
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
    const enum tare_dtype f32 = TARE_F32;
    struct tare_npy_array array;
    if (tare_npy_read(path, &f32, &array, &err) != TARE_OK) fail_msg("%s", err.text);
    assert_int_equal(array.dtype, TARE_F32);
    assert_int_equal(array.dims.rank, 2);
    assert_int_equal(array.dims.d[0] * 10 + array.dims.d[1], 13);
    assert_int_equal(array.n_elems, 3);
    assert_memory_equal(array.values, want, sizeof want);
    tare_npy_release(&array);
    assert_null(array.values);
    tare_npy_release(&array);
    if (tare_npy_read(path, NULL, &array, &err) != TARE_OK) fail_msg("%s", err.text);
    assert_int_equal(array.dtype, TARE_S16);
    assert_memory_equal(array.values, data, sizeof data);
    tare_npy_release(&array);

    enum tare_status st = TARE_E_NOMEM;
    for (int fail = 0; st != TARE_OK; fail++) {
        tare_alloc_fail_after(fail);
        st = tare_npy_read(path, &f32, &array, &err);
        tare_alloc_fail_after(-1);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
        assert_null(array.values);
        assert_mentions(err.text, "x.npy: no memory");
    }
    tare_npy_release(&array);
    files_remove(folder);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    char *folder = files_create();
    const char *path = write_array(folder, sizeof data - 1);
    struct tare_error err = {0};
    struct tare_npy_array array;
    assert_int_equal(tare_npy_read(path, NULL, &array, &err), TARE_E_FORMAT);
    assert_null(array.values);
    assert_mentions(err.text, "x.npy: the header promises 6 bytes");
    assert_int_equal(tare_npy_read(files_path(folder, "none.npy"), NULL, &array, &err),
                     TARE_E_IO);
    assert_null(array.values);
    assert_mentions(err.text, "none.npy: ");
    files_remove(folder);
}

static void wants_whole_numbers_in_range(void **state)
{
    (void)state;
    char *folder = files_create();
    const char *path = write_array(folder, sizeof data);
    struct tare_error err = {0};
    struct tare_npy_array array;
    static const enum tare_dtype small[] = {TARE_U8, TARE_S8, TARE_BOOL, TARE_U64};
    static const char *const texts[] = {
        "element 1 is -2, no uint8", "element 2 is 300, no int8",
        "element 1 is -2, no bool: want 0 or 1", "element 1 is -2, no uint64"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tare_npy_read(path, &small[i], &array, &err), TARE_E_FORMAT);
        assert_null(array.values);
        assert_mentions(err.text, texts[i]);
    }
    static const int64_t want[3] = {1, -2, 300};
    const enum tare_dtype s64 = TARE_S64, f64 = TARE_F64;
    assert_int_equal(tare_npy_read(path, &s64, &array, &err), TARE_OK);
    assert_memory_equal(array.values, want, sizeof want);
    tare_npy_release(&array);
    assert_int_equal(tare_npy_read(path, &f64, &array, &err), TARE_E_UNSUPPORTED);
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_array),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(wants_whole_numbers_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
