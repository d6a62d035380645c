#include "base/dims.h"

#include <stdio.h>

#include "base/mem.h"

static const struct {
    const char *name;
    int n_bytes;
} dtypes[] = {
    [TARE_F32] = {"float32", 4},   [TARE_U8] = {"uint8", 1},
    [TARE_S8] = {"int8", 1},       [TARE_S32] = {"int32", 4},
    [TARE_S64] = {"int64", 8},     [TARE_BOOL] = {"bool", 1},
    [TARE_F64] = {"float64", 8},   [TARE_F16] = {"float16", 2},
    [TARE_S16] = {"int16", 2},     [TARE_U16] = {"uint16", 2},
    [TARE_U32] = {"uint32", 4},    [TARE_U64] = {"uint64", 8},
    [TARE_BF16] = {"bfloat16", 2},
};

int tare_dtype_bytes(enum tare_dtype dtype)
{
    return dtypes[dtype].n_bytes;
}

const char *tare_dtype_name(enum tare_dtype dtype)
{
    return dtypes[dtype].name;
}

bool tare_dims_known(const struct tare_dims *dims)
{
    for (int i = 0; i < dims->rank; i++)
        if (dims->d[i] < 0) return false;
    return true;
}

bool tare_dims_equal(const struct tare_dims *a, const struct tare_dims *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->d[i] != b->d[i]) return false;
    return true;
}

int64_t tare_dims_count(const struct tare_dims *dims)
{
    int64_t n = 1;
    for (int i = 0; i < dims->rank; i++)
        n *= dims->d[i];
    return n;
}

bool tare_dims_bytes(const struct tare_dims *dims, enum tare_dtype dtype, size_t *out)
{
    if (dims->rank < 0 || dims->rank > TARE_MAX_RANK) return false;
    size_t n = (size_t)tare_dtype_bytes(dtype);
    for (int i = 0; i < dims->rank; i++)
        if (dims->d[i] < 0 || !tare_mul_size(n, (size_t)dims->d[i], &n) ||
            n > (size_t)INT64_MAX / 2)
            return false;
    *out = n;
    return true;
}

const char *tare_dims_print(const struct tare_dims *dims, char text[TARE_DIMS_TEXT])
{
    if (dims->rank == 0) {
        (void)snprintf(text, TARE_DIMS_TEXT, "scalar");
        return text;
    }
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < dims->rank && used < TARE_DIMS_TEXT; i++) {
        const char *sep = i ? "x" : "";
        const int n = dims->d[i] < 0
                          ? snprintf(text + used, TARE_DIMS_TEXT - used, "%s?", sep)
                          : snprintf(text + used, TARE_DIMS_TEXT - used, "%s%lld", sep,
                                     (long long)dims->d[i]);
        if (n < 0) break;
        used += (size_t)n;
    }
    return text;
}
