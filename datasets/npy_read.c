#include "tare/npy.h"

#include "base/file.h"
#include "base/mem.h"
#include "datasets/npy.h"

/* The parser has checked that the file holds all elements, so their number fits. */
static enum tare_status convert(const struct tare_npy *npy, size_t *n_elems,
                                float **values, struct tare_error *err)
{
    size_t n = 1, n_bytes;
    for (int i = 0; i < npy->dims.rank; i++)
        n *= (size_t)npy->dims.d[i];
    float *floats =
        tare_mul_size(n, sizeof *floats, &n_bytes) ? tare_alloc(n_bytes) : NULL;
    TARE_FAIL_IF(!floats, err, TARE_E_NOMEM, "no memory for %zu values", n);
    npy->convert(npy->data, n, floats);
    *n_elems = n;
    *values = floats;
    return TARE_OK;
}

enum tare_status tare_npy_read(const char *path, struct tare_dims *dims,
                               size_t *n_elems, float **values, struct tare_error *err)
{
    struct tare_map map;
    struct tare_npy npy;
    *values = NULL;
    enum tare_status st = tare_map_open(path, &map, err);
    if (st != TARE_OK) return st;
    st = tare_npy_parse(map.base, map.n_bytes, &npy, err);
    if (st == TARE_OK) st = convert(&npy, n_elems, values, err);
    if (st == TARE_OK)
        *dims = npy.dims;
    else
        tare_error_wrap(err, "%s", path);
    tare_map_close(&map);
    return st;
}

void tare_npy_free(float *values)
{
    tare_free(values);
}
