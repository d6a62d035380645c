#include "onnx/tensor_proto.h"

#include <string.h>

#include "base/dims.h"
#include "base/half.h"
#include "base/mem.h"
#include "onnx/external_data.h"

static const struct tare_onnx_type types[] = {
    [0] = {"undefined", TARE_F32, 0, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT] = {"float", TARE_F32, 4, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT8] = {"uint8", TARE_U8, 1, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT8] = {"int8", TARE_S8, 1, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT16] = {"uint16", TARE_U16, 2, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT16] = {"int16", TARE_S16, 2, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT32] = {"int32", TARE_S32, 4, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__INT64] = {"int64", TARE_S64, 8, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__STRING] = {"string", TARE_F32, 0, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__BOOL] = {"bool", TARE_BOOL, 1, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16] = {"float16", TARE_F32, 2, true},
    [ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE] = {"double", TARE_F32, 8, true},
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT32] = {"uint32", TARE_U32, 4, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__UINT64] = {"uint64", TARE_U64, 8, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64] = {"complex64", TARE_F32, 0, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX128] = {"complex128", TARE_F32, 0, false},
    [ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16] = {"bfloat16", TARE_F32, 2, true},
};

const struct tare_onnx_type *tare_onnx_type(int32_t data_type)
{
    static const struct tare_onnx_type unknown = {"unknown", TARE_F32, 0, false};
    const size_t n = sizeof types / sizeof types[0];
    return data_type >= 0 && (size_t)data_type < n ? &types[data_type] : &unknown;
}

/** How many values the typed field of the element type holds, and which field it is. */
static size_t typed_count(const Onnx__TensorProto *proto, const char **field)
{
    switch (proto->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        *field = "float_data";
        return proto->n_float_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        *field = "double_data";
        return proto->n_double_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        *field = "int64_data";
        return proto->n_int64_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT32:
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT64:
        *field = "uint64_data";
        return proto->n_uint64_data;
    default: *field = "int32_data"; return proto->n_int32_data;
    }
}

/** int32_data holds every type of up to 32 bits, one element a value. */
static enum tare_status narrow_int32(const Onnx__TensorProto *proto, uint8_t *to,
                                     struct tare_error *err)
{
    const struct tare_onnx_type *type = tare_onnx_type(proto->data_type);
    const bool is_signed = type->dtype == TARE_S8 || type->dtype == TARE_S16;
    const int32_t span = type->stored_bytes == 1 ? UINT8_MAX + 1 : UINT16_MAX + 1;
    const int32_t least = is_signed ? -span / 2 : 0;
    const int32_t most = least + span - 1;
    for (size_t i = 0; i < proto->n_int32_data; i++) {
        const int32_t value = proto->int32_data[i];
        if (type->stored_bytes == 4) {
            memcpy(to + 4 * i, &value, 4);
            continue;
        }
        TARE_FAIL_IF(value < least || value > most, err, TARE_E_FORMAT,
                     "int32_data[%zu] is %ld, which is no %s", i, (long)value,
                     type->name);
        const uint16_t bits = (uint16_t)(value & 0xffff);
        memcpy(to + type->stored_bytes * i, &bits, type->stored_bytes);
    }
    return TARE_OK;
}

/** uint64_data holds uint32 as well, one element a value. */
static enum tare_status narrow_uint64(const Onnx__TensorProto *proto, uint8_t *to,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < proto->n_uint64_data; i++) {
        const uint32_t value = (uint32_t)proto->uint64_data[i];
        TARE_FAIL_IF(value != proto->uint64_data[i], err, TARE_E_FORMAT,
                     "uint64_data[%zu] is %llu, which is no uint32", i,
                     (unsigned long long)proto->uint64_data[i]);
        memcpy(to + 4 * i, &value, sizeof value);
    }
    return TARE_OK;
}

static enum tare_status copy_typed(const Onnx__TensorProto *proto, size_t n_bytes,
                                   uint8_t *to, struct tare_error *err)
{
    if (n_bytes == 0) return TARE_OK;
    switch (proto->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        memcpy(to, proto->float_data, n_bytes);
        return TARE_OK;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        memcpy(to, proto->double_data, n_bytes);
        return TARE_OK;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        memcpy(to, proto->int64_data, n_bytes);
        return TARE_OK;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT64:
        memcpy(to, proto->uint64_data, n_bytes);
        return TARE_OK;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT32: return narrow_uint64(proto, to, err);
    default: return narrow_int32(proto, to, err);
    }
}

/** Values from the typed field, stored as raw_data would store them. */
static enum tare_status read_typed(const Onnx__TensorProto *proto, size_t count,
                                   size_t n_bytes, void **data, struct tare_error *err)
{
    const char *field;
    const size_t n_values = typed_count(proto, &field);
    TARE_FAIL_IF(n_values != count, err, TARE_E_FORMAT, "%zu values in %s, want %zu",
                 n_values, field, count);
    *data = tare_alloc(n_bytes);
    TARE_FAIL_IF(!*data, err, TARE_E_NOMEM, "no memory for %zu bytes", n_bytes);
    const enum tare_status st = copy_typed(proto, n_bytes, *data, err);
    if (st != TARE_OK) {
        tare_free(*data);
        *data = NULL;
    }
    return st;
}

