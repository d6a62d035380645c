#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/log.h"
#include "base/mem.h"
#include "datasets/image.h"

/* libjpeg reports by jumping: everything that must survive a jump lives here. */
struct jpeg_reader {
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    char message[JMSG_LENGTH_MAX];
    struct tare_decode decode;
    struct tare_image image;
    uint8_t *cmyk_row;
};

static void on_error(j_common_ptr codec)
{
    struct jpeg_reader *reader = codec->client_data;
    codec->err->format_message(codec, reader->message);
    longjmp(reader->escape, 1);
}

/* libjpeg goes on after damage and fills the rest with gray; a sample like that would
 * spoil a calibration, so warnings fail, but for those that leave the pixels intact. */
static void on_message(j_common_ptr codec, int level)
{
    if (level >= 0) return;
    switch (codec->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR: {
        char message[JMSG_LENGTH_MAX];
        codec->err->format_message(codec, message);
        tare_log(TARE_LOG_DEBUG, "JPEG: %s", message);
        return;
    }
    default: on_error(codec);
    }
}

static void on_output(j_common_ptr codec)
{
    (void)codec; /* the library's default prints */
}

/* A progressive file of a few kilobytes can ask for thousands of passes over a large
 * image. */
static void on_progress(j_common_ptr codec)
{
    enum { MAX_SCANS = 200 };
    struct jpeg_reader *reader = codec->client_data;
    if (reader->codec.input_scan_number <= MAX_SCANS) return;
    (void)snprintf(reader->message, sizeof reader->message,
                   "more than %d progressive scans", MAX_SCANS);
    longjmp(reader->escape, 1);
}

/* Photoshop's inverted CMYK (all that is found in practice, Pillow agrees): each of the
 * four is 255 for no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int64_t width)
{
    for (int64_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) {
            const uint32_t product = (255u - cmyk[c]) * cmyk[3] + 128u;
            rgb[c] = (uint8_t)(cmyk[3] - ((product >> 8) + product) / 256u);
        }
}

static int orientation_of(const struct jpeg_decompress_struct *codec)
{
    for (jpeg_saved_marker_ptr m = codec->marker_list; m; m = m->next) {
        const int orientation = tare_exif_orientation(m->data, m->data_length);
        if (orientation != 1) return orientation;
    }
    return 1;
}

static enum tare_status read_header(struct jpeg_reader *reader, struct tare_error *err)
{
    struct jpeg_decompress_struct *codec = &reader->codec;
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(codec, TRUE);
    const enum tare_status st = tare_image_check_pixels(
        codec->image_height, codec->image_width, reader->decode.max_pixels, err);
    if (st != TARE_OK) return st;
    switch (codec->num_components) {
    case 1: codec->out_color_space = JCS_GRAYSCALE; return TARE_OK;
    case 3: codec->out_color_space = JCS_RGB; return TARE_OK;
    case 4: codec->out_color_space = JCS_CMYK; return TARE_OK;
    default:
        return tare_error_set(err, TARE_E_UNSUPPORTED,
                              "JPEG of %d colour components, want 1, 3 or 4",
                              codec->num_components);
    }
}

/* How much smaller the image may be decoded: by the power of two that leaves at least
 * six times what the resize makes of it. The resize then averages over so many pixels
 * that libjpeg's coarser average is gone: a photograph's values move by one level of
 * 255 (at four times some move by two, at twice by up to 17). Where the size is no
 * multiple of it, the last pixels would be averages with what is beyond the image. */
