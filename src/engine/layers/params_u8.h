/* engine/layers/params_u8.h - parameters of INT8 layers: the kernels' structs, stored
 * as they are, and those that hold such. */
#ifndef TARE_ENGINE_LAYERS_PARAMS_U8_H
#define TARE_ENGINE_LAYERS_PARAMS_U8_H

#include <stdbool.h>

#include "engine/layers/params.h"
#include "engine/plan.h"
#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_binary/u8_binary.h"
#include "kernels/u8_conv/u8_conv.h"
#include "kernels/u8_depthwise/u8_depthwise.h"
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"
#include "kernels/u8_pool/u8_pool.h"
#include "kernels/u8_resize/u8_resize.h"
#include "kernels/u8_table/u8_table.h"

/** The product of two activations, of which b has TARE_U8_CONV_MATRIX_ZERO. Inputs a,
 * b, multiplier [n], bias [n]. */
struct tare_u8_matmul_params {
    struct tare_matmul_params matmul;
    int32_t a_zero_point;
    int32_t reserved; /* 0 */
    struct tare_u8_epilogue epilogue;
};

/** After clamping and adding the zero point, is a value a byte? */
bool tare_u8_epilogue_valid(const struct tare_u8_epilogue *e);

/** How floats become a tensor of codes, one behind the other. (layers/convert.c) */
struct tare_f32_u8_quantize tare_layer_quantization(const struct tare_plan_tensor *y);

#endif /* TARE_ENGINE_LAYERS_PARAMS_U8_H */
