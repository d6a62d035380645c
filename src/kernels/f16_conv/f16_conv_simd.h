/* kernels/f16_conv/f16_conv_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define CONV_NAME. */
#include "kernels/f16_conv/f16_conv.h"

#define HALF_LOAD                         lanes_load_f16
#define HALF_STORE                        lanes_store_f16
#define HALF_WEIGHTS(pair, width, odd, v) lanes_load_f16((pair) + (odd) * (width) + (v))
#include "kernels/half_conv/half_conv_simd.h"
