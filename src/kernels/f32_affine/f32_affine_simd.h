/* kernels/f32_affine/f32_affine_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define AFFINE_NAME. */
#include "kernels/f32_affine/f32_affine.h"
#include "kernels/lanes.h"

void AFFINE_NAME(int64_t channels, const float *x, const float *scale,
                 const float *shift, float *y, int64_t begin, int64_t end)
{
    for (int64_t pixel = begin; pixel < end; pixel++) {
        const float *from = x + pixel * channels;
        float *to = y + pixel * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
            const int64_t left = channels - c;
            const lanes v = lanes_fma(lanes_load_upto(from + c, left),
                                      lanes_load_upto(scale + c, left),
                                      lanes_load_upto(shift + c, left));
            lanes_store_upto(to + c, v, left);
        }
    }
}
