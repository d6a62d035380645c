/* A matrix of bytes to the order of the kernels, for every run. */
#include <string.h>

#include "kernels/u8_conv/u8_conv_walk.h"

/* Four rows of a block, those behind the matrix and the columns beside it at their zero
 * point: packed they are zeros, as the weights there. */
struct step {
    uint8_t rows[4][TARE_U8_CONV_BLOCK];
};

static void read_step(struct step *step, const uint8_t *b, int64_t n_rows,
                      int64_t stride, int64_t n_columns)
{
    if (n_rows < 4 || n_columns < TARE_U8_CONV_BLOCK)
        memset(step, TARE_U8_CONV_MATRIX_ZERO, sizeof *step);
    for (int64_t i = 0; i < n_rows && i < 4; i++)
        memcpy(step->rows[i], b + i * stride, (size_t)n_columns);
}

/* The bytes of a column side by side, less the zero point: for bytes, 128 less is the
 * highest bit turned. */
static void write_step(const struct step *step, int64_t width, int8_t *packed,
                       int32_t sums[TARE_U8_CONV_BLOCK])
{
    for (int64_t c = 0; c < width; c++) {
        const uint32_t b0 = step->rows[0][c], b1 = step->rows[1][c];
        const uint32_t b2 = step->rows[2][c], b3 = step->rows[3][c];
        const uint32_t word = (b0 | b1 << 8 | b2 << 16 | b3 << 24) ^ 0x80808080U;
        memcpy(packed + 4 * c, &word, sizeof word);
        sums[c] += (int32_t)(b0 + b1 + b2 + b3) - 4 * TARE_U8_CONV_MATRIX_ZERO;
    }
}

int64_t tare_u8_conv_pack_matrix_units(const struct tare_u8_conv *p)
{
    return tare_u8_conv_plan(p).n_blocks;
}

void tare_u8_conv_pack_matrix(const struct tare_u8_conv *p, const uint8_t *b,
                              int8_t *packed, int32_t *acc_init, int64_t begin,
                              int64_t end)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const int64_t k = p->window.in_c, n = p->window.out_c;
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block * TARE_U8_CONV_BLOCK;
        const int64_t columns =
            n - first < TARE_U8_CONV_BLOCK ? n - first : TARE_U8_CONV_BLOCK;
        const int64_t width = tare_u8_conv_block_width(&plan, block);
        int8_t *to = packed + tare_u8_conv_block_offset(&plan, 0, block);
        int32_t sums[TARE_U8_CONV_BLOCK] = {0};
        for (int64_t i = 0; i < k; i += 4, to += 4 * width) {
            struct step step;
            read_step(&step, b + i * n + first, k - i, n, columns);
            write_step(&step, width, to, sums);
        }
        for (int64_t c = 0; c < columns; c++)
            acc_init[first + c] = -p->in_zero_point * sums[c];
    }
}
