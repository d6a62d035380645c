/* kernels/u8_conv/u8_conv_rows.h - where each pixel's segments start: the row table of
 * a pixel block. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_ROWS_H
#define TARE_KERNELS_U8_CONV_ROWS_H

#include "kernels/u8_conv/u8_conv_walk.h"

/** Longest kernel row, in bytes, that is worth being copied; a copy has as many bytes
 *  more behind it. */
enum { TARE_U8_CONV_GATHERED = 32 };

/** The row table of one pixel block, and what it is built from. */
struct tare_u8_conv_row_table {
    const struct tare_u8_conv_plan *plan;
    const uint8_t *x;
    int in_zero_point;
    const uint8_t *padding;
    const uint8_t **rows;
    uint8_t *copies;
    size_t copy_bytes;
};

/** Fill it for the pixels [begin, end). */
void tare_u8_conv_fill_rows(const struct tare_u8_conv_row_table *t, int64_t begin,
                            int64_t end);

/** Bring the rows of each of the tiles [tile_begin, tile_end), filled before, to equal
 *  distances. */
void tare_u8_conv_even_rows(const struct tare_u8_conv_row_table *t, int64_t tile_begin,
                            int64_t tile_end);

#endif /* TARE_KERNELS_U8_CONV_ROWS_H */
