/* Samples out of NumPy's files and HDF5, several inputs, samples that cannot be read,
 * JPEGs decoded smaller. */
#include "dataset_arrays.h"

#include <jpeglib.h>
#include <math.h>
#include <zip.h>

static struct tare_dataset_options options_of(int64_t c, int64_t h, int64_t w)
{
    struct tare_dataset_options o = {.channels = c, .height = h, .width = w};
    assert_int_equal(tare_preprocess_preset("none", &o.preprocess, NULL), TARE_OK);
    return o;
}

static void expect_refusal(const struct tare_dataset_options *options,
                           enum tare_status want, const char *part)
{
    struct tare_dataset *dataset;
    struct tare_error err = {TARE_OK, ""};
    assert_int_equal(tare_dataset_create(options, &dataset, &err), want);
    assert_null(dataset);
    assert_mentions(err.text, part);
}

static void expect_values(const struct tare_dataset *dataset, int64_t i,
                          const float *want)
{
    float got[64];
    const size_t n = tare_dataset_elems(dataset);
    struct tare_error err = {TARE_OK, ""};
    assert_true(n <= 64);
    if (tare_dataset_read(dataset, i, got, &err) != TARE_OK) fail_msg("%s", err.text);
    assert_memory_equal(got, want, n * sizeof *got);
}

static const float values[12] = {0, -1, 2.5F, 3, 4, 5, 6, 7, 8, 9, 10, 11};

static void reads_npy(void **state)
{
    struct tare_dataset_options o = options_of(1, 2, 3);
    int64_t dims[3];
    (void)state;
    arrays_write_npy(
        "x.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 2, 3), }",
        values, sizeof values);
    o.npy = files_path(folder, "x.npy");
    struct tare_dataset *dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 2);
    tare_dataset_dims(dataset, dims);
    assert_int_equal(dims[0] * 100 + dims[1] * 10 + dims[2], 123);
    expect_values(dataset, 0, values);
    expect_values(dataset, 1, values + 6);
    assert_mentions(tare_dataset_sample_name(dataset, 1), "x.npy#1");
    tare_dataset_destroy(dataset);

    o = options_of(0, 0, 0); /* what the network leaves open, the file says */
    o.npy = files_path(folder, "x.npy");
    dataset = arrays_open(&o);
    tare_dataset_dims(dataset, dims);
    assert_int_equal(dims[0] * 100 + dims[1] * 10 + dims[2], 123);
    tare_dataset_destroy(dataset);
}

static void converts_every_type(void **state)
{
    static const struct {
        const char *descr;
        uint8_t bytes[16];
        size_t n_bytes;
        float want[2];
    } types[] = {
        {"<f2", {0x00, 0x3c, 0x00, 0xc0}, 4, {1, -2}},
        {"<f8",
         {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0},
         16,
         {1.5F, -2}},
        {"|b1", {1, 0}, 2, {1, 0}},
        {"|i1", {0xff, 3}, 2, {-1, 3}},
        {"|u1", {0xff, 3}, 2, {255, 3}},
        {"<i2", {0xfe, 0xff, 1, 1}, 4, {-2, 257}},
        {"<u2", {0xfe, 0xff, 1, 1}, 4, {65534, 257}},
        {"<i4", {0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0}, 8, {-2, 7}},
        {"<u4", {0, 0, 0, 0x80, 7, 0, 0, 0}, 8, {2147483648.0F, 7}},
        {"<i8", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 9}, 16, {-2, 9}},
        {"<u8", {5, 0, 0, 0, 0, 0, 0, 0, 9}, 16, {5, 9}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char header[128];
        struct tare_dataset_options o = options_of(1, 1, 2);
        (void)snprintf(header, sizeof header,
                       "{\"shape\": (1, 2), 'fortran_order': False, 'descr': '%s'}\n",
                       types[i].descr);
        arrays_write_npy("t.npy", header, types[i].bytes, types[i].n_bytes);
        o.npy = files_path(folder, "t.npy");
        o.shape = (struct tare_dims){.rank = 1, .d = {2}};
        struct tare_dataset *dataset = arrays_open(&o);
        expect_values(dataset, 0, types[i].want);
        tare_dataset_destroy(dataset);
    }
}

