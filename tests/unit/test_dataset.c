/* Sources, selection and reading of samples. */
#include "dataset_files.h"

#include <unistd.h>
#include <zlib.h>

#include "tare/dataset.h"

/* Options for one folder of files, with pixels as they are. */
static struct tare_dataset_options plain(void)
{
    struct tare_dataset_options options = {0};
    assert_int_equal(tare_preprocess_preset("none", &options.preprocess, NULL),
                     TARE_OK);
    return options;
}

static struct tare_dataset *create(const struct tare_dataset_options *options)
{
    struct tare_dataset *dataset;
    struct tare_error err = {0};
    if (tare_dataset_create(options, &dataset, &err) != TARE_OK)
        fail_msg("create: %s", err.text);
    return dataset;
}

static void assert_refused(const struct tare_dataset_options *options,
                           enum tare_status status, const char *mentions)
{
    struct tare_dataset *dataset;
    struct tare_error err = {0};
    const enum tare_status st = tare_dataset_create(options, &dataset, &err);
    assert_null(dataset);
    assert_mentions(err.text, mentions);
    assert_int_equal(st, status);
    assert_int_equal(err.code, status);
}

/* crc32 of a sample whose values are whole pixels, as [height, width, channels]. */
static unsigned long pixel_checksum(const struct tare_dataset *dataset, int64_t i)
{
    int64_t dims[3];
    tare_dataset_dims(dataset, dims);
    const int64_t plane = dims[1] * dims[2], n = plane * dims[0];
    float *values = malloc((size_t)n * sizeof *values);
    uint8_t *pixels = malloc((size_t)n);
    assert_true(values && pixels);
    assert_int_equal(tare_dataset_read(dataset, i, values, NULL), TARE_OK);
    for (int64_t p = 0; p < plane; p++)
        for (int64_t c = 0; c < dims[0]; c++)
            pixels[p * dims[0] + c] = (uint8_t)values[c * plane + p];
    const unsigned long crc = crc32(0, pixels, (uInt)n);
    free(values);
    free(pixels);
    return crc;
}

