#include "engine/border.h"

#include <math.h>

bool tare_border_valid(const struct tare_border *border, enum tare_dtype model_dtype)
{
    if (border->dtype == model_dtype) return border->scale == 0.0F;
    if (model_dtype != TARE_F32) return false;
    switch (border->dtype) {
    case TARE_F16:
    case TARE_BF16:
    case TARE_U8: return border->scale == 0.0F;
    case TARE_S8: return isnormal(border->scale) && border->scale > 0.0F;
    default: return false;
    }
}

uint8_t tare_quant_code(const struct tare_quant *to, float value)
{
    const float least = (float)(to->lowest - to->zero_point);
    const float most = (float)(255 - to->zero_point);
    float v = value / to->scale;
    v = v > least ? v : least; /* NaN counts as the least, as when quantizing */
    v = v < most ? v : most;
    return (uint8_t)((int)rintf(v) + to->zero_point);
}