/** The elements as stored in the model, dense; *data is the caller's. */
static enum tare_status read_stored(Onnx__TensorProto *proto, const char *folder,
                                    size_t count, size_t n_bytes, void **data,
                                    struct tare_error *err)
{
    const char *field;
    if (proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return tare_onnx_external_read(proto, folder, n_bytes, data, err);
    TARE_FAIL_IF(proto->n_external_data > 0, err, TARE_E_FORMAT,
                 "external_data is given but data_location is not EXTERNAL");
    if (!proto->raw_data.data) return read_typed(proto, count, n_bytes, data, err);

    TARE_FAIL_IF(typed_count(proto, &field) > 0, err, TARE_E_FORMAT,
                 "values in both raw_data and %s", field);
    TARE_FAIL_IF(proto->raw_data.len != n_bytes, err, TARE_E_FORMAT,
                 "raw_data has %zu bytes, want %zu", proto->raw_data.len, n_bytes);
    *data = proto->raw_data.data;
    proto->raw_data.data = NULL;
    proto->raw_data.len = 0;
    return TARE_OK;
}

static void widen(int32_t data_type, const void *stored, size_t count, float *to)
{
    const uint16_t *halves = stored;
    const double *doubles = stored;
    for (size_t i = 0; i < count; i++)
        switch (data_type) {
        case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
            to[i] = tare_half_to_float(halves[i]);
            break;
        case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
            to[i] = tare_bfloat16_to_float(halves[i]);
            break;
        default: to[i] = (float)doubles[i]; break;
        }
}

/** Turn stored elements, which are taken over, into the tensor's content. */
static enum tare_status finish(int32_t data_type, size_t count, void *stored,
                               struct tare_const *content, struct tare_error *err)
{
    content->data = stored;
    if (content->dtype == TARE_BOOL)
        for (size_t i = 0; i < count; i++) /* any other byte is no value of C's bool */
            ((uint8_t *)stored)[i] = ((const uint8_t *)stored)[i] != 0;
    if (!tare_onnx_type(data_type)->converted) return TARE_OK;

    content->data = tare_alloc(content->n_bytes);
    if (content->data) widen(data_type, stored, count, content->data);
    tare_free(stored);
    TARE_FAIL_IF(!content->data, err, TARE_E_NOMEM, "no memory for %zu bytes",
                 content->n_bytes);
    return TARE_OK;
}

static enum tare_status read_shape(const Onnx__TensorProto *proto,
                                   struct tare_const *content, struct tare_error *err)
{
    const struct tare_onnx_type *type = tare_onnx_type(proto->data_type);
    TARE_FAIL_IF(type->stored_bytes == 0, err, TARE_E_UNSUPPORTED,
                 "element type %ld (%s) is not supported", (long)proto->data_type,
                 type->name);
    TARE_FAIL_IF(proto->n_dims > TARE_MAX_RANK, err, TARE_E_UNSUPPORTED,
                 "%zu axes, want at most %d", proto->n_dims, TARE_MAX_RANK);
    content->dtype = type->dtype;
    content->dims.rank = (int32_t)proto->n_dims;
    for (size_t i = 0; i < proto->n_dims; i++) {
        content->dims.d[i] = proto->dims[i];
        TARE_FAIL_IF(proto->dims[i] < 0, err, TARE_E_FORMAT, "axis %zu has length %lld",
                     i, (long long)proto->dims[i]);
    }
    TARE_FAIL_IF(!tare_dims_bytes(&content->dims, type->dtype, &content->n_bytes), err,
                 TARE_E_FORMAT, "the product of the axes is too large");
    return TARE_OK;
}

enum tare_status tare_onnx_tensor(Onnx__TensorProto *proto, const char *folder,
                                  struct tare_const *content, struct tare_error *err)
{
    *content = (struct tare_const){0};
    const enum tare_status st = read_shape(proto, content, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(proto->segment, err, TARE_E_UNSUPPORTED,
                 "a tensor in segments is not supported");

    const size_t count = (size_t)tare_dims_count(&content->dims);
    size_t stored_bytes;
    TARE_FAIL_IF(!tare_mul_size(count, tare_onnx_type(proto->data_type)->stored_bytes,
                                &stored_bytes),
                 err, TARE_E_FORMAT, "the product of the axes is too large");
    void *stored = NULL;
    const enum tare_status read =
        read_stored(proto, folder, count, stored_bytes, &stored, err);
    if (!stored) return read; /* which tells why */
    return finish(proto->data_type, count, stored, content, err);
}
