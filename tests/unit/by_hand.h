/* tests/unit/by_hand.h - what a binding is to have at the user's address, element by
 * element, from the definitions of the formats and types. */
#ifndef TARE_TESTS_BY_HAND_H
#define TARE_TESTS_BY_HAND_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dims.h"
#include "base/half.h"
#include "tare/engine.h"

static inline int64_t up(int64_t n, int64_t group)
{
    return (n + group - 1) / group * group;
}

/* Where element [n, c, i] is, i counting what lies behind the channels. */
static inline int64_t place(const char *format, int64_t c_all, int64_t i_all, int64_t n,
                            int64_t c, int64_t i)
{
    const char *digits = format + strcspn(format, "0123456789");
    const int64_t group = *digits ? strtol(digits, NULL, 10) : 1;
    const size_t letters = (size_t)(digits - format);
    if (format[letters - 1] == 'c') /* hwc and dhwc */
        return (n * i_all + i) * up(c_all, group) + c;
    const int64_t block = n * (up(c_all, group) / group) + c / group;
    return (block * i_all + i) * group + c % group;
}

static inline int64_t room(const char *format, int64_t c_all)
{
    const char *digits = format + strcspn(format, "0123456789");
    return up(c_all, *digits ? strtol(digits, NULL, 10) : 1);
}

static inline void encode(const struct tare_binding *b, float value, uint8_t *to)
{
    const uint16_t half = tare_half_from_float(value);
    const uint16_t bfloat16 = tare_bfloat16_from_float(value);
    const float level = fminf(fmaxf(value / b->scale, -127), 127);
    const int8_t signed_byte = (int8_t)lrintf(level);
    const uint8_t byte = (uint8_t)lrintf(fminf(fmaxf(value, 0), 255));
    switch (b->dtype) {
    case TARE_F32: memcpy(to, &value, sizeof value); return;
    case TARE_F16: memcpy(to, &half, sizeof half); return;
    case TARE_BF16: memcpy(to, &bfloat16, sizeof bfloat16); return;
    case TARE_S8: memcpy(to, &signed_byte, 1); return;
    default: *to = byte; return;
    }
}

static inline float decode(const struct tare_binding *b, const uint8_t *from)
{
    uint16_t half;
    float value;
    int8_t signed_byte;
    switch (b->dtype) {
    case TARE_F32: memcpy(&value, from, sizeof value); return value;
    case TARE_F16: memcpy(&half, from, sizeof half); return tare_half_to_float(half);
    case TARE_BF16:
        memcpy(&half, from, sizeof half);
        return tare_bfloat16_to_float(half);
    case TARE_S8: memcpy(&signed_byte, from, 1); return (float)signed_byte * b->scale;
    default: return (float)*from;
    }
}

/* The floats of a binding in ONNX's order to or from memory as the binding has it; what
 * pads it stays. */
static inline void by_hand(const struct tare_binding *b, float *floats, uint8_t *bytes,
                           bool encodes)
{
    const char *format = tare_format_name(b->format);
    const int64_t n_elems = tare_dims_count(&b->dims),
                  size = tare_dtype_bytes(b->dtype);
    const int64_t c_all = b->dims.rank > 1 ? b->dims.d[1] : 1;
    const int64_t i_all = n_elems / b->dims.d[0] / c_all;
    if ((int64_t)b->n_bytes != n_elems / c_all * room(format, c_all) * size) abort();
    for (int64_t e = 0; e < n_elems; e++) {
        const int64_t n = e / i_all / c_all, c = e / i_all % c_all, i = e % i_all;
        uint8_t *at = bytes + size * place(format, c_all, i_all, n, c, i);
        if (encodes)
            encode(b, floats[e], at);
        else
            floats[e] = decode(b, at);
    }
}

#endif /* TARE_TESTS_BY_HAND_H */
