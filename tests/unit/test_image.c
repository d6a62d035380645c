/* Decoding against tests/data/images, whose make.py says what each must give. */
#include "dataset_files.h"

#include <jpeglib.h>
#include <zlib.h>

#include "datasets/image.h"
#include "datasets/preprocess.h"

#define MAX_PIXELS (INT64_C(1) << 28)

static const struct tare_decode full = {.max_pixels = MAX_PIXELS};

static uint64_t g_seed = 20240901;

static uint32_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static uint8_t *read_image(const char *name, size_t *n_bytes)
{
    uint8_t *data;
    assert_int_equal(
        tare_file_read(files_path(IMAGES_DIR, name), 1 << 20, &data, n_bytes, NULL),
        TARE_OK);
    return data;
}

static unsigned long checksum(const struct tare_image *image)
{
    return crc32(0, image->pixels,
                 (uInt)(image->height * image->width * image->channels));
}

static void decode_file(const char *name, struct tare_image *image)
{
    size_t n_bytes;
    struct tare_error err = {0};
    uint8_t *data = read_image(name, &n_bytes);
    if (tare_image_decode(data, n_bytes, &full, image, &err) != TARE_OK)
        fail_msg("%s: %s", name, err.text);
    tare_free(data);
}

/* The lines of one of the tables beside the images. */
static FILE *open_table(const char *name)
{
    FILE *table = fopen(files_path(IMAGES_DIR, name), "r");
    assert_non_null(table);
    return table;
}

static void decodes_every_kind(void **state)
{
    (void)state;
    char name[64];
    long long height, width;
    int channels, n = 0;
    unsigned long want;
    FILE *table = open_table("decode.txt");
    while (fscanf(table, "%63s %lld %lld %d %lx", name, &height, &width, &channels,
                  &want) == 5) {
        struct tare_image image;
        decode_file(name, &image);
        if (image.height != height || image.width != width ||
            image.channels != channels || checksum(&image) != want)
            fail_msg("%s: %lldx%lldx%d crc %lx", name, (long long)image.height,
                     (long long)image.width, image.channels, checksum(&image));
        tare_image_free(&image);
        n++;
    }
    assert_int_equal(n, 29);
    (void)fclose(table);
}

static void converts_colours(void **state)
{
    (void)state;
    char name[64];
    unsigned long want_gray, want_yuv, want_nv12;
    int n = 0;
    FILE *table = open_table("color.txt");
    while (fscanf(table, "%63s %lx %lx %lx", name, &want_gray, &want_yuv, &want_nv12) ==
           4) {
        struct tare_image image;
        decode_file(name, &image);
        assert_int_equal(tare_image_to_yuv(&image, NULL), TARE_OK);
        assert_int_equal(image.channels, 3);
        assert_int_equal(checksum(&image), want_yuv);
        tare_image_share_chroma(&image);
        assert_int_equal(checksum(&image), want_nv12);
        tare_image_free(&image);
        decode_file(name, &image);
        tare_image_to_gray(&image);
        assert_int_equal(image.channels, 1);
        assert_int_equal(checksum(&image), want_gray);
        tare_image_free(&image);
        n++;
    }
    assert_int_equal(n, 4);
    (void)fclose(table);
}

static void resizes_as_pillow(void **state)
{
    (void)state;
    char name[64], word[16], loaded[64] = "";
    long long height, width;
    unsigned long want;
    int n = 0;
    struct tare_image image = {0};
    FILE *table = open_table("resize.txt");
    while (fscanf(table, "%63s %15s %lld %lld %lx", name, word, &height, &width,
                  &want) == 5) {
        if (strcmp(name, loaded) != 0) {
            tare_image_free(&image);
            decode_file(name, &image);
            (void)snprintf(loaded, sizeof loaded, "%s", name);
        }
        struct tare_preprocess pre;
        assert_int_equal(tare_preprocess_set(&pre, "filter", word, NULL), TARE_OK);
        const struct tare_window all = {0, 0, height, width};
        struct tare_image out;
        assert_int_equal(
            tare_image_resize(&image, height, width, pre.filter, &all, &out, NULL),
            TARE_OK);
        if (checksum(&out) != want)
            fail_msg("%s %s %lldx%lld: crc %lx, want %lx", name, word, height, width,
                     checksum(&out), want);
        tare_image_free(&out);
        n++;
    }
    assert_int_equal(n, 160);
    tare_image_free(&image);
    (void)fclose(table);
}

