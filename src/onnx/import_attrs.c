/* Attributes, and the values of `Constant` nodes. */
#include <string.h>

#include "base/mem.h"
#include "onnx/importer.h"
#include "onnx/printable.h"
#include "onnx/tensor_proto.h"

/** A copy of an array; *out is a valid block for n = 0 too. */
static enum tare_status copy_array(const void *from, size_t n, size_t elem_bytes,
                                   void **out, struct tare_error *err)
{
    *out = tare_alloc_array(n, elem_bytes);
    TARE_FAIL_IF(!*out, err, TARE_E_NOMEM, "no memory");
    if (n > 0) memcpy(*out, from, n * elem_bytes);
    return TARE_OK;
}

static enum tare_status copy_string(const ProtobufCBinaryData *from, char **out,
                                    struct tare_error *err)
{
    *out = tare_strndup(from->len > 0 ? (const char *)from->data : "", from->len);
    TARE_FAIL_IF(!*out, err, TARE_E_NOMEM, "no memory");
    if (strlen(*out) == from->len && (from->len == 0 || tare_onnx_name_valid(*out)))
        return TARE_OK;
    tare_free(*out);
    return tare_error_set(err, TARE_E_FORMAT, "the text is unprintable");
}

/* The texts one behind the other; a printable one holds no newline. */
static enum tare_status copy_strings(const ProtobufCBinaryData *from, size_t n,
                                     char **out, struct tare_error *err)
{
    struct tare_text text = {0};
    enum tare_status st = TARE_OK;
    tare_text_add(&text, "%s", "");
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        char *one;
        st = copy_string(&from[i], &one, err);
        if (st != TARE_OK) break;
        tare_text_add(&text, "%s%s", i ? "\n" : "", one);
        tare_free(one);
    }
    if (st == TARE_OK && text.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    if (st != TARE_OK) tare_text_free(&text);
    *out = text.data;
    return st;
}

static enum tare_status copy_tensor(const struct tare_importer *importer,
                                    Onnx__TensorProto *from, struct tare_const *out,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(!from, err, TARE_E_FORMAT, "the tensor is missing");
    return tare_onnx_tensor(from, importer->folder, out, err);
}

static const char *attr_type_name(int type)
{
    switch (type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED: return "undefined";
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPHS: return "graphs";
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSORS: return "sparse tensor";
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSORS: return "tensors";
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO:
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTOS: return "type";
    default: return "unknown";
    }
}