static void folder_gives_sorted_classes(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("gray8.png", folder, "b/2.png");
    files_copy_image("gray8.png", folder, "b/10.PNG");
    files_copy_image("gray8.png", folder, "a/deep/er/x.JpEg");
    files_copy_image("gray8.png", folder, "a-b/y.jpg");
    files_copy_image("gray8.png", folder, "root.png");
    files_copy_image("gray8.png", folder, ".hidden.png");
    files_copy_image("gray8.png", folder, ".cache/z.png");
    files_write_text(folder, "b/notes.txt", "not an image");
    files_write_text(folder, "empty/readme", "a class without images");
    assert_int_equal(symlink("..", files_path(folder, "a/deep/loop")), 0);

    struct tare_dataset_options options = plain();
    options.images = folder;
    struct tare_dataset *dataset = create(&options);
    static const struct {
        const char *name;
        int64_t label;
    } want[] = {{"a-b/y.jpg", 1},
                {"a/deep/er/x.JpEg", 0},
                {"b/10.PNG", 2},
                {"b/2.png", 2},
                {"root.png", -1}};
    assert_int_equal(tare_dataset_count(dataset), 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(tare_dataset_sample_name(dataset, i),
                            files_path(folder, want[i].name));
        assert_int_equal(tare_dataset_label(dataset, i), want[i].label);
    }
    assert_int_equal(tare_dataset_n_classes(dataset), 4);
    assert_string_equal(tare_dataset_class_name(dataset, 0), "a");
    assert_string_equal(tare_dataset_class_name(dataset, 1), "a-b");
    assert_string_equal(tare_dataset_class_name(dataset, 3), "empty");
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void several_folders_share_classes(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("gray8.png", folder, "one/cat/1.png");
    files_copy_image("gray8.png", folder, "one/dog/1.png");
    files_copy_image("gray8.png", folder, "two/bee/1.png");
    files_copy_image("gray8.png", folder, "two/dog/1.png");
    char both[256];
    (void)snprintf(both, sizeof both, "%s/one/,%s/two", folder, folder);
    struct tare_dataset_options options = plain();
    options.images = both;
    struct tare_dataset *dataset = create(&options);
    static const int64_t labels[] = {1, 2, 0, 2};
    for (int i = 0; i < 4; i++)
        assert_int_equal(tare_dataset_label(dataset, i), labels[i]);
    assert_string_equal(tare_dataset_sample_name(dataset, 0),
                        files_path(folder, "one/cat/1.png"));
    tare_dataset_destroy(dataset);

    (void)snprintf(both, sizeof both, "%s/one,", folder);
    assert_refused(&options, TARE_E_ARG, "want a folder's name");
    files_remove(folder);
}

static void folders_without_images_are_errors(void **state)
{
    (void)state;
    char *folder = files_create();
    files_write_text(folder, "sub/notes.txt", "");
    struct tare_dataset_options options = plain();
    options.images = folder;
    char want[128];
    (void)snprintf(want, sizeof want, "%s: no JPEG or PNG files below it", folder);
    assert_refused(&options, TARE_E_ARG, want);
    options.images = files_path(folder, "absent");
    assert_refused(&options, TARE_E_IO,
                   "absent/: cannot open the folder: No such file");
    options.images = NULL;
    assert_refused(&options, TARE_E_ARG, "no samples: give one of --images, --list");
    options.images = options.raw = folder;
    assert_refused(&options, TARE_E_ARG, "several sources of samples");
    files_remove(folder);
}

static void list_gives_paths_and_labels(void **state)
{
    (void)state;
    char *folder = files_create();
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "img/a b.png 7\r\n\n%s/img/c.png\t12  \nno label.png\n5\nx 5 6",
                   folder);
    files_write_text(folder, "sub/list.txt", text);
    files_copy_image("gray8.png", folder, "sub/img/a b.png");
    struct tare_dataset_options options = plain();
    options.list = files_path(folder, "sub/list.txt");
    struct tare_dataset *dataset = create(&options);
    static const struct {
        const char *name;
        int64_t label;
    } want[] = {{"sub/img/a b.png", 7},
                {"img/c.png", 12},
                {"sub/no label.png", -1},
                {"sub/5", -1},
                {"sub/x 5", 6}};
    assert_int_equal(tare_dataset_count(dataset), 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(tare_dataset_sample_name(dataset, i),
                            files_path(folder, want[i].name));
        assert_int_equal(tare_dataset_label(dataset, i), want[i].label);
    }
    assert_int_equal(tare_dataset_n_classes(dataset), 13);
    assert_null(tare_dataset_class_name(dataset, 0));

    float values[3 * 11 * 13];
    struct tare_error err = {0};
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_OK);
    assert_int_equal(tare_dataset_read(dataset, 3, values, &err), TARE_E_IO);
    assert_mentions(err.text, "sub/5: cannot open: No such file or directory");
    tare_dataset_destroy(dataset);

    files_write_text(folder, "empty.txt", "\n\n");
    options.list = files_path(folder, "empty.txt");
    assert_refused(&options, TARE_E_FORMAT, "empty.txt: an empty list");
    files_write(folder, "nul.txt", "a.png 1\nb\0c 2\n", 14);
    options.list = files_path(folder, "nul.txt");
    assert_refused(&options, TARE_E_FORMAT, "nul.txt: line 2: not a path");
    files_remove(folder);
}

