/* NEON: see half_convert_simd.h. */
#define CONVERT_NAME tare_half_convert__neon
#include "kernels/half_convert/half_convert_simd.h"
