/* kernels/u8_conv/u8_conv_scratch.h - how the scratch of u8_conv is cut. Private to
 * this folder. */
#ifndef TARE_KERNELS_U8_CONV_SCRATCH_H
#define TARE_KERNELS_U8_CONV_SCRATCH_H

#include "kernels/u8_conv/u8_conv_walk.h"

/** The parts of the scratch block, in this order. */
struct tare_u8_conv_scratch {
    size_t padding_bytes; /* a segment of padding, for any group */
    size_t table_bytes;   /* rows[n_segments][TARE_U8_CONV_PITCH] */
    size_t copy_bytes;    /* one segment that is partly padding, or out of line */
    size_t copies_bytes;  /* all of these */
    size_t spare_bytes;   /* see tare_u8_conv_spare(), which of it are for pixels ... */
    size_t spare_pixels;
    size_t spare_own; /* ... and for their own products */
};

/** @retval false  They do not fit a size_t. */
bool tare_u8_conv_scratch(const struct tare_u8_conv_plan *plan,
                          struct tare_u8_conv_scratch *out);

enum { TARE_U8_CONV_MOST_SLOTS = 64 };

/** A part of scratch that the walk does not use, for variants that widen to 16 bits:
 * room for all segments of each pixel of a pixel block, or of all, and for the weights
 * of some blocks of channels. What tare_u8_winograd() takes may be in its place.
 */
struct tare_u8_conv_spare {
    size_t offset;  /* of the pixels, in bytes; a multiple of TARE_ALIGN */
    int64_t pitch;  /* from pixel to pixel, in 16 bits: at least 16 more than it has */
    bool by_blocks; /* room for all pixels: they are one row, and weights are far */
    size_t own;     /* an int32 for each pixel; in bytes from `offset` on, as ... */
    size_t slots;   /* ... these, multiples of TARE_ALIGN */
    int64_t slot_bytes; /* weights of a block, and an int32 of each channel */
    int64_t n_slots; /* blocks of TARE_U8_CONV_BLOCK channels; 0 where there are too few
                        pixels for it to pay */
};

struct tare_u8_conv_spare tare_u8_conv_spare(const struct tare_u8_conv_plan *plan);

#endif /* TARE_KERNELS_U8_CONV_SCRATCH_H */
