/* tare/npy.h - a NumPy array in memory. */
#ifndef TARE_NPY_H
#define TARE_NPY_H

#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Read a .npy file, its elements converted to float: integers and floats of any size,
 * bool; little-endian, C order.
 * @param[out] dims    of the array.  @param[out] n_elems  their product.
 * @param[out] values  [n_elems] tare_npy_free() it; NULL on failure.
 * @retval TARE_E_IO           The file cannot be read.
 * @retval TARE_E_FORMAT       Not such a file, or it ends early.
 * @retval TARE_E_UNSUPPORTED  Fortran order, big-endian or another type.
 */
TARE_API enum tare_status tare_npy_read(const char *path, struct tare_dims *dims,
                                        size_t *n_elems, float **values,
                                        struct tare_error *err);
TARE_API void tare_npy_free(float *values);

#ifdef __cplusplus
}
#endif
#endif /* TARE_NPY_H */
