/* kernels/f32_epilogue.h - what every float32 kernel can do with a value before storing
 * it. */
#ifndef TARE_KERNELS_F32_EPILOGUE_H
#define TARE_KERNELS_F32_EPILOGUE_H

#include <stdint.h>

/**
 * In this order, each step rounded to float32:
 *     v = v + bias[c]                       (convolutions)
 *     v = v + residual                      (has_residual)
 *     v = v < 0 ? v * negative_slope : v
 *     v = lower > v ? lower : v
 *     v = upper < v ? upper : v
 * NaN comes out as NaN, and -0 survives bounds of 0. Nothing at all is slope 1 and
 * bounds -INFINITY, INFINITY; ReLU is slope 1 and bounds 0, INFINITY. The bounds are
 * not NaN. Stored in engine files.
 */
struct tare_f32_epilogue {
    int32_t has_residual;
    float negative_slope;
    float lower, upper;
};

/** The steps behind the residual. */
static inline float tare_f32_finish(const struct tare_f32_epilogue *e, float v)
{
    v = v < 0.0f ? v * e->negative_slope : v;
    v = e->lower > v ? e->lower : v;
    return e->upper < v ? e->upper : v;
}

#endif /* TARE_KERNELS_F32_EPILOGUE_H */
