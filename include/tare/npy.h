/* tare/npy.h - NumPy's arrays: .npy files and .npz archives of them. */
#ifndef TARE_NPY_H
#define TARE_NPY_H

#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An array of its own. */
struct tare_npy_array {
    struct tare_dims dims;
    enum tare_dtype dtype;
    size_t n_elems; /**< Product of dims. */
    void *values;   /**< [n_elems] dense, C order. */
};

/**
 * Read a .npy file: integers and floats of any size, bool; little-endian, C order.
 * @param[in]  path   Of a .npy; or "x.npz" with one array, or "x.npz:name".
 * @param[in]  as     The type to convert to: float32 takes the nearest value, integers
 *                    and bool only what they hold exactly. NULL: the file's own.
 * @param[out] array  tare_npy_release() it; empty on failure.
 * @retval TARE_E_IO           The file cannot be read.
 * @retval TARE_E_FORMAT       Not such a file, it ends early, or a value does not fit.
 * @retval TARE_E_UNSUPPORTED  Fortran order, big-endian or another type.
 */
TARE_API enum tare_status tare_npy_read(const char *path, const enum tare_dtype *as,
                                        struct tare_npy_array *array,
                                        struct tare_error *err);
TARE_API void tare_npy_release(struct tare_npy_array *array);

/** The arrays of an archive. */
struct tare_npz_names {
    char **items; /**< [n] without ".npy", in the archive's order. */
    size_t n;
};

/**
 * List the arrays of an .npz.
 * @param[out] names  tare_npz_release_names() it; empty on failure.
 * @retval TARE_E_IO      The file cannot be read.
 * @retval TARE_E_FORMAT  Not an archive.
 */
TARE_API enum tare_status tare_npz_names(const char *path, struct tare_npz_names *names,
                                         struct tare_error *err);
TARE_API void tare_npz_release_names(struct tare_npz_names *names);

#ifdef __cplusplus
}
#endif
#endif /* TARE_NPY_H */
