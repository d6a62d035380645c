/* libFuzzer target: any bytes as a JPEG or PNG, as a sample and as a mask of classes;
 * what is decoded is converted and resized. The last byte chooses how. */
#include <stdlib.h>

#include "datasets/image.h"

#define MAX_PIXELS (INT64_C(1) << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void use(struct tare_image *image, unsigned how)
{
    struct tare_image resized = {0};
    const struct tare_window window = {1, 2, 9, 7};
    if (how & 1)
        tare_image_to_gray(image);
    else if (how & 2 && tare_image_to_yuv(image, NULL) == TARE_OK)
        tare_image_share_chroma(image);
    if (tare_image_resize(image, 12, 10, (enum tare_filter)(how >> 2 & 3), &window,
                          &resized, NULL) == TARE_OK)
        tare_image_free(&resized);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const unsigned how = n_bytes ? data[n_bytes - 1] : 0;
    const struct tare_decode decode = {
        .max_pixels = MAX_PIXELS,
        .resize = how & 16 ? TARE_RESIZE_SHORTER : TARE_RESIZE_NONE,
        .resize_height = 1 + (how >> 5),
    };
    struct tare_image image;
    if (tare_image_decode(data, n_bytes, &decode, &image, NULL) == TARE_OK)
        use(&image, how);
    else if (image.pixels)
        abort();
    tare_image_free(&image);
    if (tare_image_decode_png_indexes(data, n_bytes, MAX_PIXELS, &image, NULL) ==
        TARE_OK)
        tare_image_free(&image);
    (void)tare_exif_orientation(data, n_bytes);
    return 0;
}
