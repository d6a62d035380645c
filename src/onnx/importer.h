/* onnx/importer.h - what the stages of an import share; import.c runs them in order. */
#ifndef TARE_ONNX_IMPORTER_H
#define TARE_ONNX_IMPORTER_H

#include <onnx.pb-c.h>
#include <stdbool.h>

#include "base/error.h"
#include "graph/graph.h"
#include "onnx/functions.h"

struct tare_importer {
    Onnx__ModelProto *model; /* raw_data of its tensors is taken over on the way */
    const char *label;       /* the file, for the log */
    const char *folder;      /* of external data, or NULL */
    const struct tare_plugins *plugins;   /* for operators that tare does not know */
    bool keep_unknown;                    /* make opaque nodes of what tare cannot do */
    const struct tare_refusals *refusals; /* calls of functions that are left */
    Onnx__GraphProto *proto; /* what is being imported: the model's graph, or a body */
    int depth;               /* of the body: graphs around it */
    struct tare_graph *graph;
    char **node_names; /* [proto->n_node], unique */
};

/** True for "", "ai.onnx" and an absent domain. */
bool tare_import_default_domain(const char *domain);

/* import.c */
/** Import proto into graph, both set: names, inputs, nodes, outputs; sorted. */
enum tare_status tare_import_proto(struct tare_importer *importer,
                                   struct tare_error *err);

/* import_body.c */
/** The tensor of a name: of this graph, or, in a body, of one around it, which is then
 *  captured. TARE_NO_TENSOR: there is none, as far as this graph can tell. */
enum tare_status tare_import_find(const struct tare_importer *importer,
                                  const char *name, int32_t *id,
                                  struct tare_error *err);
/** The body of an If, Loop or Scan. */
enum tare_status tare_import_body(const struct tare_importer *importer,
                                  Onnx__GraphProto *proto, struct tare_graph **body,
                                  struct tare_error *err);
/** Let the node read what the bodies among its attributes capture. */
enum tare_status tare_import_captures(const struct tare_importer *importer,
                                      struct tare_node *node, struct tare_error *err);

/* import_values.c */
/** Initializers become constants; the other inputs become the graph's inputs. */
enum tare_status tare_import_inputs(struct tare_importer *importer,
                                    struct tare_error *err);
/** The graph's outputs, and the types that the model declares of what nodes make; every
 *  tensor exists by now. */
enum tare_status tare_import_outputs(struct tare_importer *importer,
                                     struct tare_error *err);

/* import_names.c */
/** Fill node_names: the model's where they are unique, else "<name>_<position>", and
 *  "<Op>_<position>" for nodes without one. */
enum tare_status tare_import_names(struct tare_importer *importer,
                                   struct tare_error *err);

/* import_nodes.c */
/** Refuse a model with unsupported operators, listing all that fit. */
enum tare_status tare_import_check_ops(const struct tare_importer *importer,
                                       struct tare_error *err);
enum tare_status tare_import_nodes(struct tare_importer *importer,
                                   struct tare_error *err);

/* import_attrs.c */
/** Convert the attributes of `proto` and give them to `node`. */
enum tare_status tare_import_attrs(const struct tare_importer *importer,
                                   Onnx__NodeProto *proto, struct tare_node *node,
                                   struct tare_error *err);
/** Those of `proto` that the node does not have yet; what tare_attr cannot hold is
 * packed into node->opaque. */
enum tare_status tare_import_opaque_attrs(const struct tare_importer *importer,
                                          Onnx__NodeProto *proto,
                                          struct tare_node *node,
                                          struct tare_error *err);
/** The content of a `Constant` node. */
enum tare_status tare_import_constant(const struct tare_importer *importer,
                                      Onnx__NodeProto *proto,
                                      struct tare_const *content,
                                      struct tare_error *err);

/* import_upgrade.c */
/** Rewrite a sorted graph older than TARE_OPSET_MIN to that opset, and sort it again.
 *  Opaque nodes stay what they are. */
enum tare_status tare_import_upgrade(struct tare_graph *graph, struct tare_error *err);

#endif /* TARE_ONNX_IMPORTER_H */
