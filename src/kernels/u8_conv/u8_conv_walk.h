/* kernels/u8_conv/u8_conv_walk.h - what the variants of u8_conv share: how a layer is
 * cut into tiles, and the walk over them. Private to this folder.
 *
 * A layer is an implicit matrix product: a row per output pixel, a column per output
 * channel. The window of a pixel is a list of segments, stretches of the input that are
 * contiguous in memory: a kernel row's taps where they lie side by side (one group, no
 * dilation along the row, no slice), else single taps. Segments are consumed in steps
 * of 4 bytes; weights behind a segment's end are zero, so it does not matter what is
 * read there. Where kernel rows are short and no multiple of 4 bytes, as in a network's
 * first layer, the whole window is copied to be one segment. */
#ifndef TARE_KERNELS_U8_CONV_WALK_H
#define TARE_KERNELS_U8_CONV_WALK_H

#include "kernels/u8_conv/u8_conv.h"

enum {
    TARE_U8_CONV_ROWS = 14,   /* pixels in a tile, at most */
    TARE_U8_CONV_TILES = 4,   /* tiles in a pixel block */
    TARE_U8_CONV_BLOCK = 32,  /* channels in a block; the last of a group may be ... */
    TARE_U8_CONV_NARROW = 16, /* ... this wide instead */
    TARE_U8_CONV_PITCH = TARE_U8_CONV_ROWS * TARE_U8_CONV_TILES
};

/** The numbers that follow from a layer's shape. */
struct tare_u8_conv_plan {
    struct tare_window window; /* pitches set; pointwise layers: one row of pixels */
    bool gathers;              /* the window is copied to be one segment */
    int64_t segment_taps;      /* taps in a segment */
    int64_t segments_per_row;
    int64_t n_segments;
    int64_t segment_bytes;
    int64_t n_steps; /* steps of 4 bytes in a segment */
    int64_t group_in, group_out;
    int64_t blocks_per_group;
    int64_t n_blocks;
    int64_t n_pixels, n_tiles, n_pixel_blocks;
    int64_t tile_pixels, longer_tiles; /* the first tiles have one pixel more */
    int64_t block_tiles;               /* tiles in a pixel block, but the last */
    int64_t n_splits; /* units that share a pixel block, each with its own channels */
    int64_t block_bytes; /* packed weights of a block that is not the last of a group */
    bool weights_are_far; /* they do not fit the second-level cache */
    bool pixels_inside;   /* consecutive units share channels, not a pixel block */
};

struct tare_u8_conv_plan tare_u8_conv_plan(const struct tare_u8_conv *p);

/** All pixels at equal distances, as tare_u8_conv_plan() joins them; none beside the
 *  input. */
bool tare_u8_conv_is_one_row(const struct tare_window *w);

/** Is there padding? */
bool tare_u8_conv_touches_padding(const struct tare_window *w);

/** Can tiles be had whose rows lie at equal distances? */
bool tare_u8_conv_has_even_rows(const struct tare_u8_conv_plan *plan);

/** Where a unit lies. */
struct tare_u8_conv_unit {
    int64_t pixel_block, split;
};

static inline struct tare_u8_conv_unit
tare_u8_conv_unit(const struct tare_u8_conv_plan *plan, int64_t unit)
{
    if (plan->pixels_inside)
        return (struct tare_u8_conv_unit){unit % plan->n_pixel_blocks,
                                          unit / plan->n_pixel_blocks};
    return (struct tare_u8_conv_unit){unit / plan->n_splits, unit % plan->n_splits};
}

/** The unit behind, which needs no division. */
static inline struct tare_u8_conv_unit
tare_u8_conv_next_unit(const struct tare_u8_conv_plan *plan,
                       struct tare_u8_conv_unit unit)
{
    if (plan->pixels_inside) {
        if (++unit.pixel_block == plan->n_pixel_blocks) {
            unit.pixel_block = 0;
            unit.split++;
        }
    } else if (++unit.split == plan->n_splits) {
        unit.split = 0;
        unit.pixel_block++;
    }
    return unit;
}

/** First pixel of tile `t`; tiles differ by one pixel at most. */
int64_t tare_u8_conv_tile_begin(const struct tare_u8_conv_plan *plan, int64_t t);

