/* AVX-512, 32 elements a step: see u8_binary_simd.h. */
#define BINARY_NAME tare_u8_binary__vnni_u32
#include "kernels/u8_binary/u8_binary_simd.h"
