#include "datasets/convert.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

/* Elements as float32, and as whole numbers: the index of the first that is none, or
 * n. */
#define READ(type_name, type, to_float, to_whole)                                      \
    static void type_name##_floats(const uint8_t *src, size_t n, float *dst)           \
    {                                                                                  \
        for (size_t i = 0; i < n; i++) {                                               \
            type value;                                                                \
            memcpy(&value, src + i * sizeof value, sizeof value);                      \
            dst[i] = to_float(value);                                                  \
        }                                                                              \
    }                                                                                  \
    static size_t type_name##_wholes(const uint8_t *src, size_t n, int64_t *dst)       \
    {                                                                                  \
        for (size_t i = 0; i < n; i++) {                                               \
            type value;                                                                \
            memcpy(&value, src + i * sizeof value, sizeof value);                      \
            if (!to_whole(value, &dst[i])) return i;                                   \
        }                                                                              \
        return n;                                                                      \
    }

static bool real_to_whole(double value, int64_t *whole)
{
    if (!(value >= -0x1p63 && value < 0x1p63) || floor(value) != value) return false;
    *whole = (int64_t)value;
    return true;
}

static bool u64_to_whole(uint64_t value, int64_t *whole)
{
    *whole = (int64_t)(value & INT64_MAX);
    return value <= INT64_MAX;
}

static bool s64_to_whole(int64_t value, int64_t *whole)
{
    *whole = value;
    return true;
}

static bool half_to_whole(uint16_t value, int64_t *whole)
{
    return real_to_whole((double)tare_half_to_float(value), whole);
}

static bool f32_to_whole(float value, int64_t *whole)
{
    return real_to_whole((double)value, whole);
}

#define CAST(value) ((float)(value))
READ(f16, uint16_t, tare_half_to_float, half_to_whole)
READ(f32, float, CAST, f32_to_whole)
READ(f64, double, CAST, real_to_whole)
READ(s8, int8_t, CAST, s64_to_whole)
READ(u8, uint8_t, CAST, s64_to_whole)
READ(s16, int16_t, CAST, s64_to_whole)
READ(u16, uint16_t, CAST, s64_to_whole)
READ(s32, int32_t, CAST, s64_to_whole)
READ(u32, uint32_t, CAST, s64_to_whole)
READ(s64, int64_t, CAST, s64_to_whole)
READ(u64, uint64_t, CAST, u64_to_whole)

/* Whole numbers to a type, until one is out of its range. */
#define WRITE(type_name, type, least, most)                                            \
    static size_t type_name##_write(const int64_t *src, size_t n, void *dst)           \
    {                                                                                  \
        type *to = dst;                                                                \
        for (size_t i = 0; i < n; i++) {                                               \
            if (src[i] < (least) || src[i] > (most)) return i;                         \
            to[i] = (type)src[i];                                                      \
        }                                                                              \
        return n;                                                                      \
    }

WRITE(bool, uint8_t, 0, 1)
WRITE(s8, int8_t, INT8_MIN, INT8_MAX)
WRITE(u8, uint8_t, 0, UINT8_MAX)
WRITE(s16, int16_t, INT16_MIN, INT16_MAX)
WRITE(u16, uint16_t, 0, UINT16_MAX)
WRITE(s32, int32_t, INT32_MIN, INT32_MAX)
WRITE(u32, uint32_t, 0, UINT32_MAX)
WRITE(s64, int64_t, INT64_MIN, INT64_MAX)
WRITE(u64, uint64_t, 0, INT64_MAX)

static const struct {
    void (*floats)(const uint8_t *src, size_t n, float *dst);
    size_t (*wholes)(const uint8_t *src, size_t n, int64_t *dst);
    size_t (*write)(const int64_t *src, size_t n, void *dst);
} types[] = {
    [TARE_F32] = {f32_floats, f32_wholes, NULL},
    [TARE_U8] = {u8_floats, u8_wholes, u8_write},
    [TARE_S8] = {s8_floats, s8_wholes, s8_write},
    [TARE_S32] = {s32_floats, s32_wholes, s32_write},
    [TARE_S64] = {s64_floats, s64_wholes, s64_write},
    [TARE_BOOL] = {u8_floats, u8_wholes, bool_write},
    [TARE_F64] = {f64_floats, f64_wholes, NULL},
    [TARE_F16] = {f16_floats, f16_wholes, NULL},
    [TARE_S16] = {s16_floats, s16_wholes, s16_write},
    [TARE_U16] = {u16_floats, u16_wholes, u16_write},
    [TARE_U32] = {u32_floats, u32_wholes, u32_write},
    [TARE_U64] = {u64_floats, u64_wholes, u64_write},
};

static enum tare_status has_no_place(const char *name, enum tare_dtype from,
                                     const uint8_t *element, size_t i,
                                     enum tare_dtype to, struct tare_error *err)
{
    float value;
    types[from].floats(element, 1, &value);
    return tare_error_set(err, TARE_E_FORMAT, "%s: element %zu is %.9g, no %s: want %s",
                          name, i, (double)value, tare_dtype_name(to),
                          to == TARE_BOOL ? "0 or 1" : "a whole number in its range");
}

enum tare_status tare_convert(const char *name, enum tare_dtype from,
                              const uint8_t *src, enum tare_dtype to, void *dst,
                              size_t n, struct tare_error *err)
{
    enum { CHUNK = 512 };
    int64_t chunk[CHUNK];
    const size_t from_bytes = (size_t)tare_dtype_bytes(from);
    const size_t to_bytes = (size_t)tare_dtype_bytes(to);
    if (from == to) {
        memcpy(dst, src, n * to_bytes);
        return TARE_OK;
    }
    if (to == TARE_F32) {
        types[from].floats(src, n, dst);
        return TARE_OK;
    }
    TARE_FAIL_IF(!types[to].write, err, TARE_E_UNSUPPORTED,
                 "%s: %s cannot be made of %s: save it in that type", name,
                 tare_dtype_name(to), tare_dtype_name(from));
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t wanted = n - i < CHUNK ? n - i : CHUNK;
        const size_t n_read = types[from].wholes(src + i * from_bytes, wanted, chunk);
        const size_t n_fine =
            types[to].write(chunk, n_read, (uint8_t *)dst + i * to_bytes);
        if (n_fine < wanted)
            return has_no_place(name, from, src + (i + n_fine) * from_bytes, i + n_fine,
                                to, err);
    }
    return TARE_OK;
}
