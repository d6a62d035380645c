/* engine/border.h - what the user gives or gets an input or output as, and
 * the codes that floats are held as. */
#ifndef TARE_ENGINE_BORDER_H
#define TARE_ENGINE_BORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/format.h"
#include "graph/graph.h"
#include "tare/tensor.h"

struct tare_border {
    bool is_set; /* false: as the model has it, in ONNX's order */
    enum tare_dtype dtype;
    enum tare_format format;
    float scale; /* of the int8 that stands for a float tensor; else 0 */
};

/** May a tensor that is `model_dtype` in the model be bound so? Float32 may be another
 *  float or bytes; what is no float32 keeps its type. */
bool tare_border_valid(const struct tare_border *border, enum tare_dtype model_dtype);

/** The code of a value: docs/numerics.md, "Quantize". */
uint8_t tare_quant_code(const struct tare_quant *to, float value);

#endif /* TARE_ENGINE_BORDER_H */
