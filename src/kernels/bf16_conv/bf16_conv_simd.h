/* kernels/bf16_conv/bf16_conv_simd.h - the body of the AVX2, AVX-512 and NEON files,
 * which define CONV_NAME. */
#include "kernels/bf16_conv/bf16_conv.h"

#define HALF_LOAD  lanes_load_bf16
#define HALF_STORE lanes_store_bf16
#define HALF_WEIGHTS(pair, width, odd, v)                                              \
    ((odd) ? lanes_second_bf16((pair) + 2 * (v)) : lanes_first_bf16((pair) + 2 * (v)))
#include "kernels/half_conv/half_conv_simd.h"
