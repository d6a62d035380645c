/* Samples for networks that do not read float32. */
#include "dataset_arrays.h"

#include <math.h>

static const char *write_npy(const char *name, const char *descr, const char *shape,
                             const void *data, size_t n_bytes)
{
    char header[128];
    (void)snprintf(header, sizeof header,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (%s)}", descr,
                   shape);
    arrays_write_npy(name, header, data, n_bytes);
    return files_path(folder, name);
}

/* A network's input of `n` values. */
static struct tare_dataset_options row_of(enum tare_dtype dtype, int64_t n)
{
    struct tare_dataset_options o = {.dtype = dtype,
                                     .channels = 1,
                                     .height = 1,
                                     .width = n,
                                     .shape = {.rank = 1, .d = {n}}};
    tare_preprocess_init(&o.preprocess);
    return o;
}

/* Sample `i` is `want`, or cannot be read, for this reason. */
static void expect(const struct tare_dataset_options *options, int64_t i,
                   const void *want, size_t n_bytes, const char *reason)
{
    int64_t got[32];
    struct tare_error err = {TARE_OK, ""};
    struct tare_dataset *dataset = arrays_open(options);
    assert_int_equal(tare_dataset_bytes(dataset), (n_bytes + 7) / 8 * 8);
    const enum tare_status st = tare_dataset_read(dataset, i, got, &err);
    if (reason) {
        assert_int_equal(st, TARE_E_FORMAT);
        assert_mentions(err.text, reason);
    } else if (st != TARE_OK) {
        fail_msg("%s", err.text);
    } else {
        assert_memory_equal(got, want, n_bytes);
    }
    tare_dataset_destroy(dataset);
}

static void keeps_every_bit(void **state)
{
    static const int64_t large[4] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, -1};
    static const uint64_t larger[2] = {UINT64_MAX, 1};
    (void)state;
    struct tare_dataset_options o = row_of(TARE_S64, 2);
    o.npy = write_npy("s.npy", "<i8", "2, 2", large, sizeof large);
    expect(&o, 0, large, 16, NULL);
    expect(&o, 1, large + 2, 16, NULL);
    o.dtype = TARE_U64;
    o.npy = write_npy("u.npy", "<u8", "1, 2", larger, sizeof larger);
    expect(&o, 0, larger, 16, NULL);
    o.dtype = TARE_S64;
    expect(&o, 0, NULL, 16, "u.npy#0: element 0 is 1.84467441e+19, no int64");
}

static void converts_exact_values(void **state)
{
    static const float reals[3] = {-3.0F, 0.0F, 255.0F}, half = 0.5F, nan_ = (float)NAN;
    static const int16_t shorts[3] = {-3, 0, 255};
    static const uint8_t bools[3] = {1, 0, 1};
    (void)state;
    struct tare_dataset_options o = row_of(TARE_S16, 3);
    o.npy = write_npy("f.npy", "<f4", "3,", reals, sizeof reals);
    expect(&o, 0, shorts, sizeof shorts, NULL);
    o.dtype = TARE_U8;
    expect(&o, 0, NULL, 3, "element 0 is -3, no uint8: want a whole number");
    o.dtype = TARE_S8;
    expect(&o, 0, NULL, 3, "element 2 is 255, no int8");
    o.dtype = TARE_BOOL;
    expect(&o, 0, NULL, 3, "element 0 is -3, no bool: want 0 or 1");
    o.npy = write_npy("b.npy", "|b1", "3,", bools, sizeof bools);
    expect(&o, 0, bools, 3, NULL);
    o = row_of(TARE_S32, 1);
    o.npy = write_npy("h.npy", "<f4", "1,", &half, sizeof half);
    expect(&o, 0, NULL, 4, "element 0 is 0.5, no int32");
    o.npy = write_npy("n.npy", "<f4", "1,", &nan_, sizeof nan_);
    expect(&o, 0, NULL, 4, "element 0 is nan, no int32");
}

/* A sample of one value needs no axis of its own. */
static void reads_a_column(void **state)
{
    static const int32_t values[3] = {7, 8, 9};
    (void)state;
    struct tare_dataset_options o = row_of(TARE_S32, 1);
    o.npy = write_npy("c.npy", "<i4", "3,", values, sizeof values);
    struct tare_dataset *dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 3);
    assert_mentions(tare_dataset_sample_name(dataset, 2), "c.npy#2");
    tare_dataset_destroy(dataset);
    expect(&o, 2, values + 2, 4, NULL);
}

