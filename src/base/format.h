/* base/format.h - the formats of include/tare/format.h as strides. */
#ifndef TARE_BASE_FORMAT_H
#define TARE_BASE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "tare/format.h"

enum { TARE_FORMAT_COUNT = TARE_CDHW32 + 1, TARE_FORMAT_MAX_PARTS = 2 };

/** Elements whose places in a format are those of a strided block; strides and offset
 *  count elements. The axes are ONNX's; where the channels are grouped, the last one is
 *  inside a group. */
struct tare_format_part {
    int32_t rank;
    int64_t dims[TARE_MAX_RANK];
    int64_t strides[TARE_MAX_RANK];
    int64_t offset;
    int32_t channel; /* axis of the groups of channels, -1: none */
    int64_t group;   /* channels of one */
    int64_t first;   /* channel that the block begins with */
};

/**
 * A tensor as one part, or two where the last group of channels is not full.
 * @param dims  for which tare_format_bytes() has found no fault.
 * @return how many there are: 0 for a tensor without elements.
 */
size_t tare_format_parts(const struct tare_dims *dims, enum tare_format format,
                         struct tare_format_part parts[TARE_FORMAT_MAX_PARTS]);

/** Where the block is in memory that has `strides`, of whatever unit, along ONNX's
 * axes.
 *  @param[out] part_strides  [part->rank]
 *  @return its offset. */
int64_t tare_format_elsewhere(const struct tare_format_part *part,
                              const int64_t *strides, int64_t *part_strides);

/** Whether there are gaps between the elements of such a tensor. */
bool tare_format_is_padded(const struct tare_dims *dims, enum tare_format format);

/** Linear, or HWC of rank 4: what kernels know. */
static inline bool tare_format_is_plain(const struct tare_dims *dims,
                                        enum tare_format format)
{
    return format == TARE_LINEAR || (format == TARE_HWC && dims->rank == 4);
}

#endif /* TARE_BASE_FORMAT_H */