/* A window of a resize is the same part of the whole. */
static void resizes_windows(void **state)
{
    (void)state;
    struct tare_image image, whole, part;
    decode_file("rgb8.png", &image);
    uint64_t random = g_seed;
    for (int i = 0; i < 400; i++) {
        const int64_t height = 1 + draw(&random) % 80, width = 1 + draw(&random) % 80;
        const enum tare_filter filter = (enum tare_filter)(i % 4);
        const struct tare_window all = {0, 0, height, width};
        struct tare_window window = {draw(&random) % height, draw(&random) % width, 0,
                                     0};
        window.height = 1 + draw(&random) % (height - window.y);
        window.width = 1 + draw(&random) % (width - window.x);
        assert_int_equal(
            tare_image_resize(&image, height, width, filter, &all, &whole, NULL),
            TARE_OK);
        assert_int_equal(
            tare_image_resize(&image, height, width, filter, &window, &part, NULL),
            TARE_OK);
        for (int64_t y = 0; y < window.height; y++)
            assert_memory_equal(part.pixels + y * window.width * 3,
                                whole.pixels + ((window.y + y) * width + window.x) * 3,
                                (size_t)window.width * 3);
        tare_image_free(&whole);
        tare_image_free(&part);
    }
    tare_image_free(&image);
}

static const char *const all_files[] = {
    "ycc444.jpg", "ycc422.jpg",   "ycc420.jpg",   "progressive.jpg", "gray.jpg",
    "cmyk.jpg",   "exif6.jpg",    "gray1.png",    "gray16.png",      "rgb16.png",
    "rgba8.png",  "palette4.png", "palette8.png", "interlaced.png",  "interlaced1.png",
};
#define N_FILES (sizeof all_files / sizeof all_files[0])

/* Copied to a block of its exact size, so that AddressSanitizer sees an over-read. */
static enum tare_status decode_copy(const uint8_t *data, size_t n_bytes,
                                    int64_t max_pixels, struct tare_image *image,
                                    struct tare_error *err)
{
    uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    if (n_bytes) memcpy(copy, data, n_bytes);
    const struct tare_decode decode = {.max_pixels = max_pixels};
    const enum tare_status st = tare_image_decode(copy, n_bytes, &decode, image, err);
    free(copy);
    if (st != TARE_OK) {
        assert_null(image->pixels);
        assert_true(strlen(err->text) > 0);
        assert_null(strchr(err->text, '\n'));
    }
    return st;
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FILES; i++) {
        size_t n_bytes;
        uint8_t *data = read_image(all_files[i], &n_bytes);
        for (size_t n = 0; n < n_bytes; n++) {
            struct tare_image image;
            struct tare_error err = {0};
            if (decode_copy(data, n, MAX_PIXELS, &image, &err) != TARE_E_FORMAT)
                fail_msg("%s: the first %zu of %zu bytes decode", all_files[i], n,
                         n_bytes);
        }
        tare_free(data);
    }
}

static void half_a_file_is_named(void **state)
{
    (void)state;
    size_t n_bytes;
    struct tare_image image;
    struct tare_error err = {0};
    uint8_t *data = read_image("ycc420.jpg", &n_bytes);
    assert_int_equal(decode_copy(data, n_bytes / 2, MAX_PIXELS, &image, &err),
                     TARE_E_FORMAT);
    assert_mentions(err.text, "damaged JPEG: Premature end of JPEG file");
    tare_free(data);
    data = read_image("rgb8.png", &n_bytes);
    assert_int_equal(decode_copy(data, n_bytes / 2, MAX_PIXELS, &image, &err),
                     TARE_E_FORMAT);
    assert_mentions(err.text, "damaged PNG: the file ends early");
    tare_free(data);
    assert_int_equal(
        decode_copy((const uint8_t *)"GIF89a", 6, MAX_PIXELS, &image, &err),
        TARE_E_FORMAT);
    assert_string_equal(err.text, "not a JPEG or PNG file (6 bytes)");
}

static void survives_corruption(void **state)
{
    (void)state;
    uint64_t random = g_seed;
    for (size_t i = 0; i < N_FILES; i++) {
        size_t n_bytes;
        uint8_t *data = read_image(all_files[i], &n_bytes);
        for (int round = 0; round < 300; round++) {
            uint8_t *damaged = malloc(n_bytes);
            assert_non_null(damaged);
            memcpy(damaged, data, n_bytes);
            for (uint32_t hits = 1 + draw(&random) % 8; hits > 0; hits--)
                damaged[3 + draw(&random) % (n_bytes - 3)] = (uint8_t)draw(&random);
            struct tare_image image;
            struct tare_error err = {0};
            if (decode_copy(damaged, n_bytes, 1 << 16, &image, &err) == TARE_OK)
                assert_true(image.height * image.width <= 1 << 16);
            tare_image_free(&image);
            free(damaged);
        }
        tare_free(data);
    }
}

