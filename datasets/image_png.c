#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "base/mem.h"
#include "datasets/image.h"

/* libpng reports by jumping: everything that must survive a jump lives here. */
struct png_reader {
    png_structp codec;
    png_infop info;
    jmp_buf escape;
    char message[128];
    const uint8_t *data;
    size_t n_left;
    int64_t max_pixels;
    bool indexes; /* as they are stored */
    struct tare_image image;
};

static void on_error(png_structp codec, png_const_charp message)
{
    struct png_reader *reader = png_get_error_ptr(codec);
    const size_t n = strnlen(message, sizeof reader->message - 1);
    memcpy(reader->message, message, n);
    reader->message[n] = '\0';
    longjmp(reader->escape, 1);
}

/* About colour profiles and text: nothing that touches the pixels. */
static void on_warning(png_structp codec, png_const_charp message)
{
    (void)codec;
    (void)message;
}

static void on_read(png_structp codec, png_bytep target, size_t n_bytes)
{
    struct png_reader *reader = png_get_io_ptr(codec);
    if (n_bytes > reader->n_left) png_error(codec, "the file ends early");
    memcpy(target, reader->data, n_bytes);
    reader->data += n_bytes;
    reader->n_left -= n_bytes;
}

static enum tare_status read_header(struct png_reader *reader, struct tare_error *err)
{
    png_structp codec = reader->codec;
    png_set_read_fn(codec, reader, on_read);
    png_read_info(codec, reader->info);
    const png_byte color = png_get_color_type(codec, reader->info);
    const enum tare_status st = tare_image_check_pixels(
        png_get_image_height(codec, reader->info),
        png_get_image_width(codec, reader->info), reader->max_pixels, err);
    if (st != TARE_OK) return st;

    if (reader->indexes) {
        TARE_FAIL_IF(
            (color != PNG_COLOR_TYPE_PALETTE && color != PNG_COLOR_TYPE_GRAY) ||
                png_get_bit_depth(codec, reader->info) > 8,
            err, TARE_E_FORMAT,
            "a class map is gray or has a palette, and 8 bits at most");
        png_set_packing(codec);
        return TARE_OK;
    }
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(codec);
    if (color == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(codec);
    png_set_scale_16(codec);
    png_set_strip_alpha(codec);
    return TARE_OK;
}

static enum tare_status read_pixels(struct png_reader *reader, struct tare_error *err)
{
    png_structp codec = reader->codec;
    enum tare_status st = read_header(reader, err);
    if (st != TARE_OK) return st;
    const int n_passes = png_set_interlace_handling(codec);
    png_read_update_info(codec, reader->info);
    const int64_t height = png_get_image_height(codec, reader->info);
    const int64_t width = png_get_image_width(codec, reader->info);
    const int channels = png_get_channels(codec, reader->info);
    const size_t row_bytes = (size_t)width * (size_t)channels;
    TARE_FAIL_IF((channels != 1 && channels != 3) ||
                     png_get_rowbytes(codec, reader->info) != row_bytes,
                 err, TARE_E_UNSUPPORTED, "PNG of an unknown kind: %d channels",
                 channels);
    st = tare_image_create(height, width, channels, &reader->image, err);
    if (st != TARE_OK) return st;

    /* An interlaced pass leaves the pixels of the others alone. */
    for (int pass = 0; pass < n_passes; pass++) {
        uint8_t *row = reader->image.pixels;
        for (int64_t y = 0; y < height; y++, row += row_bytes)
            png_read_row(codec, row, NULL);
    }
    png_read_end(codec, NULL);
    return TARE_OK;
}

/* The jump lands here, in a frame that holds nothing but the two pointers. */
static enum tare_status read_guarded(struct png_reader *reader, struct tare_error *err)
{
    if (setjmp(reader->escape) != 0)
        return tare_error_set(err, TARE_E_FORMAT, "damaged PNG: %s", reader->message);
    reader->codec =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, on_error, on_warning);
    if (reader->codec) reader->info = png_create_info_struct(reader->codec);
    TARE_FAIL_IF(!reader->info, err, TARE_E_NOMEM, "no memory for a PNG decoder");
    return read_pixels(reader, err);
}

static enum tare_status decode(const uint8_t *data, size_t n_bytes, int64_t max_pixels,
                               bool indexes, struct tare_image *image,
                               struct tare_error *err)
{
    *image = (struct tare_image){0};
    struct png_reader *reader = tare_alloc_array(1, sizeof *reader);
    TARE_FAIL_IF(!reader, err, TARE_E_NOMEM, "no memory for a PNG decoder");
    reader->data = data;
    reader->n_left = n_bytes;
    reader->max_pixels = max_pixels;
    reader->indexes = indexes;

    const enum tare_status st = read_guarded(reader, err);
    png_destroy_read_struct(&reader->codec, &reader->info, NULL);
    if (st == TARE_OK)
        *image = reader->image;
    else
        tare_image_free(&reader->image);
    tare_free(reader);
    return st;
}

enum tare_status tare_image_decode_png(const uint8_t *data, size_t n_bytes,
                                       int64_t max_pixels, struct tare_image *image,
                                       struct tare_error *err)
{
    return decode(data, n_bytes, max_pixels, false, image, err);
}

enum tare_status tare_image_decode_png_indexes(const uint8_t *data, size_t n_bytes,
                                               int64_t max_pixels,
                                               struct tare_image *image,
                                               struct tare_error *err)
{
    return decode(data, n_bytes, max_pixels, true, image, err);
}
