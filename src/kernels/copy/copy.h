/* kernels/copy/copy.h - strided copies: slices, concatenation, padding, transposition,
 * changes of layout. */
#ifndef TARE_KERNELS_COPY_H
#define TARE_KERNELS_COPY_H

#include <stdint.h>

#define TARE_COPY_MAX_RANK 8

/** An n-d copy, outermost axis first, strides in bytes. Source strides may be negative
 *  (a reversed slice) or 0 (broadcast); source and destination do not overlap. Made by
 *  tare_copy_plan(), stored in engine files. */
struct tare_copy {
    int32_t elem_bytes; /* 1, 2, 4 or 8 */
    int32_t rank;
    int64_t dims[TARE_COPY_MAX_RANK];
    int64_t src_strides[TARE_COPY_MAX_RANK];
    int64_t dst_strides[TARE_COPY_MAX_RANK]; /* >= 0 */
};

/** Describe dst[i...] = src[i...] over dims, merging and reordering axes so that it
 * runs well. Strides in bytes, multiples of elem_bytes; rank <= TARE_COPY_MAX_RANK;
 * dims >= 0; destination strides > 0 on axes longer than 1. */
void tare_copy_plan(int32_t elem_bytes, int32_t rank, const int64_t *dims,
                    const int64_t *src_strides, const int64_t *dst_strides,
                    struct tare_copy *copy);

/** Units of work; 0 when there is nothing to copy. */
int64_t tare_copy_units(const struct tare_copy *copy);

/** Units [begin, end). `src` and `dst` point at element [0, 0, ...]. Any alignment that
 *  suits the element. */
void tare_copy_run(const struct tare_copy *copy, const void *src, void *dst,
                   int64_t begin, int64_t end);

/** n elements of elem_bytes (1, 2, 4 or 8), each the low bytes of `pattern`. */
void tare_fill(int32_t elem_bytes, uint64_t pattern, int64_t n, void *dst);

#endif /* TARE_KERNELS_COPY_H */