static void refuses_too_many_pixels(void **state)
{
    (void)state;
    static const char *const names[] = {"ycc420.jpg", "rgb8.png"};
    static const int64_t pixels[] = {1073, 2867} /* 29 x 37, 47 x 61 */;
    for (int i = 0; i < 2; i++) {
        size_t n_bytes;
        struct tare_image image;
        struct tare_error err = {0};
        uint8_t *data = read_image(names[i], &n_bytes);
        assert_int_equal(decode_copy(data, n_bytes, pixels[i], &image, &err), TARE_OK);
        tare_image_free(&image);
        assert_int_equal(decode_copy(data, n_bytes, pixels[i] - 1, &image, &err),
                         TARE_E_FORMAT);
        assert_mentions(err.text, i ? "47x61 pixels" : "29x37 pixels");
        tare_free(data);
    }
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FILES; i++) {
        size_t n_bytes;
        uint8_t *data = read_image(all_files[i], &n_bytes);
        enum tare_status st = TARE_E_NOMEM;
        int n = 0;
        for (; st != TARE_OK; n++) {
            struct tare_image image;
            struct tare_error err = {0};
            tare_alloc_fail_after(n);
            st = tare_image_decode(data, n_bytes, &full, &image, &err);
            tare_alloc_fail_after(-1);
            if (st != TARE_OK) {
                assert_int_equal(st, TARE_E_NOMEM);
                assert_null(image.pixels);
            }
            tare_image_free(&image);
        }
        assert_true(n >= 3);
        tare_free(data);
    }
}

static void resize_survives_failed_allocations(void **state)
{
    (void)state;
    struct tare_image image, out;
    decode_file("rgb8.png", &image);
    const struct tare_window all = {0, 0, 20, 30};
    for (int filter = 0; filter < 4; filter++) {
        enum tare_status st = TARE_E_NOMEM;
        int n = 0;
        for (; st != TARE_OK; n++) {
            tare_alloc_fail_after(n);
            st = tare_image_resize(&image, 20, 30, (enum tare_filter)filter, &all, &out,
                                   NULL);
            tare_alloc_fail_after(-1);
            if (st != TARE_OK) {
                assert_int_equal(st, TARE_E_NOMEM);
                assert_null(out.pixels);
            }
        }
        assert_true(n > 3);
        tare_image_free(&out);
    }
    tare_image_free(&image);
}

static void exif_is_bounds_checked(void **state)
{
    (void)state;
    static const uint8_t good[] = {'E', 'x', 'i', 'f', 0, 0, 'I',  'I', 42, 0,
                                   8,   0,   0,   0,   1, 0, 0x12, 1,   3,  0,
                                   1,   0,   0,   0,   6, 0, 0,    0};
    assert_int_equal(tare_exif_orientation(good, sizeof good), 6);
    uint64_t random = g_seed;
    for (size_t n = 0; n <= sizeof good; n++)
        for (int round = 0; round < 2000; round++) {
            uint8_t *bytes = malloc(n ? n : 1);
            assert_non_null(bytes);
            memcpy(bytes, good, n);
            for (uint32_t hits = draw(&random) % 4; n > 6 && hits > 0; hits--)
                bytes[6 + draw(&random) % (n - 6)] = (uint8_t)draw(&random);
            const int orientation = tare_exif_orientation(bytes, n);
            assert_in_range(orientation, 1, 8);
            if (round == 0 && n < sizeof good - 2) assert_in_range(orientation, 1, 6);
            free(bytes);
        }
}

/* A 16 x 16 JPEG of one colour. The caller sets what Pillow cannot write. */
struct jpeg_writer {
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr manager;
    uint8_t *data;
    unsigned long n_bytes;
};

static void writer_open(struct jpeg_writer *writer, int channels, J_COLOR_SPACE space)
{
    *writer = (struct jpeg_writer){0};
    writer->codec.err = jpeg_std_error(&writer->manager);
    jpeg_create_compress(&writer->codec);
    jpeg_mem_dest(&writer->codec, &writer->data, &writer->n_bytes);
    writer->codec.image_width = writer->codec.image_height = 16;
    writer->codec.input_components = channels;
    writer->codec.in_color_space = space;
    jpeg_set_defaults(&writer->codec);
    jpeg_set_quality(&writer->codec, 100, TRUE);
}