static void images_go_through_the_pipeline(void **state)
{
    (void)state;
    char name[64];
    long long side, height, width;
    unsigned long want;
    int n = 0;
    FILE *table = fopen(files_path(IMAGES_DIR, "pipeline.txt"), "r");
    assert_non_null(table);
    while (fscanf(table, "%63s %lld %lld %lld %lx", name, &side, &height, &width,
                  &want) == 5) {
        char *folder = files_create();
        files_write_text(folder, "list", files_path(IMAGES_DIR, name));
        struct tare_dataset_options options = plain();
        options.list = files_path(folder, "list");
        options.preprocess.resize = TARE_RESIZE_SHORTER;
        options.preprocess.resize_height = side;
        options.preprocess.crop_height = height;
        options.preprocess.crop_width = width;
        struct tare_dataset *dataset = create(&options);
        int64_t dims[3];
        tare_dataset_dims(dataset, dims);
        assert_int_equal(dims[0], 3);
        assert_int_equal(dims[1], height);
        assert_int_equal(dims[2], width);
        assert_int_equal(pixel_checksum(dataset, 0), want);
        tare_dataset_destroy(dataset);
        files_remove(folder);
        n++;
    }
    assert_int_equal(n, 5);
    (void)fclose(table);
}

static void colours_order_the_channels(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("rgb8.png", folder, "x.png");
    float rgb[3 * 47 * 61], bgr[3 * 47 * 61];
    struct tare_dataset_options options = plain();
    options.images = folder;
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_preprocess(dataset)->color, TARE_COLOR_RGB);
    assert_int_equal(tare_dataset_read(dataset, 0, rgb, NULL), TARE_OK);
    tare_dataset_destroy(dataset);
    options.preprocess.color = TARE_COLOR_BGR;
    assert_int_equal(tare_preprocess_set(&options.preprocess, "mean", "1,2,3", NULL),
                     0);
    dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, bgr, NULL), TARE_OK);
    tare_dataset_destroy(dataset);
    const size_t n = 2867; /* 47 x 61 */
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            assert_int_equal((int)bgr[c * n + i],
                             (int)rgb[(2 - c) * n + i] - 1 - (int)c);
    files_remove(folder);
}

/* The size that counts is the network's: blocks begin at the crop's corner. */
static void nv12_shares_chroma_in_blocks(void **state)
{
    (void)state;
    enum { SIDE = 20, N = SIDE * SIDE };
    char *folder = files_create();
    files_copy_image("rgb8.png", folder, "x.png");
    float yuv[3 * N], nv12[3 * N];
    struct tare_dataset_options options = plain();
    options.images = folder;
    options.preprocess.crop_height = options.preprocess.crop_width = SIDE;
    options.preprocess.color = TARE_COLOR_YUV444;
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, yuv, NULL), TARE_OK);
    tare_dataset_destroy(dataset);
    options.preprocess.color = TARE_COLOR_NV12;
    dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, nv12, NULL), TARE_OK);
    tare_dataset_destroy(dataset);
    assert_memory_equal(yuv, nv12, N * sizeof *yuv);
    for (size_t i = N; i < 3 * N; i++) {
        const float *block = yuv + i - i / SIDE % 2 * SIDE - i % 2;
        const int sum = (int)(block[0] + block[1] + block[SIDE] + block[SIDE + 1]);
        assert_int_equal((int)nv12[i], (sum + 2) / 4);
    }
    files_remove(folder);
}

static void size_mismatches_say_what_to_do(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("rgb8.png", folder, "x.png");
    struct tare_dataset_options options = plain();
    options.images = folder;
    options.channels = 3;
    options.height = 32;
    options.width = 24;
    float values[3 * 32 * 24];
    struct tare_error err = {0};
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_E_ARG);
    assert_mentions(err.text,
                    "/x.png: comes out as 47x61 (height x width), the network "
                    "reads 32x24: use --resize=32x24, or --resize=S and "
                    "--crop=32x24");
    tare_dataset_destroy(dataset);

    options.preprocess.crop_height = options.preprocess.crop_width = 48;
    dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_E_ARG);
    assert_mentions(err.text, "47x61 (height x width) before the crop, smaller than "
                              "--crop=48x48: add or enlarge --resize");
    tare_dataset_destroy(dataset);

    options.height = options.width = 0; /* the first sample is looked at, then */
    assert_refused(&options, TARE_E_ARG, "smaller than --crop=48x48");
    options.preprocess.crop_height = options.preprocess.crop_width = 0;
    options.max_pixels = 2866; /* one less than it has */
    assert_refused(&options, TARE_E_FORMAT,
                   "/x.png: 47x61 pixels (height x width), "
                   "want at most 2866 in all");
    options.max_pixels = 2867;
    assert_int_equal(tare_preprocess_set(&options.preprocess, "resize", "60", NULL), 0);
    assert_refused(&options, TARE_E_FORMAT, "/x.png: after the resize: 60x77 pixels");
    files_remove(folder);
}

