/* tare/tensor.h - element types and shapes, shared by every other header. */
#ifndef TARE_TENSOR_H
#define TARE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Element type. Values are stored in engine files: append only. */
enum tare_dtype {
    TARE_F32 = 0,
    TARE_U8 = 1,
    TARE_S8 = 2,
    TARE_S32 = 3,
    TARE_S64 = 4,
    TARE_BOOL = 5,
    TARE_F64 = 6,
    TARE_F16 = 7,
    TARE_S16 = 8,
    TARE_U16 = 9,
    TARE_U32 = 10,
    TARE_U64 = 11,
    TARE_BF16 = 12 /**< the upper half of a float32 */
};

/** Largest number of axes of a tensor. */
#define TARE_MAX_RANK 8

/** A shape. Rank 0 is a scalar. An axis of unknown length is -1. */
struct tare_dims {
    int32_t rank;
    int64_t d[TARE_MAX_RANK];
};

/** The shapes that an input may have: min <= opt <= max on every axis. */
struct tare_shape_range {
    struct tare_dims min, opt, max;
};

/** Where a tensor's values come from, when they follow from another tensor's. */
struct tare_origin {
    bool follows;    /**< false: from no other's. */
    bool is_clipped; /**< They are min(max(x, 0), upper), else x, in any order, where */
    float upper;     /**< is above 0, INFINITY for none, and x the values of */
    size_t tensor;   /**< an earlier one, which follows from none. */
};

/** Bytes of one element. */
TARE_API int tare_dtype_bytes(enum tare_dtype dtype);
/** "float32", "uint8", … as NumPy names it. Static storage. */
TARE_API const char *tare_dtype_name(enum tare_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif /* TARE_TENSOR_H */
