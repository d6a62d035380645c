#include "tare/mask.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "datasets/image.h"

#define MOST_BYTES  ((size_t)256 << 20)
#define MOST_PIXELS (INT64_C(1) << 28)

static enum tare_status read_png(const char *path, struct tare_npy_array *mask,
                                 struct tare_error *err)
{
    uint8_t *data;
    size_t n_bytes;
    struct tare_image image;
    enum tare_status st = tare_file_read(path, MOST_BYTES, &data, &n_bytes, err);
    if (st != TARE_OK) return st;
    st = tare_image_decode_png_indexes(data, n_bytes, MOST_PIXELS, &image, err);
    tare_free(data);
    if (st != TARE_OK) {
        tare_error_wrap(err, "%s", path);
        return st;
    }
    *mask = (struct tare_npy_array){.dims = {2, {image.height, image.width}},
                                    .dtype = TARE_U8,
                                    .n_elems = (size_t)(image.height * image.width),
                                    .values = image.pixels};
    return TARE_OK;
}

enum tare_status tare_mask_read(const char *path, struct tare_npy_array *mask,
                                struct tare_error *err)
{
    *mask = (struct tare_npy_array){0};
    const size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, ".npy") != 0)
        return read_png(path, mask, err);
    const enum tare_status st = tare_npy_read(path, NULL, mask, err);
    if (st != TARE_OK) return st;
    if (mask->dims.rank == 2 && mask->dtype != TARE_F32 && mask->dtype != TARE_F64 &&
        mask->dtype != TARE_F16)
        return TARE_OK;
    tare_npy_release(mask);
    return tare_error_set(err, TARE_E_FORMAT,
                          "%s: want two axes of integers, a class a pixel", path);
}
