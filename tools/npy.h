/* tools/npy.h - NumPy's array files. */
#ifndef TARE_TOOLS_NPY_H
#define TARE_TOOLS_NPY_H

#include <stddef.h>

#include "tare/status.h"
#include "tare/tensor.h"

/** Write [dims] as a .npy file (format 1.0, C order), complete or not at all. */
enum tare_status npy_write(const char *path, const struct tare_dims *dims,
                           enum tare_dtype dtype, const void *data,
                           struct tare_error *err);

/** Where an output's .npy is in a folder: DIR/<name>.npy, what file systems may dislike
 *  in the name replaced by '_'. @param sample  one sample's own: DIR/<name>.<i>.npy;
 *  -1: of all. @retval TARE_E_ARG  The path is too long. */
enum tare_status npy_path(const char *folder, const char *output, int64_t sample,
                          char *path, size_t size, struct tare_error *err);

#endif /* TARE_TOOLS_NPY_H */
