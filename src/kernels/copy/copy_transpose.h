/* kernels/copy/copy_transpose.h - small dense transpositions. */
#ifndef TARE_KERNELS_COPY_TRANSPOSE_H
#define TARE_KERNELS_COPY_TRANSPOSE_H

#include <stdint.h>

/** dst[i * dst_step + j * elem_bytes] = src[i * elem_bytes + j * src_step] for i <
 * rows, j < columns; steps in bytes, src_step of either sign. elem_bytes 1, 4 or 8. */
void tare_copy_transpose(int32_t elem_bytes, int64_t rows, int64_t columns,
                         const char *src, int64_t src_step, char *dst,
                         int64_t dst_step);

/** dst[i * dst_step] = src[i * src_step], i < n. */
void tare_copy_strided(int32_t elem_bytes, int64_t n, const char *src, int64_t src_step,
                       char *dst, int64_t dst_step);

#endif /* TARE_KERNELS_COPY_TRANSPOSE_H */
