#include "tare/npy.h"

#include "base/file.h"
#include "base/mem.h"
#include "datasets/convert.h"
#include "datasets/npy.h"
#include "datasets/npz.h"

/* The parser has checked that the file holds all elements, so their number fits. */
static enum tare_status take(const char *path, const struct tare_npy *npy,
                             const enum tare_dtype *as, struct tare_npy_array *array,
                             struct tare_error *err)
{
    *array = (struct tare_npy_array){
        .dims = npy->dims, .dtype = as ? *as : npy->dtype, .n_elems = 1};
    for (int i = 0; i < npy->dims.rank; i++)
        array->n_elems *= (size_t)npy->dims.d[i];
    array->values =
        tare_alloc_array(array->n_elems, (size_t)tare_dtype_bytes(array->dtype));
    TARE_FAIL_IF(!array->values, err, TARE_E_NOMEM, "%s: no memory for %zu values",
                 path, array->n_elems);
    const enum tare_status st = tare_convert(path, npy->dtype, npy->data, array->dtype,
                                             array->values, array->n_elems, err);
    if (st != TARE_OK) tare_npy_release(array);
    return st;
}

/* An array out of an archive. */
static enum tare_status read_npz(const char *path, const enum tare_dtype *as,
                                 struct tare_npy_array *array, struct tare_error *err)
{
    uint8_t *bytes;
    size_t n_bytes;
    struct tare_npy npy;
    enum tare_status st = tare_npz_read_named(path, &bytes, &n_bytes, err);
    if (st != TARE_OK) return st;
    st = tare_npy_parse(bytes, n_bytes, &npy, err);
    if (st == TARE_OK)
        st = take(path, &npy, as, array, err);
    else
        tare_error_wrap(err, "%s", path);
    tare_free(bytes);
    return st;
}

enum tare_status tare_npy_read(const char *path, const enum tare_dtype *as,
                               struct tare_npy_array *array, struct tare_error *err)
{
    struct tare_map map;
    struct tare_npy npy;
    *array = (struct tare_npy_array){0};
    if (tare_npz_is_named(path)) return read_npz(path, as, array, err);
    enum tare_status st = tare_map_open(path, &map, err);
    if (st != TARE_OK) return st;
    st = tare_npy_parse(map.base, map.n_bytes, &npy, err);
    if (st == TARE_OK)
        st = take(path, &npy, as, array, err);
    else
        tare_error_wrap(err, "%s", path);
    tare_map_close(&map);
    return st;
}

void tare_npy_release(struct tare_npy_array *array)
{
    tare_free(array->values);
    *array = (struct tare_npy_array){0};
}
