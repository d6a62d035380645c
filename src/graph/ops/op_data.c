/* Reading, writing and moving the elements of constants. */
#include <math.h>
#include <string.h>

#include "graph/ops/ops.h"

static const uint8_t *element(const struct tare_const *constant, int64_t i)
{
    return (const uint8_t *)constant->data + i * tare_dtype_bytes(constant->dtype);
}

int64_t tare_const_get_int(const struct tare_const *constant, int64_t i)
{
    const uint8_t *at = element(constant, i);
    int64_t s64;
    int32_t s32;
    uint32_t u32;
    int16_t s16;
    uint16_t u16;
    switch (constant->dtype) {
    case TARE_S64:
    case TARE_U64: memcpy(&s64, at, sizeof s64); return s64;
    case TARE_S32: memcpy(&s32, at, sizeof s32); return s32;
    case TARE_U32: memcpy(&u32, at, sizeof u32); return u32;
    case TARE_S16: memcpy(&s16, at, sizeof s16); return s16;
    case TARE_U16: memcpy(&u16, at, sizeof u16); return u16;
    case TARE_S8: return at[0] - 2 * (at[0] & 0x80);
    default: return at[0];
    }
}

double tare_const_get(const struct tare_const *constant, int64_t i)
{
    if (constant->dtype == TARE_U64)
        return (double)(uint64_t)tare_const_get_int(constant, i);
    if (constant->dtype != TARE_F32) return (double)tare_const_get_int(constant, i);
    float f32;
    memcpy(&f32, element(constant, i), sizeof f32);
    return (double)f32;
}

void tare_const_set_int(struct tare_const *constant, int64_t i, int64_t value)
{
    const size_t n_bytes = (size_t)tare_dtype_bytes(constant->dtype);
    uint8_t *at = (uint8_t *)constant->data + (size_t)i * n_bytes;
    if (constant->dtype == TARE_BOOL) value = value != 0;
    for (size_t b = 0; b < n_bytes; b++)
        at[b] = (uint8_t)((uint64_t)value >> (8 * b));
}

const double *tare_dtype_range(enum tare_dtype dtype)
{
    static const double range[][2] = {
        [TARE_U8] = {0.0, 255.0},
        [TARE_S8] = {-128.0, 127.0},
        [TARE_S32] = {-2147483648.0, 2147483647.0},
        [TARE_S64] = {-9223372036854775808.0, 9223372036854774784.0},
        [TARE_BOOL] = {0.0, 1.0},
        [TARE_S16] = {-32768.0, 32767.0},
        [TARE_U16] = {0.0, 65535.0},
        [TARE_U32] = {0.0, 4294967295.0},
        [TARE_U64] = {0.0, 18446744073709549568.0},
    };
    return range[dtype];
}

void tare_const_set(struct tare_const *constant, int64_t i, double value)
{
    if (constant->dtype == TARE_F32) {
        const float f32 = (float)value;
        memcpy((uint8_t *)constant->data + (size_t)i * sizeof f32, &f32, sizeof f32);
    } else if (constant->dtype == TARE_BOOL) {
        tare_const_set_int(constant, i, value != 0.0);
    } else if (constant->dtype == TARE_U64) {
        const uint64_t u64 = (uint64_t)tare_clamp(tare_dtype_range(TARE_U64), value);
        tare_const_set_int(constant, i, (int64_t)u64);
    } else {
        tare_const_set_int(
            constant, i, (int64_t)tare_clamp(tare_dtype_range(constant->dtype), value));
    }
}

void tare_dims_strides(const struct tare_dims *dims, int64_t stride[TARE_MAX_RANK])
{
    uint64_t n = 1; /* wraps for a tensor of no elements, whose strides nobody uses */
    for (int32_t i = dims->rank - 1; i >= 0; i--) {
        stride[i] = (int64_t)n;
        n *= (uint64_t)dims->d[i];
    }
}

void tare_broadcast_strides(const struct tare_dims *from, const struct tare_dims *to,
                            int64_t stride[TARE_MAX_RANK])
{
    int64_t dense[TARE_MAX_RANK];
    tare_dims_strides(from, dense);
    const int32_t lead = to->rank - from->rank;
    for (int32_t i = 0; i < to->rank; i++)
        stride[i] = i < lead || from->d[i - lead] == 1 ? 0 : dense[i - lead];
}

bool tare_dims_next(const struct tare_dims *dims, int64_t index[TARE_MAX_RANK],
                    int64_t *const offsets[], const int64_t *const strides[], size_t n)
{
    for (int32_t axis = dims->rank - 1; axis >= 0; axis--) {
        const bool carry = index[axis] + 1 == dims->d[axis];
        const int64_t step = carry ? -index[axis] : 1;
        index[axis] += step;
        for (size_t i = 0; i < n; i++)
            *offsets[i] += step * strides[i][axis];
        if (!carry) return true;
    }
    return false;
}

static void copy_row(const struct tare_strided_copy *copy, int64_t n, int64_t src,
                     int64_t src_stride, int64_t dst, int64_t dst_stride)
{
    const int64_t elem = (int64_t)copy->elem_bytes;
    if (src_stride == 1 && dst_stride == 1) {
        memcpy(copy->dst + dst * elem, copy->src + src * elem, (size_t)(n * elem));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(copy->dst + (dst + i * dst_stride) * elem,
               copy->src + (src + i * src_stride) * elem, copy->elem_bytes);
}

void tare_strided_copy_run(const struct tare_strided_copy *copy)
{
    for (int32_t i = 0; i < copy->dims.rank; i++)
        if (copy->dims.d[i] == 0) return;

    struct tare_dims outer = copy->dims;
    const int32_t last = outer.rank - 1;
    if (outer.rank) outer.rank--;
    int64_t index[TARE_MAX_RANK] = {0};
    int64_t src = 0, dst = 0;
    int64_t *const offsets[] = {&src, &dst};
    const int64_t *const strides[] = {copy->src_stride, copy->dst_stride};
    do {
        if (last < 0)
            copy_row(copy, 1, src, 1, dst, 1);
        else
            copy_row(copy, copy->dims.d[last], src, copy->src_stride[last], dst,
                     copy->dst_stride[last]);
    } while (tare_dims_next(&outer, index, offsets, strides, 2));
}
