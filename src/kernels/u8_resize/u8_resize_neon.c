/* NEON: see u8_resize_simd.h. */
#define RESIZE_NAME tare_u8_resize__neon_u8
#include "kernels/u8_resize/u8_resize_simd.h"