/** The attribute's value; what it points to is the caller's. */
static enum tare_status convert(const struct tare_importer *importer,
                                Onnx__AttributeProto *from, struct tare_attr *attr,
                                struct tare_error *err)
{
    void *block = NULL;
    enum tare_status st;
    *attr = (struct tare_attr){0};
    TARE_FAIL_IF(from->ref_attr_name && *from->ref_attr_name, err, TARE_E_FORMAT,
                 "it refers to a function's attribute, outside of a function");
    switch ((int)from->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attr->type = TARE_ATTR_INT;
        attr->i = from->i;
        return TARE_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attr->type = TARE_ATTR_FLOAT;
        attr->f = from->f;
        return TARE_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attr->type = TARE_ATTR_STRING;
        return copy_string(&from->s, &attr->s, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
        attr->type = TARE_ATTR_STRINGS;
        attr->n = from->n_strings;
        return copy_strings(from->strings, attr->n, &attr->s, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attr->type = TARE_ATTR_INTS;
        attr->n = from->n_ints;
        st = copy_array(from->ints, attr->n, sizeof *attr->ints, &block, err);
        attr->ints = block;
        return st;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        attr->type = TARE_ATTR_FLOATS;
        attr->n = from->n_floats;
        st = copy_array(from->floats, attr->n, sizeof *attr->floats, &block, err);
        attr->floats = block;
        return st;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        attr->type = TARE_ATTR_TENSOR;
        return copy_tensor(importer, from->t, &attr->t, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH:
        attr->type = TARE_ATTR_GRAPH;
        return tare_import_body(importer, from->g, &attr->g, err);
    default:
        return tare_error_set(err, TARE_E_UNSUPPORTED,
                              "its type %d (%s) is not supported", (int)from->type,
                              attr_type_name((int)from->type));
    }
}

enum tare_status tare_import_attrs(const struct tare_importer *importer,
                                   Onnx__NodeProto *proto, struct tare_node *node,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < proto->n_attribute; i++) {
        Onnx__AttributeProto *from = proto->attribute[i];
        struct tare_attr attr;
        TARE_FAIL_IF(!tare_onnx_name_valid(from->name), err, TARE_E_FORMAT,
                     "attribute %zu has no printable name", i);
        /* before opset 6: what memory may be reused */
        if (importer->graph->opset < 6 && strcmp(from->name, "consumed_inputs") == 0)
            continue;
        TARE_FAIL_IF(tare_node_attr(node, from->name), err, TARE_E_FORMAT,
                     "attribute '%.80s' is given twice", from->name);
        TARE_TRY(convert(importer, from, &attr, err), err, "attribute '%.80s'",
                 from->name);
        const enum tare_status st = tare_node_add_attr(node, from->name, attr, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/** Keep a list of attributes as protobuf has them. */
static enum tare_status keep_rest(struct tare_opaque *opaque,
                                  Onnx__AttributeProto **list, size_t n,
                                  struct tare_error *err)
{
    Onnx__NodeProto rest = ONNX__NODE_PROTO__INIT;
    rest.attribute = list;
    rest.n_attribute = n;
    opaque->n_rest = protobuf_c_message_get_packed_size(&rest.base);
    opaque->rest = tare_alloc(opaque->n_rest);
    TARE_FAIL_IF(!opaque->rest, err, TARE_E_NOMEM, "no memory");
    (void)protobuf_c_message_pack(&rest.base, opaque->rest);
    return TARE_OK;
}

enum tare_status tare_import_opaque_attrs(const struct tare_importer *importer,
                                          Onnx__NodeProto *proto,
                                          struct tare_node *node,
                                          struct tare_error *err)
{
    Onnx__AttributeProto **rest = tare_alloc_array(proto->n_attribute, sizeof *rest);
    TARE_FAIL_IF(!rest, err, TARE_E_NOMEM, "no memory");
    size_t n_rest = 0;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < proto->n_attribute && st == TARE_OK; i++) {
        Onnx__AttributeProto *from = proto->attribute[i];
        struct tare_attr attr;
        if (!tare_onnx_name_valid(from->name)) {
            st = tare_error_set(err, TARE_E_FORMAT,
                                "attribute %zu has no printable name", i);
            break;
        }
        if (tare_node_attr(node, from->name)) continue;
        st = convert(importer, from, &attr, err);
        if (st == TARE_OK) {
            st = tare_node_add_attr(node, from->name, attr, err);
        } else if (st != TARE_E_NOMEM) {
            st = TARE_OK;
            node->opaque->is_incomplete |= from->g || from->n_graphs > 0;
            rest[n_rest++] = from;
        }
    }
    if (st == TARE_OK && n_rest) st = keep_rest(node->opaque, rest, n_rest, err);
    tare_free(rest);
    return st;
}

/** A rank-0 or rank-1 constant of the attribute's numbers. */
static enum tare_status numbers(enum tare_dtype dtype, bool scalar, const void *from,
                                size_t n, struct tare_const *content,
                                struct tare_error *err)
{
    const size_t elem_bytes = (size_t)tare_dtype_bytes(dtype);
    content->dtype = dtype;
    content->dims.rank = scalar ? 0 : 1;
    if (!scalar) content->dims.d[0] = (int64_t)n;
    content->n_bytes = n * elem_bytes;
    return copy_array(from, n, elem_bytes, &content->data, err);
}

enum tare_status tare_import_constant(const struct tare_importer *importer,
                                      Onnx__NodeProto *proto,
                                      struct tare_const *content,
                                      struct tare_error *err)
{
    *content = (struct tare_const){0};
    TARE_FAIL_IF(proto->n_attribute != 1, err, TARE_E_FORMAT, "%zu attributes, want 1",
                 proto->n_attribute);
    Onnx__AttributeProto *from = proto->attribute[0];
    const char *name = tare_onnx_shown(from->name);
    const int type = (int)from->type;
    if (!strcmp(name, "value") && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)
        return copy_tensor(importer, from->t, content, err);
    if (!strcmp(name, "value_float") &&
        type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT)
        return numbers(TARE_F32, true, &from->f, 1, content, err);
    if (!strcmp(name, "value_int") &&
        type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)
        return numbers(TARE_S64, true, &from->i, 1, content, err);
    if (!strcmp(name, "value_floats") &&
        type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS)
        return numbers(TARE_F32, false, from->floats, from->n_floats, content, err);
    if (!strcmp(name, "value_ints") &&
        type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS)
        return numbers(TARE_S64, false, from->ints, from->n_ints, content, err);
    return tare_error_set(err, TARE_E_UNSUPPORTED,
                          "attribute '%.80s' of type %d is not supported", name, type);
}