static void pixels_are_preprocessed(void **state)
{
    static const uint8_t pixels[] = {0, 255, 51, 102};
    static const float want[] = {-1, 1, -0.6F, -0.2F};
    struct tare_dataset_options o = options_of(1, 2, 2);
    float got[4];
    (void)state;
    assert_int_equal(tare_preprocess_preset("tf", &o.preprocess, NULL), TARE_OK);
    arrays_write_npy("p.npy",
                     "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 2, 2)}",
                     pixels, sizeof pixels);
    o.npy = files_path(folder, "p.npy");
    struct tare_dataset *dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_read(dataset, 0, got, NULL), TARE_OK);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-6F);
    tare_dataset_destroy(dataset);
}

static void folder_of_npy(void **state)
{
    struct tare_dataset_options o = options_of(1, 2, 3);
    (void)state;
    arrays_write_npy("set/b/2.npy",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3)}",
                     values + 6, 24);
    arrays_write_npy("set/a/1.npy",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2, 3)}",
                     values, 24);
    o.npy = files_path(folder, "set");
    struct tare_dataset *dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 2);
    expect_values(dataset, 0, values);
    expect_values(dataset, 1, values + 6);
    assert_int_equal(tare_dataset_label(dataset, 1), 1);
    assert_string_equal(tare_dataset_class_name(dataset, 1), "b");
    tare_dataset_destroy(dataset);
}

static void refuses_other_npy(void **state)
{
    static const struct {
        const char *header, *part;
        size_t n_bytes;
        enum tare_status status;
    } files[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 1, 2, 3)}",
         "big-endian", 48, TARE_E_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1, 2, 3)}",
         "ascontiguousarray", 48, TARE_E_UNSUPPORTED},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1, 2, 3)}", "'<c8'", 48,
         TARE_E_UNSUPPORTED},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (12,)}",
         "structured", 48, TARE_E_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 2, 3)}",
         "promises 48", 47, TARE_E_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3, 2)}",
         "axis 2 has length 3, the network reads 2", 48, TARE_E_ARG},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6)}",
         "has 2 axes, want 4", 48, TARE_E_ARG},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1, 2, 3)}",
         "no samples", 0, TARE_E_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False}", "damaged", 48, TARE_E_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 1, "
         "2, "
         "3)}",
         "damaged", 48, TARE_E_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387903, 3, "
         "2, "
         "3)}",
         "promises", 48, TARE_E_FORMAT},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 1, 2, 3)}", "damaged",
         48, TARE_E_FORMAT},
        {"", "damaged", 48, TARE_E_FORMAT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct tare_dataset_options o = options_of(1, 2, 3);
        arrays_write_npy("r.npy", files[i].header, values, files[i].n_bytes);
        o.npy = files_path(folder, "r.npy");
        expect_refusal(&o, files[i].status, files[i].part);
    }
    struct tare_dataset_options o = options_of(1, 2, 3);
    files_write_text(folder, "r.npy", "\x93NUMPY");
    o.npy = files_path(folder, "r.npy");
    expect_refusal(&o, TARE_E_FORMAT, "not a NumPy file");
}

/* Two arrays in an archive, the second one deflated. */
static void write_npz(const char *path)
{
    static uint8_t a[256], b[256];
    const size_t n_a = arrays_make_npy(
        a, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6)}", values, 48);
    const size_t n_b = arrays_make_npy(
        b, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 6)}", values + 6, 24);
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    const zip_int64_t first =
        zip_file_add(archive, "a.npy", zip_source_buffer(archive, a, n_a, 0), 0);
    const zip_int64_t second =
        zip_file_add(archive, "b.npy", zip_source_buffer(archive, b, n_b, 0), 0);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
    assert_int_equal(zip_set_file_compression(archive, 0, ZIP_CM_STORE, 0), 0);
    assert_int_equal(zip_set_file_compression(archive, 1, ZIP_CM_DEFLATE, 9), 0);
    assert_int_equal(zip_close(archive), 0);
}

