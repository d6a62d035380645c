/* kernels/f32_conv/f32_conv_plan.h - how a convolution is cut into tiles, and where
 * their inputs lie: the part that all variants share. */
#ifndef TARE_KERNELS_F32_CONV_PLAN_H
#define TARE_KERNELS_F32_CONV_PLAN_H

#include "kernels/f32_conv/f32_conv.h"

#define TARE_F32_CONV_ROWS  INT64_C(48) /* most output pixels of a tile */
#define TARE_F32_CONV_PANEL INT64_C(5)  /* tiles whose weights are read together */
#define TARE_F32_CONV_BLOCK                                                            \
    INT64_C(32)                        /* output channels of packed weights' blocks    \
                                        */
#define TARE_F32_CONV_GROUP INT64_C(4) /* blocks whose inputs are read together */

/**
 * A unit is a tile of pixels by a block of channels. Units are ordered so that those of
 * a panel of tiles and a group of blocks follow each other: a kernel takes as many
 * together as it is given. Inputs are `runs` stretches of `run_length` consecutive
 * floats for each pixel: one a tap, or one a kernel row where a row's taps are
 * neighbours in memory and so few channels that a stretch a tap would be too short. The
 * packed weights of a group of the convolution are its blocks, [run][run_length][width]
 * each, where width is TARE_F32_CONV_BLOCK, or 16 for a last block that needs no more.
 */
struct tare_f32_conv_plan {
    int64_t pixels, tiles;               /* of all images together */
    int64_t tile_pixels, longer_tiles;   /* these first ones have a pixel more */
    int64_t panel_rows;                  /* most pixels of a panel */
    int64_t group_inputs, group_outputs; /* channels of one group */
    int64_t group_blocks, blocks;        /* of one group, of all */
    int64_t depth;                       /* runs * run_length */
    int64_t runs, run_length;
    int64_t in_pitch;
    bool whole_rows;    /* a run is a kernel row */
    bool panels_inside; /* all panels with one group of blocks, then with the next */
    /* scratch: pointers, zeros, patches, sums */
    size_t zeros_at, patches_at, sums_at, scratch_bytes;
};

/** @retval false when a size does not fit. */
bool tare_f32_conv_plan(const struct tare_window *w, struct tare_f32_conv_plan *plan);

/** Where one block lies in the input, the weights and the output. */
struct tare_f32_conv_block {
    int64_t first_input;             /* channel of the group */
    int64_t weights_offset;          /* in floats */
    int64_t width;                   /* of the block's rows in the packed weights */
    int64_t first_output, n_outputs; /* channels */
};

struct tare_f32_conv_block tare_f32_conv_block(const struct tare_f32_conv_plan *plan,
                                               int64_t block);

/** Neighbouring tiles by neighbouring blocks, which have their inputs in common. */
struct tare_f32_conv_area {
    int64_t first_pixel, n_pixels; /* of plan->panel_rows at most */
    int64_t first_block, n_blocks; /* of TARE_F32_CONV_GROUP at most */
    int64_t n_units;
};

/** The largest area that units [begin, end) start with. */
struct tare_f32_conv_area tare_f32_conv_area(const struct tare_f32_conv_plan *plan,
                                             int64_t begin, int64_t end);

/** Clear the part of the scratch that stands for padding; once for each call of a
 *  kernel. */
void tare_f32_conv_begin(const struct tare_f32_conv_plan *plan, void *scratch);

/** The part of the scratch for unfinished sums of an area. */
float *tare_f32_conv_sums(const struct tare_f32_conv_plan *plan, void *scratch);

/**
 * Point at the inputs of an area, from channel first_input on:
 * result[run * plan->panel_rows + i] for pixel first_pixel + i. The table, and copies
 * of stretches that reach over a border, live in the scratch until the next call.
 */
const float *const *tare_f32_conv_inputs(const struct tare_f32_conv_plan *plan,
                                         const struct tare_window *w, const float *x,
                                         const struct tare_f32_conv_area *area,
                                         int64_t first_input, void *scratch);

#endif /* TARE_KERNELS_F32_CONV_PLAN_H */
