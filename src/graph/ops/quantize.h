/* graph/ops/quantize.h - levels as ONNX's quantized operators define them. */
#ifndef TARE_GRAPH_OPS_QUANTIZE_H
#define TARE_GRAPH_OPS_QUANTIZE_H

#include <stdint.h>

#include "graph/ops/ops.h"

/* The types of levels that are made; DequantizeLinear also reads int32. */
#define TARE_IS_BYTE  (TARE_IS(TARE_U8) | TARE_IS(TARE_S8))
#define TARE_IS_LEVEL (TARE_IS_BYTE | TARE_IS(TARE_U16) | TARE_IS(TARE_S16))

/** The least and the greatest level of a type of TARE_IS_LEVEL. */
struct tare_level_range {
    int64_t least, most;
};
struct tare_level_range tare_level_range(enum tare_dtype dtype);

/** `x`, a value divided by its scale, rounded to the nearest integer (halves to even),
 *  plus the zero point, saturated. NaN is the least level. */
int64_t tare_quantize_level(float x, int64_t zero_point, struct tare_level_range range);

#endif /* TARE_GRAPH_OPS_QUANTIZE_H */
