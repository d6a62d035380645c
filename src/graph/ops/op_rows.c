/* Walking broadcast tensors a row at a time, and reading rows of any type in blocks. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* Append `axis` of the output, or join it with the axis before it, where every input
 * goes on as if the two were one. */
static void add_axis(struct tare_rows *rows, int64_t length,
                     int64_t stride[TARE_ROWS_MAX][TARE_MAX_RANK], int32_t axis)
{
    const int32_t last = rows->outer.rank - 1;
    bool joins = last >= 0;
    for (size_t i = 0; i < rows->n_inputs && joins; i++)
        joins = rows->stride[i][last] == stride[i][axis] * length;
    const int32_t at = joins ? last : rows->outer.rank++;
    rows->outer.d[at] = joins ? rows->outer.d[at] * length : length;
    for (size_t i = 0; i < rows->n_inputs; i++)
        rows->stride[i][at] = stride[i][axis];
}

bool tare_rows_begin(struct tare_rows *rows, const struct tare_dims *out,
                     const struct tare_dims *const inputs[], size_t n_inputs)
{
    int64_t stride[TARE_ROWS_MAX][TARE_MAX_RANK] = {{0}};
    *rows = (struct tare_rows){.n = 1, .n_inputs = n_inputs};
    if (tare_dims_count(out) == 0) return false;
    for (size_t i = 0; i < n_inputs; i++)
        tare_broadcast_strides(inputs[i], out, stride[i]);
    for (int32_t axis = 0; axis < out->rank; axis++)
        if (out->d[axis] != 1) add_axis(rows, out->d[axis], stride, axis);
    if (rows->outer.rank == 0) return true;
    const int32_t last = --rows->outer.rank;
    rows->n = rows->outer.d[last];
    for (size_t i = 0; i < n_inputs; i++)
        rows->step[i] = rows->stride[i][last];
    return true;
}

bool tare_rows_next(struct tare_rows *rows)
{
    int64_t *offsets[TARE_ROWS_MAX];
    const int64_t *strides[TARE_ROWS_MAX];
    for (size_t i = 0; i < rows->n_inputs; i++) {
        offsets[i] = &rows->at[i];
        strides[i] = rows->stride[i];
    }
    return tare_dims_next(&rows->outer, rows->index, offsets, strides, rows->n_inputs);
}

#define READ(type, out)                                                                \
    do {                                                                               \
        const type *from = (const type *)constant->data + at;                          \
        for (int64_t i = 0; i < n; i++)                                                \
            (out)[i] = from[i * step];                                                 \
    } while (0)

void tare_const_read_ints(const struct tare_const *constant, int64_t at, int64_t step,
                          int64_t n, int64_t *values)
{
    switch (constant->dtype) {
    case TARE_S64: READ(int64_t, values); break;
    case TARE_U64: READ(uint64_t, (uint64_t *)values); break;
    case TARE_S32: READ(int32_t, values); break;
    case TARE_U32: READ(uint32_t, values); break;
    case TARE_S16: READ(int16_t, values); break;
    case TARE_U16: READ(uint16_t, values); break;
    case TARE_S8: READ(int8_t, values); break;
    default: READ(uint8_t, values); break;
    }
    for (int64_t i = 0; constant->dtype == TARE_BOOL && i < n; i++)
        values[i] = values[i] != 0;
}

#define WRITE(type)                                                                    \
    do {                                                                               \
        type *to = (type *)constant->data + at;                                        \
        for (int64_t i = 0; i < n; i++)                                                \
            to[i] = (type)values[i];                                                   \
    } while (0)

void tare_const_write_ints(struct tare_const *constant, int64_t at, int64_t n,
                           const int64_t *values)
{
    uint8_t *bools = constant->data;
    switch (tare_dtype_bytes(constant->dtype)) {
    case 8: WRITE(int64_t); break;
    case 4: WRITE(uint32_t); break;
    case 2: WRITE(uint16_t); break;
    default: WRITE(uint8_t); break;
    }
    for (int64_t i = 0; constant->dtype == TARE_BOOL && i < n; i++)
        bools[at + i] = values[i] != 0;
}

void tare_const_read_doubles(const struct tare_const *constant, int64_t at,
                             int64_t step, int64_t n, double *values)
{
    if (constant->dtype == TARE_F32) {
        const float *from = (const float *)constant->data + at;
        for (int64_t i = 0; i < n; i++)
            values[i] = (double)from[i * step];
        return;
    }
    int64_t ints[TARE_BLOCK];
    for (int64_t done = 0; done < n; done += TARE_BLOCK) {
        const int64_t m = tare_block(n - done);
        tare_const_read_ints(constant, at + done * step, step, m, ints);
        for (int64_t i = 0; i < m; i++)
            values[done + i] = constant->dtype == TARE_U64 ? (double)(uint64_t)ints[i]
                                                           : (double)ints[i];
    }
}

void tare_const_write_doubles(struct tare_const *constant, int64_t at, int64_t n,
                              const double *values)
{
    if (constant->dtype == TARE_F32) {
        float *to = (float *)constant->data + at;
        for (int64_t i = 0; i < n; i++)
            to[i] = (float)values[i];
        return;
    }
    int64_t ints[TARE_BLOCK];
    const enum tare_dtype dtype = constant->dtype;
    const double *range = tare_dtype_range(dtype);
    for (int64_t done = 0; done < n; done += TARE_BLOCK) {
        const int64_t m = tare_block(n - done);
        for (int64_t i = 0; i < m; i++) {
            const double value = values[done + i];
            ints[i] = dtype == TARE_BOOL  ? value != 0.0
                      : dtype == TARE_U64 ? (int64_t)(uint64_t)tare_clamp(range, value)
                                          : (int64_t)tare_clamp(range, value);
        }
        tare_const_write_ints(constant, at + done, m, ints);
    }
}

/* Floats order as their bits do, once those of negative ones are turned round; both
 * zeros are 0 and NaN is above infinity. */
static int64_t float_key(float value)
{
    int32_t bits;
    if (value == 0.0F) return 0;
    if (isnan(value)) return INT64_MAX;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

void tare_const_read_keys(const struct tare_const *constant, int64_t at, int64_t step,
                          int64_t n, int64_t *keys)
{
    if (constant->dtype == TARE_F32) {
        const float *from = (const float *)constant->data + at;
        for (int64_t i = 0; i < n; i++)
            keys[i] = float_key(from[i * step]);
        return;
    }
    tare_const_read_ints(constant, at, step, n, keys);
    if (constant->dtype == TARE_U64) tare_ints_flip(keys, n);
}

void tare_ints_flip(int64_t *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        values[i] ^= INT64_MIN;
}
