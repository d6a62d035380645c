/* datasets/npy.h - NumPy's .npy format in memory. */
#ifndef TARE_DATASETS_NPY_H
#define TARE_DATASETS_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tare/tensor.h"

/** An array whose bytes belong to somebody else. */
struct tare_npy {
    struct tare_dims dims;
    const uint8_t *data;   /* dense, C order, little-endian */
    enum tare_dtype dtype; /* F64 and F16 as well */
};

/**
 * Parse a file: versions 1 to 3; float16, float32, float64, bool, int8 to int64, uint8
 * to uint64, little-endian, C order.
 * @retval TARE_E_FORMAT       Not such a file, or it ends early.
 * @retval TARE_E_UNSUPPORTED  Fortran order, big-endian or another type: the text says
 *                             what to do in NumPy.
 */
enum tare_status tare_npy_parse(const uint8_t *bytes, size_t n_bytes,
                                struct tare_npy *npy, struct tare_error *err);

#endif /* TARE_DATASETS_NPY_H */
