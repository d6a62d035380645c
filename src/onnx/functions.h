/* onnx/functions.h - local functions of a model, and copies of their nodes. */
#ifndef TARE_ONNX_FUNCTIONS_H
#define TARE_ONNX_FUNCTIONS_H

#include <onnx.pb-c.h>
#include <stdbool.h>

#include "base/error.h"
#include "graph/names.h"

struct tare_function {
    const Onnx__FunctionProto *proto;
    uint8_t *packed; /* [n_packed] the same; NULL: not called yet */
    size_t n_packed;
    Onnx__AttributeProto **defaults; /* [n_defaults] of attributes, owned */
    size_t n_defaults;
    int opset;     /* of the default domain; 0: it imports none */
    bool is_open;  /* its copy is being expanded */
    bool is_twice; /* there is another one of its name */
};

/** Calls that stay as they are, and why; sorted by node in the end. */
struct tare_refusals {
    struct tare_refusal {
        const Onnx__NodeProto *node;
        char *reason;
    } * items;
    size_t n, capacity;
};

struct tare_inliner {
    Onnx__ModelProto *model;
    int opset;                       /* the model's */
    struct tare_refusals *refusals;  /* NULL: what is refused fails */
    struct tare_function *functions; /* [model->n_functions] */
    struct tare_names by_name;       /* of their names; ids are positions */
    struct tare_names taken; /* of all values and nodes of all graphs; no ids: equal
                                hashes are taken for equal names */
    size_t n_made_names;     /* so many calls have got a number */
    int depth;               /* functions that are open */
    size_t n_nodes, n_bytes; /* what copies add to the model */
};

/* import_functions.c */
/** Replace every node of the graph and of the graphs inside it that calls a local
 *  function by the function's nodes.
 *  @param refusals  Calls that tare does not support go there, also on failure: release
 *                   them with tare_refusals_free(). NULL: such a call is
 *                   TARE_E_UNSUPPORTED. */
enum tare_status tare_import_functions(Onnx__ModelProto *model, int opset,
                                       struct tare_refusals *refusals,
                                       struct tare_error *err);
/** Why the node's call was left as it is; NULL: it was not. */
const char *tare_refusal_of(const struct tare_refusals *refusals,
                            const Onnx__NodeProto *node);
void tare_refusals_free(struct tare_refusals *refusals);

/* import_call.c */
/** Note the names of values and nodes of a graph, and of those inside it. */
enum tare_status tare_function_take_names(struct tare_inliner *inliner,
                                          const Onnx__GraphProto *graph,
                                          struct tare_error *err);
/** The nodes that a call stands for: values by the names of the call's inputs and
 *  outputs, others and the nodes named after the call, attributes with their values.
 *  @param[out] nodes  [*n], a block of tare_alloc() with messages of
 * tare_onnx_unpack(); the caller's, also on failure. */
enum tare_status tare_function_copy(struct tare_inliner *inliner,
                                    const struct tare_function *function,
                                    const Onnx__NodeProto *call,
                                    Onnx__NodeProto ***nodes, size_t *n,
                                    struct tare_error *err);

#endif /* TARE_ONNX_FUNCTIONS_H */