static void reads_npz(void **state)
{
    char path[512], named[520];
    struct tare_dataset_options o = options_of(1, 1, 6);
    (void)state;
    o.shape = (struct tare_dims){.rank = 1, .d = {6}};
    (void)snprintf(path, sizeof path, "%s", files_path(folder, "z.npz"));
    write_npz(path);
    for (int k = 0; k < 2; k++) {
        (void)snprintf(named, sizeof named, "%s:%c", path, 'a' + k);
        o.npy = named;
        struct tare_dataset *dataset = arrays_open(&o);
        assert_int_equal(tare_dataset_count(dataset), 2 - k);
        expect_values(dataset, 0, values + 6 * k);
        tare_dataset_destroy(dataset);
    }
    o.npy = path;
    expect_refusal(&o, TARE_E_ARG, "several arrays");
    (void)snprintf(named, sizeof named, "%s:c", path);
    o.npy = named;
    expect_refusal(&o, TARE_E_ARG, "no array 'c', there are: a, b");

    uint8_t *bytes; /* a flipped bit in the stored array */
    size_t n_bytes;
    assert_int_equal(tare_file_read(path, 1 << 20, &bytes, &n_bytes, NULL), TARE_OK);
    bytes[110] ^= 1;
    files_write(folder, "z.npz", bytes, n_bytes);
    tare_free(bytes);
    (void)snprintf(named, sizeof named, "%s:a", path);
    o.npy = named;
    expect_refusal(&o, TARE_E_FORMAT, "z.npz");
}

static void reads_hdf5(void **state)
{
    static const hsize_t images[] = {2, 1, 2, 3}, two[] = {2}, three[] = {3};
    static const int64_t labels[] = {4, -1, 7};
    char path[512], text[600];
    struct tare_dataset_options o = options_of(1, 2, 3);
    (void)state;
    (void)snprintf(path, sizeof path, "%s", files_path(folder, "d.h5"));
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    arrays_put(file, "x", H5T_IEEE_F64BE, H5T_NATIVE_FLOAT, 4, images, values);
    arrays_put(file, "y", H5T_STD_I32LE, H5T_NATIVE_INT64, 1, two, labels);
    arrays_put(file, "long", H5T_STD_I32LE, H5T_NATIVE_INT64, 1, three, labels);
    (void)H5Fclose(file);

    (void)snprintf(text, sizeof text, "%s:/x,/y", path);
    o.hdf5 = text;
    struct tare_dataset *dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 2);
    expect_values(dataset, 1, values + 6);
    expect_values(dataset, 0, values);
    assert_int_equal(tare_dataset_label(dataset, 0), 4);
    assert_int_equal(tare_dataset_label(dataset, 1), -1);
    tare_dataset_destroy(dataset);

    (void)snprintf(text, sizeof text, "%s:/z", path);
    expect_refusal(&o, TARE_E_ARG, "no dataset '/z', there are: /long, /x, /y");
    (void)snprintf(text, sizeof text, "%s:/x,/long", path);
    expect_refusal(&o, TARE_E_ARG, "3 labels for 2 samples");
    (void)snprintf(text, sizeof text, "%s:/y", path);
    expect_refusal(&o, TARE_E_ARG, "has 1 axes, want 4");
    (void)snprintf(text, sizeof text, "%s", path);
    expect_refusal(&o, TARE_E_ARG, "want FILE:/dataset");
    files_write_text(folder, "d.h5", "not HDF5");
    (void)snprintf(text, sizeof text, "%s:/x", path);
    expect_refusal(&o, TARE_E_IO, "d.h5");
    o = options_of(1, 3, 2);
}

