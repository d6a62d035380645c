/* NEON, 8 elements a step: see u8_binary_simd.h. */
#define BINARY_NAME tare_u8_binary__neon_u8
#include "kernels/u8_binary/u8_binary_simd.h"