static void damaged_images_are_named(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("ycc420.jpg", folder, "good.jpg");
    uint8_t *data;
    size_t n_bytes;
    assert_int_equal(
        tare_file_read(files_path(folder, "good.jpg"), 1 << 20, &data, &n_bytes, NULL),
        TARE_OK);
    files_write(folder, "half.jpg", data, n_bytes / 2);
    tare_free(data);
    struct tare_dataset_options options = plain();
    options.images = folder;
    struct tare_dataset *dataset = create(&options);
    float values[3 * 29 * 37];
    struct tare_error err = {0};
    assert_int_equal(tare_dataset_read(dataset, 1, values, &err), TARE_E_FORMAT);
    assert_mentions(err.text, "/half.jpg: damaged JPEG: Premature end of JPEG file");
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_OK);
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

static void raw_files_are_read_exactly(void **state)
{
    (void)state;
    char *folder = files_create();
    static const float floats[2 * 1 * 3] = {1.5f, -2, 3, 4, 5, 1e-20f};
    static const uint8_t bytes[2 * 1 * 3] = {0, 1, 2, 253, 254, 255};
    files_write(folder, "f/1.bin", floats, sizeof floats);
    files_write(folder, "u/1.bin", bytes, sizeof bytes);
    struct tare_dataset_options options = plain();
    options.raw = files_path(folder, "f");
    options.channels = 2;
    options.height = 1;
    options.width = 3;
    float values[6];
    struct tare_error err = {0};
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_label(dataset, 0), -1);
    assert_int_equal(tare_dataset_n_classes(dataset), 0);
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_OK);
    assert_memory_equal(values, floats, sizeof floats);
    tare_dataset_destroy(dataset);

    options.raw = files_path(folder, "u");
    dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_E_FORMAT);
    assert_mentions(err.text, "u/1.bin: 6 bytes, want 24: 2x1x3 float32");
    tare_dataset_destroy(dataset);

    options.raw_type = TARE_RAW_U8;
    assert_int_equal(tare_preprocess_set(&options.preprocess, "mean", "1,200", NULL),
                     0);
    dataset = create(&options);
    static const float want[] = {-1, 0, 1, 53, 54, 55};
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_OK);
    assert_memory_equal(values, want, sizeof want);
    tare_dataset_destroy(dataset);

    options.raw = files_path(folder, "f");
    options.raw_type =
        TARE_RAW_F32_PIXELS; /* the mean of either channel is taken off */
    dataset = create(&options);
    assert_int_equal(tare_dataset_read(dataset, 0, values, &err), TARE_OK);
    static const float want_floats[] = {0.5F, -3, 2, -196, -195, -200};
    assert_memory_equal(values, want_floats, sizeof want_floats);
    tare_dataset_destroy(dataset);

    options.width = 0;
    assert_refused(&options, TARE_E_ARG,
                   "raw files need the network's whole input shape");
    files_remove(folder);
}

/* Three images of 2 x 2 (x 3), pixels counting up, with labels 2, 0, 9. */
static const uint8_t idx_images[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2,  0,  0,
                                     0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t idx_labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 9};

static void write_gzip(const char *folder, const char *name, const void *data,
                       unsigned n_bytes)
{
    gzFile file = gzopen(files_path(folder, name), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, data, n_bytes), n_bytes);
    assert_int_equal(gzclose(file), Z_OK);
}

