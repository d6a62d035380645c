/* base/shape_list.h - shapes by name, in trtexec's syntax. */
#ifndef TARE_BASE_SHAPE_LIST_H
#define TARE_BASE_SHAPE_LIST_H

#include "base/error.h"
#include "tare/tensor.h"

/**
 * "name:1x3x224x224[,name:...]"; the name may be left out where there is one input.
 * @param names  [n] of the inputs
 * @param least  length of an axis, 0 or 1
 * @param[out] dims  [n]; rank -1: not named
 * @retval TARE_E_ARG  Not of that form, no such input, or named twice.
 */
enum tare_status tare_shape_list_parse(const char *list, const char *const *names,
                                       size_t n, int64_t least, struct tare_dims *dims,
                                       struct tare_error *err);

#endif /* TARE_BASE_SHAPE_LIST_H */
