/* Attributes of nodes. */
#include <string.h>

#include "base/mem.h"
#include "graph/params.h"
#include "onnx/exporter.h"
#include "onnx/tensor_proto.h"
#include "onnx/wire.h"

/* The texts of the list, which has a newline between two of them. */
static enum tare_status set_strings(struct tare_exporter *exporter,
                                    const struct tare_attr *attr,
                                    Onnx__AttributeProto *proto, struct tare_error *err)
{
    proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    proto->strings = tare_export_take(exporter, attr->n, sizeof *proto->strings);
    TARE_FAIL_IF(!proto->strings, err, TARE_E_NOMEM, "no memory");
    char *at = attr->s;
    for (size_t i = 0; i < attr->n; i++) {
        const size_t length = strcspn(at, "\n");
        proto->strings[i].data = (uint8_t *)at;
        proto->strings[i].len = length;
        at += length + (at[length] == '\n');
    }
    proto->n_strings = attr->n;
    return TARE_OK;
}

static enum tare_status set_value(struct tare_exporter *exporter,
                                  const struct tare_node *node,
                                  const struct tare_attr *attr,
                                  Onnx__AttributeProto *proto, struct tare_error *err)
{
    switch (attr->type) {
    case TARE_ATTR_INT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        proto->has_i = 1;
        proto->i = attr->i;
        return TARE_OK;
    case TARE_ATTR_FLOAT:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        proto->has_f = 1;
        proto->f = attr->f;
        return TARE_OK;
    case TARE_ATTR_STRING:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        proto->has_s = 1;
        proto->s.len = strlen(attr->s);
        proto->s.data = (uint8_t *)attr->s;
        return TARE_OK;
    case TARE_ATTR_INTS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        proto->n_ints = attr->n;
        proto->ints = attr->ints;
        return TARE_OK;
    case TARE_ATTR_FLOATS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        proto->n_floats = attr->n;
        proto->floats = attr->floats;
        return TARE_OK;
    case TARE_ATTR_TENSOR:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        return tare_export_tensor(exporter, &attr->t, &proto->t, err);
    case TARE_ATTR_STRINGS: return set_strings(exporter, attr, proto, err);
    case TARE_ATTR_GRAPH:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        return tare_export_body(exporter, node, attr, &proto->g, err);
    }
    return tare_error_set(err, TARE_E_UNSUPPORTED,
                          "attribute '%.60s' cannot be written", attr->name);
}

enum tare_status tare_export_attr(struct tare_exporter *exporter,
                                  const struct tare_node *node,
                                  const struct tare_attr *attr, Onnx__NodeProto *proto,
                                  struct tare_error *err)
{
    Onnx__AttributeProto *made = tare_export_take(exporter, 1, sizeof *made);
    Onnx__AttributeProto **list =
        tare_export_take(exporter, proto->n_attribute + 1, sizeof *list);
    TARE_FAIL_IF(!made || !list, err, TARE_E_NOMEM, "no memory");
    onnx__attribute_proto__init(made);
    made->name = tare_export_text(exporter, "%s", attr->name);
    TARE_FAIL_IF(!made->name, err, TARE_E_NOMEM, "no memory");
    made->has_type = 1;
    if (proto->n_attribute)
        memcpy(list, proto->attribute, proto->n_attribute * sizeof *list);
    list[proto->n_attribute++] = made;
    proto->attribute = list;
    return set_value(exporter, node, attr, made, err);
}

/* The attribute that names an element type, of the operators that have one. */
static bool names_type(const struct tare_node *node, const struct tare_attr *attr)
{
    return node->op != TARE_OP_OPAQUE && attr->type == TARE_ATTR_INT &&
           (strcmp(attr->name, "to") == 0 || strcmp(attr->name, "dtype") == 0 ||
            strcmp(attr->name, "output_datatype") == 0);
}

/* Attributes of types that only an opaque node can hold. */
static enum tare_status add_rest(struct tare_exporter *exporter,
                                 const struct tare_opaque *opaque,
                                 Onnx__NodeProto *proto, struct tare_error *err)
{
    ProtobufCMessage *message;
    const enum tare_status st =
        tare_onnx_unpack(&onnx__node_proto__descriptor, opaque->rest, opaque->n_rest,
                         "a list of attributes", &message, err);
    if (st != TARE_OK) return st;
    const Onnx__NodeProto *rest = (const Onnx__NodeProto *)message;
    Onnx__AttributeProto **list = tare_export_take(
        exporter, proto->n_attribute + rest->n_attribute, sizeof *list);
    if (!list || !tare_grow(&exporter->messages, &exporter->cap_messages,
                            exporter->n_messages + 1, sizeof *exporter->messages)) {
        tare_onnx_free(message);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    exporter->messages[exporter->n_messages++] = message;
    if (proto->n_attribute)
        memcpy(list, proto->attribute, proto->n_attribute * sizeof *list);
    for (size_t i = 0; i < rest->n_attribute; i++)
        list[proto->n_attribute++] = rest->attribute[i];
    proto->attribute = list;
    return TARE_OK;
}

enum tare_status tare_export_attrs(struct tare_exporter *exporter,
                                   const struct tare_node *node, Onnx__NodeProto *proto,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < node->n_attrs; i++) {
        struct tare_attr attr = node->attrs[i];
        /* Every float is float32 here: so must be what a node makes. */
        if (!tare_node_cast_rounds(node) && names_type(node, &attr) && attr.i >= 0 &&
            attr.i <= INT32_MAX && tare_onnx_type((int32_t)attr.i)->converted)
            attr.i = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        const enum tare_status st = tare_export_attr(exporter, node, &attr, proto, err);
        if (st != TARE_OK) return st;
    }
    return node->opaque && node->opaque->n_rest
               ? add_rest(exporter, node->opaque, proto, err)
               : TARE_OK;
}
