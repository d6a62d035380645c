/* datasets/convert.h - numbers of one type as numbers of another. */
#ifndef TARE_DATASETS_CONVERT_H
#define TARE_DATASETS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tare/tensor.h"

/**
 * The same values in another type: float32 takes the nearest one that it has; integers
 * and bool want the very value, so whole numbers in their range, 0 or 1. Between equal
 * types bytes are copied.
 * @param src   [n] of type `from`, any alignment  @param[out] dst  [n] of type `to`
 * @param name  of the array, for messages
 * @retval TARE_E_FORMAT       A value has no place in `to`.
 * @retval TARE_E_UNSUPPORTED  `to` is a float type other than float32 and `from`.
 */
enum tare_status tare_convert(const char *name, enum tare_dtype from,
                              const uint8_t *src, enum tare_dtype to, void *dst,
                              size_t n, struct tare_error *err);

#endif /* TARE_DATASETS_CONVERT_H */
