/* A matrix of bytes to the order of the kernels, for every run. */
#include <string.h>

#include "kernels/u8_conv/u8_conv_pack_matrix.h"

/* Four rows of a block. Those behind the matrix and the columns beside it are at their
 * zero point: packed they are zeros, as the weights there. */
struct step {
    const uint8_t *rows[4];
    uint8_t copies[4][TARE_U8_CONV_BLOCK]; /* of rows that are not whole */
};

static void read_step(struct step *step, const uint8_t *b, int64_t n_rows,
                      int64_t stride, int64_t n_columns, int64_t width)
{
    for (int64_t i = 0; i < 4; i++) {
        const bool exists = i < n_rows;
        if (exists && n_columns == width) {
            step->rows[i] = b + i * stride;
            continue;
        }
        step->rows[i] = step->copies[i];
        memset(step->copies[i], TARE_U8_CONV_MATRIX_ZERO, sizeof step->copies[i]);
        if (exists) memcpy(step->copies[i], b + i * stride, (size_t)n_columns);
    }
}

/* The bytes of a column side by side, less the zero point: for bytes, 128 less is the
 * highest bit turned. Compilers make vectors of these loops. */
static void write_step(const struct step *step, int64_t width, uint8_t *restrict packed,
                       int32_t *restrict sums)
{
    const uint8_t *b0 = step->rows[0], *b1 = step->rows[1];
    const uint8_t *b2 = step->rows[2], *b3 = step->rows[3];
    for (int64_t c = 0; c < width; c++) {
        packed[4 * c] = b0[c] ^ TARE_U8_CONV_MATRIX_ZERO;
        packed[4 * c + 1] = b1[c] ^ TARE_U8_CONV_MATRIX_ZERO;
        packed[4 * c + 2] = b2[c] ^ TARE_U8_CONV_MATRIX_ZERO;
        packed[4 * c + 3] = b3[c] ^ TARE_U8_CONV_MATRIX_ZERO;
    }
    for (int64_t c = 0; c < width; c++) {
        const uint16_t sum = (uint16_t)(b0[c] + b1[c] + b2[c] + b3[c]);
        sums[c] += sum - 4 * TARE_U8_CONV_MATRIX_ZERO;
    }
}

/* The first steps of a block of `width` columns, where there is a function for them.
 * Gives how many those are. */
static int64_t pack_first_steps(const uint8_t *b, int64_t stride, int64_t n_steps,
                                int64_t n_columns, int8_t *packed, int32_t *sums)
{
#if defined(TARE_BUILD_X86)
    if (n_columns == TARE_U8_CONV_BLOCK && tare_cpu_flags() & TARE_CPU_VNNI) {
        tare_u8_conv_pack_steps__vnni(b, stride, n_steps, packed, sums);
        return n_steps;
    }
#else
    (void)b, (void)stride, (void)n_steps, (void)n_columns, (void)packed, (void)sums;
#endif
    return 0;
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
        int64_t i = 4 * pack_first_steps(b + first, n, k / 4, columns, to, sums);
        for (to += i * width; i < k; i += 4, to += 4 * width) {
            struct step step;
            read_step(&step, b + i * n + first, k - i, n, columns, width);
            write_step(&step, width, (uint8_t *)to, sums);
        }
        for (int64_t c = 0; c < columns; c++)
            acc_init[first + c] = -p->in_zero_point * sums[c];
    }
}