static void assert_idx(const char *idx)
{
    struct tare_dataset_options options = plain();
    options.idx = idx;
    options.channels = 1;
    options.skip = 1;
    struct tare_dataset *dataset = create(&options);
    float values[4];
    assert_int_equal(tare_dataset_count(dataset), 2);
    assert_int_equal(tare_dataset_read(dataset, 0, values, NULL), TARE_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal((int)values[i], 5 + i);
    if (strchr(idx, ',')) {
        assert_int_equal(tare_dataset_label(dataset, 1), 9);
        assert_int_equal(tare_dataset_n_classes(dataset), 10);
    } else {
        assert_int_equal(tare_dataset_label(dataset, 1), -1);
    }
    assert_mentions(tare_dataset_sample_name(dataset, 1), "images");
    assert_mentions(tare_dataset_sample_name(dataset, 1), "#2");
    tare_dataset_destroy(dataset);
}

static void idx_is_read_plain_and_zipped(void **state)
{
    (void)state;
    char *folder = files_create();
    char idx[256];
    files_write(folder, "images", idx_images, sizeof idx_images);
    files_write(folder, "labels", idx_labels, sizeof idx_labels);
    write_gzip(folder, "images.gz", idx_images, sizeof idx_images);
    write_gzip(folder, "labels.gz", idx_labels, sizeof idx_labels);
    assert_idx(files_path(folder, "images"));
    (void)snprintf(idx, sizeof idx, "%s/images,%s/labels", folder, folder);
    assert_idx(idx);
    (void)snprintf(idx, sizeof idx, "%s/images.gz,%s/labels.gz", folder, folder);
    assert_idx(idx);

    uint8_t rgb[20 + 12] = {0, 0, 8, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    for (uint8_t i = 0; i < 12; i++)
        rgb[20 + i] = i;
    files_write(folder, "rgb", rgb, sizeof rgb);
    struct tare_dataset_options options = plain();
    options.idx = files_path(folder, "rgb");
    struct tare_dataset *dataset = create(&options);
    float values[12];
    assert_int_equal(tare_dataset_read(dataset, 0, values, NULL), TARE_OK);
    for (int p = 0; p < 4; p++)
        for (int c = 0; c < 3; c++)
            assert_int_equal((int)values[c * 4 + p], p * 3 + c);
    tare_dataset_destroy(dataset);
    files_remove(folder);
}

/* idx_images with one byte changed and cut to n_bytes, plain or zipped. */
static void assert_idx_refused(const char *folder, size_t at, uint8_t value,
                               size_t n_bytes, bool zipped, const char *mentions)
{
    uint8_t bytes[sizeof idx_images + 1] = {0};
    memcpy(bytes, idx_images, sizeof idx_images);
    bytes[at] = value;
    if (zipped)
        write_gzip(folder, "bad", bytes, (unsigned)n_bytes);
    else
        files_write(folder, "bad", bytes, n_bytes);
    struct tare_dataset_options options = plain();
    options.idx = files_path(folder, "bad");
    assert_refused(&options, TARE_E_FORMAT, mentions);
}

static void malformed_idx_is_refused(void **state)
{
    (void)state;
    char *folder = files_create();
    const size_t n = sizeof idx_images;
    for (int zipped = 0; zipped < 2; zipped++) {
        assert_idx_refused(folder, 2, 0x0d, n, zipped, "starts with 0x00000d03");
        assert_idx_refused(folder, 3, 5, n, zipped, "not an IDX file of bytes");
        assert_idx_refused(folder, 3, 2, n, zipped, "holds more than the 6 elements");
        assert_idx_refused(folder, 7, 0, n, zipped, "axis 0 has 0 elements");
        assert_idx_refused(folder, 7, 2, n, zipped, "holds more than the 8 elements");
        assert_idx_refused(folder, 4, 0xff, n, zipped, "axis 1 has 2 elements");
        assert_idx_refused(folder, 5, 0xff, n, zipped, "can hold");
        assert_idx_refused(folder, 20, 0, n + 1, zipped, "holds more than the 12");
        for (size_t cut = 0; cut < n; cut++)
            assert_idx_refused(folder, 20, 0, cut, zipped, "early");
    }
    assert_idx_refused(folder, 3, 1, 8 + 3, false, "rank 1, want images");
    files_remove(folder);
}

static void damaged_gzip_is_refused(void **state)
{
    (void)state;
    char *folder = files_create();
    write_gzip(folder, "good.gz", idx_images, sizeof idx_images);
    uint8_t *data;
    size_t n_bytes;
    assert_int_equal(
        tare_file_read(files_path(folder, "good.gz"), 1 << 20, &data, &n_bytes, NULL),
        TARE_OK);
    struct tare_dataset_options options = plain();
    options.idx = files_path(folder, "bad.gz");
    char idx[128];
    (void)snprintf(idx, sizeof idx, "%s", options.idx);
    options.idx = idx;
    for (size_t n = 0; n < n_bytes; n++) {
        files_write(folder, "bad.gz", data, n);
        assert_refused(&options, TARE_E_FORMAT, "early");
    }
    data[n_bytes - 6] ^= 1; /* the CRC */
    files_write(folder, "bad.gz", data, n_bytes);
    assert_refused(&options, TARE_E_FORMAT, "bad.gz: damaged gzip data");
    tare_free(data);

    char both[256];
    files_write(folder, "images", idx_images, sizeof idx_images);
    files_write(folder, "labels", "\0\0\10\1\0\0\0\2ab", 10);
    (void)snprintf(both, sizeof both, "%s/images,%s/labels", folder, folder);
    options.idx = both;
    assert_refused(&options, TARE_E_FORMAT, "images: 3 images, but 2 labels");
    (void)snprintf(both, sizeof both, "%s/images,%s/images", folder, folder);
    assert_refused(&options, TARE_E_FORMAT, "the labels have rank 3, want 1");
    (void)snprintf(both, sizeof both, "%s/images,%s/labels,x", folder, folder);
    assert_refused(&options, TARE_E_ARG, "want IMAGES or IMAGES,LABELS");
    (void)snprintf(both, sizeof both, "%s/nothing", folder);
    assert_refused(&options, TARE_E_IO, "nothing: cannot open: No such file");
    (void)snprintf(both, sizeof both, "%s", folder);
    assert_refused(&options, TARE_E_IO, "not a regular file");
    files_remove(folder);
}

static void labels_file_replaces_labels(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("gray8.png", folder, "img/a/1.png");
    files_copy_image("gray8.png", folder, "img/b/2.png");
    files_write_text(folder, "labels", "41\r\n7\n\n");
    char images[128], labels[128];
    (void)snprintf(images, sizeof images, "%s/img", folder);
    (void)snprintf(labels, sizeof labels, "%s/labels", folder);
    struct tare_dataset_options options = plain();
    options.images = images;
    options.labels = labels;
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_label(dataset, 0), 41);
    assert_int_equal(tare_dataset_label(dataset, 1), 7);
    assert_int_equal(tare_dataset_n_classes(dataset), 42);
    assert_null(tare_dataset_class_name(dataset, 0));
    tare_dataset_destroy(dataset);

    files_write_text(folder, "labels", "1\n");
    assert_refused(&options, TARE_E_FORMAT, "labels: 1 labels for 2 samples");
    files_write_text(folder, "labels", "1\n2\n3\n");
    assert_refused(&options, TARE_E_FORMAT, "labels: 3 labels for 2 samples");
    files_write_text(folder, "labels", "1\n-2\n");
    assert_refused(&options, TARE_E_FORMAT,
                   "labels: line 2: '-2' is not a class number");
    files_write_text(folder, "labels", "1\n2147483648\n");
    assert_refused(&options, TARE_E_FORMAT, "line 2: '2147483648' is not a class");
    files_remove(folder);
}

/* 10 samples as a list of "0".."9", each with its number as label. */
static void write_ten(const char *folder)
{
    char text[64] = "";
    for (size_t i = 0; i < 10; i++)
        (void)snprintf(text + 4 * i, 5, "%zu %zu\n", i, i);
    files_write_text(folder, "ten", text);
}

static void skip_count_and_shuffle_select(void **state)
{
    (void)state;
    char *folder = files_create();
    write_ten(folder);
    char list[128];
    (void)snprintf(list, sizeof list, "%s/ten", folder);
    struct tare_dataset_options options = plain();
    options.list = list;
    options.height = options.width = 1;
    options.skip = 3;
    options.count = 4;
    struct tare_dataset *dataset = create(&options);
    assert_int_equal(tare_dataset_count(dataset), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(tare_dataset_label(dataset, i), 3 + i);
    assert_int_equal(tare_dataset_n_classes(dataset), 10);
    tare_dataset_destroy(dataset);

    /* splitmix64 and Fisher-Yates from the back, worked out in Python. */
    static const int64_t seed_0[] = {6, 3, 2, 9, 8, 1, 4, 7, 0, 5};
    options.skip = 0;
    options.count = 0;
    options.shuffle = true;
    dataset = create(&options);
    for (int i = 0; i < 10; i++)
        assert_int_equal(tare_dataset_label(dataset, i), seed_0[i]);
    tare_dataset_destroy(dataset);
    options.skip = 8;
    dataset = create(&options);
    assert_int_equal(tare_dataset_label(dataset, 1), seed_0[9]);
    tare_dataset_destroy(dataset);

    options.count = 3;
    assert_refused(&options, TARE_E_ARG,
                   "--count=3, but there are 2 samples after --skip");
    options.skip = 0;
    options.count = 11;
    assert_refused(&options, TARE_E_ARG, "--count=11, but there are 10 samples");
    options.skip = 10;
    assert_refused(&options, TARE_E_ARG, "--skip=10 leaves nothing of 10 samples");
    options.skip = -1;
    assert_refused(&options, TARE_E_ARG, "want 0 or more");
    files_remove(folder);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    char *folder = files_create();
    files_copy_image("rgb8.png", folder, "img/a/1.png");
    files_copy_image("ycc420.jpg", folder, "img/b/2.jpg");
    files_write(folder, "images", idx_images, sizeof idx_images);
    files_write(folder, "labels", idx_labels, sizeof idx_labels);
    write_ten(folder);
    char images[128], list[128], idx[256];
    (void)snprintf(images, sizeof images, "%s/img", folder);
    (void)snprintf(list, sizeof list, "%s/ten", folder);
    (void)snprintf(idx, sizeof idx, "%s/images,%s/labels", folder, folder);
    for (int source = 0; source < 3; source++) {
        struct tare_dataset_options options = plain();
        if (source == 0) options.images = images;
        if (source == 1) options.idx = idx;
        if (source == 2) options.list = list;
        if (source == 2) options.height = options.width = 1;
        enum tare_status st = TARE_E_NOMEM;
        int n = 0;
        for (; st != TARE_OK; n++) {
            struct tare_dataset *dataset;
            struct tare_error err = {0};
            tare_alloc_fail_after(n);
            st = tare_dataset_create(&options, &dataset, &err);
            tare_alloc_fail_after(-1);
            if (st != TARE_OK) {
                assert_int_equal(st, TARE_E_NOMEM);
                assert_null(dataset);
            }
            tare_dataset_destroy(dataset);
        }
        assert_true(n > 4);
    }
    files_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folder_gives_sorted_classes),
        cmocka_unit_test(several_folders_share_classes),
        cmocka_unit_test(folders_without_images_are_errors),
        cmocka_unit_test(list_gives_paths_and_labels),
        cmocka_unit_test(images_go_through_the_pipeline),
        cmocka_unit_test(colours_order_the_channels),
        cmocka_unit_test(nv12_shares_chroma_in_blocks),
        cmocka_unit_test(size_mismatches_say_what_to_do),
        cmocka_unit_test(damaged_images_are_named),
        cmocka_unit_test(raw_files_are_read_exactly),
        cmocka_unit_test(idx_is_read_plain_and_zipped),
        cmocka_unit_test(malformed_idx_is_refused),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(labels_file_replaces_labels),
        cmocka_unit_test(skip_count_and_shuffle_select),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
