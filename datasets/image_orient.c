#include <string.h>

#include "base/mem.h"
#include "datasets/image.h"

/* A TIFF block: every read is checked against its end. */
struct tiff {
    const uint8_t *data;
    size_t n_bytes;
    bool big_endian;
};

static bool tiff_u16(const struct tiff *tiff, size_t at, uint32_t *out)
{
    if (tiff->n_bytes < 2 || at > tiff->n_bytes - 2) return false;
    const uint8_t *p = tiff->data + at;
    *out =
        tiff->big_endian ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
    return true;
}

static bool tiff_u32(const struct tiff *tiff, size_t at, uint32_t *out)
{
    uint32_t first, second;
    if (!tiff_u16(tiff, at, &first) || !tiff_u16(tiff, at + 2, &second)) return false;
    *out = tiff->big_endian ? first << 16 | second : second << 16 | first;
    return true;
}

int tare_exif_orientation(const uint8_t *app1, size_t n_bytes)
{
    enum { HEADER = 6, ENTRY = 12, ORIENTATION = 0x0112, SHORT = 3 };
    if (n_bytes < HEADER + 8 || memcmp(app1, "Exif\0\0", HEADER) != 0) return 1;
    struct tiff tiff = {app1 + HEADER, n_bytes - HEADER, app1[HEADER] == 'M'};
    if (memcmp(tiff.data, tiff.big_endian ? "MM\0*" : "II*\0", 4) != 0) return 1;

    uint32_t directory, n_entries;
    if (!tiff_u32(&tiff, 4, &directory) || !tiff_u16(&tiff, directory, &n_entries))
        return 1;
    for (uint32_t i = 0; i < n_entries; i++) {
        const size_t at = (size_t)directory + 2 + (size_t)i * ENTRY;
        uint32_t tag, type, value;
        if (!tiff_u16(&tiff, at, &tag) || !tiff_u16(&tiff, at + 2, &type) ||
            !tiff_u16(&tiff, at + 8, &value))
            return 1;
        if (tag != ORIENTATION) continue;
        return type == SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* Pixel (y, x) of the result is the source's start + y * row_step + x * column_step,
 * all in pixels. */
struct walk {
    ptrdiff_t start, row_step, column_step;
};

static struct walk upright_walk(int orientation, ptrdiff_t height, ptrdiff_t width)
{
    const ptrdiff_t last_row = (height - 1) * width, last_column = width - 1;
    switch (orientation) {
    case 2: return (struct walk){last_column, width, -1};
    case 3: return (struct walk){last_row + last_column, -width, -1};
    case 4: return (struct walk){last_row, -width, 1};
    case 5: return (struct walk){0, 1, width};
    case 6: return (struct walk){last_row, 1, -width};
    case 7: return (struct walk){last_row + last_column, -1, -width};
    default: return (struct walk){last_column, -1, width};
    }
}

enum tare_status tare_image_orient(struct tare_image *image, int orientation,
                                   struct tare_error *err)
{
    if (orientation < 2 || orientation > 8) return TARE_OK;
    const bool transposed = orientation >= 5;
    struct tare_image turned;
    const enum tare_status st = tare_image_create(
        transposed ? image->width : image->height,
        transposed ? image->height : image->width, image->channels, &turned, err);
    if (st != TARE_OK) return st;

    const struct walk walk = upright_walk(orientation, image->height, image->width);
    const ptrdiff_t channels = image->channels;
    uint8_t *dst = turned.pixels;
    for (ptrdiff_t y = 0; y < turned.height; y++)
        for (ptrdiff_t x = 0; x < turned.width; x++) {
            const ptrdiff_t pixel =
                walk.start + y * walk.row_step + x * walk.column_step;
            const uint8_t *src = image->pixels + pixel * channels;
            for (ptrdiff_t c = 0; c < channels; c++)
                *dst++ = src[c];
        }
    tare_image_free(image);
    *image = turned;
    return TARE_OK;
}
