/* tools/npy.h - NumPy's array files. */
#ifndef TARE_TOOLS_NPY_H
#define TARE_TOOLS_NPY_H

#include "tare/status.h"
#include "tare/tensor.h"

/** Write [dims] float32 as a .npy file (format 1.0, C order), complete or not at all.
 */
enum tare_status npy_write(const char *path, const struct tare_dims *dims,
                           const float *data, struct tare_error *err);

#endif /* TARE_TOOLS_NPY_H */