static void writer_close(struct jpeg_writer *writer, const uint8_t *colour)
{
    uint8_t row[16 * 4];
    for (int i = 0; i < 16 * writer->codec.input_components; i++)
        row[i] = colour[i % writer->codec.input_components];
    jpeg_start_compress(&writer->codec, TRUE);
    for (int y = 0; y < 16; y++) {
        JSAMPROW line = row;
        (void)jpeg_write_scanlines(&writer->codec, &line, 1);
    }
    jpeg_finish_compress(&writer->codec);
    jpeg_destroy_compress(&writer->codec);
}

static void decodes_ycck(void **state)
{
    (void)state;
    static const uint8_t stored[4] = {200, 100, 30, 180}; /* inverted: 255 is no ink */
    struct jpeg_writer writer;
    struct tare_image image;
    writer_open(&writer, 4, JCS_CMYK);
    jpeg_set_colorspace(&writer.codec, JCS_YCCK);
    writer_close(&writer, stored);
    assert_int_equal(
        tare_image_decode(writer.data, writer.n_bytes, &full, &image, NULL), TARE_OK);
    free(writer.data);
    assert_int_equal(image.channels, 3);
    for (int c = 0; c < 3; c++)
        assert_in_range(image.pixels[c] + 2, stored[c] * stored[3] / 255,
                        stored[c] * stored[3] / 255 + 4);
    tare_image_free(&image);
}

/* Every coefficient in a scan of its own, bit by bit: legal, and how a small file asks
 * for hours of work. */
static void bounds_progressive_scans(void **state)
{
    (void)state;
    for (int bits = 0; bits < 4; bits++) {
        jpeg_scan_info scans[1 + 63 * 4] = {{.comps_in_scan = 1}};
        int n = 1;
        for (int low = bits; low >= 0; low--)
            for (int k = 1; k <= 63; k++)
                scans[n++] = (jpeg_scan_info){.comps_in_scan = 1,
                                              .Ss = k,
                                              .Se = k,
                                              .Ah = low == bits ? 0 : low + 1,
                                              .Al = low};
        const uint8_t gray = 99;
        struct jpeg_writer writer;
        struct tare_image image;
        struct tare_error err = {0};
        writer_open(&writer, 1, JCS_GRAYSCALE);
        writer.codec.scan_info = scans;
        writer.codec.num_scans = n;
        writer_close(&writer, &gray);
        const enum tare_status st =
            tare_image_decode(writer.data, writer.n_bytes, &full, &image, &err);
        free(writer.data);
        if (n <= 200) {
            assert_int_equal(st, TARE_OK);
            assert_in_range(image.pixels[0], 98, 100);
            tare_image_free(&image);
        } else {
            assert_int_equal(st, TARE_E_FORMAT);
            assert_mentions(err.text, "more than 200 progressive scans");
        }
    }
}

/* Found in ImageNet, and harmless: the pixels are all there. */
static void stray_bytes_before_the_end_are_fine(void **state)
{
    (void)state;
    size_t n_bytes;
    struct tare_image image, want;
    decode_file("ycc444.jpg", &want);
    uint8_t *data = read_image("ycc444.jpg", &n_bytes);
    uint8_t *stray = calloc(n_bytes + 5, 1);
    assert_non_null(stray);
    memcpy(stray, data, n_bytes - 2);
    memcpy(stray + n_bytes + 3, data + n_bytes - 2, 2);
    assert_int_equal(tare_image_decode(stray, n_bytes + 5, &full, &image, NULL),
                     TARE_OK);
    assert_int_equal(checksum(&image), checksum(&want));
    tare_image_free(&image);
    tare_image_free(&want);
    tare_free(data);
    free(stray);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strncmp(argv[i], "--seed=", 7)) g_seed = strtoull(argv[i] + 7, NULL, 0);
    printf("# seed %llu\n", (unsigned long long)g_seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_kind),
        cmocka_unit_test(converts_colours),
        cmocka_unit_test(resizes_as_pillow),
        cmocka_unit_test(resizes_windows),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(half_a_file_is_named),
        cmocka_unit_test(survives_corruption),
        cmocka_unit_test(refuses_too_many_pixels),
        cmocka_unit_test(survives_failed_allocations),
        cmocka_unit_test(resize_survives_failed_allocations),
        cmocka_unit_test(exif_is_bounds_checked),
        cmocka_unit_test(decodes_ycck),
        cmocka_unit_test(bounds_progressive_scans),
        cmocka_unit_test(stray_bytes_before_the_end_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
