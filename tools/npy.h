/* tools/npy.h - NumPy's array files: .npy, and .npz archives of them. */
#ifndef TARE_TOOLS_NPY_H
#define TARE_TOOLS_NPY_H

#include <stdbool.h>
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

/** Whether the path ends with ".npz". */
bool npz_is_named(const char *path);

/** An archive that is being written. */
struct npz_writer;
/** @param[out] writer  npz_close() it; NULL on failure. */
enum tare_status npz_create(const char *path, struct npz_writer **writer,
                            struct tare_error *err);
/** Add an array, uncompressed; it is copied. */
enum tare_status npz_add(struct npz_writer *writer, const char *name,
                         const struct tare_dims *dims, enum tare_dtype dtype,
                         const void *data, struct tare_error *err);
/** Write the file, complete or not at all; after an error leave what was there.
 *  @param so_far  what came of the work.  @return  so_far, or what went wrong now */
enum tare_status npz_close(struct npz_writer *writer, enum tare_status so_far,
                           struct tare_error *err);

#endif /* TARE_TOOLS_NPY_H */
