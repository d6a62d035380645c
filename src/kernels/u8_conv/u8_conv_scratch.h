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
    size_t spare_bytes; /* see tare_u8_conv_spare(), which of it are for pixels, ... */
    size_t spare_pixels;
    size_t spare_starts; /* ... for what their sums start from ... */
    size_t spare_firsts; /* ... for where their entries begin ... */
    size_t spare_rests;  /* ... and for these */
};

/** @retval false  They do not fit a size_t. */
bool tare_u8_conv_scratch(const struct tare_u8_conv_plan *plan,
                          struct tare_u8_conv_scratch *out);

/** What is multiplied apart from the other inputs of a pixel, in one step. */
struct tare_u8_conv_rest {
    int32_t step;
    uint8_t bytes[4];
};

enum { TARE_U8_CONV_MOST_SLOTS = 64 };

/** A part of scratch that the walk does not use, for variants that bring inputs and
 *  weights into another form: all segments of each pixel of a pixel block, or of all, a
 *  list of what is multiplied apart, and some blocks of channels. What
 *  tare_u8_winograd() takes may be in its place. */
struct tare_u8_conv_spare {
    size_t offset;  /* of the pixels, in bytes; a multiple of TARE_ALIGN */
    int64_t pitch;  /* bytes from pixel to pixel: 32 more than twice what it has */
    bool by_blocks; /* room for all pixels: they are one row, and weights are far */
    /* In bytes from `offset` on, multiples of TARE_ALIGN: */
    size_t starts; /* an int32 for each pixel */
    size_t firsts; /* an int64 for each pixel, and one more */
    size_t rests;  /* the list */
    int64_t most_rests;
    size_t slots;       /* blocks of channels, of each: */
    int64_t slot_bytes; /* two bytes a weight, and an int32 a channel */
    int64_t n_slots;
};

struct tare_u8_conv_spare tare_u8_conv_spare(const struct tare_u8_conv_plan *plan);

#endif /* TARE_KERNELS_U8_CONV_SCRATCH_H */
