/* datasets/image.h - 8-bit images: decode, orient, convert, resize. */
#ifndef TARE_DATASETS_IMAGE_H
#define TARE_DATASETS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tare/dataset.h"

/** Rows from the top, [height, width, channels], dense. 1 channel is gray, 3 are RGB
 *  (or YCbCr after tare_image_to_yuv). */
struct tare_image {
    int64_t height, width;
    int channels;
    uint8_t *pixels;
    int shrink; /* decoded at 1/shrink of its size; 0: in full */
};

/** What becomes of an image, for its decoder. */
struct tare_decode {
    int64_t max_pixels; /* refuse more before allocating */
    /* With a resize a JPEG may be decoded smaller. For filters whose weights fall off:
     * a box that snaps to coarser pixels shows. */
    enum tare_resize resize;
    int64_t resize_height, resize_width;
};

/** Size of a height x width image after the resize. */
void tare_image_resized(const struct tare_decode *decode, int64_t *height,
                        int64_t *width);

/** Allocate pixels, contents undefined. */
enum tare_status tare_image_create(int64_t height, int64_t width, int channels,
                                   struct tare_image *image, struct tare_error *err);
/** Release the pixels and zero the struct. */
void tare_image_free(struct tare_image *image);

/**
 * Decode a JPEG (baseline, progressive; gray, YCbCr, RGB, CMYK, YCCK; turned upright as
 * its EXIF orientation says) or PNG (every kind; 16 bits are rounded to 8, alpha is
 * dropped), told apart by their first bytes. A file that ends early is an error.
 * @param[out] image  1 channel where the file is gray; zeroed on failure.
 */
enum tare_status tare_image_decode(const uint8_t *data, size_t n_bytes,
                                   const struct tare_decode *decode,
                                   struct tare_image *image, struct tare_error *err);

/** tare_image_decode() for one format; image_jpeg.c and image_png.c. */
enum tare_status tare_image_decode_jpeg(const uint8_t *data, size_t n_bytes,
                                        const struct tare_decode *decode,
                                        struct tare_image *image,
                                        struct tare_error *err);
enum tare_status tare_image_decode_png(const uint8_t *data, size_t n_bytes,
                                       int64_t max_pixels, struct tare_image *image,
                                       struct tare_error *err);
/** The same of a class map: 1 channel, gray values and palette indexes as they are
 *  stored. @retval TARE_E_FORMAT  for other colours and more than 8 bits. */
enum tare_status tare_image_decode_png_indexes(const uint8_t *data, size_t n_bytes,
                                               int64_t max_pixels,
                                               struct tare_image *image,
                                               struct tare_error *err);

/** TARE_E_FORMAT when height * width > max_pixels. */
enum tare_status tare_image_check_pixels(int64_t height, int64_t width,
                                         int64_t max_pixels, struct tare_error *err);

/** Orientation 1..8 of the EXIF data in a JPEG's APP1 marker; 1 when there is none or
 * it is malformed. */
int tare_exif_orientation(const uint8_t *app1, size_t n_bytes);

/** Turn an image stored in EXIF orientation 1..8 upright. */
enum tare_status tare_image_orient(struct tare_image *image, int orientation,
                                   struct tare_error *err);

/** RGB to luma in place, 1 channel: Pillow's "L". No effect on a gray image. */
void tare_image_to_gray(struct tare_image *image);

/** RGB or gray to YCbCr, 3 channels: JPEG's full-range BT.601. */
enum tare_status tare_image_to_yuv(struct tare_image *image, struct tare_error *err);

/** As read back from NV12: every 2x2 block of a YCbCr image gets the mean of its Cb and
 *  of its Cr, halves up; a last odd row or column makes blocks of what is there. */
void tare_image_share_chroma(struct tare_image *image);

/** Part of an image: the rectangle that is computed. */
struct tare_window {
    int64_t y, x, height, width;
};

/**
 * The `window` of `src` resized to height x width; equal to Pillow's Image.resize, then
 * crop, byte for byte.
 * @param[in]  window  Inside height x width.
 * @param[out] dst     Allocated, of the window's size; zeroed on failure.
 */
enum tare_status tare_image_resize(const struct tare_image *src, int64_t height,
                                   int64_t width, enum tare_filter filter,
                                   const struct tare_window *window,
                                   struct tare_image *dst, struct tare_error *err);

#endif /* TARE_DATASETS_IMAGE_H */