static void pixels_stay_pixels(void **state)
{
    static const uint8_t pixels[4] = {0, 1, 128, 255};
    static const float reals[4] = {0.0F, 1.0F, 128.0F, 255.0F};
    struct tare_dataset *dataset;
    struct tare_error err = {TARE_OK, ""};
    (void)state;
    struct tare_dataset_options o = {
        .dtype = TARE_U8, .channels = 1, .height = 2, .width = 2};
    tare_preprocess_init(&o.preprocess);
    o.npy = write_npy("p.npy", "|u1", "1, 1, 2, 2", pixels, sizeof pixels);
    expect(&o, 0, pixels, 4, NULL);
    o.npy = NULL;
    files_write(folder, "u8/0.raw", pixels, sizeof pixels);
    o.raw = files_path(folder, "u8");
    o.raw_type = TARE_RAW_U8;
    expect(&o, 0, pixels, 4, NULL);
    files_write(folder, "f32/0.raw", reals, sizeof reals);
    o.raw = files_path(folder, "f32");
    o.raw_type = TARE_RAW_F32;
    expect(&o, 0, pixels, 4, NULL);
    o.preprocess.n_mean = 1;
    assert_int_equal(tare_dataset_create(&o, &dataset, &err), TARE_E_ARG);
    assert_mentions(err.text, "the network reads uint8: it gets pixels as they are");
    o.preprocess.n_mean = 0;
    o.preprocess.scale = 2.0;
    assert_int_equal(tare_dataset_create(&o, &dataset, &err), TARE_E_ARG);
    assert_mentions(err.text, "without --scale");
}

/* HDF5 would clip what does not fit. */
static void reads_hdf5(void **state)
{
    static const int64_t large[4] = {(INT64_C(1) << 53) + 1, -1, 300, INT64_MIN};
    static const double reals[4] = {1.0, 2.0, 3.0, 3.5};
    static const uint8_t small[2] = {1, 2};
    static const hsize_t dims[2] = {2, 2};
    char path[512], text[600];
    (void)state;
    (void)snprintf(path, sizeof path, "%s", files_path(folder, "t.h5"));
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    arrays_put(file, "i", H5T_STD_I64BE, H5T_NATIVE_INT64, 2, dims, large);
    arrays_put(file, "f", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, dims, reals);
    (void)H5Fclose(file);
    struct tare_dataset_options o = row_of(TARE_S64, 2);
    o.hdf5 = text;
    (void)snprintf(text, sizeof text, "%s:/i", path);
    expect(&o, 0, large, 16, NULL);
    expect(&o, 1, large + 2, 16, NULL);
    o.dtype = TARE_U8;
    expect(&o, 1, NULL, 2, "element 0 is 300, no uint8");
    (void)snprintf(text, sizeof text, "%s:/f", path);
    expect(&o, 0, small, 2, NULL);
    expect(&o, 1, NULL, 2, "element 1 is 3.5, no uint8");
}

/* Parts of different types are aligned to 8 bytes. */
static void joins_types(void **state)
{
    static const uint8_t mask[3] = {1, 0, 1};
    static const int64_t id = INT64_C(1) << 60;
    static const float real = 2.5F;
    struct tare_dataset_options options[] = {row_of(TARE_BOOL, 3), row_of(TARE_S64, 1),
                                             row_of(TARE_F32, 1)};
    struct tare_dataset *parts[3], *joined;
    int64_t got[3];
    (void)state;
    options[0].npy = write_npy("m.npy", "|u1", "1, 3", mask, sizeof mask);
    options[1].npy = write_npy("i.npy", "<i8", "1,", &id, sizeof id);
    options[2].npy = write_npy("r.npy", "<f4", "1,", &real, sizeof real);
    for (size_t i = 0; i < 3; i++)
        parts[i] = arrays_open(&options[i]);
    assert_int_equal(tare_dataset_join(parts, 3, &joined, NULL), TARE_OK);
    assert_int_equal(tare_dataset_bytes(joined), sizeof got);
    assert_int_equal(tare_dataset_elems(joined), 5);
    assert_int_equal(tare_dataset_read(joined, 0, got, NULL), TARE_OK);
    assert_memory_equal(&got[0], mask, sizeof mask);
    assert_memory_equal(&got[1], &id, sizeof id);
    assert_memory_equal(&got[2], &real, sizeof real);
    tare_dataset_destroy(joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_bit), cmocka_unit_test(converts_exact_values),
        cmocka_unit_test(reads_a_column),  cmocka_unit_test(pixels_stay_pixels),
        cmocka_unit_test(reads_hdf5),      cmocka_unit_test(joins_types),
    };
    return cmocka_run_group_tests(tests, arrays_begin, arrays_end);
}
