/* onnx/printable.h - which names are accepted, and how others are shown. */
#ifndef TARE_ONNX_PRINTABLE_H
#define TARE_ONNX_PRINTABLE_H

#include <stdbool.h>

/** Not empty, valid UTF-8, no control characters: what a line of a calibration cache or
 *  a message can hold. */
bool tare_onnx_name_valid(const char *name);

/** `name` for use in a message: "(unprintable)" instead of an invalid one. */
const char *tare_onnx_shown(const char *name);

#endif /* TARE_ONNX_PRINTABLE_H */
