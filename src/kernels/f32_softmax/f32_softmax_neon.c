/* NEON: see f32_softmax_simd.h. */
#define SOFTMAX_NAME tare_f32_softmax__neon
#include "kernels/f32_softmax/f32_softmax_simd.h"
