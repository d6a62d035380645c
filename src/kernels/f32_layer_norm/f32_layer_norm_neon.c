/* NEON: see f32_layer_norm_simd.h. */
#define LAYER_NORM_NAME tare_f32_layer_norm__neon
#include "kernels/f32_layer_norm/f32_layer_norm_simd.h"
