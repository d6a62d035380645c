/* engine/layers/params_u8.h - the kernel structs that INT8 layers store as they are. */
#ifndef TARE_ENGINE_LAYERS_PARAMS_U8_H
#define TARE_ENGINE_LAYERS_PARAMS_U8_H

#include "kernels/f32_u8_quantize/f32_u8_quantize.h"
#include "kernels/u8_add/u8_add.h"
#include "kernels/u8_conv/u8_conv.h"
#include "kernels/u8_depthwise/u8_depthwise.h"
#include "kernels/u8_f32_dequantize/u8_f32_dequantize.h"
#include "kernels/u8_pool/u8_pool.h"
#include "kernels/u8_table/u8_table.h"

#endif /* TARE_ENGINE_LAYERS_PARAMS_U8_H */
