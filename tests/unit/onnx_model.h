/* tests/unit/onnx_model.h - ONNX files byte by byte: a protobuf writer of our own, so
 * that the reader is checked against the format and not against protobuf-c itself. */
#ifndef TARE_TESTS_ONNX_MODEL_H
#define TARE_TESTS_ONNX_MODEL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers of onnx.proto. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_GRAPH = 7,
    MODEL_OPSET_IMPORT = 8,
    MODEL_METADATA_PROPS = 14,
    MODEL_TRAINING_INFO = 20,
    MODEL_FUNCTIONS = 25,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    FUNCTION_NAME = 1,
    FUNCTION_INPUT = 4,
    FUNCTION_OUTPUT = 5,
    FUNCTION_ATTRIBUTE = 6,
    FUNCTION_NODE = 7,
    FUNCTION_OPSET_IMPORT = 9,
    FUNCTION_DOMAIN = 10,
    FUNCTION_ATTRIBUTE_PROTO = 11,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_SPARSE_INITIALIZER = 15,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP_TYPE = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_G = 6,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_REF_NAME = 21,
    TENSOR_DIMS = 1,
    TENSOR_DATA_TYPE = 2,
    TENSOR_FLOAT_DATA = 4,
    TENSOR_INT32_DATA = 5,
    TENSOR_INT64_DATA = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW_DATA = 9,
    TENSOR_DOUBLE_DATA = 10,
    TENSOR_EXTERNAL_DATA = 13,
    TENSOR_DATA_LOCATION = 14,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_SEQUENCE = 4,
    TENSOR_TYPE_ELEM = 1,
    TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_PARAM = 2
};

enum { TYPE_FLOAT = 1, TYPE_UINT8, TYPE_INT8, TYPE_UINT16, TYPE_INT16, TYPE_INT32 };
enum { TYPE_INT64 = 7, TYPE_STRING, TYPE_BOOL, TYPE_FLOAT16, TYPE_DOUBLE };
enum { TYPE_BFLOAT16 = 16 };
enum { ATTR_FLOAT = 1, ATTR_INT, ATTR_STRING, ATTR_TENSOR, ATTR_GRAPH, ATTR_FLOATS };
enum { ATTR_INTS = 7, ATTR_STRINGS = 8 };

struct bytes {
    uint8_t *data;
    size_t n;
};

static inline void put_raw(struct bytes *to, const void *data, size_t n)
{
    if (n == 0) return;
    to->data = realloc(to->data, to->n + n);
    if (!to->data) abort();
    memcpy(to->data + to->n, data, n);
    to->n += n;
}

static inline void put_varint(struct bytes *to, uint64_t value)
{
    do {
        const uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put_raw(to, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

static inline void put_int(struct bytes *to, unsigned field, int64_t value)
{
    put_varint(to, field << 3);
    put_varint(to, (uint64_t)value);
}

static inline void put_float(struct bytes *to, unsigned field, float value)
{
    put_varint(to, field << 3 | 5);
    put_raw(to, &value, 4);
}

static inline void put_bytes(struct bytes *to, unsigned field, const void *data,
                             size_t n)
{
    put_varint(to, field << 3 | 2);
    put_varint(to, n);
    put_raw(to, data, n);
}

static inline void put_text(struct bytes *to, unsigned field, const char *text)
{
    put_bytes(to, field, text, strlen(text));
}

/** Nest `message`, which is used up. */
static inline void put_message(struct bytes *to, unsigned field, struct bytes message)
{
    put_bytes(to, field, message.data, message.n);
    free(message.data);
}

/** A tensor without values: put_*() them. `rank` dims follow. */
static inline struct bytes make_tensor(const char *name, int type, int rank,
                                       const int64_t *dims)
{
    struct bytes tensor = {0};
    for (int i = 0; i < rank; i++)
        put_int(&tensor, TENSOR_DIMS, dims[i]);
    put_int(&tensor, TENSOR_DATA_TYPE, type);
    put_text(&tensor, TENSOR_NAME, name);
    return tensor;
}

/** A value of a type and shape; shape items are lengths or symbols: "N,3,,8". NULL:
 *  no shape. */
static inline struct bytes make_value(const char *name, int type, const char *shape)
{
    struct bytes value = {0}, outer = {0}, tensor = {0}, dims = {0};
    put_int(&tensor, TENSOR_TYPE_ELEM, type);
    for (const char *at = shape; at && *at; at += *at == ',') {
        struct bytes dim = {0};
        const size_t n = strcspn(at, ",");
        char *end;
        const long long length = strtoll(at, &end, 10);
        if (n > 0 && end == at + n)
            put_int(&dim, DIM_VALUE, length);
        else
            put_bytes(&dim, DIM_PARAM, at, n);
        put_message(&dims, SHAPE_DIM, dim);
        at += n;
    }
    if (shape) put_message(&tensor, TENSOR_TYPE_SHAPE, dims);
    put_message(&outer, TYPE_TENSOR, tensor);
    put_text(&value, VALUE_NAME, name);
    put_message(&value, VALUE_TYPE, outer);
    return value;
}

/** Names in a list like "x,,y", one field each. */
static inline void put_names(struct bytes *to, unsigned field, const char *list)
{
    while (list && *list) {
        const size_t n = strcspn(list, ",");
        put_bytes(to, field, list, n);
        list += n;
        if (*list == ',' && !*++list) put_bytes(to, field, "", 0);
    }
}

static inline struct bytes make_node(const char *op, const char *name,
                                     const char *inputs, const char *outputs)
{
    struct bytes node = {0};
    put_names(&node, NODE_INPUT, inputs);
    put_names(&node, NODE_OUTPUT, outputs);
    if (name) put_text(&node, NODE_NAME, name);
    put_text(&node, NODE_OP_TYPE, op);
    return node;
}

/** An attribute without its value: put_*() it. */
static inline struct bytes make_attr(const char *name, int type)
{
    struct bytes attr = {0};
    put_text(&attr, ATTRIBUTE_NAME, name);
    put_int(&attr, ATTRIBUTE_TYPE, type);
    return attr;
}

static inline void put_attr_int(struct bytes *node, const char *name, int64_t value)
{
    struct bytes attr = make_attr(name, ATTR_INT);
    put_int(&attr, ATTRIBUTE_I, value);
    put_message(node, NODE_ATTRIBUTE, attr);
}

static inline void put_attr_ints(struct bytes *node, const char *name, size_t n,
                                 const int64_t *values)
{
    struct bytes attr = make_attr(name, ATTR_INTS);
    for (size_t i = 0; i < n; i++)
        put_int(&attr, ATTRIBUTE_INTS, values[i]);
    put_message(node, NODE_ATTRIBUTE, attr);
}

static inline void put_opset(struct bytes *model, const char *domain, int64_t version)
{
    struct bytes import = {0};
    put_text(&import, OPSET_DOMAIN, domain);
    put_int(&import, OPSET_VERSION, version);
    put_message(model, MODEL_OPSET_IMPORT, import);
}

/** A whole model of IR version 8 around `graph`, which is used up. */
static inline struct bytes make_model(int64_t opset, struct bytes graph)
{
    struct bytes model = {0};
    put_int(&model, MODEL_IR_VERSION, 8);
    put_opset(&model, "", opset);
    put_message(&model, MODEL_GRAPH, graph);
    return model;
}

#endif /* TARE_TESTS_ONNX_MODEL_H */
