/* kernels/u8_conv/u8_conv_pack_matrix.h - the instruction sets that
 * tare_u8_conv_pack_matrix() has functions for. Private to this folder. */
#ifndef TARE_KERNELS_U8_CONV_PACK_MATRIX_H
#define TARE_KERNELS_U8_CONV_PACK_MATRIX_H

#include "kernels/u8_conv/u8_conv_walk.h"

/** Pack the rows [0, 4 * n_steps) of TARE_U8_CONV_BLOCK columns that begin at `b`, and
 *  add what they are less the zero point to `sums`. @param stride  bytes from row to
 *  row. TARE_CPU_VNNI. */
void tare_u8_conv_pack_steps__vnni(const uint8_t *b, int64_t stride, int64_t n_steps,
                                   int8_t *packed, int32_t *sums);

/** What tare_u8_conv_pack_columns__avx2() takes at once. */
enum { TARE_U8_CONV_PACK_COLUMNS = 8, TARE_U8_CONV_PACK_ROWS = 32 };

/** Pack the rows [0, n_rows), a multiple of TARE_U8_CONV_PACK_ROWS, of
 *  TARE_U8_CONV_PACK_COLUMNS columns, each of them contiguous, of a block of `width`,
 *  and add what they are less the zero point to `sums`. @param stride  bytes from
 *  column to column. TARE_CPU_AVX2. */
void tare_u8_conv_pack_columns__avx2(const uint8_t *b, int64_t stride, int64_t n_rows,
                                     int64_t width, int8_t *packed, int32_t *sums);

#endif /* TARE_KERNELS_U8_CONV_PACK_MATRIX_H */
