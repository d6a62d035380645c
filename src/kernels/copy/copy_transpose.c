/* Transposition in square blocks that fit in registers, with SSE2 where there is any:
 * every x86-64 has it, and moving data needs no more. */
#include "kernels/copy/copy_transpose.h"

#include <stdbool.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#include <xmmintrin.h>
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

#if defined(__SSE2__)

static inline void block_4x4(const char *src, int64_t src_step, char *dst,
                             int64_t dst_step)
{
    __m128 a = _mm_loadu_ps((const float *)(const void *)src);
    __m128 b = _mm_loadu_ps((const float *)(const void *)(src + src_step));
    __m128 c = _mm_loadu_ps((const float *)(const void *)(src + 2 * src_step));
    __m128 d = _mm_loadu_ps((const float *)(const void *)(src + 3 * src_step));
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps((float *)(void *)dst, a);
    _mm_storeu_ps((float *)(void *)(dst + dst_step), b);
    _mm_storeu_ps((float *)(void *)(dst + 2 * dst_step), c);
    _mm_storeu_ps((float *)(void *)(dst + 3 * dst_step), d);
}

/* One pass of perfect shuffles moves one bit of the column number into the row number;
 * four of them transpose. */
static inline void shuffle_16x16(const __m128i in[16], __m128i out[16])
{
    for (int64_t i = 0; i < 8; i++) {
        out[2 * i] = _mm_unpacklo_epi8(in[i], in[i + 8]);
        out[2 * i + 1] = _mm_unpackhi_epi8(in[i], in[i + 8]);
    }
}

static inline void block_16x16(const char *src, int64_t src_step, char *dst,
                               int64_t dst_step)
{
    __m128i a[16], b[16];
    for (int64_t i = 0; i < 16; i++)
        a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * src_step));
    shuffle_16x16(a, b);
    shuffle_16x16(b, a);
    shuffle_16x16(a, b);
    shuffle_16x16(b, a);
    for (int64_t i = 0; i < 16; i++)
        _mm_storeu_si128((__m128i *)(void *)(dst + i * dst_step), a[i]);
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