/** Channels in packed block `b` of a group, fillers included. */
int64_t tare_u8_conv_block_width(const struct tare_u8_conv_plan *plan, int64_t b);

/** Where a block's packed weights start: [n_segments][n_steps][width][4]. */
int64_t tare_u8_conv_block_offset(const struct tare_u8_conv_plan *plan, int64_t group,
                                  int64_t b);

/** What of a tile is more than padding that is zero, which adds nothing: a variant may
 *  leave out the rest. A tile is one row of pixels or two here. */
struct tare_u8_conv_needs {
    int64_t row_pixels;               /* all n_rows, or half of them */
    int64_t row_begin[2], row_end[2]; /* the segments that either row needs, of two */
    /* Of every segment, a row's first pixel needs the steps from first_begin on, and
     * its last one those before last_end; first_begin <= last_end. */
    int64_t first_begin, last_end;
};

/** One tile: n_rows consecutive pixels, the n_channels real channels of one block. */
struct tare_u8_conv_tile {
    /* Segment s of pixel i starts at rows[s * TARE_U8_CONV_PITCH + i] + row_offset. */
    const uint8_t *const *rows;
    int64_t row_offset;
    int64_t n_segments, n_steps;
    int64_t block; /* of channels, of all groups' */
    const int8_t *weights;
    int64_t width; /* TARE_U8_CONV_BLOCK or TARE_U8_CONV_NARROW */
    /* What to fetch during the first step, from there on two cache lines, and how much
     * further that is in each one behind, less than two lines: what is there already
     * where nothing is wanted. */
    const char *fetch;
    int64_t fetch_step;
    int64_t n_rows, n_channels;
    int64_t n_tiles;    /* the consecutive tiles that are taken as one here */
    int64_t first_rows; /* of n_rows, those of the first of them */
    const struct tare_u8_conv_needs *needs;
    /* At the block's first channel (and the tile's first pixel): */
    const int32_t *acc_init;
    const float *multiplier, *bias;
    const uint8_t *residual; /* NULL without one */
    uint8_t *y_u8;           /* NULL with out_f32 */
    float *y_f32;            /* NULL without out_f32 */
    int64_t pixel_stride;    /* elements of y */
    int64_t residual_stride; /* elements of residual */
    const struct tare_u8_epilogue *epilogue;
    void *state; /* the variant's own */
};

/** All pixels of a layer of one group, for a block of channels: its width, and what the
 *  epilogue reads. */
struct tare_u8_conv_tile
tare_u8_conv_tile_of_block(const struct tare_u8_conv_plan *plan,
                           const struct tare_u8_conv *p,
                           const struct tare_u8_conv_data *d, int64_t block);

typedef void tare_u8_conv_tile_fn(const struct tare_u8_conv_tile *tile);

/** How a variant wants its tiles. */
struct tare_u8_conv_style {
    /* NULL, or is given all pixels of a pixel block, and all segments of a group,
     * before compute is given some of the pixels; no padding is left out then. */
    tare_u8_conv_tile_fn *prepare;
    tare_u8_conv_tile_fn *compute;
    void *state;         /* for the tiles; or NULL */
    int64_t at_once;     /* consecutive tiles that are computed as one, up to all of a
                            block: 0 and 1 are one */
    int64_t fetch_tiles; /* compute fetches what is read next, during all steps of so
                            many tiles; 0: it does not */
    bool row_tiles; /* A tile is a row of pixels or two, where rows are short and that
                       lets more padding be left out. Tiles are computed as one where
                       there is no such padding, and the first ones have one pixel
                       more than others at most. */
    bool even_rows; /* Each tile's rows of a segment lie at equal distances, and may be
                       read up to the next multiple of TARE_ALIGN bytes. Needs
                       tare_u8_conv_has_even_rows(). */
};

/** Compute the units [begin, end). */
void tare_u8_conv_walk(const struct tare_u8_conv *p, const struct tare_u8_conv_data *d,
                       void *scratch, int64_t begin, int64_t end,
                       const struct tare_u8_conv_style *style);

#endif /* TARE_KERNELS_U8_CONV_WALK_H */