static void joins_inputs(void **state)
{
    struct tare_dataset_options a = options_of(1, 1, 2), b = options_of(1, 1, 4);
    struct tare_dataset *parts[2], *joined;
    struct tare_error err = {TARE_OK, ""};
    float got[6];
    (void)state;
    a.shape = (struct tare_dims){.rank = 1, .d = {2}};
    b.shape = (struct tare_dims){.rank = 1, .d = {4}};
    arrays_write_npy("a.npy",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}",
                     values, 24);
    arrays_write_npy("b.npy",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}",
                     values, 48);
    files_write_text(folder, "labels.txt", "2\n0\n1\n");
    a.npy = files_path(folder, "a.npy");
    b.npy = files_path(folder, "b.npy");
    b.labels = files_path(folder, "labels.txt");
    parts[0] = arrays_open(&a);
    parts[1] = arrays_open(&b);
    assert_int_equal(tare_dataset_join(parts, 2, &joined, &err), TARE_OK);
    assert_int_equal(tare_dataset_elems(joined), 6);
    assert_int_equal(tare_dataset_read(joined, 1, got, NULL), TARE_OK);
    assert_memory_equal(got, values + 2, 2 * sizeof *got);
    assert_memory_equal(got + 2, values + 4, 4 * sizeof *got);
    assert_int_equal(tare_dataset_label(joined, 0), 2);
    assert_int_equal(tare_dataset_n_classes(joined), 3);
    tare_dataset_destroy(joined);

    b.labels = NULL;
    b.count = 2;
    parts[0] = arrays_open(&a);
    parts[1] = arrays_open(&b);
    assert_int_equal(tare_dataset_join(parts, 2, &joined, &err), TARE_E_ARG);
    assert_null(joined);
    assert_mentions(err.text, "input 1 has 2 samples, input 0 has 3");
}

static void leaves_out_what_cannot_be_read(void **state)
{
    struct tare_dataset_options o = options_of(3, 0, 0);
    struct tare_dataset *dataset;
    (void)state;
    files_copy_image("ycc444.jpg", folder, "bad/a.jpg");
    files_write_text(folder, "bad/b.png", "not an image");
    files_copy_image("ycc444.jpg", folder, "bad/c.jpg");
    o.images = files_path(folder, "bad");
    o.skip_bad = true;
    dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 2);
    assert_int_equal(tare_dataset_n_skipped(dataset), 1);
    assert_mentions(tare_dataset_sample_name(dataset, 1), "c.jpg");
    tare_dataset_destroy(dataset);
    o.skip_bad = false;
    dataset = arrays_open(&o);
    assert_int_equal(tare_dataset_count(dataset), 3);
    tare_dataset_destroy(dataset);

    files_write_text(folder, "worse/b.png", "not an image");
    o.images = files_path(folder, "worse");
    o.skip_bad = true;
    expect_refusal(&o, TARE_E_FORMAT, "none of 1 samples");
}

/* Waves and an edge, as a JPEG whose size no power of two divides. */
/* EXIF data that says how to turn the image. */
static void write_orientation(struct jpeg_compress_struct *codec, int orientation)
{
    uint8_t exif[] =
        "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0_\0\0\0\0\0\0";
    *(uint8_t *)memchr(exif, '_', sizeof exif) = (uint8_t)orientation;
    jpeg_write_marker(codec, JPEG_APP0 + 1, exif, sizeof exif);
}

static void write_jpeg(const char *name, int height, int width, int orientation)
{
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr manager;
    unsigned char *data = NULL;
    unsigned long n_bytes = 0;
    uint8_t row[3 * 512];
    assert_true(width <= 512);
    codec.err = jpeg_std_error(&manager);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &data, &n_bytes);
    codec.image_height = (JDIMENSION)height;
    codec.image_width = (JDIMENSION)width;
    codec.input_components = 3;
    codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_start_compress(&codec, TRUE);
    write_orientation(&codec, orientation);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < 3 * width; x++) {
            const double wave = sin(x / 60.0 + y / (9.0 + x % 3));
            row[x] = (uint8_t)(127.5 + 100 * wave);
        }
        JSAMPROW target = row;
        (void)jpeg_write_scanlines(&codec, &target, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    files_write(folder, name, data, n_bytes);
    free(data);
}

static struct tare_dataset *open_resized(enum tare_filter filter, bool exact)
{
    struct tare_dataset_options o = options_of(3, 0, 0);
    o.images = files_path(folder, "jpeg");
    o.preprocess.resize = TARE_RESIZE_SHORTER;
    o.preprocess.resize_height = 30;
    o.preprocess.filter = filter;
    o.exact_decode = exact;
    return arrays_open(&o);
}

