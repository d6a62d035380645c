/* Reference: the definition the other variants are compared with. */
#include <math.h>

#include "kernels/f32_affine/f32_affine.h"

void tare_f32_affine__ref(int64_t channels, const float *x, const float *scale,
                          const float *shift, float *y, int64_t begin, int64_t end)
{
    for (int64_t i = begin * channels; i < end * channels; i++)
        y[i] = fmaf(x[i], scale[i % channels], shift[i % channels]);
}
