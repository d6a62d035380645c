/* kernels/u8_epilogue.h - how INT8 kernels turn an int32 sum into an output value. */
#ifndef TARE_KERNELS_U8_EPILOGUE_H
#define TARE_KERNELS_U8_EPILOGUE_H

#include <stdint.h>

/**
 * In float32, in this order, for output channel c and its value's index i:
 *
 *     v = fmaf((float)acc, multiplier[c], bias[c])
 *     if has_residual:  v = fmaf((float)(residual[i] - residual_zero_point),
 *                                residual_scale, v)
 *     v = v < 0 ? v * negative_slope : v            1 leaves v as it is
 *     v = v > lower ? v : lower
 *     v = v < upper ? v : upper
 *     y[i] = out_f32 ? v : (uint8_t)(rint(v) + out_zero_point)
 *
 * All parameters are finite (lower and upper may be infinite when out_f32); without
 * out_f32 lower and upper plus out_zero_point lie in [0, 255]. Zero points lie in
 * [0, 255]. Stored in engine files.
 */
struct tare_u8_epilogue {
    float negative_slope;
    float lower, upper;
    float residual_scale;
    int32_t residual_zero_point;
    int32_t out_zero_point;
    int32_t has_residual; /* 0 or 1 */
    int32_t out_f32;      /* 0: y is uint8, 1: y is float */
};

/** Most products u8 * s8 that an int32 sum holds for every input: 2^31 / (255 * 128).
 */
#define TARE_U8_MAX_TERMS INT64_C(65793)

#endif /* TARE_KERNELS_U8_EPILOGUE_H */
