/* quantize/quantize.h - what the steps of tare_quantize() share; quantize.c runs them.
 *
 * Two graphs stand side by side. `built` is what an engine would be made of: optimised,
 * fused, annotated. `graph` is the user's, rewritten as little as the style wants; it
 * is what will be written. Names of tensors connect them: every node of `graph` that a
 * node of `built` does the work of has it as its owner. */
#ifndef TARE_QUANTIZE_QUANTIZE_H
#define TARE_QUANTIZE_QUANTIZE_H

#include "base/error.h"
#include "graph/graph.h"
#include "tare/quantize.h"

/** The first operator set in which the pairs have an axis. */
#define TARE_QUANTIZE_OPSET 13

struct tare_quantizing {
    const struct tare_quantize_options *options;
    bool for_tensorrt;
    struct tare_graph *graph;           /* the user's; shapes are inferred */
    const struct tare_graph *built;     /* before the recovery */
    const struct tare_graph *recovered; /* and with it: the same nodes, other constants;
                                           `built` itself when there is none */
    /* Of `graph` as it was when it was matched with `built`. */
    size_t n_nodes, n_tensors;
    int32_t *owners;   /* [n_nodes] a node of `built`, or -1 */
    int32_t *links;    /* [n_tensors] the tensor of `built` of that name, or -1 */
    bool *nonnegative; /* [n_tensors] */
    struct tare_quant *quants; /* [n_tensors] of activations that get a pair: held */
    /* [built->n_nodes] the product of `graph` that a product in INT8 stands for, or -1
     */
    int32_t *products;
    bool *asked_float; /* [built->n_nodes] a layer precision keeps it out of INT8 */
    const char **lost; /* [built->n_nodes] why a node in INT8 has no pairs, or NULL */
    size_t n_pairs;
};

/** The node that does the work of node `i` of the graph, when that is in INT8; or NULL.
 */
const struct tare_node *tare_quantize_owner(const struct tare_quantizing *q, size_t i);

/* prepare.c */
/** Fold constants, but nothing that follows from the lengths of axes; raise the
 * operator set; for onnxruntime fold BatchNormalization and Pad into convolutions. */
enum tare_status tare_quantize_prepare(struct tare_graph *graph, bool for_tensorrt,
                                       bool has_open_axes, struct tare_error *err);
/** Forget what follows from the shapes that were bound: the axes of inputs and outputs
 *  are those of `open` again. */
enum tare_status tare_quantize_reopen(struct tare_graph *graph,
                                      const struct tare_graph *open,
                                      struct tare_error *err);

/* one_pixel.c */
/** Make Gemm of each Conv over one pixel that is in INT8 in `built` with a float
 * output; all lengths but the batch are fixed. */
enum tare_status tare_quantize_one_pixel(struct tare_graph *graph,
                                         const struct tare_graph *built,
                                         struct tare_error *err);

/* opset.c */
/** @param has_open_axes  lengths of axes are examples, but for the batch. */
enum tare_status tare_quantize_raise_opset(struct tare_graph *graph, bool has_open_axes,
                                           struct tare_error *err);

/* match.c */
/** Fill owners, links, nonnegative, products and lost; all arrays are allocated. */
enum tare_status tare_quantize_match(struct tare_quantizing *q, struct tare_error *err);

/* recovery.c */
/** What a recovery does to a product, in terms of the user's graph. */
struct tare_quantize_correction {
    size_t n_channels, n_weights;
    int8_t *codes;      /* [n_channels][n_weights], or NULL: nothing changes */
    double *scales;     /* [n_channels] of the codes */
    double *bias_delta; /* [n_channels] to be added to the product's bias */
};
/** Can all that the recovery changes be said in the user's graph? Else says why not. */
bool tare_quantize_recovery_fits(const struct tare_quantizing *q,
                                 const char **obstacle);
/** Constants and bounds of nodes other than products. */
enum tare_status tare_quantize_transfer(struct tare_quantizing *q,
                                        struct tare_error *err);
/** Of the product `node` of the graph. @param[out] correction  release it */
enum tare_status tare_quantize_correct(const struct tare_quantizing *q, int32_t node,
                                       struct tare_quantize_correction *correction,
                                       struct tare_error *err);
void tare_quantize_correction_release(struct tare_quantize_correction *correction);

/* channels.c */
/** How the elements of a product's weights belong to its output channels: element i of
 *  channel c is at (i / inner * n_channels + c) * inner + i % inner. */
struct tare_quantize_channels {
    int32_t axis;
    size_t n_channels, n, inner; /* n: weights a channel */
};
struct tare_quantize_channels tare_quantize_channels(const struct tare_graph *graph,
                                                     const struct tare_node *node);
size_t tare_quantize_index(const struct tare_quantize_channels *channels, size_t c,
                           size_t i);

/* place.c */
/** Choose the activations that get a pair, and their scales. */
enum tare_status tare_quantize_place(struct tare_quantizing *q, struct tare_error *err);

/* weights.c */
/** Pairs on the weights of all products, and what belongs to them. */
enum tare_status tare_quantize_weights(struct tare_quantizing *q,
                                       struct tare_error *err);

/* pairs.c */
/** Pairs on activations. */
enum tare_status tare_quantize_insert_pairs(struct tare_quantizing *q,
                                            struct tare_error *err);
/** Add a constant "<base>_<suffix>", or with a number behind it; takes value->data,
 * also on failure. */
enum tare_status tare_quantize_add_const(struct tare_graph *graph, const char *base,
                                         const char *suffix, struct tare_const *value,
                                         int32_t *id, struct tare_error *err);
/** The same for a tensor of this type, without dims. */
enum tare_status tare_quantize_add_tensor(struct tare_graph *graph, const char *base,
                                          const char *suffix, enum tare_dtype dtype,
                                          int32_t *id, struct tare_error *err);
/** Add a QuantizeLinear or DequantizeLinear, named "<base>_<op>".
 *  @param axis  of the scales, or -1: there is one */
enum tare_status tare_quantize_add_node(struct tare_graph *graph, enum tare_op op,
                                        const char *base, const int32_t inputs[3],
                                        int32_t axis, int32_t output,
                                        struct tare_error *err);

#endif /* TARE_QUANTIZE_QUANTIZE_H */
