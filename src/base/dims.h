/* base/dims.h - arithmetic on shapes, overflow-checked. */
#ifndef TARE_BASE_DIMS_H
#define TARE_BASE_DIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "tare/tensor.h"

/** True when every axis is >= 0. */
bool tare_dims_known(const struct tare_dims *dims);
bool tare_dims_equal(const struct tare_dims *a, const struct tare_dims *b);

/** Product of the axes. Call it on shapes that passed tare_dims_bytes(). */
int64_t tare_dims_count(const struct tare_dims *dims);

/** Bytes of a dense tensor; false when an axis is unknown, the rank is out of range or
 *  the product does not fit in INT64_MAX / 2. */
bool tare_dims_bytes(const struct tare_dims *dims, enum tare_dtype dtype, size_t *out);

#define TARE_DIMS_TEXT 192
/** "1x3x224x224" ("scalar" for rank 0, "?" for an unknown axis). Returns `text`. */
const char *tare_dims_print(const struct tare_dims *dims, char text[TARE_DIMS_TEXT]);

#endif /* TARE_BASE_DIMS_H */