static int shrink_of(const struct jpeg_reader *reader, int orientation)
{
    enum { LEFT = 6 };
    const bool lies = orientation > 4; /* what is stored as its height is its width */
    const int64_t stored_height = reader->codec.image_height;
    const int64_t stored_width = reader->codec.image_width;
    const int64_t full_height = lies ? stored_width : stored_height;
    const int64_t full_width = lies ? stored_height : stored_width;
    int64_t height = full_height, width = full_width;
    if (reader->decode.resize == TARE_RESIZE_NONE) return 1;
    tare_image_resized(&reader->decode, &height, &width);
    int shrink = 1;
    for (int next = 2;
         next <= 8 && full_height % next == 0 && full_width % next == 0 &&
         full_height >= LEFT * next * height && full_width >= LEFT * next * width;
         next *= 2)
        shrink = next;
    return shrink;
}

static enum tare_status read_pixels(struct jpeg_reader *reader, struct tare_error *err)
{
    struct jpeg_decompress_struct *codec = &reader->codec;
    enum tare_status st = read_header(reader, err);
    if (st != TARE_OK) return st;
    const bool cmyk = codec->num_components == 4;
    const int orientation = orientation_of(codec); /* finishing forgets the markers */
    const int shrink = shrink_of(reader, orientation);
    codec->scale_num = 1;
    codec->scale_denom = (unsigned)shrink;
    jpeg_calc_output_dimensions(codec);
    const int64_t height = codec->output_height, width = codec->output_width;
    st = tare_image_create(height, width, codec->num_components == 1 ? 1 : 3,
                           &reader->image, err);
    if (st != TARE_OK) return st;
    if (cmyk) {
        reader->cmyk_row = tare_alloc((size_t)width * 4);
        TARE_FAIL_IF(!reader->cmyk_row, err, TARE_E_NOMEM,
                     "no memory for a JPEG's row");
    }

    (void)jpeg_start_decompress(codec);
    const size_t row_bytes = (size_t)width * (size_t)reader->image.channels;
    uint8_t *row = reader->image.pixels;
    while (codec->output_scanline < codec->output_height) {
        JSAMPROW target = cmyk ? reader->cmyk_row : row;
        (void)jpeg_read_scanlines(codec, &target, 1);
        if (cmyk) cmyk_to_rgb(reader->cmyk_row, row, width);
        row += row_bytes;
    }
    (void)jpeg_finish_decompress(codec);
    st = tare_image_orient(&reader->image, orientation, err);
    if (st == TARE_OK && shrink > 1) reader->image.shrink = shrink;
    return st;
}

/* The jump lands here, in a frame that holds nothing but the two pointers. */
static enum tare_status read_guarded(struct jpeg_reader *reader, const uint8_t *data,
                                     size_t n_bytes, struct tare_error *err)
{
    if (setjmp(reader->escape) != 0)
        return tare_error_set(err, TARE_E_FORMAT, "damaged JPEG: %s", reader->message);
    jpeg_create_decompress(&reader->codec);
    reader->codec.client_data = reader;
    reader->codec.progress = &reader->progress;
    jpeg_mem_src(&reader->codec, data, n_bytes);
    return read_pixels(reader, err);
}

enum tare_status tare_image_decode_jpeg(const uint8_t *data, size_t n_bytes,
                                        const struct tare_decode *decode,
                                        struct tare_image *image,
                                        struct tare_error *err)
{
    *image = (struct tare_image){0};
    struct jpeg_reader *reader = tare_alloc_array(1, sizeof *reader);
    TARE_FAIL_IF(!reader, err, TARE_E_NOMEM, "no memory for a JPEG decoder");
    reader->decode = *decode;
    reader->codec.err = jpeg_std_error(&reader->manager);
    reader->codec.client_data = reader;
    reader->manager.error_exit = on_error;
    reader->manager.emit_message = on_message;
    reader->manager.output_message = on_output;
    reader->progress.progress_monitor = on_progress;

    const enum tare_status st = read_guarded(reader, data, n_bytes, err);
    jpeg_destroy_decompress(&reader->codec);
    tare_free(reader->cmyk_row);
    if (st == TARE_OK)
        *image = reader->image;
    else
        tare_image_free(&reader->image);
    tare_free(reader);
    return st;
}
