/* kernels/u8_epilogue_ref.h - the epilogue in plain C, for the reference kernels. */
#ifndef TARE_KERNELS_U8_EPILOGUE_REF_H
#define TARE_KERNELS_U8_EPILOGUE_REF_H

#include <math.h>
#include <stdint.h>

#include "kernels/u8_epilogue.h"

/** From negative_slope on: store `v` as y[at]. */
static inline void tare_u8_epilogue_store_ref(const struct tare_u8_epilogue *e, float v,
                                              void *y, int64_t at)
{
    v = v < 0.0f ? v * e->negative_slope : v;
    v = v > e->lower ? v : e->lower;
    v = v < e->upper ? v : e->upper;
    if (e->out_f32)
        ((float *)y)[at] = v;
    else
        ((uint8_t *)y)[at] = (uint8_t)((int32_t)rintf(v) + e->out_zero_point);
}

/** The whole epilogue for the value y[at]; `residual` points at its residual. */
static inline void tare_u8_epilogue_ref(const struct tare_u8_epilogue *e, int32_t acc,
                                        float multiplier, float bias,
                                        const uint8_t *residual, void *y, int64_t at)
{
    float v = fmaf((float)acc, multiplier, bias);
    if (e->has_residual)
        v = fmaf((float)(*residual - e->residual_zero_point), e->residual_scale, v);
    tare_u8_epilogue_store_ref(e, v, y, at);
}

#endif /* TARE_KERNELS_U8_EPILOGUE_REF_H */