static void compare_shrunk(enum tare_filter filter, size_t n, bool differs)
{
    static float a[3 * 30 * 40], b[3 * 30 * 40];
    struct tare_dataset *shrunk = open_resized(filter, false);
    struct tare_dataset *exact = open_resized(filter, true);
    double sum = 0.0;
    assert_int_equal(tare_dataset_elems(shrunk), n);
    assert_int_equal(tare_dataset_elems(exact), n);
    assert_int_equal(tare_dataset_read(shrunk, 0, a, NULL), TARE_OK);
    assert_int_equal(tare_dataset_read(exact, 0, b, NULL), TARE_OK);
    for (size_t i = 0; i < n; i++) {
        if (fabsf(a[i] - b[i]) > 1.0F)
            fail_msg("value %zu is %g, want %g", i, (double)a[i], (double)b[i]);
        sum += (double)fabsf(a[i] - b[i]);
    }
    assert_int_equal(sum > 0.0, differs);
    tare_dataset_destroy(shrunk);
    tare_dataset_destroy(exact);
}

static void shrunk_jpegs_are_near(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        const bool lies = orientation > 4;
        write_jpeg("jpeg/a.jpg", lies ? 496 : 372, lies ? 372 : 496, orientation);
        compare_shrunk(TARE_FILTER_BILINEAR, 3 * 30 * 40, true);
        compare_shrunk(TARE_FILTER_BICUBIC, 3 * 30 * 40, true);
        compare_shrunk(TARE_FILTER_AREA, 3 * 30 * 40, false);
        compare_shrunk(TARE_FILTER_NEAREST, 3 * 30 * 40, false);
    }
    /* too small, and half a pixel left over: in full */
    write_jpeg("jpeg/a.jpg", 358, 478, 1);
    compare_shrunk(TARE_FILTER_BILINEAR, 3 * 30 * 40, false);
    write_jpeg("jpeg/a.jpg", 373, 496, 1);
    compare_shrunk(TARE_FILTER_BILINEAR, 3 * 30 * 39, false);
    write_jpeg("jpeg/a.jpg", 372, 497, 1);
    compare_shrunk(TARE_FILTER_BILINEAR, 3 * 30 * 40, false);
}

static void survives_failed_allocations(void **state)
{
    char path[512], h5[520];
    struct tare_dataset_options o[2] = {options_of(1, 1, 6), options_of(1, 2, 3)};
    static const hsize_t images[] = {2, 1, 2, 3};
    (void)state;
    (void)snprintf(path, sizeof path, "%s", files_path(folder, "z.npz"));
    write_npz(path);
    (void)snprintf(path, sizeof path, "%s:a", files_path(folder, "z.npz"));
    o[0].npy = path;
    o[0].shape = (struct tare_dims){.rank = 1, .d = {6}};
    (void)snprintf(h5, sizeof h5, "%s", files_path(folder, "m.h5"));
    const hid_t file = H5Fcreate(h5, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    arrays_put(file, "x", H5T_NATIVE_UINT8, H5T_NATIVE_FLOAT, 4, images, values);
    (void)H5Fclose(file);
    (void)snprintf(h5, sizeof h5, "%s:/x", files_path(folder, "m.h5"));
    o[1].hdf5 = h5;
    for (int k = 0; k < 2; k++) {
        enum tare_status st = TARE_E_NOMEM;
        o[k].skip_bad = true;
        for (int64_t n = 0; st != TARE_OK; n++) {
            struct tare_dataset *dataset;
            struct tare_error err = {TARE_OK, ""};
            float got[12];
            assert_true(n < 200);
            tare_alloc_fail_after(n);
            st = tare_dataset_create(&o[k], &dataset, &err);
            if (st == TARE_OK) st = tare_dataset_read(dataset, 0, got, &err);
            tare_alloc_fail_after(-1);
            assert_true(st == TARE_OK || *err.text);
            tare_dataset_destroy(dataset);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_npy),
        cmocka_unit_test(converts_every_type),
        cmocka_unit_test(pixels_are_preprocessed),
        cmocka_unit_test(folder_of_npy),
        cmocka_unit_test(refuses_other_npy),
        cmocka_unit_test(reads_npz),
        cmocka_unit_test(reads_hdf5),
        cmocka_unit_test(joins_inputs),
        cmocka_unit_test(leaves_out_what_cannot_be_read),
        cmocka_unit_test(shrunk_jpegs_are_near),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, arrays_begin, arrays_end);
}
