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

/* The block that begins at `b`, of rows that are contiguous. */
static void pack_rows(const uint8_t *b, int64_t stride, int64_t k, int64_t n_columns,
                      int64_t width, int8_t *packed, int32_t *sums)
{
    int64_t i = 4 * pack_first_steps(b, stride, k / 4, n_columns, packed, sums);
    for (packed += i * width; i < k; i += 4, packed += 4 * width) {
        struct step step;
        read_step(&step, b + i * stride, k - i, stride, n_columns, width);
        write_step(&step, width, (uint8_t *)packed, sums);
    }
}

/* The bytes [begin, k) of a column that is contiguous, in words of four. */
static void pack_column(const uint8_t *column, int64_t begin, int64_t k, int64_t width,
                        int8_t *packed, int32_t *sum)
{
    const uint32_t zeros = TARE_U8_CONV_MATRIX_ZERO * UINT32_C(0x01010101);
    int32_t added = 0;
    for (int64_t i = begin; i < k; i++)
        added += column[i];
    *sum += added - (int32_t)(k - begin) * TARE_U8_CONV_MATRIX_ZERO;
    uint32_t word;
    int64_t i = begin;
    for (; i + 4 <= k; i += 4) {
        memcpy(&word, column + i, sizeof word);
        word ^= zeros;
        memcpy(packed + i * width, &word, sizeof word);
    }
    if (i == k) return;
    word = zeros;
    memcpy(&word, column + i, (size_t)(k - i));
    word ^= zeros;
    memcpy(packed + i * width, &word, sizeof word);
}

/* The first columns of a block, up to the row that is given, where there is a function
 * for them. Gives how many those are. */
static int64_t pack_first_columns(const uint8_t *b, int64_t stride, int64_t k,
                                  int64_t n_columns, int64_t width, int8_t *packed,
                                  int32_t *sums, int64_t *n_rows)
{
    int64_t c = 0;
    *n_rows = 0;
#if defined(TARE_BUILD_X86)
    if (!(tare_cpu_flags() & TARE_CPU_AVX2)) return 0;
    *n_rows = k - k % TARE_U8_CONV_PACK_ROWS;
    for (; c + TARE_U8_CONV_PACK_COLUMNS <= n_columns; c += TARE_U8_CONV_PACK_COLUMNS)
        tare_u8_conv_pack_columns__avx2(b + c * stride, stride, *n_rows, width,
                                        packed + 4 * c, sums + c);
#else
    (void)b, (void)stride, (void)k, (void)n_columns, (void)width, (void)packed;
    (void)sums;
#endif
    return c;
}

/* The block that begins at `b`, of columns that are contiguous: nothing needs to be
 * taken apart but words. */
static void pack_columns(const uint8_t *b, int64_t stride, int64_t k, int64_t n_columns,
                         int64_t width, int8_t *packed, int32_t *sums)
{
    int64_t n_rows;
    const int64_t n =
        pack_first_columns(b, stride, k, n_columns, width, packed, sums, &n_rows);
    for (int64_t c = 0; c < n_columns; c++)
        pack_column(b + c * stride, c < n ? n_rows : 0, k, width, packed + 4 * c,
                    &sums[c]);
    for (int64_t i = 0; i < k && n_columns < width; i += 4)
        memset(packed + i * width + 4 * n_columns, 0, 4 * (size_t)(width - n_columns));
}

int64_t tare_u8_conv_pack_matrix_units(const struct tare_u8_conv *p)
{
    return tare_u8_conv_plan(p).n_blocks;
}

void tare_u8_conv_pack_matrix(const struct tare_u8_conv *p, const uint8_t *b,
                              int64_t row_stride, int64_t column_stride, int8_t *packed,
                              int32_t *acc_init, int64_t begin, int64_t end)
{
    const struct tare_u8_conv_plan plan = tare_u8_conv_plan(p);
    const int64_t k = p->window.in_c, n = p->window.out_c;
    for (int64_t block = begin; block < end; block++) {
        const int64_t first = block * TARE_U8_CONV_BLOCK;
        const int64_t columns =
            n - first < TARE_U8_CONV_BLOCK ? n - first : TARE_U8_CONV_BLOCK;
        const int64_t width = tare_u8_conv_block_width(&plan, block);
        const uint8_t *from = b + first * column_stride;
        int8_t *to = packed + tare_u8_conv_block_offset(&plan, 0, block);
        int32_t sums[TARE_U8_CONV_BLOCK] = {0};
        if (column_stride == 1)
            pack_rows(from, row_stride, k, columns, width, to, sums);
        else
            pack_columns(from, column_stride, k, columns, width, to, sums);
        for (int64_t c = 0; c < columns; c++)
            acc_init[first + c] = -p->in_zero_point * sums[c];
    }
}
