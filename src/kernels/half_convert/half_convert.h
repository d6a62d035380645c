/* kernels/half_convert/half_convert.h - float32 from and to 16-bit floats. */
#ifndef TARE_KERNELS_HALF_CONVERT_H
#define TARE_KERNELS_HALF_CONVERT_H

#include <stdint.h>

#include "kernels/select.h"

enum tare_half_convert_op {
    TARE_CONVERT_F16_F32 = 0, /* exact */
    TARE_CONVERT_BF16_F32 = 1,
    TARE_CONVERT_F32_F16 =
        2, /* to the nearest, ties to even; infinity above the range */
    TARE_CONVERT_F32_BF16 = 3,
    TARE_CONVERT_COUNT = 4
};

/**
 * dst[i] = src[i] for i < n, as base/half.h converts, to the bit; 16-bit floats are
 * uint16_t. Touches nothing behind either array; dst does not overlap src.
 */
typedef void tare_half_convert_fn(int32_t op, const void *src, void *dst, int64_t n);

#define TARE_UKERNEL(isa, name, tile) tare_half_convert_fn name;
#include "kernels/half_convert/half_convert.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_half_convert);

#endif /* TARE_KERNELS_HALF_CONVERT_H */
