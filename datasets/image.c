#include "datasets/image.h"

#include <string.h>

#include "base/mem.h"

enum tare_status tare_image_create(int64_t height, int64_t width, int channels,
                                   struct tare_image *image, struct tare_error *err)
{
    *image = (struct tare_image){0};
    size_t n = 0;
    const bool fits = height > 0 && width > 0 &&
                      tare_mul_size((size_t)height, (size_t)width, &n) &&
                      tare_mul_size(n, (size_t)channels, &n) && n <= PTRDIFF_MAX;
    uint8_t *pixels = fits ? tare_alloc(n) : NULL;
    TARE_FAIL_IF(!pixels, err, TARE_E_NOMEM, "no memory for an image of %lldx%lld",
                 (long long)height, (long long)width);
    *image = (struct tare_image){
        .height = height, .width = width, .channels = channels, .pixels = pixels};
    return TARE_OK;
}

void tare_image_free(struct tare_image *image)
{
    tare_free(image->pixels);
    *image = (struct tare_image){0};
}

enum tare_status tare_image_check_pixels(int64_t height, int64_t width,
                                         int64_t max_pixels, struct tare_error *err)
{
    TARE_FAIL_IF(height > max_pixels / width, err, TARE_E_FORMAT,
                 "%lldx%lld pixels (height x width), want at most %lld in all",
                 (long long)height, (long long)width, (long long)max_pixels);
    return TARE_OK;
}

void tare_image_resized(const struct tare_decode *decode, int64_t *height,
                        int64_t *width)
{
    const int64_t side = decode->resize_height;
    if (decode->resize == TARE_RESIZE_EXACT) {
        *height = decode->resize_height;
        *width = decode->resize_width;
    } else if (decode->resize == TARE_RESIZE_SHORTER && *width <= *height) {
        *height = side * *height / *width;
        *width = side;
    } else if (decode->resize == TARE_RESIZE_SHORTER) {
        *width = side * *width / *height;
        *height = side;
    }
}

enum tare_status tare_image_decode(const uint8_t *data, size_t n_bytes,
                                   const struct tare_decode *decode,
                                   struct tare_image *image, struct tare_error *err)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    *image = (struct tare_image){0};
    if (n_bytes >= sizeof jpeg && !memcmp(data, jpeg, sizeof jpeg))
        return tare_image_decode_jpeg(data, n_bytes, decode, image, err);
    if (n_bytes >= sizeof png && !memcmp(data, png, sizeof png))
        return tare_image_decode_png(data, n_bytes, decode->max_pixels, image, err);
    return tare_error_set(err, TARE_E_FORMAT, "not a JPEG or PNG file (%zu bytes)",
                          n_bytes);
}

void tare_image_to_gray(struct tare_image *image)
{
    if (image->channels == 1) return;
    const size_t n = (size_t)image->height * (size_t)image->width;
    const uint8_t *rgb = image->pixels;
    for (size_t i = 0; i < n; i++, rgb += 3)
        image->pixels[i] =
            (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >>
                      16);
    image->channels = 1;
}

/* Weights of R, G and B in 1/64, as the JFIF standard prints them and rounded as Pillow
 * rounds them, so that the bytes are the same. */
static void fill_yuv_tables(int32_t tables[3][3][256])
{
    static const double weights[3][3] = {
        {0.299, 0.587, 0.114}, {-0.16874, -0.33126, 0.5}, {0.5, -0.41869, -0.08131}};
    for (int out = 0; out < 3; out++)
        for (int in = 0; in < 3; in++)
            for (int i = 0; i < 256; i++)
                tables[out][in][i] = (int32_t)(weights[out][in] * 64 * i + 0.5);
    for (int i = 0; i < 256; i++) {
        tables[1][0][i] += 128 * 64;
        tables[2][0][i] += 128 * 64;
    }
}

enum tare_status tare_image_to_yuv(struct tare_image *image, struct tare_error *err)
{
    if (image->channels == 1) {
        struct tare_image rgb;
        const enum tare_status st =
            tare_image_create(image->height, image->width, 3, &rgb, err);
        if (st != TARE_OK) return st;
        const size_t n_gray = (size_t)rgb.height * (size_t)rgb.width;
        for (size_t i = 0; i < n_gray; i++)
            memset(rgb.pixels + 3 * i, image->pixels[i], 3);
        rgb.shrink = image->shrink;
        tare_image_free(image);
        *image = rgb;
    }
    int32_t tables[3][3][256];
    fill_yuv_tables(tables);
    const size_t n = (size_t)image->height * (size_t)image->width;
    uint8_t *pixel = image->pixels;
    for (size_t i = 0; i < n; i++, pixel += 3) {
        const uint8_t r = pixel[0], g = pixel[1], b = pixel[2];
        for (int out = 0; out < 3; out++)
            pixel[out] =
                (uint8_t)((tables[out][0][r] + tables[out][1][g] + tables[out][2][b]) >>
                          6);
    }
    return TARE_OK;
}

static void share_block(const struct tare_image *image, int64_t y, int64_t x)
{
    const int64_t height = y + 1 < image->height ? 2 : 1;
    const int64_t width = x + 1 < image->width ? 2 : 1;
    const unsigned n = (unsigned)(height * width);
    uint8_t *block = image->pixels + (y * image->width + x) * 3;
    for (int c = 1; c < 3; c++) {
        unsigned sum = n / 2;
        for (int64_t i = 0; i < height * width; i++)
            sum += block[(i / width * image->width + i % width) * 3 + c];
        for (int64_t i = 0; i < height * width; i++)
            block[(i / width * image->width + i % width) * 3 + c] = (uint8_t)(sum / n);
    }
}

void tare_image_share_chroma(struct tare_image *image)
{
    for (int64_t y = 0; y < image->height; y += 2)
        for (int64_t x = 0; x < image->width; x += 2)
            share_block(image, y, x);
}
