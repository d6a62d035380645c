#include "graph/ops/axis_maps.h"

#include <string.h>

#include "base/mem.h"
#include "graph/ops/ops.h"

enum tare_status tare_axis_maps_create(const struct tare_dims *out,
                                       struct tare_axis_maps *maps,
                                       struct tare_error *err)
{
    size_t n = 0;
    bool fits = true;
    for (int32_t i = 0; i < out->rank; i++)
        fits = fits && tare_add_size(n, (size_t)out->d[i], &n);
    maps->storage = fits ? tare_alloc_array(n, sizeof *maps->storage) : NULL;
    TARE_FAIL_IF(!maps->storage, err, TARE_E_NOMEM, "no memory for %zu indices", n);
    int64_t *at = maps->storage;
    for (int32_t i = 0; i < out->rank; i++) {
        maps->map[i] = at;
        at += out->d[i];
    }
    return TARE_OK;
}

void tare_axis_maps_destroy(struct tare_axis_maps *maps)
{
    tare_free(maps->storage);
    maps->storage = NULL;
}

/* Runs of neighbours are copied at once: most of a padded row. */
static void copy_row(const int64_t *map, int64_t n, const uint8_t *src,
                     const void *fill, size_t elem, uint8_t *dst)
{
    for (int64_t i = 0; i < n;) {
        int64_t length = 1;
        if (map[i] < 0) {
            memcpy(dst, fill, elem);
        } else {
            while (i + length < n && map[i + length] == map[i] + length)
                length++;
            memcpy(dst, src + (size_t)map[i] * elem, (size_t)length * elem);
        }
        dst += (size_t)length * elem;
        i += length;
    }
}

static void fill_row(int64_t n, const void *fill, size_t elem, uint8_t *dst)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + (size_t)i * elem, fill, elem);
}

void tare_axis_maps_copy(const struct tare_axis_maps *maps, const struct tare_const *in,
                         const void *fill, struct tare_const *out)
{
    const size_t elem = (size_t)tare_dtype_bytes(out->dtype);
    const uint8_t *src = in->data;
    uint8_t *dst = out->data;
    if (out->n_bytes == 0) return;
    if (out->dims.rank == 0) {
        memcpy(dst, src, elem);
        return;
    }
    struct tare_dims outer = out->dims;
    const int32_t last = --outer.rank;
    const int64_t n = out->dims.d[last];
    int64_t stride[TARE_MAX_RANK], index[TARE_MAX_RANK] = {0};
    tare_dims_strides(&in->dims, stride);
    do {
        int64_t base = 0;
        bool inside = true;
        for (int32_t i = 0; i < last; i++) {
            const int64_t from = maps->map[i][index[i]];
            inside = inside && from >= 0;
            if (inside) base += from * stride[i];
        }
        if (inside)
            copy_row(maps->map[last], n, src + (size_t)base * elem, fill, elem, dst);
        else
            fill_row(n, fill, elem, dst);
        dst += (size_t)n * elem;
    } while (tare_dims_next(&outer, index, NULL, NULL, 0));
}
