/* Values on their way to and from what a binding has them as. */
#include "base/dims.h"
#include "base/error.h"
#include "base/format.h"
#include "base/half.h"
#include "base/mem.h"
#include "engine/border.h"
#include "kernels/copy/copy.h"
#include "tare/engine.h"

#include <string.h>

/* Bytes that stand for floats as the builder's tables have them. */
static struct tare_quant quant_of(const struct tare_binding *b)
{
    return b->dtype == TARE_S8 ? (struct tare_quant){true, b->scale, 128, 1}
                               : (struct tare_quant){true, 1.0F, 0, 0};
}

static void from_floats(const struct tare_binding *b, const float *from, void *to,
                        size_t n)
{
    const struct tare_quant quant = quant_of(b);
    uint16_t *halves = to;
    uint8_t *bytes = to;
    switch (b->dtype) {
    case TARE_F16:
        for (size_t i = 0; i < n; i++)
            halves[i] = tare_half_from_float(from[i]);
        return;
    case TARE_BF16:
        for (size_t i = 0; i < n; i++)
            halves[i] = tare_bfloat16_from_float(from[i]);
        return;
    default:
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(tare_quant_code(&quant, from[i]) - quant.zero_point);
        return;
    }
}

static void to_floats(const struct tare_binding *b, const void *from, float *to,
                      size_t n)
{
    const uint16_t *halves = from;
    const uint8_t *bytes = from;
    const int8_t *signed_bytes = from;
    switch (b->dtype) {
    case TARE_F16:
        for (size_t i = 0; i < n; i++)
            to[i] = tare_half_to_float(halves[i]);
        return;
    case TARE_BF16:
        for (size_t i = 0; i < n; i++)
            to[i] = tare_bfloat16_to_float(halves[i]);
        return;
    case TARE_U8:
        for (size_t i = 0; i < n; i++)
            to[i] = (float)bytes[i];
        return;
    default:
        for (size_t i = 0; i < n; i++)
            to[i] = (float)signed_bytes[i] * b->scale;
        return;
    }
}

/* From ONNX's order to the binding's, or back. */
static void reorder(const struct tare_binding *b, const void *from, void *to,
                    bool is_back)
{
    struct tare_format_part parts[TARE_FORMAT_MAX_PARTS], whole[TARE_FORMAT_MAX_PARTS];
    const int32_t elem_bytes = tare_dtype_bytes(b->dtype);
    const size_t n = tare_format_parts(&b->dims, b->format, parts);
    if (n > 0) (void)tare_format_parts(&b->dims, TARE_LINEAR, whole);
    for (size_t i = 0; i < n; i++) {
        struct tare_format_part *p = &parts[i];
        int64_t linear[TARE_MAX_RANK];
        struct tare_copy copy;
        const int64_t at =
            tare_format_elsewhere(p, whole[0].strides, linear) * elem_bytes;
        for (int32_t k = 0; k < p->rank; k++) {
            p->strides[k] *= elem_bytes;
            linear[k] *= elem_bytes;
        }
        p->offset *= elem_bytes;
        tare_copy_plan(elem_bytes, p->rank, p->dims, is_back ? p->strides : linear,
                       is_back ? linear : p->strides, &copy);
        tare_copy_run(&copy, (const char *)from + (is_back ? p->offset : at),
                      (char *)to + (is_back ? at : p->offset), 0,
                      tare_copy_units(&copy));
    }
}

/* What is between the values and the binding's memory. */
struct way {
    size_t n_elems;
    bool converts, moves;
    void *
        room; /* the values in the binding's type and ONNX's order, where both change */
};

/* @param[out] way  tare_free() its room on success. */
static enum tare_status find_way(const struct tare_binding *b, enum tare_dtype dtype,
                                 struct way *way, struct tare_error *err)
{
    TARE_FAIL_IF(b->dims.rank < 0 || !tare_dims_known(&b->dims), err, TARE_E_ARG,
                 "binding '%.80s' has no shape yet", b->name);
    TARE_FAIL_IF(dtype != b->dtype && (dtype != TARE_F32 || b->model_dtype != TARE_F32),
                 err, TARE_E_ARG, "binding '%.80s' is %s, which %s is not converted to",
                 b->name, tare_dtype_name(b->dtype), tare_dtype_name(dtype));
    *way = (struct way){.n_elems = (size_t)tare_dims_count(&b->dims),
                        .converts = dtype != b->dtype,
                        .moves = b->format != TARE_LINEAR};
    if (!way->converts || !way->moves) return TARE_OK;
    way->room = tare_alloc_array(way->n_elems, (size_t)tare_dtype_bytes(b->dtype));
    TARE_FAIL_IF(!way->room, err, TARE_E_NOMEM, "binding '%.80s': no memory", b->name);
    return TARE_OK;
}

enum tare_status tare_binding_put(const struct tare_binding *binding,
                                  const void *values, enum tare_dtype dtype, void *data,
                                  struct tare_error *err)
{
    struct way way;
    const enum tare_status st = find_way(binding, dtype, &way, err);
    if (st != TARE_OK) return st;
    if (way.converts)
        from_floats(binding, values, way.moves ? way.room : data, way.n_elems);
    if (way.moves) {
        memset(data, 0, binding->n_bytes);
        reorder(binding, way.converts ? way.room : values, data, false);
    } else if (!way.converts) {
        memcpy(data, values, binding->n_bytes);
    }
    tare_free(way.room);
    return TARE_OK;
}

enum tare_status tare_binding_get(const struct tare_binding *binding, const void *data,
                                  enum tare_dtype dtype, void *values,
                                  struct tare_error *err)
{
    struct way way;
    const enum tare_status st = find_way(binding, dtype, &way, err);
    if (st != TARE_OK) return st;
    if (way.moves) reorder(binding, data, way.converts ? way.room : values, true);
    if (way.converts)
        to_floats(binding, way.moves ? way.room : data, values, way.n_elems);
    else if (!way.moves)
        memcpy(values, data, binding->n_bytes);
    tare_free(way.room);
    return TARE_OK;
}
