/* tare/surgeon.h - rewrite a model and write it as ONNX again.
 *
 * A model of tare_surgeon_load() may hold operators that tare does not know; every
 * function here works on it before, and without, tare_model_bind(). What a function
 * does it reports, change by change. After a failure the model is fit for
 * tare_model_destroy() alone. */
#ifndef TARE_SURGEON_H
#define TARE_SURGEON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/model.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One change. Strings live for the call. */
struct tare_change {
    const char *action; /**< "folded", "removed", "inserted", "renamed", "changed" */
    const char *kind;   /**< "node", "tensor", "input", "output" */
    const char *name;
    const char *detail; /**< of a node its operator, else what it is now */
};
typedef void tare_change_fn(void *ctx, const struct tare_change *change);

/** What the functions work on. */
struct tare_surgery {
    struct tare_model *model;
    tare_change_fn *report; /**< NULL: nobody is told. */
    void *ctx;              /**< passed to report */
};

/** As tare_model_load(); a node that tare cannot run is held with its attributes. */
TARE_API enum tare_status tare_surgeon_load(const char *path, struct tare_model **model,
                                            struct tare_error *err);

/** The same; nodes that plugins compute are not opaque. @param plugins  as for
 *  tare_model_load_with_plugins(). */
TARE_API enum tare_status
tare_surgeon_load_with_plugins(const char *path, const struct tare_plugins *plugins,
                               struct tare_model **model, struct tare_error *err);

/** A node as the model is held now. Strings live until the model changes. */
struct tare_surgeon_node {
    const char *name; /**< Unique. */
    const char *op;   /**< ONNX's op_type */
    size_t n_inputs, n_outputs;
};
/** A tensor that a node reads or makes. */
struct tare_surgeon_tensor {
    size_t id;        /**< The same number: the same tensor; below
                           tare_surgeon_n_tensors(). */
    const char *name; /**< NULL: the node leaves it out, `id` means nothing. */
    bool is_constant; /**< Its values are in the model. */
    bool is_output;   /**< Of the model. */
};
TARE_API size_t tare_surgeon_n_nodes(const struct tare_model *model);
TARE_API size_t tare_surgeon_n_tensors(const struct tare_model *model);
/** @param i  below tare_surgeon_n_nodes(); nodes are in topological order. */
TARE_API void tare_surgeon_get_node(const struct tare_model *model, size_t i,
                                    struct tare_surgeon_node *node);
/** @param k  below the node's n_inputs + n_outputs: inputs, then outputs. */
TARE_API void tare_surgeon_get_tensor(const struct tare_model *model, size_t node,
                                      size_t k, struct tare_surgeon_tensor *tensor);

/** Steps of tare_surgeon_sanitize(), to be added up. */
enum tare_sanitize {
    TARE_SANITIZE_FOLD = 1,     /**< What depends on constants, and on shapes that are
                                     known, becomes a constant; so do targets of Reshape
                                     that 0 and -1 can say. */
    TARE_SANITIZE_IDENTITY = 2, /**< Nodes that change nothing go. */
    TARE_SANITIZE_DEAD = 4,     /**< Nodes that no output depends on go. */
    TARE_SANITIZE_ALL = 7
};
/** Tidy up; what the model computes stays, for every length of an open axis, from 1 on.
 *  Nodes are in topological order always. @param steps  of enum tare_sanitize. */
TARE_API enum tare_status tare_surgeon_sanitize(const struct tare_surgery *surgery,
                                                unsigned steps, struct tare_error *err);

/**
 * Keep what lies between two sets of tensors.
 * @param inputs   [n_inputs] "name" or "name:1x3xHxW": a length or a symbol an axis;
 *                 none: the model's inputs, as far as they are needed.
 * @param outputs  [n_outputs] names; none: the model's.
 * @retval TARE_E_ARG  There is no such tensor (the nearest name is given); an output
 *                     depends on another input of the model; nothing reads an input.
 */
TARE_API enum tare_status
tare_surgeon_extract(const struct tare_surgery *surgery, const char *const *inputs,
                     size_t n_inputs, const char *const *outputs, size_t n_outputs,
                     struct tare_error *err);

/** A node to be made. Strings are borrowed for the call. */
struct tare_new_node {
    const char *op;
    const char *domain; /**< NULL or "": ONNX's own operators */
    int64_t version;    /**< of the domain's operator set; 0: the model's, or 1 */
    const char *name;   /**< NULL: made up */
    const char *const *inputs;  /**< [n_inputs] tensors */
    const char *const *outputs; /**< [n_outputs] tensors */
    const char *const *attrs;   /**< [n_attrs] "name=value": 1, 0.5, [1,2], [0.5,1] or
                                     text; "text" in quotes stays text */
    size_t n_inputs, n_outputs, n_attrs;
};
/**
 * Put a node between tensors. An output that is one of its inputs too: the node sits
 * behind that tensor, and who read the tensor reads the node's output. Any other output
 * is made by the node instead of by those that make it now; what nothing depends on any
 * more is removed.
 */
TARE_API enum tare_status tare_surgeon_insert(const struct tare_surgery *surgery,
                                              const struct tare_new_node *node,
                                              struct tare_error *err);

/**
 * Replace every chain of operators by one node, which reads what the chain's nodes read
 * and makes what its last one makes. It has the attributes of the chain's nodes (the
 * first that has a name counts) and those of `node`, whose inputs and outputs are not
 * looked at; a name gets a number from the second node on.
 * @param pattern  "Conv,Relu": between two of them no other node reads, and no output.
 * @retval TARE_E_ARG  The pattern is nowhere.
 */
TARE_API enum tare_status tare_surgeon_replace(const struct tare_surgery *surgery,
                                               const char *pattern,
                                               const struct tare_new_node *node,
                                               struct tare_error *err);

/**
 * Remove nodes at the ends of the model, one after the other until none is left: those
 * that alone read an input, or make an output that nothing else reads, from one tensor.
 * The model's input is what the node makes then, its output what the node reads.
 * @param names  [n_names] of nodes.  @param types  [n_types] operators: all such nodes.
 * @retval TARE_E_ARG  A named node does not exist, or does not lie at an end.
 */
TARE_API enum tare_status
tare_surgeon_remove_ends(const struct tare_surgery *surgery, const char *const *names,
                         size_t n_names, const char *const *types, size_t n_types,
                         struct tare_error *err);

/** Rename a tensor or a node. @param names  "old:new"; names may have colons. */
TARE_API enum tare_status tare_surgeon_rename_tensor(const struct tare_surgery *surgery,
                                                     const char *names,
                                                     struct tare_error *err);
TARE_API enum tare_status tare_surgeon_rename_node(const struct tare_surgery *surgery,
                                                   const char *names,
                                                   struct tare_error *err);

/**
 * Give an axis of an input a length or a symbol; the outputs' shapes follow. A Reshape
 * to a constant shape that has the old batch in front keeps its input's batch from now
 * on.
 * @param input  NULL: the first axis of all inputs.
 * @param axis   from 0.
 * @param value  "8" or "N".
 * @retval TARE_E_ARG  There is no such input or axis; or the network contradicts the
 *                     new shape: the text names the node.
 */
TARE_API enum tare_status tare_surgeon_set_axis(const struct tare_surgery *surgery,
                                                const char *input, int axis,
                                                const char *value,
                                                struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_SURGEON_H */
