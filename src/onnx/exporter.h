/* onnx/exporter.h - what the stages of an export share; export.c runs them. */
#ifndef TARE_ONNX_EXPORTER_H
#define TARE_ONNX_EXPORTER_H

#include <onnx.pb-c.h>
#include <stdbool.h>

#include "base/error.h"
#include "graph/graph.h"

/** A body of an If, Loop or Scan as it is written: a copy, for names of its own. */
struct tare_export_body {
    struct tare_graph *graph;
    Onnx__GraphProto proto;
};

/** Messages point into the graph (names, constants) and to blocks of the exporter. */
struct tare_exporter {
    const struct tare_graph *graph; /* what is being written: the model's, or a body */
    Onnx__GraphProto *proto;
    size_t cap_nodes, cap_initializers; /* of proto */
    bool is_body;
    const char *location; /* of external data, or NULL: everything is in the model */
    struct tare_const *externals; /* [n_externals] what goes there, borrowed */
    size_t n_externals, cap_externals, external_bytes;
    void **blocks; /* [n_blocks], freed together */
    size_t n_blocks, cap_blocks;
    ProtobufCMessage **messages; /* [n_messages], unpacked ones that are passed on */
    size_t n_messages, cap_messages;
    struct tare_export_body **bodies; /* [n_bodies] */
    size_t n_bodies, cap_bodies;
};

/** `n` zeroed elements that live as long as the exporter; NULL: no memory. */
void *tare_export_take(struct tare_exporter *exporter, size_t n, size_t elem_bytes);
/** A text that lives as long as the exporter; NULL: no memory. */
char *tare_export_text(struct tare_exporter *exporter, const char *fmt, ...)
    TARE_PRINTF(2, 3);

/* export_values.c */
/** Constants from this size on go to the file of external data, if there is one. */
#define TARE_EXTERNAL_BYTES ((size_t)1024)
/** Where the next ones begin: a multiple of this, so that readers can map them. */
#define TARE_EXTERNAL_ALIGN ((size_t)4096)

/** ONNX's number of an element type. */
int32_t tare_export_type(enum tare_dtype dtype);
/** A pair of texts, which are borrowed; NULL: no memory, or one of them is NULL. */
Onnx__StringStringEntryProto *tare_export_entry(struct tare_exporter *exporter,
                                                char *key, char *value);
/** Add an initializer; `content->data` is borrowed. */
enum tare_status tare_export_initializer(struct tare_exporter *exporter,
                                         const char *name,
                                         const struct tare_const *content,
                                         struct tare_error *err);
/** A tensor within the model; `content->data` is borrowed. */
enum tare_status tare_export_tensor(struct tare_exporter *exporter,
                                    const struct tare_const *content,
                                    Onnx__TensorProto **out, struct tare_error *err);
/** Initializers, inputs, outputs and what is known of opaque nodes' outputs. */
enum tare_status tare_export_values(struct tare_exporter *exporter,
                                    struct tare_error *err);

/* export_attrs.c */
/** The node's attributes, and those that only an opaque node can hold. */
enum tare_status tare_export_attrs(struct tare_exporter *exporter,
                                   const struct tare_node *node, Onnx__NodeProto *proto,
                                   struct tare_error *err);
/** Give `proto`, which the node becomes, one more attribute. */
enum tare_status tare_export_attr(struct tare_exporter *exporter,
                                  const struct tare_node *node,
                                  const struct tare_attr *attr, Onnx__NodeProto *proto,
                                  struct tare_error *err);

/* export_body.c */
/** The body that is an attribute of the node, of exporter->graph. What it captures goes
 *  by the names that it has there.
 *  @param[out] out  lives as long as the exporter. */
enum tare_status tare_export_body(struct tare_exporter *exporter,
                                  const struct tare_node *node,
                                  const struct tare_attr *attr, Onnx__GraphProto **out,
                                  struct tare_error *err);
/** Release all of them. */
void tare_export_free_bodies(struct tare_exporter *exporter);

/* export_nodes.c */
enum tare_status tare_export_nodes(struct tare_exporter *exporter,
                                   struct tare_error *err);

#endif /* TARE_ONNX_EXPORTER_H */
