/* datasets/npz.h - an array out of NumPy's .npz archive. */
#ifndef TARE_DATASETS_NPZ_H
#define TARE_DATASETS_NPZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/**
 * Read the bytes of one .npy in an archive into memory.
 * @param[in]  array  Its name, without ".npy"; NULL: the only one. The text of the
 * error lists what is there.
 * @param[out] bytes  tare_free() it; NULL on failure.
 */
enum tare_status tare_npz_read(const char *path, const char *array, uint8_t **bytes,
                               size_t *n_bytes, struct tare_error *err);

/** Whether a path names an archive, "x.npz", or an array of one, "x.npz:name". */
bool tare_npz_is_named(const char *path);

/** As tare_npz_read(), of "x.npz" (its only array) or "x.npz:name". */
enum tare_status tare_npz_read_named(const char *path, uint8_t **bytes, size_t *n_bytes,
                                     struct tare_error *err);

#endif /* TARE_DATASETS_NPZ_H */
