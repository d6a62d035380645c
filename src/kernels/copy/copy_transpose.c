/* Transposition in square blocks that fit in registers, with SSE2 or NEON: every x86-64
 * has the one, every aarch64 the other, and moving data needs no more. */
#include "kernels/copy/copy_transpose.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__) || defined(__aarch64__)
#include "kernels/bytes16.h"
#define HAS_BLOCKS
#endif

void tare_copy_strided(int32_t elem_bytes, int64_t n, const char *src, int64_t src_step,
                       char *dst, int64_t dst_step)
{
    /* memcpy of a constant size is one load and one store */
    if (elem_bytes == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * dst_step, src + i * src_step, 4);
    else if (elem_bytes == 8)
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * dst_step, src + i * src_step, 8);
    else if (elem_bytes == 2)
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * dst_step, src + i * src_step, 2);
    else
        for (int64_t i = 0; i < n; i++)
            dst[i * dst_step] = src[i * src_step];
}

/* The plain way, and the edges of the other: the longer loop is the inner one. */
static void transpose_plain(int32_t elem_bytes, int64_t rows, int64_t columns,
                            const char *src, int64_t src_step, char *dst,
                            int64_t dst_step)
{
    if (rows < columns)
        for (int64_t i = 0; i < rows; i++)
            tare_copy_strided(elem_bytes, columns, src + i * elem_bytes, src_step,
                              dst + i * dst_step, elem_bytes);
    else
        for (int64_t j = 0; j < columns; j++)
            tare_copy_strided(elem_bytes, rows, src + j * src_step, elem_bytes,
                              dst + j * elem_bytes, dst_step);
}

#if defined(HAS_BLOCKS)

static inline void block_4x4(const char *src, int64_t src_step, char *dst,
                             int64_t dst_step)
{
    bytes16 row[4];
    for (int64_t i = 0; i < 4; i++)
        row[i] = bytes16_load(src + i * src_step);
    bytes16_transpose_4x4(row);
    for (int64_t i = 0; i < 4; i++)
        bytes16_store(dst + i * dst_step, row[i]);
}

static inline void block_16x16(const char *src, int64_t src_step, char *dst,
                               int64_t dst_step)
{
    bytes16 row[16];
    for (int64_t i = 0; i < 16; i++)
        row[i] = bytes16_load(src + i * src_step);
    bytes16_transpose(row);
    for (int64_t i = 0; i < 16; i++)
        bytes16_store(dst + i * dst_step, row[i]);
}

/* Two blocks side by side: half a cache line of the source at a time keeps few enough
 * lines of the destination open for strides that share a cache set. */
static void transpose_4(int64_t rows, int64_t columns, const char *src,
                        int64_t src_step, char *dst, int64_t dst_step)
{
    for (int64_t i = 0; i < rows; i += 8)
        for (int64_t j = 0; j < columns; j += 4)
            for (int64_t k = i; k < rows && k < i + 8; k += 4)
                block_4x4(src + 4 * k + j * src_step, src_step,
                          dst + k * dst_step + 4 * j, dst_step);
}

static void transpose_1(int64_t rows, int64_t columns, const char *src,
                        int64_t src_step, char *dst, int64_t dst_step)
{
    for (int64_t i = 0; i < rows; i += 16)
        for (int64_t j = 0; j < columns; j += 16)
            block_16x16(src + i + j * src_step, src_step, dst + i * dst_step + j,
                        dst_step);
}

void tare_copy_transpose(int32_t elem_bytes, int64_t rows, int64_t columns,
                         const char *src, int64_t src_step, char *dst, int64_t dst_step)
{
    const int64_t block = elem_bytes == 4 ? 4 : 16;
    int64_t whole_rows = rows / block * block, whole_columns = columns / block * block;
    const bool is_plain = elem_bytes != 1 && elem_bytes != 4;
    if (is_plain || whole_columns == 0) whole_rows = 0;
    if (whole_rows == 0) whole_columns = 0;
    if (elem_bytes == 4)
        transpose_4(whole_rows, whole_columns, src, src_step, dst, dst_step);
    else if (elem_bytes == 1)
        transpose_1(whole_rows, whole_columns, src, src_step, dst, dst_step);

    transpose_plain(elem_bytes, whole_rows, columns - whole_columns,
                    src + whole_columns * src_step, src_step,
                    dst + whole_columns * elem_bytes, dst_step);
    transpose_plain(elem_bytes, rows - whole_rows, columns,
                    src + whole_rows * elem_bytes, src_step,
                    dst + whole_rows * dst_step, dst_step);
}

#else

void tare_copy_transpose(int32_t elem_bytes, int64_t rows, int64_t columns,
                         const char *src, int64_t src_step, char *dst, int64_t dst_step)
{
    transpose_plain(elem_bytes, rows, columns, src, src_step, dst, dst_step);
}

#endif
